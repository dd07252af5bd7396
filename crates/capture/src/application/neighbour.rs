//! What switches, routers and telephones say of themselves on a link: LLDP (IEEE 802.1AB) and CDP (Cisco).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::text::text;
use super::{DetailKind, Named, Sighting, be16};
use crate::{DissectOptions, Dissection, MacAddr, Packet, Protocol, layers};

/// What a frame of a discovery protocol says about its sender: its name, which port of it sent the frame, and
/// its management address. O(headers); nothing for any other frame.
#[inline]
pub fn device_sightings(
    packet: &Packet<'_>,
    found: &Dissection<'_>,
    options: &DissectOptions,
    see: impl FnMut(Sighting<'_>),
) {
    if let Some(protocol @ (Protocol::Lldp | Protocol::Cdp)) = found.innermost
        && let Some(devices) = found.devices
    {
        discover(packet, protocol, devices.source, options, see);
    }
}

#[inline(never)]
fn discover(
    packet: &Packet<'_>,
    protocol: Protocol,
    device: MacAddr,
    options: &DissectOptions,
    mut see: impl FnMut(Sighting<'_>),
) {
    let Some(start) = layers(packet, options).filter(|l| l.protocol == Some(protocol)).last() else { return };
    let Some(bytes) = packet.captured.get(start.offset..) else { return };
    let said = if protocol == Protocol::Lldp { lldp(bytes) } else { cdp(bytes) };
    if let Some(name) = said.name.and_then(text) {
        see(Sighting::Name { of: Named::Device(device), name: &name, protocol });
        for address in said.addresses {
            see(Sighting::Name { of: Named::Host(address), name: &name, protocol });
        }
    }
    if let Some(port) = said.port.and_then(text) {
        see(Sighting::Detail { of: Named::Device(device), kind: DetailKind::Port, text: &port });
    }
}

#[derive(Default)]
struct Said<'a> {
    name: Option<&'a [u8]>,
    port: Option<&'a [u8]>,
    addresses: Vec<IpAddr>,
}

/// Management addresses looked at: devices have a few.
const MOST_ADDRESSES: usize = 8;

impl Said<'_> {
    fn add_address(&mut self, bytes: &[u8]) {
        let address: Option<IpAddr> = match bytes.len() {
            4 => bytes.first_chunk::<4>().map(|ip| Ipv4Addr::from(*ip).into()),
            16 => bytes.first_chunk::<16>().map(|ip| Ipv6Addr::from(*ip).into()),
            _ => None,
        };
        if self.addresses.len() < MOST_ADDRESSES {
            self.addresses.extend(address);
        }
    }
}

/// Type of 7 bits, length of 9 bits, value (802.1AB, 8.4). What does not begin with a chassis is discarded, as
/// the standard wants it.
fn lldp(mut bytes: &[u8]) -> Said<'_> {
    const CHASSIS: u8 = 1;
    let mut said = Said::default();
    if bytes.first().is_none_or(|first| first >> 1 != CHASSIS) {
        return said;
    }
    while let Some(head) = be16(&mut bytes) {
        let Some(value) = bytes.split_off(..usize::from(head & 0x1ff)) else { break };
        match head >> 9 {
            0 => break,
            // Its subtypes 3 and 4 are addresses.
            2 => {
                if let Some((1 | 2 | 5..=7, port)) = value.split_first() {
                    said.port = Some(port);
                }
            }
            5 => said.name = Some(value),
            // Length, family (IANA: 1 is IPv4, 2 is IPv6), address.
            8 => {
                if let Some((&len, rest)) = value.split_first()
                    && let Some((1 | 2, address)) = rest.get(..len.into()).and_then(<[u8]>::split_first)
                {
                    said.add_address(address);
                }
            }
            _ => {}
        }
    }
    said
}

/// Version, lifetime and checksum, then type, length with both, value.
fn cdp(mut bytes: &[u8]) -> Said<'_> {
    let mut said = Said::default();
    if bytes.split_off(..4).is_none() {
        return said;
    }
    while let (Some(kind), Some(len)) = (be16(&mut bytes), be16(&mut bytes)) {
        let Some(value) = usize::from(len).checked_sub(4).and_then(|len| bytes.split_off(..len)) else {
            break;
        };
        match kind {
            1 => said.name = Some(value),
            2 | 22 => cdp_addresses(value, &mut said),
            3 => said.port = Some(value),
            _ => {}
        }
    }
    said
}

/// A count; then of each: kind of protocol, its length, the protocol, length, address.
fn cdp_addresses(mut bytes: &[u8], said: &mut Said<'_>) {
    if bytes.split_off(..4).is_none() {
        return;
    }
    while let Some(&[_, protocol]) = bytes.split_off(..2).and_then(|b| b.first_chunk()) {
        if bytes.split_off(..usize::from(protocol)).is_none() {
            break;
        }
        let Some(address) = be16(&mut bytes).and_then(|len| bytes.split_off(..usize::from(len))) else {
            break;
        };
        said.add_address(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LinkType, dissect};

    fn seen(frame: &[u8]) -> Vec<String> {
        let packet = Packet::new(LinkType::ETHERNET, frame);
        let options = DissectOptions::default();
        let mut all = Vec::new();
        device_sightings(&packet, &dissect(&packet, &options), &options, |sighting| {
            all.push(match sighting {
                Sighting::Name { of: Named::Device(mac), name, protocol } => {
                    format!("{mac} {name} {protocol}")
                }
                Sighting::Name { of: Named::Host(ip), name, protocol } => format!("{ip} {name} {protocol}"),
                Sighting::Detail { of: Named::Device(mac), kind, text } => format!("{mac} {kind}: {text}"),
                other => format!("{other:?}"),
            });
        });
        all
    }

    #[test]
    fn switches_say_their_name_and_port() {
        const SOURCE: &[u8] = &[2, 0, 0, 0, 0, 1];
        let tlv =
            |kind: u16, value: &[u8]| [&(kind << 9 | value.len() as u16).to_be_bytes()[..], value].concat();
        let lldp = |tlvs: &[Vec<u8>]| {
            let chassis = tlv(1, b"\x04x");
            [&[1, 0x80, 0xc2, 0, 0, 0xe][..], SOURCE, &[0x88, 0xcc], &chassis, &tlvs.concat()].concat()
        };
        let field = |kind: u16, value: &[u8]| {
            [&kind.to_be_bytes()[..], &(value.len() as u16 + 4).to_be_bytes(), value].concat()
        };
        let cdp = |fields: &[Vec<u8>]| {
            let rest = fields.concat();
            let len = (rest.len() + 12) as u16;
            let head = [&[1, 0, 0xc, 0xcc, 0xcc, 0xcc][..], SOURCE, &len.to_be_bytes()].concat();
            [&head[..], &[0xaa, 0xaa, 3, 0, 0, 0xc, 0x20, 0, 2, 180, 0, 0], &rest].concat()
        };
        let (mac, name) = ("02:00:00:00:00:01", "02:00:00:00:00:01 core1 LLDP");
        let port = format!("{mac} port: Gi0/1");
        for (frame, expected) in [
            (lldp(&[tlv(2, b"\x05Gi0/1"), tlv(5, b"core1"), tlv(0, b"")]), vec![name, &port]),
            (lldp(&[tlv(2, b"\x03\0\0\0\0\0\x01")]), vec![]),
            (
                lldp(&[tlv(8, b"\x05\x01\x0a\0\0\x01\x02\0\0\0\0\0"), tlv(5, b"core1")]),
                vec![name, "10.0.0.1 core1 LLDP"],
            ),
            (lldp(&[tlv(5, b"core1"), vec![0x0b, 0xff]]), vec![name]),
            (
                cdp(&[
                    field(1, b"core1"),
                    field(2, b"\0\0\0\x01\x01\x01\xcc\0\x04\x0a\0\0\x01"),
                    field(3, b"Gi0/1"),
                ]),
                vec!["02:00:00:00:00:01 core1 CDP", "10.0.0.1 core1 CDP", &port],
            ),
            (cdp(&[field(1, b"core1"), vec![0, 3, 0, 2]]), vec!["02:00:00:00:00:01 core1 CDP"]),
            (vec![], vec![]),
        ] {
            assert_eq!(seen(&frame), expected, "{frame:02x?}");
            for len in 0..frame.len() {
                seen(&frame[..len]);
            }
        }
    }
}

//! What switches, routers and telephones say of themselves on a link: LLDP (IEEE 802.1AB), CDP (Cisco) and the BPDUs
//! of spanning trees.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::shared_router::vrrp;
use super::spanning_tree::bpdu;
use super::text::text;
use super::{DetailKind, Named, Sighting, be16};
use crate::{DissectOptions, Dissection, Fields, MacAddr, Packet, Pair, Protocol, layers};

/// What a device says that it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// Passes frames on: a switch, or another bridge.
    Switch,
    /// Passes IP packets on.
    Router,
    /// Joins a wireless network to the link.
    AccessPoint,
    /// Passes signals on.
    Repeater,
    /// A telephone.
    Telephone,
    /// A cable modem (DOCSIS).
    CableModem,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Switch => "switch",
            Self::Router => "router",
            Self::AccessPoint => "access point",
            Self::Repeater => "repeater",
            Self::Telephone => "telephone",
            Self::CableModem => "cable modem",
        })
    }
}

/// The IP protocol of VRRP (RFC 9568).
const VRRP: u8 = 112;

/// What a frame of a discovery protocol or of a spanning tree says about its sender: its name, which port of it sent
/// the frame, its management address, what it does, its place in the tree; and the addresses that routers share (VRRP). O(headers); nothing for any other frame.
#[inline]
pub fn device_sightings(
    packet: &Packet<'_>,
    found: &Dissection<'_>,
    options: &DissectOptions,
    see: impl FnMut(Sighting<'_>),
) {
    if let Some(protocol @ (Protocol::Lldp | Protocol::Cdp | Protocol::Stp)) = found.innermost
        && let Some(devices) = found.devices
    {
        discover(packet, protocol, devices, options, see);
    } else if let Some(hosts) = found.hosts
        && hosts.protocol == VRRP
        && found.tunnel.is_none()
    {
        shared_routers(packet, options, see);
    }
}

#[inline(never)]
fn discover(
    packet: &Packet<'_>,
    protocol: Protocol,
    devices: Pair<MacAddr>,
    options: &DissectOptions,
    mut see: impl FnMut(Sighting<'_>),
) {
    /// Where Cisco's bridges send a message for each VLAN.
    const PER_VLAN: MacAddr = MacAddr([1, 0, 0xc, 0xcc, 0xcc, 0xcd]);
    let device = devices.source;
    let Some(start) = layers(packet, options).filter(|l| l.protocol == Some(protocol)).last() else { return };
    let Some(bytes) = packet.captured.get(start.offset..) else { return };
    if protocol == Protocol::Stp {
        return bpdu(bytes, device, devices.destination == PER_VLAN, &mut see);
    }
    let said = if protocol == Protocol::Lldp { lldp(bytes) } else { cdp(bytes) };
    let table = if protocol == Protocol::Lldp { LLDP_CAPABILITIES } else { CDP_CAPABILITIES };
    for &(_, capability) in table.iter().filter(|(bit, _)| said.capabilities & bit != 0) {
        see(Sighting::Capability { device, capability, protocol });
    }
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

#[cold]
fn shared_routers(packet: &Packet<'_>, options: &DissectOptions, mut see: impl FnMut(Sighting<'_>)) {
    let Some((start, hosts)) = layers(packet, options).find_map(|layer| match layer.fields {
        Fields::Hosts(hosts) => Some((layer.offset, hosts)),
        _ => None,
    }) else {
        return;
    };
    let Some(header) = packet.captured.get(start..) else { return };
    let is_v6 = hosts.addresses.source.is_ipv6();
    let len = if is_v6 { 40 } else { header.first().map_or(0, |first| usize::from(first & 0xf) * 4) };
    vrrp(header.get(len..).unwrap_or_default(), is_v6, &mut see);
}

#[derive(Default)]
struct Said<'a> {
    name: Option<&'a [u8]>,
    port: Option<&'a [u8]>,
    addresses: Vec<IpAddr>,
    /// Bits of the protocol's own.
    capabilities: u32,
}

/// Bits of LLDP's system capabilities (802.1AB-2016, table 8-4): bridges are also those of VLANs (8, 9) and
/// two-port relays.
const LLDP_CAPABILITIES: &[(u32, Capability)] = &[
    (1 << 2 | 1 << 8 | 1 << 9 | 1 << 10, Capability::Switch),
    (1 << 4, Capability::Router),
    (1 << 3, Capability::AccessPoint),
    (1 << 1, Capability::Repeater),
    (1 << 5, Capability::Telephone),
    (1 << 6, Capability::CableModem),
];

/// Bits of CDP's capabilities: bridges are transparent, source-routing or switches.
const CDP_CAPABILITIES: &[(u32, Capability)] = &[
    (0x02 | 0x04 | 0x08, Capability::Switch),
    (0x01, Capability::Router),
    (0x40, Capability::Repeater),
    (0x80, Capability::Telephone),
];

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
            // What it could do, then what of that is switched on.
            7 => {
                if let Some(&[_, _, a, b]) = value.first_chunk() {
                    said.capabilities = u16::from_be_bytes([a, b]).into();
                }
            }
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
            4 => said.capabilities = value.first_chunk().map_or(0, |bits| u32::from_be_bytes(*bits)),
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
                Sighting::Capability { device, capability, protocol } => {
                    format!("{device} {capability} {protocol}")
                }
                Sighting::Bridge { device, tree: None } => format!("{device} bridge"),
                Sighting::Bridge { device, tree: Some(t) } => {
                    format!("{device} {:?}: {} is {} from {}", t.tree, t.bridge, t.cost, t.root)
                }
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
        let [switch, router] = ["switch", "router"].map(|what| move |by| format!("{mac} {what} {by}"));
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
            // What it could do but does not is not said.
            (lldp(&[tlv(7, &[0xff, 0xff, 0, 0x14])]), vec![&switch("LLDP"), &router("LLDP")]),
            (cdp(&[field(4, &[0, 0, 0, 0x29])]), vec![&switch("CDP"), &router("CDP")]),
            (vec![], vec![]),
        ] {
            assert_eq!(seen(&frame), expected, "{frame:02x?}");
            for len in 0..frame.len() {
                seen(&frame[..len]);
            }
        }
    }

    /// Bridge identifiers of priority 8192 (the root) and 32768.
    const ROOT: &[u8] = &[0x20, 0, 2, 0, 0, 0, 0, 9];
    const BRIDGE: &[u8] = &[0x80, 0, 2, 0, 0, 0, 0, 7];

    fn message(version: u8, kind: u8, bridge: &[u8], rest: &[u8]) -> Vec<u8> {
        let times = [0x80, 4, 0, 0, 0x14, 0, 2, 0, 0x0f, 0];
        [&[0, 0, version, kind, 0][..], ROOT, &[0, 0, 0, 4], bridge, &times, rest].concat()
    }

    #[test]
    fn bridges_say_their_place_in_the_tree() {
        let frame = |to: [u8; 6], llc: &[u8], message: &[u8]| {
            let len = ((llc.len() + message.len()) as u16).to_be_bytes();
            [&to[..], &[2, 0, 0, 0, 0, 1], &len, llc, message].concat()
        };
        let common = |message: &[u8]| frame([1, 0x80, 0xc2, 0, 0, 0], &[0x42, 0x42, 3], message);
        let per_vlan = |message: &[u8]| {
            frame([1, 0, 0xc, 0xcc, 0xcc, 0xcd], &[0xaa, 0xaa, 3, 0, 0, 0xc, 1, 0xb], message)
        };
        let place = "is 4 from 8192.02:00:00:00:00:09";
        let said = |tree: &str| format!("02:00:00:00:00:01 {tree}: 32768.02:00:00:00:00:07 {place}");
        let vlan = &[0, 0, 0, 0, 2, 0, 5][..];
        // A region's root in the place of the bridge, then a name and a digest, then the bridge; one instance.
        let region = [&[0, 0, 80][..], &[0; 51], &[0, 0, 0, 0], BRIDGE, &[20]].concat();
        let instance = [0, 0x20, 3, 2, 0, 0, 0, 0, 9, 0, 0, 0, 8, 0x40, 0x80, 20];
        let multiple = [&region[..], &instance].concat();
        for (frame, expected) in [
            (common(&message(0, 0, BRIDGE, &[])), vec![said("Common")]),
            (common(&message(2, 2, BRIDGE, &[0])), vec![said("Common")]),
            (per_vlan(&message(2, 2, BRIDGE, vlan)), vec![said("Vlan(5)")]),
            (per_vlan(&message(2, 2, BRIDGE, &[])), vec![said("Common")]),
            // To all bridges the trailer means nothing.
            (common(&message(2, 2, BRIDGE, vlan)), vec![said("Common")]),
            (
                common(&message(3, 2, ROOT, &multiple)),
                vec![
                    said("Common"),
                    "02:00:00:00:00:01 Instance(3): 16384/3.02:00:00:00:00:07 is 8 from 8192/3.02:00:00:00:00:09"
                        .to_owned(),
                ],
            ),
            (common(&message(3, 2, ROOT, &multiple[..70])), vec![said("Common")]),
            // Too short for a region: what RSTP would say.
            (common(&message(3, 2, BRIDGE, &multiple[..20])), vec![said("Common")]),
            (common(&[0, 0, 0, 0x80]), vec!["02:00:00:00:00:01 bridge".to_owned()]),
            (common(&message(0, 0, BRIDGE, &[])[..34]), vec![]),
            (common(&message(2, 7, BRIDGE, &[])), vec![]),
            (common(&[0, 1, 1, 0, 0]), vec![]),
        ] {
            assert_eq!(seen(&frame), expected, "{frame:02x?}");
            for len in 0..frame.len() {
                seen(&frame[..len]);
            }
        }
    }
}

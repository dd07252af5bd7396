//! Ethernet and what stands between it and IP.

use pnet_packet::ethernet::EthernetPacket;
use pnet_packet::vlan::VlanPacket;

use super::{Bytes, End, Layer, Next, Outcome, Pair, Step, StopReason};
use crate::{MacAddr, Protocol};

/// Values of the type field below this are 802.3 lengths (IEEE 802.3, 3.2.6).
const FIRST_ETHER_TYPE: u16 = 0x0600;

/// An Ethernet II or 802.3 header.
pub(super) fn ethernet(bytes: Bytes<'_>) -> Outcome<'_> {
    let header = EthernetPacket::new(bytes.captured()).ok_or_else(|| bytes.missing(14))?;
    let devices = Pair {
        source: MacAddr(header.get_source().octets()),
        destination: MacAddr(header.get_destination().octets()),
    };
    let (next, rest) = type_or_length(header.get_ethertype().0, bytes.skip(14));
    Ok(Step { layer: Layer::Devices(Protocol::Ethernet, devices), next, rest })
}

/// What stands behind an Ethernet or VLAN header's last field.
fn type_or_length(number: u16, rest: Bytes<'_>) -> (Next, Bytes<'_>) {
    if number >= FIRST_ETHER_TYPE {
        (Next::EtherType(number), rest)
    } else {
        (Next::Llc, rest.limit(number.into()))
    }
}

/// What an EtherType stands for (IANA ieee-802-numbers).
pub(super) fn ether_type(number: u16, bytes: Bytes<'_>) -> Outcome<'_> {
    match number {
        0x0800 => super::ip::any_version(bytes),
        0x86dd => super::ip::ipv6(bytes),
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => vlan(bytes),
        0x0806 => leaf(Protocol::Arp, bytes),
        0x88cc => leaf(Protocol::Lldp, bytes),
        0x888e => leaf(Protocol::Eapol, bytes),
        _ => Ok(Step { layer: Layer::None, next: Next::End(End::UnknownEtherType(number)), rest: bytes }),
    }
}

fn vlan(bytes: Bytes<'_>) -> Outcome<'_> {
    let tag = VlanPacket::new(bytes.captured()).ok_or_else(|| bytes.missing(4))?;
    let (next, rest) = type_or_length(tag.get_ethertype().0, bytes.skip(4));
    Ok(Step { layer: Layer::Vlan(tag.get_vlan_identifier()), next, rest })
}

/// 802.2 LLC, and SNAP behind it.
pub(super) fn llc(bytes: Bytes<'_>) -> Outcome<'_> {
    let [dsap, ssap, control] = *bytes.array()?;
    match (dsap, ssap, control) {
        (0xaa, 0xaa, 0x03) => {
            let ether_type = bytes.be16(6)?;
            let layer = Layer::NamedTwo(Protocol::Llc, Protocol::Snap);
            Ok(Step { layer, next: Next::EtherType(ether_type), rest: bytes.skip(8) })
        }
        (0x42, 0x42, _) => named_end(Layer::NamedTwo(Protocol::Llc, Protocol::Stp), bytes.skip(3)),
        _ => named_end(Layer::Named(Protocol::Llc), bytes.skip(3)),
    }
}

/// A protocol that carries nothing further for the graphs.
fn leaf(protocol: Protocol, bytes: Bytes<'_>) -> Outcome<'_> {
    named_end(Layer::Named(protocol), bytes)
}

fn named_end(layer: Layer, rest: Bytes<'_>) -> Result<Step<'_>, StopReason> {
    Ok(Step { layer, next: Next::End(End::Done), rest })
}

//! Ethernet and what stands between it and IP.

pub(super) mod llc;
pub(super) mod mpls;
pub(super) mod tag;

use pnet_packet::arp::ArpPacket;
use pnet_packet::ethernet::EthernetPacket;
use pnet_packet::vlan::VlanPacket;

use super::{Advance, Arp, Bytes, End, Fields, Next, Outcome, Pair, Step, Visit, link, tell};
use crate::{MacAddr, Protocol};

/// Values of the type field up to this are 802.3 lengths, those from [`FIRST_ETHER_TYPE`] on types; what lies
/// between is neither (IEEE 802.3, 3.2.6).
const LAST_LENGTH: u16 = 1500;
const FIRST_ETHER_TYPE: u16 = 0x0600;

/// An Ethernet II or 802.3 header.
#[inline(always)]
pub(super) fn ethernet<'a>(bytes: Bytes<'a>, visitor: &mut impl Visit) -> Advance<'a> {
    let Some(header) = EthernetPacket::new(bytes.captured()) else {
        return (Next::Stop(bytes.missing(14)), bytes);
    };
    let devices = Pair {
        source: MacAddr(header.get_source().octets()),
        destination: MacAddr(header.get_destination().octets()),
    };
    let number = header.get_ethertype().0;
    if number < FIRST_ETHER_TYPE && tag::is_isl(devices.destination) {
        return (Next::Other(tag::isl), bytes);
    }
    visitor.header(bytes.offset(), Some(Protocol::Ethernet), Fields::Devices(devices));
    type_or_length(number, bytes.skip(14))
}

/// What stands behind an Ethernet header's or a tag's last field.
#[inline(always)]
fn type_or_length(number: u16, rest: Bytes<'_>) -> (Next, Bytes<'_>) {
    match number {
        0x0800 => (Next::Ip, rest),
        0x86dd => (Next::Ipv6, rest),
        FIRST_ETHER_TYPE.. => (Next::EtherType(number), rest),
        ..=LAST_LENGTH => (Next::Other(llc::behind_length), rest.limit(number.into())),
        _ => (Next::End(End::UnknownEtherType(number)), rest),
    }
}

/// What an EtherType stands for (IANA ieee-802-numbers).
#[inline(always)]
pub(super) fn ether_type<'a>(number: u16, bytes: Bytes<'a>, visitor: &mut impl Visit) -> Advance<'a> {
    match number {
        0x0800 => (Next::Ip, bytes),
        0x86dd => (Next::Ipv6, bytes),
        0x6558 => (Next::Ethernet, bytes),
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => vlan(bytes, visitor),
        _ => tell(visitor, bytes, other(number, bytes)),
    }
}

#[inline(never)]
fn other(number: u16, bytes: Bytes<'_>) -> Outcome<'_> {
    let protocol = match number {
        0x0806 => return arp(bytes),
        0x8035 => Protocol::Rarp,
        0x8847 | 0x8848 => return mpls::mpls(bytes),
        0x8864 => return link::serial::pppoe(bytes),
        0x880b => return link::serial::ppp(bytes),
        0x6559 => return link::serial::frame_relay(bytes),
        0x8870 => return llc::llc(bytes),
        0x22f3 => return tag::trill(bytes),
        0x2452 => return link::wlan::frame_as_sent(bytes),
        0x4305 => return tag::batman(bytes),
        0x88e5 => return tag::macsec(bytes),
        0x88e7 => return tag::backbone(bytes),
        0x8903 => return tag::fabric_path(bytes),
        0x8909 => return tag::cisco_metadata(bytes),
        0x8926 => return tag::typed(Protocol::VnTag, 4, bytes),
        0x892f => return tag::typed(Protocol::Hsr, 4, bytes),
        0x893f => return tag::typed(Protocol::Etag, 6, bytes),
        0x894f => return tag::nsh(bytes),
        0xd28b => return tag::arista(bytes),
        0xf1c1 => return tag::typed(Protocol::Rtag, 4, bytes),
        0x0842 => Protocol::WakeOnLan,
        0x2000 => Protocol::Cdp,
        0x6001 | 0x6002 => Protocol::Mop,
        0x6003 => Protocol::Decnet,
        0x809b | 0x80f3 => Protocol::AppleTalk,
        0x8137 | 0x8138 => Protocol::Ipx,
        0x8809 => Protocol::SlowProtocols,
        0x8863 => Protocol::Pppoe,
        0x888e | 0x88c7 => Protocol::Eapol,
        0x8892 => Protocol::Profinet,
        0x88a4 => Protocol::EtherCat,
        0x88b8 => Protocol::Goose,
        0x88ba => Protocol::SampledValues,
        0x88cc => Protocol::Lldp,
        0x88e1 | 0x887b => Protocol::HomePlug,
        0x88f7 => Protocol::Ptp,
        0x8902 => Protocol::Cfm,
        0x8906 | 0x8914 => Protocol::Fcoe,
        0x9000 => Protocol::Ctp,
        _ => return Ok(Step::unnamed(Next::End(End::UnknownEtherType(number)), bytes)),
    };
    Ok(Step::last(protocol, bytes))
}

#[inline(always)]
fn vlan<'a>(bytes: Bytes<'a>, visitor: &mut impl Visit) -> Advance<'a> {
    let Some(tag) = VlanPacket::new(bytes.captured()) else {
        return (Next::Stop(bytes.missing(4)), bytes);
    };
    visitor.header(bytes.offset(), Some(Protocol::Vlan), Fields::Vlan(tag.get_vlan_identifier()));
    type_or_length(tag.get_ethertype().0, bytes.skip(4))
}

/// ARP (RFC 826); its fields are kept where they are IPv4's and those of Ethernet or another IEEE 802 network.
fn arp(bytes: Bytes<'_>) -> Outcome<'_> {
    let fields = ArpPacket::new(bytes.captured())
        .filter(|arp| matches!(arp.get_hardware_type().0, 1 | 6))
        .filter(|arp| {
            (arp.get_protocol_type().0, arp.get_hw_addr_len(), arp.get_proto_addr_len()) == (0x0800, 6, 4)
        })
        .map_or(Fields::None, |arp| {
            Fields::Arp(Arp {
                operation: arp.get_operation().0,
                sender: (MacAddr(arp.get_sender_hw_addr().octets()), arp.get_sender_proto_addr()),
                target: (MacAddr(arp.get_target_hw_addr().octets()), arp.get_target_proto_addr()),
            })
        });
    Ok(Step::new(Protocol::Arp, fields, Next::End(End::Done), bytes))
}

/// Whether an Ethernet header with a known payload stands here. For places where no field says so: behind
/// an MPLS stack or an L2TPv3 session, whose ends know what they agreed on and an onlooker does not.
pub(super) fn looks_like_ethernet(bytes: Bytes<'_>) -> bool {
    let Ok(header) = bytes.array::<18>() else { return false };
    let number = u16::from_be_bytes([header[12], header[13]]);
    let first = header[14];
    let sender_is_one = header[6] & 1 == 0;
    sender_is_one
        && match number {
            0x0800 => first >> 4 == 4,
            0x86dd => first >> 4 == 6,
            0x0806 => header[14..16] == [0, 1],
            0x8100 | 0x88a8 | 0x8847 | 0x8864 | 0x88cc | 0x888e | 0x8809 | 0x8902 | 0x9000 => true,
            ..FIRST_ETHER_TYPE => {
                let known = matches!(first, 0xaa | 0x42 | 0xfe | 0xe0 | 0xf0);
                known && first == header[15] && usize::from(number) + 14 <= bytes.wire_len()
            }
            _ => false,
        }
}

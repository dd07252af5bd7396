//! IPv4, IPv6 and its extension headers, and what they carry.

use std::net::IpAddr;

use pnet_packet::ipv4::Ipv4Packet;
use pnet_packet::ipv6::Ipv6Packet;

use super::{Bytes, End, Fragment, Hosts, Layer, Next, Outcome, Pair, Ports, Step, StopReason, transport};
use crate::Protocol;

/// IP of the version that its first nibble says, whatever announced it: a dissector that believed the
/// link type or EtherType over the nibble would lose packets that every receiver understands.
pub(super) fn any_version(bytes: Bytes<'_>) -> Outcome<'_> {
    match bytes.array::<1>()?[0] >> 4 {
        4 => ipv4(bytes),
        6 => ipv6(bytes),
        _ => Err(StopReason::WrongVersion),
    }
}

/// IPv4 (RFC 791).
pub(super) fn ipv4(bytes: Bytes<'_>) -> Outcome<'_> {
    let header = Ipv4Packet::new(bytes.captured()).ok_or_else(|| bytes.missing(20))?;
    if header.get_version() != 4 {
        return Err(StopReason::WrongVersion);
    }
    let header_len = usize::from(header.get_header_length()) * 4;
    // Segmentation offload leaves the total length 0: the packet is as long as the frame.
    let total_len = match usize::from(header.get_total_length()) {
        0 => bytes.wire_len(),
        len => len,
    };
    if header_len < 20 || total_len < header_len {
        return Err(StopReason::BadLength);
    }
    let protocol = header.get_next_level_protocol().0;
    let offset = u32::from(header.get_fragment_offset()) * 8;
    let more = header.get_flags() & 1 != 0;
    let fragment =
        (offset > 0 || more).then(|| Fragment { id: header.get_identification().into(), offset, more });
    let addresses = Pair { source: header.get_source().into(), destination: header.get_destination().into() };
    let packet = bytes.limit(total_len);
    let next = match fragment {
        Some(Fragment { offset: 1.., .. }) => Next::End(End::LaterFragment),
        _ if packet.captured().len() < header_len => Next::IpOptionsMissing,
        _ => Next::IpProtocol(protocol),
    };
    Ok(Step {
        layer: Layer::Hosts(Protocol::Ipv4, Hosts { addresses, protocol, fragment }),
        next,
        rest: packet.skip(header_len),
    })
}

/// IPv6 (RFC 8200).
pub(super) fn ipv6(bytes: Bytes<'_>) -> Outcome<'_> {
    let header = Ipv6Packet::new(bytes.captured()).ok_or_else(|| bytes.missing(40))?;
    if header.get_version() != 6 {
        return Err(StopReason::WrongVersion);
    }
    let addresses: Pair<IpAddr> =
        Pair { source: header.get_source().into(), destination: header.get_destination().into() };
    let protocol = header.get_next_header().0;
    let rest = match usize::from(header.get_payload_length()) {
        // A jumbogram (RFC 2675) or segmentation offload: as long as the frame.
        0 => bytes.skip(40),
        len => bytes.skip(40).limit(len),
    };
    Ok(Step {
        layer: Layer::Hosts(Protocol::Ipv6, Hosts { addresses, protocol, fragment: None }),
        next: Next::IpProtocol(protocol),
        rest,
    })
}

/// What an IP header carries, by IANA's protocol numbers.
pub(super) fn carried<'a>(
    number: u8,
    bytes: Bytes<'a>,
    within: &Option<(Hosts, Option<Ports>)>,
) -> Outcome<'a> {
    let _ = within;
    match number {
        0 | 43 | 60 | 135 | 139 | 140 => extension(bytes),
        44 => fragment_header(bytes),
        6 => transport::tcp(bytes),
        17 => transport::udp(bytes),
        132 => transport::sctp(bytes),
        1 => end(Protocol::Icmp, bytes),
        2 => end(Protocol::Igmp, bytes),
        58 => end(Protocol::Icmpv6, bytes),
        _ => Ok(Step { layer: Layer::None, next: Next::End(End::UnknownIpProtocol(number)), rest: bytes }),
    }
}

/// Hop-by-hop, routing, destination options, mobility, HIP and Shim6 headers share one shape.
fn extension(bytes: Bytes<'_>) -> Outcome<'_> {
    let [next, len] = *bytes.array()?;
    let len = (usize::from(len) + 1) * 8;
    bytes.head(len)?;
    Ok(Step { layer: Layer::Carries(None, next, None), next: Next::IpProtocol(next), rest: bytes.skip(len) })
}

fn fragment_header(bytes: Bytes<'_>) -> Outcome<'_> {
    let header = bytes.array::<8>()?;
    let place = u16::from_be_bytes([header[2], header[3]]);
    let fragment = Fragment {
        id: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        offset: u32::from(place & !7),
        more: place & 1 != 0,
    };
    let next = if fragment.offset > 0 { Next::End(End::LaterFragment) } else { Next::IpProtocol(header[0]) };
    Ok(Step { layer: Layer::Carries(None, header[0], Some(fragment)), next, rest: bytes.skip(8) })
}

fn end(protocol: Protocol, rest: Bytes<'_>) -> Outcome<'_> {
    Ok(Step { layer: Layer::Named(protocol), next: Next::End(End::Done), rest })
}

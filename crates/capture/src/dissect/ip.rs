//! IPv4, IPv6 and its extension headers, and what they carry.

use std::net::IpAddr;

use pnet_packet::ipv4::Ipv4Packet;
use pnet_packet::ipv6::Ipv6Packet;

use super::{
    Bytes, End, Fields, Fragment, Hosts, Icmp, Next, Outcome, Pair, Step, StopReason, TunnelId, ether,
    transport, tunnel,
};
use crate::Protocol;

/// The IP protocol number of ESP.
pub(super) const ESP: u8 = 50;

/// IP of the version that its first nibble says, whatever announced it: a dissector that believed the
/// link type or EtherType over the nibble would lose packets that every receiver understands.
#[inline(always)]
pub(super) fn any_version(bytes: Bytes<'_>) -> Outcome<'_> {
    match bytes.array::<1>()?[0] >> 4 {
        4 => ipv4(bytes),
        6 => ipv6(bytes),
        _ => Err(StopReason::WrongVersion),
    }
}

/// IPv4 (RFC 791).
#[inline(always)]
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
    let len = u32::try_from(bytes.limit(total_len).skip(header_len).wire_len()).unwrap_or(u32::MAX);
    let fragment =
        (offset > 0 || more).then(|| Fragment { id: header.get_identification().into(), offset, len, more });
    let addresses = Pair { source: header.get_source().into(), destination: header.get_destination().into() };
    let packet = bytes.limit(total_len);
    let next = match fragment {
        Some(Fragment { offset: 1.., .. }) => Next::End(End::LaterFragment),
        // The addresses count where the options after them were not captured.
        _ if packet.captured().len() < header_len => Next::Other(options_missing),
        _ => Next::IpProtocol(protocol),
    };
    let hosts = Hosts { addresses, protocol, fragment };
    Ok(Step::new(Protocol::Ipv4, Fields::Hosts(hosts), next, packet.skip(header_len)))
}

fn options_missing(bytes: Bytes<'_>) -> Outcome<'_> {
    Err(bytes.missing(0))
}

/// IPv6 (RFC 8200).
#[inline(always)]
pub(super) fn ipv6(bytes: Bytes<'_>) -> Outcome<'_> {
    let header = Ipv6Packet::new(bytes.captured()).ok_or_else(|| bytes.missing(40))?;
    if header.get_version() != 6 {
        return Err(StopReason::WrongVersion);
    }
    let addresses: Pair<IpAddr> =
        Pair { source: header.get_source().into(), destination: header.get_destination().into() };
    let protocol = header.get_next_header().0;
    let rest = match usize::from(header.get_payload_length()) {
        // A jumbogram, whose option has the length, or segmentation offload: as long as the frame.
        0 => bytes.skip(40),
        len => bytes.skip(40).limit(len),
    };
    let hosts = Hosts { addresses, protocol, fragment: None };
    Ok(Step::new(Protocol::Ipv6, Fields::Hosts(hosts), Next::IpProtocol(protocol), rest))
}

/// What an IP header carries, by IANA's protocol numbers.
#[inline(always)]
pub(super) fn carried(number: u8, bytes: Bytes<'_>) -> Outcome<'_> {
    match number {
        6 => transport::tcp(bytes),
        17 => transport::udp(bytes),
        _ => other(number, bytes),
    }
}

#[inline(never)]
fn other(number: u8, bytes: Bytes<'_>) -> Outcome<'_> {
    let protocol = match number {
        0 => return hop_by_hop(bytes),
        43 | 60 | 135 | 139 | 140 => return extension(bytes),
        44 => return fragment_header(bytes),
        51 => return authentication(bytes),
        1 => return icmp(Protocol::Icmp, (0, 8), bytes),
        58 => return icmp(Protocol::Icmpv6, (128, 129), bytes),
        132 => return transport::sctp(bytes),
        // The version field has the last word, as behind EtherType 0x0800.
        4 => return any_version(bytes),
        41 => return ipv6(bytes),
        47 => return tunnel::gre::gre(bytes),
        ESP => return esp(bytes),
        55 => return tunnel::minimal_encapsulation(bytes),
        97 => return tunnel::ether_ip(bytes),
        103 => return tunnel::pim(bytes),
        115 => return tunnel::l2tp::over_ip(bytes),
        137 => return ether::mpls::mpls(bytes),
        143 => return ether::ethernet(bytes),
        145 => return ether::tag::nsh(bytes),
        2 => Protocol::Igmp,
        8 => Protocol::Egp,
        33 => Protocol::Dccp,
        46 => Protocol::Rsvp,
        88 => Protocol::Eigrp,
        89 => Protocol::Ospf,
        108 => Protocol::IpComp,
        112 => Protocol::Vrrp,
        113 => Protocol::Pgm,
        124 => Protocol::Isis,
        136 => Protocol::UdpLite,
        _ => return Ok(Step::unnamed(Next::End(End::UnknownIpProtocol(number)), bytes)),
    };
    Ok(Step::last(protocol, bytes))
}

/// Routing, destination options, mobility, HIP and Shim6 headers share one shape.
fn extension(bytes: Bytes<'_>) -> Outcome<'_> {
    let [next, len] = *bytes.array()?;
    extension_step(next, (usize::from(len) + 1) * 8, bytes)
}

/// Hop-by-hop options, with a jumbogram's length among them (RFC 2675).
fn hop_by_hop(bytes: Bytes<'_>) -> Outcome<'_> {
    let [next, len] = *bytes.array()?;
    let len = (usize::from(len) + 1) * 8;
    let mut options = bytes.head(len)?.get(2..).unwrap_or_default();
    let mut bytes = bytes;
    while let [kind, rest @ ..] = options {
        options = match (kind, rest) {
            (0, _) => rest,
            (0xc2, [4, a, b, c, d, ..]) => {
                let jumbo = u32::from_be_bytes([*a, *b, *c, *d]);
                // Shorter ones are not allowed, and to be ignored.
                if jumbo > u16::MAX.into() {
                    bytes = bytes.limit(jumbo as usize);
                }
                break;
            }
            (_, [len, rest @ ..]) => rest.get(usize::from(*len)..).unwrap_or_default(),
            _ => break,
        };
    }
    extension_step(next, len, bytes)
}

/// AH (RFC 4302): its length counts words of 4 bytes, less 2.
fn authentication(bytes: Bytes<'_>) -> Outcome<'_> {
    let [next, len] = *bytes.array()?;
    let step = extension_step(next, (usize::from(len) + 2) * 4, bytes)?;
    Ok(Step { protocol: Some(Protocol::Ah), ..step })
}

fn extension_step(next: u8, len: usize, bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(len)?;
    Ok(Step {
        protocol: None,
        fields: Fields::Extension { next, fragment: None },
        next: Next::IpProtocol(next),
        rest: bytes.skip(len),
    })
}

fn fragment_header(bytes: Bytes<'_>) -> Outcome<'_> {
    let header = bytes.array::<8>()?;
    let place = u16::from_be_bytes([header[2], header[3]]);
    let fragment = Fragment {
        id: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        offset: u32::from(place & !7),
        len: u32::try_from(bytes.skip(8).wire_len()).unwrap_or(u32::MAX),
        more: place & 1 != 0,
    };
    let next = if fragment.offset > 0 { Next::End(End::LaterFragment) } else { Next::IpProtocol(header[0]) };
    Ok(Step {
        protocol: None,
        fields: Fields::Extension { next: header[0], fragment: Some(fragment) },
        next,
        rest: bytes.skip(8),
    })
}

/// The IP header that an error message quotes is one that was sent before: it never counts.
fn icmp(protocol: Protocol, echo: (u8, u8), bytes: Bytes<'_>) -> Outcome<'_> {
    let Ok(&[kind, code]) = bytes.array() else { return Ok(Step::last(protocol, bytes)) };
    let is_echo = kind == echo.0 || kind == echo.1;
    let word = |at| if is_echo { bytes.be16(at).ok() } else { None };
    let len = u32::try_from(bytes.wire_len()).unwrap_or(u32::MAX);
    let icmp = Icmp { kind, code, id: word(4), sequence: word(6), len };
    Ok(Step::new(protocol, Fields::Icmp(icmp), Next::End(End::Done), bytes.skip(8)))
}

/// ESP (RFC 4303).
pub(super) fn esp(bytes: Bytes<'_>) -> Outcome<'_> {
    let fields = bytes.be32(0).map_or(Fields::None, |spi| Fields::Tunnel(TunnelId::Spi(spi)));
    Ok(Step::new(Protocol::Esp, fields, Next::End(End::Done), bytes.skip(8)))
}

/// ESP that may not be encrypted (RFC 2410): the trailer tells, if the padding counts up from 1 as it
/// should and a known protocol stands behind it.
#[inline(never)]
pub(super) fn esp_null(bytes: Bytes<'_>) -> Outcome<'_> {
    // Integrity check values: HMAC-SHA-1-96, -SHA-256-128, -SHA-384-192, -SHA-512-256, none.
    let body = bytes.captured().get(8..).unwrap_or_default();
    let whole = bytes.captured().len() == bytes.wire_len();
    let guess = [12, 16, 24, 32, 0].into_iter().find_map(|check_len| {
        let (rest, &[pad_len, next]) = body.get(..body.len().checked_sub(check_len)?)?.split_last_chunk()?;
        let (payload, padding) = rest.split_at_checked(rest.len().checked_sub(pad_len.into())?)?;
        let counts = padding.iter().zip(1..).all(|(&byte, n)| byte == n);
        let known = matches!(next, 1 | 4 | 6 | 17 | 41 | 47 | 58 | 132);
        (whole && counts && known && !payload.is_empty()).then_some((next, payload.len()))
    });
    let step = esp(bytes)?;
    Ok(match guess {
        Some((next, len)) => Step { next: Next::IpProtocol(next), rest: bytes.skip(8).limit(len), ..step },
        None => step,
    })
}

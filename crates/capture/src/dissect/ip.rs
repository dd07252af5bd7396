//! IPv4, IPv6 and its extension headers, and what they carry.

use std::net::IpAddr;

use pnet_packet::ipv4::Ipv4Packet;
use pnet_packet::ipv6::Ipv6Packet;

use super::{
    Advance, Bytes, End, Fields, Fragment, Hosts, Icmp, Next, Outcome, Pair, Step, StopReason, TunnelId,
    Visit, ether, tell, transport, tunnel,
};
use crate::Protocol;

/// The IP protocol number of ESP.
pub(super) const ESP: u8 = 50;

/// IP of the version that its first nibble says, whatever announced it: a dissector that believed the
/// link type or EtherType over the nibble would lose packets that every receiver understands.
#[inline(always)]
pub(super) fn any_version<'a>(bytes: Bytes<'a>, visitor: &mut impl Visit) -> Advance<'a> {
    match bytes.captured().first().map(|first| first >> 4) {
        Some(4) => ipv4(bytes, visitor),
        Some(6) => (Next::Ipv6, bytes),
        Some(_) => (Next::Stop(StopReason::WrongVersion), bytes),
        None => (Next::Stop(bytes.missing(1)), bytes),
    }
}

/// IPv4 (RFC 791).
#[inline(always)]
fn ipv4<'a>(bytes: Bytes<'a>, visitor: &mut impl Visit) -> Advance<'a> {
    let Some(header) = Ipv4Packet::new(bytes.captured()) else {
        return (Next::Stop(bytes.missing(20)), bytes);
    };
    if header.get_version() != 4 {
        return (Next::Stop(StopReason::WrongVersion), bytes);
    }
    let header_len = usize::from(header.get_header_length()) * 4;
    // Segmentation offload leaves the total length 0: the packet is as long as the frame.
    let total_len = match usize::from(header.get_total_length()) {
        0 => bytes.wire_len(),
        len => len,
    };
    if header_len < 20 || total_len < header_len {
        return (Next::Stop(StopReason::BadLength), bytes);
    }
    let packet = bytes.limit(total_len);
    let rest = packet.skip(header_len);
    let protocol = header.get_next_level_protocol().0;
    let offset = u32::from(header.get_fragment_offset()) * 8;
    let more = header.get_flags() & 1 != 0;
    let len = u32::try_from(rest.wire_len()).unwrap_or(u32::MAX);
    let fragment =
        (offset > 0 || more).then(|| Fragment { id: header.get_identification().into(), offset, len, more });
    let addresses = Pair { source: header.get_source().into(), destination: header.get_destination().into() };
    visitor.header(
        bytes.offset(),
        Some(Protocol::Ipv4),
        Fields::Hosts(Hosts { addresses, protocol, fragment, is_wrapped: false }),
    );
    let next = if offset > 0 {
        Next::End(End::LaterFragment)
    } else if packet.captured().len() < header_len {
        // The addresses count where the options after them were not captured.
        Next::Stop(rest.missing(0))
    } else {
        behind(protocol)
    };
    (next, rest)
}

/// IPv6 (RFC 8200).
#[inline(always)]
pub(super) fn ipv6<'a>(bytes: Bytes<'a>, visitor: &mut impl Visit) -> Advance<'a> {
    let Some(header) = Ipv6Packet::new(bytes.captured()) else {
        return (Next::Stop(bytes.missing(40)), bytes);
    };
    if header.get_version() != 6 {
        return (Next::Stop(StopReason::WrongVersion), bytes);
    }
    let addresses: Pair<IpAddr> =
        Pair { source: header.get_source().into(), destination: header.get_destination().into() };
    let protocol = header.get_next_header().0;
    let rest = match usize::from(header.get_payload_length()) {
        // A jumbogram, whose option has the length, or segmentation offload: as long as the frame.
        0 => bytes.skip(40),
        len => bytes.skip(40).limit(len),
    };
    let hosts = Hosts { addresses, protocol, fragment: None, is_wrapped: false };
    visitor.header(bytes.offset(), Some(Protocol::Ipv6), Fields::Hosts(hosts));
    (behind(protocol), rest)
}

/// What stands behind an IP header of this protocol.
#[inline(always)]
fn behind(protocol: u8) -> Next {
    match protocol {
        // The version field has the last word, as behind EtherType 0x0800.
        4 => Next::Ip,
        41 => Next::Ipv6,
        ESP => Next::Esp,
        _ => Next::IpProtocol(protocol),
    }
}

/// What an IP header carries, by IANA's protocol numbers.
#[inline(always)]
pub(super) fn carried<'a>(number: u8, bytes: Bytes<'a>, visitor: &mut impl Visit) -> Advance<'a> {
    match number {
        6 => transport::tcp(bytes, visitor),
        17 => transport::udp(bytes, visitor),
        132 => transport::sctp(bytes, visitor),
        4 | 41 | ESP => (behind(number), bytes),
        _ => tell(visitor, bytes, other(number, bytes)),
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
        47 => return tunnel::gre::gre(bytes),
        55 => return tunnel::minimal_encapsulation(bytes),
        97 => return tunnel::ether_ip(bytes),
        103 => return tunnel::pim(bytes),
        115 => return tunnel::l2tp::over_ip(bytes),
        137 => return ether::mpls::mpls(bytes),
        143 => return Ok(Step::unnamed(Next::Ethernet, bytes)),
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
        next: behind(next),
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
    let next = if fragment.offset > 0 { Next::End(End::LaterFragment) } else { behind(header[0]) };
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

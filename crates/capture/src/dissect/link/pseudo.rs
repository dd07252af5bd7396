//! What capturing programs and systems put in place of a link header, or before it.

use super::super::ether::{llc, tag};
use super::super::tunnel::gre;
use super::super::{Bytes, End, Next, Outcome, Step, StopReason};
use super::wlan;
use crate::{LinkType, Protocol};

/// BSD loopback: the address family in the byte order of the machine that captured. Some programs write
/// an EtherType.
pub(super) fn null(bytes: Bytes<'_>) -> Outcome<'_> {
    let family = u32::from_be_bytes(*bytes.array()?);
    let next = match family.min(family.swap_bytes()) {
        number @ 0x0600..=0xffff => Next::EtherType(number as u16),
        family => by_family(family),
    };
    Ok(Step::named(Protocol::Loopback, next, bytes.skip(4)))
}

/// What an address family stands for: AF_INET is 2 everywhere; AF_INET6 differs by system.
fn by_family(family: u32) -> Next {
    match family {
        2 | 10 | 24 | 26 | 28 | 30 => Next::Ip,
        _ => Next::End(End::Done),
    }
}

/// Linux cooked capture: it has the sender's address and no destination, so no layer-2 edge.
pub(super) fn linux_cooked(bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(16)?;
    cooked(bytes.be16(2)?, bytes.be16(14)?, bytes.skip(16))
}

/// Linux cooked capture, version 2.
pub(super) fn linux_cooked_2(bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(20)?;
    cooked(bytes.be16(8)?, bytes.be16(0)?, bytes.skip(20))
}

/// By the interface's hardware type (ARPHRD_), which may give the protocol field another meaning.
fn cooked(hardware: u16, protocol: u16, rest: Bytes<'_>) -> Outcome<'_> {
    const FRAME_RELAY: u16 = 770;
    const GRE: u16 = 778;
    const RADIOTAP: u16 = 803;
    const NETLINK: u16 = 824;
    const RAW_802_3: u16 = 1;
    const ETHERNET: u16 = 3;
    const LLC: u16 = 4;
    let next = match (hardware, protocol) {
        (NETLINK, _) => Next::End(End::Done),
        (RADIOTAP, _) => Next::Other(wlan::radiotap),
        (FRAME_RELAY, _) => Next::Other(super::serial::frame_relay),
        (GRE, number) => gre::carried(number, false, rest),
        (_, RAW_802_3) => Next::Other(ipx),
        (_, ETHERNET) => Next::Ethernet,
        (_, LLC) => Next::Other(llc::llc),
        (_, 0..0x0600) => Next::End(End::Done),
        (_, number) => Next::EtherType(number),
    };
    Ok(Step::named(Protocol::LinuxCooked, next, rest))
}

fn ipx(bytes: Bytes<'_>) -> Outcome<'_> {
    Ok(Step::last(Protocol::Ipx, bytes))
}

/// OpenBSD's packet filter: the first byte is the header's length without padding to a word, the second
/// the address family.
pub(super) fn pflog(bytes: Bytes<'_>) -> Outcome<'_> {
    let [len, family] = *bytes.array()?;
    let len = usize::from(len).next_multiple_of(4);
    if len < 4 {
        return Err(StopReason::BadLength);
    }
    bytes.head(len)?;
    Ok(Step::unnamed(by_family(family.into()), bytes.skip(len)))
}

/// OpenBSD's IPsec interface: family, security parameters index, flags.
pub(super) fn enc(bytes: Bytes<'_>) -> Outcome<'_> {
    let family = bytes.be32(0)?;
    bytes.head(12)?;
    Ok(Step::unnamed(by_family(family.min(family.swap_bytes())), bytes.skip(12)))
}

/// Linux netfilter's log: attributes, one of which is the packet.
pub(super) fn nflog(bytes: Bytes<'_>) -> Outcome<'_> {
    const PAYLOAD: u16 = 9;
    const HARDWARE_PROTOCOL: u16 = 1;
    const BRIDGE: u8 = 7;
    const MAX_ATTRIBUTES: usize = 64;
    let [family, version, ..] = *bytes.array::<4>()?;
    if version != 0 {
        return Err(StopReason::WrongVersion);
    }
    let mut rest = bytes.skip(4);
    // Lengths and types stand in the capturing machine's byte order, and types are small.
    let swapped = rest.le16(2)? & 0x7fff >= 0x100;
    let mut protocol = None;
    for _ in 0..MAX_ATTRIBUTES {
        let (len, kind) = (rest.le16(0)?, rest.le16(2)?);
        let (len, kind) = if swapped { (len.swap_bytes(), kind.swap_bytes()) } else { (len, kind) };
        let len = usize::from(len);
        if len < 4 {
            return Err(StopReason::BadLength);
        }
        if kind & 0x7fff == PAYLOAD {
            // A bridge logs from the network header on; what that is stands with the hardware's protocol.
            let next = match (family, protocol) {
                (0 | BRIDGE, Some(number)) => Next::EtherType(number),
                (0 | BRIDGE, None) => Next::End(End::Done),
                _ => by_family(family.into()),
            };
            return Ok(Step::unnamed(next, rest.limit(len).skip(4)));
        }
        if kind & 0x7fff == HARDWARE_PROTOCOL {
            protocol = Some(rest.be16(4)?);
        }
        rest = rest.skip(len.next_multiple_of(4));
    }
    Ok(Step::unnamed(Next::End(End::Done), bytes))
}

/// Solaris IPNET: 24 bytes, the second of which is the family.
pub(super) fn ipnet(bytes: Bytes<'_>) -> Outcome<'_> {
    let header = bytes.head(24)?;
    let next = if matches!(header[1], 2 | 26) { Next::Ip } else { Next::End(End::Done) };
    Ok(Step::unnamed(next, bytes.skip(24)))
}

/// Apple's PKTAP: a little-endian header that says its length and the link type behind it.
pub(super) fn pktap(bytes: Bytes<'_>) -> Outcome<'_> {
    const PACKET: u32 = 1;
    let (len, kind, dlt) = (bytes.le32(0)? as usize, bytes.le32(4)?, bytes.le32(8)?);
    if len < 12 {
        return Err(StopReason::BadLength);
    }
    bytes.head(len)?;
    let next = if kind == PACKET { by_dlt(dlt) } else { Next::End(End::Done) };
    Ok(Step::unnamed(next, bytes.skip(len)))
}

/// PPI: a little-endian header that says its length and the link type behind it, and fields with more.
pub(super) fn ppi(bytes: Bytes<'_>) -> Outcome<'_> {
    const COMMON: u16 = 2;
    const HAS_FCS: u16 = 1;
    const IEEE802_11: u32 = 105;
    let (len, dlt) = (usize::from(bytes.le16(2)?), bytes.le32(4)?);
    if len < 8 {
        return Err(StopReason::BadLength);
    }
    bytes.head(len)?;
    let mut frame = bytes.skip(len);
    // 802.11-common: its flags stand behind a timer of 8 bytes.
    let field = (dlt, len >= 22, bytes.le16(8), bytes.le16(20));
    if let (IEEE802_11, true, Ok(COMMON), Ok(flags)) = field
        && flags & HAS_FCS != 0
    {
        frame = wlan::without_fcs(frame);
    }
    Ok(Step::unnamed(by_dlt(dlt), frame))
}

/// By one of libpcap's DLT numbers, which the table of link types has too.
fn by_dlt(number: u32) -> Next {
    super::enter(LinkType(u16::try_from(number).unwrap_or(u16::MAX)))
}

/// Marvell DSA: a tag of 4 bytes, or of 8 where its extension bit is set.
pub(super) fn dsa(bytes: Bytes<'_>) -> Outcome<'_> {
    const EXTENDED: u8 = 0x10;
    let tag = bytes.skip(12).array::<4>()?;
    tag::switch_tag(if tag[2] & EXTENDED != 0 { 8 } else { 4 }, bytes)
}

/// Marvell EDSA: the tag stands behind an EtherType of its own and two bytes of zeros.
pub(super) fn edsa(bytes: Bytes<'_>) -> Outcome<'_> {
    tag::switch_tag(8, bytes)
}

/// Broadcom's tag of 4 bytes behind the addresses.
pub(super) fn broadcom(bytes: Bytes<'_>) -> Outcome<'_> {
    tag::switch_tag(4, bytes)
}

/// Broadcom's tag of 4 bytes before the frame; Hilscher netANALYZER's header is as long.
pub(super) fn four_bytes_ethernet(bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(4)?;
    Ok(Step::unnamed(Next::Ethernet, bytes.skip(4)))
}

/// netANALYZER's transparent mode keeps the preamble.
pub(super) fn netanalyzer_transparent(bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(12)?;
    Ok(Step::unnamed(Next::Ethernet, bytes.skip(12)))
}

/// Endace ERF: 16 bytes and extension headers, then by the record's type.
pub(super) fn erf(bytes: Bytes<'_>) -> Outcome<'_> {
    const MORE: u8 = 0x80;
    const MAX_EXTENSIONS: usize = 16;
    let header = bytes.head(16)?;
    let mut rest = bytes.skip(16);
    let mut more = header[8] & MORE != 0;
    for _ in 0..MAX_EXTENSIONS {
        if !more {
            break;
        }
        more = rest.array::<8>()?[0] & MORE != 0;
        rest = rest.skip(8);
    }
    Ok(match header[8] & !MORE {
        1 => Step::unnamed(Next::Other(super::serial::ppp), rest),
        // Two bytes of padding align the frame.
        2 | 11 | 16 | 20 => Step::unnamed(Next::Ethernet, rest.skip(2)),
        22 => Step::unnamed(Next::Ip, rest),
        _ => Step::unnamed(Next::End(End::Done), rest),
    })
}

/// Symantec Enterprise Firewall: the EtherType stands at one of two places, by version.
pub(super) fn symantec(bytes: Bytes<'_>) -> Outcome<'_> {
    let (number, len) = match bytes.be16(6)? {
        0 => (bytes.be16(18)?, 56),
        number => (number, 44),
    };
    bytes.head(len)?;
    Ok(Step::unnamed(Next::EtherType(number), bytes.skip(len)))
}

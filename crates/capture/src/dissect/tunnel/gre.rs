//! GRE in its versions, and what only GRE carries: ERSPAN, WCCP, EoIP.

use super::super::ether::{mpls, tag};
use super::super::link::serial;
use super::super::{Bytes, End, Fields, Next, Outcome, Step, StopReason, TunnelId};
use crate::Protocol;

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
/// Version 1 only.
const ACKNOWLEDGEMENT: u16 = 0x0080;

/// GRE (RFC 2784, RFC 2890, RFC 1701), PPTP's version 1 (RFC 2637) and MikroTik's EoIP.
pub(in crate::dissect) fn gre(bytes: Bytes<'_>) -> Outcome<'_> {
    const EOIP_FLAGS: u16 = 0x2001;
    const EOIP: u16 = 0x6400;
    let (flags, number) = (bytes.be16(0)?, bytes.be16(2)?);
    match (flags, number, flags & 7) {
        (EOIP_FLAGS, EOIP, _) => eoip(bytes),
        (_, _, 0) => version_0(flags, number, bytes),
        (_, _, 1) => version_1(flags, number, bytes),
        _ => Err(StopReason::WrongVersion),
    }
}

fn version_0(flags: u16, number: u16, bytes: Bytes<'_>) -> Outcome<'_> {
    let mut len = 4;
    let mut id = Fields::None;
    if flags & (CHECKSUM | ROUTING) != 0 {
        len += 4;
    }
    if flags & KEY != 0 {
        id = Fields::Tunnel(by_key(number, bytes.be32(len)?));
        len += 4;
    }
    if flags & SEQUENCE != 0 {
        len += 4;
    }
    if flags & ROUTING != 0 {
        len += source_routes(bytes.skip(len))?;
    }
    bytes.head(len)?;
    let rest = bytes.skip(len);
    Ok(Step::new(Protocol::Gre, id, carried(number, flags & SEQUENCE != 0, rest), rest))
}

/// NVGRE's virtual subnet is the key's upper part; its numbers start at 4096 (RFC 7637, 3.2).
fn by_key(number: u16, key: u32) -> TunnelId {
    const BRIDGING: u16 = 0x6558;
    let subnet = key >> 8;
    if number == BRIDGING && subnet >= 0x1000 { TunnelId::Vni(subnet) } else { TunnelId::GreKey(key) }
}

/// Source route entries (RFC 1701), up to the empty one.
fn source_routes(bytes: Bytes<'_>) -> Result<usize, StopReason> {
    const MAX_ENTRIES: usize = 32;
    let mut len = 0;
    for _ in 0..MAX_ENTRIES {
        let [family_high, family_low, _, entry_len] = *bytes.skip(len).array()?;
        len += 4 + usize::from(entry_len);
        if [family_high, family_low, entry_len] == [0, 0, 0] {
            return Ok(len);
        }
    }
    Err(StopReason::NestedTooDeep)
}

/// What stands behind a GRE header with this protocol number.
pub(in crate::dissect) fn carried(number: u16, sequenced: bool, rest: Bytes<'_>) -> Next {
    match number {
        0x0800 | 0x86dd => Next::Ip,
        0x6558 => Next::Ethernet,
        0x880b => Next::Other(serial::ppp),
        0x8909 => Next::Other(tag::cisco_metadata_in_gre),
        0x8847 | 0x8848 => Next::Other(mpls::mpls),
        // Type I has no header of its own, and no sequence number (draft-foschiano-erspan-03).
        0x88be if !sequenced => Next::Other(erspan_1),
        0x88be => Next::Other(erspan_2),
        0x22eb => Next::Other(erspan_3),
        // WCCP version 2 puts a header of 4 bytes before the packet, version 1 does not.
        0x883e if !matches!(rest.captured(), [0x40..=0x4f, ..]) => Next::Other(wccp_redirect),
        0x883e => Next::Ip,
        // Aruba's access points number their queues.
        0x8200..=0x83ff => super::wlan_of_controller(),
        number => Next::EtherType(number),
    }
}

fn version_1(flags: u16, number: u16, bytes: Bytes<'_>) -> Outcome<'_> {
    const PPP: u16 = 0x880b;
    let call = u32::from(bytes.be16(6)?);
    let len = 8 + [SEQUENCE, ACKNOWLEDGEMENT].iter().filter(|&&flag| flags & flag != 0).count() * 4;
    let payload_len = usize::from(bytes.be16(4)?);
    bytes.head(len)?;
    let rest = bytes.skip(len);
    // Without a sequence number it only acknowledges.
    let next = if flags & SEQUENCE != 0 && number == PPP && payload_len > 0 {
        Next::Other(serial::ppp)
    } else {
        Next::End(End::Done)
    };
    Ok(Step::new(Protocol::Gre, Fields::Tunnel(TunnelId::GreKey(call)), next, rest))
}

/// EoIP: the key's place holds the frame's length and, little-endian, the tunnel.
fn eoip(bytes: Bytes<'_>) -> Outcome<'_> {
    let len = bytes.be16(4)?;
    let tunnel = bytes.le16(6)?;
    let next = if len == 0 { Next::End(End::Done) } else { Next::Ethernet };
    let id = Fields::Tunnel(TunnelId::GreKey(tunnel.into()));
    Ok(Step::new(Protocol::Gre, id, next, bytes.skip(8).limit(len.into())))
}

fn wccp_redirect(bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(4)?;
    Ok(Step::named(Protocol::Wccp, Next::Ip, bytes.skip(4)))
}

fn erspan_1(bytes: Bytes<'_>) -> Outcome<'_> {
    Ok(Step::named(Protocol::Erspan, Next::Ethernet, bytes))
}

fn erspan_2(bytes: Bytes<'_>) -> Outcome<'_> {
    let session = bytes.be32(0)? & 0x3ff;
    bytes.head(8)?;
    let id = Fields::Tunnel(TunnelId::Session(session));
    Ok(Step::new(Protocol::Erspan, id, Next::Ethernet, bytes.skip(8)))
}

fn erspan_3(bytes: Bytes<'_>) -> Outcome<'_> {
    const SUBHEADER: u16 = 1;
    let session = bytes.be32(0)? & 0x3ff;
    let flags = bytes.be16(10)?;
    let len = if flags & SUBHEADER != 0 { 20 } else { 12 };
    bytes.head(len)?;
    // The frame type: Ethernet or a bare IP packet.
    let next = match flags >> 10 & 0x1f {
        0 => Next::Ethernet,
        2 => Next::Ip,
        _ => Next::End(End::Done),
    };
    Ok(Step::new(Protocol::Erspan, Fields::Tunnel(TunnelId::Session(session)), next, bytes.skip(len)))
}

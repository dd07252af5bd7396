//! L2TP, version 2 over UDP and version 3 over UDP or IP.

use super::super::ether::looks_like_ethernet;
use super::super::link::serial;
use super::super::{Bytes, End, Fields, Next, Outcome, Step, TunnelId};
use crate::Protocol;

const CONTROL: u16 = 0x8000;

/// Over UDP, either version; `None` where the flags are no L2TP's.
pub(super) fn over_udp(bytes: Bytes<'_>) -> Option<Step<'_>> {
    const RESERVED: u16 = 0x34f0;
    let flags = bytes.be16(0).ok()?;
    match flags & 0xf {
        2 if flags & RESERVED == 0 => version_2(flags, bytes),
        3 if flags & CONTROL != 0 => Some(Step::last(Protocol::L2tp, bytes)),
        3 => Some(session(bytes.be32(4).ok()?, bytes.skip(8))),
        _ => None,
    }
}

/// Version 2 (RFC 2661): PPP.
fn version_2(flags: u16, bytes: Bytes<'_>) -> Option<Step<'_>> {
    const LENGTH: u16 = 0x4000;
    const SEQUENCE: u16 = 0x0800;
    const OFFSET: u16 = 0x0200;
    if flags & CONTROL != 0 {
        return Some(Step::last(Protocol::L2tp, bytes));
    }
    let mut len = if flags & LENGTH != 0 { 4 } else { 2 };
    let session = bytes.be16(len + 2).ok()?;
    len += 4;
    if flags & SEQUENCE != 0 {
        len += 4;
    }
    if flags & OFFSET != 0 {
        len += 2 + usize::from(bytes.be16(len).ok()?);
    }
    let id = Fields::Tunnel(TunnelId::Session(session.into()));
    Some(Step::new(Protocol::L2tp, id, Next::Other(serial::ppp), bytes.skip(len)))
}

/// Version 3 over IP (RFC 3931): session 0 is the control connection.
pub(in crate::dissect) fn over_ip(bytes: Bytes<'_>) -> Outcome<'_> {
    Ok(match bytes.be32(0)? {
        0 => Step::last(Protocol::L2tp, bytes),
        id => session(id, bytes.skip(4)),
    })
}

/// A data message of version 3. Its ends have agreed on the cookie's length, on a sublayer and on what is
/// carried; an onlooker recognises Ethernet, PPP and IP.
fn session(id: u32, bytes: Bytes<'_>) -> Step<'_> {
    // A cookie of 0, 4 or 8 bytes, then a sublayer of 0 or 4.
    let at = [0, 4, 8, 12].into_iter().find(|&len| looks_like_ethernet(bytes.skip(len)));
    let (next, len) = match at {
        Some(len) => (Next::Ethernet, len),
        None => (Next::End(End::Done), 0),
    };
    Step::new(Protocol::L2tp, Fields::Tunnel(TunnelId::Session(id)), next, bytes.skip(len))
}

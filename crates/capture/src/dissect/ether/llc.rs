//! 802.2 LLC and SNAP, and the network layer identifiers (NLPID) that ISO protocols share with them.

use super::super::{Bytes, End, Next, Outcome, Step, link};
use crate::Protocol;

/// What stands behind an 802.3 length: LLC, but for Novell's raw frames.
pub(super) fn behind_length(bytes: Bytes<'_>) -> Outcome<'_> {
    match bytes.captured() {
        [0xff, 0xff, ..] => Ok(Step::last(Protocol::Ipx, bytes)),
        _ => llc(bytes),
    }
}

/// An LLC header (IEEE 802.2), by its destination's service access point.
pub(in crate::dissect) fn llc(bytes: Bytes<'_>) -> Outcome<'_> {
    let [dsap, _, control] = *bytes.array()?;
    // Unnumbered frames have one byte of control, the others two.
    let len = if control & 3 == 3 { 3 } else { 4 };
    // Unnumbered information, or a numbered information frame.
    let information = control & !0x10 == 3 || control & 1 == 0;
    let next = match dsap & !1 {
        0xaa if information => Next::Other(snap),
        0x06 if information => Next::Ip,
        0x42 => Next::Other(stp),
        0xe0 => Next::Other(ipx),
        0xf0 => Next::Other(netbios),
        0xfe if information => Next::Other(nlpid),
        _ => Next::End(End::Done),
    };
    Ok(Step::named(Protocol::Llc, next, bytes.skip(len)))
}

/// SNAP: an organisation and its protocol number (IEEE 802, 10.3).
fn snap(bytes: Bytes<'_>) -> Outcome<'_> {
    let [a, b, c, d, e] = *bytes.array()?;
    let number = u16::from_be_bytes([d, e]);
    let done = Next::End(End::Done);
    let next = match ([a, b, c], number) {
        // RFC 1042; IEEE 802.1H's bridge tunnel; AppleTalk.
        ([0, 0, 0] | [0, 0, 0xf8] | [8, 0, 7], _) => Next::EtherType(number),
        // Bridged frames (RFC 2427, RFC 2684): Ethernet, token ring and FDDI; the first of each pair keeps
        // the frame check sequence, which no length field lets through to us anyway.
        ([0, 0x80, 0xc2], 0x0001 | 0x0007) => Next::Other(bridged),
        ([0, 0x80, 0xc2], 0x000e) => Next::Other(stp),
        ([0, 0, 0x0c], 0x2000) => Next::EtherType(0x2000),
        ([0, 0, 0x0c], 0x010b) => Next::Other(stp),
        _ => done,
    };
    Ok(Step::named(Protocol::Snap, next, bytes.skip(5)))
}

/// A bridged Ethernet frame. Over ATM two bytes of padding stand before it, and nothing says so.
fn bridged(bytes: Bytes<'_>) -> Outcome<'_> {
    let padded = matches!(bytes.captured(), [0, 0, ..]) && super::looks_like_ethernet(bytes.skip(2));
    Ok(Step::unnamed(Next::Ethernet, bytes.skip(if padded { 2 } else { 0 })))
}

/// A network layer protocol identifier (ISO/IEC TR 9577; RFC 2427).
pub(in crate::dissect) fn nlpid(bytes: Bytes<'_>) -> Outcome<'_> {
    let [number] = *bytes.array()?;
    let rest = bytes.skip(1);
    let next = match number {
        // A byte of padding, which aligns what follows.
        0x00 => Next::Other(nlpid),
        0x80 => Next::Other(snap),
        0xcc | 0x8e => Next::Ip,
        0xcf => Next::Other(link::serial::ppp),
        0x81..=0x83 => return Ok(Step::last(Protocol::Isis, bytes)),
        _ => Next::End(End::Done),
    };
    Ok(Step::unnamed(next, rest))
}

fn stp(bytes: Bytes<'_>) -> Outcome<'_> {
    Ok(Step::last(Protocol::Stp, bytes))
}

fn ipx(bytes: Bytes<'_>) -> Outcome<'_> {
    Ok(Step::last(Protocol::Ipx, bytes))
}

fn netbios(bytes: Bytes<'_>) -> Outcome<'_> {
    Ok(Step::last(Protocol::Netbios, bytes))
}

//! MPLS, and what stands at the bottom of its stack.

use super::super::{Bytes, End, Fields, Next, Outcome, Step, StopReason, TunnelId};
use super::looks_like_ethernet;
use crate::Protocol;

/// The labels that a stack may have; no network needs as many.
const MAX_LABELS: usize = 32;

/// A label stack (RFC 3032), walked in one step.
pub(in crate::dissect) fn mpls(mut bytes: Bytes<'_>) -> Outcome<'_> {
    for _ in 0..MAX_LABELS {
        let entry = bytes.be32(0)?;
        bytes = bytes.skip(4);
        if entry & 0x100 != 0 {
            let label = entry >> 12;
            let id = Fields::Tunnel(TunnelId::Mpls(label));
            return Ok(Step::new(Protocol::Mpls, id, below(label, bytes), bytes));
        }
    }
    Err(StopReason::NestedTooDeep)
}

/// No field says what a label stack carries. Where a network does not say otherwise it is IP; a nibble
/// that is no IP version marks a pseudo-wire's control word (RFC 4385), and Ethernet shows itself.
fn below(label: u32, bytes: Bytes<'_>) -> Next {
    match (label, bytes.captured().first().map(|b| b >> 4)) {
        // OAM's and the generic associated channel's labels (RFC 3429, RFC 5586).
        (_, Some(1)) if matches!(bytes.be16(2), Ok(IPV4_CHANNEL | IPV6_CHANNEL)) => Next::Other(ip_channel),
        (13 | 14, _) | (_, Some(1)) | (_, None) => Next::End(End::Done),
        (_, Some(4 | 6)) if !looks_like_ethernet(bytes) => Next::Ip,
        (_, Some(0)) if looks_like_ethernet(bytes.skip(4)) => Next::Other(control_word),
        _ if looks_like_ethernet(bytes) => Next::Ethernet,
        _ => Next::End(End::Done),
    }
}

/// Associated channels that carry IP packets (RFC 4385, RFC 5885).
const IPV4_CHANNEL: u16 = 0x21;
const IPV6_CHANNEL: u16 = 0x57;

fn ip_channel(bytes: Bytes<'_>) -> Outcome<'_> {
    Ok(Step::unnamed(Next::Ip, bytes.skip(4)))
}

fn control_word(bytes: Bytes<'_>) -> Outcome<'_> {
    Ok(Step::unnamed(Next::Ethernet, bytes.skip(4)))
}

//! Local networks other than Ethernet and 802.11: their addresses are no nodes of the layer-2 graph.

use super::super::ether::llc;
use super::super::{Bytes, End, Next, Outcome, Step, StopReason};
use crate::Protocol;

/// Token ring (IEEE 802.5), with source routing where the sender's first bit is set.
pub(super) fn token_ring(bytes: Bytes<'_>) -> Outcome<'_> {
    let header = bytes.head(14)?;
    let routing = if header[8] & 0x80 != 0 { usize::from(bytes.be16(14)? >> 8 & 0x1f) } else { 0 };
    let next = if header[1] >> 6 == 1 { Next::Other(llc::llc) } else { Next::End(End::Done) };
    Ok(Step::named(Protocol::TokenRing, next, bytes.skip(14 + routing)))
}

/// FDDI (ISO 9314): LLC in frames whose control says so.
pub(super) fn fddi(bytes: Bytes<'_>) -> Outcome<'_> {
    let header = bytes.head(13)?;
    let next = if header[0] & 0xf0 == 0x50 { Next::Other(llc::llc) } else { Next::End(End::Done) };
    Ok(Step::named(Protocol::Fddi, next, bytes.skip(13)))
}

/// ARCNET as BSD captures it (RFC 1201, RFC 1051): addresses, type, then a fragmentation header in the newer form.
pub(super) fn arcnet(bytes: Bytes<'_>) -> Outcome<'_> {
    let [_, _, kind] = *bytes.array()?;
    arcnet_payload(kind, bytes.skip(3))
}

/// ARCNET as Linux captures it: two bytes more after the addresses.
pub(super) fn arcnet_linux(bytes: Bytes<'_>) -> Outcome<'_> {
    let [_, _, _, _, kind] = *bytes.array()?;
    arcnet_payload(kind, bytes.skip(5))
}

fn arcnet_payload(kind: u8, bytes: Bytes<'_>) -> Outcome<'_> {
    const IP_1051: u8 = 240;
    const ARP_1051: u8 = 241;
    const IP: u8 = 212;
    const ARP: u8 = 213;
    const IPV6: u8 = 196;
    const ALIGNING: u8 = 0xff;
    let fragmented = |next| -> Outcome<'_> {
        let [flags] = *bytes.array()?;
        // An exception packet has three bytes of filling before its header.
        let len = if flags == ALIGNING { 7 } else { 3 };
        let [flags] = *bytes.skip(len - 3).array()?;
        // An even flag other than 0 counts a later fragment.
        let next = if flags != 0 && flags & 1 == 0 { Next::End(End::LaterFragment) } else { next };
        Ok(Step::named(Protocol::Arcnet, next, bytes.skip(len)))
    };
    match kind {
        IP_1051 => Ok(Step::named(Protocol::Arcnet, Next::Ip, bytes)),
        ARP_1051 => Ok(Step::named(Protocol::Arcnet, Next::EtherType(0x0806), bytes)),
        IP | IPV6 => fragmented(Next::Ip),
        ARP => fragmented(Next::EtherType(0x0806)),
        _ => Ok(Step::last(Protocol::Arcnet, bytes)),
    }
}

/// IP over InfiniBand (RFC 4391): both hardware addresses, then the encapsulation header.
pub(super) fn ip_over_infiniband(bytes: Bytes<'_>) -> Outcome<'_> {
    let number = bytes.be16(40)?;
    bytes.head(44)?;
    Ok(Step::named(Protocol::IpOib, Next::EtherType(number), bytes.skip(44)))
}

/// IP over Fibre Channel (RFC 2625): addresses of 8 bytes, then LLC.
pub(super) fn ip_over_fibre_channel(bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(16)?;
    Ok(Step::named(Protocol::FibreChannel, Next::Other(llc::llc), bytes.skip(16)))
}

/// IP over FireWire as Apple captures it: addresses of 8 bytes, then an EtherType.
pub(super) fn ip_over_firewire(bytes: Bytes<'_>) -> Outcome<'_> {
    let number = bytes.be16(16)?;
    Ok(Step::named(Protocol::FireWire, Next::EtherType(number), bytes.skip(18)))
}

/// DOCSIS: a cable modem's header, with Ethernet in packet data.
pub(super) fn docsis(bytes: Bytes<'_>) -> Outcome<'_> {
    let [control, extended_len, ..] = *bytes.array::<6>()?;
    let extended = if control & 1 != 0 { usize::from(extended_len) } else { 0 };
    let len = 6 + extended;
    bytes.head(len)?;
    let next = if control >> 6 == 0 { Next::Ethernet } else { Next::End(End::Done) };
    Ok(Step::named(Protocol::Docsis, next, bytes.skip(len)))
}

/// An Ethernet frame with its preamble (IEEE 802.3br).
pub(super) fn mpacket(bytes: Bytes<'_>) -> Outcome<'_> {
    const START: u8 = 0xd5;
    let preamble = bytes.head(8)?;
    match preamble.iter().position(|&byte| byte == START) {
        Some(at) => Ok(Step::unnamed(Next::Ethernet, bytes.skip(at + 1))),
        None => Err(StopReason::BadLength),
    }
}

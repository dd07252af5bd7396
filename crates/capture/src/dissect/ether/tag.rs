//! Tags and shims between an Ethernet header and the network layer.

use super::super::{Bytes, End, Fields, Next, Outcome, Pair, Step, StopReason, TunnelId};
use super::type_or_length;
use crate::{MacAddr, Protocol};

/// A tag of fixed length with an EtherType behind it.
pub(in crate::dissect) fn typed(protocol: Protocol, len: usize, bytes: Bytes<'_>) -> Outcome<'_> {
    let (next, rest) = type_or_length(bytes.be16(len)?, bytes.skip(len + 2));
    Ok(Step::named(protocol, next, rest))
}

/// 802.1ah: the service instance tag and the customer's own frame (IEEE 802.1Q, 9.7).
pub(super) fn backbone(bytes: Bytes<'_>) -> Outcome<'_> {
    let isid = bytes.be32(0)? & 0xff_ffff;
    let id = Fields::Tunnel(TunnelId::Isid(isid));
    Ok(Step::new(Protocol::Backbone, id, Next::Ethernet, bytes.skip(4)))
}

/// MACsec (IEEE 802.1AE): readable where it authenticates without encrypting.
pub(super) fn macsec(bytes: Bytes<'_>) -> Outcome<'_> {
    const ENCRYPTED: u8 = 0x08;
    const CHANGED: u8 = 0x04;
    const CHANNEL_ID: u8 = 0x20;
    const CHECK_LEN: usize = 16;
    let [flags, short_len, ..] = *bytes.array::<6>()?;
    let len = if flags & CHANNEL_ID != 0 { 14 } else { 6 };
    if flags & (ENCRYPTED | CHANGED) != 0 {
        return Ok(Step::last(Protocol::Macsec, bytes.skip(len)));
    }
    let body = bytes.skip(len);
    // A short length says where the secured data of a padded frame ends.
    let body_len = match usize::from(short_len & 0x3f) {
        0 => body.wire_len().saturating_sub(CHECK_LEN),
        short => short,
    };
    let body = body.limit(body_len);
    let (next, rest) = type_or_length(body.be16(0)?, body.skip(2));
    Ok(Step::named(Protocol::Macsec, next, rest))
}

/// Whether a frame is encapsulated by Cisco ISL: its destination's first 40 bits.
#[inline(always)]
pub(super) fn is_isl(destination: MacAddr) -> bool {
    matches!(destination.0, [0x01 | 0x03 | 0x0c, 0, 0x0c, 0, 0, _])
}

/// Cisco ISL: 26 bytes before the frame, whose first are no Ethernet addresses of stations.
pub(super) fn isl(bytes: Bytes<'_>) -> Outcome<'_> {
    const CARRIES_ETHERNET: u8 = 0;
    let header = bytes.head(26)?;
    let next = if header[5] >> 4 == CARRIES_ETHERNET { Next::Ethernet } else { Next::End(End::Done) };
    let vlan = u16::from_be_bytes([header[20], header[21]]) >> 1;
    Ok(Step::new(Protocol::Isl, Fields::Vlan(vlan), next, bytes.skip(26)))
}

/// Cisco FabricPath: the tree's tag, and the frame behind it.
pub(super) fn fabric_path(bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(2)?;
    Ok(Step::named(Protocol::FabricPath, Next::Ethernet, bytes.skip(2)))
}

/// Cisco metadata: options of 4 bytes each, and the EtherType.
pub(super) fn cisco_metadata(bytes: Bytes<'_>) -> Outcome<'_> {
    let [_, options] = *bytes.array()?;
    typed(Protocol::CiscoMetadata, 2 + 4 * usize::from(options.max(1)), bytes)
}

/// Cisco metadata inside GRE: the EtherType stands before the options.
pub(in crate::dissect) fn cisco_metadata_in_gre(bytes: Bytes<'_>) -> Outcome<'_> {
    let [high, low, _, options] = *bytes.array()?;
    let len = 4 + 4 * usize::from(options.max(1));
    bytes.head(len)?;
    let number = u16::from_be_bytes([high, low]);
    Ok(Step::named(Protocol::CiscoMetadata, Next::EtherType(number), bytes.skip(len)))
}

/// Arista's timestamp: a subtype, a version that tells the clock and its length, the time.
pub(super) fn arista(bytes: Bytes<'_>) -> Outcome<'_> {
    const TIMESTAMP: u16 = 1;
    let (subtype, version) = (bytes.be16(0)?, bytes.be16(2)?);
    match (subtype, version & 0xff) {
        (TIMESTAMP, 0x10) => typed_unnamed(12, bytes),
        (TIMESTAMP, 0x20) => typed_unnamed(10, bytes),
        _ => Ok(Step::unnamed(Next::End(End::Done), bytes)),
    }
}

fn typed_unnamed(len: usize, bytes: Bytes<'_>) -> Outcome<'_> {
    let (next, rest) = type_or_length(bytes.be16(len)?, bytes.skip(len + 2));
    Ok(Step::unnamed(next, rest))
}

/// NSH (RFC 8300).
pub(in crate::dissect) fn nsh(bytes: Bytes<'_>) -> Outcome<'_> {
    let [_, len, _, carries, path @ ..] = *bytes.array::<8>()?;
    let len = usize::from(len & 0x3f) * 4;
    if len < 8 {
        return Err(StopReason::BadLength);
    }
    bytes.head(len)?;
    let id = Fields::Tunnel(TunnelId::ServicePath(u32::from_be_bytes(path) >> 8));
    Ok(Step::new(Protocol::Nsh, id, service_payload(carries), bytes.skip(len)))
}

/// What NSH and VXLAN-GPE carry, by the numbers that they share (RFC 8300, 8.5).
pub(in crate::dissect) fn service_payload(number: u8) -> Next {
    match number {
        1 | 2 => Next::Ip,
        3 => Next::Ethernet,
        4 => Next::Other(nsh),
        5 => Next::Other(super::mpls::mpls),
        _ => Next::End(End::Done),
    }
}

/// TRILL (RFC 6325).
pub(super) fn trill(bytes: Bytes<'_>) -> Outcome<'_> {
    let flags = bytes.be16(0)?;
    let options = usize::from(flags >> 6 & 0x1f) * 4;
    bytes.head(6 + options)?;
    Ok(Step::named(Protocol::Trill, Next::Ethernet, bytes.skip(6 + options)))
}

/// B.A.T.M.A.N. advanced, version 15: its unicast and broadcast packets carry frames.
pub(super) fn batman(bytes: Bytes<'_>) -> Outcome<'_> {
    let [kind, version] = *bytes.array()?;
    let len = match (version, kind) {
        (15, 0x01) => 14,
        (15, 0x40) => 10,
        (15, 0x42) => 18,
        _ => return Ok(Step::last(Protocol::Batman, bytes)),
    };
    bytes.head(len)?;
    Ok(Step::named(Protocol::Batman, Next::Ethernet, bytes.skip(len)))
}

/// A switch's tag between the addresses and the EtherType: DSA and Broadcom put it into every frame.
pub(in crate::dissect) fn switch_tag(len: usize, bytes: Bytes<'_>) -> Outcome<'_> {
    let addresses = bytes.array::<12>()?;
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = *addresses;
    let devices =
        Pair { source: MacAddr([s0, s1, s2, s3, s4, s5]), destination: MacAddr([d0, d1, d2, d3, d4, d5]) };
    let (next, rest) = type_or_length(bytes.be16(12 + len)?, bytes.skip(14 + len));
    Ok(Step::new(Protocol::Ethernet, Fields::Devices(devices), next, rest))
}

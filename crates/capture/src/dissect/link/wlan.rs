//! 802.11, and the headers that capturing programs put before it.

use super::super::ether::llc;
use super::super::{Bytes, End, Fields, Next, Outcome, Pair, Step, StopReason};
use crate::{MacAddr, Protocol};

/// The frame check sequence, where it was captured.
const FCS_LEN: usize = 4;

/// Radiotap: a little-endian length, and fields by a bit map of which only the flags matter here.
pub(super) fn radiotap(bytes: Bytes<'_>) -> Outcome<'_> {
    const TIMER: u32 = 1;
    const FLAGS: u32 = 2;
    const MORE: u32 = 1 << 31;
    const PADDED: u8 = 0x20;
    const HAS_FCS: u8 = 0x10;
    bytes.head(8)?;
    let len = usize::from(bytes.le16(2)?);
    if len < 8 {
        return Err(StopReason::BadLength);
    }
    let header = bytes.head(len)?;
    let present = bytes.le32(4)?;
    let mut at = 8;
    let mut word = present;
    while word & MORE != 0 && at + 4 <= len {
        word = bytes.le32(at)?;
        at += 4;
    }
    if present & TIMER != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    let flags = if present & FLAGS != 0 { header.get(at).copied().unwrap_or(0) } else { 0 };
    let frame = bytes.skip(len);
    let frame = if flags & HAS_FCS != 0 { without_fcs(frame) } else { frame };
    let next = if flags & PADDED != 0 { padded_frame } else { frame_as_sent };
    Ok(Step::unnamed(Next::Other(next), frame))
}

/// Prism's header of 144 bytes; some drivers write AVS under the same link type.
pub(super) fn prism(bytes: Bytes<'_>) -> Outcome<'_> {
    if bytes.be32(0)? & 0xffff_f000 == 0x8021_1000 {
        return avs(bytes);
    }
    bytes.head(144)?;
    Ok(Step::unnamed(Next::Other(frame_as_sent), bytes.skip(144)))
}

/// AVS: a magic number and the header's length, big-endian.
pub(super) fn avs(bytes: Bytes<'_>) -> Outcome<'_> {
    let len = bytes.be32(4)? as usize;
    if len < 8 {
        return Err(StopReason::BadLength);
    }
    bytes.head(len)?;
    Ok(Step::unnamed(Next::Other(frame_as_sent), bytes.skip(len)))
}

/// A frame of which a capture's header says that the check sequence stands at its end.
pub(super) fn without_fcs(frame: Bytes<'_>) -> Bytes<'_> {
    frame.limit(frame.wire_len().saturating_sub(FCS_LEN))
}

/// A frame as it was in the air.
pub(in crate::dissect) fn frame_as_sent(bytes: Bytes<'_>) -> Outcome<'_> {
    let [control, flags] = *bytes.array()?;
    frame(control, flags, false, bytes)
}

/// A frame whose header the driver padded to a multiple of 4 bytes.
fn padded_frame(bytes: Bytes<'_>) -> Outcome<'_> {
    let [control, flags] = *bytes.array()?;
    frame(control, flags, true, bytes)
}

/// A frame out of CAPWAP, LWAPP or GRE, where many access points exchange the two bytes of frame control.
/// The version, in the lowest two bits of the first byte, is 0 in every frame.
pub(in crate::dissect) fn frame_of_controller(bytes: Bytes<'_>) -> Outcome<'_> {
    let [a, b] = *bytes.array()?;
    let data = |control: u8| control & 0x0f == 0x08;
    let swapped = a & 3 != 0 || (b & 3 == 0 && data(b) && !data(a));
    let (control, flags) = if swapped { (b, a) } else { (a, b) };
    frame(control, flags, false, bytes)
}

/// The MAC header (IEEE 802.11, 9.2.4).
fn frame(control: u8, flags: u8, padded: bool, bytes: Bytes<'_>) -> Outcome<'_> {
    const MANAGEMENT: u8 = 0;
    const DATA: u8 = 2;
    const NO_DATA: u8 = 4;
    const QOS: u8 = 8;
    const FROM_DS: u8 = 2;
    const TO_AND_FROM_DS: u8 = 3;
    const PROTECTED: u8 = 0x40;
    const HT_CONTROL: u8 = 0x80;
    const AGGREGATE: u8 = 0x80;
    if control & 3 != 0 {
        return Err(StopReason::WrongVersion);
    }
    let (kind, subtype) = (control >> 2 & 3, control >> 4);
    let done = Next::End(End::Done);
    let named = |stations, next, rest| Ok(Step::new(Protocol::Wlan, Fields::Stations(stations), next, rest));
    if kind == MANAGEMENT {
        bytes.head(24)?;
        let stations = Pair { destination: address(bytes, 4)?, source: address(bytes, 10)? };
        return named(Some(stations), done, bytes.skip(24));
    }
    if kind != DATA {
        // Control frames have a receiver, and at most a transmitter: no source and destination.
        return named(None, done, bytes);
    }
    let ds = flags & TO_AND_FROM_DS;
    let mut len = if ds == TO_AND_FROM_DS { 30 } else { 24 };
    let has_qos = subtype & QOS != 0;
    bytes.head(if has_qos { len + 2 } else { len })?;
    let stations = match ds {
        0 => Pair { destination: address(bytes, 4)?, source: address(bytes, 10)? },
        1 => Pair { destination: address(bytes, 16)?, source: address(bytes, 10)? },
        2 => Pair { destination: address(bytes, 4)?, source: address(bytes, 16)? },
        _ => Pair { destination: address(bytes, 16)?, source: address(bytes, 24)? },
    };
    let mut qos = [0, 0];
    if has_qos {
        qos = bytes.skip(len).array().copied().unwrap_or_default();
        len += 2;
        if flags & HT_CONTROL != 0 {
            len += 4;
        }
    }
    if padded {
        len = len.next_multiple_of(4);
    }
    let mut rest = bytes.skip(len);
    // Mesh control (9.2.4.8.3): the flag's bit is reserved outside a mesh, where LLC does not look like it.
    if ds & FROM_DS != 0 && qos[1] & 1 != 0 && matches!(rest.captured(), [0..=2, ..]) {
        let extension = usize::from(rest.captured()[0] & 3) * 6;
        rest = rest.skip(6 + extension);
    }
    // In an aggregate the place of the address beyond the access point holds the cell's; each subframe has
    // a pair of its own, and the frame none.
    let aggregated = qos[0] & AGGREGATE != 0;
    let stations = (!aggregated || ds == 0).then_some(stations);
    let fragment_number = bytes.captured().get(22).map_or(0, |byte| byte & 0x0f);
    let next = match () {
        () if subtype & NO_DATA != 0 || flags & PROTECTED != 0 => done,
        () if fragment_number > 0 => Next::End(End::LaterFragment),
        () if aggregated => Next::Other(aggregate),
        () => body(rest),
    };
    named(stations, next, rest)
}

/// LLC, or an EtherType alone (EtherType protocol discrimination, 5.1.4), which shows itself by what follows.
fn body(bytes: Bytes<'_>) -> Next {
    match *bytes.captured() {
        [0x08, 0x00, 0x40..=0x4f, ..] | [0x86, 0xdd, 0x60..=0x6f, ..] | [0x81, 0x00, ..] => {
            Next::Other(typed)
        }
        _ => Next::Other(llc::llc),
    }
}

fn typed(bytes: Bytes<'_>) -> Outcome<'_> {
    Ok(Step::unnamed(Next::EtherType(bytes.be16(0)?), bytes.skip(2)))
}

/// An A-MSDU (9.3.2.2): subframes with a header like Ethernet's. The first one is walked.
fn aggregate(bytes: Bytes<'_>) -> Outcome<'_> {
    let len = bytes.be16(12)?;
    Ok(Step::unnamed(Next::Other(llc::llc), bytes.skip(14).limit(len.into())))
}

fn address(bytes: Bytes<'_>, at: usize) -> Result<MacAddr, StopReason> {
    let octets = bytes.captured().get(at..).and_then(<[u8]>::first_chunk);
    octets.map(|&octets| MacAddr(octets)).ok_or_else(|| bytes.missing(at + 6))
}

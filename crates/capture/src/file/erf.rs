//! Endace's Extensible Record Format, as files: records one after the other, and no file header.
//!
//! Source: Endace, "ERF types reference guide".

use super::format::FileFormat;
use super::record::{Endian, Record, Step};
use crate::{LinkType, Timestamp};

/// Time stamp 8, type 1, flags 1, record length 2, loss counter 2, wire length 2.
const RECORD_HEADER: usize = 16;
/// How many plausible records make a file that has no magic number an ERF file.
const ENOUGH: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Erf;

impl Erf {
    /// Whether the file starts with several records that fit each other, or with one that is all of it.
    pub(super) fn detect(head: &[u8], at_end: bool) -> Option<Self> {
        let mut rest = head;
        let mut last_seconds = None;
        for n in 0..ENOUGH {
            if rest.is_empty() && n > 0 && at_end {
                return Some(Self);
            }
            let (header, _) = rest.split_first_chunk::<RECORD_HEADER>()?;
            let seconds = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
            let len = usize::from(u16::from_be_bytes([header[10], header[11]]));
            let wire_len = u16::from_be_bytes([header[14], header[15]]);
            let number = header[8] & 0x7f;
            let known = (1..=LAST_TYPE).contains(&number) && wire_len > 0 && len > RECORD_HEADER;
            let near = last_seconds.is_none_or(|last: u32| seconds.abs_diff(last) < 24 * 3600);
            // Endace has made captures since 1996.
            if !known || !near || seconds < 820_454_400 {
                return None;
            }
            last_seconds = Some(seconds);
            rest = rest.get(len..)?;
        }
        Some(Self)
    }

    pub(super) fn format(&self) -> FileFormat {
        FileFormat::Erf
    }

    pub(super) fn step(&self, window: &[u8]) -> Step {
        let Some((header, _)) = window.split_first_chunk::<RECORD_HEADER>() else {
            return Step::Need(RECORD_HEADER);
        };
        let len = usize::from(u16::from_be_bytes([header[10], header[11]]));
        if len < RECORD_HEADER {
            return Step::Damaged(format!("a record claims {len} bytes, and its header alone has 16"));
        }
        if window.len() < len {
            return Step::Need(len);
        }
        let record = &window[..len];
        let wire_len = u16::from_be_bytes([header[14], header[15]]);
        let number = header[8] & 0x7f;
        if number == PAD {
            return Step::Skip(len as u64);
        }
        // A chain of extension headers, eight bytes each, as long as the top bit of the type says "more".
        let mut data = RECORD_HEADER;
        let mut more = header[8] & 0x80 != 0;
        while more {
            let Some(extension) = record.get(data) else { return cut_off(len) };
            more = extension & 0x80 != 0;
            data += 8;
        }
        let kind = kind(number).unwrap_or(Kind { link_type: WHOLE_RECORD, before: 0, fcs_len: 0 });
        data = if kind.link_type == WHOLE_RECORD { 0 } else { data + kind.before };
        let Some(kept) = record.get(data..) else { return cut_off(len) };
        // Records are padded to a multiple of eight bytes.
        let captured = if data == 0 { len } else { kept.len().min(wire_len.into()) };
        Step::Packet(Record {
            len,
            data,
            captured,
            wire_len: wire_len.into(),
            timestamp: Some(timestamp(Endian::Little.i64(*header.first_chunk().unwrap_or(&[0; 8])))),
            link_type: kind.link_type,
            fcs_len: kind.fcs_len,
        })
    }
}

/// What the packets of a record type are, and how many bytes stand between headers and packet.
struct Kind {
    link_type: LinkType,
    before: usize,
    fcs_len: u8,
}

/// LINKTYPE_ERF: the whole record, for the types that carry no frame or none that is known.
const WHOLE_RECORD: LinkType = LinkType(197);
/// LINKTYPE_PPP_HDLC, which Cisco HDLC shares and is told from by its first byte.
const HDLC: LinkType = LinkType(50);
/// The record type that only fills space.
const PAD: u8 = 48;
/// The highest record type assigned, padding aside.
const LAST_TYPE: u8 = 27;

/// The plain type, then the coloured and hashed ones; the two bytes before Ethernet are offset and padding.
fn kind(number: u8) -> Option<Kind> {
    let (link_type, before, fcs_len) = match number {
        2 | 11 | 16 | 20 => (LinkType::ETHERNET, 2, 4),
        1 | 10 | 15 | 19 => (HDLC, 0, 4),
        22 => (LinkType(228), 0, 0),
        23 => (LinkType(229), 0, 0),
        _ => return None,
    };
    Some(Kind { link_type, before, fcs_len })
}

fn cut_off(len: usize) -> Step {
    Step::Damaged(format!("a record of {len} bytes ends inside its own headers"))
}

/// 32 bits of seconds above 32 bits of fraction.
fn timestamp(fixed: i64) -> Timestamp {
    let fixed = fixed.cast_unsigned();
    let nanos = (fixed >> 32) * 1_000_000_000 + (((fixed & 0xffff_ffff) * 1_000_000_000) >> 32);
    Timestamp::from_nanos(nanos.cast_signed())
}

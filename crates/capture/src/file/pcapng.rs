//! pcapng: sections of blocks.
//!
//! Source: draft-ietf-opsawg-pcapng. Where a block contradicts itself, reading ends, as it does in Wireshark;
//! block types that hold no packet, and options that are malformed, never end it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pcap_parser::{EPB_MAGIC, IDB_MAGIC, NRB_MAGIC, PcapNGOption, SHB_MAGIC, SPB_MAGIC};

use super::format::FileFormat;
use super::pcap::Header;
use super::record::{Endian, Record, Step, packet_limit, too_long};
use crate::{LinkType, Timestamp};

/// The Packet Block, which the Enhanced Packet Block has replaced.
const OBSOLETE_PB: u32 = 2;
/// A block's type and length before its body, and its length again after it.
const BLOCK_HEADER: usize = 8;
const BLOCK_FRAME: usize = BLOCK_HEADER + 4;
/// The most that the options of a packet may take; also the longest block of another kind that is
/// looked into. (Longer ones of no interest are passed over.)
const MOST_OPTIONS: u32 = 16 << 20;
/// The most interfaces in a section, and bytes of memory for names: far more than any real capture needs, so
/// that a small compressed file cannot take memory without end.
const MOST_INTERFACES: usize = 1 << 16;
const MOST_NAME_BYTES: usize = 64 << 20;

/// What is known of the capture so far: what the next block means depends on it.
#[derive(Clone, Debug)]
pub(super) struct PcapNg {
    endian: Endian,
    interfaces: Vec<Interface>,
    names: Vec<(IpAddr, String)>,
    name_bytes: usize,
}

/// Names are no part of it: they do not change what a block means.
impl PartialEq for PcapNg {
    fn eq(&self, other: &Self) -> bool {
        self.endian == other.endian && self.interfaces == other.interfaces
    }
}

impl PcapNg {
    /// Whether a Section Header Block is there. It is read as the first block.
    pub(super) fn detect(head: &[u8]) -> Header<Self> {
        if !head.starts_with(&SHB_MAGIC.to_be_bytes()) {
            return Header::Other;
        }
        let Some(magic) = head.get(BLOCK_HEADER..BLOCK_HEADER + 8) else { return Header::Cut(28) };
        let Some(endian) = section_endian(magic) else { return Header::Other };
        match major_version(head, endian) {
            Some(1) => {
                Header::Found(Self { endian, interfaces: Vec::new(), names: Vec::new(), name_bytes: 0 }, 0)
            }
            Some(major) => Header::Unsupported(format!("pcapng version {major} is not 1")),
            None => Header::Cut(28),
        }
    }

    pub(super) fn format(&self) -> FileFormat {
        FileFormat::PcapNg
    }

    pub(super) fn names(&self) -> &[(IpAddr, String)] {
        &self.names
    }

    pub(super) fn without_names(&self) -> Self {
        Self { endian: self.endian, interfaces: self.interfaces.clone(), names: Vec::new(), name_bytes: 0 }
    }

    /// The block at the start of the window.
    #[inline]
    pub(super) fn step(&mut self, window: &[u8]) -> Step {
        let Some([kind, claimed]) = self.endian.u32s(window) else { return Step::Need(BLOCK_HEADER) };
        if kind == SHB_MAGIC {
            return self.section(window);
        }
        let Some(len) = block_len(claimed) else { return bad_length(claimed) };
        let packet = matches!(kind, EPB_MAGIC | OBSOLETE_PB | SPB_MAGIC);
        if packet {
            // Bounded before the block is asked for, by what a packet can be.
            if let Some(refusal) = self.refuse(kind, len, window) {
                return refusal;
            }
        } else if len > MOST_OPTIONS {
            return Step::Skip(len.into());
        }
        let len = len as usize;
        if window.len() < len {
            return Step::Need(len);
        }
        let block = &window[..len];
        if let Some(mismatch) = check_trailer(block, len, self.endian) {
            return mismatch;
        }
        match kind {
            EPB_MAGIC | OBSOLETE_PB => self.packet(kind, block),
            SPB_MAGIC => self.simple_packet(block),
            IDB_MAGIC => self.interface(block),
            NRB_MAGIC => self.name_resolution(block),
            _ => Step::Skip(len as u64),
        }
    }

    /// How many bytes so many blocks take, and so many bytes of them at least, if they follow each other here. A guess, checked later: see
    /// [`CaptureReader::split`](super::CaptureReader::split).
    pub(super) fn chain(&self, window: &[u8], blocks: usize, bytes: usize) -> Option<usize> {
        let (mut n, mut chain) = (0, 0);
        while n < blocks || chain < bytes {
            let window = &window[chain..];
            let [kind, claimed] = self.endian.u32s(window)?;
            let len = block_len(claimed)?;
            let known = matches!(kind, SHB_MAGIC | 1..=10 | 0x0bad | 0x4000_0bad);
            let block = window.get(..len as usize).filter(|_| known)?;
            if check_trailer(block, block.len(), self.endian).is_some() {
                return None;
            }
            chain += block.len();
            n += 1;
        }
        Some(chain)
    }

    /// A Section Header Block tells its own byte order, and forgets the interfaces before it.
    fn section(&mut self, window: &[u8]) -> Step {
        let Some(magic) = window.get(BLOCK_HEADER..BLOCK_HEADER + 8) else {
            return Step::Need(BLOCK_HEADER + 8);
        };
        let Some(endian) = section_endian(magic) else {
            return Step::Damaged("a section header with an unknown byte-order magic".into());
        };
        match major_version(window, endian) {
            Some(1) | None => {}
            Some(major) => {
                return Step::Damaged(format!("a section of pcapng version {major}, which is not 1"));
            }
        }
        let claimed = endian.u32s(window).map_or(0, |[_, len]: [u32; 2]| len);
        let Some(len) = block_len(claimed).filter(|len| (28..=MOST_OPTIONS).contains(len)) else {
            return bad_length(claimed);
        };
        let len = len as usize;
        if window.len() < len {
            return Step::Need(len);
        }
        if let Some(mismatch) = check_trailer(&window[..len], len, endian) {
            return mismatch;
        }
        self.endian = endian;
        self.interfaces.clear();
        Step::Skip(len as u64)
    }

    fn interface(&mut self, block: &[u8]) -> Step {
        let body = body(block);
        let Some([link_type, snap_len]) = self.endian.u32s(body) else {
            return Step::Damaged("an interface description too short for its fields".into());
        };
        if self.interfaces.len() == MOST_INTERFACES {
            return Step::Damaged(format!("more than {MOST_INTERFACES} interfaces in a section"));
        }
        // The upper half of the first word is reserved; which half it is depends on the byte order.
        let link_type = LinkType(match self.endian {
            Endian::Little => (link_type & 0xffff) as u16,
            Endian::Big => (link_type >> 16) as u16,
        });
        let mut interface = Interface {
            link_type,
            snap_len,
            resolution: Resolution::default(),
            offset: 0,
            fcs_len: 0,
            limit: packet_limit(link_type),
        };
        for option in options(&body[8..], self.endian) {
            match (option.code.0, option.as_bytes()) {
                (IF_TSRESOL, Ok([exponent])) => interface.resolution = Resolution::new(*exponent),
                (IF_FCSLEN, Ok([bits])) => interface.fcs_len = fcs_bytes(*bits),
                (IF_TSOFFSET, Ok(seconds)) => {
                    interface.offset = seconds.try_into().map_or(0, |bytes| self.endian.i64(bytes));
                }
                _ => {}
            }
        }
        self.interfaces.push(interface);
        Step::Skip(block.len() as u64)
    }

    /// Why a block that should hold a packet cannot, as far as its first fields tell; or that they are not there.
    #[inline]
    fn refuse(&self, kind: u32, len: u32, window: &[u8]) -> Option<Step> {
        let fixed = if kind == SPB_MAGIC { BLOCK_HEADER + 4 } else { BLOCK_HEADER + 20 };
        if (len as usize) < fixed + 4 {
            return Some(bad_length(len));
        }
        if window.len() < fixed {
            return Some(Step::Need(fixed));
        }
        let id = if kind == SPB_MAGIC { 0 } else { self.interface_id(kind, window) };
        let Some(interface) = self.interfaces.get(id) else {
            return Some(Step::Damaged(format!(
                "a packet of interface {id}, and the section has described {}",
                self.interfaces.len()
            )));
        };
        let captured = self.captured_len(kind, window, interface);
        if captured > interface.limit {
            return Some(too_long(captured, interface.limit));
        }
        let options = i64::from(len) - (fixed + 4) as i64 - i64::from(captured.next_multiple_of(4));
        if options < 0 {
            return Some(Step::Damaged(format!(
                "a block of {len} bytes cannot hold {captured} captured bytes"
            )));
        }
        // A Simple Packet Block may be longer than its packet: it has no options, only what is ignored.
        (options > MOST_OPTIONS.into()).then(|| bad_length(len))
    }

    #[inline]
    fn interface_id(&self, kind: u32, window: &[u8]) -> usize {
        let (words, _) = window[BLOCK_HEADER..].as_chunks::<4>();
        let word = words.first().copied().unwrap_or_default();
        if kind == OBSOLETE_PB {
            self.endian.u16([word[0], word[1]]).into()
        } else {
            self.endian.u32(word) as usize
        }
    }

    #[inline]
    fn captured_len(&self, kind: u32, window: &[u8], interface: &Interface) -> u32 {
        if kind == SPB_MAGIC {
            let original = self.endian.u32s(&window[BLOCK_HEADER..]).map_or(0, |[len]: [u32; 1]| len);
            let snap_len = if interface.snap_len == 0 { u32::MAX } else { interface.snap_len };
            original.min(snap_len)
        } else {
            self.endian.u32s(&window[BLOCK_HEADER + 12..]).map_or(0, |[len]: [u32; 1]| len)
        }
    }

    // pcap-parser's parser of this block collects the options into a new vector for each packet, and knows
    // nothing of the obsolete block, which has the same fields but for the first.
    #[inline]
    fn packet(&self, kind: u32, block: &[u8]) -> Step {
        let interface = self.interfaces.get(self.interface_id(kind, block));
        let (Some(interface), Some([_, high, low, captured, original])) =
            (interface, self.endian.u32s(&block[BLOCK_HEADER..]))
        else {
            return bad_length(block.len() as u32);
        };
        let data = BLOCK_HEADER + 20;
        let padded = data + captured.next_multiple_of(4) as usize;
        let rest = &block[padded..block.len() - 4];
        let mut fcs_len = interface.fcs_len;
        for option in options(rest, self.endian) {
            if let (EPB_FLAGS, Ok(flags)) = (option.code.0, option.as_bytes()) {
                // Bits 5 to 8: the length of this packet's FCS in bytes, 0 for "not said".
                let flags = self.endian.u32s(flags).map_or(0, |[flags]: [u32; 1]| flags);
                let said = (flags >> 5 & 0xf) as u8;
                fcs_len = if said == 0 { fcs_len } else { said };
            }
        }
        Step::Packet(Record {
            len: block.len(),
            data,
            captured: captured as usize,
            wire_len: original,
            timestamp: Some(interface.timestamp(u64::from(high) << 32 | u64::from(low))),
            link_type: interface.link_type,
            fcs_len,
        })
    }

    fn simple_packet(&self, block: &[u8]) -> Step {
        let (Some(interface), Some([original])) =
            (self.interfaces.first(), self.endian.u32s(&block[BLOCK_HEADER..]))
        else {
            return bad_length(block.len() as u32);
        };
        Step::Packet(Record {
            len: block.len(),
            data: BLOCK_HEADER + 4,
            captured: self.captured_len(SPB_MAGIC, block, interface) as usize,
            wire_len: original,
            timestamp: None,
            link_type: interface.link_type,
            fcs_len: interface.fcs_len,
        })
    }

    /// A block that pcap-parser cannot read gives no names, and the next block is read all the same.
    fn name_resolution(&mut self, block: &[u8]) -> Step {
        let parse = match self.endian {
            Endian::Little => pcap_parser::parse_nameresolutionblock_le,
            Endian::Big => pcap_parser::parse_nameresolutionblock_be,
        };
        if let Ok((_, found)) = parse(block) {
            for record in &found.nr {
                let Some((address, names)) = address_and_names(record) else { continue };
                let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
                for name in names {
                    let name = String::from_utf8_lossy(name).into_owned();
                    self.name_bytes += size_of::<(IpAddr, String)>() + name.len();
                    if self.name_bytes > MOST_NAME_BYTES {
                        return Step::Damaged(format!(
                            "names that take more than {} MiB",
                            MOST_NAME_BYTES >> 20
                        ));
                    }
                    self.names.push((address, name));
                }
            }
        }
        Step::Skip(block.len() as u64)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Interface {
    link_type: LinkType,
    snap_len: u32,
    resolution: Resolution,
    /// Seconds to add to each time.
    offset: i64,
    fcs_len: u8,
    limit: u32,
}

impl Interface {
    #[inline]
    fn timestamp(&self, units: u64) -> Timestamp {
        let units = u128::from(units);
        let nanos = match self.resolution {
            Resolution::Coarse(nanos) => units * u128::from(nanos),
            Resolution::Fine(per_nano) => units / u128::from(per_nano),
            Resolution::Binary(shift) => (units * 1_000_000_000) >> shift,
        };
        // No overflow: 2^64 units of a second or less, and an offset of 64 bits.
        let nanos = nanos.cast_signed() + i128::from(self.offset) * 1_000_000_000;
        Timestamp::from_nanos(nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }
}

/// What one unit of time is: `if_tsresol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    /// So many nanoseconds.
    Coarse(u64),
    /// So many to a nanosecond.
    Fine(u64),
    /// A second halved so many times.
    Binary(u8),
}

impl Resolution {
    fn new(exponent: u8) -> Self {
        match exponent {
            0x80.. => Self::Binary(exponent & 0x7f),
            0..=9 => Self::Coarse(10_u64.pow(9 - u32::from(exponent))),
            // Finer than 10^-28 s, 64 bits do not last for a nanosecond.
            _ => Self::Fine(10_u64.saturating_pow(u32::from(exponent) - 9)),
        }
    }
}

impl Default for Resolution {
    /// Microseconds, where the interface does not say.
    fn default() -> Self {
        Self::new(6)
    }
}

const IF_TSRESOL: u16 = 9;
const IF_FCSLEN: u16 = 13;
const IF_TSOFFSET: u16 = 14;
const EPB_FLAGS: u16 = 2;
const END_OF_OPTIONS: u16 = 0;

/// `if_fcslen` is in bits, by the format's text; some write bytes.
fn fcs_bytes(bits: u8) -> u8 {
    if bits >= 8 { bits / 8 } else { bits }
}

/// The options up to their end, or to one that does not fit.
fn options(bytes: &[u8], endian: Endian) -> impl Iterator<Item = PcapNGOption<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let parsed = match endian {
            Endian::Little => pcap_parser::parse_option_le::<nom_error::Error<'_>>(rest),
            Endian::Big => pcap_parser::parse_option_be::<nom_error::Error<'_>>(rest),
        };
        let (after, option) = parsed.ok()?;
        rest = after;
        (option.code.0 != END_OF_OPTIONS).then_some(option)
    })
}

mod nom_error {
    pub(super) type Error<'a> = pcap_parser::PcapError<&'a [u8]>;
}

/// A name record's address, and the names after it, each ended by a zero byte.
fn address_and_names<'a>(record: &pcap_parser::NameRecord<'a>) -> Option<(IpAddr, &'a [u8])> {
    let value = record.record_value;
    match record.record_type {
        pcap_parser::NameRecordType::Ipv4 => {
            let (address, names) = value.split_first_chunk::<4>()?;
            Some((IpAddr::V4(Ipv4Addr::from(*address)), names))
        }
        pcap_parser::NameRecordType::Ipv6 => {
            let (address, names) = value.split_first_chunk::<16>()?;
            Some((IpAddr::V6(Ipv6Addr::from(*address)), names))
        }
        _ => None,
    }
}

fn section_endian(magic: &[u8]) -> Option<Endian> {
    match magic {
        [0x4d, 0x3c, 0x2b, 0x1a, ..] => Some(Endian::Little),
        [0x1a, 0x2b, 0x3c, 0x4d, ..] => Some(Endian::Big),
        _ => None,
    }
}

fn major_version(block: &[u8], endian: Endian) -> Option<u16> {
    let bytes = block.get(BLOCK_HEADER + 4..)?.first_chunk::<2>()?;
    Some(endian.u16(*bytes))
}

/// The bytes a block takes: some programs leave the padding out of its length.
#[inline]
fn block_len(claimed: u32) -> Option<u32> {
    let len = claimed.checked_next_multiple_of(4)?;
    (len as usize >= BLOCK_FRAME).then_some(len)
}

fn bad_length(claimed: u32) -> Step {
    Step::Damaged(format!("a block claims {claimed} bytes, which its kind cannot have"))
}

/// The two lengths of a block must agree.
#[inline]
fn check_trailer(block: &[u8], len: usize, endian: Endian) -> Option<Step> {
    let trailer = endian.u32(*block.last_chunk()?);
    if trailer.checked_next_multiple_of(4).is_some_and(|end| end as usize == len) {
        return None;
    }
    Some(Step::Damaged(format!(
        "a block says that it has {len} bytes at its start, and {trailer} at its end"
    )))
}

fn body(block: &[u8]) -> &[u8] {
    &block[BLOCK_HEADER..block.len() - 4]
}

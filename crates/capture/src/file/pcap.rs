//! Classic pcap, in all its variants.
//!
//! Source: the pcap draft (draft-ietf-opsawg-pcap), and for what it leaves out, what libpcap and
//! Wireshark accept.

use super::format::FileFormat;
use super::record::{Endian, Record, Step, packet_limit, too_long};
use crate::{LinkType, Timestamp};

/// How many bytes a file must show before its variant can be told.
pub(super) const LOOK_AHEAD: usize = 64 << 10;

/// Bytes of nearly every file's record headers.
const PLAIN_HEADER: usize = 16;

/// How the records of one pcap file are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pcap {
    /// Whether its records are as nearly every file's: see [`Plain`].
    is_plain: bool,
    endian: Endian,
    format: FileFormat,
    /// Bytes of a record's header.
    header_len: usize,
    lengths: Lengths,
    nanos_per_fraction: u32,
    link_type: LinkType,
    fcs_len: u8,
    limit: u32,
    /// Bytes of padding before each packet.
    padding: u32,
    snap_len: u32,
}

/// Which of a record's two lengths is which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    /// Captured, then original: since version 2.4.
    CapturedFirst,
    /// Original, then captured: up to version 2.2, and DG/UX's 543.0.
    OriginalFirst,
    /// Version 2.3 was written both ways: the captured length is the smaller one.
    SmallerIsCaptured,
}

/// The layout of nearly every file's records: little-endian, with headers of 16 bytes and nothing before the packets.
#[derive(Clone, Copy)]
pub(super) struct Plain {
    limit: u32,
    nanos_per_fraction: u32,
    link_type: LinkType,
    fcs_len: u8,
}

impl Plain {
    /// The record at the start of the window, if it is whole and has no flaw: as [`Pcap::step`] would find it.
    // pcap-parser's `parse_pcap_frame` would do, but its result is built and thrown away again for the limit and the time; this is the
    // hottest loop there is.
    #[inline(always)]
    pub(super) fn record(&self, window: &[u8]) -> Option<Record> {
        let [seconds, fraction, captured, original] = Endian::Little.u32s(window)?;
        let len = PLAIN_HEADER + captured as usize;
        (captured <= self.limit && len <= window.len()).then_some(Record {
            len,
            data: PLAIN_HEADER,
            captured: captured as usize,
            wire_len: original,
            timestamp: Some(timestamp(seconds, fraction, self.nanos_per_fraction)),
            link_type: self.link_type,
            fcs_len: self.fcs_len,
        })
    }
}

#[inline]
fn timestamp(seconds: u32, fraction: u32, nanos_per_fraction: u32) -> Timestamp {
    // No overflow: 2^32 seconds and 2^32 microseconds are less than half of what an i64 holds.
    let nanos = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * u64::from(nanos_per_fraction);
    Timestamp::from_nanos(nanos.cast_signed())
}

/// What the first bytes of a file turn out to be.
pub(super) enum Header<T> {
    /// Not this format.
    Other,
    /// This format, with a file header of so many bytes.
    Found(T, usize),
    /// This format, but the file header needs so many bytes.
    Cut(usize),
    /// This format in a version that is not read.
    Unsupported(String),
}

impl<T> Header<T> {
    pub(super) fn map<U>(self, f: impl FnOnce(T) -> U) -> Header<U> {
        match self {
            Self::Other => Header::Other,
            Self::Found(found, len) => Header::Found(f(found), len),
            Self::Cut(need) => Header::Cut(need),
            Self::Unsupported(what) => Header::Unsupported(what),
        }
    }
}

const FILE_HEADER: usize = 24;

impl Pcap {
    /// Reads the file header, and enough of the first records to tell the variants apart that look the same
    /// in it. `at_end` says that `head` is the whole file.
    pub(super) fn detect(head: &[u8], at_end: bool) -> Header<Self> {
        let Some(magic) = head.first_chunk().copied().map(u32::from_be_bytes) else { return Header::Other };
        let endian = match magic {
            0xa1b2_c3d4 | 0xa1b2_3c4d | 0xa1b2_cd34 | 0x1c00_01ac | 0x1c00_01ab => Endian::Big,
            0xd4c3_b2a1 | 0x4d3c_b2a1 | 0x34cd_b2a1 | 0xac01_001c | 0xab01_001c => Endian::Little,
            _ => return Header::Other,
        };
        let magic = match endian {
            Endian::Big => magic,
            Endian::Little => magic.swap_bytes(),
        };
        // Ixia's hardware and software captures have four more bytes of header: the size of all records.
        let header_len =
            if matches!(magic, 0x1c00_01ac | 0x1c00_01ab) { FILE_HEADER + 4 } else { FILE_HEADER };
        if head.len() < header_len {
            return Header::Cut(header_len);
        }
        let Some(header) = parse_header(head, endian) else { return Header::Other };
        let (major, minor) = (header.version_major, header.version_minor);
        if major < 2 {
            return Header::Unsupported(format!("pcap version {major}.{minor} is older than 2.0"));
        }
        let network = header.network.0.cast_unsigned();
        let link_type = LinkType((network & 0xffff) as u16);
        let nanoseconds = matches!(magic, 0xa1b2_3c4d | 0x1c00_01ac);
        let mut pcap = Self {
            is_plain: false,
            endian,
            format: if nanoseconds { FileFormat::PcapNanosecond } else { FileFormat::Pcap },
            header_len: PLAIN_HEADER,
            lengths: match (major, minor) {
                (2, 0..=2) | (543, _) => Lengths::OriginalFirst,
                (2, 3) => Lengths::SmallerIsCaptured,
                _ => Lengths::CapturedFirst,
            },
            nanos_per_fraction: if nanoseconds { 1 } else { 1000 },
            link_type,
            // The "P" bit says that the upper four bits are meant: the FCS in units of 16 bits.
            fcs_len: if network & 0x0400_0000 == 0 { 0 } else { (network >> 28) as u8 * 2 },
            limit: packet_limit(link_type),
            padding: 0,
            snap_len: header.snaplen,
        };
        if magic == 0xa1b2_c3d4 && (major, minor) == (2, 2) {
            pcap.adapt_to_aix(network);
        }
        if magic == 0xa1b2_cd34 {
            pcap.format = FileFormat::PcapModified;
            pcap.header_len = 24;
        }
        // Nobody wrote the variants below in another version than 2.4.
        let variants: &[(FileFormat, usize)] = match magic {
            _ if pcap.lengths != Lengths::CapturedFirst => &[],
            0xa1b2_c3d4 => &[(FileFormat::PcapModified, 24), (FileFormat::PcapNokia, 20)],
            0xa1b2_cd34 => &[(FileFormat::PcapModified, 28)],
            _ => &[],
        };
        pcap.choose(
            &head[header_len..head.len().min(LOOK_AHEAD)],
            at_end && head.len() <= LOOK_AHEAD,
            variants,
        );
        pcap.is_plain = pcap.endian == Endian::Little
            && (pcap.header_len, pcap.lengths, pcap.padding) == (PLAIN_HEADER, Lengths::CapturedFirst, 0);
        Header::Found(pcap, header_len)
    }

    pub(super) fn format(&self) -> FileFormat {
        self.format
    }

    /// How the records are laid out, if as in nearly every file.
    #[inline]
    pub(super) fn plain(&self) -> Option<Plain> {
        let &Self { limit, nanos_per_fraction, link_type, fcs_len, .. } = self;
        self.is_plain.then_some(Plain { limit, nanos_per_fraction, link_type, fcs_len })
    }

    /// The record at the start of the window.
    pub(super) fn step(&self, window: &[u8]) -> Step {
        let (header, header_len) = (self.record_header(window), self.header_len);
        let Some(header) = header.filter(|_| window.len() >= header_len) else {
            return Step::Need(header_len);
        };
        if header.captured > self.limit {
            return too_long(header.captured, self.limit);
        }
        let len = header_len + header.captured as usize;
        if window.len() < len {
            return Step::Need(len);
        }
        let mut record = Record {
            len,
            data: header_len,
            captured: header.captured as usize,
            wire_len: header.original,
            timestamp: Some(timestamp(header.seconds, header.fraction, self.nanos_per_fraction)),
            link_type: self.link_type,
            fcs_len: self.fcs_len,
        };
        if self.padding > 0 {
            let here = self.padding.min(header.captured) as usize;
            record.data += here;
            record.captured -= here;
            record.wire_len = header.original.saturating_sub(self.padding);
        }
        Step::Packet(record)
    }

    /// How many bytes a chain of so many plausible records takes, and of so many bytes at least, if one starts here. A guess that is always checked later: see
    /// [`CaptureReader::split`](super::CaptureReader::split).
    // Times are held against the chain's own first one, not the file's: captures are joined end to end.
    pub(super) fn chain(&self, window: &[u8], records: usize, bytes: usize) -> Option<usize> {
        let near = self.record_header(window)?.seconds;
        let (mut n, mut len) = (0, 0);
        while n < records || len < bytes {
            let window = &window[len..];
            // Where a packet is padded with zeros, these would be a chain of empty records.
            let header = self.record_header(window).filter(|header| header.captured > 0)?;
            if !self.flawless(window) {
                return None;
            }
            let limit_apart = 7 * 24 * 3600;
            if header.seconds.abs_diff(near) > limit_apart {
                return None;
            }
            let record = self.header_len + header.captured as usize;
            len += window.get(..record)?.len();
            n += 1;
        }
        Some(len)
    }

    #[inline]
    fn record_header(&self, window: &[u8]) -> Option<RecordHeader> {
        let [seconds, fraction, first, second] = self.endian.u32s(window)?;
        let swapped = match self.lengths {
            Lengths::CapturedFirst => false,
            Lengths::OriginalFirst => true,
            Lengths::SmallerIsCaptured => first > second,
        };
        let (captured, original) = if swapped { (second, first) } else { (first, second) };
        Some(RecordHeader { seconds, fraction, captured, original })
    }

    /// AIX writes version 2.2 with nanoseconds and ifType numbers (RFC 1573), which no pcap 2.2 of
    /// others has as link types, but for 9 (PPP), where Wireshark takes AIX for likelier as well.
    fn adapt_to_aix(&mut self, if_type: u32) {
        let link_type = match if_type {
            6 => LinkType::ETHERNET,
            9 => LinkType(6),
            15 => LinkType(10),
            24 => LinkType::NULL,
            _ => return,
        };
        self.format = FileFormat::PcapAix;
        self.link_type = link_type;
        self.nanos_per_fraction = 1;
        // FDDI frames have three bytes in front to align them.
        self.padding = if if_type == 15 { 3 } else { 0 };
    }

    /// Takes another length of record header only if the usual one contradicts the first records, and
    /// the other one fits them without a flaw. A damaged file is no other variant, nor is one cut short:
    /// then the usual one stays.
    fn choose(&mut self, records: &[u8], at_end: bool, variants: &[(FileFormat, usize)]) {
        if self.fit(records, at_end) != Fit::Contradicted {
            return;
        }
        let fitting = variants.iter().find_map(|(format, header_len)| {
            let variant = Self { format: *format, header_len: *header_len, ..self.clone() };
            (variant.fit(records, at_end) == Fit::Flawless).then_some(variant)
        });
        if let Some(variant) = fitting {
            *self = variant;
        }
    }

    /// How the first few records read: three of them, or all there are.
    fn fit(&self, mut records: &[u8], at_end: bool) -> Fit {
        for _ in 0..3 {
            if at_end && records.is_empty() {
                return Fit::Flawless;
            }
            if records.len() < self.header_len {
                return Fit::CutShort;
            }
            if !self.flawless(records) {
                return Fit::Contradicted;
            }
            let whole = self.record_header(records).and_then(|header| {
                let len = self.header_len.checked_add(header.captured as usize)?;
                records.get(len..)
            });
            match whole {
                Some(rest) => records = rest,
                None if at_end => return Fit::CutShort,
                None => return Fit::Flawless,
            }
        }
        Fit::Flawless
    }

    /// Whether the header of a record is one that a capture program would have written.
    fn flawless(&self, record: &[u8]) -> bool {
        self.record_header(record).is_some_and(|header| {
            let units = 1_000_000_000 / self.nanos_per_fraction;
            let snap_len = if self.snap_len == 0 { self.limit } else { self.snap_len };
            header.fraction < units
                && header.captured <= header.original
                && header.captured <= self.limit.min(snap_len)
                && header.original <= 128 << 20
                && record.len() >= self.header_len
        })
    }
}

struct RecordHeader {
    seconds: u32,
    fraction: u32,
    captured: u32,
    original: u32,
}

/// How the first records of a file read in one layout.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// As a capture program would have written them.
    Flawless,
    /// The same, but the last one is not all there.
    CutShort,
    /// As no capture program would have written them.
    Contradicted,
}

/// pcap-parser reads the header of the magic numbers that it knows; the rest of the header is the same
/// for the others.
fn parse_header(head: &[u8], endian: Endian) -> Option<pcap_parser::PcapHeader> {
    let mut known: [u8; FILE_HEADER] = *head.first_chunk()?;
    let magic = 0xa1b2_c3d4_u32;
    let magic = match endian {
        Endian::Little => magic.to_le_bytes(),
        Endian::Big => magic.to_be_bytes(),
    };
    known[..4].copy_from_slice(&magic);
    Some(pcap_parser::parse_pcap_header(&known).ok()?.1)
}

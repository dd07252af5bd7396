//! From a capture's bytes to packets, whatever the format and the compression around it.
//!
//! Each format is a decoder that looks at a window of bytes and says what stands at its start (`record::Step`):
//! it does no I/O and copies nothing. Where the window comes from (`source`) is all the same to it. To
//! add a format: one file like `snoop.rs`, and one arm in each function of [`Decoder`].

mod compressed;
mod erf;
mod error;
mod folder;
mod format;
mod mapped;
mod pcap;
mod pcapng;
mod record;
mod snoop;
mod source;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use compressed::Compression;
pub use error::CaptureError;
pub use folder::captures_in;
pub use format::FileFormat;

use crate::Packet;
use compressed::Threaded;
use mapped::ask_ahead;
use pcap::{Header, LOOK_AHEAD};
use record::{Record, Step};
use source::{Counted, Input, Source, Stream, Whole};

/// Reads the packets of one capture, in the order in which they stand in it.
///
/// Reads pcap in every variant, pcapng, snoop and ERF, told by their first bytes and never by a name; and gzip,
/// zstd, lz4, bzip2 and xz around any of them. What is compressed is decompressed by a thread of its own.
/// Memory does not grow with the capture.
///
/// ```
/// use pcapviz_capture::CaptureReader;
///
/// # let file_header = *b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0";
/// # let record = *b"\x01\0\0\0\x02\0\0\0\x04\0\0\0\x3c\0\0\0\xde\xad\xbe\xef";
/// # let bytes = [&file_header[..], &record, &record].concat();
/// let mut reader = CaptureReader::from_bytes("two-packets.pcap", bytes)?;
/// let mut wire_bytes = 0;
/// while let Some(packet) = reader.next_packet()? {
///     assert_eq!(packet.captured.len(), 4);
///     wire_bytes += u64::from(packet.wire_len);
/// }
/// assert_eq!((reader.packets(), wire_bytes), (2, 120));
/// assert_eq!(reader.format().to_string(), "pcap");
/// # Ok::<(), pcapviz_capture::CaptureError>(())
/// ```
pub struct CaptureReader {
    path: PathBuf,
    source: Source,
    decoder: Decoder,
    compression: Vec<Compression>,
    packets: u64,
    state: State,
    /// What stands at the start of the source's window, where that is known already.
    pending: Option<Step>,
    /// Records from this offset on belong to another part.
    stop: u64,
    /// Where this part starts, and what the decoder knew there.
    start: (u64, Decoder),
    /// Bytes of the input read so far, where it is not all at hand.
    read: Option<Arc<AtomicU64>>,
    len: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
    Failed,
}

impl CaptureReader {
    /// Opens a capture file, a pipe or a device.
    ///
    /// A regular file is mapped, as long as it is now. Nobody may write to its bytes while it is read, and the system ends a
    /// process that reads bytes of a mapped file which cannot be had (SIGBUS on Unix): somebody has made it shorter, or its
    /// disk fails. Files that this may happen to are to be passed as a [stream](Self::from_stream).
    ///
    /// # Errors
    /// If the path cannot be opened, is a folder, is empty, or is not a capture of a format that is read.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let failed = |source| CaptureError::Open { path: path.into(), source };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(CaptureError::IsFolder { path: path.into() });
        }
        if !metadata.is_file() {
            return Self::from_stream(path, Box::new(file));
        }
        if metadata.len() == 0 {
            return Err(CaptureError::Empty { path: path.into() });
        }
        let len = Some(metadata.len());
        let Ok(whole) = Whole::map(&file) else {
            // What cannot be mapped can be read.
            return Self::streamed(path.into(), Box::new(file), len);
        };
        let source = Source::Whole(whole);
        match Compression::of(source.window()) {
            None => Self::start(path.into(), source, Vec::new(), None, len),
            Some(_) => Self::streamed(path.into(), Box::new(file), len),
        }
    }

    /// Reads a capture as it arrives, such as from standard input. `name` is what errors call it.
    ///
    /// Returns when the first 64 KiB are there, or the end: so much is needed to tell the variants of pcap apart.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_stream(name: impl Into<PathBuf>, input: Box<dyn Read + Send>) -> Result<Self, CaptureError> {
        Self::streamed(name.into(), input, None)
    }

    /// Reads a capture that is in memory. `name` is what errors call it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(name: impl Into<PathBuf>, bytes: Vec<u8>) -> Result<Self, CaptureError> {
        let len = Some(bytes.len() as u64);
        if Compression::of(&bytes).is_some() {
            Self::streamed(name.into(), Box::new(io::Cursor::new(bytes)), len)
        } else {
            Self::start(name.into(), Source::Whole(Whole::from_vec(bytes)), Vec::new(), None, len)
        }
    }

    /// The next packet; `None` at the end. It borrows from the reader's buffer.
    ///
    /// # Errors
    /// Once, if the capture is cut short or damaged, or cannot be read further; then always `None`. The
    /// packets before the error are good.
    #[inline]
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        Ok(self.packets_at_hand()?.and_then(|mut packets| packets.next()))
    }

    /// The next packets, one at least, as many as the reader's buffer holds, or a megabyte of a file or memory: they can be looked
    /// at side by side. `None` at the end. Those that are not taken come again.
    ///
    /// ```
    /// use pcapviz_capture::{CaptureReader, DuplicateWindow};
    ///
    /// # let file_header = *b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0";
    /// # let record = *b"\x01\0\0\0\x02\0\0\0\x04\0\0\0\x3c\0\0\0\xde\xad\xbe\xef";
    /// # let bytes = [&file_header[..], &record, &record].concat();
    /// let mut reader = CaptureReader::from_bytes("two-packets.pcap", bytes)?;
    /// let (mut window, mut doubles) = (DuplicateWindow::default(), 0);
    /// while let Some(packets) = reader.packets_at_hand()? {
    ///     doubles += packets.filter(|packet| window.is_duplicate(packet)).count();
    ///     window = window.into_owned();
    /// }
    /// assert_eq!(doubles, 1);
    /// # Ok::<(), pcapviz_capture::CaptureError>(())
    /// ```
    ///
    /// # Errors
    /// As [`next_packet`](Self::next_packet).
    #[inline]
    pub fn packets_at_hand(&mut self) -> Result<Option<PacketsAtHand<'_>>, CaptureError> {
        while self.state == State::Reading {
            if self.source.offset() >= self.stop {
                self.state = State::Ended;
                break;
            }
            let (window, plain) = (self.source.window(), self.decoder.plain());
            let is_plain = plain.is_some_and(|plain| plain.record(window).is_some());
            let first = match self.pending.take() {
                _ if is_plain => None,
                Some(Step::Packet(first)) => Some(first),
                pending => match pending.unwrap_or_else(|| self.decoder.step(window)) {
                    Step::Packet(first) => Some(first),
                    other => {
                        self.proceed(other)?;
                        continue;
                    }
                },
            };
            let (window, end, at) = self.source.at_hand();
            let beyond_stop = end.saturating_sub(self.stop) as usize;
            let left = window.len().saturating_sub(AT_HAND).max(beyond_stop);
            let (decoder, pending, packets) = (&mut self.decoder, &mut self.pending, &mut self.packets);
            return Ok(Some(PacketsAtHand {
                window,
                end,
                left,
                at,
                first,
                plain,
                decoder,
                pending,
                packets,
            }));
        }
        Ok(None)
    }

    /// What errors call the capture: its path, or the name given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The container format.
    pub fn format(&self) -> FileFormat {
        self.decoder.format()
    }

    /// The compression around it, outermost first; empty if there is none.
    pub fn compression(&self) -> &[Compression] {
        &self.compression
    }

    /// The names of the Name Resolution Blocks read so far, in their order (only pcapng has any).
    pub fn names(&self) -> &[(IpAddr, String)] {
        match &self.decoder {
            Decoder::PcapNg(pcapng) => pcapng.names(),
            _ => &[],
        }
    }

    /// How many packets were read so far.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// How far reading has come, in bytes of the file as it lies there (so before decompression).
    pub fn position(&self) -> u64 {
        match &self.read {
            Some(read) => read.load(Ordering::Relaxed),
            None => self.source.offset(),
        }
    }

    /// The file's length in bytes, as it lies there; `None` for a stream.
    #[expect(clippy::len_without_is_empty, reason = "an empty file is never opened")]
    pub fn len(&self) -> Option<u64> {
        self.len
    }

    /// What to do where the next thing is no packet that is at hand.
    #[cold]
    fn proceed(&mut self, step: Step) -> Result<(), CaptureError> {
        let offset = self.source.offset();
        let (have, need) = match step {
            Step::Skip(len) => (self.source.skip(len), len),
            Step::Need(len) => (self.source.fill(len).map(|have| have as u64), len as u64),
            Step::Damaged(what) => {
                self.state = State::Failed;
                return Err(CaptureError::Damaged {
                    path: self.path.clone(),
                    packets: self.packets,
                    offset,
                    what,
                });
            }
            // Handled by the caller.
            Step::Packet(_) => return Ok(()),
        };
        let (path, packets) = (&self.path, self.packets);
        match have {
            Ok(have) if have >= need => return Ok(()),
            Ok(0) => {
                self.state = State::Ended;
                return Ok(());
            }
            _ => self.state = State::Failed,
        }
        Err(match have {
            Ok(have) => CaptureError::CutShort { path: path.clone(), packets, offset, have, need },
            Err(source) => CaptureError::Read { path: path.clone(), packets, offset, source },
        })
    }

    /// Streams, and takes compression off as long as there is some.
    fn streamed(path: PathBuf, input: Box<dyn Read + Send>, len: Option<u64>) -> Result<Self, CaptureError> {
        let read = Arc::new(AtomicU64::new(0));
        let input = Box::new(Counted::new(input, Arc::clone(&read)));
        let (source, compression) =
            decompressed(&path, input, |decoder| Ok(Input::There(Threaded::spawn(decoder)?)))?;
        Self::start(path, source, compression, Some(read), len)
    }

    fn start(
        path: PathBuf,
        mut source: Source,
        compression: Vec<Compression>,
        read: Option<Arc<AtomicU64>>,
        len: Option<u64>,
    ) -> Result<Self, CaptureError> {
        let (decoder, header_len) = Decoder::detect(&path, &mut source)?;
        let skipped = source.skip(header_len as u64);
        skipped.map_err(|source| CaptureError::Read { path: path.clone(), packets: 0, offset: 0, source })?;
        let start = (source.offset(), decoder.clone());
        let (packets, state, pending, stop) = (0, State::Reading, None, u64::MAX);
        Ok(Self { path, source, decoder, compression, packets, state, pending, stop, start, read, len })
    }
}

/// The packets that a reader's buffer holds: see [`CaptureReader::packets_at_hand`].
pub struct PacketsAtHand<'a> {
    /// From the next record on.
    window: &'a [u8],
    /// Where the window ends in the capture.
    end: u64,
    /// Bytes of the window that no record is wanted from any more.
    left: usize,
    /// Where the next record starts in the reader's buffer.
    at: &'a mut usize,
    /// How the next records are laid out, if as in nearly every file.
    plain: Option<pcap::Plain>,
    /// The next record, where it is known already.
    first: Option<Record>,
    decoder: &'a mut Decoder,
    pending: &'a mut Option<Step>,
    packets: &'a mut u64,
}

impl<'a> Iterator for PacketsAtHand<'a> {
    type Item = Packet<'a>;

    #[inline]
    fn next(&mut self) -> Option<Packet<'a>> {
        let window = self.window;
        if window.len() <= self.left {
            return None;
        }
        let plain = self.plain.and_then(|plain| plain.record(window));
        let record = plain.or_else(|| self.other_record())?;
        ask_ahead(window);
        self.window = &window[record.len..];
        *self.at += record.len;
        *self.packets += 1;
        let captured = &window[record.data..record.data + record.captured];
        let added = record::pseudo_header_len(record.link_type, captured, record.wire_len);
        Some(Packet {
            number: *self.packets,
            offset: self.end - window.len() as u64,
            timestamp: record.timestamp,
            link_type: record.link_type,
            wire_len: record.wire_len.saturating_sub(added),
            fcs_len: record.fcs_len,
            captured,
        })
    }
}

impl PacketsAtHand<'_> {
    /// The next record of any file, if that is what stands next: kept apart, so that nearly every file's are read by their caller.
    #[inline(never)]
    fn other_record(&mut self) -> Option<Record> {
        match self.first.take().map_or_else(|| self.decoder.step(self.window), Step::Packet) {
            Step::Packet(record) => Some(record),
            other => {
                *self.pending = Some(other);
                self.left = usize::MAX;
                None
            }
        }
    }
}

/// Reading one file in several threads.
impl CaptureReader {
    /// Splits a capture that is all at hand (a regular file, memory) into at most `parts` adjoining parts, so
    /// that several threads can read it. The first part starts where this reader stands.
    ///
    /// No format has an index, so each part starts at a guess: a place where records follow each other
    /// plausibly. The parts are only right if each one ends where the next one starts; so when both
    /// have been read, ask [`joins`](Self::joins), and where it says no, throw away what the
    /// next part gave and let this one [`take_over`](Self::take_over). Reading in parts then gives
    /// exactly what reading in one go gives:
    ///
    /// ```
    /// use pcapviz_capture::{CaptureError, CaptureReader};
    ///
    /// /// Wire bytes, by part (each loop here could be a thread).
    /// fn read(reader: &mut CaptureReader) -> Result<u64, CaptureError> {
    ///     let mut bytes = 0;
    ///     while let Some(packet) = reader.next_packet()? {
    ///         bytes += u64::from(packet.wire_len);
    ///     }
    ///     Ok(bytes)
    /// }
    ///
    /// # let file_header = *b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0";
    /// # let record = *b"\x01\0\0\0\x02\0\0\0\x04\0\0\0\x3c\0\0\0\xde\xad\xbe\xef";
    /// # let mut bytes = file_header.to_vec();
    /// # (0..9000).for_each(|_| bytes.extend(record));
    /// let whole = CaptureReader::from_bytes("big.pcap", bytes)?;
    /// let mut parts = whole.split(2).into_iter();
    /// let mut last = parts.next().expect("one part at least");
    /// let mut total = read(&mut last)?;
    /// let mut packets_before = 0;
    /// for mut part in parts {
    ///     let bytes = read(&mut part);
    ///     if last.joins(&part) {
    ///         packets_before += last.packets();
    ///         (last, total) = (part, total + bytes?);
    ///     } else {
    ///         last.take_over(&part);
    ///         total += read(&mut last)?;
    ///     }
    /// }
    /// assert_eq!((packets_before + last.packets(), total), (9000, 9000 * 60));
    /// # Ok::<(), CaptureError>(())
    /// ```
    ///
    /// Packet numbers (and those in errors) count from the start of the part: add the
    /// [`packets`](Self::packets) of the parts before. Each part has the [`names`](Self::names) that it
    /// finds. An error ends the capture there: parts after it
    /// are not part of the answer. Gives fewer parts, down to this reader alone, where there is nothing to gain: a stream,
    /// a small capture, a format whose records cannot be told from the middle.
    #[must_use]
    pub fn split(mut self, parts: usize) -> Vec<Self> {
        let mut readers = Vec::new();
        let most = self.len_left().unwrap_or(0) / SMALLEST_PART;
        for left in (2..=most.min(parts as u64)).rev() {
            let bytes = self.len_left().unwrap_or(0) / left;
            if let Some(next) = self.split_off(bytes) {
                readers.push(std::mem::replace(&mut self, next));
            }
        }
        readers.push(self);
        readers
    }

    /// Cuts off, as a part of its own, what follows about so many bytes more: see [`split`](Self::split). `None` where there is
    /// nothing to gain, or no record's start is found there, twice as far on, and so on. Looks at 3 MB of each place at most, mostly
    /// at less than 64 KB of the first; and reads what stands before this part's next packet.
    ///
    /// ```
    /// use pcapviz_capture::CaptureReader;
    ///
    /// # let file_header = *b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0";
    /// # let record = *b"\x01\0\0\0\x02\0\0\0\x04\0\0\0\x3c\0\0\0\xde\xad\xbe\xef";
    /// # let mut bytes = file_header.to_vec();
    /// # (0..9000).for_each(|_| bytes.extend(record));
    /// let mut first = CaptureReader::from_bytes("big.pcap", bytes)?;
    /// let mut rest = first.split_off(100_000).expect("there is more");
    /// while first.next_packet()?.is_some() {}
    /// while rest.next_packet()?.is_some() {}
    /// assert!(first.joins(&rest) && first.position() >= 100_000);
    /// assert_eq!(first.packets() + rest.packets(), 9000);
    /// # Ok::<(), pcapviz_capture::CaptureError>(())
    /// ```
    pub fn split_off(&mut self, bytes: u64) -> Option<Self> {
        let all = self.source.whole()?;
        self.read_preamble(all.len() as u64);
        let (from, left) = (self.source.offset(), self.len_left()?);
        if bytes < SMALLEST_PART || left.saturating_sub(bytes) < SMALLEST_PART {
            return None;
        }
        let boundary_within = |near: u64, len: usize| {
            let bytes = all.some(near as usize, len);
            Some(near + self.decoder.boundary(bytes, ((near - from) % 4) as usize)? as u64)
        };
        // Where no record's start is found, one may be found further on.
        let places = std::iter::successors(Some(bytes), |bytes| bytes.checked_mul(2));
        let start = places.take_while(|bytes| *bytes < left).find_map(|bytes| {
            let near = from + bytes;
            boundary_within(near, MOST_CHAINS).or_else(|| boundary_within(near, SEARCH + CHAIN_LEN))
        })?;
        if start >= from + left {
            return None;
        }
        let decoder = self.decoder.without_names();
        let stop = std::mem::replace(&mut self.stop, start);
        Some(Self {
            path: self.path.clone(),
            source: all.starting_at(start as usize),
            decoder: decoder.clone(),
            compression: Vec::new(),
            packets: 0,
            state: self.state,
            pending: None,
            stop,
            start: (start, decoder),
            read: None,
            len: self.len,
        })
    }

    /// Bytes from here to where this part ends, where all are at hand.
    fn len_left(&self) -> Option<u64> {
        let end = self.stop.min(self.source.whole()?.len() as u64);
        Some(end.saturating_sub(self.source.offset()))
    }

    /// Whether this part, read to its end, ended without an error just where `next` started, with everything
    /// known that `next` took for granted.
    pub fn joins(&self, next: &Self) -> bool {
        self.state == State::Ended && (self.source.offset(), &self.decoder) == (next.start.0, &next.start.1)
    }

    /// Goes on to where `next` was to end, in its place.
    pub fn take_over(&mut self, next: &Self) {
        self.stop = next.stop;
        if self.state == State::Ended {
            self.state = State::Reading;
        }
    }

    /// Reads on to the first packet of a capture of so many bytes: what stands before it (pcapng interfaces) holds
    /// for all parts.
    fn read_preamble(&mut self, len: u64) {
        loop {
            let step = self.pending.take().unwrap_or_else(|| self.decoder.step(self.source.window()));
            let is_there = match step {
                Step::Skip(block) if block <= len.saturating_sub(self.source.offset()) => {
                    self.source.skip(block).is_ok()
                }
                Step::Need(need) => self.source.fill(need).is_ok_and(|have| have >= need),
                other => {
                    self.pending = Some(other);
                    false
                }
            };
            if !is_there {
                return;
            }
        }
    }
}

/// Below this many bytes, a part costs more than it gains.
const SMALLEST_PART: u64 = 64 << 10;

/// Of a capture that is in memory, how many bytes are at hand at once: its listener hears of progress in between.
const AT_HAND: usize = 1 << 20;

/// How far to look for a record's start. It takes at most one packet of the usual greatest length.
const SEARCH: usize = 512 << 10;

/// So many records in a row are hardly chance.
const CHAIN: usize = 16;

/// Bytes that a chain of records takes at most, but where packets are no frames.
const CHAIN_LEN: usize = 8 * (257 << 10);

/// Bytes of a chain, at least: of the usual greatest length of a packet.
const PACKET: usize = 64 << 10;

/// Bytes in which a record's start and the chain from it are nearly always found.
const MOST_CHAINS: usize = 256 << 10;

/// What is known of a capture's format: enough to tell what a window starts with.
#[derive(Clone, PartialEq)]
enum Decoder {
    Pcap(pcap::Pcap),
    PcapNg(pcapng::PcapNg),
    Snoop(snoop::Snoop),
    Erf(erf::Erf),
}

impl Decoder {
    /// Tells the format by the first bytes; also gives the length of the file header.
    fn detect(path: &Path, source: &mut Source) -> Result<(Self, usize), CaptureError> {
        let failed = |source| CaptureError::Read { path: path.into(), packets: 0, offset: 0, source };
        let have = source.peek(LOOK_AHEAD + 1).map_err(failed)?;
        let at_end = have <= LOOK_AHEAD;
        let head = &source.window()[..have.min(LOOK_AHEAD)];
        if head.is_empty() {
            return Err(CaptureError::Empty { path: path.into() });
        }
        let found = match pcap::Pcap::detect(head, at_end) {
            Header::Other => match pcapng::PcapNg::detect(head) {
                Header::Other => snoop::Snoop::detect(head).map(Self::Snoop),
                header => header.map(Self::PcapNg),
            },
            header => header.map(Self::Pcap),
        };
        let path = || path.to_path_buf();
        match found {
            Header::Found(decoder, len) => Ok((decoder, len)),
            Header::Cut(need) => Err(CaptureError::CutShort {
                path: path(),
                packets: 0,
                offset: 0,
                have: head.len() as u64,
                need: need as u64,
            }),
            Header::Unsupported(what) => Err(CaptureError::Unsupported { path: path(), what }),
            Header::Other => match (erf::Erf::detect(head, at_end), format::archive(head)) {
                (Some(erf), _) => Ok((Self::Erf(erf), 0)),
                (None, Some(what)) => Err(CaptureError::Unsupported { path: path(), what: what.into() }),
                (None, None) => {
                    Err(CaptureError::NotACapture { path: path(), seems: format::looks_like(head) })
                }
            },
        }
    }

    fn format(&self) -> FileFormat {
        match self {
            Self::Pcap(pcap) => pcap.format(),
            Self::PcapNg(pcapng) => pcapng.format(),
            Self::Snoop(snoop) => snoop.format(),
            Self::Erf(erf) => erf.format(),
        }
    }

    /// How the records are laid out, if as in nearly every file.
    #[inline]
    fn plain(&self) -> Option<pcap::Plain> {
        if let Self::Pcap(pcap) = self { pcap.plain() } else { None }
    }

    fn step(&mut self, window: &[u8]) -> Step {
        match self {
            Self::Pcap(pcap) => pcap.step(window),
            Self::PcapNg(pcapng) => pcapng.step(window),
            Self::Snoop(snoop) => snoop.step(window),
            Self::Erf(erf) => erf.step(window),
        }
    }

    /// The same knowledge for another part, which reports only the names that it finds itself.
    fn without_names(&self) -> Self {
        match self {
            Self::PcapNg(pcapng) => Self::PcapNg(pcapng.without_names()),
            other => other.clone(),
        }
    }

    /// A place where a record plausibly starts: the end of the first chain of them. A chain from a wrong start, such as in a capture
    /// that a packet holds, has left the packet by then. `phase` bytes before these one is known to start, or a multiple of four bytes before that.
    fn boundary(&self, bytes: &[u8], phase: usize) -> Option<usize> {
        let mut search = 0..bytes.len().min(SEARCH);
        match self {
            Self::Pcap(pcap) => search.find_map(|at| Some(at + pcap.chain(&bytes[at..], CHAIN, PACKET)?)),
            Self::PcapNg(pcapng) => {
                let mut aligned = search.skip((4 - phase) % 4).step_by(4);
                aligned.find_map(|at| Some(at + pcapng.chain(&bytes[at..], CHAIN, PACKET)?))
            }
            Self::Snoop(_) | Self::Erf(_) => None,
        }
    }
}

/// How often a capture may be compressed. Twice happens (a log shipper); more is a trick.
const MOST_LAYERS: usize = 3;

/// Takes the compression off `input`, layer by layer. `run` decides where a decompressor runs.
fn decompressed(
    path: &Path,
    input: Box<dyn Read + Send>,
    run: impl Fn(Box<dyn Read + Send>) -> io::Result<Input>,
) -> Result<(Source, Vec<Compression>), CaptureError> {
    let failed = |source| CaptureError::Read { path: path.into(), packets: 0, offset: 0, source };
    let mut layers = Vec::new();
    let mut source = Source::Stream(Stream::new(Input::Here(input)));
    loop {
        source.peek(LOOK_AHEAD).map_err(failed)?;
        let Some(compression) = Compression::of(source.window()) else { return Ok((source, layers)) };
        if layers.len() == MOST_LAYERS {
            let what = format!("it is compressed more than {MOST_LAYERS} times over; decompress it first");
            return Err(CaptureError::Unsupported { path: path.into(), what });
        }
        layers.push(compression);
        let input = Box::new(BufReader::with_capacity(256 << 10, source));
        let decoder = compression.decoder(input).map_err(failed)?;
        source = Source::Stream(Stream::new(run(decoder).map_err(failed)?));
    }
}

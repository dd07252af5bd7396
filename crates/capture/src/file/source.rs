//! Where a capture's bytes come from: all there at once (a mapped file, memory) or a stream.
//! Both show a window that starts at the next record.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;

use super::compressed::{HEADROOM, Threaded};
use super::record::Record;

pub(super) enum Source {
    Whole(Whole),
    Stream(Stream),
}

impl Source {
    /// The bytes at hand from the next record on.
    #[inline]
    pub(super) fn window(&self) -> &[u8] {
        match self {
            Self::Whole(whole) => whole.window(),
            Self::Stream(stream) => &stream.buffer[stream.start..stream.end],
        }
    }

    /// Makes the window hold `need` bytes if there are as many; returns how many it holds.
    pub(super) fn fill(&mut self, need: usize) -> io::Result<usize> {
        match self {
            Self::Whole(whole) => Ok(whole.window().len()),
            Self::Stream(stream) => stream.fill(need),
        }
    }

    /// As [`fill`](Self::fill), but keeps an error for later if there are bytes to look at before it.
    pub(super) fn peek(&mut self, need: usize) -> io::Result<usize> {
        let filled = self.fill(need);
        match (self, filled) {
            (Self::Stream(stream), Err(error)) if stream.end > stream.start => {
                stream.failure = Some(error);
                Ok(stream.end - stream.start)
            }
            (_, filled) => filled,
        }
    }

    /// Moves past a record that the window holds, and gives its packet's bytes.
    #[inline]
    pub(super) fn packet(&mut self, record: &Record) -> &[u8] {
        let data = record.data..record.data + record.captured;
        match self {
            Self::Whole(whole) => {
                let start = whole.at;
                whole.at += record.len;
                &whole.all()[start..][data]
            }
            Self::Stream(stream) => {
                let start = stream.start;
                stream.start += record.len;
                stream.offset += record.len as u64;
                &stream.buffer[start..][data]
            }
        }
    }

    /// Moves past `len` bytes that the window holds.
    fn advance(&mut self, len: usize) {
        match self {
            Self::Whole(whole) => whole.at += len,
            Self::Stream(stream) => {
                stream.start += len;
                stream.offset += len as u64;
            }
        }
    }

    /// Moves past `len` bytes, in the window or not yet; returns how many there were.
    pub(super) fn skip(&mut self, len: u64) -> io::Result<u64> {
        let mut left = len;
        loop {
            let here = self.window().len();
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(here);
            self.advance(step);
            left -= step as u64;
            if left == 0 || self.fill(1)? == 0 {
                return Ok(len - left);
            }
        }
    }

    /// Where the window starts, in bytes of the decompressed capture.
    #[inline]
    pub(super) fn offset(&self) -> u64 {
        match self {
            Self::Whole(whole) => whole.at as u64,
            Self::Stream(stream) => stream.offset,
        }
    }
}

/// A capture of which every byte is at hand. Clones share the bytes.
#[derive(Clone)]
pub(super) struct Whole {
    bytes: Arc<Bytes>,
    at: usize,
}

enum Bytes {
    Map(Mmap),
    Vec(Vec<u8>),
}

impl Whole {
    pub(super) fn from_vec(bytes: Vec<u8>) -> Self {
        Self { bytes: Arc::new(Bytes::Vec(bytes)), at: 0 }
    }

    /// Maps a regular file.
    pub(super) fn map(file: &File) -> io::Result<Self> {
        // SAFETY: the map is read-only and private to this process; nothing here writes through it.
        // What no program can rule out is that another one changes the file meanwhile. Bytes that
        // change are only ever decoded, with every length checked against the slice, so they give wrong
        // packets at worst. A file that is made shorter ends the process (SIGBUS), as it does in every
        // program that maps; `CaptureReader::open` documents it. Reading through a buffer
        // instead costs a copy of every byte, and one file could not be read from several threads.
        #[expect(unsafe_code, reason = "mapping a file; see the comment above")]
        let map = unsafe { Mmap::map(file)? };
        // Only a hint: where it does not work, reading does.
        #[cfg(unix)]
        let _ = map.advise(memmap2::Advice::Sequential);
        Ok(Self { bytes: Arc::new(Bytes::Map(map)), at: 0 })
    }

    #[inline]
    pub(super) fn all(&self) -> &[u8] {
        match &*self.bytes {
            Bytes::Map(map) => map,
            Bytes::Vec(vec) => vec,
        }
    }

    /// The same bytes, from another place on.
    pub(super) fn starting_at(&self, at: usize) -> Self {
        Self { bytes: Arc::clone(&self.bytes), at: at.min(self.all().len()) }
    }

    #[inline]
    fn window(&self) -> &[u8] {
        &self.all()[self.at..]
    }
}

/// What is asked of the input at once, at least.
const READ: usize = 256 << 10;

/// Where a stream's bytes come from.
pub(super) enum Input {
    Here(Box<dyn Read + Send>),
    /// From another thread, in chunks.
    There(Threaded),
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Here(input) => input.read(out),
            Self::There(input) => input.read(out),
        }
    }
}

/// A capture that arrives bit by bit.
pub(super) struct Stream {
    input: Input,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    failure: Option<io::Error>,
}

impl Stream {
    pub(super) fn new(input: Input) -> Self {
        Self { input, buffer: Vec::new(), start: 0, end: 0, offset: 0, failure: None }
    }

    /// The buffer grows only as bytes arrive, so a length that lies costs nothing.
    fn fill(&mut self, need: usize) -> io::Result<usize> {
        while self.end - self.start < need {
            if let Some(error) = self.failure.take() {
                return Err(error);
            }
            if let Input::There(input) = &mut self.input
                && self.end - self.start <= HEADROOM
            {
                // The next chunk becomes the buffer: only what is left of this one is copied.
                let Some((mut chunk, at)) = input.next_chunk()? else { break };
                let left = &self.buffer[self.start..self.end];
                self.start = at - left.len();
                chunk[self.start..at].copy_from_slice(left);
                self.end = chunk.len();
                input.reuse(std::mem::replace(&mut self.buffer, chunk));
                continue;
            }
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if self.buffer.len() - self.end < READ {
                let len = (self.buffer.len() * 2).min(need + READ).max(2 * READ);
                self.buffer.resize(len, 0);
            }
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(n) => self.end += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.end - self.start)
    }
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Whole(whole) => {
                let n = whole.window().read(out)?;
                whole.at += n;
                Ok(n)
            }
            Self::Stream(stream) => stream.read(out),
        }
    }
}

/// Gives the bytes that were looked at already, then the rest of the input.
impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end {
            return match self.failure.take() {
                Some(error) => Err(error),
                None => self.input.read(out),
            };
        }
        let n = out.len().min(self.end - self.start);
        out[..n].copy_from_slice(&self.buffer[self.start..self.start + n]);
        self.start += n;
        Ok(n)
    }
}

/// Counts the bytes that are read through it, for progress.
pub(super) struct Counted<R> {
    input: R,
    count: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    pub(super) fn new(input: R, count: Arc<AtomicU64>) -> Self {
        Self { input, count }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(out)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

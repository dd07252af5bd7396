//! Where a capture's bytes come from: memory or a mapped file, where all are there at once, or a stream, read bit by bit.
//! Both show a window that starts at the next record.

use std::fs::File;
use std::io::{self, Read};
use std::ops::{Deref, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::compressed::{HEADROOM, Threaded};
use super::mapped::Mapped;

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

    /// The window, where in the capture it ends, and how far into the bytes at hand it starts.
    #[inline]
    pub(super) fn at_hand(&mut self) -> (&[u8], u64, &mut usize) {
        match self {
            Self::Whole(whole) => {
                if let Bytes::File(file) = &*whole.bytes {
                    file.hold(&mut whole.held, whole.at);
                }
                (&whole.bytes[whole.at..], whole.bytes.len() as u64, &mut whole.at)
            }
            Self::Stream(stream) => {
                (&stream.buffer[stream.start..stream.end], stream.given, &mut stream.start)
            }
        }
    }

    /// Moves past `len` bytes that the window holds.
    fn advance(&mut self, len: usize) {
        match self {
            Self::Whole(whole) => whole.at += len,
            Self::Stream(stream) => stream.start += len,
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

    /// The whole capture, where every byte of it is at hand.
    pub(super) fn whole(&self) -> Option<Whole> {
        match self {
            Self::Whole(whole) => Some(whole.clone()),
            Self::Stream(_) => None,
        }
    }

    /// Where the window starts, in bytes of the decompressed capture.
    #[inline]
    pub(super) fn offset(&self) -> u64 {
        match self {
            Self::Whole(whole) => whole.at as u64,
            Self::Stream(stream) => stream.given - (stream.end - stream.start) as u64,
        }
    }
}

/// A capture of which every byte is at hand. Clones share the bytes.
#[derive(Clone)]
pub(super) struct Whole {
    bytes: Arc<Bytes>,
    at: usize,
    /// What this reader holds of a mapped file.
    held: Range<usize>,
}

enum Bytes {
    Memory(Vec<u8>),
    File(Mapped),
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::File(file) => file,
        }
    }
}

impl Whole {
    pub(super) fn from_vec(bytes: Vec<u8>) -> Self {
        Self { bytes: Arc::new(Bytes::Memory(bytes)), at: 0, held: 0..0 }
    }

    pub(super) fn map(file: &File) -> io::Result<Self> {
        Ok(Self { bytes: Arc::new(Bytes::File(Mapped::new(file)?)), at: 0, held: 0..0 })
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The same bytes, from another place on.
    pub(super) fn starting_at(&self, at: usize) -> Source {
        let at = at.min(self.len());
        Source::Whole(Self { bytes: Arc::clone(&self.bytes), at, held: at..at })
    }

    /// So many bytes from a place on, or as many as there are.
    pub(super) fn some(&self, at: usize, len: usize) -> &[u8] {
        let from = at.min(self.len());
        &self.bytes[from..self.len().min(from.saturating_add(len))]
    }

    #[inline]
    fn window(&self) -> &[u8] {
        &self.bytes[self.at..]
    }
}

/// Where a stream's bytes come from.
pub(super) enum Input {
    Here(Box<dyn Read + Send>),
    /// From another thread, in chunks.
    There(Threaded),
}

/// What is asked of an input at once, at least: much of a processor's second cache, not all of it.
const READ: usize = 256 << 10;

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
    /// Bytes of the capture up to the buffer's end.
    given: u64,
    failure: Option<io::Error>,
}

impl Stream {
    pub(super) fn new(input: Input) -> Self {
        Self { input, buffer: Vec::new(), start: 0, end: 0, given: 0, failure: None }
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
                self.given += (self.end - at) as u64;
                input.reuse(std::mem::replace(&mut self.buffer, chunk));
                continue;
            }
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if self.buffer.len() - self.end < READ {
                let len = (self.buffer.len() * 2).min(need + READ).max(self.end + READ);
                self.buffer.resize(len, 0);
            }
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(n) => {
                    self.end += n;
                    self.given += n as u64;
                }
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

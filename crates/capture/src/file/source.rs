//! Where a capture's bytes come from: memory, where all are there at once, or a file or stream, read bit by bit.
//! Both show a window that starts at the next record.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::compressed::{HEADROOM, Threaded};

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

    /// All bytes at hand, where in the capture they end, and how many of them are before the window.
    #[inline]
    pub(super) fn at_hand(&mut self) -> (&[u8], u64, &mut usize) {
        match self {
            Self::Whole(whole) => (&whole.bytes, whole.bytes.len() as u64, &mut whole.at),
            Self::Stream(stream) => (&stream.buffer[..stream.end], stream.given, &mut stream.start),
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

    /// The whole capture, where any place of it is at hand.
    pub(super) fn all(&self) -> Option<All> {
        match self {
            Self::Whole(whole) => Some(All::Memory(whole.clone())),
            Self::Stream(Stream { input: Input::File(file), .. }) => Some(All::File(file.clone())),
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

/// A capture that can be read from any place.
pub(super) enum All {
    Memory(Whole),
    File(RegularFile),
}

impl All {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Memory(whole) => whole.bytes.len() as u64,
            Self::File(file) => file.len,
        }
    }

    /// The same bytes, from another place on.
    pub(super) fn starting_at(&self, at: u64) -> Source {
        match self {
            Self::Memory(whole) => {
                let at = usize::try_from(at).unwrap_or(usize::MAX).min(whole.bytes.len());
                Source::Whole(Whole { at, ..whole.clone() })
            }
            Self::File(file) => Source::Stream(Stream::new(Input::File(RegularFile { at, ..file.clone() }))),
        }
    }

    /// So many bytes from a place on, or as many as there are.
    pub(super) fn some(&self, at: u64, len: usize) -> io::Result<Cow<'_, [u8]>> {
        match self {
            Self::Memory(whole) => {
                let from = usize::try_from(at).unwrap_or(usize::MAX).min(whole.bytes.len());
                Ok(Cow::Borrowed(&whole.bytes[from..whole.bytes.len().min(from.saturating_add(len))]))
            }
            Self::File(file) => {
                let mut bytes = Vec::new();
                RegularFile { at, ..file.clone() }.take(len as u64).read_to_end(&mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }
}

/// A capture of which every byte is at hand. Clones share the bytes.
#[derive(Clone)]
pub(super) struct Whole {
    bytes: Arc<Vec<u8>>,
    at: usize,
}

impl Whole {
    pub(super) fn from_vec(bytes: Vec<u8>) -> Self {
        Self { bytes: Arc::new(bytes), at: 0 }
    }

    #[inline]
    fn window(&self) -> &[u8] {
        &self.bytes[self.at..]
    }
}

/// A regular file, read from any place. Clones share the file, not the place.
// Read and not mapped: pages of a map are made known to the process one by one and taken away again, which takes longer
// than to copy them into a buffer that stays in a cache; and a file that is made shorter would end the process.
#[derive(Clone)]
pub(super) struct RegularFile {
    file: Arc<File>,
    at: u64,
    len: u64,
}

impl RegularFile {
    pub(super) fn new(file: File, len: u64) -> Self {
        Self { file: Arc::new(file), at: 0, len }
    }

    #[cfg(unix)]
    fn read_at(&self, out: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&*self.file, out, self.at)
    }

    #[cfg(windows)]
    fn read_at(&self, out: &mut [u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&*self.file, out, self.at)
    }
}

impl Read for RegularFile {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.read_at(out)?;
        self.at += n as u64;
        Ok(n)
    }
}

/// Where a stream's bytes come from.
pub(super) enum Input {
    File(RegularFile),
    Here(Box<dyn Read + Send>),
    /// From another thread, in chunks.
    There(Threaded),
}

impl Input {
    /// What is asked of it at once, at least: no more than there is of a small file.
    fn at_once(&self) -> usize {
        match self {
            Self::File(file) => file.len.saturating_sub(file.at).saturating_add(1).min(READ as u64) as usize,
            _ => READ,
        }
    }
}

/// What is asked of an input at once, at least: much of a processor's second cache, not all of it.
const READ: usize = 256 << 10;

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(out),
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
        let given = if let Input::File(file) = &input { file.at } else { 0 };
        Self { input, buffer: Vec::new(), start: 0, end: 0, given, failure: None }
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
            let at_once = self.input.at_once();
            if self.buffer.len() - self.end < at_once {
                let len = (self.buffer.len() * 2).min(need + READ).max(self.end + at_once);
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

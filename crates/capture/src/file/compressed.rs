//! Compression around a capture: which one, and its decompressor in a thread of its own.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// How a capture is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 8878, any number of frames.
    Zstd,
    /// The LZ4 frame format, any number of frames, and its legacy form.
    Lz4,
    /// bzip2, any number of streams.
    Bzip2,
    /// The .xz format, any number of streams.
    Xz,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        })
    }
}

/// How much memory an xz stream may ask for: enough for a dictionary of 128 MiB, twice that of `xz -9`.
/// zstd's own default limit is a window of the same size.
const XZ_MEMORY: u64 = (128 + 8) << 20;

impl Compression {
    /// The compression whose magic bytes these are.
    pub(super) fn of(mut head: &[u8]) -> Option<Self> {
        // Skippable frames, which zstd and lz4 share; pzstd writes one first. What shows nothing else is zstd's.
        let mut skipped = None;
        while let [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, rest @ ..] = head {
            skipped = Some(Self::Zstd);
            head = rest.get(u32::from_le_bytes([*a, *b, *c, *d]) as usize..).unwrap_or_default();
        }
        Self::by_magic(head).or(skipped)
    }

    fn by_magic(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Some(Self::Lz4),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            _ => None,
        }
    }

    /// Decompresses `input` as it is read.
    pub(super) fn decoder(self, input: Box<dyn BufRead + Send>) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(input)?),
            Self::Lz4 => Box::new(Lz4Frames(lz4_flex::frame::FrameDecoder::new(input))),
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
            Self::Xz => {
                let stream =
                    liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(input, stream))
            }
        })
    }
}

/// All frames of an lz4 file: the decoder reports the end of each as the end of the input.
struct Lz4Frames(lz4_flex::frame::FrameDecoder<Box<dyn BufRead + Send>>);

impl Read for Lz4Frames {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(out) {
                Ok(0) if !out.is_empty() && !self.0.get_mut().fill_buf()?.is_empty() => {}
                Err(error) => match skippable(&error) {
                    Some(len) => skip(self.0.get_mut(), len.into())?,
                    None => return Err(error),
                },
                done => return done,
            }
        }
    }
}

/// The length of the skippable frame that stopped the decoder, if that is what did.
fn skippable(error: &io::Error) -> Option<u32> {
    match error.get_ref()?.downcast_ref::<lz4_flex::frame::Error>()? {
        lz4_flex::frame::Error::SkippableFrame(len) => Some(*len),
        _ => None,
    }
}

fn skip(input: &mut impl BufRead, len: u64) -> io::Result<()> {
    let skipped = io::copy(&mut input.take(len), &mut io::sink())?;
    if skipped == len { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Bytes in one go between the threads, and how many goes may wait.
const CHUNK: usize = 512 << 10;
const WAITING: usize = 4;

/// Bytes left free before those of a chunk, for what its receiver has left of the chunk before.
pub(super) const HEADROOM: usize = 64 << 10;

/// A reader whose bytes another thread produces, so that decompressing and decoding go on side by side.
/// Dropping it ends the thread.
pub(super) struct Threaded {
    full: Receiver<io::Result<Vec<u8>>>,
    empty: Sender<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Threaded {
    /// Starts reading `input` in a thread.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn spawn(input: Box<dyn Read + Send>) -> io::Result<Self> {
        let (send_full, full) = sync_channel(WAITING);
        let (empty, receive_empty) = channel();
        thread::Builder::new()
            .name("decompress".into())
            .spawn(move || pump(input, &send_full, &receive_empty))?;
        Ok(Self { full, empty, chunk: Vec::new(), at: 0, ended: false })
    }
}

/// Fills chunks until the input ends (one without bytes says so), fails, or nobody listens any more.
fn pump(mut input: Box<dyn Read + Send>, full: &SyncSender<io::Result<Vec<u8>>>, empty: &Receiver<Vec<u8>>) {
    loop {
        let mut chunk = empty.try_recv().unwrap_or_default();
        chunk.resize(HEADROOM + CHUNK, 0);
        let mut len = HEADROOM;
        // What was decompressed before an error is handed over first.
        let outcome = loop {
            match input.read(&mut chunk[len..]) {
                Ok(0) => break Ok(()),
                Ok(n) => len += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
            if len == chunk.len() {
                break Ok(());
            }
        };
        let at_end = len == HEADROOM;
        chunk.truncate(len);
        if (outcome.is_ok() || !at_end) && full.send(Ok(chunk)).is_err() {
            return;
        }
        if let Err(error) = outcome {
            // Nobody to tell is fine: the reader was dropped.
            let _ = full.send(Err(error));
            return;
        }
        if at_end {
            return;
        }
    }
}

impl Threaded {
    /// The bytes that come next, where they were decompressed to, from the given place on; `None` at the end.
    pub(super) fn next_chunk(&mut self) -> io::Result<Option<(Vec<u8>, usize)>> {
        if self.at < self.chunk.len() {
            return Ok(Some((std::mem::take(&mut self.chunk), self.at)));
        }
        if self.ended {
            return Ok(None);
        }
        let received = self.full.recv().unwrap_or_else(|_| Err(io::Error::other("the decompressor stopped")));
        self.ended = !received.as_ref().is_ok_and(|chunk| chunk.len() > HEADROOM);
        let chunk = received?;
        Ok((!self.ended).then_some((chunk, HEADROOM)))
    }

    /// Takes a chunk back that is done with.
    pub(super) fn reuse(&mut self, chunk: Vec<u8>) {
        // A thread that is only waiting for work to do may be gone already.
        let _ = self.empty.send(chunk);
    }
}

impl Read for Threaded {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.chunk.len() {
            let Some((chunk, at)) = self.next_chunk()? else { return Ok(0) };
            let done = std::mem::replace(&mut self.chunk, chunk);
            self.at = at;
            self.reuse(done);
        }
        let n = out.len().min(self.chunk.len() - self.at);
        out[..n].copy_from_slice(&self.chunk[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

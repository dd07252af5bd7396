use std::io;
use std::path::{Path, PathBuf};

/// Why a capture could not be read, or not to its end.
///
/// What [`CaptureReader::open`](crate::CaptureReader::open) returns means that there is nothing to read.
/// What [`CaptureReader::next_packet`](crate::CaptureReader::next_packet) returns means that reading ends
/// there: the [`packets`](Self::packets) before it are good and stand.
///
/// Offsets are in bytes from the start of the capture, after decompression.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file or folder cannot be opened.
    #[error("cannot open {}: {source}{}", path.display(), advice(source))]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is a folder; see [`captures_in`](crate::captures_in).
    #[error("{} is a folder, not a capture: name the captures in it", path.display())]
    IsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A folder without a single capture, at any depth.
    #[error("there is no capture in the folder {}: name another folder, or a file", path.display())]
    NoCaptures {
        /// The folder.
        path: PathBuf,
    },
    /// Nothing in it, not even a file header.
    #[error("{} is empty: check that the capture was written and copied whole", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Its first bytes are not those of any capture format that is read.
    #[error(
        "{} is not a capture{}: give a pcap, pcapng, snoop or ERF file, plain or compressed with gzip, zstd, lz4, bzip2 or xz",
        path.display(), seems.map(|kind| format!(" but looks like {kind}")).unwrap_or_default()
    )]
    NotACapture {
        /// The file.
        path: PathBuf,
        /// What it looks like, with an article, where that is known.
        seems: Option<&'static str>,
    },
    /// It is a capture, or holds one, in a form that is not read.
    #[error("{} cannot be read: {what}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not supported, and what to do.
        what: String,
    },
    /// The file ends in the middle of a record or of its header.
    #[error(
        "{} is cut short {}, at byte {offset}: {have} of {need} bytes are there; copy it again if the original is longer",
        path.display(), after(*packets)
    )]
    CutShort {
        /// The file.
        path: PathBuf,
        /// How many whole packets stand before it.
        packets: u64,
        /// Where the record that is cut starts.
        offset: u64,
        /// How many bytes of the record are there.
        have: u64,
        /// How many it needs, as far as is known.
        need: u64,
    },
    /// A record contradicts itself or the format, so that where the next one starts is unknown.
    #[error("{} is damaged {}, at byte {offset}: {what}; the rest is not read", path.display(), after(*packets))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How many good packets stand before it.
        packets: u64,
        /// Where the damaged record starts.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
    /// Reading or decompressing failed.
    #[error("reading {} failed {}, at byte {offset}: {source}", path.display(), after(*packets))]
    Read {
        /// The file.
        path: PathBuf,
        /// How many good packets stand before it.
        packets: u64,
        /// Where the first record that could not be read whole starts.
        offset: u64,
        /// What the system or the decompressor said.
        source: io::Error,
    },
}

impl CaptureError {
    /// The file or folder that it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Open { path, .. }
            | Self::IsFolder { path }
            | Self::NoCaptures { path }
            | Self::Empty { path }
            | Self::NotACapture { path, .. }
            | Self::Unsupported { path, .. }
            | Self::CutShort { path, .. }
            | Self::Damaged { path, .. }
            | Self::Read { path, .. } => path,
        }
    }

    /// How many good packets stand before the error; 0 for one that came before the first packet.
    pub fn packets(&self) -> u64 {
        match self {
            Self::CutShort { packets, .. } | Self::Damaged { packets, .. } | Self::Read { packets, .. } => {
                *packets
            }
            _ => 0,
        }
    }

    /// The same error, told of a part of a capture with so many packets before it.
    #[must_use]
    pub fn after(mut self, before: u64) -> Self {
        if let Self::CutShort { packets, .. } | Self::Damaged { packets, .. } | Self::Read { packets, .. } =
            &mut self
        {
            *packets += before;
        }
        self
    }

    /// The byte of the (decompressed) capture that it is about, where it is about one.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::CutShort { offset, .. } | Self::Damaged { offset, .. } | Self::Read { offset, .. } => {
                Some(*offset)
            }
            _ => None,
        }
    }
}

fn after(packets: u64) -> String {
    match packets {
        0 => "before the first packet".into(),
        1 => "after 1 packet".into(),
        _ => format!("after {packets} packets"),
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; check the name",
        io::ErrorKind::PermissionDenied => "; you need permission to read it",
        _ => "",
    }
}

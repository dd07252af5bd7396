use std::fmt;

/// The container format of a capture, without its compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileFormat {
    /// The classic format, times in microseconds.
    Pcap,
    /// The classic format, times in nanoseconds.
    PcapNanosecond,
    /// Kuznetzov's modified pcap: longer record headers, with the interface and the protocol.
    PcapModified,
    /// Nokia's pcap: record headers with four more bytes, and nothing in the file header that says so.
    PcapNokia,
    /// AIX's pcap: times in nanoseconds, link types as ifType numbers.
    PcapAix,
    /// Blocks in sections: any number of interfaces, names, comments.
    PcapNg,
    /// The format of Solaris' snoop (RFC 1761), and of Shomiti's Surveyor.
    Snoop,
    /// Endace's extensible record format.
    Erf,
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pcap => "pcap",
            Self::PcapNanosecond => "pcap (nanoseconds)",
            Self::PcapModified => "pcap (modified)",
            Self::PcapNokia => "pcap (Nokia)",
            Self::PcapAix => "pcap (AIX)",
            Self::PcapNg => "pcapng",
            Self::Snoop => "snoop",
            Self::Erf => "ERF",
        })
    }
}

/// What a file that is no capture looks like, from its first bytes.
pub(super) fn looks_like(head: &[u8]) -> Option<&'static str> {
    let known = KNOWN.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| *kind);
    let sample = &head[..head.len().min(512)];
    let text = sample.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b | b' '..=b'~' | 0x80..));
    known.or(text.then_some("a text file"))
}

/// What to say of an archive, or a compression that is not read.
pub(super) fn archive(head: &[u8]) -> Option<&'static str> {
    match head {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some("it is a zip archive; unpack it first"),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Some("it is a 7z archive; unpack it first"),
        [b'R', b'a', b'r', b'!', 0x1a, ..] => Some("it is a rar archive; unpack it first"),
        [0x1f, 0x9d, ..] => Some("it is compressed with compress; use gzip -d first"),
        [0x5d, 0, 0, _, _, ..]
            if head.get(5..13).is_some_and(|size| size.ends_with(&[0; 3]) || size == [0xff; 8]) =>
        {
            Some("it is compressed in the old lzma format; use unlzma first")
        }
        _ if head.get(257..262) == Some(b"ustar") => Some("it is a tar archive; unpack it first"),
        _ => None,
    }
}

const KNOWN: &[(&[u8], &str)] = &[
    (b"GMBU", "a Microsoft Network Monitor capture (convert it with editcap)"),
    (b"RTSS", "a Microsoft Network Monitor capture (convert it with editcap)"),
    (b"TRSNIFF data", "a Sniffer capture (convert it with editcap)"),
    (b"XCP\0", "a NetXRay capture (convert it with editcap)"),
    (b"btsnoop\0", "a Bluetooth HCI log, which has no network addresses"),
    (b"\x7fver", "an EtherPeek capture (convert it with editcap)"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML file"),
];

use std::fmt;

use crate::LinkType;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Covers the years 1677 to 2262; a capture that claims another year is clamped to the nearer end.
///
/// ```
/// use pcapviz_capture::Timestamp;
///
/// assert_eq!(Timestamp::from_nanos(1_500_000_000).to_string(), "1970-01-01T00:00:01.5Z");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time this many nanoseconds after 1970-01-01T00:00:00Z.
    #[inline]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    #[inline]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }
}

/// RFC 3339 in UTC, with as many digits of the second as are not zero.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(self.0.into()) {
            Ok(time) => time.fmt(f),
            // Unreachable: every i64 of nanoseconds lies within jiff's years -9999 to 9999.
            Err(_) => write!(f, "@{}ns", self.0),
        }
    }
}

/// One captured packet, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Packet<'a> {
    /// The packet's number in its capture, from 1, as Wireshark counts.
    pub number: u64,
    /// Where the packet's record starts, in bytes from the start of the (decompressed) capture.
    pub offset: u64,
    /// When it was captured; `None` where the format does not say (pcapng Simple Packet Blocks).
    pub timestamp: Option<Timestamp>,
    /// What the first byte of `captured` is.
    pub link_type: LinkType,
    /// The bytes that were kept; fewer than `wire_len` where a snap length cut the packet.
    pub captured: &'a [u8],
    /// The packet's original length on the wire, in bytes.
    pub wire_len: u32,
    /// Bytes of frame check sequence at the end, where the file says so (else 0).
    pub fcs_len: u8,
}

impl<'a> Packet<'a> {
    /// A packet captured whole, with number 1 and no time: a start for tests and for embedding
    /// programs that have packets from elsewhere.
    pub fn new(link_type: LinkType, captured: &'a [u8]) -> Self {
        let wire_len = u32::try_from(captured.len()).unwrap_or(u32::MAX);
        Self { number: 1, offset: 0, timestamp: None, link_type, captured, wire_len, fcs_len: 0 }
    }
}

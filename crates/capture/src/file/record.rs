//! What a format's decoder finds at the start of a window, whichever the format.

use crate::{LinkType, Timestamp};

/// What stands next in the capture.
pub(super) enum Step {
    /// A packet, whole in the window.
    Packet(Record),
    /// Something else than a packet, of this many bytes from the start of the window.
    Skip(u64),
    /// The window must hold this many bytes before it can be said. If the input ends before, and the window
    /// is not empty, the capture is cut short.
    Need(usize),
    /// A contradiction: where the next record starts is unknown.
    Damaged(String),
}

/// A packet's record, as offsets into the window that it was found in.
pub(super) struct Record {
    /// Bytes of the whole record.
    pub(super) len: usize,
    /// Where the packet's bytes start.
    pub(super) data: usize,
    /// How many of the packet's bytes were kept.
    pub(super) captured: usize,
    /// How many there were on the wire.
    pub(super) wire_len: u32,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) link_type: LinkType,
    pub(super) fcs_len: u8,
}

/// Bytes of a packet's data that were not on the wire: what the capturing program put before it. Only the link
/// types for which Wireshark's file reader takes them off the original length.
#[inline]
pub(super) fn pseudo_header_len(link_type: LinkType, data: &[u8], wire_len: u32) -> u32 {
    if link_type == LinkType::ETHERNET { 0 } else { other_pseudo_header_len(link_type, data, wire_len) }
}

fn other_pseudo_header_len(link_type: LinkType, data: &[u8], wire_len: u32) -> u32 {
    const ERF: u16 = 197;
    match link_type.0 {
        // SunATM, MTP2, Bluetooth HCI H4, Bluetooth monitor.
        123 | 139 | 201 | 254 => 4,
        // SITA, I2C.
        196 | 209 => 5,
        // PPP with direction.
        204 => 1,
        // NFC LLCP.
        245 => 2,
        // The record's header says what was on the wire.
        ERF => match data {
            [_, _, _, _, _, _, _, _, _, _, _, _, _, _, high, low, ..] => {
                wire_len.saturating_sub(u16::from_be_bytes([*high, *low]).into())
            }
            _ => 0,
        },
        _ => 0,
    }
}

/// The most bytes that one packet of this link type can have; a record that claims more is damaged.
///
/// libpcap and Wireshark draw the same line: it tells a damaged length from a real one, and the few link types
/// whose packets are not frames may have long ones.
pub(super) fn packet_limit(link_type: LinkType) -> u32 {
    const USB_LINUX: LinkType = LinkType(189);
    const USB_LINUX_MMAPPED: LinkType = LinkType(220);
    const DBUS: LinkType = LinkType(231);
    const USBPCAP: LinkType = LinkType(249);
    const EBHSCR: LinkType = LinkType(279);
    match link_type {
        USB_LINUX | USB_LINUX_MMAPPED | DBUS | USBPCAP => 128 << 20,
        EBHSCR => 32 << 20,
        _ => 256 << 10,
    }
}

pub(super) fn too_long(captured: u32, limit: u32) -> Step {
    Step::Damaged(format!("a packet claims {captured} captured bytes, and {limit} is the most it can have"))
}

/// Reads integers in a capture's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endian {
    Little,
    Big,
}

impl Endian {
    #[inline]
    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    #[inline]
    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    #[inline]
    pub(super) fn i64(self, bytes: [u8; 8]) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(bytes),
            Self::Big => i64::from_be_bytes(bytes),
        }
    }

    /// The `N` 32-bit integers that `bytes` starts with.
    #[inline]
    pub(super) fn u32s<const N: usize>(self, bytes: &[u8]) -> Option<[u32; N]> {
        let (chunks, _) = bytes.as_chunks::<4>();
        let words = chunks.first_chunk::<N>()?;
        // A loop over places, since `map` and `zip` may stay calls for each of them.
        let mut values = [0; N];
        for i in 0..N {
            values[i] = u32::from_le_bytes(words[i]);
        }
        if self == Self::Big {
            for value in &mut values {
                *value = value.swap_bytes();
            }
        }
        Some(values)
    }
}

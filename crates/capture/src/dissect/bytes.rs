use super::StopReason;
use crate::Packet;

/// The bytes of a packet that are still to be walked: what was captured of them, and how many there
/// were on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a> {
    captured: &'a [u8],
    wire_len: usize,
    offset: usize,
}

impl<'a> Bytes<'a> {
    #[inline(always)]
    pub(crate) fn of(packet: &Packet<'a>) -> Self {
        let wire_len = (packet.wire_len as usize).max(packet.captured.len());
        let fcs = usize::from(packet.fcs_len);
        Self { captured: packet.captured, wire_len, offset: 0 }.limit(wire_len.saturating_sub(fcs))
    }

    /// What was captured, from here to the end of the innermost length seen.
    #[inline(always)]
    pub(crate) fn captured(&self) -> &'a [u8] {
        self.captured
    }

    /// How many bytes there were on the wire; at least as many as were captured.
    #[inline(always)]
    pub(crate) fn wire_len(&self) -> usize {
        self.wire_len
    }

    /// Where these bytes start in the packet.
    #[inline(always)]
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// The first `len` bytes, or why they are not there.
    #[inline(always)]
    pub(crate) fn head(&self, len: usize) -> Result<&'a [u8], StopReason> {
        self.captured.get(..len).ok_or_else(|| self.missing(len))
    }

    /// The first `N` bytes, as an array.
    #[inline(always)]
    pub(crate) fn array<const N: usize>(&self) -> Result<&'a [u8; N], StopReason> {
        self.captured.first_chunk().ok_or_else(|| self.missing(N))
    }

    /// Why `len` bytes are not there: the snap length took them, or they never were.
    #[inline(always)]
    pub(crate) fn missing(&self, len: usize) -> StopReason {
        if len <= self.wire_len { StopReason::CutBySnapLength } else { StopReason::TooShort }
    }

    /// Without the first `len` bytes; empty where there are fewer.
    #[inline(always)]
    pub(crate) fn skip(&self, len: usize) -> Self {
        Self {
            captured: self.captured.get(len..).unwrap_or_default(),
            wire_len: self.wire_len.saturating_sub(len),
            offset: self.offset + len.min(self.wire_len),
        }
    }

    /// No more than `len` bytes on the wire: what a length field says is not padding or trailer.
    #[inline(always)]
    pub(crate) fn limit(&self, len: usize) -> Self {
        Self {
            captured: self.captured.get(..len).unwrap_or(self.captured),
            wire_len: self.wire_len.min(len),
            offset: self.offset,
        }
    }

    #[inline(always)]
    pub(crate) fn be16(&self, at: usize) -> Result<u16, StopReason> {
        let bytes = self.captured.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map(|&bytes| u16::from_be_bytes(bytes)).ok_or_else(|| self.missing(at + 2))
    }

    #[inline(always)]
    pub(crate) fn be32(&self, at: usize) -> Result<u32, StopReason> {
        let bytes = self.captured.get(at..).and_then(<[u8]>::first_chunk);
        bytes.map(|&bytes| u32::from_be_bytes(bytes)).ok_or_else(|| self.missing(at + 4))
    }

    pub(crate) fn le16(&self, at: usize) -> Result<u16, StopReason> {
        self.be16(at).map(u16::swap_bytes)
    }

    pub(crate) fn le32(&self, at: usize) -> Result<u32, StopReason> {
        self.be32(at).map(u32::swap_bytes)
    }
}

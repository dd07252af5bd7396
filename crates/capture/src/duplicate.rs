use crate::{LinkType, Packet, Timestamp};

/// Tells packets that a mirror port delivered twice: the same bytes as one of the four packets before, no
/// more than 10 ms later.
///
/// Four packets are what `editcap -d` looks back; the time keeps apart what a host sends again on purpose,
/// such as a spanning tree's hello every two seconds.
///
/// ```
/// use pcapviz_capture::{DuplicateWindow, LinkType, Packet};
///
/// let mut window = DuplicateWindow::default();
/// let packet = Packet::new(LinkType::ETHERNET, b"twice");
/// assert!(!window.is_duplicate(&packet));
/// assert!(window.is_duplicate(&packet));
/// ```
#[derive(Clone, Debug, Default)]
pub struct DuplicateWindow {
    recent: [Seen; LOOK_BACK],
    next: usize,
    /// The first packets, with whether each was a double.
    head: Vec<(Seen, bool)>,
}

/// How many packets back a double is looked for.
const LOOK_BACK: usize = 4;

/// A packet as it was: to keep a copy costs less than to hash it, and packets that differ do so in their headers.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// Differs where packets do, nearly always: told by one comparison, which the processor foresees.
    mark: u64,
    captured: Vec<u8>,
    /// `None` where there was no packet yet.
    wire_len: Option<u32>,
    nanos: Option<i64>,
}

const WINDOW_NANOS: u64 = 10_000_000;

impl DuplicateWindow {
    /// Whether the packet is a double of one just before it; it is remembered either way. O(its length).
    pub fn is_duplicate(&mut self, packet: &Packet<'_>) -> bool {
        let mark = mark(packet);
        let may_be = self.recent.iter().fold(false, |found, earlier| found | (earlier.mark == mark));
        let found = may_be && self.recent.iter().any(|earlier| earlier.is_as(packet));
        let seen = &mut self.recent[self.next];
        seen.take(packet, mark);
        if self.head.len() < LOOK_BACK {
            self.head.push((seen.clone(), found));
        }
        self.next = (self.next + 1) % LOOK_BACK;
        found
    }

    /// How many packets of the next part of the capture are doubles of this part's last ones and, since
    /// their own window began empty, were not told.
    pub fn duplicates_in(&self, next: &Self) -> u64 {
        let mut window = Self { head: Vec::new(), ..self.clone() };
        next.head.iter().map(|(seen, told)| u64::from(window.is_duplicate(&seen.packet()) && !told)).sum()
    }
}

impl Seen {
    #[inline]
    fn take(&mut self, packet: &Packet<'_>, mark: u64) {
        self.mark = mark;
        self.captured.clear();
        self.captured.extend_from_slice(packet.captured);
        self.wire_len = Some(packet.wire_len);
        self.nanos = packet.timestamp.map(|t| t.as_nanos());
    }

    #[inline]
    fn is_as(&self, later: &Packet<'_>) -> bool {
        let near = || match (self.nanos, later.timestamp) {
            (Some(a), Some(b)) => a.abs_diff(b.as_nanos()) <= WINDOW_NANOS,
            _ => true,
        };
        self.wire_len == Some(later.wire_len) && near() && self.captured == later.captured
    }

    fn packet(&self) -> Packet<'_> {
        let mut packet = Packet::new(LinkType::NULL, &self.captured);
        packet.wire_len = self.wire_len.unwrap_or_default();
        packet.timestamp = self.nanos.map(Timestamp::from_nanos);
        packet
    }
}

/// Of the packet's length and of bytes that are numbers of its own in most: IPv4's identification, TCP's sequence.
#[inline]
fn mark(packet: &Packet<'_>) -> u64 {
    let word = |at| {
        packet.captured.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |&bytes| u64::from_le_bytes(bytes))
    };
    let len = u64::from(packet.wire_len);
    (word(16) ^ word(38).rotate_left(24)).wrapping_add(len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_tell_as_many_as_the_whole(
            packets in prop::collection::vec((0..3_u8, 0..8_i64), 0..24),
            cut in 0..24_usize,
        ) {
            let count = |window: &mut DuplicateWindow, packets: &[(u8, i64)]| {
                packets.iter().filter(|(byte, time)| {
                    let bytes = [*byte];
                    let mut packet = Packet::new(LinkType::ETHERNET, &bytes);
                    packet.timestamp = Some(Timestamp::from_nanos(time * 4_000_000));
                    window.is_duplicate(&packet)
                }).count() as u64
            };
            let fresh = DuplicateWindow::default();
            let (mut whole, mut first, mut second) = (fresh.clone(), fresh.clone(), fresh);
            let (head, tail) = packets.split_at(cut.min(packets.len()));
            let parts = count(&mut first, head) + count(&mut second, tail);
            prop_assert_eq!(parts + first.duplicates_in(&second), count(&mut whole, &packets));
        }
    }
}

use std::hash::BuildHasher;

use crate::Packet;

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
    // Seeded at random: a sender cannot make two packets that are held for one.
    hasher: foldhash::fast::RandomState,
    recent: [Seen; LOOK_BACK],
    next: usize,
    /// The first packets, with whether each was a double.
    head: [Option<(Seen, bool)>; LOOK_BACK],
    packets: usize,
}

/// How many packets back a double is looked for.
const LOOK_BACK: usize = 4;

#[derive(Clone, Copy, Debug)]
struct Seen {
    hash: u64,
    captured_len: usize,
    wire_len: u32,
    nanos: Option<i64>,
}

/// No packet: none is as long.
impl Default for Seen {
    fn default() -> Self {
        Self { hash: 0, captured_len: usize::MAX, wire_len: 0, nanos: None }
    }
}

const WINDOW_NANOS: u64 = 10_000_000;

impl DuplicateWindow {
    /// Whether the packet is a double of one just before it; it is remembered either way. O(its length).
    pub fn is_duplicate(&mut self, packet: &Packet<'_>) -> bool {
        let seen = Seen {
            hash: self.hasher.hash_one(packet.captured),
            captured_len: packet.captured.len(),
            wire_len: packet.wire_len,
            nanos: packet.timestamp.map(|t| t.as_nanos()),
        };
        let found = self.holds(&seen);
        self.remember(seen);
        if self.packets < LOOK_BACK {
            self.head[self.packets] = Some((seen, found));
            self.packets += 1;
        }
        found
    }

    /// How many packets of the next part of the capture are doubles of this part's last ones and, since
    /// their own window began empty, were not told. Both windows must be clones of one.
    pub fn duplicates_in(&self, next: &Self) -> u64 {
        let mut window = self.clone();
        let mut missed = 0;
        for (seen, told) in next.head.iter().flatten() {
            missed += u64::from(!told && window.holds(seen));
            window.remember(*seen);
        }
        missed
    }

    fn holds(&self, seen: &Seen) -> bool {
        self.recent.iter().any(|earlier| earlier.same_as(seen))
    }

    fn remember(&mut self, seen: Seen) {
        self.recent[self.next] = seen;
        self.next = (self.next + 1) % LOOK_BACK;
    }
}

impl Seen {
    fn same_as(&self, later: &Self) -> bool {
        let near = || match (self.nanos, later.nanos) {
            (Some(a), Some(b)) => a.abs_diff(b) <= WINDOW_NANOS,
            _ => true,
        };
        self.hash == later.hash
            && self.captured_len == later.captured_len
            && self.wire_len == later.wire_len
            && near()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{LinkType, Timestamp};

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

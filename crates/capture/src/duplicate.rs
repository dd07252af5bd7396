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
    recent: [Option<Seen>; 4],
    next: usize,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    hash: u64,
    captured_len: usize,
    wire_len: u32,
    nanos: Option<i64>,
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
        let found = self.recent.iter().flatten().any(|earlier| earlier.same_as(&seen));
        self.recent[self.next] = Some(seen);
        self.next = (self.next + 1) % self.recent.len();
        found
    }
}

impl Seen {
    fn same_as(&self, later: &Self) -> bool {
        let near = match (self.nanos, later.nanos) {
            (Some(a), Some(b)) => a.abs_diff(b) <= WINDOW_NANOS,
            _ => true,
        };
        near && self.hash == later.hash
            && self.captured_len == later.captured_len
            && self.wire_len == later.wire_len
    }
}

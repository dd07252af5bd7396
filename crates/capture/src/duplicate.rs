use std::borrow::Cow;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

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
pub struct DuplicateWindow<'a> {
    recent: [Seen<'a>; LOOK_BACK],
    /// Their marks: the same is a first hint of a double, and is mostly not there.
    marks: [u64; LOOK_BACK],
    next: usize,
    /// The first packets with their marks, and whether each was a double.
    head: Vec<(u64, Seen<'static>, bool)>,
}

/// How many packets back a double is looked for.
const LOOK_BACK: usize = 4;

/// Bytes of a packet that are kept. Longer ones are not frames (USB, D-Bus): what is beyond is known by its hash.
const KEPT: usize = 1 << 16;

/// A packet as it was.
#[derive(Clone, Debug, Default)]
struct Seen<'a> {
    /// `None` where there was no packet yet.
    about: Option<About>,
    kept: Cow<'a, [u8]>,
}

/// What is told of a packet before its bytes are compared.
#[derive(Clone, Copy, Debug)]
struct About {
    captured_len: usize,
    wire_len: u32,
    nanos: Option<i64>,
    beyond: u64,
}

const WINDOW_NANOS: u64 = 10_000_000;

impl<'a> DuplicateWindow<'a> {
    /// Whether the packet is a double of one just before it; it is remembered either way. O(1); O(its length) where it
    /// seems to be one, and for what is longer than a frame.
    #[inline]
    pub fn is_duplicate(&mut self, packet: &Packet<'a>) -> bool {
        let about = About::of(packet);
        let kept = packet.captured.get(..KEPT).unwrap_or(packet.captured);
        let found = self.look(mark(packet), about, Cow::Borrowed(kept));
        if self.head.len() < LOOK_BACK {
            let seen = Seen { about: Some(about), kept: Cow::Borrowed(kept) };
            self.head.push((mark(packet), seen.into_owned(), found));
        }
        found
    }

    /// The same window, with copies of what it borrows from packets.
    #[must_use]
    pub fn into_owned(self) -> DuplicateWindow<'static> {
        DuplicateWindow {
            recent: self.recent.map(Seen::into_owned),
            marks: self.marks,
            next: self.next,
            head: self.head,
        }
    }

    #[inline]
    fn look(&mut self, mark: u64, about: About, kept: Cow<'a, [u8]>) -> bool {
        let may_be = self.marks.iter().fold(false, |may_be, &earlier| may_be | (earlier == mark));
        let found = may_be && self.recent.iter().any(|earlier| earlier.is_as(about, &kept));
        self.marks[self.next] = mark;
        self.recent[self.next] = Seen { about: Some(about), kept };
        self.next = (self.next + 1) % LOOK_BACK;
        found
    }
}

impl DuplicateWindow<'static> {
    /// Goes on with the window of the capture's next part. Says how many packets of that are doubles of those before it and, since
    /// its window began empty, were not told. Associative.
    ///
    /// ```
    /// use pcapviz_capture::{DuplicateWindow, LinkType, Packet};
    ///
    /// let packet = Packet::new(LinkType::ETHERNET, b"twice");
    /// let [mut window, mut next] = [DuplicateWindow::default(), DuplicateWindow::default()];
    /// assert!(!window.is_duplicate(&packet) && !next.is_duplicate(&packet));
    /// assert_eq!(window.join(next), 1);
    /// ```
    pub fn join(&mut self, next: Self) -> u64 {
        let mut missed = 0;
        let has_more = next.head.len() == LOOK_BACK;
        for (mark, seen, told) in next.head {
            let Some(about) = seen.about else { continue };
            let found = self.look(mark, about, seen.kept.clone());
            missed += u64::from(found && !told);
            if self.head.len() < LOOK_BACK {
                self.head.push((mark, seen, told || found));
            }
        }
        // Of fewer packets, none is beyond the head.
        if has_more {
            (self.recent, self.marks, self.next) = (next.recent, next.marks, next.next);
        }
        missed
    }
}

impl Seen<'_> {
    fn into_owned(self) -> Seen<'static> {
        Seen { about: self.about, kept: Cow::Owned(self.kept.into_owned()) }
    }

    fn is_as(&self, later: About, kept: &[u8]) -> bool {
        let near = |about: &About| match (about.nanos, later.nanos) {
            (Some(a), Some(b)) => a.abs_diff(b) <= WINDOW_NANOS,
            _ => true,
        };
        let lens = |about: &About| (about.captured_len, about.wire_len, about.beyond);
        self.about.is_some_and(|about| lens(&about) == lens(&later) && near(&about)) && *self.kept == *kept
    }
}

impl About {
    #[inline]
    fn of(packet: &Packet<'_>) -> Self {
        let beyond = packet.captured.get(KEPT..).unwrap_or_default();
        Self {
            captured_len: packet.captured.len(),
            wire_len: packet.wire_len,
            nanos: packet.timestamp.map(|t| t.as_nanos()),
            beyond: if beyond.is_empty() { 0 } else { FixedState::default().hash_one(beyond) },
        }
    }
}

/// Of the packet's length and of two words that differ in most packets, where IPv4's identification and TCP's sequence
/// number stand: one comparison, which the processor foresees. Doubles have the same.
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
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;
    use crate::{LinkType, Timestamp};

    /// A packet to be: its bytes' number, which of them differs, how long it is, when it comes.
    type Spec = (u8, usize, usize, i64);

    fn bytes(&(byte, at, len, _): &Spec) -> Vec<u8> {
        let mut bytes = vec![7; len];
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes
    }

    fn told(window: &mut DuplicateWindow<'static>, packets: &[Spec]) -> Vec<bool> {
        let tell = |spec: &Spec| {
            let bytes = bytes(spec);
            let mut packet = Packet::new(LinkType::ETHERNET, &bytes);
            packet.timestamp = Some(Timestamp::from_nanos(spec.3 * 4_000_000));
            let mut borrowing = std::mem::take(window);
            let found = borrowing.is_duplicate(&packet);
            *window = borrowing.into_owned();
            found
        };
        packets.iter().map(tell).collect()
    }

    proptest! {
        #[test]
        fn doubles_are_the_same_bytes_among_the_four_before(packets in prop::collection::vec(spec(), 0..24)) {
            let mut before: VecDeque<(Vec<u8>, i64)> = VecDeque::new();
            let mut expected = Vec::new();
            for packet in &packets {
                let (bytes, time) = (bytes(packet), packet.3);
                expected.push(before.iter().any(|(b, t)| *b == bytes && (time - t).abs() * 4 <= 10));
                before.push_back((bytes, time));
                while before.len() > 4 {
                    before.pop_front();
                }
            }
            prop_assert_eq!(told(&mut DuplicateWindow::default(), &packets), expected);
        }

        #[test]
        fn parts_tell_as_many_as_the_whole(
            packets in prop::collection::vec(spec(), 0..24),
            mut cuts in prop::collection::vec(0..24_usize, 0..6),
            from_the_right in any::<bool>(),
        ) {
            let expected = told(&mut DuplicateWindow::default(), &packets).into_iter().filter(|double| *double).count();
            cuts.sort_unstable();
            cuts.push(packets.len());
            let (mut rest, mut before, mut count) = (&packets[..], 0, 0);
            let mut parts: Vec<DuplicateWindow<'static>> = Vec::new();
            for cut in cuts {
                let cut = cut.min(packets.len());
                let (part, others) = rest.split_at(cut - before);
                (rest, before) = (others, cut);
                let mut window = DuplicateWindow::default();
                count += told(&mut window, part).into_iter().filter(|double| *double).count() as u64;
                parts.push(window);
            }
            let both = |mut a: DuplicateWindow<'static>, b| {
                count += a.join(b);
                a
            };
            if from_the_right {
                let mut swapped = both;
                parts.into_iter().rev().reduce(|b, a| swapped(a, b));
            } else {
                parts.into_iter().reduce(both);
            }
            prop_assert_eq!(count as usize, expected);
        }
    }

    /// Few, so that doubles are frequent; some longer than what is kept, and different only beyond it.
    fn spec() -> impl Strategy<Value = Spec> {
        let at = prop::sample::select(vec![0, 20, 41, 59, KEPT + 5]);
        (0..3_u8, at, prop::sample::select(vec![0, 1, 60, 60, KEPT + 9]), 0..8_i64)
    }
}

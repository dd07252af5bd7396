use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::{Packet, Timestamp};

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
    /// Those before them, where `recent` has none yet in their place.
    before: [Kept; LOOK_BACK],
    /// The marks of both: the same is a first hint of a double, and is mostly not there.
    marks: [u64; LOOK_BACK],
    next: usize,
    /// The first packets with their marks, and whether each was a double.
    head: Vec<(u64, Kept, bool)>,
}

/// How many packets back a double is looked for.
const LOOK_BACK: usize = 4;

/// Bytes of a packet that are kept. Longer ones are not frames (USB, D-Bus): what is beyond is known by its hash.
const KEPT: usize = 1 << 16;

/// A packet as it is. Nothing but what is copied in no time: nearly every packet is only ever seen.
#[derive(Clone, Copy, Debug, Default)]
struct Seen<'a> {
    /// `None` where there was no packet yet.
    captured: Option<&'a [u8]>,
    wire_len: u32,
    time: Option<Timestamp>,
}

/// A packet as it was.
#[derive(Clone, Debug, Default)]
struct Kept {
    /// `None` where there was no packet yet.
    about: Option<About>,
    start: Vec<u8>,
    time: Option<Timestamp>,
}

/// What is told of a packet before its bytes are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
struct About {
    captured_len: usize,
    wire_len: u32,
    beyond: u64,
}

/// A packet to compare.
#[derive(Clone, Copy)]
struct View<'v> {
    about: About,
    start: &'v [u8],
    time: Option<Timestamp>,
}

const WINDOW_NANOS: u64 = 10_000_000;

impl<'a> DuplicateWindow<'a> {
    /// Whether the packet is a double of one just before it; it is remembered either way. O(1); O(its length) where it
    /// seems to be one, and for what is longer than a frame.
    #[inline]
    pub fn is_duplicate(&mut self, packet: &Packet<'a>) -> bool {
        let seen = Seen::of(packet);
        let mark = mark(packet);
        let found = self.may_have(mark) && self.has(seen.view());
        if self.head.len() < LOOK_BACK {
            self.head.push((mark, Kept::of(seen), found));
        }
        let place = self.go_on(mark);
        self.recent[place] = seen;
        found
    }

    /// The same window, with copies of what it borrows from packets.
    #[must_use]
    pub fn into_owned(self) -> DuplicateWindow<'static> {
        let mut before = self.before;
        for (before, seen) in before.iter_mut().zip(self.recent) {
            if seen.captured.is_some() {
                *before = Kept::of(seen);
            }
        }
        let recent = [Seen::default(); LOOK_BACK];
        DuplicateWindow { recent, before, marks: self.marks, next: self.next, head: self.head }
    }

    #[inline]
    fn may_have(&self, mark: u64) -> bool {
        self.marks.iter().fold(false, |may_be, &earlier| may_be | (earlier == mark))
    }

    #[inline(never)]
    fn has(&self, later: Option<View<'_>>) -> bool {
        let Some(later) = later else { return false };
        let places = self.recent.iter().zip(&self.before);
        places.filter_map(|(seen, kept)| seen.view().or(kept.view())).any(|earlier| earlier.is_as(later))
    }

    /// The place of the oldest packet, which a packet with this mark takes.
    #[inline]
    fn go_on(&mut self, mark: u64) -> usize {
        let place = self.next % LOOK_BACK;
        self.marks[place] = mark;
        self.next = place + 1;
        place
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
        for (mark, kept, told) in next.head {
            let found = self.may_have(mark) && self.has(kept.view());
            missed += u64::from(found && !told);
            let place = self.go_on(mark);
            (self.recent[place], self.before[place]) = (Seen::default(), kept.clone());
            if self.head.len() < LOOK_BACK {
                self.head.push((mark, kept, told || found));
            }
        }
        // Of fewer packets, none is beyond the head.
        if has_more {
            let head = std::mem::take(&mut self.head);
            *self = Self { head, ..next };
        }
        missed
    }
}

impl<'a> Seen<'a> {
    #[inline]
    fn of(packet: &Packet<'a>) -> Self {
        Self { captured: Some(packet.captured), wire_len: packet.wire_len, time: packet.timestamp }
    }

    fn view(&self) -> Option<View<'a>> {
        let captured = self.captured?;
        let (start, beyond) = captured.split_at_checked(KEPT).unwrap_or((captured, &[]));
        let beyond = if beyond.is_empty() { 0 } else { FixedState::default().hash_one(beyond) };
        let about = About { captured_len: captured.len(), wire_len: self.wire_len, beyond };
        Some(View { about, start, time: self.time })
    }
}

impl Kept {
    fn of(seen: Seen<'_>) -> Self {
        let Some(View { about, start, time }) = seen.view() else { return Self::default() };
        Self { about: Some(about), start: start.to_vec(), time }
    }

    fn view(&self) -> Option<View<'_>> {
        Some(View { about: self.about?, start: &self.start, time: self.time })
    }
}

impl View<'_> {
    fn is_as(self, later: View<'_>) -> bool {
        let is_near = match (self.time, later.time) {
            (Some(a), Some(b)) => a.as_nanos().abs_diff(b.as_nanos()) <= WINDOW_NANOS,
            _ => true,
        };
        is_near && self.about == later.about && self.start == later.start
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
    use crate::LinkType;

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

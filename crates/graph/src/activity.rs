use pcapviz_capture::Timestamp;

/// When within its life a flow was active: one bit for each of up to 64 equal slots of time.
///
/// Slots start at multiples of their own width, which is a power of two of nanoseconds and follows from
/// the flow's first and last time alone. So the same packets give the same bits in whatever order, or
/// over however many tables, they were seen: adding up is commutative and associative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Activity {
    bits: u64,
}

/// The narrowest slot, about a millisecond (2^20 ns): finer than any question asked of it.
const NARROWEST: u32 = 20;

/// The exponent of the slots' width and the number of the first slot, for a life from `first` to `last`.
#[inline]
fn scale(first: Timestamp, last: Timestamp) -> (u32, i64) {
    let (first, last) = (first.as_nanos(), last.as_nanos());
    // A span of `bits` bits holds 64 slots or more of any width below 2^(bits - 6): start there.
    let bits = 64 - last.abs_diff(first).leading_zeros();
    let mut exponent = NARROWEST.max(bits.saturating_sub(6));
    while (last >> exponent) - (first >> exponent) >= 64 {
        exponent += 1;
    }
    (exponent, first >> exponent)
}

/// The slots of a flow that still grows, so that they need not be found anew for each moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slots {
    exponent: u32,
    base: i64,
}

impl Slots {
    /// Those of a life.
    #[inline]
    pub(crate) fn of((first, last): (Timestamp, Timestamp)) -> Self {
        let (exponent, base) = scale(first, last);
        Self { exponent, base }
    }

    /// The slot of a moment, if the slots stay as they are with it: a later end within the 64 of the same width changes
    /// none.
    #[inline]
    fn of_later(self, first: Timestamp, time: Timestamp) -> Option<u32> {
        let slot = (time.as_nanos() >> self.exponent).wrapping_sub(self.base);
        (time >= first && (0..64).contains(&slot)).then_some(slot as u32)
    }
}

impl Activity {
    /// A single moment.
    pub(crate) fn once() -> Self {
        Self { bits: 1 }
    }

    /// The same activity over a longer life.
    #[inline]
    fn stretched(self, from: (Timestamp, Timestamp), to: (Timestamp, Timestamp)) -> u64 {
        if from == to {
            return self.bits;
        }
        let ((old_exponent, old_base), (exponent, base)) = (scale(from.0, from.1), scale(to.0, to.1));
        if (old_exponent, old_base) == (exponent, base) {
            return self.bits;
        }
        let mut bits = 0;
        let mut left = self.bits;
        while left != 0 {
            let slot = old_base + i64::from(left.trailing_zeros());
            bits |= 1 << ((slot >> (exponent - old_exponent)) - base);
            left &= left - 1;
        }
        bits
    }

    /// The same with a moment more, which may be outside of the life so far.
    #[inline]
    pub(crate) fn and_at(self, life: (Timestamp, Timestamp), time: Timestamp) -> Self {
        self.and_in(&mut Slots::of(life), life, time)
    }

    /// The same where the life's slots are at hand; they become those of the life with the moment.
    #[inline]
    pub(crate) fn and_in(self, slots: &mut Slots, life: (Timestamp, Timestamp), time: Timestamp) -> Self {
        match slots.of_later(life.0, time) {
            Some(slot) => Self { bits: self.bits | 1 << slot },
            None => self.stretched_to(slots, life, time),
        }
    }

    fn stretched_to(self, slots: &mut Slots, life: (Timestamp, Timestamp), time: Timestamp) -> Self {
        let both = (life.0.min(time), life.1.max(time));
        *slots = Slots::of(both);
        let slot = (time.as_nanos() >> slots.exponent) - slots.base;
        Self { bits: self.stretched(life, both) | 1 << slot }
    }

    /// Both activities, given the lives they belong to.
    #[inline]
    pub(crate) fn merge(
        self,
        life: (Timestamp, Timestamp),
        other: Self,
        other_life: (Timestamp, Timestamp),
    ) -> Self {
        let both = (life.0.min(other_life.0), life.1.max(other_life.1));
        Self { bits: self.stretched(life, both) | other.stretched(other_life, both) }
    }

    /// The slots, the earliest in the lowest bit.
    pub fn bits(self) -> u64 {
        self.bits
    }

    /// In how many slots there was traffic; 0 where no packet had a time.
    pub fn active_slots(self) -> u32 {
        self.bits.count_ones()
    }

    /// The width of one slot in nanoseconds, for a life from `first` to `last`.
    pub fn slot_nanos(first: Timestamp, last: Timestamp) -> u64 {
        1 << scale(first, last).0
    }
}

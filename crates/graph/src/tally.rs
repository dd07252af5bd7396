use std::hash::{BuildHasher, Hash};

use foldhash::quality::RandomState;

/// A sum for each of many keys, in one list that is looked through from the place that a hash gives (linear probing): a look-up
/// reads one line of the processor's cache, where a table with tags beside its entries reads two. Nothing is ever taken out.
#[derive(Clone, Debug)]
pub(crate) struct Tally<K> {
    /// Keys with their sums, or [`EMPTY`]. A power of two of them, or none.
    slots: Vec<(K, u64)>,
    len: usize,
    /// Chosen at random: a capture's sender cannot choose keys that collide. Of quality, for keys that follow each other
    /// must not crowd: what comes before them is looked through.
    hasher: RandomState,
}

/// No sum is so high: they end below.
const EMPTY: u64 = u64::MAX;

/// Slots of the smallest tally.
const FEWEST: usize = 16;

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self { slots: Vec::new(), len: 0, hasher: RandomState::default() }
    }
}

impl<K: Copy + Default + Eq + Hash> Tally<K> {
    /// Adds to the key's sum. O(1), amortised.
    #[inline]
    pub(crate) fn add(&mut self, key: K, more: u64) {
        // At least a quarter of the slots stay empty.
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.grow();
        }
        let place = self.place_of(&key);
        let (known, sum) = &mut self.slots[place];
        if *sum == EMPTY {
            (*known, *sum) = (key, 0);
            self.len += 1;
        }
        *sum = sum.saturating_add(more).min(EMPTY - 1);
    }

    /// Every key with its sum, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, u64)> {
        self.slots.iter().copied().filter(|(_, sum)| *sum != EMPTY)
    }

    /// Adds all of another's sums.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(key, sum)| self.add(key, sum));
    }

    #[cold]
    fn grow(&mut self) {
        let slots = vec![(K::default(), EMPTY); (self.slots.len() * 2).max(FEWEST)];
        let before = std::mem::replace(&mut self.slots, slots);
        for (key, sum) in before.into_iter().filter(|(_, sum)| *sum != EMPTY) {
            let place = self.place_of(&key);
            self.slots[place] = (key, sum);
        }
    }

    /// Where the key stands, or is to stand.
    #[inline]
    fn place_of(&self, key: &K) -> usize {
        let last = self.slots.len() - 1;
        let mut place = self.hasher.hash_one(key) as usize & last;
        while self.slots[place].1 != EMPTY && self.slots[place].0 != *key {
            place = (place + 1) & last;
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::Tally;

    proptest! {
        #[test]
        fn sums_are_those_of_a_map(parts in prop::collection::vec(
            prop::collection::vec((prop_oneof![0..9_u64, any::<u64>()], prop_oneof![0..9_u64, any::<u64>()]), 0..200), 1..4,
        )) {
            let mut expected = BTreeMap::<u64, u64>::new();
            let mut whole = Tally::default();
            for part in parts {
                let mut tally = Tally::default();
                for (key, more) in part {
                    let sum = expected.entry(key).or_default();
                    *sum = sum.saturating_add(more).min(u64::MAX - 1);
                    tally.add(key, more);
                }
                whole.merge(&tally);
            }
            prop_assert_eq!(whole.iter().collect::<BTreeMap<_, _>>(), expected);
        }
    }
}

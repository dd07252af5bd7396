//! Where each flow's row is, by the flow's hash.

/// Rows by hash, in one list that is looked through from the place that a hash gives (linear probing): a look-up reads one line of the
/// processor's cache, where a table with tags beside its entries reads two. Nothing is ever taken out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// A hash in the upper half, and a row in the lower; or [`EMPTY`]. A power of two, or none.
    slots: Vec<u64>,
    len: usize,
}

/// No row has so high a number. Not 0: of memory that is zero from the start, each page is faulted in to be read, and again to be
/// written.
const EMPTY: u64 = u64::MAX;

/// Slots of the smallest index.
const FEWEST: usize = 16;

impl Index {
    /// Whether a look-up for this hash has anything to look at. It reads all that most look-ups do, and does not look at it: where
    /// many are asked before the first is looked at, their waits for memory overlap.
    #[inline]
    pub(crate) fn touch(&self, hash: u32) -> bool {
        self.slots.get(self.place(hash)).is_some_and(|slot| *slot != EMPTY)
    }

    /// The row with this hash that is the `same`. O(1), if hashes are of chance.
    #[inline]
    pub(crate) fn find(&self, hash: u32, same: impl Fn(u32) -> bool) -> Option<u32> {
        let mut place = self.place(hash);
        loop {
            // Of an empty index, there is none.
            let slot = *self.slots.get(place)?;
            if slot == EMPTY {
                return None;
            }
            if (slot >> 32) as u32 == hash && same(slot as u32) {
                return Some(slot as u32);
            }
            place = (place + 1) & (self.slots.len() - 1);
        }
    }

    /// Adds a row that is not there.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u32, row: u32) {
        self.reserve(1);
        self.put(u64::from(hash) << 32 | u64::from(row));
        self.len += 1;
    }

    /// Makes room for so many rows more: at least a quarter of the slots stay empty.
    #[inline]
    pub(crate) fn reserve(&mut self, more: usize) {
        let needed = self.len + more;
        if needed * 4 > self.slots.len() * 3 {
            self.grow((needed * 4).div_ceil(3).next_power_of_two().max(FEWEST));
        }
    }

    #[cold]
    fn grow(&mut self, slots: usize) {
        let before = std::mem::replace(&mut self.slots, vec![EMPTY; slots]);
        before.into_iter().filter(|slot| *slot != EMPTY).for_each(|slot| self.put(slot));
    }

    #[inline]
    fn put(&mut self, slot: u64) {
        let mut place = self.place((slot >> 32) as u32);
        while self.slots[place] != EMPTY {
            place = (place + 1) & (self.slots.len() - 1);
        }
        self.slots[place] = slot;
    }

    #[inline]
    fn place(&self, hash: u32) -> usize {
        hash as usize & self.slots.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::Index;

    proptest! {
        /// Hashes of few values, so that many rows share theirs.
        #[test]
        fn what_was_added_is_found(hashes in prop::collection::vec(prop_oneof![0..9_u32, any::<u32>()], 0..300)) {
            let mut index = Index::default();
            prop_assert_eq!(index.find(0, |_| true), None);
            for (row, hash) in (0..).zip(&hashes) {
                prop_assert_eq!(index.find(*hash, |other| other == row), None);
                index.insert(*hash, row);
            }
            for (row, hash) in (0..).zip(&hashes) {
                prop_assert_eq!(index.find(*hash, |other| other == row), Some(row));
                let any = index.find(*hash, |_| true);
                prop_assert_eq!(any.map(|row| hashes[row as usize]), Some(*hash));
            }
            let known: HashSet<u32> = hashes.into_iter().collect();
            for hash in (0..9).filter(|hash| !known.contains(hash)) {
                prop_assert_eq!(index.find(hash, |_| true), None);
            }
        }
    }
}

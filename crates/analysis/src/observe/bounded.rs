use std::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

/// A key of a [`Bounded`] map.
pub(crate) trait Grouped: Eq + Hash {
    /// What is kept or left out as a whole.
    type Group: Hash;

    fn group(&self) -> Self::Group;
}

/// A value of a [`Bounded`] map: a commutative monoid.
pub(crate) trait Merge {
    fn merge(&mut self, other: Self);

    /// How much room the value takes: one unless it grows. More once more is merged into it, and the same in any order.
    fn size(&self) -> usize {
        1
    }
}

/// A map with room for values of so much size together, which merges: its keys and values do not depend on the
/// order in which they came, nor on how they were spread over maps.
///
/// Where there is no room for all, those groups of keys are kept whose hashes are the lowest (a bottom-k
/// sample: Cohen and Kaplan, "Summarizing data using bottom-k sketches", 2007). A group above the lowest hash
/// that had to go can never come back, so the values of what is kept are complete.
#[derive(Clone, Debug)]
pub(crate) struct Bounded<K, V> {
    map: HashMap<K, V, foldhash::fast::RandomState>,
    /// The sizes of all values.
    size: usize,
    limit: usize,
    /// Groups with this hash or a higher one are left out.
    cut: u64,
}

impl<K: Grouped, V: Merge> Bounded<K, V> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { map: HashMap::default(), size: 0, limit, cut: u64::MAX }
    }

    /// Merges the value into the key's. O(1), amortised.
    pub(crate) fn add(&mut self, key: K, value: V) {
        // The sample's hash is only worth its time once there is one.
        if self.cut < u64::MAX && order(&key) >= self.cut {
            return;
        }
        match self.map.entry(key) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                let before = known.size();
                known.merge(value);
                self.size += known.size() - before;
            }
            Entry::Vacant(place) => self.size += place.insert(value).size(),
        }
        if self.size > 2 * self.limit {
            self.prune();
        }
    }

    /// What is kept, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let cut = self.final_cut();
        self.map.iter().filter(move |(key, _)| cut == u64::MAX || order(*key) < cut)
    }

    /// The value of a key that is kept. Looked up only while nothing has been left out since.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.map.get_mut(key)
    }

    /// Which share of the groups is kept, by the hashes: 1 while all are.
    pub(crate) fn share(&self) -> f64 {
        match self.final_cut() {
            u64::MAX => 1.0,
            cut => cut as f64 / 2_f64.powi(64),
        }
    }

    fn final_cut(&self) -> u64 {
        if self.size <= self.limit {
            return self.cut;
        }
        if self.size == self.map.len() {
            let mut hashes: Vec<u64> = self.map.keys().map(order).collect();
            let (_, first_out, _) = hashes.select_nth_unstable(self.limit);
            return self.cut.min(*first_out);
        }
        let mut hashes: Vec<(u64, usize)> =
            self.map.iter().map(|(key, value)| (order(key), value.size())).collect();
        hashes.sort_unstable();
        let mut room = self.limit;
        let first_out = hashes.iter().find(|(_, size)| match room.checked_sub(*size) {
            Some(left) => {
                room = left;
                false
            }
            None => true,
        });
        first_out.map_or(self.cut, |(hash, _)| self.cut.min(*hash))
    }

    pub(crate) fn merge(&mut self, other: Self) {
        if other.cut < self.cut {
            self.keep_below(other.cut);
        }
        other.map.into_iter().for_each(|(key, value)| self.add(key, value));
    }

    /// Keeps the groups with the lowest hashes, as many as there is room for.
    fn prune(&mut self) {
        // The first group that does not fit wholly has to go, and all above it.
        self.keep_below(self.final_cut());
    }

    fn keep_below(&mut self, cut: u64) {
        self.cut = cut;
        self.map.retain(|key, _| order(key) < cut);
        self.size = self.map.values().map(Merge::size).sum();
    }
}

/// The same on every machine, so that shards agree on what to keep.
fn order<K: Grouped>(key: &K) -> u64 {
    FixedState::with_seed(0x7063_6170).hash_one(key.group())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    impl Grouped for (u8, u8) {
        type Group = u8;

        fn group(&self) -> u8 {
            self.0
        }
    }

    impl Merge for u32 {
        fn merge(&mut self, other: Self) {
            *self += other;
        }
    }

    /// Numbers that are all kept.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Growing(Vec<usize>);

    impl Merge for Growing {
        fn merge(&mut self, other: Self) {
            self.0.extend(other.0);
        }

        fn size(&self) -> usize {
            self.0.len()
        }
    }

    /// Whatever the order and the split, the same is kept; it has room, and it is whole.
    #[track_caller]
    fn check<V: Merge + Clone + std::fmt::Debug + PartialEq>(
        entries: &[((u8, u8), V)],
        at: usize,
        turn: usize,
        canonical: impl Fn(&V) -> V,
    ) {
        let gather = |entries: &[((u8, u8), V)]| {
            let mut map = Bounded::new(20);
            entries.iter().cloned().for_each(|(key, value)| map.add(key, value));
            map
        };
        let kept = |map: &Bounded<(u8, u8), V>| -> BTreeMap<(u8, u8), V> {
            map.iter().map(|(key, value)| (*key, canonical(value))).collect()
        };
        let whole = kept(&gather(entries));
        let mut turned = entries.to_vec();
        turned.rotate_left(turn.min(entries.len()));
        let (left, right) = turned.split_at(at.min(entries.len()));
        let mut joined = gather(right);
        joined.merge(gather(left));
        assert_eq!(whole, kept(&joined));
        assert!(whole.values().map(Merge::size).sum::<usize>() <= 20);
        for (key, value) in whole {
            let mut all = entries.iter().filter(|(of, _)| *of == key).map(|(_, value)| value.clone());
            let mut sum = all.next().unwrap();
            all.for_each(|more| sum.merge(more));
            assert_eq!(value, canonical(&sum));
        }
    }

    proptest! {
        #[test]
        fn any_split_keeps_the_same(
            keys in prop::collection::vec(any::<(u8, u8)>(), 0..300), at in 0..300_usize, turn in 0..300_usize,
        ) {
            check(&keys.iter().map(|key| (*key, 1_u32)).collect::<Vec<_>>(), at, turn, |n| *n);
        }

        #[test]
        fn values_that_grow_have_a_bound_too(
            keys in prop::collection::vec((0..20_u8, 0..3_u8), 0..300), at in 0..300_usize, turn in 0..300_usize,
        ) {
            let entries: Vec<_> = keys.iter().zip(0..).map(|(key, n)| (*key, Growing(vec![n]))).collect();
            check(&entries, at, turn, |value| {
                let mut sorted = value.clone();
                sorted.0.sort_unstable();
                sorted
            });
        }
    }
}

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
}

/// A map with room for a number of keys, which merges: its keys and values do not depend on the order in
/// which they came, nor on how they were spread over maps.
///
/// Where there is no room for all, those groups of keys are kept whose hashes are the lowest (a bottom-k
/// sample: Cohen and Kaplan, "Summarizing data using bottom-k sketches", 2007). A group above the lowest hash
/// that had to go can never come back, so the values of what is kept are complete.
#[derive(Clone, Debug)]
pub(crate) struct Bounded<K, V> {
    map: HashMap<K, V, foldhash::fast::RandomState>,
    limit: usize,
    /// Groups with this hash or a higher one are left out.
    cut: u64,
}

impl<K: Grouped, V: Merge> Bounded<K, V> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { map: HashMap::default(), limit, cut: u64::MAX }
    }

    /// Merges the value into the key's. O(1), amortised.
    pub(crate) fn add(&mut self, key: K, value: V) {
        // The sample's hash is only worth its time once there is one.
        if self.cut < u64::MAX && order(&key) >= self.cut {
            return;
        }
        match self.map.entry(key) {
            Entry::Occupied(mut known) => known.get_mut().merge(value),
            Entry::Vacant(place) => {
                place.insert(value);
                if self.map.len() > 2 * self.limit {
                    self.prune();
                }
            }
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
        if self.map.len() <= self.limit {
            return self.cut;
        }
        let mut hashes: Vec<u64> = self.map.keys().map(order).collect();
        let (_, first_out, _) = hashes.select_nth_unstable(self.limit);
        self.cut.min(*first_out)
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.cut = self.cut.min(other.cut);
        if self.cut < u64::MAX {
            let cut = self.cut;
            self.map.retain(|key, _| order(key) < cut);
        }
        other.map.into_iter().for_each(|(key, value)| self.add(key, value));
    }

    /// Keeps the groups with the lowest hashes, as many as there is room for.
    fn prune(&mut self) {
        // The first group that does not fit wholly has to go, and all above it.
        self.cut = self.final_cut();
        let cut = self.cut;
        self.map.retain(|key, _| order(key) < cut);
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

    proptest! {
        #[test]
        fn any_split_keeps_the_same(
            keys in prop::collection::vec(any::<(u8, u8)>(), 0..300), at in 0..300_usize, turn in 0..300_usize,
        ) {
            let mut whole = Bounded::new(20);
            keys.iter().for_each(|key| whole.add(*key, 1));
            let mut turned = keys.clone();
            turned.rotate_left(turn.min(keys.len()));
            let (left, right) = turned.split_at(at.min(keys.len()));
            let [mut a, mut b] = [left, right].map(|part| {
                let mut map = Bounded::new(20);
                part.iter().for_each(|key| map.add(*key, 1));
                map
            });
            b.merge(std::mem::replace(&mut a, Bounded::new(20)));
            let sorted = |map: &Bounded<(u8, u8), u32>| {
                map.iter().map(|(k, v)| (*k, *v)).collect::<BTreeMap<_, _>>()
            };
            let kept = sorted(&whole);
            prop_assert_eq!(&kept, &sorted(&b));
            prop_assert!(kept.len() <= 20);
            for (key, count) in kept {
                prop_assert_eq!(count as usize, keys.iter().filter(|k| **k == key).count());
            }
        }
    }
}

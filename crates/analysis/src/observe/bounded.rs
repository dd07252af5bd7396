use std::hash::{BuildHasher, Hash};
use std::sync::OnceLock;

use foldhash::fast::RandomState;
use foldhash::quality::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use pcapviz_graph::Sampled;

/// A key of a [`Bounded`] map.
pub(crate) trait Grouped: Eq + Hash {
    /// What is judged as a whole.
    type Group: Hash;

    /// Where there is no room for all: whether all groups get thinner, or some are left out as a whole.
    const THINS: bool = false;

    fn group(&self) -> Self::Group;

    /// By which a group too large keeps its keys: the lowest, the same on every machine.
    fn rank(&self) -> u64 {
        hash(self)
    }
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
/// Where there is no room for all, no group has more than a small part of it: so the largest do not vanish, but have a lower
/// bound, and leave room for the others. Of these, those groups are kept (or keys, where groups [thin](Grouped::THINS))
/// whose hashes are the lowest (a bottom-k sample: Cohen and Kaplan, "Summarizing data using bottom-k sketches", 2007).
/// What is above the lowest hash that had to go can never come back, so the values of what is kept are complete.
#[derive(Clone, Debug)]
pub(crate) struct Bounded<K, V> {
    map: HashMap<K, V, RandomState>,
    /// The sizes of all values.
    size: usize,
    limit: usize,
    /// What a group has at most where there is no room for all.
    group: usize,
    /// What is left out already.
    out: Cuts,
    /// What is left out in the end, if more: of the map as it is.
    in_the_end: OnceLock<Cuts>,
}

/// Which keys are left out.
#[derive(Clone, Debug, PartialEq)]
struct Cuts {
    /// Groups with this hash or a higher one; keys, where groups thin.
    all: u64,
    /// By a group's hash: its keys of this rank or a higher one.
    within: HashMap<u64, u64, RandomState>,
}

impl Default for Cuts {
    fn default() -> Self {
        Self { all: u64::MAX, within: HashMap::default() }
    }
}

impl Cuts {
    fn is_none(&self) -> bool {
        self.all == u64::MAX && self.within.is_empty()
    }

    fn hold<K: Grouped>(&self, key: &K) -> bool {
        let group = hash(&key.group());
        let order = if K::THINS { key.rank() } else { group };
        order >= self.all || self.within.get(&group).is_some_and(|cut| key.rank() >= *cut)
    }
}

impl<K: Grouped, V: Merge> Bounded<K, V> {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            map: HashMap::default(),
            size: 0,
            limit,
            group: limit / 64,
            out: Cuts::default(),
            in_the_end: OnceLock::new(),
        }
    }

    /// Merges the value into the key's. O(1), amortised; O(log n) where there is no room for all.
    pub(crate) fn add(&mut self, key: K, value: V) {
        // The sample's hashes are only worth their time once there is one.
        if !self.out.is_none() && self.out.hold(&key) {
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
            self.out = self.cuts();
            self.prune();
        } else if self.size > self.limit || !self.out.is_none() {
            self.in_the_end = OnceLock::new();
        }
    }

    /// What is kept, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let out = self.in_the_end();
        self.map.iter().filter(move |(key, _)| out.is_none() || !out.hold(*key))
    }

    /// The value of a key that is kept.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let out = self.in_the_end();
        self.map.get(key).filter(|_| out.is_none() || !out.hold(key))
    }

    /// Whether the key has a value for now, kept or not in the end.
    pub(crate) fn seen(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    /// Which share of the groups is kept, by the hashes: 1 while all are. Of keys, where groups thin.
    pub(crate) fn share(&self) -> f64 {
        match self.in_the_end().all {
            u64::MAX => 1.0,
            cut => cut as f64 / 2_f64.powi(64),
        }
    }

    /// Whether nothing was left out.
    pub(crate) fn is_whole(&self) -> bool {
        self.in_the_end().is_none()
    }

    /// What was left out, if anything was; `what` says what the map holds.
    pub(crate) fn sampled(&self, what: &'static str) -> Option<Sampled> {
        let out = self.in_the_end();
        // Where groups thin, all have a part only.
        let in_part = match K::THINS && out.all < u64::MAX {
            true => 0,
            false => out.within.keys().filter(|group| **group < out.all).count(),
        };
        (!out.is_none()).then(|| Sampled::new(what, self.share(), in_part))
    }

    /// Whether nothing of this group was left out.
    pub(crate) fn has_all_of(&self, group: &K::Group) -> bool {
        let (out, group) = (self.in_the_end(), hash(group));
        let is_kept = if K::THINS { out.all == u64::MAX } else { group < out.all || out.all == u64::MAX };
        is_kept && !out.within.contains_key(&group)
    }

    pub(crate) fn merge(&mut self, other: Self) {
        if !other.out.is_none() {
            self.out.all = self.out.all.min(other.out.all);
            for (group, cut) in other.out.within {
                self.out.within.entry(group).and_modify(|mine| *mine = cut.min(*mine)).or_insert(cut);
            }
            self.prune();
        }
        other.map.into_iter().for_each(|(key, value)| self.add(key, value));
    }

    fn in_the_end(&self) -> &Cuts {
        if self.size <= self.limit && self.out.is_none() {
            return &self.out;
        }
        self.in_the_end.get_or_init(|| self.cuts())
    }

    /// What has to go, if anything has to: of each group what is past its room, and then of all.
    fn cuts(&self) -> Cuts {
        let mut out = self.out.clone();
        let mut keys: Vec<(u64, u64, usize)> =
            self.map.iter().map(|(key, value)| (hash(&key.group()), key.rank(), value.size())).collect();
        keys.sort_unstable();
        // Where each that is kept or left out stands, and how much room it takes.
        let mut places: Vec<(u64, usize)> = Vec::new();
        for of_group in keys.chunk_by(|a, b| a.0 == b.0) {
            let group = of_group[0].0;
            let mut room = self.group;
            let past = of_group.iter().find(|(.., size)| !take(&mut room, *size));
            let cut = past.map(|past| *out.within.entry(group).insert(past.1).get());
            if K::THINS {
                let is_kept = |key: &&(u64, u64, usize)| cut.is_none_or(|cut| key.1 < cut);
                places.extend(of_group.iter().filter(is_kept).map(|key| (key.1, key.2)));
            } else if !out.within.contains_key(&group) {
                places.push((group, self.group - room));
            }
        }
        if !K::THINS {
            // What had to go leaves room that stays empty: values that grow must not make room for others.
            places.extend(out.within.keys().map(|group| (*group, self.group)));
        }
        places.sort_unstable();
        let mut room = self.limit;
        if let Some((place, _)) = places.iter().find(|(_, size)| !take(&mut room, *size)) {
            out.all = out.all.min(*place);
        }
        out
    }

    /// Drops what is left out.
    fn prune(&mut self) {
        if !K::THINS {
            let all = self.out.all;
            self.out.within.retain(|group, _| *group < all);
        }
        let out = &self.out;
        self.map.retain(|key, _| !out.hold(key));
        self.size = self.map.values().map(Merge::size).sum();
        self.in_the_end = OnceLock::new();
    }
}

/// Whether there was room for so much.
fn take(room: &mut usize, size: usize) -> bool {
    let left = room.checked_sub(size);
    *room = left.unwrap_or(0);
    left.is_some()
}

/// The same on every machine, so that shards agree on what to keep.
fn hash<T: Hash + ?Sized>(value: &T) -> u64 {
    FixedState::with_seed(0x7063_6170).hash_one(value)
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

    /// A key of a group that gets thinner.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    struct Thin((u8, u8));

    impl Grouped for Thin {
        type Group = u8;

        const THINS: bool = true;

        fn group(&self) -> u8 {
            self.0.0
        }
    }

    /// Whatever the order and the split, the same is kept; it has room, and it is whole.
    #[track_caller]
    fn check<
        K: Grouped<Group = u8> + Copy + Ord + std::fmt::Debug,
        V: Merge + Clone + std::fmt::Debug + PartialEq,
    >(
        entries: &[(K, V)],
        at: usize,
        turn: usize,
        canonical: impl Fn(&V) -> V,
    ) {
        let gather = |entries: &[(K, V)]| {
            let mut map = Bounded { group: 6, ..Bounded::new(20) };
            entries.iter().cloned().for_each(|(key, value)| map.add(key, value));
            map
        };
        let kept = |map: &Bounded<K, V>| -> BTreeMap<K, V> {
            map.iter().map(|(key, value)| (*key, canonical(value))).collect()
        };
        let (all, whole) = (gather(entries), kept(&gather(entries)));
        let mut turned = entries.to_vec();
        turned.rotate_left(turn.min(entries.len()));
        let (left, right) = turned.split_at(at.min(entries.len()));
        let mut joined = gather(right);
        joined.merge(gather(left));
        assert_eq!(whole, kept(&joined));
        assert_eq!((all.share(), all.is_whole()), (joined.share(), joined.is_whole()));
        assert_eq!(all.sampled(""), joined.sampled(""));
        assert!(whole.values().map(Merge::size).sum::<usize>() <= 20);
        let mut groups: BTreeMap<u8, [BTreeMap<K, usize>; 2]> = BTreeMap::new();
        for (key, value) in entries {
            let [of_all, _] = groups.entry(key.group()).or_default();
            *of_all.entry(*key).or_default() += value.size();
        }
        for (key, value) in whole {
            assert!(all.get(&key).is_some());
            let mut all = entries.iter().filter(|(of, _)| *of == key).map(|(_, value)| value.clone());
            let mut sum = all.next().unwrap();
            all.for_each(|more| sum.merge(more));
            assert_eq!(value, canonical(&sum));
            groups.entry(key.group()).or_default()[1].insert(key, value.size());
        }
        for (group, [of_all, of_kept]) in groups {
            // A group has all its keys or few of them, and says so.
            assert_eq!(all.has_all_of(&group), joined.has_all_of(&group));
            assert!(!all.has_all_of(&group) || of_all.len() == of_kept.len());
            assert!(all.is_whole() || of_kept.values().sum::<usize>() <= 6);
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
        fn large_groups_keep_a_part(
            keys in prop::collection::vec((0..5_u8, any::<u8>()), 0..300), at in 0..300_usize, turn in 0..300_usize,
        ) {
            check(&keys.iter().map(|key| (*key, 1_u32)).collect::<Vec<_>>(), at, turn, |n| *n);
        }

        #[test]
        fn groups_that_thin_do_so_in_any_split(
            keys in prop::collection::vec((0..9_u8, any::<u8>()), 0..300), at in 0..300_usize, turn in 0..300_usize,
        ) {
            check(&keys.iter().map(|key| (Thin(*key), 1_u32)).collect::<Vec<_>>(), at, turn, |n| *n);
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

    /// However large one group is, and however many small ones there are: it has a part of its keys.
    #[test]
    fn the_largest_group_does_not_vanish() {
        let mut map: Bounded<(u8, u8), u32> = Bounded { group: 6, ..Bounded::new(20) };
        (0..=255).for_each(|n| map.add((7, n), 1));
        (0..5).for_each(|n| map.add((n, 0), 1));
        assert_eq!(map.iter().filter(|(key, _)| key.0 == 7).count(), 6);
        assert_eq!(map.iter().count(), 11);
        assert!(!map.has_all_of(&7) && map.has_all_of(&1) && map.share() == 1.0);
    }
}

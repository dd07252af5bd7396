use crate::packed::{Packed, PackedV4, PackedV6};
use crate::partition::{Added, Partition};
use crate::table::place;
use crate::{FlowKey, FlowStats};

/// Packets that wait to be counted in a [`FlowTable`](crate::FlowTable), a few dozen at most.
///
/// The rows of a table with many flows are far from the processor, and to look one up is mostly to wait for
/// memory. Looked up together, they are waited for together.
#[derive(Clone, Debug, Default)]
pub struct FlowBatch {
    v4: Waiting<PackedV4>,
    v6: Waiting<PackedV6>,
}

/// Keys, and beside each what is to be added to its row.
#[derive(Clone, Debug)]
struct Waiting<K> {
    keys: Vec<K>,
    stats: Vec<FlowStats>,
}

/// Look-ups that wait together: about as many as a processor has under way at once.
const BATCH: usize = 32;

impl FlowBatch {
    /// Adds a packet, and says how many flows were new, if that made it count all that wait.
    #[inline]
    pub(crate) fn add(
        &mut self,
        key: &FlowKey,
        stats: FlowStats,
        seed: u64,
        v4: &mut [Partition<PackedV4>],
        v6: &mut [Partition<PackedV6>],
    ) -> usize {
        if key.hosts.is_some_and(|hosts| hosts.source.is_ipv6()) {
            self.v6.add(PackedV6::pack(key), stats, seed, v6)
        } else {
            self.v4.add(PackedV4::pack(key), stats, seed, v4)
        }
    }

    /// Counts all that wait, and says how many flows were new.
    pub(crate) fn settle(
        &mut self,
        seed: u64,
        v4: &mut [Partition<PackedV4>],
        v6: &mut [Partition<PackedV6>],
    ) -> usize {
        self.v4.count(seed, v4) + self.v6.count(seed, v6)
    }
}

impl<K> Default for Waiting<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), stats: Vec::new() }
    }
}

impl<K: Packed> Waiting<K> {
    #[inline]
    fn add(&mut self, key: K, stats: FlowStats, seed: u64, partitions: &mut [Partition<K>]) -> usize {
        self.keys.push(key);
        self.stats.push(stats);
        if self.keys.len() < BATCH { 0 } else { self.count(seed, partitions) }
    }

    /// In three passes, so that what each waits for does not hang on what it did before: the places in the
    /// index, the rows' keys, the rows.
    fn count(&mut self, seed: u64, partitions: &mut [Partition<K>]) -> usize {
        let mut found = [(0, 0, None); BATCH];
        for (found, key) in found.iter_mut().zip(&self.keys) {
            let (partition, hash) = place(seed, key);
            *found = (partition, hash, partitions[partition].guess(hash));
        }
        for ((partition, _, row), key) in found.iter_mut().zip(&self.keys) {
            *row = row.filter(|row| partitions[*partition].is_of(*row, key));
        }
        let mut new = 0;
        for ((partition, hash, row), (key, stats)) in found.into_iter().zip(self.keys.iter().zip(&self.stats))
        {
            match row {
                Some(row) => partitions[partition].add_to(row, stats),
                None => new += usize::from(partitions[partition].add(hash, key, stats, true) == Added::New),
            }
        }
        self.keys.clear();
        self.stats.clear();
        new
    }
}

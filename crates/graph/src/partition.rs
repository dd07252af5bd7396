//! A part of the flow table: the flows whose hashes share a few bits.

use std::hint::black_box;

use crate::FlowStats;
use crate::index::Index;
use crate::packed::Packed;
use crate::packed_stats::{Known, PackedStats, ProtocolSets, Single, Sum};
use crate::table::place;

/// Rows that never move, and an index of them that is small enough to grow without notice.
#[derive(Clone, Debug)]
pub(crate) struct Partition<K: Packed> {
    /// Of the hashes, which the whole table shares.
    seed: u64,
    index: Index,
    /// Chunks, and how many of their rows are not in the index yet: they are added when a flow is next looked for. After the last
    /// merge, none is.
    waiting: Vec<(usize, usize)>,
    /// No chunk has more than [`CHUNK`] rows; only the last one grows.
    chunks: Vec<Vec<Row<K>>>,
    /// What is known of the flows of more than one packet.
    several: Vec<PackedStats>,
    sets: ProtocolSets,
    len: usize,
    /// Whether some flow was in a virtual network.
    has_virtual: bool,
}

/// A flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<K: Packed> {
    _align: K::Align,
    pub(crate) key: K,
    sums: Sums,
}

/// What is known of the row's flow.
#[derive(Clone, Copy, Debug)]
enum Sums {
    Single(Single),
    /// It stands there, among those of [`Partition::several`].
    Several(u32),
}

/// Rows of a chunk: large enough for the allocator to give them back to the system one by one.
const CHUNK: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: u32 = 11;

/// Rows that the first chunk starts with, so that small tables stay small.
const FIRST: usize = 8;

impl<K: Packed> Partition<K> {
    /// An empty one.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            index: Index::default(),
            waiting: Vec::new(),
            chunks: Vec::new(),
            several: Vec::new(),
            sets: ProtocolSets::default(),
            len: 0,
            has_virtual: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds to the flow's row, or gives it one, and says whether it is new. O(1).
    #[inline]
    pub(crate) fn add(&mut self, hash: u32, key: &K, sum: &Sum) -> bool {
        let is_new = !self.add_to_known(hash, key, sum);
        if is_new {
            let sums = Sums::of(sum.pack(&mut self.sets), &mut self.several);
            self.push(hash, Row { _align: K::ALIGN, key: *key, sums });
        }
        is_new
    }

    /// Adds to the flow's row, and says whether it has one. O(1).
    #[inline]
    pub(crate) fn add_to_known(&mut self, hash: u32, key: &K, sum: &Sum) -> bool {
        let row = self.find(hash, key);
        if let Some(row) = row {
            self.add_to(row, sum);
        }
        row.is_some()
    }

    /// Adds to a row that is known to be the flow's.
    #[inline]
    pub(crate) fn add_to(&mut self, row: u32, sum: &Sum) {
        let (chunk, place) = split(row);
        let row = &mut self.chunks[chunk][place];
        row.sums.add(sum, &mut self.several, &mut self.sets);
    }

    /// Whether there may be a flow with this hash: see [`Index::touch`].
    #[inline]
    pub(crate) fn touch(&mut self, hash: u32) -> bool {
        self.index_waiting();
        self.index.touch(hash)
    }

    /// The row that a flow with this hash most likely has.
    #[inline]
    pub(crate) fn guess(&mut self, hash: u32) -> Option<u32> {
        self.index_waiting();
        self.index.find(hash, |_| true)
    }

    /// Whether the row is this flow's.
    #[inline]
    pub(crate) fn is_of(&self, row: u32, key: &K) -> bool {
        let (chunk, place) = split(row);
        self.chunks[chunk][place].key.same_as(key)
    }

    /// Reads what [`add_to`](Self::add_to) is going to, and does not look at it: see [`touch`](Self::touch).
    #[inline]
    pub(crate) fn touch_sums(&self, row: u32) {
        let (chunk, place) = split(row);
        if let Sums::Several(at) = self.chunks[chunk][place].sums {
            black_box(self.several[at as usize].packets());
        }
    }

    /// Adds another partition's flows, made with the same seed. Chunks whose flows are new here stay where they are. O(flows of
    /// `other`).
    pub(crate) fn merge(&mut self, other: Self) {
        self.has_virtual |= other.has_virtual;
        drop(other.index);
        let (mut found, mut waiting) = (Vec::with_capacity(CHUNK), Vec::new());
        for mut chunk in other.chunks {
            // A chunk's flows differ, so where they stand does not hang on each other: looked up together, as in
            // a batch, for the look-ups wait for memory.
            found.clear();
            found.extend(chunk.iter().map(|row| {
                let hash = self.hash(&row.key);
                (hash, self.touch(hash))
            }));
            let mut at = found.iter();
            let mut hashes = Vec::new();
            chunk.retain_mut(|row| {
                let Some(&(hash, may_be)) = at.next() else { return true };
                let mine = if may_be { self.find(hash, &row.key) } else { None };
                if let Some(mine) = mine {
                    self.add_to(mine, &Sum::from(&row.sums.unpack(&other.several, &other.sets)));
                } else {
                    let known = match row.sums {
                        Sums::Single(single) => single.renumbered(&other.sets, &mut self.sets),
                        Sums::Several(at) => {
                            let several = other.several[at as usize];
                            Known::Several(several.renumbered(&other.sets, &mut self.sets))
                        }
                    };
                    row.sums = Sums::of(known, &mut self.several);
                    hashes.push(hash);
                }
                mine.is_none()
            });
            if chunk.len() < CHUNK / 2 {
                for (row, hash) in chunk.iter().zip(hashes) {
                    self.push(hash, *row);
                }
            } else {
                // Of one table, the flows differ: they need not be found before all are there.
                waiting.push((self.chunks.len(), chunk.len()));
                self.len += chunk.len();
                self.chunks.push(chunk);
            }
        }
        self.waiting.append(&mut waiting);
    }

    /// Gives the index back, which is made anew when a flow is next looked for.
    pub(crate) fn forget_index(&mut self) {
        self.index = Index::default();
        self.waiting = self.chunks.iter().map(Vec::len).enumerate().collect();
    }

    /// All rows, in the order in which they lie.
    #[inline]
    pub(crate) fn chunks(&self) -> &[Vec<Row<K>>] {
        &self.chunks
    }

    /// The rows of flows in virtual networks: asked for often, and most captures have none.
    pub(crate) fn virtual_rows(&self) -> impl Iterator<Item = &Row<K>> {
        let chunks = if self.has_virtual { self.chunks() } else { &[] };
        chunks.iter().flatten().filter(|row| row.key.is_virtual())
    }

    /// Every row, in the order in which they lie.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row<K>> {
        self.chunks.iter().flatten()
    }

    /// What is known of a flow of this partition.
    #[inline(always)]
    pub(crate) fn stats(&self, row: &Row<K>) -> FlowStats {
        row.sums.unpack(&self.several, &self.sets)
    }

    /// The flow's packets.
    #[inline]
    pub(crate) fn packets(&self, row: &Row<K>) -> u64 {
        match row.sums {
            Sums::Single(_) => 1,
            Sums::Several(at) => self.several[at as usize].packets(),
        }
    }

    /// The flow's bytes on the wire.
    #[inline]
    pub(crate) fn bytes(&self, row: &Row<K>) -> u64 {
        match row.sums {
            Sums::Single(single) => single.bytes(),
            Sums::Several(at) => self.several[at as usize].bytes(),
        }
    }

    #[inline]
    fn find(&mut self, hash: u32, key: &K) -> Option<u32> {
        self.index_waiting();
        self.index.find(hash, |row| self.is_of(row, key))
    }

    /// Adds a flow that is not there yet.
    #[inline]
    fn push(&mut self, hash: u32, row: Row<K>) {
        self.has_virtual |= row.key.is_virtual();
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => {
                if chunk.len() == chunk.capacity() {
                    chunk.reserve_exact(chunk.len().min(CHUNK - chunk.len()));
                }
                chunk.push(row);
            }
            last => {
                let mut chunk = Vec::with_capacity(if last.is_none() { FIRST } else { CHUNK });
                chunk.push(row);
                self.chunks.push(chunk);
            }
        }
        let chunk = self.chunks.len() - 1;
        self.len += 1;
        self.index.insert(hash, join(chunk, self.chunks[chunk].len() - 1));
    }

    #[inline]
    fn index_waiting(&mut self) {
        if !self.waiting.is_empty() {
            self.index_all_waiting();
        }
    }

    #[cold]
    fn index_all_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        self.index.reserve(waiting.iter().map(|(_, rows)| rows).sum());
        for (chunk, rows) in waiting {
            for place in 0..rows {
                let hash = self.hash(&self.chunks[chunk][place].key);
                self.index.insert(hash, join(chunk, place));
            }
        }
    }

    #[inline]
    fn hash(&self, key: &K) -> u32 {
        place(self.seed, key).1
    }
}

impl Sums {
    #[inline]
    fn of(known: Known, several: &mut Vec<PackedStats>) -> Self {
        match known {
            Known::Single(single) => Self::Single(single),
            Known::Several(known) => keep(several, known),
        }
    }

    #[inline]
    fn add(&mut self, sum: &Sum, several: &mut Vec<PackedStats>, sets: &mut ProtocolSets) {
        let at = match *self {
            Self::Several(at) => at as usize,
            Self::Single(single) => {
                *self = keep(several, single.widened());
                several.len() - 1
            }
        };
        sum.add_to(&mut several[at], sets);
    }

    #[inline(always)]
    fn unpack(self, several: &[PackedStats], sets: &ProtocolSets) -> FlowStats {
        match self {
            Self::Single(single) => single.widened().unpack(sets),
            Self::Several(at) => several[at as usize].unpack(sets),
        }
    }
}

fn keep(several: &mut Vec<PackedStats>, stats: PackedStats) -> Sums {
    several.push(stats);
    Sums::Several((several.len() - 1) as u32)
}

/// A row's chunk and its place there.
#[inline]
fn split(row: u32) -> (usize, usize) {
    let row = row as usize;
    (row >> CHUNK_BITS, row & (CHUNK - 1))
}

/// The opposite of [`split`]. 32 bits suffice: so many rows take 400 GB, in each of the partitions.
fn join(chunk: usize, place: usize) -> u32 {
    (chunk << CHUNK_BITS | place) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Partition, Row};
    use crate::packed::{PackedV4, PackedV6};
    use crate::packed_stats::{PackedStats, Sum};
    use crate::{FlowStats, Position, Traffic};

    /// A partition with a packet of each of these flows.
    fn of(flows: impl Iterator<Item = u32>) -> Partition<PackedV4> {
        let mut partition = Partition::new(1);
        flows.for_each(|flow| add(&mut partition, flow));
        partition
    }

    fn add(partition: &mut Partition<PackedV4>, flow: u32) {
        let traffic = Traffic { packets: 1, bytes: 60, payload_bytes: 0 };
        let (life, position, activity) = (None, Position { capture: 0, offset: 0 }, Default::default());
        let stats =
            FlowStats { traffic, life, position, protocols: Default::default(), tcp_flags: 0, activity };
        partition.add(partition.hash(&[flow; 9]), &[flow; 9], &Sum::from(&stats));
    }

    /// Partitions of several chunks each, some of whose flows are the same, and packets after they are merged.
    #[test]
    fn merged_flows_are_found_again() {
        let parts = [0..9000_u32, 4000..30_000, 29_000..36_000, 100_000..109_000];
        let mut whole = of(0..0);
        parts.iter().for_each(|flows| whole.merge(of(flows.clone())));
        (0..20_000).for_each(|flow| add(&mut whole, flow));
        whole.forget_index();
        (20_000..40_000).for_each(|flow| add(&mut whole, flow));
        let mut found = HashMap::new();
        for row in whole.rows() {
            assert!(found.insert(row.key[0], whole.packets(row)).is_none(), "{} twice", row.key[0]);
            assert_eq!(whole.bytes(row), 60 * whole.packets(row));
        }
        let times = |flow: u32| {
            parts.iter().filter(|flows| flows.contains(&flow)).count() as u64 + u64::from(flow < 40_000)
        };
        let expected = (0..110_000).map(|flow| (flow, times(flow))).filter(|(_, times)| *times > 0);
        assert_eq!(found, expected.collect());
        assert_eq!(whole.len(), found.len());
    }

    #[test]
    fn rows_are_small() {
        assert_eq!([size_of::<Row<PackedV4>>(), size_of::<Row<PackedV6>>()], [64, 88]);
        assert_eq!(size_of::<PackedStats>(), 64);
    }
}

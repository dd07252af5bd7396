use crate::{FlowKey, Totals};
use pcapviz_capture::{Absence, Dissection, GraphLayer, HeadersId};

use crate::packed::{Arrival, Packed, PackedV4, PackedV6};
use crate::partition::Partition;
use crate::table::place;

/// Packets that wait to be counted in a [`FlowTable`](crate::FlowTable), a few dozen at most.
///
/// The rows of a table with many flows are far from the processor, and to look one up is mostly to wait for
/// memory. Looked up together, they are waited for together. Where packets share their
/// [headers](pcapviz_capture::Dissection::headers), the row is looked up once.
///
/// A batch is for one table at a time: it is to be settled before another one counts by it.
#[derive(Clone, Debug, Default)]
pub struct FlowBatch {
    v4: Waiting<PackedV4>,
    v6: Waiting<PackedV6>,
    absent: Vec<((GraphLayer, Absence), u64)>,
}

/// Keys, and beside each the packet that is to be added to its row.
#[derive(Clone, Debug)]
struct Waiting<K> {
    keys: Vec<K>,
    arrivals: Vec<(Arrival, Option<HeadersId>)>,
    /// The rows of flows whose packets share headers, by the place of these.
    rows: Vec<Option<(HeadersId, Place)>>,
}

/// Where a flow's row is: its partition, and its number there.
#[derive(Clone, Copy, Debug)]
struct Place {
    partition: u32,
    row: u32,
}

/// Kinds of absence that wait to be added to the totals. Packets of few kinds follow each other, and are found in a short
/// list before a tree.
const ABSENCES: usize = 16;

/// Look-ups that wait together: about as many as a processor has under way at once.
const BATCH: usize = 32;

impl FlowBatch {
    /// Adds a packet, and says how many flows were new, if that made it count all that wait.
    #[inline]
    pub(crate) fn add(
        &mut self,
        found: &Dissection<'_>,
        arrival: Arrival,
        seed: u64,
        v4: &mut [Partition<PackedV4>],
        v6: &mut [Partition<PackedV6>],
    ) -> usize {
        let key = || FlowKey::of(found);
        if found.hosts.is_some_and(|hosts| hosts.addresses.source.is_ipv6()) {
            self.v6.add(|| PackedV6::pack(&key()), found.headers, arrival, seed, v6)
        } else {
            self.v4.add(|| PackedV4::pack(&key()), found.headers, arrival, seed, v4)
        }
    }

    /// Counts a packet that is not in a layer's graph.
    #[inline]
    pub(crate) fn leave_out(&mut self, from: (GraphLayer, Absence), totals: &mut Totals) {
        match self.absent.iter_mut().find(|(known, _)| *known == from) {
            Some((_, packets)) => *packets += 1,
            None => {
                if self.absent.len() == ABSENCES {
                    totals.absences(self.absent.drain(..));
                }
                self.absent.push((from, 1));
            }
        }
    }

    /// Counts all that wait, and says how many flows were new.
    pub(crate) fn settle(
        &mut self,
        totals: &mut Totals,
        seed: u64,
        v4: &mut [Partition<PackedV4>],
        v6: &mut [Partition<PackedV6>],
    ) -> usize {
        totals.absences(self.absent.drain(..));
        let new = self.v4.count(seed, v4) + self.v6.count(seed, v6);
        self.v4.rows.clear();
        self.v6.rows.clear();
        new
    }
}

impl<K> Default for Waiting<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), arrivals: Vec::new(), rows: Vec::new() }
    }
}

impl<K: Packed> Waiting<K> {
    #[inline]
    fn add(
        &mut self,
        key: impl FnOnce() -> K,
        headers: Option<HeadersId>,
        arrival: Arrival,
        seed: u64,
        partitions: &mut [Partition<K>],
    ) -> usize {
        if let Some(headers) = headers
            && let Some(Some((same, at))) = self.rows.get(headers.place())
            && *same == headers
            && partitions[at.partition as usize].try_add_to(at.row, &arrival)
        {
            return 0;
        }
        self.keys.push(key());
        self.arrivals.push((arrival, headers));
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
        for ((partition, hash, row), (key, (arrival, headers))) in
            found.into_iter().zip(self.keys.iter().zip(&self.arrivals))
        {
            let rows = &mut partitions[partition];
            let row = match row {
                Some(row) => {
                    rows.add_to(row, arrival);
                    row
                }
                None => {
                    let (row, added) = rows.add(hash, key, arrival);
                    new += usize::from(added);
                    row
                }
            };
            if let Some(headers) = headers {
                self.rows.resize(HeadersId::PLACES, None);
                self.rows[headers.place()] = Some((*headers, Place { partition: partition as u32, row }));
            }
        }
        self.keys.clear();
        self.arrivals.clear();
        new
    }
}

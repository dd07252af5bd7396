use crate::{FlowKey, Totals};
use pcapviz_capture::{Absence, Dissection, GraphLayer, HeadersId};

use crate::packed::{Packed, PackedV4, PackedV6};
use crate::packed_stats::Arrival;
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
    rows: Rows,
    absent: Vec<((GraphLayer, Absence), u64)>,
}

/// Keys, and beside each the packet that is to be added to its row.
#[derive(Clone, Debug)]
struct Waiting<K> {
    keys: Vec<K>,
    arrivals: Vec<(Arrival, Option<HeadersId>)>,
}

/// The rows of flows whose packets share headers, by the place of these.
type Rows = Vec<Option<(HeadersId, Place)>>;

/// Where a flow's row is: over which version of IP, in which partition, and its number there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) is_v6: bool,
    pub(crate) partition: u16,
    pub(crate) row: u32,
}

/// Kinds of absence that wait to be added to the totals. Packets of few kinds follow each other, and are found in a short
/// list before a tree.
const ABSENCES: usize = 16;

/// Look-ups that wait together: about as many as a processor has under way at once.
const BATCH: usize = 32;

/// So few flows are near enough to be looked up one by one: then the next packet with the same headers finds its row.
const NEAR: usize = 1 << 15;

impl FlowBatch {
    /// The row of the flow that packets with these headers belong to, if it is remembered.
    #[inline]
    pub(crate) fn row(&self, headers: HeadersId) -> Option<Place> {
        self.rows.get(headers.place())?.filter(|(same, _)| *same == headers).map(|(_, place)| place)
    }

    /// Adds a packet to those that wait to be counted in a table of so many flows, and says how many flows were new, if
    /// that made it count them.
    #[inline]
    pub(crate) fn add(
        &mut self,
        found: &Dissection<'_>,
        arrival: Arrival,
        flows: usize,
        seed: u64,
        v4: &mut [Partition<PackedV4>],
        v6: &mut [Partition<PackedV6>],
    ) -> usize {
        let key = FlowKey::of(found);
        let packet = (arrival, found.headers);
        let is_near = flows < NEAR;
        if key.hosts.is_some_and(|hosts| hosts.source.is_ipv6()) {
            self.v6.add(PackedV6::pack(&key), packet, is_near, seed, v6, &mut self.rows)
        } else {
            self.v4.add(PackedV4::pack(&key), packet, is_near, seed, v4, &mut self.rows)
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
        let new = self.v4.count(seed, v4, &mut self.rows) + self.v6.count(seed, v6, &mut self.rows);
        self.rows.clear();
        new
    }
}

impl<K> Default for Waiting<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), arrivals: Vec::new() }
    }
}

impl<K: Packed> Waiting<K> {
    #[inline]
    fn add(
        &mut self,
        key: K,
        packet: (Arrival, Option<HeadersId>),
        is_near: bool,
        seed: u64,
        partitions: &mut [Partition<K>],
        known: &mut Rows,
    ) -> usize {
        if is_near && self.keys.is_empty() {
            let (partition, hash) = place(seed, &key);
            let (row, is_new) = partitions[partition].add(hash, &key, &packet.0);
            remember::<K>(known, packet.1, partition, row);
            return usize::from(is_new);
        }
        self.keys.push(key);
        self.arrivals.push(packet);
        if self.keys.len() < BATCH { 0 } else { self.count(seed, partitions, known) }
    }

    /// In three passes, so that what each waits for does not hang on what it did before: the places in the
    /// index, the rows' keys, the rows. Says how many flows were new.
    fn count(&mut self, seed: u64, partitions: &mut [Partition<K>], known: &mut Rows) -> usize {
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
            remember::<K>(known, *headers, partition, row);
        }
        self.keys.clear();
        self.arrivals.clear();
        new
    }
}

/// Notes the row of the packets with these headers.
#[inline]
fn remember<K: Packed>(known: &mut Rows, headers: Option<HeadersId>, partition: usize, row: u32) {
    if let Some(headers) = headers {
        known.resize(HeadersId::PLACES, None);
        known[headers.place()] = Some((headers, Place { is_v6: K::IS_V6, partition: partition as u16, row }));
    }
}

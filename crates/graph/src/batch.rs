use crate::{FlowKey, Totals};
use pcapviz_capture::{Absence, Dissection, GraphLayer, HeadersId};

use crate::packed::{Packed, PackedV4, PackedV6};
use crate::packed_stats::Arrival;
use crate::partition::Partition;
use crate::table::place;

/// Packets that wait to be counted in a [`FlowTable`](crate::FlowTable), a few dozen at most.
///
/// The rows of a table are far from the processor, and to look one up is mostly to wait for
/// memory. Looked up together, they are waited for together. Where packets share their
/// [headers](pcapviz_capture::Dissection::headers), the row is looked up once.
///
/// A batch is for one table at a time: it is to be settled before another one counts by it.
#[derive(Clone, Debug, Default)]
pub struct FlowBatch {
    v4: Waiting<PackedV4>,
    v6: Waiting<PackedV6>,
    seen: Seen,
    absent: Vec<((GraphLayer, Absence), u64)>,
}

/// Keys to be looked up, with the headers that give them again; and packets, with the number of the key whose row they are to be
/// added to.
#[derive(Clone, Debug)]
struct Waiting<K> {
    keys: Vec<(K, Option<HeadersId>)>,
    arrivals: Vec<(Arrival, usize)>,
}

/// Where the flows are whose packets share headers, by the place of these.
type Seen = Vec<Option<(HeadersId, At)>>;

/// Where a flow is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    /// It has a row.
    Row(Place),
    /// It waits, over this version of IP, with the key of this number.
    Waiting { is_v6: bool, key: u16 },
}

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

/// Packets that wait at most.
const ARRIVALS: usize = 2 * BATCH;

impl FlowBatch {
    /// Where the flow is that packets with these headers belong to, if it is remembered.
    #[inline]
    pub(crate) fn at(&self, headers: HeadersId) -> Option<At> {
        self.seen.get(headers.place())?.filter(|(same, _)| *same == headers).map(|(_, at)| at)
    }

    /// Adds a packet to those that wait, by its flow.
    #[inline]
    pub(crate) fn add(&mut self, found: &Dissection<'_>, arrival: Arrival) {
        let key = FlowKey::of(found);
        if key.hosts.is_some_and(|hosts| hosts.source.is_ipv6()) {
            self.v6.add(PackedV6::pack(&key), arrival, found.headers, &mut self.seen);
        } else {
            self.v4.add(PackedV4::pack(&key), arrival, found.headers, &mut self.seen);
        }
    }

    /// Adds a packet of a flow that waits.
    #[inline]
    pub(crate) fn add_to(&mut self, is_v6: bool, key: u16, arrival: Arrival) {
        let arrivals = if is_v6 { &mut self.v6.arrivals } else { &mut self.v4.arrivals };
        arrivals.push((arrival, key.into()));
    }

    /// Whether those that wait are to be counted now.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.v4.is_full() || self.v6.is_full()
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

    /// Counts all packets that wait, and says how many flows were new.
    pub(crate) fn count(
        &mut self,
        seed: u64,
        v4: &mut [Partition<PackedV4>],
        v6: &mut [Partition<PackedV6>],
    ) -> usize {
        self.v4.count(seed, v4, &mut self.seen) + self.v6.count(seed, v6, &mut self.seen)
    }

    /// Tells the totals of all that is absent, and forgets where flows are.
    pub(crate) fn finish(&mut self, totals: &mut Totals) {
        totals.absences(self.absent.drain(..));
        self.seen.clear();
    }
}

impl<K> Default for Waiting<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), arrivals: Vec::new() }
    }
}

impl<K: Packed> Waiting<K> {
    #[inline]
    fn add(&mut self, key: K, arrival: Arrival, headers: Option<HeadersId>, seen: &mut Seen) {
        let number = self.keys.len();
        remember(seen, headers, At::Waiting { is_v6: K::IS_V6, key: number as u16 });
        self.keys.push((key, headers));
        self.arrivals.push((arrival, number));
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.keys.len() >= BATCH || self.arrivals.len() >= ARRIVALS
    }

    /// In four passes, so that what each waits for does not hang on what it did before: the places in the
    /// index, what stands there, the rows' keys, the rows. Says how many flows were new.
    fn count(&mut self, seed: u64, partitions: &mut [Partition<K>], seen: &mut Seen) -> usize {
        // The first pass waits for nothing, and what the second does is short: so much more of it is under way at once.
        let mut places = [(0, 0); BATCH];
        for (at, (key, _)) in places.iter_mut().zip(&self.keys) {
            *at = place(seed, key);
        }
        let mut may_be = [false; BATCH];
        for (may_be, (partition, hash)) in may_be.iter_mut().zip(&places[..self.keys.len()]) {
            *may_be = partitions[*partition].touch(*hash);
        }
        let mut found = places.map(|(partition, hash)| (partition, hash, None));
        for ((partition, hash, row), may_be) in found.iter_mut().zip(may_be) {
            *row = if may_be { partitions[*partition].guess(*hash) } else { None };
        }
        for ((partition, _, row), (key, _)) in found.iter_mut().zip(&self.keys) {
            *row = row.filter(|row| partitions[*partition].is_of(*row, key));
        }
        let mut new = 0;
        for (arrival, number) in &self.arrivals {
            let (partition, hash, row) = &mut found[*number];
            let rows = &mut partitions[*partition];
            match row {
                Some(row) => rows.add_to(*row, arrival),
                None => {
                    let (at, is_new) = rows.add(*hash, &self.keys[*number].0, arrival);
                    *row = Some(at);
                    new += usize::from(is_new);
                }
            }
        }
        for ((partition, _, row), (_, headers)) in found.into_iter().zip(&self.keys) {
            if let Some(row) = row {
                let place = Place { is_v6: K::IS_V6, partition: partition as u16, row };
                remember(seen, *headers, At::Row(place));
            }
        }
        self.keys.clear();
        self.arrivals.clear();
        new
    }
}

/// Notes where the packets with these headers belong.
#[inline]
fn remember(seen: &mut Seen, headers: Option<HeadersId>, at: At) {
    if let Some(headers) = headers {
        seen.resize(HeadersId::PLACES, None);
        seen[headers.place()] = Some((headers, at));
    }
}

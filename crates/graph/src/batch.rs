use crate::{FlowKey, Totals};
use pcapviz_capture::{Absence, Dissection, GraphLayer, HeadersId};

use crate::packed::{Packed, PackedV4, PackedV6};
use crate::packed_stats::Sum;
use crate::partition::Partition;
use crate::table::place;

/// Packets that wait to be counted in a [`FlowTable`](crate::FlowTable): what those of a few hundred flows at most add up to.
///
/// The rows of a table are far from the processor, and to look one up is mostly to wait for
/// memory. Packets that share their [headers](pcapviz_capture::Dissection::headers) are added up here, until others take their
/// place; and what is looked up together is waited for together.
///
/// A batch is for one table at a time: it is to be settled before another one counts by it.
#[derive(Clone, Debug, Default)]
pub struct FlowBatch {
    /// The packets that share headers, by the place of these; empty until there are some.
    open: Vec<Option<Open>>,
    v4: Waiting<PackedV4>,
    v6: Waiting<PackedV6>,
    absent: Vec<((GraphLayer, Absence), u64)>,
}

/// Packets that share headers, and so their flow: more may come.
#[derive(Clone, Debug)]
struct Open {
    headers: HeadersId,
    sum: Sum,
    key: Key,
}

#[derive(Clone, Debug)]
enum Key {
    V4(PackedV4),
    V6(PackedV6),
}

/// Flows to be looked up, each with what is to be added to its row.
type Waiting<K> = Vec<(K, Sum)>;

/// Kinds of absence that wait to be added to the totals. Packets of few kinds follow each other, and are found in a short
/// list before a tree.
const ABSENCES: usize = 16;

/// Look-ups that wait together: about as many as a processor has under way at once.
const BATCH: usize = 32;

impl FlowBatch {
    /// What the packets with these headers add up to, if there are some.
    #[inline]
    pub(crate) fn open(&mut self, headers: HeadersId) -> Option<&mut Sum> {
        let open = self.open.get_mut(headers.place())?.as_mut()?;
        (open.headers == headers).then_some(&mut open.sum)
    }

    /// Adds a packet whose headers are none of those that are open.
    #[inline]
    pub(crate) fn add(&mut self, found: &Dissection<'_>, sum: Sum) {
        let key = FlowKey::of(found);
        let key = if key.hosts.is_some_and(|hosts| hosts.source.is_ipv6()) {
            Key::V6(PackedV6::pack(&key))
        } else {
            Key::V4(PackedV4::pack(&key))
        };
        let Some(headers) = found.headers else { return self.wait(key, sum) };
        if self.open.is_empty() {
            self.open.resize(HeadersId::PLACES, None);
        }
        if let Some(before) = self.open[headers.place()].replace(Open { headers, sum, key }) {
            self.wait(before.key, before.sum);
        }
    }

    #[inline]
    fn wait(&mut self, key: Key, sum: Sum) {
        match key {
            Key::V4(key) => self.v4.push((key, sum)),
            Key::V6(key) => self.v6.push((key, sum)),
        }
    }

    /// Whether those that wait are to be counted now.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.v4.len() >= BATCH || self.v6.len() >= BATCH
    }

    /// Lets all that is open wait, as far as there is room, and says whether anything waits.
    pub(crate) fn close(&mut self) -> bool {
        while !self.is_full()
            && let Some(open) = self.open.pop()
        {
            if let Some(Open { sum, key, .. }) = open {
                self.wait(key, sum);
            }
        }
        !(self.v4.is_empty() && self.v6.is_empty())
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

    /// Counts all that waits, and says how many flows were new.
    pub(crate) fn count(
        &mut self,
        seed: u64,
        v4: &mut [Partition<PackedV4>],
        v6: &mut [Partition<PackedV6>],
    ) -> usize {
        count(&mut self.v4, seed, v4) + count(&mut self.v6, seed, v6)
    }

    /// Tells the totals of all that is absent.
    pub(crate) fn finish(&mut self, totals: &mut Totals) {
        totals.absences(self.absent.drain(..));
    }
}

/// In passes, so that what each waits for does not hang on what it did before: the places in the
/// index, what stands there, the rows' keys, the rows. Says how many flows were new.
fn count<K: Packed>(waiting: &mut Waiting<K>, seed: u64, partitions: &mut [Partition<K>]) -> usize {
    // The first pass waits for nothing, and what the second does is short: so much more of it is under way at once.
    let mut places = [(0, 0); BATCH];
    for (at, (key, _)) in places.iter_mut().zip(&*waiting) {
        *at = place(seed, key);
    }
    let mut may_be = [false; BATCH];
    for (may_be, (partition, hash)) in may_be.iter_mut().zip(&places[..waiting.len()]) {
        *may_be = partitions[*partition].touch(*hash);
    }
    let mut found = places.map(|(partition, hash)| (partition, hash, None));
    for ((partition, hash, row), may_be) in found.iter_mut().zip(may_be) {
        *row = if may_be { partitions[*partition].guess(*hash) } else { None };
    }
    for ((partition, _, row), (key, _)) in found.iter_mut().zip(&*waiting) {
        *row = row.filter(|row| partitions[*partition].is_of(*row, key));
    }
    let mut new = 0;
    for ((key, sum), (partition, hash, row)) in waiting.drain(..).zip(found) {
        let rows = &mut partitions[partition];
        match row {
            Some(row) => rows.add_to(row, &sum),
            None => new += usize::from(rows.add(hash, &key, &sum)),
        }
    }
    new
}

use crate::{FlowKey, Totals};
use pcapviz_capture::{Absence, Dissection, GraphLayer, HeadersId, Packet, Quiet};

use crate::activity::Slots;
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
    v4: Lane<PackedV4>,
    v6: Lane<PackedV6>,
    absent: Vec<((GraphLayer, Absence), u64)>,
}

/// The flows of one version of IP.
#[derive(Clone, Debug)]
struct Lane<K> {
    /// Those whose packets share headers, by the place of these: more may come. Empty until there are some.
    open: Vec<Option<Open<K>>>,
    /// Those to be looked up, each with what is to be added to its row.
    waiting: Vec<(K, Sum)>,
}

#[derive(Clone, Copy, Debug)]
struct Open<K> {
    headers: HeadersId,
    key: K,
    sum: Sum,
    slots: Slots,
}

/// Kinds of absence that wait to be added to the totals. Packets of few kinds follow each other, and are found in a short
/// list before a tree.
const ABSENCES: usize = 16;

/// Look-ups that wait together: about as many as a processor has under way at once.
const BATCH: usize = 32;

impl FlowBatch {
    /// Adds a packet to those with the same headers, and says whether there are some.
    #[inline]
    pub(crate) fn add_to_open(&mut self, capture: u32, packet: &Packet<'_>, found: &Dissection<'_>) -> bool {
        let Some(headers) = found.headers else { return false };
        let open = self.open(headers, is_v6(found));
        open.map(|(sum, slots)| sum.observe(slots, capture, packet, found)).is_some()
    }

    /// The same for a packet whose payload names nothing.
    #[inline]
    pub(crate) fn add_quiet_to_open(&mut self, capture: u32, packet: &Packet<'_>, quiet: &Quiet<'_>) -> bool {
        let ports = quiet.ports();
        let Some((sum, slots)) = self.open(quiet.headers(), quiet.is_ipv6()) else { return false };
        sum.grow(slots, capture, packet, ports.payload_len, ports.tcp_flags);
        if let Some(protocol) = quiet.protocol() {
            sum.show(protocol);
        }
        true
    }

    /// What the packets with these headers add up to, if there are some.
    #[inline]
    fn open(&mut self, headers: HeadersId, is_v6: bool) -> Option<(&mut Sum, &mut Slots)> {
        if is_v6 { self.v6.sum(headers) } else { self.v4.sum(headers) }
    }

    /// Adds a packet that shares its headers with none that is open.
    #[inline]
    pub(crate) fn add(&mut self, capture: u32, packet: &Packet<'_>, found: &Dissection<'_>) {
        if is_v6(found) {
            self.v6.add(capture, packet, found);
        } else {
            self.v4.add(capture, packet, found);
        }
    }

    /// Whether those that wait are to be counted now.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.v4.is_full() || self.v6.is_full()
    }

    /// Lets all that is open wait, as far as there is room, and says whether anything waits.
    pub(crate) fn close(&mut self) -> bool {
        self.v4.close() | self.v6.close()
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
        self.v4.count(seed, v4) + self.v6.count(seed, v6)
    }

    /// Tells the totals of all that is absent.
    pub(crate) fn finish(&mut self, totals: &mut Totals) {
        totals.absences(self.absent.drain(..));
    }
}

#[inline]
fn is_v6(found: &Dissection<'_>) -> bool {
    found.hosts.as_ref().is_some_and(|hosts| hosts.addresses.source.is_ipv6())
}

impl<K> Default for Lane<K> {
    fn default() -> Self {
        Self { open: Vec::new(), waiting: Vec::new() }
    }
}

impl<K: Packed> Lane<K> {
    /// What the packets with these headers add up to, if there are some.
    #[inline]
    fn sum(&mut self, headers: HeadersId) -> Option<(&mut Sum, &mut Slots)> {
        let open = self.open.get_mut(headers.place())?.as_mut()?;
        (open.headers == headers).then_some((&mut open.sum, &mut open.slots))
    }

    // What is open is made where it stays: written in small pieces and moved at once, it would stall the processor.
    #[inline]
    fn add(&mut self, capture: u32, packet: &Packet<'_>, found: &Dissection<'_>) {
        let Some(headers) = found.headers else {
            self.waiting.push((K::pack(&FlowKey::of(found)), Sum::of(capture, packet, found)));
            return;
        };
        if self.open.is_empty() {
            self.open.resize(HeadersId::PLACES, None);
        }
        let place = &mut self.open[headers.place()];
        if let Some(before) = place {
            self.waiting.push((before.key, before.sum));
        }
        let key = K::pack(&FlowKey::of(found));
        let sum = Sum::of(capture, packet, found);
        *place = Some(Open { headers, key, slots: sum.slots(), sum });
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.waiting.len() >= BATCH
    }

    fn close(&mut self) -> bool {
        while !self.is_full()
            && let Some(open) = self.open.pop()
        {
            self.waiting.extend(open.map(|open| (open.key, open.sum)));
        }
        !self.waiting.is_empty()
    }

    /// In passes, so that what each waits for does not hang on what it did before: the places in the
    /// index, what stands there, the rows' keys, the rows. Says how many flows were new.
    fn count(&mut self, seed: u64, partitions: &mut [Partition<K>]) -> usize {
        // The first pass waits for nothing, and what the second does is short: so much more of it is under way at once.
        let mut places = [(0, 0); BATCH];
        for (at, (key, _)) in places.iter_mut().zip(&self.waiting) {
            *at = place(seed, key);
        }
        let mut may_be = [false; BATCH];
        for (may_be, (partition, hash)) in may_be.iter_mut().zip(&places[..self.waiting.len()]) {
            *may_be = partitions[*partition].touch(*hash);
        }
        let mut found = places.map(|(partition, hash)| (partition, hash, None));
        for ((partition, hash, row), may_be) in found.iter_mut().zip(may_be) {
            *row = if may_be { partitions[*partition].guess(*hash) } else { None };
        }
        for ((partition, _, row), (key, _)) in found.iter_mut().zip(&self.waiting) {
            *row = row.filter(|row| partitions[*partition].is_of(*row, key));
        }
        for (partition, _, row) in &found {
            if let Some(row) = row {
                partitions[*partition].touch_sums(*row);
            }
        }
        let mut new = 0;
        for ((key, sum), (partition, hash, row)) in self.waiting.iter().zip(found) {
            let rows = &mut partitions[partition];
            match row {
                Some(row) => rows.add_to(row, sum),
                None => new += usize::from(rows.add(hash, key, sum)),
            }
        }
        self.waiting.clear();
        new
    }
}

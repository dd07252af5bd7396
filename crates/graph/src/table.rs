use std::hash::{BuildHasher, Hasher};
use std::thread;

use foldhash::SharedSeed;
use foldhash::fast::{RandomState, SeedableRandomState};
use pcapviz_capture::{Dissection, GraphLayer, Packet, Quiet};

use crate::outline::Numbered;
use crate::packed::{Packed, PackedV4, PackedV6};
use crate::packed_stats::Sum;
use crate::partition::{Partition, Row};
use crate::totals::absences;
use crate::{
    FlowBatch, FlowKey, FlowRef, FlowStats, LayerGraph, LeftOut, NodeId, Outline, Totals, all_beside,
};

/// Every flow seen, with what is known of it: the one table that all three graphs are projections of.
///
/// Grows with flows, never with packets: about 80 bytes for a flow of one packet over IPv4, 100 over IPv6, and
/// 64 more for a flow of several.
///
/// Flows lie in partitions by their hash, so that tables of one family (see
/// [`sibling`](Self::sibling)) merge partition by partition, by several threads.
#[derive(Clone, Debug)]
pub struct FlowTable {
    /// Chosen at random: a capture's sender cannot choose addresses that collide.
    seed: u64,
    /// Flows without IP or over IPv4.
    v4: Vec<Partition<PackedV4>>,
    v6: Vec<Partition<PackedV6>>,
    len: usize,
    /// No packet adds a flow from this number on.
    limit: usize,
    totals: Totals,
}

/// Partitions for each version of IP, a power of two: enough for any machine's threads, and few enough to
/// cost nothing in a small table.
const PARTITIONS: usize = 1 << PARTITION_BITS;
const PARTITION_BITS: u32 = 6;

impl Default for FlowTable {
    fn default() -> Self {
        Self::with_seed(RandomState::default().hash_one(0))
    }
}

impl FlowTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    fn with_seed(seed: u64) -> Self {
        Self {
            seed,
            v4: vec![Partition::new(seed); PARTITIONS],
            v6: vec![Partition::new(seed); PARTITIONS],
            len: 0,
            limit: usize::MAX,
            totals: Totals::default(),
        }
    }

    /// An empty table with this one's limit, which merges with it the fastest.
    #[must_use]
    pub fn sibling(&self) -> Self {
        Self { limit: self.limit, ..Self::with_seed(self.seed) }
    }

    /// Gives rows to no more than so many flows: packets of the others are counted as
    /// [left out](LeftOut::PastMaxFlows), in one sum. The flows seen first have the rows, so a bounded table
    /// depends on the order of the packets. [`merge`](Self::merge) knows no limit.
    #[must_use]
    pub fn max_flows(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Counts one packet of the capture with this number (from 0). O(1).
    pub fn observe(&mut self, capture: u32, packet: &Packet<'_>, found: &Dissection<'_>) {
        if found.devices.is_some() || found.hosts.is_some() {
            let sum = Sum::of(capture, packet, found);
            if !self.add(&FlowKey::of(found), &sum, self.len < self.limit) {
                self.totals.leave_out(packet, LeftOut::PastMaxFlows);
                self.totals.others += FlowStats::of(capture, packet, found).traffic;
                return;
            }
        }
        self.totals.observe(packet, found);
    }

    /// As [`observe`](Self::observe), but the packet's flow may wait in the batch until that is
    /// [settled](Self::settle): faster by as much as memory is slow. A table with a
    /// [limit](Self::max_flows) lets nothing wait.
    ///
    /// ```
    /// use pcapviz_capture::{DissectOptions, LinkType, Packet, dissect};
    /// use pcapviz_graph::{FlowBatch, FlowTable};
    ///
    /// let packet = Packet::new(LinkType::ETHERNET, b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06");
    /// let (mut table, mut batch) = (FlowTable::new(), FlowBatch::default());
    /// table.observe_in(&mut batch, 0, &packet, &dissect(&packet, &DissectOptions::default()));
    /// table.settle(&mut batch);
    /// assert_eq!(table.len(), 1);
    /// ```
    #[inline]
    pub fn observe_in(
        &mut self,
        batch: &mut FlowBatch,
        capture: u32,
        packet: &Packet<'_>,
        found: &Dissection<'_>,
    ) {
        // A packet with headers is in every layer and was walked to its end.
        if batch.add_to_open(capture, packet, found) {
            self.totals.count(packet);
        } else {
            self.observe_unknown(batch, capture, packet, found);
        }
    }

    /// Counts a packet whose payload [names nothing](pcapviz_capture::Usual::quiet), if packets with the same headers wait in the batch: as
    /// [`observe_in`](Self::observe_in) would, without asking what else is found in it. Says whether it did: if not, the packet is still
    /// to be observed.
    ///
    /// ```
    /// use pcapviz_capture::{DissectOptions, Dissector, LinkType, Packet};
    /// use pcapviz_graph::{FlowBatch, FlowTable};
    ///
    /// let mut frame = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0\x45\0\0\x1d\0\x01\0\0\x40\x11\0\0".to_vec();
    /// frame.extend(b"\x0a\0\0\x01\x0a\0\0\x02\x13\x88\x1f\x90\0\x09\0\0a");
    /// let packet = Packet::new(LinkType::ETHERNET, &frame);
    /// let mut dissector = Dissector::new(DissectOptions::default());
    /// let (mut table, mut batch) = (FlowTable::new(), FlowBatch::default());
    /// for _ in 0..2 {
    ///     let usual = dissector.usual(&packet).ok_or("unusual")?;
    ///     let quiet = usual.quiet().ok_or("it names something")?;
    ///     if !table.observe_quiet_in(&mut batch, 0, &packet, &quiet) {
    ///         table.observe_in(&mut batch, 0, &packet, &usual.dissection());
    ///     }
    /// }
    /// table.settle(&mut batch);
    /// assert_eq!((table.len(), table.totals().packets), (1, 2));
    /// # Ok::<(), &str>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn observe_quiet_in(
        &mut self,
        batch: &mut FlowBatch,
        capture: u32,
        packet: &Packet<'_>,
        quiet: &Quiet<'_>,
    ) -> bool {
        let is_counted = batch.add_quiet_to_open(capture, packet, quiet);
        if is_counted {
            self.totals.count(packet);
        }
        is_counted
    }

    /// As [`observe_in`](Self::observe_in), where no packet with the same headers waits.
    #[inline(never)]
    fn observe_unknown(
        &mut self,
        batch: &mut FlowBatch,
        capture: u32,
        packet: &Packet<'_>,
        found: &Dissection<'_>,
    ) {
        if self.limit < usize::MAX {
            return self.observe(capture, packet, found);
        }
        if found.devices.is_some() || found.hosts.is_some() {
            batch.add(capture, packet, found);
            if batch.is_full() {
                self.len += batch.count(self.seed, &mut self.v4, &mut self.v6);
            }
        }
        self.totals.observe_present(packet, found);
        absences(packet, found).for_each(|absence| batch.leave_out(absence, &mut self.totals));
    }

    /// Counts all packets that wait in the batch.
    pub fn settle(&mut self, batch: &mut FlowBatch) {
        while batch.close() {
            self.len += batch.count(self.seed, &mut self.v4, &mut self.v6);
        }
        batch.finish(&mut self.totals);
    }

    /// Counts one packet that is left out of every graph, as asked.
    pub fn leave_out(&mut self, packet: &Packet<'_>, reason: LeftOut) {
        self.totals.leave_out(packet, reason);
    }

    /// Whether there was room for the flow.
    #[inline]
    pub(crate) fn add(&mut self, key: &FlowKey, sum: &Sum, may_grow: bool) -> bool {
        let added = if key.hosts.is_some_and(|hosts| hosts.source.is_ipv6()) {
            add_to(&mut self.v6, self.seed, &PackedV6::pack(key), sum, may_grow)
        } else {
            add_to(&mut self.v4, self.seed, &PackedV4::pack(key), sum, may_grow)
        };
        self.len += usize::from(added == Some(true));
        added.is_some()
    }

    /// Adds another table's flows and totals. Commutative and associative; O(flows of `other`).
    pub fn merge(&mut self, other: Self) {
        self.merge_by(other, 1);
    }

    /// The same, by up to so many threads.
    pub fn merge_by(&mut self, other: Self, threads: usize) {
        if self.is_empty() && self.seed == other.seed {
            (self.v4, self.v6, self.len) = (other.v4, other.v6, other.len);
        } else if self.seed == other.seed {
            merge_partitions(&mut self.v4, other.v4, threads);
            merge_partitions(&mut self.v6, other.v6, threads);
            let v4: usize = self.v4.iter().map(Partition::len).sum();
            self.len = v4 + self.v6.iter().map(Partition::len).sum::<usize>();
        } else {
            for (key, stats) in other.iter() {
                self.add(&key, &Sum::from(&stats), true);
            }
        }
        self.totals.merge(other.totals);
    }

    /// Gives back the memory that only adding flows needs: a tenth of it all. The next flow takes it again, in O(flows).
    ///
    /// ```
    /// use pcapviz_capture::{DissectOptions, LinkType, Packet, dissect};
    /// use pcapviz_graph::FlowTable;
    ///
    /// let packet = Packet::new(LinkType::ETHERNET, b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06");
    /// let found = dissect(&packet, &DissectOptions::default());
    /// let mut table = FlowTable::new();
    /// table.observe(0, &packet, &found);
    /// table.shrink_to_fit();
    /// table.observe(0, &packet, &found);
    /// assert_eq!((table.len(), table.totals().packets), (1, 2));
    /// ```
    pub fn shrink_to_fit(&mut self) {
        self.v4.iter_mut().for_each(Partition::forget_index);
        self.v6.iter_mut().for_each(Partition::forget_index);
    }

    /// What became of every packet.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The same, to add what only their reader sees: times that go backwards, duplicates.
    pub fn totals_mut(&mut self) -> &mut Totals {
        &mut self.totals
    }

    /// How many flows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Every flow, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (FlowKey, FlowStats)> {
        flows(&self.v4).chain(flows(&self.v6))
    }

    /// Goes over all flows by up to so many threads, each with a part of them, and gives what became of each `start`.
    pub fn fold_by<'a, A: Send>(
        &'a self,
        threads: usize,
        start: impl Fn() -> A + Sync,
        step: impl Fn(&mut A, FlowRef<'a>) + Sync,
    ) -> Vec<A> {
        self.parts_by(threads, |v4, v6| {
            let mut all = start();
            each_row(v4, |partition, row| step(&mut all, FlowRef::v4(partition, row)));
            each_row(v6, |partition, row| step(&mut all, FlowRef::v6(partition, row)));
            all
        })
    }

    /// Gives a part of the partitions to each of so many threads at most, and what they make of them.
    pub(crate) fn parts_by<'a, A: Send>(
        &'a self,
        threads: usize,
        part: impl Fn(&'a [Partition<PackedV4>], &'a [Partition<PackedV6>]) -> A + Sync,
    ) -> Vec<A> {
        let len = self.v4.len().div_ceil(threads.max(1));
        let parts: Vec<_> = self.v4.chunks(len).zip(self.v6.chunks(len)).collect();
        all_beside(threads, parts.len(), |n| part(parts[n].0, parts[n].1))
    }

    /// The keys of the flows that were in a virtual network, in no particular order.
    pub fn virtual_keys(&self) -> impl Iterator<Item = FlowKey> {
        virtual_keys(&self.v4).chain(virtual_keys(&self.v6))
    }

    /// The graph of one layer: flows grouped by that part of their key, and added up.
    /// O(flows log flows).
    pub fn project(&self, layer: GraphLayer) -> LayerGraph {
        LayerGraph::project(layer, self)
    }

    /// Only the shape of that graph and the bytes of its nodes, for tables of any size: a tenth of the memory.
    /// O(flows log flows), by up to so many threads.
    pub fn outline(&self, layer: GraphLayer, threads: usize) -> Outline {
        Outline::of_flows(layer, self, threads)
    }

    /// The [outline](Self::outline) of the hosts, where that of the end points is at hand already: in a fraction of
    /// the time, since most flows need not be looked at again.
    ///
    /// ```
    /// use pcapviz_graph::{FlowTable, GraphLayer};
    ///
    /// let table = FlowTable::new();
    /// let endpoints = table.outline(GraphLayer::Endpoints, 1);
    /// assert_eq!(table.outline_of_hosts(&endpoints, 1), table.outline(GraphLayer::Hosts, 1));
    /// ```
    pub fn outline_of_hosts(&self, endpoints: &Outline, threads: usize) -> Outline {
        Outline::of_hosts(endpoints, self, threads)
    }

    /// The bytes on the wire of each edge of this table's [outline](Self::outline), in their order; of another's, they mean nothing.
    /// O(flows log flows), by up to so many threads.
    ///
    /// ```
    /// use pcapviz_capture::{DissectOptions, LinkType, Packet, dissect};
    /// use pcapviz_graph::{FlowTable, GraphLayer};
    ///
    /// let packet = Packet::new(LinkType::ETHERNET, b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06");
    /// let mut table = FlowTable::new();
    /// table.observe(0, &packet, &dissect(&packet, &DissectOptions::default()));
    /// let outline = table.outline(GraphLayer::Devices, 1);
    /// assert_eq!(table.edge_bytes(&outline, 1), [14]);
    /// ```
    pub fn edge_bytes(&self, outline: &Outline, threads: usize) -> Vec<u64> {
        outline.edge_bytes(self, threads)
    }

    /// The nodes of one layer, sorted. O(flows log flows).
    pub fn nodes(&self, layer: GraphLayer) -> Vec<NodeId> {
        Numbered::new(layer, None, self, 1).nodes.iter().collect()
    }

    pub(crate) fn v4(&self) -> &[Partition<PackedV4>] {
        &self.v4
    }

    pub(crate) fn v6(&self) -> &[Partition<PackedV6>] {
        &self.v6
    }
}

/// Adds to a flow, and says whether it is new; `None` where it had to be and has no row.
#[inline]
fn add_to<K: Packed>(
    partitions: &mut [Partition<K>],
    seed: u64,
    key: &K,
    sum: &Sum,
    may_grow: bool,
) -> Option<bool> {
    let (partition, hash) = place(seed, key);
    let partition = &mut partitions[partition];
    if may_grow {
        Some(partition.add(hash, key, sum))
    } else {
        partition.add_to_known(hash, key, sum).then_some(false)
    }
}

/// The partition that a flow lies in, and the hash by which it is found there.
#[inline]
pub(crate) fn place<K: Packed>(seed: u64, key: &K) -> (usize, u32) {
    let mut hasher = SeedableRandomState::with_seed(seed, SharedSeed::global_random()).build_hasher();
    for pair in key.words().chunks(2) {
        hasher.write_u64(pair.iter().fold(0, |bits, word| bits << 32 | u64::from(*word)));
    }
    let hash = hasher.finish();
    ((hash >> (64 - PARTITION_BITS)) as usize, hash as u32)
}

fn merge_partitions<K: Packed>(mine: &mut [Partition<K>], theirs: Vec<Partition<K>>, threads: usize) {
    let mut theirs = theirs.into_iter();
    thread::scope(|scope| {
        let share = mine.len().div_ceil(threads.max(1)).max(1);
        for mine in mine.chunks_mut(share) {
            let theirs: Vec<_> = theirs.by_ref().take(mine.len()).collect();
            let work = move || {
                for (mine, theirs) in mine.iter_mut().zip(theirs) {
                    mine.merge(theirs);
                }
            };
            if threads > 1 {
                scope.spawn(work);
            } else {
                work();
            }
        }
    });
}

fn virtual_keys<K: Packed>(partitions: &[Partition<K>]) -> impl Iterator<Item = FlowKey> {
    partitions.iter().flat_map(Partition::virtual_rows).map(|row| row.key.unpack())
}

/// Plain loops, not chained iterators: what `each` does not ask of a row is then never unpacked.
#[inline(always)]
pub(crate) fn each_row<'a, K: Packed>(
    partitions: &'a [Partition<K>],
    mut each: impl FnMut(&'a Partition<K>, &'a Row<K>),
) {
    for partition in partitions {
        for chunk in partition.chunks() {
            for row in chunk {
                each(partition, row);
            }
        }
    }
}

fn flows<K: Packed>(partitions: &[Partition<K>]) -> impl Iterator<Item = (FlowKey, FlowStats)> {
    partitions
        .iter()
        .flat_map(|partition| partition.rows().map(move |row| (row.key.unpack(), partition.stats(row))))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use pcapviz_capture::{DissectOptions, Dissector, LinkType, Timestamp, dissect, identify};
    use pcapviz_testkit::frame::{Ethernet, Ipv4, Ipv6, Tcp, Udp};
    use proptest::prelude::*;

    use super::*;

    /// One packet to be: who to whom, what kind of frame, when, how long.
    #[derive(Clone, Debug)]
    struct Spec {
        source: u8,
        destination: u8,
        kind: u8,
        time: Option<i64>,
        extra: usize,
    }

    fn spec() -> impl Strategy<Value = Spec> {
        let time =
            prop_oneof![Just(None), (0..2_000_000_000_000_i64).prop_map(Some), any::<i64>().prop_map(Some),];
        (0..4_u8, 0..4_u8, 0..4_u8, time, 0..64_usize).prop_map(|(source, destination, kind, time, extra)| {
            Spec { source, destination, kind, time, extra }
        })
    }

    /// Ethernet with nothing known (0), IPv4 with ICMP (1) or UDP (2), or too short for a header (3).
    fn frame(spec: &Spec) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, spec.destination, 2, 0, 0, 0, 0, spec.source];
        match spec.kind {
            0 => frame.extend([0x12, 0x34]),
            1 | 2 => {
                let protocol = if spec.kind == 1 { 1 } else { 17 };
                let len = (28 + spec.extra) as u8;
                frame.extend([8, 0, 0x45, 0, 0, len, 0, 0, 0, 0, 64, protocol, 0, 0]);
                frame.extend([10, 0, 0, spec.source, 10, 0, 0, spec.destination]);
                frame.extend([0, 53, 1, spec.source, 0, (8 + spec.extra) as u8, 0, 0]);
            }
            _ => {}
        }
        frame.resize(frame.len() + spec.extra * usize::from(spec.kind != 3), 0);
        frame
    }

    fn table(specs: &[(usize, Spec)]) -> FlowTable {
        let (mut table, mut batched, mut batch) = (FlowTable::new(), FlowTable::new(), FlowBatch::default());
        for (i, spec) in specs {
            let frame = frame(spec);
            let mut packet = Packet::new(LinkType::ETHERNET, &frame);
            packet.number = *i as u64 + 1;
            packet.timestamp = spec.time.map(Timestamp::from_nanos);
            let found = dissect(&packet, &DissectOptions::default());
            table.observe(0, &packet, &found);
            batched.observe_in(&mut batch, 0, &packet, &found);
        }
        batched.settle(&mut batch);
        assert!(same(&table, &batched), "counted in batches");
        table
    }

    fn same(a: &FlowTable, b: &FlowTable) -> bool {
        let flows = |table: &FlowTable| table.iter().collect::<HashMap<_, _>>();
        a.totals == b.totals && flows(a) == flows(b) && a.len() == flows(a).len()
    }

    proptest! {
        #[test]
        fn any_split_merged_in_any_order_is_the_whole(
            specs in prop::collection::vec((spec(), 0..3_usize), 0..60),
            order in Just([0, 1, 2]).prop_shuffle(),
        ) {
            let numbered: Vec<_> = specs.into_iter().enumerate().map(|(i, (s, part))| (part, (i, s))).collect();
            let whole = table(&numbered.iter().map(|(_, s)| s.clone()).collect::<Vec<_>>());
            let parts: Vec<_> = (0..3)
                .map(|p| table(&numbered.iter().filter(|(q, _)| *q == p).map(|(_, s)| s.clone()).collect::<Vec<_>>()))
                .collect();
            let mut left = FlowTable::new();
            for i in order {
                left.merge(parts[i].clone());
            }
            let mut family = FlowTable::new();
            for part in &parts {
                let mut sibling = family.sibling();
                sibling.merge(part.clone());
                family.merge_by(sibling, 2);
            }
            let mut tail = parts[order[1]].clone();
            tail.merge(parts[order[2]].clone());
            let mut right = parts[order[0]].clone();
            right.merge(tail);
            prop_assert!(same(&left, &whole), "merged from the left");
            prop_assert!(same(&right, &whole), "merged from the right");
            prop_assert!(same(&family, &whole), "merged by partitions");
        }

        #[test]
        fn packets_added_up_beside_their_headers_are_those_looked_up(
            packets in prop::collection::vec((0..40_u8, 0..40_u8, 1..30_usize, any::<bool>(), 0..4_usize), 0..200),
            at_first_sight: bool,
        ) {
            let (mut table, mut batched, mut batch) = (FlowTable::new(), FlowTable::new(), FlowBatch::default());
            let mut dissector = Dissector::new(DissectOptions::default());
            for (source, destination, times, is_v6, kind) in packets {
                // Flows of TCP have packets that show what they are, and others.
                let payload = [&[0; 9][..], &[0; 9], b"\x17\x03\x03\0\x05hello", b"\0\0\0\x08\xfeSMB"][kind];
                let segment = match kind {
                    0 => Udp::ports(5000, source.into()).carry(payload),
                    _ => Tcp::ports(5000, source.into()).carry(payload),
                };
                let ethernet = Ethernet::between(1, 2);
                let frame = match is_v6 {
                    true => ethernet.carry(Ipv6::between(source.into(), destination.into()).carry(segment)),
                    false => {
                        ethernet.carry(Ipv4::between([10, 0, 0, source], [10, 0, 0, destination]).carry(segment))
                    }
                };
                for n in 0..times {
                    let mut packet = Packet::new(LinkType::ETHERNET, frame.bytes());
                    packet.timestamp = (n % 5 > 0).then(|| Timestamp::from_nanos(n as i64 * 1_000_000_000));
                    let mut found = dissector.dissect(&packet);
                    prop_assert!(found.headers.is_some());
                    found.application.as_ref().and_then(identify).into_iter().for_each(|it| found.protocols.insert(it));
                    table.observe(0, &packet, &found);
                    let quiet = dissector.usual(&packet).filter(|_| at_first_sight).and_then(|usual| usual.quiet());
                    prop_assert_eq!(quiet.is_some(), at_first_sight);
                    if !quiet.is_some_and(|quiet| batched.observe_quiet_in(&mut batch, 0, &packet, &quiet)) {
                        batched.observe_in(&mut batch, 0, &packet, &found);
                    }
                }
            }
            batched.settle(&mut batch);
            prop_assert!(same(&table, &batched));
            prop_assert_eq!(table.len(), batched.len());
        }

        #[test]
        fn every_packet_is_in_the_graph_or_accounted_for(specs in prop::collection::vec(spec(), 0..60)) {
            let table = table(&specs.into_iter().enumerate().collect::<Vec<_>>());
            for layer in GraphLayer::ALL {
                let graph = table.project(layer);
                let packets: u64 = graph.edges().iter().map(|e| e.traffic.packets).sum();
                let outside: u64 = table.totals().outside(layer).map(|(_, n)| n).sum();
                prop_assert_eq!(packets, table.totals().in_graph(layer));
                prop_assert_eq!(packets + outside, table.totals().packets);
                let sent: u64 = graph.nodes().iter().map(|n| n.sent.bytes).sum();
                let received: u64 = graph.nodes().iter().map(|n| n.received.bytes).sum();
                prop_assert_eq!(sent, received);
                prop_assert_eq!(table.outline(layer, 2), Outline::from(&graph));
                prop_assert_eq!(table.nodes(layer), graph.nodes().iter().map(|n| n.id).collect::<Vec<_>>());
                prop_assert!(graph.nodes().is_sorted_by_key(|n| n.id));
                prop_assert!(graph.edges().is_sorted_by_key(|e| (e.source, e.target)));
            }
        }

        #[test]
        fn activity_says_when_there_were_packets(times in prop::collection::vec(any::<i64>(), 1..40)) {
            let specs = times.iter().enumerate().map(|(i, &t)| {
                (i, Spec { source: 1, destination: 2, kind: 2, time: Some(t), extra: 0 })
            });
            let table = table(&specs.collect::<Vec<_>>());
            let (_, stats) = table.iter().next().unwrap();
            let (first, last) = stats.life.unwrap();
            let width = crate::Activity::slot_nanos(first, last) as i64;
            let base = first.as_nanos().div_euclid(width);
            let mut slots = 0_u64;
            for time in times {
                slots |= 1 << (time.div_euclid(width) - base);
            }
            prop_assert_eq!(stats.activity.bits(), slots);
        }
    }
}

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use pcapviz_capture::{Dissection, GraphLayer, Packet};

use crate::{FlowKey, FlowStats, LayerGraph, LeftOut, Totals};

/// Every flow seen, with what is known of it: the one table that all three graphs are projections of.
///
/// Grows with flows, never with packets.
#[derive(Clone, Debug, Default)]
pub struct FlowTable {
    // Seeded at random: a capture's sender cannot choose addresses that collide.
    flows: HashMap<FlowKey, FlowStats, foldhash::fast::RandomState>,
    totals: Totals,
}

impl FlowTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one packet of the capture with this number (from 0). O(1).
    pub fn observe(&mut self, capture: u32, packet: &Packet<'_>, found: &Dissection<'_>) {
        self.totals.observe(packet, found);
        if found.devices.is_none() && found.hosts.is_none() {
            return;
        }
        self.add(FlowKey::of(found), FlowStats::of(capture, packet, found));
    }

    /// Counts one packet that is left out of every graph, as asked.
    pub fn leave_out(&mut self, packet: &Packet<'_>, reason: LeftOut) {
        self.totals.leave_out(packet, reason);
    }

    pub(crate) fn add(&mut self, key: FlowKey, stats: FlowStats) {
        match self.flows.entry(key) {
            Entry::Occupied(mut flow) => flow.get_mut().merge(&stats),
            Entry::Vacant(place) => {
                place.insert(stats);
            }
        }
    }

    /// Adds another table's flows and totals. Commutative and associative; O(flows of `other`).
    pub fn merge(&mut self, other: Self) {
        self.totals.merge(other.totals);
        for (key, stats) in other.flows {
            self.add(key, stats);
        }
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
        self.flows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// Every flow, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&FlowKey, &FlowStats)> {
        self.flows.iter()
    }

    /// The graph of one layer: flows grouped by that part of their key, and added up.
    /// O(flows + edges log edges).
    pub fn project(&self, layer: GraphLayer) -> LayerGraph {
        LayerGraph::project(layer, self.iter())
    }
}

#[cfg(test)]
mod tests {
    use pcapviz_capture::{DissectOptions, LinkType, Timestamp, dissect};
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
        let mut table = FlowTable::new();
        for (i, spec) in specs {
            let frame = frame(spec);
            let mut packet = Packet::new(LinkType::ETHERNET, &frame);
            packet.number = *i as u64 + 1;
            packet.timestamp = spec.time.map(Timestamp::from_nanos);
            table.observe(0, &packet, &dissect(&packet, &DissectOptions::default()));
        }
        table
    }

    fn same(a: &FlowTable, b: &FlowTable) -> bool {
        a.totals == b.totals && a.flows == b.flows
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
            let mut tail = parts[order[1]].clone();
            tail.merge(parts[order[2]].clone());
            let mut right = parts[order[0]].clone();
            right.merge(tail);
            prop_assert!(same(&left, &whole), "merged from the left");
            prop_assert!(same(&right, &whole), "merged from the right");
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

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use pcapviz_capture::{Dissection, GraphLayer, Packet};

use crate::{FlowKey, FlowStats, LayerGraph, Totals};

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

    fn add(&mut self, key: FlowKey, stats: FlowStats) {
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

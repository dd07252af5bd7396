use pcapviz_capture::{DissectOptions, Packet, dissect};
use pcapviz_graph::FlowTable;

/// All that is gathered from packets. A commutative monoid: shards of the input add up to the whole.
#[derive(Default)]
pub(crate) struct Shard {
    pub(crate) table: FlowTable,
}

impl Shard {
    pub(crate) fn observe(&mut self, capture: u32, packet: &Packet<'_>, options: &DissectOptions) {
        let found = dissect(packet, options);
        self.table.observe(capture, packet, &found);
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.table.merge(other.table);
    }
}

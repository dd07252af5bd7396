use pcapviz_capture::{DissectOptions, Packet, dissect, identify, sightings};
use pcapviz_enrich::NameTable;
use pcapviz_graph::{Defragmenter, FlowBatch, FlowTable};

/// All that is gathered from packets. A commutative monoid: shards of the input add up to the whole.
#[derive(Default)]
pub(crate) struct Shard {
    pub(crate) table: FlowTable,
    pub(crate) names: NameTable,
    /// What is not in the table yet: nothing once the shard is [settled](Self::settle).
    batch: FlowBatch,
}

impl Shard {
    /// Counts one packet; its later fragments by way of the defragmenter, where there is one.
    pub(crate) fn observe(
        &mut self,
        capture: u32,
        packet: &Packet<'_>,
        options: &DissectOptions,
        defragmenter: Option<&mut Defragmenter>,
    ) {
        let mut found = dissect(packet, options);
        if let Some(application) = &found.application {
            if let Some(protocol) = identify(application) {
                found.protocols.insert(protocol);
            }
            sightings(application, |sighting| self.names.observe(packet.timestamp, sighting));
        }
        match defragmenter {
            None => self.table.observe_in(&mut self.batch, capture, packet, &found),
            Some(defragmenter) => defragmenter.observe(&mut self.table, capture, packet, found),
        }
    }

    /// Counts what waits for its turn: to be called before anything is read from the shard.
    pub(crate) fn settle(&mut self) {
        self.table.settle(&mut self.batch);
    }

    /// An empty shard that merges with this one the fastest.
    pub(crate) fn sibling(&self) -> Self {
        Self { table: self.table.sibling(), ..Self::default() }
    }

    /// Adds another's, by up to so many threads.
    pub(crate) fn merge(&mut self, other: Self, threads: usize) {
        self.table.merge_by(other.table, threads);
        self.names.merge(other.names);
    }
}

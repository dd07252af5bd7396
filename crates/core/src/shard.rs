use pcapviz_analysis::Observations;
use pcapviz_capture::{
    Dissector, HelloWindow, Packet, QuicHellos, Sighting, Timestamp, device_sightings, dissect, identify,
    sightings,
};
use pcapviz_enrich::NameTable;
use pcapviz_graph::{Claims, Defragmenter, FlowBatch, FlowTable, Totals};

/// All that is gathered from packets. A commutative monoid: shards of the input add up to the whole.
#[derive(Default)]
pub(crate) struct Shard {
    pub(crate) table: FlowTable,
    pub(crate) names: NameTable,
    pub(crate) claims: Claims,
    pub(crate) quic: QuicHellos,
    pub(crate) observations: Observations,
    /// What is not in the table yet: nothing once the shard is [settled](Self::settle).
    batch: FlowBatch,
}

impl Shard {
    /// Counts one packet; its later fragments by way of the defragmenter, where there is one.
    #[inline(always)]
    pub(crate) fn observe(
        &mut self,
        capture: u32,
        packet: &Packet<'_>,
        dissector: &mut Dissector,
        hellos: &mut HelloWindow,
        defragmenter: Option<&mut Defragmenter>,
    ) {
        let mut found = match dissector.usual(packet) {
            Some(usual) => {
                // Nothing to be learnt from most packets but how long they are, when they were sent, and of which protocol they are.
                if let Some(quiet) = usual.quiet()
                    && !Observations::heeds(quiet.ports())
                    && hellos.is_idle()
                    && self.table.observe_quiet_in(&mut self.batch, capture, packet, &quiet)
                {
                    return hellos.pass_over();
                }
                usual.dissection()
            }
            None => dissect(packet, dissector.options()),
        };
        let time = packet.timestamp;
        if let Some(application) = &found.application {
            if let Some(protocol) = identify(application) {
                found.protocols.insert(protocol);
            }
            sightings(application, |sighting| self.see(time, sighting));
        }
        hellos.observe(time, found.application.as_ref(), |time, sighting| self.see(time, sighting));
        // Headers that are known are of TCP or UDP: nothing that devices say of themselves.
        if found.headers.is_none() {
            device_sightings(packet, &found, dissector.options(), |sighting| self.see(time, sighting));
            self.claims.observe(time, &found);
        }
        self.observations.observe(capture, packet, &found);
        match defragmenter {
            None => self.table.observe_in(&mut self.batch, capture, packet, &found),
            Some(defragmenter) => defragmenter.observe(&mut self.table, capture, packet, found),
        }
    }

    /// Counts what waits for its turn: to be called before anything is read from the shard.
    pub(crate) fn settle(&mut self) {
        self.table.settle(&mut self.batch);
        self.observations.settle();
    }

    /// Takes in what a packet says about an address.
    pub(crate) fn see(&mut self, time: Option<Timestamp>, sighting: Sighting<'_>) {
        if let Sighting::HelloPiece { .. } = sighting {
            return self.quic.observe(time, sighting);
        }
        self.claims.sighting(time, &sighting);
        self.names.observe(time, sighting);
    }

    /// Whether it has nothing yet: all else comes with packets, but for names that a file lists.
    fn is_empty(&self) -> bool {
        *self.table.totals() == Totals::default() && self.names.is_empty() && self.names.left_out() == 0
    }

    /// An empty shard that merges with this one the fastest.
    pub(crate) fn sibling(&self) -> Self {
        Self { table: self.table.sibling(), ..Self::default() }
    }

    /// Adds another's, by up to so many threads.
    pub(crate) fn merge(&mut self, other: Self, threads: usize) {
        if self.is_empty() {
            *self = other;
            return;
        }
        let Self { table, names, claims, quic, observations, .. } = self;
        observations.merge_beside(threads, other.observations, || {
            table.merge_by(other.table, threads);
            names.merge(other.names);
            claims.merge(other.claims);
            quic.merge(other.quic);
        });
    }
}

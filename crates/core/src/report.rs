use pcapviz_capture::{CaptureError, GraphLayer};
use pcapviz_enrich::{EnrichError, Enriched, Enricher};
use pcapviz_graph::{
    Annotations, CaptureSummary, FlowTable, LayerGraph, SelectError, Selection, Totals, Unselected, Vlans,
};
use pcapviz_render::View;

use crate::reading::Outcome;
use crate::shard::Shard;

/// What the captures hold: the flow table, what is known about its nodes, and what went wrong.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Every flow.
    pub table: FlowTable,
    /// The captures that were read, in the order given.
    pub captures: Vec<CaptureSummary>,
    /// Names, places and vendors; the names that the captures hold are there from the start.
    pub annotations: Annotations,
    /// Why captures could not be read at all, in the order given.
    pub failures: Vec<CaptureError>,
    /// Where captures are cut short or damaged; what came before stands.
    pub damages: Vec<CaptureError>,
    /// Threads to work with.
    pub(crate) threads: usize,
}

impl Report {
    pub(crate) fn new(whole: Shard, threads: usize, outcomes: impl Iterator<Item = Outcome>) -> Self {
        let mut report = Self { table: whole.table, threads, ..Self::default() };
        whole.names.annotate(&mut report.annotations);
        report.note_virtual_networks();
        for outcome in outcomes {
            match outcome {
                Ok((capture, damage)) => {
                    report.captures.push(capture);
                    report.damages.extend(damage);
                }
                Err(failure) => report.failures.push(failure),
            }
        }
        report
    }

    /// Notes each edge's VLANs and tunnels.
    fn note_virtual_networks(&mut self) {
        for key in self.table.virtual_keys() {
            for (source, target) in GraphLayer::ALL.into_iter().filter_map(|layer| key.ends(layer)) {
                let notes = self.annotations.edge_entry(source, target);
                notes.vlans.extend((key.vlans != Vlans::default()).then_some(key.vlans));
                notes.tunnels.extend(key.tunnel);
            }
        }
    }

    /// What became of every packet.
    pub fn totals(&self) -> &Totals {
        self.table.totals()
    }

    /// The graph of one layer. O(flows log flows): keep it rather than ask again.
    pub fn graph(&self, layer: GraphLayer) -> LayerGraph {
        self.table.project(layer)
    }

    /// Adds what an enricher knows of every device and host.
    ///
    /// # Errors
    /// If the enricher could learn nothing at all.
    pub fn enrich(&mut self, enricher: &dyn Enricher) -> Result<Enriched, EnrichError> {
        let mut nodes = self.table.nodes(GraphLayer::Devices);
        nodes.extend(self.table.nodes(GraphLayer::Hosts));
        enricher.enrich(&nodes, &mut self.annotations)
    }

    /// A part of a graph, and what is left out of it: see [`Selection`].
    ///
    /// # Errors
    /// If the selection names what is not in the graph.
    pub fn select(
        &self,
        graph: &LayerGraph,
        selection: &Selection,
    ) -> Result<(LayerGraph, Unselected), SelectError> {
        selection.apply(graph, &self.annotations)
    }

    /// A graph with all that is known about it, to draw or to write.
    pub fn view<'a>(&'a self, graph: &'a LayerGraph) -> View<'a> {
        View::new(graph, &self.annotations, &self.captures, self.totals())
    }
}

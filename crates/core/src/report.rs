use pcapviz_capture::{CaptureError, GraphLayer};
use pcapviz_graph::{Annotations, CaptureSummary, FlowTable, LayerGraph, Totals};
use pcapviz_render::View;

use crate::pipeline::Outcome;
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
}

impl Report {
    pub(crate) fn new(whole: Shard, outcomes: impl Iterator<Item = Outcome>) -> Self {
        let mut report = Self { table: whole.table, ..Self::default() };
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

    /// What became of every packet.
    pub fn totals(&self) -> &Totals {
        self.table.totals()
    }

    /// The graph of one layer. O(flows + edges log edges): keep it rather than ask again.
    pub fn graph(&self, layer: GraphLayer) -> LayerGraph {
        self.table.project(layer)
    }

    /// A graph with all that is known about it, to draw or to write.
    pub fn view<'a>(&'a self, graph: &'a LayerGraph) -> View<'a> {
        View::new(graph, &self.annotations, &self.captures, self.totals())
    }
}

use pcapviz_graph::{Annotations, CaptureSummary, Finding, LayerGraph, Selection, Totals, Unselected};

/// All that a picture or a data format shows: one layer's graph, and what is known about it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct View<'a> {
    /// The graph.
    pub graph: &'a LayerGraph,
    /// Names, places, vendors.
    pub annotations: &'a Annotations,
    /// The captures read, in the order given.
    pub captures: &'a [CaptureSummary],
    /// What became of every packet.
    pub totals: &'a Totals,
    /// What was found.
    pub findings: &'a [Finding],
    /// If the graph is a part of a larger one: which, and what was left out of it.
    pub selection: Option<(&'a Selection, Unselected)>,
}

impl<'a> View<'a> {
    /// A view without findings.
    pub fn new(
        graph: &'a LayerGraph,
        annotations: &'a Annotations,
        captures: &'a [CaptureSummary],
        totals: &'a Totals,
    ) -> Self {
        Self { graph, annotations, captures, totals, findings: &[], selection: None }
    }

    /// The same view, with what was found.
    #[must_use]
    pub fn with_findings(self, findings: &'a [Finding]) -> Self {
        Self { findings, ..self }
    }
}

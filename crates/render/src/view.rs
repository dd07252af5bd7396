use pcapviz_graph::{
    Annotations, CaptureSummary, Finding, Inside, LayerGraph, NodeId, Sampled, Selection, Totals, Unselected,
};

use crate::theme::Role;

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
    /// Of what findings are made from, that of which there was more than is kept.
    pub sampled: &'a [Sampled],
    /// Which networks are one's own.
    pub inside: &'a Inside,
    /// If the graph is a part of a larger one: which, and what was left out of it.
    pub selection: Option<(&'a Selection, Unselected)>,
}

static PRIVATE: Inside = Inside::PRIVATE;

impl<'a> View<'a> {
    /// A view without findings, with private addresses inside.
    pub fn new(
        graph: &'a LayerGraph,
        annotations: &'a Annotations,
        captures: &'a [CaptureSummary],
        totals: &'a Totals,
    ) -> Self {
        Self {
            graph,
            annotations,
            captures,
            totals,
            findings: &[],
            sampled: &[],
            inside: &PRIVATE,
            selection: None,
        }
    }

    /// The same view, with what was found.
    #[must_use]
    pub fn with_findings(self, findings: &'a [Finding]) -> Self {
        Self { findings, ..self }
    }

    /// The same view, with what the findings were not made from in full.
    #[must_use]
    pub fn with_sampled(self, sampled: &'a [Sampled]) -> Self {
        Self { sampled, ..self }
    }

    /// The same view, with other networks inside.
    #[must_use]
    pub fn with_inside(self, inside: &'a Inside) -> Self {
        Self { inside, ..self }
    }

    /// On which side a node is: by its address, by what is inside, and by what the capture shows of it. O(log nodes).
    pub fn role(&self, node: NodeId) -> Role {
        let notes = node.ip().and_then(|_| self.annotations.get(node));
        match notes {
            Some(notes) if notes.is_broadcast => Role::Group,
            _ => Role::within(node, self.inside),
        }
    }
}

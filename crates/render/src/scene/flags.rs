//! What findings mark: nodes and edges of the drawn graph.

use pcapviz_graph::Severity;

use crate::View;
use crate::findings::Marks;
use crate::fold::Folded;

/// The gravest finding about each node and edge to be drawn.
pub(super) struct Flags {
    pub(super) nodes: Vec<Option<Severity>>,
    pub(super) edges: Vec<Option<Severity>>,
    /// Whether each finding marks anything, in their order.
    pub(super) is_shown: Vec<bool>,
}

impl Flags {
    /// What is drawn as one is marked where any of its parts is. O(nodes + edges log edges).
    pub(super) fn of(view: &View<'_>, marks: Marks, graph: &Folded) -> Self {
        let mut flags = Self {
            nodes: vec![None; graph.nodes.len()],
            edges: vec![None; graph.edges.len()],
            is_shown: marks.is_shown,
        };
        if marks.nodes.is_empty() {
            return flags;
        }
        let mut owner = vec![0; view.graph.nodes().len()];
        for (i, group) in graph.nodes.iter().enumerate() {
            for &member in &group.members {
                owner[member] = i;
                flags.nodes[i] = flags.nodes[i].max(marks.nodes[member]);
            }
        }
        for (edge, mark) in view.graph.edges().iter().zip(marks.edges) {
            let ends = (owner[edge.source], owner[edge.target]);
            if mark.is_some()
                && let Ok(i) = graph.edges.binary_search_by_key(&ends, |edge| (edge.source, edge.target))
            {
                flags.edges[i] = flags.edges[i].max(mark);
            }
        }
        flags
    }
}

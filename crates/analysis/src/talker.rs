use std::cmp::Reverse;

use pcapviz_graph::LayerGraph;

/// The nodes with the most bytes sent and received together, most first; at most `count`, as indices into
/// [`LayerGraph::nodes`]. Equal ones in the order of their addresses. O(nodes log nodes).
///
/// ```
/// use pcapviz_analysis::top_talkers;
/// use pcapviz_graph::{FlowTable, GraphLayer};
///
/// assert!(top_talkers(&FlowTable::new().project(GraphLayer::Hosts), 10).is_empty());
/// ```
pub fn top_talkers(graph: &LayerGraph, count: usize) -> Vec<usize> {
    let mut nodes: Vec<usize> = (0..graph.nodes().len()).collect();
    nodes.sort_by_key(|&i| (Reverse(graph.nodes()[i].traffic().bytes), i));
    nodes.truncate(count);
    nodes
}

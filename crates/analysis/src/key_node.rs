use std::cmp::Reverse;
use std::fmt;

use pcapviz_graph::LayerGraph;
use petgraph::algo::articulation_points::articulation_points;
use petgraph::graph::UnGraph;

/// A node that holds the graph together, with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyNode {
    /// Its place in [`LayerGraph::nodes`].
    pub node: usize,
    /// With how many others it exchanged packets.
    pub peers: usize,
    /// How many nodes only it connects with the largest part of the rest; 0 if the graph stays whole
    /// without it.
    pub cuts_off: usize,
}

/// The nodes that matter most for the graph's shape, most first; at most `count`.
///
/// On the simple undirected graph: first by how many nodes hang on the node alone (it is an articulation
/// point), then by how many it talked with. A node with a single peer is never key.
/// O(nodes + edges) for finding them, and O(nodes + edges) for each of the `count` kept.
///
/// ```
/// use pcapviz_analysis::key_nodes;
/// use pcapviz_graph::{FlowTable, GraphLayer};
///
/// assert!(key_nodes(&FlowTable::new().project(GraphLayer::Hosts), 10).is_empty());
/// ```
pub fn key_nodes(graph: &LayerGraph, count: usize) -> Vec<KeyNode> {
    let neighbours = neighbours(graph);
    let cutting = articulation_points(&simple(&neighbours));
    let mut found: Vec<KeyNode> = (0..neighbours.len())
        .filter(|&node| neighbours[node].len() > 1)
        .map(|node| KeyNode {
            node,
            peers: neighbours[node].len(),
            cuts_off: usize::from(cutting.contains(&petgraph::graph::NodeIndex::new(node))),
        })
        .collect();
    // Counting what a node cuts off walks the graph once, so only the likely ones are counted: a node
    // cuts off no more than all, and hubs come first either way.
    found.sort_by_key(|key| (Reverse(key.cuts_off), Reverse(key.peers), key.node));
    found.truncate(count);
    for key in found.iter_mut().filter(|key| key.cuts_off > 0) {
        key.cuts_off = cut_off(&neighbours, key.node);
    }
    found.sort_by_key(|key| (Reverse(key.cuts_off), Reverse(key.peers), key.node));
    found
}

/// Each node's distinct neighbours, sorted, without itself.
fn neighbours(graph: &LayerGraph) -> Vec<Vec<usize>> {
    let mut neighbours = vec![Vec::new(); graph.nodes().len()];
    for edge in graph.edges().iter().filter(|edge| edge.source != edge.target) {
        neighbours[edge.source].push(edge.target);
        neighbours[edge.target].push(edge.source);
    }
    for list in &mut neighbours {
        list.sort_unstable();
        list.dedup();
    }
    neighbours
}

fn simple(neighbours: &[Vec<usize>]) -> UnGraph<(), ()> {
    let mut graph = UnGraph::with_capacity(neighbours.len(), 0);
    let nodes: Vec<_> = neighbours.iter().map(|_| graph.add_node(())).collect();
    for (a, list) in neighbours.iter().enumerate() {
        for &b in list.iter().filter(|&&b| b > a) {
            graph.add_edge(nodes[a], nodes[b], ());
        }
    }
    graph
}

/// How many nodes of its component are outside the largest part once the node is gone.
fn cut_off(neighbours: &[Vec<usize>], gone: usize) -> usize {
    let mut seen = vec![false; neighbours.len()];
    seen[gone] = true;
    let (mut total, mut largest) = (0, 0);
    for &start in &neighbours[gone] {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        let (mut size, mut left) = (0, vec![start]);
        while let Some(node) = left.pop() {
            size += 1;
            left.extend(neighbours[node].iter().filter(|&&n| !std::mem::replace(&mut seen[n], true)));
        }
        total += size;
        largest = largest.max(size);
    }
    total - largest
}

impl fmt::Display for KeyNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "talks with {}", self.peers)?;
        if self.cuts_off > 0 {
            write!(f, ", the only way to {}", self.cuts_off)?;
        }
        Ok(())
    }
}

use hashbrown::HashMap;
use pcapviz_capture::{GraphLayer, ProtocolSet, Timestamp};
use petgraph::graph::{DiGraph, NodeIndex};

use crate::{FlowKey, FlowStats, NodeId, Position, Traffic};

/// A node of a layer's graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Who it is.
    pub id: NodeId,
    /// What it sent.
    pub sent: Traffic,
    /// What was sent to it.
    pub received: Traffic,
    /// When it was first and last seen, where any of its packets had a time.
    pub life: Option<(Timestamp, Timestamp)>,
    /// The first packet that it sent or was sent.
    pub position: Position,
}

impl Node {
    /// What it sent and received together. A packet to itself counts on both sides.
    pub fn traffic(&self) -> Traffic {
        let mut sum = self.sent;
        sum += self.received;
        sum
    }
}

/// What one node sent to another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edge {
    /// The sender, as an index into [`LayerGraph::nodes`].
    pub source: usize,
    /// The receiver, as an index into [`LayerGraph::nodes`].
    pub target: usize,
    /// How much.
    pub traffic: Traffic,
    /// Every protocol seen, outermost kinds first.
    pub protocols: ProtocolSet,
    /// When it was first and last seen, where any of its packets had a time.
    pub life: Option<(Timestamp, Timestamp)>,
    /// Its first packet.
    pub position: Position,
}

/// The directed graph of one layer: nodes sorted by [`NodeId`], edges by source, then target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerGraph {
    layer: GraphLayer,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

impl LayerGraph {
    pub(crate) fn project<'a>(
        layer: GraphLayer,
        flows: impl Iterator<Item = (&'a FlowKey, &'a FlowStats)>,
    ) -> Self {
        let mut sums: HashMap<(NodeId, NodeId), FlowStats, foldhash::fast::RandomState> = HashMap::default();
        for (key, stats) in flows {
            let Some(ends) = key.ends(layer) else { continue };
            sums.entry(ends).and_modify(|sum| sum.merge(stats)).or_insert(*stats);
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_unstable_by_key(|(ends, _)| *ends);

        let mut ids: Vec<NodeId> = sums.iter().flat_map(|((source, target), _)| [*source, *target]).collect();
        ids.sort_unstable();
        ids.dedup();
        let index: HashMap<NodeId, usize, foldhash::fast::RandomState> =
            ids.iter().enumerate().map(|(i, id)| (*id, i)).collect();

        let mut nodes: Vec<Option<Node>> = vec![None; ids.len()];
        let mut edges = Vec::with_capacity(sums.len());
        for ((source, target), stats) in sums {
            let (source, target) = (index[&source], index[&target]);
            let mut touch = |i: usize| {
                let node = nodes[i].get_or_insert(Node {
                    id: ids[i],
                    sent: Traffic::default(),
                    received: Traffic::default(),
                    life: stats.life,
                    position: stats.position,
                });
                node.position = node.position.min(stats.position);
                node.life = join(node.life, stats.life);
                if i == source {
                    node.sent += stats.traffic;
                }
                if i == target {
                    node.received += stats.traffic;
                }
            };
            touch(source);
            if target != source {
                touch(target);
            }
            edges.push(Edge {
                source,
                target,
                traffic: stats.traffic,
                protocols: stats.protocols,
                life: stats.life,
                position: stats.position,
            });
        }
        Self { layer, nodes: nodes.into_iter().flatten().collect(), edges }
    }

    /// Which layer's graph this is.
    pub fn layer(&self) -> GraphLayer {
        self.layer
    }

    /// The nodes, sorted.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The edges, sorted by source, then target.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// A node's place in [`LayerGraph::nodes`]. O(log nodes).
    pub fn find(&self, id: NodeId) -> Option<usize> {
        self.nodes.binary_search_by_key(&id, |node| node.id).ok()
    }

    /// The same graph for petgraph's algorithms: weights are indices into [`LayerGraph::nodes`] and
    /// [`LayerGraph::edges`], and equal petgraph's own. O(nodes + edges).
    ///
    /// Directed, with self-loops: collapse opposite edges before algorithms on simple undirected graphs.
    pub fn to_petgraph(&self) -> DiGraph<usize, usize> {
        let mut graph = DiGraph::with_capacity(self.nodes.len(), self.edges.len());
        for i in 0..self.nodes.len() {
            graph.add_node(i);
        }
        for (i, edge) in self.edges.iter().enumerate() {
            graph.add_edge(NodeIndex::new(edge.source), NodeIndex::new(edge.target), i);
        }
        graph
    }

    /// For each node that was contacted, by how many distinct nodes: most first, equal counts in order of
    /// first appearance. O(edges + nodes log nodes).
    pub fn contacted(&self) -> Vec<(usize, usize)> {
        self.ranked(|edge| edge.target)
    }

    /// For each node that sent, to how many distinct nodes: most first, equal counts in order of first
    /// appearance. O(edges + nodes log nodes).
    pub fn contacting(&self) -> Vec<(usize, usize)> {
        self.ranked(|edge| edge.source)
    }

    fn ranked(&self, end: impl Fn(&Edge) -> usize) -> Vec<(usize, usize)> {
        let mut counts = vec![0_usize; self.nodes.len()];
        for edge in &self.edges {
            counts[end(edge)] += 1;
        }
        let mut rank: Vec<_> = counts.into_iter().enumerate().filter(|(_, n)| *n > 0).collect();
        rank.sort_by_key(|&(node, n)| (std::cmp::Reverse(n), self.nodes[node].position, node));
        rank
    }
}

fn join(
    a: Option<(Timestamp, Timestamp)>,
    b: Option<(Timestamp, Timestamp)>,
) -> Option<(Timestamp, Timestamp)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        _ => a.or(b),
    }
}

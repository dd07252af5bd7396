use pcapviz_capture::{GraphLayer, ProtocolSet, Timestamp};
use petgraph::graph::{DiGraph, NodeIndex};

use crate::outline::{self, Numbered};
use crate::{FlowStats, FlowTable, NodeId, Position, Traffic, join_lives};

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
    /// A node before its first packet.
    fn new(id: NodeId) -> Self {
        let nowhere = Position { capture: u32::MAX, offset: u64::MAX };
        let none = Traffic::default();
        Self { id, sent: none, received: none, life: None, position: nowhere }
    }

    /// Takes part in what an edge of its own has seen.
    fn touch(&mut self, edge: &Edge) {
        self.position = self.position.min(edge.position);
        self.life = join_lives(self.life, edge.life);
    }

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

impl Edge {
    fn new([source, target]: [u32; 2], stats: &FlowStats) -> Self {
        Self {
            source: source as usize,
            target: target as usize,
            traffic: stats.traffic,
            protocols: stats.protocols,
            life: stats.life,
            position: stats.position,
        }
    }
}

/// The directed graph of one layer: nodes sorted by [`NodeId`], edges by source, then target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerGraph {
    layer: GraphLayer,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

impl LayerGraph {
    pub(crate) fn project(layer: GraphLayer, table: &FlowTable) -> Self {
        let Numbered { nodes: ids, ends } = Numbered::new(layer, None, table, 1);
        let mut flows: Vec<([u32; 2], FlowStats)> =
            ends.into_iter().zip(outline::flows(layer, table)).collect();
        flows.sort_unstable_by_key(|(ends, _)| *ends);
        let edges: Vec<Edge> = flows
            .chunk_by(|(a, _), (b, _)| a == b)
            .filter_map(|flows| {
                let mut stats = flows.iter().map(|(_, stats)| *stats);
                let first = stats.next()?;
                let sum = stats.fold(first, |mut sum, stats| {
                    sum.merge(&stats);
                    sum
                });
                Some(Edge::new(flows[0].0, &sum))
            })
            .collect();
        Self::of(layer, ids.iter(), edges)
    }

    /// Nodes with the sums of their edges.
    fn of(layer: GraphLayer, ids: impl Iterator<Item = NodeId>, edges: Vec<Edge>) -> Self {
        let mut nodes: Vec<Node> = ids.map(Node::new).collect();
        for edge in &edges {
            nodes[edge.source].touch(edge);
            nodes[edge.source].sent += edge.traffic;
            nodes[edge.target].touch(edge);
            nodes[edge.target].received += edge.traffic;
        }
        Self { layer, nodes, edges }
    }

    /// The graph of some of the edges, and the nodes that they join. O(nodes + edges).
    pub(crate) fn with_edges(&self, wanted: impl Fn(&Edge) -> bool) -> Self {
        let mut edges: Vec<Edge> = self.edges.iter().filter(|edge| wanted(edge)).cloned().collect();
        let mut number = vec![None; self.nodes.len()];
        edges.iter().flat_map(|edge| [edge.source, edge.target]).for_each(|node| number[node] = Some(0));
        let kept: Vec<NodeId> =
            self.nodes.iter().zip(&number).filter(|(_, kept)| kept.is_some()).map(|(n, _)| n.id).collect();
        number.iter_mut().flatten().enumerate().for_each(|(new, number)| *number = new);
        for end in edges.iter_mut().flat_map(|edge| [&mut edge.source, &mut edge.target]) {
            *end = number[*end].unwrap_or_default();
        }
        Self::of(self.layer, kept.into_iter(), edges)
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

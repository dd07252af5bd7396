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

/// What flows with the same protocols add to an edge: an edge can carry DNS in some flows and HTTP in others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Share {
    /// The protocols of each of the flows.
    pub protocols: ProtocolSet,
    /// How much they carried.
    pub traffic: Traffic,
    /// When they were first and last seen.
    pub life: Option<(Timestamp, Timestamp)>,
    /// Their first packet.
    pub position: Position,
}

impl Share {
    fn of_edge(edge: &Edge) -> Self {
        let Edge { protocols, traffic, life, position, .. } = *edge;
        Self { protocols, traffic, life, position }
    }

    fn of_flow(stats: &FlowStats) -> Self {
        let FlowStats { protocols, traffic, life, position, .. } = *stats;
        Self { protocols, traffic, life, position }
    }

    fn merge(&mut self, other: &Self) {
        self.protocols = self.protocols.union(other.protocols);
        self.traffic += other.traffic;
        self.life = join_lives(self.life, other.life);
        self.position = self.position.min(other.position);
    }

    fn sum(shares: &[Self]) -> Option<Self> {
        let (first, rest) = shares.split_first()?;
        Some(rest.iter().fold(*first, |mut sum, share| {
            sum.merge(share);
            sum
        }))
    }

    fn edge(self, source: usize, target: usize) -> Edge {
        let Self { protocols, traffic, life, position } = self;
        Edge { source, target, traffic, protocols, life, position }
    }
}

/// The directed graph of one layer: nodes sorted by [`NodeId`], edges by source, then target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerGraph {
    layer: GraphLayer,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// The shares of the edges whose flows differ in their protocols, each after its edge's index, ascending. Most edges
    /// have none here.
    shares: Vec<(usize, Share)>,
}

impl LayerGraph {
    pub(crate) fn project(layer: GraphLayer, table: &FlowTable) -> Self {
        let Numbered { nodes: ids, ends } = Numbered::new(layer, None, table, 1);
        let mut flows: Vec<([u32; 2], FlowStats)> =
            ends.into_iter().zip(outline::flows(layer, table)).collect();
        flows.sort_unstable_by_key(|(ends, _)| *ends);
        let (mut edges, mut shares) = (Vec::new(), Vec::new());
        // One buffer for all edges: most have one flow.
        let mut of_edge = Vec::new();
        for flows in flows.chunk_by(|(a, _), (b, _)| a == b) {
            let [source, target] = flows[0].0.map(|node| node as usize);
            by_protocols(flows.iter().map(|(_, stats)| stats), &mut of_edge);
            edges.extend(Share::sum(&of_edge).map(|sum| sum.edge(source, target)));
            if of_edge.len() > 1 {
                let edge = edges.len() - 1;
                shares.extend(of_edge.iter().map(|share| (edge, *share)));
            }
        }
        Self::of(layer, ids.iter(), edges, shares)
    }

    /// Nodes with the sums of their edges.
    fn of(
        layer: GraphLayer,
        ids: impl Iterator<Item = NodeId>,
        edges: Vec<Edge>,
        shares: Vec<(usize, Share)>,
    ) -> Self {
        let mut nodes: Vec<Node> = ids.map(Node::new).collect();
        for edge in &edges {
            nodes[edge.source].touch(edge);
            nodes[edge.source].sent += edge.traffic;
            nodes[edge.target].touch(edge);
            nodes[edge.target].received += edge.traffic;
        }
        Self { layer, nodes, edges, shares }
    }

    /// The graph of some of the edges, and the nodes that they join. O(nodes + edges).
    pub(crate) fn with_edges(&self, wanted: impl Fn(&Edge) -> bool) -> Self {
        self.with_parts(|i, edge| wanted(edge).then(|| (edge.clone(), self.stored(i))))
    }

    /// The graph of the flows with some sets of protocols only, and the nodes that they join. O(nodes + edges).
    pub(crate) fn with_protocols(&self, wanted: impl Fn(ProtocolSet) -> bool) -> Self {
        self.with_parts(|i, edge| {
            let kept: Vec<Share> = self.shares(i).filter(|share| wanted(share.protocols)).collect();
            let edge = Share::sum(&kept)?.edge(edge.source, edge.target);
            // An edge whose flows have all the same protocols needs no shares.
            let stored = if kept.len() > 1 { kept } else { Vec::new() };
            Some((edge, stored.into_iter().map(|share| (i, share)).collect::<Vec<_>>()))
        })
    }

    /// The graph of what is left of each edge, with its shares; and the nodes that they join.
    fn with_parts<S: AsRef<[(usize, Share)]>>(
        &self,
        part: impl Fn(usize, &Edge) -> Option<(Edge, S)>,
    ) -> Self {
        let (mut edges, mut shares) = (Vec::new(), Vec::new());
        for (edge, of_edge) in self.edges.iter().enumerate().filter_map(|(i, edge)| part(i, edge)) {
            shares.extend(of_edge.as_ref().iter().map(|(_, share)| (edges.len(), *share)));
            edges.push(edge);
        }
        let mut number = vec![None; self.nodes.len()];
        edges.iter().flat_map(|edge| [edge.source, edge.target]).for_each(|node| number[node] = Some(0));
        let kept: Vec<NodeId> =
            self.nodes.iter().zip(&number).filter(|(_, kept)| kept.is_some()).map(|(n, _)| n.id).collect();
        number.iter_mut().flatten().enumerate().for_each(|(new, number)| *number = new);
        for end in edges.iter_mut().flat_map(|edge| [&mut edge.source, &mut edge.target]) {
            *end = number[*end].unwrap_or_default();
        }
        Self::of(self.layer, kept.into_iter(), edges, shares)
    }

    /// The shares that are kept for an edge, each after its edge's index; none where they would say what the edge does.
    fn stored(&self, edge: usize) -> &[(usize, Share)] {
        let start = self.shares.partition_point(|(of, _)| *of < edge);
        let len = self.shares[start..].iter().take_while(|(of, _)| *of == edge).count();
        &self.shares[start..start + len]
    }

    /// What flows with the same protocols add to an edge, given by its index in [`edges`](Self::edges); they add up to it.
    /// Sorted by protocols. O(log edges).
    ///
    /// ```
    /// use pcapviz_capture::{DissectOptions, GraphLayer, LinkType, Packet, dissect};
    /// use pcapviz_graph::FlowTable;
    ///
    /// let packet = Packet::new(LinkType::ETHERNET, b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06");
    /// let mut table = FlowTable::new();
    /// table.observe(0, &packet, &dissect(&packet, &DissectOptions::default()));
    /// let graph = table.project(GraphLayer::Devices);
    /// assert_eq!(graph.shares(0).map(|share| share.traffic.packets).sum::<u64>(), 1);
    /// ```
    pub fn shares(&self, edge: usize) -> impl Iterator<Item = Share> + '_ {
        let stored = self.stored(edge);
        let whole = if stored.is_empty() { self.edges.get(edge).map(Share::of_edge) } else { None };
        stored.iter().map(|(_, share)| *share).chain(whole)
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

/// Flows added up by their protocols, sorted by these, in place of what was there.
fn by_protocols<'a>(flows: impl Iterator<Item = &'a FlowStats>, shares: &mut Vec<Share>) {
    shares.clear();
    for stats in flows {
        let new = Share::of_flow(stats);
        match shares.binary_search_by_key(&new.protocols, |share| share.protocols) {
            Ok(there) => shares[there].merge(&new),
            Err(place) => shares.insert(place, new),
        }
    }
}

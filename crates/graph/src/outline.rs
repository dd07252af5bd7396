use std::thread;

use pcapviz_capture::GraphLayer;

use crate::packed::{Narrow, Packed, PackedV4, PackedV6, devices};
use crate::partition::{Partition, Row};
use crate::sort::sort_by_threads;
use crate::{FlowStats, FlowTable, LayerGraph, NodeId};

/// A layer's graph as lean as can be: who is in it, who sent to whom, and how many bytes. About 30 bytes for a
/// node and 8 for an edge, so that a summary of millions fits beside their flow table.
///
/// ```
/// use pcapviz_graph::{FlowTable, GraphLayer, Outline};
///
/// let table = FlowTable::new();
/// let outline = table.outline(GraphLayer::Hosts, 1);
/// assert_eq!(outline, Outline::from(&table.project(GraphLayer::Hosts)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    nodes: Nodes,
    sent: Vec<u64>,
    received: Vec<u64>,
    edges: Vec<(u32, u32)>,
}

impl Outline {
    pub(crate) fn of_flows(layer: GraphLayer, table: &FlowTable, threads: usize) -> Self {
        let Numbered { nodes, ends } = Numbered::new(layer, table, threads);
        let [mut sent, mut received] = [vec![0_u64; nodes.len()], vec![0_u64; nodes.len()]];
        let add_up = |sums: &mut [u64], end: usize| {
            let mut ends = ends.iter().map(|ends| ends[end]);
            let mut add_rows = |bytes: u64| {
                if let Some(sum) = ends.next().and_then(|node| sums.get_mut(node as usize)) {
                    *sum = sum.saturating_add(bytes);
                }
            };
            add_bytes(layer, table.v4(), &mut add_rows);
            add_bytes(layer, table.v6(), &mut add_rows);
        };
        if threads > 1 {
            thread::scope(|scope| {
                scope.spawn(|| add_up(&mut sent, 0));
                add_up(&mut received, 1);
            });
        } else {
            add_up(&mut sent, 0);
            add_up(&mut received, 1);
        }
        let mut edges: Vec<_> = ends.into_iter().map(|[source, target]| (source, target)).collect();
        sort_by_threads(&mut edges, threads, |&(source, target)| u64::from(source) << 32 | u64::from(target));
        edges.dedup();
        Self { nodes, sent, received, edges }
    }

    /// Which layer's graph this is.
    pub fn layer(&self) -> GraphLayer {
        self.nodes.layer
    }

    /// How many nodes there are. They have the numbers that they have in the [`LayerGraph`]: they are sorted.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Who a node is.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn id(&self, node: usize) -> NodeId {
        self.nodes.id(node)
    }

    /// What each node sent, in bytes on the wire.
    pub fn sent(&self) -> &[u64] {
        &self.sent
    }

    /// What was sent to each node, in bytes on the wire.
    pub fn received(&self) -> &[u64] {
        &self.received
    }

    /// Source and target of each edge, sorted.
    pub fn edges(&self) -> &[(u32, u32)] {
        &self.edges
    }
}

impl From<&LayerGraph> for Outline {
    fn from(graph: &LayerGraph) -> Self {
        Self {
            nodes: Nodes::of_graph(graph),
            sent: graph.nodes().iter().map(|node| node.sent.bytes).collect(),
            received: graph.nodes().iter().map(|node| node.received.bytes).collect(),
            edges: graph.edges().iter().map(|edge| (edge.source as u32, edge.target as u32)).collect(),
        }
    }
}

/// The nodes of a layer, sorted, and those of each flow that reaches the layer, by number.
pub(crate) struct Numbered {
    pub(crate) nodes: Nodes,
    /// In the order of [`flows`].
    pub(crate) ends: Vec<[u32; 2]>,
}

impl Numbered {
    pub(crate) fn new(layer: GraphLayer, table: &FlowTable, threads: usize) -> Self {
        let mut ends = Vec::new();
        let mut nodes = Nodes { layer, narrow: Vec::new(), wide: Vec::new() };
        if layer == GraphLayer::Devices {
            let v4 = rows(table.v4()).filter_map(|row| devices(row.key.words()));
            let v6 = rows(table.v6()).filter_map(|row| devices(row.key.words()));
            nodes.narrow = number(v4.chain(v6), 0, threads, &mut ends);
        } else {
            let v4 = rows(table.v4()).filter_map(|row| row.key.ends(layer));
            nodes.narrow = number(v4, 0, threads, &mut ends);
            let v6 = rows(table.v6()).filter_map(|row| row.key.ends(layer));
            nodes.wide = number(v6, nodes.narrow.len() as u32, threads, &mut ends);
        }
        Self { nodes, ends }
    }
}

/// A node as a flow names it: source and destination of flow n are mentions 2n and 2n + 1.
struct Mention<N> {
    node: N,
    mention: u32,
}

/// The distinct nodes, sorted; their numbers, counted on from `base`, are added to `ends`.
// Sorting, not hashing: it takes a fixed 12 bytes for a mention of an IPv4 node, and misses no cache.
fn number<N: Copy + Ord + Send>(
    pairs: impl Iterator<Item = [N; 2]>,
    base: u32,
    threads: usize,
    ends: &mut Vec<[u32; 2]>,
) -> Vec<N> {
    let mut mentions: Vec<Mention<N>> = Vec::new();
    pairs.for_each(|[source, destination]| {
        // 32 bits suffice for two thousand million flows, which take 200 GB.
        let mention = mentions.len() as u32;
        mentions.push(Mention { node: source, mention });
        mentions.push(Mention { node: destination, mention: mention + 1 });
    });
    sort_by_threads(&mut mentions, threads, |mention| mention.node);
    let first = ends.len();
    ends.resize(first + mentions.len() / 2, [0; 2]);
    let mut nodes: Vec<N> = Vec::new();
    for Mention { node, mention } in mentions {
        if nodes.last() != Some(&node) {
            nodes.push(node);
        }
        let (flow, end) = (mention as usize / 2, mention as usize % 2);
        ends[first + flow][end] = base + (nodes.len() - 1) as u32;
    }
    nodes.shrink_to_fit();
    nodes
}

/// The sorted nodes of a layer, packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nodes {
    layer: GraphLayer,
    /// Devices, or what has an IPv4 address.
    narrow: Vec<Narrow>,
    /// What has an IPv6 address.
    wide: Vec<<PackedV6 as Packed>::Node>,
}

impl Nodes {
    fn of_graph(graph: &LayerGraph) -> Self {
        let mut nodes = Self { layer: graph.layer(), narrow: Vec::new(), wide: Vec::new() };
        for node in graph.nodes() {
            match Narrow::of(node.id) {
                Ok(narrow) => nodes.narrow.push(narrow),
                Err(wide) => nodes.wide.push(wide),
            }
        }
        nodes
    }

    pub(crate) fn len(&self) -> usize {
        self.narrow.len() + self.wide.len()
    }

    fn id(&self, node: usize) -> NodeId {
        match self.narrow.get(node) {
            Some(&narrow) => PackedV4::id(self.layer, narrow),
            None => PackedV6::id(self.layer, self.wide[node - self.narrow.len()]),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = NodeId> {
        let narrow = self.narrow.iter().map(|&node| PackedV4::id(self.layer, node));
        narrow.chain(self.wide.iter().map(|&node| PackedV6::id(self.layer, node)))
    }
}

fn rows<K: Packed>(partitions: &[Partition<K>]) -> impl Iterator<Item = &Row<K>> {
    partitions.iter().flat_map(Partition::rows)
}

/// What each flow that reaches the layer has, in the order of [`Numbered::ends`].
pub(crate) fn flows(layer: GraphLayer, table: &FlowTable) -> impl Iterator<Item = FlowStats> {
    reaching(layer, table.v4()).chain(reaching(layer, table.v6()))
}

fn add_bytes<K: Packed>(layer: GraphLayer, partitions: &[Partition<K>], add: &mut impl FnMut(u64)) {
    rows(partitions).filter(|row| row.key.reaches(layer)).for_each(|row| add(row.stats.bytes()));
}

fn reaching<K: Packed>(layer: GraphLayer, partitions: &[Partition<K>]) -> impl Iterator<Item = FlowStats> {
    partitions.iter().flat_map(move |partition| {
        let rows = partition.rows().filter(move |row| row.key.reaches(layer));
        rows.map(move |row| partition.stats(row))
    })
}

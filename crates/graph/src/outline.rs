use std::hint::black_box;
use std::iter::repeat_n;
use std::ops::Range;

use pcapviz_capture::GraphLayer;

use crate::numbering::{Buckets, Mentions, number};
use crate::packed::{Narrow, Packed, PackedV4, PackedV6, devices};
use crate::partition::{Partition, Row};
use crate::tally::Tally;
use crate::{FlowStats, FlowTable, LayerGraph, NodeId, all_beside, beside};

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
        if layer == GraphLayer::Devices {
            return Self::of_devices(table, threads);
        }
        let numbered = Numbered::new(layer, None, table, threads);
        Self::new(numbered, bytes(layer, None, table, threads), threads)
    }

    /// Devices are few, and the pairs of them: they are told apart by hashing.
    fn of_devices(table: &FlowTable, threads: usize) -> Self {
        let parts = table.fold_by(threads, Tally::default, |pairs: &mut Tally<[Narrow; 2]>, flow| {
            if let Some(pair) = flow.devices() {
                pairs.add(pair, flow.bytes());
            }
        });
        let pairs = parts.into_iter().reduce(|mut whole, part| {
            whole.merge(&part);
            whole
        });
        let (pairs, bytes): (Vec<_>, Vec<_>) = pairs.unwrap_or_default().iter().unzip();
        let all = Buckets::of(0, std::iter::empty());
        let (narrow, ends) = number(vec![Mentions::of(&all, pairs.len(), pairs.into_iter())], threads);
        let nodes = Nodes { layer: GraphLayer::Devices, narrow, wide: Vec::new() };
        Self::new(Numbered { nodes, ends }, bytes, threads)
    }

    /// The hosts' outline by that of the end points, and the flows that have none: much faster than by all flows.
    pub(crate) fn of_hosts(endpoints: &Self, table: &FlowTable, threads: usize) -> Self {
        let (layer, but_not) = (GraphLayer::Hosts, Some(GraphLayer::Endpoints));
        let others = Numbered::new(layer, but_not, table, threads);
        let others = Self::new(others, bytes(layer, but_not, table, threads), threads);
        endpoints.hosts().union(others)
    }

    /// The graph of these nodes, with the bytes of each pair of ends.
    fn new(Numbered { nodes, ends }: Numbered, bytes: Vec<u64>, threads: usize) -> Self {
        let [mut sent, mut received] = [zeros::<u64>(nodes.len()), zeros(nodes.len())];
        let add_up = |sums: &mut [u64], end: usize| {
            for (ends, bytes) in ends.iter().zip(&bytes) {
                add(&mut sums[ends[end] as usize], *bytes);
            }
        };
        beside(threads, || add_up(&mut sent, 0), || add_up(&mut received, 1));
        drop(bytes);
        let edges = edges(&ends, nodes.len(), threads);
        Self { nodes, sent, received, edges }
    }

    /// The hosts of these end points: what each of a host's end points has, added up.
    fn hosts(&self) -> Self {
        let (nodes, host_of) = self.nodes.hosts();
        let sum = |bytes: &[u64]| {
            let mut sums = zeros::<u64>(nodes.len());
            host_of.iter().zip(bytes).for_each(|(host, bytes)| add(&mut sums[*host as usize], *bytes));
            sums
        };
        let (sent, received) = (sum(&self.sent), sum(&self.received));
        // A host's end points are side by side, and so are the edges from them.
        let (mut edges, mut targets) = (Vec::new(), Vec::new());
        let source = |edge: &(u32, u32)| host_of[edge.0 as usize];
        for of_source in self.edges.chunk_by(|a, b| source(a) == source(b)) {
            targets.clear();
            targets.extend(of_source.iter().map(|edge| host_of[edge.1 as usize]));
            targets.sort_unstable();
            targets.dedup();
            edges.extend(targets.iter().map(|target| (source(&of_source[0]), *target)));
        }
        Self { nodes, sent, received, edges }
    }

    /// All that is in one or the other, of one layer.
    fn union(mut self, other: Self) -> Self {
        if other.is_empty() {
            return self;
        }
        let (nodes, places) = self.nodes.union(&other.nodes);
        let [mut sent, mut received] = [zeros::<u64>(nodes.len()), zeros(nodes.len())];
        let mut edges = std::mem::take(&mut self.edges);
        edges.iter_mut().for_each(|edge| *edge = places[0].of_edge(*edge));
        edges.extend(other.edges.iter().map(|edge| places[1].of_edge(*edge)));
        for (outline, places) in [&self, &other].into_iter().zip(&places) {
            for (node, place) in places.0.iter().enumerate() {
                add(&mut sent[*place as usize], outline.sent[node]);
                add(&mut received[*place as usize], outline.received[node]);
            }
        }
        // Two sorted runs, which this merges.
        edges.sort();
        edges.dedup();
        Self { nodes, sent, received, edges }
    }

    /// The bytes of each edge, by the flows that this is the outline of.
    pub(crate) fn edge_bytes(&self, table: &FlowTable, threads: usize) -> Vec<u64> {
        let layer = self.layer();
        let ends = Numbered::new(layer, None, table, threads).ends;
        // Edges are sorted: where those of each node begin.
        let mut starts = vec![0; self.len() + 1];
        self.edges.iter().for_each(|(source, _)| starts[*source as usize + 1] += 1);
        for node in 1..starts.len() {
            starts[node] += starts[node - 1];
        }
        let mut sums = vec![0; self.edges.len()];
        for ([source, target], bytes) in ends.into_iter().zip(bytes(layer, None, table, threads)) {
            let Some(&[start, end]) = starts.get(source as usize..).and_then(<[usize]>::first_chunk) else {
                continue;
            };
            if let Ok(place) = self.edges[start..end].binary_search(&(source, target)) {
                add(&mut sums[start + place], bytes);
            }
        }
        sums
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

    /// The number of a node, if it is there. O(log nodes).
    pub fn number(&self, id: NodeId) -> Option<usize> {
        let nodes = &self.nodes;
        let place = match Narrow::of(id) {
            Ok(narrow) => nodes.narrow.binary_search(&narrow).ok(),
            Err(wide) => nodes.wide.binary_search(&wide).ok().map(|place| nodes.narrow.len() + place),
        };
        // Packed, nodes of other layers may be the same.
        place.filter(|place| self.id(*place) == id)
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

/// The distinct pairs of these ends of so many nodes, sorted, by up to so many threads: each those from nodes of its own.
fn edges(ends: &[[u32; 2]], nodes: usize, threads: usize) -> Vec<(u32, u32)> {
    let share = nodes.div_ceil(threads.max(1)).max(1);
    let shares = nodes.div_ceil(share);
    let of_share = |n: usize| edges_from((n * share) as u32..nodes.min((n + 1) * share) as u32, ends);
    let mut parts = all_beside(threads, shares, of_share).into_iter();
    let mut edges = parts.next().unwrap_or_default();
    parts.for_each(|mut part| edges.append(&mut part));
    edges.shrink_to_fit();
    edges
}

/// Those from these nodes.
// The numbers are dense, so each source's targets are put in their place at once, and only those of one source are sorted.
fn edges_from(sources: Range<u32>, ends: &[[u32; 2]]) -> Vec<(u32, u32)> {
    let place = |source: u32| source.wrapping_sub(sources.start) as usize;
    let mut next = zeros::<u32>(sources.len());
    for [source, _] in ends {
        if let Some(count) = next.get_mut(place(*source)) {
            *count += 1;
        }
    }
    let mut before = 0;
    for count in &mut next {
        let start = before;
        before += *count;
        *count = start;
    }
    let mut targets = zeros::<u32>(before as usize);
    for [source, target] in ends {
        if let Some(next) = next.get_mut(place(*source)) {
            targets[*next as usize] = *target;
            *next += 1;
        }
    }
    // Filled, each list's start has become its end.
    let mut edges = Vec::with_capacity(targets.len());
    let mut start = 0;
    for (source, end) in sources.zip(next) {
        let of_source = &mut targets[start..end as usize];
        of_source.sort_unstable();
        let distinct = of_source.chunk_by(|a, b| a == b);
        edges.extend(distinct.map(|same| (source, same[0])));
        start = end as usize;
    }
    edges
}

/// Zeros that are written here and now. Of memory that is zero from the start, each page is faulted in to be read, and again to be
/// written, which stops all threads.
fn zeros<T: Copy + Default>(len: usize) -> Vec<T> {
    repeat_n(black_box(T::default()), len).collect()
}

fn add(sum: &mut u64, bytes: u64) {
    *sum = sum.saturating_add(bytes);
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
    /// Of the flows that reach the layer, but not the other one.
    pub(crate) fn new(
        layer: GraphLayer,
        but_not: Option<GraphLayer>,
        table: &FlowTable,
        threads: usize,
    ) -> Self {
        let devices_of = |words: &[u32]| devices(words).filter(|_| layer == GraphLayer::Devices);
        let narrow = |key: &PackedV4| devices_of(key.words()).or_else(|| key.ends(layer));
        let (v4, v6) = (Sample::of(layer, but_not, table.v4()), Sample::of(layer, but_not, table.v6()));
        let of_v4 = v4.keys.iter().filter_map(|key| narrow(key));
        let of_v6 = v6.keys.iter().filter_map(|key| devices_of(key.words()));
        let narrow_buckets = Buckets::of(v4.about, of_v4.chain(of_v6));
        let wide_buckets = Buckets::of(v6.about, v6.keys.iter().filter_map(|key| key.ends(layer)));
        let parts = table.parts_by(threads, |part_v4, part_v6| {
            let about = [v4.about / threads.max(1), v6.about / threads.max(1)];
            let of_v4 = reaching(layer, but_not, part_v4).map(|(_, row)| &row.key);
            let of_v6 = || reaching(layer, but_not, part_v6).map(|(_, row)| &row.key);
            let devices = of_v6().filter_map(|key| devices_of(key.words()));
            let wide = of_v6().filter_map(|key| key.ends(layer));
            (
                Mentions::of(&narrow_buckets, about[0], of_v4.filter_map(narrow)),
                Mentions::of(&narrow_buckets, 0, devices),
                Mentions::of(&wide_buckets, about[1], wide),
            )
        });
        let (mut narrow, devices, wide): (Vec<_>, Vec<_>, Vec<_>) = parts.into_iter().collect();
        narrow.extend(devices);
        let (narrow, mut ends) = number(narrow, threads);
        let (wide, wide_ends) = number(wide, threads);
        let base = narrow.len() as u32;
        ends.extend(wide_ends.into_iter().map(|ends| ends.map(|node| base + node)));
        Self { nodes: Nodes { layer, narrow, wide }, ends }
    }
}

/// The keys of a few of the flows that reach the layer, but not the other one, and about how many of these there are. Where a flow
/// lies hangs on its hash, so that the sample is fair.
struct Sample<'a, K> {
    keys: Vec<&'a K>,
    about: usize,
}

impl<'a, K: Packed> Sample<'a, K> {
    /// Flows looked at of each chunk of rows.
    const OF_CHUNK: usize = 4;

    fn of(layer: GraphLayer, but_not: Option<GraphLayer>, partitions: &'a [Partition<K>]) -> Self {
        let chunks = partitions.iter().flat_map(Partition::chunks);
        let rows = chunks.flat_map(|chunk| &chunk[..chunk.len().min(Self::OF_CHUNK)]);
        let (mut keys, mut looked_at) = (Vec::new(), 0);
        for row in rows {
            looked_at += 1;
            keys.extend(Some(&row.key).filter(|key| is_wanted(*key, layer, but_not)));
        }
        let all: usize = partitions.iter().map(Partition::len).sum();
        let about = all * keys.len() / looked_at.max(1);
        Self { keys, about }
    }
}

/// Whether a flow reaches the layer, but not the other one.
#[inline]
fn is_wanted<K: Packed>(key: &K, layer: GraphLayer, but_not: Option<GraphLayer>) -> bool {
    key.reaches(layer) && !but_not.is_some_and(|other| key.reaches(other))
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

    /// The hosts of these end points, and for each end point its host's number.
    fn hosts(&self) -> (Self, Vec<u32>) {
        let mut hosts = Self { layer: GraphLayer::Hosts, narrow: Vec::new(), wide: Vec::new() };
        let mut host_of = Vec::with_capacity(self.len());
        for host in self.narrow.iter().map(|endpoint| endpoint.host()) {
            if hosts.narrow.last() != Some(&host) {
                hosts.narrow.push(host);
            }
            host_of.push((hosts.narrow.len() - 1) as u32);
        }
        for host in self.wide.iter().map(|(ip, _)| (*ip, 0)) {
            if hosts.wide.last() != Some(&host) {
                hosts.wide.push(host);
            }
            host_of.push((hosts.len() - 1) as u32);
        }
        (hosts, host_of)
    }

    /// All nodes of both, and the places there of the nodes of each.
    fn union(&self, other: &Self) -> (Self, [Places; 2]) {
        let mut places = [self, other].map(|nodes| Places(Vec::with_capacity(nodes.len())));
        let narrow = union([&self.narrow, &other.narrow], 0, &mut places);
        let wide = union([&self.wide, &other.wide], narrow.len() as u32, &mut places);
        (Self { layer: self.layer, narrow, wide }, places)
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

/// For each node of a layer, its number among more nodes.
struct Places(Vec<u32>);

impl Places {
    fn of_edge(&self, (source, target): (u32, u32)) -> (u32, u32) {
        (self.0[source as usize], self.0[target as usize])
    }
}

/// What is in one or the other of two sorted lists, sorted; the numbers in it, from `base` on, are added to the places.
fn union<N: Copy + Ord>([a, b]: [&[N]; 2], base: u32, [in_a, in_b]: &mut [Places; 2]) -> Vec<N> {
    let mut all = Vec::with_capacity(a.len().max(b.len()));
    let (mut i, mut j) = (0, 0);
    while let (Some(&x), Some(&y)) = (a.get(i), b.get(j)) {
        let number = base + all.len() as u32;
        if x <= y {
            in_a.0.push(number);
            i += 1;
        }
        if y <= x {
            in_b.0.push(number);
            j += 1;
        }
        all.push(x.min(y));
    }
    for (rest, places) in [(&a[i..], in_a), (&b[j..], in_b)] {
        places.0.extend((base + all.len() as u32..).take(rest.len()));
        all.extend_from_slice(rest);
    }
    all
}

/// What each flow that reaches the layer has, in the order of [`Numbered::ends`].
pub(crate) fn flows(layer: GraphLayer, table: &FlowTable) -> impl Iterator<Item = FlowStats> {
    let v4 = reaching(layer, None, table.v4()).map(|(partition, row)| partition.stats(row));
    v4.chain(reaching(layer, None, table.v6()).map(|(partition, row)| partition.stats(row)))
}

/// The bytes of each flow that reaches the layer, but not the other one, in the order of [`Numbered::ends`].
fn bytes(layer: GraphLayer, but_not: Option<GraphLayer>, table: &FlowTable, threads: usize) -> Vec<u64> {
    let parts = table.parts_by(threads, |v4, v6| {
        let mut bytes = [Vec::new(), Vec::new()];
        bytes[0].reserve_exact(most_reaching(but_not, v4));
        bytes[0].extend(reaching(layer, but_not, v4).map(|(partition, row)| partition.bytes(row)));
        bytes[1].reserve_exact(most_reaching(but_not, v6));
        bytes[1].extend(reaching(layer, but_not, v6).map(|(partition, row)| partition.bytes(row)));
        bytes
    });
    let (mut all, v6): (Vec<_>, Vec<_>) = parts.into_iter().map(|[v4, v6]| (v4, v6)).unzip();
    all.extend(v6);
    let joined = all.into_iter().reduce(|mut all, mut part| {
        all.append(&mut part);
        all
    });
    joined.unwrap_or_default()
}

/// For how many flows to make room: of those that do not reach another layer there are few.
fn most_reaching<K: Packed>(but_not: Option<GraphLayer>, partitions: &[Partition<K>]) -> usize {
    if but_not.is_some() { 0 } else { partitions.iter().map(Partition::len).sum() }
}

/// The flows that reach the layer, but not the other one, each with its partition.
fn reaching<K: Packed>(
    layer: GraphLayer,
    but_not: Option<GraphLayer>,
    partitions: &[Partition<K>],
) -> impl Iterator<Item = (&Partition<K>, &Row<K>)> {
    partitions.iter().flat_map(move |partition| {
        let wanted = move |row: &&Row<K>| is_wanted(&row.key, layer, but_not);
        partition.rows().filter(wanted).map(move |row| (partition, row))
    })
}

#[cfg(test)]
mod tests {
    use pcapviz_capture::{DissectOptions, LinkType, Packet, dissect};
    use pcapviz_testkit::frame::{Ethernet, Ipv4, Ipv6, Tcp, Udp};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_way_leads_to_the_outline_of_the_graph(
            packets in prop::collection::vec((0..4_u8, 0..4_u8, 0..4_u16, 0..6_u8), 0..40),
            threads in 1..4_usize,
        ) {
            let mut table = FlowTable::new();
            for (from, to, port, kind) in packets {
                let ethernet = Ethernet::between(from, to);
                let v4 = Ipv4::between([10, 0, 0, from], [10, 0, 0, to]);
                let v6 = Ipv6::between(from.into(), to.into());
                let frame = match kind {
                    0 => ethernet.carry(b"nothing known"),
                    1 => ethernet.carry(v4.carry(b"no ports")),
                    2 => ethernet.carry(v6.carry(b"no ports")),
                    3 => ethernet.carry(v4.carry(Udp::ports(port, 53).carry(b"x"))),
                    4 => ethernet.carry(v6.carry(Udp::ports(53, port).carry(b"x"))),
                    _ => ethernet.carry(v4.carry(Tcp::ports(port, 80).carry(b"x"))),
                };
                let packet = Packet::new(LinkType::ETHERNET, frame.bytes());
                table.observe(0, &packet, &dissect(&packet, &DissectOptions::default()));
            }
            for layer in GraphLayer::ALL {
                let (outline, graph) = (table.outline(layer, threads), table.project(layer));
                prop_assert_eq!(&outline, &Outline::from(&graph));
                let bytes: Vec<u64> = graph.edges().iter().map(|edge| edge.traffic.bytes).collect();
                prop_assert_eq!(table.edge_bytes(&outline, threads), bytes);
            }
            let endpoints = table.outline(GraphLayer::Endpoints, threads);
            for outline in [&endpoints, &table.outline(GraphLayer::Devices, 1)] {
                let numbers = (0..outline.len()).map(|node| outline.number(outline.id(node)));
                prop_assert!(numbers.eq((0..outline.len()).map(Some)));
                prop_assert_eq!(outline.number(NodeId::Endpoint([9, 9, 9, 9].into(), 9)), None);
            }
            prop_assert_eq!(table.outline_of_hosts(&endpoints, threads), table.outline(GraphLayer::Hosts, 1));
        }
    }
}

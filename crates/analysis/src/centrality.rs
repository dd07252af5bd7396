use leiden_rs::{GraphDataBuilder, Leiden, LeidenConfig};
use pcapviz_graph::{LayerGraph, Outline, beside};

use crate::betweenness::{Betweenness, betweenness};
use crate::peers::Peers;

/// How much each node of a graph matters for its shape, by the measures that people know.
///
/// As seen from the capture: one tap sees near-stars, whose centre leads in every measure.
///
/// ```
/// use pcapviz_analysis::Centrality;
/// use pcapviz_graph::{FlowTable, GraphLayer};
///
/// let graph = FlowTable::new().project(GraphLayer::Hosts);
/// assert!(Centrality::of(&graph, 1).page_rank.is_empty());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Centrality {
    /// Shares of shortest paths, on the simple undirected graph; `None` where the graph is too large.
    pub betweenness: Option<Betweenness>,
    /// PageRank with damping 0.85 on the directed graph, edges weighted by ln(1 + bytes). Adds up to 1.
    pub page_rank: Vec<f64>,
    /// HITS hub scores, edges weighted likewise: high for nodes that send to many authorities. Adds up to 1.
    pub hubs: Vec<f64>,
    /// HITS authority scores: high for nodes that many hubs send to. Adds up to 1.
    pub authorities: Vec<f64>,
    /// The largest k for which the node is in the k-core of the simple undirected graph: the part in which each
    /// has k peers.
    pub cores: Vec<u32>,
    /// Which community each node is in, from 0.
    pub communities: Vec<u32>,
    community_sizes: Vec<usize>,
}

/// The probability that a walk over the graph goes on (Brin and Page, 1998).
const DAMPING: f64 = 0.85;
/// Rounds after which PageRank and HITS end at the latest, and the change below which they end. HITS is slow where two
/// parts of a graph are nearly as strong: small graphs have as many rounds as make so many steps along edges.
const ROUNDS: usize = 200;
const CHANGE: f64 = 1e-12;
const HITS_STEPS: usize = 2_000_000;

impl Centrality {
    /// Of a graph. O(rounds · edges) and what [`Betweenness`] takes; the same for any number of threads.
    pub fn of(graph: &LayerGraph, threads: usize) -> Self {
        let bytes: Vec<u64> = graph.edges().iter().map(|edge| edge.traffic.bytes).collect();
        Self::of_outline(&Outline::from(graph), &bytes, threads)
    }

    /// The same of an outline with the [bytes of its edges](pcapviz_graph::FlowTable::edge_bytes); an edge without any weighs nothing.
    ///
    /// ```
    /// use pcapviz_analysis::Centrality;
    /// use pcapviz_graph::{FlowTable, GraphLayer};
    ///
    /// let table = FlowTable::new();
    /// let outline = table.outline(GraphLayer::Hosts, 1);
    /// assert!(Centrality::of_outline(&outline, &table.edge_bytes(&outline, 1), 1).page_rank.is_empty());
    /// ```
    pub fn of_outline(outline: &Outline, bytes: &[u64], threads: usize) -> Self {
        let peers = Peers::of(outline.len(), outline.edges());
        let weights = bytes.iter().map(|bytes| (*bytes as f64).ln_1p()).chain(std::iter::repeat(0.0));
        let edges: Vec<(usize, usize, f64)> = outline
            .edges()
            .iter()
            .zip(weights)
            .map(|(&(from, to), weight)| (from as usize, to as usize, weight))
            .collect();
        // HITS takes about as long as all else.
        let of_others = || {
            let communities = communities(outline.len(), &edges);
            (communities, page_rank(outline.len(), &edges), betweenness(&peers, threads), cores(&peers))
        };
        let ((hubs, authorities), (communities, page_rank, betweenness, cores)) =
            beside(threads, || hits(outline.len(), &edges), of_others);
        let mut community_sizes = vec![0; communities.iter().max().map_or(0, |most| *most as usize + 1)];
        communities.iter().for_each(|community| community_sizes[*community as usize] += 1);
        Self { betweenness, page_rank, hubs, authorities, cores, communities, community_sizes }
    }

    /// How many communities there are.
    pub fn community_count(&self) -> usize {
        self.community_sizes.len()
    }

    /// How many nodes the node's community has.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn community_size(&self, node: usize) -> usize {
        self.community_sizes[self.communities[node] as usize]
    }
}

fn page_rank(len: usize, edges: &[(usize, usize, f64)]) -> Vec<f64> {
    let mut out = vec![0.0; len];
    edges.iter().for_each(|&(from, _, weight)| out[from] += weight);
    let mut ranks = vec![1.0 / len as f64; len];
    for _ in 0..ROUNDS {
        // What leads nowhere begins anew anywhere.
        let stuck = sum(len, |node| if out[node] == 0.0 { ranks[node] } else { 0.0 });
        let base = (1.0 - DAMPING + DAMPING * stuck) / len as f64;
        let mut next = vec![base; len];
        for &(from, to, weight) in edges.iter().filter(|(.., weight)| *weight > 0.0) {
            next[to] += DAMPING * ranks[from] * weight / out[from];
        }
        let change = sum(len, |node| (next[node] - ranks[node]).abs());
        ranks = next;
        if change < CHANGE {
            break;
        }
    }
    ranks
}

/// Hubs and authorities (Kleinberg, "Authoritative sources in a hyperlinked environment", 1999).
fn hits(len: usize, edges: &[(usize, usize, f64)]) -> (Vec<f64>, Vec<f64>) {
    let mut hubs = vec![1.0 / len as f64; len];
    let mut authorities = vec![0.0; len];
    for _ in 0..ROUNDS.max(HITS_STEPS / edges.len().max(1)) {
        authorities.fill(0.0);
        edges.iter().for_each(|&(from, to, weight)| authorities[to] += weight * hubs[from]);
        to_one(&mut authorities);
        let mut next = vec![0.0; len];
        edges.iter().for_each(|&(from, to, weight)| next[from] += weight * authorities[to]);
        to_one(&mut next);
        let change = sum(len, |node| (next[node] - hubs[node]).abs());
        hubs = next;
        if change < CHANGE {
            break;
        }
    }
    (hubs, authorities)
}

/// Of the values of so many nodes, always in the same order: in eight sums beside each other, for an addition waits for the
/// one before.
fn sum(len: usize, value: impl Fn(usize) -> f64) -> f64 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    let whole = len / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += value(start + lane);
        }
    }
    (whole..len).map(value).sum::<f64>() + sums.iter().sum::<f64>()
}

fn to_one(values: &mut [f64]) {
    let sum = sum(values.len(), |node| values[node]);
    if sum > 0.0 {
        values.iter_mut().for_each(|value| *value /= sum);
    }
}

/// O(edges), by Batagelj and Zaveršnik ("An O(m) algorithm for cores decomposition of networks", 2003).
fn cores(peers: &Peers) -> Vec<u32> {
    let len = peers.len();
    let mut degrees: Vec<usize> = (0..len).map(|node| peers.of_node(node).len()).collect();
    // The nodes in the order of their degrees, in bins.
    let mut starts = vec![0; degrees.iter().max().map_or(0, |most| most + 1) + 1];
    degrees.iter().for_each(|degree| starts[degree + 1] += 1);
    for i in 1..starts.len() {
        starts[i] += starts[i - 1];
    }
    let mut ends = starts.clone();
    let (mut order, mut places) = (vec![0; len], vec![0; len]);
    for (node, degree) in degrees.iter().enumerate() {
        places[node] = ends[*degree];
        order[ends[*degree]] = node;
        ends[*degree] += 1;
    }
    for i in 0..len {
        let node = order[i];
        for &peer in peers.of_node(node) {
            let peer = peer as usize;
            let degree = degrees[peer];
            if degree > degrees[node] {
                // It trades places with the first of its bin, which then begins behind it.
                let (place, first) = (places[peer], starts[degree]);
                let other = order[first];
                order.swap(place, first);
                (places[peer], places[other]) = (first, place);
                starts[degree] += 1;
                degrees[peer] -= 1;
            }
        }
    }
    degrees.into_iter().map(|degree| degree as u32).collect()
}

/// Communities by modularity, numbered in the order of their first node (Traag, Waltman and van Eck, "From Louvain
/// to Leiden", 2019).
fn communities(len: usize, edges: &[(usize, usize, f64)]) -> Vec<u32> {
    let alone = || (0..len as u32).collect();
    let mut weights = std::collections::BTreeMap::<(usize, usize), f64>::new();
    for &(from, to, weight) in edges.iter().filter(|(from, to, weight)| from != to && *weight > 0.0) {
        *weights.entry((from.min(to), from.max(to))).or_default() += weight;
    }
    let mut builder = GraphDataBuilder::new(len);
    for ((from, to), weight) in weights {
        if builder.add_edge(from, to, weight).is_err() {
            return alone();
        }
    }
    let leiden = Leiden::new(LeidenConfig::builder().seed(1).build());
    let Some(found) = builder.build().ok().and_then(|graph| leiden.run(&graph).ok()) else { return alone() };
    let mut numbers = std::collections::HashMap::new();
    (0..len)
        .map(|node| {
            let next = numbers.len() as u32;
            *numbers.entry(found.partition.community_of(node)).or_insert(next)
        })
        .collect()
}

use std::cmp::Reverse;
use std::fmt;

use pcapviz_graph::Outline;

use crate::Centrality;
use crate::depth_first::{Step, Visit, search};
use crate::peers::{Core, Peers};
use crate::talker::most;

/// A node that holds the graph together, with the reason.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeyNode {
    /// Its place in the graph, as a number.
    pub node: usize,
    /// With how many others it exchanged packets.
    pub peers: usize,
    /// How many nodes only it connects with the largest part of the rest; 0 if the graph stays whole
    /// without it.
    pub cuts_off: usize,
    /// Its share of the shortest paths, and how far that is off at most, where it was computed.
    pub betweenness: Option<(f64, f64)>,
    /// Its PageRank, where it was computed.
    pub page_rank: Option<f64>,
    /// The innermost k-core that it is in, where it was computed.
    pub core: Option<u32>,
    /// Its HITS scores as a hub and as an authority, where they were computed.
    pub hits: Option<(f64, f64)>,
    /// How many nodes its community has, where there is more than one.
    pub community: Option<usize>,
}

/// Two nodes that are the only link between two parts of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bridge {
    /// The two nodes, as numbers; the lower one first.
    pub ends: (usize, usize),
    /// How many nodes the smaller part has.
    pub cuts_off: usize,
}

/// A graph's shape, found once for all that ask about it: with whom each node exchanged packets, and what it cuts off.
///
/// On the simple undirected graph, by one depth-first search (Tarjan, "Depth-first search and linear graph
/// algorithms", 1972) over the nodes that have more than one peer. O(nodes + edges).
///
/// ```
/// use pcapviz_analysis::{Topology, key_nodes};
/// use pcapviz_graph::{FlowTable, GraphLayer};
///
/// let outline = FlowTable::new().outline(GraphLayer::Hosts, 1);
/// assert!(key_nodes(&Topology::of(&outline), 10).is_empty());
/// ```
pub struct Topology<'a> {
    pub(crate) outline: &'a Outline,
    pub(crate) peers: Peers,
    core: Core,
    /// For each node of the core.
    cuts_off: Vec<u32>,
    bridges: Vec<Bridge>,
}

impl<'a> Topology<'a> {
    /// Of a layer's graph.
    pub fn of(outline: &'a Outline) -> Self {
        Self::of_by(outline, 1)
    }

    /// The same by up to so many threads, as far as these help: the search is one thread's.
    ///
    /// ```
    /// use pcapviz_analysis::{Topology, key_nodes};
    /// use pcapviz_graph::{FlowTable, GraphLayer};
    ///
    /// let outline = FlowTable::new().outline(GraphLayer::Hosts, 2);
    /// let by_two = key_nodes(&Topology::of_by(&outline, 2), 10);
    /// assert_eq!(by_two, key_nodes(&Topology::of(&outline), 10));
    /// ```
    pub fn of_by(outline: &'a Outline, threads: usize) -> Self {
        let peers = Peers::of_by(outline.len(), outline.edges(), threads);
        let core = peers.core_by(threads);
        let (cuts_off, bridges) = cut_off(&core);
        Self { outline, peers, core, cuts_off, bridges }
    }

    /// The graph.
    pub fn outline(&self) -> &'a Outline {
        self.outline
    }
}

/// The nodes that matter most for the graph's shape, most first; at most `count`.
///
/// First by how many nodes hang on the node alone (it is an articulation point), then by how many it talked with. A
/// node with a single peer is never key. O(nodes log count).
pub fn key_nodes(topology: &Topology<'_>, count: usize) -> Vec<KeyNode> {
    ranked(topology, None, count)
}

/// Why each of these nodes matters for the graph's shape, in their order; nothing of those that have a single peer. By the graph's
/// centrality too, where that was computed. O(nodes asked for, times the logarithm of all).
pub fn key_nodes_among(
    topology: &Topology<'_>,
    centrality: Option<&Centrality>,
    nodes: &[usize],
) -> Vec<KeyNode> {
    let place = |node: &usize| topology.core.nodes.binary_search(&(*node as u32)).ok();
    nodes.iter().filter_map(place).map(|place| key_node(topology, centrality, place)).collect()
}

impl Centrality {
    /// The nodes that matter most for the shape of the graph that this is the centrality of, most first; at most
    /// `count`. As [`key_nodes`], and among those that cut off as many, first by the shortest paths they lie on.
    pub fn key_nodes(&self, topology: &Topology<'_>, count: usize) -> Vec<KeyNode> {
        ranked(topology, Some(self), count)
    }
}

fn ranked(topology: &Topology<'_>, centrality: Option<&Centrality>, count: usize) -> Vec<KeyNode> {
    let Topology { peers, core, cuts_off, .. } = topology;
    let paths = centrality.and_then(|centrality| centrality.betweenness.as_ref());
    let share = |node: usize| paths.map_or(0.0, |paths| paths.shares[node]);
    // Shares are not negative: their bits are in their order.
    let key = |place: usize| {
        let node = core.nodes[place] as usize;
        (Reverse(cuts_off[place]), Reverse(share(node).to_bits()), Reverse(peers.of_node(node).len()))
    };
    let best = most(core.nodes.len(), count, key);
    best.into_iter().map(|place| key_node(topology, centrality, place)).collect()
}

/// What is known of the core's node at this place.
fn key_node(topology: &Topology<'_>, centrality: Option<&Centrality>, place: usize) -> KeyNode {
    let node = topology.core.nodes[place] as usize;
    let paths = centrality.and_then(|centrality| centrality.betweenness.as_ref());
    KeyNode {
        node,
        peers: topology.peers.of_node(node).len(),
        cuts_off: topology.cuts_off[place] as usize,
        betweenness: paths.map(|paths| (paths.shares[node], paths.error)),
        page_rank: centrality.map(|centrality| centrality.page_rank[node]),
        core: centrality.map(|centrality| centrality.cores[node]),
        hits: centrality.map(|centrality| (centrality.hubs[node], centrality.authorities[node])),
        community: centrality
            .filter(|centrality| centrality.community_count() > 1)
            .map(|centrality| centrality.community_size(node)),
    }
}

/// The links whose loss would part the graph, those first that cut off the most; at most `count`. Links to
/// nodes that have no other peer are left out: in most graphs these are nearly all. O(bridges log count).
///
/// ```
/// use pcapviz_analysis::{Topology, bridges};
/// use pcapviz_graph::{FlowTable, GraphLayer};
///
/// let outline = FlowTable::new().outline(GraphLayer::Hosts, 1);
/// assert!(bridges(&Topology::of(&outline), 10).is_empty());
/// ```
pub fn bridges(topology: &Topology<'_>, count: usize) -> Vec<Bridge> {
    let bridges = &topology.bridges;
    let best = most(bridges.len(), count, |n| (Reverse(bridges[n].cuts_off), bridges[n].ends));
    best.into_iter().map(|n| bridges[n]).collect()
}

/// For each node of the core, how many nodes of its component are outside the largest part once it is gone; and the
/// bridges, by the nodes' numbers in the whole graph.
fn cut_off(core: &Core) -> (Vec<u32>, Vec<Bridge>) {
    let mut cuts_off = vec![0; core.nodes.len()];
    let mut bridges = Vec::new();
    let mut reached = Vec::new();
    search(core, |visits, step| match step {
        Step::Reached(node) => reached.push(node),
        Step::Parted(_) => {}
        Step::Done(root) => {
            let others = visits[root].size - 1;
            for node in reached.drain(..) {
                let Visit { order, low, parent, size, behind, largest, .. } = visits[node];
                cuts_off[node] = others - largest.max(others - behind);
                // Nothing behind it is linked with what was there before it.
                if order == low && node != root {
                    let parent = parent as usize;
                    let [a, b] = [node.min(parent), node.max(parent)].map(|n| core.nodes[n] as usize);
                    let cuts_off = size.min(others + 1 - size) as usize;
                    bridges.push(Bridge { ends: (a, b), cuts_off });
                }
            }
        }
    });
    (cuts_off, bridges)
}

/// HITS scores add up to 1; those of fewer say nothing of the node.
const HITS_SHOWN: f64 = 0.05;

impl fmt::Display for KeyNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "talks with {}", self.peers)?;
        if self.cuts_off > 0 {
            write!(f, ", the only way to {}", self.cuts_off)?;
        }
        // Below half a per cent it would read as none.
        if let Some((share, error)) = self.betweenness.filter(|(share, _)| *share >= 0.005) {
            write!(f, ", on {:.0} % of the shortest paths", 100.0 * share)?;
            if error > 0.0 {
                write!(f, " (± {:.0} %)", 100.0 * error)?;
            }
        }
        if let Some(rank) = self.page_rank {
            write!(f, ", PageRank {rank:.3}")?;
        }
        let (hub, authority) = self.hits.unwrap_or_default();
        for (role, score) in [("hub", hub), ("authority", authority)] {
            if score >= HITS_SHOWN {
                write!(f, ", {role} {score:.3}")?;
            }
        }
        if let Some(core) = self.core.filter(|core| *core > 1) {
            write!(f, ", in the {core}-core")?;
        }
        if let Some(community) = self.community {
            write!(f, ", in a community of {community}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by the definition: take each node away and walk what is left.
    fn cut_off_slowly(peers: &Peers, gone: usize) -> u32 {
        let mut seen = vec![false; peers.len()];
        seen[gone] = true;
        let (mut total, mut largest) = (0, 0);
        for &start in peers.of_node(gone) {
            if std::mem::replace(&mut seen[start as usize], true) {
                continue;
            }
            let (mut size, mut left) = (0, vec![start]);
            while let Some(node) = left.pop() {
                size += 1;
                left.extend(
                    peers
                        .of_node(node as usize)
                        .iter()
                        .filter(|&&n| !std::mem::replace(&mut seen[n as usize], true)),
                );
            }
            total += size;
            largest = largest.max(size);
        }
        total - largest
    }

    fn reached(peers: &Peers, start: usize) -> Vec<bool> {
        let mut seen = vec![false; peers.len()];
        seen[start] = true;
        let mut left = vec![start];
        while let Some(node) = left.pop() {
            let new = peers.of_node(node).iter().map(|n| *n as usize);
            left.extend(new.filter(|n| !std::mem::replace(&mut seen[*n], true)));
        }
        seen
    }

    proptest! {
        #[test]
        fn one_search_tells_what_taking_each_node_away_does(
            edges in prop::collection::vec((0..12_u32, 0..12_u32), 0..24),
        ) {
            let peers = Peers::of_any(12, &edges);
            let by_threads = Peers::of_any_by(12, &edges, 3);
            prop_assert_eq!(by_threads.lists(), peers.lists());
            let core = peers.core_by(2);
            let (of_core, bridges) = cut_off(&core);
            let mut fast = [0; 12];
            core.nodes.iter().zip(of_core).for_each(|(node, cuts_off)| fast[*node as usize] = cuts_off);
            for node in 0..12 {
                let mut neighbours: Vec<u32> = edges.iter()
                    .filter(|(a, b)| a != b)
                    .filter_map(|&(a, b)| if a == node { Some(b) } else { (b == node).then_some(a) })
                    .collect();
                neighbours.sort_unstable();
                neighbours.dedup();
                prop_assert_eq!(peers.of_node(node as usize), neighbours);
                prop_assert_eq!(fast[node as usize], cut_off_slowly(&peers, node as usize));
            }
            // A bridge, by the definition: without it, its ends are in two parts.
            for a in 0..12 {
                for b in (a + 1)..12 {
                    let is_core = [a, b].iter().all(|n| peers.of_node(*n).len() > 1);
                    if !is_core || !peers.of_node(a).contains(&(b as u32)) {
                        continue;
                    }
                    let left: Vec<_> = edges
                        .iter()
                        .copied()
                        .filter(|&(x, y)| (x.min(y) as usize, x.max(y) as usize) != (a, b))
                        .collect();
                    let [from_a, from_b] = [a, b].map(|start| reached(&Peers::of_any(12, &left), start));
                    let found = bridges.iter().find(|bridge| bridge.ends == (a, b)).map(|bridge| bridge.cuts_off);
                    let expected = (!from_a[b]).then(|| {
                        let size = |seen: &[bool]| seen.iter().filter(|seen| **seen).count();
                        size(&from_a).min(size(&from_b))
                    });
                    prop_assert_eq!(found, expected, "{} {}", a, b);
                }
            }
        }
    }
}

use std::cmp::Reverse;
use std::fmt;

use pcapviz_graph::Outline;

use crate::talker::most;

/// A node that holds the graph together, with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyNode {
    /// Its place in the graph, as a number.
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
/// O(nodes log count + edges log edges), by one depth-first search (Tarjan, "Depth-first search and linear graph
/// algorithms", 1972).
///
/// ```
/// use pcapviz_analysis::key_nodes;
/// use pcapviz_graph::{FlowTable, GraphLayer};
///
/// assert!(key_nodes(&FlowTable::new().outline(GraphLayer::Hosts, 1), 10).is_empty());
/// ```
pub fn key_nodes(outline: &Outline, count: usize) -> Vec<KeyNode> {
    let peers = Peers::of(outline.len(), outline.edges());
    let cuts_off = cut_off(&peers);
    let best =
        most(outline.len(), count, |node| (Reverse(cuts_off[node]), Reverse(peers.of_node(node).len())));
    best.into_iter()
        .map(|node| KeyNode { node, peers: peers.of_node(node).len(), cuts_off: cuts_off[node] as usize })
        .filter(|key| key.peers > 1)
        .collect()
}

/// Each node's distinct neighbours, sorted, without itself: one list behind the other.
// Numbers of 32 bits: a graph with more edges comes from a flow table of 200 GB.
struct Peers {
    starts: Vec<u32>,
    lists: Vec<u32>,
}

impl Peers {
    fn of(nodes: usize, edges: &[(u32, u32)]) -> Self {
        let edges = || edges.iter().filter(|(a, b)| a != b).flat_map(|&(a, b)| [(a, b), (b, a)]);
        let mut starts = vec![0_u32; nodes + 1];
        edges().for_each(|(a, _)| starts[a as usize] += 1);
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        // Each list is filled from its end, which leaves its start behind.
        let mut lists = vec![0_u32; end as usize];
        for (a, b) in edges() {
            let place = &mut starts[a as usize];
            *place -= 1;
            lists[*place as usize] = b;
        }
        let mut peers = Self { starts, lists };
        peers.drop_repeated();
        peers
    }

    /// Sorts each list, and closes the gaps that repeated peers leave.
    fn drop_repeated(&mut self) {
        let mut kept = 0;
        for node in 0..self.starts.len() - 1 {
            let list = self.starts[node] as usize..self.starts[node + 1] as usize;
            self.lists[list.clone()].sort_unstable();
            self.starts[node] = kept as u32;
            let first = kept;
            for i in list {
                let peer = self.lists[i];
                if kept == first || self.lists[kept - 1] != peer {
                    self.lists[kept] = peer;
                    kept += 1;
                }
            }
        }
        if let Some(end) = self.starts.last_mut() {
            *end = kept as u32;
        }
        self.lists.truncate(kept);
    }

    fn of_node(&self, node: usize) -> &[u32] {
        &self.lists[self.starts[node] as usize..self.starts[node + 1] as usize]
    }
}

/// What a depth-first search knows of a node.
#[derive(Clone, Copy, Default)]
struct Visit {
    /// When it was reached, from 1; 0 before.
    order: u32,
    /// The earliest node that it or what was reached from it is linked with.
    low: u32,
    /// From where it was reached.
    parent: u32,
    /// How many of its peers have been looked at.
    looked_at: u32,
    /// How many nodes were reached from it, itself included.
    size: u32,
    /// How many of them are linked with the rest through it alone, and the largest part of these.
    apart: u32,
    largest: u32,
}

/// For each node, how many nodes of its component are outside the largest part once it is gone.
fn cut_off(peers: &Peers) -> Vec<u32> {
    let nodes = peers.starts.len() - 1;
    let mut visits = vec![Visit::default(); nodes];
    let mut cuts_off = vec![0; nodes];
    let mut reached: Vec<u32> = Vec::new();
    let mut clock = 0;
    for root in 0..nodes {
        // A node alone or with a single peer cuts nothing off.
        if visits[root].order > 0 || peers.of_node(root).len() < 2 {
            continue;
        }
        reached.clear();
        search(peers, root, &mut visits, &mut clock, &mut reached);
        let others = visits[root].size - 1;
        for &node in &reached {
            let Visit { apart, largest, .. } = visits[node as usize];
            cuts_off[node as usize] = others - largest.max(others - apart);
        }
    }
    cuts_off
}

/// Visits all that can be reached from a node not visited yet, and says what that is, but for nodes with a
/// single peer.
fn search(peers: &Peers, root: usize, visits: &mut [Visit], clock: &mut u32, reached: &mut Vec<u32>) {
    let mut reach = |visit: &mut Visit, node: usize, parent: usize| {
        *clock += 1;
        *visit = Visit { order: *clock, low: *clock, parent: parent as u32, size: 1, ..Visit::default() };
        reached.push(node as u32);
    };
    reach(&mut visits[root], root, root);
    let mut node = root;
    loop {
        let here = &mut visits[node];
        if let Some(&peer) = peers.of_node(node).get(here.looked_at as usize) {
            here.looked_at += 1;
            let (parent, peer) = (here.parent, peer as usize);
            if peers.of_node(peer).len() == 1 {
                // Nothing is behind it, so it needs no visit. Most end points are such.
                here.size += 1;
                here.apart += 1;
                here.largest = here.largest.max(1);
                continue;
            }
            match visits[peer].order {
                0 => {
                    reach(&mut visits[peer], peer, node);
                    node = peer;
                }
                order if peer as u32 != parent => visits[node].low = visits[node].low.min(order),
                _ => {}
            }
        } else if node == root {
            return;
        } else {
            let Visit { low, size, parent, .. } = *here;
            node = parent as usize;
            let parent = &mut visits[node];
            parent.low = parent.low.min(low);
            parent.size += size;
            if low >= parent.order {
                parent.apart += size;
                parent.largest = parent.largest.max(size);
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by the definition: take each node away and walk what is left.
    fn cut_off_slowly(peers: &Peers, gone: usize) -> u32 {
        let mut seen = vec![false; peers.starts.len() - 1];
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

    proptest! {
        #[test]
        fn one_search_tells_what_taking_each_node_away_does(
            edges in prop::collection::vec((0..12_u32, 0..12_u32), 0..24),
        ) {
            let peers = Peers::of(12, &edges);
            let fast = cut_off(&peers);
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
        }
    }
}

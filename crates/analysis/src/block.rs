//! The biconnected parts of a graph: what stays whole whichever node is taken away.

use std::collections::HashMap;

use crate::depth_first::{Step, Visit, search};
use crate::peers::{Core, Peers};

/// A graph taken apart where single nodes hold it together.
pub(crate) struct Blocks {
    /// The biconnected parts with three nodes or more. In those with two, nothing lies between.
    pub(crate) blocks: Vec<Block>,
    /// For each node, the ordered pairs of others that are in different parts of the graph without it.
    pub(crate) between: Vec<f64>,
}

/// A biconnected part, in which nodes with the same peers are one kind.
pub(crate) struct Block {
    /// The nodes of each kind, one list behind the other.
    starts: Vec<u32>,
    nodes: Vec<u32>,
    /// For each kind, how many nodes of the graph each of its nodes stands for: those that only it connects with
    /// the part, and itself.
    weights: Vec<f64>,
    peers: Peers,
}

impl Block {
    /// How many kinds of nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.weights.len()
    }

    /// How many kinds of nodes are linked with each other, both ways.
    pub(crate) fn links(&self) -> usize {
        self.peers.links()
    }

    /// The kinds that a kind is linked with: each node of one with each of the other.
    pub(crate) fn peers(&self, kind: usize) -> &[u32] {
        self.peers.of_node(kind)
    }

    /// The nodes of a kind, by their numbers in the graph.
    pub(crate) fn members(&self, kind: usize) -> &[u32] {
        &self.nodes[self.starts[kind] as usize..self.starts[kind + 1] as usize]
    }

    pub(crate) fn count(&self, kind: usize) -> f64 {
        f64::from(self.starts[kind + 1] - self.starts[kind])
    }

    pub(crate) fn weight(&self, kind: usize) -> f64 {
        self.weights[kind]
    }
}

/// Takes a graph apart (Hopcroft and Tarjan, "Algorithm 447: efficient algorithms for graph manipulation", 1973).
/// O(nodes + edges log edges).
pub(crate) fn blocks(peers: &Peers) -> Blocks {
    let core = peers.core();
    let mut found = Blocks { blocks: Vec::new(), between: vec![0.0; peers.len()] };
    let mut builder = Builder { core: &core, numbers: vec![u32::MAX; core.nodes.len()] };
    let (mut reached, mut open, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    // For each node, the sum of the squares of the sizes of what is linked with the rest through it alone.
    let mut squares: Vec<f64> = core.leaves.iter().map(|leaves| f64::from(*leaves)).collect();
    search(&core, |visits, step| match step {
        Step::Reached(node) => {
            reached.push(node);
            open.push(node as u32);
        }
        Step::Parted(node) => {
            let from = open.iter().rposition(|&n| n as usize == node).unwrap_or(0);
            let Visit { parent, size, .. } = visits[node];
            squares[parent as usize] += f64::from(size).powi(2);
            // Between two nodes there is nothing.
            if open.len() - from > 1 {
                parts.push(Part { head: parent, size, nodes: open.split_off(from) });
            } else {
                open.truncate(from);
            }
        }
        Step::Done(root) => {
            open.clear();
            let all = visits[root].size;
            for node in reached.drain(..) {
                let [all, up] = [all - 1, all - 1 - visits[node].behind].map(f64::from);
                found.between[core.nodes[node] as usize] = all * all - squares[node] - up * up;
            }
            for Part { head, size, nodes } in parts.drain(..) {
                let weight = |node: u32| match node == head {
                    true => f64::from(all - size),
                    false => f64::from(1 + visits[node as usize].behind),
                };
                found.blocks.push(builder.block(head, nodes, weight));
            }
        }
    });
    found
}

/// A biconnected part as the search leaves it, by numbers in the core.
struct Part {
    /// Its first node: through it alone the others are linked with what was reached before.
    head: u32,
    /// How many nodes were reached behind the head.
    size: u32,
    /// All but the head.
    nodes: Vec<u32>,
}

/// Makes blocks of parts.
struct Builder<'a> {
    core: &'a Core,
    /// Each node's number within the part at hand.
    numbers: Vec<u32>,
}

impl Builder<'_> {
    fn block(&mut self, head: u32, mut nodes: Vec<u32>, weight: impl Fn(u32) -> f64) -> Block {
        nodes.push(head);
        nodes.sort_unstable();
        for (number, &node) in nodes.iter().enumerate() {
            self.numbers[node as usize] = number as u32;
        }
        // The head may have many peers outside: its links show from the other side.
        let mut links = Vec::new();
        for (number, &node) in nodes.iter().enumerate().filter(|(_, node)| **node != head) {
            let inside = self.core.peers.of_node(node as usize).iter().filter(|&&peer| {
                let other = self.numbers[peer as usize];
                other != u32::MAX && (peer < node || peer == head)
            });
            links.extend(inside.map(|&peer| (number as u32, self.numbers[peer as usize])));
        }
        nodes.iter().for_each(|&node| self.numbers[node as usize] = u32::MAX);
        let whole = Peers::of(nodes.len(), &links);
        // Of the same kind are those with the same peers and nothing behind them.
        let mut known: HashMap<&[u32], u32, foldhash::fast::RandomState> = HashMap::default();
        let (mut kinds, mut weights) = (Vec::with_capacity(nodes.len()), Vec::new());
        for (number, &node) in nodes.iter().enumerate() {
            let (weight, next) = (weight(node), weights.len() as u32);
            let kind = if weight == 1.0 { *known.entry(whole.of_node(number)).or_insert(next) } else { next };
            if kind == next {
                weights.push(weight);
            }
            kinds.push(kind);
        }
        let mut starts = vec![0; weights.len() + 1];
        kinds.iter().for_each(|kind| starts[*kind as usize + 1] += 1);
        for kind in 1..starts.len() {
            starts[kind] += starts[kind - 1];
        }
        let mut ends = starts.clone();
        let mut members = vec![0; nodes.len()];
        for (&node, &kind) in nodes.iter().zip(&kinds) {
            members[ends[kind as usize] as usize] = self.core.nodes[node as usize];
            ends[kind as usize] += 1;
        }
        let mut of_kinds: Vec<_> =
            links.iter().map(|&(a, b)| (kinds[a as usize], kinds[b as usize])).collect();
        of_kinds.sort_unstable();
        of_kinds.dedup();
        let peers = Peers::of(weights.len(), &of_kinds);
        Block { starts, nodes: members, weights, peers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(nodes: usize, edges: &[(u32, u32)], expected: &[&str], between: &[(usize, f64)]) {
        let found = blocks(&Peers::of_any(nodes, edges));
        let shown: Vec<String> = found
            .blocks
            .iter()
            .map(|block| {
                let kinds = (0..block.len()).map(|k| format!("{:?}*{}", block.members(k), block.weight(k)));
                format!("{} {}", kinds.collect::<Vec<_>>().join(" "), block.links())
            })
            .collect();
        assert_eq!(shown, expected);
        for (node, pairs) in found.between.iter().enumerate() {
            let expected = between.iter().find(|(n, _)| *n == node).map_or(0.0, |(_, pairs)| *pairs);
            assert_eq!(*pairs, expected, "{node}");
        }
    }

    #[test]
    fn takes_graphs_apart() {
        check(3, &[(0, 1)], &[], &[]);
        // A way of three: the one in the middle is between the others, both ways.
        check(3, &[(0, 1), (1, 2)], &[], &[(1, 2.0)]);
        check(3, &[(0, 1), (1, 2), (2, 0)], &["[0]*1 [1]*1 [2]*1 3"], &[]);
        // A ring of four is two kinds.
        check(4, &[(0, 1), (1, 2), (2, 3), (3, 0)], &["[0, 2]*1 [1, 3]*1 1"], &[]);
        // Two triangles share node 2; a leaf hangs on node 0.
        check(
            6,
            &[(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 2), (0, 5)],
            &["[2]*4 [3]*1 [4]*1 3", "[0]*2 [1]*1 [2]*3 3"],
            &[(0, 8.0), (2, 12.0)],
        );
    }
}

use std::hint::black_box;
use std::iter::repeat_n;
use std::ops::Range;

use pcapviz_graph::all_beside;

/// Each node's distinct neighbours, sorted, without itself: one list behind the other.
// Numbers of 32 bits: a graph with more edges comes from a flow table of 200 GB.
pub(crate) struct Peers {
    starts: Vec<u32>,
    lists: Vec<u32>,
}

impl Peers {
    /// By edges that are sorted by source, then target, as those of an outline are. O(nodes + edges).
    pub(crate) fn of(nodes: usize, edges: &[(u32, u32)]) -> Self {
        Self::of_by(nodes, edges, 1)
    }

    /// The same by up to so many threads, each with nodes of its own, but all edges: these are read fast, one after the other.
    pub(crate) fn of_by(nodes: usize, edges: &[(u32, u32)], threads: usize) -> Self {
        by_ranges(nodes, threads, |range| Self::of_range(range, edges))
            .into_iter()
            .fold(Self::none(), Self::and)
    }

    fn none() -> Self {
        Self { starts: vec![0], lists: Vec::new() }
    }

    /// And the next nodes' lists.
    fn and(mut self, next: Self) -> Self {
        if self.len() == 0 {
            return next;
        }
        let before = self.lists.len() as u32;
        self.starts.extend(next.starts[1..].iter().map(|start| before + start));
        self.lists.extend(next.lists);
        self
    }

    /// Those of some nodes.
    fn of_range(nodes: Range<usize>, edges: &[(u32, u32)]) -> Self {
        let place = |node: u32| (node as usize).wrapping_sub(nodes.start);
        // Who sent to each node. The edges come in the order of their sources, and so does each list.
        // Written here and now: memory that is zero from the start is faulted in twice, to be read and to be written.
        let mut starts: Vec<u32> = repeat_n(black_box(0), nodes.len() + 1).collect();
        for (_, target) in edges {
            if let Some(count) = starts[1..].get_mut(place(*target)) {
                *count += 1;
            }
        }
        for node in 0..nodes.len() {
            starts[node + 1] += starts[node];
        }
        let mut senders = vec![0_u32; starts[nodes.len()] as usize];
        for &(source, target) in edges {
            if let Some(place) = starts[..nodes.len()].get_mut(place(target)) {
                senders[*place as usize] = source;
                *place += 1;
            }
        }
        // Filled, each list's start has become its end. Now it gets the start of the list of all peers.
        let sent = |before: usize| edges.partition_point(|(source, _)| (*source as usize) < before);
        let mut edges = &edges[sent(nodes.start)..sent(nodes.end)];
        let (mut lists, mut received) = (Vec::with_capacity(edges.len().max(senders.len())), 0);
        for (node, end) in nodes.clone().zip(&mut starts) {
            let outgoing = edges.iter().take_while(|(source, _)| *source as usize == node).count();
            let (receivers, others) = edges.split_at(outgoing);
            edges = others;
            let senders = &senders[received..*end as usize];
            received = *end as usize;
            *end = lists.len() as u32;
            add_distinct(node as u32, receivers, senders, &mut lists);
        }
        starts[nodes.len()] = lists.len() as u32;
        Self { starts, lists }
    }

    /// By edges in any order, some of them more than once.
    #[cfg(test)]
    pub(crate) fn of_any(nodes: usize, edges: &[(u32, u32)]) -> Self {
        Self::of_any_by(nodes, edges, 1)
    }

    #[cfg(test)]
    pub(crate) fn of_any_by(nodes: usize, edges: &[(u32, u32)], threads: usize) -> Self {
        let sorted: std::collections::BTreeSet<_> = edges.iter().copied().collect();
        Self::of_by(nodes, &Vec::from_iter(sorted), threads)
    }

    #[cfg(test)]
    pub(crate) fn lists(&self) -> Vec<&[u32]> {
        (0..self.len()).map(|node| self.of_node(node)).collect()
    }

    pub(crate) fn of_node(&self, node: usize) -> &[u32] {
        &self.lists[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// Where [`of_node`](Self::of_node) stands.
    pub(crate) fn places(&self, node: usize) -> Range<u32> {
        self.starts[node]..self.starts[node + 1]
    }

    /// What stands at one of these places.
    pub(crate) fn at(&self, place: u32) -> u32 {
        self.lists[place as usize]
    }

    /// How many pairs of nodes are linked.
    pub(crate) fn links(&self) -> usize {
        self.lists.len() / 2
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The peers that have peers of their own, among themselves.
    pub(crate) fn core(&self) -> Core {
        self.core_by(1)
    }

    /// The same by up to so many threads.
    pub(crate) fn core_by(&self, threads: usize) -> Core {
        let members = Subset::of(self.len(), |node| self.of_node(node).len() > 1);
        let parts = by_ranges(self.len(), threads, |range| self.core_of(range, &members));
        let mut whole = Core { nodes: Vec::new(), peers: Self::none(), leaves: Vec::new() };
        for part in parts {
            whole.nodes.extend(part.nodes);
            whole.peers = whole.peers.and(part.peers);
            whole.leaves.extend(part.leaves);
        }
        whole
    }

    fn core_of(&self, nodes: Range<usize>, members: &Subset) -> Core {
        let mut core = Core { nodes: Vec::new(), peers: Self::none(), leaves: Vec::new() };
        for node in nodes.filter(|node| members.rank(*node as u32).is_some()) {
            let all = self.of_node(node);
            let before = core.peers.lists.len();
            core.peers.lists.extend(all.iter().filter_map(|peer| members.rank(*peer)));
            core.nodes.push(node as u32);
            core.leaves.push((all.len() - (core.peers.lists.len() - before)) as u32);
            core.peers.starts.push(core.peers.lists.len() as u32);
        }
        core
    }
}

/// What `f` makes of some of so many nodes after the other, by up to so many threads.
fn by_ranges<R: Send>(nodes: usize, threads: usize, f: impl Fn(Range<usize>) -> R + Sync) -> Vec<R> {
    let share = nodes.div_ceil(threads.max(1)).max(1);
    all_beside(threads, nodes.div_ceil(share), |n| f(n * share..nodes.min((n + 1) * share)))
}

/// Adds the ends of a node's edges, each once, sorted, without the node itself.
fn add_distinct(node: u32, receivers: &[(u32, u32)], senders: &[u32], list: &mut Vec<u32>) {
    let (mut receivers, mut senders) =
        (receivers.iter().map(|edge| edge.1).peekable(), senders.iter().copied().peekable());
    loop {
        let peer = match (receivers.peek(), senders.peek()) {
            (Some(&receiver), Some(&sender)) => receiver.min(sender),
            (Some(&peer), None) | (None, Some(&peer)) => peer,
            (None, None) => return,
        };
        receivers.next_if_eq(&peer);
        senders.next_if_eq(&peer);
        if peer != node {
            list.push(peer);
        }
    }
}

/// A graph without the nodes that have a single peer or none: of millions of end points, most are such.
pub(crate) struct Core {
    /// The core's nodes, by their numbers in the whole graph, sorted.
    pub(crate) nodes: Vec<u32>,
    /// Their peers in the core, by their numbers there.
    pub(crate) peers: Peers,
    /// On each, how many nodes hang that have no other peer.
    pub(crate) leaves: Vec<u32>,
}

/// Some of the nodes, numbered anew: a bit for each node, and how many of them are before each word of bits. Small
/// enough to stay in the cache while it is asked at random.
struct Subset(Vec<(u64, u32)>);

impl Subset {
    fn of(nodes: usize, holds: impl Fn(usize) -> bool) -> Self {
        let mut before = 0;
        let word = |start: usize| {
            let bits = (start..nodes.min(start + 64)).map(|node| u64::from(holds(node)) << (node - start));
            let word = (bits.fold(0, |word, bit| word | bit), before);
            before += word.0.count_ones();
            word
        };
        Self((0..nodes).step_by(64).map(word).collect())
    }

    /// The node's number in the subset, if it is there.
    fn rank(&self, node: u32) -> Option<u32> {
        let (bits, before) = self.0[node as usize / 64];
        let bit = 1 << (node % 64);
        (bits & bit != 0).then(|| before + (bits & (bit - 1)).count_ones())
    }
}

use std::hint::black_box;
use std::iter::repeat_n;

/// Each node's distinct neighbours, sorted, without itself: one list behind the other.
// Numbers of 32 bits: a graph with more edges comes from a flow table of 200 GB.
pub(crate) struct Peers {
    starts: Vec<u32>,
    lists: Vec<u32>,
}

impl Peers {
    /// By edges that are sorted by source, then target, as those of an outline are. O(nodes + edges).
    pub(crate) fn of(nodes: usize, edges: &[(u32, u32)]) -> Self {
        // Who sent to each node. The edges come in the order of their sources, and so does each list.
        // Written here and now: memory that is zero from the start is faulted in twice, to be read and to be written.
        let mut starts: Vec<u32> = repeat_n(black_box(0), nodes + 1).collect();
        edges.iter().for_each(|&(_, target)| starts[target as usize + 1] += 1);
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut senders = vec![0_u32; edges.len()];
        for &(source, target) in edges {
            let place = &mut starts[target as usize];
            senders[*place as usize] = source;
            *place += 1;
        }
        // Filled, each list's start has become its end. Now it gets the start of the list of all peers.
        let (mut lists, mut sent, mut received) = (Vec::new(), 0, 0);
        for (node, end) in starts[..nodes].iter_mut().enumerate() {
            let outgoing = edges[sent..].iter().take_while(|(source, _)| *source as usize == node).count();
            let receivers = &edges[sent..sent + outgoing];
            sent += outgoing;
            let senders = &senders[received..*end as usize];
            received = *end as usize;
            *end = lists.len() as u32;
            add_distinct(node as u32, receivers, senders, &mut lists);
        }
        starts[nodes] = lists.len() as u32;
        Self { starts, lists }
    }

    /// By edges in any order, some of them more than once.
    #[cfg(test)]
    pub(crate) fn of_any(nodes: usize, edges: &[(u32, u32)]) -> Self {
        let sorted: std::collections::BTreeSet<_> = edges.iter().copied().collect();
        Self::of(nodes, &Vec::from_iter(sorted))
    }

    pub(crate) fn of_node(&self, node: usize) -> &[u32] {
        &self.lists[self.starts[node] as usize..self.starts[node + 1] as usize]
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
        let members = Subset::of(self.len(), |node| self.of_node(node).len() > 1);
        let mut core = Core {
            nodes: Vec::new(),
            peers: Self { starts: vec![0], lists: Vec::new() },
            leaves: Vec::new(),
        };
        for node in (0..self.len()).filter(|node| members.rank(*node as u32).is_some()) {
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

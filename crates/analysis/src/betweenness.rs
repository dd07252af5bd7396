use std::collections::VecDeque;
use std::thread;

use crate::peers::Peers;

/// On how many of the shortest paths each node lies.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Betweenness {
    /// For each node, the share of the pairs of other nodes whose shortest paths lead over it, from 0 to 1.
    pub shares: Vec<f64>,
    /// How far a share is off at most, with a probability of 90 %; 0 where it was computed exactly.
    pub error: f64,
}

/// Steps that an exact computation may take, or that samples may: about a tenth of a second.
const WORK: u64 = 20_000_000;

/// Edges up to which the computation is exact even if it takes longer.
const EXACT_EDGES: usize = 2_000;

/// An error above this says nothing.
const WORST_ERROR: f64 = 0.2;

/// What an error of the samples is worth: Riondato and Kornaropoulos's universal constant, and the probability
/// that the error is larger.
const UNIVERSAL: f64 = 0.5;
const FAILURE: f64 = 0.1;

/// Chunks of sources: as many whatever the threads, so that sums are made in the same order.
const CHUNKS: usize = 32;

/// The betweenness of every node of the simple undirected graph, normalised as by
/// `networkx.betweenness_centrality`; `None` where it would take too long even by samples.
///
/// Exact by Brandes ("A faster algorithm for betweenness centrality", 2001), with nodes that have a single
/// peer folded into it: O(core nodes · core edges). Larger graphs by samples of shortest paths (Riondato and
/// Kornaropoulos, "Fast approximation of betweenness centrality through sampling", 2016). The same for any number
/// of threads.
pub(crate) fn betweenness(peers: &Peers, threads: usize) -> Option<Betweenness> {
    let core = Core::of(peers);
    let edges = core.peers.iter().map(Vec::len).sum::<usize>() / 2;
    let work = (core.peers.len() as u64).saturating_mul(edges as u64);
    if edges <= EXACT_EDGES || work <= WORK {
        return Some(Betweenness { shares: core.exact(peers.len(), threads), error: 0.0 });
    }
    core.sampled(peers.len(), WORK / (edges as u64).max(1))
}

/// The graph without the nodes that have a single peer: each is folded into that peer.
struct Core {
    /// The core's nodes, by their numbers in the whole graph.
    nodes: Vec<u32>,
    peers: Vec<Vec<u32>>,
    /// How many nodes were folded into each.
    leaves: Vec<f64>,
}

impl Core {
    fn of(whole: &Peers) -> Self {
        let mut numbers = vec![u32::MAX; whole.len()];
        let mut nodes = Vec::new();
        for (node, number) in numbers.iter_mut().enumerate() {
            if whole.of_node(node).len() > 1 {
                *number = nodes.len() as u32;
                nodes.push(node as u32);
            }
        }
        let (mut peers, mut leaves) = (Vec::with_capacity(nodes.len()), Vec::with_capacity(nodes.len()));
        for &node in &nodes {
            let all = whole.of_node(node as usize);
            let kept: Vec<u32> =
                all.iter().map(|&p| numbers[p as usize]).filter(|&n| n != u32::MAX).collect();
            leaves.push((all.len() - kept.len()) as f64);
            peers.push(kept);
        }
        Self { nodes, peers, leaves }
    }

    fn exact(&self, whole_len: usize, threads: usize) -> Vec<f64> {
        let len = self.nodes.len();
        let share = len.div_ceil(CHUNKS).max(1);
        let starts: Vec<usize> = (0..len).step_by(share).collect();
        let chunk = |start: usize| {
            let mut sums = vec![0.0; len];
            let mut search = Search::new(len);
            (start..(start + share).min(len)).for_each(|source| search.add(self, source, &mut sums));
            sums
        };
        let mut sums = vec![0.0; len];
        for wave in starts.chunks(threads.max(1)) {
            let parts: Vec<Vec<f64>> = thread::scope(|scope| {
                let others: Vec<_> =
                    wave[1..].iter().map(|&start| scope.spawn(move || chunk(start))).collect();
                let mine = chunk(wave[0]);
                let theirs = others
                    .into_iter()
                    .map(|other| other.join().unwrap_or_else(|p| std::panic::resume_unwind(p)));
                std::iter::once(mine).chain(theirs).collect()
            });
            for part in parts {
                sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
            }
        }
        // Each pair was counted from both ends.
        let pairs = (whole_len as f64 - 1.0) * (whole_len as f64 - 2.0);
        let mut shares = vec![0.0; whole_len];
        for (node, sum) in self.nodes.iter().zip(sums) {
            shares[*node as usize] = if pairs > 0.0 { sum / pairs } else { 0.0 };
        }
        shares
    }

    /// Shares from so many shortest paths at most.
    fn sampled(&self, whole_len: usize, most: u64) -> Option<Betweenness> {
        let mut search = Search::new(self.nodes.len());
        // Twice the depth of one search bounds a component's diameter; folded nodes add one at each end.
        let diameter = self.deepest(&mut search) * 2 + 2;
        let terms = (diameter as f64 - 1.0).max(1.0).log2().floor() + 1.0 + (1.0 / FAILURE).ln();
        let error = (UNIVERSAL * terms / most.max(1) as f64).sqrt();
        if error > WORST_ERROR {
            return None;
        }
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut owners: Vec<u32> = Vec::with_capacity(whole_len);
        for (node, leaves) in self.leaves.iter().enumerate() {
            owners.extend(std::iter::repeat_n(node as u32, *leaves as usize + 1));
        }
        let mut sums = vec![0.0; self.nodes.len()];
        for _ in 0..most {
            let [source, target] = [random.below(whole_len), random.below(whole_len)];
            // A node outside of every core, such as one of two that only talk with each other, is on no path.
            let (Some(&from), Some(&to)) = (owners.get(source), owners.get(target)) else { continue };
            if source != target {
                search.walk(self, (from, source), (to, target), &owners, &mut random, &mut sums);
            }
        }
        // Of all pairs, those count of which the node is no end.
        let n = whole_len as f64;
        let of_others = n * n / ((n - 1.0) * (n - 2.0));
        let mut shares = vec![0.0; whole_len];
        for (node, sum) in self.nodes.iter().zip(sums) {
            shares[*node as usize] = (of_others * sum / most as f64).min(1.0);
        }
        Some(Betweenness { shares, error })
    }

    fn deepest(&self, search: &mut Search) -> usize {
        let mut seen = vec![false; self.nodes.len()];
        let mut deepest = 0;
        for node in 0..self.nodes.len() {
            if !seen[node] {
                search.reach(self, node, None);
                deepest =
                    deepest.max(search.order.last().map_or(0, |&last| search.depth[last as usize] as usize));
                search.order.iter().for_each(|&found| seen[found as usize] = true);
                search.forget();
            }
        }
        deepest
    }
}

/// A search from one node, breadth first.
struct Search {
    order: Vec<u32>,
    queue: VecDeque<u32>,
    depth: Vec<i32>,
    paths: Vec<f64>,
    dependency: Vec<f64>,
}

impl Search {
    fn new(len: usize) -> Self {
        Self {
            order: Vec::with_capacity(len),
            queue: VecDeque::new(),
            depth: vec![-1; len],
            paths: vec![0.0; len],
            dependency: vec![0.0; len],
        }
    }

    /// Finds all shortest paths from the source; those to a target suffice where there is one.
    fn reach(&mut self, core: &Core, source: usize, target: Option<usize>) {
        self.depth[source] = 0;
        self.paths[source] = 1.0;
        self.queue.push_back(source as u32);
        while let Some(node) = self.queue.pop_front() {
            self.order.push(node);
            let node = node as usize;
            let enough = target.is_some_and(|t| self.depth[t] >= 0 && self.depth[node] >= self.depth[t]);
            if enough {
                continue;
            }
            for &peer in &core.peers[node] {
                let peer_at = peer as usize;
                if self.depth[peer_at] < 0 {
                    self.depth[peer_at] = self.depth[node] + 1;
                    self.queue.push_back(peer);
                }
                if self.depth[peer_at] == self.depth[node] + 1 {
                    self.paths[peer_at] += self.paths[node];
                }
            }
        }
    }

    fn forget(&mut self) {
        for &node in &self.order {
            self.depth[node as usize] = -1;
            self.paths[node as usize] = 0.0;
            self.dependency[node as usize] = 0.0;
        }
        self.order.clear();
    }

    /// Adds what the paths from the source, and from the nodes folded into it, lead over.
    fn add(&mut self, core: &Core, source: usize, sums: &mut [f64]) {
        self.reach(core, source, None);
        let leaves = core.leaves[source];
        let mut all = 0.0;
        for &node in self.order.iter().rev() {
            let node = node as usize;
            let weight = 1.0 + core.leaves[node];
            all += weight;
            if node == source {
                continue;
            }
            sums[node] += (leaves + 1.0) * self.dependency[node];
            let share = (weight + self.dependency[node]) / self.paths[node];
            for &peer in &core.peers[node] {
                let peer = peer as usize;
                if self.depth[peer] + 1 == self.depth[node] {
                    self.dependency[peer] += self.paths[peer] * share;
                }
            }
        }
        // Paths from a folded node lead over the source, and so do those back.
        sums[source] += 2.0 * leaves * (all - leaves - 1.0) + leaves * (leaves - 1.0);
        self.forget();
    }

    /// Walks back one of the shortest paths by chance, and counts the nodes between its ends.
    fn walk(
        &mut self,
        core: &Core,
        (from, source): (u32, usize),
        (to, target): (u32, usize),
        owners: &[u32],
        random: &mut Random,
        sums: &mut [f64],
    ) {
        // The first place of an owner in the list is the node itself, the others are those folded into it.
        let is_leaf = |place: usize| place > 0 && owners[place - 1] == owners[place];
        let (from, to) = (from as usize, to as usize);
        self.reach(core, from, Some(to));
        if self.depth[to] >= 0 {
            let mut node = to;
            while node != from {
                if node != to || is_leaf(target) {
                    sums[node] += 1.0;
                }
                let mut left = random.unit() * self.paths[node];
                let before = core.peers[node].iter().map(|&p| p as usize);
                let before = before.filter(|&p| self.depth[p] + 1 == self.depth[node]);
                let mut next = from;
                for peer in before {
                    next = peer;
                    left -= self.paths[peer];
                    if left < 0.0 {
                        break;
                    }
                }
                node = next;
            }
            if is_leaf(source) && (from != to || is_leaf(target)) {
                sums[from] += 1.0;
            }
        }
        self.queue.clear();
        self.forget();
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): the same samples every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, len: usize) -> usize {
        ((u128::from(self.next()) * len as u128) >> 64) as usize
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / 2_f64.powi(53)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By the definition: of all shortest paths between two others, the share over the node.
    fn slowly(peers: &Peers) -> Vec<f64> {
        let n = peers.len();
        let mut depth = vec![vec![usize::MAX; n]; n];
        let mut paths = vec![vec![0.0; n]; n];
        for s in 0..n {
            depth[s][s] = 0;
            paths[s][s] = 1.0;
            let mut queue = VecDeque::from([s]);
            while let Some(v) = queue.pop_front() {
                for &w in peers.of_node(v) {
                    let w = w as usize;
                    if depth[s][w] == usize::MAX {
                        depth[s][w] = depth[s][v] + 1;
                        queue.push_back(w);
                    }
                    if depth[s][w] == depth[s][v] + 1 {
                        paths[s][w] += paths[s][v];
                    }
                }
            }
        }
        let mut shares = vec![0.0; n];
        for (s, t) in (0..n).flat_map(|s| (0..n).map(move |t| (s, t))).filter(|(s, t)| s != t) {
            for (v, share) in shares.iter_mut().enumerate().filter(|(v, _)| *v != s && *v != t) {
                if depth[s][t] < usize::MAX
                    && depth[s][v] < usize::MAX
                    && depth[v][t] < usize::MAX
                    && depth[s][v] + depth[v][t] == depth[s][t]
                {
                    *share += paths[s][v] * paths[v][t] / paths[s][t] / ((n - 1) * (n - 2)) as f64;
                }
            }
        }
        shares
    }

    proptest! {
        #[test]
        fn folding_leaves_changes_nothing(edges in prop::collection::vec((0..12_u32, 0..12_u32), 0..24)) {
            let peers = Peers::of_any(12, &edges);
            let found = betweenness(&peers, 3).unwrap();
            prop_assert_eq!(&found, &betweenness(&peers, 1).unwrap());
            for (a, b) in found.shares.iter().zip(slowly(&peers)) {
                prop_assert!((a - b).abs() < 1e-12, "{} is not {}", a, b);
            }
        }

        #[test]
        fn samples_stay_within_their_error(edges in prop::collection::vec((0..30_u32, 0..30_u32), 20..60)) {
            let peers = Peers::of_any(30, &edges);
            let found = Core::of(&peers).sampled(30, 4000).unwrap();
            // Half as much again: the error holds in nine cases of ten, and this is run for hundreds.
            for (a, b) in found.shares.iter().zip(slowly(&peers)) {
                prop_assert!((a - b).abs() < 1.5 * found.error, "{} is not {} ± {}", a, b, found.error);
            }
        }
    }
}

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::block::{Block, blocks};
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

/// Steps over an edge that an exact computation may take: about a second by one thread. Blocks with 20,000 edges and
/// as many nodes as a host graph of that size has stay below.
const EXACT_WORK: u64 = 400_000_000;

/// Steps that samples may take: about a tenth of a second by one thread.
const SAMPLED_WORK: u64 = 20_000_000;

/// An error above this says nothing.
const WORST_ERROR: f64 = 0.2;

/// What an error of the samples is worth: Riondato and Kornaropoulos's universal constant, and the probability
/// that the error is larger.
const UNIVERSAL: f64 = 0.5;
const FAILURE: f64 = 0.1;

/// Parts of the work: as many whatever the threads, so that sums are made in the same order.
const PARTS: u64 = 32;

/// The betweenness of every node of the simple undirected graph, normalised as by
/// `networkx.betweenness_centrality`; `None` where it would take too long even by samples.
///
/// Exact by Brandes ("A faster algorithm for betweenness centrality", 2001), in each biconnected part by itself, with
/// nodes of the same peers as one (Sarıyüce, Saule, Kaya and Çatalyürek, "Shattering and compressing networks for
/// betweenness centrality", 2013): O(nodes + edges) and, for each part, O(its kinds of nodes · edges between them).
/// Larger graphs by samples of shortest paths (Riondato and Kornaropoulos, "Fast approximation of betweenness
/// centrality through sampling", 2016). The same for any number of threads.
pub(crate) fn betweenness(peers: &Peers, threads: usize) -> Option<Betweenness> {
    let parts = blocks(peers);
    let work: u64 = parts.blocks.iter().map(work).fold(0, u64::saturating_add);
    if work > EXACT_WORK {
        return sampled(peers, SAMPLED_WORK, threads);
    }
    // Ordered pairs whose paths lead over a node from one part to another; then those within its parts.
    let mut sums = parts.between;
    for (block, within) in parts.blocks.iter().zip(within(&parts.blocks, work, threads)) {
        for (kind, sum) in within.into_iter().enumerate() {
            block.members(kind).iter().for_each(|&node| sums[node as usize] += sum);
        }
    }
    let pairs = (peers.len() as f64 - 1.0) * (peers.len() as f64 - 2.0);
    if pairs > 0.0 {
        sums.iter_mut().for_each(|sum| *sum /= pairs);
    }
    Some(Betweenness { shares: sums, error: 0.0 })
}

/// Steps over edges that a block takes.
fn work(block: &Block) -> u64 {
    (block.len() as u64).saturating_mul(block.links() as u64)
}

/// For each block, and each kind of node in it, the ordered pairs whose paths within the block lead over one node
/// of that kind.
fn within(blocks: &[Block], work_in_all: u64, threads: usize) -> Vec<Vec<f64>> {
    // A part is a run of sources of one block.
    let mut parts = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        let count = (work(block) * PARTS / work_in_all.max(1)).clamp(1, PARTS) as usize;
        let share = block.len().div_ceil(count).max(1);
        parts.extend((0..block.len()).step_by(share).map(|from| (at, from..(from + share).min(block.len()))));
    }
    let next = AtomicUsize::new(0);
    let run = || {
        let (mut search, mut done) = (Search::default(), Vec::new());
        while let Some((at, sources)) = parts.get(next.fetch_add(1, Ordering::Relaxed)).cloned() {
            let block = &blocks[at];
            let mut sums = vec![0.0; block.len()];
            search.fit(block.len());
            sources.clone().for_each(|source| search.add(block, source, &mut sums));
            done.push((at, sources.start, sums));
        }
        done
    };
    let threads = if work_in_all < SAMPLED_WORK / 10 { 1 } else { threads.clamp(1, parts.len().max(1)) };
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut done = run();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    // In one order, whoever was done first: sums of floating-point numbers hang on it.
    done.sort_unstable_by_key(|(at, from, _)| (*at, *from));
    let mut sums: Vec<Vec<f64>> = blocks.iter().map(|block| vec![0.0; block.len()]).collect();
    for (at, _, part) in done {
        sums[at].iter_mut().zip(part).for_each(|(sum, more)| *sum += more);
    }
    sums
}

/// A search from one kind of node of a block, breadth first.
#[derive(Default)]
struct Search {
    /// The kinds of nodes in the order in which they were reached: it is its own queue.
    order: Vec<u32>,
    states: Vec<State>,
}

/// What a search knows of a kind of node: in one place, for they are looked at in no order.
#[derive(Clone, Copy)]
struct State {
    depth: u32,
    /// Shortest paths to one node of the kind; then what each of these paths has behind it.
    paths: f64,
    dependency: f64,
}

const UNSEEN: State = State { depth: u32::MAX, paths: 0.0, dependency: 0.0 };

impl Search {
    fn fit(&mut self, len: usize) {
        self.states.clear();
        self.states.resize(len, UNSEEN);
        self.order.clear();
        self.order.reserve(len);
    }

    /// Adds what the paths from the nodes of a kind lead over.
    fn add(&mut self, block: &Block, source: usize, sums: &mut [f64]) {
        self.reach(block, source);
        // Others of the source's own kind are two steps away, behind each of its peers alike.
        let twins = block.count(source) - 1.0;
        if twins > 0.0 {
            let ways: f64 = block.peers(source).iter().map(|&peer| block.count(peer as usize)).sum();
            for &peer in block.peers(source) {
                self.states[peer as usize].dependency += twins / ways;
            }
        }
        let sources = block.weight(source) * block.count(source);
        for &node in self.order[1..].iter().rev() {
            let node = node as usize;
            let State { depth, paths, dependency } = self.states[node];
            sums[node] += sources * dependency;
            let share = block.count(node) * (block.weight(node) + dependency) / paths;
            for &peer in block.peers(node) {
                let before = &mut self.states[peer as usize];
                if before.depth < depth {
                    before.dependency += before.paths * share;
                }
            }
        }
        self.forget();
    }

    /// Counts the shortest paths from one node of a kind. Its twins are left out: nothing lies behind them.
    fn reach(&mut self, block: &Block, source: usize) {
        self.states[source] = State { depth: 0, paths: 1.0, dependency: 0.0 };
        self.order.push(source as u32);
        let mut at = 0;
        while let Some(&node) = self.order.get(at) {
            at += 1;
            let State { depth, paths, .. } = self.states[node as usize];
            let paths = if at == 1 { 1.0 } else { paths * block.count(node as usize) };
            for &peer in block.peers(node as usize) {
                let there = &mut self.states[peer as usize];
                if there.depth == u32::MAX {
                    there.depth = depth + 1;
                    self.order.push(peer);
                }
                if there.depth > depth {
                    there.paths += paths;
                }
            }
        }
    }

    fn forget(&mut self) {
        for node in self.order.drain(..) {
            self.states[node as usize] = UNSEEN;
        }
    }
}

/// Shares from shortest paths between nodes by chance, in about so many steps.
fn sampled(peers: &Peers, steps: u64, threads: usize) -> Option<Betweenness> {
    let len = peers.len();
    let inner = |node: usize| peers.of_node(node).len() > 1;
    // Nodes with a single peer are on no path but their own: searches pass them by.
    let edges: u64 =
        (0..len).filter(|node| inner(*node)).map(|node| peers.of_node(node).len() as u64).sum::<u64>() / 2;
    let samples = steps / edges.max(1);
    let mut walk = Walk::new(len);
    // Twice the depth of one search bounds a component's diameter; ends with a single peer add one each.
    let diameter = walk.deepest(peers) * 2 + 2;
    let terms = (diameter as f64 - 1.0).max(1.0).log2().floor() + 1.0 + (1.0 / FAILURE).ln();
    let error = (UNIVERSAL * terms / samples.max(1) as f64).sqrt();
    if error > WORST_ERROR {
        return None;
    }
    // Each part has its own chance, so that it does not matter who takes it.
    let share = samples.div_ceil(PARTS);
    let next = AtomicUsize::new(0);
    let run = |mut walk: Walk| {
        let mut counts = vec![0_u32; len];
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed) as u64;
            if part * share >= samples {
                return counts;
            }
            // Seeds in a row would give the same numbers, a step later each.
            let mut random = Random(Random(part).next());
            for _ in part * share..samples.min((part + 1) * share) {
                let [source, target] = [random.below(len), random.below(len)];
                if source != target {
                    walk.between(peers, source, target, &mut random, &mut counts);
                }
            }
        }
    };
    let counts = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| run(Walk::new(len)))).collect();
        let mut counts = run(walk);
        for other in others {
            let theirs = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            counts.iter_mut().zip(theirs).for_each(|(count, more)| *count += more);
        }
        counts
    });
    // Of all pairs, those count of which the node is no end.
    let n = len as f64;
    let of_others = n * n / ((n - 1.0) * (n - 2.0)) / samples as f64;
    let shares = counts.into_iter().map(|count| (of_others * f64::from(count)).min(1.0)).collect();
    Some(Betweenness { shares, error })
}

/// A search from one node to another, breadth first.
struct Walk {
    order: Vec<u32>,
    depth: Vec<u32>,
    paths: Vec<f64>,
}

impl Walk {
    fn new(len: usize) -> Self {
        Self { order: Vec::new(), depth: vec![u32::MAX; len], paths: vec![0.0; len] }
    }

    /// Counts the shortest paths from the source to all, or as far as the target. Of the nodes with a single
    /// peer only these two are reached.
    fn reach(&mut self, peers: &Peers, source: usize, target: Option<usize>) {
        (self.depth[source], self.paths[source]) = (0, 1.0);
        self.order.push(source as u32);
        let mut at = 0;
        while let Some(&node) = self.order.get(at) {
            at += 1;
            let node = node as usize;
            let depth = self.depth[node];
            if target.is_some_and(|target| depth >= self.depth[target]) {
                return;
            }
            for &peer in peers.of_node(node) {
                let there = peer as usize;
                if self.depth[there] == u32::MAX {
                    if Some(there) != target && peers.of_node(there).len() == 1 {
                        continue;
                    }
                    self.depth[there] = depth + 1;
                    self.order.push(peer);
                }
                if self.depth[there] > depth {
                    self.paths[there] += self.paths[node];
                }
            }
        }
    }

    fn forget(&mut self) {
        for node in self.order.drain(..) {
            (self.depth[node as usize], self.paths[node as usize]) = (u32::MAX, 0.0);
        }
    }

    /// The depth of the deepest of one search in each component, single peers left out.
    fn deepest(&mut self, peers: &Peers) -> usize {
        let mut seen = vec![false; peers.len()];
        let mut deepest = 0;
        for node in 0..peers.len() {
            if !seen[node] && peers.of_node(node).len() > 1 {
                self.reach(peers, node, None);
                deepest =
                    deepest.max(self.order.last().map_or(0, |&last| self.depth[last as usize] as usize));
                self.order.iter().for_each(|&found| seen[found as usize] = true);
                self.forget();
            }
        }
        deepest
    }

    /// Walks back one of the shortest paths by chance, and counts the nodes between its ends.
    fn between(
        &mut self,
        peers: &Peers,
        source: usize,
        target: usize,
        random: &mut Random,
        counts: &mut [u32],
    ) {
        self.reach(peers, source, Some(target));
        let mut node = target;
        while self.depth[node] != u32::MAX && self.depth[node] > 1 {
            let mut left = random.unit() * self.paths[node];
            let before = peers.of_node(node).iter().map(|&peer| peer as usize);
            let mut next = source;
            for peer in before.filter(|&peer| self.depth[peer] < self.depth[node]) {
                next = peer;
                left -= self.paths[peer];
                if left < 0.0 {
                    break;
                }
            }
            node = next;
            counts[node] += 1;
        }
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
    use std::collections::VecDeque;

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
        fn parts_and_kinds_change_nothing(edges in prop::collection::vec((0..12_u32, 0..12_u32), 0..24)) {
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
            let found = sampled(&peers, 4000 * 60, 2).unwrap();
            prop_assert_eq!(&found, &sampled(&peers, 4000 * 60, 1).unwrap());
            // Half as much again: the error holds in nine cases of ten, and this is run for hundreds.
            for (a, b) in found.shares.iter().zip(slowly(&peers)) {
                prop_assert!((a - b).abs() < 1.5 * found.error, "{} is not {} ± {}", a, b, found.error);
            }
        }
    }
}

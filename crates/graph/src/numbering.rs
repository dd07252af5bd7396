//! Numbers for the nodes of millions of pairs.
//!
//! By sorting, not hashing: that takes a fixed 12 bytes for a mention of an IPv4 node, and misses no cache. Mentions are put into
//! buckets first, each with nodes of its own: a bucket fits the processor's cache, and threads need not wait for each other.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// The distinct nodes of some pairs, sorted, and the numbers there of both ends of each pair.
pub(crate) type Numbers<N> = (Vec<N>, Vec<[u32; 2]>);

/// Which nodes each bucket has: the first node of each but the first bucket.
pub(crate) struct Buckets<N>(Vec<N>);

/// Mentions of a bucket, about: so many fit the processor's cache.
const BUCKET: usize = 1 << 16;
/// Buckets at most: to find a node's bucket takes a step for each bit of their number.
const MOST_BUCKETS: usize = 256;

impl<N: Copy + Ord> Buckets<N> {
    /// For so many pairs, about, by a sample of the nodes: the better it is, the more alike are the buckets.
    pub(crate) fn of(pairs: usize, sample: impl Iterator<Item = [N; 2]>) -> Self {
        let buckets = (2 * pairs / BUCKET).clamp(1, MOST_BUCKETS);
        if buckets == 1 {
            return Self(Vec::new());
        }
        let mut nodes: Vec<N> = sample.flatten().collect();
        nodes.sort_unstable();
        let mut first: Vec<N> =
            nodes.chunks(nodes.len().div_ceil(buckets).max(1)).skip(1).map(|chunk| chunk[0]).collect();
        first.dedup();
        Self(first)
    }

    #[inline]
    fn place(&self, node: N) -> usize {
        self.0.partition_point(|first| *first <= node)
    }
}

/// A node as a pair names it: the ends of pair n are mentions 2n and 2n + 1.
// 32 bits suffice for two thousand million pairs, whose flows take 200 GB.
struct Mention<N> {
    node: N,
    mention: u32,
}

/// The nodes that pairs name, by bucket.
pub(crate) struct Mentions<N> {
    buckets: Vec<Vec<Mention<N>>>,
    pairs: u32,
}

impl<N: Copy + Ord + Send + Sync> Mentions<N> {
    /// Of pairs, about so many.
    pub(crate) fn of(buckets: &Buckets<N>, about: usize, pairs: impl Iterator<Item = [N; 2]>) -> Self {
        // More than their share: what is not written takes no memory.
        let room = 2 * about / (buckets.0.len() + 1) * 5 / 4;
        let mut all: Vec<Vec<_>> = (0..=buckets.0.len()).map(|_| Vec::with_capacity(room)).collect();
        let mut mention = 0;
        pairs.for_each(|ends| {
            for node in ends {
                all[buckets.place(node)].push(Mention { node, mention });
                mention += 1;
            }
        });
        Self { buckets: all, pairs: mention / 2 }
    }
}

/// Numbers the nodes of all parts, made with the same buckets, by up to so many threads. The pairs are those of the first part,
/// then those of the next.
pub(crate) fn number<N: Copy + Ord + Send + Sync>(parts: Vec<Mentions<N>>, threads: usize) -> Numbers<N> {
    let pairs: u32 = parts.iter().map(|part| part.pairs).sum();
    let mut buckets: Vec<Bucket<N>> = Vec::new();
    let mut before = 0;
    for part in parts {
        buckets.resize_with(part.buckets.len().max(buckets.len()), || Bucket { parts: Vec::new() });
        for (bucket, mentions) in buckets.iter_mut().zip(part.buckets) {
            bucket.parts.push((before, mentions));
        }
        before += 2 * part.pairs;
    }
    let shares = shares(&buckets, threads);
    let counts = by_shares(&shares, &mut buckets, |_, buckets| {
        buckets.iter_mut().map(Bucket::sort).collect::<Vec<u32>>()
    });
    let mut first = 0;
    let firsts: Vec<u32> = counts
        .iter()
        .map(|counts| {
            let here = first;
            first += counts.iter().sum::<u32>();
            here
        })
        .collect();
    // Written here and now: memory that is zero from the start is faulted in twice.
    let ends: Vec<[AtomicU32; 2]> = (0..pairs).map(|_| [const { AtomicU32::new(u32::MAX) }; 2]).collect();
    let nodes = by_shares(&shares, &mut buckets, |share, buckets| {
        let mut nodes = Vec::with_capacity(counts[share].iter().sum::<u32>() as usize);
        buckets.iter_mut().for_each(|bucket| bucket.tell(firsts[share], &mut nodes, &ends));
        nodes
    });
    let joined = nodes.into_iter().reduce(|mut all, part| {
        all.extend_from_slice(&part);
        all
    });
    let ends = ends.into_iter().map(|ends| ends.map(AtomicU32::into_inner)).collect();
    (joined.unwrap_or_default(), ends)
}

/// The mentions of some nodes.
struct Bucket<N> {
    /// Of each part, and how many mentions are in the parts before; one, once they are sorted.
    parts: Vec<(u32, Vec<Mention<N>>)>,
}

impl<N: Copy + Ord> Bucket<N> {
    /// Sorts by node, and says how many differ.
    fn sort(&mut self) -> u32 {
        let mut parts = std::mem::take(&mut self.parts).into_iter();
        let (_, mut all) = parts.next().unwrap_or_default();
        for (before, part) in parts {
            all.extend(part.into_iter().map(|it| Mention { node: it.node, mention: before + it.mention }));
        }
        all.sort_unstable_by_key(|it| it.node);
        let distinct = all.chunk_by(|a, b| a.node == b.node).count() as u32;
        self.parts.push((0, all));
        distinct
    }

    /// Adds the nodes, whose numbers begin with `first` where there are none yet, and tells the pairs their ends' numbers.
    fn tell(&mut self, first: u32, nodes: &mut Vec<N>, ends: &[[AtomicU32; 2]]) {
        for (_, mentions) in self.parts.drain(..) {
            for same in mentions.chunk_by(|a, b| a.node == b.node) {
                let number = first + nodes.len() as u32;
                nodes.push(same[0].node);
                for it in same {
                    ends[it.mention as usize / 2][it.mention as usize % 2].store(number, Ordering::Relaxed);
                }
            }
        }
    }
}

/// The buckets of each of so many threads at most, with about as many mentions.
fn shares<N>(buckets: &[Bucket<N>], threads: usize) -> Vec<Range<usize>> {
    let sizes = buckets.iter().map(|bucket| bucket.parts.iter().map(|(_, part)| part.len()).sum::<usize>());
    let sizes: Vec<usize> = sizes.collect();
    let share = sizes.iter().sum::<usize>().div_ceil(threads.max(1)).max(1);
    let (mut shares, mut from, mut sum) = (Vec::new(), 0, 0);
    for (n, size) in sizes.iter().enumerate() {
        sum += size;
        if sum >= share || n + 1 == sizes.len() {
            shares.push(from..n + 1);
            (from, sum) = (n + 1, 0);
        }
    }
    shares
}

/// What `work` makes of each share, each by a thread of its own.
fn by_shares<N: Send, R: Send>(
    shares: &[Range<usize>],
    buckets: &mut [Bucket<N>],
    work: impl Fn(usize, &mut [Bucket<N>]) -> R + Sync,
) -> Vec<R> {
    let mut rest = buckets;
    thread::scope(|scope| {
        let work = &work;
        let mut started = Vec::new();
        let mut here = None;
        for (n, share) in shares.iter().enumerate() {
            let (mine, others) = std::mem::take(&mut rest).split_at_mut(share.len());
            rest = others;
            if n + 1 == shares.len() {
                here = Some(work(n, mine));
            } else {
                started.push(scope.spawn(move || work(n, mine)));
            }
        }
        let done =
            started.into_iter().map(|it| it.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        done.chain(here).collect()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nodes_have_their_places_among_all(
            parts in prop::collection::vec(prop::collection::vec((0..40_u64, any::<u64>()), 0..60), 0..4),
            sample in prop::collection::vec((0..40_u64, any::<u64>()), 0..9),
            threads in 1..4_usize,
        ) {
            let ends = |(a, b): (u64, u64)| [a, b];
            // More pairs than there are, for more buckets than one.
            let buckets = Buckets::of(10 * BUCKET, sample.into_iter().map(ends));
            let pairs: Vec<[u64; 2]> = parts.iter().flatten().copied().map(ends).collect();
            let mut expected: Vec<u64> = pairs.iter().flatten().copied().collect();
            expected.sort_unstable();
            expected.dedup();
            let mentions =
                parts.into_iter().map(|part| Mentions::of(&buckets, 9, part.into_iter().map(ends))).collect();
            let (nodes, numbers) = number(mentions, threads);
            let named: Vec<[u64; 2]> = numbers.iter().map(|ends| ends.map(|end| nodes[end as usize])).collect();
            prop_assert_eq!(named, pairs);
            prop_assert_eq!(nodes, expected);
        }
    }
}

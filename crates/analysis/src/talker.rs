use std::cmp::Reverse;
use std::collections::BinaryHeap;

use pcapviz_graph::Outline;

/// The nodes with the most bytes sent and received together, most first; at most `count`, by their numbers.
/// Equal ones in the order of their addresses. O(nodes log count).
///
/// ```
/// use pcapviz_analysis::top_talkers;
/// use pcapviz_graph::{FlowTable, GraphLayer};
///
/// assert!(top_talkers(&FlowTable::new().outline(GraphLayer::Hosts, 1), 10).is_empty());
/// ```
pub fn top_talkers(outline: &Outline, count: usize) -> Vec<usize> {
    let bytes = |node: usize| outline.sent()[node].saturating_add(outline.received()[node]);
    most(outline.len(), count, |node| Reverse(bytes(node)))
}

/// The first `count` numbers below `len` in the order of their keys. O(len log count) at worst.
pub(crate) fn most<K: Ord>(len: usize, count: usize, key: impl Fn(usize) -> K) -> Vec<usize> {
    let mut best = BinaryHeap::with_capacity(count.min(len));
    for n in 0..len {
        let candidate = (key(n), n);
        if best.len() < count {
            best.push(candidate);
        } else if let Some(mut worst) = best.peek_mut()
            && candidate < *worst
        {
            *worst = candidate;
        }
    }
    best.into_sorted_vec().into_iter().map(|(_, n)| n).collect()
}

use std::thread;

/// Below this, a thread costs more than it gains.
const WORTH_A_THREAD: usize = 1 << 16;

/// Sorts in place by up to so many threads. Equal items in no particular order. O(n log n).
pub(crate) fn sort_by_threads<T: Send, K: Ord>(
    items: &mut [T],
    threads: usize,
    key: impl Fn(&T) -> K + Copy + Send,
) {
    if threads < 2 || items.len() < WORTH_A_THREAD {
        items.sort_unstable_by_key(key);
        return;
    }
    // Everything in the lower half is at most what is in the upper half: they can be sorted apart.
    let (lower, _, upper) = items.select_nth_unstable_by_key(items.len() / 2, key);
    thread::scope(|scope| {
        scope.spawn(move || sort_by_threads(lower, threads / 2, key));
        sort_by_threads(upper, threads - threads / 2, key);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_sort_as_one_does() {
        let mut items: Vec<u64> =
            (0..200_000).map(|n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).collect();
        let mut sorted = items.clone();
        sorted.sort_unstable();
        sort_by_threads(&mut items, 3, |item| *item);
        assert_eq!(items, sorted);
    }
}

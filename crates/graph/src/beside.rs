use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Does two things, beside each other where there is more than one thread, and gives what both give.
///
/// ```
/// use pcapviz_graph::beside;
///
/// assert_eq!(beside(2, || 1 + 1, || "two"), (2, "two"));
/// ```
///
/// # Panics
/// If one of the two does.
pub fn beside<A: Send, B>(threads: usize, a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B) -> (A, B) {
    if threads < 2 {
        return (a(), b());
    }
    thread::scope(|scope| {
        let a = scope.spawn(a);
        let b = b();
        (a.join().unwrap_or_else(|panic| resume_unwind(panic)), b)
    })
}

/// Does a thing with each of 0 to `count - 1`, by up to so many threads, and gives what it gives, in order: each thread takes the next
/// when it has done one.
///
/// ```
/// use pcapviz_graph::all_beside;
///
/// assert_eq!(all_beside(2, 4, |n| n * n), [0, 1, 4, 9]);
/// ```
///
/// # Panics
/// If one of them does.
pub fn all_beside<R: Send>(threads: usize, count: usize, f: impl Fn(usize) -> R + Sync) -> Vec<R> {
    if threads < 2 || count < 2 {
        return (0..count).map(f).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= count {
                return done;
            }
            done.push((i, f(i)));
        }
    };
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(count)).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        others
            .into_iter()
            .for_each(|other| done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic))));
        done
    });
    done.sort_unstable_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::all_beside;

    #[test]
    fn results_are_in_order_whoever_made_them() {
        let expected: Vec<usize> = (0..1000).map(|i| i * i).collect();
        for threads in [0, 1, 2, 7] {
            assert_eq!(all_beside(threads, 1000, |i| i * i), expected, "{threads} threads");
            assert_eq!(all_beside(threads, 0, |i| i), [0; 0]);
        }
    }
}

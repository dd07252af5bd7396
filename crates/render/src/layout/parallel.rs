use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// `f` of 0 to `count - 1`, in order, worked out by as many threads as there are cores. The result does
/// not depend on their number.
pub(super) fn map<R: Send>(count: usize, f: impl Fn(usize) -> R + Sync) -> Vec<R> {
    /// Below this, starting threads costs more than it saves.
    const WORTH_THREADS: usize = 32;
    let threads = if count < WORTH_THREADS { 1 } else { threads() };
    if threads < 2 {
        return (0..count).map(f).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(count));
    let work = || {
        let mut own = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= count {
                break;
            }
            own.push((i, f(i)));
        }
        if let Ok(mut done) = done.lock() {
            done.append(&mut own);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_unstable_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Fills `out[i]` with `f(i)`, each thread a slice of its own; `each` is about how many numbers `f` goes through.
pub(super) fn fill<T: Send>(out: &mut [T], each: usize, f: impl Fn(usize) -> T + Sync) {
    rows(out, 1, each, |i, row| row[0] = f(i));
}

/// Lets `f` fill each row of so many columns, each thread rows of its own; `each` is about how many numbers `f`
/// goes through for a row. The last row may be shorter.
pub(super) fn rows<T: Send>(out: &mut [T], columns: usize, each: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    /// For fewer numbers, starting a thread costs more than it saves.
    const WORTH_A_THREAD: usize = 32_768;
    let count = out.len().div_ceil(columns);
    let threads = if count * each < 2 * WORTH_A_THREAD { 1 } else { threads() };
    let share = count.div_ceil(threads).max(1);
    let work = |nth: usize, part: &mut [T]| {
        part.chunks_mut(columns).enumerate().for_each(|(i, row)| f(nth * share + i, row));
    };
    let mut parts = out.chunks_mut(share * columns).enumerate();
    let first = parts.next();
    thread::scope(|scope| {
        for (nth, part) in parts {
            let work = &work;
            scope.spawn(move || work(nth, part));
        }
        first.into_iter().for_each(|(nth, part)| work(nth, part));
    });
}

/// How many threads can run at once. Asking costs file reads on some systems: only for work that is worth it.
fn threads() -> usize {
    #[cfg(test)]
    if let Some(threads) = ASKED.get() {
        return threads;
    }
    thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
thread_local! {
    static ASKED: std::cell::Cell<Option<usize>> = const { std::cell::Cell::new(None) };
}

/// Runs `f` with so many threads, for tests that compare them.
#[cfg(test)]
pub(super) fn by<R>(threads: usize, f: impl FnOnce() -> R) -> R {
    ASKED.set(Some(threads));
    let result = f();
    ASKED.set(None);
    result
}

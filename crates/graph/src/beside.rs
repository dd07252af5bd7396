use std::panic::resume_unwind;
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

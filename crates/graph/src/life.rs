use pcapviz_capture::Timestamp;

/// From when to when: the times of the first and the last packet; `None` where none had a time.
pub type Life = Option<(Timestamp, Timestamp)>;

/// The span of both. Commutative and associative; `None` changes nothing.
///
/// ```
/// use pcapviz_graph::{Timestamp, join_lives};
///
/// let [one, two, three] = [1, 2, 3].map(Timestamp::from_nanos);
/// assert_eq!(join_lives(Some((two, three)), Some((one, two))), Some((one, three)));
/// assert_eq!(join_lives(None, Some((one, two))), Some((one, two)));
/// ```
#[inline]
pub fn join_lives(a: Life, b: Life) -> Life {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        _ => a.or(b),
    }
}

use pcapviz_graph::Timestamp;

/// From when to when, where there was a time at all.
pub(crate) type Life = Option<(Timestamp, Timestamp)>;

/// The span of both.
pub(crate) fn join(a: Life, b: Life) -> Life {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        _ => a.or(b),
    }
}

/// How long, in seconds.
pub(crate) fn seconds(life: Life) -> f64 {
    life.map_or(0.0, |(first, last)| between(first, last))
}

/// From one time to another, in seconds.
pub(crate) fn between(first: Timestamp, last: Timestamp) -> f64 {
    // Times may lie centuries apart: their difference need not fit 64 bits with a sign.
    last.as_nanos().abs_diff(first.as_nanos()) as f64 / 1e9
}

use pcapviz_graph::Timestamp;
pub(crate) use pcapviz_graph::{Life, join_lives as join};

/// How long, in seconds.
pub(crate) fn seconds(life: Life) -> f64 {
    life.map_or(0.0, |(first, last)| between(first, last))
}

/// From one time to another, in seconds.
pub(crate) fn between(first: Timestamp, last: Timestamp) -> f64 {
    // Times may lie centuries apart: their difference need not fit 64 bits with a sign.
    last.as_nanos().abs_diff(first.as_nanos()) as f64 / 1e9
}

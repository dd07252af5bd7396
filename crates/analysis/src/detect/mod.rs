//! The detectors: what in the traffic is consistent with something that a person would want to know.
//!
//! To add one: a file with a function `find(&Material) -> Vec<Finding>`, a row in [`DETECTORS`], and its constants in
//! the table of `threshold.rs`.

mod amount;
mod arp_conflict;
mod arp_sweep;
mod beacon;
mod bulk_upload;
mod dns_tunnel;
mod icmp_tunnel;
mod long_connection;
mod material;
mod packets;
mod scan;
mod sketch;
mod stage_and_send;
mod threshold;

use std::cmp::Reverse;

use pcapviz_graph::{Finding, FlowTable, all_beside};

use self::material::Material;
pub use self::threshold::{THRESHOLDS, Threshold};
use crate::{Inside, Observations};

/// The detectors. Each looks for one kind of finding.
const DETECTORS: &[fn(&Material<'_>) -> Vec<Finding>] = &[
    bulk_upload::find,
    dns_tunnel::find,
    beacon::find,
    scan::find,
    arp_sweep::find,
    icmp_tunnel::find,
    stage_and_send::find,
    long_connection::find,
    arp_conflict::find,
];

/// What the traffic is consistent with: alerts first, then by score; equal ones by kind and node.
///
/// Pure: the same flows and observations give the same findings, however they were gathered. Each says what
/// it was decided by ([`THRESHOLDS`]). A finding is a reason to look, not a verdict: each has innocent causes.
/// O(flows), and O(n log n) in the few that a detector looks at closely.
///
/// ```
/// use pcapviz_analysis::{Inside, Observations, findings};
/// use pcapviz_graph::FlowTable;
///
/// assert!(findings(&FlowTable::new(), &Observations::default(), &Inside::default()).is_empty());
/// ```
pub fn findings(table: &FlowTable, observations: &Observations, inside: &Inside) -> Vec<Finding> {
    findings_by(table, observations, inside, 1)
}

/// The same, by up to so many threads.
pub fn findings_by(
    table: &FlowTable,
    observations: &Observations,
    inside: &Inside,
    threads: usize,
) -> Vec<Finding> {
    let material = Material::gather(table, observations, inside, threads);
    // Most are short and none waits for another.
    let found = all_beside(threads, DETECTORS.len(), |n| DETECTORS[n](&material));
    let mut all: Vec<Finding> = found.into_iter().flatten().collect();
    all.sort_by(|a, b| {
        let order = |f: &Finding| (Reverse(f.severity), f.kind, f.subject, f.object);
        Reverse(a.severity)
            .cmp(&Reverse(b.severity))
            .then(b.score.total_cmp(&a.score))
            .then_with(|| order(a).cmp(&order(b)))
            .then_with(|| a.sentence.cmp(&b.sentence))
    });
    all
}

/// From 0 at nothing to 1 at very much: half at the threshold, by magnitude.
fn magnitude(value: f64, threshold: f64) -> f64 {
    (0.5 + 0.25 * (value / threshold).log10()).clamp(0.0, 1.0)
}

//! The summary's key nodes: who they are hangs on how many are asked for, why they are does not.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::Path;

use pcapviz_core::Pipeline;
use pcapviz_testkit::shared;

/// The rows of key nodes, by layer and node, with one blank between words.
fn key_nodes(summary: &str) -> BTreeMap<String, String> {
    let mut layer = "";
    let mut rows = BTreeMap::new();
    for line in summary.lines() {
        match line.strip_prefix("Key nodes, ") {
            Some(heading) => layer = heading,
            None if !line.starts_with(' ') => layer = "",
            None if layer.is_empty() => {}
            None => {
                let words: Vec<&str> = line.split_whitespace().collect();
                rows.insert(format!("{layer} {}", words[0]), words.join(" "));
            }
        }
    }
    rows
}

#[track_caller]
fn check(path: &Path) {
    let report = Pipeline::new().capture(path).run();
    let rows = |count| key_nodes(&report.summary_of(&report.overview(count), false));
    let all = rows(1000);
    assert!(!all.is_empty(), "{}", path.display());
    for count in 1..12 {
        for (node, row) in rows(count) {
            // A bridge has a line of its own, which is not asked about.
            if !row.contains("the only link to") {
                assert_eq!(all.get(&node), Some(&row), "{} of {count} in {}", node, path.display());
            }
        }
    }
}

#[test]
fn reasons_do_not_hang_on_how_many_are_asked_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    check(&root.join("testdata/office.pcap"));
    let Some(captures) = shared("captures") else { return };
    for capture in ["made/ground-truth.pcap", "ndpi/1kxun.pcap"] {
        check(&captures.join(capture));
    }
}

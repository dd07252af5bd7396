//! The arrows between the rooms, and which third-party crates stay in which room.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Which of our crates each crate may use, tests aside.
const ARROWS: &[(&str, &[&str])] = &[
    ("pcapviz-capture", &[]),
    ("pcapviz-graph", &["pcapviz-capture"]),
    ("pcapviz-enrich", &["pcapviz-capture", "pcapviz-graph"]),
    ("pcapviz-analysis", &["pcapviz-capture", "pcapviz-graph"]),
    ("pcapviz-render", &["pcapviz-capture", "pcapviz-graph"]),
    (
        "pcapviz-core",
        &["pcapviz-analysis", "pcapviz-capture", "pcapviz-enrich", "pcapviz-graph", "pcapviz-render"],
    ),
    ("pcapviz", &["pcapviz-core"]),
    ("pcapviz-examples", &["pcapviz-core"]),
    ("pcapviz-testkit", &[]),
];

/// In which rooms a third-party crate may stand.
const ROOMS: &[(&str, &[&str])] = &[
    ("pcap-parser", &["pcapviz-capture"]),
    ("pnet_packet", &["pcapviz-capture"]),
    ("petgraph", &["pcapviz-graph", "pcapviz-analysis"]),
    ("maxminddb", &["pcapviz-enrich"]),
    ("hickory-resolver", &["pcapviz-enrich"]),
    ("iptocc", &["pcapviz-enrich"]),
    ("macaddr-ouidb", &["pcapviz-enrich"]),
    ("tokio", &["pcapviz-enrich"]),
    ("resvg", &["pcapviz-render"]),
    ("clap", &["pcapviz"]),
    ("anyhow", &["pcapviz"]),
    ("indicatif", &["pcapviz"]),
];

/// The normal (not test, not build) dependencies of every crate of the workspace.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&out.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = |value: &Value| value.as_array().unwrap().clone();
    list(&metadata["packages"])
        .iter()
        .map(|package| {
            let normal = list(&package["dependencies"]).into_iter().filter(|d| d["kind"].is_null());
            (text(&package["name"]), normal.map(|d| text(&d["name"])).collect())
        })
        .collect()
}

#[test]
fn arrows_go_one_way() {
    let dependencies = dependencies();
    for (package, allowed) in ARROWS {
        let ours = dependencies[*package].iter().filter(|name| name.starts_with("pcapviz"));
        for used in ours {
            assert!(allowed.contains(&used.as_str()), "{package} must not use {used}");
        }
    }
}

#[test]
fn third_party_crates_stay_in_their_room() {
    for (package, used) in dependencies() {
        for (name, rooms) in ROOMS.iter().filter(|(name, _)| used.contains(*name)) {
            let tests = ["pcapviz-testkit", "pcapviz-benches"].contains(&package.as_str());
            assert!(tests || rooms.contains(&package.as_str()), "{package} must not use {name}");
        }
    }
}

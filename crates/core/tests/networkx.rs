//! Key nodes by networkx: the same numbers on 50 graphs of the corpus.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pcapviz_core::analysis::{Centrality, Topology, bridges, key_nodes};
use pcapviz_core::graph::Outline;
use pcapviz_core::{GraphLayer, Pipeline};
use pcapviz_testkit::{python_module, shared};
use serde_json::{Value, json};

/// Graphs to compare, and how large they are.
const GRAPHS: usize = 50;
const NODES: std::ops::RangeInclusive<usize> = 5..=600;

fn captures(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() { captures(&path, found) } else { found.push(path) }
    }
}

/// The graph and all that we say of it.
fn document(name: &str, layer: GraphLayer) -> Option<Value> {
    let report = Pipeline::new().capture(name).run();
    let graph = report.graph(layer);
    if !NODES.contains(&graph.nodes().len()) {
        return None;
    }
    let outline = Outline::from(&graph);
    let centrality = Centrality::of(&graph, 2);
    let edges: Vec<_> = graph.edges().iter().map(|e| (e.source, e.target, e.traffic.bytes)).collect();
    let topology = Topology::of(&outline);
    let keys: Vec<_> = key_nodes(&topology, usize::MAX).iter().map(|key| (key.node, key.cuts_off)).collect();
    let bridges: Vec<_> =
        bridges(&topology, usize::MAX).iter().map(|b| (b.ends.0, b.ends.1, b.cuts_off)).collect();
    let betweenness = centrality.betweenness.filter(|betweenness| betweenness.error == 0.0).unwrap();
    Some(json!({
        "name": name, "nodes": graph.nodes().len(), "edges": edges, "keys": keys, "bridges": bridges,
        "betweenness": betweenness.shares, "page_rank": centrality.page_rank, "cores": centrality.cores,
        "hubs": centrality.hubs, "authorities": centrality.authorities, "communities": centrality.communities,
    }))
}

#[test]
fn key_nodes_are_those_of_networkx() {
    let (Some(folder), Some(python)) = (shared("captures"), python_module("networkx")) else { return };
    let mut paths = Vec::new();
    captures(&folder, &mut paths);
    // Every few captures, of all folders; layers in turn.
    let graphs: Vec<Value> = (0..paths.len())
        .filter_map(|i| {
            let path = &paths[i * 7 % paths.len()];
            document(&path.display().to_string(), GraphLayer::ALL[i % 3])
        })
        .take(GRAPHS)
        .collect();
    assert_eq!(graphs.len(), GRAPHS);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/networkx_check.py");
    let mut check = Command::new(python).arg(script).stdin(Stdio::piped()).spawn().unwrap();
    serde_json::to_writer(check.stdin.take().unwrap(), &graphs).unwrap();
    assert!(check.wait().unwrap().success());
}

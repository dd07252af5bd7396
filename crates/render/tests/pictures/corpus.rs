//! What must hold of every scene, on real captures with the layout that people get.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use pcapviz_capture::{CaptureReader, DissectOptions, dissect};
use pcapviz_graph::{CaptureSummary, GraphLayer};
use pcapviz_render::RenderOptions;
use pcapviz_render::fold::{Ports, fold};
use pcapviz_render::layout::Engine;
use pcapviz_render::scene::Scene;

use crate::folding;
use crate::graphs::Scenario;
use crate::invariants::check;

fn captures(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() { captures(&path, found) } else { found.push(path) }
    }
}

fn read(path: &Path) -> Option<Scenario> {
    let mut reader = CaptureReader::open(path).ok()?;
    let mut s = Scenario::default();
    let mut capture = CaptureSummary::default();
    capture.path = path.display().to_string();
    // What is damaged ends the reading; what came before it is drawn.
    while let Ok(Some(packet)) = reader.next_packet() {
        capture.observe(&packet);
        s.table.observe(0, &packet, &dissect(&packet, &DissectOptions::default()));
    }
    s.captures.push(capture);
    Some(s)
}

/// Draws all layers and returns how many nodes there were.
fn draw(path: &Path) -> usize {
    let Some(s) = read(path) else { return 0 };
    let mut nodes = 0;
    let layout = Engine::by_name("auto").unwrap().layout();
    for layer in GraphLayer::ALL {
        s.view(layer, |view, _| {
            let what = format!("{} {layer:?}", path.display());
            for most in [80, 10] {
                folding::check(&what, view.graph, &fold(view, most, Ports::Servers));
            }
            let mut options = RenderOptions::new(&*layout);
            options.max_nodes = Some(80);
            let scene = Scene::of(view, &options).unwrap();
            nodes += scene.nodes.len();
            check(&what, &scene);
        });
    }
    nodes
}

#[test]
fn nothing_overlaps_in_real_captures() {
    let Some(folder) = pcapviz_testkit::shared("captures") else { return };
    let mut all = Vec::new();
    captures(&folder, &mut all);
    let nodes = AtomicUsize::new(0);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, |n| n.get()) {
            scope.spawn(|| {
                while let Some(path) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    nodes.fetch_add(draw(path), Ordering::Relaxed);
                }
            });
        }
    });
    let nodes = nodes.into_inner();
    assert!(nodes > 5 * all.len(), "only {nodes} nodes in {} captures", all.len());
}

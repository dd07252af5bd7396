//! Lists the hosts with the most bytes: `top_talkers CAPTURE...`.

use std::error::Error;
use std::io::{Write, stdout};

use pcapviz_core::analysis::top_talkers;
use pcapviz_core::graph::Outline;
use pcapviz_core::render::escape::terminal;
use pcapviz_core::{GraphLayer, Pipeline};

fn main() -> Result<(), Box<dyn Error>> {
    let captures = std::env::args().skip(1);
    let mut report = captures.fold(Pipeline::new(), |pipeline, path| pipeline.capture(path)).run();
    if let Some(failure) = report.failures.pop() {
        return Err(failure.into());
    }
    let graph = report.graph(GraphLayer::Hosts);
    for index in top_talkers(&Outline::from(&graph), 10) {
        let node = &graph.nodes()[index];
        // A name comes from whoever sent the packets: make it harmless before it is shown.
        let name = report.annotations.get(node.id).and_then(|notes| notes.best_name());
        let name = terminal(name.map_or("", |name| &name.name)).into_owned();
        writeln!(stdout(), "{:>12} bytes  {}  {name}", node.traffic().bytes, node.id)?;
    }
    Ok(())
}

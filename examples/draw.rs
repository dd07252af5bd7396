//! Draws who talks to whom in a capture: `draw CAPTURE OUT.svg`.

use std::error::Error;
use std::fs::File;

use pcapviz_core::render::{Format, RenderOptions, render};
use pcapviz_core::{GraphLayer, Pipeline};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [capture, out] = arguments.as_slice() else { return Err("usage: draw CAPTURE OUT.svg".into()) };

    let mut report = Pipeline::new().capture(capture).run();
    if let Some(failure) = report.failures.pop() {
        return Err(failure.into());
    }
    let graph = report.graph(GraphLayer::Hosts);
    let format = Format::of_path(out.as_ref())?;
    render(&report.view(&graph), &RenderOptions::default(), format, &mut File::create(out)?)?;
    Ok(())
}

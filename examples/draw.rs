//! Draws who talks to whom in a capture: `draw CAPTURE OUT.svg`.

use std::error::Error;
use std::{env, fs};

use pcapviz_core::render::{Format, RenderOptions, render};
use pcapviz_core::{GraphLayer, Pipeline};

fn main() -> Result<(), Box<dyn Error>> {
    let [capture, out] =
        env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "usage: draw CAPTURE OUT.svg")?;
    let report = Pipeline::new().capture(capture).run();
    if let Some(failure) = report.failures.into_iter().next() {
        return Err(failure.into());
    }
    let graph = report.graph(GraphLayer::Hosts);
    let picture = render(&report.view(&graph), &RenderOptions::default(), Format::Svg)?;
    fs::write(out, picture)?;
    Ok(())
}

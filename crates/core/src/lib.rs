//! Packet captures in, traffic graphs and pictures out: the front door of pcapviz.
//!
//! [`Pipeline`] reads captures into a [`Report`]; a report gives the graph of each layer and a
//! [`View`](render::View) of it to draw or write. Everything below is re-exported, so a program needs this
//! one crate.
//!
//! ```no_run
//! use pcapviz_core::render::{Format, RenderOptions, render};
//! use pcapviz_core::{GraphLayer, Pipeline};
//!
//! let report = Pipeline::new().capture("office.pcapng").run();
//! let graph = report.graph(GraphLayer::Hosts);
//! let svg = render(&report.view(&graph), &RenderOptions::default(), Format::Svg)?;
//! std::fs::write("office.svg", svg)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod intake;
mod pipeline;
mod reading;
mod report;
mod shard;
mod summary;

pub use pipeline::{Pipeline, Progress};
pub use report::Report;

pub use pcapviz_analysis as analysis;
pub use pcapviz_capture as capture;
pub use pcapviz_enrich as enrich;
pub use pcapviz_graph as graph;
pub use pcapviz_render as render;

pub use pcapviz_capture::{GraphLayer, Tunnels};
pub use pcapviz_graph::{Annotations, LayerGraph, NodeId};

//! Packet captures in, traffic graphs and pictures out: the front door of pcapviz.
//!
//! [`Pipeline`] reads captures into a [`Report`]; a report gives the graph of each layer and a
//! [`View`](render::View) of it to draw or write. Everything below is re-exported, so a program needs this
//! one crate.
//!
//! ```
//! use pcapviz_core::render::{RenderOptions, render};
//! use pcapviz_core::{GraphLayer, Pipeline};
//!
//! # let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/office.pcap");
//! # if !std::path::Path::new(capture).exists() { return Ok(()); } // not in a published package
//! let report = Pipeline::new().capture(capture).run();
//! let graph = report.graph(GraphLayer::Hosts);
//! let mut svg = Vec::new();
//! render(&report.view(&graph), &RenderOptions::default(), "svg".parse()?, &mut svg)?;
//! assert!(String::from_utf8(svg)?.contains("files.office.example"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod embedded;
mod intake;
mod overview;
mod pipeline;
mod reading;
mod report;
mod shard;
mod summary;

pub use embedded::Embedded;
pub use overview::Overview;
pub use pipeline::{Pipeline, Progress};
pub use report::Report;

pub use pcapviz_analysis as analysis;
pub use pcapviz_capture as capture;
pub use pcapviz_enrich as enrich;
pub use pcapviz_graph as graph;
pub use pcapviz_render as render;

pub use pcapviz_capture::{GraphLayer, Tunnels};
pub use pcapviz_graph::{Annotations, LayerGraph, NodeId};

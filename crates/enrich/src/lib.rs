//! Names, places and vendors for the nodes of a traffic graph, each with its source.
//!
//! Every source is an [`Enricher`]: it is given the nodes of a graph and writes what it knows of them into
//! their [`Annotations`](pcapviz_graph::Annotations). Names that the capture itself gives are evidence,
//! gathered packet by packet in a [`NameTable`], which merges; the others read files ([`HostsFile`],
//! [`GeoDatabases`]) or, only when they are used, the network ([`ReverseResolver`]).
//!
//! To add a source: a file here with a type that implements [`Enricher`].
//!
//! Features: `geo` (MaxMind databases) and `resolve` (live DNS), both on by default.

mod enricher;
#[cfg(feature = "geo")]
mod geo;
mod hosts_file;
mod name_table;
#[cfg(feature = "resolve")]
mod reverse_dns;

pub use enricher::{EnrichError, Enriched, Enricher};
#[cfg(feature = "geo")]
pub use geo::GeoDatabases;
pub use hosts_file::HostsFile;
pub use name_table::NameTable;
#[cfg(feature = "resolve")]
pub use reverse_dns::{Progress, Resolution, ResolveCounts, ResolveOptions, ReverseResolver};

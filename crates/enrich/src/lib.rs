//! Names, places and vendors for the nodes of a traffic graph, each with its source.
//!
//! Every source is an [`Enricher`]: it is given the nodes of a graph and writes what it knows of them into
//! their [`Annotations`](pcapviz_graph::Annotations). Names that the capture itself gives are evidence,
//! gathered packet by packet in a [`NameTable`], which merges; the others read files ([`HostsFile`],
//! [`ManufFile`], [`GeoDatabases`]) or, only when they are used, the network ([`ReverseResolver`]).
//!
//! What names a node, the most trusted first, is the order of [`NameSource`](pcapviz_graph::NameSource); the
//! README says of each how far it can be trusted. What comes with the program needs no file and no network: [`WellKnown`] addresses,
//! `Countries` and `VendorRegistry`.
//!
//! To add a source: a file here with a type that implements [`Enricher`].
//!
//! Features, all on by default: `countries` and `vendors` (embedded data, 3 MB together), `geo` (MaxMind databases) and
//! `resolve` (live DNS).

#[cfg(feature = "countries")]
mod country;
mod enricher;
#[cfg(feature = "geo")]
mod geo;
mod hosts_file;
mod name_table;
#[cfg(feature = "resolve")]
mod reverse_dns;
mod vendor;
mod well_known;

#[cfg(feature = "countries")]
pub use country::Countries;
pub use enricher::{EnrichError, Enriched, Enricher};
#[cfg(feature = "geo")]
pub use geo::GeoDatabases;
pub use hosts_file::HostsFile;
pub use name_table::NameTable;
#[cfg(feature = "resolve")]
pub use reverse_dns::{Progress, Resolution, ResolveCounts, ResolveOptions, ReverseResolver};
pub use vendor::ManufFile;
#[cfg(feature = "vendors")]
pub use vendor::VendorRegistry;
pub use well_known::WellKnown;

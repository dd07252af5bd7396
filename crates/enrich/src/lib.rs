//! Names, places and vendors for the nodes of a traffic graph, each with its source.
//!
//! Every source is an [`Enricher`]: it is given the nodes of a graph and writes what it knows of them into
//! their [`Annotations`](pcapviz_graph::Annotations). Names that the capture itself gives are evidence,
//! gathered packet by packet in a [`NameTable`], which merges; the others read files ([`HostsFile`],
//! [`GeoDatabases`]) or, only when they are used, the network ([`ReverseResolver`]).
//!
//! What names a node, the most trusted first; the first is the label, the rest are details:
//!
//! | source | what it names | how far it can be trusted |
//! |---|---|---|
//! | hosts file | the address | as far as whoever wrote it |
//! | DHCP, DHCPv6 | the client's MAC address, and the IP address that the server gives it | the client says it of itself |
//! | mDNS, NetBIOS, LLMNR | the address in the answer or registration | the host says it of itself; anyone on the link can lie |
//! | DNS answer | the address in the answer, by the name that was asked for | as far as the server; a shared address has many names |
//! | TLS and QUIC server name | the server's address | the client asks for it; the server may have others, or not it |
//! | HTTP host | the server's address; not a proxy's | the same |
//! | live reverse DNS | the address | its owner's name for it, often a generic one; today's and not that of the capture |
//!
//! To add a source: a file here with a type that implements [`Enricher`].
//!
//! Features: `geo` (MaxMind databases) and `resolve` (live DNS), both on by default.

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

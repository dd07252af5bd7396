//! One flow table and its three projections: devices, IP hosts, TCP/UDP endpoints.
//!
//! Each packet makes one look-up, in the [`FlowTable`], under the finest identity it has. The graphs of
//! layers 2, 3 and 4 are projections of that table, so they always agree with each other. Tables
//! [merge](FlowTable::merge): shards of one capture, many captures and many machines add up to the same
//! answer, in any order.
//!
//! What other rooms learn about nodes and edges goes into [`Annotations`] and [`Finding`]s, which whoever
//! draws or writes a graph reads.
//!
//! ```
//! use pcapviz_capture::{DissectOptions, GraphLayer, LinkType, Packet, dissect};
//! use pcapviz_graph::FlowTable;
//!
//! let frame = b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06\0\x01";
//! let packet = Packet::new(LinkType::ETHERNET, frame);
//! let mut table = FlowTable::new();
//! table.observe(0, &packet, &dissect(&packet, &DissectOptions::default()));
//!
//! let graph = table.project(GraphLayer::Devices);
//! assert_eq!(graph.nodes().len(), 2);
//! assert_eq!(graph.edges()[0].traffic.bytes, 16);
//! ```

mod activity;
mod address_class;
mod annotation;
mod batch;
mod beside;
mod broadcast;
mod defragment;
mod domain;
mod finding;
mod flow;
mod flow_ref;
mod index;
mod inside;
mod layer_graph;
mod life;
mod neighbours;
mod node;
mod numbering;
mod outline;
mod packed;
mod packed_stats;
mod partition;
mod select;
mod sort;
mod table;
mod tally;
mod totals;

pub use activity::Activity;
pub use address_class::AddressClass;
pub use annotation::{Annotations, EdgeNotes, Name, NameSource, Notes, Place};
pub use batch::FlowBatch;
pub use beside::{all_beside, beside};
pub use defragment::Defragmenter;
pub use domain::registered_domain;
pub use finding::{Evidence, Finding, Sampled, Severity};
pub use flow::{FlowKey, FlowStats, Position, Traffic};
pub use flow_ref::FlowRef;
pub use inside::{Inside, ParseNetworkError};
pub use layer_graph::{Edge, LayerGraph, Node, Share};
pub use life::{Life, join_lives};
pub use neighbours::{Claim, Claims, Device, Neighbours, Routing, Seen};
pub use node::NodeId;
pub use outline::Outline;
pub use select::{SelectError, Selection, Target, Unselected, topmost_protocols};
pub use table::FlowTable;
pub use totals::{CaptureSummary, LeftOut, Outside, Totals};

/// Re-exported, since a reader of graphs needs them: the layers, addresses, protocols and times.
pub use pcapviz_capture::{Absence, GraphLayer, MacAddr, Protocol, ProtocolSet, Timestamp, TunnelId, Vlans};

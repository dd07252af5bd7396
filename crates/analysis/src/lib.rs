//! Key nodes and findings in traffic graphs, as pure functions.
//!
//! Each takes a graph, such as its lean [`Outline`](pcapviz_graph::Outline), and gives an answer with its reason. What they
//! say holds as seen from the capture: one tap sees its own part of a network.
//!
//! Findings need a little more than the flow table keeps, which [`Observations`] gather packet by packet.

mod address;
mod betweenness;
mod block;
mod centrality;
mod depth_first;
mod detect;
mod gateway;
mod key_node;
mod life;
mod observe;
mod peers;
mod service;
mod switch;
mod talker;

pub use betweenness::Betweenness;
pub use centrality::Centrality;
pub use detect::{THRESHOLDS, Threshold, findings, findings_by};
pub use gateway::{Gateway, gateways};
pub use key_node::{Bridge, KeyNode, Topology, bridges, key_nodes, key_nodes_among};
pub use observe::Observations;
pub use service::{Service, Services, services};
pub use switch::{Switch, switches};
pub use talker::top_talkers;

// Findings ask what is inside.
pub use pcapviz_graph::{Inside, ParseNetworkError};

//! Key nodes and findings in traffic graphs, as pure functions.
//!
//! Each takes a graph, such as its lean [`Outline`](pcapviz_graph::Outline), and gives an answer with its reason. What they
//! say holds as seen from the capture: one tap sees its own part of a network.
//!
//! Findings need a little more than the flow table keeps, which [`Observations`] gather packet by packet.

mod detect;
mod inside;
mod key_node;
mod life;
mod observe;
mod talker;

pub use detect::{THRESHOLDS, Threshold, findings};
pub use inside::{Inside, ParseNetworkError};
pub use key_node::{KeyNode, key_nodes};
pub use observe::Observations;
pub use talker::top_talkers;

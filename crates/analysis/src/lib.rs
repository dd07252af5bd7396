//! Key nodes and findings in traffic graphs, as pure functions.
//!
//! Each takes a graph, such as its lean [`Outline`](pcapviz_graph::Outline), and gives an answer with its reason. What they
//! say holds as seen from the capture: one tap sees its own part of a network.

mod key_node;
mod talker;

pub use key_node::{KeyNode, key_nodes};
pub use talker::top_talkers;

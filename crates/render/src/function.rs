//! What a node does in its conversations, as far as its layer's graph shows: what its shape says.

use pcapviz_graph::{Edge, GraphLayer, LayerGraph, NodeId};

use crate::View;
use crate::caption;
use crate::fold::{Group, servers};
use crate::shape::Shape;
use crate::theme::Role;

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Function {
    /// It mostly makes contact.
    Client,
    /// It mostly is contacted.
    Server,
    /// A device.
    Device,
    /// A device that passes on packets of others, or its own address.
    Gateway,
    /// A multicast or broadcast address, which never answers.
    Group,
}

impl Function {
    /// Every function, in the order of the legend.
    pub const ALL: [Self; 5] = [Self::Client, Self::Server, Self::Device, Self::Gateway, Self::Group];

    /// Each node's function, in the graph's order.
    ///
    /// At layer 4, ports tell servers from clients. Hosts have made contact with whom they sent to before
    /// they heard from them; a capture that begins amidst a conversation can show that the wrong way round.
    /// O(edges log edges).
    pub(crate) fn of(view: &View<'_>) -> Vec<Self> {
        let graph = view.graph;
        let serves = match graph.layer() {
            GraphLayer::Devices => vec![false; graph.nodes().len()],
            GraphLayer::Hosts => contacted_more(graph),
            GraphLayer::Endpoints => servers(graph),
        };
        let function = |(id, serves): (NodeId, bool)| match (view.role(id), id) {
            (Role::Group, _) => Self::Group,
            _ if caption::is_gateway(view, id.host()) => Self::Gateway,
            (_, NodeId::Device(_)) => Self::Device,
            _ if serves => Self::Server,
            _ => Self::Client,
        };
        graph.nodes().iter().map(|node| node.id).zip(serves).map(function).collect()
    }

    /// What most members of a group do.
    pub(crate) fn of_group(group: &Group, functions: &[Self]) -> Self {
        let count = |function: &Self| group.members.iter().filter(|&&i| functions[i] == *function).count();
        // Of equals, the last.
        Self::ALL.into_iter().max_by_key(count).unwrap_or(Self::Client)
    }

    /// What it is, for the legend.
    pub fn description(self) -> &'static str {
        match self {
            Self::Client => "makes contact (client)",
            Self::Server => "is contacted (server)",
            Self::Device => "device",
            Self::Gateway => "gateway",
            Self::Group => "multicast or broadcast",
        }
    }

    /// Its class in the SVG.
    pub fn class(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Device => "device",
            Self::Gateway => "gateway",
            Self::Group => "group",
        }
    }

    /// Its shape where none is chosen.
    pub fn shape(self) -> Shape {
        match self {
            Self::Client | Self::Device => Shape::CIRCLE,
            Self::Server => Shape::SQUARE,
            Self::Gateway => Shape::HEXAGON,
            Self::Group => Shape::DIAMOND,
        }
    }
}

/// Whether the first packet between two nodes went along this edge, or against it. O(log edges).
pub(crate) fn opened(graph: &LayerGraph, edge: &Edge) -> bool {
    let edges = graph.edges();
    let back = edges.binary_search_by_key(&(edge.target, edge.source), |e| (e.source, e.target));
    back.map_or(true, |back| edge.position <= edges[back].position)
}

/// Which nodes were contacted by more others than they contacted.
fn contacted_more(graph: &LayerGraph) -> Vec<bool> {
    let mut balance = vec![0_i64; graph.nodes().len()];
    for edge in graph.edges().iter().filter(|edge| edge.source != edge.target && opened(graph, edge)) {
        balance[edge.source] -= 1;
        balance[edge.target] += 1;
    }
    balance.into_iter().map(|balance| balance > 0).collect()
}

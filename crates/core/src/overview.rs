//! What each layer's graph looks like at a glance: how large it is, its top talkers, its key nodes.

use std::collections::{HashMap, HashSet};

use pcapviz_analysis::{
    Bridge, Centrality, Service, Services, Topology, bridges, gateways, key_nodes, key_nodes_among, switches,
    top_talkers,
};
use pcapviz_graph::{GraphLayer, NodeId, Outline, all_beside};

use crate::Report;

/// Edges up to which the measures of centrality are computed: about a tenth of a second.
const CENTRALITY_EDGES: usize = 200_000;

/// Rows in each of the summary's lists: what fits a screen.
pub(crate) const ROWS: usize = 10;

/// What a [summary](Report::summary_of) says of the three layers, without names: what takes the time of making one.
#[derive(Clone, Debug)]
pub struct Overview {
    /// In order.
    pub(crate) layers: Vec<LayerOverview>,
}

#[derive(Clone, Debug)]
pub(crate) struct LayerOverview {
    pub(crate) layer: GraphLayer,
    pub(crate) nodes: usize,
    pub(crate) edges: usize,
    /// With the bytes that each sent and was sent.
    pub(crate) talkers: Vec<(NodeId, u64, u64)>,
    /// With the reasons.
    pub(crate) key_nodes: Vec<(NodeId, String)>,
    /// Two hosts, and how many hosts only their link leads to.
    pub(crate) bridges: Vec<(NodeId, NodeId, usize)>,
}

impl Overview {
    /// Key nodes of each layer in a summary, where nothing else is asked for.
    pub const KEY_NODES: usize = ROWS;
}

impl Report {
    /// What each layer's graph looks like, with so many key nodes of each. O(flows log flows): keep it rather than ask again.
    ///
    /// ```
    /// use pcapviz_core::Pipeline;
    ///
    /// let report = Pipeline::new().run();
    /// let overview = report.overview(10);
    /// assert!(report.summary_of(&overview, false).contains("0 packets"));
    /// ```
    pub fn overview(&self, key_nodes: usize) -> Overview {
        let (threads, table) = (self.threads, &self.table);
        let endpoints = table.outline(GraphLayer::Endpoints, threads);
        // Much of a layer is a task for one thread. That of the devices goes to whoever is free first.
        let layers = [GraphLayer::Endpoints, GraphLayer::Hosts, GraphLayer::Devices];
        let mut layers = all_beside(threads, layers.len(), |n| match layers[n] {
            GraphLayer::Endpoints => self.layer(&endpoints, key_nodes),
            GraphLayer::Hosts => self.layer(&table.outline_of_hosts(&endpoints, threads), key_nodes),
            GraphLayer::Devices => self.layer(&table.outline(GraphLayer::Devices, threads), key_nodes),
        });
        layers.reverse();
        Overview { layers }
    }

    fn layer(&self, outline: &Outline, count: usize) -> LayerOverview {
        let (layer, nodes, edges) = (outline.layer(), outline.len(), outline.edges().len());
        let talkers = top_talkers(outline, ROWS).into_iter();
        let talkers =
            talkers.map(|node| (outline.id(node), outline.sent()[node], outline.received()[node])).collect();
        let topology = Topology::of_by(outline, self.threads);
        let bytes = || self.table.edge_bytes(outline, self.threads);
        let key_nodes = self.key_nodes_with_reasons(&topology, bytes, count);
        let bridges = match layer {
            GraphLayer::Hosts => bridges(&topology, count),
            _ => Vec::new(),
        };
        let bridge = |it: Bridge| (outline.id(it.ends.0), outline.id(it.ends.1), it.cuts_off);
        let bridges = bridges.into_iter().map(bridge).collect();
        LayerOverview { layer, nodes, edges, talkers, key_nodes, bridges }
    }

    /// The nodes that matter most, each with its reasons: gateways and switches (layer 2) and services (layer 4) first, then by
    /// the graph's shape; at most `count`. `bytes` are those of the edges.
    pub(crate) fn key_nodes_with_reasons(
        &self,
        topology: &Topology<'_>,
        bytes: impl FnOnce() -> Vec<u64>,
        count: usize,
    ) -> Vec<(NodeId, String)> {
        let outline = topology.outline();
        let services =
            (outline.layer() == GraphLayer::Endpoints).then(|| Services::of(topology, &self.observations));
        let name = |services: Vec<Service>| -> Vec<(NodeId, String)> {
            services.iter().map(|service| (outline.id(service.node), service.to_string())).collect()
        };
        let roles: Vec<(NodeId, String)> = match outline.layer() {
            GraphLayer::Devices => {
                let neighbours = self.neighbours();
                let gateways = gateways(&neighbours).into_iter().map(|it| (it.node(), it.to_string()));
                let switches = switches(&neighbours).into_iter().map(|it| (it.node(), it.to_string()));
                gateways.chain(switches).collect()
            }
            GraphLayer::Hosts => Vec::new(),
            GraphLayer::Endpoints => {
                services.as_ref().map_or(Vec::new(), |services| name(services.first(count)))
            }
        };
        // What is worth computing for the reasons alone: a large graph is ranked by its shape.
        let is_small = outline.edges().len() <= CENTRALITY_EDGES && outline.layer() == GraphLayer::Hosts;
        let centrality = is_small.then(|| Centrality::of_outline(outline, &bytes(), self.threads));
        let by_shape = match &centrality {
            Some(centrality) => centrality.key_nodes(topology, count),
            None => key_nodes(topology, count),
        };
        let all = roles.iter().map(|(id, _)| *id).chain(by_shape.iter().map(|key| outline.id(key.node)));
        let mut known = HashSet::new();
        let chosen: Vec<NodeId> = all.filter(|id| known.insert(*id)).take(count).collect();
        // Whatever each was chosen for, all that there is to say of it.
        let numbers: Vec<usize> = chosen.iter().filter_map(|id| outline.number(*id)).collect();
        let roles = services.map_or(roles, |services| name(services.among(&numbers)));
        let shapes = key_nodes_among(topology, centrality.as_ref(), &numbers);
        let shapes = shapes.into_iter().map(|key| (outline.id(key.node), key.to_string()));
        let mut reasons: HashMap<NodeId, Vec<String>> = HashMap::new();
        for (id, reason) in roles.into_iter().chain(shapes) {
            reasons.entry(id).or_default().push(reason);
        }
        chosen.into_iter().filter_map(|id| Some((id, reasons.remove(&id)?.join("; ")))).collect()
    }
}

//! What findings mark in a layer's graph.

use std::collections::BTreeMap;

use pcapviz_graph::{Finding, GraphLayer, NodeId, Severity};

use crate::View;

/// More nodes than this on one side of a finding are not kept by themselves.
const MOST_KEPT: usize = 4;

/// The gravest finding about each node and edge of a graph.
#[derive(Default)]
pub(crate) struct Marks {
    /// In the order of the nodes; empty without findings.
    pub(crate) nodes: Vec<Option<Severity>>,
    /// In the order of the edges; empty without findings.
    pub(crate) edges: Vec<Option<Severity>>,
    /// Which nodes had better be drawn by themselves, in their order; empty without findings. A finding about many end points
    /// says the same of each: they may be drawn as one.
    pub(crate) kept: Vec<bool>,
    /// Whether each finding marks anything, in their order.
    pub(crate) is_shown: Vec<bool>,
}

impl Marks {
    /// Findings are about hosts or devices. At layer 2 one about a host marks the devices that have its address as their
    /// own, at layers 3 and 4 one about a device marks the hosts that it is. Between two it marks the edges as well. At layer 4 it
    /// marks only the end points of the conversations that it is about: those between its two hosts, and with its ports.
    /// O(nodes log nodes + edges + what the findings mark).
    pub(crate) fn of(view: &View<'_>) -> Self {
        if view.findings.is_empty() {
            return Self::default();
        }
        let graph = view.graph;
        let (nodes, edges) = (graph.nodes(), graph.edges());
        let mut places: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for (i, node) in nodes.iter().enumerate() {
            places.entry(node.id).or_default().push(i);
            if node.id.host() != node.id {
                places.entry(node.id.host()).or_default().push(i);
            }
        }
        let mut around = vec![Vec::new(); nodes.len()];
        for (i, edge) in edges.iter().enumerate() {
            around[edge.source].push((edge.target, i));
            around[edge.target].push((edge.source, i));
        }
        let mut marks = Self {
            nodes: vec![None; nodes.len()],
            edges: vec![None; edges.len()],
            kept: vec![false; nodes.len()],
            is_shown: Vec::with_capacity(view.findings.len()),
        };
        let find = |id: NodeId| -> Vec<usize> {
            let ids = stand_ins(view, id);
            let mut found: Vec<usize> =
                ids.iter().filter_map(|id| places.get(id)).flatten().copied().collect();
            found.sort_unstable();
            found.dedup();
            found
        };
        for finding in view.findings {
            let subjects = find(finding.subject);
            let objects = finding.object.map(find);
            let is_shown = marks.add(view, finding, &subjects, objects.as_deref(), &around);
            marks.is_shown.push(is_shown);
        }
        marks
    }

    fn add(
        &mut self,
        view: &View<'_>,
        finding: &Finding,
        subjects: &[usize],
        objects: Option<&[usize]>,
        around: &[Vec<(usize, usize)>],
    ) -> bool {
        let nodes = view.graph.nodes();
        let by_port = view.graph.layer() == GraphLayer::Endpoints && !finding.ports.is_empty();
        let is_about = |node: usize| {
            let port = match nodes[node].id {
                NodeId::Endpoint(_, port) if by_port => finding.ports.contains(&port),
                _ => true,
            };
            port && objects.is_none_or(|objects| objects.binary_search(&node).is_ok())
        };
        // Its subjects, and the nodes on the other side.
        let mut marked = [Vec::new(), Vec::new()];
        if objects.is_some() || by_port {
            for &subject in subjects {
                for &(other, edge) in around[subject].iter().filter(|(other, _)| is_about(*other)) {
                    raise(&mut self.edges[edge], finding.severity);
                    marked[0].push(subject);
                    marked[1].push(other);
                }
            }
        }
        // Hosts that a finding is about are there without their conversation, end points are not.
        let only_conversations =
            view.graph.layer() == GraphLayer::Endpoints && (objects.is_some() || by_port);
        if marked[0].is_empty() && !only_conversations {
            marked = [subjects.to_vec(), objects.unwrap_or_default().to_vec()];
        }
        for side in &mut marked {
            side.sort_unstable();
            side.dedup();
            let is_few = side.len() <= MOST_KEPT;
            for &node in side.iter() {
                raise(&mut self.nodes[node], finding.severity);
                self.kept[node] |= is_few;
            }
        }
        marked.iter().any(|side| !side.is_empty())
    }
}

/// Under which ids a node is in the graph of the view's layer.
fn stand_ins(view: &View<'_>, id: NodeId) -> Vec<NodeId> {
    let notes = || view.annotations.get(id.host());
    match (view.graph.layer(), id) {
        (GraphLayer::Devices, NodeId::Host(_) | NodeId::Endpoint(..)) => {
            notes().map_or_else(Vec::new, |notes| notes.devices.iter().copied().map(NodeId::Device).collect())
        }
        (GraphLayer::Hosts | GraphLayer::Endpoints, NodeId::Device(_)) => {
            let device = notes().and_then(|notes| notes.device.as_ref());
            device
                .map_or_else(Vec::new, |device| device.addresses.keys().copied().map(NodeId::Host).collect())
        }
        (GraphLayer::Hosts, _) => vec![id.host()],
        _ => vec![id],
    }
}

fn raise(mark: &mut Option<Severity>, severity: Severity) {
    *mark = (*mark).max(Some(severity));
}

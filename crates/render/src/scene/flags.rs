//! What findings mark: nodes and edges of the drawn graph.

use std::collections::BTreeMap;

use pcapviz_graph::{NodeId, Severity};

use crate::View;
use crate::fold::Folded;

/// The gravest finding about each node and edge to be drawn.
pub(super) struct Flags {
    pub(super) nodes: Vec<Option<Severity>>,
    pub(super) edges: Vec<Option<Severity>>,
}

impl Flags {
    /// A finding about a host marks its end points, one about an end point its host: of two hosts, those end points
    /// that exchanged something.
    /// O((nodes + edges + findings) log nodes).
    pub(super) fn of(view: &View<'_>, graph: &Folded) -> Self {
        let mut flags = Self { nodes: vec![None; graph.nodes.len()], edges: vec![None; graph.edges.len()] };
        if view.findings.is_empty() {
            return flags;
        }
        let mut drawn: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for (i, group) in graph.nodes.iter().enumerate() {
            for &member in &group.members {
                let id = view.graph.nodes()[member].id;
                for id in [id, id.host()] {
                    let places = drawn.entry(id).or_default();
                    if places.last() != Some(&i) {
                        places.push(i);
                    }
                }
            }
        }
        let places = |id: NodeId| drawn.get(&id).or_else(|| drawn.get(&id.host())).map_or(&[][..], |p| p);
        for finding in view.findings {
            let subjects = places(finding.subject);
            let objects = finding.object.map_or(&[][..], places);
            let mut is_on_edge = false;
            for (i, edge) in graph.edges.iter().enumerate() {
                let joins = |from: usize, to: usize| subjects.contains(&from) && objects.contains(&to);
                if joins(edge.source, edge.target) || joins(edge.target, edge.source) {
                    is_on_edge = true;
                    raise(&mut flags.edges[i], finding.severity);
                    raise(&mut flags.nodes[edge.source], finding.severity);
                    raise(&mut flags.nodes[edge.target], finding.severity);
                }
            }
            if !is_on_edge {
                for &node in subjects.iter().chain(objects) {
                    raise(&mut flags.nodes[node], finding.severity);
                }
            }
        }
        flags
    }
}

fn raise(flag: &mut Option<Severity>, severity: Severity) {
    *flag = (*flag).max(Some(severity));
}

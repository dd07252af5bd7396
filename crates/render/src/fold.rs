//! Graphs that a page can carry: nodes that are alike are drawn as one.
//!
//! Folding goes from a [`View`] to a [`Folded`] graph, step by step until the graph is small enough:
//!
//! 1. at layer 4, each host's client ports, whatever the graph's size ([`Ports`]);
//! 2. nodes with the same neighbours, by the kind of traffic and where they belong: first the leaves around
//!    one hub, the largest groups first; one that carries much of its group's bytes stays by itself;
//! 3. at layer 4, all ports of one host;
//! 4. addresses of one network (IPv4 /24, IPv6 /64; devices by vendor prefix), then outside hosts by the network's owner, or
//!    by country where no owner is known, then larger networks (/16, /8; /48, /32), then all that are inside, and all that are
//!    outside: the Internet. The nodes with the most bytes stay by themselves.
//!
//! Nothing is lost on the way: packets, bytes and payload add up to those of the graph, edges within a group
//! become its self-loop.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pcapviz_graph::{Edge, EdgeNotes, GraphLayer, LayerGraph, Node, NodeId, ProtocolSet, join_lives};

use crate::View;
use crate::belonging;
use crate::findings::Marks;
use crate::grouping::Groups;
use crate::theme::{Family, Role};

/// Which ports are nodes of their own at layer 4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ports {
    /// Those that serve; a host's client ports are one node.
    #[default]
    Servers,
    /// All of them.
    All,
}

/// A graph to be drawn.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Folded {
    /// The nodes, in the order of their first members.
    pub nodes: Vec<Group>,
    /// The edges between them, by source, then target, which are indices into `nodes`.
    pub edges: Vec<Edge>,
    /// What is known of each of the edges.
    pub notes: Vec<Option<EdgeNotes>>,
    /// The families of each of the edges with their bytes, that of the most first.
    pub families: Vec<Vec<(Family, u64)>>,
}

impl Folded {
    /// The family that carried the most bytes of an edge.
    pub fn family(&self, edge: usize) -> Family {
        self.families[edge].first().map_or(Family::NonIp, |(family, _)| *family)
    }
}

/// One node to be drawn.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Group {
    /// The first member, with the sums of all.
    pub node: Node,
    /// Which nodes it stands for, as indices into the graph's, ascending.
    pub members: Vec<usize>,
    /// What the members have in common.
    pub kind: Kind,
}

/// Why nodes are drawn as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// It is one node.
    Single,
    /// Client ports of one host.
    ClientPorts,
    /// They talk to the same nodes: mostly one hub.
    SameNeighbours,
    /// Ports of one host.
    HostPorts,
    /// Addresses of one network: the address and how many of its bits they share.
    Network(IpAddr, u8),
    /// Devices with one vendor prefix.
    Vendor([u8; 3]),
    /// Outside hosts in one owner's networks: the autonomous system.
    Owner(u32),
    /// Outside hosts in one country: its code (ISO 3166), in capitals.
    Country([u8; 2]),
    /// They belong to the same side.
    Role(Role),
}

/// Draws a graph with at most so many nodes, or with one for each side where that is more.
/// O((nodes + edges) log nodes).
///
/// ```
/// use pcapviz_graph::{Annotations, FlowTable, GraphLayer};
/// use pcapviz_render::View;
/// use pcapviz_render::fold::{Ports, fold};
///
/// let table = FlowTable::new();
/// let (graph, annotations) = (table.project(GraphLayer::Hosts), Annotations::default());
/// let view = View::new(&graph, &annotations, &[], table.totals());
/// assert!(fold(&view, 100, Ports::Servers).nodes.is_empty());
/// ```
pub fn fold(view: &View<'_>, max_nodes: usize, ports: Ports) -> Folded {
    fold_within(view, &Groups::default(), &Marks::of(view), max_nodes, ports)
}

/// The same, but nodes of different groups, and those that findings are about, are not drawn as one unless there is no
/// other way.
pub(crate) fn fold_within(
    view: &View<'_>,
    groups: &Groups,
    marks: &Marks,
    max_nodes: usize,
    ports: Ports,
) -> Folded {
    let graph = view.graph;
    let mut partition = Partition::singles(view);
    partition.group_of = groups.of_node.clone();
    partition.kept.clone_from(&marks.kept);
    if graph.layer() == GraphLayer::Endpoints && ports == Ports::Servers {
        let serves = servers(graph);
        partition.merge(Kind::ClientPorts, |group| {
            let node = group.members[0];
            (!serves[node]).then(|| graph.nodes()[node].id.host())
        });
    }
    partition.fold_alike(max_nodes);
    partition.fold_by_address(max_nodes);
    partition.folded()
}

impl Group {
    /// Whether it stands for several nodes.
    pub fn is_folded(&self) -> bool {
        self.members.len() > 1
    }
}

/// The nodes of a graph, each in one group.
struct Partition<'a> {
    view: &'a View<'a>,
    graph: &'a LayerGraph,
    /// Each node's group; empty for none.
    group_of: Vec<Option<usize>>,
    /// Which nodes findings keep by themselves; empty without findings.
    kept: Vec<bool>,
    groups: Vec<Part>,
}

struct Part {
    members: Vec<usize>,
    kind: Kind,
}

impl<'a> Partition<'a> {
    fn singles(view: &'a View<'a>) -> Self {
        let graph = view.graph;
        let single = |node| Part { members: vec![node], kind: Kind::Single };
        let groups = (0..graph.nodes().len()).map(single).collect();
        Self { view, graph, group_of: Vec::new(), kept: Vec::new(), groups }
    }

    /// Makes one of all groups with the same key; those without one stay.
    fn merge<K: Ord>(&mut self, kind: Kind, key: impl Fn(&Part) -> Option<K>) {
        self.merge_as(|part| key(part).map(|key| (key, kind)));
    }

    fn merge_as<K: Ord>(&mut self, key: impl Fn(&Part) -> Option<(K, Kind)>) {
        let mut merged: BTreeMap<(K, Kind), Vec<Part>> = BTreeMap::new();
        let mut groups = Vec::with_capacity(self.groups.len());
        for part in std::mem::take(&mut self.groups) {
            match key(&part) {
                Some(key) => merged.entry(key).or_default().push(part),
                None => groups.push(part),
            }
        }
        for ((_, kind), mut parts) in merged {
            if parts.len() == 1 {
                groups.append(&mut parts);
            } else {
                let mut members: Vec<usize> = parts.into_iter().flat_map(|part| part.members).collect();
                members.sort_unstable();
                groups.push(Part { members, kind });
            }
        }
        groups.sort_unstable_by_key(|part| part.members[0]);
        self.groups = groups;
    }

    /// Each node's group.
    fn owners(&self) -> Vec<usize> {
        let mut owner = vec![0; self.graph.nodes().len()];
        for (group, part) in self.groups.iter().enumerate() {
            part.members.iter().for_each(|&node| owner[node] = group);
        }
        owner
    }

    fn bytes(&self, part: &Part) -> u64 {
        part.members.iter().fold(0, |sum, &i| sum.saturating_add(self.graph.nodes()[i].traffic().bytes))
    }

    fn group(&self, part: &Part) -> Option<usize> {
        self.group_of.get(part.members[0]).copied().flatten()
    }

    fn is_kept(&self, part: &Part) -> bool {
        !self.kept.is_empty() && part.members.iter().any(|&i| self.kept[i])
    }

    fn role(&self, part: &Part) -> Role {
        self.view.role(self.graph.nodes()[part.members[0]].id)
    }

    /// Folds groups with the same neighbours: they have no edges between them.
    fn fold_alike(&mut self, max_nodes: usize) {
        /// A node with more of its set's bytes than this share stays by itself.
        const HEAVY: f64 = 0.1;
        if self.groups.len() <= max_nodes {
            return;
        }
        let owner = self.owners();
        let mut neighbours = vec![BTreeSet::new(); self.groups.len()];
        let mut protocols = vec![ProtocolSet::default(); self.groups.len()];
        let mut ways = vec![(false, false); self.groups.len()];
        for edge in self.graph.edges() {
            let (source, target) = (owner[edge.source], owner[edge.target]);
            for (here, there) in [(source, target), (target, source)] {
                if here != there {
                    neighbours[here].insert(there);
                }
                protocols[here] = protocols[here].union(edge.protocols);
            }
            ways[source].0 = true;
            ways[target].1 = true;
        }
        let mut sets: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (i, around) in neighbours.iter().enumerate().filter(|(_, around)| !around.is_empty()) {
            let part = &self.groups[i];
            let alike = (around, self.role(part), self.group(part), Family::of(protocols[i]), ways[i]);
            sets.entry(alike).or_default().push(i);
        }
        let mut sets: Vec<(usize, Vec<usize>)> = sets
            .into_iter()
            .filter(|(_, set)| set.len() > 1)
            .map(|((around, ..), set)| (around.len(), set))
            .collect();
        sets.sort_by_key(|(around, set)| (*around, Reverse(set.len()), set[0]));
        let mut set_of = vec![None; self.groups.len()];
        let mut left = self.groups.len();
        for (nth, (_, set)) in sets.iter().enumerate() {
            if left <= max_nodes {
                break;
            }
            let bytes: Vec<u64> = set.iter().map(|&node| self.bytes(&self.groups[node])).collect();
            let all: f64 = bytes.iter().map(|&n| n as f64).sum();
            // In a small set every node has more than the share.
            let light = |i: &usize| {
                (set.len() < 10 || bytes[*i] as f64 <= all * HEAVY) && !self.is_kept(&self.groups[set[*i]])
            };
            let folded: Vec<usize> = (0..set.len()).filter(light).map(|i| set[i]).collect();
            left -= folded.len().saturating_sub(1);
            folded.iter().for_each(|&node| set_of[node] = Some(nth));
        }
        let set_of_first: BTreeMap<usize, usize> =
            self.groups.iter().zip(set_of).filter_map(|(part, set)| Some((part.members[0], set?))).collect();
        self.merge(Kind::SameNeighbours, |part| set_of_first.get(&part.members[0]).copied());
    }

    /// Folds by host, by ever larger networks, then by side, all but the groups with the most bytes.
    fn fold_by_address(&mut self, max_nodes: usize) {
        const LEVELS: [(u8, u8); 3] = [(24, 64), (16, 48), (8, 32)];
        if self.groups.len() <= max_nodes {
            return;
        }
        let graph = self.graph;
        let view = self.view;
        let id = |part: &Part| graph.nodes()[part.members[0]].id;
        let sides: BTreeSet<Role> = self.groups.iter().map(|part| self.role(part)).collect();
        let kept = (max_nodes / 2).min(max_nodes.saturating_sub(sides.len()));
        let mut order: Vec<&Part> = self.groups.iter().collect();
        order.sort_by_key(|part| (!self.is_kept(part), Reverse(self.bytes(part)), part.members[0]));
        let kept: BTreeSet<usize> = order[..kept].iter().map(|part| part.members[0]).collect();
        let stays = |part: &Part| kept.contains(&part.members[0]);
        if graph.layer() == GraphLayer::Endpoints {
            self.merge(Kind::HostPorts, |part| (!stays(part)).then(|| id(part).host()));
        }
        // Where an outside group belongs, if all of it does. Countries stand in where no network's owner is known.
        let has_owners = graph.nodes().iter().any(|node| belonging::asn(view, node.id).is_some());
        let home = |part: &Part| {
            let of = |node: usize| {
                let id = graph.nodes()[node].id;
                match (view.role(id), has_owners) {
                    (Role::Outside, true) => belonging::asn(view, id).map(Kind::Owner),
                    (Role::Outside, false) => belonging::country_code(view, id).map(Kind::Country),
                    _ => None,
                }
            };
            belonging::shared(&part.members, of)
        };
        for (nth, (v4, v6)) in LEVELS.into_iter().enumerate() {
            if nth == 1 && self.groups.len() > max_nodes {
                self.merge_as(|part| {
                    let home = home(part).filter(|_| !stays(part))?;
                    Some(((), home))
                });
            }
            if self.groups.len() <= max_nodes {
                return;
            }
            self.merge_as(|part| {
                // Owners and countries are not parted again.
                if matches!(part.kind, Kind::Owner(_) | Kind::Country(_)) {
                    return None;
                }
                let kind = belonging::shared(&part.members, |node| match graph.nodes()[node].id {
                    NodeId::Device(mac) => Some(Kind::Vendor([mac.0[0], mac.0[1], mac.0[2]])),
                    other => {
                        let ip = other.ip()?;
                        let bits = if ip.is_ipv4() { v4 } else { v6 };
                        Some(Kind::Network(network(ip, bits), bits))
                    }
                })?;
                (!stays(part)).then_some(((view.role(id(part)), home(part)), kind))
            });
        }
        if self.groups.len() > max_nodes {
            self.merge_as(|part| {
                let role = view.role(id(part));
                (!stays(part)).then_some((role, Kind::Role(role)))
            });
        }
    }

    /// Adds up what the groups hold.
    fn folded(self) -> Folded {
        let annotations = self.view.annotations;
        let owner = self.owners();
        let nodes = self.graph.nodes();
        let mut edges: BTreeMap<(usize, usize), Edge> = BTreeMap::new();
        let mut notes: BTreeMap<(usize, usize), EdgeNotes> = BTreeMap::new();
        let mut bytes: BTreeMap<(usize, usize), Vec<(Family, u64)>> = BTreeMap::new();
        for (i, edge) in self.graph.edges().iter().enumerate() {
            let ends = (owner[edge.source], owner[edge.target]);
            let of_edge = bytes.entry(ends).or_default();
            for share in self.graph.shares(i) {
                let (family, more) = (Family::of(share.protocols), share.traffic.bytes);
                match of_edge.iter_mut().find(|(known, _)| *known == family) {
                    Some((_, sum)) => *sum = sum.saturating_add(more),
                    None => of_edge.push((family, more)),
                }
            }
            edges.entry(ends).and_modify(|sum| add(sum, edge)).or_insert_with(|| {
                let mut first = edge.clone();
                (first.source, first.target) = ends;
                first
            });
            if let Some(more) = annotations.edge(nodes[edge.source].id, nodes[edge.target].id) {
                let sum = notes.entry(ends).or_default();
                sum.vlans.extend(&more.vlans);
                sum.tunnels.extend(&more.tunnels);
            }
        }
        let sum = |part: Part| {
            let mut sum = nodes[part.members[0]];
            for &i in &part.members[1..] {
                let node = nodes[i];
                sum.sent += node.sent;
                sum.received += node.received;
                sum.position = sum.position.min(node.position);
                sum.life = join_lives(sum.life, node.life);
            }
            Group { node: sum, members: part.members, kind: part.kind }
        };
        Folded {
            nodes: self.groups.into_iter().map(sum).collect(),
            notes: edges.keys().map(|ends| notes.remove(ends)).collect(),
            families: bytes.into_values().map(Family::by_bytes).collect(),
            edges: edges.into_values().collect(),
        }
    }
}

fn add(sum: &mut Edge, edge: &Edge) {
    sum.traffic += edge.traffic;
    sum.protocols = sum.protocols.union(edge.protocols);
    sum.position = sum.position.min(edge.position);
    sum.life = join_lives(sum.life, edge.life);
}

/// The ranges of ports (RFC 6335), in the order in which they are likely to serve.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Range {
    System,
    User,
    Dynamic,
}

/// Which endpoints serve in any of their conversations.
///
/// Of the two ends the server is the one with a system port; else the one with more peers; else the one with
/// a user port against a dynamic one; else the one that was sent to first. Equal ports are peers: both serve.
pub(crate) fn servers(graph: &LayerGraph) -> Vec<bool> {
    let (nodes, edges) = (graph.nodes(), graph.edges());
    let port = |i: usize| match nodes[i].id {
        NodeId::Endpoint(_, port) => port,
        _ => 0,
    };
    let range = |i: usize| match port(i) {
        0..1024 => Range::System,
        1024..49152 => Range::User,
        _ => Range::Dynamic,
    };
    let reply = |edge: &Edge| {
        edges
            .binary_search_by_key(&(edge.target, edge.source), |e| (e.source, e.target))
            .ok()
            .map(|i| &edges[i])
    };
    let mut peers = vec![0_usize; nodes.len()];
    for edge in edges.iter().filter(|edge| edge.source < edge.target || reply(edge).is_none()) {
        peers[edge.source] += 1;
        peers[edge.target] += 1;
    }
    let mut serves = vec![false; nodes.len()];
    for edge in edges {
        let (a, b) = (edge.source, edge.target);
        if port(a) == port(b) {
            serves[a] = true;
            serves[b] = true;
            continue;
        }
        let opened = |end: usize| match reply(edge) {
            Some(reply) if reply.position < edge.position => end == b,
            _ => end == a,
        };
        let likely = |end: usize| (range(end) != Range::System, Reverse(peers[end]), range(end), opened(end));
        serves[if likely(a) < likely(b) { a } else { b }] = true;
    }
    serves
}

/// The network of so many bits that an address is in.
pub(crate) fn network(ip: IpAddr, bits: u8) -> IpAddr {
    let bits = u32::from(bits);
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - bits.min(32)).unwrap_or(0);
            Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - bits.min(128)).unwrap_or(0);
            Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
    }
}

/// The smallest network that all of these addresses are in.
pub(crate) fn common_network(mut addresses: impl Iterator<Item = IpAddr>) -> Option<(IpAddr, u8)> {
    let first = addresses.next()?;
    let all = if first.is_ipv4() { 32 } else { 128 };
    let bits = addresses.try_fold(all, |bits, ip| match (first, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => Some(bits.min((a.to_bits() ^ b.to_bits()).leading_zeros())),
        (IpAddr::V6(a), IpAddr::V6(b)) => Some(bits.min((a.to_bits() ^ b.to_bits()).leading_zeros())),
        _ => None,
    })?;
    let bits = u8::try_from(bits).ok()?;
    Some((network(first, bits), bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (address, bits, expected) in [
            ("10.1.2.3", 24, "10.1.2.0"),
            ("10.1.2.3", 0, "0.0.0.0"),
            ("10.1.2.3", 32, "10.1.2.3"),
            ("2001:db8:1:2:3::4", 64, "2001:db8:1:2::"),
            ("2001:db8::1", 0, "::"),
        ] {
            assert_eq!(network(ip(address), bits), ip(expected), "{address}/{bits}");
        }
        let common = |list: &[&str]| common_network(list.iter().map(|text| ip(text)));
        assert_eq!(common(&["10.1.2.3", "10.1.2.200"]), Some((ip("10.1.2.0"), 24)));
        assert_eq!(common(&["10.1.2.3"]), Some((ip("10.1.2.3"), 32)));
        assert_eq!(common(&["10.1.2.3", "::1"]), None);
        assert_eq!(common(&[]), None);
    }
}

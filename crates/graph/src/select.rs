//! Parts of a layer's graph, and what was left out of it.

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use pcapviz_capture::{Protocol, ProtocolSet};

use crate::{Annotations, LayerGraph, NodeId, Traffic};

/// Which part of a graph is wanted. Every condition that is set must hold; the default keeps everything.
///
/// ```
/// use pcapviz_graph::{Annotations, FlowTable, GraphLayer, Selection};
///
/// let graph = FlowTable::new().project(GraphLayer::Hosts);
/// let mut selection = Selection::default();
/// selection.top = Some(10);
/// let (part, left_out) = selection.apply(&graph, &Annotations::default())?;
/// assert_eq!((part.nodes().len(), left_out.nodes), (0, 0));
/// assert_eq!(selection.to_string(), "top 10");
/// # Ok::<(), pcapviz_graph::SelectError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selection {
    /// Only nodes that one of these means, and what is near to them.
    pub focus: Vec<Target>,
    /// How many edges away is near, whichever way they point.
    pub hops: usize,
    /// Only the shortest ways between two nodes, whichever way the edges point.
    pub path: Option<(Target, Target)>,
    /// Only flows with at least one of these protocols.
    pub protocols: Option<ProtocolSet>,
    /// No flows with any of these protocols.
    pub not_protocols: ProtocolSet,
    /// Only flows of which this is a [topmost protocol](topmost_protocols).
    pub topmost: Option<Protocol>,
    /// Only the nodes with the most bytes, by what is left of the graph, so many of them.
    pub top: Option<usize>,
}

/// Whom a person means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A device, or a host, or all end points of a host, or one end point.
    Node(NodeId),
    /// All addresses of a network: its address, and how many of its bits count.
    Network(IpAddr, u8),
    /// Every node that bears the name, or a name below it in the domain name system; in any case.
    Name(String),
}

/// What a selection left out, or how much a graph holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unselected {
    /// Nodes.
    pub nodes: usize,
    /// Edges.
    pub edges: usize,
    /// Traffic of the edges.
    pub traffic: Traffic,
}

/// Why nothing could be selected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// No node of the layer is meant.
    #[error(
        "{target:?} is not in the graph of layer {layer}: give an address, a network such as 10.0.0.0/8, or a name that the summary or the picture shows{}",
        if *layer == 2 { "; a device is known by its own addresses, not by those that it passes packets on for" } else { "" }
    )]
    NotThere {
        /// Who was asked for.
        target: String,
        /// The layer's number.
        layer: u8,
    },
    /// Two nodes have no way between them.
    #[error("there is no way from {from:?} to {to:?} in the graph of layer {layer}")]
    NoPath {
        /// Where the way was to begin.
        from: String,
        /// Where the way was to end.
        to: String,
        /// The layer's number.
        layer: u8,
    },
}

impl Selection {
    /// Only flows of which this is a topmost protocol.
    pub fn of_topmost(protocol: Protocol) -> Self {
        Self { topmost: Some(protocol), ..Self::default() }
    }

    /// Whether nothing can be left out.
    pub fn is_everything(&self) -> bool {
        *self == Self { hops: self.hops, ..Self::default() }
    }

    /// The part of the graph, with traffic of nodes added up from the edges that stay; and what is left out.
    /// Nodes without any edge left are left out too. Names, devices' own addresses and addresses' devices are looked up
    /// in the annotations. Protocols select flows: an edge keeps the [share](LayerGraph::shares) of its traffic that
    /// has them.
    /// O(nodes log nodes + edges log nodes).
    ///
    /// # Errors
    /// If the focus or an end of the path means no node, or there is no path.
    pub fn apply(
        &self,
        graph: &LayerGraph,
        annotations: &Annotations,
    ) -> Result<(LayerGraph, Unselected), SelectError> {
        let whole = graph;
        let wanted = |set: ProtocolSet| {
            self.protocols.is_none_or(|protocols| protocols.iter().any(|p| set.contains(p)))
                && !self.not_protocols.iter().any(|p| set.contains(p))
                && self.topmost.is_none_or(|protocol| topmost_protocols(set).contains(protocol))
        };
        let mut part = whole.clone();
        if self.protocols.is_some() || !self.not_protocols.is_empty() || self.topmost.is_some() {
            part = part.with_protocols(wanted);
        }
        let layer = graph.layer().number();
        let find = |target: &Target, part: &LayerGraph| {
            let found = target.find(part, annotations);
            if found.is_empty() {
                return Err(SelectError::NotThere { target: target.to_string(), layer });
            }
            Ok(found)
        };
        if let Some((from, to)) = &self.path {
            let on_path = part
                .shortest_ways(&find(from, &part)?, &find(to, &part)?)
                .ok_or_else(|| SelectError::NoPath { from: from.to_string(), to: to.to_string(), layer })?;
            part = part.with_edges(|edge| match (on_path[edge.source], on_path[edge.target]) {
                // Along the way only, not between two of its nodes that are equally far.
                (Some(a), Some(b)) => a.abs_diff(b) == 1,
                _ => false,
            });
        }
        if !self.focus.is_empty() {
            let mut centre = Vec::new();
            for target in &self.focus {
                centre.extend(find(target, &part)?);
            }
            let far = part.hops(&centre);
            let near = |node: usize| far[node].is_some_and(|hops| hops <= self.hops);
            part = part.with_edges(|edge| near(edge.source) && near(edge.target));
        }
        if let Some(top) = self.top {
            let mut order: Vec<usize> = (0..part.nodes().len()).collect();
            order.sort_by_key(|&i| (std::cmp::Reverse(part.nodes()[i].traffic().bytes), i));
            let mut kept = vec![false; order.len()];
            order.iter().take(top).for_each(|&i| kept[i] = true);
            part = part.with_edges(|edge| kept[edge.source] && kept[edge.target]);
        }
        let left_out = Unselected::between(whole, &part);
        Ok((part, left_out))
    }
}

impl Unselected {
    /// What a graph holds that a part of it does not. O(edges).
    pub fn between(whole: &LayerGraph, part: &LayerGraph) -> Self {
        Self {
            nodes: whole.nodes().len().saturating_sub(part.nodes().len()),
            edges: whole.edges().len().saturating_sub(part.edges().len()),
            traffic: difference(sum(whole), sum(part)),
        }
    }
}

fn sum(graph: &LayerGraph) -> Traffic {
    graph.edges().iter().fold(Traffic::default(), |mut sum, edge| {
        sum += edge.traffic;
        sum
    })
}

fn difference(all: Traffic, part: Traffic) -> Traffic {
    Traffic {
        packets: all.packets.saturating_sub(part.packets),
        bytes: all.bytes.saturating_sub(part.bytes),
        payload_bytes: all.payload_bytes.saturating_sub(part.payload_bytes),
    }
}

impl Target {
    /// The nodes that are meant, as indices, ascending.
    fn find(&self, graph: &LayerGraph, annotations: &Annotations) -> Vec<usize> {
        // A device's own addresses, a host's own devices.
        let own = |id: NodeId, is_meant: &dyn Fn(IpAddr) -> bool| {
            let device = annotations.get(id).and_then(|notes| notes.device.as_ref());
            device.is_some_and(|device| device.addresses.keys().any(|ip| is_meant(*ip)))
        };
        let meant = |id: NodeId| match (self, id) {
            (Self::Node(NodeId::Host(wanted)), NodeId::Device(_)) => own(id, &|ip| ip == *wanted),
            (Self::Node(NodeId::Device(wanted)), NodeId::Host(_) | NodeId::Endpoint(..)) => {
                annotations.get(id).is_some_and(|notes| notes.devices.contains(wanted))
            }
            (Self::Node(wanted), _) => id == *wanted || id.host() == *wanted,
            (Self::Network(network, bits), NodeId::Device(_)) => own(id, &|ip| shares(ip, *network, *bits)),
            (Self::Network(network, bits), _) => id.ip().is_some_and(|ip| shares(ip, *network, *bits)),
            (Self::Name(name), _) => annotations
                .get(id)
                .is_some_and(|notes| notes.names.iter().any(|known| is_or_is_below(&known.name, name))),
        };
        graph.nodes().iter().enumerate().filter(|(_, node)| meant(node.id)).map(|(i, _)| i).collect()
    }
}

fn is_or_is_below(known: &str, name: &str) -> bool {
    let (known, name) = (known.trim_end_matches('.').to_lowercase(), name.to_lowercase());
    known.strip_suffix(&name).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// Whether the first bits of two addresses of one version are the same.
fn shares(a: IpAddr, b: IpAddr, bits: u8) -> bool {
    let same = match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => return false,
    };
    same >= u32::from(bits)
}

/// Never fails: what is neither a MAC address, an IP address, an end point nor a network is a name.
///
/// ```
/// use pcapviz_graph::Target;
///
/// let target: Target = "10.1.2.3/8".parse().unwrap();
/// assert_eq!(target.to_string(), "10.1.2.3/8");
/// assert_eq!("Printer.lan.".parse(), Ok(Target::Name("Printer.lan".to_owned())));
/// ```
impl FromStr for Target {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self::Node(NodeId::Host(ip)));
        }
        if let Ok(end) = text.parse::<std::net::SocketAddr>() {
            return Ok(Self::Node(NodeId::Endpoint(end.ip(), end.port())));
        }
        if let Ok(mac) = text.replace('-', ":").parse() {
            return Ok(Self::Node(NodeId::Device(mac)));
        }
        if let Some((ip, bits)) = text.split_once('/')
            && let (Ok(ip), Ok(bits)) = (ip.parse::<IpAddr>(), bits.parse::<u8>())
            && bits <= if ip.is_ipv4() { 32 } else { 128 }
        {
            return Ok(Self::Network(ip, bits));
        }
        Ok(Self::Name(text.trim_end_matches('.').to_owned()))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => id.fmt(f),
            Self::Network(ip, bits) => write!(f, "{ip}/{bits}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Its conditions in words, for captions.
impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let names = |set: ProtocolSet| set.iter().map(|p| p.name()).collect::<Vec<_>>().join(", ");
        if let Some(protocols) = self.protocols {
            parts.push(format!("protocols {}", names(protocols)));
        }
        if !self.not_protocols.is_empty() {
            parts.push(format!("protocols but {}", names(self.not_protocols)));
        }
        parts.extend(self.topmost.map(|protocol| match protocol {
            Protocol::Tcp | Protocol::Udp | Protocol::Sctp => {
                format!("protocol {} without a known application", protocol.name())
            }
            _ => format!("protocol {}", protocol.name()),
        }));
        if let Some((from, to)) = &self.path {
            parts.push(format!("path from {from} to {to}"));
        }
        if !self.focus.is_empty() {
            let targets: Vec<_> = self.focus.iter().map(Target::to_string).collect();
            let hops = if self.hops == 1 { "hop" } else { "hops" };
            parts.push(format!("{} and {} {hops} around", targets.join(", "), self.hops));
        }
        parts.extend(self.top.map(|top| format!("top {top}")));
        f.write_str(&parts.join("; "))
    }
}

/// The applications; where there is none, the innermost protocol, but the transport only in need.
///
/// ```
/// use pcapviz_graph::{Protocol, ProtocolSet, topmost_protocols};
///
/// let set: ProtocolSet = [Protocol::Ipv4, Protocol::Tcp, Protocol::Http].into_iter().collect();
/// assert_eq!(topmost_protocols(set), [Protocol::Http].into_iter().collect());
/// ```
pub fn topmost_protocols(protocols: ProtocolSet) -> ProtocolSet {
    let applications: ProtocolSet = protocols.iter().filter(|&p| p > Protocol::Sctp).collect();
    if !applications.is_empty() {
        return applications;
    }
    let all: Vec<Protocol> = protocols.iter().collect();
    let told = all.iter().rev().find(|&&p| p > Protocol::Ipv6 && !matches!(p, Protocol::Tcp | Protocol::Udp));
    told.or(all.last()).copied().into_iter().collect()
}

impl LayerGraph {
    /// How many edges each node is away from the nearest of some nodes, whichever way they point; `None` where
    /// no way leads. O(nodes + edges).
    fn hops(&self, from: &[usize]) -> Vec<Option<usize>> {
        let mut around = vec![Vec::new(); self.nodes().len()];
        for edge in self.edges() {
            around[edge.source].push(edge.target);
            around[edge.target].push(edge.source);
        }
        let mut hops = vec![None; self.nodes().len()];
        let mut queue: VecDeque<(usize, usize)> = from.iter().map(|&node| (node, 0)).collect();
        while let Some((node, far)) = queue.pop_front() {
            if hops[node].is_none() {
                hops[node] = Some(far);
                queue.extend(around[node].iter().map(|&next| (next, far + 1)));
            }
        }
        hops
    }

    /// For each node on a shortest way between some nodes and some others, how far along it is.
    fn shortest_ways(&self, from: &[usize], to: &[usize]) -> Option<Vec<Option<usize>>> {
        let (there, back) = (self.hops(from), self.hops(to));
        let both = |node: usize| Some(there[node]? + back[node]?);
        let shortest = (0..there.len()).filter_map(both).min()?;
        Some((0..there.len()).map(|i| there[i].filter(|_| both(i) == Some(shortest))).collect())
    }
}

#[cfg(test)]
mod tests {
    use pcapviz_capture::{DissectOptions, GraphLayer, LinkType, MacAddr, Packet, Protocol, dissect};
    use pcapviz_testkit::frame::{Ethernet, Frame, Ipv4, Tcp};

    use super::*;
    use crate::{FlowTable, Name, NameSource};

    #[test]
    fn targets_are_read_as_what_they_look_like() {
        let v4 = |text: &str| text.parse::<IpAddr>().unwrap();
        for (text, expected) in [
            ("10.0.0.1", Target::Node(NodeId::Host(v4("10.0.0.1")))),
            ("2001:db8::1", Target::Node(NodeId::Host(v4("2001:db8::1")))),
            ("10.0.0.1:53", Target::Node(NodeId::Endpoint(v4("10.0.0.1"), 53))),
            ("[::1]:53", Target::Node(NodeId::Endpoint(v4("::1"), 53))),
            ("00-1B-21-aa-bb-cc", Target::Node(NodeId::Device(MacAddr([0, 0x1b, 0x21, 0xaa, 0xbb, 0xcc])))),
            ("10.0.0.0/8", Target::Network(v4("10.0.0.0"), 8)),
            ("10.0.0.0/33", Target::Name("10.0.0.0/33".to_owned())),
            ("example.org", Target::Name("example.org".to_owned())),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    /// Five hosts, 10.0.0.1 to 10.0.0.5, in a row, each having sent to the next over TLS; the first to 10.1.0.9 over
    /// SSH, and one packet over TCP alone.
    fn row() -> (LayerGraph, Annotations) {
        let mut table = FlowTable::new();
        let mut send = |from: [u8; 4], to: [u8; 4], port: u16, packets: u32| {
            let frame: Frame = Ethernet::between(1, 2)
                .carry(Ipv4::between(from, to).carry(Tcp::ports(50_000, port).carry(&[0; 10])));
            for _ in 0..packets {
                let packet = Packet::new(LinkType::ETHERNET, frame.bytes());
                table.observe(0, &packet, &dissect(&packet, &DissectOptions::default()));
            }
        };
        for i in 1..5 {
            send([10, 0, 0, i], [10, 0, 0, i + 1], 443, u32::from(i));
        }
        send([10, 0, 0, 1], [10, 1, 0, 9], 22, 9);
        send([10, 0, 0, 1], [10, 1, 0, 9], 9, 1);
        let mut annotations = Annotations::default();
        let host = NodeId::Host("10.0.0.3".parse().unwrap());
        annotations.entry(host).names.push(Name::new(NameSource::Dns, "c.example.org"));
        annotations.entry(host).devices.push(MacAddr([2, 0, 0, 0, 0, 1]));
        (table.project(GraphLayer::Hosts), annotations)
    }

    /// The last numbers of the addresses that stay.
    fn check(what: &str, selection: &Selection, expected: &[u8]) {
        let (graph, annotations) = row();
        let (part, left_out) = selection.apply(&graph, &annotations).unwrap();
        let last = |id: NodeId| match id.ip() {
            Some(IpAddr::V4(ip)) => ip.octets()[3],
            _ => 0,
        };
        let stay: Vec<u8> = part.nodes().iter().map(|node| last(node.id)).collect();
        assert_eq!(stay, expected, "{what}");
        assert_eq!(left_out.nodes, graph.nodes().len() - part.nodes().len(), "{what}");
        assert_eq!(left_out.traffic.packets + sum(&part).packets, sum(&graph).packets, "{what}");
        let sent: u64 = part.nodes().iter().map(|node| node.sent.packets).sum();
        assert_eq!(sent, sum(&part).packets, "{what}: sums are those of the edges that stay");
        assert!(part.nodes().windows(2).all(|pair| pair[0].id < pair[1].id), "{what}: sorted");
    }

    #[test]
    fn parts_of_a_row() {
        let focus =
            |text: &str, hops| Selection { focus: vec![text.parse().unwrap()], hops, ..Selection::default() };
        let tls: ProtocolSet = [Protocol::Tls].into_iter().collect();
        let ends = Some(("10.0.0.2".parse().unwrap(), "10.0.0.4".parse().unwrap()));
        for (what, selection, expected) in [
            ("everything", Selection::default(), &[1, 2, 3, 4, 5, 9][..]),
            ("an address", focus("10.0.0.3", 1), &[2, 3, 4]),
            ("a name", focus("example.org", 1), &[2, 3, 4]),
            ("two hops", focus("10.0.0.5", 2), &[3, 4, 5]),
            ("a network", focus("10.1.0.0/16", 1), &[1, 9]),
            ("a path", Selection { path: ends, ..Selection::default() }, &[2, 3, 4]),
            ("a protocol", Selection { protocols: Some(tls), ..Selection::default() }, &[1, 2, 3, 4, 5]),
            ("all but it", Selection { not_protocols: tls, ..Selection::default() }, &[1, 9]),
            ("a topmost protocol", Selection::of_topmost(Protocol::Tcp), &[1, 9]),
            ("a device", focus("02:00:00:00:00:01", 1), &[2, 3, 4]),
            ("the busiest", Selection { top: Some(2), ..Selection::default() }, &[1, 9]),
            ("both", Selection { not_protocols: tls, ..focus("10.0.0.1", 0) }, &[]),
        ] {
            check(what, &selection, expected);
        }
    }

    /// One edge carries SSH and what is not known: each selection takes its own flows, and their sums are the whole.
    #[test]
    fn protocols_take_their_share_of_an_edge() {
        let (graph, annotations) = row();
        let packets = |selection: &Selection| {
            let (part, _) = selection.apply(&graph, &annotations).unwrap();
            let there =
                part.edges().iter().filter(|edge| part.nodes()[edge.target].id.to_string() == "10.1.0.9");
            there.map(|edge| edge.traffic.packets).collect::<Vec<_>>()
        };
        let ssh: ProtocolSet = [Protocol::Ssh].into_iter().collect();
        for (what, selection, expected) in [
            ("all", Selection::default(), 10),
            ("SSH", Selection { protocols: Some(ssh), ..Selection::default() }, 9),
            ("all but SSH", Selection { not_protocols: ssh, ..Selection::default() }, 1),
            ("TCP by itself", Selection::of_topmost(Protocol::Tcp), 1),
            ("SSH on top", Selection::of_topmost(Protocol::Ssh), 9),
        ] {
            assert_eq!(packets(&selection), [expected], "{what}");
        }
    }

    #[test]
    fn devices_are_found_by_their_addresses() {
        let mut table = FlowTable::new();
        let frame: Frame = Ethernet::between(1, 2).carry(
            Ipv4::between([10, 0, 0, 1], [10, 0, 0, 2]).carry(Tcp::ports(50_000, 443).carry(&[0; 10])),
        );
        let packet = Packet::new(LinkType::ETHERNET, frame.bytes());
        table.observe(0, &packet, &dissect(&packet, &DissectOptions::default()));
        let graph = table.project(GraphLayer::Devices);
        let mut annotations = Annotations::default();
        let mut device = crate::Device::default();
        device.addresses.insert("10.0.0.1".parse().unwrap(), crate::Claim::Arp);
        let id = graph.nodes()[0].id;
        annotations.entry(id).device = Some(device);
        for (text, expected) in
            [("10.0.0.1", &[0][..]), ("10.0.0.0/24", &[0]), ("10.0.0.2", &[]), (&*id.to_string(), &[0])]
        {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.find(&graph, &annotations), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let (graph, annotations) = row();
        let path = |to: &str| Selection {
            path: Some(("10.0.0.1".parse().unwrap(), to.parse().unwrap())),
            not_protocols: [Protocol::Tls].into_iter().collect(),
            ..Selection::default()
        };
        for (selection, said) in [
            (path("10.0.0.2"), "\"10.0.0.2\" is not in the graph of layer 3"),
            (Selection { focus: vec![Target::Name("x".into())], ..Selection::default() }, "\"x\" is not"),
        ] {
            let error = selection.apply(&graph, &annotations).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }

    #[test]
    fn names_count_with_what_is_below_them() {
        for (known, name, expected) in [
            ("www.Example.org", "example.org", true),
            ("example.org.", "example.org", true),
            ("badexample.org", "example.org", false),
            ("example.org", "www.example.org", false),
        ] {
            assert_eq!(is_or_is_below(known, name), expected, "{known} {name}");
        }
    }
}

//! What is written beside a node or an edge, as plain text: pictures and DOT say the same.
//!
//! Names come from the capture and are as they were seen: whoever shows them escapes them.

use pcapviz_graph::{Edge, Name, Node, NodeId, Protocol, ProtocolSet};

use crate::{View, quantity};

/// Extra notes of an embedding program shown on the picture; the rest stands in the tooltip.
const MOST_EXTRA: usize = 3;

/// What is written at a node.
pub(crate) struct NodeCaption<'a> {
    /// The name, or the address where there is no name.
    pub(crate) title: String,
    /// The address, where the title is a name.
    pub(crate) address: Option<String>,
    /// Place, vendor and notes: what is known besides.
    pub(crate) details: Vec<String>,
    /// Bytes and packets.
    pub(crate) volume: String,
    /// The name that the title came from.
    pub(crate) name: Option<&'a Name>,
}

impl<'a> NodeCaption<'a> {
    pub(crate) fn of(view: &View<'a>, node: &Node) -> Self {
        let notes = view.annotations.get(node.id);
        let name = notes.and_then(|notes| notes.best_name());
        let address = node.id.to_string();
        let mut details = Vec::new();
        if let Some(notes) = notes {
            if let Some(place) = &notes.place {
                let parts: Vec<&str> =
                    [&place.city, &place.country].into_iter().flatten().map(|s| &**s).collect();
                if !parts.is_empty() {
                    details.push(parts.join(", "));
                }
            }
            details.extend(notes.vendor.clone());
            details.extend(notes.extra.iter().take(MOST_EXTRA).map(|(key, value)| format!("{key}: {value}")));
        }
        let title = name.map(|name| match node.id {
            NodeId::Endpoint(_, port) => format!("{}:{port}", name.name),
            _ => name.name.clone(),
        });
        let (title, address) = match title {
            Some(title) if title != address => (title, Some(address)),
            _ => (address, None),
        };
        let traffic = node.traffic();
        let volume = format!("{} · {}", quantity::bytes(traffic.bytes), quantity::packets(traffic.packets));
        Self { title, address, details, volume, name }
    }

    /// Everything, a line each: the tooltip.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        [&*self.title]
            .into_iter()
            .chain(self.address.as_deref())
            .chain(self.details.iter().map(|s| &**s))
            .chain([&*self.volume])
    }
}

/// All that is known of a node, a line each.
pub(crate) fn node_tooltip(view: &View<'_>, node: &Node) -> String {
    let caption = NodeCaption::of(view, node);
    let mut lines: Vec<String> = caption.lines().map(str::to_owned).collect();
    let direction = |word: &str, traffic: &pcapviz_graph::Traffic| {
        format!("{word} {} in {}", quantity::bytes(traffic.bytes), quantity::packets(traffic.packets))
    };
    lines.push(direction("sent", &node.sent));
    lines.push(direction("received", &node.received));
    if let Some(notes) = view.annotations.get(node.id) {
        // A content network's address can have hundreds.
        const MOST_NAMES: usize = 12;
        let mut names: Vec<&Name> = notes.names.iter().collect();
        names.sort();
        lines.extend(
            names.iter().take(MOST_NAMES).map(|name| format!("name {} ({})", name.name, name.source)),
        );
        if names.len() > MOST_NAMES {
            lines.push(format!("and {} names more", names.len() - MOST_NAMES));
        }
        if let Some(place) = &notes.place {
            let owner: Vec<String> = place
                .asn
                .map(|asn| format!("AS{asn}"))
                .into_iter()
                .chain(place.organisation.clone())
                .collect();
            if !owner.is_empty() {
                lines.push(owner.join(" "));
            }
        }
        lines.extend(notes.extra.iter().skip(MOST_EXTRA).map(|(key, value)| format!("{key}: {value}")));
    }
    lines.extend(node.life.map(|(first, last)| quantity::span(first, last)));
    lines.join("\n")
}

/// An edge's volume: `6.8 kB · 12 packets`.
pub(crate) fn edge_volume(edge: &Edge) -> String {
    format!("{} · {}", quantity::bytes(edge.traffic.bytes), quantity::packets(edge.traffic.packets))
}

/// An edge's protocols, and the virtual networks that it is in: `Ethernet | 802.1Q | IPv4 | UDP · VLAN 7`.
pub(crate) fn edge_protocols(view: &View<'_>, edge: &Edge) -> String {
    let end = |i: usize| view.graph.nodes()[i].id;
    match view.annotations.edge(end(edge.source), end(edge.target)) {
        Some(notes) => format!("{} · {notes}", edge.protocols),
        None => edge.protocols.to_string(),
    }
}

/// An edge's volume in short, with its topmost protocols: `6.8 kB HTTP`.
pub(crate) fn edge_short(edge: &Edge) -> String {
    format!("{} {}", quantity::bytes(edge.traffic.bytes), topmost(edge.protocols)).trim_end().to_owned()
}

/// All that is known of an edge, a line each.
pub(crate) fn edge_tooltip(view: &View<'_>, edge: &Edge) -> String {
    let end = |i: usize| view.graph.nodes()[i].id;
    let mut lines = vec![
        format!("{} to {}", end(edge.source), end(edge.target)),
        edge_volume(edge),
        edge_protocols(view, edge),
    ];
    if edge.traffic.payload_bytes > 0 {
        lines.push(format!("{} of payload", quantity::bytes(edge.traffic.payload_bytes)));
    }
    lines.extend(edge.life.map(|(first, last)| quantity::span(first, last)));
    lines.join("\n")
}

/// The applications; where there is none, the innermost protocol, but the transport only in need.
fn topmost(protocols: ProtocolSet) -> String {
    const MOST: usize = 3;
    let all: Vec<Protocol> = protocols.iter().collect();
    let mut names: Vec<&str> = all.iter().filter(|&&p| p > Protocol::Sctp).map(|p| p.name()).collect();
    if names.is_empty() {
        let told =
            all.iter().rev().find(|&&p| p > Protocol::Ipv6 && !matches!(p, Protocol::Tcp | Protocol::Udp));
        names.extend(told.or(all.last()).map(|p| p.name()));
    }
    let more = names.len() > MOST;
    names.truncate(MOST);
    if more {
        names.push("…");
    }
    names.join(", ")
}

//! What is written beside a node or an edge, as plain text: pictures and DOT say the same.
//!
//! Names come from the capture and are as they were seen: whoever shows them escapes them.

use std::cmp::Reverse;
use std::net::IpAddr;

use pcapviz_graph::{
    AddressClass, Device, Edge, EdgeNotes, GraphLayer, Name, NameSource, Node, NodeId, Notes, Protocol,
    ProtocolSet, topmost_protocols,
};

use crate::fold::{Group, Kind, common_network};
use crate::theme::Role;
use crate::{View, belonging, quantity};

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
        if let Some(class) = node.id.ip().map(AddressClass::of)
            && !is_told_by_colour(class)
        {
            details.push(class.to_string());
        }
        if let Some(notes) = notes {
            if let Some(place) = &notes.place {
                let parts: Vec<&str> =
                    [&place.city, &place.country].into_iter().flatten().map(|s| &**s).collect();
                if !parts.is_empty() {
                    details.push(parts.join(", "));
                }
            }
            if node.id.ip().is_some() && is_gateway(view, node.id.host()) {
                details.push("gateway".to_owned());
            }
            details.extend(notes.device.as_ref().map(behind).into_iter().flatten());
            details.extend(notes.vendor.clone());
            details.extend(notes.extra.iter().take(MOST_EXTRA).map(|(key, value)| format!("{key}: {value}")));
        }
        let title = name.map(|name| match node.id {
            NodeId::Endpoint(_, port) => format!("{}:{port}", name.name),
            _ => name.name.clone(),
        });
        let (title, address) = match title {
            Some(title) if title != address => (with_others(title, notes), Some(address)),
            _ => (address, None),
        };
        let traffic = node.traffic();
        let volume = format!("{} · {}", quantity::bytes(traffic.bytes), quantity::packets(traffic.packets));
        Self { title, address, details, volume, name }
    }

    /// The caption of a node to be drawn, which may stand for several.
    pub(crate) fn of_group(view: &View<'a>, group: &Group) -> Self {
        let mut caption = Self::of(view, &group.node);
        let count = group.members.len() as u64;
        let (one, many) = nouns(view.graph.layer());
        let counted = |one, many| quantity::counted(count, one, many);
        match group.kind {
            Kind::Single => return caption,
            Kind::ClientPorts | Kind::HostPorts => {
                let ip = group.node.id.ip().map(|ip| ip.to_string()).unwrap_or_default();
                (caption.title, caption.address) = match caption.name {
                    Some(name) => {
                        let notes = view.annotations.get(group.node.id);
                        (with_others(name.name.clone(), notes), Some(ip))
                    }
                    None => (ip, None),
                };
                let what = if group.kind == Kind::ClientPorts { "client ports" } else { "ports" };
                caption.details.insert(0, counted(what, what));
                return caption;
            }
            Kind::SameNeighbours | Kind::Role(_) => {
                caption.title = counted(one, many);
                caption.address = None;
                caption.details = match group.kind {
                    Kind::Role(Role::Outside) => {
                        let count = std::mem::replace(&mut caption.title, "Internet".to_owned());
                        vec![count]
                    }
                    Kind::Role(role) => vec![role.description().to_owned()],
                    _ => shared_network(view, group).into_iter().collect(),
                };
            }
            Kind::Owner(_) | Kind::Country(_) => {
                let owner = belonging::owner(view, group.node.id);
                let country = belonging::country(view, group.node.id).map(|(_, name)| name.to_owned());
                let name = if matches!(group.kind, Kind::Owner(_)) { owner } else { country };
                caption.title = name.unwrap_or_default();
                caption.address = None;
                caption.details = vec![counted(one, many)];
            }
            Kind::Network(ip, bits) => {
                caption.title = format!("{ip}/{bits}");
                caption.address = None;
                caption.details = vec![counted(one, many)];
            }
            Kind::Vendor([a, b, c]) => {
                caption.title = format!("{a:02x}:{b:02x}:{c:02x}:…");
                caption.address = None;
                // All members' vendor, unless a longer prefix parts them.
                let vendors = group.members.iter().map(|&i| {
                    view.annotations.get(view.graph.nodes()[i].id).and_then(|notes| notes.vendor.as_ref())
                });
                let vendors: std::collections::BTreeSet<_> = vendors.collect();
                caption.details = vec![counted(one, many)];
                if let (1, Some(Some(vendor))) = (vendors.len(), vendors.first()) {
                    caption.details.push((*vendor).clone());
                }
            }
        }
        caption.name = None;
        caption
    }

    /// A text with where the name came from: `192.0.2.1 · by DNS`.
    pub(crate) fn with_source(&self, text: &str) -> String {
        match self.name.map(|name| name.source) {
            // These speak for themselves.
            None | Some(NameSource::WellKnown | NameSource::Given) => text.to_owned(),
            Some(source) => format!("{text} · by {source}"),
        }
    }

    /// Everything, a line each: the tooltip.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let address = self.address.as_deref().map(|address| self.with_source(address));
        let details = self.details.iter().cloned();
        [self.title.clone()].into_iter().chain(address).chain(details).chain([self.volume.clone()])
    }
}

/// Whether a device passes on packets of others, or an address is such a device's own.
pub(crate) fn is_gateway(view: &View<'_>, id: NodeId) -> bool {
    let device = |id: NodeId| view.annotations.get(id).and_then(|notes| notes.device.as_ref());
    match id {
        NodeId::Device(_) => device(id).is_some_and(Device::is_gateway),
        _ => view.annotations.get(id).is_some_and(|notes| {
            notes.devices.iter().any(|&mac| device(NodeId::Device(mac)).is_some_and(Device::is_gateway))
        }),
    }
}

/// A name with how many others there are: `example.com +39`.
fn with_others(name: String, notes: Option<&Notes>) -> String {
    match notes.map_or(0, Notes::other_names) {
        0 => name,
        others => format!("{name} +{others}"),
    }
}

/// A device's own addresses, and how many it passes packets on for.
fn behind(device: &Device) -> Vec<String> {
    /// Most devices have one address of each version.
    const MOST: usize = 3;
    let mut lines: Vec<String> = device.addresses.keys().take(MOST).map(IpAddr::to_string).collect();
    if device.addresses.len() > MOST {
        let more = (device.addresses.len() - MOST) as u64;
        lines.push(quantity::counted(more, "more address", "more addresses"));
    }
    let off_link = quantity::counted(device.off_link, "off-link address", "off-link addresses");
    match (device.is_gateway(), device.off_link) {
        (true, 0) => lines.insert(0, "gateway".to_owned()),
        (true, _) => lines.insert(0, format!("gateway to {off_link}")),
        (false, 0) => {}
        (false, _) => lines.push(off_link),
    }
    lines
}

/// Whether the legend's colours say as much as the class's name.
fn is_told_by_colour(class: AddressClass) -> bool {
    use AddressClass::{Broadcast, Multicast, Private, Public};
    matches!(class, Public | Private | Multicast | Broadcast)
}

/// What kind of address a node has, in a word.
pub(crate) fn class(node: NodeId) -> &'static str {
    match node {
        NodeId::Device(mac) if mac.is_broadcast() => "broadcast",
        NodeId::Device(mac) if mac.is_multicast() => "multicast",
        NodeId::Device(mac) if mac.is_local() => "locally administered",
        NodeId::Device(_) => "universal",
        _ => node.ip().map_or("", |ip| AddressClass::of(ip).name()),
    }
}

/// What one node of a layer is called, and several.
pub(crate) fn nouns(layer: GraphLayer) -> (&'static str, &'static str) {
    match layer {
        GraphLayer::Devices => ("device", "devices"),
        GraphLayer::Hosts => ("host", "hosts"),
        GraphLayer::Endpoints => ("endpoint", "endpoints"),
    }
}

/// The network that a group's addresses are in, if it says something.
fn shared_network(view: &View<'_>, group: &Group) -> Option<String> {
    let addresses = group.members.iter().filter_map(|&i| view.graph.nodes()[i].id.ip());
    let (network, bits) = common_network(addresses)?;
    (bits >= 8).then(|| format!("in {network}/{bits}"))
}

/// The first line of a node's caption, by address: in a tooltip there is no doubt who is meant.
pub(crate) fn group_title(view: &View<'_>, group: &Group) -> String {
    match group.kind {
        Kind::Single => group.node.id.to_string(),
        _ => {
            let caption = NodeCaption::of_group(view, group);
            let address = caption.address.unwrap_or(caption.title);
            [Some(address), caption.details.into_iter().next()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", ")
        }
    }
}

/// All that is known of a node to be drawn, a line each; of several that it stands for, the busiest ones.
pub(crate) fn group_tooltip(view: &View<'_>, group: &Group) -> String {
    const MOST: usize = 20;
    if !group.is_folded() {
        return node_tooltip(view, &group.node);
    }
    let mut lines: Vec<String> = NodeCaption::of_group(view, group).lines().collect();
    let mut members: Vec<&Node> = group.members.iter().map(|&i| &view.graph.nodes()[i]).collect();
    members.sort_by_key(|node| (Reverse(node.traffic().bytes), node.id));
    lines.extend(members.iter().take(MOST).map(|node| {
        let caption = NodeCaption::of(view, node);
        let address = caption.address.map(|address| format!(" ({address})")).unwrap_or_default();
        format!("{}{address} {}", caption.title, quantity::bytes(node.traffic().bytes))
    }));
    if members.len() > MOST {
        lines.push(format!("and {} more", quantity::grouped((members.len() - MOST) as u64)));
    }
    lines.extend(group.node.life.map(|(first, last)| quantity::span(first, last)));
    lines.join("\n")
}

/// All that is known of a node, a line each.
pub(crate) fn node_tooltip(view: &View<'_>, node: &Node) -> String {
    let caption = NodeCaption::of(view, node);
    let mut lines: Vec<String> = caption.lines().collect();
    let direction = |word: &str, traffic: &pcapviz_graph::Traffic| {
        format!("{word} {} in {}", quantity::bytes(traffic.bytes), quantity::packets(traffic.packets))
    };
    lines.push(direction("sent", &node.sent));
    lines.push(direction("received", &node.received));
    let is_broadcast = view.annotations.get(node.id).is_some_and(|notes| notes.is_broadcast);
    lines.push(format!("{} address", if is_broadcast { "broadcast" } else { class(node.id) }));
    if let Some(notes) = view.annotations.get(node.id) {
        // A content network's address can have hundreds.
        const MOST_NAMES: usize = 12;
        let names = notes.ranked_names();
        lines.extend(
            names.iter().take(MOST_NAMES).map(|name| format!("name {} ({})", name.name, name.source)),
        );
        if names.len() > MOST_NAMES {
            lines.push(format!("and {} names more", names.len() - MOST_NAMES));
        }
        lines.extend(notes.services.iter().take(MOST_NAMES).map(|service| format!("service {service}")));
        lines.extend(notes.devices.iter().take(MOST_NAMES).map(|mac| format!("device {mac}")));
        if let Some(device) = &notes.device {
            let own = device.addresses.iter().take(MOST_NAMES);
            lines.extend(own.map(|(address, how)| format!("address {address} ({how})")));
            let why: Vec<String> = device.routing.iter().map(|why| why.to_string()).collect();
            if !why.is_empty() {
                lines.push(format!("gateway by {}", why.join(", ")));
            }
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
pub(crate) fn edge_protocols(edge: &Edge, notes: Option<&EdgeNotes>) -> String {
    with_notes(edge.protocols, notes)
}

/// The same without the protocols that all edges share, unless there are no others.
pub(crate) fn own_protocols(edge: &Edge, shared: ProtocolSet, notes: Option<&EdgeNotes>) -> String {
    let own: ProtocolSet = edge.protocols.iter().filter(|&p| !shared.contains(p)).collect();
    with_notes(if own.is_empty() { edge.protocols } else { own }, notes)
}

fn with_notes(protocols: ProtocolSet, notes: Option<&EdgeNotes>) -> String {
    match notes {
        Some(notes) => format!("{protocols} · {notes}"),
        None => protocols.to_string(),
    }
}

/// The protocols of the link and network layers that every edge carries: there is no need to say them again at
/// each.
pub(crate) fn shared_protocols(edges: &[Edge]) -> ProtocolSet {
    let below_transport = |p: &Protocol| *p <= Protocol::Ipv6;
    match edges.split_first() {
        Some((first, rest)) => first
            .protocols
            .iter()
            .filter(below_transport)
            .filter(|&p| rest.iter().all(|edge| edge.protocols.contains(p)))
            .collect(),
        None => ProtocolSet::default(),
    }
}

/// An edge's volume in short, with its topmost protocols: `6.8 kB HTTP`.
pub(crate) fn edge_short(edge: &Edge) -> String {
    format!("{} {}", quantity::bytes(edge.traffic.bytes), topmost(edge.protocols)).trim_end().to_owned()
}

/// All that is known of an edge, a line each.
pub(crate) fn edge_tooltip(edge: &Edge, notes: Option<&EdgeNotes>, source: &str, target: &str) -> String {
    let mut lines = vec![format!("{source} to {target}"), edge_volume(edge), edge_protocols(edge, notes)];
    if edge.traffic.payload_bytes > 0 {
        lines.push(format!("{} of payload", quantity::bytes(edge.traffic.payload_bytes)));
    }
    lines.extend(edge.life.map(|(first, last)| quantity::span(first, last)));
    lines.join("\n")
}

/// The names of the topmost protocols.
fn topmost(protocols: ProtocolSet) -> String {
    const MOST: usize = 3;
    let mut names: Vec<&str> = topmost_protocols(protocols).iter().map(|p| p.name()).collect();
    let more = names.len() > MOST;
    names.truncate(MOST);
    if more {
        names.push("…");
    }
    names.join(", ")
}

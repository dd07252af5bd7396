use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pcapviz_capture::{MacAddr, Timestamp, TunnelId, Vlans};

use crate::{Device, NodeId, join_lives};

/// Where a name was learnt, the most trustworthy source first: the order in which names are preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NameSource {
    /// The embedding program or the user said so.
    Given,
    /// A file in the form of /etc/hosts.
    HostsFile,
    /// The standard that gives the address to a protocol, not to a host.
    WellKnown,
    /// The host's own name in DHCP.
    Dhcp,
    /// A link layer discovery announcement (LLDP), by the device itself.
    Lldp,
    /// A Cisco discovery announcement (CDP), by the device itself.
    Cdp,
    /// A multicast DNS answer.
    Mdns,
    /// A NetBIOS name registration or answer.
    Netbios,
    /// A link-local multicast name resolution (LLMNR) answer.
    Llmnr,
    /// The capture file's own name resolution block.
    CaptureFile,
    /// A DNS answer.
    Dns,
    /// The server name that a TLS or QUIC client asked for.
    Tls,
    /// The host that an HTTP client asked for.
    Http,
    /// The title that a UPnP device's description gives it, rather than a host's name.
    Upnp,
    /// A live reverse DNS look-up whose name leads back to the address.
    ReverseDnsConfirmed,
    /// A live reverse DNS look-up.
    ReverseDns,
}

/// A name, with the evidence for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Name {
    /// Where it was learnt. First, so that names sort by trust.
    pub source: NameSource,
    /// The name as it was seen. Hostile until it is escaped for where it is shown.
    pub name: String,
    /// How often it was seen.
    pub count: u64,
    /// When it was first and last seen.
    pub life: Option<(Timestamp, Timestamp)>,
}

impl Name {
    /// A name seen once.
    pub fn new(source: NameSource, name: impl Into<String>) -> Self {
        Self { source, name: name.into(), count: 1, life: None }
    }

    /// What names are preferred by, the lowest first: their source in the order of [`NameSource`], which is that
    /// of trust; then how often they were seen; then how near they are to a registered domain (`example.com` before
    /// `cdn7.example.com`); then the alphabet.
    pub fn rank(&self) -> impl Ord + use<'_> {
        (self.source, std::cmp::Reverse(self.count), crate::domain::depth(&self.name), &self.name)
    }
}

/// Where an address is and whose it is, by a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The city's name, in the language asked for.
    pub city: Option<String>,
    /// The country's name, in the language asked for.
    pub country: Option<String>,
    /// The country's ISO 3166-1 code.
    pub country_code: Option<String>,
    /// Latitude and longitude, in degrees (WGS 84), in thousandths so that places compare.
    pub coordinates: Option<(i32, i32)>,
    /// The autonomous system's number.
    pub asn: Option<u32>,
    /// The organisation behind it.
    pub organisation: Option<String>,
    /// The database types that said so, such as `GeoLite2-City`.
    pub sources: Vec<String>,
}

/// What is known about one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notes {
    /// Names, the most trustworthy first.
    pub names: Vec<Name>,
    /// Where it is.
    pub place: Option<Place>,
    /// Who made it (layer 2).
    pub vendor: Option<String>,
    /// Which list says so.
    pub vendor_source: Option<String>,
    /// What stands behind it (layer 2).
    pub device: Option<Device>,
    /// The devices that have this address as their own (layer 3).
    pub devices: Vec<MacAddr>,
    /// Whether it is a network's broadcast address, by what the capture shows (layer 3): see
    /// [`FlowTable::broadcast_addresses`](crate::FlowTable::broadcast_addresses).
    pub is_broadcast: bool,
    /// What it offers, by its own word: services with their ports.
    pub services: Vec<String>,
    /// What an embedding program adds: shown under the name, and in the JSON under `notes`.
    pub extra: BTreeMap<String, String>,
}

impl Notes {
    /// Adds names, and keeps them in order, best first.
    /// What the same source said before counts together with them.
    pub fn add_names(&mut self, names: impl IntoIterator<Item = Name>) {
        for new in names {
            match self.names.iter_mut().find(|name| (name.source, &name.name) == (new.source, &new.name)) {
                Some(name) => {
                    name.count += new.count;
                    name.life = join_lives(name.life, new.life);
                }
                None => self.names.push(new),
            }
        }
        self.names.sort_by(|a, b| a.rank().cmp(&b.rank()));
    }

    /// The best name, by [rank](Name::rank).
    pub fn best_name(&self) -> Option<&Name> {
        self.names.iter().min_by_key(|name| name.rank())
    }

    /// The names, best first.
    pub fn ranked_names(&self) -> Vec<&Name> {
        let mut names: Vec<&Name> = self.names.iter().collect();
        names.sort_by_cached_key(|name| name.rank());
        names
    }

    /// How many other names there are besides the best one; case makes no other name, nor does the source.
    pub fn other_names(&self) -> usize {
        let distinct: BTreeSet<String> = self.names.iter().map(|name| name.name.to_lowercase()).collect();
        distinct.len().saturating_sub(1)
    }
}

/// What is known about nodes, each value with its source. Whoever enriches writes it, whoever draws reads
/// it, and neither knows the other.
///
/// ```
/// use pcapviz_graph::{Annotations, Name, NameSource, NodeId};
///
/// let mut annotations = Annotations::default();
/// let host = NodeId::Host("192.0.2.1".parse().unwrap());
/// annotations.entry(host).names.push(Name::new(NameSource::Given, "printer"));
///
/// // An end point is known by what is known of its host.
/// let port = NodeId::Endpoint("192.0.2.1".parse().unwrap(), 631);
/// assert_eq!(annotations.get(port).unwrap().best_name().unwrap().name, "printer");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    notes: BTreeMap<NodeId, Notes>,
    edges: BTreeMap<(NodeId, NodeId), EdgeNotes>,
}

impl Annotations {
    /// What is known of a node; an end point without notes of its own has its host's.
    pub fn get(&self, node: NodeId) -> Option<&Notes> {
        self.notes.get(&node).or_else(|| self.notes.get(&node.host()))
    }

    /// The notes of a node, to write to. An end point's own begin as those of its host, which they stand in place of
    /// from then on.
    ///
    /// ```
    /// use pcapviz_graph::{Annotations, NodeId};
    ///
    /// let address = "192.0.2.7".parse()?;
    /// let mut annotations = Annotations::default();
    /// annotations.entry(NodeId::Host(address)).vendor = Some("ACME".to_owned());
    /// annotations.entry(NodeId::Endpoint(address, 443)).extra.insert("key".to_owned(), "a service".to_owned());
    /// let notes = annotations.get(NodeId::Endpoint(address, 443)).ok_or("none")?;
    /// assert_eq!((notes.vendor.as_deref(), notes.extra.len()), (Some("ACME"), 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn entry(&mut self, node: NodeId) -> &mut Notes {
        if !self.notes.contains_key(&node)
            && let Some(of_host) = self.notes.get(&node.host()).cloned()
        {
            self.notes.insert(node, of_host);
        }
        self.notes.entry(node).or_default()
    }

    /// What is known of the edge from one node to another.
    pub fn edge(&self, source: NodeId, target: NodeId) -> Option<&EdgeNotes> {
        self.edges.get(&(source, target))
    }

    /// The notes of an edge, to write to.
    pub fn edge_entry(&mut self, source: NodeId, target: NodeId) -> &mut EdgeNotes {
        self.edges.entry((source, target)).or_default()
    }

    /// The notes of every node that something is known of, to write to.
    pub fn notes_mut(&mut self) -> impl Iterator<Item = &mut Notes> {
        self.notes.values_mut()
    }

    /// Every node that something is known of, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Notes)> {
        self.notes.iter().map(|(id, notes)| (*id, notes))
    }
}

/// What is known about one edge besides its traffic: the virtual networks that its packets were in.
///
/// ```
/// use pcapviz_graph::{EdgeNotes, TunnelId};
///
/// let mut notes = EdgeNotes::default();
/// notes.tunnels.extend((1..=5).map(TunnelId::Vni));
/// assert_eq!(notes.to_string(), "VNI 1, VNI 2, VNI 3 and 2 more");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EdgeNotes {
    /// 802.1Q tags.
    pub vlans: BTreeSet<Vlans>,
    /// Tunnels.
    pub tunnels: BTreeSet<TunnelId>,
}

/// The first three, with how many there are more.
impl fmt::Display for EdgeNotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 3;
        let names =
            self.vlans.iter().map(Vlans::to_string).chain(self.tunnels.iter().map(TunnelId::to_string));
        let count = self.vlans.len() + self.tunnels.len();
        for (i, name) in names.take(MOST).enumerate() {
            write!(f, "{}{name}", if i > 0 { ", " } else { "" })?;
        }
        if count > MOST { write!(f, " and {} more", count - MOST) } else { Ok(()) }
    }
}

impl fmt::Display for NameSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Given => "given",
            Self::HostsFile => "hosts file",
            Self::WellKnown => "well-known address",
            Self::Dhcp => "DHCP",
            Self::Lldp => "LLDP",
            Self::Cdp => "CDP",
            Self::Mdns => "mDNS",
            Self::Netbios => "NetBIOS",
            Self::Llmnr => "LLMNR",
            Self::CaptureFile => "capture file",
            Self::Dns => "DNS",
            Self::Tls => "TLS",
            Self::Http => "HTTP",
            Self::Upnp => "UPnP",
            Self::ReverseDnsConfirmed => "reverse DNS, confirmed",
            Self::ReverseDns => "reverse DNS",
        })
    }
}

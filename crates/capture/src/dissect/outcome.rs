use std::fmt;

use super::{Dissection, Hosts, link};
use crate::{LinkType, Protocol};

/// One of the three graphs: what its nodes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GraphLayer {
    /// Layer 2: MAC addresses.
    Devices,
    /// Layer 3: IP addresses.
    #[default]
    Hosts,
    /// Layer 4: IP addresses with a TCP, UDP or SCTP port.
    Endpoints,
}

impl GraphLayer {
    /// All three, lowest first.
    pub const ALL: [Self; 3] = [Self::Devices, Self::Hosts, Self::Endpoints];

    /// 2, 3 or 4.
    pub const fn number(self) -> u8 {
        match self {
            Self::Devices => 2,
            Self::Hosts => 3,
            Self::Endpoints => 4,
        }
    }
}

/// Why a walk could not go on into a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// The header was on the wire and the capture's snap length cut it off.
    CutBySnapLength,
    /// The packet ends, by its own lengths, before the header does.
    TooShort,
    /// The header carries another version than its place demands.
    WrongVersion,
    /// A length field says what cannot be.
    BadLength,
    /// What stands here is not the header that its place demands.
    WrongHeader,
    /// More headers one in another than any network makes.
    NestedTooDeep,
}

/// Where and why a walk stopped before the packet's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stop {
    /// The last header that could be read; `None` where not even the first could.
    pub within: Option<Protocol>,
    /// Where the header that could not be read starts, in bytes from the packet's start.
    pub offset: usize,
    /// What was wrong with it.
    pub reason: StopReason,
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// At an application's payload, or behind a protocol that carries nothing further for the graphs.
    Done,
    /// A fragment other than the first: what it carries has no header.
    LaterFragment,
    /// An EtherType that is not known.
    UnknownEtherType(u16),
    /// An IP protocol that is not known, or carries no ports.
    UnknownIpProtocol(u8),
    /// A link type without addresses that a graph could show, or an unknown one.
    NoGraph(LinkType),
    /// A header was malformed or cut short.
    Stopped(Stop),
}

/// Why a packet is not in a layer's graph. Sorted and counted, these say what a graph does not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Absence {
    /// No graph for this link type.
    NoGraph(LinkType),
    /// The link type has no source and destination MAC addresses.
    NoDevices(LinkType),
    /// The packet carries this protocol and nothing of the layer asked for.
    Only(Protocol),
    /// Behind an EtherType that is not known.
    EtherType(u16),
    /// The IP packet carries this protocol, which has no ports.
    IpProtocol(u8),
    /// A fragment other than the first has no ports.
    LaterFragment,
    /// The walk stopped before the header.
    Stopped(StopReason),
    /// Nothing in the packet.
    Empty,
}

/// The protocols with ports (IANA protocol numbers): TCP, UDP, SCTP.
const WITH_PORTS: [u8; 3] = [6, 17, 132];

impl Dissection<'_> {
    /// Bytes that TCP, UDP or SCTP carry in this packet, by the lengths on the wire. Of a later fragment, all.
    #[inline]
    pub fn payload_len(&self) -> u32 {
        self.ports.as_ref().map_or_else(|| self.later_fragment_len(), |ports| ports.payload_len)
    }

    fn later_fragment_len(&self) -> u32 {
        let Some(Hosts { protocol, fragment: Some(fragment), .. }) = self.hosts else { return 0 };
        if fragment.offset > 0 && WITH_PORTS.contains(&protocol) { fragment.len } else { 0 }
    }

    /// Why the packet is not in this layer's graph; `None` where it is.
    pub fn absence(&self, layer: GraphLayer, link_type: LinkType) -> Option<Absence> {
        let there = match layer {
            GraphLayer::Devices => self.devices.is_some(),
            GraphLayer::Hosts => self.hosts.is_some(),
            GraphLayer::Endpoints => self.ports.is_some(),
        };
        if there {
            return None;
        }
        let link = link::entry(link_type);
        Some(match (self.end, self.hosts) {
            (End::NoGraph(link_type), _) => Absence::NoGraph(link_type),
            _ if layer == GraphLayer::Devices && link.is_some_and(|row| !row.devices) => {
                Absence::NoDevices(link_type)
            }
            (_, Some(hosts)) if layer == GraphLayer::Endpoints => self.no_ports(hosts),
            (End::Stopped(stop), _) => Absence::Stopped(stop.reason),
            (End::UnknownEtherType(number), _) => Absence::EtherType(number),
            (End::LaterFragment, _) => Absence::LaterFragment,
            _ => self.innermost.map_or(Absence::Empty, Absence::Only),
        })
    }

    /// Why the IP header that counts has no ports. What the walk met deeper in a tunnel is not the reason.
    fn no_ports(&self, hosts: Hosts) -> Absence {
        const CARRIES_PORTS_OR_IS_UNKNOWN: [u8; 10] = [0, 6, 17, 43, 44, 51, 60, 132, 135, 139];
        match self.end {
            _ if hosts.fragment.is_some_and(|fragment| fragment.offset > 0) => Absence::LaterFragment,
            End::Stopped(stop) if CARRIES_PORTS_OR_IS_UNKNOWN.contains(&hosts.protocol) => {
                Absence::Stopped(stop.reason)
            }
            _ => Absence::IpProtocol(hosts.protocol),
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::CutBySnapLength => "header cut off by the snap length",
            Self::TooShort => "packet too short for its header",
            Self::WrongVersion => "wrong IP version",
            Self::BadLength => "impossible length field",
            Self::WrongHeader => "not the header announced",
            Self::NestedTooDeep => "nested too deep",
        })
    }
}

/// The names of the IP protocols that people meet (IANA protocol numbers).
fn ip_protocol_name(number: u8) -> Option<&'static str> {
    Some(match number {
        0 => "a hop-by-hop header",
        1 => "ICMP",
        2 => "IGMP",
        4 => "IPv4 in IP",
        41 => "IPv6 in IP",
        46 => "RSVP",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "ICMPv6",
        59 => "an empty IPv6 packet",
        88 => "EIGRP",
        89 => "OSPF",
        103 => "PIM",
        112 => "VRRP",
        115 => "L2TP",
        _ => return None,
    })
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoGraph(link_type) => write!(f, "no graph for this link type ({link_type})"),
            Self::NoDevices(link_type) => write!(f, "no MAC address pair ({link_type})"),
            Self::Only(protocol) => write!(f, "{protocol}"),
            Self::EtherType(number) if *number < 1536 => write!(f, "802.3 length {number}"),
            Self::EtherType(number) => write!(f, "EtherType 0x{number:04x}"),
            Self::IpProtocol(number) => match ip_protocol_name(*number) {
                Some(name) => write!(f, "{name} has no ports"),
                None => write!(f, "IP protocol {number} has no ports"),
            },
            Self::LaterFragment => f.write_str("later fragment"),
            Self::Stopped(reason) => reason.fmt(f),
            Self::Empty => f.write_str("empty packet"),
        }
    }
}

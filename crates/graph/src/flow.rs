use std::net::IpAddr;

use pcapviz_capture::{
    Dissection, GraphLayer, MacAddr, Packet, Pair, ProtocolSet, Timestamp, Transport, TunnelId, Vlans,
};

use crate::{Activity, NodeId};

/// The finest identity that a packet has; each part is there only if the packet has it.
///
/// Directed: a reply is a flow of its own, so that both directions can be counted by one sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct FlowKey {
    /// Source and destination MAC address.
    pub devices: Option<Pair<MacAddr>>,
    /// 802.1Q tags.
    pub vlans: Vlans,
    /// Source and destination IP address.
    pub hosts: Option<Pair<IpAddr>>,
    /// What the IP header carries (IANA protocol numbers).
    pub protocol: Option<u8>,
    /// Source and destination port, with the transport that they belong to.
    pub ports: Option<(Transport, Pair<u16>)>,
    /// The innermost tunnel.
    pub tunnel: Option<TunnelId>,
}

impl FlowKey {
    /// The identity of a dissected packet.
    #[inline]
    pub fn of(packet: &Dissection<'_>) -> Self {
        Self {
            devices: packet.devices,
            vlans: packet.vlans,
            hosts: packet.hosts.map(|h| h.addresses),
            protocol: packet.hosts.map(|h| h.protocol),
            ports: packet.ports.map(|p| (p.transport, p.ports)),
            tunnel: packet.tunnel,
        }
    }

    /// Who talks to whom at a layer, where the flow has that layer.
    pub fn ends(&self, layer: GraphLayer) -> Option<(NodeId, NodeId)> {
        match layer {
            GraphLayer::Devices => {
                self.devices.map(|d| (NodeId::Device(d.source), NodeId::Device(d.destination)))
            }
            GraphLayer::Hosts => self.hosts.map(|h| (NodeId::Host(h.source), NodeId::Host(h.destination))),
            GraphLayer::Endpoints => {
                let (hosts, (_, ports)) = (self.hosts?, self.ports?);
                Some((
                    NodeId::Endpoint(hosts.source, ports.source),
                    NodeId::Endpoint(hosts.destination, ports.destination),
                ))
            }
        }
    }

    /// Whether the packets were in a virtual network: behind an 802.1Q tag or in a tunnel.
    pub fn is_virtual(&self) -> bool {
        self.vlans != Vlans::default() || self.tunnel.is_some()
    }
}

/// Where in the input a packet stands: by capture, in the order given, then by place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The capture, from 0.
    pub capture: u32,
    /// Where the packet's record starts in it, in bytes.
    pub offset: u64,
}

/// What adds up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Bytes on the wire: the packets' original lengths.
    pub bytes: u64,
    /// Bytes that TCP, UDP and SCTP carried, by the headers' lengths; retransmissions and later fragments included.
    pub payload_bytes: u64,
}

impl std::ops::AddAssign for Traffic {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        // Hostile length fields could overflow a sum over enough packets: saturate rather than wrap.
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.payload_bytes = self.payload_bytes.saturating_add(other.payload_bytes);
    }
}

/// What is known of a flow, or of several added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlowStats {
    /// Packets and bytes.
    pub traffic: Traffic,
    /// The first and last time, where any packet had one.
    pub life: Option<(Timestamp, Timestamp)>,
    /// The first packet.
    pub position: Position,
    /// Every protocol seen.
    pub protocols: ProtocolSet,
    /// Every TCP flag seen, FIN in the lowest bit.
    pub tcp_flags: u8,
    /// When within its life it was active.
    pub activity: Activity,
}

impl FlowStats {
    /// One packet.
    #[inline]
    pub fn of(capture: u32, packet: &Packet<'_>, found: &Dissection<'_>) -> Self {
        Self {
            traffic: Traffic {
                packets: 1,
                bytes: packet.wire_len.into(),
                payload_bytes: found.payload_len().into(),
            },
            life: packet.timestamp.map(|t| (t, t)),
            position: Position { capture, offset: packet.offset },
            protocols: found.protocols,
            tcp_flags: found.ports.map_or(0, |p| p.tcp_flags),
            activity: if packet.timestamp.is_some() { Activity::once() } else { Activity::default() },
        }
    }

    /// Adds another's. Commutative and associative.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        self.traffic += other.traffic;
        (self.life, self.activity) = match (self.life, other.life) {
            (Some(mine), Some(theirs)) => (
                Some((mine.0.min(theirs.0), mine.1.max(theirs.1))),
                self.activity.merge(mine, other.activity, theirs),
            ),
            (Some(_), None) => (self.life, self.activity),
            (None, _) => (other.life, other.activity),
        };
        self.position = self.position.min(other.position);
        self.protocols = self.protocols.union(other.protocols);
        self.tcp_flags |= other.tcp_flags;
    }
}

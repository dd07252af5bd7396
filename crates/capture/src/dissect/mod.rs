//! The walk over a packet's headers, outside-in.
//!
//! One capped loop asks one function per protocol for a [`Step`]: the layer walk, what stands next,
//! and the bytes left. It never fails: a header that is malformed or cut short ends the walk with a
//! [`Stop`], and everything before it stands.
//!
//! To add a protocol: a variant of [`Next`], a function in the file of its kind, a row in the table
//! that leads to it (link type, EtherType, IP protocol or UDP port), a row of [`Protocol`].

mod bytes;
mod ether;
mod ip;
pub(crate) mod link;
mod outcome;
mod port;
mod transport;
mod walk;

use std::net::IpAddr;

use self::walk::Walk;
use crate::{MacAddr, Packet, Protocol, ProtocolSet};
pub(crate) use bytes::Bytes;
pub use outcome::{Absence, End, GraphLayer, Stop, StopReason};

/// Headers a walk looks at before it gives up: real stacks have under twenty, so a packet that nests
/// deeper is an attack or a loop.
const MAX_LAYERS: usize = 64;

/// Source and destination of one kind of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair<T> {
    /// Who sent it.
    pub source: T,
    /// To whom it was sent.
    pub destination: T,
}

/// Which headers of a tunnelled packet say who talks to whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tunnels {
    /// The outermost ones: the tunnel's own end points.
    #[default]
    Outer,
    /// The innermost ones: who talks through the tunnel.
    Inner,
}

/// How to dissect; [`Default`] is what the command line does without options.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DissectOptions {
    /// Which headers count where there are several.
    pub tunnels: Tunnels,
}

/// The IP header that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hosts {
    /// Source and destination address, both of the same version.
    pub addresses: Pair<IpAddr>,
    /// The protocol that it carries, behind IPv6 extension headers and AH (IANA protocol numbers).
    pub protocol: u8,
    /// Which datagram this is a fragment of, if it is one.
    pub fragment: Option<Fragment>,
}

/// A fragment's place in its datagram (RFC 791, RFC 8200).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The datagram's identification; together with addresses and protocol it names the datagram.
    pub id: u32,
    /// Where this fragment's data starts in the datagram, in bytes.
    pub offset: u32,
    /// Whether more fragments follow.
    pub more: bool,
}

/// A transport protocol whose end points are nodes of the layer-4 graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP (RFC 9293).
    Tcp,
    /// UDP (RFC 768).
    Udp,
    /// SCTP (RFC 9260).
    Sctp,
}

/// The transport header carried by the IP header that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ports {
    /// Source and destination port.
    pub ports: Pair<u16>,
    /// Which protocol they belong to.
    pub transport: Transport,
    /// TCP's flags, FIN in the lowest bit; 0 where cut off or not TCP.
    pub tcp_flags: u8,
    /// TCP's sequence number; 0 where cut off or not TCP.
    pub tcp_sequence: u32,
    /// Bytes that the transport carries, by the lengths on the wire.
    pub payload_len: u32,
}

/// What an application sent: the payload of the innermost transport header.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Application<'a> {
    /// The addresses that the transport runs between.
    pub addresses: Pair<IpAddr>,
    /// The transport header.
    pub ports: Ports,
    /// As much of the payload as was captured.
    pub payload: &'a [u8],
}

/// What a tunnel's header says about which tunnel it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TunnelId {
    /// VXLAN, Geneve or NVGRE network identifier.
    Vni(u32),
    /// GTP-U tunnel endpoint identifier.
    Teid(u32),
    /// GRE key (RFC 2890).
    GreKey(u32),
    /// MPLS label at the stack's bottom.
    Mpls(u32),
    /// L2TP or ERSPAN session.
    Session(u32),
}

/// Up to two 802.1Q tags, outermost first; deeper ones are walked and not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vlans {
    /// The outer tag's VLAN identifier.
    pub outer: Option<u16>,
    /// The inner tag's VLAN identifier.
    pub inner: Option<u16>,
}

/// Who talked to whom in one packet, at each layer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Dissection<'a> {
    /// Layer 2: the MAC addresses.
    pub devices: Option<Pair<MacAddr>>,
    /// The 802.1Q tags outside the IP header that counts.
    pub vlans: Vlans,
    /// Layer 3: the IP header.
    pub hosts: Option<Hosts>,
    /// Layer 4: the ports that this IP header carries.
    pub ports: Option<Ports>,
    /// The innermost tunnel that the packet is in.
    pub tunnel: Option<TunnelId>,
    /// Every protocol seen on the way.
    pub protocols: ProtocolSet,
    /// What the application sent, whatever the choice of [`Tunnels`].
    pub application: Option<Application<'a>>,
    /// How the walk ended.
    pub end: End,
}

/// One header as its function walk it.
pub(crate) struct Step<'a> {
    layer: Layer,
    next: Next,
    rest: Bytes<'a>,
}

/// What a step learnt. Only what the dissection needs of it: a header that names no one is `Named`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Layer {
    /// Nothing that has a name: the walk ends or goes on unchanged.
    None,
    Named(Protocol),
    /// Several headers that are one step, such as LLC with SNAP.
    NamedTwo(Protocol, Protocol),
    Devices(Protocol, Pair<MacAddr>),
    Vlan(u16),
    Hosts(Protocol, Hosts),
    /// An extension header: what the IP header before it carries in truth.
    Carries(Option<Protocol>, u8, Option<Fragment>),
    Ports(Protocol, Ports),
    Tunnel(Protocol, TunnelId),
}

/// What stands at the front of the bytes left.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    Ethernet,
    EtherType(u16),
    /// 802.2 LLC, behind an 802.3 length.
    Llc,
    /// IP of the version that its first nibble says.
    Ip,
    Ipv6,
    IpProtocol(u8),
    /// An IPv4 header whose options were not captured: its addresses count, what it carries is unknown.
    IpOptionsMissing,
    /// The payload of these ports: a tunnel or an application.
    Payload(Ports),
    End(End),
}

/// What a protocol's function returns: the step, or why there is none.
pub(crate) type Outcome<'a> = Result<Step<'a>, StopReason>;

/// Walks a packet's headers and says who talked to whom.
///
/// Never fails and never allocates; the cost is bounded by a cap on the number of headers. Packets with
/// a link type that is not known or carries no addresses come back empty, with [`Dissection::end`]
/// saying why.
#[inline]
pub fn dissect<'a>(packet: &Packet<'a>, options: &DissectOptions) -> Dissection<'a> {
    let mut walk = Walk::new(options.tunnels);
    let mut bytes = Bytes::of(packet);
    let mut next = match link::entry(packet.link_type) {
        Some(row) => match (row.enter)(bytes) {
            Ok(step) => {
                bytes = step.rest;
                walk.take(&step.layer);
                step.next
            }
            Err(reason) => Next::End(End::Stopped(Stop { within: None, offset: 0, reason })),
        },
        None => Next::End(End::NoGraph(packet.link_type)),
    };
    for _ in 0..MAX_LAYERS {
        let outcome = match next {
            Next::Ethernet => ether::ethernet(bytes),
            Next::EtherType(number) => ether::ether_type(number, bytes),
            Next::Llc => ether::llc(bytes),
            Next::Ip => ip::any_version(bytes),
            Next::Ipv6 => ip::ipv6(bytes),
            Next::IpProtocol(number) => ip::carried(number, bytes, &walk.current),
            Next::IpOptionsMissing => Err(StopReason::CutBySnapLength),
            Next::Payload(ports) => port::payload(ports, bytes),
            Next::End(end) => return walk.finish(end, bytes),
        };
        match outcome {
            Ok(step) => {
                walk.take(&step.layer);
                next = step.next;
                bytes = step.rest;
            }
            Err(reason) => {
                let stop = Stop { within: walk.last_protocol, offset: bytes.offset(), reason };
                return walk.finish(End::Stopped(stop), bytes);
            }
        }
    }
    let stop = Stop { within: walk.last_protocol, offset: bytes.offset(), reason: StopReason::NestedTooDeep };
    walk.finish(End::Stopped(stop), bytes)
}

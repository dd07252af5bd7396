//! The walk over a packet's headers, outside-in.
//!
//! One capped loop asks one function per protocol for a [`Step`]: what its header says, what stands next,
//! and the bytes left. It never fails: a header that is malformed or cut short ends the walk with a
//! [`Stop`], and everything before it stands.
//!
//! To add a protocol: a function in the file of its kind, a row in the table that leads to it (link type,
//! EtherType, IP protocol or UDP port), a row of [`Protocol`]. The few headers that nearly every packet
//! has are variants of [`Next`], so that the loop holds them inline, and their functions tell the visitor
//! themselves, so that what they say is not carried about in a [`Step`]; all others are [`Next::Other`].

mod bytes;
mod dissector;
mod ether;
mod ip;
mod layers;
pub(crate) mod link;
mod outcome;
mod port;
mod transport;
mod tunnel;
mod walk;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use self::walk::Walker;
use crate::{LinkType, MacAddr, Packet, Protocol, ProtocolSet};
pub(crate) use bytes::Bytes;
pub use dissector::{Dissector, HeadersId, Quiet, Usual};
pub use layers::{Fields, Layer, Layers, layers};
pub use outcome::{Absence, End, GraphLayer, Stop, StopReason};

/// Rounds of a walk, of one header or a few each, before it gives up: real stacks have under twenty headers, so a
/// packet that nests deeper is an attack or a loop.
const MAX_ROUNDS: usize = 64;

/// Source and destination of one kind of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair<T> {
    /// Who sent it.
    pub source: T,
    /// To whom it was sent.
    pub destination: T,
}

impl<T> Pair<T> {
    /// What the other way would be.
    ///
    /// ```
    /// use pcapviz_capture::Pair;
    ///
    /// let there = Pair { source: 1, destination: 2 };
    /// assert_eq!(there.reversed(), Pair { source: 2, destination: 1 });
    /// ```
    #[inline]
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { source: self.destination, destination: self.source }
    }
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
    /// Look into ESP packets for payload that is not encrypted (RFC 2410). A guess by the packet's
    /// trailer, so only if told.
    pub esp_null: bool,
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
    /// Whether IPv6 extension headers or AH stand behind it, or another IP header in front of it.
    pub is_wrapped: bool,
}

/// A fragment's place in its datagram (RFC 791, RFC 8200).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The datagram's identification; together with addresses and protocol it names the datagram.
    pub id: u32,
    /// Where this fragment's data starts in the datagram, in bytes.
    pub offset: u32,
    /// How many bytes of data it carries, by the lengths on the wire.
    pub len: u32,
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
    /// GRE key (RFC 2890), PPTP call identifier or EoIP tunnel.
    GreKey(u32),
    /// MPLS label at the stack's bottom.
    Mpls(u32),
    /// L2TP, ERSPAN or PPPoE session.
    Session(u32),
    /// IPsec security parameters index (ESP).
    Spi(u32),
    /// 802.1ah backbone service instance.
    Isid(u32),
    /// NSH service path (RFC 8300).
    ServicePath(u32),
}

impl TunnelId {
    /// The kind as a number from 1, and the identifier: what [`from_parts`](Self::from_parts) takes.
    pub fn to_parts(self) -> (u8, u32) {
        match self {
            Self::Vni(id) => (1, id),
            Self::Teid(id) => (2, id),
            Self::GreKey(id) => (3, id),
            Self::Mpls(id) => (4, id),
            Self::Session(id) => (5, id),
            Self::Spi(id) => (6, id),
            Self::Isid(id) => (7, id),
            Self::ServicePath(id) => (8, id),
        }
    }

    /// The tunnel with these parts; `None` where no kind has that number.
    ///
    /// ```
    /// use pcapviz_capture::TunnelId;
    ///
    /// let (kind, id) = TunnelId::Vni(42).to_parts();
    /// assert_eq!(TunnelId::from_parts(kind, id), Some(TunnelId::Vni(42)));
    /// assert_eq!(TunnelId::from_parts(0, 42), None);
    /// ```
    pub fn from_parts(kind: u8, id: u32) -> Option<Self> {
        let make = match kind {
            1 => Self::Vni,
            2 => Self::Teid,
            3 => Self::GreKey,
            4 => Self::Mpls,
            5 => Self::Session,
            6 => Self::Spi,
            7 => Self::Isid,
            8 => Self::ServicePath,
            _ => return None,
        };
        Some(make(id))
    }
}

/// As people write it: `VNI 42`, `TEID 0x1f`.
impl fmt::Display for TunnelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vni(id) => write!(f, "VNI {id}"),
            Self::Teid(id) => write!(f, "TEID 0x{id:x}"),
            Self::GreKey(id) => write!(f, "GRE key {id}"),
            Self::Mpls(id) => write!(f, "MPLS label {id}"),
            Self::Session(id) => write!(f, "session {id}"),
            Self::Spi(id) => write!(f, "SPI 0x{id:08x}"),
            Self::Isid(id) => write!(f, "I-SID {id}"),
            Self::ServicePath(id) => write!(f, "service path {id}"),
        }
    }
}

/// An ARP or RARP message between Ethernet addresses about IPv4 ones (RFC 826).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arp {
    /// 1 asks, 2 answers (IANA ARP operation codes).
    pub operation: u16,
    /// Whose message this is.
    pub sender: (MacAddr, Ipv4Addr),
    /// Whom it asks about; the MAC address is all zeros in a request.
    pub target: (MacAddr, Ipv4Addr),
}

/// The start of an ICMP or ICMPv6 message (RFC 792, RFC 4443).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Icmp {
    /// What kind of message.
    pub kind: u8,
    /// Which case of it.
    pub code: u8,
    /// The identifier of an echo request or reply.
    pub id: Option<u16>,
    /// The sequence number of an echo request or reply.
    pub sequence: Option<u16>,
    /// The message's length on the wire, its header included, in bytes.
    pub len: u32,
}

/// Up to two 802.1Q tags, outermost first; deeper ones are walked and not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vlans {
    /// The outer tag's VLAN identifier.
    pub outer: Option<u16>,
    /// The inner tag's VLAN identifier.
    pub inner: Option<u16>,
}

/// `VLAN 7`, or `VLAN 7.12` with two tags; nothing without one.
impl fmt::Display for Vlans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.outer, self.inner) {
            (Some(outer), Some(inner)) => write!(f, "VLAN {outer}.{inner}"),
            (Some(id), None) | (None, Some(id)) => write!(f, "VLAN {id}"),
            (None, None) => Ok(()),
        }
    }
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
    /// The ICMP or ICMPv6 message that this IP header carries.
    pub icmp: Option<Icmp>,
    /// What an ARP or RARP packet says.
    pub arp: Option<Arp>,
    /// The innermost tunnel that the packet is in.
    pub tunnel: Option<TunnelId>,
    /// Every protocol seen on the way.
    pub protocols: ProtocolSet,
    /// The last of them: the innermost one.
    pub innermost: Option<Protocol>,
    /// What the application sent, whatever the choice of [`Tunnels`].
    pub application: Option<Application<'a>>,
    /// How the walk ended.
    pub end: End,
    /// Which headers these are to the [`Dissector`] that found them; `None` for rare ones, and without a dissector. Whoever
    /// changes addresses, ports or tags of what was found sets this to `None`: they are known by it from then on.
    pub headers: Option<HeadersId>,
}

/// One header, as its function read it.
pub(crate) struct Step<'a> {
    /// Its name; `None` for capture pseudo-headers and for the parts of a header.
    protocol: Option<Protocol>,
    fields: Fields,
    next: Next,
    rest: Bytes<'a>,
}

impl<'a> Step<'a> {
    #[inline(always)]
    fn new(protocol: Protocol, fields: Fields, next: Next, rest: Bytes<'a>) -> Self {
        Self { protocol: Some(protocol), fields, next, rest }
    }

    /// A header of which only the name is kept.
    fn named(protocol: Protocol, next: Next, rest: Bytes<'a>) -> Self {
        Self::new(protocol, Fields::None, next, rest)
    }

    /// A header without a name, such as what a capturing program put before the packet.
    fn unnamed(next: Next, rest: Bytes<'a>) -> Self {
        Self { protocol: None, fields: Fields::None, next, rest }
    }

    /// A protocol that carries nothing further for the graphs.
    fn last(protocol: Protocol, rest: Bytes<'a>) -> Self {
        Self::named(protocol, Next::End(End::Done), rest)
    }
}

/// What a protocol's function returns: the step, or why there is none.
pub(crate) type Outcome<'a> = Result<Step<'a>, StopReason>;

/// A protocol's function.
pub(crate) type Read = for<'a> fn(Bytes<'a>) -> Outcome<'a>;

/// What stands at the front of the bytes left.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    Ethernet,
    EtherType(u16),
    /// IP of the version that its first nibble says.
    Ip,
    Ipv6,
    IpProtocol(u8),
    Esp,
    /// Everything that is not in nearly every packet.
    Other(Read),
    End(End),
    /// A header that cannot be read.
    Stop(StopReason),
}

/// Who is told of each header of a packet, outside-in.
pub(crate) trait Visit {
    fn header(&mut self, offset: usize, protocol: Option<Protocol>, fields: Fields);
}

/// Where a walk goes on: behind the headers that the visitor was told of.
pub(crate) type Advance<'a> = (Next, Bytes<'a>);

/// Tells of a header, where there is one.
#[inline(always)]
fn tell<'a>(visitor: &mut impl Visit, bytes: Bytes<'a>, outcome: Outcome<'a>) -> Advance<'a> {
    match outcome {
        Ok(step) => {
            visitor.header(bytes.offset(), step.protocol, step.fields);
            (step.next, step.rest)
        }
        Err(reason) => (Next::Stop(reason), bytes),
    }
}

/// Walks a packet's headers, and says how the walk ended and with which bytes left.
#[inline(always)]
fn walk<'a>(
    packet: &Packet<'a>,
    options: &DissectOptions,
    visitor: &mut impl Visit,
) -> (Result<End, StopReason>, Bytes<'a>) {
    let mut next = match packet.link_type {
        LinkType::ETHERNET => Next::Ethernet,
        link_type => link::enter(link_type),
    };
    let mut bytes = Bytes::of(packet);
    for _ in 0..MAX_ROUNDS {
        // In the order in which nearly every packet has them, so that one round does: a branch for each is foreseen,
        // which one jump for all is not.
        if let Next::Ethernet = next {
            (next, bytes) = ether::ethernet(bytes, visitor);
        }
        if let Next::EtherType(number) = next {
            (next, bytes) = ether::ether_type(number, bytes, visitor);
        }
        if let Next::Ip = next {
            (next, bytes) = ip::any_version(bytes, visitor);
        }
        if let Next::IpProtocol(number) = next {
            (next, bytes) = ip::carried(number, bytes, visitor);
        }
        match next {
            Next::End(end) => return (Ok(end), bytes),
            Next::Stop(reason) => return (Err(reason), bytes),
            Next::Ipv6 => (next, bytes) = ip::ipv6(bytes, visitor),
            Next::Esp if options.esp_null => (next, bytes) = tell(visitor, bytes, ip::esp_null(bytes)),
            Next::Esp => (next, bytes) = tell(visitor, bytes, ip::esp(bytes)),
            Next::Other(read) => (next, bytes) = tell(visitor, bytes, read(bytes)),
            Next::Ethernet | Next::EtherType(_) | Next::Ip | Next::IpProtocol(_) => {}
        }
    }
    (Err(StopReason::NestedTooDeep), bytes)
}

/// Walks a packet's headers and says who talked to whom.
///
/// Never fails and never allocates; the cost is bounded by a cap on the number of headers. Packets with
/// a link type that is not known or carries no addresses come back empty, with [`Dissection::end`]
/// saying why.
#[inline]
pub fn dissect<'a>(packet: &Packet<'a>, options: &DissectOptions) -> Dissection<'a> {
    let mut found = Dissection::nothing();
    let mut walker = Walker::new(options.tunnels, &mut found);
    let (end, rest) = walk(packet, options, &mut walker);
    walker.finish(end, rest);
    found
}

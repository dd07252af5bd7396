//! What the parser makes of the text: tests that do not know a link type yet, in postfix order.

use std::net::Ipv6Addr;
use std::ops::Range;

use crate::MacAddr;

/// Where in the text something stands, in bytes.
pub(super) type Span = Range<usize>;

/// One step of an expression in postfix order: operands stand before their operator. Flat, so that a
/// long expression is neither walked nor dropped by recursion.
#[derive(Debug)]
pub(super) enum Step {
    Test(Primitive, Span),
    And,
    Or,
    Not,
}

/// A protocol keyword of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Link,
    Ip,
    Ip6,
    Arp,
    Rarp,
    Sctp,
    Tcp,
    Udp,
    Icmp,
    Icmp6,
    Igmp,
    Igrp,
    Pim,
    Vrrp,
    Carp,
    Ah,
    Esp,
    Atalk,
    Aarp,
    Decnet,
    Lat,
    Sca,
    Moprc,
    Mopdl,
    Iso,
    Esis,
    Isis,
    Clnp,
    L1,
    L2,
    Iih,
    Lsp,
    Snp,
    Csnp,
    Psnp,
    Stp,
    Ipx,
    Netbeui,
    Radio,
}

/// Which address of a packet is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Direction {
    #[default]
    Either,
    Source,
    Destination,
    Both,
    /// 802.11: the address field of this number, 1 to 4.
    Field(u8),
    /// 802.11: the receiver's address.
    Receiver,
    /// 802.11: the transmitter's address.
    Transmitter,
}

/// Which headers hold the IPv4 address of a `host` or `net`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressIn {
    Any,
    Ip,
    Arp,
    Rarp,
}

/// Which IP versions a protocol number is looked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IpVersions {
    Both,
    V4,
    V6,
}

/// Whose broadcasts or multicasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupIn {
    Link,
    Ip,
    Ip6,
}

/// One test of the language.
#[derive(Clone, Debug)]
pub(super) enum Primitive {
    Protocol(Name),
    LinkProtocol(u32),
    IpProtocol {
        versions: IpVersions,
        number: u32,
    },
    ProtocolChain {
        versions: IpVersions,
        number: u32,
    },
    IsoProtocol(u32),
    IsisProtocol(u32),
    Address4 {
        within: AddressIn,
        direction: Direction,
        address: u32,
        mask: u32,
    },
    Address6 {
        direction: Direction,
        address: Ipv6Addr,
        prefix_len: u8,
    },
    DecnetAddress {
        direction: Direction,
        address: u16,
    },
    Mac {
        direction: Direction,
        address: MacAddr,
    },
    Arcnet {
        direction: Direction,
        address: u8,
    },
    Ports {
        transport: Option<u8>,
        direction: Direction,
        low: u16,
        high: u16,
    },
    Broadcast(GroupIn),
    Multicast(GroupIn),
    Relation(Relation),
    Inbound,
    Outbound,
    InterfaceIndex(u32),
    Vlan(Option<u32>),
    Mpls(Option<u32>),
    PppoeDiscovery,
    PppoeSession(Option<u32>),
    Geneve(Option<u32>),
    Vxlan(Option<u32>),
    /// 802.11: the first frame control byte, masked.
    WlanType {
        value: u32,
        mask: u32,
    },
    WlanDirection(u32),
    /// 802.2 LLC, with what its control byte is, masked.
    Llc(Option<(u32, u32)>),
}

/// Two numbers compared.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) left: Arithmetic,
    pub(super) comparison: Comparison,
    pub(super) right: Arithmetic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// A number made of constants, the packet's length and its bytes; 32 bits, unsigned, wrapping.
#[derive(Clone, Debug)]
pub(super) enum Arithmetic {
    Constant(u32),
    /// The packet's length on the wire.
    Length,
    /// `proto[index:size]`
    Load {
        from: Name,
        index: Box<Arithmetic>,
        size: u8,
        span: Span,
    },
    Binary(Operator, Box<(Arithmetic, Arithmetic)>),
    Negate(Box<Arithmetic>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
}

impl Operator {
    /// The result, or `None` for a division by zero.
    pub(super) fn apply(self, a: u32, b: u32) -> Option<u32> {
        Some(match self {
            Self::Add => a.wrapping_add(b),
            Self::Subtract => a.wrapping_sub(b),
            Self::Multiply => a.wrapping_mul(b),
            Self::Divide => return a.checked_div(b),
            Self::Modulo => return a.checked_rem(b),
            Self::And => a & b,
            Self::Or => a | b,
            Self::Xor => a ^ b,
            Self::ShiftLeft => a.checked_shl(b).unwrap_or(0),
            Self::ShiftRight => a.checked_shr(b).unwrap_or(0),
        })
    }
}

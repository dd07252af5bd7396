//! What applications say: which protocol they speak, and which addresses they name.
//!
//! [`identify`] tells a protocol by its content. [`sightings`] reads the names that the packet gives to
//! addresses. Both look at one packet alone and turn most packets away by their first bytes or their
//! ports, so that they can run on every packet.
//!
//! To add a protocol: a file here with a function that takes the payload and reports what it sees, and a
//! row that leads to it: in `by_port`, or in [`sightings`] or [`identify`] and then in `says` as well, or its packets are passed over
//! as quiet ones.

mod dhcp;
mod dns;
pub(crate) mod hello;
mod http;
mod neighbour;
mod netbios;
mod quic;
mod shared_router;
mod spanning_tree;
mod text;
mod tls;
mod upnp;

use std::fmt;
use std::net::IpAddr;

use self::hello::QuicConnection;
use crate::{Application, MacAddr, Pair, Protocol, Transport};

/// Whom a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Named {
    /// A device, by its MAC address.
    Device(MacAddr),
    /// A host, by its IP address.
    Host(IpAddr),
}

/// What is said of an address besides its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DetailKind {
    /// The port of a switch or the like that is on this link.
    Port,
    /// A host that clients ask this proxy for.
    ProxyFor,
    /// A service that it offers, with its port.
    Service,
    /// The product that it says it is: often only the software, so never a name.
    Product,
}

impl DetailKind {
    /// Every kind, in order.
    pub const ALL: [Self; 4] = [Self::Port, Self::ProxyFor, Self::Service, Self::Product];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Port => "port",
            Self::ProxyFor => "proxy for",
            Self::Service => "service",
            Self::Product => "product",
        }
    }
}

impl fmt::Display for DetailKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One thing that a packet says about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Sighting<'a> {
    /// An address was given a name.
    Name {
        /// Whose name it is.
        of: Named,
        /// The name as it was sent, at most 255 characters, bytes that are no UTF-8 replaced. Names of
        /// protocols in which case does not matter (DNS, TLS, HTTP) are in lower case. Hostile until it
        /// is escaped for where it is shown.
        name: &'a str,
        /// The protocol that said so.
        protocol: Protocol,
    },
    /// A DHCP server gave a device an address: what is known of one holds for the other.
    Lease {
        /// The device.
        device: MacAddr,
        /// The address it was given.
        host: IpAddr,
    },
    /// Something else than a name; as hostile as names are.
    Detail {
        /// Whom it is about.
        of: Named,
        /// What kind of thing.
        kind: DetailKind,
        /// What is said, at most 255 characters.
        text: &'a str,
    },
    /// A piece of the ClientHello of a QUIC connection, which spans datagrams: for [`QuicHellos`](crate::QuicHellos).
    HelloPiece {
        /// The connection.
        connection: &'a QuicConnection,
        /// Where in the handshake it stands, in bytes.
        offset: u32,
        /// What stands there.
        bytes: &'a [u8],
    },
    /// A bridge sent a BPDU.
    Bridge {
        /// The port that sent it.
        device: MacAddr,
        /// What it says of a tree; a topology change says nothing but that it is a bridge.
        tree: Option<SpanningTree>,
    },
    /// A device says what it does.
    Capability {
        /// The device.
        device: MacAddr,
        /// What it does.
        capability: Capability,
        /// LLDP or CDP.
        protocol: Protocol,
    },
    /// Routers say which address they share: HSRP (RFC 2281) and VRRP (RFC 9568).
    VirtualRouter {
        /// The address, behind which the active one of them stands.
        host: IpAddr,
    },
    /// A DHCP server says which address the router of its network has.
    Router {
        /// The router.
        host: IpAddr,
    },
}

impl<'a> Sighting<'a> {
    /// A name, as [`sightings`] reports it.
    pub fn name(of: Named, name: &'a str, protocol: Protocol) -> Self {
        Self::Name { of, name, protocol }
    }

    /// A lease, as [`sightings`] reports it.
    pub fn lease(device: MacAddr, host: IpAddr) -> Self {
        Self::Lease { device, host }
    }
}

/// The protocol that a payload shows by its content; `None` where the content does not tell for certain
/// and only the ports can.
///
/// A few nanoseconds; the answer is better than a port's, since any service can run on any port.
///
/// ```
/// use pcapviz_capture::{DissectOptions, LinkType, Packet, Protocol, dissect, identify};
///
/// let mut packet = b"\x45\0\0\x2c\0\0\0\0\x40\x06\0\0\x0a\0\0\x01\x0a\0\0\x02".to_vec();
/// packet.extend(b"\x13\x88\xc0\0\0\0\0\0\0\0\0\0\x50\x18\0\0\0\0\0\0SSH-2.0-x\r\n");
/// packet[3] = packet.len() as u8;
/// let packet = Packet::new(LinkType::RAW, &packet);
/// let found = dissect(&packet, &DissectOptions::default());
/// assert_eq!(identify(&found.application.unwrap()), Some(Protocol::Ssh));
/// ```
#[inline]
pub fn identify(application: &Application<'_>) -> Option<Protocol> {
    identify_payload(application.ports.transport, application.payload)
}

#[inline]
fn identify_payload(transport: Transport, payload: &[u8]) -> Option<Protocol> {
    let first = *payload.first()?;
    match transport {
        Transport::Tcp => match first {
            0x14..=0x17 => tls::is_record(payload).then_some(Protocol::Tls),
            0 => is_smb(payload.get(4..)?).then_some(Protocol::Smb),
            b'A'..=b'Z' => identify_text(payload),
            _ => None,
        },
        Transport::Udp => match first {
            0x80..=0xff => tls::is_quic(payload).then_some(Protocol::Quic),
            b'A'..=b'Z' => match identify_text(payload)? {
                // HTTP over UDP multicast is what SSDP is (UPnP device architecture 1.1, 1.1.2).
                Protocol::Http => Some(Protocol::Ssdp),
                other => Some(other),
            },
            _ => None,
        },
        Transport::Sctp => None,
    }
}

/// Protocols whose first line tells.
fn identify_text(payload: &[u8]) -> Option<Protocol> {
    if payload.starts_with(b"SSH-2.0-") || payload.starts_with(b"SSH-1.") {
        return Some(Protocol::Ssh);
    }
    if payload.starts_with(b"SIP/2.0 ") {
        return Some(Protocol::Sip);
    }
    http::first_line(payload)
}

/// SMB 1 to 3 behind the four bytes of the NetBIOS session header (MS-SMB2 2.1).
fn is_smb(message: &[u8]) -> bool {
    message.get(1..4) == Some(b"SMB") && matches!(message[0], 0xfc..=0xff)
}

/// What a packet says about addresses, one call of `see` for each sighting in the packet's order.
///
/// Reads DNS, mDNS and LLMNR records (A and AAAA, which are given the name that was asked for, at the start
/// of the chain of CNAMEs; PTR; SRV), NetBIOS names, DHCP and DHCPv6 host names, the server name that a TLS
/// or QUIC client asks for, the host that an HTTP client asks for, and what UPnP devices say they are. Never fails: what is malformed or cut off ends
/// the reading of that message, and what was read before it stands. O(payload).
///
/// Names are said by whoever sent the packet. A name that a client asks a *proxy* for (HTTP CONNECT, or a
/// request with a whole URL) is not the proxy's: it is a [detail](DetailKind::ProxyFor) of it.
#[inline]
pub fn sightings(application: &Application<'_>, mut see: impl FnMut(Sighting<'_>)) {
    let Some(&first) = application.payload.first() else { return };
    match application.ports.transport {
        Transport::Tcp => match first {
            0x16 => tls::server_name(application, &mut see),
            b'A'..=b'Z' => {
                http::host(application, &mut see);
                if first == b'H' {
                    upnp::description(application, &mut see);
                }
            }
            0 | 1.. if uses(application.ports.ports, DNS) => dns::over_tcp(application.payload, &mut see),
            _ => {}
        },
        Transport::Udp => over_udp(application, &mut see),
        Transport::Sctp => {}
    }
}

/// Whether a protocol is read between these ports whatever the payload is.
pub(crate) fn tells_by_ports(transport: Transport, ports: Pair<u16>) -> bool {
    match transport {
        Transport::Tcp => uses(ports, DNS),
        Transport::Udp => by_port(ports.source).or(by_port(ports.destination)).is_some(),
        Transport::Sctp => false,
    }
}

/// What a payload says by itself, as far as its first bytes tell: see [`says`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// Neither [`identify`] nor [`sightings`] finds anything.
    Nothing,
    /// [`identify`] finds this, and [`sightings`] nothing.
    Protocol(Protocol),
    /// They may find more.
    More,
}

/// What a payload says between other ports than [these](tells_by_ports).
#[inline]
pub(crate) fn says(transport: Transport, payload: &[u8]) -> Says {
    let Some(&first) = payload.first() else { return Says::Nothing };
    let perhaps = |is_it: bool| if is_it { Says::More } else { Says::Nothing };
    match transport {
        Transport::Tcp => match first {
            tls::HANDSHAKE => Says::More,
            b'A'..=b'Z' => perhaps(http::may_be_first_line(payload)),
            _ => identify_payload(transport, payload).map_or(Says::Nothing, Says::Protocol),
        },
        Transport::Udp => {
            perhaps(http::may_be_first_line(payload) || tls::is_quic(payload) || dns::may_be_answer(payload))
        }
        Transport::Sctp => Says::Nothing,
    }
}

const DNS: u16 = 53;

/// By the lower port first, since it is the server's more often than not; QUIC, and DNS elsewhere, by
/// content.
fn over_udp(application: &Application<'_>, see: &mut dyn FnMut(Sighting<'_>)) {
    let Pair { source, destination } = application.ports.ports;
    if let Some(read) = by_port(source.min(destination)).or_else(|| by_port(source.max(destination))) {
        read(application, see);
    } else if tls::is_quic(application.payload) {
        quic::server_name(application, see);
    } else if dns::is_answer(application.payload) {
        dns::message(application.payload, Protocol::Dns, see);
    }
}

/// Reports what a datagram says.
type Read = fn(&Application<'_>, &mut dyn FnMut(Sighting<'_>));

/// What reads a protocol over UDP that is told by this port.
fn by_port(port: u16) -> Option<Read> {
    Some(match port {
        DNS => |it, see| dns::message(it.payload, Protocol::Dns, see),
        67 | 68 => |it, see| dhcp::v4(it.payload, see),
        137 => netbios::name_service,
        138 => |it, see| netbios::datagram(it.payload, see),
        1900 => upnp::announcement,
        1985 => |it, see| shared_router::hsrp(it.payload, see),
        546 | 547 => dhcp::v6,
        5353 => |it, see| dns::message(it.payload, Protocol::Mdns, see),
        5355 => |it, see| dns::message(it.payload, Protocol::Llmnr, see),
        _ => return None,
    })
}

fn uses(ports: Pair<u16>, port: u16) -> bool {
    ports.source == port || ports.destination == port
}

/// Takes a big-endian number off the front.
fn be16(rest: &mut &[u8]) -> Option<u16> {
    let bytes = rest.split_off(..2)?;
    Some(u16::from_be_bytes([bytes[0], bytes[1]]))
}

pub use neighbour::{Capability, device_sightings};
pub use spanning_tree::{BridgeId, SpanningTree, Tree};

#[cfg(test)]
mod tests;

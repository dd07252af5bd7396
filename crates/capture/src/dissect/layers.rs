use std::vec;

use super::{Arp, DissectOptions, End, Fragment, Hosts, Icmp, Pair, Ports, Stop, TunnelId, Visit, walk};
use crate::{MacAddr, Packet, Protocol};

/// One header of a packet.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Layer {
    /// Its name; `None` for what a capturing program puts before a packet, and for the parts of a header.
    pub protocol: Option<Protocol>,
    /// Where it starts, in bytes from the packet's start on the wire. Behind the captured bytes, where the
    /// snap length cut off the header before it.
    pub offset: usize,
    /// What it says.
    pub fields: Fields,
}

/// What a header says, as far as pcapviz keeps it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Fields {
    /// Nothing but its name.
    None,
    /// Ethernet addresses.
    Devices(Pair<MacAddr>),
    /// An 802.11 frame's source and destination, where it has both.
    Stations(Option<Pair<MacAddr>>),
    /// An 802.1Q VLAN identifier.
    Vlan(u16),
    /// ARP or RARP.
    Arp(Arp),
    /// An IP header.
    Hosts(Hosts),
    /// An IPv6 extension header or AH.
    Extension {
        /// The protocol behind it.
        next: u8,
        /// Its fragment, if it is a fragment header.
        fragment: Option<Fragment>,
    },
    /// ICMP or ICMPv6.
    Icmp(Icmp),
    /// TCP, UDP or SCTP.
    Ports(Ports),
    /// A tunnel's header.
    Tunnel(TunnelId),
    /// The application's bytes, whose name is known from the port only.
    Application,
}

/// The headers of a packet, outside-in, as [`layers`] finds them.
#[derive(Clone, Debug)]
pub struct Layers {
    left: vec::IntoIter<Layer>,
    end: End,
}

/// The headers of a packet, outside-in: the very steps that [`dissect`](super::dissect()) adds up.
/// At most 64.
///
/// ```
/// use pcapviz_capture::{DissectOptions, Fields, LinkType, Packet, Protocol, layers};
///
/// let bytes = b"\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\x0a\0\0\x01\x0a\0\0\x02\x04\xd2\0\x35\0\x08\0\0";
/// let packet = Packet::new(LinkType::RAW, bytes);
/// let found: Vec<_> = layers(&packet, &DissectOptions::default()).collect();
/// assert_eq!((found[0].protocol, found[0].offset), (Some(Protocol::Ipv4), 0));
/// let Fields::Ports(udp) = found[1].fields else { panic!("UDP has ports") };
/// assert_eq!((found[1].offset, udp.ports.destination), (20, 53));
/// assert_eq!(found[2].protocol, Some(Protocol::Dns));
/// ```
pub fn layers(packet: &Packet<'_>, options: &DissectOptions) -> Layers {
    let mut layers = Vec::new();
    let (end, rest) = walk(packet, options, &mut layers);
    let end = end.unwrap_or_else(|reason| {
        let within = layers.iter().rev().find_map(|layer| layer.protocol);
        End::Stopped(Stop { within, offset: rest.offset(), reason })
    });
    Layers { left: layers.into_iter(), end }
}

impl Visit for Vec<Layer> {
    fn header(&mut self, offset: usize, protocol: Option<Protocol>, fields: Fields) {
        self.push(Layer { protocol, offset, fields });
    }
}

impl Layers {
    /// How the walk ended.
    pub fn end(&self) -> End {
        self.end
    }
}

impl Iterator for Layers {
    type Item = Layer;

    fn next(&mut self) -> Option<Layer> {
        self.left.next()
    }
}

//! Frames, composed outside-in: each header is put on top of what is inside it, and its lengths, types and
//! checksum are filled in from there.
//!
//! ```
//! use pcapviz_testkit::frame::{Ethernet, Ipv4, Udp, vlan};
//!
//! let bytes = Ethernet::default().carry(vlan(7).carry(Ipv4::default().carry(Udp::ports(1024, 53).carry(b"query"))));
//! assert_eq!(bytes.bytes()[12..14], [0x81, 0x00]);
//! assert_eq!(bytes.bytes().len(), 14 + 4 + 20 + 8 + 5);
//! ```
//!
//! A field that a test wants wrong is set after the header is built, with [`Frame::patch`].

use std::net::{Ipv4Addr, Ipv6Addr};

/// Bytes, and by which numbers the header outside them names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    bytes: Vec<u8>,
    ether_type: u16,
    ip_protocol: u8,
}

impl Frame {
    /// The bytes from the outermost header on.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As another EtherType or IP protocol would announce it.
    #[must_use]
    pub fn announced_as(mut self, ether_type: u16, ip_protocol: u8) -> Self {
        (self.ether_type, self.ip_protocol) = (ether_type, ip_protocol);
        self
    }

    /// Writes over what stands at `at`, for headers that are to lie.
    ///
    /// # Panics
    /// If the frame ends before the last byte.
    #[must_use]
    pub fn patch(mut self, at: usize, bytes: &[u8]) -> Self {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Appends what belongs to no header: padding, a trailer, a frame check sequence.
    #[must_use]
    pub fn followed_by(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    /// Keeps the first `len` bytes.
    #[must_use]
    pub fn cut(mut self, len: usize) -> Self {
        self.bytes.truncate(len);
        self
    }
}

impl From<&[u8]> for Frame {
    fn from(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), ether_type: 0, ip_protocol: 253 }
    }
}

impl<const N: usize> From<&[u8; N]> for Frame {
    fn from(bytes: &[u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl From<Vec<u8>> for Frame {
    fn from(bytes: Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

/// A header that is put before what it carries.
#[derive(Clone, Debug)]
pub struct Header {
    bytes: Vec<u8>,
    /// Where the payload's EtherType goes.
    type_at: Option<usize>,
    /// Where the length of header and payload, less `length_less` bytes, goes.
    length_at: Option<usize>,
    length_less: usize,
    ether_type: u16,
    ip_protocol: u8,
}

impl Header {
    /// A header of these bytes, announced by these numbers where an outer header has a place for them.
    pub fn new(bytes: &[u8], ether_type: u16, ip_protocol: u8) -> Self {
        Self {
            bytes: bytes.to_vec(),
            type_at: None,
            length_at: None,
            length_less: 0,
            ether_type,
            ip_protocol,
        }
    }

    fn type_at(mut self, at: usize) -> Self {
        self.type_at = Some(at);
        self
    }

    fn length_at(mut self, at: usize, less: usize) -> Self {
        self.length_at = Some(at);
        self.length_less = less;
        self
    }

    /// The header with this inside.
    pub fn carry(mut self, inside: impl Into<Frame>) -> Frame {
        let inside = inside.into();
        if let (Some(at), 1..) = (self.type_at, inside.ether_type) {
            self.bytes[at..at + 2].copy_from_slice(&inside.ether_type.to_be_bytes());
        }
        if let Some(at) = self.length_at {
            let len = (self.bytes.len() + inside.bytes.len() - self.length_less) as u16;
            self.bytes[at..at + 2].copy_from_slice(&len.to_be_bytes());
        }
        self.bytes.extend(&inside.bytes);
        Frame { bytes: self.bytes, ether_type: self.ether_type, ip_protocol: self.ip_protocol }
    }
}

/// The EtherType by which a frame inside a tunnel is announced (transparent Ethernet bridging).
const BRIDGING: u16 = 0x6558;

/// An Ethernet II header.
#[derive(Clone, Debug)]
pub struct Ethernet {
    /// Who sent it.
    pub source: [u8; 6],
    /// To whom it was sent.
    pub destination: [u8; 6],
}

impl Default for Ethernet {
    /// From 02:00:00:00:00:01 to 02:00:00:00:00:02.
    fn default() -> Self {
        Self::between(1, 2)
    }
}

impl Ethernet {
    /// From 02:00:00:00:00:`source` to 02:00:00:00:00:`destination`.
    pub fn between(source: u8, destination: u8) -> Self {
        Self { source: [2, 0, 0, 0, 0, source], destination: [2, 0, 0, 0, 0, destination] }
    }

    /// With the EtherType of what is inside.
    pub fn carry(self, inside: impl Into<Frame>) -> Frame {
        let bytes = [&self.destination[..], &self.source, &[0, 0]].concat();
        Header::new(&bytes, BRIDGING, 143).type_at(12).carry(inside)
    }

    /// With a length instead of a type: 802.3.
    pub fn carry_llc(self, inside: impl Into<Frame>) -> Frame {
        let bytes = [&self.destination[..], &self.source, &[0, 0]].concat();
        Header::new(&bytes, BRIDGING, 143).length_at(12, 14).carry(inside)
    }
}

/// An 802.1Q tag.
pub fn vlan(id: u16) -> Header {
    tag(0x8100, id)
}

/// A VLAN tag with another type, such as 0x88a8.
pub fn tag(ether_type: u16, id: u16) -> Header {
    let [high, low] = id.to_be_bytes();
    Header::new(&[high, low, 0, 0], ether_type, 0).type_at(2)
}

/// LLC and SNAP with an EtherType.
pub fn snap() -> Header {
    Header::new(&[0xaa, 0xaa, 3, 0, 0, 0, 0, 0], 0, 0).type_at(6)
}

/// An MPLS stack of these labels, outermost first.
pub fn mpls(labels: &[u32]) -> Header {
    let mut bytes = Vec::new();
    for (i, label) in labels.iter().enumerate() {
        let bottom = u32::from(i + 1 == labels.len()) << 8;
        bytes.extend((label << 12 | bottom | 64).to_be_bytes());
    }
    Header::new(&bytes, 0x8847, 137)
}

/// A PPPoE session header with the PPP protocol number.
pub fn pppoe(session: u16, ppp_protocol: u16) -> Header {
    let ([a, b], [c, d]) = (session.to_be_bytes(), ppp_protocol.to_be_bytes());
    Header::new(&[0x11, 0, a, b, 0, 0, c, d], 0x8864, 0).length_at(4, 6)
}

/// An ARP request for an IPv4 address.
pub fn arp_request(sender: [u8; 6], sender_ip: Ipv4Addr, target_ip: Ipv4Addr) -> Frame {
    let bytes =
        [&[0, 1, 8, 0, 6, 4, 0, 1][..], &sender, &sender_ip.octets(), &[0; 6], &target_ip.octets()].concat();
    Frame::from(bytes).announced_as(0x0806, 0)
}

/// An IPv4 header.
#[derive(Clone, Debug)]
pub struct Ipv4 {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Options, padded to whole words by the caller.
    pub options: Vec<u8>,
    /// Identification, for fragments.
    pub id: u16,
    /// Where a fragment's data starts, in bytes.
    pub offset: u16,
    /// Whether more fragments follow.
    pub more: bool,
}

impl Default for Ipv4 {
    /// From 10.0.0.1 to 10.0.0.2.
    fn default() -> Self {
        Self::between([10, 0, 0, 1], [10, 0, 0, 2])
    }
}

impl Ipv4 {
    /// Between these two.
    pub fn between(source: impl Into<Ipv4Addr>, destination: impl Into<Ipv4Addr>) -> Self {
        let (source, destination) = (source.into(), destination.into());
        Self { source, destination, options: Vec::new(), id: 1, offset: 0, more: false }
    }

    /// With options.
    #[must_use]
    pub fn options(mut self, options: &[u8]) -> Self {
        self.options = options.to_vec();
        self
    }

    /// As a fragment.
    #[must_use]
    pub fn fragment(mut self, id: u16, offset: u16, more: bool) -> Self {
        (self.id, self.offset, self.more) = (id, offset, more);
        self
    }

    /// With lengths, the protocol of what is inside, and the checksum.
    pub fn carry(self, inside: impl Into<Frame>) -> Frame {
        let inside = inside.into();
        let header_len = 20 + self.options.len();
        let total = (header_len + inside.bytes.len()) as u16;
        let flags = (self.offset / 8) | (u16::from(self.more) << 13);
        let mut bytes = vec![0x40 | (header_len / 4) as u8, 0];
        bytes.extend(total.to_be_bytes());
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(flags.to_be_bytes());
        bytes.extend([64, inside.ip_protocol, 0, 0]);
        bytes.extend(self.source.octets());
        bytes.extend(self.destination.octets());
        bytes.extend(&self.options);
        let sum = checksum(&bytes);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes.extend(&inside.bytes);
        Frame { bytes, ether_type: 0x0800, ip_protocol: 4 }
    }
}

/// The Internet checksum (RFC 1071).
pub fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(c.get(1).copied().unwrap_or(0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// An IPv6 header.
#[derive(Clone, Debug)]
pub struct Ipv6 {
    /// Source address.
    pub source: Ipv6Addr,
    /// Destination address.
    pub destination: Ipv6Addr,
}

impl Default for Ipv6 {
    /// From 2001:db8::1 to 2001:db8::2.
    fn default() -> Self {
        Self::between(1, 2)
    }
}

impl Ipv6 {
    /// From 2001:db8::`source` to 2001:db8::`destination`.
    pub fn between(source: u16, destination: u16) -> Self {
        let address = |last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
        Self { source: address(source), destination: address(destination) }
    }

    /// With the payload's length and protocol.
    pub fn carry(self, inside: impl Into<Frame>) -> Frame {
        let inside = inside.into();
        let mut bytes = vec![0x60, 0, 0, 0];
        bytes.extend((inside.bytes.len() as u16).to_be_bytes());
        bytes.extend([inside.ip_protocol, 64]);
        bytes.extend(self.source.octets());
        bytes.extend(self.destination.octets());
        bytes.extend(&inside.bytes);
        Frame { bytes, ether_type: 0x86dd, ip_protocol: 41 }
    }
}

/// An IPv6 extension header with this number (0, 43, 60, ...), of 8 bytes and `more` after them.
pub fn extension(number: u8, more: &[u8], inside: impl Into<Frame>) -> Frame {
    let inside = inside.into();
    let mut bytes = vec![inside.ip_protocol, (more.len() / 8) as u8, 1, 4, 0, 0, 0, 0];
    bytes.extend(more);
    bytes.extend(&inside.bytes);
    Frame { bytes, ether_type: 0, ip_protocol: number }
}

/// An IPv6 fragment header.
pub fn fragment6(id: u32, offset: u16, more: bool, inside: impl Into<Frame>) -> Frame {
    let inside = inside.into();
    let mut bytes = vec![inside.ip_protocol, 0];
    bytes.extend((offset | u16::from(more)).to_be_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend(&inside.bytes);
    Frame { bytes, ether_type: 0, ip_protocol: 44 }
}

/// An authentication header with a check value of 12 bytes.
pub fn ah(inside: impl Into<Frame>) -> Frame {
    let inside = inside.into();
    let mut bytes = vec![inside.ip_protocol, 4];
    bytes.extend([0; 22]);
    bytes.extend(&inside.bytes);
    Frame { bytes, ether_type: 0, ip_protocol: 51 }
}

/// A TCP header.
#[derive(Clone, Debug)]
pub struct Tcp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledged: u32,
    /// Flags, FIN in the lowest bit.
    pub flags: u8,
}

impl Tcp {
    /// An acknowledgement between these ports.
    pub fn ports(source: u16, destination: u16) -> Self {
        Self { source, destination, sequence: 1, acknowledged: 0, flags: 0x10 }
    }

    /// With these flags.
    #[must_use]
    pub fn flags(mut self, flags: u8) -> Self {
        self.flags = flags;
        self
    }

    /// With this payload. The checksum stays 0.
    pub fn carry(self, inside: impl Into<Frame>) -> Frame {
        let mut bytes = Vec::new();
        bytes.extend(self.source.to_be_bytes());
        bytes.extend(self.destination.to_be_bytes());
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.acknowledged.to_be_bytes());
        bytes.extend([0x50, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        Header::new(&bytes, 0, 6).carry(inside)
    }
}

/// A UDP header.
#[derive(Clone, Debug)]
pub struct Udp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
}

impl Udp {
    /// Between these ports.
    pub fn ports(source: u16, destination: u16) -> Self {
        Self { source, destination }
    }

    /// With the length of what is inside. The checksum stays 0, which says that there is none.
    pub fn carry(self, inside: impl Into<Frame>) -> Frame {
        let ([a, b], [c, d]) = (self.source.to_be_bytes(), self.destination.to_be_bytes());
        Header::new(&[a, b, c, d, 0, 0, 0, 0], 0, 17).length_at(4, 0).carry(inside)
    }
}

/// An SCTP packet with this after its header.
pub fn sctp(source: u16, destination: u16, chunks: &[u8]) -> Frame {
    let ([a, b], [c, d]) = (source.to_be_bytes(), destination.to_be_bytes());
    Header::new(&[a, b, c, d, 0, 0, 0, 1, 0, 0, 0, 0], 0, 132).carry(chunks)
}

/// An ICMP message; `number` is 1, or 58 for ICMPv6.
pub fn icmp(number: u8, kind: u8, code: u8, rest: &[u8]) -> Frame {
    Header::new(&[kind, code, 0, 0], 0, number).carry(rest)
}

/// A GRE header with a key or without.
pub fn gre(key: Option<u32>) -> Header {
    let mut bytes = vec![if key.is_some() { 0x20 } else { 0 }, 0, 0, 0];
    bytes.extend(key.map(u32::to_be_bytes).iter().flatten());
    Header::new(&bytes, 0, 47).type_at(2)
}

/// A VXLAN header. It goes into [`Udp`] with port 4789.
pub fn vxlan(vni: u32) -> Header {
    Header::new(&[&[8, 0, 0, 0][..], &(vni << 8).to_be_bytes()].concat(), 0, 0)
}

/// A Geneve header without options. It goes into [`Udp`] with port 6081.
pub fn geneve(vni: u32) -> Header {
    Header::new(&[&[0, 0, 0, 0][..], &(vni << 8).to_be_bytes()].concat(), 0, 0).type_at(2)
}

/// A GTP-U header around a packet. It goes into [`Udp`] with port 2152.
pub fn gtp(teid: u32) -> Header {
    Header::new(&[&[0x30, 0xff, 0, 0][..], &teid.to_be_bytes()].concat(), 0, 0).length_at(2, 8)
}

/// An 802.11 data frame without quality of service. `ds` is the to-DS (1) and from-DS (2) bits; the
/// addresses are given in the order of the standard, the fourth only where both bits are set.
pub fn wlan_data(ds: u8, addresses: &[[u8; 6]]) -> Header {
    let mut bytes = vec![0x08, ds, 0, 0];
    for (i, address) in addresses.iter().enumerate() {
        if i == 3 {
            bytes.extend([0, 0]);
        }
        bytes.extend(address);
    }
    if addresses.len() < 4 {
        bytes.extend([0, 0]);
    }
    Header::new(&bytes, 0, 0)
}

/// A radiotap header with the flags field only.
pub fn radiotap(flags: u8) -> Header {
    Header::new(&[0, 0, 9, 0, 2, 0, 0, 0, flags], 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_the_example_in_rfc_1071() {
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    #[test]
    fn an_ipv4_header_sums_to_zero() {
        let frame = Ipv4::default().carry(Tcp::ports(1, 2).carry(b""));
        assert_eq!(checksum(&frame.bytes()[..20]), 0);
    }
}

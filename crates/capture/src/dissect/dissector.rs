//! Dissecting packet after packet, most of which have the same few headers, and those of one just before.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::tunnel::udp::may_be_tunnel;
use super::{Application, DissectOptions, Dissection, Hosts, Pair, Ports, Transport, Vlans, dissect, port};
use crate::application::{Says, says, tells_by_ports};
use crate::{LinkType, MacAddr, Packet, Protocol, ProtocolSet};

/// Dissects packets one after another: those with the headers that nearly all have by a look at fixed places, the others
/// by a walk. It remembers the headers of the latest ones: a packet with the addresses, ports and tag of one before is known
/// at once.
///
/// What it finds is what [`dissect`](dissect()) does, in a fraction of the time. It takes 50 KB once there are packets.
///
/// ```
/// use pcapviz_capture::{DissectOptions, Dissector, LinkType, Packet, dissect};
///
/// let mut frame = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0\x45\0\0\x1d\0\x01\0\0\x40\x11\0\0".to_vec();
/// frame.extend(b"\x0a\0\0\x01\x0a\0\0\x02\x13\x88\x1f\x90\0\x09\0\0a");
/// let options = DissectOptions::default();
/// let mut dissector = Dissector::new(options.clone());
/// for _ in 0..2 {
///     let packet = Packet::new(LinkType::ETHERNET, &frame);
///     let found = dissector.dissect(&packet);
///     assert_eq!(found.ports, dissect(&packet, &options).ports);
///     assert!(found.headers.is_some());
/// }
/// ```
#[derive(Debug)]
pub struct Dissector {
    options: DissectOptions,
    /// What is remembered, in the place that its headers give it; empty until there is a packet.
    known: Vec<Option<Known>>,
    /// The latest number given.
    number: u64,
}

/// A number for the headers that packets share: those that one [`Dissector`] gives the same number have the same
/// addresses, ports and tag, and differ in nothing else that tells flows apart.
///
/// Headers that come again after they were forgotten have another number. Numbers of different dissectors differ,
/// but for a chance of 1 in 2^40 or so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeadersId(u64);

impl HeadersId {
    /// A dissector remembers as many headers as there are places.
    pub const PLACES: usize = 256;

    /// The place that these headers have in their dissector, below [`PLACES`](Self::PLACES): what is known of those
    /// that had it before is of no more use.
    #[inline]
    pub fn place(self) -> usize {
        self.0 as usize % Self::PLACES
    }
}

/// A packet with the headers that nearly all have, at first sight: see [`Dissector::usual`].
#[derive(Debug)]
pub struct Usual<'d, 'a> {
    known: &'d Known,
    varying: Varying<'a>,
}

/// A packet whose payload names nothing: see [`Usual::quiet`].
#[derive(Clone, Copy, Debug)]
pub struct Quiet<'d> {
    known: &'d Known,
    ports: Ports,
    protocol: Option<Protocol>,
}

/// Headers, and what they say.
#[derive(Clone, Debug)]
struct Known {
    headers: Headers,
    id: HeadersId,
    devices: Pair<MacAddr>,
    vlans: Vlans,
    hosts: Hosts,
    ports: Ports,
    /// Whether the ports are of a protocol whose messages name addresses.
    tells_by_ports: bool,
    protocols: ProtocolSet,
    innermost: Protocol,
}

/// The headers of nearly every packet, without what differs from packet to packet of a flow: Ethernet, perhaps a VLAN
/// tag, IPv4 without options or fragments or IPv6 without extensions, and the ports of TCP or UDP.
#[derive(Clone, Copy, Debug)]
struct Headers {
    /// Ethernet's 14 bytes, the middle two of them twice; ports, VLAN tag (16 bits), IP protocol and length of the IP header
    /// (8 bits each); the addresses.
    words: [u64; 7],
}

/// What differs from packet to packet.
#[derive(Debug)]
struct Varying<'a> {
    tcp_flags: u8,
    tcp_sequence: u32,
    payload_len: u32,
    payload: &'a [u8],
}

const TCP: u8 = 6;
const UDP: u8 = 17;
/// The EtherType of a VLAN tag (IEEE 802.1Q).
const TAGGED: u16 = 0x8100;
/// Lengths of the IP headers, in bytes.
const V4_LEN: u8 = 20;
const V6_LEN: u8 = 40;

impl Dissector {
    /// One that remembers nothing yet.
    pub fn new(options: DissectOptions) -> Self {
        // Far from where another's numbers begin.
        Self { options, known: Vec::new(), number: RandomState::new().hash_one(0) }
    }

    /// How it dissects.
    pub fn options(&self) -> &DissectOptions {
        &self.options
    }

    /// Walks a packet's headers and says who talked to whom, as [`dissect`](dissect()) does.
    #[inline]
    pub fn dissect<'a>(&mut self, packet: &Packet<'a>) -> Dissection<'a> {
        match self.usual(packet) {
            Some(usual) => usual.dissection(),
            None => dissect(packet, &self.options),
        }
    }

    /// The packet at first sight, if it has the headers that nearly all have; others are to be [walked](dissect()).
    ///
    /// ```
    /// use pcapviz_capture::{DissectOptions, Dissector, LinkType, Packet};
    ///
    /// let mut frame = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0\x45\0\0\x1d\0\x01\0\0\x40\x11\0\0".to_vec();
    /// frame.extend(b"\x0a\0\0\x01\x0a\0\0\x02\x13\x88\x1f\x90\0\x09\0\0a");
    /// let mut dissector = Dissector::new(DissectOptions::default());
    /// let packet = Packet::new(LinkType::ETHERNET, &frame);
    /// let usual = dissector.usual(&packet).ok_or("unusual")?;
    /// assert!(usual.quiet().is_some_and(|quiet| quiet.protocol().is_none()));
    /// assert_eq!(usual.ports(), usual.dissection().ports.ok_or("no ports")?);
    /// # Ok::<(), &str>(())
    /// ```
    #[inline(always)]
    pub fn usual<'a>(&mut self, packet: &Packet<'a>) -> Option<Usual<'_, 'a>> {
        let (headers, varying) = read(packet)?;
        let place = headers.place();
        let is_known = matches!(self.known.get(place), Some(Some(known)) if known.headers.are(&headers));
        if !is_known {
            // What a tunnel holds is another matter in each packet.
            if headers.may_be_tunnel() {
                return None;
            }
            self.learn(place, headers);
        }
        let known = self.known[place].as_ref()?;
        Some(Usual { known, varying })
    }

    #[inline(never)]
    fn learn(&mut self, place: usize, headers: Headers) {
        let places = HeadersId::PLACES as u64;
        self.number = (self.number / places).wrapping_add(1).wrapping_mul(places).wrapping_add(place as u64);
        if self.known.is_empty() {
            self.known.resize(HeadersId::PLACES, None);
        }
        self.known[place] = Some(headers.known(HeadersId(self.number)));
    }
}

impl<'d, 'a> Usual<'d, 'a> {
    /// Its ports, and what else its transport header says.
    #[inline]
    pub fn ports(&self) -> Ports {
        Ports {
            tcp_flags: self.varying.tcp_flags,
            tcp_sequence: self.varying.tcp_sequence,
            payload_len: self.varying.payload_len,
            ..self.known.ports
        }
    }

    /// The packet without its payload, if that says nothing but which protocol it is of, at most:
    /// [`sightings`](crate::sightings) would find nothing in it. Told by ports and first bytes, so that of some packets that name nothing it
    /// is not known.
    ///
    /// A quiet segment may go on with a ClientHello: where a [`HelloWindow`](crate::HelloWindow) is kept, it has to see the packet unless it
    /// [is idle](crate::HelloWindow::is_idle).
    #[inline]
    pub fn quiet(&self) -> Option<Quiet<'d>> {
        if self.known.tells_by_ports {
            return None;
        }
        let protocol = match says(self.known.ports.transport, self.varying.payload) {
            Says::Nothing => None,
            Says::Protocol(protocol) => Some(protocol),
            Says::More => return None,
        };
        Some(Quiet { known: self.known, ports: self.ports(), protocol })
    }

    /// All that is found in it.
    #[inline(always)]
    pub fn dissection(self) -> Dissection<'a> {
        let (known, ports) = (self.known, self.ports());
        Dissection {
            devices: Some(known.devices),
            vlans: known.vlans,
            hosts: Some(known.hosts),
            ports: Some(ports),
            protocols: known.protocols,
            innermost: Some(known.innermost),
            application: Some(Application {
                addresses: known.hosts.addresses,
                ports,
                payload: self.varying.payload,
            }),
            headers: Some(known.id),
            ..Dissection::nothing()
        }
    }
}

impl Quiet<'_> {
    /// Which headers it has.
    #[inline]
    pub fn headers(&self) -> HeadersId {
        self.known.id
    }

    /// Whether it has IPv6 addresses, not IPv4 ones.
    #[inline]
    pub fn is_ipv6(&self) -> bool {
        self.known.hosts.addresses.source.is_ipv6()
    }

    /// Its ports, and what else its transport header says.
    #[inline]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The protocol that its payload shows, as [`identify`](crate::identify) would find it.
    #[inline]
    pub fn protocol(&self) -> Option<Protocol> {
        self.protocol
    }
}

impl Headers {
    /// The words that differ between headers: over IPv4, the last three are zero, and the length of the IP header says so.
    #[inline]
    fn telling(&self) -> usize {
        if self.words[2] as u8 == V4_LEN { 4 } else { self.words.len() }
    }

    /// Whether they are the same: without a branch for each word.
    #[inline]
    fn are(&self, other: &Self) -> bool {
        let mut difference = 0;
        for i in 0..other.telling() {
            difference |= self.words[i] ^ other.words[i];
        }
        difference == 0
    }

    /// Whether the ports may be a tunnel's.
    fn may_be_tunnel(&self) -> bool {
        let [protocol, ports] = [self.words[2] >> 8 & 0xff, self.words[2] >> 32];
        protocol == u64::from(UDP) && (may_be_tunnel((ports >> 16) as u16) || may_be_tunnel(ports as u16))
    }

    /// What they say, as a walk over them would.
    fn known(self, id: HeadersId) -> Known {
        let [start, middle, third, addresses @ ..] = self.words;
        let mac = |bits: u64| MacAddr(bits.to_be_bytes()[2..].try_into().unwrap_or_default());
        let devices = Pair { source: mac(middle >> 16), destination: mac(start >> 16) };
        let tag = (middle as u16 == TAGGED).then_some((third >> 16) as u16);
        let (protocol, is_v4) = ((third >> 8) as u8, third as u8 == V4_LEN);
        let transport = if protocol == TCP { Transport::Tcp } else { Transport::Udp };
        let pair = Pair { source: (third >> 48) as u16, destination: (third >> 32) as u16 };
        let addresses: Pair<IpAddr> = if is_v4 {
            let ip = |bits: u64| IpAddr::V4(Ipv4Addr::from_bits(bits as u32));
            Pair { source: ip(addresses[0] >> 32), destination: ip(addresses[0]) }
        } else {
            let ip = |high: u64, low: u64| {
                IpAddr::V6(Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low)))
            };
            Pair { source: ip(addresses[0], addresses[1]), destination: ip(addresses[2], addresses[3]) }
        };
        let application = port::application(transport, pair);
        let transport_protocol = if protocol == TCP { Protocol::Tcp } else { Protocol::Udp };
        let mut protocols = ProtocolSet::EMPTY;
        protocols.insert(Protocol::Ethernet);
        protocols.insert(if is_v4 { Protocol::Ipv4 } else { Protocol::Ipv6 });
        protocols.insert(transport_protocol);
        [tag.map(|_| Protocol::Vlan), application].into_iter().flatten().for_each(|it| protocols.insert(it));
        Known {
            headers: self,
            id,
            devices,
            vlans: Vlans { outer: tag.map(|tag| tag & 0xfff), inner: None },
            hosts: Hosts { addresses, protocol, fragment: None, is_wrapped: false },
            ports: Ports { ports: pair, transport, tcp_flags: 0, tcp_sequence: 0, payload_len: 0 },
            tells_by_ports: tells_by_ports(transport, pair),
            protocols,
            innermost: application.unwrap_or(transport_protocol),
        }
    }

    /// Where they are remembered. Whoever sends headers that share a place makes them be learnt and looked up again, no more.
    #[inline]
    fn place(&self) -> usize {
        // Multiply and shift (Dietzfelbinger and others, 1997), with odd numbers.
        const FACTORS: [u64; 7] = [
            0x9e37_79b9_7f4a_7c15,
            0xbf58_476d_1ce4_e5b9,
            0x94d0_49bb_1331_11eb,
            0xd6e8_feb8_6659_fd93,
            0xa076_1d64_78bd_642f,
            0xe703_7ed1_a0b4_28db,
            0x8ebc_6af0_9c88_c6e3,
        ];
        let product = |i: usize| self.words[i].wrapping_mul(FACTORS[i]);
        let mut sum = 0_u64;
        for i in 0..self.telling() {
            sum = sum.wrapping_add(product(i));
        }
        (sum >> (u64::BITS - HeadersId::PLACES.ilog2())) as usize
    }
}

/// Such headers, and what varies, of a packet that has nothing else. All that its walk would look at is looked at here.
#[inline(always)]
fn read<'a>(packet: &Packet<'a>) -> Option<(Headers, Varying<'a>)> {
    if packet.link_type != LinkType::ETHERNET || packet.fcs_len != 0 {
        return None;
    }
    let captured = packet.captured;
    let start = captured.first_chunk::<14>()?;
    let (ether_type, tag, ip) = match be16(start, 12) {
        TAGGED => {
            let tag = captured.get(14..)?.first_chunk::<4>()?;
            (be16(tag, 2), be16(tag, 0), 18)
        }
        ether_type => (ether_type, 0, 14),
    };
    let rest = captured.get(ip..)?;
    let mut words = [be64(start, 0), be64(start, 6), 0, 0, 0, 0, 0];
    let (protocol, ports, header_len, total_len) = match ether_type {
        0x0800 => {
            let header = rest.first_chunk::<24>()?;
            let is_fragment = be16(header, 6) & 0x3fff != 0;
            // Segmentation offload leaves the length 0.
            let len = usize::from(be16(header, 2));
            if header[0] != 0x45 || is_fragment || len < 20 {
                return None;
            }
            words[3] = be64(header, 12);
            (header[9], be32(header, 20), V4_LEN, len)
        }
        0x86dd => {
            let header = rest.first_chunk::<44>()?;
            let len = usize::from(be16(header, 4));
            if header[0] >> 4 != 6 || len == 0 {
                return None;
            }
            for i in 0..4 {
                words[3 + i] = be64(header, 8 + 8 * i);
            }
            (header[6], be32(header, 40), V6_LEN, usize::from(V6_LEN) + len)
        }
        _ => return None,
    };
    words[2] =
        u64::from(ports) << 32 | u64::from(tag) << 16 | u64::from(protocol) << 8 | u64::from(header_len);
    let header_len = usize::from(header_len);
    let wire_len = ((packet.wire_len as usize).max(captured.len()) - ip).min(total_len);
    let transport = rest[..total_len.min(rest.len())].get(header_len..)?;
    let varying = Varying::read(protocol, transport, wire_len - header_len)?;
    Some((Headers { words }, varying))
}

impl<'a> Varying<'a> {
    /// Of a transport header and what it carries: so many bytes on the wire, no fewer than are here.
    #[inline(always)]
    fn read(protocol: u8, transport: &'a [u8], wire_len: usize) -> Option<Self> {
        let (tcp_flags, tcp_sequence, header_len, len) = match protocol {
            TCP => {
                let header = transport.first_chunk::<20>()?;
                (header[13], be32(header, 4), (usize::from(header[12] >> 4) * 4).max(20), wire_len)
            }
            UDP => {
                let len = usize::from(be16(transport.first_chunk::<8>()?, 4));
                (0, 0, 8, len.min(wire_len))
            }
            _ => return None,
        };
        // No longer than an IP packet: 32 bits hold it.
        let payload = transport[..len.min(transport.len())].get(header_len..)?;
        let payload_len = (len - header_len) as u32;
        Some(Self { tcp_flags, tcp_sequence, payload_len, payload })
    }
}

#[inline]
fn be16<const N: usize>(bytes: &[u8; N], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

#[inline]
fn be32<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    u32::from(be16(bytes, at)) << 16 | u32::from(be16(bytes, at + 2))
}

#[inline]
fn be64<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    u64::from(be32(bytes, at)) << 32 | u64::from(be32(bytes, at + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_differ_in_one_bit_are_others() {
        let over_v4 = [5, 5, 5 << 8 | u64::from(V4_LEN), 5, 0, 0, 0];
        for (words, telling) in [([5; 7], 7), (over_v4, 4)] {
            let headers = Headers { words };
            assert_eq!(headers.telling(), telling);
            assert!(headers.are(&headers));
            for bit in 0..telling * 64 {
                let mut other = headers;
                other.words[bit / 64] ^= 1 << (bit % 64);
                assert!(!headers.are(&other) && !other.are(&headers), "bit {bit} of {telling} words");
            }
        }
    }
}

//! Which flow it is, as it lies in the table: fixed words instead of options, which are hashed and compared as they are.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pcapviz_capture::{GraphLayer, MacAddr, Pair, Transport, TunnelId, Vlans};

use crate::{FlowKey, NodeId};

/// Words that identify a flow.
pub(crate) trait Packed: Copy + Eq + Send + Sync {
    /// A node of the layers above the devices, packed: sorts as [`NodeId`] does.
    type Node: Copy + Ord + Hash + Send;
    /// A host behind a device, which is a number.
    type Behind: Copy + Default + Eq + Hash + Send;
    /// Without size, aligned as rows of such flows are.
    type Align: Copy + Debug + Send + Sync;
    const ALIGN: Self::Align;

    fn pack(key: &FlowKey) -> Self;
    fn unpack(&self) -> FlowKey;
    /// All that tells flows apart, the [small numbers](SMALL) among them.
    fn words(&self) -> &[u32];
    /// Equality without a branch for each word; that of arrays is a call.
    #[inline]
    fn same_as(&self, other: &Self) -> bool {
        let differences = self.words().iter().zip(other.words()).map(|(a, b)| a ^ b);
        differences.fold(0, |all, difference| all | difference) == 0
    }
    /// Whether the flow has two ends at this layer.
    fn reaches(&self, layer: GraphLayer) -> bool {
        let small = self.words()[SMALL];
        match layer {
            GraphLayer::Devices => small & HAS_DEVICES != 0,
            GraphLayer::Hosts => small & HAS_HOSTS != 0,
            GraphLayer::Endpoints => small & HAS_HOSTS != 0 && (small >> TRANSPORT) as u8 != 0,
        }
    }
    /// As [`FlowKey::is_virtual`].
    fn is_virtual(&self) -> bool {
        self.words()[SMALL] & (HAS_OUTER | HAS_INNER) != 0 || self.is_in_tunnel()
    }
    fn is_in_tunnel(&self) -> bool {
        (self.words()[SMALL] >> TUNNEL) as u8 != 0
    }
    /// As [`FlowKey::protocol`].
    fn protocol(&self) -> Option<u8> {
        let small = self.words()[SMALL];
        (small & HAS_PROTOCOL != 0).then_some((small >> PROTOCOL) as u8)
    }
    /// Source and destination at layer 3 or 4; `None` where the flow has none, and for the devices.
    fn ends(&self, layer: GraphLayer) -> Option<[Self::Node; 2]>;
    /// The address of a host.
    fn address(host: Self::Node) -> IpAddr;
    fn behind(device: u32, host: Self::Node) -> Self::Behind;
    /// The opposite.
    fn device_and_address(behind: Self::Behind) -> (u32, IpAddr);
    fn id(layer: GraphLayer, node: Self::Node) -> NodeId;
}

/// A flow without IP, or over IPv4: MAC addresses with VLAN tags, small numbers, ports, tunnel, hosts. In words of 32 bits, so
/// that a row of the table fills a line of the processor's cache.
pub(crate) type PackedV4 = [u32; 9];
/// A flow over IPv6: the same with longer hosts.
pub(crate) type PackedV6 = [u32; 15];

/// As wide as a line of the processor's cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Line;

/// A device, an IPv4 address or an IPv4 end point: 64 bits in two halves, so that it is aligned to 32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Narrow([u32; 2]);

/// As one word: an array is hashed as a list of any length is.
impl Hash for Narrow {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.bits());
    }
}

impl Ord for Narrow {
    #[inline]
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bits().cmp(&other.bits())
    }
}

impl PartialOrd for Narrow {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Narrow {
    #[inline]
    fn new(bits: u64) -> Self {
        Self(halves(bits))
    }

    /// A node packed; those with an IPv6 address are wide.
    pub(crate) fn of(id: NodeId) -> Result<Self, <PackedV6 as Packed>::Node> {
        match id {
            NodeId::Device(MacAddr([a, b, c, d, e, f])) => {
                Ok(Self::new(u64::from_be_bytes([0, 0, a, b, c, d, e, f])))
            }
            NodeId::Host(IpAddr::V4(ip)) => Ok(Self::new(ip.to_bits().into())),
            NodeId::Endpoint(IpAddr::V4(ip), port) => {
                Ok(Self::new(u64::from(ip.to_bits()) << 16 | u64::from(port)))
            }
            NodeId::Host(IpAddr::V6(ip)) => Err((ip.to_bits(), 0)),
            NodeId::Endpoint(IpAddr::V6(ip), port) => Err((ip.to_bits(), port)),
        }
    }

    /// The host of an IPv4 end point.
    #[inline]
    pub(crate) fn host(self) -> Self {
        Self::new(self.bits() >> 16)
    }

    #[inline]
    fn bits(self) -> u64 {
        whole(self.0)
    }
}

/// The word that has, from its lowest bit on: what is there at all, transport, protocol, tunnel's kind.
const SMALL: usize = 4;
const HAS_DEVICES: u32 = 1;
const HAS_HOSTS: u32 = 1 << 1;
const HAS_PROTOCOL: u32 = 1 << 2;
const HAS_OUTER: u32 = 1 << 3;
const HAS_INNER: u32 = 1 << 4;
const TRANSPORT: u32 = 8;
const PROTOCOL: u32 = 16;
const TUNNEL: u32 = 24;

/// The words that all flows have.
#[inline(always)]
fn pack_common(key: &FlowKey) -> [u32; 7] {
    let device = |MacAddr([a, b, c, d, e, f]): MacAddr, vlan: Option<u16>| {
        let [g, h] = vlan.unwrap_or(0).to_be_bytes();
        halves(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    };
    let nobody = Pair { source: MacAddr([0; 6]), destination: MacAddr([0; 6]) };
    let devices = key.devices.unwrap_or(nobody);
    let [a, b] = device(devices.source, key.vlans.outer);
    let [c, d] = device(devices.destination, key.vlans.inner);
    let (transport, ports) = match key.ports {
        None => (0, Pair { source: 0, destination: 0 }),
        Some((Transport::Tcp, ports)) => (1, ports),
        Some((Transport::Udp, ports)) => (2, ports),
        Some((Transport::Sctp, ports)) => (3, ports),
    };
    let (tunnel, number) = key.tunnel.map_or((0, 0), TunnelId::to_parts);
    let flag = |there: bool, flag: u32| if there { flag } else { 0 };
    let there = flag(key.devices.is_some(), HAS_DEVICES)
        | flag(key.hosts.is_some(), HAS_HOSTS)
        | flag(key.protocol.is_some(), HAS_PROTOCOL)
        | flag(key.vlans.outer.is_some(), HAS_OUTER)
        | flag(key.vlans.inner.is_some(), HAS_INNER);
    let protocol = u32::from(key.protocol.unwrap_or(0));
    let small = there | transport << TRANSPORT | protocol << PROTOCOL | u32::from(tunnel) << TUNNEL;
    [a, b, c, d, small, u32::from(ports.source) << 16 | u32::from(ports.destination), number]
}

#[inline(always)]
fn unpack_common([a, b, c, d, small, ports, number]: [u32; 7]) -> FlowKey {
    let (source, destination) = (whole([a, b]), whole([c, d]));
    let has = |flag: u32| small & flag != 0;
    let transport = match (small >> TRANSPORT) as u8 {
        1 => Some(Transport::Tcp),
        2 => Some(Transport::Udp),
        3 => Some(Transport::Sctp),
        _ => None,
    };
    let mac = |word: u64| mac(Narrow::new(word >> 16));
    let pair = Pair { source: (ports >> 16) as u16, destination: ports as u16 };
    FlowKey {
        devices: has(HAS_DEVICES).then(|| Pair { source: mac(source), destination: mac(destination) }),
        vlans: Vlans {
            outer: has(HAS_OUTER).then_some(source as u16),
            inner: has(HAS_INNER).then_some(destination as u16),
        },
        hosts: None,
        protocol: has(HAS_PROTOCOL).then_some((small >> PROTOCOL) as u8),
        ports: transport.map(|transport| (transport, pair)),
        tunnel: TunnelId::from_parts((small >> TUNNEL) as u8, number),
    }
}

/// 64 bits as two words, the higher half first.
#[inline]
pub(crate) fn halves(bits: u64) -> [u32; 2] {
    [(bits >> 32) as u32, bits as u32]
}

/// The opposite.
#[inline]
pub(crate) fn whole([high, low]: [u32; 2]) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Source and destination device of any flow.
#[inline]
pub(crate) fn devices(words: &[u32]) -> Option<[Narrow; 2]> {
    let device = |high, low| Narrow::new(whole([high, low]) >> 16);
    let devices = [device(words[0], words[1]), device(words[2], words[3])];
    (words[SMALL] & HAS_DEVICES != 0).then_some(devices)
}

/// The device that [`devices`] packed.
pub(crate) fn mac(node: Narrow) -> MacAddr {
    let [_, _, a, b, c, d, e, f] = node.bits().to_be_bytes();
    MacAddr([a, b, c, d, e, f])
}

impl Packed for PackedV4 {
    type Node = Narrow;
    /// As one word: there may be millions, looked up at random.
    type Behind = u64;
    type Align = [Line; 0];
    const ALIGN: [Line; 0] = [];

    #[inline]
    fn pack(key: &FlowKey) -> Self {
        let [a, b, c, d, small, ports, number] = pack_common(key);
        let [source, destination] = match key.hosts {
            Some(Pair { source: IpAddr::V4(source), destination: IpAddr::V4(destination) }) => {
                [source.to_bits(), destination.to_bits()]
            }
            _ => [0; 2],
        };
        [a, b, c, d, small, ports, number, source, destination]
    }

    #[inline(always)]
    fn unpack(&self) -> FlowKey {
        let [common @ .., source, destination] = *self;
        let ip = |bits: u32| IpAddr::V4(Ipv4Addr::from_bits(bits));
        let hosts = self
            .reaches(GraphLayer::Hosts)
            .then(|| Pair { source: ip(source), destination: ip(destination) });
        FlowKey { hosts, ..unpack_common(common) }
    }

    #[inline]
    fn words(&self) -> &[u32] {
        self
    }

    #[inline]
    fn ends(&self, layer: GraphLayer) -> Option<[Narrow; 2]> {
        let [.., ports, _, source, destination] = self.map(u64::from);
        (layer != GraphLayer::Devices && self.reaches(layer)).then(|| match layer {
            GraphLayer::Endpoints => {
                [Narrow::new(source << 16 | ports >> 16), Narrow::new(destination << 16 | ports & 0xffff)]
            }
            _ => [Narrow::new(source), Narrow::new(destination)],
        })
    }

    #[inline]
    fn behind(device: u32, host: Narrow) -> u64 {
        u64::from(device) << 32 | host.bits()
    }

    fn device_and_address(behind: u64) -> (u32, IpAddr) {
        ((behind >> 32) as u32, Self::address(Narrow::new(behind & 0xffff_ffff)))
    }

    fn address(host: Narrow) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(host.bits() as u32))
    }

    fn id(layer: GraphLayer, node: Narrow) -> NodeId {
        match layer {
            GraphLayer::Devices => NodeId::Device(mac(node)),
            GraphLayer::Hosts => NodeId::Host(Self::address(node)),
            GraphLayer::Endpoints => NodeId::Endpoint(Self::address(node.host()), node.bits() as u16),
        }
    }
}

impl Packed for PackedV6 {
    type Node = (u128, u16);
    type Behind = (u32, u128);
    type Align = [u64; 0];
    const ALIGN: [u64; 0] = [];

    #[inline]
    fn pack(key: &FlowKey) -> Self {
        let [a, b, c, d, small, ports, number] = pack_common(key);
        let (source, destination) = match key.hosts {
            Some(Pair { source: IpAddr::V6(source), destination: IpAddr::V6(destination) }) => {
                (source.to_bits(), destination.to_bits())
            }
            _ => (0, 0),
        };
        let words = |bits: u128| [96, 64, 32, 0].map(|shift| (bits >> shift) as u32);
        let ([e, f, g, h], [i, j, k, l]) = (words(source), words(destination));
        [a, b, c, d, small, ports, number, e, f, g, h, i, j, k, l]
    }

    #[inline(always)]
    fn unpack(&self) -> FlowKey {
        let [a, b, c, d, small, ports, number, ..] = *self;
        let [source, destination] = addresses(self).map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)));
        let hosts = self.reaches(GraphLayer::Hosts).then_some(Pair { source, destination });
        FlowKey { hosts, ..unpack_common([a, b, c, d, small, ports, number]) }
    }

    #[inline]
    fn words(&self) -> &[u32] {
        self
    }

    fn ends(&self, layer: GraphLayer) -> Option<[(u128, u16); 2]> {
        let ports = self[5];
        let [source, destination] = addresses(self);
        let (source_port, destination_port) = match layer {
            GraphLayer::Endpoints => ((ports >> 16) as u16, ports as u16),
            _ => (0, 0),
        };
        let reaches = layer != GraphLayer::Devices && self.reaches(layer);
        reaches.then_some([(source, source_port), (destination, destination_port)])
    }

    #[inline]
    fn behind(device: u32, (host, _): (u128, u16)) -> (u32, u128) {
        (device, host)
    }

    fn device_and_address((device, host): (u32, u128)) -> (u32, IpAddr) {
        (device, Self::address((host, 0)))
    }

    fn address((bits, _): (u128, u16)) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from_bits(bits))
    }

    fn id(layer: GraphLayer, node: (u128, u16)) -> NodeId {
        match layer {
            GraphLayer::Endpoints => NodeId::Endpoint(Self::address(node), node.1),
            _ => NodeId::Host(Self::address(node)),
        }
    }
}

fn addresses(key: &PackedV6) -> [u128; 2] {
    let [.., e, f, g, h, i, j, k, l] = *key;
    let ip = |words: [u32; 4]| words.into_iter().fold(0, |bits, word| bits << 32 | u128::from(word));
    [ip([e, f, g, h]), ip([i, j, k, l])]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = FlowKey> {
        let device = any::<[u8; 6]>().prop_map(MacAddr);
        let pair = |ip: BoxedStrategy<IpAddr>| {
            (ip.clone(), ip).prop_map(|(source, destination)| Pair { source, destination })
        };
        let hosts = prop_oneof![
            pair(any::<Ipv4Addr>().prop_map(IpAddr::V4).boxed()),
            pair(any::<Ipv6Addr>().prop_map(IpAddr::V6).boxed()),
        ];
        let transport = prop_oneof![Just(Transport::Tcp), Just(Transport::Udp), Just(Transport::Sctp)];
        let ports = (transport, any::<u16>(), any::<u16>())
            .prop_map(|(transport, source, destination)| (transport, Pair { source, destination }));
        let tunnel = (1..=8_u8, any::<u32>()).prop_map(|(kind, id)| TunnelId::from_parts(kind, id));
        (
            prop::option::of((device.clone(), device)),
            any::<(Option<u16>, Option<u16>)>(),
            prop::option::of(hosts),
            any::<Option<u8>>(),
            prop::option::of(ports),
            prop_oneof![Just(None), tunnel],
        )
            .prop_map(|(devices, (outer, inner), hosts, protocol, ports, tunnel)| FlowKey {
                devices: devices.map(|(source, destination)| Pair { source, destination }),
                vlans: Vlans { outer, inner },
                hosts,
                protocol,
                ports,
                tunnel,
            })
    }

    proptest! {
        #[test]
        fn a_packed_key_is_the_same_key(key in key()) {
            let ipv6 = key.hosts.is_some_and(|hosts| hosts.source.is_ipv6());
            let back = if ipv6 { PackedV6::pack(&key).unpack() } else { PackedV4::pack(&key).unpack() };
            prop_assert_eq!(back, key);
        }

        #[test]
        fn packed_nodes_are_those_of_the_key(key in key()) {
            prop_assert_eq!(PackedV4::pack(&key).is_virtual(), key.is_virtual());
            for layer in GraphLayer::ALL {
                let packed = if key.hosts.is_some_and(|hosts| hosts.source.is_ipv6()) {
                    let packed = PackedV6::pack(&key);
                    packed.ends(layer).map(|ends| ends.map(|node| PackedV6::id(layer, node)))
                        .or(devices(packed.words()).filter(|_| layer == GraphLayer::Devices).map(|ends| ends.map(|device| NodeId::Device(mac(device)))))
                } else {
                    let packed = PackedV4::pack(&key);
                    packed.ends(layer).map(|ends| ends.map(|node| PackedV4::id(layer, node)))
                        .or(devices(packed.words()).filter(|_| layer == GraphLayer::Devices).map(|ends| ends.map(|device| NodeId::Device(mac(device)))))
                };
                let pair = key.ends(layer).map(|(source, target)| [source, target]);
                prop_assert_eq!(packed, pair);
            }
        }
    }
}

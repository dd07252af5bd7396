//! Which flow it is, as it lies in the table: fixed words instead of options, which are hashed and compared as they are.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pcapviz_capture::{GraphLayer, MacAddr, Pair, Transport, TunnelId, Vlans};

use crate::{FlowKey, NodeId};

/// Words that identify a flow.
pub(crate) trait Packed: Copy + Eq + Send + Sync {
    /// A node of the layers above the devices, packed: sorts as [`NodeId`] does.
    type Node: Copy + Ord + Hash + Send;
    /// A host behind a device, which is a number.
    type Behind: Copy + Eq + Hash + Send;
    /// Whether it is of a flow over IPv6.
    const IS_V6: bool;

    fn pack(key: &FlowKey) -> Self;
    fn unpack(&self) -> FlowKey;
    fn words(&self) -> &[u64];
    /// Equality word by word. That of arrays is a call, and wider loads wait for the words just written.
    #[inline]
    fn same_as(&self, other: &Self) -> bool {
        self.words().iter().zip(other.words()).all(|(a, b)| a == b)
    }
    /// Whether the flow has two ends at this layer.
    fn reaches(&self, layer: GraphLayer) -> bool {
        let small = self.words()[3];
        match layer {
            GraphLayer::Devices => small & HAS_DEVICES != 0,
            GraphLayer::Hosts => small & HAS_HOSTS != 0,
            GraphLayer::Endpoints => small & HAS_HOSTS != 0 && (small >> TRANSPORT) as u8 != 0,
        }
    }
    /// As [`FlowKey::is_virtual`].
    fn is_virtual(&self) -> bool {
        self.words()[3] & (HAS_OUTER | HAS_INNER) != 0 || self.is_in_tunnel()
    }
    fn is_in_tunnel(&self) -> bool {
        (self.words()[3] >> TUNNEL) as u8 != 0
    }
    /// As [`FlowKey::protocol`].
    fn protocol(&self) -> Option<u8> {
        let small = self.words()[3];
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

/// A flow without IP, or over IPv4: MAC addresses with VLAN tags, ports and tunnel, small numbers, hosts.
pub(crate) type PackedV4 = [u64; 5];
/// A flow over IPv6: the same with longer hosts.
pub(crate) type PackedV6 = [u64; 8];

/// A device, an IPv4 address or an IPv4 end point: 64 bits in two halves, so that it is aligned to 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        Self([(bits >> 32) as u32, bits as u32])
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
        u64::from(self.0[0]) << 32 | u64::from(self.0[1])
    }
}

// What the fourth word has, from its lowest bit on: what is there at all, transport, protocol, tunnel's kind.
const HAS_DEVICES: u64 = 1;
const HAS_HOSTS: u64 = 1 << 1;
const HAS_PROTOCOL: u64 = 1 << 2;
const HAS_OUTER: u64 = 1 << 3;
const HAS_INNER: u64 = 1 << 4;
const TRANSPORT: u32 = 8;
const PROTOCOL: u32 = 16;
const TUNNEL: u32 = 24;

/// The words that all flows have.
#[inline(always)]
fn pack_common(key: &FlowKey) -> [u64; 4] {
    let device = |MacAddr([a, b, c, d, e, f]): MacAddr, vlan: Option<u16>| {
        let [g, h] = vlan.unwrap_or(0).to_be_bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    };
    let nobody = Pair { source: MacAddr([0; 6]), destination: MacAddr([0; 6]) };
    let devices = key.devices.unwrap_or(nobody);
    let (transport, ports) = match key.ports {
        None => (0, Pair { source: 0, destination: 0 }),
        Some((Transport::Tcp, ports)) => (1, ports),
        Some((Transport::Udp, ports)) => (2, ports),
        Some((Transport::Sctp, ports)) => (3, ports),
    };
    let (tunnel, number) = key.tunnel.map_or((0, 0), TunnelId::to_parts);
    let flag = |there: bool, flag: u64| if there { flag } else { 0 };
    let there = flag(key.devices.is_some(), HAS_DEVICES)
        | flag(key.hosts.is_some(), HAS_HOSTS)
        | flag(key.protocol.is_some(), HAS_PROTOCOL)
        | flag(key.vlans.outer.is_some(), HAS_OUTER)
        | flag(key.vlans.inner.is_some(), HAS_INNER);
    let protocol = u64::from(key.protocol.unwrap_or(0));
    [
        device(devices.source, key.vlans.outer),
        device(devices.destination, key.vlans.inner),
        u64::from(ports.source) << 48 | u64::from(ports.destination) << 32 | u64::from(number),
        there | transport << TRANSPORT | protocol << PROTOCOL | u64::from(tunnel) << TUNNEL,
    ]
}

#[inline(always)]
fn unpack_common([source, destination, ports, small]: [u64; 4]) -> FlowKey {
    let mac = |word: u64| {
        let [a, b, c, d, e, f, ..] = word.to_be_bytes();
        MacAddr([a, b, c, d, e, f])
    };
    let has = |flag: u64| small & flag != 0;
    let transport = match (small >> TRANSPORT) as u8 {
        1 => Some(Transport::Tcp),
        2 => Some(Transport::Udp),
        3 => Some(Transport::Sctp),
        _ => None,
    };
    let pair = Pair { source: (ports >> 48) as u16, destination: (ports >> 32) as u16 };
    FlowKey {
        devices: has(HAS_DEVICES).then(|| Pair { source: mac(source), destination: mac(destination) }),
        vlans: Vlans {
            outer: has(HAS_OUTER).then_some(source as u16),
            inner: has(HAS_INNER).then_some(destination as u16),
        },
        hosts: None,
        protocol: has(HAS_PROTOCOL).then_some((small >> PROTOCOL) as u8),
        ports: transport.map(|transport| (transport, pair)),
        tunnel: TunnelId::from_parts((small >> TUNNEL) as u8, ports as u32),
    }
}

/// Source and destination device of any flow.
#[inline]
pub(crate) fn devices(words: &[u64]) -> Option<[Narrow; 2]> {
    let (source, destination) = (Narrow::new(words[0] >> 16), Narrow::new(words[1] >> 16));
    (words[3] & HAS_DEVICES != 0).then_some([source, destination])
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
    const IS_V6: bool = false;

    #[inline]
    fn pack(key: &FlowKey) -> Self {
        let [a, b, c, d] = pack_common(key);
        let hosts = match key.hosts {
            Some(Pair { source: IpAddr::V4(source), destination: IpAddr::V4(destination) }) => {
                u64::from(source.to_bits()) << 32 | u64::from(destination.to_bits())
            }
            _ => 0,
        };
        [a, b, c, d, hosts]
    }

    #[inline(always)]
    fn unpack(&self) -> FlowKey {
        let [a, b, c, d, hosts] = *self;
        let mut key = unpack_common([a, b, c, d]);
        key.hosts = (d & HAS_HOSTS != 0).then(|| Pair {
            source: IpAddr::V4(Ipv4Addr::from_bits((hosts >> 32) as u32)),
            destination: IpAddr::V4(Ipv4Addr::from_bits(hosts as u32)),
        });
        key
    }

    #[inline]
    fn words(&self) -> &[u64] {
        self
    }

    #[inline]
    fn ends(&self, layer: GraphLayer) -> Option<[Narrow; 2]> {
        let [_, _, ports, _, hosts] = *self;
        let (source, destination) = (hosts >> 32, hosts & 0xffff_ffff);
        (layer != GraphLayer::Devices && self.reaches(layer)).then(|| match layer {
            GraphLayer::Endpoints => [
                Narrow::new(source << 16 | ports >> 48),
                Narrow::new(destination << 16 | ports >> 32 & 0xffff),
            ],
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
    const IS_V6: bool = true;

    #[inline]
    fn pack(key: &FlowKey) -> Self {
        let [a, b, c, d] = pack_common(key);
        let (source, destination) = match key.hosts {
            Some(Pair { source: IpAddr::V6(source), destination: IpAddr::V6(destination) }) => {
                (source.to_bits(), destination.to_bits())
            }
            _ => (0, 0),
        };
        let (high, low) = (|bits: u128| (bits >> 64) as u64, |bits: u128| bits as u64);
        [a, b, c, d, high(source), low(source), high(destination), low(destination)]
    }

    #[inline(always)]
    fn unpack(&self) -> FlowKey {
        let [a, b, c, d, ..] = *self;
        let mut key = unpack_common([a, b, c, d]);
        let [source, destination] = addresses(self).map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)));
        key.hosts = (d & HAS_HOSTS != 0).then_some(Pair { source, destination });
        key
    }

    #[inline]
    fn words(&self) -> &[u64] {
        self
    }

    fn ends(&self, layer: GraphLayer) -> Option<[(u128, u16); 2]> {
        let ports = self[2];
        let [source, destination] = addresses(self);
        let (source_port, destination_port) = match layer {
            GraphLayer::Endpoints => ((ports >> 48) as u16, (ports >> 32) as u16),
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
    let ip = |high: u64, low: u64| u128::from(high) << 64 | u128::from(low);
    [ip(key[4], key[5]), ip(key[6], key[7])]
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

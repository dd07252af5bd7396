use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use pcapviz_capture::{
    Capability, Dissection, GraphLayer, MacAddr, Protocol, Sighting, SpanningTree, Timestamp, Tree,
};

use crate::packed::{Narrow, Packed, PackedV4, PackedV6, devices, mac};
use crate::partition::Partition;
use crate::sort::sort_by_threads;
use crate::table::each_row;
use crate::tally::Tally;
use crate::{AddressClass, FlowTable, NodeId, join_lives};

/// How it is known that an address is a device's own, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Claim {
    /// A DHCP server gave it the address.
    Dhcp,
    /// It said so in ARP.
    Arp,
    /// It took part in IPv6 neighbour discovery under the address, which no router passes on.
    NeighbourDiscovery,
    /// It was seen under the address, which is on the same network as others on its link.
    Traffic,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dhcp => "DHCP",
            Self::Arp => "ARP",
            Self::NeighbourDiscovery => "ND",
            Self::Traffic => "traffic",
        })
    }
}

/// What shows that a device passes packets on for others, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Routing {
    /// It sends IPv6 router advertisements (RFC 4861).
    Advertises,
    /// DHCP gives its address as the router (RFC 2132, option 3).
    DhcpRouter,
    /// Its address is one that routers share: VRRP's or HSRP's.
    VirtualRouter,
    /// It speaks a routing protocol: OSPF, EIGRP, PIM or VRRP.
    RoutingProtocol,
    /// Enough off-link addresses stand behind it.
    OffLink,
}

impl fmt::Display for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Advertises => "router advertisements",
            Self::DhcpRouter => "router in DHCP",
            Self::VirtualRouter => "virtual router address",
            Self::RoutingProtocol => "routing protocol",
            Self::OffLink => "off-link traffic",
        })
    }
}

/// How often something was said, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// How often.
    pub count: u64,
    /// First and last.
    pub life: Option<(Timestamp, Timestamp)>,
}

impl Seen {
    fn once(time: Option<Timestamp>) -> Self {
        Self { count: 1, life: time.map(|t| (t, t)) }
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.life = join_lives(self.life, other.life);
    }
}

/// What devices say about their addresses, packet by packet.
///
/// A commutative monoid of bounded size, like everything gathered from packets: of the claims it keeps the 2^18
/// lowest by address, which are the same in whatever order they come.
///
/// ```
/// use pcapviz_capture::{DissectOptions, LinkType, Packet, dissect};
/// use pcapviz_graph::{Claim, Claims};
///
/// let mut frame = b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06".to_vec();
/// frame.extend(b"\0\x01\x08\0\x06\x04\0\x01\x02\0\0\0\0\x01\x0a\0\0\x01\0\0\0\0\0\0\x0a\0\0\x02");
/// let packet = Packet::new(LinkType::ETHERNET, &frame);
/// let mut claims = Claims::default();
/// claims.observe(None, &dissect(&packet, &DissectOptions::default()));
///
/// let (address, device, how, seen) = claims.iter().next().unwrap();
/// assert_eq!((address.to_string(), device.to_string()), ("10.0.0.1".into(), "02:00:00:00:00:01".into()));
/// assert_eq!((how, seen.count), (Claim::Arp, 1));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    claims: BTreeMap<(IpAddr, MacAddr, Claim), Seen>,
    advertisers: BTreeSet<MacAddr>,
    routers: BTreeSet<IpAddr>,
    /// Addresses that routers share.
    shared: BTreeSet<IpAddr>,
    /// Who sends BPDUs, and what these say of trees.
    bridges: BTreeSet<MacAddr>,
    trees: BTreeMap<(MacAddr, SpanningTree), Seen>,
    capabilities: BTreeSet<(MacAddr, Capability, Protocol)>,
    left_out: u64,
}

/// Claims kept, and routers or bridges of each kind.
const MOST_CLAIMS: usize = 1 << 18;
const MOST_ROUTERS: usize = 1 << 12;

impl Claims {
    /// Takes in what a packet says: ARP, and IPv6 neighbour discovery. O(log claims); next to nothing for
    /// any other packet.
    #[inline]
    pub fn observe(&mut self, time: Option<Timestamp>, found: &Dissection<'_>) {
        if found.arp.is_some() || found.icmp.is_some() {
            self.observe_rare(time, found);
        }
    }

    fn observe_rare(&mut self, time: Option<Timestamp>, found: &Dissection<'_>) {
        // In a tunnel, the headers that count need not belong together.
        if found.tunnel.is_some() {
            return;
        }
        if let Some(arp) = found.arp
            && matches!(arp.operation, 1 | 2)
        {
            let (device, address) = arp.sender;
            self.insert(address.into(), device, Claim::Arp, Seen::once(time));
        }
        let (Some(icmp), Some(devices), Some(hosts)) = (found.icmp, found.devices, found.hosts) else {
            return;
        };
        /// Router and neighbour solicitations and advertisements (RFC 4861, 4).
        const DISCOVERY: std::ops::RangeInclusive<u8> = 133..=136;
        const ROUTER_ADVERTISEMENT: u8 = 134;
        if hosts.protocol == 58 && DISCOVERY.contains(&icmp.kind) {
            let (device, address) = (devices.source, hosts.addresses.source);
            self.insert(address, device, Claim::NeighbourDiscovery, Seen::once(time));
            if icmp.kind == ROUTER_ADVERTISEMENT && is_station(device) {
                keep_lowest(&mut self.advertisers, device, &mut self.left_out);
            }
        }
    }

    /// Takes in what else a packet says of devices: leases, routers, bridges. Nothing for names.
    pub fn sighting(&mut self, time: Option<Timestamp>, sighting: &Sighting<'_>) {
        let left_out = &mut self.left_out;
        match *sighting {
            Sighting::Lease { device, host } => self.insert(host, device, Claim::Dhcp, Seen::once(time)),
            Sighting::Router { host } => keep_lowest(&mut self.routers, host, left_out),
            Sighting::VirtualRouter { host } => keep_lowest(&mut self.shared, host, left_out),
            Sighting::Bridge { device, tree } if is_station(device) => {
                keep_lowest(&mut self.bridges, device, left_out);
                if let Some(tree) = tree {
                    self.tree(device, tree, Seen::once(time));
                }
            }
            Sighting::Capability { device, capability, protocol } if is_station(device) => {
                keep_lowest(&mut self.capabilities, (device, capability, protocol), left_out);
            }
            _ => {}
        }
    }

    fn tree(&mut self, device: MacAddr, tree: SpanningTree, seen: Seen) {
        self.trees.entry((device, tree)).or_default().merge(seen);
        if self.trees.len() > MOST_ROUTERS
            && let Some((_, seen)) = self.trees.pop_last()
        {
            self.left_out += seen.count;
        }
    }

    fn insert(&mut self, address: IpAddr, device: MacAddr, how: Claim, seen: Seen) {
        if !is_station(device) || !is_own(address) {
            return;
        }
        self.claims.entry((address, device, how)).or_default().merge(seen);
        if self.claims.len() > MOST_CLAIMS
            && let Some((_, seen)) = self.claims.pop_last()
        {
            self.left_out += seen.count;
        }
    }

    /// Adds another's. Commutative and associative.
    pub fn merge(&mut self, other: Self) {
        for ((address, device, how), seen) in other.claims {
            self.insert(address, device, how, seen);
        }
        let left_out = &mut self.left_out;
        keep_lowest_of(&mut self.advertisers, other.advertisers, left_out);
        keep_lowest_of(&mut self.routers, other.routers, left_out);
        keep_lowest_of(&mut self.shared, other.shared, left_out);
        keep_lowest_of(&mut self.bridges, other.bridges, left_out);
        keep_lowest_of(&mut self.capabilities, other.capabilities, left_out);
        self.left_out += other.left_out;
        for ((device, tree), seen) in other.trees {
            self.tree(device, tree, seen);
        }
    }

    /// Every claim, by address: the address, who claims it, how, and how often. An address with two devices
    /// is contested, or moved.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, MacAddr, Claim, Seen)> {
        self.claims.iter().map(|((address, device, how), seen)| (*address, *device, *how, *seen))
    }

    /// How many claims were not kept, for there were too many.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

fn keep_lowest<T: Ord>(set: &mut BTreeSet<T>, item: T, left_out: &mut u64) {
    set.insert(item);
    if set.len() > MOST_ROUTERS && set.pop_last().is_some() {
        *left_out += 1;
    }
}

fn keep_lowest_of<T: Ord>(set: &mut BTreeSet<T>, items: BTreeSet<T>, left_out: &mut u64) {
    items.into_iter().for_each(|item| keep_lowest(set, item, left_out));
}

/// Whether a MAC address is one device's.
fn is_station(device: MacAddr) -> bool {
    !device.is_multicast() && device != MacAddr([0; 6])
}

/// Whether an IP address can be one device's on a link.
fn is_own(address: IpAddr) -> bool {
    let class = AddressClass::of(address);
    class.is_host() && class != AddressClass::Loopback
}

/// What stands behind a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// Its own addresses, sorted, each with the surest reason to say so.
    pub addresses: BTreeMap<IpAddr, Claim>,
    /// How many other addresses were seen behind it: it passes packets on for them.
    pub off_link: u64,
    /// How many packets it passed on, both ways.
    pub off_link_packets: u64,
    /// Why it is a gateway; empty if nothing says so.
    pub routing: BTreeSet<Routing>,
    /// Whether it sends BPDUs, which only bridges do.
    pub is_bridge: bool,
    /// What it said last of each spanning tree, by tree.
    pub trees: BTreeMap<Tree, SpanningTree>,
    /// What it says that it does, and by which protocol.
    pub capabilities: BTreeSet<(Capability, Protocol)>,
}

impl Device {
    /// Whether it passes packets on between networks.
    pub fn is_gateway(&self) -> bool {
        !self.routing.is_empty()
    }
}

/// A device counts as a gateway from so many off-link addresses on, or from fewer if it says which one
/// address on the link is its own...
const GATEWAY_ADDRESSES: u64 = 5;
const CLAIMING_GATEWAY_ADDRESSES: u64 = 2;
/// ... if it carries this share of all off-link packets, as one in so many.
const GATEWAY_SHARE: u64 = 10;

/// Devices joined to hosts: which IP addresses stand behind which MAC address, and so which is a gateway.
///
/// A device's own addresses are those that it claims (ARP, neighbour discovery, DHCP), link-local ones that
/// it uses, and those that it was seen under and that are on the same network (the first 24 bits of an IPv4
/// address, 64 of an IPv6 one) as others on its link: claimed ones, or the only address of some device. On a link
/// where private addresses are in use, a public address alone does not count as such. All other addresses
/// behind a device are off-link: it passes packets on for them.
///
/// A link is what devices that sent each other packets have in common. Flows in tunnels are left out: their
/// headers need not belong together.
///
/// ```
/// use pcapviz_graph::{Claims, FlowTable, Neighbours};
///
/// let neighbours = Neighbours::of(&FlowTable::new(), &Claims::default());
/// assert_eq!(neighbours.iter().count(), 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    devices: BTreeMap<MacAddr, Device>,
    off_link_packets: u64,
}

impl Neighbours {
    /// Joins what the flows show with what the devices claim. O(flows + addresses log addresses).
    pub fn of(table: &FlowTable, claims: &Claims) -> Self {
        Self::of_by(table, claims, 1)
    }

    /// The same, by up to so many threads.
    pub fn of_by(table: &FlowTable, claims: &Claims, threads: usize) -> Self {
        let parts = table.parts_by(threads, Shown::of);
        let mut joining = Joining::default();
        parts.into_iter().for_each(|shown| joining.add(shown));
        joining.finish(claims, threads)
    }

    /// By claims alone: for tables in which MAC and IP addresses do not belong together, such as those of the
    /// inner headers of tunnels.
    pub fn of_claims(claims: &Claims) -> Self {
        Joining::default().finish(claims, 1)
    }

    /// What stands behind a device.
    pub fn get(&self, device: MacAddr) -> Option<&Device> {
        self.devices.get(&device)
    }

    /// Every device that something is known of, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (MacAddr, &Device)> {
        self.devices.iter().map(|(mac, device)| (*mac, device))
    }

    /// How many packets all devices passed on for off-link addresses, each counted at each that did.
    pub fn off_link_packets(&self) -> u64 {
        self.off_link_packets
    }
}

/// What some of the flows show. Devices have numbers and addresses stay packed, since each flow asks for them.
#[derive(Default)]
struct Shown {
    /// None for those that are no station.
    numbers: HashMap<Narrow, Option<u32>, RandomState>,
    devices: Vec<Narrow>,
    /// For each device another one of its link, or itself.
    links: Vec<u32>,
    v4: Addresses<PackedV4>,
    v6: Addresses<PackedV6>,
    /// Who speaks a routing protocol.
    speakers: BTreeSet<u32>,
}

/// How many packets were seen of each address behind each device.
type Addresses<K> = Tally<<K as Packed>::Behind>;

/// Routing protocols over IP (IANA protocol numbers): EIGRP, OSPF, PIM, VRRP.
const ROUTING_PROTOCOLS: [u8; 4] = [88, 89, 103, 112];

impl Shown {
    fn of(v4: &[Partition<PackedV4>], v6: &[Partition<PackedV6>]) -> Self {
        let mut shown = Self::default();
        shown.v4 = shown.add(v4);
        shown.v6 = shown.add(v6);
        shown
    }

    fn add<K: Packed>(&mut self, partitions: &[Partition<K>]) -> Addresses<K> {
        let mut seen = Addresses::<K>::default();
        each_row(partitions, |partition, row| {
            let Some(devices) = devices(row.key.words()).filter(|_| !row.key.is_in_tunnel()) else { return };
            let devices = devices.map(|device| self.number(device));
            if let [Some(a), Some(b)] = devices {
                self.join(a, b);
            }
            let Some(hosts) = row.key.ends(GraphLayer::Hosts) else { return };
            for (device, host) in devices.into_iter().zip(hosts) {
                if let Some(device) = device {
                    seen.add(K::behind(device, host), partition.packets(row));
                }
            }
            if row.key.protocol().is_some_and(|number| ROUTING_PROTOCOLS.contains(&number)) {
                self.speakers.extend(devices[0]);
            }
        });
        seen
    }

    fn number(&mut self, device: Narrow) -> Option<u32> {
        *self.numbers.entry(device).or_insert_with(|| {
            let number = self.devices.len() as u32;
            is_station(mac(device)).then(|| {
                self.devices.push(device);
                self.links.push(number);
                number
            })
        })
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.first_of_link(a), self.first_of_link(b));
        self.links[a.max(b) as usize] = a.min(b);
    }

    fn first_of_link(&mut self, device: u32) -> u32 {
        let mut at = device;
        while self.links[at as usize] != at {
            // Paths halve on the way.
            let further = self.links[self.links[at as usize] as usize];
            self.links[at as usize] = further;
            at = further;
        }
        at
    }

    /// Every address seen behind a device, if it can be one device's.
    fn addresses(&self) -> impl Iterator<Item = ((MacAddr, IpAddr), u64)> {
        let v4 = self.v4.iter().map(|(behind, packets)| (PackedV4::device_and_address(behind), packets));
        let v6 = self.v6.iter().map(|(behind, packets)| (PackedV6::device_and_address(behind), packets));
        let own = v4.chain(v6).filter(|((_, address), _)| is_own(*address));
        own.map(|((device, address), packets)| ((mac(self.devices[device as usize]), address), packets))
    }
}

/// Addresses with devices as all flows show them, undecided as yet.
#[derive(Default)]
struct Joining {
    /// How many packets were seen of each address behind each device; not sorted, some of them repeated.
    seen: Vec<((MacAddr, IpAddr), u64)>,
    links: Links,
    /// Who speaks a routing protocol.
    speakers: BTreeSet<MacAddr>,
}

impl Joining {
    fn add(&mut self, shown: Shown) {
        self.seen.extend(shown.addresses());
        let of = |number: u32| mac(shown.devices[number as usize]);
        for (device, other) in (0..).zip(&shown.links) {
            self.links.join(of(device), of(*other));
        }
        self.speakers.extend(shown.speakers.iter().map(|device| of(*device)));
    }

    fn finish(mut self, claims: &Claims, threads: usize) -> Neighbours {
        let mut devices: BTreeMap<MacAddr, Device> = BTreeMap::new();
        let mut owners: BTreeMap<IpAddr, Vec<MacAddr>> = BTreeMap::new();
        let mut networks: BTreeSet<(MacAddr, Network)> = BTreeSet::new();
        for (address, device, how, _) in claims.iter() {
            let best = devices.entry(device).or_default().addresses.entry(address).or_insert(how);
            *best = how.min(*best);
            owners.entry(address).or_default().push(device);
            networks.insert((self.links.of(device), Network::of(address)));
        }

        let mut seen = std::mem::take(&mut self.seen);
        // Packed, they sort alike, and are compared at once.
        sort_by_threads(&mut seen, threads, |((device, address), _)| {
            (Narrow::of(NodeId::Device(*device)), Narrow::of(NodeId::Host(*address)))
        });
        seen.dedup_by(|(of, packets), kept| {
            *of == kept.0 && {
                kept.1 += *packets;
                true
            }
        });
        let mut private: BTreeSet<MacAddr> = BTreeSet::new();
        for of_device in seen.chunk_by(|a, b| a.0.0 == b.0.0) {
            if of_device.iter().any(|((_, address), _)| AddressClass::of(*address).is_inside()) {
                private.insert(self.links.of(of_device[0].0.0));
            }
        }
        // What is the only address of its device says which networks are on the link.
        for of_device in seen.chunk_by(|a, b| a.0.0 == b.0.0 && a.0.1.is_ipv4() == b.0.1.is_ipv4()) {
            let ((device, _), _) = of_device[0];
            let link = self.links.of(device);
            // IPv6 link-local addresses stand beside the others.
            let mut global = of_device.iter().filter(|((_, ip), _)| !is_link_local(*ip));
            let only = global.next().map(|((_, ip), _)| *ip).filter(|_| global.next().is_none());
            let claims_another = |only: &IpAddr| {
                let own = devices.get(&device).map(|known| &known.addresses);
                own.is_some_and(|own| {
                    !own.contains_key(only) && own.keys().any(|ip| ip.is_ipv4() == only.is_ipv4())
                })
            };
            if let Some(only) = only
                && !claimed_elsewhere(&owners, only, device)
                && !claims_another(&only)
                && (AddressClass::of(only).is_inside() || !private.contains(&link))
            {
                networks.insert((link, Network::of(only)));
            }
        }

        let mut off_link_packets = 0_u64;
        for of_device in seen.chunk_by(|a, b| a.0.0 == b.0.0) {
            let device = of_device[0].0.0;
            let link = self.links.of(device);
            let entry = devices.entry(device).or_default();
            for &((_, address), packets) in of_device {
                if entry.addresses.contains_key(&address) {
                    continue;
                }
                let on_link = is_link_local(address)
                    || (networks.contains(&(link, Network::of(address)))
                        && !claimed_elsewhere(&owners, address, device));
                if on_link {
                    entry.addresses.insert(address, Claim::Traffic);
                } else {
                    entry.off_link += 1;
                    entry.off_link_packets = entry.off_link_packets.saturating_add(packets);
                    off_link_packets = off_link_packets.saturating_add(packets);
                }
            }
        }

        for &mac in &claims.bridges {
            devices.entry(mac).or_default().is_bridge = true;
        }
        for &(mac, capability, protocol) in &claims.capabilities {
            devices.entry(mac).or_default().capabilities.insert((capability, protocol));
        }
        // What was said last counts; without times, the better root, which a tree comes to in the end.
        let mut trees: Vec<_> = claims.trees.iter().collect();
        trees
            .sort_by_key(|((_, tree), seen)| (seen.life.map(|(_, last)| last), std::cmp::Reverse(tree.root)));
        for ((mac, tree), _) in trees {
            devices.entry(*mac).or_default().trees.insert(tree.tree, *tree);
        }

        for (mac, device) in &mut devices {
            let routing = &mut device.routing;
            if claims.advertisers.contains(mac) {
                routing.insert(Routing::Advertises);
            }
            if device.addresses.keys().any(|address| claims.routers.contains(address)) {
                routing.insert(Routing::DhcpRouter);
            }
            let claimed = || device.addresses.iter().filter(|(_, how)| **how != Claim::Traffic);
            // The active router answers for the address that it shares, though its own MAC address may.
            if mac.virtual_router().is_some() || claimed().any(|(address, _)| claims.shared.contains(address))
            {
                routing.insert(Routing::VirtualRouter);
            }
            if self.speakers.contains(mac) {
                routing.insert(Routing::RoutingProtocol);
            }
            // Who claims several addresses may be claiming those of others.
            let claims_its_own =
                claimed().next().is_some() && claimed().filter(|(ip, _)| ip.is_ipv4()).count() <= 1;
            let enough = if claims_its_own { CLAIMING_GATEWAY_ADDRESSES } else { GATEWAY_ADDRESSES };
            let share = device.off_link_packets.saturating_mul(GATEWAY_SHARE);
            if device.off_link >= enough && share >= off_link_packets {
                routing.insert(Routing::OffLink);
            }
        }
        Neighbours { devices, off_link_packets }
    }
}

fn is_link_local(address: IpAddr) -> bool {
    AddressClass::of(address) == AddressClass::LinkLocal
}

/// Whether others say that the address is theirs.
fn claimed_elsewhere(owners: &BTreeMap<IpAddr, Vec<MacAddr>>, address: IpAddr, device: MacAddr) -> bool {
    owners.get(&address).is_some_and(|owners| !owners.contains(&device))
}

/// The network that an address is in, as far as it can be told without masks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Network {
    V4([u8; 3]),
    V6(u64),
}

impl Network {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(ip) => Self::V6((Ipv6Addr::to_bits(ip) >> 64) as u64),
        }
    }
}

/// Which devices share a link: union by lowest address, so that nothing depends on the order of the flows. Only
/// devices that are not the lowest of their link are in it.
#[derive(Default)]
struct Links(HashMap<MacAddr, MacAddr, RandomState>);

impl Links {
    /// The lowest device of the link.
    fn of(&mut self, device: MacAddr) -> MacAddr {
        let mut at = device;
        while let Some(&next) = self.0.get(&at) {
            // Paths halve on the way.
            let Some(&further) = self.0.get(&next) else { return next };
            self.0.insert(at, further);
            at = further;
        }
        at
    }

    fn join(&mut self, a: MacAddr, b: MacAddr) {
        let (a, b) = (self.of(a), self.of(b));
        if a != b {
            self.0.insert(a.max(b), a.min(b));
        }
    }
}

#[cfg(test)]
mod tests {
    use pcapviz_capture::{DissectOptions, LinkType, Packet, dissect};
    use pcapviz_testkit::frame::{Ethernet, Frame, Ipv4, Udp, arp_request, gre};
    use proptest::prelude::*;

    use super::*;

    fn v4(text: &str) -> std::net::Ipv4Addr {
        text.parse().unwrap()
    }

    /// `1 10.0.0.1 > 2 10.0.0.2` is a datagram between devices 1 and 2, `1 arp 10.0.0.1` a request by 1 for that
    /// address as its own; `gre` before the datagram puts it in a tunnel.
    fn frame(text: &str) -> Frame {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            [device, "arp", address] => {
                let device = device.parse().unwrap();
                let request = arp_request([2, 0, 0, 0, 0, device], v4(address), v4("10.0.0.254"));
                Ethernet { destination: [0xff; 6], ..Ethernet::between(device, 0) }.carry(request)
            }
            [from, source, ">", to, destination] => {
                let inside = Ipv4::between(v4(source), v4(destination)).carry(Udp::ports(1, 2).carry(b"x"));
                Ethernet::between(from.parse().unwrap(), to.parse().unwrap()).carry(inside)
            }
            ["gre", from, source, ">", to, destination] => {
                let inside = Ipv4::between(v4("10.1.1.1"), v4("10.1.1.2")).carry(b"x");
                let tunnel = Ipv4::between(v4(source), v4(destination)).carry(gre(Some(7)).carry(inside));
                Ethernet::between(from.parse().unwrap(), to.parse().unwrap()).carry(tunnel)
            }
            _ => panic!("{text}"),
        }
    }

    fn gather<'a>(lines: impl IntoIterator<Item = &'a str>) -> (FlowTable, Claims) {
        let (mut table, mut claims) = (FlowTable::new(), Claims::default());
        for line in lines {
            let frame = frame(line);
            let packet = Packet::new(LinkType::ETHERNET, frame.bytes());
            let found = dissect(&packet, &DissectOptions::default());
            claims.observe(None, &found);
            table.observe(0, &packet, &found);
        }
        (table, claims)
    }

    /// A device in short: `1: 10.0.0.1 ARP +3 gateway`.
    fn shown(neighbours: &Neighbours) -> Vec<String> {
        let devices = neighbours.iter().map(|(mac, device)| {
            let own = device.addresses.iter().map(|(address, how)| format!(" {address} {how}"));
            let off_link = (device.off_link > 0).then(|| format!(" +{}", device.off_link));
            let gateway = if device.is_gateway() { " gateway" } else { "" };
            format!("{}:{}{}{gateway}", mac.0[5], own.collect::<String>(), off_link.unwrap_or_default())
        });
        devices.collect()
    }

    #[test]
    fn tells_a_devices_addresses_from_those_behind_it() {
        let away: Vec<String> = (1..=5).map(|n| format!("1 10.0.0.1 > 2 8.8.{n}.8")).collect();
        let away = away.join("\n");
        for (packets, expected) in [
            ("1 arp 10.0.0.1", "1: 10.0.0.1 ARP"),
            ("1 arp 0.0.0.0", ""),
            // Two hosts that share a link: nothing is said but by traffic.
            ("1 10.0.0.1 > 2 10.0.0.2", "1: 10.0.0.1 traffic, 2: 10.0.0.2 traffic"),
            ("1 1.2.3.4 > 2 5.6.7.8", "1: 1.2.3.4 traffic, 2: 5.6.7.8 traffic"),
            // A public address where private ones are in use is somewhere else.
            ("1 10.0.0.1 > 2 8.8.8.8", "1: 10.0.0.1 traffic, 2: +1"),
            // The router's own address shows by its network, or by ARP.
            (
                "1 10.0.0.1 > 2 8.8.8.8\n1 10.0.0.1 > 2 10.0.0.9",
                "1: 10.0.0.1 traffic, 2: 10.0.0.9 traffic +1",
            ),
            ("2 arp 10.0.5.9\n1 10.0.0.1 > 2 8.8.8.8", "1: 10.0.0.1 traffic, 2: 10.0.5.9 ARP +1"),
            // Someone else's address behind a device is passed on, though it is of the same network.
            (
                "1 arp 10.0.0.1\n3 arp 10.0.0.3\n2 10.0.0.1 > 3 10.0.0.3",
                "1: 10.0.0.1 ARP, 2: +1, 3: 10.0.0.3 ARP",
            ),
            (&away, "1: 10.0.0.1 traffic, 2: +5 gateway"),
            (
                "2 arp 10.0.5.9\n1 10.0.0.1 > 2 8.8.8.8\n1 10.0.0.1 > 2 8.8.4.4",
                "1: 10.0.0.1 traffic, 2: 10.0.5.9 ARP +2 gateway",
            ),
            // Another link says nothing about this one.
            (
                "1 10.0.0.1 > 2 10.0.0.2\n5 1.2.3.4 > 6 5.6.7.8",
                "1: 10.0.0.1 traffic, 2: 10.0.0.2 traffic, 5: 1.2.3.4 traffic, 6: 5.6.7.8 traffic",
            ),
            ("gre 1 10.0.0.1 > 2 10.0.0.2", ""),
        ] {
            let (table, claims) = gather(packets.lines());
            assert_eq!(shown(&Neighbours::of(&table, &claims)).join(", "), expected, "{packets}");
        }
    }

    proptest! {
        #[test]
        fn any_split_in_any_order_is_the_whole(
            packets in prop::collection::vec((0..3_usize, 1..5_u8, 1..5_u8, 0..6_u8), 0..30),
        ) {
            let lines: Vec<_> = packets
                .iter()
                .map(|&(part, from, to, kind)| {
                    let line = match kind {
                        0 => format!("{from} arp 10.0.0.{to}"),
                        1 | 2 => format!("{from} 10.0.0.{from} > {to} 10.0.0.{to}"),
                        _ => format!("{from} 10.0.0.{from} > {to} 8.8.8.{kind}"),
                    };
                    (part, line)
                })
                .collect();
            let of = |part: Option<usize>| {
                gather(lines.iter().filter(|(p, _)| part.is_none_or(|part| part == *p)).map(|(_, l)| &**l))
            };
            let (mut table, mut claims) = of(Some(2));
            for part in [0, 1] {
                let (other_table, other_claims) = of(Some(part));
                table.merge(other_table);
                claims.merge(other_claims);
            }
            let (whole_table, whole_claims) = of(None);
            prop_assert_eq!(&claims, &whole_claims);
            prop_assert_eq!(Neighbours::of(&table, &claims), Neighbours::of(&whole_table, &whole_claims));
        }
    }
}

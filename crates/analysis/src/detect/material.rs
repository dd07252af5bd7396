//! What the detectors share: one pass over the flow table, and a second over the few rows that matter.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr};

use pcapviz_capture::{Pair, Transport};
use pcapviz_graph::{AddressClass, FlowKey, FlowStats, FlowTable, GraphLayer, NodeId, Position, Timestamp};

use super::packets::{Carried, Clause, Filters};
use super::threshold::{LONG, LONG_CAPTURE, LONG_SHARE, UPLOAD_NOTE};
use crate::life::{Life, join, seconds};
use crate::observe::Connection;
use crate::{Inside, Observations};

/// All that detectors look at.
pub(super) struct Material<'a> {
    table: &'a FlowTable,
    pub(super) observations: &'a Observations,
    pub(super) inside: &'a Inside,
    pub(super) filters: Filters,
    /// From the first packet with a time to the last.
    pub(super) life: Life,
    /// One direction of TCP connections that began in the capture: it has a SYN.
    pub(super) begun: Vec<(Connection, Direction)>,
    /// The rows of conversations worth a close look, by conversation: client to server first.
    pub(super) conversations: BTreeMap<Conversation, Directions>,
    /// The hosts that sent to one of those in [`conversations`](Self::conversations).
    senders: BTreeSet<(IpAddr, IpAddr)>,
}

/// A conversation from its client's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Conversation {
    pub(super) carried: Carried,
    pub(super) connection: Connection,
}

/// What one direction of a conversation is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Direction {
    pub(super) packets: u64,
    /// Bytes that the transport carried, retransmissions left out where the handshake tells.
    pub(super) payload: u64,
    pub(super) life: Life,
    pub(super) position: Position,
    pub(super) tcp_flags: u8,
    pub(super) active_slots: u32,
}

/// Both directions of a conversation, each where it was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Directions {
    pub(super) up: Option<Direction>,
    pub(super) down: Option<Direction>,
}

pub(super) const SYN: u8 = 0x02;
pub(super) const ACK: u8 = 0x10;

impl<'a> Material<'a> {
    pub(super) fn gather(table: &'a FlowTable, observations: &'a Observations, inside: &'a Inside) -> Self {
        let mut material = Self {
            table,
            observations,
            inside,
            filters: Filters::of(table),
            life: None,
            begun: Vec::new(),
            conversations: BTreeMap::new(),
            senders: BTreeSet::new(),
        };
        let mut sketch = Sketch::for_flows(table.len());
        for (key, stats) in table.iter() {
            material.life = join(material.life, stats.life);
            let Some((transport, ports)) = key.ports else { continue };
            let Some(hosts) = key.hosts else { continue };
            sketch.add(hosts, stats.traffic.payload_bytes);
            if transport == Transport::Tcp && stats.tcp_flags & SYN != 0 {
                material.begun.push((Connection { hosts, ports }, Direction::of(&stats)));
            }
        }
        let close = material.worth_a_close_look(&sketch);
        material.look_closely(&close);
        material
    }

    /// The pairs of hosts of which one sent much to the other, or which talked for long.
    fn worth_a_close_look(&self, sketch: &Sketch) -> HashSet<Pair<IpAddr>> {
        let capture = seconds(self.life);
        let long = if capture >= LONG_CAPTURE { LONG.min(LONG_SHARE * capture) } else { LONG };
        let mut close = HashSet::new();
        if capture < long && !sketch.has_large() {
            return close;
        }
        let mut sent: HashMap<Pair<IpAddr>, u64> = HashMap::new();
        for (key, stats) in self.table.iter() {
            let (Some(hosts), Some(_)) = (key.hosts, key.ports) else { continue };
            if sketch.is_large(hosts) {
                let sum = sent.entry(hosts).or_default();
                *sum = sum.saturating_add(stats.traffic.payload_bytes);
            }
            // The two directions of a connection need not begin and end together.
            if stats.traffic.packets >= LONG_PACKETS && seconds(stats.life) >= long / 2.0 {
                close.insert(unordered(hosts));
            }
        }
        let large = sent.into_iter().filter(|(_, sum)| *sum as f64 >= UPLOAD_NOTE);
        close.extend(large.map(|(hosts, _)| unordered(hosts)));
        close
    }

    /// Sorts out the conversations between these hosts.
    fn look_closely(&mut self, close: &HashSet<Pair<IpAddr>>) {
        if close.is_empty() {
            return;
        }
        let hosts: HashSet<IpAddr> = close.iter().flat_map(|pair| [pair.source, pair.destination]).collect();
        let mut directions: BTreeMap<(Carried, Connection), Direction> = BTreeMap::new();
        for (key, stats) in self.table.iter() {
            let Some((carried, connection)) = conversation(&key) else { continue };
            let Pair { source, destination } = connection.hosts;
            if hosts.contains(&destination) {
                self.senders.insert((destination, source));
            }
            if !close.contains(&unordered(connection.hosts)) {
                continue;
            }
            let direction = Direction::of(&stats);
            let known = directions.entry((carried, connection));
            known.and_modify(|known| known.add(&direction)).or_insert(direction);
        }
        for (&(carried, connection), direction) in &directions {
            let back = directions.get(&(carried, connection.reversed()));
            let is_client = self.is_client(carried, connection, direction, back);
            let mut direction = *direction;
            if carried == Carried::Tcp
                && let Some(bytes) = self.observations.handshakes.bytes(&connection)
                && direction.payload <= u32::MAX.into()
            {
                // What the capture dropped is in neither: the smaller number is sure.
                direction.payload = direction.payload.min(bytes.into());
            }
            let client = if is_client { connection } else { connection.reversed() };
            let both = self.conversations.entry(Conversation { carried, connection: client }).or_default();
            let place = if is_client { &mut both.up } else { &mut both.down };
            *place = Some(direction);
        }
    }

    /// Whether this direction is the client's: it sent the SYN. Where that is not in the capture, a port below
    /// 1024 is the server's; else whoever sent first is the client.
    fn is_client(
        &self,
        carried: Carried,
        it: Connection,
        here: &Direction,
        back: Option<&Direction>,
    ) -> bool {
        if carried == Carried::Tcp {
            let handshakes = &self.observations.handshakes;
            match (handshakes.began(&it), handshakes.began(&it.reversed())) {
                (true, false) => return true,
                (false, true) => return false,
                _ => {}
            }
            if here.tcp_flags & (SYN | ACK) == SYN {
                return true;
            }
        }
        let well_known = |port: u16| port < 1024;
        match (well_known(it.ports.source), well_known(it.ports.destination)) {
            (false, true) => true,
            (true, false) => false,
            _ => match back {
                Some(back) => (here.began(), it) < (back.began(), it.reversed()),
                None => it.ports.source >= it.ports.destination,
            },
        }
    }

    /// Flows between devices, for the few questions about who carries whose packets.
    pub(super) fn flows(&self) -> impl Iterator<Item = (FlowKey, FlowStats)> {
        self.table.iter()
    }

    /// How many hosts inside sent something to this one, which has a conversation.
    pub(super) fn senders_to(&self, server: IpAddr) -> usize {
        let senders = self.senders.range((server, LOWEST)..).take_while(|(to, _)| *to == server);
        senders.filter(|(_, from)| self.inside.holds(*from)).count()
    }

    /// Hosts inside. O(flows log flows).
    pub(super) fn inside_hosts(&self) -> usize {
        let hosts = self.table.nodes(GraphLayer::Hosts).into_iter().filter_map(NodeId::ip);
        hosts.filter(|ip| self.inside.holds(*ip) && AddressClass::of(*ip).is_host()).count()
    }
}

/// An upper bound of what each host sent to each other, in little memory: of millions of pairs, few sent much
/// (one row of a count-min sketch: Cormode and Muthukrishnan, 2005).
struct Sketch {
    sums: Vec<u64>,
    hasher: foldhash::fast::RandomState,
}

impl Sketch {
    fn for_flows(flows: usize) -> Self {
        let len = flows.next_power_of_two().clamp(1 << 6, 1 << 22);
        Self { sums: vec![0; len], hasher: foldhash::fast::RandomState::default() }
    }

    fn place(&self, hosts: Pair<IpAddr>) -> usize {
        let bits = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.to_bits().into(),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        let hash = self.hasher.hash_one((bits(hosts.source), bits(hosts.destination)));
        hash as usize & (self.sums.len() - 1)
    }

    fn add(&mut self, hosts: Pair<IpAddr>, bytes: u64) {
        let place = self.place(hosts);
        self.sums[place] = self.sums[place].saturating_add(bytes);
    }

    fn is_large(&self, hosts: Pair<IpAddr>) -> bool {
        self.sums[self.place(hosts)] as f64 >= UPLOAD_NOTE
    }

    fn has_large(&self) -> bool {
        self.sums.iter().any(|sum| *sum as f64 >= UPLOAD_NOTE)
    }
}

/// The first address in order.
const LOWEST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Packets one way that a long connection has at least: two packets far apart are none.
const LONG_PACKETS: u64 = 4;

impl Direction {
    pub(super) fn of(stats: &FlowStats) -> Self {
        Self {
            packets: stats.traffic.packets,
            payload: stats.traffic.payload_bytes,
            life: stats.life,
            position: stats.position,
            tcp_flags: stats.tcp_flags,
            active_slots: stats.activity.active_slots(),
        }
    }

    /// Adds what was seen of it elsewhere, such as in another VLAN.
    fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.payload = self.payload.saturating_add(other.payload);
        self.life = join(self.life, other.life);
        self.position = self.position.min(other.position);
        self.tcp_flags |= other.tcp_flags;
        self.active_slots = self.active_slots.max(other.active_slots);
    }

    /// When it began, comparable even without times.
    pub(super) fn began(&self) -> (Option<Timestamp>, Position) {
        (self.life.map(|(first, _)| first), self.position)
    }
}

impl Conversation {
    /// The filter clause for it and its like: the same server port, from any port.
    pub(super) fn service(&self) -> Clause {
        let Connection { hosts, ports } = self.connection;
        Clause::between(self.carried, hosts.source, hosts.destination).server_port(ports.destination)
    }

    /// The filter clause for it alone.
    pub(super) fn clause(&self) -> Clause {
        Clause { client_port: Some(self.connection.ports.source), ..self.service() }
    }
}

fn conversation(key: &FlowKey) -> Option<(Carried, Connection)> {
    let (hosts, (transport, ports)) = (key.hosts?, key.ports?);
    let carried = match transport {
        Transport::Tcp => Carried::Tcp,
        Transport::Udp => Carried::Udp,
        Transport::Sctp => return None,
    };
    Some((carried, Connection { hosts, ports }))
}

fn unordered(hosts: Pair<IpAddr>) -> Pair<IpAddr> {
    let Pair { source, destination } = hosts;
    Pair { source: source.min(destination), destination: source.max(destination) }
}

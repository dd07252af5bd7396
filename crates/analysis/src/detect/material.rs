//! What the detectors share: one pass over the flow table, and a second over the few rows that matter.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use hashbrown::HashMap;
use pcapviz_capture::{Pair, Transport};
use pcapviz_graph::{FlowKey, FlowStats, FlowTable, Position, Timestamp};

use super::packets::{Carried, Clause, Filters};
use super::threshold::{LONG, UPLOAD_NOTE};
use crate::life::{Life, join, seconds};
use crate::observe::Connection;
use crate::{Inside, Observations};

/// All that detectors look at.
pub(super) struct Material<'a> {
    pub(super) observations: &'a Observations,
    pub(super) inside: &'a Inside,
    pub(super) filters: Filters,
    /// From the first packet with a time to the last.
    pub(super) life: Life,
    /// What each host sent to each other.
    pub(super) sent: HashMap<Pair<IpAddr>, Sent, foldhash::fast::RandomState>,
    /// One direction of TCP connections that began in the capture: it has a SYN.
    pub(super) begun: Vec<(Connection, Direction)>,
    /// The rows of conversations worth a close look, by conversation: client to server first.
    pub(super) conversations: BTreeMap<Conversation, Directions>,
}

/// What one host sent to another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    pub(super) payload: u64,
    pub(super) life: Life,
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
            observations,
            inside,
            filters: Filters::of(table),
            life: None,
            sent: HashMap::default(),
            begun: Vec::new(),
            conversations: BTreeMap::new(),
        };
        let mut close: HashSet<Pair<IpAddr>> = HashSet::new();
        for (key, stats) in table.iter() {
            material.life = join(material.life, stats.life);
            let Some(hosts) = key.hosts else { continue };
            let Some((transport, ports)) = key.ports else { continue };
            let sent = material.sent.entry(hosts).or_default();
            sent.payload = sent.payload.saturating_add(stats.traffic.payload_bytes);
            sent.life = join(sent.life, stats.life);
            if transport == Transport::Tcp && stats.tcp_flags & SYN != 0 {
                material.begun.push((Connection { hosts, ports }, Direction::of(&stats)));
            }
            if seconds(stats.life) >= LONG / 6.0 {
                close.insert(unordered(hosts));
            }
        }
        let large = material.sent.iter().filter(|(_, sent)| sent.payload as f64 >= UPLOAD_NOTE);
        close.extend(large.map(|(hosts, _)| unordered(*hosts)));
        material.look_closely(table, &close);
        material
    }

    /// Sorts out the conversations between these hosts.
    fn look_closely(&mut self, table: &FlowTable, close: &HashSet<Pair<IpAddr>>) {
        if close.is_empty() {
            return;
        }
        let mut directions: BTreeMap<(Carried, Connection), Direction> = BTreeMap::new();
        for (key, stats) in table.iter() {
            let Some((carried, connection)) = conversation(&key) else { continue };
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

    /// How many hosts inside sent something to this one.
    pub(super) fn senders_to(&self, server: IpAddr) -> usize {
        let to = |hosts: &&Pair<IpAddr>| hosts.destination == server && self.inside.holds(hosts.source);
        self.sent.keys().filter(to).count()
    }

    /// Hosts inside that sent something.
    pub(super) fn inside_hosts(&self) -> usize {
        let hosts: HashSet<IpAddr> =
            self.sent.keys().map(|hosts| hosts.source).filter(|host| self.inside.holds(*host)).collect();
        hosts.len()
    }
}

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

//! What the detectors share: one pass over the flow table, and a second over the few rows that matter.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;

use foldhash::fast::{FixedState, RandomState};
use pcapviz_capture::{Pair, Transport};
use pcapviz_graph::{AddressClass, FlowKey, FlowStats, FlowTable, Position, Timestamp};

use super::packets::{CLAUSES, Carried, Clause, Filters};
use super::threshold::{BEACON_GAPS, LONG, LONG_CAPTURE, LONG_SHARE, LONG_SLOTS, SCAN_HOSTS, UPLOAD_NOTE};
use crate::life::{Life, join, seconds};
use crate::observe::Connection;
use crate::{Inside, Observations};

/// All that detectors look at.
pub(super) struct Material<'a> {
    table: &'a FlowTable,
    /// How many to go over the table by, at most.
    threads: usize,
    pub(super) observations: &'a Observations,
    pub(super) inside: &'a Inside,
    pub(super) filters: Filters,
    /// From the first packet with a time to the last.
    pub(super) life: Life,
    /// One direction of TCP connections that began in the capture: it has a SYN.
    pub(super) begun: Vec<(Connection, Direction)>,
    /// Directions of UDP conversations, of hosts of which few are answered and of clients that come back often.
    pub(super) datagrams: Vec<(Connection, Direction)>,
    /// What clients exchanged with servers, where one host sent much to the other: client first.
    pub(super) exchanges: BTreeMap<Pair<IpAddr>, Exchange>,
    /// Conversations that went on for long: client to server first.
    pub(super) long: BTreeMap<Conversation, Directions>,
}

/// What a client sent to a server, and got back.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    /// Bytes that the transport carried, retransmissions left out where the handshakes tell.
    pub(super) up: u64,
    pub(super) down: u64,
    pub(super) packets_up: u64,
    pub(super) packets_down: u64,
    pub(super) life: Life,
    /// By which protocol and server port; only the first few.
    pub(super) services: BTreeSet<(Carried, u16)>,
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
    /// Bytes that the transport carried.
    pub(super) payload: u64,
    pub(super) life: Life,
    pub(super) position: Position,
    pub(super) tcp_flags: u8,
}

/// Both directions of a conversation, each where it was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Directions {
    pub(super) up: Option<Direction>,
    pub(super) down: Option<Direction>,
}

const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const ACK: u8 = 0x10;

impl<'a> Material<'a> {
    /// One pass over all flows, and another one where it may find something, each by up to so many threads.
    pub(super) fn gather(
        table: &'a FlowTable,
        observations: &'a Observations,
        inside: &'a Inside,
        threads: usize,
    ) -> Self {
        let mut material = Self {
            table,
            threads,
            observations,
            inside,
            filters: Filters::of(table),
            life: None,
            begun: Vec::new(),
            datagrams: Vec::new(),
            exchanges: BTreeMap::new(),
            long: BTreeMap::new(),
        };
        let sketch = Sketch::of(table);
        let start = || (None, Vec::new(), sketch.clone(), Callers::of(table));
        let parts = table.fold_by(threads, start, |(life, begun, sketch, callers), key, stats| {
            *life = join(*life, stats.life);
            let (Some((transport, ports)), Some(hosts)) = (key.ports, key.hosts) else { return };
            sketch.add(hosts, stats.traffic.payload_bytes);
            if transport == Transport::Tcp && stats.tcp_flags & SYN != 0 {
                begun.push((Connection { hosts, ports }, Direction::of(&stats)));
            } else if transport == Transport::Udp {
                callers.add(&Connection { hosts, ports }, inside);
            }
        });
        let (mut whole, mut callers) = (sketch, Callers::of(table));
        for (life, begun, sketch, part) in parts {
            material.life = join(material.life, life);
            material.begun.extend(begun);
            whole.merge(&sketch);
            callers.merge(&part);
        }
        material.datagrams = callers.flows(table, inside, threads);
        material.look_closely(&whole.large());
        material
    }

    /// A second pass over the flows, for the hosts of which one sent much to the other, and for what went on for
    /// long.
    fn look_closely(&mut self, senders: &LargeSenders) {
        let capture = seconds(self.life);
        let long = if capture >= LONG_CAPTURE { LONG.min(LONG_SHARE * capture) } else { LONG };
        if capture < long && senders.is_empty() {
            return;
        }
        let parts = self.table.fold_by(self.threads, Closer::default, |closer, key, stats| {
            let Closer { exchanges, directions } = closer;
            let Some((carried, connection)) = conversation(&key) else { return };
            let hosts = connection.hosts;
            if senders.may_hold(hosts) || senders.may_hold(hosts.reversed()) {
                let is_up = self.is_client(carried, connection, stats.tcp_flags);
                let client = if is_up { connection } else { connection.reversed() };
                let exchange = exchanges.entry(client.hosts).or_default();
                exchange.add(is_up, self.payload(carried, connection, &stats), &stats);
                if exchange.services.len() <= CLAUSES {
                    exchange.services.insert((carried, client.ports.destination));
                }
            }
            // The two directions of a connection need not begin and end together.
            let is_long = seconds(stats.life) >= long / 2.0;
            if is_long && f64::from(stats.activity.active_slots()) >= LONG_SLOTS {
                let direction = Direction::of(&stats);
                let known = directions.entry((carried, connection));
                known.and_modify(|known| known.add(&direction)).or_insert(direction);
            }
        });
        let Closer { exchanges, directions } = parts.into_iter().fold(Closer::default(), Closer::merged);
        self.exchanges = exchanges.into_iter().collect();
        for (&(carried, connection), &direction) in &directions {
            let is_up = self.is_client(carried, connection, direction.tcp_flags);
            let client = if is_up { connection } else { connection.reversed() };
            let both = self.long.entry(Conversation { carried, connection: client }).or_default();
            let place = if is_up { &mut both.up } else { &mut both.down };
            *place = Some(direction);
        }
    }

    /// The bytes that an application sent: by the sequence numbers, where the connection's start and end are in the
    /// capture and no more than 4 GB lie between.
    fn payload(&self, carried: Carried, connection: Connection, stats: &FlowStats) -> u64 {
        let seen = stats.traffic.payload_bytes;
        if carried != Carried::Tcp || seen > u32::MAX.into() || stats.tcp_flags & (SYN | FIN) != SYN | FIN {
            return seen;
        }
        // What the capture dropped is in neither: the smaller number is sure.
        self.observations.handshakes.bytes(&connection).map_or(seen, |bytes| seen.min(bytes.into()))
    }

    /// Whether this direction is the client's: it sent the SYN. Where that is not in the capture, the lower port is
    /// the server's. Says the opposite of the other direction.
    fn is_client(&self, carried: Carried, it: Connection, tcp_flags: u8) -> bool {
        if carried == Carried::Tcp && tcp_flags & SYN != 0 {
            let handshakes = &self.observations.handshakes;
            match (handshakes.began(&it), handshakes.began(&it.reversed())) {
                (true, false) => return true,
                (false, true) => return false,
                _ => {}
            }
        }
        // Of two equal ports, that inside is taken for the client's.
        let by_ports = it.ports.source.cmp(&it.ports.destination);
        let is_inside = |ip| self.inside.holds(ip);
        let by_side = || is_inside(it.hosts.source).cmp(&is_inside(it.hosts.destination));
        by_ports.then_with(by_side).then_with(|| it.hosts.source.cmp(&it.hosts.destination)).is_gt()
    }

    /// Flows between devices, for the few questions about who carries whose packets.
    pub(super) fn flows(&self) -> impl Iterator<Item = (FlowKey, FlowStats)> {
        self.table.iter()
    }

    /// How often each of these told the host by ICMP that a port is unreachable.
    pub(super) fn refused(
        &self,
        source: IpAddr,
        targets: impl Iterator<Item = IpAddr>,
    ) -> impl Iterator<Item = u64> {
        targets.map(move |destination| self.observations.refusals.of(Pair { source, destination }))
    }

    /// How many hosts inside sent something to each of these.
    pub(super) fn senders_to(&self, servers: &HashSet<IpAddr>) -> HashMap<IpAddr, usize> {
        let mut counts = HashMap::new();
        if !servers.is_empty() {
            let senders = self.distinct(|hosts| {
                (servers.contains(&hosts.destination) && self.inside.holds(hosts.source)).then_some(hosts)
            });
            senders.iter().for_each(|hosts| *counts.entry(hosts.destination).or_default() += 1);
        }
        counts
    }

    /// Hosts inside that sent anything: an address that was only asked for may be nobody's. O(flows).
    pub(super) fn inside_hosts(&self) -> usize {
        let inside = |ip: &IpAddr| self.inside.holds(*ip) && AddressClass::of(*ip).is_host();
        self.distinct(|hosts| Some(hosts.source).filter(inside)).len()
    }

    /// What `pick` takes of the hosts of any flow, each once.
    pub(super) fn distinct<T: Eq + Hash + Send>(
        &self,
        pick: impl Fn(Pair<IpAddr>) -> Option<T> + Sync,
    ) -> HashSet<T, RandomState> {
        let parts = self.table.fold_by(self.threads, HashSet::default, |set, key, _| {
            set.extend(key.hosts.and_then(&pick));
        });
        let all = parts.into_iter().reduce(|mut all, part| {
            all.extend(part);
            all
        });
        all.unwrap_or_default()
    }
}

/// What the second pass makes of its part of the flows.
#[derive(Default)]
struct Closer {
    exchanges: HashMap<Pair<IpAddr>, Exchange, RandomState>,
    directions: BTreeMap<(Carried, Connection), Direction>,
}

impl Closer {
    fn merged(mut self, other: Self) -> Self {
        for (hosts, exchange) in other.exchanges {
            self.exchanges.entry(hosts).or_default().merge(exchange);
        }
        for (of, direction) in other.directions {
            let known = self.directions.entry(of);
            known.and_modify(|known| known.add(&direction)).or_insert(direction);
        }
        self
    }
}

/// An upper bound of what each host sent to each other, in little memory: of millions of pairs, few sent much
/// (one row of a count-min sketch: Cormode and Muthukrishnan, 2005).
#[derive(Clone)]
struct Sketch {
    sums: Vec<u32>,
    hasher: RandomState,
}

impl Sketch {
    /// Large enough that chance alone does not bring a sum near the threshold, and no larger: it is hit at random,
    /// and should stay in the cache.
    fn of(table: &FlowTable) -> Self {
        const SUMS_PER_THRESHOLD: f64 = 8.0;
        let by_bytes = table.totals().bytes as f64 / UPLOAD_NOTE * SUMS_PER_THRESHOLD;
        let len = (by_bytes as usize).min(table.len()).clamp(1 << 6, 1 << 22).next_power_of_two();
        Self { sums: vec![0; len], hasher: RandomState::default() }
    }

    fn add(&mut self, hosts: Pair<IpAddr>, bytes: u64) {
        let place = place(&self.hasher, hosts, self.sums.len());
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.sums[place] = self.sums[place].saturating_add(bytes);
    }

    fn merge(&mut self, other: &Self) {
        for (sum, more) in self.sums.iter_mut().zip(&other.sums) {
            *sum = sum.saturating_add(*more);
        }
    }

    fn large(self) -> LargeSenders {
        let mut places = vec![0; self.sums.len() / 64];
        for (place, _) in self.sums.iter().enumerate().filter(|(_, sum)| f64::from(**sum) >= UPLOAD_NOTE) {
            places[place / 64] |= 1 << (place % 64);
        }
        LargeSenders { places, hasher: self.hasher }
    }
}

/// Which pairs of hosts may have sent much: all that did, and some by chance.
struct LargeSenders {
    /// A bit for each sum.
    places: Vec<u64>,
    hasher: RandomState,
}

impl LargeSenders {
    fn is_empty(&self) -> bool {
        self.places.iter().all(|bits| *bits == 0)
    }

    fn may_hold(&self, hosts: Pair<IpAddr>) -> bool {
        let place = place(&self.hasher, hosts, self.places.len() * 64);
        self.places[place / 64] >> (place % 64) & 1 != 0
    }
}

/// How many UDP flows hosts sent and got, and how many clients sent to a server outside: by few counters, as a
/// sketch. The same on every machine and for any split.
#[derive(Clone)]
struct Callers {
    /// Sent and received, by host.
    hosts: Vec<[u32; 2]>,
    /// By client and server.
    uses: Vec<u32>,
}

impl Callers {
    fn of(table: &FlowTable) -> Self {
        let len = table.len().clamp(1 << 10, 1 << 18).next_power_of_two();
        Self { hosts: vec![[0; 2]; len], uses: vec![0; len] }
    }

    fn add(&mut self, it: &Connection, inside: &Inside) {
        let len = self.hosts.len();
        self.hosts[fixed_place(it.hosts.source, len)][0] += 1;
        self.hosts[fixed_place(it.hosts.destination, len)][1] += 1;
        if is_call_out(it, inside) {
            self.uses[fixed_place(it.hosts, len)] += 1;
        }
    }

    fn merge(&mut self, other: &Self) {
        let hosts = self.hosts.iter_mut().flatten().zip(other.hosts.iter().flatten());
        hosts.chain(self.uses.iter_mut().zip(&other.uses)).for_each(|(sum, more)| *sum += more);
    }

    /// Whether few of the flows that a host sends seem to be answered. Two hosts may share a counter: then one may
    /// hide in what the other gets.
    fn is_unanswered(&self, host: IpAddr) -> bool {
        let [sent, got] = self.hosts[fixed_place(host, self.hosts.len())];
        f64::from(sent) >= f64::from(got) + SCAN_HOSTS && sent / 2 >= got
    }

    fn comes_back(&self, it: &Connection, inside: &Inside) -> bool {
        is_call_out(it, inside) && f64::from(self.uses[fixed_place(it.hosts, self.uses.len())]) > BEACON_GAPS
    }

    /// The flows of these hosts and clients.
    fn flows(&self, table: &FlowTable, inside: &Inside, threads: usize) -> Vec<(Connection, Direction)> {
        let is_idle = |sent: &[u32; 2]| f64::from(sent[0]) < SCAN_HOSTS.min(BEACON_GAPS);
        if self.hosts.iter().all(is_idle) {
            return Vec::new();
        }
        let parts = table.fold_by(threads, Vec::new, |found, key, stats| {
            let Some((Carried::Udp, it)) = conversation(&key) else { return };
            let Pair { source, destination } = it.hosts;
            if self.is_unanswered(source) || self.is_unanswered(destination) || self.comes_back(&it, inside) {
                found.push((it, Direction::of(&stats)));
            }
        });
        parts.concat()
    }
}

/// Whether a client inside sends to a server outside. The lower port is the server's.
pub(super) fn is_call_out(it: &Connection, inside: &Inside) -> bool {
    let Pair { source, destination } = it.hosts;
    it.ports.source > it.ports.destination && inside.holds(source) && inside.is_outside_host(destination)
}

/// Where a key stands among `len`, a power of two.
fn fixed_place(key: impl Hash, len: usize) -> usize {
    FixedState::with_seed(0x7564_7073).hash_one(key) as usize & (len - 1)
}

/// Where the sum of a pair stands among `len`, a power of two.
fn place(hasher: &RandomState, hosts: Pair<IpAddr>, len: usize) -> usize {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    hasher.hash_one((bits(hosts.source), bits(hosts.destination))) as usize & (len - 1)
}

impl Exchange {
    fn add(&mut self, is_up: bool, payload: u64, stats: &FlowStats) {
        let (bytes, packets) = match is_up {
            true => (&mut self.up, &mut self.packets_up),
            false => (&mut self.down, &mut self.packets_down),
        };
        *bytes = bytes.saturating_add(payload);
        *packets += stats.traffic.packets;
        self.life = join(self.life, stats.life);
    }

    /// Adds another part's. Of the services more than the first few may be kept: that is as good.
    fn merge(&mut self, other: Self) {
        self.up = self.up.saturating_add(other.up);
        self.down = self.down.saturating_add(other.down);
        self.packets_up += other.packets_up;
        self.packets_down += other.packets_down;
        self.life = join(self.life, other.life);
        self.services.extend(other.services);
    }

    /// The clauses that select it.
    pub(super) fn clauses(&self, hosts: Pair<IpAddr>) -> BTreeSet<Clause> {
        let is_short = self.services.len() <= CLAUSES;
        let clause = |&(carried, port): &(Carried, u16)| {
            let between = Clause::between(carried, hosts.source, hosts.destination);
            if is_short { between.server_port(port) } else { between }
        };
        // Which ports were kept of many is chance: all of both protocols then.
        let all = [(Carried::Tcp, 0), (Carried::Udp, 0)];
        if is_short { self.services.iter().map(clause).collect() } else { all.iter().map(clause).collect() }
    }
}

impl Direction {
    pub(super) fn of(stats: &FlowStats) -> Self {
        Self {
            payload: stats.traffic.payload_bytes,
            life: stats.life,
            position: stats.position,
            tcp_flags: stats.tcp_flags,
        }
    }

    /// Adds what was seen of it elsewhere, such as in another VLAN.
    fn add(&mut self, other: &Self) {
        self.payload = self.payload.saturating_add(other.payload);
        self.life = join(self.life, other.life);
        self.position = self.position.min(other.position);
        self.tcp_flags |= other.tcp_flags;
    }

    /// When it began, comparable even without times.
    pub(super) fn began(&self) -> (Option<Timestamp>, Position) {
        (self.life.map(|(first, _)| first), self.position)
    }
}

impl Conversation {
    /// The filter clause for it alone.
    pub(super) fn clause(&self) -> Clause {
        let Connection { hosts, ports } = self.connection;
        let service =
            Clause::between(self.carried, hosts.source, hosts.destination).server_port(ports.destination);
        Clause { client_port: Some(ports.source), ..service }
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

//! What the detectors share: one pass over the flow table, and a second over the few rows that matter.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;

use foldhash::fast::{FixedState, RandomState};
use pcapviz_capture::{Pair, ProtocolSet, Transport};
use pcapviz_graph::{AddressClass, FlowKey, FlowRef, FlowStats, FlowTable, Position, Timestamp, all_beside};

use super::packets::{Carried, Clause, Filters};
use super::sketch::{Counts, LargeSenders, Sketch, Sought};
use super::threshold::{
    BEACON_GAPS, LONG, LONG_CAPTURE, LONG_SHARE, LONG_SLOTS, SCAN_HOSTS, SCAN_PORTS, UPLOAD_REPEATED,
};
use crate::address::{Between, bits};
use crate::life::{Life, join, seconds};
use crate::observe::Connection;
use crate::{Inside, Observations};

/// All that detectors look at.
pub(super) struct Material<'a> {
    table: &'a FlowTable,
    /// How many to go over the table by, at most.
    pub(super) threads: usize,
    pub(super) observations: &'a Observations,
    pub(super) inside: &'a Inside,
    pub(super) filters: Filters,
    /// From the first packet with a time to the last.
    pub(super) life: Life,
    /// TCP attempts and what came back, of hosts that may have tried much.
    pub(super) attempts: Pairs<'a>,
    /// The same of UDP, of hosts of which few are answered.
    pub(super) datagrams: Pairs<'a>,
    /// UDP flows of clients that come back to a server outside often.
    calls: Vec<FlowRef<'a>>,
    /// What clients exchanged with servers, where one host sent much to the other: client first.
    pub(super) exchanges: BTreeMap<Pair<IpAddr>, Exchange>,
    /// Conversations that went on for long: client to server first.
    pub(super) long: BTreeMap<Conversation, Directions>,
}

/// Services of one exchange that are told from each other.
const SERVICES: usize = 4096;

/// What a client sent to a server, and got back.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    /// Bytes that the transport carried, retransmissions left out where the handshakes tell.
    pub(super) up: u64,
    pub(super) down: u64,
    pub(super) packets_up: u64,
    pub(super) packets_down: u64,
    pub(super) life: Life,
    /// By which protocol and server port; only the first [`SERVICES`].
    pub(super) services: BTreeSet<(Carried, u16)>,
    /// The latest of these.
    latest_service: Option<(Carried, u16)>,
    /// Whether some of it came in fragments without ports.
    pub(super) has_fragments: bool,
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

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const ACK: u8 = 0x10;
/// The flags that open, carry and close a connection; the others (PSH, URG and those of RFC 3168) may go with any.
const CONTROL: u8 = FIN | SYN | RST | ACK;

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
            filters: Filters::default(),
            life: None,
            attempts: Pairs::default(),
            datagrams: Pairs::default(),
            calls: Vec::new(),
            exchanges: BTreeMap::new(),
            long: BTreeMap::new(),
        };
        let (sketch, callers, is_cut) = (Sketch::of(table), Callers::of(table), material.is_cut());
        let start = || (None, ProtocolSet::EMPTY, sketch.clone(), callers.clone());
        let parts = table.fold_by(threads, start, |(life, protocols, sketch, callers), flow| {
            let (key, stats) = (flow.key(), flow.stats());
            *life = join(*life, stats.life);
            *protocols = protocols.union(stats.protocols);
            let Some(hosts) = key.hosts else { return };
            if stats.traffic.payload_bytes > 0 {
                sketch.add(hosts, stats.traffic.payload_bytes);
            }
            let Some((transport, ports)) = key.ports else { return };
            match transport {
                Transport::Tcp => callers.add_tcp(hosts, stats.tcp_flags, is_cut),
                Transport::Udp => callers.add_udp(&Connection { hosts, ports }, inside),
                Transport::Sctp => {}
            }
        });
        let (mut whole, mut callers) = (sketch, callers);
        let mut protocols = ProtocolSet::EMPTY;
        for (life, some, sketch, part) in parts {
            material.life = join(material.life, life);
            protocols = protocols.union(some);
            whole.merge(&sketch);
            callers.merge(&part);
        }
        material.filters = Filters::of(table, protocols, &observations.wrapped);
        material.look_closely(&callers, &whole.large());
        material
    }

    /// A second pass over the flows, for the hosts that sent much to each other, or tried much, and for what went on
    /// for long.
    fn look_closely(&mut self, callers: &Callers, senders: &LargeSenders) {
        let capture = seconds(self.life);
        let long = if capture >= LONG_CAPTURE { LONG.min(LONG_SHARE * capture) } else { LONG };
        let has_callers = callers.may_hold_any();
        if capture < long && senders.is_empty() && !has_callers {
            return;
        }
        let parts = self.table.fold_by(self.threads, Closer::default, |closer, flow| {
            let Closer { exchanges, fragments, directions, selected } = closer;
            let Some((carried, connection)) = conversation(&flow) else {
                let (hosts, stats) = (flow.key().hosts, flow.stats());
                if let Some(hosts) =
                    hosts.filter(|hosts| stats.traffic.payload_bytes > 0 && senders.may_hold(*hosts))
                {
                    fragments.entry(Between(hosts)).or_default().merge(&Sum::of(&stats));
                }
                return;
            };
            if has_callers {
                callers.select(selected, carried, connection, flow, self.inside);
            }
            let stats = flow.stats();
            if senders.may_hold(connection.hosts) {
                let is_up = self.is_client(carried, connection, stats.tcp_flags);
                let client = if is_up { connection } else { connection.reversed() };
                let exchange = exchanges.entry(Between(client.hosts)).or_default();
                let payload = self.payload(carried, connection, &stats);
                exchange.add(is_up, &Sum { payload, ..Sum::of(&stats) });
                exchange.serve(carried, client.ports.destination);
            }
            // The two directions of a connection need not begin and end together.
            let is_long = seconds(stats.life) >= long / 2.0;
            if is_long && f64::from(stats.activity.active_slots()) >= LONG_SLOTS {
                let direction = Direction::of(&stats);
                let known = directions.entry((carried, connection));
                known.and_modify(|known| known.add(&direction)).or_insert(direction);
            }
        });
        let Closer { mut exchanges, fragments, directions, selected } =
            parts.into_iter().fold(Closer::default(), Closer::merged);
        // In one order: what one direction adds is what the other is compared with.
        let fragments: BTreeMap<Pair<IpAddr>, Sum> =
            fragments.into_iter().map(|(Between(hosts), sum)| (hosts, sum)).collect();
        for (hosts, fragments) in fragments {
            // Which service's they are is not known: of two, that of the client who sends more so, or of the server.
            let up = exchanges.get(&Between(hosts)).map(|exchange| exchange.up);
            let down = exchanges.get(&Between(hosts.reversed())).map(|exchange| exchange.down);
            let is_up = up >= down;
            let client = if is_up { hosts } else { hosts.reversed() };
            if let Some(exchange) = exchanges.get_mut(&Between(client)) {
                exchange.add(is_up, &fragments);
                exchange.has_fragments = true;
            }
        }
        self.attempts = Pairs::of(selected.attempts);
        self.datagrams = Pairs::of(selected.datagrams);
        self.calls = selected.calls;
        self.exchanges = exchanges.into_iter().map(|(Between(hosts), exchange)| (hosts, exchange)).collect();
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
        // What the capture dropped is in neither: the smaller number is sure. But who forges an end hides no more than what
        // repetition makes of it.
        let by_numbers = self.observations.handshakes.bytes(&connection).map(u64::from);
        by_numbers
            .filter(|bytes| seen as f64 <= UPLOAD_REPEATED * *bytes as f64)
            .map_or(seen, |bytes| seen.min(bytes))
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

    /// The directions of conversations that `pick` takes, by their TCP flags too. O(flows).
    pub(super) fn directions(
        &self,
        pick: impl Fn(Carried, &Connection, u8) -> bool + Sync,
    ) -> Vec<(Carried, Connection, Direction)> {
        let parts = self.table.fold_by(self.threads, Vec::new, |found, flow| {
            let picked =
                conversation(&flow).filter(|(carried, it)| pick(*carried, it, flow.stats().tcp_flags));
            found.extend(picked.map(|(carried, it)| (carried, it, Direction::of(&flow.stats()))));
        });
        parts.concat()
    }

    /// Those of the hosts that somebody sends something to, or that have sent an ACK, which only makes sense to who hears.
    /// Of others, silence says nothing: the capture may have one direction only, or lead nowhere for them. O(flows).
    pub(super) fn heard(&self, hosts: &HashSet<IpAddr, RandomState>) -> Heard {
        if hosts.is_empty() {
            return Heard::default();
        }
        let start = || (Sought::new(hosts.clone()), Sought::new(hosts.clone()));
        let parts = self.table.fold_by(self.threads, start, |(receivers, senders), flow| {
            let Some(of) = flow.key().hosts else { return };
            receivers.find(of.destination);
            if flow.stats().tcp_flags & ACK != 0 {
                senders.find(of.source);
            }
        });
        let mut heard = Heard::default();
        for (receivers, senders) in parts {
            heard.receives.extend(hosts.difference(&receivers.left));
            heard.acknowledges.extend(hosts.difference(&senders.left));
        }
        heard
    }

    /// Whether some packets were cut off when they were captured.
    pub(super) fn is_cut(&self) -> bool {
        self.table.totals().cut_by_snap_length > 0
    }

    /// UDP connections of clients that come back to a server outside often, and how each went; those seen in several
    /// places several times.
    pub(super) fn calls(&self) -> impl Iterator<Item = (Connection, Direction)> {
        self.calls.iter().filter_map(way)
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
        let parts = self.table.fold_by(self.threads, HashSet::default, |set, flow| {
            set.extend(flow.key().hosts.and_then(&pick));
        });
        let all = parts.into_iter().reduce(|mut all, part| {
            all.extend(part);
            all
        });
        all.unwrap_or_default()
    }
}

/// Hosts that seem to hear others.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) receives: HashSet<IpAddr, RandomState>,
    pub(super) acknowledges: HashSet<IpAddr, RandomState>,
}

impl Heard {
    pub(super) fn holds(&self, host: IpAddr) -> bool {
        self.receives.contains(&host) || self.acknowledges.contains(&host)
    }
}

/// What the second pass makes of its part of the flows.
#[derive(Default)]
struct Closer<'a> {
    exchanges: HashMap<Between, Exchange, RandomState>,
    /// Later fragments, which have no ports, by who sent them to whom.
    fragments: HashMap<Between, Sum, RandomState>,
    directions: BTreeMap<(Carried, Connection), Direction>,
    selected: Selected<'a>,
}

impl Closer<'_> {
    fn merged(mut self, other: Self) -> Self {
        for (hosts, exchange) in other.exchanges {
            self.exchanges.entry(hosts).or_default().merge(exchange);
        }
        for (hosts, fragments) in other.fragments {
            self.fragments.entry(hosts).or_default().merge(&fragments);
        }
        for (of, direction) in other.directions {
            let known = self.directions.entry(of);
            known.and_modify(|known| known.add(&direction)).or_insert(direction);
        }
        append(&mut self.selected.attempts, other.selected.attempts);
        append(&mut self.selected.datagrams, other.selected.datagrams);
        append(&mut self.selected.calls, other.selected.calls);
        self
    }
}

/// What one or several flows carried, and when.
#[derive(Default)]
struct Sum {
    payload: u64,
    packets: u64,
    life: Life,
}

impl Sum {
    fn of(stats: &FlowStats) -> Self {
        Self { payload: stats.traffic.payload_bytes, packets: stats.traffic.packets, life: stats.life }
    }

    fn merge(&mut self, other: &Self) {
        self.payload = self.payload.saturating_add(other.payload);
        self.packets = self.packets.saturating_add(other.packets);
        self.life = join(self.life, other.life);
    }
}

/// Upper bounds of what hosts tried, in little memory, so that only the flows of few hosts need be kept: of a flood from
/// millions of addresses, none.
#[derive(Clone)]
struct Callers {
    /// TCP flows that ask for something, by who sent them.
    tried: Counts<1>,
    /// UDP flows by client: sent, and answered.
    asked: Counts<2>,
    /// UDP flows by client and server outside.
    calls: Counts<1>,
}

impl Callers {
    fn of(table: &FlowTable) -> Self {
        // So many that one flow from each of millions of hosts fills no counter up, and few enough to stay in a cache.
        let len = table.len().clamp(1 << 10, 1 << 20).next_power_of_two();
        Self { tried: Counts::new(len), asked: Counts::new(len), calls: Counts::new(len) }
    }

    #[inline]
    fn add_tcp(&mut self, hosts: Pair<IpAddr>, tcp_flags: u8, is_cut: bool) {
        // Where headers are cut off, segments without flags count only if they are refused.
        let shows_flags = tcp_flags & CONTROL != 0 || !is_cut;
        if tcp_flags & SYN != 0 || is_stealthy(tcp_flags) && shows_flags {
            self.tried.add(alone(hosts.source), 0);
        } else if is_refusal(tcp_flags) {
            // What a segment out of nowhere gets.
            self.tried.add(alone(hosts.destination), 0);
        }
    }

    #[inline]
    fn add_udp(&mut self, it: &Connection, inside: &Inside) {
        match it.ports.source.cmp(&it.ports.destination) {
            Ordering::Greater => self.asked.add(alone(it.hosts.source), 0),
            Ordering::Less => self.asked.add(alone(it.hosts.destination), 1),
            Ordering::Equal => {}
        }
        if is_call_out(it, inside) {
            self.calls.add(it.hosts, 0);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.tried.merge(&other.tried);
        self.asked.merge(&other.asked);
        self.calls.merge(&other.calls);
    }

    #[inline]
    fn tried_much(&self, host: IpAddr) -> bool {
        self.tried.may_reach(alone(host), LEAST)
    }

    /// Whether so many of the flows that a client sends may be unanswered as make a scan, whatever else it does.
    #[inline]
    fn is_unanswered(&self, client: IpAddr) -> bool {
        self.asked.may_differ(alone(client), LEAST)
    }

    #[inline]
    fn comes_back(&self, it: &Connection, inside: &Inside) -> bool {
        is_call_out(it, inside) && self.calls.may_reach(it.hosts, BEACON_GAPS + 1.0)
    }

    fn may_hold_any(&self) -> bool {
        self.tried.reaches(LEAST) || self.asked.reaches(LEAST.min(BEACON_GAPS))
    }

    /// Takes a flow that is one of these hosts' and clients'.
    fn select<'a>(
        &self,
        selected: &mut Selected<'a>,
        carried: Carried,
        it: Connection,
        flow: FlowRef<'a>,
        inside: &Inside,
    ) {
        let Pair { source, destination } = it.hosts;
        if carried == Carried::Tcp {
            let stats = flow.stats();
            let flags = stats.tcp_flags;
            // What asks, refuses or accepts; segments with nothing.
            let tells = flags & (SYN | RST) != 0 || is_stealthy(flags) || stats.traffic.payload_bytes == 0;
            if tells && (self.tried_much(source) || self.tried_much(destination)) {
                selected.attempts.push(Flow::new(&it, flow));
            }
        } else if carried == Carried::Udp {
            // All that the client sent and got, or nothing: a part would say what is not so.
            let client = if it.ports.source > it.ports.destination { source } else { destination };
            if self.is_unanswered(client) {
                selected.datagrams.push(Flow::new(&it, flow));
            }
            if self.comes_back(&it, inside) {
                selected.calls.push(flow);
            }
        }
    }
}

/// A host, where hosts are counted by themselves.
fn alone(host: IpAddr) -> Pair<IpAddr> {
    Pair { source: host, destination: host }
}

/// Fewer flows make no scan.
const LEAST: f64 = SCAN_HOSTS.min(SCAN_PORTS);

#[derive(Default)]
struct Selected<'a> {
    attempts: Vec<Flow<'a>>,
    datagrams: Vec<Flow<'a>>,
    calls: Vec<FlowRef<'a>>,
}

fn append<T>(all: &mut Vec<T>, part: Vec<T>) {
    if all.is_empty() { *all = part } else { all.extend(part) }
}

/// A flow with a hash that both directions of its connection share.
struct Flow<'a> {
    hash: u64,
    flow: FlowRef<'a>,
}

impl<'a> Flow<'a> {
    #[inline]
    fn new(Connection { hosts, ports }: &Connection, flow: FlowRef<'a>) -> Self {
        let hasher = FixedState::default();
        let end = |host, port| hasher.hash_one((bits(host), port));
        let hash = end(hosts.source, ports.source).wrapping_add(end(hosts.destination, ports.destination));
        Self { hash, flow }
    }
}

/// Flows by connection: there may be millions, so they stay where they lie.
#[derive(Default)]
pub(super) struct Pairs<'a>(Vec<Flow<'a>>);

impl<'a> Pairs<'a> {
    /// O(flows log flows).
    // By the hashes: to compare whole connections takes ten times as long.
    fn of(mut flows: Vec<Flow<'a>>) -> Self {
        flows.sort_unstable_by_key(|flow| flow.hash);
        Self(flows)
    }

    /// What `pick` takes of each direction, and of the other one beside it where that was seen, by up to so many threads. What was
    /// seen of one in several places, such as in two VLANs, is added up. In parts, and in no particular order. O(flows).
    pub(super) fn pick_by<T: Send>(
        &self,
        threads: usize,
        pick: impl Fn(Connection, &Direction, Option<&Direction>) -> Option<T> + Sync,
    ) -> Vec<Vec<T>> {
        let parts = self.parts(threads);
        all_beside(threads, parts.len(), |part| {
            let mut picked = Vec::new();
            each_way(parts[part], |it, direction, back| picked.extend(pick(it, direction, back)));
            picked
        })
    }

    /// About so many parts, with both directions of a connection in the same.
    fn parts(&self, threads: usize) -> Vec<&[Flow<'a>]> {
        let mut parts = Vec::new();
        let mut rest = &*self.0;
        while !rest.is_empty() {
            let middle = self.0.len().div_ceil(threads.max(1)).min(rest.len());
            let end = rest.partition_point(|flow| flow.hash <= rest[middle - 1].hash);
            let (part, others) = rest.split_at(end);
            parts.push(part);
            rest = others;
        }
        parts
    }
}

/// Gives each direction of these connections to `each`, and beside it the other one.
fn each_way(flows: &[Flow<'_>], mut each: impl FnMut(Connection, &Direction, Option<&Direction>)) {
    let mut ways: Vec<(Connection, Direction)> = Vec::new();
    for alike in flows.chunk_by(|a, b| a.hash == b.hash) {
        ways.clear();
        ways.extend(alike.iter().filter_map(|flow| way(&flow.flow)));
        ways.sort_unstable_by_key(|(it, _)| (*it.min(&it.reversed()), *it));
        ways.dedup_by(|(it, direction), (kept, whole)| {
            let is_same = it == kept;
            if is_same {
                whole.add(direction);
            }
            is_same
        });
        for of_one in ways.chunk_by(|(a, _), (b, _)| *b == a.reversed()) {
            for (it, direction) in of_one {
                let back = of_one.iter().find(|(other, _)| other != it);
                each(*it, direction, back.map(|(_, back)| back));
            }
        }
    }
}

/// What a flow with ports is a direction of, and how it went.
fn way(flow: &FlowRef<'_>) -> Option<(Connection, Direction)> {
    conversation(flow).map(|(_, it)| (it, Direction::of(&flow.stats())))
}

/// Whether no connection sends such segments alone: without SYN, each has an ACK or RST (RFC 9293, 3.10.7). Scanners do, to pass where
/// only SYNs are looked at.
pub(super) fn is_stealthy(tcp_flags: u8) -> bool {
    matches!(tcp_flags & CONTROL, 0 | FIN)
}

/// Whether these flags are of nothing but resets.
pub(super) fn is_refusal(tcp_flags: u8) -> bool {
    tcp_flags & CONTROL & !ACK == RST
}

/// Whether a client inside sends to a server outside. The lower port is the server's.
pub(super) fn is_call_out(it: &Connection, inside: &Inside) -> bool {
    let Pair { source, destination } = it.hosts;
    it.ports.source > it.ports.destination && inside.holds(source) && inside.is_outside_host(destination)
}

impl Exchange {
    fn add(&mut self, is_up: bool, sum: &Sum) {
        let (bytes, packets) = match is_up {
            true => (&mut self.up, &mut self.packets_up),
            false => (&mut self.down, &mut self.packets_down),
        };
        *bytes = bytes.saturating_add(sum.payload);
        *packets = packets.saturating_add(sum.packets);
        self.life = join(self.life, sum.life);
    }

    /// Notes by which service it was.
    fn serve(&mut self, carried: Carried, port: u16) {
        // Mostly the one before.
        if self.latest_service.replace((carried, port)) != Some((carried, port))
            && self.services.len() <= SERVICES
        {
            self.services.insert((carried, port));
        }
    }

    /// Adds another part's. Of the services more than the first few may be kept: that is as good.
    fn merge(&mut self, other: Self) {
        self.up = self.up.saturating_add(other.up);
        self.down = self.down.saturating_add(other.down);
        self.packets_up += other.packets_up;
        self.packets_down += other.packets_down;
        self.life = join(self.life, other.life);
        self.services.extend(other.services);
        self.has_fragments |= other.has_fragments;
    }

    /// The clauses that select it; `None` where it has too many services to know them all.
    pub(super) fn clauses(&self, hosts: Pair<IpAddr>) -> Option<Vec<Clause>> {
        let clause = |&(carried, port): &(Carried, u16)| {
            Clause::between(carried, hosts.source, hosts.destination).server_port(port)
        };
        (self.services.len() <= SERVICES)
            .then(|| self.services.iter().map(clause).chain(self.fragments_clause(hosts)).collect())
    }

    /// Those that select all between the hosts.
    pub(super) fn wider_clauses(&self, hosts: Pair<IpAddr>) -> Vec<Clause> {
        let all = [Carried::Tcp, Carried::Udp, Carried::Sctp];
        let all = all.map(|carried| Clause::between(carried, hosts.source, hosts.destination));
        all.into_iter().chain(self.fragments_clause(hosts)).collect()
    }

    fn fragments_clause(&self, hosts: Pair<IpAddr>) -> Option<Clause> {
        self.has_fragments.then(|| Clause::between(Carried::Fragments, hosts.source, hosts.destination))
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

#[inline]
fn conversation(flow: &FlowRef<'_>) -> Option<(Carried, Connection)> {
    let key = flow.key();
    let (hosts, (transport, ports)) = (key.hosts?, key.ports?);
    let carried = match transport {
        Transport::Tcp => Carried::Tcp,
        Transport::Udp => Carried::Udp,
        Transport::Sctp => Carried::Sctp,
    };
    Some((carried, Connection { hosts, ports }))
}

#[cfg(test)]
mod tests {
    use pcapviz_capture::{DissectOptions, LinkType, Packet, dissect};
    use pcapviz_testkit::frame::{Ethernet, Frame, Ipv4, Tcp, Udp};

    use super::*;

    /// Of so many hosts that send one packet each, and one that sends to 30 ports, how many flows are kept.
    #[track_caller]
    fn check(packet: impl Fn([u8; 4], u16, u16) -> Frame, expected: [usize; 2]) {
        let mut table = FlowTable::new();
        let flood = (0..20_000_u16).map(|n| packet([198, 51, (n >> 8) as u8, n as u8], n | 1024, 443));
        let scan = (0..30).map(|n| packet([10, 0, 0, 5], 40_000, 100 + n));
        for frame in flood.chain(scan) {
            let bytes = Ethernet::default().carry(frame);
            let packet = Packet::new(LinkType::ETHERNET, bytes.bytes());
            table.observe(0, &packet, &dissect(&packet, &DissectOptions::default()));
        }
        let (observations, inside) = Default::default();
        let material = Material::gather(&table, &observations, &inside, 2);
        assert_eq!([material.attempts.0.len(), material.datagrams.0.len()], expected);
        assert!(material.calls.len() <= 30);
        for pairs in [&material.attempts, &material.datagrams] {
            let all = |threads| pairs.pick_by(threads, |it, _, back| Some((it, back.is_some()))).concat();
            assert_eq!(all(3), all(1));
            assert_eq!(all(3).len(), pairs.0.len());
        }
    }

    #[test]
    fn of_a_flood_next_to_nothing_is_kept() {
        // One of the flood's hosts shares both counts with the one that scans.
        let to = |from| Ipv4::between(from, [203, 0, 113, 7]);
        check(|from, source, port| to(from).carry(Tcp::ports(source, port).flags(SYN).carry(&[])), [31, 0]);
        check(|from, source, port| to(from).carry(Udp::ports(source, port).carry(&[0; 9])), [0, 31]);
    }
}

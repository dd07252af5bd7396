use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::fast::{FixedState, RandomState};
use pcapviz_capture::Pair;
use pcapviz_graph::{AddressClass, Evidence, Finding, NodeId, Severity, all_beside};

use super::amount::Count;
use super::material::{ACK, Direction, FIN, RST, SYN, is_refusal, is_stealthy};
use super::packets::{Carried, Clause, HANDFUL, MOST_CLAUSES};
use super::threshold::{
    SCAN_BENIGN, SCAN_CHECKED, SCAN_DYNAMIC, SCAN_HOSTS, SCAN_PORTS, SCAN_RATIO, SCAN_REFUSED,
    SCAN_SAME_PORT, SCAN_SCANNER, SCAN_SYSTEM, SCAN_UNHEARD, TRACEROUTE_FIRST, TRACEROUTE_LAST,
};
use super::{Material, magnitude};
use crate::address::bits;
use crate::life::{Life, join};
use crate::observe::{Connection, Handshakes};

/// What a client tried: one port of a host, from one port of its own.
#[derive(Clone, Copy)]
struct Attempt {
    source: IpAddr,
    source_port: u16,
    destination: IpAddr,
    port: u16,
    how: How,
    outcome: Outcome,
    began: When,
    life: Life,
}

/// By which segments it was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum How {
    /// A SYN, or a datagram.
    Asked,
    /// FIN without ACK, with other flags or without, or no flag at all.
    Stealthy,
    /// Other segments without payload that nothing came before.
    Unconnected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Answered,
    Failed,
    /// Nothing came back, which says nothing where the capture has one direction only.
    Silent,
    /// The same, and the client ended the connection in order.
    Closed,
    /// The same, and the client went on as if it had been answered.
    Pretended,
}

type When = (Option<pcapviz_graph::Timestamp>, pcapviz_graph::Position);

/// What a client tried on one host, by port.
struct Target<'a> {
    host: IpAddr,
    /// Sorted by port.
    attempts: &'a [Attempt],
    ports: usize,
    /// Those of which no attempt was answered.
    failed: usize,
    /// When it was first tried.
    began: When,
    life: Life,
}

/// Clients that try many hosts, or many ports of a host, which refuse or do not answer.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let tried = [(Carried::Tcp, over_tcp(material)), (Carried::Udp, over_udp(material))];
    let tried = tried.map(|(carried, attempts)| (carried, of_scanners(&attempts, material.threads)));
    let tried: Vec<(Carried, Vec<Attempt>)> = tried
        .into_iter()
        .flat_map(|(carried, lists)| lists.into_iter().map(move |list| (carried, list)))
        .collect();
    let heard =
        material.heard(&tried.iter().flat_map(|(_, attempts)| attempts).map(|it| it.source).collect());
    let mut findings = Vec::new();
    for (carried, mut attempts) in tried {
        for of_source in attempts.chunk_by_mut(Attempt::is_alike) {
            // Health checks do so, which ask for few services; for a scan it would be an empty packet more for each port.
            let closed = of_source.iter().filter(|it| it.outcome == Outcome::Closed).map(|it| it.port);
            let is_check = closed.collect::<HashSet<u16>>().len() <= SCAN_CHECKED as usize;
            for it in of_source.iter_mut().filter(|it| it.outcome == Outcome::Closed) {
                it.outcome = if is_check { Outcome::Pretended } else { Outcome::Silent };
            }
        }
        for it in &mut attempts {
            it.outcome = match it.outcome {
                // The capture has one direction only.
                Outcome::Silent | Outcome::Pretended if !heard.receives.contains(&it.source) => {
                    Outcome::Answered
                }
                Outcome::Silent => Outcome::Failed,
                outcome => outcome,
            };
        }
        // Each manner by itself: one stray segment says nothing of all others.
        let sources: Vec<&[Attempt]> = attempts.chunk_by(Attempt::is_alike).collect();
        let of_sources = all_beside(material.threads, sources.len(), |n| {
            let alike = sources[n];
            let (source, how) = (alike[0].source, alike[0].how);
            let scan = Scan { material, carried, source, how, is_heard: heard.holds(source), believes: true };
            let of_source = scan.of(alike);
            if of_source.is_empty() && alike.iter().any(|it| it.outcome == Outcome::Pretended) {
                return Scan { believes: false, ..scan }.of(alike);
            }
            of_source
        });
        findings.extend(of_sources.into_iter().flatten());
    }
    findings
}

fn over_tcp(material: &Material<'_>) -> Vec<Vec<Attempt>> {
    let attempt = |it: Connection, direction: &Direction, back: Option<&Direction>| {
        let flags = direction.tcp_flags;
        let is_refused = back.is_some_and(|back| back.tcp_flags & RST != 0);
        let (how, outcome) = if flags & SYN != 0 {
            if !is_attempt(&material.observations.handshakes, it, direction, back) {
                return None;
            }
            let outcome = match back {
                // Whatever the client says afterwards.
                Some(back) if back.tcp_flags & SYN != 0 || back.payload > 0 => Outcome::Answered,
                None if flags & ACK != 0 && direction.payload > 0 => Outcome::Pretended,
                None if flags & ACK != 0 && flags & FIN != 0 => Outcome::Closed,
                None if flags & ACK != 0 => Outcome::Silent,
                _ => Outcome::Failed,
            };
            (How::Asked, outcome)
        } else if is_stealthy(flags) && (flags & FIN != 0 || is_refused || !material.is_cut()) {
            // Of a header that is cut off no flags are seen either, but then no refusal is.
            (How::Stealthy, Outcome::Failed)
        } else if is_unconnected(it, direction, back) {
            (How::Unconnected, Outcome::Failed)
        } else {
            return None;
        };
        Some(Attempt::of(it, direction, how, outcome))
    };
    material.attempts.pick_by(material.threads, attempt)
}

/// What clients, with the higher port, sent to single hosts.
fn over_udp(material: &Material<'_>) -> Vec<Vec<Attempt>> {
    let traceroute = TRACEROUTE_FIRST..=TRACEROUTE_LAST;
    let is_attempt = |Connection { hosts, ports }: &Connection| {
        let is_single = [hosts.source, hosts.destination].iter().all(|ip| AddressClass::of(*ip).is_host());
        is_single && ports.source > ports.destination && !traceroute.contains(&ports.destination.into())
    };
    material.datagrams.pick_by(material.threads, |it, direction, back| {
        let outcome = if back.is_some() { Outcome::Answered } else { Outcome::Silent };
        is_attempt(&it).then(|| Attempt::of(it, direction, How::Asked, outcome))
    })
}

/// The attempts of sources that failed often enough, sorted by source, manner, target and port: for each thread a list of
/// its own sources.
fn of_scanners(attempts: &[Vec<Attempt>], threads: usize) -> Vec<Vec<Attempt>> {
    let hasher = FixedState::default();
    let lists = threads.max(1);
    all_beside(threads, lists, |list| {
        let is_own = |it: &&Attempt| hasher.hash_one(bits(it.source)) as usize % lists == list;
        let mut attempts: Vec<Attempt> = attempts.iter().flatten().filter(is_own).copied().collect();
        attempts.sort_unstable_by_key(|it| (it.source, it.how, it.destination, it.port, it.began));
        let mut scanners: HashSet<(IpAddr, How), RandomState> = HashSet::default();
        for alike in attempts.chunk_by(Attempt::is_alike) {
            let targets = targets(alike, false);
            let failed_hosts = targets.iter().filter(|target| !target.is_answered()).count();
            if failed_hosts as f64 >= SCAN_HOSTS || targets.iter().any(Target::is_scanned) {
                scanners.insert((alike[0].source, alike[0].how));
            }
        }
        attempts.retain(|it| scanners.contains(&(it.source, it.how)));
        attempts
    })
}

fn targets(alike: &[Attempt], believes: bool) -> Vec<Target<'_>> {
    let of_one = alike.chunk_by(|a, b| a.destination == b.destination);
    of_one.map(|attempts| Target::of(attempts, believes)).collect()
}

/// Whether this direction is the client's. A client that was never answered sends nothing but SYN, or resets
/// what answered; one that was sent it before the server sent its own.
fn is_attempt(
    handshakes: &Handshakes,
    connection: Connection,
    direction: &Direction,
    back: Option<&Direction>,
) -> bool {
    match back {
        _ if direction.tcp_flags & ACK == 0 => true,
        Some(back) => (direction.began(), connection) < (back.began(), connection.reversed()),
        // A flow with SYN and ACK may be a server's, which never sends SYN alone.
        None => handshakes.began(&connection),
    }
}

/// Whether these are segments that got nothing but refusals, and not what is left of connections: a machine that has
/// started anew, and a firewall that has forgotten, refuse keep-alives and FINs too. But those of a server come from its
/// port, and those of a client go to few system ports.
fn is_unconnected(it: Connection, direction: &Direction, back: Option<&Direction>) -> bool {
    let is_refused = back.is_some_and(|back| is_refusal(back.tcp_flags));
    let Pair { source, destination } = it.ports;
    is_refused
        && direction.payload == 0
        && f64::from(source) >= SCAN_DYNAMIC
        && f64::from(destination) < SCAN_SYSTEM
}

/// Who scans, and by what.
#[derive(Clone, Copy)]
struct Scan<'m> {
    material: &'m Material<'m>,
    carried: Carried,
    source: IpAddr,
    how: How,
    is_heard: bool,
    /// Whether who went on is taken to have been answered, in a direction that the capture does not have. Else there is
    /// a note at most: anybody can go on, but answers do take other ways.
    believes: bool,
}

impl Scan<'_> {
    fn of(&self, alike: &[Attempt]) -> Vec<Finding> {
        let targets = targets(alike, self.believes);
        // Firewalls that forget connections refuse the segments of many at once.
        let of_hosts = if self.how == How::Unconnected { None } else { self.of_hosts(&targets) };
        of_hosts.into_iter().chain(self.of_ports(&targets)).collect()
    }

    /// The threshold random walk over the hosts in the order in which they were first tried.
    fn of_hosts(&self, targets: &[Target<'_>]) -> Option<Finding> {
        let Self { material, carried, source, .. } = *self;
        let mut order: Vec<&Target<'_>> = targets.iter().collect();
        order.sort_unstable_by_key(|target| (target.began, target.host));
        let (mut ratio, mut highest) = (0.0_f64, 0.0_f64);
        for target in &order {
            ratio += if target.is_answered() {
                (SCAN_SCANNER / SCAN_BENIGN).ln()
            } else {
                ((1.0 - SCAN_SCANNER) / (1.0 - SCAN_BENIGN)).ln()
            };
            // A walk that has gone down far enough begins anew: what a host did before does not excuse it.
            ratio = ratio.max(-SCAN_RATIO.ln());
            highest = highest.max(ratio);
        }
        let failed: Vec<&Target<'_>> = order.iter().copied().filter(|target| !target.is_answered()).collect();
        if highest <= SCAN_RATIO.ln() || (failed.len() as f64) < SCAN_HOSTS {
            return None;
        }
        let mut by_port: BTreeMap<u16, usize> = BTreeMap::new();
        for port in failed.iter().flat_map(|target| target.of_ports()).map(|of_port| of_port[0].port) {
            *by_port.entry(port).or_default() += 1;
        }
        let (&port, &same) = by_port.iter().max_by_key(|(port, n)| (**n, std::cmp::Reverse(**port)))?;
        let share = same as f64 / failed.len() as f64;
        let is_one_port = share >= SCAN_SAME_PORT;
        // Over UDP, peer-to-peer programs ask as many, and a port of its own of each.
        if carried == Carried::Udp && !is_one_port {
            return None;
        }
        let refused =
            material.refused(source, failed.iter().map(|target| target.host)).filter(|n| *n > 0).count();
        let severity = if is_one_port && self.is_sure(refused as u64, failed.len()) {
            Severity::Alert
        } else {
            Severity::Note
        };
        let mut finding = Finding::new("scan", severity, NodeId::Host(source));
        finding.score = 0.5 * magnitude(failed.len() as f64, SCAN_HOSTS) + 0.5 * share;
        finding.ports = if is_one_port { BTreeSet::from([port]) } else { by_port.keys().copied().collect() };
        let tried_there = order.iter().filter(|target| target.has(port)).count();
        let (on, silent, tried) = if is_one_port {
            (format!("on {}port {port} ", over(carried)), same, tried_there)
        } else {
            (String::new(), failed.len(), order.len())
        };
        finding.sentence = format!(
            "{} of {} hosts that {source} tried {on}{}refused or did not answer{}; consistent with a sweep for hosts",
            Count(silent as u64),
            Count(tried as u64),
            self.manner(),
            self.doubt(),
        );
        finding.life = order.iter().fold(None, |life, target| join(life, target.life));
        finding.evidence = vec![
            Evidence::new("failed hosts", failed.len() as f64, "hosts").against(SCAN_HOSTS),
            Evidence::new("hosts tried", tried as f64, "hosts"),
            Evidence::new("likelihood ratio, logarithm", highest, "").against(SCAN_RATIO.ln()),
            Evidence::new("share on the most frequent port", share, "").against(SCAN_SAME_PORT),
        ];
        if carried == Carried::Udp {
            finding.evidence.push(
                Evidence::new("hosts that said so by ICMP", refused as f64, "hosts").against(SCAN_REFUSED),
            );
        }
        finding.innocent_causes = CAUSES;
        let server_port = Some(port).filter(|_| is_one_port);
        let all = Clause { server_port, ..Clause::of(carried, source) };
        self.select(&mut finding, &order, all);
        Some(finding)
    }

    /// Ports of one host after another; hosts past a handful are one finding.
    fn of_ports(&self, targets: &[Target<'_>]) -> Vec<Finding> {
        let scanned: Vec<&Target<'_>> = targets.iter().filter(|target| target.is_scanned()).collect();
        let size = if scanned.len() > HANDFUL { scanned.len() } else { 1 };
        scanned.chunks(size).map(|targets| self.of_ports_of(targets)).collect()
    }

    fn of_ports_of(&self, targets: &[&Target<'_>]) -> Finding {
        let Self { material, carried, source, .. } = *self;
        let failed: usize = targets.iter().map(|target| target.failed).sum();
        let tried: usize = targets.iter().map(|target| target.ports).sum();
        let refused: u64 = material.refused(source, targets.iter().map(|target| target.host)).sum();
        let is_sure = self.is_sure(refused, failed);
        let severity = if is_sure { Severity::Alert } else { Severity::Note };
        let mut finding = Finding::new("scan", severity, NodeId::Host(source));
        let on = match targets {
            [target] => {
                finding.object = Some(NodeId::Host(target.host));
                target.host.to_string()
            }
            _ => format!("{} hosts", targets.len()),
        };
        let share = failed as f64 / tried as f64;
        finding.score = 0.5 * magnitude(failed as f64, SCAN_PORTS) + 0.5 * share;
        finding.sentence = format!(
            "{} of {} {}ports on {on} that {source} tried {}refused or did not answer{}; consistent with a port scan",
            Count(failed as u64),
            Count(tried as u64),
            over(carried),
            self.manner(),
            self.doubt(),
        );
        finding.life = targets.iter().fold(None, |life, target| join(life, target.life));
        finding.evidence = vec![
            Evidence::new("failed ports", failed as f64, "ports").against(SCAN_PORTS),
            Evidence::new("ports tried", tried as f64, "ports"),
            Evidence::new("hosts", targets.len() as f64, "hosts"),
        ];
        if carried == Carried::Udp {
            let said = Evidence::new("port unreachable, by ICMP", refused as f64, "messages");
            finding.evidence.push(said.against(SCAN_REFUSED));
        }
        finding.innocent_causes = CAUSES;
        let server = finding.object.map(|_| targets[0].host);
        self.select(&mut finding, targets, Clause { server, ..Clause::of(carried, source) });
        finding
    }

    /// Whether so many failures mean something. Over TCP they do, where the client hears anybody, there are very many of
    /// them, or no connection has such segments; over UDP, what is said by ICMP does.
    fn is_sure(&self, refused: u64, failed: usize) -> bool {
        let is_sure = match self.carried {
            Carried::Udp => refused as f64 >= SCAN_REFUSED,
            _ => self.is_heard || failed as f64 >= SCAN_UNHEARD || self.how != How::Asked,
        };
        is_sure && self.believes
    }

    fn doubt(&self) -> &'static str {
        match self.carried {
            _ if !self.believes => " (it went on as if they had)",
            Carried::Udp => "",
            _ if self.is_heard => "",
            _ => " (it hears nobody in the capture)",
        }
    }

    /// Gives the finding the filters for what was tried on these, of `all` that the source did, and what refused it.
    fn select(&self, finding: &mut Finding, targets: &[&Target<'_>], all: Clause) {
        let attempts = targets.iter().flat_map(|target| target.attempts);
        let attempts = attempts.filter(|it| all.server_port.is_none_or(|port| it.port == port));
        // Of what asks, all is part of a scan: of single hosts or ports no list is needed.
        let is_listed = self.how != How::Asked
            || self.carried == Carried::Udp
            || (all.server.is_none() && all.server_port.is_none());
        let protocol = match (self.carried, self.how) {
            (Carried::Udp, _) => Carried::UdpWithRefusals,
            (_, How::Asked) => Carried::Attempts,
            // These are told from others by all their flags, which no filter can ask for.
            (_, How::Stealthy | How::Unconnected) => Carried::Tcp,
        };
        let all = Clause { protocol, ..all };
        let whole = |it: &Attempt| Clause {
            client_port: Some(it.source_port),
            server: Some(it.destination),
            server_port: Some(it.port),
            ..all
        };
        // None where there are too many to look at.
        let exact: Option<Vec<Clause>> = match targets.iter().map(|target| target.attempts.len()).sum() {
            _ if !is_listed => Some(vec![all]),
            0..=MOST_CLAUSES => Some(attempts.map(whole).collect()),
            _ => None,
        };
        self.material.filters.select(finding, exact, &[all]);
    }

    /// By which segments it was tried, where that is out of the ordinary.
    fn manner(&self) -> &'static str {
        match self.how {
            How::Asked => "",
            How::Stealthy => "by segments that show neither SYN nor ACK ",
            How::Unconnected => "by segments without a connection ",
        }
    }
}

const CAUSES: &[&str] = &[
    "an inventory or vulnerability scanner of one's own",
    "monitoring of hosts that are switched off",
    "peer-to-peer programs with a stale list of peers",
    "a firewall that drops the answers before the capture sees them",
];

/// What stands before `port`: TCP need not be said.
fn over(carried: Carried) -> &'static str {
    if carried == Carried::Udp { "UDP " } else { "" }
}

impl Attempt {
    fn of(it: Connection, direction: &Direction, how: How, outcome: Outcome) -> Self {
        let Connection { hosts, ports } = it;
        Self {
            source: hosts.source,
            source_port: ports.source,
            destination: hosts.destination,
            port: ports.destination,
            how,
            outcome,
            began: direction.began(),
            life: direction.life,
        }
    }

    fn is_alike(&self, other: &Self) -> bool {
        (self.source, self.how) == (other.source, other.how)
    }

    fn is_answered(&self, believes: bool) -> bool {
        match self.outcome {
            Outcome::Answered => true,
            Outcome::Failed | Outcome::Silent | Outcome::Closed => false,
            Outcome::Pretended => believes,
        }
    }
}

impl<'a> Target<'a> {
    /// The attempts on one host, at least one.
    fn of(attempts: &'a [Attempt], believes: bool) -> Self {
        let began = attempts.iter().map(|it| it.began).fold(attempts[0].began, When::min);
        let life = attempts.iter().fold(None, |life, it| join(life, it.life));
        let mut target = Self { host: attempts[0].destination, attempts, ports: 0, failed: 0, began, life };
        for of_port in target.of_ports() {
            target.ports += 1;
            target.failed += usize::from(of_port.iter().all(|it| !it.is_answered(believes)));
        }
        target
    }

    fn of_ports(&self) -> impl Iterator<Item = &'a [Attempt]> + use<'a> {
        self.attempts.chunk_by(|a, b| a.port == b.port)
    }

    fn has(&self, port: u16) -> bool {
        self.attempts.binary_search_by_key(&port, |it| it.port).is_ok()
    }

    fn is_scanned(&self) -> bool {
        self.failed as f64 >= SCAN_PORTS
    }

    fn is_answered(&self) -> bool {
        self.failed < self.ports
    }
}

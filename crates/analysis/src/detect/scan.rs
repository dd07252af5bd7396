use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use foldhash::fast::RandomState;
use pcapviz_graph::{AddressClass, Evidence, Finding, MacAddr, NodeId, Severity, Vlans};

use super::amount::Count;
use super::material::{ACK, Direction, SYN};
use super::packets::{CLAUSES, Carried, Clause};
use super::threshold::{
    SCAN_BENIGN, SCAN_HOSTS, SCAN_PORTS, SCAN_RATIO, SCAN_REFUSED, SCAN_SAME_PORT, SCAN_SCANNER, SWEEP_HOSTS,
    SWEEP_NOTE, SWEEP_SHARE, TRACEROUTE_FIRST, TRACEROUTE_LAST,
};
use super::{Material, magnitude};
use crate::life::{Life, join};
use crate::observe::{Claim as ArpClaim, Connection, Handshakes, Question};

/// What a client tried on one host, by port.
#[derive(Default)]
struct Target {
    /// Whether a port answered.
    ports: BTreeMap<u16, bool>,
    /// When it was first tried.
    began: Option<When>,
    life: Life,
}

type When = (Option<pcapviz_graph::Timestamp>, pcapviz_graph::Position);

type Sources = BTreeMap<IpAddr, BTreeMap<IpAddr, Target>>;

/// Clients that try many hosts, or many ports of a host, which refuse or do not answer.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (carried, sources) in [(Carried::Tcp, over_tcp(material)), (Carried::Udp, over_udp(material))] {
        for (source, targets) in &sources {
            findings.extend(many_hosts(material, carried, *source, targets));
            findings.extend(many_ports(material, carried, *source, targets));
        }
    }
    findings.extend(by_arp(material));
    findings
}

fn over_tcp(material: &Material<'_>) -> Sources {
    let mut sources = Sources::new();
    let directions = directions(&material.begun);
    for (&connection, direction) in &directions {
        let back = directions.get(&connection.reversed());
        if !is_attempt(&material.observations.handshakes, connection, direction, back) {
            continue;
        }
        let answered = direction.tcp_flags & ACK != 0 || back.is_some_and(|back| back.tcp_flags & SYN != 0);
        add(&mut sources, connection, direction, answered);
    }
    sources
}

/// What clients, with the higher port, sent to single hosts. Silence counts only where the client hears anybody: else
/// the capture has one direction.
fn over_udp(material: &Material<'_>) -> Sources {
    let mut sources = Sources::new();
    let directions = directions(&material.datagrams);
    let traceroute = TRACEROUTE_FIRST..=TRACEROUTE_LAST;
    for (&connection, direction) in &directions {
        let (hosts, ports) = (connection.hosts, connection.ports);
        let is_single = [hosts.source, hosts.destination].iter().all(|ip| AddressClass::of(*ip).is_host());
        if is_single && ports.source > ports.destination && !traceroute.contains(&ports.destination.into()) {
            let answered = directions.contains_key(&connection.reversed());
            add(&mut sources, connection, direction, answered);
        }
    }
    sources
        .retain(|_, targets| targets.len() as f64 >= SCAN_HOSTS || targets.values().any(Target::is_scanned));
    if !sources.is_empty() {
        let listening: HashSet<IpAddr, RandomState> = sources.keys().copied().collect();
        let heard =
            material.distinct(|hosts| Some(hosts.destination).filter(|host| listening.contains(host)));
        sources.retain(|source, _| heard.contains(source));
    }
    sources
}

fn add(sources: &mut Sources, connection: Connection, direction: &Direction, answered: bool) {
    let hosts = connection.hosts;
    let target = sources.entry(hosts.source).or_default().entry(hosts.destination).or_default();
    *target.ports.entry(connection.ports.destination).or_default() |= answered;
    target.began = Some(target.began.map_or(direction.began(), |began| began.min(direction.began())));
    target.life = join(target.life, direction.life);
}

/// Devices that ask for one address after another which nobody has. Who passes on the packets of others asks for
/// whatever these look for.
fn by_arp(material: &Material<'_>) -> Vec<Finding> {
    let claims = &material.observations.claims;
    let questions = claims.questions();
    let of_one = questions.chunk_by(|(a, _), (b, _)| (a.vlans, a.device) == (b.vlans, b.device));
    let many: Vec<_> = of_one.filter(|asked| asked.len() as f64 >= SWEEP_NOTE).collect();
    // Of a sample of claims, who did not answer is not known.
    if many.is_empty() || !claims.is_whole() {
        return Vec::new();
    }
    let claims = claims.sorted();
    let claimed: HashSet<(Vlans, Ipv4Addr)> = claims.iter().map(|row| (row.0, row.1)).collect();
    // Where no answer was captured, silence says little.
    let answered: HashSet<Vlans> = claims.iter().filter(|row| row.3.replies > 0).map(|row| row.0).collect();
    // Two hosts are enough for a router.
    let mut senders: HashMap<MacAddr, Option<IpAddr>> =
        many.iter().map(|asked| (asked[0].0.device, None)).collect();
    let mut routers: HashSet<MacAddr> = HashSet::new();
    for (key, _) in material.flows() {
        if let (Some(devices), Some(hosts)) = (key.devices, key.hosts)
            && hosts.source.is_ipv4()
            && let Some(known) = senders.get_mut(&devices.source)
            && AddressClass::of(hosts.source).is_host()
            && *known.get_or_insert(hosts.source) != hosts.source
        {
            routers.insert(devices.source);
        }
    }
    let sweep = |asked: &[(Question, ArpClaim)]| {
        let Question { vlans, device, .. } = asked[0].0;
        let failed = asked.iter().filter(|(q, _)| !claimed.contains(&(q.vlans, q.target))).count();
        let share = failed as f64 / asked.len() as f64;
        if (failed as f64) < SWEEP_NOTE || share < SWEEP_SHARE {
            return None;
        }
        let is_alert =
            failed as f64 >= SWEEP_HOSTS && !routers.contains(&device) && answered.contains(&vlans);
        let severity = if is_alert { Severity::Alert } else { Severity::Note };
        let mut finding = Finding::new("scan", severity, NodeId::Device(device));
        finding.score = 0.5 * magnitude(failed as f64, SWEEP_HOSTS) + 0.5 * share;
        let within = if vlans == Vlans::default() { String::new() } else { format!(" in {vlans}") };
        finding.sentence = format!(
            "{} of {} addresses that {device} asked for by ARP{within} did not answer; consistent with a sweep for hosts",
            Count(failed as u64),
            Count(asked.len() as u64),
        );
        finding.life = asked.iter().fold(None, |life, (_, asked)| join(life, asked.life));
        finding.evidence = vec![
            Evidence::new("addresses without an answer", failed as f64, "addresses").against(SWEEP_HOSTS),
            Evidence::new("addresses asked for", asked.len() as f64, "addresses"),
            Evidence::new("share without an answer", share, "").against(SWEEP_SHARE),
        ];
        finding.innocent_causes = &[
            "an inventory of one's own network",
            "a router that looks for hosts which others scan from outside",
            "a switch that passes the questions on to the capture, but not the answers",
        ];
        (finding.display_filter, finding.capture_filter) = material.filters.questions(vlans, device);
        Some(finding)
    };
    many.into_iter().filter_map(sweep).collect()
}

/// The directions of conversations, those of one seen in several places added up.
fn directions(begun: &[(Connection, Direction)]) -> HashMap<Connection, Direction> {
    let mut all: HashMap<Connection, Direction> = HashMap::with_capacity(begun.len());
    for (connection, direction) in begun {
        all.entry(*connection)
            .and_modify(|known| {
                known.tcp_flags |= direction.tcp_flags;
                known.life = join(known.life, direction.life);
                known.position = known.position.min(direction.position);
            })
            .or_insert(*direction);
    }
    all
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

/// The threshold random walk over the hosts in the order in which they were first tried.
fn many_hosts(
    material: &Material<'_>,
    carried: Carried,
    source: IpAddr,
    targets: &BTreeMap<IpAddr, Target>,
) -> Option<Finding> {
    let mut order: Vec<(&IpAddr, &Target)> = targets.iter().collect();
    order.sort_by_key(|(ip, target)| (target.began, **ip));
    let (mut ratio, mut highest) = (0.0_f64, 0.0_f64);
    for (_, target) in &order {
        ratio += if target.is_answered() {
            (SCAN_SCANNER / SCAN_BENIGN).ln()
        } else {
            ((1.0 - SCAN_SCANNER) / (1.0 - SCAN_BENIGN)).ln()
        };
        // A walk that has gone down far enough begins anew: what a host did before does not excuse it.
        ratio = ratio.max(-SCAN_RATIO.ln());
        highest = highest.max(ratio);
    }
    let failed: Vec<_> = order.iter().filter(|(_, target)| !target.is_answered()).collect();
    if highest <= SCAN_RATIO.ln() || (failed.len() as f64) < SCAN_HOSTS {
        return None;
    }
    let mut by_port: BTreeMap<u16, usize> = BTreeMap::new();
    for port in failed.iter().flat_map(|(_, target)| target.ports.keys()) {
        *by_port.entry(*port).or_default() += 1;
    }
    let (&port, &same) = by_port.iter().max_by_key(|(port, n)| (**n, std::cmp::Reverse(**port)))?;
    let share = same as f64 / failed.len() as f64;
    let is_one_port = share >= SCAN_SAME_PORT;
    // Over UDP, peer-to-peer programs ask as many, and a port of its own of each.
    if carried == Carried::Udp && !is_one_port {
        return None;
    }
    let refused = material.refused(source, failed.iter().map(|(ip, _)| **ip)).filter(|n| *n > 0).count();
    let is_sure = carried == Carried::Tcp || refused as f64 >= SCAN_REFUSED;
    let severity = if is_one_port && is_sure { Severity::Alert } else { Severity::Note };
    let mut finding = Finding::new("scan", severity, NodeId::Host(source));
    finding.score = 0.5 * magnitude(failed.len() as f64, SCAN_HOSTS) + 0.5 * share;
    finding.ports = if is_one_port { BTreeSet::from([port]) } else { by_port.keys().copied().collect() };
    let tried_there = targets.values().filter(|target| target.ports.contains_key(&port)).count();
    let (on, silent, tried) = if is_one_port {
        (format!("on {}port {port} ", over(carried)), same, tried_there)
    } else {
        (String::new(), failed.len(), targets.len())
    };
    finding.sentence = format!(
        "{} of {} hosts that {source} tried {on}refused or did not answer; consistent with a sweep for hosts",
        Count(silent as u64),
        Count(tried as u64),
    );
    finding.life = order.iter().fold(None, |life, (_, target)| join(life, target.life));
    finding.evidence = vec![
        Evidence::new("failed hosts", failed.len() as f64, "hosts").against(SCAN_HOSTS),
        Evidence::new("hosts tried", tried as f64, "hosts"),
        Evidence::new("likelihood ratio, logarithm", highest, "").against(SCAN_RATIO.ln()),
        Evidence::new("share on the most frequent port", share, "").against(SCAN_SAME_PORT),
    ];
    if carried == Carried::Udp {
        finding
            .evidence
            .push(Evidence::new("hosts that said so by ICMP", refused as f64, "hosts").against(SCAN_REFUSED));
    }
    finding.innocent_causes = CAUSES;
    let clause = if is_one_port {
        Clause { server_port: Some(port), ..Clause::of(carried, source) }
    } else {
        Clause::of(Carried::Attempts, source)
    };
    (finding.display_filter, finding.capture_filter) = material.filters.any(&BTreeSet::from([clause]));
    Some(finding)
}

/// Ports of one host after another; hosts past a handful are one finding.
fn many_ports(
    material: &Material<'_>,
    carried: Carried,
    source: IpAddr,
    targets: &BTreeMap<IpAddr, Target>,
) -> Vec<Finding> {
    let scanned: Vec<(IpAddr, &Target)> =
        targets.iter().filter(|(_, target)| target.is_scanned()).map(|(ip, target)| (*ip, target)).collect();
    let groups = if scanned.len() > CLAUSES { vec![&scanned[..]] } else { scanned.chunks(1).collect() };
    groups
        .into_iter()
        .map(|targets| {
            let failed: usize = targets.iter().map(|(_, target)| target.failed()).sum();
            let tried: usize = targets.iter().map(|(_, target)| target.ports.len()).sum();
            let refused: u64 = material.refused(source, targets.iter().map(|(ip, _)| *ip)).sum();
            let is_sure = carried == Carried::Tcp || refused as f64 >= SCAN_REFUSED;
            let severity = if is_sure { Severity::Alert } else { Severity::Note };
            let mut finding = Finding::new("scan", severity, NodeId::Host(source));
            let on = match targets {
                [(ip, _)] => {
                    finding.object = Some(NodeId::Host(*ip));
                    ip.to_string()
                }
                _ => format!("{} hosts", targets.len()),
            };
            let share = failed as f64 / tried as f64;
            finding.score = 0.5 * magnitude(failed as f64, SCAN_PORTS) + 0.5 * share;
            finding.sentence = format!(
                "{} of {} {}ports on {on} that {source} tried refused or did not answer; consistent with a port scan",
                Count(failed as u64),
                Count(tried as u64),
                over(carried),
            );
            finding.life = targets.iter().fold(None, |life, (_, target)| join(life, target.life));
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
            let clause = match targets {
                [(ip, _)] => Clause::between(carried, source, *ip),
                _ if carried == Carried::Tcp => Clause::of(Carried::Attempts, source),
                _ => Clause::of(carried, source),
            };
            (finding.display_filter, finding.capture_filter) =
                material.filters.any(&BTreeSet::from([clause]));
            finding
        })
        .collect()
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

impl Target {
    fn is_scanned(&self) -> bool {
        self.failed() as f64 >= SCAN_PORTS
    }

    fn is_answered(&self) -> bool {
        self.ports.values().any(|answered| *answered)
    }

    fn failed(&self) -> usize {
        self.ports.values().filter(|answered| !**answered).count()
    }
}

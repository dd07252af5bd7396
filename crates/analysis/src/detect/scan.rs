use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use pcapviz_graph::{Evidence, Finding, NodeId, Severity};

use super::amount::Count;
use super::material::{ACK, Direction, SYN};
use super::packets::{CLAUSES, Carried, Clause};
use super::threshold::{SCAN_BENIGN, SCAN_HOSTS, SCAN_PORTS, SCAN_RATIO, SCAN_SAME_PORT, SCAN_SCANNER};
use super::{Material, magnitude};
use crate::life::{Life, join};
use crate::observe::Connection;

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

/// Clients that try many hosts, or many ports of a host, which refuse or do not answer.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let mut sources: BTreeMap<IpAddr, BTreeMap<IpAddr, Target>> = BTreeMap::new();
    let directions = directions(&material.begun);
    for (&connection, direction) in &directions {
        let back = directions.get(&connection.reversed());
        if !is_attempt(connection, direction, back) {
            continue;
        }
        let answered = direction.tcp_flags & ACK != 0 || back.is_some_and(|back| back.tcp_flags & SYN != 0);
        let hosts = connection.hosts;
        let target = sources.entry(hosts.source).or_default().entry(hosts.destination).or_default();
        *target.ports.entry(connection.ports.destination).or_default() |= answered;
        target.began = Some(target.began.map_or(direction.began(), |began| began.min(direction.began())));
        target.life = join(target.life, direction.life);
    }
    let mut findings = Vec::new();
    for (source, targets) in &sources {
        findings.extend(many_hosts(material, *source, targets));
        findings.extend(many_ports(material, *source, targets));
    }
    findings
}

/// The directions of TCP connections, those of one seen in several places added up.
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
fn is_attempt(connection: Connection, direction: &Direction, back: Option<&Direction>) -> bool {
    match back {
        _ if direction.tcp_flags & ACK == 0 => true,
        Some(back) => (direction.began(), connection) < (back.began(), connection.reversed()),
        // A SYN with ACK may be a server's: of one direction alone it cannot be told.
        None => false,
    }
}

/// The threshold random walk over the hosts in the order in which they were first tried.
fn many_hosts(
    material: &Material<'_>,
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
    let severity = if is_one_port { Severity::Alert } else { Severity::Note };
    let mut finding = Finding::new("scan", severity, NodeId::Host(source));
    finding.score = 0.5 * magnitude(failed.len() as f64, SCAN_HOSTS) + 0.5 * share;
    finding.ports = if is_one_port { BTreeSet::from([port]) } else { by_port.keys().copied().collect() };
    let tried_there = targets.values().filter(|target| target.ports.contains_key(&port)).count();
    let (on, silent, tried) = if is_one_port {
        (format!("on port {port} "), same, tried_there)
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
    finding.innocent_causes = CAUSES;
    let clause = Clause {
        protocol: Carried::Tcp,
        client: Some(source),
        server: None,
        client_port: None,
        server_port: is_one_port.then_some(port),
    };
    (finding.display_filter, finding.capture_filter) = material.filters.any(&BTreeSet::from([clause]));
    Some(finding)
}

/// Ports of one host after another; hosts past a handful are one finding.
fn many_ports(material: &Material<'_>, source: IpAddr, targets: &BTreeMap<IpAddr, Target>) -> Vec<Finding> {
    let scanned: Vec<(IpAddr, &Target)> = targets
        .iter()
        .filter(|(_, target)| target.failed() as f64 >= SCAN_PORTS)
        .map(|(ip, target)| (*ip, target))
        .collect();
    let groups = if scanned.len() > CLAUSES { vec![&scanned[..]] } else { scanned.chunks(1).collect() };
    groups
        .into_iter()
        .map(|targets| {
            let failed: usize = targets.iter().map(|(_, target)| target.failed()).sum();
            let tried: usize = targets.iter().map(|(_, target)| target.ports.len()).sum();
            let mut finding = Finding::new("scan", Severity::Alert, NodeId::Host(source));
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
                "{} of {} ports on {on} that {source} tried refused or did not answer; consistent with a port scan",
                Count(failed as u64),
                Count(tried as u64),
            );
            finding.life = targets.iter().fold(None, |life, (_, target)| join(life, target.life));
            finding.evidence = vec![
                Evidence::new("failed ports", failed as f64, "ports").against(SCAN_PORTS),
                Evidence::new("ports tried", tried as f64, "ports"),
                Evidence::new("hosts", targets.len() as f64, "hosts"),
            ];
            finding.innocent_causes = CAUSES;
            let clause = Clause {
                protocol: Carried::Tcp,
                client: Some(source),
                server: if let [(ip, _)] = targets { Some(*ip) } else { None },
                client_port: None,
                server_port: None,
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

impl Target {
    fn is_answered(&self) -> bool {
        self.ports.values().any(|answered| *answered)
    }

    fn failed(&self) -> usize {
        self.ports.values().filter(|answered| !**answered).count()
    }
}

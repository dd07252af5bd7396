use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use pcapviz_capture::Timestamp;
use pcapviz_graph::{AddressClass, Evidence, Finding, NodeId, Severity};

use super::Material;
use super::amount::{Count, Seconds};
use super::material::is_call_out;
use super::packets::{Carried, Clause};
use super::threshold::{BEACON_GAPS, BEACON_MEDIAN, dispersion};
use crate::life::between;
use crate::observe::Connection;

/// A service as one client uses it.
type Use = (Carried, IpAddr, IpAddr, u16);

/// Clients that connect to a server at nearly equal times.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let mut starts: BTreeMap<Use, Vec<Timestamp>> = BTreeMap::new();
    for (connection, times) in material.observations.handshakes.starts() {
        let (hosts, ports) = (connection.hosts, connection.ports);
        let of = (Carried::Tcp, hosts.source, hosts.destination, ports.destination);
        starts.entry(of).or_default().extend(times);
    }
    // UDP has no starts: a port of its own for each contact shows them. Each once, though seen in several places.
    let mut calls: BTreeMap<Connection, Timestamp> = BTreeMap::new();
    for (connection, direction) in &material.datagrams {
        if let Some((first, _)) = direction.life.filter(|_| is_call_out(connection, material.inside)) {
            calls.entry(*connection).and_modify(|known| *known = first.min(*known)).or_insert(first);
        }
    }
    for (Connection { hosts, ports }, first) in calls {
        starts
            .entry((Carried::Udp, hosts.source, hosts.destination, ports.destination))
            .or_default()
            .push(first);
    }
    let regular: Vec<(Use, Vec<Timestamp>, Rhythm)> = starts
        .into_iter()
        .filter_map(|(of, mut times)| {
            times.sort_unstable();
            let rhythm = Rhythm::of(&times)?;
            (rhythm.dispersion <= dispersion(rhythm.gaps)).then_some((of, times, rhythm))
        })
        .collect();
    if regular.is_empty() {
        return Vec::new();
    }
    let inside_hosts = material.inside_hosts();
    let mut clients: BTreeMap<(Carried, IpAddr, u16), usize> = BTreeMap::new();
    for ((carried, _, server, port), ..) in &regular {
        *clients.entry((*carried, *server, *port)).or_default() += 1;
    }
    regular
        .into_iter()
        .filter(|((_, client, server, _), ..)| [client, server].iter().all(|ip| AddressClass::of(**ip).is_host()))
        .map(|((carried, client, server, port), times, rhythm)| {
            let bound = dispersion(rhythm.gaps);
            let goes_out = material.inside.holds(client) && material.inside.is_outside_host(server);
            let severity = if goes_out && carried == Carried::Tcp { Severity::Alert } else { Severity::Note };
            let mut finding = Finding::new("beacon", severity, NodeId::Host(client));
            finding.object = Some(NodeId::Host(server));
            finding.score = 0.5 + 0.5 * (1.0 - rhythm.dispersion / bound);
            let same = clients.get(&(carried, server, port)).copied().unwrap_or(1);
            finding.sentence = format!(
                "{client} {} {} every {} ± {:.0} %, {} contacts; {same} of {} hosts does; consistent with a beacon",
                if carried == Carried::Tcp { "connects to" } else { "sends by UDP to" },
                NodeId::Endpoint(server, port),
                Seconds(rhythm.median),
                100.0 * rhythm.dispersion,
                Count(times.len() as u64),
                inside_hosts.max(same),
            );
            finding.life = times.first().copied().zip(times.last().copied());
            finding.evidence = vec![
                Evidence::new("gaps", rhythm.gaps as f64, "gaps").against(BEACON_GAPS),
                Evidence::new("median gap", rhythm.median, "s").against(BEACON_MEDIAN),
                Evidence::new("dispersion of gaps", rhythm.dispersion, "").against(bound),
                // RITA v5's terms: 1 is a clock.
                Evidence::new("timestamp skew score", 1.0 - rhythm.skew.abs(), ""),
                Evidence::new("timestamp dispersion score", (1.0 - rhythm.dispersion).max(0.0), ""),
                Evidence::new("hosts doing so", same as f64, "hosts"),
            ];
            finding.innocent_causes = &[
                "programs that look for updates, mail or messages",
                "monitoring, health checks, telemetry and clocks (NTP)",
                "a client that keeps trying to reach a server that is down",
            ];
            let clause = Clause::between(carried, client, server).server_port(port);
            (finding.display_filter, finding.capture_filter) =
                material.filters.any(&BTreeSet::from([clause]));
            finding
        })
        .collect()
}

/// How even a sequence of times is.
struct Rhythm {
    gaps: usize,
    /// In seconds.
    median: f64,
    /// Median absolute deviation by median.
    dispersion: f64,
    /// Bowley's skewness: (Q1 + Q3 - 2 Q2) / (Q3 - Q1), from -1 to 1.
    skew: f64,
}

impl Rhythm {
    /// `None` for too few contacts, or too quick ones. Several connections at once are one contact, where
    /// contacts are far apart.
    fn of(times: &[Timestamp]) -> Option<Self> {
        let gaps: Vec<f64> = times.array_windows().map(|[a, b]| between(*a, *b)).collect();
        let whole = Self::of_gaps(gaps)?;
        if whole.is_enough() && whole.dispersion <= dispersion(whole.gaps) {
            return Some(whole);
        }
        let mut contacts: Vec<Timestamp> = Vec::new();
        for &time in times {
            if contacts.last().is_none_or(|last| between(*last, time) >= BURST) {
                contacts.push(time);
            }
        }
        let gaps = contacts.array_windows().map(|[a, b]| between(*a, *b)).collect();
        // Steady traffic, cut into bursts, would look like a clock: bursts must be short beside the gaps.
        Self::of_gaps(gaps).filter(|rhythm| rhythm.is_enough() && rhythm.median >= 10.0 * BURST)
    }

    fn of_gaps(mut gaps: Vec<f64>) -> Option<Self> {
        gaps.sort_by(f64::total_cmp);
        let median = median(&gaps)?;
        let mut deviations: Vec<f64> = gaps.iter().map(|gap| (gap - median).abs()).collect();
        deviations.sort_by(f64::total_cmp);
        let dispersion = self::median(&deviations)? / median.max(1e-9);
        let quarter = |n: usize| gaps[(gaps.len() - 1) * n / 4];
        let (q1, q3) = (quarter(1), quarter(3));
        let skew = if q3 > q1 { (q1 + q3 - 2.0 * median) / (q3 - q1) } else { 0.0 };
        Some(Self { gaps: gaps.len(), median, dispersion, skew: skew.clamp(-1.0, 1.0) })
    }

    fn is_enough(&self) -> bool {
        self.gaps as f64 >= BEACON_GAPS && self.median >= BEACON_MEDIAN
    }
}

/// Connections that start within so many seconds are one contact: browsers and agents open several at once.
const BURST: f64 = 1.0;

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n.is_multiple_of(2) => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
        _ => Some(sorted[middle]),
    }
}

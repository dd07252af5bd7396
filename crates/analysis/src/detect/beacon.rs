use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use pcapviz_capture::Timestamp;
use pcapviz_graph::{AddressClass, Evidence, Finding, NodeId, Severity};

use super::Material;
use super::amount::{Count, Seconds, at_least};
use super::material::SYN;
use super::packets::{Carried, Clause};
use super::threshold::{BEACON_APART, BEACON_BURST, BEACON_GAPS, BEACON_MEDIAN, dispersion};
use crate::life::{between, seconds};
use crate::observe::Connection;

/// A service as one client uses it.
type Use = (Carried, IpAddr, IpAddr, u16);

/// Clients that connect to a server at nearly equal times.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let mut starts: Vec<(Use, Timestamp)> = Vec::new();
    material.observations.handshakes.starts(|connection, time| {
        starts.push((of_use(Carried::Tcp, connection), time));
    });
    // UDP has no starts: a port of its own for each contact shows them. Each once, though seen in several places.
    let mut calls: BTreeMap<Connection, Timestamp> = BTreeMap::new();
    for (connection, direction) in material.calls() {
        if let Some((first, _)) = direction.life {
            calls.entry(connection).and_modify(|known| *known = first.min(*known)).or_insert(first);
        }
    }
    starts.extend(calls.iter().map(|(connection, first)| (of_use(Carried::Udp, connection), *first)));
    starts.sort_unstable();
    let regular: Vec<(Use, Vec<Timestamp>, Spread)> = starts
        .chunk_by(|(a, _), (b, _)| a == b)
        .filter(|starts| starts.len() as f64 > BEACON_GAPS)
        .filter_map(|starts| {
            let times: Vec<Timestamp> = starts.iter().map(|(_, time)| *time).collect();
            let gaps = gaps(&times)?;
            (gaps.dispersion <= dispersion(gaps.count)).then_some((starts[0].0, times, gaps))
        })
        .collect();
    drop(starts);
    if regular.is_empty() {
        return Vec::new();
    }
    let inside_hosts = material.inside_hosts();
    let sizes = sizes(material, regular.iter().map(|(of, ..)| *of).collect());
    let mut clients: BTreeMap<(Carried, IpAddr, u16), usize> = BTreeMap::new();
    for ((carried, _, server, port), ..) in &regular {
        *clients.entry((*carried, *server, *port)).or_default() += 1;
    }
    regular
        .into_iter()
        .filter(|((_, client, server, _), ..)| [client, server].iter().all(|ip| AddressClass::of(**ip).is_host()))
        .map(|((carried, client, server, port), times, gaps)| {
            let bound = dispersion(gaps.count);
            let goes_out = material.inside.holds(client) && material.inside.is_outside_host(server);
            let severity = if goes_out && carried == Carried::Tcp { Severity::Alert } else { Severity::Note };
            let mut finding = Finding::new("beacon", severity, NodeId::Host(client));
            finding.object = Some(NodeId::Host(server));
            finding.score = 0.5 + 0.5 * (1.0 - gaps.dispersion / bound);
            // Of some hosts, connections may not be kept.
            let is_bound = carried == Carried::Tcp && !material.observations.handshakes.is_whole();
            let (at_least, lower_bound) = at_least(is_bound);
            let same = clients.get(&(carried, server, port)).copied().unwrap_or(1);
            finding.sentence = format!(
                "{client} {} {} every {} ± {:.0} %, {} contacts; {at_least}{same} of {} hosts {}; consistent with a beacon",
                if carried == Carried::Tcp { "connects to" } else { "sends by UDP to" },
                NodeId::Endpoint(server, port),
                Seconds(gaps.median),
                100.0 * gaps.dispersion,
                Count(times.len() as u64),
                Count(inside_hosts.max(same) as u64),
                if same == 1 { "does" } else { "do" },
            );
            finding.life = times.first().copied().zip(times.last().copied());
            finding.evidence = vec![
                Evidence::new("gaps", gaps.count as f64, "gaps").against(BEACON_GAPS),
                Evidence::new("median gap", gaps.median, "s").against(BEACON_MEDIAN),
                Evidence::new("dispersion of gaps", gaps.dispersion, "").against(bound),
                // RITA v5's terms: 1 is a clock.
                Evidence::new("timestamp skew score", gaps.skew_score(), ""),
                Evidence::new("timestamp dispersion score", gaps.dispersion_score(), ""),
            ];
            let sizes = sizes.get(&(carried, client, server, port)).cloned().and_then(Spread::of);
            finding.evidence.extend(sizes.iter().flat_map(|sizes| {
                [
                    Evidence::new("data size skew score", sizes.skew_score(), ""),
                    Evidence::new("data size dispersion score", sizes.dispersion_score(), ""),
                ]
            }));
            finding.evidence.extend([
                Evidence::new("histogram score", histogram_score(&times), ""),
                Evidence::new("duration score", seconds(finding.life) / seconds(material.life).max(1e-9), ""),
                Evidence::new("hosts doing so", same as f64, "hosts"),
            ]);
            finding.evidence.extend(lower_bound);
            finding.innocent_causes = &[
                "programs that look for updates, mail or messages",
                "monitoring, health checks, telemetry and clocks (NTP)",
                "a client that keeps trying to reach a server that is down",
            ];
            let clause = Clause::between(carried, client, server).server_port(port);
            material.filters.select(&mut finding, Some(vec![clause]), &[clause]);
            finding
        })
        .collect()
}

fn of_use(carried: Carried, it: &Connection) -> Use {
    (carried, it.hosts.source, it.hosts.destination, it.ports.destination)
}

/// How many bytes the client sent in each connection, or to each port of its own.
fn sizes(material: &Material<'_>, of: BTreeSet<Use>) -> BTreeMap<Use, Vec<f64>> {
    let mut sizes: BTreeMap<Use, Vec<f64>> = BTreeMap::new();
    let directions = material.directions(|carried, it, tcp_flags| {
        (carried == Carried::Udp || tcp_flags & SYN != 0) && of.contains(&of_use(carried, it))
    });
    for (carried, it, direction) in directions {
        sizes.entry(of_use(carried, &it)).or_default().push(direction.payload as f64);
    }
    sizes
}

/// How evenly the contacts fall into parts of equal length of the time from the first to the last: 1 less the
/// coefficient of variation of their counts, at least 0.
fn histogram_score(times: &[Timestamp]) -> f64 {
    const PARTS: usize = 24;
    let parts = PARTS.min(times.len().saturating_sub(1)).max(1);
    let [Some(first), Some(last)] = [times.first(), times.last()] else { return 0.0 };
    let mut counts = vec![0.0; parts];
    for time in times {
        let part = between(*first, *time) / between(*first, *last).max(1e-9) * parts as f64;
        counts[(part as usize).min(parts - 1)] += 1.0;
    }
    let mean = times.len() as f64 / parts as f64;
    let variance = counts.iter().map(|count| (count - mean) * (count - mean)).sum::<f64>() / parts as f64;
    (1.0 - variance.sqrt() / mean).max(0.0)
}

/// The gaps between contacts, in seconds; `None` where they are too few, or too short. Several connections at once are
/// one contact, where contacts are far apart.
fn gaps(times: &[Timestamp]) -> Option<Spread> {
    let is_enough = |gaps: &Spread| gaps.count as f64 >= BEACON_GAPS && gaps.median >= BEACON_MEDIAN;
    let gaps =
        |times: &[Timestamp]| Spread::of(times.array_windows().map(|[a, b]| between(*a, *b)).collect());
    let all = gaps(times)?;
    if is_enough(&all) && all.dispersion <= dispersion(all.count) {
        return Some(all);
    }
    let mut contacts: Vec<Timestamp> = Vec::new();
    for &time in times {
        if contacts.last().is_none_or(|last| between(*last, time) >= BEACON_BURST) {
            contacts.push(time);
        }
    }
    // Steady traffic, cut into bursts, would look like a clock: bursts must be short beside the gaps.
    gaps(&contacts).filter(|gaps| is_enough(gaps) && gaps.median >= BEACON_APART)
}

/// How far numbers lie apart.
struct Spread {
    count: usize,
    median: f64,
    /// Median absolute deviation by median.
    dispersion: f64,
    /// Bowley's skewness: (Q1 + Q3 - 2 Q2) / (Q3 - Q1), from -1 to 1.
    skew: f64,
}

impl Spread {
    /// `None` of none.
    fn of(mut numbers: Vec<f64>) -> Option<Self> {
        numbers.sort_by(f64::total_cmp);
        let median = median(&numbers)?;
        let mut deviations: Vec<f64> = numbers.iter().map(|number| (number - median).abs()).collect();
        deviations.sort_by(f64::total_cmp);
        let dispersion = self::median(&deviations)? / median.max(1e-9);
        let quarter = |n: usize| numbers[(numbers.len() - 1) * n / 4];
        let (q1, q3) = (quarter(1), quarter(3));
        let skew = if q3 > q1 { (q1 + q3 - 2.0 * median) / (q3 - q1) } else { 0.0 };
        Some(Self { count: numbers.len(), median, dispersion, skew: skew.clamp(-1.0, 1.0) })
    }

    fn skew_score(&self) -> f64 {
        1.0 - self.skew.abs()
    }

    fn dispersion_score(&self) -> f64 {
        (1.0 - self.dispersion).max(0.0)
    }
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n.is_multiple_of(2) => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
        _ => Some(sorted[middle]),
    }
}

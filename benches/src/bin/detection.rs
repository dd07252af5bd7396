//! How well the detectors do: labelled behaviour, and decoys of the same shape, put into real captures.
//!
//! Usage: `detection [--open-test] CAPTURE...`. Captures and seeds fall into two halves. The first, to calibrate
//! by, is the default; the second is only opened by `--open-test`, after the thresholds were committed.

#![allow(clippy::print_stdout, reason = "it is a program that prints a table")]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use pcapviz_core::analysis::{Inside, Observations, findings};
use pcapviz_core::capture::{CaptureReader, DissectOptions, LinkType, Packet, Timestamp, dissect};
use pcapviz_core::graph::{Finding, FlowTable, NodeId, Severity};

/// Hours.
const WEEK: f64 = 168.0;

/// Seeds for each behaviour, each capture, in each half.
const SEEDS: u64 = 3;

fn main() {
    let mut captures: Vec<PathBuf> = Vec::new();
    let mut half = 0;
    for argument in std::env::args_os().skip(1) {
        if argument == "--open-test" { half = 1 } else { captures.push(argument.into()) }
    }
    captures.sort();
    let captures: Vec<_> = captures.into_iter().filter(|path| half_of(path) == half).collect();
    println!("{} captures of the {} half", captures.len(), ["calibration", "test"][half as usize]);
    benign(&captures);
    let mut rows: BTreeMap<(&str, &str), [u64; 2]> = BTreeMap::new();
    let (mut episodes, mut origins) = (Vec::new(), Vec::new());
    for (n, path) in captures.iter().enumerate() {
        let Some(base) = Base::read(path) else { continue };
        // As many of its own flows as are put in.
        let mut own = Random(n as u64 + 4711);
        for scenario in SCENARIOS {
            for seed in 0..SEEDS {
                let mut random = Random(seed * 2 + half + 1000 * n as u64 + 77 * scenario.name.len() as u64);
                let injected = scenario.inject(&base, &mut random);
                episodes.push((injected.header, n, scenario.kind.is_some()));
                if !base.headers.is_empty() {
                    origins.push((injected.header, n, true));
                    origins.push((base.headers[own.below(base.headers.len() as u64) as usize], n, false));
                }
                let found = base.with(&injected);
                let kind = scenario.kind.unwrap_or(scenario.like);
                let hit = found
                    .iter()
                    .any(|f| f.kind == kind && f.severity == Severity::Alert && f.subject == CLIENT_NODE);
                rows.entry((scenario.kind.map_or("decoy", |k| k), scenario.name)).or_default()
                    [usize::from(hit)] += 1;
            }
        }
    }
    table(&rows);
    // Each by each: a part of them is enough.
    let some = |all: Vec<Labelled>| all.into_iter().step_by(3).collect::<Vec<_>>();
    leaks(&some(episodes), &some(origins));
}

/// Captures are parted by a hash of their names, so that neither half was chosen.
fn half_of(path: &Path) -> u64 {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.iter().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte))) >> 3 & 1
}

/// What the captures give by themselves.
fn benign(captures: &[PathBuf]) {
    let (mut read, mut with_alert, mut alerts, mut hours) = (0, 0, 0, 0.0);
    for path in captures {
        let Some(base) = Base::read(path) else { continue };
        let found = base.with(&Injected::default());
        let here: Vec<&Finding> = found.iter().filter(|f| f.severity == Severity::Alert).collect();
        for alert in &here {
            println!("  alert in {}: {}", path.display(), alert.sentence);
        }
        read += 1;
        with_alert += u64::from(!here.is_empty());
        alerts += here.len();
        // Times that a broken clock or a fuzzer made are no time.
        hours += Some((base.last - base.first) as f64 / 3.6e12).filter(|hours| *hours < WEEK).unwrap_or(0.0);
    }
    let (low, high) = clopper_pearson(with_alert, read);
    println!(
        "benign captures with an alert: {with_alert} of {read} ({:.1} % to {:.1} %)",
        100.0 * low,
        100.0 * high
    );
    let (low, high) = poisson(alerts as u64);
    println!(
        "alerts: {alerts} in {hours:.1} hours of capture: {:.3} per hour (95 %: {:.3} to {:.3})\n",
        alerts as f64 / hours.max(1e-9),
        low / hours.max(1e-9),
        high / hours.max(1e-9)
    );
}

fn table(rows: &BTreeMap<(&str, &str), [u64; 2]>) {
    println!(
        "| kind | behaviour | alerts | of | share | 95 % interval |\n| --- | --- | ---: | ---: | ---: | ---: |"
    );
    let mut sums: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    for ((kind, name), [missed, hit]) in rows {
        row(kind, name, *hit, missed + hit);
        let sum = sums.entry(kind).or_default();
        sum[0] += hit;
        sum[1] += missed + hit;
    }
    println!();
    let [false_alerts, decoys] = sums.remove("decoy").unwrap_or_default();
    let (hits, all) = sums.values().fold((0, 0), |(h, a), [hit, of]| (h + hit, a + of));
    println!("| measure | value | 95 % interval |\n| --- | ---: | ---: |");
    for (name, k, n) in [
        ("recall", hits, all),
        ("precision, as many decoys as there are", hits, hits + false_alerts),
        ("decoys with an alert", false_alerts, decoys),
    ] {
        let (low, high) = clopper_pearson(k, n);
        println!("| {name} | {:.3} | {low:.3} to {high:.3} |", k as f64 / n.max(1) as f64);
    }
}

fn row(kind: &str, name: &str, k: u64, n: u64) {
    let (low, high) = clopper_pearson(k, n);
    println!("| {kind} | {name} | {k} | {n} | {:.2} | {low:.2} to {high:.2} |", k as f64 / n as f64);
}

/// The exact interval for a mean of which so many were seen (Garwood, 1936), by bisection.
fn poisson(k: u64) -> (f64, f64) {
    let at_most = |k: u64, mean: f64| -> f64 {
        let mut term = (-mean).exp();
        let mut sum = term;
        for i in 1..=k {
            term *= mean / i as f64;
            sum += term;
        }
        sum
    };
    let solve = |holds: &dyn Fn(f64) -> bool| {
        let (mut low, mut high) = (0.0, 4.0 * k as f64 + 20.0);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if holds(middle) { low = middle } else { high = middle }
        }
        low
    };
    let low = if k == 0 { 0.0 } else { solve(&|mean| 1.0 - at_most(k - 1, mean) < 0.025) };
    (low, solve(&|mean| at_most(k, mean) > 0.025))
}

/// The exact interval for a share (Clopper and Pearson, 1934), by bisection.
fn clopper_pearson(k: u64, n: u64) -> (f64, f64) {
    // The probability of k or fewer of n.
    let at_most = |k: u64, p: f64| -> f64 {
        let mut term = n as f64 * (1.0 - p).ln();
        let mut sum = term.exp();
        for i in 1..=k {
            term += ((n - i + 1) as f64 / i as f64).ln() + p.ln() - (1.0 - p).ln();
            sum += term.exp();
        }
        sum
    };
    let solve = |holds: &dyn Fn(f64) -> bool| {
        let (mut low, mut high) = (1e-12, 1.0 - 1e-12);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if holds(middle) { low = middle } else { high = middle }
        }
        low
    };
    if n == 0 {
        return (0.0, 1.0);
    }
    let low = if k == 0 { 0.0 } else { solve(&|p| 1.0 - at_most(k - 1, p) < 0.025) };
    let high = if k == n { 1.0 } else { solve(&|p| at_most(k, p) > 0.025) };
    (low, high)
}

/// A flow as a classifier sees it that sees nothing but headers; in which capture it is; and what it is to tell.
type Labelled = (Header, usize, bool);

/// A classifier that sees TTL, IP identification and maximum segment size together must not tell behaviour from decoys,
/// nor what was put in from the capture's own flows: else the detectors could be right for the wrong reason.
fn leaks(episodes: &[Labelled], origins: &[Labelled]) {
    println!(
        "\n| to tell by TTL, IP identification and MSS | balanced accuracy of 15 neighbours | of | by chance |"
    );
    println!("| --- | ---: | ---: | ---: |");
    for (what, flows) in
        [("behaviour from decoys", episodes), ("injected flows from the capture's own", origins)]
    {
        println!("| {what} | {:.2} | {} | 0.50 |", balanced_accuracy(flows), flows.len());
    }
}

/// The mean of the shares of both labels that their nearest neighbours in other captures' flows tell right: five folds,
/// by capture, each label of equal weight.
fn balanced_accuracy(flows: &[Labelled]) -> f64 {
    const NEIGHBOURS: usize = 15;
    const FOLDS: usize = 5;
    let mut right = [0_u64; 2];
    let mut of = [0_u64; 2];
    for fold in 0..FOLDS {
        let (test, train): (Vec<&Labelled>, Vec<&Labelled>) =
            flows.iter().partition(|(_, capture, _)| capture % FOLDS == fold);
        let counts = [false, true].map(|label| train.iter().filter(|it| it.2 == label).count().max(1) as f64);
        for (header, _, label) in test {
            let distance = |other: &Header| -> f64 {
                let scales = [255.0, 65_535.0, 1460.0];
                (0..3).map(|i| ((header[i] - other[i]) / scales[i]).powi(2)).sum()
            };
            let mut near: Vec<(f64, bool)> = train.iter().map(|it| (distance(&it.0), it.2)).collect();
            let nth = NEIGHBOURS.min(near.len().saturating_sub(1));
            near.select_nth_unstable_by(nth, |a, b| a.0.total_cmp(&b.0));
            // All that are as near count: headers are often the same.
            let bound = near[nth].0;
            let votes = [false, true].map(|label| {
                let n = near.iter().filter(|(at, is)| *at <= bound && *is == label).count();
                n as f64 / counts[usize::from(label)]
            });
            of[usize::from(*label)] += 1;
            right[usize::from(*label)] += u64::from((votes[1] > votes[0]) == *label);
        }
    }
    (0..2).map(|label| right[label] as f64 / of[label].max(1) as f64).sum::<f64>() / 2.0
}

/// What an IPv4 packet straight behind its Ethernet header says.
fn header(frame: &[u8]) -> Option<Header> {
    let ip = frame.get(14..).filter(|ip| frame[12..14] == [8, 0] && ip.first() == Some(&0x45))?;
    let (ttl, id) = (*ip.get(8)?, u16::from_be_bytes(*ip.get(4..6)?.first_chunk()?));
    let tcp = ip.get(20..).filter(|tcp| ip[9] == 6 && tcp.get(13).is_some_and(|flags| flags & 2 != 0));
    // Option 2 of 4 bytes, first where it is (RFC 9293, 3.2).
    let mss = tcp.and_then(|tcp| match tcp.get(20..24) {
        Some(&[2, 4, a, b]) => Some(u16::from_be_bytes([a, b])),
        _ => None,
    });
    Some([ttl.into(), id.into(), mss.unwrap_or(0).into()])
}

/// A capture to put something into.
struct Base {
    path: PathBuf,
    first: i64,
    last: i64,
    /// Time to live, identification and segment size (0 where there is none) of each IPv4 flow's first packet.
    headers: Vec<Header>,
}

/// TTL, IP identification and maximum segment size.
type Header = [f64; 3];

impl Base {
    fn read(path: &Path) -> Option<Self> {
        let mut reader = CaptureReader::open(path).ok()?;
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        let mut headers: BTreeMap<_, Header> = BTreeMap::new();
        while let Ok(Some(packet)) = reader.next_packet() {
            if let Some(time) = packet.timestamp {
                (first, last) = (first.min(time.as_nanos()), last.max(time.as_nanos()));
            }
            let found = dissect(&packet, &DissectOptions::default());
            if let (Some(hosts), Some(header)) = (found.hosts, header(packet.captured)) {
                let ports = found.ports.map(|it| (it.ports.source, it.ports.destination));
                headers.entry((hosts.addresses.source, hosts.addresses.destination, ports)).or_insert(header);
            }
        }
        let headers = headers.into_values().collect();
        (first <= last).then(|| Self { path: path.to_owned(), first, last, headers })
    }

    fn with(&self, injected: &Injected) -> Vec<Finding> {
        let (mut table, mut observations) = (FlowTable::new(), Observations::default());
        let mut see = |packet: &Packet<'_>| {
            let found = dissect(packet, &DissectOptions::default());
            table.observe(0, packet, &found);
            observations.observe(packet, &found);
        };
        if let Ok(mut reader) = CaptureReader::open(&self.path) {
            while let Ok(Some(packet)) = reader.next_packet() {
                see(&packet);
            }
        }
        for (at, bytes, len) in &injected.packets {
            let mut packet = Packet::new(LinkType::ETHERNET, bytes);
            packet.timestamp = Some(Timestamp::from_nanos(self.first.saturating_add(*at)));
            packet.wire_len = *len;
            see(&packet);
        }
        findings(&table, &observations, &Inside::default())
    }
}

/// Packets with their times from the capture's start and their lengths on the wire.
#[derive(Default)]
struct Injected {
    packets: Vec<(i64, Vec<u8>, u32)>,
    /// TTL, IP identification and maximum segment size: from the same source whatever the behaviour.
    header: [f64; 3],
    loss: f64,
    random: Random,
}

const CLIENT: [u8; 4] = [10, 213, 7, 66];
const CLIENT_NODE: NodeId = NodeId::Host(std::net::IpAddr::V4(Ipv4Addr::new(10, 213, 7, 66)));
const SECOND: i64 = 1_000_000_000;

impl Injected {
    /// Its headers are those of one of the capture's own flows.
    fn new(base: &Base, random: &mut Random) -> Self {
        let header = match base.headers.len() as u64 {
            0 => [64.0, random.below(65_536) as f64, 1460.0],
            len => base.headers[random.below(len) as usize],
        };
        let loss = [0.0, 0.0, 0.01, 0.05][random.below(4) as usize];
        Self { packets: Vec::new(), header, loss, random: Random(random.next()) }
    }

    fn ip(&mut self, at: i64, from: [u8; 4], to: [u8; 4], protocol: u8, inside: &[u8], more: u32) {
        if self.random.unit() < self.loss {
            return;
        }
        let len = (20 + inside.len() as u32 + more) as u16;
        let id = self.header[1] as u16;
        let mut bytes = vec![2, 0, 0, 0, 0, to[3], 2, 0, 0, 0, 0, from[3], 8, 0, 0x45, 0];
        bytes.extend(len.to_be_bytes());
        bytes.extend(id.to_be_bytes());
        bytes.extend([0, 0, self.header[0] as u8, protocol, 0, 0]);
        bytes.extend(from);
        bytes.extend(to);
        bytes.extend(inside);
        let wire = bytes.len() as u32 + more;
        self.packets.push((at, bytes, wire));
    }

    fn segment(
        &mut self,
        at: i64,
        from: ([u8; 4], u16),
        to: ([u8; 4], u16),
        flags: u8,
        sequence: u32,
        payload: u32,
    ) {
        let mut tcp = Vec::new();
        tcp.extend(from.1.to_be_bytes());
        tcp.extend(to.1.to_be_bytes());
        tcp.extend(sequence.to_be_bytes());
        let words = if flags & 2 != 0 && self.header[2] > 0.0 { 6 } else { 5 };
        tcp.extend([0, 0, 0, 0, words << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        if words == 6 {
            let [a, b] = (self.header[2] as u16).to_be_bytes();
            tcp.extend([2, 4, a, b]);
        }
        self.ip(at, from.0, to.0, 6, &tcp, payload);
    }

    /// A connection over so much time; many bytes go in segments as large as segmentation offload makes them.
    fn connection(&mut self, at: i64, port: u16, server: ([u8; 4], u16), up: u64, down: u64, time: i64) {
        let client = (CLIENT, port);
        self.segment(at, client, server, 0x02, 99, 0);
        self.segment(at + 1, server, client, 0x12, 199, 0);
        self.segment(at + 2, client, server, 0x10, 100, 0);
        for (from, to, bytes, first) in [(client, server, up, 100_u32), (server, client, down, 200)] {
            let size = 60_000.min(bytes.max(1));
            let count = bytes.div_ceil(size);
            for n in 0..count {
                let len = size.min(bytes - n * size) as u32;
                let when = at + 3 + time / count.max(1) as i64 * n as i64;
                self.segment(when, from, to, 0x18, first.wrapping_add((n * size) as u32), len);
            }
        }
        self.segment(at + time + 4, client, server, 0x11, 100_u32.wrapping_add(up as u32), 0);
        self.segment(at + time + 5, server, client, 0x11, 200_u32.wrapping_add(down as u32), 0);
    }

    fn refused(&mut self, at: i64, port: u16, server: ([u8; 4], u16)) {
        self.segment(at, (CLIENT, port), server, 0x02, 99, 0);
        if self.random.below(2) == 0 {
            self.segment(at + 1, server, (CLIENT, port), 0x14, 0, 0);
        }
    }

    fn datagram(&mut self, at: i64, from: ([u8; 4], u16), to: ([u8; 4], u16), payload: &[u8], more: u32) {
        let mut udp = Vec::new();
        udp.extend(from.1.to_be_bytes());
        udp.extend(to.1.to_be_bytes());
        udp.extend((8 + payload.len() as u16 + more as u16).to_be_bytes());
        udp.extend([0, 0]);
        udp.extend(payload);
        self.ip(at, from.0, to.0, 17, &udp, more);
    }

    /// A datagram that nobody answers, or that is refused.
    fn knock(&mut self, at: i64, server: ([u8; 4], u16), is_refused: bool) {
        self.datagram(at, (CLIENT, 43_000), server, &[0; 12], 0);
        if is_refused {
            // Port unreachable (RFC 792); what it quotes is left out by the snap length.
            self.ip(at + 1, server.0, CLIENT, 1, &[3, 3, 0, 0, 0, 0, 0, 0], 28);
        }
    }

    fn question(&mut self, at: i64, name: &str) {
        let mut message = vec![1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.as_bytes());
        }
        message.extend([0, 0, 1, 0, 1]);
        let resolver = ([10, 213, 7, 1], 53);
        self.datagram(at, (CLIENT, 41_000), resolver, &message, 0);
        message[2] |= 0x80;
        self.datagram(at + 1, resolver, (CLIENT, 41_000), &message, 16);
    }

    fn ping(&mut self, at: i64, number: u16, up: u32, down: u32) {
        let [a, b] = number.to_be_bytes();
        self.ip(at, CLIENT, OUTSIDE, 1, &[8, 0, 0, 0, 0, 9, a, b], up);
        self.ip(at + 1, OUTSIDE, CLIENT, 1, &[0, 0, 0, 0, 0, 9, a, b], down);
    }

    fn letters(&mut self, len: u64) -> String {
        (0..len).map(|_| char::from(b'a' + self.random.below(26) as u8)).collect()
    }
}

const OUTSIDE: [u8; 4] = [185, 199, 3, 9];
const SERVER: [u8; 4] = [10, 213, 9, 5];

/// Something to put into a capture.
struct Scenario {
    name: &'static str,
    /// What it is to be found as; `None` for a decoy.
    kind: Option<&'static str>,
    /// What a decoy must not be found as.
    like: &'static str,
    make: fn(&mut Injected, &mut Random),
}

impl Scenario {
    fn inject(&self, base: &Base, random: &mut Random) -> Injected {
        let mut injected = Injected::new(base, random);
        (self.make)(&mut injected, random);
        injected
    }
}

const fn behaviour(kind: &'static str, name: &'static str, make: fn(&mut Injected, &mut Random)) -> Scenario {
    Scenario { name, kind: Some(kind), like: kind, make }
}

const fn decoy(like: &'static str, name: &'static str, make: fn(&mut Injected, &mut Random)) -> Scenario {
    Scenario { name, kind: None, like, make }
}

fn upload(i: &mut Injected, random: &mut Random, bytes: u64) {
    let port = [443, 22, 8080][random.below(3) as usize];
    i.connection(
        0,
        40_100,
        (OUTSIDE, port),
        bytes,
        500 + random.below(bytes / 20),
        (10 + random.below(600) as i64) * SECOND,
    );
}

fn beacon(i: &mut Injected, random: &mut Random, jitter: f64) {
    let gap = [10, 60, 300][random.below(3) as usize] as f64;
    let (mut at, contacts) = (0.0, 24 + random.below(60));
    for n in 0..contacts {
        i.connection((at * 1e9) as i64, 42_000 + n as u16, (OUTSIDE, 443), 200, 300, SECOND / 5);
        at += gap * (1.0 + jitter * (2.0 * random.unit() - 1.0));
    }
}

fn tunnel(i: &mut Injected, random: &mut Random, names: u64, len: u64) {
    for n in 0..names {
        let name = format!(
            "{}.{}.t.exfil-example.net",
            i.letters(len.min(60)),
            i.letters(len.saturating_sub(60).clamp(1, 60))
        );
        i.question(n as i64 * SECOND / (1 + random.below(9) as i64), &name);
    }
}

const SCENARIOS: &[Scenario] = &[
    behaviour("bulk-upload", "10 kB (below the threshold)", |i, r| upload(i, r, 10_000)),
    behaviour("bulk-upload", "1 MB", |i, r| upload(i, r, 1_100_000)),
    behaviour("bulk-upload", "30 MB", |i, r| upload(i, r, 30_000_000)),
    behaviour("bulk-upload", "1 GB", |i, r| upload(i, r, 1_000_000_000)),
    behaviour("beacon", "jitter 0 %", |i, r| beacon(i, r, 0.0)),
    behaviour("beacon", "jitter 20 %", |i, r| beacon(i, r, 0.2)),
    behaviour("beacon", "jitter 50 %", |i, r| beacon(i, r, 0.5)),
    behaviour("beacon", "jitter 90 %", |i, r| beacon(i, r, 0.9)),
    behaviour("scan", "8 hosts (below the threshold)", |i, _| {
        (0..8).for_each(|n| i.refused(i64::from(n), 43_000, ([10, 213, 8, n], 445)))
    }),
    behaviour("scan", "60 hosts, slowly", |i, _| {
        (0..60).for_each(|n| i.refused(i64::from(n) * 20 * SECOND, 43_000, ([10, 213, 8, n], 445)))
    }),
    behaviour("scan", "200 ports", |i, _| {
        (0..200).for_each(|n| i.refused(i64::from(n), 43_000, (SERVER, 1000 + n)))
    }),
    behaviour("scan", "30 hosts over UDP, half refuse", |i, _| {
        (0..30).for_each(|n| i.knock(i64::from(n) * SECOND, ([10, 213, 8, n], 161), n % 2 == 0))
    }),
    behaviour("scan", "60 ports over UDP, half refused", |i, _| {
        (0..60).for_each(|n| i.knock(i64::from(n) * SECOND, (SERVER, 100 + n), n % 2 == 0))
    }),
    behaviour("dns-tunnel", "30 names (below the threshold)", |i, r| tunnel(i, r, 30, 100)),
    behaviour("dns-tunnel", "80 long names", |i, r| tunnel(i, r, 80, 110)),
    behaviour("dns-tunnel", "2,000 names", |i, r| tunnel(i, r, 2000, 40)),
    behaviour("icmp-tunnel", "100 echoes", |i, r| {
        (0..100).for_each(|n| {
            i.ping(i64::from(n) * SECOND, n, 40 + r.below(900) as u32, 40 + r.below(900) as u32)
        })
    }),
    behaviour("stage-and-send", "60 MB", |i, _| {
        i.connection(0, 40_000, (SERVER, 445), 4000, 60_000_000, 60 * SECOND);
        i.connection(90 * SECOND, 40_001, (OUTSIDE, 443), 45_000_000, 9000, 90 * SECOND);
    }),
    decoy("bulk-upload", "backup to a server inside", |i, _| {
        i.connection(0, 40_000, (SERVER, 445), 300_000_000, 200_000, 300 * SECOND)
    }),
    decoy("bulk-upload", "backup to a cloud", |i, _| {
        i.connection(0, 40_000, (OUTSIDE, 443), 300_000_000, 200_000, 300 * SECOND)
    }),
    decoy("bulk-upload", "speed test", |i, _| {
        i.connection(0, 40_000, (OUTSIDE, 443), 2000, 120_000_000, 10 * SECOND);
        i.connection(11 * SECOND, 40_001, (OUTSIDE, 443), 40_000_000, 2000, 10 * SECOND);
    }),
    decoy("bulk-upload", "video call", |i, r| {
        (0..3000_u32).for_each(|n| {
            let at = i64::from(n) * SECOND / 50;
            i.datagram(at, (CLIENT, 50_000), (OUTSIDE, 3478), &[0; 20], 600 + r.below(500) as u32);
            i.datagram(at + 1, (OUTSIDE, 3478), (CLIENT, 50_000), &[0; 20], 500 + r.below(500) as u32);
        })
    }),
    decoy("beacon", "NTP every 64 s", |i, _| {
        (0..60).for_each(|n| {
            i.datagram(n * 64 * SECOND, (CLIENT, 123), (OUTSIDE, 123), &[0x23; 48], 0);
            i.datagram(n * 64 * SECOND + 1, (OUTSIDE, 123), (CLIENT, 123), &[0x24; 48], 0);
        })
    }),
    decoy("beacon", "telemetry every minute", |i, _| {
        (0..40)
            .for_each(|n| i.connection(n * 60 * SECOND, 44_000 + n as u16, (OUTSIDE, 443), 3000, 400, SECOND))
    }),
    decoy("beacon", "browsing by chance", |i, r| {
        let mut at = 0.0;
        for n in 0..60 {
            i.connection((at * 1e9) as i64, 45_000 + n, (OUTSIDE, 443), 900, 30_000, SECOND);
            at -= 20.0 * (1.0 - r.unit()).ln();
        }
    }),
    decoy("scan", "peer-to-peer", |i, r| {
        (0..80).for_each(|n| {
            let peer = (
                [r.below(200) as u8 + 20, r.below(250) as u8, r.below(250) as u8, 9],
                10_000 + r.below(50_000) as u16,
            );
            if n % 4 == 0 {
                i.connection(i64::from(n) * SECOND, 46_000 + n, peer, 900, 900, SECOND)
            } else {
                i.refused(i64::from(n) * SECOND, 46_000 + n, peer)
            }
        })
    }),
    decoy("scan", "peer-to-peer over UDP", |i, r| {
        (0..120).for_each(|n| {
            let host = [r.below(200) as u8 + 20, r.below(250) as u8, r.below(250) as u8, 9];
            i.knock(i64::from(n) * SECOND, (host, 1024 + r.below(38_000) as u16), n % 5 == 0);
        })
    }),
    decoy("scan", "clocks that do not answer", |i, _| {
        (0..12).for_each(|n| i.knock(i64::from(n) * SECOND, ([185, 199, 4, n], 123), false))
    }),
    decoy("dns-tunnel", "virus scanner's questions", |i, _| {
        (0..300).for_each(|n| {
            let name = format!("{}.h.avqs-example.com", i.letters(32));
            i.question(n * SECOND, &name);
        })
    }),
    decoy("dns-tunnel", "content delivery network", |i, _| {
        (0..300).for_each(|n| {
            let name = format!("r{}---sn-{}.cdn-example.com", n % 9, i.letters(8));
            i.question(n * SECOND, &name);
        })
    }),
    decoy("icmp-tunnel", "monitoring pings", |i, _| {
        (0..300).for_each(|n| i.ping(i64::from(n) * SECOND, n, 56, 56))
    }),
];

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Default)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n.max(1))) >> 64) as u64
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / 2_f64.powi(53)
    }
}

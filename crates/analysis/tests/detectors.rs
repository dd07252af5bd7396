//! Each detector at its thresholds' edges, on traffic made for it; and the same findings whatever the split.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::net::Ipv4Addr;

use pcapviz_analysis::{Inside, Observations, findings};
use pcapviz_capture::{DissectOptions, LinkType, Packet, Timestamp, dissect};
use pcapviz_graph::{Finding, FlowTable};
use pcapviz_testkit::frame::{Ethernet, Frame, Ipv4, Tcp, Udp, arp_request, icmp};
use proptest::prelude::*;

const SYN: u8 = 0x02;
const RST_ACK: u8 = 0x14;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
const FIN_ACK: u8 = 0x11;

const CLIENT: [u8; 4] = [10, 0, 0, 5];
const INSIDE: [u8; 4] = [10, 0, 0, 9];
const OUTSIDE: [u8; 4] = [203, 0, 113, 7];

/// A second, in nanoseconds.
const S: i64 = 1_000_000_000;

/// Packets with their times and lengths on the wire.
#[derive(Clone, Debug, Default)]
struct Traffic(Vec<(i64, Vec<u8>, usize)>);

/// Who talks to whom over TCP.
#[derive(Clone, Copy)]
struct Ends {
    client: ([u8; 4], u16),
    server: ([u8; 4], u16),
}

fn ends(client: [u8; 4], port: u16, server: [u8; 4], service: u16) -> Ends {
    Ends { client: (client, port), server: (server, service) }
}

impl Traffic {
    fn frame(mut self, at: i64, frame: &Frame) -> Self {
        let bytes = frame.bytes().to_vec();
        let len = bytes.len();
        self.0.push((at, bytes, len));
        self
    }

    /// A segment whose payload of this length is left out by the snap length.
    fn segment(mut self, at: i64, ends: Ends, up: bool, flags: u8, sequence: u32, payload: usize) -> Self {
        let ((from, source), (to, destination)) =
            if up { (ends.client, ends.server) } else { (ends.server, ends.client) };
        let mut tcp = Tcp::ports(source, destination).flags(flags);
        tcp.sequence = sequence;
        let frame =
            Ethernet::default().carry(Ipv4::between(from, to).carry(tcp.carry(&vec![0; payload][..])));
        let whole = frame.bytes();
        self.0.push((at, whole[..whole.len().min(60)].to_vec(), whole.len()));
        self
    }

    /// A whole connection: so many bytes up and down, each sent so many times.
    fn connection(mut self, at: i64, ends: Ends, up: usize, down: usize, times: usize) -> Self {
        self = self.segment(at, ends, true, SYN, 999, 0).segment(at + 1, ends, false, SYN_ACK, 4999, 0);
        self = self.segment(at + 2, ends, true, ACK, 1000, 0);
        for (is_up, bytes, first) in [(true, up, 1000), (false, down, 5000)] {
            let mut sent = 0;
            while sent < bytes {
                let len = (bytes - sent).min(20_000);
                for _ in 0..times {
                    self = self.segment(at + 3, ends, is_up, ACK, first + sent as u32, len);
                }
                sent += len;
            }
        }
        let (up_end, down_end) = (1000 + up as u32, 5000 + down as u32);
        self.segment(at + 4, ends, true, FIN_ACK, up_end, 0).segment(
            at + 5,
            ends,
            false,
            FIN_ACK,
            down_end,
            0,
        )
    }

    fn refused(self, at: i64, ends: Ends) -> Self {
        self.segment(at, ends, true, SYN, 1, 0).segment(at + 1, ends, false, RST_ACK, 0, 0)
    }

    fn dns(self, at: i64, name: &str) -> Self {
        let mut message = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.as_bytes());
        }
        message.extend([0, 0, 16, 0, 1]);
        let hosts = Ipv4::between(CLIENT, INSIDE);
        self.frame(at, &Ethernet::default().carry(hosts.carry(Udp::ports(40_000, 53).carry(&message[..]))))
    }

    fn ping(self, at: i64, number: u16, request: usize, reply: usize) -> Self {
        let message = |len| [&[0, 7][..], &number.to_be_bytes(), &vec![0; len]].concat();
        let there = Ipv4::between(CLIENT, OUTSIDE).carry(icmp(1, 8, 0, &message(request)));
        let back = Ipv4::between(OUTSIDE, CLIENT).carry(icmp(1, 0, 0, &message(reply)));
        self.frame(at, &Ethernet::default().carry(there)).frame(at + 1, &Ethernet::default().carry(back))
    }

    fn arp(self, at: i64, device: u8, address: [u8; 4]) -> Self {
        let mac = [2, 0, 0, 0, 0, device];
        self.frame(
            at,
            &Ethernet::between(device, 200).carry(arp_request(mac, address.into(), Ipv4Addr::LOCALHOST)),
        )
    }

    fn without(mut self, up: bool) -> Self {
        let server = if up { CLIENT } else { OUTSIDE };
        self.0.retain(|(_, bytes, _)| bytes[26..30] != server);
        self
    }
}

fn observe<'a>(packets: impl Iterator<Item = &'a (i64, Vec<u8>, usize)>) -> (FlowTable, Observations) {
    let (mut table, mut observations) = (FlowTable::new(), Observations::default());
    for (at, bytes, len) in packets {
        let mut packet = Packet::new(LinkType::ETHERNET, bytes);
        packet.timestamp = Some(Timestamp::from_nanos(*at));
        packet.wire_len = *len as u32;
        let found = dissect(&packet, &DissectOptions::default());
        table.observe(0, &packet, &found);
        observations.observe(&packet, &found);
    }
    (table, observations)
}

fn find(traffic: &Traffic) -> Vec<Finding> {
    let (table, observations) = observe(traffic.0.iter());
    findings(&table, &observations, &Inside::default())
}

/// The kinds and severities found, but for long connections unless they are what it is about.
#[track_caller]
fn check(name: &str, traffic: &Traffic, expected: &[&str]) {
    let found: Vec<String> = find(traffic).iter().map(|f| format!("{} {}", f.severity, f.kind)).collect();
    assert_eq!(found, expected, "{name}");
}

fn sweep(failed: u8, port: impl Fn(u8) -> u16) -> Traffic {
    (0..failed).fold(Traffic::default(), |t, n| {
        t.refused(i64::from(n) * S, ends(CLIENT, 40_000, [10, 0, 1, n], port(n)))
    })
}

fn ports(failed: u16) -> Traffic {
    (0..failed)
        .fold(Traffic::default(), |t, n| t.refused(i64::from(n), ends(CLIENT, 40_000, INSIDE, 100 + n)))
}

#[test]
fn scans() {
    let same = |_| 445;
    let answered = (0..40).fold(Traffic::default(), |t, n| {
        t.connection(i64::from(n), ends(CLIENT, 40_000, [10, 0, 1, n], 445), 1, 1, 1)
    });
    let stale = sweep(40, |n| 10_000 + u16::from(n));
    let mid = (0..40).fold(Traffic::default(), |t, n| {
        t.segment(i64::from(n), ends(CLIENT, 40_000, [10, 0, 1, n], 445), true, ACK, 7, 10)
    });
    // A lucky start does not excuse what follows.
    let after_work = (0..40).fold(sweep(12, same), |t, n| {
        t.connection(-S + i64::from(n), ends(CLIENT, 41_000, [10, 0, 2, n], 80), 1, 1, 1)
    });
    for (name, traffic, expected) in [
        ("nine hosts", sweep(9, same), &[][..]),
        ("ten hosts", sweep(10, same), &["alert scan"]),
        ("ports of their own", stale, &["note scan"]),
        ("all answer", answered, &[]),
        ("open before the capture", mid, &[]),
        ("after honest work", after_work, &["alert scan"]),
        ("fourteen ports", ports(14), &[]),
        ("fifteen ports", ports(15), &["alert scan"]),
    ] {
        check(name, &traffic, expected);
    }
}

impl Traffic {
    fn datagram(self, at: i64, from: ([u8; 4], u16), to: ([u8; 4], u16)) -> Self {
        let udp = Udp::ports(from.1, to.1).carry(&[7; 20][..]);
        self.frame(at, &Ethernet::default().carry(Ipv4::between(from.0, to.0).carry(udp)))
    }

    /// An ICMP message that nothing listens there.
    fn unreachable(self, at: i64, by: [u8; 4], to: [u8; 4]) -> Self {
        self.frame(at, &Ethernet::default().carry(Ipv4::between(by, to).carry(icmp(1, 3, 3, &[0; 32]))))
    }

    /// The client is answered to something else: the capture has both directions.
    fn heard(self) -> Self {
        self.datagram(-S, (CLIENT, 50_000), (INSIDE, 53)).datagram(-1, (INSIDE, 53), (CLIENT, 50_000))
    }
}

/// Datagrams to so many hosts inside, of which the first refuse.
fn datagrams(hosts: u8, refused: u8, port: impl Fn(u8) -> u16) -> Traffic {
    (0..hosts).fold(Traffic::default(), |t, n| {
        let t = t.datagram(i64::from(n) * S, (CLIENT, 40_000), ([10, 0, 1, n], port(n)));
        if n < refused { t.unreachable(i64::from(n) * S + 1, [10, 0, 1, n], CLIENT) } else { t }
    })
}

fn udp_ports(ports: u16, from: u16, refused: u16) -> Traffic {
    (0..ports).fold(Traffic::default(), |t, n| {
        let t = t.datagram(i64::from(n) * S, (CLIENT, 60_000), (INSIDE, from + n));
        if n < refused { t.unreachable(i64::from(n) * S + 1, INSIDE, CLIENT) } else { t }
    })
}

#[test]
fn scans_over_udp() {
    let snmp = |_| 161;
    let answered = (0..40).fold(datagrams(40, 0, snmp), |t, n| {
        t.datagram(i64::from(n) * S + 5, ([10, 0, 1, n], 161), (CLIENT, 40_000))
    });
    // A resolver's answers, whose questions are not in the capture.
    let answers =
        (0..40).fold(Traffic::default(), |t, n| t.datagram(n, (CLIENT, 53), (INSIDE, 40_000 + n as u16)));
    for (name, traffic, expected) in [
        ("nine hosts", datagrams(9, 9, snmp), &[][..]),
        ("ten hosts, five refuse", datagrams(10, 5, snmp), &["alert scan"]),
        ("ten hosts, four refuse", datagrams(10, 4, snmp), &["note scan"]),
        ("ten hosts, silent", datagrams(10, 0, snmp).heard(), &["note scan"]),
        ("ten hosts, one direction in the capture", datagrams(10, 0, snmp), &[]),
        ("ports of their own, as peers have", datagrams(40, 20, |n| 10_000 + u16::from(n)), &[]),
        ("all answer", answered, &[]),
        ("answers without questions", answers, &[]),
        ("fourteen ports", udp_ports(14, 100, 14), &[]),
        ("fifteen ports, five refused", udp_ports(15, 100, 5), &["alert scan"]),
        ("fifteen ports, four refused", udp_ports(15, 100, 4), &["note scan"]),
        ("fifteen ports, one direction in the capture", udp_ports(15, 100, 0), &[]),
        ("traceroute", udp_ports(60, 33_434, 3), &[]),
    ] {
        check(name, &traffic, expected);
    }
}

#[test]
fn sweeps_by_arp() {
    let asks = |device: u8, addresses: u8| {
        (0..addresses).fold(Traffic::default(), |t, n| {
            let mac = [2, 0, 0, 0, 0, device];
            let question = arp_request(mac, CLIENT.into(), Ipv4Addr::new(10, 0, 2, n));
            t.frame(i64::from(n) * S, &Ethernet::between(device, 200).carry(question))
        })
    };
    let answered =
        |t: Traffic, addresses: u8| (0..addresses).fold(t, |t, n| t.arp(300 * S, 100 + n, [10, 0, 2, n]));
    // What the testkit's device 1 carries for two hosts makes it a router.
    let carried = |t: Traffic| {
        [[10, 9, 0, 1], [10, 9, 0, 2]].into_iter().fold(t, |t, from| {
            let hosts = Ipv4::between(from, INSIDE).carry(Udp::ports(9, 9).carry(&[0; 9][..]));
            t.frame(S, &Ethernet::between(1, 9).carry(hosts))
        })
    };
    for (name, traffic, expected) in [
        ("29 addresses", asks(1, 29), &[][..]),
        ("30 addresses", asks(1, 30), &["note scan"]),
        ("99 addresses", asks(1, 99), &["note scan"]),
        ("100 addresses", asks(1, 100), &["alert scan"]),
        ("of a router", carried(asks(1, 100)), &["note scan"]),
        ("half are there", answered(asks(1, 60), 30), &["note scan"]),
        ("more are there", answered(asks(1, 62), 32), &[]),
        (
            "one address again and again",
            (0..9).fold(asks(1, 9), |t, _| Traffic([t.0, asks(1, 9).0].concat())),
            &[],
        ),
    ] {
        check(name, &traffic, expected);
    }
}

#[test]
fn beacons_over_udp() {
    let calls = |server: [u8; 4], contacts: u16, port: fn(u16) -> u16| {
        (0..contacts).fold(Traffic::default(), |t, n| {
            let at = i64::from(n) * 60 * S;
            t.datagram(at, (CLIENT, port(n)), (server, 443)).datagram(
                at + 1,
                (server, 443),
                (CLIENT, port(n)),
            )
        })
    };
    let own = |n| 40_000 + n;
    for (name, traffic, expected) in [
        ("eleven gaps", calls(OUTSIDE, 12, own), &[][..]),
        ("twelve gaps", calls(OUTSIDE, 13, own), &["note beacon"]),
        ("to the inside", calls(INSIDE, 13, own), &[]),
        ("always from one port", calls(OUTSIDE, 13, |_| 40_000), &[]),
        ("only the way up was captured", calls(OUTSIDE, 13, own).without(false), &["note beacon"]),
        ("only the way down was captured", calls(OUTSIDE, 13, own).without(true), &[]),
    ] {
        check(name, &traffic, expected);
    }
}

/// Contacts, every `gap` seconds and so much later, in hundredths of it.
fn beacon(server: [u8; 4], contacts: u16, gap: i64, late: impl Fn(u16) -> i64) -> Traffic {
    (0..contacts).fold(Traffic::default(), |t, n| {
        let at = i64::from(n) * gap * S + late(n) * gap * S / 100;
        t.connection(at, ends(CLIENT, 40_000 + n, server, 443), 100, 100, 1)
    })
}

#[test]
fn beacons() {
    // Deviations of the gaps in turn: 0, 30, -30 hundredths.
    let uneven = |n: u16| [0, 0, 30][usize::from(n % 3)];
    let fixed_port = (0..20).fold(Traffic::default(), |t, n| {
        let ends = ends(CLIENT, 40_000, OUTSIDE, 443);
        t.segment(n * 60 * S, ends, true, SYN, 100 * n as u32, 0).segment(
            n * 60 * S + S,
            ends,
            true,
            SYN,
            100 * n as u32,
            0,
        )
    });
    let doubled = beacon(OUTSIDE, 20, 60, |_| 0).0.into_iter().chain(
        (0..20)
            .fold(Traffic::default(), |t, n| {
                t.connection(i64::from(n) * 60 * S + S / 10, ends(CLIENT, 50_000 + n, OUTSIDE, 443), 9, 9, 1)
            })
            .0,
    );
    for (name, traffic, expected) in [
        ("eleven gaps", beacon(OUTSIDE, 12, 60, |_| 0), &[][..]),
        ("twelve gaps", beacon(OUTSIDE, 13, 60, |_| 0), &["alert beacon"]),
        ("to the inside", beacon(INSIDE, 13, 60, |_| 0), &["note beacon"]),
        ("as uneven as chance, few gaps", beacon(OUTSIDE, 13, 60, uneven), &[]),
        ("the same, many gaps", beacon(OUTSIDE, 60, 60, uneven), &["alert beacon"]),
        ("too quick", beacon(OUTSIDE, 40, 1, |_| 0).squeezed(2), &[]),
        ("always from one port, each SYN sent twice", fixed_port, &["alert beacon"]),
        ("two connections at once", Traffic(doubled.collect()), &["alert beacon"]),
    ] {
        check(name, &traffic, expected);
    }
}

impl Traffic {
    /// So many times as fast.
    fn squeezed(mut self, times: i64) -> Self {
        self.0.iter_mut().for_each(|(at, ..)| *at /= times);
        self
    }
}

#[test]
fn uploads() {
    let web = ends(CLIENT, 40_000, OUTSIDE, 443);
    let one = |up, down, times| Traffic::default().connection(0, web, up, down, times);
    let inward = Traffic::default().connection(0, ends(OUTSIDE, 40_000, CLIENT, 443), 2_000_000, 10, 1);
    let serving = Traffic::default().connection(0, ends(OUTSIDE, 40_000, CLIENT, 443), 10, 2_000_000, 1);
    let copy = Traffic::default().connection(0, ends(CLIENT, 40_000, INSIDE, 445), 2_000_000, 10, 1);
    for (name, traffic, expected) in [
        ("less than a note", one(99_999, 10, 1), &[][..]),
        ("a note", one(100_000, 10, 1), &["note bulk-upload"]),
        ("less than an alert", one(999_999, 10, 1), &["note bulk-upload"]),
        ("an alert", one(1_000_000, 10, 1), &["alert bulk-upload"]),
        ("ratio 0.59", one(1_590_000, 410_000, 1), &[]),
        ("ratio 0.6", one(1_600_000, 400_000, 1), &["alert bulk-upload"]),
        ("sent twice by the network, not by the application", one(600_000, 10, 2), &["note bulk-upload"]),
        ("a server that answers", serving, &[]),
        ("what comes in", inward, &[]),
        ("inside", copy, &["note bulk-upload"]),
        ("only the way up was captured", one(2_000_000, 10, 1).without(false), &[]),
        ("only the way down was captured", one(2_000_000, 10, 1).without(true), &[]),
    ] {
        check(name, &traffic, expected);
    }
}

fn names(count: usize, name: impl Fn(usize) -> String) -> Traffic {
    (0..count).fold(Traffic::default(), |t, n| t.dns(n as i64 * S, &name(n)))
}

#[test]
fn dns_tunnels() {
    let long = |n| format!("{n:060}.{n:030}.t.example.com");
    for (name, traffic, expected) in [
        ("49 names", names(49, long), &[][..]),
        ("50 names", names(50, long), &["alert dns-tunnel"]),
        ("one name again and again", names(500, |_| long(0)), &[]),
        ("too short in sum", names(199, |n| format!("{n:020}.example.com")), &[]),
        ("just long enough", names(200, |n| format!("{n:020}.example.com")), &["alert dns-tunnel"]),
        ("many short names", names(400, |n| format!("{n:010}.example.com")), &["note dns-tunnel"]),
        ("names spread over suffixes", names(400, |n| format!("{n:040}.co.uk")), &[]),
        ("direct mode, no public suffix", names(100, |n| format!("dnscat.{n:060}")), &["alert dns-tunnel"]),
        ("addresses", names(400, |n| format!("{}.{}.0.10.in-addr.arpa", n % 256, n / 256)), &[]),
    ] {
        check(name, &traffic, expected);
    }
}

#[test]
fn icmp_tunnels() {
    let pings = |count: u16, odd: u16| {
        (0..count)
            .fold(Traffic::default(), |t, n| t.ping(i64::from(n) * S, n, 56, if n < odd { 90 } else { 56 }))
    };
    let one_way = Traffic(pings(40, 40).0.into_iter().skip(1).step_by(2).collect());
    for (name, traffic, expected) in [
        ("19 replies", pings(19, 19), &[][..]),
        ("20 replies, a fifth of them odd", pings(20, 4), &["alert icmp-tunnel"]),
        ("fewer are odd", pings(20, 3), &[]),
        ("honest", pings(400, 0), &[]),
        ("replies only", one_way, &[]),
    ] {
        check(name, &traffic, expected);
    }
}

#[test]
fn arp_conflicts() {
    let address = [10, 0, 0, 1];
    let t = Traffic::default;
    for (name, traffic, expected) in [
        ("one device", t().arp(0, 1, address).arp(S, 1, address), &[][..]),
        (
            "side by side",
            t().arp(0, 1, address).arp(S, 2, address).arp(2 * S, 1, address),
            &["alert arp-conflict"],
        ),
        ("one after the other", t().arp(0, 1, address).arp(S, 2, address), &["note arp-conflict"]),
        ("probes", t().arp(0, 1, [0; 4]).arp(S, 2, [0; 4]), &[]),
        ("two addresses of one device", t().arp(0, 1, address).arp(S, 1, [10, 0, 0, 2]), &[]),
    ] {
        check(name, &traffic, expected);
    }
}

#[test]
fn long_connections() {
    let ssh = ends(CLIENT, 40_000, INSIDE, 22);
    let open = |seconds: i64| {
        let mut t = Traffic::default().segment(0, ssh, true, SYN, 1, 0).segment(0, ssh, false, SYN_ACK, 1, 0);
        for n in 0..=4 {
            t = t.segment(n * seconds * S / 4, ssh, true, ACK, 2, 0).segment(
                n * seconds * S / 4,
                ssh,
                false,
                ACK,
                2,
                0,
            );
        }
        t
    };
    let later = |t: Traffic, at: i64| t.dns(at * S, "example.com");
    for (name, traffic, expected) in [
        ("an hour", later(open(3600), 9000), &["note long-connection"][..]),
        ("less than an hour", later(open(3599), 9000), &[]),
        ("nine tenths of ten minutes", later(open(540), 600), &["note long-connection"]),
        ("less than that", later(open(539), 600), &[]),
        ("all of a short capture", open(599), &[]),
    ] {
        check(name, &traffic, expected);
    }
}

#[test]
fn staging() {
    let pull = |t: Traffic, at: i64, bytes| t.connection(at, ends(CLIENT, 50_000, INSIDE, 445), 10, bytes, 1);
    let send =
        |t: Traffic, at: i64, bytes| t.connection(at, ends(CLIENT, 51_000, OUTSIDE, 443), bytes, 10, 1);
    let t = Traffic::default;
    for (name, traffic, expected) in [
        (
            "pulled, then sent",
            send(pull(t(), 0, 10_000_000), S, 10_000_000),
            &["alert bulk-upload", "alert stage-and-send"][..],
        ),
        ("sent, then pulled", send(pull(t(), S, 10_000_000), 0, 10_000_000), &["alert bulk-upload"]),
        ("too little pulled", send(pull(t(), 0, 9_999_999), S, 10_000_000), &["alert bulk-upload"]),
        ("too little of it sent", send(pull(t(), 0, 20_100_000), S, 10_000_000), &["alert bulk-upload"]),
        ("a day later", send(pull(t(), 0, 10_000_000), 90_000 * S, 10_000_000), &["alert bulk-upload"]),
    ] {
        let mut found: Vec<String> =
            find(&traffic).iter().map(|f| format!("{} {}", f.severity, f.kind)).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn each_finding_says_all_that_a_person_needs() {
    let traffic = Traffic(
        [
            sweep(12, |_| 445),
            beacon(OUTSIDE, 20, 60, |_| 0),
            names(80, |n| format!("{n:060}.example.com")),
            Traffic::default().connection(0, ends(CLIENT, 39_000, [198, 51, 100, 1], 443), 2_000_000, 10, 1),
        ]
        .into_iter()
        .flat_map(|t| t.0)
        .collect(),
    );
    let found = find(&traffic);
    assert_eq!(found.len(), 4, "{found:#?}");
    for finding in found {
        assert!(finding.sentence.contains("consistent with"), "{}", finding.sentence);
        assert!((0.0..=1.0).contains(&finding.score), "{}: {}", finding.kind, finding.score);
        assert!(finding.life.is_some() && !finding.innocent_causes.is_empty(), "{}", finding.kind);
        assert!(finding.evidence.iter().any(|e| e.threshold.is_some()), "{}", finding.kind);
        assert!(!finding.display_filter.is_empty() && !finding.capture_filter.is_empty(), "{}", finding.kind);
        assert!(finding.evidence.iter().all(|e| e.value.is_finite()), "{finding:?}");
    }
}

fn scenes() -> Vec<Traffic> {
    vec![
        sweep(12, |_| 445),
        ports(20),
        beacon(OUTSIDE, 20, 60, |n| i64::from(n % 5)),
        Traffic::default().connection(7, ends(CLIENT, 39_000, [198, 51, 100, 1], 443), 1_200_000, 10, 2),
        names(80, |n| format!("{n:060}.example.com")),
        (0..30).fold(Traffic::default(), |t, n| t.ping(i64::from(n), n, 56, 90)),
        datagrams(12, 7, |_| 161),
        (0..40).fold(Traffic::default(), |t, n| {
            let question = arp_request([2, 0, 0, 0, 0, 9], CLIENT.into(), Ipv4Addr::new(10, 0, 2, n));
            t.frame(i64::from(n) * S, &Ethernet::between(9, 200).carry(question))
        }),
        Traffic::default().arp(0, 1, [10, 0, 0, 1]).arp(5, 2, [10, 0, 0, 1]).arp(9, 1, [10, 0, 0, 1]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_split_gives_the_same_findings(shards in 1..5_usize, seed in any::<u64>()) {
        let mut packets: Vec<_> = scenes().into_iter().flat_map(|t| t.0).collect();
        packets.sort_by_key(|(at, ..)| *at);
        let (table, observations) = observe(packets.iter());
        let expected = findings(&table, &observations, &Inside::default());
        prop_assert!(expected.len() >= 9);
        // Which shard a packet goes to hangs on nothing but chance.
        let mut state = seed;
        let mut parts = vec![Vec::new(); shards];
        for packet in &packets {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            parts[(state >> 33) as usize % shards].push(packet);
        }
        let (mut whole, mut seen) = (FlowTable::new(), Observations::default());
        for part in parts.into_iter().rev() {
            let (table, observations) = observe(part.into_iter());
            whole.merge(table);
            seen.merge(observations);
        }
        prop_assert_eq!(findings(&whole, &seen, &Inside::default()), expected);
    }
}

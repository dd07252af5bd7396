//! Each detector just below and at each of its thresholds.

use pcapviz_capture::Tunnels;
use pcapviz_graph::{Finding, Severity};
use pcapviz_testkit::frame::{Ethernet, Frame, Ipv4, Udp};

use crate::traffic::*;

fn sweep(failed: u8, port: impl Fn(u8) -> u16) -> Traffic {
    hosts(0, &[(failed, false)], port)
}

/// So many hosts in turn that refuse, or that answer.
fn hosts(at: i64, turns: &[(u8, bool)], port: impl Fn(u8) -> u16) -> Traffic {
    let answers = turns.iter().flat_map(|(count, answer)| vec![*answer; usize::from(*count)]);
    answers.zip(0..).fold(Traffic::default(), |t, (answers, n)| {
        let (at, ends) = (at + i64::from(n) * S, ends(CLIENT, 40_000, [10, 0, 1, n], port(n)));
        if answers { t.connection(at, ends, 1, 1, 1) } else { t.refused(at, ends) }
    })
}

fn ports(failed: u16) -> Traffic {
    repeat(failed, |t, n| t.refused(i64::from(n), ends(CLIENT, 40_000, INSIDE, 100 + n)))
}

#[test]
fn scans() {
    let same = |_| 445;
    let own = |n| 10_000 + u16::from(n);
    let mid = repeat(40, |t, n| {
        t.segment(i64::from(n), ends(CLIENT, 40_000, [10, 0, 1, n as u8], 445), true, ACK, 7, 10)
    });
    let often_answered = hosts(0, &[(3, true), (1, false)].repeat(12), same);
    // A lucky start does not excuse what follows.
    let after_work = repeat(40, |t, n| {
        t.connection(-S + i64::from(n), ends(CLIENT, 41_000, [10, 0, 2, n as u8], 80), 1, 1, 1)
    });
    let silent = |hosts: u8| {
        (0..hosts).fold(Traffic::default(), |t, n| {
            t.segment(i64::from(n) * S, ends(CLIENT, 40_000, [10, 0, 1, n], 445), true, SYN, 1, 0)
        })
    };
    let silent_ports = |ports| {
        repeat(ports, |t, n| t.segment(n.into(), ends(CLIENT, 40_000, INSIDE, 100 + n), true, SYN, 1, 0))
    };
    let stray = |flags| Traffic::default().segment(5, ends(CLIENT, 44_000, INSIDE, 80), true, flags, 1, 0);
    // Whatever is said to who refused or kept silent.
    let talked_at = |t: Traffic, payload: usize| {
        let attempts: Vec<Sent> = t.0.iter().filter(|sent| sent.is_up).cloned().collect();
        attempts.into_iter().fold(t, |t, sent| {
            let port = |at: usize| u16::from_be_bytes([sent.bytes[at], sent.bytes[at + 1]]);
            let server = std::array::from_fn(|n| sent.bytes[30 + n]);
            t.segment(sent.at + 5, ends(CLIENT, port(34), server, port(36)), true, ACK, 2, payload)
        })
    };
    let ended = |t: Traffic| {
        let attempts: Vec<Sent> =
            t.0.iter().filter(|sent| sent.is_up && sent.bytes[47] == SYN).cloned().collect();
        attempts.into_iter().fold(talked_at(t, 0), |t, sent| {
            let port = |at: usize| u16::from_be_bytes([sent.bytes[at], sent.bytes[at + 1]]);
            let server = std::array::from_fn(|n| sent.bytes[30 + n]);
            t.segment(sent.at + 9, ends(CLIENT, port(34), server, port(36)), true, FIN_ACK, 2, 0)
        })
    };
    for (name, traffic, expected) in [
        ("nine hosts", sweep(9, same), &[][..]),
        ("an ACK to each host that refused", talked_at(sweep(12, same), 9), &["alert scan"]),
        ("an ACK to each port that refused", talked_at(ports(20), 9), &["alert scan"]),
        ("an ACK to each host that kept silent", talked_at(silent(12).heard(), 0), &["alert scan"]),
        // Their answers took another way, or there are none.
        ("who goes on talking", talked_at(silent(12).heard(), 9), &["note scan"]),
        ("who goes on talking to ports", talked_at(silent_ports(20).heard(), 1), &["note scan"]),
        ("who goes on talking, only the way up", talked_at(silent(12), 9), &[]),
        // Health checks, of which the capture has one direction.
        ("who ends what was not answered", ended(silent(12).heard()), &["note scan"]),
        ("the same, only the way up", ended(silent(12)), &[]),
        ("beside 12 that kept silent", ended(silent(12).heard()).and(ports(15)), &["alert scan"]),
        (
            "who goes on talking to some, of whom enough are answered",
            talked_at(hosts(0, &[(3, true), (1, false)].repeat(12), same).heard(), 9),
            &[],
        ),
        ("silence", silent(12).heard(), &["alert scan"]),
        // Only SYNs are captured, or nothing comes back to this address, as over IPv6 that leads nowhere.
        ("who never hears anybody", silent(12), &["note scan"]),
        ("255 silent ports, the same", silent_ports(255), &["note scan"]),
        ("256 silent ports, the same", silent_ports(256), &["alert scan"]),
        ("one stray FIN among them", silent(12).and(stray(FIN)), &["note scan"]),
        ("ten hosts", sweep(10, same), &["alert scan"]),
        ("ports of their own", sweep(40, own), &["note scan"]),
        ("half on one port", sweep(10, |n| if n < 5 { 445 } else { own(n) }), &["alert scan"]),
        ("fewer on one port", sweep(10, |n| if n < 4 { 445 } else { own(n) }), &["note scan"]),
        ("all answer", hosts(0, &[(40, true)], same), &[]),
        ("three fail, three answer", hosts(0, &[(3, false), (3, true)].repeat(5), same), &[]),
        ("four fail, four answer", hosts(0, &[(4, false), (4, true)].repeat(3), same), &["alert scan"]),
        ("most answer", often_answered.clone(), &[]),
        ("the same, only the way up", often_answered.one_way(true), &[]),
        ("open before the capture", mid, &[]),
        ("after honest work", after_work.and(sweep(12, same)), &["alert scan"]),
        ("fourteen ports", ports(14), &[]),
        ("fifteen ports", ports(15), &["alert scan"]),
    ] {
        check(name, &traffic, expected);
    }
}

/// Datagrams to so many hosts inside, of which the first refuse.
fn datagrams(hosts: u8, refused: u8, port: impl Fn(u8) -> u16) -> Traffic {
    (0..hosts).fold(Traffic::default(), |t, n| {
        let t = t.datagram(i64::from(n) * S, (CLIENT, 40_000), ([10, 0, 1, n], port(n)), 20);
        if n < refused { t.unreachable(i64::from(n) * S + 1, ([10, 0, 1, n], port(n)), CLIENT) } else { t }
    })
}

fn udp_ports(ports: u16, from: u16, refused: u16) -> Traffic {
    repeat(ports, |t, n| {
        let t = t.datagram(i64::from(n) * S, (CLIENT, 60_000), (INSIDE, from + n), 20);
        if n < refused { t.unreachable(i64::from(n) * S + 1, (INSIDE, from + n), CLIENT) } else { t }
    })
}

/// Segments that belong to no connection (nmap -sF, -sX, -sN, -sA, -sM), each refused or not.
#[test]
fn stealthy_scans() {
    let probes = |flags: &[u8], answer: Option<u8>, ends: fn(u16) -> Ends| {
        repeat(20, |t, n| {
            let (at, ends) = (i64::from(n) * S, ends(n));
            let t =
                flags.iter().zip(0..).fold(t, |t, (flags, n)| t.segment(at + n, ends, true, *flags, 1, 0));
            match answer {
                Some(answer) => t.segment(at + 5, ends, false, answer, 0, 0),
                None => t,
            }
        })
    };
    let ports = |n| ends(CLIENT, 40_000, INSIDE, 100 + n);
    let hosts = |n: u16| ends(CLIENT, 40_000, [10, 0, 1, n as u8], 80);
    let alert = &["alert scan"][..];
    let mut cut = probes(&[SYN], None, ports);
    cut.0.iter_mut().for_each(|sent| sent.bytes.truncate(14 + 20 + 8));
    for (name, traffic, expected) in [
        ("FIN", probes(&[FIN], None, ports), alert),
        ("FIN to hosts", probes(&[FIN], None, hosts), alert),
        ("FIN, refused", probes(&[FIN], Some(RST_ACK), ports), alert),
        ("FIN with ECE", probes(&[FIN | ECE], Some(RST_ACK), ports), alert),
        ("FIN, then ACK", probes(&[FIN, ACK], Some(RST_ACK), ports), alert),
        ("FIN, then RST", probes(&[FIN, RST], Some(RST_ACK), ports), alert),
        ("Xmas", probes(&[FIN | PSH | URG], Some(RST_ACK), ports), alert),
        ("no flag", probes(&[0], Some(RST_ACK), ports), alert),
        ("no flag, not refused", probes(&[0], None, ports), alert),
        ("no flag but CWR", probes(&[CWR], Some(RST_ACK), ports), alert),
        ("headers cut off before the flags", cut, &[]),
        ("ACK", probes(&[ACK], Some(RST), ports), alert),
        ("ACK and PSH", probes(&[ACK | PSH], Some(RST), ports), alert),
        ("ACK, then RST", probes(&[ACK, RST], Some(RST), ports), alert),
        ("ACK to other ports", probes(&[ACK], Some(RST), |n| ends(CLIENT, 40_000, INSIDE, 8000 + n)), &[]),
        ("FIN and ACK", probes(&[FIN_ACK], Some(RST), ports), alert),
        ("ACK, not refused", probes(&[ACK], None, ports), &[]),
        ("connections that end", probes(&[FIN_ACK], Some(ACK), ports), &[]),
        // A firewall that has forgotten them.
        ("idle connections to many hosts that end at once", probes(&[ACK], Some(RST), hosts), &[]),
        // Keep-alives and FINs to a machine that has started anew.
        ("a server's", probes(&[ACK], Some(RST), |n| ends(CLIENT, 5432, INSIDE, 50_000 + n)), &[]),
        (
            "a server's, high port",
            probes(&[ACK], Some(RST), |n| ends(CLIENT, 61_616, INSIDE, 40_000 + n)),
            &[],
        ),
        ("a file server's", probes(&[ACK], Some(RST), |n| ends(CLIENT, 2049, INSIDE, 700 + n)), &[]),
        ("a client's", probes(&[FIN_ACK], Some(RST), |n| ends(CLIENT, 40_000 + n, INSIDE, 8000 + n)), &[]),
    ] {
        check(name, &traffic, expected);
    }
}

/// A finding is about the manner of its own attempts, not about what else the client sent.
#[test]
fn manners_by_themselves() {
    let with = |flags: u8, answer: u8, ports: std::ops::Range<u16>| {
        ports.fold(Traffic::default(), |t, n| {
            let (at, ends) = (i64::from(n) * S, ends(CLIENT, 40_000 + u16::from(flags), INSIDE, n));
            t.segment(at, ends, true, flags, 1, 0).segment(at + 1, ends, false, answer, 0, 0)
        })
    };
    let syns = || with(SYN, RST_ACK, 100..120);
    let fins = || with(FIN, RST_ACK, 100..120);
    let acks = || with(ACK, RST, 100..120);
    let (syn, fin) = (
        "20 of 20 ports on 10.0.0.9 that 10.0.0.5 tried refused",
        "by segments that show neither SYN nor ACK",
    );
    let ack = "by segments without a connection";
    for (name, traffic, expected) in [
        ("an ACK first, as nmap sends", with(ACK, RST, 80..81).and(syns()), &[syn][..]),
        ("a FIN first", with(FIN, RST_ACK, 80..81).and(syns()), &[syn]),
        ("a SYN first", with(SYN, RST_ACK, 80..81).and(fins()), &[fin]),
        ("one after the other", syns().and(fins()).and(acks()), &[syn, fin, ack]),
    ] {
        let found = find(&traffic);
        assert_eq!(found.len(), expected.len(), "{name}");
        for part in expected {
            assert!(found.iter().any(|it| it.sentence.contains(part)), "{name}: {part}");
        }
    }
}

/// A flood from ever new addresses is no scan by any of them, beside which a scan is found.
#[test]
fn floods() {
    let from = |n: u16| [172, 16, (n >> 8) as u8, n as u8];
    let syns =
        repeat(9000, |t, n| t.segment(i64::from(n), ends(from(n), 1024 + n, OUTSIDE, 443), true, SYN, 1, 0));
    let datagrams = repeat(9000, |t, n| t.datagram(i64::from(n), (from(n), 1024 + n), (OUTSIDE, 443), 9));
    for (name, traffic, expected) in [
        ("SYN flood", syns.clone(), &[][..]),
        ("UDP flood", datagrams.clone(), &[]),
        ("a sweep in a SYN flood", syns.and(sweep(12, |_| 445)), &["alert scan"]),
        ("a sweep in a UDP flood", datagrams.and(self::datagrams(12, 5, |_| 161)), &["alert scan"]),
    ] {
        check(name, &traffic, expected);
    }
}

#[test]
fn scans_over_udp() {
    let snmp = |_| 161;
    let answered = (0..40).fold(datagrams(40, 0, snmp), |t, n| {
        t.datagram(i64::from(n) * S + 5, ([10, 0, 1, n], 161), (CLIENT, 40_000), 20)
    });
    let lookups = repeat(200, |t, n| {
        let (at, port) = (300 * S + i64::from(n), 41_000 + n);
        t.datagram(at, (CLIENT, port), (OUTSIDE, 53), 20).datagram(at, (OUTSIDE, 53), (CLIENT, port), 20)
    });
    // Of 60 hosts that are asked, each fifth refuses, which asks for the time in vain itself.
    let mostly_answered = (0..60_u8).fold(datagrams(60, 0, snmp), |t, n| {
        let (at, host) = (i64::from(n) * S + 5, [10, 0, 1, n]);
        if n % 5 > 0 {
            return t.datagram(at, (host, 161), (CLIENT, 40_000), 20);
        }
        let t = t.unreachable(at, (host, 161), CLIENT);
        (0..12).fold(t, |t, n| t.datagram(at + i64::from(n), (host, 50_000 + n), (OUTSIDE, 123), 48))
    });
    // A resolver's answers, whose questions are not in the capture.
    let answers = repeat(40, |t, n| t.datagram(n.into(), (CLIENT, 53), (INSIDE, 40_000 + n), 20));
    for (name, traffic, expected) in [
        ("nine hosts", datagrams(9, 9, snmp), &[][..]),
        ("ten hosts, five refuse", datagrams(10, 5, snmp), &["alert scan"]),
        ("ten hosts, four refuse", datagrams(10, 4, snmp), &["note scan"]),
        ("ten hosts, silent", datagrams(10, 0, snmp).heard(), &["note scan"]),
        ("ten hosts, one direction in the capture", datagrams(10, 0, snmp), &[]),
        (
            "half on one port",
            datagrams(10, 5, |n| if n < 5 { 161 } else { 900 + u16::from(n) }),
            &["alert scan"],
        ),
        ("ports of their own, as peers have", datagrams(40, 20, |n| 10_000 + u16::from(n)), &[]),
        ("all answer", answered, &[]),
        ("answers without questions", answers, &[]),
        ("twelve hosts, among many look-ups", datagrams(12, 5, snmp).and(lookups.clone()), &["alert scan"]),
        ("fifteen ports, among many look-ups", udp_ports(15, 100, 5).and(lookups), &["alert scan"]),
        ("most answer, the others are not answered themselves", mostly_answered, &[]),
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
    let asks = |addresses: u16| {
        repeat(addresses, |t, n| t.asks(i64::from(n) * S, mac(1), CLIENT, [10, 0, 2, n as u8]))
    };
    let answer = |t: Traffic, n: u8| t.answers(300 * S, mac(100 + n), [10, 0, 2, n], CLIENT);
    let answered = |t: Traffic, addresses: u8| (0..addresses).fold(t, answer);
    // Who carries the packets of two hosts is a router.
    let carried = |t: Traffic| {
        t.carries(S, (mac(1), mac(9)), [10, 9, 0, 1], INSIDE).carries(
            S,
            (mac(1), mac(9)),
            [10, 9, 0, 2],
            INSIDE,
        )
    };
    for (name, traffic, expected) in [
        ("29 addresses", asks(29), &[][..]),
        ("30 addresses", asks(30), &["note scan"]),
        ("99 addresses", answered(asks(100), 1), &["note scan"]),
        ("100 addresses", answered(asks(101), 1), &["alert scan"]),
        ("no answer in the capture", asks(200), &["note scan"]),
        ("of a router", carried(answered(asks(101), 1)), &["note scan"]),
        ("half are there", answered(asks(60), 30), &["note scan"]),
        ("more are there", answered(asks(62), 32), &[]),
        ("one address again and again", (0..9).fold(asks(9), |t, _| t.and(asks(9))), &[]),
    ] {
        check(name, &traffic, expected);
    }
}

/// Contacts, every `gap` seconds and so much later, in hundredths of it.
fn beacon(server: [u8; 4], contacts: u16, gap: i64, late: impl Fn(u16) -> i64) -> Traffic {
    repeat(contacts, |t, n| {
        let at = i64::from(n) * gap * S + late(n) * gap * S / 100;
        t.connection(at, ends(CLIENT, 40_000 + n, server, 443), 100, 100, 1)
    })
}

#[test]
fn beacons() {
    let fixed_port = repeat(20, |t, n| {
        let (ends, at, sequence) =
            (ends(CLIENT, 40_000, OUTSIDE, 443), i64::from(n) * 60 * S, 100 * u32::from(n));
        t.segment(at, ends, true, SYN, sequence, 0).segment(at + S, ends, true, SYN, sequence, 0)
    });
    let doubled = repeat(20, |t, n| {
        t.connection(i64::from(n) * 60 * S + S / 10, ends(CLIENT, 50_000 + n, OUTSIDE, 443), 9, 9, 1)
    });
    for (name, traffic, expected) in [
        ("eleven gaps", beacon(OUTSIDE, 12, 60, |_| 0), &[][..]),
        ("twelve gaps", beacon(OUTSIDE, 13, 60, |_| 0), &["alert beacon"]),
        ("to the inside", beacon(INSIDE, 13, 60, |_| 0), &["note beacon"]),
        ("every second", beacon(OUTSIDE, 40, 1, |_| 0), &["alert beacon"]),
        ("too quick", beacon(OUTSIDE, 40, 99, |_| 0).squeezed(100), &[]),
        ("always from one port, each SYN sent twice", fixed_port, &["alert beacon"]),
        ("two connections at once", beacon(OUTSIDE, 20, 60, |_| 0).and(doubled), &["alert beacon"]),
    ] {
        check(name, &traffic, expected);
    }
    // Deviations of the gaps in turn are 0, the number, and less the number: it is their median.
    for (gaps, most) in [(12, 15), (16, 20), (24, 28), (32, 31), (48, 40), (60, 40)] {
        for (hundredths, expected) in [(most, &["alert beacon"][..]), (most + 1, &[])] {
            let traffic = beacon(OUTSIDE, gaps + 1, 60, |n| [0, 0, hundredths][usize::from(n % 3)]);
            check(&format!("{gaps} gaps, {hundredths} %"), &traffic, expected);
        }
    }
}

/// RITA's terms: 1 is a clock.
#[test]
fn evidence_of_beacons() {
    let sizes = |t: Traffic, n: u16| {
        let ends = ends(CLIENT, 40_000 + n, OUTSIDE, 443);
        t.connection(i64::from(n) * 60 * S, ends, if n.is_multiple_of(2) { 100 } else { 300 }, 100, 1)
    };
    let late = ends(CLIENT, 39_000, OUTSIDE, 443);
    let clustered = beacon(OUTSIDE, 13, 60, |_| 0).segment(100_000 * S, late, true, SYN, 1, 0);
    for (name, traffic, evidence, expected) in [
        ("a clock", beacon(OUTSIDE, 24, 60, |_| 0), "timestamp skew score", 1.0),
        ("a clock", beacon(OUTSIDE, 24, 60, |_| 0), "timestamp dispersion score", 1.0),
        ("equal sizes", beacon(OUTSIDE, 24, 60, |_| 0), "data size dispersion score", 1.0),
        ("sizes in turn", repeat(24, sizes), "data size dispersion score", 0.5),
        ("all the time", beacon(OUTSIDE, 49, 60, |_| 0), "histogram score", 0.9),
        ("at the start", clustered.clone(), "histogram score", 0.0),
        ("the whole capture", clustered, "duration score", 1.0),
        ("half of it", beacon(OUTSIDE, 13, 60, |_| 0).dns(1440 * S, "example.com"), "duration score", 0.5),
    ] {
        let found = find(&traffic);
        let beacon = found.iter().find(|finding| finding.kind == "beacon").unwrap();
        let evidence = beacon.evidence.iter().find(|it| it.name == evidence).unwrap();
        assert!((evidence.value - expected).abs() < 0.1, "{name}: {evidence:?}");
    }
}

#[test]
fn beacons_over_udp() {
    let calls = |server: [u8; 4], contacts: u16, port: fn(u16) -> u16| {
        repeat(contacts, |t, n| {
            let at = i64::from(n) * 60 * S;
            let t = t.datagram(at, (CLIENT, port(n)), (server, 443), 20);
            t.datagram(at + 1, (server, 443), (CLIENT, port(n)), 20)
        })
    };
    let own = |n| 40_000 + n;
    for (name, traffic, expected) in [
        ("eleven gaps", calls(OUTSIDE, 12, own), &[][..]),
        ("twelve gaps", calls(OUTSIDE, 13, own), &["note beacon"]),
        ("every second", calls(OUTSIDE, 13, own).squeezed(60), &["note beacon"]),
        ("too quick", calls(OUTSIDE, 13, own).squeezed(61), &[]),
        ("to the inside", calls(INSIDE, 13, own), &[]),
        ("always from one port", calls(OUTSIDE, 13, |_| 40_000), &[]),
    ] {
        check(name, &traffic, expected);
    }
}

#[test]
fn uploads() {
    let web = ends(CLIENT, 40_000, OUTSIDE, 443);
    let one = |up, down, times| Traffic::default().connection(0, web, up, down, times);
    let inward = Traffic::default().connection(0, ends(OUTSIDE, 40_000, CLIENT, 443), 2_000_000, 10, 1);
    let serving = Traffic::default().connection(0, ends(OUTSIDE, 40_000, CLIENT, 443), 10, 2_000_000, 1);
    let copy = Traffic::default().connection(0, ends(CLIENT, 40_000, INSIDE, 445), 2_000_000, 10, 1);
    // The server never sees it, and the true end comes after the capture.
    let mut forged = one(2_000_000, 10, 1).segment(1, web, true, FIN_ACK, 1000, 0);
    forged.0.retain(|sent| sent.at < 4);
    let vpn = |from: [u8; 4], to: [u8; 4]| {
        let both = [(from, to, 1400), (to, from, 40)];
        repeat(800, |t, n| {
            both.into_iter().filter(|(.., bytes)| *bytes > 40 || n < 9).fold(t, |t, (from, to, bytes)| {
                t.datagram(i64::from(n) * S, (from, 51_820), (to, 51_820), bytes)
            })
        })
    };
    // Datagrams of 39,952 bytes each, of which the first fragment holds 1,472, and small answers.
    let fragmented = |times| {
        repeat(times, |t, n| {
            let at = i64::from(n) * S;
            let piece = |t: Traffic, place: u16, inside: Frame| {
                let ip = Ipv4::between(CLIENT, OUTSIDE).fragment(n, place * 1480, place < 26);
                t.frame(at, &Ethernet::default().carry(ip.carry(inside)))
            };
            let first = Udp::ports(40_000, 443).carry(&[0; 1472][..]);
            let later = || Frame::from(vec![0; 1480]).announced_as(0, 17);
            let t = (1..27).fold(piece(t, 0, first), |t, place| piece(t, place, later()));
            t.datagram(at + 1, (OUTSIDE, 443), (CLIENT, 40_000), 40)
        })
    };
    let mut over_sctp = vpn(CLIENT, OUTSIDE);
    over_sctp.0.iter_mut().for_each(|sent| sent.bytes[23] = 132);
    for (name, traffic, expected) in [
        ("less than a note", one(99_999, 10, 1), &[][..]),
        ("a note", one(100_000, 10, 1), &["note bulk-upload"]),
        ("less than an alert", one(999_999, 10, 1), &["note bulk-upload"]),
        ("an alert", one(1_000_000, 10, 1), &["alert bulk-upload"]),
        ("ratio just below 0.6", one(1_600_000, 400_001, 1), &[]),
        ("ratio 0.6", one(1_600_000, 400_000, 1), &["alert bulk-upload"]),
        ("sent twice by the network, not by the application", one(999_999, 10, 2), &["note bulk-upload"]),
        ("captured twice and sent again", one(999_999, 10, 3), &["note bulk-upload"]),
        ("with an end that is forged", forged, &["alert bulk-upload"]),
        ("over SCTP", over_sctp, &["alert bulk-upload"]),
        ("in fragments, less than a note", fragmented(2), &[]),
        ("in fragments, less than an alert", fragmented(25), &["note bulk-upload"]),
        ("in fragments", fragmented(26), &["alert bulk-upload"]),
        ("over UDP, with equal ports", vpn(CLIENT, OUTSIDE), &["alert bulk-upload"]),
        ("the same, to a lower address", vpn(CLIENT, [5, 9, 0, 1]), &["alert bulk-upload"]),
        ("the same, coming in", vpn(OUTSIDE, CLIENT), &[]),
        ("a server that answers", serving, &[]),
        ("what comes in", inward, &[]),
        ("inside", copy, &["note bulk-upload"]),
    ] {
        check(name, &traffic, expected);
    }
}

fn names(count: u16, name: impl Fn(u16) -> String) -> Traffic {
    repeat(count, |t, n| t.dns(i64::from(n) * S, &name(n)))
}

#[test]
fn dns_tunnels() {
    let long = |n| format!("{n:060}.{n:030}.t.example.com");
    let direct = |n| format!("dnscat.{n:060}");
    let uuid = |n: u16, version: u8| format!("{n:08x}-1234-{version}abc-89ab-{n:012x}.local");
    let search = |n| {
        let zone = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"][usize::from(n % 3)];
        format!("api-{:02}.service-with-a-name.example.com.{zone}", n / 3)
    };
    for (name, traffic, expected) in [
        ("49 names", names(49, long), &[][..]),
        ("50 names", names(50, long), &["alert dns-tunnel"]),
        ("one name again and again", names(500, |_| long(0)), &[]),
        ("too short in sum", names(199, |n| format!("{n:020}.example.com")), &[]),
        ("just long enough", names(200, |n| format!("{n:020}.example.com")), &["alert dns-tunnel"]),
        ("many shorter names", names(211, |n| format!("{n:019}.example.com")), &["note dns-tunnel"]),
        ("names spread over suffixes", names(400, |n| format!("{n:040}.co.uk")), &[]),
        ("direct mode, no public suffix", names(100, direct), &["alert dns-tunnel"]),
        ("direct mode, 66 labels of 60 bytes", names(66, direct), &[]),
        ("direct mode, 67 labels of 60 bytes", names(67, direct), &["alert dns-tunnel"]),
        ("a zone of its own", names(140, |n| format!("{n:030}.t.internal")), &["alert dns-tunnel"]),
        ("labels of 29 bytes there", names(150, |n| format!("{n:029}.t.internal")), &["note dns-tunnel"]),
        ("machines of a directory", names(250, |n| format!("ws-fin-{n:04}.corp.contoso.local")), &[]),
        ("machines at home", names(160, |n| format!("galaxy-s21-ultra-{n:06}.lan")), &[]),
        ("many of them", names(300, |n| format!("galaxy-s21-ultra-{n:06}.lan")), &["note dns-tunnel"]),
        ("a search list behind each name", names(300, search), &[]),
        ("hosts of calls in a browser", names(150, |n| uuid(n, 4)), &["note dns-tunnel"]),
        ("few of them", names(100, |n| uuid(n, 4)), &[]),
        ("UUIDs of another kind", names(150, |n| uuid(n, 1)), &["alert dns-tunnel"]),
        ("below another zone", names(150, |n| uuid(n, 4).replace(".local", ".lan")), &["alert dns-tunnel"]),
        (
            "66 labels of 60 bytes beside them",
            names(150, |n| uuid(n, 4)).and(names(66, direct)),
            &["note dns-tunnel"],
        ),
        (
            "67 labels of 60 bytes beside them",
            names(250, |n| if n < 150 { uuid(n, 4) } else { direct(n) }),
            &["alert dns-tunnel"],
        ),
        (
            "services",
            names(150, |n| format!("printer-of-floor-{n:020}._ipp._tcp.local")),
            &["note dns-tunnel"],
        ),
        ("labels in front of them", names(150, |n| format!("{n:040}.t.local")), &["alert dns-tunnel"]),
        ("addresses", names(400, |n| format!("{}.{}.0.10.in-addr.arpa", n % 256, n / 256)), &[]),
    ] {
        check(name, &traffic, expected);
    }
}

#[test]
fn icmp_tunnels() {
    let pings = |count: u16, odd: u16| {
        repeat(count, |t, n| t.ping(i64::from(n) * S, n, 56, if n < odd { 90 } else { 56 }))
    };
    // More fragments follow, of what is larger than a packet: their sizes are those of the networks.
    let fragmented = |count: u16, of: fn(&Sent) -> bool| {
        let mut t = pings(count, count);
        t.0.iter_mut().filter(|sent| of(sent)).for_each(|sent| sent.bytes[20] |= 0x20);
        t
    };
    // A network behind takes smaller packets: of what came back, the first fragment is shorter than what was sent.
    let mut smaller = repeat(30, |t, n| t.ping(i64::from(n) * S, n, 1400, 1200));
    smaller.0.iter_mut().filter(|sent| !sent.is_up).for_each(|sent| sent.bytes[20] |= 0x20);
    let growing = repeat(40, |t, n| t.ping(i64::from(n) * S, n, 56 + usize::from(n), 56 + usize::from(n)));
    // Each datagram in two fragments, of which the first are as long.
    let split = |t: Traffic, reused: bool| {
        let mut fragments = Traffic::default();
        for (mut first, n) in t.0.into_iter().zip(0_u16..) {
            // A request and its reply may have the same.
            let id = if reused { n % 7 } else { n / 2 };
            first.bytes[18..20].copy_from_slice(&id.to_be_bytes());
            let mut last = first.clone();
            last.bytes.splice(34..66, []);
            first.bytes.truncate(66);
            for (sent, place) in [(&mut first, [0x20, 0]), (&mut last, [0, 4])] {
                sent.len = sent.bytes.len();
                sent.bytes[16..18].copy_from_slice(&(sent.len as u16 - 14).to_be_bytes());
                sent.bytes[20..22].copy_from_slice(&place);
            }
            fragments.0.extend([last, first]);
        }
        fragments
    };
    for (name, traffic, expected) in [
        ("all in fragments, of different ends", split(pings(30, 30), false), &["alert icmp-tunnel"][..]),
        ("all in fragments, 19 replies", split(pings(19, 19), false), &[]),
        ("all in fragments, of the same ends", split(pings(30, 0), false), &[]),
        ("all in fragments, whose identifications come again", split(growing, true), &[]),
        ("a whole request, and as long a reply in fragments", smaller, &[][..]),
        ("fragments, of different sizes", fragmented(30, |_| true), &[][..]),
        ("a fragmented reply to a small request", fragmented(30, |sent| !sent.is_up), &["alert icmp-tunnel"]),
        ("19 replies", pings(19, 19), &[]),
        ("20 replies, a fifth of them odd", pings(20, 4), &["alert icmp-tunnel"]),
        ("fewer are odd", pings(20, 3), &[]),
        ("honest", pings(400, 0), &[]),
    ] {
        check(name, &traffic, expected);
    }
}

#[test]
fn long_connections() {
    let ssh = ends(CLIENT, 40_000, INSIDE, 22);
    let open = |seconds: i64| {
        let begun = Traffic::default().segment(0, ssh, true, SYN, 1, 0).segment(0, ssh, false, SYN_ACK, 1, 0);
        (0..=4).fold(begun, |t, n| {
            let at = n * seconds * S / 4;
            t.segment(at, ssh, true, ACK, 2, 0).segment(at, ssh, false, ACK, 2, 0)
        })
    };
    let over_udp = |packets: u16, bytes| {
        repeat(packets, |t, n| {
            let at = i64::from(n) * 3600 * S / i64::from(packets - 1);
            let t = t.datagram(at, (CLIENT, 40_000), (INSIDE, 1194), bytes);
            t.datagram(at, (INSIDE, 1194), (CLIENT, 40_000), bytes)
        })
    };
    let later = |t: Traffic, at: i64| t.dns(at * S, "example.com");
    for (name, traffic, expected) in [
        ("an hour", later(open(3600), 9000), &["note long-connection"][..]),
        ("less than an hour", later(open(3599), 9000), &[]),
        ("nine tenths of ten minutes", later(open(540), 600), &["note long-connection"]),
        ("less than that", later(open(539), 600), &[]),
        ("all of a short capture", open(599), &[]),
        ("over UDP", over_udp(100, 1000), &["note long-connection"]),
        ("over UDP, too little sent", over_udp(100, 999), &[]),
        ("over UDP, a few packets far apart", over_udp(3, 40_000), &[]),
    ] {
        check(name, &traffic, expected);
    }
}

/// More than there is room for: what is about one device or domain is found, and says that its numbers are lower bounds.
#[test]
fn floods_of_observations() {
    const MANY: u32 = (1 << 18) + (1 << 16);
    // Of claims, there is room for more.
    const CLAIMS: u32 = (1 << 20) + (1 << 17);
    let low = |n: u32| [(n >> 16) as u8, (n >> 8) as u8, n as u8];
    let device = |n: u32| [[2, 9, 0], low(n)].concat().try_into().unwrap();
    let address = |n: u32| [[10].as_slice(), &low(n)].concat().try_into().unwrap();
    let gateway = [192, 168, 0, 1];
    let of = |many: u32, of: &dyn Fn(Traffic, u32) -> Traffic| (0..many).fold(Traffic::default(), of);
    let times = |each: &dyn Fn(Traffic, u32) -> Traffic| of(MANY, each);
    let sweep =
        times(&|t, n| t.asks(n.into(), mac(1), gateway, address(n))).answers(9, mac(2), CLIENT, gateway);
    let claimed = of(CLAIMS, &|t, n| t.answers(n.into(), device(n), gateway, CLIENT));
    let echoes = times(&|t, n| t.ping_of(n.into(), (n >> 8) as u16, n as u16, 56, 90));
    let tunnel = times(&|mut t, n| {
        t = t.dns(n.into(), &format!("{n:060}.example.com"));
        t.0.last_mut().unwrap().bytes[26..30].copy_from_slice(&address(n));
        t
    });
    // Others beside them.
    let noise = of(CLAIMS, &|t, n| t.announces(n.into(), device(n), address(n)));
    let curious = times(&|t, n| t.asks(n.into(), device(n), address(n), gateway));
    let small = repeat(254, |t, n| t.asks(i64::from(n), mac(1), gateway, [10, 255, 0, n as u8]));
    let small = small.answers(9, mac(2), CLIENT, gateway);
    for (name, traffic, kind, said) in [
        ("sweep", sweep, "scan", "at least "),
        ("conflict", claimed, "arp-conflict", "is claimed by at least "),
        ("echoes", echoes, "icmp-tunnel", "at least "),
        ("names of many clients", tunnel, "dns-tunnel", "asked for by at least "),
        ("a sweep among claims", small.clone().and(noise), "scan", "at least "),
        ("a sweep among questions", small.and(curious), "scan", "at least "),
    ] {
        let found = find(&traffic);
        let is_it =
            |it: &&Finding| it.kind == kind && it.sentence.contains(said) && it.severity == Severity::Alert;
        let it = found.iter().find(is_it).unwrap_or_else(|| panic!("{name}: {:?}", kinds(&found)));
        assert!(it.evidence.iter().any(|evidence| evidence.name.starts_with("lower bounds")), "{name}");
        let mut parts = [Vec::new(), Vec::new(), Vec::new()];
        traffic.0.iter().enumerate().for_each(|(n, sent)| parts[2 - n % 3].push(sent));
        assert_eq!(crate::scene::findings_of(parts), found, "{name}, in parts");
        let (_, observations) = observe(&traffic.0, Tunnels::Outer);
        assert!(!observations.sampled().is_empty(), "{name}");
    }
}

#[test]
fn staging() {
    let pull =
        |at: i64, bytes| Traffic::default().connection(at, ends(CLIENT, 50_000, INSIDE, 445), 10, bytes, 1);
    let send =
        |at: i64, bytes| Traffic::default().connection(at, ends(CLIENT, 51_000, OUTSIDE, 443), bytes, 10, 1);
    const DAY: i64 = 86_400 * S;
    let both = &["alert bulk-upload", "alert stage-and-send"][..];
    let upload = &["alert bulk-upload"][..];
    for (name, pulled, sent, expected) in [
        ("pulled, then sent", (0, 10_000_000), (S, 10_000_000), both),
        ("sent, then pulled", (S, 10_000_000), (0, 10_000_000), upload),
        ("too little pulled", (0, 9_999_999), (S, 10_000_000), upload),
        ("too little sent", (0, 10_000_000), (S, 9_999_999), upload),
        ("half of it sent", (0, 20_000_000), (S, 10_000_000), both),
        ("less of it sent", (0, 20_000_001), (S, 10_000_000), upload),
        // A connection takes five nanoseconds.
        ("within a day", (0, 10_000_000), (DAY - 5, 10_000_000), both),
        ("later", (0, 10_000_000), (DAY - 4, 10_000_000), upload),
    ] {
        check(name, &pull(pulled.0, pulled.1).and(send(sent.0, sent.1)), expected);
    }
}

#[test]
fn arp_conflicts() {
    let address = [10, 0, 0, 1];
    let t = Traffic::default;
    let claims = |t: Traffic, at, device| t.asks(at, mac(device), address, [127, 0, 0, 1]);
    let gratuitous = |t: Traffic, at, device| t.announces(at, mac(device), address);
    // The owner answers once; then another device tells its victim.
    let tells = |t: Traffic, times: i64| {
        let t = t.answers(1, mac(1), address, CLIENT);
        (0..times).fold(t, |t, n| t.answers((9 + n) * S, mac(2), address, CLIENT))
    };
    let told = |times: i64| tells(t().asks(0, mac(5), CLIENT, address), times + 1);
    let told_alike = (0..9).fold(told(9), |t, n| t.answers(2 + n, mac(1), address, CLIENT));
    let told_only = tells(t(), 9);
    let in_turn = |devices: u8| (0..devices).fold(t(), |t, n| claims(t, i64::from(n) * S, n + 1));
    // Somebody else asks before each answer, so that they seem to be asked for.
    let forged = |victim: u8, times: i64| {
        let t = t().asks(0, mac(5), CLIENT, address).answers(1, mac(1), address, CLIENT).to(5);
        (0..times).fold(t, |t, n| {
            let at = (9 + n) * S;
            t.asks(at - 1, mac(77), [10, 0, 0, 77], address).answers(at, mac(2), address, CLIENT).to(victim)
        })
    };
    // One direction: the owner's answers were not asked for either.
    let turns = |first: i64, second: i64| {
        let t = (0..first).fold(t().asks(0, mac(7), [10, 0, 0, 7], [10, 0, 0, 8]), |t, n| {
            t.answers(n + 1, mac(1), address, CLIENT)
        });
        (0..second).fold(t, |t, n| t.answers(S + n, mac(2), address, CLIENT))
    };
    // Each host is told of one network card; the last one of both.
    let balanced = |hosts: u8, told_twice: bool| {
        (0..hosts).fold(t(), |t, n| {
            let at = i64::from(n) * S;
            let ask = |t: Traffic| t.asks(at, mac(50 + n), [10, 0, 0, 50 + n], address);
            let tell =
                |t: Traffic, device| t.answers(at + 1, mac(device), address, [10, 0, 0, 50 + n]).to(50 + n);
            let t = tell(ask(t), 1 + n % 2);
            if told_twice && n + 1 == hosts { tell(t, 2 - n % 2) } else { t }
        })
    };
    let unasked_for = |mut t: Traffic| {
        t.0.retain(|sent| !sent.is_up);
        t
    };
    let two = |vlan: u8| {
        let tag = move |n: usize, _: &Sent| if n == 1 { vec![0x81, 0, 0, vlan] } else { Vec::new() };
        claims(claims(claims(t(), 0, 1), S, 2), 2 * S, 1).behind(tag)
    };
    let (prioritised, elsewhere) = (two(0), two(1));
    for (name, traffic, expected) in [
        ("one device", claims(claims(t(), 0, 1), S, 1), &[][..]),
        ("side by side", claims(claims(claims(t(), 0, 1), S, 2), 2 * S, 1), &["alert arp-conflict"]),
        ("one after the other", claims(claims(t(), 0, 1), S, 2), &["note arp-conflict"]),
        ("by announcements", gratuitous(gratuitous(t(), 0, 1), S, 2), &["note arp-conflict"]),
        ("15 devices in turn", in_turn(15), &["note arp-conflict"]),
        ("16 devices in turn", in_turn(16), &["alert arp-conflict"]),
        ("then told without being asked", told(5), &["alert arp-conflict"]),
        ("then told, a little", told(4), &["note arp-conflict"]),
        ("then told, where nobody asked the owner either", told_alike, &["note arp-conflict"]),
        ("then told, without any question in the capture", told_only, &["note arp-conflict"]),
        ("then told, 6 forged questions before as many answers", forged(5, 6), &["alert arp-conflict"]),
        ("one less", forged(5, 4), &["note arp-conflict"]),
        ("to who asks nothing", forged(6, 6), &["note arp-conflict"]),
        ("fail-over in one direction, 5 and 20 answers", turns(5, 20), &["alert arp-conflict"]),
        ("fail-over in one direction, 5 and 19 answers", turns(5, 19), &["note arp-conflict"]),
        ("several cards of one host, each to hosts of its own", balanced(9, false), &["note arp-conflict"]),
        ("the same, and one host is told of both", balanced(9, true), &["alert arp-conflict"]),
        (
            "the same, and one card asks for another host",
            balanced(9, false).asks(3 * S, mac(1), address, [10, 0, 0, 99]),
            &["note arp-conflict"],
        ),
        (
            "the same, and both do",
            balanced(9, false).asks(3 * S, mac(1), address, [10, 0, 0, 99]).asks(
                4 * S,
                mac(2),
                address,
                [10, 0, 0, 99],
            ),
            &["alert arp-conflict"],
        ),
        (
            "the same, and one card announces it",
            balanced(9, false).announces(3 * S, mac(1), address),
            &["alert arp-conflict"],
        ),
        (
            "one card tells nobody",
            t().asks(0, mac(2), address, [10, 0, 0, 99])
                .asks(1, mac(50), [10, 0, 0, 50], address)
                .answers(2, mac(1), address, [10, 0, 0, 50])
                .to(50)
                .asks(S, mac(2), address, [10, 0, 0, 99]),
            &["alert arp-conflict"],
        ),
        ("cards that tell who did not ask", unasked_for(balanced(9, false)), &["alert arp-conflict"]),
        ("with a priority tag", prioritised, &["alert arp-conflict"]),
        ("in two networks", elsewhere, &[]),
        ("probes", t().asks(0, mac(1), [0; 4], address).asks(S, mac(2), [0; 4], address), &[]),
        ("two addresses of one device", claims(t(), 0, 1).asks(S, mac(1), [10, 0, 0, 2], address), &[]),
    ] {
        check(name, &traffic, expected);
    }
}

/// The same address in two captures: of one network, or of two.
#[test]
fn arp_conflicts_between_captures() {
    let answers = |device, victim| {
        repeat(9, |t, n| {
            let at = i64::from(n) * S;
            let mut t = t.answers(at, mac(device), [192, 168, 1, 1], CLIENT);
            t.0.last_mut().unwrap().bytes[..6].copy_from_slice(&mac(victim));
            t
        })
    };
    let announces = |device| repeat(9, |t, n| t.announces(i64::from(n) * S, mac(device), [192, 168, 1, 1]));
    // The frames are somebody else's than the claims.
    let mut forged = announces(1);
    forged.0.iter_mut().for_each(|sent| sent.bytes[6..12].copy_from_slice(&mac(9)));
    let forged = forged.and(announces(2));
    for (name, captures, expected) in [
        ("two networks", [answers(1, 10), answers(2, 20)], "note"),
        ("one victim in both", [answers(1, 10), answers(2, 10)], "alert"),
        ("both in the second", [answers(1, 10), answers(2, 20).and(answers(1, 30))], "alert"),
        ("one capture", [answers(1, 10).and(answers(2, 20)), Traffic::default()], "alert"),
        ("both announce it in the second", [announces(1), announces(1).and(announces(2))], "alert"),
        (
            "in another's name, both in the first",
            [forged, Traffic::default().asks(0, mac(3), CLIENT, CLIENT)],
            "alert",
        ),
    ] {
        let found = find_in_captures(&captures);
        assert_eq!(kinds(&found), [format!("{expected} arp-conflict")], "{name}");
    }
}

/// What networks do that is no spoofing, and what is.
#[test]
fn takeovers() {
    const REMOTE: [u8; 4] = [198, 51, 100, 9];
    let (gateway, host) = ([10, 0, 0, 1], [10, 0, 0, 20]);
    let (own, others) = ([10, 0, 0, 2], [10, 0, 0, 3]);
    let (one, two, victim) = (mac(1), mac(2), mac(20));
    let t = Traffic::default;
    // The host asks for its gateway, and a router answers.
    let asked =
        |t: Traffic, at, router| t.asks(at, victim, host, gateway).answers(at + 1, router, gateway, host);
    // The other router takes over what the first one carried.
    let carried =
        |t: Traffic| t.carries(S, (one, victim), REMOTE, host).carries(99 * S, (two, victim), REMOTE, host);
    // A router asks from its own address too.
    let routes = |t: Traffic, router, own| t.asks(50 * S, router, own, host);
    let glbp = |n| [0, 7, 0xb4, 0, 1, n];
    let (vrrp, hsrp) = ([0, 0, 0x5e, 0, 1, 7], [0, 0, 0x0c, 7, 0xac, 7]);
    let group = |shared| {
        let t = routes(routes(asked(asked(t(), 0, shared), 60 * S, shared), one, own), two, others);
        carried(t.announces(58 * S, shared, gateway))
    };
    // Redundant routers that share an address, each with its own MAC address.
    let failover = |announced: bool| {
        let t = routes(routes(asked(t(), 0, one), one, own), two, others);
        let t = if announced { t.announces(58 * S, two, gateway) } else { t };
        carried(asked(t, 60 * S, two))
    };
    let proxy = repeat(9, |t, n| {
        let at = 60 * S + i64::from(n);
        t.asks(at, victim, host, [10, 0, 7, n as u8]).answers(at, two, [10, 0, 7, n as u8], host)
    });
    let poisons =
        |t: Traffic, times: i64| (0..times).fold(t, |t, n| t.answers((60 + n) * S, two, gateway, host));
    let asks = t().asks(0, victim, host, gateway);
    // Questions of others are to all, those of the host itself are not in the capture.
    let one_sided = [(one, 0), (two, 60)].into_iter().fold(t(), |t, (router, from)| {
        (from..from + 6)
            .fold(t, |t, n| t.answers(n * S, router, gateway, host).answers(n * S, router, own, host))
    });
    let one_sided = carried(one_sided.asks(9 * S, mac(21), [10, 0, 0, 21], [10, 0, 0, 30]));
    for (name, traffic, expected) in [
        ("VRRP", group(vrrp), &[][..]),
        ("HSRP", group(hsrp), &[]),
        (
            "GLBP, one device for each host",
            asked(asked(asked(t(), 0, glbp(1)), S, glbp(2)), 2 * S, glbp(1)),
            &[],
        ),
        ("fail-over without a MAC address of the group", failover(false), &["note arp-conflict"]),
        ("the same, announced", failover(true), &["note arp-conflict"]),
        ("proxy ARP of the second router", carried(routes(proxy, two, others)), &[]),
        ("second address of the second router", carried(asked(routes(t(), two, others), 60 * S, two)), &[]),
        (
            "fail-over of network cards",
            t().announces(0, one, own).announces(9 * S, two, own),
            &["note arp-conflict"],
        ),
        // By ARP alone it is the same as spoofing; it is among the causes.
        (
            "network cards that share an address",
            t().asks(0, victim, host, own).answers(1, one, own, host).answers(S, two, own, host).answers(
                2 * S,
                one,
                own,
                host,
            ),
            &["alert arp-conflict"],
        ),
        (
            "an address that DHCP gave anew",
            t().announces(0, one, host).announces(600 * S, two, host),
            &["note arp-conflict"],
        ),
        ("poisoning", poisons(carried(routes(asks.clone(), two, others)), 2), &["alert arp-conflict"]),
        ("fail-over, what one host gets", one_sided, &["note arp-conflict", "note arp-conflict"]),
        ("as many answers as questions", poisons(carried(routes(asks, two, others)), 1), &[]),
        ("no question in the capture", poisons(carried(t().announces(0, two, others)), 3), &[]),
        ("poisoning that carries nothing", poisons(routes(t(), two, others), 3), &[]),
    ] {
        check(name, &traffic, expected);
    }
}

#[test]
fn each_finding_says_all_that_a_person_needs() {
    let traffic = sweep(12, |_| 445)
        .and(beacon(OUTSIDE, 20, 60, |_| 0))
        .and(names(80, |n| format!("{n:060}.example.com")))
        .and(Traffic::default().connection(
            0,
            ends(CLIENT, 39_000, [198, 51, 100, 1], 443),
            2_000_000,
            10,
            1,
        ));
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

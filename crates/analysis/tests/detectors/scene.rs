//! A scene for each kind of finding, beside packets that no finding is about: what is found of it, of one direction of
//! it, of any shards of it, over IPv6, in VLANs and through tunnels; and which packets the filters select.

use std::path::Path;
use std::process::Command;

use pcapviz_analysis::{Inside, Observations, findings_by};
use pcapviz_capture::{CaptureReader, Filter, Tunnels};
use pcapviz_graph::{Finding, FlowTable};
use pcapviz_testkit::frame::{Ethernet, Ipv4, icmp};
use pcapviz_testkit::tool;
use proptest::prelude::*;

use crate::traffic::*;

struct Scene {
    name: &'static str,
    traffic: Traffic,
    both: &'static [&'static str],
    /// With only what the client sends in the capture, and with only what it gets.
    up: &'static [&'static str],
    down: &'static [&'static str],
}

fn scenes() -> Vec<Scene> {
    let t = Traffic::default;
    let web = ends(CLIENT, 40_000, OUTSIDE, 443);
    let over_udp = repeat(800, |t, n| t.datagram(i64::from(n) * S, (CLIENT, 40_000), (OUTSIDE, 443), 1400))
        .and(repeat(9, |t, n| t.datagram(i64::from(n) * S, (OUTSIDE, 443), (CLIENT, 40_000), 40)));
    let mut over_sctp = over_udp.clone();
    over_sctp.0.iter_mut().for_each(|sent| sent.bytes[23] = 132);
    let long_name = |n: u16| format!("{n:060}.example.com");
    let names = |name: fn(u16) -> String| {
        repeat(80, |t, n| {
            let at = i64::from(n) * S;
            t.dns_message(at, &name(n), true).dns_message(at + 1, &name(n), false)
        })
    };
    let beacon = repeat(20, |t, n| {
        let at = i64::from(n) * 60 * S + i64::from(n % 5) * S;
        t.connection(at, ends(CLIENT, 40_000 + n, OUTSIDE, 443), 100, 100, 1)
    });
    let calls = repeat(20, |t, n| {
        let (at, port) = (i64::from(n) * 60 * S, 40_000 + n);
        let t = t.datagram(at, (CLIENT, port), (OUTSIDE, 443), 20);
        t.datagram(at + 1, (OUTSIDE, 443), (CLIENT, port), 20)
    });
    let sweep =
        repeat(12, |t, n| t.refused(i64::from(n) * S, ends(CLIENT, 40_000, [10, 0, 1, n as u8], 445)));
    let ports = repeat(20, |t, n| t.refused(i64::from(n) * S, ends(CLIENT, 40_000, INSIDE, 100 + n)));
    let (to, from) = (ends(CLIENT, 50_000, INSIDE, 22), ends(INSIDE, 50_000, CLIENT, 22));
    let between = [(to, true), (to, false), (from, true), (from, false)];
    let between = between.into_iter().fold(t(), |t, (ends, up)| t.segment(7, ends, up, ACK, 1, 9));
    // Segments of no connection are told from those of others by the client's port.
    let probes = |flags: u8, answer: u8| {
        repeat(20, |t, n| {
            let (at, ends) = (i64::from(n) * S, ends(CLIENT, 40_000, INSIDE, 100 + n));
            t.segment(at, ends, true, flags, 1, 0).segment(at + 1, ends, false, answer, 0, 0)
        })
    };
    let [fins, acks] =
        [(FIN, RST_ACK), (ACK, RST)].map(|(flags, answer)| probes(flags, answer).about(&["scan"]));
    // An ACK to see whether the host is up, as nmap sends.
    let is_up = t().segment(3, ends(CLIENT, 44_000, INSIDE, 80), true, ACK, 1, 0);
    let is_up =
        is_up.and(t().segment(4, ends(CLIENT, 44_000, INSIDE, 80), false, RST, 1, 0).about(&["scan"]));
    // Whoever tries much, of which only the attempts and refusals are looked at.
    let asks = |t: Traffic, n: u16, server| {
        t.segment(i64::from(n) * S, ends(CLIENT, 40_000, server, 900 + n), true, SYN, 1, 0)
    };
    let stale = repeat(12, |t, n| asks(t, n, [10, 0, 1, n as u8])).about(&["scan"]);
    let everywhere = repeat(20 * 16, |t, n| asks(t, n, [10, 0, 1, (n / 16) as u8])).about(&["scan"]);
    // One of them refuses.
    let busy = |port| {
        let refuses = ends(CLIENT, 40_000, [10, 0, 1, 1], port);
        let refusal = t().segment(6, refuses, false, RST_ACK, 1, 0).about(&["scan"]);
        t().segment(5, ends(CLIENT, 40_000, INSIDE, 22), true, ACK, 1, 9).and(refusal)
    };
    let knocks = |server: fn(u16) -> ([u8; 4], u16)| {
        let sent = repeat(20, |t, n| t.datagram(i64::from(n) * S, (CLIENT, 40_000), server(n), 20));
        sent.and(repeat(9, |t, n| t.unreachable(i64::from(n) * S + 1, server(n), CLIENT))).about(&["scan"])
    };
    let questions = repeat(120, |t, n| t.asks(i64::from(n) * S, mac(50), CLIENT, [10, 0, 2, n as u8]));
    // A question for its own address is none, and neither is an answer.
    let by_arp = questions.about(&["scan"]).announces(5, mac(50), CLIENT).asks(7, mac(50), CLIENT, CLIENT);
    let by_arp = by_arp.answers(6, mac(9), INSIDE, CLIENT);
    let pings = repeat(30, |t, n| t.ping(i64::from(n) * S, n, 56, 90));
    // The other side pings too.
    let echo = |kind: u8, from, to| {
        Ethernet::default().carry(Ipv4::between(from, to).carry(icmp(1, kind, 0, &[0; 40])))
    };
    let pinged = t().frame(5, &echo(8, OUTSIDE, CLIENT)).frame(6, &echo(0, CLIENT, OUTSIDE));
    let pulled = t().connection(0, ends(CLIENT, 50_000, INSIDE, 445), 10, 12_000_000, 1);
    let sent = t().connection(S, ends(CLIENT, 51_000, OUTSIDE, 443), 11_000_000, 10, 1);
    let open = (0..=9).fold(t(), |t, n| {
        let at = n * 400 * S;
        t.segment(at, web, true, ACK, 2, 9).segment(at, web, false, ACK, 2, 9)
    });
    let call = repeat(200, |t, n| {
        let at = i64::from(n) * 20 * S;
        let t = t.datagram(at, (CLIENT, 40_000), (OUTSIDE, 443), 700);
        t.datagram(at, (OUTSIDE, 443), (CLIENT, 40_000), 700)
    });
    let (gateway, victim) = ([10, 0, 0, 1], [10, 0, 0, 20]);
    let claims = [(0, 1), (S, 2), (2 * S, 1)].into_iter().fold(t(), |t, (at, device)| {
        t.answers(at, mac(device), gateway, victim).asks(at, mac(device), gateway, victim)
    });
    let flood = repeat(60, |t, n| t.asks(i64::from(n) * S, mac(n as u8 % 30), gateway, victim));
    let flood = flood.about(&["arp-conflict"]).asks(5, [0; 6], gateway, victim);
    let poison =
        repeat(5, |t, n| t.answers(i64::from(n) * S, mac(2), gateway, victim)).about(&["arp-conflict"]);
    let poisoned = poison
        .asks(-S, mac(20), victim, gateway)
        .asks(0, mac(2), [10, 0, 0, 2], victim)
        .carries(-S, (mac(1), mac(20)), OUTSIDE, victim)
        .carries(9 * S, (mac(2), mac(20)), OUTSIDE, victim);

    // More ports, and connections, than a handful.
    let by_many_ports = (0..40).fold(t(), |t, n| {
        t.connection(i64::from(n) * S, ends(CLIENT, 50_000 + n, OUTSIDE, 2000 + n * n), 60_000, 10, 1)
    });
    let opened = (0..20).fold(t(), |t, n| {
        (0..=9).fold(t, |t, at| {
            let ends = ends(CLIENT, 40_000 + n * 7, OUTSIDE, 443);
            let at = at * 400 * S + i64::from(n);
            t.segment(at, ends, true, ACK, 2, 9).segment(at, ends, false, ACK, 2, 9)
        })
    });
    let from_many_ports = repeat(40, |t, n| {
        t.segment(n.into(), ends(CLIENT, 45_000 + n * n, INSIDE, 80 + n % 20), true, FIN, 1, 0)
    });
    let to_many_names = repeat(90, |t, n| {
        let at = i64::from(n) * S;
        let name = format!("dnscat{}.{n:060}", n % 30);
        t.dns_message(at, &name, true).dns_message(at + 1, &name, false)
    });

    // The client's address ends at byte 30 of what goes up, and at 34 of what comes back.
    let mut of_many = names(long_name);
    for (n, sent) in of_many.0.iter_mut().enumerate() {
        sent.bytes[if sent.is_up { 29 } else { 33 }] = 100 + (n / 2 % 20) as u8;
    }

    let upload = &["alert bulk-upload"][..];
    let tunnel = &["alert dns-tunnel"][..];
    let scene = |name, traffic: Traffic, both, up, down| Scene { name, traffic, both, up, down };
    vec![
        scene("upload", t().connection(7, web, 1_200_000, 10, 2).about(&["bulk-upload"]), upload, &[], &[]),
        scene(
            "upload by many services",
            by_many_ports.about(&["bulk-upload"]).segment(
                5,
                ends(OUTSIDE, 50_000, CLIENT, 22),
                true,
                ACK,
                1,
                9,
            ),
            upload,
            &[],
            &[],
        ),
        scene(
            "many long connections",
            opened
                .about(&["long-connection"])
                .segment(5, ends(CLIENT, 40_001, OUTSIDE, 443), true, ACK, 1, 9)
                .segment(5, ends(CLIENT, 40_000, OUTSIDE, 80), false, ACK, 1, 9),
            &["note long-connection"],
            &[],
            &[],
        ),
        scene(
            "scan by FINs from many ports",
            from_many_ports.about(&["scan"]).and(between.clone()),
            &["alert scan"],
            &["alert scan"],
            &[],
        ),
        scene(
            "DNS tunnel below many names",
            to_many_names.about(&["dns-tunnel"]).dns(5, "www.example.org"),
            tunnel,
            tunnel,
            tunnel,
        ),
        scene("upload over UDP", over_udp.about(&["bulk-upload"]), upload, &[], &[]),
        scene("upload over SCTP", over_sctp.about(&["bulk-upload"]), upload, &[], &[]),
        // Either direction has the names.
        scene(
            "DNS tunnel",
            names(long_name).about(&["dns-tunnel"]).dns(5, "www.example.org"),
            tunnel,
            tunnel,
            tunnel,
        ),
        scene("DNS tunnel of many hosts", of_many.about(&["dns-tunnel"]), tunnel, tunnel, tunnel),
        scene(
            "DNS tunnel, hostile",
            names(|n| format!("{n:060}.a\u{1}_\"|)\u{202e}b.com"))
                .about(&["dns-tunnel"])
                .dns(5, "www.ab.com"),
            tunnel,
            tunnel,
            tunnel,
        ),
        scene(
            "DNS tunnel, direct",
            names(|n| format!("dnscat.{n:060}")).about(&["dns-tunnel"]),
            tunnel,
            tunnel,
            tunnel,
        ),
        scene(
            "beacon",
            beacon.about(&["beacon"]).and(t().segment(5, ends(CLIENT, 40_000, OUTSIDE, 80), true, ACK, 1, 9)),
            &["alert beacon"],
            &["alert beacon"],
            &[],
        ),
        scene(
            "beacon over UDP",
            calls.about(&["beacon"]).datagram(5, (CLIENT, 40_000), (OUTSIDE, 80), 9),
            &["note beacon"],
            &["note beacon"],
            &[],
        ),
        scene(
            "scan of hosts",
            sweep.about(&["scan"]).segment(5, ends(CLIENT, 40_000, INSIDE, 22), true, ACK, 1, 9),
            &["alert scan"],
            &["alert scan"],
            &[],
        ),
        scene(
            "scan of hosts by ports of their own",
            stale.and(busy(901)),
            &["note scan"],
            &["note scan"],
            &[],
        ),
        scene(
            "scan of ports of many hosts",
            everywhere.and(busy(917)),
            &["alert scan", "note scan"],
            &["alert scan", "note scan"],
            &[],
        ),
        scene(
            "scan of ports, beside connections between the same hosts",
            ports.about(&["scan"]).and(between.clone()).and(is_up),
            &["alert scan"],
            &["alert scan"],
            &[],
        ),
        scene("scan by FINs", fins.and(between.clone()), &["alert scan"], &["alert scan"], &[]),
        scene("scan by ACKs", acks.and(between), &["alert scan"], &[], &[]),
        // Silence is no answer where nothing can be heard.
        scene(
            "scan of hosts over UDP",
            knocks(|n| ([10, 0, 1, n as u8], 161)).datagram(5, (CLIENT, 40_000), (INSIDE, 514), 9),
            &["alert scan"],
            &[],
            &[],
        ),
        scene("scan of ports over UDP", knocks(|n| (INSIDE, 100 + n)), &["alert scan"], &[], &[]),
        scene("sweep by ARP", by_arp, &["alert scan"], &["note scan"], &[]),
        scene("ICMP tunnel", pings.about(&["icmp-tunnel"]).and(pinged), &["alert icmp-tunnel"], &[], &[]),
        scene(
            "staging",
            pulled.about(&["stage-and-send"]).and(sent.about(&["stage-and-send", "bulk-upload"])),
            &["alert bulk-upload", "alert stage-and-send"],
            &[],
            &[],
        ),
        scene(
            "long connection",
            open.about(&["long-connection"]).segment(5, ends(CLIENT, 40_001, OUTSIDE, 443), true, ACK, 1, 9),
            &["note long-connection"],
            &[],
            &[],
        ),
        scene(
            "long call over UDP",
            call.about(&["long-connection"]).datagram(5, (CLIENT, 40_001), (OUTSIDE, 443), 9),
            &["note long-connection"],
            &[],
            &[],
        ),
        scene(
            "address claimed twice",
            claims.about(&["arp-conflict"]).announces(1, mac(1), [10, 0, 0, 4]).asks(
                2,
                mac(3),
                INSIDE,
                gateway,
            ),
            &["alert arp-conflict"],
            &["alert arp-conflict"],
            &["alert arp-conflict"],
        ),
        scene("address claimed by many", flood, &["alert arp-conflict"], &["alert arp-conflict"], &[]),
        scene("path taken over", poisoned, &["alert arp-conflict"], &[], &[]),
    ]
}

/// What no finding is about, though it comes near.
fn noise() -> Traffic {
    let other = [10, 0, 0, 6];
    // An error message quotes what it is about.
    let quoting = |protocol: u8, ports: [u8; 4]| {
        let mut quoted = Ipv4::between(CLIENT, OUTSIDE).carry(&ports).bytes().to_vec();
        quoted[9] = protocol;
        let message = [&[0; 4][..], &quoted, &[0; 8]].concat();
        Ethernet::default().carry(Ipv4::between([10, 0, 0, 254], CLIENT).carry(icmp(1, 11, 0, &message)))
    };
    Traffic::default()
        .segment(0, ends(other, 40_000, OUTSIDE, 443), true, ACK, 1, 9)
        .segment(1, ends(other, 40_000, OUTSIDE, 443), false, ACK, 1, 9)
        .segment(2, ends(other, 40_000, INSIDE, 445), true, ACK, 1, 9)
        .datagram(3, (other, 40_000), (OUTSIDE, 443), 9)
        .datagram(4, (CLIENT, 514), ([10, 0, 0, 77], 514), 9)
        .frame(6, &quoting(6, [0x9c, 0x40, 1, 0xbb]))
        .frame(7, &quoting(17, [0x9c, 0x40, 1, 0xbb]))
        .frame(8, &quoting(1, [8, 0, 0, 0]))
        .announces(9, mac(77), [10, 0, 0, 77])
}

#[test]
fn scenes_whole_and_one_sided() {
    for Scene { name, traffic, both, up, down } in scenes() {
        check(name, &traffic, both);
        check(&format!("{name}, amid noise"), &traffic.clone().and(noise()), both);
        check(&format!("{name}, only the way up"), &traffic.clone().one_way(true), up);
        check(&format!("{name}, only the way down"), &traffic.clone().one_way(false), down);
        check(&format!("{name}, over IPv6"), &traffic.clone().over_ipv6(), both);
        check(&format!("{name}, in a VLAN"), &traffic.clone().tagged(|_, _| 1), both);
        let inner = find_in(&traffic.tunnelled(), Tunnels::Inner);
        assert_eq!(kinds(&inner), both, "{name}, through a tunnel");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_split_gives_the_same_findings(
        shards in 1..6_usize, seed in any::<u64>(), is_cut in any::<bool>(), turn in 0..6_usize,
    ) {
        let together = scenes().into_iter().fold(noise(), |all, scene| all.and(scene.traffic));
        for traffic in scenes().into_iter().map(|scene| scene.traffic).chain([together]) {
            let expected = findings_of([&traffic.0[..]].map(|part| part.iter().collect()));
            prop_assert!(!expected.is_empty());
            let mut parts: Vec<Vec<&Sent>> = vec![Vec::new(); shards];
            let mut state = seed;
            for (n, sent) in traffic.0.iter().enumerate() {
                // Cut into pieces of equal length, or dealt by chance.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let part = if is_cut { n * shards / traffic.0.len() } else { (state >> 33) as usize % shards };
                parts[part].push(sent);
            }
            parts.rotate_left(turn % shards);
            prop_assert_eq!(findings_of(parts), expected);
        }
    }
}

/// What is found of the parts, each seen by itself, by as many threads.
pub(crate) fn findings_of<'a>(parts: impl IntoIterator<Item = Vec<&'a Sent>>) -> Vec<Finding> {
    let (mut whole, mut seen, mut threads) = (FlowTable::new(), Observations::default(), 0);
    for part in parts {
        let (table, observations) = observe(part, Tunnels::Outer);
        whole.merge(table);
        seen.merge(observations);
        threads += 1;
    }
    findings_by(&whole, &seen, &Inside::default(), threads)
}

/// The frames that a filter lets pass, all of them without one; numbered from 1, with their bytes.
fn passed(capture: &[u8], filter: Option<&Filter>) -> Vec<(usize, Vec<u8>)> {
    let mut reader = CaptureReader::from_bytes("scene", capture.to_vec()).unwrap();
    let mut frames = Vec::new();
    for number in 1.. {
        let Some(packet) = reader.next_packet().unwrap() else { break };
        if filter.is_none_or(|filter| filter.matches(&packet)) {
            frames.push((number, packet.captured.to_vec()));
        }
    }
    frames
}

/// What a program writes that reads the capture.
fn output(program: &str, capture: &Path, arguments: &[&str]) -> Vec<u8> {
    let out = Command::new(program).arg("-nr").arg(capture).args(arguments).output().unwrap();
    assert!(out.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

#[test]
fn filters_select_what_the_finding_is_about() {
    let (Some(tshark), Some(tcpdump)) = (tool("tshark"), tool("tcpdump")) else { return };
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scene.pcap");
    for Scene { name, traffic, both, .. } in scenes() {
        let traffic = traffic.and(noise());
        // ARP is looked at in each VLAN by itself.
        let tags = |n: usize, sent: &Sent| if sent.is_arp() { 2 } else { n % 3 };
        let provided = |_: usize, _: &Sent| [0x88, 0xa8, 0, 8, 0x81, 0, 0, 7].to_vec();
        for (variant, traffic, tunnels) in [
            ("plain", traffic.clone(), Tunnels::Outer),
            ("over IPv6 with extension headers", traffic.clone().over_ipv6().extended(), Tunnels::Outer),
            ("over IPv6, in a VLAN", traffic.clone().over_ipv6().tagged(|_, _| 1), Tunnels::Outer),
            ("with one VLAN tag, two, or none", traffic.clone().tagged(tags), Tunnels::Outer),
            (
                "behind three VLAN tags",
                traffic.clone().tagged(|_, sent| if sent.is_arp() { 2 } else { 3 }),
                Tunnels::Outer,
            ),
            (
                "behind tags of the provider and the customer",
                traffic.clone().behind(provided),
                Tunnels::Outer,
            ),
            ("in PPPoE", traffic.clone().over_pppoe(), Tunnels::Outer),
            ("behind an MPLS label", traffic.clone().over_mpls(1), Tunnels::Outer),
            ("behind two MPLS labels", traffic.clone().over_mpls(2), Tunnels::Outer),
            ("through a tunnel", traffic.tunnelled(), Tunnels::Inner),
        ] {
            let capture = traffic.capture();
            std::fs::write(&path, &capture).unwrap();
            let found = find_in(&traffic, tunnels);
            // What is carried in different VLANs took over nothing.
            if !variant.contains("tag, two, or none") && !variant.contains("three") {
                assert_eq!(kinds(&found), both, "{name}, {variant}");
            }
            for finding in found {
                let context = format!(
                    "{name}, {variant}: {}\n{}\n{}",
                    finding.sentence, finding.display_filter, finding.capture_filter
                );
                let its_own = |(_, sent): &(usize, &Sent)| sent.about.contains(&finding.kind);
                let frames = traffic.0.iter().enumerate().filter(its_own);
                let (numbers, frames): (Vec<usize>, Vec<&[u8]>) =
                    frames.map(|(n, sent)| (n + 1, &sent.bytes[..])).unzip();
                let shown =
                    output(tshark, &path, &["-Y", &finding.display_filter, "-Tfields", "-eframe.number"]);
                let shown = String::from_utf8(shown).unwrap();
                let shown: Vec<usize> = shown.lines().map(|line| line.parse().unwrap()).collect();
                assert_eq!(shown, numbers, "{context}");
                // pcap-filter looks neither into tunnels nor behind extension headers.
                let is_hidden = tunnels == Tunnels::Inner || variant.contains("extension");
                if is_hidden && traffic.0.iter().any(|sent| its_own(&(0, sent)) && !sent.is_arp()) {
                    assert_eq!(finding.capture_filter, "", "{context}");
                    continue;
                }
                let ours = passed(&capture, Some(&Filter::parse(&finding.capture_filter).unwrap()));
                let dumped = output(tcpdump, &path, &["-w-", &finding.capture_filter]);
                let dumped: Vec<Vec<u8>> =
                    passed(&dumped, None).into_iter().map(|(_, bytes)| bytes).collect();
                // It cannot look for a name either: it selects all DNS between the two.
                if finding.kind == "dns-tunnel" {
                    assert!(numbers.iter().all(|n| ours.iter().any(|(number, _)| number == n)), "{context}");
                    assert_eq!(dumped.len(), ours.len(), "{context}");
                    continue;
                }
                assert_eq!(ours.iter().map(|(n, _)| *n).collect::<Vec<_>>(), numbers, "{context}");
                assert_eq!(dumped, frames, "{context}");
            }
        }
    }
}

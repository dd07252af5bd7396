//! Behaviour that is to be found, and decoys of the same shape that are not.

use crate::base::Base;
use crate::chance::Random;
use crate::inject::{CLIENT, Injected, SECOND, SERVER};

/// Something to put into a capture.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) label: Label,
    make: fn(&mut Injected<'_>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Label {
    /// To be found as this kind.
    Behaviour(&'static str),
    /// This kind, but too little of it to be found.
    TooLittle(&'static str),
    /// Not to be found as anything.
    Decoy,
}

impl Scenario {
    pub(crate) fn inject<'b>(&self, base: &'b Base, random: &mut Random) -> Injected<'b> {
        let mut injected = Injected::new(base, random);
        (self.make)(&mut injected);
        injected
    }
}

const fn behaviour(kind: &'static str, name: &'static str, make: fn(&mut Injected<'_>)) -> Scenario {
    Scenario { name, label: Label::Behaviour(kind), make }
}

const fn too_little(kind: &'static str, name: &'static str, make: fn(&mut Injected<'_>)) -> Scenario {
    Scenario { name, label: Label::TooLittle(kind), make }
}

const fn decoy(name: &'static str, make: fn(&mut Injected<'_>)) -> Scenario {
    Scenario { name, label: Label::Decoy, make }
}

fn seconds(time: f64) -> i64 {
    (time * 1e9) as i64
}

fn upload(i: &mut Injected<'_>, bytes: u64) {
    let (server, speed) = ((i.outside(), i.port()), i.speed());
    let back = 500 + i.random.below(bytes / 20);
    i.connection(0, 40_100, server, bytes, back, seconds(bytes as f64 / speed));
}

fn upload_over_udp(i: &mut Injected<'_>, bytes: u32) {
    let (server, speed) = ((i.outside(), i.port()), i.speed());
    let pause = seconds(1300.0 / speed);
    for n in 0..bytes / 1300 {
        let at = i64::from(n) * pause;
        i.datagram(at, (CLIENT, 50_000), server, &[0; 20], 1280);
        if n % 20 == 0 {
            i.datagram(at + 1, server, (CLIENT, 50_000), &[0; 20], 20);
        }
    }
}

fn beacon(i: &mut Injected<'_>, jitter: f64) {
    let server = (i.outside(), i.port());
    let gap = i.draw("rate", &[("slow", 300.0), ("middling", 60.0), ("fast", 10.0)]);
    let (mut at, contacts) = (0.0, 24 + i.random.below(60) as u16);
    for n in 0..contacts {
        i.connection(seconds(at), 42_000 + n, server, 200, 300, SECOND / 5);
        at += gap * (1.0 + jitter * (2.0 * i.random.unit() - 1.0));
    }
}

fn sweep(i: &mut Injected<'_>, hosts: u8) {
    let port = i.draw("port", &[("445", 445), ("22", 22), ("3389", 3389), ("80", 80)]);
    let pause = seconds(i.pause());
    (0..hosts).for_each(|n| i.refused(i64::from(n) * pause, 43_000, ([10, 213, 8, n], port)));
}

fn tunnel(i: &mut Injected<'_>, names: u64, len: u64) {
    let pause = seconds(i.pause());
    for n in 0..names {
        let (first, second) = (i.letters(len.min(60)), i.letters(len.saturating_sub(60).clamp(1, 60)));
        i.question(n as i64 * pause, &format!("{first}.{second}.t.exfil-example.net"));
    }
}

fn stage(i: &mut Injected<'_>, bytes: u64) {
    let (server, speed) = ((i.outside(), i.port()), i.speed());
    let time = seconds(bytes as f64 / speed);
    i.connection(0, 40_000, (SERVER, 445), 4000, bytes, time);
    i.connection(time + 90 * SECOND, 40_001, server, bytes * 3 / 4, 9000, time);
}

/// An address of the network that a device may claim, a host that hears it, and another device.
const GATEWAY: [u8; 4] = [10, 213, 7, 1];
const VICTIM: [u8; 4] = [10, 213, 7, 20];

/// The client's device takes the address, while its owner still has it, or afterwards.
fn claims(i: &mut Injected<'_>, is_still_there: bool) {
    let pause = seconds(i.pause());
    for n in 0..20 {
        if n < 10 || is_still_there {
            i.arp(n * pause, GATEWAY, 2, GATEWAY, VICTIM);
        }
        if n >= 10 {
            i.arp(n * pause + 1, CLIENT, 2, GATEWAY, VICTIM);
        }
    }
}

fn asks_around(i: &mut Injected<'_>, addresses: u8, there: u8) {
    let pause = seconds(i.pause());
    for n in 0..addresses {
        let target = [10, 213, 6, n];
        i.arp(i64::from(n) * pause, CLIENT, 1, CLIENT, target);
        if n < there {
            i.arp(i64::from(n) * pause + 1, target, 2, target, CLIENT);
        }
    }
}

fn somewhere(i: &mut Injected<'_>) -> [u8; 4] {
    [i.random.below(200) as u8 + 20, i.random.below(250) as u8, i.random.below(250) as u8, 9]
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    too_little("bulk-upload", "10 kB", |i| upload(i, 10_000)),
    behaviour("bulk-upload", "1 MB", |i| upload(i, 1_100_000)),
    behaviour("bulk-upload", "30 MB", |i| upload(i, 30_000_000)),
    behaviour("bulk-upload", "1 GB", |i| upload(i, 1_000_000_000)),
    behaviour("bulk-upload", "3 MB over UDP", |i| upload_over_udp(i, 3_000_000)),
    behaviour("beacon", "jitter 0 %", |i| beacon(i, 0.0)),
    behaviour("beacon", "jitter 20 %", |i| beacon(i, 0.2)),
    behaviour("beacon", "jitter 50 %", |i| beacon(i, 0.5)),
    behaviour("beacon", "jitter 90 %", |i| beacon(i, 0.9)),
    too_little("scan", "8 hosts", |i| sweep(i, 8)),
    behaviour("scan", "60 hosts", |i| sweep(i, 60)),
    behaviour("scan", "200 ports", |i| {
        let pause = seconds(i.pause());
        (0..200_u16).for_each(|n| i.refused(i64::from(n) * pause, 43_000, (SERVER, 1000 + n)));
    }),
    behaviour("scan", "30 hosts over UDP, half refuse", |i| {
        let port = i.draw("port", &[("161", 161), ("123", 123), ("1900", 1900)]);
        let pause = seconds(i.pause());
        (0..30).for_each(|n| i.knock(i64::from(n) * pause, ([10, 213, 8, n], port), n % 2 == 0));
    }),
    behaviour("scan", "60 ports over UDP, half refused", |i| {
        let pause = seconds(i.pause());
        (0..60_u16).for_each(|n| i.knock(i64::from(n) * pause, (SERVER, 100 + n), n % 2 == 0));
    }),
    behaviour("scan", "200 addresses by ARP, 20 there", |i| asks_around(i, 200, 20)),
    too_little("dns-tunnel", "30 names", |i| tunnel(i, 30, 100)),
    behaviour("dns-tunnel", "80 long names", |i| tunnel(i, 80, 110)),
    behaviour("dns-tunnel", "2,000 names", |i| tunnel(i, 2000, 40)),
    behaviour("icmp-tunnel", "100 echoes", |i| {
        let (to, pause) = (i.outside(), seconds(i.pause()));
        for n in 0..100_u16 {
            let (up, down) = (40 + i.random.below(900) as u32, 40 + i.random.below(900) as u32);
            i.ping(i64::from(n) * pause, to, n, up, down);
        }
    }),
    behaviour("stage-and-send", "60 MB", |i| stage(i, 60_000_000)),
    behaviour("arp-conflict", "the gateway's address, side by side", |i| claims(i, true)),
    behaviour("dns-tunnel", "iodine, recorded", |i| i.replay("ndpi/dns-tunnel-iodine.pcap")),
    behaviour("dns-tunnel", "iodine over CNAME, recorded", |i| {
        i.replay("dns-tunnel/tunnel/iodine-cname.pcap")
    }),
    behaviour("scan", "SYN scan, recorded", |i| i.replay("ndpi/synscan.pcap")),
    behaviour("arp-conflict", "poisoning, recorded", |i| i.replay("packets/arppoison.pcapng")),
    decoy("ordinary look-ups, recorded", |i| i.replay("dns-tunnel/normal/normal_00067_20230806152800.pcap")),
    decoy("a crawler, recorded", |i| i.replay("ndpi/bot.pcap")),
    decoy("backup to a server inside", |i| {
        let time = seconds(300_000_000.0 / i.speed());
        i.connection(0, 40_000, (SERVER, 445), 300_000_000, 200_000, time);
    }),
    decoy("backup to a cloud", |i| {
        let (server, time) = ((i.outside(), 443), seconds(300_000_000.0 / i.speed()));
        i.connection(0, 40_000, server, 300_000_000, 200_000, time);
    }),
    decoy("speed test", |i| {
        let server = (i.outside(), 443);
        i.connection(0, 40_000, server, 2000, 120_000_000, 10 * SECOND);
        i.connection(11 * SECOND, 40_001, server, 40_000_000, 2000, 10 * SECOND);
    }),
    decoy("video call", |i| {
        let server = (i.outside(), 3478);
        (0..3000_u32).for_each(|n| {
            let (at, up, down) =
                (i64::from(n) * SECOND / 50, 600 + i.random.below(500), 500 + i.random.below(500));
            i.datagram(at, (CLIENT, 50_000), server, &[0; 20], up as u32);
            i.datagram(at + 1, server, (CLIENT, 50_000), &[0; 20], down as u32);
        })
    }),
    decoy("NTP every 64 s", |i| {
        let server = (i.outside(), 123);
        (0..60).for_each(|n| {
            i.datagram(n * 64 * SECOND, (CLIENT, 123), server, &[0x23; 48], 0);
            i.datagram(n * 64 * SECOND + 1, server, (CLIENT, 123), &[0x24; 48], 0);
        })
    }),
    decoy("telemetry every minute", |i| {
        let server = (i.outside(), 443);
        (0..40_u16)
            .for_each(|n| i.connection(i64::from(n) * 60 * SECOND, 44_000 + n, server, 3000, 400, SECOND))
    }),
    decoy("browsing by chance", |i| {
        let server = (i.outside(), 443);
        let mut at = 0.0;
        for n in 0..60 {
            i.connection(seconds(at), 45_000 + n, server, 900, 30_000, SECOND);
            at -= 20.0 * (1.0 - i.random.unit()).ln();
        }
    }),
    decoy("peer-to-peer", |i| {
        (0..80).for_each(|n| {
            let peer = (somewhere(i), 10_000 + i.random.below(50_000) as u16);
            if n % 4 == 0 {
                i.connection(i64::from(n) * SECOND, 46_000 + n, peer, 900, 900, SECOND)
            } else {
                i.refused(i64::from(n) * SECOND, 46_000 + n, peer)
            }
        })
    }),
    decoy("peer-to-peer over UDP", |i| {
        (0..120).for_each(|n| {
            let peer = (somewhere(i), 1024 + i.random.below(38_000) as u16);
            i.knock(i64::from(n) * SECOND, peer, n % 5 == 0);
        })
    }),
    decoy("clocks that do not answer", |i| {
        (0..12).for_each(|n| i.knock(i64::from(n) * SECOND, ([185, 199, 4, n], 123), false))
    }),
    decoy("virus scanner's questions", |i| {
        (0..300).for_each(|n| {
            let name = format!("{}.h.avqs-example.com", i.letters(32));
            i.question(n * SECOND, &name);
        })
    }),
    decoy("content delivery network", |i| {
        (0..300).for_each(|n| {
            let name = format!("r{}---sn-{}.cdn-example.com", n % 9, i.letters(8));
            i.question(n * SECOND, &name);
        })
    }),
    decoy("monitoring pings", |i| {
        let to = i.outside();
        (0..300).for_each(|n| i.ping(i64::from(n) * SECOND, to, n, 56, 56))
    }),
    decoy("an inventory by ARP, most are there", |i| asks_around(i, 200, 150)),
    decoy("fail-over of the gateway", |i| claims(i, false)),
];

//! The detectors take any traffic: no panic, the same findings whatever the split, numbers that are numbers, filters that can
//! be read. Captures hardly ever reach a threshold by chance, so the input is instructions, of eight bytes each: what
//! to send, how often, how far apart in time, who to whom, and what changes from one packet to the next.
#![no_main]

use std::net::Ipv4Addr;

use libfuzzer_sys::fuzz_target;
use pcapviz_analysis::{Inside, Observations, findings};
use pcapviz_capture::{DissectOptions, Filter, LinkType, Packet, Timestamp, dissect};
use pcapviz_graph::FlowTable;
use pcapviz_testkit::frame::{Ethernet, Frame, Ipv4, Ipv6, Tcp, Udp, arp_request, icmp, vlan};

/// More packets are not needed to reach any threshold.
const ENOUGH: usize = 1200;

const SHARDS: usize = 3;

fuzz_target!(|bytes: &[u8]| {
    let mut all = Shard::default();
    let mut shards: [Shard; SHARDS] = Default::default();
    let (mut time, mut sent) = (0_i64, 0);
    for instruction in bytes.as_chunks::<8>().0 {
        for n in 0..instruction[1] {
            // From a millisecond to some hours.
            let step = i64::from(u16::from_be_bytes([instruction[2], instruction[3]])) * 1_000_000;
            time = time.saturating_add(step << (instruction[0] >> 4));
            let frame = frame(instruction, n);
            // What the snap length leaves of a large packet.
            let wire = frame.bytes().len() + usize::from(instruction[6]) * 200;
            all.see(time, &frame, wire);
            shards[(sent * 7 + usize::from(n)) % SHARDS].see(time, &frame, wire);
            sent += 1;
            if sent == ENOUGH {
                break;
            }
        }
    }
    let inside = Inside::default();
    let found = findings(&all.table, &all.observations, &inside);
    let [first, others @ ..] = shards;
    let whole = others.into_iter().rev().fold(first, |mut whole, shard| {
        whole.table.merge(shard.table);
        whole.observations.merge(shard.observations);
        whole
    });
    assert_eq!(found, findings(&whole.table, &whole.observations, &inside));
    for finding in found {
        assert!((0.0..=1.0).contains(&finding.score), "{finding:?}");
        assert!(finding.evidence.iter().all(|evidence| evidence.value.is_finite()), "{finding:?}");
        assert!(finding.sentence.contains("consistent with"), "{finding:?}");
        assert!(!finding.display_filter.is_empty(), "{finding:?}");
        // Empty where that language cannot say it, which selects all.
        Filter::parse(&finding.capture_filter).expect("our own filter");
    }
});

#[derive(Default)]
struct Shard {
    table: FlowTable,
    observations: Observations,
}

impl Shard {
    fn see(&mut self, time: i64, frame: &Frame, wire: usize) {
        let mut packet = Packet::new(LinkType::ETHERNET, frame.bytes());
        packet.timestamp = Some(Timestamp::from_nanos(time));
        packet.wire_len = wire as u32;
        let found = dissect(&packet, &DissectOptions::default());
        self.table.observe(0, &packet, &found);
        self.observations.observe(0, &packet, &found);
    }
}

/// The packet of that number of an instruction.
fn frame(&[kind, _, _, _, client, server, size, change]: &[u8; 8], n: u8) -> Frame {
    let is = |bit: u8| change >> bit & 1 == 1;
    let client_port = 40_000 + if is(0) { u16::from(n) } else { 0 };
    let server_port = 53 + if is(1) { u16::from(n) } else { 0 };
    let host = server.wrapping_add(if is(2) { n } else { 0 });
    let outside = if server & 128 == 0 { [10, 0, 1, host] } else { [203, 0, 113, host] };
    let (mut hosts, mut ports) = (([10, 0, 0, client % 8], outside), (client_port, server_port));
    if is(3) {
        (hosts, ports) = ((hosts.1, hosts.0), (ports.1, ports.0));
    }
    let carry = |inside: Frame| -> Frame {
        let packet = match is(4) {
            true => Ipv6::between(hosts.0[3].into(), hosts.1[3].into()).carry(inside),
            false => Ipv4::between(hosts.0, hosts.1).carry(inside),
        };
        tag(packet, is(5))
    };
    let tcp = |flags: u8| {
        let mut tcp = Tcp::ports(ports.0, ports.1).flags(flags);
        tcp.sequence = u32::from(n) * u32::from(size);
        carry(tcp.carry(&[]))
    };
    let udp = |payload: &[u8]| carry(Udp::ports(ports.0, ports.1).carry(payload));
    let number = if is(4) { 58 } else { 1 };
    let device = [2, 0, 0, 0, 0, client % 8];
    match kind % 10 {
        0 => tcp(2),
        1 => tcp(0x12),
        2 => tcp(0x18),
        3 => tcp(0x11),
        4 => tcp(0x14),
        5 => udp(&[7; 12]),
        6 => udp(&question(n, size)),
        7 => carry(icmp(number, if is(3) { 0 } else { 8 }, 0, &vec![n; usize::from(size)])),
        8 => carry(icmp(number, 3, 3, &[0; 32])),
        _ => {
            let target = if is(3) { hosts.0 } else { hosts.1 };
            let own = if is(6) { [10, 0, 0, 1] } else { [10, 0, 0, client % 8] };
            let message = arp_request(device, own.into(), Ipv4Addr::from(target));
            tag(if is(7) { message.patch(7, &[2]) } else { message }, is(5))
        }
    }
}

fn tag(inside: Frame, is_tagged: bool) -> Frame {
    let ethernet = Ethernet::default();
    if is_tagged { ethernet.carry(vlan(7).carry(inside)) } else { ethernet.carry(inside) }
}

/// A DNS message that asks for a name of its own, some of its letters hostile.
fn question(n: u8, size: u8) -> Vec<u8> {
    let label = size % 64;
    let mut message = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, label];
    message.extend((0..label).map(|i| if i % 5 == 0 { n } else { i ^ size }));
    message.extend(b"\x07example\x03");
    message.extend(if size & 64 == 0 { *b"com" } else { *b"\"\n)" });
    message.extend([0, 0, 16, 0, 1]);
    message
}

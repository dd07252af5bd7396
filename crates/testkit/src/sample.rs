//! The captures of `testdata/`, made packet by packet: small networks that show one thing each.

use std::net::Ipv4Addr;

use crate::capture::{Endian, Pcap, PcapNg, Record};
use crate::frame::{Ethernet, Frame, Ipv4, Tcp, Udp, arp_request, icmp, vlan, vxlan};

/// Every capture with its file name.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    vec![("office.pcap", office()), ("places.pcapng", places()), ("tunnel.pcap", tunnel())]
}

/// Records at growing times.
struct Clock {
    nanos: u64,
    records: Vec<Record>,
}

/// 2026-03-02T09:00:00Z.
const START: u64 = 1_772_442_000_000_000_000;

impl Clock {
    fn new() -> Self {
        Self { nanos: START, records: Vec::new() }
    }

    /// Adds a frame `millis` after the one before.
    fn after(&mut self, millis: u64, frame: &Frame) {
        self.nanos += millis * 1_000_000;
        self.records.push(Record::new(self.nanos, frame.bytes()));
    }
}

/// A machine: the last byte of its MAC address, and its IP address.
#[derive(Clone, Copy)]
struct Host(u8, Ipv4Addr);

const ROUTER: Host = Host(1, Ipv4Addr::new(192, 168, 1, 1));
const LAPTOP: Host = Host(10, Ipv4Addr::new(192, 168, 1, 10));
const DESKTOP: Host = Host(11, Ipv4Addr::new(192, 168, 1, 11));
const SERVER: Host = Host(20, Ipv4Addr::new(192, 168, 1, 20));
const PRINTER: Host = Host(30, Ipv4Addr::new(192, 168, 1, 30));
/// Hosts outside have the router's MAC address.
const WEB: Host = Host(1, Ipv4Addr::new(203, 0, 113, 80));
const MAIL: Host = Host(1, Ipv4Addr::new(198, 51, 100, 25));

fn packet(from: Host, to: Host, inside: impl Into<Frame>) -> Frame {
    Ethernet::between(from.0, to.0).carry(Ipv4::between(from.1, to.1).carry(inside))
}

/// An office: four machines and a router, DNS, web, mail, a file server, a printer.
fn office() -> Vec<u8> {
    let mut clock = Clock::new();
    for host in [LAPTOP, DESKTOP, SERVER, PRINTER] {
        let mac = [2, 0, 0, 0, 0, host.0];
        let asks = Ethernet { source: mac, destination: [0xff; 6] };
        clock.after(40, &asks.carry(arp_request(mac, host.1, ROUTER.1)));
    }
    for (client, port, name, of) in [
        (LAPTOP, 51000, "www.example.com", WEB),
        (DESKTOP, 51001, "www.example.com", WEB),
        (LAPTOP, 51002, "mail.example.net", MAIL),
        (LAPTOP, 51003, "files.office.example", SERVER),
        (DESKTOP, 51004, "printer.office.example", PRINTER),
    ] {
        let (asks, answers) = (Udp::ports(port, 53), Udp::ports(53, port));
        clock.after(30, &packet(client, ROUTER, asks.carry(dns(port, name, None))));
        clock.after(12, &packet(ROUTER, client, answers.carry(dns(port, name, Some(of.1)))));
    }
    let get = b"GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n".as_slice();
    for (client, server, port, up, down) in [
        (LAPTOP, WEB, 80, get, 30),
        (DESKTOP, WEB, 80, get, 12),
        (LAPTOP, MAIL, 25, b"EHLO laptop.office.example\r\n", 2),
        (LAPTOP, SERVER, 445, b"\0\0\0\x08\xfeSMB\0\0\0\0", 45),
        (DESKTOP, SERVER, 445, b"\0\0\0\x08\xfeSMB\0\0\0\0", 20),
        (DESKTOP, PRINTER, 9100, b"@PJL JOB\r\n", 1),
    ] {
        conversation(&mut clock, client, server, port, up, down);
    }
    clock.after(200, &packet(LAPTOP, ROUTER, icmp(1, 8, 0, &[0, 1, 0, 1])));
    clock.after(2, &packet(ROUTER, LAPTOP, icmp(1, 0, 0, &[0, 1, 0, 1])));
    Pcap::default().file(&clock.records)
}

/// A TCP connection with one request, and so many full segments of answer.
fn conversation(clock: &mut Clock, client: Host, server: Host, port: u16, up: &[u8], down: usize) {
    let ephemeral = 49152 + u16::from(client.0) * 16 + port % 16;
    // The next sequence number of each side.
    let (mut mine, mut theirs) = (1000, 5000);
    let mut send = |millis: u64, from_client: bool, flags: u8, payload: &[u8]| {
        let (from, to, ports, next, acknowledged) = if from_client {
            (client, server, (ephemeral, port), &mut mine, theirs)
        } else {
            (server, client, (port, ephemeral), &mut theirs, mine)
        };
        let tcp = Tcp { sequence: *next, acknowledged, flags, ..Tcp::ports(ports.0, ports.1) };
        *next += payload.len() as u32 + u32::from(flags & 0x03 != 0);
        clock.after(millis, &packet(from, to, tcp.carry(payload)));
    };
    send(80, true, 0x02, &[]);
    send(9, false, 0x12, &[]);
    send(1, true, 0x10, &[]);
    send(1, true, 0x18, up);
    for segment in 0..down {
        send(3, false, 0x10, &[0; 1400]);
        if segment % 2 == 1 {
            send(1, true, 0x10, &[]);
        }
    }
    send(5, true, 0x11, &[]);
    send(9, false, 0x11, &[]);
    send(1, true, 0x10, &[]);
}

/// One host that talks with addresses that MaxMind's test databases know: London, Linköping, Milton, Boxford.
fn places() -> Vec<u8> {
    let mut clock = Clock::new();
    for (octets, segments) in
        [([81, 2, 69, 142], 20), ([89, 160, 20, 112], 8), ([216, 160, 83, 56], 3), ([2, 125, 160, 216], 1)]
    {
        conversation(&mut clock, LAPTOP, Host(1, octets.into()), 443, &[0; 300], segments);
    }
    let pcapng = PcapNg::new(Endian::Little).interface(1, 65535, &[]);
    clock.records.iter().fold(pcapng, |file, record| file.enhanced(0, record, 1_000_000, &[])).bytes()
}

/// Two virtual machines behind a VXLAN tunnel in a tagged VLAN.
fn tunnel() -> Vec<u8> {
    let mut clock = Clock::new();
    for (from, to, port) in [(1, 2, 4000), (2, 1, 4000), (1, 2, 4001)] {
        let inner = Ethernet::between(0x40 + from, 0x40 + to).carry(
            Ipv4::between([10, 0, 0, from], [10, 0, 0, to]).carry(Udp::ports(port, 5000).carry(b"inside")),
        );
        let outer = Ipv4::between([192, 0, 2, from], [192, 0, 2, to])
            .carry(Udp::ports(40000, 4789).carry(vxlan(42).carry(inner)));
        clock.after(10, &Ethernet::between(from, to).carry(vlan(7).carry(outer)));
    }
    Pcap::default().file(&clock.records)
}

/// A DNS question for an A record, or its answer (RFC 1035).
fn dns(id: u16, name: &str, answer: Option<Ipv4Addr>) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend(if answer.is_some() { [0x81, 0x80, 0, 1, 0, 1] } else { [0x01, 0x00, 0, 1, 0, 0] });
    message.extend([0; 4]);
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    if let Some(address) = answer {
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4]);
        message.extend(address.octets());
    }
    message
}

#[cfg(test)]
mod tests {
    #[test]
    fn testdata_is_what_this_writes() {
        for (name, bytes) in super::all() {
            let path = format!("{}/../../testdata/{name}", env!("CARGO_MANIFEST_DIR"));
            let there = std::fs::read(&path).unwrap();
            assert!(there == bytes, "{name} is out of date: cargo run -p pcapviz-testkit --bin testdata");
        }
    }
}

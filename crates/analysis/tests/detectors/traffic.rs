//! Traffic that is made for a detector, packet by packet.

use std::net::Ipv4Addr;

use pcapviz_analysis::{Inside, Observations, findings};
use pcapviz_capture::{DissectOptions, LinkType, Packet, Timestamp, Tunnels, dissect};
use pcapviz_graph::{Finding, FlowTable};
use pcapviz_testkit::capture::{Pcap, Record};
use pcapviz_testkit::frame::{Ethernet, Frame, Ipv4, Tcp, Udp, arp_request, icmp};

pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST_ACK: u8 = 0x14;
pub(crate) const SYN_ACK: u8 = 0x12;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const FIN_ACK: u8 = 0x11;
pub(crate) const FIN: u8 = 0x01;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const URG: u8 = 0x20;
pub(crate) const ECE: u8 = 0x40;
pub(crate) const CWR: u8 = 0x80;

pub(crate) const CLIENT: [u8; 4] = [10, 0, 0, 5];
pub(crate) const INSIDE: [u8; 4] = [10, 0, 0, 9];
pub(crate) const OUTSIDE: [u8; 4] = [203, 0, 113, 7];

/// A second, in nanoseconds.
pub(crate) const S: i64 = 1_000_000_000;

/// Packets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic(pub(crate) Vec<Sent>);

/// A packet, with its time and its length on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) at: i64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) len: usize,
    /// Whether the client sent it; of ARP, whether it asks.
    pub(crate) is_up: bool,
    /// Which kinds of findings are about it.
    pub(crate) about: &'static [&'static str],
}

impl Sent {
    pub(crate) fn is_arp(&self) -> bool {
        self.bytes[TYPE] == [8, 6]
    }
}

/// Who talks to whom over TCP.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) client: ([u8; 4], u16),
    pub(crate) server: ([u8; 4], u16),
}

pub(crate) fn ends(client: [u8; 4], port: u16, server: [u8; 4], service: u16) -> Ends {
    Ends { client: (client, port), server: (server, service) }
}

pub(crate) fn mac(n: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, n]
}

/// Where things stand in an Ethernet frame with an IPv4 packet or ARP message.
const TYPE: std::ops::Range<usize> = 12..14;
const SOURCE: std::ops::Range<usize> = 26..30;
const DESTINATION: std::ops::Range<usize> = 30..34;
const PROTOCOL: usize = 23;
const OPERATION: usize = 21;

impl Traffic {
    pub(crate) fn frame(self, at: i64, frame: &Frame) -> Self {
        let len = frame.bytes().len();
        self.sent(at, frame.bytes().to_vec(), len)
    }

    fn sent(mut self, at: i64, bytes: Vec<u8>, len: usize) -> Self {
        let mut sent = Sent { at, bytes, len, is_up: false, about: &[] };
        sent.is_up = if sent.is_arp() { sent.bytes[OPERATION] == 1 } else { sent.bytes[SOURCE] == CLIENT };
        self.0.push(sent);
        self
    }

    /// A segment whose payload of this length is left out by the snap length.
    pub(crate) fn segment(
        self,
        at: i64,
        ends: Ends,
        up: bool,
        flags: u8,
        sequence: u32,
        payload: usize,
    ) -> Self {
        let ((from, source), (to, destination)) =
            if up { (ends.client, ends.server) } else { (ends.server, ends.client) };
        let mut tcp = Tcp::ports(source, destination).flags(flags);
        tcp.sequence = sequence;
        let frame =
            Ethernet::default().carry(Ipv4::between(from, to).carry(tcp.carry(&vec![0; payload][..])));
        let whole = frame.bytes();
        self.sent(at, whole[..whole.len().min(60)].to_vec(), whole.len())
    }

    /// A whole connection: so many bytes up and down, each sent so many times.
    pub(crate) fn connection(mut self, at: i64, ends: Ends, up: usize, down: usize, times: usize) -> Self {
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

    pub(crate) fn refused(self, at: i64, ends: Ends) -> Self {
        self.segment(at, ends, true, SYN, 1, 0).segment(at + 1, ends, false, RST_ACK, 0, 0)
    }

    pub(crate) fn datagram(self, at: i64, from: ([u8; 4], u16), to: ([u8; 4], u16), payload: usize) -> Self {
        let udp = Udp::ports(from.1, to.1).carry(&vec![7; payload][..]);
        self.frame(at, &Ethernet::default().carry(Ipv4::between(from.0, to.0).carry(udp)))
    }

    /// An ICMP message that nothing listens on that port, which quotes a datagram to it.
    pub(crate) fn unreachable(self, at: i64, (by, port): ([u8; 4], u16), to: [u8; 4]) -> Self {
        let quoted = Ipv4::between(to, by).carry(Udp::ports(40_000, port).carry(&[][..]));
        let message = [&[0; 4], quoted.bytes()].concat();
        self.frame(at, &Ethernet::default().carry(Ipv4::between(by, to).carry(icmp(1, 3, 3, &message))))
    }

    /// The client is answered to something else: the capture has both directions.
    pub(crate) fn heard(self) -> Self {
        self.datagram(-S, (CLIENT, 50_000), (INSIDE, 53), 20).datagram(-1, (INSIDE, 53), (CLIENT, 50_000), 20)
    }

    /// A question for a name.
    pub(crate) fn dns(self, at: i64, name: &str) -> Self {
        self.dns_message(at, name, true)
    }

    pub(crate) fn dns_message(self, at: i64, name: &str, is_question: bool) -> Self {
        let mut message = vec![0, 1, if is_question { 1 } else { 0x81 }, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.as_bytes());
        }
        message.extend([0, 0, 16, 0, 1]);
        let (hosts, udp) = match is_question {
            true => (Ipv4::between(CLIENT, INSIDE), Udp::ports(40_000, 53)),
            false => (Ipv4::between(INSIDE, CLIENT), Udp::ports(53, 40_000)),
        };
        self.frame(at, &Ethernet::default().carry(hosts.carry(udp.carry(&message[..]))))
    }

    pub(crate) fn ping(self, at: i64, number: u16, request: usize, reply: usize) -> Self {
        self.ping_of(at, 7, number, request, reply)
    }

    /// A ping with its identifier and number.
    pub(crate) fn ping_of(self, at: i64, id: u16, number: u16, request: usize, reply: usize) -> Self {
        let message = |len| [&id.to_be_bytes()[..], &number.to_be_bytes(), &vec![0; len]].concat();
        let there = Ipv4::between(CLIENT, OUTSIDE).carry(icmp(1, 8, 0, &message(request)));
        let back = Ipv4::between(OUTSIDE, CLIENT).carry(icmp(1, 0, 0, &message(reply)));
        self.frame(at, &Ethernet::default().carry(there)).frame(at + 1, &Ethernet::default().carry(back))
    }

    /// The device asks for an address, and says that the first is its own.
    pub(crate) fn asks(self, at: i64, device: [u8; 6], address: [u8; 4], target: [u8; 4]) -> Self {
        let ethernet = Ethernet { source: device, destination: [0xff; 6] };
        let question = arp_request(device, address.into(), Ipv4Addr::from(target));
        self.frame(at, &ethernet.carry(question))
    }

    /// The device tells who has the second address that the first is its own.
    pub(crate) fn answers(self, at: i64, device: [u8; 6], address: [u8; 4], to: [u8; 4]) -> Self {
        self.asks(at, device, address, to).patched(OPERATION, 2)
    }

    /// The last frame goes to this device alone.
    pub(crate) fn to(mut self, device: u8) -> Self {
        if let Some(last) = self.0.last_mut() {
            last.bytes[..6].copy_from_slice(&mac(device));
        }
        self
    }

    /// The device tells all that the address is its own.
    pub(crate) fn announces(self, at: i64, device: [u8; 6], address: [u8; 4]) -> Self {
        self.answers(at, device, address, address)
    }

    fn patched(mut self, place: usize, byte: u8) -> Self {
        if let Some(last) = self.0.last_mut() {
            last.bytes[place] = byte;
            last.is_up = false;
        }
        self
    }

    /// A datagram of one host that a device hands to another.
    pub(crate) fn carries(self, at: i64, devices: ([u8; 6], [u8; 6]), from: [u8; 4], to: [u8; 4]) -> Self {
        let ethernet = Ethernet { source: devices.0, destination: devices.1 };
        let udp = Udp::ports(9, 9).carry(&[0; 9][..]);
        self.frame(at, &ethernet.carry(Ipv4::between(from, to).carry(udp)))
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// What these findings are about.
    pub(crate) fn about(mut self, kinds: &'static [&'static str]) -> Self {
        self.0.iter_mut().for_each(|sent| sent.about = kinds);
        self
    }

    /// What goes up, or what goes down.
    pub(crate) fn one_way(mut self, up: bool) -> Self {
        self.0.retain(|sent| sent.is_up == up);
        self
    }

    /// So many times as fast.
    pub(crate) fn squeezed(mut self, times: i64) -> Self {
        self.0.iter_mut().for_each(|sent| sent.at /= times);
        self
    }

    /// Each packet behind as many VLAN tags, 7 and then 8, as `tags` says of it.
    pub(crate) fn tagged(self, tags: impl Fn(usize, &Sent) -> usize) -> Self {
        self.behind(|n, sent| {
            [&[0x81, 0, 0, 7][..], &[0x81, 0, 0, 8], &[0x81, 0, 0, 9]][..tags(n, sent)].concat()
        })
    }

    /// Each packet behind such bytes, which begin with an EtherType; `of` may leave it as it is.
    pub(crate) fn behind(mut self, of: impl Fn(usize, &Sent) -> Vec<u8>) -> Self {
        for (n, sent) in self.0.iter_mut().enumerate() {
            let header = of(n, sent);
            sent.len += header.len();
            sent.bytes.splice(12..12, header);
        }
        self
    }

    /// Each IPv4 packet in a PPPoE session (RFC 2516), instead of straight behind Ethernet.
    pub(crate) fn over_pppoe(self) -> Self {
        self.encapsulated(|len| {
            [&[0x88, 0x64, 0x11, 0, 0, 1][..], &(len + 2).to_be_bytes(), &[0, 0x21]].concat()
        })
    }

    /// Each behind as many MPLS labels (RFC 3032).
    pub(crate) fn over_mpls(self, labels: usize) -> Self {
        self.encapsulated(|_| {
            let stack = [[0, 0, 0x10, 64], [0, 0, 0x21, 64]];
            [&[0x88, 0x47][..], &stack[2 - labels..].concat()].concat()
        })
    }

    fn encapsulated(mut self, header: impl Fn(u16) -> Vec<u8>) -> Self {
        for sent in self.0.iter_mut().filter(|sent| sent.bytes[TYPE] == [8, 0]) {
            let header = header((sent.len - 14) as u16);
            sent.len += header.len() - 2;
            sent.bytes.splice(TYPE, header);
        }
        self
    }

    /// The same over IPv6, where it is over IPv4.
    pub(crate) fn over_ipv6(mut self) -> Self {
        let address = |v4: &[u8]| {
            let network = if v4[0] == 10 { [0xfd, 0, 0, 0] } else { [0x26, 0x06, 0x47, 0] };
            [&network[..], &[0; 8], v4].concat()
        };
        for sent in self.0.iter_mut().filter(|sent| sent.bytes[TYPE] == [8, 0]) {
            let mut inside = sent.bytes.split_off(34);
            let protocol = match sent.bytes[PROTOCOL] {
                1 => {
                    // ICMPv6's numbers of echoes and of what is unreachable.
                    let message = match inside[..2] {
                        [8, _] => [128, 0],
                        [0, _] => [129, 0],
                        _ => [1, 4],
                    };
                    inside[..2].copy_from_slice(&message);
                    // What an error message quotes is over IPv6 too.
                    if message == [1, 4] {
                        let quoted = inside.split_off(8);
                        let (from, to) = (address(&quoted[12..16]), address(&quoted[16..20]));
                        let header = [0x60, 0, 0, 0, 0, 8, quoted[9], 64];
                        inside = [&inside[..], &header, &from, &to, &quoted[20..]].concat();
                        sent.len += 20;
                    }
                    58
                }
                other => other,
            };
            let len = (sent.len - 34) as u16;
            let header = [&[0x60, 0, 0, 0][..], &len.to_be_bytes(), &[protocol, 64]].concat();
            let (from, to) = (address(&sent.bytes[SOURCE]), address(&sent.bytes[DESTINATION]));
            sent.bytes = [&sent.bytes[..12], &[0x86, 0xdd], &header, &from, &to, &inside].concat();
            sent.len += 20;
        }
        self
    }

    /// Each IPv6 packet with options for each hop in front of what it carries.
    pub(crate) fn extended(mut self) -> Self {
        for sent in self.0.iter_mut().filter(|sent| sent.bytes[TYPE] == [0x86, 0xdd]) {
            let len = u16::from_be_bytes([sent.bytes[18], sent.bytes[19]]) + 8;
            sent.bytes[18..20].copy_from_slice(&len.to_be_bytes());
            let next = std::mem::replace(&mut sent.bytes[20], 0);
            sent.bytes.splice(54..54, [next, 0, 1, 4, 0, 0, 0, 0]);
            sent.len += 8;
        }
        self
    }

    /// The same inside another IPv4 packet, where it is over IPv4.
    pub(crate) fn tunnelled(mut self) -> Self {
        for sent in self.0.iter_mut().filter(|sent| sent.bytes[TYPE] == [8, 0]) {
            let outer = Ipv4::between([192, 0, 2, 1], [192, 0, 2, 2]).carry(&[]).announced_as(0, 4);
            let len = (sent.len - 14 + 20) as u16;
            let outer = outer.patch(2, &len.to_be_bytes()).patch(9, &[4]);
            sent.bytes.splice(14..14, outer.bytes().iter().copied());
            sent.len += 20;
        }
        self
    }

    /// A capture file of it, from a time after 1970 on.
    pub(crate) fn capture(&self) -> Vec<u8> {
        let record = |sent: &Sent| {
            let mut record = Record::new((sent.at + 1_000_000 * S) as u64, &sent.bytes);
            record.wire_len = sent.len as u32;
            record
        };
        let records: Vec<Record> = self.0.iter().map(record).collect();
        Pcap::default().file(&records)
    }
}

pub(crate) fn repeat(times: u16, of: impl Fn(Traffic, u16) -> Traffic) -> Traffic {
    (0..times).fold(Traffic::default(), of)
}

/// What the flow table and the observers make of packets.
pub(crate) fn observe<'a>(
    packets: impl IntoIterator<Item = &'a Sent>,
    tunnels: Tunnels,
) -> (FlowTable, Observations) {
    let (mut table, mut observations) = (FlowTable::new(), Observations::default());
    observe_into(&mut table, &mut observations, 0, packets, tunnels);
    (table, observations)
}

fn observe_into<'a>(
    table: &mut FlowTable,
    observations: &mut Observations,
    capture: u32,
    packets: impl IntoIterator<Item = &'a Sent>,
    tunnels: Tunnels,
) {
    let mut options = DissectOptions::default();
    options.tunnels = tunnels;
    for sent in packets {
        let mut packet = Packet::new(LinkType::ETHERNET, &sent.bytes);
        packet.timestamp = Some(Timestamp::from_nanos(sent.at));
        packet.wire_len = sent.len as u32;
        let found = dissect(&packet, &options);
        table.observe(capture, &packet, &found);
        observations.observe(capture, &packet, &found);
    }
}

/// What is found in captures that are given together.
pub(crate) fn find_in_captures(captures: &[Traffic]) -> Vec<Finding> {
    let (mut table, mut observations) = (FlowTable::new(), Observations::default());
    for (n, capture) in captures.iter().enumerate() {
        observe_into(&mut table, &mut observations, n as u32, &capture.0, Tunnels::Outer);
    }
    findings(&table, &observations, &Inside::default())
}

pub(crate) fn find(traffic: &Traffic) -> Vec<Finding> {
    find_in(traffic, Tunnels::Outer)
}

pub(crate) fn find_in(traffic: &Traffic, tunnels: Tunnels) -> Vec<Finding> {
    let (table, observations) = observe(&traffic.0, tunnels);
    findings(&table, &observations, &Inside::default())
}

/// What is found: severities and kinds, sorted.
#[track_caller]
pub(crate) fn check(name: &str, traffic: &Traffic, expected: &[&str]) {
    assert_eq!(kinds(&find(traffic)), expected, "{name}");
}

pub(crate) fn kinds(found: &[Finding]) -> Vec<String> {
    let mut kinds: Vec<String> = found.iter().map(|f| format!("{} {}", f.severity, f.kind)).collect();
    kinds.sort_unstable();
    kinds
}

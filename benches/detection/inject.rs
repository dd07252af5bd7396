//! Packets to put into a capture.

use std::collections::BTreeMap;

use pcapviz_core::capture::{CaptureReader, LinkType};
use pcapviz_core::graph::{MacAddr, NodeId};
use pcapviz_testkit::shared;

use crate::base::Base;
use crate::chance::Random;
use crate::header::{Flow, Header, Kind};

/// Packets with their times from the capture's start and their lengths on the wire.
pub(crate) struct Injected<'b> {
    pub(crate) packets: Vec<(i64, Vec<u8>, u32)>,
    /// What was drawn by chance, and how it came out: port, rate, destination, loss.
    pub(crate) drawn: Vec<(&'static str, &'static str)>,
    pub(crate) random: Random,
    /// Whether its packets were recorded, headers included.
    pub(crate) is_recorded: bool,
    base: &'b Base,
    loss: f64,
    /// Of which of the capture's own hosts each host has its flows.
    models: BTreeMap<(Kind, [u8; 4]), Option<&'b [Flow]>>,
    flows: BTreeMap<crate::header::Key, Sent>,
}

/// A flow that is put in, by the example of one of the capture's own.
struct Sent {
    example: Flow,
    packets: usize,
    last_id: u16,
}

pub(crate) const CLIENT: [u8; 4] = [10, 213, 7, 66];
pub(crate) const SERVER: [u8; 4] = [10, 213, 9, 5];
const RESOLVER: [u8; 4] = [10, 213, 7, 1];
pub(crate) const SECOND: i64 = 1_000_000_000;

/// The device of an inside host; all that is outside is behind the gateway.
pub(crate) fn device(host: [u8; 4]) -> [u8; 6] {
    let is_inside = host[..2] == CLIENT[..2];
    [2, 0, 0, 0, 0, if is_inside { host[3] } else { 1 }]
}

impl<'b> Injected<'b> {
    pub(crate) fn new(base: &'b Base, random: &mut Random) -> Self {
        let mut injected = Self {
            packets: Vec::new(),
            drawn: Vec::new(),
            random: Random(random.next()),
            is_recorded: false,
            base,
            loss: 0.0,
            models: BTreeMap::new(),
            flows: BTreeMap::new(),
        };
        injected.loss = injected.draw("loss", &[("none", 0.0), ("1 %", 0.01), ("5 %", 0.05)]);
        injected
    }

    /// Whether a finding about this node is about what was put in: about the client, or about anybody where the
    /// packets were recorded, since the captures give no alert by themselves.
    pub(crate) fn concerns(&self, node: NodeId) -> bool {
        let client = [NodeId::Host(CLIENT.into()), NodeId::Device(MacAddr(device(CLIENT)))];
        self.is_recorded || client.contains(&node)
    }

    /// One of these, which is written down.
    pub(crate) fn draw<T: Copy>(&mut self, what: &'static str, choices: &[(&'static str, T)]) -> T {
        let (name, value) = choices[self.random.below(choices.len() as u64) as usize];
        self.drawn.push((what, name));
        value
    }

    /// A port that services have.
    pub(crate) fn port(&mut self) -> u16 {
        self.draw("port", &[("443", 443), ("22", 22), ("8080", 8080), ("4444", 4444)])
    }

    /// Seconds from one to the next of many small things.
    pub(crate) fn pause(&mut self) -> f64 {
        self.draw("rate", &[("slow", 20.0), ("middling", 1.0), ("fast", 0.01)])
    }

    /// Bytes in a second.
    pub(crate) fn speed(&mut self) -> f64 {
        self.draw("rate", &[("slow", 2e4), ("middling", 1e6), ("fast", 1e8)])
    }

    /// A host outside that nobody else talks to, or one of those that the capture has.
    pub(crate) fn outside(&mut self) -> [u8; 4] {
        let new = [185, 199, 3, 9];
        if self.base.outside.is_empty() {
            return new;
        }
        let is_known = self.draw("destination", &[("new", false), ("known", true)]);
        let known = self.random.one_of(&self.base.outside).map(|ip| ip.octets());
        known.filter(|_| is_known).unwrap_or(new)
    }

    fn ip(&mut self, at: i64, from: [u8; 4], to: [u8; 4], protocol: u8, inside: &[u8], more: u32) {
        let mut bytes = [&device(to)[..], &device(from), &[8, 0, 0x45, 0]].concat();
        bytes.extend(((20 + inside.len() as u32 + more) as u16).to_be_bytes());
        bytes.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
        bytes.extend(from);
        bytes.extend(to);
        bytes.extend(inside);
        self.as_its_flow(&mut bytes);
        let wire = bytes.len() as u32 + more;
        self.send(at, bytes, wire);
    }

    /// Sets what the example of the packet's flow has: time to live, identification, segment size.
    fn as_its_flow(&mut self, bytes: &mut [u8]) {
        let Some((key, header)) = Header::of(bytes) else { return };
        let (base, random, models) = (self.base, &mut self.random, &mut self.models);
        let sent = self.flows.entry(key).or_insert_with(|| {
            let kind = header.kind();
            let model = models.entry((kind, key.source)).or_insert_with(|| base.sender(kind, random));
            let example = model.and_then(|flows| random.one_of(flows)).cloned();
            let id = random.below(65_536) as u16;
            let example = example.unwrap_or_else(|| Flow::new(Header { id, ..header }));
            Sent { example, packets: 0, last_id: id }
        });
        sent.last_id = sent.example.id(sent.packets, sent.last_id, random);
        sent.packets += 1;
        bytes[18..20].copy_from_slice(&sent.last_id.to_be_bytes());
        bytes[22] = sent.example.header.ttl;
        if let (Some(_), Some(size)) = (header.segment_size, sent.example.header.segment_size) {
            bytes[56..58].copy_from_slice(&size.to_be_bytes());
        }
    }

    fn send(&mut self, at: i64, bytes: Vec<u8>, wire: u32) {
        if self.random.unit() >= self.loss {
            self.packets.push((at, bytes, wire));
        }
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
        let words = if flags & 2 != 0 { 6 } else { 5 };
        tcp.extend([0, 0, 0, 0, words << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        if words == 6 {
            let [a, b] = 1460_u16.to_be_bytes();
            tcp.extend([2, 4, a, b]);
        }
        self.ip(at, from.0, to.0, 6, &tcp, payload);
    }

    /// A connection over so much time; many bytes go in segments as large as segmentation offload makes them.
    pub(crate) fn connection(
        &mut self,
        at: i64,
        port: u16,
        server: ([u8; 4], u16),
        up: u64,
        down: u64,
        time: i64,
    ) {
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

    pub(crate) fn refused(&mut self, at: i64, port: u16, server: ([u8; 4], u16)) {
        self.segment(at, (CLIENT, port), server, 0x02, 99, 0);
        if self.random.below(2) == 0 {
            self.segment(at + 1, server, (CLIENT, port), 0x14, 0, 0);
        }
    }

    /// A datagram of the client's, or to it, with so many bytes; the first 20 are in the capture.
    pub(crate) fn datagram(
        &mut self,
        at: i64,
        from: ([u8; 4], u16),
        to: ([u8; 4], u16),
        payload: &[u8],
        more: u32,
    ) {
        let mut udp = Vec::new();
        udp.extend(from.1.to_be_bytes());
        udp.extend(to.1.to_be_bytes());
        udp.extend((8 + payload.len() as u16 + more as u16).to_be_bytes());
        udp.extend([0, 0]);
        udp.extend(payload);
        self.ip(at, from.0, to.0, 17, &udp, more);
    }

    /// A datagram that nobody answers, or that is refused.
    pub(crate) fn knock(&mut self, at: i64, server: ([u8; 4], u16), is_refused: bool) {
        self.datagram(at, (CLIENT, 43_000), server, &[0; 12], 0);
        if is_refused {
            // Port unreachable (RFC 792); what it quotes is left out by the snap length.
            self.ip(at + 1, server.0, CLIENT, 1, &[3, 3, 0, 0, 0, 0, 0, 0], 28);
        }
    }

    pub(crate) fn question(&mut self, at: i64, name: &str) {
        let mut message = vec![1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(label.len() as u8);
            message.extend(label.as_bytes());
        }
        message.extend([0, 0, 1, 0, 1]);
        self.datagram(at, (CLIENT, 41_000), (RESOLVER, 53), &message, 0);
        message[2] |= 0x80;
        self.datagram(at + 1, (RESOLVER, 53), (CLIENT, 41_000), &message, 16);
    }

    pub(crate) fn ping(&mut self, at: i64, to: [u8; 4], number: u16, up: u32, down: u32) {
        let [a, b] = number.to_be_bytes();
        self.ip(at, CLIENT, to, 1, &[8, 0, 0, 0, 0, 9, a, b], up);
        self.ip(at + 1, to, CLIENT, 1, &[0, 0, 0, 0, 0, 9, a, b], down);
    }

    /// A device asks all for an address (1), or tells who has that address (2) that the first is its own.
    pub(crate) fn arp(&mut self, at: i64, by: [u8; 4], operation: u8, own: [u8; 4], other: [u8; 4]) {
        let to = if operation == 1 { [0xff; 6] } else { device(other) };
        let header = [0, 1, 8, 0, 6, 4, 0, operation];
        let bytes =
            [&to[..], &device(by), &[8, 6], &header, &device(by), &own, &[0; 6], &other, &[0; 18]].concat();
        let wire = bytes.len() as u32;
        self.send(at, bytes, wire);
    }

    /// What was recorded elsewhere, in a capture of the corpus; nothing on a machine without it.
    pub(crate) fn replay(&mut self, capture: &str) {
        self.is_recorded = true;
        let Some(mut reader) =
            shared("captures").and_then(|all| CaptureReader::open(&all.join(capture)).ok())
        else {
            return;
        };
        let mut first = None;
        while let Ok(Some(packet)) = reader.next_packet() {
            if let (Some(time), LinkType::ETHERNET) = (packet.timestamp, packet.link_type) {
                let at = time.as_nanos() - *first.get_or_insert(time.as_nanos());
                self.send(at, packet.captured.to_vec(), packet.wire_len);
            }
        }
    }

    pub(crate) fn letters(&mut self, len: u64) -> String {
        (0..len).map(|_| char::from(b'a' + self.random.below(26) as u8)).collect()
    }
}

//! TLS ClientHellos that do not fit one packet: over several TCP segments in order, or several QUIC datagrams
//! in any.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use super::text::folded;
use super::tls::{Hello, hello_in_records, server_name_in};
use super::{Named, Sighting};
use crate::{Application, Pair, Protocol, Timestamp, Transport};

/// Packets of the capture within which a hello has to come to its end: a client sends all of it at once.
const REACH: u64 = 1024;

/// The longest stretch of a TCP stream kept: no browser's hello has a quarter of it.
const MAX_HELLO: usize = 1 << 14;

/// Joins TLS ClientHellos that span TCP segments, as long as these are in order and not far apart in the
/// capture.
///
/// Each part of a capture has its own window, and windows of parts that follow each other [join](Self::join): what
/// is seen is the same however the capture was cut.
#[derive(Clone, Debug, Default)]
pub struct HelloWindow {
    /// Packets so far.
    packets: u64,
    /// Hellos by the segment that they go on in.
    open: HashMap<Segment, Vec<Open>, RandomState>,
    /// When they are given up, the earliest first.
    deadlines: VecDeque<(u64, Segment)>,
    /// The segments among the first packets, each with its packet's number: hellos of the part before may go on in
    /// them. `None` where there is no part before.
    head: Option<Vec<Held>>,
}

/// A TCP segment, by where it is from and what it starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Segment {
    addresses: Pair<IpAddr>,
    ports: Pair<u16>,
    sequence: u32,
}

/// A hello that is not whole.
#[derive(Clone, Debug)]
struct Open {
    /// The packet that it began in.
    since: u64,
    /// The stream from the hello's record on.
    bytes: Vec<u8>,
}

/// A segment that was kept.
#[derive(Clone, Debug)]
struct Held {
    packet: u64,
    segment: Segment,
    time: Option<Timestamp>,
    bytes: Vec<u8>,
}

impl Segment {
    fn of(application: &Application<'_>) -> Self {
        let ports = application.ports;
        Self { addresses: application.addresses, ports: ports.ports, sequence: ports.tcp_sequence }
    }

    /// The one after so many bytes.
    fn after(self, len: usize) -> Self {
        Self { sequence: self.sequence.wrapping_add(len as u32), ..self }
    }
}

impl HelloWindow {
    /// A window for a part of a capture that is not the first.
    pub fn of_later_part() -> Self {
        Self { head: Some(Vec::new()), ..Self::default() }
    }

    /// Takes in the next packet of the capture, which may have an application's payload. Next to nothing for
    /// packets while no hello is open.
    #[inline]
    pub fn observe(
        &mut self,
        time: Option<Timestamp>,
        application: Option<&Application<'_>>,
        see: impl FnMut(Option<Timestamp>, Sighting<'_>),
    ) {
        let is_idle = self.is_idle();
        self.packets += 1;
        let Some(application) = application.filter(|a| a.ports.transport == Transport::Tcp) else { return };
        let may_begin = application.payload.first() == Some(&super::tls::HANDSHAKE);
        if may_begin || !is_idle {
            self.observe_segment(time, application, see);
        }
    }

    /// Whether no hello may go on in the next packet: one that begins none may be [passed over](Self::pass_over).
    #[inline]
    pub fn is_idle(&self) -> bool {
        let is_head = self.packets < REACH && self.head.is_some();
        !is_head && self.open.is_empty()
    }

    /// The same as to [observe](Self::observe) a packet that begins no hello while the window [is idle](Self::is_idle).
    #[inline]
    pub fn pass_over(&mut self) {
        self.packets += 1;
    }

    fn observe_segment(
        &mut self,
        time: Option<Timestamp>,
        application: &Application<'_>,
        mut see: impl FnMut(Option<Timestamp>, Sighting<'_>),
    ) {
        // What the snap length cut off is missing in the middle.
        let payload = application.payload;
        if payload.is_empty() || payload.len() != application.ports.payload_len as usize {
            return;
        }
        let segment = Segment::of(application);
        if let Some(head) = self.head.as_mut().filter(|_| self.packets <= REACH) {
            let bytes = payload[..payload.len().min(MAX_HELLO)].to_vec();
            head.push(Held { packet: self.packets, segment, time, bytes });
        }
        self.forget(self.packets);
        self.go_on(segment, self.packets, payload, |sighting| see(time, sighting));
        if hello_in_records(payload) == Hello::GoesOn {
            self.keep(segment.after(payload.len()), Open { since: self.packets, bytes: payload.to_vec() });
        }
    }

    /// Goes on with the hellos that awaited this segment.
    fn go_on(&mut self, segment: Segment, packet: u64, payload: &[u8], mut see: impl FnMut(Sighting<'_>)) {
        let Some(awaiting) = self.open.remove(&segment) else { return };
        for mut open in awaiting.into_iter().filter(|open| packet - open.since <= REACH) {
            open.bytes.extend_from_slice(&payload[..payload.len().min(MAX_HELLO)]);
            match hello_in_records(&open.bytes) {
                Hello::GoesOn => self.keep(segment.after(payload.len()), open),
                Hello::Asks(name) => {
                    if let Some(name) = folded(&name) {
                        let of = Named::Host(segment.addresses.destination);
                        see(Sighting::Name { of, name: &name, protocol: Protocol::Tls });
                    }
                }
                Hello::None => {}
            }
        }
    }

    fn keep(&mut self, awaited: Segment, open: Open) {
        if open.bytes.len() < MAX_HELLO {
            self.deadlines.push_back((open.since + REACH, awaited));
            self.open.entry(awaited).or_default().push(open);
        }
    }

    /// Gives up what has waited too long before this packet.
    fn forget(&mut self, packet: u64) {
        // Hellos that went on stand behind younger ones: they are given up a little later, and not looked at.
        while let Some((deadline, awaited)) = self.deadlines.front().copied()
            && deadline < packet
        {
            self.deadlines.pop_front();
            if let Some(awaiting) = self.open.get_mut(&awaited) {
                awaiting.retain(|open| open.since + REACH >= packet);
                if awaiting.is_empty() {
                    self.open.remove(&awaited);
                }
            }
        }
    }

    /// Adds the window of the part that follows: hellos may have gone on there.
    pub fn join(&mut self, next: Self, mut see: impl FnMut(Option<Timestamp>, Sighting<'_>)) {
        let before = self.packets;
        for held in next.head.iter().flatten() {
            self.go_on(held.segment, before + held.packet, &held.bytes, |sighting| see(held.time, sighting));
        }
        if let Some(head) = &mut self.head {
            let more = next.head.into_iter().flatten();
            let more = more.map(|held| Held { packet: before + held.packet, ..held });
            head.extend(more.filter(|held| held.packet <= REACH));
        }
        self.packets += next.packets;
        for (awaited, open) in next.open {
            for open in open {
                self.keep(awaited, Open { since: before + open.since, ..open });
            }
        }
        self.deadlines.make_contiguous().sort_by_key(|(deadline, _)| *deadline);
        self.forget(self.packets);
    }
}

/// A QUIC connection as its client began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuicConnection {
    /// From the client to the server.
    pub addresses: Pair<IpAddr>,
    /// The same.
    pub ports: Pair<u16>,
    /// The connection ID that the client chose for the server, and its length.
    pub id: ([u8; 20], u8),
}

/// Pieces of ClientHellos that span QUIC datagrams, joined once all have been seen.
///
/// Commutative and bounded: it keeps the 1024 lowest connections, and of each the 32 lowest pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuicHellos {
    pieces: BTreeMap<QuicConnection, Pieces>,
    left_out: u64,
}

/// Pieces by their place, and when the latest came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Pieces {
    pieces: BTreeSet<(u32, Vec<u8>)>,
    latest: Option<Timestamp>,
}

const MOST_CONNECTIONS: usize = 1024;
const MOST_PIECES: usize = 32;

impl QuicHellos {
    /// Takes in a [piece](Sighting::HelloPiece); anything else is none of its. O(log pieces).
    pub fn observe(&mut self, time: Option<Timestamp>, sighting: Sighting<'_>) {
        if let Sighting::HelloPiece { connection, offset, bytes } = sighting {
            self.insert(*connection, (offset, bytes.to_vec()), time);
        }
    }

    fn insert(&mut self, connection: QuicConnection, piece: (u32, Vec<u8>), time: Option<Timestamp>) {
        let of_one = self.pieces.entry(connection).or_default();
        of_one.pieces.insert(piece);
        of_one.latest = of_one.latest.max(time);
        if of_one.pieces.len() > MOST_PIECES && of_one.pieces.pop_last().is_some() {
            self.left_out += 1;
        }
        if self.pieces.len() > MOST_CONNECTIONS && self.pieces.pop_last().is_some() {
            self.left_out += 1;
        }
    }

    /// Adds another's.
    pub fn merge(&mut self, other: Self) {
        self.left_out += other.left_out;
        for (connection, pieces) in other.pieces {
            for piece in pieces.pieces {
                self.insert(connection, piece, pieces.latest);
            }
        }
    }

    /// The server names that the joined hellos ask for.
    pub fn names(&self, mut see: impl FnMut(Option<Timestamp>, Sighting<'_>)) {
        for (connection, Pieces { pieces, latest }) in &self.pieces {
            let pieces = pieces.iter().map(|(offset, bytes)| (*offset as usize, bytes.clone())).collect();
            if let Some(name) = server_name_in(&super::quic::joined(pieces)).and_then(folded) {
                let of = Named::Host(connection.addresses.destination);
                see(*latest, Sighting::Name { of, name: &name, protocol: Protocol::Quic });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Ports;

    /// A ClientHello for the name, in one record.
    fn hello(name: &str) -> Vec<u8> {
        let len = |n: usize| (n as u16).to_be_bytes();
        let name = [&[0][..], &len(name.len()), name.as_bytes()].concat();
        let list = [&len(name.len())[..], &name].concat();
        // Something large before it, as key shares are.
        let filler = [&[0, 51][..], &len(600), &[7; 600]].concat();
        let extensions = [&filler[..], &[0, 0], &len(list.len()), &list].concat();
        let body =
            [&[3, 3][..], &[9; 32], &[0, 0, 2, 19, 1, 1, 0], &len(extensions.len()), &extensions].concat();
        let message = [&[1, 0][..], &len(body.len()), &body].concat();
        [&[22, 3, 1][..], &len(message.len()), &message].concat()
    }

    /// Client, sequence number and payload of one segment.
    type Sent = (u8, u32, Vec<u8>);

    fn with<R>((client, sequence, payload): &Sent, then: impl FnOnce(&Application<'_>) -> R) -> R {
        let addresses =
            Pair { source: IpAddr::from([10, 0, 0, *client]), destination: [192, 0, 2, 1].into() };
        let ports = Pair { source: 1000 + u16::from(*client), destination: 443 };
        let transport = Transport::Tcp;
        let payload_len = payload.len() as u32;
        let ports = Ports { ports, transport, tcp_flags: 0, tcp_sequence: *sequence, payload_len };
        then(&Application { addresses, ports, payload })
    }

    /// What is seen where the packets are read in these parts.
    fn seen(parts: &[&[Sent]]) -> Vec<String> {
        let mut names = Vec::new();
        let mut see = |_, sighting: Sighting<'_>| {
            if let Sighting::Name { name, .. } = sighting {
                names.push(name.to_owned());
            }
        };
        let mut whole: Option<HelloWindow> = None;
        for part in parts {
            let mut window =
                if whole.is_some() { HelloWindow::of_later_part() } else { HelloWindow::default() };
            for sent in *part {
                with(sent, |application| {
                    // Both do the same where either may be done.
                    if window.is_idle() && application.payload.first() != Some(&super::super::tls::HANDSHAKE)
                    {
                        window.pass_over();
                    } else {
                        window.observe(None, Some(application), &mut see);
                    }
                });
            }
            match &mut whole {
                None => whole = Some(window),
                Some(whole) => whole.join(window, &mut see),
            }
        }
        names.sort();
        names
    }

    #[test]
    fn joins_segments_in_order() {
        let hello = hello("a.example");
        let cut = |at: usize| (hello[..at].to_vec(), hello[at..].to_vec());
        let (first, second) = cut(500);
        let (middle, last) = second.split_at(100);
        let noise: Vec<Sent> = (0..REACH as u32).map(|n| (9, n, vec![0])).collect();
        let case = |sent: Vec<Sent>| sent;
        for (sent, expected) in [
            (case(vec![(1, 7, first.clone()), (1, 507, second.clone())]), 1),
            (case(vec![(1, u32::MAX - 9, first.clone()), (1, 490, second.clone())]), 1),
            (case(vec![(1, 7, first.clone()), (1, 507, middle.to_vec()), (1, 607, last.to_vec())]), 1),
            // Out of order, another connection, a gap.
            (case(vec![(1, 507, second.clone()), (1, 7, first.clone())]), 0),
            (case(vec![(1, 7, first.clone()), (2, 507, second.clone())]), 0),
            (case(vec![(1, 7, first.clone()), (1, 607, last.to_vec())]), 0),
            // Each segment twice: the hello began twice.
            (case(vec![(1, 7, first.clone()), (1, 7, first.clone()), (1, 507, second.clone())]), 2),
            (
                case(
                    [vec![(1, 7, first.clone())], noise[1..].to_vec(), vec![(1, 507, second.clone())]]
                        .concat(),
                ),
                1,
            ),
            (case([vec![(1, 7, first.clone())], noise.clone(), vec![(1, 507, second.clone())]].concat()), 0),
            // What is whole is not ours to report.
            (case(vec![(1, 7, hello.clone())]), 0),
        ] {
            let short: Vec<_> = sent.iter().take(4).map(|(c, s, p)| (c, s, p.len())).collect();
            assert_eq!(seen(&[&sent]), vec!["a.example"; expected], "{short:?}");
            for at in [0, 1, sent.len() / 2, sent.len() - 1, sent.len()] {
                let (a, b) = sent.split_at(at);
                assert_eq!(seen(&[a, b]), vec!["a.example"; expected], "{short:?} cut at {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_cut_sees_the_same(
            steps in prop::collection::vec((1..4_u8, 0..4_usize), 0..40),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        ) {
            // Each client sends a piece of its hello, whichever it may be.
            let sent: Vec<Sent> = steps
                .iter()
                .map(|&(client, piece)| {
                    let hello = hello(&format!("c{client}.example"));
                    let ends = [0, 300, 500, 650, hello.len()];
                    (client, ends[piece] as u32, hello[ends[piece]..ends[piece + 1]].to_vec())
                })
                .collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(sent.len() + 1)).collect();
            cuts.extend([0, sent.len()]);
            cuts.sort();
            let parts: Vec<&[Sent]> = cuts.windows(2).map(|cut| &sent[cut[0]..cut[1]]).collect();
            prop_assert_eq!(seen(&parts), seen(&[&sent]));
        }

        #[test]
        fn pieces_of_datagrams_add_up_in_any_order(
            order in Just((0..6_usize).collect::<Vec<_>>()).prop_shuffle(),
            cut in 0..=6_usize,
        ) {
            let message = hello("q.example").split_off(5);
            let pieces: Vec<(u32, &[u8])> =
                message.chunks(message.len().div_ceil(6)).scan(0, |at, piece| {
                    *at += piece.len() as u32;
                    Some((*at - piece.len() as u32, piece))
                }).collect();
            let addresses = Pair { source: IpAddr::from([10, 0, 0, 1]), destination: [192, 0, 2, 1].into() };
            let connection = QuicConnection { addresses, ports: Pair { source: 1, destination: 443 }, id: ([1; 20], 8) };
            let gather = |which: &[usize]| {
                let mut hellos = QuicHellos::default();
                for &i in which {
                    let (offset, bytes) = pieces[i];
                    hellos.observe(None, Sighting::HelloPiece { connection: &connection, offset, bytes });
                }
                hellos
            };
            let mut whole = gather(&order[..cut]);
            whole.merge(gather(&order[cut..]));
            prop_assert_eq!(&whole, &gather(&order));
            let mut names = Vec::new();
            whole.names(|_, sighting| names.push(format!("{sighting:?}")));
            prop_assert_eq!(names.len(), 1);
            prop_assert!(names[0].contains("q.example"));
        }
    }
}

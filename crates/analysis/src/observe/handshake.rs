use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use pcapviz_capture::{Dissection, Packet, Pair, Timestamp};
use pcapviz_graph::Sampled;
use smallvec::SmallVec;

use super::bounded::{Bounded, Grouped, Merge};
use crate::address::hash_hosts;

/// When TCP connections were asked for, and where their sequence numbers begin and end.
#[derive(Clone, Debug)]
pub(crate) struct Handshakes(Bounded<Connection, Handshake>);

/// One direction of a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Connection {
    pub(crate) hosts: Pair<IpAddr>,
    pub(crate) ports: Pair<u16>,
}

/// What the SYN and FIN segments of one direction say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handshake {
    /// When it was asked for, with the initial sequence number: the earliest of these.
    starts: Starts,
    /// Whether it answered a SYN.
    accepted: bool,
    first_byte: Once,
    after_last_byte: Once,
}

/// Most connections have one.
type Starts = SmallVec<[(Timestamp, u32); 1]>;

/// A number that is worth something as long as no other was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Once {
    #[default]
    Never,
    One(u32),
    Several,
}

/// Directions of connections kept at most, or of starts where some have many, about 200 MB.
const LIMIT: usize = 1 << 20;

/// Starts kept of one pair of ports: only a client that always uses the same port needs more than one.
const STARTS: usize = 4096;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

impl Default for Handshakes {
    fn default() -> Self {
        Self(Bounded::new(LIMIT))
    }
}

impl Handshakes {
    #[inline(never)]
    pub(crate) fn observe(&mut self, packet: &Packet<'_>, found: &Dissection<'_>) {
        let (Some(hosts), Some(ports)) = (found.hosts, found.ports) else { return };
        let mut seen = Handshake::default();
        if ports.tcp_flags & SYN != 0 {
            // SYN takes one number itself (RFC 9293, 3.4).
            seen.first_byte = Once::One(ports.tcp_sequence.wrapping_add(1));
            seen.accepted = ports.tcp_flags & ACK != 0;
            if !seen.accepted {
                seen.starts.extend(packet.timestamp.map(|time| (time, ports.tcp_sequence)));
            }
        }
        if ports.tcp_flags & FIN != 0 {
            seen.after_last_byte = Once::One(ports.tcp_sequence.wrapping_add(ports.payload_len));
        }
        self.0.add(Connection { hosts: hosts.addresses, ports: ports.ports }, seen);
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.0.is_whole()
    }

    pub(crate) fn sampled(&self) -> Option<Sampled> {
        self.0.sampled("TCP connections")
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    /// Tells when each client asked each port of a server for connections, repeated SYNs left out. In no particular order.
    pub(crate) fn starts(&self, mut tell: impl FnMut(&Connection, Timestamp)) {
        for (connection, seen) in self.0.iter() {
            // Nearly all ports are used once.
            if let [(time, _)] = seen.starts[..] {
                tell(connection, time);
                continue;
            }
            let mut starts = seen.starts.clone();
            keep_earliest(&mut starts);
            starts.sort_unstable_by_key(|&(time, sequence)| (sequence, time));
            starts.dedup_by_key(|(_, sequence)| *sequence);
            starts.iter().for_each(|(time, _)| tell(connection, *time));
        }
    }

    /// The end points that accepted a connection: they sent SYN with ACK.
    pub(crate) fn accepting(&self) -> HashSet<(IpAddr, u16)> {
        let accepting = self.0.iter().filter(|(_, seen)| seen.accepted);
        accepting.map(|(connection, _)| (connection.hosts.source, connection.ports.source)).collect()
    }

    /// Whether this direction asked for a connection.
    pub(crate) fn began(&self, connection: &Connection) -> bool {
        self.0.get(connection).is_some_and(|seen| !seen.starts.is_empty())
    }

    /// Whether more than one connection ran between these ports.
    pub(crate) fn is_reused(&self, connection: &Connection) -> bool {
        self.0.get(connection).is_some_and(|seen| seen.first_byte == Once::Several)
    }

    /// How many bytes the application sent, by the sequence numbers: retransmissions count once. `None` where
    /// the start or the end is not in the capture. 4 GB and more wrap around.
    pub(crate) fn bytes(&self, connection: &Connection) -> Option<u32> {
        let seen = self.0.get(connection)?;
        match (seen.first_byte, seen.after_last_byte) {
            (Once::One(first), Once::One(end)) => Some(end.wrapping_sub(first)),
            _ => None,
        }
    }
}

impl Hash for Connection {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_hosts(self.hosts, state);
        state.write_u32(u32::from(self.ports.source) << 16 | u32::from(self.ports.destination));
    }
}

impl Connection {
    /// The other direction.
    pub(crate) fn reversed(self) -> Self {
        Self { hosts: self.hosts.reversed(), ports: self.ports.reversed() }
    }
}

impl Grouped for Connection {
    type Group = Pair<IpAddr>;

    /// Both directions are kept, or neither.
    fn group(&self) -> Self::Group {
        let Pair { source, destination } = self.hosts;
        Pair { source: source.min(destination), destination: source.max(destination) }
    }
}

impl Merge for Handshake {
    fn merge(&mut self, other: Self) {
        self.accepted |= other.accepted;
        self.first_byte.merge(other.first_byte);
        self.after_last_byte.merge(other.after_last_byte);
        self.starts.extend(other.starts);
        if self.starts.len() > 2 * STARTS {
            keep_earliest(&mut self.starts);
        }
    }

    fn size(&self) -> usize {
        self.starts.len().clamp(1, STARTS)
    }
}

/// As many as are kept, whatever the order in which they came.
fn keep_earliest(starts: &mut Starts) {
    if starts.len() > STARTS {
        starts.sort_unstable();
        starts.truncate(STARTS);
    }
}

impl Merge for Once {
    fn merge(&mut self, other: Self) {
        *self = match (*self, other) {
            (Self::Never, one) | (one, Self::Never) => one,
            (mine, theirs) if mine == theirs => mine,
            _ => Self::Several,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use smallvec::smallvec;

    use super::*;

    fn start(at: i64) -> (Connection, Handshake) {
        let host = |n| IpAddr::V4(Ipv4Addr::new(10, 0, 0, n));
        let hosts = Pair { source: host(1), destination: host(2) };
        let connection = Connection { hosts, ports: Pair { source: 40_000, destination: 443 } };
        (
            connection,
            Handshake { starts: smallvec![(Timestamp::from_nanos(at), at as u32)], ..Handshake::default() },
        )
    }

    #[test]
    fn the_earliest_starts_are_kept_in_any_order() {
        let times = |order: &mut dyn Iterator<Item = i64>, parts: usize| -> Vec<Timestamp> {
            let mut shards = vec![Handshakes::default(); parts];
            for (n, at) in order.enumerate() {
                let (connection, handshake) = start(at);
                shards[n % parts].0.add(connection, handshake);
            }
            let mut whole = Handshakes::default();
            shards.into_iter().for_each(|shard| whole.merge(shard));
            let mut times = Vec::new();
            whole.starts(|_, time| times.push(time));
            times.sort_unstable();
            times
        };
        let many = 3 * STARTS as i64 - 5;
        let expected: Vec<Timestamp> = (0..STARTS as i64).map(Timestamp::from_nanos).collect();
        assert_eq!(times(&mut (0..many), 1), expected);
        assert_eq!(times(&mut (0..many).rev(), 1), expected);
        assert_eq!(times(&mut (0..many).map(|n| n * 7919 % many), 3), expected);
    }
}

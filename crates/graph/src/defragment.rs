use std::collections::VecDeque;
use std::net::IpAddr;

use hashbrown::HashMap;
use pcapviz_capture::{Absence, Dissection, Fragment, GraphLayer, Packet, Pair, Ports, Timestamp};

use crate::packed_stats::Sum;
use crate::{FlowKey, FlowStats, FlowTable};

/// Credits the later fragments of a datagram, which have no ports, to the flow of its first.
///
/// Stands before a [`FlowTable`], for one capture read in order. Fragments may come in any order: those
/// before the first wait for it. Nothing is put together: only the headers' own numbers are used.
///
/// Remembers a bounded number of datagrams, each until all of it was seen or for a minute (RFC 8200, 4.5);
/// fragments whose first never comes stay without ports, as they are without this. Fragments that waited get a
/// row even where the table is at its [limit](FlowTable::max_flows).
///
/// ```
/// use pcapviz_graph::{Defragmenter, FlowTable};
///
/// let (mut table, mut defragmenter) = (FlowTable::new(), Defragmenter::default());
/// // For each packet: defragmenter.observe(&mut table, 0, &packet, found);
/// defragmenter.finish(&mut table);
/// assert!(table.is_empty());
/// ```
#[derive(Debug, Default)]
pub struct Defragmenter {
    datagrams: HashMap<Datagram, Progress, foldhash::fast::RandomState>,
    /// The datagrams in the order in which their first fragment to be seen came.
    order: VecDeque<Datagram>,
}

/// Datagrams remembered at most: a busy link's worth of a minute, in a few megabytes.
const MOST: usize = 16_384;
/// Fragments that wait for one datagram at most; 64 kB in pieces of 68 bytes are under a thousand.
const MOST_WAITING: usize = 1_024;
const MINUTE: u64 = 60_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Datagram {
    addresses: Pair<IpAddr>,
    protocol: u8,
    id: u32,
}

#[derive(Debug, Default)]
struct Progress {
    started: Option<Timestamp>,
    /// The first fragment's ports.
    ports: Option<Ports>,
    /// Later fragments that came before the first, with what they carry.
    waiting: Vec<(FlowKey, FlowStats, u32)>,
    /// Bytes of data seen, and how many there are, once the last fragment has told.
    seen: u64,
    len: Option<u64>,
}

impl Defragmenter {
    /// Counts one packet in the table, with the ports of its datagram where it is a later fragment. O(1).
    pub fn observe(
        &mut self,
        table: &mut FlowTable,
        capture: u32,
        packet: &Packet<'_>,
        mut found: Dissection<'_>,
    ) {
        let Some((hosts, fragment)) = found.hosts.and_then(|hosts| Some((hosts, hosts.fragment?))) else {
            return table.observe(capture, packet, &found);
        };
        let datagram = Datagram { addresses: hosts.addresses, protocol: hosts.protocol, id: fragment.id };
        self.forget(table, datagram, packet.timestamp);
        let progress = self.progress(table, datagram, packet.timestamp);
        progress.add(fragment);
        if fragment.offset > 0 {
            found.ports = progress.ports.map(|ports| later(ports, fragment.len));
            if found.ports.is_some() || progress.waiting.len() >= MOST_WAITING {
                table.observe(capture, packet, &found);
            } else {
                table.totals_mut().observe(packet, &found);
                let flow = (FlowKey::of(&found), FlowStats::of(capture, packet, &found), fragment.len);
                progress.waiting.push(flow);
            }
        } else {
            progress.ports = found.ports;
            for (key, stats, len) in std::mem::take(&mut progress.waiting) {
                credit(table, key, stats, len, found.ports);
            }
            table.observe(capture, packet, &found);
        }
        if progress.is_whole() {
            self.datagrams.remove(&datagram);
        }
    }

    /// Counts what still waits for a first fragment, without ports.
    pub fn finish(&mut self, table: &mut FlowTable) {
        self.order.clear();
        for (_, progress) in self.datagrams.drain() {
            progress.give_up(table);
        }
    }
}

impl Defragmenter {
    /// Gives up on a datagram that began too long ago: its identification is in use again.
    fn forget(&mut self, table: &mut FlowTable, datagram: Datagram, now: Option<Timestamp>) {
        let old = |started: Timestamp, now: Timestamp| started.as_nanos().abs_diff(now.as_nanos()) > MINUTE;
        let stale = self.datagrams.get(&datagram).is_some_and(|progress| {
            progress.started.zip(now).is_some_and(|(started, now)| old(started, now))
        });
        if stale && let Some(progress) = self.datagrams.remove(&datagram) {
            progress.give_up(table);
        }
    }

    /// The datagram's progress; for a new one, the oldest make room.
    fn progress(
        &mut self,
        table: &mut FlowTable,
        datagram: Datagram,
        now: Option<Timestamp>,
    ) -> &mut Progress {
        if !self.datagrams.contains_key(&datagram) {
            while self.order.len() >= MOST {
                if let Some(progress) = self.order.pop_front().and_then(|old| self.datagrams.remove(&old)) {
                    progress.give_up(table);
                }
            }
            self.order.push_back(datagram);
        }
        self.datagrams.entry(datagram).or_insert_with(|| Progress { started: now, ..Progress::default() })
    }
}

impl Progress {
    fn add(&mut self, fragment: Fragment) {
        self.seen = self.seen.saturating_add(fragment.len.into());
        if !fragment.more {
            self.len = Some(u64::from(fragment.offset) + u64::from(fragment.len));
        }
    }

    /// Whether as many bytes were seen as there are, so that the identification may be used again.
    fn is_whole(&self) -> bool {
        self.len.is_some_and(|len| self.seen >= len)
    }

    fn give_up(self, table: &mut FlowTable) {
        for (key, stats, _) in self.waiting {
            table.add(&key, &Sum::from(&stats), true);
        }
    }
}

/// The ports of a datagram, for a later fragment that carries so many bytes of it.
fn later(mut first: Ports, len: u32) -> Ports {
    first.payload_len = len;
    first.tcp_flags = 0;
    first
}

/// Counts a fragment that has waited, now that the ports are known, if there are any.
fn credit(table: &mut FlowTable, mut key: FlowKey, mut stats: FlowStats, len: u32, ports: Option<Ports>) {
    if let Some(ports) = ports {
        key.ports = Some((ports.transport, ports.ports));
        stats.traffic.payload_bytes = len.into();
        table.totals_mut().no_longer_absent(GraphLayer::Endpoints, Absence::LaterFragment);
    }
    table.add(&key, &Sum::from(&stats), true);
}

#[cfg(test)]
mod tests {
    use pcapviz_capture::{DissectOptions, LinkType, dissect};
    use pcapviz_testkit::frame::{Frame, Ipv4, Ipv6, Udp, fragment6};

    use super::*;

    /// A datagram of UDP from port 7 to port 9 with 100 bytes, in pieces of 48 and 60.
    fn ipv4(id: u16) -> [Frame; 2] {
        let whole = Udp::ports(7, 9).carry(&[1; 100]);
        let (head, tail) = whole.bytes().split_at(48);
        [(head, 0, true), (tail, 48, false)].map(|(data, offset, more)| {
            Ipv4::default().fragment(id, offset, more).carry(Frame::from(data).announced_as(0, 17))
        })
    }

    fn ipv6() -> [Frame; 2] {
        let whole = Udp::ports(7, 9).carry(&[1; 100]);
        let (head, tail) = whole.bytes().split_at(48);
        [(head, 0, true), (tail, 48, false)].map(|(data, offset, more)| {
            Ipv6::between(1, 2).carry(fragment6(5, offset, more, Frame::from(data).announced_as(0, 17)))
        })
    }

    /// Observes frames, each so many seconds after 1970, and says how many packets and payload bytes the
    /// layer-4 graph has, and how many packets are outside it.
    #[track_caller]
    fn check(frames: &[(&Frame, i64)], packets: u64, payload: u64, outside: u64) {
        let (mut table, mut defragmenter) = (FlowTable::new(), Defragmenter::default());
        for (frame, seconds) in frames {
            let mut packet = Packet::new(LinkType::RAW, frame.bytes());
            packet.timestamp = Some(Timestamp::from_nanos(seconds * 1_000_000_000));
            defragmenter.observe(&mut table, 0, &packet, dissect(&packet, &DissectOptions::default()));
        }
        defragmenter.finish(&mut table);
        let graph = table.project(GraphLayer::Endpoints);
        let sum = |of: fn(&crate::Traffic) -> u64| graph.edges().iter().map(|e| of(&e.traffic)).sum::<u64>();
        assert_eq!((sum(|t| t.packets), sum(|t| t.payload_bytes)), (packets, payload));
        assert_eq!(table.totals().outside(GraphLayer::Endpoints).map(|(_, n)| n).sum::<u64>(), outside);
        let hosts = table.project(GraphLayer::Hosts);
        assert_eq!(hosts.edges().iter().map(|e| e.traffic.packets).sum::<u64>(), frames.len() as u64);
    }

    #[test]
    fn later_fragments_are_credited_in_any_order() {
        let ([a, b], [c, d], [x, y]) = (ipv4(1), ipv4(2), ipv6());
        check(&[(&a, 0), (&b, 0)], 2, 100, 0);
        check(&[(&b, 0), (&a, 0)], 2, 100, 0);
        check(&[(&y, 0), (&x, 0)], 2, 100, 0);
        check(&[(&b, 0), (&c, 0), (&d, 0), (&a, 0)], 4, 200, 0);
        // The same identification again, once the datagram is whole.
        check(&[(&b, 0), (&a, 0), (&b, 1), (&a, 1)], 4, 200, 0);
    }

    #[test]
    fn without_the_first_there_are_no_ports() {
        let ([a, b], [_, d]) = (ipv4(1), ipv4(2));
        check(&[(&b, 0)], 0, 0, 1);
        check(&[(&a, 0), (&d, 0)], 1, 40, 1);
        check(&[(&a, 0), (&b, 100)], 1, 40, 1);
        check(&[(&b, 0), (&a, 100)], 1, 40, 1);
    }
}

//! A real capture to put something into.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use pcapviz_core::analysis::{Inside, Observations, findings};
use pcapviz_core::capture::{CaptureReader, DissectOptions, LinkType, Packet, Timestamp, dissect};
use pcapviz_core::graph::{Finding, FlowTable};

use crate::chance::Random;
use crate::header::{Flow, Header, Kind};
use crate::inject::Injected;

pub(crate) struct Base {
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// Its IPv4 hosts outside, sorted.
    pub(crate) outside: Vec<Ipv4Addr>,
    /// The IPv4 flows that each of its hosts sent, of each kind.
    senders: BTreeMap<Kind, Vec<Vec<Flow>>>,
    table: FlowTable,
    observations: Observations,
}

impl Base {
    /// `None` for a capture without times.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let mut reader = CaptureReader::open(path).ok()?;
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        let (mut table, mut observations) = (FlowTable::new(), Observations::default());
        let mut flows: BTreeMap<_, Flow> = BTreeMap::new();
        let mut hosts: BTreeSet<IpAddr> = BTreeSet::new();
        while let Ok(Some(packet)) = reader.next_packet() {
            if let Some(time) = packet.timestamp {
                (first, last) = (first.min(time.as_nanos()), last.max(time.as_nanos()));
            }
            let found = dissect(&packet, &DissectOptions::default());
            table.observe(0, &packet, &found);
            observations.observe(0, &packet, &found);
            if let Some(found) = found.hosts {
                hosts.extend([found.addresses.source, found.addresses.destination]);
            }
            if let Some((key, header)) = Header::of(packet.captured) {
                flows.entry(key).and_modify(|flow| flow.add(header.id)).or_insert_with(|| Flow::new(header));
            }
        }
        let mut by_sender: BTreeMap<(Kind, [u8; 4]), Vec<Flow>> = BTreeMap::new();
        for (key, flow) in flows {
            by_sender.entry((flow.header.kind(), key.source)).or_default().push(flow);
        }
        let mut senders: BTreeMap<Kind, Vec<Vec<Flow>>> = BTreeMap::new();
        for ((kind, _), flows) in by_sender {
            senders.entry(kind).or_default().push(flows);
        }
        let inside = Inside::default();
        let outside = hosts.into_iter().filter(|ip| inside.is_outside_host(*ip));
        let outside =
            outside.filter_map(|ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None }).collect();
        (first <= last).then_some(Self { first, last, outside, senders, table, observations })
    }

    /// The flows of one of its hosts.
    pub(crate) fn sender(&self, kind: Kind, random: &mut Random) -> Option<&[Flow]> {
        random.one_of(self.senders.get(&kind)?).map(Vec::as_slice)
    }

    /// What is found in it with that put into it.
    pub(crate) fn with(&self, injected: &Injected<'_>) -> Vec<Finding> {
        let (mut table, mut observations) = (self.table.clone(), self.observations.clone());
        for (at, bytes, len) in &injected.packets {
            let mut packet = Packet::new(LinkType::ETHERNET, bytes);
            packet.timestamp = Some(Timestamp::from_nanos(self.first.saturating_add(*at)));
            packet.wire_len = *len;
            let found = dissect(&packet, &DissectOptions::default());
            table.observe(0, &packet, &found);
            observations.observe(0, &packet, &found);
        }
        findings(&table, &observations, &Inside::default())
    }

    /// What is found in it alone.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        findings(&self.table, &self.observations, &Inside::default())
    }
}

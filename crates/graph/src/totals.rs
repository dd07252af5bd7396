use std::collections::BTreeMap;
use std::fmt;

use pcapviz_capture::{Absence, Dissection, End, GraphLayer, Packet, StopReason, Timestamp};

use crate::Traffic;

/// What became of every packet read. Adds up: [`Totals::merge`] is commutative and associative.
///
/// For each layer, [`in_graph`](Self::in_graph) and the numbers of [`outside`](Self::outside) add up to `packets`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Packets read.
    pub packets: u64,
    /// Their original lengths on the wire, in bytes.
    pub bytes: u64,
    /// How much of that was captured, in bytes.
    pub captured_bytes: u64,
    /// Packets of which the snap length cut something off.
    pub cut_by_snap_length: u64,
    /// Packets whose walk ended before their payload, by reason; they are in the graphs of the layers
    /// whose headers had been read by then.
    pub stopped: BTreeMap<StopReason, u64>,
    /// Packets with an earlier time than the one before them in their capture.
    pub time_backwards: u64,
    /// Packets with the same bytes as one just before them, as a mirror port makes them.
    pub duplicates: u64,
    /// Packets that were read and, as asked, left out of every graph.
    pub left_out: BTreeMap<LeftOut, u64>,
    /// Packets that are not in a layer's graph for what they are, by reason.
    pub absent: BTreeMap<(GraphLayer, Absence), u64>,
    /// What was sent in flows that the table had no room for, as [`LeftOut::PastMaxFlows`] counts them.
    pub others: Traffic,
}

impl Totals {
    /// Counts one packet that was left out.
    pub(crate) fn leave_out(&mut self, packet: &Packet<'_>, reason: LeftOut) {
        self.count(packet);
        *self.left_out.entry(reason).or_default() += 1;
    }

    /// Counts one packet that is in every layer.
    #[inline]
    pub(crate) fn count(&mut self, packet: &Packet<'_>) {
        self.packets += 1;
        self.bytes = self.bytes.saturating_add(packet.wire_len.into());
        self.captured_bytes += packet.captured.len() as u64;
        self.cut_by_snap_length += u64::from((packet.captured.len() as u64) < u64::from(packet.wire_len));
    }

    /// Counts one packet.
    #[inline]
    pub(crate) fn observe(&mut self, packet: &Packet<'_>, found: &Dissection<'_>) {
        self.observe_present(packet, found);
        self.absences(absences(packet, found).map(|absence| (absence, 1)));
    }

    /// The same but for the layers that it is absent from.
    #[inline]
    pub(crate) fn observe_present(&mut self, packet: &Packet<'_>, found: &Dissection<'_>) {
        self.count(packet);
        if let End::Stopped(stop) = found.end {
            *self.stopped.entry(stop.reason).or_default() += 1;
        }
    }

    /// Counts packets that are absent from a layer.
    pub(crate) fn absences(&mut self, absences: impl Iterator<Item = ((GraphLayer, Absence), u64)>) {
        for (absence, packets) in absences {
            *self.absent.entry(absence).or_default() += packets;
        }
    }

    /// Takes back one packet's absence, which more was learnt about.
    pub(crate) fn no_longer_absent(&mut self, layer: GraphLayer, absence: Absence) {
        if let Some(n) = self.absent.get_mut(&(layer, absence)) {
            *n -= 1;
            if *n == 0 {
                self.absent.remove(&(layer, absence));
            }
        }
    }

    /// Adds another's.
    pub fn merge(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.captured_bytes += other.captured_bytes;
        self.cut_by_snap_length += other.cut_by_snap_length;
        self.time_backwards += other.time_backwards;
        self.duplicates += other.duplicates;
        self.others += other.others;
        for (reason, n) in other.left_out {
            *self.left_out.entry(reason).or_default() += n;
        }
        for (reason, n) in other.stopped {
            *self.stopped.entry(reason).or_default() += n;
        }
        for (absence, n) in other.absent {
            *self.absent.entry(absence).or_default() += n;
        }
    }

    /// Packets in a layer's graph.
    pub fn in_graph(&self, layer: GraphLayer) -> u64 {
        self.packets - self.outside(layer).map(|(_, n)| n).sum::<u64>()
    }

    /// Why packets are not in a layer's graph, with how many.
    pub fn outside(&self, layer: GraphLayer) -> impl Iterator<Item = (Outside, u64)> {
        let left_out = self.left_out.iter().map(|(reason, n)| (Outside::LeftOut(*reason), *n));
        let absent = self.absent.iter().filter(move |((l, _), _)| *l == layer);
        left_out.chain(absent.map(|((_, absence), n)| (Outside::Absent(*absence), *n)))
    }
}

/// Which layers a packet is absent from.
#[inline]
pub(crate) fn absences(
    packet: &Packet<'_>,
    found: &Dissection<'_>,
) -> impl Iterator<Item = (GraphLayer, Absence)> {
    let is_in_all = found.ports.is_some() && found.devices.is_some();
    let layers: &[GraphLayer] = if is_in_all { &[] } else { &GraphLayer::ALL };
    layers.iter().filter_map(|layer| Some((*layer, found.absence(*layer, packet.link_type)?)))
}

/// Why a packet was left out, as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LeftOut {
    /// The filter does not match it.
    Filter,
    /// It is outside the span of time asked for.
    Time,
    /// It is a duplicate.
    Duplicate,
    /// Its flow is none of those that the table has room for.
    PastMaxFlows,
}

/// Why a packet is not in a layer's graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Outside {
    /// It was left out, as asked.
    LeftOut(LeftOut),
    /// It has nothing that the layer shows.
    Absent(Absence),
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Filter => "not matched by the filter",
            Self::Time => "outside the time asked for",
            Self::Duplicate => "duplicate",
            Self::PastMaxFlows => "other flows, past the limit on flows",
        })
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOut(reason) => reason.fmt(f),
            Self::Absent(absence) => absence.fmt(f),
        }
    }
}

/// One capture that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaptureSummary {
    /// Its path as it was given; `-` for standard input.
    pub path: String,
    /// Its container, such as `pcapng, gzip`.
    pub format: String,
    /// Packets read from it.
    pub packets: u64,
    /// Their original lengths, in bytes.
    pub bytes: u64,
    /// The earliest and latest time.
    pub life: Option<(Timestamp, Timestamp)>,
}

impl CaptureSummary {
    /// Counts one packet.
    pub fn observe(&mut self, packet: &Packet<'_>) {
        self.packets += 1;
        self.bytes = self.bytes.saturating_add(packet.wire_len.into());
        if let Some(time) = packet.timestamp {
            let life = self.life.get_or_insert((time, time));
            *life = (life.0.min(time), life.1.max(time));
        }
    }
}

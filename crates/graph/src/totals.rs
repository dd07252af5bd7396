use std::collections::BTreeMap;

use pcapviz_capture::{Absence, Dissection, End, GraphLayer, Packet, StopReason, Timestamp};

/// What became of every packet read. Adds up: [`Totals::merge`] is commutative and associative.
///
/// For each layer, `in_graph` plus the sum of its absences is `packets`.
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
    /// Packets that are not in a layer's graph, by reason.
    pub absent: BTreeMap<(GraphLayer, Absence), u64>,
}

impl Totals {
    /// Counts one packet.
    pub fn observe(&mut self, packet: &Packet<'_>, found: &Dissection<'_>) {
        self.packets += 1;
        self.bytes = self.bytes.saturating_add(packet.wire_len.into());
        self.captured_bytes += packet.captured.len() as u64;
        self.cut_by_snap_length += u64::from((packet.captured.len() as u64) < u64::from(packet.wire_len));
        if let End::Stopped(stop) = found.end {
            *self.stopped.entry(stop.reason).or_default() += 1;
        }
        if found.ports.is_some() && found.devices.is_some() {
            return;
        }
        for layer in GraphLayer::ALL {
            if let Some(absence) = found.absence(layer, packet.link_type) {
                *self.absent.entry((layer, absence)).or_default() += 1;
            }
        }
    }

    /// Adds another's.
    pub fn merge(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.captured_bytes += other.captured_bytes;
        self.cut_by_snap_length += other.cut_by_snap_length;
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
    pub fn outside(&self, layer: GraphLayer) -> impl Iterator<Item = (Absence, u64)> {
        self.absent.iter().filter(move |((l, _), _)| *l == layer).map(|((_, absence), n)| (*absence, *n))
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

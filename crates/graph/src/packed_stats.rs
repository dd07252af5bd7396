//! What is known of a flow, as it lies in the table: a row of one packet is half as long as any other, and most rows of
//! large captures are of one.

use pcapviz_capture::{Dissection, Packet, ProtocolSet, Timestamp};

use crate::packed::{halves, whole};
use crate::{Activity, FlowStats, Position, Traffic};

/// What is known of a flow of one packet: in large captures, most have no more. The set of protocols is a number in the
/// [`ProtocolSets`] beside it. In words of 32 bits, to stand behind those of its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Single {
    position: [u32; 2],
    /// Nothing if there is none.
    time: [u32; 2],
    bytes: u32,
    payload_bytes: u32,
    protocols: u16,
    tcp_flags: u8,
    has_time: bool,
}

/// What is known of any flow. It fills a line of the processor's cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct PackedStats {
    packets: u64,
    bytes: u64,
    payload_bytes: u64,
    /// `first > last` where no packet had a time.
    first: i64,
    last: i64,
    position: u64,
    activity: Activity,
    protocols: u32,
    tcp_flags: u8,
}

/// What is known of a flow, in as few words as it needs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known {
    Single(Single),
    Several(PackedStats),
}

/// Bits of a packed position that hold the place in the capture: captures of up to 16 TB, and the other 20
/// bits for a million of them. What is beyond is held for the last place there is.
const OFFSET_BITS: u32 = 44;

/// What can be added to what is known of a flow.
pub(crate) trait Addend {
    /// What is known of a flow by this alone.
    fn pack(&self, sets: &mut ProtocolSets) -> Known;
    /// Adds it, as [`FlowStats::merge`] does.
    // In place: to unpack, merge and pack again takes thrice the time, and every packet passes here.
    fn add_to(&self, stats: &mut PackedStats, sets: &mut ProtocolSets);
}

/// One packet: what [`FlowStats::of`] says of it in half the words, for there are more packets than anything else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    position: u64,
    protocols: ProtocolSet,
    time: Option<Timestamp>,
    bytes: u32,
    payload_bytes: u32,
    tcp_flags: u8,
}

impl Arrival {
    #[inline]
    pub(crate) fn of(capture: u32, packet: &Packet<'_>, found: &Dissection<'_>) -> Self {
        Self {
            position: pack_position(Position { capture, offset: packet.offset }),
            protocols: found.protocols,
            time: packet.timestamp,
            bytes: packet.wire_len,
            payload_bytes: found.payload_len(),
            tcp_flags: found.ports.as_ref().map_or(0, |ports| ports.tcp_flags),
        }
    }
}

impl Addend for Arrival {
    #[inline]
    fn pack(&self, sets: &mut ProtocolSets) -> Known {
        let protocols = sets.number(self.protocols);
        let single = Single {
            position: halves(self.position),
            time: halves(self.time.map_or(0, Timestamp::as_nanos) as u64),
            bytes: self.bytes,
            payload_bytes: self.payload_bytes,
            protocols: 0,
            tcp_flags: self.tcp_flags,
            has_time: self.time.is_some(),
        };
        single.with_protocols(protocols)
    }

    #[inline]
    fn add_to(&self, stats: &mut PackedStats, sets: &mut ProtocolSets) {
        stats.packets = stats.packets.saturating_add(1);
        stats.bytes = stats.bytes.saturating_add(self.bytes.into());
        stats.payload_bytes = stats.payload_bytes.saturating_add(self.payload_bytes.into());
        if let Some(time) = self.time {
            stats.activity = match stats.life() {
                Some(life) => stats.activity.and_at(life, time),
                None => Activity::once(),
            };
            stats.first = stats.first.min(time.as_nanos());
            stats.last = stats.last.max(time.as_nanos());
        }
        stats.position = stats.position.min(self.position);
        stats.add_protocols(self.protocols, sets);
        stats.tcp_flags |= self.tcp_flags;
    }
}

impl Addend for FlowStats {
    #[inline]
    fn pack(&self, sets: &mut ProtocolSets) -> Known {
        let Traffic { packets, bytes, payload_bytes } = self.traffic;
        let time = self.life.map(|(first, _)| first);
        if let (1, Ok(bytes), Ok(payload_bytes)) = (packets, bytes.try_into(), payload_bytes.try_into()) {
            let (position, protocols, tcp_flags) =
                (pack_position(self.position), self.protocols, self.tcp_flags);
            return Arrival { position, protocols, time, bytes, payload_bytes, tcp_flags }.pack(sets);
        }
        let (first, last) = self.life.map_or((i64::MAX, i64::MIN), |(f, l)| (f.as_nanos(), l.as_nanos()));
        Known::Several(PackedStats {
            packets,
            bytes,
            payload_bytes,
            first,
            last,
            position: pack_position(self.position),
            activity: self.activity,
            protocols: sets.number(self.protocols),
            tcp_flags: self.tcp_flags,
        })
    }

    #[inline]
    fn add_to(&self, stats: &mut PackedStats, sets: &mut ProtocolSets) {
        stats.packets = stats.packets.saturating_add(self.traffic.packets);
        stats.bytes = stats.bytes.saturating_add(self.traffic.bytes);
        stats.payload_bytes = stats.payload_bytes.saturating_add(self.traffic.payload_bytes);
        if let Some(life) = self.life {
            stats.activity = match stats.life() {
                Some(mine) => stats.activity.merge(mine, self.activity, life),
                None => self.activity,
            };
            stats.first = stats.first.min(life.0.as_nanos());
            stats.last = stats.last.max(life.1.as_nanos());
        }
        stats.position = stats.position.min(pack_position(self.position));
        stats.add_protocols(self.protocols, sets);
        stats.tcp_flags |= self.tcp_flags;
    }
}

impl Single {
    /// The same as of any flow.
    #[inline(always)]
    pub(crate) fn widened(&self) -> PackedStats {
        let time = whole(self.time) as i64;
        let (first, last, activity) = match self.has_time {
            true => (time, time, Activity::once()),
            false => (i64::MAX, i64::MIN, Activity::default()),
        };
        PackedStats {
            packets: 1,
            bytes: self.bytes.into(),
            payload_bytes: self.payload_bytes.into(),
            first,
            last,
            position: whole(self.position),
            activity,
            protocols: self.protocols.into(),
            tcp_flags: self.tcp_flags,
        }
    }

    /// With another set of protocols. So many sets that their numbers are too long are made by hostile captures only: these flows
    /// take more room.
    #[inline]
    fn with_protocols(self, number: u32) -> Known {
        match u16::try_from(number) {
            Ok(protocols) => Known::Single(Self { protocols, ..self }),
            Err(_) => Known::Several(PackedStats { protocols: number, ..self.widened() }),
        }
    }

    /// Bytes on the wire.
    #[inline]
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.into()
    }

    /// The same beside other sets of protocols.
    #[inline]
    pub(crate) fn renumbered(self, from: &ProtocolSets, to: &mut ProtocolSets) -> Known {
        self.with_protocols(to.number(from.get(self.protocols.into())))
    }
}

impl PackedStats {
    /// The same beside other sets of protocols.
    #[inline]
    pub(crate) fn renumbered(self, from: &ProtocolSets, to: &mut ProtocolSets) -> Self {
        Self { protocols: to.number(from.get(self.protocols)), ..self }
    }

    // What its caller does not ask for then costs nothing.
    #[inline(always)]
    pub(crate) fn unpack(&self, sets: &ProtocolSets) -> FlowStats {
        FlowStats {
            traffic: Traffic { packets: self.packets, bytes: self.bytes, payload_bytes: self.payload_bytes },
            life: self.life(),
            position: Position {
                capture: (self.position >> OFFSET_BITS) as u32,
                offset: self.position & ((1 << OFFSET_BITS) - 1),
            },
            protocols: sets.get(self.protocols),
            tcp_flags: self.tcp_flags,
            activity: self.activity,
        }
    }

    #[inline]
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes on the wire.
    #[inline]
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    #[inline]
    fn life(&self) -> Option<(Timestamp, Timestamp)> {
        (self.first <= self.last)
            .then(|| (Timestamp::from_nanos(self.first), Timestamp::from_nanos(self.last)))
    }

    #[inline]
    fn add_protocols(&mut self, protocols: ProtocolSet, sets: &mut ProtocolSets) {
        let mine = sets.get(self.protocols);
        if mine != protocols {
            self.protocols = sets.number(mine.union(protocols));
        }
    }
}

/// Sorts as the position does, as far as it has bits.
#[inline]
fn pack_position(position: Position) -> u64 {
    let capture = u64::from(position.capture).min((1 << (64 - OFFSET_BITS)) - 1);
    capture << OFFSET_BITS | position.offset.min((1 << OFFSET_BITS) - 1)
}

/// The sets of protocols that flows have. Few differ, so each flow has a number instead of 16 bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProtocolSets {
    sets: Vec<ProtocolSet>,
    numbers: hashbrown::HashMap<ProtocolSet, u32, foldhash::fast::RandomState>,
    /// The set asked for last: most often the next one too.
    latest: u32,
}

impl ProtocolSets {
    #[inline]
    fn number(&mut self, set: ProtocolSet) -> u32 {
        if self.sets.get(self.latest as usize) != Some(&set) {
            self.latest = *self.numbers.entry(set).or_insert_with(|| {
                self.sets.push(set);
                (self.sets.len() - 1) as u32
            });
        }
        self.latest
    }

    #[inline]
    fn get(&self, number: u32) -> ProtocolSet {
        self.sets[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Known {
        fn widened(self) -> PackedStats {
            match self {
                Self::Single(single) => single.widened(),
                Self::Several(several) => several,
            }
        }
    }

    fn stats() -> impl Strategy<Value = FlowStats> {
        let time = (-3_000_000_000_000..3_000_000_000_000_i64).prop_map(Timestamp::from_nanos);
        let counts = (1..9_u64, any::<u64>(), 0..u64::MAX / 2);
        let protocols = prop::collection::vec(prop::sample::select(pcapviz_capture::Protocol::ALL), 0..4);
        (counts, prop::option::of(time), (0..9_u32, 0..1_u64 << 40), protocols, any::<u8>()).prop_map(
            |((packets, bytes, payload_bytes), time, (capture, offset), protocols, tcp_flags)| FlowStats {
                traffic: Traffic { packets, bytes, payload_bytes },
                life: time.map(|time| (time, time)),
                position: Position { capture, offset },
                protocols: protocols.into_iter().collect(),
                tcp_flags,
                activity: if time.is_some() { Activity::once() } else { Activity::default() },
            },
        )
    }

    /// A packet in both forms.
    fn packet() -> impl Strategy<Value = (Arrival, FlowStats)> {
        (any::<u32>(), any::<u32>(), stats()).prop_map(|(bytes, payload_bytes, stats)| {
            let time = stats.life.map(|(first, _)| first);
            let FlowStats { position, protocols, tcp_flags, .. } = stats;
            let position_bits = pack_position(position);
            let arrival =
                Arrival { position: position_bits, protocols, time, bytes, payload_bytes, tcp_flags };
            let traffic = Traffic { packets: 1, bytes: bytes.into(), payload_bytes: payload_bytes.into() };
            (arrival, FlowStats { traffic, ..stats })
        })
    }

    #[test]
    fn more_sets_than_a_row_has_numbers_for_lose_nothing() {
        let of = |n: u64| -> ProtocolSet {
            let bits = (0..17).filter(|bit| n >> bit & 1 != 0);
            bits.map(|bit| pcapviz_capture::Protocol::ALL[bit]).collect()
        };
        let arrival = |n| Arrival {
            position: n,
            protocols: of(n),
            time: None,
            bytes: 60,
            payload_bytes: 0,
            tcp_flags: 0,
        };
        let (mut sets, mut others) = (ProtocolSets::default(), ProtocolSets::default());
        let mut singles = 0;
        for n in 0..70_000 {
            let known = arrival(n).pack(&mut sets);
            assert_eq!(known.widened().unpack(&sets).protocols, of(n));
            // Beside others, the last ones come first.
            if let (Known::Single(single), false) = (arrival(69_999 - n).pack(&mut others), n > 99) {
                let there = single.renumbered(&others, &mut sets).widened();
                assert_eq!(there.unpack(&sets).protocols, of(69_999 - n));
            }
            singles += usize::from(matches!(known, Known::Single(_)));
        }
        assert_eq!(singles, 1 << 16);
    }

    proptest! {
        #[test]
        fn a_packet_adds_what_its_stats_do(packets in prop::collection::vec(packet(), 1..12)) {
            let mut sets = ProtocolSets::default();
            let mut packed = packets[0].0.pack(&mut sets).widened();
            let mut merged = packets[0].1;
            prop_assert_eq!(packed.unpack(&sets), merged);
            for (arrival, stats) in &packets[1..] {
                arrival.add_to(&mut packed, &mut sets);
                merged.merge(stats);
                prop_assert_eq!(packed.unpack(&sets), merged);
            }
        }

        #[test]
        fn adding_in_place_is_merging(all in prop::collection::vec(stats(), 1..12)) {
            let mut sets = ProtocolSets::default();
            let mut packed = all[0].pack(&mut sets).widened();
            let mut merged = all[0];
            for stats in &all[1..] {
                stats.add_to(&mut packed, &mut sets);
                merged.merge(stats);
                prop_assert_eq!(packed.unpack(&sets), merged);
            }
        }
    }
}

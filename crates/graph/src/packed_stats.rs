//! What is known of a flow, as it lies in the table: a row of one packet is half as long as any other, and most rows of
//! large captures are of one.

use pcapviz_capture::{Dissection, Packet, Protocol, ProtocolSet, Timestamp};

use crate::activity::Slots;
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

/// What some packets of a flow add up to: what is added to a flow's row at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    packets: u64,
    bytes: u64,
    payload_bytes: u64,
    /// `first > last` where no packet had a time.
    first: i64,
    last: i64,
    position: u64,
    activity: Activity,
    protocols: ProtocolSet,
    tcp_flags: u8,
}

impl Sum {
    /// One packet.
    #[inline]
    pub(crate) fn of(capture: u32, packet: &Packet<'_>, found: &Dissection<'_>) -> Self {
        let (first, last, activity) = moment(packet.timestamp.map(Timestamp::as_nanos));
        Self {
            packets: 1,
            bytes: packet.wire_len.into(),
            payload_bytes: found.payload_len().into(),
            first,
            last,
            position: pack_position(Position { capture, offset: packet.offset }),
            activity,
            protocols: found.protocols,
            tcp_flags: found.ports.as_ref().map_or(0, |ports| ports.tcp_flags),
        }
    }

    /// The slots of its activity: to be kept beside what grows.
    #[inline]
    pub(crate) fn slots(&self) -> Slots {
        Slots::of(life(self.first, self.last).unwrap_or((Timestamp::from_nanos(0), Timestamp::from_nanos(0))))
    }

    /// Adds a packet more, as [`FlowStats::merge`] does.
    #[inline]
    pub(crate) fn observe(
        &mut self,
        slots: &mut Slots,
        capture: u32,
        packet: &Packet<'_>,
        found: &Dissection<'_>,
    ) {
        let tcp_flags = found.ports.as_ref().map_or(0, |ports| ports.tcp_flags);
        self.grow(slots, capture, packet, found.payload_len(), tcp_flags);
        self.protocols = self.protocols.union(found.protocols);
    }

    /// The same for a packet of the protocols that are there already.
    // In place: nearly every packet passes here.
    #[inline]
    pub(crate) fn grow(
        &mut self,
        slots: &mut Slots,
        capture: u32,
        packet: &Packet<'_>,
        payload_len: u32,
        tcp_flags: u8,
    ) {
        self.packets += 1;
        self.bytes = self.bytes.saturating_add(packet.wire_len.into());
        self.payload_bytes = self.payload_bytes.saturating_add(payload_len.into());
        if let Some(time) = packet.timestamp {
            match life(self.first, self.last) {
                Some(life) => self.activity = self.activity.and_in(slots, life, time),
                None => (self.activity, *slots) = (Activity::once(), Slots::of((time, time))),
            }
            self.first = self.first.min(time.as_nanos());
            self.last = self.last.max(time.as_nanos());
        }
        self.position = self.position.min(pack_position(Position { capture, offset: packet.offset }));
        self.tcp_flags |= tcp_flags;
    }

    /// Adds a protocol of a packet that is counted already.
    #[inline]
    pub(crate) fn show(&mut self, protocol: Protocol) {
        self.protocols.insert(protocol);
    }

    /// What is known of a flow by this alone.
    #[inline]
    pub(crate) fn pack(&self, sets: &mut ProtocolSets) -> Known {
        let protocols = sets.number(self.protocols);
        let short = (u32::try_from(self.bytes), u32::try_from(self.payload_bytes));
        if let (1, (Ok(bytes), Ok(payload_bytes))) = (self.packets, short) {
            let has_time = self.first <= self.last;
            let single = Single {
                position: halves(self.position),
                time: halves(if has_time { self.first as u64 } else { 0 }),
                bytes,
                payload_bytes,
                protocols: 0,
                tcp_flags: self.tcp_flags,
                has_time,
            };
            return single.with_protocols(protocols);
        }
        Known::Several(PackedStats {
            packets: self.packets,
            bytes: self.bytes,
            payload_bytes: self.payload_bytes,
            first: self.first,
            last: self.last,
            position: self.position,
            activity: self.activity,
            protocols,
            tcp_flags: self.tcp_flags,
        })
    }

    /// Adds it to what is known of a flow, as [`FlowStats::merge`] does.
    #[inline]
    pub(crate) fn add_to(&self, stats: &mut PackedStats, sets: &mut ProtocolSets) {
        stats.packets = stats.packets.saturating_add(self.packets);
        stats.bytes = stats.bytes.saturating_add(self.bytes);
        stats.payload_bytes = stats.payload_bytes.saturating_add(self.payload_bytes);
        if let Some(life) = life(self.first, self.last) {
            stats.activity = match stats.life() {
                Some(mine) if self.packets == 1 => stats.activity.and_at(mine, life.0),
                Some(mine) => stats.activity.merge(mine, self.activity, life),
                None => self.activity,
            };
            stats.first = stats.first.min(self.first);
            stats.last = stats.last.max(self.last);
        }
        stats.position = stats.position.min(self.position);
        stats.add_protocols(self.protocols, sets);
        stats.tcp_flags |= self.tcp_flags;
    }
}

impl From<&FlowStats> for Sum {
    #[inline]
    fn from(stats: &FlowStats) -> Self {
        let Traffic { packets, bytes, payload_bytes } = stats.traffic;
        let (first, last) =
            stats.life.map_or((i64::MAX, i64::MIN), |(first, last)| (first.as_nanos(), last.as_nanos()));
        Self {
            packets,
            bytes,
            payload_bytes,
            first,
            last,
            position: pack_position(stats.position),
            activity: stats.activity,
            protocols: stats.protocols,
            tcp_flags: stats.tcp_flags,
        }
    }
}

/// The first and last time of one packet, and its activity.
#[inline]
fn moment(nanos: Option<i64>) -> (i64, i64, Activity) {
    match nanos {
        Some(nanos) => (nanos, nanos, Activity::once()),
        None => (i64::MAX, i64::MIN, Activity::default()),
    }
}

#[inline]
fn life(first: i64, last: i64) -> Option<(Timestamp, Timestamp)> {
    (first <= last).then(|| (Timestamp::from_nanos(first), Timestamp::from_nanos(last)))
}

impl Single {
    /// The same as of any flow.
    #[inline(always)]
    pub(crate) fn widened(&self) -> PackedStats {
        let (first, last, activity) = moment(self.has_time.then(|| whole(self.time) as i64));
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
        life(self.first, self.last)
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
    /// The two asked for last: most often the next one too.
    latest: [u32; 2],
}

impl ProtocolSets {
    #[inline]
    fn number(&mut self, set: ProtocolSet) -> u32 {
        for number in self.latest {
            if self.sets.get(number as usize) == Some(&set) {
                return number;
            }
        }
        let number = *self.numbers.entry(set).or_insert_with(|| {
            self.sets.push(set);
            (self.sets.len() - 1) as u32
        });
        self.latest = [number, self.latest[0]];
        number
    }

    #[inline]
    fn get(&self, number: u32) -> ProtocolSet {
        self.sets[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use pcapviz_capture::{DissectOptions, LinkType, dissect};
    use pcapviz_testkit::frame::{Ethernet, Ipv4, Tcp};
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

    #[test]
    fn more_sets_than_a_row_has_numbers_for_lose_nothing() {
        let of = |n: u64| -> ProtocolSet {
            let bits = (0..17).filter(|bit| n >> bit & 1 != 0);
            bits.map(|bit| pcapviz_capture::Protocol::ALL[bit]).collect()
        };
        let one = |n| Sum {
            packets: 1,
            bytes: 60,
            payload_bytes: 0,
            first: i64::MAX,
            last: i64::MIN,
            position: n,
            activity: Activity::default(),
            protocols: of(n),
            tcp_flags: 0,
        };
        let (mut sets, mut others) = (ProtocolSets::default(), ProtocolSets::default());
        let mut singles = 0;
        for n in 0..70_000 {
            let known = one(n).pack(&mut sets);
            assert_eq!(known.widened().unpack(&sets).protocols, of(n));
            // Beside others, the last ones come first.
            if let (Known::Single(single), false) = (one(69_999 - n).pack(&mut others), n > 99) {
                let there = single.renumbered(&others, &mut sets).widened();
                assert_eq!(there.unpack(&sets).protocols, of(69_999 - n));
            }
            singles += usize::from(matches!(known, Known::Single(_)));
        }
        assert_eq!(singles, 1 << 16);
    }

    proptest! {
        #[test]
        fn packets_add_up_to_what_their_stats_do(
            packets in prop::collection::vec((prop::option::of(-1..3_000_000_000_000_i64), 0..9_u8, 0..90_usize), 1..12),
        ) {
            let frames: Vec<Vec<u8>> = packets.iter().map(|(_, flags, len)| {
                Ethernet::default().carry(Ipv4::default().carry(Tcp::ports(1, 2).flags(*flags).carry(&[0; 90][..*len])))
                    .bytes().to_vec()
            }).collect();
            let mut both: Option<((Sum, Slots), FlowStats)> = None;
            for (frame, (time, ..)) in frames.iter().zip(&packets) {
                let mut packet = Packet::new(LinkType::ETHERNET, frame);
                (packet.timestamp, packet.offset) = (time.map(Timestamp::from_nanos), frame.len() as u64);
                let found = dissect(&packet, &DissectOptions::default());
                let stats = FlowStats::of(3, &packet, &found);
                match &mut both {
                    None => {
                        let sum = Sum::of(3, &packet, &found);
                        both = Some(((sum, sum.slots()), stats));
                    }
                    Some(((sum, slots), merged)) => {
                        sum.observe(slots, 3, &packet, &found);
                        merged.merge(&stats);
                    }
                }
                let mut sets = ProtocolSets::default();
                let packed = both.map(|((sum, _), merged)| (sum.pack(&mut sets).widened().unpack(&sets), merged));
                prop_assert!(packed.is_some_and(|(packed, merged)| packed == merged));
            }
        }

        #[test]
        fn adding_in_place_is_merging(all in prop::collection::vec(stats(), 1..12)) {
            let mut sets = ProtocolSets::default();
            let mut packed = Sum::from(&all[0]).pack(&mut sets).widened();
            let mut merged = all[0];
            for stats in &all[1..] {
                Sum::from(stats).add_to(&mut packed, &mut sets);
                merged.merge(stats);
                prop_assert_eq!(packed.unpack(&sets), merged);
            }
        }
    }
}

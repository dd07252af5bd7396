use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::quality::FixedState;
use pcapviz_capture::{Dissection, Packet, Pair, Timestamp};
use pcapviz_graph::Sampled;

use super::bounded::{Bounded, Grouped, Merge};
use crate::life::join;

/// The sizes of ICMP echo requests and replies (RFC 792, RFC 4443).
#[derive(Clone, Debug)]
pub(crate) struct Echoes {
    echoes: Bounded<EchoKey, Echo>,
    /// How long datagrams are that came in fragments, by their last ones.
    ends: Bounded<Datagram, End>,
}

/// Of which two hosts a fragment is, and its identification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Datagram {
    hosts: Pair<IpAddr>,
    id: u32,
}

/// Where a datagram ends: identifications come again, and then it may be in two places.
#[derive(Clone, Copy, Debug)]
struct End {
    least: u32,
    most: u32,
}

/// One echo, as its request and reply agree on it, and a size that one of them has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct EchoKey {
    /// Who asked whom.
    hosts: Pair<IpAddr>,
    id: u16,
    sequence: u16,
    size: EchoSize,
}

/// How long an echo is, or its first fragment: the whole is longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum EchoSize {
    Whole(u32),
    /// Of which datagram, so that its end can be found.
    FirstFragment {
        len: u32,
        id: u32,
        is_reply: bool,
    },
}

impl EchoSize {
    /// Whether two packets may be equally long.
    fn may_be(self, other: Self) -> bool {
        match (self, other) {
            (Self::Whole(len), Self::Whole(other)) => len == other,
            (Self::Whole(whole), Self::FirstFragment { len, .. })
            | (Self::FirstFragment { len, .. }, Self::Whole(whole)) => whole > len,
            (Self::FirstFragment { .. }, Self::FirstFragment { .. }) => true,
        }
    }

    /// Of what is not fragmented, or whose end is known.
    fn whole(self) -> Option<u32> {
        match self {
            Self::Whole(len) => Some(len),
            Self::FirstFragment { .. } => None,
        }
    }
}

/// What an echo's request and reply share: hosts, identifier, number.
type EchoName = (Pair<IpAddr>, u16, u16);

#[derive(Clone, Copy, Debug)]
struct Echo {
    requests: u32,
    replies: u32,
    life: Option<(Timestamp, Timestamp)>,
}

/// The echoes between two hosts, added up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    pub(crate) requests: u64,
    /// Replies to requests that are in the capture too.
    pub(crate) replies: u64,
    /// Those of them whose size is no request's of that identifier and number.
    pub(crate) mismatched: u64,
    /// Bytes of ICMP, headers included; of echoes whose length is known.
    pub(crate) bytes: u64,
    pub(crate) life: Option<(Timestamp, Timestamp)>,
    /// Whether there were more than are counted.
    pub(crate) has_more: bool,
}

/// Sizes of echoes kept at most, about 50 MB.
const LIMIT: usize = 1 << 18;
/// Ends of fragmented ones kept at most, about 10 MB.
const ENDS: usize = 1 << 16;

impl Default for Echoes {
    fn default() -> Self {
        Self { echoes: Bounded::new(LIMIT), ends: Bounded::new(ENDS) }
    }
}

impl Echoes {
    #[cold]
    pub(crate) fn observe(&mut self, packet: &Packet<'_>, found: &Dissection<'_>) {
        let (Some(icmp), Some(hosts)) = (found.icmp, found.hosts) else { return };
        let (Some(id), Some(sequence)) = (icmp.id, icmp.sequence) else { return };
        let is_reply = matches!(icmp.kind, 0 | 129);
        let size = match hosts.fragment {
            Some(fragment) => EchoSize::FirstFragment { len: icmp.len, id: fragment.id, is_reply },
            None => EchoSize::Whole(icmp.len),
        };
        let hosts = if is_reply { hosts.addresses.reversed() } else { hosts.addresses };
        let echo = Echo {
            requests: (!is_reply).into(),
            replies: is_reply.into(),
            life: packet.timestamp.map(|t| (t, t)),
        };
        self.echoes.add(EchoKey { hosts, id, sequence, size }, echo);
    }

    /// A later fragment: the last one tells how long the whole is.
    #[cold]
    pub(crate) fn observe_fragment(&mut self, found: &Dissection<'_>) {
        let Some(hosts) = found.hosts else { return };
        let Some(fragment) = hosts.fragment.filter(|it| it.offset > 0 && !it.more) else { return };
        if matches!(hosts.protocol, ICMP | ICMPV6) {
            let end = fragment.offset.saturating_add(fragment.len);
            self.ends
                .add(Datagram { hosts: hosts.addresses, id: fragment.id }, End { least: end, most: end });
        }
    }

    pub(crate) fn sampled(&self) -> impl Iterator<Item = Sampled> {
        let all = [self.echoes.sampled("ICMP echoes"), self.ends.sampled("fragments of ICMP")];
        all.into_iter().flatten()
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.echoes.merge(other.echoes);
        self.ends.merge(other.ends);
    }

    /// The size of an echo, by the end of its last fragment where that is known.
    fn size(&self, key: &EchoKey) -> EchoSize {
        let EchoSize::FirstFragment { id, is_reply, .. } = key.size else { return key.size };
        let hosts = if is_reply { key.hosts.reversed() } else { key.hosts };
        match self.ends.get(&Datagram { hosts, id }) {
            Some(end) if end.least == end.most => EchoSize::Whole(end.least),
            _ => key.size,
        }
    }

    /// For each two hosts, what one asked the other and what came back.
    pub(crate) fn by_hosts(&self) -> BTreeMap<Pair<IpAddr>, Size> {
        // The sizes of one echo: a reply is as it should be if a request had its size.
        let mut echoes: BTreeMap<EchoName, Vec<(EchoSize, Echo)>> = BTreeMap::new();
        for (key, echo) in self.echoes.iter() {
            let sizes = echoes.entry((key.hosts, key.id, key.sequence)).or_default();
            let size = self.size(key);
            match sizes.iter_mut().find(|(other, _)| *other == size) {
                Some((_, known)) => known.merge(*echo),
                None => sizes.push((size, *echo)),
            }
        }
        let mut sums: BTreeMap<Pair<IpAddr>, Size> = BTreeMap::new();
        for ((hosts, ..), sizes) in echoes {
            let has_more = || Size { has_more: !self.echoes.has_all_of(&hosts), ..Size::default() };
            let sum = sums.entry(hosts).or_insert_with(has_more);
            let is_asked = sizes.iter().any(|(_, echo)| echo.requests > 0);
            for (size, echo) in &sizes {
                sum.requests += u64::from(echo.requests);
                let packets = u64::from(echo.requests) + u64::from(echo.replies);
                sum.bytes += u64::from(size.whole().unwrap_or_default()) * packets;
                sum.life = join(sum.life, echo.life);
                if is_asked {
                    // A request answers for one reply of its size, a fragment for all that it may be a part of.
                    let may_be = |(other, echo): &(EchoSize, Echo)| {
                        other != size && echo.requests > 0 && size.may_be(*other)
                    };
                    let odd =
                        if sizes.iter().any(may_be) { 0 } else { echo.replies.saturating_sub(echo.requests) };
                    sum.replies += u64::from(echo.replies);
                    sum.mismatched += u64::from(odd);
                }
            }
        }
        sums
    }
}

/// IP's protocol numbers.
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

impl Grouped for Datagram {
    type Group = Pair<IpAddr>;

    fn group(&self) -> Self::Group {
        self.hosts
    }
}

impl Merge for End {
    fn merge(&mut self, other: Self) {
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }
}

impl Grouped for EchoKey {
    type Group = Pair<IpAddr>;

    fn group(&self) -> Self::Group {
        self.hosts
    }

    /// By the echo first: its request and its reply are kept together.
    fn rank(&self) -> u64 {
        let hasher = FixedState::with_seed(0x6563_686f);
        hasher.hash_one((self.id, self.sequence)) >> 16 << 16 | hasher.hash_one(self.size) >> 48
    }
}

impl Merge for Echo {
    fn merge(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.replies = self.replies.saturating_add(other.replies);
        self.life = join(self.life, other.life);
    }
}

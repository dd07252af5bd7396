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
pub(crate) struct Echoes(Bounded<EchoKey, Echo>);

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
    FirstFragment(u32),
}

impl EchoSize {
    /// Whether two packets may be equally long.
    fn may_be(self, other: Self) -> bool {
        match (self, other) {
            (Self::Whole(len), Self::Whole(other)) => len == other,
            (Self::Whole(whole), Self::FirstFragment(part))
            | (Self::FirstFragment(part), Self::Whole(whole)) => whole > part,
            (Self::FirstFragment(_), Self::FirstFragment(_)) => true,
        }
    }

    /// Of what is not fragmented.
    fn whole(self) -> Option<u32> {
        match self {
            Self::Whole(len) => Some(len),
            Self::FirstFragment(_) => None,
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
    /// Bytes of ICMP, headers included; of echoes that are not fragmented.
    pub(crate) bytes: u64,
    pub(crate) life: Option<(Timestamp, Timestamp)>,
    /// Whether there were more than are counted.
    pub(crate) has_more: bool,
}

/// Sizes of echoes kept at most, about 50 MB.
const LIMIT: usize = 1 << 18;

impl Default for Echoes {
    fn default() -> Self {
        Self(Bounded::new(LIMIT))
    }
}

impl Echoes {
    #[cold]
    pub(crate) fn observe(&mut self, packet: &Packet<'_>, found: &Dissection<'_>) {
        let (Some(icmp), Some(hosts)) = (found.icmp, found.hosts) else { return };
        let (Some(id), Some(sequence)) = (icmp.id, icmp.sequence) else { return };
        let is_reply = matches!(icmp.kind, 0 | 129);
        let size = if hosts.fragment.is_some() { EchoSize::FirstFragment } else { EchoSize::Whole };
        let hosts = if is_reply { hosts.addresses.reversed() } else { hosts.addresses };
        let echo = Echo {
            requests: (!is_reply).into(),
            replies: is_reply.into(),
            life: packet.timestamp.map(|t| (t, t)),
        };
        self.0.add(EchoKey { hosts, id, sequence, size: size(icmp.len) }, echo);
    }

    pub(crate) fn sampled(&self) -> Option<Sampled> {
        self.0.sampled("ICMP echoes")
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    /// For each two hosts, what one asked the other and what came back.
    pub(crate) fn by_hosts(&self) -> BTreeMap<Pair<IpAddr>, Size> {
        // The sizes of one echo: a reply is as it should be if a request had its size.
        let mut echoes: BTreeMap<EchoName, Vec<(EchoSize, Echo)>> = BTreeMap::new();
        for (key, echo) in self.0.iter() {
            echoes.entry((key.hosts, key.id, key.sequence)).or_default().push((key.size, *echo));
        }
        let mut sums: BTreeMap<Pair<IpAddr>, Size> = BTreeMap::new();
        for ((hosts, ..), sizes) in echoes {
            let has_more = || Size { has_more: !self.0.has_all_of(&hosts), ..Size::default() };
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

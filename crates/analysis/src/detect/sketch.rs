//! Upper bounds of many numbers in little memory: of millions of hosts, few matter to a detector, and these tell which.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::fast::{FixedState, RandomState};
use pcapviz_capture::Pair;
use pcapviz_graph::FlowTable;

use super::threshold::UPLOAD_NOTE;
use crate::address::bits;

/// An upper bound of what two hosts sent to each other, in little memory: of millions of pairs, few sent much
/// (one row of a count-min sketch: Cormode and Muthukrishnan, 2005).
#[derive(Clone)]
pub(super) struct Sketch {
    sums: Vec<u32>,
    hasher: RandomState,
}

impl Sketch {
    /// Large enough that chance alone does not bring a sum near the threshold, and no larger: it is hit at random,
    /// and should stay in the cache.
    pub(super) fn of(table: &FlowTable) -> Self {
        const SUMS_PER_THRESHOLD: f64 = 8.0;
        let by_bytes = table.totals().bytes as f64 / UPLOAD_NOTE * SUMS_PER_THRESHOLD;
        let len = (by_bytes as usize).min(table.len()).clamp(1 << 6, 1 << 22).next_power_of_two();
        Self { sums: vec![0; len], hasher: RandomState::default() }
    }

    #[inline]
    pub(super) fn add(&mut self, hosts: Pair<IpAddr>, bytes: u64) {
        let place = place(&self.hasher, hosts, self.sums.len());
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.sums[place] = self.sums[place].saturating_add(bytes);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (sum, more) in self.sums.iter_mut().zip(&other.sums) {
            *sum = sum.saturating_add(*more);
        }
    }

    pub(super) fn large(self) -> LargeSenders {
        let mut places = vec![0; self.sums.len() / 64];
        for (place, _) in self.sums.iter().enumerate().filter(|(_, sum)| f64::from(**sum) >= UPLOAD_NOTE) {
            places[place / 64] |= 1 << (place % 64);
        }
        LargeSenders { places, hasher: self.hasher }
    }
}

/// Which two hosts may have sent each other much: all that did, and some by chance.
pub(super) struct LargeSenders {
    /// A bit for each sum.
    places: Vec<u64>,
    hasher: RandomState,
}

impl LargeSenders {
    pub(super) fn is_empty(&self) -> bool {
        self.places.iter().all(|bits| *bits == 0)
    }

    #[inline]
    pub(super) fn may_hold(&self, hosts: Pair<IpAddr>) -> bool {
        let place = place(&self.hasher, hosts, self.places.len() * 64);
        self.places[place / 64] >> (place % 64) & 1 != 0
    }
}

/// Upper bounds of how often hosts, or pairs of them, were counted as each of several kinds (a count-min sketch of two rows:
/// Cormode and Muthukrishnan, 2005). Both counts of hosts lie in the same line of the processor's cache, for there are more than the cache
/// holds and nearly each is waited for; so hosts share both a sixteenth as often as one of them. The same on every machine.
#[derive(Clone)]
pub(super) struct Counts<const KINDS: usize> {
    lines: Vec<Line<KINDS>>,
}

/// Counts that a line of the cache holds.
const IN_LINE: usize = 32;

/// Those of each kind on a line of their own.
#[derive(Clone)]
#[repr(align(64))]
struct Line<const KINDS: usize>([[u16; IN_LINE]; KINDS]);

impl<const KINDS: usize> Counts<KINDS> {
    /// With about so many counts for the first row, and as many for the second.
    pub(super) fn new(len: usize) -> Self {
        Self { lines: vec![Line([[0; IN_LINE]; KINDS]); (2 * len / IN_LINE).next_power_of_two()] }
    }

    /// The line, and the two places in it.
    #[inline]
    fn places(&self, hosts: Pair<IpAddr>) -> (usize, [usize; 2]) {
        let hash = FixedState::with_seed(0x7472_6965).hash_one((bits(hosts.source), bits(hosts.destination)));
        let (line, inside) = (hash as usize & (self.lines.len() - 1), (hash >> 48) as usize);
        let half = IN_LINE / 2;
        (line, [inside % half, half + inside / half % half])
    }

    #[inline]
    pub(super) fn add(&mut self, hosts: Pair<IpAddr>, kind: usize) {
        let (line, places) = self.places(hosts);
        let counts = &mut self.lines[line].0[kind];
        for place in places {
            counts[place] = counts[place].saturating_add(1);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (Line(counts), Line(more)) in self.lines.iter_mut().zip(&other.lines) {
            let counts = counts.as_flattened_mut().iter_mut();
            counts.zip(more.as_flattened()).for_each(|(count, more)| *count = count.saturating_add(*more));
        }
    }

    /// Whether these hosts may have been counted so often as the first kind.
    #[inline]
    pub(super) fn may_reach(&self, hosts: Pair<IpAddr>, least: f64) -> bool {
        let (line, places) = self.places(hosts);
        places.into_iter().all(|place| f64::from(self.lines[line].0[0][place]) >= least)
    }

    /// Whether anything may have been counted so often as the first kind.
    pub(super) fn reaches(&self, least: f64) -> bool {
        // All are counted in the first half of a line, too.
        let mut counts = self.lines.iter().flat_map(|line| &line.0[0][..IN_LINE / 2]);
        counts.any(|count| f64::from(*count) >= least)
    }
}

impl Counts<2> {
    /// Whether these hosts may have been counted so often more as the first kind than as the second: they are, unless more
    /// was counted as the second than as the first of others who share their counts. A full count tells nothing.
    #[inline]
    pub(super) fn may_differ(&self, hosts: Pair<IpAddr>, least: f64) -> bool {
        let (line, places) = self.places(hosts);
        let Line([first, second]) = &self.lines[line];
        places.into_iter().all(|place| {
            first[place] == u16::MAX || f64::from(first[place]) >= f64::from(second[place]) + least
        })
    }
}

/// Where the sum of two hosts stands among `len`, a power of two.
#[inline]
fn place(hasher: &RandomState, hosts: Pair<IpAddr>, len: usize) -> usize {
    let [a, b] = [bits(hosts.source), bits(hosts.destination)];
    hasher.hash_one((a.min(b), a.max(b))) as usize & (len - 1)
}

/// Hosts that are looked for: those found already, which most flows are of, cost as little as those never looked for.
pub(super) struct Sought {
    /// Those not found yet.
    pub(super) left: HashSet<IpAddr, RandomState>,
    /// A bit for each of a few hashes that multiply alone: whether some host with that hash may be left.
    places: Vec<u64>,
    /// How many the bits were set for.
    marked: usize,
}

impl Sought {
    const BITS: u32 = 16;

    pub(super) fn new(hosts: HashSet<IpAddr, RandomState>) -> Self {
        let mut sought = Self { left: hosts, places: Vec::new(), marked: 0 };
        sought.mark();
        sought
    }

    /// Notes that a host is there.
    #[inline]
    pub(super) fn find(&mut self, host: IpAddr) {
        let place = Self::place(host);
        let may_be = self.places[place / 64] >> (place % 64) & 1 != 0;
        if may_be && self.left.remove(&host) && self.left.len() <= self.marked / 2 {
            self.mark();
        }
    }

    #[cold]
    fn mark(&mut self) {
        self.places = vec![0; (1 << Self::BITS) / 64];
        for place in self.left.iter().map(|host| Self::place(*host)) {
            self.places[place / 64] |= 1 << (place % 64);
        }
        self.marked = self.left.len();
    }

    #[inline]
    fn place(host: IpAddr) -> usize {
        let bits = bits(host);
        ((bits as u64 ^ (bits >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - Self::BITS))
            as usize
    }
}

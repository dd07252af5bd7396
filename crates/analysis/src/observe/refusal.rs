use std::net::IpAddr;

use pcapviz_capture::{Dissection, Pair};
use pcapviz_graph::Sampled;

use super::bounded::{Bounded, Grouped, Merge};

/// How often one host told another by ICMP that nothing listens on a port (RFC 792, RFC 4443): who was told, by whom.
#[derive(Clone, Debug)]
pub(crate) struct Refusals(Bounded<Pair<IpAddr>, u64>);

/// Pairs of hosts kept at most, about 20 MB.
const LIMIT: usize = 1 << 18;

impl Default for Refusals {
    fn default() -> Self {
        Self(Bounded::new(LIMIT))
    }
}

impl Refusals {
    #[cold]
    pub(crate) fn observe(&mut self, found: &Dissection<'_>) {
        let (Some(icmp), Some(hosts)) = (found.icmp, found.hosts) else { return };
        let port_unreachable = if hosts.addresses.source.is_ipv4() { (3, 3) } else { (1, 4) };
        if (icmp.kind, icmp.code) == port_unreachable {
            self.0.add(hosts.addresses.reversed(), 1);
        }
    }

    pub(crate) fn sampled(&self) -> Option<Sampled> {
        self.0.sampled("ICMP refusals")
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    /// How often the second told the first.
    pub(crate) fn of(&self, asked: Pair<IpAddr>) -> u64 {
        self.0.get(&asked).copied().unwrap_or(0)
    }
}

impl Grouped for Pair<IpAddr> {
    type Group = Self;

    fn group(&self) -> Self {
        *self
    }
}

impl Merge for u64 {
    fn merge(&mut self, other: Self) {
        *self += other;
    }
}

use std::net::IpAddr;

use pcapviz_capture::{Dissection, Pair};

use super::bounded::{Bounded, Merge};

/// Between which hosts packets went whose transport does not stand right behind their IP header: pcap-filter looks for ports
/// there alone.
#[derive(Clone, Debug)]
pub(crate) struct Wrapped(Bounded<Pair<IpAddr>, ()>);

/// Pairs of hosts kept at most, about 5 MB.
const LIMIT: usize = 1 << 16;

impl Default for Wrapped {
    fn default() -> Self {
        Self(Bounded::new(LIMIT))
    }
}

impl Wrapped {
    #[cold]
    pub(crate) fn observe(&mut self, found: &Dissection<'_>) {
        let Some(hosts) = found.hosts else { return };
        if found.ports.is_some() || found.icmp.is_some() {
            let Pair { source, destination } = hosts.addresses;
            let hosts = Self::between(source, destination);
            if self.0.seen(&hosts).is_none() {
                self.0.add(hosts, ());
            }
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    /// All pairs of hosts, as [`between`](Self::between) gives them; `None` if there are too many to know them.
    pub(crate) fn pairs(&self) -> Option<impl Iterator<Item = Pair<IpAddr>>> {
        self.0.is_whole().then(|| self.0.iter().map(|(hosts, ())| *hosts))
    }

    /// The two hosts in an order that does not depend on who sends.
    pub(crate) fn between(one: IpAddr, other: IpAddr) -> Pair<IpAddr> {
        Pair { source: one.min(other), destination: one.max(other) }
    }
}

impl Merge for () {
    fn merge(&mut self, (): Self) {}
}

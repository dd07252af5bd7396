//! What the detectors need to know of packets beyond the flow table: gathered from the few packets that
//! tell, of bounded size, and mergeable.

mod bounded;
mod claim;
mod dns_name;
mod echo;
mod handshake;
mod refusal;
mod wrapped;

use pcapviz_capture::{Dissection, Packet, Ports, Transport};
use pcapviz_graph::{Sampled, beside};

pub(crate) use claim::{Claim, Claims, Question, network};
pub(crate) use dns_name::{DnsNames, NameSum, Scope};
pub(crate) use echo::Echoes;
pub(crate) use handshake::{Connection, Handshakes};
pub(crate) use refusal::Refusals;
pub(crate) use wrapped::Wrapped;

/// What single packets say that the flow table does not keep: starts and ends of TCP connections, DNS names that
/// were asked for, sizes of ICMP echoes, ports said to be unreachable, ARP claims and questions.
///
/// Observations [merge](Self::merge): commutative and associative, whatever the split. Their size has a bound
/// (about 650 MB for a capture made to reach all of them); beyond it they are a sample of whole conversations, and of what is
/// larger than a 64th of the room, a part.
/// A packet that is none of these costs a few comparisons.
///
/// ```
/// use pcapviz_analysis::{Inside, Observations, findings};
/// use pcapviz_graph::FlowTable;
///
/// let found = findings(&FlowTable::new(), &Observations::default(), &Inside::default());
/// assert!(found.is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Observations {
    pub(crate) handshakes: Handshakes,
    pub(crate) names: DnsNames,
    pub(crate) echoes: Echoes,
    pub(crate) claims: Claims,
    pub(crate) refusals: Refusals,
    pub(crate) wrapped: Wrapped,
}

/// TCP's FIN and SYN (RFC 9293): what starts and ends a connection.
const FIN_OR_SYN: u8 = 0b11;

/// The port of DNS (RFC 1035).
const DNS: u16 = 53;

/// What a packet may tell of, by its ports.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The start or the end of a connection.
    Connection,
    /// A name that DNS is asked for.
    Name,
    Nothing,
}

impl Told {
    #[inline]
    fn by(ports: &Ports) -> Self {
        let pair = ports.ports;
        match ports.transport {
            Transport::Tcp if ports.tcp_flags & FIN_OR_SYN != 0 => Self::Connection,
            Transport::Tcp | Transport::Udp if pair.source == DNS || pair.destination == DNS => Self::Name,
            _ => Self::Nothing,
        }
    }
}

impl Observations {
    /// Takes in what a packet of the capture with this number (from 0) says. O(1), amortised.
    #[inline]
    pub fn observe(&mut self, capture: u32, packet: &Packet<'_>, found: &Dissection<'_>) {
        if found.hosts.as_ref().is_some_and(|hosts| hosts.is_wrapped) {
            self.wrapped.observe(found);
        }
        if let Some(ports) = &found.ports {
            match Told::by(ports) {
                Told::Connection => self.handshakes.observe(packet, found),
                Told::Name => self.names.observe(packet, found),
                Told::Nothing => {}
            }
        } else if found.icmp.is_some() {
            self.echoes.observe(packet, found);
            self.refusals.observe(found);
        } else if found.arp.is_some() {
            self.claims.observe(capture, packet, found);
        } else if found.hosts.as_ref().is_some_and(|hosts| hosts.fragment.is_some()) {
            self.echoes.observe_fragment(found);
        }
    }

    /// Whether [`observe`](Self::observe) takes anything from a packet with these ports, if nothing stands between its IP header and
    /// that of its transport, as in [`Usual`](pcapviz_capture::Usual) packets.
    #[inline]
    pub fn heeds(ports: &Ports) -> bool {
        Told::by(ports) != Told::Nothing
    }

    /// Of what there was more than is kept: findings about what is left out are missing. Empty if nothing is.
    pub fn sampled(&self) -> Vec<Sampled> {
        let Self { handshakes, names, echoes, claims, refusals, .. } = self;
        let alone = [handshakes.sampled(), refusals.sampled()].into_iter().flatten();
        alone.chain(echoes.sampled()).chain(names.sampled()).chain(claims.sampled()).collect()
    }

    /// Puts what is at hand, of the latest packets, where it belongs, so that nobody has to copy all of it to look at it. What is found
    /// is the same without.
    pub fn settle(&mut self) {
        self.names.settle();
    }

    /// Adds another's.
    pub fn merge(&mut self, other: Self) {
        self.merge_beside(1, other, || ());
    }

    /// The same, and something else beside it where there is more than one thread.
    pub fn merge_beside(&mut self, threads: usize, other: Self, more: impl FnOnce()) {
        let Self { handshakes, names, echoes, claims, refusals, wrapped } = self;
        beside(
            threads,
            || handshakes.merge(other.handshakes),
            || {
                names.merge(other.names);
                echoes.merge(other.echoes);
                claims.merge(other.claims);
                refusals.merge(other.refusals);
                wrapped.merge(other.wrapped);
                more();
            },
        );
    }
}

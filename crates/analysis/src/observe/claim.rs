use std::net::Ipv4Addr;

use pcapviz_capture::{Dissection, MacAddr, Packet, Timestamp, Vlans};
use pcapviz_graph::Sampled;

use super::bounded::{Bounded, Grouped, Merge};
use crate::life::join;

/// Who claims which IPv4 address by ARP (RFC 826), in which VLAN.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    claims: Bounded<ClaimKey, Claim>,
    /// Which addresses each device asked for.
    questions: Bounded<Question, Claim>,
    /// The same, so that of each address that is kept in the claims, all who asked for it are: both have the same groups.
    asked: Bounded<Asked, u64>,
    /// How often a device answered about an address, by whom it told.
    told: Bounded<Told, u64>,
}

/// A device tells another one alone that an address is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Told {
    claim: ClaimKey,
    to: MacAddr,
}

/// A device asks for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Question {
    pub(crate) vlans: Vlans,
    pub(crate) device: MacAddr,
    pub(crate) target: Ipv4Addr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ClaimKey {
    vlans: Vlans,
    address: Ipv4Addr,
    device: MacAddr,
}

/// How often a device said that an address is its own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Claim {
    pub(crate) messages: u64,
    /// Answers.
    pub(crate) replies: u64,
    /// Those of them that are about a question of somebody else's, which is what poisoning is made of.
    pub(crate) directed: u64,
    /// Messages about the sender's own address (RFC 5227).
    pub(crate) gratuitous: u64,
    /// Messages that are not answers to one device alone.
    pub(crate) to_all: u64,
    pub(crate) life: Option<(Timestamp, Timestamp)>,
    /// In which captures, as a bit for each: by the last six bits of their numbers, so that some may share one.
    pub(crate) captures: u64,
}

/// The VLANs that the tags name: an outer tag with identifier 0 has a priority only (IEEE 802.1Q, 9.6).
pub(crate) fn network(vlans: Vlans) -> Vlans {
    if vlans == (Vlans { outer: Some(0), inner: None }) { Vlans::default() } else { vlans }
}

/// Claims kept at most, about 100 MB: more than a forger makes in passing.
const CLAIMS: usize = 1 << 20;
/// Questions kept at most, by device and by address, and answers, about 30 MB each.
const QUESTIONS: usize = 1 << 18;

const REQUEST: u16 = 1;
const REPLY: u16 = 2;

impl Default for Claims {
    fn default() -> Self {
        Self {
            claims: Bounded::new(CLAIMS),
            questions: Bounded::new(QUESTIONS),
            asked: Bounded::new(QUESTIONS),
            told: Bounded::new(QUESTIONS),
        }
    }
}

impl Claims {
    #[cold]
    pub(crate) fn observe(&mut self, capture: u32, packet: &Packet<'_>, found: &Dissection<'_>) {
        let Some(arp) = found.arp else { return };
        let (device, address) = arp.sender;
        let vlans = network(found.vlans);
        if arp.operation == REQUEST && arp.target.1 != address && device.0 != [0; 6] {
            let life = packet.timestamp.map(|t| (t, t));
            let asked = Claim { messages: 1, life, ..Claim::default() };
            let question = Question { vlans, device, target: arp.target.1 };
            self.questions.add(question, asked);
            self.asked.add(Asked(question), 1);
        }
        // A probe (RFC 5227, 2.1.1) claims nothing, and neither do other operations.
        if address.is_unspecified() || !matches!(arp.operation, REQUEST | REPLY) || device.0 == [0; 6] {
            return;
        }
        let (is_reply, is_gratuitous) = (arp.operation == REPLY, arp.target.1 == address);
        let key = ClaimKey { vlans, address, device };
        let is_directed = is_reply && !is_gratuitous;
        let to = found.devices.map(|devices| devices.destination);
        let to = to.filter(|to| is_directed && !to.is_multicast());
        let claim = Claim {
            messages: 1,
            replies: is_reply.into(),
            directed: is_directed.into(),
            gratuitous: is_gratuitous.into(),
            to_all: to.is_none().into(),
            life: packet.timestamp.map(|t| (t, t)),
            captures: 1 << (capture % u64::BITS),
        };
        self.claims.add(key, claim);
        if let Some(to) = to {
            self.told.add(Told { claim: key, to }, 1);
        }
    }

    pub(crate) fn sampled(&self) -> impl Iterator<Item = Sampled> {
        let all = [
            self.claims.sampled("ARP claims, by address"),
            self.questions.sampled("ARP questions, by device"),
            self.asked.sampled("ARP questions, by address"),
            self.told.sampled("ARP answers, by address"),
        ];
        all.into_iter().flatten()
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.claims.merge(other.claims);
        self.questions.merge(other.questions);
        self.asked.merge(other.asked);
        self.told.merge(other.told);
    }

    /// Whether every device that claims the address is known.
    pub(crate) fn has_all_claims_of(&self, vlans: Vlans, address: Ipv4Addr) -> bool {
        self.claims.has_all_of(&(vlans, address))
    }

    /// Whether every device that asks for the address is known.
    pub(crate) fn has_all_asked_for(&self, vlans: Vlans, address: Ipv4Addr) -> bool {
        self.asked.has_all_of(&(vlans, address))
    }

    /// Whether it is known of every answer about the address whom it told.
    pub(crate) fn has_all_told_of(&self, vlans: Vlans, address: Ipv4Addr) -> bool {
        self.told.has_all_of(&(vlans, address))
    }

    /// How often a device told another one alone that an address is its own: VLAN, address, who told whom, messages; sorted.
    pub(crate) fn told(&self) -> Vec<(Vlans, Ipv4Addr, MacAddr, MacAddr, u64)> {
        let row = |(Told { claim, to }, messages): (&Told, &u64)| {
            (claim.vlans, claim.address, claim.device, *to, *messages)
        };
        let mut all: Vec<_> = self.told.iter().map(row).collect();
        all.sort_unstable();
        all
    }

    /// Whether every address that the device asked for is known.
    pub(crate) fn has_all_questions_of(&self, vlans: Vlans, device: MacAddr) -> bool {
        self.questions.has_all_of(&(vlans, device))
    }

    /// How often each device asked for each address.
    pub(crate) fn asked(&self) -> impl Iterator<Item = (Question, u64)> {
        self.asked.iter().map(|(asked, messages)| (asked.0, *messages))
    }

    /// Every question, sorted by VLAN, device and address.
    pub(crate) fn questions(&self) -> Vec<(Question, Claim)> {
        let mut all: Vec<_> = self.questions.iter().map(|(question, asked)| (*question, *asked)).collect();
        all.sort_unstable_by_key(|(question, _)| *question);
        all
    }

    /// Every claim, sorted by VLAN, address and device.
    pub(crate) fn sorted(&self) -> Vec<(Vlans, Ipv4Addr, MacAddr, Claim)> {
        let mut all: Vec<_> =
            self.claims.iter().map(|(key, claim)| (key.vlans, key.address, key.device, *claim)).collect();
        all.sort_unstable_by_key(|&(vlans, address, device, _)| (vlans, address, device));
        all
    }
}

impl Grouped for ClaimKey {
    type Group = (Vlans, Ipv4Addr);

    fn group(&self) -> Self::Group {
        (self.vlans, self.address)
    }
}

impl Grouped for Told {
    type Group = (Vlans, Ipv4Addr);

    fn group(&self) -> Self::Group {
        self.claim.group()
    }
}

impl Grouped for Question {
    type Group = (Vlans, MacAddr);

    // So that no device is silenced by what others ask.
    const THINS: bool = true;

    fn group(&self) -> Self::Group {
        (self.vlans, self.device)
    }
}

/// A question, by what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Asked(Question);

impl Grouped for Asked {
    type Group = (Vlans, Ipv4Addr);

    fn group(&self) -> Self::Group {
        (self.0.vlans, self.0.target)
    }
}

impl Merge for Claim {
    fn merge(&mut self, other: Self) {
        self.messages += other.messages;
        self.replies += other.replies;
        self.directed += other.directed;
        self.gratuitous += other.gratuitous;
        self.to_all += other.to_all;
        self.life = join(self.life, other.life);
        self.captures |= other.captures;
    }
}

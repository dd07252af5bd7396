use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hash, Hasher};
use std::net::IpAddr;

use foldhash::quality::FixedState;
use pcapviz_capture::{Dissection, Packet, Pair, Timestamp, Transport};
use pcapviz_graph::Sampled;

use super::bounded::{Bounded, Grouped, Merge};
use crate::address::hash_hosts;
use crate::life::join;

/// The different names that DNS was asked for, below each registered domain.
///
/// Names are told apart by hashes of 64 bits. The domains are those below the public suffix list's entries
/// (<https://publicsuffix.org>). Of a name without a listed suffix, nothing tells where its zone begins: its last two labels
/// stand for it, its client and resolver are a scope too, and its labels count by themselves, each once. So neither the zone
/// that the hosts of a network share is counted for each of them, nor what a resolver's search list (RFC 1535) puts behind
/// each name, while a tunnel's labels are all different.
#[derive(Clone, Debug)]
pub(crate) struct DnsNames {
    names: Bounded<NameKey, NameNote>,
    asked: Bounded<AskedKey, Asked>,
    /// What the latest messages add up to: questions and their answers follow each other.
    latest_asked: Option<(AskedKey, Asked)>,
    domains: Bounded<Domain, DomainText>,
    /// The latest questions, by the last bits of their identification: an answer repeats its question.
    latest: Vec<Question>,
}

/// A name that was asked for.
#[derive(Clone, Debug, Default)]
struct Question {
    /// As it stands in messages, its end included; empty where there was none yet.
    wire: Vec<u8>,
    known: Option<(NameKey, NameNote)>,
}

/// A name, or a label of one, in what it counts for: its registered domain (0), or a client and a resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct NameKey {
    among: u64,
    name: u64,
}

#[derive(Clone, Copy, Debug)]
struct NameNote {
    domain: Domain,
    /// Bytes in front of the registered domain, the dot between them left out; or the label's.
    len: u8,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// A name with a public suffix, which counts with its length.
    Name,
    /// A name without, whose labels count.
    Private,
    Label,
    /// A label of names that multicast DNS has.
    Discovered,
}

/// The hash of a registered domain's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Domain(u64);

#[derive(Clone, Debug)]
struct DomainText(Box<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AskedKey {
    domain: Domain,
    /// The client and the server that it asked.
    hosts: Pair<IpAddr>,
}

/// How often, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) messages: u64,
    pub(crate) life: Option<(Timestamp, Timestamp)>,
}

/// What names are counted below, or between.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// A registered domain, and who asked whom for its names.
    Domain(Box<str>),
    /// Names without a public suffix that a client asked a server for.
    Hosts(Pair<IpAddr>),
}

/// The names of one scope.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameSum {
    pub(crate) names: f64,
    /// The lengths of what stands in front of the registered domain, added up, in bytes; without a public suffix, of the different
    /// labels there.
    pub(crate) bytes: f64,
    /// Of these, what is in names that multicast DNS has.
    pub(crate) discovered: f64,
    /// Whether the names have no public suffix.
    pub(crate) is_private: bool,
    /// Who asked whom, most messages first.
    pub(crate) asked: Vec<(Pair<IpAddr>, Asked)>,
    /// Whether more asked than that.
    pub(crate) is_asked_by_more: bool,
    /// The domains, where the scope is two hosts.
    pub(crate) domains: BTreeSet<Box<str>>,
}

/// Different names kept at most, about 100 MB; beyond, counts are estimates from a sample of them.
const NAMES: usize = 1 << 20;
/// Domains kept at most, and who asked for them, about 20 MB each.
const DOMAINS: usize = 1 << 18;

/// Questions remembered, a power of two.
const LATEST: usize = 64;

/// The longest name (RFC 1035, 2.3.4).
const LONGEST: usize = 255;

impl Default for DnsNames {
    fn default() -> Self {
        let (names, asked, domains) = (Bounded::new(NAMES), Bounded::new(DOMAINS), Bounded::new(DOMAINS));
        Self { names, asked, latest_asked: None, domains, latest: Vec::new() }
    }
}

impl DnsNames {
    #[inline(never)]
    pub(crate) fn observe(&mut self, packet: &Packet<'_>, found: &Dissection<'_>) {
        let (Some(hosts), Some(application)) = (found.hosts, &found.application) else { return };
        // What is inside a tunnel belongs to nodes that are not in the graph.
        if hosts.addresses != application.addresses {
            return;
        }
        let message = match application.ports.transport {
            Transport::Tcp => application.payload.get(2..).unwrap_or_default(),
            _ => application.payload,
        };
        let Some((question, id, is_answer)) = asks(message) else { return };
        let Some((key, note)) = self.known(question, id) else { return };
        let hosts = if is_answer { hosts.addresses.reversed() } else { hosts.addresses };
        let life = packet.timestamp.map(|t| (t, t));
        self.ask(AskedKey { domain: note.domain, hosts }, Asked { messages: 1, life });
        if note.what == What::Private {
            let among = hash(&hosts);
            let key = NameKey { among, ..key };
            let mut buffer = [0; LONGEST];
            if self.names.seen(&key).is_none()
                && let Some((name, _)) = read_name(question, &mut buffer)
            {
                self.names.add(key, note);
                self.add_labels(among, note.domain, name, label_of(name));
            }
        }
    }

    #[inline]
    fn ask(&mut self, key: AskedKey, asked: Asked) {
        match &mut self.latest_asked {
            Some((latest, sum)) if *latest == key => sum.merge(asked),
            other => {
                if let Some((key, sum)) = other.replace((key, asked)) {
                    self.asked.add(key, sum);
                }
            }
        }
    }

    /// Puts what the latest messages add up to where it belongs.
    pub(crate) fn settle(&mut self) {
        if let Some((key, sum)) = self.latest_asked.take() {
            self.asked.add(key, sum);
        }
    }

    /// Who asked for what, the latest included.
    fn asked(&self) -> Cow<'_, Bounded<AskedKey, Asked>> {
        let mut asked = Cow::Borrowed(&self.asked);
        if let Some((key, sum)) = self.latest_asked {
            asked.to_mut().add(key, sum);
        }
        asked
    }

    /// The name that a question begins with, as it counts among the names below its domain; `None` where it counts for nothing.
    #[inline]
    fn known(&mut self, question: &[u8], id: u16) -> Option<(NameKey, NameNote)> {
        let place = usize::from(id) % LATEST;
        match self.latest.get(place) {
            Some(latest) if !latest.wire.is_empty() && question.starts_with(&latest.wire) => latest.known,
            _ => self.learn(question, place),
        }
    }

    fn learn(&mut self, question: &[u8], place: usize) -> Option<(NameKey, NameNote)> {
        let mut buffer = [0; LONGEST];
        let (name, wire) = read_name(question, &mut buffer)?;
        let key = NameKey { among: 0, name: hash(name) };
        let known = match self.names.seen(&key) {
            Some(note) => Some(*note),
            None => self.note(name).inspect(|note| self.names.add(key, *note)),
        };
        let known = known.map(|note| (key, note));
        self.latest.resize_with(LATEST, Question::default);
        let latest = &mut self.latest[place];
        latest.known = known;
        latest.wire.clear();
        latest.wire.extend_from_slice(wire);
        known
    }

    /// The labels of a text, each by itself.
    fn add_labels(&mut self, among: u64, domain: Domain, text: &[u8], what: What) {
        for label in text.split(|byte| *byte == b'.') {
            // Not a name, whatever it holds, and another one under each domain.
            let name = hash(&(if among == 0 { domain.0 } else { among }, "label", label));
            self.names.add(NameKey { among, name }, NameNote { domain, len: label.len() as u8, what });
        }
    }

    /// What a name counts for; `None` for names that stand for addresses and those without a dot.
    fn note(&mut self, name: &[u8]) -> Option<NameNote> {
        if name.ends_with(b".in-addr.arpa") || name.ends_with(b".ip6.arpa") {
            return None;
        }
        let domain = psl::domain(name)?;
        let text = domain.as_bytes();
        let key = Domain(hash(text));
        if self.domains.seen(&key).is_none() {
            self.domains.add(key, DomainText(String::from_utf8_lossy(text).into()));
        }
        let len = (name.len() - text.len()).saturating_sub(1);
        let what = if domain.suffix().is_known() { What::Name } else { What::Private };
        if what == What::Private && len > 0 {
            self.add_labels(0, key, &name[..len], label_of(name));
        }
        Some(NameNote { domain: key, len: len as u8, what })
    }

    pub(crate) fn sampled(&self) -> impl Iterator<Item = Sampled> {
        let all = [
            self.names.sampled("DNS names"),
            self.domains.sampled("DNS domains"),
            self.asked().sampled("who asks for DNS domains"),
        ];
        all.into_iter().flatten()
    }

    pub(crate) fn merge(&mut self, mut other: Self) {
        self.settle();
        other.settle();
        self.names.merge(other.names);
        self.asked.merge(other.asked);
        self.domains.merge(other.domains);
    }

    /// Of how many names the sums are made, by one that is counted: 1 unless they are estimates.
    pub(crate) fn share(&self) -> f64 {
        self.names.share()
    }

    /// The names of every scope, added up.
    pub(crate) fn by_scope(&self) -> BTreeMap<Scope, NameSum> {
        let texts: BTreeMap<Domain, &str> = self.domains.iter().map(|(key, text)| (*key, &*text.0)).collect();
        let mut asked: BTreeMap<Domain, Vec<(Pair<IpAddr>, Asked)>> = BTreeMap::new();
        let mut hosts: BTreeMap<u64, Pair<IpAddr>> = BTreeMap::new();
        let all_asked = self.asked();
        for (key, seen) in all_asked.iter() {
            asked.entry(key.domain).or_default().push((key.hosts, *seen));
            hosts.insert(hash(&key.hosts), key.hosts);
        }
        let mut sums: BTreeMap<Scope, NameSum> = BTreeMap::new();
        for (key, note) in self.names.iter() {
            let text = texts.get(&note.domain);
            let scope = match (hosts.get(&key.among), text) {
                (_, Some(text)) if key.among == 0 => Scope::Domain((*text).into()),
                (Some(hosts), _) if key.among != 0 => Scope::Hosts(*hosts),
                _ => continue,
            };
            // The domain itself.
            if note.len == 0 && key.among == 0 {
                continue;
            }
            let sum = sums.entry(scope.clone()).or_default();
            sum.is_private = note.what != What::Name;
            let len = f64::from(note.len);
            match note.what {
                What::Name => (sum.names, sum.bytes) = (sum.names + 1.0, sum.bytes + len),
                What::Private => sum.names += 1.0,
                What::Label => sum.bytes += len,
                What::Discovered => (sum.bytes, sum.discovered) = (sum.bytes + len, sum.discovered + len),
            }
            if sum.asked.is_empty() {
                sum.is_asked_by_more = key.among == 0 && !all_asked.has_all_of(&note.domain);
                sum.asked = match &scope {
                    Scope::Domain(_) => asked.get(&note.domain).cloned().unwrap_or_default(),
                    Scope::Hosts(hosts) => vec![(*hosts, Asked { messages: 0, life: None })],
                };
                sum.asked.sort_unstable_by_key(|(hosts, seen)| (std::cmp::Reverse(seen.messages), *hosts));
            }
            // Of what the two say by DNS, only these domains are of the scope.
            if let (Scope::Hosts(hosts), Some(text)) = (&scope, text)
                && sum.domains.insert((*text).into())
            {
                let seen = AskedKey { domain: note.domain, hosts: *hosts };
                let of_domain = all_asked.get(&seen).into_iter();
                sum.asked.iter_mut().zip(of_domain).for_each(|((_, sum), seen)| sum.merge(*seen));
            }
        }
        // Whole numbers until here: what they add up to does not hang on their order.
        let share = self.names.share();
        for sum in sums.values_mut() {
            sum.names = (sum.names / share).round();
            sum.bytes = (sum.bytes / share).round();
            sum.discovered = (sum.discovered / share).round();
        }
        sums
    }
}

fn hash<T: Hash + ?Sized>(value: &T) -> u64 {
    FixedState::with_seed(0x646e_7321).hash_one(value)
}

/// A message's first question, its identification, and whether it is an answer.
#[inline]
fn asks(message: &[u8]) -> Option<(&[u8], u16, bool)> {
    let (&[high, low, flags, _, _, questions, ..], question) = message.split_first_chunk::<12>()?;
    // Standard queries (RFC 1035, 4.1.1).
    (questions != 0 && flags & 0x78 == 0).then_some((
        question,
        u16::from_be_bytes([high, low]),
        flags & 0x80 != 0,
    ))
}

/// The name that a question begins with, in lower case and without the last dot, and as it stands there.
fn read_name<'q, 'b>(question: &'q [u8], buffer: &'b mut [u8; LONGEST]) -> Option<(&'b [u8], &'q [u8])> {
    let mut end = 0;
    let label_at = |at: usize| question.get(at).map(|len| usize::from(*len));
    while let Some(len) = label_at(end).filter(|len| *len > 0) {
        end += len + 1;
        // The question comes first: it has nothing to point to.
        if len >= 64 || end > LONGEST {
            return None;
        }
    }
    let wire = question.get(..end + 1)?;
    // All but the first length and the root's.
    let labels = wire.get(1..end)?;
    let name = buffer.get_mut(..labels.len())?;
    name.copy_from_slice(labels);
    name.make_ascii_lowercase();
    // A dot inside a label is data: it must not split it.
    name.iter_mut().for_each(|byte| *byte = if *byte == b'.' { b'_' } else { *byte });
    let mut at = 0;
    while let Some(len) = label_at(at).filter(|_| at < end) {
        at += len + 1;
        if let Some(dot) = name.get_mut(at - 1) {
            *dot = b'.';
        }
    }
    Some((name, wire))
}

/// What the labels of a private name count as.
fn label_of(name: &[u8]) -> What {
    if is_discovered(name) { What::Discovered } else { What::Label }
}

/// Whether multicast DNS has such names, which are asked of resolvers too where it finds nothing: a browser's hosts in a call
/// (RFC 9429, 5.3.1, and draft-ietf-mmusic-mdns-ice-candidates: a random UUID below `local`), and services (RFC 6763).
fn is_discovered(name: &[u8]) -> bool {
    let Some(name) = name.strip_suffix(b".local") else { return false };
    is_uuid(name) || is_service(name)
}

/// `_service._proto`, perhaps of a subtype, or with the name of an instance, which is one label (RFC 6763, 4.1 and 7). A service's
/// name has 15 letters at most (RFC 6335, 5.1).
fn is_service(name: &[u8]) -> bool {
    let labels: Vec<&[u8]> = name.rsplit(|byte| *byte == b'.').take(5).collect();
    let [b"_tcp" | b"_udp", service, rest @ ..] = &labels[..] else { return false };
    let has_form = service.first() == Some(&b'_') && service.len() <= 16;
    has_form && matches!(rest, [] | [_] | [b"_sub", _])
}

/// A version-4 UUID (RFC 9562) in lower case.
fn is_uuid(label: &[u8]) -> bool {
    let is_place = |(n, byte): (usize, &u8)| match n {
        8 | 13 | 18 | 23 => *byte == b'-',
        14 => *byte == b'4',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    label.len() == 36 && label.iter().enumerate().all(is_place)
}

impl Grouped for NameKey {
    type Group = Self;

    fn group(&self) -> Self {
        *self
    }
}

impl Hash for AskedKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.domain.0);
        hash_hosts(self.hosts, state);
    }
}

impl Grouped for AskedKey {
    type Group = Domain;

    fn group(&self) -> Domain {
        self.domain
    }
}

impl Grouped for Domain {
    type Group = Self;

    fn group(&self) -> Self {
        *self
    }
}

impl Merge for NameNote {
    /// A label between two hosts may stand below several domains: it is noted with the same one in any order.
    fn merge(&mut self, other: Self) {
        self.domain = self.domain.min(other.domain);
        if self.what == What::Discovered {
            self.what = other.what;
        }
    }
}

impl Merge for DomainText {
    fn merge(&mut self, _: Self) {}
}

impl Merge for Asked {
    fn merge(&mut self, other: Self) {
        self.messages += other.messages;
        self.life = join(self.life, other.life);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Label by label.
    fn read_slowly(question: &[u8]) -> Option<(Vec<u8>, usize)> {
        let (mut name, mut at) = (Vec::new(), 0);
        loop {
            let len = usize::from(*question.get(at)?);
            let label = question.get(at + 1..at + 1 + len).filter(|_| len < 64)?;
            at += 1 + len;
            if len == 0 {
                break;
            }
            name.extend(
                label.iter().map(|byte| if *byte == b'.' { b'_' } else { byte.to_ascii_lowercase() }),
            );
            name.push(b'.');
            if name.len() > LONGEST {
                return None;
            }
        }
        name.pop()?;
        Some((name, at))
    }

    #[test]
    fn what_is_at_hand_is_counted() {
        let key = |domain| AskedKey {
            domain: Domain(domain),
            hosts: Pair { source: [10, 0, 0, 1].into(), destination: [10, 0, 0, 2].into() },
        };
        let mut names = DnsNames::default();
        for domain in [1, 1, 2, 1] {
            names.ask(key(domain), Asked { messages: 1, life: None });
        }
        let mut other = DnsNames::default();
        other.ask(key(2), Asked { messages: 1, life: None });
        let counts = |names: &DnsNames| {
            let asked = names.asked();
            [1, 2].map(|domain| asked.get(&key(domain)).map_or(0, |asked| asked.messages))
        };
        assert_eq!(counts(&names), [3, 1]);
        names.settle();
        assert_eq!(counts(&names), [3, 1]);
        names.merge(other);
        assert_eq!(counts(&names), [3, 2]);
    }

    proptest! {
        #[test]
        fn names_are_read_as_label_by_label(
            labels in prop::collection::vec((1..70_u8, prop::sample::select(b"aZ.\xff\0".to_vec()), 0..70_usize), 0..9),
            end in prop::option::of(Just(0_u8)),
        ) {
            // Mostly as long as it says.
            let label = |(len, byte, other): (u8, u8, usize)| {
                let content = if other < 60 { len.into() } else { other };
                [&[len][..], &vec![byte; content]].concat()
            };
            let question: Vec<u8> = labels.into_iter().flat_map(label).chain(end).collect();
            let mut buffer = [0; LONGEST];
            let found = read_name(&question, &mut buffer).map(|(name, wire)| (name.to_vec(), wire.len()));
            prop_assert_eq!(found, read_slowly(&question));
        }

        /// Few names and identifications, so that questions take each other's places; of names, case tells none apart.
        #[test]
        fn remembered_questions_are_those_read_anew(asked in prop::collection::vec((0..7_usize, 0..3_u16), 0..40)) {
            const QUESTIONS: [&[u8]; 7] = [
                b"\x01a\x07example\x03com\0\0\x01\0\x01",
                b"\x01A\x07example\x03com\0\0\x01\0\x01",
                b"\x02aa\x07example\x03com\0\0\x1c\0\x01",
                b"\x01a\x04home\0\0\x01\0\x01",
                b"\x011\x010\x010\x02in\x04arpa\0\0\x0c\0\x01",
                b"\x01a\x07example\x03com",
                b"",
            ];
            let (mut remembers, mut reads) = (DnsNames::default(), DnsNames::default());
            for (question, id) in asked {
                let known = remembers.known(QUESTIONS[question], 64 * id + id % 2);
                let read = reads.learn(QUESTIONS[question], 0);
                let parts = |known: Option<(NameKey, NameNote)>| known.map(|(key, note)| (key, note.domain, note.len, note.what));
                prop_assert_eq!(parts(known), parts(read));
            }
        }
    }

    /// The same label below many private domains, more of them than there is room for: the same sums in any order.
    #[test]
    fn labels_of_left_out_domains_count_in_any_order() {
        let hosts = Pair { source: IpAddr::from([10, 0, 0, 1]), destination: IpAddr::from([10, 0, 0, 2]) };
        let part = |domains: std::ops::Range<u32>| {
            let mut names = DnsNames { domains: Bounded::new(8), ..DnsNames::default() };
            names.asked.add(AskedKey { domain: Domain(0), hosts }, Asked { messages: 1, life: None });
            for n in domains {
                let name = format!("same{}.zone{n}.lan{n}", n % 3);
                if let Some(note) = names.note(name.as_bytes()) {
                    names.add_labels(hash(&hosts), note.domain, name.as_bytes(), What::Label);
                }
            }
            names
        };
        let sums = |mut one: DnsNames, other: DnsNames| {
            one.merge(other);
            let of_hosts = one.by_scope().remove(&Scope::Hosts(hosts)).unwrap_or_default();
            (of_hosts.bytes, of_hosts.domains)
        };
        let there = sums(part(0..40), part(40..80));
        assert_eq!(there, sums(part(40..80), part(0..40)));
        assert!(there.0 > 0.0);
    }
}

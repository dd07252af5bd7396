//! DNS (RFC 1035), and multicast DNS (RFC 6762) and LLMNR (RFC 4795), which share its format.
//!
//! Nothing is copied out of a message until it is known to name an address: names are read where they stand.

use std::borrow::Cow;
use std::iter::FusedIterator;
use std::net::{IpAddr, Ipv6Addr};

use smallvec::SmallVec;

use super::text::{folded, text};
use super::{DetailKind, Named, Sighting, be16};
use crate::Protocol;

const A: u16 = 1;
const CNAME: u16 = 5;
const PTR: u16 = 12;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const INTERNET: u16 = 1;

/// The kinds of records that give a name to an address or a host to a service; NetBIOS's NB with them (its NBSTAT has SRV's
/// number).
const NAMING: [u16; 5] = [A, PTR, AAAA, SRV, 0x20];

/// Aliases followed from the name that was asked for; resolvers give up earlier.
const MAX_ALIASES: usize = 32;

/// Bytes of a message's header.
const HEADER: usize = 12;

/// A resource record, its data not looked into.
pub(super) struct Record<'a> {
    pub(super) owner: Name<'a>,
    pub(super) kind: u16,
    pub(super) class: u16,
    pub(super) data: &'a [u8],
    data_at: usize,
}

/// What could be read of a message.
#[derive(Default)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    /// Few, so that nearly no message asks for memory.
    pub(super) records: SmallVec<[Record<'a>; 4]>,
    /// Where the records stand that give an alias to a name: their owners, and their data. To be read where there is a name to follow.
    aliases: SmallVec<[(usize, usize); 4]>,
    /// Whether it ends where its last record does.
    is_whole: bool,
}

/// A name where it stands in its message, read once and found to make sense.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    message: &'a [u8],
    at: usize,
}

/// Every name that a message gives to an address, in whichever of its sections: an address record's is the
/// one that was asked for, where aliases lead from there to its own.
pub(super) fn message(bytes: &[u8], protocol: Protocol, see: &mut dyn FnMut(Sighting<'_>)) {
    // Read in place: a message is long, and mostly empty.
    let mut message = Message::default();
    message.read_all(bytes);
    let records = &message.records;
    if records.is_empty() {
        return;
    }
    let mut asked_for = None;
    // Of several addresses, most have the same name.
    let mut latest: Option<(Name<'_>, Option<String>)> = None;
    let of_internet = || records.iter().filter(|record| record.class == INTERNET);
    for record in of_internet().filter(|record| record.kind == SRV) {
        services(record, of_internet(), see);
    }
    for record in of_internet() {
        let named = match record.kind {
            A | AAAA => record.address().map(|address| {
                let names = asked_for.get_or_insert_with(|| message.names_asked_for());
                let asked = names.first().filter(|_| names.contains(&record.owner));
                (address, *asked.unwrap_or(&record.owner))
            }),
            PTR => reversed_address(record.owner).zip(record.name()),
            _ => None,
        };
        let Some((address, name)) = named else { continue };
        let text = match latest {
            Some((of, ref text)) if of.is_at_the_place_of(name) => text,
            _ => &latest.insert((name, shown(name, protocol))).1,
        };
        if let Some(text) = text {
            see(Sighting::Name { of: Named::Host(address), name: text, protocol });
        }
    }
}

/// A name's text, if it has any.
fn shown(name: Name<'_>, protocol: Protocol) -> Option<String> {
    let name = name.dotted();
    // Multicast DNS names are the hosts' own, and their case is meant to be seen.
    let text = if protocol == Protocol::Dns { folded(&name) } else { text(&name) };
    text.map(Cow::into_owned)
}

/// The service of an SRV record (RFC 2782), as a detail of the hosts that the message's other records say it is
/// on: `Printer._ipp._tcp.local, port 631`.
fn services<'a>(
    record: &Record<'_>,
    others: impl Iterator<Item = &'a Record<'a>>,
    see: &mut dyn FnMut(Sighting<'_>),
) {
    let Some(&[_, _, _, _, high, low]) = record.data.first_chunk() else { return };
    let Some(target) = Name::at(record.owner.message, record.data_at + 6) else { return };
    let mut service = None;
    for address in others.filter(|other| matches!(other.kind, A | AAAA) && other.owner == target) {
        let service = service.get_or_insert_with(|| {
            let port = u16::from_be_bytes([high, low]);
            text(&record.owner.dotted()).map(|name| format!("{name}, port {port}"))
        });
        if let (Some(text), Some(host)) = (service, address.address()) {
            see(Sighting::Detail { of: Named::Host(host), kind: DetailKind::Service, text });
        }
    }
}

/// Whether a datagram between any ports is a DNS answer: one question, a header without oddities, and
/// records that end exactly where the datagram does.
pub(super) fn is_answer(bytes: &[u8]) -> bool {
    may_be_answer(bytes) && Message::read(bytes).is_whole
}

/// The same by its header alone.
#[inline]
pub(super) fn may_be_answer(bytes: &[u8]) -> bool {
    let Some(&[_, _, flags, more_flags, 0, 1, 0, answers, 0, authorities, 0, additional]) =
        bytes.first_chunk()
    else {
        return false;
    };
    let is_plain = flags & 0xf8 == 0x80 && more_flags & 0x40 == 0 && answers > 0;
    is_plain && answers.max(authorities).max(additional) <= 64
}

/// The messages that lie wholly in one TCP segment, each behind its length (RFC 1035, 4.2.2); and the
/// beginning of one that goes on in the next segment.
pub(super) fn over_tcp(mut bytes: &[u8], see: &mut dyn FnMut(Sighting<'_>)) {
    while let Some(len) = be16(&mut bytes) {
        let here = bytes.len().min(len.into());
        let Some(one) = bytes.split_off(..here).filter(|one| begins_message(one)) else { return };
        message(one, Protocol::Dns, see);
    }
}

/// Whether this can be a message's header. A segment need not begin where a message does.
fn begins_message(bytes: &[u8]) -> bool {
    let opcode = bytes.get(2).map(|flags| flags >> 3 & 0xf);
    matches!(opcode, Some(0..=2 | 4..=6)) && matches!(bytes.get(4..6), Some([0, 0 | 1]))
}

impl<'a> Message<'a> {
    /// Reads the [naming](NAMING) records as far as it goes: a message that is malformed or cut off still says what stands before that.
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let mut message = Self::default();
        message.read_all(bytes);
        message
    }

    /// The name that was asked for and those that it is an alias of, in order.
    fn names_asked_for(&self) -> SmallVec<[Name<'a>; 4]> {
        let name_at = |at| Name::at(self.bytes, at);
        let read = |&(owner, target): &(usize, usize)| Some((name_at(owner)?, target));
        let aliases: SmallVec<[(Name<'a>, usize); 4]> = self.aliases.iter().filter_map(read).collect();
        let mut chain = SmallVec::new();
        // Servers answer one question: the first.
        if self.bytes.get(4..6).is_some_and(|questions| questions != [0, 0]) {
            chain.extend(name_at(HEADER));
        }
        while let Some(last) = chain.last().copied().filter(|_| chain.len() < MAX_ALIASES) {
            let alias = aliases.iter().find(|(owner, _)| *owner == last);
            match alias.and_then(|(_, target)| name_at(*target)).filter(|target| !chain.contains(target)) {
                Some(target) => chain.push(target),
                None => break,
            }
        }
        chain
    }

    fn read_all(&mut self, bytes: &'a [u8]) {
        self.bytes = bytes;
        self.is_whole = self.read_on(bytes).is_some_and(|rest| rest.is_empty());
    }

    /// What stands behind the last record; `None` where that was not reached, or there is none.
    fn read_on(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        // Behind identification and flags, how many entries each section has.
        let (&[_, _, _, _, questions, questions_low, counts @ ..], mut rest) =
            bytes.split_first_chunk::<HEADER>()?;
        let count: usize =
            counts.as_chunks().0.iter().map(|&count| usize::from(u16::from_be_bytes(count))).sum();
        // Most messages are questions: they name nothing.
        if count == 0 {
            return None;
        }
        let at = |rest: &[u8]| bytes.len() - rest.len();
        for _ in 0..u16::from_be_bytes([questions, questions_low]) {
            // Type and class.
            rest = after_name(rest)?.get(4..)?;
        }
        // Most records point to the same owner as the one before: that name need not be walked again.
        let mut latest: Option<(u16, Name<'a>)> = None;
        for _ in 0..count {
            let owner_at = at(rest);
            let (fixed, behind) = after_name(rest)?.split_first_chunk::<10>()?;
            // Type, class, time to live, length.
            let &[kind, kind_low, class, class_low, _, _, _, _, len, len_low] = fixed;
            let data_at = at(behind);
            let (data, behind) = behind.split_at_checked(u16::from_be_bytes([len, len_low]).into())?;
            let points_to = pointer(rest);
            rest = behind;
            let kind = u16::from_be_bytes([kind, kind_low]);
            if kind == CNAME {
                self.aliases.push((owner_at, data_at));
            }
            // The other kinds name no address.
            if !NAMING.contains(&kind) {
                continue;
            }
            // The highest bit is multicast DNS's cache-flush.
            let class = u16::from_be_bytes([class, class_low]) & 0x7fff;
            let known = latest.filter(|(at, _)| points_to == Some(*at)).map(|(_, name)| name);
            let Some(owner) = known.or_else(|| Name::at(bytes, owner_at)) else { continue };
            latest = points_to.map(|at| (at, owner));
            self.records.push(Record { owner, kind, class, data, data_at });
        }
        Some(rest)
    }
}

/// Where a name points that begins with a pointer.
fn pointer(name: &[u8]) -> Option<u16> {
    match *name {
        [high, low, ..] if high >= 0xc0 => Some(u16::from_be_bytes([high & 0x3f, low])),
        _ => None,
    }
}

/// What stands behind a name.
fn after_name(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (&len, behind) = rest.split_first()?;
        match len {
            0 => return Some(behind),
            1..=63 => rest = behind.get(len.into()..)?,
            0xc0.. => return behind.get(1..),
            _ => return None,
        }
    }
}

impl<'a> Record<'a> {
    fn address(&self) -> Option<IpAddr> {
        match self.kind {
            A => <[u8; 4]>::try_from(self.data).ok().map(IpAddr::from),
            _ => <[u8; 16]>::try_from(self.data).ok().map(IpAddr::from),
        }
    }

    /// The name that is the data; it may point anywhere before itself in the message.
    fn name(&self) -> Option<Name<'a>> {
        Name::at(self.owner.message, self.data_at)
    }
}

/// The most bytes that a name has, the length of each label and the root's counted (RFC 1035, 2.3.4).
const MAX_NAME: usize = 255;

/// Pointers followed for one name: it has fewer labels, each of which may stand behind one. More are a trick, which costs time.
const MAX_POINTERS: usize = 128;

impl<'a> Name<'a> {
    /// The name at this place of a message; `None` where it makes no sense (a pointer forwards, more than
    /// 255 bytes or 128 pointers, no end).
    fn at(message: &'a [u8], at: usize) -> Option<Self> {
        let mut labels = Labels::at(message, at);
        let (mut len, mut first) = (1, None);
        while let Some(label) = labels.next() {
            let label = label?;
            // Where pointers lead, so that names that point to one place are known to be the same.
            first = first.or(labels.next.map(|next| next - label.len() - 1));
            len += label.len() + 1;
            if len > MAX_NAME {
                return None;
            }
        }
        Some(Self { message, at: first.unwrap_or(at) })
    }

    #[inline]
    fn is_at_the_place_of(self, other: Self) -> bool {
        self.at == other.at && std::ptr::eq(self.message, other.message)
    }

    pub(super) fn labels(self) -> impl Iterator<Item = &'a [u8]> {
        Labels::at(self.message, self.at).flatten()
    }

    /// The labels with a dot between each two.
    fn dotted(self) -> Vec<u8> {
        let mut name = Vec::with_capacity(MAX_NAME);
        for label in self.labels() {
            if !name.is_empty() {
                name.push(b'.');
            }
            name.extend_from_slice(label);
        }
        name
    }
}

/// The same but for case (RFC 4343).
impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        if self.is_at_the_place_of(*other) {
            return true;
        }
        let (mut mine, mut theirs) = (self.labels(), other.labels());
        loop {
            match (mine.next(), theirs.next()) {
                (Some(a), Some(b)) if a.eq_ignore_ascii_case(b) => {}
                (a, b) => return a.is_none() && b.is_none(),
            }
        }
    }
}

/// The labels of a name up to the root, then nothing; or `None` as the last one where it is malformed.
struct Labels<'a> {
    message: &'a [u8],
    /// Where the next label stands, if there may be one.
    next: Option<usize>,
    /// Where the labels after the latest pointer start.
    start: usize,
    /// Where those before that pointer start: labels may not run into them. So no name goes in circles.
    limit: usize,
    /// Pointers so far.
    pointers: usize,
}

impl<'a> Labels<'a> {
    fn at(message: &'a [u8], at: usize) -> Self {
        Self { message, next: Some(at), start: at, limit: usize::MAX, pointers: 0 }
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut at = self.next.take()?;
        loop {
            let rest = self.message.get(at..).filter(|_| at < self.limit).unwrap_or_default();
            match *rest {
                [0, ..] => return None,
                [len @ 1..=63, ref rest @ ..] => {
                    let label = rest.get(..len.into());
                    self.next = label.map(|label| at + 1 + label.len());
                    return Some(label);
                }
                _ => {
                    let Some(to) = pointer(rest) else { return Some(None) };
                    at = to.into();
                    self.pointers += 1;
                    if at >= self.start || self.pointers > MAX_POINTERS {
                        return Some(None);
                    }
                    (self.start, self.limit) = (at, self.start);
                }
            }
        }
    }
}

impl FusedIterator for Labels<'_> {}

/// The address that a name below in-addr.arpa (RFC 1035, 3.5) or ip6.arpa (RFC 3596, 2.5) stands for.
fn reversed_address(name: Name<'_>) -> Option<IpAddr> {
    let labels: Vec<&[u8]> = name.labels().collect();
    let (digits, zone) = labels.split_at_checked(labels.len().checked_sub(2)?)?;
    if !zone[1].eq_ignore_ascii_case(b"arpa") {
        return None;
    }
    let number = |label: &[u8], radix| {
        let digits = std::str::from_utf8(label).ok().filter(|text| !text.starts_with('+'))?;
        u8::from_str_radix(digits, radix).ok()
    };
    if digits.len() == 4 && zone[0].eq_ignore_ascii_case(b"in-addr") {
        let mut octets = [0; 4];
        for (octet, label) in octets.iter_mut().zip(digits.iter().rev()) {
            *octet = number(label, 10)?;
        }
        return Some(octets.into());
    }
    if digits.len() == 32 && zone[0].eq_ignore_ascii_case(b"ip6") {
        let mut bits = 0_u128;
        for label in digits.iter().rev() {
            bits = bits << 4 | u128::from(number(label, 16).filter(|n| *n < 16)?);
        }
        return Some(Ipv6Addr::from(bits).into());
    }
    None
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr;
    use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
    use proptest::prelude::*;

    use super::*;

    /// Bytes among which labels, ends and pointers are frequent.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            (0..64_u8, any::<u8>()).prop_map(|(len, byte)| [&[len][..], &vec![byte; len.into()]].concat()),
            any::<u8>().prop_map(|low| vec![0xc0, low]),
            Just(vec![0]),
            any::<u8>().prop_map(|byte| vec![byte]),
        ];
        prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
    }

    /// A message made of pointers alone would cost its length for each name in it.
    #[test]
    fn pointers_to_pointers_come_to_an_end() {
        let mut message = b"\x01a\0".to_vec();
        for hop in 0..=MAX_POINTERS {
            let at = message.len();
            let to = if hop == 0 { 0 } else { at - 2 } as u16;
            message.extend((0xc000 | to).to_be_bytes());
            assert_eq!(Name::at(&message, at).is_some(), hop < MAX_POINTERS, "{} pointers", hop + 1);
        }
    }

    proptest! {
        #[test]
        fn names_are_those_that_hickory_reads(message in bytes(), at in 0..80_usize) {
            let expected = (at <= message.len())
                .then(|| rr::Name::read(&mut BinDecoder::new(&message).clone(at as u16)).ok())
                .flatten();
            let found = Name::at(&message, at);
            prop_assert_eq!(
                found.map(|name| name.labels().collect::<Vec<_>>()),
                expected.as_ref().map(|name| name.iter().collect::<Vec<_>>())
            );
            if let (Some(found), Some(expected)) = (found, expected) {
                prop_assert_eq!(found.dotted(), expected.iter().collect::<Vec<_>>().join(&b'.'));
                let other = Name::at(&message, 0).filter(|other| *other == found);
                let theirs = rr::Name::read(&mut BinDecoder::new(&message)).ok().filter(|other| *other == expected);
                prop_assert_eq!(other.is_some(), theirs.is_some());
            }
        }
    }
}

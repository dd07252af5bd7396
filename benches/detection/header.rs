//! What an IPv4 packet's headers say that has nothing to do with what it is for: time to live, identification, and
//! segment size. What is put in takes them from the capture's own flows, and a classifier must not tell by them.

use std::collections::BTreeMap;

use crate::chance::Random;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) ttl: u8,
    pub(crate) id: u16,
    /// Of segments with SYN.
    pub(crate) segment_size: Option<u16>,
}

/// Flows that begin with a segment size, or without: which of both says what a flow is for, not who made it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    WithSegmentSize,
    Without,
}

/// One direction between two hosts and, if they have them, ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) source: [u8; 4],
    destination: [u8; 4],
    protocol: u8,
    ports: [u8; 4],
}

/// The first header of a flow, and the identifications of its first packets.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) header: Header,
    ids: Vec<u16>,
}

/// Identifications kept of a flow.
const IDS: usize = 64;

impl Header {
    /// Of an IPv4 packet straight behind its Ethernet header.
    pub(crate) fn of(frame: &[u8]) -> Option<(Key, Self)> {
        let ip = frame.get(14..).filter(|ip| frame[12..14] == [8, 0] && ip.first() == Some(&0x45))?;
        let (source, destination) = (*ip.get(12..16)?.first_chunk()?, *ip.get(16..20)?.first_chunk()?);
        let protocol = ip[9];
        let ports = match protocol {
            6 | 17 => *ip.get(20..24)?.first_chunk()?,
            _ => [0; 4],
        };
        let tcp = ip.get(20..).filter(|tcp| protocol == 6 && tcp.get(13).is_some_and(|flags| flags & 2 != 0));
        // Option 2 of 4 bytes, first where it is (RFC 9293, 3.2).
        let segment_size = tcp.and_then(|tcp| match tcp.get(20..24) {
            Some(&[2, 4, a, b]) => Some(u16::from_be_bytes([a, b])),
            _ => None,
        });
        let header = Self { ttl: ip[8], id: u16::from_be_bytes([ip[4], ip[5]]), segment_size };
        Some((Key { source, destination, protocol, ports }, header))
    }

    pub(crate) fn kind(&self) -> Kind {
        if self.segment_size.is_some() { Kind::WithSegmentSize } else { Kind::Without }
    }
}

impl Flow {
    pub(crate) fn new(header: Header) -> Self {
        Self { header, ids: vec![header.id] }
    }

    pub(crate) fn add(&mut self, id: u16) {
        if self.ids.len() < IDS {
            self.ids.push(id);
        }
    }

    /// The identification of its packet of that number, from 0; past those that were seen, as from one of them to the next.
    pub(crate) fn id(&self, number: usize, before: u16, random: &mut Random) -> u16 {
        if let Some(id) = self.ids.get(number) {
            return *id;
        }
        let steps: Vec<u16> = self.ids.array_windows().map(|[a, b]| b.wrapping_sub(*a)).collect();
        let alone = u16::from(before != 0);
        before.wrapping_add(random.one_of(&steps).copied().unwrap_or(alone))
    }
}

/// A flow as a classifier sees it that sees nothing but headers; in which capture it is; and what it is to tell.
pub(crate) type Labelled = (Header, usize, bool);

/// The first header of each flow.
pub(crate) fn first_headers<'a>(frames: impl Iterator<Item = &'a [u8]>) -> BTreeMap<Key, Header> {
    let mut first = BTreeMap::new();
    for (key, header) in frames.filter_map(Header::of) {
        first.entry(key).or_insert(header);
    }
    first
}

/// The mean of the shares of both labels that their nearest neighbours in other captures' flows tell right: five folds,
/// by capture, each label of equal weight.
pub(crate) fn balanced_accuracy(flows: &[Labelled]) -> f64 {
    const NEIGHBOURS: usize = 15;
    const FOLDS: usize = 5;
    let mut right = [0_u64; 2];
    let mut of = [0_u64; 2];
    for fold in 0..FOLDS {
        let (test, train): (Vec<&Labelled>, Vec<&Labelled>) =
            flows.iter().partition(|(_, capture, _)| capture % FOLDS == fold);
        let counts = [false, true].map(|label| train.iter().filter(|it| it.2 == label).count().max(1) as f64);
        for (header, _, label) in test {
            let mut near: Vec<(f64, bool)> = train.iter().map(|it| (distance(header, &it.0), it.2)).collect();
            if near.is_empty() {
                continue;
            }
            let nth = NEIGHBOURS.min(near.len() - 1);
            near.select_nth_unstable_by(nth, |a, b| a.0.total_cmp(&b.0));
            // All that are as near count: headers are often the same.
            let bound = near[nth].0;
            let votes = [false, true].map(|label| {
                let n = near.iter().filter(|(at, is)| *at <= bound && *is == label).count();
                n as f64 / counts[usize::from(label)]
            });
            of[usize::from(*label)] += 1;
            right[usize::from(*label)] += u64::from((votes[1] > votes[0]) == *label);
        }
    }
    (0..2).map(|label| right[label] as f64 / of[label].max(1) as f64).sum::<f64>() / 2.0
}

fn distance(a: &Header, b: &Header) -> f64 {
    let size = |header: &Header| f64::from(header.segment_size.unwrap_or(0)) / 1460.0;
    let ttl = (f64::from(a.ttl) - f64::from(b.ttl)) / 255.0;
    let id = (f64::from(a.id) - f64::from(b.id)) / 65_535.0;
    ttl * ttl + id * id + (size(a) - size(b)).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classifier_tells_what_differs_and_nothing_else() {
        let flows = |ttl: fn(bool, &mut Random) -> u64| -> f64 {
            let mut random = Random(1);
            let flow = |n: usize| {
                let label = n.is_multiple_of(2);
                let ttl = ttl(label, &mut random) as u8;
                (Header { ttl, id: random.below(65_536) as u16, segment_size: Some(1460) }, n / 10, label)
            };
            balanced_accuracy(&(0..2000).map(flow).collect::<Vec<_>>())
        };
        assert!(flows(|label, _| if label { 64 } else { 128 }) > 0.99);
        assert!(flows(|label, random| 64 + random.below(if label { 64 } else { 32 })) > 0.6);
        assert!((flows(|_, random| 64 + random.below(64)) - 0.5).abs() < 0.05);
    }

    #[test]
    fn identifications_go_on_as_they_began() {
        let ids = |seen: &[u16]| -> Vec<u16> {
            let mut flow = Flow::new(Header { ttl: 64, id: seen[0], segment_size: None });
            seen[1..].iter().for_each(|id| flow.add(*id));
            let mut last = 0;
            (0..4)
                .map(|n| {
                    last = flow.id(n, last, &mut Random(n as u64));
                    last
                })
                .collect()
        };
        assert_eq!(ids(&[0, 0]), [0, 0, 0, 0]);
        assert_eq!(ids(&[65_534, 65_535]), [65_534, 65_535, 0, 1]);
        assert_eq!(ids(&[7]), [7, 8, 9, 10]);
        assert_eq!(ids(&[0]), [0, 0, 0, 0]);
    }
}

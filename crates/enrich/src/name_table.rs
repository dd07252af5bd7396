use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use pcapviz_capture::{DetailKind, MacAddr, Named, Protocol, Sighting, Timestamp};
use pcapviz_graph::{AddressClass, Annotations, Name, NameSource, NodeId, join_lives};

use crate::enricher::{add_names, hosts};
use crate::{EnrichError, Enriched, Enricher};

/// Names that a capture gives to addresses, each with how often and when it was seen.
///
/// Tables [merge](NameTable::merge): shards, captures and machines add up to the same table in any order.
/// Its size is bounded whatever the capture says: of each address it keeps the alphabetically first 64 names
/// of each source, and it keeps 2^20 addresses, the lowest ones. These are the same in whatever order names
/// come; what is beyond them is [counted](NameTable::left_out).
///
/// ```
/// use pcapviz_capture::{Named, Protocol, Sighting};
/// use pcapviz_enrich::NameTable;
/// use pcapviz_graph::{Annotations, NodeId};
///
/// let address = "192.0.2.1".parse().unwrap();
/// let mut names = NameTable::new();
/// names.observe(None, Sighting::name(Named::Host(address), "www.example", Protocol::Dns));
///
/// let mut annotations = Annotations::default();
/// names.annotate(&mut annotations);
/// let notes = annotations.get(NodeId::Host(address)).unwrap();
/// assert_eq!(notes.best_name().unwrap().name, "www.example");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameTable {
    /// By address: its names, sorted by source, then alphabetically.
    named: BTreeMap<Named, Vec<Name>>,
    /// Who leases which address, and how often that was seen.
    leases: BTreeMap<(IpAddr, MacAddr), u64>,
    /// What else is said of an address, and how often.
    details: BTreeMap<(Named, DetailKind, String), u64>,
    left_out: u64,
    #[cfg(test)]
    limits: Option<Limits>,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    /// Of one address, from one source.
    names: usize,
    addresses: usize,
    leases: usize,
    details: usize,
}

const LIMITS: Limits = Limits { names: 64, addresses: 1 << 20, leases: 1 << 20, details: 1 << 16 };

/// Details of one kind that are shown of one node.
const MOST_DETAILS: usize = 3;

impl NameTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what a packet says. O(log addresses + names of the address).
    ///
    /// Names for no address at all (`0.0.0.0`, `::`, as filtering DNS servers answer) and for everyone
    /// (255.255.255.255) are left out.
    pub fn observe(&mut self, timestamp: Option<Timestamp>, sighting: Sighting<'_>) {
        match sighting {
            Sighting::Name { of, name, protocol } => match source(protocol) {
                Some(source) => self.insert(of, source, name, timestamp),
                None => self.left_out += 1,
            },
            Sighting::Lease { device, host } => self.lease((host, device), 1),
            Sighting::Detail { of, kind, text } => self.detail((of, kind, text.to_owned()), 1),
            // What says no name is none of ours.
            _ => {}
        }
    }

    /// Takes in one name from elsewhere, such as a capture file's own list.
    /// O(log addresses + names of the address).
    pub fn insert(&mut self, of: Named, source: NameSource, name: &str, timestamp: Option<Timestamp>) {
        if let Named::Host(host) = of
            && matches!(AddressClass::of(host), AddressClass::Unspecified | AddressClass::Broadcast)
        {
            self.left_out += 1;
            return;
        }
        let names = self.named.entry(of).or_default();
        match find(names, source, name) {
            Ok(at) => {
                names[at].count += 1;
                names[at].life = join_lives(names[at].life, timestamp.map(|t| (t, t)));
            }
            Err(at) => {
                let mut new = Name::new(source, name);
                new.life = timestamp.map(|t| (t, t));
                names.insert(at, new);
                self.keep_within_limits(of, source);
            }
        }
    }

    /// Adds another table. Commutative and associative; O(names of `other` · log addresses).
    pub fn merge(&mut self, other: Self) {
        self.left_out += other.left_out;
        for (of, others) in other.named {
            for new in others {
                let source = new.source;
                let names = self.named.entry(of).or_default();
                match find(names, source, &new.name) {
                    Ok(at) => {
                        names[at].count += new.count;
                        names[at].life = join_lives(names[at].life, new.life);
                    }
                    Err(at) => {
                        names.insert(at, new);
                        self.keep_within_limits(of, source);
                    }
                }
            }
        }
        for (lease, count) in other.leases {
            self.lease(lease, count);
        }
        for (detail, count) in other.details {
            self.detail(detail, count);
        }
    }

    /// How many sightings are not kept: they went over a bound, or name nobody.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many addresses have a name of their own.
    pub fn len(&self) -> usize {
        self.named.len()
    }

    /// Whether no address has a name.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// Writes the names of every address in the table.
    pub fn annotate(&self, annotations: &mut Annotations) {
        let leased = self.leases.keys().map(|(host, _)| Named::Host(*host));
        let detailed = self.details.keys().map(|(of, ..)| *of);
        let all: BTreeSet<Named> = self.named.keys().copied().chain(leased).chain(detailed).collect();
        for of in all {
            self.annotate_one(of, annotations);
        }
    }

    /// Writes the names of one address, and says whether there were any. A host has also those that DHCP
    /// gives the devices which lease its address.
    fn annotate_one(&self, of: Named, annotations: &mut Annotations) -> bool {
        let mut names = self.named.get(&of).cloned().unwrap_or_default();
        let node = match of {
            Named::Device(mac) => NodeId::Device(mac),
            Named::Host(ip) => {
                let of_devices = self
                    .leases
                    .range((ip, MacAddr([0; 6]))..=(ip, MacAddr::BROADCAST))
                    .filter_map(|((_, device), _)| self.named.get(&Named::Device(*device)))
                    .flatten()
                    .filter(|name| name.source == NameSource::Dhcp);
                for new in of_devices {
                    match find(&names, new.source, &new.name) {
                        Ok(at) => {
                            names[at].count += new.count;
                            names[at].life = join_lives(names[at].life, new.life);
                        }
                        Err(at) => names.insert(at, new.clone()),
                    }
                }
                NodeId::Host(ip)
            }
        };
        let mut found = !names.is_empty();
        if found {
            add_names(annotations, node, names);
        }
        let first = (of, DetailKind::ALL[0], String::new());
        let details: Vec<_> = self
            .details
            .range(first..)
            .map(|(detail, _)| detail)
            .take_while(|detail| detail.0 == of)
            .collect();
        for of_kind in details.chunk_by(|a, b| a.1 == b.1) {
            found = true;
            if of_kind[0].1 == DetailKind::Service {
                annotations.entry(node).services = of_kind.iter().map(|detail| detail.2.clone()).collect();
                continue;
            }
            let mut text =
                of_kind.iter().take(MOST_DETAILS).map(|d| d.2.as_str()).collect::<Vec<_>>().join("; ");
            if of_kind.len() > MOST_DETAILS {
                text.push_str(&format!(" +{}", of_kind.len() - MOST_DETAILS));
            }
            annotations.entry(node).extra.insert(of_kind[0].1.name().to_owned(), text);
        }
        found
    }

    fn detail(&mut self, detail: (Named, DetailKind, String), count: u64) {
        *self.details.entry(detail).or_default() += count;
        if self.details.len() > self.limits().details
            && let Some((_, count)) = self.details.pop_last()
        {
            self.left_out += count;
        }
    }

    fn lease(&mut self, lease: (IpAddr, MacAddr), count: u64) {
        *self.leases.entry(lease).or_default() += count;
        if self.leases.len() > self.limits().leases
            && let Some((_, count)) = self.leases.pop_last()
        {
            self.left_out += count;
        }
    }

    /// Drops what the latest insertion pushed over a bound: always the last in order, so that what stays is
    /// the same in whatever order it came. Whatever is among the first of all was among the first of
    /// everything seen before, and so was never dropped: its counts are whole.
    fn keep_within_limits(&mut self, of: Named, source: NameSource) {
        let limits = self.limits();
        if let Some(names) = self.named.get_mut(&of) {
            let start = names.partition_point(|name| name.source < source);
            let end = names.partition_point(|name| name.source <= source);
            if end - start > limits.names {
                self.left_out += names.remove(end - 1).count;
            }
        }
        if self.named.len() > limits.addresses
            && let Some((_, names)) = self.named.pop_last()
        {
            self.left_out += names.iter().map(|name| name.count).sum::<u64>();
        }
    }

    fn limits(&self) -> Limits {
        #[cfg(test)]
        if let Some(limits) = self.limits {
            return limits;
        }
        LIMITS
    }
}

impl Enricher for NameTable {
    fn title(&self) -> &str {
        "names in the capture"
    }

    fn enrich(&self, nodes: &[NodeId], annotations: &mut Annotations) -> Result<Enriched, EnrichError> {
        let devices = nodes.iter().filter_map(|node| match node {
            NodeId::Device(mac) => Some(Named::Device(*mac)),
            _ => None,
        });
        let all: BTreeSet<Named> = devices.chain(hosts(nodes).into_iter().map(Named::Host)).collect();
        let mut enriched = Enriched::default();
        for of in all {
            enriched.nodes += u64::from(self.annotate_one(of, annotations));
        }
        Ok(enriched)
    }
}

fn find(names: &[Name], source: NameSource, name: &str) -> Result<usize, usize> {
    names.binary_search_by(|probe| (probe.source, probe.name.as_str()).cmp(&(source, name)))
}

/// What a protocol's names are trusted as.
fn source(protocol: Protocol) -> Option<NameSource> {
    Some(match protocol {
        Protocol::Dns => NameSource::Dns,
        Protocol::Mdns => NameSource::Mdns,
        Protocol::Llmnr => NameSource::Llmnr,
        Protocol::Netbios => NameSource::Netbios,
        Protocol::Dhcp | Protocol::Dhcpv6 => NameSource::Dhcp,
        Protocol::Tls | Protocol::Quic => NameSource::Tls,
        Protocol::Http => NameSource::Http,
        Protocol::Lldp => NameSource::Lldp,
        Protocol::Cdp => NameSource::Cdp,
        Protocol::Ssdp => NameSource::Upnp,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Event = (Option<i64>, u8, u8, u8);

    fn table(limits: Limits, events: &[Event]) -> NameTable {
        let mut table = NameTable { limits: Some(limits), ..NameTable::default() };
        for &(time, host, name, kind) in events {
            let ip = IpAddr::from([10, 0, 0, host % 6]);
            let time = time.map(Timestamp::from_nanos);
            let (name, mac) = (format!("n{}", name % 8), MacAddr([2, 0, 0, 0, 0, host % 3]));
            table.observe(
                time,
                match kind % 4 {
                    0 if host % 7 == 6 => {
                        Sighting::Detail { of: Named::Host(ip), kind: DetailKind::Service, text: &name }
                    }
                    0 => Sighting::name(Named::Host(ip), &name, Protocol::Dns),
                    1 => Sighting::name(Named::Host(ip), &name, Protocol::Http),
                    2 => Sighting::name(Named::Device(mac), &name, Protocol::Dhcp),
                    _ => Sighting::lease(mac, ip),
                },
            );
        }
        table
    }

    fn merged(mut a: NameTable, b: &NameTable) -> NameTable {
        a.merge(b.clone());
        a
    }

    fn annotated(table: &NameTable) -> Annotations {
        let mut annotations = Annotations::default();
        table.annotate(&mut annotations);
        annotations
    }

    proptest! {
        #[test]
        fn merging_is_commutative_and_associative(
            events in proptest::collection::vec(any::<Event>(), 0..60),
            cuts in any::<(prop::sample::Index, prop::sample::Index)>(),
            names in 1..5_usize,
            addresses in 1..6_usize,
            leases in 1..5_usize,
        ) {
            let limits = Limits { names, addresses, leases, details: leases };
            let cut = |i: prop::sample::Index| i.index(events.len() + 1);
            let (first, second) = (cut(cuts.0).min(cut(cuts.1)), cut(cuts.0).max(cut(cuts.1)));
            let whole = table(limits, &events);
            let [a, b, c] =
                [&events[..first], &events[first..second], &events[second..]].map(|part| table(limits, part));
            for sum in [
                merged(merged(a.clone(), &b), &c),
                merged(a.clone(), &merged(b.clone(), &c)),
                merged(merged(c, &a), &b),
            ] {
                prop_assert_eq!(&sum, &whole);
                prop_assert_eq!(annotated(&sum), annotated(&whole));
            }
        }

        #[test]
        fn nothing_is_lost_uncounted(events in proptest::collection::vec(any::<Event>(), 0..60)) {
            // Details are kept, not counted.
            let events: Vec<_> = events.into_iter().filter(|(_, host, _, kind)| kind % 4 != 0 || host % 7 != 6).collect();
            let table = table(Limits { names: 2, addresses: 3, leases: 2, details: 2 }, &events);
            let names: u64 = table.named.values().flatten().map(|name| name.count).sum();
            let leases: u64 = table.leases.values().sum();
            prop_assert_eq!(names + leases + table.left_out(), events.len() as u64);
        }
    }

    #[test]
    fn a_device_names_the_addresses_it_leases() {
        let (mac, ip) = (MacAddr([2, 0, 0, 0, 0, 1]), "10.0.0.1".parse().unwrap());
        let mut table = NameTable::new();
        table.observe(None, Sighting::name(Named::Device(mac), "laptop", Protocol::Dhcp));
        table.observe(None, Sighting::name(Named::Host(ip), "a.example", Protocol::Dns));
        table.observe(None, Sighting::lease(mac, ip));

        let mut annotations = Annotations::default();
        let nodes = [NodeId::Device(mac), NodeId::Endpoint(ip, 80), NodeId::Host(ip)];
        assert_eq!(table.enrich(&nodes, &mut annotations).unwrap().nodes, 2);
        let names: Vec<_> =
            annotations.get(nodes[1]).unwrap().names.iter().map(|n| n.name.as_str()).collect();
        assert_eq!(names, ["laptop", "a.example"]);
        assert_eq!(annotations.get(nodes[0]).unwrap().best_name().unwrap().name, "laptop");
    }

    #[test]
    fn no_name_for_nobody() {
        let mut table = NameTable::new();
        for address in ["0.0.0.0", "::", "255.255.255.255"] {
            let of = Named::Host(address.parse().unwrap());
            table.observe(None, Sighting::name(of, "ads.example", Protocol::Dns));
        }
        assert!(table.is_empty());
        assert_eq!(table.left_out(), 3);
    }
}

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use pcapviz_capture::Pair;
use pcapviz_graph::{AddressClass, Evidence, Finding, MacAddr, NodeId, Severity, Vlans};

use super::Material;
use super::amount::{Count, at_least};
use super::threshold::{ARP_DEVICES, ARP_MANY, ARP_TIMES, ARP_UNASKED};
use crate::life::{Life, join};
use crate::observe::{Claim, Claims, Question, network};

/// Addresses that several devices claim by ARP within the capture, and devices that claim several addresses and
/// have taken over what another device carried.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let claims = material.observations.claims.sorted();
    let asked = Asked::of(material);
    let mut findings = claimed_twice(material, &claims, &asked);
    findings.extend(taken_over(material, &claims, &asked));
    findings
}

/// How often each device asked for each address.
struct Asked<'m> {
    claims: &'m Claims,
    /// Sorted.
    rows: Vec<(Vlans, Ipv4Addr, MacAddr, u64)>,
    /// How often anybody asked for each address, sorted.
    sums: Vec<(Vlans, Ipv4Addr, u64)>,
    /// Who asked for anything.
    askers: HashSet<(Vlans, MacAddr)>,
    /// Whom each device told of which address, sorted.
    told: Vec<ToldRow>,
}

/// VLAN and address, who told whom, and how often.
type ToldRow = (Vlans, Ipv4Addr, MacAddr, MacAddr, u64);

impl<'m> Asked<'m> {
    fn of(material: &Material<'m>) -> Self {
        let claims = &material.observations.claims;
        let row = |(it, messages): (Question, u64)| (it.vlans, it.target, it.device, messages);
        let mut rows: Vec<_> = claims.asked().map(row).collect();
        rows.sort_unstable();
        let askers = rows.iter().map(|row| (row.0, row.2)).collect();
        let of_one = rows.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
        let sums = of_one.map(|of| (of[0].0, of[0].1, of.iter().map(|row| row.3).sum())).collect();
        Self { claims, rows, sums, askers, told: claims.told() }
    }

    /// How often a device asked for the address.
    fn asked_by(&self, vlans: Vlans, target: Ipv4Addr, device: MacAddr) -> u64 {
        let place = self.rows.binary_search_by_key(&(vlans, target, device), |row| (row.0, row.1, row.2));
        place.map_or(0, |place| self.rows[place].3)
    }

    /// How often all devices did. O(log questions): each of many claims asks.
    fn messages_about(&self, vlans: Vlans, target: Ipv4Addr) -> u64 {
        let place = self.sums.binary_search_by_key(&(vlans, target), |sum| (sum.0, sum.1));
        place.map_or(0, |place| self.sums[place].2)
    }

    /// Whom a device told of the address.
    fn told(&self, vlans: Vlans, target: Ipv4Addr, device: MacAddr) -> &[ToldRow] {
        let of = |row: &ToldRow| (row.0, row.1, row.2);
        let from = self.told.partition_point(|row| of(row) < (vlans, target, device));
        let len = self.told[from..].partition_point(|row| of(row) == (vlans, target, device));
        &self.told[from..from + len]
    }

    /// A device's answers beyond the questions of others, which is what poisoning is made of.
    fn unasked(&self, &(vlans, target, device, claim): &ClaimRow) -> u64 {
        // Who all asked is not known of an address that too many asked for; and without any question, the capture has one
        // direction only.
        let in_vlan = self.rows.partition_point(|row| row.0 < vlans);
        let has_questions = self.rows.get(in_vlan).is_some_and(|row| row.0 == vlans);
        if !has_questions || !self.claims.has_all_asked_for(vlans, target) {
            return 0;
        }
        let by_others = self.messages_about(vlans, target) - self.asked_by(vlans, target, device);
        let of_all = claim.directed.saturating_sub(by_others);
        if !self.claims.has_all_told_of(vlans, target) {
            return of_all;
        }
        // Nobody asks for somebody else: whom the capture has questions of is told what it asked for. Who asks nothing at all may
        // be on a side that the capture does not have.
        let (mut unasked, mut others, mut by_askers) = (0, claim.directed, 0);
        for (.., to, messages) in self.told(vlans, target, device) {
            if self.askers.contains(&(vlans, *to)) {
                let asked = if *to == device { 0 } else { self.asked_by(vlans, target, *to) };
                unasked += messages.saturating_sub(asked);
                others = others.saturating_sub(*messages);
                by_askers += asked;
            }
        }
        unasked += others.saturating_sub(by_others - by_askers);
        // Of one host a few may be missing, which what others asked makes up for.
        if unasked as f64 >= ARP_UNASKED { unasked } else { of_all }
    }

    /// Whether each of these devices tells hosts of its own of the address, which have asked for it, nobody announces it, and no
    /// more than one of them asks all hosts for others: so several network cards of one host share its load, while of two hosts with
    /// one address both answer who asks, and poisoning tells who has not asked.
    fn is_divided(&self, claims: &[ClaimRow]) -> bool {
        let mut known = HashSet::new();
        claims.iter().filter(|(.., claim)| claim.to_all > 0).count() <= 1
            && claims.iter().all(|row| {
                let (vlans, address, device, claim) = *row;
                let told = self.told(vlans, address, device);
                claim.gratuitous == 0
                    && !told.is_empty()
                    && self.claims.has_all_told_of(vlans, address)
                    && told
                        .iter()
                        .all(|(.., to, _)| known.insert(*to) && self.asked_by(vlans, address, *to) > 0)
                    && self.unasked(row) == 0
            })
    }
}

/// Whether so many answers that nobody asked for mean something beside the most that another device gives.
fn is_told(unasked: u64, usual: u64) -> bool {
    let beyond = unasked.saturating_sub(usual) as f64;
    beyond >= ARP_UNASKED && unasked as f64 >= ARP_TIMES * usual as f64
}

/// A remote host's packets to a device.
type Path = (Vlans, IpAddr, MacAddr);
/// How many packets each device carried.
type Carriers = BTreeMap<MacAddr, u64>;
type ClaimRow = (Vlans, Ipv4Addr, MacAddr, Claim);

/// The other half of spoofing: the true owner may have been silent, but its packets were not.
///
/// Routers claim several addresses too, and take over from each other: redundant ones without a MAC address of their
/// group, those with several addresses on a link, those that answer for others. But they answer who asks, or
/// announce themselves to all (RFC 5227); poisoning tells one host what nobody asked.
fn taken_over(material: &Material<'_>, claims: &[ClaimRow], asked: &Asked<'_>) -> Vec<Finding> {
    let unasked = |row: &ClaimRow| asked.unasked(row);
    let mut claimed: BTreeMap<(Vlans, MacAddr), Vec<&ClaimRow>> = BTreeMap::new();
    for row in claims {
        claimed.entry((row.0, row.2)).or_default().push(row);
    }
    let most = |rows: &Vec<&ClaimRow>| rows.iter().map(|row| unasked(row)).max().filter(|most| *most > 0);
    let telling: BTreeMap<(Vlans, MacAddr), u64> =
        claimed.iter().filter_map(|(device, rows)| Some((*device, most(rows)?))).collect();
    // An honest device answers for one address.
    claimed.retain(|device, rows| rows.len() > 1 && telling.contains_key(device));
    if claimed.is_empty() {
        return Vec::new();
    }
    let carriers = carriers(material, &claimed.keys().copied().collect());
    let mut taken: BTreeMap<(Vlans, MacAddr), Vec<(&Path, &Carriers)>> = BTreeMap::new();
    // What those tell that carry the same: where nobody asked them either, the questions are not in the capture.
    let mut usual: BTreeMap<(Vlans, MacAddr), u64> = BTreeMap::new();
    for (path, by) in carriers.iter().filter(|(_, by)| by.len() > 1) {
        let tells = |device: MacAddr| telling.get(&(path.0, device)).copied().unwrap_or(0);
        let [mut first, mut second] = [(0, None); 2];
        for device in by.keys() {
            let next = (tells(*device), Some(*device));
            if next > first {
                (first, second) = (next, first);
            } else if next > second {
                second = next;
            }
        }
        for device in by.keys().map(|device| (path.0, *device)).filter(|device| claimed.contains_key(device))
        {
            let (of_another, _) = if first.1 == Some(device.1) { second } else { first };
            let usual = usual.entry(device).or_default();
            *usual = of_another.max(*usual);
            taken.entry(device).or_default().push((path, by));
        }
    }
    let mut findings = Vec::new();
    for ((vlans, device), moved) in &taken {
        let rows = &claimed[&(*vlans, *device)];
        let Some(((_, remote, victim), by)) = moved.first() else { continue };
        let Some(other) = by.keys().find(|mac| *mac != device) else { continue };
        // The address that it speaks of unasked is the one to look at.
        let Some(row) = rows.iter().max_by_key(|row| (unasked(row), row.1)) else { continue };
        let (address, packets) = (row.1, moved.iter().filter_map(|(_, by)| by.get(device)));
        let usual = usual.get(&(*vlans, *device)).copied().unwrap_or(0);
        let beyond = unasked(row).saturating_sub(usual);
        if beyond == 0 {
            continue;
        }
        let is_alert = usual == 0 || is_told(unasked(row), usual);
        let severity = if is_alert { Severity::Alert } else { Severity::Note };
        let mut finding = Finding::new("arp-conflict", severity, NodeId::Device(*device));
        finding.object = Some(NodeId::Host(IpAddr::V4(address)));
        finding.score = if is_alert { 0.7 } else { 0.4 };
        finding.sentence = format!(
            "{device} claims {address} by ARP without being asked, claims {} more, and carries packets of {remote} to {victim}, as {other} does; consistent with ARP spoofing",
            rows.len() - 1,
        );
        finding.life = rows.iter().fold(None, |life, (.., claim)| join(life, claim.life));
        finding.evidence = vec![
            Evidence::new("devices", 2.0, "devices").against(ARP_DEVICES),
            Evidence::new("answers that nobody asked for", beyond as f64, "messages"),
            Evidence::new("addresses claimed", rows.len() as f64, "addresses"),
            Evidence::new("remote hosts carried by both", moved.len() as f64, "hosts"),
            Evidence::new("packets carried", packets.sum::<u64>() as f64, "packets"),
        ];
        finding.innocent_causes = &[
            "fail-over between redundant routers that tell single hosts of it",
            "proxy ARP by a router or firewall, with questions that are not in the capture",
        ];
        (finding.display_filter, finding.capture_filter) =
            material.filters.claims(*vlans, address, &[*device]);
        findings.push(finding);
    }
    findings
}

/// The devices that carried packets on the same paths as these devices, and how many.
fn carriers(material: &Material<'_>, devices: &HashSet<(Vlans, MacAddr)>) -> BTreeMap<Path, Carriers> {
    // Of one path in many, so that it takes little memory.
    let carried = || {
        material.flows().filter_map(|(key, stats)| {
            let (by, hosts) = (key.devices?, key.hosts?);
            let is_path = AddressClass::of(hosts.source).is_host() && !by.destination.is_multicast();
            is_path.then_some((
                (network(key.vlans), hosts.source, by.destination),
                by.source,
                stats.traffic.packets,
            ))
        })
    };
    let mut paths: BTreeMap<Path, Carriers> = BTreeMap::new();
    for (path, ..) in carried().filter(|(path, device, _)| devices.contains(&(path.0, *device))) {
        paths.entry(path).or_default();
    }
    for (path, device, packets) in carried() {
        if let Some(by) = paths.get_mut(&path) {
            *by.entry(device).or_default() += packets;
        }
    }
    paths
}

fn claimed_twice(material: &Material<'_>, claims: &[ClaimRow], asked: &Asked<'_>) -> Vec<Finding> {
    let of_one_address = claims.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
    let conflicting = |claims: &&[ClaimRow]| claims.len() as f64 >= ARP_DEVICES && !is_shared(claims);
    of_one_address.filter(conflicting).map(|claims| {
        let (vlans, address) = (claims[0].0, claims[0].1);
        let devices: Vec<MacAddr> = claims.iter().map(|(_, _, device, _)| *device).collect();
        let (at_least, bound) = at_least(!material.observations.claims.has_all_claims_of(vlans, address));
        // Who came last is the one to look at; without times, who answers most.
        let newest = claims.iter().max_by_key(|(_, _, device, claim)| {
            (claim.life.map(|(first, _)| first), claim.replies, *device)
        });
        // One after the other is what a change of hardware looks like; side by side is not.
        let overlap = overlap(claims.iter().map(|(.., claim)| claim.life));
        let replies: u64 = claims.iter().map(|(.., claim)| claim.replies).sum();
        let gratuitous: u64 = claims.iter().map(|(.., claim)| claim.gratuitous).sum();
        let messages: u64 = claims.iter().map(|(.., claim)| claim.messages).sum();
        // Nor does new hardware tell single hosts again and again what they have not asked.
        // Where nobody asked the others either, the questions are not in the capture.
        let of_others = claims.iter().filter(|row| Some(row.2) != newest.map(|newest| newest.2));
        let usual = of_others.map(|row| asked.unasked(row)).max().unwrap_or(0);
        let unasked = newest.map_or(0, |row| asked.unasked(row));
        let (unasked, is_told) = (unasked.saturating_sub(usual), is_told(unasked, usual));
        let is_divided = overlap && !is_told && asked.is_divided(claims);
        let is_elsewhere = are_in_captures_of_their_own(material, claims);
        let is_many = devices.len() as f64 >= ARP_MANY;
        let is_alert = (overlap && !is_divided || is_told || is_many) && !is_elsewhere;
        let severity = if is_alert { Severity::Alert } else { Severity::Note };
        let subject = newest.map_or(devices[0], |(_, _, device, _)| *device);
        let mut finding = Finding::new("arp-conflict", severity, NodeId::Device(subject));
        finding.object = Some(NodeId::Host(IpAddr::V4(address)));
        finding.score = if is_alert { 0.8 } else { 0.4 };
        let names: Vec<String> = devices.iter().take(4).map(MacAddr::to_string).collect();
        let more = if devices.len() > 4 { format!(" and {} more", Count(devices.len() as u64 - 4)) } else { String::new() };
        finding.sentence = format!(
            "{address} is claimed by {at_least}{} devices{}: {}{more}; consistent with ARP spoofing or an address given twice",
            Count(devices.len() as u64),
            match () {
                () if is_elsewhere => " in captures that may be of different networks",
                () if is_divided => " at the same time, each to hosts of its own",
                () if overlap => " at the same time",
                () if is_told => ", of which the last one tells so without being asked",
                () => ", one after the other",
            },
            names.join(", "),
        );
        finding.life = claims.iter().fold(None, |life, (.., claim)| join(life, claim.life));
        finding.evidence = vec![
            Evidence::new("devices", devices.len() as f64, "devices").against(ARP_DEVICES),
            Evidence::new("claims", messages as f64, "messages"),
            Evidence::new("replies", replies as f64, "messages"),
            Evidence::new("gratuitous", gratuitous as f64, "messages"),
            Evidence::new("answers that nobody asked for", unasked as f64, "messages").against(ARP_UNASKED),
        ];
        finding.evidence.extend(bound);
        finding.innocent_causes = &[
            "two machines set to one address by mistake",
            "fail-over between redundant routers or servers",
            "an address that DHCP gave to another machine, or a replaced network card",
            "proxy ARP, and network cards that share an address (adaptive load balancing)",
            "captures of two networks that use the same addresses",
        ];
        (finding.display_filter, finding.capture_filter) = material.filters.claims(vlans, address, &devices);
        finding
    }).collect()
}

/// Whether each of these devices claims the address in captures where no other one does, was first seen in a capture where no
/// other one was, and has no peer with another one in common: captures of several networks may be given together, in which the
/// same private addresses are somebody else's.
fn are_in_captures_of_their_own(material: &Material<'_>, claims: &[ClaimRow]) -> bool {
    let vlans = claims[0].0;
    let mut claimed = 0;
    let are_apart = claims.iter().all(|(.., claim)| {
        let is_apart = claimed & claim.captures == 0;
        claimed |= claim.captures;
        is_apart
    });
    if !are_apart {
        return false;
    }
    let mut seen: BTreeMap<MacAddr, (BTreeSet<u32>, BTreeSet<MacAddr>)> =
        claims.iter().map(|(_, _, device, _)| (*device, Default::default())).collect();
    for (key, stats) in material.flows().filter(|(key, _)| network(key.vlans) == vlans) {
        let Some(Pair { source, destination }) = key.devices else { continue };
        for (device, peer) in [(source, destination), (destination, source)] {
            if let Some((captures, peers)) = seen.get_mut(&device) {
                captures.insert(stats.position.capture);
                peers.extend(Some(peer).filter(|peer| !peer.is_multicast()));
            }
        }
    }
    let (mut captures, mut peers) = (BTreeSet::new(), BTreeSet::new());
    seen.into_values().all(|(in_captures, with)| {
        // A device that sends nothing in its own name may be anywhere.
        let is_known = !in_captures.is_empty();
        let is_apart = is_known && in_captures.is_disjoint(&captures) && with.is_disjoint(&peers);
        captures.extend(in_captures);
        peers.extend(with);
        is_apart
    })
}

/// Whether two of the times have something in common, as far as they are known.
fn overlap(lives: impl Iterator<Item = Life>) -> bool {
    let Some(mut lives) = lives.collect::<Option<Vec<_>>>() else { return true };
    lives.sort_unstable();
    // Two have, only if two that follow each other have.
    lives.array_windows().any(|[(_, end), (start, _)]| start <= end)
}

/// Whether these are the devices of one virtual router: GLBP gives each host another one of them.
fn is_shared(claims: &[ClaimRow]) -> bool {
    let group = |row: &ClaimRow| row.2.virtual_router();
    claims.iter().all(|row| group(row).is_some() && group(row) == group(&claims[0]))
}

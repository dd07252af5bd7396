use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use pcapviz_graph::{AddressClass, Evidence, Finding, MacAddr, NodeId, Severity, Vlans};

use super::amount::{Count, at_least};
use super::threshold::{SWEEP_HOSTS, SWEEP_NOTE, SWEEP_SHARE};
use super::{Material, magnitude};
use crate::life::join;
use crate::observe::{Claim as ArpClaim, Question};

/// Devices that ask for one address after another which nobody has. Who passes on the packets of others asks for
/// whatever these look for.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let observed = &material.observations.claims;
    let questions = observed.questions();
    // Of an address whose claims are not kept, it is not known who answered.
    let of_one = questions.chunk_by(|(a, _), (b, _)| (a.vlans, a.device) == (b.vlans, b.device));
    let known = |asked: &[(Question, ArpClaim)]| -> (usize, Vec<(Question, ArpClaim)>) {
        let is_known = |(q, _): &&(Question, ArpClaim)| observed.has_all_claims_of(q.vlans, q.target);
        (asked.len(), asked.iter().filter(is_known).copied().collect())
    };
    let many: Vec<_> = of_one.filter(|asked| asked.len() as f64 >= SWEEP_NOTE).map(known).collect();
    if many.is_empty() {
        return Vec::new();
    }
    let claims = observed.sorted();
    let claimed: HashSet<(Vlans, Ipv4Addr)> = claims.iter().map(|row| (row.0, row.1)).collect();
    // Where no answer was captured, silence says little.
    let answered: HashSet<Vlans> = claims.iter().filter(|row| row.3.replies > 0).map(|row| row.0).collect();
    // Two hosts are enough for a router.
    let mut senders: HashMap<MacAddr, Option<IpAddr>> =
        many.iter().filter_map(|(_, asked)| Some((asked.first()?.0.device, None))).collect();
    let mut routers: HashSet<MacAddr> = HashSet::new();
    for (key, _) in material.flows() {
        if let (Some(devices), Some(hosts)) = (key.devices, key.hosts)
            && hosts.source.is_ipv4()
            && let Some(known) = senders.get_mut(&devices.source)
            && AddressClass::of(hosts.source).is_host()
            && *known.get_or_insert(hosts.source) != hosts.source
        {
            routers.insert(devices.source);
        }
    }
    let sweep = |(all, asked): (usize, Vec<(Question, ArpClaim)>)| {
        let Question { vlans, device, .. } = asked.first()?.0;
        let is_whole = all == asked.len() && observed.has_all_questions_of(vlans, device);
        let (at_least, bound) = at_least(!is_whole);
        let failed = asked.iter().filter(|(q, _)| !claimed.contains(&(q.vlans, q.target))).count();
        let share = failed as f64 / asked.len() as f64;
        if (failed as f64) < SWEEP_NOTE || share < SWEEP_SHARE {
            return None;
        }
        let is_alert =
            failed as f64 >= SWEEP_HOSTS && !routers.contains(&device) && answered.contains(&vlans);
        let severity = if is_alert { Severity::Alert } else { Severity::Note };
        let mut finding = Finding::new("scan", severity, NodeId::Device(device));
        finding.score = 0.5 * magnitude(failed as f64, SWEEP_HOSTS) + 0.5 * share;
        let within = if vlans == Vlans::default() { String::new() } else { format!(" in {vlans}") };
        finding.sentence = format!(
            "{at_least}{} of {} addresses that {device} asked for by ARP{within} did not answer; consistent with a sweep for hosts",
            Count(failed as u64),
            Count(asked.len() as u64),
        );
        finding.life = asked.iter().fold(None, |life, (_, asked)| join(life, asked.life));
        finding.evidence = vec![
            Evidence::new("addresses without an answer", failed as f64, "addresses").against(SWEEP_HOSTS),
            Evidence::new("addresses asked for", asked.len() as f64, "addresses"),
            Evidence::new("share without an answer", share, "").against(SWEEP_SHARE),
        ];
        finding.evidence.extend(bound);
        finding.innocent_causes = &[
            "an inventory of one's own network",
            "a router that looks for hosts which others scan from outside",
            "a switch that passes the questions on to the capture, but not the answers",
        ];
        (finding.display_filter, finding.capture_filter) = material.filters.questions(vlans, device);
        Some(finding)
    };
    many.into_iter().filter_map(sweep).collect()
}

use pcapviz_graph::{Evidence, Finding, NodeId, Severity};

use super::amount::{Bytes, Count, at_least};
use super::packets::{Carried, Clause};
use super::threshold::{ICMP_MISMATCHED, ICMP_REPLIES};
use super::{Material, magnitude};

/// Hosts whose echo replies do not return what the requests held.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let by_hosts = material.observations.echoes.by_hosts().into_iter();
    by_hosts.filter_map(|(hosts, size)| {
        let share = size.mismatched as f64 / size.replies.max(1) as f64;
        if (size.replies as f64) < ICMP_REPLIES || share < ICMP_MISMATCHED {
            return None;
        }
        let mut finding = Finding::new("icmp-tunnel", Severity::Alert, NodeId::Host(hosts.source));
        finding.object = Some(NodeId::Host(hosts.destination));
        finding.score = (0.5 * share + 0.5 * magnitude(size.replies as f64, ICMP_REPLIES)).min(1.0);
        let (at_least, bound) = at_least(size.has_more);
        finding.sentence = format!(
            "{at_least}{} of {} echo replies from {} to {} differ in size from the request, {} in all; consistent with a tunnel over ICMP",
            Count(size.mismatched),
            Count(size.replies),
            hosts.destination,
            hosts.source,
            Bytes(size.bytes),
        );
        finding.life = size.life;
        finding.evidence = vec![
            Evidence::new("replies", size.replies as f64, "replies").against(ICMP_REPLIES),
            Evidence::new("mismatched", size.mismatched as f64, "replies"),
            Evidence::new("share mismatched", share, "").against(ICMP_MISMATCHED),
            Evidence::new("requests", size.requests as f64, "requests"),
            Evidence::new("ICMP bytes", size.bytes as f64, "B"),
        ];
        finding.evidence.extend(bound);
        finding.innocent_causes = &[
            "a device that answers pings with a message of its own length",
            "path MTU probes that a device cuts short",
        ];
        let clause = Clause::between(Carried::Echo, hosts.source, hosts.destination);
        material.filters.select(&mut finding, Some(vec![clause]), &[clause]);
        Some(finding)
    }).collect()
}

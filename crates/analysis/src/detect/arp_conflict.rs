use std::net::IpAddr;

use pcapviz_graph::{Evidence, Finding, MacAddr, NodeId, Severity};

use super::Material;
use super::threshold::ARP_DEVICES;
use crate::life::join;

/// Addresses that several devices claim by ARP within the capture.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let claims = material.observations.claims.sorted();
    let of_one_address = claims.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
    of_one_address.filter(|claims| claims.len() as f64 >= ARP_DEVICES).map(|claims| {
        let address = claims[0].1;
        let devices: Vec<MacAddr> = claims.iter().map(|(_, _, device, _)| *device).collect();
        // Who came last is the one to look at; without times, who answers most.
        let newest = claims.iter().max_by_key(|(_, _, device, claim)| {
            (claim.life.map(|(first, _)| first), claim.replies, *device)
        });
        // One after the other is what a change of hardware looks like; side by side is not.
        let overlap = claims.iter().enumerate().any(|(i, (.., a))| {
            claims[i + 1..].iter().any(|(.., b)| match (a.life, b.life) {
                (Some(a), Some(b)) => a.0 <= b.1 && b.0 <= a.1,
                _ => true,
            })
        });
        let replies: u64 = claims.iter().map(|(.., claim)| claim.replies).sum();
        let gratuitous: u64 = claims.iter().map(|(.., claim)| claim.gratuitous).sum();
        let messages: u64 = claims.iter().map(|(.., claim)| claim.messages).sum();
        let severity = if overlap { Severity::Alert } else { Severity::Note };
        let subject = newest.map_or(devices[0], |(_, _, device, _)| *device);
        let mut finding = Finding::new("arp-conflict", severity, NodeId::Device(subject));
        finding.object = Some(NodeId::Host(IpAddr::V4(address)));
        finding.score = if overlap { 0.8 } else { 0.4 };
        let names: Vec<String> = devices.iter().take(4).map(MacAddr::to_string).collect();
        let more = if devices.len() > 4 { format!(" and {} more", devices.len() - 4) } else { String::new() };
        finding.sentence = format!(
            "{address} is claimed by {} devices{}: {}{more}; consistent with ARP spoofing or an address given twice",
            devices.len(),
            if overlap { " at the same time" } else { ", one after the other" },
            names.join(", "),
        );
        finding.life = claims.iter().fold(None, |life, (.., claim)| join(life, claim.life));
        finding.evidence = vec![
            Evidence::new("devices", devices.len() as f64, "devices").against(ARP_DEVICES),
            Evidence::new("claims", messages as f64, "messages"),
            Evidence::new("replies", replies as f64, "messages"),
            Evidence::new("gratuitous", gratuitous as f64, "messages"),
        ];
        finding.innocent_causes = &[
            "two machines set to one address by mistake",
            "fail-over between redundant routers or servers",
            "an address that DHCP gave to another machine, or a replaced network card",
            "proxy ARP",
        ];
        (finding.display_filter, finding.capture_filter) = material.filters.claims(address, &devices);
        finding
    }).collect()
}

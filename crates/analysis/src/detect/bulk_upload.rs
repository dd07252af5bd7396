use std::collections::BTreeSet;
use std::net::IpAddr;

use pcapviz_capture::Pair;
use pcapviz_graph::{AddressClass, Evidence, Finding, NodeId, Severity};

use super::amount::Bytes;
use super::material::Exchange;
use super::threshold::{UPLOAD_ALERT, UPLOAD_NOTE, UPLOAD_RATIO};
use super::{Material, magnitude};

/// Clients that sent much more to a server than they got back.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let uploads: Vec<(&Pair<IpAddr>, &Exchange)> =
        material.exchanges.iter().filter(|(hosts, exchange)| is_upload(material, hosts, exchange)).collect();
    let uploaders: BTreeSet<IpAddr> = uploads.iter().map(|(hosts, _)| hosts.source).collect();
    let senders = material.senders_to(&uploads.iter().map(|(hosts, _)| hosts.destination).collect());
    let finding = |(hosts, exchange): (&Pair<IpAddr>, &Exchange)| {
        let Pair { source, destination } = *hosts;
        let leaves = material.inside.holds(source) && material.inside.is_outside_host(destination);
        let (out, ratio) = (exchange.up as f64, ratio(exchange));
        let severity = if leaves && out >= UPLOAD_ALERT { Severity::Alert } else { Severity::Note };
        let senders = senders.get(&destination).copied().unwrap_or(1);
        let mut finding = Finding::new("bulk-upload", severity, NodeId::Host(source));
        finding.object = Some(NodeId::Host(destination));
        // By volume, ratio, and how rare the destination is.
        let rarity = 1.0 / senders.max(1) as f64;
        finding.score = 0.5 * magnitude(out, UPLOAD_ALERT) + 0.3 * ratio + 0.2 * rarity;
        let company = match uploaders.len() {
            1 => "the only host doing so".to_owned(),
            n => format!("one of {n} hosts that upload so"),
        };
        finding.sentence = format!(
            "{source} sent {} to {destination} and got {} back (ratio {ratio:.2}); {company}; consistent with data {}",
            Bytes(exchange.up),
            Bytes(exchange.down),
            if leaves { "leaving the network" } else { "being copied" },
        );
        finding.life = exchange.life;
        finding.evidence = vec![
            Evidence::new("sent", out, "B").against(if severity == Severity::Alert {
                UPLOAD_ALERT
            } else {
                UPLOAD_NOTE
            }),
            Evidence::new("received", exchange.down as f64, "B"),
            Evidence::new("producer-consumer ratio", ratio, "").against(UPLOAD_RATIO),
            Evidence::new("inside hosts that sent to the destination", senders as f64, "hosts"),
            Evidence::new("hosts that upload", uploaders.len() as f64, "hosts"),
        ];
        finding.innocent_causes = &[
            "backups and synchronised folders",
            "mail with attachments, uploads of pictures and video",
            "speed tests",
            "logs and measurements sent to a collector",
            "a transfer whose end is not in the capture, captured twice or sent again: then it counts twice",
        ];
        material.filters.select(&mut finding, exchange.clauses(*hosts), &exchange.wider_clauses(*hosts));
        finding
    };
    uploads.into_iter().map(finding).collect()
}

fn is_upload(material: &Material<'_>, hosts: &Pair<IpAddr>, exchange: &Exchange) -> bool {
    let is_host = |ip| AddressClass::of(ip).is_host();
    // What someone outside sends in is not leaving.
    let comes_in = !material.inside.holds(hosts.source) && material.inside.holds(hosts.destination);
    exchange.up as f64 >= UPLOAD_NOTE
        && ratio(exchange) >= UPLOAD_RATIO
        // A direction that is missing from the capture says nothing about the other.
        && exchange.packets_down > 0
        && is_host(hosts.source)
        && is_host(hosts.destination)
        && !comes_in
}

/// The producer-consumer ratio: 1 for who only gives, -1 for who only takes.
fn ratio(exchange: &Exchange) -> f64 {
    let (up, down) = (exchange.up as f64, exchange.down as f64);
    (up - down) / (up + down).max(1.0)
}

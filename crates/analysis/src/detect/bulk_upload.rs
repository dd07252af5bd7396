use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use pcapviz_capture::Pair;
use pcapviz_graph::{AddressClass, Evidence, Finding, NodeId, Severity};

use super::amount::Bytes;
use super::packets::{CLAUSES, Clause};
use super::threshold::{UPLOAD_ALERT, UPLOAD_NOTE, UPLOAD_RATIO};
use super::{Material, magnitude};
use crate::life::{Life, join};

/// What a client sent to a server, and got back.
#[derive(Default)]
struct Exchange {
    out: u64,
    back: u64,
    life: Life,
    services: BTreeSet<Clause>,
    /// Packets in the other direction: none means that the capture has one direction only.
    packets_back: u64,
}

/// Clients that sent much more to a server than they got back.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let mut exchanges: BTreeMap<Pair<IpAddr>, Exchange> = BTreeMap::new();
    for (conversation, both) in &material.conversations {
        let exchange = exchanges.entry(conversation.connection.hosts).or_default();
        // A connection of which one direction is missing says nothing about the other's bytes.
        let (Some(up), Some(down)) = (both.up, both.down) else { continue };
        exchange.out = exchange.out.saturating_add(up.payload);
        exchange.back = exchange.back.saturating_add(down.payload);
        exchange.packets_back += down.packets;
        exchange.life = join(exchange.life, join(up.life, down.life));
        exchange.services.insert(conversation.service());
    }
    let ratio = |e: &Exchange| (e.out as f64 - e.back as f64) / (e.out as f64 + e.back as f64).max(1.0);
    let is_upload = |hosts: &Pair<IpAddr>, e: &Exchange| {
        let is_host = |ip| AddressClass::of(ip).is_host();
        // What someone outside sends in is not leaving.
        let comes_in = !material.inside.holds(hosts.source) && material.inside.holds(hosts.destination);
        e.out as f64 >= UPLOAD_NOTE
            && ratio(e) >= UPLOAD_RATIO
            && e.packets_back > 0
            && is_host(hosts.source)
            && is_host(hosts.destination)
            && !comes_in
    };
    exchanges.retain(|hosts, exchange| is_upload(hosts, exchange));
    let uploaders: BTreeSet<IpAddr> = exchanges.keys().map(|hosts| hosts.source).collect();
    exchanges.iter().map(|(hosts, exchange)| {
        let Pair { source, destination } = *hosts;
        let leaves = material.inside.holds(source) && material.inside.is_outside_host(destination);
        let (out, ratio) = (exchange.out as f64, ratio(exchange));
        let severity = if leaves && out >= UPLOAD_ALERT { Severity::Alert } else { Severity::Note };
        let senders = material.senders_to(destination);
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
            Bytes(exchange.out),
            Bytes(exchange.back),
            if leaves { "leaving the network" } else { "being copied" },
        );
        finding.life = exchange.life;
        finding.evidence = vec![
            Evidence::new("sent", out, "B").against(if severity == Severity::Alert { UPLOAD_ALERT } else { UPLOAD_NOTE }),
            Evidence::new("received", exchange.back as f64, "B"),
            Evidence::new("producer-consumer ratio", ratio, "").against(UPLOAD_RATIO),
            Evidence::new("inside hosts that sent to the destination", senders as f64, "hosts"),
            Evidence::new("hosts that upload", uploaders.len() as f64, "hosts"),
        ];
        finding.innocent_causes = &[
            "backups and synchronised folders",
            "mail with attachments, uploads of pictures and video",
            "speed tests",
            "logs and measurements sent to a collector",
        ];
        let mut services = exchange.services.clone();
        if services.len() > CLAUSES {
            let whole = |clause: &Clause| Clause { server_port: None, ..*clause };
            services = services.iter().map(whole).collect();
        }
        (finding.display_filter, finding.capture_filter) = material.filters.any(&services);
        finding
    }).collect()
}

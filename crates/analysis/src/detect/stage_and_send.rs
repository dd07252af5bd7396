use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use pcapviz_graph::{Evidence, Finding, NodeId, Severity};

use super::amount::Bytes;
use super::packets::{CLAUSES, Clause};
use super::threshold::{STAGE_BYTES, STAGE_HOURS, STAGE_RATIO, UPLOAD_NOTE};
use super::{Material, magnitude};
use crate::life::{Life, between, join};

/// What a client did with its servers.
#[derive(Default)]
struct Client {
    pulled: BTreeMap<IpAddr, Part>,
    sent: BTreeMap<IpAddr, Part>,
}

#[derive(Default)]
struct Part {
    bytes: u64,
    life: Life,
    services: BTreeSet<Clause>,
}

/// Hosts inside that pulled much from servers inside, and then sent much of it out.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let mut clients: BTreeMap<IpAddr, Client> = BTreeMap::new();
    for (conversation, both) in &material.conversations {
        let hosts = conversation.connection.hosts;
        let (Some(up), Some(down)) = (both.up, both.down) else { continue };
        if !material.inside.holds(hosts.source) {
            continue;
        }
        let client = clients.entry(hosts.source).or_default();
        let (part, bytes) = if material.inside.holds(hosts.destination) {
            (client.pulled.entry(hosts.destination).or_default(), down.payload)
        } else {
            (client.sent.entry(hosts.destination).or_default(), up.payload)
        };
        part.bytes = part.bytes.saturating_add(bytes);
        part.life = join(part.life, join(up.life, down.life));
        part.services.insert(conversation.service());
    }
    clients.into_iter().filter_map(|(host, client)| finding(material, host, &client)).collect()
}

fn finding(material: &Material<'_>, host: IpAddr, client: &Client) -> Option<Finding> {
    let (&destination, sent) = client.sent.iter().max_by_key(|(ip, part)| (part.bytes, **ip))?;
    // Only what was there before it was sent can have been staged, and only what is worth it.
    let (sent_from, sent_to) = sent.life?;
    let earlier = |part: &&Part| part.life.is_some_and(|(first, _)| first < sent_from);
    let sources: Vec<&Part> =
        client.pulled.values().filter(|part| part.bytes as f64 >= UPLOAD_NOTE).filter(earlier).collect();
    let pulled: u64 = sources.iter().map(|part| part.bytes).sum();
    let life = sources.iter().fold(sent.life, |life, part| join(life, part.life));
    let hours = between(life?.0, sent_to) / 3600.0;
    let ratio = sent.bytes as f64 / pulled.max(1) as f64;
    let enough = pulled.min(sent.bytes) as f64 >= STAGE_BYTES;
    if !enough || ratio < STAGE_RATIO || hours > STAGE_HOURS {
        return None;
    }
    let mut finding = Finding::new("stage-and-send", Severity::Alert, NodeId::Host(host));
    finding.object = Some(NodeId::Host(destination));
    // What was sent need not be what was pulled: the further the ratio is from 1, the less likely.
    finding.score = 0.5 * magnitude(pulled as f64, STAGE_BYTES) + 0.5 * ratio.min(1.0 / ratio);
    finding.sentence = format!(
        "{host} pulled {} from {}, then sent {} to {destination}; consistent with data gathered to be taken out",
        Bytes(pulled),
        if sources.len() == 1 { "one server".to_owned() } else { format!("{} servers", sources.len()) },
        Bytes(sent.bytes),
    );
    finding.life = life;
    finding.evidence = vec![
        Evidence::new("pulled", pulled as f64, "B").against(STAGE_BYTES),
        Evidence::new("servers", sources.len() as f64, "servers"),
        Evidence::new("sent", sent.bytes as f64, "B").against(STAGE_BYTES),
        Evidence::new("sent / pulled", ratio, "").against(STAGE_RATIO),
        Evidence::new("time", hours, "h").against(STAGE_HOURS),
    ];
    finding.innocent_causes = &[
        "a backup server that copies to a cloud",
        "builds and releases that are fetched, packed and published",
        "a gateway or proxy that serves both sides",
    ];
    let mut services: BTreeSet<Clause> =
        sources.into_iter().chain([sent]).flat_map(|part| part.services.iter().copied()).collect();
    if services.len() > CLAUSES {
        services = services.iter().map(|clause| Clause { server_port: None, ..*clause }).collect();
    }
    (finding.display_filter, finding.capture_filter) = material.filters.any(&services);
    Some(finding)
}

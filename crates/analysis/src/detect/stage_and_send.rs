use std::collections::BTreeMap;
use std::net::IpAddr;

use pcapviz_capture::Pair;
use pcapviz_graph::{Evidence, Finding, NodeId, Severity};

use super::amount::Bytes;
use super::material::Exchange;
use super::packets::Clause;
use super::threshold::{STAGE_BYTES, STAGE_HOURS, STAGE_RATIO, UPLOAD_NOTE};
use super::{Material, magnitude};
use crate::life::{between, join};

/// What a client did with its servers.
#[derive(Default)]
struct Client<'a> {
    pulled: Vec<(IpAddr, &'a Exchange)>,
    sent: Vec<(IpAddr, &'a Exchange)>,
}

/// Hosts inside that pulled much from servers inside, and then sent much of it out.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let mut clients: BTreeMap<IpAddr, Client<'_>> = BTreeMap::new();
    for (hosts, exchange) in &material.exchanges {
        let is_two_way = exchange.packets_up > 0 && exchange.packets_down > 0;
        if is_two_way && material.inside.holds(hosts.source) {
            let client = clients.entry(hosts.source).or_default();
            let inside = material.inside.holds(hosts.destination);
            let list = if inside { &mut client.pulled } else { &mut client.sent };
            list.push((hosts.destination, exchange));
        }
    }
    clients.into_iter().filter_map(|(host, client)| finding(material, host, &client)).collect()
}

fn finding(material: &Material<'_>, host: IpAddr, client: &Client<'_>) -> Option<Finding> {
    let &(destination, sent) = client.sent.iter().max_by_key(|(ip, exchange)| (exchange.up, *ip))?;
    // Only what was there before it was sent can have been staged, and only what is worth it.
    let (sent_from, sent_to) = sent.life?;
    let staged = |exchange: &Exchange| {
        exchange.down as f64 >= UPLOAD_NOTE && exchange.life.is_some_and(|(first, _)| first < sent_from)
    };
    let sources: Vec<_> = client.pulled.iter().filter(|(_, exchange)| staged(exchange)).collect();
    let pulled: u64 = sources.iter().map(|(_, exchange)| exchange.down).sum();
    let life = sources.iter().fold(sent.life, |life, (_, exchange)| join(life, exchange.life));
    let hours = between(life?.0, sent_to) / 3600.0;
    let ratio = sent.up as f64 / pulled.max(1) as f64;
    let enough = pulled.min(sent.up) as f64 >= STAGE_BYTES;
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
        Bytes(sent.up),
    );
    finding.life = life;
    finding.evidence = vec![
        Evidence::new("pulled", pulled as f64, "B").against(STAGE_BYTES),
        Evidence::new("servers", sources.len() as f64, "servers"),
        Evidence::new("sent", sent.up as f64, "B").against(STAGE_BYTES),
        Evidence::new("sent / pulled", ratio, "").against(STAGE_RATIO),
        Evidence::new("time", hours, "h").against(STAGE_HOURS),
    ];
    finding.innocent_causes = &[
        "a backup server that copies to a cloud",
        "builds and releases that are fetched, packed and published",
        "a gateway or proxy that serves both sides",
    ];
    let exchanges = std::iter::once((destination, sent)).chain(sources.into_iter().copied());
    let exchanges = exchanges.map(|(destination, exchange)| (Pair { source: host, destination }, exchange));
    let exact: Option<Vec<Vec<Clause>>> =
        exchanges.clone().map(|(hosts, exchange)| exchange.clauses(hosts)).collect();
    let wider: Vec<Clause> = exchanges.flat_map(|(hosts, exchange)| exchange.wider_clauses(hosts)).collect();
    material.filters.select(&mut finding, exact.map(|clauses| clauses.concat()), &wider);
    Some(finding)
}

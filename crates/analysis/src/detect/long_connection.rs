use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use pcapviz_capture::Pair;
use pcapviz_graph::{Evidence, Finding, NodeId, Severity};

use super::amount::{Bytes, Count, Seconds};
use super::material::Conversation;
use super::packets::{Carried, Clause, HANDFUL};
use super::threshold::{LONG, LONG_CAPTURE, LONG_SHARE, LONG_UDP_BYTES};
use super::{Material, magnitude};
use crate::life::{Life, join, seconds};

/// A connection that stayed open.
struct Open<'a> {
    conversation: &'a Conversation,
    life: Life,
    up: u64,
    down: u64,
}

/// Connections that stay open for long; those between two hosts are one finding if they are many.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let capture = seconds(material.life);
    let handshakes = &material.observations.handshakes;
    let mut by_hosts: BTreeMap<Pair<IpAddr>, Vec<Open<'_>>> = BTreeMap::new();
    for (conversation, both) in &material.long {
        let (Some(up), Some(down)) = (both.up, both.down) else { continue };
        let connection = conversation.connection;
        let open = Open { conversation, life: join(up.life, down.life), up: up.payload, down: down.payload };
        // Between ports that are used again, it is not one connection.
        let is_reused = handshakes.is_reused(&connection) || handshakes.is_reused(&connection.reversed());
        let is_idle_udp =
            conversation.carried == Carried::Udp && (open.up.min(open.down) as f64) < LONG_UDP_BYTES;
        let time = seconds(open.life);
        if (time >= LONG || is_whole(time, capture)) && !is_reused && !is_idle_udp {
            by_hosts.entry(connection.hosts).or_default().push(open);
        }
    }
    let mut findings = Vec::new();
    for (hosts, open) in &by_hosts {
        let size = if open.len() > HANDFUL { open.len() } else { 1 };
        findings.extend(open.chunks(size).map(|open| finding(material, *hosts, open, capture)));
    }
    findings
}

/// Whether so much time is nearly all of a capture.
fn is_whole(time: f64, capture: f64) -> bool {
    capture >= LONG_CAPTURE && time >= LONG_SHARE * capture
}

/// What part of the capture that is, where it is nearly all.
fn share(time: f64, capture: f64) -> String {
    match (100.0 * time / capture).floor() {
        _ if !is_whole(time, capture) => String::new(),
        percent if percent >= 99.0 => ", the whole capture".to_owned(),
        percent => format!(", {percent} % of the capture"),
    }
}

fn finding(material: &Material<'_>, hosts: Pair<IpAddr>, open: &[Open<'_>], capture: f64) -> Finding {
    let longest = open.iter().map(|open| seconds(open.life)).fold(0.0, f64::max);
    let sum = |bytes: fn(&Open<'_>) -> u64| open.iter().map(bytes).fold(0, u64::saturating_add);
    let (up, down) = (sum(|open| open.up), sum(|open| open.down));
    let mut finding = Finding::new("long-connection", Severity::Note, NodeId::Host(hosts.source));
    finding.object = Some(NodeId::Host(hosts.destination));
    finding.score = 0.5 * magnitude(longest, if capture >= LONG { LONG } else { LONG_SHARE * capture });
    let what = match open {
        [one] => {
            let server = NodeId::Endpoint(hosts.destination, one.conversation.connection.ports.destination);
            format!("{} to {server} open for", hosts.source)
        }
        _ => {
            let count = Count(open.len() as u64);
            format!("{count} connections from {} to {} open for up to", hosts.source, hosts.destination)
        }
    };
    finding.sentence = format!(
        "{what} {}{}, {} sent and {} received; consistent with a session that someone keeps",
        Seconds(longest),
        share(longest, capture),
        Bytes(up),
        Bytes(down),
    );
    finding.life = open.iter().fold(None, |life, open| join(life, open.life));
    finding.evidence = vec![
        Evidence::new("open", longest, "s").against(LONG),
        Evidence::new("share of the capture", longest / capture, "").against(LONG_SHARE),
        Evidence::new("sent", up as f64, "B"),
        Evidence::new("received", down as f64, "B"),
        Evidence::new("connections", open.len() as f64, "connections"),
    ];
    finding.innocent_causes = &[
        "remote desktops, SSH sessions and VPNs",
        "database connections that are kept open",
        "push notifications, chat and other long polling",
    ];
    let clauses = open.iter().map(|open| open.conversation.clause()).collect();
    let carried: BTreeSet<Carried> = open.iter().map(|open| open.conversation.carried).collect();
    let between = |carried| Clause::between(carried, hosts.source, hosts.destination);
    let wider: Vec<Clause> = carried.into_iter().map(between).collect();
    material.filters.select(&mut finding, Some(clauses), &wider);
    finding
}

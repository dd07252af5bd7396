use std::collections::BTreeSet;
use std::net::IpAddr;

use pcapviz_capture::Pair;
use pcapviz_graph::{Evidence, Finding, NodeId, Severity};

use super::amount::{Bytes, Count, at_least};
use super::packets::{Carried, Clause};
use super::threshold::{TUNNEL_BYTES, TUNNEL_MEAN, TUNNEL_NAMES, TUNNEL_PRIVATE};
use super::{Material, magnitude};
use crate::life::join;
use crate::observe::{NameSum, Scope};

/// Domains below which very many different, long names were asked for.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut explained: BTreeSet<Pair<IpAddr>> = BTreeSet::new();
    // Scopes of two hosts sort behind the domains, which explain most of them.
    for (scope, sum) in material.observations.names.by_scope() {
        if sum.names < TUNNEL_NAMES || sum.bytes < TUNNEL_BYTES {
            continue;
        }
        match &scope {
            Scope::Domain(_) => explained.extend(sum.asked.iter().map(|(hosts, _)| *hosts)),
            Scope::Hosts(hosts) if explained.contains(hosts) => continue,
            Scope::Hosts(_) => {}
        }
        findings.extend(finding(material, &scope, &sum));
    }
    findings
}

fn finding(material: &Material<'_>, scope: &Scope, sum: &NameSum) -> Option<Finding> {
    let (most, _) = sum.asked.first()?;
    let mean = sum.bytes / sum.names;
    let long = if sum.is_private { TUNNEL_PRIVATE } else { TUNNEL_MEAN };
    // Anybody can give names such a form, but so have those that multicast DNS did not find.
    let is_sure = mean >= long && sum.bytes - sum.discovered >= TUNNEL_BYTES;
    let severity = if is_sure { Severity::Alert } else { Severity::Note };
    let mut finding = Finding::new("dns-tunnel", severity, NodeId::Host(most.source));
    finding.object = Some(NodeId::Host(most.destination));
    finding.score = 0.5 * magnitude(sum.bytes, TUNNEL_BYTES) + 0.5 * (mean / 100.0).min(1.0);
    let share = material.observations.names.share();
    let about = if share < 1.0 { "about " } else { "" };
    let (_, bound) = at_least(sum.is_asked_by_more);
    let names = Count(sum.names.round() as u64);
    let size = Bytes(sum.bytes.round() as u64);
    finding.sentence = match scope {
        Scope::Domain(domain) => {
            format!("{about}{names} different names, {size}, under {domain}, asked for by {}", who(sum))
        }
        Scope::Hosts(hosts) => format!(
            "{about}{names} different names, {size}, without a public suffix, asked of {} by {}",
            hosts.destination, hosts.source
        ),
    } + "; consistent with a tunnel over DNS";
    finding.life = sum.asked.iter().fold(None, |life, (_, asked)| join(life, asked.life));
    let messages: u64 = sum.asked.iter().map(|(_, asked)| asked.messages).sum();
    let clients: BTreeSet<IpAddr> = sum.asked.iter().map(|(hosts, _)| hosts.source).collect();
    finding.evidence = vec![
        Evidence::new("different names", sum.names, "names").against(TUNNEL_NAMES),
        Evidence::new("length of different names", sum.bytes, "B").against(TUNNEL_BYTES),
        Evidence::new("mean length", mean, "B").against(long),
        Evidence::new("messages", messages as f64, "messages"),
        Evidence::new("clients", clients.len() as f64, "hosts"),
    ];
    if sum.discovered > 0.0 {
        finding.evidence.push(Evidence::new(
            "of these, in names that multicast DNS has",
            sum.discovered,
            "B",
        ));
    }
    finding.evidence.extend(bound);
    if share < 1.0 {
        finding.evidence.push(Evidence::new("estimated from this share of all names", share, ""));
    }
    finding.innocent_causes = &[
        "virus scanners and mail filters that ask about files and senders by DNS",
        "content delivery networks that make a name for each user",
        "telemetry that names each device or event",
        "hosts and services that multicast DNS did not find, such as those of calls in a browser",
    ];
    let by_dns = |client, server| {
        [Carried::Udp, Carried::Tcp].map(|protocol| Clause {
            protocol,
            client,
            server,
            client_port: None,
            server_port: Some(53),
        })
    };
    let exact =
        || sum.asked.iter().flat_map(|(it, _)| by_dns(Some(it.source), Some(it.destination))).collect();
    // Any server, or else any client too: not all are known.
    let wider: Vec<Clause> = match clients.iter().collect::<Vec<_>>()[..] {
        [client] if !sum.is_asked_by_more => by_dns(Some(*client), None).into(),
        _ => by_dns(None, None).into(),
    };
    material.filters.select(&mut finding, (!sum.is_asked_by_more).then(exact), &wider);
    let domains: Vec<&str> = match scope {
        Scope::Domain(domain) => vec![domain],
        Scope::Hosts(_) => sum.domains.iter().map(|domain| &**domain).collect(),
    };
    let names: Vec<String> = domains.into_iter().map(pattern).collect();
    material.filters.select_names(&mut finding, &names);
    Some(finding)
}

fn who(sum: &NameSum) -> String {
    let clients: BTreeSet<IpAddr> = sum.asked.iter().map(|(hosts, _)| hosts.source).collect();
    match clients.first() {
        Some(client) if clients.len() == 1 && !sum.is_asked_by_more => client.to_string(),
        _ => format!("{}{} hosts", at_least(sum.is_asked_by_more).0, Count(clients.len() as u64)),
    }
}

/// A regular expression for a domain, with nothing in it that means something to Wireshark: the name is
/// hostile. Wireshark writes what is not printable in several letters, and a dot within a label as it is.
fn pattern(domain: &str) -> String {
    let mut pattern = String::new();
    for c in domain.chars() {
        match c {
            '.' => pattern.push_str("[.]"),
            '_' => pattern.push_str("[_.]"),
            'a'..='z' | '0'..='9' | '-' => pattern.push(c),
            _ if pattern.ends_with(".+") => {}
            _ => pattern.push_str(".+"),
        }
    }
    pattern
}

use std::collections::BTreeSet;

use pcapviz_graph::{Evidence, Finding, NodeId, Severity};

use super::amount::{Bytes, Seconds};
use super::packets::Carried;
use super::threshold::{LONG, LONG_CAPTURE, LONG_SHARE, LONG_UDP_BYTES};
use super::{Material, magnitude};
use crate::life::{join, seconds};

/// Connections that stay open for long.
pub(super) fn find(material: &Material<'_>) -> Vec<Finding> {
    let capture = seconds(material.life);
    let handshakes = &material.observations.handshakes;
    let both_ways = material
        .conversations
        .iter()
        .filter_map(|(conversation, both)| Some((conversation, both.up?, both.down?)));
    both_ways.filter_map(|(conversation, up, down)| {
        let life = join(up.life, down.life);
        let open = seconds(life);
        let is_whole = capture >= LONG_CAPTURE && open >= LONG_SHARE * capture;
        let connection = conversation.connection;
        // Between ports that are used again, it is not one connection.
        let is_reused = handshakes.is_reused(&connection) || handshakes.is_reused(&connection.reversed());
        let is_idle_udp =
            conversation.carried == Carried::Udp && (up.payload.min(down.payload) as f64) < LONG_UDP_BYTES;
        if (open < LONG && !is_whole) || is_reused || is_idle_udp {
            return None;
        }
        let hosts = connection.hosts;
        let server = NodeId::Endpoint(hosts.destination, connection.ports.destination);
        let mut finding = Finding::new("long-connection", Severity::Note, NodeId::Host(hosts.source));
        finding.object = Some(NodeId::Host(hosts.destination));
        finding.score = 0.5 * magnitude(open, LONG.min(capture * LONG_SHARE));
        finding.sentence = format!(
            "{} to {server} open for {}{}, {} sent and {} received; consistent with a session that someone keeps",
            hosts.source,
            Seconds(open),
            if is_whole { ", the whole capture" } else { "" },
            Bytes(up.payload),
            Bytes(down.payload),
        );
        finding.life = life;
        finding.evidence = vec![
            Evidence::new("open", open, "s").against(LONG),
            Evidence::new("share of the capture", open / capture, "").against(LONG_SHARE),
            Evidence::new("sent", up.payload as f64, "B"),
            Evidence::new("received", down.payload as f64, "B"),
        ];
        finding.innocent_causes = &[
            "remote desktops, SSH sessions and VPNs",
            "database connections that are kept open",
            "push notifications, chat and other long polling",
        ];
        (finding.display_filter, finding.capture_filter) =
            material.filters.any(&BTreeSet::from([conversation.clause()]));
        Some(finding)
    }).collect()
}

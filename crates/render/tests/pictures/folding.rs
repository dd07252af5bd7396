//! Folding: fewer nodes, the same sums.

use std::collections::BTreeSet;

use pcapviz_graph::{GraphLayer, LayerGraph, NodeId, Traffic};
use pcapviz_render::fold::{Folded, Kind, Ports, fold};
use pcapviz_render::scene::Scene;
use pcapviz_render::theme::{Family, Role};
use proptest::prelude::*;

use crate::graphs::{Over, Scenario};

fn sum(traffic: impl Iterator<Item = Traffic>) -> Traffic {
    traffic.fold(Traffic::default(), |mut sum, traffic| {
        sum += traffic;
        sum
    })
}

/// Nothing is lost, nothing is twice, and the order is the one that the drawing relies on.
pub(crate) fn check(what: &str, graph: &LayerGraph, folded: &Folded) {
    assert_eq!(
        sum(folded.edges.iter().map(|edge| edge.traffic)),
        sum(graph.edges().iter().map(|edge| edge.traffic)),
        "{what}: edges"
    );
    let members: Vec<usize> = folded.nodes.iter().flat_map(|group| group.members.clone()).collect();
    let distinct: BTreeSet<usize> = members.iter().copied().collect();
    assert_eq!(members.len(), graph.nodes().len(), "{what}: each node is in one group");
    assert_eq!(distinct.len(), members.len(), "{what}: no node is in two groups");
    for group in &folded.nodes {
        let own = || group.members.iter().map(|&i| &graph.nodes()[i]);
        assert_eq!(group.node.sent, sum(own().map(|node| node.sent)), "{what}: sent");
        assert_eq!(group.node.received, sum(own().map(|node| node.received)), "{what}: received");
        assert_eq!(group.node.life.map(|l| l.0), own().filter_map(|n| n.life).map(|l| l.0).min());
        assert_eq!(group.node.life.map(|l| l.1), own().filter_map(|n| n.life).map(|l| l.1).max());
        assert_eq!(group.members.len() == 1, group.kind == Kind::Single, "{what}: {group:?}");
        assert!(group.members.is_sorted(), "{what}: members in order");
    }
    for (i, group) in folded.nodes.iter().enumerate() {
        let sent = sum(folded.edges.iter().filter(|edge| edge.source == i).map(|edge| edge.traffic));
        assert_eq!(sent, group.node.sent, "{what}: a node sent what its edges say");
    }
    let ends: Vec<_> = folded.edges.iter().map(|edge| (edge.source, edge.target)).collect();
    assert!(ends.windows(2).all(|pair| pair[0] < pair[1]), "{what}: edges sorted, none twice");
}

fn folded(s: &Scenario, layer: GraphLayer, max_nodes: usize, ports: Ports) -> (LayerGraph, Folded) {
    s.view(layer, |view, _| (view.graph.clone(), fold(view, max_nodes, ports)))
}

#[test]
fn leaves_of_one_hub_become_one_node() {
    let mut s = Scenario::new();
    for i in 0..37 {
        s.send("10.0.0.1", &format!("10.0.1.{i}"), Over::Tcp(40_000, 445), 1, 60);
    }
    s.send("10.0.0.1", "93.184.216.34", Over::Tcp(40_000, 443), 10, 1_000);
    let (graph, folded) = folded(&s, GraphLayer::Hosts, 10, Ports::Servers);
    check("star", &graph, &folded);
    let kinds: Vec<_> = folded.nodes.iter().map(|group| (group.members.len(), group.kind)).collect();
    assert_eq!(kinds, [(1, Kind::Single), (37, Kind::SameNeighbours), (1, Kind::Single)]);
}

#[test]
fn client_ports_fold_and_servers_stay() {
    let mut s = Scenario::new();
    for port in 50_000..50_010 {
        s.send("10.0.0.1", "10.0.0.2", Over::Tcp(port, 80), 1, 60);
        s.send("10.0.0.2", "10.0.0.1", Over::Tcp(80, port), 1, 60);
    }
    // The server of two dynamic ports is the one that was sent to first.
    s.send("10.0.0.1", "10.0.0.3", Over::Tcp(61_000, 60_000), 1, 60);
    s.send("10.0.0.3", "10.0.0.1", Over::Tcp(60_000, 61_000), 1, 60);
    // Equal ports are peers.
    s.send("10.0.0.1", "224.0.0.251", Over::Udp(5353, 5353), 1, 60);
    let (graph, few) = folded(&s, GraphLayer::Endpoints, usize::MAX, Ports::Servers);
    check("ports", &graph, &few);
    let named: Vec<_> = few.nodes.iter().map(|g| (g.node.id.to_string(), g.members.len())).collect();
    let expected = [
        ("10.0.0.1:5353", 1),
        ("10.0.0.1:50000", 11),
        ("10.0.0.2:80", 1),
        ("10.0.0.3:60000", 1),
        ("224.0.0.251:5353", 1),
    ];
    assert_eq!(named, expected.map(|(id, n)| (id.to_owned(), n)));
    let (graph, all) = folded(&s, GraphLayer::Endpoints, usize::MAX, Ports::All);
    assert_eq!(all.nodes.len(), graph.nodes().len());
}

#[test]
fn many_addresses_fold_into_networks_and_the_busiest_stay() {
    let mut s = Scenario::new();
    for i in 0..200_u16 {
        // No two have the same neighbours.
        let (a, b) = (i % 20, i / 20);
        s.send(&format!("10.0.{a}.{i}"), &format!("10.1.{b}.{}", i + 1), Over::Tcp(1, 2), 1, 60);
        s.send(&format!("10.0.{a}.{i}"), "10.9.9.9", Over::Tcp(1, 2), 1, 60);
    }
    for max in [100, 40, 10, 3] {
        let (graph, folded) = folded(&s, GraphLayer::Hosts, max, Ports::Servers);
        check(&format!("at most {max}"), &graph, &folded);
        assert!(folded.nodes.len() <= max, "{} nodes, not {max}", folded.nodes.len());
        let hub = folded.nodes.iter().find(|group| group.node.id.to_string() == "10.9.9.9").unwrap();
        assert_eq!(hub.kind, Kind::Single, "at most {max}: the busiest stays");
    }
}

#[test]
fn outside_hosts_fold_by_owner_then_to_the_internet() {
    let mut s = Scenario::new();
    for i in 0..120_u16 {
        // No two have the same neighbours; each is in a network of its own, of three owners.
        let ip = format!("93.{i}.216.34");
        s.send(&format!("10.0.0.{}", i + 1), &ip, Over::Tcp(1, 2), 1, 60);
        s.place(&ip, None, "Elsewhere");
        let place = s.annotations.entry(NodeId::Host(ip.parse().unwrap())).place.as_mut().unwrap();
        place.asn = Some(64_500 + u32::from(i % 3));
    }
    for i in 0..120_u16 {
        s.send("10.9.9.9", &format!("10.0.0.{}", i + 1), Over::Tcp(1, 2), 1, 60_000);
    }
    let kinds = |max: usize| {
        let (graph, folded) = folded(&s, GraphLayer::Hosts, max, Ports::Servers);
        check(&format!("at most {max}"), &graph, &folded);
        assert!(folded.nodes.len() <= max);
        folded.nodes.iter().map(|group| group.kind).collect::<BTreeSet<Kind>>()
    };
    let owners = [64_500, 64_501, 64_502].map(Kind::Owner);
    assert!(owners.iter().all(|owner| kinds(60).contains(owner)), "{:?}", kinds(60));
    assert!(kinds(3).contains(&Kind::Role(Role::Outside)), "{:?}", kinds(3));
}

#[test]
fn an_edge_is_of_the_family_with_the_most_bytes() {
    for (tls, dns, expected) in [(10, 9, Family::Web), (9, 10, Family::Names), (10, 10, Family::Web)] {
        let mut s = Scenario::new();
        s.send("10.0.0.1", "10.0.0.2", Over::Tcp(50_000, 443), 1, 100 * tls);
        s.send("10.0.0.1", "10.0.0.2", Over::Udp(50_000, 53), 1, 100 * dns);
        let (_, folded) = folded(&s, GraphLayer::Hosts, 10, Ports::Servers);
        assert_eq!(folded.family(0), expected, "{tls} {dns}");
        assert_eq!(folded.families[0].len(), 2, "{tls} {dns}");
    }
}

#[test]
fn the_picture_says_what_was_folded_and_data_is_whole() {
    let mut s = Scenario::new();
    for i in 0..200 {
        s.send("10.0.0.1", &format!("10.0.1.{i}"), Over::Tcp(40_000, 445), 1, 60);
    }
    let svg = s.text(GraphLayer::Hosts, "svg");
    assert!(svg.contains("200 hosts with the same neighbours: drawn as 1 node"));
    assert!(svg.contains("201 nodes, 200 edges; drawn as 2 nodes, 1 edge"));
    for format in ["json", "dot"] {
        assert!(s.text(GraphLayer::Hosts, format).contains("10.0.1.199"), "{format} has every node");
    }
    let members = s.view(GraphLayer::Hosts, |view, options| {
        let scene = Scene::of(view, options).unwrap();
        scene.nodes.iter().map(|node| node.members.len()).sum::<usize>()
    });
    assert_eq!(members, 201);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sums_are_conserved(
        sends in prop::collection::vec(
            (0_u8..40, 0_u8..40, 0_u16..2_000, 49_000_u16..49_300, any::<bool>(), 1_u32..10_000),
            0..150,
        ),
        max_nodes in 1_usize..60,
        all_ports in any::<bool>(),
        owners in prop::collection::vec(prop::option::of(1_u32..4), 40),
        has_owners in any::<bool>(),
    ) {
        let mut s = Scenario::new();
        let ip = |i: u8| match i % 4 {
            0 => format!("93.184.{}.{i}", i % 3),
            1 => format!("224.0.0.{i}"),
            _ => format!("10.{}.0.{i}", i % 5),
        };
        for (from, to, server, client, forth, bytes) in sends {
            let (source, target) = if forth { (client, server) } else { (server, client) };
            s.send(&ip(from), &ip(to), Over::Udp(source, target), 1, bytes);
        }
        for (i, owner) in (0..40).zip(owners) {
            let Some(owner) = owner else { continue };
            s.place(&ip(i), None, "Elsewhere");
            let place = s.annotations.entry(NodeId::Host(ip(i).parse().unwrap())).place.as_mut().unwrap();
            place.country_code = Some(["DE", "FR", "JP"][owner as usize - 1].to_owned());
            place.asn = has_owners.then_some(owner);
        }
        let ports = if all_ports { Ports::All } else { Ports::Servers };
        for layer in GraphLayer::ALL {
            let (graph, folded) = folded(&s, layer, max_nodes, ports);
            check(&format!("{layer:?}"), &graph, &folded);
            // Three sides at most: inside, outside, groups.
            prop_assert!(folded.nodes.len() <= max_nodes.max(3));
        }
    }
}

//! Small graphs, one feature each, against the SVG that they gave when a person last looked.
//!
//! After a wanted change: `PCAPVIZ_BLESS=1 cargo test -p pcapviz-render`, look at the pictures in
//! `tests/golden/`, commit them.

use std::path::Path;

use pcapviz_graph::{GraphLayer, NameSource, NodeId, Selection, Severity};
use pcapviz_render::theme::Theme;
use pcapviz_render::{ColorBy, Grouping, Shape};

use crate::graphs::{NASTY, Over, Scenario, arp, office};

fn check(name: &str, layer: GraphLayer, scenario: &Scenario) {
    let drawn = scenario.text(layer, "svg");
    assert_eq!(drawn, scenario.text(layer, "svg"), "{name}: the same view gave another picture");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.svg"));
    if std::env::var_os("PCAPVIZ_BLESS").is_some_and(|v| v == "1") {
        std::fs::write(&path, &drawn).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = golden.lines().zip(drawn.lines()).position(|(a, b)| a != b);
    assert!(
        golden == drawn,
        "{name}: not the golden picture from line {} on; if it is wanted, run with PCAPVIZ_BLESS=1",
        differs.unwrap_or_else(|| golden.lines().count().min(drawn.lines().count())) + 1
    );
}

use GraphLayer::{Devices, Endpoints, Hosts};

#[test]
fn one_edge() {
    let mut s = Scenario::new();
    s.send("10.0.0.1", "10.0.0.2", Over::Tcp(50_000, 22), 12, 570);
    check("one-edge", Hosts, &s);
}

#[test]
fn two_directions_are_parted() {
    let mut s = Scenario::new();
    s.send("10.0.0.1", "10.0.0.2", Over::Tcp(50_000, 80), 5, 120);
    s.send("10.0.0.2", "10.0.0.1", Over::Tcp(80, 50_000), 9, 1_400);
    check("two-directions", Hosts, &s);
}

#[test]
fn protocols_run_beside_each_other() {
    let mut s = Scenario::new();
    s.send("10.0.0.1", "10.0.0.2", Over::Tcp(50_000, 443), 30, 1_400);
    s.send("10.0.0.1", "10.0.0.2", Over::Tcp(50_001, 22), 12, 1_200);
    s.send("10.0.0.1", "10.0.0.2", Over::Udp(50_000, 53), 20, 120);
    s.send("10.0.0.2", "10.0.0.1", Over::Tcp(443, 50_000), 9, 1_400);
    check("strands", Hosts, &s);
}

#[test]
fn self_loop() {
    let mut s = Scenario::new();
    s.send("127.0.0.1", "127.0.0.1", Over::Tcp(50_000, 25), 4, 200);
    check("self-loop", Hosts, &s);
}

#[test]
fn names_places_and_long_names() {
    let mut s = office();
    s.name(
        "192.168.1.11",
        NameSource::Dns,
        "a-machine-with-a-very-long-name.in-some-department.of-a-company.example.com",
    );
    check("names-and-places", Hosts, &s);
}

#[test]
fn devices() {
    let mut s = office();
    for node in s.table.project(Devices).nodes() {
        s.annotations.entry(node.id).vendor = Some("Intel Corporate".to_owned());
    }
    check("devices", Devices, &s);
}

#[test]
fn endpoints() {
    check("endpoints", Endpoints, &office());
}

#[test]
fn ipv6() {
    let mut s = Scenario::new();
    s.send("fe80::1", "ff02::fb", Over::Udp(5353, 5353), 2, 200);
    s.send("2001:4860:4860::8888", "fd00::abcd:1234:5678:9abc", Over::Udp(443, 50_000), 20, 1_200);
    check("ipv6", Hosts, &s);
}

#[test]
fn every_protocol_family_has_its_colour() {
    let mut s = Scenario::new();
    let overs = [
        Over::Tcp(5, 443),
        Over::Udp(5, 53),
        Over::Tcp(5, 25),
        Over::Tcp(5, 22),
        Over::Tcp(5, 502),
        Over::Udp(5, 123),
        Over::Icmp,
        Over::Tcp(5, 9),
        Over::Udp(5, 9),
    ];
    for (i, over) in overs.into_iter().enumerate() {
        s.send("10.0.0.1", &format!("10.0.1.{i}"), over, 1, 100 * 4_u32.pow(i as u32));
    }
    s.frames(&arp(), 3, 60);
    check("families", Devices, &s);
}

#[test]
fn findings_are_marked() {
    let mut s = office();
    s.find("bulk-upload", Severity::Alert, "192.168.1.10", Some("8.8.4.4"));
    s.find("long-connection", Severity::Note, "192.168.1.11", None);
    check("findings", Hosts, &s);
}

/// Six countries are one more than there are colours.
fn abroad() -> Scenario {
    let mut s = office();
    for (i, (country, code, asn)) in [
        ("Germany", "DE", 64_496),
        ("Germany", "DE", 64_497),
        ("Japan", "JP", 64_498),
        ("Brazil", "BR", 64_499),
        ("Kenya", "KE", 64_500),
        ("India", "IN", 64_500),
        ("Norway", "NO", 64_500),
    ]
    .into_iter()
    .enumerate()
    {
        let ip = format!("93.184.216.{i}");
        s.send("192.168.1.10", &ip, Over::Tcp(50_300, 443), 3, 700 - 50 * i as u32);
        s.place(&ip, None, country);
        let place = s.annotations.entry(NodeId::Host(ip.parse().unwrap())).place.as_mut().unwrap();
        (place.country_code, place.asn) = (Some(code.to_owned()), Some(asn));
        place.organisation = Some(format!("Network {asn}"));
    }
    s
}

#[test]
fn the_outside_is_told_apart_by_country_or_owner() {
    for color_by in [ColorBy::Country, ColorBy::Asn, ColorBy::Side] {
        let mut s = abroad();
        s.color_by = color_by;
        check(&format!("color-by-{}", color_by.name()), Hosts, &s);
    }
    let mut s = abroad();
    s.theme = Theme::Print;
    check("color-by-country-print", Hosts, &s);
}

#[test]
fn own_networks_and_broadcast_addresses() {
    let mut s = office();
    s.send("192.168.1.10", "192.168.1.255", Over::Udp(138, 138), 3, 240);
    s.annotations.entry(NodeId::Host("192.168.1.255".parse().unwrap())).is_broadcast = true;
    s.inside = "8.8.4.0/24".parse().unwrap();
    check("inside-and-broadcast", Hosts, &s);
}

#[test]
fn findings_in_the_matrix() {
    let mut s = office();
    s.engine = Some("matrix");
    s.find("bulk-upload", Severity::Alert, "192.168.1.10", Some("8.8.4.4"));
    s.findings[0].sentence =
        "192.168.1.10 sent 48 MB to 8.8.4.4 and got 1.0 MB back (ratio 0.96); the only host \
                              doing so; consistent with data leaving the network, or with a backup"
            .to_owned();
    s.find("long-connection", Severity::Note, "192.168.1.99", None);
    check("matrix-findings", Hosts, &s);
}

#[test]
fn themes() {
    for theme in [Theme::Dark, Theme::Print] {
        let mut s = office();
        s.find("scan", Severity::Alert, "192.168.1.11", Some("192.168.1.10"));
        s.theme = theme;
        check(&format!("theme-{}", theme.name()), Hosts, &s);
    }
}

#[test]
fn engines() {
    for engine in ["auto", "tiers", "layered", "matrix"] {
        let mut s = office();
        s.engine = Some(engine);
        check(&format!("engine-{engine}"), Hosts, &s);
    }
}

#[test]
fn groups_have_frames() {
    let mut s = office();
    s.send("192.168.2.7", "192.168.1.10", Over::Tcp(50_300, 22), 9, 400);
    s.send("192.168.2.8", "192.168.1.10", Over::Tcp(50_400, 22), 9, 400);
    s.grouping = Grouping::Subnet;
    s.engine = Some("auto");
    check("groups", Hosts, &s);
}

#[test]
fn a_selection_says_what_it_leaves_out() {
    let mut s = office();
    let mut selection = Selection::default();
    selection.focus = vec!["example.com".parse().unwrap()];
    selection.hops = 1;
    s.selection = Some(selection);
    check("selection", Hosts, &s);
}

#[test]
fn shapes() {
    for shape in ["rounded", "ellipse", "star", "plaintext", "point"] {
        let mut s = office();
        s.shape = Some(shape.parse::<Shape>().unwrap());
        check(&format!("shape-{shape}"), Hosts, &s);
    }
}

#[test]
fn hostile_names() {
    let mut s = Scenario::new();
    for (i, name) in NASTY.iter().enumerate() {
        let ip = format!("10.0.0.{i}");
        s.send(&ip, "10.0.1.1", Over::Udp(1, 2), 1, 100);
        s.name(&ip, NameSource::Dns, name);
    }
    check("hostile-names", Hosts, &s);
}

#[test]
fn empty_graph_says_why() {
    let mut s = Scenario::new();
    s.frames(&arp(), 7, 60);
    check("empty", Hosts, &s);
}

#[test]
fn several_captures() {
    let mut s = office();
    for i in 0..12 {
        s.capture(&format!("/var/captures/2024-05-01/interface-{i}.pcapng"));
    }
    check("several-captures", Hosts, &s);
}

#[test]
fn crowded_picture_says_what_it_leaves_out() {
    let mut s = Scenario::new();
    for a in 0..14 {
        for b in (0..14).filter(|b| *b != a) {
            s.send(
                &format!("10.0.0.{a}"),
                &format!("10.0.0.{b}"),
                Over::Tcp(1_000 + a, 80),
                1,
                60 + u32::from(a * b),
            );
        }
    }
    check("crowded", Hosts, &s);
}

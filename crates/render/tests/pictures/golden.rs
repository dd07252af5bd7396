//! Small graphs, one feature each, against the SVG that they gave when a person last looked.
//!
//! After a wanted change: `PCAPVIZ_BLESS=1 cargo test -p pcapviz-render`, look at the pictures in
//! `tests/golden/`, commit them.

use std::path::Path;

use pcapviz_graph::{GraphLayer, NameSource, Selection, Severity};
use pcapviz_render::theme::Theme;
use pcapviz_render::{Grouping, Shape};

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

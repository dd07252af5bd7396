//! What must hold of every scene: nothing on top of another, nothing outside the page.

use pcapviz_graph::{GraphLayer, NameSource, NodeId, Selection, Severity};
use pcapviz_render::scene::{Rect, Scene};
use pcapviz_render::theme::Theme;
use pcapviz_render::{Grouping, Shape};
use proptest::prelude::*;

use crate::graphs::{NASTY, Over, Scenario, arp, office};

pub(crate) fn check(what: &str, scene: &Scene) {
    let mut solid: Vec<(String, Rect)> = Vec::new();
    for (i, node) in scene.nodes.iter().enumerate() {
        let shape = node.outline.bounds();
        let Some(label) = &node.label else {
            solid.push((format!("node {i}"), shape));
            continue;
        };
        if shape.overlaps(&label.bounds) {
            assert!(shape.contains(&label.bounds), "{what}: node {i}'s label stands out of its shape");
        } else {
            solid.push((format!("label of node {i}"), label.bounds));
        }
        solid.push((format!("node {i}"), shape));
    }
    for (i, edge) in scene.edges.iter().enumerate() {
        let strands: f64 = edge.strands.iter().map(|strand| strand.width).sum();
        assert!(strands <= 0.6 * edge.width + 1e-9, "{what}: the strands of edge {i} are wider than it");
        solid.extend(edge.label.iter().map(|label| (format!("label of edge {i}"), label.bounds)));
    }
    for hull in &scene.hulls {
        solid.push((format!("label of frame {:?}", hull.label.content), hull.label.bounds()));
    }
    for (i, hull) in scene.hulls.iter().enumerate() {
        assert!(scene.hulls[..i].iter().all(|other| !other.rect.overlaps(&hull.rect)), "{what}: frame {i}");
        for (name, rect) in &solid {
            let edge = name.starts_with("label of edge");
            let apart = hull.rect.contains(rect) || !hull.rect.overlaps(rect);
            assert!(edge || apart, "{what}: {name} {rect:?} is across frame {i} {:?}", hull.rect);
        }
    }
    if let Some(matrix) = &scene.matrix {
        solid.push(("the table".to_owned(), matrix.grid));
        solid.extend(matrix.labels.iter().map(|label| (label.content.clone(), label.bounds())));
        for (i, cell) in matrix.cells.iter().enumerate() {
            assert!(matrix.grid.contains(&cell.rect), "{what}: cell {i}");
            assert!(
                matrix.cells[..i].iter().all(|other| !other.rect.overlaps(&cell.rect)),
                "{what}: cell {i}"
            );
        }
    }
    let frame = scene.title.iter().chain(&scene.notice).chain(&scene.legend.texts);
    solid.extend(frame.map(|text| (format!("{:?}", text.content), text.bounds())));
    for (outline, ..) in &scene.legend.shapes {
        solid.push(("sample shape".to_owned(), outline.bounds()));
    }
    for (i, (name, rect)) in solid.iter().enumerate() {
        for (other, room) in &solid[..i] {
            assert!(!rect.overlaps(room), "{what}: {name} {rect:?} is on {other} {room:?}");
        }
    }

    let page = Rect { left: 0.0, top: 0.0, right: scene.size.x, bottom: scene.size.y };
    let lines = scene.edges.iter().flat_map(|e| e.spline.iter().chain(&e.arrow)).copied();
    for (name, rect) in solid.iter().cloned().chain(Rect::of(lines).map(|r| ("an edge".to_owned(), r))) {
        assert!(page.contains(&rect), "{what}: {name} {rect:?} is outside the page {page:?}");
    }

    let unlabelled = scene.edges.iter().filter(|edge| edge.label.is_none()).count();
    assert_eq!(unlabelled, scene.left_out.edge_labels, "{what}: edges without a label");
    let unlabelled = scene.nodes.iter().filter(|node| node.label.is_none()).count();
    assert_eq!(unlabelled, scene.left_out.node_labels, "{what}: nodes without a label");
}

#[test]
fn every_shape_on_every_layer() {
    for shape in std::iter::once(None).chain(Shape::all().map(Some)) {
        let mut s = office();
        s.send("192.168.1.10", "192.168.1.10", Over::Tcp(1, 2), 1, 100);
        s.shape = shape;
        for layer in GraphLayer::ALL {
            check(&format!("{shape:?} {layer:?}"), &s.scene(layer));
        }
    }
}

#[test]
fn edges_end_at_their_shapes_border() {
    for shape in Shape::all() {
        let mut s = office();
        s.shape = Some(shape);
        let scene = s.scene(GraphLayer::Hosts);
        for edge in &scene.edges {
            for (end, node) in [(edge.spline[0], edge.source), (edge.arrow[0], edge.target)] {
                let node = &scene.nodes[node];
                let border = node.outline.border(node.centre, end);
                let gap = (border.x - end.x).hypot(border.y - end.y);
                assert!(gap < 1e-6, "{shape}: an edge ends {gap} points off the border");
            }
        }
    }
}

#[test]
fn empty_and_single() {
    let mut s = Scenario::new();
    check("no packets", &s.scene(GraphLayer::Hosts));
    s.frames(&arp(), 1, 60);
    check("no hosts", &s.scene(GraphLayer::Hosts));
    assert!(!s.scene(GraphLayer::Hosts).notice.is_empty());
    assert!(s.scene(GraphLayer::Devices).notice.is_empty());
}

/// Marked nodes, by how they are called, and how many edges are.
fn marked(s: &Scenario, layer: GraphLayer) -> (Vec<String>, usize) {
    let scene = s.scene(layer);
    let nodes = scene.nodes.iter().filter(|node| node.halo.is_some());
    (
        nodes.map(|node| node.members[0].to_string()).collect(),
        scene.edges.iter().filter(|edge| edge.halo.is_some()).count(),
    )
}

#[test]
fn findings_mark_what_they_are_about_on_every_layer() {
    let mut s = office();
    s.find("scan", Severity::Alert, "192.168.1.11", None);
    s.findings[0].ports = [445].into();
    assert_eq!(marked(&s, GraphLayer::Hosts), (vec!["192.168.1.11".to_owned()], 0));
    // Not its end point for mDNS.
    let ends = ["192.168.1.10:445", "192.168.1.11:50200"].map(str::to_owned).to_vec();
    assert_eq!(marked(&s, GraphLayer::Endpoints), (ends, 1));
    // A device is known by its addresses.
    assert_eq!(marked(&s, GraphLayer::Devices), (vec![], 0));
    let legend = |s: &Scenario, layer| {
        let texts = s.scene(layer).legend.texts;
        texts.into_iter().map(|text| text.content).collect::<Vec<_>>().join("\n")
    };
    assert!(legend(&s, GraphLayer::Devices).contains("1 finding about what this layer does not show"));
    let device: pcapviz_graph::MacAddr = "00:1b:21:a8:01:0b".parse().unwrap();
    s.annotations.entry(NodeId::Host("192.168.1.11".parse().unwrap())).devices.push(device);
    assert_eq!(marked(&s, GraphLayer::Devices), (vec![device.to_string()], 0));
    // A selection without it says so.
    let mut selection = Selection::default();
    selection.focus = vec!["8.8.4.4".parse().unwrap()];
    s.selection = Some(selection);
    assert_eq!(marked(&s, GraphLayer::Hosts), (vec![], 0));
    assert!(legend(&s, GraphLayer::Hosts).contains("1 finding outside of this selection"));
}

prop_compose! {
    fn scenario()(
        sends in prop::collection::vec((0_u8..24, 0_u8..24, 0_u16..1_100, 1_u32..3, 1_u32..100_000_000), 0..60),
        names in prop::collection::vec((0_u8..24, any::<String>()), 0..12),
        nasty in prop::collection::vec((0_u8..24, prop::sample::select(NASTY)), 0..4),
        shape in prop::option::of(prop::sample::select(Shape::all().collect::<Vec<_>>())),
        theme in prop::sample::select(Theme::ALL.to_vec()),
        engine in prop::option::of(prop::sample::select(vec!["auto", "tiers", "layered", "matrix"])),
        grouping in prop::sample::select(vec![Grouping::None, Grouping::None, Grouping::Subnet]),
        places in prop::collection::vec((0_u8..24, prop::sample::select(vec!["Germany", "Japan", "x", "Österreich"])), 0..9),
        found in prop::collection::vec((0_u8..24, prop::option::of(0_u8..24), any::<bool>()), 0..4),
    ) -> Scenario {
        let mut s = Scenario::new();
        // Inside, outside and a group.
        let ip = |i: u8| match i % 5 {
            0 => format!("224.0.0.{i}"),
            1 | 2 => format!("93.184.216.{i}"),
            _ => format!("10.0.0.{i}"),
        };
        for (from, to, port, packets, bytes) in sends {
            let over = if port % 3 == 0 { Over::Udp(40_000, port) } else { Over::Tcp(40_000, port) };
            s.send(&ip(from), &ip(to), over, packets, bytes);
        }
        for (i, name) in names.iter().map(|(i, n)| (i, &**n)).chain(nasty.iter().map(|(i, n)| (i, *n))) {
            s.name(&ip(*i), NameSource::Dns, name);
        }
        for (i, country) in places {
            s.place(&ip(i), None, country);
        }
        for (from, to, grave) in found {
            let severity = if grave { Severity::Alert } else { Severity::Note };
            s.find("scan", severity, &ip(from), to.map(ip).as_deref());
        }
        (s.shape, s.theme, s.engine, s.grouping) = (shape, theme, engine, grouping);
        s
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_overlaps(scenario in scenario()) {
        for layer in GraphLayer::ALL {
            check(&format!("{layer:?}"), &scenario.scene(layer));
        }
    }

    #[test]
    fn every_text_format_is_well_formed(scenario in scenario()) {
        for layer in GraphLayer::ALL {
            let svg = scenario.text(layer, "svg");
            prop_assert!(roxmltree::Document::parse(&svg).is_ok());
            let json: serde_json::Value = serde_json::from_str(&scenario.text(layer, "json")).unwrap();
            let sum = |value: &serde_json::Value| -> u64 {
                value.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum()
            };
            let totals = &json["totals"];
            prop_assert_eq!(
                totals["in_graph"].as_u64().unwrap() + sum(&totals["outside"]),
                totals["packets"].as_u64().unwrap()
            );
            let edges: u64 = json["edges"].as_array().unwrap().iter().map(|e| e["packets"].as_u64().unwrap()).sum();
            prop_assert_eq!(totals["in_graph"].as_u64().unwrap(), edges);
        }
    }
}

//! Each format as other programs read it.

use std::io::Write;
use std::process::{Command, Stdio};

use pcapviz_graph::{GraphLayer, NameSource, Protocol, Sampled, Selection};
use pcapviz_render::{Format, RenderOptions, Shape, escape, render};
use serde_json::{Value, json};

use crate::graphs::{NASTY, Over, Scenario, office};

fn hostile() -> Scenario {
    let mut s = Scenario::new();
    s.capture("<b>\u{202e}\x1b[31m.pcap");
    for (i, name) in NASTY.iter().enumerate() {
        let ip = format!("10.0.0.{i}");
        s.send(&ip, "10.0.1.1", Over::Udp(1, 2), 1, 100);
        s.name(&ip, NameSource::Dns, name);
        s.annotations.entry(pcapviz_graph::NodeId::Host(ip.parse().unwrap())).vendor =
            Some((*name).to_owned());
    }
    s
}

#[test]
fn hostile_names_are_text_in_svg() {
    let s = hostile();
    let svg = s.text(GraphLayer::Hosts, "svg");
    assert!(!svg.chars().any(|c| c != '\n' && escape::is_unsafe(c)));
    let tree = roxmltree::Document::parse(&svg).unwrap();
    let known = ["svg", "title", "rect", "g", "path", "circle", "ellipse", "polygon", "text"];
    for element in tree.descendants().filter(|n| n.is_element()) {
        let name = element.tag_name().name();
        assert!(known.contains(&name), "<{name}> in the picture");
        for attribute in element.attributes() {
            assert!(!attribute.name().starts_with("on") && attribute.name() != "href", "{attribute:?}");
        }
    }
    // All of it is still there to read: whole in the tooltips.
    let tooltips: Vec<&str> =
        tree.descendants().filter(|n| n.has_tag_name("title")).filter_map(|n| n.text()).collect();
    for name in NASTY {
        // Line breaks part a tooltip's lines.
        let first = name.lines().next().unwrap();
        let shown = escape::visible(first);
        assert!(tooltips.iter().any(|t| t.contains(&*shown)), "{name:?} is not in a tooltip");
    }
}

#[test]
fn json_keeps_names_as_they_were_seen() {
    let text = hostile().text(GraphLayer::Hosts, "json");
    assert!(!text.trim_end().chars().any(escape::is_unsafe), "a character acts on the terminal");
    assert!(text.ends_with("}\n"));
    let json: Value = serde_json::from_str(&text).unwrap();
    let names: Vec<&str> = json["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|node| node["names"][0]["name"].as_str())
        .collect();
    for name in NASTY {
        assert!(names.contains(name), "{name:?}");
    }
}

/// What was not looked at in full is told: in the JSON, and in the legend even where nothing was found.
#[test]
fn what_findings_were_not_made_from_in_full_is_said() {
    let sampled = [Sampled::new("ICMP echoes", 0.25, 3)];
    for (sampled, is_said) in [(&sampled[..], true), (&[], false)] {
        let [json, svg] = ["json", "svg"].map(|format| {
            let text = office().view(GraphLayer::Hosts, |view, options| {
                let mut out = Vec::new();
                render(&view.with_sampled(sampled), options, format.parse().unwrap(), &mut out).unwrap();
                out
            });
            String::from_utf8(text).unwrap()
        });
        let json: Value = serde_json::from_str(&json).unwrap();
        let expected = json!([{"what": "ICMP echoes", "share": 0.25, "in_part": 3}]);
        assert_eq!(json.get("findings_sampled"), is_said.then_some(&expected));
        assert_eq!(svg.contains("ICMP echoes"), is_said);
    }
}

#[test]
fn json_is_as_the_contract_says() {
    let json: Value = serde_json::from_str(&office().text(GraphLayer::Hosts, "json")).unwrap();
    assert_eq!(json["schema"], "pcapviz/graph/1");
    assert_eq!(json["layer"], 3);
    assert_eq!(
        json["captures"],
        json!([{
            "path": "office.pcap", "format": "pcap", "packets": 139, "bytes": 115850,
            "first": "2024-05-01T08:00:00Z", "last": "2024-05-01T08:00:34.5Z"
        }])
    );
    assert_eq!(json["totals"]["packets"], 139);
    assert_eq!(json["totals"]["in_graph"], 137);
    assert_eq!(json["totals"]["outside"], json!({"ARP": 2}));
    assert_eq!(json["totals"]["stopped"], json!({}));
    assert_eq!(json["findings"], json!([]));
    let node = |id: &str| {
        json["nodes"].as_array().unwrap().iter().find(|node| node["id"] == id).unwrap_or(&Value::Null).clone()
    };
    assert_eq!(
        node("8.8.4.4"),
        json!({
            "id": "8.8.4.4", "class": "public",
            "names": [{"name": "video.example.com", "source": "TLS", "count": 1}],
            "place": {"city": "Zürich", "country": "Switzerland", "sources": ["GeoLite2-City"]},
            "sent": {"packets": 70, "bytes": 98000, "payload_bytes": 0},
            "received": {"packets": 40, "bytes": 4800, "payload_bytes": 0},
            "first": "2024-05-01T08:00:03Z", "last": "2024-05-01T08:00:30.25Z"
        })
    );
    let unknown = node("192.168.1.10");
    for absent in ["names", "place", "vendor", "notes"] {
        assert_eq!(unknown.get(absent), None, "absent knowledge is an absent key");
    }
    let edge =
        json["edges"].as_array().unwrap().iter().find(|edge| edge["source"] == "192.168.1.11").unwrap();
    assert_eq!(edge["target"], "192.168.1.10");
    assert_eq!(edge["bytes"], 10_800);
    assert_eq!(edge["protocols"], json!(["Ethernet", "IPv4", "TCP", "SMB"]));
}

#[test]
fn png_is_a_picture_of_the_page() {
    let s = office();
    let size = s.scene(GraphLayer::Hosts).size;
    let png = s.render(GraphLayer::Hosts, "png");
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!((number(16), number(20)), ((size.x * 2.0) as u32, (size.y * 2.0) as u32));
    // Something is drawn: an empty page of this size would take a tenth of it.
    assert!(png.len() > 20_000, "{} bytes", png.len());
}

#[test]
fn png_is_as_wide_as_asked_for() {
    for (scale, width, expected) in [(Some(1.0), None, 1.0), (Some(0.5), None, 0.5), (None, Some(333), 0.0)] {
        let s = office();
        let size = s.scene(GraphLayer::Hosts).size;
        let png = s.view(GraphLayer::Hosts, |view, options| {
            let mut out = Vec::new();
            let mut options = RenderOptions::new(options.layout);
            (options.scale, options.width) = (scale, width);
            render(view, &options, "png".parse().unwrap(), &mut out).unwrap();
            out
        });
        let columns = u32::from_be_bytes(png[16..20].try_into().unwrap());
        assert_eq!(columns, width.unwrap_or((size.x * expected).ceil() as u32), "{scale:?} {width:?}");
    }
}

#[test]
fn more_pixels_than_a_viewer_opens_are_an_error_that_says_how_many_are_not() {
    let error = office().view(GraphLayer::Hosts, |view, options| {
        let mut options = RenderOptions::new(options.layout);
        options.width = Some(1_000_000);
        render(view, &options, "png".parse().unwrap(), &mut Vec::new()).unwrap_err().to_string()
    });
    assert!(error.contains("more than 40 million") && error.contains("a width of "), "{error}");
}

#[test]
fn pdf_is_small_and_always_the_same() {
    for engine in [None, Some("matrix")] {
        let mut s = office();
        s.engine = engine;
        let pdf = s.render(GraphLayer::Hosts, "pdf");
        assert!(pdf.starts_with(b"%PDF-"));
        assert_eq!(pdf, s.render(GraphLayer::Hosts, "pdf"));
        // Letters are stored once, however often they stand on the page.
        assert!((5_000..100_000).contains(&pdf.len()), "{} bytes", pdf.len());
    }
}

#[test]
fn json_says_what_a_selection_left_out() {
    let mut s = office();
    let mut selection = Selection::default();
    selection.not_protocols = [Protocol::Tls].into_iter().collect();
    s.selection = Some(selection);
    let json: Value = serde_json::from_str(&s.text(GraphLayer::Hosts, "json")).unwrap();
    let left_out = json!({"nodes": 1, "edges": 2, "packets": 110, "bytes": 102_800, "payload_bytes": 0});
    assert_eq!(json["selection"], json!({"conditions": "protocols but TLS", "left_out": left_out}));
    let packets: u64 = json["edges"].as_array().unwrap().iter().map(|e| e["packets"].as_u64().unwrap()).sum();
    assert_eq!(json["totals"]["in_graph"].as_u64().unwrap(), packets + 110);
}

#[test]
fn graphviz_takes_the_dot() {
    let mut all: Vec<(String, Scenario)> =
        vec![("hostile".to_owned(), hostile()), ("empty".to_owned(), Scenario::new())];
    for shape in Shape::all() {
        let mut s = office();
        s.shape = Some(shape);
        all.push((shape.to_string(), s));
    }
    let Some(dot) = pcapviz_testkit::tool("dot") else { return };
    for (name, s) in all {
        let mut child = Command::new(dot)
            .arg("-Tsvg")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&s.render(GraphLayer::Hosts, "dot")).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(!said.contains("syntax") && !said.contains("unknown"), "{name}: {said}");
        let svg = String::from_utf8(output.stdout).unwrap();
        if name == "hostile" {
            for shown in [
                "&lt;script&gt;alert(1)&lt;/script&gt;",
                r"\x1b]0;owned\x07\x1b[2J\x9b31m",
                "&amp;amp; &amp;lt;",
            ] {
                // Graphviz writes some spaces and hyphens as entities.
                let svg = svg.replace("&#45;", "-").replace("&#160;", " ");
                assert!(svg.contains(shown), "{shown} is not in Graphviz's picture");
            }
        }
    }
}

#[test]
fn every_format_writes_every_layer() {
    for format in Format::all() {
        for layer in GraphLayer::ALL {
            for s in [office(), Scenario::new()] {
                assert!(!s.render(layer, format.name()).is_empty(), "{format} {layer:?}");
            }
        }
    }
}

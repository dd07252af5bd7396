//! What a capture says of its hosts comes out harmless, whatever it is written to.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use pcapviz_core::graph::{Name, NameSource, NodeId};
use pcapviz_core::render::escape::is_unsafe;
use pcapviz_core::render::layout::Engine;
use pcapviz_core::render::{Format, RenderOptions, render};
use pcapviz_core::{GraphLayer, Pipeline, Report};
use pcapviz_testkit::capture::{Pcap, Record};
use pcapviz_testkit::frame::{Ethernet, Ipv4, Tcp, Udp};

const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "a\" URL=\"javascript:x",
    "\x1b]0;title\x07\x1b[2J",
    "line\r\nbreak\u{2028}",
    "\u{202e}gnp.exe\u{2066}hidden",
    "\\N \\\" &lt; ]]> --> %s",
    "nul\0\u{7f}\u{85}\u{feff}",
];

/// Hosts whose names, places, vendors and details are all hostile; one name comes by way of a packet.
fn report(text: &str) -> Report {
    let request =
        [b"GET / HTTP/1.1\r\nHost: ", text.replace(['\r', '\n'], "").as_bytes(), b"\r\n\r\n"].concat();
    let frames = [
        Ethernet::between(1, 2).carry(
            Ipv4::between([10, 0, 0, 1], [192, 0, 2, 1]).carry(Tcp::ports(999, 80).carry(request.as_slice())),
        ),
        Ethernet::between(2, 1)
            .carry(Ipv4::between([192, 0, 2, 1], [10, 0, 0, 1]).carry(Udp::ports(53, 999).carry(b"x"))),
    ];
    let records: Vec<Record> = frames.iter().map(|frame| Record::new(1, frame.bytes())).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("<b>\u{202e}.pcap");
    std::fs::write(&path, Pcap::default().file(&records)).unwrap();
    let mut report = Pipeline::new().capture(&path).run();
    let mut nodes = report.table.nodes(GraphLayer::Devices);
    nodes.extend([NodeId::Host([10, 0, 0, 1].into()), NodeId::Host([192, 0, 2, 1].into())]);
    for node in nodes {
        let notes = report.annotations.entry(node);
        notes.names.push(Name::new(NameSource::Dhcp, text));
        notes.vendor = Some(text.to_owned());
        notes.vendor_source = Some(text.to_owned());
        let place = notes.place.get_or_insert_default();
        (place.city, place.country, place.organisation) =
            (Some(text.into()), Some(text.into()), Some(text.into()));
        place.sources.push(text.into());
        notes.extra.insert(text.to_owned(), text.to_owned());
        notes.services.push(text.to_owned());
    }
    report.join_devices();
    report
}

fn check(what: &str, output: &str, text: &str) {
    let bad = output.chars().find(|c| *c != '\n' && is_unsafe(*c));
    assert_eq!(bad, None, "{what} of {text:?}");
}

#[test]
fn whatever_a_capture_says_is_harmless_in_every_output() {
    let engine = Engine::by_name("auto").unwrap();
    let layout = engine.layout();
    let options = RenderOptions::new(&*layout);
    let mut formats = 0;
    for text in HOSTILE {
        let report = report(text);
        check("summary", &report.summary(false), text);
        for layer in GraphLayer::ALL {
            let graph = report.graph(layer);
            for list in [report.contacted_list(&graph), report.contacting_list(&graph)] {
                check("list", &list, text);
                assert!(list.lines().all(|line| line.starts_with(|c: char| c.is_ascii_digit())), "{list}");
            }
            for name in Format::names() {
                let mut out = Vec::new();
                render(&report.view(&graph), &options, name.parse::<Format>().unwrap(), &mut out).unwrap();
                // Pictures made of dots have no text to run.
                let Ok(out) = String::from_utf8(out) else { continue };
                check(name, &out, text);
                formats += 1;
                match name {
                    "svg" | "html" => {
                        assert!(
                            !out.contains("<script>alert") && !out.contains("<img"),
                            "{name} of {text:?}"
                        );
                    }
                    "json" => {
                        let _: serde_json::Value = serde_json::from_str(&out).unwrap();
                    }
                    "dot" | "gv" => assert!(!out.contains("URL=\"javascript"), "{out}"),
                    _ => {}
                }
            }
        }
    }
    assert!(formats >= 3 * 3 * HOSTILE.len(), "only {formats} outputs were looked at");
}

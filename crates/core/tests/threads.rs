//! The same captures give the same bytes, by however many threads they are read.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pcapviz_core::render::layout::Engine;
use pcapviz_core::render::{Format, RenderOptions, render};
use pcapviz_core::{GraphLayer, Overview, Pipeline, Progress, Report};
use pcapviz_testkit::capture::{Endian, Pcap, PcapNg, Record};
use pcapviz_testkit::frame::{Ethernet, Ipv4, Ipv6, Tcp, Udp};
use pcapviz_testkit::shared;

fn pipeline(path: &Path, threads: usize, max_flows: Option<usize>) -> Pipeline {
    let mut pipeline = Pipeline::new().capture(path);
    pipeline = pipeline.threads(NonZero::new(threads).unwrap());
    max_flows.into_iter().fold(pipeline, Pipeline::max_flows)
}

/// The summary, the lists, and the graph JSON of each layer.
fn outputs(report: &Report) -> Vec<String> {
    let engine = Engine::by_name("auto").unwrap();
    let layout = engine.layout();
    let options = RenderOptions::new(&*layout);
    let mut outputs =
        vec![report.summary(false), format!("{:?}", report.totals()), format!("{:?}", report.damages)];
    for layer in GraphLayer::ALL {
        let graph = report.graph(layer);
        outputs.extend([report.contacted_list(&graph), report.contacting_list(&graph)]);
        let mut json = Vec::new();
        render(&report.view(&graph), &options, "json".parse::<Format>().unwrap(), &mut json).unwrap();
        outputs.push(String::from_utf8(json).unwrap());
    }
    outputs
}

fn check(path: &Path, max_flows: Option<usize>) -> Report {
    let one = pipeline(path, 1, max_flows).run();
    let expected = outputs(&one);
    for threads in [1, 2, 3, 7] {
        let pipeline = pipeline(path, threads, max_flows);
        assert_eq!(outputs(&pipeline.run()), expected, "by {threads} threads");
        let (report, overview) = pipeline.run_with_overview(Overview::KEY_NODES);
        assert_eq!(
            report.summary_of(&overview, false),
            expected[0],
            "by {threads} threads, with its overview"
        );
        assert_eq!(outputs(&report), expected, "by {threads} threads, beside an overview");
    }
    one
}

/// Large enough to be read in parts, with every third packet sent twice and times that go backwards.
fn large() -> Vec<u8> {
    let data = [7; 900];
    let records: Vec<Record> = (0..20_000_u32)
        .flat_map(|n| {
            let [_, a, b, c] = (n % 700).to_be_bytes();
            let port = 1024 + (n % 5_000) as u16;
            let ethernet = Ethernet::between(c, 200);
            let hosts = Ipv4::between([10, a, b, c], [192, 0, 2, 1]);
            let frame = match n % 4 {
                0 => ethernet.carry(Ipv6::between(port, 1).carry(Udp::ports(port, 53).carry(&data))),
                1 => ethernet.carry(hosts.carry(Udp::ports(port, 4789).carry(&data))),
                _ => ethernet.carry(hosts.carry(Tcp::ports(port, 443).carry(&data))),
            };
            let record = Record::new(1_700_000_000_000_000_000 + u64::from(n ^ 1) * 1_000_000, frame.bytes());
            std::iter::repeat_n(record, 1 + usize::from(n % 3 == 0))
        })
        .collect();
    Pcap::default().file(&records)
}

#[test]
fn a_large_capture_is_the_same_by_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.pcap");
    std::fs::write(&path, large()).unwrap();
    let report = check(&path, None);
    assert_eq!(report.totals().packets, 26_667);
    assert!(report.totals().duplicates > 6_000 && report.totals().time_backwards > 6_000);
}

/// What stands behind the damage was read by other threads, and does not count; the listener hears of all bytes, once.
#[test]
fn a_capture_damaged_in_its_middle_is_the_same_by_any_number_of_threads() {
    #[derive(Default)]
    struct Told(AtomicU64, AtomicU64);
    impl Progress for Told {
        fn expect(&self, bytes: u64) {
            self.0.fetch_add(bytes, Ordering::Relaxed);
        }
        fn advance(&self, bytes: u64) {
            self.1.fetch_add(bytes, Ordering::Relaxed);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.pcap");
    let sound = large();
    for percent in [1, 40, 99] {
        // No record has such a length; it is that of one of the next two.
        let mut file = sound.clone();
        let at = file.len() / 100 * percent;
        file[at..at + 2000].fill(0xff);
        std::fs::write(&path, &file).unwrap();
        let report = check(&path, None);
        assert!(report.damages.len() == 1 && report.totals().packets < 26_600, "{percent} %");
        for threads in [1, 2, 3] {
            let told = Arc::new(Told::default());
            let pipeline = Pipeline::new().capture(&path).progress(told.clone());
            pipeline.threads(NonZero::new(threads).unwrap()).run();
            let [expected, done] = [&told.0, &told.1].map(|bytes| bytes.load(Ordering::Relaxed));
            assert_eq!(
                (expected, done),
                (file.len() as u64, file.len() as u64),
                "{percent} %, {threads} threads"
            );
        }
    }
}

/// A later section is what parts do not know of: the part before reads on, and has its names already.
#[test]
fn names_in_several_sections_count_once() {
    let record = Record::new(1_700_000_000_000_000_000, &[7; 4000]);
    let mut file =
        PcapNg::new(Endian::Little).names(&[([10, 0, 0, 1], "first.example")]).interface(1, 0, &[]);
    for n in 0..5000 {
        file = match n {
            100 => file.names(&[([10, 0, 0, 2], "second.example")]),
            1000 => file.section(Endian::Little).interface(1, 0, &[]).interface(1, 0, &[]),
            _ => file.enhanced(0, &record, 1, &[]),
        };
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sections.pcapng");
    std::fs::write(&path, file.bytes()).unwrap();
    let names = |threads| {
        let report = pipeline(&path, threads, None).run();
        (report.totals().packets, format!("{:?}", report.annotations))
    };
    let one = names(1);
    assert!(one.1.contains("first.example") && one.1.contains("second.example"));
    for threads in [2, 3, 7] {
        assert_eq!(names(threads), one, "by {threads} threads");
    }
}

#[test]
fn flows_past_the_limit_are_one_visible_sum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.pcap");
    std::fs::write(&path, large()).unwrap();
    let report = check(&path, Some(1_000));
    assert_eq!(report.table.len(), 1_000);
    let others = report.totals().others.packets;
    assert!(others > 0);
    for layer in GraphLayer::ALL {
        let shown: u64 = report.graph(layer).edges().iter().map(|edge| edge.traffic.packets).sum();
        let outside: u64 = report.totals().outside(layer).map(|(_, packets)| packets).sum();
        assert_eq!((shown + outside, outside >= others), (26_667, true), "{layer:?}");
    }
    assert!(report.summary(false).contains("other flows, past the limit"));
    let share = 100 * (26_667 - others) / 26_667;
    let said = format!(
        "flows within the limit, so that what seems unanswered need not be: {share} % of the packets"
    );
    assert!(report.summary(false).contains(&said), "{said}");
}

#[test]
fn the_corpus_is_the_same_by_any_number_of_threads() {
    let Some(captures) = shared("captures") else { return };
    check(&captures, None);
}

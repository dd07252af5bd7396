//! Each stage on its own: `cargo bench -p pcapviz-benches`.

use divan::Bencher;
use divan::counter::ItemsCount;
use pcapviz_analysis::{Topology, key_nodes, top_talkers};
use pcapviz_benches::traffic;
use pcapviz_capture::{
    CaptureReader, DissectOptions, Dissector, DuplicateWindow, LinkType, Packet, dissect, identify, sightings,
};
use pcapviz_graph::{FlowBatch, FlowTable, GraphLayer};

const PACKETS: usize = 100_000;

fn main() {
    divan::main();
}

/// The packets' bytes, ready in memory.
fn frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    each_packet(|packet| frames.push(packet.captured.to_vec()));
    frames
}

fn each_packet(mut see: impl FnMut(&Packet<'_>)) {
    let Ok(mut reader) = CaptureReader::from_bytes("traffic", traffic(PACKETS)) else { return };
    while let Ok(Some(packet)) = reader.next_packet() {
        see(&packet);
    }
}

fn table() -> FlowTable {
    let mut table = FlowTable::new();
    each_packet(|packet| table.observe(0, packet, &dissect(packet, &DissectOptions::default())));
    table
}

/// Runs `work` on every packet.
fn per_packet(bencher: Bencher<'_, '_>, mut work: impl FnMut(&Packet<'_>)) {
    let frames = frames();
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        for frame in &frames {
            work(&Packet::new(LinkType::ETHERNET, frame));
        }
    });
}

#[divan::bench]
fn read_records(bencher: Bencher<'_, '_>) {
    let bytes = traffic(PACKETS);
    bencher.counter(ItemsCount::new(PACKETS)).with_inputs(|| bytes.clone()).bench_values(|bytes| {
        let mut reader = CaptureReader::from_bytes("traffic", bytes)?;
        while let Some(packet) = reader.next_packet()? {
            divan::black_box(packet);
        }
        Ok::<_, pcapviz_capture::CaptureError>(reader)
    });
}

#[divan::bench]
fn tell_duplicates(bencher: Bencher<'_, '_>) {
    let frames = frames();
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        let mut window = DuplicateWindow::default();
        for frame in &frames {
            divan::black_box(window.is_duplicate(&Packet::new(LinkType::ETHERNET, frame)));
        }
    });
}

#[divan::bench]
fn dissect_headers(bencher: Bencher<'_, '_>) {
    let options = DissectOptions::default();
    per_packet(bencher, |packet| {
        divan::black_box(dissect(packet, &options));
    });
}

#[divan::bench]
fn dissect_remembered_headers(bencher: Bencher<'_, '_>) {
    let mut dissector = Dissector::new(DissectOptions::default());
    per_packet(bencher, |packet| {
        divan::black_box(dissector.dissect(packet));
    });
}

#[divan::bench]
fn read_applications(bencher: Bencher<'_, '_>) {
    let options = DissectOptions::default();
    per_packet(bencher, |packet| {
        if let Some(application) = dissect(packet, &options).application {
            divan::black_box(identify(&application));
            sightings(&application, |sighting| {
                divan::black_box(sighting);
            });
        }
    });
}

#[divan::bench]
fn fill_table(bencher: Bencher<'_, '_>) {
    let (frames, options) = (frames(), DissectOptions::default());
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        let (mut table, mut batch) = (FlowTable::new(), FlowBatch::default());
        for frame in &frames {
            let packet = Packet::new(LinkType::ETHERNET, frame);
            table.observe_in(&mut batch, 0, &packet, &dissect(&packet, &options));
        }
        table.settle(&mut batch);
        table
    });
}

#[divan::bench]
fn merge_tables(bencher: Bencher<'_, '_>) {
    let table = table();
    let sibling = || {
        let mut sibling = table.sibling();
        sibling.merge(table.clone());
        sibling
    };
    bencher.counter(ItemsCount::new(table.len())).with_inputs(sibling).bench_values(|other| {
        let mut sum = table.clone();
        sum.merge(other);
        sum
    });
}

#[divan::bench(args = GraphLayer::ALL)]
fn outline(bencher: Bencher<'_, '_>, layer: GraphLayer) {
    let table = table();
    bencher.counter(ItemsCount::new(table.len())).bench(|| table.outline(layer, 1));
}

#[divan::bench(args = GraphLayer::ALL)]
fn project(bencher: Bencher<'_, '_>, layer: GraphLayer) {
    let table = table();
    bencher.counter(ItemsCount::new(table.len())).bench(|| table.project(layer));
}

#[divan::bench]
fn rank_nodes(bencher: Bencher<'_, '_>) {
    let outline = table().outline(GraphLayer::Endpoints, 1);
    bencher
        .counter(ItemsCount::new(outline.len()))
        .bench(|| (top_talkers(&outline, 10).len(), key_nodes(&Topology::of(&outline), 10).len()));
}

//! What findings and key nodes add to the time of reading a capture: `findings_cost CAPTURE...`, by one thread. With and without
//! in turns, the shortest time of each, for what else a machine does only adds to it.

#![allow(clippy::print_stdout, reason = "it is a program that prints a table")]

use std::path::Path;
use std::time::{Duration, Instant};

use pcapviz_core::GraphLayer;
use pcapviz_core::analysis::{
    Centrality, Inside, Observations, Topology, bridges, findings, gateways, key_nodes, services, top_talkers,
};
use pcapviz_core::capture::{CaptureReader, DissectOptions, Dissector, dissect, identify, sightings};
use pcapviz_core::enrich::NameTable;
use pcapviz_core::graph::{Claims, FlowBatch, FlowTable, Neighbours};

/// Rows of the summary's lists, and edges up to which it computes centrality.
const ROWS: usize = 10;
const CENTRALITY_EDGES: usize = 200_000;

const ROUNDS: usize = 5;

fn main() {
    println!("| capture | without, s | with, s | more | findings |\n| --- | ---: | ---: | ---: | ---: |");
    for path in std::env::args_os().skip(1) {
        let path = Path::new(&path);
        let rounds: Vec<_> = (0..ROUNDS).map(|_| (run(path, false), run(path, true))).collect();
        let shortest = |time: fn(&(Run, Run)) -> Duration| rounds.iter().map(time).min().unwrap_or_default();
        let (without, with) = (shortest(|round| round.0.0), shortest(|round| round.1.0));
        let found = rounds.last().map_or(0, |round| round.1.1);
        let more = 100.0 * (with.as_secs_f64() / without.as_secs_f64() - 1.0);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        println!(
            "| {name} | {:.2} | {:.2} | {more:.0} % | {found} |",
            without.as_secs_f64(),
            with.as_secs_f64()
        );
    }
}

/// How long it took, and how many findings there are.
type Run = (Duration, usize);

/// The summary's work, with or without what is measured.
fn run(path: &Path, with: bool) -> Run {
    let start = Instant::now();
    let (mut table, mut names, mut observations, mut claims) =
        (FlowTable::new(), NameTable::new(), Observations::default(), Claims::default());
    let (mut dissector, mut batch) = (Dissector::new(DissectOptions::default()), FlowBatch::default());
    if let Ok(mut reader) = CaptureReader::open(path) {
        while let Ok(Some(packet)) = reader.next_packet() {
            let mut found = match dissector.usual(&packet) {
                Some(usual) => {
                    if let Some(quiet) = usual.quiet()
                        && !(with && Observations::heeds(quiet.ports()))
                        && table.observe_quiet_in(&mut batch, 0, &packet, &quiet)
                    {
                        continue;
                    }
                    usual.dissection()
                }
                None => dissect(&packet, dissector.options()),
            };
            if let Some(application) = &found.application {
                if let Some(protocol) = identify(application) {
                    found.protocols.insert(protocol);
                }
                sightings(application, |sighting| names.observe(packet.timestamp, sighting));
            }
            if with {
                observations.observe(0, &packet, &found);
                claims.observe(packet.timestamp, &found);
            }
            table.observe_in(&mut batch, 0, &packet, &found);
        }
        table.settle(&mut batch);
        observations.settle();
    }
    let found = if with { findings(&table, &observations, &Inside::default()).len() } else { 0 };
    let endpoints = table.outline(GraphLayer::Endpoints, 1);
    let hosts = table.outline_of_hosts(&endpoints, 1);
    for outline in [table.outline(GraphLayer::Devices, 1), hosts, endpoints] {
        let layer = outline.layer();
        let topology = Topology::of(&outline);
        std::hint::black_box((top_talkers(&outline, ROWS), key_nodes(&topology, ROWS)));
        if !with {
            continue;
        }
        match layer {
            GraphLayer::Devices => drop(gateways(&Neighbours::of(&table, &claims))),
            GraphLayer::Hosts => {
                bridges(&topology, ROWS);
                if outline.edges().len() <= CENTRALITY_EDGES {
                    let bytes = table.edge_bytes(&outline, 1);
                    Centrality::of_outline(&outline, &bytes, 1).key_nodes(&topology, ROWS);
                }
            }
            GraphLayer::Endpoints => drop(services(&topology, &observations, ROWS)),
        }
    }
    (start.elapsed(), found)
}

//! The three graphs of every capture in the corpus, against what tshark says (`../shared/oracle`).
//!
//! Adds up the edges straight from `dissect`, so that a disagreement is the dissector's or the reader's.
//! Where pcapviz is right and tshark is not, the case stands in `testdata/oracle-exceptions.tsv` with its
//! reason; a case there that no longer disagrees fails the test too.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use pcapviz_capture::{CaptureReader, DissectOptions, Dissection, GraphLayer, Packet, Tunnels, dissect};
use serde_json::Value;

/// Notes of the oracle that make it a doubtful witness (its README).
const DOUBTFUL: [&str; 7] = [
    "ip-header-refused",
    "captured-longer-than-original",
    "has:isl",
    "has:cfp",
    "has:6lowpan",
    "has:macsec",
    "tshark-malformed",
];

/// Source and destination, to packets and bytes.
type Edges = BTreeMap<(String, String), (u64, u64)>;

#[test]
fn outer_headers_agree_with_tshark() {
    check(Tunnels::Outer, "outer", 1.0, 0.99);
}

#[test]
fn inner_headers_agree_with_tshark() {
    check(Tunnels::Inner, "inner", 0.98, 0.98);
}

/// Compares every record; `strict` and `all` are the shares of agreement that must be reached without
/// counting exceptions as agreement.
fn check(tunnels: Tunnels, view: &str, strict: f64, all: f64) {
    let Some(records) = pcapviz_testkit::shared("oracle/expected/captures.jsonl.gz") else { return };
    let Some(captures) = pcapviz_testkit::shared("captures") else { return };
    let exceptions = exceptions(view);
    let (mut failures, mut needed) = (Vec::new(), BTreeSet::new());
    let (mut counts, mut agreed) = ([0u32; 2], [0u32; 2]);
    for record in read_records(&records) {
        let file = record["file"].as_str().unwrap();
        if record["tshark"]["exit"] != 0 && record["frames"] == 0 {
            continue;
        }
        let wrong = compare(&record, &captures.join(file), tunnels);
        let is_strict = usize::from(is_strict(&record));
        counts[is_strict] += 1;
        if wrong.is_empty() {
            agreed[is_strict] += 1;
        } else if exceptions.contains_key(file) {
            needed.insert(file.to_owned());
        } else {
            failures.push(format!("{}{file}: {wrong}", if is_strict == 1 { "STRICT " } else { "" }));
        }
    }
    let share = |of: u32, whole: u32| f64::from(of) / f64::from(whole);
    println!("{view}: strict {} of {}, others {} of {}", agreed[1], counts[1], agreed[0], counts[0]);
    let idle: Vec<_> = exceptions.keys().filter(|file| !needed.contains(*file)).collect();
    assert!(failures.is_empty(), "{} disagree:\n{}", failures.len(), failures.join("\n"));
    assert!(idle.is_empty(), "no longer an exception ({view}): {idle:?}");
    assert!(share(agreed[1], counts[1]) >= strict, "{view}: too few of the strict records agree");
    assert!(share(agreed[0] + agreed[1], counts[0] + counts[1]) >= all, "{view}: too few records agree");
}

/// File to reason, for one view.
fn exceptions(view: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/oracle-exceptions.tsv");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.filter_map(|line| {
        let mut fields = line.split('\t');
        let (views, file, reason) = (fields.next()?, fields.next()?, fields.next()?);
        views.split(',').any(|v| v == view).then(|| (file.to_owned(), reason.to_owned()))
    })
    .collect()
}

fn read_records(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn is_strict(record: &Value) -> bool {
    record["second"] == "same"
        && record["tshark"]["exit"] == 0
        && DOUBTFUL.iter().all(|note| record["notes"].get(note).is_none())
}

/// What disagrees, as text.
fn compare(record: &Value, path: &Path, tunnels: Tunnels) -> String {
    let mut options = DissectOptions::default();
    options.tunnels = tunnels;
    let mut edges = [Edges::new(), Edges::new(), Edges::new()];
    let (mut packets, mut bytes) = (0, 0);
    for_each_packet(path, |packet| {
        packets += 1;
        bytes += u64::from(packet.wire_len);
        let found = dissect(packet, &options);
        for (layer, edges) in GraphLayer::ALL.into_iter().zip(&mut edges) {
            match (edge(&found, layer), found.absence(layer, packet.link_type)) {
                (Some(pair), None) => {
                    let edge = edges.entry(pair).or_default();
                    edge.0 += 1;
                    edge.1 += u64::from(packet.wire_len);
                }
                (None, Some(_)) => {}
                (edge, absence) => panic!("{}: {edge:?} and {absence:?}", packet.number),
            }
        }
    });
    let mut wrong = String::new();
    if record["notes"].get("custom-blocks").is_none() && record["frames"] != packets {
        wrong += &format!("{packets} packets instead of {}; ", record["frames"]);
    }
    for (layer, have) in GraphLayer::ALL.into_iter().zip(&edges) {
        let want = expected(record, layer, tunnels);
        let keys: BTreeSet<_> = want.keys().chain(have.keys()).collect();
        let differing: Vec<_> = keys.into_iter().filter(|key| want.get(key) != have.get(key)).collect();
        if let Some(first) = differing.first() {
            let (want, have) = (want.get(first), have.get(first));
            let number = layer.number();
            wrong += &format!(
                "layer {number}: {} rows, first {first:?} expected {want:?}, got {have:?}; ",
                differing.len()
            );
        }
    }
    wrong
}

/// Calls `f` with every packet up to where the capture is cut or damaged.
fn for_each_packet(path: &Path, mut f: impl FnMut(&Packet<'_>)) {
    let Ok(mut reader) = CaptureReader::open(path) else { return };
    while let Ok(Some(packet)) = reader.next_packet() {
        f(&packet);
    }
}

fn edge(found: &Dissection<'_>, layer: GraphLayer) -> Option<(String, String)> {
    match layer {
        GraphLayer::Devices => found.devices.map(|d| (d.source.to_string(), d.destination.to_string())),
        GraphLayer::Hosts => {
            found.hosts.map(|h| (h.addresses.source.to_string(), h.addresses.destination.to_string()))
        }
        GraphLayer::Endpoints => {
            let (hosts, ports) = (found.hosts?.addresses, found.ports?.ports);
            let end = |ip, port| std::net::SocketAddr::new(ip, port).to_string();
            Some((end(hosts.source, ports.source), end(hosts.destination, ports.destination)))
        }
    }
}

/// The edges that a layer should have, by `compare.py`'s rules.
fn expected(record: &Value, layer: GraphLayer, tunnels: Tunnels) -> Edges {
    let name = format!("layer{}", layer.number());
    let extra = &record["extra"];
    let inner = tunnels == Tunnels::Inner;
    let main = match layer {
        _ if inner => record["inner"].get(&name).unwrap_or(&record[&name]),
        GraphLayer::Endpoints => extra.get("layer4_first_ip_only").unwrap_or(&record[&name]),
        _ => &record[&name],
    };
    let more = match layer {
        GraphLayer::Devices => extra.get("layer2_wlan"),
        GraphLayer::Hosts => None,
        GraphLayer::Endpoints if inner => extra.get("sctp_inner").or(extra.get("sctp")),
        GraphLayer::Endpoints => extra.get("sctp"),
    };
    let mut edges = Edges::new();
    for row in [Some(main), more].into_iter().flatten().flat_map(|table| table.as_array().unwrap()) {
        let key = (row[0].as_str().unwrap().to_owned(), row[1].as_str().unwrap().to_owned());
        let edge = edges.entry(key).or_default();
        edge.0 += row[2].as_u64().unwrap();
        edge.1 += row[3].as_u64().unwrap();
    }
    edges
}

//! Graph JSON, schema `pcapviz/graph/1`: one object for one layer, written as it goes.
//!
//! What is not known has no key. Text from the capture is kept as it was seen; characters that could
//! act on a terminal are written as `\u` escapes, which every reader of JSON undoes.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;

use pcapviz_graph::{
    CaptureSummary, Claim, Edge, Evidence, Finding, Name, Node, NodeId, Place, Sampled, Severity, Timestamp,
    Traffic,
};
use serde::{Serialize, Serializer};
use serde_json::ser::{CompactFormatter, Formatter};

use crate::escape::is_unsafe;
use crate::{RenderError, RenderOptions, View, caption};

/// Raised when a key's meaning changes; new keys may come without.
const SCHEMA: &str = "pcapviz/graph/1";

pub(super) fn write(view: &View<'_>, _: &RenderOptions<'_>, out: &mut dyn Write) -> Result<(), RenderError> {
    let mut out = io::BufWriter::new(out);
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Harmless(CompactFormatter));
    GraphDoc::of(view).serialize(&mut serializer).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(())
}

/// Rows that are made while they are written.
struct Rows<F>(F);

impl<T: Serialize, I: Iterator<Item = T>, F: Fn() -> I> Serialize for Rows<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

#[derive(Serialize)]
struct GraphDoc<C, N, E, F> {
    schema: &'static str,
    layer: u8,
    captures: C,
    totals: TotalsDoc,
    #[serde(skip_serializing_if = "Option::is_none")]
    selection: Option<SelectionDoc>,
    nodes: N,
    edges: E,
    findings: F,
    /// What findings were not made from in full.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings_sampled: Vec<SampledDoc>,
}

impl GraphDoc<(), (), (), ()> {
    fn of<'a>(view: &View<'a>) -> impl Serialize + use<'a> {
        let View { graph, captures, findings, sampled, .. } = *view;
        let view = *view;
        GraphDoc {
            schema: SCHEMA,
            layer: graph.layer().number(),
            captures: Rows(move || captures.iter().map(CaptureDoc::of)),
            totals: TotalsDoc::of(&view),
            selection: view.selection.map(|(selection, left_out)| SelectionDoc {
                conditions: selection.to_string(),
                left_out: UnselectedDoc {
                    nodes: left_out.nodes,
                    edges: left_out.edges,
                    traffic: left_out.traffic.into(),
                },
            }),
            nodes: Rows(move || graph.nodes().iter().map(move |node| NodeDoc::of(&view, node))),
            edges: Rows(move || graph.edges().iter().map(move |edge| EdgeDoc::of(&view, edge))),
            findings: Rows(move || findings.iter().map(FindingDoc::of)),
            findings_sampled: sampled.iter().map(SampledDoc::of).collect(),
        }
    }
}

/// A first and last time, as two keys; RFC 3339.
#[derive(Serialize)]
struct LifeDoc {
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
}

impl From<Option<(Timestamp, Timestamp)>> for LifeDoc {
    fn from(life: Option<(Timestamp, Timestamp)>) -> Self {
        Self { first: life.map(|l| l.0.to_string()), last: life.map(|l| l.1.to_string()) }
    }
}

#[derive(Serialize)]
struct CaptureDoc<'a> {
    path: &'a str,
    format: &'a str,
    packets: u64,
    bytes: u64,
    #[serde(flatten)]
    life: LifeDoc,
}

impl<'a> CaptureDoc<'a> {
    fn of(capture: &'a CaptureSummary) -> Self {
        let CaptureSummary { path, format, packets, bytes, life, .. } = capture;
        Self { path, format, packets: *packets, bytes: *bytes, life: (*life).into() }
    }
}

/// Which part of the layer's graph this is. The edges' packets with those left out are `in_graph`.
#[derive(Serialize)]
struct SelectionDoc {
    conditions: String,
    left_out: UnselectedDoc,
}

#[derive(Serialize)]
struct UnselectedDoc {
    nodes: usize,
    edges: usize,
    #[serde(flatten)]
    traffic: TrafficDoc,
}

/// `in_graph` and all of `outside` together are `packets`.
#[derive(Serialize)]
struct TotalsDoc {
    packets: u64,
    bytes: u64,
    captured_bytes: u64,
    cut_by_snap_length: u64,
    time_backwards: u64,
    duplicates: u64,
    in_graph: u64,
    /// Packets whose dissection ended early, by reason.
    stopped: BTreeMap<String, u64>,
    /// Packets that are not in this layer's graph, by reason.
    outside: BTreeMap<String, u64>,
}

impl TotalsDoc {
    fn of(view: &View<'_>) -> Self {
        let (totals, layer) = (view.totals, view.graph.layer());
        // Reasons whose words are the same add up.
        let mut outside = BTreeMap::new();
        for (reason, n) in totals.outside(layer) {
            *outside.entry(reason.to_string()).or_default() += n;
        }
        Self {
            packets: totals.packets,
            bytes: totals.bytes,
            captured_bytes: totals.captured_bytes,
            cut_by_snap_length: totals.cut_by_snap_length,
            time_backwards: totals.time_backwards,
            duplicates: totals.duplicates,
            in_graph: totals.in_graph(layer),
            stopped: totals.stopped.iter().map(|(reason, n)| (reason.to_string(), *n)).collect(),
            outside,
        }
    }
}

#[derive(Serialize)]
struct TrafficDoc {
    packets: u64,
    bytes: u64,
    payload_bytes: u64,
}

impl From<Traffic> for TrafficDoc {
    fn from(traffic: Traffic) -> Self {
        Self { packets: traffic.packets, bytes: traffic.bytes, payload_bytes: traffic.payload_bytes }
    }
}

#[derive(Serialize)]
struct NodeDoc<'a> {
    id: String,
    class: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<NameDoc<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<PlaceDoc<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor_source: Option<&'a str>,
    /// A device's own addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<OwnAddressDoc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    off_link_addresses: Option<u64>,
    /// Why a device is a gateway.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gateway: Vec<String>,
    /// The devices that a host's address belongs to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    devices: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    services: &'a [String],
    sent: TrafficDoc,
    received: TrafficDoc,
    #[serde(flatten)]
    life: LifeDoc,
}

impl<'a> NodeDoc<'a> {
    fn of(view: &View<'a>, node: &Node) -> Self {
        let known = view.annotations.get(node.id);
        let device = known.and_then(|notes| notes.device.as_ref());
        Self {
            id: node.id.to_string(),
            class: caption::class(node.id),
            // The best first, as on the picture.
            names: known
                .map_or(Vec::new(), |notes| notes.ranked_names().into_iter().map(NameDoc::of).collect()),
            place: known.and_then(|notes| notes.place.as_ref()).map(PlaceDoc::of),
            vendor: known.and_then(|notes| notes.vendor.as_deref()),
            vendor_source: known.and_then(|notes| notes.vendor_source.as_deref()),
            addresses: device.map_or(Vec::new(), |device| {
                device.addresses.iter().map(|(address, how)| OwnAddressDoc::of(*address, *how)).collect()
            }),
            off_link_addresses: device.map(|device| device.off_link).filter(|n| *n > 0),
            gateway: device
                .map_or(Vec::new(), |device| device.routing.iter().map(|why| why.to_string()).collect()),
            devices: known
                .map_or(Vec::new(), |notes| notes.devices.iter().map(|mac| mac.to_string()).collect()),
            notes: known.map(|notes| &notes.extra).filter(|extra| !extra.is_empty()),
            services: known.map_or(&[], |notes| &notes.services),
            sent: node.sent.into(),
            received: node.received.into(),
            life: node.life.into(),
        }
    }
}

/// One of a device's own addresses, and how that is known.
#[derive(Serialize)]
struct OwnAddressDoc {
    address: String,
    source: String,
}

impl OwnAddressDoc {
    fn of(address: IpAddr, how: Claim) -> Self {
        Self { address: address.to_string(), source: how.to_string() }
    }
}

#[derive(Serialize)]
struct NameDoc<'a> {
    name: &'a str,
    source: String,
    count: u64,
    #[serde(flatten)]
    life: LifeDoc,
}

impl<'a> NameDoc<'a> {
    fn of(name: &'a Name) -> Self {
        Self { name: &name.name, source: name.source.to_string(), count: name.count, life: name.life.into() }
    }
}

#[derive(Serialize)]
struct PlaceDoc<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asn: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    sources: &'a [String],
}

impl<'a> PlaceDoc<'a> {
    fn of(place: &'a Place) -> Self {
        let degrees = |thousandths: i32| f64::from(thousandths) / 1_000.0;
        Self {
            city: place.city.as_deref(),
            country: place.country.as_deref(),
            country_code: place.country_code.as_deref(),
            latitude: place.coordinates.map(|(latitude, _)| degrees(latitude)),
            longitude: place.coordinates.map(|(_, longitude)| degrees(longitude)),
            asn: place.asn,
            organisation: place.organisation.as_deref(),
            sources: &place.sources,
        }
    }
}

#[derive(Serialize)]
struct EdgeDoc {
    source: String,
    target: String,
    #[serde(flatten)]
    traffic: TrafficDoc,
    protocols: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    networks: Vec<String>,
    #[serde(flatten)]
    life: LifeDoc,
}

impl EdgeDoc {
    fn of(view: &View<'_>, edge: &Edge) -> Self {
        let [source, target] = [edge.source, edge.target].map(|i| view.graph.nodes()[i].id);
        let notes = view.annotations.edge(source, target);
        let networks = notes.map_or_else(Vec::new, |notes| {
            let vlans = notes.vlans.iter().map(ToString::to_string);
            vlans.chain(notes.tunnels.iter().map(ToString::to_string)).collect()
        });
        Self {
            source: source.to_string(),
            target: target.to_string(),
            networks,
            traffic: edge.traffic.into(),
            protocols: edge.protocols.iter().map(|p| p.name()).collect(),
            life: edge.life.into(),
        }
    }
}

#[derive(Serialize)]
struct FindingDoc<'a> {
    kind: &'a str,
    severity: &'static str,
    score: f64,
    sentence: &'a str,
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    #[serde(flatten)]
    life: LifeDoc,
    evidence: Vec<EvidenceDoc>,
    innocent_causes: &'a [&'a str],
    display_filter: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    capture_filter: &'a str,
}

impl<'a> FindingDoc<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            kind: finding.kind,
            severity: match finding.severity {
                Severity::Alert => "alert",
                _ => "note",
            },
            score: finding.score,
            sentence: &finding.sentence,
            subject: finding.subject.to_string(),
            object: finding.object.map(|id: NodeId| id.to_string()),
            life: finding.life.into(),
            evidence: finding.evidence.iter().map(EvidenceDoc::of).collect(),
            innocent_causes: finding.innocent_causes,
            display_filter: &finding.display_filter,
            capture_filter: &finding.capture_filter,
        }
    }
}

/// Of what there was more than is kept: about which share findings can be, and of how many of the largest groups only a part
/// counts.
#[derive(Serialize)]
struct SampledDoc {
    what: &'static str,
    share: f64,
    in_part: usize,
}

impl SampledDoc {
    fn of(&Sampled { what, share, in_part, .. }: &Sampled) -> Self {
        Self { what, share, in_part }
    }
}

#[derive(Serialize)]
struct EvidenceDoc {
    name: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "str::is_empty")]
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
}

impl EvidenceDoc {
    fn of(evidence: &Evidence) -> Self {
        let Evidence { name, value, unit, threshold, .. } = evidence;
        Self { name, value: *value, unit, threshold: *threshold }
    }
}

/// Compact JSON in which no character acts on a terminal or hides itself.
struct Harmless(CompactFormatter);

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut plain = 0;
        for (i, c) in fragment.char_indices().filter(|(_, c)| is_unsafe(*c)) {
            self.0.write_string_fragment(out, &fragment[plain..i])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            plain = i + c.len_utf8();
        }
        self.0.write_string_fragment(out, &fragment[plain..])
    }
}

//! Small captures for the tests, packet by packet.

use std::net::IpAddr;

use pcapviz_capture::{DissectOptions, LinkType, Packet, Timestamp, dissect};
use pcapviz_graph::{
    Annotations, CaptureSummary, Finding, FlowTable, GraphLayer, Inside, Name, NameSource, NodeId, Place,
    Selection, Severity,
};
use pcapviz_render::layout::{Engine, Layout, LayoutError, Placement, Point, Problem};
use pcapviz_render::scene::Scene;
use pcapviz_render::theme::Theme;
use pcapviz_render::{ColorBy, Grouping, RenderOptions, Shape, View, render};

/// All nodes on a circle that is wide enough: what a picture looks like does not hang on the layout's art.
pub(crate) struct Ring;

impl Layout for Ring {
    fn place(&self, problem: &Problem) -> Result<Placement, LayoutError> {
        let around: f64 = problem.boxes.iter().map(|b| b.x.hypot(b.y)).sum();
        let radius = (around / std::f64::consts::TAU * 1.6).max(130.0);
        let mut placement = Placement::default();
        let mut walked = 0.0;
        for size in &problem.boxes {
            let room = size.x.hypot(size.y);
            let angle = (walked + room / 2.0) / around * std::f64::consts::TAU;
            placement.centres.push(Point { x: radius * angle.cos(), y: radius * angle.sin() });
            walked += room;
        }
        Ok(placement)
    }
}

/// What a packet carries over IP.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Over {
    Tcp(u16, u16),
    Udp(u16, u16),
    Icmp,
}

/// A capture in the making, with what is known of its hosts.
#[derive(Debug, Default)]
pub(crate) struct Scenario {
    pub(crate) table: FlowTable,
    pub(crate) annotations: Annotations,
    pub(crate) captures: Vec<CaptureSummary>,
    pub(crate) shape: Option<Shape>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) theme: Theme,
    pub(crate) grouping: Grouping,
    pub(crate) color_by: ColorBy,
    pub(crate) inside: Inside,
    /// The engine; all on a ring without one.
    pub(crate) engine: Option<&'static str>,
    pub(crate) selection: Option<Selection>,
}

/// The first packet's time: 2024-05-01T08:00:00Z, in nanoseconds.
const START: i64 = 1_714_550_400_000_000_000;

impl Scenario {
    pub(crate) fn new() -> Self {
        let mut scenario = Self::default();
        scenario.capture("office.pcap");
        scenario
    }

    /// The packets from here on are another capture's.
    pub(crate) fn capture(&mut self, path: &str) {
        let mut capture = CaptureSummary::default();
        capture.path = path.to_owned();
        capture.format = "pcap".to_owned();
        self.captures.push(capture);
    }

    /// Packets of one size from one host to another.
    pub(crate) fn send(&mut self, from: &str, to: &str, over: Over, packets: u32, bytes: u32) -> &mut Self {
        let frame = frame(from.parse().unwrap(), to.parse().unwrap(), over);
        self.frames(&frame, packets, bytes)
    }

    /// The same frame some times, each as if it had been so long on the wire.
    pub(crate) fn frames(&mut self, frame: &[u8], packets: u32, bytes: u32) -> &mut Self {
        for _ in 0..packets {
            let number = self.table.totals().packets;
            let mut packet = Packet::new(LinkType::ETHERNET, frame);
            packet.number = number + 1;
            packet.offset = 24 + number * 16;
            packet.wire_len = bytes;
            packet.timestamp = Some(Timestamp::from_nanos(START + number as i64 * 250_000_000));
            if let Some(capture) = self.captures.last_mut() {
                capture.observe(&packet);
            }
            self.table.observe(0, &packet, &dissect(&packet, &DissectOptions::default()));
        }
        self
    }

    pub(crate) fn name(&mut self, ip: &str, source: NameSource, name: &str) -> &mut Self {
        self.annotations.entry(NodeId::Host(ip.parse().unwrap())).names.push(Name::new(source, name));
        self
    }

    pub(crate) fn find(&mut self, kind: &'static str, severity: Severity, from: &str, to: Option<&str>) {
        let node = |ip: &str| NodeId::Host(ip.parse().unwrap());
        let mut finding = Finding::new(kind, severity, node(from));
        finding.object = to.map(node);
        finding.sentence = format!("{from} did what is called {kind}");
        self.findings.push(finding);
    }

    pub(crate) fn place(&mut self, ip: &str, city: Option<&str>, country: &str) -> &mut Self {
        let mut place = Place::default();
        place.city = city.map(str::to_owned);
        place.country = Some(country.to_owned());
        place.sources = vec!["GeoLite2-City".to_owned()];
        self.annotations.entry(NodeId::Host(ip.parse().unwrap())).place = Some(place);
        self
    }

    /// Does something with the view of a layer.
    pub(crate) fn view<T>(
        &self,
        layer: GraphLayer,
        with: impl FnOnce(&View<'_>, &RenderOptions<'_>) -> T,
    ) -> T {
        let mut graph = self.table.project(layer);
        let mut left_out = None;
        if let Some(selection) = &self.selection {
            let (part, rest) = selection.apply(&graph, &self.annotations).unwrap();
            (graph, left_out) = (part, Some((selection, rest)));
        }
        let mut view = View::new(&graph, &self.annotations, &self.captures, self.table.totals())
            .with_findings(&self.findings)
            .with_inside(&self.inside);
        view.selection = left_out;
        let engine = self.engine.map(|name| Engine::by_name(name).unwrap());
        let layout: Box<dyn Layout> = engine.map_or(Box::new(Ring), Engine::layout);
        let mut options = RenderOptions::new(&*layout);
        options.diagram = engine.map(|engine| engine.diagram).unwrap_or_default();
        options.shape = self.shape;
        options.theme = self.theme;
        options.grouping = self.grouping;
        options.color_by = self.color_by;
        with(&view, &options)
    }

    pub(crate) fn scene(&self, layer: GraphLayer) -> Scene {
        self.view(layer, |view, options| Scene::of(view, options).unwrap())
    }

    pub(crate) fn render(&self, layer: GraphLayer, format: &str) -> Vec<u8> {
        self.view(layer, |view, options| {
            let mut out = Vec::new();
            render(view, options, format.parse().unwrap(), &mut out).unwrap();
            out
        })
    }

    pub(crate) fn text(&self, layer: GraphLayer, format: &str) -> String {
        String::from_utf8(self.render(layer, format)).unwrap()
    }
}

/// An Ethernet frame whose MAC addresses follow from the IP addresses.
fn frame(from: IpAddr, to: IpAddr, over: Over) -> Vec<u8> {
    let carried = match over {
        Over::Tcp(source, destination) => {
            let mut header = [source.to_be_bytes(), destination.to_be_bytes()].concat();
            header.extend([0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
            header
        }
        Over::Udp(source, destination) => {
            [source.to_be_bytes(), destination.to_be_bytes(), 8_u16.to_be_bytes(), [0, 0]].concat()
        }
        Over::Icmp => vec![8, 0, 0, 0, 0, 0, 0, 0],
    };
    let protocol = match (over, from) {
        (Over::Tcp(..), _) => 6,
        (Over::Udp(..), _) => 17,
        (Over::Icmp, IpAddr::V4(_)) => 1,
        (Over::Icmp, IpAddr::V6(_)) => 58,
    };
    let mut frame = [mac(to), mac(from)].concat();
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            frame.extend([0x08, 0x00, 0x45, 0]);
            frame.extend((20 + carried.len() as u16).to_be_bytes());
            frame.extend([0, 1, 0, 0, 64, protocol, 0, 0]);
            frame.extend(from.octets());
            frame.extend(to.octets());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend((carried.len() as u16).to_be_bytes());
            frame.extend([protocol, 64]);
            frame.extend(from.octets());
            frame.extend(to.octets());
        }
        _ => panic!("{from} and {to} are of two versions"),
    }
    frame.extend(carried);
    frame
}

fn mac(ip: IpAddr) -> Vec<u8> {
    let last: [u8; 3] = match ip {
        IpAddr::V4(ip) if ip.is_broadcast() => return vec![0xff; 6],
        IpAddr::V4(ip) => [ip.octets()[1], ip.octets()[2], ip.octets()[3]],
        IpAddr::V6(ip) => [ip.octets()[13], ip.octets()[14], ip.octets()[15]],
    };
    let first: [u8; 3] = if ip.is_multicast() { [0x01, 0x00, 0x5e] } else { [0x00, 0x1b, 0x21] };
    [first, last].concat()
}

/// An ARP request.
pub(crate) fn arp() -> Vec<u8> {
    [&[0xff; 6][..], &[0x00, 0x1b, 0x21, 0, 0, 1], &[0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1], &[0; 20]].concat()
}

/// A desk with two hosts, a name server and the web: most of what there is to see, in little.
pub(crate) fn office() -> Scenario {
    let mut s = Scenario::new();
    s.send("192.168.1.10", "192.168.1.1", Over::Udp(50_001, 53), 6, 80);
    s.send("192.168.1.1", "192.168.1.10", Over::Udp(53, 50_001), 6, 220);
    s.send("192.168.1.10", "8.8.4.4", Over::Tcp(50_100, 443), 40, 120);
    s.send("8.8.4.4", "192.168.1.10", Over::Tcp(443, 50_100), 70, 1_400);
    s.send("192.168.1.11", "192.168.1.10", Over::Tcp(50_200, 445), 12, 900);
    s.send("192.168.1.11", "224.0.0.251", Over::Udp(5353, 5353), 3, 110);
    s.frames(&arp(), 2, 60);
    s.name("192.168.1.1", NameSource::Dhcp, "gateway.lan");
    s.name("8.8.4.4", NameSource::Tls, "video.example.com");
    s.place("8.8.4.4", Some("Zürich"), "Switzerland");
    s
}

/// Names that try to break out of every format.
pub(crate) const NASTY: &[&str] = &[
    "<script>alert(1)</script>",
    "\"/><image href=\"http://evil.example/x\"/>",
    "]]></style><!-- &amp; &lt;",
    "\u{202e}gnp.exe\u{2066}hidden\u{2069}",
    "\x1b]0;owned\x07\x1b[2J\u{9b}31m",
    "line\nbreak\r\ttab\u{2028}sep\0nul",
    "\\N \\\" \\l\\r\\G %s {{ }} | <f0>",
    "\u{fffe}\u{ffff}\u{feff}\u{200b}",
    "Ωμέγα.привет.例え.مثال",
    "' onload='alert(1)",
];

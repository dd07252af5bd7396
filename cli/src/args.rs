use std::net::{IpAddr, SocketAddr};
use std::num::NonZero;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Parser, ValueEnum};
use pcapviz_core::analysis::Inside;
use pcapviz_core::capture::{Filter, FilterError, TimeSpec};
use pcapviz_core::graph::{MacAddr, Protocol, ProtocolSet, Selection, Severity};
use pcapviz_core::render::layout::ENGINES;
use pcapviz_core::render::theme::Theme;
use pcapviz_core::render::{ColorBy, Format, Grouping, Kind, Shape, View, fold};
use pcapviz_core::{GraphLayer, Tunnels};

/// Draws who talks to whom in packet captures: devices (layer 2), IP hosts (layer 3), or TCP, UDP and
/// SCTP end points (layer 4).
///
/// Without an output, a summary goes to the terminal. Formats are told by their content: pcap, pcapng,
/// snoop and ERF, plain or compressed. Nothing is sent over the network unless --resolve asks for it.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = AFTER_HELP)]
#[command(group = ArgGroup::new("layer").args(["layer2", "layer3", "layer4"]))]
pub(crate) struct Args {
    /// Captures, or folders with captures; `-` is standard input
    #[arg(value_name = "CAPTURE", required_unless_present = "pcaps")]
    captures: Vec<PathBuf>,

    /// The same, by PcapViz's name
    #[arg(short = 'i', long = "pcaps", value_name = "CAPTURE", num_args = 1..)]
    pcaps: Vec<PathBuf>,

    /// Draw or write the graph to this file, by its extension; `-` is standard output
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,

    /// What to write, if not what the extension says
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(Format::names()), help_heading = "Output")]
    pub(crate) format: Option<String>,

    /// Write the graph as DOT too
    #[arg(short = 'g', long, value_name = "FILE", help_heading = "Output")]
    pub(crate) graphviz: Option<PathBuf>,

    /// List who was contacted (i) or who made contact (o), with by or with how many
    #[arg(short = 'f', value_name = "i|o", help_heading = "Output")]
    frequent: Vec<Frequent>,

    /// The same as -fi
    #[arg(long, help_heading = "Output")]
    frequent_in: bool,

    /// The same as -fo
    #[arg(long, help_heading = "Output")]
    frequent_out: bool,

    /// Devices: MAC addresses
    #[arg(long, help_heading = "Graph")]
    layer2: bool,

    /// IP hosts; the default
    #[arg(long, help_heading = "Graph")]
    layer3: bool,

    /// TCP, UDP and SCTP end points
    #[arg(long, help_heading = "Graph")]
    layer4: bool,

    /// Which headers of tunnelled packets count
    #[arg(long, value_name = "WHICH", default_value = "outer", help_heading = "Graph")]
    tunnels: Which,

    /// Look into ESP packets for payload that is not encrypted (RFC 2410): a guess by each packet's trailer
    #[arg(long, help_heading = "Graph")]
    pub(crate) esp_null: bool,

    /// Only packets that match this pcap-filter(7) expression, such as 'tcp port 443 and not net 10/8'
    #[arg(long, value_name = "EXPR", value_parser = filter, help_heading = "Packets")]
    pub(crate) filter: Option<Arc<Filter>>,

    /// Only packets from this time on: RFC 3339, epoch seconds, or +90s from the capture's start
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Packets")]
    pub(crate) from: Option<TimeSpec>,

    /// Only packets up to this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Packets")]
    pub(crate) to: Option<TimeSpec>,

    /// Stop each capture after so many packets that passed the filter and the times
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Packets")]
    pub(crate) count: Option<u64>,

    /// Leave out packets that a mirror port delivered twice
    #[arg(long, help_heading = "Packets")]
    pub(crate) drop_duplicates: bool,

    /// Credit later fragments, which have no ports, to the flow of their datagram
    #[arg(long, help_heading = "Packets")]
    pub(crate) defragment: bool,

    /// Only traffic from or to these devices' MAC addresses (Ethernet)
    #[arg(short = 'r', long, visible_alias = "restrict", value_name = "MAC", num_args = 1.., value_delimiter = ',', help_heading = "Packets")]
    mac: Vec<MacAddr>,

    /// Only what is around these: addresses, networks such as 10.0.0.0/8, or names
    #[arg(long, value_name = "WHOM", value_delimiter = ',', help_heading = "Selection")]
    focus: Vec<String>,

    /// How many edges away is around the focus
    #[arg(long, value_name = "N", default_value = "1", requires = "focus", help_heading = "Selection")]
    hops: usize,

    /// Only the shortest ways from one to the other
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"], help_heading = "Selection")]
    path: Vec<String>,

    /// Only so many nodes, those with the most bytes
    #[arg(value_parser = positive::<NonZero<usize>>, long, value_name = "N", help_heading = "Selection")]
    top: Option<NonZero<usize>>,

    /// Only flows with one of these protocols, such as DNS,HTTP
    #[arg(short = 'w', long, visible_alias = "whitelist", value_name = "PROTOCOL", num_args = 1.., value_delimiter = ',', value_parser = protocol, help_heading = "Selection")]
    protocols: Vec<Protocol>,

    /// No flows with any of these protocols
    #[arg(short = 'b', long, visible_alias = "blacklist", value_name = "PROTOCOL", num_args = 1.., value_delimiter = ',', value_parser = protocol, help_heading = "Selection")]
    not_protocols: Vec<Protocol>,

    /// One output for each, its name added to the file's: out.http.svg, out.dns.svg
    #[arg(long, value_name = "BY", requires = "out", help_heading = "Output")]
    pub(crate) split: Option<Split>,

    /// One output for each capture, its name added to the file's
    #[arg(long, requires = "out", help_heading = "Output")]
    pub(crate) each: bool,

    /// A MaxMind database with cities, countries or networks; may be given several times
    #[arg(short = 'G', long, value_name = "MMDB", help_heading = "Names and places")]
    pub(crate) geopath: Vec<PathBuf>,

    /// Language of the place names of -G: en unless given
    #[arg(short = 'l', long, value_name = "LANG", help_heading = "Names and places")]
    geolang: Option<String>,

    /// Names in the form of /etc/hosts; may be given several times
    #[arg(long, value_name = "FILE", help_heading = "Names and places")]
    pub(crate) hosts: Vec<PathBuf>,

    /// Vendors of MAC addresses in the form of Wireshark's manuf; may be given several times
    #[arg(long, value_name = "FILE", help_heading = "Names and places")]
    pub(crate) manuf: Vec<PathBuf>,

    /// Ask DNS for the names of addresses (tells the network what you are looking at)
    #[arg(long, help_heading = "Names and places")]
    pub(crate) resolve: bool,

    /// Which DNS server to ask, instead of the system's
    #[arg(value_parser = server, long, value_name = "ADDR:PORT", requires = "resolve", help_heading = "Names and places")]
    pub(crate) dns_server: Option<SocketAddr>,

    /// How to place the nodes; dot, neato, fdp, sfdp, circo, twopi, osage and patchwork need Graphviz
    #[arg(short = 'E', long, value_name = "ENGINE", value_parser = PossibleValuesParser::new(ENGINES.iter().map(|engine| engine.name)), help_heading = "Picture")]
    pub(crate) layoutengine: Option<String>,

    /// Shape of the nodes
    #[arg(short, long, value_name = "SHAPE", value_parser = PossibleValuesParser::new(Shape::names()), help_heading = "Picture")]
    pub(crate) shape: Option<String>,

    /// Colours: for screens and reports, for dark rooms, or for printers without colour [default: light]
    #[arg(long, value_name = "THEME", value_parser = PossibleValuesParser::new(Theme::ALL.map(Theme::name)), help_heading = "Picture")]
    theme: Option<String>,

    /// What outside hosts are coloured by: the most frequent ones get colours of their own [default: country]
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(ColorBy::ALL.map(ColorBy::name)), help_heading = "Picture")]
    color_by: Option<String>,

    /// Pixels per point of a png (1/72 inch) [default: 2]
    #[arg(long, value_name = "FACTOR", value_parser = scale, conflicts_with = "width", help_heading = "Picture")]
    pub(crate) scale: Option<f32>,

    /// How many pixels wide a png is
    #[arg(value_parser = positive::<NonZero<u32>>, long, value_name = "PIXELS", help_heading = "Picture")]
    pub(crate) width: Option<NonZero<u32>>,

    /// Keep those together that have this in common, in a labelled frame [default: none]
    #[arg(long, value_name = "BY", value_parser = PossibleValuesParser::new(Grouping::ALL.map(Grouping::name)), help_heading = "Picture")]
    group: Option<String>,

    /// Keep no more than so many flows, the first ones; what the others sent is counted in one sum
    #[arg(long, value_name = "N", help_heading = "Packets")]
    pub(crate) max_flows: Option<usize>,

    /// Most nodes of a picture: past that, those that are alike become one [default: by format]
    #[arg(value_parser = positive::<NonZero<usize>>, long, value_name = "N", help_heading = "Picture")]
    pub(crate) max_nodes: Option<NonZero<usize>>,

    /// Which ports are nodes of their own in a picture of layer 4 [default: servers]
    #[arg(long, value_name = "WHICH", help_heading = "Picture")]
    ports: Option<Ports>,

    /// Which networks are inside, for findings and colours, such as 198.51.100.0/24 [default: private addresses]
    #[arg(long, value_name = "CIDR", num_args = 1.., help_heading = "Findings")]
    internal: Vec<Inside>,

    /// Exit with status 3 if the captures give a finding of this severity or above, drawn or not (--focus and the like)
    #[arg(long, value_name = "SEVERITY", help_heading = "Findings")]
    findings_fail: Option<FailOn>,

    /// How many key nodes of each layer to list; with an output, also to note them there with their reasons
    #[arg(long, value_name = "N", help_heading = "Findings")]
    pub(crate) key_nodes: Option<usize>,

    /// Threads to use at most
    #[arg(value_parser = positive::<NonZero<usize>>, long, value_name = "N")]
    pub(crate) threads: Option<NonZero<usize>>,

    /// Colours on the terminal
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: clap::ColorChoice,

    /// No warnings and no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Any warning makes the exit status 1
    #[arg(long)]
    pub(crate) strict: bool,
}

const AFTER_HELP: &str = "\
Exit status: 0 done, with warnings on standard error; 1 a capture or an output failed; 2 wrong usage;
3 findings, as asked by --findings-fail.

Examples:
  pcapviz office.pcapng                          a summary on the terminal
  pcapviz office.pcapng -o office.svg            who talks to whom, by IP address
  pcapviz captures/ --layer2 -o devices.png      the devices of all captures in a folder
  pcapviz office.pcapng --layer4 -fi             the end points that most others contacted
  zcat big.pcap.gz | pcapviz - --format json -o -";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// The tunnel's own end points
    Outer,
    /// Who talks through the tunnel
    Inner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Any finding
    Note,
    /// Alerts only
    Alert,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Ports {
    /// Those that serve; a host's client ports are one node
    Servers,
    /// Every port
    All,
}

/// What there is one output for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Split {
    /// Each topmost protocol
    Protocol,
}

/// A protocol by its name, or by one that PcapViz (scapy) has for it.
fn protocol(name: &str) -> Result<Protocol, String> {
    let known = match &*name.to_ascii_lowercase() {
        "ip" => "IPv4",
        "ether" => "Ethernet",
        "https" | "ssl" => "TLS",
        "nbns" | "nbt" => "NetBIOS",
        "bootp" => "DHCP",
        _ => name,
    };
    Protocol::ALL.iter().copied().find(|p| p.name().eq_ignore_ascii_case(known)).ok_or_else(|| {
        let names: Vec<_> = Protocol::ALL.iter().map(|p| p.name()).collect();
        format!(
            "no such protocol; captures stand before the list or after -i; protocols: {}",
            names.join(", ")
        )
    })
}

fn scale(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(scale) if scale.is_finite() && scale > 0.0 => Ok(scale),
        _ => Err("a number above 0, such as 2 or 1.5".to_owned()),
    }
}

/// A number that counts something.
fn positive<N: FromStr>(text: &str) -> Result<N, &'static str> {
    text.parse().map_err(|_| "a whole number from 1 on is needed")
}

/// An address with a port, or without: then it is DNS's own, 53.
fn server(text: &str) -> Result<SocketAddr, &'static str> {
    let address = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    address
        .or_else(|_| text.parse())
        .map_err(|_| "write it as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353")
}

fn filter(text: &str) -> Result<Arc<Filter>, FilterError> {
    Filter::parse(text).map(Arc::new)
}

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Frequent {
    /// Nodes that were contacted.
    #[value(name = "i", alias = "in")]
    In,
    /// Nodes that made contact.
    #[value(name = "o", alias = "out")]
    Out,
}

impl Args {
    /// Every capture named, either way.
    pub(crate) fn captures(&self) -> impl Iterator<Item = &PathBuf> {
        self.captures.iter().chain(&self.pcaps)
    }

    /// The layer asked for.
    pub(crate) fn layer(&self) -> GraphLayer {
        match self {
            Self { layer2: true, .. } => GraphLayer::Devices,
            Self { layer4: true, .. } => GraphLayer::Endpoints,
            _ => GraphLayer::Hosts,
        }
    }

    /// Whether a list of this kind is asked for.
    pub(crate) fn lists(&self, kind: Frequent) -> bool {
        self.frequent.contains(&kind)
            || match kind {
                Frequent::In => self.frequent_in,
                Frequent::Out => self.frequent_out,
            }
    }

    /// The filter of packets, with the devices asked for.
    pub(crate) fn packet_filter(&self) -> Result<Option<Arc<Filter>>, FilterError> {
        if self.mac.is_empty() {
            return Ok(self.filter.clone());
        }
        let devices: Vec<_> = self.mac.iter().map(|mac| format!("ether host {mac}")).collect();
        let devices = devices.join(" or ");
        let text = match &self.filter {
            Some(filter) if !filter.expression().trim().is_empty() => {
                format!("({}) and ({devices})", filter.expression())
            }
            _ => devices,
        };
        filter(&text).map(Some)
    }

    /// Which part of the graph is wanted.
    pub(crate) fn selection(&self) -> Selection {
        let target = |text: &String| match text.parse() {
            Ok(target) => target,
            Err(never) => match never {},
        };
        let set = |protocols: &[Protocol]| protocols.iter().copied().collect::<ProtocolSet>();
        let mut selection = Selection::default();
        selection.focus = self.focus.iter().map(target).collect();
        selection.hops = self.hops;
        if let [from, to] = &*self.path {
            selection.path = Some((target(from), target(to)));
        }
        selection.protocols = (!self.protocols.is_empty()).then(|| set(&self.protocols));
        selection.not_protocols = set(&self.not_protocols);
        selection.top = self.top.map(NonZero::get);
        selection
    }

    /// The options of pictures that change nothing in any of the outputs, as they are written.
    pub(crate) fn without_effect(&self, outputs: &[Format]) -> Vec<&'static str> {
        let any = |fits: fn(&Format) -> bool| outputs.iter().any(fits);
        let picture = any(|format| format.kind() == Kind::Picture);
        // A matrix has cells instead of nodes in places.
        let nodes = picture && self.layoutengine.as_deref() != Some("matrix");
        // DOT has no positions, but looks.
        let looks = picture || any(|format| format.name() == "dot");
        let pixels = any(|format| format.name() == "png");
        [
            ("-E", self.layoutengine.is_some(), picture),
            ("-s", self.shape.is_some(), nodes || any(|format| format.name() == "dot")),
            ("--theme", self.theme.is_some(), looks),
            ("--color-by", self.color_by.is_some(), looks && !self.layer2),
            ("--scale", self.scale.is_some(), pixels),
            ("--width", self.width.is_some(), pixels),
            ("--group", self.group.is_some(), nodes),
            ("--max-nodes", self.max_nodes.is_some(), picture),
            ("--ports", self.ports.is_some(), picture && self.layer4),
        ]
        .into_iter()
        .filter(|(_, is_given, has_effect)| *is_given && !has_effect)
        .map(|(option, ..)| option)
        .collect()
    }

    /// Whether a language is asked for, and no database has names in it.
    pub(crate) fn speaks_of_nothing(&self) -> bool {
        self.geolang.is_some() && self.geopath.is_empty()
    }

    /// The language of place names.
    pub(crate) fn geolang(&self) -> &str {
        self.geolang.as_deref().unwrap_or("en")
    }

    /// What tells nodes of a picture apart or keeps them together, of what nothing is known: options as they are
    /// written, and what they need.
    pub(crate) fn unknown(&self, view: &View<'_>) -> Vec<String> {
        let needs = |name: &str| match name {
            "vendor" => "the vendors of devices (--layer2)",
            "subnet" => "IP addresses (--layer3, --layer4)",
            "asn" => "a database of network owners (-G) and public addresses",
            _ => "public addresses",
        };
        let color_by = self.color_by.as_deref().filter(|_| !self.layer2 && !self.color_by().is_known(view));
        let group = self.group.as_deref().filter(|_| !self.grouping().is_known(view));
        [("--color-by", color_by), ("--group", group)]
            .into_iter()
            .filter_map(|(option, name)| {
                name.map(|name| format!("{option} {name} has no effect: it needs {}", needs(name)))
            })
            .collect()
    }

    /// The colours of a picture.
    pub(crate) fn theme(&self) -> Theme {
        self.theme.as_deref().and_then(Theme::by_name).unwrap_or_default()
    }

    /// What outside hosts are coloured by.
    pub(crate) fn color_by(&self) -> ColorBy {
        self.color_by.as_deref().and_then(ColorBy::by_name).unwrap_or_default()
    }

    /// What keeps nodes of a picture together.
    pub(crate) fn grouping(&self) -> Grouping {
        self.group.as_deref().and_then(Grouping::by_name).unwrap_or_default()
    }

    /// Which ports are nodes of their own in a picture.
    pub(crate) fn ports(&self) -> fold::Ports {
        match self.ports {
            None | Some(Ports::Servers) => fold::Ports::Servers,
            Some(Ports::All) => fold::Ports::All,
        }
    }

    /// Which networks are inside.
    pub(crate) fn inside(&self) -> Inside {
        self.internal.iter().cloned().fold(Inside::default(), Inside::and)
    }

    /// From which severity on findings make the exit status 3.
    pub(crate) fn findings_fail(&self) -> Option<Severity> {
        self.findings_fail.map(|fail| match fail {
            FailOn::Note => Severity::Note,
            FailOn::Alert => Severity::Alert,
        })
    }

    /// Which headers of tunnelled packets count.
    pub(crate) fn tunnels(&self) -> Tunnels {
        match self.tunnels {
            Which::Outer => Tunnels::Outer,
            Which::Inner => Tunnels::Inner,
        }
    }
}

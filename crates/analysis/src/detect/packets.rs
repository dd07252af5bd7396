//! Which packets a finding is about, in the two languages that people filter in.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use foldhash::fast::RandomState;
use pcapviz_capture::{Pair, Protocol, ProtocolSet};
use pcapviz_graph::{Evidence, Finding, FlowTable, MacAddr, Vlans};

use crate::address::bits;
use crate::observe::{Wrapped, network};

/// Packets between two addresses, or of one; both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Clause {
    pub(super) protocol: Carried,
    pub(super) client: Option<IpAddr>,
    pub(super) server: Option<IpAddr>,
    pub(super) client_port: Option<u16>,
    pub(super) server_port: Option<u16>,
}

/// What the IP header carries, and which of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Carried {
    Tcp,
    Udp,
    Sctp,
    /// Of ICMP, the client's echo requests and the server's replies.
    Echo,
    /// Of TCP, what of the client's asks for connections, and what of the server's refuses.
    Attempts,
    /// Of ICMP, the server's messages that nothing listens on a UDP port.
    Refusals,
    /// UDP, and these messages.
    UdpWithRefusals,
    /// Fragments of TCP, UDP and SCTP, most of which have no ports.
    Fragments,
}

/// ICMP messages that quote others (RFC 792).
const ICMP_ERRORS: &str =
    "icmp.type == 3 || icmp.type == 4 || icmp.type == 5 || icmp.type == 11 || icmp.type == 12";

/// Of more things alike than these, one finding is made.
pub(super) const HANDFUL: usize = 16;

/// The longest filter: what Windows takes as a command line.
const LONGEST: usize = 1 << 15;

/// The longest pcap-filter expression, some hundred hosts or ports: libpcap takes a few seconds to compile so long a one, and
/// half a minute for one twice as long.
const LONGEST_CAPTURE: usize = 1 << 14;

/// Clauses that are looked at for what they have in common.
pub(super) const MOST_CLAUSES: usize = 1 << 18;

impl Clause {
    /// Of one host.
    pub(super) fn of(protocol: Carried, client: IpAddr) -> Self {
        Self { protocol, client: Some(client), server: None, client_port: None, server_port: None }
    }

    /// Between two hosts.
    pub(super) fn between(protocol: Carried, client: IpAddr, server: IpAddr) -> Self {
        Self { server: Some(server), ..Self::of(protocol, client) }
    }

    pub(super) fn server_port(self, port: u16) -> Self {
        Self { server_port: Some(port), ..self }
    }

    fn is_v6(&self) -> bool {
        self.client.or(self.server).is_some_and(|ip| ip.is_ipv6())
    }
}

/// Clauses that differ in nothing but what is listed: any of the clients with any of the servers, and so on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    protocol: Carried,
    is_v6: bool,
    /// By [`Part`].
    parts: [Values; 4],
}

/// The numbers that a part may have, sorted; any, where there is no list.
type Values = Option<Vec<u128>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Client,
    Server,
    ClientPort,
    ServerPort,
}

impl Block {
    /// Bytes that any filter for it has at least, as one of several.
    fn least_len(&self) -> usize {
        self.parts.iter().flatten().count() * "ipv6.src == ::1".len()
    }

    /// The same as the clauses, in few blocks: those that differ in one part alone are joined, part by part.
    fn of_clauses(clauses: &[Clause]) -> Vec<Self> {
        let mut clauses = clauses.to_vec();
        clauses.sort_unstable();
        clauses.dedup();
        let but_port = |clause: &Clause| Clause { server_port: None, ..*clause };
        let alike = clauses.chunk_by(|a, b| but_port(a) == but_port(b));
        let mut blocks: Vec<Self> = alike.map(Self::of_ports).collect();
        for part in [Part::ClientPort, Part::Server, Part::Client] {
            let mut alike: BTreeMap<Self, Values> = BTreeMap::new();
            for mut block in blocks {
                let values = block.parts[part as usize].take();
                match (alike.entry(block).or_insert_with(|| Some(Vec::new())), values) {
                    (Some(known), Some(values)) => known.extend(values),
                    (known, _) => *known = None,
                }
            }
            let joined = |(mut block, values): (Self, Values)| {
                block.parts[part as usize] = values.map(sorted);
                block
            };
            blocks = alike.into_iter().map(joined).collect();
        }
        blocks
    }

    /// Clauses that differ in nothing but the server's port: one at least.
    fn of_ports(clauses: &[Clause]) -> Self {
        let first = clauses[0];
        let address = |ip: Option<IpAddr>| ip.map(|ip| vec![bits(ip)]);
        let server_ports: Option<Vec<u128>> =
            clauses.iter().map(|clause| clause.server_port.map(u128::from)).collect();
        Self {
            protocol: first.protocol,
            is_v6: first.is_v6(),
            parts: [
                address(first.client),
                address(first.server),
                first.client_port.map(|port| vec![port.into()]),
                server_ports.map(sorted),
            ],
        }
    }
}

/// The same kind of packets of several clients and servers: blocks of one protocol and IP version.
struct Kind<'b> {
    protocol: Carried,
    is_v6: bool,
    blocks: &'b [Block],
}

impl<'b> Kind<'b> {
    /// Of sorted blocks; of two protocols, a kind each.
    fn of_blocks(blocks: &'b [Block]) -> impl Iterator<Item = Self> {
        let of_one = blocks.chunk_by(|a, b| (a.protocol, a.is_v6) == (b.protocol, b.is_v6));
        of_one
            .flat_map(|blocks| {
                let Block { protocol, is_v6, .. } = blocks[0];
                let of = move |protocol| Self { protocol, is_v6, blocks };
                match protocol {
                    Carried::UdpWithRefusals => [Some(of(Carried::Udp)), Some(of(Carried::Refusals))],
                    _ => [Some(of(protocol)), None],
                }
            })
            .flatten()
    }

    fn display(&self) -> String {
        let ip = if self.is_v6 { "ipv6" } else { "ip" };
        let carried = match self.protocol {
            Carried::Tcp | Carried::Attempts => "tcp",
            Carried::Sctp => "sctp",
            _ => "udp",
        };
        // An error message quotes the headers of what it is about, and Wireshark looks into them.
        let plain = format!("{carried} && !({ICMP_ERRORS}) && !(icmpv6.type < 128)");
        let only = |what: &str| format!("{what} && !({ICMP_ERRORS}) && !(icmpv6.type < 128)");
        let [up, down] = match (self.protocol, self.is_v6) {
            (Carried::Tcp | Carried::Udp | Carried::Sctp | Carried::UdpWithRefusals, _) => {
                [plain.clone(), plain]
            }
            (Carried::Fragments, false) => {
                let which = "ip.proto in {6, 17, 132} && (ip.flags.mf == 1 || ip.frag_offset > 0)";
                [only(which), only(which)]
            }
            (Carried::Fragments, true) => {
                let which =
                    "ipv6.fraghdr.nxt in {6, 17, 132} && (ipv6.fraghdr.more == 1 || ipv6.fraghdr.offset > 0)";
                [only(which), only(which)]
            }
            (Carried::Attempts, _) => {
                [only("tcp.flags.syn == 1 && tcp.flags.ack == 0"), only("tcp.flags.reset == 1")]
            }
            (Carried::Echo, false) => [only("icmp.type == 8"), only("icmp.type == 0")],
            (Carried::Echo, true) => [only("icmpv6.type == 128"), only("icmpv6.type == 129")],
            (Carried::Refusals, false) => [String::new(), "icmp.type == 3 && icmp.code == 3".to_owned()],
            (Carried::Refusals, true) => [String::new(), "icmpv6.type == 1 && icmpv6.code == 4".to_owned()],
        };
        let term = |part, end: &str, values: &[u128]| {
            let (field, write): (String, fn(&Self, u128) -> String) = match part {
                Part::Client | Part::Server => (format!("{ip}.{end}"), Self::address),
                Part::ClientPort | Part::ServerPort => (format!("{carried}.{end}port"), |_, n| n.to_string()),
            };
            let of_run = |run: RangeInclusive<u128>| {
                let (first, last) = (write(self, *run.start()), write(self, *run.end()));
                if first == last { first } else { format!("{first}..{last}") }
            };
            match values {
                [one] => format!("{field} == {}", write(self, *one)),
                _ => format!("{field} in {{{}}}", runs(values).map(of_run).collect::<Vec<_>>().join(", ")),
            }
        };
        self.both([&up, &down], term, " && ", " || ")
    }

    fn capture(&self) -> String {
        let [up, down] = match (self.protocol, self.is_v6) {
            (Carried::Tcp, _) => ["tcp", "tcp"],
            (Carried::Udp | Carried::UdpWithRefusals, _) => ["udp", "udp"],
            (Carried::Sctp, _) => ["sctp", "sctp"],
            (Carried::Fragments, false) => {
                ["ip[6:2] & 0x3fff != 0 and (ip[9] = 6 or ip[9] = 17 or ip[9] = 132)"; 2]
            }
            (Carried::Fragments, true) => {
                ["ip6[6] = 44 and ip6[42:2] & 0xfff9 != 0 and (ip6[40] = 6 or ip6[40] = 17 or ip6[40] = 132)";
                    2]
            }
            (Carried::Attempts, false) => ["tcp[13] & 0x12 = 2", "tcp[13] & 4 != 0"],
            (Carried::Attempts, true) => ["tcp and ip6[53] & 0x12 = 2", "tcp and ip6[53] & 4 != 0"],
            (Carried::Echo, false) => ["icmp[0] = 8", "icmp[0] = 0"],
            (Carried::Echo, true) => ["icmp6 and ip6[40] = 128", "icmp6 and ip6[40] = 129"],
            (Carried::Refusals, false) => ["", "icmp[0] = 3 and icmp[1] = 3 and icmp[17] = 17"],
            (Carried::Refusals, true) => ["", "icmp6 and ip6[40] = 1 and ip6[41] = 4 and ip6[54] = 17"],
        };
        let term = |part, end: &str, values: &[u128]| {
            let terms: Vec<String> = match (part, self.protocol) {
                (Part::Client | Part::Server, _) => self.networks(end, values),
                // Behind the quoted IP header, which has no options here.
                (_, Carried::Refusals) => {
                    let place = match (self.is_v6, end) {
                        (false, "src") => "icmp[28:2]",
                        (false, _) => "icmp[30:2]",
                        (true, "src") => "ip6[88:2]",
                        (true, _) => "ip6[90:2]",
                    };
                    let of_run = |run: RangeInclusive<u128>| match run.start() == run.end() {
                        true => format!("{place} = {}", run.start()),
                        false => format!("({place} >= {} and {place} <= {})", run.start(), run.end()),
                    };
                    runs(values).map(of_run).collect()
                }
                _ => {
                    let (single, wide): (Vec<_>, Vec<_>) =
                        runs(values).partition(|run| run.start() == run.end());
                    let port = |run: &RangeInclusive<u128>| run.start().to_string();
                    let range = |run: &RangeInclusive<u128>| format!("{}-{}", run.start(), run.end());
                    listed(&format!("{end} port"), single.iter().map(port))
                        .into_iter()
                        .chain(listed(&format!("{end} portrange"), wide.iter().map(range)))
                        .collect()
                }
            };
            match &terms[..] {
                [one] if !one.contains(" or ") => one.clone(),
                _ => format!("({})", terms.join(" or ")),
            }
        };
        self.both([up, down], term, " and ", " or ")
    }

    /// What has one of the addresses at this end: networks where they are whole, else hosts.
    fn networks(&self, end: &str, values: &[u128]) -> Vec<String> {
        let bits = if self.is_v6 { 128 } else { 32 };
        let (mut hosts, mut networks) = (Vec::new(), Vec::new());
        for run in runs(values) {
            let (mut next, last) = (Some(*run.start()), *run.end());
            while let Some(first) = next {
                // As large as may begin here, and end in time.
                let most = (last - first).saturating_add(1).ilog2();
                let size = first.trailing_zeros().min(most);
                match size {
                    0 => hosts.push(self.address(first)),
                    _ => networks.push(format!("{}/{}", self.address(first), bits - size)),
                }
                next = first.checked_add(1 << size).filter(|next| *next <= last);
            }
        }
        let hosts = listed(&format!("{end} host"), hosts.into_iter());
        hosts.into_iter().chain(listed(&format!("{end} net"), networks.into_iter())).collect()
    }

    fn address(&self, number: u128) -> String {
        match u32::try_from(number) {
            Ok(number) if !self.is_v6 => Ipv4Addr::from(number).to_string(),
            _ => Ipv6Addr::from(number).to_string(),
        }
    }

    /// What goes from client to server, or what comes back; nothing, where the protocol has no such message.
    fn both(
        &self,
        [up, down]: [&str; 2],
        term: impl Fn(Part, &str, &[u128]) -> String,
        and: &str,
        or: &str,
    ) -> String {
        // What is quoted goes the other way than the message.
        let is_quoted = self.protocol == Carried::Refusals;
        let of_block = |block: &Block, from: &'static str, to: &'static str| {
            let (port_from, port_to) = if is_quoted { (to, from) } else { (from, to) };
            let ends = [(Part::Client, from), (Part::Server, to)];
            let ports = [(Part::ClientPort, port_from), (Part::ServerPort, port_to)];
            let terms = ends.into_iter().chain(ports).filter_map(|(part, end)| {
                block.parts[part as usize].as_ref().map(|values| term(part, end, values))
            });
            terms.collect::<Vec<_>>().join(and)
        };
        let direction =
            |from, to| -> Vec<String> { self.blocks.iter().map(|block| of_block(block, from, to)).collect() };
        let (there, back) = (direction("src", "dst"), direction("dst", "src"));
        match up {
            "" => format!("{down}{and}{}", any_of(&back, or)),
            _ if up == down => format!("{up}{and}{}", any_of(&[there, back].concat(), or)),
            _ => format!("({up}{and}{}){or}({down}{and}{})", any_of(&there, or), any_of(&back, or)),
        }
    }
}

/// One of several terms, in parentheses where these are needed.
fn any_of(terms: &[String], or: &str) -> String {
    match terms {
        [one] => one.clone(),
        _ => {
            let terms: Vec<String> = terms.iter().map(|term| format!("({term})")).collect();
            format!("({})", terms.join(or))
        }
    }
}

fn sorted(mut values: Vec<u128>) -> Vec<u128> {
    values.sort_unstable();
    values.dedup();
    values
}

/// Bytes that any filter for these clauses has at least: it names each run of their numbers once, unless one clause is for any.
/// Of clauses by the hundred thousand, this says at once that there are too many.
fn least_len(clauses: &[Clause]) -> usize {
    const PORT: usize = "1, ".len();
    let least_address = if clauses.iter().any(Clause::is_v6) { "::1, ".len() } else { "1.2.3.4, ".len() };
    let address = |ip: Option<IpAddr>| ip.map(bits);
    let len_of = |least: usize, part: &dyn Fn(&Clause) -> Option<u128>| {
        let values: Option<Vec<u128>> = clauses.iter().map(part).collect();
        values.map_or(0, |values| {
            let digits = |run: &RangeInclusive<u128>| run.start().checked_ilog10().unwrap_or(0) as usize;
            let len = |run: RangeInclusive<u128>| if least == PORT { PORT + digits(&run) } else { least };
            runs(&sorted(values)).map(len).sum()
        })
    };
    len_of(least_address, &|it| address(it.client))
        + len_of(least_address, &|it| address(it.server))
        + len_of(PORT, &|it| it.client_port.map(u128::from))
        + len_of(PORT, &|it| it.server_port.map(u128::from))
}

/// Numbers that follow each other, together.
fn runs(sorted: &[u128]) -> impl Iterator<Item = RangeInclusive<u128>> {
    sorted.chunk_by(|a, b| b.checked_sub(*a) == Some(1)).map(|run| run[0]..=run[run.len() - 1])
}

/// One of several, by a keyword that all but the first inherit; nothing, if there are none.
fn listed(keyword: &str, values: impl Iterator<Item = String>) -> Option<String> {
    let list: Vec<String> = values.collect();
    (!list.is_empty()).then(|| format!("{keyword} {}", list.join(" or ")))
}

/// ARP for IPv4 over Ethernet or another IEEE 802 network (RFC 826): other lengths move the fields, which Wireshark
/// follows and pcap-filter does not.
const WELL_FORMED: &str = "(arp.hw.type == 1 || arp.hw.type == 6) && arp.proto.type == 0x0800 && arp.hw.size == 6 && \
                           arp.proto.size == 4";
const WELL_FORMED_CAPTURE: &str = "arp and (arp[0:2] = 1 or arp[0:2] = 6) and arp[2:4] = 0x08000604";

type Set<T> = HashSet<T, RandomState>;

/// Writes filters for a capture: pcap-filter has to be told what stands between the link layer and IP.
#[derive(Default)]
pub(super) struct Filters {
    /// How many VLAN tags the packets have: 0, 1, 2 or several of these.
    tags: BTreeSet<u8>,
    /// Whether some have a tag with a priority only.
    has_priority: bool,
    /// What the packets with IP have on the way.
    protocols: ProtocolSet,
    /// Between whom packets are wrapped, and these hosts; of too many to know them, `None`.
    wrapped: Option<(Set<Pair<IpAddr>>, Set<IpAddr>)>,
}

/// What pcap-filter cannot look behind.
const OPAQUE: [Protocol; 12] = [
    Protocol::Isl,
    Protocol::FabricPath,
    Protocol::Backbone,
    Protocol::Etag,
    Protocol::VnTag,
    Protocol::Rtag,
    Protocol::Hsr,
    Protocol::CiscoMetadata,
    Protocol::Macsec,
    Protocol::Trill,
    Protocol::Batman,
    Protocol::Nsh,
];

/// What a finding says that has no pcap-filter expression.
const TOO_LONG: &str = "no capture filter: libpcap takes too long for it";
const BEHIND: &str = "no capture filter: it cannot look behind all headers of these packets";

/// What a finding says whose filters select more than its packets.
const WIDER: &str = "filters select more: all of the hosts at hand";

/// Tags or labels behind each other that a filter looks for.
const NESTED: usize = 3;

impl Filters {
    pub(super) fn of(table: &FlowTable, protocols: ProtocolSet, wrapped: &Wrapped) -> Self {
        let wrapped = wrapped.pairs().map(|pairs| {
            let pairs: Set<Pair<IpAddr>> = pairs.collect();
            let hosts = pairs.iter().flat_map(|pair| [pair.source, pair.destination]).collect();
            (pairs, hosts)
        });
        let mut filters = Self { protocols, tags: BTreeSet::from([0]), has_priority: false, wrapped };
        for key in table.virtual_keys() {
            filters.tags.insert(u8::from(key.vlans.outer.is_some()) + u8::from(key.vlans.inner.is_some()));
            filters.has_priority |= key.vlans != Vlans::default() && network(key.vlans) == Vlans::default();
        }
        filters
    }

    /// Gives the finding a display filter and a pcap-filter expression for the packets that match one of the clauses. Where these
    /// are not known, or would be too long to be used, those for one of the wider clauses, and the finding says so. An expression
    /// that only libpcap takes too long for is left out, which it says too.
    pub(super) fn select(&self, finding: &mut Finding, exact: Option<Vec<Clause>>, wider: &[Clause]) {
        let filters = exact
            .filter(|clauses| least_len(clauses) <= LONGEST)
            .map(|clauses| (self.has_wrapped(&clauses), Block::of_clauses(&clauses)))
            .filter(|(_, blocks)| blocks.iter().map(Block::least_len).sum::<usize>() <= LONGEST)
            .map(|(has_wrapped, blocks)| self.of_blocks(has_wrapped, &blocks))
            .filter(|(display, _)| display.len() <= LONGEST);
        if filters.is_none() {
            finding.evidence.push(Evidence::new(WIDER, 1.0, ""));
        }
        let (display, mut capture) = filters.unwrap_or_else(|| self.any(wider));
        if capture.is_empty() {
            finding.evidence.push(Evidence::new(BEHIND, 1.0, ""));
        } else if capture.len() > LONGEST_CAPTURE {
            finding.evidence.push(Evidence::new(TOO_LONG, 1.0, ""));
            capture.clear();
        }
        (finding.display_filter, finding.capture_filter) = (display, capture);
    }

    /// Narrows the finding's display filter to DNS names that end in what one of these regular expressions matches, as long as they
    /// are not too long.
    pub(super) fn select_names(&self, finding: &mut Finding, patterns: &[String]) {
        let filter = format!(
            "({}) && dns.qry.name matches \"(^|[.])({})$\"",
            finding.display_filter,
            patterns.join("|")
        );
        if patterns.is_empty() || filter.len() > LONGEST {
            finding.evidence.push(Evidence::new(WIDER, 1.0, ""));
        } else {
            finding.display_filter = filter;
        }
    }

    /// The display filter and the pcap-filter expression for packets that match one of the clauses.
    fn any(&self, clauses: &[Clause]) -> (String, String) {
        self.of_blocks(self.has_wrapped(clauses), &Block::of_clauses(clauses))
    }

    fn of_blocks(&self, has_wrapped: bool, blocks: &[Block]) -> (String, String) {
        let join = |texts: Vec<String>, or: &str| match texts.len() {
            1 => texts.concat(),
            _ => texts.iter().map(|text| format!("({text})")).collect::<Vec<_>>().join(or),
        };
        let display = join(Kind::of_blocks(blocks).map(|kind| kind.display()).collect(), " || ");
        if has_wrapped {
            return (display, String::new());
        }
        (display, self.behind(&join(Kind::of_blocks(blocks).map(|kind| kind.capture()).collect(), " or ")))
    }

    fn has_wrapped(&self, clauses: &[Clause]) -> bool {
        clauses.iter().any(|clause| self.is_wrapped(clause))
    }

    /// Whether some of these packets may be wrapped, so that pcap-filter does not find their ports or types.
    fn is_wrapped(&self, clause: &Clause) -> bool {
        let Some((pairs, hosts)) = &self.wrapped else { return true };
        match (clause.client, clause.server) {
            (Some(client), Some(server)) => pairs.contains(&Wrapped::between(client, server)),
            (Some(host), None) | (None, Some(host)) => hosts.contains(&host),
            (None, None) => !pairs.is_empty(),
        }
    }

    /// The ARP messages in which one of these devices claims the address; many of them are all that do.
    pub(super) fn claims(&self, vlans: Vlans, address: Ipv4Addr, devices: &[MacAddr]) -> (String, String) {
        let (display, capture) = if devices.len() > HANDFUL {
            // All of them: who has no address claims nothing.
            let (display, capture) = sender(MacAddr([0; 6]));
            (format!("!({display})"), format!("not {capture}"))
        } else {
            let (display, capture): (Vec<_>, Vec<_>) = devices.iter().map(|mac| sender(*mac)).unzip();
            (format!("({})", display.join(" || ")), format!("({})", capture.join(" or ")))
        };
        let display =
            format!("arp.src.proto_ipv4 == {address} && (arp.opcode == 1 || arp.opcode == 2) && {display}");
        let capture = format!(
            "arp[14:4] = 0x{:08x} and (arp[6:2] = 1 or arp[6:2] = 2) and {capture}",
            address.to_bits()
        );
        self.arp(vlans, &display, &capture)
    }

    /// The ARP messages in which a device asks for an address other than its own.
    pub(super) fn questions(&self, vlans: Vlans, device: MacAddr) -> (String, String) {
        let (display, capture) = sender(device);
        let display = format!("arp.opcode == 1 && {display} && !(arp.isgratuitous == 1)");
        self.arp(vlans, &display, &format!("arp[6:2] = 1 and {capture} and arp[14:4] != arp[24:4]"))
    }

    /// Those well-formed ARP messages of one VLAN that match both.
    fn arp(&self, vlans: Vlans, display: &str, capture: &str) -> (String, String) {
        let (mut display, mut capture) =
            (format!("{WELL_FORMED} && {display}"), format!("{WELL_FORMED_CAPTURE} and {capture}"));
        let tags: Vec<u16> = [vlans.outer, vlans.inner].into_iter().flatten().collect();
        // Wireshark looks behind tags, pcap-filter does not.
        if tags.is_empty() && self.tags.len() > 1 {
            display = format!("!(vlan.id > 0) && !(ieee8021ad.id > 0) && {display}");
        }
        if tags.is_empty() && self.has_priority {
            capture = format!("({capture}) or (vlan 0 and ({capture}))");
        }
        for id in tags.iter().rev() {
            display = format!("(vlan.id == {id} || ieee8021ad.id == {id}) && {display}");
            capture = format!("vlan {id} and ({capture})");
        }
        (display, capture)
    }

    /// The expression, behind what the capture has between the link layer and IP; empty where pcap-filter cannot say it.
    fn behind(&self, expression: &str) -> String {
        let tags = self.tags.last().copied().unwrap_or(0);
        // A keyword moves all that stands to its right behind its header, so the plain case comes first, and two kinds of headers
        // do not go together.
        let kinds = [
            ("vlan", if tags > 1 { NESTED } else { tags.into() }),
            ("pppoes", usize::from(self.protocols.contains(Protocol::Pppoe))),
            ("mpls", if self.protocols.contains(Protocol::Mpls) { NESTED } else { 0 }),
        ];
        let mut kinds = kinds.iter().filter(|(_, most)| *most > 0);
        let first = kinds.next();
        if kinds.next().is_some() || OPAQUE.iter().any(|protocol| self.protocols.contains(*protocol)) {
            return String::new();
        }
        let Some((keyword, most)) = first else { return expression.to_owned() };
        let mut all = format!("({expression})");
        for _ in 0..*most {
            let _ = write!(all, " or ({keyword} and ({expression})");
        }
        all.extend(std::iter::repeat_n(')', *most));
        all
    }
}

/// That a device sent an ARP message, in both languages: the sender's hardware address stands at byte 8 (RFC 826).
fn sender(device: MacAddr) -> (String, String) {
    let [a, b, c, d, e, f] = device.0;
    (
        format!("arp.src.hw_mac == {device}"),
        format!("(arp[8:4] = 0x{a:02x}{b:02x}{c:02x}{d:02x} and arp[12:2] = 0x{e:02x}{f:02x})"),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filters() -> Filters {
        Filters::of(&FlowTable::new(), ProtocolSet::EMPTY, &Wrapped::default())
    }

    /// A clause of the numbers, or of any address or port.
    fn clause((protocol, client, server, client_port, server_port): (bool, u8, u8, u8, u8)) -> Clause {
        let address = |n: u8| (n > 0).then(|| IpAddr::from([10, 0, n / 16, n % 16]));
        let port = |n: u8| (n > 0).then(|| u16::from(n));
        let protocol = if protocol { Carried::Tcp } else { Carried::Udp };
        Clause {
            protocol,
            client: Some(IpAddr::from([10, 1, 0, client])),
            server: address(server),
            client_port: port(client_port),
            server_port: port(server_port),
        }
    }

    proptest! {
        /// Whatever matches one of the clauses matches one of the blocks, and the other way round.
        #[test]
        fn blocks_say_what_the_clauses_say(
            numbers in prop::collection::vec((any::<bool>(), 0..3_u8, 0..4_u8, 0..4_u8, 0..5_u8), 1..60),
        ) {
            let clauses: Vec<Clause> = numbers.into_iter().map(clause).collect();
            let blocks = Block::of_clauses(&clauses);
            let len = filters().any(&clauses).0.len();
            prop_assert!(least_len(&clauses) <= len);
            prop_assert!(blocks.len() == 1 || blocks.iter().map(Block::least_len).sum::<usize>() <= len);
            for all in 0..2 * 3 * 4 * 4 * 5_u32 {
                let digit = |below: u32, base: u32| (all / below % base) as u8;
                let it = (digit(1, 2) == 1, digit(2, 3), 1 + digit(6, 4), 1 + digit(24, 4), 1 + digit(96, 5));
                let packet = clause(it);
                let parts = |it: &Clause| {
                    let address = |ip: Option<IpAddr>| ip.map(bits);
                    [address(it.client), address(it.server), it.client_port.map(u128::from), it.server_port.map(u128::from)]
                };
                let of_clause = |clause: &Clause| {
                    let parts = parts(clause).into_iter().zip(parts(&packet));
                    clause.protocol == packet.protocol && parts.into_iter().all(|(part, is)| part.is_none() || part == is)
                };
                let of_block = |block: &Block| {
                    let mut parts = block.parts.iter().zip(parts(&packet));
                    block.protocol == packet.protocol
                        && parts.all(|(part, is)| part.as_ref().is_none_or(|list| is.is_some_and(|is| list.contains(&is))))
                };
                prop_assert_eq!(clauses.iter().any(of_clause), blocks.iter().any(of_block));
            }
        }
    }

    /// Numbers in a row are a range, networks where they are whole.
    #[test]
    fn lists_are_short() {
        let host = |n: u8| IpAddr::from([10, 0, 0, n]);
        let to = |hosts: std::ops::Range<u8>, ports: &[u16]| -> Vec<Clause> {
            let clause = |host, port: &u16| {
                Clause::between(Carried::Tcp, IpAddr::from([10, 9, 0, 1]), host).server_port(*port)
            };
            hosts.flat_map(|n| ports.iter().map(move |port| clause(host(n), port))).collect()
        };
        for (clauses, display, capture) in [
            (to(5..6, &[80]), "ip.dst == 10.0.0.5 && tcp.dstport == 80", "dst host 10.0.0.5 and dst port 80"),
            (
                to(5..6, &[1, 2, 3, 7, 9]),
                "ip.dst == 10.0.0.5 && tcp.dstport in {1..3, 7, 9}",
                "dst host 10.0.0.5 and (dst port 7 or 9 or dst portrange 1-3)",
            ),
            (
                to(3..14, &[80, 81]),
                "ip.dst in {10.0.0.3..10.0.0.13} && tcp.dstport in {80..81}",
                "(dst host 10.0.0.3 or dst net 10.0.0.4/30 or 10.0.0.8/30 or 10.0.0.12/31) and dst portrange 80-81",
            ),
        ] {
            let (shown, captured) = filters().any(&clauses);
            assert!(shown.contains(display), "{shown}");
            assert!(captured.contains(capture), "{captured}");
        }
    }

    #[test]
    fn filters_too_long_say_that_they_are_wider() {
        let far = |n: u32| IpAddr::from(Ipv4Addr::from(n.wrapping_mul(0x9e37_79b9)));
        let to = |hosts: u32| (0..hosts).map(|n| Clause::between(Carried::Tcp, far(0), far(n + 1))).collect();
        let wider = [Clause::of(Carried::Tcp, far(0))];
        for (exact, is_wider) in [(Some(to(300)), false), (Some(to(3000)), true), (None, true)] {
            let mut finding =
                Finding::new("scan", pcapviz_graph::Severity::Note, pcapviz_graph::NodeId::Host(far(0)));
            filters().select(&mut finding, exact, &wider);
            let selected = (finding.display_filter.clone(), finding.capture_filter.clone());
            assert_eq!(selected == filters().any(&wider), is_wider);
            assert_eq!(finding.evidence.iter().any(|it| it.name == WIDER), is_wider);
            assert!(finding.display_filter.len().max(finding.capture_filter.len()) <= LONGEST);
        }
    }

    /// So that what is seen of one side is what is seen of the other.
    #[test]
    fn wrapped_hosts_have_no_capture_filter() {
        let [one, other, third] = [1, 2, 3].map(|n| IpAddr::from([10, 0, 0, n]));
        let mut filters = filters();
        filters.wrapped =
            Some(([Wrapped::between(other, one)].into_iter().collect(), [one, other].into_iter().collect()));
        for (clause, is_left_out) in [
            (Clause::between(Carried::Tcp, one, other), true),
            (Clause::between(Carried::Tcp, other, one), true),
            (Clause::of(Carried::Udp, other), true),
            (Clause::between(Carried::Tcp, one, third), false),
            (Clause::of(Carried::Tcp, third), false),
        ] {
            assert_eq!(filters.any(&[clause]).1.is_empty(), is_left_out, "{clause:?}");
        }
    }
}

//! Which packets a finding is about, in the two languages that people filter in.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use pcapviz_capture::{Protocol, ProtocolSet};
use pcapviz_graph::{FlowTable, MacAddr, Vlans};

use crate::observe::network;

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
}

/// ICMP messages that quote others (RFC 792).
const ICMP_ERRORS: &str =
    "icmp.type == 3 || icmp.type == 4 || icmp.type == 5 || icmp.type == 11 || icmp.type == 12";

/// Clauses that a filter has at most, before it says less: filters are read by people.
pub(super) const CLAUSES: usize = 16;

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

    fn display(&self) -> String {
        let v6 = self.is_v6();
        let ip = if v6 { "ipv6" } else { "ip" };
        let carried = match self.protocol {
            Carried::Tcp | Carried::Attempts => "tcp",
            Carried::Sctp => "sctp",
            _ => "udp",
        };
        // An error message quotes the headers of what it is about, and Wireshark looks into them.
        let plain = format!("{carried} && !({ICMP_ERRORS}) && !(icmpv6.type < 128)");
        let only = |what: &str| format!("{what} && !({ICMP_ERRORS}) && !(icmpv6.type < 128)");
        let [up, down] = match (self.protocol, v6) {
            (Carried::Tcp | Carried::Udp | Carried::Sctp, _) => [plain.clone(), plain],
            (Carried::Attempts, _) => {
                [only("tcp.flags.syn == 1 && tcp.flags.ack == 0"), only("tcp.flags.reset == 1")]
            }
            (Carried::Echo, false) => [only("icmp.type == 8"), only("icmp.type == 0")],
            (Carried::Echo, true) => [only("icmpv6.type == 128"), only("icmpv6.type == 129")],
            (Carried::Refusals, false) => [String::new(), "icmp.type == 3 && icmp.code == 3".to_owned()],
            (Carried::Refusals, true) => [String::new(), "icmpv6.type == 1 && icmpv6.code == 4".to_owned()],
        };
        let term = |field, end: &str, value| match field {
            Field::Address => format!("{ip}.{end} == {value}"),
            Field::Port => format!("{carried}.{end}port == {value}"),
        };
        self.both([&up, &down], term, " && ", " || ")
    }

    fn capture(&self) -> String {
        let [up, down] = match (self.protocol, self.is_v6()) {
            (Carried::Tcp, _) => ["tcp", "tcp"],
            (Carried::Udp, _) => ["udp", "udp"],
            (Carried::Sctp, _) => ["sctp", "sctp"],
            (Carried::Attempts, false) => ["tcp[13] & 0x12 = 2", "tcp[13] & 4 != 0"],
            (Carried::Attempts, true) => ["tcp and ip6[53] & 0x12 = 2", "tcp and ip6[53] & 4 != 0"],
            (Carried::Echo, false) => ["icmp[0] = 8", "icmp[0] = 0"],
            (Carried::Echo, true) => ["icmp6 and ip6[40] = 128", "icmp6 and ip6[40] = 129"],
            (Carried::Refusals, false) => ["", "icmp[0] = 3 and icmp[1] = 3 and icmp[17] = 17"],
            (Carried::Refusals, true) => ["", "icmp6 and ip6[40] = 1 and ip6[41] = 4 and ip6[54] = 17"],
        };
        let term = |field, end: &str, value| match (field, self.protocol) {
            (Field::Address, _) => format!("{end} host {value}"),
            // Behind the quoted IP header, which has no options here.
            (Field::Port, Carried::Refusals) if self.is_v6() => format!("ip6[90:2] = {value}"),
            (Field::Port, Carried::Refusals) => format!("icmp[30:2] = {value}"),
            (Field::Port, _) => format!("{end} port {value}"),
        };
        self.both([up, down], term, " and ", " or ")
    }

    fn is_v6(&self) -> bool {
        self.client.or(self.server).is_some_and(|ip| ip.is_ipv6())
    }

    /// What goes from client to server, or what comes back; nothing, where the protocol has no such message.
    fn both(
        &self,
        [up, down]: [&str; 2],
        term: impl Fn(Field, &str, String) -> String,
        and: &str,
        or: &str,
    ) -> String {
        // What is quoted goes the other way than the message.
        let is_quoted = self.protocol == Carried::Refusals;
        let direction = |from: &str, to: &str| {
            let (port_from, port_to) = if is_quoted { (to, from) } else { (from, to) };
            let terms = [
                self.client.map(|ip| term(Field::Address, from, ip.to_string())),
                self.server.map(|ip| term(Field::Address, to, ip.to_string())),
                self.client_port.map(|port| term(Field::Port, port_from, port.to_string())),
                self.server_port.map(|port| term(Field::Port, port_to, port.to_string())),
            ];
            terms.into_iter().flatten().collect::<Vec<_>>().join(and)
        };
        let (there, back) = (direction("src", "dst"), direction("dst", "src"));
        match up {
            "" => format!("{down}{and}{back}"),
            _ if up == down => format!("{up}{and}(({there}){or}({back}))"),
            _ => format!("({up}{and}{there}){or}({down}{and}{back})"),
        }
    }
}

enum Field {
    Address,
    Port,
}

/// ARP for IPv4 over Ethernet or another IEEE 802 network (RFC 826): other lengths move the fields, which Wireshark
/// follows and pcap-filter does not.
const WELL_FORMED: &str = "(arp.hw.type == 1 || arp.hw.type == 6) && arp.proto.type == 0x0800 && arp.hw.size == 6 && \
                           arp.proto.size == 4";
const WELL_FORMED_CAPTURE: &str = "arp and (arp[0:2] = 1 or arp[0:2] = 6) and arp[2:4] = 0x08000604";

/// Writes filters for a capture: pcap-filter has to be told what stands between the link layer and IP.
#[derive(Default)]
pub(super) struct Filters {
    /// How many VLAN tags the packets have: 0, 1, 2 or several of these.
    tags: BTreeSet<u8>,
    /// Whether some have a tag with a priority only.
    has_priority: bool,
    /// What the packets with IP have on the way.
    protocols: ProtocolSet,
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

/// Tags or labels behind each other that a filter looks for.
const NESTED: usize = 3;

impl Filters {
    pub(super) fn of(table: &FlowTable, protocols: ProtocolSet) -> Self {
        let mut filters = Self { protocols, tags: BTreeSet::from([0]), has_priority: false };
        for key in table.virtual_keys() {
            filters.tags.insert(u8::from(key.vlans.outer.is_some()) + u8::from(key.vlans.inner.is_some()));
            filters.has_priority |= key.vlans != Vlans::default() && network(key.vlans) == Vlans::default();
        }
        filters
    }

    /// The display filter and the pcap-filter expression for packets that match one of the clauses.
    pub(super) fn any(&self, clauses: &BTreeSet<Clause>) -> (String, String) {
        let join = |texts: Vec<String>, or: &str| match texts.len() {
            1 => texts.concat(),
            _ => texts.iter().map(|text| format!("({text})")).collect::<Vec<_>>().join(or),
        };
        let display = join(clauses.iter().map(Clause::display).collect(), " || ");
        (display, self.behind(&join(clauses.iter().map(Clause::capture).collect(), " or ")))
    }

    /// The ARP messages in which one of these devices claims the address; many of them are all that do.
    pub(super) fn claims(&self, vlans: Vlans, address: Ipv4Addr, devices: &[MacAddr]) -> (String, String) {
        let (display, capture) = if devices.len() > CLAUSES {
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

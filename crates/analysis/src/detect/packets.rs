//! Which packets a finding is about, in the two languages that people filter in.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use pcapviz_graph::{FlowTable, MacAddr, Vlans};

/// Packets between two addresses, or of one; both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Clause {
    pub(super) protocol: Carried,
    pub(super) client: Option<IpAddr>,
    pub(super) server: Option<IpAddr>,
    pub(super) client_port: Option<u16>,
    pub(super) server_port: Option<u16>,
}

/// What the IP header carries; of ICMP, its echoes; of TCP also only what asks for connections, which the client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Carried {
    Tcp,
    Udp,
    Echo,
    Attempts,
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
        let v6 = self.client.or(self.server).is_some_and(|ip| ip.is_ipv6());
        let ip = if v6 { "ipv6" } else { "ip" };
        let carried = if self.protocol == Carried::Tcp { "tcp" } else { "udp" };
        let directions = self.both(
            |field, end, value| match field {
                Field::Address => format!("{ip}.{end} == {value}"),
                Field::Port => format!("{carried}.{end}port == {value}"),
            },
            " && ",
            " || ",
        );
        // An error message quotes the headers of what it is about, and Wireshark looks into them.
        match (self.protocol, v6) {
            (Carried::Tcp | Carried::Udp, _) => format!("{carried} && !icmp && !icmpv6 && {directions}"),
            (Carried::Attempts, _) => {
                format!("tcp.flags.syn == 1 && tcp.flags.ack == 0 && !icmp && !icmpv6 && {directions}")
            }
            (Carried::Echo, false) => {
                format!("(icmp.type == 0 || icmp.type == 8) && !({ICMP_ERRORS}) && {directions}")
            }
            (Carried::Echo, true) => {
                format!("(icmpv6.type == 128 || icmpv6.type == 129) && !(icmpv6.type < 128) && {directions}")
            }
        }
    }

    fn capture(&self) -> String {
        let v6 = self.client.or(self.server).is_some_and(|ip| ip.is_ipv6());
        let carried = match (self.protocol, v6) {
            (Carried::Tcp, _) => "tcp",
            (Carried::Udp, _) => "udp",
            (Carried::Attempts, false) => "tcp[13] & 0x12 = 2",
            (Carried::Attempts, true) => "tcp and ip6[53] & 0x12 = 2",
            (Carried::Echo, false) => "(icmp[0] = 0 or icmp[0] = 8)",
            (Carried::Echo, true) => "icmp6 and (ip6[40] = 128 or ip6[40] = 129)",
        };
        let directions = self.both(
            |field, end, value| match field {
                Field::Address => format!("{end} host {value}"),
                Field::Port => format!("{end} port {value}"),
            },
            " and ",
            " or ",
        );
        format!("{carried} and {directions}")
    }

    /// What client and server are, from client to server or back; attempts are not sent back.
    fn both(&self, term: impl Fn(Field, &str, String) -> String, and: &str, or: &str) -> String {
        let direction = |from: &'static str, to: &'static str| {
            let terms = [
                self.client.map(|ip| term(Field::Address, from, ip.to_string())),
                self.server.map(|ip| term(Field::Address, to, ip.to_string())),
                self.client_port.map(|port| term(Field::Port, from, port.to_string())),
                self.server_port.map(|port| term(Field::Port, to, port.to_string())),
            ];
            terms.into_iter().flatten().collect::<Vec<_>>().join(and)
        };
        match self.protocol {
            Carried::Attempts => format!("({})", direction("src", "dst")),
            _ => format!("(({}){or}({}))", direction("src", "dst"), direction("dst", "src")),
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

/// Writes filters for a capture: pcap-filter has to be told of VLAN tags.
pub(super) struct Filters {
    /// How many VLAN tags the packets have: 0, 1, 2 or several of these.
    tags: BTreeSet<u8>,
}

impl Filters {
    pub(super) fn of(table: &FlowTable) -> Self {
        let tags = table
            .virtual_keys()
            .map(|key| u8::from(key.vlans.outer.is_some()) + u8::from(key.vlans.inner.is_some()));
        Self { tags: tags.chain([0]).collect() }
    }

    /// The display filter and the pcap-filter expression for packets that match one of the clauses.
    pub(super) fn any(&self, clauses: &BTreeSet<Clause>) -> (String, String) {
        let join = |texts: Vec<String>, or: &str| match texts.len() {
            1 => texts.concat(),
            _ => texts.iter().map(|text| format!("({text})")).collect::<Vec<_>>().join(or),
        };
        let display = join(clauses.iter().map(Clause::display).collect(), " || ");
        (display, self.tagged(&join(clauses.iter().map(Clause::capture).collect(), " or ")))
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
            display = format!("!vlan && {display}");
        }
        for id in tags.iter().rev() {
            (display, capture) =
                (format!("vlan.id == {id} && {display}"), format!("vlan {id} and ({capture})"));
        }
        (display, capture)
    }

    /// The expression, behind as many VLAN tags as the capture has.
    fn tagged(&self, expression: &str) -> String {
        if self.tags.len() == 1 {
            return expression.to_owned();
        }
        // `vlan` moves all that stands to its right behind the tag, so the plain case comes first.
        let mut all = format!("({expression})");
        let most = self.tags.last().copied().unwrap_or(0);
        for _ in 0..most {
            let _ = write!(all, " or (vlan and ({expression})");
        }
        all.extend(std::iter::repeat_n(')', most.into()));
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

//! The names that captures give to addresses, and what switches say of themselves, against what tshark reads in them.
#![allow(clippy::unwrap_used, reason = "a test ends at what it does not expect")]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use pcapviz_capture::{
    BridgeId, CaptureReader, DissectOptions, HelloWindow, MacAddr, Named, Protocol, QuicHellos, Sighting,
    Tree, device_sightings, dissect, sightings,
};
use pcapviz_testkit::{shared, tool};

/// What named an address: all kinds of DNS, TLS, HTTP, DHCP, NetBIOS, LLDP and CDP. And what a switch says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Dns,
    Tls,
    Http,
    Dhcp,
    Netbios,
    Discovery,
    Switch,
}

/// Which IP or MAC address has which name. In lower case, and without what is no plain text: tshark writes control
/// characters and bytes that are no UTF-8 in its own ways.
type Pairs = BTreeSet<(Kind, String, String)>;

fn comparable(name: &str) -> String {
    let text = name.split('\0').next().unwrap_or_default().to_ascii_lowercase();
    text.replace(|c: char| !c.is_ascii_graphic(), "")
}

fn ours(path: &Path) -> Pairs {
    let mut pairs = Pairs::new();
    let Ok(mut reader) = CaptureReader::open(path) else { return pairs };
    let mut see = |sighting: Sighting<'_>| {
        if let Some((device, says)) = of_switch(&sighting) {
            pairs.insert((Kind::Switch, device.to_string(), says));
        }
        if let Sighting::Name { of, name, protocol } = sighting {
            let kind = match protocol {
                Protocol::Dns | Protocol::Mdns | Protocol::Llmnr => Kind::Dns,
                Protocol::Tls | Protocol::Quic => Kind::Tls,
                Protocol::Http => Kind::Http,
                Protocol::Dhcp => Kind::Dhcp,
                Protocol::Netbios => Kind::Netbios,
                Protocol::Lldp | Protocol::Cdp => Kind::Discovery,
                _ => return,
            };
            let address = match of {
                Named::Host(ip) if kind != Kind::Discovery => ip.to_string(),
                Named::Device(mac) => mac.to_string(),
                _ => return,
            };
            pairs.insert((kind, address, comparable(name)));
        }
    };
    let (options, mut hellos, mut quic) =
        (DissectOptions::default(), HelloWindow::default(), QuicHellos::default());
    while let Ok(Some(packet)) = reader.next_packet() {
        let found = dissect(&packet, &options);
        if let Some(application) = &found.application {
            sightings(application, |sighting| {
                quic.observe(None, sighting);
                see(sighting);
            });
        }
        hellos.observe(None, found.application.as_ref(), |_, sighting| see(sighting));
        device_sightings(&packet, &found, &options, &mut see);
    }
    quic.names(|_, sighting| see(sighting));
    pairs
}

/// Who a switch says it is, and what it does.
fn of_switch(sighting: &Sighting<'_>) -> Option<(MacAddr, String)> {
    match sighting {
        Sighting::Bridge { device, tree: None } => Some((*device, "changes a tree".to_owned())),
        Sighting::Bridge { device, tree: Some(it) } => {
            let (root, bridge) = (id(&it.root), id(&it.bridge));
            let of = match it.tree {
                // It has fewer bits of the bridge's identifier than tshark takes together.
                Tree::Instance(number) => format!("instance {number}: root {root} at {}", it.cost),
                Tree::Vlan(number) => format!("VLAN {number}: root {root} at {}, bridge {bridge}", it.cost),
                _ => format!("root {root} at {}, bridge {bridge}", it.cost),
            };
            Some((*device, of))
        }
        Sighting::Capability { device, capability, protocol } => {
            Some((*device, format!("{capability} by {protocol}")))
        }
        _ => None,
    }
}

fn id(id: &BridgeId) -> String {
    format!("{} {} {}", id.priority, id.extension, id.address)
}

const FIELDS: [&str; 62] = [
    "frame.protocols",
    "tcp.segment.count",
    "ip.dst",
    "ipv6.dst",
    "dns.id",
    "dns.qry.name",
    "dns.resp.name",
    "dns.resp.type",
    "dns.resp.class",
    "dns.a",
    "dns.aaaa",
    "dns.cname",
    "dns.ptr.domain_name",
    "tls.handshake.extensions_server_name",
    "http.host",
    "http.request.method",
    "http.request.uri",
    "ip.src",
    "eth.src",
    "dhcp.hw.type",
    "dhcp.hw.mac_addr",
    "dhcp.ip.client",
    "dhcp.option.hostname",
    "dhcp.fqdn.name",
    "nbns.flags.rcode",
    "nbns.name",
    "nbns.nb_flags.group",
    "nbns.addr",
    "nbns.netbios_name",
    "nbdgm.type",
    "nbdgm.src.ip",
    "nbdgm.source_name",
    "lldp.tlv.system.name",
    "cdp.deviceid",
    "stp.protocol",
    "stp.type",
    "stp.root.prio",
    "stp.root.ext",
    "stp.root.hw",
    "stp.root.cost",
    "stp.bridge.prio",
    "stp.bridge.ext",
    "stp.bridge.hw",
    "stp.pvst.origvlan",
    "mstp.cist_bridge.prio",
    "mstp.cist_bridge.ext",
    "mstp.cist_bridge.hw",
    "mstp.msti.msti_id",
    "mstp.msti.priority",
    "mstp.msti.root.hw",
    "mstp.msti.root_cost",
    "lldp.tlv.enable_system_cap.bridge",
    "lldp.tlv.enable_system_cap.router",
    "lldp.tlv.enable_system_cap.wlan_access_pt",
    "lldp.tlv.enable_system_cap.repeater",
    "lldp.tlv.enable_system_cap.telephone",
    "lldp.tlv.enable_system_cap.docsis_cable_device",
    "cdp.capabilities.router",
    "cdp.capabilities.switch",
    "cdp.capabilities.trans_bridge",
    "cdp.capabilities.src_bridge",
    "cdp.capabilities.repeater",
];

/// Which of these fields say what a device does.
const CAPABILITIES: [(&str, &str); 11] = [
    ("lldp.tlv.enable_system_cap.bridge", "switch by LLDP"),
    ("lldp.tlv.enable_system_cap.router", "router by LLDP"),
    ("lldp.tlv.enable_system_cap.wlan_access_pt", "access point by LLDP"),
    ("lldp.tlv.enable_system_cap.repeater", "repeater by LLDP"),
    ("lldp.tlv.enable_system_cap.telephone", "telephone by LLDP"),
    ("lldp.tlv.enable_system_cap.docsis_cable_device", "cable modem by LLDP"),
    ("cdp.capabilities.router", "router by CDP"),
    ("cdp.capabilities.switch", "switch by CDP"),
    ("cdp.capabilities.trans_bridge", "switch by CDP"),
    ("cdp.capabilities.src_bridge", "switch by CDP"),
    ("cdp.capabilities.repeater", "repeater by CDP"),
];

/// What tshark reads.
#[derive(Default)]
struct Witness {
    /// In single packets.
    of_packets: Pairs,
    /// In messages that it put together from several packets.
    of_streams: Pairs,
}

/// Pairs that tshark does not see, with the reason.
const TSHARK_IS_WRONG: [(&str, &str); 5] = [
    // Two bytes of Ethernet padding count as the stream's, so that what follows them is out of order.
    ("ndpi/heuristic_tcp_ack_payload.pcap", ""),
    // A hello of which the last segment is missing; the name is before that.
    ("ndpi/tls_missing_ch_frag.pcap", "r1---sn-5f5nxgvh5o-hjul.googlevideo.com"),
    // After version negotiation the client starts anew under another connection ID (RFC 9000, section 6.2);
    // tshark 4.0 keeps the keys of the first attempt, and its checksum then fails. With its own, it holds.
    ("tcpdump/quic_vn.pcap", "localhost"),
    // Behind a Broadcom switch's tag, which tshark 4.0 does not look behind.
    ("tcpdump/brcm-tag.pcap", "bcm97278sv"),
    // A length behind the frame's end: tshark looks no further, though one instance is there.
    ("tcpdump/stp-v4-length-sigsegv.pcap", "instance 48"),
];

/// Layers between transport and names that pcapviz does not always look through: what is in there may be found,
/// and need not.
const NOT_LOOKED_THROUGH: [&str; 4] = ["rdpudp", "capwap", "proxy", "openflow"];

/// What tshark reads with these options. ICMP errors quote the start of a packet: what is in there was said
/// elsewhere.
fn theirs(tshark: &str, path: &Path, options: &[&str]) -> Witness {
    let mut command = Command::new(tshark);
    command.args(["-n", "-r"]).arg(path).args(options).args(["-T", "fields", "-E", "separator=/t"]);
    command.args(["-E", "aggregator=\u{1}"]);
    command.args([
        "-Y",
        "(dns or mdns or llmnr or tls.handshake.extensions_server_name or http.host or dhcp or nbns or nbdgm or lldp \
          or cdp or stp) and not icmp and not icmpv6",
    ]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    let mut witness = Witness::default();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let row: Vec<Vec<&str>> =
            line.split('\t').map(|field| field.split('\u{1}').filter(|v| !v.is_empty()).collect()).collect();
        let mut of_row = Witness::default();
        let (certain, other) = (&mut of_row.of_packets, &mut of_row.of_streams);
        read_row(&row, if row[1].is_empty() { certain } else { other });
        read_local_row(&row, &mut of_row);
        read_switch_row(&row, &mut of_row.of_packets);
        let layers = row[0].first().copied().unwrap_or_default();
        if NOT_LOOKED_THROUGH.iter().any(|layer| layers.contains(layer)) {
            of_row.of_streams.append(&mut of_row.of_packets);
        }
        witness.of_packets.append(&mut of_row.of_packets);
        witness.of_streams.append(&mut of_row.of_streams);
    }
    witness
}

/// A second opinion: tshark tells protocols by content before ports, and reads each segment alone.
const BY_CONTENT: [&str; 6] = [
    "-o",
    "tcp.try_heuristic_first:TRUE",
    "-o",
    "tcp.desegment_tcp_streams:FALSE",
    "-o",
    "tls.desegment_ssl_records:FALSE",
];

/// How many pairs both have.
#[derive(Default)]
struct Equal {
    names: AtomicUsize,
    of_switches: AtomicUsize,
}

/// Pairs on which the two differ. What tshark reads in single packets must be found; what is found must be
/// something that it reads at all.
fn differences(tshark: &str, path: &Path, equal: &Equal) -> Vec<String> {
    let (ours, theirs) = (ours(path), theirs(tshark, path, &[]));
    for (kind, ..) in ours.intersection(&theirs.of_packets) {
        let count = if *kind == Kind::Switch { &equal.of_switches } else { &equal.names };
        count.fetch_add(1, Ordering::Relaxed);
    }
    let mut only_ours: Pairs = ours.difference(&theirs.of_packets).cloned().collect();
    only_ours.retain(|pair| !theirs.of_streams.contains(pair));
    only_ours.retain(|(.., name)| {
        !TSHARK_IS_WRONG.iter().any(|(file, n)| path.ends_with(file) && name.contains(n))
    });
    if !only_ours.is_empty() {
        let second = self::theirs(tshark, path, &BY_CONTENT);
        only_ours.retain(|pair| !second.of_packets.contains(pair));
    }
    let only_theirs = theirs.of_packets.difference(&ours);
    let ours = only_ours.iter().map(|pair| format!("{}: only ours: {pair:?}", path.display()));
    ours.chain(only_theirs.map(|pair| format!("{}: only tshark's: {pair:?}", path.display()))).collect()
}

fn field<'a, 'r>(row: &'r [Vec<&'a str>], name: &str) -> &'r [&'a str] {
    &row[FIELDS.iter().position(|field| *field == name).unwrap()][..]
}

/// Names of DHCP, NetBIOS, LLDP and CDP. What tshark does not say for certain may be ours and need not.
fn read_local_row(row: &[Vec<&str>], witness: &mut Witness) {
    let field = |name: &str| field(row, name);
    let add = |pairs: &mut Pairs, kind, address: &str, name: &str| {
        let name = comparable(name.trim().trim_end_matches('.'));
        if !name.is_empty() {
            pairs.insert((kind, address.to_owned(), name));
        }
    };
    let names = || field("dhcp.option.hostname").iter().chain(field("dhcp.fqdn.name"));
    let is_ethernet = matches!(field("dhcp.hw.type").first(), Some(&("1" | "0x01")));
    let client = if is_ethernet { field("dhcp.hw.mac_addr") } else { field("dhcp.ip.client") };
    if let Some(client) = client.first() {
        names().for_each(|name| add(&mut witness.of_packets, Kind::Dhcp, client, name));
    }

    // `NAME<20>`, with what the number means behind it.
    let host = |text: &str| {
        let (name, suffix) = text.split_once('<')?;
        (suffix.starts_with("00>") || suffix.starts_with("20>")).then(|| name.to_owned())
    };
    let raw: BTreeSet<&str> = field("nbns.name").iter().copied().collect();
    let groups = field("nbns.nb_flags.group");
    if field("nbns.flags.rcode").iter().all(|code| *code == "0") {
        for (address, group) in field("nbns.addr").iter().zip(groups) {
            for name in raw.iter().filter_map(|name| host(name)).filter(|_| matches!(*group, "0" | "False")) {
                let is_certain = raw.len() == 1;
                let pairs = if is_certain { &mut witness.of_packets } else { &mut witness.of_streams };
                add(pairs, Kind::Netbios, address, &name);
            }
        }
    }
    if let Some(source) = field("ip.src").last() {
        for name in field("nbns.netbios_name") {
            add(&mut witness.of_streams, Kind::Netbios, source, name.split('<').next().unwrap_or(name));
        }
    }
    if matches!(field("nbdgm.type"), ["16" | "17" | "18" | "0x10" | "0x11" | "0x12"]) {
        for (address, name) in field("nbdgm.src.ip").iter().zip(field("nbdgm.source_name")) {
            if let Some(name) = host(name) {
                add(&mut witness.of_packets, Kind::Netbios, address, &name);
            }
        }
    }
    if let Some(source) = field("eth.src").first() {
        for name in field("lldp.tlv.system.name").iter().chain(field("cdp.deviceid")) {
            add(&mut witness.of_packets, Kind::Discovery, source, name);
        }
    }
}

fn read_switch_row(row: &[Vec<&str>], pairs: &mut Pairs) {
    let field = |name: &str| field(row, name);
    let first = |name: &str| field(name).first().copied();
    let Some(device) = first("eth.src") else { return };
    let mut add = |says: String| pairs.insert((Kind::Switch, device.to_owned(), says));
    for (name, says) in CAPABILITIES {
        if matches!(first(name), Some("1" | "True")) {
            add(says.to_owned());
        }
    }
    if !matches!(first("stp.protocol"), Some("0" | "0x0000")) {
        return;
    }
    if first("stp.type") == Some("0x80") {
        add("changes a tree".to_owned());
    }
    let id = |of: &str| {
        let part = |name: &str| first(&format!("{of}.{name}"));
        Some(format!("{} {} {}", part("prio")?, part("ext")?, part("hw")?))
    };
    let Some(bridge) = id("mstp.cist_bridge").or_else(|| id("stp.bridge")) else { return };
    let (Some(root), Some(cost)) = (id("stp.root"), first("stp.root.cost")) else { return };
    let vlan = first("stp.pvst.origvlan").map(|vlan| format!("VLAN {vlan}: ")).unwrap_or_default();
    add(format!("{vlan}root {root} at {cost}, bridge {bridge}"));
    let instances = field("mstp.msti.msti_id").iter().zip(field("mstp.msti.root.hw"));
    for (n, (number, root)) in instances.enumerate() {
        let (priority, cost) = (field("mstp.msti.priority").get(n), field("mstp.msti.root_cost").get(n));
        let priority = priority.and_then(|it| u32::from_str_radix(it.trim_start_matches("0x"), 16).ok());
        if let (Some(priority), Some(cost)) = (priority, cost) {
            add(format!("instance {number}: root {} {number} {root} at {cost}", priority << 12));
        }
    }
}

fn read_row(row: &[Vec<&str>], pairs: &mut Pairs) {
    let field = |name: &str| field(row, name);
    let mut add = |kind, address: &str, name: &str| {
        let name = comparable(&without_escapes(name.trim_end_matches('.')));
        if !name.is_empty()
            && !name.starts_with('<') // tshark's own words, such as <Unknown extended label>
            && let Ok(ip) = address.parse::<IpAddr>()
        {
            pairs.insert((kind, ip.to_string(), name));
        }
    };

    // The innermost destination.
    let layers = field("frame.protocols").first().copied().unwrap_or_default();
    let innermost = layers.rsplit(':').find(|layer| matches!(*layer, "ip" | "ipv6"));
    let of_version = if innermost == Some("ipv6") { "ipv6.dst" } else { "ip.dst" };
    let Some(destination) = field(of_version).last() else { return };
    for name in field("tls.handshake.extensions_server_name") {
        if name.parse::<IpAddr>().is_err() {
            add(Kind::Tls, destination, name);
        }
    }
    let requests = field("http.request.method").iter().zip(field("http.request.uri"));
    for (host, (_, uri)) in field("http.host").iter().zip(requests) {
        let name = host
            .rsplit_once(':')
            .filter(|(_, port)| port.parse::<u16>().is_ok())
            .map_or(*host, |(name, _)| name);
        let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        if (uri.starts_with('/') || *uri == "*") && !is_address {
            add(Kind::Http, destination, name);
        }
    }

    // Records in order: each has a type and a name (but for SRV), and one value of its type's field.
    let mut values = ["dns.a", "dns.aaaa", "dns.cname", "dns.ptr.domain_name"].map(|name| field(name).iter());
    let mut owners = field("dns.resp.name").iter();
    let mut records = Vec::new();
    for (kind, class) in field("dns.resp.type").iter().zip(field("dns.resp.class")) {
        if *kind == "33" {
            continue;
        }
        let Some(owner) = owners.next() else { break };
        let of_kind = match *kind {
            "1" => 0,
            "28" => 1,
            "5" => 2,
            "12" => 3,
            _ => continue,
        };
        let Some(value) = values[of_kind].next() else { break };
        if *class == "0x0001" || *class == "1" {
            records.push((of_kind, *owner, *value));
        }
    }
    let mut chain: Vec<&str> = field("dns.qry.name").first().copied().into_iter().collect();
    while let Some((.., target)) = records.iter().find(|(kind, owner, target)| {
        *kind == 2
            && chain.last().is_some_and(|last| last.eq_ignore_ascii_case(owner))
            && !chain.contains(target)
    }) {
        chain.push(*target);
    }
    for (kind, owner, value) in records {
        match kind {
            0 | 1 if chain.iter().any(|name| name.eq_ignore_ascii_case(owner)) => {
                add(Kind::Dns, value, chain[0])
            }
            0 | 1 => add(Kind::Dns, value, owner),
            3 => {
                if let Some(address) = reversed(owner) {
                    add(Kind::Dns, &address, value);
                }
            }
            _ => {}
        }
    }
}

/// Without the bytes that tshark writes as a backslash and three digits.
fn without_escapes(name: &str) -> String {
    let mut parts = name.split('\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_escape = part.len() >= 3 && part.bytes().take(3).all(|b| b.is_ascii_digit());
        text.push_str(if is_escape { &part[3..] } else { part });
    }
    text
}

fn reversed(owner: &str) -> Option<String> {
    let owner = owner.to_ascii_lowercase();
    if let Some(digits) = owner.strip_suffix(".in-addr.arpa") {
        return Some(digits.rsplit('.').collect::<Vec<_>>().join("."));
    }
    let digits: String = owner.strip_suffix(".ip6.arpa")?.rsplit('.').collect();
    let groups: Vec<&str> = (0..8).filter_map(|i| digits.get(4 * i..4 * i + 4)).collect();
    Some(groups.join(":"))
}

fn captures_below(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { captures_below(&path, all) } else { all.push(path) }
    }
}

/// The folders in which names are found. The others are compared as well where the tools are required, as
/// in CI: each capture costs a start of tshark.
const FOLDERS: [&str; 7] = ["dns-tunnel", "made", "ndpi", "packets", "pcapviz", "scapy", "tcpdump"];

#[test]
fn names_are_those_of_tshark() {
    let (Some(folder), Some(tshark)) = (shared("captures"), tool("tshark")) else { return };
    let mut files = Vec::new();
    if std::env::var_os("PCAPVIZ_REQUIRE_TOOLS").is_some() {
        captures_below(&folder, &mut files);
    } else {
        FOLDERS.iter().for_each(|name| captures_below(&folder.join(name), &mut files));
    }
    files.sort();
    let (next, wrong, equal) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Equal::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    for line in differences(tshark, path, &equal) {
                        eprintln!("{line}");
                        wrong.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let (wrong, names, of_switches) =
        (wrong.into_inner().unwrap(), equal.names.into_inner(), equal.of_switches.into_inner());
    assert!(wrong.is_empty(), "{} pairs differ, {names} names are equal", wrong.len());
    assert!(
        names > 1000 && of_switches > 15,
        "only {names} names and {of_switches} of switches were compared"
    );
}

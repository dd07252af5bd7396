//! The names that captures give to addresses, against what tshark reads in them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use pcapviz_capture::{CaptureReader, DissectOptions, Named, Protocol, Sighting, dissect, sightings};
use pcapviz_testkit::{shared, tool};

/// What named an address: all kinds of DNS, TLS or HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Dns,
    Tls,
    Http,
}

/// Which address has which name. In lower case, and without what is no plain text: tshark writes control
/// characters and bytes that are no UTF-8 in its own ways.
type Pairs = BTreeSet<(Kind, IpAddr, String)>;

fn comparable(name: &str) -> String {
    name.to_ascii_lowercase().replace(|c: char| !c.is_ascii_graphic() || c == '\\', "")
}

fn ours(path: &Path) -> Pairs {
    let mut pairs = Pairs::new();
    let Ok(mut reader) = CaptureReader::open(path) else { return pairs };
    while let Ok(Some(packet)) = reader.next_packet() {
        let found = dissect(&packet, &DissectOptions::default());
        let Some(application) = found.application else { continue };
        sightings(&application, |sighting| {
            if let Sighting::Name { of: Named::Host(ip), name, protocol } = sighting {
                let kind = match protocol {
                    Protocol::Dns | Protocol::Mdns | Protocol::Llmnr => Kind::Dns,
                    Protocol::Tls => Kind::Tls,
                    Protocol::Http => Kind::Http,
                    _ => return,
                };
                pairs.insert((kind, ip, comparable(name)));
            }
        });
    }
    pairs
}

const FIELDS: [&str; 16] = [
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
    "quic.version",
    "http.host",
    "http.request.method",
    "http.request.uri",
];

/// What tshark reads. ICMP errors quote the start of a packet: what is in there was said elsewhere.
fn theirs(tshark: &str, path: &Path) -> Pairs {
    let mut command = Command::new(tshark);
    command.args(["-n", "-r"]).arg(path).args(["-T", "fields", "-E", "separator=/t", "-E", "aggregator=/s"]);
    command.args([
        "-Y",
        "(dns or tls.handshake.extensions_server_name or http.host) and not icmp and not icmpv6",
    ]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    let mut pairs = Pairs::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let row: Vec<Vec<&str>> =
            line.split('\t').map(|field| field.split(' ').filter(|v| !v.is_empty()).collect()).collect();
        read_row(&row, &mut pairs);
    }
    pairs
}

fn read_row(row: &[Vec<&str>], pairs: &mut Pairs) {
    let field = |name: &str| &row[FIELDS.iter().position(|field| *field == name).unwrap()][..];
    let mut add = |kind, address: &str, name: &str| {
        let name = comparable(name.trim_end_matches('.'));
        if !name.is_empty()
            && let Ok(ip) = address.parse::<IpAddr>()
        {
            pairs.insert((kind, ip, name));
        }
    };

    // The innermost destination.
    let Some(destination) = field("ip.dst").last().or(field("ipv6.dst").last()) else { return };
    if field("quic.version").is_empty() {
        for name in field("tls.handshake.extensions_server_name") {
            if name.parse::<IpAddr>().is_err() {
                add(Kind::Tls, destination, name);
            }
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

    // Records in order: each has a name and a type, and one value of its type's field.
    let mut values = ["dns.a", "dns.aaaa", "dns.cname", "dns.ptr.domain_name"].map(|name| field(name).iter());
    let mut records = Vec::new();
    for ((owner, kind), class) in
        field("dns.resp.name").iter().zip(field("dns.resp.type")).zip(field("dns.resp.class"))
    {
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

#[test]
fn names_are_those_of_tshark() {
    let (Some(folder), Some(tshark)) = (shared("captures"), tool("tshark")) else { return };
    let folder = match std::env::var_os("PCAPVIZ_CAPTURES") {
        Some(other) => PathBuf::from(other),
        None => folder,
    };
    let mut files = Vec::new();
    captures_below(&folder, &mut files);
    files.sort();
    let (next, wrong, equal) = (AtomicUsize::new(0), Mutex::new(Vec::new()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (ours, theirs) = (ours(path), theirs(tshark, path));
                    equal.fetch_add(ours.intersection(&theirs).count(), Ordering::Relaxed);
                    let name = path.strip_prefix(&folder).unwrap().display();
                    let mut wrong = wrong.lock().unwrap();
                    wrong.extend(ours.difference(&theirs).map(|pair| format!("{name}: only ours: {pair:?}")));
                    wrong.extend(
                        theirs.difference(&ours).map(|pair| format!("{name}: only tshark's: {pair:?}")),
                    );
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    let equal = equal.into_inner();
    assert!(wrong.is_empty(), "{} pairs differ, {equal} are equal:\n{}", wrong.len(), wrong.join("\n"));
    assert!(equal > 1000, "only {equal} pairs were compared");
}

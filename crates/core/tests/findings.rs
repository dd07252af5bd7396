//! Findings on captures whose content is known: what is found, what is not, and that their filters select their
//! packets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic, its helpers too"
)]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use pcapviz_core::capture::{CaptureReader, Filter};
use pcapviz_core::graph::{Finding, Severity};
use pcapviz_core::{Pipeline, Report};
use pcapviz_testkit::{shared, tool};

/// What captures hold by what their makers say, and whether there is an alert for it. The misses are known.
const LABELLED: &[(&str, &[(&str, Expected)])] = &[
    (
        "made/ground-truth.pcap",
        &[
            ("beacon every 60 s", Alert("beacon", "")),
            ("port scan, 600 ports", Alert("scan", "600 ports")),
            ("sweep of 199 hosts, 11 answer", Alert("scan", "199 hosts")),
            ("6 MB carried out", Alert("bulk-upload", "")),
            ("browsing, DNS, NTP", Nothing),
        ],
    ),
    ("ndpi/dns-tunnel-iodine.pcap", &[("DNS tunnel", Alert("dns-tunnel", ""))]),
    ("dns-tunnel/tunnel/iodine-cname.pcap", &[("DNS tunnel", Alert("dns-tunnel", ""))]),
    ("dns-tunnel/normal/normal_00067_20230806152800.pcap", &[("ordinary look-ups", Nothing)]),
    ("ndpi/dns2tcp_tunnel.pcap", &[("TLS in spite of its name", Nothing)]),
    ("ndpi/synscan.pcap", &[("SYN scan", Alert("scan", ""))]),
    ("packets/arppoison.pcapng", &[("ARP poisoning", Alert("arp-conflict", ""))]),
    ("ndpi/dns-exf.pcap", &[("one DNS query that carries data out", Missed("one name tells nothing"))]),
    ("ndpi/WebattackSQLinj.pcap", &[("web attack", Missed("payload is not looked at"))]),
    ("ndpi/xss.pcap", &[("web attack", Missed("likewise"))]),
    ("packets/http_dvwa_sqlinjection.pcapng", &[("web attack", Missed("likewise"))]),
    ("ndpi/dotenv.pcap", &[("a request for secrets", Missed("likewise"))]),
    ("ndpi/shell.pcap", &[("a shell script sent on loopback", Missed("likewise"))]),
    ("ndpi/bot.pcap", &[("a crawler", Missed("no different from a reader"))]),
    ("ndpi/mining.pcapng", &[("long mining sessions", Missed("too short for `long-connection`"))]),
];

/// What is expected of something in a capture.
#[derive(Clone, Copy)]
enum Expected {
    /// An alert of this kind whose sentence has this in it.
    Alert(&'static str, &'static str),
    Nothing,
    /// No alert, although there should be one, and why.
    Missed(&'static str),
}
use Expected::{Alert, Missed, Nothing};

/// Whatever else gives an alert: captures whose addresses a fuzzer changed.
const FUZZED: &[&str] = &["ndpi/fuzz-2006-06-26-2594.pcap", "tcpdump/arp-oobr.pcap"];

/// What has findings by UDP, of many hosts and ports, and many by malformed ARP, for their filters.
const MORE: &[&str] = &["ndpi/EAQ.pcap", "ndpi/discord.pcap", "ndpi/gnutella.pcap", "tcpdump/arp-oobr.pcap"];

fn read(path: &Path) -> Report {
    Pipeline::new().capture(path).run()
}

/// The README's table, as the findings make it; `PCAPVIZ_BLESS=1` writes it there.
#[test]
fn labelled_captures_give_what_the_readme_says() {
    const HEAD: &str = "| capture | what is in it | alerts | |\n| --- | --- | --- | --- |\n";
    let Some(captures) = shared("captures") else { return };
    let mut table = HEAD.to_owned();
    for (path, expected) in LABELLED {
        let report = read(&captures.join(path));
        assert!(report.failures.is_empty(), "{path}");
        let mut alerts: Vec<&Finding> =
            report.findings.iter().filter(|finding| finding.severity == Severity::Alert).collect();
        for (n, (what, expected)) in expected.iter().enumerate() {
            let (alert, verdict) = match expected {
                Alert(kind, part) => {
                    let found = alerts.iter().position(|it| it.kind == *kind && it.sentence.contains(part));
                    let alert = alerts.remove(found.unwrap_or_else(|| panic!("{path}: no {kind}")));
                    let says = alert.sentence.split(';').next().unwrap();
                    (format!("`{kind}`: {says}"), "right".to_owned())
                }
                Nothing => ("none".to_owned(), "right".to_owned()),
                Missed(why) => ("none".to_owned(), format!("**missed**: {why}")),
            };
            let name = if n == 0 { path } else { "" };
            writeln!(table, "| {name} | {what} | {alert} | {verdict} |").unwrap();
        }
        assert!(alerts.is_empty(), "{path}: {}", alerts[0].sentence);
    }
    let readme_path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(readme_path).unwrap();
    let (before, rest) = readme.split_once(HEAD).expect("the table of labelled captures");
    let after = rest.find("\n\n").map_or("", |end| &rest[end + 1..]);
    let renewed = format!("{before}{table}{after}");
    if std::env::var_os("PCAPVIZ_BLESS").is_some_and(|v| v == "1") {
        std::fs::write(readme_path, renewed).unwrap();
    } else {
        assert!(
            readme == renewed,
            "README.md has another table; with PCAPVIZ_BLESS=1 this test writes:\n{table}"
        );
    }
}

#[test]
fn ordinary_captures_give_no_alert() {
    /// Bytes: larger captures take long, and are few.
    const LARGEST: u64 = 1_500_000;
    let Some(captures) = shared("captures") else { return };
    let mut seen = 0;
    for folder in ["ndpi", "packets", "ics", "scapy", "suricata", "tcpdump"] {
        for entry in captures.join(folder).read_dir().unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().display());
            let known = LABELLED.iter().any(|(labelled, _)| *labelled == path) || FUZZED.contains(&&*path);
            let file = entry.path().metadata().unwrap();
            if known || !file.is_file() || file.len() > LARGEST {
                continue;
            }
            let report = read(&entry.path());
            let alert = report.findings.iter().find(|finding| finding.severity == Severity::Alert);
            assert!(alert.is_none(), "{path}: {}", alert.unwrap().sentence);
            seen += 1;
        }
    }
    assert!(seen > 300, "{seen} captures");
}

/// How many packets there are that a filter matches.
fn matched(mut reader: CaptureReader, filter: &str) -> usize {
    let filter = Filter::parse(filter).unwrap();
    let mut count = 0;
    while let Ok(Some(packet)) = reader.next_packet() {
        count += usize::from(filter.matches(&packet));
    }
    count
}

/// What a program writes.
fn output(command: &mut Command) -> Vec<u8> {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

#[test]
fn filters_select_the_packets_in_wireshark_and_tcpdump_too() {
    let (Some(captures), Some(tshark)) = (shared("captures"), tool("tshark")) else { return };
    let Some(tcpdump) = tool("tcpdump") else { return };
    let mut tested = 0;
    for path in LABELLED.iter().map(|(path, _)| path).chain(MORE) {
        let path = captures.join(path);
        for finding in read(&path).findings {
            if finding.capture_filter.is_empty() {
                // Left out, for libpcap would take too long for it: only of filters that long.
                let len = finding.display_filter.len();
                assert!(len > 16 << 10, "{}: {}, {len} bytes", path.display(), finding.sentence);
                continue;
            }
            let ours = matched(CaptureReader::open(&path).unwrap(), &finding.capture_filter);
            let context = format!(
                "{}: {}\n{}\n{}",
                path.display(),
                finding.sentence,
                finding.display_filter,
                finding.capture_filter
            );
            assert!(ours > 0, "{context}");
            // None is so large that its filters select more.
            assert!(finding.evidence.iter().all(|it| !it.name.starts_with("filters")), "{context}");
            let shown =
                output(Command::new(tshark).arg("-nr").arg(&path).args(["-Y", &finding.display_filter]));
            let shown = shown.iter().filter(|byte| **byte == b'\n').count();
            if finding.kind == "dns-tunnel" {
                // pcap-filter cannot look for a name: it selects all that the two say by DNS.
                assert!(shown > 0 && shown <= ours, "{shown} of {ours}: {context}");
            } else {
                assert_eq!(shown, ours, "{context}");
            }
            let dumped =
                output(Command::new(tcpdump).arg("-nr").arg(&path).args(["-w-", &finding.capture_filter]));
            let dumped = matched(CaptureReader::from_bytes("dumped", dumped).unwrap(), "");
            assert_eq!(dumped, ours, "{context}");
            tested += 1;
        }
    }
    assert!(tested >= 14, "{tested} findings");
}

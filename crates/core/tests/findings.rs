//! Findings on captures whose content is known: what is found, what is not, and that their filters select their
//! packets.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::path::Path;
use std::process::Command;

use pcapviz_core::capture::{CaptureReader, Filter};
use pcapviz_core::graph::{Finding, Severity};
use pcapviz_core::{Pipeline, Report};
use pcapviz_testkit::{shared, tool};

/// The kind of each alert, sorted, in captures that their makers labelled. The misses are known: see the README.
const LABELLED: &[(&str, &[&str])] = &[
    ("made/ground-truth.pcap", &["beacon", "bulk-upload", "scan", "scan"]),
    ("ndpi/dns-tunnel-iodine.pcap", &["dns-tunnel"]),
    ("ndpi/dns-exf.pcap", &[]), // one query: nothing to tell it by
    ("dns-tunnel/tunnel/iodine-cname.pcap", &["dns-tunnel"]),
    ("dns-tunnel/normal/normal_00067_20230806152800.pcap", &[]),
    ("ndpi/dns2tcp_tunnel.pcap", &[]),
    ("ndpi/synscan.pcap", &["scan"]),
    ("ndpi/WebattackSQLinj.pcap", &[]),
    ("ndpi/xss.pcap", &[]),
    ("packets/http_dvwa_sqlinjection.pcapng", &[]),
    ("ndpi/dotenv.pcap", &[]),
    ("ndpi/shell.pcap", &[]),
    ("ndpi/bot.pcap", &[]),
    ("ndpi/mining.pcapng", &[]),
    ("packets/arppoison.pcapng", &["arp-conflict"]),
];

/// Whatever else gives an alert: captures whose addresses a fuzzer changed.
const FUZZED: &[&str] = &["ndpi/fuzz-2006-06-26-2594.pcap", "tcpdump/arp-oobr.pcap"];

/// What has findings by UDP, for their filters.
const BY_UDP: &[&str] = &["ndpi/EAQ.pcap", "ndpi/discord.pcap"];

fn read(path: &Path) -> Report {
    Pipeline::new().capture(path).run()
}

#[test]
fn labelled_captures_give_what_the_readme_says() {
    let Some(captures) = shared("captures") else { return };
    for (path, expected) in LABELLED {
        let report = read(&captures.join(path));
        assert!(report.failures.is_empty(), "{path}");
        let alerts = report.findings.iter().filter(|finding| finding.severity == Severity::Alert);
        let mut kinds: Vec<_> = alerts.map(|finding| finding.kind).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, *expected, "{path}");
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

/// How many packets of the capture our own filter matches.
fn matched(path: &Path, finding: &Finding) -> usize {
    let filter = Filter::parse(&finding.capture_filter).unwrap();
    let mut reader = CaptureReader::open(path).unwrap();
    let mut count = 0;
    while let Ok(Some(packet)) = reader.next_packet() {
        count += usize::from(filter.matches(&packet));
    }
    count
}

/// How many lines a program writes.
fn lines(command: &mut Command) -> usize {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out.stdout.iter().filter(|byte| **byte == b'\n').count()
}

#[test]
fn filters_select_the_packets_in_wireshark_and_tcpdump_too() {
    let (Some(captures), Some(tshark)) = (shared("captures"), tool("tshark")) else { return };
    let Some(tcpdump) = tool("tcpdump") else { return };
    let mut tested = 0;
    for path in LABELLED.iter().map(|(path, _)| path).chain(BY_UDP) {
        let path = captures.join(path);
        for finding in read(&path).findings {
            let ours = matched(&path, &finding);
            let context = format!(
                "{}: {}\n{}\n{}",
                path.display(),
                finding.sentence,
                finding.display_filter,
                finding.capture_filter
            );
            assert!(ours > 0, "{context}");
            let shown = lines(
                Command::new(tshark).arg("-n").arg("-r").arg(&path).arg("-Y").arg(&finding.display_filter),
            );
            if finding.kind == "dns-tunnel" {
                // pcap-filter cannot look for a name: it selects all that the two say by DNS.
                assert!(shown > 0 && shown <= ours, "{shown} of {ours}: {context}");
            } else {
                assert_eq!(shown, ours, "{context}");
            }
            let dumped =
                lines(Command::new(tcpdump).arg("-nr").arg(&path).arg("-q").arg(&finding.capture_filter));
            assert_eq!(dumped, ours, "{context}");
            tested += 1;
        }
    }
    assert!(tested >= 9, "{tested} findings");
}

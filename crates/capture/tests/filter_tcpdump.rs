//! Filters against tcpdump: on each expression and capture of `filter_tcpdump.txt`, the same count, or both refuse.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use pcapviz_capture::{CaptureReader, Filter, LinkType, Packet};
use pcapviz_testkit::{shared, tool};

const CASES: &str = include_str!("filter_tcpdump.txt");

/// What a filter says of a capture: how many packets pass, or that it cannot be used.
#[derive(Debug, PartialEq)]
enum Verdict {
    Passes(u64),
    Refused(String),
}

struct Case {
    capture: &'static str,
    expression: &'static str,
    /// Whether the expression is one that no link type makes sense of.
    is_nonsense: bool,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let (mut every, mut captures, mut row, mut is_nonsense) = (1, Vec::new(), 0, false);
    for line in CASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(group) = line.strip_prefix('[') {
            every = group.trim_end_matches(']').rsplit(' ').next().unwrap().parse().unwrap();
            is_nonsense = group.starts_with("refused");
            captures.clear();
            row = 0;
        } else if let Some(capture) = line.strip_prefix("< ") {
            captures.push(capture);
        } else {
            let turn = captures.iter().enumerate().filter(|(column, _)| (row + column) % every == 0);
            cases.extend(turn.map(|(_, &capture)| Case { capture, expression: line, is_nonsense }));
            row += 1;
        }
    }
    cases
}

struct Loaded {
    link_type: LinkType,
    packets: Vec<(Vec<u8>, u32)>,
}

fn load(path: &Path) -> Loaded {
    let mut reader = CaptureReader::open(path).unwrap();
    let (mut link_type, mut packets) = (None, Vec::new());
    while let Ok(Some(packet)) = reader.next_packet() {
        link_type = Some(packet.link_type);
        packets.push((packet.captured.to_vec(), packet.wire_len));
    }
    Loaded { link_type: link_type.unwrap_or(LinkType::ETHERNET), packets }
}

fn ours(expression: &str, capture: &Loaded) -> Verdict {
    let filter = match Filter::parse(expression) {
        Ok(filter) => filter,
        Err(error) => return Verdict::Refused(error.to_string()),
    };
    if let Err(error) = filter.check(capture.link_type) {
        return Verdict::Refused(error.to_string());
    }
    let passes = capture.packets.iter().filter(|(bytes, wire_len)| {
        let mut packet = Packet::new(capture.link_type, bytes);
        packet.wire_len = *wire_len;
        filter.matches(&packet)
    });
    Verdict::Passes(passes.count() as u64)
}

fn tcpdumps(tcpdump: &str, expression: &str, capture: &Path) -> Verdict {
    let output =
        Command::new(tcpdump).arg("-r").arg(capture).args(["--count", "--", expression]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let count = String::from_utf8_lossy(&output.stdout).split(' ').next().unwrap().parse();
    match count {
        Ok(count) => Verdict::Passes(count),
        // tcpdump says so when its optimiser finds that nothing can pass; we count.
        Err(_) if errors.contains("expression rejects all packets") => Verdict::Passes(0),
        Err(_) => Verdict::Refused(errors.lines().last().unwrap_or_default().to_owned()),
    }
}

#[test]
fn counts_are_those_of_tcpdump() {
    let (Some(captures), Some(tcpdump)) = (shared("captures"), tool("tcpdump")) else { return };
    let cases = cases();
    let loaded: Mutex<HashMap<&str, &'static OnceLock<(PathBuf, Loaded)>>> = Mutex::default();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(Case { capture, expression, is_nonsense }) =
                    cases.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let slot =
                        *loaded.lock().unwrap().entry(*capture).or_insert_with(|| Box::leak(Box::default()));
                    let (path, packets) = slot.get_or_init(|| {
                        let path = captures.join(capture);
                        let packets = load(&path);
                        (path, packets)
                    });
                    let (ours, theirs) = (ours(expression, packets), tcpdumps(tcpdump, expression, path));
                    let agree = match (&ours, &theirs) {
                        (Verdict::Refused(_), Verdict::Refused(_)) => true,
                        // What tcpdump refuses for a link type may find nothing instead.
                        (Verdict::Passes(0), Verdict::Refused(_)) => !is_nonsense,
                        (ours, theirs) => ours == theirs,
                    };
                    if !agree {
                        let line =
                            format!("{capture}: {expression}\n    ours {ours:?}\n    tcpdump {theirs:?}");
                        wrong.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn cases_are_as_many_as_promised() {
    let cases = cases();
    let distinct =
        |of: fn(&Case) -> &'static str| cases.iter().map(of).collect::<std::collections::HashSet<_>>().len();
    assert!(distinct(|case| case.expression) >= 300);
    assert!(distinct(|case| case.capture) >= 40);
}

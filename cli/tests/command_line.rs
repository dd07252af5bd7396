//! The command line as a user meets it: what it prints, what it writes, how it ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use pcapviz_testkit::capture::{Pcap, Record};
use pcapviz_testkit::frame::{Ethernet, Header, Ipv4, Udp};
use serde_json::Value;

fn testdata(name: &str) -> String {
    format!("{}/../testdata/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn run<S: AsRef<str>>(arguments: &[S]) -> Output {
    let arguments = arguments.iter().map(|argument| argument.as_ref());
    Command::new(env!("CARGO_BIN_EXE_pcapviz")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json<S: AsRef<str>>(arguments: &[S]) -> Value {
    let mut all: Vec<&str> = arguments.iter().map(|argument| argument.as_ref()).collect();
    all.extend(["--format", "json", "-o", "-"]);
    let out = run(&all);
    assert_eq!(text(&out.stderr), "");
    serde_json::from_slice(&out.stdout).unwrap()
}

/// An edge's packets, 0 without the edge.
fn packets(graph: &Value, source: &str, target: &str) -> u64 {
    let edges = graph["edges"].as_array().unwrap().iter();
    let there = edges.filter(|e| e["source"] == source && e["target"] == target);
    there.map(|e| e["packets"].as_u64().unwrap()).sum()
}

/// What is said on standard error, and how it ends.
#[test]
fn mistakes_are_named_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pcap");
    fs::write(&empty, "").unwrap();
    let letter = folder.path().join("letter.txt");
    fs::write(&letter, "Dear Sir or Madam, this is no capture at all.").unwrap();
    let nothing = folder.path().join("nothing");
    fs::create_dir(&nothing).unwrap();
    let [empty, letter, nothing] = [&empty, &letter, &nothing].map(|p| p.to_str().unwrap().to_owned());
    let office = testdata("office.pcap");

    let check = |arguments: &[&str], status: i32, said: &[&str]| {
        let out = run(arguments);
        let stderr = text(&out.stderr);
        assert_eq!(out.status.code(), Some(status), "{arguments:?}: {stderr}");
        for part in said {
            assert!(stderr.contains(part), "{arguments:?} said {stderr:?}, not {part:?}");
        }
        if status == 1 {
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
        }
    };
    check(&["no-such.pcap"], 1, &["no-such.pcap", "cannot open"]);
    check(&[&empty], 1, &["empty.pcap is empty"]);
    check(&[&letter], 1, &["letter.txt is not a capture"]);
    check(&[&nothing], 1, &["no capture in the folder"]);
    check(&[&letter, &office, "-fi"], 1, &["letter.txt"]);
    check(&[&office, "-s", "dodecahedron"], 2, &["dodecahedron", "trapezium", "plaintext"]);
    check(&[&office, "--focus", "10.99.0.1", "-o", "-", "--format", "svg"], 1, &["10.99.0.1", "layer 3"]);
    check(&[&office, "--top", "3"], 2, &["--top", "-o FILE"]);
    check(&[&office, "--protocols", "DSN", "-fi"], 2, &["DSN", "mDNS"]);
    check(&[&office, "--split", "protocol", "-o", "-", "--format", "svg"], 2, &["--split", "-o"]);
    check(&[&office, "-E", "spring"], 2, &["spring", "sfdp", "circular"]);
    check(&[&office, "-o", "graph.docx"], 2, &["docx", "svg", "png", "dot", "json"]);
    check(&[&office, "-o", "-"], 2, &["--format"]);
    check(&[&office, "--format", "svg"], 2, &["-o FILE"]);
    check(&[&office, "-o", "x.dot", "-g", "x.dot"], 2, &["the same file", "x.dot"]);
    check(&[&office, "--max-nodes", "0"], 2, &["from 1 on"]);
    check(&[&office, "--resolve", "--dns-server", "dns.example"], 2, &["192.0.2.53"]);
    check(&[&office, "--layer2", "--layer3"], 2, &["--layer2"]);
    check(&[&office, "--filter", "tcp prot 80"], 2, &["prot", "^"]);
    check(&[&office, "--dns-server", "127.0.0.1:53"], 2, &["--resolve"]);
    check(&[&office, "-o", "/no/such/folder/x.svg"], 1, &["/no/such/folder/x.svg", "No such file"]);
    let copy = folder.path().join("copy.pcap");
    fs::copy(&office, &copy).unwrap();
    let copy = copy.to_str().unwrap();
    check(&[copy, "-g", copy], 2, &["copy.pcap is a capture"]);
    check(&[copy, "-o", copy, "--format", "svg"], 2, &["copy.pcap is a capture"]);
    check(&[&office, "-g", copy], 2, &["copy.pcap is a capture"]);
    assert_eq!(fs::read(copy).unwrap(), fs::read(&office).unwrap());
    if Path::new("/dev/full").exists() {
        check(&[&office, "-o", "/dev/full", "--format", "dot"], 1, &["/dev/full", "No space left"]);
    }
    check(&[], 2, &["Usage"]);
}

/// Findings are of the captures, whatever of them is drawn.
#[test]
fn findings_fail_counts_what_is_not_drawn() {
    let Some(truth) = pcapviz_testkit::shared("captures/made/ground-truth.pcap") else { return };
    let (truth, office) = (truth.to_str().unwrap().to_owned(), testdata("office.pcap"));
    for (arguments, status) in [
        (&[&truth[..], "--quiet"][..], 0),
        (&[&truth, "--findings-fail", "alert"], 3),
        (&[&truth, "--findings-fail", "note", "--focus", "10.9.0.15", "--format", "dot", "-o", "-"], 3),
        // No end of any finding.
        (&[&truth, "--findings-fail", "alert", "--focus", "10.9.0.12", "--format", "dot", "-o", "-"], 3),
        (&[&truth, "--findings-fail", "alert", "--filter", "host 10.9.0.12"], 0),
        (&[&office, "--findings-fail", "note"], 0),
    ] {
        assert_eq!(run(arguments).status.code(), Some(status), "{arguments:?}");
    }
}

#[test]
fn other_captures_are_done_when_one_fails() {
    let out = run(&["no-such.pcap", &testdata("office.pcap"), "-fi"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stdout).starts_with("4 192.168.1.10\n"), "{}", text(&out.stdout));
}

#[test]
fn a_capture_cut_short_gives_its_graph_and_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(testdata("office.pcap")).unwrap();
    let cut = folder.path().join("cut.pcap");
    fs::write(&cut, &whole[..whole.len() - 7]).unwrap();
    let cut = cut.to_str().unwrap();

    let out = run(&[cut, "--format", "json", "-o", "-"]);
    let graph: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(
        graph["totals"]["packets"],
        json(&[testdata("office.pcap")])["totals"]["packets"].as_u64().unwrap() - 1
    );
    assert!(text(&out.stderr).contains("cut.pcap is cut short after"));
    assert_eq!(out.status.code(), Some(0));
    assert_eq!(run(&[cut, "--strict"]).status.code(), Some(1));
    assert_eq!(text(&run(&[cut, "--quiet"]).stderr), "");
}

#[test]
fn lists_count_distinct_nodes() {
    let office = testdata("office.pcap");
    let check = |arguments: &[&str], first: &str| {
        let out = text(&run(arguments).stdout);
        assert!(out.starts_with(first), "{arguments:?} printed {out}");
    };
    check(&[&office, "-fi"], "4 192.168.1.10\n4 192.168.1.11\n");
    check(&[&office, "--frequent-in", "--layer3"], "4 192.168.1.10\n");
    check(&["-i", &office, "-fo"], "4 192.168.1.10\n");
    check(&[&office, "-f", "i", "--layer2"], "4 ff:ff:ff:ff:ff:ff\n");
}

#[test]
fn captures_add_up() {
    let office = testdata("office.pcap");
    let (once, twice) = (json(&[&office]), json(&[&office, &office]));
    assert_eq!(twice["totals"]["packets"].as_u64(), once["totals"]["packets"].as_u64().map(|n| 2 * n));
    assert_eq!(twice["edges"].as_array().unwrap().len(), once["edges"].as_array().unwrap().len());
    assert_eq!(twice["captures"].as_array().unwrap().len(), 2);
    let folder = json(&[&testdata("")]);
    assert_eq!(folder["captures"].as_array().unwrap().len(), 3);
}

#[test]
fn standard_input_is_a_capture_like_any_other() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pcapviz"))
        .args(["-", "--format", "json", "-o", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&fs::read(testdata("office.pcap")).unwrap()).unwrap();
    let streamed: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(streamed["edges"], json(&[testdata("office.pcap")])["edges"]);
    assert_eq!(streamed["captures"][0]["path"], "-");
}

#[test]
fn tunnels_show_their_own_ends_or_who_talks_through_them() {
    let tunnel = testdata("tunnel.pcap");
    let outer = json(&[&tunnel]);
    assert_eq!(packets(&outer, "192.0.2.1", "192.0.2.2"), 2);
    assert_eq!(outer["edges"][0]["networks"], serde_json::json!(["VLAN 7", "VNI 42"]));
    let inner = json(&[tunnel.as_str(), "--tunnels", "inner"]);
    // The tag is outside the tunnel: it is not the inner hosts' VLAN.
    assert_eq!(inner["edges"][0]["networks"], serde_json::json!(["VNI 42"]));
    assert_eq!(packets(&inner, "10.0.0.1", "10.0.0.2"), 2);
    let filtered =
        json(&[tunnel.as_str(), "--tunnels", "inner", "--filter", "host 10.0.0.1 and udp port 4001"]);
    assert_eq!(packets(&filtered, "10.0.0.1", "10.0.0.2"), 1);
}

#[test]
fn esp_is_looked_into_only_if_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("esp.pcap");
    let datagram = Udp::ports(1, 2).carry(b"12");
    let esp = [&[0, 0, 0, 9, 0, 0, 0, 1], datagram.bytes(), &[1, 2, 2, 17], &[0xee; 12]].concat();
    let packet = Ipv4::default().carry(Header::new(&esp, 0, 50).carry(b""));
    let frame = Ethernet::default().carry(packet);
    fs::write(&path, Pcap::default().file(&[Record::new(0, frame.bytes())])).unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(json(&[path, "--layer4"])["totals"]["in_graph"], 0);
    assert_eq!(json(&[path, "--layer4", "--esp-null"])["totals"]["in_graph"], 1);
}

#[test]
fn what_is_left_out_is_accounted_for() {
    let office = testdata("office.pcap");
    let all = json(&[&office])["totals"]["packets"].as_u64().unwrap();
    for choice in
        [&["--filter", "udp port 53"][..], &["--from", "+500ms", "--to", "+1s"], &["--drop-duplicates"]]
    {
        let graph = json(&[&[office.as_str()], choice].concat());
        let totals = &graph["totals"];
        let outside: u64 = totals["outside"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(totals["packets"], all, "{choice:?}");
        assert_eq!(totals["in_graph"].as_u64().unwrap() + outside, all, "{choice:?}");
    }
    assert_eq!(json(&[office.as_str(), "--filter", "udp port 53"])["totals"]["in_graph"], 10);
    assert_eq!(json(&[office.as_str(), "-c", "7"])["totals"]["packets"], 7);
}

#[test]
fn a_filter_that_a_link_type_cannot_answer_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw.pcap");
    fs::write(&raw, Pcap { link_type: 101, ..Pcap::default() }.file(&[Record::new(0, &[0x45; 40])])).unwrap();
    let out = run(&["--filter", "udp or vlan 5", raw.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(0));
    let said = "pcapviz: warning: filter: RAW has no VLAN tags, so none of its packets match\n";
    assert_eq!(text(&out.stderr), said);
    assert_eq!(text(&run(&["--filter", "vlan 5", &testdata("office.pcap")]).stderr), "");
}

#[test]
fn names_come_from_the_capture_and_from_hosts_files() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    fs::write(&hosts, "192.168.1.10 anna\n").unwrap();
    let graph = json(&[testdata("office.pcap").as_str(), "--hosts", hosts.to_str().unwrap()]);
    let name = |id: &str| {
        let node = graph["nodes"].as_array().unwrap().iter().find(|n| n["id"] == id).unwrap().clone();
        (node["names"][0]["name"].clone(), node["names"][0]["source"].clone())
    };
    assert_eq!(name("192.168.1.10"), ("anna".into(), "hosts file".into()));
    assert_eq!(name("192.168.1.20"), ("files.office.example".into(), "DNS".into()));
}

#[test]
fn every_picture_format_is_written_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let draw = |name: &str| -> (PathBuf, Vec<u8>) {
        let path = folder.path().join(name);
        let out = run(&[&testdata("office.pcap"), "-o", path.to_str().unwrap(), "--layer4"]);
        assert!(out.status.success(), "{}", text(&out.stderr));
        (path.clone(), fs::read(path).unwrap())
    };
    for (extension, start) in
        [("svg", &b"<"[..]), ("png", b"\x89PNG"), ("dot", b"digraph"), ("gv", b"digraph"), ("pdf", b"%PDF")]
    {
        let (first, again) = (draw(&format!("a.{extension}")).1, draw(&format!("b.{extension}")).1);
        assert!(first.starts_with(start), "{extension}");
        assert!(first == again, "{extension} differs from run to run");
    }
}

/// It is drawn by the command that stands there.
#[test]
fn the_picture_in_the_readme_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let picture = root.join("testdata/office.svg");
    let out = Command::new(env!("CARGO_BIN_EXE_pcapviz"))
        .args(["testdata/office.pcap", "--format", "svg", "-o", "-"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", text(&out.stderr));
    if std::env::var_os("PCAPVIZ_BLESS").is_some_and(|v| v == "1") {
        fs::write(&picture, &out.stdout).unwrap();
    }
    let current = fs::read(&picture).unwrap() == out.stdout;
    assert!(current, "testdata/office.svg is another picture: if that is wanted, run with PCAPVIZ_BLESS=1");
}

#[test]
fn parts_of_a_graph_and_several_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let (office, tunnel) = (testdata("office.pcap"), testdata("tunnel.pcap"));
    let out = folder.path().join("x.svg");
    let out = out.to_str().unwrap();
    // Which files are there after each, and what stands in the first.
    for (arguments, files, said) in [
        (&[&*office, "--top", "3"][..], &["x.svg"][..], "Selected: top 3. Left out: "),
        (&[&office, "--focus", "192.168.1.10", "--theme", "dark"], &["x.svg"], "1 hop around"),
        (&[&office, "-w", "DNS", "-i", &office], &["x.svg"], "Selected: protocols DNS."),
        (&[&office, "--split", "protocol", "-w", "DNS"], &["x.dns.svg"], "Selected: protocol DNS."),
        (&[&office, &tunnel, "--each"], &["x.office.pcap.svg", "x.tunnel.pcap.svg"], "office.pcap"),
        (&[&office, &office, "--each"], &["x.office.pcap-2.svg", "x.office.pcap.svg"], "office.pcap"),
    ] {
        let status = run(&[arguments, &["-o", out]].concat());
        assert_eq!(text(&status.stderr), "", "{arguments:?}");
        let mut there: Vec<PathBuf> =
            fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        there.sort();
        let names: Vec<_> = there.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, files, "{arguments:?}");
        let svg = fs::read_to_string(&there[0]).unwrap();
        assert!(svg.contains(said), "{arguments:?}: {said}");
        there.iter().for_each(|path| fs::remove_file(path).unwrap());
    }
    // A device by the address behind it, in a list too.
    let list = run(&[&office, "--layer2", "--focus", "192.168.1.10", "-fi"]);
    assert!(text(&list.stdout).contains("02:00:00:00:00:14"), "{}", text(&list.stderr));
    let only = json(&[office.as_str(), "--mac", "00:00:00:00:00:01", "--filter", "ip"]);
    assert_eq!(only["totals"]["in_graph"], 0);
}

#[test]
fn options_without_effect_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let office = testdata("office.pcap");
    for (out, options, expected) in [
        ("x.svg", &["--scale", "3", "-E", "auto"][..], "what is written: --scale; "),
        ("x.json", &["-E", "auto", "--theme", "dark"], "what is written: -E, --theme; "),
        ("x.svg", &["-E", "matrix", "--group", "subnet", "-s", "box"], "what is written: -s, --group; "),
        ("x.svg", &["--layer2", "--color-by", "country"], "what is written: --color-by; "),
        ("x.dot", &["--theme", "dark", "-s", "box"], ""),
        ("x.png", &["--scale", "1", "--color-by", "side", "--group", "subnet"], ""),
        ("x.svg", &["--color-by", "asn"], "--color-by asn has no effect: it needs a database"),
        ("x.svg", &["--group", "vendor"], "--group vendor has no effect: it needs the vendors"),
        ("x.json", &["--layer2", "-l", "de"], "-l has no effect: "),
    ] {
        let status = run(&[&[&*office, "-o", &path(out)], options].concat());
        assert!(status.status.success(), "{options:?}");
        let said = text(&status.stderr);
        assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{options:?}: {said}");
    }
}

#[test]
fn a_pcapviz_command_line_works() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (png, dot) = (path("graph.png"), path("graph.dot"));
    let out = run(&[
        "-i",
        &testdata("office.pcap"),
        "-o",
        &png,
        "-g",
        &dot,
        "--layer2",
        "-s",
        "box",
        "-fi",
        "-fo",
        "-l",
        "de",
    ]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert!(Path::new(&png).exists() && Path::new(&dot).exists());
    assert!(text(&out.stdout).lines().count() > 5);
}

#[test]
fn graphviz_places_where_it_is_installed() {
    if pcapviz_testkit::tool("dot").is_none() {
        return;
    }
    for engine in ["dot", "neato", "fdp", "sfdp", "circo", "twopi", "osage", "patchwork"] {
        let out = run(&[&testdata("office.pcap"), "-E", engine, "--format", "svg", "-o", "-"]);
        assert!(out.status.success(), "{engine}: {}", text(&out.stderr));
        assert!(text(&out.stdout).contains("www.example.com"), "{engine}");
    }
}

#[test]
fn without_graphviz_the_error_says_how_to_install_it() {
    let out = Command::new(env!("CARGO_BIN_EXE_pcapviz"))
        .args([&testdata("office.pcap"), "-E", "dot", "--format", "svg", "-o", "-"])
        .env("PATH", "")
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("apt install graphviz"), "{}", text(&out.stderr));
}

/// PcapViz's own capture, whose numbers are part of the contract.
#[test]
fn the_capture_of_pcapviz_is_read_as_agreed() {
    let Some(test) = pcapviz_testkit::shared("captures/pcapviz/test.pcap") else { return };
    let test = test.to_str().unwrap();
    for (layer, edges) in [("--layer2", 3), ("--layer3", 8), ("--layer4", 36)] {
        for (captures, packets) in [(&[test][..], 141), (&[test, test], 282)] {
            let graph = json(&[captures, &[layer]].concat());
            assert_eq!(graph["totals"]["packets"], packets);
            assert_eq!(graph["edges"].as_array().unwrap().len(), edges);
        }
    }
    let list = text(&run(&[test, "-fi", "--layer3"]).stdout);
    let start =
        "4 172.16.11.12\n1 74.125.19.17\n1 216.34.181.45 slashdot.org\n1 172.16.11.1\n1 96.17.211.172 ";
    assert!(list.starts_with(start), "{list}");
}

#[test]
fn places_are_in_the_language_asked_for_and_a_broken_database_is_a_warning() {
    let Some(databases) = pcapviz_testkit::shared("mmdb") else { return };
    let city = databases.join("GeoLite2-City-Test.mmdb");
    let graph = json(&[&testdata("places.pcapng"), "-G", city.to_str().unwrap(), "-l", "de"]);
    let london = graph["nodes"].as_array().unwrap().iter().find(|n| n["id"] == "81.2.69.142").unwrap();
    assert_eq!(london["place"]["city"], "London");
    assert_eq!(london["place"]["country"], "Vereinigtes Königreich");

    let broken = databases.join("bad/maxminddb-golang/invalid-string-length.mmdb");
    let broken = if broken.exists() { broken } else { databases.join("README.md") };
    let out =
        run(&[&testdata("places.pcapng"), "-G", broken.to_str().unwrap(), "--format", "svg", "-o", "-"]);
    assert_eq!(text(&out.stderr).lines().count(), 1, "{}", text(&out.stderr));
    assert!(text(&out.stdout).contains("81.2.69.142"));
    assert_eq!(out.status.code(), Some(0));
}

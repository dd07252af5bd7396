//! Every recipe runs as its README says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

fn check(program: &str, arguments: &[&str], contains: &str, written: Option<&std::path::Path>) {
    let out = Command::new(program).current_dir("..").args(arguments).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = match written {
        Some(path) => std::fs::read_to_string(path).unwrap(),
        None => String::from_utf8(out.stdout).unwrap(),
    };
    assert!(text.contains(contains), "{text}");
}

#[test]
fn recipes_work() {
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("out.svg");
    let (capture, out) = ("testdata/office.pcap", svg.to_str().unwrap());
    check(env!("CARGO_BIN_EXE_draw"), &[capture, out], "www.example.com", Some(&svg));
    check(env!("CARGO_BIN_EXE_top_talkers"), &[capture], "192.168.1.20  files.office.example", None);
    let inventory = [capture, "examples/inventory.csv", out];
    check(env!("CARGO_BIN_EXE_inventory"), &inventory, "anna-laptop", Some(&svg));
}

//! What the tests of pcapviz share: frame builders, capture writers, and where the corpus and the tools are.
//!
//! Knows none of the other crates, so that every one of them can use it.

pub mod capture;
pub mod frame;
pub mod sample;

use std::path::PathBuf;
use std::process::Command;

/// The environment variable that turns "skipped" into a failure; CI sets it to `1`.
pub const REQUIRE: &str = "PCAPVIZ_REQUIRE_TOOLS";

/// A file or folder of the shared material beside the checkout, such as `captures/pcapviz`; `None`, with a
/// line on stderr that the test is skipped, on a machine without it.
///
/// # Panics
/// If it is missing and `PCAPVIZ_REQUIRE_TOOLS=1`.
pub fn shared(path: &str) -> Option<PathBuf> {
    let full = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")).join(path);
    if full.exists() { Some(full) } else { skipped(&format!("../shared/{path} is not there")) }
}

/// The name of a program if it is installed; `None`, with a line on stderr that the test is skipped,
/// where it is not.
///
/// # Panics
/// If it is missing and `PCAPVIZ_REQUIRE_TOOLS=1`.
pub fn tool(name: &'static str) -> Option<&'static str> {
    let found = Command::new(name).arg("--version").output().is_ok();
    if found { Some(name) } else { skipped(&format!("{name} is not installed")) }
}

/// A Python interpreter that has a module: the one on the PATH, or the system's, which the packages of the
/// distribution are for; `None`, with a line on stderr that the test is skipped, where neither has it.
///
/// # Panics
/// If it is missing and `PCAPVIZ_REQUIRE_TOOLS=1`.
pub fn python_module(name: &str) -> Option<&'static str> {
    let has = |python: &&str| {
        let found = Command::new(python).arg("-c").arg(format!("import {name}")).output();
        found.is_ok_and(|out| out.status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has);
    found.or_else(|| skipped(&format!("python3 has no module {name}")))
}

#[expect(clippy::print_stderr, clippy::panic, reason = "a skipped test says so, and CI must not skip")]
fn skipped<T>(why: &str) -> Option<T> {
    if std::env::var_os(REQUIRE).is_some_and(|v| v == "1") {
        panic!("{why}, and {REQUIRE}=1 asks for it");
    }
    eprintln!("skipped: {why}");
    None
}

//! How well the detectors do: labelled behaviour, and decoys of the same shape, put into real captures.
//!
//! Usage: `detection [--open-test] CAPTURE...`. Captures and seeds fall into two halves. The first, to calibrate
//! by, is the default; the second is only opened by `--open-test`, after the thresholds were committed.

#![allow(clippy::print_stdout, reason = "it is a program that prints a table")]

mod base;
mod chance;
mod header;
mod inject;
mod scenario;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pcapviz_core::graph::{Finding, Severity};

use crate::base::Base;
use crate::chance::{Random, clopper_pearson, poisson};
use crate::header::{Header, Kind, Labelled, balanced_accuracy, first_headers};
use crate::inject::Injected;
use crate::scenario::{Label, SCENARIOS, Scenario};

/// Hours.
const WEEK: f64 = 168.0;

/// Seeds for each behaviour, each capture, in each half.
const SEEDS: u64 = 3;

fn main() {
    let mut captures: Vec<PathBuf> = Vec::new();
    let mut half = 0;
    for argument in std::env::args_os().skip(1) {
        if argument == "--open-test" { half = 1 } else { captures.push(argument.into()) }
    }
    captures.sort();
    captures.retain(|path| half_of(path) == half);
    println!("{} captures of the {} half", captures.len(), ["calibration", "test"][half as usize]);
    let (mut benign, mut tally, mut headers) = (Benign::default(), Tally::default(), Headers::default());
    for (n, path) in captures.iter().enumerate() {
        let Some(base) = Base::read(path) else { continue };
        benign.add(path, &base);
        for (number, scenario) in SCENARIOS.iter().enumerate() {
            for seed in 0..SEEDS {
                let mut random = Random(seed * 2 + half + 1000 * n as u64 + 1_000_003 * number as u64);
                let injected = scenario.inject(&base, &mut random);
                let found = base.with(&injected);
                tally.add(scenario, &injected, &found);
                headers.add(scenario, &injected, &base, n);
            }
        }
    }
    benign.print();
    tally.print();
    headers.print();
}

/// Captures are parted by a hash of their names, so that neither half was chosen.
fn half_of(path: &Path) -> u64 {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.iter().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte))) >> 3 & 1
}

/// What the captures give by themselves.
#[derive(Default)]
struct Benign {
    read: u64,
    with_alert: u64,
    alerts: u64,
    hours: f64,
}

impl Benign {
    fn add(&mut self, path: &Path, base: &Base) {
        let found = base.findings();
        let alerts = found.iter().filter(|f| f.severity == Severity::Alert);
        let alerts: Vec<&Finding> = alerts.collect();
        for alert in &alerts {
            println!("  alert in {}: {}", path.display(), alert.sentence);
        }
        self.read += 1;
        self.with_alert += u64::from(!alerts.is_empty());
        self.alerts += alerts.len() as u64;
        // Times that a broken clock or a fuzzer made are no time.
        let hours = (base.last - base.first) as f64 / 3.6e12;
        self.hours += if hours < WEEK { hours } else { 0.0 };
    }

    fn print(&self) {
        let (low, high) = clopper_pearson(self.with_alert, self.read);
        println!(
            "benign captures with an alert: {} of {} ({:.1} % to {:.1} %)",
            self.with_alert,
            self.read,
            100.0 * low,
            100.0 * high
        );
        let (low, high) = poisson(self.alerts);
        let hours = self.hours.max(1e-9);
        println!(
            "alerts: {} in {hours:.1} hours of capture: {:.3} per hour (95 %: {:.3} to {:.3})\n",
            self.alerts,
            self.alerts as f64 / hours,
            low / hours,
            high / hours
        );
    }
}

/// How often there was an alert, of how many times.
type Share = (u64, u64);

#[derive(Default)]
struct Tally {
    scenarios: BTreeMap<(Label, &'static str), Share>,
    /// By what was drawn, and for each kind of behaviour.
    draws: BTreeMap<(&'static str, &'static str), BTreeMap<&'static str, Share>>,
}

impl Tally {
    fn add(&mut self, scenario: &Scenario, injected: &Injected<'_>, found: &[Finding]) {
        let is_hit = found
            .iter()
            .filter(|f| f.severity == Severity::Alert && injected.concerns(f.subject))
            .any(|f| match scenario.label {
                Label::Behaviour(kind) | Label::TooLittle(kind) => f.kind == kind,
                Label::Decoy => true,
            });
        let count = |share: &mut Share| *share = (share.0 + u64::from(is_hit), share.1 + 1);
        count(self.scenarios.entry((scenario.label, scenario.name)).or_default());
        if let Label::Behaviour(kind) = scenario.label {
            for drawn in &injected.drawn {
                count(self.draws.entry(*drawn).or_default().entry(kind).or_default());
            }
        }
    }

    fn print(&self) {
        println!("| kind | behaviour | alerts | of | share | 95 % interval |");
        println!("| --- | --- | ---: | ---: | ---: | ---: |");
        for ((label, name), &(hits, all)) in &self.scenarios {
            let (kind, remark) = match label {
                Label::Behaviour(kind) => (*kind, ""),
                Label::TooLittle(kind) => (*kind, " (below the threshold)"),
                Label::Decoy => ("decoy", ""),
            };
            let (low, high) = clopper_pearson(hits, all);
            let share = hits as f64 / all as f64;
            println!("| {kind} | {name}{remark} | {hits} | {all} | {share:.2} | {low:.2} to {high:.2} |");
        }
        let kinds: BTreeSet<&str> = self.draws.values().flat_map(BTreeMap::keys).copied().collect();
        println!("\n| alerts by | | {} |", Vec::from_iter(kinds.iter().copied()).join(" | "));
        println!("| --- | --- |{}", " ---: |".repeat(kinds.len()));
        for ((what, name), shares) in &self.draws {
            let cell = |kind: &&str| match shares.get(kind) {
                Some((hits, all)) => format!("{:.2} of {all}", *hits as f64 / *all as f64),
                None => "–".to_owned(),
            };
            println!("| {what} | {name} | {} |", kinds.iter().map(cell).collect::<Vec<_>>().join(" | "));
        }
        let sum = |is: fn(&Label) -> bool| {
            let shares = self.scenarios.iter().filter(|((label, _), _)| is(label));
            shares.fold((0, 0), |sum, (_, share)| (sum.0 + share.0, sum.1 + share.1))
        };
        let (hits, behaviour) = sum(|label| matches!(label, Label::Behaviour(_)));
        let (too_early, too_little) = sum(|label| matches!(label, Label::TooLittle(_)));
        let (false_alerts, decoys) = sum(|label| *label == Label::Decoy);
        println!("\n| measure | value | 95 % interval |\n| --- | ---: | ---: |");
        for (name, k, n) in [
            ("recall", hits, behaviour),
            ("recall, with what is below the thresholds", hits + too_early, behaviour + too_little),
            ("precision, as many decoys as there are", hits, hits + false_alerts),
            ("decoys with an alert", false_alerts, decoys),
        ] {
            let (low, high) = clopper_pearson(k, n);
            println!("| {name} | {:.3} | {low:.3} to {high:.3} |", k as f64 / n.max(1) as f64);
        }
    }
}

/// Flows as a classifier sees them that sees nothing but headers. It must not tell behaviour from decoys, nor what was
/// put in from the captures' own flows: else the detectors could be right for the wrong reason.
#[derive(Default)]
struct Headers {
    episodes: BTreeMap<Kind, Vec<Labelled>>,
    origins: BTreeMap<Kind, Vec<Labelled>>,
}

impl Headers {
    /// Of each episode one flow of each kind, as it is in its packets, and one of the capture's own.
    fn add(&mut self, scenario: &Scenario, injected: &Injected<'_>, base: &Base, capture: usize) {
        if matches!(scenario.label, Label::TooLittle(_)) || injected.is_recorded {
            return;
        }
        let mut random = Random(injected.packets.len() as u64);
        let flows = first_headers(injected.packets.iter().map(|(_, bytes, _)| &bytes[..]));
        for kind in [Kind::WithSegmentSize, Kind::Without] {
            let of_kind: Vec<Header> = flows.values().filter(|it| it.kind() == kind).copied().collect();
            let own = base.sender(kind, &mut random).and_then(|flows| random.one_of(flows));
            let (Some(header), Some(own)) = (random.one_of(&of_kind), own) else { continue };
            self.episodes.entry(kind).or_default().push((*header, capture, scenario.label != Label::Decoy));
            let origins = self.origins.entry(kind).or_default();
            origins.push((*header, capture, true));
            origins.push((own.header, capture, false));
        }
    }

    fn print(&self) {
        println!(
            "\n| to tell by TTL, IP identification and MSS | flows | balanced accuracy of 15 neighbours | of |"
        );
        println!("| --- | --- | ---: | ---: |");
        for (what, by_kind) in [
            ("behaviour from decoys", &self.episodes),
            ("injected flows from the captures' own", &self.origins),
        ] {
            for (kind, flows) in by_kind {
                let kind = match kind {
                    Kind::WithSegmentSize => "with MSS",
                    Kind::Without => "without",
                };
                // Each by each: a part of them is enough. An odd step takes both labels, which take turns.
                let some: Vec<Labelled> = flows.iter().copied().step_by((flows.len() / 5000) | 1).collect();
                println!("| {what} | {kind} | {:.2} | {} |", balanced_accuracy(&some), some.len());
            }
        }
    }
}

//! Layout engines side by side on traffic-like graphs: time and quality.
//!
//! ```text
//! cargo run --release -p pcapviz-benches --bin layout -- [--limit SECONDS] [--engines auto,sfdp] [--seeds N|FIRST-LAST] [NODES|CAPTURE]...
//! ```
//!
//! Each line is the mean over graphs of so many seeds (1), or of the seeds of a span, or, for a capture, over its three
//! layers.
//!
//! Built-in engines run in this process, Graphviz's as `dot -K`, each with the same boxes; a Graphviz engine
//! that goes over the limit is not asked for larger graphs. `sfdp-parted` is sfdp with its overlaps removed, as
//! pcapviz draws it: boxes that lie on each other have less stress, but cannot be read. What the columns say:
//!
//! - *time*: wall clock, for Graphviz with its start and its output.
//! - *stress*: mean over sampled pairs of the largest component of `(s * page - hops)^2 / hops^2`, with the
//!   scale `s` that makes it least; 0 is perfect.
//! - *near*: for sampled nodes, the nodes within two hops against as many nearest on the page: the size of
//!   their intersection by that of their union, on average; 1 is perfect.
//! - *crossings*: how many other edges a (straight) edge crosses, on average.
//! - *overlaps*: pairs of boxes that lie on each other.
//! - *page*: the area around all by the area of the boxes.

#![allow(clippy::print_stdout, reason = "a program that prints a table")]

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pcapviz_core::graph::LayerGraph;
use pcapviz_core::{GraphLayer, Pipeline};
use pcapviz_render::layout::{Engine, Point, Problem};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut limit = Duration::from_secs(100);
    let mut engines: Vec<String> =
        ["auto", "sfdp-parted", "sfdp", "neato", "fdp", "dot"].map(String::from).to_vec();
    let mut seeds = 1..=1;
    let mut asked = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--limit" => limit = Duration::from_secs(arguments.next().ok_or("--limit SECONDS")?.parse()?),
            "--engines" => {
                engines = arguments.next().ok_or("--engines A,B")?.split(',').map(String::from).collect();
            }
            "--seeds" => {
                let span = arguments.next().ok_or("--seeds N, or --seeds FIRST-LAST")?;
                let (first, last) = span.split_once('-').unwrap_or(("1", &span));
                seeds = first.parse()?..=last.parse()?;
            }
            _ => asked.push(argument),
        }
    }
    if asked.is_empty() {
        asked = ["100", "1000", "10000", "100000"].map(String::from).to_vec();
    }
    println!("| graph | nodes | edges | engine | time | stress | near | crossings | overlaps | page |");
    println!("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for asked in asked {
        let problems: Vec<Problem> = match asked.parse() {
            Ok(nodes) => seeds.clone().map(|seed| traffic(nodes, seed)).collect(),
            Err(_) => layers(Path::new(&asked)),
        };
        let all = problems.len() as f64;
        let name = Path::new(&asked).file_stem().unwrap_or_default().to_string_lossy();
        let nodes = problems.iter().map(|p| p.boxes.len()).sum::<usize>() as f64 / all;
        let edges = problems.iter().map(|p| p.edges.len()).sum::<usize>() as f64 / all;
        engines.retain(|engine| {
            let (mut time, mut quality) = (Duration::ZERO, Quality::default());
            for problem in &problems {
                match run(engine, problem, limit) {
                    Ok((taken, centres)) => {
                        time += taken;
                        quality.add(&Quality::measure(problem, &centres), 1.0 / all);
                    }
                    Err(why) => {
                        println!("| {name} | {nodes:.0} | {edges:.0} | {engine} | {why} | | | | | |");
                        return false;
                    }
                }
            }
            let time = time.as_secs_f64() / all;
            println!("| {name} | {nodes:.0} | {edges:.0} | {engine} | {time:.3} s | {quality} |");
            true
        });
    }
    Ok(())
}

/// The graphs of a capture's layers that are more than a pair.
fn layers(capture: &Path) -> Vec<Problem> {
    let report = Pipeline::new().capture(capture).run();
    let graphs = GraphLayer::ALL.into_iter().map(|layer| report.graph(layer));
    let problem = |graph: LayerGraph| {
        let edges = graph.edges().iter().map(|edge| (edge.source, edge.target)).collect();
        Problem::new(vec![Point::new(110.0, 40.0); graph.nodes().len()], edges)
    };
    graphs.map(problem).filter(|problem| problem.boxes.len() > 2).collect()
}

/// Behind the name of a Graphviz engine: with its boxes parted, as pcapviz draws them.
const PARTED: &str = "-parted";

fn run(name: &str, problem: &Problem, limit: Duration) -> Result<(Duration, Vec<Point>), String> {
    let parted = name.strip_suffix(PARTED);
    if parted.is_some() || ["auto", "circular", "tiers", "layered"].contains(&name) {
        let layout = Engine::by_name(parted.unwrap_or(name)).map_err(|error| error.to_string())?.layout();
        let start = Instant::now();
        let placement = layout.place(problem).map_err(|error| error.to_string())?;
        return Ok((start.elapsed(), placement.centres));
    }
    graphviz(name, problem, limit)
}

fn graphviz(name: &str, problem: &Problem, limit: Duration) -> Result<(Duration, Vec<Point>), String> {
    let mut dot = String::from("graph { node [shape=box fixedsize=true label=\"\"]\n");
    for (i, size) in problem.boxes.iter().enumerate() {
        dot += &format!("n{i} [width={:.3} height={:.3}]\n", size.x / 72.0, size.y / 72.0);
    }
    for (a, b) in &problem.edges {
        dot += &format!("n{a} -- n{b}\n");
    }
    dot += "}\n";
    let start = Instant::now();
    // timeout is of GNU coreutils.
    let mut child = Command::new("timeout")
        .args([&limit.as_secs().to_string(), "dot", &format!("-K{name}"), "-Tplain"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stdin = child.stdin.take().ok_or("no pipe")?;
    let writer = std::thread::spawn(move || stdin.write_all(dot.as_bytes()));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let time = start.elapsed();
    let _ = writer.join();
    if !output.status.success() {
        return Err(match output.status.code() {
            Some(124) => format!("over {} s", limit.as_secs()),
            _ => format!("failed: {}", output.status),
        });
    }
    let mut centres = vec![Point::default(); problem.boxes.len()];
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut words = line.split(' ');
        if words.next() != Some("node") {
            continue;
        }
        let mut number =
            |prefix: &str| words.next().and_then(|w| w.trim_start_matches(prefix).parse::<f64>().ok());
        if let (Some(i), Some(x), Some(y)) = (number("n"), number(""), number("")) {
            centres[i as usize] = Point::new(x * 72.0, -y * 72.0);
        }
    }
    Ok((time, centres))
}

/// A graph as captures have them: a few hubs with many leaves and many with few, hubs joined to hubs, some
/// nodes that talk to several hubs, and small components beside it.
fn traffic(nodes: usize, seed: u64) -> Problem {
    let mut random = Random(seed);
    let hubs = (nodes / 25).max(2);
    let large = nodes * 4 / 5;
    let mut edges = Vec::new();
    // The k-th hub is about k times less popular than the first.
    let popular = |random: &mut Random, below: usize| {
        let skewed = (below as f64).powf(random.unit());
        (skewed as usize).saturating_sub(1).min(below - 1)
    };
    for hub in 1..hubs {
        for _ in 0..1 + random.below(2) {
            edges.push((hub, popular(&mut random, hub)));
        }
    }
    for node in hubs..large {
        let contacts = if random.unit() < 0.15 { 2 + random.below(2) } else { 1 };
        for _ in 0..contacts {
            edges.push((node, popular(&mut random, hubs)));
        }
    }
    let mut node = large;
    while node < nodes {
        let size = (1 + popular(&mut random, 12)).min(nodes - node);
        edges.extend((1..size).map(|leaf| (node + leaf, node)));
        node += size;
    }
    edges.iter_mut().for_each(|e| *e = (e.0.max(e.1), e.0.min(e.1)));
    edges.sort_unstable();
    edges.dedup();
    edges.retain(|(a, b)| a != b);
    let boxes = (0..nodes).map(|_| Point::new(80.0 + 60.0 * random.unit(), 40.0)).collect();
    Problem::new(boxes, edges)
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, below: usize) -> usize {
        (self.unit() * below as f64) as usize
    }
}

#[derive(Default)]
struct Quality {
    stress: f64,
    near: f64,
    crossings: f64,
    overlaps: f64,
    page: f64,
}

impl std::fmt::Display for Quality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stress, near, crossings, overlaps, page } = self;
        write!(f, "{stress:.3} | {near:.3} | {crossings:.2} | {overlaps:.0} | {page:.1}")
    }
}

/// How many nodes, or edges, are looked at.
const SAMPLES: usize = 300;

impl Quality {
    fn add(&mut self, other: &Self, share: f64) {
        self.stress += other.stress * share;
        self.near += other.near * share;
        self.crossings += other.crossings * share;
        self.overlaps += other.overlaps * share;
        self.page += other.page * share;
    }

    fn measure(problem: &Problem, centres: &[Point]) -> Self {
        let mut neighbours = vec![Vec::new(); centres.len()];
        for &(a, b) in &problem.edges {
            neighbours[a].push(b);
            neighbours[b].push(a);
        }
        let largest = largest_component(&neighbours);
        Self {
            stress: stress(&neighbours, &largest, centres),
            near: near(&neighbours, &largest, centres),
            crossings: crossings(&problem.edges, centres),
            overlaps: overlaps(centres, &problem.boxes) as f64,
            page: page(centres, &problem.boxes),
        }
    }
}

fn hops(neighbours: &[Vec<usize>], from: usize, most: u32) -> Vec<u32> {
    let mut hops = vec![u32::MAX; neighbours.len()];
    hops[from] = 0;
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        if hops[node] == most {
            continue;
        }
        for &other in &neighbours[node] {
            if hops[other] == u32::MAX {
                hops[other] = hops[node] + 1;
                queue.push_back(other);
            }
        }
    }
    hops
}

fn largest_component(neighbours: &[Vec<usize>]) -> Vec<usize> {
    let mut seen = vec![false; neighbours.len()];
    let mut largest = Vec::new();
    for start in 0..neighbours.len() {
        if seen[start] {
            continue;
        }
        let hops = hops(neighbours, start, u32::MAX);
        let nodes: Vec<usize> = (0..hops.len()).filter(|&i| hops[i] != u32::MAX).collect();
        nodes.iter().for_each(|&i| seen[i] = true);
        if nodes.len() > largest.len() {
            largest = nodes;
        }
        // Components are small but for one: don't walk all of them.
        if largest.len() * 2 > neighbours.len() {
            break;
        }
    }
    largest
}

fn stress(neighbours: &[Vec<usize>], nodes: &[usize], centres: &[Point]) -> f64 {
    let mut pairs = Vec::new();
    for &from in nodes.iter().step_by(nodes.len().div_ceil(SAMPLES)) {
        let hops = hops(neighbours, from, u32::MAX);
        for &to in nodes.iter().step_by(nodes.len().div_ceil(5000)).filter(|&&to| to != from) {
            pairs.push((f64::from(hops[to]), (centres[from] - centres[to]).length()));
        }
    }
    let (over, under) = pairs.iter().fold((0.0, 0.0), |(o, u), (h, p)| (o + p / h, u + p * p / (h * h)));
    let scale = if under > 0.0 { over / under } else { 0.0 };
    pairs.iter().map(|(h, p)| ((scale * p - h) / h).powi(2)).sum::<f64>() / pairs.len() as f64
}

fn near(neighbours: &[Vec<usize>], nodes: &[usize], centres: &[Point]) -> f64 {
    let sample: Vec<usize> = nodes.iter().copied().step_by(nodes.len().div_ceil(SAMPLES)).collect();
    let mut sum = 0.0;
    for &node in &sample {
        let hops = hops(neighbours, node, 2);
        let count = hops.iter().filter(|&&h| h == 1 || h == 2).count();
        let mut by_page: Vec<(f64, usize)> = nodes
            .iter()
            .filter(|&&other| other != node)
            .map(|&other| ((centres[other] - centres[node]).length(), other))
            .collect();
        if count < by_page.len() {
            by_page.select_nth_unstable_by(count, |a, b| a.0.total_cmp(&b.0));
            by_page.truncate(count);
        }
        let both = by_page.iter().filter(|(_, other)| hops[*other] <= 2).count();
        sum += both as f64 / (2 * count - both) as f64;
    }
    sum / sample.len() as f64
}

fn crossings(edges: &[(usize, usize)], centres: &[Point]) -> f64 {
    let turn = |a: Point, b: Point, c: Point| (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x) > 0.0;
    let sample: Vec<_> = edges.iter().step_by(edges.len().div_ceil(3000).max(1)).collect();
    let mut count = 0;
    for &&(a, b) in &sample {
        for &(c, d) in edges {
            if a == c || a == d || b == c || b == d {
                continue;
            }
            let [pa, pb, pc, pd] = [a, b, c, d].map(|i| centres[i]);
            count +=
                usize::from(turn(pa, pb, pc) != turn(pa, pb, pd) && turn(pc, pd, pa) != turn(pc, pd, pb));
        }
    }
    count as f64 / sample.len() as f64
}

fn overlaps(centres: &[Point], boxes: &[Point]) -> usize {
    // Graphviz's output is rounded: a tenth of a point is no overlap.
    const ROUNDING: f64 = 0.1;
    let mut order: Vec<usize> = (0..centres.len()).collect();
    order.sort_by(|&a, &b| centres[a].x.total_cmp(&centres[b].x));
    let widest = boxes.iter().map(|b| b.x).fold(0.0, f64::max);
    let mut count = 0;
    for (nth, &a) in order.iter().enumerate() {
        for &b in &order[nth + 1..] {
            let d = centres[b] - centres[a];
            if d.x > widest {
                break;
            }
            let need = (boxes[a] + boxes[b]) * 0.5;
            count += usize::from(d.x + ROUNDING < need.x && d.y.abs() + ROUNDING < need.y);
        }
    }
    count
}

fn page(centres: &[Point], boxes: &[Point]) -> f64 {
    let (mut low, mut high) = (Point::new(f64::MAX, f64::MAX), Point::new(f64::MIN, f64::MIN));
    for (c, b) in centres.iter().zip(boxes) {
        low = Point::new(low.x.min(c.x - b.x / 2.0), low.y.min(c.y - b.y / 2.0));
        high = Point::new(high.x.max(c.x + b.x / 2.0), high.y.max(c.y + b.y / 2.0));
    }
    (high.x - low.x) * (high.y - low.y) / boxes.iter().map(|b| b.x * b.y).sum::<f64>()
}

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::point::bounds;
use super::{Layout, LayoutError, Placement, Point, Problem, overlap};

/// An engine of an installed Graphviz: its positions and edge routes.
///
/// Only sizes and numbers go to it, never a name, so that nothing from a capture can speak to it. Engines
/// that leave boxes on each other (a Graphviz without its triangulation library cannot part them) have them
/// moved apart, and the edges routed anew by Graphviz where they are few.
#[derive(Clone, Copy, Debug)]
pub(super) struct Graphviz {
    engine: &'static str,
}

/// How far boxes stand apart at least, in points.
const GAP: f64 = 8.0;
/// How long Graphviz may take.
const LIMIT: Duration = Duration::from_secs(120);
/// Up to this many boxes edges are routed around them: the time for it grows with their cube.
const ROUTED: usize = 60;

impl Graphviz {
    pub(super) const fn new(engine: &'static str) -> Self {
        Self { engine }
    }
}

impl Layout for Graphviz {
    fn place(&self, problem: &Problem) -> Result<Placement, LayoutError> {
        if problem.boxes.is_empty() {
            return Ok(Placement { centres: Vec::new(), routes: vec![Vec::new(); problem.edges.len()] });
        }
        let first = self.run(&[&format!("-K{}", self.engine)], problem, None)?;
        let mut centres = first.centres.clone();
        overlap::separate(&mut centres, &problem.boxes, GAP);
        let placement = if centres == first.centres {
            first
        } else if problem.boxes.len() <= ROUTED {
            // Positions as they are now, only edges routed.
            let second = self.run(&["-Kneato", "-n2"], problem, Some(&centres))?;
            // Graphviz moves the whole to its own origin.
            let shift = centres[0] - second.centres[0];
            let routes = second.routes.into_iter();
            let routes = routes.map(|r| r.into_iter().map(|p| p + shift).collect()).collect();
            Placement { centres, routes }
        } else {
            Placement { centres, routes: vec![Vec::new(); problem.edges.len()] }
        };
        Ok(to_origin(placement, &problem.boxes))
    }
}

impl Graphviz {
    fn run(
        &self,
        arguments: &[&str],
        problem: &Problem,
        centres: Option<&[Point]>,
    ) -> Result<Placement, LayoutError> {
        let child = Command::new("dot")
            .args(arguments)
            .arg("-Tjson0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => LayoutError::NoGraphviz { engine: self.engine },
                _ => self.failed(error.to_string()),
            })?;
        let output = self.talk(child, source(self.engine, problem, centres))?;
        parse(&output, problem)
            .ok_or_else(|| self.failed("its answer is not the graph that was asked for".to_owned()))
    }

    /// Hands the graph over and waits for the answer, no longer than [`LIMIT`].
    fn talk(&self, mut child: Child, source: String) -> Result<Vec<u8>, LayoutError> {
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(self.failed("its pipes are not there".to_owned()));
        };
        // All three at once: a full pipe must not stop the other.
        thread::spawn(move || {
            // If it stops reading, it says why on stderr.
            let _ = stdin.write_all(source.as_bytes());
        });
        let output = collect(stdout);
        let said = collect(stderr);
        let output = match output.recv_timeout(LIMIT) {
            Ok(output) => output,
            Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(LayoutError::GraphvizTooSlow { engine: self.engine, seconds: LIMIT.as_secs() });
            }
        };
        let status = child.wait().map_err(|error| self.failed(error.to_string()))?;
        if status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&said.recv().unwrap_or_default()).trim().to_owned();
        Err(self.failed(if said.is_empty() { status.to_string() } else { said }))
    }

    fn failed(&self, said: String) -> LayoutError {
        LayoutError::GraphvizFailed { engine: self.engine, said }
    }
}

/// All that comes out of a pipe, once it has ended.
fn collect(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is parsed, or not, like the rest.
        let _ = pipe.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

const POINTS_PER_INCH: f64 = 72.0;

/// The graph in DOT. Nodes are `n0`, `n1` and so on; edges carry their number as `nth`.
fn source(engine: &str, problem: &Problem, centres: Option<&[Point]>) -> String {
    // The engine dot has a way of its own, between its layers.
    let splines = if engine == "dot" || problem.boxes.len() <= ROUTED { "true" } else { "line" };
    let mut dot = format!(
        "digraph {{ graph [splines={splines} overlap=true sep=\"+6\" esep=\"+3\" nodesep=0.4 ranksep=0.7 pack=24] \
         node [shape=box fixedsize=true label=\"\"] edge [arrowhead=none]\n"
    );
    for (i, size) in problem.boxes.iter().enumerate() {
        let (width, height) = (size.x / POINTS_PER_INCH, size.y / POINTS_PER_INCH);
        let _ = write!(dot, "n{i} [width={width:.4} height={height:.4}");
        if engine == "patchwork" {
            let _ = write!(dot, " area={:.4}", (width * height).max(0.01));
        }
        if let Some(centre) = centres.and_then(|centres| centres.get(i)) {
            let _ = write!(dot, " pos=\"{:.2},{:.2}\"", centre.x, -centre.y);
        }
        dot.push_str("]\n");
    }
    for (nth, (a, b)) in problem.edges.iter().enumerate() {
        let _ = writeln!(dot, "n{a} -> n{b} [nth={nth}]");
    }
    dot.push_str("}\n");
    dot
}

/// What Graphviz answered; `None` if it is not about this graph.
fn parse(output: &[u8], problem: &Problem) -> Option<Placement> {
    let answer: Value = serde_json::from_slice(output).ok()?;
    let mut centres = vec![None; problem.boxes.len()];
    for object in answer.get("objects")?.as_array()? {
        let Some(node) =
            object["name"].as_str().and_then(|name| name.strip_prefix('n')?.parse::<usize>().ok())
        else {
            continue;
        };
        *centres.get_mut(node)? = point(object["pos"].as_str()?);
    }
    let mut routes = vec![Vec::new(); problem.edges.len()];
    for edge in answer.get("edges").and_then(Value::as_array).into_iter().flatten() {
        let nth: usize = edge["nth"].as_str()?.parse().ok()?;
        // patchwork and the like have no routes.
        if let Some(route) = edge["pos"].as_str() {
            *routes.get_mut(nth)? = spline(route)?;
        }
    }
    Some(Placement { centres: centres.into_iter().collect::<Option<_>>()?, routes })
}

/// `x,y`, upwards, in points.
fn point(text: &str) -> Option<Point> {
    let (x, y) = text.trim_end_matches('!').split_once(',')?;
    let (x, y): (f64, f64) = (x.parse().ok()?, y.split(',').next()?.parse().ok()?);
    (x.is_finite() && y.is_finite()).then(|| Point::new(x, -y))
}

/// A spline's points: `x,y x,y ...`, of which there are `3n + 1`, perhaps after the points of arrowheads.
/// One of several pieces is drawn by its first piece.
fn spline(text: &str) -> Option<Vec<Point>> {
    let piece = text.split(';').next()?;
    let points: Vec<Point> = piece
        .split_ascii_whitespace()
        .filter(|part| !part.starts_with(['e', 's']))
        .map(point)
        .collect::<Option<_>>()?;
    (points.len() % 3 == 1).then_some(points)
}

/// The same picture with its upper left corner at the origin.
fn to_origin(mut placement: Placement, boxes: &[Point]) -> Placement {
    let (low, _) = bounds(&placement.centres, boxes);
    let all = placement.centres.iter_mut().chain(placement.routes.iter_mut().flatten());
    all.for_each(|point| *point = *point - low);
    placement
}

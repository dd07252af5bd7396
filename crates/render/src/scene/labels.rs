//! Where the labels of nodes and edges stand, once shapes and lines have their place.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, HashMap};

use pcapviz_graph::Edge;

use super::draft::GAP;
use super::edges::PlacedNode;
use super::geometry::cubic;
use super::{EdgeMark, Hull, Label, LeftOut, Rect, direction, point};
use crate::caption;
use crate::fold::Folded;
use crate::layout::Point;
use crate::text::{Ruler, Style};
use crate::theme::{Color, Theme};

const LABEL: Style = Style::regular(7.5);
/// Protocols wider than this go on a second line, then lose their middle, in points.
const WIDEST: f64 = 128.0;
/// Free room around a label.
const CLEARANCE: f64 = 1.5;
/// Pictures with more edges have short labels only, and with more than the second number none are tried.
pub(super) const FULL_LABELS: usize = 60;
const MOST_LABELS: usize = 5_000;

/// Gives each edge the fullest label that covers nothing, the busiest edge first.
pub(super) fn place(
    graph: &[Edge],
    nodes: &[PlacedNode],
    edges: &mut [EdgeMark],
    hulls: &[Hull],
    wishes: &[Vec<Label>],
    left_out: &mut LeftOut,
) {
    if graph.len() > MOST_LABELS {
        left_out.edge_labels = graph.len();
        return;
    }
    let mut obstacles = Cover::default();
    for (i, node) in nodes.iter().enumerate() {
        obstacles.add(i, node.room().grown(1.0));
        node.label.iter().for_each(|label| obstacles.add(i, label.bounds));
    }
    for (i, edge) in edges.iter().enumerate() {
        Rect::of(edge.arrow).iter().for_each(|arrow| obstacles.add(i, *arrow));
    }
    for (i, hull) in hulls.iter().enumerate() {
        obstacles.add(i, hull.label.bounds());
    }
    // Lines are better not covered either.
    let lines = lines(edges);
    let mut degree = vec![0_usize; nodes.len()];
    for edge in graph {
        degree[edge.source] += 1;
        degree[edge.target] += 1;
    }
    let mut order: Vec<usize> = (0..graph.len()).collect();
    order.sort_by_key(|&i| (Reverse(graph[i].traffic.bytes), i));
    let mut try_place = |i: usize, label: &Label, edges: &mut [EdgeMark]| {
        let size = point(label.bounds.width(), label.bounds.height());
        let best = places(degree[edges[i].source], degree[edges[i].target])
            .flat_map(|t| beside(&edges[i].spline, t, size))
            .enumerate()
            .filter_map(|(rank, centre)| {
                let room = Rect::around(centre, size).grown(CLEARANCE);
                let free = !obstacles.hits(&room) && lines.others(&room, i) <= MOST_CROSSED;
                free.then(|| (lines.count(&room), rank, centre))
            })
            .min_by_key(|(covered, rank, _)| covered * LINE_COST + rank);
        let found = best.is_some();
        if let Some((covered, _, centre)) = best {
            let label = Label { crossed: covered > 0, ..label.clone().moved(centre) };
            obstacles.add(i, label.bounds);
            edges[i].label = Some(label);
        }
        found
    };
    // First a full label for every edge that has the room; then short ones where there was none.
    let most = wishes.iter().map(Vec::len).max().unwrap_or(0);
    for level in 0..most {
        for &i in &order {
            if edges[i].label.is_none()
                && let Some(label) = wishes[i].get(level)
                && try_place(i, label, edges)
                && level + 1 == most
            {
                left_out.edge_details += 1;
            }
        }
    }
    left_out.edge_labels = edges.iter().filter(|edge| edge.label.is_none()).count();
}

/// The labels that each edge would have, the fullest first, centred on the origin.
pub(super) fn wishes(graph: &Folded, theme: Theme, ruler: &Ruler) -> Vec<Vec<Label>> {
    let edges = &graph.edges;
    let shared = caption::shared_protocols(edges);
    if edges.len() > MOST_LABELS {
        return vec![Vec::new(); edges.len()];
    }
    edges
        .iter()
        .zip(&graph.notes)
        .enumerate()
        .map(|(i, (edge, notes))| {
            let color = theme.family_ink(graph.family(i));
            let short = ruler.fit(&caption::edge_short(edge), LABEL, WIDEST);
            let mut labels = Vec::with_capacity(2);
            if edges.len() <= FULL_LABELS {
                let protocols = wrapped(&caption::own_protocols(edge, shared, notes.as_ref()), ruler);
                labels.push(label([caption::edge_volume(edge)].into_iter().chain(protocols), color, ruler));
            }
            labels.push(label([short], color, ruler));
            labels
        })
        .collect()
}

fn label(lines: impl IntoIterator<Item = String>, color: Color, ruler: &Ruler) -> Label {
    let lines = lines.into_iter().filter(|line| !line.is_empty()).map(|line| (line, LABEL, color));
    let label = Label::below(Point::default(), lines, ruler);
    let up = -label.bounds.height() / 2.0;
    label.moved(point(0.0, up))
}

/// Protocols on one line, or two.
fn wrapped(protocols: &str, ruler: &Ruler) -> Vec<String> {
    if ruler.width(protocols, LABEL) <= WIDEST {
        return vec![protocols.to_owned()];
    }
    let parts: Vec<&str> = protocols.split(" | ").collect();
    let first =
        (1..parts.len()).rev().find(|&n| ruler.width(&parts[..n].join(" | "), LABEL) <= WIDEST).unwrap_or(1);
    let rest = ruler.fit(&parts[first..].join(" | "), LABEL, WIDEST);
    vec![parts[..first].join(" | "), rest]
}

/// Rectangles found by place, each with the node or edge that it belongs to.
#[derive(Default)]
struct Cover {
    cells: HashMap<(i64, i64), Vec<(usize, Rect)>>,
}

const CELL: f64 = 48.0;

impl Cover {
    fn cells(rect: &Rect) -> impl Iterator<Item = (i64, i64)> + use<> {
        let cell = |x: f64| (x / CELL).floor() as i64;
        let (left, right, top, bottom) =
            (cell(rect.left), cell(rect.right), cell(rect.top), cell(rect.bottom));
        (left..=right).flat_map(move |x| (top..=bottom).map(move |y| (x, y)))
    }

    fn add(&mut self, owner: usize, rect: Rect) {
        for cell in Self::cells(&rect) {
            self.cells.entry(cell).or_default().push((owner, rect));
        }
    }

    fn remove(&mut self, owner: usize, rect: Rect) {
        for cell in Self::cells(&rect) {
            if let Some(rects) = self.cells.get_mut(&cell) {
                rects.retain(|held| *held != (owner, rect));
            }
        }
    }

    fn over<'a>(&'a self, rect: &'a Rect) -> impl Iterator<Item = usize> + 'a {
        Self::cells(rect)
            .filter_map(|cell| self.cells.get(&cell))
            .flatten()
            .filter(|(_, held)| held.overlaps(rect))
            .map(|(owner, _)| *owner)
    }

    fn hits(&self, rect: &Rect) -> bool {
        self.over(rect).next().is_some()
    }

    /// How many of the rectangles overlap; one in several cells counts several times.
    fn count(&self, rect: &Rect) -> usize {
        self.over(rect).count()
    }

    /// How many others than one owner are there.
    fn others(&self, rect: &Rect, own: usize) -> usize {
        self.over(rect).filter(|owner| *owner != own).collect::<BTreeSet<_>>().len()
    }
}

/// The lines of all edges, as small squares along them.
fn lines(edges: &[EdgeMark]) -> Cover {
    let mut lines = Cover::default();
    for (i, edge) in edges.iter().enumerate() {
        for sample in samples(&edge.spline) {
            lines.add(i, Rect::around(sample, point(1.0, 1.0)));
        }
        Rect::of(edge.arrow).iter().for_each(|arrow| lines.add(i, *arrow));
    }
    lines
}

/// Moves labels that lines pass through to where fewer do, the busiest node first: another side of their
/// shape or beside one of its corners, wherever nothing else stands.
pub(super) fn settle(graph: &Folded, nodes: &mut [PlacedNode], edges: &[EdgeMark], hulls: &[Hull]) {
    if edges.len() > MOST_LABELS {
        return;
    }
    let lines = lines(edges);
    let (mut shapes, mut labels) = (Cover::default(), Cover::default());
    for (i, node) in nodes.iter().enumerate() {
        shapes.add(i, node.room().grown(1.0));
        node.label.iter().for_each(|label| labels.add(i, label.bounds));
    }
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|&i| (Reverse(graph.nodes[i].node.traffic().bytes), i));
    for i in order {
        let node = &mut nodes[i];
        let (centre, shape) = (node.centre, node.room());
        let Some(old) = node.label.take() else { continue };
        let crossed = lines.count(&old.bounds);
        if crossed == 0 || old.bounds.overlaps(&shape) {
            node.label = Some(old);
            continue;
        }
        let best = around(&old, centre, &shape)
            .into_iter()
            .enumerate()
            .filter_map(|(rank, moved)| {
                let room = moved.bounds.grown(CLEARANCE);
                let free = !moved.bounds.overlaps(&shape)
                    && hulls.iter().all(|hull| hull.leaves_room(&shape, &moved.bounds))
                    && shapes.over(&room).chain(labels.over(&room)).all(|owner| owner == i);
                free.then(|| (lines.count(&room), rank, moved))
            })
            .min_by_key(|(crossed, rank, _)| (*crossed, *rank));
        let settled = match best {
            Some((fewer, _, moved)) if fewer < crossed => {
                labels.remove(i, old.bounds);
                labels.add(i, moved.bounds);
                Label { crossed: fewer > 0, ..moved }
            }
            _ => Label { crossed: true, ..old },
        };
        node.label = Some(settled);
    }
}

/// The places that a label can have around its shape, those first that tell best what it belongs to.
fn around(label: &Label, centre: Point, shape: &Rect) -> Vec<Label> {
    /// From a horizontal edge through the centre to a label above or below it.
    const ASIDE: f64 = 8.0;
    /// The same where two edges are parted.
    const FAR_ASIDE: f64 = 16.0;
    let (width, height) = (label.bounds.width(), label.bounds.height());
    let (above, below) = (shape.top - GAP - height, shape.bottom + GAP);
    let (left, right) = (shape.left - GAP - width, shape.right + GAP);
    let middle = centre.x - width / 2.0;
    let (upper, lower) = (centre.y - ASIDE - height, centre.y + ASIDE);
    [
        (middle, below, 0.0),
        (middle, above, 0.0),
        (right, centre.y - height / 2.0, -1.0),
        (left, centre.y - height / 2.0, 1.0),
        (centre.x + ASIDE, below, -1.0),
        (centre.x - ASIDE - width, below, 1.0),
        (centre.x + ASIDE, above, -1.0),
        (centre.x - ASIDE - width, above, 1.0),
        (centre.x + FAR_ASIDE, below, -1.0),
        (centre.x - FAR_ASIDE - width, below, 1.0),
        (centre.x + FAR_ASIDE, above, -1.0),
        (centre.x - FAR_ASIDE - width, above, 1.0),
        (right, lower, -1.0),
        (left, lower, 1.0),
        (right, upper, -1.0),
        (left, upper, 1.0),
    ]
    .into_iter()
    .map(|(x, y, flush)| label.clone().moved(point(x - label.bounds.left, y - label.bounds.top)).flush(flush))
    .collect()
}

/// A label that hides more other edges than this does more harm than good.
const MOST_CROSSED: usize = 2;
/// How many places further along is still better than covering a sample of a line.
const LINE_COST: usize = 4;

/// Where along an edge its label may stand, the best place first: in the middle, or nearer to the end with
/// fewer edges, where there is more room around it.
fn places(from_degree: usize, to_degree: usize) -> impl Iterator<Item = f64> {
    const STEPS: [f64; 13] = [0.0, 0.05, -0.05, 0.1, -0.1, 0.15, -0.15, 0.2, -0.2, 0.25, -0.25, -0.3, -0.35];
    let towards_target = match from_degree.cmp(&to_degree) {
        Ordering::Greater => 0.1,
        Ordering::Equal => 0.0,
        Ordering::Less => -0.1,
    };
    STEPS.iter().map(move |step| 0.5 + towards_target + step * if towards_target < 0.0 { -1.0 } else { 1.0 })
}

/// The point at a share of a spline's pieces.
fn at(spline: &[Point], t: f64) -> Point {
    let pieces = (spline.len() - 1) / 3;
    let place = t.clamp(0.0, 1.0) * pieces as f64;
    let piece = (place.floor() as usize).min(pieces.saturating_sub(1));
    match spline.get(piece * 3..piece * 3 + 4) {
        Some(&[a, b, c, d]) => cubic([a, b, c, d], place - piece as f64),
        _ => spline.first().copied().unwrap_or_default(),
    }
}

/// Where a label's centre can be at a point of a spline: beside the line, on the side to which it bends
/// (above it where it is straight), on the other side, or on the line.
fn beside(spline: &[Point], t: f64, size: Point) -> [Point; 3] {
    const GAP: f64 = 2.5;
    let here = at(spline, t);
    let way = direction(at(spline, t - 0.02), at(spline, t + 0.02));
    let mut normal = point(-way.y, way.x);
    let chord = (spline[0] + spline[spline.len() - 1]) * 0.5;
    let bend = at(spline, 0.5) - chord;
    let outwards = bend.x * normal.x + bend.y * normal.y;
    if outwards < -0.5 || (outwards.abs() <= 0.5 && normal.y > 0.0) {
        normal = normal * -1.0;
    }
    // As far as the rectangle reaches towards the line.
    let far = (normal.x.abs() * size.x + normal.y.abs() * size.y) / 2.0 + GAP;
    [here + normal * far, here + normal * -far, here]
}

/// Points along a spline, a label's height apart.
fn samples(spline: &[Point]) -> impl Iterator<Item = Point> + '_ {
    const APART: f64 = 8.0;
    let length: f64 = spline.windows(2).map(|pair| (pair[1] - pair[0]).length()).sum();
    let count = ((length / APART) as usize).clamp(2, 200);
    (0..=count).map(move |i| at(spline, i as f64 / count as f64))
}

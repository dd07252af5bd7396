//! Edges with their lines and labels, for nodes that have their place.

use std::cmp::Ordering;
use std::collections::HashMap;

use pcapviz_graph::Edge;

use super::draft::{Detail, Draft, LOOP_HEIGHT};
use super::geometry::cubic;
use super::{EdgeMark, Label, LeftOut, Outline, Rect, direction, point};
use crate::layout::{Placement, Point};
use crate::text::{Ruler, Style};
use crate::theme::{Color, Family};
use crate::{View, caption};

const LABEL: Style = Style::regular(7.5);
/// Protocols wider than this go on a second line, then lose their middle, in points.
const WIDEST: f64 = 128.0;
/// Free room around an edge's label.
const CLEARANCE: f64 = 1.5;
/// Pictures with more edges have short labels only, and with more than the second number none are tried.
const FULL_LABELS: usize = 120;
const MOST_LABELS: usize = 5_000;
/// How much a small picture may be stretched to make room for its edges' labels.
const STRETCHES: [f64; 4] = [1.0, 1.2, 1.4, 1.65];

/// The graph on a page of its own.
pub(super) struct Picture {
    /// Each node's centre, outline and label.
    pub(super) nodes: Vec<(Point, Outline, Option<Label>)>,
    pub(super) edges: Vec<EdgeMark>,
    pub(super) bounds: Rect,
    pub(super) left_out: LeftOut,
}

impl Picture {
    pub(super) fn of(view: &View<'_>, drafts: &[Draft<'_>], placement: &Placement, ruler: &Ruler) -> Self {
        // Wishes from the fullest to the shortest: which label an edge would have.
        let wishes = wishes(view, ruler);
        let mut best: Option<Self> = None;
        for stretch in STRETCHES {
            let picture = Self::stretched(view, drafts, placement, &wishes, stretch);
            let cost = |p: &Self| (p.left_out.edge_labels, p.left_out.edge_details);
            let done = cost(&picture) == (0, 0) || view.graph.edges().len() > FULL_LABELS;
            if best.as_ref().is_none_or(|best| cost(&picture) < cost(best)) {
                best = Some(picture);
            }
            if done {
                break;
            }
        }
        best.unwrap_or_else(|| Self::stretched(view, drafts, placement, &wishes, 1.0))
    }

    fn stretched(
        view: &View<'_>,
        drafts: &[Draft<'_>],
        placement: &Placement,
        wishes: &[Vec<Label>],
        stretch: f64,
    ) -> Self {
        let nodes = place_nodes(view, drafts, placement, stretch);
        let mut edges = marks(view, &nodes, placement, stretch);
        let mut left_out = LeftOut {
            node_labels: drafts.iter().filter(|d| d.detail == Detail::None).count(),
            node_details: drafts.iter().filter(|d| matches!(d.detail, Detail::Name | Detail::Brief)).count(),
            ..LeftOut::default()
        };
        place_labels(view.graph.edges(), &nodes, &mut edges, wishes, &mut left_out);
        let bounds = bounds(&nodes, &edges);
        Self { nodes, edges, bounds, left_out }
    }

    /// Moves everything.
    pub(super) fn shift(&mut self, by: Point) {
        for (centre, outline, label) in &mut self.nodes {
            *centre += by;
            *outline = outline.clone().moved(by);
            *label = label.take().map(|label| label.moved(by));
        }
        for edge in &mut self.edges {
            for p in edge.spline.iter_mut().chain(&mut edge.arrow) {
                *p += by;
            }
            edge.label = edge.label.take().map(|label| label.moved(by));
        }
        self.bounds = self.bounds.moved(by);
    }
}

/// Each node with its label under the shape, or above it where fewer of its edges leave that way.
fn place_nodes(
    view: &View<'_>,
    drafts: &[Draft<'_>],
    placement: &Placement,
    stretch: f64,
) -> Vec<(Point, Outline, Option<Label>)> {
    let centres = &placement.centres;
    // How many more edges leave through a label under the shape than through one above.
    let mut below = vec![0_i64; drafts.len()];
    for edge in view.graph.edges() {
        for (here, there) in [(edge.source, edge.target), (edge.target, edge.source)] {
            let way = centres[there] - centres[here];
            let half_width = drafts[here].label.as_ref().map_or(0.0, |l| l.bounds.width() / 2.0);
            let reach = drafts[here].size.y / 2.0;
            // Where the edge is sideways when it is past the label.
            if way.y.abs() > 1e-9 && (way.x / way.y * reach).abs() < half_width {
                below[here] += if way.y > 0.0 { 1 } else { -1 };
            }
        }
    }
    drafts
        .iter()
        .zip(centres)
        .zip(below)
        .map(|((draft, &centre), below)| {
            let (label, shift) = if draft.can_flip && below > 0 {
                draft.flipped()
            } else {
                (draft.label.clone(), draft.shift)
            };
            let centre = centre * stretch + shift;
            (centre, draft.outline.clone().moved(centre), label.map(|label| label.moved(centre)))
        })
        .collect()
}

fn bounds(nodes: &[(Point, Outline, Option<Label>)], edges: &[EdgeMark]) -> Rect {
    let nodes = nodes.iter().flat_map(|(_, outline, label)| {
        // A shape's line is as wide again as the shape says.
        [Some(outline.bounds().grown(1.0)), label.as_ref().map(|l| l.bounds)]
    });
    let edges = edges.iter().flat_map(|edge| {
        let line =
            Rect::of(edge.spline.iter().chain(&edge.arrow).copied()).map(|r| r.grown(edge.width / 2.0));
        [line, edge.label.as_ref().map(|l| l.bounds)]
    });
    nodes.chain(edges).flatten().reduce(Rect::union).unwrap_or_default()
}

/// The widest line of an edge: wider where the busiest edge of the graph carries more.
fn widest(most: u64) -> f64 {
    (1.2 + 0.6 * (most as f64 / 100.0).max(1.0).log10()).clamp(1.6, 5.5)
}

/// The width of an edge's line: it falls with the logarithm of its bytes below the graph's busiest edge,
/// to the narrowest at a ten-thousandth of it.
pub(crate) fn line_width(bytes: u64, most: u64) -> f64 {
    const NARROWEST: f64 = 0.8;
    let decades = (most.max(1) as f64 / bytes.max(1) as f64).log10();
    NARROWEST + (widest(most) - NARROWEST) * (1.0 - decades / 4.0).max(0.0)
}

/// The fewest bytes of any edge.
pub(super) fn fewest_bytes(view: &View<'_>) -> u64 {
    view.graph.edges().iter().map(|edge| edge.traffic.bytes).min().unwrap_or(0)
}

/// The most bytes of any edge.
pub(crate) fn most_bytes(view: &View<'_>) -> u64 {
    view.graph.edges().iter().map(|edge| edge.traffic.bytes).max().unwrap_or(0)
}

fn marks(
    view: &View<'_>,
    nodes: &[(Point, Outline, Option<Label>)],
    placement: &Placement,
    stretch: f64,
) -> Vec<EdgeMark> {
    let edges = view.graph.edges();
    let most = most_bytes(view);
    let has = |source: usize, target: usize| {
        edges.binary_search_by_key(&(source, target), |edge| (edge.source, edge.target)).is_ok()
    };
    edges
        .iter()
        .enumerate()
        .map(|(i, edge)| {
            let width = line_width(edge.traffic.bytes, most);
            let ((from, from_outline, _), (to, to_outline, _)) = (&nodes[edge.source], &nodes[edge.target]);
            let route = placement.routes.get(i).filter(|route| route.len() >= 4 && route.len() % 3 == 1);
            let way = if edge.source == edge.target {
                self_loop(*from, from_outline)
            } else if let Some(route) = route {
                let mut way: Vec<Point> = route.iter().map(|&p| p * stretch).collect();
                let last = way.len() - 1;
                way[0] = from_outline.border(*from, way[1]);
                way[last] = to_outline.border(*to, way[last - 1]);
                way
            } else {
                arc((*from, from_outline), (*to, to_outline), has(edge.target, edge.source))
            };
            let (spline, arrow) = with_arrow(way, width);
            let family = Family::of(edge.protocols);
            EdgeMark {
                source: edge.source,
                target: edge.target,
                spline,
                arrow,
                width,
                color: family.stroke(),
                class: family.class(),
                label: None,
                tooltip: caption::edge_tooltip(view, edge),
            }
        })
        .collect()
}

/// A line from border to border; bent to its own right where another comes back.
fn arc(from: (Point, &Outline), to: (Point, &Outline), bent: bool) -> Vec<Point> {
    let ((a, a_outline), (b, b_outline)) = (from, to);
    let middle = (a + b) * 0.5;
    let bow = if bent {
        let way = direction(a, b);
        let far = ((b - a).length() * 0.11).clamp(8.0, 40.0);
        point(-way.y, way.x) * far
    } else {
        Point::default()
    };
    let control = middle + bow;
    let (start, end) = (a_outline.border(a, control), b_outline.border(b, control));
    // A quadratic curve as a cubic one.
    let third = |p: Point| p * (1.0 / 3.0) + control * (2.0 / 3.0);
    vec![start, third(start), third(end), end]
}

/// A loop above a shape.
fn self_loop(centre: Point, outline: &Outline) -> Vec<Point> {
    let top = outline.bounds().top;
    let reach = |x: f64| outline.border(centre, centre + point(x, top - centre.y));
    let (start, end) = (reach(-7.0), reach(7.0));
    // A cubic curve rises three quarters of the way to its control points.
    let peak = top - LOOP_HEIGHT / 0.75 + 8.0;
    vec![start, point(centre.x - 15.0, peak), point(centre.x + 15.0, peak), end]
}

/// The line up to the arrowhead's base, and the arrowhead.
fn with_arrow(mut way: Vec<Point>, width: f64) -> (Vec<Point>, [Point; 3]) {
    let last = way.len() - 1;
    let tip = way[last];
    let span = (tip - way[0]).length();
    let size =
        (5.0 + 1.5 * width).min(if way.len() == 4 && span > 0.0 { (span * 0.45).max(2.0) } else { f64::MAX });
    let from = if (tip - way[last - 1]).length() > 1e-6 { way[last - 1] } else { way[0] };
    let along = direction(from, tip);
    let base = tip - along * size;
    let side = point(-along.y, along.x) * (size * 0.42);
    // The line ends within the arrowhead, so that no gap shows.
    let end = tip - along * (size * 0.8);
    way[last - 1] = way[last - 1] - along * (size * 0.4);
    way[last] = end;
    (way, [tip, base + side, base - side])
}

/// The labels that each edge would have, the fullest first, centred on the origin.
fn wishes(view: &View<'_>, ruler: &Ruler) -> Vec<Vec<Label>> {
    let edges = view.graph.edges();
    if edges.len() > MOST_LABELS {
        return vec![Vec::new(); edges.len()];
    }
    edges
        .iter()
        .map(|edge| {
            let color = Family::of(edge.protocols).ink();
            let short = ruler.fit(&caption::edge_short(edge), LABEL, WIDEST);
            let mut labels = Vec::with_capacity(2);
            if edges.len() <= FULL_LABELS {
                let protocols = wrapped(&caption::edge_protocols(view, edge), ruler);
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

/// Rectangles that may not be covered, found by place.
#[derive(Default)]
struct Obstacles {
    cells: HashMap<(i64, i64), Vec<Rect>>,
}

const CELL: f64 = 48.0;

impl Obstacles {
    fn cells(rect: &Rect) -> impl Iterator<Item = (i64, i64)> + use<> {
        let cell = |x: f64| (x / CELL).floor() as i64;
        let (left, right, top, bottom) =
            (cell(rect.left), cell(rect.right), cell(rect.top), cell(rect.bottom));
        (left..=right).flat_map(move |x| (top..=bottom).map(move |y| (x, y)))
    }

    fn add(&mut self, rect: Rect) {
        for cell in Self::cells(&rect) {
            self.cells.entry(cell).or_default().push(rect);
        }
    }

    fn hits(&self, rect: &Rect) -> bool {
        Self::cells(rect)
            .any(|cell| self.cells.get(&cell).is_some_and(|rects| rects.iter().any(|r| r.overlaps(rect))))
    }

    /// How many of the rectangles overlap; one in several cells counts several times.
    fn count(&self, rect: &Rect) -> usize {
        Self::cells(rect)
            .filter_map(|cell| self.cells.get(&cell))
            .map(|rects| rects.iter().filter(|r| r.overlaps(rect)).count())
            .sum()
    }
}

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

/// Gives each edge the fullest label that covers nothing, the busiest edge first.
fn place_labels(
    graph: &[Edge],
    nodes: &[(Point, Outline, Option<Label>)],
    edges: &mut [EdgeMark],
    wishes: &[Vec<Label>],
    left_out: &mut LeftOut,
) {
    if graph.len() > MOST_LABELS {
        left_out.edge_labels = graph.len();
        return;
    }
    let mut obstacles = Obstacles::default();
    for (_, outline, label) in nodes {
        obstacles.add(outline.bounds().grown(1.0));
        label.iter().for_each(|label| obstacles.add(label.bounds));
    }
    // Lines are better not covered either.
    let mut lines = Obstacles::default();
    for edge in edges.iter() {
        obstacles.extend_arrow(&edge.arrow);
        for sample in samples(&edge.spline) {
            lines.add(Rect::around(sample, point(1.0, 1.0)));
        }
    }
    let mut degree = vec![0_usize; nodes.len()];
    for edge in graph {
        degree[edge.source] += 1;
        degree[edge.target] += 1;
    }
    let mut order: Vec<usize> = (0..graph.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(graph[i].traffic.bytes), i));
    let mut place = |i: usize, label: &Label, edges: &mut [EdgeMark]| {
        let size = point(label.bounds.width(), label.bounds.height());
        let best = places(degree[edges[i].source], degree[edges[i].target])
            .flat_map(|t| beside(&edges[i].spline, t, size))
            .enumerate()
            .filter_map(|(rank, centre)| {
                let room = Rect::around(centre, size).grown(CLEARANCE);
                (!obstacles.hits(&room)).then(|| (lines.count(&room), rank, centre))
            })
            .min_by_key(|(covered, rank, _)| covered * LINE_COST + rank);
        let found = best.is_some();
        if let Some((.., centre)) = best {
            let label = label.clone().moved(centre);
            obstacles.add(label.bounds);
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
                && place(i, label, edges)
                && level + 1 == most
            {
                left_out.edge_details += 1;
            }
        }
    }
    left_out.edge_labels = edges.iter().filter(|edge| edge.label.is_none()).count();
}

impl Obstacles {
    fn extend_arrow(&mut self, arrow: &[Point; 3]) {
        if let Some(rect) = Rect::of(arrow.iter().copied()) {
            self.add(rect);
        }
    }
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

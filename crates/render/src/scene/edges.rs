//! Nodes in their place, and the lines between them.

use std::collections::BTreeSet;

use pcapviz_graph::Edge;

use super::draft::{Detail, Draft, LOOP_HEIGHT};
use super::flags::Flags;
use super::geometry::cubic;
use super::{EdgeMark, Halo, Hull, Label, LeftOut, Outline, Rect, Strand, direction, labels, point};
use crate::fold::Folded;
use crate::layout::{Placement, Point, runs_through};
use crate::text::Ruler;
use crate::theme::{Color, Family, Theme};
use crate::{View, caption};

/// How much a small picture may be stretched to make room for its edges' labels.
const STRETCHES: [f64; 4] = [1.0, 1.2, 1.4, 1.65];
/// With more edges than this a stretched picture becomes too large to read as a whole.
const MOST_STRETCHED: usize = 30;
/// Up to so many edges a picture is stretched until no edge passes under a label.
const MOST_FREED: usize = 16;

/// Up to so many edges each goes around nodes that stand in its way.
const MOST_LED_AROUND: usize = 80;

/// A node in its place.
pub(super) struct PlacedNode {
    /// Its shape's centre.
    pub(super) centre: Point,
    pub(super) outline: Outline,
    /// How far what is drawn around the shape stands out of it.
    rim: f64,
    pub(super) label: Option<Label>,
}

impl PlacedNode {
    /// The room that its shape takes, with what is drawn around it.
    pub(super) fn room(&self) -> Rect {
        self.outline.bounds().grown(self.rim)
    }
}

/// The graph on a page of its own.
pub(super) struct Picture {
    pub(super) nodes: Vec<PlacedNode>,
    pub(super) edges: Vec<EdgeMark>,
    pub(super) bounds: Rect,
    pub(super) left_out: LeftOut,
}

impl Picture {
    pub(super) fn of(
        subject: &Subject<'_>,
        drafts: &[Draft<'_>],
        placement: &Placement,
        ruler: &Ruler,
    ) -> Self {
        let Subject { graph, hulls, theme, .. } = *subject;
        let few = graph.edges.len() <= MOST_FREED;
        // Wishes from the fullest to the shortest: which label an edge would have.
        let wishes = labels::wishes(graph, theme, ruler);
        let mut best: Option<Self> = None;
        for stretch in STRETCHES {
            let picture = Self::stretched(subject, drafts, placement, &wishes, stretch);
            let crossed = |p: &Self| if few { p.crossed_labels() } else { 0 };
            let cost = |p: &Self| (p.left_out.edge_labels, p.left_out.edge_details, crossed(p));
            // Frames do not stretch.
            let done = cost(&picture) == (0, 0, 0) || graph.edges.len() > MOST_STRETCHED || !hulls.is_empty();
            if best.as_ref().is_none_or(|best| cost(&picture) < cost(best)) {
                best = Some(picture);
            }
            if done {
                break;
            }
        }
        best.unwrap_or_else(|| Self::stretched(subject, drafts, placement, &wishes, 1.0))
    }

    fn stretched(
        subject: &Subject<'_>,
        drafts: &[Draft<'_>],
        placement: &Placement,
        wishes: &[Vec<Label>],
        stretch: f64,
    ) -> Self {
        let graph = subject.graph;
        let mut nodes = place_nodes(graph, drafts, placement, stretch);
        let mut edges = marks(subject, &nodes, placement, stretch);
        labels::settle(graph, &mut nodes, &edges, subject.hulls);
        let mut left_out = LeftOut {
            node_labels: drafts.iter().filter(|d| d.detail == Detail::None).count(),
            node_details: drafts.iter().filter(|d| matches!(d.detail, Detail::Name | Detail::Brief)).count(),
            ..LeftOut::default()
        };
        labels::place(&graph.edges, &nodes, &mut edges, subject.hulls, wishes, &mut left_out);
        let frames = subject.hulls.iter().map(|hull| hull.rect);
        let bounds = frames.chain(bounds(&nodes, &edges)).reduce(Rect::union).unwrap_or_default();
        Self { nodes, edges, bounds, left_out }
    }

    fn crossed_labels(&self) -> usize {
        let nodes = self.nodes.iter().filter_map(|node| node.label.as_ref());
        let edges = self.edges.iter().filter_map(|edge| edge.label.as_ref());
        nodes.chain(edges).filter(|label| label.crossed).count()
    }

    /// Moves everything.
    pub(super) fn shift(&mut self, by: Point) {
        for node in &mut self.nodes {
            node.centre += by;
            node.outline = node.outline.clone().moved(by);
            node.label = node.label.take().map(|label| label.moved(by));
        }
        for edge in &mut self.edges {
            let strands = edge.strands.iter_mut().flat_map(|strand| &mut strand.spline);
            for p in edge.spline.iter_mut().chain(&mut edge.arrow).chain(strands) {
                *p += by;
            }
            edge.label = edge.label.take().map(|label| label.moved(by));
        }
        self.bounds = self.bounds.moved(by);
    }
}

/// Each node with its label under the shape, or above it where fewer of its edges leave that way.
fn place_nodes(graph: &Folded, drafts: &[Draft<'_>], placement: &Placement, stretch: f64) -> Vec<PlacedNode> {
    let centres = &placement.centres;
    // How many more edges leave through a label under the shape than through one above.
    let mut below = vec![0_i64; drafts.len()];
    for edge in &graph.edges {
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
            PlacedNode {
                centre,
                outline: draft.outline.clone().moved(centre),
                rim: draft.rim(),
                label: label.map(|label| label.moved(centre)),
            }
        })
        .collect()
}

fn bounds(nodes: &[PlacedNode], edges: &[EdgeMark]) -> Option<Rect> {
    let nodes = nodes.iter().flat_map(|node| {
        // A shape's line is as wide again as the shape says.
        [Some(node.room().grown(1.0)), node.label.as_ref().map(|l| l.bounds)]
    });
    let edges = edges.iter().flat_map(|edge| {
        let line =
            Rect::of(edge.spline.iter().chain(&edge.arrow).copied()).map(|r| r.grown(edge.width / 2.0 + 1.0));
        [line, edge.label.as_ref().map(|l| l.bounds)]
    });
    nodes.chain(edges).flatten().reduce(Rect::union)
}

/// The widest line of an edge: wider where the busiest edge of the graph carries more.
fn widest(most: u64) -> f64 {
    (1.2 + 0.6 * (most as f64 / 100.0).max(1.0).log10()).clamp(1.6, 5.5)
}

/// The width of an edge's line in a picture of so many edges: it falls with the logarithm of its bytes below
/// the graph's busiest edge, to the narrowest at a ten-thousandth of it.
pub(crate) fn line_width(bytes: u64, most: u64, count: usize) -> f64 {
    const NARROWEST: f64 = 0.8;
    let share = rank(bytes, most);
    // In a crowd, only the busiest are wide.
    let crowd = crowding(count);
    (NARROWEST + (widest(most) - NARROWEST) * share.powf(crowd)) / crowd.sqrt()
}

/// How opaque an edge's line is: in a crowd, and most of all in a tangle, those of few bytes stand back.
pub(super) fn opacity(bytes: u64, most: u64, count: usize, tangle: f64) -> f64 {
    let faintest = ((1.6 - 0.6 * crowding(count)) / tangle).clamp(0.28, 1.0);
    faintest + (1.0 - faintest) * rank(bytes, most).powf(tangle)
}

/// How much a graph's edges lie over each other, wherever its nodes are: from 1, where they can be told apart as lines,
/// to 3. O(edges log edges).
pub(super) fn tangle(graph: &Folded) -> f64 {
    /// So many, or two for each node, are no tangle yet.
    const FREE: usize = 60;
    let joined = |&edge: &&Edge| edge.source < edge.target || !has(&graph.edges, edge.target, edge.source);
    let pairs = graph.edges.iter().filter(joined).count();
    (pairs as f64 / (2 * graph.nodes.len()).max(FREE) as f64).clamp(1.0, 3.0)
}

/// Whether there is an edge from one node to another.
fn has(edges: &[Edge], source: usize, target: usize) -> bool {
    edges.binary_search_by_key(&(source, target), |edge| (edge.source, edge.target)).is_ok()
}

/// Where an edge stands by its bytes: from 1 for the busiest, by their logarithm, to 0 for a ten-thousandth of it.
pub(super) fn rank(bytes: u64, most: u64) -> f64 {
    let decades = (most.max(1) as f64 / bytes.max(1) as f64).log10();
    (1.0 - decades / 4.0).clamp(0.0, 1.0)
}

/// How much so many edges crowd a page: from 1 up to 120 of them to 2.2.
fn crowding(count: usize) -> f64 {
    (count as f64 / 120.0).max(1.0).sqrt().min(2.2)
}

/// The fewest bytes of any edge.
pub(super) fn fewest_bytes(edges: &[Edge]) -> u64 {
    edges.iter().map(|edge| edge.traffic.bytes).min().unwrap_or(0)
}

/// The most bytes of any edge.
pub(crate) fn most_bytes(edges: &[Edge]) -> u64 {
    edges.iter().map(|edge| edge.traffic.bytes).max().unwrap_or(0)
}

/// What is drawn, and in which colours.
pub(super) struct Subject<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) graph: &'a Folded,
    pub(super) flags: &'a Flags,
    pub(super) hulls: &'a [Hull],
    pub(super) theme: Theme,
}

fn marks(subject: &Subject<'_>, nodes: &[PlacedNode], placement: &Placement, stretch: f64) -> Vec<EdgeMark> {
    let Subject { view, graph, flags, theme, .. } = *subject;
    let edges = &graph.edges;
    let most = most_bytes(edges);
    let title = |i: usize| caption::group_title(view, &graph.nodes[i]);
    let tangle = tangle(graph);
    edges
        .iter()
        .enumerate()
        .map(|(i, edge)| {
            let width = line_width(edge.traffic.bytes, most, edges.len());
            let (from, to) = (&nodes[edge.source], &nodes[edge.target]);
            let route = placement.routes.get(i).filter(|route| route.len() >= 4 && route.len() % 3 == 1);
            let way = if edge.source == edge.target {
                self_loop(from.centre, &from.outline)
            } else if let Some(route) = route {
                let mut way: Vec<Point> = route.iter().map(|&p| p * stretch).collect();
                let last = way.len() - 1;
                way[0] = from.outline.border(from.centre, way[1]);
                way[last] = to.outline.border(to.centre, way[last - 1]);
                way
            } else {
                let bent = has(edges, edge.target, edge.source);
                let plain = arc(from, to, if bent { parted(from, to) } else { 0.0 });
                if edges.len() <= MOST_LED_AROUND {
                    around(plain, nodes, subject.hulls, (edge.source, edge.target), bent)
                } else {
                    plain
                }
            };
            let (spline, arrow) = with_arrow(way, width);
            let family = graph.family(i);
            EdgeMark {
                strands: strands(&spline, &shares(graph, i, width, theme), width),
                source: edge.source,
                target: edge.target,
                spline,
                arrow,
                width,
                color: theme.stroke(family),
                opacity: opacity(edge.traffic.bytes, most, edges.len(), tangle),
                dash: theme.dash(family).iter().map(|length| length * width.max(1.0)).collect(),
                halo: flags.edges[i].map(|severity| Halo::new(severity, theme)),
                class: family.class(),
                label: None,
                tooltip: caption::edge_tooltip(
                    edge,
                    graph.notes[i].as_ref(),
                    &title(edge.source),
                    &title(edge.target),
                ),
            }
        })
        .collect()
}

/// Which families besides that of the most bytes an edge's line has room to show, each with how much of its width.
fn shares(graph: &Folded, edge: usize, width: f64, theme: Theme) -> Vec<(Family, Color, f64)> {
    /// What is narrower is not seen beside another colour.
    const NARROWEST: f64 = 0.6;
    /// The family of the most bytes keeps so much of the width.
    const KEPT: f64 = 0.4;
    // Where colours are not told apart, dashes are, of the whole line.
    if !theme.dash(graph.family(edge)).is_empty() {
        return Vec::new();
    }
    let all: u64 = graph.families[edge].iter().map(|(_, bytes)| bytes).sum();
    let mut room = width * (1.0 - KEPT);
    let mut shares = Vec::new();
    for &(family, bytes) in graph.families[edge].iter().skip(1) {
        let own = (width * bytes as f64 / all.max(1) as f64).max(NARROWEST);
        if own > room {
            break;
        }
        room -= own;
        shares.push((family, theme.stroke(family), own));
    }
    shares
}

/// Adds the families that are shown beside those of the most bytes; whether there are any.
pub(super) fn families_beside(graph: &Folded, theme: Theme, families: &mut BTreeSet<Family>) -> bool {
    let (most, count) = (most_bytes(&graph.edges), graph.edges.len());
    let mut any = false;
    for (i, edge) in graph.edges.iter().enumerate() {
        for (family, ..) in shares(graph, i, line_width(edge.traffic.bytes, most, count), theme) {
            families.insert(family);
            any = true;
        }
    }
    any
}

/// The lines of an edge's shares of its width, from its right side inwards.
fn strands(spline: &[Point], shares: &[(Family, Color, f64)], width: f64) -> Vec<Strand> {
    let mut right = width / 2.0;
    let mut strand = |&(_, color, width): &(Family, Color, f64)| {
        right -= width;
        Strand { spline: beside(spline, right + width / 2.0), width, color }
    };
    shares.iter().map(&mut strand).collect()
}

/// A spline so far to the right of another, for distances that are small against its bends.
fn beside(spline: &[Point], by: f64) -> Vec<Point> {
    let last = spline.len() - 1;
    let shifted = |(i, &p): (usize, &Point)| {
        let along = direction(spline[i.saturating_sub(1)], spline[(i + 1).min(last)]);
        p + point(-along.y, along.x) * by
    };
    spline.iter().enumerate().map(shifted).collect()
}

/// How far an edge stands off the straight line, to its own right, where another comes back.
fn parted(from: &PlacedNode, to: &PlacedNode) -> f64 {
    ((to.centre - from.centre).length() * 0.07).clamp(6.0, 18.0)
}

/// The least bent line between two nodes that meets as few others as can be: this one, or one bent more. Where
/// another comes back it is bent to its own right only, so that the two stay apart.
fn around(
    plain: Vec<Point>,
    nodes: &[PlacedNode],
    hulls: &[Hull],
    (source, target): (usize, usize),
    bent: bool,
) -> Vec<Point> {
    /// Bows by the length of the edge.
    const BOWS: [f64; 6] = [0.1, -0.1, 0.18, -0.18, 0.28, -0.28];
    let (from, to) = (&nodes[source], &nodes[target]);
    // Frames that neither end stands in.
    let ends = [from, to].map(PlacedNode::room);
    let frames: Vec<Rect> = hulls
        .iter()
        .map(|hull| hull.rect)
        .filter(|frame| !ends.iter().any(|end| frame.contains(end)))
        .collect();
    let met = |way: &[Point]| {
        let others = nodes.iter().enumerate().filter(|&(i, _)| i != source && i != target);
        let frames = frames.iter().filter(|frame| runs_into(way, frame)).count();
        others.map(|(_, node)| met(way, node)).sum::<usize>() + frames
    };
    let mut least = met(&plain);
    if least == 0 {
        return plain;
    }
    let length = (to.centre - from.centre).length();
    let mut best = plain;
    for bow in BOWS.into_iter().filter(|&bow| bow > 0.0 || !bent) {
        let way = arc(from, to, bow * length);
        let met = met(&way);
        if met < least {
            (least, best) = (met, way);
        }
    }
    best
}

/// How much a line of one piece is in a node's way: its shape counts for more than its label, which can move.
fn met(way: &[Point], node: &PlacedNode) -> usize {
    const SHAPE: usize = 3;
    let label = node.label.as_ref().is_some_and(|label| runs_into(way, &label.bounds));
    SHAPE * usize::from(runs_into(way, &node.room().grown(2.0))) + usize::from(label)
}

/// Whether a line of one piece runs through a rectangle.
fn runs_into(way: &[Point], rect: &Rect) -> bool {
    const PIECES: u32 = 12;
    let &[a, b, c, d] = way else { return false };
    let at = |piece: u32| cubic([a, b, c, d], f64::from(piece) / f64::from(PIECES));
    let size = point(rect.width(), rect.height());
    (0..PIECES).any(|piece| runs_through(at(piece), at(piece + 1), rect.centre(), size))
}

/// A line from border to border, that stands so far off the straight one to its right, halfway between.
fn arc(from: &PlacedNode, to: &PlacedNode, bow: f64) -> Vec<Point> {
    let (a, b) = (from.centre, to.centre);
    let way = direction(a, b);
    let control = (a + b) * 0.5 + point(-way.y, way.x) * bow;
    let (start, end) = (from.outline.border(a, control), to.outline.border(b, control));
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

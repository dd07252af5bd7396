//! Last touches to small pictures, where each crossing is seen.

use std::f64::consts::TAU;

use super::network::Network;
use super::point::bounds;
use super::{Point, overlap};

/// Up to this many nodes and edges are untangled; denser ones cannot be.
const UNTANGLED: (usize, usize) = (60, 120);
/// Up to this many nodes are tightened.
const TIGHTENED: usize = 300;
/// Up to this many edges a picture is made more compact: each round looks at every pair of them.
const COMPACTED: usize = 600;

/// Moves and swaps nodes where that takes away crossings of edges, or edges that run through boxes.
/// `distances` are how far apart nodes want to be. Does nothing for large graphs.
pub(super) fn untangle(net: &Network, boxes: &[Point], distances: &[Vec<f32>], places: &mut [Point]) {
    const ROUNDS: usize = 8;
    if net.len() > UNTANGLED.0 || net.len() < 4 {
        return;
    }
    let edges: Vec<(usize, usize)> = net.edges().map(|(a, b, _)| (a, b)).collect();
    if edges.len() > UNTANGLED.1 {
        return;
    }
    let tangle = Tangle { net, boxes, distances, edges };
    for _ in 0..ROUNDS {
        let mut better = false;
        for node in 0..net.len() {
            // Untangled nodes stay, and symmetry with them.
            if tangle.tangled(node, places) > 0.0 {
                better |= tangle.improve(node, places);
            }
        }
        if !better {
            return;
        }
    }
}

struct Tangle<'a> {
    net: &'a Network,
    boxes: &'a [Point],
    distances: &'a [Vec<f32>],
    edges: Vec<(usize, usize)>,
}

impl Tangle<'_> {
    /// Tries other places for a node, and those of the others; whether one was better.
    fn improve(&self, node: usize, places: &mut [Point]) -> bool {
        /// Less than this is not worth a move: no crossing goes.
        const WORTH: f64 = 0.5;
        let from = places[node];
        let near = self.net.neighbours(node).iter().map(|&other| self.distances[node][other]);
        let step = f64::from(near.fold(f32::INFINITY, f32::min));
        let before = self.cost(node, places);
        let mut best = (before - WORTH, from);
        for direction in 0..16 {
            for reach in [0.3, 0.7, 1.2, 2.0] {
                places[node] = from + Point::at_angle(TAU * f64::from(direction) / 16.0) * (step * reach);
                let cost = self.cost(node, places);
                if cost < best.0 {
                    best = (cost, places[node]);
                }
            }
        }
        places[node] = from;
        let mut gain = before - best.0 - WORTH;
        let mut swap = None;
        for other in (0..self.net.len()).filter(|&other| other != node) {
            let before = before + self.cost(other, places);
            places.swap(node, other);
            let now = before - self.cost(node, places) - self.cost(other, places) - WORTH;
            places.swap(node, other);
            if now > gain {
                (gain, swap) = (now, Some(other));
            }
        }
        match swap {
            Some(other) => places.swap(node, other),
            None => places[node] = best.1,
        }
        gain > 0.0
    }

    /// How bad a node's place is.
    fn cost(&self, node: usize, places: &[Point]) -> f64 {
        let mut cost = self.tangled(node, places);
        for other in (0..places.len()).filter(|&other| other != node) {
            let want = f64::from(self.distances[node][other]);
            let error = ((places[node] - places[other]).length() - want) / want;
            cost += 0.3 * error * error;
            let d = places[node] - places[other];
            let need = (self.boxes[node] + self.boxes[other]) * 0.5;
            if d.x.abs() < need.x && d.y.abs() < need.y {
                cost += 5.0;
            }
        }
        cost
    }

    /// Crossings of its edges, boxes that its edges run through, and edges that run through its box.
    fn tangled(&self, node: usize, places: &[Point]) -> f64 {
        const CROSSING: f64 = 1.0;
        const THROUGH: f64 = 2.0;
        let mut cost = 0.0;
        for &end in self.net.neighbours(node) {
            for &(a, b) in &self.edges {
                if ![a, b].iter().any(|i| [node, end].contains(i))
                    && cross(places[node], places[end], places[a], places[b])
                {
                    cost += CROSSING;
                }
            }
            for other in (0..places.len()).filter(|&other| other != node && other != end) {
                if runs_through(places[node], places[end], places[other], self.boxes[other]) {
                    cost += THROUGH;
                }
            }
        }
        for &(a, b) in self.edges.iter().filter(|(a, b)| *a != node && *b != node) {
            if runs_through(places[a], places[b], places[node], self.boxes[node]) {
                cost += THROUGH;
            }
        }
        cost
    }
}

/// Whether two segments cross.
fn cross(a: Point, b: Point, c: Point, d: Point) -> bool {
    let turn = |p: Point, q: Point, r: Point| (q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x) > 0.0;
    turn(a, b, c) != turn(a, b, d) && turn(c, d, a) != turn(c, d, b)
}

/// Whether a segment runs through a box: Liang, Barsky (1984).
pub(super) fn runs_through(from: Point, to: Point, centre: Point, size: Point) -> bool {
    let d = to - from;
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for (start, step, middle, half) in
        [(from.x, d.x, centre.x, size.x / 2.0), (from.y, d.y, centre.y, size.y / 2.0)]
    {
        if step.abs() < 1e-12 {
            if (start - middle).abs() >= half {
                return false;
            }
            continue;
        }
        let (a, b) = ((middle - half - start) / step, (middle + half - start) / step);
        enter = enter.max(a.min(b));
        leave = leave.min(a.max(b));
    }
    enter < leave
}

/// Shortens edges that alone join two parts of the graph: the smaller part moves along the edge as far as
/// nothing is in its way. Does nothing for large graphs.
pub(super) fn tighten(net: &Network, boxes: &[Point], places: &mut [Point], reach: f64, gap: f64) {
    const STEPS: usize = 40;
    if net.len() > TIGHTENED {
        return;
    }
    let edges: Vec<(usize, usize)> = net.edges().map(|(a, b, _)| (a, b)).collect();
    for &(a, b) in edges.iter().filter(|&&(a, b)| net.degree(a) > 1 && net.degree(b) > 1) {
        let Some(part) = smaller_side(net, a, b) else { continue };
        let (fixed, moved) = if part[a] { (b, a) } else { (a, b) };
        let way = places[fixed] - places[moved];
        let seen = way.length() - border(boxes[fixed], way) - border(boxes[moved], way);
        if seen <= reach {
            continue;
        }
        // The farthest that is free, from the whole way down.
        let whole = way * ((seen - reach) / way.length());
        let free = (1..=STEPS).rev().map(|step| whole * (step as f64 / STEPS as f64)).find(|&shift| {
            let at = |node: usize| if part[node] { places[node] + shift } else { places[node] };
            is_free(&edges, boxes, &part, gap, &at)
        });
        if let Some(shift) = free {
            (0..net.len()).filter(|&node| part[node]).for_each(|node| places[node] += shift);
        }
    }
}

/// Brings everything nearer together, as long as edges are seen, no more of them cross or run through boxes,
/// and the page becomes smaller. Does nothing for large graphs.
pub(super) fn compact(net: &Network, boxes: &[Point], places: &mut Vec<Point>, reach: f64, gap: f64) {
    const SHRINK: f64 = 0.92;
    const ROUNDS: usize = 12;
    /// How many edges of a hundred may be shorter than their reach.
    const SHORT: usize = 15;
    /// Crossings that come and go with every move count for little where there are many.
    const SLACK: usize = 50;
    let edges: Vec<(usize, usize)> = net.edges().map(|(a, b, _)| (a, b)).collect();
    if net.len() > TIGHTENED || edges.len() > COMPACTED {
        return;
    }
    let short = |places: &[Point]| short(&edges, boxes, places, reach);
    let most_short = (edges.len() * SHORT / 100).max(short(places));
    let least = tangles(&edges, boxes, places);
    let mut tried = places.clone();
    for _ in 0..ROUNDS {
        tried.iter_mut().for_each(|p| *p = *p * SHRINK);
        overlap::separate(&mut tried, boxes, gap);
        let smaller = area(&tried, boxes) < 0.99 * area(places, boxes);
        if !smaller || short(&tried) > most_short || tangles(&edges, boxes, &tried) > least + least / SLACK {
            return;
        }
        places.clone_from(&tried);
    }
}

/// How many edges are hardly seen between their boxes.
pub(super) fn short(edges: &[(usize, usize)], boxes: &[Point], places: &[Point], reach: f64) -> usize {
    let seen = |&(a, b): &(usize, usize)| {
        let way = places[b] - places[a];
        way.length() - border(boxes[a], way) - border(boxes[b], way)
    };
    edges.iter().filter(|edge| seen(edge) < reach * 0.75).count()
}

fn area(places: &[Point], boxes: &[Point]) -> f64 {
    let (low, high) = bounds(places, boxes);
    (high.x - low.x) * (high.y - low.y)
}

/// How many pairs of edges cross, and how many edges run through a box.
pub(super) fn tangles(edges: &[(usize, usize)], boxes: &[Point], places: &[Point]) -> usize {
    let crossed = |&(a, b): &(usize, usize), &(c, d): &(usize, usize)| {
        a != c && a != d && b != c && b != d && cross(places[a], places[b], places[c], places[d])
    };
    let through = |&(a, b): &(usize, usize)| {
        let others = (0..boxes.len()).filter(move |&node| node != a && node != b);
        others.filter(|&node| runs_through(places[a], places[b], places[node], boxes[node])).count()
    };
    let pairs: usize =
        edges.iter().enumerate().map(|(i, e)| edges[..i].iter().filter(|f| crossed(e, f)).count()).sum();
    pairs + 2 * edges.iter().map(through).sum::<usize>()
}

/// Whether no box of the part lies on one of the rest, and no edge of either runs through the other's boxes.
fn is_free(
    edges: &[(usize, usize)],
    boxes: &[Point],
    part: &[bool],
    gap: f64,
    at: &impl Fn(usize) -> Point,
) -> bool {
    let nodes = 0..boxes.len();
    nodes.clone().filter(|&a| part[a]).all(|a| {
        nodes.clone().filter(|&b| !part[b]).all(|b| {
            let (d, need) = (at(a) - at(b), (boxes[a] + boxes[b]) * 0.5);
            d.x.abs() >= need.x + gap || d.y.abs() >= need.y + gap
        })
    }) && edges.iter().all(|&(a, b)| {
        let others = nodes.clone().filter(|&node| node != a && node != b);
        // Edges inside one part met that part's boxes before.
        let mut others = others.filter(|&node| part[a] != part[b] || part[node] != part[a]);
        !others.any(|node| runs_through(at(a), at(b), at(node), boxes[node]))
    })
}

/// The nodes on the smaller side of an edge, if there is no other way between its ends.
fn smaller_side(net: &Network, a: usize, b: usize) -> Option<Vec<bool>> {
    let mut side = vec![false; net.len()];
    side[a] = true;
    let mut stack = vec![a];
    while let Some(node) = stack.pop() {
        for &next in net.neighbours(node) {
            if (node == a && next == b) || side[next] {
                continue;
            }
            if next == b {
                return None;
            }
            side[next] = true;
            stack.push(next);
        }
    }
    let size = side.iter().filter(|&&inside| inside).count();
    if size * 2 > net.len() {
        side.iter_mut().for_each(|inside| *inside = !*inside);
    }
    Some(side)
}

/// How far a box reaches from its centre in a direction.
fn border(size: Point, direction: Point) -> f64 {
    let length = direction.length();
    (size.x * 0.5 * length / direction.x.abs()).min(size.y * 0.5 * length / direction.y.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_and_boxes_meet_or_not() {
        let p = Point::new;
        for (from, to, expected) in [
            (p(-10.0, 0.0), p(10.0, 0.0), true),
            (p(-10.0, 3.0), p(10.0, 3.0), false),
            (p(-10.0, -10.0), p(10.0, 10.0), true),
            (p(0.0, 10.0), p(0.0, 3.0), false),
            (p(0.0, 10.0), p(0.0, 1.0), true),
        ] {
            assert_eq!(runs_through(from, to, p(0.0, 0.0), p(8.0, 4.0)), expected, "{from:?} {to:?}");
        }
        assert!(cross(p(0.0, 0.0), p(2.0, 2.0), p(0.0, 2.0), p(2.0, 0.0)));
        assert!(!cross(p(0.0, 0.0), p(2.0, 2.0), p(3.0, 0.0), p(4.0, 9.0)));
    }

    #[test]
    fn a_crossing_goes() {
        // A cycle drawn as a bow tie.
        let net =
            Network::from_edges(4, [(0, 1), (1, 2), (2, 3), (3, 0)].map(|(a, b)| (a, b, 1.0)).into_iter());
        let mut places =
            [(0.0, 0.0), (100.0, 100.0), (100.0, 0.0), (0.0, 100.0)].map(|(x, y)| Point::new(x, y));
        let distances: Vec<Vec<f32>> = (0..4_i32)
            .map(|a| (0..4_i32).map(|b| [0.0, 100.0, 141.0, 100.0][a.abs_diff(b) as usize]).collect())
            .collect();
        untangle(&net, &[Point::new(10.0, 10.0); 4], &distances, &mut places);
        assert!(!cross(places[0], places[1], places[2], places[3]));
        assert!(!cross(places[1], places[2], places[3], places[0]));
    }

    #[test]
    fn a_long_bridge_is_shortened_as_far_as_is_free() {
        let net =
            Network::from_edges(5, [(0, 1), (1, 2), (2, 3), (2, 4)].map(|(a, b)| (a, b, 1.0)).into_iter());
        let mut places = [(0.0, 0.0), (50.0, 0.0), (500.0, 0.0), (550.0, 40.0), (550.0, -40.0)]
            .map(|(x, y)| Point::new(x, y));
        tighten(&net, &[Point::new(10.0, 10.0); 5], &mut places, 40.0, 5.0);
        assert!((places[2].x - places[1].x - 50.0).abs() < 1e-6, "{places:?}");
    }
}

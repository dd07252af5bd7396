//! The whole of a component, leaves and all, brought nearer to the distances in the graph.

use super::network::Network;
use super::pack::PAGE;
use super::pivots::Pivots;
use super::point::{bounds, turn};
use super::polish::runs_through;
use super::stress::{AllPairs, Pull, Stress};
use super::{Point, carve, overlap, polish};

/// Up to this many nodes edges are kept clear of boxes.
const SMALL: usize = 200;
/// Up to this many nodes all pairs are weighed.
const MIDDLING: usize = 1500;

/// Whether so many nodes of a picture are worth it: each small part of a very large one is not looked at.
pub(super) fn pays(part: usize, whole: usize) -> bool {
    part > SMALL || whole <= MIDDLING
}

/// Moves nodes to where their distances on the page are more like those in the graph, and boxes stay apart: hubs
/// move together, their leaves to their outer side. `reach` is how much of an edge is to be seen where the boxes
/// allow it, `gap` how far boxes stand apart. What would be harder to read for it stays. O(nodes^2) for each
/// round where nodes are few, else O(nodes).
///
/// Stress majorisation and the pushing apart of boxes take turns (as in Gansner, Hu: "Efficient,
/// proximity-preserving node overlap removal", 2010), where nodes that share no neighbour want to be farther
/// apart than by their hops, so that what belongs to different hubs stays apart.
pub(super) fn relax(net: &Network, boxes: &[Point], places: &mut Vec<Point>, reach: f64, gap: f64) {
    /// So many leaves around a hub, and nothing else, are as good as they can be in their ring.
    const AROUND: usize = 24;
    let hub = (0..net.len()).any(|node| net.degree(node) + 1 == net.len());
    let star = hub && net.edges().count() < net.len();
    // Very many stand in rows, to be read like text.
    if star && (net.len() <= AROUND + 1 || net.len() > SMALL) {
        return;
    }
    let padded: Vec<Point> = boxes.iter().map(|b| *b + Point::new(gap, gap)).collect();
    if net.len() <= SMALL {
        return relax_few(net, boxes, &padded, places, reach, gap);
    }
    if net.len() <= MIDDLING {
        let stress = AllPairs::new(net, &|h| farther(h, 8.0));
        let pull = Pull { edge: 30.0, keep: 0.3 };
        rounds(net, &stress, places, &padded, Turns { pull, rounds: 6, pushes: 4, least: 0.0 });
    } else {
        // So many fill the page evenly already: a little of it takes stress away and no order.
        let stress = Pivots::new(net, &vec![1.0; net.len()]);
        let pull = Pull { edge: 15.0, keep: 0.6 };
        rounds(net, &stress, places, &padded, Turns { pull, rounds: 1, pushes: 4, least: 0.0 });
    }
    overlap::separate(places, boxes, gap);
}

/// The places that are easiest to read: those given, relaxed, relaxed and turned, or these with edges kept clear of boxes.
fn relax_few(
    net: &Network,
    boxes: &[Point],
    padded: &[Point],
    places: &mut Vec<Point>,
    reach: f64,
    gap: f64,
) {
    /// More than this need more room between hubs, or their leaves mix.
    const FEW: usize = 100;
    let by = if net.len() > FEW { 2.2 } else { 1.4 };
    let stress = AllPairs::new(net, &|h| farther(h, by));
    let sizes = boxes.iter().map(|b| (b.x + b.y) / 2.0).sum::<f64>() / boxes.len() as f64;
    let pull = Pull { edge: 1.0, keep: 0.3 };
    let turns = Turns { pull, rounds: 40, pushes: 10, least: reach + sizes };
    let mut near = places.clone();
    rounds(net, &stress, &mut near, padded, turns);
    // The longest extent across the page, which wide boxes and their fans may have turned.
    let mut across = near.clone();
    turn(&mut across);
    rounds(net, &stress, &mut across, padded, Turns { rounds: 5, ..turns });
    let mut tries = vec![near, across];
    for nth in 0..tries.len() {
        let mut clear = tries[nth].clone();
        uncovered(net, &stress, &mut clear, padded);
        tries.push(clear);
    }
    let edges: Vec<(usize, usize)> = net.edges().map(|(a, b, _)| (a, b)).collect();
    let cost = |places: &[Point]| cost(&edges, boxes, places, reach) * stress.least(places);
    let mut least = cost(places);
    for mut tried in tries {
        overlap::separate(&mut tried, boxes, gap);
        polish::tighten(net, boxes, &mut tried, reach, gap);
        polish::compact(net, boxes, &mut tried, reach, gap);
        let cost = cost(&tried);
        if cost < least {
            least = cost;
            *places = tried;
        }
    }
    carved(boxes, places, gap, &stress, &cost);
}

/// Takes empty room out for as long as that makes the places easier to read.
fn carved(
    boxes: &[Point],
    places: &mut Vec<Point>,
    gap: f64,
    stress: &AllPairs,
    cost: &impl Fn(&[Point]) -> f64,
) {
    /// So many seams in a row without any gain are enough.
    const PATIENCE: usize = 40;
    /// Stress grows by no more than this, unless the page is so large that its text is hard to read on a sheet or a screen
    /// (wider than this, in points), and most of it empty (so many times as large as the boxes).
    const GROWTH: f64 = 1.04;
    const LARGE: f64 = 2100.0;
    const EMPTY: f64 = 5.5;
    let most = stress.least(places) * GROWTH;
    let large = (boxes.iter().map(|b| b.x * b.y).sum::<f64>() * EMPTY * PAGE).max(LARGE * LARGE);
    let mut least = cost(places);
    let mut tried = places.clone();
    let mut idle = 0;
    while idle < PATIENCE && carve::carve(boxes, &mut tried, gap, &|places| stress.least(places)) {
        if stress.least(&tried) > most && page(&tried, boxes) < large {
            return;
        }
        let cost = cost(&tried);
        idle += 1;
        if cost < least {
            (least, idle) = (cost, 0);
            places.clone_from(&tried);
        }
    }
}

/// How hard a small picture is to read: the area of its page, how often lines cross each other and boxes, and how
/// many are hardly seen.
fn cost(edges: &[(usize, usize)], boxes: &[Point], places: &[Point], reach: f64) -> f64 {
    /// More edges are a tangle anyhow.
    const COUNTED: usize = 600;
    let tangles = if edges.len() <= COUNTED { polish::tangles(edges, boxes, places) } else { 0 };
    let faults = tangles + polish::short(edges, boxes, places, reach);
    page(places, boxes) * (1.0 + faults as f64 / edges.len().max(1) as f64)
}

/// Nodes that share no neighbour stand so much farther apart than by their hops.
fn farther(hops: f32, by: f32) -> f32 {
    if hops > 2.0 { hops + by } else { hops }
}

/// How stress and boxes take turns.
#[derive(Clone, Copy)]
struct Turns {
    pull: Pull,
    rounds: usize,
    /// Rounds of pushing boxes apart after each of stress.
    pushes: usize,
    /// The least length of a hop, in points.
    least: f64,
}

fn rounds(net: &Network, stress: &impl Stress, places: &mut Vec<Point>, boxes: &[Point], turns: Turns) {
    /// Each round everything moves a little nearer, until boxes are in the way.
    const SHRINK: f64 = 0.97;
    let mut next = places.clone();
    for _ in 0..turns.rounds {
        let hop = (stress.hop(places) * SHRINK).max(turns.least);
        stress.round(net, places, &mut next, hop, turns.pull);
        std::mem::swap(places, &mut next);
        overlap::push(places, boxes, turns.pushes);
    }
}

/// Moves boxes and edges out of each other's way, as far as the page does not become much larger for it.
fn uncovered(net: &Network, stress: &impl Stress, places: &mut Vec<Point>, boxes: &[Point]) {
    const ROUNDS: usize = 80;
    const LARGER: f64 = 2.0;
    let edges: Vec<(usize, usize)> = net.edges().map(|(a, b, _)| (a, b)).collect();
    let most = LARGER * page(places, boxes);
    let mut next = places.clone();
    let mut tried = places.clone();
    for round in 0..ROUNDS {
        // Stress holds the picture together, less and less.
        let keep = 0.7 + 0.3 * round as f64 / ROUNDS as f64;
        stress.round(net, &tried, &mut next, stress.hop(&tried), Pull { edge: 1.0, keep });
        std::mem::swap(&mut tried, &mut next);
        let mut hidden = 0;
        for &(a, b) in &edges {
            for node in (0..boxes.len()).filter(|&node| node != a && node != b) {
                hidden += usize::from(uncover(&mut tried, (a, b), node, boxes[node]));
            }
        }
        overlap::push(&mut tried, boxes, 10);
        if page(&tried, boxes) > most {
            return;
        }
        places.clone_from(&tried);
        if hidden == 0 {
            return;
        }
    }
}

/// Moves a box and an edge that runs through it apart, each part of the way; whether that was so.
fn uncover(places: &mut [Point], (a, b): (usize, usize), node: usize, size: Point) -> bool {
    if !runs_through(places[a], places[b], places[node], size) {
        return false;
    }
    let way = places[b] - places[a];
    let length = way.length();
    if length < 1e-9 {
        return false;
    }
    let across = Point::new(-way.y / length, way.x / length);
    let from = places[node] - places[a];
    let off = from.x * across.x + from.y * across.y;
    let need = (size.x * across.x.abs() + size.y * across.y.abs()) * 0.5 - off.abs();
    let shift = across * (need.max(0.0) * 0.5).copysign(off);
    let along = ((from.x * way.x + from.y * way.y) / (length * length)).clamp(0.0, 1.0);
    places[node] += shift;
    places[a] = places[a] - shift * (1.0 - along);
    places[b] = places[b] - shift * along;
    true
}

/// How large the page is that it all fits on.
fn page(places: &[Point], boxes: &[Point]) -> f64 {
    let (low, high) = bounds(places, boxes);
    let size = high - low;
    size.x.max(size.y * PAGE).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn box_of(nodes: usize) -> Vec<Point> {
        vec![Point::new(60.0, 20.0); nodes]
    }

    #[test]
    fn a_box_on_an_edge_and_the_edge_part() {
        let mut places = [(0.0, 0.0), (300.0, 0.0), (150.0, 3.0)].map(|(x, y)| Point::new(x, y));
        let size = Point::new(60.0, 20.0);
        assert!(uncover(&mut places, (0, 1), 2, size));
        (0..20).for_each(|_| _ = uncover(&mut places, (0, 1), 2, size));
        assert!(!runs_through(places[0], places[1], places[2], size * 0.99), "{places:?}");
        assert!(places[2].y > 3.0 && places[0].y < 0.0);
    }

    #[test]
    fn hubs_far_apart_come_together_and_nothing_overlaps() {
        // Two hubs of ten leaves each, joined, a long way from each other.
        let edges = (2..22).map(|leaf| (leaf % 2, leaf, 1.0)).chain([(0, 1, 1.0)]);
        let net = Network::from_edges(22, edges.collect::<Vec<_>>().into_iter());
        let mut places: Vec<Point> = (0..22_u32)
            .map(|i| Point::new(f64::from(i % 2) * 3000.0, 0.0) + Point::at_angle(f64::from(i)) * 200.0)
            .collect();
        let boxes = box_of(22);
        relax(&net, &boxes, &mut places, 56.0, 10.0);
        assert!((places[0] - places[1]).length() < 600.0);
        for a in 0..22 {
            for b in 0..a {
                let d = places[a] - places[b];
                assert!(d.x.abs() >= 60.0 || d.y.abs() >= 20.0, "{a} {b}");
            }
        }
    }
}

//! Nodes that belong together, each group laid out alone, then the groups like large nodes.

use super::auto::Auto;
use super::network::Network;
use super::point::bounds;
use super::{Bands, Layout, LayoutError, Placement, Point, Problem, bands};

/// Around the boxes of a group, in points.
pub(crate) const PADDING: f64 = 14.0;
/// Above them, for the group's label, in points.
pub(crate) const HEAD: f64 = 18.0;

/// The frame around a group, or around its part in one band.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) group: usize,
    /// Its upper left and lower right corner.
    pub(crate) corners: (Point, Point),
}

/// Places every node within a frame of its group (`None`: by itself); frames do not overlap. Each group has one frame,
/// or, where the layout draws bands, one in each band that it has nodes in. `widths` are the least that frames must
/// have, for their labels.
///
/// # Errors
/// If the layout has no placement.
pub(crate) fn place(
    problem: &Problem,
    groups: &[Option<usize>],
    widths: &[f64],
    layout: &dyn Layout,
) -> Result<(Placement, Vec<Frame>), LayoutError> {
    let bands = layout.bands(problem);
    let band = |node: usize| bands.as_ref().map_or(0, |bands| bands.of_node[node]);
    // Nodes of one frame stand next to each other; those of no group are frames of their own, undrawn.
    let mut order: Vec<usize> = (0..groups.len()).collect();
    let key = |node: usize| (groups[node].is_none(), groups[node], band(node));
    order.sort_by_key(|&node| key(node));
    let units: Vec<&[usize]> = order.chunk_by(|&a, &b| groups[a].is_some() && key(a) == key(b)).collect();

    // Each unit by itself, its middle at the origin.
    let mut centres = vec![Point::default(); groups.len()];
    let mut routes = vec![Vec::new(); problem.edges.len()];
    let mut outer = Problem::default();
    let mut unit_of = vec![0; groups.len()];
    for nodes in &units {
        nodes.iter().for_each(|&node| unit_of[node] = outer.boxes.len());
        let Some(group) = groups[nodes[0]] else {
            outer.boxes.push(problem.boxes[nodes[0]]);
            continue;
        };
        let (inner, edges) = problem.part(nodes);
        let placement = match &bands {
            Some(bands) => bands::place(&inner, &Bands { of_node: vec![0; nodes.len()], rows: bands.rows }),
            None => layout.place(&inner)?,
        };
        let (low, high) = bounds(&placement.centres, &inner.boxes);
        let middle = (low + high) * 0.5;
        for (&node, &centre) in nodes.iter().zip(&placement.centres) {
            centres[node] = centre - middle;
        }
        for (edge, route) in edges.into_iter().zip(placement.routes) {
            routes[edge] = route.into_iter().map(|p| p - middle).collect();
        }
        let size = high - low;
        outer
            .boxes
            .push(Point::new(size.x.max(widths[group]) + 2.0 * PADDING, size.y + 2.0 * PADDING + HEAD));
    }
    for (i, &(a, b)) in problem.edges.iter().enumerate() {
        if unit_of[a] != unit_of[b] {
            outer.edges.push((unit_of[a], unit_of[b]));
            outer.weights.push(problem.weights.get(i).copied().unwrap_or(1.0));
        }
    }

    // Then the units, like large nodes.
    let places = match &bands {
        Some(bands) => {
            let of_node = units.iter().map(|nodes| bands.of_node[nodes[0]]).collect();
            bands::place(&outer, &Bands { of_node, rows: bands.rows }).centres
        }
        None => Auto.place(&outer)?.centres,
    };
    let shift = |node: usize| {
        let head = if groups[node].is_some() { HEAD / 2.0 } else { 0.0 };
        places[unit_of[node]] + Point::new(0.0, head)
    };
    (0..groups.len()).for_each(|node| centres[node] += shift(node));
    if bands.is_none() && routes.iter().all(Vec::is_empty) {
        let net = Network::new(problem);
        face(&net, &problem.boxes, &units, &mut centres);
    }
    for (route, &(a, _)) in routes.iter_mut().zip(&problem.edges) {
        route.iter_mut().for_each(|p| *p += shift(a));
    }
    let frame = |(unit, nodes): (usize, &&[usize])| {
        let half = outer.boxes[unit] * 0.5;
        groups[nodes[0]].map(|group| Frame { group, corners: (places[unit] - half, places[unit] + half) })
    };
    let frames = units.iter().enumerate().filter_map(frame).collect();
    Ok((Placement { centres, routes }, frames))
}

/// Mirrors groups, and lets nodes of a group change places, where that makes edges shorter: so that nodes face those of
/// other groups that they talk with, and fewer edges cross frames. O(edges * nodes) for each round.
fn face(net: &Network, boxes: &[Point], units: &[&[usize]], centres: &mut [Point]) {
    const ROUNDS: usize = 4;
    /// Larger groups only mirror.
    const SWAPPED: usize = 80;
    /// What is gained by less than this is not worth a change, in points.
    const WORTH: f64 = 1.0;
    let length = |node: usize, at: Point, centres: &[Point]| -> f64 {
        net.neighbours(node).iter().map(|&other| (at - centres[other]).length()).sum()
    };
    for _ in 0..ROUNDS {
        let mut better = false;
        for &nodes in units.iter().filter(|nodes| nodes.len() > 1) {
            let sizes: Vec<Point> = nodes.iter().map(|&node| boxes[node]).collect();
            let here: Vec<Point> = nodes.iter().map(|&node| centres[node]).collect();
            let (low, high) = bounds(&here, &sizes);
            let middle = (low + high) * 0.5;
            // Edges within the group are as long in a mirror.
            let mut least =
                nodes.iter().map(|&node| length(node, centres[node], centres)).sum::<f64>() - WORTH;
            let mut best = None;
            for (x, y) in [(-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)] {
                let mut tried = centres.to_vec();
                nodes
                    .iter()
                    .zip(&here)
                    .for_each(|(&node, &at)| tried[node] = middle + (at - middle).scaled(x, y));
                let all = nodes.iter().map(|&node| length(node, tried[node], &tried)).sum::<f64>();
                if all < least {
                    (least, best) = (all, Some(tried));
                }
            }
            if let Some(best) = best {
                centres.copy_from_slice(&best);
                better = true;
            }
            if nodes.len() > SWAPPED {
                continue;
            }
            let fits = |node: usize, at: Point, other: usize, centres: &[Point]| {
                let half = boxes[node] * 0.5;
                let inside = low.x <= at.x - half.x
                    && low.y <= at.y - half.y
                    && at.x + half.x <= high.x
                    && at.y + half.y <= high.y;
                inside
                    && nodes.iter().filter(|&&it| it != node && it != other).all(|&it| {
                        let (d, need) = (at - centres[it], half + boxes[it] * 0.5);
                        d.x.abs() >= need.x || d.y.abs() >= need.y
                    })
            };
            for (nth, &a) in nodes.iter().enumerate() {
                for &b in &nodes[nth + 1..] {
                    let (at, to) = (centres[a], centres[b]);
                    let before = length(a, at, centres) + length(b, to, centres);
                    centres.swap(a, b);
                    let after = length(a, to, centres) + length(b, at, centres);
                    if after + WORTH < before && fits(a, to, b, centres) && fits(b, at, a, centres) {
                        better = true;
                    } else {
                        centres.swap(a, b);
                    }
                }
            }
        }
        if !better {
            return;
        }
    }
}

impl Problem {
    /// The nodes alone, with the edges between them, and which edges these are; node `i` of it is `nodes[i]`.
    fn part(&self, nodes: &[usize]) -> (Self, Vec<usize>) {
        let mut local = vec![None; self.boxes.len()];
        nodes.iter().enumerate().for_each(|(i, &node)| local[node] = Some(i));
        let mut part =
            Self { boxes: nodes.iter().map(|&node| self.boxes[node]).collect(), ..Self::default() };
        part.tiers = nodes.iter().filter_map(|&node| self.tiers.get(node).copied()).collect();
        let mut edges = Vec::new();
        for (i, &(a, b)) in self.edges.iter().enumerate() {
            if let (Some(a), Some(b)) = (local[a], local[b]) {
                edges.push(i);
                part.edges.push((a, b));
                part.weights.extend(self.weights.get(i));
                part.forward.extend(self.forward.get(i));
            }
        }
        (part, edges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_a_group_face_whom_they_talk_with() {
        // A group in a row; its first node talks with one at the far right, its last with one at the far left.
        let net = Network::from_edges(5, [(0, 3, 1.0), (2, 4, 1.0)].into_iter());
        let boxes = [Point::new(60.0, 20.0); 5];
        let places = [0.0, 100.0, 200.0, 900.0, -700.0].map(|x| Point::new(x, 0.0));
        let mut centres = places;
        face(&net, &boxes, &[&[0, 1, 2], &[3], &[4]], &mut centres);
        assert_eq!(centres, [200.0, 100.0, 0.0, 900.0, -700.0].map(|x| Point::new(x, 0.0)));
        // Now that they do, nothing moves.
        let before = centres;
        face(&net, &boxes, &[&[0, 1, 2], &[3], &[4]], &mut centres);
        assert_eq!(centres, before);
    }
}

use std::cmp::Reverse;
use std::f64::consts::PI;

use super::network::Network;
use super::{Layout, LayoutError, Placement, Point, Problem, overlap};

/// All nodes on an ellipse, in an order that keeps joined ones near each other; many on several, one inside another.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Circular;

impl Layout for Circular {
    fn place(&self, problem: &Problem) -> Result<Placement, LayoutError> {
        const GAP: f64 = 12.0;
        let count = problem.boxes.len().max(1) as f64;
        let mean = problem.boxes.iter().fold(Point::default(), |sum, b| sum + *b) * (1.0 / count);
        let slot = mean + Point::new(GAP, GAP);
        // Each box takes its own length of the way around.
        let share = |size: &Point| size.x.max(size.y) + GAP;
        let around: f64 = problem.boxes.iter().map(share).sum();
        let rings = rings(around, slot, count);
        let net = Network::new(problem);
        let mut order = order(&net);
        // Neighbours in the order stand on different rings, those with most edges on the innermost.
        order.chunks_mut(rings).for_each(|few| few.sort_by_key(|&node| Reverse(net.degree(node))));
        let shares: Vec<f64> = order.iter().map(|&node| share(&problem.boxes[node])).collect();
        let radius = (around / (2.0 * PI * rings as f64)).max(mean.x);
        let mut centres = vec![Point::default(); order.len()];
        let mut so_far = 0.0;
        for (nth, (&node, share)) in order.iter().zip(&shares).enumerate().filter(|_| order.len() > 1) {
            let angle = -PI / 2.0 + 2.0 * PI * (so_far + share / 2.0 - shares[0] / 2.0) / around;
            let axes = Point::new(radius * 1.2, radius * 0.8) + slot * (nth % rings) as f64;
            centres[node] = Point::at_angle(angle).scaled(axes.x, axes.y);
            so_far += share;
        }
        overlap::separate(&mut centres, &problem.boxes, GAP);
        Ok(Placement { centres, routes: vec![Vec::new(); problem.edges.len()] })
    }
}

/// How many rings boxes stand on: as few as make a page that is not nearly empty, for one ring's page grows with the
/// square of its nodes.
fn rings(around: f64, slot: Point, count: f64) -> usize {
    /// Area of the page by that of the boxes.
    const EMPTY: f64 = 7.0;
    let page = |rings: f64| {
        let radius = around / (2.0 * PI * rings);
        let outer = Point::new(radius * 1.2, radius * 0.8) + slot * rings;
        4.0 * outer.x * outer.y
    };
    let most = (count / 4.0).sqrt().max(1.0) as usize;
    (1..most).find(|&rings| page(rings as f64) <= EMPTY * count * slot.x * slot.y).unwrap_or(most)
}

/// Depth first from the node of the highest degree, neighbours with few others first, so that a hub's
/// leaves stand beside it.
fn order(net: &Network) -> Vec<usize> {
    let mut by_degree: Vec<usize> = (0..net.len()).collect();
    by_degree.sort_by_key(|&node| (Reverse(net.degree(node)), node));
    let mut seen = vec![false; net.len()];
    let mut order = Vec::with_capacity(net.len());
    for start in by_degree {
        let mut stack = vec![start];
        while let Some(node) = stack.pop() {
            if std::mem::replace(&mut seen[node], true) {
                continue;
            }
            order.push(node);
            let mut next: Vec<usize> = net.neighbours(node).iter().copied().filter(|&n| !seen[n]).collect();
            next.sort_by_key(|&n| (Reverse(net.degree(n)), Reverse(n)));
            stack.append(&mut next);
        }
    }
    order
}

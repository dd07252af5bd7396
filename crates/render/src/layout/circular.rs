use std::f64::consts::PI;

use super::network::Network;
use super::{Layout, LayoutError, Placement, Point, Problem, overlap};

/// All nodes on one ellipse, in an order that keeps joined ones near each other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Circular;

impl Layout for Circular {
    fn place(&self, problem: &Problem) -> Result<Placement, LayoutError> {
        const GAP: f64 = 12.0;
        let order = order(&Network::new(problem));
        let mut centres = vec![Point::default(); problem.boxes.len()];
        let mean = problem.boxes.iter().fold(Point::default(), |sum, b| sum + *b)
            * (1.0 / problem.boxes.len().max(1) as f64);
        // Each box takes its own length of the way around.
        let shares: Vec<f64> =
            order.iter().map(|&n| problem.boxes[n].x.max(problem.boxes[n].y) + GAP).collect();
        let around: f64 = shares.iter().sum();
        let radius = if centres.len() > 1 { (around / (2.0 * PI)).max(mean.x) } else { 0.0 };
        let mut so_far = 0.0;
        for (&node, share) in order.iter().zip(&shares) {
            let angle = -PI / 2.0 + 2.0 * PI * (so_far + share / 2.0 - shares[0] / 2.0) / around;
            centres[node] = Point::at_angle(angle).scaled(radius * 1.2, radius * 0.8);
            so_far += share;
        }
        overlap::separate(&mut centres, &problem.boxes, GAP);
        Ok(Placement { centres, routes: vec![Vec::new(); problem.edges.len()] })
    }
}

/// Depth first from the node of the highest degree, neighbours with few others first, so that a hub's
/// leaves stand beside it.
fn order(net: &Network) -> Vec<usize> {
    let mut by_degree: Vec<usize> = (0..net.len()).collect();
    by_degree.sort_by_key(|&node| (std::cmp::Reverse(net.degree(node)), node));
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
            next.sort_by_key(|&n| (std::cmp::Reverse(net.degree(n)), std::cmp::Reverse(n)));
            stack.append(&mut next);
        }
    }
    order
}

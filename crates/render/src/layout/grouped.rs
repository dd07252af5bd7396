//! Nodes that belong together, each group laid out alone, then the groups like large nodes.

use super::auto::Auto;
use super::point::bounds;
use super::{Layout, LayoutError, Placement, Point, Problem};

/// Around the boxes of a group, in points.
pub(crate) const PADDING: f64 = 14.0;
/// Above them, for the group's label, in points.
pub(crate) const HEAD: f64 = 18.0;

/// The upper left and lower right corner of a group's frame.
pub(crate) type Frame = (Point, Point);

/// Places every node within the frame of its group (`None`: by itself); frames do not overlap. `widths` are the least
/// that frames must have, for their labels. A group without nodes has an empty frame.
///
/// # Errors
/// If the layout has no placement.
pub(crate) fn place(
    problem: &Problem,
    groups: &[Option<usize>],
    widths: &[f64],
    layout: &dyn Layout,
) -> Result<(Placement, Vec<Frame>), LayoutError> {
    let mut members = vec![Vec::new(); widths.len()];
    let mut alone = Vec::new();
    for (node, group) in groups.iter().enumerate() {
        match group {
            Some(group) => members[*group].push(node),
            None => alone.push(node),
        }
    }
    // Within each group, its middle at the origin.
    let mut centres = vec![Point::default(); groups.len()];
    let mut outer = Problem::default();
    let mut unit = vec![0; groups.len()];
    for (nodes, &width) in members.iter().zip(widths) {
        let inner = problem.part(nodes);
        let placement = layout.place(&inner)?;
        let (low, high) = bounds(&placement.centres, &inner.boxes);
        let middle = (low + high) * 0.5;
        for (&node, &centre) in nodes.iter().zip(&placement.centres) {
            centres[node] = centre - middle;
            unit[node] = outer.boxes.len();
        }
        let size = high - low;
        outer.boxes.push(Point::new(size.x.max(width) + 2.0 * PADDING, size.y + 2.0 * PADDING + HEAD));
    }
    for &node in &alone {
        unit[node] = outer.boxes.len();
        outer.boxes.push(problem.boxes[node]);
    }
    for (i, &(a, b)) in problem.edges.iter().enumerate() {
        if unit[a] != unit[b] {
            outer.edges.push((unit[a], unit[b]));
            outer.weights.push(problem.weights.get(i).copied().unwrap_or(1.0));
        }
    }
    let places = Auto.place(&outer)?.centres;
    for (node, group) in groups.iter().enumerate() {
        let head = if group.is_some() { HEAD / 2.0 } else { 0.0 };
        centres[node] += places[unit[node]] + Point::new(0.0, head);
    }
    let frames = (0..widths.len())
        .map(|i| (places[i] - outer.boxes[i] * 0.5, places[i] + outer.boxes[i] * 0.5))
        .collect();
    Ok((Placement { centres, routes: vec![Vec::new(); problem.edges.len()] }, frames))
}

impl Problem {
    /// The nodes alone, with the edges between them; node `i` of it is `nodes[i]`.
    fn part(&self, nodes: &[usize]) -> Self {
        let mut local = vec![None; self.boxes.len()];
        nodes.iter().enumerate().for_each(|(i, &node)| local[node] = Some(i));
        let mut part =
            Self { boxes: nodes.iter().map(|&node| self.boxes[node]).collect(), ..Self::default() };
        part.tiers = nodes.iter().filter_map(|&node| self.tiers.get(node).copied()).collect();
        for (i, &(a, b)) in self.edges.iter().enumerate() {
            if let (Some(a), Some(b)) = (local[a], local[b]) {
                part.edges.push((a, b));
                part.weights.extend(self.weights.get(i));
                part.forward.extend(self.forward.get(i));
            }
        }
        part
    }
}

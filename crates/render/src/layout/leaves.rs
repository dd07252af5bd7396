//! Leaves around their hub: in rings, in fans between the hub's other edges, or, where they are many, in
//! rows like bricks.

use std::f64::consts::{PI, TAU};

use super::Point;

/// How a hub's leaves stand around it.
#[derive(Clone, Debug)]
pub(super) struct Fan {
    /// The place for each leaf, with its share of the gap.
    slot: Point,
    count: usize,
    shape: Shape,
}

#[derive(Clone, Debug)]
enum Shape {
    /// Half axes of ellipses, neighbours by angle standing on different ones, and how much room their
    /// number leaves: from 0, angles as even as can be, to 1, as near as the slots allow.
    Rings { axes: Vec<Point>, tightness: f64 },
    /// Rows of slots, each row half a slot beside the next; these are the leaves' places.
    Bricks(Vec<Point>),
}

impl Fan {
    /// Room for leaves of these sizes around a hub, and for `others` more edges between them. `reach` is how
    /// much of an edge should be seen between two boxes, `gap` how far boxes stand apart, and `tight` whether
    /// little room matters more than seeing each edge. O(leaves log leaves).
    pub(super) fn new(
        hub: Point,
        leaves: &[Point],
        others: usize,
        reach: f64,
        gap: f64,
        tight: bool,
    ) -> Self {
        /// Up to this many rings, each ring's leaves are seen between those of the rings inside it.
        const SEEN: usize = 4;
        let slot = typical(leaves) + Point::new(gap, gap);
        let count = leaves.len();
        let clear = ((hub.x + slot.x) / 2.0).max((hub.y + slot.y) / 2.0) + reach;
        let bricks = bricks(hub, slot, count, reach);
        let size = extent(&bricks, slot);
        let mut best = (size.x * size.y * if tight { 1.0 } else { 2.2 }, Shape::Bricks(bricks));
        for deep in 1..=SEEN.min(count) {
            let around = (count + others).div_ceil(deep);
            // An edge to each ring further out needs a way through.
            let ways = gap * (deep - 1) as f64;
            let need = around as f64 * 1.05 / turn(slot + Point::new(ways, ways));
            let radius = clear.max(need);
            let axes: Vec<Point> = (0..deep).map(|k| Point::new(radius, radius) + slot * k as f64).collect();
            let size = axes[deep - 1] * 2.0 + slot;
            let cost = size.x * size.y * (1.0 + 0.45 * (deep - 1) as f64);
            if cost < best.0 {
                best = (cost, Shape::Rings { axes, tightness: (need / radius).min(1.0) });
            }
        }
        Self { slot, count, shape: best.1 }
    }

    /// The size of the box around the hub, in its middle, and all of its leaves.
    pub(super) fn extent(&self, hub: Point) -> Point {
        let outer = match &self.shape {
            Shape::Rings { axes, .. } => axes.last().map_or(Point::default(), |axes| *axes * 2.0 + self.slot),
            Shape::Bricks(places) => extent(places, self.slot),
        };
        Point::new(outer.x.max(hub.x), outer.y.max(hub.y))
    }

    /// Each leaf's place, the hub at the origin. In rings none stands in the directions of `ways` (radians).
    pub(super) fn places(&self, ways: &[f64]) -> Vec<Point> {
        match &self.shape {
            Shape::Bricks(places) => places.clone(),
            Shape::Rings { axes, tightness } => Measure::new(self.slot, *tightness)
                .spread(self.count, ways)
                .into_iter()
                .enumerate()
                .map(|(nth, angle)| {
                    let axes = axes[nth % axes.len()];
                    Point::at_angle(angle).scaled(axes.x, axes.y)
                })
                .collect(),
        }
    }
}

/// The places nearest to the hub, in rows from the top, each from the left, so that leaves in order are read
/// like text.
fn bricks(hub: Point, slot: Point, count: usize, reach: f64) -> Vec<Point> {
    let slot = Point::new(slot.x.max(1.0), slot.y.max(1.0));
    let clear = (hub + slot) * 0.5 + Point::new(reach, reach) * 0.5;
    // A disc with room for all of them and the hub, and a little more.
    let radius = ((count as f64 * slot.x * slot.y + 4.0 * clear.x * clear.y) / PI).sqrt() + slot.x + slot.y;
    let (rows, columns) = ((radius / slot.y) as i64 + 1, (radius / slot.x) as i64 + 1);
    let mut places: Vec<(i64, Point)> = (-rows..=rows)
        .flat_map(|row| {
            let shift = if row % 2 == 0 { 0.0 } else { 0.5 };
            (-columns..=columns)
                .map(move |column| (row, Point::new((column as f64 + shift) * slot.x, row as f64 * slot.y)))
        })
        .filter(|(_, p)| p.x.abs() >= clear.x || p.y.abs() >= clear.y)
        .collect();
    places.sort_by(|(_, a), (_, b)| {
        a.length().total_cmp(&b.length()).then(a.y.total_cmp(&b.y)).then(a.x.total_cmp(&b.x))
    });
    places.truncate(count);
    places.sort_by(|(row, a), (other, b)| row.cmp(other).then(a.x.total_cmp(&b.x)));
    places.into_iter().map(|(_, place)| place).collect()
}

/// The size of a box around the origin that holds slots at these places.
fn extent(places: &[Point], slot: Point) -> Point {
    let far = places.iter().fold(Point::default(), |m, p| Point::new(m.x.max(p.x.abs()), m.y.max(p.y.abs())));
    far * 2.0 + slot
}

/// A size that nearly all fit in: the tallest, and the widest, unless few are much wider than the rest.
fn typical(sizes: &[Point]) -> Point {
    let mut widths: Vec<f64> = sizes.iter().map(|s| s.x).collect();
    widths.sort_by(f64::total_cmp);
    let widest = widths.last().copied().unwrap_or(0.0);
    let most = widths.get(widths.len() * 9 / 10).copied().unwrap_or(0.0);
    let width = if widest > 1.25 * most { most } else { widest };
    Point::new(width, sizes.iter().map(|s| s.y).fold(0.0, f64::max))
}

/// How far along the circle the next box must stand, at this angle, not to overlap.
fn pitch(slot: Point, angle: f64) -> f64 {
    (slot.x / angle.sin().abs()).min(slot.y / angle.cos().abs())
}

/// How many boxes stand on a circle of radius 1, if they were so small.
fn turn(slot: Point) -> f64 {
    const STEPS: usize = 360;
    (0..STEPS).map(|i| 1.0 / pitch(slot, TAU * (i as f64 + 0.5) / STEPS as f64)).sum::<f64>() * TAU
        / STEPS as f64
}

/// Angles measured by how many boxes stand there: wide ones need more of it above and below than beside.
struct Measure {
    /// How much lies before each step, from 0 to 1; starts at the top, clockwise.
    before: Vec<f64>,
}

const TOP: f64 = -PI / 2.0;

impl Measure {
    const STEPS: usize = 720;

    fn new(slot: Point, tightness: f64) -> Self {
        let each: Vec<f64> = (0..Self::STEPS)
            .map(|i| 1.0 / pitch(slot, TOP + TAU * (i as f64 + 0.5) / Self::STEPS as f64))
            .collect();
        let sum: f64 = each.iter().sum();
        let mut before = vec![0.0];
        let mut so_far = 0.0;
        for density in each {
            so_far += tightness * density / sum + (1.0 - tightness) / Self::STEPS as f64;
            before.push(so_far);
        }
        Self { before }
    }

    fn of(&self, angle: f64) -> f64 {
        let at = (angle - TOP).rem_euclid(TAU) / TAU * Self::STEPS as f64;
        let step = (at as usize).min(Self::STEPS - 1);
        self.before[step] + (self.before[step + 1] - self.before[step]) * (at - step as f64)
    }

    fn angle(&self, measure: f64) -> f64 {
        let measure = measure.rem_euclid(1.0);
        let step = self.before.partition_point(|&b| b <= measure).clamp(1, Self::STEPS) - 1;
        let width = self.before[step + 1] - self.before[step];
        let part = if width > 0.0 { (measure - self.before[step]) / width } else { 0.0 };
        TOP + TAU * (step as f64 + part) / Self::STEPS as f64
    }

    /// `count` angles, evenly over the circle or over the arcs between `ways`.
    fn spread(&self, count: usize, ways: &[f64]) -> Vec<f64> {
        if ways.is_empty() {
            // An even number is symmetrical from left to right, an odd one hangs from the top.
            let start = if count % 2 == 0 { 0.25 } else { 0.0 };
            return (0..count).map(|i| self.angle(start + i as f64 / count as f64)).collect();
        }
        let mut cuts: Vec<f64> = ways.iter().map(|&way| self.of(way)).collect();
        cuts.sort_by(f64::total_cmp);
        let arcs: Vec<(f64, f64)> = (0..cuts.len())
            .map(|i| {
                let next = if i + 1 < cuts.len() { cuts[i + 1] } else { cuts[0] + 1.0 };
                (cuts[i], next - cuts[i])
            })
            .collect();
        // One leaf after the other, each to the arc where it has most room.
        let mut taken = vec![0_usize; arcs.len()];
        let mut queue: std::collections::BinaryHeap<(u64, std::cmp::Reverse<usize>)> = arcs
            .iter()
            .enumerate()
            .map(|(i, (_, size))| ((size / 2.0).to_bits(), std::cmp::Reverse(i)))
            .collect();
        for _ in 0..count {
            if let Some((_, std::cmp::Reverse(i))) = queue.pop() {
                taken[i] += 1;
                queue.push(((arcs[i].1 / (taken[i] + 2) as f64).to_bits(), std::cmp::Reverse(i)));
            }
        }
        let mut angles = Vec::with_capacity(count);
        for ((start, size), n) in arcs.iter().zip(taken) {
            angles.extend((0..n).map(|i| self.angle(start + size * (i as f64 + 1.0) / (n as f64 + 1.0))));
        }
        angles
    }
}

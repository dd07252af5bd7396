//! Leaves around their hub: in rings, or in fans between the hub's other edges.

use std::f64::consts::{PI, TAU};

use super::Point;

/// How a hub's leaves stand around it.
#[derive(Clone, Debug)]
pub(super) struct Rings {
    /// The leaves' place for each, with its share of the gap.
    slot: Point,
    /// Half axes of each ring, and how many leaves stand on it.
    rings: Vec<(Point, usize)>,
    /// From 0, as far apart as the angles allow, to 1, as near as the slots allow.
    tightness: f64,
}

impl Rings {
    /// Room for leaves of these sizes around a hub, and for `others` more edges between them. `reach` is how
    /// much of an edge should be seen between two boxes, `gap` how far boxes stand apart.
    pub(super) fn new(hub: Point, leaves: &[Point], others: usize, reach: f64, gap: f64) -> Self {
        let slot = typical(leaves) + Point::new(gap, gap);
        let count = leaves.len();
        let clear = ((hub.x + slot.x) / 2.0).max((hub.y + slot.y) / 2.0) + reach;
        // Up to this many rings, each ring's leaves are seen between those of the ring inside it.
        const SEEN: usize = 4;
        let mut best: Option<(f64, Self)> = None;
        let mut consider = |cost: f64, rings: Self| {
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, rings));
            }
        };
        for deep in 1..=SEEN.min(count.max(1)) {
            let around = (count + others).div_ceil(deep);
            // An edge to each ring further out needs a way through.
            let through = Point::new(slot.x + gap * (deep - 1) as f64, slot.y + gap * (deep - 1) as f64);
            let need = around as f64 * 1.05 / turn(through);
            let radius = clear.max(need);
            let rings: Vec<_> = (0..deep)
                .map(|k| {
                    let axes = Point::new(radius, radius) + slot * k as f64;
                    (axes, count / deep + usize::from(k < count % deep))
                })
                .collect();
            let outer = rings[deep - 1].0 + slot * 0.5;
            let cost = outer.x * outer.y * (1.0 + 0.45 * (deep - 1) as f64);
            consider(cost, Self { slot, rings, tightness: (need / radius).min(1.0) });
        }
        // Filled rings: the edges to the outer ones run beneath the inner ones.
        let mut rings = Vec::new();
        let mut left = count;
        let mut axes = Point::new(clear, clear);
        while left > 0 {
            let room = (axes.x.min(axes.y) * turn(slot) / 1.05) as usize;
            let take = room.saturating_sub(others).max(1).min(left);
            rings.push((axes, take));
            left -= take;
            axes += slot;
        }
        let outer = axes - slot * 0.5;
        consider(outer.x * outer.y * 2.6, Self { slot, rings, tightness: 1.0 });
        best.map(|(_, rings)| rings).unwrap_or(Self { slot, rings: Vec::new(), tightness: 0.0 })
    }

    /// The size of the box around the hub and all of its leaves.
    pub(super) fn extent(&self, hub: Point) -> Point {
        let outer = self.rings.last().map_or(Point::default(), |(axes, _)| *axes * 2.0 + self.slot);
        Point::new(outer.x.max(hub.x), outer.y.max(hub.y))
    }

    /// Each leaf's place, the hub at the origin; none stands in the directions of `ways` (radians).
    pub(super) fn places(&self, ways: &[f64]) -> Vec<Point> {
        let count: usize = self.rings.iter().map(|(_, n)| n).sum();
        let deep = self.rings.len();
        let mut places = vec![Point::default(); count];
        let measure = Measure::new(self.slot, self.tightness);
        let staggered = self.rings.iter().all(|(_, n)| n.abs_diff(self.rings[0].1) <= 1);
        if staggered {
            // Neighbours by angle stand on different rings.
            for (nth, angle) in measure.spread(count, ways).into_iter().enumerate() {
                places[nth] =
                    Point::at_angle(angle).scaled(self.rings[nth % deep].0.x, self.rings[nth % deep].0.y);
            }
        } else {
            let mut next = 0;
            for (axes, n) in &self.rings {
                for angle in measure.spread(*n, ways) {
                    places[next] = Point::at_angle(angle).scaled(axes.x, axes.y);
                    next += 1;
                }
            }
        }
        places
    }
}

/// A size that nearly all fit in: the tallest, and the width that nine of ten keep to.
fn typical(sizes: &[Point]) -> Point {
    let mut widths: Vec<f64> = sizes.iter().map(|s| s.x).collect();
    widths.sort_by(f64::total_cmp);
    let width =
        widths.get((widths.len() * 9 / 10).min(widths.len().saturating_sub(1))).copied().unwrap_or(0.0);
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

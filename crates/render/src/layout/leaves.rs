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
    /// Rows of slots, each row half a slot beside the next.
    Bricks(Bricks),
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
        let bricks = Bricks::new(hub, slot, count, others, reach);
        let mut best = (bricks.size.x * bricks.size.y * if tight { 1.0 } else { 3.0 }, Shape::Bricks(bricks));
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
            Shape::Bricks(bricks) => bricks.size,
        };
        Point::new(outer.x.max(hub.x), outer.y.max(hub.y))
    }

    /// Each leaf's place, the hub at the origin. None stands in the directions of `ways` (radians), unless these
    /// are many.
    pub(super) fn places(&self, ways: &[f64]) -> Vec<Point> {
        match &self.shape {
            Shape::Bricks(bricks) => bricks.places(self.count, ways),
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

#[derive(Clone, Debug)]
struct Bricks {
    slot: Point,
    /// Half the box around the hub that stays free, to see where edges go.
    clear: Point,
    /// The box around the hub and all places.
    size: Point,
}

impl Bricks {
    /// Up to this many ways are kept free of leaves.
    const WAYS: usize = 8;

    fn new(hub: Point, slot: Point, count: usize, others: usize, reach: f64) -> Self {
        let slot = Point::new(slot.x.max(1.0), slot.y.max(1.0));
        let clear = (hub + slot) * 0.5 + Point::new(reach, reach) * 0.5;
        let mut bricks = Self { slot, clear, size: Point::default() };
        // Before the ways are known, those of a wheel stand for them.
        let ways: Vec<f64> = (0..others).map(|i| TAU * i as f64 / others as f64).collect();
        let places = bricks.places(count, &ways);
        let far = places.iter().fold(clear, |m, p| Point::new(m.x.max(p.x.abs()), m.y.max(p.y.abs())));
        bricks.size = far * 2.0 + slot;
        bricks
    }

    /// The places nearest to the hub, in rows from the top, each from the left, so that leaves in order are
    /// read like text.
    fn places(&self, count: usize, ways: &[f64]) -> Vec<Point> {
        let ways = if ways.len() > Self::WAYS { &[] } else { ways };
        let rays: Vec<Point> = ways.iter().map(|&way| Point::at_angle(way)).collect();
        // A disc with room for the leaves and the hub, and larger ones until the ways leave enough of it.
        let area = count as f64 * self.slot.x * self.slot.y + 4.0 * self.clear.x * self.clear.y;
        let mut radius = (area / PI).sqrt() + self.slot.x.max(self.slot.y);
        let mut places = self.free(radius, &rays);
        while places.len() < count {
            radius *= 1.2;
            places = self.free(radius, &rays);
        }
        places.sort_unstable_by(|(_, a), (_, b)| {
            a.length().total_cmp(&b.length()).then(a.y.total_cmp(&b.y)).then(a.x.total_cmp(&b.x))
        });
        places.truncate(count);
        places.sort_by(|(row, a), (other, b)| row.cmp(other).then(a.x.total_cmp(&b.x)));
        places.into_iter().map(|(_, place)| place).collect()
    }

    /// The slots within a radius, with their rows, that are neither near the hub nor on a way.
    fn free(&self, radius: f64, rays: &[Point]) -> Vec<(i64, Point)> {
        let (slot, clear) = (self.slot, self.clear);
        let (rows, columns) = ((radius / slot.y) as i64 + 1, (radius / slot.x) as i64 + 1);
        (-rows..=rows)
            .flat_map(|row| {
                let shift = if row % 2 == 0 { 0.0 } else { 0.5 };
                (-columns..=columns).map(move |column| {
                    (row, Point::new((column as f64 + shift) * slot.x, row as f64 * slot.y))
                })
            })
            .filter(|(_, p)| p.x.abs() >= clear.x || p.y.abs() >= clear.y)
            .filter(|(_, p)| p.length() <= radius && !rays.iter().any(|&ray| on_way(*p, slot, ray)))
            .collect()
    }
}

/// Whether a ray from the origin, of length 1, runs through a slot.
fn on_way(place: Point, slot: Point, ray: Point) -> bool {
    let ahead = place.x * ray.x + place.y * ray.y > 0.0;
    // The slot's half width as seen along the ray.
    let half = (slot.x * ray.y.abs() + slot.y * ray.x.abs()) * 0.5;
    ahead && (place.x * ray.y - place.y * ray.x).abs() < half
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

/// How many boxes stand on a circle of radius 1, if they were so small: at each angle a box takes what it is wide
/// across the circle, or high along it, whichever is less.
fn turn(slot: Point) -> f64 {
    4.0 * Quarter::new(slot).all
}

/// How many boxes stand on the first quarter of a circle of radius 1, from beside the middle to under it.
struct Quarter {
    slot: Point,
    /// Up to this angle boxes stand above each other, then beside each other.
    corner: f64,
    all: f64,
}

impl Quarter {
    fn new(slot: Point) -> Self {
        let mut quarter = Self { slot, corner: slot.x.atan2(slot.y), all: 0.0 };
        quarter.all = quarter.before(PI / 2.0);
        quarter
    }

    /// How many stand before an angle: the integral of `max(cos / height, sin / width)`.
    fn before(&self, angle: f64) -> f64 {
        let above = angle.min(self.corner).sin() / self.slot.y;
        let beside = (self.corner.cos() - angle.max(self.corner).cos()) / self.slot.x;
        above + beside
    }
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
        // A quarter like a mirror of the one before it, begun at the top.
        let quarter = Quarter::new(slot);
        let steps = Self::STEPS / 4;
        let below: Vec<f64> = (0..=steps)
            .map(|step| quarter.before(PI / 2.0 * step as f64 / steps as f64) / quarter.all)
            .collect();
        let before = (0..=Self::STEPS)
            .map(|step| {
                let (nth, of) = (step / steps, step % steps);
                let part = if nth % 2 == 0 { 1.0 - below[steps - of] } else { below[of] };
                tightness * (nth as f64 + part) / 4.0 + (1.0 - tightness) * step as f64 / Self::STEPS as f64
            })
            .collect();
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
            let start = if count.is_multiple_of(2) { 0.25 } else { 0.0 };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_stand_apart_and_off_the_ways() {
        let (hub, slot) = (Point::new(90.0, 40.0), Point::new(90.0, 40.0));
        let ways = [0.3, 2.0, 4.4];
        for count in [1, 2, 3, 5, 9, 17, 40, 90, 200, 1000] {
            for tight in [false, true] {
                let fan = Fan::new(hub, &vec![slot; count], ways.len(), 50.0, 10.0, tight);
                let places = fan.places(&ways);
                assert_eq!(places.len(), count);
                let mut found = vec![Point::default()];
                for place in places {
                    for &other in &found {
                        let d = place - other;
                        assert!(d.x.abs() >= slot.x || d.y.abs() >= slot.y, "{count}: {place:?} {other:?}");
                    }
                    found.push(place);
                    let size = fan.extent(hub);
                    assert!(
                        place.x.abs() * 2.0 + slot.x <= size.x + 2.0 * slot.x,
                        "{count}: {place:?} {size:?}"
                    );
                    if let Shape::Bricks(_) = fan.shape {
                        assert!(
                            ways.iter().all(|&way| !on_way(place, slot, Point::at_angle(way))),
                            "{count}: {place:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_star_is_symmetrical() {
        for count in 1..40 {
            let fan =
                Fan::new(Point::new(90.0, 40.0), &vec![Point::new(90.0, 40.0); count], 0, 50.0, 10.0, false);
            let Shape::Rings { axes, .. } = &fan.shape else { continue };
            if axes.len() > 1 {
                continue;
            }
            let sum = fan.places(&[]).into_iter().fold(Point::default(), |sum, p| sum + p);
            assert!(sum.x.abs() < 1e-6, "{count}: {sum:?}");
        }
    }
}

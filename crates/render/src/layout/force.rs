//! Placing a connected graph by forces: what is joined attracts, everything repels.

use super::network::Network;
use super::{Point, parallel};

/// Moves nodes towards a balance of the forces on them: the spring-electrical model (Hu: "Efficient,
/// high-quality force-directed graph drawing", 2005), joined nodes about 1 apart. A node repels by its `mass`, how many
/// nodes it stands for. Begins from places that are about right. O(nodes log nodes + edges) for each round.
pub(super) fn balance(net: &Network, mass: &[f32], places: &mut [Point], rounds: usize) {
    /// How much repulsion weighs against attraction.
    const REPULSION: f64 = 0.2;
    /// The last round's steps by the first one's.
    const COOL: f64 = 0.3;
    let mut pushes = vec![Point::default(); places.len()];
    let mut forces = pushes.clone();
    let cool = COOL.powf(1.0 / rounds as f64);
    let mut step = mean_length(net, places);
    // Both forces at the scale of the places.
    let unit = step.max(1e-9);
    for _ in 0..rounds {
        Tree::new(places, mass).push(&mut pushes);
        parallel::fill(&mut forces, 16, |i| {
            let pull = net.neighbours(i).iter().fold(Point::default(), |sum, &j| {
                let d = places[j] - places[i];
                sum + d * (d.length() / unit)
            });
            pull + pushes[i] * (REPULSION * unit * unit)
        });
        for (place, force) in places.iter_mut().zip(&forces) {
            let size = force.length();
            if size > 0.0 {
                *place += *force * (step / size);
            }
        }
        step *= cool;
    }
}

fn mean_length(net: &Network, places: &[Point]) -> f64 {
    let (mut count, mut sum) = (0, 0.0);
    for (a, b, _) in net.edges() {
        count += 1;
        sum += (places[a] - places[b]).length();
    }
    if count > 0 { sum / f64::from(count) } else { 1.0 }
}

/// Cells of neighbouring nodes, and cells of these: what is far away pushes as one (Barnes, Hut: "A hierarchical
/// O(N log N) force-calculation algorithm", 1986).
///
/// Nodes stand in Z-order, so that each cell is a run of them. What pushes a lowest cell pushes all of its nodes, and is
/// looked up once for them (Barnes: "A modified tree code", 1990).
struct Tree {
    /// The nodes in Z-order.
    order: Vec<usize>,
    /// What pushes, in the same order.
    bodies: Vec<Body>,
    /// The cells of each level, the lowest first.
    levels: Vec<Vec<Cell>>,
}

#[derive(Clone, Copy, Default)]
struct Body {
    x: f32,
    y: f32,
    mass: f32,
}

/// A run of nodes.
#[derive(Clone, Copy)]
struct Cell {
    body: Body,
    low: [f32; 2],
    high: [f32; 2],
}

/// Nodes in a lowest cell, which are worked out side by side.
const LANES: usize = 8;
/// Cells in a cell of the next level.
const PARTS: usize = 4;

impl Tree {
    fn new(places: &[Point], mass: &[f32]) -> Self {
        let order = z_order(places);
        let bodies: Vec<Body> = order
            .iter()
            .map(|&i| Body { x: places[i].x as f32, y: places[i].y as f32, mass: mass[i] })
            .collect();
        let single = |body: &Body| Cell { body: *body, low: [body.x, body.y], high: [body.x, body.y] };
        let nodes: Vec<Cell> = bodies.iter().map(single).collect();
        let mut levels: Vec<Vec<Cell>> = vec![nodes.chunks(LANES).map(Cell::around).collect()];
        while let Some(below) = levels.last().filter(|cells| cells.len() > 1) {
            levels.push(below.chunks(PARTS).map(Cell::around).collect());
        }
        Self { order, bodies, levels }
    }

    /// How all others push each node, by their mass and the inverse of their distance.
    fn push(&self, pushes: &mut [Point]) {
        let mut sums = vec![Point::default(); self.order.len()];
        parallel::rows(&mut sums, LANES, 2_000, |cell, sums| {
            let own = &self.bodies[cell * LANES..][..sums.len()];
            let (mut xs, mut ys) = ([0.0; LANES], [0.0; LANES]);
            own.iter().enumerate().for_each(|(lane, body)| (xs[lane], ys[lane]) = (body.x, body.y));
            let mut pushed = [[0.0_f32; LANES]; 2];
            for Body { x, y, mass } in self.bodies_for(&self.levels[0][cell]) {
                for lane in 0..LANES {
                    let (dx, dy) = (xs[lane] - x, ys[lane] - y);
                    // What is in the same place pushes nowhere.
                    let by = mass / (dx * dx + dy * dy).max(1e-20);
                    pushed[0][lane] += dx * by;
                    pushed[1][lane] += dy * by;
                }
            }
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum = Point::new(f64::from(pushed[0][lane]), f64::from(pushed[1][lane]));
            }
        });
        self.order.iter().zip(sums).for_each(|(&node, sum)| pushes[node] = sum);
    }

    /// What pushes the nodes of a cell.
    fn bodies_for(&self, target: &Cell) -> Vec<Body> {
        /// Seen under a smaller angle than this, a cell is one mass.
        const ANGLE: f32 = 1.0;
        let mut bodies = Vec::with_capacity(256);
        let mut open = vec![(self.levels.len() - 1, 0)];
        while let Some((level, nth)) = open.pop() {
            let cell = &self.levels[level][nth];
            if cell.side() < ANGLE * cell.from(target) {
                bodies.push(cell.body);
            } else if level > 0 {
                let parts = nth * PARTS..((nth + 1) * PARTS).min(self.levels[level - 1].len());
                open.extend(parts.map(|part| (level - 1, part)));
            } else {
                bodies.extend(&self.bodies[nth * LANES..((nth + 1) * LANES).min(self.bodies.len())]);
            }
        }
        bodies
    }
}

impl Cell {
    fn around(parts: &[Self]) -> Self {
        let mut all = Self { body: Body::default(), low: [f32::INFINITY; 2], high: [f32::NEG_INFINITY; 2] };
        for part in parts {
            let Body { x, y, mass } = part.body;
            all.body.x += x * mass;
            all.body.y += y * mass;
            all.body.mass += mass;
            for axis in 0..2 {
                all.low[axis] = all.low[axis].min(part.low[axis]);
                all.high[axis] = all.high[axis].max(part.high[axis]);
            }
        }
        if all.body.mass > 0.0 {
            all.body.x /= all.body.mass;
            all.body.y /= all.body.mass;
        }
        all
    }

    fn side(&self) -> f32 {
        (self.high[0] - self.low[0]).max(self.high[1] - self.low[1])
    }

    /// From this cell's middle of mass to the nearest point of another cell.
    fn from(&self, other: &Self) -> f32 {
        let beyond = |at: f32, axis: usize| (other.low[axis] - at).max(at - other.high[axis]).max(0.0);
        let (dx, dy) = (beyond(self.body.x, 0), beyond(self.body.y, 1));
        (dx * dx + dy * dy).sqrt()
    }
}

/// Nodes in the order of Morton's curve, along which neighbours are mostly near each other. O(nodes log nodes).
fn z_order(places: &[Point]) -> Vec<usize> {
    const STEPS: f64 = 65_535.0;
    let (low, high) = super::point::bounds(places, &vec![Point::default(); places.len()]);
    let scale = STEPS / (high.x - low.x).max(high.y - low.y).max(f64::MIN_POSITIVE);
    // Every other bit is free for the other coordinate.
    let spread = |v: f64| {
        let mut bits = v as u64;
        for (shift, mask) in [(8, 0x00ff_00ff), (4, 0x0f0f_0f0f), (2, 0x3333_3333), (1, 0x5555_5555)] {
            bits = (bits | bits << shift) & mask;
        }
        bits
    };
    let key = |(node, p): (usize, &Point)| {
        let d = (*p - low) * scale;
        (spread(d.x) | spread(d.y) << 1, node)
    };
    let mut keys: Vec<(u64, usize)> = places.iter().enumerate().map(key).collect();
    keys.sort_unstable();
    keys.into_iter().map(|(_, node)| node).collect()
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    #[test]
    fn far_cells_push_nearly_as_their_nodes_do() {
        let mut random = Random::new(3);
        let places: Vec<Point> = (0..500).map(|_| Point::new(random.unit() * 9.0, random.unit())).collect();
        let mass: Vec<f32> = (0..500).map(|i| 1.0 + (i % 7) as f32).collect();
        let mut pushes = vec![Point::default(); places.len()];
        Tree::new(&places, &mass).push(&mut pushes);
        for node in 0..places.len() {
            let exact =
                (0..places.len()).filter(|&other| other != node).fold(Point::default(), |sum, other| {
                    let d = places[node] - places[other];
                    sum + d * (f64::from(mass[other]) / (d.x * d.x + d.y * d.y))
                });
            let off = pushes[node] - exact;
            assert!(off.length() < 0.05 * exact.length() + 20.0, "{node}: {off:?} of {exact:?}");
        }
    }

    #[test]
    fn a_path_unfolds() {
        let edges = (1..30).map(|i| (i - 1, i, 1.0)).collect::<Vec<_>>();
        let net = Network::from_edges(30, edges.into_iter());
        let mut places: Vec<Point> = (0..30_i32).map(|i| Point::at_angle(f64::from(i) / 6.0)).collect();
        balance(&net, &[1.0; 30], &mut places, 300);
        let edge = mean_length(&net, &places);
        assert!((places[0] - places[29]).length() > 12.0 * edge, "{places:?}");
    }

    #[test]
    fn nodes_in_one_place_stay_finite() {
        let net = Network::from_edges(20, (1..20).map(|i| (0, i, 1.0)));
        let mut places = vec![Point::default(); 20];
        balance(&net, &[1.0; 20], &mut places, 10);
        assert!(places.iter().all(|p| p.x.is_finite() && p.y.is_finite()));
    }
}

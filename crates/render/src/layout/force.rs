//! Placing a connected graph by forces: what is joined attracts, everything repels.

use super::network::Network;
use super::{Point, parallel};

/// Moves nodes until the forces on them are near balance: the spring-electrical model (Hu: "Efficient,
/// high-quality force-directed graph drawing", 2005), joined nodes about 1 apart. A node repels by its `mass`, how many
/// nodes it stands for. Begins from places that are about right. O(nodes log nodes + edges) for each round.
pub(super) fn balance(net: &Network, mass: &[f32], places: &mut [Point], rounds: usize) {
    /// How much repulsion weighs against attraction.
    const REPULSION: f64 = 0.2;
    /// Steps shrink by this after a round without less energy, and grow back after several with it.
    const COOL: f64 = 0.9;
    const PATIENCE: usize = 5;
    let mut forces = vec![Point::default(); places.len()];
    let (mut step, mut energy, mut better) = (mean_length(net, places), f64::INFINITY, 0);
    // Both forces at the scale of the places.
    let unit = step.max(1e-9);
    for _ in 0..rounds {
        let tree = Tree::new(places, mass);
        parallel::fill(&mut forces, |i| {
            let pull = net.neighbours(i).iter().fold(Point::default(), |sum, &j| {
                let d = places[j] - places[i];
                sum + d * (d.length() / unit)
            });
            pull + tree.push(places, mass, i) * (REPULSION * unit * unit)
        });
        let mut sum = 0.0;
        for (place, force) in places.iter_mut().zip(&forces) {
            let size = force.length();
            sum += size * size;
            if size > 0.0 {
                *place += *force * (step / size);
            }
        }
        if sum < energy {
            better += 1;
            if better >= PATIENCE {
                better = 0;
                step /= COOL;
            }
        } else {
            better = 0;
            step *= COOL;
        }
        energy = sum;
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

/// Squares within squares: what is far away pushes as one (Barnes, Hut: "A hierarchical O(N log N) force-calculation
/// algorithm", 1986).
struct Tree {
    cells: Vec<Cell>,
    order: Vec<u32>,
}

struct Cell {
    middle: Point,
    mass: f64,
    side: f64,
    /// The nodes in it, as a part of the tree's order.
    nodes: (u32, u32),
    /// Where its parts are, if it has any.
    parts: (u32, u32),
}

impl Tree {
    fn new(places: &[Point], mass: &[f32]) -> Self {
        let (low, high) = super::point::bounds(places, &vec![Point::default(); places.len()]);
        let side = (high.x - low.x).max(high.y - low.y);
        let mut tree = Self { cells: Vec::new(), order: (0..places.len() as u32).collect() };
        tree.cells.push(Cell::of(&tree.order, 0, side, places, mass));
        let mut corners = vec![low];
        let mut next = 0;
        while next < tree.cells.len() {
            tree.split(next, &mut corners, places, mass);
            next += 1;
        }
        tree
    }

    /// Parts a cell into quarters, where it has many nodes in different places.
    fn split(&mut self, cell: usize, corners: &mut Vec<Point>, places: &[Point], mass: &[f32]) {
        const FEW: usize = 8;
        let (from, to) = (self.cells[cell].nodes.0 as usize, self.cells[cell].nodes.1 as usize);
        let side = self.cells[cell].side / 2.0;
        if to - from <= FEW || side < 1e-9 {
            return;
        }
        let corner = corners[cell];
        let quarter = |node: u32| {
            let d = places[node as usize] - corner;
            usize::from(d.x >= side) + 2 * usize::from(d.y >= side)
        };
        let nodes = &mut self.order[from..to];
        nodes.sort_by_key(|&node| quarter(node));
        let first = self.cells.len() as u32;
        let mut start = from;
        for part in nodes.chunk_by(|&a, &b| quarter(a) == quarter(b)) {
            let at = quarter(part[0]);
            corners.push(corner + Point::new((at % 2) as f64, (at / 2) as f64) * side);
            self.cells.push(Cell::of(part, start, side, places, mass));
            start += part.len();
        }
        self.cells[cell].parts = (first, self.cells.len() as u32);
    }

    /// How all others push a node, each by its mass and the inverse of its distance.
    fn push(&self, places: &[Point], mass: &[f32], node: usize) -> Point {
        /// Seen under a smaller angle than this, a cell is one mass.
        const ANGLE: f64 = 0.8;
        let at = places[node];
        let mut sum = Point::default();
        let mut open = vec![0_u32];
        while let Some(cell) = open.pop() {
            let cell = &self.cells[cell as usize];
            let d = at - cell.middle;
            let square = d.x * d.x + d.y * d.y;
            if cell.side * cell.side < ANGLE * ANGLE * square {
                sum += d * (cell.mass / square);
            } else if cell.parts.0 < cell.parts.1 {
                open.extend(cell.parts.0..cell.parts.1);
            } else {
                for &other in &self.order[cell.nodes.0 as usize..cell.nodes.1 as usize] {
                    let d = at - places[other as usize];
                    let square = d.x * d.x + d.y * d.y;
                    if square > 0.0 {
                        sum += d * (f64::from(mass[other as usize]) / square);
                    }
                }
            }
        }
        sum
    }
}

impl Cell {
    fn of(nodes: &[u32], start: usize, side: f64, places: &[Point], mass: &[f32]) -> Self {
        let (mut middle, mut sum) = (Point::default(), 0.0);
        for &node in nodes {
            let own = f64::from(mass[node as usize]);
            middle += places[node as usize] * own;
            sum += own;
        }
        let middle = if sum > 0.0 { middle * (1.0 / sum) } else { middle };
        let nodes = (start as u32, (start + nodes.len()) as u32);
        Self { middle, mass: sum, side, nodes, parts: (0, 0) }
    }
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
        let tree = Tree::new(&places, &mass);
        for node in 0..places.len() {
            let exact =
                (0..places.len()).filter(|&other| other != node).fold(Point::default(), |sum, other| {
                    let d = places[node] - places[other];
                    sum + d * (f64::from(mass[other]) / (d.x * d.x + d.y * d.y))
                });
            let off = tree.push(&places, &mass, node) - exact;
            assert!(off.length() < 0.05 * exact.length() + 20.0, "{node}: {off:?} of {exact:?}");
        }
    }

    #[test]
    fn a_path_unfolds() {
        let edges = (1..30).map(|i| (i - 1, i, 1.0)).collect::<Vec<_>>();
        let net = Network::from_edges(30, edges.into_iter());
        let mut places: Vec<Point> = (0..30_i32).map(|i| Point::at_angle(f64::from(i * i))).collect();
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

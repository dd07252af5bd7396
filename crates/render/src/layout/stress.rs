//! Placing a connected graph so that distances on the page are like those in the graph.
//!
//! Stress majorisation (Gansner, Koren, North: "Graph drawing by stress majorization", 2004), over all
//! pairs where they are few, else over edges and [`Pivots`], begun from pivot scaling (Brandes, Pich: "Eigensolver methods for progressive
//! multidimensional scaling of large data", 2007).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use super::network::Network;
use super::pivots::Pivots;
use super::random::Random;
use super::{Point, force, parallel};

/// Up to this many nodes all pairs are weighed.
pub(super) const FULL: usize = 120;

/// Positions for few nodes by the distances between all of them. O(nodes^2) for each round.
pub(super) fn place_few(distances: &[Vec<f32>]) -> Vec<Point> {
    let places = pivot_scaling(distances.len(), distances.len(), |node, other| distances[other][node]);
    majorise(distances, places)
}

/// How far apart all nodes want to be: shortest ways, each edge seen over `reach`, with the nodes' radii.
///
/// A wide node on the way counts for less than its width: neighbours of a hub stand along its rim, and two points
/// of a circle are 4/π radii apart on average, not 2.
pub(super) fn all_distances(net: &Network, radius: &[f64], reach: f64) -> Vec<Vec<f32>> {
    let mut sorted = radius.to_vec();
    sorted.sort_by(f64::total_cmp);
    let small = sorted.get(sorted.len() / 4).copied().unwrap_or(0.0);
    const CHORD: f64 = 2.0 / std::f64::consts::PI;
    let passed = |node: usize| radius[node].min(small.max(CHORD * radius[node]));
    let beyond = |node: usize| (radius[node] - passed(node)) as f32;
    let mut all = parallel::map(net.len(), |from| {
        let mut ways = distances(net, from, &|a, b| passed(a) + passed(b) + reach);
        for (to, way) in ways.iter_mut().enumerate().filter(|&(to, _)| to != from) {
            *way += beyond(from) + beyond(to);
        }
        ways
    });
    part_shared(net, &mut all);
    all
}

/// Lets two nodes with many neighbours in common that have no others want to be far apart, so that these stand in a row
/// between them: around both of them, every edge would cross many.
fn part_shared(net: &Network, distances: &mut [Vec<f32>]) {
    /// Fewer stand well anywhere.
    const MANY: usize = 5;
    let mut shared: BTreeMap<[usize; 2], Vec<usize>> = BTreeMap::new();
    for node in 0..net.len() {
        if let &[a, b] = net.neighbours(node) {
            shared.entry([a, b]).or_default().push(node);
        }
    }
    shared.retain(|_, nodes| nodes.len() >= MANY);
    for ([a, b], nodes) in shared {
        let edge = distances[a][nodes[0]];
        let apart = edge * (nodes.len() as f32).sqrt() * 1.3;
        let mut set = |i: usize, j: usize, distance: f32| {
            (distances[i][j], distances[j][i]) = (distance, distance);
        };
        set(a, b, apart);
        for node in nodes {
            // Half the way, and some more to the row's ends.
            set(node, a, apart * 0.6);
            set(node, b, apart * 0.6);
        }
    }
}

/// Shortest ways from one node: Dijkstra. O(edges log nodes).
fn distances(net: &Network, from: usize, length: &impl Fn(usize, usize) -> f64) -> Vec<f32> {
    let mut distances = vec![f32::INFINITY; net.len()];
    let mut queue = BinaryHeap::new();
    distances[from] = 0.0;
    // Lengths are positive, so that their bits sort as they do.
    queue.push(Reverse((0_u32, from)));
    while let Some(Reverse((bits, node))) = queue.pop() {
        let so_far = f32::from_bits(bits);
        if so_far > distances[node] {
            continue;
        }
        for &other in net.neighbours(node) {
            let way = so_far + length(node, other) as f32;
            if way < distances[other] {
                distances[other] = way;
                queue.push(Reverse((way.to_bits(), other)));
            }
        }
    }
    distances
}

/// Positions by the two strongest axes of the distances from each node to each pivot. O(nodes * pivots^2).
fn pivot_scaling(nodes: usize, pivots: usize, distance: impl Fn(usize, usize) -> f32 + Sync) -> Vec<Point> {
    const ROUNDS: usize = 60;
    if pivots == 0 {
        return vec![Point::default(); nodes];
    }
    // Squared distances, centred by row and column.
    let square = |node: usize, pivot: usize| f64::from(distance(node, pivot)).powi(2);
    let mut of_node = vec![0.0; nodes];
    parallel::fill(&mut of_node, pivots, |node| {
        (0..pivots).map(|pivot| square(node, pivot)).sum::<f64>() / pivots as f64
    });
    let all = of_node.iter().sum::<f64>() / nodes as f64;
    let centred: Vec<Vec<f64>> = parallel::map(pivots, |pivot| {
        let mut column: Vec<f64> = (0..nodes).map(|node| square(node, pivot)).collect();
        let of_pivot = column.iter().sum::<f64>() / nodes as f64;
        column.iter_mut().zip(&of_node).for_each(|(d, of_node)| *d = -0.5 * (*d - of_pivot - of_node + all));
        column
    });
    let half: Vec<Vec<f64>> =
        parallel::map(pivots, |p| (0..=p).map(|q| dot(&centred[p], &centred[q])).collect());
    let product = |p: usize, q: usize| half[p.max(q)][p.min(q)];
    // The two strongest eigenvectors, by power iteration.
    let mut random = Random::new(1);
    let mut axes: Vec<Vec<f64>> = Vec::new();
    for _ in 0..2 {
        let mut axis: Vec<f64> = (0..pivots).map(|_| random.unit() - 0.5).collect();
        for _ in 0..ROUNDS {
            let mut next: Vec<f64> =
                (0..pivots).map(|p| (0..pivots).map(|q| product(p, q) * axis[q]).sum()).collect();
            for other in &axes {
                let along = dot(&next, other);
                next.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
            }
            let norm = dot(&next, &next).sqrt();
            if norm < 1e-12 {
                break;
            }
            next.iter_mut().for_each(|a| *a /= norm);
            axis = next;
        }
        axes.push(axis);
    }
    let mut places = vec![Point::default(); nodes];
    for (pivot, column) in centred.iter().enumerate() {
        let axes = Point::new(axes[0][pivot], axes[1][pivot]);
        places.iter_mut().zip(column).for_each(|(place, &d)| *place += axes * d);
    }
    // To the scale of the distances, and no two nodes in one place.
    let (mut page, mut graph) = (0.0, 0.0);
    let mut longest = 0.0_f32;
    for node in (0..nodes).step_by(nodes.div_ceil(500)) {
        let ways = (0..pivots).map(|pivot| distance(node, pivot));
        longest = ways.clone().fold(longest, f32::max);
        graph += ways.map(f64::from).sum::<f64>() / pivots as f64;
        page += places[node].length();
    }
    let scale = if page > 0.0 { graph / page / std::f64::consts::SQRT_2 } else { 1.0 };
    for place in &mut places {
        let jitter = Point::new(random.unit() - 0.5, random.unit() - 0.5) * (0.01 * f64::from(longest));
        *place = *place * scale + jitter;
    }
    places
}

/// The sum of the products, in lanes, which the order of floating-point additions would forbid the compiler.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 4;
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        (0..LANES).for_each(|lane| sums[lane] += a[lane] * b[lane]);
    }
    sums.iter().sum::<f64>() + rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f64>()
}

/// Majorisation over all pairs, node by node, each pair weighed by its inverse squared distance.
/// O(nodes^2) for each round.
fn majorise(distances: &[Vec<f32>], mut places: Vec<Point>) -> Vec<Point> {
    const ROUNDS: usize = 300;
    let n = places.len();
    for _ in 0..ROUNDS {
        let (mut moved, mut size) = (0.0, 0.0);
        for i in 0..n {
            let (mut sum, mut weights) = (Point::default(), 0.0);
            for j in (0..n).filter(|&j| j != i) {
                let want = f64::from(distances[i][j]);
                let weight = 1.0 / (want * want);
                sum += wanted(places[i], places[j], want, i < j) * weight;
                weights += weight;
            }
            if weights > 0.0 {
                let next = sum * (1.0 / weights);
                moved += (next - places[i]).length();
                size += next.length();
                places[i] = next;
            }
        }
        if moved < 1e-4 * size {
            break;
        }
    }
    places
}

/// Where `other`, at its distance, wants this node.
pub(super) fn wanted(this: Point, other: Point, distance: f64, first: bool) -> Point {
    let d = this - other;
    let length = d.length();
    if length > 1e-9 {
        other + d * (distance / length)
    } else {
        other + Point::new(if first { -distance } else { distance }, 0.0)
    }
}

/// Positions for many nodes of a connected graph, edges about 1 long; `mass` is how many nodes each of them
/// stands for. O(nodes * pivots^2 + pivots * edges).
///
/// Pivots alone leave nodes that have few neighbours where their hops put them, on each other's edges: forces take a
/// third of the crossings away, and stress after them keeps what they found.
pub(super) fn place_many(net: &Network, mass: &[f32]) -> Vec<Point> {
    const ROUNDS: usize = 20;
    // What is larger takes longer to unfold.
    let forces = if net.len() > 5_000 { 120 } else { 60 };
    let stress = Pivots::new(net, mass);
    let mut places = pivot_scaling(net.len(), stress.len(), |node, pivot| stress.hops(node, pivot));
    force::balance(net, mass, &mut places, forces);
    let mut next = places.clone();
    for _ in 0..ROUNDS {
        // Joined nodes weigh more: they stay together, and edges cross less. Less than the whole way, since all
        // move at once.
        stress.round(net, &places, &mut next, 1.0, Pull { edge: 8.0, keep: 0.3 });
        std::mem::swap(&mut places, &mut next);
    }
    places
}

/// How nodes are pulled in a round.
#[derive(Clone, Copy)]
pub(super) struct Pull {
    /// How much more an edge weighs than another pair.
    pub(super) edge: f64,
    /// How much of its place each node keeps, from 0 to 1.
    pub(super) keep: f64,
}

/// How far nodes of a connected graph want to be apart, in hops.
pub(super) trait Stress {
    /// The length of a hop that is most like the places: the one of least stress.
    fn hop(&self, places: &[Point]) -> f64;

    /// Moves every node to where the others want it, the hop being so long.
    fn round(&self, net: &Network, places: &[Point], next: &mut [Point], hop: f64, pull: Pull);
}

/// All pairs, which few nodes can afford.
pub(super) struct AllPairs {
    wishes: Vec<Vec<f32>>,
}

impl AllPairs {
    /// `wish` is the distance that two nodes so many hops apart want. O(nodes * edges).
    pub(super) fn new(net: &Network, wish: &(impl Fn(f32) -> f32 + Sync)) -> Self {
        let mut wishes: Vec<Vec<f32>> =
            Self::each(net.len(), |i| hops(net, i).into_iter().map(wish).collect());
        part_shared(net, &mut wishes);
        Self { wishes }
    }

    /// How unlike the places are to what is wanted, at the scale that makes it least: from 0, the same, to 1.
    pub(super) fn least(&self, places: &[Point]) -> f64 {
        let (squares, sum) = self.shares(places);
        let pairs = places.len() as f64 * (places.len() as f64 - 1.0) / 2.0;
        if squares > 0.0 { 1.0 - sum * sum / (squares * pairs) } else { 0.0 }
    }

    /// Over all pairs, the sum of the squares of distance by wish, and the sum of it.
    fn shares(&self, places: &[Point]) -> (f64, f64) {
        let rows = Self::each(places.len(), |i| {
            let pairs = self.wishes[i][..i].iter().zip(places);
            let shares = pairs.map(|(&wish, &other)| (places[i] - other).length() / f64::from(wish));
            shares.fold((0.0, 0.0), |(squares, sum), share| (squares + share * share, sum + share))
        });
        total(rows.into_iter())
    }

    /// By threads where it is worth it: each `f` looks at all nodes.
    fn each<R: Send>(nodes: usize, f: impl Fn(usize) -> R + Sync) -> Vec<R> {
        const WORTH_THREADS: usize = 300;
        if nodes < WORTH_THREADS { (0..nodes).map(f).collect() } else { parallel::map(nodes, f) }
    }
}

impl Stress for AllPairs {
    fn hop(&self, places: &[Point]) -> f64 {
        ratio(self.shares(places))
    }

    fn round(&self, net: &Network, places: &[Point], next: &mut [Point], hop: f64, pull: Pull) {
        let moved = Self::each(places.len(), |i| {
            let mut sum = Sum::default();
            for (j, &wish) in self.wishes[i].iter().enumerate().filter(|&(j, _)| j != i) {
                let wish = f64::from(wish);
                sum.add(wanted(places[i], places[j], wish * hop, i < j), 1.0 / (wish * wish));
            }
            for &j in net.neighbours(i) {
                sum.add(wanted(places[i], places[j], hop, i < j), pull.edge - 1.0);
            }
            sum.place(places[i], pull.keep)
        });
        next.copy_from_slice(&moved);
    }
}

fn total(rows: impl Iterator<Item = (f64, f64)>) -> (f64, f64) {
    rows.fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d))
}

fn ratio((squares, sum): (f64, f64)) -> f64 {
    if sum > 0.0 { squares / sum } else { 1.0 }
}

/// The weighted middle of where others want a node.
#[derive(Default)]
pub(super) struct Sum {
    pub(super) places: Point,
    pub(super) weights: f64,
}

impl Sum {
    pub(super) fn add(&mut self, place: Point, weight: f64) {
        self.places += place * weight;
        self.weights += weight;
    }

    pub(super) fn place(&self, old: Point, keep: f64) -> Point {
        if self.weights > 0.0 { old * keep + self.places * ((1.0 - keep) / self.weights) } else { old }
    }
}

/// Hops from one node to all others of a connected graph.
pub(super) fn hops(net: &Network, from: usize) -> Vec<f32> {
    let mut hops = vec![f32::INFINITY; net.len()];
    hops[from] = 0.0;
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        for &other in net.neighbours(node) {
            if hops[other] == f32::INFINITY {
                hops[other] = hops[node] + 1.0;
                queue.push_back(other);
            }
        }
    }
    hops
}

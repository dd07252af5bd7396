//! Placing a connected graph so that distances on the page are like those in the graph.
//!
//! Stress majorisation (Gansner, Koren, North: "Graph drawing by stress majorization", 2004), over all
//! pairs where they are few, else over edges and pivots (Ortmann, Klimenta, Brandes: "A sparse stress
//! model", 2017), begun from pivot scaling (Brandes, Pich: "Eigensolver methods for progressive
//! multidimensional scaling of large data", 2007).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::network::Network;
use super::random::Random;
use super::{Point, parallel};

/// Up to this many nodes all pairs are weighed.
pub(super) const FULL: usize = 120;

/// Positions for few nodes by the distances between all of them. O(nodes^2) for each round.
pub(super) fn place_few(distances: &[Vec<f32>]) -> Vec<Point> {
    majorise(distances, pivot_scaling(distances))
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
    parallel::map(net.len(), |from| {
        let mut ways = distances(net, from, &|a, b| passed(a) + passed(b) + reach);
        for (to, way) in ways.iter_mut().enumerate().filter(|&(to, _)| to != from) {
            *way += beyond(from) + beyond(to);
        }
        ways
    })
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

/// Positions by the two strongest axes of the distances from some nodes to all: `distances[pivot][node]`.
fn pivot_scaling(distances: &[Vec<f32>]) -> Vec<Point> {
    const ROUNDS: usize = 60;
    let (pivots, nodes) = (distances.len(), distances.first().map_or(0, Vec::len));
    if pivots == 0 {
        return vec![Point::default(); nodes];
    }
    // Squared distances, centred by row and column.
    let square = |d: f32| f64::from(d) * f64::from(d);
    let row: Vec<f64> =
        distances.iter().map(|d| d.iter().map(|&d| square(d)).sum::<f64>() / nodes as f64).collect();
    let mut column = vec![0.0; nodes];
    parallel::fill(&mut column, |i| distances.iter().map(|d| square(d[i])).sum::<f64>() / pivots as f64);
    let all = row.iter().sum::<f64>() / pivots as f64;
    let centred: Vec<Vec<f64>> = parallel::map(pivots, |p| {
        (0..nodes).map(|i| -0.5 * (square(distances[p][i]) - row[p] - column[i] + all)).collect()
    });
    let product: Vec<Vec<f64>> = parallel::map(pivots, |p| {
        (0..pivots).map(|q| centred[p].iter().zip(&centred[q]).map(|(a, b)| a * b).sum()).collect()
    });
    // The two strongest eigenvectors, by power iteration.
    let mut random = Random::new(1);
    let mut axes: Vec<Vec<f64>> = Vec::new();
    for _ in 0..2 {
        let mut axis: Vec<f64> = (0..pivots).map(|_| random.unit() - 0.5).collect();
        for _ in 0..ROUNDS {
            let mut next: Vec<f64> =
                product.iter().map(|row| row.iter().zip(&axis).map(|(a, b)| a * b).sum()).collect();
            for other in &axes {
                let along: f64 = next.iter().zip(other).map(|(a, b)| a * b).sum();
                next.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
            }
            let norm = next.iter().map(|a| a * a).sum::<f64>().sqrt();
            if norm < 1e-12 {
                break;
            }
            next.iter_mut().for_each(|a| *a /= norm);
            axis = next;
        }
        axes.push(axis);
    }
    let mut places = vec![Point::default(); nodes];
    parallel::fill(&mut places, |i| {
        let along = |axis: &[f64]| axis.iter().zip(&centred).map(|(a, c)| a * c[i]).sum::<f64>();
        Point::new(along(&axes[0]), along(&axes[1]))
    });
    // To the scale of the distances, and no two nodes in one place.
    let (mut page, mut graph) = (0.0, 0.0);
    for i in (0..nodes).step_by(nodes.div_ceil(500)) {
        graph += distances.iter().map(|d| f64::from(d[i])).sum::<f64>() / pivots as f64;
        page += places[i].length();
    }
    let scale = if page > 0.0 { graph / page / std::f64::consts::SQRT_2 } else { 1.0 };
    let longest = distances.iter().flatten().fold(0.0_f32, |a, b| a.max(*b));
    for place in &mut places {
        let jitter = Point::new(random.unit() - 0.5, random.unit() - 0.5) * (0.01 * f64::from(longest));
        *place = *place * scale + jitter;
    }
    places
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
fn wanted(this: Point, other: Point, distance: f64, first: bool) -> Point {
    let d = this - other;
    let length = d.length();
    if length > 1e-9 {
        other + d * (distance / length)
    } else {
        other + Point::new(if first { -distance } else { distance }, 0.0)
    }
}

/// Positions for many nodes of a connected graph, edges about 1 long; `mass` is how many nodes each of them
/// stands for. O(pivots * (edges + nodes log nodes)).
pub(super) fn place_many(net: &Network, mass: &[f32]) -> Vec<Point> {
    let pivots = match net.len() {
        ..=3000 => 150,
        3001..=20_000 => 100,
        _ => 50,
    };
    const ROUNDS: usize = 60;
    /// How much more an edge weighs than another pair: joined nodes stay together, and edges cross less.
    const EDGE: f64 = 64.0;
    let chosen = choose_pivots(net, pivots);
    let distances: Vec<Vec<f32>> = parallel::map(chosen.len(), |p| hops(net, chosen[p]));
    let shares = pivot_shares(&distances, mass);
    // For each node, what each pivot wants of it: its distance and its weight.
    let wishes: Vec<Vec<(f64, f64)>> = parallel::map(net.len(), |i| {
        let wish = |p: usize| f64::from(distances[p][i]);
        (0..chosen.len())
            .map(|p| {
                (wish(p), if wish(p) > 0.0 { f64::from(shares[p][i]) / (wish(p) * wish(p)) } else { 0.0 })
            })
            .collect()
    });
    let mut places = pivot_scaling(&distances);
    let mut next = places.clone();
    for _ in 0..ROUNDS {
        let pivots: Vec<Point> = chosen.iter().map(|&pivot| places[pivot]).collect();
        parallel::fill(&mut next, |i| {
            let (mut sum, mut weights) = (Point::default(), 0.0);
            for &j in net.neighbours(i) {
                sum += wanted(places[i], places[j], 1.0, i < j) * EDGE;
                weights += EDGE;
            }
            for (&pivot, &(distance, weight)) in pivots.iter().zip(&wishes[i]) {
                sum += wanted(places[i], pivot, distance, true) * weight;
                weights += weight;
            }
            // Less than the whole way, since all move at once.
            if weights > 0.0 { places[i] * 0.3 + sum * (0.7 / weights) } else { places[i] }
        });
        std::mem::swap(&mut places, &mut next);
    }
    places
}

/// Hops from one node to all others of a connected graph.
fn hops(net: &Network, from: usize) -> Vec<f32> {
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

/// Nodes far from each other, by hops: each next is the farthest from those before, the first has the
/// highest degree.
fn choose_pivots(net: &Network, count: usize) -> Vec<usize> {
    let hub = (0..net.len()).max_by_key(|&i| (net.degree(i), Reverse(i))).unwrap_or(0);
    let mut nearest = vec![u32::MAX; net.len()];
    let mut chosen = vec![hub];
    let mut queue = VecDeque::new();
    while let Some(&last) = chosen.last() {
        nearest[last] = 0;
        queue.push_back(last);
        while let Some(node) = queue.pop_front() {
            for &other in net.neighbours(node) {
                if nearest[node] + 1 < nearest[other] {
                    nearest[other] = nearest[node] + 1;
                    queue.push_back(other);
                }
            }
        }
        let farthest = (0..net.len()).max_by_key(|&i| (nearest[i], net.degree(i), Reverse(i))).unwrap_or(hub);
        if chosen.len() >= count.min(net.len()) || nearest[farthest] == 0 {
            break;
        }
        chosen.push(farthest);
    }
    chosen
}

/// How much mass each pivot speaks for to each node: that of its region which is nearer to it than half the
/// way to the node.
fn pivot_shares(distances: &[Vec<f32>], mass: &[f32]) -> Vec<Vec<f32>> {
    let mut region = vec![0_u32; mass.len()];
    parallel::fill(&mut region, |i| {
        (0..distances.len()).min_by(|&a, &b| distances[a][i].total_cmp(&distances[b][i])).unwrap_or(0) as u32
    });
    let mut members: Vec<Vec<(f32, f32)>> = vec![Vec::new(); distances.len()];
    for (i, &p) in region.iter().enumerate() {
        members[p as usize].push((distances[p as usize][i], mass[i]));
    }
    parallel::map(distances.len(), |p| {
        let mut own = members[p].clone();
        own.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let sums: Vec<f32> = std::iter::once(0.0)
            .chain(own.iter().scan(0.0, |sum, (_, mass)| {
                *sum += mass;
                Some(*sum)
            }))
            .collect();
        distances[p].iter().map(|&d| sums[own.partition_point(|&(m, _)| m <= d / 2.0)]).collect()
    })
}

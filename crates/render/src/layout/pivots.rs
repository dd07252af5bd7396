//! Stress over edges, and pivots that speak for the nodes around them.
//!
//! Ortmann, Klimenta, Brandes: "A sparse stress model" (2017).

use std::cmp::Reverse;
use std::collections::VecDeque;

use super::network::Network;
use super::stress::{Pull, Stress, Sum, wanted};
use super::{Point, parallel};

/// Edges, and pivots: so the stress of many nodes takes a round of O(nodes * pivots).
pub(super) struct Pivots {
    chosen: Vec<usize>,
    /// So many columns for each node: one for each pivot, and some of weight 0.
    columns: usize,
    /// By node and pivot.
    hops: Vec<f32>,
    /// By node and pivot: how much each pivot's wish weighs.
    weights: Vec<f32>,
}

/// So many pivots are looked at in one go.
const LANES: usize = 8;

impl Pivots {
    /// `mass` is how many nodes each node stands for. O(pivots * (nodes + edges)).
    pub(super) fn new(net: &Network, mass: &[f32]) -> Self {
        let count = match net.len() {
            ..=3000 => 150,
            3001..=20_000 => 100,
            _ => 50,
        };
        let chosen = choose(net, count);
        let columns = chosen.len().next_multiple_of(LANES);
        let hops = hops(net, &chosen, columns);
        let weights = weights(&hops, chosen.len(), columns, mass);
        Self { chosen, columns, hops, weights }
    }

    /// How many pivots there are.
    pub(super) fn len(&self) -> usize {
        self.chosen.len()
    }

    /// From a node to a pivot, the how-manieth one.
    pub(super) fn hops(&self, node: usize, pivot: usize) -> f32 {
        self.hops[node * self.columns + pivot]
    }

    /// Where the pivots are.
    fn places(&self, places: &[Point]) -> Vec<[[f32; LANES]; 2]> {
        let place = |pivot: &usize| places[*pivot];
        self.chosen
            .chunks(LANES)
            .map(|chunk| {
                let mut lanes = [[0.0; LANES]; 2];
                for (lane, place) in chunk.iter().map(place).enumerate() {
                    (lanes[0][lane], lanes[1][lane]) = (place.x as f32, place.y as f32);
                }
                lanes
            })
            .collect()
    }

    /// For each chunk of pivots: where they are, how far a node is from them, and how much that weighs.
    fn wishes<'a>(
        &'a self,
        node: usize,
        pivots: &'a [[[f32; LANES]; 2]],
    ) -> impl Iterator<Item = (&'a [[f32; LANES]; 2], &'a [f32; LANES], &'a [f32; LANES])> {
        let row = node * self.columns..(node + 1) * self.columns;
        let (hops, _) = self.hops[row.clone()].as_chunks();
        let (weights, _) = self.weights[row].as_chunks();
        pivots.iter().zip(hops).zip(weights).map(|((pivots, hops), weights)| (pivots, hops, weights))
    }
}

impl Stress for Pivots {
    fn hop(&self, places: &[Point]) -> f64 {
        let pivots = self.places(places);
        let mut rows = vec![[0.0; 2]; places.len()];
        parallel::fill(&mut rows, self.columns, |i| {
            let (x, y) = (places[i].x as f32, places[i].y as f32);
            let mut sums = [[0.0; LANES]; 2];
            for ([xs, ys], hops, weights) in self.wishes(i, &pivots) {
                for lane in 0..LANES {
                    let (dx, dy) = (x - xs[lane], y - ys[lane]);
                    let square = dx * dx + dy * dy;
                    sums[0][lane] += weights[lane] * square;
                    sums[1][lane] += weights[lane] * square.sqrt() * hops[lane];
                }
            }
            sums.map(sum)
        });
        let [squares, sum] = rows.into_iter().fold([0.0; 2], |[a, b], [c, d]| [a + c, b + d]);
        if sum > 0.0 { squares / sum } else { 1.0 }
    }

    fn round(&self, net: &Network, places: &[Point], next: &mut [Point], hop: f64, pull: Pull) {
        let pivots = self.places(places);
        parallel::fill(next, self.columns, |i| {
            let (x, y, hop32) = (places[i].x as f32, places[i].y as f32, hop as f32);
            let mut sums = [[0.0; LANES]; 3];
            for ([xs, ys], hops, weights) in self.wishes(i, &pivots) {
                for lane in 0..LANES {
                    let (dx, dy) = (x - xs[lane], y - ys[lane]);
                    // The pivot itself stays where it is.
                    let by = hops[lane] * hop32 / (dx * dx + dy * dy).sqrt().max(1e-12);
                    sums[0][lane] += weights[lane] * (xs[lane] + dx * by);
                    sums[1][lane] += weights[lane] * (ys[lane] + dy * by);
                    sums[2][lane] += weights[lane];
                }
            }
            let [x, y, weights] = sums.map(sum);
            let mut sum = Sum { places: Point::new(x, y), weights };
            for &j in net.neighbours(i) {
                sum.add(wanted(places[i], places[j], hop, i < j), pull.edge);
            }
            sum.place(places[i], pull.keep)
        });
    }
}

fn sum(lanes: [f32; LANES]) -> f64 {
    lanes.into_iter().map(f64::from).sum()
}

/// Nodes far from each other, by hops: each next is the farthest from those before, the first has the
/// highest degree.
fn choose(net: &Network, count: usize) -> Vec<usize> {
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

/// Hops from each node of a connected graph to each of some others, in rows of so many columns.
///
/// Searches run side by side, a bit for each: Then et al., "The more the merrier: efficient multi-source graph
/// traversal" (2014). O(sources * (nodes + edges)) at worst, a 64th of it where most are within few hops.
fn hops(net: &Network, sources: &[usize], columns: usize) -> Vec<f32> {
    let mut hops = vec![0.0; net.len() * columns];
    for (block, sources) in sources.chunks(64).enumerate() {
        // Which searches have been here, which just came, and which come next.
        let (mut seen, mut came, mut next) =
            (vec![0_u64; net.len()], vec![0_u64; net.len()], vec![0_u64; net.len()]);
        for (bit, &source) in sources.iter().enumerate() {
            seen[source] |= 1 << bit;
        }
        came.clone_from(&seen);
        let mut front: Vec<usize> = sources.to_vec();
        let mut reached = Vec::new();
        let mut level = 0.0_f32;
        while !front.is_empty() {
            level += 1.0;
            for node in front.drain(..) {
                let searches = std::mem::take(&mut came[node]);
                for &other in net.neighbours(node) {
                    let new = searches & !seen[other];
                    if new != 0 {
                        if next[other] == 0 {
                            reached.push(other);
                        }
                        next[other] |= new;
                    }
                }
            }
            for node in reached.drain(..) {
                let mut new = std::mem::take(&mut next[node]);
                seen[node] |= new;
                came[node] = new;
                while new != 0 {
                    hops[node * columns + block * 64 + new.trailing_zeros() as usize] = level;
                    new &= new - 1;
                }
                front.push(node);
            }
        }
    }
    hops
}

/// How much each pivot's wish weighs for each node: the mass of its region that is nearer to it than half the
/// way to the node, by the way's square.
fn weights(hops: &[f32], pivots: usize, columns: usize, mass: &[f32]) -> Vec<f32> {
    let of = |node: usize| &hops[node * columns..][..pivots];
    let mut region = vec![0_usize; mass.len()];
    parallel::fill(&mut region, pivots, |node| {
        let mut nearest = 0;
        for (pivot, hops) in of(node).iter().enumerate() {
            if *hops < of(node)[nearest] {
                nearest = pivot;
            }
        }
        nearest
    });
    let levels = hops.iter().fold(0.0_f32, |most, hops| most.max(*hops)) as usize + 1;
    let mut table = vec![0.0_f32; pivots * levels];
    for (node, &pivot) in region.iter().enumerate() {
        table[pivot * levels + of(node)[pivot] as usize] += mass[node];
    }
    for masses in table.chunks_mut(levels) {
        (1..levels).for_each(|hop| masses[hop] += masses[hop - 1]);
        // From the farthest down, since each reads one nearer by.
        for hop in (0..levels).rev() {
            masses[hop] = if hop > 0 { masses[hop / 2] / (hop * hop) as f32 } else { 0.0 };
        }
    }
    let mut weights = vec![0.0; hops.len()];
    parallel::rows(&mut weights, columns, columns, |node, row| {
        for (pivot, (weight, hops)) in row.iter_mut().zip(of(node)).enumerate() {
            *weight = table[pivot * levels + *hops as usize];
        }
    });
    weights
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::super::stress;
    use super::*;

    #[test]
    fn searches_side_by_side_find_what_one_by_one_does() {
        let mut random = Random::new(5);
        let mut pick = |below: usize| (random.unit() * below as f64) as usize;
        let tree: Vec<_> = (1..400).map(|i| (i, pick(i.min(40)), 1.0)).collect();
        let path: Vec<_> = (1..300).map(|i| (i - 1, i, 1.0)).collect();
        for (nodes, edges) in [(400, tree), (300, path), (1, vec![])] {
            let net = Network::from_edges(nodes, edges.into_iter());
            let sources: Vec<usize> = (0..nodes).step_by(3).collect();
            let columns = sources.len() + 2;
            let all = hops(&net, &sources, columns);
            for (nth, &source) in sources.iter().enumerate() {
                let alone = stress::hops(&net, source);
                for (node, &expected) in alone.iter().enumerate() {
                    assert_eq!(all[node * columns + nth], expected, "{source} to {node}");
                }
            }
        }
    }

    #[test]
    fn each_node_speaks_for_itself_where_all_are_pivots() {
        // Regions of one node: each pivot's wish weighs as its pair does in full stress.
        let net = Network::from_edges(9, (1..9).map(|i| (i - 1, i, 1.0)));
        let pivots = Pivots::new(&net, &[1.0; 9]);
        assert_eq!(pivots.len(), 9);
        for node in 0..9_usize {
            for (nth, &pivot) in pivots.chosen.iter().enumerate() {
                let hops = node.abs_diff(pivot) as f32;
                let weight = pivots.weights[node * pivots.columns + nth];
                assert_eq!(pivots.hops(node, nth), hops);
                let expected = if hops > 0.0 { 1.0 / (hops * hops) } else { 0.0 };
                assert!((weight - expected).abs() < 1e-6, "{node} {pivot}: {weight}");
            }
        }
    }
}

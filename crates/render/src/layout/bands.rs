//! Bands of nodes, one behind another: rows from top to bottom, or columns from left to right.

use super::{Bands, Layout, LayoutError, Placement, Point, Problem};

/// How far bands stand apart: room for edges and their labels, in points.
const BAND_GAP: f64 = 96.0;
/// How far the lines of one band stand apart, in points.
const LINE_GAP: f64 = 22.0;
/// How far boxes in a line stand apart, in points.
const GAP: f64 = 14.0;

/// As an engineer draws a network: the outside on top, what is inside below, groups at the bottom.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tiers;

impl Layout for Tiers {
    fn place(&self, problem: &Problem) -> Result<Placement, LayoutError> {
        Ok(place(problem, &tiers(problem)))
    }

    fn bands(&self, problem: &Problem) -> Option<Bands> {
        Some(tiers(problem))
    }
}

fn tiers(problem: &Problem) -> Bands {
    let band = |node| problem.tiers.get(node).copied().map_or(0, usize::from);
    Bands { of_node: (0..problem.boxes.len()).map(band).collect(), rows: true }
}

/// Who makes contact stands left of whom they contact.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layered;

impl Layout for Layered {
    fn place(&self, problem: &Problem) -> Result<Placement, LayoutError> {
        Ok(place(problem, &columns(problem)))
    }

    fn bands(&self, problem: &Problem) -> Option<Bands> {
        Some(columns(problem))
    }
}

fn columns(problem: &Problem) -> Bands {
    Bands { of_node: layers(problem), rows: false }
}

/// Places every node in its band, each band in as many lines as a page needs.
pub(super) fn place(problem: &Problem, bands: &Bands) -> Placement {
    Lines { problem, bands: &bands.of_node, down: bands.rows }.place()
}

struct Lines<'a> {
    problem: &'a Problem,
    /// Each node's band.
    bands: &'a [usize],
    /// Whether bands are rows, the first on top, or columns, the first at the left.
    down: bool,
}

impl Lines<'_> {
    fn place(&self) -> Placement {
        let lines = self.lines();
        let mut line_of = vec![0; self.problem.boxes.len()];
        for (nth, line) in lines.iter().enumerate() {
            line.iter().for_each(|&node| line_of[node] = nth);
        }
        let along = self.along(&lines);
        let mut nth_of = vec![0; line_of.len()];
        for line in &lines {
            line.iter().enumerate().for_each(|(nth, &node)| nth_of[node] = nth);
        }
        let mut centres = vec![Point::default(); along.len()];
        let mut edge = 0.0;
        for (nth, line) in lines.iter().enumerate() {
            let depth = line.iter().map(|&node| self.size(node).y).fold(0.0, f64::max);
            if nth > 0 {
                let same = self.bands[lines[nth - 1][0]] == self.bands[line[0]];
                edge += if same { LINE_GAP } else { BAND_GAP };
            }
            for &node in line {
                centres[node] = self.turned(Point::new(along[node], edge + depth / 2.0));
            }
            edge += depth;
        }
        let routes = self.routes(&centres, &line_of, &nth_of);
        Placement { centres, routes }
    }

    /// A box's size along its line, and across.
    fn size(&self, node: usize) -> Point {
        self.turned(self.problem.boxes[node])
    }

    /// From page to lines and back.
    fn turned(&self, p: Point) -> Point {
        if self.down { p } else { Point::new(p.y, p.x) }
    }

    /// The nodes in lines, each band in as many as a page needs, neighbours near each other.
    fn lines(&self) -> Vec<Vec<usize>> {
        const SWEEPS: usize = 8;
        let count = self.bands.iter().max().map_or(0, |last| last + 1);
        let mut bands = vec![Vec::new(); count];
        for (node, &band) in self.bands.iter().enumerate() {
            bands[band].push(node);
        }
        bands.retain(|band| !band.is_empty());
        let around = self.around();
        let mut place = vec![0.0; self.bands.len()];
        let note = |bands: &[Vec<usize>], place: &mut [f64]| {
            for band in bands {
                let length = band.len() as f64;
                band.iter().enumerate().for_each(|(i, &node)| place[node] = (i as f64 + 0.5) / length);
            }
        };
        note(&bands, &mut place);
        for sweep in 0..SWEEPS {
            let order: Vec<usize> =
                if sweep % 2 == 0 { (0..bands.len()).collect() } else { (0..bands.len()).rev().collect() };
            for nth in order {
                let mean = |node: usize| {
                    // Neighbours in one band move at once: only halfway, or they would change places.
                    let beside = around[node].iter().any(|&other| self.bands[other] == self.bands[node]);
                    let own = (beside || around[node].is_empty()).then_some(node);
                    let all = around[node].iter().copied().chain(own);
                    let (sum, count) = all.fold((0.0, 0.0), |(s, n), other| (s + place[other], n + 1.0));
                    sum / count
                };
                let mut keyed: Vec<(f64, usize)> =
                    bands[nth].iter().map(|&node| (mean(node), node)).collect();
                keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
                bands[nth] = keyed.into_iter().map(|(_, node)| node).collect();
                note(&bands[nth..=nth], &mut place);
            }
        }
        let limit = self.longest_line(bands.len());
        bands.into_iter().flat_map(|band| self.wrapped(band, limit)).collect()
    }

    /// How long a line may be, for a page that is wider than high.
    fn longest_line(&self, bands: usize) -> f64 {
        /// What fits on any page, in points, is not broken.
        const FITS: f64 = 900.0;
        let sizes = || (0..self.bands.len()).map(|node| self.size(node));
        let area: f64 = sizes().map(|s| (s.x + GAP) * (s.y + LINE_GAP)).sum();
        let longest = sizes().map(|s| s.x).fold(0.0, f64::max);
        let gaps = BAND_GAP * bands.saturating_sub(1) as f64;
        // Length times depth is the area, and depth has the gaps besides: their ratio is to be a page's.
        let ratio = if self.down { super::pack::PAGE } else { 1.0 / super::pack::PAGE };
        let (a, b) = (1.0 / ratio, gaps);
        let length = (b + (b * b + 4.0 * a * area).sqrt()) / (2.0 * a);
        length.max(longest).max(FITS * ratio.min(1.0))
    }

    /// A band in lines no longer than the limit. Neighbours in the band's order go to different lines, so that every
    /// line spans the whole of it.
    fn wrapped(&self, band: Vec<usize>, limit: f64) -> Vec<Vec<usize>> {
        let length: f64 = band.iter().map(|&node| self.size(node).x + GAP).sum();
        let count = ((length / limit).ceil() as usize).clamp(1, band.len());
        let mut lines = vec![(0.0_f64, Vec::new()); count];
        for node in band {
            let shortest = (0..count).min_by(|&a, &b| lines[a].0.total_cmp(&lines[b].0)).unwrap_or(0);
            lines[shortest].0 += self.size(node).x + GAP;
            lines[shortest].1.push(node);
        }
        lines.into_iter().map(|(_, line)| line).filter(|line| !line.is_empty()).collect()
    }

    /// Each node's distinct neighbours.
    fn around(&self) -> Vec<Vec<usize>> {
        let mut around = vec![Vec::new(); self.bands.len()];
        for &(a, b) in self.problem.edges.iter().filter(|(a, b)| a != b) {
            around[a].push(b);
            around[b].push(a);
        }
        for list in &mut around {
            list.sort_unstable();
            list.dedup();
        }
        around
    }

    /// Each node's place along its line: near its neighbours in others, as far as the line's order lets it.
    fn along(&self, lines: &[Vec<usize>]) -> Vec<f64> {
        const ROUNDS: usize = 6;
        let around = self.around();
        let mut along = vec![0.0; self.bands.len()];
        let apart = |a: usize, b: usize| {
            let joined = around[a].binary_search(&b).is_ok();
            (self.size(a).x + self.size(b).x) / 2.0 + if joined { BAND_GAP } else { GAP }
        };
        for line in lines {
            let length: f64 = line.windows(2).map(|pair| apart(pair[0], pair[1])).sum();
            let mut at = -length / 2.0;
            for (i, &node) in line.iter().enumerate() {
                if i > 0 {
                    at += apart(line[i - 1], node);
                }
                along[node] = at;
            }
        }
        for _ in 0..ROUNDS {
            for line in lines {
                let wish = |node: usize| match &around[node] {
                    none if none.is_empty() => along[node],
                    some => some.iter().map(|&other| along[other]).sum::<f64>() / some.len() as f64,
                };
                let wishes: Vec<f64> = line.iter().map(|&node| wish(node)).collect();
                // As far right as need be, and as far left: the mean of both keeps all apart.
                let (mut right, mut left) = (wishes.clone(), wishes);
                for i in 1..line.len() {
                    right[i] = right[i].max(right[i - 1] + apart(line[i - 1], line[i]));
                }
                for i in (1..line.len()).rev() {
                    left[i - 1] = left[i - 1].min(left[i] - apart(line[i - 1], line[i]));
                }
                for (i, &node) in line.iter().enumerate() {
                    along[node] = (right[i] + left[i]) / 2.0;
                }
            }
        }
        along
    }

    /// Ways for edges within a line, around what stands between their ends; the others are straight.
    fn routes(&self, centres: &[Point], line_of: &[usize], nth_of: &[usize]) -> Vec<Vec<Point>> {
        let route = |&(a, b): &(usize, usize)| {
            if a == b || line_of[a] != line_of[b] || nth_of[a].abs_diff(nth_of[b]) == 1 {
                return Vec::new();
            }
            let (from, to) = (self.turned(centres[a]), self.turned(centres[b]));
            let depth = self.size(a).y.max(self.size(b).y) / 2.0;
            // The two directions part: one bends to each side.
            let side = if a < b { -1.0 } else { 1.0 };
            let bow = side * (depth + 14.0 + 0.06 * (to.x - from.x).abs().min(500.0)) / 0.75;
            let quarter = (to.x - from.x) * 0.2;
            [from, Point::new(from.x + quarter, from.y + bow), Point::new(to.x - quarter, to.y + bow), to]
                .map(|p| self.turned(p))
                .to_vec()
        };
        self.problem.edges.iter().map(route).collect()
    }
}

/// Each node's layer: one more than the highest of those that contacted it. Contacts that close a circle do not
/// count.
fn layers(problem: &Problem) -> Vec<usize> {
    let nodes = problem.boxes.len();
    let mut next = vec![Vec::new(); nodes];
    for (i, &(a, b)) in problem.edges.iter().enumerate() {
        if a != b && problem.forward.get(i).copied().unwrap_or(true) {
            next[a].push(b);
        }
    }
    let mut contacted = vec![false; nodes];
    next.iter().flatten().for_each(|&node| contacted[node] = true);
    // Depth first from those that nobody contacted, so that each circle is cut where it is entered.
    let mut order = Vec::with_capacity(nodes);
    let mut state = vec![State::New; nodes];
    let mut cut: Vec<(usize, usize)> = Vec::new();
    let starts =
        (0..nodes).filter(|&node| !contacted[node]).chain((0..nodes).filter(|&node| contacted[node]));
    for start in starts {
        let mut stack = vec![(start, 0)];
        while let Some((node, seen)) = stack.pop() {
            if seen == 0 {
                if state[node] != State::New {
                    continue;
                }
                state[node] = State::Open;
            }
            if let Some(&other) = next[node].get(seen) {
                stack.push((node, seen + 1));
                match state[other] {
                    State::New => stack.push((other, 0)),
                    State::Open => cut.push((node, other)),
                    State::Done => {}
                }
            } else {
                state[node] = State::Done;
                order.push(node);
            }
        }
    }
    cut.sort_unstable();
    let mut layers = vec![0; nodes];
    for &node in order.iter().rev() {
        for &other in &next[node] {
            if cut.binary_search(&(node, other)).is_err() {
                layers[other] = layers[other].max(layers[node] + 1);
            }
        }
    }
    layers
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_follow_contacts_and_circles_are_cut() {
        for (edges, expected) in [
            (&[(0, 1), (1, 2), (0, 2)][..], [0, 1, 2, 0]),
            (&[(0, 1), (1, 2), (2, 0)], [0, 1, 2, 0]),
            (&[(3, 0), (0, 1), (1, 0), (2, 2)], [1, 2, 0, 0]),
            (&[], [0, 0, 0, 0]),
        ] {
            let problem = Problem::new(vec![Point::new(10.0, 10.0); 4], edges.to_vec());
            assert_eq!(layers(&problem), expected, "{edges:?}");
        }
    }
}

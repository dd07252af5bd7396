use std::collections::HashMap;

use super::Point;

/// Moves boxes, as little as it takes, until none lies on another and all are `gap` apart.
///
/// Pairs that overlap are pushed apart along the line between their centres, as PRISM does (Gansner, Hu:
/// "Efficient, proximity-preserving node overlap removal", 2010), with neighbours found by a grid; what
/// still overlaps after that goes to the nearest free place. Near O(nodes) for each round.
pub(super) fn separate(centres: &mut [Point], boxes: &[Point], gap: f64) {
    /// Rounds of pushing before the whole is stretched as well.
    const PATIENCE: usize = 40;
    const ROUNDS: usize = 160;
    for point in centres.iter_mut().filter(|p| !(p.x.is_finite() && p.y.is_finite())) {
        *point = Point::default();
    }
    let padded: Vec<Point> = boxes.iter().map(|b| *b + Point::new(gap, gap)).collect();
    let mut near = Near::new(&padded);
    for round in 0..ROUNDS {
        if near.push(centres, &padded) == 0 {
            return;
        }
        if round >= PATIENCE {
            near.stretch(centres, 1.02);
        }
    }
    settle(centres, &padded);
}

/// Up to so many rounds of pushing boxes apart that overlap.
pub(super) fn push(centres: &mut [Point], boxes: &[Point], rounds: usize) {
    let mut near = Near::new(boxes);
    let mut round = 0;
    while round < rounds && near.push(centres, boxes) > 0 {
        round += 1;
    }
}

/// Spreads boxes over a page with room for all of them, so that it is filled evenly: the page is halved again
/// and again, across its longer side, in proportion to the boxes on either side of the cut. Keeps who is
/// left of and above whom. O(nodes log^2 nodes).
pub(super) fn spread(centres: &mut [Point], boxes: &[Point], gap: f64) {
    /// Area of the page by that of the boxes.
    const ROOM: f64 = 1.5;
    let areas: Vec<f64> = boxes.iter().map(|b| (b.x + gap) * (b.y + gap)).collect();
    let side = (areas.iter().sum::<f64>() * ROOM).sqrt();
    let mut order: Vec<usize> = (0..centres.len()).collect();
    halve(&mut order, centres, &areas, (Point::default(), Point::new(side, side)));
}

fn halve(nodes: &mut [usize], centres: &mut [Point], areas: &[f64], page: (Point, Point)) {
    let (low, high) = page;
    if nodes.len() < 2 {
        nodes.iter().for_each(|&node| centres[node] = (low + high) * 0.5);
        return;
    }
    let across = high.x - low.x >= high.y - low.y;
    let along = |p: Point| if across { p.x } else { p.y };
    nodes.sort_unstable_by(|&a, &b| along(centres[a]).total_cmp(&along(centres[b])).then(a.cmp(&b)));
    let all: f64 = nodes.iter().map(|&node| areas[node]).sum();
    let (mut first, mut count) = (0.0, 0);
    while count < nodes.len() - 1 && (count == 0 || first + areas[nodes[count]] * 0.5 < all * 0.5) {
        first += areas[nodes[count]];
        count += 1;
    }
    let part = first / all;
    let cut = if across { low.x + (high.x - low.x) * part } else { low.y + (high.y - low.y) * part };
    let (middle_high, middle_low) = if across {
        (Point::new(cut, high.y), Point::new(cut, low.y))
    } else {
        (Point::new(high.x, cut), Point::new(low.x, cut))
    };
    let (before, after) = nodes.split_at_mut(count);
    halve(before, centres, areas, (low, middle_high));
    halve(after, centres, areas, (middle_low, high));
}

/// Whether two boxes overlap by more than rounding.
fn collide(a: Point, size_a: Point, b: Point, size_b: Point) -> bool {
    const ROUNDING: f64 = 1e-7;
    let need = (size_a + size_b) * 0.5;
    (a.x - b.x).abs() + ROUNDING < need.x && (a.y - b.y).abs() + ROUNDING < need.y
}

/// Pairs of boxes that lie on each other or nearly so: good for several rounds, until one has moved as far as makes a
/// difference (Verlet: "Computer experiments on classical fluids", 1967).
struct Near {
    pairs: Vec<(u32, u32)>,
    /// Where everything was when the pairs were found.
    then: Vec<Point>,
    /// Boxes that were farther apart than this are not among the pairs.
    slack: f64,
}

impl Near {
    /// How far apart boxes may be to be looked at, by their mean height.
    const SLACK: f64 = 0.25;

    fn new(boxes: &[Point]) -> Self {
        Self { pairs: Vec::new(), then: Vec::new(), slack: mean(boxes).y * Self::SLACK }
    }

    /// One round of pushing; how many pairs overlapped.
    fn push(&mut self, centres: &mut [Point], boxes: &[Point]) -> usize {
        let is_far = |(now, then): (&Point, &Point)| {
            (now.x - then.x).abs().max((now.y - then.y).abs()) > self.slack / 2.0
        };
        if self.then.is_empty() || centres.iter().zip(&self.then).any(is_far) {
            self.find(centres, boxes);
        }
        let mut pairs = 0;
        for &(a, b) in &self.pairs {
            pairs += usize::from(part(centres, boxes, a as usize, b as usize));
        }
        pairs
    }

    fn find(&mut self, centres: &[Point], boxes: &[Point]) {
        let slack = Point::new(self.slack, self.slack);
        let grown: Vec<Point> = boxes.iter().map(|size| *size + slack).collect();
        self.pairs.clear();
        Grid::new(centres, &grown).each_pair(|a, b| {
            if collide(centres[a], grown[a], centres[b], grown[b]) {
                self.pairs.push((a as u32, b as u32));
            }
        });
        self.then.clear();
        self.then.extend_from_slice(centres);
    }

    /// Stretches the page: boxes that were apart only come farther apart.
    fn stretch(&mut self, centres: &mut [Point], by: f64) {
        centres.iter_mut().chain(&mut self.then).for_each(|p| *p = *p * by);
    }
}

/// Pushes two boxes apart; whether they lay on each other.
fn part(centres: &mut [Point], boxes: &[Point], a: usize, b: usize) -> bool {
    /// A little more than needed, so that rounding does not bring the pair back.
    const MORE: f64 = 1e-3;
    if !collide(centres[a], boxes[a], centres[b], boxes[b]) {
        return false;
    }
    let d = centres[b] - centres[a];
    let need = (boxes[a] + boxes[b]) * 0.5;
    let grow = (need.x / d.x.abs()).min(need.y / d.y.abs());
    // Along the line between the centres that keeps the shape; from nearly the same place, the short way.
    let shift = if grow < 2.0 {
        d * (grow - 1.0 + MORE)
    } else if need.x - d.x.abs() < need.y - d.y.abs() {
        Point::new((need.x - d.x.abs() + MORE).copysign(d.x), 0.0)
    } else {
        Point::new(0.0, (need.y - d.y.abs() + MORE).copysign(d.y))
    };
    // The larger box moves less.
    let (area_a, area_b) = (boxes[a].x * boxes[a].y, boxes[b].x * boxes[b].y);
    let share = if area_a + area_b > 0.0 { area_b / (area_a + area_b) } else { 0.5 };
    centres[a] = centres[a] - shift * share;
    centres[b] += shift * (1.0 - share);
    true
}

/// Puts each box that lies on another to the nearest free place, larger ones first.
fn settle(centres: &mut [Point], boxes: &[Point]) {
    let cell = mean(boxes);
    let key = |p: Point| ((p.x / cell.x).floor() as i64, (p.y / cell.y).floor() as i64);
    let mut placed: HashMap<(i64, i64), Vec<usize>> = HashMap::new();
    let mut order: Vec<usize> = (0..centres.len()).collect();
    order.sort_by(|&a, &b| (boxes[b].x * boxes[b].y).total_cmp(&(boxes[a].x * boxes[a].y)).then(a.cmp(&b)));
    for node in order {
        let cells = |at: Point| {
            let (low, high) = (key(at - boxes[node] * 0.5), key(at + boxes[node] * 0.5));
            (low.0..=high.0).flat_map(move |x| (low.1..=high.1).map(move |y| (x, y)))
        };
        let free = |at: Point, centres: &[Point]| {
            !cells(at)
                .filter_map(|c| placed.get(&c))
                .flatten()
                .any(|&other| collide(at, boxes[node], centres[other], boxes[other]))
        };
        let mut at = centres[node];
        let mut turn = 0;
        while !free(at, centres) {
            // A spiral of equal steps (Fermat's), so that near places come first.
            turn += 1;
            let t = f64::from(turn);
            let golden = 2.399_963_229_728_653;
            at = centres[node]
                + Point::at_angle(golden * t).scaled(boxes[node].x, boxes[node].y) * (0.25 * t.sqrt());
        }
        centres[node] = at;
        for c in cells(at) {
            placed.entry(c).or_default().push(node);
        }
    }
}

fn mean(boxes: &[Point]) -> Point {
    let sum = boxes.iter().fold(Point::default(), |sum, b| sum + *b) * (1.0 / boxes.len().max(1) as f64);
    Point::new(sum.x.max(1.0), sum.y.max(1.0))
}

/// Boxes by the cells that they touch.
struct Grid {
    columns: usize,
    starts: Vec<u32>,
    items: Vec<u32>,
    spans: Vec<[u32; 4]>,
}

impl Grid {
    fn new(centres: &[Point], boxes: &[Point]) -> Self {
        let (low, high) = super::point::bounds(centres, boxes);
        let mut cell = mean(boxes);
        let extent = high - low;
        // No more cells than a few for each box, however far apart they lie.
        let most = (4 * centres.len()).max(1) as f64;
        let cells = (extent.x / cell.x + 1.0) * (extent.y / cell.y + 1.0);
        if cells > most {
            cell = cell * (cells / most).sqrt();
        }
        let columns = (extent.x / cell.x) as usize + 1;
        let rows = (extent.y / cell.y) as usize + 1;
        let index = |v: f64, low: f64, size: f64, count: usize| {
            (((v - low) / size).max(0.0) as usize).min(count - 1) as u32
        };
        let spans: Vec<[u32; 4]> = centres
            .iter()
            .zip(boxes)
            .map(|(c, b)| {
                [
                    index(c.x - b.x / 2.0, low.x, cell.x, columns),
                    index(c.x + b.x / 2.0, low.x, cell.x, columns),
                    index(c.y - b.y / 2.0, low.y, cell.y, rows),
                    index(c.y + b.y / 2.0, low.y, cell.y, rows),
                ]
            })
            .collect();
        let mut starts = vec![0_u32; columns * rows + 1];
        let each = |span: &[u32; 4], f: &mut dyn FnMut(usize)| {
            for y in span[2]..=span[3] {
                for x in span[0]..=span[1] {
                    f(y as usize * columns + x as usize);
                }
            }
        };
        for span in &spans {
            each(span, &mut |c| starts[c + 1] += 1);
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut fill = starts.clone();
        let mut items = vec![0_u32; starts[columns * rows] as usize];
        for (node, span) in spans.iter().enumerate() {
            each(span, &mut |c| {
                items[fill[c] as usize] = node as u32;
                fill[c] += 1;
            });
        }
        Self { columns, starts, items, spans }
    }

    /// Every pair that shares a cell, each once.
    fn each_pair(&self, mut f: impl FnMut(usize, usize)) {
        for (cell, bounds) in self.starts.windows(2).enumerate() {
            let items = &self.items[bounds[0] as usize..bounds[1] as usize];
            let (x, y) = ((cell % self.columns) as u32, (cell / self.columns) as u32);
            for (nth, &a) in items.iter().enumerate() {
                for &b in &items[nth + 1..] {
                    // Only in the first cell that both touch.
                    let (sa, sb) = (&self.spans[a as usize], &self.spans[b as usize]);
                    if sa[0].max(sb[0]) == x && sa[2].max(sb[2]) == y {
                        f(a as usize, b as usize);
                    }
                }
            }
        }
    }
}

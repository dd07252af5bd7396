use std::collections::{BTreeMap, BTreeSet};

use super::Point;

/// Width to height that a page is filled to: between 4:3 and 16:10.
pub(super) const PAGE: f64 = 1.5;

/// About how high a title and a legend are together, in points.
const BESIDES: f64 = 200.0;

/// A part of a picture that is laid out by itself, its upper left corner at the origin.
pub(super) struct Piece {
    pub(super) size: Point,
    /// Upper left and lower right corners of what stands in it.
    pub(super) boxes: Vec<(Point, Point)>,
    /// The straight lines between them.
    pub(super) lines: Vec<(Point, Point)>,
}

/// Places pieces on a page of about [`PAGE`], what stands in them `gap` apart; gives each one's upper left corner. As
/// rectangles, or, where they are few and the page becomes smaller, small ones where larger ones leave room.
pub(super) fn pack_pieces(pieces: &[Piece], gap: f64) -> Vec<Point> {
    /// More pieces fill a page well as they are, and would take long.
    const FEW: usize = 60;
    const BOXES: usize = 400;
    /// Rectangles look tidier: the page must be smaller by this for it.
    const WORTH: f64 = 0.97;
    let sizes: Vec<Point> = pieces.iter().map(|piece| piece.size).collect();
    let corners = pack(&sizes, gap);
    let boxes: usize = pieces.iter().map(|piece| piece.boxes.len()).sum();
    if !(2..=FEW).contains(&pieces.len()) || boxes > BOXES {
        return corners;
    }
    let used = |corners: &[Point]| {
        let ends = corners.iter().zip(&sizes).map(|(corner, size)| *corner + *size);
        ends.fold(Point::default(), |m, p| Point::new(m.x.max(p.x), m.y.max(p.y)))
    };
    match interlock(pieces, gap, used(&corners)) {
        Some(tried) if width(used(&tried)) < WORTH * width(used(&corners)) => tried,
        _ => corners,
    }
}

/// How wide a page is that has room for so much, and for what is besides.
fn width(used: Point) -> f64 {
    used.x.max((used.y + BESIDES) * PAGE)
}

/// Places pieces within a page of this size so that only what stands in them is apart, the largest first; none if one does
/// not fit.
///
/// Freivalds, Dogrusoz, Kikusts: "Disconnected graph layout and the polyomino packing approach" (2002).
/// O(pieces * cells of the page * cells of a piece) at worst.
fn interlock(pieces: &[Piece], gap: f64, page: Point) -> Option<Vec<Point>> {
    const CELL: f64 = 16.0;
    let cells = |v: f64| (v / CELL).ceil().max(0.0) as usize;
    let (columns, rows) = (cells(page.x + gap), cells(page.y + gap));
    let mut taken = vec![false; columns * rows];
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    let area = |i: usize| pieces[i].size.x * pieces[i].size.y;
    order.sort_by(|&a, &b| area(b).total_cmp(&area(a)).then(a.cmp(&b)));
    let mut corners = vec![Point::default(); pieces.len()];
    let mut used = (0, 0);
    for &i in &order {
        let mask = pieces[i].cells(gap, CELL);
        let (wide, high) = (cells(pieces[i].size.x + gap), cells(pieces[i].size.y + gap));
        if wide > columns || high > rows {
            return None;
        }
        let mut best: Option<(f64, usize, usize)> = None;
        // Beside what is there, from the top.
        for left in (0..=columns - wide).rev() {
            for top in 0..=rows - high {
                let (right, bottom) = (used.0.max(left + wide), used.1.max(top + high));
                let page = width(Point::new(right as f64, bottom as f64) * CELL);
                let free = || mask.iter().all(|&(x, y)| !taken[(top + y) * columns + left + x]);
                if best.is_none_or(|(least, ..)| page < least) && free() {
                    best = Some((page, left, top));
                }
            }
        }
        let (_, left, top) = best?;
        used = (used.0.max(left + wide), used.1.max(top + high));
        mask.iter().for_each(|&(x, y)| taken[(top + y) * columns + left + x] = true);
        corners[i] = Point::new(left as f64, top as f64) * CELL;
    }
    Some(corners)
}

impl Piece {
    /// The cells that it covers with half a gap around it, and those between them in a row or a column: in its corners others
    /// may stand, in its midst they would seem to be a part of it.
    fn cells(&self, gap: f64, cell: f64) -> Vec<(usize, usize)> {
        // Half a gap lies before the corner.
        let index = |v: f64| ((v + gap / 2.0) / cell).max(0.0) as usize;
        let last = (index(self.size.x + gap / 2.0 - 1e-6), index(self.size.y + gap / 2.0 - 1e-6));
        let mut covered = BTreeSet::new();
        let mut cover = |low: Point, high: Point| {
            let half = gap / 2.0;
            for y in index(low.y - half)..=index(high.y + half - 1e-6).min(last.1) {
                for x in index(low.x - half)..=index(high.x + half - 1e-6).min(last.0) {
                    covered.insert((x, y));
                }
            }
        };
        self.boxes.iter().for_each(|&(low, high)| cover(low, high));
        for &(from, to) in &self.lines {
            let steps = ((to - from).length() / cell).ceil().max(1.0);
            for step in 0..=steps as usize {
                let at = from + (to - from) * (step as f64 / steps);
                cover(at, at);
            }
        }
        for turned in [false, true] {
            let mut spans: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
            for &(x, y) in &covered {
                let (line, at) = if turned { (x, y) } else { (y, x) };
                let span = spans.entry(line).or_insert((at, at));
                *span = (span.0.min(at), span.1.max(at));
            }
            let between = spans.into_iter().flat_map(|(line, (first, last))| {
                (first..=last).map(move |at| if turned { (line, at) } else { (at, line) })
            });
            covered.extend(between);
        }
        covered.into_iter().collect()
    }
}

/// Places rectangles of these sizes side by side on a page of about [`PAGE`], `gap` apart; gives each one's
/// upper left corner. The largest come first, at the top left.
///
/// Skyline packing, lowest and leftmost first, for several page widths, the best of which is taken:
/// Burke, Kendall, Whitwell, "A new placement heuristic for the orthogonal stock-cutting problem" (2004).
/// O(rectangles * skyline) for each width.
pub(super) fn pack(sizes: &[Point], gap: f64) -> Vec<Point> {
    let padded: Vec<Point> = sizes.iter().map(|s| *s + Point::new(gap, gap)).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by(|&a, &b| {
        padded[b].y.total_cmp(&padded[a].y).then(padded[b].x.total_cmp(&padded[a].x)).then(a.cmp(&b))
    });

    let area: f64 = padded.iter().map(|s| s.x * s.y).sum();
    let widest = padded.iter().map(|s| s.x).fold(0.0, f64::max);
    // Where the area's height, with what is besides, makes a page of this width.
    let besides = BESIDES * PAGE;
    let ideal = (besides + (besides * besides + 4.0 * PAGE * area).sqrt()) / 2.0;
    // Many equal small ones pack well at any width.
    let tries = if sizes.len() > 2000 { 4 } else { 24 };
    let mut best: Option<(f64, Vec<Point>)> = None;
    for nth in 0..tries {
        let wide = (ideal * (0.95 + 0.9 * f64::from(nth) / f64::from(tries))).max(widest);
        let corners = skyline(&padded, &order, wide);
        let used = order
            .iter()
            .map(|&i| corners[i] + padded[i])
            .fold(Point::default(), |m, p| Point::new(m.x.max(p.x), m.y.max(p.y)));
        let page = width(used);
        if best.as_ref().is_none_or(|(least, _)| page < *least) {
            best = Some((page, corners));
        }
    }
    best.map(|(_, corners)| corners).unwrap_or_default()
}

/// A piece of the lower edge of what has been placed.
#[derive(Clone, Copy)]
struct Step {
    x: f64,
    y: f64,
    width: f64,
}

fn skyline(sizes: &[Point], order: &[usize], width: f64) -> Vec<Point> {
    /// Rounding must not keep a rectangle from a place of its own width.
    const SLACK: f64 = 1e-6;
    let mut corners = vec![Point::default(); sizes.len()];
    let mut steps = vec![Step { x: 0.0, y: 0.0, width }];
    for &item in order {
        let size = sizes[item];
        let mut place: Option<(f64, usize, usize)> = None;
        for first in 0..steps.len() {
            let (mut covered, mut y, mut end) = (0.0, 0.0_f64, first);
            while end < steps.len() && covered + SLACK < size.x {
                covered += steps[end].width;
                y = y.max(steps[end].y);
                end += 1;
            }
            if covered + SLACK >= size.x && place.is_none_or(|(least, ..)| y + SLACK < least) {
                place = Some((y, first, end));
            }
        }
        // Nothing is wider than the page, so that there is a place always.
        let Some((y, first, end)) = place else { continue };
        let x = steps[first].x;
        corners[item] = Point::new(x, y);
        let last = steps[end - 1];
        let rest = last.x + last.width - (x + size.x);
        let new = Step { x, y: y + size.y, width: size.x };
        let tail = (rest > SLACK).then_some(Step { x: x + size.x, y: last.y, width: rest });
        steps.splice(first..end, std::iter::once(new).chain(tail));
        steps.dedup_by(|next, step| {
            let level = (next.y - step.y).abs() < SLACK;
            if level {
                step.width += next.width;
            }
            level
        });
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_stand_in_the_corners_of_large_ones() {
        let p = Point::new;
        // A column at the left, and a row at its foot.
        let large = Piece {
            size: p(1500.0, 900.0),
            boxes: vec![(p(0.0, 0.0), p(100.0, 900.0)), (p(0.0, 800.0), p(1500.0, 900.0))],
            lines: vec![],
        };
        let small =
            |_| Piece { size: p(200.0, 100.0), boxes: vec![(p(0.0, 0.0), p(200.0, 100.0))], lines: vec![] };
        let pieces: Vec<Piece> = std::iter::once(large).chain((0..12).map(small)).collect();
        let corners = pack_pieces(&pieces, 30.0);
        let wide = |corners: &[Point]| {
            let ends = corners.iter().zip(&pieces).map(|(corner, piece)| (*corner + piece.size).x);
            ends.fold(0.0, f64::max)
        };
        let sizes: Vec<Point> = pieces.iter().map(|piece| piece.size).collect();
        assert!(wide(&corners) < 0.97 * wide(&pack(&sizes, 30.0)), "{}", wide(&corners));
        let placed: Vec<(Point, Point)> = pieces
            .iter()
            .zip(&corners)
            .flat_map(|(piece, &corner)| {
                piece.boxes.iter().map(move |&(low, high)| (low + corner, high + corner))
            })
            .collect();
        for (nth, &(low, high)) in placed.iter().enumerate() {
            // The large one's own boxes touch.
            for &(from, to) in placed[..nth].iter().filter(|_| nth > 1) {
                let apart = low.x - to.x >= 29.9
                    || from.x - high.x >= 29.9
                    || low.y - to.y >= 29.9
                    || from.y - high.y >= 29.9;
                assert!(apart, "{nth}: {low:?} {from:?}");
            }
        }
    }

    #[test]
    fn nothing_stands_in_the_midst_of_another() {
        let p = Point::new;
        // A ring of lines.
        let ring = [p(0.0, 450.0), p(750.0, 0.0), p(1500.0, 450.0), p(750.0, 900.0)];
        let large = Piece {
            size: p(1500.0, 900.0),
            boxes: vec![],
            lines: (0..4).map(|i| (ring[i], ring[(i + 1) % 4])).collect(),
        };
        let small =
            Piece { size: p(200.0, 100.0), boxes: vec![(p(0.0, 0.0), p(200.0, 100.0))], lines: vec![] };
        let corners = pack_pieces(&[large, small], 30.0);
        let off = corners[1] + p(100.0, 50.0) - (corners[0] + p(750.0, 450.0));
        assert!(off.x.abs() / 750.0 + off.y.abs() / 450.0 > 1.0, "{off:?}");
    }
}

use super::Point;

/// Width to height that a page is filled to: between 4:3 and 16:10.
pub(super) const PAGE: f64 = 1.5;

/// About how high a title and a legend are together, in points.
const BESIDES: f64 = 200.0;

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
        let width = (ideal * (0.95 + 0.9 * f64::from(nth) / f64::from(tries))).max(widest);
        let corners = skyline(&padded, &order, width);
        let used = order
            .iter()
            .map(|&i| corners[i] + padded[i])
            .fold(Point::default(), |m, p| Point::new(m.x.max(p.x), m.y.max(p.y)));
        let page = used.x.max((used.y + BESIDES) * PAGE);
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

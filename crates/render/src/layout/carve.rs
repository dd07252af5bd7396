//! Taking empty room out of a picture.

use super::point::bounds;
use super::{Point, pack::PAGE};

/// The side of a cell, in points: so much goes in one step.
const CELL: f64 = 10.0;

/// Takes an empty seam out of the picture: a way through cells without boxes from one side of the page to the other, which
/// all that is beyond it moves up to. From left to right if the page is higher than a page should be, else from top to
/// bottom; of several seams the one after which `cost` is least. Boxes come no nearer than `gap`, and keep who is beside and
/// above whom. Whether there was a seam. O(cells), and the cost of each try.
///
/// Wu et al.: "Semantic-preserving word clouds by seam carving" (2011), after Avidan, Shamir: "Seam carving for
/// content-aware image resizing" (2007).
pub(super) fn carve(
    boxes: &[Point],
    places: &mut Vec<Point>,
    gap: f64,
    cost: &impl Fn(&[Point]) -> f64,
) -> bool {
    let (low, high) = bounds(places, boxes);
    let size = high - low;
    let wide = size.x > size.y * PAGE;
    let mut tries = seams(boxes, places, gap, wide);
    if tries.is_empty() {
        tries = seams(boxes, places, gap, !wide);
    }
    let best = tries.into_iter().map(|tried| (cost(&tried), tried)).min_by(|(a, _), (b, _)| a.total_cmp(b));
    best.is_some_and(|(_, tried)| {
        *places = tried;
        true
    })
}

/// What becomes of the places by a seam in one direction, for several of them: through columns, from the top, or through
/// rows, from the left.
fn seams(boxes: &[Point], places: &[Point], gap: f64, through_columns: bool) -> Vec<Vec<Point>> {
    let (low, high) = bounds(places, boxes);
    // Along the seam, and across it.
    let turned = |p: Point| if through_columns { Point::new(p.y, p.x) } else { p };
    let (low, high) = (turned(low), turned(high));
    let (steps, width) = (((high.x - low.x) / CELL) as usize + 1, ((high.y - low.y) / CELL) as usize + 1);
    // The cells that each box covers with its half of the gap: the first ones, and those behind the last.
    let spans: Vec<[usize; 4]> = places
        .iter()
        .zip(boxes)
        .map(|(&place, &size)| {
            let (middle, half) = (turned(place) - low, turned(size) * 0.5 + Point::new(gap, gap) * 0.5);
            let first = |v: f64| (v / CELL).max(0.0) as usize;
            let behind = |v: f64, most: usize| ((v / CELL).ceil() as usize).min(most);
            [
                first(middle.x - half.x),
                behind(middle.x + half.x, steps),
                first(middle.y - half.y),
                behind(middle.y + half.y, width),
            ]
        })
        .collect();
    let mut taken = vec![false; steps * width];
    for &[from, to, low, high] in &spans {
        (from..to).for_each(|step| taken[step * width + low..step * width + high].fill(true));
    }
    let back = turned(Point::new(0.0, CELL));
    let moved = |seam: Vec<usize>| {
        let by = |&[from, to, low, _]: &[usize; 4]| {
            // A seam passes a box on one side only.
            let step = usize::midpoint(from, to).min(steps - 1);
            if seam[step] < low { back } else { Point::default() }
        };
        places.iter().zip(&spans).map(|(&place, span)| place - by(span)).collect()
    };
    cheapest(&taken, width).into_iter().map(moved).collect()
}

/// Ways through free cells that turn aside little, as the cell in each step: the best to each part of the far side.
fn cheapest(taken: &[bool], width: usize) -> Vec<Vec<usize>> {
    const PARTS: usize = 8;
    const NONE: u32 = u32::MAX / 2;
    let steps = taken.len() / width;
    let mut costs = vec![0_u32; width];
    let mut from = vec![0_u32; taken.len()];
    for step in 0..steps {
        let row = &taken[step * width..][..width];
        let came = &mut from[step * width..][..width];
        came.iter_mut().enumerate().for_each(|(cell, from)| *from = cell as u32);
        costs.iter_mut().zip(row).filter(|(_, taken)| **taken).for_each(|(cost, _)| *cost = NONE);
        // Along free cells, from the one side and from the other.
        let mut aside = |cell: usize, beside: usize| {
            if !row[cell] && !row[beside] && costs[beside] + 1 < costs[cell] {
                costs[cell] = costs[beside] + 1;
                came[cell] = came[beside];
            }
        };
        (1..width).for_each(|cell| aside(cell, cell - 1));
        (0..width - 1).rev().for_each(|cell| aside(cell, cell + 1));
    }
    let ends = costs.chunks(width.div_ceil(PARTS)).enumerate().filter_map(|(part, chunk)| {
        let (nth, &cost) = chunk.iter().enumerate().min_by_key(|&(_, cost)| cost)?;
        (cost < NONE).then_some(part * width.div_ceil(PARTS) + nth)
    });
    ends.map(|mut cell| {
        let mut seam = vec![0; steps];
        for step in (0..steps).rev() {
            seam[step] = cell;
            cell = from[step * width + cell] as usize;
        }
        seam
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(boxes: &[Point], places: &[Point], gap: f64) -> bool {
        (0..boxes.len()).all(|a| {
            (0..a).all(|b| {
                let (d, need) = (places[a] - places[b], (boxes[a] + boxes[b]) * 0.5);
                d.x.abs() + 1e-9 >= need.x + gap || d.y.abs() + 1e-9 >= need.y + gap
            })
        })
    }

    #[test]
    fn empty_room_goes_and_nothing_overlaps() {
        let boxes: Vec<Point> =
            (0..30).map(|i| Point::new(40.0 + f64::from(i % 7) * 9.0, 20.0 + f64::from(i % 3))).collect();
        let mut places: Vec<Point> =
            (0..30).map(|i| Point::at_angle(f64::from(i)).scaled(90.0, 60.0) * f64::from(i + 2)).collect();
        assert!(apart(&boxes, &places, 10.0));
        let area = |places: &[Point]| {
            let (low, high) = bounds(places, &boxes);
            (high.x - low.x) * (high.y - low.y)
        };
        let mut last = area(&places);
        let mut seams = 0;
        while carve(&boxes, &mut places, 10.0, &|places| area(places)) {
            assert!(apart(&boxes, &places, 10.0), "{seams}");
            // Each seam makes the page smaller by a cell, so that there is an end.
            assert!(area(&places) < last, "{seams}");
            last = area(&places);
            seams += 1;
        }
        assert!(seams > 100, "{seams}");
    }

    #[test]
    fn nothing_goes_where_there_is_no_room() {
        let boxes = [Point::new(50.0, 20.0); 2];
        let mut places = vec![Point::default(), Point::new(60.0, 0.0)];
        assert!(!carve(&boxes, &mut places, 10.0, &|_| 0.0));
        assert_eq!(places[1], Point::new(60.0, 0.0));
    }
}

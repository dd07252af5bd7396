use crate::layout::Point;

/// A rectangle with its sides along the axes, in points.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// The left side.
    pub left: f64,
    /// The upper side.
    pub top: f64,
    /// The right side.
    pub right: f64,
    /// The lower side.
    pub bottom: f64,
}

/// What rounding may do to a coordinate, in points.
const SLACK: f64 = 1e-6;

impl Rect {
    /// The rectangle of this size around a centre.
    pub fn around(centre: Point, size: Point) -> Self {
        Self {
            left: centre.x - size.x / 2.0,
            top: centre.y - size.y / 2.0,
            right: centre.x + size.x / 2.0,
            bottom: centre.y + size.y / 2.0,
        }
    }

    /// The smallest rectangle with all of these points; `None` for none.
    pub fn of(points: impl IntoIterator<Item = Point>) -> Option<Self> {
        points.into_iter().map(|p| Self { left: p.x, top: p.y, right: p.x, bottom: p.y }).reduce(Self::union)
    }

    /// Its width.
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    /// Its height.
    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// Its centre.
    pub fn centre(&self) -> Point {
        point((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    /// The smallest rectangle with both in it.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// The rectangle with each side moved outwards.
    #[must_use]
    pub fn grown(self, by: f64) -> Self {
        Self { left: self.left - by, top: self.top - by, right: self.right + by, bottom: self.bottom + by }
    }

    /// The rectangle moved.
    #[must_use]
    pub fn moved(self, by: Point) -> Self {
        Self {
            left: self.left + by.x,
            top: self.top + by.y,
            right: self.right + by.x,
            bottom: self.bottom + by.y,
        }
    }

    /// Whether the two share more than a side, up to a rounding error.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.left + SLACK < other.right
            && other.left + SLACK < self.right
            && self.top + SLACK < other.bottom
            && other.top + SLACK < self.bottom
    }

    /// Whether the other lies within it, up to a rounding error.
    pub fn contains(&self, other: &Self) -> bool {
        self.left <= other.left + SLACK
            && self.top <= other.top + SLACK
            && self.right >= other.right - SLACK
            && self.bottom >= other.bottom - SLACK
    }
}

pub(crate) const fn point(x: f64, y: f64) -> Point {
    Point { x, y }
}

/// The direction from one point to another, of length 1; downwards where they are the same.
pub(crate) fn direction(from: Point, to: Point) -> Point {
    let way = to - from;
    let length = way.length();
    if length > 1e-9 { way * (1.0 / length) } else { point(0.0, 1.0) }
}

/// The point at `t` from 0 to 1 of a cubic Bézier curve.
pub(crate) fn cubic(curve: [Point; 4], t: f64) -> Point {
    let [a, b, c, d] = curve;
    let mix = |a: Point, b: Point| a * (1.0 - t) + b * t;
    let (ab, bc, cd) = (mix(a, b), mix(b, c), mix(c, d));
    mix(mix(ab, bc), mix(bc, cd))
}

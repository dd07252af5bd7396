use std::ops::{Add, AddAssign, Mul, Sub};

/// A width and a height, or a position: x to the right, y downwards, in points (1/72 inch).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

impl Point {
    /// The point with these coordinates.
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// Its distance from the origin, in points.
    pub fn length(self) -> f64 {
        (self.x * self.x + self.y * self.y).sqrt()
    }

    /// The point at `angle` (radians, clockwise on the page) on the unit circle.
    pub(super) fn at_angle(angle: f64) -> Self {
        Self::new(angle.cos(), angle.sin())
    }

    /// Each coordinate multiplied by its own factor.
    pub(super) fn scaled(self, x: f64, y: f64) -> Self {
        Self::new(self.x * x, self.y * y)
    }
}

impl Add for Point {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.x + other.x, self.y + other.y)
    }
}

impl Sub for Point {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::new(self.x - other.x, self.y - other.y)
    }
}

impl Mul<f64> for Point {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        self.scaled(factor, factor)
    }
}

impl AddAssign for Point {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// The smallest box, as its upper left and lower right corner, around boxes of these centres and sizes.
pub(super) fn bounds(centres: &[Point], boxes: &[Point]) -> (Point, Point) {
    let mut low = Point::new(f64::INFINITY, f64::INFINITY);
    let mut high = Point::new(f64::NEG_INFINITY, f64::NEG_INFINITY);
    for (centre, size) in centres.iter().zip(boxes) {
        low = Point::new(low.x.min(centre.x - size.x / 2.0), low.y.min(centre.y - size.y / 2.0));
        high = Point::new(high.x.max(centre.x + size.x / 2.0), high.y.max(centre.y + size.y / 2.0));
    }
    if centres.is_empty() { (Point::default(), Point::default()) } else { (low, high) }
}

/// Turns positions until their main axis lies across the page.
pub(super) fn turn(places: &mut [Point]) {
    let middle = places.iter().fold(Point::default(), |sum, p| sum + *p) * (1.0 / places.len() as f64);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for place in places.iter_mut() {
        *place = *place - middle;
        xx += place.x * place.x;
        xy += place.x * place.y;
        yy += place.y * place.y;
    }
    let (sin, cos) = (0.5 * (2.0 * xy).atan2(xx - yy)).sin_cos();
    for place in places {
        *place = Point::new(place.x * cos + place.y * sin, place.y * cos - place.x * sin);
    }
}

//! The shapes that a node can have: one table.

use std::f64::consts::{FRAC_PI_2, PI};
use std::fmt;
use std::str::FromStr;

use crate::layout::Point;
use crate::scene::{Outline, Rect, point};

/// A node's shape: a row of one table.
///
/// ```
/// use pcapviz_render::Shape;
///
/// let shape: Shape = "diamond".parse().unwrap();
/// assert_eq!(shape.name(), "diamond");
/// assert!("dodecahedron".parse::<Shape>().unwrap_err().to_string().contains("hexagon"));
/// ```
#[derive(Clone, Copy)]
pub struct Shape(&'static Row);

struct Row {
    name: &'static str,
    /// Graphviz's name for it, and the styles that it needs besides `filled`.
    graphviz: (&'static str, &'static str),
    /// Whether a label goes into it, so that it grows with the label and not with the traffic.
    holds_label: bool,
    form: Form,
}

enum Form {
    Ellipse,
    /// A rectangle; with rounded corners or not.
    Rectangle {
        rounded: bool,
    },
    /// Corners in the unit circle, y downwards.
    Corners(&'static [(f64, f64)]),
    /// Corners on the unit circle: how many, and how far the corners between them are from the centre.
    Star(usize, f64),
    /// No line and no filling: the label alone.
    Bare,
    /// A dot of one size.
    Dot,
}

/// How far a dot's line is from its centre, in points.
const DOT_RADIUS: f64 = 3.5;

static TABLE: &[Row] = &[
    Row { name: "circle", graphviz: ("circle", ""), holds_label: false, form: Form::Ellipse },
    Row { name: "ellipse", graphviz: ("ellipse", ""), holds_label: true, form: Form::Ellipse },
    Row { name: "box", graphviz: ("box", ""), holds_label: true, form: Form::Rectangle { rounded: false } },
    Row { name: "rect", graphviz: ("rect", ""), holds_label: true, form: Form::Rectangle { rounded: false } },
    Row {
        name: "square",
        graphviz: ("square", ""),
        holds_label: false,
        form: Form::Corners(&[(-0.84, -0.84), (0.84, -0.84), (0.84, 0.84), (-0.84, 0.84)]),
    },
    Row {
        name: "rounded",
        graphviz: ("box", "rounded"),
        holds_label: true,
        form: Form::Rectangle { rounded: true },
    },
    Row {
        name: "diamond",
        graphviz: ("diamond", ""),
        holds_label: false,
        form: Form::Corners(&[(0.0, -1.15), (1.15, 0.0), (0.0, 1.15), (-1.15, 0.0)]),
    },
    Row {
        name: "triangle",
        graphviz: ("triangle", ""),
        holds_label: false,
        form: Form::Corners(&[(0.0, -1.2), (1.1, 0.75), (-1.1, 0.75)]),
    },
    Row {
        name: "hexagon",
        graphviz: ("hexagon", ""),
        holds_label: false,
        form: Form::Corners(&[
            (-0.55, -0.92),
            (0.55, -0.92),
            (1.1, 0.0),
            (0.55, 0.92),
            (-0.55, 0.92),
            (-1.1, 0.0),
        ]),
    },
    Row {
        name: "octagon",
        graphviz: ("octagon", ""),
        holds_label: false,
        form: Form::Corners(&[
            (-0.41, -0.99),
            (0.41, -0.99),
            (0.99, -0.41),
            (0.99, 0.41),
            (0.41, 0.99),
            (-0.41, 0.99),
            (-0.99, 0.41),
            (-0.99, -0.41),
        ]),
    },
    Row {
        name: "parallelogram",
        graphviz: ("parallelogram", ""),
        holds_label: false,
        form: Form::Corners(&[(-0.7, -0.75), (1.3, -0.75), (0.7, 0.75), (-1.3, 0.75)]),
    },
    Row {
        name: "trapezium",
        graphviz: ("trapezium", ""),
        holds_label: false,
        form: Form::Corners(&[(-0.7, -0.75), (0.7, -0.75), (1.2, 0.75), (-1.2, 0.75)]),
    },
    Row {
        name: "house",
        graphviz: ("house", ""),
        holds_label: false,
        form: Form::Corners(&[(0.0, -1.15), (1.0, -0.35), (1.0, 0.85), (-1.0, 0.85), (-1.0, -0.35)]),
    },
    Row { name: "star", graphviz: ("star", ""), holds_label: false, form: Form::Star(5, 0.52) },
    Row { name: "plaintext", graphviz: ("plaintext", ""), holds_label: true, form: Form::Bare },
    Row { name: "point", graphviz: ("point", ""), holds_label: false, form: Form::Dot },
];

impl Shape {
    /// A circle.
    pub const CIRCLE: Self = Self(&TABLE[0]);
    /// A square.
    pub const SQUARE: Self = Self(&TABLE[4]);
    /// A diamond.
    pub const DIAMOND: Self = Self(&TABLE[6]);
    /// A hexagon.
    pub const HEXAGON: Self = Self(&TABLE[8]);

    /// Every shape, in the order of the help.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(Self)
    }

    /// The names of all, in the order of the help.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|row| row.name)
    }

    /// The name by which it is chosen.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Graphviz's name for it, and the style that it needs besides, or an empty string.
    pub(crate) fn graphviz(self) -> (&'static str, &'static str) {
        self.0.graphviz
    }

    /// Whether the label stands inside and sets the size.
    pub(crate) fn holds_label(self) -> bool {
        self.0.holds_label
    }

    /// Whether nothing is drawn but the label.
    pub(crate) fn is_bare(self) -> bool {
        matches!(self.0.form, Form::Bare)
    }

    /// Whether it is drawn at one size, whatever the traffic and the label.
    pub(crate) fn is_dot(self) -> bool {
        matches!(self.0.form, Form::Dot)
    }

    /// The outline around a centre: of this radius, or around a label of this size where it holds one.
    pub(crate) fn outline(self, centre: Point, radius: f64, label: Point) -> Outline {
        const PADDING: Point = point(16.0, 10.0);
        let polygon = |corners: Vec<Point>| {
            Outline::Polygon(corners.into_iter().map(|c| centre + c * radius).collect())
        };
        match &self.0.form {
            // The ellipse around a rectangle is larger by the root of two each way.
            Form::Ellipse if self.0.holds_label => {
                Outline::Ellipse { centre, radii: point(label.x * 0.707 + 6.0, label.y * 0.707 + 3.0) }
            }
            Form::Ellipse => Outline::Ellipse { centre, radii: point(radius, radius) },
            Form::Rectangle { rounded } => Outline::Rectangle {
                rect: Rect::around(centre, label + PADDING),
                corner: if *rounded { 8.0 } else { 0.0 },
            },
            Form::Corners(corners) => polygon(corners.iter().map(|&(x, y)| point(x, y)).collect()),
            Form::Star(points, inner) => polygon(
                (0..2 * points)
                    .map(|i| {
                        let angle = i as f64 * PI / *points as f64 - FRAC_PI_2;
                        point(angle.cos(), angle.sin()) * if i % 2 == 0 { 1.25 } else { 1.25 * inner }
                    })
                    .collect(),
            ),
            Form::Bare => Outline::Bare(Rect::around(centre, label)),
            Form::Dot => Outline::Ellipse { centre, radii: point(DOT_RADIUS, DOT_RADIUS) },
        }
    }
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Shape {}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shape({})", self.0.name)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.name)
    }
}

/// No shape has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown shape {name:?}: choose one of {}", list())]
pub struct UnknownShape {
    /// The name asked for.
    pub name: String,
}

fn list() -> String {
    Shape::names().collect::<Vec<_>>().join(", ")
}

impl FromStr for Shape {
    type Err = UnknownShape;

    /// The shape of this name, in any case; `rounded box` is `rounded`.
    fn from_str(name: &str) -> Result<Self, UnknownShape> {
        let wanted = name.trim().to_ascii_lowercase();
        let wanted = match wanted.as_str() {
            "rounded box" | "rounded-box" | "roundedbox" => "rounded",
            "rectangle" => "rect",
            other => other,
        };
        Self::all().find(|shape| shape.name() == wanted).ok_or_else(|| UnknownShape { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_constants_are_the_rows_they_say() {
        for shape in Shape::all() {
            assert_eq!(shape.name().parse(), Ok(shape));
        }
        for (constant, name) in [
            (Shape::CIRCLE, "circle"),
            (Shape::SQUARE, "square"),
            (Shape::DIAMOND, "diamond"),
            (Shape::HEXAGON, "hexagon"),
        ] {
            assert_eq!(constant.name(), name);
        }
    }

    #[test]
    fn shapes_of_one_radius_have_about_one_area() {
        for shape in Shape::all().filter(|s| !s.holds_label() && !s.is_dot()) {
            let Outline::Polygon(corners) = shape.outline(point(0.0, 0.0), 1.0, point(0.0, 0.0)) else {
                continue;
            };
            let doubled: f64 = (0..corners.len())
                .map(|i| {
                    let (a, b) = (corners[i], corners[(i + 1) % corners.len()]);
                    a.x * b.y - b.x * a.y
                })
                .sum();
            let area = doubled.abs() / 2.0;
            assert!((1.7..=3.6).contains(&area), "{shape}: {area}");
        }
    }
}

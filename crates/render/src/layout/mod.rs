//! Where nodes and edges go: one trait, and its engines.

/// A width and a height, or a position: x to the right, y downwards, in points (1/72 inch).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

/// What a layout is asked to place: boxes, and which of them are joined.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Problem {
    /// Width and height of each node with its label, as drawn.
    pub boxes: Vec<Point>,
    /// Edges as pairs of indices into `boxes`, directed, self-loops included.
    pub edges: Vec<(usize, usize)>,
    /// How heavy each edge is, at least 0: heavy ones want to be short and straight.
    pub weights: Vec<f64>,
}

/// Where everything goes.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Placement {
    /// Each node's centre.
    pub centres: Vec<Point>,
    /// Each edge's way as a cubic Bézier spline (first point, then three for each piece), from the border
    /// of the source to the border of the target; empty where the engine leaves it to the drawing.
    pub routes: Vec<Vec<Point>>,
}

/// Why there is no placement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// A Graphviz engine was asked for and Graphviz is not there.
    #[error(
        "the layout engine {engine} needs Graphviz, which is not installed: install it (Debian, Ubuntu: apt install graphviz; macOS: brew install graphviz; Windows: winget install graphviz), or leave -E out for the built-in layout"
    )]
    NoGraphviz {
        /// The engine asked for.
        engine: &'static str,
    },
}

/// An engine that places a graph. Deterministic: the same problem gives the same placement.
pub trait Layout {
    /// Places every node, no one on top of another.
    ///
    /// # Errors
    /// If an outside engine is missing or fails; the built-in ones always succeed.
    fn place(&self, problem: &Problem) -> Result<Placement, LayoutError>;
}

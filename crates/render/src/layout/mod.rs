//! Where nodes and edges go: one trait, and its engines.

mod auto;
mod bands;
mod carve;
mod circular;
mod force;
mod graphviz;
pub(crate) mod grouped;
mod leaves;
mod network;
mod overlap;
mod pack;
mod parallel;
mod pivots;
mod point;
mod polish;
mod random;
mod registry;
mod relax;
mod stress;

pub(crate) use auto::Auto;
pub use point::Point;
pub(crate) use polish::runs_through;
pub use registry::{Diagram, ENGINES, Engine};

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
    /// Each node's tier, the uppermost first, for engines that draw tiers; empty for one tier.
    pub tiers: Vec<u8>,
    /// Whether each edge runs from who made contact to whom was contacted, for engines that draw layers; empty if all
    /// do.
    pub forward: Vec<bool>,
}

impl Problem {
    /// Boxes of these sizes, joined by these edges, all of them alike.
    ///
    /// ```
    /// use pcapviz_render::layout::{Engine, Point, Problem};
    ///
    /// let problem = Problem::new(vec![Point::new(120.0, 40.0); 3], vec![(0, 1), (1, 0), (1, 2)]);
    /// let placement = Engine::by_name("auto")?.layout().place(&problem)?;
    /// assert_eq!(placement.centres.len(), 3);
    /// # Ok::<(), pcapviz_render::layout::LayoutError>(())
    /// ```
    pub fn new(boxes: Vec<Point>, edges: Vec<(usize, usize)>) -> Self {
        let weights = vec![1.0; edges.len()];
        Self { boxes, edges, weights, ..Self::default() }
    }
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
    /// Graphviz was run and did not lay the graph out.
    #[error("Graphviz ({engine}) failed: {said}")]
    GraphvizFailed {
        /// The engine asked for.
        engine: &'static str,
        /// What Graphviz said, or why it could not be run.
        said: String,
    },
    /// Graphviz took too long and was stopped.
    #[error(
        "Graphviz ({engine}) was not done after {seconds} seconds and was stopped: leave -E out for the built-in layout, or draw fewer nodes"
    )]
    GraphvizTooSlow {
        /// The engine asked for.
        engine: &'static str,
        /// How long it was given.
        seconds: u64,
    },
    /// There is no engine of that name.
    #[error("there is no layout engine {name:?}: the engines are {}", registry::names())]
    UnknownEngine {
        /// What was asked for.
        name: String,
    },
}

/// An engine that places a graph. Deterministic: the same problem gives the same placement.
pub trait Layout {
    /// Places every node, no one on top of another.
    ///
    /// # Errors
    /// If an outside engine is missing or fails; the built-in ones always succeed.
    fn place(&self, problem: &Problem) -> Result<Placement, LayoutError>;

    /// The bands that it places nodes in, if it draws any: where nodes are grouped as well, bands hold, and a
    /// group in several of them has a frame in each.
    fn bands(&self, _problem: &Problem) -> Option<Bands> {
        None
    }
}

/// Bands of nodes, one behind another.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Bands {
    /// Each node's band, from 0.
    pub of_node: Vec<usize>,
    /// Whether they are rows, the first on top, or columns, the first at the left.
    pub rows: bool,
}

#[cfg(test)]
mod tests;

use super::auto::Auto;
use super::bands::{Layered, Tiers};
use super::circular::Circular;
use super::graphviz::Graphviz;
use super::{Layout, LayoutError};

/// A layout engine that a person can ask for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Engine {
    /// What it is asked for by.
    pub name: &'static str,
    /// What it does, in one line.
    pub description: &'static str,
    /// What kind of picture it makes.
    pub diagram: Diagram,
    make: fn() -> Box<dyn Layout>,
}

/// A kind of picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Diagram {
    /// Nodes, and edges as lines between them.
    #[default]
    NodeLink,
    /// A square table: who sent (rows) how much to whom (columns).
    Matrix,
}

/// Every engine, the default first. To add one: a file with a type that is a [`Layout`], and a row here.
pub static ENGINES: &[Engine] = &[
    engine("auto", "built in: hubs with their leaves around them, components side by side", || {
        Box::new(Auto)
    }),
    engine("circular", "built in: all nodes around an ellipse", || Box::new(Circular)),
    engine("tiers", "built in: the outside on top, the inside below, groups at the bottom", || {
        Box::new(Tiers)
    }),
    engine("layered", "built in: clients at the left, servers at the right", || Box::new(Layered)),
    Engine {
        diagram: Diagram::Matrix,
        ..engine("matrix", "built in: a table of who sent how much to whom", || Box::new(Auto))
    },
    engine("dot", "Graphviz: layers from top to bottom", || Box::new(Graphviz::new("dot"))),
    engine("neato", "Graphviz: springs, for small graphs", || Box::new(Graphviz::new("neato"))),
    engine("fdp", "Graphviz: forces, for small graphs", || Box::new(Graphviz::new("fdp"))),
    engine("sfdp", "Graphviz: forces, for large graphs", || Box::new(Graphviz::new("sfdp"))),
    engine("circo", "Graphviz: circles", || Box::new(Graphviz::new("circo"))),
    engine("twopi", "Graphviz: rings around a centre", || Box::new(Graphviz::new("twopi"))),
    engine("osage", "Graphviz: packed rows", || Box::new(Graphviz::new("osage"))),
    engine("patchwork", "Graphviz: a tree map", || Box::new(Graphviz::new("patchwork"))),
];

const fn engine(name: &'static str, description: &'static str, make: fn() -> Box<dyn Layout>) -> Engine {
    Engine { name, description, diagram: Diagram::NodeLink, make }
}

impl Engine {
    /// The engine of this name, in lower or upper case.
    ///
    /// # Errors
    /// [`LayoutError::UnknownEngine`], which lists them all.
    ///
    /// ```
    /// use pcapviz_render::layout::Engine;
    ///
    /// assert_eq!(Engine::by_name("sfdp")?.name, "sfdp");
    /// let error = Engine::by_name("spring").unwrap_err();
    /// assert!(error.to_string().contains("dot, neato, fdp, sfdp"));
    /// # Ok::<(), pcapviz_render::layout::LayoutError>(())
    /// ```
    pub fn by_name(name: &str) -> Result<&'static Self, LayoutError> {
        ENGINES
            .iter()
            .find(|engine| engine.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| LayoutError::UnknownEngine { name: name.to_owned() })
    }

    /// The engine, ready to place graphs.
    pub fn layout(&self) -> Box<dyn Layout> {
        (self.make)()
    }
}

/// The names of all engines, for messages.
pub(super) fn names() -> String {
    ENGINES.iter().map(|engine| engine.name).collect::<Vec<_>>().join(", ")
}

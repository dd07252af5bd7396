//! The output formats: one table, and one file for each.

mod dot;
mod json;
mod pdf;
mod png;
mod svg;

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use crate::belonging::ColorBy;
use crate::fold::Ports;
use crate::grouping::Grouping;
use crate::layout::{Auto, Diagram, Layout, LayoutError};
use crate::theme::Theme;
use crate::{Shape, View};

/// How a picture is made; data formats need none of it.
#[non_exhaustive]
pub struct RenderOptions<'a> {
    /// What places the nodes.
    pub layout: &'a dyn Layout,
    /// What kind of picture.
    pub diagram: Diagram,
    /// What keeps nodes together.
    pub grouping: Grouping,
    /// Every node's shape; `None` for one by where the node belongs.
    pub shape: Option<Shape>,
    /// The colours.
    pub theme: Theme,
    /// What outside nodes are coloured by.
    pub color_by: ColorBy,
    /// Pixels per point (1/72 inch) in formats made of pixels. `None` for two, or fewer where the picture would become
    /// larger than a viewer can open.
    pub scale: Option<f32>,
    /// How many pixels wide a picture made of pixels is; takes the place of the scale.
    pub width: Option<u32>,
    /// A picture's most nodes: past that, nodes that are alike are [folded](crate::fold). `None` for what
    /// a page of the format can carry. Data formats are never folded.
    pub max_nodes: Option<usize>,
    /// Which ports are nodes of their own in a picture of layer 4.
    pub ports: Ports,
}

impl<'a> RenderOptions<'a> {
    /// The defaults: shapes by where a node belongs, two pixels per point, as many nodes as a page carries.
    pub fn new(layout: &'a dyn Layout) -> Self {
        Self {
            layout,
            diagram: Diagram::default(),
            grouping: Grouping::default(),
            shape: None,
            theme: Theme::default(),
            color_by: ColorBy::default(),
            scale: None,
            width: None,
            max_nodes: None,
            ports: Ports::default(),
        }
    }
}

/// The built-in layout, and the defaults of [`RenderOptions::new`].
impl Default for RenderOptions<'_> {
    fn default() -> Self {
        Self::new(&Auto)
    }
}

impl fmt::Debug for RenderOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenderOptions")
            .field("diagram", &self.diagram)
            .field("grouping", &self.grouping)
            .field("shape", &self.shape)
            .field("theme", &self.theme)
            .field("color_by", &self.color_by)
            .field("scale", &self.scale)
            .field("width", &self.width)
            .field("max_nodes", &self.max_nodes)
            .field("ports", &self.ports)
            .finish_non_exhaustive()
    }
}

/// What a format holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Something to look at, with positions.
    Picture,
    /// The graph, for other programs.
    Data,
}

/// An output format: a row of one table.
///
/// ```
/// use pcapviz_render::Format;
///
/// assert_eq!("png".parse::<Format>().unwrap().name(), "png");
/// assert_eq!(Format::of_path("out/graph.gv".as_ref()).unwrap().name(), "dot");
/// ```
#[derive(Clone, Copy)]
pub struct Format(&'static Row);

struct Row {
    name: &'static str,
    extensions: &'static [&'static str],
    description: &'static str,
    kind: Kind,
    /// What a page can carry: vector pictures can be enlarged and have tooltips.
    max_nodes: Option<usize>,
    write: fn(&View<'_>, &RenderOptions<'_>, &mut dyn Write) -> Result<(), RenderError>,
}

static TABLE: &[Row] = &[
    Row {
        name: "svg",
        extensions: &["svg"],
        description: "vector picture with real text and tooltips",
        kind: Kind::Picture,
        max_nodes: Some(160),
        write: svg::write,
    },
    Row {
        name: "png",
        extensions: &["png"],
        description: "picture made of pixels",
        kind: Kind::Picture,
        max_nodes: Some(80),
        write: png::write,
    },
    Row {
        name: "pdf",
        extensions: &["pdf"],
        description: "page with text that can be selected",
        kind: Kind::Picture,
        max_nodes: Some(120),
        write: pdf::write,
    },
    Row {
        name: "dot",
        extensions: &["dot", "gv"],
        description: "the graph in Graphviz's language",
        kind: Kind::Data,
        max_nodes: None,
        write: dot::write,
    },
    Row {
        name: "json",
        extensions: &["json"],
        description: "the graph as one JSON object (schema pcapviz/graph/1)",
        kind: Kind::Data,
        max_nodes: None,
        write: json::write,
    },
];

impl Format {
    /// Every format, in the order of the help.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(Self)
    }

    /// Every name and extension that chooses one, in the order of the help.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().flat_map(|row| row.extensions.iter().copied())
    }

    /// The name by which it is chosen.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The file name extensions that stand for it, without the dot.
    pub fn extensions(self) -> &'static [&'static str] {
        self.0.extensions
    }

    /// What it is, for the help.
    pub fn description(self) -> &'static str {
        self.0.description
    }

    /// What it holds.
    pub fn kind(self) -> Kind {
        self.0.kind
    }

    /// The format that a file's extension stands for, in any case.
    ///
    /// # Errors
    /// If there is no extension, or none that is known: the error lists what there is.
    pub fn of_path(path: &Path) -> Result<Self, UnknownFormat> {
        match path.extension() {
            Some(extension) => extension.to_string_lossy().parse(),
            None => Err(UnknownFormat { asked: None }),
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    /// The format of this name or extension, in any case.
    fn from_str(asked: &str) -> Result<Self, UnknownFormat> {
        let wanted = asked.to_ascii_lowercase();
        Self::all()
            .find(|format| format.name() == wanted || format.extensions().contains(&&*wanted))
            .ok_or_else(|| UnknownFormat { asked: Some(asked.to_owned()) })
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Format {}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Format({})", self.0.name)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.name)
    }
}

/// There is no such format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat {
    /// The name or extension asked for; `None` for a file name without an extension.
    pub asked: Option<String>,
}

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.asked {
            Some(asked) => write!(f, "unknown format {asked:?}")?,
            None => f.write_str("a file name without an extension does not say the format")?,
        }
        f.write_str(": choose one of ")?;
        for (i, name) in Format::names().enumerate() {
            write!(f, "{}{name}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownFormat {}

/// Why a picture or a data format could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The nodes could not be placed.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The output could not be written; a closed pipe is one of the reasons.
    #[error("cannot write the output: {0}")]
    Write(#[from] std::io::Error),
    /// The picture could not be made into a page.
    #[error("cannot make a PDF: {reason}; write svg instead")]
    Page {
        /// What went wrong.
        reason: String,
    },
    /// The picture could not be turned into pixels, or into as many as were asked for.
    #[error("cannot make a picture of {width} x {height} pixels: {reason}; write svg instead")]
    Pixels {
        /// How wide it would be.
        width: u32,
        /// How high it would be.
        height: u32,
        /// What went wrong.
        reason: String,
    },
}

/// Writes a view in a format. The same view gives the same bytes.
///
/// # Errors
/// If the layout has no placement, or the output cannot be written.
///
/// ```
/// use pcapviz_graph::{Annotations, FlowTable, GraphLayer};
/// use pcapviz_render::layout::{Layout, LayoutError, Placement, Problem};
/// use pcapviz_render::{Format, RenderOptions, View, render};
///
/// struct Nowhere;
/// impl Layout for Nowhere {
///     fn place(&self, _: &Problem) -> Result<Placement, LayoutError> {
///         Ok(Placement::default())
///     }
/// }
///
/// let table = FlowTable::new();
/// let (graph, annotations) = (table.project(GraphLayer::Hosts), Annotations::default());
/// let view = View::new(&graph, &annotations, &[], table.totals());
/// let mut svg = Vec::new();
/// render(&view, &RenderOptions::new(&Nowhere), "svg".parse().unwrap(), &mut svg).unwrap();
/// assert!(String::from_utf8(svg).unwrap().contains("There are no packets to draw."));
/// ```
pub fn render(
    view: &View<'_>,
    options: &RenderOptions<'_>,
    format: Format,
    out: &mut dyn Write,
) -> Result<(), RenderError> {
    let options = RenderOptions { max_nodes: options.max_nodes.or(format.0.max_nodes), ..*options };
    (format.0.write)(view, &options, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_extension_is_found_and_none_is_twice() {
        let mut seen = Vec::new();
        for format in Format::all() {
            for extension in format.extensions() {
                assert_eq!(Format::of_path(Path::new(&format!("a.b.{extension}"))), Ok(format));
                assert_eq!(extension.to_uppercase().parse(), Ok(format));
                assert!(!seen.contains(extension), "{extension} stands for two formats");
                seen.push(extension);
            }
            assert!(format.extensions().contains(&format.name()));
        }
    }

    #[test]
    fn errors_list_what_there_is() {
        for (path, start) in [("a.docx", "unknown format \"docx\": "), ("a", "a file name without")] {
            let text = Format::of_path(Path::new(path)).unwrap_err().to_string();
            assert!(text.starts_with(start) && text.ends_with("svg, png, pdf, dot, gv, json"), "{text}");
        }
    }
}

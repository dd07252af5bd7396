//! A picture, resolved to the last point and colour: backends only draw it.
//!
//! [`Scene::of`] goes from a [`View`] to text and sizes measured in the embedded font, asks a
//! [`Layout`](crate::layout::Layout) for positions, routes the edges to the shapes' borders, places the edges' labels where they
//! cover nothing, and sets title and legend around it.

mod draft;
mod edges;
mod flags;
mod frame;
mod geometry;
mod labels;
mod matrix;

use pcapviz_graph::{Edge, GraphLayer, NodeId, Severity};

use crate::belonging::Belonging;
use crate::findings::Marks;
use crate::fold::{Folded, fold_within};
use crate::function::Function;
use crate::grouping::Groups;
use crate::layout::{Diagram, LayoutError, Placement, Point, Problem, grouped};
use crate::text::{Ruler, Style};
use crate::theme::{Color, Theme};
use crate::{RenderOptions, View, quantity};
pub(crate) use edges::{line_width, most_bytes as busiest_edge};
pub(crate) use frame::headline;
pub use geometry::Rect;
pub(crate) use geometry::{direction, point};

/// White space around everything, in points.
const MARGIN: f64 = 28.0;

/// A picture. Lengths are points (1/72 inch), x to the right, y downwards from the page's upper left corner.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Scene {
    /// The page's width and height.
    pub size: Point,
    /// The colours: all that the marks do not have themselves.
    pub theme: Theme,
    /// What the picture shows, in one line: for screen readers and document titles.
    pub name: String,
    /// The title block.
    pub title: Vec<Text>,
    /// Where the title block and the legend are parted from the graph: from, to.
    pub rules: Vec<(Point, Point)>,
    /// The edges, in the folded graph's order; to be drawn below the nodes.
    pub edges: Vec<EdgeMark>,
    /// The nodes, in the folded graph's order.
    pub nodes: Vec<NodeMark>,
    /// Frames around nodes that belong together, below everything else.
    pub hulls: Vec<Hull>,
    /// A table in place of nodes and edges.
    pub matrix: Option<Matrix>,
    /// What stands in place of a graph without nodes.
    pub notice: Vec<Text>,
    /// What the colours, shapes and sizes mean: only what occurs.
    pub legend: Legend,
    /// What there was no room for.
    pub left_out: LeftOut,
}

/// Labels that a crowded picture goes without; tooltips have what they said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// Nodes without a label.
    pub node_labels: usize,
    /// Nodes with their name or address only.
    pub node_details: usize,
    /// Edges without a label.
    pub edge_labels: usize,
    /// Edges with bytes and topmost protocols only.
    pub edge_details: usize,
}

/// One line of text, with its place.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Text {
    /// The left end of the baseline.
    pub origin: Point,
    /// How wide it is in the embedded font.
    pub width: f64,
    /// What it says; nothing [unsafe](crate::escape::is_unsafe) is in it.
    pub content: String,
    /// Its size and weight.
    pub style: Style,
    /// Its colour.
    pub color: Color,
    /// Whether it runs upwards from its origin, instead of to the right.
    pub turned: bool,
}

impl Text {
    /// The room it takes.
    pub fn bounds(&self) -> Rect {
        if self.turned {
            let left = self.origin.x - self.style.ascent();
            return Rect {
                left,
                top: self.origin.y - self.width,
                right: left + self.style.line_height(),
                bottom: self.origin.y,
            };
        }
        let top = self.origin.y - self.style.ascent();
        Rect {
            left: self.origin.x,
            top,
            right: self.origin.x + self.width,
            bottom: top + self.style.line_height(),
        }
    }
}

/// Lines of text, centred one under another.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Label {
    /// The lines, the first on top.
    pub lines: Vec<Text>,
    /// The room they take together.
    pub bounds: Rect,
    /// Whether an edge passes under it, so that it needs paper behind it to be read.
    pub crossed: bool,
}

/// The line around a shape.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outline {
    /// An ellipse.
    Ellipse {
        /// Its middle.
        centre: Point,
        /// Half its width and height.
        radii: Point,
    },
    /// A rectangle.
    Rectangle {
        /// Its sides.
        rect: Rect,
        /// Its corners' radius; 0 for sharp ones.
        corner: f64,
    },
    /// A closed polygon, each point of its border seen from its centre.
    Polygon(Vec<Point>),
    /// Nothing is drawn; edges keep out of the rectangle.
    Bare(Rect),
}

/// A node as it is drawn.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeMark {
    /// Which node; several where they are [folded](crate::fold) into one.
    pub members: Vec<NodeId>,
    /// Its shape's centre, to which its edges aim.
    pub centre: Point,
    /// Its shape.
    pub outline: Outline,
    /// The shape's inside.
    pub fill: Color,
    /// The shape's line.
    pub line: Color,
    /// What kind of node, as SVG classes.
    pub class: String,
    /// Its label, unless the picture is too crowded.
    pub label: Option<Label>,
    /// A ring around the shape, where a finding is about it.
    pub halo: Option<Halo>,
    /// A sign in the shape's middle: that a finding is about it, or else which part of the outside it is of.
    pub badge: Option<Text>,
    /// All that is known of it, one line each; hostile.
    pub tooltip: String,
}

/// What a finding lights up: wide and pale around the line itself.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Halo {
    /// How grave the finding is.
    pub severity: Severity,
    /// Its colour.
    pub color: Color,
    /// Its dashes: drawn, not drawn, ... in points; none for a solid line.
    pub dash: &'static [f64],
}

impl Halo {
    fn new(severity: Severity, theme: Theme) -> Self {
        let dash: &[f64] = if severity == Severity::Alert { &[] } else { &[3.0, 3.0] };
        Self { severity, color: theme.severity(severity), dash }
    }

    /// How opaque it is along an edge.
    pub(crate) const OPACITY: f64 = 0.45;
    /// How wide its line in a cell is.
    pub(crate) const IN_CELL: f64 = 2.0;

    /// Its line in a cell.
    pub(crate) fn in_cell(&self, cell: &Rect) -> Outline {
        Outline::Rectangle { rect: cell.grown(-Self::IN_CELL), corner: 0.0 }
    }
}

/// An edge as it is drawn.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EdgeMark {
    /// The sender, as an index into [`Scene::nodes`].
    pub source: usize,
    /// The receiver, as an index into [`Scene::nodes`].
    pub target: usize,
    /// Its line, from the sender's border to the arrowhead's base: a cubic Bézier spline.
    pub spline: Vec<Point>,
    /// The arrowhead, its tip on the receiver's border.
    pub arrow: [Point; 3],
    /// The line's width.
    pub width: f64,
    /// Its colour.
    pub color: Color,
    /// What runs along its right side in other colours, within its width: families of traffic that carried less.
    pub strands: Vec<Strand>,
    /// How opaque it is, from 0 to 1.
    pub opacity: f64,
    /// Its dashes: drawn, not drawn, ... in points; none for a solid line.
    pub dash: Vec<f64>,
    /// A light around the line, where a finding is about it.
    pub halo: Option<Halo>,
    /// What kind of traffic, as an SVG class.
    pub class: &'static str,
    /// Its label, where there was room.
    pub label: Option<Label>,
    /// All that is known of it, one line each; hostile.
    pub tooltip: String,
}

/// A part of an edge's width that has a colour of its own.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Strand {
    /// Its line: a cubic Bézier spline.
    pub spline: Vec<Point>,
    /// The line's width.
    pub width: f64,
    /// Its colour.
    pub color: Color,
}

/// A frame around nodes that belong together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hull {
    /// The frame.
    pub rect: Rect,
    /// What they have in common, in the frame's upper left corner.
    pub label: Text,
}

impl Hull {
    /// Whether a shape's label is not in the way of this frame: inside of it with its shape, or outside.
    fn leaves_room(&self, shape: &Rect, label: &Rect) -> bool {
        if self.rect.contains(shape) {
            self.rect.contains(label) && !self.label.bounds().overlaps(label)
        } else {
            !self.rect.overlaps(label)
        }
    }

    fn moved(mut self, by: Point) -> Self {
        self.rect = self.rect.moved(by);
        self.label.origin += by;
        self
    }
}

/// A square table: who sent how much to whom.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Matrix {
    /// The table without its labels.
    pub grid: Rect,
    /// The fields in which there is something.
    pub cells: Vec<Cell>,
    /// Whose rows and columns they are.
    pub labels: Vec<Text>,
    /// The lines between rows and columns.
    pub rules: Vec<Stroke>,
}

impl Matrix {
    fn moved(mut self, by: Point) -> Self {
        self.grid = self.grid.moved(by);
        self.cells.iter_mut().for_each(|cell| cell.rect = cell.rect.moved(by));
        self.labels.iter_mut().for_each(|label| label.origin += by);
        for rule in &mut self.rules {
            rule.from += by;
            rule.to += by;
        }
        self
    }
}

/// A field of the table: an edge.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Cell {
    /// Its place.
    pub rect: Rect,
    /// Its colour.
    pub color: Color,
    /// A frame within it, where a finding is about the edge.
    pub halo: Option<Halo>,
    /// All that is known of the edge, one line each; hostile.
    pub tooltip: String,
}

/// What the colours, shapes and sizes mean.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Legend {
    /// Headings and explanations.
    pub texts: Vec<Text>,
    /// Sample shapes: outline, inside, line.
    pub shapes: Vec<(Outline, Color, Color)>,
    /// Sample lines.
    pub strokes: Vec<Stroke>,
}

/// A straight line.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stroke {
    /// One end.
    pub from: Point,
    /// The other.
    pub to: Point,
    /// How wide it is.
    pub width: f64,
    /// Its colour.
    pub color: Color,
    /// How opaque it is, from 0 to 1.
    pub opacity: f64,
    /// Its dashes: drawn, not drawn, ... in points; none for a solid line.
    pub dash: Vec<f64>,
}

impl Scene {
    /// What is behind a label: the frame that it stands in, or paper.
    pub fn ground(&self, label: &Rect) -> Color {
        let framed = self.hulls.iter().any(|hull| hull.rect.contains(label));
        if framed { self.theme.frame() } else { self.theme.paper() }
    }

    /// The edges in the order in which they are drawn, each over those before: what findings mark last, else the
    /// busiest.
    pub fn drawing_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.edges.len()).collect();
        let key = |i: usize| (self.edges[i].halo.as_ref().map(|halo| halo.severity), self.edges[i].width);
        order.sort_by(|&a, &b| {
            let ((mark_a, width_a), (mark_b, width_b)) = (key(a), key(b));
            mark_a.cmp(&mark_b).then(width_a.total_cmp(&width_b)).then(a.cmp(&b))
        });
        order
    }

    fn of_matrix(drawn: &frame::Drawn<'_>, options: &RenderOptions<'_>, ruler: &Ruler) -> Self {
        let (matrix, room) = matrix::of(drawn, options, ruler);
        let frame = frame::Frame::of(drawn, options, room, LeftOut::default(), ruler);
        Self {
            size: frame.size,
            theme: options.theme,
            name: frame.name,
            title: frame.title,
            rules: frame.rules,
            edges: Vec::new(),
            nodes: Vec::new(),
            hulls: Vec::new(),
            matrix: Some(matrix.moved(frame.graph_origin)),
            notice: frame.notice,
            legend: frame.legend,
            left_out: LeftOut::default(),
        }
    }

    /// The picture of a view. O(n log n) in nodes and edges, besides the layout's own cost.
    ///
    /// # Errors
    /// If the layout has none.
    pub fn of(view: &View<'_>, options: &RenderOptions<'_>) -> Result<Self, LayoutError> {
        let ruler = Ruler::new();
        let groups = options.grouping.of(view);
        let most = options.max_nodes.unwrap_or(usize::MAX);
        let is_matrix = options.diagram == Diagram::Matrix;
        let most = if is_matrix { most.min(matrix::MOST) } else { most };
        let marks = Marks::of(view);
        let graph = fold_within(view, &groups, &marks, most, options.ports);
        let flags = flags::Flags::of(view, marks, &graph);
        let members = graph.nodes.iter().map(|group| &*group.members);
        let belonging = Belonging::of(view, members, options.color_by);
        let drafts = draft::of(view, &graph, &flags.nodes, &belonging, options, &ruler);
        let drawn =
            frame::Drawn { view, graph: &graph, drafts: &drafts, flags: &flags, belonging: &belonging };
        if is_matrix && !drafts.is_empty() {
            return Ok(Self::of_matrix(&drawn, options, &ruler));
        }
        let problem = problem(view, &graph, &drafts);
        let (placement, hulls) = place(&problem, &graph, &groups, options, &ruler)?;
        let subject =
            edges::Subject { view, graph: &graph, flags: &flags, hulls: &hulls, theme: options.theme };
        let mut picture = edges::Picture::of(&subject, &drafts, &placement, &ruler);
        let frame = frame::Frame::of(&drawn, options, picture.bounds, picture.left_out, &ruler);
        let offset = frame.graph_origin - point(picture.bounds.left, picture.bounds.top);
        picture.shift(offset);
        let nodes = graph
            .nodes
            .iter()
            .zip(drafts.iter().zip(picture.nodes))
            .map(|(group, (draft, placed))| NodeMark {
                members: group.members.iter().map(|&i| view.graph.nodes()[i].id).collect(),
                centre: placed.centre,
                outline: placed.outline,
                fill: draft.fill,
                line: draft.line,
                class: format!("{} {}", draft.role.class(), draft.function.class()),
                label: placed.label,
                halo: draft.flag.map(|severity| Halo::new(severity, options.theme)),
                badge: sign(draft)
                    .map(|sign| badge(placed.centre, draft.outline.bounds(), sign, draft.fill, &ruler)),
                tooltip: crate::caption::group_tooltip(view, group),
            })
            .collect();
        Ok(Self {
            size: frame.size,
            theme: options.theme,
            name: frame.name,
            title: frame.title,
            rules: frame.rules,
            edges: picture.edges,
            nodes,
            hulls: hulls.into_iter().map(|hull| hull.moved(offset)).collect(),
            matrix: None,
            notice: frame.notice,
            legend: frame.legend,
            left_out: picture.left_out,
        })
    }
}

/// What stands in a shape: the finding's sign before the region's.
fn sign<'a>(draft: &'a draft::Draft<'_>) -> Option<&'a str> {
    let flag = draft.flag.filter(|_| !draft.shape.holds_label()).map(finding_sign);
    flag.or(draft.sign.as_deref())
}

/// An exclamation mark for an alert, an i for a note.
fn finding_sign(severity: Severity) -> &'static str {
    if severity == Severity::Alert { "!" } else { "i" }
}

/// Text in a shape's middle, in whatever is read better on it.
fn badge(centre: Point, shape: Rect, content: &str, on: Color, ruler: &Ruler) -> Text {
    let size = (0.6 * shape.height().min(shape.width())).clamp(11.0, 24.0);
    // Two letters in a small shape are smaller.
    let room = 0.82 * shape.width();
    let size = size.min(size * room / ruler.width(content, Style::bold(size)).max(1.0));
    let (content, style) = (content.to_owned(), Style::bold(size));
    let width = ruler.width(&content, style);
    let light = f64::from(on.0) * 0.3 + f64::from(on.1) * 0.59 + f64::from(on.2) * 0.11 > 140.0;
    let color = if light { Color(0, 0, 0) } else { Color(0xff, 0xff, 0xff) };
    // Capitals are about 0.71 of the size high.
    let origin = point(centre.x - width / 2.0, centre.y + style.size * 0.355);
    Text { origin, width, content, style, color, turned: false }
}

fn problem(view: &View<'_>, graph: &Folded, drafts: &[draft::Draft<'_>]) -> Problem {
    let edges = &graph.edges;
    // Who made contact in most of the conversations that an edge stands for: the one that was heard of first.
    let first = |edge: &Edge| {
        let back = edges.binary_search_by_key(&(edge.target, edge.source), |e| (e.source, e.target));
        back.map_or(true, |back| (edge.position, edge.source) <= (edges[back].position, edges[back].source))
    };
    Problem {
        boxes: drafts.iter().map(|draft| draft.size).collect(),
        edges: edges.iter().map(|edge| (edge.source, edge.target)).collect(),
        weights: edges.iter().map(|edge| (edge.traffic.bytes as f64).ln_1p()).collect(),
        tiers: drafts
            .iter()
            .map(|draft| if draft.function == Function::Gateway { 1 } else { draft.role.tier() })
            .collect(),
        forward: match view.graph.layer() {
            // Ports tell better than what was heard of first.
            GraphLayer::Endpoints => edges
                .iter()
                .map(|edge| match [edge.source, edge.target].map(|node| drafts[node].function) {
                    [Function::Client, Function::Server | Function::Group] => true,
                    [Function::Server | Function::Group, Function::Client] => false,
                    _ => first(edge),
                })
                .collect(),
            _ => edges.iter().map(first).collect(),
        },
    }
}

/// Where the nodes go, and the frames around those that are kept together.
fn place(
    problem: &Problem,
    graph: &Folded,
    groups: &Groups,
    options: &RenderOptions<'_>,
    ruler: &Ruler,
) -> Result<(Placement, Vec<Hull>), LayoutError> {
    const LABEL: Style = Style::bold(9.5);
    const WIDEST: f64 = 220.0;
    if groups.labels.is_empty() {
        return Ok((options.layout.place(problem)?, Vec::new()));
    }
    // Groups that are there still once nodes are folded.
    let of_node: Vec<Option<usize>> =
        graph.nodes.iter().map(|group| groups.of_node[group.members[0]]).collect();
    let mut used: Vec<usize> = of_node.iter().flatten().copied().collect();
    used.sort_unstable();
    used.dedup();
    let of_node: Vec<Option<usize>> =
        of_node.into_iter().map(|group| used.binary_search(&group?).ok()).collect();
    let texts: Vec<String> =
        used.iter().map(|&group| ruler.fit(&groups.labels[group], LABEL, WIDEST)).collect();
    let widths: Vec<f64> = texts.iter().map(|text| ruler.width(text, LABEL)).collect();
    let (placement, frames) = grouped::place(problem, &of_node, &widths, options.layout)?;
    let hull = |frame: grouped::Frame| {
        let (low, high) = frame.corners;
        let (content, width) = (texts[frame.group].clone(), widths[frame.group]);
        let origin = low + point(grouped::PADDING * 0.7, LABEL.ascent() + 4.0);
        let color = options.theme.ink_soft();
        Hull {
            rect: Rect { left: low.x, top: low.y, right: high.x, bottom: high.y },
            label: Text { origin, width, content, style: LABEL, color, turned: false },
        }
    };
    Ok((placement, frames.into_iter().map(hull).collect()))
}

impl Outline {
    /// The rectangle around it.
    pub fn bounds(&self) -> Rect {
        match self {
            Self::Ellipse { centre, radii } => Rect::around(*centre, *radii * 2.0),
            Self::Rectangle { rect, .. } | Self::Bare(rect) => *rect,
            Self::Polygon(corners) => Rect::of(corners.iter().copied()).unwrap_or_default(),
        }
    }

    /// Where a ray from the shape's centre towards a point leaves the shape.
    pub fn border(&self, centre: Point, towards: Point) -> Point {
        let way = direction(centre, towards);
        let distance = match self {
            Self::Ellipse { radii, .. } => 1.0 / (way.x / radii.x).hypot(way.y / radii.y),
            Self::Rectangle { rect, corner } => leave_rectangle(rect, *corner, way),
            Self::Bare(rect) => leave_rectangle(rect, 0.0, way),
            Self::Polygon(corners) => (0..corners.len())
                .filter_map(|i| crossing(centre, way, corners[i], corners[(i + 1) % corners.len()]))
                .fold(0.0, f64::max),
        };
        centre + way * distance
    }

    /// The outline that stands so far out of this one.
    #[must_use]
    pub fn grown(&self, by: f64) -> Self {
        match self {
            Self::Ellipse { centre, radii } => {
                Self::Ellipse { centre: *centre, radii: *radii + point(by, by) }
            }
            Self::Rectangle { rect, corner } => Self::Rectangle {
                rect: rect.grown(by),
                corner: if *corner > 0.0 { corner + by } else { 0.0 },
            },
            Self::Bare(rect) => Self::Rectangle { rect: rect.grown(by), corner: by },
            Self::Polygon(corners) => {
                let centre = self.bounds().centre();
                let radius = self.bounds().width().max(self.bounds().height()) / 2.0;
                let factor = if radius > 0.0 { 1.0 + by / radius } else { 1.0 };
                Self::Polygon(corners.iter().map(|&c| centre + (c - centre) * factor).collect())
            }
        }
    }

    /// The same, elsewhere.
    #[must_use]
    pub fn moved(self, by: Point) -> Self {
        match self {
            Self::Ellipse { centre, radii } => Self::Ellipse { centre: centre + by, radii },
            Self::Rectangle { rect, corner } => Self::Rectangle { rect: rect.moved(by), corner },
            Self::Bare(rect) => Self::Bare(rect.moved(by)),
            Self::Polygon(corners) => Self::Polygon(corners.into_iter().map(|c| c + by).collect()),
        }
    }
}

/// How far from its centre a ray leaves a rectangle with round corners.
fn leave_rectangle(rect: &Rect, corner: f64, way: Point) -> f64 {
    // All four quarters are alike.
    let way = point(way.x.abs(), way.y.abs());
    let half = point(rect.width() / 2.0, rect.height() / 2.0);
    let distance = (half.x / way.x).min(half.y / way.y);
    let at = way * distance;
    let middle = point(half.x - corner, half.y - corner);
    if corner <= 0.0 || at.x <= middle.x || at.y <= middle.y {
        return distance;
    }
    // On the corner's circle: |distance * way - middle| = corner.
    let along = way.x * middle.x + way.y * middle.y;
    let root = along * along - (middle.x * middle.x + middle.y * middle.y - corner * corner);
    along + root.max(0.0).sqrt()
}

/// How far along a ray it crosses a line between two points, if it does.
fn crossing(from: Point, way: Point, a: Point, b: Point) -> Option<f64> {
    let (side, to_a) = (b - a, a - from);
    let cross = way.x * side.y - way.y * side.x;
    if cross.abs() < 1e-12 {
        return None;
    }
    let along_ray = (to_a.x * side.y - to_a.y * side.x) / cross;
    let along_side = (to_a.x * way.y - to_a.y * way.x) / cross;
    (along_ray >= 0.0 && (-1e-9..=1.0 + 1e-9).contains(&along_side)).then_some(along_ray)
}

impl Label {
    /// Lines centred around a point, the first with its top at the point.
    pub(crate) fn below(
        top: Point,
        lines: impl IntoIterator<Item = (String, Style, Color)>,
        ruler: &Ruler,
    ) -> Self {
        let mut bounds = Rect { left: top.x, top: top.y, right: top.x, bottom: top.y };
        let lines = lines
            .into_iter()
            .map(|(content, style, color)| {
                let width = ruler.width(&content, style);
                let origin = point(top.x - width / 2.0, bounds.bottom + style.ascent());
                let text = Text { origin, width, content, style, color, turned: false };
                bounds = bounds.union(text.bounds());
                text
            })
            .collect();
        Self { lines, bounds, crossed: false }
    }

    /// The same with its lines at the left (-1), in the middle (0) or at the right (1) of its room.
    #[must_use]
    pub(crate) fn flush(mut self, side: f64) -> Self {
        for line in &mut self.lines {
            let free = self.bounds.width() - line.width;
            line.origin.x = self.bounds.left + free * (1.0 + side) / 2.0;
        }
        self
    }

    /// The same, elsewhere.
    #[must_use]
    pub(crate) fn moved(mut self, by: Point) -> Self {
        self.bounds = self.bounds.moved(by);
        for line in &mut self.lines {
            line.origin += by;
        }
        self
    }
}

/// `12 nodes, 30 edges`.
fn size_in_words(view: &View<'_>) -> String {
    let nodes = quantity::counted(view.graph.nodes().len() as u64, "node", "nodes");
    let edges = quantity::counted(view.graph.edges().len() as u64, "edge", "edges");
    format!("{nodes}, {edges}")
}

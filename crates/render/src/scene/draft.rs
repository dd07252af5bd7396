//! Each node's text, shape and size, before it has a place.

use pcapviz_graph::{Name, Severity};

use super::{Label, Outline, Rect, point};
use crate::belonging::Belonging;
use crate::caption::NodeCaption;
use crate::fold::Folded;
use crate::function::Function;
use crate::layout::Point;
use crate::shape::Shape;
use crate::text::{Ruler, Style};
use crate::theme::{Color, Region, Role, Theme};
use crate::{RenderOptions, View};

const ADDRESS: Style = Style::regular(8.5);
const DETAIL: Style = Style::regular(8.0);
/// Names longer than this are shortened, in points.
const WIDEST: f64 = 170.0;
/// Between a shape and the label under it.
pub(super) const GAP: f64 = 3.0;
/// Free room around each node, so that neighbours do not touch.
const CLEARANCE: f64 = 6.0;
/// How far the ring around a shape that a finding marks stands out of it.
pub(super) const HALO: f64 = 5.0;
/// The smallest radius of a shape with a sign in it, so that it can be read.
const FLAGGED: f64 = 9.0;
/// With more nodes than this, shapes are too small for signs of where they belong.
const MOST_SIGNED: usize = 160;
/// How far a self-loop stands out above a shape.
pub(super) const LOOP_HEIGHT: f64 = 26.0;

/// A node, drawn around the origin.
#[derive(Clone)]
pub(super) struct Draft<'a> {
    pub(super) role: Role,
    /// Which part of the outside it is of.
    pub(super) region: Region,
    /// What stands in its shape for the region.
    pub(super) sign: Option<String>,
    pub(super) function: Function,
    pub(super) shape: Shape,
    /// The gravest finding about it.
    pub(super) flag: Option<Severity>,
    pub(super) fill: Color,
    pub(super) line: Color,
    pub(super) outline: Outline,
    pub(super) label: Option<Label>,
    pub(super) detail: Detail,
    /// The name that its label shows.
    pub(super) name: Option<&'a Name>,
    /// Width and height of everything: shape, label, self-loop and the room around them.
    pub(super) size: Point,
    /// From the centre of everything to the shape's centre.
    pub(super) shift: Point,
    /// Whether the label may stand above the shape instead of under it: the room it takes is the same.
    pub(super) can_flip: bool,
}

impl Draft<'_> {
    /// How far what is drawn around the shape stands out of it.
    pub(super) fn rim(&self) -> f64 {
        if self.flag.is_some() { HALO } else { 0.0 }
    }

    /// The label above the shape, and where the shape's centre is then.
    pub(super) fn flipped(&self) -> (Option<Label>, Point) {
        let bounds = self.outline.bounds();
        let label = self.label.clone().map(|label| {
            let up = point(0.0, bounds.top - GAP - self.rim() - label.bounds.bottom);
            label.moved(up)
        });
        // The free room beyond the label changes sides with it.
        (label, point(self.shift.x, -self.shift.y - bounds.top - bounds.bottom))
    }
}

/// How much of a node's caption there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    Full,
    /// Name and bytes.
    Brief,
    Name,
    None,
}

impl Detail {
    /// For the node that is the `rank`th by bytes of `count`: what a page can carry.
    fn of(rank: usize, count: usize) -> Self {
        match count {
            0..=120 => Self::Full,
            121..=500 if rank < 40 => Self::Full,
            121..=500 => Self::Brief,
            501..=3_000 if rank < 60 => Self::Brief,
            501..=3_000 => Self::Name,
            _ if rank < 150 => Self::Name,
            _ => Self::None,
        }
    }
}

/// The largest and smallest radius, for a graph of so many nodes.
fn radii(count: usize) -> (f64, f64) {
    let crowd = (count.max(30) as f64 / 30.0).log10().min(2.0);
    (24.0 - 6.0 * crowd, 6.0 - 1.5 * crowd)
}

/// The radius that stands for so many bytes: the area grows with them.
pub(super) fn radius(bytes: u64, most: u64, count: usize) -> f64 {
    let (largest, smallest) = radii(count);
    (largest * (bytes as f64 / most.max(1) as f64).sqrt()).max(smallest)
}

/// The fewest and the most bytes that a node of the graph sent and received.
pub(super) fn bytes_range(graph: &Folded) -> (u64, u64) {
    let bytes = graph.nodes.iter().map(|group| group.node.traffic().bytes);
    (bytes.clone().min().unwrap_or(0), bytes.max().unwrap_or(0))
}

pub(super) fn of<'a>(
    view: &View<'a>,
    graph: &Folded,
    flags: &[Option<Severity>],
    belonging: &Belonging,
    options: &RenderOptions<'_>,
    ruler: &Ruler,
) -> Vec<Draft<'a>> {
    let nodes = &graph.nodes;
    let (_, most) = bytes_range(graph);
    let mut by_bytes: Vec<usize> = (0..nodes.len()).collect();
    by_bytes.sort_by_key(|&i| (std::cmp::Reverse(nodes[i].node.traffic().bytes), i));
    let mut rank = vec![0; nodes.len()];
    for (position, &node) in by_bytes.iter().enumerate() {
        rank[node] = position;
    }
    let functions = Function::of(view);
    let mut has_loop = vec![false; nodes.len()];
    for edge in graph.edges.iter().filter(|edge| edge.source == edge.target) {
        has_loop[edge.source] = true;
    }
    nodes
        .iter()
        .enumerate()
        .map(|(i, group)| {
            let (role, region) = belonging.spot(i);
            let sign = belonging.sign(region).filter(|_| nodes.len() <= MOST_SIGNED);
            let function = Function::of_group(group, &functions);
            let shape = options.shape.unwrap_or(function.shape());
            let caption = NodeCaption::of_group(view, group);
            let detail = Detail::of(rank[i], nodes.len());
            // Without a shape, the name has the role's colour.
            let ink = if shape.is_bare() { options.theme.place(role, region).1 } else { options.theme.ink() };
            let bytes = group.node.traffic().bytes;
            // Where text fills the shape, or there is none, the sign goes with the name.
            let holds_sign = !shape.holds_label() && !shape.is_dot();
            let caption = match sign {
                Some(sign) if !holds_sign => {
                    NodeCaption { title: format!("{} ({sign})", caption.title), ..caption }
                }
                _ => caption,
            };
            let lines = lines(&caption, detail, name_style(bytes, most), ink, options.theme, ruler);
            let label = (!lines.is_empty()).then(|| Label::below(Point::default(), lines, ruler));
            let mut draft = Draft {
                role,
                region,
                sign: sign.filter(|_| holds_sign).map(str::to_owned),
                function,
                shape,
                flag: flags[i],
                label,
                detail,
                name: caption.name,
                ..Draft::empty()
            };
            draft.set(radius(bytes, most, nodes.len()), has_loop[i], options.theme);
            draft
        })
        .collect()
}

fn lines(
    caption: &NodeCaption<'_>,
    detail: Detail,
    name: Style,
    ink: Color,
    theme: Theme,
    ruler: &Ruler,
) -> Vec<(String, Style, Color)> {
    let fit = |text: &str, style| ruler.fit(text, style, WIDEST);
    let mut lines = Vec::new();
    // Where a name has letters that the font lacks, the address is what everyone can read.
    let (first, second) = match &caption.address {
        Some(address) if !ruler.has_all(&caption.title) => (address, Some(&caption.title)),
        address => (&caption.title, address.as_ref()),
    };
    if detail != Detail::None {
        lines.push((fit(first, name), name, ink));
    }
    if detail == Detail::Full {
        lines.extend(second.map(|text| (fit(&caption.with_source(text), ADDRESS), ADDRESS, theme.ink())));
        let details = caption.details.iter().flat_map(|text| ruler.wrap(text, DETAIL, WIDEST));
        lines.extend(details.map(|text| (text, DETAIL, theme.ink_soft())));
    }
    if matches!(detail, Detail::Full | Detail::Brief) {
        lines.push((fit(&caption.volume, DETAIL), DETAIL, theme.ink_soft()));
    }
    lines
}

/// A name is as large as its node is important.
fn name_style(bytes: u64, most: u64) -> Style {
    let share = (bytes as f64 / most.max(1) as f64).sqrt();
    // Steps of half a point: a hundred sizes on one page look like none was meant.
    Style::bold(9.5 + (share * 6.0).round() / 2.0)
}

impl Draft<'_> {
    fn empty() -> Self {
        Self {
            role: Role::Inside,
            region: Region::Whole,
            sign: None,
            function: Function::Client,
            shape: Shape::CIRCLE,
            flag: None,
            fill: Color::default(),
            line: Color::default(),
            outline: Outline::Bare(Rect::default()),
            label: None,
            detail: Detail::None,
            name: None,
            size: Point::default(),
            shift: Point::default(),
            can_flip: false,
        }
    }

    /// Puts shape and label together.
    fn set(&mut self, radius: f64, has_loop: bool, theme: Theme) {
        let shape = self.shape;
        let radius = if self.flag.is_some() || self.sign.is_some() { radius.max(FLAGGED) } else { radius };
        let label_size =
            self.label.as_ref().map_or(Point::default(), |l| point(l.bounds.width(), l.bounds.height()));
        self.outline = shape.outline(Point::default(), radius, label_size);
        let bounds = self.outline.bounds();
        let rim = self.rim();
        self.label = self.label.take().map(|label| {
            let top = if shape.holds_label() { -label_size.y / 2.0 } else { bounds.bottom + GAP + rim };
            label.moved(point(0.0, top))
        });
        let mut all = self.label.iter().fold(bounds.grown(rim), |all, label| all.union(label.bounds));
        if has_loop {
            all.top -= LOOP_HEIGHT;
            all = all.union(Rect { left: -14.0, right: 14.0, ..all });
        }
        let all = all.grown(CLEARANCE);
        // The box is symmetric around the shape, so that edges that aim at the box's centre hit the shape.
        let half_width = all.right.max(-all.left);
        self.size = point(2.0 * half_width, all.height());
        self.shift = point(0.0, -(all.top + all.bottom) / 2.0);
        self.can_flip = !has_loop && !shape.holds_label();
        // Text stands on a tint of the colour.
        (self.fill, self.line) = if shape.holds_label() {
            theme.label_place(self.role, self.region)
        } else {
            theme.place(self.role, self.region)
        };
    }
}

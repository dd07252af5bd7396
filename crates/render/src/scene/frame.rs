//! What stands around the graph: title above, legend below.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{self, Draft};
use super::edges;
use super::flags::Flags;
use super::{Halo, LeftOut, Legend, MARGIN, Outline, Rect, Stroke, Text, finding_sign, point, size_in_words};
use crate::belonging::Belonging;
use crate::fold::{Folded, Group, Kind};
use crate::function::Function;
use crate::layout::{Diagram, Point};
use crate::shape::Shape;
use crate::text::{Ruler, Style};
use crate::theme::{Color, Family, Role, Theme};
use crate::{RenderOptions, View, caption, quantity};
use pcapviz_graph::{GraphLayer, join_lives};

const HEADING: Style = Style::bold(17.0);
const SUBTITLE: Style = Style::bold(10.0);
const LINE: Style = Style::regular(9.0);
const LEGEND_HEADING: Style = Style::bold(8.5);
const LEGEND_LINE: Style = Style::regular(8.5);
/// No page is narrower, so that titles and legends have room.
const NARROWEST: f64 = 520.0;
/// Between the columns of the legend.
const COLUMN_GAP: f64 = 24.0;
/// Between title, graph and legend.
const SECTION_GAP: f64 = 16.0;
/// Longer lines of the legend are wrapped.
const WIDEST_LINE: f64 = 560.0;
/// Between a sample in the legend and its explanation.
const SAMPLE_GAP: f64 = 8.0;
/// How long sample lines are.
const STROKE_LENGTH: f64 = 26.0;

/// What is drawn, as far as the frame and the matrix need it.
#[derive(Clone, Copy)]
pub(super) struct Drawn<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) graph: &'a Folded,
    pub(super) drafts: &'a [Draft<'a>],
    pub(super) flags: &'a Flags,
    pub(super) belonging: &'a Belonging,
}

pub(super) struct Frame {
    pub(super) size: Point,
    pub(super) name: String,
    pub(super) title: Vec<Text>,
    pub(super) rules: Vec<(Point, Point)>,
    pub(super) notice: Vec<Text>,
    pub(super) legend: Legend,
    /// Where the graph's upper left corner goes.
    pub(super) graph_origin: Point,
}

impl Frame {
    pub(super) fn of(
        drawn: &Drawn<'_>,
        options: &RenderOptions<'_>,
        bounds: Rect,
        left_out: LeftOut,
        ruler: &Ruler,
    ) -> Self {
        let Drawn { view, graph, drafts, .. } = *drawn;
        let empty = drafts.is_empty();
        let width = bounds.width().max(NARROWEST);
        let mut y = MARGIN;
        let stack = |lines: Vec<(String, Style, Color)>, top: f64| {
            let mut bottom = top;
            let texts: Vec<Text> = lines
                .into_iter()
                .flat_map(|(content, style, color)| {
                    let lines = ruler.wrap(&content, style, width);
                    lines.into_iter().map(move |content| (content, style, color))
                })
                .map(|(content, style, color)| {
                    let text = Text {
                        origin: point(MARGIN, bottom + style.ascent()),
                        width: ruler.width(&content, style),
                        content,
                        style,
                        color,
                        turned: false,
                    };
                    bottom += style.line_height();
                    text
                })
                .collect();
            (texts, bottom)
        };
        let (title, bottom) = stack(title(view, graph, options.theme, ruler, width), y);
        y = bottom + 8.0;
        let mut rules = vec![(point(MARGIN, y), point(MARGIN + width, y))];
        y += SECTION_GAP;
        let graph_origin = point(MARGIN + (width - bounds.width()) / 2.0, y);
        let (notice, bottom) = if empty { stack(why_empty(view, options.theme), y) } else { (Vec::new(), y) };
        y = bottom + bounds.height() + SECTION_GAP;
        let mut legend = Legend::default();
        let blocks = blocks(drawn, options, left_out);
        if !blocks.is_empty() {
            rules.push((point(MARGIN, y), point(MARGIN + width, y)));
            y = set(&blocks, &mut legend, options.theme, ruler, point(MARGIN, y + 10.0), width);
        }
        let name = format!("{}: {}", layer_in_words(view.graph.layer()), size_in_words(view));
        Self {
            size: point((width + 2.0 * MARGIN).ceil(), (y + MARGIN).ceil()),
            name,
            title,
            rules,
            notice,
            legend,
            graph_origin,
        }
    }
}

fn layer_in_words(layer: GraphLayer) -> &'static str {
    match layer {
        GraphLayer::Devices => "Devices (layer 2)",
        GraphLayer::Hosts => "IP hosts (layer 3)",
        GraphLayer::Endpoints => "TCP, UDP and SCTP endpoints (layer 4)",
    }
}

fn title(
    view: &View<'_>,
    graph: &Folded,
    theme: Theme,
    ruler: &Ruler,
    width: f64,
) -> Vec<(String, Style, Color)> {
    let mut lines = vec![(layer_in_words(view.graph.layer()).to_owned(), HEADING, theme.ink())];
    if !view.captures.is_empty() {
        lines.push((capture_names(view, |text| ruler.width(text, SUBTITLE) <= width), SUBTITLE, theme.ink()));
    }
    lines.extend(time_and_totals(view).into_iter().map(|line| (line, LINE, theme.ink_soft())));
    let totals = lines.len() - 1 - usize::from(view.selection.is_some());
    if let Some((totals, ..)) = lines.get_mut(totals).filter(|_| graph.nodes.iter().any(Group::is_folded)) {
        let nodes = quantity::counted(graph.nodes.len() as u64, "node", "nodes");
        let edges = quantity::counted(graph.edges.len() as u64, "edge", "edges");
        totals.push_str(&format!("; drawn as {nodes}, {edges}"));
    }
    lines
}

/// The title block as plain lines.
pub(crate) fn headline(view: &View<'_>) -> Vec<String> {
    const MOST_CHARS: usize = 100;
    let mut lines = vec![layer_in_words(view.graph.layer()).to_owned()];
    if !view.captures.is_empty() {
        lines.push(capture_names(view, |text| text.chars().count() <= MOST_CHARS));
    }
    lines.extend(time_and_totals(view));
    lines
}

fn time_and_totals(view: &View<'_>) -> Vec<String> {
    let layer = view.graph.layer();
    let life = view.captures.iter().fold(None, |life, capture| join_lives(life, capture.life));
    let mut lines = Vec::new();
    lines.extend(life.map(|(first, last)| quantity::span(first, last)));
    let totals = view.totals;
    let unselected = view.selection.map_or(0, |(_, left_out)| left_out.traffic.packets);
    let in_graph = totals.in_graph(layer).saturating_sub(unselected);
    let shown = if in_graph == totals.packets {
        quantity::packets(totals.packets)
    } else {
        format!("{} of {} shown", quantity::grouped(in_graph), quantity::packets(totals.packets))
    };
    let bytes = view.graph.edges().iter().map(|edge| edge.traffic.bytes).sum();
    lines.push(format!("{shown}, {}, {}", quantity::bytes(bytes), size_in_words(view)));
    lines.extend(selected(view));
    lines
}

/// Which part of the graph is shown, and how much is not.
fn selected(view: &View<'_>) -> Option<String> {
    let (selection, left_out) = view.selection?;
    Some(format!(
        "Selected: {selection}. Left out: {}, {}, {}, {}",
        quantity::counted(left_out.nodes as u64, "node", "nodes"),
        quantity::counted(left_out.edges as u64, "edge", "edges"),
        quantity::packets(left_out.traffic.packets),
        quantity::bytes(left_out.traffic.bytes),
    ))
}

/// As many file names as fit, and how many more there are.
fn capture_names(view: &View<'_>, fits: impl Fn(&str) -> bool) -> String {
    let names: Vec<&str> =
        view.captures.iter().map(|c| c.path.rsplit(['/', '\\']).next().unwrap_or(&c.path)).collect();
    let list = |shown: usize| match names.len() - shown {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..shown].join(", ")),
    };
    (1..=names.len().min(20)).rev().map(list).find(|text| fits(text)).unwrap_or_else(|| list(1))
}

/// Why there is nothing to draw.
fn why_empty(view: &View<'_>, theme: Theme) -> Vec<(String, Style, Color)> {
    let layer = view.graph.layer();
    let mut lines = Vec::new();
    if view.totals.packets == 0 {
        lines.push(("There are no packets to draw.".to_owned(), SUBTITLE, theme.ink()));
        return lines;
    }
    if view.selection.is_some_and(|(_, left_out)| left_out.edges > 0) {
        lines.push((
            "Nothing is left of the graph: the selection leaves all of it out.".to_owned(),
            SUBTITLE,
            theme.ink(),
        ));
        return lines;
    }
    let wanted = match layer {
        GraphLayer::Devices => "a source and a destination MAC address",
        GraphLayer::Hosts => "an IPv4 or IPv6 header",
        GraphLayer::Endpoints => "a TCP, UDP or SCTP header with ports",
    };
    let none = match view.totals.packets {
        1 => "The only packet does not have".to_owned(),
        n => format!("None of the {} has", quantity::packets(n)),
    };
    lines.push((format!("{none} {wanted}:"), SUBTITLE, theme.ink()));
    let mut reasons: Vec<_> = view.totals.outside(layer).collect();
    reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    const MOST: usize = 10;
    for (reason, n) in reasons.iter().take(MOST) {
        lines.push((format!("{}: {reason}", quantity::packets(*n)), LINE, theme.ink_soft()));
    }
    if reasons.len() > MOST {
        let rest: u64 = reasons[MOST..].iter().map(|(_, n)| n).sum();
        lines.push((format!("{}: other reasons", quantity::packets(rest)), LINE, theme.ink_soft()));
    }
    lines
}

/// A part of the legend: a heading with samples under it.
struct Block {
    heading: String,
    rows: Vec<(Sample, String)>,
}

enum Sample {
    Shape(Outline, Color, Color),
    Stroke { width: f64, color: Color, opacity: f64, dash: Vec<f64> },
    None,
}

impl Sample {
    fn size(&self) -> Point {
        match self {
            Self::Shape(outline, ..) => {
                point(outline.bounds().width() + 1.0, outline.bounds().height() + 1.0)
            }
            Self::Stroke { width, .. } => point(STROKE_LENGTH, *width),
            Self::None => Point::default(),
        }
    }
}

fn blocks(drawn: &Drawn<'_>, options: &RenderOptions<'_>, left_out: LeftOut) -> Vec<Block> {
    let Drawn { view, graph, drafts, flags, belonging } = *drawn;
    let theme = options.theme;
    let mut blocks = Vec::new();
    let counts = belonging.counts();
    let rows = Role::ALL
        .into_iter()
        .flat_map(|role| counts.iter().filter(move |((of, _), _)| *of == role))
        .filter_map(|(&(role, region), &count)| {
            let draft = drafts.iter().find(|d| (d.role, d.region) == (role, region))?;
            // Where shapes differ, another part of the legend says what they mean.
            let shape = options.shape.unwrap_or(Shape::CIRCLE);
            // A shape that is not drawn is stood for by a dot in the colour of its text.
            let (shape, fill) =
                if draft.shape.is_bare() { (Shape::CIRCLE, draft.line) } else { (shape, draft.fill) };
            let outline = shape.outline(Point::default(), 5.5, point(2.0, 2.0));
            let what = belonging.description(role, region);
            let text = format!("{what} · {}", quantity::grouped(count));
            Some((Sample::Shape(outline, fill, draft.line), text))
        })
        .collect();
    let (_, nodes) = caption::nouns(view.graph.layer());
    blocks.push(Block { heading: format!("Nodes: {nodes}"), rows });
    let functions: BTreeSet<Function> = drafts.iter().map(|d| d.function).collect();
    let matrix = options.diagram == Diagram::Matrix;
    if !matrix && options.shape.is_none() && functions.len() > 1 {
        let shape = |function: Function| {
            let outline = function.shape().outline(Point::default(), 5.5, Point::default());
            (Sample::Shape(outline, theme.paper(), theme.ink_soft()), function.description().to_owned())
        };
        let rows = functions.into_iter().map(shape).collect();
        blocks.push(Block { heading: "Shapes".to_owned(), rows });
    }
    let mut families: BTreeSet<Family> = (0..graph.edges.len()).map(|edge| graph.family(edge)).collect();
    let several = !matrix && edges::families_beside(graph, theme, &mut families);
    let mut rows: Vec<_> = Family::all()
        .filter(|family| families.contains(family))
        .map(|family| {
            let dash = theme.dash(family).iter().map(|length| length * 1.6).collect();
            let sample = Sample::Stroke { width: 2.0, color: theme.stroke(family), opacity: 1.0, dash };
            (sample, family.description().to_owned())
        })
        .collect();
    if several {
        rows.push((Sample::None, "several beside each other: by their bytes".to_owned()));
    }
    let shared = caption::shared_protocols(&graph.edges);
    let heading = if shared.is_empty() { "Edges".to_owned() } else { format!("Edges, all {shared}") };
    blocks.push(Block { heading, rows });
    if matrix {
        let rows = vec![(
            Sample::None,
            "row: who sent; column: to whom; the stronger its colour, the more bytes".to_owned(),
        )];
        blocks.push(Block { heading: "Cells".to_owned(), rows });
    } else if !graph.edges.is_empty() {
        let most = edges::most_bytes(&graph.edges);
        let tangle = edges::tangle(graph);
        let rows = round_steps(edges::fewest_bytes(&graph.edges), most)
            .into_iter()
            .map(|bytes| {
                let count = graph.edges.len();
                let sample = Sample::Stroke {
                    width: edges::line_width(bytes, most, count),
                    color: theme.ink_soft(),
                    opacity: edges::opacity(bytes, most, count, tangle),
                    dash: Vec::new(),
                };
                (sample, quantity::bytes(bytes))
            })
            .collect();
        blocks.push(Block { heading: "Edge width: bytes".to_owned(), rows });
    }
    let sized = !matrix && options.shape.is_none_or(|shape| !shape.holds_label() && !shape.is_dot());
    if sized && !drafts.is_empty() {
        let (fewest, most) = draft::bytes_range(graph);
        let fill = theme.ink_soft().mix(theme.paper(), 0.85);
        let mut radii: Vec<f64> = Vec::new();
        let rows = round_steps(fewest, most)
            .into_iter()
            .map(|bytes| (bytes, draft::radius(bytes, most, drafts.len())))
            // The smallest ones are all drawn at the size that can still be seen.
            .filter(|(_, radius)| {
                radii.push(*radius);
                !radii[..radii.len() - 1].contains(radius)
            })
            .map(|(bytes, radius)| {
                let outline = Outline::Ellipse { centre: Point::default(), radii: point(radius, radius) };
                (Sample::Shape(outline, fill, theme.ink_soft()), quantity::bytes(bytes))
            })
            .collect();
        blocks.push(Block { heading: "Node area: bytes sent and received".to_owned(), rows });
    }
    let mut add = |heading: &str, rows| blocks.push(Block { heading: heading.to_owned(), rows });
    add("Findings", findings(view, flags, theme));
    add("Names, places and vendors from", sources(view, drafts));
    add("Folded into one node each", folds(view, graph));
    let mut lack = left_out_rows(left_out);
    if !matrix && edges::tangle(graph) > 1.0 {
        let edges = quantity::grouped(graph.edges.len() as u64);
        lack.push((
            Sample::None,
            format!("{edges} edges in a tangle: a matrix (-E matrix) tells them apart"),
        ));
    }
    add("For lack of room", lack);
    blocks.retain(|block| !block.rows.is_empty());
    blocks
}

/// Up to three round numbers from the largest that is not above `most` down to `fewest`, each as many times
/// smaller than the one before.
fn round_steps(fewest: u64, most: u64) -> Vec<u64> {
    let most = most.max(1);
    let power = 10_u64.pow(most.ilog10());
    let first =
        [5, 2, 1].into_iter().filter_map(|n: u64| n.checked_mul(power)).find(|n| *n <= most).unwrap_or(1);
    let factor = if most / fewest.max(1) >= 10_000 { 100 } else { 10 };
    std::iter::successors(Some(first), |n| Some(n / factor))
        .take_while(|n| *n >= fewest.max(1))
        .take(3)
        .collect()
}

/// The gravest findings about what is drawn, in a sentence each, and how many others there are.
fn findings(view: &View<'_>, flags: &Flags, theme: Theme) -> Vec<(Sample, String)> {
    const MOST: usize = 6;
    let shown = view.findings.iter().zip(&flags.is_shown).filter(|(_, is_shown)| **is_shown);
    let mut all: Vec<_> = shown.map(|(finding, _)| finding).collect();
    all.sort_by(|a, b| b.severity.cmp(&a.severity).then(b.score.total_cmp(&a.score)));
    let row = |finding: &&pcapviz_graph::Finding| {
        // As along an edge, with the sign that stands in the nodes.
        let halo = Halo::new(finding.severity, theme);
        let sample = Sample::Stroke {
            width: 6.0,
            color: halo.color,
            opacity: Halo::OPACITY,
            dash: halo.dash.to_vec(),
        };
        let sign = finding_sign(finding.severity);
        (sample, format!("{sign}  {}, {}: {}", finding.severity, finding.kind, finding.sentence))
    };
    let mut rows: Vec<_> = all.iter().take(MOST).map(row).collect();
    if all.len() > MOST {
        rows.push((Sample::None, format!("and {} more, marked as well", all.len() - MOST)));
    }
    let elsewhere = (view.findings.len() - all.len()) as u64;
    if elsewhere > 0 {
        let findings = quantity::counted(elsewhere, "finding", "findings");
        let text = match view.selection {
            Some(_) => format!("{findings} outside of this selection"),
            None => format!("{findings} about what this layer does not show"),
        };
        rows.push((Sample::None, text));
    }
    let missing = view.sampled.iter().map(|it| format!("more than is kept, findings may be missing: {it}"));
    rows.extend(missing.map(|text| (Sample::None, text)));
    rows
}

fn sources(view: &View<'_>, drafts: &[Draft<'_>]) -> Vec<(Sample, String)> {
    let names: BTreeSet<_> = drafts.iter().filter_map(|d| d.name).map(|name| name.source).collect();
    let places: BTreeSet<&str> = view
        .graph
        .nodes()
        .iter()
        .filter_map(|node| view.annotations.get(node.id)?.place.as_ref())
        .flat_map(|place| place.sources.iter().map(|s| &**s))
        .collect();
    let nodes = view.graph.nodes().iter();
    let vendors: BTreeSet<&str> =
        nodes.filter_map(|node| view.annotations.get(node.id)?.vendor_source.as_deref()).collect();
    names
        .into_iter()
        .map(|source| source.to_string())
        .chain(places.into_iter().chain(vendors).map(str::to_owned))
        .map(|text| (Sample::None, text))
        .collect()
}

/// How many nodes of which kind stand for how many.
fn folds(view: &View<'_>, graph: &Folded) -> Vec<(Sample, String)> {
    let mut sums: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (_, nodes) = caption::nouns(view.graph.layer());
    for group in graph.nodes.iter().filter(|group| group.is_folded()) {
        let reason = match group.kind {
            Kind::ClientPorts => "client ports, by host",
            Kind::HostPorts => "ports, by host",
            Kind::Single | Kind::SameNeighbours => "with the same neighbours",
            Kind::Network(..) => "by network",
            Kind::Vendor(_) => "by vendor prefix",
            Kind::Owner(_) => "by network owner",
            Kind::Country(_) => "by country",
            Kind::Role(Role::Outside) => "outside, as the Internet",
            Kind::Role(_) => "by where they belong",
        };
        let sum = sums.entry(reason).or_default();
        sum.0 += group.members.len();
        sum.1 += 1;
    }
    sums.into_iter()
        .map(|(reason, (members, groups))| {
            let what = if reason.contains("port") { reason.to_owned() } else { format!("{nodes} {reason}") };
            let text = format!(
                "{} {what}: drawn as {}",
                quantity::grouped(members as u64),
                quantity::counted(groups as u64, "node", "nodes")
            );
            (Sample::None, text)
        })
        .collect()
}

/// What a reader would miss: short labels speak for themselves.
fn left_out_rows(out: LeftOut) -> Vec<(Sample, String)> {
    [
        (out.node_labels, "node has no label", "nodes have no label"),
        (out.edge_labels, "edge has no label", "edges have no label"),
    ]
    .into_iter()
    .filter(|(n, ..)| *n > 0)
    .map(|(n, one, many)| (Sample::None, quantity::counted(n as u64, one, many)))
    .collect()
}

/// Sets the blocks side by side, in as many rows as the width needs; returns the lower end.
fn set(blocks: &[Block], legend: &mut Legend, theme: Theme, ruler: &Ruler, origin: Point, width: f64) -> f64 {
    let mut at = origin;
    let mut bottom = origin.y;
    for block in blocks {
        let indent = block.rows.iter().map(|(sample, _)| sample.size().x).fold(0.0, f64::max);
        let indent = if indent > 0.0 { indent + SAMPLE_GAP } else { 0.0 };
        let room = (width - indent).min(WIDEST_LINE);
        let texts: Vec<Vec<String>> =
            block.rows.iter().map(|(_, text)| ruler.wrap(text, LEGEND_LINE, room)).collect();
        let block_width = texts
            .iter()
            .flatten()
            .map(|text| indent + ruler.width(text, LEGEND_LINE))
            .chain([ruler.width(&block.heading, LEGEND_HEADING)])
            .fold(0.0, f64::max);
        if at.x > origin.x && at.x + block_width > origin.x + width {
            at = point(origin.x, bottom + 10.0);
        }
        let mut put = |content: String, x: f64, baseline: f64, style: Style, color: Color| {
            let width = ruler.width(&content, style);
            legend.texts.push(Text {
                origin: point(x, baseline),
                width,
                content,
                style,
                color,
                turned: false,
            });
        };
        put(block.heading.to_owned(), at.x, at.y + LEGEND_HEADING.ascent(), LEGEND_HEADING, theme.ink());
        let mut y = at.y + LEGEND_HEADING.line_height() + 2.0;
        for ((sample, _), text) in block.rows.iter().zip(texts) {
            let height = (sample.size().y + 2.0).max(LEGEND_LINE.line_height() + 1.0);
            // A sample stands beside the first line.
            let middle = y + height / 2.0;
            let centre = point(at.x + (indent - SAMPLE_GAP) / 2.0, middle);
            match sample {
                Sample::Shape(outline, fill, line) => {
                    legend.shapes.push((outline.clone().moved(centre), *fill, *line));
                }
                Sample::Stroke { width, color, opacity, dash } => legend.strokes.push(Stroke {
                    from: point(at.x, middle),
                    to: point(at.x + STROKE_LENGTH, middle),
                    width: *width,
                    color: *color,
                    opacity: *opacity,
                    dash: dash.clone(),
                }),
                Sample::None => {}
            }
            let lines = text.len();
            for (line, text) in text.into_iter().enumerate() {
                let baseline = middle + LEGEND_LINE.size * 0.36 + LEGEND_LINE.line_height() * line as f64;
                put(text, at.x + indent, baseline, LEGEND_LINE, theme.ink_soft());
            }
            y += height + LEGEND_LINE.line_height() * lines.saturating_sub(1) as f64;
        }
        bottom = bottom.max(y);
        at.x += block_width + COLUMN_GAP;
    }
    bottom
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_fall() {
        assert_eq!(round_steps(60, 6_843), [5_000, 500]);
        assert_eq!(round_steps(60, 30_000_000), [20_000_000, 200_000, 2_000]);
        assert_eq!(round_steps(70, 70), Vec::<u64>::new());
        assert_eq!(round_steps(0, 0), [1]);
        assert_eq!(round_steps(u64::MAX, u64::MAX), Vec::<u64>::new());
    }
}

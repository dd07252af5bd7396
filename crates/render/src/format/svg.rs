//! SVG 1.1: real text, tooltips, and classes for a style sheet of one's own.

use std::fmt::Write as _;
use std::io::Write;

use crate::escape::xml;
use crate::layout::Point;
use crate::scene::{EdgeMark, Halo, Label, Matrix, NodeMark, Outline, Rect, Scene, Stroke, Text};
use crate::text::FALLBACKS;
use crate::theme::{Color, Theme};
use crate::{RenderError, RenderOptions, View};

pub(super) fn write(
    view: &View<'_>,
    options: &RenderOptions<'_>,
    out: &mut dyn Write,
) -> Result<(), RenderError> {
    Ok(out.write_all(document(&Scene::of(view, options)?).as_bytes())?)
}

/// The scene as one SVG document.
pub(super) fn document(scene: &Scene) -> String {
    let mut svg = Svg { out: String::new(), theme: scene.theme };
    let paper = scene.theme.paper();
    let (width, height) = (Number(scene.size.x), Number(scene.size.y));
    svg.line(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}pt\" height=\"{height}pt\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"{FALLBACKS}\" role=\"img\">"
    ));
    svg.line(format_args!("<title>{}</title>", xml(&scene.name)));
    svg.line(format_args!("<rect class=\"paper\" width=\"{width}\" height=\"{height}\" fill=\"{paper}\"/>"));
    svg.group("title", |svg| scene.title.iter().for_each(|text| svg.text(text)));
    svg.group("rules", |svg| {
        for (from, to) in &scene.rules {
            svg.line(format_args!(
                "<path d=\"M{}L{}\" stroke=\"{}\" stroke-width=\"0.75\"/>",
                Pair(*from),
                Pair(*to),
                scene.theme.rule()
            ));
        }
    });
    svg.group("hulls", |svg| {
        let theme = scene.theme;
        for hull in &scene.hulls {
            let Rect { left, top, .. } = hull.rect;
            svg.line(format_args!(
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"{}\" stroke=\"{}\"/>",
                Number(left),
                Number(top),
                Number(hull.rect.width()),
                Number(hull.rect.height()),
                theme.frame(),
                theme.rule(),
            ));
        }
    });
    scene.matrix.iter().for_each(|matrix| svg.matrix(matrix));
    svg.group("edges", |svg| {
        scene.drawing_order().into_iter().for_each(|i| svg.edge(i, &scene.edges[i]));
    });
    svg.group("nodes", |svg| {
        scene.nodes.iter().enumerate().for_each(|(i, node)| svg.node(i, node));
    });
    let head = format!(
        "hull-labels\" stroke=\"{}\" stroke-width=\"3\" stroke-linejoin=\"round\" paint-order=\"stroke",
        scene.theme.frame()
    );
    svg.group(&head, |svg| scene.hulls.iter().for_each(|hull| svg.text(&hull.label)));
    // Labels come last: a line that passes under one must not be drawn over it.
    svg.labels(scene, "edge-labels", "e", 3, scene.edges.iter().map(|edge| edge.label.as_ref()));
    // A label inside its shape needs no rim: no line passes there.
    let inside =
        |node: &NodeMark| node.label.as_ref().is_some_and(|l| node.outline.bounds().contains(&l.bounds));
    let labels = |within: bool| {
        scene.nodes.iter().map(move |node| node.label.as_ref().filter(|_| inside(node) == within))
    };
    svg.labels(scene, "node-labels", "n", 4, labels(false));
    svg.labels(scene, "inner-labels", "n", 0, labels(true));
    svg.group("notice", |svg| scene.notice.iter().for_each(|text| svg.text(text)));
    svg.group("legend", |svg| {
        for (outline, fill, line) in &scene.legend.shapes {
            svg.outline(outline, *fill, *line);
        }
        scene.legend.strokes.iter().for_each(|stroke| svg.stroke(stroke));
        scene.legend.texts.iter().for_each(|text| svg.text(text));
    });
    svg.line(format_args!("</svg>"));
    svg.out
}

/// A length with at most two decimals: a hundredth of a point is below what any device shows.
struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hundredths = (self.0 * 100.0).round();
        // No "-0".
        let value = if hundredths == 0.0 { 0.0 } else { hundredths / 100.0 };
        write!(f, "{value}")
    }
}

struct Pair(Point);

impl std::fmt::Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", Number(self.0.x), Number(self.0.y))
    }
}

struct Svg {
    out: String,
    theme: Theme,
}

/// A spline as a path's data.
fn path(spline: &[Point]) -> String {
    let mut way = String::new();
    for (i, p) in spline.iter().enumerate() {
        let command = match i {
            0 => "M",
            1 => "C",
            _ => " ",
        };
        let _ = write!(way, "{command}{}", Pair(*p));
    }
    way
}

/// The attributes of a line that is not solid or not opaque.
fn line_style(dash: &[f64], opacity: f64) -> String {
    let mut style = String::new();
    if !dash.is_empty() {
        let lengths: Vec<String> = dash.iter().map(|&length| Number(length).to_string()).collect();
        let _ = write!(style, " stroke-dasharray=\"{}\"", lengths.join(" "));
    }
    if opacity < 0.995 {
        let _ = write!(style, " stroke-opacity=\"{}\"", Number(opacity));
    }
    style
}

impl Svg {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.out.write_fmt(line);
        self.out.push('\n');
    }

    /// A group, unless nothing is in it.
    fn group(&mut self, class: &str, content: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        self.line(format_args!("<g class=\"{class}\">"));
        let filled = self.out.len();
        content(self);
        if self.out.len() == filled {
            self.out.truncate(start);
        } else {
            self.line(format_args!("</g>"));
        }
    }

    fn text(&mut self, text: &Text) {
        if text.content.is_empty() {
            return;
        }
        let turn = if text.turned {
            format!(" transform=\"rotate(-90 {})\"", Pair(text.origin))
        } else {
            String::new()
        };
        // The length holds another font to the width that was measured.
        self.line(format_args!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\"{} fill=\"{}\" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\"{turn}>{}</text>",
            Number(text.origin.x),
            Number(text.origin.y),
            Number(text.style.size),
            if text.style.bold { " font-weight=\"bold\"" } else { "" },
            text.color,
            Number(text.width),
            xml(&text.content),
        ));
    }

    fn matrix(&mut self, matrix: &Matrix) {
        self.group("matrix", |svg| {
            for (i, cell) in matrix.cells.iter().enumerate() {
                svg.line(format_args!(
                    "<g id=\"c{i}\" class=\"cell\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\">",
                    Number(cell.rect.left),
                    Number(cell.rect.top),
                    Number(cell.rect.width()),
                    Number(cell.rect.height()),
                    cell.color
                ));
                svg.tooltip(&cell.tooltip);
                svg.line(format_args!("</rect>"));
                if let Some(halo) = &cell.halo {
                    let paint = format!(
                        "class=\"halo {}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"{}",
                        halo.severity,
                        halo.color,
                        Number(Halo::IN_CELL),
                        line_style(halo.dash, 1.0)
                    );
                    svg.painted(&halo.in_cell(&cell.rect), &paint);
                }
                svg.line(format_args!("</g>"));
            }
            matrix.rules.iter().for_each(|rule| svg.stroke(rule));
            matrix.labels.iter().for_each(|label| svg.text(label));
        });
    }

    fn tooltip(&mut self, tooltip: &str) {
        let lines: Vec<_> = tooltip.lines().map(xml).collect();
        self.line(format_args!("<title>{}</title>", lines.join("\n")));
    }

    fn stroke(&mut self, stroke: &Stroke) {
        self.line(format_args!(
            "<path d=\"M{}L{}\" stroke=\"{}\" stroke-width=\"{}\"{}/>",
            Pair(stroke.from),
            Pair(stroke.to),
            stroke.color,
            Number(stroke.width),
            line_style(&stroke.dash, stroke.opacity)
        ));
    }

    fn edge(&mut self, i: usize, edge: &EdgeMark) {
        let EdgeMark { class, color, width, .. } = edge;
        self.line(format_args!("<g id=\"e{i}\" class=\"edge {class}\">"));
        self.tooltip(&edge.tooltip);
        let way = path(&edge.spline);
        if let Some(halo) = &edge.halo {
            self.line(format_args!(
                "<path class=\"halo {}\" d=\"{way}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"{}/>",
                halo.severity,
                halo.color,
                Number(width + 6.0),
                line_style(halo.dash, Halo::OPACITY)
            ));
        }
        self.line(format_args!(
            "<path d=\"{way}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{}\"{}/>",
            Number(*width),
            line_style(&edge.dash, edge.opacity)
        ));
        for strand in &edge.strands {
            self.line(format_args!(
                "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"{}/>",
                path(&strand.spline),
                strand.color,
                Number(strand.width),
                line_style(&[], edge.opacity)
            ));
        }
        let [a, b, c] = edge.arrow.map(Pair);
        // Opaque enough to be seen where lines end together.
        let opacity = match edge.opacity.sqrt() {
            full if full >= 0.995 => String::new(),
            part => format!(" fill-opacity=\"{}\"", Number(part)),
        };
        self.line(format_args!("<path d=\"M{a}L{b}L{c}Z\" fill=\"{color}\"{opacity}/>"));
        self.line(format_args!("</g>"));
    }

    fn node(&mut self, i: usize, node: &NodeMark) {
        self.line(format_args!("<g id=\"n{i}\" class=\"node {}\">", node.class));
        self.tooltip(&node.tooltip);
        if let Some(halo) = &node.halo {
            let paint = format!(
                "class=\"halo {}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2.5\"{}",
                halo.severity,
                halo.color,
                line_style(halo.dash, 1.0)
            );
            self.painted(&node.outline.grown(3.0), &paint);
        }
        self.outline(&node.outline, node.fill, node.line);
        node.badge.iter().for_each(|badge| self.text(badge));
        self.line(format_args!("</g>"));
    }

    fn outline(&mut self, outline: &Outline, fill: Color, line: Color) {
        self.painted(outline, &format!("fill=\"{fill}\" stroke=\"{line}\""));
    }

    fn painted(&mut self, outline: &Outline, paint: &str) {
        match outline {
            Outline::Ellipse { centre, radii } if radii.x == radii.y => self.line(format_args!(
                "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" {paint}/>",
                Number(centre.x),
                Number(centre.y),
                Number(radii.x)
            )),
            Outline::Ellipse { centre, radii } => self.line(format_args!(
                "<ellipse cx=\"{}\" cy=\"{}\" rx=\"{}\" ry=\"{}\" {paint}/>",
                Number(centre.x),
                Number(centre.y),
                Number(radii.x),
                Number(radii.y)
            )),
            Outline::Rectangle { rect, corner } => self.line(format_args!(
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\" {paint}/>",
                Number(rect.left),
                Number(rect.top),
                Number(rect.width()),
                Number(rect.height()),
                Number(*corner)
            )),
            Outline::Polygon(corners) => {
                let points: Vec<String> = corners.iter().map(|&c| Pair(c).to_string()).collect();
                self.line(format_args!(
                    "<polygon points=\"{}\" {paint} stroke-linejoin=\"round\"/>",
                    points.join(" ")
                ));
            }
            Outline::Bare(rect) => self.plate(rect, self.theme.paper()),
        }
    }

    /// Paper behind text, so that lines that pass there are faint.
    fn plate(&mut self, rect: &Rect, ground: Color) {
        self.line(format_args!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" stroke=\"none\" fill=\"{}\" fill-opacity=\"0.85\"/>",
            Number(rect.left),
            Number(rect.top),
            Number(rect.width()),
            Number(rect.height()),
            ground
        ));
    }

    /// Labels with a rim of paper (unless it is 0 wide), so that lines that pass under them do not cross out the text.
    fn labels<'a>(
        &mut self,
        scene: &Scene,
        class: &str,
        id: &str,
        rim: u8,
        labels: impl Iterator<Item = Option<&'a Label>>,
    ) {
        let halo = match rim {
            0 => class.to_owned(),
            _ => format!(
                "{class}\" stroke=\"{}\" stroke-width=\"{rim}\" stroke-linejoin=\"round\" paint-order=\"stroke",
                self.theme.paper()
            ),
        };
        self.group(&halo, |svg| {
            for (i, label) in labels.enumerate() {
                let Some(label) = label else { continue };
                let ground = scene.ground(&label.bounds);
                let own = if rim == 0 || ground == svg.theme.paper() {
                    String::new()
                } else {
                    format!(" stroke=\"{ground}\"")
                };
                svg.line(format_args!("<g id=\"{id}{i}-label\"{own}>"));
                if label.crossed {
                    svg.plate(&label.bounds, ground);
                }
                label.lines.iter().for_each(|text| svg.text(text));
                svg.line(format_args!("</g>"));
            }
        });
    }
}

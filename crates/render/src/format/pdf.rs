//! PDF: one page as large as the picture, with text that can be selected and searched.
//!
//! Drawn from the scene, in the embedded font, of which the letters that occur go into the file.

use std::io::Write;

use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{Path, PathBuilder, Point as At, Transform};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, LineJoin, Stroke as Pen, StrokeDash};
use krilla::surface::Surface;
use krilla::text::{Font, TextDirection};

use crate::layout::Point;
use crate::scene::{EdgeMark, Halo, Label, NodeMark, Outline, Rect, Scene, Text, point};
use crate::theme::Color;
use crate::{RenderError, RenderOptions, View, text};

/// The longest side of a page (ISO 32000-1, annex C), in points.
const LONGEST: f64 = 14_400.0;
/// A quarter of a circle of radius 1 as a cubic curve: how far its control points are from its ends.
const QUARTER: f64 = 0.552_284_75;

pub(super) fn write(
    view: &View<'_>,
    options: &RenderOptions<'_>,
    out: &mut dyn Write,
) -> Result<(), RenderError> {
    let scene = Scene::of(view, options)?;
    Ok(out.write_all(&document(&scene)?)?)
}

fn document(scene: &Scene) -> Result<Vec<u8>, RenderError> {
    let failed = |reason: &str| RenderError::Page { reason: reason.to_owned() };
    let scale = (LONGEST / scene.size.x.max(scene.size.y)).min(1.0);
    let settings = PageSettings::from_wh((scene.size.x * scale) as f32, (scene.size.y * scale) as f32)
        .ok_or_else(|| failed("the page has no size"))?;
    let fonts = text::files().map(|file| Font::new(file.into(), 0));
    let [Some(regular), Some(bold)] = fonts else { return Err(failed("its font cannot be read")) };
    let mut document = Document::new();
    document.set_metadata(Metadata::new().title(scene.name.clone()).creator("pcapviz".to_owned()));
    let mut page = document.start_page_with(settings);
    let mut surface = page.surface();
    surface.push_transform(&Transform::from_scale(scale as f32, scale as f32));
    Canvas { surface: &mut surface, fonts: [regular, bold], paper: scene.theme.paper() }.scene(scene);
    surface.pop();
    surface.finish();
    page.finish();
    document.finish().map_err(|error| failed(&format!("{error:?}")))
}

struct Canvas<'a, 'b> {
    surface: &'a mut Surface<'b>,
    /// Regular and bold.
    fonts: [Font; 2],
    paper: Color,
}

/// How a line is drawn.
#[derive(Clone, Copy)]
struct Line<'a> {
    width: f64,
    color: Color,
    opacity: f64,
    dash: &'a [f64],
}

impl<'a> Line<'a> {
    fn solid(width: f64, color: Color) -> Self {
        Self { width, color, opacity: 1.0, dash: &[] }
    }
}

impl Canvas<'_, '_> {
    /// The same parts, in the same order, as in the SVG.
    fn scene(&mut self, scene: &Scene) {
        let page = Rect { left: 0.0, top: 0.0, right: scene.size.x, bottom: scene.size.y };
        self.fill(rectangle(&page, 0.0), scene.theme.paper(), 1.0);
        scene.title.iter().for_each(|text| self.text(text));
        for (from, to) in &scene.rules {
            self.line(polyline(&[*from, *to], false), Line::solid(0.75, scene.theme.rule()));
        }
        for hull in &scene.hulls {
            self.fill(rectangle(&hull.rect, 8.0), scene.theme.frame(), 1.0);
            self.line(rectangle(&hull.rect, 8.0), Line::solid(1.0, scene.theme.rule()));
        }
        if let Some(matrix) = &scene.matrix {
            matrix.cells.iter().for_each(|cell| self.fill(rectangle(&cell.rect, 0.0), cell.color, 1.0));
            for rule in &matrix.rules {
                self.line(polyline(&[rule.from, rule.to], false), Line::solid(rule.width, rule.color));
            }
            for (cell, halo) in matrix.cells.iter().filter_map(|cell| Some((cell, cell.halo.as_ref()?))) {
                let line = Line { width: Halo::IN_CELL, color: halo.color, opacity: 1.0, dash: halo.dash };
                self.line(outline(&halo.in_cell(&cell.rect)), line);
            }
            matrix.labels.iter().for_each(|label| self.text(label));
        }
        scene.drawing_order().into_iter().for_each(|i| self.edge(&scene.edges[i]));
        scene.nodes.iter().for_each(|node| self.node(node));
        scene.hulls.iter().for_each(|hull| self.text(&hull.label));
        let edges = scene.edges.iter().filter_map(|edge| edge.label.as_ref());
        let nodes = scene.nodes.iter().filter_map(|node| node.label.as_ref());
        edges.chain(nodes).for_each(|label| self.label(label, scene.ground(&label.bounds)));
        scene.notice.iter().for_each(|text| self.text(text));
        for (outline, fill, line) in &scene.legend.shapes {
            self.shape(outline, *fill, *line);
        }
        for stroke in &scene.legend.strokes {
            let (color, dash) = (stroke.color, &*stroke.dash);
            let line = Line { width: stroke.width, color, opacity: stroke.opacity, dash };
            self.line(polyline(&[stroke.from, stroke.to], false), line);
        }
        scene.legend.texts.iter().for_each(|text| self.text(text));
    }

    fn edge(&mut self, edge: &EdgeMark) {
        if let Some(halo) = &edge.halo {
            let line =
                Line { width: edge.width + 6.0, color: halo.color, opacity: Halo::OPACITY, dash: halo.dash };
            self.line(spline(&edge.spline), line);
        }
        let line = Line { width: edge.width, color: edge.color, opacity: edge.opacity, dash: &edge.dash };
        self.line(spline(&edge.spline), line);
        for strand in &edge.strands {
            let line = Line { opacity: edge.opacity, ..Line::solid(strand.width, strand.color) };
            self.line(spline(&strand.spline), line);
        }
        self.fill(polyline(&edge.arrow, true), edge.color, edge.opacity.sqrt());
    }

    fn node(&mut self, node: &NodeMark) {
        if let Some(halo) = &node.halo {
            let line = Line { width: 2.5, color: halo.color, opacity: 1.0, dash: halo.dash };
            self.line(outline(&node.outline.grown(3.0)), line);
        }
        self.shape(&node.outline, node.fill, node.line);
        node.badge.iter().for_each(|badge| self.text(badge));
    }

    fn shape(&mut self, shape: &Outline, fill: Color, line: Color) {
        if let Outline::Bare(rect) = shape {
            let paper = self.paper;
            return self.fill(rectangle(rect, 0.0), paper, 0.85);
        }
        self.fill(outline(shape), fill, 1.0);
        self.line(outline(shape), Line::solid(1.0, line));
    }

    fn label(&mut self, label: &Label, ground: Color) {
        if label.crossed {
            self.fill(rectangle(&label.bounds, 0.0), ground, 0.85);
        }
        label.lines.iter().for_each(|text| self.text(text));
    }

    fn text(&mut self, text: &Text) {
        if text.content.is_empty() {
            return;
        }
        let at = At::from_xy(text.origin.x as f32, text.origin.y as f32);
        if text.turned {
            let turn = Transform::from_rotate_at(-90.0, at.x, at.y);
            self.surface.push_transform(&turn);
        }
        self.surface.set_stroke(None);
        self.surface.set_fill(Some(paint(text.color, 1.0)));
        let font = self.fonts[usize::from(text.style.bold)].clone();
        let size = text.style.size as f32;
        self.surface.draw_text(at, font, size, &text.content, false, TextDirection::Auto);
        if text.turned {
            self.surface.pop();
        }
    }

    fn fill(&mut self, path: Option<Path>, color: Color, opacity: f64) {
        let Some(path) = path else { return };
        self.surface.set_stroke(None);
        self.surface.set_fill(Some(paint(color, opacity)));
        self.surface.draw_path(&path);
    }

    fn line(&mut self, path: Option<Path>, line: Line<'_>) {
        let Some(path) = path else { return };
        self.surface.set_fill(None);
        self.surface.set_stroke(Some(pen(line)));
        self.surface.draw_path(&path);
    }
}

fn opaque(opacity: f64) -> NormalizedF32 {
    NormalizedF32::new(opacity.clamp(0.0, 1.0) as f32).unwrap_or(NormalizedF32::ONE)
}

fn paint(color: Color, opacity: f64) -> Fill {
    Fill {
        paint: rgb::Color::new(color.0, color.1, color.2).into(),
        opacity: opaque(opacity),
        ..Fill::default()
    }
}

fn pen(line: Line<'_>) -> Pen {
    let Color(red, green, blue) = line.color;
    let array: Vec<f32> = line.dash.iter().map(|&length| length as f32).collect();
    Pen {
        paint: rgb::Color::new(red, green, blue).into(),
        width: line.width as f32,
        line_join: LineJoin::Round,
        opacity: opaque(line.opacity),
        dash: (!array.is_empty()).then_some(StrokeDash { array, offset: 0.0 }),
        ..Pen::default()
    }
}

fn polyline(points: &[Point], closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (i, p) in points.iter().enumerate() {
        let (x, y) = (p.x as f32, p.y as f32);
        if i == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
    }
    if closed {
        path.close();
    }
    path.finish()
}

/// A first point, then three for each piece.
fn spline(points: &[Point]) -> Option<Path> {
    let (first, rest) = points.split_first()?;
    let mut path = PathBuilder::new();
    path.move_to(first.x as f32, first.y as f32);
    for piece in rest.chunks_exact(3) {
        curve(&mut path, [piece[0], piece[1], piece[2]]);
    }
    path.finish()
}

fn curve(path: &mut PathBuilder, [a, b, c]: [Point; 3]) {
    path.cubic_to(a.x as f32, a.y as f32, b.x as f32, b.y as f32, c.x as f32, c.y as f32);
}

/// A rectangle with round corners.
fn rectangle(rect: &Rect, corner: f64) -> Option<Path> {
    let Rect { left, top, right, bottom } = *rect;
    let (r, k) = (corner, corner * (1.0 - QUARTER));
    let mut path = PathBuilder::new();
    path.move_to((left + r) as f32, top as f32);
    for (line_to, around) in [
        (point(right - r, top), [point(right - k, top), point(right, top + k), point(right, top + r)]),
        (
            point(right, bottom - r),
            [point(right, bottom - k), point(right - k, bottom), point(right - r, bottom)],
        ),
        (
            point(left + r, bottom),
            [point(left + k, bottom), point(left, bottom - k), point(left, bottom - r)],
        ),
        (point(left, top + r), [point(left, top + k), point(left + k, top), point(left + r, top)]),
    ] {
        path.line_to(line_to.x as f32, line_to.y as f32);
        if corner > 0.0 {
            curve(&mut path, around);
        }
    }
    path.close();
    path.finish()
}

fn outline(shape: &Outline) -> Option<Path> {
    match shape {
        Outline::Rectangle { rect, corner } => rectangle(rect, *corner),
        Outline::Bare(rect) => rectangle(rect, 0.0),
        Outline::Polygon(corners) => polyline(corners, true),
        Outline::Ellipse { centre, radii } => {
            let at = |x: f64, y: f64| *centre + point(x * radii.x, y * radii.y);
            let mut path = PathBuilder::new();
            let start = at(1.0, 0.0);
            path.move_to(start.x as f32, start.y as f32);
            for (x, y) in [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)] {
                // From (x, y) to the point a quarter of a turn on, (-y, x).
                let (a, b) = (at(x - y * QUARTER, y + x * QUARTER), at(x * QUARTER - y, y * QUARTER + x));
                curve(&mut path, [a, b, at(-y, x)]);
            }
            path.close();
            path.finish()
        }
    }
}

//! PNG: the SVG, drawn with the embedded font alone.

use std::io::Write;
use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use super::svg;
use crate::scene::Scene;
use crate::{RenderError, RenderOptions, View, text};

/// The most pixels of a picture: 160 MB while it is drawn, and about what image viewers open.
const MOST_PIXELS: f32 = 40e6;

/// Pixels per point, if no one asks for another.
const DEFAULT_SCALE: f32 = 2.0;

pub(super) fn write(
    view: &View<'_>,
    options: &RenderOptions<'_>,
    out: &mut dyn Write,
) -> Result<(), RenderError> {
    let scene = Scene::of(view, options)?;
    let (width, height) = (scene.size.x as f32, scene.size.y as f32);
    let asked = options.width.map(|pixels| pixels as f32 / width).or(options.scale);
    let most = (MOST_PIXELS / (width * height)).sqrt();
    let scale = asked.unwrap_or_else(|| DEFAULT_SCALE.min(most));
    let (columns, rows) = ((width * scale).ceil().max(1.0) as u32, (height * scale).ceil().max(1.0) as u32);
    let failed = |reason: String| RenderError::Pixels { width: columns, height: rows, reason };

    if scale > most {
        // Rounded down, so that what is advised works.
        let (scale, width) = ((most * 100.0).floor() / 100.0, (most * width).floor());
        return Err(failed(format!(
            "that is more than {:.0} million; a scale of {scale}, or a width of {width}, is the most for this picture",
            MOST_PIXELS / 1e6
        )));
    }
    let tree = Tree::from_str(&svg::document(&scene), &usvg_options()).map_err(|e| failed(e.to_string()))?;
    let mut pixels = Pixmap::new(columns, rows).ok_or_else(|| failed("too large".to_owned()))?;
    // The tree's size is in pixels of 1/96 inch, ours in points.
    let fit = Transform::from_scale(columns as f32 / tree.size().width(), rows as f32 / tree.size().height());
    resvg::render(&tree, fit, &mut pixels.as_mut());
    Ok(out.write_all(&pixels.encode_png().map_err(|e| failed(e.to_string()))?)?)
}

/// No fonts but ours, and no files: what a picture looks like does not depend on the machine.
fn usvg_options() -> Options<'static> {
    let mut fonts = fontdb::Database::new();
    for file in text::files() {
        fonts.load_font_source(fontdb::Source::Binary(file));
    }
    Options { font_family: text::FAMILY.to_owned(), fontdb: Arc::new(fonts), ..Options::default() }
}

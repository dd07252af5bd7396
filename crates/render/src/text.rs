//! Measuring and shortening text, in the font that comes with the program.

use std::sync::Arc;

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

use crate::escape;

/// The font's name.
pub(crate) const FAMILY: &str = "Noto Sans";
/// What a viewer without it may take instead; `textLength` keeps the widths.
pub(crate) const FALLBACKS: &str = "Noto Sans, Segoe UI, Helvetica Neue, Helvetica, Arial, sans-serif";

static REGULAR: &[u8] = include_bytes!("../font/NotoSans-Regular.ttf");
static BOLD: &[u8] = include_bytes!("../font/NotoSans-Bold.ttf");

/// The font files, for a drawing library that has no others.
pub(crate) fn files() -> [Arc<dyn AsRef<[u8]> + Send + Sync>; 2] {
    [Arc::new(REGULAR), Arc::new(BOLD)]
}

/// How a run of text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// The font's size, in points.
    pub size: f64,
    /// Bold or regular.
    pub bold: bool,
}

impl Style {
    /// Regular text.
    pub(crate) const fn regular(size: f64) -> Self {
        Self { size, bold: false }
    }

    /// Bold text.
    pub(crate) const fn bold(size: f64) -> Self {
        Self { size, bold: true }
    }

    /// From one line to the next, in points.
    pub(crate) fn line_height(self) -> f64 {
        self.size * 1.3
    }

    /// From a line's top to its baseline, in points.
    pub(crate) fn ascent(self) -> f64 {
        self.size * 1.02
    }
}

/// Measures text in the embedded font.
pub(crate) struct Ruler {
    faces: [Option<FontRef<'static>>; 2],
}

/// How wide a character is where the font cannot say: never with the font that comes with the program.
const GUESS: f64 = 0.6;

impl Ruler {
    pub(crate) fn new() -> Self {
        Self { faces: [REGULAR, BOLD].map(|data| FontRef::new(data).ok()) }
    }

    /// The text's width in points: the sum of its characters' advances, which kerning only shortens.
    pub(crate) fn width(&self, text: &str, style: Style) -> f64 {
        let Some(face) = &self.faces[usize::from(style.bold)] else {
            return text.chars().count() as f64 * GUESS * style.size;
        };
        let (map, metrics) = (face.charmap(), face.glyph_metrics(Size::unscaled(), LocationRef::default()));
        let em = f64::from(face.metrics(Size::unscaled(), LocationRef::default()).units_per_em);
        text.chars()
            .map(|c| {
                // A character that the font lacks is drawn as its box, glyph 0.
                let glyph = map.map(c).unwrap_or_default();
                metrics.advance_width(glyph).map_or(GUESS, |w| f64::from(w) / em) * style.size
            })
            .sum()
    }

    /// Whether the font has every letter of a text, once made [visible](escape::visible).
    pub(crate) fn has_all(&self, text: &str) -> bool {
        self.faces.iter().flatten().all(|face| {
            let map = face.charmap();
            escape::visible(text).chars().all(|c| map.map(c).is_some())
        })
    }

    /// The text in lines of at most a width, broken at spaces; a word that is too long is shortened, and the last line ends where
    /// there are too many.
    pub(crate) fn wrap(&self, text: &str, style: Style, max_width: f64) -> Vec<String> {
        const MOST: usize = 6;
        let space = self.width(" ", style);
        let mut lines: Vec<String> = Vec::new();
        let mut used = 0.0;
        for word in text.split(' ') {
            let wide = self.width(&escape::visible(word), style);
            match lines.last_mut() {
                Some(last) if used + space + wide <= max_width => {
                    last.push(' ');
                    last.push_str(word);
                    used += space + wide;
                }
                _ => {
                    lines.push(word.to_owned());
                    used = wide;
                }
            }
        }
        let rest = lines.split_off(lines.len().min(MOST - 1));
        if !rest.is_empty() {
            lines.push(rest.join(" "));
        }
        lines.iter().map(|line| self.fit(line, style, max_width)).collect()
    }

    /// The text, made [visible](escape::visible), and shortened in its middle to a width: both ends of a
    /// name tell more than its middle.
    pub(crate) fn fit(&self, text: &str, style: Style, max_width: f64) -> String {
        // Nothing longer can fit: no need to measure a name of a megabyte.
        const MOST: usize = 512;
        let text: String = if text.chars().nth(MOST).is_some() {
            let head: String = text.chars().take(MOST / 2).collect();
            let tail: Vec<char> = text.chars().rev().take(MOST / 2).collect();
            head + &tail.into_iter().rev().collect::<String>()
        } else {
            text.to_owned()
        };
        let text = escape::visible(&text).into_owned();
        if self.width(&text, style) <= max_width {
            return text;
        }
        let chars: Vec<char> = text.chars().collect();
        let shortened = |keep: usize| -> String {
            let head = keep.div_ceil(2);
            chars[..head].iter().chain(&['…']).chain(&chars[chars.len() - (keep - head)..]).collect()
        };
        // The most characters that fit.
        let (mut low, mut high) = (0, chars.len().saturating_sub(1));
        while low < high {
            let middle = (low + high).div_ceil(2);
            if self.width(&shortened(middle), style) <= max_width {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        shortened(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_lose_their_middle() {
        let ruler = Ruler::new();
        let style = Style::regular(10.0);
        let name = "a-very-long-label.of-a-content-network.cdn.example.com";
        let short = ruler.fit(name, style, 120.0);
        assert!(ruler.width(&short, style) <= 120.0);
        assert!(short.starts_with("a-very") && short.ends_with("ple.com"), "{short}");
        assert_eq!(ruler.fit("short", style, 120.0), "short");
        assert_eq!(ruler.fit("\u{202e}", style, 120.0), r"\u{202e}");
        assert!(ruler.fit(&"x".repeat(1 << 20), style, 50.0).len() < 20);
    }

    #[test]
    fn sentences_are_wrapped_whole() {
        let (ruler, style) = (Ruler::new(), Style::regular(8.5));
        let sentence = "997 of 1,000 ports on 192.0.2.7 that 192.0.2.1 tried refused or did not answer";
        let lines = ruler.wrap(sentence, style, 120.0);
        assert!(lines.len() > 2 && lines.iter().all(|line| ruler.width(line, style) <= 120.0), "{lines:?}");
        assert_eq!(lines.join(" "), sentence);
        assert_eq!(ruler.wrap(&"word ".repeat(1_000), style, 120.0).len(), 6);
        assert_eq!(ruler.wrap("", style, 120.0), [""]);
        assert!(ruler.width(&ruler.wrap(&"x".repeat(200), style, 120.0)[0], style) <= 120.0);
    }

    #[test]
    fn the_font_knows_latin_greek_and_cyrillic() {
        let ruler = Ruler::new();
        let map = ruler.faces[0].as_ref().unwrap().charmap();
        for c in "aéßłΩяҐ…·".chars() {
            assert!(map.map(c).is_some(), "{c}");
        }
    }

    #[test]
    fn what_the_font_lacks_is_known() {
        let ruler = Ruler::new();
        for (text, known) in
            [("printer.lan", true), ("Zürich", true), ("привет", true), ("例え.jp", false), ("مثال", false)]
        {
            assert_eq!(ruler.has_all(text), known, "{text}");
        }
        // It is drawn escaped.
        assert!(ruler.has_all("\u{202e}"));
    }

    #[test]
    fn bold_is_wider() {
        let ruler = Ruler::new();
        assert!(ruler.width("network", Style::bold(10.0)) > ruler.width("network", Style::regular(10.0)));
        assert_eq!(ruler.width("", Style::bold(10.0)), 0.0);
    }
}

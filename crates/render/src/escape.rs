//! Text from a capture, made harmless for each place where it is shown.
//!
//! A capture is written by whoever sent the packets. [`visible`] comes first everywhere: it turns what a
//! reader cannot see (control characters, bidirectional overrides, zero-width characters) into text that
//! they can. The others add what their format needs. Data formats keep the text as it was seen and
//! escape it by their own rules.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a character moves, hides or reorders what is around it instead of being seen, or cannot stand
/// in an XML document.
///
/// Control characters (C0, DEL, C1), line and paragraph separators, bidirectional controls, zero-width and
/// other format characters (Unicode's category Cf), tags, surrogates' replacements and noncharacters.
///
/// ```
/// assert!(pcapviz_render::escape::is_unsafe('\u{202e}'));
/// assert!(!pcapviz_render::escape::is_unsafe('é'));
/// ```
pub fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
        | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || (c as u32) & 0xfffe == 0xfffe
        || ('\u{fdd0}'..='\u{fdef}').contains(&c)
}

/// The text with everything [unsafe](is_unsafe) written out as `\x1b` or `\u{202e}`: one line that means
/// what it seems to.
///
/// ```
/// use pcapviz_render::escape::visible;
///
/// assert_eq!(visible("café.example"), "café.example");
/// assert_eq!(visible("a\x1b[2J\nb\u{202e}c"), r"a\x1b[2J\x0ab\u{202e}c");
/// ```
pub fn visible(text: &str) -> Cow<'_, str> {
    replace(text, |c, out| {
        if !is_unsafe(c) {
            return false;
        }
        // Writing to a string cannot fail.
        let _ = match c as u32 {
            code @ 0..=0xff => write!(out, "\\x{code:02x}"),
            code => write!(out, "\\u{{{code:x}}}"),
        };
        true
    })
}

/// Text for a terminal: no byte of it is a control sequence, and it stays on its line.
///
/// ```
/// use pcapviz_render::escape::terminal;
///
/// assert_eq!(terminal("evil\x1b]0;title\x07"), r"evil\x1b]0;title\x07");
/// ```
pub fn terminal(text: &str) -> Cow<'_, str> {
    visible(text)
}

/// Text for XML and HTML, between tags and inside quoted attributes.
///
/// ```
/// use pcapviz_render::escape::xml;
///
/// assert_eq!(xml("<script>\"x\" & 'y'</script>"), "&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;");
/// ```
pub fn xml(text: &str) -> Cow<'_, str> {
    let escape = |text: &str| {
        replace(text, |c, out| {
            out.push_str(match c {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                _ => return false,
            });
            true
        })
        .into_owned()
    };
    match visible(text) {
        Cow::Borrowed(text) if !text.contains(['&', '<', '>', '"', '\'']) => Cow::Borrowed(text),
        text => Cow::Owned(escape(&text)),
    }
}

/// Text for a double-quoted string of DOT, without the quotes. Graphviz reads `\` escapes and `&...;`
/// entities in labels: neither survives.
///
/// ```
/// use pcapviz_render::escape::dot;
///
/// assert_eq!(dot(r#"say "hi" \N &lt;"#), r#"say \"hi\" \\N &amp;lt;"#);
/// ```
pub fn dot(text: &str) -> Cow<'_, str> {
    match visible(text) {
        Cow::Borrowed(text) if !text.contains(['&', '"', '\\']) => Cow::Borrowed(text),
        text => Cow::Owned(
            replace(&text, |c, out| {
                out.push_str(match c {
                    '&' => "&amp;",
                    '"' => "\\\"",
                    '\\' => "\\\\",
                    _ => return false,
                });
                true
            })
            .into_owned(),
        ),
    }
}

/// Passes each character to `escape`, which writes what stands for it, or says that it stands for itself.
fn replace(text: &str, escape: impl Fn(char, &mut String) -> bool) -> Cow<'_, str> {
    let mut out = String::new();
    let mut changed = false;
    for (i, c) in text.char_indices() {
        let before = out.len();
        if escape(c, &mut out) {
            if !changed {
                changed = true;
                let replacement = out.split_off(before);
                out.push_str(&text[..i]);
                out.push_str(&replacement);
            }
        } else if changed {
            out.push(c);
        }
    }
    if changed { Cow::Owned(out) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_shown_is_safe_and_what_is_safe_is_shown(text in any::<String>()) {
            let shown = visible(&text);
            prop_assert!(!shown.chars().any(is_unsafe));
            if !text.chars().any(is_unsafe) {
                prop_assert_eq!(shown, text.as_str());
            }
        }

        #[test]
        fn xml_parses_back(text in any::<String>()) {
            let document = format!("<a b=\"{0}\">{0}</a>", xml(&text));
            let tree = roxmltree::Document::parse(&document).unwrap();
            let root = tree.root_element();
            let shown = visible(&text);
            prop_assert_eq!(root.text().unwrap_or_default(), &*shown);
            prop_assert_eq!(root.attribute("b").unwrap_or_default(), &*shown);
        }
    }
}

//! Names out of bytes that anybody may have sent.

use std::borrow::Cow;

/// The longest name kept, in characters: a whole DNS name has no more.
const MAX_CHARS: usize = 255;

/// The bytes as text: blanks, NULs and dots at the ends taken off, bytes that are no UTF-8 replaced, cut to
/// 255 characters. `None` where nothing is left.
pub(super) fn text(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let is_padding = |b: &u8| b.is_ascii_whitespace() || *b == 0;
    let start = bytes.iter().position(|b| !is_padding(b))?;
    let end = bytes.iter().rposition(|b| !is_padding(b) && *b != b'.')? + 1;
    // More bytes than any 255 characters have need not be looked at.
    let kept = bytes.get(start..end.min(start + 4 * MAX_CHARS))?;
    Some(match String::from_utf8_lossy(kept) {
        text if text.len() <= MAX_CHARS => text,
        text => Cow::Owned(text.chars().take(MAX_CHARS).collect()),
    })
}

/// The same in lower case, for names in which case does not matter (RFC 4343).
pub(super) fn folded(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let text = text(bytes)?;
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        Some(Cow::Owned(text.to_ascii_lowercase()))
    } else {
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_sensible_text() {
        for (bytes, expected) in [
            (&b"host.example"[..], Some("host.example")),
            (b"  PRINTER \0\0", Some("PRINTER")),
            (b"host.example.", Some("host.example")),
            (b"", None),
            (b" \0.", None),
            (b"a\xffb", Some("a\u{fffd}b")),
            (b"<script>\x1b[2J", Some("<script>\u{1b}[2J")),
        ] {
            assert_eq!(text(bytes).as_deref(), expected, "{bytes:?}");
        }
        assert_eq!(text(&[b'a'; 9000]).unwrap().len(), 255);
        assert_eq!(text(&[0xff; 9000]).unwrap().chars().count(), 255);
        assert_eq!(folded(b"WWW.Example").as_deref(), Some("www.example"));
    }
}

//! Text to tokens: at each place the longest token, as pcap-filter(7) has it. So `6000-6008` and
//! `len-5` are single words, and `len - 5` is a subtraction.

use std::net::Ipv6Addr;

use super::expression::Span;
use super::{FilterError, names};
use crate::MacAddr;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    Number(u32),
    /// Two to four numbers with dots between them.
    Dotted(&'t str),
    Ipv6(Ipv6Addr),
    Mac(MacAddr),
    /// `$` and an ARCnet address.
    Arcnet(u8),
    /// A name, or a keyword behind a backslash.
    Name(&'t str),
    Keyword(&'static str),
    Sign(&'static str),
    End,
}

/// Two signs before one, so that the longest is found first.
const SIGNS: &[&str] = &[
    ">=", "<=", "!=", "==", "<<", ">>", "&&", "||", "+", "-", "*", "/", "%", ":", "[", "]", "!", "<", ">",
    "(", ")", "&", "|", "^", "=",
];

/// All tokens with where they stand, and [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(Token<'_>, Span)>, FilterError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        at += blank;
        let rest = &text[at..];
        if rest.is_empty() {
            tokens.push((Token::End, at..at));
            return Ok(tokens);
        }
        let (token, len) =
            one(rest).map_err(|(len, message)| FilterError::new(text, at..at + len, message))?;
        tokens.push((token, at..at + len));
        at += len;
    }
}

/// The token at the start of the text and its length; or the length of what is none, and why.
fn one(text: &str) -> Result<(Token<'_>, usize), (usize, String)> {
    let word = word_len(text);
    let colons = address_with_colons(text);
    if let Some((token, len)) = colons
        && len > word
    {
        return Ok((token, len));
    }
    if word > 0 {
        let run = &text[..word];
        // `12:34:` and the like can only be meant as an address.
        let colon_run = run_len(text, |c| c.is_ascii_hexdigit() || c == ':');
        if text[..colon_run].matches(':').count() > 1 && colon_run > word {
            let message = "neither a MAC address (six pairs of hexadecimal digits) nor an IPv6 address";
            return Err((run_len(text, |c| c.is_ascii_hexdigit() || c == ':' || c == '.'), message.into()));
        }
        return self::word(run).map(|token| (token, word)).map_err(|message| (word, message));
    }
    if let Some(rest) = text.strip_prefix('\\') {
        let len = run_len(rest, |c| !" !()\n\t\r".contains(c));
        if len > 0 {
            return Ok((Token::Name(&rest[..len]), len + 1));
        }
    }
    if let Some(rest) = text.strip_prefix('$') {
        let len = run_len(rest, |c| c.is_ascii_hexdigit());
        return match u8::from_str_radix(&rest[..len], 16) {
            Ok(address) if len <= 2 => Ok((Token::Arcnet(address), len + 1)),
            _ => Err((len + 1, "expected an ARCnet address such as $1f behind the `$`".into())),
        };
    }
    match SIGNS.iter().find(|sign| text.starts_with(**sign)) {
        Some(&"&&") => Ok((Token::Keyword("and"), 2)),
        Some(&"||") => Ok((Token::Keyword("or"), 2)),
        Some(&"!") => Ok((Token::Keyword("not"), 1)),
        Some(&"==") => Ok((Token::Sign("="), 2)),
        Some(sign) => Ok((Token::Sign(sign), sign.len())),
        None => {
            let len = text.chars().next().map_or(0, char::len_utf8);
            Err((len, "this character means nothing in a filter".into()))
        }
    }
}

fn run_len(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

/// How long a word at the start is: letters and digits with `-`, `_` and `.` inside, and dots at the end.
fn word_len(text: &str) -> usize {
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return 0;
    }
    let len = run_len(text, |c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    text[..len].trim_end_matches(['-', '_']).len()
}

/// An IPv6 address or a MAC address with colons, and its length.
fn address_with_colons(text: &str) -> Option<(Token<'_>, usize)> {
    let run = run_len(text, |c| c.is_ascii_hexdigit() || c == ':' || c == '.');
    let run = &text[..run];
    if run.matches(':').count() < 2 {
        return None;
    }
    // The run may end with what belongs to the next token, such as the colon of `[::1:4]`.
    let token = match run.parse() {
        Ok(address) => Token::Ipv6(address),
        Err(_) => Token::Mac(mac(run, ':', 6)?),
    };
    Some((token, run.len()))
}

/// `groups` groups of hexadecimal digits: six of one or two, or three of four.
fn mac(text: &str, separator: char, groups: usize) -> Option<MacAddr> {
    let digits = 12 / groups;
    let mut address: u64 = 0;
    let mut count = 0;
    for group in text.split(separator) {
        let fits = (1..=digits).contains(&group.len()) && (digits == 2 || group.len() == digits);
        if !fits || !group.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        address = address << (4 * digits) | u64::from_str_radix(group, 16).ok()?;
        count += 1;
        if count > groups {
            return None;
        }
    }
    let [_, _, octets @ ..] = address.to_be_bytes();
    (count == groups).then_some(MacAddr(octets))
}

/// A word is a MAC address, a number, dotted numbers, a keyword, a constant, or else a name.
fn word(word: &str) -> Result<Token<'_>, String> {
    let bare = word.len() == 12 && word.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(address) = mac(word, '-', 6).or_else(|| mac(word, '.', 6)).or_else(|| mac(word, '.', 3)) {
        return Ok(Token::Mac(address));
    }
    if bare && let Ok(address) = u64::from_str_radix(word, 16) {
        let [_, _, octets @ ..] = address.to_be_bytes();
        return Ok(Token::Mac(MacAddr(octets)));
    }
    let parts = word.split('.').count();
    if word.split('.').all(is_number) {
        match parts {
            1 => return number(word).map(Token::Number),
            2..=4 => return Ok(Token::Dotted(word)),
            _ => {}
        }
    }
    if let Some(number) = names::constant(word) {
        return Ok(Token::Number(number));
    }
    Ok(names::keyword(word).map_or(Token::Name(word), Token::Keyword))
}

fn is_number(text: &str) -> bool {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()),
        None => !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()),
    }
}

/// Decimal, hexadecimal with `0x`, octal with `0`.
fn number(text: &str) -> Result<u32, String> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    if radix == 8 && digits.contains(['8', '9']) {
        return Err("a number that starts with 0 is octal, and has no digits 8 and 9".into());
    }
    u32::from_str_radix(digits, radix).map_err(|_| format!("number too large: the largest is {}", u32::MAX))
}

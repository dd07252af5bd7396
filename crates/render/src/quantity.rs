//! Numbers as people read them.

use pcapviz_graph::Timestamp;

/// Bytes in decimal units (kB = 1,000 bytes), with two significant digits at least.
///
/// ```
/// use pcapviz_render::quantity::bytes;
///
/// assert_eq!(bytes(999), "999 B");
/// assert_eq!(bytes(6_843), "6.8 kB");
/// assert_eq!(bytes(48_000_000), "48 MB");
/// ```
pub fn bytes(n: u64) -> String {
    scaled(n, &[" B", " kB", " MB", " GB", " TB", " PB", " EB"])
}

/// Packets with their unit: `1 packet`, `12 packets`, `1.2 M packets`.
///
/// ```
/// assert_eq!(pcapviz_render::quantity::packets(1), "1 packet");
/// assert_eq!(pcapviz_render::quantity::packets(12_345), "12,345 packets");
/// ```
pub fn packets(n: u64) -> String {
    counted(n, "packet", "packets")
}

/// A count with its noun; from a million on, in millions.
///
/// ```
/// assert_eq!(pcapviz_render::quantity::counted(2, "node", "nodes"), "2 nodes");
/// assert_eq!(pcapviz_render::quantity::counted(1_234_567, "edge", "edges"), "1.2 M edges");
/// ```
pub fn counted(n: u64, one: &str, many: &str) -> String {
    let number = if n < 1_000_000 { grouped(n) } else { scaled(n / 1_000, &[" k", " M", " G", " T", " P"]) };
    format!("{number} {}", if n == 1 { one } else { many })
}

/// A whole number with commas between groups of three digits.
///
/// ```
/// assert_eq!(pcapviz_render::quantity::grouped(1_234_567), "1,234,567");
/// ```
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// From when to when, in UTC, with how long that is; the date is not said twice.
///
/// ```
/// use pcapviz_graph::Timestamp;
///
/// let at = |seconds: i64| Timestamp::from_nanos(seconds * 1_000_000_000);
/// assert_eq!(
///     pcapviz_render::quantity::span(at(60), at(155)),
///     "1970-01-01 00:01:00 to 00:02:35 UTC (1 min 35 s)"
/// );
/// ```
pub fn span(first: Timestamp, last: Timestamp) -> String {
    let (from, to) = (clock(first), clock(last));
    let length = duration(last.as_nanos().abs_diff(first.as_nanos()));
    match (from.split_once('T'), to.split_once('T')) {
        (Some((day, start)), Some((other, end))) if day == other => {
            if start == end {
                format!("{day} {start} UTC ({length})")
            } else {
                format!("{day} {start} to {end} UTC ({length})")
            }
        }
        _ => format!("{} to {} UTC ({length})", from.replace('T', " "), to.replace('T', " ")),
    }
}

/// A length of time, given in nanoseconds, in the two largest units that fit.
///
/// ```
/// use pcapviz_render::quantity::duration;
///
/// assert_eq!(duration(0), "0 s");
/// assert_eq!(duration(2_500_000), "2.5 ms");
/// assert_eq!(duration(3_720_000_000_000), "1 h 2 min");
/// ```
pub fn duration(nanos: u64) -> String {
    let seconds = nanos / 1_000_000_000;
    let two = |large: u64, unit: &str, small: u64, part: &str| {
        if small == 0 { format!("{large} {unit}") } else { format!("{large} {unit} {small} {part}") }
    };
    match nanos {
        0 => "0 s".to_owned(),
        1..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => digits(nanos, 1_000, " µs"),
        1_000_000..1_000_000_000 => digits(nanos, 1_000_000, " ms"),
        1_000_000_000..60_000_000_000 => digits(nanos, 1_000_000_000, " s"),
        _ if seconds < 3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        _ if seconds < 86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// The second in RFC 3339 without its zone.
fn clock(time: Timestamp) -> String {
    let nanos = time.as_nanos();
    let mut text = Timestamp::from_nanos(nanos - nanos.rem_euclid(1_000_000_000)).to_string();
    text.truncate(text.trim_end_matches('Z').len());
    text
}

fn scaled(n: u64, units: &[&str]) -> String {
    let mut scale = 1_u64;
    let mut last = units.len().saturating_sub(1);
    for (i, unit) in units.iter().enumerate() {
        // 999.5 of a unit would be rounded to 1000 of it: it is 1.0 of the next.
        if i == last || n / scale < 999 || (n / scale == 999 && n % scale < scale.div_ceil(2)) {
            return digits(n, scale, unit);
        }
        scale = match scale.checked_mul(1_000) {
            Some(next) => next,
            None => {
                last = i;
                scale
            }
        };
    }
    digits(n, scale, units.last().unwrap_or(&""))
}

/// `n / scale` with one decimal below 10, rounded to the nearest.
fn digits(n: u64, scale: u64, unit: &str) -> String {
    let value = n as f64 / scale as f64;
    if scale > 1 && value < 9.95 { format!("{value:.1}{unit}") } else { format!("{value:.0}{unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_to_the_nearest_and_never_to_a_thousand() {
        for (n, expected) in [
            (0, "0 B"),
            (1, "1 B"),
            (1_000, "1.0 kB"),
            (9_949, "9.9 kB"),
            (9_950, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (1_000_000, "1.0 MB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(bytes(n), expected, "{n}");
        }
    }

    #[test]
    fn spans_over_midnight_name_both_days() {
        let at = |seconds: i64| Timestamp::from_nanos(seconds * 1_000_000_000);
        assert_eq!(span(at(86_399), at(86_401)), "1970-01-01 23:59:59 to 1970-01-02 00:00:01 UTC (2.0 s)");
        assert_eq!(span(at(5), at(5)), "1970-01-01 00:00:05 UTC (0 s)");
    }
}

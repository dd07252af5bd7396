//! Numbers as people read them.

use std::fmt;

use pcapviz_graph::Evidence;

/// Bytes in decimal units, as in `48.1 MB`.
pub(super) struct Bytes(pub(super) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.0 as f64;
        if self.0 < 1000 {
            return write!(f, "{} B", self.0);
        }
        for unit in ["kB", "MB", "GB", "TB"] {
            value /= 1000.0;
            // What would round up to 1000 belongs to the next unit.
            if value < 999.5 || unit == "TB" {
                let digits = usize::from(value < 99.95);
                return write!(f, "{value:.digits$} {unit}");
            }
        }
        Ok(())
    }
}

/// A time in its two largest units, as in `6 h 12 min`.
pub(super) struct Seconds(pub(super) f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Cut off, as the summary does.
        let whole = self.0 as u64;
        let ((large, unit), (small, part)) = match whole {
            _ if self.0 < 100.0 => return write!(f, "{:.1} s", self.0),
            0..3600 => ((whole / 60, "min"), (whole % 60, "s")),
            3600..86_400 => ((whole / 3600, "h"), (whole % 3600 / 60, "min")),
            _ => ((whole / 86_400, "d"), (whole % 86_400 / 3600, "h")),
        };
        write!(f, "{large} {unit}")?;
        if small > 0 { write!(f, " {small} {part}") } else { Ok(()) }
    }
}

/// What stands before a number where more was seen than is kept, and the evidence of it.
pub(super) fn at_least(is_bound: bool) -> (&'static str, Option<Evidence>) {
    let evidence = || Evidence::new("lower bounds: more was seen than is kept", 1.0, "");
    (if is_bound { "at least " } else { "" }, is_bound.then(evidence))
}

/// A whole number with commas between its thousands.
pub(super) struct Count(pub(super) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_numbers_as_people_do() {
        for (text, expected) in [
            (Bytes(0).to_string(), "0 B"),
            (Bytes(999).to_string(), "999 B"),
            (Bytes(1000).to_string(), "1.0 kB"),
            (Bytes(702_400).to_string(), "702 kB"),
            (Bytes(999_600).to_string(), "1.0 MB"),
            (Bytes(48_120_000).to_string(), "48.1 MB"),
            (Bytes(u64::MAX).to_string(), "18446744 TB"),
            (Seconds(60.2).to_string(), "60.2 s"),
            (Seconds(300.0).to_string(), "5 min"),
            (Seconds(119.9).to_string(), "1 min 59 s"),
            (Seconds(22_320.0).to_string(), "6 h 12 min"),
            (Seconds(200_000.0).to_string(), "2 d 7 h"),
            (Count(1_234_567).to_string(), "1,234,567"),
            (Count(12).to_string(), "12"),
        ] {
            assert_eq!(text, expected);
        }
    }
}

/// The domain that someone registered for a name to lie in: a public suffix and the label before it; `None` for
/// a name that is a suffix itself, or that ends in none.
///
/// By the Public Suffix List (<https://publicsuffix.org>) as it comes with the program, private suffixes
/// such as `github.io` included. Case does not matter. O(length).
///
/// ```
/// use pcapviz_graph::registered_domain;
///
/// assert_eq!(registered_domain("www.Example.co.uk"), Some("Example.co.uk"));
/// assert_eq!(registered_domain("example.github.io"), Some("example.github.io"));
/// assert_eq!(registered_domain("co.uk"), None);
/// assert_eq!(registered_domain("printer.local"), None);
/// ```
pub fn registered_domain(name: &str) -> Option<&str> {
    let folded = name.to_ascii_lowercase();
    let domain = psl::domain(folded.as_bytes()).filter(|domain| domain.suffix().is_known())?;
    // Lower case is as long as upper case.
    name.get(name.len().checked_sub(domain.as_bytes().len())?..)
}

/// How many labels a name has before its registered domain, or before its end without one.
pub(crate) fn depth(name: &str) -> usize {
    let labels = |text: &str| text.split('.').count();
    labels(name) - registered_domain(name).map_or(1, labels)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn depth_counts_from_the_registered_domain() {
        for (name, expected) in [
            ("example.com", 0),
            ("www.example.com", 1),
            ("a.b.example.co.uk", 2),
            ("co.uk", 1),
            ("laptop", 0),
            ("laptop.local", 1),
            ("", 0),
            ("a..", 2),
        ] {
            assert_eq!(depth(name), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_domain_ends_its_name(name in any::<String>()) {
            if let Some(domain) = registered_domain(&name) {
                prop_assert!(name.ends_with(domain));
            }
            depth(&name);
        }
    }
}

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;

use pcapviz_graph::{Annotations, Name, NameSource, NodeId};

use crate::enricher::{add_names, hosts};
use crate::{EnrichError, Enriched, Enricher};

/// Names from a file in the form of /etc/hosts: an address, then its names, with blanks between them; `#`
/// begins a comment.
///
/// ```
/// use pcapviz_enrich::{Enricher, HostsFile};
/// use pcapviz_graph::{Annotations, NodeId};
///
/// let hosts = HostsFile::parse("192.0.2.1 printer printer.example  # third floor\n");
/// let node = NodeId::Host("192.0.2.1".parse().unwrap());
/// let mut annotations = Annotations::default();
/// hosts.enrich(&[node], &mut annotations).unwrap();
/// assert_eq!(annotations.get(node).unwrap().names[0].name, "printer");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostsFile {
    names: BTreeMap<IpAddr, Vec<String>>,
    /// Lines that are neither empty nor an address with names, from 1.
    bad_lines: Vec<usize>,
}

impl HostsFile {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is longer than 64 MiB: a device such as `/dev/zero` has no end. Lines that do not fit
    /// are left out, and said by [`Enricher::enrich`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EnrichError> {
        let path = path.as_ref();
        let bytes = read(path).map_err(|source| EnrichError::Read { path: path.to_owned(), source })?;
        Ok(Self::parse(&String::from_utf8_lossy(&bytes)))
    }

    /// Reads a text of that form. O(length).
    pub fn parse(text: &str) -> Self {
        let mut hosts = Self::default();
        for (number, line) in text.lines().enumerate() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let Some(first) = words.next() else { continue };
            // A zone, as in fe80::1%eth0, says which of this machine's links is meant.
            let address = first.split('%').next().unwrap_or(first).parse::<IpAddr>();
            let names: Vec<String> = words.map(str::to_owned).collect();
            match address {
                Ok(address) if !names.is_empty() => hosts.names.entry(address).or_default().extend(names),
                _ => hosts.bad_lines.push(number + 1),
            }
        }
        hosts
    }
}

/// Bytes of a hosts file that are read: lists of a million names have half as much.
const MOST: u64 = 64 << 20;

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 64 MiB: this is no hosts file"));
    }
    Ok(bytes)
}

impl Enricher for HostsFile {
    fn title(&self) -> &str {
        "hosts file"
    }

    fn enrich(&self, nodes: &[NodeId], annotations: &mut Annotations) -> Result<Enriched, EnrichError> {
        let mut enriched = Enriched::default();
        for host in hosts(nodes) {
            if let Some(names) = self.names.get(&host) {
                // The first name on a line is the canonical one: it counts for more.
                let names = names.iter().enumerate().map(|(i, name)| {
                    let mut name = Name::new(NameSource::HostsFile, name);
                    name.count = if i == 0 { 2 } else { 1 };
                    name
                });
                add_names(annotations, NodeId::Host(host), names);
                enriched.nodes += 1;
            }
        }
        if let Some(first) = self.bad_lines.first() {
            enriched.warnings.push(format!(
                "hosts file: {} lines are not an address with names, the first is line {first}",
                self.bad_lines.len()
            ));
        }
        Ok(enriched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_usual_form() {
        let hosts = HostsFile::parse(
            "\u{feff}junk\n127.0.0.1\tlocalhost\n# c\n\nfe80::1%eth0 router # x\n10.0.0.1\n",
        );
        assert_eq!(hosts.names.len(), 2);
        assert_eq!(hosts.names[&"fe80::1".parse().unwrap()], ["router"]);
        assert_eq!(hosts.bad_lines, [1, 6]);
        let enriched = hosts.enrich(&[], &mut Annotations::default()).unwrap();
        assert_eq!(enriched.nodes, 0);
        assert_eq!(enriched.warnings.len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_end_is_an_error() {
        let error = HostsFile::open("/dev/zero").unwrap_err().to_string();
        assert!(error.contains("/dev/zero"), "{error}");
    }
}

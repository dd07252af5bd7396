use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pcapviz_capture::MacAddr;
use pcapviz_graph::{Annotations, NodeId};

use crate::{EnrichError, Enriched, Enricher};

/// Who made a device, by its MAC address: from the IEEE's registries as they come with the program.
///
/// Knows blocks of 24, 28 and 36 bits (MA-L, MA-M, MA-S and IAB), the longest one counts, and a few that
/// hypervisors use unregistered. A group's address has no vendor; one that was chosen locally rarely has.
///
/// ```
/// use pcapviz_enrich::VendorRegistry;
///
/// let vendor = VendorRegistry.look_up("00:00:0c:12:34:56".parse().unwrap());
/// assert_eq!(vendor.as_deref(), Some("Cisco Systems"));
/// ```
#[cfg(feature = "vendors")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VendorRegistry;

#[cfg(feature = "vendors")]
impl VendorRegistry {
    /// The vendor of an address. O(log blocks).
    pub fn look_up(self, device: MacAddr) -> Option<String> {
        /// What the blocks are parted from whose parts are registered one by one.
        const PARTED: &str = "ieee registration authority";
        if device.is_multicast() || device == MacAddr([0; 6]) {
            return None;
        }
        let entry = macaddr_ouidb::oui_db().lookup_owned(&device.0)?;
        Some(entry.name()).filter(|name| !name.eq_ignore_ascii_case(PARTED)).map(str::to_owned)
    }

    /// The day of the data.
    pub fn date(self) -> String {
        macaddr_ouidb::oui_db().updated().split([' ', 'T']).next().unwrap_or_default().to_owned()
    }
}

#[cfg(feature = "vendors")]
impl Enricher for VendorRegistry {
    fn title(&self) -> &str {
        "vendors"
    }

    fn enrich(&self, nodes: &[NodeId], annotations: &mut Annotations) -> Result<Enriched, EnrichError> {
        let source = format!("IEEE registry, {}", self.date());
        Ok(write(nodes, annotations, &source, |device| self.look_up(device)))
    }
}

/// Vendors from a file in the form of Wireshark's `manuf`: a prefix, a short name, a long name, with tabs
/// between them; `#` begins a comment.
///
/// A prefix is three to six bytes in hexadecimal with `:`, `-` or `.` between them; `/28` or the like behind
/// it says how many bits of it count. The longest prefix that fits counts.
///
/// ```
/// use pcapviz_enrich::ManufFile;
///
/// let manuf = ManufFile::parse("02:00:00\tLab\tOur laboratory\n02:00:00:10:00:00/28\tBench\n", "manuf");
/// assert_eq!(manuf.look_up("02:00:00:00:00:01".parse().unwrap()), Some("Our laboratory"));
/// assert_eq!(manuf.look_up("02:00:00:1f:00:01".parse().unwrap()), Some("Bench"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManufFile {
    /// What to call the file.
    source: String,
    /// By number of bits, then by the bits.
    blocks: BTreeMap<(u32, u64), String>,
    lengths: BTreeSet<u32>,
    /// Lines that do not fit, from 1.
    bad_lines: Vec<usize>,
}

impl ManufFile {
    /// Reads a file. Lines that do not fit are left out, and said by [`Enricher::enrich`].
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EnrichError> {
        let path = path.as_ref();
        let bytes =
            std::fs::read(path).map_err(|source| EnrichError::Read { path: path.to_owned(), source })?;
        Ok(Self::parse(&String::from_utf8_lossy(&bytes), &path.display().to_string()))
    }

    /// Reads a text of that form; `source` is what to call it. O(length).
    pub fn parse(text: &str, source: &str) -> Self {
        let mut file = Self { source: source.to_owned(), ..Self::default() };
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let (prefix, names) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            // The long name, or else the short one.
            let name = names.split('\t').map(str::trim).rfind(|name| !name.is_empty());
            match (block(prefix), name) {
                (Some((len, bits)), Some(name)) => {
                    file.lengths.insert(len);
                    file.blocks.insert((len, bits), name.to_owned());
                }
                _ => file.bad_lines.push(number + 1),
            }
        }
        file
    }

    /// The vendor of an address. O(prefix lengths in the file · log blocks).
    pub fn look_up(&self, device: MacAddr) -> Option<&str> {
        let bits = bits(&device.0);
        let at = |len: &u32| self.blocks.get(&(*len, masked(bits, *len)));
        self.lengths.iter().rev().find_map(at).map(String::as_str)
    }
}

impl Enricher for ManufFile {
    fn title(&self) -> &str {
        "vendors"
    }

    fn enrich(&self, nodes: &[NodeId], annotations: &mut Annotations) -> Result<Enriched, EnrichError> {
        let mut enriched =
            write(nodes, annotations, &self.source, |device| self.look_up(device).map(str::to_owned));
        if let Some(first) = self.bad_lines.first() {
            enriched.warnings.push(format!(
                "{}: {} lines are not a MAC address prefix with a name, the first is line {first}",
                self.source,
                self.bad_lines.len()
            ));
        }
        Ok(enriched)
    }
}

/// Writes the vendors of the devices that have none yet.
fn write(
    nodes: &[NodeId],
    annotations: &mut Annotations,
    source: &str,
    look_up: impl Fn(MacAddr) -> Option<String>,
) -> Enriched {
    let mut enriched = Enriched::default();
    for node in nodes {
        if let NodeId::Device(device) = node
            && let Some(vendor) = look_up(*device)
        {
            let notes = annotations.entry(*node);
            if notes.vendor.is_none() {
                notes.vendor = Some(vendor);
                notes.vendor_source = Some(source.to_owned());
                enriched.nodes += 1;
            }
        }
    }
    enriched
}

/// How many bits count, and the bits.
fn block(text: &str) -> Option<(u32, u64)> {
    let (digits, len) = match text.split_once('/') {
        Some((digits, len)) => (digits, Some(len.parse::<u32>().ok().filter(|len| (1..=48).contains(len))?)),
        None => (text, None),
    };
    let mut bytes = [0; 6];
    let mut count = 0;
    for byte in digits.split([':', '-', '.']) {
        *bytes.get_mut(count)? = u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() == 2)?;
        count += 1;
    }
    let len = len.or((count >= 3).then_some(8 * count as u32))?;
    Some((len, masked(bits(&bytes), len)))
}

fn bits(&[a, b, c, d, e, f]: &[u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

/// The first so many of 48 bits.
fn masked(bits: u64, len: u32) -> u64 {
    bits >> (48 - len) << (48 - len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_usual_forms() {
        let manuf = ManufFile::parse(
            "# c\n00:00:00\tXerox\tXerox Corporation\n00-1B-C5-00-10-00/36 OpenRBco\n\
             0050.C2\tX\njunk\n00:00:00:00:00:01\tOne\n01:02/16\tShort\n00:00:00/99\tY\n\n",
            "manuf",
        );
        for (mac, expected) in [
            ("00:00:00:00:00:02", Some("Xerox Corporation")),
            ("00:00:00:00:00:01", Some("One")),
            ("00:1b:c5:00:1f:ff", Some("OpenRBco")),
            ("00:1b:c5:00:20:00", None),
            ("01:02:ff:00:00:00", Some("Short")),
            ("ff:ff:ff:ff:ff:ff", None),
        ] {
            assert_eq!(manuf.look_up(mac.parse().unwrap()), expected, "{mac}");
        }
        assert_eq!(manuf.bad_lines, [4, 5, 8]);
    }

    #[cfg(feature = "vendors")]
    #[test]
    fn the_registry_knows_blocks_of_every_length() {
        for (mac, expected) in [
            ("00:00:0c:00:00:01", Some("Cisco Systems")),
            // MA-M, MA-S and IAB: the block around them is the registry's own.
            ("b8:4c:87:40:00:00", Some("Blum Novotest")),
            ("8c:1f:64:af:a0:00", Some("DATA ELECTRONIC DEVICES")),
            ("00:50:c2:29:e0:01", Some("SELEX Communications")),
            ("52:54:00:12:34:56", Some("QEMU virtual NIC")),
            ("02:00:00:00:00:01", None),
            ("01:80:c2:00:00:00", None),
            ("00:00:00:00:00:00", None),
            ("ff:ff:ff:ff:ff:ff", None),
        ] {
            let found = VendorRegistry.look_up(mac.parse().unwrap());
            assert_eq!(found.map(|name| name.to_lowercase()), expected.map(str::to_lowercase), "{mac}");
        }
        let date = VendorRegistry.date();
        assert!(date.len() == 10 && date.starts_with("20"), "{date}");
    }

    #[test]
    fn a_file_counts_before_the_registry() {
        let node = NodeId::Device("00:00:0c:00:00:01".parse().unwrap());
        let manuf = ManufFile::parse("00:00:0c\tOurs", "our list");
        let mut annotations = Annotations::default();
        manuf.enrich(&[node], &mut annotations).unwrap();
        #[cfg(feature = "vendors")]
        VendorRegistry.enrich(&[node], &mut annotations).unwrap();
        let notes = annotations.get(node).unwrap();
        assert_eq!(
            (notes.vendor.as_deref(), notes.vendor_source.as_deref()),
            (Some("Ours"), Some("our list"))
        );
    }
}

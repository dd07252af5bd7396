use std::collections::BTreeSet;

use pcapviz_capture::Timestamp;

use crate::NodeId;

/// How much a finding wants to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Worth acting on.
    Alert,
}

/// One number behind a finding, that a person can check.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evidence {
    /// What was measured.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// In what unit; empty for a plain number.
    pub unit: &'static str,
    /// From how much on it counts, where there is a threshold.
    pub threshold: Option<f64>,
}

impl Evidence {
    /// A number without a threshold.
    pub fn new(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, unit, threshold: None }
    }

    /// The same, with the threshold that it was held against.
    #[must_use]
    pub fn against(self, threshold: f64) -> Self {
        Self { threshold: Some(threshold), ..self }
    }
}

/// Something that findings are made from, of which the captures have more than is kept.
///
/// ```
/// use pcapviz_graph::Sampled;
///
/// let echoes = Sampled::new("ICMP echoes", 0.43, 2);
/// assert_eq!(echoes.to_string(), "ICMP echoes: 43 % of the pairs or names, and of the 2 largest a part");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sampled {
    /// What it is, such as `ICMP echoes`.
    pub what: &'static str,
    /// The share of the pairs of hosts, devices or names that is looked at, about: who is not among them gives no finding. 1 if all
    /// are.
    pub share: f64,
    /// What it is the share of, such as `pairs or names`.
    pub of: &'static str,
    /// Of how many of these, the largest, a part is looked at.
    pub in_part: usize,
}

impl Sampled {
    /// So much of it.
    pub fn new(what: &'static str, share: f64, in_part: usize) -> Self {
        Self { what, share, of: "pairs or names", in_part }
    }

    /// So much of the packets.
    pub fn of_packets(what: &'static str, share: f64) -> Self {
        Self { what, share, of: "packets", in_part: 0 }
    }
}

/// For people.
impl std::fmt::Display for Sampled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Nothing that is left out is rounded away.
        let (percent, of) = ((100.0 * self.share).floor(), self.of);
        write!(f, "{}: ", self.what)?;
        match (percent < 100.0, self.in_part) {
            (false, in_part) => write!(f, "of the {in_part} largest a part"),
            (true, 0) => write!(f, "{percent} % of the {of}"),
            (true, in_part) => {
                write!(f, "{percent} % of the {of}, and of the {in_part} largest a part")
            }
        }
    }
}

/// Something in the traffic that is consistent with what its kind names.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// Its kind, such as `scan`.
    pub kind: &'static str,
    /// How much it wants to be looked at.
    pub severity: Severity,
    /// From 0 to 1.
    pub score: f64,
    /// What it says, in one sentence with numbers.
    pub sentence: String,
    /// Who did it.
    pub subject: NodeId,
    /// To whom, where that is one node.
    pub object: Option<NodeId>,
    /// Which ports of the other side it is about; empty if all are.
    pub ports: BTreeSet<u16>,
    /// From when to when.
    pub life: Option<(Timestamp, Timestamp)>,
    /// The numbers.
    pub evidence: Vec<Evidence>,
    /// What else makes traffic look like this.
    pub innocent_causes: &'static [&'static str],
    /// A Wireshark display filter that selects its packets.
    pub display_filter: String,
    /// A pcap-filter expression that selects its packets; empty where that language cannot look behind the capture's
    /// headers.
    pub capture_filter: String,
}

impl Finding {
    /// A finding about a node, whose other parts are still to be said.
    ///
    /// ```
    /// use pcapviz_graph::{Evidence, Finding, NodeId, Severity};
    ///
    /// let host = NodeId::Host("192.0.2.1".parse().unwrap());
    /// let mut finding = Finding::new("scan", Severity::Alert, host);
    /// finding.evidence.push(Evidence::new("failed hosts", 12.0, "hosts").against(10.0));
    /// assert_eq!(finding.evidence[0].threshold, Some(10.0));
    /// ```
    pub fn new(kind: &'static str, severity: Severity, subject: NodeId) -> Self {
        Self {
            kind,
            severity,
            score: 0.0,
            sentence: String::new(),
            subject,
            object: None,
            ports: BTreeSet::new(),
            life: None,
            evidence: Vec::new(),
            innocent_causes: &[],
            display_filter: String::new(),
            capture_filter: String::new(),
        }
    }
}

/// The word for it: `note` or `alert`.
impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Alert => "alert",
        })
    }
}

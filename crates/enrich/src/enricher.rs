use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

use pcapviz_graph::{Annotations, Name, NodeId};

/// A source of knowledge about nodes.
///
/// ```
/// use pcapviz_enrich::{EnrichError, Enriched, Enricher};
/// use pcapviz_graph::{Annotations, NodeId};
///
/// /// Says which hosts stand in the cellar.
/// struct Cellar;
///
/// impl Enricher for Cellar {
///     fn title(&self) -> &str {
///         "cellar"
///     }
///
///     fn enrich(&self, nodes: &[NodeId], annotations: &mut Annotations) -> Result<Enriched, EnrichError> {
///         let mut enriched = Enriched::default();
///         for node in nodes.iter().filter(|node| node.to_string().starts_with("10.9.")) {
///             annotations.entry(*node).extra.insert("room".into(), "cellar".into());
///             enriched.nodes += 1;
///         }
///         Ok(enriched)
///     }
/// }
///
/// let nodes = [NodeId::Host("10.9.0.1".parse().unwrap())];
/// let mut annotations = Annotations::default();
/// let enriched = Cellar.enrich(&nodes, &mut annotations).unwrap();
/// assert_eq!(enriched.nodes, 1);
/// assert_eq!(annotations.get(nodes[0]).unwrap().extra["room"], "cellar");
/// ```
pub trait Enricher {
    /// What it is, for messages: `reverse DNS`.
    fn title(&self) -> &str;

    /// Writes what is known of these nodes. Of an end point, its host's notes are written: it is known by
    /// them.
    ///
    /// # Errors
    /// If nothing could be learnt at all. What failed for some nodes only is a warning.
    fn enrich(&self, nodes: &[NodeId], annotations: &mut Annotations) -> Result<Enriched, EnrichError>;
}

/// What came of enriching.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enriched {
    /// How many nodes (hosts or devices) something was learnt about.
    pub nodes: u64,
    /// What went wrong on the way, each thing said once.
    pub warnings: Vec<String>,
    /// What is worth saying and no fault.
    pub remarks: Vec<String>,
}

/// Why nothing could be learnt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnrichError {
    /// A file could not be read.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file is no MaxMind database, or a broken one.
    #[error("{path}: not a usable MaxMind database: {reason}", path = path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Live DNS could not be set up.
    #[error("live DNS look-ups cannot start: {reason}; name a server with --dns-server ADDRESS:PORT")]
    Resolver {
        /// What is wrong.
        reason: String,
    },
}

/// The hosts among the nodes, each once.
pub(crate) fn hosts(nodes: &[NodeId]) -> BTreeSet<IpAddr> {
    nodes.iter().filter_map(|node| node.ip()).collect()
}

/// Adds names to a node's notes, and keeps them in order: by trust, then by how often they were seen.
pub(crate) fn add_names(annotations: &mut Annotations, node: NodeId, names: impl IntoIterator<Item = Name>) {
    annotations.entry(node).add_names(names);
}

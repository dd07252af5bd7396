use pcapviz_enrich::{Countries, EnrichError, Enriched, Enricher, VendorRegistry, WellKnown};
use pcapviz_graph::{Annotations, NodeId};

/// What comes with the program: well-known addresses, countries of public addresses, and vendors of devices.
/// What other enrichers said before counts before it.
///
/// ```
/// use pcapviz_core::enrich::Enricher;
/// use pcapviz_core::{Annotations, Embedded, NodeId};
///
/// let node = NodeId::Host("8.8.8.8".parse().unwrap());
/// let mut annotations = Annotations::default();
/// Embedded.enrich(&[node], &mut annotations).unwrap();
/// let place = annotations.get(node).unwrap().place.as_ref().unwrap();
/// assert_eq!(place.country.as_deref(), Some("United States"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Embedded;

impl Enricher for Embedded {
    fn title(&self) -> &str {
        "embedded data"
    }

    fn enrich(&self, nodes: &[NodeId], annotations: &mut Annotations) -> Result<Enriched, EnrichError> {
        let mut enriched = Enriched::default();
        let sources: [&dyn Enricher; 3] = [&WellKnown, &Countries, &VendorRegistry];
        for source in sources {
            let one = source.enrich(nodes, annotations)?;
            enriched.nodes += one.nodes;
            enriched.warnings.extend(one.warnings);
        }
        Ok(enriched)
    }
}

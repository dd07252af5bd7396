use std::collections::BTreeMap;

use pcapviz_graph::NodeId;

use crate::View;
use crate::fold::network;
use crate::theme::Role;

/// What keeps nodes of a picture together, in a labelled frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grouping {
    /// Nothing.
    #[default]
    None,
    /// Their network: IPv4 /24, IPv6 /64.
    Subnet,
    /// Their autonomous system.
    Asn,
    /// Their country.
    Country,
    /// Who made them (layer 2).
    Vendor,
}

impl Grouping {
    /// Every grouping, in the order of the help.
    pub const ALL: [Self; 5] = [Self::None, Self::Subnet, Self::Asn, Self::Country, Self::Vendor];

    /// The name by which it is chosen.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Subnet => "subnet",
            Self::Asn => "asn",
            Self::Country => "country",
            Self::Vendor => "vendor",
        }
    }

    /// The grouping of this name, in any case.
    ///
    /// ```
    /// use pcapviz_render::Grouping;
    ///
    /// assert_eq!(Grouping::by_name("ASN"), Some(Grouping::Asn));
    /// ```
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grouping| grouping.name().eq_ignore_ascii_case(name))
    }

    /// Each node's group as an index into the labels, in the graph's order; `None` where it has none, or is the only
    /// one of it.
    pub(crate) fn of(self, view: &View<'_>) -> Groups {
        let keys: Vec<Option<String>> =
            view.graph.nodes().iter().map(|node| self.key(view, node.id)).collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        keys.iter().flatten().for_each(|key| *counts.entry(key).or_default() += 1);
        counts.retain(|_, count| *count > 1);
        let labels: Vec<String> = counts.keys().map(|&key| key.to_owned()).collect();
        let index = |key: &Option<String>| labels.binary_search(key.as_ref()?).ok();
        Groups { of_node: keys.iter().map(index).collect(), labels }
    }

    fn key(self, view: &View<'_>, id: NodeId) -> Option<String> {
        let notes = || view.annotations.get(id);
        match self {
            Self::None => None,
            Self::Subnet if view.role(id) == Role::Group => None,
            Self::Subnet => {
                let ip = id.ip()?;
                let bits = if ip.is_ipv4() { 24 } else { 64 };
                Some(format!("{}/{bits}", network(ip, bits)))
            }
            Self::Asn => {
                let place = notes()?.place.as_ref()?;
                let asn = format!("AS{}", place.asn?);
                Some(place.organisation.iter().fold(asn, |asn, organisation| format!("{asn} {organisation}")))
            }
            Self::Country => notes()?.place.as_ref()?.country.clone(),
            Self::Vendor => notes()?.vendor.clone(),
        }
    }
}

/// Which nodes are kept together.
#[derive(Default)]
pub(crate) struct Groups {
    /// Hostile: they come from databases and captures.
    pub(crate) labels: Vec<String>,
    pub(crate) of_node: Vec<Option<usize>>,
}

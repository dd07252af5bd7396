use std::collections::BTreeMap;

use pcapviz_graph::NodeId;

use crate::View;
use crate::belonging;
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

    /// Whether anything is known by which it keeps nodes together. O(nodes).
    pub fn is_known(self, view: &View<'_>) -> bool {
        self == Self::None || view.graph.nodes().iter().any(|node| self.key(view, node.id).is_some())
    }

    /// Each node's group as an index into the labels, in the graph's order; `None` where it has none, or is the only
    /// one of it.
    pub(crate) fn of(self, view: &View<'_>) -> Groups {
        let keys: Vec<Option<(String, String)>> =
            view.graph.nodes().iter().map(|node| self.key(view, node.id)).collect();
        let mut counts: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
        for (key, label) in keys.iter().flatten() {
            counts.entry(key).or_insert((0, label)).0 += 1;
        }
        counts.retain(|_, (count, _)| *count > 1);
        let labels = counts.values().map(|(_, label)| (*label).to_owned()).collect();
        let numbers: BTreeMap<&str, usize> = counts.into_keys().zip(0..).collect();
        let index = |key: &Option<(String, String)>| numbers.get(&*key.as_ref()?.0).copied();
        Groups { of_node: keys.iter().map(index).collect(), labels }
    }

    /// What tells a node's group from others, and what it is called.
    fn key(self, view: &View<'_>, id: NodeId) -> Option<(String, String)> {
        let same = |text: String| (text.clone(), text);
        match self {
            Self::None => None,
            Self::Subnet if view.role(id) == Role::Group => None,
            Self::Subnet => {
                let ip = id.ip()?;
                let bits = if ip.is_ipv4() { 24 } else { 64 };
                Some(same(format!("{}/{bits}", network(ip, bits))))
            }
            // The same owner is written in several ways.
            Self::Asn => Some((belonging::asn(view, id)?.to_string(), belonging::owner(view, id)?)),
            Self::Country => {
                belonging::country(view, id).map(|(code, name)| (code.to_uppercase(), name.to_owned()))
            }
            Self::Vendor => view.annotations.get(id)?.vendor.clone().map(same),
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

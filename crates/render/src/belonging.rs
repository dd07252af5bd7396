//! Where nodes belong: what their colours say.
//!
//! Outside nodes are told apart by country or network owner. The most frequent ones have colours of their own, and a
//! sign beside the colour, so that nothing is said by colour alone; all others share one colour.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use pcapviz_graph::NodeId;

use crate::View;
use crate::fold::{Folded, Group};
use crate::theme::{Region, Role};

/// What outside nodes are coloured by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColorBy {
    /// The country, where it is known.
    #[default]
    Country,
    /// The autonomous system, where it is known.
    Asn,
    /// Nothing: outside is one colour.
    Side,
}

impl ColorBy {
    /// Every way, in the order of the help.
    pub const ALL: [Self; 3] = [Self::Country, Self::Asn, Self::Side];

    /// The name by which it is chosen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::Asn => "asn",
            Self::Side => "side",
        }
    }

    /// The way of this name, in any case.
    ///
    /// ```
    /// use pcapviz_render::ColorBy;
    ///
    /// assert_eq!(ColorBy::by_name("ASN"), Some(ColorBy::Asn));
    /// ```
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name().eq_ignore_ascii_case(name))
    }

    fn key(self, view: &View<'_>, id: NodeId) -> Option<Key> {
        let place = || view.annotations.get(id)?.place.as_ref();
        match self {
            Self::Side => None,
            Self::Country => country(view, id).map(|(code, _)| Key::Country(code.to_owned())),
            Self::Asn => place()?.asn.map(Key::Owner),
        }
    }
}

/// A node's country: the code, or the name where there is no code; and the name.
pub(crate) fn country<'a>(view: &View<'a>, id: NodeId) -> Option<(&'a str, &'a str)> {
    let place = view.annotations.get(id)?.place.as_ref()?;
    let code = place.country_code.as_deref().or(place.country.as_deref())?;
    Some((code, place.country.as_deref().unwrap_or(code)))
}

/// A node's country code in capitals, if that is known (ISO 3166).
pub(crate) fn country_code(view: &View<'_>, id: NodeId) -> Option<[u8; 2]> {
    let code = country(view, id)?.0.as_bytes();
    let code: [u8; 2] = code.try_into().ok()?;
    code.is_ascii().then(|| code.map(|letter| letter.to_ascii_uppercase()))
}

/// A node's autonomous system.
pub(crate) fn asn(view: &View<'_>, id: NodeId) -> Option<u32> {
    view.annotations.get(id)?.place.as_ref()?.asn
}

/// A node's network owner: `AS64500 Example`.
pub(crate) fn owner(view: &View<'_>, id: NodeId) -> Option<String> {
    let place = view.annotations.get(id)?.place.as_ref()?;
    let asn = format!("AS{}", place.asn?);
    Some(place.organisation.iter().fold(asn, |asn, organisation| format!("{asn} {organisation}")))
}

/// A country by its code, or an owner by its number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Country(String),
    Owner(u32),
}

/// Where every node of a graph belongs.
pub(crate) struct Belonging {
    /// Each node's side, in the graph's order.
    roles: Vec<Role>,
    regions: Vec<Region>,
    /// The regions with colours of their own, in their order: what stands in a shape, and the name.
    named: Vec<(String, String)>,
    by: ColorBy,
    inside: String,
}

impl Belonging {
    /// O(nodes log nodes).
    pub(crate) fn of(view: &View<'_>, by: ColorBy) -> Self {
        let nodes = view.graph.nodes();
        let roles: Vec<Role> = nodes.iter().map(|node| view.role(node.id)).collect();
        let keys: Vec<Option<Key>> = nodes
            .iter()
            .zip(&roles)
            .map(|(node, role)| (*role == Role::Outside).then(|| by.key(view, node.id))?)
            .collect();
        // The most frequent ones have colours of their own.
        let mut sums: BTreeMap<&Key, (usize, u64, NodeId)> = BTreeMap::new();
        for (key, node) in keys.iter().zip(nodes) {
            let Some(key) = key else { continue };
            let sum = sums.entry(key).or_insert((0, 0, node.id));
            (sum.0, sum.1) = (sum.0 + 1, sum.1.saturating_add(node.traffic().bytes));
        }
        let mut ranked: Vec<_> = sums.into_iter().collect();
        ranked.sort_by_key(|(key, (count, bytes, _))| (Reverse((*count, *bytes)), *key));
        ranked.truncate(Region::MOST);
        let region = |(key, role): (&Option<Key>, &Role)| match key {
            _ if *role != Role::Outside || ranked.is_empty() => Region::Whole,
            Some(key) => {
                ranked.iter().position(|(other, _)| *other == key).map_or(Region::Elsewhere, Region::Ranked)
            }
            None => Region::Elsewhere,
        };
        let regions = keys.iter().zip(&roles).map(region).collect();
        let name = |(nth, (key, (_, _, id))): (usize, &(&Key, (usize, u64, NodeId)))| match key {
            Key::Country(code) => {
                let short = code.len() == 2 && code.is_ascii();
                let sign = if short { code.to_uppercase() } else { letter(nth) };
                (sign, country(view, *id).map_or(code.clone(), |(_, name)| name.to_owned()))
            }
            Key::Owner(_) => (letter(nth), owner(view, *id).unwrap_or_default()),
        };
        let named = ranked.iter().enumerate().map(name).collect();
        Self { roles, regions, named, by, inside: view.inside.to_string() }
    }

    /// A node's side.
    pub(crate) fn role(&self, node: usize) -> Role {
        self.roles[node]
    }

    /// A node's region.
    pub(crate) fn region(&self, node: usize) -> Region {
        self.regions[node]
    }

    /// The region that all of a group's nodes are in.
    pub(crate) fn region_of(&self, group: &Group) -> Region {
        let first = self.regions[group.members[0]];
        let all = group.members.iter().all(|&node| self.regions[node] == first);
        if all { first } else { Region::Elsewhere }
    }

    /// What stands in the shapes of a region, beside its colour.
    pub(crate) fn sign(&self, region: Region) -> Option<&str> {
        match region {
            Region::Ranked(nth) => self.named.get(nth).map(|(sign, _)| &**sign),
            _ => None,
        }
    }

    /// How many nodes of the graph are drawn as of each side and region, in the order of the legend.
    pub(crate) fn counts(&self, graph: &Folded) -> BTreeMap<(Role, Region), u64> {
        let mut counts = BTreeMap::new();
        for group in &graph.nodes {
            let spot = (self.role(group.members[0]), self.region_of(group));
            *counts.entry(spot).or_default() += group.members.len() as u64;
        }
        counts
    }

    /// What a colour says, for the legend; what is in it comes from databases, so it is hostile.
    pub(crate) fn description(&self, role: Role, region: Region) -> String {
        match (role, region) {
            (Role::Inside, _) => format!("inside ({})", self.inside),
            (Role::Outside, Region::Ranked(nth)) => {
                let (sign, name) = self.named.get(nth).map_or(("", ""), |(sign, name)| (sign, name));
                format!("{sign}: outside, {name}")
            }
            (Role::Outside, Region::Elsewhere) => match self.by {
                ColorBy::Asn => "outside, another network owner, several, or not known".to_owned(),
                _ => "outside, another country, several, or not known".to_owned(),
            },
            _ => role.description().to_owned(),
        }
    }
}

/// A, B, C, ...
fn letter(nth: usize) -> String {
    char::from(b'A' + (nth % 26) as u8).to_string()
}

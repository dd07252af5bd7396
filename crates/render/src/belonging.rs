//! Where nodes belong: what their colours say.
//!
//! Outside nodes are told apart by country or network owner. The most frequent ones have colours of their own, and a
//! sign beside the colour, so that nothing is said by colour alone; all others share one colour.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use pcapviz_graph::NodeId;

use crate::View;
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

    /// Whether anything is known by which it tells nodes apart. O(nodes).
    pub fn is_known(self, view: &View<'_>) -> bool {
        self == Self::Side || view.graph.nodes().iter().any(|node| self.key(view, node.id).is_some())
    }

    fn key(self, view: &View<'_>, id: NodeId) -> Option<Key> {
        match self {
            Self::Side => None,
            Self::Country => country(view, id).map(|(code, _)| Key::Country(code.to_owned())),
            Self::Asn => asn(view, id).map(Key::Owner),
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

/// What all nodes that are drawn as one have in common.
pub(crate) fn shared<T: PartialEq>(members: &[usize], of: impl Fn(usize) -> Option<T>) -> Option<T> {
    let (&first, rest) = members.split_first()?;
    let first = of(first)?;
    rest.iter().all(|&node| of(node).as_ref() == Some(&first)).then_some(first)
}

/// A country by its code, or an owner by its number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Country(String),
    Owner(u32),
}

/// Where every node to be drawn belongs.
pub(crate) struct Belonging {
    /// Each one's side and region, in their order, and how many nodes of the graph it stands for.
    spots: Vec<(Role, Region, u64)>,
    /// The regions with colours of their own, in their order: what stands in a shape, and the name.
    named: Vec<(String, String)>,
    by: ColorBy,
    inside: String,
}

impl Belonging {
    /// Of nodes to be drawn, given by the nodes of the graph that each stands for. O(nodes log nodes).
    pub(crate) fn of<'a>(view: &View<'_>, drawn: impl Iterator<Item = &'a [usize]>, by: ColorBy) -> Self {
        let nodes = view.graph.nodes();
        let spot = |members: &'a [usize]| {
            let first = nodes[*members.first()?].id;
            let role = view.role(first);
            let key = match role {
                Role::Outside => shared(members, |node| by.key(view, nodes[node].id)),
                _ => None,
            };
            Some((members, role, key))
        };
        let spots: Vec<(&[usize], Role, Option<Key>)> = drawn.filter_map(spot).collect();
        // The most frequent ones have colours of their own.
        let mut sums: BTreeMap<&Key, (usize, u64, NodeId)> = BTreeMap::new();
        for (members, _, key) in &spots {
            let Some(key) = key else { continue };
            let sum = sums.entry(key).or_insert((0, 0, nodes[members[0]].id));
            let bytes = members.iter().map(|&node| nodes[node].traffic().bytes);
            (sum.0, sum.1) = (sum.0 + 1, bytes.fold(sum.1, u64::saturating_add));
        }
        let mut ranked: Vec<_> = sums.into_iter().collect();
        ranked.sort_by_key(|(key, (count, bytes, _))| (Reverse((*count, *bytes)), *key));
        ranked.truncate(Region::MOST);
        let region = |role: Role, key: &Option<Key>| match key {
            _ if role != Role::Outside || ranked.is_empty() => Region::Whole,
            Some(key) => {
                ranked.iter().position(|(other, _)| *other == key).map_or(Region::Elsewhere, Region::Ranked)
            }
            None => Region::Elsewhere,
        };
        let name = |(nth, (key, (_, _, id))): (usize, &(&Key, (usize, u64, NodeId)))| match key {
            Key::Country(code) => {
                let short = code.len() == 2 && code.is_ascii();
                let sign = if short { code.to_uppercase() } else { letter(nth) };
                (sign, country(view, *id).map_or(code.clone(), |(_, name)| name.to_owned()))
            }
            Key::Owner(_) => (letter(nth), owner(view, *id).unwrap_or_default()),
        };
        let named = ranked.iter().enumerate().map(name).collect();
        let counted = |(members, role, key): &(&[usize], Role, Option<Key>)| {
            (*role, region(*role, key), members.len() as u64)
        };
        let spots = spots.iter().map(counted).collect();
        Self { spots, named, by, inside: view.inside.to_string() }
    }

    /// A node's side and region.
    pub(crate) fn spot(&self, drawn: usize) -> (Role, Region) {
        let (role, region, _) = self.spots[drawn];
        (role, region)
    }

    /// What stands in the shapes of a region, beside its colour.
    pub(crate) fn sign(&self, region: Region) -> Option<&str> {
        match region {
            Region::Ranked(nth) => self.named.get(nth).map(|(sign, _)| &**sign),
            _ => None,
        }
    }

    /// How many nodes of the graph are drawn as of each side and region, in the order of the legend.
    pub(crate) fn counts(&self) -> BTreeMap<(Role, Region), u64> {
        let mut counts = BTreeMap::new();
        for &(role, region, nodes) in &self.spots {
            *counts.entry((role, region)).or_default() += nodes;
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

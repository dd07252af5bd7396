use std::collections::BTreeMap;
use std::net::IpAddr;

use pcapviz_graph::{AddressClass, Annotations, NodeId, Place};

use crate::enricher::hosts;
use crate::{EnrichError, Enriched, Enricher};

/// The country of every public address, from data that comes with the program: no file, no network.
///
/// It is the country for which a regional internet registry delegated the address block, which is where its
/// holder is registered and not always where the host stands: right for about 95 of 100 IPv4 addresses (Zander,
/// "On the accuracy of IP geolocation based on IP allocation data", 2012). What a database says of
/// a country counts before it.
///
/// Sources: the delegation statistics of AFRINIC, APNIC, ARIN, LACNIC and RIPE NCC by way of the crate
/// iptocc; English names of countries from the time zone database's `iso3166.tab` (public domain).
///
/// ```
/// use pcapviz_enrich::Countries;
///
/// let place = Countries.look_up("193.0.6.139".parse().unwrap()).unwrap();
/// assert_eq!((place.country_code.as_deref(), place.country.as_deref()), (Some("NL"), Some("Netherlands")));
/// assert_eq!(Countries.look_up("10.0.0.1".parse().unwrap()), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Countries;

impl Countries {
    /// The day of the data: that of iptocc's release, which follows the registries every night.
    pub const DATE: &str = "2026-11-01";

    /// What is known of an address; `None` for one that is not public, or not delegated. O(1).
    pub fn look_up(self, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        if AddressClass::of(address) != AddressClass::Public {
            return None;
        }
        let code = iptocc::country_code(address)?;
        let mut place = Place::default();
        place.country = name(code).map(str::to_owned);
        place.country_code = Some(code.to_owned());
        place.sources = vec![source()];
        Some(place)
    }
}

impl Enricher for Countries {
    fn title(&self) -> &str {
        "countries"
    }

    fn enrich(&self, nodes: &[NodeId], annotations: &mut Annotations) -> Result<Enriched, EnrichError> {
        let mut enriched = Enriched::default();
        let names = one_name_each(annotations);
        for host in hosts(nodes) {
            let Some(known) = self.look_up(host) else { continue };
            let place = annotations.entry(NodeId::Host(host)).place.get_or_insert_default();
            if place.country.is_none() && place.country_code.is_none() {
                let usual = known.country_code.as_deref().and_then(|code| names.get(code)).cloned();
                (place.country, place.country_code) = (usual.or(known.country), known.country_code);
                place.sources.extend(known.sources);
                enriched.nodes += 1;
            }
        }
        Ok(enriched)
    }
}

/// Gives each country one name: databases in use may call it differently, or in another language. The most frequent one
/// stands, of equals the first by the alphabet. Returns the names by code.
fn one_name_each(annotations: &mut Annotations) -> BTreeMap<String, String> {
    let key = |place: &Place| Some((place.country_code.as_ref()?.to_uppercase(), place.country.clone()?));
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for key in annotations.iter().filter_map(|(_, notes)| key(notes.place.as_ref()?)) {
        *counts.entry(key).or_default() += 1;
    }
    let mut ranked: Vec<((String, String), usize)> = counts.into_iter().collect();
    // The best one of each code comes last, and stays.
    ranked.sort_by(|(a, n), (b, m)| n.cmp(m).then_with(|| b.cmp(a)));
    let names: BTreeMap<String, String> = ranked.into_iter().map(|(key, _)| key).collect();
    for place in annotations.notes_mut().filter_map(|notes| notes.place.as_mut()) {
        if let Some((code, _)) = key(place) {
            place.country = names.get(&code).cloned();
        }
    }
    names
}

/// What stands in the legend.
fn source() -> String {
    format!("address registries, {}", Countries::DATE)
}

/// A country's usual English name.
fn name(code: &str) -> Option<&'static str> {
    const NAMES: &str = include_str!("../data/iso3166.tab");
    let row = |line: &'static str| line.split_once('\t').filter(|(of, _)| *of == code);
    NAMES.lines().find_map(row).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_public_addresses_are_registered() {
        for (address, expected) in [
            ("8.8.8.8", Some(("US", "United States"))),
            ("2001:4860:4860::8888", Some(("US", "United States"))),
            ("::ffff:8.8.8.8", Some(("US", "United States"))),
            ("133.11.0.1", Some(("JP", "Japan"))),
            ("212.58.224.1", Some(("GB", "Britain (UK)"))),
            ("2a01:4f8::1", Some(("DE", "Germany"))),
            ("10.0.0.1", None),
            ("192.0.2.1", None),
            ("fe80::1", None),
            ("224.0.0.251", None),
        ] {
            let place = Countries.look_up(address.parse().unwrap());
            let found = place.as_ref().map(|p| (p.country_code.as_deref(), p.country.as_deref()));
            assert_eq!(found, expected.map(|(code, name)| (Some(code), Some(name))), "{address}");
        }
    }

    /// The date belongs to one release of the data: whoever takes another looks it up anew (the registry index
    /// says when each was published).
    #[test]
    fn the_date_is_that_of_the_release_in_use() {
        let manifest = include_str!("../../../Cargo.toml");
        assert!(manifest.contains("iptocc = \"=1.4.175\""), "renew Countries::DATE with the data");
    }

    #[test]
    fn a_database_counts_before() {
        let node = NodeId::Host("8.8.8.8".parse().unwrap());
        let mut annotations = Annotations::default();
        let mut place = Place::default();
        (place.country, place.sources) = (Some("Elsewhere".into()), vec!["Test".into()]);
        annotations.entry(node).place = Some(place.clone());
        assert_eq!(Countries.enrich(&[node], &mut annotations).unwrap().nodes, 0);
        assert_eq!(annotations.get(node).unwrap().place, Some(place));

        // Its name of the country is everyone's, and of several the most frequent one.
        let mut annotations = Annotations::default();
        for (host, name) in [("8.8.8.8", "USA"), ("8.8.8.9", "Vereinigte Staaten"), ("8.8.8.10", "USA")] {
            let mut place = Place::default();
            (place.country, place.country_code) = (Some(name.into()), Some("US".into()));
            annotations.entry(NodeId::Host(host.parse().unwrap())).place = Some(place);
        }
        let other = NodeId::Host("8.8.4.4".parse().unwrap());
        assert_eq!(Countries.enrich(&[other], &mut annotations).unwrap().nodes, 1);
        let names = annotations.iter().map(|(_, notes)| notes.place.as_ref().unwrap().country.as_deref());
        assert_eq!(names.collect::<Vec<_>>(), [Some("USA"); 4]);

        // One that knows only the owner is completed.
        let mut annotations = Annotations::default();
        let mut place = Place::default();
        (place.asn, place.sources) = (Some(15169), vec!["ASN".into()]);
        annotations.entry(node).place = Some(place);
        assert_eq!(Countries.enrich(&[node], &mut annotations).unwrap().nodes, 1);
        let place = annotations.get(node).unwrap().place.clone().unwrap();
        assert_eq!((place.country.as_deref(), place.asn), (Some("United States"), Some(15169)));
        assert_eq!(place.sources, ["ASN", "address registries, 2026-11-01"]);
    }
}

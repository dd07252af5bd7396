//! Places and owners from MaxMind's own test databases, and from broken ones.
#![allow(clippy::unwrap_used, reason = "a test ends at what it does not expect")]
#![cfg(feature = "geo")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use pcapviz_enrich::{EnrichError, Enricher, GeoDatabases};
use pcapviz_graph::{Annotations, NodeId};
use pcapviz_testkit::shared;

/// City, country, code, AS number and organisation, with `-` for what is not known.
fn place(databases: &GeoDatabases, address: &str) -> String {
    let Some(place) = databases.look_up(address.parse().unwrap()) else { return "nothing".into() };
    let text = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".into());
    let asn = place.asn.map_or("-".into(), |asn| asn.to_string());
    format!(
        "{} | {} | {} | {asn} | {}",
        text(&place.city),
        text(&place.country),
        text(&place.country_code),
        text(&place.organisation)
    )
}

#[test]
fn says_what_each_kind_of_database_knows() {
    let Some(folder) = shared("mmdb") else { return };
    let check = |files: &[&str], language: &str, address: &str, expected: &str| {
        let databases = GeoDatabases::open(files.iter().map(|file| folder.join(file)), language).unwrap();
        assert_eq!(place(&databases, address), expected, "{files:?} {address}");
    };
    let city = &["GeoLite2-City-Test.mmdb"];
    check(city, "en", "81.2.69.142", "London | United Kingdom | GB | - | -");
    check(city, "de", "81.2.69.142", "London | Vereinigtes Königreich | GB | - | -");
    check(city, "pt", "89.160.20.112", "Linköping | Suécia | SE | - | -");
    check(city, "xx", "89.160.20.112", "Linköping | Sweden | SE | - | -");
    check(city, "en", "2.125.160.216", "Boxford | United Kingdom | GB | - | -");
    check(city, "en", "67.43.156.1", "- | Bhutan | BT | - | -");
    check(city, "en", "2001:218::1", "- | Japan | JP | - | -");
    check(city, "en", "10.0.0.1", "nothing");
    check(&["GeoLite2-Country-Test.mmdb"], "en", "2a02:d280::1", "- | Czech Republic | CZ | - | -");
    check(&["GeoLite2-ASN-Test.mmdb"], "en", "1.128.0.1", "- | - | - | 1221 | Telstra Pty Ltd");
    check(&["GeoIP2-ISP-Test.mmdb"], "en", "149.101.100.1", "- | - | - | 6167 | CELLCO-PART");
    check(
        &["GeoIP2-Enterprise-Test.mmdb"],
        "en",
        "74.209.24.0",
        "Chatham | United States | US | 14671 | FairPoint Communications",
    );
    let several = &["GeoLite2-ASN-Test.mmdb", "GeoLite2-City-Test.mmdb"];
    check(several, "en", "216.160.83.56", "Milton | United States | US | 209 | -");
    let databases = GeoDatabases::open(several.map(|file| folder.join(file)), "en").unwrap();
    assert_eq!(databases.kinds().collect::<Vec<_>>(), ["GeoLite2-ASN", "GeoLite2-City"]);
    let milton = databases.look_up("216.160.83.56".parse().unwrap()).unwrap();
    assert_eq!(milton.sources, ["GeoLite2-ASN", "GeoLite2-City"]);
    assert_eq!(milton.coordinates, Some((47_251, -122_315)));
}

#[test]
fn annotates_hosts() {
    let Some(folder) = shared("mmdb") else { return };
    let databases = GeoDatabases::open([folder.join("GeoLite2-City-Test.mmdb")], "en").unwrap();
    let nodes = [NodeId::Endpoint("81.2.69.142".parse().unwrap(), 443), NodeId::Host([10, 0, 0, 1].into())];
    let mut annotations = Annotations::default();
    let enriched = databases.enrich(&nodes, &mut annotations).unwrap();
    assert_eq!((enriched.nodes, enriched.warnings), (1, vec![]));
    assert_eq!(annotations.get(nodes[0]).unwrap().place.as_ref().unwrap().city.as_deref(), Some("London"));

    // A language that it has, in a variant or not, and one that it has not.
    for (language, warned) in [("de", false), ("pt", false), ("en-GB", false), ("xx", true)] {
        let databases = GeoDatabases::open([folder.join("GeoLite2-City-Test.mmdb")], language).unwrap();
        let warnings = databases.enrich(&nodes, &mut Annotations::default()).unwrap().warnings;
        assert_eq!(warnings.len(), usize::from(warned), "{language}: {warnings:?}");
        assert!(
            warnings.iter().all(|w| w.contains("no names in \"xx\"") && w.contains("only in de, en, ")),
            "{warnings:?}"
        );
    }

    // A database of another kind is no error, and is said.
    let databases = GeoDatabases::open([folder.join("GeoIP2-Connection-Type-Test.mmdb")], "en").unwrap();
    let nodes = [NodeId::Host([1, 0, 1, 1].into())];
    let enriched = databases.enrich(&nodes, &mut Annotations::default()).unwrap();
    assert_eq!(enriched.nodes, 0);
    assert!(
        enriched.warnings[0].ends_with("this kind of database says neither places nor owners"),
        "{enriched:?}"
    );
}

#[test]
fn says_which_file_is_no_database() {
    let Some(folder) = shared("mmdb") else { return };
    let error = |path: &Path| GeoDatabases::open([path], "en").err().unwrap();
    let readme = error(&folder.join("README.md"));
    assert!(matches!(readme, EnrichError::Database { .. }), "{readme}");
    assert!(readme.to_string().contains("README.md: not a usable MaxMind database"), "{readme}");
    let missing = error(&folder.join("missing.mmdb"));
    assert!(missing.to_string().contains("missing.mmdb: cannot be read"), "{missing}");
    assert!(matches!(error(&folder), EnrichError::Read { .. }));
}

fn databases_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            databases_below(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "mmdb") {
            found.push(path);
        }
    }
}

/// No file makes the reader panic, hang or take much memory, whatever it is asked.
#[test]
fn survives_every_database() {
    let Some(folder) = shared("mmdb") else { return };
    let mut files = Vec::new();
    databases_below(&folder, &mut files);
    assert!(files.len() >= 50, "{}", files.len());
    let v4 = (0..4096_u32).map(|i| IpAddr::from(Ipv4Addr::from(i.wrapping_mul(0x9e37_79b9))));
    let v6 = (0..4096_u128)
        .map(|i| IpAddr::from((i.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes()));
    let low = (0..512_u32).map(|i| IpAddr::from(Ipv4Addr::from(0x0101_0000 + i)));
    let nodes: Vec<NodeId> = v4.chain(v6).chain(low).map(NodeId::Host).collect();
    let (mut refused, mut damaged) = (0, 0);
    for file in &files {
        match GeoDatabases::open([file], "en") {
            Ok(databases) => {
                let warnings = databases.enrich(&nodes, &mut Annotations::default()).unwrap().warnings;
                damaged += warnings.iter().filter(|w| w.contains("the database is damaged")).count();
            }
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains(file.file_name().unwrap().to_str().unwrap()), "{text}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0 && damaged > 0, "{refused} refused, {damaged} damaged");
}

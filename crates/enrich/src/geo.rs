use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use maxminddb::Reader;
use pcapviz_graph::{Annotations, NodeId, Place};

use self::value::Value;
use crate::enricher::hosts;
use crate::{EnrichError, Enriched, Enricher};

mod value;

/// Places and owners of addresses, from databases in the MaxMind format.
///
/// Reads what a person may have: MaxMind's City, Country, ASN, ISP and Enterprise, and the field names of
/// DB-IP and IPinfo. Where several databases know the same thing of an address, the first one given counts,
/// and so does what was noted of it before.
/// Every address is looked up, private ones too: a database may hold them.
///
/// Sources: the MaxMind DB file format specification 2.0; the vendors' field documentation.
pub struct GeoDatabases {
    databases: Vec<Database>,
    language: String,
}

/// The parts of a record that may have names in several languages.
const PLACES: [&str; 2] = ["city", "country"];

struct Database {
    path: PathBuf,
    /// Such as `GeoLite2-City`.
    kind: String,
    reader: Reader<Vec<u8>>,
    /// Records found, and those of them that say something for a [`Place`].
    found: AtomicU64,
    useful: AtomicU64,
    broken: AtomicU64,
    /// Whether there were names in the language that was asked for.
    is_translated: AtomicBool,
    /// In which languages there were names where there was none in that.
    languages: Mutex<BTreeSet<String>>,
}

impl GeoDatabases {
    /// Opens databases; names of places are wanted in this language (such as `de` or `pt-BR`), and are in
    /// English where there is none in it. Reads each file into memory.
    ///
    /// # Errors
    /// If a file cannot be read or is no such database. A database can be broken further in: that shows
    /// only when addresses are looked up, and is said by [`Enricher::enrich`].
    pub fn open<P: AsRef<Path>>(
        paths: impl IntoIterator<Item = P>,
        language: impl Into<String>,
    ) -> Result<Self, EnrichError> {
        let databases =
            paths.into_iter().map(|path| Database::open(path.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { databases, language: language.into() })
    }

    /// The types of the databases, such as `GeoLite2-City`, in the order given.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.databases.iter().map(|database| database.kind.as_str())
    }

    /// What the databases together say of an address; `None` where they say nothing. O(1) for each database.
    pub fn look_up(&self, address: IpAddr) -> Option<Place> {
        let mut place = Place::default();
        self.add_to(&mut place, address).then_some(place)
    }

    /// Fills what the place does not have yet; says whether there was anything.
    fn add_to(&self, place: &mut Place, address: IpAddr) -> bool {
        let mut added = false;
        for database in &self.databases {
            if database.add_to(place, address, &self.language) {
                place.sources.push(database.kind.clone());
                added = true;
            }
        }
        added
    }
}

impl Enricher for GeoDatabases {
    fn title(&self) -> &str {
        "places"
    }

    fn enrich(&self, nodes: &[NodeId], annotations: &mut Annotations) -> Result<Enriched, EnrichError> {
        let mut enriched = Enriched::default();
        for host in hosts(nodes) {
            let node = NodeId::Host(host);
            let mut place = annotations.get(node).and_then(|notes| notes.place.clone()).unwrap_or_default();
            if self.add_to(&mut place, host) {
                annotations.entry(node).place = Some(place);
                enriched.nodes += 1;
            }
        }
        enriched.warnings = self.databases.iter().filter_map(|it| it.warning(&self.language)).collect();
        Ok(enriched)
    }
}

impl Database {
    fn open(path: &Path) -> Result<Self, EnrichError> {
        let read_error = |source| EnrichError::Read { path: path.to_owned(), source };
        let broken = |reason: String| EnrichError::Database { path: path.to_owned(), reason };

        let mut file = File::open(path).map_err(read_error)?;
        if !has_metadata(&mut file).map_err(read_error)? {
            return Err(broken("its end does not hold the metadata that such a file has".into()));
        }
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(read_error)?;
        let reader = Reader::from_source(bytes).map_err(|error| broken(error.to_string()))?;
        let kind = reader.metadata().database_type.clone();
        let kind = if kind.is_empty() { "unnamed database".to_owned() } else { kind };
        let count = AtomicU64::default;
        Ok(Self {
            path: path.to_owned(),
            kind,
            reader,
            found: count(),
            useful: count(),
            broken: count(),
            is_translated: AtomicBool::default(),
            languages: Mutex::default(),
        })
    }

    /// Fills what the place does not have yet; says whether there was anything.
    fn add_to(&self, place: &mut Place, address: IpAddr, language: &str) -> bool {
        let record = match self.reader.lookup(address).and_then(|found| found.decode::<Value>()) {
            Ok(Some(record)) => record,
            // An IPv4-only database asked for an IPv6 address has no answer; that is no fault.
            Ok(None) | Err(maxminddb::MaxMindDbError::InvalidInput { .. }) => return false,
            Err(_) => {
                self.broken.fetch_add(1, Ordering::Relaxed);
                return false;
            }
        };
        let known = read(&record, language);
        let is_useful = known != Place::default();
        self.found.fetch_add(1, Ordering::Relaxed);
        self.useful.fetch_add(is_useful.into(), Ordering::Relaxed);
        if let Some(names) = PLACES.iter().find_map(|key| record.get(key)?.get("names")) {
            if names.is_in(language) {
                self.is_translated.store(true, Ordering::Relaxed);
            } else if !self.is_translated.load(Ordering::Relaxed)
                && let Ok(mut languages) = self.languages.lock()
            {
                languages.extend(names.keys().map(str::to_owned));
            }
        }
        complete(place, known)
    }

    /// What went wrong with this database so far.
    fn warning(&self, language: &str) -> Option<String> {
        let [found, useful, broken] =
            [&self.found, &self.useful, &self.broken].map(|n| n.load(Ordering::Relaxed));
        let languages = self.languages.lock().map(|all| all.iter().cloned().collect::<Vec<_>>());
        let languages = languages.unwrap_or_default();
        let name = format!("{} ({})", self.path.display(), self.kind);
        if broken > 0 {
            Some(format!("{name}: {broken} addresses could not be looked up: the database is damaged"))
        } else if found > 0 && useful == 0 {
            Some(format!("{name}: this kind of database says neither places nor owners"))
        } else if !languages.is_empty() && !self.is_translated.load(Ordering::Relaxed) {
            let languages = languages.join(", ");
            Some(format!("{name}: no names in {language:?}, only in {languages}; English ones stand in"))
        } else {
            None
        }
    }
}

/// Whether the file's end holds the mark before the metadata, so that a huge file of another kind is not
/// read whole.
fn has_metadata(file: &mut File) -> std::io::Result<bool> {
    const MARK: &[u8] = b"\xab\xcd\xefMaxMind.com";
    /// The metadata, with the mark, is in the last 128 KiB.
    const REACH: u64 = 128 << 10;
    let len = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(len.saturating_sub(REACH)))?;
    let mut end = Vec::new();
    file.take(REACH).read_to_end(&mut end)?;
    Ok(end.windows(MARK.len()).any(|window| window == MARK))
}

/// Takes from another place what the first does not say; whether there was anything.
fn complete(place: &mut Place, other: Place) -> bool {
    let before = place.clone();
    place.city = place.city.take().or(other.city);
    place.country = place.country.take().or(other.country);
    place.country_code = place.country_code.take().or(other.country_code);
    place.coordinates = place.coordinates.or(other.coordinates);
    place.asn = place.asn.or(other.asn);
    place.organisation = place.organisation.take().or(other.organisation);
    *place != before
}

/// What a record says. MaxMind and DB-IP nest and translate; IPinfo and others are flat.
fn read(record: &Value, language: &str) -> Place {
    let text = |key: &str| record.get(key).and_then(Value::text);
    let name = |key: &str| record.get(key)?.get("names")?.translation(language);

    // A flat `country` may be the code, with the name beside it, or the name, with the code beside it.
    let is_code = |text: &String| text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
    let (flat_code, flat_country) = match text("country") {
        Some(code) if is_code(&code) => (Some(code), None),
        name => (None, name),
    };
    let nested_code = record.get("country").and_then(|country| country.get("iso_code")?.text());

    let location = record.get("location").unwrap_or(record);
    let degrees = |keys: &[&str], most: f64| {
        let value = keys.iter().find_map(|key| location.get(key)?.number())?;
        (value.abs() <= most).then(|| (value * 1000.0).round() as i32)
    };
    let latitude = degrees(&["latitude", "lat"], 90.0);
    let longitude = degrees(&["longitude", "lng", "lon"], 180.0);

    // Enterprise databases have the owner among the traits.
    let owner =
        |key: &&str| record.get("traits").and_then(|traits| traits.get(key)).or_else(|| record.get(key));
    let organisation =
        ["autonomous_system_organization", "organization", "isp", "as_name", "as_organization"]
            .iter()
            .find_map(|key| owner(key)?.text());

    let mut place = Place::default();
    place.city = name("city").or_else(|| text("city"));
    place.country = name("country").or_else(|| text("country_name")).or(flat_country);
    place.country_code = nested_code.or_else(|| text("country_code")).or(flat_code);
    place.coordinates = latitude.zip(longitude);
    place.asn = ["autonomous_system_number", "asn"].iter().find_map(|key| owner(key)?.as_number());
    // IPinfo's own ASN database calls it only `name`.
    place.organisation = organisation.or_else(|| record.get("asn").and_then(|_| text("name")));
    for field in [&mut place.city, &mut place.country, &mut place.country_code, &mut place.organisation] {
        field.take_if(|text| text.is_empty());
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, Value)]) -> Value {
        Value::Map(fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn reads_every_vendors_fields() {
        let names = |pairs: &[(&str, &str)]| {
            map(&[("names", map(&pairs.iter().map(|(k, v)| (*k, text(v))).collect::<Vec<_>>()))])
        };
        let nested = map(&[
            ("city", names(&[("en", "Munich"), ("de", "München")])),
            ("country", map(&[("iso_code", text("DE")), ("names", map(&[("en", text("Germany"))]))])),
            ("location", map(&[("latitude", Value::Number(48.137)), ("longitude", Value::Number(11.575))])),
        ]);
        let flat = map(&[
            ("city", text("Munich")),
            ("country", text("DE")),
            ("country_name", text("Germany")),
            ("lat", text("48.137")),
            ("lng", text("11.575")),
        ]);
        let lite = map(&[
            ("country", text("Germany")),
            ("country_code", text("DE")),
            ("asn", text("AS3320")),
            ("as_name", text("Deutsche Telekom AG")),
        ]);
        let traits = map(&[(
            "traits",
            map(&[("autonomous_system_number", Value::Number(3320.0)), ("isp", text("Telekom"))]),
        )]);
        let odd = map(&[
            ("city", Value::Number(1.0)),
            ("country", text("")),
            ("lat", text("x")),
            ("asn", text("AS")),
        ]);

        let place =
            |city: Option<&str>, country: Option<&str>, code: Option<&str>, at, asn, owner: Option<&str>| {
                let mut place = Place::default();
                (place.city, place.country) = (city.map(Into::into), country.map(Into::into));
                (place.country_code, place.coordinates) = (code.map(Into::into), at);
                (place.asn, place.organisation) = (asn, owner.map(Into::into));
                place
            };
        let (germany, de, at) = (Some("Germany"), Some("DE"), Some((48137, 11575)));
        for (record, language, expected) in [
            (&nested, "de", place(Some("München"), germany, de, at, None, None)),
            (&nested, "fr", place(Some("Munich"), germany, de, at, None, None)),
            (&flat, "de", place(Some("Munich"), germany, de, at, None, None)),
            (&lite, "en", place(None, germany, de, None, Some(3320), Some("Deutsche Telekom AG"))),
            (&traits, "en", place(None, None, None, None, Some(3320), Some("Telekom"))),
            (&odd, "en", Place::default()),
            (&Value::Other, "en", Place::default()),
        ] {
            assert_eq!(read(record, language), expected, "{record:?}");
        }
    }
}

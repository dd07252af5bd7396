//! SSDP and device descriptions (UPnP device architecture 2.0, 1.2 and 2.3).

use super::http::field;
use super::text::text;
use super::{DetailKind, Named, Sighting};
use crate::{Application, Protocol};

/// The product that a device says it is, where it announces itself or answers a search.
pub(super) fn announcement(application: &Application<'_>, see: &mut dyn FnMut(Sighting<'_>)) {
    let payload = application.payload;
    if !payload.starts_with(b"NOTIFY * HTTP/1.1\r\n") && !payload.starts_with(b"HTTP/1.1 200 ") {
        return;
    }
    if field(payload, b"location").is_none() {
        return;
    }
    if let Some(server) = field(payload, b"server").and_then(product).and_then(text) {
        see(Sighting::Detail { of: host(application), kind: DetailKind::Product, text: &server });
    }
}

/// `Linux/4.4 UPnP/1.0 Sonos/63.2` is a `Sonos/63.2`.
fn product(server: &[u8]) -> Option<&[u8]> {
    let at = server.windows(5).position(|word| word.eq_ignore_ascii_case(b"upnp/"))?;
    let rest = &server[at..];
    let blank = rest.iter().position(|b| *b == b' ')?;
    Some(rest[blank..].trim_ascii_start()).filter(|product| !product.is_empty())
}

/// The name that a device's description gives it, where that is in the answer's first segment.
pub(super) fn description(application: &Application<'_>, see: &mut dyn FnMut(Sighting<'_>)) {
    const OPEN: &[u8] = b"<friendlyName>";
    let payload = application.payload;
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|window| window == what);
    let is_xml = payload.starts_with(b"HTTP/1.")
        && field(payload, b"content-type").is_some_and(|kind| find(kind, b"xml").is_some());
    if !is_xml || find(payload, b"urn:schemas-upnp-org:device").is_none() {
        return;
    }
    let Some(start) = find(payload, OPEN).map(|at| at + OPEN.len()) else { return };
    let Some(end) = payload[start..].iter().position(|b| *b == b'<') else { return };
    if let Some(name) = text(&payload[start..start + end]) {
        see(Sighting::Name { of: host(application), name: &unescaped(&name), protocol: Protocol::Ssdp });
    }
}

fn host(application: &Application<'_>) -> Named {
    Named::Host(application.addresses.source)
}

/// Without XML's five entities.
fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&amp;", "&")
}

//! HTTP/1 (RFC 9112), and what looks like it: SIP, SSDP.

use std::net::{IpAddr, Ipv6Addr};

use super::text::folded;
use super::{DetailKind, Named, Sighting};
use crate::{Application, Protocol};

/// The longest method that is registered has 17 letters (UPDATEREDIRECTREF).
const MAX_METHOD: usize = 17;

/// Whether it may begin with a first line: the first three bytes of each are capitals or, in methods, dashes.
#[inline]
pub(super) fn may_be_first_line(payload: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'-';
    payload.first_chunk::<3>().is_some_and(|start| start.iter().all(is_letter))
}

/// HTTP or SIP, by a request's or an answer's first line. A first line that goes on in the next segment
/// counts where its beginning leaves no doubt.
pub(super) fn first_line(payload: &[u8]) -> Option<Protocol> {
    if payload.starts_with(b"HTTP/1.") || payload.starts_with(b"PRI * HTTP/2.0\r\n") {
        return Some(Protocol::Http);
    }
    let (method, rest) = method(payload)?;
    match rest.iter().position(|b| *b == b'\n') {
        Some(end) => {
            let line = rest[..end].trim_ascii_end();
            if line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0") {
                Some(Protocol::Http)
            } else {
                line.ends_with(b" SIP/2.0").then_some(Protocol::Sip)
            }
        }
        None => {
            let is_known = matches!(method, b"GET" | b"POST" | b"HEAD" | b"PUT");
            (is_known && (rest.starts_with(b"/") || rest.starts_with(b"http://"))).then_some(Protocol::Http)
        }
    }
}

/// The host that a client asks the server for, as the server's name.
pub(super) fn host(application: &Application<'_>, see: &mut dyn FnMut(Sighting<'_>)) {
    let Some((method, rest)) = method(application.payload) else { return };
    if first_line(application.payload) != Some(Protocol::Http) {
        return;
    }
    let of = Named::Host(application.addresses.destination);
    if matches!(rest.first(), Some(b'/' | b'*')) {
        if let Some(name) = field(application.payload, b"host").and_then(host_name).and_then(folded) {
            see(Sighting::Name { of, name: &name, protocol: Protocol::Http });
        }
        return;
    }
    // Other targets are for proxies: a whole URL, or CONNECT's host and port (RFC 9112, 3.2).
    let target = rest.split(|b| *b == b' ').next().unwrap_or_default();
    let authority = match target.strip_prefix(b"http://") {
        Some(url) => url.split(|b| *b == b'/').next(),
        None => (method == b"CONNECT").then_some(target),
    };
    if let Some(text) = authority.and_then(host_name).and_then(folded) {
        see(Sighting::Detail { of, kind: DetailKind::ProxyFor, text: &text });
    }
}

/// The value of a header field, by its name in lower case. A last line without an end goes on in the next
/// segment.
pub(super) fn field<'a>(message: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let lines = message.split_inclusive(|b| *b == b'\n').skip(1).filter_map(|line| line.strip_suffix(b"\n"));
    lines.map(<[u8]>::trim_ascii_end).take_while(|line| !line.is_empty()).find_map(|line| {
        let colon = line.iter().position(|b| *b == b':')?;
        line[..colon].eq_ignore_ascii_case(name).then(|| line[colon + 1..].trim_ascii())
    })
}

/// The method, and what follows its blank.
fn method(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = payload.iter().take(MAX_METHOD + 1).position(|b| *b == b' ')?;
    let (method, rest) = (&payload[..end], &payload[end + 1..]);
    let is_method = end >= 3 && method.iter().all(|b| b.is_ascii_uppercase() || *b == b'-');
    is_method.then_some((method, rest))
}

/// The name in a Host field, without its port; `None` for an address.
fn host_name(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii();
    let name = match value.iter().rposition(|b| *b == b':') {
        Some(colon) if value[colon + 1..].iter().all(u8::is_ascii_digit) => &value[..colon],
        _ => value,
    };
    let bare = name.strip_prefix(b"[").and_then(|n| n.strip_suffix(b"]")).unwrap_or(name);
    let is_address = std::str::from_utf8(bare)
        .is_ok_and(|text| text.parse::<IpAddr>().is_ok() || text.parse::<Ipv6Addr>().is_ok());
    (!is_address).then_some(name)
}

//! TLS (RFC 8446) and QUIC's long header (RFC 9000).

use std::borrow::Cow;
use std::net::IpAddr;

use super::text::folded;
use super::{Named, Sighting, be16};
use crate::{Application, Protocol};

/// The longest record: 2^14 bytes, and 2048 that encryption may add (RFC 5246, 6.2.3).
const MAX_RECORD: u16 = (1 << 14) + 2048;

pub(super) const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;

/// Whether a TCP segment begins with a TLS record.
pub(super) fn is_record(payload: &[u8]) -> bool {
    let Some(&[kind, 3, minor, high, low]) = payload.first_chunk() else { return false };
    let len = u16::from_be_bytes([high, low]);
    let is_sane = minor <= 4 && (1..=MAX_RECORD).contains(&len);
    // A handshake in the clear says which message it is.
    let is_message = kind != HANDSHAKE || payload.get(5).is_none_or(|message| *message <= 25 || len > 40);
    is_sane && is_message
}

/// Whether a datagram begins with a QUIC long header of a version in use: 1, 2 (RFC 9369), the IETF's
/// drafts, Google's and Facebook's.
pub(super) fn is_quic(payload: &[u8]) -> bool {
    let Some(&[_, a, b, c, d, id_len]) = payload.first_chunk() else { return false };
    let is_google = matches!(a, b'Q' | b'T') && [b, c, d].iter().all(u8::is_ascii_digit);
    let is_other = matches!([a, b, c], [0xff, 0, 0] | [0xfa, 0xce, 0xb0]) || [a, b, c, d] == [0, 0, 0, 1];
    let is_second = [a, b, c, d] == [0x6b, 0x33, 0x43, 0xcf];
    let is_reserved = [a, b, c, d].iter().all(|byte| byte & 0x0f == 0x0a) && payload.len() >= 1200;
    is_google || ((is_other || is_second || is_reserved) && id_len <= 20)
}

/// The server name that a ClientHello asks for, as the server's name. The hello may go on in further
/// segments: it is read as far as it is here.
pub(super) fn server_name(application: &Application<'_>, see: &mut dyn FnMut(Sighting<'_>)) {
    if !is_record(application.payload) {
        return;
    }
    let handshake = handshake(application.payload);
    if let Some(name) = server_name_in(&handshake).and_then(folded) {
        let of = Named::Host(application.addresses.destination);
        see(Sighting::Name { of, name: &name, protocol: Protocol::Tls });
    }
}

/// What the stream of a TLS client begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hello {
    /// No hello, or one that asks for no name.
    None,
    /// A hello that has not said yet which name it asks for.
    GoesOn,
    /// A hello that asks for this name.
    Asks(Vec<u8>),
}

/// Reads the hello that a stream begins with, as far as it is there.
pub(super) fn hello_in_records(stream: &[u8]) -> Hello {
    if !is_record(stream) {
        return Hello::None;
    }
    let message = handshake(stream);
    match (server_name_in(&message), &*message) {
        (Some(name), _) => Hello::Asks(name.to_vec()),
        (None, message) if is_whole(message) => Hello::None,
        (None, &[CLIENT_HELLO, ..]) => Hello::GoesOn,
        _ => Hello::None,
    }
}

/// Whether a handshake message is there to its end.
pub(super) fn is_whole(message: &[u8]) -> bool {
    let Some(&[_, a, b, c]) = message.first_chunk() else { return false };
    message.len() - 4 >= u32::from_be_bytes([0, a, b, c]) as usize
}

/// The server name in a ClientHello message; `None` also where it is an address, which is no name.
pub(super) fn server_name_in(message: &[u8]) -> Option<&[u8]> {
    let name = client_hello(message).and_then(name_asked_for)?;
    let is_address = std::str::from_utf8(name).is_ok_and(|text| text.parse::<IpAddr>().is_ok());
    (!is_address).then_some(name)
}

/// The handshake messages at the front of a segment, out of their records: a message may be cut into
/// several.
fn handshake(mut payload: &[u8]) -> Cow<'_, [u8]> {
    let mut messages = Cow::Borrowed(&[][..]);
    while let Some(&[HANDSHAKE, 3, _, high, low]) = payload.split_off(..5).and_then(|h| h.first_chunk()) {
        let len = usize::from(u16::from_be_bytes([high, low])).min(payload.len());
        let Some(fragment) = payload.split_off(..len) else { break };
        if messages.is_empty() {
            messages = Cow::Borrowed(fragment);
        } else {
            messages.to_mut().extend_from_slice(fragment);
        }
    }
    messages
}

/// A ClientHello's extensions (RFC 8446, 4.1.2), as far as they are there.
fn client_hello(mut message: &[u8]) -> Option<&[u8]> {
    if *message.split_off(..4)?.first()? != CLIENT_HELLO {
        return None;
    }
    message.split_off(..34)?; // version and random
    let session_id = *message.split_off_first()?;
    message.split_off(..usize::from(session_id))?;
    let cipher_suites = be16(&mut message)?;
    message.split_off(..usize::from(cipher_suites))?;
    let compression = *message.split_off_first()?;
    message.split_off(..usize::from(compression))?;
    let extensions = be16(&mut message)?;
    Some(&message[..message.len().min(extensions.into())])
}

/// The host name in the server_name extension (RFC 6066, 3).
fn name_asked_for(mut extensions: &[u8]) -> Option<&[u8]> {
    loop {
        let kind = be16(&mut extensions)?;
        let len = be16(&mut extensions)?;
        let mut value = extensions.split_off(..usize::from(len))?;
        if kind != SERVER_NAME {
            continue;
        }
        be16(&mut value)?; // the list's length
        loop {
            let kind = *value.split_off_first()?;
            let len = be16(&mut value)?;
            let name = value.split_off(..usize::from(len))?;
            if kind == HOST_NAME {
                return Some(name);
            }
        }
    }
}

//! QUIC's Initial packets (RFC 9000, 17.2.2): the keys that protect them follow from the packet itself
//! (RFC 9001, 5.2), so the ClientHello in them can be read by anyone.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::BlockCipherEncrypt;
use aes_gcm::{Aes128Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;

use super::hello::QuicConnection;
use super::text::folded;
use super::tls::{is_whole, server_name_in};
use super::{Named, Sighting};
use crate::{Application, Protocol};

/// Packets that may share a datagram; a client's hello is in the first or the first two.
const MAX_PACKETS: usize = 4;

/// Bytes of an AES block, of the AEAD's tag, and of the sample that header protection takes.
const BLOCK: usize = 16;

/// What differs between versions.
struct Version {
    salt: [u8; 20],
    label: &'static str,
    /// The two type bits of an Initial packet's first byte.
    initial: u8,
}

const VERSION_1: Version = Version {
    salt: *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a",
    label: "quic",
    initial: 0x00,
};
/// RFC 9369.
const VERSION_2: Version = Version {
    salt: *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
    label: "quicv2",
    initial: 0x10,
};
/// draft-ietf-quic-tls-29 to 32, 23 to 28, and 21 to 22.
const DRAFT_29: Version = Version {
    salt: *b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99",
    ..VERSION_1
};
const DRAFT_23: Version = Version {
    salt: *b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02",
    ..VERSION_1
};
const DRAFT_21: Version = Version {
    salt: *b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a",
    ..VERSION_1
};
/// Google's, with TLS.
const T050: Version = Version {
    salt: *b"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10",
    ..VERSION_1
};
const T051: Version = Version {
    salt: *b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d",
    ..VERSION_1
};

/// The version of a number; Facebook's follow the drafts.
fn version(number: &[u8]) -> Option<Version> {
    Some(match *number {
        [0, 0, 0, 1] | [0xff, 0, 0, 33..=34] => VERSION_1,
        [0x6b, 0x33, 0x43, 0xcf] => VERSION_2,
        [0xff, 0, 0, 29..=32] => DRAFT_29,
        [0xff, 0, 0, 23..=28] | [0xfa, 0xce, 0xb0, 0x02 | 0x0e] => DRAFT_23,
        [0xff, 0, 0, 21..=22] | [0xfa, 0xce, 0xb0, 0x01] => DRAFT_21,
        [b'T', b'0', b'5', b'0'] => T050,
        [b'T', b'0', b'5', b'1'] => T051,
        // Reserved, to have the server say its versions (RFC 9000, 15): their clients were drafts' mostly.
        [a, b, c, d] if [a, b, c, d].iter().all(|byte| byte & 0x0f == 0x0a) => DRAFT_29,
        _ => return None,
    })
}

/// The server name in the hello that a client's first datagram holds. Later ones, and the server's, are
/// protected with keys from that first one and do not open.
pub(super) fn server_name(application: &Application<'_>, see: &mut dyn FnMut(Sighting<'_>)) {
    let mut pieces = Vec::new();
    let mut datagram = application.payload;
    let mut id: &[u8] = &[];
    for _ in 0..MAX_PACKETS {
        let Some(packet) = Initial::take(&mut datagram) else { break };
        let Some(frames) = packet.open() else { break };
        id = packet.connection_id;
        crypto_frames(&frames, &mut pieces);
    }
    if pieces.is_empty() {
        return;
    }
    let hello = joined(pieces.clone());
    if let Some(name) = server_name_in(&hello).and_then(folded) {
        let of = Named::Host(application.addresses.destination);
        see(Sighting::Name { of, name: &name, protocol: Protocol::Quic });
    } else if !is_whole(&hello) {
        let mut connection = QuicConnection {
            addresses: application.addresses,
            ports: application.ports.ports,
            id: ([0; 20], id.len() as u8),
        };
        connection.id.0[..id.len()].copy_from_slice(id);
        for (offset, bytes) in &pieces {
            if let Ok(offset) = u32::try_from(*offset) {
                see(Sighting::HelloPiece { connection: &connection, offset, bytes });
            }
        }
    }
}

/// An Initial packet, still protected.
struct Initial<'a> {
    version: Version,
    connection_id: &'a [u8],
    /// From the first byte to the packet number, exclusive.
    header: &'a [u8],
    /// From the packet number to the end.
    rest: &'a [u8],
}

impl<'a> Initial<'a> {
    /// Takes one off the front of a datagram.
    fn take(datagram: &mut &'a [u8]) -> Option<Self> {
        let start = *datagram;
        let first = *datagram.split_off_first()?;
        let version = version(datagram.split_off(..4)?)?;
        if first & 0xf0 != 0xc0 | version.initial {
            return None;
        }
        let connection_id = short(datagram)?;
        short(datagram)?; // the client's own
        let token = varint(datagram)?;
        datagram.split_off(..token)?;
        let len = varint(datagram)?;
        let header = &start[..start.len() - datagram.len()];
        let rest = datagram.split_off(..len)?;
        Some(Self { version, connection_id, header, rest })
    }

    /// Takes off the protection (RFC 9001, 5.4 and 5.3); `None` where its keys are others.
    fn open(&self) -> Option<Vec<u8>> {
        let (secret, _) = Hkdf::<Sha256>::extract(Some(&self.version.salt), self.connection_id);
        let client: [u8; 32] = expand(&secret, "client in")?;
        let key = |purpose: &str| format!("{} {purpose}", self.version.label);
        let header_key: [u8; BLOCK] = expand(&client, &key("hp"))?;
        let packet_key: [u8; BLOCK] = expand(&client, &key("key"))?;
        let mut nonce: [u8; 12] = expand(&client, &key("iv"))?;

        let mut mask: [u8; BLOCK] = self.rest.get(4..4 + BLOCK)?.try_into().ok()?;
        Aes128::new(&header_key.into()).encrypt_block((&mut mask).into());
        let mut header = self.header.to_vec();
        header[0] ^= mask[0] & 0x0f;
        let (number, sealed) = self.rest.split_at_checked(usize::from(header[0] & 3) + 1)?;
        let number: Vec<u8> = number.iter().zip(&mask[1..]).map(|(byte, mask)| byte ^ mask).collect();
        header.extend_from_slice(&number);
        for (byte, number) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *byte ^= number;
        }
        let cipher = Aes128Gcm::new(&packet_key.into());
        cipher.decrypt(&nonce.into(), Payload { msg: sealed, aad: &header }).ok()
    }
}

/// HKDF-Expand-Label (RFC 8446, 7.1) with no context.
fn expand<const N: usize>(secret: &[u8], label: &str) -> Option<[u8; N]> {
    let label = format!("tls13 {label}");
    let info = [&(N as u16).to_be_bytes()[..], &[label.len() as u8], label.as_bytes(), &[0]];
    let mut key = [0; N];
    Hkdf::<Sha256>::from_prk(secret).ok()?.expand_multi_info(&info, &mut key).ok()?;
    Some(key)
}

/// The pieces of the handshake among a packet's frames, each with its place (RFC 9000, 19.6).
fn crypto_frames(mut frames: &[u8], pieces: &mut Vec<(usize, Vec<u8>)>) {
    let mut next = || -> Option<()> {
        match frames.split_off_first()? {
            0 | 1 => {} // padding, ping
            kind @ (2 | 3) => {
                varint(&mut frames)?; // largest
                varint(&mut frames)?; // delay
                let ranges = varint(&mut frames)?;
                varint(&mut frames)?; // the first range
                let counts = if *kind == 3 { 3 } else { 0 };
                for _ in 0..ranges.checked_mul(2)?.checked_add(counts)? {
                    varint(&mut frames)?;
                }
            }
            // 8 is the same for Google's; elsewhere it is a stream, which has no place here.
            6 | 8 => {
                let offset = varint(&mut frames)?;
                let len = varint(&mut frames)?;
                pieces.push((offset, frames.split_off(..len)?.to_vec()));
            }
            _ => return None,
        }
        Some(())
    };
    while next().is_some() {}
}

/// The handshake from its start as far as the pieces reach without a gap.
pub(super) fn joined(mut pieces: Vec<(usize, Vec<u8>)>) -> Vec<u8> {
    pieces.sort();
    let mut whole = Vec::new();
    for (offset, piece) in pieces {
        let Some(known) = whole.len().checked_sub(offset) else { break };
        whole.extend_from_slice(piece.get(known..).unwrap_or_default());
    }
    whole
}

/// A connection ID behind its length.
fn short<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::from(*rest.split_off_first()?);
    if len > 20 { None } else { rest.split_off(..len) }
}

/// A variable-length integer (RFC 9000, 16).
fn varint(rest: &mut &[u8]) -> Option<usize> {
    let first = *rest.split_off_first()?;
    let more = rest.split_off(..(1 << (first >> 6)) - 1)?;
    let value = more.iter().fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte));
    usize::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// RFC 9001, A.1, and RFC 9369, A.1.
    #[test]
    fn keys_are_those_of_the_standard() {
        let id = hex("8394c8f03e515708");
        for (version, key, iv, hp) in [
            (
                VERSION_1,
                "1f369613dd76d5467730efcbe3b1a22d",
                "fa044b2f42a3fd3b46fb255c",
                "9f50449e04a0e810283a1e9933adedd2",
            ),
            (
                VERSION_2,
                "8b1a0bc121284290a29e0971b5cd045d",
                "91f73e2351d8fa91660e909f",
                "45b95e15235d6f45a6b19cbcb0294ba9",
            ),
        ] {
            let (secret, _) = Hkdf::<Sha256>::extract(Some(&version.salt), &id);
            let client: [u8; 32] = expand(&secret, "client in").unwrap();
            let label = |purpose| format!("{} {purpose}", version.label);
            assert_eq!(expand::<16>(&client, &label("key")).unwrap(), hex(key)[..]);
            assert_eq!(expand::<12>(&client, &label("iv")).unwrap(), hex(iv)[..]);
            assert_eq!(expand::<16>(&client, &label("hp")).unwrap(), hex(hp)[..]);
        }
    }

    #[test]
    fn pieces_join_from_the_start() {
        let piece = |offset: usize, text: &str| (offset, text.as_bytes().to_vec());
        for (pieces, expected) in [
            (vec![piece(3, "def"), piece(0, "abc")], "abcdef"),
            (vec![piece(0, "abcd"), piece(2, "cdef"), piece(1, "b")], "abcdef"),
            (vec![piece(0, "abc"), piece(4, "e")], "abc"),
            (vec![piece(1, "b")], ""),
        ] {
            assert_eq!(joined(pieces), expected.as_bytes());
        }
    }

    #[test]
    fn integers_have_four_lengths() {
        // RFC 9000, A.1.
        for (bytes, value) in [
            ("c2197c5eff14e88c", 151_288_809_941_952_652),
            ("9d7f3e7d", 494_878_333),
            ("7bbd", 15_293),
            ("25", 37),
        ] {
            assert_eq!(varint(&mut &hex(bytes)[..]), Some(value));
        }
        assert_eq!(varint(&mut &[0xc2, 0x19][..]), None);
    }
}

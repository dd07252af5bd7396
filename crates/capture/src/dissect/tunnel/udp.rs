//! Tunnels over UDP, by port. A port alone proves nothing: what does not validate as the tunnel is an
//! application's payload.

use super::super::ether::{looks_like_ethernet, mpls, tag};
use super::super::link::{serial, wlan};
use super::super::{Bytes, End, Fields, Next, Step, TunnelId};
use super::{gre, l2tp};
use crate::Protocol;

/// The tunnel that this port is known for, if its header stands here.
#[inline]
pub(in crate::dissect) fn over_udp(port: u16, bytes: Bytes<'_>) -> Option<Step<'_>> {
    tunnel_of(port)?(bytes)
}

/// Whether a tunnel is known for this port.
pub(in crate::dissect) fn may_be_tunnel(port: u16) -> bool {
    tunnel_of(port).is_some()
}

type ReadTunnel = for<'a> fn(Bytes<'a>) -> Option<Step<'a>>;

#[inline]
fn tunnel_of(port: u16) -> Option<ReadTunnel> {
    Some(match port {
        1701 => l2tp::over_udp,
        2152 | 3386 => gtp,
        3544 => teredo,
        4341 => lisp,
        4500 => ipsec,
        4754 => gre_in_udp,
        4789 | 8472 => vxlan,
        4790 => vxlan_gpe,
        5072 => ayiya,
        5247 => capwap,
        6081 => geneve,
        6635 => mpls_in_udp,
        12222 | 12223 => lwapp,
        37008 => tzsp,
        51820 => wireguard,
        _ => return None,
    })
}

/// VXLAN (RFC 7348), with the group policy extension's bits or without.
fn vxlan(bytes: Bytes<'_>) -> Option<Step<'_>> {
    const HAS_VNI: u8 = 0x08;
    let [flags, _, _, _, vni @ ..] = *bytes.array::<8>().ok()?;
    // The reserved bits may be anything on receipt, but a header without a network is none.
    (flags & HAS_VNI != 0).then(|| Step::new(Protocol::Vxlan, vni_field(vni), Next::Ethernet, bytes.skip(8)))
}

/// VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe).
fn vxlan_gpe(bytes: Bytes<'_>) -> Option<Step<'_>> {
    const HAS_NEXT: u8 = 0x04;
    let [flags, _, _, number, vni @ ..] = *bytes.array::<8>().ok()?;
    if flags & 0xc0 != 0 {
        return None;
    }
    let next = if flags & HAS_NEXT != 0 { tag::service_payload(number) } else { Next::Ethernet };
    Some(Step::new(Protocol::Vxlan, vni_field(vni), next, bytes.skip(8)))
}

/// Geneve (RFC 8926).
fn geneve(bytes: Bytes<'_>) -> Option<Step<'_>> {
    let [version_len, _, type_high, type_low, vni @ ..] = *bytes.array::<8>().ok()?;
    let len = 8 + usize::from(version_len & 0x3f) * 4;
    if version_len >> 6 != 0 || bytes.wire_len() < len {
        return None;
    }
    let number = u16::from_be_bytes([type_high, type_low]);
    Some(Step::new(Protocol::Geneve, vni_field(vni), Next::EtherType(number), bytes.skip(len)))
}

/// The upper 24 bits are the network.
fn vni_field(word: [u8; 4]) -> Fields {
    Fields::Tunnel(TunnelId::Vni(u32::from_be_bytes(word) >> 8))
}

/// GTP-U (3GPP TS 29.281), and version 0 (3GPP TS 09.60).
fn gtp(bytes: Bytes<'_>) -> Option<Step<'_>> {
    const PACKET: u8 = 0xff;
    const EXTENSION: u8 = 0x04;
    const ANY_OPTION: u8 = 0x07;
    let [flags, kind, _, _, teid @ ..] = *bytes.array::<8>().ok()?;
    let end = |len| Some(Step::last(Protocol::Gtp, bytes.skip(len)));
    match (flags >> 4, kind) {
        // Version 0: the tunnel is the last 8 bytes of 20.
        (1, PACKET) => {
            return Some(Step::named(Protocol::Gtp, gtp_payload(bytes.skip(20)), bytes.skip(20)));
        }
        (1, _) => return end(20),
        (3, PACKET) => {}
        (3, _) => return end(8),
        _ => return None,
    }
    let mut len = 8;
    if flags & ANY_OPTION != 0 {
        let option = bytes.skip(8).array::<4>().ok()?;
        len = 12;
        let mut more = flags & EXTENSION != 0 && option[3] != 0;
        for _ in 0..MAX_EXTENSIONS {
            if !more {
                break;
            }
            // Its length counts words of 4 bytes; its last byte is the type of the next.
            let words = usize::from(bytes.skip(len).array::<1>().ok()?[0]);
            let next = bytes.captured().get(len + words * 4 - usize::from(words > 0))?;
            if words == 0 {
                return end(len);
            }
            len += words * 4;
            more = *next != 0;
        }
    }
    let rest = bytes.skip(len);
    let id = Fields::Tunnel(TunnelId::Teid(u32::from_be_bytes(teid)));
    Some(Step::new(Protocol::Gtp, id, gtp_payload(rest), rest))
}

const MAX_EXTENSIONS: usize = 16;

/// The tunnel's set-up says what it carries, its packets do not.
fn gtp_payload(bytes: Bytes<'_>) -> Next {
    match bytes.captured() {
        [0x45..=0x4f | 0x60..=0x6f, ..] => Next::Ip,
        [0xff, 0x03, ..] => Next::Other(serial::ppp),
        _ if looks_like_ethernet(bytes) => Next::Ethernet,
        _ => Next::End(End::Done),
    }
}

/// Teredo (RFC 4380): authentication and origin may stand before the IPv6 packet.
fn teredo(bytes: Bytes<'_>) -> Option<Step<'_>> {
    let mut bytes = bytes;
    if let [0, 1, client_len, check_len, ..] = *bytes.captured() {
        bytes = bytes.skip(13 + usize::from(client_len) + usize::from(check_len));
    }
    if let [0, 0, ..] = bytes.captured() {
        bytes = bytes.skip(8);
    }
    matches!(bytes.captured(), [0x60..=0x6f, ..]).then(|| Step::named(Protocol::Teredo, Next::Ip, bytes))
}

/// LISP's data plane (RFC 9300).
fn lisp(bytes: Bytes<'_>) -> Option<Step<'_>> {
    let rest = bytes.skip(8);
    matches!(rest.captured(), [0x45..=0x4f | 0x60..=0x6f, ..])
        .then(|| Step::named(Protocol::Lisp, Next::Ip, rest))
}

/// IKE and ESP on one port (RFC 3948): four zeros mark IKE, a single byte keeps the path open.
fn ipsec(bytes: Bytes<'_>) -> Option<Step<'_>> {
    match bytes.captured() {
        [0xff] | [0, 0, 0, 0, ..] => Some(Step::last(Protocol::Ike, bytes)),
        [a, b, c, d, ..] => {
            let id = Fields::Tunnel(TunnelId::Spi(u32::from_be_bytes([*a, *b, *c, *d])));
            Some(Step::new(Protocol::Esp, id, Next::End(End::Done), bytes.skip(8)))
        }
        _ => None,
    }
}

/// GRE in UDP (RFC 8086).
fn gre_in_udp(bytes: Bytes<'_>) -> Option<Step<'_>> {
    gre::gre(bytes).ok()
}

/// MPLS in UDP (RFC 7510).
fn mpls_in_udp(bytes: Bytes<'_>) -> Option<Step<'_>> {
    mpls::mpls(bytes).ok()
}

/// AYIYA (draft-massar-v6ops-ayiya): identity and signature have lengths of their own.
fn ayiya(bytes: Bytes<'_>) -> Option<Step<'_>> {
    const FORWARD: u8 = 1;
    let [id, signature, operation, number, ..] = *bytes.array::<8>().ok()?;
    let len = 8 + (1 << (id >> 4).min(8)) + usize::from(signature >> 4) * 4;
    bytes.head(len).ok()?;
    let next = if operation & 0xf == FORWARD { Next::IpProtocol(number) } else { Next::End(End::Done) };
    // What is carried is named by an IP protocol number; only IP itself is a tunnel's payload.
    let next = match next {
        Next::IpProtocol(4 | 41) => Next::Ip,
        _ => Next::End(End::Done),
    };
    Some(Step::named(Protocol::Ayiya, next, bytes.skip(len)))
}

/// CAPWAP's data channel (RFC 5415): 802.3 or 802.11 frames.
fn capwap(bytes: Bytes<'_>) -> Option<Step<'_>> {
    const DTLS: u8 = 1;
    const NATIVE: u32 = 0x100;
    const FRAGMENT: u32 = 0x80;
    const KEEP_ALIVE: u32 = 0x08;
    const IEEE_802_11: u32 = 1;
    let [preamble] = *bytes.array().ok()?;
    match preamble {
        0 => {}
        DTLS => return Some(Step::last(Protocol::Capwap, bytes)),
        _ => return None,
    }
    let word = bytes.be32(0).ok()?;
    let len = (word >> 19 & 0x1f) as usize * 4;
    if len < 8 {
        return None;
    }
    let fragment_offset = bytes.be16(6).ok()? >> 3;
    let binding = word >> 9 & 0x1f;
    let next = if word & KEEP_ALIVE != 0 {
        Next::End(End::Done)
    } else if word & FRAGMENT != 0 && fragment_offset > 0 {
        Next::End(End::LaterFragment)
    } else if word & NATIVE == 0 {
        Next::Ethernet
    } else if binding == IEEE_802_11 {
        super::wlan_of_controller()
    } else {
        Next::End(End::Done)
    };
    Some(Step::named(Protocol::Capwap, next, bytes.skip(len)))
}

/// LWAPP (RFC 5412): control messages or 802.11 frames.
fn lwapp(bytes: Bytes<'_>) -> Option<Step<'_>> {
    const CONTROL: u8 = 0x04;
    let [flags, ..] = *bytes.array::<6>().ok()?;
    if flags >> 6 != 0 {
        return None;
    }
    let next = if flags & CONTROL != 0 { Next::End(End::Done) } else { super::wlan_of_controller() };
    Some(Step::named(Protocol::Lwapp, next, bytes.skip(6)))
}

/// TZSP: tagged fields, then the frame that a sniffer saw.
fn tzsp(bytes: Bytes<'_>) -> Option<Step<'_>> {
    const MAX_TAGS: usize = 64;
    let [1, 0 | 1, high, low] = *bytes.array().ok()? else { return None };
    let next = match u16::from_be_bytes([high, low]) {
        1 => Next::Ethernet,
        18 => Next::Other(wlan::frame_as_sent),
        _ => return Some(Step::last(Protocol::Tzsp, bytes)),
    };
    let mut rest = bytes.skip(4);
    for _ in 0..MAX_TAGS {
        rest = match rest.captured() {
            [1, ..] => return Some(Step::named(Protocol::Tzsp, next, rest.skip(1))),
            [0, ..] => rest.skip(1),
            [_, len, ..] => rest.skip(2 + usize::from(*len)),
            _ => return None,
        };
    }
    None
}

/// WireGuard: one of four message kinds, and three zeros.
fn wireguard(bytes: Bytes<'_>) -> Option<Step<'_>> {
    matches!(bytes.captured(), [1..=4, 0, 0, 0, ..]).then(|| Step::last(Protocol::WireGuard, bytes))
}

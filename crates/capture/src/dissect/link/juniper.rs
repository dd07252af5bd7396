//! Juniper's link types: a header of their own, a cookie whose length depends on the interface card, and
//! the frame (as tcpdump reads them; Juniper publishes no specification).

use super::super::ether::{llc, mpls};
use super::super::{Bytes, End, Next, Outcome, Step, StopReason};
use super::serial;

/// Cookies of link services and adaptive services cards begin with these.
const LINK_SERVICES: u8 = 0x54;
const ADAPTIVE_SERVICES: u8 = 0x47;

/// The header: magic number, flags, extensions. Without a link header IP follows 4 bytes later.
fn header<'a>(
    bytes: Bytes<'a>,
    with_link_header: impl Fn(Bytes<'a>) -> Result<(Next, Bytes<'a>), StopReason>,
) -> Outcome<'a> {
    const NO_LINK_HEADER: u8 = 0x02;
    const EXTENSIONS: u8 = 0x80;
    let [magic @ .., flags] = *bytes.array::<4>()?;
    if magic != *b"MGC" {
        return Err(StopReason::WrongVersion);
    }
    let mut rest = bytes.skip(4);
    if flags & EXTENSIONS != 0 {
        let len = 2 + usize::from(rest.be16(0)?);
        rest.head(len)?;
        rest = rest.skip(len);
    }
    let (next, rest) = if flags & NO_LINK_HEADER != 0 {
        (guess(rest.skip(4)), rest.skip(4))
    } else {
        with_link_header(rest)?
    };
    Ok(Step::unnamed(next, rest))
}

/// IP, if the first byte can begin it.
fn guess(bytes: Bytes<'_>) -> Next {
    match bytes.captured() {
        [0x45..=0x4f | 0x60..=0x6f, ..] => Next::Ip,
        _ => Next::End(End::Done),
    }
}

/// The cookie, and what follows it.
fn cookie(bytes: Bytes<'_>, usual_len: usize) -> Result<(&[u8], Bytes<'_>), StopReason> {
    let len = match bytes.array::<1>()? {
        [LINK_SERVICES] => usual_len + 2,
        [ADAPTIVE_SERVICES] => 8,
        _ => usual_len,
    };
    Ok((bytes.head(len)?, bytes.skip(len)))
}

/// The layer-3 protocol in an adaptive services cookie.
fn by_cookie(cookie: &[u8], bytes: Bytes<'_>) -> Next {
    match cookie.get(5).map(|byte| byte >> 4 & 7) {
        Some(0 | 1) => guess(bytes),
        Some(2) => Next::Other(mpls::mpls),
        _ => Next::End(End::Done),
    }
}

pub(super) fn ethernet(bytes: Bytes<'_>) -> Outcome<'_> {
    header(bytes, |rest| Ok((Next::Ethernet, rest)))
}

pub(super) fn ppp(bytes: Bytes<'_>) -> Outcome<'_> {
    header(bytes, |rest| Ok((Next::Other(serial::ppp), rest)))
}

pub(super) fn frame_relay(bytes: Bytes<'_>) -> Outcome<'_> {
    header(bytes, |rest| Ok((Next::Other(serial::frame_relay), rest)))
}

pub(super) fn cisco_hdlc(bytes: Bytes<'_>) -> Outcome<'_> {
    header(bytes, |rest| Ok((Next::Other(serial::cisco_hdlc), rest)))
}

/// PPPoE over ATM: an EtherType before the PPPoE frame.
pub(super) fn pppoe_atm(bytes: Bytes<'_>) -> Outcome<'_> {
    header(bytes, |rest| Ok((Next::EtherType(rest.be16(0)?), rest.skip(2))))
}

/// Monitoring, general services and GGSN cards: a cookie of 8 bytes, then IP.
pub(super) fn services(bytes: Bytes<'_>) -> Outcome<'_> {
    header(bytes, |rest| {
        let (_, rest) = cookie(rest, 8)?;
        Ok((guess(rest), rest))
    })
}

/// Encryption cards: the packet, behind 16 bytes of tunnel for some security associations.
pub(super) fn encryption(bytes: Bytes<'_>) -> Outcome<'_> {
    header(bytes, |rest| {
        let rest = match rest.array::<4>()?[3] {
            3..=5 => rest.skip(16),
            _ => rest,
        };
        Ok((guess(rest), rest))
    })
}

pub(super) fn atm1(bytes: Bytes<'_>) -> Outcome<'_> {
    header(bytes, |rest| {
        let (cookie, rest) = cookie(rest, 4)?;
        // An operations cell is no packet.
        Ok(if cookie[0] == 0x80 { (Next::End(End::Done), rest) } else { atm(rest) })
    })
}

pub(super) fn atm2(bytes: Bytes<'_>) -> Outcome<'_> {
    header(bytes, |rest| {
        let (cookie, rest) = cookie(rest, 8)?;
        Ok(if cookie[7] & 0x70 != 0 { (Next::End(End::Done), rest) } else { atm(rest) })
    })
}

/// LLC, Cisco's NLPID, PPP or the bare packet.
fn atm(bytes: Bytes<'_>) -> (Next, Bytes<'_>) {
    match bytes.captured() {
        [0x03, ..] => (Next::Other(llc::nlpid), bytes.skip(1)),
        _ => (Next::Other(serial::atm), bytes),
    }
}

pub(super) fn multilink_ppp(bytes: Bytes<'_>) -> Outcome<'_> {
    header(bytes, |rest| {
        if let [0xff, 0x03, ..] = rest.captured() {
            return Ok((Next::Other(serial::ppp), rest));
        }
        let (cookie, rest) = cookie(rest, 2)?;
        let next = match cookie[0] {
            ADAPTIVE_SERVICES => by_cookie(cookie, rest),
            _ => Next::Other(serial::ppp),
        };
        Ok((next, rest))
    })
}

pub(super) fn multilink_frame_relay(bytes: Bytes<'_>) -> Outcome<'_> {
    header(bytes, |rest| {
        let (cookie, rest) = cookie(rest, 2)?;
        Ok(behind_bundle(cookie, rest))
    })
}

pub(super) fn frf16(bytes: Bytes<'_>) -> Outcome<'_> {
    const WHOLE_FRAGMENT: u8 = 0xc0;
    header(bytes, |rest| {
        if rest.array::<1>()?[0] & WHOLE_FRAGMENT == WHOLE_FRAGMENT {
            return Ok((Next::Other(serial::multilink_frame_relay), rest));
        }
        let (cookie, rest) = cookie(rest, 4)?;
        Ok(behind_bundle(cookie, rest))
    })
}

/// A bundle's packet: by the cookie, or RFC 2427's control byte and identifier.
fn behind_bundle<'a>(cookie: &[u8], rest: Bytes<'a>) -> (Next, Bytes<'a>) {
    match (cookie[0], rest.captured()) {
        (ADAPTIVE_SERVICES, _) => (by_cookie(cookie, rest), rest),
        (_, [0x03, ..]) => (Next::Other(llc::nlpid), rest.skip(1)),
        _ => (Next::End(End::Done), rest),
    }
}

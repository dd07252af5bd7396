//! Point-to-point links: PPP in its forms, Cisco HDLC, frame relay, ATM, SLIP.

use super::super::ether::{llc, looks_like_ethernet, mpls};
use super::super::{Bytes, End, Fields, Next, Outcome, Step, StopReason, TunnelId};
use crate::Protocol;

/// PPP, with HDLC's address and control bytes or without (RFC 1661, RFC 1662). A link may switch to
/// Cisco HDLC, which its address byte shows.
pub(in crate::dissect) fn ppp(bytes: Bytes<'_>) -> Outcome<'_> {
    match bytes.captured() {
        [0xff, 0x03, ..] => ppp_protocol(bytes.skip(2)),
        [0xff, ..] => ppp_protocol(bytes.skip(1)),
        [0x0f | 0x8f, 0x00, ..] => cisco_hdlc(bytes),
        _ => ppp_protocol(bytes),
    }
}

/// PPP whose first byte tells the direction.
pub(super) fn ppp_with_direction(bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(1)?;
    ppp(bytes.skip(1))
}

/// pppd's captures put the direction in place of the address byte.
pub(super) fn pppd(bytes: Bytes<'_>) -> Outcome<'_> {
    match bytes.captured() {
        [0 | 1, 0x03, ..] => ppp_protocol(bytes.skip(2)),
        _ => ppp(bytes),
    }
}

/// The protocol field: one byte where compressed, which its odd value shows (RFC 1661, 6.5).
fn ppp_protocol(bytes: Bytes<'_>) -> Outcome<'_> {
    let [first] = *bytes.array()?;
    let (number, rest) =
        if first & 1 != 0 { (first.into(), bytes.skip(1)) } else { (bytes.be16(0)?, bytes.skip(2)) };
    let next = match number {
        0x0021 | 0x0057 => Next::Ip,
        0x0023 => Next::Other(iso),
        0x0031 => Next::Other(ppp_bridged),
        0x003d => Next::Other(multilink),
        0x0281 | 0x0283 => Next::Other(mpls::mpls),
        _ => Next::End(End::Done),
    };
    Ok(Step::named(Protocol::Ppp, next, rest))
}

fn iso(bytes: Bytes<'_>) -> Outcome<'_> {
    Ok(Step::last(Protocol::Isis, bytes))
}

/// A bridged frame (RFC 3518); MAC type 1 is Ethernet.
fn ppp_bridged(bytes: Bytes<'_>) -> Outcome<'_> {
    let [flags, mac_type] = *bytes.array()?;
    let lan_id = if flags & 0x40 != 0 { 4 } else { 0 };
    let next = if mac_type == 1 { Next::Ethernet } else { Next::End(End::Done) };
    Ok(Step::unnamed(next, bytes.skip(2 + lan_id)))
}

/// Multilink PPP (RFC 1990): the first fragment of a packet begins with its PPP header.
fn multilink(bytes: Bytes<'_>) -> Outcome<'_> {
    const BEGINNING: u8 = 0x80;
    let [flags, ..] = *bytes.array::<4>()?;
    let next = if flags & BEGINNING != 0 { Next::Other(ppp_protocol) } else { Next::End(End::LaterFragment) };
    Ok(Step::unnamed(next, bytes.skip(4)))
}

/// A PPPoE session (RFC 2516).
pub(in crate::dissect) fn pppoe(bytes: Bytes<'_>) -> Outcome<'_> {
    let [_, code, session @ .., len_high, len_low] = *bytes.array::<6>()?;
    let session = u16::from_be_bytes(session);
    let len = u16::from_be_bytes([len_high, len_low]);
    // A length of 0 is offloaded, as in IP.
    let rest = if len == 0 { bytes.skip(6) } else { bytes.skip(6).limit(len.into()) };
    let next = if code == 0 { Next::Other(ppp_protocol) } else { Next::End(End::Done) };
    Ok(Step::new(Protocol::Pppoe, Fields::Tunnel(TunnelId::Session(session.into())), next, rest))
}

/// Cisco HDLC: address, control, EtherType.
pub(super) fn cisco_hdlc(bytes: Bytes<'_>) -> Outcome<'_> {
    const SLARP: u16 = 0x8035;
    const OSI: u16 = 0xfefe;
    let [_, _, high, low] = *bytes.array()?;
    let next = match u16::from_be_bytes([high, low]) {
        SLARP => Next::End(End::Done),
        // A byte of padding stands before the identifier.
        OSI => Next::Other(llc::nlpid),
        number => Next::EtherType(number),
    };
    Ok(Step::named(Protocol::CiscoHdlc, next, bytes.skip(4)))
}

/// Cisco HDLC whose first byte tells the direction.
pub(super) fn cisco_hdlc_with_direction(bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(1)?;
    cisco_hdlc(bytes.skip(1))
}

/// Frame relay (ITU-T Q.922): an address of 2 to 4 bytes, whose last has the lowest bit set. Behind it
/// RFC 2427's control byte and NLPID, or Cisco's EtherType.
pub(in crate::dissect) fn frame_relay(bytes: Bytes<'_>) -> Outcome<'_> {
    const UNNUMBERED_INFORMATION: u8 = 0x03;
    let address = bytes.captured().iter().take(4).position(|byte| byte & 1 != 0);
    let Some(address_len) = address.map(|last| last + 1).filter(|&len| len > 1) else {
        bytes.head(4)?;
        return Ok(Step::last(Protocol::FrameRelay, bytes));
    };
    let rest = bytes.skip(address_len);
    let [control] = *rest.array()?;
    let (next, rest) = if control == UNNUMBERED_INFORMATION {
        (Next::Other(llc::nlpid), rest.skip(1))
    } else {
        match rest.be16(0)? {
            number if number >= 0x0600 => (Next::EtherType(number), rest.skip(2)),
            _ if looks_like_ethernet(rest) => (Next::Ethernet, rest),
            _ => (Next::End(End::Done), rest),
        }
    };
    Ok(Step::named(Protocol::FrameRelay, next, rest))
}

/// Frame relay whose first byte tells the direction.
pub(super) fn frame_relay_with_direction(bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(1)?;
    frame_relay(bytes.skip(1))
}

/// Multilink frame relay (FRF.16): a fragment header, then frame relay in the fragment that begins one.
pub(super) fn multilink_frame_relay(bytes: Bytes<'_>) -> Outcome<'_> {
    const BEGINNING: u8 = 0x80;
    const CONTROL: u8 = 0x20;
    let [flags, _] = *bytes.array()?;
    let next = match flags {
        _ if flags & CONTROL != 0 => Next::End(End::Done),
        _ if flags & BEGINNING != 0 => Next::Other(frame_relay),
        _ => Next::End(End::LaterFragment),
    };
    Ok(Step::named(Protocol::FrameRelay, next, bytes.skip(2)))
}

/// An AAL5 packet (RFC 2684): with an LLC header, or what the circuit was made for.
pub(super) fn atm(bytes: Bytes<'_>) -> Outcome<'_> {
    let next = match bytes.captured() {
        [0xaa, 0xaa, 0x03, ..] | [0xfe, 0xfe, 0x03, ..] => Next::Other(llc::llc),
        [0x45..=0x4f, ..] | [0x60..=0x6f, ..] => Next::Ip,
        [0xff, 0x03, ..] | [0x00, 0x21, ..] | [0xc0, 0x21, ..] => Next::Other(ppp),
        [0x00, 0x00, ..] if looks_like_ethernet(bytes.skip(2)) => Next::Other(padded_ethernet),
        [_, ..] => Next::Other(llc::llc),
        [] => return Err(bytes.missing(1)),
    };
    Ok(Step::named(Protocol::Atm, next, bytes))
}

fn padded_ethernet(bytes: Bytes<'_>) -> Outcome<'_> {
    Ok(Step::unnamed(Next::Ethernet, bytes.skip(2)))
}

/// SunATM: flags, circuit, and the packet; the flags' lower half says what it is.
pub(super) fn sun_atm(bytes: Bytes<'_>) -> Outcome<'_> {
    let [flags, ..] = *bytes.array::<4>()?;
    let rest = bytes.skip(4);
    let next = match flags & 0x0f {
        // LAN emulation has its own header of two bytes.
        1 => Next::Other(lan_emulation),
        2 => Next::Other(atm),
        _ => return Ok(Step::last(Protocol::Atm, rest)),
    };
    Ok(Step::unnamed(next, rest))
}

fn lan_emulation(bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(2)?;
    Ok(Step::named(Protocol::Atm, Next::Ethernet, bytes.skip(2)))
}

/// SLIP as libpcap writes it: the direction, the compressed header's 15 bytes, and the whole packet.
pub(super) fn slip(bytes: Bytes<'_>) -> Outcome<'_> {
    const COMPRESSED: u8 = 0x80;
    let [direction, kind, ..] = *bytes.array::<16>()?;
    if direction > 1 || (kind & COMPRESSED == 0 && !matches!(kind >> 4, 4 | 7)) {
        return Err(StopReason::WrongHeader);
    }
    Ok(Step::named(Protocol::Slip, Next::Ip, bytes.skip(16)))
}

/// BSD/OS SLIP: 24 bytes before the packet.
pub(super) fn slip_bsdos(bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(24)?;
    Ok(Step::named(Protocol::Slip, Next::Ip, bytes.skip(24)))
}

/// BSD/OS PPP: 24 bytes before the PPP frame.
pub(super) fn ppp_bsdos(bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(24)?;
    ppp(bytes.skip(24))
}

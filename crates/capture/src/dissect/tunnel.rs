//! Tunnels: headers that carry a packet or frame of their own inside IP.

pub(super) mod gre;
pub(super) mod l2tp;
pub(super) mod udp;

use super::{Bytes, End, Fields, Hosts, Next, Outcome, Pair, Step, StopReason, link};
use crate::Protocol;

/// EtherIP (RFC 3378): version 3 and a frame.
pub(super) fn ether_ip(bytes: Bytes<'_>) -> Outcome<'_> {
    if bytes.be16(0)? >> 12 != 3 {
        return Err(StopReason::WrongVersion);
    }
    Ok(Step::named(Protocol::EtherIp, Next::Ethernet, bytes.skip(2)))
}

/// PIM (RFC 7761): a register message carries the packet that a source sent.
pub(super) fn pim(bytes: Bytes<'_>) -> Outcome<'_> {
    const VERSION_2_REGISTER: u8 = 0x21;
    match bytes.captured() {
        [VERSION_2_REGISTER, _, _, _, _, _, _, _, 0x40..=0x6f, ..] => {
            Ok(Step::named(Protocol::Pim, Next::Ip, bytes.skip(8)))
        }
        _ => Ok(Step::last(Protocol::Pim, bytes)),
    }
}

/// Minimal encapsulation (RFC 2004): the header says what of the original header was replaced.
pub(super) fn minimal_encapsulation(bytes: Bytes<'_>) -> Outcome<'_> {
    let [protocol, flags, _, _, d0, d1, d2, d3] = *bytes.array()?;
    let destination = [d0, d1, d2, d3].into();
    let Ok(&[s0, s1, s2, s3]) = bytes.skip(8).array() else {
        return Err(bytes.missing(12));
    };
    if flags & 0x80 == 0 {
        // The source is that of the header before: there is no second pair of addresses here.
        return Ok(Step::named(Protocol::MinimalEncapsulation, Next::End(End::Done), bytes.skip(8)));
    }
    let addresses = Pair { source: [s0, s1, s2, s3].into(), destination };
    let hosts = Fields::Hosts(Hosts { addresses, protocol, fragment: None, is_wrapped: false });
    Ok(Step::new(Protocol::MinimalEncapsulation, hosts, Next::IpProtocol(protocol), bytes.skip(12)))
}

/// An 802.11 frame out of a tunnel to a controller.
fn wlan_of_controller() -> Next {
    Next::Other(link::wlan::frame_of_controller)
}

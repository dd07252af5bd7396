//! Link types: one table of where their headers have what, as tcpdump sees them.

use super::program::WlanPrefix;
use crate::LinkType;

/// How a link type tells which protocol it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// EtherType, or 802.3 length and LLC.
    Ethernet,
    /// An 802.11 header with LLC, behind one that says more of the radio.
    Wlan(WlanPrefix),
    /// LLC.
    Llc,
    /// Sun's ATM: LLC if the first byte says so.
    SunAtm,
    /// Linux cooked, version 1: an EtherType, or one of Linux's own numbers.
    LinuxCooked,
    /// EtherTypes only.
    EtherType,
    /// Cisco HDLC: EtherTypes, and a number of its own for OSI.
    Hdlc,
    /// PPP protocol numbers.
    Ppp,
    /// PPP with compressed IP headers told apart from plain ones.
    PppBsdos,
    /// The IP version, by its first nibble.
    Raw,
    Ipv4,
    Ipv6,
    /// A 32-bit address family: of the capturing machine's byte order, or big-endian.
    Loopback {
        is_big_endian: bool,
    },
    Arcnet,
    FrameRelay,
    LocalTalk,
    Ipnet,
    /// Juniper's magic number says that there is something, and not what.
    Juniper,
    /// Only `link[...]` and lengths make sense.
    Opaque,
}

/// One link type, or several that are alike.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) numbers: &'static [u16],
    pub(super) kind: Kind,
    /// Where the link header starts.
    pub(super) header: u32,
    /// Where the protocol's number stands.
    pub(super) type_field: u32,
    /// Where the link header's payload (LLC counts as payload) starts.
    pub(super) payload: u32,
    /// From there to the network header.
    pub(super) network: u32,
    /// The same where there is LLC without SNAP.
    pub(super) network_without_snap: u32,
    /// Where destination and source MAC address stand.
    pub(super) macs: Option<(u32, u32)>,
}

const fn row(kind: Kind, numbers: &'static [u16], type_field: u32, payload: u32) -> Row {
    let (network, network_without_snap) = match kind {
        Kind::Ethernet => (0, 3),
        Kind::Wlan(_) | Kind::Llc | Kind::SunAtm => (8, 3),
        _ => (0, 0),
    };
    let macs = match kind {
        Kind::Ethernet => Some((0, 6)),
        _ => None,
    };
    Row { numbers, kind, header: 0, type_field, payload, network, network_without_snap, macs }
}

const fn juniper(numbers: &'static [u16], network: u32, network_without_snap: u32) -> Row {
    Row { network, network_without_snap, ..row(Kind::Juniper, numbers, 0, 0) }
}

const RADIOTAP: WlanPrefix = WlanPrefix::LittleEndian { is_radiotap: true };
pub(super) const PPI: WlanPrefix = WlanPrefix::LittleEndian { is_radiotap: false };

/// The rows; the last one stands for every link type that has none.
pub(super) static TABLE: [Row; ROWS] = [
    row(Kind::Ethernet, &[1], 12, 14),
    row(Kind::Raw, &[12, 14, 101], 0, 0),
    row(Kind::Ipv4, &[228], 0, 0),
    row(Kind::Ipv6, &[229], 0, 0),
    row(Kind::LinuxCooked, &[113], 14, 16),
    row(Kind::EtherType, &[276], 0, 20),
    row(Kind::Loopback { is_big_endian: false }, &[0], 0, 4),
    row(Kind::Loopback { is_big_endian: true }, &[108], 0, 4),
    row(Kind::Loopback { is_big_endian: false }, &[109], 0, 12),
    row(Kind::Wlan(WlanPrefix::None), &[105], 0, 0),
    row(Kind::Wlan(RADIOTAP), &[127], 0, 0),
    row(Kind::Wlan(PPI), &[192], 0, 0),
    row(Kind::Wlan(WlanPrefix::Prism), &[119], 0, 0),
    row(Kind::Wlan(WlanPrefix::Avs), &[163], 0, 0),
    row(Kind::Ppp, &[9, 50, 166], 2, 4),
    row(Kind::Ppp, &[51], 6, 8),
    row(Kind::PppBsdos, &[16], 5, 24),
    row(Kind::Hdlc, &[104, 112], 2, 4),
    row(Kind::FrameRelay, &[107], 0, 0),
    row(Kind::Raw, &[8], 0, 16),
    row(Kind::Raw, &[15], 0, 24),
    Row { macs: Some((2, 8)), ..row(Kind::Llc, &[6], 14, 14) },
    Row { macs: Some((1, 7)), ..row(Kind::Llc, &[10], 13, 13) },
    row(Kind::Llc, &[100, 106], 0, 0),
    Row { macs: Some((2, 10)), ..row(Kind::Llc, &[122], 16, 16) },
    row(Kind::SunAtm, &[123], 0, 4),
    row(Kind::Arcnet, &[7], 2, 6),
    row(Kind::Arcnet, &[129], 4, 8),
    row(Kind::LocalTalk, &[114], 0, 0),
    row(Kind::EtherType, &[99], 6, 44),
    row(Kind::EtherType, &[138], 16, 18),
    row(Kind::Ipnet, &[226], 1, 24),
    Row { header: 4, macs: Some((4, 10)), ..row(Kind::Ethernet, &[240], 16, 18) },
    Row { header: 12, macs: Some((12, 18)), ..row(Kind::Ethernet, &[241], 24, 26) },
    juniper(&[130, 131, 134, 179, 180, 181], 4, 3),
    juniper(&[132, 136, 183, 194, 200], 0_u32.wrapping_sub(2), 0_u32.wrapping_sub(2)),
    juniper(&[133, 164], 12, 11),
    juniper(&[135], 8, 18),
    juniper(&[137], 4, 14),
    juniper(&[178], 32, 35),
    row(Kind::Opaque, &[], 0, 0),
];

/// How many rows there are.
pub(super) const ROWS: usize = 41;

/// The index of a link type's row.
#[inline]
pub(super) fn index(link_type: LinkType) -> usize {
    // Ethernet is first, and nearly always.
    TABLE.iter().position(|row| row.numbers.contains(&link_type.0)).unwrap_or(ROWS - 1)
}

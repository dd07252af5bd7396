//! snoop (RFC 1761), and Shomiti Surveyor's way of writing it.

use super::format::FileFormat;
use super::pcap::Header;
use super::record::{Endian, Record, Step, packet_limit, too_long};
use crate::{LinkType, Timestamp};

const MAGIC: &[u8] = b"snoop\0\0\0";
const FILE_HEADER: usize = 16;
const RECORD_HEADER: usize = 24;
/// Shomiti writes at least so many bytes of its own behind each packet.
const SHOMITI_TRAILER: u32 = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snoop {
    link_type: LinkType,
}

impl Snoop {
    /// Reads the file header, and the first record's to see whether Shomiti's numbers are meant.
    pub(super) fn detect(head: &[u8]) -> Header<Self> {
        if !head.starts_with(MAGIC) {
            return Header::Other;
        }
        let Some([version, datalink]) = Endian::Big.u32s(&head[MAGIC.len()..]) else {
            return Header::Cut(FILE_HEADER);
        };
        if !(2..=5).contains(&version) {
            return Header::Unsupported(format!("snoop version {version} is not 2, nor Shomiti's 3 to 5"));
        }
        let shomiti =
            Endian::Big.u32s(&head[FILE_HEADER..]).is_some_and(|[_, captured, record_len]: [u32; 3]| {
                record_len.saturating_sub(RECORD_HEADER as u32).saturating_sub(captured) >= SHOMITI_TRAILER
            });
        let link_type = if shomiti { shomiti_link_type(datalink) } else { link_type(datalink) };
        Header::Found(Self { link_type: link_type.unwrap_or(NO_LINKTYPE) }, FILE_HEADER)
    }

    pub(super) fn format(&self) -> FileFormat {
        FileFormat::Snoop
    }

    pub(super) fn step(&self, window: &[u8]) -> Step {
        let Some([original, captured, len, _drops, seconds, micros]) = Endian::Big.u32s(window) else {
            return Step::Need(RECORD_HEADER);
        };
        let limit = packet_limit(self.link_type);
        if captured > limit {
            return too_long(captured, limit);
        }
        let room = len.saturating_sub(RECORD_HEADER as u32);
        if room < captured || room - captured > limit {
            return Step::Damaged(format!("a record of {len} bytes cannot hold {captured} captured bytes"));
        }
        if window.len() < len as usize {
            return Step::Need(len as usize);
        }
        let nanos = u64::from(seconds) * 1_000_000_000 + u64::from(micros) * 1000;
        Step::Packet(Record {
            len: len as usize,
            data: RECORD_HEADER,
            captured: captured as usize,
            wire_len: original,
            timestamp: Some(Timestamp::from_nanos(nanos.cast_signed())),
            link_type: self.link_type,
            fcs_len: 0,
        })
    }
}

/// For data links that have no LINKTYPE_ number: one that nobody has.
const NO_LINKTYPE: LinkType = LinkType(u16::MAX);

const TOKEN_RING: LinkType = LinkType(6);
const FDDI: LinkType = LinkType(10);
const FRAME_RELAY: LinkType = LinkType(107);
const IP_OVER_FIBRE_CHANNEL: LinkType = LinkType(122);
const SUN_ATM: LinkType = LinkType(123);
const IPNET: LinkType = LinkType(226);

/// The IANA registry "Snoop Datalink Types", which continues RFC 1761 with Solaris' DL_ numbers.
fn link_type(datalink: u32) -> Option<LinkType> {
    match datalink {
        0 | 4 | 24 | 25 => Some(LinkType::ETHERNET),
        2 => Some(TOKEN_RING),
        8 => Some(FDDI),
        10 | 11 => Some(FRAME_RELAY),
        9 | 14 => Some(LinkType::NULL),
        16 => Some(IP_OVER_FIBRE_CHANNEL),
        18 => Some(SUN_ATM),
        0x8000_0005 => Some(IPNET),
        _ => None,
    }
}

/// Shomiti gave the numbers that RFC 1761 left open meanings of its own.
fn shomiti_link_type(datalink: u32) -> Option<LinkType> {
    match datalink {
        0 | 4 | 10 | 12 | 19 => Some(LinkType::ETHERNET),
        2 | 11 | 13 | 14 => Some(TOKEN_RING),
        8 => Some(FDDI),
        _ => None,
    }
}

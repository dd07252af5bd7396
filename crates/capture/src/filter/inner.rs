//! The innermost frame of a tunnelled packet, as a packet of its own.

use crate::{DissectOptions, Fields, LinkType, Packet, layers};

const IEEE802_11: LinkType = LinkType(105);

/// The packet from its innermost Ethernet or 802.11 header on, if an IP header follows it or none does at
/// all; else from its innermost IP header on. A packet that is in no tunnel comes back as it is.
pub(super) fn innermost<'a>(packet: &Packet<'a>) -> Packet<'a> {
    let mut inner = None;
    // Whether a link header, an IP header was seen, and whether the latest of them is a link header.
    let (mut is_carried, mut in_frame) = (false, true);
    let mut ip_headers = 0;
    for layer in layers(packet, &DissectOptions::default()) {
        match layer.fields {
            Fields::Devices(_) | Fields::Stations(_) => {
                let is_ethernet = matches!(layer.fields, Fields::Devices(_));
                if is_carried {
                    inner = Some((if is_ethernet { LinkType::ETHERNET } else { IEEE802_11 }, layer.offset));
                }
                (is_carried, in_frame) = (true, true);
            }
            Fields::Hosts(_) => {
                if ip_headers > 0 && !in_frame {
                    inner = Some((LinkType::RAW, layer.offset));
                }
                ip_headers += 1;
                (is_carried, in_frame) = (true, false);
            }
            _ => {}
        }
    }
    let Some((link_type, offset)) = inner else { return *packet };
    let mut packet = *packet;
    packet.link_type = link_type;
    packet.captured = packet.captured.get(offset..).unwrap_or_default();
    packet.wire_len = packet.wire_len.saturating_sub(u32::try_from(offset).unwrap_or(u32::MAX));
    packet
}

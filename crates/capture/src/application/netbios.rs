//! NetBIOS over UDP (RFC 1002): the name service and the datagram service.

use std::net::{IpAddr, Ipv4Addr};

use super::dns::Message;
use super::text::text;
use super::{Named, Sighting};
use crate::{Application, Protocol};

const NB: u16 = 0x20;
const NBSTAT: u16 = 0x21;

/// Of a name's flags (RFC 1002, 4.2.1.3): it belongs to a group, not to a host.
const GROUP: u8 = 0x80;

/// The names that hosts claim, hold and are found under. A group's name is no host's.
pub(super) fn name_service(application: &Application<'_>, see: &mut dyn FnMut(Sighting<'_>)) {
    let bytes = application.payload;
    // A negative answer says whose the name is not.
    let Some(&[flags, more_flags]) = bytes.get(2..4).and_then(|b| b.first_chunk()) else { return };
    let is_answer = flags & 0x80 != 0;
    if is_answer && more_flags & 0x0f != 0 {
        return;
    }
    for record in Message::read(bytes).records {
        match record.kind {
            // Flags and address, for each of the name's owners.
            NB => {
                let Some(name) = record.owner.labels().next().and_then(decode) else { continue };
                for owner in record.data.chunks_exact(6).filter(|owner| owner[0] & GROUP == 0) {
                    report(&name, Ipv4Addr::new(owner[2], owner[3], owner[4], owner[5]).into(), see);
                }
            }
            // The names of the host that answers: a count, then name and flags of each.
            NBSTAT if is_answer => {
                let names = record.data.get(1..).unwrap_or_default().chunks_exact(18);
                for name in names.take(record.data.first().copied().unwrap_or(0).into()) {
                    let (name, flags) = name.split_at(16);
                    if flags[0] & GROUP == 0 {
                        report(name, application.addresses.source, see);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The sender's name in a datagram (RFC 1002, 4.4.2).
pub(super) fn datagram(bytes: &[u8], see: &mut dyn FnMut(Sighting<'_>)) {
    let (Some(&[kind @ 0x10..=0x12, ..]), Some(source), Some(name)) =
        (bytes.first_chunk::<1>(), bytes.get(4..8), bytes.get(15..47))
    else {
        return;
    };
    debug_assert!((0x10..=0x12).contains(&kind), "a directed, group or broadcast datagram");
    if bytes[14] == 32
        && let Some(name) = decode(name)
    {
        report(&name, Ipv4Addr::new(source[0], source[1], source[2], source[3]).into(), see);
    }
}

/// First-level decoding (RFC 1001, 14.1): two letters from A to P are one byte.
fn decode(label: &[u8]) -> Option<[u8; 16]> {
    let letters: &[u8; 32] = label.try_into().ok()?;
    let mut name = [0; 16];
    for (byte, pair) in name.iter_mut().zip(letters.chunks_exact(2)) {
        let nibble = |letter: u8| letter.checked_sub(b'A').filter(|n| *n < 16);
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(name)
}

/// Reports a name whose last byte says that it is the machine's own: a workstation or a file server, not
/// one of its users or the services of its domain.
fn report(name: &[u8], host: IpAddr, see: &mut dyn FnMut(Sighting<'_>)) {
    if let Some((0x00 | 0x20, name)) = name.split_last()
        && let Some(name) = text(name)
    {
        see(Sighting::Name { of: Named::Host(host), name: &name, protocol: Protocol::Netbios });
    }
}

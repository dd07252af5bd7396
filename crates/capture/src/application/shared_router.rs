//! Addresses that routers share: HSRP (RFC 2281; its version 2 is Cisco's own) and VRRP (RFC 9568).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Sighting;

/// The address that the routers of an HSRP group share.
pub(super) fn hsrp(message: &[u8], see: &mut dyn FnMut(Sighting<'_>)) {
    /// In version 2: group state, of 40 bytes.
    const STATE: [u8; 2] = [1, 40];
    let host: Option<IpAddr> = if message.starts_with(&STATE) {
        let address = message.get(26..).and_then(<[u8]>::first_chunk::<16>);
        match (message.get(5), address) {
            (Some(4), Some([a, b, c, d, ..])) => Some(Ipv4Addr::new(*a, *b, *c, *d).into()),
            (Some(6), Some(address)) => Some(Ipv6Addr::from(*address).into()),
            _ => None,
        }
    } else if message.first() == Some(&0) {
        message.get(16..).and_then(<[u8]>::first_chunk::<4>).map(|ip| Ipv4Addr::from(*ip).into())
    } else {
        None
    };
    say(host, see);
}

/// The addresses that the routers of a VRRP group share, from what the IP header carries.
pub(super) fn vrrp(message: &[u8], is_v6: bool, see: &mut dyn FnMut(Sighting<'_>)) {
    let Some(&[version, _, _, count, ..]) = message.first_chunk::<8>() else { return };
    /// An advertisement of version 2 or 3.
    const ADVERTISEMENTS: [u8; 2] = [0x21, 0x31];
    if !ADVERTISEMENTS.contains(&version) {
        return;
    }
    let addresses = &message[8..];
    if is_v6 {
        for address in addresses.as_chunks::<16>().0.iter().take(count.into()) {
            say(Some(Ipv6Addr::from(*address).into()), see);
        }
    } else {
        for address in addresses.as_chunks::<4>().0.iter().take(count.into()) {
            say(Some(Ipv4Addr::from(*address).into()), see);
        }
    }
}

fn say(host: Option<IpAddr>, see: &mut dyn FnMut(Sighting<'_>)) {
    if let Some(host) = host.filter(|host| !host.is_unspecified()) {
        see(Sighting::VirtualRouter { host });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(read: impl Fn(&[u8], &mut dyn FnMut(Sighting<'_>)), message: &[u8], expected: &[&str]) {
        let mut seen = Vec::new();
        read(message, &mut |sighting| {
            if let Sighting::VirtualRouter { host } = sighting {
                seen.push(host.to_string());
            }
        });
        assert_eq!(seen, expected, "{message:02x?}");
        (0..message.len()).for_each(|len| read(&message[..len], &mut |_| ()));
    }

    #[test]
    fn routers_say_which_address_they_share() {
        let first = [&[0, 0, 16, 3, 10, 120, 1, 0][..], b"cisco\0\0\0", &[10, 0, 0, 1]].concat();
        let state = [&[1, 40, 2, 0, 6][..], &[4; 1], &[0; 20], &[10, 0, 0, 2], &[0; 12]].concat();
        check(hsrp, &first, &["10.0.0.1"]);
        check(hsrp, &state, &["10.0.0.2"]);
        check(hsrp, &[9; 40], &[]);
        check(hsrp, &[0; 20], &[]);
        let v4 = |message: &[u8], see: &mut dyn FnMut(Sighting<'_>)| vrrp(message, false, see);
        let v6 = |message: &[u8], see: &mut dyn FnMut(Sighting<'_>)| vrrp(message, true, see);
        check(
            v4,
            &[0x21, 1, 100, 2, 0, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 9, 9, 9, 9],
            &["10.0.0.1", "10.0.0.2"],
        );
        check(v4, &[0x31, 1, 100, 9, 0, 1, 0, 0, 10, 0, 0, 1], &["10.0.0.1"]);
        check(v4, &[0x22, 1, 100, 1, 0, 1, 0, 0, 10, 0, 0, 1], &[]);
        let address = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        check(v6, &[&[0x31, 1, 100, 1, 0, 1, 0, 0][..], &address.octets()].concat(), &["fe80::1"]);
    }
}

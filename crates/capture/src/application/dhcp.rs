//! DHCP (RFC 2131, options of RFC 2132 and RFC 4702) and DHCPv6 (RFC 8415, RFC 4704).

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::text::text;
use super::{Named, Sighting, be16};
use crate::{Application, MacAddr, Protocol};

/// DHCPv6 relays one behind the other; RFC 8415, 7.6 allows 8 hops.
const MAX_RELAYS: usize = 8;

/// The client's name, and the address that it holds or is given.
pub(super) fn v4(bytes: &[u8], see: &mut dyn FnMut(Sighting<'_>)) {
    const COOKIE: &[u8] = &[0x63, 0x82, 0x53, 0x63];
    let Some((header, options)) = bytes.split_at_checked(240) else { return };
    if !header.ends_with(COOKIE) {
        return;
    }
    let options = Options::read(options);

    let is_ethernet = header[1] == 1 && header[2] == 6;
    let device = header[28..34].first_chunk().filter(|_| is_ethernet).map(|mac| MacAddr(*mac));
    let address = |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
    let (own, given) = (address(12), address(16));
    let host = match (header[0], options.message_type) {
        // A client fills in an address that it already has; a server's acknowledgement gives one, also
        // where it is plain BOOTP.
        (1, _) => Some(own),
        (2, Some(5) | None) => Some(if given.is_unspecified() { own } else { given }),
        _ => None,
    };
    let host = host.filter(|ip| !ip.is_unspecified()).map(IpAddr::from);

    if let Some(of) = device.map(Named::Device).or(host.map(Named::Host)) {
        let names = [options.host_name.and_then(text), options.fqdn.as_deref().and_then(text)];
        for name in names.into_iter().flatten() {
            see(Sighting::Name { of, name: &name, protocol: Protocol::Dhcp });
        }
    }
    if let (Some(device), Some(host)) = (device, host) {
        see(Sighting::Lease { device, host });
    }
    if header[0] == 2 {
        for router in options.routers.chunks_exact(4).filter_map(|ip| ip.first_chunk::<4>()) {
            see(Sighting::Router { host: Ipv4Addr::from(*router).into() });
        }
    }
}

#[derive(Default)]
struct Options<'a> {
    message_type: Option<u8>,
    host_name: Option<&'a [u8]>,
    fqdn: Option<Cow<'a, [u8]>>,
    routers: &'a [u8],
}

impl<'a> Options<'a> {
    fn read(mut rest: &'a [u8]) -> Self {
        let mut options = Self::default();
        while let Some(&code) = rest.split_off_first() {
            match code {
                0 => continue,
                255 => break,
                _ => {}
            }
            let Some(value) = rest.split_off_first().and_then(|len| rest.split_off(..usize::from(*len)))
            else {
                break;
            };
            match code {
                3 => options.routers = value,
                12 => options.host_name = Some(value),
                53 => options.message_type = value.first().copied(),
                // Flags and two codes; the flag E says that labels follow and not plain text.
                81 => {
                    options.fqdn = match value.split_at_checked(3) {
                        Some((&[flags, ..], name)) if flags & 4 != 0 => Some(dotted(name).into()),
                        Some((_, name)) => Some(name.into()),
                        None => None,
                    }
                }
                _ => {}
            }
        }
        options
    }
}

/// The client's name, with the address that it speaks from and those that it holds or is given.
pub(super) fn v6(application: &Application<'_>, see: &mut dyn FnMut(Sighting<'_>)) {
    let mut client = application.addresses.source;
    let mut message = application.payload;
    for _ in 0..MAX_RELAYS {
        let Some((&kind, mut rest)) = message.split_first() else { return };
        // A relay's message: hops, link address, the client's address, and the message as option 9.
        if matches!(kind, 12 | 13) {
            let Some(header) = rest.split_off(..33) else { return };
            client = header[17..].first_chunk::<16>().map_or(client, |peer| Ipv6Addr::from(*peer).into());
            match V6Options(rest).find(|(code, _)| *code == 9) {
                Some((_, inner)) => message = inner,
                None => return,
            }
            continue;
        }
        if rest.split_off(..3).is_none() {
            return;
        }
        let name =
            V6Options(rest).find(|(code, _)| *code == 39).and_then(|(_, value)| value.get(1..)).map(dotted);
        let Some(name) = name.as_deref().and_then(text) else { return };
        let mut report = |host| {
            see(Sighting::Name { of: Named::Host(host), name: &name, protocol: Protocol::Dhcpv6 });
        };
        let is_reply = kind == 7;
        let is_from_client = matches!(kind, 1 | 3..=6 | 8 | 9 | 11);
        if is_from_client {
            report(client);
        }
        // In these the client has the addresses; elsewhere it wishes for them or is offered them.
        if is_reply || matches!(kind, 4..=6) {
            leased(rest).for_each(|ip| report(ip.into()));
        }
        return;
    }
}

/// The addresses in a message's identity associations.
fn leased(options: &[u8]) -> impl Iterator<Item = Ipv6Addr> {
    V6Options(options)
        .filter_map(|(code, value)| match code {
            3 => value.get(12..),
            4 => value.get(4..),
            _ => None,
        })
        .flat_map(V6Options)
        .filter(|(code, _)| *code == 5)
        .filter_map(|(_, value)| value.first_chunk::<16>().map(|ip| Ipv6Addr::from(*ip)))
}

struct V6Options<'a>(&'a [u8]);

impl<'a> Iterator for V6Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let code = be16(&mut self.0)?;
        let len = be16(&mut self.0)?;
        Some((code, self.0.split_off(..usize::from(len))?))
    }
}

/// A name in DNS's labels, which here are never compressed and may lack the root at the end.
fn dotted(mut labels: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(labels.len());
    while let Some(&len @ 1..=63) = labels.split_off_first() {
        let Some(label) = labels.split_off(..usize::from(len)) else { break };
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend_from_slice(label);
    }
    name
}

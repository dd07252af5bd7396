use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// What kind of address an IP address is, by the IANA special-purpose address registries.
///
/// ```
/// use pcapviz_graph::AddressClass;
///
/// assert_eq!(AddressClass::of("172.16.11.12".parse().unwrap()), AddressClass::Private);
/// assert_eq!(AddressClass::of("2001:4860:4860::8888".parse().unwrap()), AddressClass::Public);
/// assert_eq!(AddressClass::of("100.64.0.1".parse().unwrap()).to_string(), "CGNAT");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AddressClass {
    /// None of the others: reachable from anywhere.
    Public,
    /// No address (yet): `0.0.0.0`, `::`, and "this network", 0.0.0.0/8.
    Unspecified,
    /// This very machine.
    Loopback,
    /// For use within one organisation: RFC 1918, and IPv6 unique local and (former) site local.
    Private,
    /// Shared by a provider's customers behind carrier-grade NAT.
    Cgnat,
    /// Valid on one link only.
    LinkLocal,
    /// A group of hosts.
    Multicast,
    /// Every host of the link, 255.255.255.255.
    Broadcast,
    /// For examples in documents.
    Documentation,
    /// For benchmarks in isolated networks.
    Benchmarking,
    /// An IPv4 host seen through a translation or an automatic tunnel: NAT64, 6to4, Teredo.
    Transition,
    /// Assigned to protocols, set aside or discarded: no ordinary host.
    Reserved,
}

use AddressClass as Class;

/// The registries' rows, by prefix: the first that holds an address names its class, so that an exception
/// stands before the block it is taken from. Sources: IANA IPv4 and IPv6 Special-Purpose Address
/// Registries, IPv4 Multicast Address Space (RFC 5771), IPv6 Address Space (RFC 4291).
const IPV4: &[(u32, u32, Class)] = &[
    (v4(0, 0, 0, 0), 8, Class::Unspecified),      // RFC 791 "this network"
    (v4(10, 0, 0, 0), 8, Class::Private),         // RFC 1918
    (v4(100, 64, 0, 0), 10, Class::Cgnat),        // RFC 6598
    (v4(127, 0, 0, 0), 8, Class::Loopback),       // RFC 1122
    (v4(169, 254, 0, 0), 16, Class::LinkLocal),   // RFC 3927
    (v4(172, 16, 0, 0), 12, Class::Private),      // RFC 1918
    (v4(192, 0, 0, 9), 32, Class::Public),        // RFC 7723 PCP anycast
    (v4(192, 0, 0, 10), 32, Class::Public),       // RFC 8155 TURN anycast
    (v4(192, 0, 0, 0), 24, Class::Reserved),      // RFC 6890 IETF protocol assignments
    (v4(192, 0, 2, 0), 24, Class::Documentation), // RFC 5737 TEST-NET-1
    (v4(192, 88, 99, 0), 24, Class::Transition),  // RFC 7526 6to4 relay anycast, deprecated
    (v4(192, 168, 0, 0), 16, Class::Private),     // RFC 1918
    (v4(198, 18, 0, 0), 15, Class::Benchmarking), // RFC 2544
    (v4(198, 51, 100, 0), 24, Class::Documentation), // RFC 5737 TEST-NET-2
    (v4(203, 0, 113, 0), 24, Class::Documentation), // RFC 5737 TEST-NET-3
    (v4(224, 0, 0, 0), 4, Class::Multicast),      // RFC 5771
    (v4(255, 255, 255, 255), 32, Class::Broadcast), // RFC 8190, RFC 919
    (v4(240, 0, 0, 0), 4, Class::Reserved),       // RFC 1112
];

const IPV6: &[(u128, u32, Class)] = &[
    (v6([0, 0, 0, 0, 0, 0, 0, 0]), 128, Class::Unspecified), // RFC 4291
    (v6([0, 0, 0, 0, 0, 0, 0, 1]), 128, Class::Loopback),    // RFC 4291
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0]), 96, Class::Transition), // RFC 6052 NAT64
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0]), 48, Class::Transition), // RFC 8215 local NAT64
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0]), 64, Class::Reserved), // RFC 6666 discard only
    (v6([0x100, 0, 0, 1, 0, 0, 0, 0]), 64, Class::Reserved), // RFC 9780 dummy
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0]), 32, Class::Transition), // RFC 4380 Teredo
    (v6([0x2001, 1, 0, 0, 0, 0, 0, 1]), 128, Class::Public), // RFC 7723 PCP anycast
    (v6([0x2001, 1, 0, 0, 0, 0, 0, 2]), 128, Class::Public), // RFC 8155 TURN anycast
    (v6([0x2001, 1, 0, 0, 0, 0, 0, 3]), 128, Class::Public), // RFC 9665 DNS-SD SRP anycast
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0]), 48, Class::Benchmarking), // RFC 5180
    (v6([0x2001, 3, 0, 0, 0, 0, 0, 0]), 32, Class::Public),  // RFC 7450 AMT
    (v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0]), 48, Class::Public), // RFC 7535 AS112
    (v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0]), 28, Class::Public), // RFC 7343 ORCHIDv2
    (v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0]), 28, Class::Public), // RFC 9374 drone identifiers
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0]), 23, Class::Reserved), // RFC 2928 IETF protocol assignments
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]), 32, Class::Documentation), // RFC 3849
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0]), 16, Class::Transition), // RFC 3056 6to4
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0]), 20, Class::Documentation), // RFC 9637
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0]), 16, Class::Reserved), // RFC 9602 SRv6 segment identifiers
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0]), 7, Class::Private),  // RFC 4193 unique local
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0]), 10, Class::LinkLocal), // RFC 4291
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0]), 10, Class::Private), // RFC 3879 site local, deprecated
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0]), 8, Class::Multicast), // RFC 4291
];

impl AddressClass {
    /// The class of an address; an IPv4-mapped IPv6 address has that of its IPv4 address. O(1).
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(ip) => {
                let bits = u32::from(ip);
                find(IPV4, |prefix, len| (bits ^ prefix).leading_zeros() >= len)
            }
            IpAddr::V6(ip) => {
                let bits = u128::from(ip);
                find(IPV6, |prefix, len| (bits ^ prefix).leading_zeros() >= len)
            }
        }
    }

    /// Whether such an address belongs to one's own network: it means nothing to anyone outside.
    pub fn is_inside(self) -> bool {
        matches!(self, Self::Loopback | Self::Private | Self::Cgnat | Self::LinkLocal)
    }

    /// Whether such an address can be one host's own, and not a group's or nobody's.
    pub fn is_host(self) -> bool {
        !matches!(self, Self::Unspecified | Self::Multicast | Self::Broadcast)
    }

    /// The word for it, such as `link-local`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Cgnat => "CGNAT",
            Self::LinkLocal => "link-local",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Documentation => "documentation",
            Self::Benchmarking => "benchmarking",
            Self::Transition => "transition",
            Self::Reserved => "reserved",
        }
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

fn find<P: Copy>(rows: &[(P, u32, Class)], holds: impl Fn(P, u32) -> bool) -> Class {
    rows.iter().find(|(prefix, len, _)| holds(*prefix, *len)).map_or(Class::Public, |row| row.2)
}

const fn v4(a: u8, b: u8, c: u8, d: u8) -> u32 {
    u32::from_be_bytes([a, b, c, d])
}

const fn v6(segments: [u16; 8]) -> u128 {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Addr::new(a, b, c, d, e, f, g, h).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_registries() {
        for (addresses, class) in [
            ("8.8.8.8 192.0.0.9 1.1.1.1 2001:4860::1 2a02::1 2001:1::2 2001:20::1", Class::Public),
            ("0.0.0.0 0.1.2.3 ::", Class::Unspecified),
            ("127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1", Class::Loopback),
            (
                "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 fd00::1 fec0::1 ::ffff:10.1.1.1",
                Class::Private,
            ),
            ("100.64.0.0 100.127.255.255", Class::Cgnat),
            ("169.254.1.1 fe80::1 febf::1", Class::LinkLocal),
            ("224.0.0.251 239.255.255.250 ff02::fb", Class::Multicast),
            ("255.255.255.255", Class::Broadcast),
            ("192.0.2.1 198.51.100.1 203.0.113.77 2001:db8::1 3fff::1", Class::Documentation),
            ("198.18.0.1 198.19.255.255 2001:2::1", Class::Benchmarking),
            ("64:ff9b::808:808 2001::1 2002:c000:204::1 192.88.99.1", Class::Transition),
            ("192.0.0.8 240.0.0.1 100::1 2001:100::1 5f00::1", Class::Reserved),
            // Just outside a block.
            ("172.32.0.0 172.15.255.255 100.128.0.0 198.20.0.0 2001:200::1 2003::1 4000::1", Class::Public),
        ] {
            for address in addresses.split(' ') {
                assert_eq!(AddressClass::of(address.parse().unwrap()), class, "{address}");
            }
        }
    }

    #[test]
    fn every_row_can_be_reached() {
        for &(prefix, _, class) in IPV4 {
            let found = AddressClass::of(IpAddr::V4(prefix.into()));
            assert_eq!(found, class, "{}", std::net::Ipv4Addr::from(prefix));
        }
        for &(prefix, len, class) in IPV6 {
            // The last address of the prefix: its first may be an exception's.
            let last = prefix | u128::MAX.checked_shr(len).unwrap_or(0);
            assert_eq!(AddressClass::of(IpAddr::V6(last.into())), class, "{}", Ipv6Addr::from(last));
        }
    }
}

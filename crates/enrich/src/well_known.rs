use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pcapviz_capture::MacAddr;
use pcapviz_graph::{Annotations, Name, NameSource, NodeId};

use crate::enricher::add_names;
use crate::{EnrichError, Enriched, Enricher};

/// Addresses that a standard gives to a protocol and not to a host: spanning tree, LLDP, virtual routers,
/// multicast groups.
///
/// Sources: IANA's registries of Ethernet numbers and of IPv4 and IPv6 multicast addresses, IEEE 802.1Q
/// tables 8-1 to 8-3, and what vendors document of their own protocols.
///
/// ```
/// use pcapviz_enrich::WellKnown;
///
/// assert_eq!(WellKnown.device("01:80:c2:00:00:0e".parse().unwrap()).unwrap(), "LLDP");
/// assert_eq!(WellKnown.device("33:33:ff:00:00:01".parse().unwrap()).unwrap(), "solicited node (IPv6)");
/// assert_eq!(WellKnown.host("224.0.0.251".parse().unwrap()).unwrap(), "mDNS");
/// assert_eq!(WellKnown.host("192.0.2.1".parse().unwrap()), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WellKnown;

/// MAC addresses by prefix, the first that fits counts.
const DEVICES: &[(&[u8], &str)] = &[
    (&[0x01, 0x80, 0xc2, 0x00, 0x00, 0x00], "STP"),
    (&[0x01, 0x80, 0xc2, 0x00, 0x00, 0x01], "Ethernet pause"),
    (&[0x01, 0x80, 0xc2, 0x00, 0x00, 0x02], "slow protocols (LACP)"),
    (&[0x01, 0x80, 0xc2, 0x00, 0x00, 0x03], "802.1X"),
    (&[0x01, 0x80, 0xc2, 0x00, 0x00, 0x08], "STP (provider bridges)"),
    (&[0x01, 0x80, 0xc2, 0x00, 0x00, 0x0d], "MVRP (provider bridges)"),
    (&[0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e], "LLDP"),
    (&[0x01, 0x80, 0xc2, 0x00, 0x00, 0x14], "IS-IS level 1"),
    (&[0x01, 0x80, 0xc2, 0x00, 0x00, 0x15], "IS-IS level 2"),
    (&[0x01, 0x80, 0xc2, 0x00, 0x00, 0x20], "GMRP"),
    (&[0x01, 0x80, 0xc2, 0x00, 0x00, 0x21], "GVRP"),
    (&[0x01, 0x80, 0xc2, 0x00, 0x00], "802.1 bridges"),
    (&[0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc], "CDP, VTP, DTP, UDLD"),
    (&[0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcd], "PVST+"),
    (&[0x01, 0x00, 0x0c, 0xcd, 0xcd, 0xcd], "UplinkFast"),
    (&[0x01, 0x00, 0x0c, 0xdd, 0xdd, 0xdd], "CGMP"),
    (&[0x01, 0x00, 0x0c, 0x00, 0x00], "ISL"),
    (&[0x00, 0xe0, 0x2b, 0x00, 0x00, 0x00], "EDP"),
    (&[0x00, 0xe0, 0x2b, 0x00, 0x00, 0x04], "EAPS"),
    (&[0x01, 0xe0, 0x52, 0xcc, 0xcc, 0xcc], "FDP"),
    (&[0x01, 0x00, 0x81, 0x00, 0x01, 0x00], "SONMP"),
    (&[0x01, 0x1b, 0x19, 0x00, 0x00, 0x00], "PTP"),
    (&[0x01, 0x0e, 0xcf, 0x00, 0x00, 0x00], "PROFINET DCP"),
    (&[0x01, 0x0e, 0xcf], "PROFINET"),
    (&[0x01, 0x15, 0x4e], "MRP"),
    (&[0x01, 0x0c, 0xcd, 0x01], "GOOSE"),
    (&[0x01, 0x0c, 0xcd, 0x04], "Sampled Values"),
    (&[0x09, 0x00, 0x07, 0xff, 0xff, 0xff], "AppleTalk"),
    (&[0x09, 0x00, 0x2b, 0x00, 0x00, 0x05], "IS-IS"),
    (&[0xab, 0x00, 0x00, 0x01, 0x00, 0x00], "DEC MOP dump/load"),
    (&[0xab, 0x00, 0x00, 0x02, 0x00, 0x00], "DEC MOP console"),
    (&[0xcf, 0x00, 0x00, 0x00, 0x00, 0x00], "loopback test (CTP)"),
];

/// IPv4 groups: those that are local to a link (224.0.0.0/24), and a few that reach further.
const IPV4: &[([u8; 4], &str)] = &[
    ([224, 0, 0, 1], "all hosts"),
    ([224, 0, 0, 2], "all routers"),
    ([224, 0, 0, 4], "DVMRP"),
    ([224, 0, 0, 5], "OSPF"),
    ([224, 0, 0, 6], "OSPF designated routers"),
    ([224, 0, 0, 9], "RIPv2"),
    ([224, 0, 0, 10], "EIGRP"),
    ([224, 0, 0, 12], "DHCP servers"),
    ([224, 0, 0, 13], "PIM"),
    ([224, 0, 0, 18], "VRRP"),
    ([224, 0, 0, 22], "IGMPv3"),
    ([224, 0, 0, 102], "HSRPv2, GLBP"),
    ([224, 0, 0, 107], "PTP peer delay"),
    ([224, 0, 0, 251], "mDNS"),
    ([224, 0, 0, 252], "LLMNR"),
    ([224, 0, 0, 253], "Teredo"),
    ([224, 0, 1, 1], "NTP"),
    ([224, 0, 1, 24], "WINS"),
    ([224, 0, 1, 39], "Auto-RP announce"),
    ([224, 0, 1, 40], "Auto-RP discovery"),
    ([224, 0, 1, 60], "HP device discovery"),
    ([224, 0, 1, 75], "SIP"),
    ([224, 0, 1, 129], "PTP"),
    ([224, 2, 127, 254], "SAP"),
    ([239, 255, 255, 250], "SSDP"),
    ([239, 255, 255, 253], "SLP"),
    ([255, 255, 255, 255], "broadcast"),
];

/// IPv6 groups without their scope (RFC 4291, 2.7): the same in each.
const IPV6: &[(u128, &str)] = &[
    (0x1, "all nodes"),
    (0x2, "all routers"),
    (0x5, "OSPFv3"),
    (0x6, "OSPFv3 designated routers"),
    (0x9, "RIPng"),
    (0xa, "EIGRP"),
    (0xc, "SSDP"),
    (0xd, "PIM"),
    (0x12, "VRRP"),
    (0x16, "MLDv2"),
    (0x1a, "RPL"),
    (0x6a, "all snoopers"),
    (0x6b, "PTP peer delay"),
    (0xfb, "mDNS"),
    (0x101, "NTP"),
    (0x181, "PTP"),
    (0x10002, "DHCPv6"),
    (0x10003, "LLMNR"),
];

impl WellKnown {
    /// What a MAC address stands for. O(1).
    pub fn device(self, device: MacAddr) -> Option<String> {
        if device.is_broadcast() {
            return Some("broadcast".into());
        }
        if let Some((protocol, number)) = device.virtual_router() {
            return Some(format!("{protocol} virtual router {number}"));
        }
        match device.0 {
            // RFC 1112, 6.4: the group's last 23 bits; the groups of protocols are all below 224.
            [0x01, 0x00, 0x5e, b @ 0..=0x7f, c, d] => {
                Some(match self.host(Ipv4Addr::new(224, b, c, d).into()) {
                    Some(name) => format!("{name} (IPv4)"),
                    None => match self.host(Ipv4Addr::new(239, b | 0x80, c, d).into()) {
                        Some(name) => format!("{name} (IPv4)"),
                        None => "IPv4 multicast".into(),
                    },
                })
            }
            // RFC 2464, 7: the group's last 32 bits.
            [0x33, 0x33, a, b, c, d] => {
                let group = u32::from_be_bytes([a, b, c, d]);
                let name = ipv6_group(group.into()).or((a == 0xff).then_some("solicited node"));
                Some(name.map_or_else(|| "IPv6 multicast".into(), |name| format!("{name} (IPv6)")))
            }
            octets => DEVICES.iter().find(|(prefix, _)| octets.starts_with(prefix)).map(|row| row.1.into()),
        }
    }

    /// What an IP address stands for. O(1).
    pub fn host(self, host: IpAddr) -> Option<&'static str> {
        match host.to_canonical() {
            IpAddr::V4(ip) => IPV4.iter().find(|row| row.0 == ip.octets()).map(|row| row.1),
            IpAddr::V6(ip) if ip.is_multicast() => {
                let group = Ipv6Addr::to_bits(ip) & (u128::MAX >> 16);
                // RFC 4291, 2.7.1.
                let solicited = group >> 24 == 0x1ff;
                ipv6_group(group).or(solicited.then_some("solicited node"))
            }
            IpAddr::V6(_) => None,
        }
    }
}

fn ipv6_group(group: u128) -> Option<&'static str> {
    IPV6.iter().find(|row| row.0 == group).map(|row| row.1)
}

impl Enricher for WellKnown {
    fn title(&self) -> &str {
        "well-known addresses"
    }

    fn enrich(&self, nodes: &[NodeId], annotations: &mut Annotations) -> Result<Enriched, EnrichError> {
        let mut enriched = Enriched::default();
        for node in nodes {
            let name = match node.host() {
                NodeId::Device(device) => self.device(device),
                NodeId::Host(host) => self.host(host).map(str::to_owned),
                _ => None,
            };
            if let Some(name) = name {
                add_names(annotations, node.host(), [Name::new(NameSource::WellKnown, name)]);
                enriched.nodes += 1;
            }
        }
        Ok(enriched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_protocols_by_their_address() {
        for (mac, expected) in [
            ("01:80:c2:00:00:00", Some("STP")),
            ("01:80:c2:00:00:0b", Some("802.1 bridges")),
            ("01:00:0c:cc:cc:cc", Some("CDP, VTP, DTP, UDLD")),
            ("00:00:5e:00:01:2a", Some("VRRP virtual router 42")),
            ("00:00:0c:07:ac:01", Some("HSRP virtual router 1")),
            ("01:00:5e:00:00:fb", Some("mDNS (IPv4)")),
            ("01:00:5e:7f:ff:fa", Some("SSDP (IPv4)")),
            ("01:00:5e:01:02:03", Some("IPv4 multicast")),
            ("33:33:00:00:00:01", Some("all nodes (IPv6)")),
            ("33:33:00:01:00:02", Some("DHCPv6 (IPv6)")),
            ("33:33:12:34:56:78", Some("IPv6 multicast")),
            ("ff:ff:ff:ff:ff:ff", Some("broadcast")),
            ("00:00:0c:00:00:01", None),
        ] {
            assert_eq!(WellKnown.device(mac.parse().unwrap()).as_deref(), expected, "{mac}");
        }
        for (ip, expected) in [
            ("224.0.0.251", Some("mDNS")),
            ("255.255.255.255", Some("broadcast")),
            ("ff02::1:ff00:1", Some("solicited node")),
            ("ff05::2", Some("all routers")),
            ("ff02::1:2", Some("DHCPv6")),
            ("ff02::1:3", Some("LLMNR")),
            ("ff02::1234", None),
            ("10.0.0.255", None),
        ] {
            assert_eq!(WellKnown.host(ip.parse().unwrap()), expected, "{ip}");
        }
    }
}

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use crate::{AddressClass, FlowKey, FlowTable};

impl FlowTable {
    /// The directed broadcast addresses (RFC 919): those that mean all hosts of one IPv4 network, such as
    /// 192.168.1.255 in 192.168.1.0/24.
    ///
    /// No packet says how large its network is, so it takes three signs: packets to the address went to the broadcast
    /// MAC address and to no other; it is the last address of a network in which one of their senders is; and it
    /// never sent anything itself. O(flows).
    ///
    /// ```
    /// use pcapviz_graph::FlowTable;
    ///
    /// assert!(FlowTable::new().broadcast_addresses().is_empty());
    /// ```
    pub fn broadcast_addresses(&self) -> BTreeSet<IpAddr> {
        let mut found: BTreeSet<Ipv4Addr> = self
            .iter()
            .filter_map(|(key, _)| sent_to_all(&key))
            .filter(|(from, to)| is_last(*from, *to))
            .map(|(_, to)| to)
            .collect();
        if !found.is_empty() {
            for (key, _) in self.iter() {
                let Some(hosts) = key.hosts else { continue };
                if let IpAddr::V4(source) = hosts.source {
                    found.remove(&source);
                }
                if let IpAddr::V4(destination) = hosts.destination
                    && sent_to_all(&key).is_none()
                {
                    found.remove(&destination);
                }
            }
        }
        found.into_iter().map(IpAddr::V4).collect()
    }
}

/// Who sent to which address, if the frame was for all stations.
fn sent_to_all(key: &FlowKey) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let (devices, hosts) = (key.devices?, key.hosts?);
    match (hosts.source, hosts.destination) {
        (IpAddr::V4(from), IpAddr::V4(to)) if devices.destination.is_broadcast() && key.tunnel.is_none() => {
            Some((from, to))
        }
        _ => None,
    }
}

/// Whether an address is the last of a network in which another is: of the largest that it is the last of.
fn is_last(member: Ipv4Addr, last: Ipv4Addr) -> bool {
    let host_bits = last.to_bits().trailing_ones();
    // A network of two addresses has none for all (RFC 3021).
    host_bits >= 2
        && member != last
        && AddressClass::of(last.into()).is_host()
        && (member.to_bits() ^ last.to_bits()).checked_shr(host_bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use pcapviz_capture::{DissectOptions, LinkType, MacAddr, Packet, dissect};
    use pcapviz_testkit::frame::{Ethernet, Ipv4, Udp};

    use super::*;

    const ALL: MacAddr = MacAddr::BROADCAST;
    const ONE: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);

    fn check(what: &str, packets: &[([u8; 4], [u8; 4], MacAddr)], expected: &[[u8; 4]]) {
        let mut table = FlowTable::new();
        for (from, to, device) in packets {
            let frame = Ethernet::between(1, 2)
                .carry(Ipv4::between(*from, *to).carry(Udp::ports(138, 138).carry(&[0; 9])));
            let bytes = [&device.0[..], &frame.bytes()[6..]].concat();
            let packet = Packet::new(LinkType::ETHERNET, &bytes);
            table.observe(0, &packet, &dissect(&packet, &DissectOptions::default()));
        }
        let expected: BTreeSet<IpAddr> = expected.iter().map(|ip| IpAddr::from(*ip)).collect();
        assert_eq!(table.broadcast_addresses(), expected, "{what}");
    }

    #[test]
    fn addresses_that_mean_all_hosts() {
        let (host, last, everyone) = ([192, 168, 1, 7], [192, 168, 1, 255], [255; 4]);
        check("a /24", &[(host, last, ALL)], &[last]);
        check("a /26", &[([10, 0, 0, 70], [10, 0, 0, 127], ALL)], &[[10, 0, 0, 127]]);
        check("a /8", &[([10, 1, 2, 3], [10, 255, 255, 255], ALL)], &[[10, 255, 255, 255]]);
        check("sent to one station too", &[(host, last, ALL), (host, last, ONE)], &[]);
        check("it sends", &[(host, last, ALL), (last, host, ONE)], &[]);
        check("from elsewhere", &[([192, 168, 2, 7], last, ALL)], &[]);
        check("a host woken by a broadcast frame", &[(host, [192, 168, 1, 50], ALL)], &[]);
        check("the limited broadcast says it itself", &[(host, everyone, ALL)], &[]);
    }
}

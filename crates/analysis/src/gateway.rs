use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;

use pcapviz_graph::{AddressClass, FlowTable, MacAddr, NodeId};

use crate::Observations;

/// A device that carries packets of hosts elsewhere, with the reason.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Gateway {
    /// The device.
    pub device: MacAddr,
    /// From how many addresses elsewhere it brought packets; no more than 64 are told apart.
    pub addresses: usize,
    /// Its share of all packets from addresses elsewhere.
    pub share: f64,
    /// The addresses that it claims as its own by ARP.
    pub own: Vec<IpAddr>,
    /// The protocol whose virtual address the device has, if any: VRRP (RFC 9568) or HSRP (RFC 2281).
    pub redundancy: Option<&'static str>,
}

/// Fewer addresses than these, or a smaller share of the packets, make no gateway.
const ADDRESSES: usize = 5;
const SHARE: f64 = 0.1;
/// Addresses of one device that are told apart: more say nothing new.
const MOST: usize = 64;

/// The devices that bring packets of hosts elsewhere, most packets first. An address is elsewhere if no device
/// claims it by ARP and it is not link-local. O(flows).
///
/// ```
/// use pcapviz_analysis::{Observations, gateways};
/// use pcapviz_graph::FlowTable;
///
/// assert!(gateways(&FlowTable::new(), &Observations::default()).is_empty());
/// ```
pub fn gateways(table: &FlowTable, observations: &Observations) -> Vec<Gateway> {
    let mut own: BTreeMap<MacAddr, BTreeSet<IpAddr>> = BTreeMap::new();
    let mut here: HashSet<IpAddr> = HashSet::new();
    for (_, address, device, _) in observations.claims.sorted() {
        own.entry(device).or_default().insert(IpAddr::V4(address));
        here.insert(IpAddr::V4(address));
    }
    let mut carried: HashMap<MacAddr, (HashSet<IpAddr>, u64), foldhash::fast::RandomState> =
        HashMap::default();
    let mut all = 0_u64;
    for (key, stats) in table.iter() {
        let (Some(devices), Some(hosts)) = (key.devices, key.hosts) else { continue };
        let address = hosts.source;
        let class = AddressClass::of(address);
        if !class.is_host() || matches!(class, AddressClass::LinkLocal | AddressClass::Loopback) {
            continue;
        }
        if here.contains(&address) {
            continue;
        }
        all += stats.traffic.packets;
        let (addresses, packets) = carried.entry(devices.source).or_default();
        *packets += stats.traffic.packets;
        if addresses.len() < MOST {
            addresses.insert(address);
        }
    }
    let mut found: Vec<Gateway> = carried
        .into_iter()
        .map(|(device, (addresses, packets))| Gateway {
            device,
            addresses: addresses.len(),
            share: packets as f64 / all.max(1) as f64,
            own: own.get(&device).into_iter().flatten().copied().collect(),
            redundancy: redundancy(device),
        })
        .filter(|gateway| gateway.addresses >= ADDRESSES && gateway.share >= SHARE)
        .collect();
    found.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.device.cmp(&b.device)));
    found
}

/// The first bytes of the virtual routers' addresses.
fn redundancy(device: MacAddr) -> Option<&'static str> {
    match device.0 {
        [0, 0, 0x5e, 0, 1 | 2, _] => Some("VRRP"),
        [0, 0, 0x0c, 7, 0xac, _] | [0, 0, 0x0c, 0x9f, 0xf0..=0xff, _] => Some("HSRP"),
        _ => None,
    }
}

impl Gateway {
    /// The device as a node.
    pub fn node(&self) -> NodeId {
        NodeId::Device(self.device)
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_least = if self.addresses >= MOST { "at least " } else { "" };
        write!(f, "gateway: brings packets from {at_least}{} addresses elsewhere", self.addresses)?;
        write!(f, ", {:.0} % of such packets", 100.0 * self.share)?;
        if let Some(protocol) = self.redundancy {
            write!(f, ", {protocol} address")?;
        }
        match self.own.len() {
            0 => Ok(()),
            1..=3 => {
                let own: Vec<String> = self.own.iter().map(IpAddr::to_string).collect();
                write!(f, ", is {} by ARP", own.join(", "))
            }
            n => write!(f, ", claims {n} addresses by ARP"),
        }
    }
}

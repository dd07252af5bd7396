use std::fmt;
use std::net::IpAddr;

use pcapviz_graph::{Claim, MacAddr, Neighbours, NodeId, Routing};

/// A device that passes packets on between networks, with the reason.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Gateway {
    /// The device.
    pub device: MacAddr,
    /// For how many off-link addresses it passed packets on.
    pub addresses: u64,
    /// Its share of all packets that were passed on for such addresses, from 0 to 1.
    pub share: f64,
    /// The addresses that it claims as its own.
    pub own: Vec<IpAddr>,
    /// What shows it, the surest first.
    pub routing: Vec<Routing>,
}

/// The devices that are gateways by [`Neighbours`], most packets first. O(devices log devices).
///
/// ```
/// use pcapviz_analysis::gateways;
/// use pcapviz_graph::Neighbours;
///
/// assert!(gateways(&Neighbours::default()).is_empty());
/// ```
pub fn gateways(neighbours: &Neighbours) -> Vec<Gateway> {
    let all = neighbours.off_link_packets().max(1);
    let mut found: Vec<Gateway> = neighbours
        .iter()
        .filter(|(_, known)| known.is_gateway())
        .map(|(device, known)| Gateway {
            device,
            addresses: known.off_link,
            share: known.off_link_packets as f64 / all as f64,
            own: known
                .addresses
                .iter()
                .filter(|(_, how)| **how != Claim::Traffic)
                .map(|(address, _)| *address)
                .collect(),
            routing: known.routing.iter().copied().collect(),
        })
        .collect();
    found.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.device.cmp(&b.device)));
    found
}

impl Gateway {
    /// The device as a node.
    pub fn node(&self) -> NodeId {
        NodeId::Device(self.device)
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("gateway")?;
        if self.addresses > 0 {
            write!(f, " to {} off-link addresses", self.addresses)?;
            write!(f, ", {:.0} % of their packets", 100.0 * self.share)?;
        }
        for reason in self.routing.iter().filter(|reason| **reason != Routing::OffLink) {
            match (reason, self.device.virtual_router()) {
                (Routing::VirtualRouter, Some((protocol, number))) => {
                    write!(f, ", {protocol} group {number}")?
                }
                _ => write!(f, ", {reason}")?,
            }
        }
        match self.own.len() {
            0 => Ok(()),
            1..=3 => {
                let own: Vec<String> = self.own.iter().map(IpAddr::to_string).collect();
                write!(f, ", is {}", own.join(", "))
            }
            n => write!(f, ", claims {n} addresses"),
        }
    }
}

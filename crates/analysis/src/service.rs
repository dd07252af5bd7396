use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::fmt;
use std::net::IpAddr;

use pcapviz_graph::NodeId;

use crate::talker::most;
use crate::{Observations, Topology};

/// An end point that serves others, with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Service {
    /// Its place in the graph of layer 4, as a number.
    pub node: usize,
    /// How many different hosts talked with it.
    pub clients: usize,
    /// Bytes that it sent and was sent, on the wire.
    pub bytes: u64,
    /// Whether it accepted a TCP connection: it sent SYN with ACK.
    pub accepted: bool,
}

/// Clients that make an end point a service even if it was not seen to accept a connection.
const CLIENTS: usize = 3;

/// The services, by clients and then bytes, most first; at most `count`. Nothing but for the graph of layer 4.
///
/// A service accepted a TCP connection, or has three clients or more, most of which use a higher port than it does:
/// so a client that asks many servers from one port is not taken for one. O(edges).
///
/// ```
/// use pcapviz_analysis::{Observations, Topology, services};
/// use pcapviz_graph::{FlowTable, GraphLayer};
///
/// let endpoints = FlowTable::new().outline(GraphLayer::Endpoints, 1);
/// assert!(services(&Topology::of(&endpoints), &Observations::default(), 10).is_empty());
/// ```
pub fn services(topology: &Topology<'_>, observations: &Observations, count: usize) -> Vec<Service> {
    Services::of(topology, observations).first(count)
}

/// What tells services from other end points, for who asks more than once.
///
/// ```
/// use pcapviz_analysis::{Observations, Services, Topology};
/// use pcapviz_graph::{FlowTable, GraphLayer};
///
/// let endpoints = FlowTable::new().outline(GraphLayer::Endpoints, 1);
/// let topology = Topology::of(&endpoints);
/// let services = Services::of(&topology, &Observations::default());
/// assert!(services.first(10).is_empty() && services.among(&[]).is_empty());
/// ```
pub struct Services<'a> {
    topology: &'a Topology<'a>,
    accepted: HashSet<(IpAddr, u16)>,
}

impl<'a> Services<'a> {
    /// Of the graph of layer 4; of other layers there are none.
    pub fn of(topology: &'a Topology<'_>, observations: &Observations) -> Self {
        Self { topology, accepted: observations.handshakes.accepting() }
    }

    /// As [`services`].
    pub fn first(&self, count: usize) -> Vec<Service> {
        let peers = &self.topology.peers;
        // The most clients found so far, and of so many the fewest: who has fewer peers has fewer clients, and is not among the
        // first.
        let mut most_clients: BinaryHeap<Reverse<usize>> = BinaryHeap::new();
        let service = |node: usize| {
            let is_full = most_clients.len() >= count;
            let is_behind = |Reverse(fewest): &Reverse<usize>| peers.of_node(node).len() < *fewest;
            if is_full && most_clients.peek().is_none_or(is_behind) {
                return None;
            }
            let service = self.service(node)?;
            most_clients.push(Reverse(service.clients));
            if is_full {
                most_clients.pop();
            }
            Some(service)
        };
        let found: Vec<Service> = (0..self.topology.outline.len()).filter_map(service).collect();
        let best = most(found.len(), count, |n| (Reverse(found[n].clients), Reverse(found[n].bytes)));
        best.into_iter().map(|n| found[n]).collect()
    }

    /// Those of these nodes that are services, in their order. O(peers of the nodes).
    pub fn among(&self, nodes: &[usize]) -> Vec<Service> {
        nodes.iter().filter_map(|&node| self.service(node)).collect()
    }

    /// The end point as a service, if it is one.
    #[inline]
    fn service(&self, node: usize) -> Option<Service> {
        let (endpoints, of_node) = (self.topology.outline, self.topology.peers.of_node(node));
        // Most end points are clients' ports.
        if of_node.len() < CLIENTS && self.accepted.is_empty() {
            return None;
        }
        let NodeId::Endpoint(ip, port) = endpoints.id(node) else { return None };
        let accepted = self.accepted.contains(&(ip, port));
        if !accepted && of_node.len() < CLIENTS {
            return None;
        }
        let (mut clients, mut last, mut higher) = (0, None, 0);
        for &peer in of_node {
            let NodeId::Endpoint(client, client_port) = endpoints.id(peer as usize) else { continue };
            // End points are sorted: those of one host lie side by side.
            clients += usize::from(last.replace(client) != Some(client));
            higher += usize::from(client_port > port);
        }
        let serves = accepted || (clients >= CLIENTS && 2 * higher > of_node.len());
        let bytes = endpoints.sent()[node].saturating_add(endpoints.received()[node]);
        serves.then_some(Service { node, clients, bytes, accepted })
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients = if self.clients == 1 { "client" } else { "clients" };
        write!(f, "service: {} {clients}", self.clients)?;
        if self.accepted { write!(f, ", accepts connections") } else { Ok(()) }
    }
}

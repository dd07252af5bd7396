use std::fmt;
use std::net::IpAddr;

use pcapviz_capture::{GraphLayer, MacAddr};

/// Who a node is. Sorted by address, so that every output has the same order.
///
/// ```
/// use pcapviz_graph::NodeId;
///
/// let node = NodeId::Endpoint("2001:db8::1".parse().unwrap(), 53);
/// assert_eq!(node.to_string(), "[2001:db8::1]:53");
/// assert_eq!(node.host(), NodeId::Host("2001:db8::1".parse().unwrap()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NodeId {
    /// Layer 2: a MAC address.
    Device(MacAddr),
    /// Layer 3: an IP address.
    Host(IpAddr),
    /// Layer 4: an IP address with a port.
    Endpoint(IpAddr, u16),
}

impl NodeId {
    /// The layer whose graph has such nodes.
    pub fn layer(self) -> GraphLayer {
        match self {
            Self::Device(_) => GraphLayer::Devices,
            Self::Host(_) => GraphLayer::Hosts,
            Self::Endpoint(..) => GraphLayer::Endpoints,
        }
    }

    /// The IP address, where there is one.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Device(_) => None,
            Self::Host(ip) | Self::Endpoint(ip, _) => Some(ip),
        }
    }

    /// The host that an end point belongs to; any other node as it is.
    pub fn host(self) -> Self {
        self.ip().map_or(self, Self::Host)
    }
}

/// The text of the graph JSON: lower-case MAC, RFC 5952 address, `ip:port` or `[ip6]:port`.
impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(mac) => mac.fmt(f),
            Self::Host(ip) => ip.fmt(f),
            Self::Endpoint(IpAddr::V4(ip), port) => write!(f, "{ip}:{port}"),
            Self::Endpoint(IpAddr::V6(ip), port) => write!(f, "[{ip}]:{port}"),
        }
    }
}

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use thiserror::Error;

use crate::AddressClass;

/// Which addresses belong to one's own network. Private, link-local, shared and loopback ones, unless said
/// otherwise; link-local and loopback ones always, for they mean nothing elsewhere.
///
/// ```
/// use pcapviz_graph::Inside;
///
/// let office = "198.51.100.0/24".parse::<Inside>()?.and("2001:db8::/32".parse()?);
/// assert!(office.holds("198.51.100.7".parse().unwrap()));
/// assert!(!office.holds("10.0.0.1".parse().unwrap()));
/// assert!(Inside::default().holds("10.0.0.1".parse().unwrap()));
/// assert_eq!(office.to_string(), "198.51.100.0/24, 2001:db8::/32");
/// # Ok::<(), pcapviz_graph::ParseNetworkError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inside {
    networks: Vec<IpNet>,
}

/// What is no network.
#[derive(Debug, Error)]
#[non_exhaustive]
#[error("{text:?} is no network: write it like 10.0.0.0/8 or 2001:db8::/32, or give one address")]
pub struct ParseNetworkError {
    /// What was to be a network.
    pub text: String,
}

impl Inside {
    /// Private addresses: the default.
    pub const PRIVATE: Self = Self { networks: Vec::new() };

    /// Whether an address is inside. O(networks).
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let class = AddressClass::of(address);
        if self.networks.is_empty() {
            return class.is_inside();
        }
        matches!(class, AddressClass::LinkLocal | AddressClass::Loopback)
            || self.networks.iter().any(|network| network.contains(&address))
    }

    /// Whether an address is one host's, outside.
    pub fn is_outside_host(&self, address: IpAddr) -> bool {
        !self.holds(address) && AddressClass::of(address).is_host()
    }

    /// Adds another's networks.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.networks.extend(other.networks);
        self
    }
}

/// One network, such as `10.0.0.0/8`, or a single address.
impl FromStr for Inside {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Self, ParseNetworkError> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let network = network.map_err(|_| ParseNetworkError { text: text.to_owned() })?;
        Ok(Self { networks: vec![network] })
    }
}

/// The networks, or what is inside without any.
impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 3;
        if self.networks.is_empty() {
            return f.write_str("private addresses");
        }
        for (i, network) in self.networks.iter().take(MOST).enumerate() {
            write!(f, "{}{network}", if i > 0 { ", " } else { "" })?;
        }
        match self.networks.len().saturating_sub(MOST) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

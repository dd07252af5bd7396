use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use pcapviz_graph::AddressClass;
use thiserror::Error;

/// Which addresses belong to one's own network. Private, link-local, shared and loopback ones, unless said
/// otherwise.
///
/// ```
/// use pcapviz_analysis::Inside;
///
/// let office = "198.51.100.0/24".parse::<Inside>()?.and("2001:db8::/32".parse()?);
/// assert!(office.holds("198.51.100.7".parse().unwrap()));
/// assert!(!office.holds("10.0.0.1".parse().unwrap()));
/// assert!(Inside::default().holds("10.0.0.1".parse().unwrap()));
/// # Ok::<(), pcapviz_analysis::ParseNetworkError>(())
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
    /// Whether an address is inside. O(networks).
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if self.networks.is_empty() {
            return AddressClass::of(address).is_inside();
        }
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Whether an address is one host's, outside.
    pub(crate) fn is_outside_host(&self, address: IpAddr) -> bool {
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

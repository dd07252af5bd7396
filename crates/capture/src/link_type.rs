use std::fmt;

/// What the first byte of a packet is: a LINKTYPE_ number as tcpdump.org assigns them.
///
/// ```
/// use pcapviz_capture::LinkType;
///
/// assert_eq!(LinkType::ETHERNET, LinkType(1));
/// assert_eq!(LinkType(1).to_string(), "EN10MB");
/// assert_eq!(LinkType(9999).to_string(), "link type 9999");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: an address family in the host's byte order.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Raw IPv4 or IPv6.
    pub const RAW: Self = Self(101);
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);

    /// The name that tcpdump and Wireshark use, without the `LINKTYPE_`; `None` for an unknown number.
    pub fn name(self) -> Option<&'static str> {
        crate::dissect::link::entry(self).map(|row| row.name)
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "link type {}", self.0),
        }
    }
}

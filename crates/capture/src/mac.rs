use std::fmt;
use std::str::FromStr;

/// A 48-bit MAC address (EUI-48), the node of a layer-2 graph.
///
/// ```
/// use pcapviz_capture::MacAddr;
///
/// let mac: MacAddr = "01:00:5E:00:00:fb".parse().unwrap();
/// assert_eq!(mac.to_string(), "01:00:5e:00:00:fb");
/// assert!(mac.is_multicast() && !mac.is_broadcast());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// The address of every station.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Whether every station is meant.
    pub fn is_broadcast(self) -> bool {
        self == Self::BROADCAST
    }

    /// Whether a group of stations is meant (IEEE 802: the I/G bit), broadcast included.
    pub fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// The number of the virtual router, if the address is one that routers share: VRRP's and CARP's
    /// (RFC 9568, 7.3), HSRP's version 1 or 2, or GLBP's.
    ///
    /// ```
    /// use pcapviz_capture::MacAddr;
    ///
    /// assert_eq!(MacAddr([0, 0, 0x5e, 0, 1, 7]).virtual_router(), Some(("VRRP", 7)));
    /// assert_eq!(MacAddr([0, 0, 0x0c, 0x9f, 0xf1, 2]).virtual_router(), Some(("HSRP", 0x102)));
    /// assert_eq!(MacAddr([0, 0, 0x0c, 0, 0, 1]).virtual_router(), None);
    /// ```
    pub fn virtual_router(self) -> Option<(&'static str, u16)> {
        let number = |high: u8, low: u8| u16::from_be_bytes([high, low]);
        match self.0 {
            [0, 0, 0x5e, 0, 1 | 2, id] => Some(("VRRP", id.into())),
            [0, 0, 0x0c, 0x07, 0xac, id] => Some(("HSRP", id.into())),
            [0, 0, 0x0c, 0x9f, high @ 0xf0..=0xff, low] => Some(("HSRP", number(high & 0x0f, low))),
            [0, 5, 0x73, 0xa0, high @ 0..=0x0f, low] => Some(("HSRP", number(high, low))),
            [0, 7, 0xb4, high @ 0..=3, group, _] => Some(("GLBP", number(high, group))),
            _ => None,
        }
    }

    /// Whether the address was chosen locally and names no vendor (IEEE 802: the U/L bit).
    pub fn is_local(self) -> bool {
        self.0[0] & 2 != 0
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The text was not six pairs of hexadecimal digits with `:` or `-` between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a MAC address: expected six pairs of hexadecimal digits such as 00:1b:21:3c:4d:5e")]
pub struct ParseMacError;

impl FromStr for MacAddr {
    type Err = ParseMacError;

    fn from_str(text: &str) -> Result<Self, ParseMacError> {
        let mut octets = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts.next().filter(|p| p.len() == 2).ok_or(ParseMacError)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| ParseMacError)?;
        }
        if parts.next().is_some() { Err(ParseMacError) } else { Ok(Self(octets)) }
    }
}

//! Link types: one table with the number, the name and the function.

use super::{Bytes, End, Layer, Next, Outcome, Step, StopReason};
use crate::{LinkType, Protocol};

/// One link type.
pub(crate) struct Row {
    pub(crate) number: u16,
    /// As tcpdump.org names it, without `LINKTYPE_`.
    pub(crate) name: &'static str,
    /// Reads the link header.
    pub(crate) enter: for<'a> fn(Bytes<'a>) -> Outcome<'a>,
}

/// Sorted by number.
static TABLE: &[Row] = &[
    Row { number: 0, name: "NULL", enter: null },
    Row { number: 1, name: "EN10MB", enter: super::ether::ethernet },
    Row { number: 101, name: "RAW", enter: super::ip::any_version },
    Row { number: 113, name: "LINUX_SLL", enter: linux_cooked },
    Row { number: 276, name: "LINUX_SLL2", enter: linux_cooked_2 },
];

pub(crate) fn entry(link_type: LinkType) -> Option<&'static Row> {
    TABLE.binary_search_by_key(&link_type.0, |row| row.number).ok().map(|i| &TABLE[i])
}

/// BSD loopback: the address family in the byte order of the machine that captured.
fn null(bytes: Bytes<'_>) -> Outcome<'_> {
    let family = u32::from_ne_bytes(*bytes.array()?);
    // AF_INET is 2 everywhere; AF_INET6 is 10, 24, 28 or 30, by system.
    let next = match family.min(family.swap_bytes()) {
        2 | 10 | 24 | 28 | 30 => Next::Ip,
        _ => Next::End(End::Done),
    };
    Ok(Step { layer: Layer::Named(Protocol::Loopback), next, rest: bytes.skip(4) })
}

/// LINKTYPE_LINUX_SLL: it has the sender's address and no destination, so no layer-2 edge.
fn linux_cooked(bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(16)?;
    cooked(bytes.be16(14)?, bytes.skip(16))
}

/// LINKTYPE_LINUX_SLL2.
fn linux_cooked_2(bytes: Bytes<'_>) -> Outcome<'_> {
    bytes.head(20)?;
    cooked(bytes.be16(0)?, bytes.skip(20))
}

fn cooked(protocol: u16, rest: Bytes<'_>) -> Result<Step<'_>, StopReason> {
    let next = if protocol == 4 { Next::Llc } else { Next::EtherType(protocol) };
    Ok(Step { layer: Layer::Named(Protocol::LinuxCooked), next, rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted() {
        assert!(TABLE.is_sorted_by(|a, b| a.number < b.number));
    }
}

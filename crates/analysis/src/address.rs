use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use pcapviz_capture::Pair;

/// An address as a number; those of the two versions overlap.
#[inline]
pub(crate) fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// Hashes two hosts as whole words: what is derived takes each byte of an address by itself.
#[inline]
pub(crate) fn hash_hosts<H: Hasher>(Pair { source, destination }: Pair<IpAddr>, state: &mut H) {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            state.write_u64(u64::from(source.to_bits()) << 32 | u64::from(destination.to_bits()));
        }
        _ => [source, destination].into_iter().for_each(|ip| state.write_u128(bits(ip))),
    }
}

/// Two hosts as a key of large maps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Between(pub(crate) Pair<IpAddr>);

impl Hash for Between {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_hosts(self.0, state);
    }
}

use crate::packed::{Narrow, Packed, PackedV4, PackedV6, devices};
use crate::partition::{Partition, Row};
use crate::{FlowKey, FlowStats};

/// A flow where it lies in its [`FlowTable`](crate::FlowTable): a few words, however much is known of it, so that many can be
/// kept for a closer look.
///
/// ```
/// use pcapviz_capture::{DissectOptions, LinkType, Packet, dissect};
/// use pcapviz_graph::{FlowRef, FlowTable};
///
/// let packet = Packet::new(LinkType::ETHERNET, b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06");
/// let mut table = FlowTable::new();
/// table.observe(0, &packet, &dissect(&packet, &DissectOptions::default()));
/// let all: Vec<FlowRef<'_>> = table.fold_by(1, Vec::new, |all, flow| all.push(flow)).concat();
/// assert_eq!(all[0].stats().traffic.packets, 1);
/// assert_eq!((all[0].key(), all[0].stats()), table.iter().next().unwrap());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FlowRef<'a>(Lying<'a>);

#[derive(Clone, Copy, Debug)]
enum Lying<'a> {
    V4(&'a Partition<PackedV4>, &'a Row<PackedV4>),
    V6(&'a Partition<PackedV6>, &'a Row<PackedV6>),
}

impl<'a> FlowRef<'a> {
    #[inline(always)]
    pub(crate) fn v4(partition: &'a Partition<PackedV4>, row: &'a Row<PackedV4>) -> Self {
        Self(Lying::V4(partition, row))
    }

    #[inline(always)]
    pub(crate) fn v6(partition: &'a Partition<PackedV6>, row: &'a Row<PackedV6>) -> Self {
        Self(Lying::V6(partition, row))
    }

    /// Which flow it is. O(1).
    // Always inlined, as is the other: what the caller does not ask for then costs nothing.
    #[inline(always)]
    pub fn key(&self) -> FlowKey {
        match self.0 {
            Lying::V4(_, row) => row.key.unpack(),
            Lying::V6(_, row) => row.key.unpack(),
        }
    }

    /// What is known of it. O(1).
    #[inline(always)]
    pub fn stats(&self) -> FlowStats {
        match self.0 {
            Lying::V4(partition, row) => partition.stats(row),
            Lying::V6(partition, row) => partition.stats(row),
        }
    }

    /// Its source and destination device, packed.
    #[inline(always)]
    pub(crate) fn devices(&self) -> Option<[Narrow; 2]> {
        match self.0 {
            Lying::V4(_, row) => devices(row.key.words()),
            Lying::V6(_, row) => devices(row.key.words()),
        }
    }

    /// Its bytes on the wire.
    #[inline(always)]
    pub(crate) fn bytes(&self) -> u64 {
        match self.0 {
            Lying::V4(partition, row) => partition.bytes(row),
            Lying::V6(partition, row) => partition.bytes(row),
        }
    }
}

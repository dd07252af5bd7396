//! What bridges say to each other: BPDUs of STP and RSTP (IEEE 802.1D-2004), MSTP and SPB (802.1Q) and PVST+ (Cisco).

use std::fmt;

use super::Sighting;
use crate::MacAddr;

/// Who a bridge is in a spanning tree; the root is the bridge with the lowest identifier (802.1D-2004, 9.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct BridgeId {
    /// Set by whoever runs it, in steps of 4096; 32768 unless told otherwise.
    pub priority: u16,
    /// The VLAN or instance that the tree is of; 0 for a common tree.
    pub extension: u16,
    /// The bridge's address. Its ports may have others.
    pub address: MacAddr,
}

/// What a spanning tree spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Tree {
    /// All VLANs: STP, RSTP, and what joins the regions of MSTP.
    Common,
    /// One VLAN (PVST+).
    Vlan(u16),
    /// The VLANs that a region of MSTP gives to this instance.
    Instance(u16),
}

/// What a bridge knows of a spanning tree and its own place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct SpanningTree {
    /// Which tree.
    pub tree: Tree,
    /// Its root; of an instance the root in the region.
    pub root: BridgeId,
    /// The cost of the bridge's path to the root; 0 at the root. Paths within a region of MSTP cost nothing in
    /// the common tree.
    pub cost: u32,
    /// Who says so.
    pub bridge: BridgeId,
}

impl SpanningTree {
    /// What a bridge at that cost from the root knows.
    pub fn new(tree: Tree, root: BridgeId, cost: u32, bridge: BridgeId) -> Self {
        Self { tree, root, cost, bridge }
    }

    /// Whether the bridge that says so is the root.
    ///
    /// ```
    /// use pcapviz_capture::{LinkType, Packet, DissectOptions, Sighting, device_sightings, dissect};
    ///
    /// let mut frame = b"\x01\x80\xc2\0\0\0\x02\0\0\0\0\x01\0\x26\x42\x42\x03\0\0\0\0\0".to_vec();
    /// frame.extend(b"\x80\0\x02\0\0\0\0\x01\0\0\0\0\x80\0\x02\0\0\0\0\x01\x80\x01\0\0\x14\0\x02\0\x0f\0");
    /// let (packet, options) = (Packet::new(LinkType::ETHERNET, &frame), DissectOptions::default());
    /// device_sightings(&packet, &dissect(&packet, &options), &options, |sighting| {
    ///     let Sighting::Bridge { tree: Some(tree), .. } = sighting else { panic!("a bridge says this") };
    ///     assert!(tree.is_root() && tree.bridge.priority == 32_768);
    /// });
    /// ```
    pub fn is_root(&self) -> bool {
        self.bridge == self.root
    }
}

/// `32768.02:00:00:00:00:01`, with the extension after a slash where there is one.
impl fmt::Display for BridgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { priority, extension, address } = self;
        match extension {
            0 => write!(f, "{priority}.{address}"),
            _ => write!(f, "{priority}/{extension}.{address}"),
        }
    }
}

impl BridgeId {
    fn of(bytes: [u8; 8]) -> Self {
        let [a, b, address @ ..] = bytes;
        Self::with(u16::from_be_bytes([a, b]), MacAddr(address))
    }

    /// The priority's lower 12 bits say which tree it is for.
    fn with(bits: u16, address: MacAddr) -> Self {
        Self { priority: bits & 0xf000, extension: bits & 0xfff, address }
    }
}

/// Types of BPDU (802.1D-2004, 9.3; 802.1Q-2018, 14.4).
const CONFIGURATION: u8 = 0;
const RAPID: u8 = 2;
const TOPOLOGY_CHANGE: u8 = 0x80;

/// What a message behind the LLC or SNAP header says of its sender.
pub(super) fn bpdu(bytes: &[u8], device: MacAddr, is_per_vlan: bool, see: &mut dyn FnMut(Sighting<'_>)) {
    // Other protocols than 0 are GARP and its like.
    let Some(&[0, 0, version, kind]) = bytes.first_chunk() else { return };
    let mut say = |tree| see(Sighting::Bridge { device, tree });
    match (kind, common(bytes)) {
        (TOPOLOGY_CHANGE, _) => say(None),
        (RAPID, Some(common)) if version >= 3 && instances(bytes, common, &mut say) => {}
        (CONFIGURATION | RAPID, Some(common)) => {
            let vlan = is_per_vlan.then(|| vlan(bytes)).flatten();
            say(Some(SpanningTree { tree: vlan.map_or(Tree::Common, Tree::Vlan), ..common }));
        }
        _ => {}
    }
}

/// What configuration and rapid BPDUs share.
fn common(bytes: &[u8]) -> Option<SpanningTree> {
    let id = |at: usize| Some(BridgeId::of(*bytes.get(at..)?.first_chunk()?));
    let cost = u32::from_be_bytes(*bytes.get(13..)?.first_chunk()?);
    // The times at the end are not looked at, but without them it is no BPDU.
    bytes.get(..35)?;
    Some(SpanningTree { tree: Tree::Common, root: id(5)?, cost, bridge: id(17)? })
}

/// The common tree and the instances of an MST BPDU (802.1Q-2018, 14.2.5); `false` where it is none.
fn instances(bytes: &[u8], common: SpanningTree, say: &mut impl FnMut(Option<SpanningTree>)) -> bool {
    const FIXED: usize = 64;
    const INSTANCE: usize = 16;
    let (Some(&[0, a, b]), Some(id)) =
        (bytes.get(35..).and_then(<[u8]>::first_chunk), bytes.get(93..).and_then(<[u8]>::first_chunk))
    else {
        return false;
    };
    let Some(len) = usize::from(u16::from_be_bytes([a, b])).checked_sub(FIXED) else { return false };
    // In the place of the bridge stands the root of its region; the bridge itself comes later.
    let bridge = BridgeId::of(*id);
    say(Some(SpanningTree { bridge, ..common }));
    let messages = bytes.get(102..).unwrap_or_default();
    for message in messages.get(..len).unwrap_or(messages).chunks_exact(INSTANCE) {
        let Some(&[_, a, b, c, d, e, f, g, h, cost @ .., priority, _, _]) = message.first_chunk::<INSTANCE>()
        else {
            break;
        };
        let root = BridgeId::of([a, b, c, d, e, f, g, h]);
        let instance = root.extension;
        say(Some(SpanningTree {
            tree: Tree::Instance(instance),
            root,
            cost: u32::from_be_bytes(cost),
            bridge: BridgeId::with(u16::from(priority & 0xf0) << 8 | instance, bridge.address),
        }));
    }
    true
}

/// PVST+ says at the end which VLAN the message is of: type 0, length 2, VLAN.
fn vlan(bytes: &[u8]) -> Option<u16> {
    match bytes.get(36..)?.first_chunk()? {
        &[0, 0, 0, 2, a, b] => Some(u16::from_be_bytes([a, b])),
        _ => None,
    }
}

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pcapviz_capture::{Capability, MacAddr, Protocol, SpanningTree, Tree};
use pcapviz_graph::{Device, Neighbours, NodeId};

/// A device that passes frames on within a network, or says that it does, with the reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Switch {
    /// The device: one port of it, if its ports have addresses of their own.
    pub device: MacAddr,
    /// What it said last of each spanning tree, by tree.
    pub trees: Vec<SpanningTree>,
    /// Whether it sends BPDUs.
    pub is_bridge: bool,
    /// Of which trees others say that it is the root, without a word of its own.
    pub root_of: BTreeSet<Tree>,
    /// What it says that it does, and by which protocols.
    pub capabilities: BTreeMap<Capability, BTreeSet<Protocol>>,
}

/// The switches, bridges and other devices that hold a link together: by what they say in spanning trees, LLDP and
/// CDP. Roots of trees first, then other bridges, then what is only said; each by address. O(devices log devices).
///
/// ```
/// use pcapviz_analysis::switches;
/// use pcapviz_graph::Neighbours;
///
/// assert!(switches(&Neighbours::default()).is_empty());
/// ```
pub fn switches(neighbours: &Neighbours) -> Vec<Switch> {
    let mut roots: BTreeMap<MacAddr, BTreeSet<Tree>> = BTreeMap::new();
    for tree in neighbours.iter().flat_map(|(_, device)| device.trees.values()) {
        roots.entry(tree.root.address).or_default().insert(tree.tree);
    }
    let mut found: Vec<Switch> = neighbours
        .iter()
        .map(|(mac, device)| Switch::of(mac, device, roots.remove(&mac).unwrap_or_default()))
        .filter(Switch::holds_a_link)
        .collect();
    found.sort_by_key(|switch| (!switch.is_root(), !switch.is_bridge, switch.device));
    found
}

impl Switch {
    fn of(mac: MacAddr, device: &Device, mut root_of: BTreeSet<Tree>) -> Self {
        device.trees.keys().for_each(|tree| {
            root_of.remove(tree);
        });
        let mut capabilities: BTreeMap<Capability, BTreeSet<Protocol>> = BTreeMap::new();
        for &(capability, protocol) in &device.capabilities {
            capabilities.entry(capability).or_default().insert(protocol);
        }
        let trees = device.trees.values().copied().collect();
        Self { device: mac, trees, is_bridge: device.is_bridge, root_of, capabilities }
    }

    /// Telephones and the like are at the edge, unless they are switches too.
    fn holds_a_link(&self) -> bool {
        self.is_bridge
            || !self.root_of.is_empty()
            || self.capabilities.keys().any(|capability| *capability != Capability::Telephone)
    }

    /// Whether it is the root of a spanning tree.
    pub fn is_root(&self) -> bool {
        !self.root_of.is_empty() || self.trees.iter().any(SpanningTree::is_root)
    }

    /// The device as a node.
    pub fn node(&self) -> NodeId {
        NodeId::Device(self.device)
    }

    /// Its place in the trees, those in which it is the same in one.
    fn places(&self) -> Vec<String> {
        let mut places: BTreeMap<Place, Vec<Tree>> = BTreeMap::new();
        for tree in &self.trees {
            let above = (!tree.is_root()).then_some((tree.root.address, tree.cost));
            places.entry((above.is_some(), tree.bridge.priority, above)).or_default().push(tree.tree);
        }
        let place = |((_, priority, above), trees): (Place, Vec<Tree>)| {
            let trees = spanned(&trees);
            match above {
                None => format!("root bridge of {trees} (priority {priority})"),
                Some((root, cost)) => {
                    format!("bridge in {trees} (priority {priority}), root {root} at cost {cost}")
                }
            }
        };
        places.into_iter().map(place).collect()
    }
}

/// Whether it is below another bridge; its priority; the root above it, and at which cost.
type Place = (bool, u16, Option<(MacAddr, u32)>);

/// `the spanning tree`, with the VLANs or instances that it is of.
fn spanned(trees: &[Tree]) -> String {
    let numbers = |of: fn(&Tree) -> Option<u16>| trees.iter().filter_map(of).collect::<Vec<u16>>();
    let vlans = numbers(|tree| if let Tree::Vlan(id) = tree { Some(*id) } else { None });
    let instances = numbers(|tree| if let Tree::Instance(id) = tree { Some(*id) } else { None });
    let of: Vec<String> =
        [list("VLAN", &vlans), list("MST instance", &instances)].into_iter().flatten().collect();
    match (trees.len(), &of[..], trees.contains(&Tree::Common)) {
        (_, [], _) => "the spanning tree".to_owned(),
        (_, of, true) => format!("the spanning tree and those of {}", of.join(" and ")),
        (1, of, false) => format!("the spanning tree of {}", of.join(" and ")),
        (_, of, false) => format!("the spanning trees of {}", of.join(" and ")),
    }
}

/// `VLAN 1`, `VLANs 1, 5`, or the first few and how many more.
fn list(noun: &str, numbers: &[u16]) -> Option<String> {
    /// Numbers written out.
    const MOST: usize = 5;
    let shown: Vec<String> = numbers.iter().take(MOST).map(u16::to_string).collect();
    let plural = if numbers.len() == 1 { "" } else { "s" };
    let more = match numbers.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!numbers.is_empty()).then(|| format!("{noun}{plural} {}{more}", shown.join(", ")))
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reasons = self.places();
        if !self.root_of.is_empty() {
            let trees: Vec<Tree> = self.root_of.iter().copied().collect();
            reasons.push(format!("root bridge of {}, say other bridges", spanned(&trees)));
        }
        // A port need not have its bridge's address.
        if let Some(tree) = self.trees.iter().find(|tree| tree.bridge.address != self.device) {
            reasons.push(format!("a port of bridge {}", tree.bridge.address));
        }
        if self.is_bridge && self.trees.is_empty() {
            reasons.push("bridge, sends BPDUs".to_owned());
        }
        let mut by_sources: BTreeMap<&BTreeSet<Protocol>, Vec<String>> = BTreeMap::new();
        for (capability, protocols) in &self.capabilities {
            by_sources.entry(protocols).or_default().push(capability.to_string());
        }
        for (protocols, capabilities) in by_sources {
            let sources: Vec<String> = protocols.iter().map(Protocol::to_string).collect();
            let say = if sources.len() == 1 { "says" } else { "say" };
            reasons.push(format!("{}, {say} {}", capabilities.join(" and "), sources.join(" and ")));
        }
        f.write_str(&reasons.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use pcapviz_capture::{BridgeId, Sighting};
    use pcapviz_graph::{Claims, FlowTable};

    use super::*;

    const fn mac(n: u8) -> MacAddr {
        MacAddr([2, 0, 0, 0, 0, n])
    }

    /// `device` says that it is `bridge` with that priority below `root`, in `tree`.
    fn bpdu(device: u8, tree: Tree, root: u8, priority: u16, bridge: u8) -> Sighting<'static> {
        let id = |priority, address| {
            let mut id = BridgeId::default();
            (id.priority, id.address) = (priority, mac(address));
            id
        };
        let (root_id, id) = (id(if root == bridge { priority } else { 4096 }, root), id(priority, bridge));
        let tree = SpanningTree::new(tree, root_id, if root == bridge { 0 } else { 4 }, id);
        Sighting::Bridge { device: mac(device), tree: Some(tree) }
    }

    fn does(device: u8, capability: Capability, protocol: Protocol) -> Sighting<'static> {
        Sighting::Capability { device: mac(device), capability, protocol }
    }

    #[track_caller]
    fn check(sightings: &[Sighting<'static>], expected: &[&str]) {
        let said = |claims: &Claims| -> Vec<String> {
            let found = switches(&Neighbours::of(&FlowTable::new(), claims));
            found.iter().map(|switch| format!("{}: {switch}", switch.device.0[5])).collect()
        };
        let gather = |sightings: &mut dyn Iterator<Item = &Sighting<'static>>| {
            let mut claims = Claims::default();
            sightings.for_each(|sighting| claims.sighting(None, sighting));
            claims
        };
        assert_eq!(said(&gather(&mut sightings.iter())), expected);
        // In two halves, the later first.
        let mut halves = gather(&mut sightings.iter().skip(1).step_by(2));
        halves.merge(gather(&mut sightings.iter().step_by(2)));
        assert_eq!(said(&halves), expected);
    }

    #[test]
    fn switches_say_why() {
        use Capability::{AccessPoint, Router, Switch, Telephone};
        use Protocol::{Cdp, Lldp};
        use Tree::{Common, Instance, Vlan};
        check(&[], &[]);
        check(&[bpdu(1, Common, 1, 32768, 1)], &["1: root bridge of the spanning tree (priority 32768)"]);
        // It took itself for the root until it heard of a better one.
        check(
            &[bpdu(2, Common, 2, 32768, 2), bpdu(2, Common, 1, 32768, 2)],
            &["2: bridge in the spanning tree (priority 32768), root 02:00:00:00:00:01 at cost 4"],
        );
        check(
            &[bpdu(3, Vlan(5), 9, 8192, 9), bpdu(3, Vlan(1), 9, 8192, 9), bpdu(3, Instance(2), 1, 8192, 9)],
            &["3: root bridge of the spanning trees of VLANs 1, 5 (priority 8192); \
               bridge in the spanning tree of MST instance 2 (priority 8192), root 02:00:00:00:00:01 at cost 4; \
               a port of bridge 02:00:00:00:00:09"],
        );
        check(
            &[
                bpdu(2, Common, 1, 32768, 2),
                does(1, Switch, Lldp),
                does(1, Router, Lldp),
                does(1, Switch, Cdp),
            ],
            &[
                "1: root bridge of the spanning tree, say other bridges; router, says LLDP; \
                 switch, say LLDP and CDP",
                "2: bridge in the spanning tree (priority 32768), root 02:00:00:00:00:01 at cost 4",
            ],
        );
        check(&[Sighting::Bridge { device: mac(4), tree: None }], &["4: bridge, sends BPDUs"]);
        check(&[does(5, AccessPoint, Lldp), does(6, Telephone, Lldp)], &["5: access point, says LLDP"]);
        check(&[does(6, Telephone, Lldp), does(6, Switch, Lldp)], &["6: switch and telephone, says LLDP"]);
        // No device of its own.
        check(&[Sighting::Bridge { device: MacAddr([0xff; 6]), tree: None }], &[]);
    }
}

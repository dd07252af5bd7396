//! One depth-first search that tells where single nodes hold a graph together (Tarjan, "Depth-first search and linear
//! graph algorithms", 1972).

use crate::peers::Core;

/// What the search knows of a node of the core, in half a line of the processor's cache: it comes to nodes at random.
#[derive(Clone, Copy, Default)]
#[repr(align(32))]
pub(crate) struct Visit {
    /// When it was reached, from 1; 0 before.
    pub(crate) order: u32,
    /// The earliest node that it or what was reached from it is linked with.
    pub(crate) low: u32,
    /// From where it was reached.
    pub(crate) parent: u32,
    /// Where those of its peers stand that have not been looked at.
    next: u32,
    end: u32,
    /// How many nodes were reached from it, itself included.
    pub(crate) size: u32,
    /// How many of them are linked with the rest through it alone, and the largest part of these.
    pub(crate) behind: u32,
    pub(crate) largest: u32,
}

/// What the search has just done.
pub(crate) enum Step {
    /// It came to a node.
    Reached(usize),
    /// It left a node whose part is linked with the rest through the node's parent alone.
    Parted(usize),
    /// It has visited all that is linked with a node, its root.
    Done(usize),
}

/// Visits all nodes, one component after the other. O(nodes + edges).
pub(crate) fn search(core: &Core, mut step: impl FnMut(&[Visit], Step)) {
    let mut visits = vec![Visit::default(); core.nodes.len()];
    let mut clock = 0;
    for root in 0..visits.len() {
        if visits[root].order == 0 {
            component(core, root, &mut visits, &mut clock, &mut step);
            step(&visits, Step::Done(root));
        }
    }
}

/// Visits all that can be reached from a node not visited yet.
fn component(
    core: &Core,
    root: usize,
    visits: &mut [Visit],
    clock: &mut u32,
    step: &mut impl FnMut(&[Visit], Step),
) {
    let mut reach = |visits: &mut [Visit], node: usize, parent: usize| {
        *clock += 1;
        // Nothing is behind the nodes that hang on it alone.
        let (leaves, peers) = (core.leaves[node], core.peers.places(node));
        visits[node] = Visit {
            order: *clock,
            low: *clock,
            parent: parent as u32,
            next: peers.start,
            end: peers.end,
            size: 1 + leaves,
            behind: leaves,
            largest: leaves.min(1),
        };
    };
    reach(visits, root, root);
    step(visits, Step::Reached(root));
    let mut node = root;
    loop {
        let here = &mut visits[node];
        if here.next < here.end {
            let peer = core.peers.at(here.next);
            here.next += 1;
            let parent = here.parent;
            match visits[peer as usize].order {
                0 => {
                    reach(visits, peer as usize, node);
                    node = peer as usize;
                    step(visits, Step::Reached(node));
                }
                order if peer != parent => visits[node].low = visits[node].low.min(order),
                _ => {}
            }
        } else if node == root {
            return;
        } else {
            let Visit { low, size, parent, .. } = *here;
            let above = &mut visits[parent as usize];
            above.low = above.low.min(low);
            above.size += size;
            if low >= above.order {
                above.behind += size;
                above.largest = above.largest.max(size);
                step(visits, Step::Parted(node));
            }
            node = parent as usize;
        }
    }
}

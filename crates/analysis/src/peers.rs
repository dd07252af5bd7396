/// Each node's distinct neighbours, sorted, without itself: one list behind the other.
// Numbers of 32 bits: a graph with more edges comes from a flow table of 200 GB.
pub(crate) struct Peers {
    starts: Vec<u32>,
    lists: Vec<u32>,
}

impl Peers {
    pub(crate) fn of(nodes: usize, edges: &[(u32, u32)]) -> Self {
        let edges = || edges.iter().filter(|(a, b)| a != b).flat_map(|&(a, b)| [(a, b), (b, a)]);
        let mut starts = vec![0_u32; nodes + 1];
        edges().for_each(|(a, _)| starts[a as usize] += 1);
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        // Each list is filled from its end, which leaves its start behind.
        let mut lists = vec![0_u32; end as usize];
        for (a, b) in edges() {
            let place = &mut starts[a as usize];
            *place -= 1;
            lists[*place as usize] = b;
        }
        let mut peers = Self { starts, lists };
        peers.drop_repeated();
        peers
    }

    /// Sorts each list, and closes the gaps that repeated peers leave.
    fn drop_repeated(&mut self) {
        let mut kept = 0;
        for node in 0..self.starts.len() - 1 {
            let list = self.starts[node] as usize..self.starts[node + 1] as usize;
            self.lists[list.clone()].sort_unstable();
            self.starts[node] = kept as u32;
            let first = kept;
            for i in list {
                let peer = self.lists[i];
                if kept == first || self.lists[kept - 1] != peer {
                    self.lists[kept] = peer;
                    kept += 1;
                }
            }
        }
        if let Some(end) = self.starts.last_mut() {
            *end = kept as u32;
        }
        self.lists.truncate(kept);
    }

    pub(crate) fn of_node(&self, node: usize) -> &[u32] {
        &self.lists[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// How many pairs of nodes are linked.
    pub(crate) fn links(&self) -> usize {
        self.lists.len() / 2
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }
}

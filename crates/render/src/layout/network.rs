use super::Problem;

/// The graph as layout sees it: undirected, simple, without self-loops; nodes are numbered from 0.
#[derive(Debug, Default)]
pub(super) struct Network {
    starts: Vec<usize>,
    ends: Vec<usize>,
    weights: Vec<f64>,
}

impl Network {
    /// Opposite and parallel edges become one, with their weights added. Edges to nodes that are not there
    /// are left out. O(nodes + edges log degree).
    pub(super) fn new(problem: &Problem) -> Self {
        let weight = |i: usize| problem.weights.get(i).copied().filter(|w| *w >= 0.0).unwrap_or(1.0);
        let edges = problem.edges.iter().enumerate().map(|(i, &(a, b))| (a, b, weight(i)));
        Self::from_edges(problem.boxes.len(), edges)
    }

    pub(super) fn from_edges(nodes: usize, edges: impl Iterator<Item = (usize, usize, f64)> + Clone) -> Self {
        let edges = edges.filter(|&(a, b, _)| a != b && a < nodes && b < nodes);
        let mut starts = vec![0; nodes + 1];
        for (a, b, _) in edges.clone() {
            starts[a + 1] += 1;
            starts[b + 1] += 1;
        }
        for i in 0..nodes {
            starts[i + 1] += starts[i];
        }
        let mut fill = starts.clone();
        let mut halves = vec![(0, 0.0); starts[nodes]];
        for (a, b, weight) in edges {
            for (from, to) in [(a, b), (b, a)] {
                halves[fill[from]] = (to, weight);
                fill[from] += 1;
            }
        }
        let mut net = Self { starts: vec![0], ends: Vec::new(), weights: Vec::new() };
        for i in 0..nodes {
            let own = &mut halves[starts[i]..starts[i + 1]];
            own.sort_by_key(|(to, _)| *to);
            let first = net.ends.len();
            for &(to, weight) in own.iter() {
                match net.weights.last_mut() {
                    Some(sum) if net.ends.len() > first && net.ends.last() == Some(&to) => *sum += weight,
                    _ => {
                        net.ends.push(to);
                        net.weights.push(weight);
                    }
                }
            }
            net.starts.push(net.ends.len());
        }
        net
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The nodes joined to this one, in rising order.
    pub(super) fn neighbours(&self, node: usize) -> &[usize] {
        &self.ends[self.starts[node]..self.starts[node + 1]]
    }

    pub(super) fn degree(&self, node: usize) -> usize {
        self.starts[node + 1] - self.starts[node]
    }

    /// Each edge once, as (lower, higher, weight).
    pub(super) fn edges(&self) -> impl Iterator<Item = (usize, usize, f64)> + Clone + '_ {
        (0..self.len()).flat_map(move |a| {
            (self.starts[a]..self.starts[a + 1])
                .filter(move |&i| a < self.ends[i])
                .map(move |i| (a, self.ends[i], self.weights[i]))
        })
    }

    /// The graph of these nodes alone; node `i` of it is `nodes[i]`. `scratch` is as long as this graph and
    /// may hold anything.
    pub(super) fn part(&self, nodes: &[usize], scratch: &mut [usize]) -> Self {
        for (local, &node) in nodes.iter().enumerate() {
            scratch[node] = local;
        }
        let scratch = &*scratch;
        let inside = |node: usize| nodes.get(scratch[node]) == Some(&node);
        let edges = nodes.iter().enumerate().flat_map(|(local, &a)| {
            (self.starts[a]..self.starts[a + 1])
                .filter(move |&i| a < self.ends[i] && inside(self.ends[i]))
                .map(move |i| (local, scratch[self.ends[i]], self.weights[i]))
        });
        Self::from_edges(nodes.len(), edges)
    }

    /// The connected components, each with its nodes in rising order, in the order of their first node.
    pub(super) fn components(&self) -> Vec<Vec<usize>> {
        let mut seen = vec![false; self.len()];
        let mut all = Vec::new();
        for start in 0..self.len() {
            if std::mem::replace(&mut seen[start], true) {
                continue;
            }
            let mut nodes = vec![start];
            let mut next = 0;
            while next < nodes.len() {
                for &other in self.neighbours(nodes[next]) {
                    if !std::mem::replace(&mut seen[other], true) {
                        nodes.push(other);
                    }
                }
                next += 1;
            }
            nodes.sort_unstable();
            all.push(nodes);
        }
        all
    }
}

use pcapviz_analysis::{Observations, Topology, findings_by, switches};
use pcapviz_capture::{CaptureError, GraphLayer, Tunnels};
use pcapviz_enrich::{EnrichError, Enriched, Enricher};
use pcapviz_graph::{
    Annotations, CaptureSummary, Claims, Finding, FlowTable, Inside, LayerGraph, Name, Neighbours, NodeId,
    Outline, Sampled, SelectError, Selection, Totals, Unselected, Vlans,
};
use pcapviz_render::View;

use crate::reading::Outcome;
use crate::shard::Shard;

/// What the captures hold: the flow table, what is known about its nodes, and what went wrong.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Every flow.
    pub table: FlowTable,
    /// Which addresses devices say are theirs.
    pub claims: Claims,
    /// The captures that were read, in the order given.
    pub captures: Vec<CaptureSummary>,
    /// Names, places and vendors; the names that the captures hold are there from the start.
    pub annotations: Annotations,
    /// What the traffic is consistent with, alerts first: see [`find`](Self::find).
    pub findings: Vec<Finding>,
    /// Of what findings are made from, that of which there was more than is kept.
    pub sampled: Vec<Sampled>,
    /// Why captures could not be read at all, in the order given.
    pub failures: Vec<CaptureError>,
    /// Where captures are cut short or damaged; what came before stands.
    pub damages: Vec<CaptureError>,
    pub(crate) observations: Observations,
    /// Which networks are inside.
    pub(crate) inside: Inside,
    /// Threads to work with.
    pub(crate) threads: usize,
    /// Whether MAC and IP addresses in the table are of the same frames.
    pub(crate) outer: bool,
}

/// What is said of flows where some are left out.
const FLOWS_WITHIN_THE_LIMIT: &str = "flows within the limit, so that what seems unanswered need not be";

impl Report {
    pub(crate) fn new(
        whole: Shard,
        threads: usize,
        tunnels: Tunnels,
        outcomes: impl Iterator<Item = Outcome>,
    ) -> Self {
        let outer = tunnels == Tunnels::Outer;
        let Shard { table, mut names, claims, quic, observations, .. } = whole;
        quic.names(|time, sighting| names.observe(time, sighting));
        let mut report = Self { table, claims, observations, threads, outer, ..Self::default() };
        names.annotate(&mut report.annotations);
        report.note_virtual_networks();
        for outcome in outcomes {
            match outcome {
                Ok((capture, damage)) => {
                    report.captures.push(capture);
                    report.damages.extend(damage);
                }
                Err(failure) => report.failures.push(failure),
            }
        }
        report
    }

    /// Notes each edge's VLANs and tunnels.
    fn note_virtual_networks(&mut self) {
        for key in self.table.virtual_keys() {
            for (source, target) in GraphLayer::ALL.into_iter().filter_map(|layer| key.ends(layer)) {
                let notes = self.annotations.edge_entry(source, target);
                notes.vlans.extend((key.vlans != Vlans::default()).then_some(key.vlans));
                notes.tunnels.extend(key.tunnel);
            }
        }
    }

    /// What became of every packet.
    pub fn totals(&self) -> &Totals {
        self.table.totals()
    }

    /// The graph of one layer. O(flows log flows): keep it rather than ask again.
    pub fn graph(&self, layer: GraphLayer) -> LayerGraph {
        self.table.project(layer)
    }

    /// Which addresses stand behind which devices, and which of these are gateways.
    /// O(flows): keep it rather than ask again.
    pub fn neighbours(&self) -> Neighbours {
        if self.outer {
            Neighbours::of_by(&self.table, &self.claims, self.threads)
        } else {
            Neighbours::of_claims(&self.claims)
        }
    }

    /// Adds which addresses stand behind each device, which devices before each of these hosts, what switches say of
    /// themselves, and which addresses are broadcast ones. A device is known by its own hosts' names, so this comes after
    /// what adds names. O(flows).
    pub fn join_devices(&mut self) {
        for address in self.table.broadcast_addresses() {
            self.annotations.entry(NodeId::Host(address)).is_broadcast = true;
        }
        let neighbours = self.neighbours();
        for switch in switches(&neighbours) {
            let notes = self.annotations.entry(switch.node());
            notes.extra.insert("switching".to_owned(), switch.to_string());
        }
        for (mac, device) in neighbours.iter() {
            let mut names = Vec::new();
            for address in device.addresses.keys() {
                let host = self.annotations.entry(NodeId::Host(*address));
                host.devices.push(mac);
                names.extend(host.names.iter().cloned());
            }
            let notes = self.annotations.entry(NodeId::Device(mac));
            // DHCP names the device itself, and by that its hosts.
            names.retain(|new: &Name| {
                !notes.names.iter().any(|n| (n.source, &n.name) == (new.source, &new.name))
            });
            notes.add_names(names);
            notes.device = Some(device.clone());
        }
    }

    /// Adds what an enricher knows of every device and host.
    ///
    /// # Errors
    /// If the enricher could learn nothing at all.
    pub fn enrich(&mut self, enricher: &dyn Enricher) -> Result<Enriched, EnrichError> {
        let mut nodes = self.table.nodes(GraphLayer::Devices);
        nodes.extend(self.table.nodes(GraphLayer::Hosts));
        enricher.enrich(&nodes, &mut self.annotations)
    }

    /// The same for the nodes of one graph only.
    ///
    /// # Errors
    /// If the enricher could learn nothing at all.
    pub fn enrich_graph(
        &mut self,
        graph: &LayerGraph,
        enricher: &dyn Enricher,
    ) -> Result<Enriched, EnrichError> {
        let nodes: Vec<NodeId> = graph.nodes().iter().map(|node| node.id).collect();
        enricher.enrich(&nodes, &mut self.annotations)
    }

    /// Looks for findings anew, with other networks held to be inside; pictures hold them to be so, too. O(flows).
    ///
    /// ```
    /// use pcapviz_core::Pipeline;
    ///
    /// let mut report = Pipeline::new().run();
    /// report.find(&"198.51.100.0/24".parse()?);
    /// assert!(report.findings.is_empty());
    /// # Ok::<(), pcapviz_core::analysis::ParseNetworkError>(())
    /// ```
    pub fn find(&mut self, inside: &Inside) {
        let findings = self.findings_by(inside);
        self.keep(findings, inside);
    }

    pub(crate) fn findings_by(&self, inside: &Inside) -> Vec<Finding> {
        findings_by(&self.table, &self.observations, inside, self.threads)
    }

    /// Keeps what was found, with these networks held to be inside.
    pub(crate) fn keep(&mut self, findings: Vec<Finding>, inside: &Inside) {
        self.findings = findings;
        self.sampled = self.observations.sampled();
        let Totals { packets, others, .. } = self.table.totals();
        if others.packets > 0 {
            let share = 1.0 - others.packets as f64 / *packets as f64;
            self.sampled.insert(0, Sampled::of_packets(FLOWS_WITHIN_THE_LIMIT, share));
        }
        self.inside = inside.clone();
    }

    /// Notes at the most important nodes of a graph why they matter, under `key`: at most `count`.
    pub fn note_key_nodes(&mut self, graph: &LayerGraph, count: usize) {
        let outline = Outline::from(graph);
        let topology = Topology::of_by(&outline, self.threads);
        let bytes = || graph.edges().iter().map(|edge| edge.traffic.bytes).collect();
        for (node, reason) in self.key_nodes_with_reasons(&topology, bytes, count) {
            self.annotations.entry(node).extra.insert("key".to_owned(), reason);
        }
    }

    /// A part of a graph, and what is left out of it: see [`Selection`].
    ///
    /// # Errors
    /// If the selection names what is not in the graph.
    pub fn select(
        &self,
        graph: &LayerGraph,
        selection: &Selection,
    ) -> Result<(LayerGraph, Unselected), SelectError> {
        selection.apply(graph, &self.annotations)
    }

    /// A graph with all that is known about it, to draw or to write.
    pub fn view<'a>(&'a self, graph: &'a LayerGraph) -> View<'a> {
        View::new(graph, &self.annotations, &self.captures, self.totals())
            .with_findings(&self.findings)
            .with_sampled(&self.sampled)
            .with_inside(&self.inside)
    }
}

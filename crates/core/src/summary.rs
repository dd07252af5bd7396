//! The summary and the lists for a terminal: plain text, every name made harmless.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};

use pcapviz_analysis::{
    Centrality, Service, Services, Topology, bridges, gateways, key_nodes, key_nodes_among, switches,
    top_talkers,
};
use pcapviz_enrich::Enricher;
use pcapviz_graph::{
    Annotations, CaptureSummary, GraphLayer, LayerGraph, NameSource, NodeId, Outline, all_beside,
};
use pcapviz_render::escape;
use pcapviz_render::quantity::{bytes, counted, grouped, packets, span};

use crate::{Embedded, Report};

/// Edges up to which the measures of centrality are computed: about a tenth of a second.
const CENTRALITY_EDGES: usize = 200_000;

/// Rows in each of the summary's lists: what fits a screen.
const ROWS: usize = 10;

/// What there is to say of a layer: its line, its top talkers, its key nodes.
const PARTS: usize = 3;

/// Captures that are listed: a folder may hold thousands.
const CAPTURES: usize = 20;

impl Report {
    /// What the captures hold, for a terminal: captures, totals, top talkers and key nodes of all three
    /// layers. `bold` makes the headings stand out (ANSI escape sequences).
    ///
    /// ```
    /// let summary = pcapviz_core::Pipeline::new().run().summary(false);
    /// assert!(summary.contains("0 packets"));
    /// ```
    pub fn summary(&self, bold: bool) -> String {
        self.summary_with(bold, ROWS)
    }

    /// The same with so many key nodes of each layer.
    pub fn summary_with(&self, bold: bool, key_nodes: usize) -> String {
        let mut out = Text { out: String::new(), bold, key_nodes, first: true };
        // Writing to a string cannot fail.
        let _ = self.write_summary(&mut out);
        out.out
    }

    fn write_summary(&self, out: &mut Text) -> fmt::Result {
        self.captures(out)?;
        self.findings(out)?;
        out.heading("Layers")?;
        for part in self.layers(out)? {
            out.write_str(&part)?;
        }
        Ok(())
    }

    /// What there is to say of the layers: for each its line, then the top talkers of each, then the key nodes.
    fn layers(&self, out: &Text) -> Result<impl Iterator<Item = String> + use<>, fmt::Error> {
        let (threads, table) = (self.threads, &self.table);
        let endpoints = table.outline(GraphLayer::Endpoints, threads);
        // Much of a layer is a task for one thread. That of the devices goes to whoever is free first.
        let layers = [GraphLayer::Endpoints, GraphLayer::Hosts, GraphLayer::Devices];
        let done = all_beside(threads, layers.len(), |n| match layers[n] {
            GraphLayer::Endpoints => self.layer(out, &endpoints),
            GraphLayer::Hosts => self.layer(out, &table.outline_of_hosts(&endpoints, threads)),
            GraphLayer::Devices => self.layer(out, &table.outline(GraphLayer::Devices, threads)),
        });
        let mut of_layers = done.into_iter().rev().collect::<Result<Vec<_>, _>>()?;
        let parts = (0..PARTS).flat_map(move |part| {
            of_layers.iter_mut().map(|of| std::mem::take(&mut of[part])).collect::<Vec<_>>()
        });
        Ok(parts)
    }

    /// A layer's line, its top talkers, its key nodes.
    fn layer(&self, out: &Text, outline: &Outline) -> Result<[String; PARTS], fmt::Error> {
        let [mut line, mut talkers, mut keys] = [out.later(), out.later(), out.later()];
        self.totals_of(&mut line, outline)?;
        self.talkers(&mut talkers, outline)?;
        self.key_nodes(&mut keys, &Topology::of_by(outline, self.threads))?;
        Ok([line.out, talkers.out, keys.out])
    }

    fn captures(&self, out: &mut Text) -> fmt::Result {
        out.heading("Captures")?;
        for capture in self.captures.iter().take(CAPTURES) {
            write!(out, "  {}  {}", escape::terminal(&capture.path), capture.format)?;
            write!(out, ", {}, {}", packets(capture.packets), bytes(capture.bytes))?;
            match capture.life {
                Some((first, last)) => writeln!(out, ", {}", span(first, last))?,
                None => writeln!(out)?,
            }
        }
        if let Some(rest) = self.captures.get(CAPTURES..).filter(|rest| !rest.is_empty()) {
            let sum = |of: fn(&CaptureSummary) -> u64| rest.iter().map(of).sum();
            let (of_packets, of_bytes) = (packets(sum(|c| c.packets)), bytes(sum(|c| c.bytes)));
            writeln!(out, "  and {} more, {of_packets}, {of_bytes}", rest.len())?;
        }
        let totals = self.totals();
        write!(out, "  {}, {} on the wire", packets(totals.packets), bytes(totals.bytes))?;
        if totals.cut_by_snap_length > 0 {
            let cut = packets(totals.cut_by_snap_length);
            write!(out, ", {} captured ({cut} cut by the snap length)", bytes(totals.captured_bytes))?;
        }
        writeln!(out)?;
        for (reason, n) in &totals.stopped {
            writeln!(out, "  {} could not be dissected to the end: {reason}", packets(*n))?;
        }
        if totals.duplicates > 0 {
            let same = "the same as one just before, as a mirror port makes them";
            writeln!(out, "  {} {same}", packets(totals.duplicates))?;
        }
        if totals.time_backwards > 0 {
            writeln!(out, "  {} earlier than the one before", packets(totals.time_backwards))?;
        }
        Ok(())
    }

    fn totals_of(&self, out: &mut Text, outline: &Outline) -> fmt::Result {
        let layer = outline.layer();
        let nodes = counted(outline.len() as u64, noun(layer).0, noun(layer).1);
        let edges = counted(outline.edges().len() as u64, "edge", "edges");
        write!(out, "  {}  {nodes}, {edges}, ", layer.number())?;
        writeln!(out, "{} of {}", packets(self.totals().in_graph(layer)), grouped(self.totals().packets))?;
        let mut outside: Vec<_> = self.totals().outside(layer).collect();
        outside.sort_by_key(|&(absence, n)| (std::cmp::Reverse(n), absence));
        for (absence, n) in outside.iter().take(ROWS) {
            writeln!(out, "     not shown: {}: {absence}", packets(*n))?;
        }
        let rest: u64 = outside.iter().skip(ROWS).map(|(_, n)| n).sum();
        if rest > 0 {
            writeln!(out, "     not shown: {}: other reasons", packets(rest))?;
        }
        Ok(())
    }

    fn talkers(&self, out: &mut Text, outline: &Outline) -> fmt::Result {
        if outline.is_empty() {
            return Ok(());
        }
        out.heading(&format!("Top talkers, layer {}", outline.layer().number()))?;
        let rows = top_talkers(outline, ROWS).into_iter().map(|node| {
            let sent = format!("{} sent", bytes(outline.sent()[node]));
            let received = format!("{} received", bytes(outline.received()[node]));
            let id = outline.id(node);
            let [name, what] = self.known(id);
            [id.to_string(), sent, received, name, what]
        });
        out.table(rows.collect())
    }

    fn key_nodes(&self, out: &mut Text, topology: &Topology<'_>) -> fmt::Result {
        let (outline, keys) = (topology.outline(), self.key_nodes_with_reasons(topology, out.key_nodes));
        if keys.is_empty() {
            return Ok(());
        }
        out.heading(&format!("Key nodes, layer {}, as seen from here", outline.layer().number()))?;
        let rows = keys.into_iter().map(|(id, reason)| {
            let [name, what] = self.known(id);
            [id.to_string(), reason, name, what]
        });
        out.table(rows.collect())?;
        if outline.layer() == GraphLayer::Hosts {
            for bridge in bridges(topology, out.key_nodes) {
                let (a, b) = (outline.id(bridge.ends.0), outline.id(bridge.ends.1));
                writeln!(out, "  {a} - {b}  the only link to {} hosts", bridge.cuts_off)?;
            }
        }
        Ok(())
    }

    /// The nodes that matter most, each with its reasons: gateways and switches (layer 2) and services (layer 4) first, then by
    /// the graph's shape; at most `count`.
    pub(crate) fn key_nodes_with_reasons(
        &self,
        topology: &Topology<'_>,
        count: usize,
    ) -> Vec<(NodeId, String)> {
        let outline = topology.outline();
        let services =
            (outline.layer() == GraphLayer::Endpoints).then(|| Services::of(topology, &self.observations));
        let name = |services: Vec<Service>| -> Vec<(NodeId, String)> {
            services.iter().map(|service| (outline.id(service.node), service.to_string())).collect()
        };
        let roles: Vec<(NodeId, String)> = match outline.layer() {
            GraphLayer::Devices => {
                let neighbours = self.neighbours();
                let gateways = gateways(&neighbours).into_iter().map(|it| (it.node(), it.to_string()));
                let switches = switches(&neighbours).into_iter().map(|it| (it.node(), it.to_string()));
                gateways.chain(switches).collect()
            }
            GraphLayer::Hosts => Vec::new(),
            GraphLayer::Endpoints => {
                services.as_ref().map_or(Vec::new(), |services| name(services.first(count)))
            }
        };
        // What is worth computing for the reasons alone: a large graph is ranked by its shape.
        let is_small = outline.edges().len() <= CENTRALITY_EDGES && outline.layer() == GraphLayer::Hosts;
        let centrality = is_small.then(|| Centrality::of(&self.graph(outline.layer()), self.threads));
        let by_shape = match &centrality {
            Some(centrality) => centrality.key_nodes(topology, count),
            None => key_nodes(topology, count),
        };
        let all = roles.iter().map(|(id, _)| *id).chain(by_shape.iter().map(|key| outline.id(key.node)));
        let mut known = HashSet::new();
        let chosen: Vec<NodeId> = all.filter(|id| known.insert(*id)).take(count).collect();
        // Whatever each was chosen for, all that there is to say of it.
        let numbers: Vec<usize> = chosen.iter().filter_map(|id| outline.number(*id)).collect();
        let roles = services.map_or(roles, |services| name(services.among(&numbers)));
        let shapes = key_nodes_among(topology, centrality.as_ref(), &numbers);
        let shapes = shapes.into_iter().map(|key| (outline.id(key.node), key.to_string()));
        let mut reasons: HashMap<NodeId, Vec<String>> = HashMap::new();
        for (id, reason) in roles.into_iter().chain(shapes) {
            reasons.entry(id).or_default().push(reason);
        }
        chosen.into_iter().filter_map(|id| Some((id, reasons.remove(&id)?.join("; ")))).collect()
    }

    fn findings(&self, out: &mut Text) -> fmt::Result {
        if self.findings.is_empty() && self.sampled.is_empty() {
            return Ok(());
        }
        out.heading("Findings, as seen from here")?;
        for sampled in &self.sampled {
            writeln!(out, "  more than is kept, so that findings may be missing: {sampled}")?;
        }
        let rows = self.findings.iter().take(ROWS).map(|finding| {
            let severity = finding.severity.to_string();
            [severity, finding.kind.to_owned(), escape::terminal(&finding.sentence).into_owned()]
        });
        out.table(rows.collect())?;
        match self.findings.len().saturating_sub(ROWS) {
            0 => Ok(()),
            n => writeln!(out, "  {n} more in --format json"),
        }
    }

    /// A node's best name with where it came from, and its country or vendor, for a terminal; empty where
    /// there is none.
    fn known(&self, id: NodeId) -> [String; 2] {
        let mut known = Annotations::default();
        if let Some(notes) = self.annotations.get(id) {
            *known.entry(id.host()) = notes.clone();
        }
        // What is embedded never fails, and is too much to be noted of every node.
        let _ = Embedded.enrich(&[id], &mut known);
        let Some(notes) = known.get(id) else { return Default::default() };
        let name = notes.best_name().map(|name| {
            let others = match notes.other_names() {
                0 => String::new(),
                others => format!(" +{others}"),
            };
            let shown = format!("{}{others}", escape::terminal(&name.name));
            // A protocol's address speaks for itself.
            if name.source == NameSource::WellKnown { shown } else { format!("{shown} ({})", name.source) }
        });
        let country =
            notes.place.as_ref().and_then(|place| place.country.as_ref().or(place.country_code.as_ref()));
        let what = country.or(notes.vendor.as_ref()).map(|text| escape::terminal(text).into_owned());
        [name.unwrap_or_default(), what.unwrap_or_default()]
    }

    /// The lines of `-fi`: for each node that was contacted, by how many distinct nodes, the node, and its
    /// best name. Most first, equal counts in order of first appearance.
    pub fn contacted_list(&self, graph: &LayerGraph) -> String {
        self.list(graph, graph.contacted())
    }

    /// The lines of `-fo`: for each node that sent, to how many distinct nodes, the node, and its best name.
    /// Most first, equal counts in order of first appearance.
    pub fn contacting_list(&self, graph: &LayerGraph) -> String {
        self.list(graph, graph.contacting())
    }

    fn list(&self, graph: &LayerGraph, rank: Vec<(usize, usize)>) -> String {
        let mut out = String::new();
        for (node, count) in rank {
            let id = graph.nodes()[node].id;
            let _ = write!(out, "{count} {id}");
            if let Some(name) = name(&self.annotations, id) {
                let _ = write!(out, " {name}");
            }
            out.push('\n');
        }
        out
    }
}

/// A host's or device's name for a list; a protocol's well-known address is none.
fn name(annotations: &Annotations, id: NodeId) -> Option<String> {
    let name = annotations.get(id)?.best_name().filter(|name| name.source != NameSource::WellKnown)?;
    Some(escape::terminal(&name.name).into_owned())
}

fn noun(layer: GraphLayer) -> (&'static str, &'static str) {
    match layer {
        GraphLayer::Devices => ("device", "devices"),
        GraphLayer::Hosts => ("IP host", "IP hosts"),
        GraphLayer::Endpoints => ("end point", "end points"),
    }
}

/// The text so far.
struct Text {
    out: String,
    bold: bool,
    /// How many key nodes of a layer to list.
    key_nodes: usize,
    /// No heading stands before: the next one needs no empty line.
    first: bool,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.out.write_str(text)
    }
}

impl Text {
    /// An empty text that goes behind this one.
    fn later(&self) -> Self {
        Self { out: String::new(), first: false, ..*self }
    }

    fn heading(&mut self, title: &str) -> fmt::Result {
        if !std::mem::take(&mut self.first) {
            writeln!(self)?;
        }
        if self.bold { writeln!(self, "\x1b[1m{title}\x1b[0m") } else { writeln!(self, "{title}") }
    }

    /// Columns, each as wide as its widest cell.
    fn table<const N: usize>(&mut self, rows: Vec<[String; N]>) -> fmt::Result {
        let mut widths = [0; N];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                write!(line, "  {cell:width$}")?;
            }
            writeln!(self, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

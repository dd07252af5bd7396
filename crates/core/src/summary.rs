//! The summary and the lists for a terminal: plain text, every name made harmless.

use std::fmt::{self, Write};

use pcapviz_enrich::Enricher;
use pcapviz_graph::{Annotations, CaptureSummary, GraphLayer, LayerGraph, NameSource, NodeId};
use pcapviz_render::escape;
use pcapviz_render::quantity::{bytes, counted, grouped, packets, span};

use crate::overview::{LayerOverview, ROWS};
use crate::{Embedded, Overview, Report};

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
        self.summary_of(&self.overview(Overview::KEY_NODES), bold)
    }

    /// The same with an [overview](Self::overview) of this report as it is, such as that of
    /// [`run_with_overview`](crate::Pipeline::run_with_overview).
    ///
    /// ```
    /// let (report, overview) = pcapviz_core::Pipeline::new().run_with_overview(10);
    /// assert_eq!(report.summary_of(&overview, false), report.summary(false));
    /// ```
    pub fn summary_of(&self, overview: &Overview, bold: bool) -> String {
        let mut out = Text { out: String::new(), bold, first: true };
        // Writing to a string cannot fail.
        let _ = self.write_summary(&overview.layers, &mut out);
        out.out
    }

    fn write_summary(&self, layers: &[LayerOverview], out: &mut Text) -> fmt::Result {
        self.captures(out)?;
        self.findings(out)?;
        out.heading("Layers")?;
        layers.iter().try_for_each(|layer| self.totals_of(out, layer))?;
        layers.iter().try_for_each(|layer| self.talkers(out, layer))?;
        layers.iter().try_for_each(|layer| self.key_nodes(out, layer))
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

    fn totals_of(&self, out: &mut Text, of: &LayerOverview) -> fmt::Result {
        let layer = of.layer;
        let nodes = counted(of.nodes as u64, noun(layer).0, noun(layer).1);
        let edges = counted(of.edges as u64, "edge", "edges");
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

    fn talkers(&self, out: &mut Text, of: &LayerOverview) -> fmt::Result {
        if of.talkers.is_empty() {
            return Ok(());
        }
        out.heading(&format!("Top talkers, layer {}", of.layer.number()))?;
        let rows = of.talkers.iter().map(|&(id, sent, received)| {
            let [name, what] = self.known(id);
            let [sent, received] = [format!("{} sent", bytes(sent)), format!("{} received", bytes(received))];
            [id.to_string(), sent, received, name, what]
        });
        out.table(rows.collect())
    }

    fn key_nodes(&self, out: &mut Text, of: &LayerOverview) -> fmt::Result {
        if of.key_nodes.is_empty() {
            return Ok(());
        }
        out.heading(&format!("Key nodes, layer {}, as seen from here", of.layer.number()))?;
        let rows = of.key_nodes.iter().map(|(id, reason)| {
            let [name, what] = self.known(*id);
            [id.to_string(), reason.clone(), name, what]
        });
        out.table(rows.collect())?;
        for (a, b, cuts_off) in &of.bridges {
            writeln!(out, "  {a} - {b}  the only link to {cuts_off} hosts")?;
        }
        Ok(())
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
    /// No heading stands before: the next one needs no empty line.
    first: bool,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.out.write_str(text)
    }
}

impl Text {
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

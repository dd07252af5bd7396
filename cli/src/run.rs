use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::ColorChoice;
use pcapviz_core::capture::{CaptureReader, captures_in};
use pcapviz_core::enrich::{
    EnrichError, Enricher, GeoDatabases, HostsFile, ManufFile, ResolveOptions, ReverseResolver,
};
use pcapviz_core::graph::{ProtocolSet, Selection, Unselected, topmost_protocols};
use pcapviz_core::render::layout::{Engine, Layout};
use pcapviz_core::render::{Format, Kind, RenderOptions, Shape, View, escape, render};
use pcapviz_core::{Embedded, LayerGraph, Overview, Pipeline, Report};

use crate::args::{Args, Frequent, Split};
use crate::progress::Bar;

/// The exit status that says that there are findings.
const FINDINGS: u8 = 3;

/// Does what the arguments say: messages go to standard error, data to standard output.
pub(crate) fn run(args: &Args) -> ExitCode {
    let mut messages = Messages { quiet: args.quiet, warned: false, failed: false };
    let outputs = match Outputs::of(args) {
        Ok(outputs) => outputs,
        Err(usage) => {
            messages.fail(&usage);
            return ExitCode::from(2);
        }
    };
    let ignored = args.without_effect(&outputs.formats());
    if !ignored.is_empty() {
        messages.warn(&format_args!(
            "no effect on what is written: {}; pictures are svg, png and pdf (--scale and --width: png only)",
            ignored.join(", ")
        ));
    }
    if args.speaks_of_nothing() {
        messages
            .warn(&"-l has no effect: it is the language of the names in a database of places, given by -G");
    }
    let mut worst = None;
    for Portion { captures, name } in portions(args, &mut messages) {
        let (mut report, overview) = read(args, &captures, outputs.is_summary(args), &mut messages);
        let written = match overview {
            _ if report.captures.is_empty() => Ok(()),
            Some(overview) => print(&report.summary_of(&overview, bold(args.color))),
            None => outputs.write(args, &mut report, name.as_deref(), &mut messages),
        };
        if let Err(error) = written {
            // Whoever read the output has had enough, as in `pcapviz x.pcap | head`.
            let enough = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
            if !error.chain().any(|cause| cause.downcast_ref().is_some_and(enough)) {
                messages.fail(&error);
            }
        }
        worst = worst.max(report.findings.iter().map(|finding| finding.severity).max());
    }
    if messages.failed || (args.strict && messages.warned) {
        return ExitCode::FAILURE;
    }
    let fails = |severity| worst.is_some_and(|worst| worst >= severity);
    if args.findings_fail().is_some_and(fails) { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS }
}

/// Captures that go into one output together.
struct Portion {
    captures: Vec<PathBuf>,
    /// What tells its output files from those of the others; `None` for the only one.
    name: Option<String>,
}

/// All captures together, or each alone, folders replaced by what is in them.
fn portions(args: &Args, messages: &mut Messages) -> Vec<Portion> {
    let all = args.captures().cloned();
    if !args.each {
        return vec![Portion { captures: all.collect(), name: None }];
    }
    let mut captures = Vec::new();
    for path in all {
        if !path.is_dir() {
            captures.push(path);
            continue;
        }
        match captures_in(&path) {
            Ok(inside) => captures.extend(inside),
            Err(error) => messages.fail(&error),
        }
    }
    // Captures of one name, in folders of their own, get a number: none is written over another's.
    let mut taken = HashSet::new();
    let portion = |path: PathBuf| {
        let name = harmless(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy());
        let numbered = (2..).map(|n| format!("{name}-{n}"));
        let name = std::iter::once(name.clone()).chain(numbered).find(|name| taken.insert(name.clone()));
        Portion { captures: vec![path], name }
    };
    captures.into_iter().map(portion).collect()
}

/// Reads the captures and adds what else is asked for about their nodes; for a summary, with what it says of the layers.
fn read(
    args: &Args,
    captures: &[PathBuf],
    for_summary: bool,
    messages: &mut Messages,
) -> (Report, Option<Overview>) {
    let mut pipeline = captures.iter().fold(Pipeline::new().tunnels(args.tunnels()), |pipeline, path| {
        if path.as_os_str() == "-" { pipeline.stdin() } else { pipeline.capture(path) }
    });
    pipeline = pipeline.inside(args.inside());
    if let Some(threads) = args.threads {
        pipeline = pipeline.threads(threads);
    }
    match args.packet_filter() {
        Ok(filter) => pipeline = filter.into_iter().fold(pipeline, Pipeline::filter),
        Err(error) => messages.fail(&error),
    }
    if let Some(from) = args.from {
        pipeline = pipeline.from(from);
    }
    if let Some(to) = args.to {
        pipeline = pipeline.to(to);
    }
    if let Some(count) = args.count {
        pipeline = pipeline.count(count);
    }
    if args.esp_null {
        pipeline = pipeline.esp_null();
    }
    if args.defragment {
        pipeline = pipeline.defragment();
    }
    if let Some(flows) = args.max_flows {
        pipeline = pipeline.max_flows(flows);
    }
    if args.drop_duplicates {
        pipeline = pipeline.drop_duplicates();
    }
    let bar = if args.quiet { None } else { Bar::new().map(Arc::new) };
    if let Some(bar) = &bar {
        pipeline = pipeline.progress(bar.clone());
    }
    let (mut report, overview) = if for_summary {
        let (report, overview) = pipeline.run_with_overview(args.key_nodes.unwrap_or(Overview::KEY_NODES));
        (report, Some(overview))
    } else {
        (pipeline.run(), None)
    };
    if let Some(bar) = bar {
        bar.finish();
    }
    for failure in &report.failures {
        messages.fail(failure);
    }
    for damage in &report.damages {
        messages.warn(damage);
    }
    for refusal in args.filter.iter().flat_map(|filter| filter.refusals()) {
        messages.warn(&format_args!("filter: {}, so none of its packets match", refusal.message()));
    }
    if !report.captures.is_empty() {
        enrich(args, &mut report, messages);
    }
    (report, overview)
}

/// Adds names and places from outside the captures. What is missing costs a warning, not the picture.
fn enrich(args: &Args, report: &mut Report, messages: &mut Messages) {
    let mut add =
        |enricher: Result<Box<dyn Enricher>, EnrichError>| match enricher.and_then(|e| report.enrich(&*e)) {
            Ok(enriched) => {
                enriched.warnings.iter().for_each(|warning| messages.warn(warning));
                enriched.remarks.iter().for_each(|remark| messages.remark(remark));
            }
            Err(error) => messages.warn(&error),
        };
    for path in &args.hosts {
        add(HostsFile::open(path).map(|file| Box::new(file) as _));
    }
    for path in &args.manuf {
        add(ManufFile::open(path).map(|file| Box::new(file) as _));
    }
    // Each by itself, so that a broken one does not cost the others.
    for path in &args.geopath {
        add(GeoDatabases::open([path], args.geolang()).map(|databases| Box::new(databases) as _));
    }
    if args.resolve {
        let mut options = ResolveOptions::default();
        options.server = args.dns_server;
        let mut resolver = ReverseResolver::new(options);
        let bar = if args.quiet { None } else { Bar::of_look_ups().map(Arc::new) };
        if let Some(bar) = bar.clone() {
            resolver = resolver.on_progress(move |progress| bar.set(progress.done, progress.total));
        }
        add(Ok(Box::new(resolver)));
        bar.iter().for_each(|bar| bar.finish());
    }
}

/// What is to be written, checked before the captures are read: a slip of the pen should not cost a minute.
struct Outputs<'a> {
    out: Option<(&'a Path, Format)>,
    /// The format of `-g`.
    dot: Option<Format>,
    engine: &'static Engine,
    layout: Box<dyn Layout>,
    shape: Option<Shape>,
}

impl<'a> Outputs<'a> {
    fn of(args: &'a Args) -> Result<Self> {
        let format = args.format.as_deref().map(str::parse::<Format>).transpose()?;
        let out = match (args.out.as_deref(), format) {
            (None, None) => None,
            (None, Some(_)) => bail!(
                "--format says how to write the graph, but not where to: add -o FILE, or -o - for standard output"
            ),
            (Some(path), None) if path.as_os_str() == "-" => {
                bail!("-o - needs --format, since there is no extension to tell it by")
            }
            (Some(path), Some(format)) => Some((path, format)),
            (Some(path), None) => Some((path, Format::of_path(path)?)),
        };
        if (args.split.is_some() || args.each)
            && args.out.as_deref().is_some_and(|path| path.as_os_str() == "-")
        {
            bail!("--split and --each write several files, so -o must name a file, not standard output");
        }
        args.packet_filter()?;
        if let (Some((path, _)), Some(dot)) = (out, args.graphviz.as_deref())
            && path == dot
        {
            bail!("-o and -g write to the same file, {}: name another one", path.display());
        }
        let selects = !args.selection().is_everything();
        if selects && args.out.is_none() && args.graphviz.is_none() && !lists_any(args) {
            bail!(
                "--focus, --path, --top and the protocols select parts of a graph: add -o FILE, -fi or -fo to show it"
            );
        }
        // A slip such as `-g` before a capture must not cost the capture. Only files: a pipe would block.
        let written = out.map(|(path, _)| path).into_iter().chain(args.graphviz.as_deref());
        for path in written.filter(|path| path.is_file()) {
            if CaptureReader::open(path).is_ok() {
                bail!("{} is a capture, which is never written over: write to another file", path.display());
            }
        }
        let dot = args.graphviz.is_some().then(|| "dot".parse()).transpose()?;
        let engine = Engine::by_name(args.layoutengine.as_deref().unwrap_or("auto"))?;
        let shape = args.shape.as_deref().map(str::parse).transpose()?;
        Ok(Self { out, dot, engine, layout: engine.layout(), shape })
    }

    /// Whether nothing is asked for but the summary.
    fn is_summary(&self, args: &Args) -> bool {
        self.out.is_none() && args.graphviz.is_none() && !lists_any(args)
    }

    /// In which formats the graph is written.
    fn formats(&self) -> Vec<Format> {
        self.out.iter().map(|(_, format)| *format).chain(self.dot).collect()
    }

    /// `part` tells the files from those of other reports.
    fn write(
        &self,
        args: &Args,
        report: &mut Report,
        part: Option<&str>,
        messages: &mut Messages,
    ) -> Result<()> {
        let in_part = |path: &Path| part.map_or_else(|| path.to_owned(), |part| named(path, part));
        let lists = [Frequent::In, Frequent::Out].map(|kind| args.lists(kind));
        let whole = report.graph(args.layer());
        let selection = args.selection();
        let draws = self.out.is_some() || args.graphviz.is_some();
        if draws {
            report.enrich_graph(&whole, &Embedded)?;
        }
        // A device can be selected by the addresses behind it.
        if draws || !selection.is_everything() {
            report.join_devices();
        }
        if let Some(count) = args.key_nodes {
            report.note_key_nodes(&whole, count);
        }
        let (graph, left_out) = report.select(&whole, &selection)?;
        let mut view = report.view(&graph);
        view.selection = (!selection.is_everything()).then_some((&selection, left_out));
        if self.formats().iter().any(|format| format.kind() == Kind::Picture) && !graph.nodes().is_empty() {
            args.unknown(&view).iter().for_each(|unknown| messages.warn(unknown));
        }
        if let Some((path, format)) = self.out {
            let path = in_part(path);
            match args.split {
                None => self.draw(args, &view, &path, format)?,
                Some(Split::Protocol) => self.draw_split(args, report, [&whole, &graph], &path, format)?,
            }
        }
        if let (Some(path), Some(dot)) = (&args.graphviz, self.dot) {
            self.draw(args, &view, &in_part(path), dot)?;
        }
        if args.lists(Frequent::In) {
            print(&report.contacted_list(&graph))?;
        }
        if lists == [true, true] {
            print("\n")?;
        }
        if args.lists(Frequent::Out) {
            print(&report.contacting_list(&graph))?;
        }
        Ok(())
    }

    /// One picture for each topmost protocol of what is selected of the whole graph.
    fn draw_split(
        &self,
        args: &Args,
        report: &Report,
        [whole, graph]: [&LayerGraph; 2],
        path: &Path,
        format: Format,
    ) -> Result<()> {
        let protocols = (0..graph.edges().len())
            .flat_map(|edge| graph.shares(edge))
            .map(|share| topmost_protocols(share.protocols))
            .fold(ProtocolSet::EMPTY, ProtocolSet::union);
        // A flow of a protocol asked for may have others as well, which were not.
        let asked = args.selection().protocols;
        let asked_for = |protocol: &_| asked.as_ref().is_none_or(|asked| asked.contains(*protocol));
        let any = protocols.iter().any(|protocol| asked_for(&protocol));
        for protocol in protocols.iter().filter(|protocol| asked_for(protocol) || !any) {
            let mut selection = args.selection();
            (selection.protocols, selection.topmost) = (None, Some(protocol));
            // What else is selected holds for the whole graph, and is done.
            let (part, _) = report.select(graph, &Selection::of_topmost(protocol))?;
            let left_out = Unselected::between(whole, &part);
            let mut view = report.view(&part);
            view.selection = Some((&selection, left_out));
            self.draw(args, &view, &named(path, &protocol.name().to_lowercase()), format)?;
        }
        Ok(())
    }

    fn draw(&self, args: &Args, view: &View<'_>, path: &Path, format: Format) -> Result<()> {
        let mut options = RenderOptions::new(&*self.layout);
        options.shape = self.shape;
        options.theme = args.theme();
        options.color_by = args.color_by();
        options.scale = args.scale;
        options.width = args.width.map(NonZero::get);
        options.grouping = args.grouping();
        options.diagram = self.engine.diagram;
        options.max_nodes = args.max_nodes.map(NonZero::get);
        options.ports = args.ports();
        if path.as_os_str() == "-" {
            let mut out = BufWriter::new(io::stdout().lock());
            render(view, &options, format, &mut out)?;
            return Ok(out.flush()?);
        }
        let mut out = BufWriter::new(File::create(path).map_err(|error| unwritten(path, error))?);
        render(view, &options, format, &mut out).map_err(|error| unwritten(path, error))?;
        out.flush().map_err(|error| unwritten(path, error))
    }
}

/// The file name with a part more before its extension: `out.svg` and `dns` give `out.dns.svg`.
fn named(path: &Path, part: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".{}", harmless(part)));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// The text as a part of a file name.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect()
}

fn lists_any(args: &Args) -> bool {
    args.lists(Frequent::In) || args.lists(Frequent::Out)
}

fn print(text: &str) -> Result<()> {
    io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .map_err(|error| unwritten("standard output".as_ref(), error))
}

/// Says which output failed and why; the cause stays in the chain, where a closed pipe is told from the rest.
fn unwritten(path: &Path, cause: impl Into<anyhow::Error>) -> anyhow::Error {
    let cause = cause.into();
    let message = format!("cannot write {}: {cause}", path.display());
    cause.context(message)
}

/// Whether headings are to stand out (<https://no-color.org>).
fn bold(color: ColorChoice) -> bool {
    match color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    }
}

/// What was said to the user.
struct Messages {
    quiet: bool,
    warned: bool,
    failed: bool,
}

impl Messages {
    fn warn(&mut self, warning: &dyn std::fmt::Display) {
        self.warned = true;
        if !self.quiet {
            self.say("warning", warning);
        }
    }

    /// What is worth saying and changes nothing.
    fn remark(&self, remark: &dyn std::fmt::Display) {
        if !self.quiet {
            self.say("note", remark);
        }
    }

    fn fail(&mut self, error: &dyn std::fmt::Display) {
        self.failed = true;
        self.say("error", error);
    }

    /// A message may quote what a capture holds, so it is made harmless.
    fn say(&self, kind: &str, message: &dyn std::fmt::Display) {
        // Nothing is left to do if standard error is closed.
        let _ = writeln!(io::stderr(), "pcapviz: {kind}: {}", escape::terminal(&message.to_string()));
    }
}

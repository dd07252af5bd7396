use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::num::NonZero;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::ColorChoice;
use pcapviz_core::capture::CaptureReader;
use pcapviz_core::enrich::{EnrichError, Enricher, GeoDatabases, HostsFile, ResolveOptions, ReverseResolver};
use pcapviz_core::render::layout::{Engine, Layout};
use pcapviz_core::render::{Format, RenderOptions, Shape, View, escape, render};
use pcapviz_core::{Pipeline, Report};

use crate::args::{Args, Frequent};
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
    let mut report = read(args, &mut messages);
    if !report.captures.is_empty()
        && let Err(error) = outputs.write(args, &mut report)
    {
        // Whoever read the output has had enough, as in `pcapviz x.pcap | head`.
        let enough = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
        if !error.chain().any(|cause| cause.downcast_ref().is_some_and(enough)) {
            messages.fail(&error);
        }
    }
    if messages.failed || (args.strict && messages.warned) {
        return ExitCode::FAILURE;
    }
    let fails = |severity| report.findings.iter().any(|finding| finding.severity >= severity);
    if args.findings_fail().is_some_and(fails) { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS }
}

/// Reads the captures and adds what else is asked for about their nodes.
fn read(args: &Args, messages: &mut Messages) -> Report {
    let mut pipeline = args.captures().fold(Pipeline::new().tunnels(args.tunnels()), |pipeline, path| {
        if path.as_os_str() == "-" { pipeline.stdin() } else { pipeline.capture(path) }
    });
    pipeline = pipeline.inside(args.inside());
    if let Some(threads) = args.threads {
        pipeline = pipeline.threads(threads);
    }
    if let Some(filter) = &args.filter {
        pipeline = pipeline.filter(filter.clone());
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
    let mut report = pipeline.run();
    if let Some(bar) = bar {
        bar.finish();
    }
    for failure in &report.failures {
        messages.fail(failure);
    }
    for damage in &report.damages {
        messages.warn(damage);
    }
    if !report.captures.is_empty() {
        enrich(args, &mut report, messages);
    }
    report
}

/// Adds names and places from outside the captures. What is missing costs a warning, not the picture.
fn enrich(args: &Args, report: &mut Report, messages: &mut Messages) {
    let mut add =
        |enricher: Result<Box<dyn Enricher>, EnrichError>| match enricher.and_then(|e| report.enrich(&*e)) {
            Ok(enriched) => enriched.warnings.iter().for_each(|warning| messages.warn(warning)),
            Err(error) => messages.warn(&error),
        };
    for path in &args.hosts {
        add(HostsFile::open(path).map(|file| Box::new(file) as _));
    }
    for path in &args.geopath {
        add(GeoDatabases::open([path], &args.geolang).map(|databases| Box::new(databases) as _));
    }
    if args.resolve {
        let mut options = ResolveOptions::default();
        options.server = args.dns_server;
        add(Ok(Box::new(ReverseResolver::new(options))));
    }
}

/// What is to be written, checked before the captures are read: a slip of the pen should not cost a minute.
struct Outputs<'a> {
    out: Option<(&'a Path, Format)>,
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
        // A slip such as `-g` before a capture must not cost the capture. Only files: a pipe would block.
        let written = out.map(|(path, _)| path).into_iter().chain(args.graphviz.as_deref());
        for path in written.filter(|path| path.is_file()) {
            if CaptureReader::open(path).is_ok() {
                bail!("{} is a capture, which is never written over: write to another file", path.display());
            }
        }
        let engine = Engine::by_name(args.layoutengine.as_deref().unwrap_or("auto"))?;
        let shape = args.shape.as_deref().map(str::parse).transpose()?;
        Ok(Self { out, layout: engine.layout(), shape })
    }

    fn write(&self, args: &Args, report: &mut Report) -> Result<()> {
        let lists = [Frequent::In, Frequent::Out].map(|kind| args.lists(kind));
        if self.out.is_none() && args.graphviz.is_none() && lists == [false, false] {
            let bold = bold(args.color);
            return print(
                &args.key_nodes.map_or_else(|| report.summary(bold), |n| report.summary_with(bold, n)),
            );
        }
        let graph = report.graph(args.layer());
        if let Some(count) = args.key_nodes {
            report.note_key_nodes(&graph, count);
        }
        let view = report.view(&graph);
        if let Some((path, format)) = self.out {
            self.draw(args, &view, path, format)?;
        }
        if let Some(path) = &args.graphviz {
            self.draw(args, &view, path, "dot".parse()?)?;
        }
        if args.lists(Frequent::In) {
            print(&report.contacted_list(&graph))?;
        }
        if args.lists(Frequent::Out) {
            print(&report.contacting_list(&graph))?;
        }
        Ok(())
    }

    fn draw(&self, args: &Args, view: &View<'_>, path: &Path, format: Format) -> Result<()> {
        let mut options = RenderOptions::new(&*self.layout);
        options.shape = self.shape;
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

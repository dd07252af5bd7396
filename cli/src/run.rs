use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{ColorChoice, CommandFactory};
use pcapviz_core::enrich::{GeoDatabases, ReverseResolver};
use pcapviz_core::render::{Format, RenderOptions, render};
use pcapviz_core::{LayerGraph, Pipeline, Report};

use crate::args::{Args, Frequent};
use crate::progress::Bar;

/// Does what the arguments say; every message goes to standard error, all data to standard output.
pub(crate) fn run(args: &Args) -> ExitCode {
    if args.captures().next().is_none() {
        let _ = Args::command().print_help();
        return ExitCode::from(2);
    }
    let mut messages = Messages { quiet: args.quiet, warned: false, failed: false };
    let outputs = match Outputs::of(args) {
        Ok(outputs) => outputs,
        Err(usage) => {
            messages.error(&usage);
            return ExitCode::from(2);
        }
    };
    let report = read(args, &mut messages);
    if report.captures.is_empty() {
        return ExitCode::FAILURE;
    }
    if let Err(error) = outputs.write(args, &report) {
        match error.downcast_ref::<io::Error>() {
            // Whoever read the output has had enough, as `pcapviz x.pcap | head` does.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
            _ => messages.error(&error),
        }
    }
    if messages.failed || (args.strict && messages.warned) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

//! The command line of pcapviz: arguments, the pipeline, the exit status.

mod args;
mod progress;
mod run;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    run::run(&args::Args::parse())
}

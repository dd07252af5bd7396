use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pcapviz_core::Progress;

/// A bar on standard error, shown once the work takes longer than a second.
pub(crate) struct Bar {
    bar: ProgressBar,
    start: Instant,
}

/// Shorter work is done before a person wonders.
const PATIENCE: Duration = Duration::from_secs(1);

impl Bar {
    /// A bar for reading captures, if standard error is a terminal.
    pub(crate) fn new() -> Option<Self> {
        Self::of("reading {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")
    }

    /// A bar for look-ups, the same.
    pub(crate) fn of_look_ups() -> Option<Self> {
        Self::of("asking DNS {bar:30} {pos} of {len} addresses")
    }

    /// Says how far the work is.
    pub(crate) fn set(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.show_in_time();
    }

    fn show_in_time(&self) {
        if self.bar.is_hidden() && self.start.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    fn of(template: &str) -> Option<Self> {
        std::io::stderr().is_terminal().then(|| {
            // With a length of its own, to which each capture adds; without one, the bar would stay empty.
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            Self { bar, start: Instant::now() }
        })
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn expect(&self, bytes: u64) {
        self.bar.inc_length(bytes);
    }

    fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
        self.show_in_time();
    }
}

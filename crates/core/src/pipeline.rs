use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use pcapviz_analysis::Inside;
use pcapviz_capture::{DissectOptions, Filter, TimeSpec, Tunnels, captures_in};
use pcapviz_graph::beside;

use crate::intake::Selection;
use crate::overview::Overview;
use crate::reading::{Input, Outcome, Reading};
use crate::report::Report;
use crate::shard::Shard;

/// More have nothing to do: flows lie in as many partitions.
const MOST_THREADS: usize = 64;

/// Told how far the reading is. Called from several threads, every few thousand packets.
pub trait Progress: Send + Sync {
    /// More input is known of, in bytes as it lies on disk.
    fn expect(&self, bytes: u64);
    /// So many more bytes of input are done.
    fn advance(&self, bytes: u64);
}

/// Reads captures into a [`Report`]: what to read, and how.
///
/// ```
/// use pcapviz_core::Pipeline;
///
/// let report = Pipeline::new().capture("no-such.pcap").run();
/// assert!(report.failures[0].to_string().contains("no-such.pcap"));
/// ```
#[derive(Default)]
pub struct Pipeline {
    inputs: Vec<Input>,
    options: DissectOptions,
    selection: Selection,
    threads: Option<NonZero<usize>>,
    inside: Inside,
    progress: Option<Arc<dyn Progress>>,
}

/// A capture to read, with its number.
type Job = (u32, Input);
/// What became of it.
type Done = (u32, Outcome);

impl Pipeline {
    /// A pipeline without captures.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a capture, or a folder with captures.
    #[must_use]
    pub fn capture(mut self, path: impl Into<PathBuf>) -> Self {
        self.inputs.push(Input::Path(path.into()));
        self
    }

    /// Adds standard input.
    #[must_use]
    pub fn stdin(mut self) -> Self {
        self.inputs.push(Input::Stdin);
        self
    }

    /// Which headers of tunnelled packets count; the outer ones unless set.
    #[must_use]
    pub fn tunnels(mut self, tunnels: Tunnels) -> Self {
        self.options.tunnels = tunnels;
        self.selection.tunnels = tunnels;
        self
    }

    /// Looks into ESP packets for payload that is not encrypted (RFC 2410): a guess by each packet's trailer.
    #[must_use]
    pub fn esp_null(mut self) -> Self {
        self.options.esp_null = true;
        self
    }

    /// Only packets that match this filter; all unless set.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<Arc<Filter>>) -> Self {
        self.selection.filter = Some(filter.into());
        self
    }

    /// Only packets from this time on, the time itself included.
    #[must_use]
    pub fn from(mut self, time: TimeSpec) -> Self {
        self.selection.from = Some(time);
        self
    }

    /// Only packets up to this time, the time itself included.
    #[must_use]
    pub fn to(mut self, time: TimeSpec) -> Self {
        self.selection.to = Some(time);
        self
    }

    /// Stops each capture after so many packets that passed the filter and the times.
    #[must_use]
    pub fn count(mut self, packets: u64) -> Self {
        self.selection.count = Some(packets);
        self
    }

    /// Leaves out packets that a mirror port delivered twice.
    #[must_use]
    pub fn drop_duplicates(mut self) -> Self {
        self.selection.drop_duplicates = true;
        self
    }

    /// Credits later fragments of a datagram, which have no ports, to the flow of its first.
    #[must_use]
    pub fn defragment(mut self) -> Self {
        self.selection.defragment = true;
        self
    }

    /// Keeps no more than so many flows, so that memory has a bound; all unless set. The first ones, in the
    /// order of captures and packets, are kept. Packets of the others are counted in one sum
    /// ([`Totals::others`](pcapviz_graph::Totals::others)) and are outside of every graph.
    ///
    /// What comes first is known only by reading in order: captures are read one after another, by one thread.
    #[must_use]
    pub fn max_flows(mut self, flows: usize) -> Self {
        self.selection.max_flows = Some(flows);
        self
    }

    /// Which networks are inside, for the findings; private and link-local addresses unless set.
    #[must_use]
    pub fn inside(mut self, inside: Inside) -> Self {
        self.inside = inside;
        self
    }

    /// About how many threads are busy at most, up to 64; as many as there are cores unless set. The result is the same.
    #[must_use]
    pub fn threads(mut self, threads: NonZero<usize>) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Whom to tell how far the reading is.
    #[must_use]
    pub fn progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Reads every capture. One that cannot be read is in [`Report::failures`]; the others are done all
    /// the same. Time grows with the packets, memory with the flows.
    pub fn run(&self) -> Report {
        let mut report = self.report();
        report.find(&self.inside);
        report
    }

    /// The same, with an [overview](Report::overview) of so many key nodes, made beside the findings: for a summary, the fastest way.
    ///
    /// ```
    /// use pcapviz_core::Pipeline;
    ///
    /// let (report, overview) = Pipeline::new().run_with_overview(10);
    /// assert!(report.summary_of(&overview, false).contains("0 packets"));
    /// ```
    pub fn run_with_overview(&self, key_nodes: usize) -> (Report, Overview) {
        let mut report = self.report();
        let (findings, overview) =
            beside(report.threads, || report.findings_by(&self.inside), || report.overview(key_nodes));
        report.keep(findings, &self.inside);
        (report, overview)
    }

    /// What the captures hold, nothing looked for in it yet.
    fn report(&self) -> Report {
        let threads = self.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
        let threads = threads.min(MOST_THREADS);
        let (mut whole, outcomes) = self.read(threads);
        whole.table.shrink_to_fit();
        Report::new(whole, threads, self.options.tunnels, outcomes.into_iter())
    }

    /// What all captures hold, and what became of each, in the order given.
    fn read(&self, threads: usize) -> (Shard, Vec<Outcome>) {
        let (jobs, mut outcomes) = self.jobs();
        let selection = &self.selection;
        let progress = self.progress.as_deref();
        let reading = Reading { options: &self.options, selection, progress };
        // Large captures one after another, each by all threads; then the others, each by one.
        let in_order = selection.max_flows.is_some();
        let (large, small): (Vec<_>, Vec<_>) =
            jobs.into_iter().partition(|(_, input)| in_order || input.is_large());
        let mut whole = Shard::default();
        if let Some(flows) = selection.max_flows {
            whole.table = whole.table.max_flows(flows);
        }
        let family = whole.sibling();
        for (number, input) in &large {
            outcomes.push((*number, reading.capture(*number, input, threads, &mut whole)));
        }
        let next = AtomicUsize::new(0);
        let work = || {
            let (mut shard, mut outcomes) = (family.sibling(), Vec::new());
            while let Some((number, input)) = small.get(next.fetch_add(1, Ordering::Relaxed)) {
                outcomes.push((*number, reading.capture(*number, input, 1, &mut shard)));
            }
            (shard, outcomes)
        };
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads.min(small.len())).map(|_| scope.spawn(work)).collect();
            let mine = work();
            let theirs = others
                .into_iter()
                .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            for (shard, done) in std::iter::once(mine).chain(theirs) {
                whole.merge(shard, threads);
                outcomes.extend(done);
            }
        });
        outcomes.sort_by_key(|(number, _)| *number);
        (whole, outcomes.into_iter().map(|(_, outcome)| outcome).collect())
    }

    /// The captures to read with their numbers, in the order given, folders replaced by what is in them;
    /// and what is wrong with folders.
    fn jobs(&self) -> (Vec<Job>, Vec<Done>) {
        let (mut jobs, mut failed) = (Vec::new(), Vec::new());
        let mut numbers = 0_u32..;
        for input in &self.inputs {
            match input {
                Input::Path(path) if path.is_dir() => match captures_in(path) {
                    Ok(paths) => {
                        jobs.extend(paths.into_iter().map(Input::Path).zip(&mut numbers).map(|(i, n)| (n, i)))
                    }
                    Err(error) => failed.extend(numbers.next().map(|n| (n, Err(error)))),
                },
                input => jobs.extend(numbers.next().map(|n| (n, input.clone()))),
            }
        }
        (jobs, failed)
    }
}

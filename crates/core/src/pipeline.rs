use std::fmt::Write;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use pcapviz_capture::{CaptureError, CaptureReader, DissectOptions, Tunnels, captures_in};
use pcapviz_graph::CaptureSummary;

use crate::report::Report;
use crate::shard::Shard;

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
/// assert!(report.failures[0].error.to_string().contains("no-such.pcap"));
/// ```
#[derive(Clone, Default)]
pub struct Pipeline {
    inputs: Vec<Input>,
    options: DissectOptions,
    threads: Option<NonZero<usize>>,
    progress: Option<Arc<dyn Progress>>,
}

#[derive(Clone)]
enum Input {
    Path(PathBuf),
    Stdin,
}

/// Packets between two reports of progress: often enough for the eye, too rare to cost anything.
const PACKETS_PER_REPORT: u64 = 8192;

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
        self
    }

    /// How many threads to use at most; as many as there are cores unless set. The result is the same.
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
        let (jobs, mut outcomes) = self.jobs();
        let threads = self.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
        let next = AtomicUsize::new(0);
        let work = || {
            let (mut shard, mut outcomes) = (Shard::default(), Vec::new());
            while let Some((number, input)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                outcomes.push((*number, self.read(*number, input, &mut shard)));
            }
            (shard, outcomes)
        };
        let mut whole = Shard::default();
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads.min(jobs.len())).map(|_| scope.spawn(work)).collect();
            let mine = work();
            let theirs = others
                .into_iter()
                .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            for (shard, done) in std::iter::once(mine).chain(theirs) {
                whole.merge(shard);
                outcomes.extend(done);
            }
        });
        outcomes.sort_by_key(|(number, _)| *number);
        Report::new(whole, outcomes.into_iter().map(|(_, outcome)| outcome))
    }

    /// The captures to read with their numbers, in the order given, folders replaced by what is in them;
    /// and what is wrong with folders.
    fn jobs(&self) -> (Vec<(u32, Input)>, Vec<(u32, Outcome)>) {
        let (mut jobs, mut failed) = (Vec::new(), Vec::new());
        let mut numbers = 0_u32..;
        for input in &self.inputs {
            match input {
                Input::Path(path) if path.is_dir() => match captures_in(path) {
                    Ok(paths) => jobs.extend(numbers.by_ref().zip(paths.into_iter().map(Input::Path))),
                    Err(error) => failed.extend(numbers.next().map(|n| (n, Err(error)))),
                },
                input => jobs.extend(numbers.next().map(|n| (n, input.clone()))),
            }
        }
        (jobs, failed)
    }

    /// Reads one capture into the shard.
    fn read(&self, number: u32, input: &Input, shard: &mut Shard) -> Outcome {
        let mut reader = match input {
            Input::Path(path) => CaptureReader::open(path)?,
            Input::Stdin => CaptureReader::from_stream("-", Box::new(std::io::stdin()))?,
        };
        let mut summary = CaptureSummary::default();
        summary.path = input.name();
        summary.format = reader.format().to_string();
        for compression in reader.compression() {
            let _ = write!(summary.format, ", {compression}");
        }
        let mut told = Told::start(self.progress.as_deref(), reader.len());
        let damage = loop {
            match reader.next_packet() {
                Ok(Some(packet)) => {
                    summary.observe(&packet);
                    shard.observe(number, &packet, &self.options);
                }
                Ok(None) => break None,
                Err(damage) => break Some(damage),
            }
            if summary.packets.is_multiple_of(PACKETS_PER_REPORT) {
                told.reached(reader.position());
            }
        };
        told.finish();
        Ok((summary, damage))
    }
}

/// What became of one capture: what was read of it and where it is damaged, or why nothing was read.
pub(crate) type Outcome = Result<(CaptureSummary, Option<CaptureError>), CaptureError>;

/// What the listener was told of one capture, so that the parts add up to the whole.
struct Told<'a> {
    progress: Option<&'a dyn Progress>,
    expected: Option<u64>,
    reached: u64,
}

impl<'a> Told<'a> {
    fn start(progress: Option<&'a dyn Progress>, expected: Option<u64>) -> Self {
        if let (Some(progress), Some(len)) = (progress, expected) {
            progress.expect(len);
        }
        Self { progress, expected, reached: 0 }
    }

    fn reached(&mut self, position: u64) {
        if let Some(progress) = self.progress {
            progress.advance(position.saturating_sub(self.reached));
            self.reached = self.reached.max(position);
        }
    }

    /// What a damaged capture has left unread is done with too.
    fn finish(&mut self) {
        if let Some(len) = self.expected {
            self.reached(len);
        }
    }
}

impl Input {
    fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Stdin => "-".to_owned(),
        }
    }
}

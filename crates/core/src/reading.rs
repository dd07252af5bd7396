//! One capture into one shard: whole, or in parts that several threads read side by side.

use std::fmt::Write;
use std::path::PathBuf;
use std::thread;

use pcapviz_capture::{CaptureError, CaptureReader, DissectOptions, Dissector, HelloWindow, Named};
use pcapviz_graph::{CaptureSummary, Defragmenter, Life, NameSource, join_lives};

use crate::intake::{Intake, Selection};
use crate::pipeline::Progress;
use crate::shard::Shard;

/// A capture to read.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Path(PathBuf),
    Stdin,
}

impl Input {
    fn open(&self) -> Result<CaptureReader, CaptureError> {
        match self {
            Self::Path(path) => CaptureReader::open(path),
            Self::Stdin => CaptureReader::from_stream("-", Box::new(std::io::stdin())),
        }
    }

    /// Whether it is worth reading by several threads.
    pub(crate) fn is_large(&self) -> bool {
        match self {
            Self::Path(path) => path.metadata().is_ok_and(|file| file.len() >= LARGE),
            Self::Stdin => false,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Stdin => "-".to_owned(),
        }
    }
}

/// From this size on, in bytes, a capture is read by several threads: smaller ones take less time than
/// telling them apart would win.
const LARGE: u64 = 16 << 20;

/// How captures are read.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) options: &'a DissectOptions,
    pub(crate) selection: &'a Selection,
    pub(crate) progress: Option<&'a dyn Progress>,
}

/// What became of one capture: what was read of it and where it is damaged, or why nothing was read.
pub(crate) type Outcome = Result<(CaptureSummary, Option<CaptureError>), CaptureError>;

impl<'a> Reading<'a> {
    /// Reads the capture with this number into the shard, by so many threads at most.
    pub(crate) fn capture(&self, number: u32, input: &Input, threads: usize, shard: &mut Shard) -> Outcome {
        let reader = input.open()?;
        let mut summary = CaptureSummary::default();
        summary.path = input.name();
        summary.format = reader.format().to_string();
        for compression in reader.compression() {
            // Writing to a string cannot fail.
            let _ = write!(summary.format, ", {compression}");
        }
        let len = reader.len().unwrap_or(0);
        if let Some(progress) = self.progress {
            progress.expect(len);
        }
        let parts = if self.selection.looks_back() { vec![reader] } else { reader.split(threads) };
        let bytes_before = shard.table.totals().bytes;
        // The first part goes on with the shard at hand, the others begin their own.
        let sibling = shard.sibling();
        let shards =
            std::iter::once(std::mem::take(shard)).chain(std::iter::repeat_with(|| sibling.sibling()));
        let mut parts: Vec<_> = parts
            .into_iter()
            .zip(shards)
            .enumerate()
            .map(|(i, (reader, shard))| {
                let hellos = if i == 0 { HelloWindow::default() } else { HelloWindow::of_later_part() };
                Part { hellos, ..Part::new(*self, number, reader, shard) }
            })
            .collect();
        thread::scope(|scope| {
            let mut parts = parts.iter_mut();
            let first = parts.next();
            for part in parts {
                scope.spawn(|| part.read());
            }
            if let Some(part) = first {
                part.read();
            }
        });
        if let Some(progress) = self.progress {
            // What a damaged capture has left unread is done with too.
            progress.advance(len.saturating_sub(parts.iter().map(|part| part.told).sum()));
        }
        let mut damage = None;
        if let Some(whole) = parts.into_iter().reduce(|part, next| part.followed_by(next, threads)) {
            summary.packets = whole.before + whole.reader.packets();
            summary.bytes = whole.shard.table.totals().bytes - bytes_before;
            summary.life = whole.life;
            *shard = whole.shard;
            damage = whole.damage;
        }
        Ok((summary, damage))
    }
}

/// A capture or a part of one, as far as it has been read.
// Parts stand side by side and are written to by a thread each: no two of these may share a line of the cache, nor a pair
// of lines, which processors fetch together.
#[repr(align(128))]
struct Part<'a> {
    reading: Reading<'a>,
    number: u32,
    reader: CaptureReader,
    /// Packets in the parts before, where they have been joined to this one.
    before: u64,
    intake: Intake<'a>,
    dissector: Dissector,
    defragmenter: Option<Defragmenter>,
    hellos: HelloWindow,
    shard: Shard,
    life: Life,
    damage: Option<CaptureError>,
    /// How many of the reader's names the shard has.
    named: usize,
    /// Bytes that the listener has been told of.
    told: u64,
}

impl<'a> Part<'a> {
    fn new(reading: Reading<'a>, number: u32, reader: CaptureReader, shard: Shard) -> Self {
        let intake = Intake::new(reading.selection);
        let defragmenter = reading.selection.defragment.then(Defragmenter::default);
        Self {
            reading,
            number,
            reader,
            before: 0,
            intake,
            dissector: Dissector::new(reading.options.clone()),
            defragmenter,
            hellos: HelloWindow::default(),
            shard,
            life: None,
            damage: None,
            named: 0,
            told: 0,
        }
    }

    /// Reads on to the end of the part.
    fn read(&mut self) {
        let start = self.reader.position();
        while !self.intake.is_done() {
            match self.reader.packets_at_hand() {
                Ok(Some(packets)) => {
                    let mut window = self.intake.take_window();
                    for packet in packets {
                        if let Some(time) = packet.timestamp {
                            let (first, last) = self.life.get_or_insert((time, time));
                            (*first, *last) = (time.min(*first), time.max(*last));
                        }
                        match self.intake.admit(&packet, &mut window, self.shard.table.totals_mut()) {
                            Ok(()) => {
                                let (dissector, hellos) = (&mut self.dissector, &mut self.hellos);
                                let defragmenter = self.defragmenter.as_mut();
                                self.shard.observe(self.number, &packet, dissector, hellos, defragmenter);
                            }
                            Err(reason) => self.shard.table.leave_out(&packet, reason),
                        }
                        if self.intake.is_done() {
                            break;
                        }
                    }
                    self.intake.put_window(window);
                }
                Ok(None) => break,
                Err(damage) => {
                    self.damage = Some(damage.after(self.before));
                    break;
                }
            }
            if let Some(progress) = self.reading.progress {
                let done = self.reader.position().saturating_sub(start);
                progress.advance(done.saturating_sub(self.told));
                self.told = self.told.max(done);
            }
        }
        self.shard.settle();
        if let Some(defragmenter) = &mut self.defragmenter {
            defragmenter.finish(&mut self.shard.table);
        }
        for (address, name) in &self.reader.names()[self.named..] {
            self.shard.names.insert(Named::Host(*address), NameSource::CaptureFile, name, None);
        }
        self.named = self.reader.names().len();
    }

    /// Both parts as one. The next one started at a guess: if this one did not end there, it is read anew.
    fn followed_by(mut self, next: Self, threads: usize) -> Self {
        if self.damage.is_some() {
            return self;
        }
        if !self.reader.joins(&next.reader) {
            self.reader.take_over(&next.reader);
            self.read();
            return self;
        }
        self.before += self.reader.packets();
        (self.reader, self.named) = (next.reader, next.named);
        self.intake.join(next.intake, self.shard.table.totals_mut());
        self.hellos.join(next.hellos, |time, sighting| self.shard.see(time, sighting));
        self.shard.merge(next.shard, threads);
        self.life = join_lives(self.life, next.life);
        self.damage = next.damage.map(|damage| damage.after(self.before));
        self
    }
}

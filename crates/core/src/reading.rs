//! One capture into one shard: whole, or in parts that several threads read side by side.

use std::fmt::Write;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
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

/// Parts that a capture is read in, for each thread: who is done takes the next one, so that none waits long for another.
const PARTS: usize = 16;

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
        let may_split = threads > 1 && !self.selection.looks_back();
        let parts = if may_split { reader.split(threads * PARTS) } else { vec![reader] };
        let whole = match self.by_threads(number, parts, threads, shard) {
            Ok(whole) => whole,
            // Parts start at a guess: where one did not end at the next one's start, the capture is read anew in one go.
            Err(told) => Part { told, ..Part::new(*self, number, input.open()?) }.into_whole(shard),
        };
        if let Some(progress) = self.progress {
            // What a damaged capture has left unread is done with too.
            progress.advance(len.saturating_sub(whole.told));
        }
        summary.packets = whole.before + whole.reader.packets();
        summary.bytes = whole.bytes;
        summary.life = whole.life;
        Ok((summary, whole.damage))
    }

    /// Reads a capture's parts, if they turn out to join. If they do not, nothing is in the shard, and this gives how many bytes
    /// the listener has been told of.
    fn by_threads(
        &self,
        number: u32,
        readers: Vec<CaptureReader>,
        threads: usize,
        shard: &mut Shard,
    ) -> Result<Part<'a>, u64> {
        let mut parts = readers.into_iter().enumerate().map(|(i, reader)| {
            let hellos = if i == 0 { HelloWindow::default() } else { HelloWindow::of_later_part() };
            Part { hellos, ..Part::new(*self, number, reader) }
        });
        if parts.len() == 1 {
            return parts.next().map(|only| only.into_whole(shard)).ok_or(0);
        }
        let waiting = Mutex::new(parts.enumerate());
        let sibling = shard.sibling();
        let work = || {
            let (mut shard, mut done) = (sibling.sibling(), Vec::new());
            let mut dissector = Dissector::new(self.options.clone());
            loop {
                // Whoever panicked left the parts as they were.
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((i, mut part)) = next else { return (shard, done) };
                part.read(&mut dissector, &mut shard);
                done.push((i, part));
            }
        };
        let (mut read, mut parts) = thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let (mine, mut parts) = work();
            let mut shards = vec![mine];
            for other in others {
                let (shard, mut done) = other.join().unwrap_or_else(|panic| resume_unwind(panic));
                shards.push(shard);
                parts.append(&mut done);
            }
            (shards.into_iter(), parts)
        });
        parts.sort_unstable_by_key(|(i, _)| *i);
        let told: u64 = parts.iter().map(|(_, part)| part.told).sum();
        let (mut whole, mut parts) =
            (read.next().unwrap_or_default(), parts.into_iter().map(|(_, part)| part));
        let mut last = parts.next().ok_or(told)?;
        for next in parts {
            last = last.followed_by(next, &mut whole).ok_or(told)?;
        }
        read.for_each(|other| whole.merge(other, threads));
        shard.merge(whole, threads);
        Ok(last)
    }
}

/// A capture or a part of one, as far as it has been read.
struct Part<'a> {
    reading: Reading<'a>,
    number: u32,
    reader: CaptureReader,
    /// Packets in the parts before, where they have been joined to this one.
    before: u64,
    intake: Intake<'a>,
    defragmenter: Option<Defragmenter>,
    hellos: HelloWindow,
    /// On the wire, in this part and those before.
    bytes: u64,
    life: Life,
    damage: Option<CaptureError>,
    /// Bytes that the listener has been told of.
    told: u64,
}

impl<'a> Part<'a> {
    fn new(reading: Reading<'a>, number: u32, reader: CaptureReader) -> Self {
        let intake = Intake::new(reading.selection);
        let defragmenter = reading.selection.defragment.then(Defragmenter::default);
        Self {
            reading,
            number,
            reader,
            before: 0,
            intake,
            defragmenter,
            hellos: HelloWindow::default(),
            bytes: 0,
            life: None,
            damage: None,
            told: 0,
        }
    }

    /// Reads it, the only part.
    fn into_whole(mut self, shard: &mut Shard) -> Self {
        self.read(&mut Dissector::new(self.reading.options.clone()), shard);
        self
    }

    /// Reads on to the end of the part.
    fn read(&mut self, dissector: &mut Dissector, shard: &mut Shard) {
        let (start, bytes_before) = (self.reader.position(), shard.table.totals().bytes);
        while !self.intake.is_done() {
            match self.reader.packets_at_hand() {
                Ok(Some(packets)) => {
                    let mut window = self.intake.take_window();
                    for packet in packets {
                        if let Some(time) = packet.timestamp {
                            let (first, last) = self.life.get_or_insert((time, time));
                            (*first, *last) = (time.min(*first), time.max(*last));
                        }
                        match self.intake.admit(&packet, &mut window, shard.table.totals_mut()) {
                            Ok(()) => {
                                let defragmenter = self.defragmenter.as_mut();
                                shard.observe(
                                    self.number,
                                    &packet,
                                    dissector,
                                    &mut self.hellos,
                                    defragmenter,
                                );
                            }
                            Err(reason) => shard.table.leave_out(&packet, reason),
                        }
                        if self.intake.is_done() {
                            break;
                        }
                    }
                    self.intake.put_window(window);
                }
                Ok(None) => break,
                Err(damage) => {
                    self.damage = Some(damage);
                    break;
                }
            }
            if let Some(progress) = self.reading.progress {
                let done = self.reader.position().saturating_sub(start);
                progress.advance(done.saturating_sub(self.told));
                self.told = self.told.max(done);
            }
        }
        shard.settle();
        if let Some(defragmenter) = &mut self.defragmenter {
            defragmenter.finish(&mut shard.table);
        }
        for (address, name) in self.reader.names() {
            shard.names.insert(Named::Host(*address), NameSource::CaptureFile, name, None);
        }
        self.bytes = shard.table.totals().bytes - bytes_before;
    }

    /// Both parts as one, if the next one started where this one ended. What shows only where they meet goes into the shard.
    fn followed_by(mut self, next: Self, shard: &mut Shard) -> Option<Self> {
        if self.damage.is_some() || !self.reader.joins(&next.reader) {
            return None;
        }
        let before = self.before + self.reader.packets();
        self.intake.join(next.intake, shard.table.totals_mut());
        self.hellos.join(next.hellos, |time, sighting| shard.see(time, sighting));
        Some(Self {
            before,
            intake: self.intake,
            hellos: self.hellos,
            bytes: self.bytes + next.bytes,
            life: join_lives(self.life, next.life),
            damage: next.damage.map(|damage| damage.after(before)),
            told: self.told + next.told,
            ..next
        })
    }
}

//! One capture into one shard: whole, or in parts that several threads read side by side.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
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
        let bytes_before = shard.table.totals().bytes;
        let whole = if threads < 2 || self.selection.looks_back() {
            self.in_one_go(number, reader, shard)
        } else {
            match self.side_by_side(number, reader, threads, shard) {
                Ok(whole) => whole,
                // What the parts gave is worth nothing, but for the listener.
                Err(told) => {
                    let again = Self { progress: None, ..*self };
                    Part { told, ..again.in_one_go(number, input.open()?, shard) }
                }
            }
        };
        if let Some(progress) = self.progress {
            // What a damaged capture has left unread is done with too.
            progress.advance(len.saturating_sub(whole.told));
        }
        summary.packets = whole.packets();
        summary.bytes = shard.table.totals().bytes - bytes_before;
        summary.life = whole.life;
        Ok((summary, whole.damage))
    }

    fn in_one_go(&self, number: u32, reader: CaptureReader, shard: &mut Shard) -> Part<'a> {
        let mut part = Part::new(*self, number, reader, HelloWindow::default());
        let mut dissector = Dissector::new(self.options.clone());
        let mut defragmenter = self.selection.defragment.then(Defragmenter::default);
        part.read(&mut dissector, defragmenter.as_mut(), shard);
        if let Some(defragmenter) = &mut defragmenter {
            defragmenter.finish(&mut shard.table);
        }
        part
    }

    /// Reads a capture in parts that follow each other, by so many threads, each into a shard of its own. If the parts do not
    /// meet, the shard stays as it was; then how many bytes the listener has been told of.
    fn side_by_side(
        &self,
        number: u32,
        reader: CaptureReader,
        threads: usize,
        shard: &mut Shard,
    ) -> Result<Part<'a>, u64> {
        let mut queue = Queue { next: Some(reader), threads, ..Queue::default() };
        queue.cut();
        if queue.rest.is_none() {
            return queue.next.map(|reader| self.in_one_go(number, reader, shard)).ok_or(0);
        }
        // No more threads than there can be parts.
        let most = queue.rest.as_ref().and_then(CaptureReader::len).unwrap_or(0).div_ceil(LARGE / 2) as usize;
        let queue = Mutex::new(queue);
        let joined = Mutex::new(Joined::default());
        let sibling = shard.sibling();
        let work = || {
            let (mut shard, mut dissector) = (sibling.sibling(), Dissector::new(self.options.clone()));
            loop {
                let next = lock(&queue).take();
                let Some((place, reader)) = next else { return shard };
                let hellos = if place == 0 { HelloWindow::default() } else { HelloWindow::of_later_part() };
                let mut part = Part::new(*self, number, reader, hellos);
                part.read(&mut dissector, None, &mut shard);
                if !lock(&joined).add(place, part, &mut shard) {
                    return shard;
                }
            }
        };
        let shards = thread::scope(|scope| {
            let others: Vec<_> = (1..threads.min(most)).map(|_| scope.spawn(work)).collect();
            let mut shards = vec![work()];
            for other in others {
                shards.push(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            shards
        });
        let whole = joined.into_inner().unwrap_or_else(PoisonError::into_inner).whole()?;
        shards.into_iter().for_each(|other| shard.merge(other, threads));
        Ok(whole)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Who panics takes the whole with it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is to be read of a capture, part by part.
#[derive(Default)]
struct Queue {
    next: Option<CaptureReader>,
    /// What follows the next part.
    rest: Option<CaptureReader>,
    /// How many were taken.
    taken: usize,
    threads: usize,
}

impl Queue {
    /// The next part with its place among them.
    fn take(&mut self) -> Option<(usize, CaptureReader)> {
        let place = self.taken;
        let part = self.next.take()?;
        self.next = self.rest.take();
        self.cut();
        self.taken += 1;
        Some((place, part))
    }

    /// Cuts the next part to size: large at first, and smaller the less is left, so that all threads end at about the same
    /// time (guided self-scheduling: Polychronopoulos and Kuck, 1987).
    fn cut(&mut self) {
        if let Some(next) = &mut self.next {
            let left = next.len().unwrap_or(0).saturating_sub(next.position());
            self.rest = next.split_off((left / (2 * self.threads as u64)).max(LARGE / 2));
        }
    }
}

/// Parts that were read, joined as far as they follow each other from the start.
#[derive(Default)]
struct Joined<'a> {
    start: Option<Part<'a>>,
    /// How many these are.
    count: usize,
    /// Later ones, by their places.
    later: BTreeMap<usize, Part<'a>>,
    is_broken: bool,
    /// Bytes that the listener has been told of.
    told: u64,
}

impl<'a> Joined<'a> {
    /// Adds a part, and says whether it is worth reading on: all have met so far, and none is damaged. What only shows where
    /// parts meet goes into the shard.
    fn add(&mut self, place: usize, part: Part<'a>, shard: &mut Shard) -> bool {
        self.told += part.told;
        self.later.insert(place, part);
        while let Some(part) = self.later.remove(&self.count) {
            self.count += 1;
            self.start = match self.start.take() {
                None => Some(part),
                Some(start) => start.followed_by(part, shard),
            };
            self.is_broken |= self.start.is_none();
        }
        !self.is_broken && self.start.as_ref().is_none_or(|start| start.damage.is_none())
    }

    /// All of them, if they met.
    fn whole(self) -> Result<Part<'a>, u64> {
        let told = self.told;
        let whole = self.start.filter(|_| !self.is_broken && self.later.is_empty());
        whole.map(|whole| Part { told, ..whole }).ok_or(told)
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
    hellos: HelloWindow,
    life: Life,
    damage: Option<CaptureError>,
    /// Bytes that the listener has been told of.
    told: u64,
}

impl<'a> Part<'a> {
    fn new(reading: Reading<'a>, number: u32, reader: CaptureReader, hellos: HelloWindow) -> Self {
        let intake = Intake::new(reading.selection);
        let (before, life, damage, told) = (0, None, None, 0);
        Self { reading, number, reader, before, intake, hellos, life, damage, told }
    }

    /// Packets in this part and in those before that it was joined to.
    fn packets(&self) -> u64 {
        self.before + self.reader.packets()
    }

    /// Reads to the end of the part.
    fn read(
        &mut self,
        dissector: &mut Dissector,
        mut defragmenter: Option<&mut Defragmenter>,
        shard: &mut Shard,
    ) {
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
                        match self.intake.admit(&packet, &mut window, shard.table.totals_mut()) {
                            Ok(()) => {
                                let (hellos, defragmenter) = (&mut self.hellos, defragmenter.as_deref_mut());
                                shard.observe(self.number, &packet, dissector, hellos, defragmenter);
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
        for (address, name) in self.reader.names() {
            shard.names.insert(Named::Host(*address), NameSource::CaptureFile, name, None);
        }
    }

    /// Both parts as one; `None` if the next one, which started at a guess, does not start where this one ended. What only shows
    /// where they meet goes into the shard.
    fn followed_by(mut self, next: Self, shard: &mut Shard) -> Option<Self> {
        if self.damage.is_some() || !self.reader.joins(&next.reader) {
            return None;
        }
        self.before = self.packets();
        self.reader = next.reader;
        self.intake.join(next.intake, shard.table.totals_mut());
        self.hellos.join(next.hellos, |time, sighting| shard.see(time, sighting));
        self.life = join_lives(self.life, next.life);
        self.damage = next.damage.map(|damage| damage.after(self.before));
        Some(self)
    }
}

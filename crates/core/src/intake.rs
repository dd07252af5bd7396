use std::sync::Arc;

use pcapviz_capture::{DuplicateWindow, Filter, Packet, TimeSpec, Timestamp, Tunnels};
use pcapviz_graph::{LeftOut, Totals};

/// Which packets count.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) filter: Option<Arc<Filter>>,
    /// Which headers the filter asks about.
    pub(crate) tunnels: Tunnels,
    pub(crate) from: Option<TimeSpec>,
    pub(crate) to: Option<TimeSpec>,
    pub(crate) count: Option<u64>,
    pub(crate) drop_duplicates: bool,
    /// Whether later fragments are credited to their datagram's flow.
    pub(crate) defragment: bool,
    /// How many flows are kept at most.
    pub(crate) max_flows: Option<usize>,
}

impl Selection {
    /// Whether a packet's fate may hang on packets before it, so that a capture cannot be read in parts.
    pub(crate) fn looks_back(&self) -> bool {
        let bounded = self.from.is_some() || self.to.is_some() || self.count.is_some();
        bounded || self.drop_duplicates || self.defragment || self.max_flows.is_some()
    }
}

/// What packets pass on their way from a capture, or a part of one, to the dissector.
pub(crate) struct Intake<'a> {
    selection: &'a Selection,
    /// Whether packets are asked for by their times or by a filter.
    is_asked: bool,
    duplicates: DuplicateWindow<'static>,
    /// The first and the latest packet's time.
    first: Option<Timestamp>,
    latest: Option<Timestamp>,
    admitted: u64,
}

impl<'a> Intake<'a> {
    pub(crate) fn new(selection: &'a Selection) -> Self {
        let is_asked = selection.from.is_some() || selection.to.is_some() || selection.filter.is_some();
        let duplicates = DuplicateWindow::default();
        Self { selection, is_asked, duplicates, first: None, latest: None, admitted: 0 }
    }

    /// Whether as many packets as asked for have been admitted.
    pub(crate) fn is_done(&self) -> bool {
        self.selection.count.is_some_and(|count| self.admitted >= count)
    }

    /// The window that doubles among the next packets are looked for in: to be [given back](Self::put_window).
    pub(crate) fn take_window<'p>(&mut self) -> DuplicateWindow<'p> {
        std::mem::take(&mut self.duplicates)
    }

    /// Takes the window back, before the packets that it has seen are gone.
    pub(crate) fn put_window(&mut self, window: DuplicateWindow<'_>) {
        self.duplicates = window.into_owned();
    }

    /// Whether the packet counts, or why not.
    #[inline]
    pub(crate) fn admit<'p>(
        &mut self,
        packet: &Packet<'p>,
        window: &mut DuplicateWindow<'p>,
        totals: &mut Totals,
    ) -> Result<(), LeftOut> {
        if let Some(time) = packet.timestamp {
            totals.time_backwards += u64::from(self.latest.is_some_and(|latest| time < latest));
            self.latest = Some(time);
            self.first.get_or_insert(time);
        }
        let duplicate = window.is_duplicate(packet);
        totals.duplicates += u64::from(duplicate);
        if duplicate && self.selection.drop_duplicates {
            return Err(LeftOut::Duplicate);
        }
        if self.is_asked {
            self.ask(packet)?;
        }
        self.admitted += 1;
        Ok(())
    }

    fn ask(&self, packet: &Packet<'_>) -> Result<(), LeftOut> {
        if !self.in_time(packet.timestamp) {
            return Err(LeftOut::Time);
        }
        if self.selection.filter.as_ref().is_some_and(|f| !f.matches_within(packet, self.selection.tunnels)) {
            return Err(LeftOut::Filter);
        }
        Ok(())
    }

    /// Both ends count; a packet without a time is in no span.
    fn in_time(&self, time: Option<Timestamp>) -> bool {
        let (from, to) = (self.selection.from, self.selection.to);
        if from.is_none() && to.is_none() {
            return true;
        }
        let (Some(start), Some(time)) = (self.first, time) else { return false };
        from.is_none_or(|from| time >= from.resolve(start)) && to.is_none_or(|to| time <= to.resolve(start))
    }

    /// Counts what only shows where two parts of a capture meet, and takes the later part's place.
    pub(crate) fn join(&mut self, next: Self, totals: &mut Totals) {
        if let (Some(latest), Some(first)) = (self.latest, next.first) {
            totals.time_backwards += u64::from(first < latest);
        }
        totals.duplicates += self.duplicates.join(next.duplicates);
        self.first = self.first.or(next.first);
        self.latest = next.latest.or(self.latest);
        self.admitted += next.admitted;
    }
}

//! A file in memory, without a copy: pages that the system holds already are only made known to the process.
//!
//! The only `unsafe` there is. Reading a file in blocks instead, each into the same buffer, takes a tenth to a sixth longer
//! for all that is done with a capture: its bytes are then copied by the system, and each is waited for.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};

use memmap2::Mmap;

use super::AT_HAND;

/// A regular file's bytes, as long as it was when it was mapped.
pub(super) struct Mapped(Mmap);

impl Mapped {
    pub(super) fn new(file: &File) -> io::Result<Self> {
        #[expect(unsafe_code, reason = "mapping a file; see the comment")]
        // SAFETY: as with every mapped file, others must not write to these bytes while they are borrowed. Nobody who only reads
        // can see to that, as the documentation of `CaptureReader::open` says; what a program appends meanwhile is beyond the map.
        // Bytes that can no longer be had, of a file made shorter or a disk that fails, end the process (SIGBUS).
        let map = unsafe { Mmap::map(file)? };
        // Where this is not to be had, reading ahead is what the system makes of it.
        #[cfg(unix)]
        let _ = map.advise(memmap2::Advice::Sequential);
        Ok(Self(map))
    }

    /// Makes the bytes from a place on known to the process, and gives back those before it: so it holds few of them at a time, and
    /// the reading threads share this work. `held` is what one reader holds.
    pub(super) fn hold(&self, held: &mut Range<usize>, at: usize) {
        let len = self.0.len();
        if at.saturating_add(MARGIN) >= held.end && held.end < len {
            let end = at.saturating_add(AT_HAND + MARGIN).min(len);
            let more = held.end.max(at)..end;
            // Where this is not to be had, the system does it bit by bit as bytes are looked at.
            #[cfg(target_os = "linux")]
            let _ = self.0.advise_range(memmap2::Advice::PopulateRead, more.start, more.len());
            held.end = more.end;
        }
        let done = held.start..at / PAGES * PAGES;
        if done.len() >= GIVEN_AT_ONCE {
            #[cfg(unix)]
            #[expect(
                unsafe_code,
                reason = "memory would forget its bytes, a map of a file does not; see the comment"
            )]
            // SAFETY: others may borrow these bytes at this moment, which memmap2 says must not be, for it thinks of memory whose
            // contents are lost. This map is shared and never written to: its pages are the file's, before and after, and whoever
            // looks at one that was given back waits for it and finds the same bytes.
            let _ = unsafe {
                self.0.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, done.start, done.len())
            };
            held.start = done.end;
        }
    }
}

/// How much more is made known than is handed out at once: what is looked at past its end.
const MARGIN: usize = 128 << 10;

/// Bytes given back at once, at least: whenever it is done, the other threads' processors are told, and stop for that.
const GIVEN_AT_ONCE: usize = 4 << 20;

/// A multiple of every usual page size.
const PAGES: usize = 64 << 10;

impl Deref for Mapped {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// How far ahead bytes are asked for: some ten packets, in whose time they arrive from memory.
const AHEAD: usize = 4096;
/// How many bytes: more than most packets have, so that what lies between two packets' calls is asked for as well.
const SPAN: usize = 384;
/// What arrives at once.
const LINE: usize = 64;

/// Asks the processor for the bytes some way behind the start of a window, so that they are there when they are wanted.
#[inline(always)]
pub(super) fn ask_ahead(window: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..SPAN).step_by(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let ahead = window.as_ptr().wrapping_add(AHEAD + line);
        #[expect(unsafe_code, reason = "the processor's prefetch; see the comment")]
        // SAFETY: nothing is read. Asking for bytes that are not there, or not the process's, does nothing.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (window, AHEAD, SPAN, LINE);
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// What was given back is there again for whoever looks at it.
    #[test]
    fn bytes_are_the_files_whatever_is_held() {
        let bytes: Vec<u8> = (0..3 * GIVEN_AT_ONCE + 5).map(|n| (n / 7) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let map = Mapped::new(&file).unwrap();
        let mut held = 0..0;
        for at in (0..bytes.len()).step_by(300_001).chain([bytes.len()]) {
            map.hold(&mut held, at);
            assert!(held.start <= at && (at + MARGIN).min(bytes.len()) <= held.end, "{held:?} at {at}");
            assert!(held.len() <= GIVEN_AT_ONCE + AT_HAND + MARGIN + PAGES, "{held:?} at {at}");
            let here = &map[at..(at + 9).min(bytes.len())];
            assert_eq!(here, &bytes[at..at + here.len()]);
        }
        assert!(held.start > 2 * GIVEN_AT_ONCE);
        assert!(*map == *bytes);
    }
}

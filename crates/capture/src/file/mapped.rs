//! A file in memory, without a copy: pages that the system holds already are only made known to the process.
//!
//! The only `unsafe` there is. Reading a file in blocks instead, each into the same buffer, takes a tenth to a sixth longer
//! for all that is done with a capture: its bytes are then copied by the system, and each is waited for.

use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::Mmap;

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
}

/// Bytes given back at once.
#[cfg(unix)]
const PIECE: usize = 4 << 20;

/// Piece by piece: whoever asks for memory meanwhile would wait for all of it, and giving back a gigabyte takes 20 ms.
#[cfg(unix)]
impl Drop for Mapped {
    fn drop(&mut self) {
        // What is left is given back with the map.
        for start in (0..self.0.len() / PIECE).map(|piece| piece * PIECE) {
            #[expect(
                unsafe_code,
                reason = "memory would forget its bytes, a map of a file does not; see the comment"
            )]
            // SAFETY: nobody borrows the bytes any more; and the map is shared, so that they are in the file.
            let given =
                unsafe { self.0.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, PIECE) };
            if given.is_err() {
                return;
            }
        }
    }
}

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
const SPAN: usize = 256;
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

//! The limit of what reading a capture can cost: maps each file named and sums its bytes, by one thread.

use std::fs::File;
use std::io::{self, Write};

fn main() -> io::Result<()> {
    for path in std::env::args_os().skip(1) {
        let file = File::open(&path)?;
        // SAFETY: read-only; a benchmark's own file, which nobody changes meanwhile.
        #[expect(unsafe_code, reason = "mapping a file; see the comment above")]
        let bytes = unsafe { memmap2::Mmap::map(&file)? };
        let sum: u64 = bytes.chunks(128).map(sum_of_chunk).sum();
        writeln!(io::stdout(), "{} {} bytes, sum {sum}", path.display(), bytes.len())?;
    }
    Ok(())
}

/// Small enough a chunk for 16 bits, so that it is summed by vector instructions.
fn sum_of_chunk(chunk: &[u8]) -> u64 {
    u64::from(chunk.iter().map(|&byte| u16::from(byte)).sum::<u16>())
}

//! The reader takes any bytes: no panic, no hang, no memory out of proportion; whole, streamed in drips or
//! split, it gives the same packets; and after an error there is nothing more.
#![no_main]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use pcapviz_capture::{CaptureError, CaptureReader};

type Found = (Vec<(u64, u64, u32, usize)>, Option<String>);

/// Decompressed, a small input can be a large capture: this much of it is enough.
const ENOUGH: usize = 20_000;

fuzz_target!(|bytes: &[u8]| {
    let whole = outcome(CaptureReader::from_bytes("fuzz", bytes.to_vec()));
    let drips = Drips { bytes: bytes.to_vec(), at: 0 };
    let streamed = outcome(CaptureReader::from_stream("fuzz", Box::new(drips)));
    assert_eq!(whole, streamed, "whole, streamed");
});

fn outcome(opened: Result<CaptureReader, CaptureError>) -> Found {
    let mut found = Vec::new();
    let error = match opened {
        Err(error) => Some(error),
        Ok(mut reader) => loop {
            match reader.next_packet() {
                Ok(Some(p)) => found.push((p.number, p.offset, p.wire_len, p.captured.len())),
                Ok(None) => break None,
                Err(error) => {
                    assert!(matches!(reader.next_packet(), Ok(None)), "a packet after {error}");
                    break Some(error);
                }
            }
            if found.len() == ENOUGH {
                break None;
            }
        },
    };
    (found, error.map(|error| error.to_string()))
}

/// Gives a few bytes at a time.
struct Drips {
    bytes: Vec<u8>,
    at: usize,
}

impl Read for Drips {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at..];
        let n = rest.len().min(out.len()).min(1 + self.at * 7 % 1000);
        out[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}

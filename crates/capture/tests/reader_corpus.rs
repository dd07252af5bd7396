//! Every capture of the shared corpus, against what tshark counted in it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails in a test fails the test")]

use std::io::{BufRead, BufReader};
use std::path::Path;

use pcapviz_capture::{CaptureError, CaptureReader};
use pcapviz_testkit::shared;

/// What was read of one capture.
#[derive(Debug, Default, PartialEq)]
struct Sums {
    packets: u64,
    wire_bytes: u64,
    captured_bytes: u64,
    /// Of each packet, what no container should change.
    contents: Vec<(u32, Vec<u8>)>,
}

fn read(mut reader: CaptureReader, keep: bool) -> (Sums, Option<CaptureError>) {
    let mut sums = Sums::default();
    loop {
        match reader.next_packet() {
            Ok(Some(packet)) => {
                sums.packets += 1;
                sums.wire_bytes += u64::from(packet.wire_len);
                sums.captured_bytes += packet.captured.len() as u64;
                if keep {
                    sums.contents.push((packet.wire_len, packet.captured.to_vec()));
                }
            }
            Ok(None) => return (sums, None),
            Err(error) => return (sums, Some(error)),
        }
    }
}

fn open(path: &Path) -> CaptureReader {
    CaptureReader::open(path).unwrap_or_else(|error| panic!("{error}"))
}

/// Captures whose sums differ from tshark's for a reason (`../shared/oracle/README.md` has the table): tshark cuts an
/// original length above 2^31-1.
const TSHARK_COUNTS_OTHER_BYTES: &[&str] = &["ndpi/fuzz-2021-06-07-c6c72a0a56.pcap"];

#[test]
fn packets_and_bytes_are_those_of_tshark() {
    let (Some(captures), Some(expected)) = (shared("captures"), shared("oracle/expected/captures.jsonl.gz"))
    else {
        return;
    };
    let expected = BufReader::new(flate2::read::GzDecoder::new(std::fs::File::open(expected).unwrap()));
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for line in expected.lines() {
        let record: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let [frames, bytes] = ["frames", "bytes"].map(|key| record[key].as_u64().unwrap());
        let (file, failed) = (record["file"].as_str().unwrap(), record["tshark"]["exit"] != 0);
        if failed && frames == 0 {
            continue;
        }
        checked += 1;
        let (sums, error) = match CaptureReader::open(&captures.join(file)) {
            Ok(reader) => read(reader, false),
            Err(error) => (Sums::default(), Some(error)),
        };
        let same_bytes = sums.wire_bytes == bytes || TSHARK_COUNTS_OTHER_BYTES.contains(&file);
        if (sums.packets, same_bytes, error.is_some()) != (frames, true, failed) {
            wrong.push(format!("{file}: {frames} packets, {bytes} bytes, not {sums:?}, {error:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {checked}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked > 1500, "only {checked} captures were compared");
}

#[test]
fn every_container_gives_the_same_packets() {
    let (Some(original), Some(made)) = (shared("captures/pcapviz/test.pcap"), shared("captures/made")) else {
        return;
    };
    let (expected, error) = read(open(&original), true);
    assert!(error.is_none() && expected.packets == 141, "{error:?}");
    let containers = [
        "test-nsec.pcap",
        "test-be.pcap",
        "test-nsec-be.pcap",
        "test-modified.pcap",
        "test-nokia.pcap",
        "test-linktype-upper-bits.pcap",
        "test.pcapng",
        "test-be.pcapng",
        "test-spb.pcapng",
        "test-obsolete-pb.pcapng",
        "test-two-sections.pcapng",
        "test.snoop",
        "test.pcap.gz",
    ];
    for container in containers {
        let (found, error) = read(open(&made.join(container)), true);
        assert!(error.is_none(), "{container}: {error:?}");
        assert_eq!(found, expected, "{container}");
    }
}

#[test]
fn damage_anywhere_in_the_corpus_is_survived() {
    let Some(captures) = shared("captures") else { return };
    let rounds = std::env::var("PCAPVIZ_DAMAGE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_u64);
    for path in pcapviz_capture::captures_in(&captures).unwrap() {
        let bytes = std::fs::read(&path).unwrap();
        let sound = &bytes[..bytes.len().min(20_000)];
        for round in 0..rounds {
            let mut damaged = sound.to_vec();
            // Different for each round and each file, and the same each time (Knuth's multiplier).
            let mut random = round * 7919 + bytes.len() as u64;
            let mut next = || {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (random >> 33) as usize
            };
            for _ in 0..=next() % 4 {
                // Lengths are mostly small, and most of them stand near the start.
                let at = next() % if next() % 2 == 0 { damaged.len() } else { damaged.len().min(200) };
                damaged[at] = [next() as u8, 0, 1, 0x7f, 0xff][next() % 5];
            }
            let outcome = |opened: Result<CaptureReader, CaptureError>| match opened {
                Ok(reader) => {
                    let (sums, error) = read(reader, true);
                    (sums, error.map(|error| error.to_string()))
                }
                Err(error) => (Sums::default(), Some(error.to_string())),
            };
            let whole = outcome(CaptureReader::from_bytes("t", damaged.clone()));
            let stream = outcome(CaptureReader::from_stream("t", Box::new(std::io::Cursor::new(damaged))));
            assert!(whole == stream, "{} round {round}: {:?} and {:?}", path.display(), whole.1, stream.1);
        }
    }
}

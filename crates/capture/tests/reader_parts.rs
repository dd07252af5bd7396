//! Reading a capture in parts gives what reading it in one go gives, whatever its packets hold.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails in a test fails the test")]

use pcapviz_capture::{CaptureReader, captures_in};
use pcapviz_testkit::capture::{Endian, Pcap, PcapNg, Record};
use pcapviz_testkit::shared;
use proptest::prelude::*;

/// Where each packet starts, and what it holds.
type Packets = Vec<(u64, Vec<u8>)>;

fn read(reader: &mut CaptureReader) -> (Packets, Option<String>) {
    let mut found = Vec::new();
    loop {
        match reader.next_packet() {
            Ok(Some(packet)) => found.push((packet.offset, packet.captured.to_vec())),
            Ok(None) => return (found, None),
            Err(error) => return (found, Some(error.to_string())),
        }
    }
}

/// The same, of what is at hand never more than three packets at once.
fn read_by_threes(reader: &mut CaptureReader) -> (Packets, Option<String>) {
    let mut found = Vec::new();
    loop {
        match reader.packets_at_hand() {
            Ok(Some(packets)) => {
                let packets: Vec<_> = packets.take(3).collect();
                assert!(!packets.is_empty());
                found.extend(packets.iter().map(|packet| (packet.offset, packet.captured.to_vec())));
            }
            Ok(None) => return (found, None),
            Err(error) => return (found, Some(error.to_string())),
        }
    }
}

/// Reads in parts and joins them; also gives how many parts joined at once, and how many had to be read again.
fn read_in_parts(reader: CaptureReader, parts: usize) -> (Packets, bool, usize, usize) {
    let mut parts = reader.split(parts).into_iter();
    let mut last = parts.next().unwrap();
    let (mut packets, mut error) = read(&mut last);
    let (mut joined, mut again) = (0, 0);
    for mut part in parts {
        if error.is_some() {
            break;
        }
        let (found, part_error) = read(&mut part);
        if last.joins(&part) {
            joined += 1;
            packets.extend(found);
            (last, error) = (part, part_error);
        } else {
            again += 1;
            last.take_over(&part);
            let (found, own_error) = read(&mut last);
            packets.extend(found);
            error = own_error;
        }
    }
    (packets, error.is_some(), joined, again)
}

/// Checks one capture; returns how many parts joined, and how many were read again.
fn check(name: &str, open: impl Fn() -> CaptureReader, parts: usize) -> (usize, usize) {
    let (whole, error) = read(&mut open());
    let (found, failed, joined, again) = read_in_parts(open(), parts);
    assert!(found == whole, "{name}: {} packets in {parts} parts, {} in one", found.len(), whole.len());
    assert_eq!(failed, error.is_some(), "{name}");
    (joined, again)
}

#[test]
fn the_corpus() {
    let Some(captures) = shared("captures") else { return };
    let mut joined = 0;
    for path in captures_in(&captures).unwrap() {
        if let Ok(reader) = CaptureReader::open(&path) {
            drop(reader);
            let name = path.display().to_string();
            let open = || CaptureReader::open(&path).unwrap();
            joined += check(&name, open, 5).0;
            assert!(read(&mut open()) == read_by_threes(&mut open()), "{name}");
        }
    }
    assert!(joined > 100, "only {joined} parts joined");
}

/// Of a mapped file, what has been read is given back now and then.
#[test]
fn a_file_of_many_megabytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.pcap");
    let records: Vec<Record> =
        (0..14_000_u32).map(|n| Record::new(n.into(), &n.to_be_bytes().repeat(250))).collect();
    std::fs::write(&path, Pcap::default().file(&records)).unwrap();
    for parts in [1, 2, 5] {
        let (joined, again) = check("large.pcap", || CaptureReader::open(&path).unwrap(), parts);
        assert_eq!(joined + again, parts - 1);
    }
    let (found, error) = read(&mut CaptureReader::open(&path).unwrap());
    assert!(error.is_none());
    assert!(found.iter().map(|(_, bytes)| &bytes[..]).eq(records.iter().map(|record| &record.data[..])));
}

#[test]
fn captures_inside_captures_mislead_nobody() {
    // Packets that each hold a whole capture of small packets: nearly every guess hits an inner record. A chain from it mostly leaves
    // the packet in the end; not where packets are longer than such a chain. Then parts are read again.
    for (records, packets, misleads) in [(60, 103, false), (2500, 9, true)] {
        let inner: Vec<Record> =
            (0..records).map(|n| Record::new(n * 1_000_000_000, &[n as u8; 40])).collect();
        let pcap = Pcap::default().file(&inner);
        let ng = inner
            .iter()
            .fold(PcapNg::new(Endian::Little).interface(1, 0, &[]), |ng, r| ng.enhanced(0, r, 1, &[]));
        for inner in [pcap, ng.bytes()] {
            let outer: Vec<Record> = (0..packets).map(|n| Record::new(n * 1_000_000_000, &inner)).collect();
            let pcap = Pcap::default().file(&outer);
            let ng = outer
                .iter()
                .fold(PcapNg::new(Endian::Little).interface(1, 0, &[]), |ng, r| ng.enhanced(0, r, 1, &[]));
            let (mut joined, mut again) = (0, 0);
            for file in [pcap, ng.bytes()] {
                let (part_joined, part_again) =
                    check("nested", || CaptureReader::from_bytes("t", file.clone()).unwrap(), 4);
                (joined, again) = (joined + part_joined, again + part_again);
            }
            let told = format!("{records} records inside: {joined} parts joined, {again} did not");
            assert!(if misleads { again > 0 } else { joined > again }, "{told}");
        }
    }
}

#[test]
fn a_capture_cut_short_within_reach_of_a_guess() {
    let records: Vec<Record> = (0..60).map(|n| Record::new(n * 1_000_000_000, &[7; 4 << 10])).collect();
    let pcap = Pcap::default().file(&records);
    let ng = records
        .iter()
        .fold(PcapNg::new(Endian::Little).interface(1, 0, &[]), |ng, r| ng.enhanced(0, r, 1, &[]));
    for whole in [pcap, ng.bytes()] {
        for cut in [1, 100, 4 << 10, 5 << 10, 33 << 10] {
            let file = whole[..whole.len() - cut].to_vec();
            check("cut", || CaptureReader::from_bytes("t", file.clone()).unwrap(), 2);
        }
    }
}

#[test]
fn interfaces_and_sections_in_the_middle() {
    let record = Record::new(1_000_000_000, &[1; 100]);
    let mut file = PcapNg::new(Endian::Little).names(&[([10, 0, 0, 1], "a")]).interface(1, 0, &[]);
    for n in 0..4000 {
        file = match n {
            1500 => file.interface(101, 0, &[]),
            2500 => file.section(Endian::Big).interface(113, 0, &[]),
            _ => file.enhanced(u32::from((1500..2500).contains(&n)), &record, 1, &[]),
        };
    }
    let file = file.bytes();
    for parts in 1..7 {
        check("changing", || CaptureReader::from_bytes("t", file.clone()).unwrap(), parts);
    }
    let names = CaptureReader::from_bytes("t", file)
        .unwrap()
        .split(4)
        .iter()
        .map(|part| part.names().len())
        .sum::<usize>();
    assert_eq!(names, 1, "each name belongs to one part");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_number_of_parts(sizes in prop::collection::vec(0..3000_usize, 100..400), parts in 1..9_usize, damage in any::<prop::sample::Index>()) {
        let records: Vec<Record> = sizes.iter().map(|&n| Record::new(n as u64 * 1_000_000, &vec![n as u8; n])).collect();
        let mut file = Pcap::default().file(&records);
        check("sound", || CaptureReader::from_bytes("t", file.clone()).unwrap(), parts);
        let at = 24 + damage.index(file.len() - 24);
        file[at] = 0xff;
        check("damaged", || CaptureReader::from_bytes("t", file.clone()).unwrap(), parts);
    }
}

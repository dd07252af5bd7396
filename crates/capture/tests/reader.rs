//! The reader on captures built in memory: every format and variant, what is damaged, and what is no capture.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails in a test fails the test")]

use std::io::{self, Read, Write};

use pcapviz_capture::{CaptureError, CaptureReader, Compression, FileFormat, captures_in};
use pcapviz_testkit::capture::{Endian, Pcap, PcapNg, Record, Variant, erf, snoop};
use proptest::prelude::*;

/// What of a packet the containers carry: nanoseconds, link type, original length, bytes, FCS length.
type Seen = (Option<i64>, u16, u32, Vec<u8>, u8);

/// Reads to the end or to the error.
fn read(opened: Result<CaptureReader, CaptureError>) -> (Vec<Seen>, Option<CaptureError>) {
    let mut seen = Vec::new();
    let mut reader = match opened {
        Ok(reader) => reader,
        Err(error) => return (seen, Some(error)),
    };
    loop {
        match reader.next_packet() {
            Ok(Some(packet)) => {
                let nanos = packet.timestamp.map(|time| time.as_nanos());
                assert_eq!(packet.number, seen.len() as u64 + 1);
                seen.push((
                    nanos,
                    packet.link_type.0,
                    packet.wire_len,
                    packet.captured.to_vec(),
                    packet.fcs_len,
                ));
            }
            Ok(None) => return (seen, None),
            Err(error) => {
                assert_eq!(error.packets(), seen.len() as u64, "{error}");
                assert!(matches!(reader.next_packet(), Ok(None)), "something after {error}");
                return (seen, Some(error));
            }
        }
    }
}

/// Gives its bytes a few at a time.
struct Drips(io::Cursor<Vec<u8>>, usize);

impl Read for Drips {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 = self.1 % 37 + 1;
        let n = out.len().min(self.1);
        self.0.read(&mut out[..n])
    }
}

fn streamed(bytes: &[u8]) -> Result<CaptureReader, CaptureError> {
    CaptureReader::from_stream("t", Box::new(Drips(io::Cursor::new(bytes.to_vec()), 0)))
}

/// Reads `bytes` whole and as a stream; both must give `packets`, then an error that says `error` (or none).
fn check(name: &str, bytes: &[u8], packets: &[Seen], error: Option<&str>) {
    for (way, opened) in
        [("whole", CaptureReader::from_bytes("t", bytes.to_vec())), ("streamed", streamed(bytes))]
    {
        let (seen, found) = read(opened);
        assert_eq!(seen, packets, "{name}, {way}");
        match (error, &found) {
            (None, None) => {}
            (Some(text), Some(found)) if found.to_string().contains(text) => {}
            _ => panic!("{name}, {way}: expected {error:?}, found {found:?}"),
        }
    }
}

const SECOND: u64 = 1_000_000_000;

fn records() -> Vec<Record> {
    vec![
        Record::new(1_276_302_723 * SECOND + 466_975_000, b"first"),
        Record::new(1_276_302_724 * SECOND + 999_999_000, b"the second packet").cut_to(10),
        Record::new(4_000_000_000 * SECOND, b""),
        Record::new(5 * SECOND, &[7; 61]),
    ]
}

fn seen(records: &[Record], link_type: u16) -> Vec<Seen> {
    records.iter().map(|r| (Some(r.nanos as i64), link_type, r.wire_len, r.data.clone(), 0)).collect()
}

#[test]
fn pcap_in_every_variant() {
    let pcap = Pcap::default();
    for endian in [Endian::Little, Endian::Big] {
        for (variant, format) in [
            (Variant::Micro, FileFormat::Pcap),
            (Variant::Nano, FileFormat::PcapNanosecond),
            (Variant::Modified, FileFormat::PcapModified),
            (Variant::ModifiedUnmarked, FileFormat::PcapModified),
            (Variant::ModifiedLong, FileFormat::PcapModified),
            (Variant::Nokia, FileFormat::PcapNokia),
            (Variant::Ixia, FileFormat::PcapNanosecond),
        ] {
            let name = format!("{variant:?} {endian:?}");
            let file = Pcap { endian, variant, ..pcap }.file(&records());
            check(&name, &file, &seen(&records(), 1), None);
            assert_eq!(CaptureReader::from_bytes("t", file).unwrap().format(), format, "{name}");
        }
        for version in [(2, 0), (2, 2), (2, 3), (2, 4), (3, 0)] {
            let file = Pcap { endian, version, ..pcap }.file(&records());
            check(&format!("version {version:?}"), &file, &seen(&records(), 1), None);
        }
        // 2.3 as some wrote it: original length first.
        let mut exchanged = Pcap { endian, version: (2, 2), ..pcap }.file(&records());
        exchanged[if endian == Endian::Little { 6 } else { 7 }] = 3;
        check("version 2.3, exchanged", &exchanged, &seen(&records(), 1), None);
    }
    let nanos = [Record::new(SECOND + 1, b"x")];
    check("a nanosecond", &Pcap { variant: Variant::Nano, ..pcap }.file(&nanos), &seen(&nanos, 1), None);
    check("no packets", &pcap.header(), &[], None);
}

#[test]
fn the_upper_half_of_the_link_type() {
    for (link_type, plain, fcs_len) in
        [(0x3000_0001, 1, 0), (0x2400_0001, 1, 4), (0x0000_0114, 276, 0), (0xffff_0065, 101, 30)]
    {
        let file = Pcap { link_type, ..Pcap::default() }.file(&records());
        let mut expected = seen(&records(), plain);
        expected.iter_mut().for_each(|packet| packet.4 = fcs_len);
        check(&format!("{link_type:#x}"), &file, &expected, None);
    }
}

#[test]
fn aix_has_its_own_link_types_and_nanoseconds() {
    for (if_type, link_type, padding) in [(6, 1, 0), (9, 6, 0), (15, 10, 3), (24, 0, 0)] {
        let pcap = Pcap { link_type: if_type, version: (2, 2), endian: Endian::Big, ..Pcap::default() };
        let file = pcap.file(&[Record::new(SECOND + 7000, b"padpacket")]);
        let packet =
            (Some((SECOND + 7) as i64), link_type, 9 - padding as u32, b"padpacket"[padding..].to_vec(), 0);
        check(&format!("ifType {if_type}"), &file, &[packet], None);
    }
}

#[test]
fn a_damaged_pcap_gives_the_packets_before() {
    let (pcap, records) = (Pcap::default(), records());
    let two = pcap.file(&records[..2]);
    let with = |more: &[u8]| [&two[..], more].concat();
    let good = seen(&records[..2], 1);
    let long = |captured| with(&pcap.raw_record(&Record::new(0, b"rest"), captured));
    check(
        "cut in a header",
        &with(&[1, 2, 3]),
        &good,
        Some("cut short after 2 packets, at byte 71: 3 of 16 bytes"),
    );
    check("cut in a record", &long(9), &good, Some("cut short after 2 packets, at byte 71: 20 of 25 bytes"));
    check("a length that is none", &long(u32::MAX), &good, Some("claims 4294967295 captured bytes"));
    check("just too long", &long(262_145), &good, Some("damaged after 2 packets, at byte 71"));
    check("long, but possible", &long(262_144), &good, Some("cut short"));
    // Damage in the second of the records that tell the variants apart makes no other variant of it.
    let mut damaged = pcap.file(&records);
    damaged[24 + 16 + 5 + 8..][..4].fill(0xff);
    check("the second record", &damaged, &seen(&records[..1], 1), Some("damaged after 1 packet, at byte 45"));
    // A USB packet may be longer than a frame.
    let usb = Pcap { link_type: 249, ..pcap };
    let big = [Record::new(0, &vec![1; 300_000])];
    check("a long USB packet", &usb.file(&big), &seen(&big, 249), None);
    check("a long Ethernet packet", &pcap.file(&big), &[], Some("damaged before the first packet"));
}

#[test]
fn what_is_no_capture_is_refused_by_name() {
    for (name, bytes, error) in [
        ("empty", &b""[..], "t is empty"),
        ("text", b"No. Time Source\n", "t is not a capture but looks like a text file"),
        ("binary", &[0; 600], "t is not a capture: give a pcap"),
        ("pdf", b"%PDF-1.7 \0", "looks like a PDF document"),
        ("zip", b"PK\x03\x04rest", "zip archive; unpack it"),
        (
            "cut in the file header",
            b"\xd4\xc3\xb2\xa1\x02\0\x04\0",
            "cut short before the first packet, at byte 0: 8 of 24",
        ),
        ("one byte", b"\xd4", "t is not a capture"),
        (
            "old pcap",
            b"\xd4\xc3\xb2\xa1\x01\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0",
            "version 1.4 is older",
        ),
        ("cut snoop", b"snoop\0\0\0\0\0\0\x02", "cut short"),
        ("snoop of another version", b"snoop\0\0\0\0\0\0\x09\0\0\0\x04", "version 9"),
        ("damaged gzip", b"\x1f\x8b\x08\xff\xff\xff\xff\xff\xff\xff\xff", "reading t failed"),
    ] {
        check(name, bytes, &[], Some(error));
    }
}

#[test]
fn snoop_and_its_link_types() {
    let records = records();
    for (datalink, padding, link_type) in [
        (4, 0, 1),
        (4, 3, 1),
        (8, 0, 10),
        (18, 2, 123),
        (10, 0, 107),
        (10, 16, 1),
        (0x8000_0005, 0, 226),
        (7, 0, 65535),
    ] {
        let file = snoop(datalink, padding, &records);
        check(&format!("datalink {datalink:#x}"), &file, &without_pseudo_header(&records, link_type), None);
    }
    let mut file = snoop(4, 0, &records[..1]);
    file[16 + 8..][..4].copy_from_slice(&20_u32.to_be_bytes());
    check("a record too short", &file, &[], Some("cannot hold 5 captured bytes"));
}

/// What is seen of records whose lengths count a header that was not on the wire.
fn without_pseudo_header(records: &[Record], link_type: u16) -> Vec<Seen> {
    let len = match link_type {
        204 => 1,
        245 => 2,
        123 | 139 | 201 | 254 => 4,
        196 | 209 => 5,
        _ => 0,
    };
    let mut packets = seen(records, link_type);
    packets.iter_mut().for_each(|packet| packet.2 = packet.2.saturating_sub(len));
    packets
}

#[test]
fn pseudo_headers_were_not_on_the_wire() {
    let records = records();
    for link_type in [1, 101, 123, 127, 139, 196, 201, 204, 205, 209, 245, 254] {
        let expected = without_pseudo_header(&records, link_type);
        let pcap = Pcap { link_type: link_type.into(), ..Pcap::default() };
        check(&format!("pcap {link_type}"), &pcap.file(&records), &expected, None);
    }
    let mut erf = vec![0; 40];
    erf[15] = 22;
    let pcap = Pcap { link_type: 197, ..Pcap::default() }.file(&[Record::new(0, &erf)]);
    check("ERF in pcap", &pcap, &[(seen(&[Record::new(0, &erf)], 197)[0].0, 197, 22, erf, 0)], None);
}

#[test]
fn erf_is_known_by_its_records() {
    let records: Vec<Record> =
        (0..4).map(|n| Record::new((1_600_000_000 + n) * SECOND, &[n as u8; 62])).collect();
    let expected: Vec<Seen> =
        seen(&records, 1).into_iter().map(|(time, link, len, data, _)| (time, link, len, data, 4)).collect();
    check("four records", &erf(&records), &expected, None);
    check("one record", &erf(&records[..1]), &expected[..1], None);
    check("cut", &erf(&records)[..300], &expected[..3], Some("cut short after 3 packets"));
}

#[test]
fn pcapng_blocks_sections_and_interfaces() {
    let r = records();
    for endian in [Endian::Little, Endian::Big] {
        let other = if endian == Endian::Little { Endian::Big } else { Endian::Little };
        let comment = [(1, b"odd".to_vec())];
        let file = PcapNg::new(endian)
            .custom(b"before any interface")
            .interface(1, 0, &comment)
            .interface(101, 0, &[(9, vec![9])])
            .enhanced(0, &r[0], 1_000_000, &comment)
            .block(0x0000_0bff, b"unknown")
            .enhanced(1, &r[1], SECOND, &[])
            .names(&[([192, 0, 2, 1], "a.example")])
            .obsolete(1, &r[0], SECOND)
            .block(5, &[0; 12])
            .section(other)
            .interface(113, 4, &[])
            .simple(&Record { data: b"firs".to_vec(), ..r[0].clone() })
            .enhanced(0, &r[3], 1_000_000, &[])
            .bytes();
        let seen = |record: &Record, link| seen(std::slice::from_ref(record), link).remove(0);
        let simple = (None, 113, 5, b"firs".to_vec(), 0);
        let expected = [seen(&r[0], 1), seen(&r[1], 101), seen(&r[0], 101), simple, seen(&r[3], 113)];
        check(&format!("{endian:?}"), &file, &expected, None);

        let mut reader = CaptureReader::from_bytes("t", file).unwrap();
        assert!(reader.names().is_empty());
        while reader.next_packet().unwrap().is_some() {}
        assert_eq!(reader.names(), [("192.0.2.1".parse().unwrap(), "a.example".to_string())]);
    }
    check("no packets", &PcapNg::new(Endian::Big).bytes(), &[], None);
}

#[test]
fn pcapng_times() {
    let resolution = |value: u8| (9_u16, vec![value]);
    let offset = |endian: Endian, seconds: i64| {
        (14_u16, if endian == Endian::Big { seconds.to_be_bytes() } else { seconds.to_le_bytes() }.to_vec())
    };
    for endian in [Endian::Little, Endian::Big] {
        for (name, options, per_second, nanos, expected) in [
            ("seconds", vec![resolution(0)], 1, 77 * SECOND, 77_000_000_000),
            ("milliseconds", vec![resolution(3)], 1000, 1_234_000_000, 1_234_000_000),
            ("microseconds", vec![], 1_000_000, 1_234_567_000, 1_234_567_000),
            ("nanoseconds", vec![resolution(9)], SECOND, 1_234_567_891, 1_234_567_891),
            ("picoseconds", vec![resolution(12)], 1000 * SECOND, 1_234_567_891, 1_234_567_891),
            ("2^-10 s", vec![resolution(0x8a)], 1024, 1_500_000_000, 1_500_000_000),
            ("2^-32 s", vec![resolution(0xa0)], 1 << 32, 1_500_000_000, 1_500_000_000),
            ("offset", vec![resolution(9), offset(endian, 100)], SECOND, SECOND, 101_000_000_000),
            ("before 1970", vec![offset(endian, -3)], 1_000_000, SECOND, -2_000_000_000),
            ("far away", vec![offset(endian, i64::MAX)], 1, SECOND, i64::MAX),
            ("long ago", vec![offset(endian, i64::MIN)], 1, SECOND, i64::MIN),
            ("absurd powers", vec![resolution(0x7f)], SECOND, SECOND, 0),
            ("absurd halves", vec![resolution(0xff)], SECOND, SECOND, 0),
        ] {
            let record = Record::new(nanos, b"x");
            let file =
                PcapNg::new(endian).interface(1, 0, &options).enhanced(0, &record, per_second, &[]).bytes();
            check(name, &file, &[(Some(expected), 1, 1, b"x".to_vec(), 0)], None);
        }
    }
}

#[test]
fn pcapng_frame_check_sequences() {
    for (name, interface, packet, fcs_len) in [
        ("not said", vec![], vec![], 0),
        ("bits, of the interface", vec![(13, vec![32])], vec![], 4),
        ("bytes, of the interface", vec![(13, vec![4])], vec![], 4),
        ("of the packet", vec![(13, vec![32])], vec![(1, b"c".to_vec()), (2, vec![0x40, 0, 0, 0])], 2),
    ] {
        let file = PcapNg::new(Endian::Little)
            .interface(1, 0, &interface)
            .enhanced(0, &Record::new(0, b"x"), 1, &packet)
            .bytes();
        check(name, &file, &[(Some(0), 1, 1, b"x".to_vec(), fcs_len)], None);
    }
}

#[test]
fn a_damaged_pcapng_gives_the_packets_before() {
    let record = Record::new(SECOND, b"good");
    let start = PcapNg::new(Endian::Little).interface(1, 0, &[]).enhanced(0, &record, 1_000_000, &[]);
    let good = seen(std::slice::from_ref(&record), 1);
    let lying = Record { wire_len: 900, ..record.clone() };
    for (name, file, error) in [
        (
            "an interface unknown",
            start.clone().enhanced(1, &record, 1, &[]),
            "interface 1, and the section has described 1",
        ),
        (
            "a new section has none",
            start.clone().section(Endian::Big).enhanced(0, &record, 1, &[]),
            "has described 0",
        ),
        ("a simple packet longer than its block", start.clone().simple(&lying), "cannot hold 900"),
        ("a block of no length", start.clone().framed(6, 0, &[0; 32], 0), "claims 0 bytes"),
        (
            "a block of all length",
            start.clone().framed(0xbad, u32::MAX, &[0; 32], 0),
            "claims 4294967295 bytes",
        ),
        (
            "a packet block of half a GB",
            start.clone().framed(6, 0x2000_0000, &[0; 32], 0),
            "claims 536870912 bytes",
        ),
        ("an unknown block of half a GB", start.clone().framed(77, 0x2000_0000, &[0; 32], 0), "cut short"),
        (
            "lengths that differ",
            start.clone().framed(77, 16, &[0; 4], 20),
            "16 bytes at its start, and 20 at its end",
        ),
        ("a block too short for a packet", start.clone().framed(6, 16, &[0; 4], 16), "claims 16 bytes"),
        ("a section of unknown order", start.clone().block(0x0a0d_0d0a, &[7; 16]), "byte-order magic"),
        ("an interface too short", start.clone().block(1, &[0; 4]), "too short for its fields"),
    ] {
        check(name, &file.bytes(), &good, Some(error));
    }
    let file = start.clone().enhanced(0, &record, 1, &[]).bytes();
    check(
        "cut in a block",
        &file[..file.len() - 1],
        &good,
        Some("cut short after 1 packet, at byte 84: 35 of 36"),
    );
    check("cut in a header", &file[..90], &good, Some("6 of 8 bytes"));
    // Padding left out of the length, and names that are no names, end nothing.
    let unpadded = start.clone().framed(77, 15, &[0; 4], 15).enhanced(0, &record, 1_000_000, &[]).bytes();
    check("a length without padding", &unpadded, &[&good[..], &good].concat(), None);
    let nameless = start.block(4, &[1, 0, 0xff, 0xff]).enhanced(0, &record, 1_000_000, &[]).bytes();
    check("names that are none", &nameless, &[&good[..], &good].concat(), None);
}

#[test]
fn what_is_kept_of_a_capture_is_bounded() {
    let name = "x".repeat(60_000);
    let names = vec![([10, 0, 0, 1], name.as_str()); 100];
    let many = (0..12).fold(PcapNg::new(Endian::Big), |ng, _| ng.names(&names)).bytes();
    check("names", &many, &[], Some("names that take more than 64 MiB"));
    let start = PcapNg::new(Endian::Little);
    let many = (0..65_537).fold(start, |ng, _| ng.interface(1, 0, &[])).bytes();
    check("interfaces", &many, &[], Some("more than 65536 interfaces"));
}

fn compress(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Gzip => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        Compression::Lz4 => {
            let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        Compression::Bzip2 => {
            let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        Compression::Xz => liblzma::encode_all(bytes, 1).unwrap(),
        _ => unreachable!("a compression without a test"),
    }
}

const COMPRESSIONS: [Compression; 5] =
    [Compression::Gzip, Compression::Zstd, Compression::Lz4, Compression::Bzip2, Compression::Xz];

#[test]
fn compressed_once_twice_and_in_pieces() {
    // Larger than what the threads hand over at once.
    let records: Vec<Record> = (0..1500).map(|n| Record::new(n * SECOND, &vec![n as u8; 1400])).collect();
    let file = Pcap::default().file(&records);
    let expected = seen(&records, 1);
    for compression in COMPRESSIONS {
        let once = compress(compression, &file);
        check(&compression.to_string(), &once, &expected, None);
        let (left, right) = file.split_at(file.len() / 3);
        let pieces = [compress(compression, left), compress(compression, right)].concat();
        check(&format!("{compression} in two pieces"), &pieces, &expected, None);
        check(&format!("{compression}, twice"), &compress(Compression::Gzip, &once), &expected, None);

        let reader = CaptureReader::from_bytes("t", compress(Compression::Zstd, &once)).unwrap();
        assert_eq!(reader.compression(), [Compression::Zstd, compression]);

        let (found, error) = read(CaptureReader::from_bytes("t", once[..once.len() / 2].to_vec()));
        assert!(expected.starts_with(&found), "{compression}, cut");
        assert!(
            matches!(error, Some(CaptureError::Read { .. } | CaptureError::CutShort { .. })),
            "{compression}: {error:?}"
        );

        check(&format!("{compression} of nothing"), &compress(compression, b""), &[], Some("t is empty"));
        check(
            &format!("{compression} of text"),
            &compress(compression, b"hello"),
            &[],
            Some("not a capture"),
        );
    }
    let onion = (0..4).fold(file, |bytes, _| compress(Compression::Gzip, &bytes));
    check("four times", &onion, &[], Some("compressed more than 3 times over"));
}

/// However many frames there are to skip.
#[test]
fn nothing_but_skippable_frames() {
    let bytes = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0].repeat(1 << 19);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    assert!(CaptureReader::open(file.path()).is_err());
    assert!(CaptureReader::from_bytes("skippable", bytes).is_err());
}

#[test]
fn frames_to_skip_belong_to_the_compression_after_them() {
    let file = Pcap::default().file(&records());
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    for compression in [Compression::Zstd, Compression::Lz4] {
        let compressed = compress(compression, &file);
        for bytes in [[&skippable[..], &compressed].concat(), [&compressed[..], &skippable].concat()] {
            check(&compression.to_string(), &bytes, &seen(&records(), 1), None);
            assert_eq!(CaptureReader::from_bytes("t", bytes).unwrap().compression(), [compression]);
        }
    }
}

#[test]
fn files_and_their_progress() {
    let dir = tempfile::tempdir().unwrap();
    let records: Vec<Record> = (0..300).map(|n| Record::new(n * SECOND, &[n as u8; 1000])).collect();
    let file = Pcap::default().file(&records);
    for (name, bytes) in [("plain.pcap", file.clone()), ("no-extension", compress(Compression::Gzip, &file))]
    {
        let path = dir.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        let mut reader = CaptureReader::open(&path).unwrap();
        assert_eq!((reader.len(), reader.path()), (Some(bytes.len() as u64), path.as_path()));
        let mut last = 0;
        while reader.next_packet().unwrap().is_some() {
            assert!(reader.position() >= last);
            last = reader.position();
        }
        assert_eq!((reader.packets(), reader.position()), (300, bytes.len() as u64), "{name}");
    }
    let missing = CaptureReader::open(&dir.path().join("missing")).err().unwrap();
    assert!(matches!(&missing, CaptureError::Open { .. }) && missing.to_string().contains("check the name"));
    assert!(matches!(CaptureReader::open(dir.path()), Err(CaptureError::IsFolder { .. })));
    let empty = dir.path().join("empty");
    std::fs::write(&empty, b"").unwrap();
    assert!(matches!(CaptureReader::open(&empty), Err(CaptureError::Empty { .. })));
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_streamed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let file = Pcap::default().file(&records());
    let writer = std::thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, file).unwrap()
    });
    let reader = CaptureReader::open(&path);
    assert_eq!(reader.as_ref().map_or(Some(1), CaptureReader::len), None);
    let (found, error) = read(reader);
    assert!(found == seen(&records(), 1) && error.is_none(), "{error:?}");
    writer.join().unwrap();
}

#[cfg(unix)]
#[test]
fn a_folder_gives_its_captures_sorted_and_survives_loops() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    assert!(matches!(captures_in(dir.path()), Err(CaptureError::NoCaptures { .. })));
    assert!(matches!(captures_in(&at("missing")), Err(CaptureError::Open { .. })));

    let file = Pcap::default().file(&records());
    std::fs::create_dir_all(at("b/deep")).unwrap();
    for (name, bytes) in [
        ("z.pcap", &file[..]),
        ("b/deep/a.txt", &PcapNg::new(Endian::Big).bytes()),
        ("b/c.gz", &compress(Compression::Gzip, &file)),
        ("b/text.gz", &compress(Compression::Gzip, b"text")),
        ("b/cut", &file[..9]),
        ("notes.pcap", b"not a capture"),
        ("empty.pcap", b""),
        ("archive.zip", b"PK\x03\x04"),
    ] {
        std::fs::write(at(name), bytes).unwrap();
    }
    std::os::unix::fs::symlink(dir.path(), at("b/loop")).unwrap();
    std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
    std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
    let found = captures_in(dir.path()).unwrap();
    assert_eq!(found, ["b/c.gz", "b/cut", "b/deep/a.txt", "z.pcap"].map(at));
}

/// Any capture of any container.
fn capture() -> impl Strategy<Value = (Vec<u8>, usize)> {
    let record = (0..2_000_000_000_u64, prop::collection::vec(any::<u8>(), 0..200), 0..100_usize)
        .prop_map(|(time, data, cut)| Record::new(time * 1000, &data).cut_to(200 - cut));
    let endian = prop_oneof![Just(Endian::Little), Just(Endian::Big)];
    (prop::collection::vec(record, 0..12), endian, 0..6).prop_map(|(records, endian, kind)| {
        let pcap = Pcap { endian, ..Pcap::default() };
        let ng = PcapNg::new(endian).interface(1, 0, &[]).names(&[([127, 0, 0, 1], "localhost")]);
        let bytes = match kind {
            0 => pcap.file(&records),
            1 => Pcap { variant: Variant::Nano, ..pcap }.file(&records),
            2 => Pcap { variant: Variant::Modified, ..pcap }.file(&records),
            3 => snoop(4, 2, &records),
            4 => records
                .iter()
                .fold(ng, |ng, r| ng.enhanced(0, r, SECOND, &[(1, b"c".to_vec())]).custom(b"!"))
                .bytes(),
            _ => records.iter().fold(ng, |ng, r| ng.obsolete(0, r, 1)).bytes(),
        };
        (bytes, records.len())
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(magic in 0..12_usize, tail in prop::collection::vec(any::<u8>(), 0..400)) {
        let magics: [&[u8]; 12] = [
            b"", b"\xd4\xc3\xb2\xa1\x02\0\x04\0", b"\xa1\xb2\xc3\xd4\0\x02\0\x04", b"\xa1\xb2\xcd\x34\0\x02\0\x04",
            b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0",
            b"snoop\0\0\0\0\0\0\x02\0\0\0\x04", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"BZh91AY&SY",
            b"\xfd7zXZ\0", b"\x50\x2a\x4d\x18",
        ];
        let bytes = [magics[magic], &tail].concat();
        let (whole, error) = read(CaptureReader::from_bytes("t", bytes.clone()));
        let (stream, stream_error) = read(streamed(&bytes));
        prop_assert_eq!(whole, stream);
        prop_assert_eq!(error.map(|e| e.to_string()), stream_error.map(|e| e.to_string()));
    }

    #[test]
    fn a_cut_anywhere_leaves_the_packets_before_it((bytes, packets) in capture(), cut in any::<prop::sample::Index>()) {
        let (all, error) = read(CaptureReader::from_bytes("t", bytes.clone()));
        prop_assert!(error.is_none(), "{error:?}");
        prop_assert_eq!(all.len(), packets);
        let cut = &bytes[..cut.index(bytes.len())];
        let (whole, error) = read(CaptureReader::from_bytes("t", cut.to_vec()));
        prop_assert!(all.starts_with(&whole));
        let (stream, stream_error) = read(streamed(cut));
        prop_assert_eq!(whole, stream);
        prop_assert_eq!(error.map(|e| e.to_string()), stream_error.map(|e| e.to_string()));
    }

    #[test]
    fn one_changed_byte_does_no_more_than_harm((bytes, packets) in capture(), at in any::<prop::sample::Index>(), to: u8) {
        let mut changed = bytes;
        let at = at.index(changed.len());
        changed[at] = to;
        let (whole, _) = read(CaptureReader::from_bytes("t", changed.clone()));
        let (stream, _) = read(streamed(&changed));
        prop_assert_eq!(&whole, &stream);
        prop_assert!(whole.len() <= packets + changed.len() / 16);
    }
}

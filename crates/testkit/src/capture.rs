//! Writers that build captures in memory: every container that pcapviz reads, and every way to get one wrong.

/// One packet to write.
///
/// ```
/// use pcapviz_testkit::capture::Record;
///
/// let record = Record::new(1_500_000_000, b"frame").cut_to(2);
/// assert_eq!((record.data.as_slice(), record.wire_len), (&b"fr"[..], 5));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Nanoseconds since 1970.
    pub nanos: u64,
    /// The bytes kept.
    pub data: Vec<u8>,
    /// The original length.
    pub wire_len: u32,
}

impl Record {
    /// A packet kept whole.
    pub fn new(nanos: u64, data: &[u8]) -> Self {
        Self { nanos, data: data.to_vec(), wire_len: data.len() as u32 }
    }

    /// The same packet with only the first `len` bytes kept.
    #[must_use]
    pub fn cut_to(mut self, len: usize) -> Self {
        self.data.truncate(len);
        self
    }
}

/// The byte order of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endian {
    /// As x86 and ARM write it.
    Little,
    /// As SPARC and PowerPC wrote it, and networks do.
    Big,
}

impl Endian {
    fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    fn u64(self, value: u64) -> [u8; 8] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

/// The variants of classic pcap, by what differs in their records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Microseconds, 16-byte record headers.
    Micro,
    /// Nanoseconds.
    Nano,
    /// Kuznetzov's, with its own magic number and 24-byte record headers.
    Modified,
    /// The same record headers under the ordinary magic number (Red Hat 6.1).
    ModifiedUnmarked,
    /// SuSE 6.3's: the modified magic number, 28-byte record headers.
    ModifiedLong,
    /// Nokia's: the ordinary magic number, 20-byte record headers.
    Nokia,
    /// Ixia's: four more bytes of file header, nanoseconds.
    Ixia,
}

/// How to write a classic pcap file.
///
/// ```
/// use pcapviz_testkit::capture::{Pcap, Record};
///
/// let file = Pcap { link_type: 101, ..Pcap::default() }.file(&[Record::new(0, b"packet")]);
/// assert_eq!(file.len(), 24 + 16 + 6);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pcap {
    /// Byte order of all headers.
    pub endian: Endian,
    /// What the records look like.
    pub variant: Variant,
    /// Major and minor version; below 2.3 the lengths are exchanged.
    pub version: (u16, u16),
    /// The whole field: the link type and what stands above it.
    pub link_type: u32,
    /// What the file header says.
    pub snap_len: u32,
}

impl Default for Pcap {
    fn default() -> Self {
        Self {
            endian: Endian::Little,
            variant: Variant::Micro,
            version: (2, 4),
            link_type: 1,
            snap_len: 65535,
        }
    }
}

impl Pcap {
    /// A whole file.
    pub fn file(&self, records: &[Record]) -> Vec<u8> {
        let mut file = self.header();
        records.iter().for_each(|record| file.extend(self.record(record)));
        file
    }

    /// The file header.
    pub fn header(&self) -> Vec<u8> {
        let magic = match self.variant {
            Variant::Micro | Variant::Nokia | Variant::ModifiedUnmarked => 0xa1b2_c3d4,
            Variant::Nano => 0xa1b2_3c4d,
            Variant::Modified | Variant::ModifiedLong => 0xa1b2_cd34,
            Variant::Ixia => 0x1c00_01ac,
        };
        let mut out = self.endian.u32(magic).to_vec();
        out.extend(self.endian.u16(self.version.0));
        out.extend(self.endian.u16(self.version.1));
        for field in [0, 0, self.snap_len, self.link_type] {
            out.extend(self.endian.u32(field));
        }
        if self.variant == Variant::Ixia {
            out.extend([0; 4]);
        }
        out
    }

    /// One record, its header first.
    pub fn record(&self, record: &Record) -> Vec<u8> {
        self.raw_record(record, record.data.len() as u32)
    }

    /// One record that claims another captured length than it has.
    pub fn raw_record(&self, record: &Record, captured: u32) -> Vec<u8> {
        let nano = matches!(self.variant, Variant::Nano | Variant::Ixia);
        let fraction = record.nanos % 1_000_000_000 / if nano { 1 } else { 1000 };
        let lengths = [captured, record.wire_len];
        let lengths = if self.version < (2, 3) { [lengths[1], lengths[0]] } else { lengths };
        let mut out = Vec::new();
        for field in [(record.nanos / 1_000_000_000) as u32, fraction as u32, lengths[0], lengths[1]] {
            out.extend(self.endian.u32(field));
        }
        out.extend(match self.variant {
            Variant::Micro | Variant::Nano | Variant::Ixia => &[][..],
            Variant::Modified | Variant::ModifiedUnmarked => &[0; 8],
            Variant::ModifiedLong => &[0; 12],
            Variant::Nokia => &[0; 4],
        });
        out.extend(&record.data);
        out
    }
}

/// Builds a pcapng file block by block.
///
/// ```
/// use pcapviz_testkit::capture::{Endian, PcapNg, Record};
///
/// let file = PcapNg::new(Endian::Big)
///     .interface(1, 0, &[(9, vec![9])])
///     .enhanced(0, &Record::new(1_000_000_000, b"frame"), 1_000_000_000, &[(1, b"a comment".to_vec())])
///     .bytes();
/// assert_eq!(file.len() % 4, 0);
/// ```
#[derive(Clone, Debug)]
pub struct PcapNg {
    endian: Endian,
    out: Vec<u8>,
}

/// An option: its code and its value.
pub type BlockOption = (u16, Vec<u8>);

impl PcapNg {
    /// A file that starts with a section header.
    pub fn new(endian: Endian) -> Self {
        Self { endian, out: Vec::new() }.section(endian)
    }

    /// A new section.
    #[must_use]
    pub fn section(mut self, endian: Endian) -> Self {
        self.endian = endian;
        let mut body = endian.u32(0x1a2b_3c4d).to_vec();
        body.extend(endian.u16(1));
        body.extend(endian.u16(0));
        body.extend(endian.u64(u64::MAX));
        self.block(0x0a0d_0d0a, &body)
    }

    /// An Interface Description Block.
    #[must_use]
    pub fn interface(self, link_type: u16, snap_len: u32, options: &[BlockOption]) -> Self {
        let endian = self.endian;
        let mut body = endian.u16(link_type).to_vec();
        body.extend([0; 2]);
        body.extend(endian.u32(snap_len));
        body.extend(self.options(options));
        self.block(1, &body)
    }

    /// An Enhanced Packet Block on an interface with so many units of time in a second.
    #[must_use]
    pub fn enhanced(self, interface: u32, record: &Record, per_second: u64, options: &[BlockOption]) -> Self {
        let mut body = self.endian.u32(interface).to_vec();
        body.extend(self.packet_fields(record, per_second));
        body.extend(self.options(options));
        self.block(6, &body)
    }

    /// The obsolete Packet Block.
    #[must_use]
    pub fn obsolete(self, interface: u16, record: &Record, per_second: u64) -> Self {
        let mut body = self.endian.u16(interface).to_vec();
        body.extend([0xff; 2]);
        body.extend(self.packet_fields(record, per_second));
        self.block(2, &body)
    }

    /// A Simple Packet Block.
    #[must_use]
    pub fn simple(self, record: &Record) -> Self {
        let mut body = self.endian.u32(record.wire_len).to_vec();
        body.extend(padded(&record.data));
        self.block(3, &body)
    }

    /// A Name Resolution Block with IPv4 names.
    #[must_use]
    pub fn names(self, names: &[([u8; 4], &str)]) -> Self {
        let mut body = Vec::new();
        for (address, name) in names {
            let value = [&address[..], name.as_bytes(), &[0]].concat();
            body.extend(self.endian.u16(1));
            body.extend(self.endian.u16(value.len() as u16));
            body.extend(padded(&value));
        }
        body.extend([0; 4]);
        self.block(4, &body)
    }

    /// A Custom Block.
    #[must_use]
    pub fn custom(self, data: &[u8]) -> Self {
        let mut body = self.endian.u32(32473).to_vec();
        body.extend(padded(data));
        self.block(0x0bad, &body)
    }

    /// Any block, framed correctly.
    #[must_use]
    pub fn block(self, kind: u32, body: &[u8]) -> Self {
        let len = (body.len().next_multiple_of(4) + 12) as u32;
        self.framed(kind, len, body, len)
    }

    /// Any block, with two lengths that may lie.
    #[must_use]
    pub fn framed(mut self, kind: u32, len: u32, body: &[u8], trailer: u32) -> Self {
        self.out.extend(self.endian.u32(kind));
        self.out.extend(self.endian.u32(len));
        self.out.extend(padded(body));
        self.out.extend(self.endian.u32(trailer));
        self
    }

    /// What was built.
    pub fn bytes(self) -> Vec<u8> {
        self.out
    }

    fn packet_fields(&self, record: &Record, per_second: u64) -> Vec<u8> {
        let units = u128::from(record.nanos) * u128::from(per_second) / 1_000_000_000;
        let mut out = Vec::new();
        for field in [(units >> 32) as u32, units as u32, record.data.len() as u32, record.wire_len] {
            out.extend(self.endian.u32(field));
        }
        out.extend(padded(&record.data));
        out
    }

    fn options(&self, options: &[BlockOption]) -> Vec<u8> {
        let mut out = Vec::new();
        for (code, value) in options {
            out.extend(self.endian.u16(*code));
            out.extend(self.endian.u16(value.len() as u16));
            out.extend(padded(value));
        }
        if !options.is_empty() {
            out.extend([0; 4]);
        }
        out
    }
}

/// A snoop file (RFC 1761) of this datalink type, with so many bytes of padding behind each packet.
///
/// ```
/// use pcapviz_testkit::capture::{Record, snoop};
///
/// assert_eq!(snoop(4, 0, &[Record::new(0, b"frame")]).len(), 16 + 24 + 5);
/// ```
pub fn snoop(datalink: u32, padding: u32, records: &[Record]) -> Vec<u8> {
    let mut out = b"snoop\0\0\0".to_vec();
    out.extend([2, datalink].map(u32::to_be_bytes).concat());
    for record in records {
        let captured = record.data.len() as u32;
        let seconds = (record.nanos / 1_000_000_000) as u32;
        let micros = (record.nanos % 1_000_000_000 / 1000) as u32;
        let fields = [record.wire_len, captured, 24 + captured + padding, 0, seconds, micros];
        out.extend(fields.map(u32::to_be_bytes).concat());
        out.extend(&record.data);
        out.extend(vec![0; padding as usize]);
    }
    out
}

/// An ERF file of Ethernet records, padded to multiples of eight bytes.
///
/// ```
/// use pcapviz_testkit::capture::{Record, erf};
///
/// assert_eq!(erf(&[Record::new(1_000_000_000, b"frame")]).len(), 16 + 2 + 5 + 1);
/// ```
pub fn erf(records: &[Record]) -> Vec<u8> {
    const ETHERNET: u8 = 2;
    let mut out = Vec::new();
    for record in records {
        let len = (16 + 2 + record.data.len()).next_multiple_of(8);
        let seconds = record.nanos / 1_000_000_000;
        let fraction = ((u128::from(record.nanos % 1_000_000_000) << 32) / 1_000_000_000) as u64;
        let start = out.len();
        out.extend((seconds << 32 | fraction).to_le_bytes());
        out.extend([ETHERNET, 4]);
        out.extend((len as u16).to_be_bytes());
        out.extend([0; 2]);
        out.extend((record.wire_len as u16).to_be_bytes());
        out.extend([0; 2]);
        out.extend(&record.data);
        out.resize(start + len, 0);
    }
    out
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out.resize(bytes.len().next_multiple_of(4), 0);
    out
}

//! What a filter is for one link type: a chain of tests, each of which says which test comes next.
//!
//! The shape is that of a BPF program with its loads and jumps fused: nothing is allocated and nothing
//! recurses but arithmetic, whose depth the parser bounds. A load beyond the captured bytes rejects the
//! packet, as in BPF, even under a `not`.

use super::expression::Operator;

/// How many offsets a program can compute; enough for a handful of nested encapsulations.
pub(super) const REGISTERS: usize = 16;

/// An offset into the packet that the program computes.
pub(super) type Register = u8;

/// Where something starts: at a register's value, or the packet's start, plus an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) register: Option<Register>,
    pub(super) offset: u32,
}

impl Origin {
    pub(super) const fn at(offset: u32) -> Self {
        Self { register: None, offset }
    }

    pub(super) const fn plus(self, more: u32) -> Self {
        Self { offset: self.offset.wrapping_add(more), ..self }
    }
}

/// Where a load reads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    At(Origin),
    /// Behind the IPv4 header, with its options, that starts there.
    BehindIpv4 {
        header: Origin,
        offset: u32,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Size {
    One,
    Two,
    Four,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Compare {
    Equal,
    Greater,
    GreaterOrEqual,
    /// Some bit is set in both.
    AnyBit,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Constant(u32),
    Length,
    Load { place: Place, size: Size, index: Option<Box<Value>> },
    Binary(Operator, Box<(Value, Value)>),
    Negate(Box<Value>),
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    /// A field of the packet, masked, against a number.
    Field {
        place: Place,
        size: Size,
        mask: u32,
        compare: Compare,
        value: u32,
    },
    Relation(Box<(Value, Compare, Value)>),
    /// Whether two registers differ.
    Differ(Register, Register),
    /// The IP header's chain of extension headers holds the protocol.
    Chain {
        network: Origin,
        is_ipv6: bool,
        protocol: u32,
    },
    /// Sets the registers for what a tunnel header's payload holds; always true.
    Enter(Box<Tunnel>),
}

/// A tunnel header behind UDP, whose payload the tests after it look at.
#[derive(Clone, Debug)]
pub(super) struct Tunnel {
    /// The IP header that carries it.
    pub(super) network: Origin,
    /// Whether its options have options.
    pub(super) is_geneve: bool,
    pub(super) is_ipv6: bool,
    pub(super) type_field: Register,
    pub(super) link_header: Register,
    pub(super) payload: Register,
}

/// Tests, joined by relative jumps: position-independent, so that pieces are joined by appending.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Test(Test),
    Constant(bool),
    Not,
    /// Jumps over this many operations if the latest test was false.
    SkipIfFalse(u32),
    SkipIfTrue(u32),
}

pub(super) type Code = Vec<Op>;

pub(super) fn test(test: Test) -> Code {
    vec![Op::Test(test)]
}

pub(super) fn and(mut first: Code, second: Code) -> Code {
    first.push(Op::SkipIfFalse(second.len() as u32));
    first.extend(second);
    first
}

pub(super) fn or(mut first: Code, second: Code) -> Code {
    first.push(Op::SkipIfTrue(second.len() as u32));
    first.extend(second);
    first
}

pub(super) fn not(mut code: Code) -> Code {
    code.push(Op::Not);
    code
}

/// How the headers before an 802.11 header say their length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WlanPrefix {
    None,
    /// Radiotap, PPI: 16 bits, little-endian, at offset 2. Only radiotap has flags that tell padding.
    LittleEndian {
        is_radiotap: bool,
    },
    /// 32 bits, big-endian, at offset 4.
    Avs,
    /// AVS if its magic number is there, else 144 bytes.
    Prism,
}

/// What is computed before the first test, because some test asks for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct WlanStart {
    pub(super) prefix: WlanPrefix,
    /// Takes where the 802.11 header starts.
    pub(super) header: Register,
    /// Takes where its payload starts, if a test needs it.
    pub(super) payload: Option<Register>,
}

#[derive(Debug)]
pub(super) struct Program {
    wlan: Option<WlanStart>,
    start: u32,
    branches: Box<[Branch]>,
}

#[derive(Debug)]
struct Branch {
    test: Test,
    if_false: u32,
    if_true: u32,
}

const ACCEPT: u32 = u32::MAX;
const REJECT: u32 = u32::MAX - 1;

impl Program {
    /// Resolves the jumps: from each place and outcome, straight to the next test or to the end.
    pub(super) fn new(code: Code, wlan: Option<WlanStart>) -> Self {
        // Where to go from each operation when the latest outcome was false or true.
        let mut next = vec![[REJECT, ACCEPT]; code.len() + 1];
        let mut tests = code.iter().filter(|op| matches!(op, Op::Test(_))).count() as u32;
        for (at, op) in code.iter().enumerate().rev() {
            let after = next[at + 1];
            next[at] = match *op {
                Op::Test(_) => {
                    tests -= 1;
                    [tests; 2]
                }
                Op::Constant(outcome) => [after[usize::from(outcome)]; 2],
                Op::Not => [after[1], after[0]],
                Op::SkipIfFalse(count) => [next[at + 1 + count as usize][0], after[1]],
                Op::SkipIfTrue(count) => [after[0], next[at + 1 + count as usize][1]],
            };
        }
        let start = next[0][1];
        let branch = |(at, op): (usize, Op)| match op {
            Op::Test(test) => Some(Branch { test, if_false: next[at + 1][0], if_true: next[at + 1][1] }),
            _ => None,
        };
        let branches = code.into_iter().enumerate().filter_map(branch).collect();
        Self { wlan, start, branches }
    }

    /// Whether the packet passes.
    #[inline]
    pub(super) fn matches(&self, packet: &[u8], wire_len: u32) -> bool {
        let mut machine = Machine { packet, wire_len, registers: [0; REGISTERS] };
        if let Some(wlan) = &self.wlan
            && machine.wlan_start(wlan).is_none()
        {
            return false;
        }
        let mut at = self.start;
        while let Some(branch) = self.branches.get(at as usize) {
            at = match machine.test(&branch.test) {
                Some(true) => branch.if_true,
                Some(false) => branch.if_false,
                None => return false,
            };
        }
        at == ACCEPT
    }
}

struct Machine<'p> {
    packet: &'p [u8],
    wire_len: u32,
    registers: [u32; REGISTERS],
}

impl Machine<'_> {
    /// The test's outcome; `None` if it reads beyond the packet or divides by zero.
    #[inline]
    fn test(&mut self, test: &Test) -> Option<bool> {
        Some(match test {
            Test::Field { place, size, mask, compare, value } => {
                compare.apply(self.load(*place, *size, 0)? & mask, *value)
            }
            Test::Relation(relation) => {
                let (left, compare, right) = &**relation;
                compare.apply(self.value(left)?, self.value(right)?)
            }
            Test::Differ(a, b) => self.registers[usize::from(*a)] != self.registers[usize::from(*b)],
            Test::Chain { network, is_ipv6, protocol } => self.chain(*network, *is_ipv6, *protocol)?,
            Test::Enter(tunnel) => {
                self.enter(tunnel)?;
                true
            }
        })
    }

    fn value(&self, value: &Value) -> Option<u32> {
        Some(match value {
            Value::Constant(number) => *number,
            Value::Length => self.wire_len,
            Value::Load { place, size, index: None } => self.load(*place, *size, 0)?,
            Value::Load { place, size, index: Some(index) } => {
                self.load(*place, *size, self.value(index)?)?
            }
            Value::Binary(operator, operands) => {
                operator.apply(self.value(&operands.0)?, self.value(&operands.1)?)?
            }
            Value::Negate(operand) => self.value(operand)?.wrapping_neg(),
        })
    }

    #[inline]
    fn origin(&self, origin: Origin) -> u64 {
        let base = origin.register.map_or(0, |register| self.registers[usize::from(register)]);
        u64::from(base) + u64::from(origin.offset)
    }

    #[inline]
    fn load(&self, place: Place, size: Size, index: u32) -> Option<u32> {
        let at = match place {
            Place::At(origin) => self.origin(origin) + u64::from(index),
            Place::BehindIpv4 { header, offset } => {
                let start = self.origin(header);
                // BPF adds these two in a register, so that `tcp[-2:2]` is before the TCP header.
                let behind = ((self.byte(start)? & 0x0f) * 4).wrapping_add(index);
                start + u64::from(behind) + u64::from(offset)
            }
        };
        self.bytes(at, size)
    }

    #[inline]
    fn bytes(&self, at: u64, size: Size) -> Option<u32> {
        let rest = self.packet.get(usize::try_from(at).ok()?..)?;
        match size {
            Size::One => rest.first().map(|&byte| byte.into()),
            Size::Two => rest.first_chunk().map(|&bytes| u16::from_be_bytes(bytes).into()),
            Size::Four => rest.first_chunk().map(|&bytes| u32::from_be_bytes(bytes)),
        }
    }

    #[inline]
    fn byte(&self, at: u64) -> Option<u32> {
        self.bytes(at, Size::One)
    }

    /// Walks IPv6 extension headers, or AH behind IPv4, until one carries the protocol.
    fn chain(&self, network: Origin, is_ipv6: bool, protocol: u32) -> Option<bool> {
        let start = self.origin(network);
        let (mut next, mut at) = if is_ipv6 {
            (self.byte(start + 6)?, start + 40)
        } else {
            (self.byte(start + 9)?, start + u64::from(self.byte(start)? & 0x0f) * 4)
        };
        while next != protocol {
            let len = match next {
                0 | 43 | 44 | 60 if is_ipv6 => (u64::from(self.byte(at + 1)?) + 1) * 8,
                51 => (u64::from(self.byte(at + 1)?) + 2) * 4,
                _ => return Some(false),
            };
            next = self.byte(at)?;
            at += len;
        }
        Some(true)
    }

    /// Finds the payload of a Geneve (RFC 8926) or VXLAN (RFC 7348) header.
    fn enter(&mut self, tunnel: &Tunnel) -> Option<()> {
        const ETHERNET_BRIDGING: u32 = 0x6558;
        let network = self.origin(tunnel.network);
        let udp = match tunnel.is_ipv6 {
            true => network + 40,
            false => network + u64::from(self.byte(network)? & 0x0f) * 4,
        };
        let header = udp + 8;
        let options = if tunnel.is_geneve { (self.byte(header)? & 0x3f) * 4 } else { 0 };
        let inner = header + 8 + u64::from(options);
        let is_frame = !tunnel.is_geneve || self.bytes(header + 2, Size::Two)? == ETHERNET_BRIDGING;
        let (type_field, payload) = if is_frame { (inner + 12, inner + 14) } else { (header + 2, inner) };
        for (register, at) in
            [(tunnel.type_field, type_field), (tunnel.link_header, inner), (tunnel.payload, payload)]
        {
            self.registers[usize::from(register)] = u32::try_from(at).ok()?;
        }
        Some(())
    }

    /// Where the 802.11 header, and its payload, start.
    fn wlan_start(&mut self, wlan: &WlanStart) -> Option<()> {
        let header = match wlan.prefix {
            WlanPrefix::None => 0,
            WlanPrefix::LittleEndian { .. } => self.byte(3)? << 8 | self.byte(2)?,
            WlanPrefix::Avs => self.bytes(4, Size::Four)?,
            WlanPrefix::Prism => match self.bytes(0, Size::Four)? & 0xffff_f000 {
                0x8021_1000 => self.bytes(4, Size::Four)?,
                _ => 144,
            },
        };
        self.registers[usize::from(wlan.header)] = header;
        if let Some(register) = wlan.payload {
            let is_radiotap = wlan.prefix == WlanPrefix::LittleEndian { is_radiotap: true };
            self.registers[usize::from(register)] = self.wlan_payload(header, is_radiotap)?;
        }
        Some(())
    }

    /// Behind the header of 24 bytes and a data frame's QoS field and padding.
    fn wlan_payload(&self, header: u32, is_radiotap: bool) -> Option<u32> {
        const HAS_FLAGS: u32 = 0x0200_0000;
        const HAS_MORE_WORDS: u32 = 0x80;
        const HAS_TIME: u32 = 0x0100_0000;
        const PADDED: u32 = 0x20;
        let mut payload = header.wrapping_add(24);
        let control = self.byte(header.into())?;
        let is_data = control & 0x0c == 0x08;
        if !is_data {
            return Some(payload);
        }
        if control & 0x80 != 0 {
            payload = payload.wrapping_add(2);
        }
        if is_radiotap {
            let present = self.bytes(4, Size::Four)?;
            if present & HAS_FLAGS != 0 && present & HAS_MORE_WORDS == 0 {
                let flags = self.byte(if present & HAS_TIME != 0 { 16 } else { 8 })?;
                if flags & PADDED != 0 {
                    payload = payload.wrapping_add(3) & !3;
                }
            }
        }
        Some(payload)
    }
}

impl Compare {
    #[inline]
    fn apply(self, left: u32, right: u32) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::AnyBit => left & right != 0,
        }
    }
}

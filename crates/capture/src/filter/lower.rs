//! An expression for one link type: where libpcap's code generator would read, there we read.
//!
//! `vlan`, `mpls`, `pppoes`, `geneve` and `vxlan` move the headers for everything to the right of them,
//! whatever `or`, `not` and parentheses say: that is the language, and why this goes from left to right.

use super::FilterError;
use super::expression::{
    AddressIn, Arithmetic, Comparison, Direction, GroupIn, IpVersions, Name, Primitive, Relation, Span, Step,
};
use super::link::{self, Kind, Row};
use super::program::{
    Code, Compare, Op, Origin, Place, Program, REGISTERS, Register, Size, Test, Tunnel, Value, WlanPrefix,
    WlanStart, and, not, or, test,
};
use crate::{LinkType, MacAddr};

const ETHERTYPE_IP: u32 = 0x0800;
const ETHERTYPE_ARP: u32 = 0x0806;
const ETHERTYPE_RARP: u32 = 0x8035;
const ETHERTYPE_IPV6: u32 = 0x86dd;
const ETHERTYPE_DECNET: u32 = 0x6003;
const ETHERTYPE_ATALK: u32 = 0x809b;
const ETHERTYPE_AARP: u32 = 0x80f3;
const ETHERTYPE_IPX: u32 = 0x8137;
const ETHERTYPE_MPLS: u32 = 0x8847;
/// The largest 802.3 length; larger numbers are EtherTypes.
const ETHERNET_MTU: u32 = 1500;
const SAP_IP: u32 = 0x06;
const SAP_STP: u32 = 0x42;
const SAP_IPX: u32 = 0xe0;
const SAP_NETBEUI: u32 = 0xf0;
const SAP_ISO: u32 = 0xfe;
const IPPROTO_FRAGMENT: u32 = 44;
const IPPROTO_ICMPV6: u32 = 58;
const IPPROTO_UDP: u8 = 17;
const NLPID_ISIS: u32 = 0x83;

/// Registers of the first header; encapsulations take those after them.
const WLAN_HEADER: Register = 0;
const WLAN_PAYLOAD: Register = 1;

type Lowered<T> = Result<T, FilterError>;

pub(super) fn lower(text: &str, steps: &[Step], row: &'static Row, link_type: LinkType) -> Lowered<Program> {
    let mut lowering = Lowering::new(row, link_type);
    let mut operands: Vec<Code> = Vec::new();
    for step in steps {
        let code = match step {
            Step::Test(primitive, span) => {
                lowering.primitive(primitive).map_err(|problem| problem.at(text, span))?
            }
            Step::Not => not(operands.pop().unwrap_or_default()),
            Step::And | Step::Or => {
                let second = operands.pop().unwrap_or_default();
                let first = operands.pop().unwrap_or_default();
                if matches!(step, Step::And) { and(first, second) } else { or(first, second) }
            }
        };
        operands.push(code);
    }
    let mut code = operands.pop().unwrap_or_else(|| vec![Op::Constant(true)]);
    if row.kind == Kind::Wlan(link::PPI) {
        // PPI says itself which link type follows: 105, little-endian.
        let is_wlan = field(Origin::at(4), Size::Four, 105_u32.swap_bytes());
        code = and(is_wlan, code);
    }
    Ok(Program::new(code, lowering.wlan_start()))
}

/// What a link type cannot do, where in the text if it is known better than the whole test.
struct Problem {
    message: String,
    span: Option<Span>,
}

impl Problem {
    fn at(self, text: &str, span: &Span) -> FilterError {
        FilterError::new(text, self.span.unwrap_or_else(|| span.clone()), self.message)
    }
}

type Result_<T> = Result<T, Problem>;

fn problem<T>(message: impl Into<String>) -> Result_<T> {
    Err(Problem { message: message.into(), span: None })
}

/// Where the headers are that the next test looks at.
struct Lowering {
    link_type: LinkType,
    kind: Kind,
    header: Origin,
    type_field: Origin,
    payload: Origin,
    network: u32,
    network_without_snap: u32,
    macs: Option<(Origin, Origin)>,
    mpls_labels: u32,
    /// Behind Geneve: the registers that differ if there is a link header at all.
    maybe_frame: Option<(Register, Register)>,
    prefix: WlanPrefix,
    is_wlan: bool,
    uses_wlan_header: bool,
    uses_wlan_payload: bool,
    next_register: Register,
}

impl Lowering {
    fn new(row: &Row, link_type: LinkType) -> Self {
        let mut this = Self {
            link_type,
            kind: row.kind,
            header: Origin::at(row.header),
            type_field: Origin::at(row.type_field),
            payload: Origin::at(row.payload),
            network: row.network,
            network_without_snap: row.network_without_snap,
            macs: row.macs.map(|(to, from)| (Origin::at(to), Origin::at(from))),
            mpls_labels: 0,
            maybe_frame: None,
            prefix: WlanPrefix::None,
            is_wlan: false,
            uses_wlan_header: false,
            uses_wlan_payload: false,
            next_register: 2,
        };
        if let Kind::Wlan(prefix) = row.kind {
            this.is_wlan = true;
            this.prefix = prefix;
            this.payload = Origin { register: Some(WLAN_PAYLOAD), offset: 0 };
            if prefix != WlanPrefix::None {
                this.header = Origin { register: Some(WLAN_HEADER), offset: 0 };
            }
        }
        this
    }

    /// What must be computed before the first test, if anything asked for it.
    fn wlan_start(&self) -> Option<WlanStart> {
        let payload = self.uses_wlan_payload.then_some(WLAN_PAYLOAD);
        let needed = self.is_wlan && (self.uses_wlan_header || self.uses_wlan_payload);
        needed.then_some(WlanStart { prefix: self.prefix, header: WLAN_HEADER, payload })
    }

    fn primitive(&mut self, primitive: &Primitive) -> Result_<Code> {
        match *primitive {
            Primitive::Protocol(name) => self.protocol(name),
            Primitive::LinkProtocol(number) => self.link_protocol(number),
            Primitive::IpProtocol { versions, number } => self.ip_protocol(versions, number),
            Primitive::ProtocolChain { versions, number } => self.chain(versions, number),
            Primitive::IsoProtocol(number) => self.iso_protocol(number),
            Primitive::IsisProtocol(number) => self.isis_protocol(number),
            Primitive::Address4 { within, direction, address, mask } => {
                self.address4(within, direction, address, mask)
            }
            Primitive::Address6 { direction, address, prefix_len } => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix_len)).unwrap_or(0);
                let carries = self.link_protocol(ETHERTYPE_IPV6)?;
                let at = |this: &mut Self, offset| Ok(this.address6(offset, address.to_bits(), mask));
                Ok(and(carries, self.in_direction(direction, 8, 24, at)?))
            }
            Primitive::DecnetAddress { direction, address } => self.decnet(direction, address),
            Primitive::Mac { direction, address } => self.mac(direction, address),
            Primitive::Arcnet { direction, address } => self.arcnet(direction, address.into()),
            Primitive::Ports { transport, direction, low, high } => {
                self.ports(transport, direction, low.into(), high.into())
            }
            Primitive::Broadcast(within) => self.broadcast(within),
            Primitive::Multicast(within) => self.multicast(within),
            Primitive::Relation(ref relation) => self.relation(relation),
            Primitive::Inbound => self.inbound(false),
            Primitive::Outbound => self.inbound(true),
            Primitive::InterfaceIndex(index) => match self.link_type {
                LinkType::LINUX_SLL2 => Ok(self.link_field(4, Size::Four, index)),
                _ => problem("only Linux cooked captures of version 2 say the interface"),
            },
            Primitive::Vlan(id) => self.vlan(id),
            Primitive::Mpls(label) => self.mpls(label),
            Primitive::PppoeDiscovery => self.link_protocol(0x8863),
            Primitive::PppoeSession(session) => self.pppoe_session(session),
            Primitive::Geneve(vni) => self.tunnel(true, vni),
            Primitive::Vxlan(vni) => self.tunnel(false, vni),
            Primitive::WlanType { value, mask } => {
                self.need_wlan()?;
                Ok(self.masked_link_field(0, mask, value))
            }
            Primitive::WlanDirection(direction) => {
                self.need_wlan()?;
                Ok(self.masked_link_field(1, 0x03, direction))
            }
            Primitive::Llc(control) => self.llc(control),
        }
    }

    /// `tcp`, `ip6`, `stp`: a protocol's keyword alone.
    fn protocol(&mut self, name: Name) -> Result_<Code> {
        use IpVersions::{Both, V4, V6};
        match name {
            Name::Ip => self.link_protocol(ETHERTYPE_IP),
            Name::Ip6 => self.link_protocol(ETHERTYPE_IPV6),
            Name::Arp => self.link_protocol(ETHERTYPE_ARP),
            Name::Rarp => self.link_protocol(ETHERTYPE_RARP),
            Name::Sctp => self.ip_protocol(Both, 132),
            Name::Tcp => self.ip_protocol(Both, 6),
            Name::Udp => self.ip_protocol(Both, 17),
            Name::Icmp => self.ip_protocol(V4, 1),
            Name::Icmp6 => self.ip_protocol(V6, IPPROTO_ICMPV6),
            Name::Igmp => self.ip_protocol(V4, 2),
            Name::Igrp => self.ip_protocol(V4, 9),
            Name::Pim => self.ip_protocol(Both, 103),
            Name::Vrrp | Name::Carp => self.ip_protocol(V4, 112),
            Name::Ah => self.ip_protocol(Both, 51),
            Name::Esp => self.ip_protocol(Both, 50),
            Name::Atalk => self.link_protocol(ETHERTYPE_ATALK),
            Name::Aarp => self.link_protocol(ETHERTYPE_AARP),
            Name::Decnet => self.link_protocol(ETHERTYPE_DECNET),
            Name::Lat => self.link_protocol(0x6004),
            Name::Sca => self.link_protocol(0x6007),
            Name::Mopdl => self.link_protocol(0x6001),
            Name::Moprc => self.link_protocol(0x6002),
            Name::Iso => self.link_protocol(SAP_ISO),
            Name::Esis => self.iso_protocol(0x82),
            Name::Isis => self.iso_protocol(NLPID_ISIS),
            Name::Clnp => self.iso_protocol(0x81),
            // PDU types of ISO/IEC 10589, 9.5 to 9.13.
            Name::L1 => self.isis_protocols(&[26, 24, 18, 15, 17]),
            Name::L2 => self.isis_protocols(&[27, 25, 20, 16, 17]),
            Name::Iih => self.isis_protocols(&[15, 16, 17]),
            Name::Lsp => self.isis_protocols(&[18, 20]),
            Name::Snp => self.isis_protocols(&[24, 25, 26, 27]),
            Name::Csnp => self.isis_protocols(&[24, 25]),
            Name::Psnp => self.isis_protocols(&[26, 27]),
            Name::Stp => self.link_protocol(SAP_STP),
            Name::Ipx => self.link_protocol(SAP_IPX),
            Name::Netbeui => self.link_protocol(SAP_NETBEUI),
            // The parser lets neither stand alone.
            Name::Link | Name::Radio => problem("this is no protocol"),
        }
    }

    /// Whether the link header carries a protocol: an EtherType, or a service access point up to 1500.
    fn link_protocol(&mut self, number: u32) -> Result_<Code> {
        if self.mpls_labels > 0 {
            return self.mpls_carries(number);
        }
        Ok(match self.kind {
            Kind::Ethernet => self.ethernet_carries(number),
            Kind::Wlan(_) => {
                let is_data = self.is_wlan_data();
                and(is_data, self.llc_carries(number))
            }
            Kind::Llc => self.llc_carries(number),
            Kind::SunAtm => {
                let is_llc = self.masked_link_field(0, 0x0f, 2);
                and(is_llc, self.llc_carries(number))
            }
            Kind::LinuxCooked => self.linux_cooked_carries(number),
            Kind::EtherType => self.type_is(number),
            Kind::Hdlc if number == SAP_ISO => self.type_is(SAP_ISO << 8 | SAP_ISO),
            Kind::Hdlc => self.type_is(number),
            Kind::Ppp => self.type_is(ppp_protocol(number)),
            Kind::PppBsdos if number == ETHERTYPE_IP => {
                // Plain IP, and both kinds of header compression (RFC 1332).
                or(self.type_is(0x21), or(self.type_is(0x2d), self.type_is(0x2f)))
            }
            Kind::PppBsdos => self.type_is(ppp_protocol(number)),
            Kind::Raw => match number {
                ETHERTYPE_IP => self.first_nibble(4),
                ETHERTYPE_IPV6 => self.first_nibble(6),
                _ => constant(false),
            },
            Kind::Ipv4 => constant(number == ETHERTYPE_IP),
            Kind::Ipv6 => constant(number == ETHERTYPE_IPV6),
            Kind::Loopback { .. } => match number {
                ETHERTYPE_IP => self.family_is(2),
                // macOS, NetBSD and OpenBSD, FreeBSD.
                ETHERTYPE_IPV6 => or(self.family_is(30), or(self.family_is(24), self.family_is(28))),
                _ => constant(false),
            },
            Kind::Arcnet => {
                let one = |this: &mut Self, number| field(this.type_field, Size::One, number);
                match number {
                    ETHERTYPE_IP => or(one(self, 0xd4), one(self, 0xf0)),
                    ETHERTYPE_IPV6 => one(self, 0xc4),
                    ETHERTYPE_ARP => or(one(self, 0xd5), one(self, 0xf1)),
                    ETHERTYPE_RARP => one(self, 0xd6),
                    ETHERTYPE_ATALK => one(self, 0xdd),
                    _ => constant(false),
                }
            }
            Kind::FrameRelay => {
                // A two-byte address, the control byte 3 and an NLPID (RFC 2427).
                let nlpid = |this: &mut Self, number| this.link_field(2, Size::Two, 0x0300 | number);
                match number {
                    ETHERTYPE_IP => nlpid(self, 0xcc),
                    ETHERTYPE_IPV6 => nlpid(self, 0x8e),
                    SAP_ISO => or(nlpid(self, 0x81), or(nlpid(self, 0x82), nlpid(self, NLPID_ISIS))),
                    _ => constant(false),
                }
            }
            Kind::LocalTalk => constant(number == ETHERTYPE_ATALK),
            Kind::Ipnet => match number {
                ETHERTYPE_IP => field(self.type_field, Size::One, 2),
                ETHERTYPE_IPV6 => field(self.type_field, Size::One, 26),
                _ => constant(false),
            },
            Kind::Juniper => test(Test::Field {
                place: Place::At(Origin::at(0)),
                size: Size::Four,
                mask: 0xffff_ff00,
                compare: Compare::Equal,
                value: 0x4d47_4300,
            }),
            Kind::Opaque => {
                return problem(format!("protocols cannot be told on {}", self.link_type));
            }
        })
    }

    fn ethernet_carries(&mut self, number: u32) -> Code {
        match number {
            SAP_ISO | SAP_IP | SAP_NETBEUI => {
                let saps = self.llc_field(0, Size::Two, number << 8 | number);
                and(self.has_length(), saps)
            }
            SAP_IPX => {
                let (sap, raw) =
                    (self.llc_field(0, Size::One, SAP_IPX), self.llc_field(0, Size::Two, 0xffff));
                let snap = self.snap(0, ETHERTYPE_IPX);
                or(self.type_is(ETHERTYPE_IPX), and(self.has_length(), or(snap, or(sap, raw))))
            }
            ETHERTYPE_ATALK | ETHERTYPE_AARP => {
                let organisation = if number == ETHERTYPE_ATALK { 0x08_0007 } else { 0 };
                let snap = self.snap(organisation, number);
                or(self.type_is(number), and(self.has_length(), snap))
            }
            0..=ETHERNET_MTU => {
                let sap = self.llc_field(0, Size::One, number);
                and(self.has_length(), sap)
            }
            _ => self.type_is(number),
        }
    }

    fn llc_carries(&mut self, number: u32) -> Code {
        match number {
            SAP_ISO | SAP_IP | SAP_NETBEUI => self.llc_field(0, Size::Two, number << 8 | number),
            ETHERTYPE_ATALK => self.snap(0x08_0007, ETHERTYPE_ATALK),
            0..=ETHERNET_MTU => self.llc_field(0, Size::One, number),
            _ => self.llc_field(6, Size::Two, number),
        }
    }

    fn linux_cooked_carries(&mut self, number: u32) -> Code {
        /// Linux's numbers for frames that have no EtherType.
        const NOVELL: u32 = 1;
        const LLC: u32 = 4;
        let is_llc = self.type_is(LLC);
        match number {
            SAP_ISO | SAP_IP | SAP_NETBEUI => and(is_llc, self.llc_field(0, Size::Two, number << 8 | number)),
            SAP_IPX => {
                let (sap, snap) = (self.llc_field(0, Size::One, SAP_IPX), self.snap(0, ETHERTYPE_IPX));
                let by_llc = and(is_llc, or(snap, sap));
                or(self.type_is(ETHERTYPE_IPX), or(self.type_is(NOVELL), by_llc))
            }
            ETHERTYPE_ATALK | ETHERTYPE_AARP => {
                let organisation = if number == ETHERTYPE_ATALK { 0x08_0007 } else { 0 };
                let snap = self.snap(organisation, number);
                or(self.type_is(number), and(is_llc, snap))
            }
            0..=ETHERNET_MTU => and(is_llc, self.llc_field(0, Size::One, number)),
            _ => self.type_is(number),
        }
    }

    /// Behind MPLS nothing says the protocol: the bottom of the stack and the IP version's nibble must do.
    fn mpls_carries(&mut self, number: u32) -> Result_<Code> {
        let version = match number {
            ETHERTYPE_IP => 4,
            ETHERTYPE_IPV6 => 6,
            _ => return problem("behind MPLS only IP and IPv6 can be told"),
        };
        let bottom = self.last_label_field(1);
        let origin = self.network_origin(0);
        Ok(and(bottom, masked(origin, Size::One, 0xf0, version << 4)))
    }

    /// Whether the bottom-of-stack bit of the latest label is this.
    fn last_label_field(&mut self, bottom: u32) -> Code {
        let origin = self.network_origin(0_u32.wrapping_sub(2));
        masked(origin, Size::One, 0x01, bottom)
    }

    fn ip_protocol(&mut self, versions: IpVersions, number: u32) -> Result_<Code> {
        let v4 = |this: &mut Self| -> Result_<Code> {
            Ok(and(this.link_protocol(ETHERTYPE_IP)?, this.network_field(9, Size::One, number)))
        };
        let v6 = |this: &mut Self| -> Result_<Code> {
            let carries = this.link_protocol(ETHERTYPE_IPV6)?;
            let fragment = this.network_field(6, Size::One, IPPROTO_FRAGMENT);
            let behind_fragment = and(fragment, this.network_field(40, Size::One, number));
            Ok(and(carries, or(this.network_field(6, Size::One, number), behind_fragment)))
        };
        match versions {
            IpVersions::V4 => v4(self),
            IpVersions::V6 => v6(self),
            IpVersions::Both => Ok(or(v4(self)?, v6(self)?)),
        }
    }

    fn chain(&mut self, versions: IpVersions, number: u32) -> Result_<Code> {
        if self.payload.register.is_some() {
            return problem("`protochain` cannot follow a link header of variable length");
        }
        let network = self.network_origin(0);
        let one = |this: &mut Self, ether_type, is_ipv6| -> Result_<Code> {
            let chain = Test::Chain { network, is_ipv6, protocol: number };
            Ok(and(this.link_protocol(ether_type)?, test(chain)))
        };
        match versions {
            IpVersions::V4 => one(self, ETHERTYPE_IP, false),
            IpVersions::V6 => one(self, ETHERTYPE_IPV6, true),
            IpVersions::Both => Ok(or(one(self, ETHERTYPE_IP, false)?, one(self, ETHERTYPE_IPV6, true)?)),
        }
    }

    fn iso_protocol(&mut self, number: u32) -> Result_<Code> {
        match self.kind {
            Kind::FrameRelay => Ok(self.link_field(2, Size::Two, 0x0300 | number)),
            // Cisco HDLC has a byte of padding before OSI.
            Kind::Hdlc => Ok(and(self.link_protocol(SAP_ISO)?, self.nosnap_field(1, number))),
            _ => Ok(and(self.link_protocol(SAP_ISO)?, self.nosnap_field(0, number))),
        }
    }

    /// An IS-IS PDU type.
    fn isis_protocol(&mut self, number: u32) -> Result_<Code> {
        Ok(and(self.iso_protocol(NLPID_ISIS)?, self.nosnap_field(4, number)))
    }

    fn isis_protocols(&mut self, numbers: &[u32]) -> Result_<Code> {
        let mut code = constant(false);
        for &number in numbers {
            code = or(code, self.isis_protocol(number)?);
        }
        Ok(code)
    }

    fn address4(
        &mut self,
        within: AddressIn,
        direction: Direction,
        address: u32,
        mask: u32,
    ) -> Result_<Code> {
        let mut one = |ether_type, source, destination| -> Result_<Code> {
            let carries = self.link_protocol(ether_type)?;
            let at = |this: &mut Self, offset| {
                let origin = this.network_origin(offset);
                Ok(masked(origin, Size::Four, mask, address & mask))
            };
            Ok(and(carries, self.in_direction(direction, source, destination, at)?))
        };
        match within {
            AddressIn::Ip => one(ETHERTYPE_IP, 12, 16),
            AddressIn::Arp => one(ETHERTYPE_ARP, 14, 24),
            AddressIn::Rarp => one(ETHERTYPE_RARP, 14, 24),
            AddressIn::Any => {
                let ip = one(ETHERTYPE_IP, 12, 16)?;
                if self.mpls_labels > 0 {
                    return Ok(ip);
                }
                let arp = self.address4(AddressIn::Arp, direction, address, mask)?;
                Ok(or(or(ip, arp), self.address4(AddressIn::Rarp, direction, address, mask)?))
            }
        }
    }

    /// All four words of an IPv6 address that the mask leaves something of.
    fn address6(&mut self, offset: u32, address: u128, mask: u128) -> Code {
        let word = |number: u128, at: u32| (number >> (96 - 8 * at)) as u32;
        let mut code = constant(true);
        for at in [0, 4, 8, 12] {
            let origin = self.network_origin(offset + at);
            code = and(code, masked(origin, Size::Four, word(mask, at), word(address & mask, at)));
        }
        code
    }

    /// The test at the source's place, the destination's, or both.
    fn in_direction(
        &mut self,
        direction: Direction,
        source: u32,
        destination: u32,
        mut at: impl FnMut(&mut Self, u32) -> Result_<Code>,
    ) -> Result_<Code> {
        match direction {
            Direction::Source => at(self, source),
            Direction::Destination => at(self, destination),
            Direction::Both => Ok(and(at(self, source)?, at(self, destination)?)),
            Direction::Either => Ok(or(at(self, source)?, at(self, destination)?)),
            Direction::Field(_) | Direction::Receiver | Direction::Transmitter => {
                problem("`addr1` to `addr4`, `ra` and `ta` are for 802.11 MAC addresses")
            }
        }
    }

    /// DECnet phase IV: short and long headers, each with or without a byte of padding.
    fn decnet(&mut self, direction: Direction, address: u16) -> Result_<Code> {
        let carries = self.link_protocol(ETHERTYPE_DECNET)?;
        let address = u32::from(address.swap_bytes());
        // For source (false) and destination: places in the padded long, long, padded short and short form.
        let places = |is_destination: u32| match is_destination {
            0 => [(18, 17), (6, 5)],
            _ => [(10, 9), (4, 3)],
        };
        let at = |this: &mut Self, is_destination| {
            let [(long_padded, long), (short_padded, short)] = places(is_destination);
            let mut form = |padded: u32, plain: u32, flags: u32| {
                let is_padded = masked(this.network_origin(2), Size::Two, 0xff07, 0x8100 | flags);
                let is_plain = masked(this.network_origin(2), Size::One, 0x07, flags);
                let padded = and(is_padded, field(this.network_origin(padded), Size::Two, address));
                or(and(is_plain, field(this.network_origin(plain), Size::Two, address)), padded)
            };
            let short = form(short_padded, short, 2);
            Ok(or(short, form(long_padded, long, 6)))
        };
        Ok(and(carries, self.in_direction(direction, 0, 1, at)?))
    }

    fn mac(&mut self, direction: Direction, address: MacAddr) -> Result_<Code> {
        if matches!(self.kind, Kind::Wlan(_)) {
            return Ok(self.wlan_mac(direction, address));
        }
        let Some((to, from)) = self.macs else {
            return problem(format!("{} has no MAC addresses", self.link_type));
        };
        let code = match direction {
            Direction::Source => mac_at(from, address),
            Direction::Destination => mac_at(to, address),
            Direction::Both => and(mac_at(from, address), mac_at(to, address)),
            Direction::Either => or(mac_at(from, address), mac_at(to, address)),
            Direction::Field(_) | Direction::Receiver | Direction::Transmitter => {
                return problem("`addr1` to `addr4`, `ra` and `ta` are for 802.11 only");
            }
        };
        Ok(and(self.is_frame(), code))
    }

    /// 802.11: which address field is whose depends on type, To DS and From DS (IEEE 802.11, 9.3.2.1).
    fn wlan_mac(&mut self, direction: Direction, address: MacAddr) -> Code {
        let at = |this: &mut Self, offset| mac_at(this.link_origin(offset), address);
        match direction {
            Direction::Source => {
                let (field_4, field_3) = (at(self, 24), at(self, 16));
                let by_to_ds =
                    or(and(self.link_bit(1, 0x01), field_4), and(not(self.link_bit(1, 0x01)), field_3));
                let from_ds = and(self.link_bit(1, 0x02), by_to_ds);
                let data = or(and(not(self.link_bit(1, 0x02)), at(self, 10)), from_ds);
                let management = at(self, 10);
                self.wlan_by_type(data, management)
            }
            Direction::Destination => {
                let (field_3, field_1) = (at(self, 16), at(self, 4));
                self.wlan_destination(field_3, field_1)
            }
            Direction::Both => {
                let source = self.wlan_mac(Direction::Source, address);
                and(source, self.wlan_mac(Direction::Destination, address))
            }
            Direction::Either => {
                let source = self.wlan_mac(Direction::Source, address);
                or(source, self.wlan_mac(Direction::Destination, address))
            }
            Direction::Field(1) => at(self, 4),
            Direction::Field(2) => at(self, 10),
            Direction::Field(3) => at(self, 16),
            Direction::Field(_) => and(self.masked_link_field(1, 0x03, 0x03), at(self, 24)),
            Direction::Receiver => and(self.link_bit(0, 0x08), at(self, 4)),
            Direction::Transmitter => {
                let is_not = |this: &mut Self, mask, value| not(this.masked_link_field(0, mask, value));
                let no_cts_or_ack = and(is_not(self, 0xf0, 0xc0), is_not(self, 0xf0, 0xd0));
                let has_field_2 = or(is_not(self, 0x0c, 0x04), no_cts_or_ack);
                and(self.link_bit(0, 0x08), and(has_field_2, at(self, 10)))
            }
        }
    }

    /// 802.11: tests on the destination, where it is the third address and where it is the first.
    fn wlan_destination(&mut self, field_3: Code, field_1: Code) -> Code {
        let to_ds = and(self.link_bit(1, 0x01), field_3);
        let data = or(to_ds, and(not(self.link_bit(1, 0x01)), field_1.clone()));
        self.wlan_by_type(data, field_1)
    }

    /// 802.11: neither test holds for control frames.
    fn wlan_by_type(&mut self, data: Code, management: Code) -> Code {
        let data = and(self.link_bit(0, 0x08), data);
        let management = and(not(self.link_bit(0, 0x08)), management);
        and(not(self.link_bit(0, 0x04)), or(management, data))
    }

    fn arcnet(&mut self, direction: Direction, address: u32) -> Result_<Code> {
        if self.kind != Kind::Arcnet {
            return problem(format!("{} has no ARCnet addresses", self.link_type));
        }
        self.in_direction(direction, 0, 1, |this, offset| Ok(this.link_field(offset, Size::One, address)))
    }

    /// TCP, UDP and SCTP ports; of one transport, or of any of them.
    fn ports(&mut self, transport: Option<u8>, direction: Direction, low: u32, high: u32) -> Result_<Code> {
        let transports = |this: &mut Self, offset| match transport {
            Some(only) => this.network_field(offset, Size::One, only.into()),
            None => {
                let mut is = |number| this.network_field(offset, Size::One, number);
                or(is(132), or(is(6), is(17)))
            }
        };
        let v6 = self.link_protocol(ETHERTYPE_IPV6)?;
        let v6 = and(v6, transports(self, 6));
        let ports = self.in_direction(direction, 40, 42, |this, offset| {
            Ok(within(Place::At(this.network_origin(offset)), low, high))
        })?;
        let v6 = and(v6, ports);

        let v4 = self.link_protocol(ETHERTYPE_IP)?;
        let v4 = and(v4, and(transports(self, 9), self.no_later_fragment()));
        let ports =
            self.in_direction(direction, 0, 2, |this, offset| Ok(within(this.transport(offset), low, high)))?;
        Ok(or(v6, and(v4, ports)))
    }

    fn no_later_fragment(&mut self) -> Code {
        not(bits(self.network_origin(6), Size::Two, 0x1fff))
    }

    fn broadcast(&mut self, within: GroupIn) -> Result_<Code> {
        if within == GroupIn::Link {
            return match self.kind {
                Kind::Arcnet => Ok(self.link_field(1, Size::One, 0)),
                _ => self.mac(Direction::Destination, MacAddr::BROADCAST),
            };
        }
        // The network's mask is not known: all ones, and the zeros of old.
        let carries = self.link_protocol(ETHERTYPE_IP)?;
        let to = self.network_origin(16);
        Ok(and(carries, or(field(to, Size::Four, 0), field(to, Size::Four, u32::MAX))))
    }

    fn multicast(&mut self, within: GroupIn) -> Result_<Code> {
        match within {
            GroupIn::Link => match (self.kind, self.macs) {
                (Kind::Arcnet, _) => Ok(self.link_field(1, Size::One, 0)),
                (Kind::Wlan(_), _) => {
                    let (field_3, field_1) = (self.link_bit(16, 0x01), self.link_bit(4, 0x01));
                    Ok(self.wlan_destination(field_3, field_1))
                }
                (_, Some((to, _))) => Ok(and(self.is_frame(), bits(to, Size::One, 0x01))),
                _ => problem(format!("{} has no MAC addresses", self.link_type)),
            },
            GroupIn::Ip => {
                let carries = self.link_protocol(ETHERTYPE_IP)?;
                let place = Place::At(self.network_origin(16));
                Ok(and(carries, compare(place, Size::One, Compare::GreaterOrEqual, 224)))
            }
            GroupIn::Ip6 => {
                let carries = self.link_protocol(ETHERTYPE_IPV6)?;
                Ok(and(carries, self.network_field(24, Size::One, 255)))
            }
        }
    }

    fn inbound(&mut self, is_outbound: bool) -> Result_<Code> {
        let flag = u32::from(is_outbound);
        Ok(match (self.link_type.0, self.kind) {
            (113, _) => negated_unless(is_outbound, self.link_field(0, Size::Two, 4)),
            (276, _) => negated_unless(is_outbound, self.link_field(10, Size::One, 4)),
            (8, _) => negated_unless(!is_outbound, self.link_field(0, Size::One, 0)),
            (166, _) => self.link_field(0, Size::One, flag),
            (_, Kind::Ipnet) => self.link_field(2, Size::Two, if is_outbound { 1 } else { 2 }),
            (_, Kind::Juniper) => self.masked_link_field(3, 0x01, 1 - flag),
            _ => return problem(format!("{} does not say the direction", self.link_type)),
        })
    }

    fn vlan(&mut self, id: Option<u32>) -> Result_<Code> {
        if self.mpls_labels > 0 {
            return problem("`vlan` cannot follow `mpls`");
        }
        if !matches!(self.kind, Kind::Ethernet | Kind::Wlan(_)) {
            return problem(format!("{} has no VLAN tags", self.link_type));
        }
        let mut tag = self.link_protocol(0x8100)?;
        for ether_type in [0x88a8, 0x9100] {
            tag = or(tag, self.link_protocol(ether_type)?);
        }
        if let Some(id) = id {
            let origin = self.payload_origin(0);
            tag = and(tag, masked(origin, Size::Two, 0x0fff, id));
        }
        self.payload = self.payload.plus(4);
        self.type_field = self.type_field.plus(4);
        Ok(tag)
    }

    fn mpls(&mut self, label: Option<u32>) -> Result_<Code> {
        let mut code = match self.kind {
            _ if self.mpls_labels > 0 => self.last_label_field(0),
            Kind::Ethernet | Kind::Hdlc => self.link_protocol(ETHERTYPE_MPLS)?,
            Kind::Ppp => self.type_is(0x0281),
            _ => return problem(format!("{} has no MPLS labels", self.link_type)),
        };
        if let Some(label) = label {
            code = and(code, masked(self.network_origin(0), Size::Four, 0xffff_f000, label << 12));
        }
        self.network = self.network.wrapping_add(4);
        self.network_without_snap = self.network_without_snap.wrapping_add(4);
        self.mpls_labels += 1;
        Ok(code)
    }

    fn pppoe_session(&mut self, session: Option<u32>) -> Result_<Code> {
        let mut code = self.link_protocol(0x8864)?;
        if let Some(session) = session {
            code = and(code, masked(self.network_origin(0), Size::Four, 0xffff, session));
        }
        // Behind the six bytes of PPPoE, PPP starts with its protocol number (RFC 2516).
        let ppp = self.network_origin(6);
        self.kind = Kind::Ppp;
        self.header = ppp;
        self.type_field = ppp;
        self.payload = ppp.plus(2);
        self.network = 0;
        self.network_without_snap = 0;
        self.macs = None;
        self.maybe_frame = None;
        Ok(code)
    }

    fn tunnel(&mut self, is_geneve: bool, vni: Option<u32>) -> Result_<Code> {
        let [type_field, link_header, payload] = [0, 1, 2].map(|more| self.next_register + more);
        if usize::from(payload) >= REGISTERS {
            return problem("too many encapsulations in one expression");
        }
        self.next_register += 3;
        let network = self.network_origin(0);
        let port = if is_geneve { 6081 } else { 4789 };
        let mut code = constant(false);
        for is_ipv6 in [false, true] {
            let at = |offset: u32| match is_ipv6 {
                false => Place::BehindIpv4 { header: network, offset },
                true => Place::At(network.plus(40 + offset)),
            };
            let ether_type = if is_ipv6 { ETHERTYPE_IPV6 } else { ETHERTYPE_IP };
            let mut one = self.link_protocol(ether_type)?;
            let protocol = self.network_field(if is_ipv6 { 6 } else { 9 }, Size::One, IPPROTO_UDP.into());
            one = and(one, protocol);
            if !is_ipv6 {
                one = and(one, self.no_later_fragment());
            }
            one = and(one, within(at(2), port, port));
            // Geneve's version is 0; VXLAN's flag says that there is a network identifier.
            let (mask, value) = if is_geneve { (0xc0, 0) } else { (0x08, 0x08) };
            one = and(one, masked_at(at(8), Size::One, mask, value));
            if let Some(vni) = vni {
                one = and(one, masked_at(at(12), Size::Four, 0xffff_ff00, vni << 8));
            }
            let enter = Tunnel { network, is_geneve, is_ipv6, type_field, link_header, payload };
            code = or(code, and(one, test(Test::Enter(Box::new(enter)))));
        }
        let in_register = |register| Origin { register: Some(register), offset: 0 };
        self.kind = Kind::Ethernet;
        self.header = in_register(link_header);
        self.type_field = in_register(type_field);
        self.payload = in_register(payload);
        self.network = 0;
        self.network_without_snap = 3;
        self.macs = Some((self.header, self.header.plus(6)));
        self.maybe_frame = is_geneve.then_some((link_header, payload));
        self.mpls_labels = 0;
        Ok(code)
    }

    fn llc(&mut self, control: Option<(u32, u32)>) -> Result_<Code> {
        let is_llc = match self.kind {
            Kind::Ethernet => {
                // Novell's raw 802.3 has no LLC, and all ones where it would stand.
                let is_novell = self.llc_field(0, Size::Two, 0xffff);
                and(self.has_length(), not(is_novell))
            }
            Kind::Wlan(_) => self.is_wlan_data(),
            Kind::SunAtm => self.masked_link_field(0, 0x0f, 2),
            Kind::Llc if self.link_type != LinkType(122) => constant(true),
            _ => return problem(format!("{} has no LLC header", self.link_type)),
        };
        Ok(match control {
            None => is_llc,
            Some((value, mask)) => and(is_llc, masked(self.payload_origin(2), Size::One, mask, value)),
        })
    }

    fn relation(&mut self, relation: &Relation) -> Result_<Code> {
        let mut checks = constant(true);
        let left = self.arithmetic(&relation.left, &mut checks)?;
        let right = self.arithmetic(&relation.right, &mut checks)?;
        let (comparison, is_negated) = match relation.comparison {
            Comparison::Equal => (Compare::Equal, false),
            Comparison::NotEqual => (Compare::Equal, true),
            Comparison::Greater => (Compare::Greater, false),
            Comparison::GreaterOrEqual => (Compare::GreaterOrEqual, false),
            Comparison::Less => (Compare::GreaterOrEqual, true),
            Comparison::LessOrEqual => (Compare::Greater, true),
        };
        let code = match (left, right) {
            (Value::Load { place, size, index: None }, Value::Constant(value)) => {
                compare(place, size, comparison, value)
            }
            (left, right) => test(Test::Relation(Box::new((left, comparison, right)))),
        };
        Ok(and(checks, if is_negated { not(code) } else { code }))
    }

    /// The value, and before it the tests that must hold for its loads to mean what they say.
    fn arithmetic(&mut self, arithmetic: &Arithmetic, checks: &mut Code) -> Result_<Value> {
        Ok(match arithmetic {
            Arithmetic::Constant(number) => Value::Constant(*number),
            Arithmetic::Length => Value::Length,
            Arithmetic::Negate(operand) => Value::Negate(Box::new(self.arithmetic(operand, checks)?)),
            Arithmetic::Binary(operator, operands) => {
                let left = self.arithmetic(&operands.0, checks)?;
                let right = self.arithmetic(&operands.1, checks)?;
                Value::Binary(*operator, Box::new((left, right)))
            }
            Arithmetic::Load { from, index, size, span } => {
                let size = match size {
                    1 => Size::One,
                    2 => Size::Two,
                    _ => Size::Four,
                };
                let mut inner = constant(true);
                let index = self.arithmetic(index, &mut inner)?;
                let place = self
                    .load(*from, inner, checks)
                    .map_err(|problem| Problem { span: Some(span.clone()), ..problem })?;
                match (index, place) {
                    (Value::Constant(index), Place::At(origin)) if origin.register.is_none() => {
                        Value::Load { place: Place::At(origin.plus(index)), size, index: None }
                    }
                    (index, place) => Value::Load { place, size, index: Some(Box::new(index)) },
                }
            }
        })
    }

    /// Where the bytes of a protocol start; adds the tests that it is there. `inner` are the index's own.
    fn load(&mut self, from: Name, inner: Code, checks: &mut Code) -> Result_<Place> {
        let add = |checks: &mut Code, code| *checks = and(std::mem::take(checks), code);
        match from {
            Name::Radio => {
                if !matches!(self.kind, Kind::Wlan(prefix) if prefix != WlanPrefix::None && prefix != link::PPI)
                {
                    return problem(format!("{} has no radio header", self.link_type));
                }
                add(checks, inner);
                Ok(Place::At(Origin::at(0)))
            }
            Name::Link => {
                add(checks, inner);
                let is_frame = self.is_frame();
                add(checks, is_frame);
                Ok(Place::At(self.link_origin(0)))
            }
            Name::Sctp
            | Name::Tcp
            | Name::Udp
            | Name::Icmp
            | Name::Igmp
            | Name::Igrp
            | Name::Pim
            | Name::Vrrp
            | Name::Carp => {
                let is_ip = self.protocol(Name::Ip)?;
                let is_protocol = self.protocol(from)?;
                let whole = self.no_later_fragment();
                add(checks, is_ip);
                add(checks, inner);
                add(checks, is_protocol);
                add(checks, whole);
                Ok(self.transport(0))
            }
            Name::Icmp6 => {
                let is_ip6 = self.protocol(Name::Ip6)?;
                let is_icmp6 = self.network_field(6, Size::One, IPPROTO_ICMPV6);
                add(checks, inner);
                add(checks, is_ip6);
                add(checks, is_icmp6);
                Ok(Place::At(self.network_origin(40)))
            }
            _ => {
                let is_protocol = self.protocol(from)?;
                add(checks, inner);
                add(checks, is_protocol);
                Ok(Place::At(self.network_origin(0)))
            }
        }
    }

    fn need_wlan(&self) -> Result_<()> {
        match self.kind {
            Kind::Wlan(_) => Ok(()),
            _ => problem(format!("{} is not 802.11", self.link_type)),
        }
    }

    fn is_wlan_data(&mut self) -> Code {
        and(not(self.link_bit(0, 0x04)), self.link_bit(0, 0x08))
    }

    /// Behind Geneve: whether there is a link header.
    fn is_frame(&self) -> Code {
        match self.maybe_frame {
            Some((header, payload)) => test(Test::Differ(header, payload)),
            None => constant(true),
        }
    }

    /// Whether the Ethernet type field is an 802.3 length.
    fn has_length(&mut self) -> Code {
        not(compare(Place::At(self.type_field), Size::Two, Compare::Greater, ETHERNET_MTU))
    }

    fn type_is(&mut self, number: u32) -> Code {
        field(self.type_field, Size::Two, number)
    }

    fn first_nibble(&mut self, version: u32) -> Code {
        masked(self.link_origin(0), Size::One, 0xf0, version << 4)
    }

    /// An address family; where its byte order is the capturing machine's, in either.
    fn family_is(&mut self, family: u32) -> Code {
        let big_endian = self.link_field(0, Size::Four, family);
        match self.kind {
            Kind::Loopback { is_big_endian: true } => big_endian,
            _ => or(self.link_field(0, Size::Four, family.swap_bytes()), big_endian),
        }
    }

    /// A SNAP header with its organisation and type; compared as two words, the second first.
    fn snap(&mut self, organisation: u32, ether_type: u32) -> Code {
        let second = self.llc_field(4, Size::Four, (organisation & 0xffff) << 16 | ether_type);
        and(second, self.llc_field(0, Size::Four, 0xaaaa_0300 | organisation >> 16))
    }

    fn llc_field(&mut self, offset: u32, size: Size, value: u32) -> Code {
        field(self.payload_origin(offset), size, value)
    }

    fn network_field(&mut self, offset: u32, size: Size, value: u32) -> Code {
        field(self.network_origin(offset), size, value)
    }

    fn nosnap_field(&mut self, offset: u32, value: u32) -> Code {
        let offset = self.network_without_snap.wrapping_add(offset);
        field(self.payload_origin(offset), Size::One, value)
    }

    fn link_field(&mut self, offset: u32, size: Size, value: u32) -> Code {
        field(self.link_origin(offset), size, value)
    }

    fn masked_link_field(&mut self, offset: u32, mask: u32, value: u32) -> Code {
        masked(self.link_origin(offset), Size::One, mask, value)
    }

    fn link_bit(&mut self, offset: u32, bit: u32) -> Code {
        bits(self.link_origin(offset), Size::One, bit)
    }

    fn transport(&mut self, offset: u32) -> Place {
        Place::BehindIpv4 { header: self.network_origin(0), offset }
    }

    fn network_origin(&mut self, offset: u32) -> Origin {
        self.payload_origin(self.network.wrapping_add(offset))
    }

    fn payload_origin(&mut self, offset: u32) -> Origin {
        self.uses_wlan_payload |= self.payload.register == Some(WLAN_PAYLOAD);
        self.payload.plus(offset)
    }

    fn link_origin(&mut self, offset: u32) -> Origin {
        self.uses_wlan_header |= self.header.register == Some(WLAN_HEADER);
        self.header.plus(offset)
    }
}

/// The PPP protocol of an EtherType or service access point (IANA ppp-numbers).
fn ppp_protocol(number: u32) -> u32 {
    match number {
        ETHERTYPE_IP => 0x21,
        ETHERTYPE_IPV6 => 0x57,
        ETHERTYPE_DECNET => 0x27,
        ETHERTYPE_ATALK => 0x29,
        0x0600 => 0x25,
        SAP_ISO => 0x23,
        SAP_STP => 0x31,
        SAP_IPX => 0x2b,
        number => number,
    }
}

fn constant(outcome: bool) -> Code {
    vec![Op::Constant(outcome)]
}

fn negated_unless(is_plain: bool, code: Code) -> Code {
    if is_plain { code } else { not(code) }
}

fn field(origin: Origin, size: Size, value: u32) -> Code {
    compare(Place::At(origin), size, Compare::Equal, value)
}

fn masked(origin: Origin, size: Size, mask: u32, value: u32) -> Code {
    masked_at(Place::At(origin), size, mask, value)
}

/// With an empty mask nothing is read, so that a packet cut before the field is not rejected.
fn masked_at(place: Place, size: Size, mask: u32, value: u32) -> Code {
    match mask {
        0 => constant(value == 0),
        _ => test(Test::Field { place, size, mask, compare: Compare::Equal, value }),
    }
}

fn bits(origin: Origin, size: Size, bits: u32) -> Code {
    compare(Place::At(origin), size, Compare::AnyBit, bits)
}

fn compare(place: Place, size: Size, compare: Compare, value: u32) -> Code {
    test(Test::Field { place, size, mask: u32::MAX, compare, value })
}

/// A port, or a range of them.
fn within(place: Place, low: u32, high: u32) -> Code {
    if low == high {
        return compare(place, Size::Two, Compare::Equal, low);
    }
    let above = compare(place, Size::Two, Compare::Greater, high);
    and(compare(place, Size::Two, Compare::GreaterOrEqual, low), not(above))
}

/// Six bytes as four and two, the later ones first.
fn mac_at(origin: Origin, address: MacAddr) -> Code {
    let [a, b, rest @ ..] = address.0;
    let later = field(origin.plus(2), Size::Four, u32::from_be_bytes(rest));
    and(later, field(origin, Size::Two, u16::from_be_bytes([a, b]).into()))
}

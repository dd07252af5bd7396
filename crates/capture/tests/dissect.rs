//! Each link type and encapsulation, from the numbers of its own specification.

use std::collections::HashMap;

use pcapviz_capture::{
    Absence, DissectOptions, Dissection, Dissector, Fields, GraphLayer, HeadersId, LinkType, Packet, Tunnels,
    dissect, layers,
};
use pcapviz_testkit::frame::{
    Ethernet, Frame, Header, Ipv4, Ipv6, Tcp, Udp, ah, arp_request, extension, fragment6, geneve, gre, gtp,
    icmp, mpls, pppoe, radiotap, sctp, snap, tag, vlan, vxlan, wlan_data,
};
use proptest::prelude::*;

const ETHERNET: u16 = 1;

/// One packet, and who talks to whom in it, in the words of `summary`.
struct Case {
    name: &'static str,
    link_type: u16,
    frame: Frame,
    outer: &'static str,
    /// Empty where it is the same.
    inner: &'static str,
}

fn case(
    name: &'static str,
    link_type: u16,
    frame: impl Into<Frame>,
    outer: &'static str,
    inner: &'static str,
) -> Case {
    Case { name, link_type, frame: frame.into(), outer, inner }
}

fn check(cases: &[Case]) {
    for Case { name, link_type, frame, outer, inner } in cases {
        let packet = Packet::new(LinkType(*link_type), frame.bytes());
        let inner = if inner.is_empty() { outer } else { inner };
        for (tunnels, want) in [(Tunnels::Outer, outer), (Tunnels::Inner, inner)] {
            let found = dissect(&packet, &options(tunnels));
            assert_eq!(summary(&found), *want, "{name}, {tunnels:?}, ended by {:?}", found.end);
        }
    }
}

fn options(tunnels: Tunnels) -> DissectOptions {
    let mut options = DissectOptions::default();
    options.tunnels = tunnels;
    options
}

/// The last bytes of the MAC addresses, the IP addresses, the ports, and the tunnel; `-` for what is absent.
fn summary(found: &Dissection<'_>) -> String {
    let devices = found.devices.map(|d| format!("{:x}>{:x}", d.source.0[5], d.destination.0[5]));
    let hosts = found.hosts.map(|h| format!("{}>{}", h.addresses.source, h.addresses.destination));
    let ports = found.ports.map(|p| format!("{:?} {}>{}", p.transport, p.ports.source, p.ports.destination));
    let mut text = [devices, hosts, ports].map(|part| part.unwrap_or_else(|| "-".into())).join(" ");
    if let Some(tunnel) = found.tunnel {
        text += &format!(" {tunnel:?}");
    }
    text
}

/// What a tunnel has inside in these tests: a frame from 3 to 4, between 192.0.2.1 and 192.0.2.2.
fn inner_frame() -> Frame {
    Ethernet::between(3, 4).carry(inner_packet())
}

fn inner_packet() -> Frame {
    Ipv4::between([192, 0, 2, 1], [192, 0, 2, 2]).carry(Tcp::ports(5000, 80).carry(b"GET"))
}

fn dns() -> Frame {
    Ipv4::default().carry(Udp::ports(1024, 53).carry(b"query"))
}

fn over_udp(port: u16, inside: impl Into<Frame>) -> Frame {
    Ethernet::default().carry(Ipv4::default().carry(Udp::ports(40000, port).carry(inside)))
}

fn over_ip(inside: Frame) -> Frame {
    Ethernet::default().carry(Ipv4::default().carry(inside))
}

/// A header of these bytes, announced by this EtherType, with the payload's type at its end.
fn shim(ether_type: u16, bytes: &[u8], inside: Frame) -> Frame {
    Header::new(bytes, ether_type, 0).carry(inside)
}

const DNS: &str = "1>2 10.0.0.1>10.0.0.2 Udp 1024>53";
const NO_DEVICES: &str = "- 10.0.0.1>10.0.0.2 Udp 1024>53";
const GET: &str = "3>4 192.0.2.1>192.0.2.2 Tcp 5000>80";
const GET_OVER_ETHERNET: &str = "1>2 192.0.2.1>192.0.2.2 Tcp 5000>80";

#[test]
fn link_types() {
    let behind = |bytes: &[u8]| Header::new(bytes, 0, 0).carry(dns());
    let sll = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0];
    let sll2 = [8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    let pflog = [&[61, 2][..], &[0; 62]].concat();
    let mut ipoib = [0; 44];
    ipoib[40] = 8;
    let nflog = {
        let packet = dns();
        let len = (packet.bytes().len() + 4) as u8;
        [&[2, 0, 0, 0, 8, 0, 1, 0, 8, 0, 0, 0, len, 0, 9, 0], packet.bytes()].concat()
    };
    let pktap = [&[16, 0, 0, 0, 1, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0], dns().bytes()].concat();
    let patched = |bytes: &[u8], at: usize, value| {
        let mut bytes = bytes.to_vec();
        bytes[at] = value;
        bytes
    };
    let tagged = |tag: &[u8]| {
        let frame = Ethernet::default().carry(dns());
        [&frame.bytes()[..12], tag, &frame.bytes()[12..]].concat()
    };
    check(&[
        case("Ethernet", 1, Ethernet::default().carry(dns()), DNS, ""),
        case("loopback, little-endian", 0, behind(&[2, 0, 0, 0]), NO_DEVICES, ""),
        case("loopback, big-endian", 0, behind(&[0, 0, 0, 2]), NO_DEVICES, ""),
        case("loopback of OpenBSD", 108, behind(&[0, 0, 0, 2]), NO_DEVICES, ""),
        case("PPP", 9, behind(&[0xff, 3, 0, 0x21]), NO_DEVICES, ""),
        case("PPP, compressed fields", 9, behind(&[0x21]), NO_DEVICES, ""),
        case(
            "PPP, multilink's first fragment",
            9,
            behind(&[0, 0x3d, 0xc0, 0, 0, 1, 0, 0x21]),
            NO_DEVICES,
            "",
        ),
        case("PPP, multilink's second fragment", 9, behind(&[0, 0x3d, 0x40, 0, 0, 1]), "- - -", ""),
        case("PPPoE", 51, pppoe(7, 0x21).carry(dns()), "- 10.0.0.1>10.0.0.2 Udp 1024>53 Session(7)", ""),
        case("Cisco HDLC", 104, behind(&[0x0f, 0, 8, 0]), NO_DEVICES, ""),
        case("frame relay, RFC 2427", 107, behind(&[0x18, 0x41, 3, 0xcc]), NO_DEVICES, ""),
        case("frame relay, Cisco", 107, behind(&[0x18, 0x41, 8, 0]), NO_DEVICES, ""),
        case("multilink frame relay", 182, behind(&[0xc0, 1, 0x18, 0x41, 3, 0xcc]), NO_DEVICES, ""),
        case("ATM, RFC 2684", 100, behind(&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]), NO_DEVICES, ""),
        case("SunATM", 123, behind(&[2, 0, 0, 5, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]), NO_DEVICES, ""),
        case("raw IP", 101, dns(), NO_DEVICES, ""),
        case("raw IP by BSD's number", 12, dns(), NO_DEVICES, ""),
        case("raw IP by OpenBSD's number", 14, dns(), NO_DEVICES, ""),
        case("raw IPv4", 228, dns(), NO_DEVICES, ""),
        case(
            "raw IPv6",
            229,
            Ipv6::default().carry(sctp(1, 2, b"")),
            "- 2001:db8::1>2001:db8::2 Sctp 1>2",
            "",
        ),
        case("SLIP", 8, behind(&[1, 0x45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), NO_DEVICES, ""),
        case("SLIP of another kind", 8, behind(&[7; 16]), "- - -", ""),
        case("Linux cooked", 113, behind(&sll), NO_DEVICES, ""),
        case(
            "Linux cooked, a whole frame",
            113,
            Header::new(&[&sll[..14], &[0, 3]].concat(), 0, 0).carry(Ethernet::default().carry(dns())),
            DNS,
            "",
        ),
        case(
            "Linux cooked, a GRE interface",
            113,
            Header::new(&[0, 0, 3, 10, 0, 4, 1, 2, 3, 4, 0, 0, 0, 0, 8, 0], 0, 0).carry(dns()),
            NO_DEVICES,
            "",
        ),
        case("Linux cooked, version 2", 276, behind(&sll2), NO_DEVICES, ""),
        case("pflog", 117, behind(&pflog), NO_DEVICES, ""),
        case("enc", 109, behind(&[2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]), NO_DEVICES, ""),
        case("IP over InfiniBand", 242, behind(&ipoib), NO_DEVICES, ""),
        case("NFLOG", 239, nflog.clone(), NO_DEVICES, ""),
        case("NFLOG of a bridge", 239, patched(&nflog, 0, 7), NO_DEVICES, ""),
        case("PKTAP without a packet", 258, patched(&pktap, 4, 2), "- - -", ""),
        case("PKTAP", 258, pktap, NO_DEVICES, ""),
        case("IPNET", 226, behind(&[&[1, 2][..], &[0; 22]].concat()), NO_DEVICES, ""),
        case("ARCNET, RFC 1201", 7, behind(&[1, 2, 212, 0, 0, 9]), NO_DEVICES, ""),
        case("ARCNET, RFC 1051", 7, behind(&[1, 2, 240]), NO_DEVICES, ""),
        case("DSA", 284, tagged(&[0x40, 0, 0, 0]), DNS, ""),
        case("EDSA", 285, tagged(&[0xda, 0xda, 0, 0, 0x40, 0, 0, 0]), DNS, ""),
        case("Broadcom tag", 281, tagged(&[0; 4]), DNS, ""),
        case(
            "Juniper Ethernet",
            178,
            [b"MGC\x01", Ethernet::default().carry(dns()).bytes()].concat(),
            DNS,
            "",
        ),
        case("Juniper, no link header", 178, [b"MGC\x02\0\0\0\0", dns().bytes()].concat(), NO_DEVICES, ""),
        case("CAN", 227, b"\0\0\0\x01\x08\0\0\0", "- - -", ""),
        case("an unknown number", 9999, b"1234", "- - -", ""),
    ]);
}

#[test]
fn wireless() {
    let [a, b, c, d] = [1, 2, 3, 4].map(|last| [2, 0, 0, 0, 0, last]);
    let inside = || snap().carry(dns());
    let qos = |flags: u8, control: &[u8], inside: Frame| {
        let plain = wlan_data(flags, &[a, b, c]).carry(b"");
        Header::new(&[&[0x88], &plain.bytes()[1..], control].concat(), 0, 0).carry(inside)
    };
    let amsdu = {
        let inside = inside();
        let len = inside.bytes().len() as u8;
        Header::new(&[&d[..], &b, &[0, len]].concat(), 0, 0).carry(inside)
    };
    check(&[
        case(
            "within the cell",
            105,
            wlan_data(0, &[a, b, c]).carry(inside()),
            "2>1 10.0.0.1>10.0.0.2 Udp 1024>53",
            "",
        ),
        case(
            "to the access point",
            105,
            wlan_data(1, &[a, b, c]).carry(inside()),
            "2>3 10.0.0.1>10.0.0.2 Udp 1024>53",
            "",
        ),
        case(
            "from the access point",
            105,
            wlan_data(2, &[a, b, c]).carry(inside()),
            "3>1 10.0.0.1>10.0.0.2 Udp 1024>53",
            "",
        ),
        case(
            "between access points",
            105,
            wlan_data(3, &[a, b, c, d]).carry(inside()),
            "4>3 10.0.0.1>10.0.0.2 Udp 1024>53",
            "",
        ),
        case("quality of service", 105, qos(1, &[0, 0], inside()), "2>3 10.0.0.1>10.0.0.2 Udp 1024>53", ""),
        case(
            "HT control",
            105,
            qos(0x81, &[0, 0, 1, 2, 3, 4], inside()),
            "2>3 10.0.0.1>10.0.0.2 Udp 1024>53",
            "",
        ),
        case("a header cut short", 105, wlan_data(1, &[a, b, c]).carry(b"").cut(23), "- - -", ""),
        case("cut before its quality of service", 105, qos(1, &[], dns()).cut(25), "- - -", ""),
        case(
            "management, cut short",
            105,
            wlan_data(0, &[a, b, c]).carry(b"").patch(0, &[0x80]).cut(22),
            "- - -",
            "",
        ),
        case(
            "an EtherType and no LLC",
            105,
            wlan_data(0, &[a, b, c]).carry(Header::new(&[8, 0], 0, 0).carry(dns())),
            "2>1 10.0.0.1>10.0.0.2 Udp 1024>53",
            "",
        ),
        case(
            "a mesh's group address",
            105,
            qos(2, &[0, 1, 0, 31, 1, 0, 0, 0], inside()),
            "3>1 10.0.0.1>10.0.0.2 Udp 1024>53",
            "",
        ),
        case("A-MSDU", 105, qos(1, &[0x80, 0], amsdu), "- 10.0.0.1>10.0.0.2 Udp 1024>53", ""),
        case("encrypted", 105, wlan_data(0x41, &[a, b, c]).carry(inside()), "2>3 - -", ""),
        case("management", 105, wlan_data(0, &[a, b, c]).carry(b"").patch(0, &[0x80]), "2>1 - -", ""),
        case("control", 105, b"\xd4\0\0\0\x02\0\0\0\0\x01", "- - -", ""),
        case(
            "radiotap",
            127,
            radiotap(0).carry(wlan_data(1, &[a, b, c]).carry(inside())),
            "2>3 10.0.0.1>10.0.0.2 Udp 1024>53",
            "",
        ),
        case(
            "radiotap, padded header",
            127,
            radiotap(0x20).carry(qos(1, &[0, 0, 0, 0], inside())),
            "2>3 10.0.0.1>10.0.0.2 Udp 1024>53",
            "",
        ),
    ]);
    let with_fcs = radiotap(0x10).carry(wlan_data(1, &[a, b, c]).carry(inside())).followed_by(&[9; 4]);
    let packet = Packet::new(LinkType(127), with_fcs.bytes());
    assert_eq!(dissect(&packet, &options(Tunnels::Outer)).application.unwrap().payload, b"query");
}

#[test]
fn between_ethernet_and_ip() {
    let ethernet = |inside: Frame| Ethernet::default().carry(inside);
    let control_word = |inside: Frame| Header::new(&[0; 4], 0, 0).carry(inside);
    let fabric_path = shim(0x8903, &[4, 1], inner_frame());
    let isl = |inside: Frame| {
        let header =
            [1, 0, 0x0c, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 100, 0xaa, 0xaa, 3, 0, 0, 0, 0, 10, 0, 0, 0, 0];
        Header::new(&header, 0, 0).carry(inside)
    };
    let trill = shim(0x22f3, &[0, 0x3f, 0, 1, 0, 2], inner_frame());
    let nsh = shim(0x894f, &[0, 2, 2, 3, 0, 0, 9, 0xff], inner_frame());
    let backbone = shim(0x88e7, &[0, 0, 0, 42], inner_frame());
    let macsec = [&[0x20, 0][..], &[0; 12], &[8, 0]].concat();
    let macsec = |flags: u8| shim(0x88e5, &macsec, dns()).patch(0, &[flags]).followed_by(&[0; 16]);
    check(&[
        case(
            "802.3 and SNAP",
            1,
            Ethernet::default().carry_llc(snap().carry(dns())).followed_by(&[0; 9]),
            DNS,
            "",
        ),
        case("802.1Q", 1, ethernet(vlan(5).carry(dns())), DNS, ""),
        case("QinQ", 1, ethernet(tag(0x88a8, 5).carry(vlan(6).carry(dns()))), DNS, ""),
        case("0x9100 and 0x9200", 1, ethernet(tag(0x9100, 5).carry(tag(0x9200, 6).carry(dns()))), DNS, ""),
        case(
            "802.1ah",
            1,
            ethernet(backbone),
            "1>2 192.0.2.1>192.0.2.2 Tcp 5000>80 Isid(42)",
            "3>4 192.0.2.1>192.0.2.2 Tcp 5000>80 Isid(42)",
        ),
        case(
            "MPLS",
            1,
            ethernet(mpls(&[16, 17]).carry(dns())),
            "1>2 10.0.0.1>10.0.0.2 Udp 1024>53 Mpls(17)",
            "",
        ),
        case(
            "pseudo-wire",
            1,
            ethernet(mpls(&[18]).carry(inner_frame())),
            "1>2 192.0.2.1>192.0.2.2 Tcp 5000>80 Mpls(18)",
            "3>4 192.0.2.1>192.0.2.2 Tcp 5000>80 Mpls(18)",
        ),
        case(
            "pseudo-wire with control word",
            1,
            ethernet(mpls(&[18]).carry(control_word(inner_frame()))),
            "1>2 192.0.2.1>192.0.2.2 Tcp 5000>80 Mpls(18)",
            "3>4 192.0.2.1>192.0.2.2 Tcp 5000>80 Mpls(18)",
        ),
        case(
            "IP in an associated channel",
            1,
            ethernet(mpls(&[18]).carry(Header::new(&[0x10, 0, 0, 0x21], 0, 0).carry(dns()))),
            "1>2 10.0.0.1>10.0.0.2 Udp 1024>53 Mpls(18)",
            "",
        ),
        case(
            "neither length nor type",
            1,
            ethernet(shim(0x05dd, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], dns())),
            "1>2 - -",
            "",
        ),
        case(
            "a numbered LLC frame",
            1,
            ethernet(shim(60, &[0xaa, 0xaa, 2, 4, 0, 0, 0, 8, 0], dns())),
            DNS,
            "",
        ),
        case(
            "PPPoE",
            1,
            ethernet(pppoe(3, 0x21).carry(dns())),
            "1>2 10.0.0.1>10.0.0.2 Udp 1024>53 Session(3)",
            "",
        ),
        case("MACsec, not encrypted", 1, ethernet(macsec(0x20)), DNS, ""),
        case("MACsec, encrypted", 1, ethernet(macsec(0x2c)), "1>2 - -", ""),
        case("Cisco ISL", 1, isl(inner_frame()), GET, ""),
        case("FabricPath", 1, ethernet(fabric_path), GET_OVER_ETHERNET, GET),
        case("Cisco metadata", 1, ethernet(shim(0x8909, &[1, 1, 0, 1, 0, 5, 8, 0], dns())), DNS, ""),
        case("VN-Tag", 1, ethernet(shim(0x8926, &[0, 0, 0, 1, 8, 0], dns())), DNS, ""),
        case("E-Tag", 1, ethernet(shim(0x893f, &[0, 0, 0, 0, 0, 1, 8, 0], dns())), DNS, ""),
        case("HSR", 1, ethernet(shim(0x892f, &[0, 50, 0, 1, 8, 0], dns())), DNS, ""),
        case("TRILL", 1, ethernet(trill), GET_OVER_ETHERNET, GET),
        case(
            "NSH",
            1,
            ethernet(nsh),
            "1>2 192.0.2.1>192.0.2.2 Tcp 5000>80 ServicePath(9)",
            "3>4 192.0.2.1>192.0.2.2 Tcp 5000>80 ServicePath(9)",
        ),
    ]);
}

#[test]
fn tunnels() {
    const OUTER_IP: &str = "1>2 10.0.0.1>10.0.0.2 -";
    let erspan = |sequence: bool, number: u16, header: &[u8]| {
        let [high, low] = number.to_be_bytes();
        let flags = if sequence { 0x10 } else { 0 };
        let gre = [&[flags, 0, high, low][..], &[0; 4][..if sequence { 4 } else { 0 }], header].concat();
        over_ip(Header::new(&gre, 0, 47).carry(inner_frame()))
    };
    let eoip = {
        let frame = inner_frame();
        let len = frame.bytes().len() as u8;
        over_ip(Header::new(&[0x20, 1, 0x64, 0, 0, len, 9, 0], 0, 47).carry(frame))
    };
    let packet_in = |header: &[u8], number: u8| over_ip(Header::new(header, 0, number).carry(inner_packet()));
    let frame_in = |header: &[u8], number: u8| over_ip(Header::new(header, 0, number).carry(inner_frame()));
    let udp =
        |port: u16, header: &[u8], inside: Frame| over_udp(port, Header::new(header, 0, 0).carry(inside));
    let six = || Ipv6::default().carry(Udp::ports(7, 8).carry(b""));
    let wlan = {
        let [a, b, c] = [5, 6, 7].map(|last| [2, 0, 0, 0, 0, last]);
        wlan_data(1, &[a, b, c]).carry(snap().carry(inner_packet())).patch(0, &[1, 8])
    };
    let all = "1>2 192.0.2.1>192.0.2.2 Tcp 5000>80";
    check(&[
        case("IPv4 in IPv4", 1, over_ip(inner_packet()), OUTER_IP, all),
        case("IPv6 in IPv4", 1, over_ip(six()), OUTER_IP, "1>2 2001:db8::1>2001:db8::2 Udp 7>8"),
        case("IPv4 in IPv6", 229, Ipv6::default().carry(dns()), "- 2001:db8::1>2001:db8::2 -", NO_DEVICES),
        case(
            "IPv6 in IPv6",
            229,
            Ipv6::between(3, 4).carry(six()),
            "- 2001:db8::3>2001:db8::4 -",
            "- 2001:db8::1>2001:db8::2 Udp 7>8",
        ),
        case("GRE", 1, over_ip(gre(None).carry(inner_packet())), OUTER_IP, all),
        case(
            "GRE with a key",
            1,
            over_ip(gre(Some(77)).carry(inner_packet())),
            "1>2 10.0.0.1>10.0.0.2 - GreKey(77)",
            "1>2 192.0.2.1>192.0.2.2 Tcp 5000>80 GreKey(77)",
        ),
        case(
            "NVGRE",
            1,
            over_ip(gre(Some(0x123456 << 8)).carry(inner_frame())),
            "1>2 10.0.0.1>10.0.0.2 - Vni(1193046)",
            "3>4 192.0.2.1>192.0.2.2 Tcp 5000>80 Vni(1193046)",
        ),
        case(
            "PPTP",
            1,
            packet_in(&[0x30, 1, 0x88, 0x0b, 0, 44, 0, 9, 0, 0, 0, 1, 0xff, 3, 0, 0x21], 47),
            "1>2 10.0.0.1>10.0.0.2 - GreKey(9)",
            "1>2 192.0.2.1>192.0.2.2 Tcp 5000>80 GreKey(9)",
        ),
        case("ERSPAN I", 1, erspan(false, 0x88be, &[]), OUTER_IP, GET),
        case(
            "ERSPAN II",
            1,
            erspan(true, 0x88be, &[0x10, 1, 0, 5, 0, 0, 0, 0]),
            "1>2 10.0.0.1>10.0.0.2 - Session(5)",
            "3>4 192.0.2.1>192.0.2.2 Tcp 5000>80 Session(5)",
        ),
        case(
            "ERSPAN III",
            1,
            erspan(true, 0x22eb, &[0x20, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0]),
            "1>2 10.0.0.1>10.0.0.2 - Session(5)",
            "3>4 192.0.2.1>192.0.2.2 Tcp 5000>80 Session(5)",
        ),
        case(
            "EoIP",
            1,
            eoip,
            "1>2 10.0.0.1>10.0.0.2 - GreKey(9)",
            "3>4 192.0.2.1>192.0.2.2 Tcp 5000>80 GreKey(9)",
        ),
        case("WCCP", 1, packet_in(&[0, 0, 0x88, 0x3e, 0, 1, 2, 3], 47), OUTER_IP, all),
        case("EtherIP", 1, frame_in(&[0x30, 0], 97), OUTER_IP, GET),
        case("PIM register", 1, packet_in(&[0x21, 0, 0, 0, 0, 0, 0, 0], 103), OUTER_IP, all),
        case(
            "MPLS in IP",
            1,
            over_ip(mpls(&[9]).carry(inner_packet())),
            "1>2 10.0.0.1>10.0.0.2 - Mpls(9)",
            "1>2 192.0.2.1>192.0.2.2 Tcp 5000>80 Mpls(9)",
        ),
        case(
            "L2TPv3 over IP",
            1,
            frame_in(&[0, 0, 0, 7, 1, 2, 3, 4], 115),
            "1>2 10.0.0.1>10.0.0.2 - Session(7)",
            "3>4 192.0.2.1>192.0.2.2 Tcp 5000>80 Session(7)",
        ),
        case("ESP", 1, packet_in(&[0, 0, 0, 9, 0, 0, 0, 1], 50), "1>2 10.0.0.1>10.0.0.2 - Spi(9)", ""),
        case(
            "VXLAN",
            1,
            over_udp(4789, vxlan(5).carry(inner_frame())),
            "1>2 10.0.0.1>10.0.0.2 Udp 40000>4789 Vni(5)",
            "3>4 192.0.2.1>192.0.2.2 Tcp 5000>80 Vni(5)",
        ),
        case(
            "VXLAN without a network",
            1,
            over_udp(4789, vxlan(5).carry(inner_frame()).patch(0, &[0])),
            "1>2 10.0.0.1>10.0.0.2 Udp 40000>4789",
            "",
        ),
        case(
            "VXLAN-GPE",
            1,
            udp(4790, &[0x0c, 0, 0, 1, 0, 0, 5, 0], inner_packet()),
            "1>2 10.0.0.1>10.0.0.2 Udp 40000>4790 Vni(5)",
            "1>2 192.0.2.1>192.0.2.2 Tcp 5000>80 Vni(5)",
        ),
        case(
            "Geneve",
            1,
            over_udp(6081, geneve(5).carry(inner_frame())),
            "1>2 10.0.0.1>10.0.0.2 Udp 40000>6081 Vni(5)",
            "3>4 192.0.2.1>192.0.2.2 Tcp 5000>80 Vni(5)",
        ),
        case(
            "GTP-U",
            1,
            over_udp(2152, gtp(9).carry(inner_packet())),
            "1>2 10.0.0.1>10.0.0.2 Udp 40000>2152 Teid(9)",
            "1>2 192.0.2.1>192.0.2.2 Tcp 5000>80 Teid(9)",
        ),
        case(
            "GTP-U with an extension",
            1,
            udp(2152, &[0x34, 0xff, 0, 60, 0, 0, 0, 9, 0, 0, 0, 0x85, 1, 0, 1, 0], inner_packet()),
            "1>2 10.0.0.1>10.0.0.2 Udp 40000>2152 Teid(9)",
            "1>2 192.0.2.1>192.0.2.2 Tcp 5000>80 Teid(9)",
        ),
        case(
            "Teredo",
            1,
            over_udp(3544, six()),
            "1>2 10.0.0.1>10.0.0.2 Udp 40000>3544",
            "1>2 2001:db8::1>2001:db8::2 Udp 7>8",
        ),
        case(
            "L2TPv2",
            1,
            udp(1701, &[0, 2, 0, 1, 0, 7, 0xff, 3, 0, 0x21], inner_packet()),
            "1>2 10.0.0.1>10.0.0.2 Udp 40000>1701 Session(7)",
            "1>2 192.0.2.1>192.0.2.2 Tcp 5000>80 Session(7)",
        ),
        case(
            "MPLS in UDP",
            1,
            over_udp(6635, mpls(&[9]).carry(inner_packet())),
            "1>2 10.0.0.1>10.0.0.2 Udp 40000>6635 Mpls(9)",
            "1>2 192.0.2.1>192.0.2.2 Tcp 5000>80 Mpls(9)",
        ),
        case(
            "CAPWAP, 802.3",
            1,
            udp(5247, &[0, 0x10, 0, 0, 0, 0, 0, 0], inner_frame()),
            "1>2 10.0.0.1>10.0.0.2 Udp 40000>5247",
            GET,
        ),
        case(
            "CAPWAP, 802.11 exchanged",
            1,
            udp(5247, &[0, 0x10, 3, 0, 0, 0, 0, 0], wlan),
            "1>2 10.0.0.1>10.0.0.2 Udp 40000>5247",
            all,
        ),
        case("LISP", 1, udp(4341, &[0; 8], inner_packet()), "1>2 10.0.0.1>10.0.0.2 Udp 40000>4341", all),
        case(
            "TZSP",
            1,
            udp(37008, &[1, 0, 0, 1, 1], inner_frame()),
            "1>2 10.0.0.1>10.0.0.2 Udp 40000>37008",
            GET,
        ),
        case("WireGuard", 1, over_udp(51820, b"\x01\0\0\0"), "1>2 10.0.0.1>10.0.0.2 Udp 40000>51820", ""),
    ]);
}

#[test]
fn ip_rules() {
    let ip = |frame: Ipv4, inside: Frame| frame.carry(inside);
    let udp = || Udp::ports(1024, 53).carry(b"query");
    check(&[
        case("options", 101, ip(Ipv4::default().options(&[1; 8]), udp()), NO_DEVICES, ""),
        case("first fragment", 101, ip(Ipv4::default().fragment(7, 0, true), udp()), NO_DEVICES, ""),
        case(
            "later fragment",
            101,
            ip(Ipv4::default().fragment(7, 8, false), udp()),
            "- 10.0.0.1>10.0.0.2 -",
            "",
        ),
        case("total length 0", 101, dns().patch(2, &[0, 0]), NO_DEVICES, ""),
        case("total length below the header's", 101, dns().patch(2, &[0, 10]), "- - -", ""),
        case("total length that hides the ports", 101, dns().patch(2, &[0, 22]), "- 10.0.0.1>10.0.0.2 -", ""),
        case("total length beyond the frame", 101, dns().patch(2, &[9, 0]), NO_DEVICES, ""),
        case("header length 4", 101, dns().patch(0, &[0x44]), "- - -", ""),
        case("version 5", 101, dns().patch(0, &[0x55]), "- - -", ""),
        case("AH", 101, ip(Ipv4::default(), ah(udp())), NO_DEVICES, ""),
        case(
            "quoted by ICMP",
            101,
            ip(Ipv4::default(), icmp(1, 3, 3, &[&[0; 4], inner_packet().bytes()].concat())),
            "- 10.0.0.1>10.0.0.2 -",
            "",
        ),
        case(
            "extension headers",
            229,
            Ipv6::default().carry(extension(0, &[], extension(60, &[0; 8], extension(43, &[], udp())))),
            "- 2001:db8::1>2001:db8::2 Udp 1024>53",
            "",
        ),
        case(
            "first fragment of IPv6",
            229,
            Ipv6::default().carry(fragment6(9, 0, true, udp())),
            "- 2001:db8::1>2001:db8::2 Udp 1024>53",
            "",
        ),
        case(
            "later fragment of IPv6",
            229,
            Ipv6::default().carry(fragment6(9, 8, false, udp())),
            "- 2001:db8::1>2001:db8::2 -",
            "",
        ),
        case(
            "payload length 0",
            229,
            Ipv6::default().carry(udp()).patch(4, &[0, 0]),
            "- 2001:db8::1>2001:db8::2 Udp 1024>53",
            "",
        ),
        case(
            "a jumbo length that is none",
            229,
            Ipv6::default().carry(extension(0, &[0xc2, 4, 0, 0, 0, 1, 1, 0], udp())),
            "- 2001:db8::1>2001:db8::2 Udp 1024>53",
            "",
        ),
        case("UDP length that lies", 101, dns().patch(24, &[0, 3]), NO_DEVICES, ""),
        case(
            "port 0",
            101,
            ip(Ipv4::default(), Udp::ports(0, 0).carry(b"")),
            "- 10.0.0.1>10.0.0.2 Udp 0>0",
            "",
        ),
    ]);
}

#[test]
fn absences_say_why() {
    let frame = |inside: Frame| Ethernet::default().carry(inside);
    let cases: &[(&str, u16, Frame, GraphLayer, &str)] = &[
        (
            "CAN",
            227,
            Frame::from(b"12345678"),
            GraphLayer::Hosts,
            "no graph for this link type (CAN_SOCKETCAN)",
        ),
        ("raw IP", 101, dns(), GraphLayer::Devices, "no MAC address pair (RAW)"),
        (
            "ARP",
            1,
            frame(arp_request([2; 6], [10, 0, 0, 1].into(), [10, 0, 0, 2].into())),
            GraphLayer::Hosts,
            "ARP",
        ),
        ("EtherType", 1, frame(shim(0x1234, b"", Frame::default())), GraphLayer::Hosts, "EtherType 0x1234"),
        (
            "ICMP",
            1,
            frame(Ipv4::default().carry(icmp(1, 8, 0, b"1234"))),
            GraphLayer::Endpoints,
            "ICMP has no ports",
        ),
        (
            "later fragment",
            1,
            frame(Ipv4::default().fragment(1, 8, true).carry(b"")),
            GraphLayer::Endpoints,
            "later fragment",
        ),
        ("short IP header", 1, frame(dns()).cut(30), GraphLayer::Hosts, "packet too short for its header"),
        ("short frame", 1, frame(dns()).cut(9), GraphLayer::Devices, "packet too short for its header"),
        (
            "inner IP is cut",
            1,
            over_ip(inner_packet()).cut(40),
            GraphLayer::Endpoints,
            "IPv4 in IP has no ports",
        ),
    ];
    for (name, link_type, frame, layer, want) in cases {
        let packet = Packet::new(LinkType(*link_type), frame.bytes());
        let absence = dissect(&packet, &options(Tunnels::Outer)).absence(*layer, packet.link_type);
        assert_eq!(absence.map(|a: Absence| a.to_string()).as_deref(), Some(*want), "{name}");
    }
}

#[test]
fn arp_and_icmp_are_kept() {
    let frame = Ethernet::default().carry(arp_request([2; 6], [10, 0, 0, 1].into(), [10, 0, 0, 2].into()));
    let arp = dissect(&Packet::new(LinkType(1), frame.bytes()), &options(Tunnels::Outer)).arp.unwrap();
    assert_eq!(
        (arp.operation, arp.sender.1.to_string(), arp.target.1.to_string()),
        (1, "10.0.0.1".into(), "10.0.0.2".into())
    );
    let frame = over_ip(icmp(1, 8, 0, &[0, 42, 0, 1]));
    let icmp = dissect(&Packet::new(LinkType(1), frame.bytes()), &options(Tunnels::Outer)).icmp.unwrap();
    assert_eq!((icmp.kind, icmp.code, icmp.id), (8, 0, Some(42)));
}

#[test]
fn arp_of_other_networks_and_inside_of_tunnels_is_not() {
    let message = || arp_request([2; 6], [10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let ethernet = |inside: Frame| Ethernet::default().carry(inside);
    let bridged = || ethernet(Ipv4::default().carry(gre(None).carry(ethernet(message()))));
    for (frame, tunnels, expected) in [
        (ethernet(message()), Tunnels::Outer, true),
        // IEEE 802 networks, and frame relay.
        (ethernet(message().patch(0, &[0, 6])), Tunnels::Outer, true),
        (ethernet(message().patch(0, &[0, 15])), Tunnels::Outer, false),
        (ethernet(message().announced_as(0x8035, 0)), Tunnels::Outer, false),
        (bridged(), Tunnels::Outer, false),
        (bridged(), Tunnels::Inner, true),
    ] {
        let found = dissect(&Packet::new(LinkType(1), frame.bytes()), &options(tunnels));
        assert_eq!(found.arp.is_some(), expected, "{frame:02x?} {tunnels:?}");
    }
}

#[test]
fn esp_without_encryption_is_read_only_if_told() {
    let payload = Udp::ports(1, 2).carry(b"12");
    let esp = [&[0, 0, 0, 9, 0, 0, 0, 1], payload.bytes(), &[1, 2, 2, 17], &[0xee; 12]].concat();
    let frame = over_ip(Header::new(&esp, 0, 50).carry(b""));
    let packet = Packet::new(LinkType(1), frame.bytes());
    assert!(dissect(&packet, &options(Tunnels::Outer)).ports.is_none());
    let mut told = options(Tunnels::Outer);
    told.esp_null = true;
    assert_eq!(dissect(&packet, &told).ports.map(|p| p.ports.destination), Some(2));
}

#[test]
fn nesting_is_bounded() {
    let mut deep_ip = dns();
    let mut deep_vlan = dns();
    for _ in 0..1000 {
        deep_ip = Ipv4::default().carry(deep_ip);
        deep_vlan = vlan(1).carry(deep_vlan);
    }
    let deep_mpls = mpls(&[1; 1000]).carry(dns());
    for frame in [deep_ip, deep_vlan, deep_mpls].map(|inside| Ethernet::default().carry(inside)) {
        let packet = Packet::new(LinkType(1), frame.bytes());
        let mut walk = layers(&packet, &options(Tunnels::Inner));
        assert!(walk.by_ref().count() < 100);
        let text = format!("{:?}", walk.end());
        assert!(text.contains("NestedTooDeep"), "{text}");
    }
}

/// Frames to damage: everything that the tables above build would do; these have the most lengths.
fn samples() -> Vec<(u16, Frame)> {
    let [a, b, c] = [1, 2, 3].map(|last| [2, 0, 0, 0, 0, last]);
    vec![
        (ETHERNET, Ethernet::default().carry(tag(0x88a8, 1).carry(vlan(2).carry(dns())))),
        (ETHERNET, over_udp(4789, vxlan(5).carry(inner_frame()))),
        (ETHERNET, over_udp(2152, gtp(5).carry(inner_packet()))),
        (ETHERNET, over_ip(gre(Some(7)).carry(inner_frame()))),
        (ETHERNET, Ethernet::default().carry(mpls(&[1, 2]).carry(inner_frame()))),
        (
            ETHERNET,
            Ethernet::default().carry(Ipv6::default().carry(extension(0, &[0; 8], ah(sctp(1, 2, b"chunk"))))),
        ),
        (127, radiotap(0x10).carry(wlan_data(1, &[a, b, c]).carry(snap().carry(dns())))),
        (51, pppoe(3, 0x21).carry(dns())),
    ]
}

/// Packets of a few flows as most are, and some that only look like it.
fn plain(which: usize) -> Frame {
    let answer = Ipv4 { source: [10, 0, 0, 2].into(), destination: [10, 0, 0, 1].into(), ..Ipv4::default() };
    let port = if which & 1 == 0 { 40_000 } else { 40_001 };
    match which / 2 {
        0 => Ethernet::default().carry(Ipv4::default().carry(Tcp::ports(port, 443).carry(b"hello"))),
        1 => Ethernet::default().carry(answer.carry(Tcp::ports(443, port).carry(b""))),
        2 => Ethernet::default().carry(Ipv4::default().carry(Udp::ports(port, 53).carry(b"query"))),
        3 => Ethernet::default().carry(Ipv6::default().carry(Tcp::ports(port, 80).carry(b"GET"))),
        4 => Ethernet::default().carry(Ipv6::default().carry(Udp::ports(port, 5353).carry(b"query"))),
        5 => Ethernet::default()
            .carry(vlan(7).carry(Ipv4::default().carry(Tcp::ports(port, 22).carry(b"ssh")))),
        6 => Ethernet::default().carry(vlan(7).carry(Ipv6::default().carry(Udp::ports(port, 1).carry(b"x")))),
        _ => over_udp(4789, vxlan(5).carry(inner_frame())),
    }
}

/// Bytes to write over, nearly always few.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop_oneof![2 => Just(Vec::new()), 2 => prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..3)]
}

proptest! {
    #[test]
    fn never_panics(link_type in 0u16..320, bytes in prop::collection::vec(any::<u8>(), 0..200), wire_len: u32, fcs_len in 0u8..8) {
        let mut packet = Packet::new(LinkType(link_type), &bytes);
        packet.wire_len = wire_len;
        packet.fcs_len = fcs_len;
        for tunnels in [Tunnels::Outer, Tunnels::Inner] {
            let found = dissect(&packet, &options(tunnels));
            for layer in GraphLayer::ALL {
                let there = match layer {
                    GraphLayer::Devices => found.devices.is_some(),
                    GraphLayer::Hosts => found.hosts.is_some(),
                    GraphLayer::Endpoints => found.ports.is_some(),
                };
                prop_assert_eq!(there, found.absence(layer, packet.link_type).is_none());
            }
        }
    }

    #[test]
    fn damage_never_panics(which in 0usize..8, at: prop::sample::Index, byte: u8, wire_len in 0u32..300) {
        let (link_type, frame) = samples().swap_remove(which);
        let at = at.index(frame.bytes().len());
        let frame = frame.patch(at, &[byte]);
        let mut packet = Packet::new(LinkType(link_type), frame.bytes());
        packet.wire_len = wire_len;
        dissect(&packet, &options(Tunnels::Inner));
    }

    #[test]
    fn remembered_headers_change_nothing(
        packets in prop::collection::vec((0usize..16, damage(), 0u32..300, 0usize..200, 0u8..8), 1..40),
        inner: bool,
    ) {
        let options = options(if inner { Tunnels::Inner } else { Tunnels::Outer });
        let mut dissector = Dissector::new(options.clone());
        let mut known: HashMap<HeadersId, String> = HashMap::new();
        for (which, damage, wire_len, len, fcs_len) in packets {
            let mut frame = plain(which);
            for (at, byte) in damage {
                let at = at.index(frame.bytes().len());
                frame = frame.patch(at, &[byte]);
            }
            // Half of them are whole.
            let frame = if len < 100 { frame.cut(len) } else { frame };
            let mut packet = Packet::new(LinkType::ETHERNET, frame.bytes());
            packet.wire_len = packet.wire_len.max(wire_len);
            packet.fcs_len = fcs_len.saturating_sub(4);
            let mut found = dissector.dissect(&packet);
            let flow = (found.devices, found.vlans, found.hosts, found.ports.map(|p| (p.ports, p.transport)));
            if let Some(headers) = found.headers.take() {
                let flow = format!("{flow:?}");
                prop_assert_eq!(known.entry(headers).or_insert_with(|| flow.clone()), &flow);
            }
            prop_assert_eq!(format!("{found:?}"), format!("{:?}", dissect(&packet, &options)));
        }
    }

    #[test]
    fn cutting_invents_no_address(which in 0usize..8, len in 0usize..200) {
        let (link_type, frame) = samples().swap_remove(which);
        let whole = Packet::new(LinkType(link_type), frame.bytes());
        let mut cut = whole;
        cut.captured = &frame.bytes()[..len.min(frame.bytes().len())];
        let addresses = |packet: &Packet<'_>| -> Vec<String> {
            let kept = |fields: &Fields| matches!(fields, Fields::Devices(_) | Fields::Stations(_) | Fields::Hosts(_));
            layers(packet, &options(Tunnels::Inner)).filter(|l| kept(&l.fields)).map(|l| format!("{l:?}")).collect()
        };
        prop_assert!(addresses(&whole).starts_with(&addresses(&cut)));
    }
}

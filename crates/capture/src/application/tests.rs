use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::Ports;

/// A packet from 10.0.0.1 to 10.0.0.2.
fn packet(transport: Transport, source: u16, destination: u16, payload: &[u8]) -> Application<'_> {
    let ports = Pair { source, destination };
    let payload_len = payload.len() as u32;
    Application {
        addresses: Pair { source: IpAddr::from([10, 0, 0, 1]), destination: IpAddr::from([10, 0, 0, 2]) },
        ports: Ports { ports, transport, tcp_flags: 0, tcp_sequence: 0, payload_len },
        payload,
    }
}

fn udp(port: u16, payload: &[u8]) -> Vec<String> {
    seen(&packet(Transport::Udp, port, 40_000, payload))
}

fn tcp(port: u16, payload: &[u8]) -> Vec<String> {
    seen(&packet(Transport::Tcp, 40_000, port, payload))
}

fn seen(application: &Application<'_>) -> Vec<String> {
    let mut all = Vec::new();
    sightings(application, |sighting| {
        all.push(match sighting {
            Sighting::Name { of: Named::Host(ip), name, protocol } => format!("{ip} {name} {protocol}"),
            Sighting::Name { of: Named::Device(mac), name, protocol } => format!("{mac} {name} {protocol}"),
            Sighting::Lease { device, host } => format!("{device} leases {host}"),
            Sighting::HelloPiece { offset, bytes, .. } => format!("{} bytes at {offset}", bytes.len()),
            Sighting::Detail { of: Named::Host(ip), kind, text } => format!("{ip} {kind}: {text}"),
            Sighting::Detail { of: Named::Device(mac), kind, text } => format!("{mac} {kind}: {text}"),
            Sighting::Router { host } => format!("router {host}"),
            Sighting::VirtualRouter { host } => format!("shared router {host}"),
            link @ (Sighting::Bridge { .. } | Sighting::Capability { .. }) => format!("{link:?}"),
        });
    });
    all
}

/// Payloads whose first bytes are those of some protocol more often than not.
fn any_payload() -> impl Strategy<Value = Vec<u8>> {
    let letters =
        prop::sample::select(vec![&b"GET / HTTP/1.1\r\n"[..], b"SSH-2.0-", b"SIP/2.0 ", b"M-X a SIP/2.0\n"]);
    let start = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        letters.prop_map(<[u8]>::to_vec),
        // TLS, SMB, QUIC, a DNS answer with an address.
        prop::sample::select(vec![0x14, 0x15, 0x16, 0x17]).prop_map(|kind| vec![kind, 3, 1, 0, 5]),
        Just(b"\0\0\0\x08\xfeSMB".to_vec()),
        Just(b"\xc0\0\0\0\x01\x08".to_vec()),
        Just(message(Some("a.b"), &[record(&[0xc0, 12], 1, 1, &[192, 0, 2, 1])])),
    ];
    (
        start,
        prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        prop::collection::vec(any::<u8>(), 0..9),
    )
        .prop_map(|(start, change, rest)| {
            let mut all = start;
            if let Some((at, byte)) = change.filter(|_| !all.is_empty()) {
                *at.get_mut(&mut all) = byte;
            }
            [all, rest].concat()
        })
}

proptest! {
    /// What is passed over as quiet says no more than its protocol.
    #[test]
    fn quiet_payloads_name_nothing(
        payload in any_payload(),
        port in prop_oneof![0..6000_u16, prop::sample::select(vec![53, 67, 137, 138, 443, 1900, 1985, 5353, 5355])],
        other: u16,
        swapped: bool,
        is_tcp: bool,
    ) {
        let transport = if is_tcp { Transport::Tcp } else { Transport::Udp };
        let (source, destination) = if swapped { (other, port) } else { (port, other) };
        let packet = packet(transport, source, destination, &payload);
        let said = says(transport, &payload);
        if said != Says::More && !tells_by_ports(transport, packet.ports.ports) {
            prop_assert_eq!(identify(&packet).map_or(Says::Nothing, Says::Protocol), said);
            prop_assert!(seen(&packet).is_empty());
        }
    }
}

#[test]
fn most_payloads_are_quiet() {
    let (tls, smb) = (Says::Protocol(Protocol::Tls), Says::Protocol(Protocol::Smb));
    for (transport, payload, expected) in [
        (Transport::Tcp, &b""[..], Says::Nothing),
        (Transport::Tcp, b"\0\0\0\0", Says::Nothing),
        (Transport::Tcp, b"\0\0\0\x04\xfeSMB", smb),
        (Transport::Tcp, b"Hello, world", Says::Nothing),
        (Transport::Tcp, b"GET / HTTP/1.1", Says::More),
        (Transport::Tcp, b"\x16\x03\x03\0\x01\x01", Says::More),
        (Transport::Tcp, b"\x17\x03\x03\0\x01a", tls),
        (Transport::Tcp, b"\x17\x04\x03\0\x01a", Says::Nothing),
        (Transport::Udp, b"\x80\x60\0\x01\0\0\0\0", Says::Nothing),
        (Transport::Udp, b"\xc0\0\0\0\x01\x08", Says::More),
    ] {
        assert_eq!(says(transport, payload), expected, "{}", payload.escape_ascii());
    }
    assert!(tells_by_ports(Transport::Udp, Pair { source: 40_000, destination: 5353 }));
    assert!(!tells_by_ports(Transport::Tcp, Pair { source: 40_000, destination: 443 }));
}

/// A name's labels.
fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').filter(|label| !label.is_empty());
    let mut bytes: Vec<u8> = labels.flat_map(|l| [&[l.len() as u8], l.as_bytes()].concat()).collect();
    bytes.push(0);
    bytes
}

fn record(owner: &[u8], kind: u16, class: u16, data: &[u8]) -> Vec<u8> {
    let len = (data.len() as u16).to_be_bytes();
    [owner, &kind.to_be_bytes(), &class.to_be_bytes(), &[0, 0, 0, 9], &len, data].concat()
}

/// An answer to a question, with these records; the question's name is at offset 12.
fn message(question: Option<&str>, records: &[Vec<u8>]) -> Vec<u8> {
    let counts = [0, u8::from(question.is_some()), 0, records.len() as u8, 0, 0, 0, 0];
    let mut bytes = [&[0, 1, 0x84, 0][..], &counts].concat();
    if let Some(question) = question {
        bytes.extend(name(question));
        bytes.extend([0, 1, 0, 1]);
    }
    bytes.extend(records.concat());
    bytes
}

const QUESTION: &[u8] = &[0xc0, 12];

#[test]
fn dns_names_the_name_that_was_asked_for() {
    let a = |owner: &[u8], last| record(owner, 1, 1, &[192, 0, 2, last]);
    let alias = |owner: &[u8], target: &str| record(owner, 5, 1, &name(target));
    let v6: IpAddr = "2001:db8::7".parse().unwrap();
    let IpAddr::V6(v6) = v6 else { unreachable!() };
    let aaaa = record(QUESTION, 28, 1, &v6.octets());
    let ptr = |owner: &str, target: &str| record(&name(owner), 12, 1, &name(target));
    let nibbles = v6.octets().iter().rev().map(|b| format!("{:x}.{:x}.", b & 15, b >> 4)).collect::<String>();

    for (bytes, expected) in [
        (message(Some("WWW.Example"), &[a(QUESTION, 1)]), vec!["192.0.2.1 www.example DNS"]),
        (message(Some("www.example"), &[aaaa]), vec!["2001:db8::7 www.example DNS"]),
        // A chain of aliases, in order and not.
        (
            message(Some("a"), &[alias(QUESTION, "b"), alias(&name("b"), "c"), a(&name("c"), 1)]),
            vec!["192.0.2.1 a DNS"],
        ),
        (
            message(Some("a"), &[a(&name("C"), 1), alias(&name("B"), "c"), alias(QUESTION, "b")]),
            vec!["192.0.2.1 a DNS"],
        ),
        // Aliases in a circle; a record that the question does not lead to.
        (
            message(Some("a"), &[alias(QUESTION, "b"), alias(&name("b"), "a"), a(&name("ns"), 2)]),
            vec!["192.0.2.2 ns DNS"],
        ),
        (
            message(Some("x"), &[ptr("4.3.2.1.in-addr.ARPA", "host.example")]),
            vec!["1.2.3.4 host.example DNS"],
        ),
        (
            message(Some("x"), &[ptr(&(nibbles + "ip6.arpa"), "six.example")]),
            vec!["2001:db8::7 six.example DNS"],
        ),
        // Reversed names that stand for no address.
        (message(Some("x"), &[ptr("3.2.1.in-addr.arpa", "h"), ptr("+4.3.2.1.in-addr.arpa", "h")]), vec![]),
        (message(Some("x"), &[ptr("256.3.2.1.in-addr.arpa", "h"), ptr("_http._tcp.local", "h")]), vec![]),
        // Deleting a record (RFC 2136), a class that is not the Internet's, and data of the wrong length.
        (
            message(Some("x"), &[record(QUESTION, 1, 254, &[1, 2, 3, 4]), record(QUESTION, 1, 1, &[1, 2])]),
            vec![],
        ),
        (message(None, &[]), vec![]),
    ] {
        assert_eq!(udp(53, &bytes), expected);
        let with_length = [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat();
        assert_eq!(tcp(53, &with_length), expected, "over TCP");
        assert_eq!(tcp(53, &[with_length.clone(), with_length].concat()).len(), 2 * expected.len());
    }
}

#[test]
fn dns_keeps_what_stands_before_the_damage() {
    let good = record(QUESTION, 1, 1, &[192, 0, 2, 1]);
    for damage in [
        record(&[0xc0, 255], 1, 1, &[192, 0, 2, 2]), // a pointer beyond the end
        record(&[0xc0, 46], 1, 1, &[192, 0, 2, 2]),  // to itself, or forwards
        record(&[0x80, 1], 1, 1, &[192, 0, 2, 2]),   // a reserved kind of label
        good[..good.len() - 1].to_vec(),             // cut off
    ] {
        let bytes = message(Some("www.example"), &[good.clone(), damage]);
        assert_eq!(udp(53, &bytes), ["192.0.2.1 www.example DNS"]);
    }

    // A name that makes no sense takes only its own record with it.
    let odd = record(&[0xc0, 255], 1, 1, &[192, 0, 2, 9]);
    let too_long = record(&[&[63; 64].repeat(5)[..], &[0]].concat(), 1, 1, &[192, 0, 2, 9]);
    for odd in [odd, too_long] {
        let bytes = message(Some("www.example"), &[odd, good.clone()]);
        assert_eq!(udp(53, &bytes), ["192.0.2.1 www.example DNS"]);
    }
}

#[test]
fn dns_answers_show_at_any_port() {
    let mut bytes = message(Some("www.example"), &[record(QUESTION, 1, 1, &[192, 0, 2, 1])]);
    assert_eq!(udp(5333, &bytes), ["192.0.2.1 www.example DNS"]);
    bytes.push(0);
    assert!(udp(5333, &bytes).is_empty(), "an answer that does not fill its datagram is none");
}

#[test]
fn multicast_names_keep_their_case() {
    let bytes = message(None, &[record(&name("Johns-Mac.local"), 1, 0x8001, &[192, 0, 2, 1])]);
    assert_eq!(udp(5353, &bytes), ["192.0.2.1 Johns-Mac.local mDNS"]);
    assert_eq!(udp(5355, &bytes), ["192.0.2.1 Johns-Mac.local LLMNR"]);
}

#[test]
fn hostile_names_stay_text() {
    let long = vec![b'x'; 63];
    let labels = [&[63], &long[..], &[63], &long, &[63], &long, &[5], b"\x1b\n\xff<\"", &[0]].concat();
    let [one] = &udp(53, &message(None, &[record(&labels, 1, 1, &[192, 0, 2, 1])]))[..] else { panic!() };
    assert!(one.ends_with("x.\u{1b}\n\u{fffd}<\" DNS"), "{one:?}");
}

/// First-level encoding of a name with its suffix.
fn netbios(text: &str, suffix: u8) -> Vec<u8> {
    let padded = format!("{text:<15}");
    let letters = padded.bytes().chain([suffix]).flat_map(|b| [b'A' + (b >> 4), b'A' + (b & 15)]);
    [&[32][..], &letters.collect::<Vec<_>>(), &[0]].concat()
}

#[test]
fn netbios_names_hosts_and_not_groups() {
    let nb = |text, suffix, flags| record(&netbios(text, suffix), 0x20, 1, &[flags, 0, 192, 0, 2, 1]);
    let mut negative = message(None, &[nb("OTHER", 0, 0)]);
    negative[3] = 6;
    let entry = |text: &str, suffix, flags| [format!("{text:<15}").as_bytes(), &[suffix, flags, 0]].concat();
    let status = [&[3][..], &entry("FILES", 0x20, 0), &entry("WORK", 0, 0x80), &entry("ANN", 3, 0), &[0; 46]];
    for (bytes, expected) in [
        (message(None, &[nb("PRINTER", 0, 0)]), vec!["192.0.2.1 PRINTER NetBIOS"]),
        (message(None, &[nb("SERVER", 0x20, 0x60)]), vec!["192.0.2.1 SERVER NetBIOS"]),
        (message(None, &[nb("WORKGROUP", 0, 0x80), nb("ANN", 3, 0), nb("DOMAIN", 0x1b, 0)]), vec![]),
        (negative, vec![]),
        (
            message(None, &[record(&netbios("*", 0), 0x21, 1, &status.concat())]),
            vec!["10.0.0.1 FILES NetBIOS"],
        ),
    ] {
        assert_eq!(udp(137, &bytes), expected);
    }
    let header = [0x11, 2, 0, 1, 192, 0, 2, 9, 0, 138, 0, 100, 0, 0];
    let datagram = [&header[..], &netbios("DESK", 0), &netbios("WORKGROUP", 0x1e)].concat();
    assert_eq!(udp(138, &datagram), ["192.0.2.9 DESK NetBIOS"]);
}

fn dhcp(operation: u8, own: u8, given: u8, options: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; 236];
    bytes[..3].copy_from_slice(&[operation, 1, 6]);
    bytes[12..16].copy_from_slice(&if own > 0 { [192, 0, 2, own] } else { [0; 4] });
    bytes[16..20].copy_from_slice(&if given > 0 { [192, 0, 2, given] } else { [0; 4] });
    bytes[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 7]);
    bytes.extend([0x63, 0x82, 0x53, 0x63, 0]);
    for (code, value) in options {
        bytes.extend([&[*code, value.len() as u8], *value].concat());
    }
    bytes.push(255);
    bytes
}

#[test]
fn dhcp_names_the_client() {
    let named = "02:00:00:00:00:07 laptop DHCP".to_owned();
    let fqdn = "02:00:00:00:00:07 laptop.example DHCP".to_owned();
    let leases = |last| format!("02:00:00:00:00:07 leases 192.0.2.{last}");
    let labels = [&[4, 0, 0][..], &name("laptop.example")].concat();
    for (bytes, expected) in [
        (dhcp(1, 0, 0, &[(53, &[3]), (12, b"laptop\0")]), vec![named.clone()]),
        (dhcp(1, 5, 0, &[(53, &[3]), (12, b"laptop")]), vec![named.clone(), leases(5)]),
        (dhcp(1, 0, 0, &[(81, b"\0\0\0laptop.example")]), vec![fqdn.clone()]),
        (dhcp(1, 0, 0, &[(81, &labels)]), vec![fqdn]),
        (dhcp(2, 0, 6, &[(53, &[5])]), vec![leases(6)]),
        (dhcp(2, 0, 6, &[(53, &[2]), (12, b"laptop")]), vec![named]),
        (dhcp(2, 0, 0, &[(53, &[6])]), vec![]),
        (
            dhcp(2, 0, 6, &[(53, &[5]), (3, &[10, 0, 0, 1, 10, 0, 0, 2, 9])]),
            vec![leases(6), "router 10.0.0.1".into(), "router 10.0.0.2".into()],
        ),
        (dhcp(1, 0, 0, &[(53, &[3]), (3, &[10, 0, 0, 1])]), vec![]),
        (dhcp(1, 0, 0, &[(81, &[4])]), vec![]),
    ] {
        assert_eq!(udp(67, &bytes), expected);
    }
}

#[test]
fn dhcpv6_names_the_client() {
    let option = |code: u8, value: &[u8]| [&[0, code, 0, value.len() as u8], value].concat();
    let address = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[7], &[0; 8]].concat();
    let association = option(3, &[&[0; 12][..], &option(5, &address)].concat());
    let fqdn = option(39, &[&[0][..], &name("laptop.example")].concat());
    let partial = option(39, &[&[0][..], b"\x06laptop"].concat());
    let body = [fqdn, association].concat();
    let message = |kind: u8, body: &[u8]| [&[kind, 1, 2, 3], body].concat();
    let relayed =
        [&[12][..], &[0; 17], &[0xfe, 0x80], &[0; 13], &[9], &option(9, &message(3, &body))].concat();
    let (client, leased) = ("10.0.0.1 laptop.example DHCPv6", "2001:db8::7 laptop.example DHCPv6");
    for (bytes, expected) in [
        (message(3, &body), vec![client]),
        (message(5, &body), vec![client, leased]),
        (message(7, &body), vec![leased]),
        (message(2, &body), vec![]),
        (message(1, &partial), vec!["10.0.0.1 laptop DHCPv6"]),
        (relayed, vec!["fe80::9 laptop.example DHCPv6"]),
        (vec![12], vec![]),
    ] {
        assert_eq!(udp(547, &bytes), expected);
    }
}

#[test]
fn http_names_the_server_that_is_asked() {
    for (request, expected) in [
        (&b"GET / HTTP/1.1\r\nAccept: */*\r\nhost:  WWW.Example:8080 \r\n\r\n"[..], vec!["www.example"]),
        (b"POST /x HTTP/1.0\nHost: a\n\nHost: b\n", vec!["a"]),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n", vec!["a"]),
        // No name, or not the server's.
        (b"GET / HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n", vec![]),
        (b"GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", vec![]),
        (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", vec![]),
        (b"GET / HTTP/1.1\r\n\r\nHost: body\r\n", vec![]),
        (b"GET / HTTP/1.1\r\nHost: cut.off.exam", vec![]),
        (b"HTTP/1.1 200 OK\r\nHost: a\r\n\r\n", vec![]),
        (b"GET / words\r\nHost: a\r\n\r\n", vec![]),
    ] {
        let expected: Vec<_> = expected.iter().map(|name| format!("10.0.0.2 {name} HTTP")).collect();
        assert_eq!(tcp(8081, request), expected, "{}", String::from_utf8_lossy(request));
    }
}

/// A ClientHello that asks for a name.
fn client_hello(host: &[u8]) -> Vec<u8> {
    let be16 = |n: usize| (n as u16).to_be_bytes();
    let entry = [&[0][..], &be16(host.len()), host].concat();
    let server_name = [&be16(0)[..], &be16(entry.len() + 2), &be16(entry.len()), &entry].concat();
    let extensions = [&[0, 23, 0, 0], &server_name[..], &[0, 43, 0, 3, 2, 3, 4]].concat();
    let body =
        [&[3, 3][..], &[7; 32], &[1, 9], &[0, 2, 0x13, 1], &[1, 0], &be16(extensions.len()), &extensions];
    let body = body.concat();
    let len = (body.len() as u32).to_be_bytes();
    [&[1][..], &len[1..], &body].concat()
}

fn record_of(handshake: &[u8]) -> Vec<u8> {
    [&[22, 3, 1][..], &(handshake.len() as u16).to_be_bytes(), handshake].concat()
}

#[test]
fn tls_names_the_server_that_is_asked() {
    let hello = client_hello(b"WWW.Example");
    let whole = record_of(&hello);
    let in_pieces = [record_of(&hello[..20]), record_of(&hello[20..70]), record_of(&hello[70..])].concat();
    for (bytes, expected) in [
        (whole.clone(), vec!["10.0.0.2 www.example TLS"]),
        (in_pieces, vec!["10.0.0.2 www.example TLS"]),
        // Cut behind the name, and within it.
        (whole[..whole.len() - 3].to_vec(), vec!["10.0.0.2 www.example TLS"]),
        (whole[..whole.len() - 9].to_vec(), vec![]),
        (record_of(&client_hello(b"192.0.2.1")), vec![]),
        (record_of(&[2, 0, 0, 4, 3, 3, 0, 0]), vec![]),
        (vec![22, 3, 1], vec![]),
    ] {
        assert_eq!(tcp(8443, &bytes), expected, "{bytes:?}");
    }
}

#[test]
fn identifies_by_content() {
    let hello = record_of(&client_hello(b"a"));
    let quic = |version: [u8; 4]| [&[0xc3][..], &version, &[8, 1, 2, 3, 4, 5, 6, 7, 8, 0]].concat();
    let (t, u) = (Transport::Tcp, Transport::Udp);
    for (transport, payload, expected) in [
        (t, &hello[..], Some(Protocol::Tls)),
        (t, &[23, 3, 3, 0, 100, 1, 2, 3], Some(Protocol::Tls)),
        (t, &[23, 3, 3, 0xff, 100, 1, 2, 3], None),
        (t, &[22, 3, 3], None),
        (t, b"GET /index HTTP/1.1\r\n", Some(Protocol::Http)),
        (t, b"PROPFIND / HTTP/1.1\r\n", Some(Protocol::Http)),
        (t, b"GET /a-long-target", Some(Protocol::Http)),
        (t, b"HTTP/1.1 404 Not Found\r\n", Some(Protocol::Http)),
        (t, b"GET THIS\r\n", None),
        (t, b"SSH-2.0-OpenSSH_9.6\r\n", Some(Protocol::Ssh)),
        (t, b"OPTIONS sip:a@b SIP/2.0\r\n", Some(Protocol::Sip)),
        (t, b"OPTIONS rtsp://a RTSP/1.0\r\n", None),
        (t, b"\0\0\0\x40\xfeSMB@\0", Some(Protocol::Smb)),
        (t, b"", None),
        (u, b"M-SEARCH * HTTP/1.1\r\n", Some(Protocol::Ssdp)),
        (u, b"SIP/2.0 200 OK\r\n", Some(Protocol::Sip)),
        (u, &quic([0, 0, 0, 1]), Some(Protocol::Quic)),
        (u, &quic(*b"Q046"), Some(Protocol::Quic)),
        (u, &quic([1, 2, 3, 4]), None),
        (u, &hello, None),
    ] {
        assert_eq!(identify(&packet(transport, 1, 2, payload)), expected, "{payload:?}");
    }
}

/// Real messages of every protocol, to be damaged.
fn messages() -> Vec<(Transport, u16, Vec<u8>)> {
    let (t, u) = (Transport::Tcp, Transport::Udp);
    let aliases = [record(QUESTION, 5, 1, &name("b")), record(&name("b"), 1, 1, &[192, 0, 2, 1])];
    let dns = message(Some("www.example"), &aliases);
    let nb = message(None, &[record(&netbios("HOST", 0), 0x20, 1, &[0, 0, 192, 0, 2, 1])]);
    vec![
        (u, 53, dns.clone()),
        (u, 5353, dns.clone()),
        (t, 53, [&(dns.len() as u16).to_be_bytes()[..], &dns].concat()),
        (u, 137, nb),
        (u, 67, dhcp(1, 5, 0, &[(53, &[3]), (12, b"laptop"), (81, b"\x04\0\0\x01a\0")])),
        (u, 547, vec![12; 80]),
        (t, 80, b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n".to_vec()),
        (t, 443, record_of(&client_hello(b"www.example"))),
    ]
}

proptest! {
    #[test]
    fn survives_anything(tcp: bool, port in prop::sample::select(vec![53, 67, 80, 137, 138, 443, 547, 5353, 5355]),
        bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let transport = if tcp { Transport::Tcp } else { Transport::Udp };
        let application = packet(transport, 50_000, port, &bytes);
        seen(&application);
        identify(&application);
    }

    #[test]
    fn survives_damage(
        which in 0..8_usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let (transport, port, mut bytes) = messages().swap_remove(which);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let application = packet(transport, 50_000, port, &bytes);
        for line in seen(&application) {
            prop_assert!(line.chars().count() < 400);
        }
        identify(&application);
    }
}

#[test]
fn services_are_told_of_their_hosts() {
    let host = name("printer.local");
    let srv = [&[0, 0, 0, 0, 2, 0x77][..], &host].concat();
    let records = [
        record(&name("Office._ipp._tcp.local"), 33, 0x8001, &srv),
        record(&host, 1, 0x8001, &[10, 0, 0, 7]),
        record(&name("other.local"), 1, 1, &[10, 0, 0, 8]),
    ];
    let expected = [
        "10.0.0.7 service: Office._ipp._tcp.local, port 631",
        "10.0.0.7 printer.local mDNS",
        "10.0.0.8 other.local mDNS",
    ];
    assert_eq!(udp(5353, &message(None, &records)), expected);
    assert_eq!(udp(5353, &message(None, &records[..1])), [""; 0]);
}

#[test]
fn proxies_are_not_what_they_are_asked_for() {
    for (request, expected) in [
        ("CONNECT WWW.example:443 HTTP/1.1\r\nHost: www.example:443\r\n\r\n", vec!["www.example"]),
        ("GET http://www.example/x HTTP/1.1\r\nHost: www.example\r\n\r\n", vec!["www.example"]),
        ("CONNECT 192.0.2.1:443 HTTP/1.1\r\n\r\n", vec![]),
        ("CONNECT  HTTP/1.1\r\n\r\n", vec![]),
    ] {
        let expected: Vec<_> = expected.iter().map(|name| format!("10.0.0.2 proxy for: {name}")).collect();
        assert_eq!(tcp(8080, request.as_bytes()), expected, "{request}");
    }
}

#[test]
fn upnp_devices_say_what_they_are() {
    let notify = "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nLOCATION: http://10.0.0.1/d.xml\r\n";
    let server = "SERVER: Linux/4.4 UPnP/1.0 Sonos/63.2 (ZP120)\r\n\r\n";
    let answer =
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<root xmlns=\"urn:schemas-upnp-org:device-1-0\">";
    for (port, payload, expected) in [
        (1900, format!("{notify}{server}"), vec!["10.0.0.1 product: Sonos/63.2 (ZP120)"]),
        (1900, format!("{notify}\r\n"), vec![]),
        (1900, "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n".into(), vec![]),
    ] {
        assert_eq!(udp(port, payload.as_bytes()), expected, "{payload}");
    }
    for (payload, expected) in [
        (
            format!("{answer}<friendlyName>Tom &amp; Ann's TV</friendlyName>"),
            vec!["10.0.0.1 Tom & Ann's TV SSDP"],
        ),
        (format!("{answer}<friendlyName>cut off"), vec![]),
        ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<friendlyName>x</friendlyName>".into(), vec![]),
    ] {
        assert_eq!(tcp(80, payload.as_bytes()), expected, "{payload}");
    }
}

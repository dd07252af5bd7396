//! Micro benchmarks, and the side-by-side with other tools: see `README.md`.

use pcapviz_testkit::capture::{Pcap, Record};
use pcapviz_testkit::frame::{Ethernet, Frame, Ipv4, Ipv6, Tcp, Udp, arp_request, vlan};

/// A pcap file with so many packets of what most networks carry: TCP with payload, without, and in a VLAN; UDP;
/// a DNS question; ARP; over IPv4 and IPv6; some two packets to a flow. The same for the same number.
///
/// ```
/// let mut reader = pcapviz_capture::CaptureReader::from_bytes("made", pcapviz_benches::traffic(10)).unwrap();
/// while reader.next_packet().unwrap().is_some() {}
/// assert_eq!(reader.packets(), 10);
/// ```
pub fn traffic(packets: usize) -> Vec<u8> {
    let records: Vec<Record> = (0..packets).map(record).collect();
    Pcap::default().file(&records)
}

fn record(n: usize) -> Record {
    let flow = n / 2;
    let [high, low] = (flow as u16).to_be_bytes();
    let (client, port) = (flow as u8, 32768 | flow as u16);
    let hosts = || Ipv4::between([10, 1, high, low], [192, 0, 2, 1]);
    let ethernet = Ethernet::between(client, 200);
    let data = [0x17_u8; 700];
    let frame: Frame = match flow % 8 {
        0 => ethernet.carry(hosts().carry(Udp::ports(port, 53).carry(DNS_QUESTION))),
        1 => ethernet.carry(arp_request(
            [2, 0, 0, 0, 0, client],
            [10, 1, high, low].into(),
            [10, 1, 0, 1].into(),
        )),
        2 => ethernet.carry(Ipv6::between(flow as u16, 1).carry(Tcp::ports(port, 443).carry(&data))),
        3 => ethernet.carry(vlan(7).carry(hosts().carry(Tcp::ports(port, 80).carry(&data)))),
        4 | 5 => ethernet.carry(hosts().carry(Tcp::ports(port, 443).carry(&[]))),
        _ => ethernet.carry(hosts().carry(Tcp::ports(443, port).carry(&data))),
    };
    Record::new(1_700_000_000_000_000_000 + n as u64 * 10_000, frame.bytes())
}

/// Asks for the address of example.org.
const DNS_QUESTION: &[u8; 29] = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x01\0\x01";

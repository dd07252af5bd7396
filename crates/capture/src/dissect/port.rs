//! What stands behind a transport header, by well-known port: a tunnel or an application.

use super::tunnel::udp::over_udp;
use super::{Advance, Bytes, End, Fields, Next, Pair, Ports, Transport, Visit, tell};
use crate::Protocol;

/// The service that a port is known for (IANA service names and port numbers).
fn service(transport: Transport, port: u16) -> Option<Protocol> {
    use Transport::{Tcp, Udp};
    Some(match (transport, port) {
        (Tcp, 20 | 21) => Protocol::Ftp,
        (Tcp, 22) => Protocol::Ssh,
        (Tcp, 23) => Protocol::Telnet,
        (Tcp, 25 | 465 | 587) => Protocol::Smtp,
        (Tcp | Udp, 53) => Protocol::Dns,
        (Udp, 67 | 68) => Protocol::Dhcp,
        (Tcp, 80 | 8000 | 8080) => Protocol::Http,
        (Tcp | Udp, 88) => Protocol::Kerberos,
        (Tcp, 110) => Protocol::Pop3,
        (Udp, 123) => Protocol::Ntp,
        (Udp, 137 | 138) | (Tcp, 139) => Protocol::Netbios,
        (Tcp, 143 | 993) => Protocol::Imap,
        (Udp, 161 | 162) => Protocol::Snmp,
        (Tcp, 179) => Protocol::Bgp,
        (Tcp | Udp, 389) => Protocol::Ldap,
        (Tcp, 443 | 8443) => Protocol::Tls,
        (Udp, 443) => Protocol::Quic,
        (Tcp, 445) => Protocol::Smb,
        (Tcp, 502) => Protocol::Modbus,
        (Udp, 500) => Protocol::Ike,
        (Tcp, 102) => Protocol::S7,
        (Tcp | Udp, 1194) => Protocol::OpenVpn,
        (Tcp, 1433 | 1521 | 3306 | 5432 | 6379 | 27017) => Protocol::Database,
        (Tcp, 1883 | 8883) => Protocol::Mqtt,
        (Udp, 2123) => Protocol::Gtp,
        (Tcp, 2404) => Protocol::Iec104,
        (Tcp | Udp, 20000) => Protocol::Dnp3,
        (Tcp | Udp, 44818) | (Udp, 2222) => Protocol::EtherNetIp,
        (Udp, 4342) => Protocol::Lisp,
        (Udp, 5246) => Protocol::Capwap,
        (Udp, 514) => Protocol::Syslog,
        (Udp, 546 | 547) => Protocol::Dhcpv6,
        (Udp, 1900) => Protocol::Ssdp,
        (Tcp, 3389) => Protocol::Rdp,
        (Tcp | Udp, 5060) => Protocol::Sip,
        (Udp, 5353) => Protocol::Mdns,
        (Udp, 5355) => Protocol::Llmnr,
        _ => return None,
    })
}

/// The payload of a transport header. Where both ports are known, the destination's service is meant
/// in a request and the source's in an answer; the lower port is the server's more often than not.
#[inline(always)]
pub(super) fn payload<'a>(ports: Ports, bytes: Bytes<'a>, visitor: &mut impl Visit) -> Advance<'a> {
    let Pair { source, destination } = ports.ports;
    let (low, high) = (source.min(destination), source.max(destination));
    if ports.transport == Transport::Udp
        && let Some(step) = over_udp(low, bytes).or_else(|| over_udp(high, bytes))
    {
        return tell(visitor, bytes, Ok(step));
    }
    visitor.header(bytes.offset(), application(ports.transport, ports.ports), Fields::Application);
    (Next::End(End::Done), bytes)
}

/// The application that these ports are known for.
pub(super) fn application(transport: Transport, ports: Pair<u16>) -> Option<Protocol> {
    let Pair { source, destination } = ports;
    service(transport, source.min(destination)).or_else(|| service(transport, source.max(destination)))
}

//! TCP, UDP and SCTP.

use pnet_packet::tcp::TcpPacket;

use super::{Advance, Bytes, Fields, Next, Pair, Ports, StopReason, Transport, Visit, port};
use crate::Protocol;

/// TCP (RFC 9293). The ports count as soon as they are there; flags and payload need the whole header.
#[inline(always)]
pub(super) fn tcp<'a>(bytes: Bytes<'a>, visitor: &mut impl Visit) -> Advance<'a> {
    let mut ports = match port_pair(bytes, Transport::Tcp) {
        Ok(ports) => ports,
        Err(reason) => return (Next::Stop(reason), bytes),
    };
    let mut header_len = 20;
    if let Some(header) = TcpPacket::new(bytes.captured()) {
        ports.tcp_flags = header.get_flags();
        ports.tcp_sequence = header.get_sequence();
        header_len = (usize::from(header.get_data_offset()) * 4).max(20);
    }
    let rest = bytes.skip(header_len);
    let ports = tell_ports(Protocol::Tcp, ports, bytes, rest, visitor);
    port::payload(ports, rest, visitor)
}

/// UDP (RFC 768).
#[inline(always)]
pub(super) fn udp<'a>(bytes: Bytes<'a>, visitor: &mut impl Visit) -> Advance<'a> {
    let ports = match port_pair(bytes, Transport::Udp) {
        Ok(ports) => ports,
        Err(reason) => return (Next::Stop(reason), bytes),
    };
    let (whole, lies) = match bytes.be16(4) {
        Ok(len) if len >= 8 => (bytes.limit(len.into()), false),
        // Cut off, or more than the field can say: a jumbogram (RFC 2675), segmentation offload.
        Err(_) => (bytes, false),
        Ok(0) if bytes.wire_len() > usize::from(u16::MAX) => (bytes, false),
        // The ports count; what follows a length that lies is not taken for a tunnel.
        Ok(_) => (bytes, true),
    };
    let rest = whole.skip(8);
    let ports = tell_ports(Protocol::Udp, ports, bytes, rest, visitor);
    if lies { (Next::Stop(StopReason::BadLength), rest) } else { port::payload(ports, rest, visitor) }
}

/// SCTP (RFC 9260).
#[inline(never)]
pub(super) fn sctp<'a>(bytes: Bytes<'a>, visitor: &mut impl Visit) -> Advance<'a> {
    let ports = match port_pair(bytes, Transport::Sctp) {
        Ok(ports) => ports,
        Err(reason) => return (Next::Stop(reason), bytes),
    };
    let rest = bytes.skip(12);
    let ports = tell_ports(Protocol::Sctp, ports, bytes, rest, visitor);
    port::payload(ports, rest, visitor)
}

#[inline(always)]
fn port_pair(bytes: Bytes<'_>, transport: Transport) -> Result<Ports, StopReason> {
    let [a, b, c, d] = *bytes.array()?;
    let ports = Pair { source: u16::from_be_bytes([a, b]), destination: u16::from_be_bytes([c, d]) };
    Ok(Ports { ports, transport, tcp_flags: 0, tcp_sequence: 0, payload_len: 0 })
}

/// Tells of a header, with the length of what it carries.
#[inline(always)]
fn tell_ports(
    protocol: Protocol,
    mut ports: Ports,
    bytes: Bytes<'_>,
    rest: Bytes<'_>,
    visitor: &mut impl Visit,
) -> Ports {
    ports.payload_len = u32::try_from(rest.wire_len()).unwrap_or(u32::MAX);
    visitor.header(bytes.offset(), Some(protocol), Fields::Ports(ports));
    ports
}

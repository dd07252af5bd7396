//! TCP, UDP and SCTP.

use pnet_packet::tcp::TcpPacket;

use super::{Bytes, Fields, Next, Outcome, Pair, Ports, Step, StopReason, Transport};
use crate::Protocol;

/// TCP (RFC 9293). The ports count as soon as they are there; flags and payload need the whole header.
#[inline(always)]
pub(super) fn tcp(bytes: Bytes<'_>) -> Outcome<'_> {
    let mut ports = port_pair(bytes, Transport::Tcp)?;
    let mut header_len = 20;
    if let Some(header) = TcpPacket::new(bytes.captured()) {
        ports.tcp_flags = header.get_flags();
        ports.tcp_sequence = header.get_sequence();
        header_len = (usize::from(header.get_data_offset()) * 4).max(20);
    }
    Ok(step(Protocol::Tcp, ports, header_len, bytes))
}

/// UDP (RFC 768).
#[inline(always)]
pub(super) fn udp(bytes: Bytes<'_>) -> Outcome<'_> {
    let ports = port_pair(bytes, Transport::Udp)?;
    match bytes.be16(4) {
        Ok(len) if len >= 8 => Ok(step(Protocol::Udp, ports, 8, bytes.limit(len.into()))),
        // Cut off, or more than the field can say: a jumbogram (RFC 2675), segmentation offload.
        Err(_) => Ok(step(Protocol::Udp, ports, 8, bytes)),
        Ok(0) if bytes.wire_len() > usize::from(u16::MAX) => Ok(step(Protocol::Udp, ports, 8, bytes)),
        // The ports count; what follows a length that lies is not taken for a tunnel.
        Ok(_) => Ok(Step { next: Next::Other(bad_length), ..step(Protocol::Udp, ports, 8, bytes) }),
    }
}

fn bad_length(_: Bytes<'_>) -> Outcome<'_> {
    Err(StopReason::BadLength)
}

/// SCTP (RFC 9260).
pub(super) fn sctp(bytes: Bytes<'_>) -> Outcome<'_> {
    let ports = port_pair(bytes, Transport::Sctp)?;
    Ok(step(Protocol::Sctp, ports, 12, bytes))
}

#[inline(always)]
fn port_pair(bytes: Bytes<'_>, transport: Transport) -> Result<Ports, StopReason> {
    let [a, b, c, d] = *bytes.array()?;
    let ports = Pair { source: u16::from_be_bytes([a, b]), destination: u16::from_be_bytes([c, d]) };
    Ok(Ports { ports, transport, tcp_flags: 0, tcp_sequence: 0, payload_len: 0 })
}

#[inline(always)]
fn step(protocol: Protocol, mut ports: Ports, header_len: usize, bytes: Bytes<'_>) -> Step<'_> {
    let rest = bytes.skip(header_len);
    ports.payload_len = u32::try_from(rest.wire_len()).unwrap_or(u32::MAX);
    Step::new(protocol, Fields::Ports(ports), Next::Payload(ports), rest)
}

use std::net::IpAddr;

use super::{Application, Dissection, Fields, Hosts, Pair, Ports, Stop, StopReason, Tunnels, Visit, Vlans};
use super::{Bytes, End};
use crate::{Protocol, ProtocolSet};

/// Writes down what a walk finds. The headers that count are the first or the last of their kind.
pub(super) struct Walker<'w, 'a> {
    tunnels: Tunnels,
    found: &'w mut Dissection<'a>,
    /// How many IP headers there were.
    ip_headers: usize,
    /// The addresses and ports behind the IP header that counts: those of the latest one.
    deeper: Option<(Pair<IpAddr>, Option<Ports>)>,
    /// Whether an application's payload stands behind the innermost ports.
    application: bool,
}

impl Dissection<'_> {
    /// Of a packet that was not looked at yet.
    #[inline(always)]
    pub(super) fn nothing() -> Self {
        Self {
            devices: None,
            vlans: Vlans::default(),
            hosts: None,
            ports: None,
            icmp: None,
            arp: None,
            tunnel: None,
            protocols: ProtocolSet::EMPTY,
            innermost: None,
            application: None,
            end: End::Done,
            headers: None,
        }
    }
}

impl<'w, 'a> Walker<'w, 'a> {
    #[inline(always)]
    pub(super) fn new(tunnels: Tunnels, found: &'w mut Dissection<'a>) -> Self {
        Self { tunnels, found, ip_headers: 0, deeper: None, application: false }
    }

    /// Whether the latest IP header is the one that counts.
    #[inline(always)]
    fn counts(&self) -> bool {
        self.tunnels == Tunnels::Inner || self.ip_headers == 1
    }

    #[inline(always)]
    pub(super) fn finish(self, end: Result<End, StopReason>, rest: Bytes<'a>) {
        let innermost = if self.counts() {
            self.found.hosts.map(|hosts| (hosts.addresses, self.found.ports))
        } else {
            self.deeper
        };
        if let (true, Some((addresses, Some(ports)))) = (self.application, innermost) {
            self.found.application = Some(Application { addresses, ports, payload: rest.captured() });
        }
        self.found.end = end.unwrap_or_else(|reason| {
            End::Stopped(Stop { within: self.found.innermost, offset: rest.offset(), reason })
        });
    }
}

impl Visit for Walker<'_, '_> {
    #[inline(always)]
    fn header(&mut self, _offset: usize, protocol: Option<Protocol>, fields: Fields) {
        if let Some(protocol) = protocol {
            self.found.protocols.insert(protocol);
            self.found.innermost = Some(protocol);
        }
        match fields {
            Fields::None => {}
            Fields::Devices(devices) => {
                if self.tunnels == Tunnels::Inner {
                    self.found.devices = Some(devices);
                    self.found.vlans = Vlans::default();
                } else if self.found.devices.is_none() && self.ip_headers == 0 {
                    // The outer graph shows the frame on the wire, not one inside an IP packet.
                    self.found.devices = Some(devices);
                }
            }
            // An 802.11 frame inside an IP packet (CAPWAP, TZSP) is one seen on another wire.
            Fields::Stations(stations) => {
                if self.found.devices.is_none() && self.ip_headers == 0 {
                    self.found.devices = stations;
                }
            }
            Fields::Vlan(id) => {
                if self.tunnels == Tunnels::Inner || self.ip_headers == 0 {
                    match self.found.vlans.outer {
                        None => self.found.vlans.outer = Some(id),
                        Some(_) => self.found.vlans.inner = Some(id),
                    }
                }
            }
            // Likewise.
            Fields::Arp(arp) => {
                if self.tunnels == Tunnels::Inner || self.ip_headers == 0 {
                    self.found.arp = Some(arp);
                }
            }
            Fields::Hosts(hosts) => {
                self.ip_headers += 1;
                if self.counts() {
                    self.found.hosts = Some(Hosts { is_wrapped: self.ip_headers > 1, ..hosts });
                    self.found.ports = None;
                    self.found.icmp = None;
                } else {
                    self.deeper = Some((hosts.addresses, None));
                }
            }
            Fields::Extension { next, fragment } => {
                if let (true, Some(hosts)) = (self.counts(), &mut self.found.hosts) {
                    hosts.protocol = next;
                    hosts.is_wrapped = true;
                    hosts.fragment = fragment.or(hosts.fragment);
                }
            }
            Fields::Icmp(icmp) => {
                if self.counts() {
                    self.found.icmp = Some(icmp);
                }
            }
            Fields::Ports(ports) => {
                if !self.counts() {
                    if let Some((_, carried @ None)) = &mut self.deeper {
                        *carried = Some(ports);
                    }
                } else if self.found.hosts.is_some() && self.found.ports.is_none() {
                    self.found.ports = Some(ports);
                }
            }
            Fields::Tunnel(id) => self.found.tunnel = Some(id),
            Fields::Application => self.application = true,
        }
    }
}

use super::{Application, Arp, Dissection, Fields, Hosts, Icmp, Pair, Ports, TunnelId, Tunnels, Vlans};
use super::{Bytes, End};
use crate::{MacAddr, Protocol, ProtocolSet};

/// What a walk has found so far. The headers that count are the first or the last of their kind.
pub(super) struct Walk {
    tunnels: Tunnels,
    devices: Option<Pair<MacAddr>>,
    vlans: Vlans,
    /// The IP header that counts, with what it carries.
    hosts: Option<Hosts>,
    ports: Option<Ports>,
    icmp: Option<Icmp>,
    arp: Option<Arp>,
    /// How many IP headers there were.
    ip_headers: usize,
    tunnel: Option<TunnelId>,
    protocols: ProtocolSet,
    pub(super) last_protocol: Option<Protocol>,
    /// The innermost IP header with ports, and whether an application's payload stands behind them.
    innermost: Option<(Pair<std::net::IpAddr>, Option<Ports>)>,
    application: bool,
}

impl Walk {
    #[inline(always)]
    pub(super) fn new(tunnels: Tunnels) -> Self {
        Self {
            tunnels,
            devices: None,
            vlans: Vlans::default(),
            hosts: None,
            ports: None,
            icmp: None,
            arp: None,
            ip_headers: 0,
            tunnel: None,
            protocols: ProtocolSet::EMPTY,
            last_protocol: None,
            innermost: None,
            application: false,
        }
    }

    #[inline(always)]
    pub(super) fn take(&mut self, protocol: Option<Protocol>, fields: &Fields) {
        if let Some(protocol) = protocol {
            self.protocols.insert(protocol);
            self.last_protocol = Some(protocol);
        }
        match *fields {
            Fields::None => {}
            Fields::Devices(devices) => {
                if self.tunnels == Tunnels::Inner {
                    self.devices = Some(devices);
                    self.vlans = Vlans::default();
                } else if self.devices.is_none() && self.ip_headers == 0 {
                    // The outer graph shows the frame on the wire, not one inside an IP packet.
                    self.devices = Some(devices);
                }
            }
            // An 802.11 frame inside an IP packet (CAPWAP, TZSP) is one seen on another wire.
            Fields::Stations(stations) => {
                if self.devices.is_none() && self.ip_headers == 0 {
                    self.devices = stations;
                }
            }
            Fields::Vlan(id) => {
                if self.tunnels == Tunnels::Inner || self.ip_headers == 0 {
                    match self.vlans.outer {
                        None => self.vlans.outer = Some(id),
                        Some(_) => self.vlans.inner = Some(id),
                    }
                }
            }
            Fields::Arp(arp) => self.arp = self.arp.or(Some(arp)),
            Fields::Hosts(hosts) => {
                self.ip_headers += 1;
                self.innermost = Some((hosts.addresses, None));
                if self.counts() {
                    self.hosts = Some(hosts);
                    self.ports = None;
                    self.icmp = None;
                }
            }
            Fields::Extension { next, fragment } => {
                if let (true, Some(hosts)) = (self.counts(), &mut self.hosts) {
                    hosts.protocol = next;
                    hosts.fragment = fragment.or(hosts.fragment);
                }
            }
            Fields::Icmp(icmp) => {
                if self.counts() {
                    self.icmp = Some(icmp);
                }
            }
            Fields::Ports(ports) => {
                if let Some((_, carried @ None)) = &mut self.innermost {
                    *carried = Some(ports);
                    if self.counts() {
                        self.ports = Some(ports);
                    }
                }
            }
            Fields::Tunnel(id) => self.tunnel = Some(id),
            Fields::Application => self.application = true,
        }
    }

    /// Whether the latest IP header is the one that counts.
    #[inline(always)]
    fn counts(&self) -> bool {
        self.tunnels == Tunnels::Inner || self.ip_headers == 1
    }

    #[inline(always)]
    pub(super) fn finish<'a>(self, end: End, rest: Bytes<'a>) -> Dissection<'a> {
        let application = match self.innermost {
            Some((addresses, Some(ports))) if self.application => {
                Some(Application { addresses, ports, payload: rest.captured() })
            }
            _ => None,
        };
        Dissection {
            devices: self.devices,
            vlans: self.vlans,
            hosts: self.hosts,
            ports: self.ports,
            icmp: self.icmp,
            arp: self.arp,
            tunnel: self.tunnel,
            protocols: self.protocols,
            innermost: self.last_protocol,
            application,
            end,
        }
    }
}

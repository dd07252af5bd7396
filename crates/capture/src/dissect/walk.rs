use super::{Application, Dissection, Hosts, Layer, Pair, Ports, TunnelId, Tunnels, Vlans};
use super::{Bytes, End};
use crate::{MacAddr, Protocol, ProtocolSet};

/// What a walk has found so far. The headers that count are the first or the last of their kind.
pub(super) struct Walk {
    tunnels: Tunnels,
    devices: Option<Pair<MacAddr>>,
    vlans: Vlans,
    /// The IP header that counts, with the ports that it carries.
    chosen: Option<(Hosts, Option<Ports>)>,
    /// The latest IP header, with the ports that it carries.
    pub(super) current: Option<(Hosts, Option<Ports>)>,
    /// How many IP headers there were.
    ip_headers: usize,
    tunnel: Option<TunnelId>,
    protocols: ProtocolSet,
    pub(super) last_protocol: Option<Protocol>,
}

impl Walk {
    pub(super) fn new(tunnels: Tunnels) -> Self {
        Self {
            tunnels,
            devices: None,
            vlans: Vlans::default(),
            chosen: None,
            current: None,
            ip_headers: 0,
            tunnel: None,
            protocols: ProtocolSet::EMPTY,
            last_protocol: None,
        }
    }

    #[inline]
    pub(super) fn take(&mut self, layer: &Layer) {
        match *layer {
            Layer::None => {}
            Layer::Named(protocol) => self.name(protocol),
            Layer::NamedTwo(first, second) => {
                self.name(first);
                self.name(second);
            }
            Layer::Devices(protocol, devices) => {
                self.name(protocol);
                // The outer graph shows the frame on the wire, not one inside an IP packet.
                if self.tunnels == Tunnels::Inner || (self.devices.is_none() && self.ip_headers == 0) {
                    self.devices = Some(devices);
                }
            }
            Layer::Vlan(id) => {
                self.name(Protocol::Vlan);
                if self.ip_headers == 0 {
                    match self.vlans.outer {
                        None => self.vlans.outer = Some(id),
                        Some(_) => self.vlans.inner = Some(id),
                    }
                }
            }
            Layer::Hosts(protocol, hosts) => {
                self.name(protocol);
                self.ip_headers += 1;
                self.current = Some((hosts, None));
                self.choose();
            }
            Layer::Carries(name, protocol, fragment) => {
                if let Some(name) = name {
                    self.name(name);
                }
                if let Some((hosts, _)) = &mut self.current {
                    hosts.protocol = protocol;
                    hosts.fragment = fragment.or(hosts.fragment);
                }
                self.choose();
            }
            Layer::Ports(protocol, ports) => {
                self.name(protocol);
                if let Some((_, carried @ None)) = &mut self.current {
                    *carried = Some(ports);
                }
                self.choose();
            }
            Layer::Tunnel(protocol, id) => {
                self.name(protocol);
                self.tunnel = Some(id);
            }
        }
    }

    /// Takes the latest IP header as the one that counts, if it is.
    fn choose(&mut self) {
        if self.tunnels == Tunnels::Inner || self.ip_headers == 1 {
            self.chosen = self.current;
        }
    }

    fn name(&mut self, protocol: Protocol) {
        self.protocols.insert(protocol);
        self.last_protocol = Some(protocol);
    }

    pub(super) fn finish<'a>(self, end: End, rest: Bytes<'a>) -> Dissection<'a> {
        let application = match (end, self.current) {
            (End::Done, Some((hosts, Some(ports)))) => {
                Some(Application { addresses: hosts.addresses, ports, payload: rest.captured() })
            }
            _ => None,
        };
        Dissection {
            devices: self.devices,
            vlans: self.vlans,
            hosts: self.chosen.map(|(hosts, _)| hosts),
            ports: self.chosen.and_then(|(_, ports)| ports),
            tunnel: self.tunnel,
            protocols: self.protocols,
            application,
            end,
        }
    }
}

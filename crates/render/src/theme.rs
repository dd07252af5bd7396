//! Every colour, and what it stands for.
//!
//! The hues are Okabe and Ito's (2008), which people with any common colour blindness tell apart, muted for
//! print; their lightness differs as well, so that a grey copy still reads.

use std::net::IpAddr;

use pcapviz_graph::{AddressClass, NodeId, Protocol, ProtocolSet};

use crate::shape::Shape;

/// An opaque colour: red, green and blue from 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    /// The colour mixed with a share of paper, from 0 to 1.
    #[must_use]
    pub fn tint(self, paper: f64) -> Self {
        let mix = |from: u8, to: u8| {
            (f64::from(from) + (f64::from(to) - f64::from(from)) * paper).round().clamp(0.0, 255.0) as u8
        };
        Self(mix(self.0, PAPER.0), mix(self.1, PAPER.1), mix(self.2, PAPER.2))
    }
}

impl std::fmt::Display for Color {
    /// As in CSS: `#rrggbb`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// The page.
pub const PAPER: Color = Color(0xff, 0xff, 0xff);
/// Names and headings.
pub const INK: Color = Color(0x1b, 0x22, 0x2b);
/// Addresses and everything of second rank.
pub const INK_SOFT: Color = Color(0x51, 0x5c, 0x69);
/// Thin lines that part title and legend from the picture.
pub const RULE: Color = Color(0xd5, 0xda, 0xe0);

/// Where a node belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// A private, link-local, loopback or unspecified address.
    Inside,
    /// Any other address of one host.
    Outside,
    /// A multicast or broadcast address: no host of its own.
    Group,
    /// A MAC address that a vendor assigned.
    Device,
    /// A MAC address that was chosen locally, such as a virtual machine's or a randomised one.
    LocalDevice,
}

impl Role {
    /// Every role, in the order of the legend.
    pub const ALL: [Self; 5] = [Self::Inside, Self::Outside, Self::Device, Self::LocalDevice, Self::Group];

    /// The role of a node, from its address alone.
    pub fn of(node: NodeId) -> Self {
        match node {
            NodeId::Device(mac) if mac.is_multicast() => Self::Group,
            NodeId::Device(mac) if mac.is_local() => Self::LocalDevice,
            NodeId::Device(_) => Self::Device,
            _ => node.ip().map_or(Self::Outside, Self::of_ip),
        }
    }

    fn of_ip(ip: IpAddr) -> Self {
        match AddressClass::of(ip) {
            AddressClass::Multicast | AddressClass::Broadcast => Self::Group,
            // A host that asks for its address has none yet, and is on this link.
            AddressClass::Unspecified => Self::Inside,
            class if class.is_inside() => Self::Inside,
            _ => Self::Outside,
        }
    }

    /// What it is, for the legend.
    pub fn description(self) -> &'static str {
        match self {
            Self::Inside => "inside (private address)",
            Self::Outside => "outside (public address)",
            Self::Group => "multicast or broadcast",
            Self::Device => "device",
            Self::LocalDevice => "locally administered address",
        }
    }

    /// Its class in the SVG.
    pub fn class(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Outside => "outside",
            Self::Group => "group",
            Self::Device => "device",
            Self::LocalDevice => "local-device",
        }
    }

    /// The inside of its shape, and the shape's line.
    pub fn colors(self) -> (Color, Color) {
        match self {
            Self::Inside | Self::Device => (Color(0x3f, 0x7f, 0xb5), Color(0x1d, 0x4f, 0x7c)),
            Self::Outside | Self::LocalDevice => (Color(0xf2, 0xb1, 0x4f), Color(0x9a, 0x5f, 0x08)),
            Self::Group => (Color(0xd9, 0xcd, 0xe4), Color(0x7d, 0x66, 0x98)),
        }
    }

    /// The same for a shape that text stands in: a tint.
    pub fn label_colors(self) -> (Color, Color) {
        let (fill, line) = self.colors();
        (fill.tint(0.8), line)
    }

    /// Its shape where none is chosen: told apart without colour too.
    pub fn shape(self) -> Shape {
        match self {
            Self::Inside | Self::Device => Shape::CIRCLE,
            Self::Outside | Self::LocalDevice => Shape::SQUARE,
            Self::Group => Shape::DIAMOND,
        }
    }
}

/// What kind of traffic an edge carries: the most telling of its protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Tunnels and virtual private networks, whatever they carry.
    Tunnel,
    /// Mail.
    Mail,
    /// Shells, desktops, files, databases.
    Remote,
    /// Voice and industrial control.
    Special,
    /// HTTP, TLS, QUIC.
    Web,
    /// DNS and its kin.
    Names,
    /// What keeps a network running: DHCP, NTP, SNMP, ICMP, routing.
    Management,
    /// TCP and SCTP without a known application.
    OtherTcp,
    /// UDP without a known application.
    OtherUdp,
    /// IP without a known transport.
    OtherIp,
    /// Ethernet without IP.
    NonIp,
}

/// One row of the legend of edges.
struct FamilyRow {
    family: Family,
    description: &'static str,
    class: &'static str,
    stroke: Color,
    /// Dark enough to be read as text on paper (a contrast of 4.5 at least).
    ink: Color,
    protocols: &'static [Protocol],
}

/// The first row with a protocol of the edge is the edge's family.
static FAMILIES: &[FamilyRow] = {
    use Protocol::*;
    &[
        FamilyRow {
            family: Family::Tunnel,
            description: "tunnels (VPN, GRE, VXLAN, GTP)",
            class: "tunnel",
            stroke: Color(0x86, 0x6c, 0xb0),
            ink: Color(0x64, 0x4a, 0x90),
            protocols: &[
                Ah,
                Esp,
                IpComp,
                MinimalEncapsulation,
                Gre,
                Erspan,
                EtherIp,
                L2tp,
                Vxlan,
                Geneve,
                Gtp,
                Teredo,
                Ayiya,
                Lisp,
                Capwap,
                Lwapp,
                Tzsp,
                WireGuard,
                OpenVpn,
                Ike,
            ],
        },
        FamilyRow {
            family: Family::Mail,
            description: "mail (SMTP, IMAP, POP3)",
            class: "mail",
            stroke: Color(0xc2, 0x6b, 0x9b),
            ink: Color(0x96, 0x42, 0x70),
            protocols: &[Smtp, Imap, Pop3],
        },
        FamilyRow {
            family: Family::Remote,
            description: "remote access, files, databases (SSH, SMB)",
            class: "remote",
            stroke: Color(0xd0, 0x5f, 0x1c),
            ink: Color(0xa8, 0x48, 0x0c),
            protocols: &[Ssh, Telnet, Rdp, Smb, Ftp, Database],
        },
        FamilyRow {
            family: Family::Special,
            description: "voice, industry (SIP, Modbus, S7)",
            class: "special",
            stroke: Color(0x8c, 0x5a, 0x2b),
            ink: Color(0x74, 0x47, 0x1c),
            protocols: &[
                Sip,
                Modbus,
                Dnp3,
                Iec104,
                S7,
                EtherNetIp,
                Mqtt,
                Profinet,
                EtherCat,
                Goose,
                SampledValues,
            ],
        },
        FamilyRow {
            family: Family::Web,
            description: "web (HTTP, TLS, QUIC)",
            class: "web",
            stroke: Color(0x2c, 0x7f, 0xb8),
            ink: Color(0x1c, 0x62, 0x92),
            protocols: &[Http, Tls, Quic],
        },
        FamilyRow {
            family: Family::Names,
            description: "names (DNS, mDNS, NetBIOS)",
            class: "names",
            stroke: Color(0x1f, 0x9a, 0x78),
            ink: Color(0x0b, 0x74, 0x57),
            protocols: &[Dns, Mdns, Llmnr, Netbios],
        },
        FamilyRow {
            family: Family::Management,
            description: "management (DHCP, NTP, ICMP, routing)",
            class: "management",
            stroke: Color(0xb5, 0x9a, 0x1e),
            ink: Color(0x7a, 0x66, 0x05),
            protocols: &[
                Dhcp, Dhcpv6, Ntp, Snmp, Syslog, Ssdp, Ldap, Kerberos, Bgp, Ospf, Eigrp, Egp, Rsvp, Vrrp,
                Pim, Pgm, Igmp, Icmp, Icmpv6, Wccp,
            ],
        },
        FamilyRow {
            family: Family::OtherTcp,
            description: "other TCP, SCTP",
            class: "tcp",
            stroke: Color(0x5d, 0x68, 0x76),
            ink: Color(0x4a, 0x54, 0x60),
            protocols: &[Tcp, Sctp, Dccp],
        },
        FamilyRow {
            family: Family::OtherUdp,
            description: "other UDP",
            class: "udp",
            stroke: Color(0x94, 0x9f, 0xac),
            ink: Color(0x5a, 0x65, 0x72),
            protocols: &[Udp, UdpLite],
        },
        FamilyRow {
            family: Family::OtherIp,
            description: "other IP",
            class: "ip",
            stroke: Color(0x8f, 0x9b, 0x7d),
            ink: Color(0x5c, 0x68, 0x4a),
            protocols: &[Ipv4, Ipv6],
        },
    ]
};

/// Where no row fits.
static NON_IP: FamilyRow = FamilyRow {
    family: Family::NonIp,
    description: "not IP (ARP, STP, ...)",
    class: "non-ip",
    stroke: Color(0xb3, 0xa6, 0x8f),
    ink: Color(0x70, 0x64, 0x4e),
    protocols: &[],
};

impl Family {
    /// The family of an edge with these protocols.
    ///
    /// ```
    /// use pcapviz_graph::Protocol;
    /// use pcapviz_render::theme::Family;
    ///
    /// let family = Family::of([Protocol::Ipv4, Protocol::Tcp, Protocol::Http].into_iter().collect());
    /// assert_eq!(family, Family::Web);
    /// ```
    pub fn of(protocols: ProtocolSet) -> Self {
        FAMILIES
            .iter()
            .find(|row| row.protocols.iter().any(|&p| protocols.contains(p)))
            .map_or(Self::NonIp, |row| row.family)
    }

    /// Every family, in the order of the legend.
    pub fn all() -> impl Iterator<Item = Self> {
        FAMILIES.iter().chain([&NON_IP]).map(|row| row.family)
    }

    fn row(self) -> &'static FamilyRow {
        FAMILIES.iter().find(|row| row.family == self).unwrap_or(&NON_IP)
    }

    /// What it is, for the legend.
    pub fn description(self) -> &'static str {
        self.row().description
    }

    /// Its class in the SVG.
    pub fn class(self) -> &'static str {
        self.row().class
    }

    /// The colour of its edges.
    pub fn stroke(self) -> Color {
        self.row().stroke
    }

    /// The colour of its edges' labels.
    pub fn ink(self) -> Color {
        self.row().ink
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.2).
    fn luminance(color: Color) -> f64 {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(color.0) + 0.7152 * linear(color.1) + 0.0722 * linear(color.2)
    }

    #[test]
    fn all_text_is_readable_on_paper() {
        let names = Role::ALL.map(|role| role.colors().1);
        for ink in Family::all().map(Family::ink).chain([INK, INK_SOFT]).chain(names) {
            let contrast = (luminance(PAPER) + 0.05) / (luminance(ink) + 0.05);
            assert!(contrast >= 4.5, "{ink}: {contrast}");
        }
    }

    #[test]
    fn roles_differ_in_grey() {
        let (inside, outside, group) =
            (Role::Inside.colors().0, Role::Outside.colors().0, Role::Group.colors().0);
        assert!(luminance(outside) > 2.0 * luminance(inside));
        assert!(luminance(group) > 1.1 * luminance(outside));
    }

    #[test]
    fn roles_follow_the_address() {
        for (ip, role) in [
            ("10.1.2.3", Role::Inside),
            ("172.32.0.1", Role::Outside),
            ("100.64.0.1", Role::Inside),
            ("169.254.9.9", Role::Inside),
            ("255.255.255.255", Role::Group),
            ("239.255.255.250", Role::Group),
            ("8.8.8.8", Role::Outside),
            ("fe80::1", Role::Inside),
            ("fd00::1", Role::Inside),
            ("ff02::fb", Role::Group),
            ("2600::1", Role::Outside),
            ("::ffff:10.0.0.1", Role::Inside),
        ] {
            assert_eq!(Role::of(NodeId::Host(ip.parse().unwrap())), role, "{ip}");
        }
    }
}

//! Every colour, and what it stands for.
//!
//! The hues are Okabe and Ito's (2008), which people with any common colour blindness tell apart, muted for
//! print; their lightness differs as well, so that a grey copy still reads.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use pcapviz_graph::{AddressClass, Inside, NodeId, Protocol, ProtocolSet, Severity};

/// An opaque colour: red, green and blue from 0 to 255.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    /// The colour mixed with a share of another, from 0 to 1.
    #[must_use]
    pub fn mix(self, other: Self, share: f64) -> Self {
        let mix = |from: u8, to: u8| {
            (f64::from(from) + (f64::from(to) - f64::from(from)) * share).round().clamp(0.0, 255.0) as u8
        };
        Self(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }
}

impl std::fmt::Display for Color {
    /// As in CSS: `#rrggbb`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// The colours of a picture as a whole.
///
/// ```
/// use pcapviz_render::theme::Theme;
///
/// assert_eq!(Theme::by_name("Dark"), Some(Theme::Dark));
/// assert_eq!(Theme::by_name("sepia"), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Theme {
    /// Dark on white: for screens and reports.
    #[default]
    Light,
    /// Light on near black: for dark rooms and slides.
    Dark,
    /// Black and greys on white; kinds of traffic are told apart by dashes: for printers without colour.
    Print,
}

/// The four colours that a theme's page is made of.
struct Page {
    paper: Color,
    ink: Color,
    ink_soft: Color,
    rule: Color,
}

static LIGHT: Page = Page {
    paper: WHITE,
    ink: Color(0x1b, 0x22, 0x2b),
    ink_soft: Color(0x51, 0x5c, 0x69),
    rule: Color(0xd5, 0xda, 0xe0),
};
static DARK: Page = Page {
    paper: Color(0x14, 0x18, 0x1f),
    ink: Color(0xee, 0xf1, 0xf5),
    ink_soft: Color(0xa9, 0xb4, 0xc1),
    rule: Color(0x38, 0x41, 0x4d),
};
static PRINT: Page =
    Page { paper: WHITE, ink: BLACK, ink_soft: Color(0x33, 0x33, 0x33), rule: Color(0x99, 0x99, 0x99) };

const WHITE: Color = Color(0xff, 0xff, 0xff);
const BLACK: Color = Color(0, 0, 0);

impl Theme {
    /// Every theme, the default first.
    pub const ALL: [Self; 3] = [Self::Light, Self::Dark, Self::Print];

    /// The name by which it is chosen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::Print => "print",
        }
    }

    /// The theme of this name, in any case.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name().eq_ignore_ascii_case(name))
    }

    fn page(self) -> &'static Page {
        match self {
            Self::Light => &LIGHT,
            Self::Dark => &DARK,
            Self::Print => &PRINT,
        }
    }

    /// The page.
    pub fn paper(self) -> Color {
        self.page().paper
    }

    /// The inside of a frame around nodes that belong together.
    pub fn frame(self) -> Color {
        self.ink_soft().mix(self.paper(), 0.94)
    }

    /// Names and headings.
    pub fn ink(self) -> Color {
        self.page().ink
    }

    /// Addresses and everything of second rank.
    pub fn ink_soft(self) -> Color {
        self.page().ink_soft
    }

    /// Thin lines that part title and legend from the picture.
    pub fn rule(self) -> Color {
        self.page().rule
    }

    /// The inside of a node's shape, and the shape's line.
    pub fn role(self, role: Role) -> (Color, Color) {
        let (fill, line) = match role {
            Role::Inside | Role::Device => (Color(0x3f, 0x7f, 0xb5), Color(0x1d, 0x4f, 0x7c)),
            Role::Outside | Role::LocalDevice => (Color(0xf2, 0xb1, 0x4f), Color(0x9a, 0x5f, 0x08)),
            Role::Group => (Color(0xd9, 0xcd, 0xe4), Color(0x7d, 0x66, 0x98)),
        };
        match self {
            Self::Light => (fill, line),
            // The line is the light that parts the shape from the night around it.
            Self::Dark => (fill.mix(BLACK, 0.1), fill.mix(WHITE, 0.45)),
            Self::Print => match role {
                Role::Inside | Role::Device => (Color(0x70, 0x70, 0x70), BLACK),
                Role::Outside | Role::LocalDevice => (WHITE, BLACK),
                Role::Group => (Color(0xd0, 0xd0, 0xd0), BLACK),
            },
        }
    }

    /// The same for a node that also belongs to a region: outside nodes have their region's colours.
    pub fn place(self, role: Role, region: Region) -> (Color, Color) {
        let fill = match region {
            Region::Ranked(nth) => REGIONS[nth % REGIONS.len()],
            Region::Elsewhere => ELSEWHERE,
            Region::Whole => return self.role(role),
        };
        match self {
            Self::Light => (fill, fill.mix(BLACK, 0.55)),
            Self::Dark => (fill.mix(BLACK, 0.1), fill.mix(WHITE, 0.45)),
            // Signs in the shapes tell them apart.
            Self::Print => self.role(role),
        }
    }

    /// The same for a shape that text stands in: a tint.
    pub fn label_place(self, role: Role, region: Region) -> (Color, Color) {
        let (fill, line) = self.place(role, region);
        (fill.mix(self.paper(), 0.8), line)
    }

    /// The colour of a family's edges.
    pub fn stroke(self, family: Family) -> Color {
        match self {
            Self::Light => family.row().stroke,
            Self::Dark => family.row().stroke.mix(WHITE, 0.25),
            Self::Print => Color(0x30, 0x30, 0x30),
        }
    }

    /// The colour of the labels of a family's edges.
    pub fn family_ink(self, family: Family) -> Color {
        match self {
            Self::Light => family.row().ink,
            Self::Dark => family.row().stroke.mix(WHITE, 0.5),
            Self::Print => BLACK,
        }
    }

    /// The dashes of a family's edges, in widths of the line: drawn, not drawn, drawn, ...; none for a solid line.
    pub fn dash(self, family: Family) -> &'static [f64] {
        if self == Self::Print { family.row().dash } else { &[] }
    }

    /// The colour of what a finding marks.
    pub fn severity(self, severity: Severity) -> Color {
        match (self, severity) {
            (Self::Print, _) => BLACK,
            (Self::Light, Severity::Alert) => Color(0xc0, 0x1f, 0x2e),
            (Self::Dark, Severity::Alert) => Color(0xff, 0x6b, 0x6b),
            (Self::Light, _) => Color(0x8a, 0x6d, 0x00),
            (Self::Dark, _) => Color(0xf0, 0xd0, 0x50),
        }
    }
}

/// Which part of the outside a node belongs to: what its colour and its sign say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Region {
    /// There are no parts.
    #[default]
    Whole,
    /// A country or network owner with a colour of its own, from 0 on, below [`Region::MOST`].
    Ranked(usize),
    /// Any other, several, or none that is known.
    Elsewhere,
}

impl Region {
    /// How many have colours of their own: more are not told apart at a glance.
    pub const MOST: usize = REGIONS.len();
}

/// Paul Tol's "light" scheme (2021), made for areas that dark text stands on: told apart with any common colour
/// blindness, and from the darker blue of the inside.
const REGIONS: [Color; 5] = [
    Color(0xee, 0x88, 0x66),
    Color(0xee, 0xdd, 0x88),
    Color(0x44, 0xbb, 0x99),
    Color(0xff, 0xaa, 0xbb),
    Color(0x99, 0xdd, 0xff),
];
const ELSEWHERE: Color = Color(0xdd, 0xdd, 0xdd);

/// Where a node belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// An address of one's own networks: private, link-local, loopback or unspecified ones unless said otherwise.
    Inside,
    /// Any other address of one host.
    Outside,
    /// A multicast or broadcast address, a network's included: no host of its own.
    Group,
    /// A MAC address that a vendor assigned.
    Device,
    /// A MAC address that was chosen locally, such as a virtual machine's or a randomised one.
    LocalDevice,
}

impl Role {
    /// Every role, in the order of the legend.
    pub const ALL: [Self; 5] = [Self::Inside, Self::Outside, Self::Device, Self::LocalDevice, Self::Group];

    /// The role of a node by its address, and by which networks are inside. O(networks).
    pub fn within(node: NodeId, inside: &Inside) -> Self {
        let ip = match (node, node.ip()) {
            (NodeId::Device(mac), _) if mac.is_multicast() => return Self::Group,
            (NodeId::Device(mac), _) if mac.is_local() => return Self::LocalDevice,
            (NodeId::Device(_), _) => return Self::Device,
            (_, None) => return Self::Outside,
            (_, Some(ip)) => ip,
        };
        match AddressClass::of(ip) {
            AddressClass::Multicast | AddressClass::Broadcast => Self::Group,
            // A host that asks for its address has none yet, and is on this link.
            AddressClass::Unspecified => Self::Inside,
            _ if inside.holds(ip) => Self::Inside,
            _ => Self::Outside,
        }
    }

    /// What it is, for the legend.
    pub fn description(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Outside => "outside",
            Self::Group => "multicast or broadcast",
            Self::Device => "device",
            Self::LocalDevice => "locally administered address",
        }
    }

    /// Where it stands where a network is drawn in tiers: 0 is on top, gateways are at 1.
    pub(crate) fn tier(self) -> u8 {
        match self {
            Self::Outside => 0,
            Self::Inside | Self::Device | Self::LocalDevice => 2,
            Self::Group => 3,
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
}

/// What kind of traffic an edge carries.
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
    /// Dashes for a page without colours, in widths of the line.
    dash: &'static [f64],
    protocols: &'static [Protocol],
}

/// The first row with a protocol of the flow is the flow's family.
static FAMILIES: &[FamilyRow] = {
    use Protocol::*;
    &[
        FamilyRow {
            family: Family::Tunnel,
            description: "tunnels (VPN, GRE, VXLAN, GTP)",
            class: "tunnel",
            stroke: Color(0x86, 0x6c, 0xb0),
            ink: Color(0x64, 0x4a, 0x90),
            dash: &[6.0, 1.5, 1.0, 1.5, 1.0, 1.5],
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
            dash: &[1.0, 2.0],
            protocols: &[Smtp, Imap, Pop3],
        },
        FamilyRow {
            family: Family::Remote,
            description: "remote access, files, databases (SSH, SMB)",
            class: "remote",
            stroke: Color(0xd0, 0x5f, 0x1c),
            ink: Color(0xa8, 0x48, 0x0c),
            dash: &[5.0, 1.5, 1.0, 1.5],
            protocols: &[Ssh, Telnet, Rdp, Smb, Ftp, Database],
        },
        FamilyRow {
            family: Family::Special,
            description: "voice, industry (SIP, Modbus, S7)",
            class: "special",
            stroke: Color(0x8c, 0x5a, 0x2b),
            ink: Color(0x74, 0x47, 0x1c),
            dash: &[8.0, 2.0, 2.0, 2.0],
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
            dash: &[],
            protocols: &[Http, Tls, Quic],
        },
        FamilyRow {
            family: Family::Names,
            description: "names (DNS, mDNS, NetBIOS)",
            class: "names",
            stroke: Color(0x1f, 0x9a, 0x78),
            ink: Color(0x0b, 0x74, 0x57),
            dash: &[3.0, 1.5],
            protocols: &[Dns, Mdns, Llmnr, Netbios],
        },
        FamilyRow {
            family: Family::Management,
            description: "management (DHCP, NTP, ICMP, routing)",
            class: "management",
            stroke: Color(0xb5, 0x9a, 0x1e),
            ink: Color(0x7a, 0x66, 0x05),
            dash: &[1.0, 1.0],
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
            dash: &[8.0, 1.5],
            protocols: &[Tcp, Sctp, Dccp],
        },
        FamilyRow {
            family: Family::OtherUdp,
            description: "other UDP",
            class: "udp",
            stroke: Color(0x94, 0x9f, 0xac),
            ink: Color(0x5a, 0x65, 0x72),
            dash: &[2.0, 3.0],
            protocols: &[Udp, UdpLite],
        },
        FamilyRow {
            family: Family::OtherIp,
            description: "other IP",
            class: "ip",
            stroke: Color(0x8f, 0x9b, 0x7d),
            ink: Color(0x5c, 0x68, 0x4a),
            dash: &[1.0, 4.0],
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
    dash: &[4.0, 4.0],
    protocols: &[],
};

impl Family {
    /// The families of an edge with their bytes, by its [shares](pcapviz_graph::LayerGraph::shares): that of the most bytes
    /// first, equals in the order of the legend.
    pub fn by_bytes(bytes: impl IntoIterator<Item = (Self, u64)>) -> Vec<(Self, u64)> {
        let mut sums: BTreeMap<Self, u64> = BTreeMap::new();
        for (family, bytes) in bytes {
            let sum = sums.entry(family).or_default();
            *sum = sum.saturating_add(bytes);
        }
        let mut sums: Vec<(Self, u64)> = sums.into_iter().collect();
        sums.sort_by_key(|(family, bytes)| (Reverse(*bytes), *family));
        sums
    }

    /// The family of a flow with these protocols: the most telling of them counts.
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
    fn all_text_is_readable_in_every_theme() {
        for theme in Theme::ALL {
            let regions = (0..Region::MOST).map(Region::Ranked).chain([Region::Elsewhere]);
            let regions = regions.map(|region| theme.place(Role::Outside, region).1);
            let names = Role::ALL.map(|role| theme.role(role).1).into_iter().chain(regions);
            let severities = [Severity::Note, Severity::Alert].map(|severity| theme.severity(severity));
            let inks = Family::all().map(|family| theme.family_ink(family));
            for ink in inks.chain([theme.ink(), theme.ink_soft()]).chain(names).chain(severities) {
                let (a, b) = (luminance(theme.paper()), luminance(ink));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 4.5, "{theme:?} {ink}: {contrast}");
            }
        }
    }

    #[test]
    fn roles_differ_in_grey() {
        for theme in Theme::ALL {
            let [inside, outside, group] =
                [Role::Inside, Role::Outside, Role::Group].map(|role| luminance(theme.role(role).0));
            assert!(outside > 2.0 * inside, "{theme:?}");
            assert!(outside.max(group) > 1.1 * outside.min(group), "{theme:?}");
        }
    }

    #[test]
    fn families_differ_in_dashes_on_paper_without_colour() {
        let mut all: Vec<_> = Family::all().map(|family| Theme::Print.dash(family)).collect();
        assert!(all.iter().all(|dash| dash.len() % 2 == 0));
        let count = all.len();
        all.sort_by(|a, b| a.partial_cmp(b).unwrap());
        all.dedup();
        assert_eq!(all.len(), count);
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
            assert_eq!(Role::within(NodeId::Host(ip.parse().unwrap()), &Inside::PRIVATE), role, "{ip}");
        }
        let office = "198.51.100.0/24".parse().unwrap();
        for (ip, role) in [
            ("198.51.100.7", Role::Inside),
            ("10.1.2.3", Role::Outside),
            ("fe80::1", Role::Inside),
            ("239.1.2.3", Role::Group),
        ] {
            assert_eq!(Role::within(NodeId::Host(ip.parse().unwrap()), &office), role, "{ip}");
        }
    }
}

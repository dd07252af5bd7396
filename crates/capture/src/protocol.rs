use std::fmt;

/// Declares [`Protocol`] and its table from one list: a protocol is one row here.
macro_rules! protocols {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A protocol that the dissector knows by name, outermost kinds first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Protocol { $($(#[$doc])* #[doc = concat!("`", $name, "`")] $variant,)* }

        impl Protocol {
            /// Every protocol, in the order in which a packet's layers are named.
            pub const ALL: &[Protocol] = &[$(Protocol::$variant,)*];

            /// The name by which people know it, such as `TLS`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

protocols! {
    // Link layer.
    Ethernet = "Ethernet",
    Wlan = "802.11",
    LinuxCooked = "Linux cooked",
    Loopback = "Loopback",
    Ppp = "PPP",
    CiscoHdlc = "Cisco HDLC",
    FrameRelay = "Frame Relay",
    Atm = "ATM",
    Slip = "SLIP",
    TokenRing = "Token Ring",
    Fddi = "FDDI",
    Arcnet = "ARCNET",
    IpOib = "IPoIB",
    FibreChannel = "Fibre Channel",
    FireWire = "FireWire",
    Docsis = "DOCSIS",
    // Between the link layer and IP.
    Isl = "ISL",
    FabricPath = "FabricPath",
    Vlan = "802.1Q",
    Backbone = "802.1ah",
    Etag = "802.1BR",
    VnTag = "VN-Tag",
    Rtag = "802.1CB",
    Hsr = "HSR",
    CiscoMetadata = "Cisco MetaData",
    Macsec = "MACsec",
    Trill = "TRILL",
    Batman = "batman-adv",
    Nsh = "NSH",
    Llc = "LLC",
    Snap = "SNAP",
    Pppoe = "PPPoE",
    Mpls = "MPLS",
    // Beside IP.
    Stp = "STP",
    Lldp = "LLDP",
    Cdp = "CDP",
    Eapol = "EAPOL",
    Arp = "ARP",
    Rarp = "RARP",
    Ipx = "IPX",
    AppleTalk = "AppleTalk",
    Decnet = "DECnet",
    Mop = "MOP",
    Isis = "IS-IS",
    SlowProtocols = "Slow protocols",
    Cfm = "CFM",
    Ptp = "PTP",
    Fcoe = "FCoE",
    Ctp = "Ethernet loopback",
    HomePlug = "HomePlug",
    WakeOnLan = "Wake-on-LAN",
    Profinet = "PROFINET",
    EtherCat = "EtherCAT",
    Goose = "GOOSE",
    SampledValues = "Sampled Values",
    // Network layer, and tunnels over it.
    Ipv4 = "IPv4",
    Ipv6 = "IPv6",
    Ah = "AH",
    Esp = "ESP",
    IpComp = "IPComp",
    MinimalEncapsulation = "Minimal encapsulation",
    Gre = "GRE",
    Erspan = "ERSPAN",
    Wccp = "WCCP",
    EtherIp = "EtherIP",
    L2tp = "L2TP",
    Vxlan = "VXLAN",
    Geneve = "Geneve",
    Gtp = "GTP",
    Teredo = "Teredo",
    Ayiya = "AYIYA",
    Lisp = "LISP",
    Capwap = "CAPWAP",
    Lwapp = "LWAPP",
    Tzsp = "TZSP",
    WireGuard = "WireGuard",
    OpenVpn = "OpenVPN",
    Ike = "IKE",
    Icmp = "ICMP",
    Icmpv6 = "ICMPv6",
    Igmp = "IGMP",
    Ospf = "OSPF",
    Eigrp = "EIGRP",
    Egp = "EGP",
    Rsvp = "RSVP",
    Pim = "PIM",
    Pgm = "PGM",
    Vrrp = "VRRP",
    // Transport layer.
    Tcp = "TCP",
    Udp = "UDP",
    UdpLite = "UDP-Lite",
    Dccp = "DCCP",
    Sctp = "SCTP",
    // Application layer, by content or well-known port.
    Dns = "DNS",
    Mdns = "mDNS",
    Llmnr = "LLMNR",
    Netbios = "NetBIOS",
    Dhcp = "DHCP",
    Dhcpv6 = "DHCPv6",
    Http = "HTTP",
    Tls = "TLS",
    Quic = "QUIC",
    Ssh = "SSH",
    Ntp = "NTP",
    Ftp = "FTP",
    Telnet = "Telnet",
    Smtp = "SMTP",
    Imap = "IMAP",
    Pop3 = "POP3",
    Ldap = "LDAP",
    Kerberos = "Kerberos",
    Smb = "SMB",
    Rdp = "RDP",
    Snmp = "SNMP",
    Syslog = "syslog",
    Ssdp = "SSDP",
    Sip = "SIP",
    Bgp = "BGP",
    Modbus = "Modbus",
    Dnp3 = "DNP3",
    Iec104 = "IEC 104",
    S7 = "S7",
    EtherNetIp = "EtherNet/IP",
    Mqtt = "MQTT",
    Database = "Database",
}

/// A set of protocols, one bit each.
///
/// ```
/// use pcapviz_capture::{Protocol, ProtocolSet};
///
/// let set: ProtocolSet = [Protocol::Tcp, Protocol::Ipv4].into_iter().collect();
/// assert_eq!(set.to_string(), "IPv4 | TCP");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolSet(u128);

const _: () = assert!(Protocol::ALL.len() <= 128, "a ProtocolSet has 128 bits");

impl ProtocolSet {
    /// The set of none.
    pub const EMPTY: Self = Self(0);

    /// Adds one.
    #[inline]
    pub fn insert(&mut self, protocol: Protocol) {
        self.0 |= 1 << protocol as u8;
    }

    /// Whether it is in the set.
    #[inline]
    pub fn contains(self, protocol: Protocol) -> bool {
        self.0 & (1 << protocol as u8) != 0
    }

    /// Both sets together.
    #[inline]
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The protocols in it, outermost kinds first.
    pub fn iter(self) -> impl Iterator<Item = Protocol> {
        Protocol::ALL.iter().copied().filter(move |&p| self.contains(p))
    }
}

impl FromIterator<Protocol> for ProtocolSet {
    fn from_iter<I: IntoIterator<Item = Protocol>>(protocols: I) -> Self {
        let mut set = Self::EMPTY;
        protocols.into_iter().for_each(|p| set.insert(p));
        set
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The names with ` | ` between them.
impl fmt::Display for ProtocolSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, protocol) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(" | ")?;
            }
            f.write_str(protocol.name())?;
        }
        Ok(())
    }
}

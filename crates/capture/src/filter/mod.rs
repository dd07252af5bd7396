//! Filters in the language of tcpdump, pcap-filter(7), evaluated on packets of any link type.
//!
//! The parser makes an expression that knows no link type; for each link type that packets turn up with,
//! it is lowered once into a chain of tests on the packet's bytes, at the places where libpcap's compiler
//! would read them. To add a test: a variant of [`Primitive`](expression::Primitive), its words in the parser
//! (and in the list of keywords), and what it reads in [`lower`](mod@lower). To add a link type: a row in
//! [`link`]'s table.

mod expression;
mod inner;
mod lexer;
mod link;
mod lower;
mod names;
mod parser;
mod program;

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use self::expression::Step;
use self::program::Program;
use crate::{LinkType, Packet, Tunnels};

/// A filter expression in the language of tcpdump, ready to be asked about packets of any link type from
/// any number of threads.
///
/// ```
/// use pcapviz_capture::{Filter, LinkType, Packet};
///
/// let filter = Filter::parse("udp port 53 and not src net 10.0.0.0/8")?;
/// let packet = b"\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\xc0\0\x02\x01\xc0\0\x02\x35\x80\0\0\x35\0\x08\0\0";
/// assert!(filter.matches(&Packet::new(LinkType::RAW, packet)));
/// # Ok::<(), pcapviz_capture::FilterError>(())
/// ```
///
/// # The language
/// All of [pcap-filter(7)](https://www.tcpdump.org/manpages/pcap-filter.7.html) that makes sense on a file:
/// - `host`, `net` (with `/bits`, `mask`, or cut short as in `net 10`), `port`, `portrange`, `proto`,
///   `protochain`, each behind `src`, `dst`, `src or dst`, `src and dst` and a protocol;
/// - `ether host|src|dst|proto|broadcast|multicast` (also as `link`, `wlan`, `fddi`, `tr`), `ip broadcast`,
///   `ip multicast`, `ip6 multicast`;
/// - protocols by their name alone, from `ip` over `tcp` to `stp` and `isis`;
/// - `vlan`, `mpls`, `pppoes`, `geneve` and `vxlan`, each with its number or without: they move all that stands
///   to the right of them to the headers inside; `pppoed`; `llc` with its kinds;
/// - 802.11: `type`, `subtype`, `dir`, `wlan addr1` to `addr4`, `ra`, `ta`; `radio[...]`;
/// - `less`, `greater`, `byte`, and relations between numbers: `len`, `proto[index:size]`, + - * / % & | ^ << >>,
///   with the names of TCP's flags and of ICMP's and ICMPv6's types;
/// - `inbound`, `outbound` and `ifindex` on link types that say these; `and`, `or`, `not`, `&&`, `||`, `!`, parentheses.
///
/// `and` and `or` bind alike, to the left. A bare value takes over the qualifiers before it: `tcp port 80 or
/// 443`. A name that is also a word of the language needs a backslash: `ip proto \tcp`.
///
/// Not supported, with an error that says so: names of hosts and networks, and `gateway` (they would have
/// to be resolved); fields of OpenBSD's pflog, ATM cells and SS7. Port and protocol names are those of a
/// table of common ones that comes with the program, not of the machine's `/etc/services`.
///
/// # Meaning
/// What passes is what `tcpdump -r FILE EXPRESSION` (libpcap 1.10) shows. In particular:
/// - Tests look at the outermost headers. `ip` is false behind a VLAN tag unless `vlan` stands before it.
/// - `port` is false for later fragments, and does not look behind IPv6 extension headers; `ip6 proto`
///   looks behind a fragment header only.
/// - A packet that was cut before a byte that a test reads does not pass, even under `not`.
/// - Numbers are 32 bits and unsigned. `^` and `%` take all that stands to the right of them as their operand.
/// - `ip broadcast` knows no network mask: it is true for 255.255.255.255 and 0.0.0.0.
///
/// On purpose otherwise: what can never pass, such as `ip and ip6`, is no error; NULL's address family counts in
/// either byte order; 802.11 tests and `vlan` work behind PPI too; `byte N & M` reads the byte; `protochain` walks on behind AH where libpcap loses its place; `vxlan` is
/// newer than libpcap 1.10. Where tcpdump refuses an expression for a link type, [`check`](Self::check)
/// says why, and none of its packets pass. libpcap's optimiser reorders tests that read the same field, so that
/// a packet cut between its two ports may pass `port 80 or 443` there and not here.
///
/// Evaluation allocates nothing and costs a few nanoseconds for each test. Parsing is linear in the text.
#[derive(Debug)]
pub struct Filter {
    text: String,
    steps: Vec<Step>,
    /// What the expression is for each row of the table of link types, made when first asked for.
    programs: [OnceLock<Result<Program, FilterError>>; link::ROWS],
}

impl Filter {
    /// Reads an expression. The empty one matches every packet.
    ///
    /// # Errors
    /// If the text is no expression, or asks for what cannot be known offline (host names, for instance).
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let steps = parser::parse(text)?;
        Ok(Self { text: text.to_owned(), steps, programs: [const { OnceLock::new() }; link::ROWS] })
    }

    /// The expression as it was given.
    pub fn expression(&self) -> &str {
        &self.text
    }

    /// Whether the expression makes sense for a link type.
    ///
    /// # Errors
    /// If some word of it does not, such as `vlan` on raw IP: then no packet of this link type matches.
    pub fn check(&self, link_type: LinkType) -> Result<(), FilterError> {
        self.program(link_type).as_ref().map(|_| ()).map_err(Clone::clone)
    }

    /// Why packets of some link types never pass: an error for each kind of those met so far.
    ///
    /// ```
    /// use pcapviz_capture::{Filter, LinkType, Packet};
    ///
    /// let filter = Filter::parse("vlan 5")?;
    /// assert!(!filter.matches(&Packet::new(LinkType::RAW, &[0x45; 20])));
    /// assert_eq!(filter.refusals().next().unwrap().message(), "RAW has no VLAN tags");
    /// # Ok::<(), pcapviz_capture::FilterError>(())
    /// ```
    pub fn refusals(&self) -> impl Iterator<Item = &FilterError> {
        self.programs.iter().filter_map(|program| program.get()?.as_ref().err())
    }

    /// Whether a packet passes: by its outermost headers, exactly as tcpdump would decide.
    #[inline]
    pub fn matches(&self, packet: &Packet<'_>) -> bool {
        match self.program(packet.link_type) {
            Ok(program) => program.matches(packet.captured, packet.wire_len),
            Err(_) => false,
        }
    }

    /// Whether a packet passes by the headers that count: with [`Tunnels::Inner`], the expression is asked of
    /// the innermost Ethernet frame, or of the innermost IP packet if it is in no frame of its own.
    ///
    /// `len`, `ether` and the like then speak of that inner frame; `vlan` and `geneve` too, so that neither is
    /// needed to reach it.
    ///
    /// ```
    /// use pcapviz_capture::{Filter, LinkType, Packet, Tunnels};
    ///
    /// // 10.0.0.1 sends 192.0.2.1's datagram to 10.0.0.2: IP in IP.
    /// let mut bytes = b"\x45\0\0\x30\0\0\0\0\x40\x04\0\0\x0a\0\0\x01\x0a\0\0\x02".to_vec();
    /// bytes.extend(b"\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\xc0\0\x02\x01\xc0\0\x02\x02\x80\0\0\x35\0\x08\0\0");
    /// let packet = Packet::new(LinkType::RAW, &bytes);
    /// let filter = Filter::parse("src 192.0.2.1 and udp")?;
    /// assert!(!filter.matches_within(&packet, Tunnels::Outer));
    /// assert!(filter.matches_within(&packet, Tunnels::Inner));
    /// # Ok::<(), pcapviz_capture::FilterError>(())
    /// ```
    pub fn matches_within(&self, packet: &Packet<'_>, tunnels: Tunnels) -> bool {
        match tunnels {
            Tunnels::Outer => self.matches(packet),
            Tunnels::Inner => self.matches(&inner::innermost(packet)),
        }
    }

    #[inline]
    fn program(&self, link_type: LinkType) -> &Result<Program, FilterError> {
        let row = link::index(link_type);
        self.programs[row].get_or_init(|| lower::lower(&self.text, &self.steps, &link::TABLE[row], link_type))
    }
}

/// Why a filter expression cannot be used. Shown with the expression and a caret under the word:
///
/// ```
/// let error = pcapviz_capture::Filter::parse("tcp port httpp").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "filter: unknown port name: write its number\n  tcp port httpp\n           ^^^^^",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct FilterError {
    expression: String,
    span: Range<usize>,
    message: String,
}

impl FilterError {
    fn new(expression: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { expression: expression.to_owned(), span, message: message.into() }
    }

    fn add(&mut self, more: &str) {
        self.message.push_str(more);
    }

    /// The whole expression.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// Which bytes of the expression are meant; empty at its end where something is missing.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What is wrong, or what was expected, in one line.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.expression.get(..self.span.start).unwrap_or_default().chars().count();
        let marked = self.expression.get(self.span.clone()).unwrap_or_default().chars().count().max(1);
        // Line breaks and the like would push the caret away.
        let line = self.expression.replace(char::is_control, " ");
        write!(f, "filter: {}\n  {line}\n  {:before$}{:^<marked$}", self.message, "", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The expression, the word that the caret points at, and a part of the message.
    const MESSAGES: &[(&str, &str, &str)] = &[
        ("tcp port httpp", "httpp", "unknown port name"),
        ("host example.org", "example.org", "cannot be resolved offline"),
        ("ether host router", "router", "cannot be resolved offline"),
        ("net home", "home", "cannot be resolved offline"),
        ("gateway router", "router", "cannot be done offline"),
        ("ip proto tcp", "tcp", r"write `\tcp`"),
        ("net 10/8", "10", "10.0.0.0/8"),
        ("net 10.0.0.1/8", "10.0.0.1/8", "the network is 10.0.0.0"),
        ("net 2001:db8::1/32", "2001:db8::1/32", "the network is 2001:db8::"),
        ("host 10.0.0.0/8", "10.0.0.0/8", "write `net`"),
        ("net 10.0.0.0/33", "33", "0 to 32"),
        ("host 1.2.3.400", "1.2.3.400", "0 to 255"),
        ("host 1:2:3", "1:2:3", "neither a MAC address"),
        ("host 00:11:22:33:44:55", "00:11:22:33:44:55", "`ether`"),
        ("port 65536", "65536", "65535"),
        ("udp port http", "http", "TCP only"),
        ("ip port 80", "80", "has no ports"),
        ("tcp and 10.0.0.1", "10.0.0.1", "a qualifier"),
        ("10.0.0.1", "10.0.0.1", "a qualifier"),
        ("tcp and", "", "a test such as"),
        ("tcp udp", "udp", "`and`, `or`"),
        ("(tcp or udp", "", "`)`"),
        ("tcp)", ")", "`and`, `or`"),
        ("ip[0:3] = 1", "3", "1, 2 or 4"),
        ("ip[0]", "", "a comparison"),
        ("ip[0] = tcp", "", "`[`"),
        ("ah[0] = 1", "ah[0]", "cannot be looked at"),
        ("len / 0 = 1", "/ 0", "division by zero"),
        ("len << 32 = 1", "<< 32", "31 bits"),
        ("port 08", "08", "octal"),
        ("len = 99999999999", "99999999999", "number too large"),
        ("vlan 4096", "4096", "4095"),
        ("llc foo", "foo", "sabme"),
        ("type mgt subtype rts", "rts", "beacon"),
        ("vpi 3", "vpi", "not supported"),
        ("tcp ? udp", "?", "means nothing"),
        ("dst größe", "ö", "means nothing"),
    ];

    #[test]
    fn messages_point_at_the_word() {
        for &(text, word, part) in MESSAGES {
            let error = Filter::parse(text).expect_err(text);
            assert_eq!(&text[error.span()], word, "{error}");
            assert!(error.message().contains(part), "{error}");
        }
    }

    #[test]
    fn link_types_that_cannot_tell_say_so() {
        let filter = Filter::parse("udp or vlan 5 and tcp").unwrap();
        assert_eq!(filter.check(LinkType::ETHERNET), Ok(()));
        let error = filter.check(LinkType::RAW).unwrap_err();
        assert_eq!(&error.expression()[error.span()], "vlan 5");
        assert_eq!(
            error.to_string(),
            "filter: RAW has no VLAN tags\n  udp or vlan 5 and tcp\n         ^^^^^^"
        );
        assert!(!filter.matches(&Packet::new(LinkType::RAW, &[0x45; 60])));
    }

    #[test]
    fn carets_stand_under_wide_text() {
        let error = Filter::parse("host über\tport").unwrap_err();
        assert!(error.to_string().ends_with("\n  host über port\n       ^"), "{error}");
    }

    #[test]
    fn deep_nesting_is_an_error_and_length_is_not() {
        for (open, close) in [("(", ")"), ("not ", ""), ("not (", ")")] {
            let deep = format!("{}tcp{}", open.repeat(50_000), close.repeat(50_000));
            assert!(Filter::parse(&deep).unwrap_err().message().contains("deep"));
        }
        for deep in [
            format!("{}1{} = 1", "(".repeat(50_000), ")".repeat(50_000)),
            format!("{}0{} = 1", "ip[".repeat(50_000), "]".repeat(50_000)),
            format!("{}len = 1", "- ".repeat(50_000)),
            format!("len{} = 1", " + len".repeat(50_000)),
            format!("host {}1.1.1.1{}", "(".repeat(50_000), ")".repeat(50_000)),
        ] {
            assert!(Filter::parse(&deep).unwrap_err().message().contains("deep"));
        }
        let long = format!("udp{}", " or tcp port 80 and not arp".repeat(20_000));
        let filter = Filter::parse(&long).unwrap();
        assert!(!filter.matches(&Packet::new(LinkType::ETHERNET, &[0; 64])));
    }

    /// Captured bytes of an Ethernet frame, and whether the expression passes.
    #[track_caller]
    fn check(text: &str, frame: &[u8], expected: bool) {
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(filter.matches(&Packet::new(LinkType::ETHERNET, frame)), expected, "{text}");
    }

    /// UDP from 10.0.0.1:4660 to 10.0.0.2, to this port and with this payload.
    fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
        let mut frame = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0\x45\0\0\0\0\0\0\0\x40\x11\0\0".to_vec();
        frame.extend(b"\x0a\0\0\x01\x0a\0\0\x02\x12\x34");
        frame.extend(port.to_be_bytes());
        frame.extend(u16::try_from(8 + payload.len()).unwrap().to_be_bytes());
        frame.extend([0, 0]);
        frame.extend(payload);
        let total = u16::try_from(frame.len() - 14).unwrap();
        frame[16..18].copy_from_slice(&total.to_be_bytes());
        frame
    }

    #[test]
    fn vxlan_moves_to_the_frame_inside() {
        let inner = udp(53, b"query");
        let outer = udp(4789, &[&b"\x08\0\0\0\0\0\x2a\0"[..], &inner].concat());
        check("vxlan", &outer, true);
        check("vxlan 42 and port 53", &outer, true);
        check("vxlan 43", &outer, false);
        check("port 53", &outer, false);
        check("vxlan and ether host 02:00:00:00:00:01 and port 4789", &outer, false);
        check("vxlan", &inner, false);
        let packet = Packet::new(LinkType::ETHERNET, &outer);
        for text in ["port 53", "ether src 02:00:00:00:00:01 and dst port 53", "len = 47"] {
            let filter = Filter::parse(text).unwrap();
            assert!(!filter.matches_within(&packet, Tunnels::Outer), "{text}");
            assert!(filter.matches_within(&packet, Tunnels::Inner), "{text}");
        }
    }

    #[test]
    fn a_read_beyond_the_packet_rejects_it() {
        let frame = udp(53, b"");
        check("not udp[100] = 0", &frame, false);
        check("udp or ip[100] = 0", &frame, true);
        check("ip[100] = 0 or udp", &frame, false);
        check("ip[8] / (ip[6] & 0) = 1 or udp", &frame, false);
    }

    #[test]
    fn the_empty_expression_matches_everything() {
        check("", b"", true);
        check(" \t", b"\0", true);
    }

    fn words() -> impl Strategy<Value = String> {
        let words = [
            "and",
            "or",
            "not",
            "(",
            ")",
            "[",
            "]",
            ":",
            "tcp",
            "ip",
            "ip6",
            "ether",
            "host",
            "net",
            "port",
            "src",
            "dst",
            "10.0.0.1",
            "10",
            "80",
            "::1",
            "/",
            "8",
            "=",
            "<",
            "+",
            "-",
            "%",
            "len",
            "vlan",
            "mpls",
            "pppoes",
            "geneve",
            "vxlan",
            "proto",
            r"\tcp",
            "00:11:22:33:44:55",
            "llc",
            "type",
            "data",
            "protochain",
            "radio",
            "wlan",
            "addr4",
            "broadcast",
            "multicast",
            "http",
            "portrange",
            "1-9",
            "inbound",
            "isis",
            "ipx",
            "$1f",
        ];
        prop::collection::vec(prop::sample::select(words.to_vec()), 0..12).prop_map(|words| words.join(" "))
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in any::<String>()) {
            if let Err(error) = Filter::parse(&text) {
                prop_assert!(text.get(error.span()).is_some());
                prop_assert!(!error.to_string().is_empty());
            }
        }

        #[test]
        fn any_filter_meets_any_packet(
            text in words(),
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            wire_len in any::<u32>(),
        ) {
            if let Ok(filter) = Filter::parse(&text) {
                for row in &link::TABLE {
                    let number = row.numbers.first().copied().unwrap_or(60_000);
                    let mut packet = Packet::new(LinkType(number), &bytes);
                    packet.wire_len = wire_len;
                    let matches = filter.matches(&packet);
                    prop_assert!(!matches || filter.check(LinkType(number)).is_ok());
                    filter.matches_within(&packet, Tunnels::Inner);
                }
            }
        }

        #[test]
        fn not_is_the_opposite_where_nothing_is_cut(port: u16, other: u16) {
            let frame = udp(port, &[0; 80]);
            let packet = Packet::new(LinkType::ETHERNET, &frame);
            let plain = Filter::parse(&format!("dst port {other} or tcp")).unwrap();
            let negated = Filter::parse(&format!("not (dst port {other} or tcp)")).unwrap();
            prop_assert_eq!(plain.matches(&packet), port == other);
            prop_assert_ne!(plain.matches(&packet), negated.matches(&packet));
        }
    }
}

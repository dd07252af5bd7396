//! Tokens to an expression, by the grammar of pcap-filter(7).
//!
//! What the grammar says in few words: `and` and `or` bind alike, to the left; `not` binds tighter. A
//! bare value takes over the qualifiers of what stands before it (`tcp port 80 or 443`); an expression in
//! parentheses leaves those from before the parenthesis in force behind it.

use std::net::Ipv6Addr;

use super::expression::{
    AddressIn, Arithmetic, Comparison, Direction, GroupIn, IpVersions, Name, Operator, Primitive, Relation,
    Span, Step,
};
use super::lexer::{Token, tokens};
use super::{FilterError, names};

/// How deep parentheses, `not` and arithmetic may nest. People nest under ten deep.
const MAX_DEPTH: usize = 100;

const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
const IPPROTO_SCTP: u8 = 132;

/// The expression in postfix order; empty for an empty text, which matches everything.
pub(super) fn parse(text: &str) -> Result<Vec<Step>, FilterError> {
    let mut parser = Parser { text, tokens: tokens(text)?, at: 0, depth: 0, steps: Vec::new() };
    if *parser.peek() != Token::End {
        parser.expression(None)?;
        if *parser.peek() != Token::End {
            return Err(parser.unexpected("`and`, `or` or the end of the expression"));
        }
    }
    Ok(parser.steps)
}

/// What a value stands for.
#[derive(Clone, Copy, Debug)]
struct Qualifiers {
    protocol: Option<Name>,
    direction: Direction,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Not said: a host.
    Default,
    Host,
    Net,
    Port,
    PortRange,
    Gateway,
    Proto,
    ProtoChain,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Default | Self::Host => "host",
            Self::Net => "net",
            Self::Port => "port",
            Self::PortRange => "portrange",
            Self::Gateway => "gateway",
            Self::Proto => "proto",
            Self::ProtoChain => "protochain",
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<(Token<'t>, Span)>,
    at: usize,
    depth: usize,
    steps: Vec<Step>,
}

type Parsed<T> = Result<T, FilterError>;

impl<'t> Parser<'t> {
    /// Terms with `and` and `or` between them; returns the qualifiers that the last one leaves.
    fn expression(&mut self, before: Option<Qualifiers>) -> Parsed<Option<Qualifiers>> {
        let mut qualifiers = self.term(before)?;
        loop {
            let step = match self.peek() {
                Token::Keyword("and") => Step::And,
                Token::Keyword("or") => Step::Or,
                _ => return Ok(qualifiers),
            };
            self.advance();
            if self.value_follows() {
                self.value(qualifiers)?;
            } else {
                qualifiers = self.term(qualifiers)?;
            }
            self.steps.push(step);
        }
    }

    fn term(&mut self, before: Option<Qualifiers>) -> Parsed<Option<Qualifiers>> {
        if self.eat_keyword("not") {
            let qualifiers = self.nested(|this| this.term(before))?;
            self.steps.push(Step::Not);
            return Ok(qualifiers);
        }
        if *self.peek() == Token::Sign("(") && !self.arithmetic_follows() {
            self.advance();
            self.nested(|this| this.expression(before))?;
            self.expect_sign(")")?;
            return Ok(before);
        }
        self.primitive()
    }

    /// A value, `not` a value, or values in parentheses, all with the same qualifiers.
    fn value(&mut self, qualifiers: Option<Qualifiers>) -> Parsed<()> {
        if self.eat_keyword("not") {
            self.nested(|this| this.value(qualifiers))?;
            self.steps.push(Step::Not);
            return Ok(());
        }
        if self.eat_sign("(") {
            self.nested(|this| {
                this.value(qualifiers)?;
                loop {
                    let step = match this.peek() {
                        Token::Keyword("and") => Step::And,
                        Token::Keyword("or") => Step::Or,
                        _ => return Ok(()),
                    };
                    this.advance();
                    this.value(qualifiers)?;
                    this.steps.push(step);
                }
            })?;
            return self.expect_sign(")");
        }
        let span = self.span();
        let Some(qualifiers) = qualifiers else {
            return Err(self.unexpected("a qualifier such as `host`, `net` or `port` before this value"));
        };
        let test = self.qualified(qualifiers)?;
        let span = span.start..self.previous_end();
        self.steps.push(Step::Test(test, span));
        Ok(())
    }

    /// Whether a bare value stands next, perhaps behind `not` and parentheses, and not an expression.
    fn value_follows(&self) -> bool {
        let mut at = self.at;
        let mut open = 0;
        loop {
            match self.tokens[at].0 {
                Token::Keyword("not") => open = 0,
                Token::Sign("(") => open += 1,
                Token::Number(_) => break,
                Token::Dotted(_) | Token::Ipv6(_) | Token::Mac(_) | Token::Arcnet(_) | Token::Name(_) => {
                    return true;
                }
                _ => return false,
            }
            at += 1;
        }
        // A number may begin arithmetic: what stands behind it, and behind its own parentheses, tells.
        at += 1;
        while open > 0 && self.tokens[at].0 == Token::Sign(")") {
            open -= 1;
            at += 1;
        }
        !is_operator(&self.tokens[at].0)
    }

    /// Whether the parenthesis that stands next is one around arithmetic.
    fn arithmetic_follows(&self) -> bool {
        let mut at = self.at;
        while matches!(self.tokens[at].0, Token::Sign("(" | "-")) {
            at += 1;
        }
        let bracket = |at: usize| self.tokens.get(at + 1).is_some_and(|next| next.0 == Token::Sign("["));
        let starts = match &self.tokens[at].0 {
            Token::Number(_) | Token::Keyword("len") => true,
            Token::Keyword(word) => Name::of_keyword(word).is_some() && bracket(at),
            _ => false,
        };
        if !starts {
            return false;
        }
        // It is, unless the relation stands inside: `(ip[0] = 1)`.
        let mut open = 0_usize;
        for (token, _) in &self.tokens[self.at..] {
            match token {
                Token::Sign("(" | "[") => open += 1,
                Token::Sign(")" | "]") => open = open.saturating_sub(1),
                Token::Sign("<" | ">" | "=" | "!=" | "<=" | ">=") | Token::Keyword("and" | "or" | "not")
                    if open > 0 =>
                {
                    return false;
                }
                Token::End => return true,
                _ => {}
            }
            if open == 0 {
                return true;
            }
        }
        true
    }

    /// One test; returns the qualifiers that a bare value behind it takes over.
    fn primitive(&mut self) -> Parsed<Option<Qualifiers>> {
        let start = self.span().start;
        let (test, qualifiers) = match *self.peek() {
            Token::Number(_) | Token::Sign("(" | "-") | Token::Keyword("len") => {
                (Some(self.relation(None)?), None)
            }
            Token::Keyword(word) => match Name::of_keyword(word) {
                Some(name) => {
                    self.advance();
                    if *self.peek() == Token::Sign("[") {
                        (Some(self.relation(Some(name))?), None)
                    } else {
                        self.head(Some(name), start)?
                    }
                }
                None => match self.other(word)? {
                    Some(other) => (Some(other), None),
                    None => self.head(None, start)?,
                },
            },
            Token::Name(_) | Token::Dotted(_) | Token::Ipv6(_) | Token::Mac(_) | Token::Arcnet(_) => {
                return Err(self.unexpected("a qualifier such as `host`, `net` or `port` before this value"));
            }
            _ => return Err(self.unexpected("a test such as `host 10.0.0.1`, `tcp port 80` or `ip[8] < 5`")),
        };
        if let Some(test) = test {
            self.steps.push(Step::Test(test, start..self.previous_end()));
        }
        Ok(qualifiers)
    }

    /// What follows a protocol keyword, or stands without one: qualifiers and a value, or nothing.
    fn head(
        &mut self,
        protocol: Option<Name>,
        start: usize,
    ) -> Parsed<(Option<Primitive>, Option<Qualifiers>)> {
        let direction = self.direction()?;
        let kind = match *self.peek() {
            Token::Keyword("host") => Kind::Host,
            Token::Keyword("net") => Kind::Net,
            Token::Keyword("port") => Kind::Port,
            Token::Keyword("portrange") => Kind::PortRange,
            Token::Keyword("gateway") if direction.is_none() => Kind::Gateway,
            Token::Keyword("proto") if direction.is_none() => Kind::Proto,
            Token::Keyword("protochain") if direction.is_none() => Kind::ProtoChain,
            Token::Keyword(word @ ("broadcast" | "multicast")) if direction.is_none() => {
                self.advance();
                return Ok((Some(self.group(protocol, word, start)?), None));
            }
            Token::Keyword("type" | "subtype" | "dir") if direction.is_none() => {
                return Ok((Some(self.wlan()?), None));
            }
            _ if direction.is_some() => Kind::Default,
            _ => {
                let Some(name) = protocol else {
                    return Err(
                        self.unexpected("a test such as `host 10.0.0.1`, `tcp port 80` or `ip[8] < 5`")
                    );
                };
                return Ok((Some(self.bare_protocol(name)?), None));
            }
        };
        if kind != Kind::Default {
            self.advance();
        }
        let qualifiers = Qualifiers { protocol, direction: direction.unwrap_or_default(), kind };
        if !self.value_follows() {
            return Err(self.missing_value(kind));
        }
        self.value(Some(qualifiers))?;
        Ok((None, Some(qualifiers)))
    }

    fn missing_value(&self, kind: Kind) -> FilterError {
        let what = match kind {
            Kind::Default | Kind::Host => "an address",
            Kind::Net => "a network such as 10.0.0.0/8",
            Kind::Port => "a port number or name",
            Kind::PortRange => "a range of ports such as 6000-6008",
            Kind::Gateway => "a name",
            Kind::Proto | Kind::ProtoChain => "a protocol number or name",
        };
        let mut error = self.unexpected(what);
        if let Token::Keyword(word) = self.peek()
            && matches!(kind, Kind::Proto | Kind::ProtoChain)
        {
            error.add(&format!("; `{word}` is also a word of the language: as a name, write `\\{word}`"));
        }
        error
    }

    fn bare_protocol(&self, name: Name) -> Parsed<Primitive> {
        match name {
            Name::Link => {
                Err(self.unexpected("`host`, `src`, `dst`, `proto`, `[` or the like behind this word"))
            }
            Name::Radio => Err(self.unexpected("`[`: `radio` can only be used as in `radio[0]`")),
            _ => Ok(Primitive::Protocol(name)),
        }
    }

    fn direction(&mut self) -> Parsed<Option<Direction>> {
        let Token::Keyword(word) = *self.peek() else { return Ok(None) };
        let (direction, other) = match word {
            "src" => (Direction::Source, "dst"),
            "dst" => (Direction::Destination, "src"),
            "addr1" => (Direction::Field(1), ""),
            "addr2" => (Direction::Field(2), ""),
            "addr3" => (Direction::Field(3), ""),
            "addr4" => (Direction::Field(4), ""),
            "ra" => (Direction::Receiver, ""),
            "ta" => (Direction::Transmitter, ""),
            _ => return Ok(None),
        };
        self.advance();
        let joined = match self.peek() {
            Token::Keyword("or") => Direction::Either,
            Token::Keyword("and") => Direction::Both,
            _ => return Ok(Some(direction)),
        };
        if other.is_empty() {
            return Ok(Some(direction));
        }
        self.advance();
        if !self.eat_keyword(other) {
            return Err(self.unexpected(&format!("`{other}`")));
        }
        Ok(Some(joined))
    }

    /// The value with its qualifiers, as a test.
    fn qualified(&mut self, q: Qualifiers) -> Parsed<Primitive> {
        let span = self.span();
        let token = self.peek().clone();
        self.advance();
        match token {
            Token::Number(number) => self.number(number, q, span),
            Token::Dotted(dotted) => self.dotted(dotted, q, span),
            Token::Ipv6(address) => self.ipv6(address, q, span),
            Token::Mac(address) => {
                let is_host = matches!(q.kind, Kind::Default | Kind::Host);
                if q.protocol != Some(Name::Link) || !is_host {
                    let message =
                        "a MAC address needs `ether` before it, as in `ether host 00:11:22:33:44:55`";
                    return Err(self.error(span, message));
                }
                Ok(Primitive::Mac { direction: q.direction, address })
            }
            Token::Arcnet(address) => {
                if q.protocol != Some(Name::Link) {
                    return Err(self.error(span, "an ARCnet address needs `link` before it"));
                }
                Ok(Primitive::Arcnet { direction: q.direction, address })
            }
            Token::Name(name) => self.name(name, q, span),
            _ => {
                self.at -= 1;
                Err(self.missing_value(q.kind))
            }
        }
    }

    fn number(&mut self, number: u32, q: Qualifiers, span: Span) -> Parsed<Primitive> {
        match q.kind {
            Kind::Default | Kind::Host | Kind::Net => {
                if *self.peek() == Token::Sign("/") {
                    let message = format!("write the network's address in full, such as {number}.0.0.0/8");
                    return Err(self.error(span, message));
                }
                // `net 10` is 10.0.0.0/8; `host 10` is 0.0.0.10.
                let bits =
                    if q.kind == Kind::Net && number != 0 { number.leading_zeros() / 8 * 8 } else { 0 };
                self.address4(number << bits, u32::MAX << bits, q, span)
            }
            Kind::Port | Kind::PortRange => {
                let port = self.port(number, &span)?;
                self.ports(port, port, None, q, span)
            }
            Kind::Gateway => Err(self.gateway(span)),
            Kind::Proto => self.protocol_number(number, q, span),
            Kind::ProtoChain => self.protocol_chain(number, q, span),
        }
    }

    fn dotted(&mut self, dotted: &str, q: Qualifiers, span: Span) -> Parsed<Primitive> {
        if !matches!(q.kind, Kind::Default | Kind::Host | Kind::Net) {
            return Err(self.error(span, format!("`{}` takes no IPv4 address", q.kind.word())));
        }
        if q.protocol == Some(Name::Decnet) {
            let decnet = dotted.split_once('.').and_then(|(area, node)| {
                let (area, node) = (area.parse::<u16>().ok()?, node.parse::<u16>().ok()?);
                (area < 64 && node < 1024).then_some(area << 10 | node)
            });
            return match decnet {
                Some(address) => Ok(Primitive::DecnetAddress { direction: q.direction, address }),
                None => Err(self.error(span, "expected a DECnet address such as 1.42 (area.node)")),
            };
        }
        let (address, bits) = self.partial_address(dotted, &span)?;
        if self.eat_sign("/") {
            let end = self.span();
            let Token::Number(len) = *self.peek() else {
                return Err(self.unexpected("how many bits the network has, 0 to 32"));
            };
            self.advance();
            let span = span.start..end.end;
            if len > 32 {
                return Err(self.error(end, "an IPv4 network has 0 to 32 bits"));
            }
            let mask = u32::MAX.checked_shl(32 - len).unwrap_or(0);
            return self.network(address, mask, q, span);
        }
        if self.eat_keyword("mask") {
            let Token::Dotted(mask) = *self.peek() else {
                return Err(self.unexpected("a mask such as 255.255.255.0"));
            };
            let end = self.span();
            self.advance();
            let (mask, _) = self.partial_address(mask, &end)?;
            return self.network(address, mask, q, span.start..end.end);
        }
        self.address4(address, u32::MAX.checked_shl(32 - bits).unwrap_or(0), q, span)
    }

    fn network(&mut self, address: u32, mask: u32, q: Qualifiers, span: Span) -> Parsed<Primitive> {
        if address & !mask != 0 {
            let first = std::net::Ipv4Addr::from(address & mask);
            return Err(self.error(span, format!("bits outside the mask are set: the network is {first}")));
        }
        if q.kind != Kind::Net {
            return Err(self.error(span, "a mask makes it a network: write `net` before it"));
        }
        self.address4(address, mask, q, span)
    }

    /// Two to four decimal numbers as the front of an IPv4 address, and how many bits they fill.
    fn partial_address(&self, dotted: &str, span: &Span) -> Parsed<(u32, u32)> {
        let (mut address, mut bits) = (0_u32, 0);
        for part in dotted.split('.') {
            let octet = part.parse::<u8>();
            let octet =
                octet.map_err(|_| self.error(span.clone(), "not an IPv4 address: each part is 0 to 255"))?;
            bits += 8;
            address |= u32::from(octet) << (32 - bits);
        }
        Ok((address, bits))
    }

    fn address4(&self, address: u32, mask: u32, q: Qualifiers, span: Span) -> Parsed<Primitive> {
        let within = match q.protocol {
            None => AddressIn::Any,
            Some(Name::Ip) => AddressIn::Ip,
            Some(Name::Arp) => AddressIn::Arp,
            Some(Name::Rarp) => AddressIn::Rarp,
            Some(Name::Link) => {
                return Err(self.error(span, "`ether` takes a MAC address such as 00:11:22:33:44:55"));
            }
            Some(Name::Decnet) if mask == u32::MAX => {
                let address = u16::try_from(address).unwrap_or(u16::MAX);
                return Ok(Primitive::DecnetAddress { direction: q.direction, address });
            }
            Some(name) => return Err(self.not_with(name, "an IPv4 address", span)),
        };
        self.no_wlan_direction(q, &span)?;
        Ok(Primitive::Address4 { within, direction: q.direction, address, mask })
    }

    fn ipv6(&mut self, address: Ipv6Addr, q: Qualifiers, span: Span) -> Parsed<Primitive> {
        let mut span = span;
        let mut prefix_len = 128;
        if self.eat_sign("/") {
            let end = self.span();
            let Token::Number(len) = *self.peek() else {
                return Err(self.unexpected("how many bits the network has, 0 to 128"));
            };
            self.advance();
            prefix_len = match u8::try_from(len) {
                Ok(len @ 0..=128) => len,
                _ => return Err(self.error(end, "an IPv6 network has 0 to 128 bits")),
            };
            span.end = end.end;
        }
        match q.kind {
            Kind::Net => {}
            Kind::Default | Kind::Host if prefix_len == 128 => {}
            Kind::Default | Kind::Host => {
                return Err(self.error(span, "a prefix length makes it a network: write `net` before it"));
            }
            kind => return Err(self.error(span, format!("`{}` takes no IPv6 address", kind.word()))),
        }
        let mask = u128::MAX.checked_shl(128 - u32::from(prefix_len)).unwrap_or(0);
        if address.to_bits() & !mask != 0 {
            let first = Ipv6Addr::from_bits(address.to_bits() & mask);
            return Err(self.error(span, format!("bits outside the mask are set: the network is {first}")));
        }
        match q.protocol {
            None | Some(Name::Ip6) => {}
            Some(Name::Link) => {
                return Err(self.error(span, "`ether` takes a MAC address such as 00:11:22:33:44:55"));
            }
            Some(name) => return Err(self.not_with(name, "an IPv6 address", span)),
        }
        self.no_wlan_direction(q, &span)?;
        Ok(Primitive::Address6 { direction: q.direction, address, prefix_len })
    }

    fn name(&mut self, name: &str, q: Qualifiers, span: Span) -> Parsed<Primitive> {
        match q.kind {
            Kind::Default | Kind::Host if q.protocol == Some(Name::Link) => {
                let message = "Ethernet names cannot be resolved offline: write the MAC address";
                Err(self.error(span, message))
            }
            Kind::Default | Kind::Host => {
                Err(self.error(span, "host names cannot be resolved offline: write the address"))
            }
            Kind::Net => {
                Err(self.error(span, "network names cannot be resolved offline: write it as 10.0.0.0/8"))
            }
            Kind::Gateway => Err(self.gateway(span)),
            Kind::Port => match names::port(name) {
                Some((port, service)) => self.ports(port, port, Some((name, service)), q, span),
                None => Err(self.error(span, "unknown port name: write its number")),
            },
            Kind::PortRange => {
                let (low, high) = name.split_once('-').unwrap_or((name, name));
                let low = self.range_end(low, &span)?;
                let high = self.range_end(high, &span)?;
                self.ports(low.min(high), low.max(high), None, q, span)
            }
            Kind::Proto | Kind::ProtoChain => {
                let number = match q.protocol {
                    None | Some(Name::Ip | Name::Ip6) => names::ip_protocol(name),
                    Some(Name::Link) => names::link_protocol(name),
                    Some(Name::Iso) => names::iso_protocol(name),
                    Some(_) => None,
                };
                let Some(number) = number else {
                    return Err(self.error(span, "unknown protocol name: write its number"));
                };
                match q.kind {
                    Kind::Proto => self.protocol_number(number, q, span),
                    _ => self.protocol_chain(number, q, span),
                }
            }
        }
    }

    fn range_end(&self, text: &str, span: &Span) -> Parsed<u16> {
        let by_name = || names::port(text).map(|(port, _)| port);
        let port = text.parse::<u16>().ok().or_else(by_name);
        port.ok_or_else(|| self.error(span.clone(), "expected a range of ports such as 6000-6008"))
    }

    fn port(&self, number: u32, span: &Span) -> Parsed<u16> {
        u16::try_from(number).map_err(|_| self.error(span.clone(), "ports end at 65535"))
    }

    fn ports(
        &self,
        low: u16,
        high: u16,
        named: Option<(&str, names::Service)>,
        q: Qualifiers,
        span: Span,
    ) -> Parsed<Primitive> {
        let asked = match q.protocol {
            None => None,
            Some(Name::Tcp) => Some(IPPROTO_TCP),
            Some(Name::Udp) => Some(IPPROTO_UDP),
            Some(Name::Sctp) => Some(IPPROTO_SCTP),
            Some(name) => {
                let message =
                    format!("`{}` has no ports: write `tcp`, `udp` or `sctp`, or none", name.word());
                return Err(self.error(span, message));
            }
        };
        let transport = match (named, asked) {
            (Some((name, service @ (names::Service::Tcp | names::Service::Udp))), asked) => {
                let only = if service == names::Service::Tcp { IPPROTO_TCP } else { IPPROTO_UDP };
                if asked.is_some_and(|asked| asked != only) {
                    let registered = if only == IPPROTO_TCP { "TCP" } else { "UDP" };
                    let message = format!(
                        "the port name `{name}` is registered for {registered} only: write its number"
                    );
                    return Err(self.error(span, message));
                }
                Some(only)
            }
            _ => asked,
        };
        self.no_wlan_direction(q, &span)?;
        Ok(Primitive::Ports { transport, direction: q.direction, low, high })
    }

    fn protocol_number(&self, number: u32, q: Qualifiers, span: Span) -> Parsed<Primitive> {
        Ok(match q.protocol {
            None => Primitive::IpProtocol { versions: IpVersions::Both, number },
            Some(Name::Ip) => Primitive::IpProtocol { versions: IpVersions::V4, number },
            Some(Name::Ip6) => Primitive::IpProtocol { versions: IpVersions::V6, number },
            Some(Name::Link) => Primitive::LinkProtocol(number),
            Some(Name::Iso) => Primitive::IsoProtocol(number),
            Some(Name::Isis) => Primitive::IsisProtocol(number),
            Some(name) => return Err(self.not_with(name, "a protocol", span)),
        })
    }

    fn protocol_chain(&self, number: u32, q: Qualifiers, span: Span) -> Parsed<Primitive> {
        let versions = match q.protocol {
            None => IpVersions::Both,
            Some(Name::Ip) => IpVersions::V4,
            Some(Name::Ip6) => IpVersions::V6,
            Some(name) => return Err(self.not_with(name, "a protocol chain", span)),
        };
        Ok(Primitive::ProtocolChain { versions, number })
    }

    fn not_with(&self, name: Name, what: &str, span: Span) -> FilterError {
        self.error(span, format!("{what} cannot follow `{}`", name.word()))
    }

    fn no_wlan_direction(&self, q: Qualifiers, span: &Span) -> Parsed<()> {
        match q.direction {
            Direction::Field(_) | Direction::Receiver | Direction::Transmitter => {
                let message =
                    "`addr1` to `addr4`, `ra` and `ta` are for 802.11 MAC addresses: write `wlan` before";
                Err(self.error(span.clone(), message))
            }
            _ => Ok(()),
        }
    }

    fn gateway(&self, span: Span) -> FilterError {
        let message = "`gateway` needs names to be resolved, which cannot be done offline: write \
                       `ether host MAC and not host ADDRESS`";
        self.error(span, message)
    }

    fn group(&self, protocol: Option<Name>, word: &str, start: usize) -> Parsed<Primitive> {
        let within = match protocol {
            None | Some(Name::Link) => GroupIn::Link,
            Some(Name::Ip) => GroupIn::Ip,
            Some(Name::Ip6) if word == "multicast" => GroupIn::Ip6,
            Some(name) => {
                let message = format!("`{}` has no {word}", name.word());
                return Err(self.error(start..self.previous_end(), message));
            }
        };
        Ok(if word == "broadcast" { Primitive::Broadcast(within) } else { Primitive::Multicast(within) })
    }

    /// `type T [subtype S]`, `subtype S`, `dir D`.
    fn wlan(&mut self) -> Parsed<Primitive> {
        const TYPE_MASK: u32 = 0x0c;
        const SUBTYPE_MASK: u32 = 0xf0;
        let mut of_type = None;
        if self.eat_keyword("dir") {
            let direction = match *self.peek() {
                Token::Number(number) => Some(number),
                Token::Name(name) => {
                    ["nods", "tods", "fromds", "dstods"].iter().position(|n| *n == name).map(|n| n as u32)
                }
                _ => None,
            };
            let Some(direction) = direction else {
                return Err(self.unexpected("nods, tods, fromds, dstods or a number"));
            };
            self.advance();
            return Ok(Primitive::WlanDirection(direction));
        }
        if self.eat_keyword("type") {
            let kind = match *self.peek() {
                Token::Number(number) if number & !TYPE_MASK == 0 => Some(number),
                Token::Name(name) => names::wlan_type(name),
                _ => None,
            };
            let Some(kind) = kind else {
                return Err(self.unexpected("mgt, ctl, data, or a number with no bits but 0x0c"));
            };
            self.advance();
            if *self.peek() != Token::Keyword("subtype") {
                return Ok(Primitive::WlanType { value: kind, mask: TYPE_MASK });
            }
            of_type = Some(kind);
        }
        self.advance();
        let found = match *self.peek() {
            Token::Number(number) if number & !SUBTYPE_MASK == 0 => of_type.map(|kind| (kind, number)),
            Token::Name(name) => names::wlan_subtype(name, of_type),
            _ => None,
        };
        let Some((kind, subtype)) = found else {
            let known: Vec<_> = names::wlan_subtypes(of_type).collect();
            return Err(self.unexpected(&format!("one of {}", known.join(", "))));
        };
        self.advance();
        Ok(Primitive::WlanType { value: kind | subtype, mask: TYPE_MASK | SUBTYPE_MASK })
    }

    /// Tests that start with a word of their own; `None` if this word is none of them.
    fn other(&mut self, word: &'static str) -> Parsed<Option<Primitive>> {
        let span = self.span();
        let test = match word {
            "less" | "greater" => {
                self.advance();
                let right = Arithmetic::Constant(self.plain_number("a length in bytes")?);
                let comparison =
                    if word == "less" { Comparison::LessOrEqual } else { Comparison::GreaterOrEqual };
                Primitive::Relation(Relation { left: Arithmetic::Length, comparison, right })
            }
            "byte" => {
                self.advance();
                self.byte(span)?
            }
            "inbound" => {
                self.advance();
                Primitive::Inbound
            }
            "outbound" => {
                self.advance();
                Primitive::Outbound
            }
            "ifindex" => {
                self.advance();
                Primitive::InterfaceIndex(self.plain_number("an interface's index")?)
            }
            "vlan" => Primitive::Vlan(self.optional_number(4095, "VLAN identifiers")?),
            "mpls" => Primitive::Mpls(self.optional_number(0xf_ffff, "MPLS labels")?),
            "pppoed" => {
                self.advance();
                Primitive::PppoeDiscovery
            }
            "pppoes" => Primitive::PppoeSession(self.optional_number(0xffff, "PPPoE sessions")?),
            "geneve" => Primitive::Geneve(self.optional_number(0xff_ffff, "Geneve network identifiers")?),
            "vxlan" => Primitive::Vxlan(self.optional_number(0xff_ffff, "VXLAN network identifiers")?),
            "llc" => {
                self.advance();
                let kind = match *self.peek() {
                    Token::Name(name) => Some(name),
                    Token::Keyword(word @ "rnr") => Some(word),
                    _ => None,
                };
                match kind {
                    None => Primitive::Llc(None),
                    Some(name) => match names::llc(name) {
                        Some(control) => {
                            self.advance();
                            Primitive::Llc(Some(control))
                        }
                        None => {
                            return Err(self.unexpected(
                                "i, s, u, rr, rnr, rej, ui, ua, disc, dm, sabme, test, xid or frmr",
                            ));
                        }
                    },
                }
            }
            "on" | "rset" | "rnr" | "srnr" | "reason" | "action" => {
                return Err(self.error(span, "tests on the fields of OpenBSD's pflog are not supported"));
            }
            "lane" | "metac" | "bcc" | "oam" | "oamf4" | "oamf4ec" | "oamf4sc" | "sc" | "ilmic" | "vpi"
            | "vci" | "connectmsg" | "metaconnect" => {
                return Err(self.error(span, "tests on ATM cells are not supported"));
            }
            "fisu" | "lssu" | "lsu" | "msu" | "hfisu" | "hlssu" | "hmsu" | "sio" | "opc" | "dpc" | "sls"
            | "hsio" | "hopc" | "hdpc" | "hsls" => {
                return Err(self.error(span, "tests on SS7 signalling are not supported"));
            }
            _ => return Ok(None),
        };
        Ok(Some(test))
    }

    /// `byte N OP M`, an old way of writing `link[N] OP M`.
    fn byte(&mut self, span: Span) -> Parsed<Primitive> {
        let index = Box::new(Arithmetic::Constant(self.plain_number("the byte's number")?));
        let load = Arithmetic::Load { from: Name::Link, index, size: 1, span };
        let Token::Sign(sign) = *self.peek() else {
            return Err(self.unexpected("one of = < > & |"));
        };
        let (operator, comparison) = match sign {
            "=" => (None, Comparison::Equal),
            "<" => (None, Comparison::Less),
            ">" => (None, Comparison::Greater),
            "&" => (Some(Operator::And), Comparison::NotEqual),
            "|" => (Some(Operator::Or), Comparison::NotEqual),
            _ => return Err(self.unexpected("one of = < > & |")),
        };
        self.advance();
        let value = Arithmetic::Constant(self.plain_number("a number")?);
        let (left, right) = match operator {
            None => (load, value),
            Some(operator) => {
                (Arithmetic::Binary(operator, Box::new((load, value))), Arithmetic::Constant(0))
            }
        };
        Ok(Primitive::Relation(Relation { left, comparison, right }))
    }

    /// The number that may follow a word such as `vlan`, in parentheses or not.
    fn optional_number(&mut self, largest: u32, what: &str) -> Parsed<Option<u32>> {
        self.advance();
        let before = self.at;
        let mut open = 0;
        while self.eat_sign("(") {
            open += 1;
        }
        let span = self.span();
        let Token::Number(number) = *self.peek() else {
            self.at = before;
            return Ok(None);
        };
        self.advance();
        for _ in 0..open {
            self.expect_sign(")")?;
        }
        if number > largest {
            return Err(self.error(span, format!("{what} end at {largest}")));
        }
        Ok(Some(number))
    }

    fn plain_number(&mut self, what: &str) -> Parsed<u32> {
        let Token::Number(number) = *self.peek() else { return Err(self.unexpected(what)) };
        self.advance();
        Ok(number)
    }

    /// `arithmetic OP arithmetic`; the protocol keyword of a load at its start may be read already.
    fn relation(&mut self, loaded: Option<Name>) -> Parsed<Primitive> {
        let left = self.arithmetic(0, loaded)?;
        let comparison = match *self.peek() {
            Token::Sign("=") => Comparison::Equal,
            Token::Sign("!=") => Comparison::NotEqual,
            Token::Sign(">") => Comparison::Greater,
            Token::Sign(">=") => Comparison::GreaterOrEqual,
            Token::Sign("<") => Comparison::Less,
            Token::Sign("<=") => Comparison::LessOrEqual,
            _ => return Err(self.unexpected("a comparison: one of = != < <= > >=")),
        };
        self.advance();
        let right = self.arithmetic(0, None)?;
        Ok(Primitive::Relation(Relation { left, comparison, right }))
    }

    /// Operators that bind at least as tightly as `tightness`.
    ///
    /// `^` and `%` have no place in the language's order: to their left and to their right, they take
    /// all that they can. tcpdump reads `len % 2 | 4` as `len % (2 | 4)`, and so do we.
    fn arithmetic(&mut self, tightness: u8, loaded: Option<Name>) -> Parsed<Arithmetic> {
        self.nested(|this| {
            let mut left = this.operand(loaded)?;
            // Each operator in a row makes the tree one deeper.
            let depth = this.depth;
            loop {
                let span = this.span();
                let (operator, own) = match *this.peek() {
                    Token::Sign("|") => (Operator::Or, 1),
                    Token::Sign("&") => (Operator::And, 2),
                    Token::Sign("<<") => (Operator::ShiftLeft, 3),
                    Token::Sign(">>") => (Operator::ShiftRight, 3),
                    Token::Sign("+") => (Operator::Add, 4),
                    Token::Sign("-") => (Operator::Subtract, 4),
                    Token::Sign("*") => (Operator::Multiply, 5),
                    Token::Sign("/") => (Operator::Divide, 5),
                    Token::Sign("%") => (Operator::Modulo, u8::MAX),
                    Token::Sign("^") => (Operator::Xor, u8::MAX),
                    _ => break,
                };
                if own < tightness {
                    break;
                }
                this.advance();
                let right = this.arithmetic(if own == u8::MAX { 0 } else { own + 1 }, None)?;
                this.check_operator(operator, &right, span)?;
                left = match (&left, &right) {
                    (&Arithmetic::Constant(a), &Arithmetic::Constant(b)) => {
                        Arithmetic::Constant(operator.apply(a, b).unwrap_or(0))
                    }
                    _ => Arithmetic::Binary(operator, Box::new((left, right))),
                };
                this.deeper()?;
            }
            this.depth = depth;
            Ok(left)
        })
    }

    fn check_operator(&self, operator: Operator, right: &Arithmetic, span: Span) -> Parsed<()> {
        let message = match (operator, right) {
            (Operator::Divide | Operator::Modulo, Arithmetic::Constant(0)) => "division by zero",
            (Operator::ShiftLeft | Operator::ShiftRight, Arithmetic::Constant(32..)) => {
                "shift by more than 31 bits"
            }
            _ => return Ok(()),
        };
        Err(self.error(span.start..self.previous_end(), message))
    }

    fn operand(&mut self, loaded: Option<Name>) -> Parsed<Arithmetic> {
        /// Tighter than every operator but `^` and `%`.
        const UNARY: u8 = 6;
        if let Some(name) = loaded {
            return self.load(name, self.tokens[self.at - 1].1.start);
        }
        let start = self.span().start;
        match *self.peek() {
            Token::Number(number) => {
                self.advance();
                Ok(Arithmetic::Constant(number))
            }
            Token::Keyword("len") => {
                self.advance();
                Ok(Arithmetic::Length)
            }
            Token::Sign("-") => {
                self.advance();
                Ok(match self.arithmetic(UNARY, None)? {
                    Arithmetic::Constant(number) => Arithmetic::Constant(number.wrapping_neg()),
                    operand => Arithmetic::Negate(Box::new(operand)),
                })
            }
            Token::Sign("(") => {
                self.advance();
                let inner = self.arithmetic(0, None)?;
                self.expect_sign(")")?;
                Ok(inner)
            }
            Token::Keyword(word) => match Name::of_keyword(word) {
                Some(name) => {
                    self.advance();
                    self.load(name, start)
                }
                None => Err(self.unexpected("a number, `len` or `protocol[index]`")),
            },
            _ => Err(self.unexpected("a number, `len` or `protocol[index]`")),
        }
    }

    /// `[index]` or `[index:size]`
    fn load(&mut self, from: Name, start: usize) -> Parsed<Arithmetic> {
        self.expect_sign("[")?;
        let index = Box::new(self.arithmetic(0, None)?);
        let mut size = 1;
        if self.eat_sign(":") {
            let span = self.span();
            size = match self.plain_number("1, 2 or 4")? {
                1 => 1,
                2 => 2,
                4 => 4,
                _ => return Err(self.error(span, "loads are 1, 2 or 4 bytes")),
            };
        }
        self.expect_sign("]")?;
        let span = start..self.previous_end();
        match from {
            Name::Aarp
            | Name::Ah
            | Name::Esp
            | Name::Iso
            | Name::Esis
            | Name::Isis
            | Name::Clnp
            | Name::L1
            | Name::L2
            | Name::Iih
            | Name::Lsp
            | Name::Snp
            | Name::Csnp
            | Name::Psnp
            | Name::Stp
            | Name::Ipx
            | Name::Netbeui => {
                Err(self.error(span, format!("the bytes of `{}` cannot be looked at this way", from.word())))
            }
            _ => Ok(Arithmetic::Load { from, index, size, span }),
        }
    }

    fn peek(&self) -> &Token<'t> {
        &self.tokens[self.at].0
    }

    fn span(&self) -> Span {
        self.tokens[self.at].1.clone()
    }

    fn previous_end(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |at| self.tokens[at].1.end)
    }

    /// To the next token; stays at the end.
    fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    fn eat_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(next) if *next == sign);
        if found {
            self.advance();
        }
        found
    }

    fn eat_keyword(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Keyword(next) if *next == word);
        if found {
            self.advance();
        }
        found
    }

    fn expect_sign(&mut self, sign: &str) -> Parsed<()> {
        if self.eat_sign(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.deeper()?;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn deeper(&mut self) -> Parsed<()> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error(self.span(), format!("nested more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        Ok(())
    }

    fn unexpected(&self, expected: &str) -> FilterError {
        self.error(self.span(), format!("expected {expected}"))
    }

    fn error(&self, span: Span, message: impl Into<String>) -> FilterError {
        FilterError::new(self.text, span, message.into())
    }
}

fn is_operator(token: &Token<'_>) -> bool {
    let signs = ["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "<", ">", "=", "!=", "<=", ">="];
    matches!(token, Token::Sign(sign) if signs.contains(sign))
}

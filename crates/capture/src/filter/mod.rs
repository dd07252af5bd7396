//! Filters in the language of tcpdump: pcap-filter(7), evaluated on packets of any link type.
//!
//! ```
//! use pcapviz_capture::{Filter, LinkType, Packet};
//!
//! let filter = Filter::parse("udp port 53 and not src net 10.0.0.0/8")?;
//! let packet = b"\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\xc0\0\x02\x01\xc0\0\x02\x35\x80\0\0\x35\0\x08\0\0";
//! assert!(filter.matches(&Packet::new(LinkType::RAW, packet)));
//!
//! let error = Filter::parse("tcp port 80 or 443 and hst 10.0.0.1").unwrap_err();
//! assert_eq!(&error.expression()[error.span()], "10.0.0.1");
//! # Ok::<(), pcapviz_capture::FilterError>(())
//! ```
mod expression;
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
use crate::{LinkType, Packet};

/// A filter expression, ready to be asked about packets of any link type from any number of threads.
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

    /// Whether a packet passes: by its outermost headers, exactly as tcpdump would decide.
    #[inline]
    pub fn matches(&self, packet: &Packet<'_>) -> bool {
        match self.program(packet.link_type) {
            Ok(program) => program.matches(packet.captured, packet.wire_len),
            Err(_) => false,
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

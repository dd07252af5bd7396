//! Reads packet captures of every format and dissects their packets into typed layers.
//!
//! Two steps, each usable alone: a [`CaptureReader`] turns a file's bytes into [`Packet`]s that borrow
//! from its buffer, and [`dissect`](dissect()) walks a packet's headers
//! outside-in into a [`Dissection`]: who talked to whom at each layer, and why the walk ended.
//!
//! ```
//! use pcapviz_capture::{DissectOptions, LinkType, Packet, dissect};
//!
//! let frame = b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06\0\x01\x08\0\x06\x04\0\x01\
//!               \x02\0\0\0\0\x01\x0a\0\0\x01\0\0\0\0\0\0\x0a\0\0\x02";
//! let packet = Packet::new(LinkType::ETHERNET, frame);
//! let found = dissect(&packet, &DissectOptions::default());
//! let devices = found.devices.expect("an Ethernet header");
//! assert_eq!(devices.source.to_string(), "02:00:00:00:00:01");
//! assert_eq!(found.protocols.to_string(), "Ethernet | ARP");
//! ```

mod application;
mod dissect;
mod duplicate;
mod file;
mod filter;
mod link_type;
mod mac;
mod packet;
mod protocol;
mod time_spec;

pub use application::hello::{HelloWindow, QuicConnection, QuicHellos};
pub use application::{
    BridgeId, Capability, DetailKind, Named, Sighting, SpanningTree, Tree, device_sightings, identify,
    sightings,
};
pub use dissect::{
    Absence, Application, Arp, DissectOptions, Dissection, Dissector, End, Fields, Fragment, GraphLayer,
    HeadersId, Hosts, Icmp, Layer, Layers, Pair, Ports, Quiet, Stop, StopReason, Transport, TunnelId,
    Tunnels, Usual, Vlans, dissect, layers,
};
pub use duplicate::DuplicateWindow;
pub use file::{CaptureError, CaptureReader, Compression, FileFormat, PacketsAtHand, captures_in};
pub use filter::{Filter, FilterError};
pub use link_type::LinkType;
pub use mac::{MacAddr, ParseMacError};
pub use packet::{Packet, Timestamp};
pub use protocol::{Protocol, ProtocolSet};
pub use time_spec::{ParseTimeSpecError, TimeSpec};

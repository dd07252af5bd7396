//! Writes the packets of captures as seeds of a target: one for each stack of headers that is met.
//!
//! Usage: `cargo run --example seeds -- dissect|application FOLDER CAPTURE...`

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use pcapviz_capture::{
    CaptureReader, DissectOptions, Packet, Protocol, Transport, dissect, identify, layers,
};

/// Longer packets make the fuzzer slow and teach it nothing.
const LONGEST: usize = 1600;

/// As in `fuzz_targets/application.rs`.
const PORTS: [u16; 9] = [53, 67, 80, 137, 138, 443, 547, 5353, 5355];

type Seed = (String, Vec<u8>);

fn main() -> io::Result<()> {
    let mut arguments = env::args_os().skip(1);
    let target = arguments.next().unwrap_or_default();
    let seed = match target.to_str() {
        Some("dissect") => dissect_seed,
        Some("application") => application_seed,
        _ => return Err(io::Error::other("usage: seeds dissect|application FOLDER CAPTURE...")),
    };
    let folder = PathBuf::from(arguments.next().unwrap_or_default());
    let mut met = HashSet::new();
    for capture in arguments {
        // A capture that is damaged gives what comes before the damage.
        let Ok(mut reader) = CaptureReader::open(Path::new(&capture)) else { continue };
        while let Ok(Some(packet)) = reader.next_packet() {
            let Some((kind, bytes)) = seed(&packet).filter(|(_, bytes)| bytes.len() <= LONGEST) else {
                continue;
            };
            if met.insert(kind) {
                fs::write(folder.join(format!("packet-{}", met.len())), bytes)?;
            }
        }
    }
    Ok(())
}

/// The form that `fuzz_targets/dissect.rs` reads.
fn dissect_seed(packet: &Packet<'_>) -> Option<Seed> {
    let stack: Vec<Option<Protocol>> =
        layers(packet, &DissectOptions::default()).map(|l| l.protocol).collect();
    let kind = format!("{:?} {stack:?}", packet.link_type);
    let mut bytes = packet.link_type.0.to_be_bytes().to_vec();
    bytes.extend([0, packet.fcs_len]);
    bytes.extend(packet.wire_len.to_be_bytes());
    bytes.extend(packet.captured);
    Some((kind, bytes))
}

/// The form that `fuzz_targets/application.rs` reads.
fn application_seed(packet: &Packet<'_>) -> Option<Seed> {
    let found = dissect(packet, &DissectOptions::default());
    let application = found.application.filter(|a| !a.payload.is_empty())?;
    let ports = application.ports.ports;
    let kind =
        format!("{:?} {:?} {:?}", found.protocols, identify(&application), ports.source < ports.destination);
    let port = PORTS.iter().position(|&port| port == ports.source || port == ports.destination)?;
    let tcp = application.ports.transport == Transport::Tcp;
    let bytes = [&[(port as u8) << 1 | u8::from(tcp)], application.payload].concat();
    Some((kind, bytes))
}

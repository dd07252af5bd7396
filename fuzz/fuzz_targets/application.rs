//! Application payloads are any bytes: no panic, no hang, and no name longer than a name can be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pcapviz_capture::{
    DissectOptions, HelloWindow, LinkType, Packet, QuicHellos, Sighting, dissect, identify, sightings,
};

/// The ports whose payloads are read, and one that is known for nothing.
const PORTS: [u16; 11] = [53, 67, 80, 137, 138, 443, 547, 1900, 5353, 5355, 49_999];

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, payload)) = bytes.split_first() else { return };
    let payload = &payload[..payload.len().min(60_000)];
    let port = PORTS[usize::from(choice >> 1) % PORTS.len()];
    let packet = if choice & 1 == 0 { udp(port, payload) } else { tcp(port, payload) };
    let packet = Packet::new(LinkType::RAW, &packet);
    let Some(application) = dissect(&packet, &DissectOptions::default()).application else { return };
    identify(&application);
    // A hello that begins here and goes on with the same bytes, and the pieces of those that span datagrams.
    let (mut window, mut hellos) = (HelloWindow::default(), QuicHellos::default());
    for _ in 0..3 {
        window.observe(None, Some(&application), |_, _| ());
    }
    sightings(&application, |sighting| hellos.observe(None, sighting));
    hellos.names(|_, _| ());
    sightings(&application, |sighting| {
        if let Sighting::Name { name, .. } = sighting {
            assert!((1..=255).contains(&name.chars().count()), "{name:?}");
        }
    });
});

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16 + 8).to_be_bytes();
    ip(17, &[&[0xc0, 0][..], &port.to_be_bytes(), &len, &[0, 0], payload].concat())
}

fn tcp(port: u16, payload: &[u8]) -> Vec<u8> {
    ip(6, &[&[0xc0, 0][..], &port.to_be_bytes(), &[0; 8], &[0x50, 0x18, 0, 0, 0, 0, 0, 0], payload].concat())
}

fn ip(protocol: u8, segment: &[u8]) -> Vec<u8> {
    let len = (segment.len() as u16 + 20).to_be_bytes();
    [&[0x45, 0][..], &len, &[0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], segment].concat()
}

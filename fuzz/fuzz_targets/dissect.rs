//! The dissector takes any bytes of any link type and any claimed length: no panic, no hang, a bounded number
//! of layers, each packet is either in a layer's graph or has one reason why not, and what is remembered of
//! headers changes nothing. The input is two bytes of link type, one of options, one of frame check sequence
//! length, four of claimed length, and the packet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pcapviz_capture::{
    DissectOptions, Dissector, GraphLayer, LinkType, Packet, Tunnels, device_sightings, dissect, identify,
    layers, sightings,
};

/// The cap on headers, with room to grow.
const MOST_LAYERS: usize = 100;

fuzz_target!(|bytes: &[u8]| {
    let [high, low, flags, fcs_len, a, b, c, d, captured @ ..] = bytes else { return };
    let mut packet = Packet::new(LinkType(u16::from_be_bytes([*high, *low])), captured);
    // Half of the inputs keep the honest length.
    if flags & 2 != 0 {
        packet.wire_len = u32::from_be_bytes([*a, *b, *c, *d]);
    }
    packet.fcs_len = *fcs_len;
    let mut options = DissectOptions::default();
    options.esp_null = flags & 1 != 0;
    for tunnels in [Tunnels::Outer, Tunnels::Inner] {
        options.tunnels = tunnels;
        let found = dissect(&packet, &options);
        for layer in GraphLayer::ALL {
            let there = match layer {
                GraphLayer::Devices => found.devices.is_some(),
                GraphLayer::Hosts => found.hosts.is_some(),
                GraphLayer::Endpoints => found.ports.is_some(),
            };
            assert_eq!(there, found.absence(layer, packet.link_type).is_none(), "{layer:?}");
        }
        assert!(found.ports.is_none() || found.hosts.is_some());
        let mut dissector = Dissector::new(options.clone());
        for _ in 0..2 {
            let mut remembered = dissector.dissect(&packet);
            remembered.headers = None;
            assert_eq!(format!("{remembered:?}"), format!("{found:?}"));
        }
        if let Some(usual) = dissector.usual(&packet)
            && let Some(quiet) = usual.quiet()
        {
            let protocol = quiet.protocol();
            let application =
                usual.dissection().application.expect("the headers that nearly all packets have");
            assert_eq!(identify(&application), protocol, "{application:?}");
            sightings(&application, |sighting| panic!("{sighting:?} of {application:?}"));
        }
        device_sightings(&packet, &found, &options, |_| ());
        if let Some(application) = &found.application {
            identify(application);
            sightings(application, |_| ());
        }
    }
    // What follows a header that the snap length cut off starts behind what was captured, never behind the wire's end.
    let end = captured.len().max(packet.wire_len as usize);
    let mut count = 0;
    for layer in layers(&packet, &options) {
        assert!(layer.offset <= end, "{layer:?}");
        count += 1;
    }
    assert!(count <= MOST_LAYERS);
});

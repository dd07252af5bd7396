//! The dissector takes any bytes of any link type and any claimed length: no panic, no hang, a bounded number
//! of layers, and each packet is either in a layer's graph or has one reason why not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pcapviz_capture::{DissectOptions, GraphLayer, LinkType, Packet, Tunnels, dissect, layers};

/// The cap on headers, with room to grow.
const MOST_LAYERS: usize = 100;

fuzz_target!(|input: (u16, u32, u8, bool, &[u8])| {
    let (link_type, wire_len, fcs_len, esp_null, bytes) = input;
    let mut packet = Packet::new(LinkType(link_type % 320), bytes);
    // Half of the inputs keep the honest length.
    if wire_len % 2 == 0 {
        packet.wire_len = wire_len;
    }
    packet.fcs_len = fcs_len;
    let mut options = DissectOptions::default();
    options.esp_null = esp_null;
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
    }
    assert!(layers(&packet, &options).count() <= MOST_LAYERS);
});

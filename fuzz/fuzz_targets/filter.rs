//! Any text is a filter or an error with a place in it; any filter takes any packet of any link type: no panic, no
//! hang. The input is the expression, a line end, two bytes of link type and the packet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pcapviz_capture::{Filter, LinkType, Packet, Tunnels};

fuzz_target!(|bytes: &[u8]| {
    let (text, rest) = bytes.split_at(bytes.iter().position(|&b| b == b'\n').unwrap_or(bytes.len()));
    let Ok(text) = std::str::from_utf8(text) else { return };
    let filter = match Filter::parse(text) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(text.get(error.span()).is_some() && !error.to_string().is_empty());
            return;
        }
    };
    let (link_type, captured) = match rest {
        [_, high, low, captured @ ..] => (LinkType(u16::from_be_bytes([*high, *low])), captured),
        _ => (LinkType::ETHERNET, &[][..]),
    };
    for link_type in [link_type, LinkType::ETHERNET, LinkType::RAW] {
        let packet = Packet::new(link_type, captured);
        let passes = filter.matches(&packet);
        assert!(!passes || filter.check(link_type).is_ok());
        filter.matches_within(&packet, Tunnels::Inner);
    }
});

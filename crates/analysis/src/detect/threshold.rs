//! Every constant of every detector, in one table, with where it comes from.

/// A constant that a detector decides by.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Threshold {
    /// The kind of finding.
    pub kind: &'static str,
    /// What it bounds.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// In what unit; empty for a plain number.
    pub unit: &'static str,
    /// Who says so, or why.
    pub source: &'static str,
}

/// Declares each constant once, as a number to decide by and as a row of the table.
macro_rules! thresholds {
    ($($name:ident: $kind:literal, $what:literal, $value:expr, $unit:literal, $source:literal;)*) => {
        $(pub(super) const $name: f64 = $value;)*

        /// Every constant of every detector.
        ///
        /// ```
        /// use pcapviz_analysis::THRESHOLDS;
        ///
        /// let walk = THRESHOLDS.iter().find(|row| row.name == "likelihood ratio").unwrap();
        /// assert_eq!((walk.kind, walk.value), ("scan", 99.0));
        /// ```
        pub const THRESHOLDS: &[Threshold] = &[
            $(Threshold { kind: $kind, name: $what, value: $value, unit: $unit, source: $source },)*
        ];
    };
}

thresholds! {
    UPLOAD_RATIO: "bulk-upload", "producer-consumer ratio", 0.6, "",
        "Bullard and Gerth, \"PCR: a new flow metric\", FloCon 2014: from 0.6 on, a host gives and hardly takes";
    UPLOAD_ALERT: "bulk-upload", "sent, for an alert", 1e6, "B",
        "own choice: more than forms, mail and most pictures";
    UPLOAD_NOTE: "bulk-upload", "sent, for a note", 1e5, "B",
        "own choice: a tenth of an alert";
    UPLOAD_REPEATED: "bulk-upload", "bytes seen / bytes between SYN and FIN, up to which these are believed", 3.0, "",
        "own choice: captured twice, and half of it sent again; a FIN may be forged";
    TUNNEL_BYTES: "dns-tunnel", "length of different names", 4e3, "B",
        "after ibHH: Ozery, Nadler and Shabtai, \"Information-based heavy hitters for real-time DNS data exfiltration detection\", NDSS 2024";
    TUNNEL_NAMES: "dns-tunnel", "different names", 50.0, "names",
        "own choice: what a busy but ordinary domain rarely has for one capture";
    TUNNEL_MEAN: "dns-tunnel", "mean length in front of the domain, for an alert", 20.0, "B",
        "own choice: host names are shorter; a note below";
    TUNNEL_PRIVATE: "dns-tunnel", "mean length of different labels, without a public suffix, for an alert", 30.0, "B",
        "own choice: machines name themselves after their model and number, in 15 to 25 letters";
    BEACON_GAPS: "beacon", "gaps between contacts", 12.0, "gaps",
        "below 12, the 0.1 % quantile is too close to what chance makes";
    BEACON_MEDIAN: "beacon", "median gap", 1.0, "s",
        "own choice: what comes faster is one task at work";
    BEACON_BURST: "beacon", "contacts within so long of the first are one", 1.0, "s",
        "own choice: browsers and agents open several connections at once";
    BEACON_APART: "beacon", "median gap between such contacts", 10.0, "s",
        "ten times the former: steady traffic cut into bursts would look like a clock";
    DISPERSION_12: "beacon", "dispersion of 12 gaps, at most", 0.154, "",
        "0.1 % quantile of median absolute deviation by median under exponential gaps: one Poisson process of a thousand passes";
    DISPERSION_16: "beacon", "dispersion of 16 gaps, at most", 0.204, "", "the same";
    DISPERSION_24: "beacon", "dispersion of 24 gaps, at most", 0.286, "", "the same";
    DISPERSION_32: "beacon", "dispersion of 32 gaps, at most", 0.319, "", "the same";
    DISPERSION_48: "beacon", "dispersion of 48 gaps and more, at most", 0.408, "", "the same";
    SCAN_RATIO: "scan", "likelihood ratio", 99.0, "",
        "Jung et al., \"Fast portscan detection using sequential hypothesis testing\", IEEE S&P 2004: 0.99 detected, 0.01 false";
    SCAN_BENIGN: "scan", "share of contacts that succeed, benign host", 0.8, "", "Jung et al. 2004";
    SCAN_SCANNER: "scan", "share of contacts that succeed, scanner", 0.2, "", "Jung et al. 2004";
    SCAN_HOSTS: "scan", "failed hosts", 10.0, "hosts",
        "own choice: the walk alone decides after four, which a dead server farm reaches";
    SCAN_PORTS: "scan", "failed ports on one host", 15.0, "ports",
        "Snort sfPortscan, medium sensitivity: 15 to 25 rejected ports";
    SCAN_SYSTEM: "scan", "ports below, tried by segments without a connection", 1024.0, "",
        "RFC 6335: system ports, of which few are a client's own";
    SCAN_DYNAMIC: "scan", "ports from which on these come", 32768.0, "",
        "where Linux begins to give clients theirs, and scanners too; NFS clients have system ports, their server does not";
    SCAN_SAME_PORT: "scan", "share of failed hosts that were asked for the same port, for an alert", 0.5, "",
        "own choice: peer-to-peer programs fail on many hosts too, each on a port of its own";
    SCAN_REFUSED: "scan", "hosts or ports said to be unreachable, for an alert over UDP", 5.0, "",
        "own choice: silence over UDP is ordinary; a note below";
    SCAN_CHECKED: "scan", "ports at most of a client that is believed for ending what nobody answered", 4.0, "ports",
        "own choice: health checks ask for few services";
    SCAN_UNHEARD: "scan", "failed hosts, or ports of one, for an alert where the client never hears anybody", 256.0, "",
        "own choice: the capture may have nothing but SYNs, or lead nowhere for the client";
    TRACEROUTE_FIRST: "scan", "first of the UDP ports that traceroute uses, which do not count", 33_434.0, "",
        "traceroute(8): nobody is to answer there";
    TRACEROUTE_LAST: "scan", "last of these ports", 33_534.0, "", "traceroute(8), 30 hops of three datagrams and some more";
    SWEEP_HOSTS: "scan", "addresses asked for by ARP that nobody has, for an alert", 100.0, "addresses",
        "own choice: most of a network of 256 addresses; a note at SWEEP_NOTE";
    SWEEP_NOTE: "scan", "addresses asked for by ARP that nobody has, for a note", 30.0, "addresses",
        "own choice: more than stale entries of one host";
    SWEEP_SHARE: "scan", "share of addresses asked for by ARP that nobody has", 0.5, "",
        "own choice: who knows its peers asks for those that are there";
    ICMP_REPLIES: "icmp-tunnel", "replies", 20.0, "replies",
        "own choice: some devices answer one odd ping";
    ICMP_MISMATCHED: "icmp-tunnel", "share of replies whose size differs from the request's", 0.2, "",
        "RFC 792: an echo reply returns the data of its request";
    STAGE_BYTES: "stage-and-send", "pulled, and sent", 1e7, "B",
        "own choice: archives, not pages";
    STAGE_RATIO: "stage-and-send", "sent / pulled", 0.5, "",
        "own choice: compression halves most documents";
    STAGE_HOURS: "stage-and-send", "time from the first pull to the end", 24.0, "h",
        "own choice: one day's work";
    LONG: "long-connection", "time open", 3600.0, "s", "own choice: an hour";
    LONG_SHARE: "long-connection", "share of the capture", 0.9, "", "own choice: nearly all of it";
    LONG_CAPTURE: "long-connection", "capture for which the share counts", 600.0, "s",
        "own choice: every connection is long in a short capture";
    LONG_SLOTS: "long-connection", "of 64 parts of its life, those in which it is active each way", 4.0, "parts",
        "own choice: a few packets far apart are no connection";
    LONG_UDP_BYTES: "long-connection", "sent each way, for UDP", 1e5, "B",
        "own choice: UDP knows no connections, and clocks and name servers keep their ports";
    ARP_DEVICES: "arp-conflict", "devices that claim one address", 2.0, "devices",
        "RFC 5227: an address belongs to one interface";
    ARP_MANY: "arp-conflict", "devices that claim one address one after the other, for an alert", 16.0, "devices",
        "own choice: an address that DHCP gives anew passes on a few times a day";
    ARP_UNASKED: "arp-conflict", "answers that nobody asked for, for an alert where one device claims after the other", 5.0, "messages",
        "own choice: a few questions may be missing from the capture; poisoning has to go on";
    ARP_TIMES: "arp-conflict", "the same, beside the most that another device gives", 4.0, "",
        "own choice: if nobody asked the other one either, the questions are missing, and routers take turns of unequal length";
}

const DISPERSION: [(f64, f64); 5] = [
    (12.0, DISPERSION_12),
    (16.0, DISPERSION_16),
    (24.0, DISPERSION_24),
    (32.0, DISPERSION_32),
    (48.0, DISPERSION_48),
];

/// The most that the dispersion of so many gaps may be: between the table's rows in a straight line, behind the last one
/// as the last one.
pub(super) fn dispersion(gaps: usize) -> f64 {
    let n = gaps as f64;
    let [first, .., last] = DISPERSION;
    let between = DISPERSION.array_windows().find(|[_, (to, _)]| n < *to);
    match between {
        _ if n < first.0 => 0.0,
        Some([(from, low), (to, high)]) => low + (high - low) * (n - from) / (to - from),
        None => last.1,
    }
}

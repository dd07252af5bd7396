//! Many pictures on one page, to be looked at: each capture at each layer, as PNGs on an HTML page.
//!
//! ```text
//! cargo run --release -p pcapviz-benches --bin contact_sheet -- OUT_FOLDER [CAPTURE]...
//! ```
//!
//! Without captures, 24 of all kinds and sizes from the folder `../shared/captures`, and a made one with
//! 10,000 hosts.

#![allow(clippy::print_stdout, reason = "a program that says where its page is")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use pcapviz_core::render::escape::xml;
use pcapviz_core::render::{Format, RenderOptions, render};
use pcapviz_core::{Embedded, GraphLayer, Pipeline};
use pcapviz_testkit::capture::{Pcap, Record};
use pcapviz_testkit::frame::{Ethernet, Ipv4, Tcp, Udp};

/// From one host to hundreds, of every kind of traffic.
const CAPTURES: [&str; 23] = [
    "made/header-only.pcap",
    "tcpdump/arp-oobr.pcap",
    "pcapviz/test.pcap",
    "made/geo.pcap",
    "made/ground-truth.pcap",
    "ndpi/gnutella.pcap",
    "ndpi/srvloc.pcap",
    "ndpi/fuzz-2006-06-26-2594.pcap",
    "ndpi/1kxun.pcap",
    "ndpi/sites.pcapng",
    "ndpi/ethereum.pcap",
    "ndpi/teams.pcap",
    "ndpi/synscan.pcap",
    "ndpi/whatsapp_login_call.pcap",
    "ndpi/syslog.pcap",
    "ndpi/iphone.pcap",
    "pcap-parser/wireshark_samples-test.pcapng",
    "dns-tunnel/tunnel/iodine-cname.pcap",
    "packets/http_espn.pcapng",
    "packets/arppoison.pcapng",
    "suricata/igmp/igmp-v1-v2-rgmp-01/wireshark-wiki-IGMP-dataset.pcap",
    "aircrack-ng/test23.pcap",
    "tcpdump/pim-packet-assortment.pcap",
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().ok_or("usage: contact_sheet OUT_FOLDER [CAPTURE]...")?;
    fs::create_dir_all(&folder)?;
    let mut captures: Vec<PathBuf> = arguments.collect();
    if captures.is_empty() {
        let shared = pcapviz_testkit::shared("captures").unwrap_or_default();
        captures = CAPTURES.iter().map(|name| shared.join(name)).filter(|path| path.is_file()).collect();
        captures.push(large(&folder)?);
    }
    let mut page = String::from(HEAD);
    for capture in &captures {
        let mut report = Pipeline::new().capture(capture).run();
        for layer in GraphLayer::ALL {
            report.enrich_graph(&report.graph(layer), &Embedded)?;
        }
        report.join_devices();
        let name = capture.file_name().unwrap_or_default().to_string_lossy();
        let _ = write!(page, "<h2>{}</h2><div>", xml(&name));
        for layer in GraphLayer::ALL {
            let file = format!("{name}.{}.png", layer.number());
            let graph = report.graph(layer);
            let start = Instant::now();
            let mut out = BufWriter::new(File::create(folder.join(&file))?);
            let format: Format = "png".parse()?;
            render(&report.view(&graph), &RenderOptions::default(), format, &mut out)?;
            let (nodes, edges) = (graph.nodes().len(), graph.edges().len());
            println!("{file}: {nodes} nodes, {edges} edges, {:.2} s", start.elapsed().as_secs_f64());
            let file = xml(&file);
            let _ = write!(page, "<a href=\"{file}\"><img src=\"{file}\" alt=\"{file}\"></a>");
        }
        page.push_str("</div>\n");
    }
    let path = folder.join("index.html");
    fs::write(&path, page)?;
    println!("{}", path.display());
    Ok(())
}

const HEAD: &str = "<!doctype html><meta charset=\"utf-8\"><title>Contact sheet</title>\
    <style>body{font:14px sans-serif;background:#888}div{display:flex;gap:8px}\
    a{flex:1}img{width:100%;background:#fff}</style>\n";

/// A capture with 10,000 hosts: clients of a few hundred servers, some much more wanted than others.
fn large(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    const HOSTS: usize = 10_000;
    let mut records = Vec::new();
    for n in 0..HOSTS {
        let [_, _, high, low] = (n as u32).to_be_bytes();
        let client = [10, 40 + high / 64, high, low];
        // The k-th server is about k times less wanted than the first.
        let server = (300_f64.powf((n * 37 % 1_000) as f64 / 1_000.0)) as u8;
        let hosts = Ipv4::between(client, [198, 51, server % 7, server]);
        let ethernet = Ethernet::between(high, 200);
        let port = 32768 + n as u16;
        let data = vec![0; (n * 31) % 1_400];
        let frame = match n % 5 {
            0 => ethernet.carry(hosts.carry(Udp::ports(port, 53).carry(data.as_slice()))),
            _ => ethernet.carry(hosts.carry(Tcp::ports(port, 443).carry(data.as_slice()))),
        };
        records.push(Record::new(1_700_000_000_000_000_000 + n as u64 * 1_000_000, frame.bytes()));
    }
    let path = folder.join("ten-thousand-hosts.pcap");
    fs::write(&path, Pcap::default().file(&records))?;
    Ok(path)
}

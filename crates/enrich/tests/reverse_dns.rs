//! Live reverse DNS against a real server on loopback, and against one that never answers.
#![allow(clippy::unwrap_used, reason = "a test ends at what it does not expect")]
#![cfg(feature = "resolve")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use hickory_server::Server;
use hickory_server::net::runtime::TokioRuntimeProvider;
use hickory_server::proto::rr::rdata::{A, PTR, SOA};
use hickory_server::proto::rr::{Name, RData, Record};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use pcapviz_enrich::{Enricher, ResolveOptions, ReverseResolver};
use pcapviz_graph::{Annotations, NameSource, NodeId};

/// Starts a DNS server that has the reverse zone of 10.0.0.0/8 with these names; it ends with the test's
/// process.
fn server(pointers: Vec<(IpAddr, &'static str)>) -> SocketAddr {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut catalog = Catalog::new();
            let mut serve = |origin: &str, records: Vec<(Name, RData)>| {
                let origin = Name::from_ascii(origin).unwrap();
                let mut zone = InMemoryZoneHandler::<TokioRuntimeProvider>::empty(
                    origin.clone(),
                    ZoneType::Primary,
                    AxfrPolicy::Deny,
                );
                let soa = SOA::new(origin.clone(), origin.clone(), 1, 60, 60, 60, 60);
                zone.upsert_mut(Record::from_rdata(origin.clone(), 60, RData::SOA(soa)), 1);
                for (name, data) in records {
                    zone.upsert_mut(Record::from_rdata(name, 60, data), 1);
                }
                catalog.upsert(origin.into(), vec![Arc::new(zone)]);
            };
            let name = |text: &str| Name::from_ascii(text).unwrap();
            let pointers = pointers.into_iter().map(|(ip, text)| (ip.into(), RData::PTR(PTR(name(text)))));
            serve("10.in-addr.arpa.", pointers.collect());
            // Of the names, only the gateway's leads back.
            let addresses = [("gateway.example.", [10, 0, 0, 1]), ("printer.example.", [10, 0, 0, 99])];
            let addresses = addresses.into_iter().map(|(text, ip)| (name(text), RData::A(A(ip.into()))));
            serve("example.", addresses.collect());
            let mut server = Server::new(catalog);
            let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            tell.send(socket.local_addr().unwrap()).unwrap();
            server.register_socket(socket);
            server.block_until_done().await.unwrap();
        });
    });
    told.recv_timeout(Duration::from_secs(30)).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn options(server: SocketAddr) -> ResolveOptions {
    let mut options = ResolveOptions::default();
    options.server = Some(server);
    options
}

#[test]
fn names_hosts_from_a_real_server() {
    let server = server(vec![(ip("10.0.0.1"), "gateway.example."), (ip("10.0.0.2"), "printer.example.")]);
    let seen = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&seen);
    let resolver = ReverseResolver::new(options(server)).on_progress(move |progress| {
        counter.store(progress.done * 100 + progress.total, Ordering::Relaxed);
    });

    let (first, nameless) = (NodeId::Host(ip("10.0.0.1")), NodeId::Host(ip("10.0.0.9")));
    let nodes = [first, NodeId::Endpoint(ip("10.0.0.2"), 631), nameless, NodeId::Host(ip("224.0.0.251"))];
    let mut annotations = Annotations::default();
    let enriched = resolver.enrich(&nodes, &mut annotations).unwrap();
    assert_eq!((enriched.nodes, enriched.warnings), (2, vec![]));
    let name = annotations.get(first).unwrap().best_name().unwrap();
    assert_eq!((name.name.as_str(), name.source), ("gateway.example", NameSource::ReverseDnsConfirmed));
    let name = annotations.get(nodes[1]).unwrap().best_name().unwrap();
    assert_eq!((name.name.as_str(), name.source), ("printer.example", NameSource::ReverseDns));
    assert!(annotations.get(nameless).is_none());
    assert_eq!(seen.load(Ordering::Relaxed), 303, "three of three look-ups were told");

    let counts =
        resolver.resolve([ip("10.0.0.1"), ip("10.0.0.9"), ip("::1"), ip("10.0.0.1")]).unwrap().counts;
    assert_eq!((counts.resolved, counts.no_name, counts.not_asked), (1, 1, 1));

    // Not authoritative for this address: refused, which is not the same as having no name.
    let counts = resolver.resolve([ip("1.2.3.4")]).unwrap().counts;
    assert_eq!((counts.failed, counts.no_name), (1, 0));
}

#[test]
fn many_at_once() {
    let hosts: Vec<IpAddr> = (0..500_u32).map(|i| Ipv4Addr::from(0x0a00_0000 + i).into()).collect();
    let server = server(hosts.iter().map(|host| (*host, "host.example.")).collect());
    let counts = ReverseResolver::new(options(server)).resolve(hosts).unwrap().counts;
    assert_eq!(counts.resolved, 500, "{counts:?}");
}

#[test]
fn a_server_that_never_answers_costs_no_more_than_the_time_outs() {
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut options = options(silent.local_addr().unwrap());
    options.timeout = Duration::from_millis(300);
    let start = Instant::now();
    let hosts: Vec<IpAddr> = (0..40_u32).map(|i| Ipv4Addr::from(0x0a00_0000 + i).into()).collect();
    let resolution = ReverseResolver::new(options.clone()).resolve(hosts.clone()).unwrap();
    assert!(resolution.names.is_empty());
    assert_eq!(resolution.counts.timed_out, 40, "{:?}", resolution.counts);
    // 40 look-ups, 32 at once: two rounds.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());

    options.timeout = Duration::from_secs(60);
    options.deadline = Duration::from_millis(300);
    let start = Instant::now();
    let resolver = ReverseResolver::new(options);
    let nodes: Vec<NodeId> = hosts.into_iter().map(NodeId::Host).collect();
    let enriched = resolver.enrich(&nodes, &mut Annotations::default()).unwrap();
    assert_eq!(enriched.warnings, ["reverse DNS: 0 resolved; 40 given up at the deadline"]);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn works_inside_an_asynchronous_program() {
    let server = server(vec![(ip("10.0.0.1"), "gateway.example.")]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let resolution =
        runtime.block_on(async { ReverseResolver::new(options(server)).resolve([ip("10.0.0.1")]) });
    assert_eq!(resolution.unwrap().names[&ip("10.0.0.1")], ["gateway.example"]);
}

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name as DnsName, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use pcapviz_graph::{AddressClass, Annotations, Name, NameSource, NodeId};
use tokio::time::{Instant, timeout, timeout_at};

use crate::enricher::{add_names, hosts};
use crate::{EnrichError, Enriched, Enricher};

/// How to ask for names over the network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolveOptions {
    /// The DNS server to ask; `None` for the system's.
    pub server: Option<SocketAddr>,
    /// How many look-ups run at once.
    pub concurrency: usize,
    /// How many addresses are begun with in a second at most; each costs a question, and one more for each name
    /// that is checked.
    pub rate: u32,
    /// After how long a look-up is given up, retries included.
    pub timeout: Duration,
    /// After how long all that are left are given up.
    pub deadline: Duration,
}

impl Default for ResolveOptions {
    fn default() -> Self {
        Self {
            server: None,
            concurrency: 32,
            rate: 250,
            timeout: Duration::from_secs(2),
            deadline: Duration::from_secs(30),
        }
    }
}

/// How far a resolution has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Look-ups that have ended.
    pub done: u64,
    /// All look-ups.
    pub total: u64,
}

/// What became of the addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolveCounts {
    /// They have a name.
    pub resolved: u64,
    /// They have a name that leads back to them.
    pub confirmed: u64,
    /// The server says that they have none.
    pub no_name: u64,
    /// No answer came in time.
    pub timed_out: u64,
    /// The server refused or failed, or could not be reached.
    pub failed: u64,
    /// The total deadline passed before they were asked for or answered.
    pub past_deadline: u64,
    /// Not asked for: no DNS server can know their name, or they are private and the server is public.
    pub not_asked: u64,
}

/// What live DNS said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolution {
    /// The names of each address that has one, in alphabetical order.
    pub names: BTreeMap<IpAddr, Vec<String>>,
    /// Which of them lead back to the address (forward-confirmed reverse DNS): whoever owns the name
    /// agrees that it is this address's.
    pub confirmed: BTreeSet<(IpAddr, String)>,
    /// What became of all.
    pub counts: ResolveCounts,
}

/// Asks the network for the names of addresses: reverse DNS (RFC 1035, 3.5).
///
/// Every look-up tells the network what is being looked at, so nothing here runs unasked. Private addresses
/// are asked for only if the server was named or is private itself. Many look-ups run at once, no more in a second
/// than a server bears, each with a time-out, and all together end by a deadline. A name is asked for its
/// addresses in turn: one that leads back is [confirmed](NameSource::ReverseDnsConfirmed).
pub struct ReverseResolver {
    options: ResolveOptions,
    progress: Option<Box<dyn Fn(Progress) + Send + Sync>>,
}

impl ReverseResolver {
    /// A resolver that has not asked anything yet.
    pub fn new(options: ResolveOptions) -> Self {
        Self { options, progress: None }
    }

    /// Has this called after each look-up, from another thread.
    #[must_use]
    pub fn on_progress(mut self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Asks for the names of these addresses, each once. Ends after [`ResolveOptions::deadline`] at the
    /// latest; may be called from within an asynchronous program, which it blocks.
    ///
    /// # Errors
    /// If the system's DNS configuration cannot be read or holds no server.
    pub fn resolve(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Result<Resolution, EnrichError> {
        let addresses: BTreeSet<IpAddr> = addresses.into_iter().collect();
        // On a thread of its own: the caller's may be driving a runtime already.
        std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(|error| EnrichError::Resolver { reason: error.to_string() })?;
                runtime.block_on(async {
                    let server = Server::new(&self.options)?;
                    Ok(resolve_all(&server, addresses, &self.options, self.progress.as_deref()).await)
                })
            });
            work.join().unwrap_or_else(|_| {
                Err(EnrichError::Resolver { reason: "the look-ups' thread failed".into() })
            })
        })
    }
}

impl Enricher for ReverseResolver {
    fn title(&self) -> &str {
        "reverse DNS"
    }

    fn enrich(&self, nodes: &[NodeId], annotations: &mut Annotations) -> Result<Enriched, EnrichError> {
        let Resolution { names, confirmed, counts } = self.resolve(hosts(nodes))?;
        let mut enriched = Enriched::default();
        for (host, names) in names {
            let names = names.into_iter().map(|name| {
                let key = (host, name);
                let is_confirmed = confirmed.contains(&key);
                let source =
                    if is_confirmed { NameSource::ReverseDnsConfirmed } else { NameSource::ReverseDns };
                Name::new(source, key.1)
            });
            add_names(annotations, NodeId::Host(host), names);
            enriched.nodes += 1;
        }
        enriched.warnings.extend(counts.warning());
        enriched.remarks.push(counts.to_string());
        Ok(enriched)
    }
}

impl ResolveCounts {
    /// What did not work, in a line; that an address has no name is no fault.
    fn warning(&self) -> Option<String> {
        let parts: Vec<String> = [
            (self.timed_out, "without an answer in time"),
            (self.failed, "refused or failed"),
            (self.past_deadline, "given up at the deadline"),
        ]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
        (!parts.is_empty()).then(|| format!("reverse DNS: {} resolved; {}", self.resolved, parts.join(", ")))
    }
}

/// `12 of 20 addresses have a name, 9 of these lead back to the address; 4 were not asked for`
impl fmt::Display for ResolveCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.resolved + self.no_name + self.timed_out + self.failed + self.past_deadline;
        write!(f, "reverse DNS: {} of {asked} addresses have a name, ", self.resolved)?;
        write!(f, "{} of these lead back to the address; ", self.confirmed)?;
        write!(f, "{} others were not asked for", self.not_asked)
    }
}

/// What a look-up came to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Names(Vec<String>),
    NoName,
    TimedOut,
    Failed,
}

/// Whoever knows names: the network, or a test.
trait Names {
    /// Whether private addresses may be asked for.
    fn may_know_private(&self) -> bool;

    fn names_of(&self, address: IpAddr) -> impl Future<Output = Answer>;

    /// Whether a name leads to an address.
    fn leads_to(&self, name: &str, address: IpAddr) -> impl Future<Output = bool>;
}

/// Names of one address that are checked: the first ones.
const MOST_CHECKED: usize = 4;

/// Whether there can be a name for an address of this class in DNS.
fn is_worth_asking(class: AddressClass, may_know_private: bool) -> bool {
    use AddressClass::{Cgnat, Private, Public, Transition};
    matches!(class, Public | Transition) || (may_know_private && matches!(class, Private | Cgnat))
}

async fn resolve_all(
    server: &impl Names,
    addresses: BTreeSet<IpAddr>,
    options: &ResolveOptions,
    progress: Option<&(dyn Fn(Progress) + Send + Sync)>,
) -> Resolution {
    let start = Instant::now();
    let deadline = start + options.deadline;
    let may_know_private = server.may_know_private();
    let (asked, others): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.into_iter().partition(|ip| is_worth_asking(AddressClass::of(*ip), may_know_private));

    let mut resolution = Resolution::default();
    resolution.counts.not_asked = others.len() as u64;
    let mut state = Progress { done: 0, total: asked.len() as u64 };
    let mut answers = stream::iter(asked)
        .enumerate()
        .map(|(i, ip)| async move {
            let turn = Duration::from_secs(1).mul_f64(i as f64 / f64::from(options.rate.max(1)));
            tokio::time::sleep_until(start + turn).await;
            let answer = timeout(options.timeout, server.names_of(ip)).await.unwrap_or(Answer::TimedOut);
            let mut confirmed = Vec::new();
            if let Answer::Names(names) = &answer {
                for name in names.iter().take(MOST_CHECKED) {
                    let leads = timeout(options.timeout, server.leads_to(name, ip)).await;
                    confirmed.extend(leads.unwrap_or(false).then(|| (ip, name.clone())));
                }
            }
            (ip, answer, confirmed)
        })
        .buffer_unordered(options.concurrency.max(1));
    while let Ok(Some((ip, answer, confirmed))) = timeout_at(deadline, answers.next()).await {
        let counts = &mut resolution.counts;
        match answer {
            Answer::Names(mut names) if !names.is_empty() => {
                counts.resolved += 1;
                counts.confirmed += u64::from(!confirmed.is_empty());
                resolution.confirmed.extend(confirmed);
                names.sort();
                names.dedup();
                resolution.names.insert(ip, names);
            }
            Answer::Names(_) | Answer::NoName => counts.no_name += 1,
            Answer::TimedOut => counts.timed_out += 1,
            Answer::Failed => counts.failed += 1,
        }
        state.done += 1;
        if let Some(progress) = progress {
            progress(state);
        }
    }
    resolution.counts.past_deadline = state.total - state.done;
    resolution
}

/// A DNS server on the network.
struct Server {
    resolver: TokioResolver,
    may_know_private: bool,
}

impl Server {
    fn new(options: &ResolveOptions) -> Result<Self, EnrichError> {
        let failed = |error: NetError| EnrichError::Resolver { reason: error.to_string() };
        let servers = match options.server {
            Some(server) => {
                let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
                connections.iter_mut().for_each(|connection| connection.port = server.port());
                vec![NameServerConfig::new(server.ip(), true, connections)]
            }
            None => read_system_conf().map_err(failed)?.0.name_servers,
        };
        let is_inside = |server: &NameServerConfig| AddressClass::of(server.ip).is_inside();
        let may_know_private = options.server.is_some() || servers.iter().all(is_inside);

        let config = ResolverConfig::from_name_servers(servers);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let settings = builder.options_mut();
        settings.use_hosts_file = ResolveHosts::Never;
        // Two tries within the time that a look-up has.
        settings.attempts = 1;
        settings.timeout = options.timeout / 2;
        // Look-ups that were given up still count as active for a while.
        settings.max_active_requests = options.concurrency.saturating_mul(4).max(32);
        settings.cache_size = 0;
        Ok(Self { resolver: builder.build().map_err(failed)?, may_know_private })
    }
}

impl Names for Server {
    fn may_know_private(&self) -> bool {
        self.may_know_private
    }

    async fn names_of(&self, address: IpAddr) -> Answer {
        let found = match self.resolver.lookup(DnsName::from(address), RecordType::PTR).await {
            Ok(found) => found,
            Err(error) if error.is_nx_domain() || error.is_no_records_found() => return Answer::NoName,
            Err(NetError::Timeout) => return Answer::TimedOut,
            Err(_) => return Answer::Failed,
        };
        let names = found.answers().iter().filter_map(|record| match &record.data {
            RData::PTR(name) => Some(name.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(".")),
            _ => None,
        });
        Answer::Names(names.filter(|name| !name.is_empty()).collect())
    }

    async fn leads_to(&self, name: &str, address: IpAddr) -> bool {
        let kind = if address.is_ipv4() { RecordType::A } else { RecordType::AAAA };
        let Ok(mut name) = DnsName::from_utf8(name) else { return false };
        // No domain of this machine's is to be tried behind it.
        name.set_fqdn(true);
        let Ok(found) = self.resolver.lookup(name, kind).await else { return false };
        found.answers().iter().any(|record| match &record.data {
            RData::A(ip) => IpAddr::from(ip.0) == address,
            RData::AAAA(ip) => IpAddr::from(ip.0) == address,
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Answers by the address's last number, and remembers how many were asked at once.
    #[derive(Default)]
    struct Fake {
        knows_private: bool,
        active: AtomicU64,
        most: AtomicU64,
    }

    impl Names for Fake {
        fn may_know_private(&self) -> bool {
            self.knows_private
        }

        async fn names_of(&self, address: IpAddr) -> Answer {
            let active = self.active.fetch_add(1, Ordering::Relaxed) + 1;
            self.most.fetch_max(active, Ordering::Relaxed);
            tokio::task::yield_now().await;
            let IpAddr::V4(ip) = address else { return Answer::NoName };
            let answer = match ip.octets()[3] % 4 {
                0 => Answer::Names(vec![format!("b{address}"), "a".into(), "a".into()]),
                1 => Answer::NoName,
                2 => Answer::Failed,
                _ => std::future::pending().await,
            };
            self.active.fetch_sub(1, Ordering::Relaxed);
            answer
        }

        async fn leads_to(&self, name: &str, address: IpAddr) -> bool {
            name == format!("b{address}")
        }
    }

    fn run(fake: &Fake, addresses: &[&str], options: &ResolveOptions) -> Resolution {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(resolve_all(fake, addresses, options, None))
    }

    fn options(timeout: u64, deadline: u64) -> ResolveOptions {
        ResolveOptions {
            timeout: Duration::from_millis(timeout),
            deadline: Duration::from_millis(deadline),
            concurrency: 2,
            ..ResolveOptions::default()
        }
    }

    #[test]
    fn counts_every_outcome() {
        let fake = Fake::default();
        let asked = ["1.0.0.0", "1.0.0.1", "1.0.0.2", "1.0.0.3", "1.0.0.4", "10.0.0.1", "224.0.0.1"];
        let Resolution { names, counts, confirmed } = run(&fake, &asked, &options(30, 60_000));
        assert_eq!(names[&"1.0.0.4".parse().unwrap()], ["a", "b1.0.0.4"]);
        assert_eq!(names.len(), 2);
        let expected = ResolveCounts {
            resolved: 2,
            confirmed: 2,
            no_name: 1,
            timed_out: 1,
            failed: 1,
            past_deadline: 0,
            not_asked: 2,
        };
        assert_eq!(counts, expected);
        assert!(confirmed.iter().all(|(ip, name)| *name == format!("b{ip}")) && confirmed.len() == 2);
        assert_eq!(
            counts.to_string(),
            "reverse DNS: 2 of 5 addresses have a name, 2 of these lead back to the address; 2 others were not asked for"
        );
        assert_eq!(fake.most.load(Ordering::Relaxed), 2);
        assert_eq!(
            counts.warning().unwrap(),
            "reverse DNS: 2 resolved; 1 without an answer in time, 1 refused or failed"
        );
    }

    #[test]
    fn keeps_to_the_rate() {
        let start = std::time::Instant::now();
        let options = ResolveOptions { rate: 20, ..options(1000, 10_000) };
        let counts = run(&Fake::default(), &["1.0.0.0", "1.0.0.1", "1.0.0.4", "1.0.0.5"], &options).counts;
        assert_eq!((counts.resolved, counts.no_name), (2, 2));
        assert!(start.elapsed() >= Duration::from_millis(150), "{:?}", start.elapsed());
    }

    #[test]
    fn ends_at_the_deadline() {
        let counts = run(&Fake::default(), &["1.0.0.3", "1.0.0.7", "1.0.0.11"], &options(60_000, 50)).counts;
        assert_eq!(counts.past_deadline, 3);
    }

    #[test]
    fn private_addresses_are_for_servers_that_may_know_them() {
        let asked = ["10.0.0.1", "127.0.0.1", "169.254.0.1", "192.0.2.1", "100.64.0.1", "ff02::1", "::"];
        for (knows_private, no_name, not_asked) in [(false, 0, 7), (true, 2, 5)] {
            let fake = Fake { knows_private, ..Fake::default() };
            let counts = run(&fake, &asked, &options(1000, 1000)).counts;
            assert_eq!((counts.no_name, counts.not_asked), (no_name, not_asked), "{knows_private}");
        }
    }
}

//! Fetching a JSON document whose URL somebody else chose.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use hyper::{Request, Response};
use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsConnector;
use tracing::{Instrument, Span};
use url::{Host, Url};

use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::base::redacted::redacted;
use crate::base::request;
use crate::base::spans;
use crate::protocol::issuer::{Issuer, is_loopback};

use super::address::{is_named, special_use};
use super::outcomes::Outcomes;
use super::resolver::Resolver;
use super::wire;

/// What may be fetched, and with how much patience.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whether this machine itself may be asked, and without TLS: only where the issuer is on it, too
    pub is_loopback_allowed: bool,
    /// How long everything together may take: names, connection, headers and body; and half of it again for the time
    /// in the line before that
    pub patience: Duration,
    /// How many requests run at once on this node
    pub at_once: usize,
}

impl Rules {
    /// The rules of a server with this issuer.
    #[must_use]
    pub fn of(issuer: &Issuer) -> Self {
        Self {
            is_loopback_allowed: issuer.is_loopback(),
            patience: Duration::from_secs(5),
            at_once: 16,
        }
    }
}

/// A document that was fetched.
#[derive(Clone)]
pub struct Fetched {
    /// What it says, within the limit
    pub body: Vec<u8>,
    /// For how many seconds its headers let us keep it; `None` when they say nothing
    pub freshness: Option<Seconds>,
}

redacted!(Fetched);

/// Why nothing was fetched. For the log: the peer learns no more than that it did not work, or it could look
/// around in our network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// The URL is not one that is fetched
    Url(&'static str),
    /// The host is, or has, an address that is not on the public internet
    Special(IpAddr, &'static str),
    /// The name of the host leads nowhere
    Name(String),
    /// No connection, or it broke
    Connection(String),
    /// It took too long
    Slow,
    /// Too much is being fetched already: nobody was asked
    Busy,
    /// It was not 200; a redirect is not followed
    Status(u16),
    /// It is not JSON by its type
    ContentType,
    /// It is packed, which was not asked for
    Encoding,
    /// It is longer than this many bytes
    TooLarge(usize),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(problem) => write!(f, "the URL {problem}"),
            Self::Special(address, kind) => write!(f, "{address} is not on the public internet ({kind})"),
            Self::Name(problem) => write!(f, "the host has no address: {problem}"),
            // What rustls says when the other side answers in plain text.
            Self::Connection(problem) if problem.contains("InvalidContentType") => {
                f.write_str("it does not speak TLS at this port; did you mean http:// (at a loopback address only)?")
            }
            Self::Connection(problem) => write!(f, "no connection: {problem}"),
            Self::Slow => f.write_str("it took too long"),
            Self::Busy => f.write_str("too much is being fetched at the moment"),
            Self::Status(status) => write!(f, "the answer has status {status}"),
            Self::ContentType => f.write_str("the answer is not JSON by its Content-Type"),
            Self::Encoding => f.write_str("the answer is packed, which was not asked for"),
            Self::TooLarge(limit) => write!(f, "the answer is longer than {limit} bytes"),
        }
    }
}

impl std::error::Error for FetchError {}

impl FetchError {
    /// Whether anybody outside was asked, if only for a name. What ends here is no failure of the host, and costs nobody
    /// anything.
    #[must_use]
    pub fn reached_out(&self) -> bool {
        !matches!(self, Self::Url(_) | Self::Busy)
    }
}

type Flight = Shared<BoxFuture<'static, Result<Arc<Fetched>, FetchError>>>;

/// The way out. Cheap to clone.
#[derive(Clone)]
pub struct Fetch(Arc<Inner>);

struct Inner {
    rules: Rules,
    /// Networks of the operator's that may be asked besides the public internet
    networks: Arc<[IpNet]>,
    resolver: Resolver,
    tls: TlsConnector,
    turns: Arc<Semaphore>,
    /// What is being fetched: whoever wants the same gets the same answer
    flights: Mutex<HashMap<(String, usize), Flight>>,
    /// Shared by all that were made of the first
    outcomes: Arc<Outcomes>,
}

impl Fetch {
    /// A way out with these rules.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(rules: Rules, resolver: Resolver) -> Result<Self, Fault> {
        Ok(Self(Arc::new(Inner {
            rules,
            networks: Arc::default(),
            resolver,
            tls: wire::tls().map_err(Fault::internal)?,
            turns: Arc::new(Semaphore::new(rules.at_once)),
            flights: Mutex::default(),
            outcomes: Arc::default(),
        })))
    }

    /// As [`Self::apart`], with another patience.
    #[must_use]
    pub fn patient(&self, patience: Duration) -> Self {
        Self(Arc::new(Inner {
            rules: Rules { patience, ..self.0.rules },
            networks: Arc::clone(&self.0.networks),
            resolver: self.0.resolver.clone(),
            tls: self.0.tls.clone(),
            turns: Arc::new(Semaphore::new(self.0.rules.at_once)),
            flights: Mutex::default(),
            outcomes: Arc::clone(&self.0.outcomes),
        }))
    }

    /// As [`Self::apart`], but these networks of the operator's may be asked, too, as [`is_named`] says.
    #[must_use]
    pub fn reaching(&self, networks: &[IpNet]) -> Self {
        Self(Arc::new(Inner {
            rules: self.0.rules,
            networks: networks.into(),
            resolver: self.0.resolver.clone(),
            tls: self.0.tls.clone(),
            turns: Arc::new(Semaphore::new(self.0.rules.at_once)),
            flights: Mutex::default(),
            outcomes: Arc::clone(&self.0.outcomes),
        }))
    }

    /// The same way out with turns of its own, so that what is wanted here waits for nothing that is wanted there.
    #[must_use]
    pub fn apart(&self) -> Self {
        self.patient(self.0.rules.patience)
    }

    /// Whether a URL is one that may be asked, as far as it can be seen without asking: `https` without a user, and no
    /// address of a special-use network.
    ///
    /// # Errors
    /// [`FetchError::Url`] or [`FetchError::Special`].
    pub fn permits(&self, url: &Url) -> Result<(), FetchError> {
        self.0.check(url.as_str())?;
        if url.fragment().is_some() {
            return Err(FetchError::Url("has a fragment"));
        }
        let name = match url.host() {
            Some(Host::Domain(name)) => name.trim_end_matches('.'),
            _ => "",
        };
        let is_here = name == "localhost" || name.ends_with(".localhost");
        if is_here && !self.0.rules.is_loopback_allowed {
            return Err(FetchError::Url("leads to this machine"));
        }
        Ok(())
    }

    /// The JSON document at a URL, of at most `limit` bytes.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn json(&self, url: &str, limit: usize) -> Result<Arc<Fetched>, FetchError> {
        let forbidden = |error: &FetchError| self.0.outcomes.count(Some(error), Duration::ZERO);
        let target = self.0.check(url).inspect_err(forbidden)?;
        let key = (target.as_str().to_owned(), limit);
        let flight = {
            let mut flights = self.0.flights.lock().unwrap_or_else(PoisonError::into_inner);
            match flights.get(&key) {
                Some(flight) => flight.clone(),
                None => {
                    let inner = Arc::clone(&self.0);
                    let own = key.clone();
                    let span = span(target.host_str());
                    let flight = async move {
                        let outcome = inner.counted(span, Inner::fetch(&inner, &target, limit)).await;
                        inner.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&own);
                        outcome.map(Arc::new)
                    }
                    .boxed()
                    .shared();
                    flights.insert(key, flight.clone());
                    // It comes to its end although whoever wanted it may have gone away.
                    tokio::spawn(flight.clone());
                    flight
                }
            }
        };
        flight.await
    }
}

impl Fetch {
    /// Sends a request to an endpoint that a provider names, under the rules for documents: it is on the public internet.
    /// The answer is of at most `limit` bytes, whatever its status is; a redirect is not followed.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn ask(&self, request: Request<Vec<u8>>, limit: usize) -> Result<Response<Vec<u8>>, FetchError> {
        // What a provider is asked may be asked once only: its code is used up.
        request::note_settled();
        let span = span(request.uri().host());
        self.0.counted(span, self.ask_in_turn(request, limit)).await
    }

    async fn ask_in_turn(&self, request: Request<Vec<u8>>, limit: usize) -> Result<Response<Vec<u8>>, FetchError> {
        let inner = &self.0;
        let url = inner.check(&request.uri().to_string())?;
        let in_line = tokio::time::timeout(inner.rules.patience / 2, Arc::clone(&inner.turns).acquire_owned());
        let Ok(Ok(turn)) = in_line.await else {
            return Err(FetchError::Busy);
        };
        let turn = Arc::new(turn);
        let asking = async {
            let addresses = Inner::checked_addresses(inner, &url, Arc::clone(&turn)).await?;
            wire::ask(&inner.tls, &url, &addresses, request, limit).await
        };
        tokio::time::timeout(inner.rules.patience, asking)
            .await
            .unwrap_or(Err(FetchError::Slow))
    }

    /// Posts a JSON document to an endpoint that the operator chose, wherever that is; the status of its answer. Without
    /// TLS only to addresses that are not on the public internet.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn post(&self, url: &Url, bearer: Option<&str>, body: Vec<u8>) -> Result<u16, FetchError> {
        request::note_settled();
        self.0.counted(span(url.host_str()), self.post_in_turn(url, bearer, body)).await
    }

    /// What has come of requests, by this way out and all that were made of the same.
    #[must_use]
    pub fn outcomes(&self) -> &Outcomes {
        &self.0.outcomes
    }

    async fn post_in_turn(&self, url: &Url, bearer: Option<&str>, body: Vec<u8>) -> Result<u16, FetchError> {
        let inner = &self.0;
        let in_line = tokio::time::timeout(inner.rules.patience / 2, Arc::clone(&inner.turns).acquire_owned());
        let Ok(Ok(turn)) = in_line.await else {
            return Err(FetchError::Busy);
        };
        let turn = Arc::new(turn);
        let posting = async {
            let addresses = Inner::addresses(inner, url, Arc::clone(&turn)).await?;
            if url.scheme() == "http" && addresses.iter().any(|address| special_use(*address).is_none()) {
                return Err(FetchError::Url("is not an https URL, and its host is on the public internet"));
            }
            wire::post(&inner.tls, url, &addresses, bearer, body).await
        };
        tokio::time::timeout(inner.rules.patience, posting)
            .await
            .unwrap_or(Err(FetchError::Slow))
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fetch({:?})", self.0.rules)
    }
}

/// A span for a request, with the host only: in path and query there may be secrets. Nobody is told which trace it belongs
/// to: most of those who are asked are strangers, and what this server does is nothing to them.
fn span(host: Option<&str>) -> Span {
    tracing::info_span!(target: spans::TARGET, "fetch", otel.kind = "client", server.address = host)
}

impl Inner {
    /// Does it, and counts what came of it.
    async fn counted<T>(&self, span: Span, request: impl Future<Output = Result<T, FetchError>>) -> Result<T, FetchError> {
        let begun = Instant::now();
        let outcome = request.instrument(span).await;
        self.outcomes.count(outcome.as_ref().err(), begun.elapsed());
        outcome
    }

    fn check(&self, text: &str) -> Result<Url, FetchError> {
        let url = Url::parse(text).map_err(|_| FetchError::Url("cannot be read"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Url("carries a user name"));
        }
        match url.scheme() {
            "https" => {}
            "http" if self.rules.is_loopback_allowed && is_loopback(&url) => {}
            _ => return Err(FetchError::Url("is not an https URL")),
        }
        // The parser has made one form of all the odd ones: 2130706433, 0x7f.1, 017700000001, [::ffff:7f00:1].
        match url.host() {
            Some(Host::Ipv4(address)) => self.check_address(IpAddr::V4(address))?,
            Some(Host::Ipv6(address)) => self.check_address(IpAddr::V6(address))?,
            Some(Host::Domain(_)) => {}
            None => return Err(FetchError::Url("has no host")),
        }
        Ok(url)
    }

    fn check_address(&self, address: IpAddr) -> Result<(), FetchError> {
        match special_use(address) {
            None => Ok(()),
            Some(_) if self.rules.is_loopback_allowed && address.is_loopback() => Ok(()),
            Some(_) if is_named(address, &self.networks) => Ok(()),
            Some(kind) => Err(FetchError::Special(address, kind)),
        }
    }

    async fn fetch(inner: &Arc<Self>, url: &Url, limit: usize) -> Result<Fetched, FetchError> {
        // The time in the line is not the host's.
        let in_line = tokio::time::timeout(inner.rules.patience / 2, Arc::clone(&inner.turns).acquire_owned());
        let Ok(Ok(turn)) = in_line.await else {
            return Err(FetchError::Busy);
        };
        tokio::time::timeout(inner.rules.patience, Self::fetch_patiently(inner, url, limit, Arc::new(turn)))
            .await
            .unwrap_or(Err(FetchError::Slow))
    }

    /// The addresses of the host.
    async fn addresses(inner: &Arc<Self>, url: &Url, turn: Arc<OwnedSemaphorePermit>) -> Result<Vec<IpAddr>, FetchError> {
        match url.host() {
            Some(Host::Ipv4(address)) => Ok(vec![IpAddr::V4(address)]),
            Some(Host::Ipv6(address)) => Ok(vec![IpAddr::V6(address)]),
            Some(Host::Domain(name)) => {
                let (inner, name) = (Arc::clone(inner), name.to_owned());
                // A thread that waits for a name cannot be stopped: it keeps its turn until it is done.
                let lookup = tokio::spawn(async move {
                    let found = inner.resolver.resolve(&name).await;
                    drop(turn);
                    found
                });
                let found = lookup.await.map_err(|error| FetchError::Name(error.to_string()))?;
                found.map_err(|error| FetchError::Name(error.to_string()))
            }
            None => Err(FetchError::Url("has no host")),
        }
    }

    async fn fetch_patiently(inner: &Arc<Self>, url: &Url, limit: usize, turn: Arc<OwnedSemaphorePermit>) -> Result<Fetched, FetchError> {
        let addresses = Self::checked_addresses(inner, url, Arc::clone(&turn)).await?;
        let fetched = wire::get(&inner.tls, url, &addresses, limit).await;
        drop(turn);
        fetched
    }

    /// The addresses of the host, if they are ones that may be asked.
    async fn checked_addresses(inner: &Arc<Self>, url: &Url, turn: Arc<OwnedSemaphorePermit>) -> Result<Vec<IpAddr>, FetchError> {
        let addresses = Self::addresses(inner, url, turn).await?;
        // One bad address is enough: a name with both is made for mischief. What is connected to is this very
        // list, so a name that means something else a moment later changes nothing (DNS rebinding).
        for address in &addresses {
            inner.check_address(*address)?;
            if url.scheme() == "http" && !address.is_loopback() {
                return Err(FetchError::Url("is not an https URL"));
            }
        }
        Ok(addresses)
    }
}

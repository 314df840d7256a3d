//! The listener.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive, Protocol};
use actix_rt::net::TcpStream;
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_factory, fn_service, map_config};
use actix_web::dev::{AppConfig, Server, Service as _};
use actix_web::http::header::HeaderMap;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{App as ActixApp, HttpRequest};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::app::App;
use crate::app::reload::Part;
use crate::config::agentcore::AgentCore;
use crate::config::relay::Serves;
use crate::identity::limit;
use crate::model::measures::{Handshake, Handshakes};

use super::doors::{Doors, Guest};
use super::http2::serve;
use super::paced::Paced;
use super::patience::{GOODBYE_PATIENCE, HEAD_PATIENCE, Patience};
use super::routes::{self, Feature, Route};
use super::tls::Certificates;
use super::watch::{self, Rows};
use super::wire::{Impatient, Wire};

/// How long a client may take to agree on keys.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(5);
/// How many of those who are turned away are told so at a time; the others hear nothing.
const TOLD_AT_A_TIME: usize = 8;
/// How long running requests may take after the signal to stop, in seconds.
const SHUTDOWN_PATIENCE: u64 = 20;
/// How long connections that were accepted before the signal to stop have to begin their requests: the HTTP library drops
/// those that have not.
const LAST_REQUESTS: Duration = Duration::from_millis(250);

/// Mounts the table of routes.
pub fn mount(app: &App, services: &mut ServiceConfig) {
    let issuer_path = app.issuer.path();
    let mut resources: BTreeMap<String, Vec<(usize, &'static Route)>> = BTreeMap::new();
    app.measures.traffic.prepare(routes::all().count());
    for (number, route) in routes::all().enumerate() {
        let is_there = match (app.config.serves, route.feature) {
            (_, Feature::Relay) | (Serves::Everything, Feature::Core) => true,
            (Serves::Everything, Feature::Dev) => app.config.enable_dev_endpoints,
            (Serves::Everything, Feature::AgentCore) => app.config.agentcore != AgentCore::Off,
            (Serves::Relay { .. }, Feature::Core | Feature::Dev | Feature::AgentCore) => false,
        };
        if !is_there {
            continue;
        }
        for path in route.paths(issuer_path) {
            resources.entry(path).or_default().push((number, route));
        }
    }
    // Fixed words before placeholders: the first resource that matches is taken.
    let mut resources: Vec<_> = resources.into_iter().collect();
    resources.sort_by_key(|(path, _)| path.contains('{'));
    for (path, rows) in resources {
        let waits = rows.iter().any(|(_, route)| route.waits);
        let (app, rows) = (app.clone(), rows.into_iter().collect::<Rows>());
        let resource =
            web::resource(path).to(move |http: HttpRequest, payload: Payload| watch::serve(rows.clone(), app.clone(), http, payload));
        if waits {
            services.service(resource.wrap_fn(|mut request, next| {
                shrink(request.headers_mut());
                next.call(request)
            }));
        } else {
            services.service(resource);
        }
    }
    let app = app.clone();
    services.default_service(web::to(move |http: HttpRequest| watch::serve_nothing(app.clone(), http)));
}

/// Makes headers as small as they can be: they come with room for a browser's, which is 7 kB.
fn shrink(headers: &mut HeaderMap) {
    let mut small = HeaderMap::with_capacity(headers.len_keys());
    for (name, value) in headers.iter() {
        small.append(name.clone(), value.clone());
    }
    *headers = small;
}

/// Starts serving on a bound socket, until `stop` is done; then running requests are finished first.
///
/// # Errors
/// When the certificate or key cannot be used.
pub fn start(app: &App, listener: TcpListener, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<Server> {
    let tls = tls(app)?.map(|config| Tls {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        handshakes: Arc::clone(&app.measures.handshakes),
    });
    let server = Server::build()
        .workers(app.config.workers)
        .disable_signals()
        // The doors turn away who is too many; the library would leave them waiting.
        .max_concurrent_connections(usize::MAX)
        .shutdown_timeout(SHUTDOWN_PATIENCE);
    let stopping = server.graceful_shutdown_signal();
    let address = listener.local_addr()?;
    let (shared, doors) = (app.clone(), Arc::new(Doors::new(&app.config).counting(Arc::clone(&app.measures.turned_away))));
    let told = Arc::new(Semaphore::new(TOLD_AT_A_TIME));
    // One for each worker. (`HttpServer` does the same, and leaves no place for what is bounded here.)
    let server = server.listen("http", listener, move || {
        let (shared, stopping, doors, told, tls) = (shared.clone(), stopping.clone(), Arc::clone(&doors), Arc::clone(&told), tls.clone());
        fn_factory(move || {
            let (shared, stopping, doors, told, tls) =
                (shared.clone(), stopping.clone(), Arc::clone(&doors), Arc::clone(&told), tls.clone());
            async move {
                let application = || {
                    let shared = shared.clone();
                    let application = ActixApp::new().configure(move |services| mount(&shared, services));
                    application.into_factory().map_err(|error: actix_web::Error| error.error_response())
                };
                let signal = stopping.clone();
                let http1 = HttpService::build()
                    .graceful_shutdown_signal(move || {
                        let signal = signal.clone();
                        async move { signal.notified().await }
                    })
                    .keep_alive(KeepAlive::default())
                    .client_request_timeout(HEAD_PATIENCE)
                    .client_disconnect_timeout(GOODBYE_PATIENCE)
                    // Whoever hangs up waits for nothing any more.
                    .h1_allow_half_closed(false)
                    .local_addr(address)
                    .on_connect_ext(|stream: &Paced<Wire>, extensions| drop(extensions.insert(stream.activity().clone())))
                    .finish(map_config(application(), |()| AppConfig::default()));
                let http1 = Rc::new(http1.new_service(()).await?);
                let http2 = match tls {
                    Some(_) => Some(Rc::new(application().new_service(AppConfig::default()).await.map_err(drop)?)),
                    None => None,
                };
                Ok::<_, ()>(fn_service(move |stream: TcpStream| {
                    let (http1, http2, tls) = (Rc::clone(&http1), http2.clone(), tls.clone());
                    let (guest, stopping) = (enter(&doors, &shared, &stream, tls.is_some()), stopping.clone());
                    let (clock, told) = (shared.clock.clone(), Arc::clone(&told));
                    async move {
                        let Some(guest) = guest else {
                            // In the clear it can be said; whoever speaks TLS could not read it.
                            if tls.is_none()
                                && let Ok(_turn) = told.try_acquire()
                            {
                                let _ = Box::pin(timeout(GOODBYE_PATIENCE, turn_away(stream))).await;
                            }
                            return Ok::<_, ()>(());
                        };
                        let peer = stream.peer_addr().ok();
                        let stream = Impatient::new(stream);
                        let stream = match tls {
                            None => Wire::Plain(stream),
                            // In boxes: thousands of connections that wait in the clear need no room for this.
                            Some(tls) => match Box::pin(tls.agree(stream)).await {
                                Some(stream) => Wire::Tls(Box::new(stream)),
                                None => return Ok(()),
                            },
                        };
                        match (http2, speaks_http2(&stream)) {
                            (Some(http2), true) => {
                                Box::pin(serve(stream, guest, http2, peer, clock, async move { stopping.notified().await })).await;
                            }
                            _ => {
                                let stream = Paced::new(stream, Patience::with(guest));
                                // What a client does wrong is its own business.
                                let _ = http1.call((stream, Protocol::Http1, peer)).await;
                            }
                        }
                        Ok(())
                    }
                }))
            }
        })
    })?;
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(async move {
        stop.await;
        handle.pause().await;
        tokio::time::sleep(LAST_REQUESTS).await;
        handle.stop(true).await;
    });
    Ok(server)
}

/// How keys are agreed on.
#[derive(Clone)]
struct Tls {
    acceptor: TlsAcceptor,
    handshakes: Arc<Handshakes>,
}

impl Tls {
    /// Agrees on keys with whoever connected, if that does not take too long.
    async fn agree(self, stream: Impatient<TcpStream>) -> Option<TlsStream<Impatient<TcpStream>>> {
        let (outcome, stream) = match timeout(HANDSHAKE_PATIENCE, self.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => (Handshake::Success, Some(stream)),
            Ok(Err(_)) => (Handshake::Failure, None),
            Err(_) => (Handshake::Timeout, None),
        };
        self.handshakes.of(outcome).one_more();
        stream
    }
}

/// Lets a connection in, if there is room for it, and if its network does not begin too many for which keys must be agreed on.
fn enter(doors: &Arc<Doors>, app: &App, stream: &TcpStream, is_tls: bool) -> Option<Guest> {
    let peer = stream.peer_addr().ok().map(|peer| peer.ip());
    let guest = doors.enter(peer)?;
    if let Some(peer) = peer.filter(|_| is_tls && guest.is_counted())
        && limit::handshake(app, peer).is_err()
    {
        app.measures.handshakes.of(Handshake::Refused).one_more();
        return None;
    }
    Some(guest)
}

/// Says that there is no room. Then what was asked is read, or whoever is still sending may not hear it.
async fn turn_away(mut stream: TcpStream) -> io::Result<()> {
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(FULL).await?;
    stream.shutdown().await?;
    let mut part = [0; 1024];
    while stream.read(&mut part).await? > 0 {}
    Ok(())
}

fn speaks_http2(stream: &Wire) -> bool {
    match stream {
        Wire::Plain(_) => false,
        Wire::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
    }
}

/// How the listener speaks TLS, where it does; from now on the certificate is read again when it is renewed.
fn tls(app: &App) -> io::Result<Option<ServerConfig>> {
    let Some(files) = app.config.tls() else { return Ok(None) };
    let certificates = Certificates::read(files)?;
    certificates.announce_end(Arc::clone(&app.measures.certificate_ends_at));
    tokio::spawn(Certificates::watch(Arc::downgrade(&certificates)));
    let config = certificates.server_config()?;
    app.reload.add(Part {
        name: "certificate",
        read: Box::new(move || certificates.reload()),
    });
    Ok(Some(config))
}

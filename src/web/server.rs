//! The listener.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader};
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
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::app::App;
use crate::config::TlsFiles;
use crate::config::agentcore::AgentCore;
use crate::config::relay::Serves;
use crate::identity::limit;

use super::doors::{Doors, Guest};
use super::http2::serve;
use super::paced::Paced;
use super::patience::{HEAD_PATIENCE, Patience};
use super::routes::{self, Feature, Route};
use super::watch::{self, Rows};
use super::wire::Wire;

/// How long a client may take to agree on keys.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a client may take to close its connection when it is asked to.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(1);
/// How long running requests may take after the signal to stop, in seconds.
const SHUTDOWN_PATIENCE: u64 = 20;

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
    let tls = app.config.tls().map(|files| tls_config(&files)).transpose()?;
    let tls = tls.map(|mut tls| {
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(tls))
    });
    let server = Server::build()
        .workers(app.config.workers)
        .shutdown_signal(stop)
        .shutdown_timeout(SHUTDOWN_PATIENCE);
    let stopping = server.graceful_shutdown_signal();
    let address = listener.local_addr()?;
    let (shared, doors) = (app.clone(), Arc::new(Doors::new(&app.config)));
    // One for each worker. (`HttpServer` does the same, and leaves no place for what is bounded here.)
    let server = server.listen("http", listener, move || {
        let (shared, stopping, doors, tls) = (shared.clone(), stopping.clone(), Arc::clone(&doors), tls.clone());
        fn_factory(move || {
            let (shared, stopping, doors, tls) = (shared.clone(), stopping.clone(), Arc::clone(&doors), tls.clone());
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
                    let clock = shared.clock.clone();
                    async move {
                        let Some(guest) = guest else {
                            turn_away(&stream, tls.is_some());
                            return Ok::<_, ()>(());
                        };
                        let peer = stream.peer_addr().ok();
                        let stream = match tls {
                            None => Wire::Plain(stream),
                            Some(tls) => match timeout(HANDSHAKE_PATIENCE, tls.accept(stream)).await {
                                Ok(Ok(stream)) => Wire::Tls(Box::new(stream)),
                                Ok(Err(_)) | Err(_) => return Ok(()),
                            },
                        };
                        match (http2, speaks_http2(&stream)) {
                            (Some(http2), true) => {
                                let stream = Paced::unpaced(stream).with(Patience::with(guest));
                                serve(stream, http2, peer, clock, async move { stopping.notified().await }).await;
                            }
                            _ => {
                                let stream = Paced::http1(stream).with(Patience::with(guest));
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
    Ok(server.run())
}

/// Lets a connection in, if there is room for it, and if its network does not begin too many for which keys must be agreed on.
fn enter(doors: &Arc<Doors>, app: &App, stream: &TcpStream, is_tls: bool) -> Option<Guest> {
    let peer = stream.peer_addr().ok().map(|peer| peer.ip());
    let guest = doors.enter(peer)?;
    match peer.filter(|_| is_tls && guest.is_counted()) {
        Some(peer) => limit::handshake(app, peer).is_ok().then_some(guest),
        None => Some(guest),
    }
}

/// There is no room. In the clear it can be said; whoever speaks TLS could not read it.
fn turn_away(stream: &TcpStream, is_tls: bool) {
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    if !is_tls {
        let _ = stream.try_write(FULL);
    }
}

fn speaks_http2(stream: &Wire) -> bool {
    match stream {
        Wire::Plain(_) => false,
        Wire::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
    }
}

/// Reads certificate and key for the TLS listener.
///
/// # Errors
/// When a file cannot be read or its content cannot be used; the message names the file.
pub fn tls_config(files: &TlsFiles) -> io::Result<ServerConfig> {
    let named = |path: &std::path::Path, problem: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {problem}", path.display()))
    };
    let certificates = File::open(&files.certificate).map_err(|error| named(&files.certificate, &error))?;
    let chain = CertificateDer::pem_reader_iter(BufReader::new(certificates))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| named(&files.certificate, &error))?;
    if chain.is_empty() {
        return Err(named(&files.certificate, &"holds no certificate in PEM"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| named(&files.key, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| named(&files.certificate, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| named(&files.certificate, &error))
}

//! The listener.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, KeepAlive, Protocol};
use actix_rt::net::TcpStream;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_tls::accept::TlsError;
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_web::dev::{AppConfig, Server, Service as _};
use actix_web::http::header::HeaderMap;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{App as ActixApp, HttpRequest};
use rustls::ServerConfig;

use crate::app::App;
use crate::app::reload::Part;
use crate::config::agentcore::AgentCore;
use crate::config::relay::Serves;

use super::dispatch::{dispatch, not_found};
use super::paced::Paced;
use super::routes::{self, Feature, Route};
use super::tls::Certificates;

/// How long a client may take to send its headers.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take to close its connection when it is asked to.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(1);
/// How long running requests may take after the signal to stop, in seconds.
const SHUTDOWN_PATIENCE: u64 = 20;
/// How long connections that were accepted before the signal to stop have to begin their requests: the HTTP library drops
/// those that have not.
const LAST_REQUESTS: Duration = Duration::from_millis(250);

/// Mounts the table of routes.
pub fn mount(app: &App, services: &mut ServiceConfig) {
    let issuer_path = app.issuer.path();
    let mut resources: BTreeMap<String, Vec<&'static Route>> = BTreeMap::new();
    for route in routes::all() {
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
            resources.entry(path).or_default().push(route);
        }
    }
    // Fixed words before placeholders: the first resource that matches is taken.
    let mut resources: Vec<_> = resources.into_iter().collect();
    resources.sort_by_key(|(path, _)| path.contains('{'));
    for (path, rows) in resources {
        let (app, rows) = (app.clone(), Arc::<[&'static Route]>::from(rows));
        let waits = rows.iter().any(|route| route.waits);
        let resource =
            web::resource(path).to(move |http: HttpRequest, payload: Payload| dispatch(Arc::clone(&rows), app.clone(), http, payload));
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
    services.default_service(web::to(move |http: HttpRequest| not_found(app.clone(), http)));
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
    let tls = tls(app)?;
    let server = Server::build()
        .workers(app.config.workers)
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_PATIENCE);
    let stopping = server.graceful_shutdown_signal();
    let address = listener.local_addr()?;
    let shared = app.clone();
    // One for each worker. (`HttpServer` does the same, and leaves no place for `Paced`.)
    macro_rules! http {
        () => {{
            let (shared, stopping) = (shared.clone(), stopping.clone());
            let application = ActixApp::new().configure(move |services| mount(&shared, services));
            let application = application.into_factory().map_err(|error: actix_web::Error| error.error_response());
            HttpService::build()
                .graceful_shutdown_signal(move || {
                    let stopping = stopping.clone();
                    async move { stopping.notified().await }
                })
                .keep_alive(KeepAlive::default())
                .client_request_timeout(HEADER_PATIENCE)
                .client_disconnect_timeout(GOODBYE_PATIENCE)
                // Whoever hangs up waits for nothing any more.
                .h1_allow_half_closed(false)
                .local_addr(address)
                .finish(map_config(application, |()| AppConfig::default()))
        }};
    }
    let server = match tls {
        None => server.listen("http", listener, move || {
            fn_service(|stream: TcpStream| async move {
                let peer = stream.peer_addr().ok();
                Ok::<_, DispatchError>((Paced::http1(stream), Protocol::Http1, peer))
            })
            .and_then(http!())
        })?,
        Some(tls) => {
            let ending = app.ending.clone();
            server.listen("https", listener, move || {
                let ending = ending.clone();
                Acceptor::new(tls.clone())
                    .map_init_err(|()| ())
                    .map_err(TlsError::into_service_error)
                    .and_then(move |stream: TlsStream<TcpStream>| {
                        let ending = ending.clone();
                        async move {
                            let (tcp, session) = stream.get_ref();
                            let peer = tcp.peer_addr().ok();
                            let is_http2 = session.alpn_protocol() == Some(b"h2");
                            Ok(if is_http2 {
                                (Paced::http2(stream, ending), Protocol::Http2, peer)
                            } else {
                                (Paced::http1(stream), Protocol::Http1, peer)
                            })
                        }
                    })
                    .and_then(http!().map_err(TlsError::Service))
            })?
        }
    };
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

/// How the listener speaks TLS, where it does; from now on the certificate is read again when it is renewed.
fn tls(app: &App) -> io::Result<Option<ServerConfig>> {
    let Some(files) = app.config.tls() else { return Ok(None) };
    let certificates = Certificates::read(files)?;
    tokio::spawn(Certificates::watch(Arc::downgrade(&certificates)));
    let config = certificates.server_config()?;
    app.reload.add(Part {
        name: "certificate",
        read: Box::new(move || certificates.reload()),
    });
    Ok(Some(config))
}

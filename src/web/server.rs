//! The listener.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader};
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
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::app::App;
use crate::config::TlsFiles;
use crate::config::agentcore::AgentCore;
use crate::config::relay::Serves;

use super::paced::Paced;
use super::routes::{self, Feature, Route};
use super::watch::{self, Rows};

/// How long a client may take to send its headers.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
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
    let server = Server::build()
        .workers(app.config.workers)
        .shutdown_signal(stop)
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
        Some(mut tls) => {
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            server.listen("https", listener, move || {
                Acceptor::new(tls.clone())
                    .map_init_err(|()| ())
                    .map_err(TlsError::into_service_error)
                    .and_then(|stream: TlsStream<TcpStream>| async move {
                        let (tcp, session) = stream.get_ref();
                        let peer = tcp.peer_addr().ok();
                        let is_http2 = session.alpn_protocol() == Some(b"h2");
                        Ok(if is_http2 {
                            (Paced::unpaced(stream), Protocol::Http2, peer)
                        } else {
                            (Paced::http1(stream), Protocol::Http1, peer)
                        })
                    })
                    .and_then(http!().map_err(TlsError::Service))
            })?
        }
    };
    Ok(server.run())
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

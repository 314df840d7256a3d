//! The listener.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, Service as _};
use actix_web::http::header::HeaderMap;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{App as ActixApp, HttpRequest, HttpServer};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::app::App;
use crate::config::TlsFiles;
use crate::config::relay::Serves;

use super::dispatch::{dispatch, not_found};
use super::routes::{self, Feature, Route};

/// How long a client may take to send its headers.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
/// How long running requests may take after the signal to stop, in seconds.
const SHUTDOWN_PATIENCE: u64 = 20;

/// Mounts the table of routes.
pub fn mount(app: &App, services: &mut ServiceConfig) {
    let issuer_path = app.issuer.path();
    let mut resources: BTreeMap<String, Vec<&'static Route>> = BTreeMap::new();
    for route in routes::all() {
        let is_there = match (app.config.serves, route.feature) {
            (_, Feature::Relay) | (Serves::Everything, Feature::Core) => true,
            (Serves::Everything, Feature::Dev) => app.config.enable_dev_endpoints,
            (Serves::Relay { .. }, Feature::Core | Feature::Dev) => false,
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
    let tls = app.config.tls().map(|files| tls_config(&files)).transpose()?;
    let workers = app.config.workers;
    let served = app.clone();
    let http = HttpServer::new(move || {
        let served = served.clone();
        ActixApp::new().configure(move |services| mount(&served, services))
    })
    .workers(workers)
    .client_request_timeout(HEADER_PATIENCE)
    // Whoever hangs up waits for nothing any more.
    .h1_allow_half_closed(false)
    .shutdown_signal(stop)
    .shutdown_timeout(SHUTDOWN_PATIENCE);
    let bound = match tls {
        Some(tls) => http.listen_rustls_0_23(listener, tls)?,
        None => http.listen(listener)?,
    };
    Ok(bound.run())
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

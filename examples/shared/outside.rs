//! Calls an API of somebody else with a token: over TLS, unless it is on this machine. Redirects are not followed, because
//! they could lead the token elsewhere; answers are small and quick, or none.
//!
//! The HTTP client of the examples is built without TLS (see `examples/README.md`), so this one is put together from
//! `hyper` and `rustls`.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{ACCEPT, AUTHORIZATION, CONNECTION, HOST, RETRY_AFTER, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use openidconnect::url::{Host, Position, Url};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::error::told;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may be.
const MAX_ANSWER: usize = 256 * 1024;

/// The client.
pub struct Outside {
    tls: TlsConnector,
}

/// What came back.
pub struct Answer {
    /// Of HTTP
    pub status: u16,
    /// For how many seconds one is not to ask again, if the answer says so
    pub retry_after: Option<u64>,
    /// The body
    pub body: Bytes,
}

impl Outside {
    /// A client that believes the certificate authorities which browsers believe.
    ///
    /// # Errors
    /// When there is no TLS.
    pub fn new() -> Result<Self, String> {
        Self::believing(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }

    /// A client that believes these authorities.
    ///
    /// # Errors
    /// When there is no TLS.
    pub fn believing(roots: RootCertStore) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = config
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
        })
    }

    /// Gets a page of an API with an access token.
    ///
    /// # Errors
    /// When there is no answer in time, or one that is too long.
    pub async fn get(&self, url: &Url, token: &str) -> Result<Answer, String> {
        let asked = tokio::time::timeout(PATIENCE, self.ask(url, token)).await;
        asked.map_err(|_| format!("no answer within {} seconds", PATIENCE.as_secs()))?
    }

    async fn ask(&self, url: &Url, token: &str) -> Result<Answer, String> {
        if !may_have_tokens(url) {
            return Err("its address is neither https nor on this machine".to_owned());
        }
        let host = url.host_str().ok_or("its address has no host")?;
        let port = url.port_or_known_default().ok_or("its address has no port")?;
        // An IPv6 address has brackets in a URL, and none elsewhere.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((name, port)).await.map_err(|error| error.to_string())?;
        let request = request(url, token)?;
        if url.scheme() == "http" {
            return exchange(stream, request).await;
        }
        let server = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
        let stream = self.tls.connect(server, stream).await.map_err(|error| told(&error))?;
        exchange(stream, request).await
    }
}

/// Whether a token may go to this address: not where others can read it on its way.
pub fn may_have_tokens(url: &Url) -> bool {
    match (url.scheme(), url.host()) {
        ("https", Some(_)) | ("http", Some(Host::Domain("localhost"))) => true,
        ("http", Some(Host::Ipv4(address))) => address.is_loopback(),
        ("http", Some(Host::Ipv6(address))) => address.is_loopback(),
        _ => false,
    }
}

fn request(url: &Url, token: &str) -> Result<Request<Empty<Bytes>>, String> {
    let mut bearer = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| "the token cannot be sent")?;
    bearer.set_sensitive(true);
    let path = &url[Position::BeforePath..Position::AfterQuery];
    let authority = &url[Position::BeforeHost..Position::AfterPort];
    let request = Request::get(path)
        .header(HOST, authority)
        .header(AUTHORIZATION, bearer)
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, concat!("gatehouse-example/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .body(Empty::new());
    request.map_err(|error| error.to_string())
}

/// Sends the request, and reads the answer to its end.
async fn exchange(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, request: Request<Empty<Bytes>>) -> Result<Answer, String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| told(&error))?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(|error| told(&error))?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
    connection.abort();
    Ok(Answer {
        status: parts.status.as_u16(),
        retry_after: retry_after(&parts.headers),
        body: body.to_bytes(),
    })
}

/// The seconds of `Retry-After`; a date is left out (RFC 9110 §10.2.3).
pub fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

//! One request over one connection, to addresses that were checked. The only file that speaks HTTP as a client.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AGE, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
};
use hyper::header::{DATE, EXPIRES, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::http::request::Builder;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use url::Url;

use super::fetch::{FetchError, Fetched};
use super::freshness::CacheHeaders;

/// How long one of several addresses may take to answer before the next one is tried.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// The most addresses that are tried.
const MAX_ADDRESSES: usize = 4;
/// The most bytes of the head of an answer, and of what is read ahead.
const MAX_HEAD: usize = 16 * 1024;
/// The most header lines of an answer.
const MAX_HEADERS: usize = 64;

/// What TLS trusts: the authorities that browsers trust, as Mozilla lists them.
pub fn tls() -> Result<TlsConnector, rustls::Error> {
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Gets a document from one of `addresses`, which are those of the URL's host, checked.
pub async fn get(tls: &TlsConnector, url: &Url, addresses: &[IpAddr], limit: usize) -> Result<Fetched, FetchError> {
    let request = request(url, Method::GET)
        .body(Full::default())
        .map_err(|_| FetchError::Url("cannot be asked for"))?;
    exchange(tls, url, addresses, request, async |response| read(response, limit).await).await
}

/// Posts a JSON document to one of `addresses`, which are those of the URL's host; the status of the answer.
pub async fn post(tls: &TlsConnector, url: &Url, addresses: &[IpAddr], bearer: Option<&str>, body: Vec<u8>) -> Result<u16, FetchError> {
    let mut request = request(url, Method::POST).header(CONTENT_TYPE, "application/json");
    if let Some(token) = bearer {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| FetchError::Url("has an unusable token"))?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let request = request
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| FetchError::Url("cannot be posted to"))?;
    exchange(tls, url, addresses, request, async |response| Ok(response.status().as_u16())).await
}

/// Sends a request of any kind to one of `addresses`, which are those of the URL's host, checked; its answer, whatever
/// the status is.
pub async fn ask(
    tls: &TlsConnector,
    url: &Url,
    addresses: &[IpAddr],
    question: Request<Vec<u8>>,
    limit: usize,
) -> Result<Response<Vec<u8>>, FetchError> {
    let (parts, body) = question.into_parts();
    let mut request = request(url, parts.method)
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| FetchError::Url("cannot be asked"))?;
    for (name, value) in &parts.headers {
        // What describes the connection is not theirs to say.
        if ![HOST, CONNECTION, ACCEPT_ENCODING, CONTENT_LENGTH].contains(name) {
            request.headers_mut().insert(name, value.clone());
        }
    }
    exchange(tls, url, addresses, request, async |response| {
        must_be_plain(&response)?;
        let (parts, body) = response.into_parts();
        Ok(Response::from_parts(parts, within(body, limit).await?))
    })
    .await
}

/// One request and what is read of its answer.
async fn exchange<T>(
    tls: &TlsConnector,
    url: &Url,
    addresses: &[IpAddr],
    request: Request<Full<Bytes>>,
    read: impl AsyncFnOnce(Response<Incoming>) -> Result<T, FetchError>,
) -> Result<T, FetchError> {
    let port = url.port_or_known_default().ok_or(FetchError::Url("has no port"))?;
    let stream = connect(addresses, port).await?;
    if url.scheme() != "https" {
        return converse(stream, request, read).await;
    }
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).map_err(|_| FetchError::Url("has a host that no certificate can name"))?;
    let stream = tls
        .connect(name, stream)
        .await
        .map_err(|error| FetchError::Connection(error.to_string()))?;
    converse(stream, request, read).await
}

async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, FetchError> {
    let mut problem = FetchError::Connection("there is no address".to_owned());
    for address in addresses.iter().take(MAX_ADDRESSES) {
        let address = SocketAddr::new(*address, port);
        match tokio::time::timeout(CONNECT_PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => problem = FetchError::Connection(format!("{address}: {error}")),
            Err(_) => problem = FetchError::Connection(format!("{address} does not answer")),
        }
    }
    Err(problem)
}

async fn converse<T>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
    read: impl AsyncFnOnce(Response<Incoming>) -> Result<T, FetchError>,
) -> Result<T, FetchError> {
    let broken = |error: hyper::Error| FetchError::Connection(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // Dropped with this function, whatever becomes of it, and the connection with it.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender.send_request(request).await.map_err(broken)?;
    read(response).await
}

fn request(url: &Url, method: Method) -> Builder {
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let target = url
        .query()
        .map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    Request::builder()
        .method(method)
        .uri(target)
        .header(HOST, host)
        .header(ACCEPT, "application/json")
        // Nothing here unpacks anything, so nothing small can become large.
        .header(ACCEPT_ENCODING, "identity")
        .header(CONNECTION, "close")
        .header(USER_AGENT, concat!("gatehouse/", env!("CARGO_PKG_VERSION")))
}

async fn read(response: Response<Incoming>, limit: usize) -> Result<Fetched, FetchError> {
    // A redirect is a status like any other that is not 200: nobody follows it.
    if response.status().as_u16() != 200 {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    let header = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
    must_be_plain(&response)?;
    if !header(CONTENT_TYPE).is_some_and(is_json) {
        return Err(FetchError::ContentType);
    }
    let said = header(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if said.is_some_and(|length| length > limit as u64) {
        return Err(FetchError::TooLarge(limit));
    }
    let freshness = CacheHeaders {
        cache_control: header(CACHE_CONTROL),
        age: header(AGE),
        expires: header(EXPIRES),
        date: header(DATE),
    }
    .freshness();
    let body = within(response.into_body(), limit).await?;
    Ok(Fetched { body, freshness })
}

fn must_be_plain(response: &Response<Incoming>) -> Result<(), FetchError> {
    let encoding = response.headers().get(CONTENT_ENCODING);
    let is_plain = encoding.is_none_or(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    is_plain.then_some(()).ok_or(FetchError::Encoding)
}

/// A body of at most `limit` bytes.
async fn within(mut incoming: Incoming, limit: usize) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| FetchError::Connection(error.to_string()))?;
        if let Some(data) = frame.data_ref() {
            if body.len() + data.len() > limit {
                return Err(FetchError::TooLarge(limit));
            }
            body.extend_from_slice(data);
        }
    }
    Ok(body)
}

/// `application/json`, or a type with the structured syntax suffix `+json` (RFC 6839 §3.1).
fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/json" || media_type.starts_with("application/") && media_type.ends_with("+json")
}

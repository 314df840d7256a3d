//! What others may see of a running server: metrics, traces, and whose names for requests are taken over.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Where spans are sent to, below the endpoint (OTLP §5.1).
const TRACES: &str = "v1/traces";

/// How a running server is watched.
#[derive(Clone, Debug)]
pub struct Monitoring {
    /// Where metrics are served, if they are
    pub metrics_listen: Option<SocketAddr>,
    /// Where traces are sent, if they are
    pub otlp_endpoint: Option<OtlpEndpoint>,
    /// What is sent with them
    pub otlp_headers: Headers,
    pub(super) otlp_headers_file: Option<PathBuf>,
    /// How many of the requests whose traces begin here are traced, from 0 to 1
    pub trace_ratio: f64,
    /// Whether the names that trusted proxies give to requests are taken over
    pub proxy_request_ids: bool,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self {
            metrics_listen: None,
            otlp_endpoint: None,
            otlp_headers: Headers::default(),
            otlp_headers_file: None,
            trace_ratio: 1.0,
            proxy_request_ids: false,
        }
    }
}

/// The base URL of a collector of traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpEndpoint(Url);

impl OtlpEndpoint {
    /// Reads an `http` or `https` URL without credentials, query and fragment.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("not a URL ({error})"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err("must be an http or https URL, such as http://127.0.0.1:4318".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user or a password: say them in otlp_headers".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must not have a query or a fragment".to_owned());
        }
        Ok(Self(url))
    }

    /// Where spans are posted to.
    #[must_use]
    pub fn traces(&self) -> Url {
        let mut url = self.0.clone();
        let path = format!("{}/{TRACES}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }
}

impl fmt::Display for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names and values of headers. The values are secrets.
#[derive(Clone, Debug, Default)]
pub struct Headers(Vec<(String, SecretString)>);

impl Headers {
    /// Reads `NAME=VALUE`, separated by commas.
    ///
    /// # Errors
    /// What is wrong with it, without a value.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_value = |c: char| c == ' ' || c.is_ascii_graphic();
        let mut headers = Vec::new();
        for (number, pair) in text.split(',').map(str::trim).enumerate() {
            let wrong = || format!("header {} is not NAME=VALUE", number + 1);
            let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
            let (name, value) = (name.trim(), value.trim());
            if name.is_empty() || value.is_empty() || !name.chars().all(is_name) || !value.chars().all(is_value) {
                return Err(wrong());
            }
            headers.push((name.to_owned(), SecretString::from(value)));
        }
        Ok(Self(headers))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each with its value, for whoever sends them.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.expose_secret()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Headers, OtlpEndpoint};

    #[test]
    fn spans_go_below_the_endpoint() {
        for (endpoint, traces) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://otel.example.com/otlp/", "https://otel.example.com/otlp/v1/traces"),
        ] {
            assert_eq!(OtlpEndpoint::parse(endpoint).unwrap().traces().as_str(), traces);
        }
    }

    #[test]
    fn other_endpoints_are_refused() {
        for endpoint in [
            "127.0.0.1:4318",
            "grpc://host:4317",
            "https://user:password@host",
            "https://host/?key=1",
            "https://host/#a",
        ] {
            assert!(OtlpEndpoint::parse(endpoint).is_err(), "{endpoint}");
        }
    }

    #[test]
    fn headers_are_read_and_never_shown() {
        let headers = Headers::parse("Authorization=Bearer of-a-secret==, x-tenant = one").unwrap();
        let read: Vec<_> = headers.all().collect();
        assert_eq!(read, [("Authorization", "Bearer of-a-secret=="), ("x-tenant", "one")]);
        assert!(!format!("{headers:?}").contains("of-a-secret"));
        for text in ["", "a", "=b", "a=", "a=b,", "a b=c", "a=b\nc: d", "a:b=c"] {
            let error = Headers::parse(&text).unwrap_err();
            assert!(error.starts_with("header "), "{error}");
        }
    }
}

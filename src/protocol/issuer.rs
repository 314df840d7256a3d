//! The issuer identifier: one string, byte-identical wherever it appears (RFC 8414 §2).

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// The validated issuer identifier.
#[derive(Clone, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    url: Url,
}

impl Issuer {
    /// Validates an issuer: an absolute `https` URL without query and fragment, or `http` when its
    /// host is a loopback one (RFC 8414 §2, RFC 9207 §2). No slash is added or removed.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("not a URL ({error})"))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err("an issuer has no query and no fragment".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an issuer carries no user name or password".to_owned());
        }
        if url.path().contains("//") {
            return Err("an issuer has no empty part in its path".to_owned());
        }
        if text.ends_with('/') {
            return Err("leave out the slash at the end: clients compare the issuer byte by byte".to_owned());
        }
        // The parser lets quotes into hosts; the issuer stands in quotes in headers.
        if text.contains(['"', '\\', '<', '>', '`']) {
            return Err("an issuer contains none of \\ \" < > `".to_owned());
        }
        if url.as_str().trim_end_matches('/') != text {
            return Err(format!("write it in its normal form: {}", url.as_str().trim_end_matches('/')));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => {
                return Err("http is only allowed for 127.0.0.1, [::1] and localhost: use https".to_owned());
            }
            other => return Err(format!("the scheme must be https, not {other}")),
        }
        Ok(Self {
            text: text.to_owned(),
            url,
        })
    }

    /// The issuer of a server on this machine.
    ///
    /// # Panics
    /// Never: the text is well-formed for every port.
    #[must_use]
    pub fn localhost(port: u16) -> Self {
        let text = format!("http://localhost:{port}");
        let text = text.strip_suffix(":80").unwrap_or(&text).to_owned();
        match Url::parse(&text) {
            Ok(url) => Self { text, url },
            Err(error) => unreachable!("{text}: {error}"),
        }
    }

    /// The identifier, exactly as configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port: the web origin (RFC 6454 §4) of our own pages.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The host as people read it, with the port where it is not the default one.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The path below which every endpoint lives: empty, or `/something` without a slash at the end.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// Whether cookies can be `Secure`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether only programs on this machine can mean this issuer.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// The absolute URL of one of our paths.
    #[must_use]
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issuer({})", self.text)
    }
}

/// Whether a URL names this machine: `localhost` or a loopback address (RFC 8252 §7.3).
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

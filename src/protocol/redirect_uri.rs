//! Redirect URIs: what may be registered, and what matches (RFC 9700 §2.1, RFC 8252 §7.3).

use url::{Host, Url};

use super::issuer::is_loopback;

/// The longest redirect URI, in bytes.
pub const MAX_LENGTH: usize = 2048;

/// Schemes that a browser would run, open as a file, or that carry no authority of an app; those that belong to programs
/// everybody has, which go wherever the rest of the address says; and `localhost`, which is what `localhost:3000/cb`
/// says when `http://` was forgotten.
const FORBIDDEN_SCHEMES: [&str; 54] = [
    "javascript",
    "data",
    "file",
    "vbscript",
    "blob",
    "about",
    "view-source",
    "filesystem",
    "ftp",
    "ws",
    "wss",
    "mailto",
    "tel",
    "chrome",
    "intent",
    "jar",
    "mhtml",
    "res",
    "shell",
    "search",
    "search-ms",
    "x-javascript",
    "vnd.ms.radio",
    "localhost",
    "livescript",
    "mocha",
    "vbs",
    "feed",
    "feeds",
    "smb",
    "afp",
    "nfs",
    "ldap",
    "ldaps",
    "sms",
    "smsto",
    "mms",
    "sip",
    "sips",
    "rtsp",
    "ssh",
    "telnet",
    "sftp",
    "ftps",
    "gopher",
    "news",
    "nntp",
    "irc",
    "magnet",
    "webcal",
    "market",
    "resource",
    "help",
    "rlogin",
];

/// How the schemes begin by which browsers and stores open an address of the web.
const FORBIDDEN_BEGINNINGS: [&str; 13] = [
    "ms-",
    "x-safari",
    "x-web-search",
    "microsoft-edge",
    "googlechrome",
    "firefox",
    "opera-",
    "touch-http",
    "brave",
    "duckduckgo",
    "ddg",
    "itms",
    "web+",
];

/// Checks a redirect URI for registration.
///
/// Allowed are `https` URLs, `http` URLs of loopback hosts, and private-use schemes of native
/// apps (RFC 8252 §7.1).
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn validate(text: &str) -> Result<(), String> {
    if text.len() > MAX_LENGTH {
        return Err(format!("longer than {MAX_LENGTH} bytes"));
    }
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'`' | b'*'))
    {
        return Err("contains a space, a control character or one of \\ \" < > ` *".to_owned());
    }
    let url = Url::parse(text).map_err(|error| format!("not an absolute URI ({error})"))?;
    if text.contains('#') {
        return Err("a redirect URI has no fragment (RFC 6749 section 3.1.2)".to_owned());
    }
    let web_authority = authority(text, url.scheme());
    let has_user = !url.username().is_empty() || url.password().is_some();
    // The parser drops an empty user name, as in https://@host.
    if has_user || web_authority.is_some_and(|authority| authority.contains('@')) {
        return Err("a redirect URI carries no user name or password".to_owned());
    }
    // The parser mends https:host and https:///host; matching goes by the text.
    if matches!(url.scheme(), "http" | "https") && web_authority.is_none_or(str::is_empty) {
        return Err(format!("write two slashes and the host after {}:", url.scheme()));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => Err("http is only allowed for 127.0.0.1, [::1] and localhost: use https".to_owned()),
        scheme if FORBIDDEN_SCHEMES.contains(&scheme) || FORBIDDEN_BEGINNINGS.iter().any(|begin| scheme.starts_with(begin)) => {
            Err(format!("the scheme {scheme}: is not allowed"))
        }
        _ => Ok(()),
    }
}

/// What stands between `//` and the path, where `//` directly follows the scheme.
fn authority<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let rest = text.get(scheme.len()..)?.strip_prefix("://")?;
    rest.split(['/', '?']).next()
}

/// Whether `requested` is the registered URI: byte by byte, save the port of a loopback host.
#[must_use]
pub fn matches(registered: &str, requested: &str) -> bool {
    if registered == requested {
        return true;
    }
    match (without_loopback_port(registered), without_loopback_port(requested)) {
        (Some(left), Some(right)) => left == right,
        _ => false,
    }
}

/// `http://127.0.0.1:1234/x` without `:1234`; `None` when it is not an `http` URL of a loopback host.
fn without_loopback_port(text: &str) -> Option<String> {
    let rest = text.strip_prefix("http://")?;
    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority_end);
    let host = ["127.0.0.1", "[::1]", "localhost"]
        .into_iter()
        .find(|host| authority.starts_with(host))?;
    let port = authority.get(host.len()..)?;
    let port_is_fine = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    port_is_fine.then(|| format!("http://{host}{tail}"))
}

/// `port = *DIGIT` (RFC 3986 §3.2.3), in range; `u16::from_str` alone would also take a sign.
fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// The host that a person would recognise, for the consent page.
#[must_use]
pub fn display_host(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => match (url.host_str(), url.port()) {
            (Some(host), Some(port)) if matches!(url.scheme(), "http" | "https") => {
                format!("{host}:{port}")
            }
            (Some(host), None) if matches!(url.scheme(), "http" | "https") => host.to_owned(),
            _ => format!("{}:", url.scheme()),
        },
        Err(_) => String::new(),
    }
}

/// Whether the redirect stays on the device of the person: a loopback host or a private scheme.
#[must_use]
pub fn is_local(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| is_loopback(&url) || !matches!(url.scheme(), "http" | "https"))
}

/// Whether the redirect goes to a loopback host: to a program that listens on the device of the person.
#[must_use]
pub fn is_to_loopback(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| is_loopback(&url))
}

/// The source expression that lets a Content-Security-Policy name this target: an origin or a scheme.
/// Its grammar (CSP Level 3 §2.3.1) has no IPv6 addresses, so those are named by their scheme.
#[must_use]
pub fn csp_source(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let scheme = url.scheme();
    // Nor has it room for the odd characters that a host may have.
    let is_plain = |host: &str| {
        host.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    let is_named = match url.host() {
        Some(Host::Domain(host)) => is_plain(host),
        Some(Host::Ipv4(_)) => true,
        Some(Host::Ipv6(_)) | None => false,
    };
    let has_origin = matches!(scheme, "http" | "https") && is_named;
    Some(if has_origin {
        url.origin().ascii_serialization()
    } else {
        format!("{scheme}:")
    })
}

/// `uri` with `parameters` added to its query (RFC 6749 §4.1.2 keeps what is already there).
#[must_use]
pub fn with_query(uri: &str, parameters: &[(&str, &str)]) -> String {
    let added = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    let separator = match uri.find('?') {
        None => "?",
        Some(at) if at + 1 == uri.len() || uri.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{uri}{separator}{added}")
}

//! Resource indicators (RFC 8707): the identifiers of what access tokens are for.

use url::Url;

use super::error::{ErrorCode, Refusal};
use super::issuer::is_loopback;

/// The longest identifier, in bytes: what the store can hold.
pub const MAX_LENGTH: usize = 255;
/// The most resources of one request.
pub const MAX_RESOURCES: usize = 10;

/// Whether a text can be the identifier of a protected resource: an absolute URI without a fragment
/// (RFC 8707 §2), `https` or, on a loopback host, `http` (RFC 9728 §1.2).
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn validate(text: &str) -> Result<(), String> {
    if text.len() > MAX_LENGTH {
        return Err(format!("an identifier has at most {MAX_LENGTH} bytes"));
    }
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'`'))
    {
        return Err("an identifier has no spaces, control characters or \\ \" < > `".to_owned());
    }
    let url = Url::parse(text).map_err(|error| format!("an identifier is an absolute URL ({error})"))?;
    if text.contains('#') {
        return Err("an identifier has no fragment (RFC 8707 section 2)".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an identifier has no user name or password".to_owned());
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => Err("http is only for 127.0.0.1, [::1] and localhost: use https".to_owned()),
        _ => Err("an identifier is an https URL".to_owned()),
    }
}

/// Whether two identifiers mean the same resource. Scheme and host have no case, the usual port may be
/// left out, and clients differ about a slash at the end.
#[must_use]
pub fn is_same(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    match (key(left), key(right)) {
        (Some(left), Some(right)) => left == right,
        _ => false,
    }
}

/// Whether two lists mean the same resources.
#[must_use]
pub fn are_same(left: &[String], right: &[String]) -> bool {
    let is_within = |all: &[String], few: &[String]| few.iter().all(|one| all.iter().any(|other| is_same(one, other)));
    is_within(left, right) && is_within(right, left)
}

fn key(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    if url.fragment().is_some() {
        return None;
    }
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let authority = format!("{}@{}", url.username(), url.origin().ascii_serialization());
    Some(format!("{authority}{}{query}", url.path().strip_suffix('/').unwrap_or(url.path())))
}

/// Checks the `resource` parameters of a request for their form; whether they are known is for the registry.
///
/// # Errors
/// `invalid_target` when one is no identifier, or when there are too many (RFC 8707 §2).
pub fn check(resources: &[String]) -> Result<(), Refusal> {
    if resources.len() > MAX_RESOURCES {
        return Err(Refusal::new(ErrorCode::InvalidTarget, "too many resources in one request"));
    }
    match resources.iter().find_map(|resource| validate(resource).err()) {
        Some(problem) => Err(Refusal::new(ErrorCode::InvalidTarget, "a resource is not an absolute https URI").with_detail(problem)),
        None => Ok(()),
    }
}

//! A client metadata document (draft-ietf-oauth-client-id-metadata-document): a client that is described by the JSON
//! at the URL that is its `client_id`. Here the URL and the document are read; nothing is fetched.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::client_authentication::AuthMethod;
use super::issuer::is_loopback;
use super::jwks::KeySet;
use super::redirect_uri;
use super::token_request::GrantType;

/// The longest document that is read, in bytes (§6.6 of the draft).
pub const MAX_BYTES: usize = 5 * 1024;
/// The longest URL that is a `client_id`, in bytes.
const MAX_URL: usize = 200;

/// A URL that can be a `client_id` (§3 of the draft).
#[derive(Clone, PartialEq, Eq)]
pub struct DocumentUrl {
    text: String,
    host: String,
}

impl DocumentUrl {
    /// Reads a `client_id` that looks like a URL: `https` with a path, and written in its normal form, so that one
    /// document has one name. `http` to a loopback host is for servers on loopback (`is_loopback_allowed`).
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str, is_loopback_allowed: bool) -> Result<Self, &'static str> {
        if text.len() > MAX_URL {
            return Err("a client_id that is a URL has at most 200 characters");
        }
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'`'))
        {
            return Err("a client_id that is a URL has no spaces, control characters or \" \\ < > `");
        }
        let url = Url::parse(text).map_err(|_| "the client_id is no URL")?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback_allowed && is_loopback(&url) => {}
            _ => return Err("a client_id that is a URL begins with https:"),
        }
        if url.fragment().is_some() || text.contains('#') {
            return Err("a client_id that is a URL has no fragment");
        }
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') && url.as_str() != text {
            return Err("a client_id that is a URL carries no user name");
        }
        if url.path() == "/" {
            return Err("a client_id that is a URL has a path");
        }
        // Dot segments, default ports, capital letters in the host, integers as addresses: all of them are other
        // ways to write the same, and the parser has undone them.
        if url.as_str() != text {
            return Err("a client_id that is a URL is written in its normal form, without dot segments");
        }
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self {
            text: text.to_owned(),
            host,
        })
    }

    /// The URL, as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Who vouches for the client: its host, with the port where it is not the usual one.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host without a port: whoever has a host has all its ports.
    #[must_use]
    pub fn host_name(&self) -> &str {
        match self.host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => &self.host,
        }
    }
}

impl fmt::Debug for DocumentUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentUrl({})", self.text)
    }
}

/// What a document says of its client. The names are those of RFC 7591 §2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientDocument {
    /// What people read; the host when the document has no name
    pub name: String,
    /// Where answers may be sent
    pub redirect_uris: Vec<String>,
    /// What it may redeem: never anything for itself, because nobody has looked at it
    pub grant_types: Vec<GrantType>,
    /// `none` or `private_key_jwt`
    pub auth_method: AuthMethod,
    /// Its public keys
    pub jwks: Option<Value>,
    /// Or where they are
    pub jwks_uri: Option<String>,
    /// Picture
    pub logo_uri: Option<String>,
    /// Home page
    pub client_uri: Option<String>,
    /// Privacy policy
    pub policy_uri: Option<String>,
    /// Terms of service
    pub tos_uri: Option<String>,
}

/// The members that are read. Others are ignored (RFC 7591 §2); of two with the same name the document is refused.
#[derive(Deserialize)]
struct Members {
    client_id: String,
    redirect_uris: Vec<String>,
    #[serde(default)]
    client_name: Option<String>,
    #[serde(default)]
    client_secret: Option<Value>,
    #[serde(default)]
    client_secret_expires_at: Option<Value>,
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
    #[serde(default)]
    grant_types: Option<Vec<String>>,
    #[serde(default)]
    response_types: Option<Vec<String>>,
    #[serde(default)]
    jwks: Option<Value>,
    #[serde(default)]
    jwks_uri: Option<String>,
    #[serde(default)]
    logo_uri: Option<String>,
    #[serde(default)]
    client_uri: Option<String>,
    #[serde(default)]
    policy_uri: Option<String>,
    #[serde(default)]
    tos_uri: Option<String>,
}

impl ClientDocument {
    /// Reads the document that was found at `url`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it, for its author.
    pub fn parse(url: &DocumentUrl, json: &[u8]) -> Result<Self, String> {
        if json.len() > MAX_BYTES {
            return Err(format!("the document is longer than {MAX_BYTES} bytes"));
        }
        let members: Members = serde_json::from_slice(json).map_err(|error| format!("the document cannot be read: {error}"))?;
        if members.client_id != url.as_str() {
            return Err("client_id in the document is not the URL of the document, byte by byte".to_owned());
        }
        if members.client_secret.is_some() || members.client_secret_expires_at.is_some() {
            return Err("a document that everybody can read has no client_secret".to_owned());
        }
        let redirect_uris = redirect_uris(members.redirect_uris)?;
        let is_code = |types: &Vec<String>| types.iter().any(|one| one == "code");
        if !members.response_types.as_ref().is_none_or(is_code) {
            return Err("response_types must have code: nothing else is spoken here".to_owned());
        }
        let grant_types = grant_types(members.grant_types.as_deref())?;
        let auth_method = match members.token_endpoint_auth_method.as_deref() {
            None | Some("none") => AuthMethod::None,
            Some("private_key_jwt") => AuthMethod::PrivateKeyJwt,
            Some(_) => return Err("token_endpoint_auth_method must be none or private_key_jwt: there is no shared secret".to_owned()),
        };
        check_keys(auth_method, members.jwks.as_ref(), members.jwks_uri.as_deref())?;
        for (name, link) in [
            ("jwks_uri", &members.jwks_uri),
            ("logo_uri", &members.logo_uri),
            ("client_uri", &members.client_uri),
            ("policy_uri", &members.policy_uri),
            ("tos_uri", &members.tos_uri),
        ] {
            // Keys may be beside a document that is on this machine itself.
            let may_be_near = name == "jwks_uri" && url.as_str().starts_with("http:");
            if let Some(link) = link.as_deref().filter(|link| !link.is_empty()) {
                check_link(link, may_be_near).map_err(|problem| format!("{name} {problem}"))?;
            }
        }
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        Ok(Self {
            name: given(members.client_name).unwrap_or_else(|| url.host().to_owned()),
            redirect_uris,
            grant_types,
            auth_method,
            jwks: members.jwks,
            jwks_uri: given(members.jwks_uri),
            logo_uri: given(members.logo_uri),
            client_uri: given(members.client_uri),
            policy_uri: given(members.policy_uri),
            tos_uri: given(members.tos_uri),
        })
    }
}

fn redirect_uris(uris: Vec<String>) -> Result<Vec<String>, String> {
    if uris.is_empty() {
        return Err("redirect_uris is empty".to_owned());
    }
    for uri in &uris {
        redirect_uri::validate(uri).map_err(|problem| format!("redirect URI {uri}: {problem}"))?;
    }
    Ok(uris)
}

/// The grant types that are used here: the code, and refreshing if the client does that. It gets nothing for itself,
/// whatever it lists: that would be tokens for anybody who can publish a file.
fn grant_types(listed: Option<&[String]>) -> Result<Vec<GrantType>, String> {
    // RFC 7591 §2.
    let Some(listed) = listed else {
        return Ok(vec![GrantType::AuthorizationCode]);
    };
    let has = |one: GrantType| listed.iter().any(|name| name == one.as_str());
    if !has(GrantType::AuthorizationCode) {
        return Err("grant_types must have authorization_code".to_owned());
    }
    let used = [GrantType::AuthorizationCode, GrantType::RefreshToken];
    Ok(used.into_iter().filter(|one| has(*one)).collect())
}

fn check_keys(method: AuthMethod, jwks: Option<&Value>, jwks_uri: Option<&str>) -> Result<(), String> {
    match (method, jwks, jwks_uri) {
        (_, Some(_), Some(_)) => Err("jwks and jwks_uri are both there: leave one out".to_owned()),
        (_, Some(set), None) => KeySet::read(set).map(drop).map_err(|problem| format!("jwks: {problem}")),
        (AuthMethod::PrivateKeyJwt, None, None) => Err("private_key_jwt needs jwks or jwks_uri".to_owned()),
        _ => Ok(()),
    }
}

fn check_link(text: &str, may_be_near: bool) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    let is_near = may_be_near && url.scheme() == "http" && is_loopback(&url);
    if url.scheme() != "https" && !is_near {
        return Err("must be an https URL");
    }
    if !url.username().is_empty() || url.password().is_some() || text.chars().any(char::is_control) {
        return Err("carries a user name or control characters");
    }
    Ok(())
}

//! Protected resources (RFC 8707): registering them, and deciding which of them a token is for.

mod registry;

use crate::app::App;
use crate::base::clock::Seconds;
use crate::model::client::{AccessTokenFormat, Client, ClientOrigin};
use crate::model::resource::{Resource, ResourceCatalog};
use crate::protocol::claims::is_server_scope;
use crate::protocol::error::{ErrorCode, Refusal};
use crate::protocol::issuer::Issuer;
use crate::protocol::resource;
use crate::protocol::scope::Scope;

pub use registry::{ResourceError, change, change_in, check_identifier, delete, delete_in, problems, register, register_in};

/// What an access token is for, and what follows from that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// `aud`; never empty
    pub identifiers: Vec<String>,
    /// What of the granted scope it carries
    pub scope: Scope,
    /// Its form
    pub format: AccessTokenFormat,
    /// Its life in seconds
    pub lifetime: Seconds,
}

/// The identifiers that `resource` parameters mean, each as it is registered. The server itself is one of them.
///
/// # Errors
/// `invalid_target` for what is unknown or not for this client; the client learns no difference.
pub fn resolve(catalog: &ResourceCatalog, issuer: &Issuer, client: &Client, requested: &[String]) -> Result<Vec<String>, Refusal> {
    resource::check(requested)?;
    let mut identifiers: Vec<String> = Vec::new();
    for requested in requested {
        let identifier = if resource::is_same(requested, issuer.as_str()) {
            issuer.as_str()
        } else {
            match catalog.find(requested) {
                Some(resource) if resource.admits(client) => &resource.identifier,
                known => {
                    let detail = if known.is_some() { "not for this client" } else { "not registered" };
                    return Err(Refusal::new(
                        ErrorCode::InvalidTarget,
                        "the requested resource is unknown, or not for this client",
                    )
                    .with_detail(format!("{requested}: {detail}")));
                }
            }
        };
        if !identifiers.iter().any(|known| known == identifier) {
            identifiers.push(identifier.to_owned());
        }
    }
    Ok(identifiers)
}

/// What a request is for that may name resources: those; or else the client's own; or else those whose scopes it
/// asks for. Empty: the server itself, and nothing else.
///
/// # Errors
/// `invalid_target`, as [`resolve`].
pub fn choose(
    catalog: &ResourceCatalog,
    issuer: &Issuer,
    client: &Client,
    requested: &[String],
    scope: &Scope,
) -> Result<Vec<String>, Refusal> {
    if !requested.is_empty() {
        return resolve(catalog, issuer, client, requested);
    }
    if let Some(default) = &client.default_resource {
        return resolve(catalog, issuer, client, std::slice::from_ref(default));
    }
    if scope.iter().any(is_server_scope) {
        // A resource that is sent such a token could use this server with it, administer it even.
        return Ok(Vec::new());
    }
    // Clients from before RFC 8707 name no resource; what they want to do says it.
    let mut inferred: Vec<String> = catalog.owning(scope, client).map(|resource| resource.identifier.clone()).collect();
    if !inferred.is_empty() && scope.contains("openid") {
        inferred.push(issuer.as_str().to_owned());
    }
    if inferred.len() > resource::MAX_RESOURCES {
        let message = "the scopes belong to too many resources: name one";
        return Err(Refusal::new(ErrorCode::InvalidTarget, message));
    }
    Ok(inferred)
}

/// What of the resources of a grant a token request is for: those that it names, or all.
///
/// # Errors
/// `invalid_target` for one that was not granted (RFC 8707 §2.2).
pub fn narrow(issuer: &Issuer, granted: &[String], requested: &[String]) -> Result<Vec<String>, Refusal> {
    resource::check(requested)?;
    if requested.is_empty() {
        return Ok(granted.to_vec());
    }
    let itself = [issuer.as_str().to_owned()];
    let granted = if granted.is_empty() { itself.as_slice() } else { granted };
    let is_granted = |requested: &&String| granted.iter().any(|granted| resource::is_same(granted, requested));
    if !requested.iter().all(|requested| is_granted(&requested)) {
        let message = "the requested resource is not among those of the authorization request";
        return Err(Refusal::new(ErrorCode::InvalidTarget, message));
    }
    let is_requested = |granted: &&String| requested.iter().any(|requested| resource::is_same(granted, requested));
    Ok(granted.iter().filter(is_requested).cloned().collect())
}

/// Whether a scope opens something at this server itself.
#[must_use]
pub fn is_of_the_server(token: &str) -> bool {
    token == "openid" || is_server_scope(token)
}

impl Audience {
    /// What a token for these resources is. Every one of them must still be registered and for this client.
    ///
    /// # Errors
    /// `invalid_target`, as [`resolve`].
    pub fn of(app: &App, catalog: &ResourceCatalog, client: &Client, resources: &[String], granted: &Scope) -> Result<Self, Refusal> {
        let mut identifiers = resolve(catalog, &app.issuer, client, resources)?;
        if identifiers.is_empty() {
            identifiers.push(app.issuer.as_str().to_owned());
        }
        let targets: Vec<&Resource> = identifiers.iter().filter_map(|identifier| catalog.find(identifier)).collect();
        let wants = |format| targets.iter().any(|target| target.access_token_format == Some(format));
        let format = match () {
            // Whoever can only introspect can read no signed token; the other way round a resource can ask.
            () if wants(AccessTokenFormat::Opaque) => AccessTokenFormat::Opaque,
            () if wants(AccessTokenFormat::Jwt) => AccessTokenFormat::Jwt,
            () => client.access_token_format,
        };
        let is_for_us_alone = identifiers.iter().all(|identifier| identifier == app.issuer.as_str());
        let scope = catalog.within(&identifiers, granted);
        let scope = scope.filter(|token| is_for_us_alone || !is_server_scope(token));
        let usual = client.token_lifetime(app.lifetimes().access_token);
        let shortest = targets.iter().filter_map(|target| target.access_token_lifetime).min();
        Ok(Self {
            scope,
            identifiers,
            format,
            lifetime: match client.origin {
                ClientOrigin::Operator => shortest.unwrap_or(usual),
                // What such clients get at most is the server's to say.
                ClientOrigin::Registration | ClientOrigin::Document => shortest.map_or(usual, |seconds| seconds.min(usual)),
            },
        })
    }
}

//! The issuer as a resource server knows it: who says what a token is worth, and what clients are to be told.

use std::time::Duration;

use openidconnect::reqwest::{self, StatusCode, redirect::Policy};
use openidconnect::url::Url;
use serde::Deserialize;
use serde_json::Value;

use super::error::told;

/// How long the issuer may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// An issuer, by its own metadata (RFC 8414).
#[derive(Clone, Debug)]
pub struct Issuer {
    metadata: Metadata,
    http: reqwest::Client,
}

#[derive(Clone, Debug, Deserialize)]
struct Metadata {
    issuer: String,
    introspection_endpoint: Option<Url>,
}

impl Issuer {
    /// Asks the issuer for its metadata.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub async fn discover(name: &str) -> Result<Self, String> {
        let http = client(name)?;
        let (origin, path) = parts(name)?;
        let address = format!("{origin}/.well-known/oauth-authorization-server{path}");
        let answer = http.get(&address).send().await.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|error| {
            format!(
                "{name} does not answer ({}). Start it first, in another terminal:\n  cargo run",
                told(&error)
            )
        })?;
        let metadata: Metadata = answer.json().await.map_err(|error| format!("{address}: {}", told(&error)))?;
        // Byte by byte: whoever answers with another name is another (RFC 8414 §3.3).
        if metadata.issuer != name {
            return Err(format!("{address} is the metadata of {}, not of {name}", metadata.issuer));
        }
        Ok(Self { metadata, http })
    }

    /// Its name, as it stands in `iss`.
    pub fn name(&self) -> &str {
        &self.metadata.issuer
    }

    /// Where tokens are introspected (RFC 7662).
    ///
    /// # Errors
    /// When it does not introspect.
    pub fn introspection_endpoint(&self) -> Result<Url, String> {
        let endpoint = self.metadata.introspection_endpoint.clone();
        endpoint.ok_or_else(|| format!("{} does not introspect tokens", self.name()))
    }

    /// What clients are to be told about a resource (RFC 9728): the issuer makes that document for the resources
    /// that are registered there, so that nothing is said twice.
    ///
    /// # Errors
    /// When the resource is not registered, or the issuer does not answer.
    pub async fn resource_metadata(&self, resource: &str) -> Result<Value, String> {
        let (origin, path) = parts(self.name())?;
        let address = format!("{origin}{path}/.well-known/oauth-protected-resource");
        let mut address = Url::parse(&address).map_err(|error| format!("{address}: {error}"))?;
        address.query_pairs_mut().append_pair("resource", resource);
        let answer = self.http.get(address).send().await.map_err(|error| told(&error))?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Err(format!("{} does not know the resource {resource}", self.name()));
        }
        let answer = answer.error_for_status().map_err(|error| told(&error))?;
        answer.json().await.map_err(|error| told(&error))
    }

    /// The client that calls it.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }
}

/// A client for an issuer. Redirects are not followed: they could lead secrets elsewhere.
///
/// # Errors
/// When the issuer wants TLS.
pub fn client(issuer: &str) -> Result<reqwest::Client, String> {
    if !issuer.starts_with("http://") {
        return Err(format!(
            "{issuer} is not an http:// address, and the examples are built without TLS: see examples/README.md"
        ));
    }
    let client = reqwest::Client::builder().redirect(Policy::none()).timeout(PATIENCE).build();
    client.map_err(|error| told(&error))
}

/// Origin and path of an issuer; the path is empty when there is none.
fn parts(issuer: &str) -> Result<(String, String), String> {
    let url = Url::parse(issuer).map_err(|error| format!("{issuer} is no address: {error}"))?;
    let path = url.path().trim_end_matches('/').to_owned();
    Ok((url.origin().ascii_serialization(), path))
}

//! Client assertions (RFC 7523 §3, OpenID Connect Core §9): who signed one, and that it is the first time.

use jsonwebtoken::{Algorithm, DecodingKey};

use crate::app::App;
use crate::base::again::when_undone;
use crate::base::clock::Seconds;
use crate::base::digest::sha256_text;
use crate::base::fault::Fault;
use crate::model::client::{Client, ClientOrigin};
use crate::outside::Wanted;
use crate::protocol::client_assertion::{ClientAssertion, LEEWAY};
use crate::protocol::client_authentication::AuthMethod;
use crate::protocol::jwks::KeySet;

use super::signatures::{is_made_with, is_signed_by_one_of};

/// What the secret of a client is sealed for, before its id.
const SECRET_CONTEXT: &str = "client secret ";

/// The paths that an assertion may name as its audience instead of the issuer (RFC 7523 §3, OpenID Connect Core §9):
/// the token endpoint, and the others at which clients authenticate.
const ENDPOINTS: [&str; 3] = ["/token", "/introspect", "/revoke"];

/// How much longer than it is accepted an assertion is remembered, in seconds: the clocks of nodes differ.
const SKEW: Seconds = 300;

/// Whether an assertion proves that its sender is this client: made by its key, for this server, now, and never
/// seen before. What is wrong otherwise, for the log.
///
/// # Errors
/// When the database fails.
pub async fn verify(app: &App, client: &Client, assertion: &ClientAssertion) -> Result<Result<(), String>, Fault> {
    let now = app.now();
    // Only what it says costs nothing, so that comes first.
    if assertion.claims.sub != client.id || client.auth_method != assertion.method() {
        return Ok(Err("the client is not registered for this method".to_owned()));
    }
    let issuer = app.issuer.as_str().to_owned();
    let audiences: Vec<String> = std::iter::once(issuer)
        .chain(ENDPOINTS.iter().map(|path| app.issuer.endpoint(path)))
        .collect();
    if let Err(problem) = assertion.judge(&audiences, now) {
        return Ok(Err(problem.to_owned()));
    }
    let is_signed = match client.auth_method {
        AuthMethod::ClientSecretJwt => match open_secret(app, client) {
            Some(secret) => is_made_with(&assertion.jwt, Algorithm::HS256, &DecodingKey::from_secret(&secret)),
            None => return Ok(Err("the client has no secret for MACs: give it a new one".to_owned())),
        },
        _ => match keys(app, client, assertion).await {
            Ok(keys) => is_signed_by_one_of(&keys, &assertion.jwt, assertion.kid.as_deref(), assertion.algorithm),
            Err(problem) => return Ok(Err(format!("the keys of the client cannot be read: {problem}"))),
        },
    };
    if !is_signed {
        return Ok(Err("no key of the client made the signature".to_owned()));
    }
    spend(app, client, assertion).await
}

/// Writes down that the assertion was used. Two nodes that get the same one at the same moment ask the same table:
/// one of them wins.
async fn spend(app: &App, client: &Client, assertion: &ClientAssertion) -> Result<Result<(), String>, Fault> {
    // The length of the id keeps it apart from the name.
    let name = format!("{} {} {}", client.id.len(), client.id, assertion.claims.jti);
    let kept_until = assertion.claims.exp + LEEWAY + SKEW;
    when_undone(async || {
        let mut tx = app.store.begin().await?;
        if !tx.spend_assertion(&sha256_text(&name), kept_until).await? {
            return Ok(Err("the assertion was used before".to_owned()));
        }
        tx.commit().await?;
        Ok(Ok(()))
    })
    .await
}

async fn keys(app: &App, client: &Client, assertion: &ClientAssertion) -> Result<std::sync::Arc<KeySet>, String> {
    if let Some(set) = &client.jwks {
        return KeySet::read(set).map(std::sync::Arc::new);
    }
    let Some(uri) = &client.jwks_uri else {
        return Err("none are registered".to_owned());
    };
    let is_vouched_for = client.origin == ClientOrigin::Operator;
    let wanted = Wanted {
        url: uri,
        kid: assertion.kid.as_deref(),
        algorithm: assertion.algorithm,
        is_vouched_for,
    };
    let fetch = if is_vouched_for { &app.operator_fetch } else { &app.known_fetch };
    let read = app.key_sets.with_key(fetch, wanted, app.now()).await;
    read.map_err(|error| error.to_string())
}

/// Seals the secret of a client that makes MACs with it; `None` for every other client, of whose secret the digest
/// is enough.
///
/// # Errors
/// When the library refuses, which it has no reason to.
pub fn seal_secret(app: &App, client_id: &str, method: AuthMethod, secret: &str) -> Result<Option<String>, Fault> {
    if method != AuthMethod::ClientSecretJwt {
        return Ok(None);
    }
    let context = secret_context(client_id);
    let sealed = app.secrets.client_secret.seal(&app.random, &context, secret.as_bytes())?;
    Ok(Some(sealed))
}

fn open_secret(app: &App, client: &Client) -> Option<Vec<u8>> {
    let context = secret_context(&client.id);
    app.secrets.client_secret.open(&context, client.sealed_secret.as_deref()?)
}

/// What the secret of a client is sealed for: in another row it does not open.
#[must_use]
pub fn secret_context(client_id: &str) -> Vec<u8> {
    format!("{SECRET_CONTEXT}{client_id}").into_bytes()
}

//! Introspection (RFC 7662): a resource server asks what a token is worth right now.

use serde::Serialize;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::grant::Presented;
use crate::protocol::client_authentication::ClientCredentials;
use crate::protocol::error::{ErrorCode, Refusal};

use super::client_authentication::{AuthenticatedClient, authenticate};
use super::verify;

/// The answer (RFC 7662 §2.2). An inactive token says nothing but that.
#[derive(Debug, Default, Serialize)]
pub struct Introspection {
    /// Whether it is worth anything
    pub active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
}

/// Answers an introspection request. Only clients that can prove who they are may ask: whoever could ask without
/// one could test stolen strings (RFC 7662 §4).
///
/// # Errors
/// When the database fails.
pub async fn introspect(app: &App, credentials: &ClientCredentials, token: &str) -> Result<Result<Introspection, Refusal>, Fault> {
    let client = match authenticate(app, credentials).await? {
        Ok(client) if client.is_public() => {
            return Ok(Err(Refusal::new(
                ErrorCode::InvalidClient,
                "introspection needs a client that can prove who it is",
            )));
        }
        Ok(client) => client,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(live) = verify::access_token_for_anybody(app, token).await? {
        // A token is its client's affair, and that of the resource servers that the operator named.
        if !client.may_introspect && live.claims.client_id != client.id {
            return Ok(Ok(Introspection::default()));
        }
        return Ok(Ok(access_token(live)));
    }
    refresh_token(app, &client, token).await.map(Ok)
}

fn access_token(live: verify::LiveToken) -> Introspection {
    let claims = live.claims;
    Introspection {
        active: true,
        scope: Some(claims.scope),
        client_id: Some(claims.client_id),
        username: live.person.map(|person| person.user.settings.username),
        token_type: Some("Bearer"),
        exp: Some(claims.exp),
        iat: Some(claims.iat),
        sub: Some(claims.sub),
        aud: Some(claims.aud),
        iss: Some(claims.iss),
        jti: Some(claims.jti),
        auth_time: claims.auth_time,
        acr: claims.acr,
    }
}

/// A refresh token concerns nobody but the client that it was issued to.
async fn refresh_token(app: &App, client: &AuthenticatedClient, token: &str) -> Result<Introspection, Fault> {
    let Some(presented) = verify::refresh_token(app, token) else {
        return Ok(Introspection::default());
    };
    let mut connection = app.store.read().await?;
    let found = connection.grant_and_user(&presented.grant_id()).await?;
    let Some((grant, user)) = found.filter(|(grant, _)| grant.client_id == client.id) else {
        return Ok(Introspection::default());
    };
    let is_user_alive = user.is_some_and(|user| !user.is_disabled);
    if grant.judge(presented.generation(), app.now(), 0) != Presented::Current || !is_user_alive {
        return Ok(Introspection::default());
    }
    Ok(Introspection {
        active: true,
        scope: Some(grant.scope.to_string()),
        client_id: Some(grant.client_id),
        exp: Some(grant.idle_expires_at),
        iat: Some(grant.rotated_at),
        sub: Some(grant.user_id),
        iss: Some(app.issuer.as_str().to_owned()),
        ..Introspection::default()
    })
}

//! Revocation (RFC 7009): a client gives a token back.

use crate::app::App;
use crate::base::again::when_undone;
use crate::base::clock::CLOCK_SKEW;
use crate::base::fault::Fault;
use crate::model::event::{Actor, EventKind};
use crate::protocol::client_authentication::ClientCredentials;
use crate::protocol::error::{Refusal, invalid_grant};

use super::client_authentication::{AuthenticatedClient, authenticate};
use super::issue::AccessTokenClaims;
use super::verify;

/// Allowance for clocks of nodes that differ, in seconds.
const SKEW: i64 = 300;

/// Revokes a token. A refresh token ends its grant with everything under it; an access token ends
/// alone (RFC 7009 §2.1). An unknown token is as good as a revoked one (§2.2).
///
/// # Errors
/// When the database fails.
pub async fn revoke(app: &App, credentials: &ClientCredentials, token: &str) -> Result<Result<(), Refusal>, Fault> {
    let client = match authenticate(app, credentials).await? {
        Ok(client) => client,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(presented) = verify::refresh_token(app, token) else {
        let Some(claims) = verify::authentic_access_token(app, token).await? else {
            return Ok(Ok(()));
        };
        return when_undone(async || revoke_access_token(app, &client, &claims).await).await;
    };
    when_undone(async || revoke_grant(app, &client, &presented.grant_id()).await).await
}

const NOT_YOURS: Refusal = invalid_grant("the token was issued to another client");

/// Ends the grant of a refresh token.
async fn revoke_grant(app: &App, client: &AuthenticatedClient, grant_id: &str) -> Result<Result<(), Refusal>, Fault> {
    let mut tx = app.store.begin().await?;
    let Some(grant) = tx.grant(grant_id).await? else {
        return Ok(Ok(()));
    };
    if grant.client_id != client.id {
        return Ok(Err(NOT_YOURS));
    }
    if !tx.revoke_grant(&grant.id, app.now()).await? {
        // Somebody else did; it is durable when this is.
        tx.commit().await?;
        return Ok(Ok(()));
    }
    let event = app.event(EventKind::GrantRevoked).by(Actor::Client(client.id.clone()));
    tx.record(event.subject(&grant.user_id).client(&client.id).target(&grant.id))
        .await?;
    tx.commit().await?;
    tracing::debug!(
        event = "grant_revoked",
        client = client.id,
        user = grant.user_id,
        grant = grant.id,
        "a client revoked its refresh token"
    );
    Ok(Ok(()))
}

/// Ends an access token, and nothing else.
async fn revoke_access_token(app: &App, client: &AuthenticatedClient, claims: &AccessTokenClaims) -> Result<Result<(), Refusal>, Fault> {
    if claims.client_id != client.id {
        return Ok(Err(NOT_YOURS));
    }
    // What has just expired by this clock may be alive by that of another node.
    if claims.exp + CLOCK_SKEW <= app.now() {
        return Ok(Ok(()));
    }
    let mut tx = app.store.begin().await?;
    // Longer than the token lives: another node's clock may be behind.
    if !tx.revoke_token(&claims.jti, claims.exp + SKEW).await? {
        // Somebody else did; it is durable when this is.
        tx.commit().await?;
        return Ok(Ok(()));
    }
    let event = app.event(EventKind::TokenRevoked).by(Actor::Client(client.id.clone()));
    tx.record(event.client(&client.id).target(&claims.jti)).await?;
    tx.commit().await?;
    tracing::debug!(
        event = "access_token_revoked",
        client = client.id,
        jti = claims.jti,
        "a client revoked an access token"
    );
    Ok(Ok(()))
}

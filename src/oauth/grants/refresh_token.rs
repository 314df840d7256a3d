//! Refreshing (RFC 6749 §6) with rotation by generation (RFC 9700 §4.14.2).
//!
//! Everything is checked before the gate, so that a refused refresh never consumes the token.

use crate::app::App;
use crate::base::fault::Fault;
use crate::model::event::EventKind;
use crate::model::grant::{Grant, Presented};
use crate::oauth::client_authentication::AuthenticatedClient;
use crate::oauth::grants::{Recalled, audience_of, recall, revoke_replayed};
use crate::oauth::issue::{self, OnBehalf, TokenResponse};
use crate::oauth::resources::Audience;
use crate::oauth::{machine, verify};
use crate::protocol::error::{ErrorCode, Refusal, invalid_grant};
use crate::protocol::scope::Scope;
use crate::store::{Rotation, Tx};

const DEAD: Refusal = machine::USELESS_REFRESH_TOKEN;

/// Redeems a refresh token for its successor and a new access token.
///
/// # Errors
/// When the database fails.
pub async fn refresh(
    app: &App,
    client: &AuthenticatedClient,
    presented: &str,
    requested: Option<&Scope>,
    resource: &[String],
) -> Result<Result<TokenResponse, Refusal>, Fault> {
    let Some(token) = verify::refresh_token(app, presented) else {
        return Ok(Err(DEAD));
    };
    let Some(Recalled {
        tx,
        grant,
        user,
        catalog,
        resources,
    }) = recall(app, &token.grant_id()).await?
    else {
        return Ok(Err(DEAD));
    };
    if grant.client_id != client.id {
        return Ok(Err(DEAD.with_detail("presented by another client")));
    }
    let now = app.now();
    let grace = app.lifetimes().refresh_grace;
    let judged = grant.judge(token.generation(), now, grace);
    if judged == Presented::Replay {
        drop(tx);
        return replayed(app, &grant).await;
    }
    let is_alive = judged != Presented::Dead;
    let refreshable = match machine::refresh(&client.id, presented, requested, &grant, is_alive)? {
        Ok(refreshable) => refreshable,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(user) = user else {
        return Ok(Err(invalid_grant("the account of this grant has ended")));
    };
    // What the person or the client has lost since the consent is not handed out again.
    let scope = catalog.of_user(&refreshable.scope, &user).intersection(&client.scope);
    if scope.is_empty() {
        return Ok(Err(Refusal::new(
            ErrorCode::InvalidScope,
            "nothing of the granted scope is still allowed",
        )));
    }
    let audience = match audience_of(app, &resources, client, &grant, resource, &scope) {
        Ok(audience) => audience,
        Err(refusal) => return Ok(Err(refusal)),
    };

    let generation = match judged {
        Presented::Current => match rotate(app, tx, &audience, &grant, now).await? {
            Outcome::To(generation) => generation,
            Outcome::Replay => return replayed(app, &grant).await,
            Outcome::Dead => return Ok(Err(DEAD)),
        },
        _ => {
            // What was read may not be durable yet; it is when this has been committed, too.
            tx.commit().await?;
            grant.generation
        }
    };
    let tokens = issue::tokens(
        app,
        client,
        audience,
        &scope,
        Some(&OnBehalf {
            grant: &grant,
            user: &user,
            generation: Some(generation),
            catalog: &catalog,
        }),
    )?;
    refreshable.rotated()?;
    tracing::debug!(
        event = "refreshed",
        client = client.id,
        user = user.id,
        grant = grant.id,
        generation,
        "a token was refreshed"
    );
    Ok(Ok(tokens))
}

enum Outcome {
    To(u32),
    Replay,
    Dead,
}

/// Passes the gate, or finds out who did.
async fn rotate(app: &App, mut tx: Tx, audience: &Audience, grant: &Grant, now: i64) -> Result<Outcome, Fault> {
    let lives = app.lifetimes();
    let idle_expires_at = (now + lives.refresh_token_idle).min(grant.ends_at);
    let tokens_end = now + audience.lifetime;
    let rotation = Rotation {
        now,
        idle_expires_at,
        expires_at: idle_expires_at.max(tokens_end),
    };
    if tx.rotate_grant(&grant.id, grant.generation, &rotation).await? {
        tx.commit().await?;
        return Ok(Outcome::To(grant.generation + 1));
    }
    // Somebody was first: the same client at the same moment gets the same successor.
    let current = tx.grant(&grant.id).await?;
    // What was read here may not be durable yet; it is when this has been committed, too.
    tx.commit().await?;
    let Some(current) = current else {
        return Ok(Outcome::Dead);
    };
    Ok(match current.judge(grant.generation, app.now(), app.lifetimes().refresh_grace) {
        Presented::Retry => Outcome::To(current.generation),
        Presented::Replay => Outcome::Replay,
        Presented::Current | Presented::Dead => Outcome::Dead,
    })
}

/// A token from before the current one, after the grace window: somebody has a copy, and it cannot
/// be told who is the thief. This commits although the client gets an error.
async fn replayed(app: &App, grant: &Grant) -> Result<Result<TokenResponse, Refusal>, Fault> {
    revoke_replayed(app, grant, EventKind::RefreshReplayed).await?;
    Ok(Err(DEAD))
}

//! Redeeming an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.6).

use crate::app::App;
use crate::base::digest::{equal, sha256_text};
use crate::base::fault::Fault;
use crate::model::event::{Actor, EventKind};
use crate::model::grant::Grant;
use crate::oauth::client_authentication::AuthenticatedClient;
use crate::oauth::grants::{Recalled, audience_of, recall, revoke_replayed};
use crate::oauth::issue::{self, OnBehalf, TokenResponse};
use crate::oauth::machine::CodeRedemption;
use crate::oauth::verify;
use crate::protocol::error::{Refusal, invalid_grant};
use crate::protocol::pkce;
use crate::protocol::token_request::GrantType;
use crate::store::Redemption;

/// The one answer for a code that is worth nothing, whatever the reason.
const USELESS: Refusal = invalid_grant("the code is unknown, expired, used, or was issued to another client or redirect URI");

/// Redeems a code, once. A second redemption revokes everything that came of the first
/// (RFC 6749 §4.1.2, RFC 9700 §2.1.1).
///
/// # Errors
/// When the database fails.
pub async fn redeem(
    app: &App,
    client: &AuthenticatedClient,
    code: &str,
    redirect_uri: Option<&str>,
    code_verifier: Option<&str>,
    resource: &[String],
) -> Result<Result<TokenResponse, Refusal>, Fault> {
    let recalled = match verify::authorization_code(app, code) {
        Some(parsed) => recall(app, &parsed.grant_id()).await?,
        None => None,
    };
    let mut recalled = recalled.filter(|found| equal(sha256_text(code).as_bytes(), found.grant.code_hash.as_bytes()));
    let grant = recalled.as_ref().map(|found| &found.grant);
    let now = app.now();
    // The machine compares client, redirect URI and time.
    let bound_uri = redirect_uri
        .or(grant.map(|grant| grant.redirect_uri.as_str()))
        .unwrap_or("http://localhost/");
    let redemption = match CodeRedemption::start(&client.id, code, bound_uri)? {
        Ok(redemption) => redemption,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // A replay must be seen even when the code has expired meanwhile.
    if let Some(Recalled { tx, grant, .. }) = recalled.take_if(|found| is_replay(&found.grant, client)) {
        drop(tx);
        return replayed(app, &grant).await;
    }
    let redeemable = match redemption.recovered(recalled.as_ref().map(|found| &found.grant), now)? {
        Ok(redeemable) => redeemable,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(Recalled {
        mut tx,
        grant,
        user,
        catalog,
        resources,
    }) = recalled
    else {
        return Ok(Err(USELESS));
    };
    if let Err(refusal) = check_binding(&grant, redirect_uri, code_verifier) {
        return Ok(Err(refusal));
    }
    let Some(user) = user else {
        return Ok(Err(invalid_grant("the account of this grant has ended")));
    };
    let scope = redeemable.scope.clone();
    let audience = match audience_of(app, &resources, client, &grant, resource, &scope) {
        Ok(audience) => audience,
        Err(refusal) => return Ok(Err(refusal)),
    };

    let generation = client.allows(GrantType::RefreshToken).then_some(1);
    let lives = app.lifetimes();
    let tokens_end = now + audience.lifetime;
    let refresh_ends = grant.created_at + lives.refresh_token;
    let idle_expires_at = (now + lives.refresh_token_idle).min(refresh_ends);
    let redemption = Redemption {
        now,
        generation: generation.unwrap_or(0),
        idle_expires_at,
        ends_at: refresh_ends,
        expires_at: if generation.is_some() {
            idle_expires_at.max(tokens_end)
        } else {
            tokens_end
        },
    };
    if !tx.consume_code(&grant.id, &redemption).await? {
        // Somebody was first: with the same code, or by revoking the grant.
        let current = tx.grant(&grant.id).await?;
        drop(tx);
        return match current {
            Some(current) if is_replay(&current, client) => replayed(app, &current).await,
            _ => Ok(Err(USELESS)),
        };
    }
    let event = app.event(EventKind::CodeRedeemed).by(Actor::Client(client.id.clone()));
    tx.record(event.subject(&user.id).client(&client.id).target(&grant.id)).await?;
    tx.commit().await?;
    tracing::debug!(
        event = "code_redeemed",
        client = client.id,
        user = user.id,
        grant = grant.id,
        "a code was redeemed"
    );
    let tokens = issue::tokens(
        app,
        client,
        audience,
        &scope,
        Some(&OnBehalf {
            grant: &grant,
            user: &user,
            generation,
            catalog: &catalog,
        }),
    )?;
    redeemable.consumed()?;
    Ok(Ok(tokens))
}

/// Whether the code was used already, by the client that it belongs to.
fn is_replay(grant: &Grant, client: &AuthenticatedClient) -> bool {
    grant.client_id == client.id && grant.code_consumed_at.is_some()
}

/// Revokes what came of the first redemption. This commits although the client gets an error.
async fn replayed(app: &App, grant: &Grant) -> Result<Result<TokenResponse, Refusal>, Fault> {
    revoke_replayed(app, grant, EventKind::CodeReplayed).await?;
    Ok(Err(USELESS))
}

/// The redirect URI byte by byte, and PKCE. Without PKCE a redirect URI that was sent in the
/// authorization request must be sent again (RFC 6749 §4.1.3; OAuth 2.1 §10.2 drops it with PKCE).
fn check_binding(grant: &Grant, redirect_uri: Option<&str>, code_verifier: Option<&str>) -> Result<(), Refusal> {
    match redirect_uri {
        Some(redirect_uri) if redirect_uri != grant.redirect_uri => {
            return Err(invalid_grant("redirect_uri differs from the one of the authorization request"));
        }
        None if grant.code_challenge.is_none() && grant.is_redirect_uri_explicit => {
            return Err(invalid_grant("redirect_uri is missing"));
        }
        _ => {}
    }
    pkce::verify(grant.code_challenge.as_ref(), code_verifier)
}

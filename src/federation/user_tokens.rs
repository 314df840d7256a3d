//! For whom an agent acts: a JWT of that person, verified and never just decoded.

use crate::app::App;
use crate::base::fault::Fault;
use crate::model::user::{User, normalize_email, normalize_username};
use crate::oauth::signatures::is_signed_by_one_of;
use crate::oauth::verify;
use crate::outside::Wanted;
use crate::protocol::user_token::{AccountClaim, UserIssuer, UserToken};

/// The account that a token names: an ID token or access token of this server that is for the client itself, or for an
/// audience that the operator named; or a token of another issuer that the operator trusts. `None` for everything else.
///
/// # Errors
/// When the database fails.
pub async fn account(app: &App, client_id: Option<&str>, token: &str) -> Result<Option<User>, Fault> {
    let user = match own_subject(app, client_id, token).await? {
        Some(sub) => app.store.read().await?.user(&sub).await?,
        None => foreign_account(app, token).await?,
    };
    Ok(user.filter(|user| !user.is_disabled))
}

/// The person of a token by this server.
async fn own_subject(app: &App, client_id: Option<&str>, token: &str) -> Result<Option<String>, Fault> {
    let issuers = &app.config.relay.user_issuers;
    let named = issuers.iter().filter(|trusted| trusted.issuer == app.issuer.as_str());
    let audiences: Vec<&str> = named.map(|trusted| trusted.audience.as_str()).chain(client_id).collect();
    if let Some(sub) = verify::id_token(app, token, &audiences).await? {
        return Ok(Some(sub));
    }
    let Some(live) = verify::access_token_for_anybody(app, token).await? else {
        return Ok(None);
    };
    let claims = live.claims;
    let is_for_us = client_id == Some(claims.client_id.as_str()) || claims.aud.iter().any(|aud| audiences.contains(&aud.as_str()));
    Ok((is_for_us && claims.grant_id().is_some()).then_some(claims.sub))
}

/// The account of a token by another issuer.
async fn foreign_account(app: &App, token: &str) -> Result<Option<User>, Fault> {
    let Some(token) = UserToken::parse(token) else {
        return Ok(None);
    };
    let now = app.now();
    // Nobody is asked for keys because of what a stranger's token says.
    let issuers = app.config.relay.user_issuers.iter();
    let Some(issuer) = issuers
        .filter(|trusted| trusted.issuer != app.issuer.as_str())
        .find(|trusted| token.is_good(trusted, now))
    else {
        return Ok(None);
    };
    if !is_signed(app, issuer, &token).await {
        return Ok(None);
    }
    let Some(name) = token.account(issuer.claim) else {
        return Ok(None);
    };
    let mut connection = app.store.read().await?;
    match issuer.claim {
        AccountClaim::Sub | AccountClaim::PreferredUsername => match normalize_username(name) {
            Ok(name) => connection.user_by_name(&name).await,
            Err(_) => Ok(None),
        },
        AccountClaim::Email => match normalize_email(name) {
            // No account has an empty name.
            Ok(email) => connection.user_by_login("", &email).await,
            Err(_) => Ok(None),
        },
    }
}

async fn is_signed(app: &App, issuer: &UserIssuer, token: &UserToken) -> bool {
    let (fetch, now) = (&app.operator_fetch, app.now());
    let found = app.issuers.jwks_uri(fetch, &issuer.issuer, &issuer.metadata_url(), now).await;
    let jwks_uri = match found {
        Ok(jwks_uri) => jwks_uri,
        Err(error) => {
            tracing::warn!(
                event = "issuer_not_read",
                issuer = issuer.issuer,
                "the metadata of an issuer could not be read: {error}"
            );
            return false;
        }
    };
    let wanted = Wanted {
        url: &jwks_uri,
        kid: token.kid.as_deref(),
        algorithm: token.algorithm,
        is_vouched_for: true,
    };
    // What goes wrong there is in the log.
    let keys = app.key_sets.with_key(fetch, wanted, now).await;
    keys.is_ok_and(|keys| is_signed_by_one_of(&keys, &token.jwt, token.kid.as_deref(), token.algorithm))
}

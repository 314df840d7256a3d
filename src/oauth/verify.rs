//! The single check: every token that comes back is verified here.

use jsonwebtoken::decode_header;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::keys::signing::{TYP_ACCESS_TOKEN, TYP_ID_TOKEN};
use crate::protocol::scope::Scope;
use crate::protocol::tokens::{ACCESS_TOKEN_PREFIX, RefreshToken};
use crate::store::TokenPerson;

use super::issue::{AccessTokenClaims, OPAQUE_CONTEXT, refresh_mac};

/// The longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 16_384;

/// An access token that is authentic and alive.
#[derive(Clone, Debug)]
pub struct LiveToken {
    /// What it says
    pub claims: AccessTokenClaims,
    /// Its scope, parsed
    pub scope: Scope,
    /// Who it speaks for; nobody where a client got it for itself
    pub person: Option<TokenPerson>,
}

/// Checks an access token that is presented to this server itself: as [`access_token_for_anybody`], and
/// that it is for this server. A token for another resource is worth nothing here (RFC 8707 §3).
///
/// # Errors
/// When the database fails.
pub async fn access_token(app: &App, token: &str) -> Result<Option<LiveToken>, Fault> {
    let live = access_token_for_anybody(app, token).await?;
    Ok(live.filter(|live| live.claims.aud.iter().any(|audience| audience == app.issuer.as_str())))
}

/// Checks an access token wholly, whatever resource it is for: signature or seal, `typ`, issuer, time, and that
/// neither it nor its grant, user or client has ended. `None` for everything else, without saying why.
///
/// # Errors
/// When the database fails.
pub async fn access_token_for_anybody(app: &App, token: &str) -> Result<Option<LiveToken>, Fault> {
    let Some(claims) = authentic_access_token(app, token).await? else {
        return Ok(None);
    };
    if claims.exp <= app.now() {
        return Ok(None);
    }
    let Ok(scope) = Scope::stored(&claims.scope) else {
        return Ok(None);
    };
    let mut connection = app.store.read().await?;
    let (jti, client_id) = (&claims.jti, &claims.client_id);
    let person = match (claims.grant_id(), claims.generation()) {
        (Some(grant_id), _) => match connection.person_of_token(jti, client_id, grant_id, &claims.sub).await? {
            Some(person) => Some(person),
            None => return Ok(None),
        },
        (None, Some(generation)) if connection.is_token_of_client_alive(jti, client_id, generation).await? => None,
        (None, _) => return Ok(None),
    };
    Ok(Some(LiveToken { claims, scope, person }))
}

/// Whether we made this access token, alive or not: enough to revoke it.
///
/// # Errors
/// When the database fails.
pub async fn authentic_access_token(app: &App, token: &str) -> Result<Option<AccessTokenClaims>, Fault> {
    if token.len() > MAX_TOKEN {
        return Ok(None);
    }
    let claims: Option<AccessTokenClaims> = match token.strip_prefix(ACCESS_TOKEN_PREFIX) {
        Some(sealed) => app
            .secrets
            .access_token
            .open(OPAQUE_CONTEXT, sealed)
            .and_then(|plain| serde_json::from_slice(&plain).ok()),
        None => jwt(app, token, TYP_ACCESS_TOKEN).await?,
    };
    Ok(claims.filter(|claims| claims.iss == app.issuer.as_str()))
}

/// Verifies the signature of one of our JWTs. Our keys know how their tokens begin; a token that begins otherwise is not
/// ours. Time and audience are for whoever asks: with our clock, and by what the token is presented for.
pub(super) async fn jwt<T: DeserializeOwned>(app: &App, token: &str, typ: &str) -> Result<Option<T>, Fault> {
    let now = app.now();
    let mut ring = app.keys.current();
    if ring.heading(token, typ, now).is_none() {
        let kid = decode_header(token).ok().and_then(|header| header.kid);
        if kid.is_none_or(|kid| ring.verifier(&kid, now).is_some()) {
            return Ok(None);
        }
        // Another node may have rotated.
        app.keys.refresh_for_unknown_kid(&app.store, now).await?;
        ring = app.keys.current();
    }
    let claims = ring.heading(token, typ, now).and_then(|key| key.claims(token));
    Ok(claims.and_then(|claims| serde_json::from_slice(&claims).ok()))
}

#[derive(Clone, Deserialize)]
struct IdTokenClaims {
    iss: String,
    sub: String,
    aud: String,
    exp: Timestamp,
}

/// The subject of an ID token that we issued to one of these clients and that has not expired; `None` for everything
/// else.
///
/// # Errors
/// When the database fails.
pub async fn id_token(app: &App, token: &str, audiences: &[&str]) -> Result<Option<String>, Fault> {
    let claims = own_id_token(app, token).await?;
    Ok(claims
        .filter(|claims| audiences.contains(&claims.aud.as_str()) && claims.exp > app.now())
        .map(|claims| claims.sub))
}

async fn own_id_token(app: &App, token: &str) -> Result<Option<IdTokenClaims>, Fault> {
    if token.len() > MAX_TOKEN {
        return Ok(None);
    }
    let claims: Option<IdTokenClaims> = jwt(app, token, TYP_ID_TOKEN).await?;
    Ok(claims.filter(|claims| claims.iss == app.issuer.as_str()))
}

/// The subject of an `id_token_hint` that we issued to this client, expired or not (OpenID Connect
/// Core §3.1.2.1); `None` for everything else.
///
/// # Errors
/// When the database fails.
pub async fn id_token_hint(app: &App, token: &str, client_id: &str) -> Result<Option<String>, Fault> {
    let claims = own_id_token(app, token).await?;
    Ok(claims.filter(|claims| claims.aud == client_id).map(|claims| claims.sub))
}

/// A code that we made; whether it is still worth something is for the grant to say.
#[must_use]
pub fn authorization_code(app: &App, code: &str) -> Option<AuthorizationCode> {
    AuthorizationCode::parse(code).filter(|code| app.secrets.code.iter().any(|key| code.is_authentic(key)))
}

/// A refresh token that we made; whether it is the current one is for the grant to say.
#[must_use]
pub fn refresh_token(app: &App, token: &str) -> Option<RefreshToken> {
    let is_by = |token: &RefreshToken, key| token.is_authentic(|grant, generation| refresh_mac(key, grant, generation));
    RefreshToken::parse(token).filter(|token| app.secrets.refresh_token.iter().any(|key| is_by(token, key)))
}

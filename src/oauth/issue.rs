//! The single mint: every access token, ID token and refresh token is made here.

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::digest::MacKey;
use crate::base::encoding::base64url;
use crate::base::fault::Fault;
use crate::keys::signing::{KeyPair, TYP_ACCESS_TOKEN, TYP_ID_TOKEN};
use crate::model::client::{AccessTokenFormat, Client};
use crate::model::grant::Grant;
use crate::model::scope::ScopeCatalog;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::user::User;
use crate::protocol::scope::Scope;
use crate::protocol::tokens::{ACCESS_TOKEN_PREFIX, RefreshToken};

use super::resources::Audience;

/// The authentication context class of a password sign-in.
pub const ACR_PASSWORD: &str = "urn:gatehouse:acr:password";

/// What an opaque token is sealed for.
pub(super) const OPAQUE_CONTEXT: &[u8] = b"access token";

/// The claims of an access token (RFC 9068 §2.2), signed or sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// Issuer
    pub iss: String,
    /// The user, or the client itself
    pub sub: String,
    /// Who it is for
    pub aud: Vec<String>,
    /// Until when
    pub exp: Timestamp,
    /// Since when
    pub iat: Timestamp,
    /// Its name: the grant's id and a random part, or a random part and the generation of the client's own tokens
    pub jti: String,
    /// Who may use it
    pub client_id: String,
    /// What for
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// When the person proved who they are
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    /// How well
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
}

impl AccessTokenClaims {
    /// The grant that the token belongs to; `None` for a token of the client itself.
    #[must_use]
    pub fn grant_id(&self) -> Option<&str> {
        self.jti.split_once('.').map(|(grant, _)| grant)
    }

    /// The generation of a token of the client itself.
    #[must_use]
    pub fn generation(&self) -> Option<i64> {
        self.jti.split_once('~')?.1.parse().ok()
    }
}

/// A successful answer of the token endpoint (RFC 6749 §5.1). It holds secrets: no `Debug`.
#[derive(Serialize)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
}

/// The person behind a token.
pub struct OnBehalf<'a> {
    /// What they granted
    pub grant: &'a Grant,
    /// Who they are
    pub user: &'a User,
    /// The generation of the refresh token to hand out, if any
    pub generation: Option<u32>,
    /// What scopes mean
    pub catalog: &'a ScopeCatalog,
}

/// Makes the tokens of one answer: an access token for `audience`, and what else belongs to `scope`, which is what
/// was granted.
///
/// # Errors
/// When there is no key to sign with.
pub fn tokens(
    app: &App,
    client: &Client,
    audience: Audience,
    scope: &Scope,
    on_behalf: Option<&OnBehalf<'_>>,
) -> Result<TokenResponse, Fault> {
    let now = app.now();
    let key = signer(app, client.signing_algorithm, now)?;
    let lifetime = audience.lifetime;
    let access_token = access_token(app, &key, client, &audience, on_behalf.map(|person| person.grant), now)?;
    let (refresh_token, id_token) = match on_behalf {
        Some(person) => (
            person
                .generation
                .map(|generation| refresh_token(app, &person.grant.id, generation))
                .transpose()?,
            scope
                .contains("openid")
                .then(|| id_token(app, &key, client, scope, person, &access_token, now))
                .transpose()?,
        ),
        None => (None, None),
    };
    Ok(TokenResponse {
        access_token,
        token_type: "Bearer",
        expires_in: lifetime,
        refresh_token,
        id_token,
        scope: audience.scope.to_string(),
    })
}

fn signer(app: &App, algorithm: SigningAlgorithm, now: Timestamp) -> Result<std::sync::Arc<KeyPair>, Fault> {
    app.keys.current().signer(algorithm, now).cloned().ok_or_else(|| {
        Fault::internal(format!(
            "there is no {algorithm} key to sign with: run gatehouse key rotate --now --algorithm {algorithm}"
        ))
    })
}

fn access_token(
    app: &App,
    key: &KeyPair,
    client: &Client,
    audience: &Audience,
    grant: Option<&Grant>,
    now: Timestamp,
) -> Result<String, Fault> {
    let random = base64url(&app.random.bytes::<16>());
    let claims = AccessTokenClaims {
        iss: app.issuer.as_str().to_owned(),
        sub: grant.map_or_else(|| client.id.clone(), |grant| grant.user_id.clone()),
        aud: audience.identifiers.clone(),
        exp: now + audience.lifetime,
        iat: now,
        jti: match grant {
            Some(grant) => format!("{}.{random}", grant.id),
            // That of the row by which the client was authenticated: what ended meanwhile, ends this token, too.
            None => format!("{random}~{}", client.token_generation),
        },
        client_id: client.id.clone(),
        scope: audience.scope.to_string(),
        auth_time: grant.map(|grant| grant.auth_time),
        acr: grant.map(|_| ACR_PASSWORD.to_owned()),
    };
    let claims = serde_json::to_vec(&claims).map_err(Fault::internal)?;
    match audience.format {
        AccessTokenFormat::Jwt => key.sign(TYP_ACCESS_TOKEN, &claims),
        AccessTokenFormat::Opaque => {
            let sealed = app.secrets.access_token.seal(&app.random, OPAQUE_CONTEXT, &claims)?;
            Ok(format!("{ACCESS_TOKEN_PREFIX}{sealed}"))
        }
    }
}

/// The refresh token of a generation: the same text whenever it is asked for.
fn refresh_token(app: &App, grant_id: &str, generation: u32) -> Result<String, Fault> {
    RefreshToken::new(grant_id, generation, |grant, generation| {
        refresh_mac(app.secrets.refresh_token.newest(), grant, generation)
    })
    .map(|token| token.to_text())
    .ok_or_else(|| Fault::internal("a grant's id is not an id"))
}

/// The MAC of a refresh token; [`super::verify::refresh_token`] computes it again.
pub(super) fn refresh_mac(key: &MacKey, grant: &[u8; 16], generation: u32) -> [u8; 32] {
    key.mac(&[grant, &generation.to_be_bytes()])
}

/// An ID token (OpenID Connect Core §2, §3.1.3.6).
fn id_token(
    app: &App,
    key: &KeyPair,
    client: &Client,
    scope: &Scope,
    person: &OnBehalf<'_>,
    access_token: &str,
    now: Timestamp,
) -> Result<String, Fault> {
    let OnBehalf { grant, user, catalog, .. } = person;
    let mut claims = Map::new();
    let reachable = catalog.reachable_claims(client, user);
    let asked = grant
        .claims
        .id_token
        .keys()
        .map(String::as_str)
        .filter(|name| reachable.contains(name));
    for name in catalog.claims(scope).into_iter().chain(asked) {
        if let Some(value) = user.claim(name) {
            claims.insert(name.to_owned(), value);
        }
    }
    // The protocol's own claims come last, so that nothing about the user can stand in their place.
    let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    set("iss", json!(app.issuer.as_str()));
    set("sub", json!(user.id));
    set("aud", json!(client.id));
    set("azp", json!(client.id));
    set("exp", json!(now + app.lifetimes().id_token));
    set("iat", json!(now));
    set("auth_time", json!(grant.auth_time));
    set("acr", json!(ACR_PASSWORD));
    set("amr", json!(grant.amr));
    set("sid", json!(grant.session_id));
    set("at_hash", json!(at_hash(key.record.algorithm, access_token)));
    if let Some(nonce) = &grant.nonce {
        set("nonce", json!(nonce));
    }
    key.sign(TYP_ID_TOKEN, &serde_json::to_vec(&claims).map_err(Fault::internal)?)
}

/// The left half of the digest that belongs to the signature algorithm (OpenID Connect Core
/// §3.1.3.6); Ed25519's is SHA-512.
fn at_hash(algorithm: SigningAlgorithm, access_token: &str) -> String {
    let algorithm = match algorithm {
        SigningAlgorithm::Rs256 | SigningAlgorithm::Es256 => &digest::SHA256,
        SigningAlgorithm::EdDsa => &digest::SHA512,
    };
    let digest = digest::digest(algorithm, access_token.as_bytes());
    let digest = digest.as_ref();
    base64url(&digest[..digest.len() / 2])
}

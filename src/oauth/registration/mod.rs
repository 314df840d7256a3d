//! Clients that register themselves (RFC 7591, OpenID Connect Registration 1.0) and look after their
//! registration (RFC 7592).
//!
//! | file | what it does |
//! |---|---|
//! | `mod` | who may register; a registration from the body to the row |
//! | `policy` | what such a client may have of what it asks for |
//! | `information` | the answer: everything that is registered |
//! | `manage` | reading, replacing and removing a registration with its own token |
//! | `idle` | removing what nobody uses, so that registrations do not pile up |
//!
//! Nobody has looked at such a client. So people are always asked about it, its codes always need PKCE, its tokens
//! live briefly, and it learns nothing about tokens of others.

mod idle;
mod information;
mod manage;
mod policy;

use serde_json::{Value, json};

use crate::app::App;
use crate::audit;
use crate::base::again::when_undone;
use crate::base::clock::Seconds;
use crate::base::digest::sha256_text;
use crate::base::encoding::base64url;
use crate::base::fault::Fault;
use crate::base::network::network_of;
use crate::config::RegistrationPolicy;
use crate::identity::quota::Quota;
use crate::identity::throttle::Attempt;
use crate::model::client::{Client, ClientOrigin, ClientSettings};
use crate::model::event::{Event, EventKind};
use crate::model::initial_access_token::InitialAccessToken;
use crate::protocol::error::{ErrorCode, Refusal};
use crate::protocol::registration::{ClientMetadata, SelfDescription};

use super::clients::{self, ClientError, NewClient};
use super::initial_access_tokens;

pub use idle::{Position, Reaped, UNUSED_LIFETIME, reap};
pub use manage::{delete, read, replace};

use information::{Secrets, information};

/// What every registration access token begins with.
const TOKEN_PREFIX: &str = "ghm_";

/// Why nothing is registered, shown or changed.
#[derive(Debug)]
pub enum Denied {
    /// The operator has turned registration off
    Off,
    /// An initial access token is needed
    NoInitialToken,
    /// The token of the registration is needed
    NoToken,
    /// An operator has turned this client off
    Disabled,
    /// Too many wrong tokens came from this network; seconds until the next is looked at
    Throttled(Seconds),
    /// More is registered or changed than may be; seconds until there is room again
    TooMany(Seconds),
    /// Somebody else changed the registration at the same moment
    Changed,
    /// What was sent is wrong
    Refusal(Refusal),
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

/// Registers a client: the client information response (RFC 7591 §3.2.1). `presented` is the initial access
/// token; where everybody may register, it is not looked at.
///
/// # Errors
/// When the database fails.
pub async fn register(app: &App, presented: Option<&str>, body: &[u8]) -> Result<Result<Value, Denied>, Fault> {
    let token = match app.live().registration_policy() {
        RegistrationPolicy::Off => {
            tracing::info!(
                event = "registration_refused",
                "a client wanted to register, and registration is off"
            );
            return Ok(Err(Denied::Off));
        }
        RegistrationPolicy::Open => None,
        RegistrationPolicy::Token => {
            let Some(presented) = presented else {
                tracing::info!(
                    event = "registration_refused",
                    "a client wanted to register without an initial access token, and registration is token"
                );
                return Ok(Err(Denied::NoInitialToken));
            };
            match initial_access_tokens::find(app, presented).await? {
                Some(token) if token.is_usable(app.now()) => Some(token),
                Some(_) => return spent_token(app).await.map(Err),
                None => return wrong_token(app, WRONG_INITIAL, None).await.map(Err),
            }
        }
    };
    let address = app.context().address.clone().unwrap_or_default();
    let quota = Quota::of_registration(app, Some(address.as_str()).filter(|_| token.is_none()));
    let exceeded = quota.exceeded_for(&mut app.store.read().await?, app.now()).await?;
    if let Some(seconds) = exceeded {
        return too_many(app, seconds, None).await.map(Err);
    }
    let metadata = match ClientMetadata::parse(body) {
        Ok(metadata) => metadata,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let offer = {
        let mut connection = app.store.read().await?;
        policy::offer_to_new(&app.live(), &connection.scopes().await?, connection.resources().await?)
    };
    let settings = match policy::settings(&metadata, offer) {
        Ok(settings) => settings,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    when_undone(async || write(app, token.as_ref(), &quota, &address, &settings, &metadata.about).await).await
}

/// Uses the token, makes room, and writes the client: all of it or nothing.
async fn write(
    app: &App,
    token: Option<&InitialAccessToken>,
    quota: &Quota,
    address: &str,
    settings: &ClientSettings,
    about: &SelfDescription,
) -> Result<Result<Value, Denied>, Fault> {
    let now = app.now();
    let mark = mark(app, address, settings, about);
    let registration_token = format!("{TOKEN_PREFIX}{}", app.random.secret());
    let mut tx = app.store.begin().await?;
    if let Some(token) = token
        && !tx.use_initial_access_token(&token.id, now).await?
    {
        // Somebody else had the last use of it a moment ago.
        drop(tx);
        return spent_token(app).await.map(Err);
    }
    if let Some(seconds) = quota.spend(&mut tx, now).await? {
        drop(tx);
        return too_many(app, seconds, None).await.map(Err);
    }
    idle::make_room(app, &mut tx, &mark).await?;
    let new = NewClient {
        id: None,
        secret: None,
        settings: settings.clone(),
    };
    let origin = |client: &mut Client| {
        client.origin = ClientOrigin::Registration;
        client.registration_token_hash = Some(sha256_text(&registration_token));
        client.registration_mark = Some(mark.clone());
    };
    let told = |event: Event| match token {
        Some(token) => event.target(&token.id),
        None => event,
    };
    let registered = match clients::register_as(app, &mut tx, new, origin, told).await {
        Ok(registered) => registered,
        Err(ClientError::Invalid(invalid)) => return Ok(Err(policy::refused(&invalid).into())),
        Err(ClientError::Fault(fault)) => return Err(fault),
        Err(ClientError::Taken | ClientError::Changed) => return Err(Fault::internal("a new id is taken")),
    };
    tx.describe_client(&registered.client.id, about).await?;
    tx.commit().await?;
    tracing::info!(
        event = "client_registered",
        client = registered.client.id,
        "a client registered itself"
    );
    let secrets = Secrets {
        client_secret: registered.secret.as_deref(),
        registration_token: &registration_token,
    };
    Ok(Ok(information(app, &registered.client, about, &secrets)))
}

/// What registrations have in common that look the same and come from the same place: a MAC, as with counters, so
/// that the row does not hold the address.
fn mark(app: &App, address: &str, settings: &ClientSettings, about: &SelfDescription) -> String {
    let (network, looks) = (network_of(address), json!([settings, about]).to_string());
    let parts: [&[u8]; 3] = [b"registration mark", network.as_bytes(), looks.as_bytes()];
    base64url(&app.secrets.throttle.mac(&parts))
}

const WRONG_INITIAL: &str = "the initial access token is unknown, expired or used up";

/// Counts and records a wrong token; `client` is the one whose registration somebody wanted.
async fn wrong_token(app: &App, description: &'static str, client: Option<&str>) -> Result<Denied, Fault> {
    let attempt = Attempt::with_registration_token(app, app.context().address.as_deref().unwrap_or_default());
    let now = app.now();
    // Tokens have 256 random bits, so right ones are never refused for the mistakes of others at the same address.
    let blocked_for = attempt.blocked_for(&mut app.store.read().await?, now).await?;
    if let Some(seconds) = blocked_for {
        return Ok(Denied::Throttled(seconds));
    }
    let mut tx = app.store.begin().await?;
    attempt.failed(&mut tx, now).await?;
    tx.commit().await?;
    note_refused(app, "wrong token", client).await?;
    Ok(Denied::Refusal(Refusal::new(ErrorCode::InvalidToken, description)))
}

/// Records a token that was right once. Whoever presents it knows it, so it is no guess that counts.
async fn spent_token(app: &App) -> Result<Denied, Fault> {
    note_refused(app, "spent token", None).await?;
    Ok(Denied::Refusal(Refusal::new(ErrorCode::InvalidToken, WRONG_INITIAL)))
}

async fn too_many(app: &App, seconds: Seconds, client: Option<&str>) -> Result<Denied, Fault> {
    note_refused(app, "too many", client).await?;
    Ok(Denied::TooMany(seconds))
}

async fn note_refused(app: &App, reason: &str, client: Option<&str>) -> Result<(), Fault> {
    let event = app.event(EventKind::RegistrationRefused).refused().detail("reason", reason);
    let event = match client {
        Some(id) => event.client(id),
        None => event,
    };
    audit::record_seldom(app, event).await
}

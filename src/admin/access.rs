//! Who may administer, and whether only to look.
//!
//! | shown | may |
//! |---|---|
//! | the admin token, in a header or by the session that it began | everything |
//! | the session of a user with the role `admin` | everything |
//! | the session of a user with the role `auditor` | look |
//! | an access token that a client got for itself, with scope `admin:write` | everything |
//! | the same with scope `admin:read` | look |
//!
//! A token that acts for a person never administers, whatever its scope: the person did not ask for it.

use crate::app::App;
use crate::audit;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::fault::Fault;
use crate::base::redacted::redacted;
use crate::identity::admin_token::{self, Verdict};
use crate::identity::operator;
use crate::identity::session::SignedIn;
use crate::model::event::{Actor, EventKind};
use crate::model::user::{ADMIN_ROLE, AUDITOR_ROLE};
use crate::oauth::verify;
use crate::protocol::claims::{ADMIN_READ, ADMIN_WRITE};
use crate::protocol::token_request::GrantType;
use crate::protocol::tokens::ACCESS_TOKEN_PREFIX;

/// For how long after proving who they are a person may do what is dangerous, in seconds.
pub const FRESH: Seconds = 900;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rights {
    /// Look
    Read,
    /// Everything
    Write,
}

/// Somebody who may administer.
#[derive(Clone, Debug)]
pub struct Administrator {
    /// Who that is
    pub actor: Actor,
    /// What they may do
    pub rights: Rights,
    /// The session at a browser, if it is one: forms are bound to it
    pub session_id: Option<String>,
    /// When the person at the browser proved who they are
    pub auth_time: Option<Timestamp>,
    /// What pages call them
    pub name: String,
}

impl Administrator {
    /// Whether they proved who they are just now; programs do with every request.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.auth_time.is_none_or(|auth_time| now - auth_time <= FRESH)
    }
}

/// What was shown with a request.
#[derive(Clone, Copy, Default)]
pub struct Shown<'a> {
    /// `X-Admin-Token`
    pub admin_token: Option<&'a str>,
    /// `Authorization: Bearer`
    pub bearer: Option<&'a str>,
    /// The cookie of a session that the admin token began
    pub operator: Option<&'a str>,
    /// Who is signed in at the browser
    pub visitor: Option<&'a SignedIn>,
}

redacted!(Shown<'_>);

/// Somebody who is known, and no administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// Who asks
    actor: Actor,
    /// The person for whom they act, by id
    on_behalf: Option<String>,
}

/// Why somebody may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nothing was shown
    Nobody,
    /// A token is wrong
    Wrong,
    /// Too many wrong admin tokens; try again after so many seconds
    Throttled(Seconds),
    /// It is known who it is, and that is no administrator
    NoAdministrator(Stranger),
}

/// Finds out who administers. A header goes before a cookie: whoever sends one means it.
///
/// # Errors
/// When the database fails.
pub async fn authenticate(app: &App, shown: Shown<'_>) -> Result<Result<Administrator, Denied>, Fault> {
    if let Some(token) = shown.admin_token {
        return by_admin_token(app, token).await;
    }
    if let Some(token) = shown.bearer {
        return if looks_like_an_access_token(token) {
            by_access_token(app, token).await
        } else {
            by_admin_token(app, token).await
        };
    }
    if let Some(cookie) = shown.operator
        && let Some(session) = operator::find(app, cookie).await?
    {
        return Ok(Ok(Administrator {
            actor: Actor::AdminToken,
            rights: Rights::Write,
            auth_time: Some(session.auth_time),
            session_id: Some(session.id),
            name: "Admin token".to_owned(),
        }));
    }
    let Some(visitor) = shown.visitor else {
        return Ok(Err(Denied::Nobody));
    };
    let has = |role: &str| visitor.user.roles.iter().any(|held| held == role);
    let rights = match (has(ADMIN_ROLE), has(AUDITOR_ROLE)) {
        (true, _) => Rights::Write,
        (false, true) => Rights::Read,
        (false, false) => return Ok(refused(Actor::User(visitor.user.id.clone()), None)),
    };
    Ok(Ok(Administrator {
        actor: Actor::User(visitor.user.id.clone()),
        rights,
        session_id: Some(visitor.session.id.clone()),
        auth_time: Some(visitor.session.auth_time),
        name: visitor.user.display_name().to_owned(),
    }))
}

async fn by_admin_token(app: &App, token: &str) -> Result<Result<Administrator, Denied>, Fault> {
    Ok(match admin_token::verify_throttled(app, token).await? {
        Verdict::Right => Ok(Administrator {
            actor: Actor::AdminToken,
            rights: Rights::Write,
            session_id: None,
            auth_time: None,
            name: "Admin token".to_owned(),
        }),
        Verdict::Wrong => Err(Denied::Wrong),
        Verdict::Throttled(seconds) => Err(Denied::Throttled(seconds)),
    })
}

async fn by_access_token(app: &App, token: &str) -> Result<Result<Administrator, Denied>, Fault> {
    let Some(live) = verify::access_token(app, token).await? else {
        return Ok(Err(Denied::Wrong));
    };
    let by_client = Actor::Client(live.claims.client_id.clone());
    if live.claims.grant_id().is_some() {
        return Ok(refused(by_client, Some(live.claims.sub)));
    }
    // What the client may have now counts, not what it had when the token was made.
    let client = app.store.read().await?.client(&live.claims.client_id).await?;
    let Some(client) = client.filter(|client| client.allows(GrantType::ClientCredentials)) else {
        return Ok(refused(by_client, None));
    };
    let scope = live.scope.intersection(&client.scope);
    let rights = if scope.contains(ADMIN_WRITE) {
        Rights::Write
    } else if scope.contains(ADMIN_READ) {
        Rights::Read
    } else {
        return Ok(refused(by_client, None));
    };
    Ok(Ok(Administrator {
        actor: by_client,
        rights,
        session_id: None,
        auth_time: None,
        name: live.claims.client_id,
    }))
}

fn refused(actor: Actor, on_behalf: Option<String>) -> Result<Administrator, Denied> {
    Err(Denied::NoAdministrator(Stranger { actor, on_behalf }))
}

/// Notes that somebody who is known, and no administrator, wanted to administer: that is worth a look.
///
/// # Errors
/// When the database fails.
pub async fn note_stranger(app: &App, stranger: &Stranger) -> Result<(), Fault> {
    let event = app.event(EventKind::AdminRefused).refused().by(stranger.actor.clone());
    let event = match &stranger.on_behalf {
        Some(user_id) => event.subject(user_id),
        None => event,
    };
    audit::record_seldom(app, event).await
}

/// Notes that an administrator who may only look wanted to change something.
///
/// # Errors
/// When the database fails.
pub async fn note_read_only(app: &App, administrator: &Administrator, path: &str) -> Result<(), Fault> {
    let event = app.event(EventKind::AdminRefused).refused().by(administrator.actor.clone());
    audit::record_seldom(app, event.target(path)).await
}

/// Ours begin with a prefix or are JWTs; an admin token that an operator chose does neither.
fn looks_like_an_access_token(token: &str) -> bool {
    token.starts_with(ACCESS_TOKEN_PREFIX) || (token.starts_with("eyJ") && token.matches('.').count() == 2)
}

//! Taking back at providers what is gone here, when its person, agent, client or provider was removed, or because the
//! provider did not answer.
//!
//! ```text
//! removed ──▶ a row with the sealed tokens, in the same transaction ──▶ one of all nodes has it ──▶ the provider ──▶ done
//!                          ▲ later, for a week at most ◀── it does not answer ◀──────────────────────┘
//! ```

use futures_util::StreamExt;

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::federation::upstream::UpstreamError;
use crate::keys::envelope::Unopened;
use crate::model::connection::Tokens;
use crate::model::event::EventKind;
use crate::model::provider::Provider;
use crate::model::upstream_revocation::UpstreamRevocation;
use crate::store::NewTokens;

use super::{Line, about_what, note_trouble};

/// For how long somebody has one alone, in seconds: longer than metadata, a refresh and the revocation may take, and than
/// clocks of nodes differ.
pub(super) const LEASE: Seconds = 120;
/// How many are looked at in one go.
const BATCH: u16 = 100;
/// How many are taken back at once: requests of people and agents come first.
const AT_ONCE: usize = 4;
/// The first time that is waited after a failure, in seconds; it doubles each time.
const FIRST_BACK_OFF: Seconds = 60;
/// The longest, in seconds.
const MAX_BACK_OFF: Seconds = 6 * 3600;
/// After how long it is given up, in seconds.
pub const PATIENCE: Seconds = 7 * 86_400;

const NO_WAY: &str = "the provider has no way to take tokens back";
const DAMAGED: &str = "the tokens do not open";
const NO_PROVIDER: &str = "the provider is not there";

/// What an attempt came to.
#[derive(Debug)]
pub(super) enum Attempt {
    /// Nothing of it lives at the provider, for all that is known
    Done,
    /// The provider cannot do that: its page where people do it themselves, if there is one
    NoWay(Option<&'static str>),
    /// The tokens do not open, and never will
    Damaged,
    /// Not now
    NotNow {
        /// Why, for log and audit
        problem: String,
        /// After how many seconds it can be tried again, where the provider says so
        retry_after: Option<Seconds>,
        /// Whether nobody needs to ask this provider now
        is_for_all: bool,
        /// Nobody was asked: it is no failure
        is_busy: bool,
        /// The provider's page where people do it themselves, if there is one
        account_page: Option<&'static str>,
    },
}

impl Attempt {
    fn not_now(problem: impl Into<String>) -> Self {
        Self::NotNow {
            problem: problem.into(),
            retry_after: None,
            is_for_all: false,
            is_busy: false,
            account_page: None,
        }
    }

    fn after(error: &UpstreamError, account_page: Option<&'static str>) -> Self {
        Self::NotNow {
            problem: error.to_string(),
            retry_after: match error {
                UpstreamError::Limited(seconds) => *seconds,
                _ => None,
            },
            is_for_all: matches!(error, UpstreamError::Limited(_) | UpstreamError::Away(_)),
            is_busy: *error == UpstreamError::Busy,
            account_page,
        }
    }
}

/// Takes back what can be taken back now; how many that were.
///
/// # Errors
/// When the database fails; the rest is tried again.
pub async fn work(app: &App) -> Result<u64, Fault> {
    let mut done = 0;
    loop {
        let due = app.store.read().await?.due_revocations(app.now(), BATCH).await?;
        if due.is_empty() {
            break;
        }
        let attempts = futures_util::stream::iter(due).map(|revocation| one(app, revocation));
        let outcomes: Vec<Result<Turn, Fault>> = attempts.buffer_unordered(AT_ONCE).collect().await;
        let mut is_any = false;
        for outcome in outcomes {
            let turn = outcome?;
            is_any |= turn != Turn::SomebodyElses;
            done += u64::from(turn == Turn::Over);
        }
        if !is_any {
            break;
        }
    }
    if app.store.read().await?.has_former_providers().await? {
        let mut tx = app.store.begin().await?;
        tx.forget_former_providers().await?;
        tx.commit().await?;
    }
    Ok(done)
}

/// What became of one.
#[derive(PartialEq, Eq)]
enum Turn {
    /// It is over
    Over,
    /// It is tried again
    Later,
    /// Another node has it, or its provider is left alone
    SomebodyElses,
}

async fn one(app: &App, revocation: UpstreamRevocation) -> Result<Turn, Fault> {
    let holder = new_id(&app.clock, &app.random);
    let mut tx = app.store.begin().await?;
    let now = app.now();
    if !tx.hold_revocation(revocation.id(), &holder, now, now + LEASE).await? {
        return Ok(Turn::SomebodyElses);
    }
    tx.commit().await?;
    // It may have another provider, or other tokens, than a moment ago.
    let Some(revocation) = app.store.read().await?.revocation(revocation.id()).await? else {
        return Ok(Turn::SomebodyElses);
    };
    let attempt = attempt(app, &revocation).await?;
    if settle(app, &revocation, &attempt).await? {
        return Ok(Turn::Over);
    }
    let Attempt::NotNow {
        problem,
        retry_after,
        is_for_all,
        is_busy,
        ..
    } = attempt
    else {
        return Ok(Turn::Over);
    };
    let now = app.now();
    let back_off = match retry_after {
        _ if is_busy => FIRST_BACK_OFF,
        Some(seconds) => seconds,
        None => (FIRST_BACK_OFF << revocation.failures.clamp(0, 10)).min(MAX_BACK_OFF),
    };
    let mut tx = app.store.begin().await?;
    tx.put_off_revocation(revocation.id(), &holder, now + back_off, !is_busy).await?;
    if is_for_all {
        let rest = retry_after.unwrap_or(FIRST_BACK_OFF);
        tx.put_off_revocations_like(&revocation, now, now + rest).await?;
    }
    tx.commit().await?;
    tracing::warn!(event = "not_taken_back", connection = revocation.id(), "{problem}");
    Ok(Turn::Later)
}

/// Takes something back at its provider.
///
/// # Errors
/// When the database fails.
pub(super) async fn attempt(app: &App, revocation: &UpstreamRevocation) -> Result<Attempt, Fault> {
    let provider = {
        let mut reader = app.store.read().await?;
        match &revocation.former_provider {
            None => reader.provider(&revocation.binding.provider_id).await?,
            Some(former) => reader.former_provider(former).await?,
        }
    };
    // Tokens of one provider are not for another one, whatever a row says.
    let Some(provider) = provider.filter(|provider| provider.id == revocation.binding.provider_id) else {
        return Ok(Attempt::not_now(NO_PROVIDER));
    };
    let tokens = match app.envelope.open(&revocation.binding, &revocation.tokens) {
        Ok(tokens) => tokens,
        Err(problem) => {
            tracing::error!(event = "connection_not_opened", connection = revocation.id(), "{problem}");
            return Ok(match problem {
                Unopened::KeyMissing(_) => Attempt::not_now(problem.to_string()),
                Unopened::Damaged => Attempt::Damaged,
            });
        }
    };
    let line = match Line::to(app, &provider).await? {
        Ok(line) => line,
        Err(trouble) => return Ok(Attempt::not_now(trouble.to_string())),
    };
    let account_page = line.profile.account_page;
    let tokens = match alive(app, &line, revocation, tokens).await? {
        Ok(tokens) => tokens,
        Err(UpstreamError::Dead(_)) => return Ok(Attempt::Done),
        Err(error) => return Ok(failed(&provider, &error, account_page)),
    };
    Ok(match line.upstream(app).revoke(&tokens).await? {
        Ok(true) => Attempt::Done,
        Ok(false) => Attempt::NoWay(account_page),
        Err(error) => failed(&provider, &error, account_page),
    })
}

fn failed(provider: &Provider, error: &UpstreamError, account_page: Option<&'static str>) -> Attempt {
    note_trouble(provider, error);
    Attempt::after(error, account_page)
}

/// Tokens by which everything can be taken back: where the access token has to be shown and has ended, it is refreshed for
/// that. The new ones are kept at once: the old ones may be worth nothing any more.
async fn alive(app: &App, line: &Line, revocation: &UpstreamRevocation, tokens: Tokens) -> Result<Result<Tokens, UpstreamError>, Fault> {
    let has_ended = revocation.token_expires_at.is_some_and(|expires_at| expires_at <= app.now());
    let is_needed = line.profile.revocation.shows_access_token() && has_ended;
    let Some(refresh_token) = tokens.refresh_token.as_ref().filter(|_| is_needed) else {
        return Ok(Ok(tokens));
    };
    let granted = match line.upstream(app).refresh(refresh_token, &revocation.scope).await? {
        Ok(granted) => granted,
        Err(error) => return Ok(Err(error)),
    };
    let new = NewTokens {
        tokens: app.envelope.seal(&app.random, &revocation.binding, &granted.tokens)?,
        scope: granted.scope,
        resource: None,
        token_expires_at: granted.expires_at,
    };
    replace_tokens(app, revocation.id(), &new).await?;
    Ok(Ok(granted.tokens))
}

/// These are the tokens that are to be taken back, if anything still is.
///
/// # Errors
/// When the database fails.
pub(super) async fn replace_tokens(app: &App, id: &str, new: &NewTokens) -> Result<(), Fault> {
    let mut tx = app.store.begin().await?;
    if tx.store_revocation_tokens(id, new).await? {
        tx.commit().await?;
    }
    Ok(())
}

/// Notes what an attempt came to, if it was the last one; whether it was.
///
/// # Errors
/// When the database fails.
pub(super) async fn settle(app: &App, revocation: &UpstreamRevocation, attempt: &Attempt) -> Result<bool, Fault> {
    let event = about_what(app, EventKind::ConnectionRevoked, &revocation.binding);
    let event = match attempt {
        Attempt::Done => event,
        Attempt::NoWay(_) => event.refused().detail("reason", NO_WAY),
        Attempt::Damaged => event.refused().detail("reason", DAMAGED),
        Attempt::NotNow { problem, .. } if app.now() - revocation.created_at >= PATIENCE => {
            event.refused().detail("reason", format!("given up: {problem}"))
        }
        Attempt::NotNow { .. } => return Ok(false),
    };
    let mut tx = app.store.begin().await?;
    if tx.delete_revocation(revocation.id()).await? {
        tx.record(event).await?;
        tx.commit().await?;
    }
    Ok(true)
}

//! Taking back at providers what is gone here, when its person, agent, client or provider was removed, or because the
//! provider did not answer.
//!
//! ```text
//! removed ──▶ a row with the sealed tokens, in the same transaction ──▶ one of all nodes has it ──▶ the provider ──▶ done
//!                          ▲ later, for a week at most ◀── it does not answer ◀──────────────────────┘
//! ```

use std::time::Duration;

use futures_util::StreamExt;

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::federation::providers::leads_elsewhere;
use crate::federation::upstream::UpstreamError;
use crate::keys::envelope::Unopened;
use crate::model::connection::{Binding, Tokens};
use crate::model::event::EventKind;
use crate::model::provider::Provider;
use crate::model::upstream_revocation::UpstreamRevocation;
use crate::store::{NewTokens, Tx};

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
/// How long one is let alone that something is wrong with here, in seconds.
const FAULT_BACK_OFF: Seconds = 600;
/// After how long it is given up, in seconds.
pub const PATIENCE: Seconds = 7 * 86_400;

const NO_WAY: &str = "the provider has no way to take tokens back";
const DAMAGED: &str = "the tokens do not open";
const NO_PROVIDER: &str = "the provider is not there";
const LEFT_ALONE: &str = "the provider was left alone after it had not answered";
/// How often it is tried to keep what is to be taken back.
const ATTEMPTS: u32 = 5;
/// How long is waited before that is tried again, the first time.
const INTERVAL: Duration = Duration::from_millis(100);

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

    fn nobody_asked(problem: String) -> Self {
        Self::NotNow {
            problem,
            retry_after: None,
            is_for_all: false,
            is_busy: true,
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

/// Takes back what can be taken back now; how many that were, with those that are given up.
///
/// # Errors
/// When the database fails; the rest is tried again.
pub async fn work(app: &App) -> Result<u64, Fault> {
    let (now, mut after) = (app.now(), (0, String::new()));
    let mut done = 0;
    loop {
        let mut reader = app.store.read().await?;
        let due = reader.due_revocations(now, (after.0, &after.1), BATCH).await?;
        drop(reader);
        let Some(last) = due.last() else { break };
        after.clone_from(last);
        let turns = futures_util::stream::iter(due).map(async |(_, id)| one(app, &id).await);
        let turns: Vec<Result<bool, Fault>> = turns.buffer_unordered(AT_ONCE).collect().await;
        for is_over in turns {
            done += u64::from(is_over?);
        }
    }
    done += give_up(app).await?;
    if app.store.read().await?.has_former_providers().await? {
        let mut tx = app.store.begin().await?;
        tx.forget_former_providers().await?;
        tx.commit().await?;
    }
    Ok(done)
}

/// One of them; whether it is over. Where a fault is its own, it is put off, and the others come all the same.
async fn one(app: &App, id: &str) -> Result<bool, Fault> {
    let holder = new_id(&app.clock, &app.random);
    let fault = match try_one(app, id, &holder).await {
        Ok(is_over) => return Ok(is_over),
        Err(fault) => fault,
    };
    tracing::error!(event = "not_taken_back", connection = id, "{fault}");
    let mut tx = app.store.begin().await?;
    let now = app.now();
    // Unless it is held already.
    tx.hold_revocation(id, &holder, now, now + LEASE).await?;
    tx.put_off_revocation(id, &holder, now + FAULT_BACK_OFF).await?;
    tx.commit().await?;
    Ok(false)
}

async fn try_one(app: &App, id: &str, holder: &str) -> Result<bool, Fault> {
    let Some(found) = app.store.read().await?.revocation(id).await? else {
        return Ok(false);
    };
    if !has_key(app, &found) {
        // Another node may have it, and is not kept from it by this one, which would ask nobody.
        tracing::debug!(event = "not_taken_back", connection = id, "the key is missing");
        return Ok(false);
    }
    let mut tx = app.store.begin().await?;
    let now = app.now();
    if !tx.hold_revocation(id, holder, now, now + LEASE).await? {
        return Ok(false);
    }
    tx.commit().await?;
    // It may have another provider, or other tokens, than a moment ago.
    let Some(mut task) = Task::read(app, id).await? else {
        return Ok(false);
    };
    let attempt = attempt(app, &mut task).await?;
    let settled = settle(app, &task.revocation, &attempt).await?;
    let mut tx = app.store.begin().await?;
    let now = app.now();
    if let Attempt::NotNow {
        retry_after,
        is_for_all: true,
        ..
    } = attempt
    {
        let rest = retry_after.unwrap_or(FIRST_BACK_OFF);
        tx.put_off_revocations_like(&task.revocation, now, now + rest).await?;
    }
    match (settled, attempt) {
        (Settled::Over, _) => {}
        (
            Settled::NotYet,
            Attempt::NotNow {
                problem,
                retry_after,
                is_busy: false,
                ..
            },
        ) => {
            let doubled = task.revocation.failures.clamp(0, 10);
            let back_off = retry_after.unwrap_or_else(|| (FIRST_BACK_OFF << doubled).min(MAX_BACK_OFF));
            tx.put_off_revocation(id, holder, now + back_off).await?;
            let problem = problem.clone();
            tracing::warn!(
                event = "not_taken_back",
                connection = id,
                problem,
                "tokens could not be taken back now"
            );
        }
        // Nobody was asked, or there are other tokens: the next turn comes soon.
        (Settled::NotYet | Settled::Changed, _) => {
            tx.return_revocation(id, holder).await?;
        }
    }
    tx.commit().await?;
    Ok(settled == Settled::Over)
}

/// Gives up what is too old and would only be tried later: because it was tried in vain, or its provider is left alone. How
/// many that were. What could be tried now has its last attempt first.
async fn give_up(app: &App) -> Result<u64, Fault> {
    let (now, mut after) = (app.now(), String::new());
    let mut given_up = 0;
    loop {
        let mut reader = app.store.read().await?;
        let overdue = reader.overdue_revocations(now - PATIENCE, now, &after, BATCH).await?;
        drop(reader);
        let Some(last) = overdue.last() else { return Ok(given_up) };
        after.clone_from(last);
        for id in &overdue {
            let found = app.store.read().await?.revocation(id).await;
            // What cannot be read was told of when it was tried. What another node could open is for that one to give up.
            let Some(revocation) = found.ok().flatten().filter(|found| has_key(app, found)) else {
                continue;
            };
            let settled = settle(app, &revocation, &Attempt::not_now(LEFT_ALONE)).await?;
            given_up += u64::from(settled == Settled::Over);
        }
    }
}

fn has_key(app: &App, revocation: &UpstreamRevocation) -> bool {
    app.envelope.keys().any(|key| key.id() == revocation.tokens.key_id)
}

/// Something that is to be taken back, and where.
pub(super) struct Task {
    revocation: UpstreamRevocation,
    provider: Option<Provider>,
}

impl Task {
    /// What is to be taken back of the connection that had this id, with the provider that its tokens are of.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn read(app: &App, id: &str) -> Result<Option<Self>, Fault> {
        let mut reader = app.store.read().await?;
        let Some(mut revocation) = reader.revocation(id).await? else {
            return Ok(None);
        };
        loop {
            let provider = match &revocation.former_provider {
                None => reader.provider(&revocation.binding.provider_id).await?,
                Some(former) => reader.former_provider(former).await?,
            };
            // A provider that is led elsewhere says so in the row in the same transaction. So if the row does not say so
            // afterwards, what was read of the provider is where the tokens are from.
            let Some(now) = reader.revocation(id).await? else {
                return Ok(None);
            };
            let is_same = now.former_provider == revocation.former_provider;
            revocation = now;
            if is_same {
                // Tokens of one provider are not for another one, whatever a row says.
                let provider = provider.filter(|provider| provider.id == revocation.binding.provider_id);
                return Ok(Some(Self { revocation, provider }));
            }
        }
    }

    /// What is to be taken back.
    pub(super) fn revocation(&self) -> &UpstreamRevocation {
        &self.revocation
    }
}

/// Takes something back at its provider.
///
/// # Errors
/// When the database fails.
pub(super) async fn attempt(app: &App, task: &mut Task) -> Result<Attempt, Fault> {
    let Task { revocation, provider } = task;
    let Some(provider) = provider else {
        return Ok(Attempt::not_now(NO_PROVIDER));
    };
    let tokens = match app.envelope.open(&revocation.binding, &revocation.tokens) {
        Ok(tokens) => tokens,
        Err(problem) => {
            tracing::error!(event = "connection_not_opened", connection = revocation.id(), "{problem}");
            return Ok(match problem {
                // Wrapped by another key a moment ago.
                Unopened::KeyMissing(_) => Attempt::nobody_asked(problem.to_string()),
                Unopened::Damaged => Attempt::Damaged,
            });
        }
    };
    let line = match Line::to(app, provider).await? {
        Ok(line) => line,
        Err(trouble) => return Ok(Attempt::not_now(trouble.to_string())),
    };
    let account_page = line.profile.account_page;
    let tokens = match alive(app, &line, revocation, tokens).await? {
        Ok(tokens) => tokens,
        Err(UpstreamError::Dead(_)) => return Ok(Attempt::Done),
        Err(error) => return Ok(failed(provider, &error, account_page)),
    };
    Ok(match line.upstream(app).revoke(&tokens).await? {
        Ok(true) => Attempt::Done,
        Ok(false) => Attempt::NoWay(account_page),
        Err(error) => failed(provider, &error, account_page),
    })
}

fn failed(provider: &Provider, error: &UpstreamError, account_page: Option<&'static str>) -> Attempt {
    note_trouble(provider, error);
    Attempt::after(error, account_page)
}

/// Tokens by which everything can be taken back: where the access token has to be shown and has ended, it is refreshed for
/// that. The new ones are kept at once: the old ones may be worth nothing any more.
async fn alive(
    app: &App,
    line: &Line,
    revocation: &mut UpstreamRevocation,
    tokens: Tokens,
) -> Result<Result<Tokens, UpstreamError>, Fault> {
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
    let mut tx = app.store.begin().await?;
    let before = Some(&revocation.tokens);
    if tx.store_revocation_tokens(revocation.id(), before, &new).await? {
        tx.commit().await?;
        revocation.tokens = new.tokens;
        revocation.scope = new.scope;
        revocation.token_expires_at = new.token_expires_at;
    }
    Ok(Ok(granted.tokens))
}

/// These tokens of a provider are to be taken back there, as it is now, and nothing else of the connection.
///
/// # Errors
/// When the database fails again and again.
pub(super) async fn queue(app: &App, provider: &Provider, binding: &Binding, new: &NewTokens) -> Result<(), Fault> {
    let mut attempts = 0;
    loop {
        let queued = try_to_queue(app, provider, binding, new).await;
        attempts += 1;
        match queued {
            Err(fault) if attempts < ATTEMPTS => {
                tracing::warn!(event = "tokens_not_stored", connection = binding.connection_id, "{fault}");
                tokio::time::sleep(INTERVAL * attempts).await;
            }
            queued => return queued,
        }
    }
}

async fn try_to_queue(app: &App, provider: &Provider, binding: &Binding, new: &NewTokens) -> Result<(), Fault> {
    let mut tx = app.store.begin().await?;
    if !tx.store_revocation_tokens(&binding.connection_id, None, new).await? {
        let revocation = UpstreamRevocation {
            binding: binding.clone(),
            former_provider: former(app, &mut tx, provider).await?,
            scope: new.scope.clone(),
            tokens: new.tokens.clone(),
            token_expires_at: new.token_expires_at,
            failures: 0,
            created_at: app.now(),
        };
        tx.insert_revocation(&revocation).await?;
    }
    tx.commit().await
}

/// Where tokens go back that are from this provider: it is kept as it was, if it is not there any more or was led elsewhere.
async fn former(app: &App, tx: &mut Tx, provider: &Provider) -> Result<Option<String>, Fault> {
    // Whoever changes or removes it from here on finds the row.
    if tx.hold_provider(provider).await? {
        return Ok(None);
    }
    let is_same = |now: &Provider| now.created_at == provider.created_at && !leads_elsewhere(provider, now);
    let now = tx.provider(&provider.id).await?.filter(is_same);
    if let Some(now) = now
        && tx.hold_provider(&now).await?
    {
        return Ok(None);
    }
    let id = new_id(&app.clock, &app.random);
    tx.insert_former_provider(&id, provider, app.now()).await?;
    Ok(Some(id))
}

/// What became of something after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// It is over
    Over,
    /// It is tried again
    NotYet,
    /// It is tried again, since there are other tokens meanwhile
    Changed,
}

/// Notes what an attempt came to, if it was the last one.
///
/// # Errors
/// When the database fails.
pub(super) async fn settle(app: &App, revocation: &UpstreamRevocation, attempt: &Attempt) -> Result<Settled, Fault> {
    let event = about_what(app, EventKind::ConnectionRevoked, &revocation.binding);
    let event = match attempt {
        Attempt::Done => event,
        Attempt::NoWay(_) => event.refused().detail("reason", NO_WAY),
        Attempt::Damaged => event.refused().detail("reason", DAMAGED),
        Attempt::NotNow {
            problem, is_busy: false, ..
        } if app.now() - revocation.created_at >= PATIENCE => event.refused().detail("reason", format!("given up: {problem}")),
        Attempt::NotNow { .. } => return Ok(Settled::NotYet),
    };
    let mut tx = app.store.begin().await?;
    if !tx.delete_revocation(revocation).await? {
        return Ok(Settled::Changed);
    }
    tx.record(event).await?;
    tx.commit().await?;
    Ok(Settled::Over)
}

//! Workload access tokens: an agent that acts for itself, or for a person.
//!
//! ```text
//! client with the scope `vault` ── a workload of its own, whom it acts for ──▶ token, for a quarter of an hour
//! token ──▶ workload, client and person, as they are now
//! ```
//!
//! A token is sealed and has no row. Whatever ends it before its time is asked when it is used: a workload, client or person
//! that is disabled or gone, the scope taken from the client, another secret of it.

mod registry;

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::audit;
use crate::base::clock::{Seconds, Timestamp};
use crate::base::fault::Fault;
use crate::model::client::Client;
use crate::model::event::{Event, EventKind};
use crate::model::workload::Workload;
use crate::protocol::error::{Refusal, invalid_grant};
use crate::protocol::tokens::WORKLOAD_TOKEN_PREFIX;
use crate::store::WorkloadState;

use super::program::Program;
use super::providers::check_id;
use super::user_tokens::{self, Named};

pub use crate::store::ProviderState;
pub use registry::{NewWorkload, WorkloadError, change, change_in, check_name, create, create_in, delete, delete_in, normalized, problems};

/// How long a workload access token lives, in seconds.
pub const LIFETIME: Seconds = 900;
/// The longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 4096;
/// What a token is sealed for.
const CONTEXT: &[u8] = b"workload access token";
/// How what is sealed is written: its first byte.
const VERSION: u8 = 1;

/// What a token holds.
#[derive(Serialize, Deserialize)]
struct Claims {
    workload: String,
    /// The id of the workload: another one of the same name is another one
    id: String,
    /// The person
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// The generation of the client's own tokens
    generation: i64,
    iat: Timestamp,
    exp: Timestamp,
}

/// For whom an agent acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActsFor<'a> {
    /// For itself
    Itself,
    /// For the person of this token
    Token(&'a str),
    /// For the user with this id
    User(&'a str),
}

/// What asking for a token came to.
#[derive(Debug)]
pub enum Issuance {
    /// The token, which lives for so many seconds
    Issued(String, Seconds),
    /// The caller is no client, and only clients have workloads
    NoClient,
    /// The client has no workload of this name
    NoWorkload,
    /// It may not have one
    Denied(&'static str),
    /// It is for nobody
    Refused(Refusal),
    /// There were too many tokens or ids that name nobody; try again after so many seconds
    TooMany(Seconds),
    /// The issuer of the person's token cannot be asked for its keys now
    Unreadable,
}

/// Makes a token for a workload of the client that asks.
///
/// # Errors
/// When the database fails.
pub async fn issue(app: &App, program: &Program, name: &str, acts_for: ActsFor<'_>) -> Result<Issuance, Fault> {
    let Program::Client(client) = program else {
        return Ok(Issuance::NoClient);
    };
    let found = app.store.read().await?.workload(name).await?;
    // Whose it is otherwise is nobody's business.
    let Some(workload) = found.filter(|workload| workload.client_id == client.id) else {
        return Ok(Issuance::NoWorkload);
    };
    if workload.is_disabled {
        return Ok(Issuance::Denied("the workload is disabled: an administrator can enable it again"));
    }
    match acts_for {
        ActsFor::Itself => issued(app, client, &workload, None),
        ActsFor::Token(token) => for_token(app, client, &workload, token).await,
        ActsFor::User(id) => for_user(app, client, &workload, id).await,
    }
}

async fn for_token(app: &App, client: &Client, workload: &Workload, token: &str) -> Result<Issuance, Fault> {
    match user_tokens::named(app, Some(&client.id), token).await? {
        Named::Account(user) => issued(app, client, workload, Some(&user.id)),
        Named::Unreadable => Ok(Issuance::Unreadable),
        Named::Nobody => {
            let event = about(app, EventKind::WorkloadTokenRefused, client, workload).refused();
            let refused = user_tokens::refuse(app, Some(&client.id), event.detail("reason", "user token")).await?;
            Ok(refused.map_or_else(Issuance::TooMany, Issuance::Refused))
        }
    }
}

async fn for_user(app: &App, client: &Client, workload: &Workload, user_id: &str) -> Result<Issuance, Fault> {
    let event = about(app, EventKind::WorkloadUserNamed, client, workload);
    if !workload.may_name_users {
        audit::record_seldom(app, event.refused().detail("reason", "not allowed")).await?;
        return Ok(Issuance::Denied(
            "this workload may not name people by their ids: send a token of theirs as user_token, or let an administrator set may_name_users",
        ));
    }
    let user = app.store.read().await?.user(user_id).await?;
    let Some(user) = user.filter(|user| !user.is_disabled) else {
        let event = event.refused().detail("reason", "unknown user");
        return Ok(match user_tokens::refuse(app, Some(&client.id), event).await? {
            Ok(_) => Issuance::Refused(invalid_grant(
                "user_id is not the id of a person here, or their account is disabled: it is id of gatehouse user list --json, not the user name",
            )),
            Err(seconds) => Issuance::TooMany(seconds),
        });
    };
    let mut tx = app.store.begin().await?;
    tx.record(event.subject(&user.id)).await?;
    tx.commit().await?;
    issued(app, client, workload, Some(&user.id))
}

fn issued(app: &App, client: &Client, workload: &Workload, user_id: Option<&str>) -> Result<Issuance, Fault> {
    let now = app.now();
    let claims = Claims {
        workload: workload.name.clone(),
        id: workload.id.clone(),
        sub: user_id.map(str::to_owned),
        generation: client.token_generation,
        iat: now,
        exp: now + LIFETIME,
    };
    let mut plain = vec![VERSION];
    serde_json::to_writer(&mut plain, &claims).map_err(Fault::internal)?;
    let sealed = app.secrets.workload_token.seal(&app.random, CONTEXT, &plain)?;
    Ok(Issuance::Issued(format!("{WORKLOAD_TOKEN_PREFIX}{sealed}"), LIFETIME))
}

fn about(app: &App, kind: EventKind, client: &Client, workload: &Workload) -> Event {
    let program = Program::Client(std::sync::Arc::new(client.clone()));
    app.event(kind).by(program.actor()).client(&client.id).target(&workload.name)
}

/// Who shows a workload access token: an agent, and the person for whom it acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The agent, as it is now
    pub workload: Workload,
    /// The person, by id; `None` when it acts for itself
    pub user_id: Option<String>,
    /// When the token was made
    pub issued_at: Timestamp,
    /// From when it is worth nothing
    pub expires_at: Timestamp,
}

/// Checks a workload access token wholly: seal, time, and that workload, client and person are still there and may.
/// `None` for everything else, without saying why.
///
/// # Errors
/// When the database fails.
pub async fn verify(app: &App, token: &str) -> Result<Option<Agent>, Fault> {
    let Some(claims) = unexpired(app, token) else { return Ok(None) };
    let mut connection = app.store.read().await?;
    let state = connection.workload_state(&claims.workload, claims.sub.as_deref()).await?;
    Ok(state.and_then(|state| claims.agent(state)))
}

/// As [`verify`], and what there is at a provider for the agent and its person: both are read at once.
///
/// # Errors
/// When the database fails.
pub async fn verify_at(app: &App, token: &str, provider_id: &str) -> Result<Option<(Agent, ProviderState)>, Fault> {
    let Some(claims) = unexpired(app, token) else { return Ok(None) };
    // What cannot be the id of a provider is not asked for.
    let provider_id = if check_id(provider_id).is_ok() { provider_id } else { "" };
    let mut connection = app.store.read().await?;
    let found = connection
        .workload_state_at(&claims.workload, claims.sub.as_deref(), provider_id)
        .await?;
    Ok(found.and_then(|(state, there)| claims.agent(state).map(|agent| (agent, there))))
}

impl Claims {
    /// The agent, if nothing has ended its token.
    fn agent(self, state: WorkloadState) -> Option<Agent> {
        let is_alive = state.workload.id == self.id
            && !state.workload.is_disabled
            && state.may_client
            && state.token_generation == self.generation
            && state.is_user_alive;
        is_alive.then_some(Agent {
            workload: state.workload,
            user_id: self.sub,
            issued_at: self.iat,
            expires_at: self.exp,
        })
    }
}

fn unexpired(app: &App, token: &str) -> Option<Claims> {
    authentic(app, token).filter(|claims| app.now() < claims.exp)
}

fn authentic(app: &App, token: &str) -> Option<Claims> {
    let sealed = token
        .strip_prefix(WORKLOAD_TOKEN_PREFIX)
        .filter(|sealed| sealed.len() <= MAX_TOKEN)?;
    let plain = app.secrets.workload_token.open(CONTEXT, sealed)?;
    let (version, claims) = plain.split_first()?;
    (*version == VERSION).then(|| serde_json::from_slice(claims).ok()).flatten()
}

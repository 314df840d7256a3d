//! An agent asks for a token.

use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::app::App;
use crate::audit;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::federation::providers;
use crate::federation::workloads::Agent;
use crate::model::connection::Connection;
use crate::model::event::EventKind;
use crate::model::provider::{Provider, ProviderKind};
use crate::protocol::scope::Scope;
use crate::store::ProviderState;

use super::refresh::{Refreshed, refresh};
use super::sessions::{self, Asked, NewSession};
use super::{Trouble, open};

/// How long a token must still live to be given away, in seconds.
const MARGIN: Seconds = 60;

/// What an agent wants.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The provider, by id
    pub provider: String,
    /// What the token must be good for; what the operator has set for the provider when it is empty
    pub scope: Scope,
    /// What it must be for, where the provider has several resources (RFC 8707)
    pub resource: Vec<String>,
    /// The connection or account, where the person has several
    pub account: Option<String>,
    /// Whether the person is asked although there is a connection
    pub is_forced: bool,
    /// Where the person goes when they are asked
    pub session: NewSession,
}

/// What it gets.
#[derive(Debug)]
pub enum Given {
    /// A token
    Token(Box<Token>),
    /// The link to a question for the person
    Question(Asked),
    /// Nothing: it may not, or there is no such thing
    Refused(Denial),
    /// There are too many questions for this person; so many seconds until there may be another one
    TooMany(Seconds),
    /// Nothing now
    Trouble(Trouble),
}

/// A token of a person at a provider.
#[derive(Clone, Serialize)]
pub struct Token {
    /// The access token
    pub access_token: String,
    /// How it is shown, such as `Bearer`
    pub token_type: String,
    /// In seconds; missing when it does not end
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Seconds>,
    /// What it is good for
    pub scope: Scope,
    /// The connection it is of
    pub connection_id: String,
    /// What a person knows the account by
    pub account: String,
    /// What else the provider says that goes with it, such as the address of its API
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token(of {})", self.connection_id)
    }
}

/// Why an agent gets nothing at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What is wrong
    pub reason: Reason,
    /// The same in words for the agent
    pub text: &'static str,
}

/// What of a request is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no person for whom it could be
    Person,
    /// The provider
    Provider,
    /// The scope
    Scope,
    /// Anything else
    Request,
}

impl Denial {
    pub(super) const fn new(reason: Reason, text: &'static str) -> Self {
        Self { reason, text }
    }
}

const NOT_ALLOWED: Denial = Denial::new(
    Reason::Provider,
    "the workload may not have tokens of this provider: an administrator can add it to its ceilings",
);
const NOT_THERE: Denial = Denial::new(
    Reason::Provider,
    "there is no provider of this name here, or it is disabled: an administrator can add or enable it",
);
const NO_PERSON: Denial = Denial::new(
    Reason::Person,
    "the workload token is for nobody: get one with user_token or user_id",
);
const TOO_MUCH: Denial = Denial::new(Reason::Scope, "the scope is more than the workload may ask for at this provider");
const NO_RESOURCE: Denial = Denial::new(
    Reason::Provider,
    "the workload may not name this resource: an administrator can add it to its resources",
);
const NO_TOKENS: Denial = Denial::new(
    Reason::Provider,
    "this provider has an API key and no tokens: ask for that at /api/vault/api-key",
);
const NO_KEY: Denial = Denial::new(
    Reason::Provider,
    "this provider has no API key: ask for a token at /api/vault/token",
);

/// A token that is good for what is wanted, or the link to a question for the person.
///
/// # Errors
/// When the database fails.
pub async fn token(app: &App, agent: &Agent, wanted: Wanted) -> Result<Given, Fault> {
    let mut there = ProviderState::default();
    if let (Some(user_id), Ok(())) = (&agent.user_id, providers::check_id(&wanted.provider)) {
        let mut connection = app.store.read().await?;
        there.provider = connection.provider(&wanted.provider).await?;
        there.connections = connection.connections_at(user_id, &agent.workload.name, &wanted.provider).await?;
    }
    token_of(app, agent, there, wanted).await
}

/// As [`token`], with what is there at the provider: [`workloads::verify_at`](crate::federation::workloads::verify_at) has read
/// it. Nothing more is read for a token that is still good.
///
/// # Errors
/// When the database fails.
pub async fn token_of(app: &App, agent: &Agent, there: ProviderState, wanted: Wanted) -> Result<Given, Fault> {
    let Some(user_id) = &agent.user_id else {
        return Ok(Given::Refused(NO_PERSON));
    };
    let ProviderState { provider, connections } = there;
    let Some(provider) = provider.filter(|provider| provider.id == wanted.provider && !provider.is_disabled) else {
        return Ok(Given::Refused(not_there(agent, &wanted.provider)));
    };
    let Some(ceiling) = agent.workload.ceiling(&provider) else {
        return Ok(Given::Refused(NOT_ALLOWED));
    };
    if provider.kind == ProviderKind::ApiKey {
        return Ok(Given::Refused(NO_TOKENS));
    }
    let scope = if wanted.scope.is_empty() {
        ceiling.cut(&provider.scope)
    } else {
        wanted.scope.clone()
    };
    if !ceiling.holds(&scope) {
        return Ok(Given::Refused(TOO_MUCH));
    }
    if !ceiling.admits(&wanted.resource) {
        return Ok(Given::Refused(NO_RESOURCE));
    }
    // Whether it can be used now is asked of the one that is meant only: nobody gets another account than before.
    let meant = meant(&connections, wanted.account.as_deref());
    let is_good = |connection: &&Connection| {
        let has_all = scope.is_subset(&connection.scope) && connection.is_for(&wanted.resource);
        !connection.needs_consent && has_all && !wanted.is_forced
    };
    if let Some(connection) = meant.filter(is_good) {
        if connection.is_fresh(app.now(), MARGIN)
            && let Some(token) = given(app, connection)
        {
            return Ok(Given::Token(Box::new(token)));
        }
        match refresh(app, &provider, connection.clone()).await? {
            Refreshed::Done(connection) if scope.is_subset(&connection.scope) => {
                if let Some(token) = given(app, &connection) {
                    return Ok(Given::Token(Box::new(token)));
                }
            }
            Refreshed::Not(trouble) => {
                // A token that ends soon is better than none.
                let rest = Some(connection).filter(|connection| connection.is_fresh(app.now(), 0));
                return Ok(match rest.and_then(|connection| given(app, connection)) {
                    Some(token) => Given::Token(Box::new(token)),
                    None => Given::Trouble(trouble),
                });
            }
            Refreshed::Done(_) | Refreshed::NeedsConsent | Refreshed::Gone => {}
        }
    }
    // Who consents to more keeps what they consented to before; who is asked for another account does not.
    let before = meant.filter(|_| !wanted.is_forced || wanted.account.is_some());
    let scope = before.map_or_else(|| scope.clone(), |before| scope.union(&ceiling.cut(&before.scope)));
    sessions::ask(app, agent, user_id, &provider, scope, wanted.resource, wanted.session).await
}

/// What asking for an API key came to.
#[derive(Debug)]
pub enum KeyGiven {
    /// The key
    Key(SecretString),
    /// Nothing
    Refused(Denial),
    /// Nothing, because of how the provider is set up
    Trouble(Trouble),
}

/// The API key of a provider, which the operator has put in for all agents that may have it.
///
/// # Errors
/// When the database fails.
pub async fn api_key(app: &App, agent: &Agent, provider_id: &str) -> Result<KeyGiven, Fault> {
    let provider = app.store.read().await?.provider(provider_id).await?;
    api_key_of(app, agent, provider_id, provider).await
}

/// As [`api_key`], of a provider that was just read.
///
/// # Errors
/// When the database fails.
pub async fn api_key_of(app: &App, agent: &Agent, provider_id: &str, provider: Option<Provider>) -> Result<KeyGiven, Fault> {
    let Some(provider) = provider.filter(|provider| provider.id == provider_id && !provider.is_disabled) else {
        return Ok(KeyGiven::Refused(not_there(agent, provider_id)));
    };
    if agent.workload.ceiling(&provider).is_none() {
        return Ok(KeyGiven::Refused(NOT_ALLOWED));
    }
    if provider.kind != ProviderKind::ApiKey {
        return Ok(KeyGiven::Refused(NO_KEY));
    }
    let event = app
        .event(EventKind::ApiKeyGiven)
        .target(&agent.workload.name)
        .detail("provider", provider_id);
    audit::record_seldom(app, event).await?;
    Ok(match providers::credential(app, &provider) {
        Ok(Some(key)) => KeyGiven::Key(key),
        Ok(None) => KeyGiven::Refused(NO_KEY),
        Err(problem) => KeyGiven::Trouble(super::unusable(&provider, &problem)),
    })
}

/// Which providers there are is told only of those that an administrator has named for the agent.
fn not_there(agent: &Agent, provider_id: &str) -> Denial {
    if agent.workload.ceilings.contains_key(provider_id) {
        NOT_THERE
    } else {
        NOT_ALLOWED
    }
}

/// The connection that is meant: by its id, by the provider's own name for the account, or by a label that only one has;
/// the oldest one without any of these.
fn meant<'c>(connections: &'c [Connection], account: Option<&str>) -> Option<&'c Connection> {
    let Some(account) = account else {
        return connections.iter().min_by(|one, other| one.id.cmp(&other.id));
    };
    let by_id = connections.iter().find(|connection| connection.id == account);
    let by_account = || connections.iter().find(|connection| connection.account == account);
    let by_label = || {
        let mut all = connections.iter().filter(|connection| connection.account_label == account);
        all.next().filter(|_| all.next().is_none())
    };
    by_id.or_else(by_account).or_else(by_label)
}

fn given(app: &App, connection: &Connection) -> Option<Token> {
    let tokens = open(app, connection)?;
    Some(Token {
        access_token: tokens.access_token,
        token_type: tokens.token_type,
        expires_in: connection.token_expires_at.map(|expires_at| (expires_at - app.now()).max(0)),
        scope: connection.scope.clone(),
        connection_id: connection.id.clone(),
        account: connection.account_label.clone(),
        extra: tokens.passed_on,
    })
}

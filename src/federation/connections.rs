//! Keeping what a person gave an agent at a provider.

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::model::connection::{Binding, Connection, Tokens};
use crate::model::workload::Workload;
use crate::protocol::scope::Scope;
use crate::store::{NewTokens, Tx};

/// What a provider gave after a person consented.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// The person, by id
    pub user_id: String,
    /// The provider, by id
    pub provider_id: String,
    /// The provider's own name for the account; empty when it has none
    pub account: String,
    /// What a person knows the account by
    pub account_label: String,
    /// What the provider granted
    pub scope: Scope,
    /// What the tokens are for (RFC 8707)
    pub resource: Vec<String>,
    /// The tokens
    pub tokens: Tokens,
    /// When the access token ends; `None` when it does not
    pub token_expires_at: Option<Timestamp>,
}

/// How often it is looked again when somebody else adds or replaces the same connection.
const ATTEMPTS: usize = 20;

/// Keeps what a person gave an agent, in place of what they gave before with the same account. `None` when the agent or
/// the person is not there any more. The caller records the event and commits.
///
/// # Errors
/// When the database fails, or others are faster again and again.
pub async fn keep(app: &App, tx: &mut Tx, workload: &Workload, new: &NewConnection) -> Result<Option<Connection>, Fault> {
    if !tx.hold_user(&new.user_id).await? || !tx.hold_workload(workload).await? {
        return Ok(None);
    }
    for _ in 0..ATTEMPTS {
        let there = tx.connections_at(&new.user_id, &workload.name, &new.provider_id).await?;
        let there = there.into_iter().find(|connection| connection.account == new.account);
        let kept = match there {
            Some(there) => replace(app, tx, there, new).await?,
            None => add(app, tx, workload, new).await?,
        };
        if kept.is_some() {
            return Ok(kept);
        }
    }
    Err(Fault::Unavailable("a connection is changed by others all the time".to_owned()))
}

/// The new tokens take the place of the old ones, and the id stays.
async fn replace(app: &App, tx: &mut Tx, there: Connection, new: &NewConnection) -> Result<Option<Connection>, Fault> {
    let now = app.now();
    // Some providers give a refresh token at the first consent only.
    let mut tokens = new.tokens.clone();
    let is_at_rest = there.refresher.is_none() || there.refreshing_until <= now;
    let is_for_the_same = there.is_for(&new.resource);
    if tokens.refresh_token.is_none() && is_for_the_same && !there.needs_consent && !there.account.is_empty() && is_at_rest {
        let old = app.envelope.open(&there.binding(), &there.tokens).ok();
        tokens.refresh_token = old.and_then(|old| old.refresh_token);
    }
    let stored = NewTokens {
        tokens: app.envelope.seal(&app.random, &there.binding(), &tokens)?,
        scope: new.scope.clone(),
        resource: Some(new.resource.clone()),
        token_expires_at: new.token_expires_at,
    };
    // It does not always say how people call the account.
    let is_called = !new.account_label.is_empty();
    let account_label = if is_called { &new.account_label } else { &there.account_label }.clone();
    let is_stored = tx.store_tokens(&there.id, there.version, &stored, now).await?;
    if !is_stored || !tx.set_account_label(&there.id, &account_label).await? {
        return Ok(None);
    }
    Ok(Some(Connection {
        account_label,
        scope: stored.scope,
        resource: new.resource.clone(),
        tokens: stored.tokens,
        token_expires_at: stored.token_expires_at,
        needs_consent: false,
        refresher: None,
        refreshing_until: 0,
        retry_at: 0,
        failures: 0,
        updated_at: now,
        version: there.version + 1,
        ..there
    }))
}

async fn add(app: &App, tx: &mut Tx, workload: &Workload, new: &NewConnection) -> Result<Option<Connection>, Fault> {
    let now = app.now();
    let binding = Binding {
        connection_id: new_id(&app.clock, &app.random),
        user_id: new.user_id.clone(),
        provider_id: new.provider_id.clone(),
        workload: workload.name.clone(),
    };
    let tokens = app.envelope.seal(&app.random, &binding, &new.tokens)?;
    let connection = Connection {
        id: binding.connection_id,
        workload: binding.workload,
        user_id: binding.user_id,
        provider_id: binding.provider_id,
        account: new.account.clone(),
        account_label: new.account_label.clone(),
        scope: new.scope.clone(),
        resource: new.resource.clone(),
        tokens,
        token_expires_at: new.token_expires_at,
        needs_consent: false,
        refresher: None,
        refreshing_until: 0,
        retry_at: 0,
        failures: 0,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    Ok(tx.insert_connection(&connection).await?.then_some(connection))
}

//! What a person is asked, and what is kept of them while they are away.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::app::App;
use crate::base::fault::Fault;
use crate::federation::upstream::Flow;
use crate::model::connection_session::ConnectionSession;
use crate::model::provider::Provider;
use crate::model::workload::Workload;

/// What a person is asked.
#[derive(Debug)]
pub struct Question {
    /// The session
    pub session: ConnectionSession,
    /// The end of its link
    pub name: String,
    /// Who asks
    pub workload: Workload,
    /// The name of the client that owns it
    pub client_name: String,
    /// Where
    pub provider: Provider,
}

impl Question {
    /// The question of a session, as things are now; `name` is the end of its link. `None` when the agent, its client or the
    /// provider is gone or disabled, or the agent may not ask for this any more.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn of(app: &App, session: ConnectionSession, name: String) -> Result<Option<Self>, Fault> {
        let mut connection = app.store.read().await?;
        let provider = connection.provider(&session.provider_id).await?;
        let Some(provider) = provider.filter(|provider| !provider.is_disabled) else {
            return Ok(None);
        };
        let workload = connection.workload(&session.workload).await?;
        let may_ask = |workload: &Workload| {
            let is_within = workload
                .ceiling(&provider)
                .is_some_and(|ceiling| ceiling.holds(&session.scope) && ceiling.admits(&session.resource));
            workload.id == session.workload_id && !workload.is_disabled && is_within
        };
        let Some(workload) = workload.filter(may_ask) else {
            return Ok(None);
        };
        let client = connection.client(&workload.client_id).await?.filter(|client| !client.is_disabled);
        Ok(client.map(|client| Self {
            session,
            name,
            workload,
            client_name: client.name.clone(),
            provider,
        }))
    }
}

/// What is kept of somebody who is away, sealed.
#[derive(Serialize, Deserialize)]
pub(super) struct Away {
    /// What must come back
    pub flow: Flow,
    /// Where the code is meant to go
    pub token_endpoint: Url,
    /// The end of the link
    pub name: String,
}

/// What a provider sends with a person.
#[derive(Serialize, Deserialize)]
pub(super) enum Answer {
    Code { code: String, iss: Option<String> },
    Denied,
    Unreadable,
}

/// What is kept of somebody who has come back, sealed, until their agent says that it was they.
#[derive(Serialize, Deserialize)]
pub(super) struct Back {
    /// What was kept while they were away
    pub away: Away,
    /// What they brought
    pub answer: Answer,
}

impl Away {
    pub(super) fn seal(&self, app: &App, session_id: &str) -> Result<String, Fault> {
        seal(app, &flow_of(session_id), self)
    }

    pub(super) fn open(app: &App, session_id: &str, sealed: &str) -> Result<Self, Fault> {
        open(app, &flow_of(session_id), sealed)
    }
}

impl Back {
    pub(super) fn seal(&self, app: &App, session_id: &str) -> Result<String, Fault> {
        seal(app, &return_of(session_id), self)
    }

    pub(super) fn open(app: &App, session_id: &str, sealed: &str) -> Result<Self, Fault> {
        open(app, &return_of(session_id), sealed)
    }
}

/// What the way of a person is sealed for.
#[must_use]
pub fn flow_of(session_id: &str) -> String {
    format!("flow {session_id}")
}

/// What a person has brought is sealed for.
#[must_use]
pub fn return_of(session_id: &str) -> String {
    format!("return {session_id}")
}

fn seal(app: &App, context: &str, what: &impl Serialize) -> Result<String, Fault> {
    let plain = serde_json::to_vec(what).map_err(Fault::internal)?;
    app.secrets.connection_flow.seal(&app.random, context.as_bytes(), &plain)
}

fn open<T: for<'de> Deserialize<'de>>(app: &App, context: &str, sealed: &str) -> Result<T, Fault> {
    let plain = app.secrets.connection_flow.open(context.as_bytes(), sealed);
    plain
        .and_then(|plain| serde_json::from_slice(&plain).ok())
        .ok_or_else(|| Fault::internal("what is kept of a session does not open"))
}

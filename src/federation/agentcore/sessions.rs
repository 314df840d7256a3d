//! Questions to people, as programs of AgentCore follow them: they ask again and again for the token, with the name of the
//! session, and say for whom it is when that person has come back to them.

use crate::app::App;
use crate::audit;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::federation::user_tokens::{self, Named};
use crate::federation::vault::ask::{self, Given, Wanted};
use crate::federation::vault::completion::{self, Completion};
use crate::federation::vault::sessions::{self, NewSession, SessionName};
use crate::federation::workloads::Agent;
use crate::model::connection::Connection;
use crate::model::connection_session::{ConnectionSession, Status};
use crate::model::event::EventKind;

use super::{Caller, person};

/// What became of a question.
#[derive(Debug)]
pub enum Progress {
    /// Nobody has answered it, or the agent has not completed it
    InProgress,
    /// There is nothing to be had
    Failed,
    /// There is a connection: what it gives
    Given(Box<Given>),
    /// There is no such question of this agent
    Unknown,
}

/// What became of an agent's question about a provider.
///
/// # Errors
/// When the database fails.
pub async fn progress(app: &App, agent: &Agent, provider: &str, name: &SessionName) -> Result<Progress, Fault> {
    let session = sessions::find(app, agent, name).await?;
    let Some(session) = session.filter(|session| session.provider_id == provider) else {
        return Ok(Progress::Unknown);
    };
    match (session.status_at(app.now()), &session.connection_id) {
        (Status::Failed | Status::Cancelled, _) | (Status::Completed, None) => Ok(Progress::Failed),
        (Status::Completed, Some(id)) => given(app, agent, &session, id).await,
        _ => Ok(Progress::InProgress),
    }
}

/// What a connection gives that came of a question: that, and no other one. The provider may have granted less than was
/// asked for, which is no reason to ask again.
async fn given(app: &App, agent: &Agent, session: &ConnectionSession, connection_id: &str) -> Result<Progress, Fault> {
    let (connection, provider) = {
        let mut reader = app.store.read().await?;
        (
            reader.connection(connection_id).await?,
            reader.provider(&session.provider_id).await?,
        )
    };
    let is_it = |connection: &Connection| {
        connection.workload == agent.workload.name && connection.user_id == session.user_id && !connection.needs_consent
    };
    let ceiling = provider.as_ref().and_then(|provider| agent.workload.ceiling(provider));
    let Some((connection, ceiling)) = connection.filter(is_it).zip(ceiling) else {
        return Ok(Progress::Failed);
    };
    let wanted = Wanted {
        provider: session.provider_id.clone(),
        scope: ceiling.cut(&connection.scope),
        resource: connection.resource.clone(),
        account: Some(connection.id),
        is_forced: false,
        session: NewSession {
            needs_completion: true,
            ..NewSession::default()
        },
    };
    Ok(Progress::Given(Box::new(ask::token(app, agent, wanted).await?)))
}

/// How a program names a person.
#[derive(Clone, Copy, Debug)]
pub enum Person<'a> {
    /// By a token of theirs
    Token(&'a str),
    /// By the id of their account, or their user name
    Id(&'a str),
}

/// What completing a question came to.
#[derive(Debug)]
pub enum Completed {
    /// The agent has what it asked for
    Done,
    /// It has not; why
    Failed(String),
    /// There is no such question of an agent of the caller, or nothing to complete
    Unknown,
    /// It was somebody else who was asked
    SomebodyElse,
    /// The agent may not name people by their ids
    MayNotName,
    /// The person is nobody here
    Nobody,
    /// There were too many who are nobody; try again after so many seconds
    TooMany(Seconds),
    /// The issuer of the person's token cannot be asked for its keys now
    Unreadable,
}

/// Completes a question of an agent of the caller, for the person who has come back to it.
///
/// # Errors
/// When the database fails.
pub async fn complete(app: &App, caller: &Caller, name: &SessionName, whom: Person<'_>) -> Result<Completed, Fault> {
    let session = app.store.read().await?.connection_session(&name.id).await?;
    let Some(session) = session.filter(|session| name.is_of(session)) else {
        return Ok(Completed::Unknown);
    };
    let workload = caller.workload(app, &session.workload).await?;
    let Some(workload) = workload.filter(|workload| workload.id == session.workload_id) else {
        return Ok(Completed::Unknown);
    };
    let event = app
        .event(EventKind::ConnectionRefused)
        .client(&caller.client.id)
        .target(&session.id)
        .refused();
    let user = match whom {
        Person::Token(token) => match user_tokens::named(app, Some(&caller.client.id), token).await? {
            Named::Account(user) => Some(*user),
            Named::Nobody => None,
            Named::Unreadable => return Ok(Completed::Unreadable),
        },
        Person::Id(_) if !workload.may_name_users => {
            audit::record_seldom(app, event.detail("reason", "may not name people")).await?;
            return Ok(Completed::MayNotName);
        }
        Person::Id(id) => person(app, id).await?.filter(|user| !user.is_disabled),
    };
    let Some(user) = user else {
        let refused = user_tokens::refuse(app, Some(&caller.client.id), event.detail("reason", "nobody here")).await?;
        return Ok(match refused {
            Ok(_) => Completed::Nobody,
            Err(seconds) => Completed::TooMany(seconds),
        });
    };
    let outcome = completion::complete_for(app, session, name, &user.id).await?;
    Ok(match outcome {
        Completion::Done(_) => Completed::Done,
        Completion::Failed(why) => Completed::Failed(why),
        Completion::Unknown => Completed::Unknown,
        Completion::SomebodyElse => Completed::SomebodyElse,
    })
}

//! Token exchange (RFC 8693): the token of a person for a token of theirs at a provider, at the token endpoint.
//!
//! The same vault as at `/api/vault/token`, for programs that know the standard only. Who asks is a client that has proved
//! who it is, the workload is its own, and the audience is the provider or the connection.

use crate::app::App;
use crate::base::fault::Fault;
use crate::model::event::{Actor, EventKind};
use crate::oauth::client_authentication::AuthenticatedClient;
use crate::oauth::token;
use crate::protocol::claims::VAULT;
use crate::protocol::error::{ErrorCode, Refusal, invalid_grant};
use crate::protocol::resource;
use crate::protocol::token_exchange::{Parties, TokenExchange};
use crate::protocol::token_request::GrantType;

use super::user_tokens::{self, Named};
use super::vault::ask::{self, Denial, Given, Reason, Wanted};
use super::workloads::{self, Agent};

/// What an exchange came to.
#[derive(Debug)]
pub enum Exchanged {
    /// What the vault gives, or asks; never that it refuses
    Given(Given),
    /// Nothing
    Refused(Refusal),
    /// There were too many tokens that name nobody; try again after so many seconds
    TooMany(i64),
    /// The issuer of the person's token cannot be asked for its keys now
    Unreadable,
}

const ACTOR: &str = "the workload access token is unknown, has expired, or is another client's";
const PERSON: &str = "the workload access token is for somebody else than subject_token";

/// Exchanges a token for a client that has proved who it is.
///
/// # Errors
/// When the database fails.
pub async fn exchange(app: &App, client: &AuthenticatedClient, request: &TokenExchange, resource: &[String]) -> Result<Exchanged, Fault> {
    let exchanged = decide(app, client, request, resource).await?;
    match &exchanged {
        Exchanged::Given(Given::Token(_)) => token::count(app, GrantType::TokenExchange),
        Exchanged::Refused(refusal) => token::note_refusal(&client.id, GrantType::TokenExchange, refusal),
        Exchanged::Given(_) | Exchanged::TooMany(_) | Exchanged::Unreadable => {}
    }
    Ok(exchanged)
}

async fn decide(app: &App, client: &AuthenticatedClient, request: &TokenExchange, resource: &[String]) -> Result<Exchanged, Fault> {
    if !client.may_use(VAULT) {
        let text = "this is for clients that an operator gave the grant client_credentials and the scope vault";
        return Ok(Exchanged::Refused(Refusal::new(ErrorCode::UnauthorizedClient, text)));
    }
    if let Err(refusal) = resource::check(resource) {
        return Ok(Exchanged::Refused(refusal));
    }
    let app = &app.acting_as(Actor::Client(client.id.clone()));
    let actor = match &request.parties {
        Parties::Workload(token) | Parties::Delegation { actor: token, .. } => token,
    };
    let agent = workloads::verify(app, actor).await?;
    let Some(agent) = agent.filter(|agent| agent.workload.client_id == client.id) else {
        return Ok(Exchanged::Refused(invalid_grant(ACTOR)));
    };
    let agent = match &request.parties {
        Parties::Workload(_) => agent,
        Parties::Delegation { subject, .. } => match for_person(app, client, agent, subject).await? {
            Ok(agent) => agent,
            Err(exchanged) => return Ok(exchanged),
        },
    };
    let (provider, account) = meant(app, &agent, &request.audience).await?;
    let wanted = Wanted {
        provider,
        scope: request.scope.clone().unwrap_or_default(),
        resource: resource.to_vec(),
        account,
        ..Wanted::default()
    };
    Ok(match ask::token(app, &agent, wanted).await? {
        Given::Refused(denial) => Exchanged::Refused(refusal(denial)),
        given => Exchanged::Given(given),
    })
}

fn refusal(denial: Denial) -> Refusal {
    let code = match denial.reason {
        Reason::Person => ErrorCode::InvalidGrant,
        Reason::Provider => ErrorCode::InvalidTarget,
        Reason::Scope => ErrorCode::InvalidScope,
        Reason::Request => ErrorCode::InvalidRequest,
    };
    Refusal::new(code, denial.text)
}

/// The agent, for the person of this token.
async fn for_person(app: &App, client: &AuthenticatedClient, agent: Agent, subject: &str) -> Result<Result<Agent, Exchanged>, Fault> {
    let user = match user_tokens::named(app, Some(&client.id), subject).await? {
        Named::Account(user) => user,
        Named::Unreadable => return Ok(Err(Exchanged::Unreadable)),
        Named::Nobody => {
            let event = app.event(EventKind::WorkloadTokenRefused).refused();
            let event = event.client(&client.id).target(&agent.workload.name).detail("reason", "user token");
            let refused = user_tokens::refuse(app, Some(&client.id), event).await?;
            return Ok(Err(refused.map_or_else(Exchanged::TooMany, Exchanged::Refused)));
        }
    };
    if agent.user_id.as_ref().is_some_and(|id| *id != user.id) {
        return Ok(Err(Exchanged::Refused(invalid_grant(PERSON))));
    }
    let user_id = Some(user.id);
    Ok(Ok(Agent { user_id, ..agent }))
}

/// The connection that an audience names, with its provider; otherwise it is the name of a provider, if there is one.
async fn meant(app: &App, agent: &Agent, audience: &str) -> Result<(String, Option<String>), Fault> {
    let found = app.store.read().await?.connection(audience).await?;
    let own = found.filter(|connection| {
        let is_of_person = agent.user_id.as_ref() == Some(&connection.user_id);
        connection.id == audience && connection.workload == agent.workload.name && is_of_person
    });
    if let Some(connection) = own {
        return Ok((connection.provider_id, Some(connection.id)));
    }
    Ok((audience.to_owned(), None))
}

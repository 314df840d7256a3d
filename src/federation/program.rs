//! Which program uses the relay, binds a flow, or gets tokens for its workloads: a client that an operator gave the scope
//! for that (`relay`, `vault`), or whoever holds the admin token.
//!
//! A client proves who it is with its secret (`Authorization: Basic`) or with an access token that it got for itself.
//! A token that acts for a person never counts: the person did not ask for it.

use std::sync::Arc;

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::identity::admin_token::{self, Verdict};
use crate::identity::limit;
use crate::model::callback::Owner;
use crate::model::client::Client;
use crate::model::event::Actor;
use crate::oauth::client_authentication;
use crate::oauth::verify;
use crate::protocol::client_authentication::ClientCredentials;
use crate::protocol::error::{ErrorCode, Refusal};

/// A program that may use the relay or the vault.
#[derive(Clone, Debug)]
pub enum Program {
    /// A client with the scope
    Client(Arc<Client>),
    /// The admin token
    AdminToken,
}

impl Program {
    /// Whose the callbacks are that it creates.
    #[must_use]
    pub fn owner(&self) -> Owner {
        match self {
            Self::Client(client) => Owner::Client(client.id.clone()),
            Self::AdminToken => Owner::AdminToken,
        }
    }

    /// Who it is in the audit log.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::Client(client) => Actor::Client(client.id.clone()),
            Self::AdminToken => Actor::AdminToken,
        }
    }
}

/// What a program shows.
#[derive(Debug)]
pub enum Shown<'a> {
    /// `X-Admin-Token`
    AdminToken(&'a str),
    /// `Authorization: Bearer`
    Bearer(&'a str),
    /// The credentials of a client
    Credentials(Box<ClientCredentials>),
}

/// Why it may not.
#[derive(Clone, Debug)]
pub enum Denied {
    /// It is not known who it is
    Unknown(Refusal),
    /// The admin token is wrong
    WrongAdminToken,
    /// There were too many wrong admin tokens; try again after so many seconds
    Throttled(Seconds),
    /// It is known who it is, and it has not the scope
    ScopeMissing,
}

/// Finds out which program it is; a client needs `scope`, which is one of this server's own.
///
/// # Errors
/// When the database fails.
pub async fn authenticate(app: &App, shown: Shown<'_>, scope: &str) -> Result<Result<Program, Denied>, Fault> {
    match shown {
        Shown::AdminToken(token) => Ok(match Box::pin(admin_token::verify_throttled(app, token)).await? {
            Verdict::Right => Ok(Program::AdminToken),
            Verdict::Wrong => Err(Denied::WrongAdminToken),
            Verdict::Throttled(seconds) => Err(Denied::Throttled(seconds)),
        }),
        Shown::Credentials(credentials) => Ok(match client_authentication::authenticate(app, &credentials).await? {
            // A public client only says who it is.
            Ok(client) if !client.is_public() && client.may_use(scope) => Ok(Program::Client(client.shared())),
            Ok(_) => Err(Denied::ScopeMissing),
            Err(refusal) => Err(Denied::Unknown(refusal)),
        }),
        Shown::Bearer(token) => Box::pin(by_access_token(app, token, scope)).await,
    }
}

async fn by_access_token(app: &App, token: &str, scope: &str) -> Result<Result<Program, Denied>, Fault> {
    let Some(live) = verify::access_token(app, token).await? else {
        let refusal = Refusal::new(
            ErrorCode::InvalidToken,
            "the access token is unknown, has expired, or is for somebody else",
        );
        return Ok(Err(Denied::Unknown(refusal)));
    };
    if live.claims.grant_id().is_some() || !live.scope.contains(scope) {
        return Ok(Err(Denied::ScopeMissing));
    }
    // What the client may have now counts, not what it had when the token was made.
    let client = app.store.known_client(&live.claims.client_id).await?;
    let Some(client) = client.filter(|client| client.may_use(scope)) else {
        return Ok(Err(Denied::ScopeMissing));
    };
    Ok(match limit::by_client(app, &client) {
        Ok(()) => Ok(Program::Client(client)),
        Err(exceeded) => Err(Denied::Unknown(exceeded.refusal())),
    })
}

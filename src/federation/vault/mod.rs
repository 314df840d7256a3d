//! The vault: what people gave agents at other providers, and how an agent gets a token of it.
//!
//! ```text
//! agent ── token ──▶ a connection that has it: fresh, or refreshed by exactly one of all who ask
//!             └────▶ none: a session, and the link to it for the person
//! person ── link ──▶ the page of the session ── depart ──▶ provider ── arrive ──▶ tokens, sealed
//! ```
//!
//! - `ask`: a token, or the link to the question
//! - `refresh`: a connection whose token has ended
//! - `sessions`: what becomes of a question
//! - `question`: what a person is asked
//! - `consent`: the way of the person
//! - `completion`: what they bring becomes a connection
//! - `connections`: taking back what there is
//! - `revocations`: taking back at providers what is gone here
//! - `given`: what there is, in words

pub mod ask;
pub mod completion;
pub mod connections;
pub mod consent;
pub mod given;
pub mod question;
mod refresh;
pub mod revocations;
pub mod sessions;

use std::fmt;

use crate::app::App;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::model::connection::{Binding, Connection, Tokens};
use crate::model::event::{Event, EventKind};
use crate::model::provider::Provider;
use crate::protocol::provider::Profile;

use super::providers::{self, Proof, ProviderProblem};
use super::upstream::Upstream;

/// Why the vault does not give a token now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The provider cannot be used as it is set up; only its operator can change that. The text is for them
    Unusable(String),
    /// The provider does not answer, or wants to be left alone; ask again after so many seconds
    Later(Seconds),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(problem) => f.write_str(problem),
            Self::Later(seconds) => write!(f, "the provider does not answer now; ask again in {seconds} seconds"),
        }
    }
}

/// What is needed to talk to a provider, with everything that was read for that.
pub(super) struct Line {
    profile: Profile,
    client_id: String,
    proof: Proof,
    redirect_uri: String,
}

impl Line {
    /// Makes ready to talk to a provider.
    async fn to(app: &App, provider: &Provider) -> Result<Result<Self, Trouble>, Fault> {
        let profile = match providers::profile(app, provider).await? {
            Ok(profile) => profile,
            Err(ProviderProblem::Discovery(error)) => {
                note_trouble(provider, &error);
                return Ok(Err(Trouble::Later(refresh::FIRST_BACK_OFF)));
            }
            Err(problem) => return Ok(Err(unusable(provider, &problem))),
        };
        Ok(match providers::proof(app, provider) {
            Ok(proof) => Ok(Self {
                profile,
                client_id: provider.client_id.clone(),
                proof,
                redirect_uri: providers::callback_url(app, &provider.id),
            }),
            Err(problem) => Err(unusable(provider, &problem)),
        })
    }

    fn upstream<'a>(&'a self, app: &'a App) -> Upstream<'a> {
        Upstream {
            app,
            profile: &self.profile,
            client_id: &self.client_id,
            secret: self.proof.secret.as_ref(),
            key: self.proof.key.as_ref(),
            redirect_uri: &self.redirect_uri,
        }
    }
}

fn unusable(provider: &Provider, problem: &dyn fmt::Display) -> Trouble {
    note_trouble(provider, problem);
    Trouble::Unusable(format!(
        "the provider {} is not set up rightly: its operator finds out more at gatehouse's log",
        provider.id
    ))
}

fn note_trouble(provider: &Provider, problem: &dyn fmt::Display) {
    let problem = problem.to_string();
    tracing::warn!(
        event = "provider_unusable",
        provider = provider.id,
        problem,
        "a provider cannot be used"
    );
}

/// Opens the tokens of a connection. Whoever has them needs to be asked again when they do not open: somebody moved them
/// here from somewhere else, or the key is gone.
fn open(app: &App, connection: &Connection) -> Option<Tokens> {
    let opened = app.envelope.open(&connection.binding(), &connection.tokens);
    opened
        .inspect_err(|problem| {
            tracing::error!(event = "connection_not_opened", connection = connection.id, "{problem}");
        })
        .ok()
}

/// Takes tokens back at a provider; whether nothing of them lives on there, for all that is known.
async fn revoke(app: &App, provider: &Provider, line: &Line, tokens: &Tokens) -> Result<bool, Fault> {
    let outcome = line.upstream(app).revoke(tokens).await?;
    Ok(outcome.unwrap_or_else(|error| {
        note_trouble(provider, &error);
        false
    }))
}

/// An event about a connection.
fn about(app: &App, kind: EventKind, connection: &Connection) -> Event {
    about_what(app, kind, &connection.binding())
}

/// An event about a connection, which may be gone.
fn about_what(app: &App, kind: EventKind, binding: &Binding) -> Event {
    app.event(kind)
        .subject(&binding.user_id)
        .target(&binding.connection_id)
        .detail("workload", binding.workload.as_str())
        .detail("provider", binding.provider_id.as_str())
}

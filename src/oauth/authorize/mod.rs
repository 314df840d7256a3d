//! The authorization endpoint (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2).
//!
//! [`begin`] and [`resume`] walk one road from top to bottom. It starts anew at each step of the person, from the
//! same request, so that no step can be skipped by going to a later page:
//!
//! ```text
//! client and redirect URI ──▶ rest of the request ──▶ who is there ──▶ scope ──▶ consent ──▶ code
//!     └ Reject                    ├ Respond(error)       ├ SignIn                  └ AskConsent
//!                                 └ Leave(error)         └ SelectAccount
//! ```

mod consent;
mod step_up;
mod visitor;

use std::sync::Arc;

use crate::app::App;
use crate::base::fault::Fault;
use crate::base::redacted::redacted;
use crate::identity::form_token::BrowserId;
use crate::identity::session::SignedIn;
use crate::model::client::{Client, ClientOrigin};
use crate::protocol::authorization_request::{AuthorizationRequest, ResponseMode, ResponseTarget, Target};
use crate::protocol::error::{ErrorCode, Refusal, invalid_request};
use crate::protocol::parameters::Parameters;
use crate::protocol::redirect_uri::{is_to_loopback, with_query};
use crate::protocol::token_request::GrantType;

use super::client_documents::{self, Found, Purpose};
use super::interaction::Interaction;
use super::resources;

use consent::Asked;
use visitor::Visitor;

/// An answer on its way to the client.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationResponse {
    /// Where to
    pub redirect_uri: String,
    /// How
    pub mode: ResponseMode,
    /// What
    pub parameters: Vec<(&'static str, String)>,
    /// The client's name, for the page that sends a form
    pub client_name: String,
}

redacted!(AuthorizationResponse);

impl AuthorizationResponse {
    /// Where the answer leads that is in the query.
    #[must_use]
    pub fn location(&self) -> String {
        let parameters: Vec<(&str, &str)> = self.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        with_query(&self.redirect_uri, &parameters)
    }

    /// A parameter of the answer.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What a consent page shows.
#[derive(Clone, Debug)]
pub struct ConsentQuestion {
    /// Who asks
    pub client: Arc<Client>,
    /// Where the answer will go
    pub redirect_uri: String,
    /// What for: scope, meaning, claims, and whether the person has not allowed it before
    pub scopes: Vec<AskedScope>,
    /// Where: the protected resources, other than this server itself
    pub resources: Vec<AskedResource>,
    /// The state to continue with
    pub interaction: Interaction,
}

/// A line of the consent page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedScope {
    /// The scope token
    pub name: String,
    /// What it means
    pub description: String,
    /// The claims it releases
    pub claims: Vec<String>,
    /// Not allowed before
    pub is_new: bool,
}

/// A protected resource on the consent page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedResource {
    /// Its name
    pub name: String,
    /// Its identifier
    pub identifier: String,
    /// Not allowed before
    pub is_new: bool,
}

/// What happens next.
#[derive(Debug)]
pub enum Decision {
    /// Tell the person; the client cannot be told safely.
    Reject(Refusal),
    /// Tell the client, by way of the browser.
    Respond(AuthorizationResponse),
    /// Tell the client, if the person wants to go where that leads.
    Leave(AuthorizationResponse),
    /// The person has to sign in.
    SignIn {
        /// The state to continue with
        interaction: Interaction,
        /// Who asks
        client: Arc<Client>,
        /// What the client knows about the person's name
        login_hint: Option<String>,
        /// Where the answer will go
        redirect_uri: String,
    },
    /// The person has to say which account to use.
    SelectAccount {
        /// The state to continue with
        interaction: Interaction,
        /// Who asks
        client: Arc<Client>,
        /// Where the answer will go
        redirect_uri: String,
    },
    /// The person has to allow it.
    AskConsent(Box<ConsentQuestion>),
}

/// The person's answer on the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes
    Allow,
    /// No
    Deny,
}

/// A request that comes from a client for the first time.
///
/// # Errors
/// When the database fails.
pub async fn begin(app: &App, parameters: &Parameters, browser: &BrowserId, visitor: Option<&SignedIn>) -> Result<Decision, Fault> {
    Road {
        app,
        parameters,
        visitor,
        interaction: Interaction::begin(app, parameters, browser, visitor),
        answer: None,
    }
    .walk()
    .await
}

/// A request that comes back from one of our pages, with the person's answer if it was the consent page.
///
/// # Errors
/// When the database fails.
pub async fn resume(app: &App, interaction: Interaction, visitor: Option<&SignedIn>, answer: Option<Answer>) -> Result<Decision, Fault> {
    let parameters = interaction.parameters();
    Road {
        app,
        parameters: &parameters,
        visitor,
        interaction,
        answer,
    }
    .walk()
    .await
}

/// Everything that one walk needs.
struct Road<'a> {
    app: &'a App,
    parameters: &'a Parameters,
    visitor: Option<&'a SignedIn>,
    interaction: Interaction,
    answer: Option<Answer>,
}

/// Where answers go, once client and redirect URI are known to belong together.
struct Destination {
    client: Arc<Client>,
    redirect_uri: String,
    response: ResponseTarget,
}

impl Road<'_> {
    async fn walk(self) -> Result<Decision, Fault> {
        let destination = match self.destination().await? {
            Ok(destination) => destination,
            Err(refusal) => {
                let problem = &*refusal.description;
                tracing::info!(event = "authorization_rejected", error = %refusal.code, problem, detail = refusal.detail, "an authorization request was not looked at");
                return Ok(Decision::Reject(refusal));
            }
        };
        match self.request(destination).await {
            Ok(Ok(decision)) => Ok(decision),
            Ok(Err((destination, refusal))) => {
                let (client, problem) = (destination.client.id.as_str(), &*refusal.description);
                tracing::info!(event = "authorization_refused", client, error = %refusal.code, problem, detail = refusal.detail, "an authorization request was refused");
                let response = self.respond_error(&destination, &refusal);
                let needs_a_question = self.answer.is_none() && leads_astray(&destination);
                Ok(if needs_a_question {
                    Decision::Leave(response)
                } else {
                    Decision::Respond(response)
                })
            }
            Err(fault) => Err(fault),
        }
    }

    /// The two things that must be right before anything is redirected (RFC 6749 §4.1.2.1).
    async fn destination(&self) -> Result<Result<Destination, Refusal>, Fault> {
        let target = match Target::parse(self.parameters) {
            Ok(target) => target,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let client = match client_documents::find(self.app, &target.client_id, Purpose::Authorize).await? {
            Found::Known(client) if !client.is_disabled => client,
            Found::Known(_) | Found::Unknown => {
                let refusal = Refusal::new(ErrorCode::InvalidClient, "no application is registered under this client_id");
                return Ok(Err(refusal.with_detail(target.client_id)));
            }
            Found::Unreadable(problem) => {
                // Why is for the log: what we see of other hosts is nobody else's business.
                let refusal = Refusal::new(ErrorCode::InvalidClient, "the metadata document of this application cannot be used");
                return Ok(Err(refusal.with_detail(format!("{}: {problem}", target.client_id))));
            }
        };
        let is_openid = self
            .parameters
            .get("scope")
            .ok()
            .flatten()
            .is_some_and(|scope| scope.split(' ').any(|token| token == "openid"));
        if target.redirect_uri.is_none() && is_openid {
            return Ok(Err(invalid_request("missing parameter: redirect_uri")));
        }
        let Some(redirect_uri) = client.bind_redirect_uri(target.redirect_uri.as_deref()) else {
            let refusal = invalid_request("the redirect_uri is not registered for this application");
            return Ok(Err(refusal.with_detail(target.redirect_uri.unwrap_or_default())));
        };
        Ok(Ok(Destination {
            client,
            redirect_uri,
            response: ResponseTarget::parse(self.parameters),
        }))
    }

    async fn request(&self, destination: Destination) -> Result<Result<Decision, (Destination, Refusal)>, Fault> {
        let request = match AuthorizationRequest::parse(self.parameters).and_then(|request| check_client(&destination.client, request)) {
            Ok(request) => request,
            Err(refusal) => return Ok(Err((destination, refusal))),
        };
        let (catalog, resources) = (self.app.store.known_scopes().await?, self.app.store.known_resources().await?);
        let requested = catalog.requested(request.scope.as_ref(), &destination.client);
        let chosen = resources::choose(&resources, &self.app.issuer, &destination.client, &request.resource, &requested);
        let resource = match chosen {
            Ok(resource) => resource,
            Err(refusal) => return Ok(Err((destination, refusal))),
        };
        let requested = resources.within(&resource, &requested);
        if requested.is_empty() {
            let refusal = Refusal::new(ErrorCode::InvalidScope, "none of the requested scopes is available to this client");
            return Ok(Err((destination, refusal)));
        }
        match self.who(&destination.client, &request).await? {
            Err(refusal) => Ok(Err((destination, refusal))),
            Ok(Visitor::Missing) => Ok(Ok(Decision::SignIn {
                interaction: self.interaction.clone(),
                client: destination.client,
                login_hint: request.login_hint,
                redirect_uri: destination.redirect_uri,
            })),
            Ok(Visitor::MustChoose) => Ok(Ok(Decision::SelectAccount {
                interaction: self.interaction.clone(),
                client: destination.client,
                redirect_uri: destination.redirect_uri,
            })),
            Ok(Visitor::Here) => {
                let Some(visitor) = self.visitor else {
                    return Err(Fault::internal("a visitor vanished"));
                };
                let asked = Asked {
                    scope: requested,
                    resource,
                    request,
                };
                let asked = self.with_granted(&destination.client, asked, &catalog, visitor).await?;
                self.consent(destination, asked, &catalog, &resources, visitor).await
            }
        }
    }

    fn respond(&self, destination: &Destination, mut parameters: Vec<(&'static str, String)>) -> AuthorizationResponse {
        if let Some(state) = &destination.response.state {
            parameters.push(("state", state.clone()));
        }
        parameters.push(("iss", self.app.issuer.as_str().to_owned()));
        AuthorizationResponse {
            redirect_uri: destination.redirect_uri.clone(),
            mode: destination.response.mode,
            parameters,
            client_name: destination.client.name.clone(),
        }
    }

    fn respond_error(&self, destination: &Destination, refusal: &Refusal) -> AuthorizationResponse {
        self.respond(
            destination,
            vec![
                ("error", refusal.code.to_string()),
                ("error_description", refusal.description.clone().into_owned()),
            ],
        )
    }
}

/// Whether anybody could have made this client, to lead people who trust our address to theirs: a request with a fault
/// would send them there without a question (RFC 9700 §4.11.2). What listens on their own device is no such address.
fn leads_astray(destination: &Destination) -> bool {
    destination.client.origin != ClientOrigin::Operator && !is_to_loopback(&destination.redirect_uri)
}

/// Rules about the client that the request alone cannot know.
fn check_client(client: &Client, request: AuthorizationRequest) -> Result<AuthorizationRequest, Refusal> {
    if !client.allows(GrantType::AuthorizationCode) {
        return Err(Refusal::new(
            ErrorCode::UnauthorizedClient,
            "this client is not registered for the authorization code grant",
        ));
    }
    if client.needs_pkce() && request.code_challenge.is_none() {
        return Err(invalid_request(
            "code_challenge is required (RFC 7636), with code_challenge_method=S256",
        ));
    }
    Ok(request)
}

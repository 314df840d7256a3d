//! The authorization endpoint (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2).
//!
//! [`decide`] is one road from top to bottom. It starts anew at each step of the person, from the
//! same request, so that no step can be skipped by going to a later page:
//!
//! ```text
//! client and redirect URI ──▶ rest of the request ──▶ who is there ──▶ scope ──▶ consent ──▶ code
//!     └ Reject                    └ Respond(error)       ├ SignIn                  └ AskConsent
//!                                                        └ SelectAccount
//! ```

use crate::app::App;
use crate::base::clock::Timestamp;
use crate::base::digest::sha256_text;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::identity::form_token::BrowserId;
use crate::identity::session::SignedIn;
use crate::model::client::{Client, ConsentPolicy};
use crate::model::consent::Consent;
use crate::model::grant::Grant;
use crate::model::scope::ScopeCatalog;
use crate::protocol::authorization_request::{AuthorizationRequest, ResponseMode, ResponseTarget, Target};
use crate::protocol::error::{ErrorCode, Refusal, invalid_request};
use crate::protocol::parameters::Parameters;
use crate::protocol::scope::Scope;
use crate::protocol::token_request::GrantType;
use crate::protocol::tokens::AuthorizationCode;

use super::interaction::{Interaction, Shown};
use super::issue::ACR_PASSWORD;
use super::{machine, verify};

/// An answer on its way to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// What a consent page shows.
#[derive(Clone, Debug)]
pub struct ConsentQuestion {
    /// Who asks
    pub client: Client,
    /// Where the answer will go
    pub redirect_uri: String,
    /// What for: scope, meaning, claims, and whether the person has not allowed it before
    pub scopes: Vec<AskedScope>,
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

/// What happens next.
#[derive(Debug)]
pub enum Decision {
    /// Tell the person; the client cannot be told safely.
    Reject(Refusal),
    /// Tell the client, by way of the browser.
    Respond(AuthorizationResponse),
    /// The person has to sign in.
    SignIn {
        /// The state to continue with
        interaction: Interaction,
        /// Who asks
        client: Box<Client>,
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
        client: Box<Client>,
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
    client: Client,
    redirect_uri: String,
    response: ResponseTarget,
}

/// What the people's part of the walk found out.
enum Visitor {
    Here,
    Missing,
    MustChoose,
}

impl Road<'_> {
    async fn walk(self) -> Result<Decision, Fault> {
        let destination = match self.destination().await? {
            Ok(destination) => destination,
            Err(refusal) => {
                tracing::info!(event = "authorization_rejected", error = %refusal.code, detail = refusal.detail, "{}", refusal.description);
                return Ok(Decision::Reject(refusal));
            }
        };
        match self.request(destination).await {
            Ok(Ok(decision)) => Ok(decision),
            Ok(Err((destination, refusal))) => {
                tracing::info!(event = "authorization_refused", client = destination.client.id, error = %refusal.code, detail = refusal.detail, "{}", refusal.description);
                Ok(Decision::Respond(self.respond_error(&destination, &refusal)))
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
        let client = self
            .app
            .store
            .read()
            .await?
            .client(&target.client_id)
            .await?
            .filter(|client| !client.is_disabled);
        let Some(client) = client else {
            let refusal = Refusal::new(ErrorCode::InvalidClient, "no application is registered under this client_id");
            return Ok(Err(refusal.with_detail(target.client_id)));
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
        if let Err(refusal) = verify::resource(self.app, &request.resource) {
            return Ok(Err((destination, refusal)));
        }
        let catalog = self.app.store.read().await?.scopes().await?;
        let requested = catalog.requested(request.scope.as_ref(), &destination.client);
        if requested.is_empty() {
            let refusal = Refusal::new(ErrorCode::InvalidScope, "none of the requested scopes is available to this client");
            return Ok(Err((destination, refusal)));
        }
        match self.who(&destination.client, &request).await? {
            Err(refusal) => Ok(Err((destination, refusal))),
            Ok(Visitor::Missing) => Ok(Ok(Decision::SignIn {
                interaction: self.interaction.clone(),
                client: Box::new(destination.client),
                login_hint: request.login_hint,
                redirect_uri: destination.redirect_uri,
            })),
            Ok(Visitor::MustChoose) => Ok(Ok(Decision::SelectAccount {
                interaction: self.interaction.clone(),
                client: Box::new(destination.client),
                redirect_uri: destination.redirect_uri,
            })),
            Ok(Visitor::Here) => {
                let Some(visitor) = self.visitor else {
                    return Err(Fault::internal("a visitor vanished"));
                };
                self.consent(destination, request, &catalog, &requested, visitor).await
            }
        }
    }

    /// Whether the right person is there, recently enough (OpenID Connect Core §3.1.2.1, §3.1.2.3).
    async fn who(&self, client: &Client, request: &AuthorizationRequest) -> Result<Result<Visitor, Refusal>, Fault> {
        let login_required = || Refusal::new(ErrorCode::LoginRequired, "the person has to sign in");
        let expected = match self.expected_subject(client, request).await? {
            Ok(expected) => expected,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if !accepts_password(request) {
            let refusal = Refusal::new(
                ErrorCode::UnmetAuthenticationRequirements,
                "the requested authentication context cannot be reached",
            );
            return Ok(Err(refusal));
        }
        let Some(visitor) = self.visitor else {
            return Ok(if request.prompt.none {
                Err(login_required())
            } else {
                Ok(Visitor::Missing)
            });
        };
        let is_fresh = self.interaction.has_signed_in(visitor);
        if self.interaction.wants_other && !is_fresh {
            return Ok(Ok(Visitor::Missing));
        }
        let is_other = expected.as_ref().is_some_and(|expected| *expected != visitor.user.id);
        let is_stale = request
            .max_age
            .is_some_and(|max_age| self.app.now() - visitor.session.auth_time > max_age);
        if is_other && is_fresh {
            return Ok(Err(Refusal::new(
                ErrorCode::LoginRequired,
                "somebody else signed in than the one who was asked for",
            )));
        }
        if is_other || ((request.prompt.login || is_stale) && !is_fresh) {
            return Ok(if request.prompt.none {
                Err(login_required())
            } else {
                Ok(Visitor::Missing)
            });
        }
        let has_chosen = is_fresh || self.interaction.chosen_session.as_deref() == Some(visitor.session.id.as_str());
        if request.prompt.select_account && !has_chosen {
            return Ok(Ok(Visitor::MustChoose));
        }
        Ok(Ok(Visitor::Here))
    }

    /// The user that the client expects: `id_token_hint`, or a value for `sub` (OpenID Connect Core §5.5.1).
    async fn expected_subject(&self, client: &Client, request: &AuthorizationRequest) -> Result<Result<Option<String>, Refusal>, Fault> {
        let by_claim = request
            .claims
            .id_token
            .get("sub")
            .and_then(|sub| sub.value.as_ref())
            .and_then(|value| value.as_str());
        let by_hint = match &request.id_token_hint {
            Some(hint) => match verify::id_token_hint(self.app, hint, &client.id).await? {
                Some(subject) => Some(subject),
                None => {
                    return Ok(Err(invalid_request(
                        "id_token_hint is not an ID token that this server issued to this client",
                    )));
                }
            },
            None => None,
        };
        match (by_claim, by_hint) {
            (Some(claim), Some(hint)) if claim != hint => Ok(Err(invalid_request("id_token_hint and claims name different people"))),
            (claim, hint) => Ok(Ok(hint.or_else(|| claim.map(str::to_owned)))),
        }
    }

    async fn consent(
        &self,
        destination: Destination,
        request: AuthorizationRequest,
        catalog: &ScopeCatalog,
        requested: &Scope,
        visitor: &SignedIn,
    ) -> Result<Result<Decision, (Destination, Refusal)>, Fault> {
        let client = &destination.client;
        let effective = catalog.of_user(requested, &visitor.user);
        if effective.is_empty() {
            let refusal = Refusal::new(ErrorCode::AccessDenied, "this person may not grant any of the requested scopes");
            return Ok(Err((destination, refusal)));
        }
        let claims = releasable_claims(&request, catalog, client, visitor);
        let before = self.app.store.read().await?.consent(&visitor.user.id, &client.id).await?;
        let is_answered = self
            .interaction
            .shown
            .as_ref()
            .is_some_and(|shown| shown.covers(&visitor.session.id, &effective, &claims));
        let answer = self.answer.filter(|_| is_answered);
        match answer {
            Some(Answer::Deny) => {
                return Ok(Err((destination, Refusal::new(ErrorCode::AccessDenied, "the person said no"))));
            }
            Some(Answer::Allow) => {}
            None => {
                let is_covered = before.as_ref().is_some_and(|consent| consent.covers(&effective, &claims));
                let must_ask = request.prompt.consent
                    || match client.consent_policy {
                        ConsentPolicy::Always => true,
                        ConsentPolicy::Once => !is_covered,
                        ConsentPolicy::Skip => false,
                    };
                if must_ask && request.prompt.none {
                    return Ok(Err((
                        destination,
                        Refusal::new(ErrorCode::ConsentRequired, "the person has to give consent"),
                    )));
                }
                if must_ask {
                    let question = self.question(destination, catalog, &effective, claims, before.as_ref(), visitor);
                    return Ok(Ok(Decision::AskConsent(Box::new(question))));
                }
            }
        }
        let is_new_consent = answer.is_some();
        let granted = match machine::authorize(
            &client.id,
            &destination.redirect_uri,
            requested,
            &effective,
            request.response.state.as_deref(),
        )? {
            Ok(granted) => granted,
            Err(refusal) => return Ok(Err((destination, refusal))),
        };
        let response = self
            .grant(
                &destination,
                request,
                granted,
                claims,
                visitor,
                before.filter(|_| is_new_consent),
                is_new_consent,
            )
            .await?;
        Ok(Ok(Decision::Respond(response)))
    }

    fn question(
        &self,
        destination: Destination,
        catalog: &ScopeCatalog,
        effective: &Scope,
        claims: Vec<String>,
        before: Option<&Consent>,
        visitor: &SignedIn,
    ) -> ConsentQuestion {
        let mut scopes: Vec<AskedScope> = effective
            .iter()
            .filter_map(|token| catalog.definition(token))
            .map(|definition| AskedScope {
                name: definition.name.clone(),
                description: definition.description.clone(),
                claims: definition.claims.clone(),
                is_new: before.is_some_and(|consent| !consent.scope.contains(&definition.name)),
            })
            .collect();
        let released = catalog.claims(effective);
        let single: Vec<String> = claims.iter().filter(|claim| !released.contains(&claim.as_str())).cloned().collect();
        if !single.is_empty() {
            let is_new = before.is_some_and(|consent| single.iter().any(|claim| !consent.claims.contains(claim)));
            scopes.push(AskedScope {
                name: "claims".to_owned(),
                description: "See these details about you".to_owned(),
                claims: single,
                is_new,
            });
        }
        let shown = Shown {
            session_id: visitor.session.id.clone(),
            scope: effective.to_string(),
            claims,
        };
        ConsentQuestion {
            client: destination.client,
            redirect_uri: destination.redirect_uri,
            scopes,
            interaction: Interaction {
                shown: Some(shown),
                ..self.interaction.clone()
            },
        }
    }

    /// Writes the grant, and the consent if one was given, and makes the answer with the code.
    #[expect(clippy::too_many_arguments, reason = "the end of the road carries all that was found on it")]
    async fn grant(
        &self,
        destination: &Destination,
        request: AuthorizationRequest,
        scope: Scope,
        claims: Vec<String>,
        visitor: &SignedIn,
        before: Option<Consent>,
        is_new_consent: bool,
    ) -> Result<AuthorizationResponse, Fault> {
        let app = self.app;
        let now = app.now();
        let id = new_id(&app.clock, &app.random);
        let code = AuthorizationCode::new(&id, app.random.bytes())
            .ok_or_else(|| Fault::internal("a new id is not an id"))?
            .to_text();
        let mut requested_claims = request.claims;
        let is_releasable = |name: &String| claims.contains(name);
        requested_claims.userinfo.retain(|name, _| is_releasable(name));
        requested_claims.id_token.retain(|name, _| is_releasable(name));
        let code_expires_at = now + app.config.lifetimes.code;
        let mut tx = app.store.begin().await?;
        if is_new_consent {
            tx.put_consent(&widened(before, visitor, &destination.client, &scope, claims, now))
                .await?;
        }
        tx.insert_grant(&Grant {
            id,
            client_id: destination.client.id.clone(),
            user_id: visitor.user.id.clone(),
            session_id: visitor.session.id.clone(),
            scope,
            claims: requested_claims,
            redirect_uri: destination.redirect_uri.clone(),
            is_redirect_uri_explicit: self.parameters.get("redirect_uri").ok().flatten().is_some(),
            nonce: request.nonce,
            auth_time: visitor.session.auth_time,
            amr: visitor.session.amr.clone(),
            code_hash: sha256_text(&code),
            code_challenge: request.code_challenge,
            code_expires_at,
            code_consumed_at: None,
            generation: 0,
            rotated_at: now,
            idle_expires_at: code_expires_at,
            expires_at: code_expires_at,
            created_at: now,
            revoked_at: None,
        })
        .await?;
        tx.commit().await?;
        tracing::debug!(
            event = "code_issued",
            client = destination.client.id,
            user = visitor.user.id,
            "a code was issued"
        );
        Ok(self.respond(destination, vec![("code", code)]))
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

/// Whether a password sign-in satisfies an `acr` that is essential (OpenID Connect Core §5.5.1.1).
/// `acr_values` alone is a wish, not a condition.
fn accepts_password(request: &AuthorizationRequest) -> bool {
    request
        .claims
        .id_token
        .get("acr")
        .is_none_or(|acr| !acr.essential || acr.accepts(ACR_PASSWORD))
}

/// Of the claims asked for by name, those that some scope of this client could release: `claims`
/// narrows what is asked for, it opens no door that the operator closed.
fn releasable_claims(request: &AuthorizationRequest, catalog: &ScopeCatalog, client: &Client, visitor: &SignedIn) -> Vec<String> {
    let reachable = catalog.of_user(&client.scope, &visitor.user);
    let reachable = catalog.claims(&reachable);
    request
        .claims
        .names()
        .into_iter()
        .filter(|name| *name != "sub" && reachable.contains(name))
        .map(str::to_owned)
        .collect()
}

/// What the person has allowed so far, and what they allow now.
fn widened(before: Option<Consent>, visitor: &SignedIn, client: &Client, scope: &Scope, claims: Vec<String>, now: Timestamp) -> Consent {
    let mut consent = before.unwrap_or_else(|| Consent {
        user_id: visitor.user.id.clone(),
        client_id: client.id.clone(),
        scope: Scope::default(),
        claims: Vec::new(),
        created_at: now,
        updated_at: now,
    });
    consent.scope = consent.scope.union(scope);
    for claim in claims {
        if !consent.claims.contains(&claim) {
            consent.claims.push(claim);
        }
    }
    consent.updated_at = now;
    consent
}

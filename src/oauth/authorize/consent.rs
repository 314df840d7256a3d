//! The end of the road: the scope that is left, the person's consent, and the grant with its code.

use crate::base::again::when_undone;
use crate::base::digest::sha256_text;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::identity::session::SignedIn;
use crate::model::client::{Client, ClientOrigin, ConsentPolicy};
use crate::model::consent::Consent;
use crate::model::event::{Actor, Event, EventKind};
use crate::model::grant::Grant;
use crate::model::resource::ResourceCatalog;
use crate::model::scope::ScopeCatalog;
use crate::oauth::interaction::{Interaction, Shown};
use crate::oauth::machine;
use crate::protocol::authorization_request::AuthorizationRequest;
use crate::protocol::error::{ErrorCode, Refusal};
use crate::protocol::scope::Scope;
use crate::protocol::tokens::AuthorizationCode;

use super::{Answer, AskedResource, AskedScope, AuthorizationResponse, ConsentQuestion, Decision, Destination, Road};

/// What is asked for.
pub(super) struct Asked {
    /// The request
    pub request: AuthorizationRequest,
    /// What of its scope the client may have
    pub scope: Scope,
    /// The resources that tokens will be for, as they are registered
    pub resource: Vec<String>,
}

/// What the end of the road has to write down.
struct Granted {
    request: AuthorizationRequest,
    scope: Scope,
    resource: Vec<String>,
    claims: Vec<String>,
    basis: Basis,
}

/// What a grant rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    /// The person said yes just now
    Answer,
    /// They said yes before, and that is remembered
    Consent,
    /// The operator vouches for the client
    Policy,
}

/// What the person is asked.
struct Question<'a> {
    catalog: &'a ScopeCatalog,
    resources: &'a ResourceCatalog,
    scope: &'a Scope,
    claims: Vec<String>,
    resource: &'a [String],
    /// What they have allowed before
    before: Option<&'a Consent>,
    visitor: &'a SignedIn,
}

/// What became of writing a grant.
enum Outcome {
    Granted(AuthorizationResponse),
    /// The session ended a moment ago
    SignedOut,
    /// The consent was withdrawn a moment ago
    Withdrawn,
}

impl Road<'_> {
    /// Grants what may be granted, once the person has said yes as the client's policy demands.
    pub(super) async fn consent(
        &self,
        destination: Destination,
        asked: Asked,
        catalog: &ScopeCatalog,
        resources: &ResourceCatalog,
        visitor: &SignedIn,
    ) -> Result<Result<Decision, (Destination, Refusal)>, Fault> {
        let Asked {
            request,
            scope: requested,
            resource,
        } = asked;
        let client = &destination.client;
        let effective = catalog.of_user(&requested, &visitor.user);
        if effective.is_empty() {
            let refusal = Refusal::new(ErrorCode::AccessDenied, "this person may not grant any of the requested scopes");
            return Ok(Err((destination, refusal)));
        }
        let claims = releasable_claims(&request, catalog, client, visitor);
        let ask = |destination, claims, before: Option<&Consent>| {
            let question = Question {
                catalog,
                resources,
                scope: &effective,
                claims,
                resource: &resource,
                before,
                visitor,
            };
            Decision::AskConsent(Box::new(self.question(destination, question)))
        };
        let before = self.app.store.read().await?.consent(&visitor.user.id, &client.id).await?;
        let is_answered = self.interaction.shown.as_ref().is_some_and(|shown| {
            shown.covers(&visitor.session.id, &effective, &claims, &resource) && shown.redirect_uri == destination.redirect_uri
        });
        let answer = self.answer.filter(|_| is_answered);
        match answer {
            Some(Answer::Deny) => {
                let mut tx = self.app.store.begin().await?;
                tx.record(self.answered(EventKind::ConsentDenied, visitor, client, &effective).refused())
                    .await?;
                tx.commit().await?;
                return Ok(Err((destination, Refusal::new(ErrorCode::AccessDenied, "the person said no"))));
            }
            Some(Answer::Allow) => {}
            None => {
                let is_covered = before
                    .as_ref()
                    .is_some_and(|consent| consent.covers(&effective, &claims, &resource));
                let must_ask = request.prompt.consent || needs_consent(client, is_covered);
                if must_ask && request.prompt.none {
                    return Ok(Err((
                        destination,
                        Refusal::new(ErrorCode::ConsentRequired, "the person has to give consent"),
                    )));
                }
                if must_ask {
                    return Ok(Ok(ask(destination, claims, before.as_ref())));
                }
            }
        }
        let granted = match machine::authorize(
            &client.id,
            &destination.redirect_uri,
            &requested,
            &effective,
            request.response.state.as_deref(),
        )? {
            Ok(granted) => granted,
            Err(refusal) => return Ok(Err((destination, refusal))),
        };
        let is_silent = request.prompt.none;
        let asked_claims = claims.clone();
        let granted = Granted {
            request,
            scope: granted,
            resource: resource.clone(),
            claims,
            basis: match (answer.is_some(), destination.client.consent_policy) {
                (true, _) => Basis::Answer,
                (false, ConsentPolicy::Skip) => Basis::Policy,
                (false, _) => Basis::Consent,
            },
        };
        Ok(match self.grant(&destination, granted, visitor).await? {
            Outcome::Granted(response) => Ok(Decision::Respond(response)),
            Outcome::SignedOut if is_silent => Err((destination, Refusal::new(ErrorCode::LoginRequired, "the person has to sign in"))),
            Outcome::SignedOut => Ok(Decision::SignIn {
                interaction: self.interaction.clone(),
                client: destination.client,
                login_hint: None,
                redirect_uri: destination.redirect_uri,
            }),
            Outcome::Withdrawn if is_silent => {
                let refusal = Refusal::new(ErrorCode::ConsentRequired, "the person has to give consent");
                Err((destination, refusal))
            }
            Outcome::Withdrawn => Ok(ask(destination, asked_claims, None)),
        })
    }

    fn question(&self, destination: Destination, question: Question<'_>) -> ConsentQuestion {
        let Question {
            catalog,
            resources,
            scope: effective,
            claims,
            resource,
            before,
            visitor,
        } = question;
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
            resource: resource.to_vec(),
            redirect_uri: destination.redirect_uri.clone(),
        };
        let named = resource.iter().filter_map(|identifier| resources.find(identifier));
        ConsentQuestion {
            resources: named
                .map(|resource| AskedResource {
                    name: resource.name.clone(),
                    identifier: resource.identifier.clone(),
                    is_new: before.is_some_and(|consent| !consent.resource.contains(&resource.identifier)),
                })
                .collect(),
            client: destination.client,
            redirect_uri: destination.redirect_uri,
            scopes,
            interaction: Interaction {
                shown: Some(shown),
                ..self.interaction.clone()
            },
        }
    }

    /// The event that the person answered the question.
    fn answered(&self, kind: EventKind, visitor: &SignedIn, client: &Client, scope: &Scope) -> Event {
        let event = self.app.event(kind).by(Actor::User(visitor.user.id.clone()));
        event
            .subject(&visitor.user.id)
            .client(&client.id)
            .detail("scope", scope.to_string())
    }

    /// Writes the grant, and the consent if one was given, and makes the answer with the code.
    async fn grant(&self, destination: &Destination, granted: Granted, visitor: &SignedIn) -> Result<Outcome, Fault> {
        let Granted {
            request,
            scope,
            resource,
            claims,
            basis,
        } = granted;
        let app = self.app;
        let now = app.now();
        let id = new_id(&app.clock, &app.random);
        let code = AuthorizationCode::new(&id, app.random.bytes(), app.secrets.code.newest())
            .ok_or_else(|| Fault::internal("a new id is not an id"))?
            .to_text();
        let mut requested_claims = request.claims;
        let is_releasable = |name: &String| claims.contains(name);
        requested_claims.userinfo.retain(|name, _| is_releasable(name));
        requested_claims.id_token.retain(|name, _| is_releasable(name));
        let code_expires_at = now + app.lifetimes().code;
        let ends_with_session = scope.contains("openid") && !scope.contains("offline_access");
        let grant = Grant {
            id,
            client_id: destination.client.id.clone(),
            user_id: visitor.user.id.clone(),
            session_id: visitor.session.id.clone(),
            scope,
            resource,
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
            ends_at: code_expires_at,
            expires_at: code_expires_at,
            created_at: now,
            revoked_at: None,
            ends_with_session,
        };
        if let Some(hindrance) = when_undone(async || self.write(destination, &grant, &claims, basis, visitor).await).await? {
            return Ok(hindrance);
        }
        tracing::debug!(
            event = "code_issued",
            client = destination.client.id,
            user = visitor.user.id,
            "a code was issued"
        );
        Ok(Outcome::Granted(self.respond(destination, vec![("code", code)])))
    }

    /// The transaction of it, and what keeps the grant from being written. The rows of the session and of a consent that it
    /// rests on are held, so that signing out everywhere and withdrawing either see this grant or come first.
    async fn write(
        &self,
        destination: &Destination,
        grant: &Grant,
        claims: &[String],
        basis: Basis,
        visitor: &SignedIn,
    ) -> Result<Option<Outcome>, Fault> {
        let mut tx = self.app.store.begin().await?;
        if !tx.hold_session(&visitor.session.id).await? {
            return Ok(Some(Outcome::SignedOut));
        }
        if basis == Basis::Consent && !tx.hold_consent(&visitor.user.id, &destination.client.id).await? {
            return Ok(Some(Outcome::Withdrawn));
        }
        if basis == Basis::Answer {
            let before = tx.consent(&visitor.user.id, &destination.client.id).await?;
            let event = self.answered(EventKind::ConsentGiven, visitor, &destination.client, &grant.scope);
            let event = event.target(&grant.id).detail("claims", claims.to_vec());
            tx.record(event.detail("resource", grant.resource.clone())).await?;
            tx.put_consent(&widened(before, claims, grant)).await?;
        }
        tx.insert_grant(grant).await?;
        tx.commit().await?;
        Ok(None)
    }
}

/// Of the claims asked for by name, those that some scope of this client could release: `claims`
/// narrows what is asked for, it opens no door that the operator closed.
fn releasable_claims(request: &AuthorizationRequest, catalog: &ScopeCatalog, client: &Client, visitor: &SignedIn) -> Vec<String> {
    let reachable = catalog.reachable_claims(client, &visitor.user);
    request
        .claims
        .names()
        .into_iter()
        .filter(|name| *name != "sub" && reachable.contains(name))
        .map(str::to_owned)
        .collect()
}

/// Whether the person is asked, by the client's policy. Where nobody vouches for the client they always are: a consent that
/// is remembered could serve somebody else, whoever changed the registration or the document since, or another program
/// on this device (RFC 8252 §8.6).
fn needs_consent(client: &Client, is_covered: bool) -> bool {
    match (client.origin, client.consent_policy) {
        (ClientOrigin::Registration | ClientOrigin::Document, _) | (_, ConsentPolicy::Always) => true,
        (ClientOrigin::Operator, ConsentPolicy::Once) => !is_covered,
        (ClientOrigin::Operator, ConsentPolicy::Skip) => false,
    }
}

/// What the person has allowed so far, and what they allow with a new grant.
fn widened(before: Option<Consent>, claims: &[String], grant: &Grant) -> Consent {
    let mut consent = before.unwrap_or_else(|| Consent {
        user_id: grant.user_id.clone(),
        client_id: grant.client_id.clone(),
        scope: Scope::default(),
        claims: Vec::new(),
        resource: Vec::new(),
        created_at: grant.created_at,
        updated_at: grant.created_at,
    });
    consent.scope = consent.scope.union(&grant.scope);
    add(&mut consent.claims, claims);
    add(&mut consent.resource, &grant.resource);
    consent.updated_at = grant.created_at;
    consent
}

/// Adds what is not there yet.
fn add(all: &mut Vec<String>, more: &[String]) {
    for one in more {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
}

//! Whether the right person is there, recently enough (OpenID Connect Core §3.1.2.1, §3.1.2.3).

use crate::base::fault::Fault;
use crate::model::client::Client;
use crate::oauth::issue::ACR_PASSWORD;
use crate::oauth::verify;
use crate::protocol::authorization_request::AuthorizationRequest;
use crate::protocol::error::{ErrorCode, Refusal, invalid_request};

use super::Road;

/// What the people's part of the walk found out.
pub(super) enum Visitor {
    Here,
    Missing,
    MustChoose,
}

impl Road<'_> {
    /// Whether the right person is there, recently enough (OpenID Connect Core §3.1.2.1, §3.1.2.3).
    pub(super) async fn who(&self, client: &Client, request: &AuthorizationRequest) -> Result<Result<Visitor, Refusal>, Fault> {
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
        let is_fresh = self.interaction.has_signed_in(self.app, visitor);
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
        let must_sign_in = request.prompt.login || request.max_age == Some(0) || is_stale;
        if is_other || (must_sign_in && !is_fresh) {
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
                // A hint from before a rotation of keys must not break silent renewal.
                None if request.prompt.none => {
                    return Ok(Err(Refusal::new(
                        ErrorCode::LoginRequired,
                        "id_token_hint cannot be verified any more",
                    )));
                }
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

//! Where a person is sent to.

use openidconnect::core::CoreResponseType;
use openidconnect::{AuthenticationFlow, CsrfToken, Nonce, PkceCodeChallenge, PkceCodeVerifier, Scope as ScopeToken};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::base::fault::Fault;
use crate::protocol::scope::Scope;

use super::Upstream;

/// What is kept of a person who was sent away, so that only what belongs to it is taken when they come back.
#[derive(Clone, Serialize, Deserialize)]
pub struct Flow {
    /// The nonce, which comes back in the ID token (OpenID Connect Core §3.1.2.1)
    pub nonce: Option<String>,
    /// The verifier (RFC 7636 §4.1)
    pub verifier: Option<String>,
    /// What the tokens are for (RFC 8707 §2.2)
    #[serde(default)]
    pub resource: Vec<String>,
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flow")
    }
}

/// The scope that makes a request one of OpenID Connect.
const OPENID: &str = "openid";

impl Upstream<'_> {
    /// The address that a person is sent to, with a `state` of ours; and what must come back. `more` is what the agent
    /// adds to it: what we say ourselves, and what the operator says, stays.
    ///
    /// # Errors
    /// When the profile makes no addresses.
    pub fn authorize(&self, scope: &Scope, resource: &[String], state: &str, more: &[(String, String)]) -> Result<(Url, Flow), Fault> {
        let profile = self.profile;
        let is_openid = profile.jwks_uri.is_some() && (scope.contains(OPENID) || profile.whoami.scope.contains(&OPENID));
        let nonce = Nonce::new(self.app.random.secret());
        let verifier = profile.pkce.then(|| self.app.random.secret());
        let client = self.client()?.disable_openid_scope();
        let (own_state, own_nonce) = (CsrfToken::new(state.to_owned()), nonce.clone());
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let mut request = client.authorize_url(flow, move || own_state, move || own_nonce);
        if let Some(verifier) = &verifier {
            let verifier = PkceCodeVerifier::new(verifier.clone());
            request = request.set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        }
        let also = profile.always_asked_for().filter(|token| !scope.contains(token));
        let tokens: Vec<String> = scope.iter().map(str::to_owned).chain(also.map(str::to_owned)).collect();
        let is_usual = profile.scope_parameter == "scope" && profile.scope_separator == ' ';
        if is_usual {
            request = request.add_scopes(tokens.iter().cloned().map(ScopeToken::new));
        }
        let (url, ..) = request.url();
        let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        // A provider that has no ID tokens does not know what a nonce is, and some refuse what they do not know.
        pairs.retain(|(name, _)| is_openid || name != "nonce");
        if !is_usual && !tokens.is_empty() {
            let mut separator = [0; 4];
            let joined = tokens.join(profile.scope_separator.encode_utf8(&mut separator));
            pairs.push((profile.scope_parameter.to_owned(), joined));
        }
        for (name, value) in profile
            .authorization_parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .chain(more.iter().cloned())
        {
            if !pairs.iter().any(|(known, _)| *known == name) && !is_ours(&name) {
                pairs.push((name, value));
            }
        }
        pairs.extend(resource.iter().map(|resource| ("resource".to_owned(), resource.clone())));
        let mut url = profile.authorization_endpoint.clone();
        // The endpoint may have parameters of its own (RFC 6749 §3.1), which the library has kept among the others.
        url.query_pairs_mut().clear().extend_pairs(pairs);
        let flow = Flow {
            nonce: is_openid.then(|| nonce.secret().clone()),
            verifier,
            resource: resource.to_vec(),
        };
        Ok((url, flow))
    }
}

/// Whether a parameter is one that nobody else says.
fn is_ours(name: &str) -> bool {
    matches!(
        name,
        "client_id"
            | "redirect_uri"
            | "response_type"
            | "response_mode"
            | "state"
            | "nonce"
            | "scope"
            | "user_scope"
            | "resource"
            | "request"
            | "request_uri"
            | "code_challenge"
            | "code_challenge_method"
    )
}

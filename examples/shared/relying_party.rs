//! The relying party (OpenID Connect Core §3.1): what an application says to the issuer, and what it
//! checks of the answers, by the crate `openidconnect`.
//!
//! ```text
//! begin ──▶ the browser goes to /authorize and comes back to /callback ──▶ redeem ──▶ refresh … revoke
//! ```

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::{Arc, PoisonError, RwLock};

use openidconnect::core::{CoreAuthenticationFlow, CoreErrorResponseType, CoreIdTokenClaims, CoreTokenResponse, CoreUserInfoClaims};
use openidconnect::{
    AccessToken, AccessTokenHash, AuthorizationCode, ClaimsVerificationError, CsrfToken, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, RefreshToken, RequestTokenError, Scope, SignatureVerificationError, SubjectIdentifier, TokenResponse, reqwest,
    url::Url,
};
use serde::Deserialize;

use super::error::told;
use super::issuer;
use super::provider::{Provider, Registration};
use super::signed_in::{SignedIn, Tokens};

/// The application, ready to sign people in.
pub struct RelyingParty {
    registration: Registration,
    http: reqwest::Client,
    provider: RwLock<Arc<Provider>>,
}

/// A sign-in that a browser has begun.
pub struct Pending {
    /// Binds the answer to the browser (RFC 6749 §10.12)
    pub state: CsrfToken,
    /// What was asked for
    pub asked: BTreeSet<String>,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

/// The authorization response, as it stands in the address.
#[derive(Debug, Deserialize)]
pub struct Answer {
    code: Option<String>,
    /// Whose sign-in it answers
    pub state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Why nobody was signed in.
#[derive(Debug)]
pub enum SignInError {
    /// The answer belongs to no sign-in that this browser began here
    NotOurs(&'static str),
    /// The issuer, or the person there, said no (RFC 6749 §4.1.2.1)
    Refused { error: String, description: String },
    /// The issuer does not answer, or what it answers cannot be believed
    Issuer(String),
}

/// Why there is no new access token.
#[derive(Debug)]
pub enum RefreshError {
    /// The grant is over: sign in again
    Ended(String),
    /// The issuer does not answer: try again
    Unavailable(String),
}

impl RelyingParty {
    /// Asks the issuer for its metadata and keys.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub async fn discover(registration: Registration) -> Result<Self, String> {
        let http = issuer::client(&registration.issuer)?;
        let provider = Provider::discover(&registration, &http).await?;
        Ok(Self {
            registration,
            http,
            provider: RwLock::new(Arc::new(provider)),
        })
    }

    /// Whether the issuer knows the client: it is asked to refresh a token that nobody has.
    ///
    /// # Errors
    /// Why the issuer does not know the client.
    pub async fn check_registration(&self) -> Result<(), String> {
        let nothing = RefreshToken::new("nothing".to_owned());
        let provider = self.provider();
        let request = provider.client.exchange_refresh_token(&nothing).map_err(|error| told(&error))?;
        match request.request_async(&self.http).await {
            Err(RequestTokenError::ServerResponse(answer)) if *answer.error() == CoreErrorResponseType::InvalidClient => Err(format!(
                "{} does not know the client {} with this secret, or without one",
                self.registration.issuer, self.registration.client_id
            )),
            _ => Ok(()),
        }
    }

    /// Begins a sign-in: where the browser has to go, and what is to be kept until it is back.
    pub fn begin(&self, scope: BTreeSet<String>) -> (Url, Pending) {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let provider = self.provider();
        let (url, state, nonce) = provider
            .client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            // The crate adds `openid` by itself.
            .add_scopes(scope.iter().filter(|scope| *scope != "openid").cloned().map(Scope::new))
            .set_pkce_challenge(challenge)
            .url();
        let pending = Pending {
            state,
            asked: scope,
            nonce,
            verifier,
        };
        (url, pending)
    }

    /// Ends a sign-in: checks the answer, redeems the code, verifies the ID token. That `state` is that of
    /// `pending` is known already, because `pending` was found by it.
    ///
    /// # Errors
    /// When the answer is not ours, or a refusal, or not to be believed.
    pub async fn redeem(&self, pending: Pending, answer: Answer) -> Result<SignedIn, SignInError> {
        // Another issuer's answer is looked at no further (RFC 9207 §2.4).
        if answer.iss.as_deref() != Some(self.registration.issuer.as_str()) {
            return Err(SignInError::NotOurs("it is not from our issuer"));
        }
        if let Some(error) = answer.error {
            let description = answer.error_description.unwrap_or_default();
            return Err(SignInError::Refused { error, description });
        }
        let code = answer.code.ok_or(SignInError::NotOurs("it has no code"))?;
        let untrusted = |error: &(dyn Error + 'static)| SignInError::Issuer(told(error));
        let provider = self.provider();
        let tokens: CoreTokenResponse = provider
            .client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| untrusted(&error))?
            .set_pkce_verifier(pending.verifier)
            .request_async(&self.http)
            .await
            .map_err(|error| untrusted(&error))?;
        let claims = self.verify(&tokens, Some(&pending.nonce)).await.map_err(SignInError::Issuer)?;
        let claims = claims.ok_or_else(|| SignInError::Issuer("there is no ID token".to_owned()))?;
        let tokens = Tokens::new(&tokens, &pending.asked, None);
        Ok(SignedIn::new(&claims, pending.asked, tokens))
    }

    /// New tokens for old ones (RFC 6749 §6). A new ID token must speak of the same person (OpenID Connect
    /// Core §12.2).
    ///
    /// # Errors
    /// When the grant is over, or the issuer does not answer.
    pub async fn refresh(&self, old: &Tokens, subject: &SubjectIdentifier) -> Result<Tokens, RefreshError> {
        let Some(refresh_token) = &old.refresh_token else {
            return Err(RefreshError::Ended("there is no refresh token".to_owned()));
        };
        let provider = self.provider();
        let request = provider.client.exchange_refresh_token(refresh_token);
        let request = request.map_err(|error| RefreshError::Unavailable(told(&error)))?;
        let answer: CoreTokenResponse = match request.request_async(&self.http).await {
            Ok(answer) => answer,
            Err(RequestTokenError::ServerResponse(answer)) => {
                let is_passing = matches!(answer.error(), CoreErrorResponseType::Extension(name)
                    if name == "server_error" || name == "temporarily_unavailable");
                let message = answer.to_string();
                return Err(if is_passing {
                    RefreshError::Unavailable(message)
                } else {
                    RefreshError::Ended(message)
                });
            }
            Err(error) => return Err(RefreshError::Unavailable(told(&error))),
        };
        match self.verify(&answer, None).await.map_err(RefreshError::Ended)? {
            Some(claims) if claims.subject() != subject => Err(RefreshError::Ended("the tokens are somebody else's".to_owned())),
            _ => Ok(Tokens::new(&answer, &old.scope, Some(old))),
        }
    }

    /// Gives a refresh token back: everything that came of the grant is dead at once (RFC 7009). The crate
    /// could do it, but insists on https even on the machine itself.
    ///
    /// # Errors
    /// When the issuer does not take it.
    pub async fn revoke(&self, refresh_token: &RefreshToken) -> Result<(), String> {
        let Some(endpoint) = self.provider().further.revocation_endpoint.clone() else {
            return Ok(());
        };
        let mut form = vec![("token", refresh_token.secret().as_str())];
        let request = self.http.post(endpoint);
        let request = match &self.registration.client_secret {
            Some(secret) => request.basic_auth(&self.registration.client_id, Some(secret)),
            None => {
                form.push(("client_id", &self.registration.client_id));
                request
            }
        };
        let answer = request.form(&form).send().await.map_err(|error| told(&error))?;
        answer.error_for_status().map(|_| ()).map_err(|error| told(&error))
    }

    /// What the issuer says about the person now (OpenID Connect Core §5.3).
    ///
    /// # Errors
    /// When it says nothing, or speaks of somebody else.
    pub async fn userinfo(&self, access_token: AccessToken, subject: &SubjectIdentifier) -> Result<CoreUserInfoClaims, String> {
        let provider = self.provider();
        let request = provider.client.user_info(access_token, Some(subject.clone()));
        let request = request.map_err(|error| told(&error))?;
        request.request_async(&self.http).await.map_err(|error| told(&error))
    }

    /// Where people sign out of the issuer itself.
    pub fn sign_out_url(&self) -> String {
        let named = self.provider().further.end_session_endpoint.as_ref().map(Url::to_string);
        named.unwrap_or_else(|| format!("{}/logout", self.registration.issuer))
    }

    /// The issuer.
    pub fn issuer(&self) -> &str {
        &self.registration.issuer
    }

    /// The client that calls the issuer, and may call other servers.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    fn provider(&self) -> Arc<Provider> {
        Arc::clone(&self.provider.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Verifies the ID token of an answer, if it has one: signature, issuer, audience, time, `nonce`, `at_hash`.
    /// For a key that is not known the keys are asked for once more: the issuer has begun to sign with a new one.
    async fn verify(&self, tokens: &CoreTokenResponse, nonce: Option<&Nonce>) -> Result<Option<CoreIdTokenClaims>, String> {
        let Some(id_token) = tokens.id_token() else {
            return Ok(None);
        };
        let mut provider = self.provider();
        if matches!(
            provider.claims(id_token, nonce),
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey
            ))
        ) {
            provider = Arc::new(Provider::discover(&self.registration, &self.http).await?);
            *self.provider.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&provider);
        }
        let verifier = provider.client.id_token_verifier();
        let claims = provider.claims(id_token, nonce).map_err(|error| told(&error))?;
        if let Some(expected) = claims.access_token_hash() {
            let algorithm = id_token.signing_alg().map_err(|error| told(&error))?;
            let key = id_token.signing_key(&verifier).map_err(|error| told(&error))?;
            let hash = AccessTokenHash::from_token(tokens.access_token(), algorithm, key).map_err(|error| told(&error))?;
            if hash != *expected {
                return Err("the ID token belongs to another access token".to_owned());
            }
        }
        Ok(Some(claims.clone()))
    }
}

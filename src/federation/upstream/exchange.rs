//! A code becomes tokens (RFC 6749 §4.1.3), and the ID token that comes with them is checked (OpenID Connect Core §3.1.3.7).

use openidconnect::core::{CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{
    AuthorizationCode, ClientId, IdToken, IdTokenVerifier, IssuerUrl, Nonce, NonceVerifier, OAuth2TokenResponse, PkceCodeVerifier,
    TokenResponse,
};
use serde_json::{Map, Value};

use crate::base::encoding::from_base64url;
use crate::base::fault::Fault;
use crate::model::connection::Tokens;
use crate::outside::FetchError;
use crate::protocol::provider::Lifespan;
use crate::protocol::scope::Scope;

use super::wire::{Purpose, TokenWire};
use super::{Account, Answer, Flow, Granted, Upstream, UpstreamError, said};

/// The longest scope that is kept, in bytes.
const MAX_SCOPE: usize = 8 * 1024;
/// The longest token that is kept, in bytes: sealed, all of them together fit into a row of any database.
const MAX_TOKEN: usize = 12 * 1024;
/// The longest key set that is read, in bytes.
const MAX_KEYS: usize = 256 * 1024;

/// The algorithms of ID tokens that are taken: what proves that the provider has signed.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Nobody has asked for an ID token, so there is no nonce to come back.
struct Unasked;

impl NonceVerifier for Unasked {
    fn verify(self, _: Option<&Nonce>) -> Result<(), String> {
        Ok(())
    }
}

impl Upstream<'_> {
    /// Exchanges a code; what was granted, and whose account it is. `asked` is what was asked for.
    ///
    /// # Errors
    /// When the profile makes no requests. Inside: what the provider says.
    pub async fn exchange(&self, code: &str, flow: &Flow, asked: &Scope) -> Result<Result<(Granted, Account), UpstreamError>, Fault> {
        let client = self.client()?;
        let mut request = client.exchange_code(AuthorizationCode::new(code.to_owned()));
        if let Some(verifier) = &flow.verifier {
            request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier.clone()));
        }
        for (name, value) in self.proof()? {
            request = request.add_extra_param(name, value);
        }
        for resource in &flow.resource {
            request = request.add_extra_param("resource", resource.clone());
        }
        let wire = TokenWire {
            upstream: *self,
            purpose: Purpose::Code,
        };
        let answer = match request.request_async(&wire).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(self.sorted(error, code))),
        };
        let granted = match self.granted(&answer, asked, false) {
            Ok(granted) => granted,
            Err(problem) => return Ok(Err(problem)),
        };
        let account = match self.id_token(&answer, flow).await {
            Ok(claims) => self.account(&answer, claims, &granted, !flow.resource.is_empty()).await,
            Err(problem) => Err(problem),
        };
        match account {
            Ok(account) => Ok(Ok((granted, account))),
            Err(problem) => {
                // Nobody keeps them, so nobody else should have them.
                if let Err(error) = self.revoke(&granted.tokens).await? {
                    let problem = error.to_string();
                    tracing::warn!(
                        event = "tokens_not_revoked",
                        problem,
                        "tokens that nobody keeps were not taken back"
                    );
                }
                Ok(Err(problem))
            }
        }
    }

    /// What an answer grants, if it is of a size that can be kept.
    pub(super) fn granted(&self, answer: &Answer, asked: &Scope, is_refreshed: bool) -> Result<Granted, UpstreamError> {
        let others = &answer.extra_fields().extra_fields().members;
        let passed_on = self.profile.passed_on.iter();
        let passed_on: Map<String, Value> = passed_on
            .filter_map(|name| others.get(*name).map(|value| ((*name).to_owned(), value.clone())))
            .collect();
        // Without a scope in the answer it is the one that was asked for (RFC 6749 §5.1).
        let scope = answer
            .scopes()
            .map(|scopes| scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "));
        let scope = match scope {
            None => asked.clone(),
            Some(scope) if scope.len() > MAX_SCOPE => return Err(UpstreamError::Broken("its scope is too long".to_owned())),
            Some(scope) => {
                let scope = Scope::stored(&scope).map_err(|_| UpstreamError::Broken("its scope cannot be read".to_owned()))?;
                with_short_names(&scope)
            }
        };
        let refresh_token = answer.refresh_token().map(|token| token.secret().as_str());
        let lengths = [
            answer.access_token().secret().len(),
            refresh_token.map_or(0, str::len),
            serde_json::to_string(&passed_on).map_or(0, |text| text.len()),
        ];
        if lengths.into_iter().any(|length| length > MAX_TOKEN) {
            return Err(UpstreamError::Broken("its tokens are too long".to_owned()));
        }
        let now = self.app.now();
        let expires_at = match (answer.expires_in(), self.profile.lifespan) {
            (Some(lifetime), _) => Some(now.saturating_add_unsigned(lifetime.as_secs())),
            // Without a refresh token nobody could get another one: it is used as long as it works.
            (None, Lifespan::Assumed(seconds)) if answer.refresh_token().is_some() || is_refreshed => Some(now + seconds),
            (None, Lifespan::Assumed(_) | Lifespan::Unlimited) => None,
        };
        Ok(Granted {
            tokens: Tokens {
                access_token: answer.access_token().secret().clone(),
                token_type: answer.token_type().as_ref().to_owned(),
                refresh_token: refresh_token.map(str::to_owned),
                passed_on,
            },
            scope,
            expires_at,
        })
    }

    /// The claims of the ID token, checked; `None` where there is none and none was asked for.
    async fn id_token(&self, answer: &Answer, flow: &Flow) -> Result<Option<Value>, UpstreamError> {
        let (token, keys) = match (answer.id_token(), &self.profile.jwks_uri) {
            (Some(token), Some(jwks_uri)) => (token, jwks_uri),
            (None, Some(_)) if flow.nonce.is_some() => return Err(UpstreamError::Broken("there is no ID token".to_owned())),
            // Without keys nothing in it counts.
            _ => return Ok(None),
        };
        let fetched = self.app.provider_fetch.json(keys.as_str(), MAX_KEYS).await;
        let fetched = fetched.map_err(|error| match error {
            FetchError::Busy => UpstreamError::Busy,
            error => UpstreamError::Away(error.to_string()),
        })?;
        let keys: CoreJsonWebKeySet =
            serde_json::from_slice(&fetched.body).map_err(|_| UpstreamError::Broken("its keys are no JWK set".to_owned()))?;
        let issuer = IssuerUrl::new(
            self.profile
                .issuer
                .clone()
                .unwrap_or_else(|| self.profile.token_endpoint.to_string()),
        );
        let issuer = issuer.map_err(|error| UpstreamError::Broken(error.to_string()))?;
        let now = self.app.clock.clone();
        let verifier = IdTokenVerifier::new_public_client(ClientId::new(self.client_id.to_owned()), issuer, keys)
            .require_issuer_match(self.profile.issuer.is_some())
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || chrono::DateTime::from_timestamp(now.now(), 0).unwrap_or_default());
        let checked = match &flow.nonce {
            Some(nonce) => verified(token, &verifier, &Nonce::new(nonce.clone())),
            None => verified(token, &verifier, Unasked),
        };
        checked.map_err(|problem| UpstreamError::Broken(said(&format!("the ID token: {problem}"), &[])))?;
        Ok(payload(&token.to_string()))
    }
}

/// Google answers some scopes by longer names than those by which they are asked for: then it has both.
fn with_short_names(scope: &Scope) -> Scope {
    const SHORT: [(&str, &str); 2] = [
        ("https://www.googleapis.com/auth/userinfo.email", "email"),
        ("https://www.googleapis.com/auth/userinfo.profile", "profile"),
    ];
    let short = SHORT.iter().filter(|(long, _)| scope.contains(long));
    short.fold(scope.clone(), |all, (_, short)| match Scope::stored(short) {
        Ok(short) => all.union(&short),
        Err(_) => all,
    })
}

fn verified<K, N>(token: &IdTokenOf, verifier: &IdTokenVerifier<'_, K>, nonce: N) -> Result<(), String>
where
    K: openidconnect::JsonWebKey<SigningAlgorithm = CoreJwsSigningAlgorithm>,
    N: NonceVerifier,
{
    token.claims(verifier, nonce).map(drop).map_err(|error| error.to_string())
}

type IdTokenOf = IdToken<
    openidconnect::EmptyAdditionalClaims,
    openidconnect::core::CoreGenderClaim,
    openidconnect::core::CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

/// The claims of a JWT that has been verified, all of them.
fn payload(token: &str) -> Option<Value> {
    let bytes = from_base64url(token.split('.').nth(1)?)?;
    serde_json::from_slice(&bytes).ok()
}

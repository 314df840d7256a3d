//! The issuer as its metadata describes it (OpenID Connect Discovery 1.0): endpoints and keys.

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreGrantType, CoreIdToken, CoreIdTokenClaims,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, ClaimsVerificationError, ClientId, ClientSecret, DiscoveryError, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, IssuerUrl, Nonce, ProviderMetadata, RedirectUrl, reqwest, url::Url,
};
use serde::{Deserialize, Serialize};

use super::error::told;

/// Endpoints that the metadata names and `openidconnect` does not read by itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FurtherEndpoints {
    /// RFC 7009
    pub revocation_endpoint: Option<Url>,
    /// OpenID Connect RP-Initiated Logout 1.0
    pub end_session_endpoint: Option<Url>,
}

impl AdditionalProviderMetadata for FurtherEndpoints {}

type Metadata = ProviderMetadata<
    FurtherEndpoints,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// The application, as the issuer has registered it.
#[derive(Clone)]
pub struct Registration {
    /// The issuer, byte for byte
    pub issuer: String,
    /// The client's name at the issuer
    pub client_id: String,
    /// Its secret, unless it is a public client
    pub client_secret: Option<String>,
    /// Where answers come back to
    pub redirect_uri: String,
}

/// What discovery told: endpoints and keys.
pub struct Provider {
    /// Says what the application says, and knows the keys
    pub client: Client,
    /// Endpoints that `client` does not know
    pub further: FurtherEndpoints,
}

impl Provider {
    /// Asks the issuer for its metadata and keys.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub async fn discover(registration: &Registration, http: &reqwest::Client) -> Result<Self, String> {
        let name = &registration.issuer;
        let issuer = IssuerUrl::new(name.clone()).map_err(|error| format!("{name} is no address: {error}"))?;
        let metadata = Metadata::discover_async(issuer, http).await.map_err(|error| match &error {
            DiscoveryError::Request(_) => format!(
                "{name} does not answer ({}). Start it first, in another terminal:\n  \
                 ENABLE_DEV_ENDPOINTS=true ADMIN_TOKEN=change-me-please-0123 cargo run",
                told(&error)
            ),
            _ => format!("{name} is not the issuer that was expected: {}", told(&error)),
        })?;
        let redirect_uri = RedirectUrl::new(registration.redirect_uri.clone());
        let redirect_uri = redirect_uri.map_err(|error| format!("{} is no address: {error}", registration.redirect_uri))?;
        let further = metadata.additional_metadata().clone();
        let client = CoreClient::from_provider_metadata(
            metadata,
            ClientId::new(registration.client_id.clone()),
            registration.client_secret.clone().map(ClientSecret::new),
        )
        .set_redirect_uri(redirect_uri);
        Ok(Self { client, further })
    }

    /// The claims of an ID token, verified with the keys that are known.
    ///
    /// # Errors
    /// Why it is not to be believed.
    pub fn claims<'t>(&self, id_token: &'t CoreIdToken, nonce: Option<&Nonce>) -> Result<&'t CoreIdTokenClaims, ClaimsVerificationError> {
        let verifier = self.client.id_token_verifier();
        match nonce {
            Some(nonce) => id_token.claims(&verifier, nonce),
            // The ID token of a refresh need not repeat it (OpenID Connect Core §12.2).
            None => id_token.claims(&verifier, |_: Option<&Nonce>| Ok(())),
        }
    }
}

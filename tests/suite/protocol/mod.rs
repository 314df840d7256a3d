//! The pure rules: every parser that faces the network, and the state methods of the records.
//!
//! Each parser is tested by examples with their exact error code, and by properties: it never
//! panics, and what it refuses it explains in the characters that RFC 6749 §5.2 allows.

mod authorization_request;
mod claims_request;
mod client;
mod client_assertion;
mod client_authentication;
mod client_document;
mod config;
mod grant;
mod issuer;
mod jwks;
mod parameters;
mod pkce;
mod redirect_uri;
mod refusal;
mod registration;
mod resource;
mod scope;
mod scope_catalog;
mod token_request;
mod tokens;

use gatehouse::model::client::{AccessTokenFormat, Client, ClientOrigin, ClientSettings, ConsentPolicy};
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::error::{ErrorCode, Refusal};
use gatehouse::protocol::parameters::Parameters;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;

/// The parameters of a query string that is well-formed.
fn parameters(query: &str) -> Parameters {
    Parameters::parse(query.as_bytes()).expect("a well-formed query")
}

/// The parameters of these pairs, encoded and parsed.
fn encoded(pairs: &[(&str, &str)]) -> Parameters {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    parameters(&query)
}

fn scope(text: &str) -> Scope {
    Scope::parse(text).expect("a well-formed scope")
}

/// The code of a refusal; what was accepted is shown by nobody, because it may be a secret.
fn code<T>(result: Result<T, Refusal>) -> Option<ErrorCode> {
    result.err().map(|refusal| refusal.code)
}

/// Whether a description stays within the alphabet of `error_description` (RFC 6749 §5.2).
fn is_speakable(refusal: &Refusal) -> bool {
    let is_allowed = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
    !refusal.description.is_empty() && refusal.description.len() <= 200 && refusal.description.chars().all(is_allowed)
}

/// A confidential client with two redirect URIs.
fn client() -> Client {
    Client {
        id: "app".to_owned(),
        origin: ClientOrigin::Operator,
        secret_hash: None,
        sealed_secret: None,
        registration_token_hash: None,
        registration_mark: None,
        document_expires_at: None,
        previous_secret_hash: None,
        previous_secret_expires_at: None,
        token_generation: 0,
        version: 1,
        settings: ClientSettings {
            name: "App".to_owned(),
            auth_method: AuthMethod::ClientSecretBasic,
            redirect_uris: vec!["https://app.example/cb".to_owned(), "http://127.0.0.1/cb".to_owned()],
            grant_types: vec![GrantType::AuthorizationCode],
            scope: scope("openid email api:read"),
            consent_policy: ConsentPolicy::Once,
            access_token_format: AccessTokenFormat::Jwt,
            signing_algorithm: SigningAlgorithm::Rs256,
            requires_pkce: true,
            access_token_lifetime: None,
            default_resource: None,
            jwks: None,
            jwks_uri: None,
            logo_uri: None,
            client_uri: None,
            policy_uri: None,
            tos_uri: None,
            may_introspect: false,
            is_disabled: false,
        },
        created_at: 0,
        updated_at: 0,
    }
}

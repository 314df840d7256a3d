//! The client information response (RFC 7591 §3.2.1, RFC 7592 §3): everything that is registered, and nothing that
//! is not. Strict clients refuse `null` and empty values, so there are none.

use serde_json::{Map, Value, json};

use crate::app::App;
use crate::model::client::Client;
use crate::protocol::registration::SelfDescription;

/// What only this one answer can say: the server keeps digests.
pub struct Secrets<'a> {
    /// The secret, when it was made just now
    pub client_secret: Option<&'a str>,
    /// The registration access token: just made, or as it was presented
    pub registration_token: &'a str,
}

/// The answer.
pub fn information(app: &App, client: &Client, about: &SelfDescription, secrets: &Secrets<'_>) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        let says_nothing = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        if !says_nothing {
            fields.insert(name.to_owned(), value);
        }
    };
    put("client_id", json!(client.id));
    put("client_id_issued_at", json!(client.created_at));
    if let Some(secret) = secrets.client_secret {
        put("client_secret", json!(secret));
        // It does not expire (RFC 7591 §3.2.1).
        put("client_secret_expires_at", json!(0));
    }
    put("registration_access_token", json!(secrets.registration_token));
    put(
        "registration_client_uri",
        json!(app.issuer.endpoint(&format!("/register/{}", client.id))),
    );
    put("client_name", json!(client.name));
    put("redirect_uris", json!(client.redirect_uris));
    put("grant_types", json!(client.grant_types));
    put("response_types", json!(["code"]));
    put("token_endpoint_auth_method", json!(client.auth_method));
    put("application_type", json!(about.application_type));
    put("scope", json!(client.scope));
    put("id_token_signed_response_alg", json!(client.signing_algorithm));
    put("subject_type", json!("public"));
    put("jwks", json!(client.jwks));
    put("jwks_uri", json!(client.jwks_uri));
    put("logo_uri", json!(client.logo_uri));
    put("client_uri", json!(client.client_uri));
    put("policy_uri", json!(client.policy_uri));
    put("tos_uri", json!(client.tos_uri));
    put("contacts", json!(about.contacts));
    put("software_id", json!(about.software_id));
    put("software_version", json!(about.software_version));
    Value::Object(fields)
}

//! Which requests an API takes, and how it refuses the others (RFC 6750 §3, RFC 9728 §5.1).

use serde_json::{Value, json};

use crate::tokens::{AccessToken, TokenError, Verifier};

/// The guard of an API.
pub struct Guard {
    verifier: Verifier,
    issuer: String,
    resource: String,
}

/// An answer that is no.
#[derive(Debug)]
pub struct Refusal {
    /// Of the answer
    pub status: u16,
    /// The `WWW-Authenticate` header; it tells clients where to get a token, and what it has to permit
    pub challenge: Option<String>,
}

impl Guard {
    /// The guard of the API that is registered at the issuer as `resource`.
    pub async fn of(issuer: &str, resource: &str) -> Result<Self, String> {
        Ok(Self {
            verifier: Verifier::discover(issuer, resource).await?,
            issuer: issuer.to_owned(),
            resource: resource.to_owned(),
        })
    }

    /// The token of a request, if it permits that; `authorization` is the header of that name.
    pub async fn permit(&self, authorization: Option<&str>, scope: &str) -> Result<AccessToken, Refusal> {
        let bearer = authorization.and_then(|value| value.split_once(' '));
        let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = bearer else {
            return Err(self.refuse(401, &format!(r#"scope="{scope}", "#)));
        };
        match self.verifier.verify(token.trim()).await {
            Ok(token) if token.permits(scope) => Ok(token),
            Ok(_) => Err(self.refuse(403, &format!(r#"error="insufficient_scope", scope="{scope}", "#))),
            Err(TokenError::Invalid) => Err(self.refuse(401, r#"error="invalid_token", "#)),
            Err(TokenError::KeysUnavailable(problem)) => {
                eprintln!("A token cannot be checked: {problem}");
                Err(Refusal {
                    status: 503,
                    challenge: None,
                })
            }
        }
    }

    /// What clients learn of us, at `/.well-known/oauth-protected-resource`.
    pub fn metadata(&self) -> Value {
        json!({
            "resource": self.resource,
            "authorization_servers": [self.issuer],
            "scopes_supported": ["notes:read", "notes:write"],
            "bearer_methods_supported": ["header"],
        })
    }

    fn refuse(&self, status: u16, told: &str) -> Refusal {
        let metadata = format!("{}/.well-known/oauth-protected-resource", self.resource);
        let challenge = format!(r#"Bearer {told}resource_metadata="{metadata}""#);
        Refusal {
            status,
            challenge: Some(challenge),
        }
    }
}

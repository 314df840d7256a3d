//! Metadata of another authorization server (RFC 8414, OpenID Connect Discovery §3), as a client of it reads it.

use serde::Deserialize;
use url::Url;

use super::provider::ClientAuth;

/// What an authorization server says about itself, as far as a client needs it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ServerMetadata {
    /// Who it is: the very text that was asked for
    pub issuer: String,
    /// Where people are sent to
    pub authorization_endpoint: Url,
    /// Where codes become tokens
    pub token_endpoint: Url,
    /// Where its keys are
    pub jwks_uri: Option<Url>,
    /// Where tokens are taken back (RFC 7009)
    pub revocation_endpoint: Option<Url>,
    /// Where it is said whose token it is (OpenID Connect Core §5.3)
    pub userinfo_endpoint: Option<Url>,
    /// How clients may prove who they are at the token endpoint
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// How challenges of PKCE are made (RFC 7636 §4.3); many leave this out and do it all the same
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// The scopes that it tells of
    pub scopes_supported: Option<Vec<String>>,
    /// Whether redirects say who sent them (RFC 9207 §3)
    pub authorization_response_iss_parameter_supported: Option<bool>,
}

impl ServerMetadata {
    /// Reads the metadata of an issuer.
    ///
    /// # Errors
    /// A sentence: it is no metadata, or that of somebody else (RFC 8414 §3.3).
    pub fn parse(text: &[u8], issuer: &str) -> Result<Self, String> {
        // Both errors quote what somebody else wrote.
        let metadata: Self =
            serde_json::from_slice(text).map_err(|error| format!("it is not the metadata of a server ({})", short(&error.to_string())))?;
        if metadata.issuer != issuer {
            return Err(format!(
                "it is the metadata of the issuer {}: the issuer that is set must be the same, to the last slash",
                short(&metadata.issuer)
            ));
        }
        Ok(metadata)
    }

    /// Every address in it, with its name.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, &Url)> {
        [
            ("authorization_endpoint", Some(&self.authorization_endpoint)),
            ("token_endpoint", Some(&self.token_endpoint)),
            ("jwks_uri", self.jwks_uri.as_ref()),
            ("revocation_endpoint", self.revocation_endpoint.as_ref()),
            ("userinfo_endpoint", self.userinfo_endpoint.as_ref()),
        ]
        .into_iter()
        .filter_map(|(name, url)| Some((name, url?)))
    }

    /// Whether it says that it knows a scope.
    #[must_use]
    pub fn has_scope(&self, token: &str) -> bool {
        let scopes = self.scopes_supported.iter().flatten();
        scopes.into_iter().any(|scope| scope == token)
    }

    /// Whether S256 is worth trying: what says nothing about PKCE may well do it.
    #[must_use]
    pub fn may_know_s256(&self) -> bool {
        let methods = self.code_challenge_methods_supported.as_deref();
        methods.is_none_or(|methods| methods.iter().any(|method| method == "S256"))
    }

    /// How a client with a secret proves who it is: `client_secret_basic` where nothing is said (RFC 8414 §2). `None`
    /// when no secret helps.
    #[must_use]
    pub fn secret_method(&self) -> Option<ClientAuth> {
        let Some(methods) = &self.token_endpoint_auth_methods_supported else {
            return Some(ClientAuth::ClientSecretBasic);
        };
        let has = |name: &str| methods.iter().any(|method| method == name);
        match () {
            () if has("client_secret_basic") => Some(ClientAuth::ClientSecretBasic),
            () if has("client_secret_post") => Some(ClientAuth::ClientSecretPost),
            () => None,
        }
    }
}

/// As much of a text as fits into a sentence.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Where the metadata of an issuer may be: the place of OpenID Connect Discovery §4, and that of RFC 8414 §3.
#[must_use]
pub fn metadata_urls(issuer: &Url) -> [String; 2] {
    let path = issuer.path().trim_end_matches('/');
    let origin = issuer.origin().ascii_serialization();
    [
        format!("{origin}{path}/.well-known/openid-configuration"),
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
    ]
}

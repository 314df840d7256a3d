//! How a client says who it is (RFC 6749 §2.3): credentials as they were presented, not yet checked.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::encoding::from_base64;

use super::client_assertion::{ASSERTION_TYPE, ClientAssertion};
use super::error::{ErrorCode, Refusal, invalid_request};
use super::parameters::{Parameters, decode_value};

/// A method of the IANA registry "OAuth Token Endpoint Authentication Methods".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// `Authorization: Basic`
    ClientSecretBasic,
    /// `client_secret` in the body
    ClientSecretPost,
    /// A JWT with a MAC by the secret
    ClientSecretJwt,
    /// A JWT signed with a private key whose public half this server knows
    PrivateKeyJwt,
    /// A public client: it only names itself
    None,
}

impl AuthMethod {
    /// Every method this server speaks.
    pub const ALL: [Self; 5] = [
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::ClientSecretJwt,
        Self::PrivateKeyJwt,
        Self::None,
    ];

    /// The registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
        }
    }

    /// The method of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Whether it rests on a secret that the client shares with this server.
    #[must_use]
    pub fn needs_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt)
    }

    /// Whether it is a JWT that the client makes for each request (RFC 7523).
    #[must_use]
    pub fn is_assertion(self) -> bool {
        matches!(self, Self::ClientSecretJwt | Self::PrivateKeyJwt)
    }
}

impl fmt::Display for AuthMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a request presented to authenticate its client.
#[derive(Debug)]
pub struct ClientCredentials {
    /// The client that it claims to be.
    pub client_id: String,
    /// The secret, where the method sends it.
    pub secret: Option<SecretString>,
    /// The assertion, where the method makes one.
    pub assertion: Option<ClientAssertion>,
    /// How it was presented.
    pub method: AuthMethod,
}

impl ClientCredentials {
    /// Reads the `Authorization` header and the body.
    ///
    /// # Errors
    /// `invalid_client` when nothing identifies the client or the header or assertion is malformed;
    /// `invalid_request` when two methods are used at once (RFC 6749 §2.3).
    pub fn parse(authorization: Option<&str>, body: &Parameters) -> Result<Self, Refusal> {
        let client_id = body.get("client_id")?;
        let secret = body.get("client_secret")?;
        let (kind, assertion) = (body.get("client_assertion_type")?, body.get("client_assertion")?);
        if kind.is_some() || assertion.is_some() {
            if authorization.is_some() || secret.is_some() {
                return Err(invalid_request("use one method of client authentication, not two"));
            }
            return Self::from_assertion(kind, assertion, client_id);
        }
        match (authorization, client_id, secret) {
            (Some(_), _, Some(_)) => Err(invalid_request("use one method of client authentication, not two")),
            (Some(header), client_id, None) => {
                let basic = Self::from_basic(header)?;
                if client_id.is_some_and(|client_id| client_id != basic.client_id) {
                    return Err(invalid_request(
                        "client_id in the body differs from the one in the Authorization header",
                    ));
                }
                Ok(basic)
            }
            (None, Some(client_id), Some(secret)) => Ok(Self {
                client_id: client_id.to_owned(),
                secret: Some(SecretString::from(secret)),
                assertion: None,
                method: AuthMethod::ClientSecretPost,
            }),
            (None, Some(client_id), None) => Ok(Self {
                client_id: client_id.to_owned(),
                secret: None,
                assertion: None,
                method: AuthMethod::None,
            }),
            (None, None, _) => Err(Refusal::new(ErrorCode::InvalidClient, "client authentication is missing")),
        }
    }

    /// A JWT that says who sent it (RFC 7523 §2.2); `client_id` may be left out, or says the same (RFC 7521 §4.2).
    fn from_assertion(kind: Option<&str>, assertion: Option<&str>, client_id: Option<&str>) -> Result<Self, Refusal> {
        let (Some(kind), Some(assertion)) = (kind, assertion) else {
            return Err(invalid_request("client_assertion and client_assertion_type belong together"));
        };
        if kind != ASSERTION_TYPE {
            return Err(invalid_request("the client_assertion_type is not supported"));
        }
        let assertion = ClientAssertion::parse(assertion)?;
        if client_id.is_some_and(|client_id| client_id != assertion.claims.sub) {
            return Err(Refusal::new(
                ErrorCode::InvalidClient,
                "client_id differs from sub of the client assertion",
            ));
        }
        Ok(Self {
            client_id: assertion.claims.sub.clone(),
            secret: None,
            method: assertion.method(),
            assertion: Some(assertion),
        })
    }

    /// `Basic`, both halves form-encoded before they were joined (RFC 6749 §2.3.1).
    fn from_basic(header: &str) -> Result<Self, Refusal> {
        let malformed = || Refusal::new(ErrorCode::InvalidClient, "malformed Authorization header");
        let (scheme, encoded) = header.split_once(' ').ok_or_else(malformed)?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(Refusal::new(ErrorCode::InvalidClient, "the Authorization header must use Basic"));
        }
        let decoded = from_base64(encoded.trim())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(malformed)?;
        let (client_id, secret) = decoded.split_once(':').ok_or_else(malformed)?;
        let client_id = decode_value(client_id).map_err(|_| malformed())?;
        let secret = decode_value(secret).map_err(|_| malformed())?;
        if client_id.is_empty() {
            return Err(malformed());
        }
        // An empty secret is as good as none (RFC 6749 §2.3.1); some libraries send it for public clients.
        let is_public = secret.is_empty();
        Ok(Self {
            client_id,
            secret: (!is_public).then(|| SecretString::from(secret)),
            assertion: None,
            method: if is_public {
                AuthMethod::None
            } else {
                AuthMethod::ClientSecretBasic
            },
        })
    }
}

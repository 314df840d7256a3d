//! How a client says who it is (RFC 6749 §2.3): credentials as they were presented, not yet checked.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::encoding::from_base64;

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
    /// A public client: it only names itself
    None,
}

impl AuthMethod {
    /// Every method this server speaks.
    pub const ALL: [Self; 3] = [Self::ClientSecretBasic, Self::ClientSecretPost, Self::None];

    /// The registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::None => "none",
        }
    }

    /// The method of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
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
    /// The secret, unless the method is `none`.
    pub secret: Option<SecretString>,
    /// How it was presented.
    pub method: AuthMethod,
}

impl ClientCredentials {
    /// Reads the `Authorization` header and the body.
    ///
    /// # Errors
    /// `invalid_client` when nothing identifies the client or the header is malformed;
    /// `invalid_request` when two methods are used at once (RFC 6749 §2.3).
    pub fn parse(authorization: Option<&str>, body: &Parameters) -> Result<Self, Refusal> {
        let client_id = body.get("client_id")?;
        let secret = body.get("client_secret")?;
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
                method: AuthMethod::ClientSecretPost,
            }),
            (None, Some(client_id), None) => Ok(Self {
                client_id: client_id.to_owned(),
                secret: None,
                method: AuthMethod::None,
            }),
            (None, None, _) => Err(Refusal::new(ErrorCode::InvalidClient, "client authentication is missing")),
        }
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
            method: if is_public {
                AuthMethod::None
            } else {
                AuthMethod::ClientSecretBasic
            },
        })
    }
}

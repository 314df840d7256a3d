//! The token request (RFC 6749 §4.1.3, §4.4.2, §6; RFC 8693 §2.1).

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{ErrorCode, Refusal};
use super::parameters::Parameters;
use super::scope::Scope;
use super::token_exchange::TokenExchange;

/// A grant type by its registered name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 §4.1
    AuthorizationCode,
    /// RFC 6749 §6
    RefreshToken,
    /// RFC 6749 §4.4
    ClientCredentials,
    /// RFC 8693
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
}

impl GrantType {
    /// Every grant type this server speaks.
    pub const ALL: [Self; 4] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::TokenExchange,
    ];

    /// The registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }

    /// The grant type of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant_type| grant_type.as_str() == name)
    }
}

impl fmt::Display for GrantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request for tokens. `Debug` is not derived: codes, verifiers and tokens are secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// What is redeemed.
    pub grant: GrantRequest,
    /// `resource` (RFC 8707 §2.2)
    pub resource: Vec<String>,
}

/// The part that depends on the grant type.
#[derive(Clone, PartialEq, Eq)]
pub enum GrantRequest {
    /// RFC 6749 §4.1.3
    AuthorizationCode {
        /// `code`
        code: String,
        /// `redirect_uri`; OAuth 2.1 drops it, RFC 6749 wants it repeated
        redirect_uri: Option<String>,
        /// `code_verifier` (RFC 7636 §4.5)
        code_verifier: Option<String>,
    },
    /// RFC 6749 §6
    RefreshToken {
        /// `refresh_token`
        refresh_token: String,
        /// `scope`, to narrow what was granted
        scope: Option<Scope>,
    },
    /// RFC 6749 §4.4.2
    ClientCredentials {
        /// `scope`
        scope: Option<Scope>,
    },
    /// RFC 8693 §2.1
    TokenExchange(TokenExchange),
}

impl GrantRequest {
    /// The grant type of this request.
    #[must_use]
    pub fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode { .. } => GrantType::AuthorizationCode,
            Self::RefreshToken { .. } => GrantType::RefreshToken,
            Self::ClientCredentials { .. } => GrantType::ClientCredentials,
            Self::TokenExchange(_) => GrantType::TokenExchange,
        }
    }
}

impl TokenRequest {
    /// Parses the body of a token request.
    ///
    /// # Errors
    /// `unsupported_grant_type` for a grant type we do not speak, `invalid_request` for missing or
    /// repeated parameters, `invalid_scope` for a malformed scope.
    pub fn parse(body: &Parameters) -> Result<Self, Refusal> {
        body.refuse_duplicates()?;
        let grant_type = GrantType::parse(body.require("grant_type")?)
            .ok_or_else(|| Refusal::new(ErrorCode::UnsupportedGrantType, "this grant type is not supported"))?;
        let scope = || body.get("scope")?.map(Scope::parse).transpose();
        let grant = match grant_type {
            GrantType::AuthorizationCode => GrantRequest::AuthorizationCode {
                code: body.require("code")?.to_owned(),
                redirect_uri: body.get("redirect_uri")?.map(str::to_owned),
                code_verifier: body.get("code_verifier")?.map(str::to_owned),
            },
            GrantType::RefreshToken => GrantRequest::RefreshToken {
                refresh_token: body.require("refresh_token")?.to_owned(),
                scope: scope()?,
            },
            GrantType::ClientCredentials => GrantRequest::ClientCredentials { scope: scope()? },
            GrantType::TokenExchange => GrantRequest::TokenExchange(TokenExchange::parse(body)?),
        };
        Ok(Self {
            grant,
            resource: body.all("resource").map(str::to_owned).collect(),
        })
    }
}

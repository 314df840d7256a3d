//! The token exchange request (RFC 8693 §2.1).

use super::error::{ErrorCode, Refusal, invalid_request};
use super::parameters::Parameters;
use super::scope::Scope;
use super::tokens::WORKLOAD_TOKEN_PREFIX;

/// The type of an access token (RFC 8693 §3).
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The type of an ID token (RFC 8693 §3).
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// The type of any JWT (RFC 8693 §3).
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// For whom a token is wanted, and by whom.
#[derive(Clone, PartialEq, Eq)]
pub enum Parties {
    /// A workload access token, which says both
    Workload(String),
    /// A token of the person, and a workload access token of who acts for them
    Delegation {
        /// `subject_token`
        subject: String,
        /// `actor_token`
        actor: String,
    },
}

/// A request to exchange a token. `Debug` is not derived: it holds tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenExchange {
    /// `subject_token` and `actor_token`
    pub parties: Parties,
    /// `audience`: where the token is for
    pub audience: String,
    /// `scope`
    pub scope: Option<Scope>,
}

impl TokenExchange {
    /// Parses the body of a token exchange request.
    ///
    /// # Errors
    /// `invalid_request` for what is missing or of a type that nobody takes here, `invalid_scope` for a malformed scope.
    pub fn parse(body: &Parameters) -> Result<Self, Refusal> {
        let subject = body.require("subject_token")?.to_owned();
        let subject_type = body.require("subject_token_type")?;
        let (actor, actor_type) = (body.get("actor_token")?, body.get("actor_token_type")?);
        if !matches!(body.get("requested_token_type")?, None | Some(ACCESS_TOKEN)) {
            return Err(invalid_request(
                "only access tokens are given: requested_token_type must be that or missing",
            ));
        }
        let is_workload = subject.starts_with(WORKLOAD_TOKEN_PREFIX);
        let parties = match (actor, actor_type) {
            (None, None) if is_workload && subject_type == ACCESS_TOKEN => Parties::Workload(subject),
            (None, None) if is_workload => {
                return Err(invalid_request("the subject_token_type of a workload access token is access_token"));
            }
            (None, None) => {
                return Err(invalid_request(
                    "subject_token is no workload access token: send one as actor_token, to say who acts for the person",
                ));
            }
            (Some(actor), Some(ACCESS_TOKEN)) if [ACCESS_TOKEN, ID_TOKEN, JWT].contains(&subject_type) => Parties::Delegation {
                subject,
                actor: actor.to_owned(),
            },
            (Some(_), Some(ACCESS_TOKEN)) => {
                return Err(invalid_request(
                    "subject_token_type must be access_token, id_token or jwt (RFC 8693 section 3)",
                ));
            }
            // RFC 8693 §2.1: required with the token, and not without.
            _ => {
                return Err(invalid_request(
                    "actor_token and actor_token_type, which must be access_token, belong together",
                ));
            }
        };
        let audience = body.get("audience")?.ok_or_else(|| {
            Refusal::new(
                ErrorCode::InvalidTarget,
                "audience is missing: the id of a provider, or of a connection",
            )
        })?;
        Ok(Self {
            parties,
            audience: audience.to_owned(),
            scope: body.get("scope")?.map(Scope::parse).transpose()?,
        })
    }
}

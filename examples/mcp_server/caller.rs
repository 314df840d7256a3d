//! Who calls, and how that is found out.

use std::collections::BTreeSet;

use crate::shared::introspection::{CheckError, Introspection};
use crate::tokens::{TokenError, Verifier};

/// Whose token came with a request, and what it permits.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who: a person, or a client for itself
    pub subject: String,
    /// The person's name, when the issuer told it
    pub username: Option<String>,
    /// The client that has the token
    pub client_id: Option<String>,
    /// What it may do
    pub scope: BTreeSet<String>,
}

/// How tokens are checked.
pub enum Check {
    /// By asking the issuer (RFC 7662)
    Introspection(Box<Introspection>),
    /// By the issuer's keys (RFC 9068)
    Keys(Box<Verifier>),
}

impl Check {
    /// Who brings this token.
    ///
    /// # Errors
    /// When it is worth nothing here, or nobody can say.
    pub async fn caller(&self, token: &str) -> Result<Caller, CheckError> {
        match self {
            Self::Introspection(introspection) => {
                let token = introspection.check(token).await?;
                Ok(Caller {
                    subject: token.subject.clone(),
                    username: token.username.clone(),
                    client_id: token.client_id.clone(),
                    scope: token.scope.clone(),
                })
            }
            Self::Keys(verifier) => match verifier.verify(token).await {
                Ok(token) => Ok(Caller {
                    scope: token.scope.split_ascii_whitespace().map(str::to_owned).collect(),
                    subject: token.sub,
                    username: None,
                    client_id: Some(token.client_id),
                }),
                Err(TokenError::Invalid) => Err(CheckError::NotActive),
                Err(TokenError::KeysUnavailable(reason)) => Err(CheckError::Unavailable(reason)),
            },
        }
    }
}

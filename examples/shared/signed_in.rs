//! Somebody who is signed in, and the tokens that speak for them. Tokens stay here, on the server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openidconnect::core::{CoreIdTokenClaims, CoreTokenResponse};
use openidconnect::{AccessToken, OAuth2TokenResponse, RefreshToken, SubjectIdentifier};
use tokio::sync::Mutex;

use super::relying_party::{RefreshError, RelyingParty};

/// What an answer that names no lifetime is good for (RFC 6749 §5.1 leaves it open).
const UNSAID_LIFETIME: Duration = Duration::from_mins(5);

/// The tokens of one grant.
pub struct Tokens {
    /// For APIs
    pub access_token: AccessToken,
    /// For the next access token, once
    pub refresh_token: Option<RefreshToken>,
    /// What was granted
    pub scope: BTreeSet<String>,
    /// When the next access token is due: at four fifths of the life of this one
    pub refresh_at: Instant,
    /// When the access token ends
    pub expires_at: Instant,
    /// How often they were refreshed
    pub refreshes: u32,
}

impl Tokens {
    /// The tokens of an answer. An answer that names no scope means the one that was asked for (RFC 6749 §5.1),
    /// and one without a refresh token leaves the old one in force (§6).
    pub fn new(answer: &CoreTokenResponse, asked: &BTreeSet<String>, old: Option<&Self>) -> Self {
        let now = Instant::now();
        let lifetime = answer.expires_in().unwrap_or(UNSAID_LIFETIME);
        let granted = answer.scopes().map(|scopes| scopes.iter().map(|scope| scope.to_string()).collect());
        let refresh_token = answer.refresh_token().or_else(|| old?.refresh_token.as_ref());
        Self {
            access_token: answer.access_token().clone(),
            refresh_token: refresh_token.cloned(),
            scope: granted.unwrap_or_else(|| asked.clone()),
            refresh_at: now + lifetime * 4 / 5,
            expires_at: now + lifetime,
            refreshes: old.map_or(0, |old| old.refreshes + 1),
        }
    }
}

/// Somebody who is signed in.
pub struct SignedIn {
    /// `sub`: who it is, for good
    pub subject: SubjectIdentifier,
    /// How to call them
    pub name: String,
    /// What was asked for at this sign-in; what was granted is in [`Access::scope`]
    pub asked: BTreeSet<String>,
    tokens: Mutex<Tokens>,
}

/// What a request may do with the tokens.
#[derive(Clone)]
pub struct Access {
    /// Good for a while
    pub token: AccessToken,
    /// What was granted
    pub scope: BTreeSet<String>,
    /// How long the access token is good for
    pub remaining: Duration,
    /// How often the tokens were refreshed
    pub refreshes: u32,
}

impl SignedIn {
    /// The person of whom an ID token speaks.
    pub fn new(claims: &CoreIdTokenClaims, asked: BTreeSet<String>, tokens: Tokens) -> Self {
        let full_name = claims.name().and_then(|name| name.get(None)).map(|name| name.to_string());
        let username = claims.preferred_username().map(|name| name.to_string());
        Self {
            subject: claims.subject().clone(),
            name: full_name.or(username).unwrap_or_else(|| claims.subject().to_string()),
            asked,
            tokens: Mutex::new(tokens),
        }
    }

    /// An access token that is good for a while, refreshed when it is due. Of all requests that come at once,
    /// one refreshes and the others wait for it; a refresh token is never sent twice.
    ///
    /// # Errors
    /// When the grant is over, or when the token has expired and the issuer does not answer.
    pub async fn access(self: Arc<Self>, party: Arc<RelyingParty>) -> Result<Access, RefreshError> {
        // A task of its own: a request that its browser gives up is dropped where it stands, and a refresh that
        // is dropped half-way would lose the new refresh token.
        let task = actix_web::rt::spawn(async move { self.current(&party).await });
        task.await.unwrap_or_else(|error| Err(RefreshError::Unavailable(error.to_string())))
    }

    async fn current(&self, party: &RelyingParty) -> Result<Access, RefreshError> {
        let mut tokens = self.tokens.lock().await;
        let now = Instant::now();
        if now >= tokens.refresh_at {
            match party.refresh(&tokens, &self.subject).await {
                Ok(new) => *tokens = new,
                // What is left of the old token is enough for this request.
                Err(RefreshError::Unavailable(_)) if now < tokens.expires_at => {}
                Err(RefreshError::Ended(_)) if tokens.refresh_token.is_none() && now < tokens.expires_at => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Access {
            token: tokens.access_token.clone(),
            scope: tokens.scope.clone(),
            remaining: tokens.expires_at.saturating_duration_since(Instant::now()),
            refreshes: tokens.refreshes,
        })
    }

    /// Gives the grant back to the issuer. The person is gone from here either way, so a failure is only told.
    pub async fn revoke(&self, party: &RelyingParty) {
        let refresh_token = self.tokens.lock().await.refresh_token.take();
        if let Some(token) = refresh_token
            && let Err(problem) = party.revoke(&token).await
        {
            eprintln!("The refresh token was not revoked: {problem}");
        }
    }
}

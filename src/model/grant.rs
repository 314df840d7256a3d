//! A grant: one row from consent to death.
//!
//! It begins as an authorization code, is redeemed once, then rotates its refresh token by counting
//! generations, and ends by revocation or expiry. Every token that was issued under it names it, so
//! that revoking the grant reaches all of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::clock::Timestamp;
use crate::protocol::claims_request::ClaimsRequest;
use crate::protocol::pkce::CodeChallenge;
use crate::protocol::scope::Scope;

/// What a person granted to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its identifier, which grows with time
    pub id: String,
    /// To whom
    pub client_id: String,
    /// By whom
    pub user_id: String,
    /// In which session (`sid`)
    pub session_id: String,
    /// What for
    pub scope: Scope,
    /// The resources that tokens are for, as they are registered; empty when none was asked for (RFC 8707)
    pub resource: Vec<String>,
    /// Single claims that were asked for
    pub claims: ClaimsRequest,
    /// Where the code was sent
    pub redirect_uri: String,
    /// Whether the authorization request named the redirect URI
    pub is_redirect_uri_explicit: bool,
    /// `nonce`
    pub nonce: Option<String>,
    /// When the person proved who they are
    pub auth_time: Timestamp,
    /// How
    pub amr: Vec<String>,
    /// Digest of the authorization code
    pub code_hash: String,
    /// PKCE
    pub code_challenge: Option<CodeChallenge>,
    /// Until when the code may be redeemed
    pub code_expires_at: Timestamp,
    /// When it was
    pub code_consumed_at: Option<Timestamp>,
    /// Which refresh token is the current one; 0: none was issued
    pub generation: u32,
    /// When the current refresh token was issued
    pub rotated_at: Timestamp,
    /// When the refresh token ends unless it is used before
    pub idle_expires_at: Timestamp,
    /// When it can no longer be refreshed in any case
    pub ends_at: Timestamp,
    /// When nothing under this grant is alive any more, so that the row may go
    pub expires_at: Timestamp,
    /// When it was consented to
    pub created_at: Timestamp,
    /// When it was revoked
    pub revoked_at: Option<Timestamp>,
    /// Signing out ends it: an OpenID Connect grant without `offline_access` (OpenID Connect Core §11)
    pub ends_with_session: bool,
}

/// What presenting a refresh token of some generation means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    /// The current token: rotate.
    Current,
    /// The one before, within the grace window: the same successor again.
    Retry,
    /// An older one: somebody has a copy.
    Replay,
    /// The grant has ended.
    Dead,
}

impl Grant {
    /// Judges a refresh token by its generation (RFC 9700 §4.14.2).
    ///
    /// `grace` is the number of seconds in which the token before the current one is answered with
    /// the same successor.
    #[must_use]
    pub fn judge(&self, generation: u32, now: Timestamp, grace: i64) -> Presented {
        if self.revoked_at.is_some() || self.generation == 0 || now >= self.ends_at || now >= self.idle_expires_at {
            Presented::Dead
        } else if generation == self.generation {
            Presented::Current
        } else if generation.checked_add(1) == Some(self.generation) && now <= self.rotated_at.saturating_add(grace) {
            Presented::Retry
        } else if generation < self.generation {
            Presented::Replay
        } else {
            Presented::Dead
        }
    }
}

/// Where a grant is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// The code was not redeemed yet
    Pending,
    /// Tokens were issued, and some may be alive
    Active,
    /// Everything under it has expired
    Ended,
    /// Somebody ended it
    Revoked,
}

impl Grant {
    /// Where it is in its life at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> GrantState {
        match () {
            () if self.revoked_at.is_some() => GrantState::Revoked,
            () if now >= self.expires_at => GrantState::Ended,
            () if self.code_consumed_at.is_some() => GrantState::Active,
            () if now < self.code_expires_at => GrantState::Pending,
            () => GrantState::Ended,
        }
    }
}

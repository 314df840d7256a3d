//! A refresh token becomes an access token (RFC 6749 §6).

use openidconnect::{RefreshToken, Scope as ScopeToken};

use crate::base::fault::Fault;
use crate::protocol::scope::Scope;

use super::wire::{Purpose, TokenWire};
use super::{Granted, Upstream, UpstreamError};

impl Upstream<'_> {
    /// Refreshes. What comes without a refresh token keeps the one that was shown.
    ///
    /// # Errors
    /// When the profile makes no requests. Inside: what the provider says.
    pub async fn refresh(&self, refresh_token: &str, scope: &Scope) -> Result<Result<Granted, UpstreamError>, Fault> {
        let client = self.client()?;
        let refresh_token = RefreshToken::new(refresh_token.to_owned());
        let mut request = client.exchange_refresh_token(&refresh_token);
        if self.profile.refresh_with_scope {
            request = request.add_scopes(scope.iter().map(|token| ScopeToken::new(token.to_owned())));
        }
        if self.profile.refresh_with_redirect_uri {
            request = request.add_extra_param("redirect_uri", self.redirect_uri.to_owned());
        }
        for (name, value) in self.proof()? {
            request = request.add_extra_param(name, value);
        }
        let wire = TokenWire {
            upstream: *self,
            purpose: Purpose::Refresh,
        };
        Ok(match request.request_async(&wire).await {
            Ok(answer) => {
                let granted = self.granted(&answer, scope, true);
                granted.map(|mut granted| {
                    granted.tokens.refresh_token.get_or_insert_with(|| refresh_token.secret().clone());
                    granted
                })
            }
            Err(error) => Err(self.sorted(error, refresh_token.secret())),
        })
    }
}

//! The token endpoint (RFC 6749 §3.2): what every grant needs is done here, once.

use crate::app::App;
use crate::base::again::when_undone;
use crate::base::fault::Fault;
use crate::model::statistic::Statistic;
use crate::protocol::client_authentication::ClientCredentials;
use crate::protocol::error::{ErrorCode, Refusal};
use crate::protocol::token_exchange::TokenExchange;
use crate::protocol::token_request::{GrantRequest, GrantType, TokenRequest};

use super::client_authentication::{AuthenticatedClient, authenticate};
use super::grants::{authorization_code, client_credentials, refresh_token};
use super::issue::TokenResponse;

/// What is decided about a token request that is not refused.
pub enum Decision {
    /// Tokens of this server
    Issued(Box<TokenResponse>),
    /// The client may exchange a token: what it gets is the vault's to say
    Exchange(Box<AuthenticatedClient>, TokenExchange),
}

impl Decision {
    /// The tokens, if there are any.
    #[must_use]
    pub fn issued(self) -> Option<TokenResponse> {
        match self {
            Self::Issued(tokens) => Some(*tokens),
            Self::Exchange(..) => None,
        }
    }
}

/// Answers a token request.
///
/// # Errors
/// When the database fails.
pub async fn token(app: &App, credentials: &ClientCredentials, request: &TokenRequest) -> Result<Result<Decision, Refusal>, Fault> {
    let outcome = decide(app, credentials, request).await?;
    let grant_type = request.grant.grant_type();
    match &outcome {
        Ok(Decision::Issued(_)) => count(app, grant_type),
        Ok(Decision::Exchange(..)) => {}
        Err(refusal) => note_refusal(&credentials.client_id, grant_type, refusal),
    }
    Ok(outcome)
}

/// Counts an answer with tokens.
pub fn count(app: &App, grant_type: GrantType) {
    app.counters.count(match grant_type {
        GrantType::AuthorizationCode => Statistic::CodeTokens,
        GrantType::RefreshToken => Statistic::RefreshTokens,
        GrantType::ClientCredentials => Statistic::ClientTokens,
        GrantType::TokenExchange => Statistic::ExchangedTokens,
    });
}

/// Tells the operator why a client got no tokens.
pub fn note_refusal(client_id: &str, grant_type: GrantType, refusal: &Refusal) {
    tracing::info!(
        event = "token_refused",
        client = client_id.chars().take(64).collect::<String>(),
        %grant_type,
        error = %refusal.code,
        problem = &*refusal.description,
        detail = refusal.detail,
        "a client got no tokens"
    );
}

async fn decide(app: &App, credentials: &ClientCredentials, request: &TokenRequest) -> Result<Result<Decision, Refusal>, Fault> {
    let client = match authenticate(app, credentials).await? {
        Ok(client) => client,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if !client.allows(request.grant.grant_type()) {
        return Ok(Err(Refusal::new(
            ErrorCode::UnauthorizedClient,
            "this client is not registered for this grant type",
        )));
    }
    let resource = &request.resource;
    // The client has shown what may be shown once; from here on everything can be done again.
    let issued = match &request.grant {
        GrantRequest::AuthorizationCode {
            code,
            redirect_uri,
            code_verifier,
        } => {
            let (redirect_uri, code_verifier) = (redirect_uri.as_deref(), code_verifier.as_deref());
            when_undone(async || authorization_code::redeem(app, &client, code, redirect_uri, code_verifier, resource).await).await?
        }
        GrantRequest::RefreshToken { refresh_token, scope } => {
            when_undone(async || refresh_token::refresh(app, &client, refresh_token, scope.as_ref(), resource).await).await?
        }
        GrantRequest::ClientCredentials { scope } => client_credentials::issue(app, &client, scope.as_ref(), resource).await?,
        GrantRequest::TokenExchange(exchange) => return Ok(Ok(Decision::Exchange(Box::new(client), exchange.clone()))),
    };
    Ok(issued.map(|tokens| Decision::Issued(Box::new(tokens))))
}

//! The person signs in: a token for the gateway, with the agent's own client, PKCE, and a loopback redirect.

use reqwest_of_rmcp::Client as Http;
use rmcp::transport::auth::OAuthState;
use rmcp::transport::{AuthClient, AuthError, AuthorizationRequest};
use secrecy::ExposeSecret;

use crate::browser::Browser;
use crate::gatehouse::Credentials;
use crate::gateway::guard::SCOPE;
use crate::gateway::problem::{Kind, Problem};

/// A client of the gateway that brings the person's token.
///
/// # Errors
/// When nobody signs in, or they say no.
pub async fn sign_in(gateway: &str, client: &Credentials, browser: &Browser) -> Result<AuthClient<Http>, Problem> {
    let mut oauth = OAuthState::new(gateway, None).await.map_err(told)?;
    let request = AuthorizationRequest::new(browser.redirect_uri())
        .with_preregistered_client(&client.id)
        .with_client_secret(client.secret.expose_secret())
        .with_scopes([SCOPE]);
    oauth.start_authorization(request).await.map_err(told)?;
    let url = oauth.get_authorization_url().await.map_err(told)?;
    println!("\nSign in, so that the agent can act for you.");
    let callback = browser.visit(&url).await.map_err(|problem| Problem::new(Kind::Oauth, problem))?;
    oauth.handle_callback_url(&callback).await.map_err(told)?;
    let manager = oauth.into_authorization_manager();
    let manager = manager.ok_or_else(|| Problem::new(Kind::Oauth, "nothing was granted"))?;
    Ok(AuthClient::new(Http::new(), manager))
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err wants")]
fn told(error: AuthError) -> Problem {
    let text = error.to_string();
    let kind = if text.contains("invalid_client") {
        Kind::Credentials
    } else {
        Kind::Oauth
    };
    Problem::new(kind, format!("the sign-in failed: {text}"))
}

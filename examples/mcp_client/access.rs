//! Tokens: how the first one is got, how it comes to permit more, and how it is renewed.

use reqwest_of_rmcp::Client as Http;
use rmcp::transport::auth::{AuthorizationCallback, OAuthState};
use rmcp::transport::{AuthClient, AuthError, AuthorizationRequest};

use crate::browser::Browser;

/// What was granted.
pub struct Access {
    client: AuthClient<Http>,
    browser: Browser,
}

impl Access {
    /// Finds the authorization server from the challenge of the MCP server (RFC 9728, RFC 8414), registers (RFC 7591),
    /// and has a person authorize what the challenge asks for.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn request(server: &str, challenge: &str, browser: Browser) -> Result<Self, String> {
        let mut oauth = OAuthState::new(server, None).await.map_err(told)?;
        let request = AuthorizationRequest::new(browser.redirect_uri())
            .with_client_name("Gatehouse's MCP client example")
            .with_challenge(challenge)
            .with_initial_scope_selection();
        oauth.start_authorization(request).await.map_err(told)?;
        let url = oauth.get_authorization_url().await.map_err(told)?;
        let callback = browser.visit(&url).await?;
        oauth.handle_callback_url(&callback).await.map_err(told)?;
        let manager = oauth.into_authorization_manager().ok_or("nothing was granted")?;
        let client = AuthClient::new(Http::new(), manager);
        Ok(Self { client, browser })
    }

    /// Has the person authorize a scope besides what was granted before.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn ask_for_more(&self, scope: &str) -> Result<(), String> {
        println!("\nThe scope {scope} is asked for, besides what was granted.");
        let manager = self.client.auth_manager.lock().await;
        let url = manager.request_scope_upgrade(scope).await.map_err(told)?;
        let callback = self.browser.visit(&url).await?;
        let answer = AuthorizationCallback::from_redirect_url(&callback).map_err(told)?;
        let redeemed = manager
            .exchange_code_for_token_with_issuer(&answer.code, &answer.csrf_token, answer.issuer.as_deref())
            .await;
        redeemed.map(|_| ()).map_err(told)
    }

    /// Gets a new access token for the refresh token.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn refresh(&self) -> Result<(), String> {
        let manager = self.client.auth_manager.lock().await;
        let before = manager.get_access_token().await.map_err(told)?;
        manager.refresh_token().await.map_err(told)?;
        let after = manager.get_access_token().await.map_err(told)?;
        if before == after {
            return Err("a refresh changed nothing".to_owned());
        }
        println!("\nRefreshed.");
        Ok(())
    }

    /// What the token permits.
    pub async fn scopes(&self) -> Vec<String> {
        let mut scopes = self.client.auth_manager.lock().await.get_current_scopes().await;
        scopes.sort();
        scopes
    }

    /// A client that brings the token, and renews it when it has to.
    pub fn client(&self) -> AuthClient<Http> {
        self.client.clone()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err wants")]
fn told(error: AuthError) -> String {
    error.to_string()
}

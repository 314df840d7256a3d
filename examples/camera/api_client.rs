//! The page as a client of the API. It has nothing but the person's access token, and learns from the API's
//! answers what that is good for.

use actix_web::http::header::WWW_AUTHENTICATE;
use openidconnect::AccessToken;
use openidconnect::reqwest::{Client, RequestBuilder, Response, StatusCode};

use crate::api::Move;
use crate::optics::Direction;
use crate::shared::error::told;

/// The API, from outside.
pub struct ApiClient {
    base: String,
    http: Client,
}

/// Why the API did not do it.
#[derive(Debug)]
pub enum ApiError {
    /// The token is dead (401)
    Ended,
    /// The token lacks this scope (403)
    Lacks(String),
    /// Something else
    Failed(String),
}

impl ApiClient {
    /// The API at an address.
    pub fn new(base: String, http: Client) -> Self {
        Self { base, http }
    }

    /// What the camera sees, as SVG.
    ///
    /// # Errors
    /// When the token is not good for it, or the API fails.
    pub async fn picture(&self, token: &AccessToken) -> Result<Vec<u8>, ApiError> {
        let request = self.http.get(format!("{}/api/picture", self.base));
        let answer = call(request, token).await?;
        let bytes = answer.bytes().await.map_err(|error| ApiError::Failed(told(&error)))?;
        Ok(bytes.to_vec())
    }

    /// Moves the camera.
    ///
    /// # Errors
    /// When the token is not good for it, or the API fails.
    pub async fn turn(&self, token: &AccessToken, direction: Direction) -> Result<(), ApiError> {
        let request = self.http.post(format!("{}/api/move", self.base)).json(&Move { direction });
        call(request, token).await.map(|_| ())
    }
}

async fn call(request: RequestBuilder, token: &AccessToken) -> Result<Response, ApiError> {
    let answer = request.bearer_auth(token.secret()).send().await;
    let answer = answer.map_err(|error| ApiError::Failed(told(&error)))?;
    match answer.status() {
        status if status.is_success() => Ok(answer),
        StatusCode::UNAUTHORIZED => Err(ApiError::Ended),
        StatusCode::FORBIDDEN => {
            let challenge = answer.headers().get(WWW_AUTHENTICATE.as_str());
            let challenge = challenge.and_then(|value| value.to_str().ok()).unwrap_or_default();
            Err(ApiError::Lacks(scope_of(challenge)))
        }
        status => Err(ApiError::Failed(format!("the API answers {status}"))),
    }
}

/// The scope that a challenge names (RFC 6750 §3).
fn scope_of(challenge: &str) -> String {
    let named = challenge.split_once(r#"scope=""#).and_then(|(_, rest)| rest.split_once('"'));
    named.map_or_else(String::new, |(scope, _)| scope.to_owned())
}

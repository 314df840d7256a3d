//! Tokens are taken back at the provider, where it can do that.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use openidconnect::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use openidconnect::http::{Method, Request};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::base::fault::Fault;
use crate::model::connection::Tokens;
use crate::protocol::provider::{ClientAuth, Revocation, RevokedToken};

use super::{Upstream, UpstreamError};

/// How providers say that a token is not one any more.
const GONE: [&str; 3] = ["invalid_token", "token_revoked", "account_inactive"];

impl Upstream<'_> {
    /// Takes tokens back; whether the provider has done it. False when it has no way, and the person has to do it there.
    ///
    /// # Errors
    /// When the profile makes no requests. Inside: what the provider says; what is unknown there is as good as gone.
    pub async fn revoke(&self, tokens: &Tokens) -> Result<Result<bool, UpstreamError>, Fault> {
        let request = match &self.profile.revocation {
            Revocation::None => return Ok(Ok(false)),
            Revocation::Standard {
                endpoint,
                authenticates,
                token,
            } => self.standard(endpoint, *authenticates, *token, tokens)?,
            Revocation::OwnProof { endpoint } => {
                let proof = format!("Bearer {}", tokens.access_token);
                asked(Method::POST, endpoint, Some(&proof), None, Vec::new())?
            }
            Revocation::Delete { endpoint } => self.in_json(Method::DELETE, endpoint, "access_token", tokens)?,
            Revocation::Json { endpoint } => self.in_json(Method::POST, endpoint, "token", tokens)?,
        };
        // What is not known there is as good as gone, but only if there is nothing else that lives on: an access token that
        // has ended by itself takes no refresh token with it.
        let is_all = tokens.refresh_token.is_none() || !self.profile.revocation.shows_access_token();
        Ok(self.send(request).await.and_then(|answer| {
            let said: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            let error = said.get("error").and_then(Value::as_str).unwrap_or_default();
            match answer.status().as_u16() {
                200..=299 if said.get("ok") != Some(&Value::Bool(false)) => Ok(true),
                200..=299 | 400 if is_all && GONE.contains(&error) => Ok(true),
                401 | 404 | 422 if is_all && self.profile.revocation.shows_access_token() => Ok(true),
                status => Err(UpstreamError::Refused(format!("status {status}"))),
            }
        }))
    }

    /// As RFC 7009 §2.1 says.
    fn standard(&self, endpoint: &Url, authenticates: bool, which: RevokedToken, tokens: &Tokens) -> Result<Request<Vec<u8>>, Fault> {
        let (token, hint) = match (&tokens.refresh_token, which) {
            (Some(token), RevokedToken::Refresh) => (token, "refresh_token"),
            _ => (&tokens.access_token, "access_token"),
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", token).append_pair("token_type_hint", hint);
        let mut basic = None;
        if authenticates {
            match self.profile.client_auth {
                ClientAuth::ClientSecretBasic => basic = self.basic(),
                ClientAuth::ClientSecretPost => {
                    let secret = self.secret.map_or("", ExposeSecret::expose_secret);
                    form.append_pair("client_id", self.client_id).append_pair("client_secret", secret);
                }
                ClientAuth::PrivateKeyJwt | ClientAuth::None => {
                    form.append_pair("client_id", self.client_id).extend_pairs(self.proof()?);
                }
            }
        }
        let body = form.finish().into_bytes();
        asked(
            Method::POST,
            endpoint,
            basic.as_deref(),
            Some("application/x-www-form-urlencoded"),
            body,
        )
    }

    fn in_json(&self, method: Method, endpoint: &Url, member: &str, tokens: &Tokens) -> Result<Request<Vec<u8>>, Fault> {
        let body = serde_json::to_vec(&json!({ member: tokens.access_token })).map_err(Fault::internal)?;
        asked(method, endpoint, self.basic().as_deref(), Some("application/json"), body)
    }

    /// Id and secret (RFC 6749 §2.3.1).
    fn basic(&self) -> Option<String> {
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(self.client_id), encoded(self.secret?.expose_secret()));
        Some(format!("Basic {}", BASE64_STANDARD.encode(pair)))
    }
}

fn asked(
    method: Method,
    endpoint: &Url,
    proof: Option<&str>,
    content_type: Option<&'static str>,
    body: Vec<u8>,
) -> Result<Request<Vec<u8>>, Fault> {
    let mut request = Request::builder().method(method).uri(endpoint.as_str());
    if let Some(proof) = proof {
        let mut value = HeaderValue::try_from(proof).map_err(Fault::internal)?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    request.body(body).map_err(Fault::internal)
}

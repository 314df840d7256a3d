//! Announcing a redirect.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::base::again::when_undone;
use crate::base::clock::Seconds;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::base::redacted::redacted;
use crate::config::relay::Serves;
use crate::model::callback::{Callback, MAX_LIFETIME};
use crate::model::event::EventKind;
use crate::protocol::callback::State;
use crate::protocol::error::{Refusal, invalid_request};
use crate::protocol::pkce::CodeChallenge;
use crate::protocol::redirect_uri;

use crate::federation::program::Program;

/// Everything but the unreserved characters (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The shortest time that a person is given, in seconds.
const MIN_LIFETIME: Seconds = 10;
/// The most characters of the label of a provider.
const MAX_PROVIDER: usize = 64;
/// The most characters of an issuer, and of the page to return to.
const MAX_URL: usize = 1000;

/// What a program wants.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewCallback {
    /// Its own state; one is made when it has none
    pub state: Option<String>,
    /// What it calls the provider
    pub provider: Option<String>,
    /// Who must answer: the `iss` of the redirect (RFC 9207)
    pub issuer: Option<String>,
    /// The page that the person comes back to: a redirect URI of the client
    pub return_uri: Option<String>,
    /// The person who must finish it, by id
    pub user_id: Option<String>,
    /// In seconds
    pub expires_in: Option<Seconds>,
    /// Whoever has its verifier may collect the answer (RFC 7636)
    pub code_challenge: Option<String>,
    /// `S256`
    pub code_challenge_method: Option<String>,
}

redacted!(NewCallback);

/// What it gets.
#[derive(Clone, Serialize)]
pub struct Created {
    /// To be sent to the provider
    pub state: String,
    /// To be sent to the provider
    pub redirect_uri: String,
    /// Where the answer will be
    pub callback_uri: String,
    /// Where it is told when the answer is there
    pub events_uri: String,
    /// In seconds
    pub expires_in: Seconds,
}

redacted!(Created);

/// Announces a redirect.
///
/// # Errors
/// When the database fails.
pub async fn create(app: &App, program: &Program, new: &NewCallback) -> Result<Result<Created, Refusal>, Fault> {
    let (callback, state) = match checked(app, program, new) {
        Ok(checked) => checked,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(user_id) = &callback.user_id {
        let user = app.store.read().await?.user(user_id).await?;
        if user.is_none_or(|user| user.is_disabled) {
            return Ok(Err(invalid_request("user_id is not the id of an account that can sign in")));
        }
    }
    let mut event = super::event(app, EventKind::CallbackCreated, &callback).by(program.actor());
    if !callback.provider.is_empty() {
        event = event.detail("provider", callback.provider.as_str());
    }
    let is_written = when_undone(async || {
        let mut tx = app.store.begin().await?;
        if !tx.insert_callback(&callback).await? {
            return Ok(false);
        }
        tx.record(event.clone()).await?;
        tx.commit().await?;
        Ok(true)
    });
    if !is_written.await? {
        return Ok(Err(invalid_request("this state is in use: make a new one for each request")));
    }
    let place = utf8_percent_encode(state.as_str(), RESERVED);
    Ok(Ok(Created {
        redirect_uri: super::endpoint(app, "/callback"),
        callback_uri: super::endpoint(app, &format!("/api/callback/{place}")),
        events_uri: super::endpoint(app, &format!("/api/callback/{place}/events")),
        expires_in: callback.expires_at - callback.created_at,
        state: state.as_str().to_owned(),
    }))
}

fn checked(app: &App, program: &Program, new: &NewCallback) -> Result<(Callback, State), Refusal> {
    let state = match &new.state {
        Some(own) => State::own(own)?,
        None => State::new(&new_id(&app.clock, &app.random), &app.random.secret()),
    };
    let lifetime = new.expires_in.unwrap_or(MAX_LIFETIME);
    if !(MIN_LIFETIME..=MAX_LIFETIME).contains(&lifetime) {
        return Err(invalid_request("expires_in must be a number of seconds from 10 to 600"));
    }
    let is_elsewhere = app.config.relay.url.as_ref().is_some_and(|url| *url != app.issuer);
    if new.user_id.is_some() && (app.config.serves != Serves::Everything || is_elsewhere) {
        return Err(invalid_request(
            "user_id needs the whole server at the address of the issuer: where the relay runs alone nobody signs in",
        ));
    }
    let provider = new.provider.clone().unwrap_or_default();
    if provider.chars().count() > MAX_PROVIDER || provider.chars().any(char::is_control) {
        return Err(invalid_request("provider has more than 64 characters, or control characters"));
    }
    let is_url = |text: &String| text.len() <= MAX_URL && url::Url::parse(text).is_ok();
    if !new.issuer.as_ref().is_none_or(is_url) {
        return Err(invalid_request("issuer is not a URL of at most 1000 characters"));
    }
    let now = app.now();
    let callback = Callback {
        id: state.id(),
        state_hash: state.hash(),
        owner: program.owner(),
        provider,
        expected_issuer: new.issuer.clone(),
        return_uri: new.return_uri.as_deref().map(|uri| return_uri(program, uri)).transpose()?,
        user_id: new.user_id.clone(),
        code_challenge: CodeChallenge::parse(new.code_challenge.as_deref(), new.code_challenge_method.as_deref())?,
        sealed_answer: None,
        retrieval_hash: None,
        created_at: now,
        expires_at: now + lifetime,
        received_at: None,
        collected_at: None,
    };
    Ok((callback, state))
}

/// The page to return to. People are sent there without being asked, so it is one that an operator registered,
/// exactly; whoever holds the admin token is the operator.
fn return_uri(program: &Program, uri: &str) -> Result<String, Refusal> {
    let is_page = uri.len() <= MAX_URL && url::Url::parse(uri).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
    let is_registered = match program {
        Program::Client(client) => client.redirect_uris.iter().any(|registered| registered == uri),
        Program::AdminToken => redirect_uri::validate(uri).is_ok(),
    };
    if is_page && is_registered {
        Ok(uri.to_owned())
    } else {
        Err(invalid_request(
            "return_uri must be a web page that is registered as a redirect URI of the client, exactly",
        ))
    }
}

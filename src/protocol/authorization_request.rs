//! The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).
//!
//! Parsing has two steps, because errors have two audiences. [`Target`] says which client asks and
//! where the answer goes; what is wrong with it is shown to the person and never redirected.
//! [`AuthorizationRequest`] is the rest; what is wrong with it goes back to the client.

use crate::base::redacted::redacted;

use super::claims_request::ClaimsRequest;
use super::error::{ErrorCode, Refusal, invalid_request};
use super::parameters::Parameters;
use super::pkce::CodeChallenge;
use super::scope::Scope;

/// The longest `state`, in bytes; the client gets it back unchanged.
pub const MAX_STATE: usize = 8192;
/// The longest `nonce`, in bytes.
pub const MAX_NONCE: usize = 1024;

/// Which client asks, and where it wants the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `client_id`
    pub client_id: String,
    /// `redirect_uri`, when it was sent
    pub redirect_uri: Option<String>,
}

impl Target {
    /// Reads the two parameters that must be right before anything may be redirected.
    ///
    /// # Errors
    /// `invalid_request` when `client_id` is missing or one of them is repeated.
    pub fn parse(parameters: &Parameters) -> Result<Self, Refusal> {
        Ok(Self {
            client_id: parameters.require("client_id")?.to_owned(),
            redirect_uri: parameters.get("redirect_uri")?.map(str::to_owned),
        })
    }
}

/// How the answer travels (OAuth 2.0 Multiple Response Types §2.1, Form Post Response Mode).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// In the body of a POST that the browser sends.
    FormPost,
}

/// What an answer needs, also when the rest of the request is wrong.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ResponseTarget {
    /// `state`, unless it is unusable itself
    pub state: Option<String>,
    /// `response_mode`; query when it is unusable itself
    pub mode: ResponseMode,
}

redacted!(ResponseTarget);

impl ResponseTarget {
    /// Reads `state` and `response_mode` leniently: their errors are reported by
    /// [`AuthorizationRequest::parse`], and that report has to travel somehow.
    #[must_use]
    pub fn parse(parameters: &Parameters) -> Self {
        let state = parameters.get("state").ok().flatten().filter(|state| state.len() <= MAX_STATE);
        let mode = parameters.get("response_mode").ok().flatten();
        Self {
            state: state.map(str::to_owned),
            mode: if mode == Some("form_post") {
                ResponseMode::FormPost
            } else {
                ResponseMode::Query
            },
        }
    }
}

/// The values of `prompt` (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Show nothing; answer with an error instead.
    pub none: bool,
    /// Ask for the password again.
    pub login: bool,
    /// Ask for consent again.
    pub consent: bool,
    /// Let the person choose an account.
    pub select_account: bool,
}

impl Prompt {
    fn parse(text: Option<&str>) -> Result<Self, Refusal> {
        let mut prompt = Self::default();
        for value in text.unwrap_or_default().split(' ').filter(|value| !value.is_empty()) {
            match value {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                _ => {
                    return Err(invalid_request(
                        "prompt has a value other than none, login, consent and select_account",
                    ));
                }
            }
        }
        if prompt.none && (prompt.login || prompt.consent || prompt.select_account) {
            return Err(invalid_request("prompt=none cannot be combined with other values"));
        }
        Ok(prompt)
    }
}

/// A request for authorization, every part of it well-formed.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// `response_mode` and `state`
    pub response: ResponseTarget,
    /// `scope`; `None` when it was not sent
    pub scope: Option<Scope>,
    /// `nonce`
    pub nonce: Option<String>,
    /// `prompt`
    pub prompt: Prompt,
    /// `max_age`, in seconds
    pub max_age: Option<i64>,
    /// `login_hint`
    pub login_hint: Option<String>,
    /// `id_token_hint`, not verified yet
    pub id_token_hint: Option<String>,
    /// `acr_values`, by preference
    pub acr_values: Vec<String>,
    /// `claims`
    pub claims: ClaimsRequest,
    /// `code_challenge`, method S256
    pub code_challenge: Option<CodeChallenge>,
    /// `resource` (RFC 8707 §2.1)
    pub resource: Vec<String>,
    /// `include_granted_scopes`: what was granted before is asked for again
    pub includes_granted_scopes: bool,
}

redacted!(AuthorizationRequest);

impl AuthorizationRequest {
    /// Parses everything but the target.
    ///
    /// # Errors
    /// The refusal that the client gets by redirect.
    pub fn parse(parameters: &Parameters) -> Result<Self, Refusal> {
        parameters.refuse_duplicates()?;
        refuse_unsupported(parameters)?;
        let response = parse_response(parameters)?;
        let scope = parameters.get("scope")?.map(Scope::parse).transpose()?;
        let nonce = parameters.get("nonce")?;
        if nonce.is_some_and(|nonce| nonce.len() > MAX_NONCE) {
            return Err(invalid_request("nonce is too long"));
        }
        let max_age = parameters.get("max_age")?.map(parse_max_age).transpose()?;
        let claims = parameters.get("claims")?.map(ClaimsRequest::parse).transpose()?.unwrap_or_default();
        let code_challenge = CodeChallenge::parse(parameters.get("code_challenge")?, parameters.get("code_challenge_method")?)?;
        Ok(Self {
            response,
            scope,
            nonce: nonce.map(str::to_owned),
            prompt: Prompt::parse(parameters.get("prompt")?)?,
            max_age,
            login_hint: parameters.get("login_hint")?.filter(|hint| hint.len() <= 254).map(str::to_owned),
            id_token_hint: parameters.get("id_token_hint")?.map(str::to_owned),
            acr_values: parameters
                .get("acr_values")?
                .unwrap_or_default()
                .split(' ')
                .filter(|acr| !acr.is_empty())
                .map(str::to_owned)
                .collect(),
            claims,
            code_challenge,
            resource: parameters.all("resource").map(str::to_owned).collect(),
            includes_granted_scopes: parameters.get("include_granted_scopes")? == Some("true"),
        })
    }

    /// Whether this is an OpenID Connect request.
    #[must_use]
    pub fn is_openid(&self) -> bool {
        self.scope.as_ref().is_some_and(|scope| scope.contains("openid"))
    }
}

fn parse_response(parameters: &Parameters) -> Result<ResponseTarget, Refusal> {
    match parameters.get("response_type")? {
        Some("code") => {}
        Some(_) => {
            return Err(Refusal::new(ErrorCode::UnsupportedResponseType, "response_type must be code"));
        }
        None => return Err(invalid_request("missing parameter: response_type")),
    }
    match parameters.get("response_mode")? {
        None | Some("query" | "form_post") => {}
        Some(_) => return Err(invalid_request("response_mode must be query or form_post")),
    }
    if parameters.get("state")?.is_some_and(|state| state.len() > MAX_STATE) {
        return Err(invalid_request("state is longer than 8192 bytes"));
    }
    Ok(ResponseTarget::parse(parameters))
}

/// Parameters that would change the meaning of the request if they were ignored (OpenID Connect
/// Core §3.1.2.6).
fn refuse_unsupported(parameters: &Parameters) -> Result<(), Refusal> {
    let unsupported = [
        ("request", ErrorCode::RequestNotSupported, "request objects are not supported"),
        ("request_uri", ErrorCode::RequestUriNotSupported, "request_uri is not supported"),
        (
            "registration",
            ErrorCode::RegistrationNotSupported,
            "the registration parameter is not supported",
        ),
    ];
    for (name, code, description) in unsupported {
        if parameters.get(name)?.is_some() {
            return Err(Refusal::new(code, description));
        }
    }
    Ok(())
}

fn parse_max_age(text: &str) -> Result<i64, Refusal> {
    match text.parse::<u32>() {
        Ok(seconds) => Ok(i64::from(seconds)),
        Err(_) => Err(invalid_request("max_age must be a number of seconds")),
    }
}

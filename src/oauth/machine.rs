//! oxide-auth's state machines, and the only file that names them.
//!
//! A machine of `code_grant` asks questions (`Output`) and takes answers (`Input`); it never waits,
//! so the store may be asked in between. Three things are absorbed here so that nobody else needs
//! to know them (seen with oxide-auth 0.6.1):
//!
//! - a request that a machine borrows is not `Sync`: it is handed over and forgotten before anything waits;
//! - an unknown code is `invalid_request` there and `invalid_grant` in RFC 6749 §5.2, and so on:
//!   the machines say whether, we say which;
//! - the machines read the wall clock: whether something has expired is decided with our clock, and
//!   the machine gets a date that says the same.
//!
//! The client has been authenticated before a machine starts (`oauth::client_authentication`), so a
//! machine's wish to authenticate is granted at once.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use oxide_auth::code_grant::accesstoken::{self, AccessToken};
use oxide_auth::code_grant::authorization::{self, Authorization};
use oxide_auth::code_grant::client_credentials::{self, ClientCredentials};
use oxide_auth::code_grant::refresh::{self, Refresh};
use oxide_auth::primitives::grant::{Extensions, Grant as OxideGrant};
use oxide_auth::primitives::issuer::{IssuedToken, RefreshedToken, TokenType};
use oxide_auth::primitives::registrar::{BoundClient, ExactUrl, PreGrant, RegisteredUrl};
use oxide_auth::primitives::scope::Scope as OxideScope;

use crate::base::fault::Fault;
use crate::model::grant::Grant;
use crate::protocol::error::{ErrorCode, Refusal, invalid_grant, invalid_request};
use crate::protocol::scope::Scope;

/// A refresh token is worth nothing, whatever the reason.
pub(super) const USELESS_REFRESH_TOKEN: Refusal = invalid_grant("the refresh token is unknown, expired, used or revoked");

/// A date that the machines take for the future, or for the past.
fn until(is_alive: bool) -> DateTime<Utc> {
    if is_alive {
        DateTime::<Utc>::MAX_UTC
    } else {
        DateTime::<Utc>::MIN_UTC
    }
}

fn oxide_scope(scope: &Scope) -> Result<OxideScope, Fault> {
    scope
        .to_string()
        .parse()
        .map_err(|_| Fault::internal("a scope of ours is not a scope to oxide-auth"))
}

fn unexpected() -> Fault {
    Fault::internal("a state machine of oxide-auth asked for something else")
}

// ── authorization request ────────────────────────────────────────────────────────────────────────

struct AuthorizationCall<'a> {
    client_id: &'a str,
    redirect_uri: &'a str,
    scope: &'a str,
    state: Option<&'a str>,
}

impl authorization::Request for AuthorizationCall<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn client_id(&self) -> Option<Cow<'_, str>> {
        Some(self.client_id.into())
    }
    fn scope(&self) -> Option<Cow<'_, str>> {
        (!self.scope.is_empty()).then(|| self.scope.into())
    }
    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        Some(self.redirect_uri.into())
    }
    fn state(&self) -> Option<Cow<'_, str>> {
        self.state.map(Cow::from)
    }
    fn response_type(&self) -> Option<Cow<'_, str>> {
        Some("code".into())
    }
    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// Walks the authorization request: bind the client, negotiate the scope. `effective` is what we
/// negotiated; the machine's verdict is the scope that may be granted.
pub(super) fn authorize(
    client_id: &str,
    redirect_uri: &str,
    requested: &Scope,
    effective: &Scope,
    state: Option<&str>,
) -> Result<Result<Scope, Refusal>, Fault> {
    let requested = requested.to_string();
    let call = AuthorizationCall {
        client_id,
        redirect_uri,
        scope: &requested,
        state,
    };
    let mut machine = Authorization::new(&call);
    let authorization::Output::Bind {
        client_id,
        redirect_uri: Some(bound),
    } = machine.advance(authorization::Input::None)
    else {
        return Ok(Err(invalid_request("the redirect URI cannot be used")));
    };
    let registered = RegisteredUrl::from(bound);
    let bound_client = BoundClient {
        client_id: client_id.into(),
        redirect_uri: Cow::Owned(registered.clone()),
    };
    match machine.advance(authorization::Input::Bound {
        request: &call,
        bound_client,
    }) {
        authorization::Output::Extend => {}
        _ => {
            return Ok(Err(Refusal::new(ErrorCode::InvalidScope, "the scope cannot be used")));
        }
    }
    let authorization::Output::Negotiate { bound_client, .. } = machine.advance(authorization::Input::Extended(Extensions::new())) else {
        return Err(unexpected());
    };
    let pre_grant = PreGrant {
        client_id: bound_client.client_id.clone().into_owned(),
        redirect_uri: registered,
        scope: oxide_scope(effective)?,
    };
    let negotiated = authorization::Input::Negotiated {
        pre_grant,
        state: state.map(str::to_owned),
    };
    let authorization::Output::Ok { pre_grant, .. } = machine.advance(negotiated) else {
        return Err(unexpected());
    };
    Ok(Scope::stored(&pre_grant.scope.to_string()).map(|granted| effective.intersection(&granted)))
}

// ── authorization code ───────────────────────────────────────────────────────────────────────────

struct CodeCall<'a> {
    client_id: &'a str,
    code: &'a str,
    redirect_uri: &'a str,
}

impl accesstoken::Request for CodeCall<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.code.into())
    }
    fn authorization(&self) -> accesstoken::Authorization<'_> {
        accesstoken::Authorization::Username(self.client_id.into())
    }
    fn client_id(&self) -> Option<Cow<'_, str>> {
        None
    }
    fn redirect_uri(&self) -> Option<Cow<'_, str>> {
        Some(self.redirect_uri.into())
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some("authorization_code".into())
    }
    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// The token request of an authenticated client, about to be compared with the grant of its code.
pub(super) struct CodeRedemption(AccessToken);

/// A code that may be consumed.
pub(super) struct RedeemableCode {
    machine: AccessToken,
    /// What was granted.
    pub scope: Scope,
}

impl CodeRedemption {
    pub(super) fn start(client_id: &str, code: &str, redirect_uri: &str) -> Result<Result<Self, Refusal>, Fault> {
        let mut machine = AccessToken::new(&CodeCall {
            client_id,
            code,
            redirect_uri,
        });
        match machine.advance(accesstoken::Input::None) {
            accesstoken::Output::Authenticate { .. } => {}
            accesstoken::Output::Err(_) => {
                return Ok(Err(invalid_request("the token request is malformed")));
            }
            _ => return Err(unexpected()),
        }
        match machine.advance(accesstoken::Input::Authenticated) {
            accesstoken::Output::Recover { .. } => Ok(Ok(Self(machine))),
            _ => Err(unexpected()),
        }
    }

    /// Answers the machine's question for the grant of the code.
    pub(super) fn recovered(mut self, grant: Option<&Grant>, now: i64) -> Result<Result<RedeemableCode, Refusal>, Fault> {
        let refusal = || invalid_grant("the code is unknown, expired, used, or was issued to another client or redirect URI");
        let recovered = match grant {
            Some(grant) => Some(Box::new(OxideGrant {
                owner_id: grant.user_id.clone(),
                client_id: grant.client_id.clone(),
                scope: oxide_scope(&grant.scope)?,
                redirect_uri: grant.redirect_uri.parse().map_err(Fault::internal)?,
                until: until(now < grant.code_expires_at),
                extensions: Extensions::new(),
            })),
            None => None,
        };
        match self.0.advance(accesstoken::Input::Recovered(recovered)) {
            accesstoken::Output::Extend { .. } => {}
            _ => return Ok(Err(refusal())),
        }
        let granted = grant.map(|grant| grant.scope.clone()).unwrap_or_default();
        let scope = match self.0.advance(accesstoken::Input::Extended {
            access_extensions: Extensions::new(),
        }) {
            accesstoken::Output::Issue { grant } => Scope::stored(&grant.scope.to_string()),
            _ => return Err(unexpected()),
        };
        // The machine keeps scopes in a set; the order in which they were granted is ours to keep.
        Ok(scope.map(|scope| RedeemableCode {
            machine: self.0,
            scope: granted.intersection(&scope),
        }))
    }
}

impl RedeemableCode {
    /// Tells the machine that the code was consumed and tokens are on their way.
    pub(super) fn consumed(mut self) -> Result<(), Fault> {
        match self.machine.advance(accesstoken::Input::Issued(issued())) {
            accesstoken::Output::Ok(_) => Ok(()),
            _ => Err(unexpected()),
        }
    }
}

/// The machines end when they are told that a token exists; ours are made by `oauth::issue`.
fn issued() -> IssuedToken {
    IssuedToken {
        token: String::new(),
        refresh: None,
        until: until(true),
        token_type: TokenType::Bearer,
    }
}

// ── refresh token ────────────────────────────────────────────────────────────────────────────────

struct RefreshCall<'a> {
    client_id: &'a str,
    refresh_token: &'a str,
    scope: Option<&'a str>,
}

impl refresh::Request for RefreshCall<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn refresh_token(&self) -> Option<Cow<'_, str>> {
        Some(self.refresh_token.into())
    }
    fn scope(&self) -> Option<Cow<'_, str>> {
        self.scope.map(Cow::from)
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some("refresh_token".into())
    }
    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((self.client_id.into(), Cow::Borrowed(&[])))
    }
    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// A refresh token that may be rotated.
pub(super) struct Refreshable {
    machine: Refresh,
    /// What the new access token may do: what was granted, or the part of it that was asked for.
    pub scope: Scope,
}

/// Walks a refresh request up to the point where the token may be rotated.
pub(super) fn refresh(
    client_id: &str,
    refresh_token: &str,
    scope: Option<&Scope>,
    grant: &Grant,
    is_alive: bool,
) -> Result<Result<Refreshable, Refusal>, Fault> {
    let wanted = scope.map(ToString::to_string);
    let mut machine = Refresh::new(&RefreshCall {
        client_id,
        refresh_token,
        scope: wanted.as_deref(),
    });
    match machine.advance(refresh::Input::None) {
        refresh::Output::Unauthenticated { .. } => {}
        _ => return Err(unexpected()),
    }
    match machine.advance(refresh::Input::Authenticated {
        scope: wanted.as_deref().map(Cow::from),
    }) {
        refresh::Output::RecoverRefresh { .. } => {}
        _ => return Err(unexpected()),
    }
    let recovered = OxideGrant {
        owner_id: grant.user_id.clone(),
        client_id: grant.client_id.clone(),
        scope: oxide_scope(&grant.scope)?,
        redirect_uri: grant.redirect_uri.parse().map_err(Fault::internal)?,
        until: until(is_alive),
        extensions: Extensions::new(),
    };
    let input = refresh::Input::Recovered {
        scope: wanted.as_deref().map(Cow::from),
        grant: Some(Box::new(recovered)),
    };
    let granted = match machine.advance(input) {
        refresh::Output::Refresh { grant, .. } => Scope::stored(&grant.scope.to_string()),
        // The machine has one answer for a wrong client, an ended grant and a wider scope.
        _ if is_alive && client_id == grant.client_id => Err(Refusal::new(ErrorCode::InvalidScope, "the scope exceeds what was granted")),
        // Nobody is told that it is somebody else's.
        _ => Err(USELESS_REFRESH_TOKEN),
    };
    Ok(granted.map(|scope| Refreshable {
        machine,
        scope: grant.scope.intersection(&scope),
    }))
}

impl Refreshable {
    /// Tells the machine that the token was rotated.
    pub(super) fn rotated(mut self) -> Result<(), Fault> {
        let token = RefreshedToken {
            token: String::new(),
            refresh: None,
            until: until(true),
            token_type: TokenType::Bearer,
        };
        match self.machine.advance(refresh::Input::Refreshed(token)) {
            refresh::Output::Ok(_) => Ok(()),
            _ => Err(unexpected()),
        }
    }
}

// ── client credentials ───────────────────────────────────────────────────────────────────────────

struct ClientCredentialsCall<'a> {
    client_id: &'a str,
    scope: Option<&'a str>,
}

impl client_credentials::Request for ClientCredentialsCall<'_> {
    fn valid(&self) -> bool {
        true
    }
    fn authorization(&self) -> Option<(Cow<'_, str>, Cow<'_, [u8]>)> {
        Some((self.client_id.into(), Cow::Borrowed(&[])))
    }
    fn scope(&self) -> Option<Cow<'_, str>> {
        self.scope.map(Cow::from)
    }
    fn grant_type(&self) -> Option<Cow<'_, str>> {
        Some("client_credentials".into())
    }
    fn extension(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// Walks a client credentials request; the scope that may be issued.
pub(super) fn client_credentials(client_id: &str, issuer: &str, requested: Option<&Scope>, effective: &Scope) -> Result<Scope, Fault> {
    let requested = requested.map(ToString::to_string);
    let mut machine = ClientCredentials::new(&ClientCredentialsCall {
        client_id,
        scope: requested.as_deref(),
    });
    match machine.advance(client_credentials::Input::None) {
        client_credentials::Output::Authenticate { .. } => {}
        _ => return Err(unexpected()),
    }
    match machine.advance(client_credentials::Input::Authenticated) {
        client_credentials::Output::Binding { .. } => {}
        _ => return Err(unexpected()),
    }
    // The machine wants a redirect URI, although nothing is redirected in this grant.
    let nowhere = RegisteredUrl::from(issuer.parse::<ExactUrl>().map_err(Fault::internal)?);
    let bound_client = BoundClient {
        client_id: client_id.to_owned().into(),
        redirect_uri: Cow::Owned(nowhere.clone()),
    };
    match machine.advance(client_credentials::Input::Bound { bound_client }) {
        client_credentials::Output::Extend => {}
        _ => return Err(unexpected()),
    }
    match machine.advance(client_credentials::Input::Extended {
        extensions: Extensions::new(),
    }) {
        client_credentials::Output::Negotiate { .. } => {}
        _ => return Err(unexpected()),
    }
    let pre_grant = PreGrant {
        client_id: client_id.to_owned(),
        redirect_uri: nowhere,
        scope: oxide_scope(effective)?,
    };
    match machine.advance(client_credentials::Input::Negotiated { pre_grant }) {
        client_credentials::Output::Ok { pre_grant, .. } => Scope::stored(&pre_grant.scope.to_string())
            .map(|granted| effective.intersection(&granted))
            .map_err(|_| unexpected()),
        _ => Err(unexpected()),
    }
}

//! Client credentials (RFC 6749 §4.4): a token for the client itself. No row is written.

use crate::app::App;
use crate::base::fault::Fault;
use crate::oauth::client_authentication::AuthenticatedClient;
use crate::oauth::issue::{self, TokenResponse};
use crate::oauth::machine;
use crate::oauth::resources::{self, Audience};
use crate::protocol::error::{ErrorCode, Refusal};
use crate::protocol::scope::Scope;

/// Scopes that speak about a person, of whom there is none here.
const PERSONAL: [&str; 2] = ["openid", "offline_access"];

/// Issues a token to the client on its own behalf.
///
/// # Errors
/// When the database fails.
pub async fn issue(
    app: &App,
    client: &AuthenticatedClient,
    requested: Option<&Scope>,
    resource: &[String],
) -> Result<Result<TokenResponse, Refusal>, Fault> {
    if client.is_public() {
        return Ok(Err(Refusal::new(
            ErrorCode::UnauthorizedClient,
            "a public client has no credentials of its own",
        )));
    }
    let (catalog, resources) = (app.store.known_scopes().await?, app.store.known_resources().await?);
    let scope = catalog.requested(requested, client).filter(|token| !PERSONAL.contains(&token));
    // A scope that is limited to roles needs a person who has the role.
    let scope = scope.filter(|token| catalog.definition(token).is_some_and(|definition| definition.roles.is_empty()));
    let chosen = resources::choose(&resources, &app.issuer, client, resource, &scope);
    let audience = match chosen.and_then(|chosen| Audience::of(app, &resources, client, &chosen, &scope)) {
        Ok(audience) => audience,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let scope = audience.scope.clone();
    let asks_for_something = requested.is_some_and(|requested| !requested.is_empty());
    if scope.is_empty() && asks_for_something {
        return Ok(Err(Refusal::new(
            ErrorCode::InvalidScope,
            "none of the requested scopes is available to this client",
        )));
    }
    let scope = machine::client_credentials(&client.id, app.issuer.as_str(), requested, &scope)?;
    let tokens = issue::tokens(
        app,
        client,
        Audience {
            scope: scope.clone(),
            ..audience
        },
        &scope,
        None,
    )?;
    tracing::debug!(
        event = "client_credentials_issued",
        client = client.id,
        "a client got a token for itself"
    );
    Ok(Ok(tokens))
}

//! The userinfo endpoint (OpenID Connect Core §5.3).

use serde_json::{Map, Value, json};

use crate::app::App;
use crate::base::fault::Fault;
use crate::identity::limit;
use crate::protocol::error::{ErrorCode, Refusal};

use super::verify;

/// The claims that a token's scope and its `claims` request release. `sub` is always there (§5.3.2).
///
/// # Errors
/// When the database fails.
pub async fn userinfo(app: &App, token: &str) -> Result<Result<Map<String, Value>, Refusal>, Fault> {
    let invalid = || {
        Refusal::new(
            ErrorCode::InvalidToken,
            "the access token is unknown, expired, revoked or for another resource",
        )
    };
    let Some(live) = verify::access_token(app, token).await? else {
        return Ok(Err(invalid()));
    };
    let Some(person) = live.person else {
        return Ok(Err(Refusal::new(ErrorCode::InvalidToken, "the access token speaks for no person")));
    };
    if let Err(exceeded) = limit::by_account(app, &live.claims.sub) {
        return Ok(Err(exceeded.refusal()));
    }
    if !live.scope.contains("openid") {
        return Ok(Err(Refusal::new(
            ErrorCode::InsufficientScope,
            "the access token lacks the scope openid",
        )));
    }
    let Some(client) = app.store.known_client(&live.claims.client_id).await? else {
        return Ok(Err(invalid()));
    };
    let catalog = app.store.known_scopes().await?;
    let user = person.user;
    let reachable = catalog.reachable_claims(&client, &user);
    let asked = person
        .claims
        .userinfo
        .keys()
        .map(String::as_str)
        .filter(|name| reachable.contains(name));
    let mut claims = Map::new();
    for name in catalog.claims(&live.scope).into_iter().chain(asked) {
        if let Some(value) = user.claim(name) {
            claims.insert(name.to_owned(), value);
        }
    }
    claims.insert("sub".to_owned(), json!(user.id));
    Ok(Ok(claims))
}

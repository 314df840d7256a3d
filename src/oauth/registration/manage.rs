//! A client looks after its own registration with its registration access token (RFC 7592).
//!
//! Whoever has stolen that token must not be able to use what people allowed the client. So whatever changes where
//! answers go, or how the client proves who it is, makes the server ask everybody again.

use secrecy::ExposeSecret;
use serde_json::Value;

use crate::app::App;
use crate::base::digest::{equal, sha256_text};
use crate::base::fault::Fault;
use crate::config::RegistrationPolicy;
use crate::identity::quota::Quota;
use crate::model::client::{Client, ClientOrigin, ClientSettings};
use crate::model::event::Actor;
use crate::oauth::clients::{self, ClientError};
use crate::protocol::client_authentication::AuthMethod;
use crate::protocol::registration::{ClientMetadata, wrong};
use crate::store::Tx;

use super::information::{Secrets, information};
use super::{Denied, policy, too_many, wrong_token};

const WRONG_TOKEN: &str = "the registration access token is not that of this client";

/// As long as a digest, so that comparing costs the same when there is no token.
const NO_TOKEN: &str = "0000000000000000000000000000000000000000000";

/// The registration as it is (RFC 7592 §2.1).
///
/// # Errors
/// When the database fails.
pub async fn read(app: &App, client_id: &str, presented: Option<&str>) -> Result<Result<Value, Denied>, Fault> {
    let (client, token) = match authenticate(app, client_id, presented).await? {
        Ok(authenticated) => authenticated,
        Err(denied) => return Ok(Err(denied)),
    };
    let about = app.store.read().await?.self_description(&client.id).await?;
    let secrets = Secrets {
        client_secret: None,
        registration_token: token,
    };
    Ok(Ok(information(app, &client, &about, &secrets)))
}

/// Replaces the registration by what was sent (RFC 7592 §2.2): the registration as it is then.
///
/// # Errors
/// When the database fails.
pub async fn replace(app: &App, client_id: &str, presented: Option<&str>, body: &[u8]) -> Result<Result<Value, Denied>, Fault> {
    let (client, token) = match authenticate(app, client_id, presented).await? {
        Ok(authenticated) => authenticated,
        Err(denied) => return Ok(Err(denied)),
    };
    let app = &app.acting_as(Actor::Client(client.id.clone()));
    let live = app.live();
    if live.registration_policy() == RegistrationPolicy::Off {
        return Ok(Err(Denied::Off));
    }
    let quota = Quota::of_change(app, &client.id);
    let exceeded = quota.exceeded_for(&mut app.store.read().await?, app.now()).await?;
    if let Some(seconds) = exceeded {
        return too_many(app, seconds, Some(&client.id)).await.map(Err);
    }
    let (catalog, resources) = {
        let mut connection = app.store.read().await?;
        (connection.scopes().await?, connection.resources().await?)
    };
    let wanted = ClientMetadata::parse(body).and_then(|metadata| {
        check_identity(app, &client, &metadata)?;
        let settings = policy::settings(&metadata, policy::offer_to(&client, &live, &catalog, resources))?;
        Ok((settings, metadata.about))
    });
    let (settings, about) = match wanted {
        Ok(wanted) => wanted,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let mut tx = app.store.begin().await?;
    if let Some(seconds) = quota.spend(&mut tx, app.now()).await? {
        drop(tx);
        return too_many(app, seconds, Some(&client.id)).await.map(Err);
    }
    let changed = match change(app, &mut tx, client, settings).await {
        Ok(changed) => changed,
        Err(ClientError::Invalid(invalid)) => return Ok(Err(policy::refused(&invalid).into())),
        Err(ClientError::Fault(fault)) => return Err(fault),
        Err(ClientError::Taken | ClientError::Changed) => return Ok(Err(Denied::Changed)),
    };
    tx.describe_client(&changed.client.id, &about).await?;
    tx.commit().await?;
    let secrets = Secrets {
        client_secret: changed.secret.as_deref(),
        registration_token: token,
    };
    Ok(Ok(information(app, &changed.client, &about, &secrets)))
}

/// Removes the registration (RFC 7592 §2.3). Its grants and consents go with it, and every token is dead.
///
/// # Errors
/// When the database fails.
pub async fn delete(app: &App, client_id: &str, presented: Option<&str>) -> Result<Result<(), Denied>, Fault> {
    let (client, _) = match authenticate(app, client_id, presented).await? {
        Ok(authenticated) => authenticated,
        Err(denied) => return Ok(Err(denied)),
    };
    match clients::delete(&app.acting_as(Actor::Client(client.id.clone())), &client).await {
        Ok(()) => Ok(Ok(())),
        Err(ClientError::Fault(fault)) => Err(fault),
        Err(_) => Ok(Err(Denied::Changed)),
    }
}

/// The client whose token this is. Unknown clients and wrong tokens are told alike, and cost alike.
async fn authenticate<'t>(app: &App, client_id: &str, presented: Option<&'t str>) -> Result<Result<(Client, &'t str), Denied>, Fault> {
    let Some(presented) = presented else {
        return Ok(Err(Denied::NoToken));
    };
    let client = app.store.read().await?.client(client_id).await?;
    let stored = client.as_ref().filter(|client| client.origin == ClientOrigin::Registration);
    let stored = stored.and_then(|client| client.registration_token_hash.as_deref());
    let is_right = equal(sha256_text(presented).as_bytes(), stored.unwrap_or(NO_TOKEN).as_bytes()) & stored.is_some();
    match client {
        Some(client) if is_right && client.is_disabled => Ok(Err(Denied::Disabled)),
        Some(client) if is_right => Ok(Ok((client, presented))),
        known => wrong_token(app, WRONG_TOKEN, known.as_ref().map(|client| client.id.as_str()))
            .await
            .map(Err),
    }
}

/// An update says which client it is about, and knows its secret if it names one (RFC 7592 §2.2).
fn check_identity(app: &App, client: &Client, metadata: &ClientMetadata) -> Result<(), crate::protocol::error::Refusal> {
    if metadata.client_id.as_deref() != Some(client.id.as_str()) {
        return Err(wrong("client_id", "must be that of the registration"));
    }
    let secret = metadata.client_secret.as_ref();
    if secret.is_some_and(|secret| !client.has_secret(secret.expose_secret(), app.now())) {
        return Err(wrong("client_secret", "is not that of the client"));
    }
    Ok(())
}

/// Changes the client, and takes back what people allowed where the change could give it to somebody else.
async fn change(app: &App, tx: &mut Tx, client: Client, settings: ClientSettings) -> Result<clients::Registered, ClientError> {
    let before = client.settings.clone();
    let had_secret = client.secret_hash.is_some();
    let mut client = clients::change_in(app, tx, client, settings).await?;
    let has_new_target = client.redirect_uris.iter().any(|uri| !before.redirect_uris.contains(uri));
    let proves_itself_differently =
        client.auth_method != before.auth_method || client.jwks != before.jwks || client.jwks_uri != before.jwks_uri;
    if has_new_target || proves_itself_differently {
        tx.forget_consents_to(&client.id).await?;
    }
    if proves_itself_differently {
        // A refresh token that was stolen along with the registration token must not become usable by this.
        tx.revoke_grants_to(&client.id, app.now()).await?;
    }
    // One that signs with keys of its own has none; one that makes MACs needs one that was kept for that.
    let has_what_it_needs = had_secret && (client.auth_method != AuthMethod::ClientSecretJwt || client.sealed_secret.is_some());
    let secret = (client.needs_secret() && !has_what_it_needs).then(|| clients::new_secret(app));
    if let Some(secret) = &secret {
        client = clients::set_secret_in(app, tx, client, secret, 0).await?;
    }
    Ok(clients::Registered { client, secret })
}

//! A private key of our own at a provider, instead of a secret: another Gatehouse that knows nothing but its public half.

use gatehouse::federation::providers::{Credential, SecretChange, change};
use gatehouse::model::provider::ProviderSettings;
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::provider::ClientAuth;
use serde_json::json;

use super::{question, whole_way, world};
use crate::support::assertion::ClientKey;
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::{Database, TestApp};

/// Consent, refresh and taking back, with a key of this kind.
async fn whole_life(algorithm: SigningAlgorithm) {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let key = ClientKey::new(algorithm);
    let there = world
        .provider
        .client(AuthMethod::PrivateKeyJwt, |new| {
            new.redirect_uris = vec![world.app.url("/connect/callback/there")];
            new.jwks = Some(json!({ "keys": [key.jwk] }));
        })
        .await;
    let provider = world.app.app.store.read().await.unwrap().provider("there").await.unwrap().unwrap();
    let settings = ProviderSettings {
        client_id: there.id().to_owned(),
        client_auth: Some(ClientAuth::PrivateKeyJwt),
        ..provider.settings.clone()
    };
    let secret = SecretChange::Set(Credential::PrivateKey(key.private_jwk()));
    let provider = change(&world.app.app, provider, settings.clone(), secret).await.unwrap();
    let (link, _) = question(&world.ask(&world.alice, json!({})).await);
    let page = whole_way(&link, "alice").await;
    assert!(page.body.contains("Done"), "{}", page.body);
    let first = world.ask(&world.alice, json!({})).await;
    world.app.advance(3600);
    world.provider.advance(3600);
    let second = world.ask(&world.alice, json!({})).await;
    assert_eq!(second.status, 200, "{}", second.body);
    assert_ne!(first.text("access_token"), second.text("access_token"));
    let userinfo = async |token: &str| {
        let request = http().get(world.provider.url("/userinfo")).bearer_auth(token);
        send(request).await.status
    };
    assert_eq!(userinfo(second.text("access_token")).await, 200);

    // Another key is no proof, and neither are those of the server.
    let another = Credential::PrivateKey(ClientKey::new(algorithm).private_jwk());
    for secret in [SecretChange::Set(another), SecretChange::Remove] {
        let read = world.app.app.store.read().await.unwrap().provider("there").await.unwrap().unwrap();
        change(&world.app.app, read, settings.clone(), secret).await.unwrap();
        world.app.advance(3600);
        world.provider.advance(3600);
        let refused = world.ask(&world.alice, json!({})).await;
        assert_eq!(refused.status, 502, "{}", refused.body);
    }
    let read = world.app.app.store.read().await.unwrap().provider("there").await.unwrap().unwrap();
    assert!(!read.has_secret() && read.id == provider.id);
    let right = SecretChange::Set(Credential::PrivateKey(key.private_jwk()));
    change(&world.app.app, read, settings, right).await.unwrap();
    world.app.advance(600);
    world.provider.advance(600);
    let third = world.ask(&world.alice, json!({})).await;
    assert_eq!(third.status, 200, "{}", third.body);
    let connection = world
        .app
        .app
        .store
        .read()
        .await
        .unwrap()
        .connection(third.text("connection_id"))
        .await
        .unwrap()
        .unwrap();
    let removal = gatehouse::federation::vault::connections::remove(&world.app.app, &connection)
        .await
        .unwrap();
    assert_eq!(removal, gatehouse::federation::vault::connections::Removal::Everywhere);
    assert_eq!(userinfo(third.text("access_token")).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_shown_an_rsa_key_of_our_own() {
    whole_life(SigningAlgorithm::Rs256).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_shown_an_ec_key_of_our_own() {
    whole_life(SigningAlgorithm::Es256).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_shown_an_ed25519_key_of_our_own() {
    whole_life(SigningAlgorithm::EdDsa).await;
}

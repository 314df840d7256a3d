//! The client credentials grant (RFC 6749 §4.4).

use gatehouse::model::client::{Client, ClientSettings};
use gatehouse::oauth::client_authentication::authenticate;
use gatehouse::oauth::clients::{self, NewClient};
use gatehouse::oauth::grants::client_credentials;
use gatehouse::protocol::client_authentication::{AuthMethod, ClientCredentials};
use gatehouse::protocol::token_request::GrantType;
use secrecy::SecretString;

use crate::support::client::{TestClient, claims};
use crate::support::{TestApp, on_every_database};

/// A token that the client gets for itself.
async fn own_token(client: &TestClient) -> String {
    let answer = client.post("/token", &[("grant_type", "client_credentials")]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.text("access_token").to_owned()
}

async fn is_active(witness: &TestClient, token: &str) -> bool {
    witness.introspect(token).await.body["active"] == true
}

/// The client as it is now.
async fn read(app: &TestApp, client: &TestClient) -> Client {
    app.app.store.read().await.unwrap().client(client.id()).await.unwrap().unwrap()
}

async fn set_disabled(app: &TestApp, client: &TestClient, is_disabled: bool) {
    let client = read(app, client).await;
    let settings = ClientSettings {
        is_disabled,
        ..client.settings.clone()
    };
    clients::change(&app.app, client, settings).await.unwrap();
}

on_every_database! {
    async fn a_client_gets_a_token_for_itself(app: TestApp) {
        let client = app.confidential_client().await;
        let answer = client.post("/token", &[("grant_type", "client_credentials"), ("scope", "read openid offline_access unknown")]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.text("scope"), "read", "there is no person to speak about");
        assert!(answer.body.get("refresh_token").is_none());
        assert!(answer.body.get("id_token").is_none());
        let token = claims(answer.text("access_token"));
        assert_eq!(token["sub"], client.id());
        assert!(token.get("auth_time").is_none());
        let introspected = client.introspect(answer.text("access_token")).await;
        assert_eq!(introspected.body["active"], true);
        assert!(introspected.body.get("username").is_none());
        assert_eq!(client.userinfo(answer.text("access_token")).await.status, 401, "it never passes for a person");
    }

    async fn it_can_be_revoked_although_it_has_no_row(app: TestApp) {
        let client = app.confidential_client().await;
        let first = client.post("/token", &[("grant_type", "client_credentials")]).await;
        let second = client.post("/token", &[("grant_type", "client_credentials")]).await;
        assert_eq!(client.revoke(first.text("access_token")).await.status, 200);
        assert_eq!(client.introspect(first.text("access_token")).await.body["active"], false);
        assert_eq!(client.introspect(second.text("access_token")).await.body["active"], true);
    }

    async fn who_may_not(app: TestApp) {
        let public = app.public_client().await;
        let answer = public.post("/token", &[("grant_type", "client_credentials")]).await;
        assert_eq!((answer.status, answer.error()), (400, "unauthorized_client"));
        let web = app.client(AuthMethod::ClientSecretBasic, |_| {}).await;
        assert_eq!(web.post("/token", &[("grant_type", "client_credentials")]).await.error(), "unauthorized_client");
        let service = app.client(AuthMethod::ClientSecretBasic, |new| new.grant_types = vec![GrantType::ClientCredentials]).await;
        assert_eq!(service.redeem("ghc_x").await.error(), "unauthorized_client");
        let answer = service.post("/token", &[("grant_type", "client_credentials"), ("scope", "admin")]).await;
        assert_eq!((answer.status, answer.error()), (400, "invalid_scope"));
    }

    // The clock stands still in all of these: everything happens in one second.

    async fn a_leaked_secret_and_all_that_it_got_end_at_once(app: TestApp) {
        let witness = app.confidential_client().await;
        let mut client = app.confidential_client().await;
        for _ in 0..3 {
            let token = own_token(&client).await;
            assert!(is_active(&witness, &token).await, "a new token works in the second of the new secret");
            let replaced = clients::replace_secret(&app.app, read(&app, &client).await, 0).await.unwrap();
            client.secret = replaced.secret;
            assert!(!is_active(&witness, &token).await);
        }
        // With an overlap the old secret goes on working, and so does what it got.
        let token = own_token(&client).await;
        clients::replace_secret(&app.app, read(&app, &client).await, 60).await.unwrap();
        assert!(is_active(&witness, &token).await);
        let settings = ClientSettings { name: "Another name".to_owned(), ..read(&app, &client).await.settings };
        clients::change(&app.app, read(&app, &client).await, settings).await.unwrap();
        assert!(is_active(&witness, &token).await, "nor does any other change end it");
    }

    async fn what_a_disabled_client_got_for_itself_stays_dead(app: TestApp) {
        app.user("alice").await;
        let witness = app.confidential_client().await;
        let client = app.confidential_client().await;
        let granted = client.tokens("alice", &[]).await.text("access_token").to_owned();
        for _ in 0..2 {
            let token = own_token(&client).await;
            set_disabled(&app, &client, true).await;
            assert!(!is_active(&witness, &token).await && !is_active(&witness, &granted).await);
            set_disabled(&app, &client, false).await;
            assert!(!is_active(&witness, &token).await);
            assert!(is_active(&witness, &granted).await, "what a person granted lives by the grant");
        }
    }

    async fn a_secret_that_is_replaced_while_a_token_is_made_ends_it(app: TestApp) {
        let witness = app.confidential_client().await;
        let client = app.confidential_client().await;
        let credentials = ClientCredentials {
            client_id: client.id().to_owned(),
            secret: client.secret.clone().map(SecretString::from),
            method: AuthMethod::ClientSecretBasic,
            assertion: None,
        };
        let authenticated = authenticate(&app.app, &credentials).await.unwrap().unwrap();
        clients::replace_secret(&app.app, read(&app, &client).await, 0).await.unwrap();
        app.advance(5);
        let issued = client_credentials::issue(&app.app, &authenticated, None, &[]).await.unwrap().unwrap();
        let issued = serde_json::to_value(&issued).unwrap();
        assert!(!is_active(&witness, issued["access_token"].as_str().unwrap()).await);
    }

    async fn a_client_of_the_same_id_inherits_nothing(app: TestApp) {
        let witness = app.confidential_client().await;
        let make = async || {
            let new = |new: &mut NewClient| {
                new.id = Some("job".to_owned());
                new.grant_types.push(GrantType::ClientCredentials);
            };
            app.client(AuthMethod::ClientSecretBasic, new).await
        };
        let client = make().await;
        let token = own_token(&client).await;
        clients::delete(&app.app, &read(&app, &client).await).await.unwrap();
        assert!(!is_active(&witness, &token).await);
        let client = make().await;
        assert!(!is_active(&witness, &token).await);
        assert!(is_active(&witness, &own_token(&client).await).await);
    }
}

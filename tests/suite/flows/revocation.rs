//! Revocation and introspection (RFC 7009, RFC 7662).

use gatehouse::model::event::{EventFilter, EventKind};
use gatehouse::oauth::applications;
use gatehouse::store::Withdrawn;

use crate::support::{TestApp, on_every_database};

on_every_database! {
    async fn revoking_a_refresh_token_ends_everything(app: TestApp) {
        app.user("alice").await;
        let client = app.confidential_client().await;
        let tokens = client.tokens("alice", &[]).await;
        assert_eq!(client.introspect(tokens.text("refresh_token")).await.body["active"], true);
        assert_eq!(client.revoke(tokens.text("refresh_token")).await.status, 200);
        assert_eq!(client.refresh(tokens.text("refresh_token")).await.error(), "invalid_grant");
        assert_eq!(client.introspect(tokens.text("access_token")).await.body, serde_json::json!({ "active": false }));
        assert_eq!(client.introspect(tokens.text("refresh_token")).await.body, serde_json::json!({ "active": false }));
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 401);
        assert_eq!(client.revoke(tokens.text("refresh_token")).await.status, 200, "twice is fine");
    }

    async fn revoking_an_access_token_ends_it_alone(app: TestApp) {
        app.user("alice").await;
        let client = app.confidential_client().await;
        let tokens = client.tokens("alice", &[]).await;
        assert_eq!(client.revoke(tokens.text("access_token")).await.status, 200);
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 401);
        assert_eq!(client.refresh(tokens.text("refresh_token")).await.status, 200);
        let other_node = app.second_node().await;
        let seen = gatehouse::oauth::verify::access_token(&other_node, tokens.text("access_token")).await.unwrap();
        assert!(seen.is_none(), "another node knows at once");
    }

    async fn only_the_owner_may_revoke_and_only_confidential_clients_may_ask(app: TestApp) {
        app.user("alice").await;
        let client = app.confidential_client().await;
        let other = app.confidential_client().await;
        let public = app.public_client().await;
        let tokens = client.tokens("alice", &[]).await;
        for token in ["access_token", "refresh_token"] {
            let answer = other.revoke(tokens.text(token)).await;
            assert_eq!((answer.status, answer.error()), (400, "invalid_grant"));
        }
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 200);
        assert_eq!(other.introspect(tokens.text("access_token")).await.body["active"], true, "a resource server may ask");
        assert_eq!(other.introspect(tokens.text("refresh_token")).await.body["active"], false, "a refresh token is its client's own affair");
        let answer = public.introspect(tokens.text("access_token")).await;
        assert_eq!((answer.status, answer.error()), (401, "invalid_client"));
        assert_eq!(client.revoke("no such token").await.status, 200, "RFC 7009 2.2");
        assert_eq!(client.introspect("no such token").await.body, serde_json::json!({ "active": false }));
        let of_public = public.tokens("alice", &[]).await;
        assert_eq!(public.revoke(of_public.text("refresh_token")).await.status, 200, "a public client may revoke its own");
        assert_eq!(public.refresh(of_public.text("refresh_token")).await.error(), "invalid_grant");
    }

    async fn tokens_of_others_are_for_resource_servers_only(app: TestApp) {
        app.user("alice").await;
        let client = app.confidential_client().await;
        let curious = app.client(gatehouse::protocol::client_authentication::AuthMethod::ClientSecretBasic, |_| {}).await;
        let tokens = client.tokens("alice", &[]).await;
        assert_eq!(curious.introspect(tokens.text("access_token")).await.body, serde_json::json!({ "active": false }));
        let own = curious.tokens("alice", &[]).await;
        assert_eq!(curious.introspect(own.text("access_token")).await.body["active"], true);
    }

    async fn an_expired_token_is_inactive(app: TestApp) {
        app.user("alice").await;
        let client = app.confidential_client().await;
        let tokens = client.tokens("alice", &[]).await;
        app.advance(3599);
        assert_eq!(client.introspect(tokens.text("access_token")).await.body["active"], true);
        app.advance(1);
        assert_eq!(client.introspect(tokens.text("access_token")).await.body["active"], false);
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 401);
    }

    async fn a_disabled_client_is_dead_with_all_it_has(app: TestApp) {
        app.user("alice").await;
        let client = app.confidential_client().await;
        let observer = app.confidential_client().await;
        let tokens = client.tokens("alice", &[]).await;
        let mut record = client.client.clone();
        record.is_disabled = true;
        let mut tx = app.app.store.begin().await.unwrap();
        tx.update_client(&record).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(observer.introspect(tokens.text("access_token")).await.body["active"], false);
        assert_eq!(client.refresh(tokens.text("refresh_token")).await.status, 401);
        assert_eq!(crate::support::Browser::new().get(&client.authorize_url(&[])).await.status, 400);
    }

    async fn what_has_expired_is_not_withdrawn(app: TestApp) {
        let user = app.user("alice").await;
        let (client, trusted) = (app.public_client().await, app.trusted_client().await);
        for client in [&client, &trusted] {
            client.tokens("alice", &[("scope", "openid")]).await;
        }
        // Longer than a refresh token lives that nobody uses.
        app.advance(200 * 86_400);
        client.tokens("alice", &[("scope", "openid")]).await;
        let withdrawn = applications::withdraw(&app.app, &user.id, client.id()).await.unwrap();
        assert_eq!(withdrawn, Withdrawn { is_consent: true, grants: 1 }, "one of the two is over");
        // Nothing is left, of the one client because it was withdrawn, of the other because it is over.
        for client in [&client, &trusted] {
            let withdrawn = applications::withdraw(&app.app, &user.id, client.id()).await.unwrap();
            assert_eq!(withdrawn, Withdrawn { is_consent: false, grants: 0 });
        }
        let events = app.app.store.read().await.unwrap().events(&EventFilter::default(), None, 100).await.unwrap();
        let of = |kind| events.iter().filter(|event| event.kind == kind).collect::<Vec<_>>();
        assert_eq!((of(EventKind::ConsentWithdrawn).len(), of(EventKind::GrantRevoked).len()), (1, 0));
        assert_eq!(of(EventKind::ConsentWithdrawn)[0].detail["grants"], 1);
        // Without a consent it is the grants that are revoked.
        trusted.tokens("alice", &[("scope", "openid")]).await;
        let withdrawn = applications::withdraw(&app.app, &user.id, trusted.id()).await.unwrap();
        assert_eq!(withdrawn, Withdrawn { is_consent: false, grants: 1 });
    }

    async fn withdrawing_consent_revokes_and_forgets(app: TestApp) {
        let user = app.user("alice").await;
        let client = app.public_client().await;
        let tokens = client.tokens("alice", &[]).await;
        let mut tx = app.app.store.begin().await.unwrap();
        assert!(tx.withdraw_consent(&user.id, client.id(), app.app.now()).await.unwrap().is_consent);
        tx.commit().await.unwrap();
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 401);
        assert_eq!(client.refresh(tokens.text("refresh_token")).await.error(), "invalid_grant");
    }
}

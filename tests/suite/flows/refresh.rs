//! Refresh tokens: rotation, grace, replay (RFC 9700 §4.14.2).

use crate::support::client::claims;
use crate::support::{TestApp, on_every_database};

on_every_database! {
    async fn a_refresh_rotates_and_keeps_what_was_granted(app: TestApp) {
        let user = app.user("alice").await;
        let client = app.trusted_client().await;
        let first = client.tokens("alice", &[("scope", "openid email offline_access")]).await;
        app.advance(100);
        let second = client.refresh(first.text("refresh_token")).await;
        assert_eq!(second.status, 200, "{}", second.body);
        assert_ne!(second.text("refresh_token"), first.text("refresh_token"));
        assert_ne!(second.text("access_token"), first.text("access_token"));
        assert_eq!(second.text("scope"), "openid email offline_access");
        let (before, after) = (claims(first.text("id_token")), claims(second.text("id_token")));
        assert_eq!(after["sub"], user.id);
        assert_eq!(after["auth_time"], before["auth_time"], "OpenID Connect Core 12.2");
        assert_eq!(after["sid"], before["sid"]);
        assert_eq!(client.refresh(second.text("refresh_token")).await.status, 200);
    }

    async fn a_repeated_refresh_gets_the_same_successor_within_the_grace_window(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let first = client.tokens("alice", &[]).await;
        let second = client.refresh(first.text("refresh_token")).await;
        app.advance(10);
        let again = client.refresh(first.text("refresh_token")).await;
        assert_eq!(again.status, 200, "{}", again.body);
        assert_eq!(again.text("refresh_token"), second.text("refresh_token"));
        assert_eq!(client.refresh(second.text("refresh_token")).await.status, 200);
    }

    async fn a_replay_after_the_grace_window_revokes_the_grant(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let first = client.tokens("alice", &[]).await;
        let second = client.refresh(first.text("refresh_token")).await;
        app.advance(11);
        let replay = client.refresh(first.text("refresh_token")).await;
        assert_eq!((replay.status, replay.error()), (400, "invalid_grant"));
        assert_eq!(client.refresh(second.text("refresh_token")).await.error(), "invalid_grant");
        assert_eq!(client.userinfo(second.text("access_token")).await.status, 401);
    }

    async fn a_token_two_generations_old_is_a_replay_at_once(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let first = client.tokens("alice", &[]).await;
        let second = client.refresh(first.text("refresh_token")).await;
        let third = client.refresh(second.text("refresh_token")).await;
        assert_eq!(client.refresh(first.text("refresh_token")).await.error(), "invalid_grant");
        assert_eq!(client.refresh(third.text("refresh_token")).await.error(), "invalid_grant");
    }

    async fn a_refused_refresh_does_not_consume_the_token(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let other = app.trusted_client().await;
        let first = client.tokens("alice", &[("scope", "openid email")]).await;
        let token = first.text("refresh_token");
        let wider = client.post("/token", &[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", "openid email read")]).await;
        assert_eq!((wider.status, wider.error()), (400, "invalid_scope"));
        assert_eq!(other.refresh(token).await.error(), "invalid_grant");
        let target = client.post("/token", &[("grant_type", "refresh_token"), ("refresh_token", token), ("resource", "https://elsewhere.example")]).await;
        assert_eq!((target.status, target.error()), (400, "invalid_target"));
        let narrower = client.post("/token", &[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", "openid")]).await;
        assert_eq!(narrower.status, 200, "{}", narrower.body);
        assert_eq!(narrower.text("scope"), "openid");
        let again = client.refresh(narrower.text("refresh_token")).await;
        assert_eq!(again.text("scope"), "openid email", "narrowing concerns one access token");
    }

    async fn refresh_tokens_end_by_idling_and_by_age(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let idle = client.tokens("alice", &[]).await;
        let mut used = client.tokens("alice", &[]).await;
        let day = 86_400;
        app.advance(29 * day);
        used = client.refresh(used.text("refresh_token")).await;
        assert_eq!(used.status, 200);
        app.advance(day);
        assert_eq!(client.refresh(idle.text("refresh_token")).await.error(), "invalid_grant");
        for _ in 0..11 {
            app.advance(28 * day);
            used = client.refresh(used.text("refresh_token")).await;
            assert_eq!(used.status, 200, "{}", used.body);
        }
        app.advance(28 * day);
        assert_eq!(client.refresh(used.text("refresh_token")).await.error(), "invalid_grant", "a year is over");
    }

    async fn tampered_and_invented_tokens_are_invalid_grant(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let tokens = client.tokens("alice", &[]).await;
        let token = tokens.text("refresh_token").to_owned();
        let mut flipped = token.clone().into_bytes();
        flipped[40] = if flipped[40] == b'A' { b'B' } else { b'A' };
        for wrong in [String::from_utf8(flipped).unwrap(), format!("{token}A"), token[..token.len() - 1].to_owned(), "ghr_".to_owned(), "x".repeat(5000)] {
            let answer = client.refresh(&wrong).await;
            assert_eq!((answer.status, answer.error()), (400, "invalid_grant"), "{wrong}");
        }
        assert_eq!(client.refresh(&token).await.status, 200);
    }

    async fn a_disabled_user_and_a_deleted_client_get_nothing(app: TestApp) {
        let mut user = app.user("alice").await;
        let client = app.trusted_client().await;
        let tokens = client.tokens("alice", &[]).await;
        user.is_disabled = true;
        app.update_user(&user).await;
        assert_eq!(client.refresh(tokens.text("refresh_token")).await.error(), "invalid_grant");
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 401);
        user.is_disabled = false;
        app.update_user(&user).await;
        let mut tx = app.app.store.begin().await.unwrap();
        assert!(tx.delete_client(client.id(), app.app.now()).await.unwrap());
        tx.commit().await.unwrap();
        let answer = client.refresh(tokens.text("refresh_token")).await;
        assert_eq!((answer.status, answer.error()), (401, "invalid_client"));
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 401);
    }

    async fn what_a_user_lost_since_is_not_handed_out_again(app: TestApp) {
        let mut user = app.user("alice").await;
        let client = app.trusted_client().await;
        let tokens = client.tokens("alice", &[("scope", "read write")]).await;
        assert_eq!(tokens.text("scope"), "read write");
        user.allowed_scope = Some(gatehouse::protocol::scope::Scope::parse("read").unwrap());
        app.update_user(&user).await;
        let narrowed = client.refresh(tokens.text("refresh_token")).await;
        assert_eq!(narrowed.text("scope"), "read");
    }
}

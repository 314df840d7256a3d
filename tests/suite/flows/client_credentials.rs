//! The client credentials grant (RFC 6749 §4.4).

use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::token_request::GrantType;

use crate::support::client::claims;
use crate::support::{TestApp, on_every_database};

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
}

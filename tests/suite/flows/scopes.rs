//! Scopes: requested ∩ client ∩ user, limited to roles, defined by the operator.

use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;

use crate::support::{TestApp, on_every_database};

on_every_database! {
    async fn the_effective_scope_is_what_everybody_allows(app: TestApp) {
        app.user_with("bob", |new| new.allowed_scope = Some(Scope::parse("read").unwrap())).await;
        app.user("alice").await;
        let client = app.trusted_client().await;
        assert_eq!(client.tokens("alice", &[("scope", "read write admin")]).await.text("scope"), "read write");
        assert_eq!(client.tokens("bob", &[("scope", "read write")]).await.text("scope"), "read");
        let page = client.authorize(&crate::support::Browser::new(), "bob", &[("scope", "write")]).await;
        assert_eq!(page.answer("error").unwrap(), "access_denied");
    }

    async fn a_scope_can_be_limited_to_roles(app: TestApp) {
        app.define_scope("ops", &["operator", "root"]).await;
        app.user_with("olga", |new| new.roles = vec!["operator".to_owned()]).await;
        app.user("alice").await;
        let client = app.client(AuthMethod::ClientSecretBasic, |new| {
            new.scope = Scope::parse("openid ops").unwrap();
            new.consent_policy = gatehouse::model::client::ConsentPolicy::Skip;
            new.grant_types.push(gatehouse::protocol::token_request::GrantType::ClientCredentials);
        }).await;
        assert_eq!(client.tokens("olga", &[("scope", "openid ops")]).await.text("scope"), "openid ops");
        assert_eq!(client.tokens("alice", &[("scope", "openid ops")]).await.text("scope"), "openid");
        let alone = client.post("/token", &[("grant_type", "client_credentials"), ("scope", "ops")]).await;
        assert_eq!(alone.error(), "invalid_scope", "a client has no roles");
    }

    async fn no_scope_means_the_default_ones(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let mut granted: Vec<String> = client.tokens("alice", &[("scope", "")]).await.text("scope").split(' ').map(str::to_owned).collect();
        granted.sort();
        assert_eq!(granted, ["email", "openid", "profile"]);
        let tool = app.client(AuthMethod::None, |new| {
            new.scope = Scope::parse("read write").unwrap();
            new.consent_policy = gatehouse::model::client::ConsentPolicy::Skip;
        }).await;
        assert_eq!(tool.tokens("alice", &[("scope", "")]).await.text("scope"), "read write", "none of its scopes is a default one");
    }

    async fn a_refresh_token_is_for_clients_that_are_registered_for_it(app: TestApp) {
        app.user("alice").await;
        let client = app.client(AuthMethod::None, |new| new.grant_types = vec![gatehouse::protocol::token_request::GrantType::AuthorizationCode]).await;
        let tokens = client.tokens("alice", &[("scope", "openid offline_access")]).await;
        assert!(tokens.body.get("refresh_token").is_none());
    }
}

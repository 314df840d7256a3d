//! `/consents`

use gatehouse::model::consent::Consent;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;

use super::{fields, operator, problem};
use crate::support::{Browser, TestApp, on_every_database};

async fn remember(app: &TestApp, pairs: &[(&str, &str)]) {
    let now = app.app.now();
    let mut tx = app.app.store.begin().await.unwrap();
    for (user_id, client_id) in pairs {
        let consent = Consent {
            user_id: (*user_id).to_owned(),
            client_id: (*client_id).to_owned(),
            scope: Scope::parse("openid").unwrap(),
            claims: Vec::new(),
            resource: Vec::new(),
            created_at: now,
            updated_at: now,
        };
        tx.put_consent(&consent).await.unwrap();
    }
    tx.commit().await.unwrap();
}

on_every_database! {
    async fn a_withdrawn_consent_ends_grants_and_asks_again(app: TestApp) {
        let operator = operator(&app).await;
        let alice = app.user("alice").await;
        let client = app.client(AuthMethod::ClientSecretBasic, |new| new.id = Some("https//app/100%".to_owned())).await;
        let tokens = client.tokens("alice", &[("scope", "openid email offline_access")]).await;
        let browser = Browser::new();
        assert!(client.authorize(&browser, "alice", &[("scope", "openid email")]).await.answer("code").is_some());

        let (items, _) = operator.page("/consents", "", None).await;
        assert_eq!(items.len(), 1);
        for (field, value) in [("user_id", alice.id.as_str()), ("username", "alice"), ("client_id", client.id()), ("client_name", "Example App"), ("scope", "openid email offline_access")] {
            assert_eq!(items[0][field], value);
        }
        let path = format!("/consents/{}/https%2F%2Fapp%2F100%25", alice.id);
        assert_eq!(operator.delete(&path).await.status, 204);
        assert_eq!(client.introspect(tokens.text("access_token")).await.body["active"], false);
        assert_eq!(client.refresh(tokens.text("refresh_token")).await.error(), "invalid_grant");
        let page = browser.visit(&client.authorize_url(&[("scope", "openid email")])).await;
        assert!(page.body.contains("name=\"decision\""), "asked again: {}", page.body);
        assert_eq!(problem(&operator.delete(&path).await), (404, "not-found", ""));
        assert_eq!(problem(&operator.delete("/consents/nobody/nothing").await), (404, "not-found", ""));
        let grants = operator.all("/grants", "active=true", "id").await;
        assert!(grants.is_empty(), "{grants:?}");
    }

    async fn consents_are_listed_by_user_and_by_client(app: TestApp) {
        let operator = operator(&app).await;
        remember(&app, &[("u1", "a"), ("u1", "b"), ("u1", "B"), ("u2", "a"), ("u2", "c"), ("u3", "a"), ("u3", "d")]).await;
        let both = |items: &[serde_json::Value]| -> Vec<String> {
            fields(items, "user_id").into_iter().zip(fields(items, "client_id")).map(|(user, client)| format!("{user}{client}")).collect()
        };
        for (query, expected) in [
            ("", 7), ("user_id=u1", 3), ("client_id=a", 3), ("user_id=u2&client_id=c", 1), ("user_id=u2&client_id=d", 0), ("client_id=A", 0),
        ] {
            for limit in [1, 2, 50] {
                let mut seen = Vec::new();
                let mut cursor = None;
                loop {
                    let (items, next) = operator.page("/consents", &format!("{query}&limit={limit}"), cursor.as_deref()).await;
                    seen.extend(both(&items));
                    cursor = next;
                    if cursor.is_none() { break; }
                }
                let mut once = seen.clone();
                once.sort();
                once.dedup();
                assert_eq!((seen.len(), once.len()), (expected, expected), "{query} by {limit}: {seen:?}");
            }
        }
        let (first, next) = operator.page("/consents", "limit=2&client_id=a", None).await;
        assert_eq!(both(&first), ["u1a", "u2a"]);
        remember(&app, &[("u0", "a"), ("u25", "a")]).await;
        assert_eq!(operator.delete("/consents/u2/a").await.status, 204);
        let (second, next) = operator.page("/consents", "limit=1&client_id=a", next.as_deref()).await;
        assert_eq!(both(&second), ["u25a"]);
        let (last, next) = operator.page("/consents", "limit=1&client_id=a", next.as_deref()).await;
        assert_eq!((both(&last), next), (vec!["u3a".to_owned()], None));
        assert_eq!(problem(&operator.get("/consents?scope=openid").await), (400, "unknown-parameter", "scope"));
    }
}

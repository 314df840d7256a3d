//! `/grants`

use gatehouse::model::grant::Grant;
use serde_json::json;

use super::{fields, operator, problem};
use crate::store::grant;
use crate::support::{TestApp, on_every_database};

/// Adds grants in the order of time.
async fn insert(app: &TestApp, count: usize, change: impl Fn(usize, &mut Grant)) -> Vec<String> {
    let mut tx = app.app.store.begin().await.unwrap();
    let mut ids = Vec::new();
    for number in 0..count {
        app.advance(1);
        let mut row = grant(app, app.app.now() + 86_400);
        row.code_consumed_at = Some(row.created_at);
        change(number, &mut row);
        tx.insert_grant(&row).await.unwrap();
        ids.push(row.id);
    }
    tx.commit().await.unwrap();
    ids
}

on_every_database! {
    async fn a_revoked_grant_kills_its_tokens_at_once(app: TestApp) {
        let operator = operator(&app).await;
        let alice = app.user("alice").await;
        let client = app.confidential_client().await;
        let code = client.code("alice", &[]).await;
        let (items, _) = operator.page("/grants", "", None).await;
        assert_eq!((&items[0]["state"], &items[0]["last_used_at"]), (&json!("pending"), &json!(null)));
        let tokens = client.redeem(&code).await;
        let (items, next) = operator.page("/grants", &format!("user_id={}&client_id={}&active=true", alice.id, client.id()), None).await;
        assert_eq!((items.len(), next), (1, None));
        for (field, value) in [("username", "alice"), ("client_name", "Example App"), ("scope", "openid profile email"), ("state", "active")] {
            assert_eq!(items[0][field], value);
        }
        let shown = items[0].to_string();
        for secret in ["hash", "nonce", "challenge", "redirect", "ghr_", "ghc_"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        let path = format!("/grants/{}", items[0]["id"].as_str().unwrap());
        assert_eq!(operator.get(&path).await.body, items[0]);
        assert_eq!(client.introspect(tokens.text("access_token")).await.body["active"], true);

        app.advance(7);
        let revoked = operator.post(&format!("{path}/revoke"), &json!({})).await;
        assert_eq!((revoked.status, revoked.text("state"), &revoked.body["revoked_at"]), (200, "revoked", &json!(app.app.now())));
        assert_eq!(client.introspect(tokens.text("access_token")).await.body, json!({ "active": false }));
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 401);
        assert_eq!(client.refresh(tokens.text("refresh_token")).await.error(), "invalid_grant");
        app.advance(1);
        let again = operator.post(&format!("{path}/revoke"), &json!({})).await;
        assert_eq!((again.status, &again.body), (200, &revoked.body), "twice is fine");
        for gone in [operator.get("/grants/none").await, operator.post("/grants/none/revoke", &json!({})).await] {
            assert_eq!(problem(&gone), (404, "not-found", ""));
        }
        assert_eq!(problem(&operator.get("/grants?state=active").await), (400, "unknown-parameter", "state"));
        assert_eq!(problem(&operator.get("/grants?active=1").await), (400, "invalid-parameter", "active"));
        assert_eq!(problem(&operator.delete(&path).await), (405, "method-not-allowed", ""));
    }

    async fn every_filter_finds_its_grants(app: TestApp) {
        let operator = operator(&app).await;
        let now = app.app.now();
        let ids = insert(&app, 24, |number, row| {
            row.user_id = format!("u{}", number % 2);
            row.client_id = format!("c{}", number % 3);
            match number % 4 {
                0 => row.revoked_at = Some(now),
                1 => row.code_consumed_at = None,
                _ => {}
            }
        }).await;
        for user in [None, Some(0), Some(1)] {
            for client in [None, Some(0), Some(2)] {
                for active in [None, Some(true), Some(false)] {
                    let expected: Vec<&String> = ids.iter().enumerate().rev().filter(|(number, _)| {
                        user.is_none_or(|user| number % 2 == user)
                            && client.is_none_or(|client| number % 3 == client)
                            && active.is_none_or(|active| (number % 4 >= 2) == active)
                    }).map(|(_, id)| id).collect();
                    let filters = [
                        user.map(|user| format!("user_id=u{user}")),
                        client.map(|client| format!("client_id=c{client}")),
                        active.map(|active| format!("active={active}")),
                        Some("limit=3".to_owned()),
                    ];
                    let query = filters.into_iter().flatten().collect::<Vec<_>>().join("&");
                    let found = operator.all("/grants", &query, "id").await;
                    assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
                }
            }
        }
        assert!(operator.all("/grants", "user_id=nobody", "id").await.is_empty());
    }

    async fn pages_of_grants_hold_still(app: TestApp) {
        let operator = operator(&app).await;
        let ids = insert(&app, 7, |_, _| {}).await;
        let (first, next) = operator.page("/grants", "limit=2", None).await;
        assert_eq!(fields(&first, "id"), [ids[6].clone(), ids[5].clone()]);
        insert(&app, 2, |_, _| {}).await;
        let mut tx = app.app.store.begin().await.unwrap();
        tx.revoke_grant(&ids[5], app.app.now()).await.unwrap();
        tx.commit().await.unwrap();
        let (second, next) = operator.page("/grants", "limit=2", next.as_deref()).await;
        assert_eq!(fields(&second, "id"), [ids[4].clone(), ids[3].clone()]);
        assert_eq!(operator.rest("/grants", "limit=2", next, "id").await, [ids[2].clone(), ids[1].clone(), ids[0].clone()]);
    }

    async fn a_needle_in_the_hay_makes_pages_short_and_not_slow(app: TestApp) {
        let operator = operator(&app).await;
        let now = app.app.now();
        let ids = insert(&app, 3_100, |number, row| if number != 0 { row.revoked_at = Some(now); }).await;
        let (items, next) = operator.page("/grants", "active=true", None).await;
        assert!(items.is_empty() && next.is_some(), "nothing in the latest rows, and it goes on");
        let (items, next) = operator.page("/grants", "active=true", next.as_deref()).await;
        assert_eq!((fields(&items, "id"), next), (vec![ids[0].clone()], None));
    }
}

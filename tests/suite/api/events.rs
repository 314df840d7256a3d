//! `/events`

use serde_json::json;

use super::access::{automation, own_token};
use super::{Caller, Shown, operator, problem, session_cookie};
use crate::support::{Browser, Database, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn each_filter_narrows_the_log() {
    let app = TestApp::start(Database::Sqlite).await;
    let operator = operator(&app).await;
    let alice = app.user("alice").await;
    let bob = app.user("bob").await;
    let client = automation(&app).await;
    let writer = Caller::new(&app, Shown::Bearer(own_token(&client, "admin:write").await));
    session_cookie(&app, "alice").await;
    let browser = Browser::new();
    let page = browser.visit(&app.url("/login")).await;
    browser.submit(&page, &[("username", "bob"), ("password", "wrong")]).await;
    app.advance(1000);
    let later = app.app.now();
    assert_eq!(writer.put("/scopes/written", &json!({})).await.status, 201);
    assert_eq!(operator.put("/scopes/by-hand", &json!({})).await.status, 201);

    let all = operator.all("/events", "limit=200", "id").await;
    let select = async |query: &str| operator.page("/events", query, None).await.0;
    let by_client = format!("client:{}", client.id());
    for (query, field, value) in [
        ("kind=scope.created".to_owned(), "kind", "scope.created"),
        ("outcome=failure".to_owned(), "outcome", "failure"),
        ("actor=admin_token".to_owned(), "actor", "admin_token"),
        (format!("actor={by_client}"), "actor", by_client.as_str()),
        (format!("subject_id={}", alice.id), "subject_id", alice.id.as_str()),
        (format!("subject_id={}", bob.id), "subject_id", bob.id.as_str()),
        (format!("client_id={}", client.id()), "client_id", client.id()),
    ] {
        let items = select(&query).await;
        assert!(
            !items.is_empty() && items.len() < all.len(),
            "{query}: {} of {}",
            items.len(),
            all.len()
        );
        assert!(items.iter().all(|event| event[field] == value), "{query}: {items:?}");
        // Nothing else in the log is like this.
        let every = select("limit=200").await;
        assert_eq!(every.iter().filter(|event| event[field] == value).count(), items.len(), "{query}");
    }
    let since = select(&format!("since={later}")).await;
    let until = select(&format!("until={later}&limit=200")).await;
    assert_eq!(since.len(), 2, "{since:?}");
    assert!(since.iter().all(|event| event["at"] == later));
    assert_eq!(since.len() + until.len(), all.len());
    assert!(until.iter().all(|event| event["at"].as_i64().unwrap() < later));
    // All filters together, each of them right, and then one of them wrong.
    let both = format!("kind=scope.created&actor={by_client}&since={later}&outcome=success");
    let only = select(&both).await;
    assert_eq!((only.len(), &only[0]["target"]), (1, &json!("written")));
    assert!(select(&format!("{both}&until={later}")).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_events_go_back_in_time() {
    let app = TestApp::start(Database::Sqlite).await;
    let operator = operator(&app).await;
    for number in 0..7 {
        let path = format!("/scopes/number-{number}");
        assert_eq!(operator.put(&path, &json!({})).await.status, 201);
        // Events of the same millisecond have no order.
        app.advance(1);
    }
    let query = "kind=scope.created";
    let all = operator.all("/events", &format!("{query}&limit=200"), "id").await;
    assert_eq!(all.len(), 7);
    assert!(all.is_sorted_by(|newer, older| newer > older), "newest first");
    for limit in [1, 2, 7] {
        assert_eq!(
            operator.all("/events", &format!("{query}&limit={limit}"), "id").await,
            all,
            "{limit}"
        );
    }
    // What happens meanwhile is on no later page.
    let (_, next) = operator.page("/events", &format!("{query}&limit=3"), None).await;
    operator.put("/scopes/newer", &json!({})).await;
    assert_eq!(operator.rest("/events", &format!("{query}&limit=3"), next, "id").await, all[3..]);
    let one = operator.get(&format!("/events/{}", all[0])).await;
    assert_eq!((one.status, one.text("target")), (200, "number-6"));
    assert_eq!(problem(&operator.get("/events/none").await), (404, "not-found", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_with_filters_are_named() {
    let app = TestApp::start(Database::Sqlite).await;
    let operator = operator(&app).await;
    for (name, value) in [
        ("kind", "scope.dreamt"),
        ("outcome", "maybe"),
        ("actor", "somebody"),
        ("since", "yesterday"),
        ("until", "-1"),
        ("cursor", "nonsense"),
        ("limit", "0"),
    ] {
        let answer = operator.get(&format!("/events?{name}={value}")).await;
        assert_eq!(problem(&answer), (400, "invalid-parameter", name), "{name}={value}");
    }
    assert_eq!(problem(&operator.get("/events?user=x").await), (400, "unknown-parameter", "user"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_there_is_not_is_a_problem_too() {
    let app = TestApp::start(Database::Sqlite).await;
    for path in ["/api/admin/v1/nonsense", "/api/nonsense", "/api/"] {
        let answer = crate::support::browser::http()
            .get(app.url(path))
            .header("Accept", "text/html")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        let body: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(body["type"], "urn:gatehouse:problem:not-found");
    }
}

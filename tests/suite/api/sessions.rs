//! `/sessions`

use gatehouse::identity::operator as operators;
use gatehouse::identity::session::Origin;
use serde_json::json;

use super::{Caller, Shown, fields, is_signed_in, operator, problem, session_cookie, signed_in};
use crate::support::{Browser, TestApp, on_every_database};

on_every_database! {
    async fn a_session_that_is_ended_signs_its_browser_out(app: TestApp) {
        let operator = operator(&app).await;
        let alice = app.user("alice").await;
        let client = app.client(gatehouse::protocol::client_authentication::AuthMethod::ClientSecretBasic, |_| {}).await;
        let (first, second) = (Browser::new(), Browser::new());
        let page = client.authorize(&first, "alice", &[]).await;
        let tokens = client.redeem(&page.answer("code").unwrap()).await;
        let page = client.authorize(&first, "alice", &[("scope", "openid offline_access")]).await;
        let offline = client.redeem(&page.answer("code").unwrap()).await;
        app.advance(1);
        signed_in(&app, &second, "alice").await;

        let (items, _) = operator.page("/sessions", &format!("user_id={}", alice.id), None).await;
        assert_eq!(items.len(), 2);
        let session = &items[1];
        assert!(items[0]["id"].as_str() > session["id"].as_str(), "the newest first");
        assert_eq!((&session["kind"], &session["username"], &session["address"], &session["amr"]), (&json!("user"), &json!("alice"), &json!("127.0.0.1"), &json!(["pwd"])));
        let path = format!("/sessions/{}", session["id"].as_str().unwrap());
        assert_eq!(&operator.get(&path).await.body, session);
        assert!(session.get("secret_hash").is_none());

        assert_eq!(operator.delete(&path).await.status, 204);
        assert!(!is_signed_in(&app, &first, "alice").await);
        assert!(is_signed_in(&app, &second, "alice").await, "the other one goes on");
        assert_eq!(client.introspect(tokens.text("access_token")).await.body["active"], false, "what ends with the session has ended");
        assert_eq!(client.introspect(offline.text("access_token")).await.body["active"], true, "what does not goes on");
        for gone in [operator.delete(&path).await, operator.get(&path).await] {
            assert_eq!(problem(&gone), (404, "not-found", ""));
        }
    }

    async fn only_what_is_alive_is_listed(app: TestApp) {
        let operator = operator(&app).await;
        app.user("alice").await;
        signed_in(&app, &Browser::new(), "alice").await;
        let id = operator.all("/sessions", "", "id").await.remove(0);
        app.advance(86_400 * 40);
        assert!(operator.all("/sessions", "", "id").await.is_empty());
        assert_eq!(operator.get(&format!("/sessions/{id}")).await.status, 404);
        assert_eq!(operator.delete(&format!("/sessions/{id}")).await.status, 404);
    }

    async fn the_admin_tokens_own_sessions_are_listed_and_end(app: TestApp) {
        let operator = operator(&app).await;
        let Shown::AdminToken(token) = &operator.shown else { panic!("a token") };
        let outcome = operators::sign_in(&app.app, token, &Origin::default(), None).await.unwrap();
        let operators::Outcome::Done(new) = outcome else { panic!("signed in") };
        let at_browser = Caller::new(&app, Shown::Cookie("gatehouse_admin", new.cookie));
        let (items, _) = at_browser.page("/sessions", "", None).await;
        assert_eq!((&items[0]["kind"], &items[0]["user_id"], &items[0]["username"]), (&json!("admin_token"), &json!(null), &json!(null)));
        let path = format!("/sessions/{}", items[0]["id"].as_str().unwrap());
        assert_eq!(at_browser.delete(&path).await.status, 204, "even one's own");
        assert_eq!(at_browser.get("/sessions").await.status, 401);
        assert_eq!(operator.get("/sessions").await.status, 200);
    }

    async fn pages_of_sessions(app: TestApp) {
        let operator = operator(&app).await;
        app.user("alice").await;
        app.user("bob").await;
        for number in 0..6 {
            session_cookie(&app, if number % 2 == 0 { "alice" } else { "bob" }).await;
            app.advance(1);
        }
        let all = operator.all("/sessions", "limit=200", "id").await;
        assert_eq!(all.len(), 6);
        let (first, next) = operator.page("/sessions", "limit=2", None).await;
        assert_eq!(fields(&first, "username"), ["bob", "alice"]);
        session_cookie(&app, "bob").await;
        assert_eq!(operator.delete(&format!("/sessions/{}", all[1])).await.status, 204, "the one that the cursor names");
        assert_eq!(operator.delete(&format!("/sessions/{}", all[3])).await.status, 204, "one ahead of it");
        let (second, next) = operator.page("/sessions", "limit=2", next.as_deref()).await;
        assert_eq!(fields(&second, "id"), [all[2].clone(), all[4].clone()]);
        let (last, next) = operator.page("/sessions", "limit=2", next.as_deref()).await;
        assert_eq!((fields(&last, "id"), next), (vec![all[5].clone()], None));
        assert_eq!(problem(&operator.get("/sessions?kind=user").await), (400, "unknown-parameter", "kind"));
    }
}

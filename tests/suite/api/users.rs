//! `/users`

use futures_util::future::join_all;
use serde_json::json;

use super::{API, SESSION, fields, is_signed_in, operator, problem, signed_in};
use crate::support::{Browser, TestApp, on_every_database};

on_every_database! {
    async fn the_life_of_a_user(app: TestApp) {
        let operator = operator(&app).await;
        let made = operator.post("/users", &json!({ "username": "Alice", "email": "Alice@Example.com", "password": "a good password" })).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let path = format!("/users/{}", made.text("id"));
        assert_eq!(made.header("location"), app.url(&format!("{API}{path}")));
        assert_eq!(made.header("etag"), "\"1\"");
        assert_eq!((made.text("username"), made.text("email"), &made.body["has_password"]), ("alice", "alice@example.com", &json!(true)));
        assert!(!made.body.to_string().contains("good password") && made.body.get("password").is_none());
        assert_eq!(operator.get(&path).await.body, made.body);
        assert_eq!(operator.get("/users").await.body, json!({ "items": [made.body], "next": null }));

        let patch = json!({ "roles": ["staff"], "profile": { "name": "Alice Adams" } });
        let refused = operator.patch(&path, &patch).await;
        assert_eq!(problem(&refused), (428, "version-required", ""));
        let patched = operator.having_seen("\"1\"").patch(&path, &patch).await;
        assert_eq!((patched.status, patched.header("etag")), (200, "\"2\""));
        assert_eq!((patched.text("email"), &patched.body["roles"]), ("alice@example.com", &json!(["staff"])));
        assert_eq!(problem(&operator.having_seen("\"1\"").patch(&path, &json!({ "roles": [] })).await), (412, "changed-meanwhile", ""));
        let again = operator.patch(&path, &patch).await;
        assert_eq!((again.status, again.header("etag")), (200, "\"2\""), "what is so already needs no version");

        let replaced = operator.having_seen("\"2\"").put(&path, &json!({ "username": "alice" })).await;
        assert_eq!((replaced.status, &replaced.body["email"], &replaced.body["profile"]), (200, &json!(null), &json!({})));
        assert_eq!(replaced.body["has_password"], true, "the password stays");
        assert_eq!(problem(&operator.put(&path, &json!({ "username": "bob" })).await), (428, "version-required", ""));

        assert_eq!(problem(&operator.having_seen("\"1\"").delete(&path).await), (412, "changed-meanwhile", ""));
        assert_eq!(operator.delete(&path).await.status, 204);
        for gone in [operator.get(&path).await, operator.delete(&path).await, operator.having_seen("*").put(&path, &json!({ "username": "alice" })).await] {
            assert_eq!(problem(&gone), (404, "not-found", ""));
        }
    }

    async fn a_mistake_names_its_field(app: TestApp) {
        let operator = operator(&app).await;
        app.user("alice").await;
        let bob = app.user("bob").await;
        for (body, expected) in [
            (json!({ "username": "ALICE" }), (409, "conflict", "username")),
            (json!({ "username": "carol", "email": "Alice@example.com" }), (409, "conflict", "email")),
            (json!({ "username": "a b" }), (422, "invalid-field", "username")),
            (json!({}), (422, "invalid-field", "username")),
            (json!({ "username": "carol", "email": "nowhere" }), (422, "invalid-field", "email")),
            (json!({ "username": "carol", "password": "short" }), (422, "invalid-field", "password")),
            (json!({ "username": "carol", "password": 12_345_678 }), (422, "invalid-field", "password")),
            (json!({ "username": "carol", "roles": "admin" }), (422, "invalid-field", "roles")),
            (json!({ "username": "carol", "extra_claims": { "iss": "me" } }), (422, "invalid-field", "extra_claims")),
            (json!(["carol"]), (422, "invalid-field", "")),
        ] {
            assert_eq!(problem(&operator.post("/users", &body).await), expected, "{body}");
        }
        let unknown = operator.post("/users", &json!({ "username": "carol", "nickname": "c" })).await;
        assert_eq!(problem(&unknown).0, 422);
        assert!(unknown.text("detail").contains("nickname"), "{}", unknown.body);
        let path = format!("/users/{}", bob.id);
        for (body, field) in [(json!({ "username": "alice" }), "username"), (json!({ "email": "alice@example.com" }), "email")] {
            let refused = operator.having_seen("*").patch(&path, &body).await;
            assert_eq!(problem(&refused), (409, "conflict", field), "{body}");
        }
        assert_eq!(problem(&operator.having_seen("*").patch(&path, &json!({ "id": "other" })).await).0, 422);
        assert_eq!(problem(&operator.post(&format!("{path}/password"), &json!({ "password": "short" })).await), (422, "invalid-field", "password"));
        assert_eq!(problem(&operator.post(&format!("{path}/password"), &json!({})).await).0, 422);
        assert_eq!(problem(&operator.post(&format!("{path}/sign-out"), &json!({ "all": true })).await), (422, "invalid-field", "all"));
        assert_eq!(problem(&operator.post("/users/nobody/sign-out", &json!({})).await).0, 404);
        assert_eq!(operator.get(&path).await.text("username"), "bob", "nothing of it was done");
        for (query, kind, field) in [
            ("sort=id", "unknown-parameter", "sort"),
            ("disabled=maybe", "invalid-parameter", "disabled"),
            ("q=a&q=b", "invalid-parameter", "q"),
            ("limit=0", "invalid-parameter", "limit"),
            ("limit=201", "invalid-parameter", "limit"),
            ("cursor=nonsense", "invalid-parameter", "cursor"),
        ] {
            assert_eq!(problem(&operator.get(&format!("/users?{query}")).await), (400, kind, field));
        }
        let (_, next) = operator.page("/users", "limit=1", None).await;
        for other in ["/grants", "/sessions", "/clients", "/scopes", "/consents", "/signing-keys"] {
            let refused = operator.get(&format!("{other}?cursor={}", next.clone().unwrap())).await;
            assert_eq!(problem(&refused), (400, "invalid-parameter", "cursor"), "{other}");
        }
    }

    async fn users_are_found_by_their_beginning(app: TestApp) {
        let operator = operator(&app).await;
        for name in ["adam", "alice", "alina", "al_bert", "bob", "renée", "zoë"] {
            app.user(name).await;
        }
        app.user_with("work", |new| new.email = Some("alice@work.example".to_owned())).await;
        app.user_with("a@b", |new| { new.email = Some("x@b.example".to_owned()); new.is_disabled = true; }).await;
        for (query, expected) in [
            ("q=al", "al_bert alice alina"),
            ("q=ALI", "alice alina"),
            ("q=al_", "al_bert"),
            ("q=al%25", ""),
            ("q=ren%C3%A9", "renée"),
            ("q=z", "zoë"),
            ("q=lice", ""),
            ("q=alice%40", "alice work"),
            ("q=alice%40w", "work"),
            ("q=a%40", "a@b"),
            ("q=%40", ""),
            ("disabled=true", "a@b"),
            ("disabled=false&q=a", "adam al_bert alice alina"),
            ("disabled=true&q=x%40", "a@b"),
            ("disabled=false&q=x%40", ""),
            ("q=", "a@b adam al_bert alice alina bob renée work zoë"),
        ] {
            for limit in ["1", "2", "200"] {
                let found = operator.all("/users", &format!("{query}&limit={limit}"), "username").await;
                assert_eq!(found.join(" "), expected, "{query} by {limit}");
            }
        }
    }

    async fn pages_neither_repeat_nor_skip_while_users_come_and_go(app: TestApp) {
        let operator = operator(&app).await;
        for name in ["b", "d", "f", "h", "j", "l"] {
            app.user(name).await;
        }
        let (first, next) = operator.page("/users", "limit=2", None).await;
        assert_eq!(fields(&first, "username"), ["b", "d"]);
        // One before the cursor, one after it; one before and one after it go, and so does the one that it names.
        for name in ["a", "e"] {
            app.user(name).await;
        }
        for gone in [first[0]["id"].clone(), first[1]["id"].clone()] {
            assert_eq!(operator.delete(&format!("/users/{}", gone.as_str().unwrap())).await.status, 204);
        }
        let (second, next) = operator.page("/users", "limit=2", next.as_deref()).await;
        assert_eq!(fields(&second, "username"), ["e", "f"]);
        let (third, next) = operator.page("/users", "limit=2", next.as_deref()).await;
        assert_eq!(fields(&third, "username"), ["h", "j"]);
        let (last, next) = operator.page("/users", "limit=2", next.as_deref()).await;
        assert_eq!((fields(&last, "username"), next), (vec!["l".to_owned()], None));
    }

    async fn a_new_password_signs_out(app: TestApp) {
        let operator = operator(&app).await;
        let alice = app.user("alice").await;
        let client = app.trusted_client().await;
        let tokens = client.tokens("alice", &[("scope", "openid offline_access")]).await;
        let browser = Browser::new();
        signed_in(&app, &browser, "alice").await;
        let answer = operator.post(&format!("/users/{}/password", alice.id), &json!({ "password": "a new password" })).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, Some("")));
        assert!(!is_signed_in(&app, &browser, "alice").await);
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 401);
        assert_eq!(client.refresh(tokens.text("refresh_token")).await.error(), "invalid_grant");
        let page = browser.visit(&app.url("/login")).await;
        assert_eq!(browser.submit(&page, &[("username", "alice"), ("password", "alice")]).await.status, 401);
        let page = browser.visit(&app.url("/login")).await;
        assert_eq!(browser.submit(&page, &[("username", "alice"), ("password", "a new password")]).await.status, 303);
    }

    async fn signing_out_disabling_and_deleting_end_what_acts_for_a_user(app: TestApp) {
        let operator = operator(&app).await;
        let client = app.trusted_client().await;
        for (name, way) in [("alice", "sign-out"), ("bob", "disable"), ("carol", "delete")] {
            let user = app.user(name).await;
            let path = format!("/users/{}", user.id);
            let tokens = client.tokens(name, &[("scope", "openid offline_access")]).await;
            let browser = Browser::new();
            signed_in(&app, &browser, name).await;
            let answer = match way {
                "sign-out" => operator.post(&format!("{path}/sign-out"), &json!({})).await,
                "disable" => operator.having_seen("\"1\"").patch(&path, &json!({ "disabled": true })).await,
                _ => operator.delete(&path).await,
            };
            assert!(matches!(answer.status, 200 | 204), "{way}: {}", answer.body);
            assert!(!is_signed_in(&app, &browser, name).await, "{way}");
            assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 401, "{way}");
            assert_eq!(client.refresh(tokens.text("refresh_token")).await.error(), "invalid_grant", "{way}");
        }
        let found = operator.all("/sessions", "", "username").await;
        assert!(found.is_empty(), "{found:?}");
    }

    async fn without_a_password_nobody_signs_in(app: TestApp) {
        let operator = operator(&app).await;
        let made = operator.post("/users", &json!({ "username": "alice" })).await;
        assert_eq!((made.status, &made.body["has_password"]), (201, &json!(false)));
        let browser = Browser::new();
        for password in ["", "null", "password"] {
            let page = browser.visit(&app.url("/login")).await;
            browser.submit(&page, &[("username", "alice"), ("password", password)]).await;
            assert!(!browser.cookies().contains_key(SESSION));
        }
        let answer = operator.post(&format!("/users/{}/password", made.text("id")), &json!({ "password": "alice alice" })).await;
        assert_eq!(answer.status, 204);
        let page = browser.visit(&app.url("/login")).await;
        assert_eq!(browser.submit(&page, &[("username", "alice"), ("password", "alice alice")]).await.status, 303);
    }

    async fn one_of_many_changes_at_once_wins(app: TestApp) {
        let operator = operator(&app).await;
        let alice = app.user("alice").await;
        let path = format!("/users/{}", alice.id);
        let seen = operator.having_seen("\"1\"");
        let answers = join_all((0..12).map(|number| {
            let (seen, path) = (&seen, &path);
            async move { seen.patch(path, &json!({ "roles": [format!("role{number}")] })).await }
        })).await;
        let winners: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(winners.len(), 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
        assert_eq!(answers.iter().filter(|answer| answer.status == 412).count(), 11);
        let now = operator.get(&path).await;
        assert_eq!((&now.body, now.header("etag")), (&winners[0].body, "\"2\""));
    }
}

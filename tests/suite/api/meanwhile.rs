//! What happens while a request is on its way: rights that are taken away then are gone for it, too.

use gatehouse::identity::account::{self, AccountError};
use gatehouse::identity::admin_token;
use gatehouse::identity::operator;
use gatehouse::identity::session::Origin;
use gatehouse::model::grant::Grant;
use gatehouse::model::user::User;
use gatehouse::oauth::clients::{self, ClientError};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::access::{automation, own_token};
use super::{API, Caller, SESSION, Shown, operator as caller, problem, session_cookie, signed_in};
use crate::store::grant;
use crate::support::{Browser, TestApp, on_every_database};

/// A POST whose body stops in the middle until `meanwhile` is done; the status of the answer.
async fn slow_post(app: &TestApp, path: &str, headers: &str, body: &str, meanwhile: impl AsyncFnOnce()) -> u16 {
    let address = app.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let (first, rest) = body.split_at(body.len() / 2);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{first}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("the head is sent");
    // Long enough for the server to have looked at the head.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    meanwhile().await;
    stream.write_all(rest.as_bytes()).await.expect("the rest is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

async fn read(app: &TestApp, user: &User) -> User {
    let mut connection = app.app.store.read().await.expect("a connection");
    connection.user(&user.id).await.expect("an answer").expect("the user")
}

/// What an operator decides about an account, whatever the account's version.
async fn decide(app: &TestApp, user: &User, roles: &[&str], is_disabled: bool) {
    let current = read(app, user).await;
    let mut settings = current.settings.clone();
    settings.roles = roles.iter().map(|role| (*role).to_owned()).collect();
    settings.is_disabled = is_disabled;
    account::change(&app.app, current, settings).await.expect("the account is changed");
}

on_every_database! {
    async fn a_profile_on_its_way_brings_no_rights_back(app: TestApp) {
        let ada = app.user_with("ada", |new| new.roles = vec!["admin".to_owned()]).await;
        let browser = Browser::new();
        signed_in(&app, &browser, "ada").await;
        let page = browser.get(&app.url("/account/profile")).await;
        let csrf = page.form().fields.iter().find(|(name, _)| name == "csrf").expect("a token").1.clone();
        let cookies: Vec<String> = browser.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers = format!("Cookie: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n", cookies.join("; "));
        // The version that the account will have after the demotion.
        let body = format!("csrf={csrf}&version={}&name=Ada+again&nickname=a", ada.version + 1);
        slow_post(&app, "/account/profile", &headers, &body, async || decide(&app, &ada, &[], false).await).await;
        assert!(read(&app, &ada).await.roles.is_empty());
        let body = format!("csrf={csrf}&version={}&name=Ada+again&nickname=a", read(&app, &ada).await.version + 1);
        slow_post(&app, "/account/profile", &headers, &body, async || decide(&app, &ada, &[], true).await).await;
        assert!(read(&app, &ada).await.is_disabled);
    }

    async fn who_loses_a_right_while_sending_has_lost_it(app: TestApp) {
        let ada = app.user_with("ada", |new| new.roles = vec!["admin".to_owned()]).await;
        let cookie = session_cookie(&app, "ada").await;
        let headers = format!("Cookie: {SESSION}={cookie}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\n");
        let body = json!({ "username": "backdoor", "roles": ["admin"] }).to_string();
        let path = "/api/admin/v1/users";
        let status = slow_post(&app, path, &headers, &body, async || decide(&app, &ada, &["auditor"], false).await).await;
        assert_eq!(status, 403);
        let status = slow_post(&app, path, &headers, &body, async || {
            decide(&app, &ada, &["admin"], false).await;
            decide(&app, &ada, &["admin"], true).await;
        }).await;
        assert_eq!(status, 403, "it only had the right to look when it began");
        assert!(app.app.store.read().await.unwrap().user_by_name("backdoor").await.unwrap().is_none());
    }

    async fn no_session_of_the_old_admin_token_survives_its_reset(app: TestApp) {
        let old = admin_token::reset(&app.app).await.unwrap();
        let attempts = (0..12).map(|_| {
            let (node, old) = (app.app.clone(), old.clone());
            tokio::spawn(async move { operator::sign_in(&node, old.expose_secret(), &Origin::default(), None).await })
        });
        let attempts: Vec<_> = attempts.collect();
        let reset = tokio::spawn({ let node = app.app.clone(); async move { admin_token::reset(&node).await } });
        let mut cookies = Vec::new();
        for attempt in attempts {
            if let Ok(operator::Outcome::Done(session)) = attempt.await.unwrap() {
                cookies.push(session.cookie);
            }
        }
        reset.await.unwrap().unwrap();
        for cookie in cookies {
            assert!(operator::find(&app.app, &cookie).await.unwrap().is_none());
        }
    }

    async fn a_token_is_worth_what_its_client_may_have_now(app: TestApp) {
        let operator = caller(&app).await;
        let client = automation(&app).await;
        let path = format!("/clients/{}", client.id());
        let token = Caller::new(&app, Shown::Bearer(own_token(&client, "admin:write").await));
        let patch = async |body: serde_json::Value| {
            let answer = operator.having_seen("*").send(reqwest::Method::PATCH, &format!("{API}{path}"), Some(&body)).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        };
        let scope = client.client.scope.to_string();
        assert_eq!(token.get("/users").await.status, 200);
        patch(json!({ "scope": "" })).await;
        assert_eq!(token.get("/users").await.status, 403);
        patch(json!({ "scope": scope })).await;
        assert_eq!(token.get("/users").await.status, 200);
        app.advance(1);
        patch(json!({ "disabled": true })).await;
        patch(json!({ "disabled": false })).await;
        assert_eq!(token.get("/users").await.status, 401, "what was dead stays dead");
        let token = Caller::new(&app, Shown::Bearer(own_token(&client, "admin:write").await));
        assert_eq!(token.get("/users").await.status, 200);
        app.advance(1);
        let answer = operator.send(reqwest::Method::POST, &format!("{API}{path}/secret"), Some(&json!({ "overlap": 0 }))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(token.get("/users").await.status, 401, "the old secret is dead, and what came of it");
    }

    async fn what_changed_meanwhile_and_so_is_not_removed_loses_nothing(app: TestApp) {
        let operator = caller(&app).await;
        let (alice, client) = (app.user("alice").await, app.trusted_client().await);
        let tokens = client.tokens("alice", &[]).await;
        app.advance(1);
        // So many that they go before whom they belong to, the oldest first.
        let others = (0..600).map(|_| Grant {
            client_id: client.id().to_owned(), user_id: alice.id.clone(), ..grant(&app, app.app.now() + 600)
        });
        let mut tx = app.app.store.begin().await.unwrap();
        tx.insert_grants(&others.collect::<Vec<_>>()).await.unwrap();
        tx.commit().await.unwrap();
        let (of_client, of_alice) = (format!("/clients/{}", client.id()), format!("/users/{}", alice.id));
        for (path, change) in [(&of_client, json!({ "client_name": "Other" })), (&of_alice, json!({ "email": "alice@elsewhere.example" }))] {
            let seen = operator.having_seen("\"1\"");
            assert_eq!(seen.patch(path, &change).await.status, 200);
            assert_eq!(problem(&seen.delete(path).await), (412, "changed-meanwhile", ""));
        }
        // As it is for whoever has just read what somebody else changes.
        assert!(matches!(clients::delete(&app.app, &client.client).await, Err(ClientError::Changed)));
        assert!(matches!(account::delete(&app.app, &alice).await, Err(AccountError::Changed)));
        let refreshed = client.refresh(tokens.text("refresh_token")).await;
        assert_eq!(refreshed.status, 200, "{}", refreshed.body);
        assert_eq!(operator.having_seen("\"2\"").delete(&of_client).await.status, 204);
        assert_eq!(client.userinfo(refreshed.text("access_token")).await.status, 401);
    }

    async fn a_burst_of_guesses_at_the_admin_token_gets_no_further(app: TestApp) {
        let operator = caller(&app).await;
        let guesses = (0..60).map(|number| {
            let caller = Caller::new(&app, Shown::AdminToken(format!("a token that somebody chose {number}")));
            tokio::spawn(async move { caller.get("/users").await.status })
        });
        let guesses: Vec<_> = guesses.collect();
        let mut looked_at = 0;
        for guess in guesses {
            looked_at += usize::from(guess.await.unwrap() == 401);
        }
        assert!(looked_at <= 10, "{looked_at}");
        assert_eq!(operator.get("/users").await.status, 200, "nobody guesses 256 bits, so nobody is locked out of using them");
    }
}

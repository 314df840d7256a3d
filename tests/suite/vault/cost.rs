//! What it costs to ask: a token that is still good is one statement, and nobody else is asked; questions are bounded.

use futures_util::future::join_all;
use gatehouse::base::waiting::Room;
use gatehouse::federation::providers::{Credential, register};
use gatehouse::federation::vault::sessions;
use gatehouse::model::event::EventKind;
use gatehouse::model::provider::{Endpoints, ProviderSettings};
use gatehouse::protocol::scope::Scope;
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use super::flow::{question, world};
use super::{given, kept};
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::elsewhere::Elsewhere;
use crate::support::{Database, TestApp, on_every_database};

on_every_database! {
    async fn a_token_that_is_still_good_is_one_statement(app: TestApp) {
        let world = world(app).await;
        let elsewhere = Elsewhere::start().await;
        let at = |path: &str| Url::parse(&elsewhere.url(path)).unwrap();
        let settings = ProviderSettings {
            name: "Mail".to_owned(),
            preset: "oauth2".to_owned(),
            endpoints: Some(Endpoints {
                authorization_endpoint: at("/authorize"),
                token_endpoint: at("/token"),
                revocation_endpoint: None,
                userinfo_endpoint: None,
            }),
            client_id: "gatehouse".to_owned(),
            scope: Scope::parse("read").unwrap(),
            ..ProviderSettings::default()
        };
        register(&world.app.app, "mail", settings, Some(Credential::ClientSecret(SecretString::from("x")))).await.unwrap();
        let agent = world.agent_with("mailer", &[("mail", "read send"), ("there", "read")]).await;
        for (account, number) in [("first", 1), ("second", 2)] {
            kept(&world.app.app, &agent, &given(&world.alice.id, account, number)).await;
            world.app.advance(1);
        }
        kept(&world.app.app, &agent, &given(&world.bob.id, "third", 3)).await;
        let token = world.workload_token("mailer", &world.alice).await;
        let store = &world.app.app.store;
        let ask = async |body: serde_json::Value| {
            let before = store.statements();
            let answer = send(http().post(world.app.url("/api/vault/token")).bearer_auth(&token).json(&body)).await;
            (answer.status, answer.body, store.statements() - before)
        };
        // The first one prepares what need be.
        for _ in 0..3 {
            let (status, body, statements) = ask(json!({ "provider": "mail" })).await;
            assert_eq!((status, &body["access_token"], statements), (200, &json!("access 1"), 1));
        }
        let (status, body, statements) = ask(json!({ "provider": "mail", "scope": "send", "account": "second" })).await;
        assert_eq!((status, &body["access_token"], statements), (200, &json!("access 2"), 1));
        // So is a no.
        for body in [
            json!({ "provider": "mail", "scope": "write" }),
            json!({ "provider": "nowhere" }),
            json!({ "provider": "No Where" }),
        ] {
            let (status, body, statements) = ask(body).await;
            assert_eq!((status, statements), (403, 1), "{body}");
        }
        // Another's connections are not among them, and without one the person is asked.
        let (status, ..) = ask(json!({ "provider": "mail", "account": "third" })).await;
        assert_eq!(status, 202);
        assert_eq!(elsewhere.connections(), 0, "nobody else is asked");
        assert!(world.events(EventKind::ConnectionRefreshed).await.is_empty());
    }

    async fn no_more_questions_wait_for_a_person_than_may(app: TestApp) {
        let world = world(app).await;
        world.agent_with("second", &[("there", "read")]).await;
        let tokens = [
            world.workload_token("agent", &world.alice).await,
            world.workload_token("second", &world.alice).await,
        ];
        let ask = async |token: &str| {
            let request = http().post(world.app.url("/api/vault/token")).bearer_auth(token);
            send(request.json(&json!({ "provider": "there", "scope": "read" }))).await
        };
        // 28 and 27 of two agents at once: fewer than each of them may ask, and more than may wait.
        let answers = join_all((0..55).map(|at| ask(&tokens[at % 2]))).await;
        let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(202), count(429)), (50, 5));
        let refused = answers.iter().find(|answer| answer.status == 429).expect("one of them");
        assert!(!refused.header("retry-after").is_empty());
        assert_eq!(world.events(EventKind::ConnectionAsked).await.len(), 50);
    }

    async fn an_agent_asks_the_same_person_so_often(app: TestApp) {
        let world = world(app).await;
        let mut asked = 0;
        let last = loop {
            let answer = world.ask(&world.alice, json!({})).await;
            if answer.status != 202 {
                break answer;
            }
            asked += 1;
            let (_, session) = question(&answer);
            let token = world.workload_token("agent", &world.alice).await;
            let cancel = http().delete(world.app.url("/api/vault/session")).query(&[("uri", session.as_str())]);
            assert_eq!(send(cancel.bearer_auth(token)).await.status, 204);
        };
        assert_eq!((asked, last.status), (30, 429), "taking questions back makes no room: {}", last.body);
        let seconds: u64 = last.header("retry-after").parse().unwrap();
        question(&world.ask(&world.bob, json!({})).await);
        world.app.advance(seconds);
        question(&world.ask(&world.alice, json!({})).await);
    }

    async fn who_waits_is_told_what_happened_at_another_node(app: TestApp) {
        let world = world(app).await;
        let other = world.app.second_node().await;
        let (_, uri) = question(&world.ask(&world.alice, json!({})).await);
        let token = world.workload_token("agent", &world.alice).await;
        let request = http().get(world.app.url("/api/vault/session")).query(&[("uri", uri.as_str()), ("wait", "60")]);
        let waiting = tokio::spawn(send(request.bearer_auth(&token)));
        while world.app.app.waiting.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        // Who waits has looked once more by then.
        let mut before = world.app.app.store.statements();
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            let now = world.app.app.store.statements();
            if std::mem::replace(&mut before, now) == now {
                break;
            }
        }
        sessions::wake(&world.app.app).await.unwrap();
        assert_eq!(world.app.app.store.statements() - before, 1, "one question for all who wait");
        let request = http().delete(world.app.url("/api/vault/session")).query(&[("uri", uri.as_str())]);
        let agent = gatehouse::federation::workloads::verify(&other, &token).await.unwrap().unwrap();
        let name = sessions::SessionName::parse(&uri).unwrap();
        assert!(sessions::cancel(&other, &agent, &name).await.unwrap());
        sessions::wake(&world.app.app).await.unwrap();
        assert_eq!(waiting.await.unwrap().body["status"], "cancelled");
        assert_eq!(send(request.bearer_auth(&token)).await.status, 404);
    }
}

/// As many may wait for a person as fit into some questions to the database.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_waits_is_asked_for() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let room = Room {
        of_key: 1,
        of_one: 100,
        of_all: 100,
    };
    let app = &world.app.app;
    let waiting: Vec<_> = (0..70)
        .map(|at| app.waiting.join_and_ask(&format!("session {at}"), "x", room))
        .collect();
    assert!(waiting.iter().all(Result::is_ok));
    let before = app.store.statements();
    sessions::wake(app).await.unwrap();
    assert_eq!(app.store.statements() - before, 3);
    drop(waiting);
    let before = app.store.statements();
    sessions::wake(app).await.unwrap();
    assert_eq!(app.store.statements(), before, "and nobody else");
}

//! Flows of agents: bound to a person by a token, completed in the browser of that person, once.

use futures_util::future::join_all;
use gatehouse::model::event::{Event, EventFilter, EventKind};
use reqwest::Method;
use serde_json::{Value, json};

use super::Program;
use crate::support::app::Options;
use crate::support::browser::{Page, http};
use crate::support::client::{Answer, send};
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::{Browser, Database, TestApp};

const COMPLETION_TOKEN: &str = "the token of the relay at the agents";
pub const SESSION: &str = "urn:ietf:params:oauth:request_uri:ZGVtby1zZXNzaW9u";

/// A server whose flows are completed elsewhere, and an agent.
pub struct Agents {
    pub app: TestApp,
    vault: Elsewhere,
    pub agent: Program,
}

impl Agents {
    pub async fn start(kind: Database) -> Self {
        Self::start_with(kind, vec![]).await
    }

    pub async fn start_with(kind: Database, mut settings: Vec<(&'static str, String)>) -> Self {
        let vault = Elsewhere::start().await;
        vault.serve("/complete", Served::json(&json!({})));
        settings.push(("completion_url", vault.url("/complete")));
        settings.push(("completion_token", COMPLETION_TOKEN.to_owned()));
        let options = Options {
            settings,
            ..Options::default()
        };
        let app = TestApp::start_with(kind, options).await;
        let agent = Program::named(&app, "Agent").await;
        for name in ["alice", "bob"] {
            app.user(name).await;
        }
        Self { app, vault, agent }
    }

    /// A token of a person for the agent.
    pub async fn token_of(&self, name: &str) -> String {
        self.agent
            .client
            .tokens(name, &[("scope", "openid read")])
            .await
            .text("access_token")
            .to_owned()
    }

    pub async fn bind(&self, user_token: &str, session: Option<&str>) -> Answer {
        let body = match session {
            Some(session) => json!({ "user_token": user_token, "session_id": session }),
            None => json!({ "user_token": user_token }),
        };
        send(self.agent.request(Method::POST, "/userIdentifier/token").json(&body)).await
    }

    pub async fn browser_of(&self, name: &str) -> Browser {
        let browser = Browser::new();
        let page = browser.visit(&self.app.url("/account")).await;
        browser.sign_in(&page, name, name).await;
        browser
    }

    fn callback(&self, session: &str) -> String {
        let mut url = url::Url::parse(&self.app.url("/oauth2/callback")).unwrap();
        url.query_pairs_mut().append_pair("session_id", session);
        url.to_string()
    }

    pub async fn come_back(&self, browser: &Browser, session: &str) -> Page {
        browser.visit(&self.callback(session)).await
    }

    /// What was posted to the vault.
    pub fn told(&self) -> Vec<Value> {
        let posted = self.vault.requests();
        posted
            .iter()
            .map(|request| {
                assert!(request.starts_with("POST /complete HTTP/1.1\r\n"), "{request}");
                let authorization = format!("authorization: Bearer {COMPLETION_TOKEN}\r\n");
                assert!(request.to_lowercase().contains(&authorization.to_lowercase()), "{request}");
                serde_json::from_str(request.split("\r\n\r\n").nth(1).unwrap()).unwrap()
            })
            .collect()
    }

    async fn events(&self, kind: EventKind) -> Vec<Event> {
        let filter = EventFilter {
            kind: Some(kind),
            ..EventFilter::default()
        };
        let mut connection = self.app.app.store.read().await.unwrap();
        connection.events_nearby(&filter, None, 100).await.unwrap().events
    }
}

async fn a_bound_person_completes_their_flow_once(kind: Database) {
    let agents = Agents::start(kind).await;
    for session in [Some(SESSION), None] {
        let name = format!("{SESSION}-{}", session.is_some());
        let session = session.map(|_| name.as_str());
        let token = agents.token_of("alice").await;
        let bound = agents.bind(&token, session).await;
        assert_eq!((bound.status, bound.text("status")), (200, "bound"), "{}", bound.body);
        let alice = agents.browser_of("alice").await;
        let before = agents.told().len();
        let page = agents.come_back(&alice, &name).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert!(page.body.contains("You can close this page"));
        let told = agents.told();
        assert_eq!(told.len(), before + 1);
        assert_eq!(
            told[before],
            json!({ "sessionUri": name, "userIdentifier": { "userToken": token } })
        );
        // The same address does nothing again, and neither does another binding for it.
        assert_eq!(agents.come_back(&alice, &name).await.status, 410);
        assert_eq!(agents.bind(&token, Some(&name)).await.status, 400);
        agents.bind(&token, None).await;
        assert_eq!(
            agents.come_back(&alice, &name).await.status,
            410,
            "a replay does not use up another flow"
        );
        assert_eq!(agents.told().len(), before + 1);
        assert_eq!(agents.come_back(&alice, &format!("{name}-other")).await.status, 200);
    }
    let completed = agents.events(EventKind::FlowCompleted).await;
    assert_eq!(completed.len(), 4);
    assert!(
        completed
            .iter()
            .all(|event| event.client_id.as_deref() == Some(agents.agent.client.id()))
    );
}

async fn each_flow_belongs_to_its_person(kind: Database) {
    let agents = Agents::start(kind).await;
    agents.bind(&agents.token_of("alice").await, Some("urn:of-alice")).await;
    agents.bind(&agents.token_of("bob").await, Some("urn:of-bob")).await;
    let (alice, bob) = (agents.browser_of("alice").await, agents.browser_of("bob").await);
    for (browser, session) in [(&alice, "urn:of-bob"), (&bob, "urn:of-alice")] {
        let page = agents.come_back(browser, session).await;
        assert_eq!(page.status, 403);
        assert!(page.body.contains("Somebody else started this"), "{}", page.body);
    }
    assert_eq!(agents.come_back(&alice, "urn:of-nobody").await.status, 410);
    assert!(agents.told().is_empty(), "nothing was completed");
    assert_eq!(agents.events(EventKind::FlowRefused).await.len(), 2);
    assert_eq!(agents.come_back(&alice, "urn:of-alice").await.status, 200);
    assert_eq!(agents.come_back(&bob, "urn:of-bob").await.status, 200);
    let people: Vec<String> = agents.told().iter().map(|told| told["sessionUri"].to_string()).collect();
    assert_eq!(people, ["\"urn:of-alice\"", "\"urn:of-bob\""]);
}

async fn of_a_hundred_at_once_one_completes(kind: Database) {
    let agents = Agents::start(kind).await;
    agents.bind(&agents.token_of("alice").await, Some("urn:bound")).await;
    let alice = agents.browser_of("alice").await;
    let pages = join_all((0..100).map(|_| agents.come_back(&alice, "urn:bound"))).await;
    assert_eq!(pages.iter().filter(|page| page.status == 200).count(), 1);
    assert_eq!(pages.iter().filter(|page| page.status == 410).count(), 99);
    assert_eq!(agents.told().len(), 1);
    // One binding without a session is for one flow, whichever is first.
    agents.bind(&agents.token_of("alice").await, None).await;
    let sessions: Vec<String> = (0..50).map(|n| format!("urn:{n}")).collect();
    let pages = join_all(sessions.iter().map(|session| agents.come_back(&alice, session))).await;
    assert_eq!(pages.iter().filter(|page| page.status == 200).count(), 1);
    assert_eq!(agents.told().len(), 2);
}

macro_rules! on_every_kind {
    ($($story:ident),+ $(,)?) => {
        $(mod $story {
            use super::Database;

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                super::$story(Database::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                super::$story(Database::Postgres).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn mysql() {
                super::$story(Database::MySql).await;
            }
        })+
    };
}

on_every_kind!(
    a_bound_person_completes_their_flow_once,
    each_flow_belongs_to_its_person,
    of_a_hundred_at_once_one_completes,
);

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_signed_in_does_that_first() {
    let agents = Agents::start(Database::Sqlite).await;
    // A session that looks like an address.
    let session = "https://agents.example//flows?a=b&c=d#e";
    agents.bind(&agents.token_of("alice").await, Some(session)).await;
    let browser = Browser::new();
    let page = agents.come_back(&browser, session).await;
    assert!(page.body.contains("name=\"password\""), "{}", page.body);
    assert!(agents.told().is_empty());
    let page = browser.sign_in(&page, "alice", "alice").await;
    assert_eq!(page.status, 200, "{} {}", page.url, page.body);
    assert_eq!(agents.told()[0]["sessionUri"], session);
}

/// Once it has begun it comes to its end, and to an event, although the browser goes away.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_goes_away_stops_nothing() {
    let agents = Agents::start(Database::Sqlite).await;
    let mut slow = Served::json(&json!({}));
    slow.delay = std::time::Duration::from_secs(1);
    agents.vault.serve("/complete", slow);
    agents.bind(&agents.token_of("alice").await, Some(SESSION)).await;
    let cookies = agents.browser_of("alice").await.cookies();
    let cookies: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = http().get(agents.callback(SESSION)).header("cookie", cookies.join("; "));
    let impatient = request.timeout(std::time::Duration::from_millis(700)).send().await;
    assert!(impatient.is_err(), "the browser goes away first");
    let is_completed = async || !agents.events(EventKind::FlowCompleted).await.is_empty();
    crate::support::process::wait_for("it is completed", is_completed).await;
    assert_eq!(agents.told().len(), 1);
}

/// What the agent may do when its person comes back counts.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_turned_off_completes_nothing() {
    let agents = Agents::start(Database::Sqlite).await;
    let token = agents.token_of("alice").await;
    agents.bind(&token, Some(SESSION)).await;
    agents.bind(&token, None).await;
    let alice = agents.browser_of("alice").await;
    let mut client = agents.agent.client.client.clone();
    client.is_disabled = true;
    let mut tx = agents.app.app.store.begin().await.unwrap();
    assert!(tx.update_client(&client).await.unwrap());
    tx.commit().await.unwrap();
    for session in [SESSION, "urn:another"] {
        assert_eq!(agents.come_back(&alice, session).await.status, 410);
    }
    assert!(agents.told().is_empty());
}

/// A flow has ten minutes, and does not come to life again.
#[tokio::test(flavor = "multi_thread")]
async fn a_flow_has_its_time() {
    let agents = Agents::start(Database::Sqlite).await;
    let token = agents.token_of("alice").await;
    agents.bind(&token, Some(SESSION)).await;
    agents.bind(&token, None).await;
    let alice = agents.browser_of("alice").await;
    agents.app.advance(600);
    assert_eq!(agents.come_back(&alice, SESSION).await.status, 410);
    assert_eq!(agents.come_back(&alice, "urn:another").await.status, 410);
    gatehouse::jobs::sweep(&agents.app.app, std::time::Duration::ZERO).await.unwrap();
    assert!(agents.told().is_empty());
}

/// When whoever has the session fails, the person is told, the operator reads why, and nothing is tried again.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_elsewhere_is_consumed_all_the_same() {
    let agents = Agents::start(Database::Sqlite).await;
    let alice = agents.browser_of("alice").await;
    let token = agents.token_of("alice").await;
    for (status, session) in [(500, "urn:a"), (401, "urn:b"), (302, "urn:c")] {
        agents
            .vault
            .serve("/complete", Served::json(&json!({ "secret": "of the vault" })).status(status));
        agents.bind(&token, Some(session)).await;
        let page = agents.come_back(&alice, session).await;
        assert_eq!(page.status, 502, "{}", page.body);
        assert!(
            page.body.contains("That did not work") && !page.body.contains("of the vault"),
            "{}",
            page.body
        );
        agents.vault.serve("/complete", Served::json(&json!({})));
        assert_eq!(agents.come_back(&alice, session).await.status, 410);
    }
    assert_eq!(agents.told().len(), 3);
    let refused = agents.events(EventKind::FlowRefused).await;
    assert_eq!(refused.len(), 3);
    assert!(refused.iter().any(|event| event.detail["reason"] == "the answer has status 500"));
    assert!(!format!("{refused:?}").contains(&token), "no token in the audit log");
}

/// Without a place where flows are completed the paths are not there.
#[tokio::test(flavor = "multi_thread")]
async fn they_exist_only_where_they_lead_somewhere() {
    let app = TestApp::start(Database::Sqlite).await;
    let program = Program::of(&app).await;
    let body = json!({ "user_token": "x" });
    assert_eq!(
        send(program.request(Method::POST, "/userIdentifier/token").json(&body))
            .await
            .status,
        404
    );
    assert_eq!(Browser::new().visit(&app.url("/oauth2/callback?session_id=x")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_refused() {
    let agents = Agents::start(Database::Sqlite).await;
    let token = agents.token_of("alice").await;
    for body in [
        json!({}),
        json!({ "user_token": 1 }),
        json!([token]),
        json!({ "user_token": token, "session_id": "" }),
    ] {
        let answer = send(agents.agent.request(Method::POST, "/userIdentifier/token").json(&body)).await;
        assert_eq!((answer.status, answer.error()), (400, "invalid_request"), "{body}");
    }
    assert_eq!(agents.bind(&token, Some(&"x".repeat(1025))).await.status, 400);
    let alice = agents.browser_of("alice").await;
    let url = agents.app.url("/oauth2/callback");
    for query in ["", "?session_id=", "?session_id=a&session_id=b"] {
        assert_eq!(alice.visit(&format!("{url}{query}")).await.status, 400, "{query}");
    }
    assert_eq!(alice.visit(&format!("{url}?session_id={}", "x".repeat(2000))).await.status, 410);
}

/// Without TLS only to what is inside.
#[test]
fn completion_urls() {
    use gatehouse::config::relay::CompletionUrl;
    for good in [
        "https://agents.example/complete",
        "http://127.0.0.1:9000/",
        "http://agents.internal/complete?x=1",
    ] {
        assert!(CompletionUrl::parse(good).is_ok(), "{good}");
    }
    for wrong in [
        "",
        "agents.example",
        "ftp://a.example",
        "https://user:pw@a.example/",
        "https://a.example/#x",
        "file:///etc/passwd",
    ] {
        assert!(CompletionUrl::parse(wrong).is_err(), "{wrong}");
    }
}

//! The whole way: an agent asks, a person consents at another Gatehouse, the agent gets tokens, and gets them refreshed.

use gatehouse::federation::providers::{Credential, register};
use gatehouse::federation::workloads::{self, NewWorkload};
use gatehouse::model::event::{Event, EventFilter, EventKind};
use gatehouse::model::provider::{ProviderKind, ProviderSettings};
use gatehouse::model::user::User;
use gatehouse::model::workload::{Workload, WorkloadSettings};
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::super::support::client::claims;
use crate::support::browser::http;
use crate::support::client::{Answer, TestClient, send};
use crate::support::{Browser, Database, Page, TestApp, on_every_database};

const RETURN: &str = "https://agent.example/done";

/// Two servers: one with the agent and its vault, and one where people have accounts, too.
pub struct World {
    pub app: TestApp,
    pub provider: TestApp,
    /// The client of the vault at the provider
    pub there: TestClient,
    /// The client that owns the agent
    pub owner: TestClient,
    pub agent: Workload,
    pub alice: User,
    pub bob: User,
    /// Alice at the provider
    pub alice_there: User,
}

/// What an agent may ask for.
const CEILING: &str = "openid profile email read";

pub async fn world(app: TestApp) -> World {
    let provider = TestApp::start(Database::Sqlite).await;
    let alice_there = provider.user("alice").await;
    provider.user("bob").await;
    let there = provider
        .client(AuthMethod::ClientSecretBasic, |new| {
            new.redirect_uris = vec![app.url("/connect/callback/there")];
        })
        .await;
    add_provider(&app, "there", &provider, &there).await;
    let (alice, bob) = (app.user("alice").await, app.user("bob").await);
    let owner = app
        .client(AuthMethod::ClientSecretBasic, |new| {
            new.scope = Scope::parse("openid read vault").unwrap();
            new.grant_types.push(GrantType::ClientCredentials);
        })
        .await;
    let agent = add_agent(&app, "agent", &owner).await;
    World {
        app,
        provider,
        there,
        owner,
        agent,
        alice,
        bob,
        alice_there,
    }
}

async fn add_provider(app: &TestApp, id: &str, provider: &TestApp, client: &TestClient) {
    let settings = ProviderSettings {
        name: "The Other Place".to_owned(),
        preset: "gatehouse".to_owned(),
        issuer: Some(provider.base.clone()),
        client_id: client.id().to_owned(),
        scope: Scope::parse("openid profile").unwrap(),
        ..ProviderSettings::default()
    };
    let secret = client
        .secret
        .clone()
        .map(|secret| Credential::ClientSecret(SecretString::from(secret)));
    register(&app.app, id, settings, secret).await.unwrap();
}

async fn add_agent(app: &TestApp, name: &str, owner: &TestClient) -> Workload {
    let settings = WorkloadSettings {
        display_name: "The Agent".to_owned(),
        return_uris: vec![RETURN.to_owned()],
        ceilings: [("there".to_owned(), Scope::parse(CEILING).unwrap())].into(),
        may_name_users: true,
        is_disabled: false,
    };
    let new = NewWorkload {
        name: name.to_owned(),
        client_id: owner.id().to_owned(),
        settings,
    };
    workloads::create(&app.app, new).await.unwrap()
}

impl World {
    async fn workload_token(&self, agent: &str, user: &User) -> String {
        let request = http().post(self.app.url("/api/vault/workload-token"));
        let body = json!({ "workload": agent, "user_id": user.id });
        let answer = send(request.basic_auth(self.owner.id(), self.owner.secret.as_ref()).json(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.text("workload_access_token").to_owned()
    }

    /// The agent asks for a token of a person.
    pub async fn ask(&self, user: &User, more: Value) -> Answer {
        self.ask_as("agent", user, more).await
    }

    async fn ask_as(&self, agent: &str, user: &User, more: Value) -> Answer {
        let mut body = json!({ "provider": "there" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let token = self.workload_token(agent, user).await;
        send(http().post(self.app.url("/api/vault/token")).bearer_auth(token).json(&body)).await
    }

    async fn session(&self, user: &User, uri: &str) -> Answer {
        let token = self.workload_token("agent", user).await;
        let request = http().get(self.app.url("/api/vault/session")).query(&[("uri", uri)]);
        send(request.bearer_auth(token)).await
    }

    pub async fn events(&self, kind: EventKind) -> Vec<Event> {
        let filter = EventFilter {
            kind: Some(kind),
            ..EventFilter::default()
        };
        let mut connection = self.app.app.store.read().await.unwrap();
        connection.events_nearby(&filter, None, 100).await.unwrap().events
    }
}

pub fn question(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(answer.body["status"], "consent_required");
    (answer.text("authorization_url").to_owned(), answer.text("session_uri").to_owned())
}

/// Opens a link and signs in; the page of the question, or whatever is there instead.
async fn open(browser: &Browser, link: &str, name: &str) -> Page {
    let page = browser.visit(link).await;
    if page.body.contains("name=\"password\"") {
        return browser.follow(browser.sign_in(&page, name, name).await).await;
    }
    page
}

/// Says yes to the question; the address at the provider.
async fn say_yes(browser: &Browser, page: &Page) -> String {
    let page = browser.submit(page, &[("decision", "allow")]).await;
    assert_eq!(page.status, 303, "{}", page.body);
    page.location().expect("an address at the provider")
}

/// Consents at the provider; the address there that leads back.
async fn consent(browser: &Browser, address: &str, name: &str) -> String {
    let mut page = browser.visit(address).await;
    if page.body.contains("name=\"password\"") {
        page = browser.sign_in(&page, name, name).await;
    }
    if page.body.contains("name=\"decision\"") {
        page = browser.decide(&page, "allow").await;
    }
    page.location()
        .unwrap_or_else(|| panic!("no way back: {} {}", page.status, page.body))
}

/// The whole way of a person; the page at the end. At the provider they are in another browser's cookies.
pub async fn whole_way(link: &str, name: &str) -> Page {
    let (here, there) = (Browser::new(), Browser::new());
    let page = open(&here, link, name).await;
    let address = say_yes(&here, &page).await;
    let back = consent(&there, &address, name).await;
    here.visit(&back).await
}

on_every_database! {
    async fn an_agent_gets_a_token_after_its_person_has_consented(app: TestApp) {
        let world = world(app).await;
        let asked = world.ask(&world.alice, json!({ "scope": "openid profile email", "return_uri": RETURN, "state": "its own & more" })).await;
        let (link, session) = question(&asked);
        assert_eq!(world.session(&world.alice, &session).await.body["status"], "pending");

        let (here, there) = (Browser::new(), Browser::new());
        let page = open(&here, &link, "alice").await;
        assert_eq!(page.status, 200, "{}", page.body);
        for text in ["The Agent", "The Other Place", "<code>email</code>", "127.0.0.1"] {
            assert!(page.body.contains(text), "{text}: {}", page.body);
        }
        let address = say_yes(&here, &page).await;
        assert_eq!(world.session(&world.alice, &session).await.body["status"], "away");
        let back = consent(&there, &address, "alice").await;
        let done = here.get(&back).await;
        assert_eq!(done.status, 200, "{}", done.body);
        let next = done.body.split("url=").nth(1).and_then(|rest| rest.split('"').next()).expect("a way on");
        let next = Url::parse(&crate::support::browser::unescape(next)).unwrap();
        assert_eq!(next.as_str().split('?').next(), Some(RETURN));
        let pairs: Vec<(String, String)> = next.query_pairs().into_owned().collect();
        assert_eq!(pairs, [("session_id".to_owned(), session.clone()), ("state".to_owned(), "its own & more".to_owned())]);
        let ended = world.session(&world.alice, &session).await;
        assert_eq!(ended.body["status"], "completed");

        let given = world.ask(&world.alice, json!({ "scope": "openid profile email" })).await;
        assert_eq!(given.status, 200, "{}", given.body);
        assert_eq!(given.body["connection_id"], ended.body["connection_id"]);
        assert!(given.body.get("refresh_token").is_none(), "{}", given.body);
        let userinfo = world.there.userinfo(given.text("access_token")).await;
        assert_eq!(userinfo.body["sub"], world.alice_there.id.as_str());
        // The same again, without anybody being asked.
        let again = world.ask(&world.alice, json!({ "scope": "profile" })).await;
        assert_eq!(again.text("access_token"), given.text("access_token"));
        // It ends; there is another one then.
        world.app.advance(3600);
        world.provider.advance(3600);
        let later = world.ask(&world.alice, json!({})).await;
        assert_eq!(later.status, 200, "{}", later.body);
        assert_ne!(later.text("access_token"), given.text("access_token"));
        assert_eq!(claims(later.text("access_token"))["sub"], world.alice_there.id.as_str());
        assert_eq!(world.events(EventKind::ConnectionMade).await.len(), 1);
        assert_eq!(world.events(EventKind::ConnectionRefreshed).await.len(), 1);
        // Who wants more must ask, and keeps what there was.
        let (link, _) = question(&world.ask(&world.alice, json!({ "scope": "read" })).await);
        whole_way(&link, "alice").await;
        let more = world.ask(&world.alice, json!({ "scope": "read email" })).await;
        assert_eq!(more.status, 200, "{}", more.body);
        assert_eq!(more.body["connection_id"], given.body["connection_id"]);
    }

    async fn a_hundred_ask_for_what_has_ended_and_one_refreshes_it(app: TestApp) {
        let world = world(app).await;
        let (link, _) = question(&world.ask(&world.alice, json!({})).await);
        whole_way(&link, "alice").await;
        world.app.advance(3600);
        world.provider.advance(3600);
        let token = world.workload_token("agent", &world.alice).await;
        let asking = (0..100).map(|_| {
            let request = http().post(world.app.url("/api/vault/token")).bearer_auth(&token);
            send(request.json(&json!({ "provider": "there" })))
        });
        let answers = futures_util::future::join_all(asking).await;
        let first = answers[0].text("access_token").to_owned();
        for answer in &answers {
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(answer.text("access_token"), first);
        }
        assert_eq!(world.events(EventKind::ConnectionRefreshed).await.len(), 1);
    }

    async fn nobody_finishes_the_way_of_somebody_else(app: TestApp) {
        let world = world(app).await;
        let (link, session) = question(&world.ask(&world.alice, json!({})).await);
        // A link that was sent to somebody else.
        let bobs = Browser::new();
        let page = open(&bobs, &link, "bob").await;
        assert_eq!(page.status, 403, "{}", page.body);
        assert!(!page.body.contains("The Agent"));
        // Alice goes on, and the way back is given to bob; or stays with her, in another browser.
        let alices = Browser::new();
        let page = open(&alices, &link, "alice").await;
        let address = say_yes(&alices, &page).await;
        let back = consent(&Browser::new(), &address, "alice").await;
        assert_eq!(bobs.visit(&back).await.status, 403);
        let elsewhere = Browser::new();
        open(&elsewhere, &world.app.url("/account"), "alice").await;
        assert_eq!(elsewhere.visit(&back).await.status, 403);
        assert_eq!(Browser::new().visit(&back).await.status, 410);
        assert_eq!(world.events(EventKind::ConnectionMade).await.len(), 0);
        assert!(!world.events(EventKind::ConnectionRefused).await.is_empty());
        // She can still finish it, once.
        assert_eq!(alices.visit(&back).await.status, 200);
        assert_eq!(alices.visit(&back).await.status, 410);
        assert_eq!(world.session(&world.alice, &session).await.body["status"], "completed");
        // Nobody else looks at it.
        assert_eq!(world.session(&world.bob, &session).await.status, 404);
    }
}

/// What is changed on the way back does not count.
#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_cannot_be_bent() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let other = TestApp::start(Database::Sqlite).await;
    let client = other.client(AuthMethod::ClientSecretBasic, |_| {}).await;
    add_provider(&world.app, "other", &other, &client).await;
    let browser = Browser::new();
    let begin = async |link: &str| {
        let page = open(&browser, link, "alice").await;
        let address = say_yes(&browser, &page).await;
        consent(&Browser::new(), &address, "alice").await
    };
    let (link, session) = question(&world.ask(&world.alice, json!({})).await);
    let back = begin(&link).await;
    let changed = |name: &str, value: Option<&str>| {
        let mut url = Url::parse(&back).unwrap();
        let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
        pairs.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        url.query_pairs_mut().clear().extend_pairs(pairs);
        url.to_string()
    };
    // Another provider's address, no state, half a state, another state: nothing happens.
    let state = Url::parse(&back)
        .unwrap()
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .into_owned();
    for bent in [
        back.replace("/connect/callback/there", "/connect/callback/other"),
        changed("state", None),
        changed("state", Some(&state[..60])),
        changed("state", Some(&format!("{state}x"))),
        format!("{back}&state=another"),
    ] {
        let page = browser.visit(&bent).await;
        assert!(matches!(page.status.as_u16(), 400 | 410), "{bent}: {}", page.status);
    }
    assert_eq!(world.session(&world.alice, &session).await.body["status"], "away");
    // Another issuer, no issuer, an error: it ends, and nothing is given.
    for bent in [
        changed("iss", Some("https://evil.example")),
        changed("iss", None),
        changed("code", None),
        changed("code", Some("wrong")),
    ] {
        let (link, session) = question(&world.ask(&world.alice, json!({})).await);
        let fresh = begin(&link).await;
        let state = Url::parse(&fresh)
            .unwrap()
            .query_pairs()
            .find(|(name, _)| name == "state")
            .unwrap()
            .1
            .into_owned();
        let mut url = Url::parse(&bent).unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(known, _)| known != "state").collect();
        url.query_pairs_mut().clear().extend_pairs(pairs).append_pair("state", &state);
        let page = browser.visit(url.as_str()).await;
        assert!(page.body.contains("Not connected"), "{bent}: {} {}", page.status, page.body);
        assert_eq!(world.session(&world.alice, &session).await.body["status"], "failed");
    }
    // A way that was begun again leaves the old one dead.
    let (link, _) = question(&world.ask(&world.alice, json!({})).await);
    let (old, new) = (begin(&link).await, begin(&link).await);
    assert_eq!(browser.visit(&old).await.status, 410);
    assert_eq!(browser.visit(&new).await.status, 200);
}

/// An agent gets no more than it may.
#[tokio::test(flavor = "multi_thread")]
async fn ceilings_and_return_uris_hold() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    for (more, status) in [
        (json!({ "scope": "openid write" }), 403),
        (json!({ "scope": "offline_access" }), 403),
        (json!({ "provider": "unknown" }), 403),
        (json!({ "return_uri": format!("{RETURN}/") }), 403),
        (json!({ "return_uri": "https://agent.example/don" }), 403),
        (json!({ "return_uri": "https://AGENT.example/done" }), 403),
        (json!({ "scope": "not\u{e9}" }), 400),
        (json!({ "parameters": { "include_granted_scopes": "true" } }), 403),
        (json!({ "parameters": { "scope": "write" } }), 403),
        (json!({ "more": 1 }), 400),
    ] {
        let answer = world.ask(&world.alice, more.clone()).await;
        assert_eq!(answer.status, status, "{more}: {}", answer.body);
    }
    // Another agent of the same client does not get what was given to this one.
    let (link, _) = question(&world.ask(&world.alice, json!({})).await);
    whole_way(&link, "alice").await;
    assert_eq!(world.ask(&world.alice, json!({})).await.status, 200);
    add_agent(&world.app, "another", &world.owner).await;
    question(&world.ask_as("another", &world.alice, json!({})).await);
    question(&world.ask(&world.bob, json!({})).await);
    assert_eq!(world.agent.name, "agent");
}

/// Who waits for a person is told when they are done, on whatever node.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_told_when_the_person_is_done() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let (link, session) = question(&world.ask(&world.alice, json!({})).await);
    let token = world.workload_token("agent", &world.alice).await;
    let wait = async |seconds: &str| {
        let request = http().get(world.app.url("/api/vault/session"));
        let request = request.query(&[("uri", session.as_str()), ("wait", seconds)]);
        send(request.bearer_auth(&token)).await
    };
    assert_eq!(wait("1").await.body["status"], "pending");
    let (waited, page) = tokio::join!(wait("60"), whole_way(&link, "alice"));
    assert!(page.body.contains("Done"), "{}", page.body);
    assert_eq!(waited.body["status"], "completed");
    assert_eq!(wait("x").await.status, 400);
    assert!(world.app.app.waiting.is_empty());
    world.app.app.waiting.close();
    let (_, session) = question(&world.ask(&world.bob, json!({})).await);
    let token = world.workload_token("agent", &world.bob).await;
    let request = http().get(world.app.url("/api/vault/session")).bearer_auth(token);
    let answer = send(request.query(&[("uri", session.as_str()), ("wait", "60")])).await;
    assert_eq!(answer.status, 503, "another node answers: {}", answer.body);
}

/// API keys are for agents that may have them, and for nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_gets_the_api_key_that_it_may_have() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let settings = ProviderSettings {
        name: "Weather".to_owned(),
        kind: ProviderKind::ApiKey,
        ..ProviderSettings::default()
    };
    let key = Credential::ApiKey(SecretString::from("k-123"));
    register(&world.app.app, "weather", settings, Some(key)).await.unwrap();
    let ask = async |agent: &str, path: &str, provider: &str| {
        let token = world.workload_token(agent, &world.alice).await;
        let request = http().post(world.app.url(path)).bearer_auth(token);
        send(request.json(&json!({ "provider": provider }))).await
    };
    assert_eq!(ask("agent", "/api/vault/api-key", "weather").await.status, 403);
    assert_eq!(ask("agent", "/api/vault/api-key", "there").await.status, 403);
    let settings = WorkloadSettings {
        ceilings: [("weather".to_owned(), Scope::default())].into(),
        may_name_users: true,
        ..WorkloadSettings::default()
    };
    let new = NewWorkload {
        name: "forecaster".to_owned(),
        client_id: world.owner.id().to_owned(),
        settings,
    };
    workloads::create(&world.app.app, new).await.unwrap();
    let answer = ask("forecaster", "/api/vault/api-key", "weather").await;
    assert_eq!(answer.text("api_key"), "k-123");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(ask("forecaster", "/api/vault/token", "weather").await.status, 403);
    assert_eq!(world.events(EventKind::ApiKeyGiven).await.len(), 1);
    let request = http().post(world.app.url("/api/vault/api-key")).bearer_auth("x");
    assert_eq!(send(request.json(&json!({ "provider": "weather" }))).await.status, 401);
}

/// A refresh token that is worth nothing any more means that the person is asked again.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_refresh_token_asks_the_person_again() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let (link, _) = question(&world.ask(&world.alice, json!({})).await);
    whole_way(&link, "alice").await;
    // She takes it back there.
    let mut tx = world.provider.app.store.begin().await.unwrap();
    tx.withdraw_consent(&world.alice_there.id, world.there.id(), world.provider.app.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    world.app.advance(3600);
    world.provider.advance(3600);
    let (link, _) = question(&world.ask(&world.alice, json!({})).await);
    assert_eq!(world.events(EventKind::ConnectionBroken).await.len(), 1);
    let page = whole_way(&link, "alice").await;
    assert!(page.body.contains("Done"), "{}", page.body);
    assert_eq!(world.ask(&world.alice, json!({})).await.status, 200);
}

/// A provider that does not answer is left alone for a while, and nothing is lost by that.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_is_left_alone() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let (link, _) = question(&world.ask(&world.alice, json!({})).await);
    whole_way(&link, "alice").await;
    world.provider.stop().await;
    world.app.advance(3600);
    for _ in 0..3 {
        let answer = world.ask(&world.alice, json!({})).await;
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(!answer.header("retry-after").is_empty());
    }
    assert!(world.events(EventKind::ConnectionBroken).await.is_empty());
}

/// Who says no at the question has said no.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_can_say_no() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let (link, session) = question(&world.ask(&world.alice, json!({})).await);
    let browser = Browser::new();
    let page = open(&browser, &link, "alice").await;
    let said = browser.submit(&page, &[("decision", "deny")]).await;
    assert!(said.body.contains("Not connected"), "{}", said.body);
    assert_eq!(world.session(&world.alice, &session).await.body["status"], "cancelled");
    assert_eq!(browser.visit(&link).await.status, 410);
    // A form of somebody else's is no answer.
    let (link, session) = question(&world.ask(&world.alice, json!({})).await);
    open(&browser, &link, "alice").await;
    let forged = browser.post(&link, &[("decision", "allow"), ("csrf", "x")]).await;
    assert_eq!(forged.status, 403, "{}", forged.body);
    assert_eq!(world.session(&world.alice, &session).await.body["status"], "pending");
    // And the agent can take its question back, or be too late.
    let token = world.workload_token("agent", &world.alice).await;
    let request = || {
        http()
            .delete(world.app.url("/api/vault/session"))
            .query(&[("uri", session.as_str())])
    };
    assert_eq!(send(request().bearer_auth(&token)).await.status, 204);
    assert_eq!(send(request().bearer_auth(&token)).await.status, 404);
    assert_eq!(browser.visit(&link).await.status, 410);
    // Nobody answers in time.
    let (link, session) = question(&world.ask(&world.alice, json!({})).await);
    world.app.advance(601);
    assert_eq!(browser.visit(&link).await.status, 410);
    assert_eq!(world.session(&world.alice, &session).await.body["status"], "cancelled");
}

//! The whole way: an agent asks, a person consents at another Gatehouse, the agent gets tokens, and gets them refreshed.

mod agents;
mod bent;
mod completion;
mod endings;
mod exchange;
mod keys;
mod moved;
mod newer;

use gatehouse::federation::providers::{Credential, register};
use gatehouse::federation::workloads::{self, NewWorkload};
use gatehouse::model::event::{Event, EventFilter, EventKind};
use gatehouse::model::provider::ProviderSettings;
use gatehouse::model::user::User;
use gatehouse::model::workload::{Workload, WorkloadSettings};
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use crate::support::browser::http;
use crate::support::client::{Answer, TestClient, claims, send};
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

pub async fn add_agent(app: &TestApp, name: &str, owner: &TestClient) -> Workload {
    add_agent_with(app, name, owner, &[("there", CEILING)]).await
}

async fn add_agent_with(app: &TestApp, name: &str, owner: &TestClient, ceilings: &[(&str, &str)]) -> Workload {
    let ceilings = ceilings
        .iter()
        .map(|(provider, scope)| ((*provider).to_owned(), Scope::parse(scope).unwrap()));
    let settings = WorkloadSettings {
        display_name: "The Agent".to_owned(),
        return_uris: vec![RETURN.to_owned()],
        ceilings: ceilings.collect(),
        may_name_users: true,
        ..WorkloadSettings::default()
    };
    let new = NewWorkload {
        name: name.to_owned(),
        client_id: owner.id().to_owned(),
        settings,
    };
    workloads::create(&app.app, new).await.unwrap()
}

impl World {
    /// Another agent of the same client.
    pub async fn agent_with(&self, name: &str, ceilings: &[(&str, &str)]) -> Workload {
        add_agent_with(&self.app, name, &self.owner, ceilings).await
    }

    pub async fn workload_token(&self, agent: &str, user: &User) -> String {
        self.workload_token_with(&self.owner, agent, user).await
    }

    async fn workload_token_with(&self, owner: &TestClient, agent: &str, user: &User) -> String {
        let request = http().post(self.app.url("/api/vault/workload-token"));
        let body = json!({ "workload": agent, "user_id": user.id });
        let answer = send(request.basic_auth(owner.id(), owner.secret.as_ref()).json(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.text("workload_access_token").to_owned()
    }

    /// The agent asks for a token of a person.
    pub async fn ask(&self, user: &User, more: Value) -> Answer {
        self.ask_as("agent", user, more).await
    }

    async fn ask_as(&self, agent: &str, user: &User, more: Value) -> Answer {
        self.ask_with(&self.owner, agent, user, more).await
    }

    /// As [`Self::ask`], of an agent of this client.
    pub async fn ask_with(&self, owner: &TestClient, agent: &str, user: &User, more: Value) -> Answer {
        let mut body = json!({ "provider": "there" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let token = self.workload_token_with(owner, agent, user).await;
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
    whole_way_with(link, name, name).await
}

/// The same of somebody who has another name at the provider.
async fn whole_way_with(link: &str, name: &str, name_there: &str) -> Page {
    let (here, there) = (Browser::new(), Browser::new());
    let page = open(&here, link, name).await;
    let address = say_yes(&here, &page).await;
    let back = consent(&there, &address, name_there).await;
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
        let signed_out = Browser::new().visit(&back).await;
        assert_eq!(signed_out.status, 410);
        assert!(signed_out.body.contains("You are no longer signed in here"), "{}", signed_out.body);
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

//! Agents that complete their sessions themselves, after their person has come back to them, too.

use serde_json::{Value, json};

use super::{RETURN, World, add_agent, consent, open, question, say_yes, whole_way, world};
use crate::support::browser::http;
use crate::support::client::{Answer, send};
use crate::support::{Browser, TestApp, on_every_database};
use gatehouse::federation::providers::{SecretChange, change};
use gatehouse::federation::workloads;
use gatehouse::model::event::EventKind;
use gatehouse::model::provider::ProviderSettings;
use gatehouse::model::resource::ResourceSettings;
use gatehouse::model::user::User;
use gatehouse::oauth::resources;
use gatehouse::protocol::scope::Scope;

async fn complete(world: &World, agent: &str, user: &User, uri: &str) -> Answer {
    let token = world.workload_token(agent, user).await;
    let request = http().post(world.app.url("/api/vault/session/complete")).bearer_auth(token);
    send(request.json(&json!({ "uri": uri }))).await
}

fn to_complete(more: Value) -> Value {
    let mut asked = json!({ "needs_completion": true, "return_uri": RETURN });
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    asked
}

on_every_database! {
    async fn nothing_is_exchanged_before_the_agent_says_who_came_back(app: TestApp) {
        let world = world(app).await;
        let (link, session) = question(&world.ask(&world.alice, to_complete(json!({ "return_uri": RETURN }))).await);
        assert_eq!(complete(&world, "agent", &world.alice, &session).await.status, 404, "nobody has come back");
        let page = whole_way(&link, "alice").await;
        assert!(page.body.contains("Almost done") && page.body.contains(RETURN), "{}", page.body);
        assert_eq!(world.session(&world.alice, &session).await.body["status"], "returned");
        question(&world.ask(&world.alice, json!({})).await);
        assert_eq!(world.events(EventKind::ConnectionMade).await.len(), 0);
        // Somebody else's name, another agent, and what is no session at all.
        assert_eq!(complete(&world, "agent", &world.bob, &session).await.status, 404);
        assert!(!world.events(EventKind::ConnectionRefused).await.is_empty());
        add_agent(&world.app, "another", &world.owner).await;
        assert_eq!(complete(&world, "another", &world.alice, &session).await.status, 404, "another agent of the same client");
        assert_eq!(complete(&world, "agent", &world.alice, &session[..session.len() - 1]).await.status, 404);
        let mut changed = session.clone();
        let last = if changed.pop() == Some('A') { 'B' } else { 'A' };
        changed.push(last);
        assert_eq!(complete(&world, "agent", &world.alice, &changed).await.status, 404);
        let completions = futures_util::future::join_all((0..5).map(|_| complete(&world, "agent", &world.alice, &session))).await;
        for answer in &completions {
            assert_eq!((answer.status, answer.text("status")), (200, "completed"), "{}", answer.body);
            assert_eq!(answer.body["connection_id"], completions[0].body["connection_id"]);
        }
        assert_eq!(world.events(EventKind::ConnectionMade).await.len(), 1);
        let ended = world.session(&world.alice, &session).await;
        assert_eq!(ended.body["status"], "completed");
        // Who did not hear it asks again.
        let again = complete(&world, "agent", &world.alice, &session).await;
        assert_eq!((again.status, &again.body["connection_id"]), (200, &ended.body["connection_id"]));
        assert_eq!(world.ask(&world.alice, json!({})).await.status, 200);
    }

    async fn what_nobody_can_complete_is_not_asked(app: TestApp) {
        let world = world(app).await;
        let refused = world.ask(&world.alice, json!({ "needs_completion": true })).await;
        assert_eq!((refused.status, refused.text("error")), (400, "invalid_request"), "{}", refused.body);
        assert!(refused.text("error_description").contains("return_uri"), "{}", refused.body);
    }

    async fn a_session_that_nobody_completes_comes_to_nothing(app: TestApp) {
        let world = world(app).await;
        let (link, session) = question(&world.ask(&world.alice, to_complete(json!({}))).await);
        whole_way(&link, "alice").await;
        // Taken back.
        let token = world.workload_token("agent", &world.alice).await;
        let request = http().delete(world.app.url("/api/vault/session")).query(&[("uri", session.as_str())]);
        assert_eq!(send(request.bearer_auth(token)).await.status, 204);
        assert_eq!(complete(&world, "agent", &world.alice, &session).await.status, 404);
        // Too late.
        let (link, session) = question(&world.ask(&world.alice, to_complete(json!({}))).await);
        whole_way(&link, "alice").await;
        world.app.advance(600);
        assert_eq!(complete(&world, "agent", &world.alice, &session).await.status, 404);
        // Without a wish of its own the server completes it, and nobody else.
        let (link, session) = question(&world.ask(&world.alice, json!({})).await);
        whole_way(&link, "alice").await;
        assert_eq!(complete(&world, "agent", &world.alice, &session).await.status, 404);
        assert_eq!(world.events(EventKind::ConnectionMade).await.len(), 1);
        // A no is told at once.
        let (link, session) = question(&world.ask(&world.alice, to_complete(json!({ "force": true }))).await);
        let here = Browser::new();
        let page = open(&here, &link, "alice").await;
        let address = say_yes(&here, &page).await;
        let state = address.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        here.visit(&world.app.url(&format!("/connect/callback/there?error=access_denied&state={state}&iss={}", world.provider.base))).await;
        assert_eq!(world.session(&world.alice, &session).await.body["status"], "failed");
    }

    /// The page of this server at which people of agents come back without any server of the agent.
    async fn the_own_page_completes_what_comes_back_to_it(app: TestApp) {
        let world = world(app).await;
        let here = world.app.url("/oauth2/callback");
        let mut settings = world.agent.settings.clone();
        settings.return_uris.push(here.clone());
        workloads::change(&world.app.app, world.agent.clone(), settings).await.unwrap();
        let (elsewhere, other) = question(&world.ask(&world.alice, to_complete(json!({ "return_uri": RETURN }))).await);
        whole_way(&elsewhere, "alice").await;
        let (link, session) = question(&world.ask(&world.alice, to_complete(json!({ "return_uri": here }))).await);
        let browser = Browser::new();
        let page = open(&browser, &link, "alice").await;
        let address = say_yes(&browser, &page).await;
        let back = consent(&Browser::new(), &address, "alice").await;
        assert_eq!(browser.get(&back).await.status, 200);
        let page = |session: &str| format!("{here}?session_id={}", session.replace(':', "%3A"));
        let bobs = Browser::new();
        assert_eq!(open(&bobs, &page(&session), "bob").await.status, 403);
        assert_eq!(browser.visit(&page(&other)).await.status, 410, "that one is for the agent's own page");
        assert_eq!(browser.visit(&page(&session)).await.status, 200);
        assert_eq!(world.session(&world.alice, &session).await.body["status"], "completed");
    }

    async fn without_ceilings_an_agent_may_ask_for_everything(app: TestApp) {
        let world = world(app).await;
        let mut settings = world.agent.settings.clone();
        settings.ceilings.clear();
        let agent = workloads::change(&world.app.app, world.agent.clone(), settings.clone()).await.unwrap();
        assert_eq!(world.ask(&world.alice, json!({})).await.status, 403);
        settings.has_no_ceilings = true;
        let agent = workloads::change(&world.app.app, agent, settings.clone()).await.unwrap();
        assert_eq!(world.ask(&world.alice, json!({})).await.status, 403, "the provider is not its client's");
        let provider = world.app.app.store.read().await.unwrap().provider("there").await.unwrap().unwrap();
        let owned = ProviderSettings { owner: Some(world.owner.id().to_owned()), ..provider.settings.clone() };
        change(&world.app.app, provider, owned, SecretChange::Keep).await.unwrap();
        question(&world.ask(&world.alice, json!({ "scope": "openid read", "resource": "https://any.example" })).await);
        // A ceiling counts all the same where there is one.
        settings.ceilings.insert("there".to_owned(), Scope::parse("openid").unwrap());
        workloads::change(&world.app.app, agent, settings).await.unwrap();
        assert_eq!(world.ask(&world.alice, json!({ "scope": "openid read" })).await.status, 403);
    }
}

/// What a token is for is said at the provider, kept, and asked for again with more.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_for_the_resources_that_were_named() {
    let world = world(TestApp::start(crate::support::Database::Sqlite).await).await;
    for identifier in ["https://mail.example/mcp", "https://files.example/mcp"] {
        let settings = ResourceSettings {
            name: identifier.to_owned(),
            ..ResourceSettings::default()
        };
        resources::register(&world.provider.app, identifier, settings).await.unwrap();
    }
    let mail = json!({ "resource": "https://mail.example/mcp" });
    let both = json!({ "resource": ["https://files.example/mcp", "https://mail.example/mcp/"] });
    // Only what an administrator has allowed.
    let refused = world.ask(&world.alice, mail.clone()).await;
    assert_eq!((refused.status, refused.text("error")), (403, "access_denied"), "{}", refused.body);
    let mut settings = world.agent.settings.clone();
    let allowed = ["https://mail.example/mcp", "https://files.example/mcp"].map(str::to_owned);
    settings.resources.insert("there".to_owned(), allowed.to_vec());
    let agent = workloads::change(&world.app.app, world.agent.clone(), settings.clone())
        .await
        .unwrap();
    let (link, _) = question(&world.ask(&world.alice, mail.clone()).await);
    let page = open(&Browser::new(), &link, "alice").await;
    assert!(page.body.contains("https://mail.example/mcp"), "the person sees it: {}", page.body);
    let page = whole_way(&link, "alice").await;
    assert!(page.body.contains("Done"), "{}", page.body);
    let given = world.ask(&world.alice, mail.clone()).await;
    assert_eq!(given.status, 200, "{}", given.body);
    assert_eq!(audience(&given), ["https://mail.example/mcp"]);
    // Whoever asks for another one, for more or for none has to be asked for: a token is good for what was named, and no more.
    for other in [json!({ "resource": "https://files.example/mcp" }), both.clone(), json!({})] {
        question(&world.ask(&world.alice, other).await);
    }
    let (link, _) = question(&world.ask(&world.alice, both.clone()).await);
    let page = whole_way(&link, "alice").await;
    assert!(page.body.contains("Done"), "{}", page.body);
    question(&world.ask(&world.alice, mail).await);
    // It stays so when it is refreshed.
    world.app.advance(3600);
    world.provider.advance(3600);
    let later = world.ask(&world.alice, both.clone()).await;
    assert_eq!(later.status, 200, "{}", later.body);
    assert_eq!(audience(&later).len(), 2, "{}", later.body);
    // Taken away while somebody is asked.
    let (link, _) = question(&world.ask(&world.bob, both).await);
    settings.resources.clear();
    workloads::change(&world.app.app, agent, settings).await.unwrap();
    assert_eq!(open(&Browser::new(), &link, "bob").await.status, 410);
    for wrong in [
        json!("x"),
        json!(["http://mail.example"]),
        json!(7),
        json!(vec!["https://a.example"; 11]),
    ] {
        assert_eq!(world.ask(&world.alice, json!({ "resource": wrong })).await.status, 400, "{wrong}");
    }
}

fn audience(answer: &Answer) -> Vec<String> {
    let claims = crate::support::client::claims(answer.text("access_token"));
    match &claims["aud"] {
        Value::String(one) => vec![one.clone()],
        several => serde_json::from_value(several.clone()).unwrap(),
    }
}

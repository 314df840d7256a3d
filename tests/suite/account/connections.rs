//! What one has given agents at other providers.

use std::collections::BTreeSet;

use gatehouse::federation::providers::{Credential, register};
use gatehouse::model::event::{Actor, EventKind};
use gatehouse::model::provider::ProviderSettings;
use gatehouse::model::workload::WorkloadSettings;
use secrecy::SecretString;
use serde_json::json;

use super::{csrf, post, signed_in};
use crate::support::{Browser, Database, TestApp, on_every_database};
use crate::vault::flow::{question, whole_way, world};
use crate::vault::{connected, given, kept, read, workload};

const PATH: &str = "/account/connections";
const REMOVE: &str = "/account/connections/remove";

on_every_database! {
    async fn connections_are_listed_and_taken_back_at_the_provider_too(app: TestApp) {
        let world = world(app).await;
        let app = &world.app;
        let browser = signed_in(app, "alice").await;
        assert!(browser.visit(&app.url(PATH)).await.body.contains("No agent may use an account of yours"));
        let (link, _) = question(&world.ask(&world.alice, json!({ "scope": "openid profile email" })).await);
        whole_way(&link, "alice").await;
        let got = world.ask(&world.alice, json!({})).await;
        assert_eq!(world.there.userinfo(got.text("access_token")).await.status, 200);
        app.advance(120);
        let page = browser.visit(&app.url(PATH)).await;
        for text in ["The Agent", "Example App", "The Other Place", "<code>email</code>", "2 minutes ago"] {
            assert!(page.body.contains(text), "{text}: {}", page.body);
        }
        assert!(!page.body.contains("Needs your consent") && !page.body.contains(got.text("access_token")));

        let asked = browser.visit(&app.url(&format!("{REMOVE}?connection={}", got.text("connection_id")))).await;
        assert!(asked.body.contains("Take back what <bdi>The Agent</bdi> has at <bdi>The Other Place</bdi>?"), "{}", asked.body);
        assert_eq!(world.ask(&world.alice, json!({})).await.status, 200, "the question changes nothing");
        let answer = browser.submit(&asked, &[]).await;
        assert_eq!(answer.location(), Some(app.url("/account/connections?done=everywhere")));
        let page = browser.follow(answer).await;
        assert!(page.body.contains("taken back, here and at the provider") && !page.body.contains("The Agent"), "{}", page.body);
        assert_eq!(world.there.userinfo(got.text("access_token")).await.status, 401, "it is worth nothing there");
        question(&world.ask(&world.alice, json!({})).await);
        let events = world.events(EventKind::ConnectionRemoved).await;
        assert_eq!((events.len(), &events[0].actor), (1, &Actor::User(world.alice.id.clone())));
        assert!(browser.visit(&app.url("/account/activity")).await.body.contains("Access at a provider taken back"));
        // Sent twice, it is done; once.
        let answer = browser.submit(&asked, &[]).await;
        assert_eq!(answer.location(), Some(app.url("/account/connections?done=gone")));
        assert!(browser.follow(answer).await.body.contains("taken back already"));
        assert_eq!(world.events(EventKind::ConnectionRemoved).await.len(), 1);
    }

    async fn nobody_takes_back_what_is_somebody_elses(app: TestApp) {
        let (_, connection) = connected(&app).await;
        app.user("bob").await;
        let (alice, bob) = (signed_in(&app, "alice").await, signed_in(&app, "bob").await);
        assert!(alice.visit(&app.url(PATH)).await.body.contains("mail-agent"));
        assert!(!bob.visit(&app.url(PATH)).await.body.contains("mail-agent"));
        let question = app.url(&format!("{REMOVE}?connection={}", connection.id));
        assert_eq!(bob.visit(&question).await.status, 404);
        let answer = post(&app, &bob, REMOVE, &[("connection", &connection.id), ("user", &connection.user_id)]).await;
        assert_eq!(answer.status, 404);
        for path in [REMOVE.to_owned(), format!("{REMOVE}?connection="), format!("{REMOVE}?connection=none")] {
            assert_eq!(bob.visit(&app.url(&path)).await.status, 404, "{path}");
        }
        assert_eq!(post(&app, &bob, REMOVE, &[]).await.status, 404);
        // Nor does a form of somebody else's, or none.
        let page = alice.visit(&question).await;
        let url = app.url(REMOVE);
        let (bobs, id) = (csrf(&app, &bob).await, ("connection", connection.id.as_str()));
        for fields in [vec![id], vec![id, ("csrf", "")], vec![id, ("csrf", &bobs)]] {
            assert_eq!(alice.post(&url, &fields).await.status, 403, "{fields:?}");
        }
        assert_eq!(Browser::new().post(&url, &[id, ("csrf", &page.field("csrf"))]).await.status, 303);
        assert_eq!(read(&app.app, &connection.id).await.as_ref(), Some(&connection));
        assert_eq!(alice.submit(&page, &[]).await.status, 303);
        assert_eq!(read(&app.app, &connection.id).await, None);
    }
}

/// Whoever has given very much finds all of it.
#[tokio::test(flavor = "multi_thread")]
async fn there_are_pages_for_those_who_have_many() {
    const COUNT: usize = 250;
    let app = TestApp::start(Database::Sqlite).await;
    let alice = app.user("alice").await;
    let client = app.confidential_client().await;
    let agent = workload(&app.app, "an-agent", client.id()).await;
    for number in 0..COUNT {
        app.advance(1);
        kept(&app.app, &agent, &given(&alice.id, &format!("number {number:03}"), number)).await;
    }
    let browser = signed_in(&app, "alice").await;
    let (mut path, mut found, mut pages) = (PATH.to_owned(), BTreeSet::new(), 0);
    loop {
        let page = browser.visit(&app.url(&path)).await;
        assert_eq!(page.status, 200);
        pages += 1;
        assert!(page.body.matches("/remove?connection=").count() <= 100);
        found.extend((0..COUNT).filter(|number| page.body.contains(&format!("number {number:03}@"))));
        assert_eq!(page.body.contains(">Oldest<"), pages > 1);
        let Some(next) = page.body.split("/account/connections?after=").nth(1) else {
            break;
        };
        path = format!("{PATH}?after={}", &next[..32]);
    }
    assert_eq!((pages, found.len()), (3, COUNT));
    for after in ["x", "' OR 1=1", &"f".repeat(32)] {
        assert_eq!(
            browser.visit(&app.url(&format!("{PATH}?after={after}"))).await.status,
            200,
            "{after}"
        );
    }
    let end = browser.visit(&app.url(&format!("{PATH}?after={}", "f".repeat(32)))).await;
    assert!(
        end.body.contains("There are no more.") && end.body.contains(">Oldest<"),
        "{}",
        end.body
    );
}

/// A provider of a preset, called `mail`.
async fn add_provider(app: &TestApp, preset: &str) {
    let settings = ProviderSettings {
        name: "Music & <b>More</b>".to_owned(),
        preset: preset.to_owned(),
        client_id: "us".to_owned(),
        ..ProviderSettings::default()
    };
    let secret = Credential::ClientSecret(SecretString::from("secret"));
    register(&app.app, "mail", settings, Some(secret)).await.unwrap();
}

/// A provider that has no way to take tokens back has a page for people.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_where_the_person_can_do_it_themselves() {
    let app = TestApp::start(Database::Sqlite).await;
    add_provider(&app, "spotify").await;
    let (_, connection) = connected(&app).await;
    let browser = signed_in(&app, "alice").await;
    let page = browser.visit(&app.url(&format!("{REMOVE}?connection={}", connection.id))).await;
    let answer = browser.submit(&page, &[]).await;
    assert_eq!(answer.location(), Some(app.url("/account/connections?done=here&provider=mail")));
    let page = browser.follow(answer).await;
    assert!(
        page.body.contains("taken back here, but not at <bdi>Music &#38; &#60;b&#62;More"),
        "{}",
        page.body
    );
    assert!(
        page.body.contains("href=\"https://www.spotify.com/account/apps/\""),
        "{}",
        page.body
    );
    assert_eq!(read(&app.app, &connection.id).await, None);
    // A link that somebody sends says nothing of theirs.
    let forged = browser.visit(&app.url(&format!("{PATH}?done=here&provider=evil.example"))).await;
    assert!(
        forged.body.contains("not at <bdi>the provider</bdi>") && !forged.body.contains("evil"),
        "{}",
        forged.body
    );
}

/// A provider that is away, or gone, does not keep anybody from taking back what is here.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_said_to_the_provider_is_taken_back_here() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let (link, _) = question(&world.ask(&world.alice, json!({})).await);
    whole_way(&link, "alice").await;
    let id = world.ask(&world.alice, json!({})).await.text("connection_id").to_owned();
    let orphan = kept(&world.app.app, &world.agent, &given(&world.alice.id, "alice", 1)).await;
    world.provider.stop().await;
    let browser = signed_in(&world.app, "alice").await;
    for (id, name) in [(&id, "The Other Place"), (&orphan.id, "the provider")] {
        let answer = post(&world.app, &browser, REMOVE, &[("connection", id)]).await;
        let page = browser.follow(answer).await;
        assert!(
            page.body.contains(&format!("taken back here, and not yet at <bdi>{name}</bdi>")),
            "{}",
            page.body
        );
        assert!(page.body.contains("in your account there"), "{}", page.body);
        assert_eq!(read(&world.app.app, id).await, None);
    }
}

/// What others have named is text, and what has ended says so.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_is_text() {
    let app = TestApp::start(Database::Sqlite).await;
    add_provider(&app, "spotify").await;
    let alice = app.user("alice").await;
    let client = app.confidential_client().await;
    let agent = workload(&app.app, "an-agent", client.id()).await;
    let settings = WorkloadSettings {
        display_name: "<img src=x onerror=alert(1)>".to_owned(),
        ..WorkloadSettings::default()
    };
    let agent = gatehouse::federation::workloads::change(&app.app, agent, settings).await.unwrap();
    let connection = kept(&app.app, &agent, &given(&alice.id, "\"><script>alert(2)</script>", 1)).await;
    let other = workload(&app.app, "Another", client.id()).await;
    kept(&app.app, &other, &given(&alice.id, "alice", 2)).await;
    let mut tx = app.app.store.begin().await.unwrap();
    assert!(tx.mark_needs_consent(&connection.id, connection.version).await.unwrap());
    tx.commit().await.unwrap();
    let browser = signed_in(&app, "alice").await;
    for path in [PATH.to_owned(), format!("{REMOVE}?connection={}", connection.id)] {
        let page = browser.visit(&app.url(&path)).await;
        assert_eq!(page.status, 200);
        for raw in ["<img src=x", "<script", "<b>"] {
            assert!(!page.body.contains(raw), "{path}: {raw}");
        }
        for text in ["onerror=alert(1)", "alert(2)", "<code>read</code> <code>send</code>"] {
            assert!(page.body.contains(text), "{path}: {text}: {}", page.body);
        }
        assert_eq!(page.body.matches("Needs your consent again").count(), 1, "{path}");
        for secret in ["access 1", "refresh 1", &connection.tokens.sealed, &connection.tokens.wrapped_key] {
            assert!(!page.body.contains(secret), "{path}: {secret}");
        }
    }
}

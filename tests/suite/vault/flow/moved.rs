//! Somebody who can write to the database, and has no key: what they move opens nowhere.

use gatehouse::federation::providers::{SecretChange, change, is_sound};
use gatehouse::model::event::EventKind;
use gatehouse::model::provider::ProviderSettings;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::provider::ClientAuth;
use serde_json::json;

use super::{add_agent, question, whole_way, world};
use crate::support::database::execute;
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::{Database, TestApp, on_every_database};

on_every_database! {
    async fn a_row_that_is_moved_to_another_person_gives_them_nothing(app: TestApp) {
        let world = world(app).await;
        let database = world.app.database_url();
        let (link, _) = question(&world.ask(&world.alice, json!({})).await);
        whole_way(&link, "alice").await;
        let given = world.ask(&world.alice, json!({})).await;
        let (token, id) = (given.text("access_token").to_owned(), given.text("connection_id").to_owned());
        let columns = "provider_id, account, account_label, scope, key_id, wrapped_key, sealed_tokens, token_expires_at, needs_consent, \
                       refresher, refreshing_until, retry_at, failures, created_at, updated_at, version";
        let copy = |id: &str, user: &str, workload: &str| {
            format!(
                "INSERT INTO connections (id, workload, user_id, {columns}) SELECT '{id}', '{workload}', '{user}', {columns} \
                 FROM connections WHERE account <> '' AND user_id = '{}' AND workload = 'agent'",
                world.alice.id
            )
        };
        // Copied under a new id; and to another agent of the same person.
        add_agent(&world.app, "other", &world.owner).await;
        execute(&database, copy(&"b".repeat(32), &world.bob.id, "agent")).await;
        execute(&database, copy(&"c".repeat(32), &world.alice.id, "other")).await;
        let refused = async |agent: &str, user, what: &str| {
            for more in [json!({}), json!({ "account": "alice" })] {
                let answer = world.ask_as(agent, user, more).await;
                assert_eq!(answer.status, 502, "{what}: {}", answer.body);
                assert!(!answer.body.to_string().contains(&token), "{what}: {}", answer.body);
            }
        };
        refused("agent", &world.bob, "a copy").await;
        refused("other", &world.alice, "another agent").await;
        // Later, when it would have to be refreshed: nobody shows the refresh token to anybody.
        world.app.advance(3600);
        world.provider.advance(3600);
        refused("agent", &world.bob, "a copy that has ended").await;
        assert_eq!(world.events(EventKind::ConnectionRefreshed).await.len(), 0);
        // Moved with its id.
        execute(&database, format!("DELETE FROM connections WHERE id <> '{id}'")).await;
        execute(&database, format!("UPDATE connections SET user_id = '{}' WHERE id = '{id}'", world.bob.id)).await;
        refused("agent", &world.bob, "the row itself").await;
        question(&world.ask(&world.alice, json!({})).await);
        // Moved back it opens again: nothing was broken by trying.
        execute(&database, format!("UPDATE connections SET user_id = '{}' WHERE id = '{id}'", world.alice.id)).await;
        let back = world.ask(&world.alice, json!({})).await;
        assert_eq!((back.status, back.text("connection_id")), (200, id.as_str()), "{}", back.body);
        // And bob gets what is his, if he is asked.
        let (link, _) = question(&world.ask(&world.bob, json!({ "force": true })).await);
        whole_way(&link, "bob").await;
        assert_eq!(world.ask(&world.bob, json!({})).await.body["account"], "bob");
    }

    async fn a_provider_that_is_led_elsewhere_in_the_database_gets_nothing(app: TestApp) {
        let world = world(app).await;
        let evil = Elsewhere::start().await;
        let metadata = json!({
            "issuer": evil.url("/realm"),
            "authorization_endpoint": evil.url("/authorize"),
            "token_endpoint": evil.url("/token"),
        });
        evil.serve("/realm/.well-known/openid-configuration", Served::json(&metadata));
        let database = world.app.database_url();
        let (link, _) = question(&world.ask(&world.alice, json!({})).await);
        whole_way(&link, "alice").await;
        let read = async || world.app.app.store.read().await.unwrap().provider("there").await.unwrap().unwrap();
        let lead = async |settings: &ProviderSettings| {
            execute(&database, format!("UPDATE providers SET settings = '{}' WHERE id = 'there'", json!(settings))).await;
        };
        let right = read().await.settings;
        let wrong = ProviderSettings { issuer: Some(evil.url("/realm")), ..right.clone() };
        // With a secret; then with a public client, of which nothing is secret but what people gave.
        for is_public in [false, true] {
            if is_public {
                let there = world.provider.client(AuthMethod::None, |new| {
                    new.redirect_uris = vec![world.app.url("/connect/callback/there")];
                }).await;
                let public = ProviderSettings {
                    client_id: there.id().to_owned(),
                    client_auth: Some(ClientAuth::None),
                    ..right.clone()
                };
                let changed = change(&world.app.app, read().await, public.clone(), SecretChange::Remove).await.unwrap();
                assert!(!changed.has_secret() && is_sound(&world.app.app, &changed));
                lead(&ProviderSettings { issuer: wrong.issuer.clone(), ..public.clone() }).await;
                // A change of its name does not make it sound.
                let named = ProviderSettings { name: "Another".to_owned(), ..read().await.settings };
                change(&world.app.app, read().await, named, SecretChange::Keep).await.unwrap();
            } else {
                lead(&wrong).await;
            }
            assert!(!is_sound(&world.app.app, &read().await));
            world.app.advance(3600);
            world.provider.advance(3600);
            let refused = world.ask(&world.alice, json!({})).await;
            assert_eq!(refused.status, 502, "{}", refused.body);
            let asked = evil.requests();
            assert!(asked.iter().all(|request| request.starts_with("GET /realm/.well-known/")), "{asked:?}");
            if !is_public {
                lead(&right).await;
                world.app.advance(600);
                assert_eq!(world.ask(&world.alice, json!({})).await.status, 200);
            }
        }
    }
}

/// A provider of an older version has a secret that is not sealed for its addresses: it is not used.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_older_versions_are_entered_again() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let app = &world.app.app;
    let old = app.secrets.provider_secret.seal(&app.random, b"there", b"hush").unwrap();
    let statement = format!("UPDATE providers SET sealed_secret = '{old}' WHERE id = 'there'");
    execute(&world.app.database_url(), statement).await;
    let provider = app.store.read().await.unwrap().provider("there").await.unwrap().unwrap();
    assert!(provider.has_secret() && !is_sound(app, &provider));
    let check = gatehouse::admin::providers::check(app, "there").await.unwrap();
    assert!(
        !check.is_usable && check.problems.iter().any(|problem| problem.contains("enter the secret again")),
        "{:?}",
        check.problems
    );
    let problem = gatehouse::admin::providers::unsound(app).await.unwrap();
    assert_eq!(problem, ["there"]);
}

//! How connections are kept, and who refreshes them.

use futures_util::future::join_all;
use gatehouse::admin::Expected;
use gatehouse::app::App;
use gatehouse::federation::connections::keep;
use gatehouse::identity::account;
use gatehouse::oauth::clients;
use gatehouse::protocol::scope::Scope;
use gatehouse::store::NewTokens;

use super::{connected, given, kept, read, tokens, workload};
use crate::support::{TestApp, on_every_database};

/// Wants to refresh a connection; the name, if that is who may.
async fn take_lease(app: &App, id: &str, name: String, version: i64, now: i64) -> Option<String> {
    let mut tx = app.store.begin().await.unwrap();
    let is_taken = tx.take_refresh_lease(id, version, &name, now, now + 30).await.unwrap();
    tx.commit().await.unwrap();
    is_taken.then_some(name)
}

on_every_database! {
    async fn what_is_kept_is_read_back(app: TestApp) {
        let (agent, connection) = connected(&app).await;
        let (server, app) = (&app, &app.app);
        let found = read(app, &connection.id).await.unwrap();
        assert_eq!(found, connection);
        assert_eq!(app.envelope.open(&found.binding(), &found.tokens).unwrap(), tokens(1));
        let mut reader = app.store.read().await.unwrap();
        let user_id = connection.user_id.as_str();
        let expected = vec![connection.clone()];
        assert_eq!(reader.connections_at(user_id, "mail-agent", "mail").await.unwrap(), expected);
        assert_eq!(reader.connections_of_user(user_id, "", 10).await.unwrap(), expected);
        assert_eq!(reader.connections_of_provider("mail", "", 10).await.unwrap(), expected);
        assert_eq!(reader.connections_of_workload("mail-agent", "", 10).await.unwrap(), expected);
        assert_eq!(reader.connections_of_user(user_id, &connection.id, 10).await.unwrap(), []);
        assert_eq!(reader.connections_at(user_id, "mail-agent", "files").await.unwrap(), []);
        assert_eq!(reader.count_connections_of("mail-agent").await.unwrap(), 1);
        assert_eq!(reader.count_connections_of("Mail-agent").await.unwrap(), 0);
        assert_eq!(reader.count_connections_by_provider().await.unwrap(), [("mail".to_owned(), 1)]);
        assert_eq!(reader.count_connections_by_key().await.unwrap(), [(app.envelope.newest().to_owned(), 1)]);
        drop(reader);

        // Another account is another connection; the same account has new tokens and keeps its id.
        server.advance(1);
        let second = kept(app, &agent, &given(user_id, "alice at work", 2)).await;
        let mut again = given(user_id, "alice", 3);
        "Alice".clone_into(&mut again.account_label);
        again.token_expires_at = None;
        again.scope = Scope::parse("read").unwrap();
        let replaced = kept(app, &agent, &again).await;
        assert_eq!((replaced.id.as_str(), replaced.version), (connection.id.as_str(), 2));
        let found = read(app, &connection.id).await.unwrap();
        assert_eq!(found, replaced);
        assert_eq!((found.account_label.as_str(), found.token_expires_at), ("Alice", None));
        assert_eq!(app.envelope.open(&found.binding(), &found.tokens).unwrap(), tokens(3));
        let both = app.store.read().await.unwrap().connections_at(user_id, "mail-agent", "mail").await.unwrap();
        assert_eq!(both, [replaced, second.clone()]);

        let mut tx = app.store.begin().await.unwrap();
        assert!(!tx.insert_connection(&gatehouse::model::connection::Connection { id: "x".repeat(32), ..second.clone() }).await.unwrap());
        let now = app.now();
        assert!(tx.remove_connection(&second.id, now, now).await.unwrap());
        assert!(!tx.remove_connection(&second.id, now, now).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn a_person_who_consents_many_times_at_once_has_one_connection(app: TestApp) {
        let alice = app.user("alice").await;
        let client = app.confidential_client().await;
        let agent = workload(&app.app, "agent", client.id()).await;
        let (app, new) = (&app.app, &given(&alice.id, "alice", 1));
        join_all((0..10).map(|_| kept(app, &agent, new))).await;
        let connections = app.store.read().await.unwrap().connections_of_user(&alice.id, "", 10).await.unwrap();
        assert_eq!((connections.len(), connections[0].version), (1, 10));
    }

    async fn one_of_a_hundred_refreshes(app: TestApp) {
        let (_, connection) = connected(&app).await;
        let (id, now) = (connection.id.as_str(), app.app.now());
        let take = async |name: &str, version, now| take_lease(&app.app, id, name.to_owned(), version, now).await;
        let winners: Vec<String> = join_all((0..100).map(|n| take_lease(&app.app, id, format!("node {n}"), 1, now))).await.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1, "{winners:?}");
        let found = read(&app.app, id).await.unwrap();
        assert_eq!((found.refresher.as_ref(), found.refreshing_until, found.version), (Some(&winners[0]), now + 30, 1));
        // The lease ends; once more one of many.
        assert_eq!(take("early", 1, now + 29).await, None);
        let late: Vec<String> = join_all((0..20).map(|n| take_lease(&app.app, id, format!("late {n}"), 1, now + 30))).await.into_iter().flatten().collect();
        assert_eq!(late.len(), 1, "{late:?}");

        // The first one was slow, but has the tokens: they count, and nobody else can take them for lost.
        let new = NewTokens {
            resource: None,
            tokens: app.app.envelope.seal(&app.app.random, &connection.binding(), &tokens(2)).unwrap(),
            scope: connection.scope.clone(),
            token_expires_at: Some(now + 3600),
        };
        let mut tx = app.app.store.begin().await.unwrap();
        assert!(tx.store_tokens(id, 1, &new, now + 31).await.unwrap());
        assert!(!tx.store_tokens(id, 1, &new, now + 31).await.unwrap());
        assert!(!tx.mark_needs_consent(id, 1).await.unwrap());
        assert!(!tx.note_refresh_failure(id, 1, &late[0], now + 60).await.unwrap());
        tx.commit().await.unwrap();
        let found = read(&app.app, id).await.unwrap();
        assert_eq!((found.version, &found.refresher, found.refreshing_until, found.updated_at), (2, &None, 0, now + 31));
        assert_eq!(take("stale", 1, now + 40).await, None);

        // A failure keeps everybody away for a while, a refusal of the provider until the person was asked.
        assert!(take("node", 2, now + 40).await.is_some());
        let mut tx = app.app.store.begin().await.unwrap();
        assert!(tx.note_refresh_failure(id, 2, "node", now + 100).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(take("node", 2, now + 99).await, None);
        assert!(take("node", 2, now + 100).await.is_some());
        let mut tx = app.app.store.begin().await.unwrap();
        assert!(tx.mark_needs_consent(id, 2).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(take("node", 2, now + 1000).await, None);
        let found = read(&app.app, id).await.unwrap();
        assert!(found.needs_consent && found.failures == 1 && found.version == 2 && !found.is_fresh(now, 0));
    }

    async fn they_go_with_their_person_agent_and_client(app: TestApp) {
        let (alice, bob) = (app.user("alice").await, app.user("bob").await);
        let (client, other) = (app.confidential_client().await, app.confidential_client().await);
        let first = workload(&app.app, "first", client.id()).await;
        let second = workload(&app.app, "second", client.id()).await;
        let third = workload(&app.app, "third", other.id()).await;
        for agent in [&first, &second, &third] {
            for user in [&alice, &bob] {
                kept(&app.app, agent, &given(&user.id, "account", 1)).await;
            }
        }
        let left = async || {
            let all = app.app.store.read().await.unwrap().connections_of_provider("mail", "", 100).await.unwrap();
            let mut names: Vec<(String, bool)> = all.into_iter().map(|it| (it.workload, it.user_id == bob.id)).collect();
            names.sort();
            names.into_iter().map(|(name, is_of_bob)| format!("{name}{}", if is_of_bob { " of bob" } else { "" })).collect::<Vec<_>>()
        };
        gatehouse::admin::workloads::delete(&app.app, "first", &Expected::Unsaid).await.unwrap();
        assert_eq!(left().await, ["second", "second of bob", "third", "third of bob"]);
        account::delete(&app.app, &alice).await.unwrap();
        assert_eq!(left().await, ["second of bob", "third of bob"]);
        clients::delete(&app.app, &client.client).await.unwrap();
        assert_eq!(left().await, ["third of bob"]);
        assert_eq!(app.app.store.read().await.unwrap().workload("second").await.unwrap(), None);

        // Whoever comes too late keeps nothing.
        let mut tx = app.app.store.begin().await.unwrap();
        assert_eq!(keep(&app.app, &mut tx, &second, &given(&bob.id, "account", 1)).await.unwrap(), None);
        assert_eq!(keep(&app.app, &mut tx, &third, &given(&alice.id, "account", 1)).await.unwrap(), None);
    }
}

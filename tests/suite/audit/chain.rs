//! Chains without a gap, whatever becomes of transactions.

use futures_util::future::join_all;
use gatehouse::audit::verify_with;
use gatehouse::keys::secrets::Secrets;
use gatehouse::model::event::EventKind;
use gatehouse::protocol::client_authentication::AuthMethod;
use secrecy::SecretString;

use super::{all, finding, intact, record, tamper};
use crate::support::{Browser, TestApp, on_every_database};

on_every_database! {
    async fn what_is_recorded_is_read_back(app: TestApp) {
        let mut tx = app.app.store.begin().await.unwrap();
        let event = app.app.event(EventKind::GrantRevoked).subject("u").client("Ä'\"\\").target("").refused().detail("深", "🔒\n");
        tx.record(event.clone()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(app.app.store.read().await.unwrap().event(&event.id).await.unwrap(), Some(event.clone()));
        assert_eq!(all(&app).await, [event]);
        let summary = intact(&app).await;
        assert_eq!((summary.nodes, summary.lanes, summary.events), (1, 1, 1));
        assert_eq!(summary.oldest, Some(app.app.now()));
    }

    async fn what_is_rolled_back_leaves_no_event_and_no_gap(app: TestApp) {
        record(&app, 2).await;
        let mut tx = app.app.store.begin().await.unwrap();
        for _ in 0..3 {
            tx.record(app.app.event(EventKind::SettingsChanged)).await.unwrap();
        }
        drop(tx);
        record(&app, 1).await;
        assert_eq!(all(&app).await.len(), 3);
        let summary = intact(&app).await;
        assert_eq!((summary.lanes, summary.events), (1, 3), "one lane, used again");
    }

    async fn a_hundred_at_once_with_changes_of_mind(app: TestApp) {
        let work = (0..100_usize).map(|number| {
            let app = app.app.clone();
            tokio::spawn(async move {
                let mut tx = app.store.begin().await.unwrap();
                for _ in 0..=number % 3 {
                    tx.record(app.event(EventKind::SettingsChanged)).await.unwrap();
                }
                if number % 4 == 0 { drop(tx); 0 } else { tx.commit().await.unwrap(); number % 3 + 1 }
            })
        });
        let recorded: usize = join_all(work).await.into_iter().map(|count| count.unwrap()).sum();
        assert_eq!(all(&app).await.len(), recorded);
        assert_eq!(intact(&app).await.events, recorded as u64);
        app.app.store.seal_audit().await.unwrap();
        assert_eq!(intact(&app).await.events, recorded as u64);
    }

    async fn whoever_hangs_up_in_the_middle_breaks_no_chain(app: TestApp) {
        let mut tasks = Vec::new();
        for number in 0..100_usize {
            let node = app.app.clone();
            let task = tokio::spawn(async move {
                let mut tx = node.store.begin().await?;
                tx.record(node.event(EventKind::SettingsChanged)).await?;
                tx.commit().await
            });
            if number % 2 == 0 {
                for _ in 0..number % 7 {
                    tokio::task::yield_now().await;
                }
                task.abort();
            }
            tasks.push(task);
        }
        let done = join_all(tasks).await.into_iter().filter(|outcome| matches!(outcome, Ok(Ok(())))).count();
        record(&app, 20).await;
        app.app.store.seal_audit().await.unwrap();
        assert!(intact(&app).await.events >= (done + 20) as u64);
    }

    async fn two_nodes_have_chains_of_their_own(app: TestApp) {
        record(&app, 3).await;
        let other = app.second_node().await;
        for _ in 0..4 {
            let mut tx = other.store.begin().await.unwrap();
            tx.record(other.event(EventKind::SettingsChanged)).await.unwrap();
            tx.commit().await.unwrap();
        }
        record(&app, 1).await;
        other.store.close().await;
        let summary = intact(&app).await;
        assert_eq!((summary.nodes, summary.lanes, summary.events), (2, 2, 8));
    }

    async fn nodes_that_begin_at_once_get_different_numbers(app: TestApp) {
        let nodes = [app.second_node().await, app.second_node().await, app.second_node().await];
        let work = nodes.iter().map(|node| async move {
            let mut tx = node.store.begin().await.unwrap();
            tx.record(node.event(EventKind::SettingsChanged)).await.unwrap();
            tx.commit().await.unwrap();
        });
        join_all(work).await;
        assert_eq!(intact(&app).await.nodes, 4, "and the test's own");
    }

    async fn without_its_event_a_change_does_not_happen(app: TestApp) {
        let user = app.user("alice").await;
        tamper(&app, "DROP TABLE events").await;
        let mut client = gatehouse::oauth::clients::NewClient::new("App", AuthMethod::None);
        client.id = Some("app".to_owned());
        client.redirect_uris = vec!["https://app.example/".to_owned()];
        assert!(gatehouse::oauth::clients::register(&app.app, client).await.is_err());
        assert!(app.app.store.read().await.unwrap().client("app").await.unwrap().is_none());
        assert!({
            let settings = gatehouse::model::user::UserSettings { is_disabled: true, ..user.settings.clone() };
            gatehouse::identity::account::change(&app.app, user.clone(), settings).await.is_err()
        });
        assert!(!app.app.store.read().await.unwrap().user(&user.id).await.unwrap().unwrap().is_disabled);
        let browser = Browser::new();
        let page = browser.visit(&app.url("/login")).await;
        let answer = browser.submit(&page, &[("username", "alice"), ("password", "alice")]).await;
        assert!(answer.status.is_server_error(), "{}", answer.status);
        assert!(!browser.visit(&app.url("/")).await.body.contains("alice"), "nobody is signed in");
    }

    async fn another_secret_proves_nothing(app: TestApp) {
        record(&app, 1).await;
        let other = Secrets::derive(&SecretString::from("another secret, of more than 32 characters")).unwrap();
        let verdict = verify_with(&app.app.store, &other.audit).await.unwrap();
        assert!(verdict.is_err());
        intact(&app).await;
    }

    async fn an_empty_log_is_intact(app: TestApp) {
        assert_eq!(intact(&app).await.events, 0);
        tamper(&app, "INSERT INTO events (id, at, kind, outcome, actor, detail, node, lane, sequence, mac) \
            VALUES ('0', 1, 'client.created', 'success', 'system', '{}', 1, 1, 1, '')").await;
        finding(&app).await;
    }
}

//! The store's contract: what every database must do alike.

mod cache;

use gatehouse::base::clock::Clock;
use gatehouse::base::id::new_id;
use gatehouse::model::event::{EventFilter, EventKind, Outcome};
use gatehouse::model::grant::Grant;
use gatehouse::model::session::Session;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::store::{Dialect, GrantsWith, Owner, Redemption, Rotation, Setting};

use crate::support::{TestApp, on_every_database};

pub fn grant(app: &TestApp, expires_at: i64) -> Grant {
    let now = app.app.now();
    Grant {
        id: new_id(&app.app.clock, &app.app.random),
        client_id: "Client".to_owned(),
        user_id: "user".to_owned(),
        session_id: "session".to_owned(),
        scope: Scope::parse("openid read").unwrap(),
        resource: Vec::new(),
        claims: gatehouse::protocol::claims_request::ClaimsRequest::parse(r#"{"userinfo":{"email":{"essential":true}}}"#).unwrap(),
        redirect_uri: "https://app.example/cb?x=ü".to_owned(),
        is_redirect_uri_explicit: true,
        nonce: Some("n\u{1f512}'\"\\".to_owned()),
        auth_time: now,
        amr: vec!["pwd".to_owned()],
        code_hash: "hash".to_owned(),
        code_challenge: None,
        code_expires_at: now + 60,
        code_consumed_at: None,
        generation: 0,
        rotated_at: now,
        idle_expires_at: now + 60,
        ends_at: expires_at,
        expires_at,
        created_at: now,
        revoked_at: None,
        ends_with_session: true,
    }
}

on_every_database! {
    /// A file has no clock of its own.
    async fn the_clock_of_the_server_is_compared_with_ours(app: TestApp) {
        let ours = Clock::system();
        let fast = Clock::from_millis(move || ours.now_millis() + 7_200_000);
        let ahead = |clock: Clock| {
            let store = app.app.store.clone();
            async move { store.clock_ahead(&clock).await.unwrap() }
        };
        let Some(behind) = ahead(fast).await else {
            assert_eq!(app.app.store.dialect(), Dialect::Sqlite);
            return;
        };
        assert!((-7_260_000..-7_140_000).contains(&behind), "{behind}");
        let apart = ahead(Clock::system()).await.unwrap();
        assert!(apart.abs() < 60_000, "{apart}");
    }

    async fn what_is_written_is_read_back(app: TestApp) {
        let written = grant(&app, app.app.now() + 60);
        let mut tx = app.app.store.begin().await.unwrap();
        tx.insert_grant(&written).await.unwrap();
        tx.commit().await.unwrap();
        let read = app.app.store.read().await.unwrap().grant(&written.id).await.unwrap().unwrap();
        assert_eq!(read, written);
        let user = app.user_with("renée", |new| {
            new.extra_claims.insert("深".to_owned(), serde_json::json!({ "a": [1, null, "ß"] }));
            new.roles = vec!["x".to_owned()];
        }).await;
        assert_eq!(app.app.store.read().await.unwrap().user(&user.id).await.unwrap().unwrap(), user);
        let client = app.confidential_client().await.client;
        assert_eq!(app.app.store.read().await.unwrap().client(&client.id).await.unwrap().unwrap(), client);
    }

    async fn a_list_looks_at_a_bounded_number_of_rows_and_says_where_it_stopped(app: TestApp) {
        let now = app.app.now();
        let refused = app.app.event(EventKind::SignedIn).refused();
        let revoked = Grant { revoked_at: Some(now), ..grant(&app, now + 60) };
        let mut tx = app.app.store.begin().await.unwrap();
        tx.record(refused.clone()).await.unwrap();
        tx.insert_grant(&revoked).await.unwrap();
        app.advance(1);
        for _ in 0..2600 {
            tx.record(app.app.event(EventKind::SignedIn)).await.unwrap();
            tx.insert_grant(&Grant { code_consumed_at: Some(now), ..grant(&app, now + 60) }).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut connection = app.app.store.read().await.unwrap();

        let filter = EventFilter { outcome: Some(Outcome::Failure), kind: Some(EventKind::SignedIn), ..EventFilter::default() };
        let nearby = connection.events_nearby(&filter, None, 10).await.unwrap();
        assert_eq!(nearby.events, []);
        let older = connection.events_nearby(&filter, nearby.reached.as_deref(), 10).await.unwrap();
        assert_eq!((older.events.as_slice(), older.reached), ([refused.clone()].as_slice(), None));
        assert_eq!(connection.events(&filter, None, 10).await.unwrap(), [refused]);
        let exact = EventFilter { outcome: None, ..filter };
        assert_eq!(connection.events(&exact, None, 3000).await.unwrap().len(), 2601);

        for (user_id, client_id) in [(None, None), (Some("user"), None), (None, Some("Client")), (Some("user"), Some("Client"))] {
            let with = |is_active| GrantsWith { user_id, client_id, is_active };
            let nearby = connection.grants_nearby(with(Some(false)), "z", now, 10).await.unwrap();
            assert!(nearby.grants.is_empty());
            let older = connection.grants_nearby(with(Some(false)), &nearby.reached.unwrap(), now, 10).await.unwrap();
            assert_eq!((older.grants.as_slice(), older.reached), ([revoked.clone()].as_slice(), None));
            let all = connection.grants_nearby(with(None), "z", now, 3000).await.unwrap();
            assert_eq!((all.grants.len(), all.reached), (2601, None));
            let active = connection.grants_nearby(with(Some(true)), "z", now, 10).await.unwrap();
            assert!(active.grants.len() == 10 && active.reached.is_none());
            let others = GrantsWith { user_id: user_id.map(|_| "other"), client_id: client_id.map(|_| "other"), is_active: Some(true) };
            assert!(user_id.or(client_id).is_none() || connection.grants_nearby(others, "z", now, 10).await.unwrap().grants.is_empty());
        }
    }

    async fn what_is_not_committed_never_happened(app: TestApp) {
        let abandoned = grant(&app, app.app.now() + 60);
        let mut tx = app.app.store.begin().await.unwrap();
        tx.insert_grant(&abandoned).await.unwrap();
        assert!(tx.grant(&abandoned.id).await.unwrap().is_some(), "a transaction sees its own changes");
        drop(tx);
        let kept = grant(&app, app.app.now() + 60);
        let mut tx = app.app.store.begin().await.unwrap();
        tx.insert_grant(&kept).await.unwrap();
        tx.commit().await.unwrap();
        let mut connection = app.app.store.read().await.unwrap();
        assert!(connection.grant(&abandoned.id).await.unwrap().is_none());
        assert!(connection.grant(&kept.id).await.unwrap().is_some());
    }

    async fn a_failed_statement_spoils_its_own_transaction_only(app: TestApp) {
        let (first, other) = (grant(&app, 0), grant(&app, 0));
        let mut tx = app.app.store.begin().await.unwrap();
        tx.insert_grant(&first).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = app.app.store.begin().await.unwrap();
        tx.insert_grant(&other).await.unwrap();
        assert!(tx.insert_grant(&first).await.is_err(), "the same key twice");
        drop(tx);
        let mut connection = app.app.store.read().await.unwrap();
        assert!(connection.grant(&first.id).await.unwrap().is_some());
        assert!(connection.grant(&other.id).await.unwrap().is_none());
    }

    async fn insert_if_absent_does_not_poison(app: TestApp) {
        let mut tx = app.app.store.begin().await.unwrap();
        assert!(tx.insert_setting(Setting::SetupCompletedAt, "1", 1).await.unwrap());
        assert!(!tx.insert_setting(Setting::SetupCompletedAt, "2", 2).await.unwrap());
        tx.put_setting(Setting::AdminTokenHash, "a", 1).await.unwrap();
        tx.put_setting(Setting::AdminTokenHash, "b", 2).await.unwrap();
        tx.commit().await.unwrap();
        let mut connection = app.app.store.read().await.unwrap();
        assert_eq!(connection.setting(Setting::SetupCompletedAt).await.unwrap().as_deref(), Some("1"));
        assert_eq!(connection.setting(Setting::AdminTokenHash).await.unwrap().as_deref(), Some("b"));
    }

    async fn ids_differ_by_case(app: TestApp) {
        for id in ["App", "app", "APP"] {
            let client = app.client(AuthMethod::None, |new| new.id = Some(id.to_owned())).await;
            assert_eq!(client.id(), id);
        }
        let found = app.app.store.read().await.unwrap().client("aPP").await.unwrap();
        assert!(found.is_none());
    }

    async fn the_gates_open_once(app: TestApp) {
        let row = grant(&app, app.app.now() + 60);
        let now = app.app.now();
        let redemption = Redemption { now, generation: 1, idle_expires_at: now + 10, ends_at: now + 100, expires_at: now + 100 };
        let mut tx = app.app.store.begin().await.unwrap();
        tx.insert_grant(&row).await.unwrap();
        assert!(tx.consume_code(&row.id, &redemption).await.unwrap());
        assert!(!tx.consume_code(&row.id, &redemption).await.unwrap());
        assert!(!tx.rotate_grant(&row.id, 2, &Rotation { now, idle_expires_at: now + 10, expires_at: now + 10 }).await.unwrap());
        assert!(tx.rotate_grant(&row.id, 1, &Rotation { now, idle_expires_at: now + 10, expires_at: now + 10 }).await.unwrap());
        assert!(!tx.rotate_grant(&row.id, 1, &Rotation { now, idle_expires_at: now + 10, expires_at: now + 10 }).await.unwrap());
        assert!(tx.revoke_grant(&row.id, now).await.unwrap());
        assert!(!tx.revoke_grant(&row.id, now).await.unwrap());
        assert!(!tx.rotate_grant(&row.id, 2, &Rotation { now, idle_expires_at: now + 10, expires_at: now + 10 }).await.unwrap());
        tx.commit().await.unwrap();
        let row = grant(&app, now + 60);
        let mut tx = app.app.store.begin().await.unwrap();
        tx.insert_grant(&row).await.unwrap();
        let late = Redemption { now: now + 60, ..redemption };
        assert!(!tx.consume_code(&row.id, &late).await.unwrap(), "an expired code");
        tx.commit().await.unwrap();
    }

    async fn the_sweep_removes_what_expired_and_nothing_else(app: TestApp) {
        let now = app.app.now();
        let kept = grant(&app, now + 1);
        let mut tx = app.app.store.begin().await.unwrap();
        for _ in 0..1203 {
            tx.insert_grant(&grant(&app, now)).await.unwrap();
        }
        tx.insert_grant(&kept).await.unwrap();
        for number in 0..3 {
            tx.insert_session(&Session {
                id: format!("s{number}"), secret_hash: String::new(), user_id: "u".to_owned(), auth_time: 0, amr: Vec::new(),
                user_agent: String::new(), address: String::new(), created_at: 0, last_seen_at: 0,
                idle_expires_at: now + number - 1, expires_at: now + 100,
            }).await.unwrap();
        }
        tx.revoke_token("old", now).await.unwrap();
        tx.revoke_token("old", now).await.unwrap();
        tx.commit().await.unwrap();
        let removed = gatehouse::jobs::sweep(&app.app, std::time::Duration::ZERO).await.unwrap();
        assert_eq!(removed, 1203 + 2 + 1);
        let mut connection = app.app.store.read().await.unwrap();
        assert!(connection.grant(&kept.id).await.unwrap().is_some());
        assert!(connection.session("s2").await.unwrap().is_some());
        assert_eq!(connection.signing_keys().await.unwrap().len(), 3, "keys without an end stay");
    }

    async fn what_belongs_to_somebody_goes_in_batches_and_nothing_else_does(app: TestApp) {
        let (store, now) = (&app.app.store, app.app.now());
        let client = app.client(AuthMethod::None, |new| new.id = Some("Client".to_owned())).await.client;
        let user = app.user("alice").await;
        let kept = Grant { client_id: "Other".to_owned(), user_id: "other".to_owned(), ..grant(&app, now + 60) };
        for (owner, version) in [(Owner::Client(&client.id), client.version), (Owner::User(&user.id), user.version)] {
            let theirs = || Grant { user_id: user.id.clone(), ..grant(&app, now + 60) };
            let mut tx = store.begin().await.unwrap();
            tx.insert_grants(&(0..1203).map(|_| theirs()).collect::<Vec<_>>()).await.unwrap();
            if matches!(owner, Owner::Client(_)) {
                tx.insert_grant(&kept).await.unwrap();
            }
            tx.commit().await.unwrap();
            let with = GrantsWith { user_id: Some(&user.id), client_id: Some("Client"), is_active: None };
            for (version, left) in [(version - 1, 1203), (version + 1, 1203), (version, 203)] {
                assert_eq!(store.thin_out(owner, version).await.unwrap(), left < 1203);
                let mut reader = store.read().await.unwrap();
                assert_eq!(reader.grants_nearby(with, "z", now, 3000).await.unwrap().grants.len(), left, "all, or less than a batch");
            }
            let mut tx = store.begin().await.unwrap();
            match owner {
                Owner::Client(id) => drop(tx.delete_client(id, now).await.unwrap()),
                Owner::User(id) => drop(tx.delete_user(id, now).await.unwrap()),
            }
            assert_eq!(tx.grants_nearby(with, "z", now, 3000).await.unwrap().grants, []);
            assert!(tx.grant(&kept.id).await.unwrap().is_some());
            tx.commit().await.unwrap();
            assert!(!store.thin_out(owner, version).await.unwrap(), "who is gone is of no version");
        }
    }

    async fn writers_at_once_all_commit(app: TestApp) {
        let rows: Vec<Grant> = (0..200).map(|_| grant(&app, app.app.now() + 60)).collect();
        let writes = rows.iter().enumerate().map(|(number, row)| {
            let store = app.app.store.clone();
            async move {
                let mut tx = store.begin().await.unwrap();
                tx.insert_grant(row).await.unwrap();
                // Every third changes its mind.
                if number % 3 == 0 { drop(tx); false } else { tx.commit().await.unwrap(); true }
            }
        });
        let outcomes = futures_util::future::join_all(writes).await;
        let mut connection = app.app.store.read().await.unwrap();
        for (row, committed) in rows.iter().zip(outcomes) {
            assert_eq!(connection.grant(&row.id).await.unwrap().is_some(), committed);
        }
    }

    async fn a_writer_that_is_dropped_in_the_middle_harms_nobody(app: TestApp) {
        let rows: Vec<Grant> = (0..100).map(|_| grant(&app, app.app.now() + 60)).collect();
        let mut tasks = Vec::new();
        for (number, row) in rows.iter().cloned().enumerate() {
            let store = app.app.store.clone();
            let task = tokio::spawn(async move {
                let mut tx = store.begin().await?;
                tx.insert_grant(&row).await?;
                tx.commit().await
            });
            if number % 2 == 0 {
                tokio::task::yield_now().await;
                task.abort();
            }
            tasks.push((number, task));
        }
        let mut acknowledged = Vec::new();
        for (number, task) in tasks {
            match task.await {
                Ok(outcome) => {
                    outcome.unwrap_or_else(|fault| panic!("{number}: {fault}"));
                    acknowledged.push(number);
                }
                Err(error) => assert!(error.is_cancelled()),
            }
        }
        assert!(acknowledged.len() >= 50);
        let mut connection = app.app.store.read().await.unwrap();
        for number in acknowledged {
            assert!(connection.grant(&rows[number].id).await.unwrap().is_some(), "{number} was acknowledged");
        }
    }

    async fn key_rotation_publishes_before_it_signs(app: TestApp) {
        use gatehouse::admin::signing_keys;
        use gatehouse::model::signing_key::SigningAlgorithm::Es256;
        let node = &app.app;
        let old = node.keys.current().signer(Es256, node.now()).unwrap().record.id.clone();
        let rotated = signing_keys::rotate(node, Es256, false).await.unwrap();
        assert_eq!(rotated.replaced, std::slice::from_ref(&old));
        let ring = node.keys.current();
        assert!(ring.jwks.text.contains(&old) && ring.jwks.text.contains(&rotated.new.id), "both are published");
        assert_eq!(ring.signer(Es256, node.now()).unwrap().record.id, old);
        assert_eq!(ring.signer(Es256, node.now() + 899).unwrap().record.id, old);
        assert_eq!(ring.signer(Es256, node.now() + 900).unwrap().record.id, rotated.new.id);
        assert!(ring.verifier(&old, node.now() + 900 + 86_400).is_some(), "old tokens verify until they expire");
        app.advance(900 + 86_400 + 300);
        assert!(ring.verifier(&old, node.now()).is_none());
        gatehouse::jobs::sweep(node, std::time::Duration::ZERO).await.unwrap();
        assert_eq!(node.store.read().await.unwrap().signing_keys().await.unwrap().len(), 3);
    }
}

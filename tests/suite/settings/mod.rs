//! Settings that change while the server runs, on every database.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use gatehouse::admin::settings::{self, SettingError, SettingView, SourceKind};
use gatehouse::app::App;
use gatehouse::jobs;
use gatehouse::store::Setting;

use crate::support::client::claims;
use crate::support::process::wait_for;
use crate::support::{TestApp, on_every_database};

type Changes = BTreeMap<String, Option<String>>;

/// Changes as `key=value`; `key=` goes back to the default.
fn changes(list: &[&str]) -> Changes {
    let change = |text: &&str| {
        let (key, value) = text.split_once('=').unwrap();
        (key.to_owned(), (!value.is_empty()).then(|| value.to_owned()))
    };
    list.iter().map(change).collect()
}

async fn change(app: &App, list: &[&str]) -> Result<(), SettingError> {
    settings::change(app, &changes(list), None).await.map(drop)
}

async fn view(app: &App, key: &str) -> SettingView {
    let list = settings::list(app).await.unwrap();
    list.settings.into_iter().find(|view| view.key == key).unwrap()
}

async fn store_value(app: &App, key: &'static str, value: &str) {
    let mut tx = app.store.begin().await.unwrap();
    tx.put_setting(Setting::Live(key), value, app.now()).await.unwrap();
    tx.commit().await.unwrap();
}

/// What a refused change says, and that it changed nothing.
async fn refusal(app: &App, list: &[&str]) -> (&'static str, String) {
    let before = settings::list(app).await.unwrap();
    let error = change(app, list).await.unwrap_err();
    assert_eq!(settings::list(app).await.unwrap(), before, "{list:?}");
    let kind = match &error {
        SettingError::Unknown(_) => "unknown",
        SettingError::NotChangeable { .. } => "not changeable",
        SettingError::Invalid { .. } => "invalid",
        SettingError::Changed => "changed",
        SettingError::Fault(_) => "fault",
    };
    (kind, error.to_string())
}

on_every_database! {
    async fn a_change_is_in_force_at_once(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let before = client.tokens("alice", &[]).await;
        assert_eq!(before.body["expires_in"], 3600);
        change(&app.app, &["access_token_lifetime=10m", "id_token_lifetime=300"]).await.unwrap();
        let after = client.tokens("alice", &[]).await;
        assert_eq!(after.body["expires_in"], 600);
        let id_token = claims(after.text("id_token"));
        assert_eq!(id_token["exp"].as_i64().unwrap() - id_token["iat"].as_i64().unwrap(), 300);
        assert_eq!(client.refresh(before.text("refresh_token")).await.body["expires_in"], 600);
        assert_eq!(app.app.config.lifetimes.access_token, 3600, "what it was started with is remembered");
        let view = view(&app.app, "id_token_lifetime").await;
        assert_eq!((view.value.as_deref(), view.default.as_deref()), (Some("5m"), Some("1h")));
        assert_eq!((view.source, view.place, view.changeable), (SourceKind::Database, None, true));

        change(&app.app, &["access_token_lifetime="]).await.unwrap();
        assert_eq!(client.tokens("alice", &[]).await.body["expires_in"], 3600);
        assert_eq!(app.app.lifetimes().id_token, 300, "the other one stays");
    }

    async fn other_nodes_follow_with_their_next_job(app: TestApp) {
        let node = app.second_node().await;
        change(&app.app, &["session_idle_lifetime=2h"]).await.unwrap();
        assert_eq!(node.lifetimes().session_idle, 86_400);
        // The first round of the jobs is at once.
        let jobs = tokio::spawn(jobs::run(node.clone()));
        wait_for("the job reads settings", async || node.lifetimes().session_idle == 7200).await;
        jobs.abort();
        let late = app.second_node().await;
        assert_eq!(late.lifetimes().session_idle, 7200, "a node that starts knows it");
    }

    async fn what_a_node_was_started_with_is_stronger(app: TestApp) {
        change(&app.app, &["code_lifetime=20s", "refresh_grace=30s"]).await.unwrap();
        let node = app.second_node_with(&[("code_lifetime", "40s")]).await;
        assert_eq!((node.lifetimes().code, node.lifetimes().refresh_grace), (40, 30));
        let view = view(&node, "code_lifetime").await;
        assert_eq!((view.source, view.place.as_deref(), view.changeable), (SourceKind::Flag, Some("--code-lifetime"), false));
        for attempt in ["code_lifetime=50s", "code_lifetime="] {
            let (kind, text) = refusal(&node, &[attempt]).await;
            assert_eq!(kind, "not changeable");
            assert!(text.starts_with("code_lifetime is set by --code-lifetime"), "{text}");
        }
        assert_eq!(app.app.lifetimes().code, 20);
    }

    async fn what_is_wrong_is_refused_by_name_and_nothing_changes(app: TestApp) {
        let app = &app.app;
        change(app, &["session_idle_lifetime=2d"]).await.unwrap();
        for (list, kind, text) in [
            (&["id_token_lifetime=5m", "favourite_colour=blue"][..], "unknown", "there is no setting favourite_colour"),
            (&["code_lifetime=30s", "listen=127.0.0.1:1"], "not changeable", "listen cannot change while the server runs: set it in gatehouse.toml or as GATEHOUSE_LISTEN"),
            (&["app_secret=hunter2hunter2hunter2hunter2hunter2"], "not changeable", "app_secret cannot change"),
            (&["id_token_lifetime=5m", "code_lifetime=2m"], "invalid", "code_lifetime: must be a time from 5s to 1m"),
            (&["refresh_grace= "], "invalid", "refresh_grace: must be a time"),
            (&["session_lifetime=1d"], "invalid", "session_lifetime: session_idle_lifetime is longer"),
            (&["session_idle_lifetime=15d"], "invalid", "session_idle_lifetime: session_idle_lifetime is longer"),
            (&["refresh_token_lifetime=1h", "code_lifetime=30s"], "invalid", "refresh_token_lifetime: "),
        ] {
            let (got, said) = refusal(app, list).await;
            assert_eq!(got, kind, "{list:?}: {said}");
            assert!(said.starts_with(text), "{list:?}: {said}");
            assert!(!said.contains("hunter2"));
        }
        change(app, &["session_idle_lifetime=15d", "session_lifetime=16d"]).await.unwrap();
        assert_eq!(refusal(app, &["session_lifetime="]).await.0, "invalid", "the default is shorter than what is stored");
        change(app, &["session_idle_lifetime=", "session_lifetime="]).await.unwrap();
        assert_eq!(app.lifetimes(), app.config.lifetimes);
    }

    async fn what_cannot_be_read_is_ignored_and_can_be_replaced(app: TestApp) {
        change(&app.app, &["id_token_lifetime=5m"]).await.unwrap();
        for (key, value) in [("code_lifetime", "soon"), ("refresh_grace", "1h"), ("favourite_colour", "blue"), ("listen", "127.0.0.1:1"), ("session_lifetime", "1h")] {
            store_value(&app.app, key, value).await;
        }
        let node = app.second_node().await;
        assert_eq!(node.lifetimes().id_token, 300);
        assert_eq!((node.lifetimes().code, node.lifetimes().refresh_grace, node.lifetimes().session), (60, 10, 14 * 86_400));
        assert_eq!(view(&node, "code_lifetime").await.source, SourceKind::Default);
        change(&node, &["code_lifetime=30s", "refresh_grace=", "session_lifetime=10d"]).await.unwrap();
        let stored = node.store.read().await.unwrap().live_settings().await.unwrap().values;
        assert_eq!((stored.get("code_lifetime").map(String::as_str), stored.contains_key("refresh_grace")), (Some("30s"), false));
        assert_eq!((node.lifetimes().code, node.lifetimes().session), (30, 10 * 86_400));
    }

    async fn of_two_operators_who_looked_at_the_same_one_is_told(app: TestApp) {
        let nodes = [app.app.clone(), app.second_node().await, app.second_node().await];
        for round in 0..3 {
            let seen = settings::list(&app.app).await.unwrap().version;
            let outcomes = join_all((0..12).map(|number| {
                let (node, seen) = (&nodes[number % nodes.len()], &seen);
                let value = format!("code_lifetime={}s", 5 + 12 * round + number);
                async move { settings::change(node, &changes(&[&value]), Some(seen)).await }
            })).await;
            let losers = outcomes.iter().filter(|outcome| matches!(outcome, Err(SettingError::Changed))).count();
            assert_eq!(losers, 11, "{outcomes:?}");
            let winner = outcomes.iter().position(Result::is_ok).unwrap();
            let list = settings::list(&app.app).await.unwrap();
            assert_eq!(*outcomes[winner].as_ref().unwrap(), list, "the answer is what is in force");
            assert_eq!(usize::try_from(app.app.lifetimes().code).unwrap(), 5 + 12 * round + winner);
            assert_ne!(list.version, seen);
        }
        let seen = settings::list(&app.app).await.unwrap().version;
        let same = format!("code_lifetime={}", app.app.lifetimes().code);
        assert_eq!(settings::change(&app.app, &changes(&[&same]), Some(&seen)).await.unwrap().version, seen, "nothing was changed");
        assert!(matches!(settings::change(&app.app, &changes(&["refresh_grace=1s"]), Some("nonsense")).await, Err(SettingError::Changed)));
    }

    // Each alone is allowed, both together are not: the check looks at the rows as they are locked.
    async fn changes_at_once_never_end_in_a_conflict(app: TestApp) {
        let nodes = [app.app.clone(), app.second_node().await];
        for _ in 0..5 {
            let (longer, shorter) = tokio::join!(
                change(&nodes[0], &["session_idle_lifetime=10d"]),
                change(&nodes[1], &["session_lifetime=5d"]),
            );
            assert!(longer.is_ok() != shorter.is_ok(), "{longer:?} {shorter:?}");
            change(&nodes[0], &["session_idle_lifetime=", "session_lifetime="]).await.unwrap();
        }
        let keys = ["code_lifetime=30s", "refresh_grace=30s", "id_token_lifetime=5m", "access_token_lifetime=5m"];
        let outcomes = join_all(keys.iter().enumerate().map(|(number, key)| {
            let node = &nodes[number % 2];
            async move { change(node, &[key]).await }
        })).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        nodes[0].refresh_live().await.unwrap();
        let lives = nodes[0].lifetimes();
        assert_eq!((lives.code, lives.refresh_grace, lives.id_token, lives.access_token), (30, 30, 300, 300), "none is lost");
    }

    async fn secrets_are_not_listed(app: TestApp) {
        let list = settings::list(&app.app).await.unwrap();
        let secret = list.settings.iter().find(|view| view.key == "app_secret").unwrap();
        assert!(secret.is_set && secret.is_secret && secret.value.is_none() && !secret.changeable);
        assert!(!serde_json::to_string(&list).unwrap().contains(crate::support::app::APP_SECRET));
    }
}

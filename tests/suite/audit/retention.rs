//! Old events go, and the log is intact without them.

use std::time::Duration;

use futures_util::future::join_all;
use gatehouse::audit::Problem;
use gatehouse::jobs::sweep;
use gatehouse::model::event::EventKind;

use super::{all, finding, intact, record, tamper};
use crate::support::{TestApp, on_every_database};

const DAY: u64 = 86_400;

on_every_database! {
    async fn old_events_go_and_the_rest_is_intact(app: TestApp) {
        record(&app, 1203).await;
        app.app.store.seal_audit().await.unwrap();
        app.advance(364 * DAY);
        record(&app, 3).await;
        assert_eq!(sweep(&app.app, Duration::ZERO).await.unwrap(), 0);
        app.advance(DAY + 1);
        assert_eq!(sweep(&app.app, Duration::ZERO).await.unwrap(), 1203);
        let summary = intact(&app).await;
        assert_eq!((summary.events, summary.lanes), (3, 1));
        app.app.store.seal_audit().await.unwrap();
        record(&app, 2).await;
        app.advance(366 * DAY);
        assert_eq!(sweep(&app.app, Duration::ZERO).await.unwrap(), 5);
        assert_eq!(intact(&app).await.events, 0, "nothing is left, and nothing is missed");
        record(&app, 1).await;
        app.app.store.seal_audit().await.unwrap();
        assert_eq!(intact(&app).await.events, 1, "the chain goes on");
    }

    async fn two_nodes_remove_at_once(app: TestApp) {
        record(&app, 700).await;
        let other = app.second_node().await;
        let mut tx = other.store.begin().await.unwrap();
        tx.record(other.event(EventKind::SettingsChanged)).await.unwrap();
        tx.commit().await.unwrap();
        app.advance(366 * DAY);
        record(&app, 1).await;
        let removed = join_all([sweep(&app.app, Duration::ZERO), sweep(&other, Duration::ZERO)]);
        let sealed = app.app.store.seal_audit();
        let (removed, sealed) = tokio::join!(removed, sealed);
        sealed.unwrap();
        let removed: u64 = removed.into_iter().map(Result::unwrap).sum();
        assert_eq!(removed, 701);
        assert_eq!(intact(&app).await.events, 1);
    }

    async fn what_was_removed_must_not_come_back(app: TestApp) {
        record(&app, 2).await;
        let old = app.app.store.read().await.unwrap().audit_entries(1, 1, 0, 1).await.unwrap().remove(0);
        app.advance(366 * DAY);
        sweep(&app.app, Duration::ZERO).await.unwrap();
        tamper(&app, format!("INSERT INTO events (id, at, kind, outcome, actor, subject_id, client_id, target, detail, node, lane, sequence, mac) \
            VALUES ('{}', {}, '{}', '{}', '{}', 'somebody', 'client', 'something', '{}', 1, 1, 1, '{}')",
            old.id, old.at, old.kind, old.outcome, old.actor, old.detail, old.link.mac)).await;
        let found = finding(&app).await;
        assert_eq!((found.sequence, found.problem), (Some(1), Problem::EventChanged));
    }

    async fn young_events_that_are_made_to_look_old_stay(app: TestApp) {
        record(&app, 5).await;
        tamper(&app, "UPDATE events SET at = 1 WHERE sequence <= 3").await;
        assert_eq!(sweep(&app.app, Duration::ZERO).await.unwrap(), 0);
        assert_eq!(all(&app).await.len(), 5);
        let found = finding(&app).await;
        assert_eq!((found.sequence, found.problem), (Some(1), Problem::EventChanged));
    }

    async fn removing_while_others_write_and_look(app: TestApp) {
        record(&app, 300).await;
        app.advance(366 * DAY);
        let writers = (0..20).map(|_| async {
            let mut tx = app.app.store.begin().await.unwrap();
            tx.record(app.app.event(EventKind::SettingsChanged)).await.unwrap();
            tx.commit().await.unwrap();
            intact(&app).await;
        });
        let (removed, _) = tokio::join!(sweep(&app.app, Duration::ZERO), join_all(writers));
        assert_eq!(removed.unwrap(), 300);
        assert_eq!(intact(&app).await.events, 20);
    }
}

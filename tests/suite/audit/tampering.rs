//! Whatever is done to the log behind the server's back is found, and where it was done is said.

use std::time::Duration;

use gatehouse::audit::Problem;
use gatehouse::model::event::EventKind;
use gatehouse::store::Dialect;
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, Row};

use super::{all, finding, intact, record, tamper};
use crate::support::{Database, TestApp, on_every_database};

/// The id of an event by its number in the first lane.
async fn id_of(app: &TestApp, sequence: i64) -> String {
    let mut connection = app.app.store.read().await.unwrap();
    let entries = connection.audit_entries(1, 1, sequence - 1, 1).await.unwrap();
    entries[0].id.clone()
}

/// A text of the database, as it stands.
async fn text(app: &TestApp, query: String) -> String {
    install_default_drivers();
    let mut connection = AnyConnection::connect(&app.database_url()).await.unwrap();
    let row = connection.fetch_one(AssertSqlSafe(query)).await.unwrap();
    row.try_get::<String, _>(0)
        .unwrap_or_else(|_| String::from_utf8(row.get::<Vec<u8>, _>(0)).unwrap())
}

/// Five sealed events in one lane, and a second lane with one.
async fn prepared(app: &TestApp) {
    record(app, 4).await;
    let mut first = app.app.store.begin().await.unwrap();
    first.record(app.app.event(EventKind::SettingsChanged)).await.unwrap();
    if app.app.store.dialect() == Dialect::Sqlite {
        // One transaction at a time there: the second lane is opened while the first is being committed.
        let other = app.app.clone();
        let begun = tokio::spawn(async move {
            let mut tx = other.store.begin().await.unwrap();
            tx.record(other.event(EventKind::SettingsChanged)).await.unwrap();
            tx.commit().await.unwrap();
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        first.commit().await.unwrap();
        begun.await.unwrap();
    } else {
        let mut second = app.app.store.begin().await.unwrap();
        second.record(app.app.event(EventKind::SettingsChanged)).await.unwrap();
        second.commit().await.unwrap();
        first.commit().await.unwrap();
    }
    app.app.store.seal_audit().await.unwrap();
    let summary = intact(app).await;
    assert_eq!((summary.lanes, summary.events), (2, 6));
}

on_every_database! {
    async fn every_column_is_protected(app: TestApp) {
        record(&app, 5).await;
        app.app.store.seal_audit().await.unwrap();
        let id = id_of(&app, 3).await;
        let columns = [
            ("at", "1"), ("kind", "'client.deleted'"), ("outcome", "'failure'"), ("actor", "'command'"), ("subject_id", "'else'"),
            ("subject_id", "NULL"), ("client_id", "'else'"), ("client_id", "NULL"), ("target", "''"), ("target", "NULL"),
            ("address", "'::1'"), ("address", "''"), ("request_id", "'x'"), ("detail", "'{}'"), ("node", "2"), ("lane", "2"),
            ("sequence", "77"), ("sequence", "-1"), ("mac", "'x'"), ("id", "'0'"),
        ];
        let number_text = if app.app.store.dialect() == Dialect::MySql { "CHAR(40)" } else { "VARCHAR(40)" };
        for (column, value) in columns {
            let at = "WHERE node = 1 AND lane = 1 AND sequence = 3".to_owned();
            let cast = if column == "at" || matches!(column, "node" | "lane" | "sequence") { column.to_owned() } else { format!("COALESCE({column}, '<null>')") };
            let before = if cast == column { format!("CAST({column} AS {number_text})") } else { cast };
            let before = text(&app, format!("SELECT {before} FROM events {at}")).await;
            tamper(&app, format!("UPDATE events SET {column} = {value} {at}")).await;
            let found = finding(&app).await;
            let moved = matches!(column, "node" | "lane" | "sequence");
            assert_eq!(found.node, 1, "{column} = {value}: {found}");
            if !moved {
                assert_eq!((found.lane, found.sequence, found.problem), (Some(1), Some(3), Problem::EventChanged), "{column} = {value}: {found}");
                assert_eq!(found.event.as_deref(), Some(if column == "id" { "0" } else { id.as_str() }));
            }
            let back = match before.trim() {
                "<null>" => "NULL".to_owned(),
                number if moved || column == "at" => number.to_owned(),
                text => format!("'{text}'"),
            };
            let here = match column {
                "id" => "WHERE id = '0'".to_owned(),
                "node" => "WHERE node = 2".to_owned(),
                "lane" => "WHERE lane = 2".to_owned(),
                "sequence" => format!("WHERE sequence = {value}"),
                _ => at,
            };
            tamper(&app, format!("UPDATE events SET {column} = {back} {here}")).await;
            intact(&app).await;
        }
    }

    async fn a_missing_event_is_named(app: TestApp) {
        for (gone, expected) in [("= 3", 3), ("= 1", 1), ("= 5", 5), (">= 4", 4), (">= 1", 1)] {
            let app = TestApp::start(kind_of(&app)).await;
            prepared(&app).await;
            tamper(&app, format!("DELETE FROM events WHERE lane = 1 AND sequence {gone}")).await;
            let found = finding(&app).await;
            assert_eq!((found.node, found.lane, found.sequence, found.problem), (1, Some(1), Some(expected), Problem::EventMissing), "{gone}: {found}");
            assert_eq!(found.event, None);
        }
    }

    async fn a_missing_lane_is_noticed(app: TestApp) {
        prepared(&app).await;
        tamper(&app, "DELETE FROM audit_lanes WHERE lane = 2").await;
        let found = finding(&app).await;
        assert_eq!((found.node, found.lane, found.problem), (1, Some(2), Problem::LaneMissing));
        tamper(&app, "DELETE FROM events WHERE lane = 2").await;
        let found = finding(&app).await;
        assert_eq!((found.node, found.problem), (1, Problem::LaneMissing));
    }

    async fn a_missing_node_is_noticed(app: TestApp) {
        record(&app, 1).await;
        let other = app.second_node().await;
        let mut tx = other.store.begin().await.unwrap();
        tx.record(other.event(EventKind::SettingsChanged)).await.unwrap();
        tx.commit().await.unwrap();
        tamper(&app, "DELETE FROM audit_nodes WHERE number = 1").await;
        let found = finding(&app).await;
        assert_eq!((found.node, found.problem), (1, Problem::NodeMissing));
        tamper(&app, "DELETE FROM events WHERE node = 1").await;
        tamper(&app, "DELETE FROM audit_lanes WHERE node = 1").await;
        let found = finding(&app).await;
        assert_eq!((found.node, found.problem), (1, Problem::NodeMissing), "numbers have no gap");
    }

    async fn the_last_node_is_missed_while_its_events_are_there(app: TestApp) {
        record(&app, 1).await;
        tamper(&app, "DELETE FROM audit_nodes").await;
        let found = finding(&app).await;
        assert_eq!((found.node, found.problem), (1, Problem::NodeMissing));
    }

    async fn two_events_that_change_places_are_noticed(app: TestApp) {
        record(&app, 5).await;
        tamper(&app, "UPDATE events SET sequence = 99 WHERE sequence = 2").await;
        tamper(&app, "UPDATE events SET sequence = 2 WHERE sequence = 4").await;
        tamper(&app, "UPDATE events SET sequence = 4 WHERE sequence = 99").await;
        let found = finding(&app).await;
        assert_eq!((found.lane, found.sequence, found.problem), (Some(1), Some(2), Problem::EventChanged));
    }

    async fn seals_cannot_be_written_by_others(app: TestApp) {
        let attempts = [
            ("UPDATE audit_nodes SET name = 'another'", Problem::NodeChanged),
            ("UPDATE audit_nodes SET lanes = 1", Problem::NodeChanged),
            ("UPDATE audit_nodes SET updated_at = 0", Problem::NodeChanged),
            ("UPDATE audit_lanes SET head_sequence = 3 WHERE lane = 1", Problem::LaneChanged),
            ("UPDATE audit_lanes SET base_sequence = 2 WHERE lane = 1", Problem::LaneChanged),
            ("UPDATE audit_lanes SET base_sequence = head_sequence, base_mac = head_mac, base_seal = head_seal WHERE lane = 1", Problem::LaneChanged),
        ];
        for (statement, problem) in attempts {
            let app = TestApp::start(kind_of(&app)).await;
            prepared(&app).await;
            tamper(&app, statement).await;
            assert_eq!(finding(&app).await.problem, problem, "{statement}");
        }
    }

    async fn forged_events_are_found_wherever_they_stand(app: TestApp) {
        record(&app, 2).await;
        app.app.store.seal_audit().await.unwrap();
        for (number, place) in ["1, 1, 3", "1, 1, 0", "1, 1, -7", "1, 2, 1", "1, 0, 1", "2, 1, 1", "0, 1, 1", "-4, 1, 1"].into_iter().enumerate() {
            tamper(&app, format!("INSERT INTO events (id, at, kind, outcome, actor, detail, node, lane, sequence, mac) \
                VALUES ('forged{number}', 1, 'client.created', 'success', 'system', '{{}}', {place}, 'x')")).await;
            finding(&app).await;
            tamper(&app, "DELETE FROM events WHERE mac = 'x'").await;
            intact(&app).await;
        }
    }

    async fn a_tampered_log_can_still_be_listed(app: TestApp) {
        record(&app, 3).await;
        tamper(&app, "UPDATE events SET kind = 'nonsense', actor = 'x', detail = '{' WHERE sequence = 2").await;
        assert_eq!(all(&app).await.len(), 2);
    }
}

/// Whoever stops the server stops its jobs first, one of which may be sealing at that moment; and a sealing may fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_sealing_did_not_come_to_the_next_one_seals() {
    let app = TestApp::start(Database::Sqlite).await;
    record(&app, 3).await;
    app.app.store.seal_audit().await.unwrap();
    record(&app, 2).await;
    // Somebody else writes to the file, for which the sealing waits until it is given up.
    install_default_drivers();
    let mut other = AnyConnection::connect(&app.database_url()).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let sealing = tokio::time::timeout(Duration::from_millis(100), app.app.store.seal_audit());
    assert!(sealing.await.is_err(), "it cannot have sealed anything");
    other.execute("ROLLBACK").await.unwrap();
    // And once it is refused at its end.
    let trigger = "CREATE TRIGGER refusing BEFORE UPDATE ON audit_nodes BEGIN SELECT RAISE(ABORT, 'not now'); END";
    other.execute(trigger).await.unwrap();
    assert!(app.app.store.seal_audit().await.is_err());
    other.execute("DROP TRIGGER refusing").await.unwrap();
    let _ = other.close().await;

    app.app.store.seal_audit().await.unwrap();
    intact(&app).await;
    tamper(&app, "DELETE FROM events WHERE lane = 1 AND sequence = 5").await;
    let found = finding(&app).await;
    assert_eq!(
        (found.lane, found.sequence, found.problem),
        (Some(1), Some(5), Problem::EventMissing),
        "the end is sealed"
    );
}

fn kind_of(app: &TestApp) -> Database {
    match app.app.store.dialect() {
        Dialect::Sqlite => Database::Sqlite,
        Dialect::Postgres => Database::Postgres,
        Dialect::MySql => Database::MySql,
    }
}

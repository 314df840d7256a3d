//! The audit log: what is recorded, how it is chained, and what verification finds.

mod chain;
mod commands;
mod recorded;
mod redaction;
mod retention;
mod tampering;

use gatehouse::audit::{Finding, Summary, verify};
use gatehouse::model::event::EventFilter;
use gatehouse::model::event::{Event, EventKind};
use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};

use crate::support::TestApp;

/// Every event, oldest first.
async fn all(app: &TestApp) -> Vec<Event> {
    let mut events = app
        .app
        .store
        .read()
        .await
        .unwrap()
        .events(&EventFilter::default(), None, 60_000)
        .await
        .unwrap();
    events.reverse();
    events
}

/// The events of a kind, oldest first.
async fn of_kind(app: &TestApp, kind: EventKind) -> Vec<Event> {
    all(app).await.into_iter().filter(|event| event.kind == kind).collect()
}

/// The only event of a kind.
async fn only(app: &TestApp, kind: EventKind) -> Event {
    let events = of_kind(app, kind).await;
    assert_eq!(events.len(), 1, "{}: {events:?}", kind.as_str());
    events.into_iter().next().unwrap()
}

/// Nothing is wrong with the log.
async fn intact(app: &TestApp) -> Summary {
    match verify(&app.app).await.unwrap() {
        Ok(summary) => summary,
        Err(finding) => panic!("{finding}"),
    }
}

/// What is wrong with the log.
async fn finding(app: &TestApp) -> Finding {
    match verify(&app.app).await.unwrap() {
        Ok(summary) => panic!("nothing was found: {summary:?}"),
        Err(finding) => finding,
    }
}

/// Records so many events, each in a transaction of its own.
async fn record(app: &TestApp, count: usize) {
    for number in 0..count {
        let mut tx = app.app.store.begin().await.unwrap();
        let event = app.app.event(EventKind::SettingsChanged).target("something");
        let event = event.subject("somebody").client("client").detail("number", number);
        tx.record(event).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// Runs a statement behind the server's back.
async fn tamper(app: &TestApp, statement: impl Into<String>) {
    install_default_drivers();
    let mut connection = AnyConnection::connect(&app.database_url()).await.unwrap();
    connection.execute(AssertSqlSafe(statement.into())).await.unwrap();
    let _ = connection.close().await;
}

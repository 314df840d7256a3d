//! Stopping: what is under way is answered, nothing new is taken, the exit code is 0.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection, Executor};

use super::database::{Database, Kind};
use super::outage::wired;
use super::proxy::Wire as WireToDatabase;
use crate::support::process::{Sandbox, await_that, free_port};
use crate::support::wire::{Wire, post_head};

/// After this Docker kills it, as the files in `deploy/` have it.
const KILLED_AFTER: Duration = Duration::from_secs(40);

/// Whether a new connection is refused. One that the server had accepted before may be answered, and one that it did not is closed.
fn is_closed_to_newcomers(sandbox: &Sandbox) -> bool {
    match Wire::to(sandbox.address()) {
        Err(error) => error.kind() == ErrorKind::ConnectionRefused,
        Ok(mut late) => {
            let _ = late.get("/healthz");
            false
        }
    }
}

#[test]
fn a_request_under_way_is_answered_before_it_stops() {
    let sandbox = Sandbox::new();
    let secret = sandbox.service_client("job", "openid", &["--secret-post"]);
    let mut server = sandbox.serve();
    let body = format!("grant_type=client_credentials&client_id=job&client_secret={secret}");
    let mut wire = Wire::to(sandbox.address()).unwrap();
    wire.send(post_head("/token", &body, "Expect: 100-continue\r\n")).unwrap();
    assert_eq!(wire.answer().unwrap().status(), 100, "the request is under way");

    wire.send(&body[..10]).unwrap();
    server.terminate();
    server.await_line("the server was told to stop");
    await_that(
        || format!("it takes somebody new: {}", server.output()),
        || is_closed_to_newcomers(&sandbox),
    );
    for _ in 0..5 {
        assert!(is_closed_to_newcomers(&sandbox), "it stays so while a request is under way");
    }
    wire.send(&body[10..]).unwrap();
    let answer = wire.answer().unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.body);
    assert!(answer.body.contains("access_token"), "{}", answer.body);
    let status = server.await_exit();
    assert_eq!(status.code(), Some(0), "{}", server.output());
    assert!(server.output().contains("the server has stopped"));
}

#[test]
fn an_idle_server_stops_at_once() {
    let sandbox = Sandbox::new();
    let mut server = sandbox.serve();
    server.await_line("gatehouse is ready");
    server.terminate();
    assert_eq!(server.await_exit().code(), Some(0), "{}", server.output());
    let files: Vec<_> = std::fs::read_dir(sandbox.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        !files.iter().any(|name| name.to_string_lossy().ends_with("-wal")),
        "the database is closed cleanly: {files:?}"
    );
}

#[test]
fn whatever_tells_it_to_stop_is_obeyed_in_the_same_way() {
    for signal in ["TERM", "INT", "QUIT"] {
        let sandbox = Sandbox::new();
        let mut server = sandbox.serve();
        server.await_line("gatehouse is ready");
        server.tell(signal);
        assert_eq!(server.await_exit().code(), Some(0), "SIG{signal}: {}", server.output());
        assert!(server.output().contains("the server has stopped"), "SIG{signal}");
    }
}

#[tokio::test]
async fn told_while_it_still_starts_it_finishes_that_and_does_not_serve() {
    let sandbox = Sandbox::new()
        .with("GATEHOUSE_LOG_LEVEL", "gatehouse=debug")
        .with("GATEHOUSE_DATABASE_TIMEOUT", "60s");
    sandbox.run(&["migrate"]).done();
    // Its first keys have to wait for this.
    install_default_drivers();
    let url = format!("sqlite://{}", sandbox.file("gatehouse.db").display());
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    connection.execute("BEGIN IMMEDIATE").await.unwrap();
    let mut server = sandbox.launch(&[]);
    await_that(|| server.output(), || server.catches_termination());
    server.terminate();
    server.await_line("a signal to stop has arrived");
    assert!(!server.output().contains("the server has stopped"), "it still starts");
    connection.execute("ROLLBACK").await.unwrap();
    assert_eq!(server.await_exit().code(), Some(0), "{}", server.output());
    assert!(!server.output().contains("gatehouse is ready"), "{}", server.output());
    assert!(server.output().contains("the server has stopped"), "{}", server.output());
}

/// How many requests are being worked on.
fn in_flight(metrics: SocketAddr) -> u32 {
    let page = Wire::to(metrics).and_then(|mut wire| wire.get("/metrics")).unwrap();
    let mut lines = page.body.lines();
    let number = lines.find_map(|line| line.strip_prefix("gatehouse_http_requests_in_flight "));
    number.expect("the metric").parse().expect("a whole number")
}

/// Whoever stops it waits for so long, and that is enough even when the database says nothing any more.
async fn stops_in_time_without(kind: Kind) {
    let (database, sandbox) = Database::sandbox(kind).await;
    let (proxy, sandbox) = wired(&database, sandbox).await;
    let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()));
    // So long that the request is still there when the metrics tell of it.
    let sandbox = sandbox
        .with("GATEHOUSE_METRICS_LISTEN", &metrics.to_string())
        .with("GATEHOUSE_DATABASE_TIMEOUT", "15s");
    let secret = sandbox.service_client("job", "openid", &["--secret-post"]);
    let mut server = sandbox.serve();
    server.await_line("gatehouse is ready");
    let form = |secret: &str| format!("grant_type=client_credentials&client_id=job&client_secret={secret}");
    // Something to write down at the end: a statistic, and an event.
    for (secret, status) in [(secret.as_str(), 200), ("wrong", 401)] {
        let mut wire = Wire::to(sandbox.address()).unwrap();
        let answer = wire.ask(&(post_head("/token", &form(secret), "") + &form(secret))).unwrap();
        assert_eq!(answer.status(), status, "{}", answer.body);
    }
    proxy.set(WireToDatabase::Frozen);
    let mut wire = Wire::to(sandbox.address()).unwrap();
    wire.send("GET /register/nobody HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n")
        .unwrap();
    await_that(|| server.output(), || in_flight(metrics) == 1);
    let told = Instant::now();
    server.terminate();
    let status = server.await_exit();
    let took = told.elapsed();
    assert_eq!(status.code(), Some(0), "{}", server.output());
    assert!(took < KILLED_AFTER, "{took:?}: {}", server.output());
    // It may have been cut off instead.
    if let Ok(answer) = wire.answer() {
        assert_eq!(answer.status(), 503, "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_postgres_holds_nothing_up() {
    stops_in_time_without(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_mysql_holds_nothing_up() {
    stops_in_time_without(Kind::MySql).await;
}

//! Stopping: what is under way is answered, nothing new is taken, the exit code is 0.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection, Executor};

use super::person::text;
use crate::support::process::{PATIENCE, Sandbox};

#[test]
fn a_request_under_way_is_answered_before_it_stops() {
    let sandbox = Sandbox::new();
    let client = sandbox
        .run(&[
            "client",
            "add",
            "Job",
            "--kind",
            "service",
            "--id",
            "job",
            "--scope",
            "openid",
            "--secret-post",
            "--json",
        ])
        .json();
    let mut server = sandbox.serve();
    let body = format!(
        "grant_type=client_credentials&client_id=job&client_secret={}",
        text(&client, "client_secret")
    );
    let mut stream = TcpStream::connect(sandbox.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 100"), "the request is under way: {line}");

    stream.write_all(&body.as_bytes()[..10]).unwrap();
    server.terminate();
    // A connection that is refused, or never answered, shows that nothing new is taken.
    while let Ok(late) = TcpStream::connect(sandbox.address()) {
        late.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut late = late;
        let _ = late.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        if !matches!(late.read(&mut [0; 12]), Ok(12)) {
            break;
        }
    }
    stream.write_all(&body.as_bytes()[10..]).unwrap();
    let mut answer = String::new();
    reader.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 200 OK") && answer.contains("access_token"), "{answer}");
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
        let mut server = Sandbox::new().serve();
        server.await_line("gatehouse is ready");
        server.tell(signal);
        assert_eq!(server.await_exit().code(), Some(0), "SIG{signal}: {}", server.output());
        assert!(server.output().contains("the server has stopped"), "SIG{signal}");
    }
}

#[tokio::test]
async fn told_while_it_still_starts_it_finishes_that_and_does_not_serve() {
    let sandbox = Sandbox::new();
    sandbox.run(&["migrate"]).done();
    // Its first keys have to wait for this.
    install_default_drivers();
    let url = format!("sqlite://{}", sandbox.file("gatehouse.db").display());
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    connection.execute("BEGIN IMMEDIATE").await.unwrap();
    let mut server = sandbox.launch(&[]);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    server.terminate();
    tokio::time::sleep(Duration::from_millis(300)).await;
    connection.execute("ROLLBACK").await.unwrap();
    assert_eq!(server.await_exit().code(), Some(0), "{}", server.output());
    assert!(!server.output().contains("gatehouse is ready"), "{}", server.output());
    assert!(server.output().contains("the server has stopped"), "{}", server.output());
}

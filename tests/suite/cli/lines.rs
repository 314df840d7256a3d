//! Standard output that nobody reads: the server goes on, and says afterwards what is missing.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use gatehouse::cli::lines::Lines;

use crate::support::process::{BINARY, PATIENCE, Sandbox, await_that};
use crate::support::wire::Wire;

/// A reader of lines that begins to read when it is told to.
#[derive(Clone, Default)]
struct Reader(Arc<(Mutex<(bool, String)>, Condvar)>);

impl Reader {
    fn begin(&self) {
        self.0.0.lock().unwrap().0 = true;
        self.0.1.notify_all();
    }

    fn text(&self) -> String {
        self.0.0.lock().unwrap().1.clone()
    }
}

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (state, changed) = &*self.0;
        let mut state = changed.wait_while(state.lock().unwrap(), |state| !state.0).unwrap();
        state.1.push_str(std::str::from_utf8(bytes).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_finds_no_room_is_left_out_and_counted() {
    let reader = Reader::default();
    let lines = Lines::to(reader.clone(), 1000).unwrap();
    let log = lines.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone()).init();
    for number in 0..200 {
        lines.line(&format!("number {number:03}"));
    }
    assert!(!lines.flush(Duration::from_millis(50)), "nobody waits longer than they want to");
    reader.begin();
    assert!(lines.flush(PATIENCE));
    await_that(|| reader.text(), || reader.text().contains("lines_left_out"));
    lines.line("number 200");
    assert!(lines.flush(PATIENCE));
    let text = reader.text();
    let written = text.matches("number ").count() - 1;
    assert!(written > 50 && text.starts_with("number 000\nnumber 001\n"), "{text}");
    assert_eq!(text.matches("lines_left_out").count(), 1, "{text}");
    assert!(text.contains(&format!("lines={}", 200 - written)), "{text}");
    assert!(text.ends_with("number 200\n"), "{text}");
}

/// A server whose standard output is not read, and a connection to it.
fn unread(sandbox: &Sandbox) -> (Child, Wire) {
    let mut command = sandbox.program(BINARY);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut wire = None;
    await_that(
        || "the server does not come up".to_owned(),
        || {
            wire = Wire::to(sandbox.address()).ok();
            wire.is_some()
        },
    );
    (child, wire.unwrap())
}

#[test]
fn a_collector_that_stops_reading_stops_nobody_else() {
    let sandbox = Sandbox::new()
        .with("GATEHOUSE_LOG_LEVEL", "debug")
        .with("GATEHOUSE_LOG_FORMAT", "json");
    let (mut child, mut wire) = unread(&sandbox);
    // Each leaves a line, and all of them are more than a pipe holds. One is an event as well.
    let address = sandbox.address();
    for number in 0..2000 {
        let token = if number == 1990 { "X-Admin-Token: wrong\r\n" } else { "" };
        let request = format!("GET /api/admin/v1/scopes HTTP/1.1\r\nHost: {address}\r\n{token}\r\n");
        wire.ask(&request).unwrap_or_else(|error| panic!("request {number}: {error}"));
    }
    // Whoever begins to read again finds what there was room for.
    let out = BufReader::new(child.stdout.take().unwrap());
    let found = out.lines().map_while(Result::ok).find(|line| line.contains("\"log\":\"audit\""));
    assert!(found.is_some_and(|line| line.contains("admin.refused")));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_server_whose_output_nobody_reads_stops_all_the_same() {
    let sandbox = Sandbox::new().with("GATEHOUSE_LOG_LEVEL", "trace");
    let (mut child, mut wire) = unread(&sandbox);
    for _ in 0..1000 {
        wire.get("/health").unwrap();
    }
    drop(wire);
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(told.unwrap().success());
    let mut status = None;
    await_that(
        || "it does not stop".to_owned(),
        || {
            status = child.try_wait().unwrap();
            status.is_some()
        },
    );
    assert_eq!(status.unwrap().code(), Some(0));
}

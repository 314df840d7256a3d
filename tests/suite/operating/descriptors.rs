//! A process that may open few files: more people come than it can take, and when they have gone it is as before.

use crate::support::process::{BINARY, Sandbox, Server, await_that};
use crate::support::wire::Wire;

/// How many come.
const CROWD: usize = 300;

fn is_answered(wire: &mut Wire, path: &str) -> bool {
    wire.get(path).is_ok_and(|answer| answer.status() == 200)
}

#[test]
fn more_connections_than_files() {
    let sandbox = Sandbox::new();
    let mut limited = sandbox.program("sh");
    limited.args(["-c", "ulimit -n 128 && exec \"$0\"", BINARY]);
    let mut server = Server::start(limited, sandbox.address());
    server.await_connection();
    let line = server.await_line("few_files");
    assert!(line.contains("ulimit -n"), "it says what to do: {line}");

    let mut crowd: Vec<Wire> = (0..CROWD).filter_map(|_| Wire::to(sandbox.address()).ok()).collect();
    // The first ones are inside, and what else needs files has them as soon as those are gone who were turned away: the database is asked.
    let mut first = crowd.remove(0);
    await_that(
        || format!("it is ready: {}", server.output()),
        || is_answered(&mut first, "/readyz"),
    );
    let inside = crowd
        .iter_mut()
        .filter_map(|wire| is_answered(wire, "/healthz").then_some(()))
        .count();
    assert!(
        (16..128).contains(&inside),
        "{inside} of {} are inside: {}",
        crowd.len(),
        server.output()
    );

    drop((first, crowd));
    let serves = || Wire::to(sandbox.address()).is_ok_and(|mut wire| is_answered(&mut wire, "/readyz"));
    await_that(|| format!("it serves again: {}", server.output()), serves);
    server.terminate();
    assert_eq!(server.await_exit().code(), Some(0), "{}", server.output());
    assert!(!server.output().contains("panicked"), "{}", server.output());
}

//! Stopping under load, and with a load balancer in front.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::support::process::{Sandbox, await_that, free_port};
use crate::support::wire::{Wire, post_head};

/// Every request on a connection that the server has accepted is answered, until the answer says that it is the last one.
#[test]
fn under_load_no_request_is_lost() {
    let sandbox = Sandbox::new().with("GATEHOUSE_SHUTDOWN_DELAY", "3s");
    let secret = sandbox.service_client("job", "openid", &["--secret-post"]);
    let body = format!("grant_type=client_credentials&client_id=job&client_secret={secret}");
    let request = post_head("/token", &body, "") + &body;
    let mut server = sandbox.serve();
    server.await_line("gatehouse is ready");
    let (answered, is_told) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let programs: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut wire = Wire::to(sandbox.address()).unwrap();
                    loop {
                        let answer = wire.ask(&request).expect("an answer");
                        assert_eq!(answer.status(), 200, "{}", answer.body);
                        assert!(answer.body.contains("access_token"), "{}", answer.body);
                        answered.fetch_add(1, Ordering::Relaxed);
                        if answer.closes() {
                            assert!(is_told.load(Ordering::SeqCst), "before it was told to stop");
                            return;
                        }
                    }
                })
            })
            .collect();
        await_that(|| server.output(), || answered.load(Ordering::Relaxed) > 100);
        is_told.store(true, Ordering::SeqCst);
        server.terminate();
        for program in programs {
            program.join().expect("no program lost a request");
        }
    });
    assert_eq!(server.await_exit().code(), Some(0), "{}", server.output());
    assert!(server.output().contains("the server has stopped"), "{}", server.output());
}

/// Load balancers ask whether it is ready, and need time to notice that it is not.
#[test]
fn while_load_balancers_notice_it_goes_on() {
    let sandbox = Sandbox::new().with("GATEHOUSE_SHUTDOWN_DELAY", "5m");
    let mut server = sandbox.serve();
    server.await_line("gatehouse is ready");
    let mut early = Wire::to(sandbox.address()).unwrap();
    let ready = early.get("/readyz").unwrap();
    assert_eq!((ready.status(), ready.closes()), (200, false), "{}", ready.head);

    server.terminate();
    server.await_line("the server was told to stop");
    let unready = early.get("/readyz").unwrap();
    assert_eq!((unready.status(), unready.closes()), (503, true), "{}", unready.head);
    assert_eq!(unready.body, r#"{"status":"stopping"}"#);
    let mut late = Wire::to(sandbox.address()).unwrap();
    let page = late.get("/.well-known/openid-configuration").unwrap();
    assert_eq!((page.status(), page.closes()), (200, true), "{}", page.head);
    let nowhere = Wire::to(sandbox.address()).unwrap().get("/nowhere").unwrap();
    assert_eq!((nowhere.status(), nowhere.closes()), (404, true), "{}", nowhere.head);

    server.terminate();
    assert_eq!(server.await_exit().code(), Some(1), "told twice, it stops at once");
}

const LONG: &str = "/api/openapi.json";
/// How many of it are asked for on one connection, and on how many connections.
const PIPELINED: usize = 16;
const CONNECTIONS: usize = 4;

/// How many answers with it were begun.
fn begun(metrics: SocketAddr) -> usize {
    let page = Wire::to(metrics).and_then(|mut wire| wire.get("/metrics")).unwrap();
    let beginning = format!("gatehouse_http_requests_total{{route=\"{LONG}\",");
    let counts = page.body.lines().filter(|line| line.starts_with(&beginning));
    counts.map(|line| line.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap()).sum()
}

/// Requests that would take longer than the 20 seconds of `docs/operations.md` are cut, and the end is as good as any.
#[tokio::test(flavor = "multi_thread")]
async fn who_takes_no_answer_is_waited_for_only_so_long() {
    let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let sandbox = Sandbox::new().with("GATEHOUSE_METRICS_LISTEN", &metrics.to_string());
    let mut server = sandbox.serve();
    server.await_line("gatehouse is ready");
    // More than all that is between has room for, so that the server has to wait until it is taken.
    let requests = format!("GET {LONG} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(PIPELINED);
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(sandbox.address()).await.unwrap();
        stream.write_all(requests.as_bytes()).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'H', "it is being answered");
        idle.push(stream);
    }
    // Until no further answer is begun, look after look, although more are asked for: the server waits for these clients.
    let (mut last, mut unchanged) = (0, 0);
    await_that(
        || server.output(),
        || {
            let now = begun(metrics);
            unchanged = if now == last { unchanged + 1 } else { 0 };
            last = now;
            unchanged == 50
        },
    );
    assert!(last < CONNECTIONS * PIPELINED, "all of it fits in between");
    let told = Instant::now();
    server.terminate();
    let status = server.await_exit();
    let took = told.elapsed();
    assert_eq!(status.code(), Some(0), "{}", server.output());
    assert!(server.output().contains("the server has stopped"), "{}", server.output());
    // Somewhat less than the 20 seconds, for clients that take nothing are given up after 30, and these have not for a while; and Docker
    // kills it after 40, as the files in `deploy/` have it.
    assert!((10..40).contains(&took.as_secs()), "{took:?}");
    drop(idle);
}

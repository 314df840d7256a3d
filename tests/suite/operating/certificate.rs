//! What an operator learns of a certificate that was not renewed as it should, and of TLS with those who connect.

use std::net::{SocketAddr, TcpStream};
use std::time::SystemTime;

use super::tls::{sandbox, seen};
use crate::support::certificate::certify;
use crate::support::process::{await_that, free_port};
use crate::support::wire::Wire;

const END: &str = "gatehouse_certificate_not_after_timestamp_seconds ";

/// The number that follows these words in the metrics.
fn measured(metrics: SocketAddr, what: &str) -> f64 {
    let page = Wire::to(metrics).unwrap().get("/metrics").unwrap();
    let line = page.body.lines().find_map(|line| line.strip_prefix(what));
    line.unwrap_or_else(|| panic!("{}", page.body)).parse().expect("a number")
}

/// How many handshakes came to each outcome.
fn handshakes(metrics: SocketAddr) -> [u64; 4] {
    ["success", "failure", "timeout", "refused"].map(|outcome| {
        let counted = measured(metrics, &format!("gatehouse_tls_handshakes_total{{outcome=\"{outcome}\"}} "));
        format!("{counted:.0}").parse().unwrap()
    })
}

#[test]
fn a_certificate_that_cannot_be_read_is_told_of_and_its_end_is_shown() {
    let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let sandbox = sandbox().with("GATEHOUSE_METRICS_LISTEN", &metrics.to_string());
    let server = sandbox.serve();
    server.await_line("gatehouse is ready");
    #[expect(clippy::disallowed_methods, reason = "openssl goes by the machine's clock, too")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let days = (measured(metrics, END) - now) / 86_400.0;
    assert!((59.0..61.0).contains(&days), "{days}");

    let before = seen(&sandbox);
    certify(&sandbox, "second", 60);
    std::fs::copy(sandbox.file("second.pem"), sandbox.file("certificate.pem")).unwrap();
    std::fs::remove_file(sandbox.file("certificate.key")).unwrap();
    let line = server.await_line("reload_failed");
    assert!(line.contains("certificate.key: "), "{line}");
    assert_eq!(seen(&sandbox), before);
    std::fs::copy(sandbox.file("second.key"), sandbox.file("certificate.key")).unwrap();
    server.await_line("certificate_renewed");
    assert_ne!(seen(&sandbox), before);
}

#[test]
fn handshakes_are_counted_by_what_came_of_them() {
    let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let sandbox = sandbox().with("GATEHOUSE_METRICS_LISTEN", &metrics.to_string());
    let server = sandbox.serve();
    server.await_line("gatehouse is ready");
    let counted = |expected: [u64; 4]| {
        let said = || format!("{:?}, and not {expected:?}", handshakes(metrics));
        await_that(said, || handshakes(metrics) == expected);
    };
    // Whoever looked whether the server is there went away before it had said anything.
    counted([0, 1, 0, 0]);
    seen(&sandbox);
    seen(&sandbox);
    counted([2, 1, 0, 0]);
    // Nobody who speaks TLS.
    Wire::to(sandbox.address()).unwrap().get("/healthz").map(drop).unwrap_err();
    counted([2, 2, 0, 0]);
    let silent = Wire::to(sandbox.address()).unwrap();
    counted([2, 2, 1, 0]);
    drop(silent);
    // A network may begin 6000 in a minute.
    let said = || format!("{:?}", handshakes(metrics));
    await_that(said, || {
        for _ in 0..500 {
            drop(TcpStream::connect(sandbox.address()).unwrap());
        }
        handshakes(metrics)[3] > 0
    });
}

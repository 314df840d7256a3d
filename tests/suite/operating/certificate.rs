//! What an operator learns of a certificate that was not renewed as it should.

use std::net::SocketAddr;
use std::time::SystemTime;

use super::tls::{sandbox, seen};
use crate::support::certificate::certify;
use crate::support::process::free_port;
use crate::support::wire::Wire;

const END: &str = "gatehouse_certificate_not_after_timestamp_seconds ";

/// What the metrics say of its end.
fn end(metrics: SocketAddr) -> f64 {
    let page = Wire::to(metrics).unwrap().get("/metrics").unwrap();
    let line = page.body.lines().find_map(|line| line.strip_prefix(END));
    line.unwrap_or_else(|| panic!("{}", page.body)).parse().expect("a number")
}

#[test]
fn a_certificate_that_cannot_be_read_is_told_of_and_its_end_is_shown() {
    let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let sandbox = sandbox().with("GATEHOUSE_METRICS_LISTEN", &metrics.to_string());
    let server = sandbox.serve();
    server.await_line("gatehouse is ready");
    #[expect(clippy::disallowed_methods, reason = "openssl goes by the machine's clock, too")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let days = (end(metrics) - now) / 86_400.0;
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

//! `deploy/caddy/`: the file for one machine, and that of the compose files.

use super::{Front, behind};
use crate::deploy::{compose, in_repository, text_of};
use crate::support::process::{Sandbox, free_port};
use crate::support::tools;

/// Caddy with a file of the sandbox's, where it keeps everything else, too.
fn caddy(sandbox: &Sandbox) -> std::process::Command {
    let mut caddy = sandbox.program(&tools::caddy().display().to_string());
    caddy
        .args(["run", "--config", "Caddyfile", "--adapter", "caddyfile"])
        .env("HOME", sandbox.folder());
    caddy
}

/// Caddy with the file for one machine, in front of a server.
fn front() -> Front {
    let (sandbox, port) = behind("https");
    let example = text_of(&in_repository("deploy/caddy/Caddyfile"));
    let own_certificate = format!("https://localhost:{port} {{\n\ttls certificate.pem certificate.key\n");
    for (from, to) in [
        ("\nlogin.example.com {\n", format!("\n{own_certificate}")),
        ("127.0.0.1:8000", sandbox.address().to_string()),
        // Ports that others have: of its administration, and for certificates.
        ("\n{\n", "\n{\n\tadmin off\n\tauto_https disable_redirects\n".to_owned()),
    ] {
        let text = std::fs::read_to_string(sandbox.file("Caddyfile")).unwrap_or_else(|_| example.clone());
        assert!(text.contains(from), "there is no {from:?} any more");
        sandbox.write("Caddyfile", &text.replacen(from, &to, 1));
    }
    let proxy = caddy(&sandbox);
    Front::start(sandbox, "https", port, proxy)
}

#[test]
fn the_example_passes_on_what_it_should() {
    let front = front();
    front.assert_passes_on();
    front.assert_logs_are_clean();
    let written = ["--output", "/dev/null", "--write-out", "%{http_version} %{response_code}"];
    assert_eq!(front.ask(&[&written[..], &["--http2", &front.at("/healthz")]].concat()), "2 200");
}

#[test]
fn the_proxy_of_the_compose_files_passes_on_what_it_should() {
    let (sandbox, port) = behind("http");
    // The Caddy of Debian is older than the one of the image, and does not keep its configuration without being told, either.
    let newer = "\tpersist_config off\n";
    let text = text_of(&in_repository(compose::CADDYFILE));
    assert!(text.contains(newer));
    sandbox.write("Caddyfile", &text.replace(newer, ""));
    let mut proxy = caddy(&sandbox);
    proxy
        .env("SITE", format!("http://localhost:{port}"))
        .env("UPSTREAM", "localhost")
        .env("UPSTREAM_PORT", sandbox.address().port().to_string())
        .env("HEALTH_PORT", free_port().to_string());
    let front = Front::start(sandbox, "http", port, proxy);
    front.assert_passes_on();
    front.assert_logs_are_clean();
}

#[test]
fn what_one_client_sends_is_no_request_of_another() {
    front().assert_requests_stay_apart();
}

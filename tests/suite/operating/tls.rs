//! TLS of the server itself, as OpenSSL and curl meet it.

use std::io::{BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use super::{Answer, answer};
use crate::support::process::Sandbox;

/// Makes a certificate and its key, of this name.
pub fn certify(sandbox: &Sandbox, name: &str) {
    let mut openssl = sandbox.program("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "60",
    ]);
    openssl.args([
        "-subj",
        &format!("/CN={name}"),
        "-addext",
        "subjectAltName=IP:127.0.0.1,DNS:localhost",
    ]);
    let made = openssl
        .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
        .output();
    let made = made.expect("openssl is needed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A sandbox whose server speaks TLS, with `certificate.pem` and `certificate.key`.
pub fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    certify(&sandbox, "certificate");
    let issuer = sandbox.issuer().replace("http:", "https:");
    sandbox
        .with("GATEHOUSE_ISSUER", &issuer)
        .with("GATEHOUSE_TLS_CERTIFICATE", "certificate.pem")
        .with("GATEHOUSE_TLS_KEY", "certificate.key")
}

/// The first certificate of a text.
pub fn first_certificate(text: &str) -> String {
    let (_, rest) = text
        .split_once("-----BEGIN CERTIFICATE-----")
        .unwrap_or_else(|| panic!("no certificate: {text}"));
    rest.split("-----END").next().expect("an end").split_whitespace().collect()
}

/// The certificate that new connections see.
pub fn seen(sandbox: &Sandbox) -> String {
    let (_, said) = handshake(sandbox, &[]);
    first_certificate(&said)
}

/// Whether there is an understanding when the client is limited in this way, and what it says.
fn handshake(sandbox: &Sandbox, limits: &[&str]) -> (bool, String) {
    let mut openssl = sandbox.program("openssl");
    let address = sandbox.address().to_string();
    let output = openssl
        .args(["s_client", "-connect", &address])
        .args(limits)
        .stdin(Stdio::null())
        .output();
    let output = output.expect("openssl is needed");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success() && !said.contains("Cipher is (NONE)"), said)
}

/// A connection that stays.
pub struct TlsWire {
    openssl: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl TlsWire {
    pub fn to(sandbox: &Sandbox, protocol: &str) -> Self {
        let mut openssl = sandbox.program("openssl");
        openssl.args(["s_client", "-quiet", "-alpn", protocol, "-connect", &sandbox.address().to_string()]);
        let mut openssl = openssl
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is needed");
        Self {
            stdin: openssl.stdin.take().expect("standard input is piped"),
            stdout: BufReader::new(openssl.stdout.take().expect("standard output is piped")),
            openssl,
        }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stdin.write_all(bytes).expect("the connection is open");
        self.stdin.flush().expect("the connection is open");
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        answer(&mut self.stdout).expect("an answer")
    }
}

impl Drop for TlsWire {
    fn drop(&mut self) {
        let _ = self.openssl.kill();
        let _ = self.openssl.wait();
    }
}

/// What curl prints; it must succeed. The certificate is trusted, so curl checks it and its name.
pub fn curl(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let mut curl = sandbox.program("curl");
    curl.args(["--silent", "--show-error", "--cacert", "certificate.pem", "--noproxy", "*"]);
    let output = curl.args(arguments).output().expect("curl is needed");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

fn url(address: SocketAddr, path: &str) -> String {
    format!("https://127.0.0.1:{}{path}", address.port())
}

#[test]
fn only_what_is_safe_is_spoken() {
    let sandbox = sandbox();
    let _server = sandbox.serve();
    for limits in [
        &["-tls1_3"][..],
        &["-tls1_2"],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
    ] {
        let (is_understood, said) = handshake(&sandbox, limits);
        assert!(is_understood, "{limits:?}: {said}");
    }
    // OpenSSL needs to be talked into the first ones, so that it is the server that refuses.
    for limits in [
        &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"][..],
        &["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
        &["-tls1_2", "-cipher", "AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256"],
    ] {
        let (is_understood, said) = handshake(&sandbox, limits);
        assert!(!is_understood, "{limits:?}: {said}");
    }
}

#[test]
fn http2_over_tls() {
    let sandbox = sandbox().with("GATEHOUSE_HSTS", "730d includeSubDomains preload");
    let client = [
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
    ];
    let secret = sandbox.run(&client).json()["client_secret"].as_str().expect("a secret").to_owned();
    let mut server = sandbox.serve();
    server.await_line("gatehouse is ready");

    let discovery = url(sandbox.address(), "/.well-known/openid-configuration");
    let head = curl(&sandbox, &["--http2", "--dump-header", "-", "--output", "/dev/null", &discovery]);
    assert!(head.starts_with("HTTP/2 200"), "{head}");
    assert!(
        head.contains("strict-transport-security: max-age=63072000; includeSubDomains; preload\r\n"),
        "{head}"
    );
    let plain = curl(&sandbox, &["--http1.1", "--dump-header", "-", "--output", "/dev/null", &discovery]);
    assert!(plain.starts_with("HTTP/1.1 200"), "{plain}");

    // Many at once on one connection.
    let token = url(sandbox.address(), "/token#[1-50]");
    let body = format!("grant_type=client_credentials&client_id=job&client_secret={secret}");
    let arguments = ["--http2", "--parallel", "--parallel-max", "50", "--data", &body];
    let written = [
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_version} %{response_code} %{num_connects}\n",
    ];
    let answers = curl(&sandbox, &[&arguments[..], &written, &[&token]].concat());
    assert_eq!(answers.lines().filter(|line| line.starts_with("2 200")).count(), 50, "{answers}");
    let connections: u32 = answers.lines().map(|line| line[6..].parse::<u32>().expect("a number")).sum();
    assert!(connections < 50, "they share connections: {answers}");

    // A connection that has nothing to say does not hold the server up for the time that requests would get.
    let mut idle = TlsWire::to(&sandbox, "h2");
    idle.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00");
    let mut settings = [0; 9];
    idle.stdout.read_exact(&mut settings).expect("a frame");
    assert_eq!(settings[3], 4, "it has begun: {settings:?}");
    let told = Instant::now();
    server.terminate();
    assert_eq!(server.await_exit().code(), Some(0), "{}", server.output());
    assert!(
        told.elapsed() < Duration::from_secs(20),
        "it waited for a connection on which nobody asked"
    );
}

//! TLS of the server itself, as OpenSSL meets it.

use std::process::Stdio;

use crate::support::certificate::certify;
use crate::support::process::Sandbox;

/// A sandbox whose server speaks TLS, with `certificate.pem` and `certificate.key`.
pub fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    certify(&sandbox, "certificate", 60);
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

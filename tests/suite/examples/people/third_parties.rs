//! How the examples call an API of somebody else with a token: to whom it goes, and how long they listen.

#[path = "../../../../examples/shared/error.rs"]
#[allow(dead_code, reason = "not everything of it is needed here")]
mod error;
#[path = "../../../../examples/shared/outside.rs"]
mod outside;

use reqwest::Url;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::process::Sandbox;
use outside::Outside;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_goes_to_whom_the_certificate_names() {
    let sandbox = Sandbox::new();
    let mut openssl = sandbox.program("openssl");
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
                     -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
                     -keyout key.pem -out certificate.pem";
    let made = openssl.args(arguments.split_whitespace()).output().expect("openssl is needed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let issuer = sandbox.issuer().replace("http:", "https:");
    let sandbox = sandbox
        .with("GATEHOUSE_ISSUER", &issuer)
        .with("GATEHOUSE_TLS_CERTIFICATE", "certificate.pem")
        .with("GATEHOUSE_TLS_KEY", "key.pem");
    let _server = sandbox.serve();
    let certificate = CertificateDer::from_pem_file(sandbox.file("certificate.pem")).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let client = Outside::believing(roots).expect("a client");
    let url = Url::parse(&format!("{issuer}/userinfo?a=b")).expect("a URL");
    let answer = client.get(&url, "no-token").await.expect("an answer");
    assert_eq!(answer.status, 401);
    // The certificate is for the address and not for the name.
    let named = Url::parse(&url.as_str().replace("127.0.0.1", "localhost")).expect("a URL");
    assert!(client.get(&named, "no-token").await.is_err());
    // And none that browsers would believe.
    let client = Outside::new().expect("a client");
    let problem = client.get(&url, "no-token").await.err().expect("it is not believed");
    assert!(problem.contains("certificate"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_stays_where_it_is_sent_and_answers_are_bounded() {
    let client = Outside::new().expect("a client");
    let there = Elsewhere::start().await;
    let get = async |path: &str| client.get(&Url::parse(&there.url(path)).expect("a URL"), "the-token").await;
    let further = Served::json(&json!({})).status(302).with("location", "/further");
    there.serve("/", further);
    assert_eq!(get("/").await.expect("an answer").status, 302);
    assert_eq!(there.hits("/further"), 0);
    there.serve("/wait", Served::json(&json!({})).status(429).with("retry-after", "12"));
    let answer = get("/wait").await.expect("an answer");
    assert_eq!((answer.retry_after, &answer.body[..]), (Some(12), &b"{}"[..]));
    let mut endless = Served::json(&json!("more and more"));
    endless.is_endless = true;
    there.serve("/endless", endless);
    assert!(get("/endless").await.is_err());
    // Others could read it on its way.
    for address in [
        "http://people.example/",
        "http://192.0.2.1/",
        "ftp://127.0.0.1/",
        "http://localhost.example/",
    ] {
        let problem = client
            .get(&Url::parse(address).expect("a URL"), "the-token")
            .await
            .err()
            .expect("a refusal");
        assert!(problem.contains("neither https nor on this machine"), "{problem}");
    }
    let brought = there.requests();
    assert!(brought[0].contains("the-token"), "{brought:?}");
}

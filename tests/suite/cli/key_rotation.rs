//! A new signing key reaches a running server, and no token is lost on the way.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use super::database::{Database, Kind};
use super::person::{Application, browser, text};
use crate::support::process::PATIENCE;

async fn issue(application: &Application) -> String {
    let (status, answer) = application.post("/token", &[("grant_type", "client_credentials")]).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{answer}");
    text(&answer, "access_token")
}

fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).expect("a JWT").kid.expect("a kid")
}

async fn published(issuer: &str) -> Vec<String> {
    let jwks: Value = browser().get(format!("{issuer}/jwks")).send().await.unwrap().json().await.unwrap();
    jwks["keys"].as_array().unwrap().iter().map(|key| text(key, "kid")).collect()
}

on_every_database!(a_rotated_key_needs_no_restart);

async fn a_rotated_key_needs_no_restart(kind: Kind) {
    let (_database, sandbox) = Database::sandbox(kind).await;
    let secret = sandbox.service_client("job", "openid", &[]);
    let _first = sandbox.serve();
    let on_first = Application::confidential(&sandbox.issuer(), "job", &secret);
    let before = issue(&on_first).await;

    sandbox.run(&["key", "rotate", "--now", "--algorithm", "RS256"]).done();
    let node = sandbox.node();
    let _second = node.serve();
    let on_second = Application::confidential(&node.issuer(), "job", &secret);
    let after = issue(&on_second).await;
    assert_ne!(kid(&before), kid(&after));
    assert!(on_first.is_active(&before).await, "the old token stays good where it was made");
    assert!(on_second.is_active(&before).await, "and everywhere else");

    // The first node meets a kid that it does not know, and looks; at most every few seconds.
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let learned = tokio::time::timeout(PATIENCE, async {
        while !on_first.is_active(&after).await {
            ticks.tick().await;
        }
    });
    learned.await.expect("the running server learns the new key");
    for issuer in [sandbox.issuer(), node.issuer()] {
        let kids = published(&issuer).await;
        assert!(
            kids.contains(&kid(&before)) && kids.contains(&kid(&after)),
            "{issuer} publishes {kids:?}"
        );
    }
    assert_eq!(
        kid(&issue(&on_first).await),
        kid(&after),
        "the running server signs with the new key"
    );
    assert!(on_first.is_active(&before).await);
}

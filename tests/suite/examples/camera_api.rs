//! The camera's API: what it answers to whom, by the letter of RFC 6750, and how soon it notices a revocation.

use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{CAMERA_SECRETS, Stage};
use crate::cli::person::{Application, CALLBACK, Person, text};
use crate::support::browser::http;
use crate::support::process::Sandbox;

/// The longest that the API believes what it was told, and the time that a slow machine may take besides.
const BOUND: Duration = Duration::from_secs(10);
const SLOWNESS: Duration = Duration::from_secs(3);

/// An application that otto uses, with tokens of its own.
struct Phone {
    application: Application,
    person: Person,
}

impl Phone {
    fn new(stage: &Stage) -> Self {
        let scope = ["--scope", "camera:view camera:control"];
        let add = [
            "client",
            "add",
            "Phone",
            "--id",
            "phone",
            "--kind",
            "native",
            "--redirect-uri",
            CALLBACK,
        ];
        stage.sandbox.run(&[&add[..], &scope[..]].concat()).done();
        let issuer = stage.sandbox.issuer();
        Self {
            application: Application::public(&issuer, "phone"),
            person: Person::new(&issuer, "otto", CAMERA_SECRETS[2].1),
        }
    }

    async fn tokens(&self, scope: &str) -> Value {
        let code = self.person.authorize("phone", scope).await.expect("a code");
        let (status, tokens) = self.application.redeem(&code).await.expect("an answer");
        assert_eq!(status, StatusCode::OK, "{tokens}");
        tokens
    }

    async fn revoke(&self, token: &str) {
        let (status, answer) = self.application.post("/revoke", &[("token", token)]).await.expect("an answer");
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
}

/// Status, challenge and body of an answer.
async fn call(request: RequestBuilder) -> (StatusCode, String, String) {
    let answer = request.send().await.expect("an answer");
    let challenge = answer
        .headers()
        .get("www-authenticate")
        .map(|value| value.to_str().expect("text").to_owned());
    (answer.status(), challenge.unwrap_or_default(), answer.text().await.expect("a body"))
}

fn turn(http: &Client, stage: &Stage) -> RequestBuilder {
    http.post(stage.url("/api/move")).json(&json!({ "direction": "right" }))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_token_opens_what_its_scope_says() {
    let stage = Stage::camera(Sandbox::new());
    let (phone, http) = (Phone::new(&stage), http());
    let picture = || http.get(stage.url("/api/picture"));

    for request in [picture(), turn(&http, &stage), picture().basic_auth("otto", Some("x"))] {
        let (status, challenge, _) = call(request).await;
        assert_eq!(
            (status, challenge.as_str()),
            (StatusCode::UNAUTHORIZED, "Bearer"),
            "nobody has tried yet"
        );
    }
    let tokens = phone.tokens("camera:view").await;
    let view = text(&tokens, "access_token");
    for wrong in ["x", &text(&tokens, "refresh_token"), &view[..view.len() - 2]] {
        let (status, challenge, _) = call(picture().bearer_auth(wrong)).await;
        assert_eq!(
            (status, challenge.as_str()),
            (StatusCode::UNAUTHORIZED, r#"Bearer error="invalid_token""#)
        );
    }
    let (status, _, body) = call(picture().bearer_auth(&view)).await;
    assert!(status == StatusCode::OK && body.starts_with("<svg "), "{status} {body}");
    let (status, challenge, body) = call(turn(&http, &stage).bearer_auth(&view)).await;
    assert_eq!(
        (status, challenge.as_str(), body.as_str()),
        (
            StatusCode::FORBIDDEN,
            r#"Bearer error="insufficient_scope", scope="camera:control""#,
            r#"{"error":"insufficient_scope"}"#
        )
    );

    let control = text(&phone.tokens("camera:control").await, "access_token");
    let (status, _, body) = call(turn(&http, &stage).bearer_auth(&control)).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, r#"{"pan":224,"tilt":0,"zoom":1.4}"#));
    let (status, challenge, _) = call(picture().bearer_auth(&control)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "who may move it need not see it");
    assert!(challenge.contains(r#"scope="camera:view""#), "{challenge}");
    for body in [
        json!({ "direction": "sideways" }),
        json!([]),
        json!({ "direction": "x".repeat(2000) }),
    ] {
        let request = http.post(stage.url("/api/move")).json(&body).bearer_auth(&control);
        let (status, _, answer) = call(request).await;
        assert!(
            status == StatusCode::BAD_REQUEST && answer.contains("invalid_request"),
            "{status} {answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_refused_within_ten_seconds() {
    let stage = Stage::camera(Sandbox::new());
    let (phone, http) = (Phone::new(&stage), http());
    let tokens = phone.tokens("camera:view").await;
    let token = text(&tokens, "access_token");
    let picture = || http.get(stage.url("/api/picture")).bearer_auth(&token);
    assert_eq!(call(picture()).await.0, StatusCode::OK);
    phone.revoke(&text(&tokens, "refresh_token")).await;
    let revoked_at = Instant::now();
    loop {
        let (status, challenge, _) = call(picture()).await;
        if status == StatusCode::UNAUTHORIZED {
            assert_eq!(challenge, r#"Bearer error="invalid_token""#);
            break;
        }
        assert_eq!(status, StatusCode::OK);
        assert!(revoked_at.elapsed() < BOUND + SLOWNESS, "the token opens the door still");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_checked_is_refused() {
    let mut stage = Stage::camera(Sandbox::new());
    let phone = Phone::new(&stage);
    let token = text(&phone.tokens("camera:view").await, "access_token");
    stage.server.kill();
    let (status, challenge, _) = call(http().get(stage.url("/api/picture")).bearer_auth(&token)).await;
    assert_eq!((status, challenge.as_str()), (StatusCode::SERVICE_UNAVAILABLE, ""));
}

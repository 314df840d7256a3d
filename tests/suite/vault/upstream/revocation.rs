//! Taking tokens back, and where requests do not go.

use gatehouse::federation::upstream::UpstreamError;
use gatehouse::model::connection::Tokens;
use gatehouse::protocol::provider::{Profile, Revocation, RevokedToken};
use serde_json::{Value, json};

use super::{Asker, plain, scope, url};
use crate::support::elsewhere::{Elsewhere, Served};

/// Each way to take tokens back.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_taken_back_in_each_way() {
    let (asker, there) = (Asker::start().await, Elsewhere::start().await);
    let endpoint = url(&there.url("/gone"));
    let tokens = Tokens {
        access_token: "acc".to_owned(),
        token_type: "Bearer".to_owned(),
        refresh_token: Some("ref".to_owned()),
        passed_on: serde_json::Map::new(),
    };
    let standard = |authenticates, token| Revocation::Standard {
        endpoint: endpoint.clone(),
        authenticates,
        token,
    };
    let cases = [
        (
            standard(true, RevokedToken::Refresh),
            "POST /gone",
            "token=ref&token_type_hint=refresh_token&client_id=our+id&client_secret=the+secret",
        ),
        (
            standard(false, RevokedToken::Access),
            "POST /gone",
            "token=acc&token_type_hint=access_token",
        ),
        (
            Revocation::OwnProof {
                endpoint: endpoint.clone(),
            },
            "POST /gone",
            "Bearer acc",
        ),
        (
            Revocation::Delete {
                endpoint: endpoint.clone(),
            },
            "DELETE /gone",
            r#"{"access_token":"acc"}"#,
        ),
        (
            Revocation::Json {
                endpoint: endpoint.clone(),
            },
            "POST /gone",
            r#"{"token":"acc"}"#,
        ),
    ];
    let alone = Tokens {
        refresh_token: None,
        ..tokens.clone()
    };
    for (revocation, begin, part) in cases {
        let shows_access = revocation.shows_access_token();
        let profile = Profile {
            revocation,
            ..plain(&there.url(""))
        };
        let answers = [
            (Served::json(&Value::Null), Some(true), Some(true)),
            (Served::json(&Value::Null).status(204), Some(true), Some(true)),
            // An access token that is not known takes no refresh token with it.
            (Served::json(&Value::Null).status(404), None, shows_access.then_some(true)),
            (Served::json(&Value::Null).status(422), None, shows_access.then_some(true)),
            (Served::json(&Value::Null).status(401), None, shows_access.then_some(true)),
            (Served::json(&json!({ "ok": false, "error": "ratelimited" })), None, None),
            (
                Served::json(&json!({ "ok": false, "error": "token_revoked" })),
                (!shows_access).then_some(true),
                Some(true),
            ),
            (
                Served::json(&json!({ "error": "invalid_token" })).status(400),
                (!shows_access).then_some(true),
                Some(true),
            ),
            (Served::json(&json!({ "error": "invalid_client" })).status(400), None, None),
            (Served::json(&Value::Null).status(500), None, None),
        ];
        for (served, with_refresh_token, without) in answers {
            there.serve("/gone", served.clone());
            let what = format!("{begin} with {} {}", served.status, String::from_utf8_lossy(&served.body));
            assert_eq!(asker.at(&profile).revoke(&alone).await.unwrap().ok(), without, "{what}");
            assert_eq!(asker.at(&profile).revoke(&tokens).await.unwrap().ok(), with_refresh_token, "{what}");
        }
        let request = there.requests().pop().expect("a request");
        assert!(request.starts_with(begin) && request.contains(part), "{part} in {request}");
    }
    let profile = Profile {
        revocation: Revocation::None,
        ..plain(&there.url(""))
    };
    assert_eq!(asker.at(&profile).revoke(&tokens).await.unwrap(), Ok(false));
}

/// A provider that names places inside of our network is not followed there.
#[tokio::test(flavor = "multi_thread")]
async fn no_endpoint_leads_inside() {
    let asker = Asker::start().await;
    for base in [
        "http://192.168.1.1",
        "https://169.254.169.254",
        "https://[fd00::1]",
        "http://provider.example",
        "https://10.0.0.1:8443",
    ] {
        let outcome = asker.at(&plain(base)).refresh("old", &scope("a")).await.unwrap();
        assert!(matches!(outcome, Err(UpstreamError::Away(_))), "{base}: {outcome:?}");
    }
}

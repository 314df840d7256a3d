//! Answers of providers that do things their own way.

use gatehouse::federation::upstream::{Account, Flow, Granted, UpstreamError};
use gatehouse::protocol::provider::{ClientAuth, Lifespan, Profile, Whoami, WhoamiSource};
use serde_json::{Value, json};

use super::{Asker, Judge, plain, scope, url};
use crate::support::elsewhere::{Elsewhere, Served};

const NO_FLOW: Flow = Flow {
    nonce: None,
    verifier: None,
    resource: Vec::new(),
};

async fn exchanged(asker: &Asker, profile: &Profile) -> Result<(Granted, Account), UpstreamError> {
    asker.at(profile).exchange("c", &NO_FLOW, &scope("asked")).await.unwrap()
}

/// Answers that are not what the texts say are read all the same.
#[tokio::test(flavor = "multi_thread")]
async fn answers_of_their_own_kind_are_read() {
    let (asker, there) = (Asker::start().await, Elsewhere::start().await);
    let base = there.url("");
    let now = asker.app.app.now();

    // A form, with commas (as GitHub answers).
    let form = Served {
        body: b"access_token=gho_1&scope=repo%2Cuser&token_type=bearer".to_vec(),
        ..Served::json(&Value::Null)
    };
    there.serve("/token", form.with("content-type", "application/x-www-form-urlencoded"));
    let unlimited = Profile {
        lifespan: Lifespan::Unlimited,
        ..plain(&base)
    };
    let (granted, account) = exchanged(&asker, &unlimited).await.unwrap();
    assert_eq!(granted.tokens.access_token, "gho_1");
    assert_eq!(granted.scope, scope("repo user"));
    assert_eq!((granted.expires_at, granted.tokens.refresh_token), (None, None));
    assert_eq!(account, Account::default());

    // The token of the person inside of something else (as Slack answers), and who it is.
    let wrapped = json!({ "ok": true, "team": { "id": "T1" }, "authed_user": { "id": "U1", "access_token": "xoxp", "scope": "a,b", "expires_in": "43200" } });
    there.serve("/token", Served::json(&wrapped));
    let slack = Profile {
        wrapped_in: Some("authed_user"),
        whoami: Whoami {
            source: WhoamiSource::TokenAnswer,
            id: &["/team/id", "/authed_user/id"],
            label: &["/team/name"],
            scope: &[],
        },
        passed_on: &["team"],
        ..plain(&base)
    };
    let (granted, account) = exchanged(&asker, &slack).await.unwrap();
    assert_eq!(granted.tokens.access_token, "xoxp");
    assert_eq!(account.id, "T1:U1");
    assert_eq!(granted.tokens.passed_on.get("team"), Some(&json!({ "id": "T1" })));
    let lives = granted.expires_at.expect("a time") - now;
    assert!((43_200..43_300).contains(&lives), "{lives}");

    // No time, a null, and a body that it wants as JSON (as Notion does).
    there.serve(
        "/token",
        Served::json(&json!({ "access_token": "n", "refresh_token": null, "expires_in": null, "id_token": "" })),
    );
    let notion = Profile {
        json_body: true,
        client_auth: ClientAuth::ClientSecretBasic,
        headers: [("notion-version", "2022-06-28".to_owned())].into(),
        ..plain(&base)
    };
    let (granted, _) = exchanged(&asker, &notion).await.unwrap();
    assert_eq!(granted.scope, scope("asked"));
    // Nobody could get another one.
    assert_eq!(granted.expires_at, None);
    let request = there.requests().pop().expect("a request").to_ascii_lowercase();
    there.serve("/token", Served::json(&json!({ "access_token": "n", "refresh_token": "r" })));
    let (granted, _) = exchanged(&asker, &notion).await.unwrap();
    let assumed = granted.expires_at.expect("an assumed time") - now;
    assert!((3600..3700).contains(&assumed), "{assumed}");
    assert!(
        request.contains("notion-version: 2022-06-28") && request.contains("content-type: application/json"),
        "{request}"
    );
    assert!(
        request.contains("authorization: basic ") && !request.contains("the secret"),
        "{request}"
    );
    assert!(request.contains(r#""grant_type":"authorization_code""#), "{request}");
}

/// Whose account it is can be asked for; what is said of somebody else is not believed.
#[tokio::test(flavor = "multi_thread")]
async fn whose_account_it_is_can_be_asked_for() {
    let (asker, there) = (Asker::start().await, Elsewhere::start().await);
    let base = there.url("");
    there.serve("/token", Served::json(&json!({ "access_token": "the-token" })));
    let profile = Profile {
        whoami: Whoami {
            source: WhoamiSource::Endpoint {
                endpoint: url(&format!("{base}/user")),
                is_post: false,
            },
            id: &["/id"],
            label: &["/login", "/name"],
            scope: &[],
        },
        ..plain(&base)
    };
    for (said, expected) in [
        (json!({ "id": 17, "login": "octo\u{7}cat" }), Some(("17", "octocat"))),
        (json!({ "id": "", "login": "nobody" }), None),
        (json!({ "id": "x".repeat(256) }), None),
        (json!(["what"]), None),
    ] {
        there.serve("/user", Served::json(&said));
        let outcome = exchanged(&asker, &profile).await;
        match (outcome, expected) {
            (Ok((_, account)), Some((id, label))) => assert_eq!((account.id.as_str(), account.label.as_str()), (id, label)),
            (Err(UpstreamError::Broken(_)), None) => {}
            (outcome, _) => panic!("{said}: {outcome:?}"),
        }
    }
    let requests = there.requests();
    let asked = requests
        .iter()
        .find(|request| request.starts_with("GET /user "))
        .expect("a question")
        .to_ascii_lowercase();
    assert!(asked.contains("authorization: bearer the-token"), "{asked}");
    let taken_back = requests.iter().filter(|request| request.starts_with("POST /revoke ")).count();
    assert_eq!(taken_back, 3, "tokens that nobody keeps");
}

/// What a refusal means.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_apart() {
    let (asker, there) = (Asker::start().await, Elsewhere::start().await);
    let profile = Profile {
        dead_grant: &["bad_refresh_token", "invalid_refresh_token"],
        ..plain(&there.url(""))
    };
    let error = |code: &str| Served::json(&json!({ "error": code, "error_description": "because\nof \u{1b}[31m" }));
    let cases: Vec<(Served, Judge)> = vec![
        (error("invalid_grant").status(400), |error| matches!(error, UpstreamError::Dead(_))),
        (error("invalid_grant").status(403), |error| matches!(error, UpstreamError::Dead(_))),
        (error("bad_refresh_token"), |error| matches!(error, UpstreamError::Dead(_))),
        (Served::json(&json!({ "ok": false, "error": "invalid_refresh_token" })), |error| {
            matches!(error, UpstreamError::Dead(_))
        }),
        (
            error("invalid_client").status(401),
            |error| matches!(error, UpstreamError::Refused(text) if text == "invalid_client: becauseof [31m"),
        ),
        (Served::json(&json!({ "ok": false })), |error| {
            matches!(error, UpstreamError::Refused(_))
        }),
        (Served::json(&Value::Null).status(429).with("retry-after", "30"), |error| {
            *error == UpstreamError::Limited(Some(30))
        }),
        (Served::json(&Value::Null).status(429), |error| {
            *error == UpstreamError::Limited(None)
        }),
        (Served::json(&Value::Null).status(403).with("retry-after", "999999"), |error| {
            *error == UpstreamError::Limited(Some(3600))
        }),
        (Served::json(&Value::Null).status(503), |error| {
            matches!(error, UpstreamError::Away(_))
        }),
        (Served::json(&json!({ "access_token": 5 })), |error| {
            matches!(error, UpstreamError::Broken(_))
        }),
        (Served::json(&json!("what")), |error| matches!(error, UpstreamError::Broken(_))),
        (
            Served::json(&json!({ "token": "s3cret" })),
            |error| matches!(error, UpstreamError::Broken(text) if !text.contains("s3cret")),
        ),
    ];
    for (number, (served, is_right)) in cases.into_iter().enumerate() {
        there.serve("/token", served);
        let outcome = asker.at(&profile).refresh("old", &scope("a")).await.unwrap();
        let error = outcome.err().unwrap_or_else(|| panic!("{number} went well"));
        assert!(is_right(&error), "{number}: {error:?}");
    }
    drop(there);
    let outcome = asker.at(&profile).refresh("old", &scope("a")).await.unwrap();
    assert!(matches!(outcome, Err(UpstreamError::Away(_))), "{outcome:?}");
}

/// A refresh without a new refresh token keeps the old one, and says again what the provider wants to hear again.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_keeps_what_it_is_not_given() {
    let (asker, there) = (Asker::start().await, Elsewhere::start().await);
    let profile = Profile {
        refresh_with_redirect_uri: true,
        refresh_with_scope: true,
        ..plain(&there.url(""))
    };
    there.serve("/token", Served::json(&json!({ "access_token": "new", "expires_in": 60 })));
    let granted = asker.at(&profile).refresh("old", &scope("a b")).await.unwrap().unwrap();
    assert_eq!(granted.tokens.refresh_token.as_deref(), Some("old"));
    assert_eq!(granted.scope, scope("a b"));
    let request = there.requests().pop().expect("a request");
    for part in [
        "refresh_token=old",
        "scope=a+b",
        "redirect_uri=https%3A%2F%2Fapp.example%2Fcallback",
        "client_secret=the+secret",
    ] {
        assert!(request.contains(part), "{part} in {request}");
    }
}

/// What is too much to be kept is refused before it is read for long.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_bounded() {
    let (asker, there) = (Asker::start().await, Elsewhere::start().await);
    let many: Vec<String> = (0..30_000).map(|number| number.to_string()).collect();
    for answer in [
        json!({ "access_token": "a", "scope": many.join(" ") }),
        json!({ "access_token": "a", "scope": "caf\u{e9}" }),
        json!({ "access_token": "a".repeat(13_000) }),
        json!({ "access_token": "a", "refresh_token": "r".repeat(13_000) }),
        json!({ "access_token": "a", "team": { "name": "t".repeat(13_000) } }),
    ] {
        there.serve("/token", Served::json(&answer));
        let profile = Profile {
            passed_on: &["team"],
            ..plain(&there.url(""))
        };
        let outcome = exchanged(&asker, &profile).await;
        assert!(matches!(outcome, Err(UpstreamError::Broken(_))), "{outcome:?}");
    }
    // What is said is short, in one line, and without what was shown.
    let loud = json!({ "error": "invalid_client", "error_description": format!("c the-refresh-token the secret\n{}", "x".repeat(500)) });
    there.serve("/token", Served::json(&loud).status(401));
    let outcome = asker
        .at(&plain(&there.url("")))
        .refresh("the-refresh-token", &scope("a"))
        .await
        .unwrap();
    let Err(UpstreamError::Refused(text)) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(text.chars().count() == 200 && !text.contains(['\n']), "{text}");
    assert!(!text.contains("the-refresh-token") && !text.contains("the secret"), "{text}");
}

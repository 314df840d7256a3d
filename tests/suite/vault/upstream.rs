//! This server as the client of others: of a second Gatehouse, and of providers that do things their own way.

use std::collections::BTreeMap;

use gatehouse::federation::upstream::{Account, Flow, Granted, Upstream, UpstreamError};
use gatehouse::model::connection::Tokens;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::provider::{ClientAuth, Lifespan, Profile, Revocation, RevokedToken, Whoami, WhoamiSource};
use gatehouse::protocol::scope::Scope;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use crate::support::app::Options;
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::{Browser, Database, TestApp};

const CALLBACK: &str = "https://app.example/callback";

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}

fn scope(text: &str) -> Scope {
    Scope::parse(text).expect("a scope")
}

/// What is changed of a flow before its code is exchanged.
type Change = fn(&mut Flow);
/// Whether an error is the right one.
type Judge = fn(&UpstreamError) -> bool;

/// A provider at this address that does everything as the texts say.
fn profile(base: &str) -> Profile {
    Profile {
        issuer: Some(base.to_owned()),
        requires_iss: true,
        authorization_endpoint: url(&format!("{base}/authorize")),
        token_endpoint: url(&format!("{base}/token")),
        jwks_uri: Some(url(&format!("{base}/jwks"))),
        revocation: Revocation::Standard {
            endpoint: url(&format!("{base}/revoke")),
            authenticates: true,
            token: RevokedToken::Refresh,
        },
        whoami: Whoami {
            source: WhoamiSource::IdToken,
            id: &["/sub"],
            label: &["/preferred_username", "/sub"],
            scope: &[],
        },
        pkce: true,
        client_auth: ClientAuth::ClientSecretBasic,
        json_body: false,
        headers: BTreeMap::new(),
        authorization_parameters: BTreeMap::new(),
        scope_parameter: "scope",
        scope_separator: ' ',
        offline_scope: Some("offline_access"),
        refresh_with_redirect_uri: false,
        refresh_with_scope: false,
        wrapped_in: None,
        lifespan: Lifespan::Assumed(3600),
        passed_on: &[],
        dead_grant: &[],
        account_page: None,
    }
}

/// As [`profile`], but without OpenID Connect and at paths of its own.
fn plain(base: &str) -> Profile {
    Profile {
        jwks_uri: None,
        whoami: Whoami {
            source: WhoamiSource::Nowhere,
            id: &[],
            label: &[],
            scope: &[],
        },
        offline_scope: None,
        pkce: false,
        client_auth: ClientAuth::ClientSecretPost,
        ..profile(base)
    }
}

/// Somebody who asks a provider.
struct Asker {
    app: TestApp,
    secret: SecretString,
}

impl Asker {
    async fn start() -> Self {
        let options = Options {
            real_time: true,
            ..Options::default()
        };
        Self {
            app: TestApp::start_with(Database::Sqlite, options).await,
            secret: SecretString::from("the secret"),
        }
    }

    fn at<'a>(&'a self, profile: &'a Profile) -> Upstream<'a> {
        Upstream {
            app: &self.app.app,
            profile,
            client_id: "our id",
            secret: Some(&self.secret),
            redirect_uri: CALLBACK,
        }
    }
}

/// Sends somebody to a Gatehouse; the code they come back with.
async fn visit(address: &Url, flow_state: &str) -> String {
    let browser = Browser::new();
    let page = browser.visit(address.as_str()).await;
    let mut page = browser.sign_in(&page, "alice", "alice").await;
    // Whoever has allowed it before is not asked again.
    if page.body.contains("name=\"decision\"") {
        page = browser.decide(&page, "allow").await;
    }
    assert_eq!(page.answer("state").as_deref(), Some(flow_state));
    page.answer("code").expect("a code")
}

/// The whole life of a connection at a real server, for each way to prove who we are.
async fn whole_life(auth_method: AuthMethod, client_auth: ClientAuth) {
    let options = Options {
        real_time: true,
        ..Options::default()
    };
    let provider = TestApp::start_with(Database::Sqlite, options).await;
    let alice = provider.user("alice").await;
    let asker = Asker::start().await;
    let jwks_uri = asker.app.url("/jwks");
    let client = provider
        .client(auth_method, |new| {
            if auth_method == AuthMethod::PrivateKeyJwt {
                new.jwks_uri = Some(jwks_uri.clone());
            }
        })
        .await;
    let secret = client.secret.clone().map(SecretString::from);
    let profile = Profile {
        client_auth,
        ..profile(&provider.base)
    };
    let upstream = Upstream {
        client_id: client.id(),
        secret: secret.as_ref(),
        ..asker.at(&profile)
    };
    let asked = scope("openid profile email");
    let (address, flow) = upstream.authorize(&asked, "a state", &[]).unwrap();
    let code = visit(&address, "a state").await;
    let (granted, account) = upstream.exchange(&code, &flow, &asked).await.unwrap().unwrap();
    assert_eq!(account.id, alice.id);
    assert!(granted.scope.contains("offline_access"), "{}", granted.scope);
    assert!(granted.expires_at.is_some_and(|at| at > asker.app.app.now()));
    let userinfo = client.userinfo(&granted.tokens.access_token).await;
    assert_eq!(userinfo.body["email"], "alice@example.com");

    let again = upstream.exchange(&code, &flow, &asked).await.unwrap();
    assert!(matches!(again, Err(UpstreamError::Dead(_))), "{again:?}");
    // A code that comes twice ends what it gave (RFC 6749 §4.1.2), so the rest needs another one.
    let (address, flow) = upstream.authorize(&asked, "another state", &[]).unwrap();
    let code = visit(&address, "another state").await;
    let (granted, _) = upstream.exchange(&code, &flow, &asked).await.unwrap().unwrap();

    let first = granted.tokens.refresh_token.clone().expect("a refresh token");
    let refreshed = upstream.refresh(&first, &granted.scope).await.unwrap().unwrap();
    assert_ne!(refreshed.tokens.refresh_token.as_deref(), Some(first.as_str()));
    assert_ne!(refreshed.tokens.access_token, granted.tokens.access_token);
    assert!(upstream.revoke(&refreshed.tokens).await.unwrap().unwrap());
    let last = refreshed.tokens.refresh_token.expect("a refresh token");
    let dead = upstream.refresh(&last, &granted.scope).await.unwrap();
    assert!(matches!(dead, Err(UpstreamError::Dead(_))), "{dead:?}");
    assert_eq!(client.userinfo(&refreshed.tokens.access_token).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_another_gatehouse_by_basic() {
    whole_life(AuthMethod::ClientSecretBasic, ClientAuth::ClientSecretBasic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_another_gatehouse_by_post() {
    whole_life(AuthMethod::ClientSecretPost, ClientAuth::ClientSecretPost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_another_gatehouse_by_assertion() {
    whole_life(AuthMethod::PrivateKeyJwt, ClientAuth::PrivateKeyJwt).await;
}

/// What is not for this flow is not taken: another flow's code, another nonce, another issuer.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_another_flow_is_refused() {
    let options = Options {
        real_time: true,
        ..Options::default()
    };
    let provider = TestApp::start_with(Database::Sqlite, options).await;
    provider.user("alice").await;
    let client = provider.client(AuthMethod::ClientSecretBasic, |_| {}).await;
    let asker = Asker::start().await;
    let secret = client.secret.clone().map(SecretString::from);
    let right = profile(&provider.base);
    let asked = scope("openid profile");
    let other_issuer = Profile {
        issuer: Some("https://other.example".to_owned()),
        ..right.clone()
    };
    let cases: [(&Profile, Change, bool); 3] = [
        (&right, |flow| flow.verifier = Some("x".repeat(43)), true),
        (&right, |flow| flow.nonce = Some("another".to_owned()), false),
        (&other_issuer, |_| {}, false),
    ];
    for (profile, change, is_dead) in cases {
        let upstream = Upstream {
            client_id: client.id(),
            secret: secret.as_ref(),
            ..asker.at(profile)
        };
        let (address, mut flow) = upstream.authorize(&asked, "s", &[]).unwrap();
        change(&mut flow);
        let code = visit(&address, "s").await;
        let outcome = upstream.exchange(&code, &flow, &asked).await.unwrap();
        match outcome {
            Err(UpstreamError::Dead(_)) if is_dead => {}
            Err(UpstreamError::Broken(_)) if !is_dead => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The address says what we say, whatever an agent or an operator adds.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_overrides_what_we_say() {
    let asker = Asker::start().await;
    let added: Vec<(String, String)> = [
        ("redirect_uri", "https://evil.example/"),
        ("state", "theirs"),
        ("client_id", "theirs"),
        ("scope", "everything"),
        ("code_challenge", "theirs"),
        ("response_type", "token"),
        ("nonce", "theirs"),
        ("request_uri", "https://evil.example/"),
        ("access_type", "online"),
        ("login_hint", "a&b=c"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let mut profile = profile("https://provider.example");
    profile.authorization_endpoint = url("https://provider.example/authorize?tenant=1");
    profile.authorization_parameters = [("access_type".to_owned(), "offline".to_owned())].into();
    let (address, flow) = asker.at(&profile).authorize(&scope("openid a"), "ours", &added).unwrap();
    let pairs: Vec<(String, String)> = address.query_pairs().into_owned().collect();
    let of = |name: &str| {
        let values: Vec<_> = pairs
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .collect();
        assert!(values.len() <= 1, "{name} twice in {address}");
        values.first().copied().map(str::to_owned)
    };
    let expected = [
        ("tenant", Some("1")),
        ("redirect_uri", Some(CALLBACK)),
        ("state", Some("ours")),
        ("client_id", Some("our id")),
        ("scope", Some("openid a offline_access")),
        ("response_type", Some("code")),
        ("code_challenge_method", Some("S256")),
        ("request_uri", None),
        ("access_type", Some("offline")),
        ("login_hint", Some("a&b=c")),
    ];
    for (name, value) in expected {
        assert_eq!(of(name).as_deref(), value, "{name} in {address}");
    }
    assert_eq!(of("nonce"), flow.nonce);
    assert_ne!(of("code_challenge").as_deref(), Some("theirs"));
}

/// Scopes with another name and separator, no nonce where there are no ID tokens, and no PKCE where that breaks.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_as_the_provider_wants_it() {
    let asker = Asker::start().await;
    let profile = Profile {
        scope_parameter: "user_scope",
        scope_separator: ',',
        ..plain("https://provider.example")
    };
    let (address, flow) = asker.at(&profile).authorize(&scope("a b"), "s", &[]).unwrap();
    let pairs: BTreeMap<String, String> = address.query_pairs().into_owned().collect();
    assert_eq!(pairs.get("user_scope").map(String::as_str), Some("a,b"));
    for name in ["scope", "nonce", "code_challenge"] {
        assert!(!pairs.contains_key(name), "{name} in {address}");
    }
    assert!(flow.nonce.is_none() && flow.verifier.is_none());
}

const NO_FLOW: Flow = Flow {
    nonce: None,
    verifier: None,
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
    let request = there.requests().pop().expect("a request").to_ascii_lowercase();
    assert!(request.contains("authorization: bearer the-token"), "{request}");
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
    for (revocation, begin, part) in cases {
        let is_own_proof = matches!(revocation, Revocation::OwnProof { .. });
        let profile = Profile {
            revocation,
            ..plain(&there.url(""))
        };
        for (status, expected) in [
            (200, Some(true)),
            (204, Some(true)),
            (422, Some(true)),
            (401, is_own_proof.then_some(true)),
            (500, None),
        ] {
            there.serve("/gone", Served::json(&Value::Null).status(status));
            let outcome = asker.at(&profile).revoke(&tokens).await.unwrap();
            assert_eq!(outcome.ok(), expected, "{begin} with {status}");
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

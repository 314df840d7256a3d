//! By which tokens an agent can say for whom it acts.

use gatehouse::model::signing_key::SigningAlgorithm;
use serde_json::{Value, json};

use super::flows::{Agents, SESSION};
use crate::support::assertion::ClientKey;
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::{Database, TestApp};

/// Only a token that was verified, is for this agent, and belongs to a person names anybody.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_verified() {
    let agents = Agents::start(Database::Sqlite).await;
    let app = &agents.app;
    let tokens = agents.agent.client.tokens("alice", &[("scope", "openid read")]).await;
    assert_eq!(agents.bind(tokens.text("id_token"), Some("urn:by-id-token")).await.status, 200);
    assert_eq!(
        agents.bind(tokens.text("access_token"), Some("urn:by-access-token")).await.status,
        200
    );

    let stranger = app.public_client().await;
    let others = stranger.tokens("alice", &[]).await;
    let own = agents
        .agent
        .client
        .post("/token", &[("grant_type", "client_credentials"), ("scope", "relay")])
        .await;
    let good = tokens.text("id_token");
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, _) = rest.split_once('.').unwrap();
    let none = format!("eyJhbGciOiJub25lIn0.{claims}.");
    let changed = format!("{head}.{}.{}", claims, &rest[claims.len() + 1..].chars().rev().collect::<String>());
    let forged = ClientKey::new(SigningAlgorithm::Rs256).sign(
        "RS256",
        &json!({ "iss": app.app.issuer.as_str(), "sub": "alice", "aud": agents.agent.client.id(), "exp": app.app.now() + 600 }),
    );
    let wrong = [
        ("of another client", others.text("id_token")),
        ("of another client", others.text("access_token")),
        ("of nobody", own.text("access_token")),
        ("a refresh token", "ghr_x"),
        ("unsigned", &none),
        ("changed", &changed),
        ("forged", &forged),
        ("nothing", ""),
        ("no token", "alice"),
    ];
    for (what, token) in wrong {
        let answer = agents.bind(token, Some("urn:wrong")).await;
        assert_eq!((answer.status, answer.error()), (400, "invalid_grant"), "{what} {}", answer.body);
    }
    app.advance(3601);
    assert_eq!(agents.bind(good, Some("urn:wrong")).await.status, 400, "expired");
    let revoked = agents.token_of("alice").await;
    agents.agent.client.revoke(&revoked).await;
    assert_eq!(agents.bind(&revoked, Some("urn:wrong")).await.status, 400, "revoked");

    let body = json!({ "user_token": agents.token_of("alice").await });
    let nobody = send(http().post(app.url("/userIdentifier/token")).json(&body)).await;
    assert_eq!(nobody.status, 401, "the caller says who it is");
    let alice = agents.browser_of("alice").await;
    assert_eq!(agents.come_back(&alice, "urn:wrong").await.status, 410);
    assert!(agents.told().is_empty());
}

/// Tokens that name nobody are counted by client.
#[tokio::test(flavor = "multi_thread")]
async fn who_tries_tokens_is_slowed_down() {
    let agents = Agents::start(Database::Sqlite).await;
    for n in 0..100 {
        assert_eq!(agents.bind(&format!("guess {n}"), None).await.status, 400);
    }
    let slowed = agents.bind("one more", None).await;
    assert_eq!((slowed.status, slowed.error()), (429, "temporarily_unavailable"));
    let token = agents.token_of("alice").await;
    assert_eq!(agents.bind(&token, None).await.status, 200, "one of its users shuts no other out");
    agents.app.advance(600);
    assert_eq!(agents.bind("and one more", None).await.status, 400);
}

/// An issuer that the operator trusts, and its keys.
struct Idp {
    web: Elsewhere,
    key: ClientKey,
}

impl Idp {
    async fn start() -> Self {
        let idp = Self {
            web: Elsewhere::start().await,
            key: ClientKey::new(SigningAlgorithm::Es256),
        };
        idp.publish(&idp.issuer());
        idp
    }

    fn issuer(&self) -> String {
        self.web.url("")
    }

    fn publish(&self, issuer: &str) {
        let metadata = json!({ "issuer": issuer, "jwks_uri": self.web.url("/keys") });
        self.web.serve("/.well-known/openid-configuration", Served::json(&metadata));
        self.web.serve("/keys", Served::json(&json!({ "keys": [self.key.jwk] })));
    }

    fn token(&self, app: &TestApp, changes: &Value) -> String {
        self.key.sign("ES256", &self.claims(app, changes))
    }

    fn claims(&self, app: &TestApp, changes: &Value) -> Value {
        let now = app.app.now();
        let mut claims = json!({
            "iss": self.issuer(), "sub": "0001", "aud": "my-agent", "iat": now, "exp": now + 300,
            "email": "Alice@Example.com", "email_verified": true, "preferred_username": "bob",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }
}

/// Two names that differ in case only may be two people at their issuer.
#[tokio::test(flavor = "multi_thread")]
async fn names_of_others_are_taken_as_they_are() {
    for claim in ["sub", "preferred_username"] {
        let idp = Idp::start().await;
        let trusted = format!("{} my-agent {claim}", idp.issuer());
        let agents = Agents::start_with(Database::Sqlite, vec![("user_token_issuers", trusted)]).await;
        for name in ["ALICE", "Alice", " alice", "alice\t", ""] {
            let token = idp.token(&agents.app, &json!({ claim: name }));
            assert_eq!(agents.bind(&token, None).await.status, 400, "{claim} {name:?}");
        }
        let token = idp.token(&agents.app, &json!({ claim: "alice" }));
        assert_eq!(agents.bind(&token, None).await.status, 200);
    }
}

/// An issuer that does not answer is nobody's fault: the agent tries again.
#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_away_is_no_bad_token() {
    let idp = Idp::start().await;
    let trusted = format!("{} my-agent email", idp.issuer());
    let agents = Agents::start_with(Database::Sqlite, vec![("user_token_issuers", trusted)]).await;
    idp.web
        .serve("/.well-known/openid-configuration", Served::json(&json!({})).status(503));
    for _ in 0..3 {
        let answer = agents.bind(&idp.token(&agents.app, &json!({})), None).await;
        assert_eq!((answer.status, answer.error()), (503, "temporarily_unavailable"), "{}", answer.body);
    }
    assert_eq!(
        idp.web.hits("/.well-known/openid-configuration"),
        1,
        "it is not asked again at once"
    );
    idp.publish(&idp.issuer());
    agents.app.advance(11);
    assert_eq!(agents.bind(&idp.token(&agents.app, &json!({})), None).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_issuer_can_name_people_if_the_operator_trusts_it() {
    let idp = Idp::start().await;
    let trusted = format!("{} my-agent email", idp.issuer());
    let agents = Agents::start_with(Database::Sqlite, vec![("user_token_issuers", trusted)]).await;
    let app = &agents.app;
    let now = app.app.now();
    let token = idp.token(app, &json!({}));
    assert_eq!(agents.bind(&token, Some(SESSION)).await.status, 200);
    let alice = agents.browser_of("alice").await;
    assert_eq!(agents.come_back(&alice, SESSION).await.status, 200);
    assert_eq!(agents.told()[0]["userIdentifier"]["userToken"], token);

    for changes in [
        json!({ "aud": "another-agent" }),
        json!({ "aud": [] }),
        json!({ "aud": null }),
        json!({ "iss": "https://another.example" }),
        json!({ "exp": now - 61 }),
        json!({ "exp": null }),
        json!({ "nbf": now + 120 }),
        json!({ "iat": now + 120 }),
        json!({ "email_verified": false }),
        json!({ "email_verified": null }),
        json!({ "email_verified": "true" }),
        json!({ "email": "nobody@example.com" }),
        json!({ "email": 7 }),
        // The sign of one Kelvin, which lower case makes a k.
        json!({ "email": "ali\u{212a}e@example.com" }),
        json!({ "nbf": f64::from(i32::MAX) + 0.5 }),
        json!({ "iat": "soon" }),
        json!({ "aud": ["my-agent", "evil"], "azp": "evil" }),
        json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } }),
    ] {
        let answer = agents.bind(&idp.token(app, &changes), Some("urn:wrong")).await;
        assert_eq!((answer.status, answer.error()), (400, "invalid_grant"), "{changes}");
    }
    let other_key = ClientKey::new(SigningAlgorithm::Es256);
    let claims = json!({ "iss": idp.issuer(), "aud": "my-agent", "exp": now + 300, "email": "alice@example.com", "email_verified": true });
    assert_eq!(
        agents.bind(&other_key.sign("ES256", &claims), None).await.status,
        400,
        "another key"
    );
    let mac = crate::support::assertion::mac(idp.key.jwk.to_string().as_bytes(), &claims);
    assert_eq!(agents.bind(&mac, None).await.status, 400, "a MAC");
    for typ in ["logout+jwt", "secevent+jwt", "oauth-authz-req+jwt"] {
        let claims = idp.claims(app, &json!({}));
        assert_eq!(
            agents.bind(&idp.key.sign_as(typ, "ES256", &claims), None).await.status,
            400,
            "{typ}"
        );
    }
    let several = idp.token(app, &json!({ "aud": ["my-agent", "more"] }));
    assert_eq!(agents.bind(&several, Some("urn:several")).await.status, 200);
}

/// The metadata must be that of the issuer, and nobody is asked because of what a token says.
#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_speaks_for_itself_only() {
    let idp = Idp::start().await;
    idp.publish("https://somebody.example");
    let trusted = format!("{} my-agent preferred_username", idp.issuer());
    let agents = Agents::start_with(Database::Sqlite, vec![("user_token_issuers", trusted)]).await;
    assert_eq!(agents.bind(&idp.token(&agents.app, &json!({})), None).await.status, 503);
    let untrusted = Idp::start().await;
    assert_eq!(agents.bind(&untrusted.token(&agents.app, &json!({})), None).await.status, 400);
    assert_eq!(untrusted.web.connections(), 0);
    idp.publish(&idp.issuer());
    agents.app.advance(11);
    assert_eq!(agents.bind(&idp.token(&agents.app, &json!({})), Some(SESSION)).await.status, 200);
    let bob = agents.browser_of("bob").await;
    assert_eq!(agents.come_back(&bob, SESSION).await.status, 200);
}

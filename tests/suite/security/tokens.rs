//! Tokens that somebody made up or changed.

use gatehouse::base::encoding::{base64url, from_base64url};
use gatehouse::base::random::Random;
use gatehouse::keys::rotation::seal_key;
use gatehouse::keys::signing::{KeyPair, generate};
use gatehouse::model::signing_key::SigningAlgorithm;
use serde_json::{Value, json};

use crate::support::client::{TestClient, claims, jose_header};
use crate::support::{Database, TestApp};

async fn assert_dead(client: &TestClient, name: &str, token: &str) {
    assert_eq!(client.introspect(token).await.body, json!({ "active": false }), "{name}");
    let answer = client.userinfo(token).await;
    assert_eq!((answer.status, answer.error()), (401, "invalid_token"), "{name}");
    assert!(!answer.body.to_string().contains(token), "{name}");
}

fn unsigned(header: &Value, payload: &Value) -> String {
    format!(
        "{}.{}.",
        base64url(header.to_string().as_bytes()),
        base64url(payload.to_string().as_bytes())
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_access_tokens() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app.confidential_client().await;
    let tokens = client.tokens("alice", &[]).await;
    let good = tokens.text("access_token").to_owned();
    assert_eq!(client.introspect(&good).await.body["active"], true);
    let (header, payload) = (jose_header(&good), claims(&good));
    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        header
    };

    for algorithm in ["none", "None", "NONE", ""] {
        assert_dead(&client, "alg none", &unsigned(&with("alg", json!(algorithm)), &payload)).await;
    }

    // HS256, with the public key as the secret, in every form in which it is published.
    let jwks = crate::support::client::send(crate::support::browser::http().get(app.url("/jwks"))).await;
    let rsa = jwks.body["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["alg"] == "RS256")
        .unwrap()
        .clone();
    let modulus = from_base64url(rsa["n"].as_str().unwrap()).unwrap();
    for secret in [
        modulus,
        rsa["n"].as_str().unwrap().as_bytes().to_vec(),
        rsa.to_string().into_bytes(),
        jwks.body.to_string().into_bytes(),
    ] {
        let body = unsigned(&with("alg", json!("HS256")), &payload);
        let body = body.trim_end_matches('.');
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
        let forged = format!("{body}.{}", base64url(aws_lc_rs::hmac::sign(&key, body.as_bytes()).as_ref()));
        assert_dead(&client, "HS256 with the public key", &forged).await;
    }

    // A key of somebody else's, under our kid and under its own.
    for algorithm in SigningAlgorithm::ALL {
        let random = Random::system();
        let mut foreign = generate(algorithm, &random).unwrap();
        for kid in [
            foreign.id.clone(),
            header["kid"].as_str().unwrap().to_owned(),
            "../../etc/passwd".to_owned(),
            String::new(),
        ] {
            foreign.id = kid;
            let record = seal_key(&foreign, algorithm, &app.app.secrets.signing_key, &random, 0, 0).unwrap();
            let pair = KeyPair::open(record, &app.app.secrets.signing_key).unwrap();
            let forged = pair.sign("at+jwt", payload.to_string().as_bytes()).unwrap();
            assert_dead(&client, "a foreign key", &forged).await;
        }
    }

    // Our own key, but a token that is not an access token of ours.
    let ring = app.app.keys.current();
    let pair = ring.signer(SigningAlgorithm::Rs256, app.app.now()).unwrap();
    let changed = |name: &str, value: Value| {
        let mut payload = payload.clone();
        payload[name] = value;
        payload.to_string().into_bytes()
    };
    assert_dead(
        &client,
        "expired",
        &pair.sign("at+jwt", &changed("exp", json!(app.app.now()))).unwrap(),
    )
    .await;
    assert_dead(
        &client,
        "another issuer",
        &pair.sign("at+jwt", &changed("iss", json!("https://other.example"))).unwrap(),
    )
    .await;
    assert_dead(
        &client,
        "another issuer by a slash",
        &pair.sign("at+jwt", &changed("iss", json!(format!("{}/", app.base)))).unwrap(),
    )
    .await;
    assert_dead(&client, "typ JWT", &pair.sign("JWT", payload.to_string().as_bytes()).unwrap()).await;
    assert_dead(
        &client,
        "another user",
        &pair.sign("at+jwt", &changed("sub", json!("nobody"))).unwrap(),
    )
    .await;
    assert_dead(
        &client,
        "another client",
        &pair.sign("at+jwt", &changed("client_id", json!("nobody"))).unwrap(),
    )
    .await;
    assert_dead(
        &client,
        "an unknown grant",
        &pair
            .sign("at+jwt", &changed("jti", json!("00000000000000000000000000000000.x")))
            .unwrap(),
    )
    .await;
    assert_dead(&client, "an ID token", tokens.text("id_token")).await;

    // Changes of the text.
    let (front, signature) = good.rsplit_once('.').unwrap();
    let mut other_payload = payload.clone();
    other_payload["scope"] = json!("openid admin");
    let head = good.split('.').next().unwrap();
    assert_dead(
        &client,
        "another payload",
        &format!("{head}.{}.{signature}", base64url(other_payload.to_string().as_bytes())),
    )
    .await;
    assert_dead(&client, "no signature", front).await;
    assert_dead(&client, "an empty signature", &format!("{front}.")).await;
    assert_dead(&client, "half a signature", &good[..good.len() - 100]).await;
    assert_dead(&client, "one part too many", &format!("{good}.x")).await;
    assert_dead(&client, "a very long one", &format!("{good}{}", "A".repeat(20_000))).await;
    assert_eq!(client.introspect(&good).await.body["active"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_of_somebody_elses_is_no_userinfo_token() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app.confidential_client().await;
    let tokens = client.tokens("alice", &[]).await;
    let mut payload = claims(tokens.text("access_token"));
    payload["aud"] = json!(["https://api.example"]);
    let ring = app.app.keys.current();
    let pair = ring.signer(SigningAlgorithm::Rs256, app.app.now()).unwrap();
    let elsewhere = pair.sign("at+jwt", payload.to_string().as_bytes()).unwrap();
    assert_eq!(client.userinfo(&elsewhere).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_opaque_tokens_and_codes() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app
        .client(gatehouse::protocol::client_authentication::AuthMethod::ClientSecretBasic, |new| {
            new.access_token_format = gatehouse::model::client::AccessTokenFormat::Opaque;
            new.consent_policy = gatehouse::model::client::ConsentPolicy::Skip;
        })
        .await;
    let tokens = client.tokens("alice", &[]).await;
    let good = tokens.text("access_token").to_owned();
    assert_eq!(client.introspect(&good).await.body["active"], true);
    for at in [4, 10, good.len() / 2, good.len() - 1] {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert_dead(&client, "a changed byte", &String::from_utf8(bytes).unwrap()).await;
    }
    // What is sealed for one purpose opens for no other.
    let plain = br#"{"x":1}"#;
    let interaction = app.app.secrets.interaction.seal(&app.app.random, b"interaction", plain).unwrap();
    assert_dead(&client, "an interaction", &format!("gha_{interaction}")).await;

    let code = client.code("alice", &[]).await;
    for at in [4, 20, code.len() - 1] {
        let mut bytes = code.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(client.redeem(&String::from_utf8(bytes).unwrap()).await.error(), "invalid_grant");
    }
    assert_eq!(client.redeem(&code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn debug_output_keeps_secrets() {
    let app = TestApp::start(Database::Sqlite).await;
    let shown = format!("{:?}", app.app);
    assert!(!shown.contains(crate::support::app::APP_SECRET), "{shown}");
    let parameters = gatehouse::protocol::parameters::Parameters::parse(b"client_secret=hunter2&code=ghc_abc").unwrap();
    let shown = format!("{parameters:?}");
    assert!(shown.contains("client_secret") && !shown.contains("hunter2") && !shown.contains("ghc_abc"));
    let credentials = gatehouse::protocol::client_authentication::ClientCredentials::parse(
        None,
        &gatehouse::protocol::parameters::Parameters::parse(b"client_id=a&client_secret=hunter2").unwrap(),
    )
    .unwrap();
    assert!(!format!("{credentials:?}").contains("hunter2"));
}

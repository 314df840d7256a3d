//! Clients that sign instead of sending a secret (RFC 7523, OpenID Connect Core §9).

use gatehouse::app::App;
use gatehouse::model::client::ClientSettings;
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::oauth::clients;
use gatehouse::oauth::token;
use gatehouse::protocol::client_authentication::{AuthMethod, ClientCredentials};
use gatehouse::protocol::parameters::Parameters;
use gatehouse::protocol::token_request::{GrantType, TokenRequest};
use serde_json::{Value, json};

use crate::support::assertion::{ClientKey, claims, fields, input, mac};
use crate::support::browser::http;
use crate::support::client::{Answer, TestClient, VERIFIER, send};
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::{Database, TestApp, on_every_database};

/// A client that signs with one of these keys, and may do everything.
async fn signing_client(app: &TestApp, keys: &[&ClientKey]) -> TestClient {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk.clone()).collect();
    app.client(AuthMethod::PrivateKeyJwt, |new| {
        new.grant_types.push(GrantType::ClientCredentials);
        new.may_introspect = true;
        new.jwks = Some(json!({ "keys": keys }));
    })
    .await
}

async fn post(app: &TestApp, path: &str, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = fields(assertion).to_vec();
    form.extend_from_slice(more);
    send(http().post(app.url(path)).form(&form)).await
}

async fn for_itself(app: &TestApp, assertion: &str) -> Answer {
    post(app, "/token", assertion, &[("grant_type", "client_credentials"), ("scope", "read")]).await
}

fn refused(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.error()), (401, "invalid_client"), "{what}: {}", answer.body);
    assert_eq!(
        answer.text("error_description"),
        "client authentication failed",
        "{what}: no hint for forgers"
    );
}

on_every_database! {
    async fn every_endpoint_and_every_grant(app: TestApp) {
        app.user("alice").await;
        let rsa = ClientKey::new(SigningAlgorithm::Rs256);
        let ec = ClientKey::new(SigningAlgorithm::Es256);
        let ed = ClientKey::new(SigningAlgorithm::EdDsa);
        let client = signing_client(&app, &[&rsa, &ec, &ed]).await;
        assert_eq!(client.secret, None, "there is none to lose");
        let sign = |key: &ClientKey, algorithm: &str| key.sign(algorithm, &claims(&app, client.id()));
        for (key, algorithm) in [(&rsa, "RS256"), (&rsa, "PS256"), (&ec, "ES256"), (&ed, "EdDSA")] {
            let answer = for_itself(&app, &sign(key, algorithm)).await;
            assert_eq!((answer.status, answer.body["scope"].as_str()), (200, Some("read")), "{algorithm}: {}", answer.body);
        }
        let code = client.code("alice", &[("scope", "openid read offline_access")]).await;
        let redeem = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", client.redirect_uri.as_str()),
            ("code_verifier", VERIFIER),
            ("client_id", client.id()),
        ];
        let tokens = post(&app, "/token", &sign(&ec, "ES256"), &redeem).await;
        assert_eq!(tokens.status, 200, "{}", tokens.body);
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.text("refresh_token"))];
        let tokens = post(&app, "/token", &sign(&ed, "EdDSA"), &refresh).await;
        assert_eq!(tokens.status, 200, "{}", tokens.body);
        let token = [("token", tokens.text("access_token"))];
        let introspected = post(&app, "/introspect", &sign(&rsa, "PS256"), &token).await;
        assert_eq!(introspected.body["active"], true, "{}", introspected.body);
        assert_eq!(post(&app, "/revoke", &sign(&rsa, "RS256"), &token).await.status, 200);
        let introspected = post(&app, "/introspect", &sign(&rsa, "RS256"), &token).await;
        assert_eq!(introspected.body, json!({ "active": false }));
    }

    async fn each_audience_that_means_us(app: TestApp) {
        let key = ClientKey::new(SigningAlgorithm::EdDsa);
        let client = signing_client(&app, &[&key]).await;
        for aud in [json!(app.base), json!([app.base]), json!(app.url("/token")), json!(app.url("/revoke")), json!([app.base, app.url("/token")])] {
            let mut claims = claims(&app, client.id());
            claims["aud"] = aud.clone();
            assert_eq!(for_itself(&app, &key.sign("EdDSA", &claims)).await.status, 200, "{aud}");
        }
    }

    async fn what_proves_nothing(app: TestApp) {
        let rsa = ClientKey::new(SigningAlgorithm::Rs256);
        let ed = ClientKey::new(SigningAlgorithm::EdDsa);
        let strange = ClientKey::new(SigningAlgorithm::EdDsa);
        let client = signing_client(&app, &[&rsa, &ed]).await;
        let other = signing_client(&app, &[&strange]).await;
        let now = app.app.now();
        for (what, name, value) in [
            ("another audience", "aud", json!("https://other.example")),
            ("another audience, too", "aud", json!([app.base, "https://other.example"])),
            ("our userinfo", "aud", json!(app.url("/userinfo"))),
            ("expired", "exp", json!(now - 61)),
            ("good for ever", "exp", json!(now + 86_400)),
            ("not yet", "nbf", json!(now + 300)),
            ("from the future", "iat", json!(now + 300)),
            ("without a name", "jti", Value::Null),
            ("without an end", "exp", Value::Null),
            ("of somebody else", "iss", json!(other.id())),
            ("about somebody else", "sub", json!(other.id())),
        ] {
            let mut claims = claims(&app, client.id());
            claims[name] = value;
            refused(&for_itself(&app, &ed.sign("EdDSA", &claims)).await, what);
        }
        let good = |id: &str| claims(&app, id);
        refused(&for_itself(&app, &strange.sign("EdDSA", &good(client.id()))).await, "the key of another client");
        refused(&for_itself(&app, &ed.sign("EdDSA", &good(other.id()))).await, "for another client");
        refused(&for_itself(&app, &ed.sign("EdDSA", &good("nobody"))).await, "for nobody");
        let unsigned = format!("{}.", input(&json!({ "alg": "none" }), &good(client.id())));
        refused(&for_itself(&app, &unsigned).await, "none");
        // A public key is no secret, in whatever form it is taken for one (RFC 8725 §2.1).
        let public = rsa.jwk.to_string();
        let n = gatehouse::base::encoding::from_base64url(rsa.jwk["n"].as_str().unwrap()).unwrap();
        for secret in [public.as_bytes(), n.as_slice(), rsa.jwk["n"].as_str().unwrap().as_bytes(), b""] {
            refused(&for_itself(&app, &mac(secret, &good(client.id()))).await, "a MAC by a public key");
        }
        let mut bent = ed.sign("EdDSA", &good(client.id()));
        let last = bent.pop().unwrap();
        bent.push(if last == 'A' { 'Q' } else { 'A' });
        refused(&for_itself(&app, &bent).await, "a bent signature");
        let signed = ed.sign("EdDSA", &good(client.id()));
        let [header, _, signature] = signed.split('.').collect::<Vec<_>>()[..] else { panic!() };
        let swapped = input(&json!({}), &good(client.id()));
        let swapped = format!("{header}.{}.{signature}", swapped.split('.').nth(1).unwrap());
        refused(&for_itself(&app, &swapped).await, "other claims under the signature");
        // ES256 by a key that is for EdDSA: the key decides.
        let lying = signed.replacen(header, &gatehouse::base::encoding::base64url(br#"{"alg":"ES256"}"#), 1);
        refused(&for_itself(&app, &lying).await, "another algorithm than the key's");
        let answer = for_itself(&app, &ed.sign("EdDSA", &good(client.id()))).await;
        assert_eq!(answer.status, 200, "after all that, a good one is good: {}", answer.body);
    }

    async fn an_assertion_is_good_once(app: TestApp) {
        let key = ClientKey::new(SigningAlgorithm::EdDsa);
        let client = signing_client(&app, &[&key]).await;
        let other = signing_client(&app, &[&key]).await;
        let mut first = claims(&app, client.id());
        first["jti"] = json!("the name");
        let assertion = key.sign("EdDSA", &first);
        assert_eq!(for_itself(&app, &assertion).await.status, 200);
        refused(&for_itself(&app, &assertion).await, "again");
        first["exp"] = json!(app.app.now() + 120);
        refused(&for_itself(&app, &key.sign("EdDSA", &first)).await, "another with the same name");
        let mut same_name = claims(&app, other.id());
        same_name["jti"] = json!("the name");
        assert_eq!(for_itself(&app, &key.sign("EdDSA", &same_name)).await.status, 200, "names are each client's own");
        // Until it has expired, and longer: the sweep does not make it new.
        app.advance(100);
        gatehouse::jobs::sweep(&app.app, std::time::Duration::ZERO).await.unwrap();
        refused(&for_itself(&app, &assertion).await, "after the sweep");
    }

    async fn two_nodes_that_get_the_same_assertion_accept_it_once(app: TestApp) {
        let key = ClientKey::new(SigningAlgorithm::Es256);
        let client = signing_client(&app, &[&key]).await;
        let second = app.second_node().await;
        for _ in 0..5 {
            let assertion = key.sign("ES256", &claims(&app, client.id()));
            let nodes = [&app.app, &second, &app.app, &second];
            let outcomes = futures_util::future::join_all(nodes.map(|node| ask(node, &assertion))).await;
            assert_eq!(outcomes.iter().filter(|is_good| **is_good).count(), 1, "{outcomes:?}");
        }
    }

    async fn each_client_by_its_method_and_no_other(app: TestApp) {
        let key = ClientKey::new(SigningAlgorithm::EdDsa);
        let signing = signing_client(&app, &[&key]).await;
        let basic = app.confidential_client().await;
        let macs = app.client(AuthMethod::ClientSecretJwt, |new| new.grant_types.push(GrantType::ClientCredentials)).await;
        let secret = macs.secret.clone().unwrap();
        assert_eq!(for_itself(&app, &mac(secret.as_bytes(), &claims(&app, macs.id()))).await.status, 200);
        refused(&for_itself(&app, &mac(b"another secret of more than 32 characters", &claims(&app, macs.id()))).await, "a wrong secret");
        // Neither the secret itself, nor a MAC by one that is meant to be sent.
        refused(&macs.post("/token", &[("grant_type", "client_credentials")]).await, "a secret that is never sent");
        let form = [("grant_type", "client_credentials"), ("client_id", macs.id()), ("client_secret", &secret)];
        refused(&send(http().post(app.url("/token")).form(&form)).await, "in the body");
        let basic_secret = basic.secret.clone().unwrap();
        refused(&for_itself(&app, &mac(basic_secret.as_bytes(), &claims(&app, basic.id()))).await, "a MAC by a client that sends");
        refused(&for_itself(&app, &key.sign("EdDSA", &claims(&app, basic.id()))).await, "a signature by a client that sends");
        refused(&signing.post("/token", &[("grant_type", "client_credentials")]).await, "no proof at all");
        let request = http().post(app.url("/token")).basic_auth(signing.id(), Some("")).form(&[("grant_type", "client_credentials")]);
        refused(&send(request).await, "an empty secret");
        refused(&for_itself(&app, &mac(b"", &claims(&app, signing.id()))).await, "an empty MAC key");
        let public = app.public_client().await;
        refused(&for_itself(&app, &mac(b"", &claims(&app, public.id()))).await, "a public client");
        // A new secret makes the MACs of the old one worthless at once, overlap or not.
        let client = app.app.store.read().await.unwrap().client(macs.id()).await.unwrap().unwrap();
        let replaced = clients::replace_secret(&app.app, client, 3600).await.unwrap();
        refused(&for_itself(&app, &mac(secret.as_bytes(), &claims(&app, macs.id()))).await, "the secret before");
        let secret = replaced.secret.unwrap();
        assert_eq!(for_itself(&app, &mac(secret.as_bytes(), &claims(&app, macs.id()))).await.status, 200);
        // A disabled one is nobody.
        let settings = ClientSettings { is_disabled: true, ..signing.client.settings.clone() };
        clients::change(&app.app, signing.client.clone(), settings).await.unwrap();
        refused(&for_itself(&app, &key.sign("EdDSA", &claims(&app, signing.id()))).await, "disabled");
    }

    async fn the_secret_that_is_kept_for_macs_goes_when_it_is_not_needed(app: TestApp) {
        let macs = app.client(AuthMethod::ClientSecretJwt, |new| new.grant_types.push(GrantType::ClientCredentials)).await;
        let sealed = macs.client.sealed_secret.clone().expect("sealed");
        assert!(!sealed.contains(macs.secret.as_deref().unwrap()));
        let basic = ClientSettings { auth_method: AuthMethod::ClientSecretBasic, ..macs.client.settings.clone() };
        let client = clients::change(&app.app, macs.client.clone(), basic).await.unwrap();
        assert_eq!(client.sealed_secret, None);
        let answer = macs.post("/token", &[("grant_type", "client_credentials")]).await;
        assert_eq!(answer.status, 200, "the same secret, sent: {}", answer.body);
        // Back again there is only a digest, so it needs a new one.
        let macs_again = ClientSettings { auth_method: AuthMethod::ClientSecretJwt, ..client.settings.clone() };
        let client = clients::change(&app.app, client, macs_again).await.unwrap();
        refused(&for_itself(&app, &mac(macs.secret.as_deref().unwrap().as_bytes(), &claims(&app, macs.id()))).await, "nothing to check it with");
        let replaced = clients::replace_secret(&app.app, client, 0).await.unwrap();
        assert_eq!(for_itself(&app, &mac(replaced.secret.unwrap().as_bytes(), &claims(&app, macs.id()))).await.status, 200);
    }

    async fn keys_at_an_address_are_read_and_read_again(app: TestApp) {
        let elsewhere = Elsewhere::start().await;
        let (old, new) = (ClientKey::new(SigningAlgorithm::EdDsa), ClientKey::new(SigningAlgorithm::EdDsa));
        let set = |keys: &[&ClientKey]| Served::json(&json!({ "keys": keys.iter().map(|key| &key.jwk).collect::<Vec<_>>() }));
        elsewhere.serve("/jwks", set(&[&old]));
        let client = app.client(AuthMethod::PrivateKeyJwt, |new| {
            new.grant_types.push(GrantType::ClientCredentials);
            new.jwks_uri = Some(elsewhere.url("/jwks"));
        }).await;
        let with = async |key: &ClientKey| for_itself(&app, &key.sign("EdDSA", &claims(&app, client.id()))).await.status;
        assert_eq!((with(&old).await, with(&old).await, elsewhere.hits("/jwks")), (200, 200, 1));
        // A new key: looked for at most once a minute, or strangers could send us there as often as they like.
        elsewhere.serve("/jwks", set(&[&old, &new]));
        assert_eq!((with(&new).await, with(&new).await, elsewhere.hits("/jwks")), (401, 401, 1));
        app.advance(60);
        assert_eq!((with(&new).await, with(&old).await, elsewhere.hits("/jwks")), (200, 200, 2));
        // An old key that is gone works for five minutes at most.
        elsewhere.serve("/jwks", set(&[&new]));
        app.advance(299);
        assert_eq!((with(&old).await, elsewhere.hits("/jwks")), (200, 2));
        app.advance(1);
        assert_eq!((with(&old).await, with(&new).await, elsewhere.hits("/jwks")), (401, 200, 3));
        // Nobody gets in by what cannot be read any more.
        elsewhere.serve("/jwks", set(&[&new]).status(500));
        app.advance(300);
        assert_eq!((with(&new).await, with(&new).await, elsewhere.hits("/jwks")), (401, 401, 4));
        elsewhere.serve("/jwks", set(&[&new]));
        app.advance(10);
        assert_eq!(with(&new).await, 200);
    }
}

/// The token endpoint of a node.
async fn ask(node: &App, assertion: &str) -> bool {
    let mut form = fields(assertion).to_vec();
    form.push(("grant_type", "client_credentials"));
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
    let body = Parameters::parse(body.as_bytes()).unwrap();
    let credentials = ClientCredentials::parse(None, &body).unwrap();
    token::token(node, &credentials, &TokenRequest::parse(&body).unwrap())
        .await
        .unwrap()
        .is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_registered() {
    let app = TestApp::start(Database::Sqlite).await;
    let key = ClientKey::new(SigningAlgorithm::Es256);
    let good = json!({ "keys": [key.jwk] });
    let mut private = good.clone();
    private["keys"][0]["d"] = json!("AAAA");
    let weak = json!({ "keys": [{ "kty": "RSA", "e": "AQAB", "n": gatehouse::base::encoding::base64url(&[0xff; 128]) }] });
    let mut long = good.clone();
    long["padding"] = json!("x".repeat(20_000));
    let many = json!({ "keys": vec![key.jwk.clone(); 21] });
    let https = Some("https://app.example/jwks".to_owned());
    for (what, jwks, jwks_uri) in [
        ("neither", None, None),
        ("both", Some(good.clone()), https.clone()),
        ("private", Some(private), None),
        ("weak", Some(weak), None),
        ("long", Some(long), None),
        ("many", Some(many), None),
        ("no set", Some(json!("keys")), None),
        ("http", None, Some("http://app.example/jwks".to_owned())),
        ("no URL", None, Some("jwks".to_owned())),
    ] {
        let settings = ClientSettings {
            name: "App".to_owned(),
            auth_method: AuthMethod::PrivateKeyJwt,
            redirect_uris: vec!["https://app.example/callback".to_owned()],
            jwks,
            jwks_uri,
            ..ClientSettings::default()
        };
        let problems = clients::problems(&settings);
        assert!(
            problems.iter().any(|problem| problem.field.starts_with("jwks")),
            "{what}: {problems:?}"
        );
    }
    assert_eq!(signing_client(&app, &[&key]).await.client.jwks, Some(good));
}

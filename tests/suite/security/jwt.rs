//! JWTs that lie about themselves: about their algorithm, their key, their type, what must be understood; and keys that they bring
//! along or point at (JWT confusion, JWKS spoofing; RFC 8725, RFC 7515 §10). At every place where a JWT is taken.

use gatehouse::base::encoding::{base64url, from_base64url};
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use serde_json::{Value, json};

use crate::support::assertion::{self, ClientKey, fields, mac};
use crate::support::browser::http;
use crate::support::client::{TestClient, send};
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::{Browser, Database, TestApp};

/// Signs any header over any claims, as whoever has the key could.
fn sign(key: &ClientKey, header: &Value, claims: &[u8]) -> String {
    // The signature is made over other bytes of the same length, so the input is put together by hand.
    key.sign_raw(&format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims)))
}

/// Where JWTs are taken, with what is good there.
struct World {
    app: TestApp,
    /// Proves who it is by assertions of `key`
    signing: TestClient,
    program: TestClient,
    key: ClientKey,
    attacker: ClientKey,
    /// A server of the attacker with their keys; nobody must ever come there
    elsewhere: Elsewhere,
}

impl World {
    async fn start() -> Self {
        let app = TestApp::start(Database::Sqlite).await;
        app.user("alice").await;
        let (key, attacker) = (ClientKey::new(SigningAlgorithm::EdDsa), ClientKey::new(SigningAlgorithm::EdDsa));
        let signing = app
            .client(AuthMethod::PrivateKeyJwt, |new| {
                new.grant_types.push(GrantType::ClientCredentials);
                new.jwks = Some(json!({ "keys": [key.jwk] }));
            })
            .await;
        let program = app
            .client(AuthMethod::ClientSecretBasic, |new| {
                new.grant_types.push(GrantType::ClientCredentials);
                new.scope = Scope::parse("openid read vault").unwrap();
                new.may_introspect = true;
            })
            .await;
        crate::vault::workload(&app.app, "agent", program.id()).await;
        let elsewhere = Elsewhere::start().await;
        elsewhere.serve("/keys", Served::json(&json!({ "keys": [attacker.jwk] })));
        Self {
            app,
            signing,
            program,
            key,
            attacker,
            elsewhere,
        }
    }

    /// Whether an assertion proves anything.
    async fn assertion(&self, jwt: &str) -> bool {
        let mut form = fields(jwt).to_vec();
        form.extend([("grant_type", "client_credentials"), ("scope", "read")]);
        let answer = send(http().post(self.app.url("/token")).form(&form)).await;
        assert!(
            answer.status == 200 || answer.error() == "invalid_client" || answer.status == 413,
            "{}",
            answer.body
        );
        answer.status == 200
    }

    /// Whether it is taken for one of our tokens anywhere.
    async fn ours(&self, jwt: &str) -> Vec<&'static str> {
        let mut taken = Vec::new();
        let app = &self.app;
        if self.program.introspect(jwt).await.body["active"] == true {
            taken.push("introspection");
        }
        if http()
            .get(app.url("/userinfo"))
            .header("authorization", format!("Bearer {jwt}"))
            .send()
            .await
            .is_ok_and(|answer| answer.status() == 200)
        {
            taken.push("userinfo");
        }
        let hint = Browser::new().get(&self.program.authorize_url(&[("id_token_hint", jwt)])).await;
        if hint.status == 303 && hint.answer("error").is_none() {
            taken.push("id_token_hint");
        }
        let body = json!({ "workload": "agent", "user_token": jwt });
        let request = http().post(app.url("/api/vault/workload-token"));
        if send(request.basic_auth(self.program.id(), self.program.secret.as_ref()).json(&body))
            .await
            .status
            == 200
        {
            taken.push("user token");
        }
        let api = http()
            .get(app.url("/api/admin/v1/users"))
            .header("authorization", format!("Bearer {jwt}"));
        if api.send().await.is_ok_and(|answer| answer.status() == 200) {
            taken.push("admin API");
        }
        taken
    }
}

/// What a header can say to lead a reader astray. `alg` and `kid` stay as they are unless they are named.
fn lies(jwk: &Value, address: &str) -> Vec<(&'static str, Value)> {
    vec![
        // A key of one's own, brought along or pointed at.
        ("jwk", json!({ "jwk": jwk })),
        ("jku", json!({ "jku": format!("{address}/keys") })),
        ("jku without kid", json!({ "jku": format!("{address}/keys"), "kid": null })),
        ("x5u", json!({ "x5u": format!("{address}/certificate") })),
        ("x5c", json!({ "x5c": ["MIIBkTCB+wIJAKHHIG...="] })),
        ("x5t", json!({ "x5t": "dGVzdA", "x5t#S256": "dGVzdA" })),
        // kid as something else than a name.
        ("kid: a path", json!({ "kid": "../../../../dev/null" })),
        ("kid: a file", json!({ "kid": "/etc/passwd" })),
        ("kid: an address", json!({ "kid": format!("{address}/keys") })),
        ("kid: SQL", json!({ "kid": "x' UNION SELECT 'key' -- " })),
        ("kid: a command", json!({ "kid": "x|id" })),
        ("kid: nothing", json!({ "kid": "" })),
        ("kid: a zero", json!({ "kid": "\u{0}" })),
        ("kid: a number", json!({ "kid": 0 })),
        ("kid: a list", json!({ "kid": ["a"] })),
        ("kid: very long", json!({ "kid": "k".repeat(5000) })),
        // Algorithms.
        ("alg: none", json!({ "alg": "none" })),
        ("alg: None", json!({ "alg": "None" })),
        ("alg: nOnE", json!({ "alg": "nOnE" })),
        ("alg: nothing", json!({ "alg": "" })),
        ("alg: null", json!({ "alg": null })),
        ("alg: HS256", json!({ "alg": "HS256" })),
        ("alg: another for the key", json!({ "alg": "ES256" })),
        ("alg: a list", json!({ "alg": ["EdDSA", "none"] })),
        ("alg: RS1", json!({ "alg": "RS1" })),
        ("alg: dir", json!({ "alg": "dir", "enc": "A256GCM" })),
    ]
}

/// What must be understood or changes what was signed: refused even with the right key.
fn extensions() -> Vec<(&'static str, Value)> {
    vec![
        ("crit: unknown", json!({ "crit": ["urn:unknown"], "urn:unknown": true })),
        ("crit: exp", json!({ "crit": ["exp"], "exp": 1 })),
        ("crit: empty", json!({ "crit": [] })),
        ("crit: no list", json!({ "crit": "b64" })),
        ("b64", json!({ "b64": false, "crit": ["b64"] })),
    ]
}

fn merged(header: &Value, changes: &Value) -> Value {
    let mut header = header.clone();
    for (name, value) in changes.as_object().unwrap() {
        header[name] = value.clone();
    }
    header
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_assertion_that_lies_about_itself_proves_nothing() {
    let world = World::start().await;
    let app = &world.app;
    let good = json!({ "alg": "EdDSA", "kid": world.key.kid, "typ": "JWT" });
    let claims = || assertion::claims(app, world.signing.id()).to_string();
    assert!(
        world.assertion(&sign(&world.key, &good, claims().as_bytes())).await,
        "the honest one is good"
    );
    let address = world.elsewhere.url("");
    for (what, lie) in lies(&world.attacker.jwk, &address) {
        let header = merged(&good, &lie);
        let jwt = sign(&world.attacker, &header, claims().as_bytes());
        assert!(!world.assertion(&jwt).await, "{what}, signed by the attacker");
        let (unsigned, _) = jwt.rsplit_once('.').unwrap();
        for jwt in [format!("{unsigned}."), unsigned.to_owned(), format!("{unsigned}.AA")] {
            assert!(!world.assertion(&jwt).await, "{what}, unsigned");
        }
    }
    for (what, extension) in extensions() {
        let jwt = sign(&world.key, &merged(&good, &extension), claims().as_bytes());
        assert!(!world.assertion(&jwt).await, "{what}, with the right key");
    }
    // A header and claims with a name twice, of which two readers take two.
    let header = format!("{{\"alg\":\"EdDSA\",\"alg\":\"none\",\"kid\":{:?}}}", world.key.kid);
    let twice = world
        .key
        .sign_raw(&format!("{}.{}", base64url(header.as_bytes()), base64url(claims().as_bytes())));
    assert!(!world.assertion(&twice).await, "two algorithms");
    let mut text = claims();
    text.insert_str(1, "\"sub\":\"somebody\",");
    assert!(!world.assertion(&sign(&world.key, &good, text.as_bytes())).await, "two subjects");
    // One in another, one that is compressed, one that is huge, and other alphabets.
    let inner = sign(&world.key, &good, claims().as_bytes());
    assert!(
        !world
            .assertion(&sign(&world.key, &merged(&good, &json!({ "cty": "JWT" })), inner.as_bytes()))
            .await,
        "nested"
    );
    assert!(
        !world
            .assertion(&sign(&world.key, &merged(&good, &json!({ "zip": "DEF" })), &[0x4b, 0x04, 0x00]))
            .await,
        "compressed"
    );
    let mut large = assertion::claims(app, world.signing.id());
    large["padding"] = json!("x".repeat(100_000));
    assert!(
        !world.assertion(&sign(&world.key, &good, large.to_string().as_bytes())).await,
        "huge"
    );
    let [head, body, signature] = inner.split('.').collect::<Vec<_>>()[..] else {
        panic!()
    };
    for (what, jwt) in [
        ("padded", format!("{head}.{body}.{signature}==")),
        ("with a line", format!("{head}.{body}\n.{signature}")),
        ("five parts", format!("{head}.{body}.{signature}.x.y")),
        ("two parts", format!("{head}.{body}")),
        (
            "as JSON",
            json!({ "protected": head, "payload": body, "signature": signature }).to_string(),
        ),
        (
            "as JSON with several",
            json!({ "payload": body, "signatures": [{ "protected": head, "signature": signature }] }).to_string(),
        ),
    ] {
        assert!(!world.assertion(&jwt).await, "{what}");
    }
    assert_eq!(world.elsewhere.connections(), 0, "no header leads anywhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_lies_about_itself_is_none_of_ours() {
    let world = World::start().await;
    let tokens = world.program.tokens("alice", &[("scope", "openid")]).await;
    let address = world.elsewhere.url("");
    for (name, taken) in [
        ("access_token", vec!["introspection", "userinfo", "user token"]),
        ("id_token", vec!["id_token_hint", "user token"]),
    ] {
        let good = tokens.text(name);
        assert_eq!(world.ours(good).await, taken, "{name}: the honest one");
        let header = crate::support::client::jose_header(good);
        let claims = crate::support::client::claims(good).to_string();
        let attacker = ClientKey::new(SigningAlgorithm::Rs256);
        for (what, lie) in lies(&attacker.jwk, &address) {
            let header = merged(&header, &lie);
            let jwt = sign(&attacker, &header, claims.as_bytes());
            let (unsigned, _) = jwt.rsplit_once('.').unwrap();
            for jwt in [jwt.clone(), format!("{unsigned}.")] {
                assert_eq!(world.ours(&jwt).await, [""; 0], "{name}: {what}");
            }
        }
        // Another type, as which it was not made.
        for typ in ["JWT", "at+jwt", "application/at+jwt", "AT+JWT", "", "dpop+jwt", "logout+jwt"] {
            let jwt = sign(&attacker, &merged(&header, &json!({ "typ": typ })), claims.as_bytes());
            assert_eq!(world.ours(&jwt).await, [""; 0], "{name} as {typ}");
        }
        // A MAC by what everybody knows.
        let keys = send(http().get(world.app.url("/jwks"))).await;
        for key in keys.body["keys"].as_array().unwrap() {
            for secret in [
                key.to_string(),
                key["kid"].as_str().unwrap().to_owned(),
                key["x"].as_str().unwrap_or("x").to_owned(),
            ] {
                assert_eq!(
                    world.ours(&mac(secret.as_bytes(), &serde_json::from_str(&claims).unwrap())).await,
                    [""; 0]
                );
            }
        }
        let [head, body, signature] = good.split('.').collect::<Vec<_>>()[..] else {
            panic!()
        };
        let other = base64url(
            &from_base64url(body)
                .map(|mut text| {
                    text.insert(1, b' ');
                    text
                })
                .unwrap(),
        );
        for jwt in [
            format!("{head}.{other}.{signature}"),
            format!("{head}.{body}.{signature}="),
            format!("{head}.{body}.{}", &signature[..signature.len() - 4]),
            format!("{head}..{signature}"),
            format!(".{body}.{signature}"),
            format!("{head}.{body}.{signature}.{signature}"),
            format!("{head}.{body}.{}", "A".repeat(signature.len())),
        ] {
            assert_eq!(world.ours(&jwt).await, [""; 0], "{name}: {jwt}");
        }
    }
    assert_eq!(world.elsewhere.connections(), 0, "no header leads anywhere");
}

/// A signature may be written in one way only: otherwise somebody who lists tokens that were used could be passed with another
/// spelling (malleability).
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_has_one_spelling() {
    let world = World::start().await;
    let good = json!({ "alg": "EdDSA", "kid": world.key.kid });
    let claims = assertion::claims(&world.app, world.signing.id()).to_string();
    let jwt = sign(&world.key, &good, claims.as_bytes());
    // The last character carries bits that belong to no byte.
    let last = jwt.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.find(last).unwrap();
    let mut sibling = jwt[..jwt.len() - 1].to_owned();
    sibling.push(alphabet.chars().nth(at ^ 1).unwrap());
    assert!(!world.assertion(&sibling).await);
    let ordinary = jwt.replace('-', "+").replace('_', "/");
    if ordinary != jwt {
        assert!(!world.assertion(&ordinary).await, "the other alphabet");
    }
    // And an assertion that was used is used, whatever its spelling.
    assert!(world.assertion(&jwt).await);
    assert!(!world.assertion(&jwt).await);
}

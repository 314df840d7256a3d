//! JWTs that lie about themselves: about their algorithm, their key, their type, what must be understood; and keys that they bring
//! along or point at (JWT confusion, JWKS spoofing; RFC 8725, RFC 7515 §10). At every place where a JWT is taken.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::base::encoding::{base64url, from_base64url};
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use rsa::RsaPublicKey;
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
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
        Self::signing(SigningAlgorithm::Rs256).await
    }

    /// One in which the tokens of the program are signed by this algorithm.
    async fn signing(algorithm: SigningAlgorithm) -> Self {
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
                new.signing_algorithm = algorithm;
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

/// What is in a JWK, in the forms in which libraries keep keys: a reader that takes the algorithm from the header would take any of
/// them for the secret of a MAC.
fn public_forms(jwk: &Value) -> Vec<(&'static str, Vec<u8>)> {
    let number = |name: &str| from_base64url(jwk[name].as_str().unwrap_or_default()).expect("base64url");
    let (n, x, y) = (number("n"), number("x"), number("y"));
    // In DER a number whose first bit is set would be a negative one.
    let integer = |bytes: &[u8]| der(0x02, &[&[0][..], bytes].concat());
    let rsa = der(0x30, &[integer(&n), der(0x02, &number("e"))].concat());
    let point = [&[4][..], &x, &y].concat();
    // AlgorithmIdentifier (RFC 8017 §A.1, RFC 5480 §2.1.1, RFC 8410 §3) and the key.
    let (algorithm, key): (&[u8], &[u8]) = match jwk["kty"].as_str() {
        Some("RSA") => (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00", &rsa),
        Some("EC") => (
            b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
            &point,
        ),
        _ => (b"\x06\x03\x2b\x65\x70", &x),
    };
    let spki = der(0x30, &[der(0x30, algorithm), der(0x03, &[&[0][..], key].concat())].concat());
    let spki_pem = pem("PUBLIC KEY", &spki);
    let mut forms = vec![
        ("PEM without its last break", spki_pem.trim_end().as_bytes().to_vec()),
        ("PEM with CRLF", spki_pem.replace('\n', "\r\n").into_bytes()),
        ("PEM", spki_pem.into_bytes()),
        ("DER", spki),
        ("JWK", jwk.to_string().into_bytes()),
        ("kid", jwk["kid"].as_str().expect("a kid").as_bytes().to_vec()),
        ("nothing", Vec::new()),
    ];
    if n.is_empty() {
        forms.extend([
            ("x as text", jwk["x"].as_str().expect("x").as_bytes().to_vec()),
            ("the point", point),
            ("x", x),
        ]);
    } else {
        forms.extend([
            ("PEM of PKCS #1", pem("RSA PUBLIC KEY", &rsa).into_bytes()),
            ("DER of PKCS #1", rsa),
            ("modulus as text", jwk["n"].as_str().expect("n").as_bytes().to_vec()),
            ("modulus", n),
        ]);
    }
    forms
}

/// Tag, length and content (X.690 §8.1).
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("a short one").to_be_bytes();
    let head = match content.len() {
        ..0x80 => vec![tag, length[1]],
        0x80..0x100 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [&head, content].concat()
}

/// Base64 in lines of 64 characters (RFC 7468 §2).
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The best known confusion: a MAC, whose secret is the public key that everybody has. With a header that is otherwise the one of an
/// honest token, for tokens of each algorithm, and each of our keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_public_key_is_a_secret() {
    let mut tried = 0;
    for algorithm in SigningAlgorithm::ALL {
        let world = World::signing(algorithm).await;
        let jwks = send(http().get(world.app.url("/jwks"))).await;
        let keys = jwks.body["keys"].as_array().unwrap();
        let tokens = world.program.tokens("alice", &[("scope", "openid")]).await;
        for (name, taken) in [("access_token", "userinfo"), ("id_token", "id_token_hint")] {
            let good = tokens.text(name);
            let header = crate::support::client::jose_header(good);
            assert_eq!(header["alg"], algorithm.as_str(), "{name}");
            assert!(world.ours(good).await.contains(&taken), "{name} of {algorithm}: the honest one");
            let payload = good.split('.').nth(1).unwrap();
            for key in keys {
                let macs = [
                    ("HS256", hmac::HMAC_SHA256),
                    ("HS384", hmac::HMAC_SHA384),
                    ("HS512", hmac::HMAC_SHA512),
                ];
                for (form, secret) in public_forms(key) {
                    // The longer ones for what is usual only: they go the same way.
                    let macs = if form == "PEM" { &macs[..] } else { &macs[..1] };
                    for (mac, kind) in macs {
                        let header = merged(&header, &json!({ "alg": mac, "kid": key["kid"] }));
                        let input = format!("{}.{payload}", base64url(header.to_string().as_bytes()));
                        let tag = hmac::sign(&hmac::Key::new(*kind, &secret), input.as_bytes());
                        let jwt = format!("{input}.{}", base64url(tag.as_ref()));
                        assert_eq!(
                            world.ours(&jwt).await,
                            [""; 0],
                            "{name} of {algorithm}, {mac} by {form} of {}",
                            key["alg"]
                        );
                        tried += 1;
                    }
                }
            }
        }
    }
    assert!(tried > 180, "only {tried}");
}

/// The forms are what they are called.
#[test]
fn a_key_is_read_from_its_forms() {
    let key = ClientKey::new(SigningAlgorithm::Rs256);
    for (form, bytes) in public_forms(&key.jwk) {
        let read = match form {
            "PEM" => RsaPublicKey::from_public_key_pem(std::str::from_utf8(&bytes).unwrap()).unwrap(),
            "DER" => RsaPublicKey::from_public_key_der(&bytes).unwrap(),
            "DER of PKCS #1" => RsaPublicKey::from_pkcs1_der(&bytes).unwrap(),
            _ => continue,
        };
        assert_eq!(base64url(&read.n().to_bytes_be()), key.jwk["n"].as_str().unwrap(), "{form}");
    }
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa] {
        let key = ClientKey::new(algorithm);
        let der = public_forms(&key.jwk).into_iter().find(|(form, _)| *form == "DER").unwrap().1;
        let kind: &'static dyn VerificationAlgorithm = match algorithm {
            SigningAlgorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
            _ => &ED25519,
        };
        // aws-lc-rs reads SubjectPublicKeyInfo as it is.
        let jwt = key.sign_raw("a.b");
        let signature = from_base64url(jwt.rsplit('.').next().unwrap()).unwrap();
        assert!(UnparsedPublicKey::new(kind, &der).verify(b"a.b", &signature).is_ok(), "{algorithm}");
    }
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

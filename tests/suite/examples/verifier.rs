//! How the programs of `docs/protect-an-api/rust.md` keep the issuer's keys: not asked for more than needed, not kept
//! for ever.

#[path = "../../../examples/protected_api/tokens.rs"]
#[allow(dead_code, reason = "scopes are looked at elsewhere")]
mod tokens;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::signature::Ed25519KeyPair;
use gatehouse::base::encoding::base64url;
use gatehouse::base::random::Random;
use gatehouse::keys::signing::{GeneratedKey, generate};
use gatehouse::model::signing_key::SigningAlgorithm;
use serde_json::{Value, json};

use crate::support::assertion::input;
use crate::support::elsewhere::{Elsewhere, Served};
use tokens::{AccessToken, TokenError, Verifier};

const KEYS: &str = "/keys";
const RESOURCE: &str = "https://notes.example";

/// An issuer with these keys, and one who checks its tokens.
struct Scene {
    issuer: Elsewhere,
    verifier: Arc<Verifier>,
}

impl Scene {
    async fn new(keys: &[&GeneratedKey], pause: Duration, max_age: Duration) -> Self {
        let issuer = Elsewhere::start().await;
        let metadata = json!({ "issuer": issuer.url(""), "jwks_uri": issuer.url(KEYS) });
        issuer.serve("/.well-known/openid-configuration", Served::json(&metadata));
        issuer.serve(KEYS, tell(keys));
        let mut verifier = Verifier::discover(&issuer.url(""), RESOURCE).await.expect("an issuer");
        (verifier.pause, verifier.max_age) = (pause, max_age);
        Self {
            issuer,
            verifier: Arc::new(verifier),
        }
    }

    fn token(&self, key: &GeneratedKey, lifetime: i64) -> String {
        let claims = json!({
            "iss": self.issuer.url(""), "aud": RESOURCE, "sub": "eve", "client_id": "agent", "scope": "notes:read",
            "exp": now() + lifetime,
        });
        let input = input(&json!({ "alg": "EdDSA", "kid": key.id, "typ": "at+jwt" }), &claims);
        let pair = Ed25519KeyPair::from_pkcs8(&key.pkcs8).expect("a key");
        format!("{input}.{}", base64url(pair.sign(input.as_bytes()).as_ref()))
    }

    async fn verify(&self, token: &str) -> Result<AccessToken, TokenError> {
        self.verifier.verify(token).await
    }

    /// How often the keys were asked for since it began.
    fn asked(&self) -> usize {
        self.issuer.hits(KEYS) - 1
    }
}

#[expect(clippy::disallowed_methods, reason = "the programs of the page look at the real time")]
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("a time")
}

fn key() -> GeneratedKey {
    generate(SigningAlgorithm::EdDsa, &Random::system()).expect("a key")
}

/// The answer with these keys.
fn tell(keys: &[&GeneratedKey]) -> Served {
    let keys = keys.iter().map(|key| serde_json::from_str(&key.public_jwk).expect("JSON"));
    let keys: Vec<Value> = keys.collect();
    Served::json(&json!({ "keys": keys }))
}

const LONG: Duration = Duration::from_mins(10);
const NONE: Duration = Duration::ZERO;

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_is_taken_until_it_expires() {
    let key = key();
    let scene = Scene::new(&[&key], LONG, LONG).await;
    let token = scene.verify(&scene.token(&key, 60)).await.expect("a good token");
    assert_eq!((token.sub.as_str(), token.scope.as_str()), ("eve", "notes:read"));
    for lifetime in [-1, -30] {
        let outcome = scene.verify(&scene.token(&key, lifetime)).await;
        assert!(matches!(outcome, Err(TokenError::Invalid)), "{lifetime}: {outcome:?}");
    }
    assert_eq!(scene.asked(), 0, "nobody is asked about keys that are known");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_unknown_keys_are_one_question() {
    let (old, new) = (key(), key());
    let pause = Duration::from_secs(2);
    let scene = Arc::new(Scene::new(&[&old], pause, LONG).await);
    tokio::time::sleep(pause).await;
    scene.issuer.serve(
        KEYS,
        Served {
            delay: Duration::from_millis(100),
            ..tell(&[&old, &new])
        },
    );
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (scene, token) = (Arc::clone(&scene), scene.token(&new, 60));
            tokio::spawn(async move { scene.verify(&token).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic").expect("all that wait for the new key get it");
    }
    assert_eq!(scene.asked(), 1);
    // In the pause that follows, invented keys are no reason to ask.
    for _ in 0..10 {
        let outcome = scene.verify(&scene.token(&key(), 60)).await;
        assert!(matches!(outcome, Err(TokenError::Invalid)), "{outcome:?}");
    }
    assert_eq!(scene.asked(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_fails_is_left_in_peace() {
    let (known, unknown) = (key(), key());
    let pause = Duration::from_secs(2);
    let scene = Scene::new(&[&known], pause, NONE).await;
    scene.issuer.serve(KEYS, Served::json(&Value::Null).status(503));
    tokio::time::sleep(pause).await;
    for _ in 0..10 {
        let outcome = scene.verify(&scene.token(&unknown, 60)).await;
        assert!(matches!(outcome, Err(TokenError::KeysUnavailable(_))), "{outcome:?}");
        // It withdraws nothing while it does not answer.
        scene.verify(&scene.token(&known, 60)).await.expect("a good token");
    }
    assert_eq!(scene.asked(), 1, "a failure counts, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_takes_nothing_from_the_others() {
    let (old, new) = (key(), key());
    let pause = Duration::from_secs(1);
    let scene = Scene::new(&[&old], pause, LONG).await;
    scene.issuer.serve(
        KEYS,
        Served {
            delay: Duration::from_millis(200),
            ..tell(&[&old, &new])
        },
    );
    tokio::time::sleep(pause).await;
    let (invented, good) = (scene.token(&key(), 60), scene.token(&new, 60));
    let impatient = tokio::time::timeout(Duration::from_millis(100), scene.verify(&invented)).await;
    assert!(impatient.is_err(), "it hung up while the issuer was asked");
    scene.verify(&good).await.expect("the answer came all the same");
    assert_eq!(scene.asked(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_withdrawn_is_soon_good_for_nothing() {
    let (old, new) = (key(), key());
    let max_age = Duration::from_secs(1);
    let scene = Scene::new(&[&old], NONE, max_age).await;
    let token = scene.token(&old, 60);
    scene.issuer.serve(KEYS, tell(&[&new]));
    tokio::time::sleep(max_age).await;
    let outcome = scene.verify(&token).await;
    assert!(matches!(outcome, Err(TokenError::Invalid)), "{outcome:?}");
    scene.verify(&scene.token(&new, 60)).await.expect("the new key");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_from_nowhere_else() {
    let (known, theirs) = (key(), key());
    let scene = Scene::new(&[&known], NONE, LONG).await;
    scene.issuer.serve("/elsewhere", tell(&[&theirs]));
    scene
        .issuer
        .serve(KEYS, Served::json(&Value::Null).status(302).with("location", "/elsewhere"));
    let outcome = scene.verify(&scene.token(&theirs, 60)).await;
    assert!(matches!(outcome, Err(TokenError::KeysUnavailable(_))), "{outcome:?}");
    assert_eq!(scene.issuer.hits("/elsewhere"), 0);
}

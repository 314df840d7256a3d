//! What a request cannot do without, function by function: parsing, comparing, sealing, signing and verifying.
//!
//! `cargo bench --bench functions`, and what criterion takes besides: a part of a name, `--save-baseline`, `--baseline`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot begin ends")]

use std::hint::black_box;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use gatehouse::base::clock::Clock;
use gatehouse::base::digest::{MacKey, sha256_text};
use gatehouse::base::id::new_id;
use gatehouse::base::random::Random;
use gatehouse::keys::rotation::seal_key;
use gatehouse::keys::secrets::Secrets;
use gatehouse::keys::signing::{KeyPair, TYP_ACCESS_TOKEN, generate};
use gatehouse::model::client::{Client, ClientOrigin, ClientSettings};
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::protocol::authorization_request::AuthorizationRequest;
use gatehouse::protocol::client_authentication::ClientCredentials;
use gatehouse::protocol::parameters::Parameters;
use gatehouse::protocol::pkce::{self, CodeChallenge};
use gatehouse::protocol::redirect_uri;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::TokenRequest;
use gatehouse::protocol::tokens::RefreshToken;
use secrecy::SecretString;

const AUTHORIZATION: &[u8] =
    b"response_type=code&client_id=01a21a4531bf7e9580d8bd4b03b194ad&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback\
    &scope=openid%20profile%20email%20offline_access&state=af0ifjsldkj&nonce=n-0S6_WzA2Mj\
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
const TOKEN: &[u8] =
    b"grant_type=refresh_token&refresh_token=ghr_AaIaRTG_fpWA2L1LA7GUrQAAAAHZ2gRDXkZVx2zLrXb4yhU7t4k9jmRj&scope=openid%20profile";
/// `client:a secret of forty-three characters, as they are made`
const BASIC: &str = "Basic Y2xpZW50OmEgc2VjcmV0IG9mIGZvcnR5LXRocmVlIGNoYXJhY3RlcnMsIGFzIHRoZXkgYXJlIG1hZGU=";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// As long as the claims of an access token.
const CLAIMS: [u8; 400] = [b'c'; 400];
/// A moment that does not move.
const NOW: i64 = 1_800_000_000;

/// Measures something after it was seen to come out right once: what has begun to fail early would look like a speed-up.
fn measure<T>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, is_right: impl FnOnce(&T) -> bool, work: impl Fn() -> T) {
    assert!(is_right(&work()), "{name} does not come out right");
    group.bench_function(name, |bench| bench.iter(&work));
}

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parsing");
    measure(&mut group, "an authorization request", Option::is_some, || {
        AuthorizationRequest::parse(&Parameters::parse(black_box(AUTHORIZATION)).ok()?).ok()
    });
    measure(&mut group, "a token request", Option::is_some, || {
        TokenRequest::parse(&Parameters::parse(black_box(TOKEN)).ok()?).ok()
    });
    let body = Parameters::default();
    let has_secret = |credentials: &Option<ClientCredentials>| credentials.as_ref().is_some_and(|client| client.secret.is_some());
    measure(&mut group, "a client's credentials", has_secret, || {
        ClientCredentials::parse(Some(black_box(BASIC)), &body).ok()
    });
    measure(&mut group, "a scope", Option::is_some, || {
        Scope::parse(black_box("openid profile email offline_access")).ok()
    });
    group.finish();
}

/// A client whose secret is [`VERIFIER`].
fn client_with_a_secret() -> Client {
    Client {
        id: "client".to_owned(),
        origin: ClientOrigin::Operator,
        secret_hash: Some(sha256_text(VERIFIER)),
        previous_secret_hash: None,
        previous_secret_expires_at: None,
        sealed_secret: None,
        registration_token_hash: None,
        registration_mark: None,
        document_expires_at: None,
        token_generation: 1,
        settings: ClientSettings::default(),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

fn comparing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("comparing");
    let is_so = |is_so: &bool| *is_so;
    let challenge = CodeChallenge::of(VERIFIER);
    measure(&mut group, "a code verifier", is_so, || {
        pkce::verify(Some(&challenge), Some(black_box(VERIFIER))).is_ok()
    });
    let client = client_with_a_secret();
    assert!(!client.has_secret(BASIC, NOW), "a wrong secret is right");
    measure(&mut group, "a client secret", is_so, || client.has_secret(black_box(VERIFIER), NOW));
    measure(&mut group, "a redirect URI", is_so, || {
        redirect_uri::matches("https://app.example/callback", black_box("https://app.example/callback"))
    });
    measure(&mut group, "a redirect URI of the loopback", is_so, || {
        redirect_uri::matches("http://127.0.0.1/callback", black_box("http://127.0.0.1:49152/callback"))
    });
    let key = MacKey::new(&[7; 32]);
    let mac = |id: &[u8; 16], generation: u32| key.mac(&[id, &generation.to_be_bytes()]);
    let token = RefreshToken::new(&new_id(&Clock::system(), &Random::system()), 1, mac);
    let token = token.expect("an id of ours").to_text();
    measure(&mut group, "a refresh token", is_so, || {
        RefreshToken::parse(black_box(&token)).is_some_and(|token| token.is_authentic(mac))
    });
    group.finish();
}

fn sealing(criterion: &mut Criterion) {
    let random = Random::system();
    let secrets = Secrets::derive(&SecretString::from("a secret for measuring, of more than 32 characters")).expect("keys");
    let sealed = secrets.access_token.seal(&random, b"context", &CLAIMS).expect("a sealed text");
    let mut group = criterion.benchmark_group("opaque access token");
    measure(&mut group, "seal", Result::is_ok, || {
        secrets.access_token.seal(&random, b"context", black_box(&CLAIMS))
    });
    measure(&mut group, "open", Option::is_some, || {
        secrets.access_token.open(b"context", black_box(&sealed))
    });
    group.finish();
}

/// Beside ES256 by the library alone: what is around a signature.
#[expect(clippy::disallowed_types, reason = "aws-lc-rs signs only with its own generator")]
fn signing(criterion: &mut Criterion) {
    let random = Random::system();
    let secrets = Secrets::derive(&SecretString::from("a secret for measuring, of more than 32 characters")).expect("keys");
    let mut group = criterion.benchmark_group("JWT");
    for algorithm in SigningAlgorithm::ALL {
        let key = generate(algorithm, &random).expect("a key");
        let record = seal_key(&key, algorithm, &secrets.signing_key, &random, NOW, NOW).expect("a sealed key");
        let pair = KeyPair::open(record, &secrets.signing_key).expect("a key that opens");
        let token = pair.sign(TYP_ACCESS_TOKEN, &CLAIMS).expect("a token");
        measure(&mut group, &format!("sign with {algorithm}"), Result::is_ok, || {
            pair.sign(TYP_ACCESS_TOKEN, black_box(&CLAIMS))
        });
        let is_what_was_signed = |claims: &Option<Vec<u8>>| claims.as_deref() == Some(&CLAIMS[..]);
        measure(&mut group, &format!("verify {algorithm}"), is_what_was_signed, || {
            pair.claims(black_box(&token))
        });
    }
    let bare = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let source = aws_lc_rs::rand::SystemRandom::new();
    measure(&mut group, "ES256 by the library alone", Result::is_ok, || {
        bare.sign(&source, black_box(&CLAIMS)).map(|signature| signature.as_ref().len())
    });
    group.finish();
}

criterion_group!(functions, parsing, comparing, sealing, signing);
criterion_main!(functions);

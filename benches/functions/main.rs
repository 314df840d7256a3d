//! What a request cannot do without, function by function: parsing, comparing, sealing, signing and verifying.
//!
//! `cargo bench --bench functions`, and what criterion takes besides: a part of a name, `--save-baseline`, `--baseline`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot begin ends")]

use std::hint::black_box;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use criterion::{Criterion, criterion_group, criterion_main};
use gatehouse::base::clock::Clock;
use gatehouse::base::digest::{MacKey, sha256_text};
use gatehouse::base::id::new_id;
use gatehouse::base::random::Random;
use gatehouse::keys::rotation::seal_key;
use gatehouse::keys::secrets::Secrets;
use gatehouse::keys::signing::{KeyPair, TYP_ACCESS_TOKEN, generate};
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

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parsing");
    group.bench_function("an authorization request", |bench| {
        bench.iter(|| AuthorizationRequest::parse(&Parameters::parse(black_box(AUTHORIZATION)).ok()?).ok());
    });
    group.bench_function("a token request", |bench| {
        bench.iter(|| TokenRequest::parse(&Parameters::parse(black_box(TOKEN)).ok()?).ok());
    });
    let body = Parameters::default();
    group.bench_function("a client's credentials", |bench| {
        bench.iter(|| ClientCredentials::parse(Some(black_box(BASIC)), &body).ok());
    });
    group.bench_function("a scope", |bench| {
        bench.iter(|| Scope::parse(black_box("openid profile email offline_access")).ok());
    });
    group.finish();
}

fn comparing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("comparing");
    let challenge = CodeChallenge::of(VERIFIER);
    group.bench_function("a code verifier", |bench| {
        bench.iter(|| pkce::verify(Some(&challenge), Some(black_box(VERIFIER))).is_ok());
    });
    group.bench_function("a client secret", |bench| bench.iter(|| sha256_text(black_box(VERIFIER))));
    group.bench_function("a redirect URI", |bench| {
        bench.iter(|| redirect_uri::matches("https://app.example/callback", black_box("https://app.example/callback")));
    });
    group.bench_function("a redirect URI of the loopback", |bench| {
        bench.iter(|| redirect_uri::matches("http://127.0.0.1/callback", black_box("http://127.0.0.1:49152/callback")));
    });
    let key = MacKey::new(&[7; 32]);
    let mac = |id: &[u8; 16], generation: u32| key.mac(&[id, &generation.to_be_bytes()]);
    let token = RefreshToken::new(&new_id(&Clock::system(), &Random::system()), 1, mac).map(|token| token.to_text());
    let token = token.unwrap_or_default();
    group.bench_function("a refresh token", |bench| {
        bench.iter(|| RefreshToken::parse(black_box(&token)).is_some_and(|token| token.is_authentic(mac)));
    });
    group.finish();
}

fn sealing(criterion: &mut Criterion) {
    let random = Random::system();
    let secrets = Secrets::derive(&SecretString::from("a secret for measuring, of more than 32 characters")).expect("keys");
    let sealed = secrets.access_token.seal(&random, b"context", &CLAIMS).expect("a sealed text");
    let mut group = criterion.benchmark_group("opaque access token");
    group.bench_function("seal", |bench| {
        bench.iter(|| secrets.access_token.seal(&random, b"context", black_box(&CLAIMS)));
    });
    group.bench_function("open", |bench| {
        bench.iter(|| secrets.access_token.open(b"context", black_box(&sealed)));
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
        group.bench_function(format!("sign with {algorithm}"), |bench| {
            bench.iter(|| pair.sign(TYP_ACCESS_TOKEN, black_box(&CLAIMS)));
        });
        group.bench_function(format!("verify {algorithm}"), |bench| bench.iter(|| pair.claims(black_box(&token))));
    }
    let bare = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let source = aws_lc_rs::rand::SystemRandom::new();
    group.bench_function("ES256 by the library alone", |bench| {
        bench.iter(|| bare.sign(&source, black_box(&CLAIMS)).map(|signature| signature.as_ref().len()));
    });
    group.finish();
}

criterion_group!(functions, parsing, comparing, sealing, signing);
criterion_main!(functions);

//! A real relying party: the `openidconnect` crate, over loopback TCP, at the machine's time.

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreIdTokenClaims, CoreProviderMetadata, CoreUserInfoClaims};
use openidconnect::{
    AccessTokenHash, AdditionalProviderMetadata, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse,
    IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, ProviderMetadata, RedirectUrl, RevocationUrl, Scope, TokenResponse,
};
use serde::{Deserialize, Serialize};

use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::protocol::client_authentication::AuthMethod;

use crate::support::app::Options;
use crate::support::browser::http;
use crate::support::{Browser, Database, TestApp};

/// What `openidconnect` does not read by itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Revocation {
    revocation_endpoint: RevocationUrl,
}
impl AdditionalProviderMetadata for Revocation {}

type Metadata = ProviderMetadata<
    Revocation,
    openidconnect::core::CoreAuthDisplay,
    openidconnect::core::CoreClientAuthMethod,
    openidconnect::core::CoreClaimName,
    openidconnect::core::CoreClaimType,
    openidconnect::core::CoreGrantType,
    openidconnect::core::CoreJweContentEncryptionAlgorithm,
    openidconnect::core::CoreJweKeyManagementAlgorithm,
    openidconnect::core::CoreJsonWebKey,
    openidconnect::core::CoreResponseMode,
    openidconnect::core::CoreResponseType,
    openidconnect::core::CoreSubjectIdentifierType,
>;

/// The crate's requests, sent by the same HTTP client as everything else here.
async fn call(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let (parts, body) = request.into_parts();
    // The crate insists on https for revocation, even on the loopback interface; the wire is http here.
    let uri = parts.uri.to_string().replacen("https://127.0.0.1", "http://127.0.0.1", 1);
    let response = http().request(parts.method, uri).headers(parts.headers).body(body).send().await?;
    let mut answer = openidconnect::http::Response::builder().status(response.status());
    for (name, value) in response.headers() {
        answer = answer.header(name, value);
    }
    Ok(answer.body(response.bytes().await?.to_vec()).expect("a response"))
}

async fn round_trip(database: Database, auth_method: AuthMethod, algorithm: SigningAlgorithm) {
    let app = TestApp::start_with(
        database,
        Options {
            real_time: true,
            ..Options::default()
        },
    )
    .await;
    let user = app.user("alice").await;
    let registered = app.client(auth_method, |new| new.signing_algorithm = algorithm).await;

    let issuer = IssuerUrl::new(app.base.clone()).unwrap();
    let metadata = CoreProviderMetadata::discover_async(issuer.clone(), &call)
        .await
        .expect("discovery");
    let revocation = Metadata::discover_async(issuer, &call)
        .await
        .expect("discovery")
        .additional_metadata()
        .revocation_endpoint
        .to_string();
    let client = CoreClient::from_provider_metadata(
        metadata,
        ClientId::new(registered.id().to_owned()),
        registered.secret.clone().map(ClientSecret::new),
    )
    .set_redirect_uri(RedirectUrl::new(registered.redirect_uri.clone()).unwrap())
    .set_revocation_url(RevocationUrl::new(revocation.replacen("http://", "https://", 1)).unwrap());

    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(["profile", "email", "offline_access"].map(|scope| Scope::new(scope.to_owned())))
        .set_pkce_challenge(challenge)
        .url();
    let browser = Browser::new();
    let page = browser.visit(url.as_str()).await;
    let page = browser.sign_in(&page, "alice", "alice").await;
    let page = browser.decide(&page, "allow").await;
    assert_eq!(page.answer("state").as_deref(), Some(state.secret().as_str()));

    let code = AuthorizationCode::new(page.answer("code").expect("a code"));
    let tokens = client
        .exchange_code(code)
        .unwrap()
        .set_pkce_verifier(verifier)
        .request_async(&call)
        .await
        .expect("tokens");
    let id_token = tokens.id_token().expect("an ID token");
    let id_verifier = client.id_token_verifier();
    let claims: &CoreIdTokenClaims = id_token.claims(&id_verifier, &nonce).expect("a valid ID token");
    assert_eq!(claims.subject().as_str(), user.id);
    let actual = AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg().unwrap(),
        id_token.signing_key(&id_verifier).unwrap(),
    )
    .unwrap();
    assert_eq!(claims.access_token_hash(), Some(&actual));

    let userinfo: CoreUserInfoClaims = client
        .user_info(tokens.access_token().clone(), Some(claims.subject().clone()))
        .unwrap()
        .request_async(&call)
        .await
        .expect("userinfo");
    assert_eq!(userinfo.email().map(|email| email.as_str()), Some("alice@example.com"));

    let refresh_token = tokens.refresh_token().expect("a refresh token").clone();
    let refreshed = client
        .exchange_refresh_token(&refresh_token)
        .unwrap()
        .request_async(&call)
        .await
        .expect("refreshed tokens");
    let next = refreshed.refresh_token().expect("a rotated refresh token").clone();
    assert_ne!(next.secret(), refresh_token.secret());
    let again = refreshed
        .id_token()
        .expect("an ID token")
        .claims(&client.id_token_verifier(), |_: Option<&Nonce>| Ok(()))
        .expect("a valid ID token");
    assert_eq!(again.subject(), claims.subject());

    client
        .revoke_token(next.clone().into())
        .unwrap()
        .request_async(&call)
        .await
        .expect("revocation");
    client
        .exchange_refresh_token(&next)
        .unwrap()
        .request_async(&call)
        .await
        .expect_err("it is revoked");
    let userinfo: Result<CoreUserInfoClaims, _> = client
        .user_info(refreshed.access_token().clone(), None)
        .unwrap()
        .request_async(&call)
        .await;
    userinfo.expect_err("and so is what came of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_public_rs256() {
    round_trip(Database::Sqlite, AuthMethod::None, SigningAlgorithm::Rs256).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_basic_es256() {
    round_trip(Database::Postgres, AuthMethod::ClientSecretBasic, SigningAlgorithm::Es256).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_basic_eddsa() {
    round_trip(Database::MySql, AuthMethod::ClientSecretBasic, SigningAlgorithm::EdDsa).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_public_rs256() {
    round_trip(Database::Postgres, AuthMethod::None, SigningAlgorithm::Rs256).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_basic_rs256() {
    round_trip(Database::MySql, AuthMethod::ClientSecretBasic, SigningAlgorithm::Rs256).await;
}

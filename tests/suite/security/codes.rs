//! Codes in wrong hands: injected, taken to another client, with another verifier or none, and requests that are made weaker on
//! the way (RFC 9700 §4.5, §4.8). What races come to is in `races`, on every database.

use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::pkce::CodeChallenge;
use gatehouse::protocol::token_request::GrantType;

use crate::support::browser::http;
use crate::support::client::{Answer, TestClient, VERIFIER, claims, send};
use crate::support::{Browser, Database, TestApp};

/// The verifier of somebody else's session.
const ANOTHER: &str = "another-verifier-that-is-long-enough-for-the-grammar";

async fn redeem(client: &TestClient, code: &str, changes: &[(&str, &str)]) -> Answer {
    let usual = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", client.redirect_uri.as_str()),
        ("code_verifier", VERIFIER),
    ];
    let kept = usual
        .into_iter()
        .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let fields: Vec<(&str, &str)> = kept.chain(changes.iter().copied().filter(|(_, value)| !value.is_empty())).collect();
    client.post("/token", &fields).await
}

/// A code that was stolen from one session and is put into another: the client sends the verifier of its own session, which
/// is not the one of the code. The nonce would show it, too.
#[tokio::test(flavor = "multi_thread")]
async fn an_injected_code_is_worth_nothing() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    app.user("mallory").await;
    for client in [app.trusted_client().await, app.confidential_client().await] {
        let stolen = client.code("alice", &[("nonce", "of alice")]).await;
        let own = CodeChallenge::of(ANOTHER);
        let page = client
            .authorize(
                &Browser::new(),
                "mallory",
                &[("code_challenge", own.as_str()), ("nonce", "of mallory")],
            )
            .await;
        let code_of_mallory = page.answer("code").expect("a code");
        let injected = redeem(&client, &stolen, &[("code_verifier", ANOTHER)]).await;
        assert_eq!((injected.status, injected.error()), (400, "invalid_grant"));
        // Whoever stole it did not use it up, and the way around does not go either.
        assert_eq!(redeem(&client, &code_of_mallory, &[]).await.error(), "invalid_grant");
        let tokens = redeem(&client, &stolen, &[]).await;
        assert_eq!(claims(tokens.text("id_token"))["nonce"], "of alice");
        let tokens = redeem(&client, &code_of_mallory, &[("code_verifier", ANOTHER)]).await;
        assert_eq!(claims(tokens.text("id_token"))["nonce"], "of mallory");
    }
}

/// Parts of codes do not add up to another one.
#[tokio::test(flavor = "multi_thread")]
async fn parts_of_two_codes_are_no_code() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app.trusted_client().await;
    let (first, second) = (client.code("alice", &[]).await, client.code("alice", &[]).await);
    assert_eq!(first.len(), second.len());
    for at in [4, first.len() / 4, first.len() / 2, first.len() - 4] {
        let mixed = format!("{}{}", &first[..at], &second[at..]);
        if mixed != first && mixed != second {
            assert_eq!(redeem(&client, &mixed, &[]).await.error(), "invalid_grant", "{at}");
        }
    }
    for bent in [
        first.to_uppercase(),
        format!("{first}="),
        format!("{first}\n"),
        format!(" {first}"),
        first.replace("ghc_", ""),
        first.replace("ghc_", "GHC_"),
        format!("ghc_{first}"),
    ] {
        assert_eq!(redeem(&client, &bent, &[]).await.error(), "invalid_grant", "{bent}");
    }
    assert_eq!(redeem(&client, &first, &[]).await.status, 200);
    assert_eq!(redeem(&client, &second, &[]).await.status, 200);
}

/// Whoever takes the challenge out of a request does not get around it, whatever kind of client it is (RFC 9700 §4.8.2).
#[tokio::test(flavor = "multi_thread")]
async fn no_request_gets_a_code_without_a_challenge() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let plain = CodeChallenge::of(VERIFIER);
    for client in [app.public_client().await, app.trusted_client().await] {
        for (changes, what) in [
            (vec![("code_challenge", ""), ("code_challenge_method", "")], "taken out"),
            (vec![("code_challenge", "")], "a method alone"),
            (vec![("code_challenge_method", "plain"), ("code_challenge", VERIFIER)], "plain"),
            (vec![("code_challenge_method", "")], "plain by leaving out the method"),
            (vec![("code_challenge_method", "s256")], "another case"),
            (vec![("code_challenge_method", "S512")], "a method that does not exist"),
            (vec![("code_challenge", &plain.as_str()[..42])], "one that is too short"),
        ] {
            let page = Browser::new().get(&client.authorize_url(&changes)).await;
            assert_eq!(page.answer("error").as_deref(), Some("invalid_request"), "{what}");
            assert!(page.answer("code").is_none(), "{what}");
        }
    }
}

/// A verifier for a code that has no challenge says that somebody took it out of the request.
#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_without_a_challenge_is_a_downgrade() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    // With a secret and a nonce, OpenID Connect can do without PKCE where the operator says so.
    let client = app
        .client(AuthMethod::ClientSecretBasic, |new| {
            new.requires_pkce = false;
        })
        .await;
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let code = client.code("alice", &without).await;
    assert_eq!(redeem(&client, &code, &[]).await.error(), "invalid_grant", "with a verifier");
    let code = client.code("alice", &without).await;
    assert_eq!(redeem(&client, &code, &[("code_verifier", "")]).await.status, 200);
    let code = client.code("alice", &[]).await;
    for (verifier, what) in [("", "none"), (ANOTHER, "another"), ("short", "too short")] {
        assert_eq!(
            redeem(&client, &code, &[("code_verifier", verifier)]).await.error(),
            "invalid_grant",
            "{what}"
        );
    }
    // The challenge itself is no verifier, as it was with `plain`.
    let challenge = CodeChallenge::of(VERIFIER);
    assert_eq!(
        redeem(&client, &code, &[("code_verifier", challenge.as_str())]).await.error(),
        "invalid_grant"
    );
    assert_eq!(redeem(&client, &code, &[]).await.status, 200);
}

/// What belongs to one client is nothing in the hands of another, with its own credentials or with both (client confusion).
#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_one_client_is_nothing_to_another() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let owner = app.confidential_client().await;
    let thief = app.confidential_client().await;
    let public = app.public_client().await;
    let code = owner.code("alice", &[("scope", "openid offline_access")]).await;
    for client in [&thief, &public] {
        assert_eq!(redeem(client, &code, &[]).await.error(), "invalid_grant");
    }
    // The thief's credentials with the owner's name, in each place where a name can stand.
    let (id, secret) = (thief.id(), thief.secret.as_ref());
    let form = |more: &[(&'static str, &str)]| {
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.clone()),
            ("redirect_uri", owner.redirect_uri.clone()),
            ("code_verifier", VERIFIER.to_owned()),
        ];
        form.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        form
    };
    let token = || http().post(app.url("/token"));
    for (what, request, status) in [
        (
            "its name beside",
            token().basic_auth(id, secret).form(&form(&[("client_id", owner.id())])),
            400,
        ),
        (
            "its name with my secret",
            token().basic_auth(owner.id(), secret).form(&form(&[])),
            401,
        ),
        ("its name alone", token().form(&form(&[("client_id", owner.id())])), 401),
        (
            "its name and no secret",
            token().basic_auth(owner.id(), Some("")).form(&form(&[])),
            401,
        ),
        (
            "my secret in the body",
            token().form(&form(&[("client_id", owner.id()), ("client_secret", secret.unwrap())])),
            401,
        ),
        (
            "two names",
            token().form(&form(&[
                ("client_id", id),
                ("client_id", owner.id()),
                ("client_secret", secret.unwrap()),
            ])),
            400,
        ),
    ] {
        let answer = send(request).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
    }
    let tokens = redeem(&owner, &code, &[]).await;
    assert_eq!(tokens.status, 200, "none of that used it up: {}", tokens.body);
    // Refresh tokens, and taking away what is not one's own.
    for client in [&thief, &public] {
        assert_eq!(client.refresh(tokens.text("refresh_token")).await.error(), "invalid_grant");
        client.revoke(tokens.text("refresh_token")).await;
        client.revoke(tokens.text("access_token")).await;
    }
    assert_eq!(owner.userinfo(tokens.text("access_token")).await.status, 200);
    assert_eq!(owner.refresh(tokens.text("refresh_token")).await.status, 200);
}

/// Tokens of one grant type open no other, and the password has no way in.
#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_implicit_flow_and_no_password_grant() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app
        .client(AuthMethod::ClientSecretBasic, |new| {
            new.grant_types.push(GrantType::ClientCredentials);
        })
        .await;
    for grant_type in [
        "password",
        "implicit",
        "Authorization_Code",
        "authorization_code ",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
    ] {
        let fields = [("grant_type", grant_type), ("username", "alice"), ("password", "alice")];
        let answer = client.post("/token", &fields).await;
        assert_eq!((answer.status, answer.error()), (400, "unsupported_grant_type"), "{grant_type}");
    }
    for response_type in [
        "token",
        "id_token",
        "id_token token",
        "code token",
        "code id_token",
        "none",
        "CODE",
        "code code",
    ] {
        for mode in ["query", "form_post", "fragment", "web_message"] {
            let url = client.authorize_url(&[("response_type", response_type), ("response_mode", mode)]);
            let page = Browser::new().get(&url).await;
            let location = page.location().unwrap_or_default();
            assert!(
                !location.contains("access_token") && !location.contains('#'),
                "{response_type} {mode}: {location}"
            );
            assert!(page.answer("code").is_none(), "{response_type} {mode}");
        }
    }
}

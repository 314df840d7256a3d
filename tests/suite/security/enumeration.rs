//! What errors give away: somebody who asks about what there is not is told the same, word by word, as about what there is and is
//! not theirs. (How long it takes is measured in `benches/timing`.)

use gatehouse::identity::account;
use gatehouse::model::user::UserSettings;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::token_request::GrantType;
use reqwest::RequestBuilder;
use serde_json::json;

use crate::support::browser::http;
use crate::support::client::VERIFIER;
use crate::support::{Browser, Database, Page, TestApp};

/// Everything that somebody sees of an answer, but for what differs each time: the request's id, the time, the form's token,
/// and the name that they typed.
async fn seen(request: RequestBuilder) -> String {
    let answer = request.send().await.expect("an answer");
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let id = headers.remove("x-request-id").map(|id| id.to_str().expect("text").to_owned());
    headers.remove("date");
    // How much is left is another number after each try.
    headers.remove("ratelimit");
    let mut headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.sort();
    let body = answer.text().await.expect("a body").replace(&id.unwrap_or_default(), "ID");
    format!("{status}\n{}\n\n{body}", headers.join("\n"))
}

fn without_name(page: &Page, name: &str) -> String {
    let mut headers = page.headers.clone();
    for changing in ["x-request-id", "date", "ratelimit"] {
        headers.remove(changing);
    }
    let mut headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.sort();
    // The length tells the length of what was typed.
    headers.retain(|header| !header.starts_with("content-length"));
    format!(
        "{} {headers:?} {}",
        page.status,
        page.body.replace(&format!("value=\"{name}\""), "value=\"NAME\"")
    )
}

/// A name that nobody has, a wrong password, an account that is turned off (with the right password, too), one that never had one.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_sign_in_does_not_say_why() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    app.user_with("disabled", |new| new.is_disabled = true).await;
    let without_password = UserSettings {
        username: "federated".to_owned(),
        ..UserSettings::default()
    };
    account::create(&app.app, without_password, None).await.expect("an account");
    let browser = Browser::new();
    let page = browser.visit(&app.url("/login")).await;
    let mut answers = Vec::new();
    for (name, password) in [
        ("nobody", "x"),
        ("alice", "x"),
        ("disabled", "x"),
        ("disabled", "disabled"),
        ("federated", "x"),
        ("federated", ""),
        ("alice@example.com", "x"),
        ("nobody@example.com", "x"),
    ] {
        let answer = browser.submit(&page, &[("username", name), ("password", password)]).await;
        assert_eq!(answer.status, 401, "{name} {password}: {}", answer.body);
        answers.push((name, password, without_name(&answer, name)));
    }
    for (name, password, text) in &answers {
        assert_eq!(text, &answers[0].2, "{name} with {password:?}");
    }
    // And it is the same number of tries until one has to wait.
    let mut tries = Vec::new();
    for name in ["nobody-else", "alice"] {
        let mut count = 0;
        while browser.submit(&page, &[("username", name), ("password", "y")]).await.status == 401 {
            count += 1;
            assert!(count < 50);
        }
        tries.push(count);
    }
    assert!(
        tries[0] == tries[1] || tries[1] + 2 >= tries[0],
        "alice was tried before: {tries:?}"
    );
}

/// Clients: unknown, with a wrong secret, turned off, of another method.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_client_is_not_told_why() {
    let app = TestApp::start(Database::Sqlite).await;
    let client = app.confidential_client().await;
    let post = app
        .client(AuthMethod::ClientSecretPost, |new| {
            new.grant_types.push(GrantType::ClientCredentials);
        })
        .await;
    let signing = app
        .client(AuthMethod::PrivateKeyJwt, |new| {
            let key = crate::support::assertion::ClientKey::new(gatehouse::model::signing_key::SigningAlgorithm::EdDsa);
            new.jwks = Some(json!({ "keys": [key.jwk] }));
        })
        .await;
    let public = app.public_client().await;
    let disabled = app.confidential_client().await;
    let mut settings = disabled.client.settings.clone();
    settings.is_disabled = true;
    gatehouse::oauth::clients::change(&app.app, disabled.client.clone(), settings)
        .await
        .expect("a change");
    for path in ["/token", "/introspect", "/revoke"] {
        let form = [("grant_type", "client_credentials"), ("token", "x")];
        let by_basic = |id: &str, secret: &str| http().post(app.url(path)).basic_auth(id, Some(secret)).form(&form);
        let unknown = seen(by_basic("nobody", "wrong")).await;
        assert!(unknown.starts_with("401") && unknown.contains("invalid_client"), "{unknown}");
        for (what, id, secret) in [
            ("a wrong secret", client.id(), "wrong"),
            ("half a secret", client.id(), &client.secret.as_ref().unwrap()[..20]),
            ("a client that sends it in the body", post.id(), "wrong"),
            ("a client that signs", signing.id(), "wrong"),
            ("a public client", public.id(), "wrong"),
            ("one that is turned off", disabled.id(), "wrong"),
            (
                "one that is turned off, with its secret",
                disabled.id(),
                disabled.secret.as_ref().unwrap(),
            ),
        ] {
            assert_eq!(seen(by_basic(id, secret)).await, unknown, "{path}: {what}");
        }
        let by_name = |id: &str| {
            let form = [("grant_type", "client_credentials"), ("token", "x"), ("client_id", id)];
            http().post(app.url(path)).form(&form)
        };
        let unknown = seen(by_name("nobody")).await;
        for (what, id) in [
            ("confidential", client.id()),
            ("signs", signing.id()),
            ("turned off", disabled.id()),
        ] {
            assert_eq!(seen(by_name(id)).await, unknown, "{path} by name alone: {what}");
        }
    }
}

/// Codes and tokens: invented, of others, used, expired, revoked.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_not_explained() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let (client, other) = (app.confidential_client().await, app.confidential_client().await);
    let redeem = |code: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", client.redirect_uri.as_str()),
            ("code_verifier", VERIFIER),
        ];
        http()
            .post(app.url("/token"))
            .basic_auth(client.id(), client.secret.as_ref())
            .form(&form)
    };
    let refresh = |token: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        http()
            .post(app.url("/token"))
            .basic_auth(client.id(), client.secret.as_ref())
            .form(&form)
    };
    let introspect = |token: &str| {
        let form = [("token", token)];
        http()
            .post(app.url("/introspect"))
            .basic_auth(client.id(), client.secret.as_ref())
            .form(&form)
    };
    let revoke = |token: &str| {
        let form = [("token", token)];
        http()
            .post(app.url("/revoke"))
            .basic_auth(client.id(), client.secret.as_ref())
            .form(&form)
    };
    let scope = [("scope", "openid offline_access")];
    let expired = client.code("alice", &scope).await;
    let old = client.tokens("alice", &scope).await;
    app.advance(90 * 86_400);
    let invented = {
        let mut code = expired.clone().into_bytes();
        code[10] = if code[10] == b'A' { b'B' } else { b'A' };
        String::from_utf8(code).unwrap()
    };
    let used = client.code("alice", &scope).await;
    let tokens = client.redeem(&used).await;
    let of_other = other.code("alice", &scope).await;
    let others = other.tokens("alice", &scope).await;
    let revoked = client.tokens("alice", &scope).await;
    client.revoke(revoked.text("refresh_token")).await;
    // Before the replay revokes it.
    let unknown = seen(refresh("ghr_invented")).await;
    for (what, token) in [
        ("of another client", others.text("refresh_token")),
        ("revoked", revoked.text("refresh_token")),
        ("expired", old.text("refresh_token")),
        ("an access token", tokens.text("access_token")),
    ] {
        assert_eq!(seen(refresh(token)).await, unknown, "{what}");
    }
    let unknown = seen(introspect("invented")).await;
    for (what, token) in [
        ("revoked", revoked.text("access_token")),
        ("revoked", revoked.text("refresh_token")),
        ("expired", old.text("access_token")),
        ("expired", old.text("refresh_token")),
        ("an ID token", tokens.text("id_token")),
        ("a code", &of_other),
        ("a refresh token of another client", others.text("refresh_token")),
    ] {
        assert_eq!(seen(introspect(token)).await, unknown, "{what}");
    }
    let unknown = seen(revoke("invented")).await;
    assert!(unknown.starts_with("200"), "{unknown}");
    for token in [old.text("access_token"), old.text("refresh_token"), &of_other, "ghr_x", "eyJ.x.y"] {
        assert_eq!(seen(revoke(token)).await, unknown);
    }
    // Of a token that another client shows its client is told (RFC 7009 §2.1): whoever has it knows that it exists.
    for token in [others.text("access_token"), others.text("refresh_token")] {
        assert!(seen(revoke(token)).await.starts_with("400"));
    }
    assert_eq!(
        other.userinfo(others.text("access_token")).await.status,
        200,
        "and nothing of others was revoked"
    );
    let unknown = seen(redeem(&invented)).await;
    assert!(unknown.starts_with("400") && unknown.contains("invalid_grant"), "{unknown}");
    for (what, code) in [
        ("expired", expired.as_str()),
        ("used", &used),
        ("of another client", &of_other),
        ("no code at all", "x"),
        ("a refresh token", tokens.text("refresh_token")),
    ] {
        assert_eq!(seen(redeem(code)).await, unknown, "{what}");
    }
}

/// Registrations, interactions, links: what there is not and what is somebody else's.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_somebody_elses_is_like_what_there_is_not() {
    let app = TestApp::start(Database::Sqlite).await;
    let registered = crate::flows::registration::registered(&app, &crate::flows::registration::agent()).await;
    let other = crate::flows::registration::registered(&app, &crate::flows::registration::agent()).await;
    let operators = app.public_client().await;
    let ask = |id: &str, token: &str| http().get(app.url(&format!("/register/{id}"))).bearer_auth(token);
    let unknown = seen(ask("nobody", "wrong")).await;
    assert!(unknown.starts_with("401"), "{unknown}");
    let token = other.text("registration_access_token");
    for (what, id, token) in [
        ("wrong token", registered.text("client_id"), "wrong"),
        ("token of another client", registered.text("client_id"), token),
        ("a client of an operator", operators.id(), "wrong"),
        ("a client of an operator, another token", operators.id(), token),
        ("nobody, another token", "nobody", token),
    ] {
        assert_eq!(seen(ask(id, token)).await, unknown, "{what}");
    }
    // Who administers is not known by what there is, either.
    let api = |path: &str, token: &str| http().get(app.url(&format!("/api/admin/v1{path}"))).header("x-admin-token", token);
    let alice = app.user("alice").await;
    let unknown = seen(api("/users/nobody", "wrong")).await;
    assert_eq!(seen(api(&format!("/users/{}", alice.id), "wrong")).await, unknown);
    assert_eq!(seen(api(&format!("/clients/{}", operators.id()), "wrong")).await, unknown);
    // A person sees of somebody else's session and connection what they see of none.
    let browser = Browser::new();
    // Two sessions, so that there is a form to end one.
    for browser in [&Browser::new(), &browser] {
        let page = browser.visit(&app.url("/login")).await;
        browser.submit(&page, &[("username", "alice"), ("password", "alice")]).await;
    }
    app.user("bob").await;
    let bobs = Browser::new();
    let page = bobs.visit(&app.url("/login")).await;
    bobs.submit(&page, &[("username", "bob"), ("password", "bob")]).await;
    let cookie = gatehouse::base::encoding::from_base64url(&bobs.cookies()["gatehouse_session"]).unwrap();
    let bobs_session = gatehouse::base::id::id_from_bytes(cookie[..16].try_into().unwrap());
    let own = browser.visit(&app.url("/account/sessions")).await;
    let csrf = own.field("csrf");
    let mut answers = Vec::new();
    for id in [bobs_session.as_str(), "00000000000000000000000000000001", "nonsense"] {
        let answer = browser
            .post(&app.url("/account/sessions"), &[("csrf", &csrf), ("session", id), ("end", "one")])
            .await;
        answers.push((answer.status, answer.location(), answer.body.replace(id, "ID")));
    }
    assert_eq!(answers[0], answers[1]);
    assert!(bobs.visit(&app.url("/")).await.body.contains("bob"), "and Bob is still signed in");
}

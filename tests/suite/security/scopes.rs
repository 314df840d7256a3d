//! Getting more than was given: by refreshing, by exchanging, by asking for oneself, by a form that was changed on the way, and by
//! asking in pieces (scope elevation).

use std::collections::BTreeSet;

use gatehouse::model::user::User;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;

use crate::support::browser::http;
use crate::support::client::{Answer, TestClient, claims};
use crate::support::{Browser, Database, TestApp};

fn scopes(answer: &Answer) -> BTreeSet<String> {
    answer.text("scope").split(' ').map(str::to_owned).collect()
}

async fn refresh(client: &TestClient, token: &str, scope: &str) -> Answer {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
    client.post("/token", &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_gets_no_more_than_was_granted() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app.trusted_client().await;
    let tokens = client.tokens("alice", &[("scope", "openid read offline_access")]).await;
    let token = tokens.text("refresh_token");
    for wider in [
        "openid read write",
        "write",
        "openid read offline_access email",
        "read admin:write",
        "READ",
        "read  write",
    ] {
        let answer = refresh(&client, token, wider).await;
        assert_eq!((answer.status, answer.error()), (400, "invalid_scope"), "{wider}: {}", answer.body);
    }
    let narrow = refresh(&client, token, "read").await;
    assert_eq!(narrow.text("scope"), "read");
    assert_eq!(claims(narrow.text("access_token"))["scope"], "read");
    // Narrow tokens do not narrow the grant, and do not widen it.
    let again = refresh(&client, narrow.text("refresh_token"), "openid read").await;
    assert_eq!(again.text("scope"), "openid read");
    let wider = refresh(&client, again.text("refresh_token"), "read write").await;
    assert_eq!(wider.error(), "invalid_scope");
    // The scope of the code's request counts, whatever the token request says.
    let code = client.code("alice", &[("scope", "openid")]).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", &client.redirect_uri),
        ("code_verifier", crate::support::client::VERIFIER),
        ("scope", "openid read write"),
    ];
    let answer = client.post("/token", &fields).await;
    assert!(
        answer.status == 400 || scopes(&answer) == BTreeSet::from(["openid".to_owned()]),
        "{}",
        answer.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_gets_for_itself_what_it_may_and_nothing_of_people() {
    let app = TestApp::start(Database::Sqlite).await;
    let client = app
        .client(AuthMethod::ClientSecretBasic, |new| {
            new.grant_types = vec![GrantType::ClientCredentials];
            new.redirect_uris.clear();
            new.scope = Scope::parse("read").unwrap();
            new.may_introspect = true;
        })
        .await;
    let own = async |scope: &str| {
        client
            .post("/token", &[("grant_type", "client_credentials"), ("scope", scope)])
            .await
    };
    for beyond in ["write", "read write", "admin:write", "admin:read", "vault", "relay", "unheard-of"] {
        let answer = own(beyond).await;
        assert!(
            answer.error() == "invalid_scope" || answer.body["scope"] == "read",
            "{beyond}: {}",
            answer.body
        );
    }
    let answer = own("read").await;
    let token = claims(answer.text("access_token"));
    // Nobody takes it for a person, whatever their name is (RFC 9700 §4.15).
    assert_eq!(
        (token["sub"].as_str(), token["client_id"].as_str()),
        (Some(client.id()), Some(client.id()))
    );
    assert!(answer.body.get("refresh_token").is_none() && answer.body.get("id_token").is_none());
    assert_eq!(client.userinfo(answer.text("access_token")).await.status, 401);
}

/// A client cannot choose a name that is a person's (RFC 9700 §4.15.1).
#[tokio::test(flavor = "multi_thread")]
async fn no_client_is_called_like_a_person() {
    let app = TestApp::start(Database::Sqlite).await;
    let alice: User = app.user("alice").await;
    let mut body = crate::flows::registration::agent();
    body["client_id"] = alice.id.clone().into();
    let registered = crate::support::client::send(http().post(app.url("/register")).json(&body)).await;
    assert!(
        registered.status == 400 || registered.text("client_id") != alice.id,
        "{}",
        registered.body
    );
    // An operator can do it; tokens still say which of both it is: one that acts for a person names a grant.
    let client = app
        .client(AuthMethod::ClientSecretBasic, |new| {
            new.id = Some(alice.id.clone());
            new.grant_types = vec![GrantType::ClientCredentials];
            new.redirect_uris.clear();
            new.scope = Scope::parse("openid read").unwrap();
            new.may_introspect = true;
        })
        .await;
    let fields = [("grant_type", "client_credentials"), ("scope", "openid read")];
    let answer = client.post("/token", &fields).await;
    if answer.status == 200 {
        let userinfo = client.userinfo(answer.text("access_token")).await;
        assert_eq!(userinfo.status, 401, "it is nobody's profile: {}", userinfo.body);
    }
}

/// The page of the question: what is sent back is a decision, and nothing else of it counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_was_changed_grants_no_more_than_was_shown() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app.public_client().await;
    let browser = Browser::new();
    let page = browser.visit(&client.authorize_url(&[("scope", "openid")])).await;
    let page = browser.sign_in(&page, "alice", "alice").await;
    let more = [
        ("decision", "allow"),
        ("scope", "openid read write offline_access"),
        ("scopes", "read"),
        ("client_id", "another"),
        ("redirect_uri", "https://evil.example/"),
        ("claims", r#"{"userinfo":{"phone_number":null}}"#),
        ("username", "bob"),
    ];
    let back = browser.submit(&page, &more).await;
    let tokens = client.redeem(&back.answer("code").expect("a code")).await;
    assert_eq!(tokens.text("scope"), "openid");
    // The sealed question of another request, which was never shown.
    let browser = Browser::new();
    let small = browser
        .visit(&client.authorize_url(&[("scope", "openid email"), ("prompt", "consent")]))
        .await;
    let small = browser.sign_in(&small, "alice", "alice").await;
    let large = browser
        .get(&client.authorize_url(&[("scope", "openid read write"), ("prompt", "consent")]))
        .await;
    let unseen = large.answer("interaction").expect("a question");
    let answer = browser.submit(&small, &[("decision", "allow"), ("interaction", &unseen)]).await;
    let answer = browser.follow(answer).await;
    assert!(
        answer.answer("code").is_none(),
        "what was not shown is not allowed: {:?}",
        answer.location()
    );
    assert!(
        answer.body.contains("name=\"decision\"") && answer.body.contains("The scope write"),
        "{}",
        answer.body
    );
    for decision in ["", "yes", "ALLOW", "allow ", "deny\0allow", "1"] {
        let answer = browser.submit(&small, &[("decision", decision)]).await;
        assert_eq!(answer.status, 400, "{decision:?}");
    }
    let both = browser.submit(&small, &[("decision", "deny"), ("decision", "allow")]).await;
    assert_eq!(both.status, 400, "two decisions are none");
}

/// Asking again with `prompt=none`, or a little at a time, adds nothing that nobody was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_added_without_a_question() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app.public_client().await;
    let browser = Browser::new();
    client.authorize(&browser, "alice", &[("scope", "openid read")]).await;
    for (scope, error) in [
        ("openid read write", "consent_required"),
        ("write", "consent_required"),
        ("openid read offline_access", "consent_required"),
    ] {
        let page = browser.get(&client.authorize_url(&[("scope", scope), ("prompt", "none")])).await;
        assert_eq!(page.answer("error").as_deref(), Some(error), "{scope}");
        let page = browser
            .get(&client.authorize_url(&[("scope", scope), ("prompt", "none"), ("include_granted_scopes", "true")]))
            .await;
        assert_eq!(page.answer("error").as_deref(), Some(error), "{scope}");
    }
    let page = browser
        .get(&client.authorize_url(&[("scope", "openid read"), ("prompt", "none")]))
        .await;
    let tokens = client.redeem(&page.answer("code").unwrap()).await;
    assert_eq!(tokens.text("scope"), "openid read");
    // What only operators give is not to be had by asking, however the client asks and whoever allows it.
    let public = app.public_client().await;
    for scope in ["openid admin:write", "openid vault", "openid relay", "admin:read"] {
        let page = public.authorize(&Browser::new(), "alice", &[("scope", scope)]).await;
        let granted = match page.answer("code") {
            Some(code) => scopes(&public.redeem(&code).await),
            None => BTreeSet::new(),
        };
        assert!(granted.is_subset(&BTreeSet::from(["openid".to_owned()])), "{scope}: {granted:?}");
    }
}

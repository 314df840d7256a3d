//! Mix-up (RFC 9700 §4.4): every answer of the authorization endpoint says who gave it, and as a client of others this server
//! looks at that, too.

use crate::support::app::Options;
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::{Browser, Database, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_whose_it_is() {
    for path in ["", "/tenant"] {
        let options = Options {
            path,
            ..Options::default()
        };
        let app = TestApp::start_with(Database::Sqlite, options).await;
        app.user("alice").await;
        let client = app.public_client().await;
        // The document says so beforehand, so that clients can insist on it.
        let metadata = send(http().get(app.url("/.well-known/openid-configuration"))).await;
        assert_eq!(metadata.body["authorization_response_iss_parameter_supported"], true);
        assert_eq!(metadata.text("issuer"), app.base);
        let deny = async |changes: &[(&str, &str)]| {
            let browser = Browser::new();
            let page = browser.visit(&client.authorize_url(changes)).await;
            let page = browser.sign_in(&page, "alice", "alice").await;
            browser.decide(&page, "deny").await
        };
        let code = client.authorize(&Browser::new(), "alice", &[]).await;
        assert!(code.answer("code").is_some());
        let answers = [
            code,
            deny(&[("prompt", "consent")]).await,
            Browser::new().get(&client.authorize_url(&[("prompt", "none")])).await,
            Browser::new().get(&client.authorize_url(&[("response_type", "token")])).await,
            Browser::new().get(&client.authorize_url(&[("scope", "unheard-of")])).await,
            Browser::new().get(&client.authorize_url(&[("code_challenge", "")])).await,
        ];
        for page in answers {
            let location = page.location().expect("a way back");
            assert_eq!(page.answer("iss").as_deref(), Some(app.base.as_str()), "{location}");
            assert_eq!(location.matches("iss=").count(), 1, "{location}");
            assert_eq!(page.answer("state").as_deref(), Some("the state"), "{location}");
        }
        // And where the answer is a form.
        for changes in [
            vec![("response_mode", "form_post")],
            vec![("response_mode", "form_post"), ("prompt", "none")],
        ] {
            let page = client.authorize(&Browser::new(), "alice", &changes).await;
            assert_eq!(page.field("iss"), app.base, "{changes:?}");
        }
    }
}

/// Nobody chooses the issuer by what a request says, so that no document names an attacker's endpoints.
#[tokio::test(flavor = "multi_thread")]
async fn no_header_changes_what_the_documents_say() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app.trusted_client().await;
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("x-host", "evil.example"),
    ] {
        for path in [
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
            "/",
            "/login",
            "/no/such/page",
        ] {
            let answer = http().get(app.url(path)).header(name, value).send().await.unwrap();
            let headers = format!("{:?}", answer.headers());
            let text = answer.text().await.unwrap();
            assert!(
                !text.contains("evil") && !headers.contains("evil"),
                "{name} at {path}: {headers} {text}"
            );
        }
        let page = http().get(client.authorize_url(&[])).header(name, value).send().await.unwrap();
        let location = page.headers()["location"].to_str().unwrap().to_owned();
        assert!(location.starts_with("/login?interaction="), "{name}: {location}");
    }
}

//! The authorization request: who gets which error, and the prompts of OpenID Connect.

use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::token_request::GrantType;

use crate::support::{Browser, TestApp, on_every_database};

on_every_database! {
    async fn an_unknown_client_or_redirect_uri_gets_a_page_and_no_redirect(app: TestApp) {
        let client = app.public_client().await;
        let browser = Browser::new();
        for changes in [
            [("client_id", "nobody")],
            [("redirect_uri", "https://evil.example/callback")],
            [("redirect_uri", "https://app.example/callback/")],
            [("redirect_uri", "https://app.example/callback?x=1")],
            [("redirect_uri", "https://app.example:443/callback")],
            [("redirect_uri", "https://app.example@evil.example/callback")],
            [("redirect_uri", "https://APP.example/callback")],
            [("redirect_uri", "https://app.example/callback%0d%0aLocation:%20https://evil.example")],
            [("redirect_uri", "javascript:alert(1)")],
            [("client_id", "")],
        ] {
            let page = browser.get(&client.authorize_url(&changes)).await;
            assert_eq!(page.status, 400, "{changes:?}");
            assert!(page.location().is_none(), "{changes:?}");
            assert!(page.header("content-type").starts_with("text/html"));
            assert!(!page.body.contains("evil.example"), "nothing of the request is shown");
        }
        let doubled = format!("{}&redirect_uri=https%3A%2F%2Fevil.example", client.authorize_url(&[]));
        assert_eq!(browser.get(&doubled).await.status, 400);
    }

    async fn other_errors_go_back_to_the_client_with_state_and_iss(app: TestApp) {
        let client = app.public_client().await;
        let browser = Browser::new();
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[("response_type", "token")], "unsupported_response_type"),
            (&[("response_type", "id_token")], "unsupported_response_type"),
            (&[("response_type", "code id_token")], "unsupported_response_type"),
            (&[("response_type", "")], "invalid_request"),
            (&[("response_mode", "fragment")], "invalid_request"),
            (&[("code_challenge", ""), ("code_challenge_method", "")], "invalid_request"),
            (&[("code_challenge_method", "plain")], "invalid_request"),
            (&[("code_challenge_method", "")], "invalid_request"),
            (&[("code_challenge", "short")], "invalid_request"),
            (&[("scope", "nonsense")], "invalid_scope"),
            (&[("scope", "openid \"quoted\"")], "invalid_scope"),
            (&[("prompt", "none login")], "invalid_request"),
            (&[("prompt", "dance")], "invalid_request"),
            (&[("prompt", "none")], "login_required"),
            (&[("max_age", "-1")], "invalid_request"),
            (&[("claims", "{")], "invalid_request"),
            (&[("request", "eyJ")], "request_not_supported"),
            (&[("request_uri", "https://app.example/r")], "request_uri_not_supported"),
            (&[("registration", "{}")], "registration_not_supported"),
            (&[("resource", "https://unknown.example")], "invalid_target"),
            (&[("id_token_hint", "not a token")], "invalid_request"),
            (&[("claims", r#"{"id_token":{"acr":{"essential":true,"value":"urn:mfa"}}}"#)], "unmet_authentication_requirements"),
        ];
        for (changes, error) in cases {
            let page = browser.get(&client.authorize_url(changes)).await;
            assert_eq!(page.answer("error").as_deref(), Some(*error), "{changes:?}: {} {:?}", page.status, page.location());
            assert_eq!(page.answer("state").as_deref(), Some("the state"), "{changes:?}");
            assert_eq!(page.answer("iss").as_deref(), Some(app.base.as_str()), "{changes:?}");
            assert_eq!(page.header("cache-control"), "no-store");
        }
        let twice = format!("{}&scope=openid", client.authorize_url(&[]));
        assert_eq!(browser.get(&twice).await.answer("error").unwrap(), "invalid_request");
        let kind = app.client(AuthMethod::ClientSecretBasic, |new| {
            new.grant_types = vec![GrantType::ClientCredentials];
            new.redirect_uris = vec!["https://app.example/callback".to_owned()];
        }).await;
        assert_eq!(browser.get(&kind.authorize_url(&[])).await.answer("error").unwrap(), "unauthorized_client");
    }

    async fn loopback_ports_and_private_schemes_of_native_apps(app: TestApp) {
        app.user("alice").await;
        let client = app.client(AuthMethod::None, |new| {
            new.redirect_uris = ["http://127.0.0.1/callback", "http://localhost:3000/cb", "cursor://auth/callback", "com.example.app:/cb"].map(str::to_owned).to_vec();
        }).await;
        let browser = Browser::new();
        for (uri, is_right) in [
            ("http://127.0.0.1:49152/callback", true),
            ("http://localhost:1/cb", true),
            ("http://localhost/cb", true),
            ("http://127.0.0.1:49152/other", false),
            ("http://127.0.0.1:99999/callback", false),
            ("http://127.0.0.2/callback", false),
            ("http://localhost.evil.example/cb", false),
            ("https://localhost:3000/cb", false),
            ("cursor://auth/callback", true),
            ("com.example.app:/cb", true),
            ("com.example.app:/cb2", false),
        ] {
            let page = browser.get(&client.authorize_url(&[("redirect_uri", uri)])).await;
            assert_eq!(page.status == 303, is_right, "{uri}: {}", page.status);
        }
        let page = client.authorize(&browser, "alice", &[("redirect_uri", "http://127.0.0.1:49152/callback")]).await;
        assert!(page.location().unwrap().starts_with("http://127.0.0.1:49152/callback?code="));
        let page = client.authorize(&browser, "alice", &[("redirect_uri", "com.example.app:/cb")]).await;
        assert!(page.location().unwrap().starts_with("com.example.app:/cb?code="));
    }

    async fn the_only_redirect_uri_may_be_left_out_except_with_openid(app: TestApp) {
        app.user("alice").await;
        let client = app.public_client().await;
        let page = client.authorize(&Browser::new(), "alice", &[("redirect_uri", ""), ("scope", "read")]).await;
        let answer = client.post("/token", &[("grant_type", "authorization_code"), ("code", &page.answer("code").unwrap()), ("code_verifier", crate::support::client::VERIFIER)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(Browser::new().get(&client.authorize_url(&[("redirect_uri", "")])).await.status, 400);
    }

    async fn prompt_none_never_shows_a_page(app: TestApp) {
        app.user("alice").await;
        let client = app.public_client().await;
        let browser = Browser::new();
        let silent = client.authorize_url(&[("prompt", "none")]);
        assert_eq!(browser.get(&silent).await.answer("error").unwrap(), "login_required");
        let page = browser.visit(&client.authorize_url(&[])).await;
        browser.sign_in(&page, "alice", "alice").await;
        assert_eq!(browser.get(&silent).await.answer("error").unwrap(), "consent_required");
        client.authorize(&browser, "alice", &[]).await;
        assert!(browser.get(&silent).await.answer("code").is_some());
    }

    async fn prompt_login_and_max_age_ask_for_the_password_again(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let browser = Browser::new();
        client.authorize(&browser, "alice", &[]).await;
        app.advance(100);
        for changes in [[("prompt", "login")], [("max_age", "99")]] {
            let page = browser.visit(&client.authorize_url(&changes)).await;
            assert!(page.body.contains("name=\"password\""), "{changes:?}");
            // Going on without signing in does not help.
            let interaction = page.field("interaction");
            let skipped = browser.visit(&app.url(&format!("/authorize/continue?interaction={interaction}"))).await;
            assert!(skipped.body.contains("name=\"password\""), "{changes:?}");
            let page = browser.sign_in(&page, "alice", "alice").await;
            let tokens = client.redeem(&page.answer("code").unwrap()).await;
            let auth_time = crate::support::client::claims(tokens.text("id_token"))["auth_time"].as_i64();
            assert_eq!(auth_time, Some(app.app.now()), "{changes:?}");
            app.advance(100);
        }
        assert!(browser.visit(&client.authorize_url(&[("max_age", "1000")])).await.answer("code").is_some());
        assert_eq!(browser.get(&client.authorize_url(&[("max_age", "10"), ("prompt", "none")])).await.answer("error").unwrap(), "login_required");
    }

    async fn prompt_select_account_lets_the_person_choose(app: TestApp) {
        app.user("alice").await;
        app.user("bob").await;
        let client = app.trusted_client().await;
        let browser = Browser::new();
        client.authorize(&browser, "alice", &[]).await;
        let choice = browser.visit(&client.authorize_url(&[("prompt", "select_account")])).await;
        assert!(choice.url.contains("/select-account") && choice.body.contains("alice"), "{}", choice.body);
        let page = browser.submit(&choice, &[("choice", "continue")]).await;
        assert!(browser.follow(page).await.answer("code").is_some());
        let choice = browser.visit(&client.authorize_url(&[("prompt", "select_account")])).await;
        let page = browser.submit(&choice, &[("choice", "other")]).await;
        let page = browser.follow(page).await;
        let page = browser.sign_in(&page, "bob", "bob").await;
        let tokens = client.redeem(&page.answer("code").unwrap()).await;
        assert_eq!(crate::support::client::claims(tokens.text("id_token"))["name"], "bob example");
    }

    async fn id_token_hint_and_sub_claim_name_the_person(app: TestApp) {
        let alice = app.user("alice").await;
        app.user("bob").await;
        let client = app.trusted_client().await;
        let tokens = client.tokens("alice", &[]).await;
        let hint = tokens.text("id_token").to_owned();
        let as_claim = format!(r#"{{"id_token":{{"sub":{{"value":"{}"}}}}}}"#, alice.id);
        app.advance(7200);
        for changes in [[("id_token_hint", hint.as_str())], [("claims", as_claim.as_str())]] {
            let browser = Browser::new();
            client.authorize(&browser, "bob", &[]).await;
            let page = browser.visit(&client.authorize_url(&changes)).await;
            assert!(page.body.contains("name=\"password\""), "Bob is not Alice: {:?}", page.location());
            let as_bob = browser.sign_in(&page, "bob", "bob").await;
            assert_eq!(as_bob.answer("error").as_deref(), Some("login_required"));
            let page = browser.visit(&client.authorize_url(&changes)).await;
            let as_alice = browser.sign_in(&page, "alice", "alice").await;
            assert!(as_alice.answer("code").is_some());
        }
        let other = app.trusted_client().await;
        let page = Browser::new().get(&other.authorize_url(&[("id_token_hint", &hint)])).await;
        assert_eq!(page.answer("error").unwrap(), "invalid_request", "the hint was issued to another client");
    }

    async fn login_hint_fills_the_name_in(app: TestApp) {
        let client = app.public_client().await;
        let page = Browser::new().visit(&client.authorize_url(&[("login_hint", "ali\"ce<b>")])).await;
        assert_eq!(page.field("username"), "ali\"ce<b>");
        assert!(!page.body.contains("<b>"), "and nothing of it is markup");
    }

    async fn form_post_delivers_by_a_form(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let page = client.authorize(&Browser::new(), "alice", &[("response_mode", "form_post"), ("state", "a \"state\" <b>")]).await;
        assert_eq!(page.status, 200);
        let form = page.form();
        assert_eq!(form.action, "https://app.example/callback");
        assert_eq!(page.field("state"), "a \"state\" <b>");
        assert_eq!(page.field("iss"), app.base);
        assert_eq!(client.redeem(&page.field("code")).await.status, 200);
        assert!(page.header("content-security-policy").contains("https://app.example"));
        let denied = Browser::new().get(&client.authorize_url(&[("response_mode", "form_post"), ("prompt", "none")])).await;
        assert_eq!(denied.field("error"), "login_required");
    }

    async fn post_works_like_get(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let url = url::Url::parse(&client.authorize_url(&[])).unwrap();
        let fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let browser = Browser::new();
        let page = browser.post(&app.url("/authorize"), &fields).await;
        let page = browser.follow(page).await;
        let page = browser.sign_in(&page, "alice", "alice").await;
        assert!(page.answer("code").is_some());
    }
}

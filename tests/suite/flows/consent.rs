//! Consent: policies, memory, denial.

use gatehouse::model::client::ConsentPolicy;
use gatehouse::protocol::client_authentication::AuthMethod;

use crate::support::{Browser, TestApp, on_every_database};

fn asks(page: &crate::support::Page) -> bool {
    page.body.contains("name=\"decision\"")
}

on_every_database! {
    async fn once_is_remembered_and_asks_again_for_what_is_new(app: TestApp) {
        app.user("alice").await;
        let client = app.public_client().await;
        let browser = Browser::new();
        client.authorize(&browser, "alice", &[("scope", "openid email")]).await;
        let page = browser.visit(&client.authorize_url(&[("scope", "openid email")])).await;
        assert!(page.answer("code").is_some(), "not asked again: {}", page.body);
        let page = browser.visit(&client.authorize_url(&[("scope", "openid")])).await;
        assert!(page.answer("code").is_some(), "less is covered");
        let page = browser.visit(&client.authorize_url(&[("scope", "openid email read")])).await;
        assert!(asks(&page));
        assert!(page.body.contains("The scope read"));
        let page = browser.decide(&page, "allow").await;
        assert!(page.answer("code").is_some());
        let page = browser.visit(&client.authorize_url(&[("scope", "read")])).await;
        assert!(page.answer("code").is_some());
    }

    async fn always_asks_and_skip_never_does(app: TestApp) {
        app.user("alice").await;
        let always = app.client(AuthMethod::None, |new| new.consent_policy = ConsentPolicy::Always).await;
        let skip = app.trusted_client().await;
        let browser = Browser::new();
        let page = always.authorize(&browser, "alice", &[]).await;
        assert!(page.answer("code").is_some());
        assert!(asks(&browser.visit(&always.authorize_url(&[])).await));
        assert!(browser.visit(&skip.authorize_url(&[])).await.answer("code").is_some());
        assert!(asks(&browser.visit(&skip.authorize_url(&[("prompt", "consent")])).await), "the client may ask to ask");
    }

    async fn denial_reaches_the_client(app: TestApp) {
        app.user("alice").await;
        let client = app.public_client().await;
        let browser = Browser::new();
        let page = browser.visit(&client.authorize_url(&[])).await;
        let page = browser.sign_in(&page, "alice", "alice").await;
        let page = browser.decide(&page, "deny").await;
        assert_eq!(page.answer("error").unwrap(), "access_denied");
        assert_eq!(page.answer("state").unwrap(), "the state");
        assert_eq!(page.answer("iss").unwrap(), app.base);
        assert!(page.answer("code").is_none());
        assert!(asks(&browser.visit(&client.authorize_url(&[])).await), "nothing was remembered");
    }

    async fn an_answer_counts_only_for_what_was_shown_to_this_person(app: TestApp) {
        app.user("alice").await;
        app.user("bob").await;
        let client = app.public_client().await;
        let (alice, bob) = (Browser::new(), Browser::new());
        let page = alice.visit(&client.authorize_url(&[])).await;
        let shown_to_alice = alice.sign_in(&page, "alice", "alice").await;
        let page = bob.visit(&client.authorize_url(&[])).await;
        let shown_to_bob = bob.sign_in(&page, "bob", "bob").await;
        let of_another_browser = [("interaction", shown_to_alice.field("interaction")), ("decision", "allow".to_owned())];
        let fields: Vec<(&str, &str)> = of_another_browser.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let swapped = bob.submit(&shown_to_bob, &fields).await;
        assert!(swapped.location().unwrap().starts_with(&app.url("/authorize?")), "it begins anew as Bob's own request");

        // The same browser, but somebody else has signed in meanwhile.
        let page = alice.visit(&client.authorize_url(&[("prompt", "login")])).await;
        let shown_to_next = alice.sign_in(&page, "bob", "bob").await;
        assert_eq!(alice.decide(&shown_to_alice, "allow").await.status, 403, "the form belongs to the session before");
        let page = alice.submit(&shown_to_next, &fields).await;
        assert!(asks(&alice.follow(page).await), "asked anew, not granted in Alice's name");

        // A request that was never shown counts for nothing either.
        let wider = client.authorize_url(&[("scope", "openid read write")]);
        let shown = bob.visit(&client.authorize_url(&[])).await;
        let never_shown = bob.get(&wider).await.answer("interaction").unwrap();
        let page = bob.submit(&shown, &[("interaction", &never_shown), ("decision", "allow")]).await;
        assert!(asks(&bob.follow(page).await));
    }

    async fn not_you_leads_to_another_account_with_the_same_request(app: TestApp) {
        app.user("alice").await;
        let bob = app.user("bob").await;
        let client = app.public_client().await;
        let browser = Browser::new();
        let page = browser.visit(&client.authorize_url(&[])).await;
        let page = browser.sign_in(&page, "alice", "alice").await;
        let start = page.body.find("/select-account?").expect("a link");
        let link = page.body[start..].split('"').next().unwrap().replace("&amp;", "&");
        let page = browser.visit(&app.url(&link)).await;
        assert!(page.body.contains("name=\"password\""), "{} {}", page.url, page.body);
        assert_eq!(page.field("username"), "");
        let page = browser.sign_in(&page, "bob", "bob").await;
        let page = browser.decide(&page, "allow").await;
        assert_eq!(page.answer("state").unwrap(), "the state");
        let tokens = client.redeem(&page.answer("code").unwrap()).await;
        assert_eq!(crate::support::client::claims(tokens.text("id_token"))["sub"], bob.id);
    }

    async fn the_claims_parameter_is_shown_and_remembered(app: TestApp) {
        app.user_with("alice", |new| { new.profile.insert("phone_number".to_owned(), "+49 1".into()); }).await;
        let client = app.public_client().await;
        let browser = Browser::new();
        client.authorize(&browser, "alice", &[("scope", "openid")]).await;
        let claims = r#"{"id_token":{"phone_number":{"essential":true}},"userinfo":{"email":null,"address":null}}"#;
        let page = browser.visit(&client.authorize_url(&[("scope", "openid"), ("claims", claims)])).await;
        assert!(asks(&page) && page.body.contains("phone_number"), "{}", page.body);
        let page = browser.decide(&page, "allow").await;
        let tokens = client.redeem(&page.answer("code").unwrap()).await;
        let id_token = crate::support::client::claims(tokens.text("id_token"));
        assert_eq!(id_token["phone_number"], "+49 1");
        assert!(id_token.get("email").is_none());
        let userinfo = client.userinfo(tokens.text("access_token")).await;
        assert_eq!(userinfo.body["email"], "alice@example.com");
        assert!(userinfo.body.get("phone_number").is_none());
        assert!(browser.visit(&client.authorize_url(&[("scope", "openid"), ("claims", claims)])).await.answer("code").is_some());
    }

    async fn claims_open_no_door_that_the_operator_closed(app: TestApp) {
        app.user("alice").await;
        let client = app.client(AuthMethod::None, |new| {
            new.scope = gatehouse::protocol::scope::Scope::parse("openid").unwrap();
            new.consent_policy = ConsentPolicy::Skip;
        }).await;
        let claims = r#"{"id_token":{"email":null},"userinfo":{"email":{"essential":true}}}"#;
        let tokens = client.tokens("alice", &[("scope", "openid"), ("claims", claims)]).await;
        assert!(crate::support::client::claims(tokens.text("id_token")).get("email").is_none());
        assert!(client.userinfo(tokens.text("access_token")).await.body.get("email").is_none());
    }
}

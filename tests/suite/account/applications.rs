//! What one has let in.

use gatehouse::identity::activity;
use gatehouse::model::event::EventKind;
use gatehouse::protocol::client_authentication::AuthMethod;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::{post, signed_in};
use crate::flows::registration::{client_of, registered};
use crate::support::elsewhere::{Elsewhere, Served};
use crate::support::{Browser, Page, TestApp, on_every_database};

const PATH: &str = "/account/applications";
const REMOVE: &str = "/account/applications/remove";

on_every_database! {
    async fn applications_are_listed_and_removed(app: TestApp) {
        let user = app.user("alice").await;
        let client = app.confidential_client().await;
        let trusted = app.client(AuthMethod::None, |new| {
            "Trusted".clone_into(&mut new.name);
            new.consent_policy = gatehouse::model::client::ConsentPolicy::Skip;
        }).await;
        let browser = signed_in(&app, "alice").await;
        assert!(browser.visit(&app.url(PATH)).await.body.contains("No app may use your account."));
        let page = client.authorize(&browser, "alice", &[("scope", "openid email offline_access read")]).await;
        let tokens = client.redeem(&page.answer("code").unwrap()).await;
        let page = trusted.authorize(&browser, "alice", &[("scope", "openid write")]).await;
        let others = trusted.redeem(&page.answer("code").unwrap()).await;
        let pending = client.authorize(&browser, "alice", &[("scope", "openid")]).await.answer("code").unwrap();
        app.advance(120);
        let page = browser.visit(&app.url(PATH)).await;
        for text in ["Example App", "Trusted", "See your e-mail address", "The scope read", "The scope write", "Stay connected", "2 minutes ago"] {
            assert!(page.body.contains(text), "{text}: {}", page.body);
        }

        let question = browser.visit(&app.url(&format!("{REMOVE}?client={}", client.id()))).await;
        assert!(question.body.contains("Remove <bdi>Example App</bdi>?"));
        let refreshed = client.refresh(tokens.text("refresh_token")).await;
        assert_eq!(refreshed.status, 200, "the question changes nothing");
        let access_token = refreshed.text("access_token");
        assert_eq!(client.introspect(access_token).await.body["active"], true);
        let answer = browser.submit(&question, &[]).await;
        assert_eq!(answer.location(), Some(app.url("/account/applications?done=removed")));
        let page = browser.follow(answer).await;
        assert!(page.body.contains("The app was removed.") && !page.body.contains("Example App") && page.body.contains("Trusted"));

        assert_eq!(client.introspect(access_token).await.body["active"], false);
        assert_eq!(client.userinfo(access_token).await.status, 401);
        assert_eq!(client.refresh(refreshed.text("refresh_token")).await.error(), "invalid_grant");
        assert_eq!(client.redeem(&pending).await.error(), "invalid_grant");
        assert_eq!(trusted.userinfo(others.text("access_token")).await.status, 200);
        let page = browser.visit(&client.authorize_url(&[("scope", "openid")])).await;
        assert!(page.body.contains("name=\"decision\""), "it has to ask again");
        let events = activity::recent(&app.app, &user.id, None, 100).await.unwrap();
        let withdrawn: Vec<_> = events.iter().filter(|event| event.kind == EventKind::ConsentWithdrawn).collect();
        assert_eq!(withdrawn.len(), 1);
        assert_eq!(withdrawn[0].client_id.as_deref(), Some(client.id()));
        // Sent twice, it is done.
        assert_eq!(browser.submit(&question, &[]).await.status, 303);
    }

    async fn nobody_removes_the_applications_of_somebody_else(app: TestApp) {
        app.user("alice").await;
        app.user("bob").await;
        let client = app.public_client().await;
        let (alice, bob) = (signed_in(&app, "alice").await, signed_in(&app, "bob").await);
        let page = client.authorize(&bob, "bob", &[]).await;
        let tokens = client.redeem(&page.answer("code").unwrap()).await;
        assert_eq!(alice.visit(&app.url(&format!("{REMOVE}?client={}", client.id()))).await.status, 404);
        post(&app, &alice, REMOVE, &[("client", client.id()), ("user", "bob")]).await;
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 200);
        assert!(bob.visit(&app.url(PATH)).await.body.contains("Example App"));
        assert!(!alice.visit(&app.url(PATH)).await.body.contains("Example App"));
        assert_eq!(alice.visit(&app.url(REMOVE)).await.status, 404);
    }

    async fn what_an_application_calls_itself_is_text(app: TestApp) {
        app.user("alice").await;
        let client = app.client(AuthMethod::None, |new| {
            "<img src=x onerror=alert(1)> \"quoted\" & 'more'".clone_into(&mut new.name);
            new.logo_uri = Some("https://logo.example/a.png".to_owned());
            new.client_uri = Some("https://app.example/?a=\"><script>alert(1)</script>".to_owned());
        }).await;
        let browser = signed_in(&app, "alice").await;
        let page = client.authorize(&browser, "alice", &[]).await;
        client.redeem(&page.answer("code").unwrap()).await;
        for path in [PATH.to_owned(), format!("{REMOVE}?client={}", client.id()), "/account/activity".to_owned()] {
            let page = browser.visit(&app.url(&path)).await;
            assert_eq!(page.status, 200);
            assert!(!page.body.contains("<img src=x") && !page.body.contains("<script"), "{path}");
            assert!(page.body.contains("onerror=alert(1)"), "{path}: shown as text");
        }
        let page = browser.visit(&app.url(PATH)).await;
        assert!(page.header("content-security-policy").contains("img-src 'self' https://logo.example"));
        assert!(page.header("content-security-policy").contains("script-src 'none'"));
    }

    /// Such a picture could be somebody else's, and its host would learn who looks at the page: neither the page nor its policy
    /// names it, as on the consent page.
    async fn no_picture_is_loaded_of_a_client_that_nobody_has_looked_at(app: TestApp) {
        app.user("alice").await;
        let (browser, elsewhere) = (signed_in(&app, "alice").await, Elsewhere::start().await);
        let own = app.client(AuthMethod::None, |new| new.logo_uri = Some("https://looked-at.example/a.png".to_owned())).await;
        let mut metadata = json!({
            "client_name": "Stranger", "redirect_uris": [own.redirect_uri], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"], "logo_uri": "https://registered.example/a.png",
        });
        let answer = registered(&app, &metadata).await;
        let mut itself = client_of(&app, &answer).await;
        itself.redirect_uri.clone_from(&own.redirect_uri);
        let mut described = own.clone();
        described.client.id = elsewhere.url("/client.json");
        metadata["client_id"] = json!(described.id());
        metadata["logo_uri"] = json!("https://described.example/a.png");
        elsewhere.serve("/client.json", Served::json(&metadata));

        let images = |page: &Page| {
            let policy = page.header("content-security-policy").to_owned();
            let rest = policy.split("img-src 'self'").nth(1).expect("images have a policy").to_owned();
            rest.split(';').next().unwrap_or_default().trim().to_owned()
        };
        for (client, host) in [(&own, "https://looked-at.example"), (&itself, ""), (&described, "")] {
            let page = browser.visit(&client.authorize_url(&[("scope", "openid")])).await;
            assert!(page.body.contains("name=\"decision\""), "{}", page.body);
            assert_eq!((images(&page).as_str(), page.body.contains("/a.png")), (host, !host.is_empty()), "{}", client.id());
            let page = client.authorize(&browser, "alice", &[("scope", "openid")]).await;
            assert_eq!(client.redeem(&page.answer("code").unwrap()).await.status, 200);
            // The question shows no pictures at all.
            let id = utf8_percent_encode(client.id(), NON_ALPHANUMERIC);
            let page = browser.visit(&app.url(&format!("{REMOVE}?client={id}"))).await;
            assert_eq!((page.status.as_u16(), images(&page).as_str()), (200, ""), "{}", client.id());
            assert!(!page.body.contains("/a.png"), "{}", page.body);
        }
        let page = browser.visit(&app.url(PATH)).await;
        assert_eq!(page.body.matches("class=\"entry\"").count(), 3, "{}", page.body);
        assert_eq!(images(&page), "https://looked-at.example");
        assert_eq!(page.body.matches("<img class=\"client-logo\"").count(), 1, "{}", page.body);
        assert!(page.body.contains("src=\"https://looked-at.example/a.png\""), "{}", page.body);
    }

    async fn what_is_no_longer_in_force_is_not_called_connected(app: TestApp) {
        app.user("alice").await;
        let (client, browser) = (app.public_client().await, Browser::new());
        let page = client.authorize(&browser, "alice", &[]).await;
        let tokens = client.redeem(&page.answer("code").unwrap()).await;
        client.revoke(tokens.text("refresh_token")).await;
        let page = browser.visit(&app.url(PATH)).await;
        assert!(page.body.contains("Not connected at the moment"), "consent is left");
    }
}

//! Where one is signed in.

use gatehouse::identity::activity;
use gatehouse::model::event::EventKind;

use super::{SESSION, is_in, post, signed_in};
use crate::support::{Browser, TestApp, on_every_database};

const PATH: &str = "/account/sessions";

/// The id of the session of a browser.
fn id(browser: &Browser) -> String {
    let bytes = gatehouse::base::encoding::from_base64url(&browser.cookies()[SESSION]).unwrap();
    gatehouse::base::id::id_from_bytes(bytes[..16].try_into().unwrap())
}

/// Somebody signed in with a browser of that name.
async fn with_agent(app: &TestApp, username: &str, agent: &str) -> Browser {
    let browser = Browser::new();
    let page = browser.visit(&app.url("/login")).await;
    let csrf = page.field("csrf");
    let fields = [("username", username), ("password", username), ("csrf", &csrf)];
    let request = crate::support::browser::http()
        .post(app.url("/login"))
        .form(&fields)
        .header("user-agent", agent);
    assert_eq!(browser.send(request, &app.url("/login")).await.status, 303);
    browser
}

on_every_database! {
    async fn sessions_are_listed_in_words(app: TestApp) {
        app.user("alice").await;
        app.user("bob").await;
        signed_in(&app, "bob").await;
        with_agent(&app, "alice", "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0").await;
        with_agent(&app, "alice", "<script>alert(1)</script> \"'&").await;
        let idle = with_agent(&app, "alice", "curl/8.14.1").await;
        app.advance(3 * 3600);
        let browser = with_agent(&app, "alice", "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0").await;
        let page = browser.visit(&app.url(PATH)).await;
        for text in ["Firefox on Linux", "Edge on Windows", "curl", "This browser", "127.0.0.1", "3 hours ago", "just now",
            "datetime=\"2027-01-15T08:00:00Z\"", "15 January 2027, 08:00 UTC"] {
            assert!(page.body.contains(text), "{text}");
        }
        assert!(!page.body.contains("<script"), "escaped");
        assert_eq!(page.body.matches("Last seen").count(), 4, "bob's is not among them");
        assert_eq!(page.body.matches("This browser").count(), 1);
        assert!(page.body.find("This browser") < page.body.find("Firefox"), "the own one is first");
        // What has idled out is not there, although its row is.
        app.advance(8 * 86_400);
        let browser = signed_in(&app, "alice").await;
        assert_eq!(browser.visit(&app.url(PATH)).await.body.matches("Last seen").count(), 1);
        assert!(!is_in(&app, &idle).await);
    }

    async fn one_session_is_ended_with_its_grants(app: TestApp) {
        let user = app.user("alice").await;
        let client = app.trusted_client().await;
        let (browser, left) = (signed_in(&app, "alice").await, signed_in(&app, "alice").await);
        let mut tokens = Vec::new();
        for (browser, scope) in [(&left, "openid"), (&left, "openid offline_access"), (&browser, "openid")] {
            let page = client.authorize(browser, "alice", &[("scope", scope)]).await;
            tokens.push(client.redeem(&page.answer("code").unwrap()).await);
        }
        let answer = post(&app, &browser, PATH, &[("end", "one"), ("session", &id(&left))]).await;
        assert_eq!(answer.location(), Some(app.url("/account/sessions?done=one")));
        assert!(browser.follow(answer).await.body.contains("The session has ended."));
        assert!(!is_in(&app, &left).await && is_in(&app, &browser).await);
        let mut alive = Vec::new();
        for tokens in &tokens {
            alive.push(client.userinfo(tokens.text("access_token")).await.status == 200);
        }
        assert_eq!(alive, [false, true, true], "what may stay connected stays");
        let answer = post(&app, &browser, PATH, &[("end", "one"), ("session", &id(&left))]).await;
        assert_eq!(answer.location(), Some(app.url("/account/sessions?done=gone")));
        let events = activity::recent(&app.app, &user.id, None, 100).await.unwrap();
        let ended: Vec<_> = events.iter().filter(|event| event.kind == EventKind::SessionRevoked).collect();
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].target, Some(id(&left)));
        // The own one is left by signing out.
        let answer = post(&app, &browser, PATH, &[("end", "one"), ("session", &id(&browser))]).await;
        assert_eq!(answer.location(), Some(app.url("/logout")));
        assert!(is_in(&app, &browser).await);
    }

    async fn nobody_ends_the_session_of_somebody_else(app: TestApp) {
        app.user("alice").await;
        app.user("bob").await;
        let client = app.trusted_client().await;
        let (alice, bob) = (signed_in(&app, "alice").await, signed_in(&app, "bob").await);
        let page = client.authorize(&bob, "bob", &[("scope", "openid")]).await;
        let tokens = client.redeem(&page.answer("code").unwrap()).await;
        let answer = post(&app, &alice, PATH, &[("end", "one"), ("session", &id(&bob))]).await;
        let nobodys = post(&app, &alice, PATH, &[("end", "one"), ("session", &"0".repeat(32))]).await;
        assert_eq!(answer.location(), nobodys.location(), "nor learns that there is one");
        post(&app, &alice, PATH, &[("end", "others"), ("session", &id(&bob)), ("user", "bob")]).await;
        assert!(is_in(&app, &bob).await);
        assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 200);
        assert_eq!(post(&app, &alice, PATH, &[("end", "everything")]).await.status, 400);
        assert_eq!(post(&app, &alice, PATH, &[("end", "one")]).await.status, 400);
    }

    async fn all_others_are_ended_together(app: TestApp) {
        let user = app.user("alice").await;
        let client = app.trusted_client().await;
        let (browser, one, two) = (signed_in(&app, "alice").await, signed_in(&app, "alice").await, signed_in(&app, "alice").await);
        let mut all = Vec::new();
        for (browser, scope) in [(&browser, "openid"), (&one, "openid"), (&one, "openid offline_access")] {
            let page = client.authorize(browser, "alice", &[("scope", scope)]).await;
            all.push(client.redeem(&page.answer("code").unwrap()).await);
        }
        let [own, other, offline] = &all[..] else { unreachable!() };
        let answer = post(&app, &browser, PATH, &[("end", "others")]).await;
        assert!(browser.follow(answer).await.body.contains("You are signed in here only."));
        assert!(is_in(&app, &browser).await && !is_in(&app, &one).await && !is_in(&app, &two).await);
        assert_eq!(client.userinfo(own.text("access_token")).await.status, 200);
        assert_eq!(client.userinfo(other.text("access_token")).await.status, 401);
        assert_eq!(client.userinfo(offline.text("access_token")).await.status, 200);
        // Once more, there is nothing to end and nothing to tell of.
        post(&app, &browser, PATH, &[("end", "others")]).await;
        let events = activity::recent(&app.app, &user.id, None, 100).await.unwrap();
        assert_eq!(events.iter().filter(|event| event.kind == EventKind::SessionRevoked).count(), 1);
    }
}

//! What happened to one's account lately.

use gatehouse::model::event::{Actor, EventKind};

use super::{sign_in, signed_in};
use crate::support::{Browser, TestApp, on_every_database};

const PATH: &str = "/account/activity";

async fn record(app: &TestApp, event: gatehouse::model::event::Event) {
    let mut tx = app.app.store.begin().await.unwrap();
    tx.record(event).await.unwrap();
    tx.commit().await.unwrap();
}

on_every_database! {
    async fn people_see_what_concerns_them_and_nothing_else(app: TestApp) {
        let alice = app.user("alice").await;
        let bob = app.user("bob").await;
        let client = app.public_client().await;
        let page = Browser::new().visit(&app.url("/login")).await;
        assert_eq!(page.status, 200);
        let stranger = Browser::new();
        let page = stranger.visit(&app.url("/login")).await;
        stranger.submit(&page, &[("username", "alice"), ("password", "wrong")]).await;
        let browser = Browser::new();
        sign_in(&app, &browser, "alice", "alice").await;
        let page = client.authorize(&browser, "alice", &[]).await;
        client.redeem(&page.answer("code").unwrap()).await;
        record(&app, app.app.event(EventKind::UserSignedOut).subject(&bob.id)).await;
        let mut by_operator = app.app.event(EventKind::UserChanged).subject(&alice.id).by(Actor::AdminToken).detail("before", "hidden detail");
        by_operator.address = Some("192.0.2.77".to_owned());
        record(&app, by_operator).await;
        let page = browser.visit(&app.url(PATH)).await;
        for text in ["Signed in", "Sign-in failed", "Refused", "App allowed to use your account", "Example App", "from <bdi>127.0.0.1</bdi>",
            "Account changed", "by an administrator", "just now"] {
            assert!(page.body.contains(text), "{text}: {}", page.body);
        }
        for text in ["Signed out everywhere", "192.0.2.77", "hidden detail"] {
            assert!(!page.body.contains(text), "{text}");
        }
        let theirs = signed_in(&app, "bob").await.visit(&app.url(PATH)).await;
        assert!(theirs.body.contains("Signed out everywhere") && !theirs.body.contains("Example App"));
    }

    async fn it_has_pages(app: TestApp) {
        let alice = app.user("alice").await;
        let browser = signed_in(&app, "alice").await;
        for _ in 0..60 {
            app.advance(1);
            record(&app, app.app.event(EventKind::ConsentDenied).subject(&alice.id)).await;
        }
        let mut page = browser.visit(&app.url(PATH)).await;
        let mut seen = vec![page.body.matches("<time").count()];
        while let Some(at) = page.body.find("/account/activity?before=") {
            let link: String = page.body[at..].chars().take_while(|c| *c != '"').collect();
            page = browser.visit(&app.url(&link)).await;
            seen.push(page.body.matches("<time").count());
        }
        // The sixty, the account's making, and the sign-in.
        assert_eq!(seen, [25, 25, 12]);
        assert!(page.body.contains("Newest"));
        for before in ["x", "g", "'", "0"] {
            let page = browser.visit(&app.url(&format!("{PATH}?before={before}"))).await;
            assert_eq!(page.status, 200);
        }
        let page = browser.visit(&app.url(&format!("{PATH}?before={}", "0".repeat(32)))).await;
        assert!(page.body.contains("Nothing older is recorded."));
    }
}

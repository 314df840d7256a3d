//! A new password.

use gatehouse::identity::{account, activity, session};
use gatehouse::model::event::EventKind;
use gatehouse::model::user::UserSettings;

use super::{SESSION, csrf, is_in, sign_in, signed_in};
use crate::support::{Browser, Page, TestApp, on_every_database};

const NEW: &str = "correct horse battery";

async fn change(app: &TestApp, browser: &Browser, current: &str, new: &str) -> Page {
    let csrf = csrf(app, browser).await;
    send(app, browser, &csrf, current, new).await
}

async fn send(app: &TestApp, browser: &Browser, csrf: &str, current: &str, new: &str) -> Page {
    let fields = [("csrf", csrf), ("current", current), ("new", new), ("again", new)];
    browser.post(&app.url("/account/password"), &fields).await
}

async fn can_sign_in(app: &TestApp, password: &str) -> bool {
    let browser = Browser::new();
    let page = browser.visit(&app.url("/login")).await;
    browser.submit(&page, &[("username", "alice"), ("password", password)]).await.status == 303
}

async fn kinds(app: &TestApp, user_id: &str) -> Vec<EventKind> {
    let events = activity::recent(&app.app, user_id, None, 100).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

on_every_database! {
    async fn a_new_password_ends_everything_but_this_browser(app: TestApp) {
        let user = app.user("alice").await;
        app.user("bob").await;
        let client = app.trusted_client().await;
        let (browser, thief, bob) = (signed_in(&app, "alice").await, signed_in(&app, "alice").await, signed_in(&app, "bob").await);
        let stolen = client.authorize(&thief, "alice", &[("scope", "openid offline_access")]).await;
        let stolen = client.redeem(&stolen.answer("code").unwrap()).await;
        let own = client.authorize(&browser, "alice", &[("scope", "openid")]).await;
        let own = client.redeem(&own.answer("code").unwrap()).await;
        let pending = client.authorize(&thief, "alice", &[("scope", "openid")]).await.answer("code").unwrap();
        let before = browser.cookies();
        let page = browser.visit(&app.url("/account/password")).await;
        assert!(page.body.contains("All your other sessions end, and every app loses its access"), "the page says what happens");

        let answer = browser.submit(&page, &[("current", "alice"), ("new", NEW), ("again", NEW)]).await;
        assert_eq!(answer.location(), Some(app.url("/account/password?done=changed")));
        assert!(browser.follow(answer).await.body.contains("Your password was changed."));
        assert!(is_in(&app, &browser).await);
        assert_ne!(browser.cookies()[SESSION], before[SESSION], "a new session");
        let old = Browser::new();
        old.set_cookie(SESSION, &before[SESSION]);
        assert!(!is_in(&app, &old).await, "whoever has the old cookie is out");
        assert!(!is_in(&app, &thief).await);
        assert!(is_in(&app, &bob).await);
        for tokens in [&stolen, &own] {
            assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 401);
            assert_eq!(client.refresh(tokens.text("refresh_token")).await.error(), "invalid_grant");
        }
        assert_eq!(client.redeem(&pending).await.error(), "invalid_grant", "nor is a code good that was on its way");
        assert!(!can_sign_in(&app, "alice").await);
        assert!(can_sign_in(&app, NEW).await);
        assert!(kinds(&app, &user.id).await.contains(&EventKind::PasswordChanged));

        // This browser stays known: strangers do not lock it out.
        for _ in 0..6 {
            can_sign_in(&app, "guess").await;
        }
        assert!(!can_sign_in(&app, NEW).await);
        browser.forget(SESSION);
        sign_in(&app, &browser, "alice", NEW).await;
    }

    async fn a_stolen_session_cannot_guess(app: TestApp) {
        let user = app.user("alice").await;
        let owner = signed_in(&app, "alice").await;
        let thief = Browser::new();
        thief.set_cookie(SESSION, &owner.cookies()[SESSION]);
        for _ in 0..5 {
            let page = change(&app, &thief, "guess", NEW).await;
            assert_eq!(page.status, 403);
            assert!(page.body.contains("The current password is wrong."));
        }
        let page = change(&app, &thief, "alice", NEW).await;
        assert_eq!((page.status.as_u16(), page.header("retry-after")), (429, "60"), "even with the right one");
        assert!(!can_sign_in(&app, NEW).await);
        let kinds = kinds(&app, &user.id).await;
        assert_eq!(kinds.iter().filter(|kind| **kind == EventKind::PasswordRefused).count(), 5);
        assert!(kinds.contains(&EventKind::SignInThrottled));
        // The owner's browser is known and counted on its own.
        assert_eq!(change(&app, &owner, "alice", NEW).await.status, 303);
        assert!(!is_in(&app, &thief).await);
        // A known browser has its limit, too.
        for _ in 0..10 {
            assert_eq!(change(&app, &owner, "guess", "another password").await.status, 403);
        }
        assert_eq!(change(&app, &owner, NEW, "another password").await.status, 429);
    }

    async fn parallel_guesses_learn_nothing_beyond_the_limit(app: TestApp) {
        app.user("alice").await;
        let owner = signed_in(&app, "alice").await;
        let thief = Browser::new();
        thief.set_cookie(SESSION, &owner.cookies()[SESSION]);
        let csrf = csrf(&app, &thief).await;
        let guesses: Vec<String> = (0..20).map(|n| format!("guess {n}")).collect();
        let answers = futures_util::future::join_all(guesses.iter().map(|guess| send(&app, &thief, &csrf, guess, NEW))).await;
        let looked_at = answers.iter().filter(|page| page.status == 403).count();
        assert!((1..=5 + 4).contains(&looked_at), "the limit, and what was being computed then: {looked_at}");
        assert!(answers.iter().all(|page| matches!(page.status.as_u16(), 403 | 429 | 503)));
    }

    async fn of_two_changes_at_once_one_wins(app: TestApp) {
        let user = app.user("alice").await;
        let (one, two) = (signed_in(&app, "alice").await, signed_in(&app, "alice").await);
        let (first, second) = (csrf(&app, &one).await, csrf(&app, &two).await);
        let (left, right) = tokio::join!(
            send(&app, &one, &first, "alice", "the left password"),
            send(&app, &two, &second, "alice", "the right password"),
        );
        let won = |page: &Page| page.location().is_some_and(|location| location.ends_with("?done=changed"));
        assert!(won(&left) != won(&right), "{:?} {:?}", left.location(), right.location());
        let lost = if won(&left) { &right } else { &left };
        assert_eq!(lost.location(), Some(app.url("/login?next=%2Faccount%2Fpassword")));
        assert_eq!((is_in(&app, &one).await, is_in(&app, &two).await), (won(&left), won(&right)));
        let sessions = app.app.store.read().await.unwrap().own_sessions(&user.id, app.app.now(), 10).await.unwrap();
        assert_eq!(sessions.len(), 1);
        assert_eq!(can_sign_in(&app, "the left password").await, won(&left));
        assert_eq!(can_sign_in(&app, "the right password").await, won(&right));
        // The same form twice, from one browser.
        let (winner, password) = if won(&left) { (&one, "the left password") } else { (&two, "the right password") };
        let token = csrf(&app, winner).await;
        let (left, right) = tokio::join!(
            send(&app, winner, &token, password, "sent by a double click"),
            send(&app, winner, &token, password, "sent by a double click"),
        );
        assert!(won(&left) != won(&right));
        assert!(can_sign_in(&app, "sent by a double click").await);
    }

    async fn an_unsuitable_password_changes_nothing(app: TestApp) {
        app.user_with("alice", |_| {}).await;
        let browser = signed_in(&app, "alice").await;
        let session = browser.cookies()[SESSION].clone();
        let long = "x".repeat(1025);
        for (new, again, problem) in [
            ("short", "short", "at least 8 characters"),
            (long.as_str(), long.as_str(), "at most 1024 bytes"),
            (NEW, "correct horse batterie", "are not the same"),
            ("", "", "at least 8 characters"),
        ] {
            let token = csrf(&app, &browser).await;
            let fields = [("csrf", token.as_str()), ("current", "alice"), ("new", new), ("again", again)];
            let page = browser.post(&app.url("/account/password"), &fields).await;
            assert_eq!(page.status, 422, "{problem}");
            assert!(page.body.contains(problem), "{problem}");
            assert!(!page.body.contains(&format!("value=\"{NEW}\"")), "passwords are not sent back");
        }
        assert_eq!(change(&app, &browser, "alice", NEW).await.status, 303);
        assert_ne!(browser.cookies()[SESSION], session);
        let page = change(&app, &browser, NEW, NEW).await;
        assert_eq!(page.status, 422);
        assert!(page.body.contains("the same as the current one"));
    }

    async fn an_account_without_a_password_gets_an_explanation(app: TestApp) {
        let settings = UserSettings { username: "alice".to_owned(), ..UserSettings::default() };
        let user = account::create(&app.app, settings, None).await.unwrap();
        let session = session::new_session(&app.app, &user.id, &["pwd"], &session::Origin::default()).unwrap();
        let mut tx = app.app.store.begin().await.unwrap();
        tx.insert_session(&session.session).await.unwrap();
        tx.commit().await.unwrap();
        let browser = Browser::new();
        browser.set_cookie(SESSION, &session.cookie);
        let page = browser.visit(&app.url("/account/password")).await;
        assert!(page.body.contains("has no password") && !page.body.contains("<form"));
        assert_eq!(change(&app, &browser, "alice", NEW).await.status, 422);
        assert!(!can_sign_in(&app, NEW).await);
    }
}

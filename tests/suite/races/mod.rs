//! Many at once: every gate lets exactly one through, on each database.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use gatehouse::oauth::clients::{self, NewClient};
use gatehouse::protocol::client_authentication::AuthMethod;

use crate::support::client::Answer;
use crate::support::{Browser, TestApp, on_every_database};

fn count(answers: &[Answer], status: u16, error: &str) -> usize {
    answers
        .iter()
        .filter(|answer| answer.status == status && answer.error() == error)
        .count()
}

on_every_database! {
    async fn a_hundred_redemptions_of_one_code_have_one_winner_and_end_revoked(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let code = client.code("alice", &[]).await;
        let answers = join_all((0..100).map(|_| client.redeem(&code))).await;
        assert_eq!(count(&answers, 200, ""), 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
        assert_eq!(count(&answers, 400, "invalid_grant"), 99);
        let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
        assert_eq!(client.userinfo(winner.text("access_token")).await.status, 401, "the replay revoked it");
        assert_eq!(client.refresh(winner.text("refresh_token")).await.error(), "invalid_grant");
    }

    async fn a_hundred_refreshes_of_one_token_have_one_successor_and_no_error(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let tokens = client.tokens("alice", &[]).await;
        let answers = join_all((0..100).map(|_| client.refresh(tokens.text("refresh_token")))).await;
        assert_eq!(count(&answers, 200, ""), 100, "{:?}", answers.iter().find(|answer| answer.status != 200));
        let successors: BTreeSet<&str> = answers.iter().map(|answer| answer.text("refresh_token")).collect();
        assert_eq!(successors.len(), 1);
        assert_eq!(client.refresh(successors.first().unwrap()).await.status, 200);
    }

    async fn refreshing_and_revoking_at_once_ends_revoked(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let tokens = client.tokens("alice", &[]).await;
        let refreshes = join_all((0..20).map(|_| client.refresh(tokens.text("refresh_token"))));
        let revocations = join_all((0..3).map(|_| client.revoke(tokens.text("refresh_token"))));
        let (refreshed, revoked) = tokio::join!(refreshes, revocations);
        assert!(revoked.iter().all(|answer| answer.status == 200));
        for answer in refreshed.iter().filter(|answer| answer.status == 200) {
            assert_eq!(client.userinfo(answer.text("access_token")).await.status, 401);
            assert_eq!(client.refresh(answer.text("refresh_token")).await.error(), "invalid_grant");
        }
    }

    async fn one_of_many_consents_at_once_is_enough(app: TestApp) {
        app.user("alice").await;
        let client = app.public_client().await;
        let browser = Browser::new();
        let page = browser.visit(&client.authorize_url(&[])).await;
        let page = browser.sign_in(&page, "alice", "alice").await;
        let answers = join_all((0..10).map(|_| browser.submit(&page, &[("decision", "allow")]))).await;
        let codes: BTreeSet<String> = answers.iter().filter_map(|page| page.answer("code")).collect();
        assert_eq!(codes.len(), 10, "each press of the button is a grant of its own");
        for code in codes {
            assert_eq!(client.redeem(&code).await.status, 200);
        }
    }

    async fn one_name_belongs_to_one_account_and_one_client(app: TestApp) {
        let users = join_all((0..10).map(|_| {
            let new = gatehouse::model::user::UserSettings { username: "alice".to_owned(), ..Default::default() };
            gatehouse::identity::account::create(&app.app, new, None)
        })).await;
        assert_eq!(users.iter().filter(|user| user.is_ok()).count(), 1);
        let clients = join_all((0..10).map(|_| {
            let mut new = NewClient::new("One", AuthMethod::None);
            new.id = Some("one".to_owned());
            new.redirect_uris = vec!["https://app.example/cb".to_owned()];
            clients::register(&app.app, new)
        })).await;
        assert_eq!(clients.iter().filter(|client| client.is_ok()).count(), 1);
    }

    async fn set_up_is_completed_once(app: TestApp) {
        use gatehouse::identity::admin_token::{self, Setup};
        let code = admin_token::setup_code(&app.app);
        let outcomes = join_all((0..10).map(|_| admin_token::complete_setup(&app.app, &code))).await;
        let done: Vec<_> = outcomes.into_iter().map(Result::unwrap).filter_map(|outcome| match outcome { Setup::Done(token) => Some(token), _ => None }).collect();
        assert_eq!(done.len(), 1);
        assert!(admin_token::verify(&app.app, secrecy::ExposeSecret::expose_secret(&done[0])).await.unwrap());
    }

    async fn a_burst_of_guesses_learns_nothing_after_the_limit(app: TestApp) {
        app.user("alice").await;
        let browser = Browser::new();
        let page = browser.visit(&app.url("/login")).await;
        let guesses: Vec<String> = (0..100).map(|number| if number == 60 { "alice".to_owned() } else { format!("guess {number}") }).collect();
        let answers = join_all(guesses.iter().map(|guess| {
            let (browser, page) = (&browser, &page);
            async move { browser.submit(page, &[("username", "alice"), ("password", guess)]).await.status.as_u16() }
        })).await;
        let looked_at = answers.iter().filter(|status| **status != 429).count();
        assert!(answers.iter().all(|status| matches!(status, 401 | 429 | 303)), "{answers:?}");
        // Whoever knows the password begins anew with it: then the limit counts before and after it.
        let limit = if answers[60] == 303 { 5 + 1 + 5 } else { 5 };
        assert!(looked_at <= limit + 4, "the limit, and what was being computed when it was reached: {answers:?}");
        let right = browser.submit(&page, &[("username", "alice"), ("password", "alice")]).await;
        assert!(right.status == 429 || answers[60] == 303);
    }

    async fn no_session_and_no_grant_outlives_a_change_of_the_password(app: TestApp) {
        use gatehouse::identity::account;
        let user = app.user("alice").await;
        let client = app.trusted_client().await;
        let early = Browser::new();
        client.authorize(&early, "alice", &[]).await;
        let browsers: Vec<Browser> = (0..12).map(|_| Browser::new()).collect();
        let sign_ins = join_all(browsers.iter().map(|browser| async {
            let page = browser.visit(&app.url("/login")).await;
            browser.submit(&page, &[("username", "alice"), ("password", "alice")]).await;
        }));
        let grants = join_all((0..12).map(|_| async { early.visit(&client.authorize_url(&[])).await.answer("code") }));
        let secret = secrecy::SecretString::from("another password");
        let change = account::set_password(&app.app, &user, &secret);
        let (_, codes, changed) = tokio::join!(sign_ins, grants, change);
        changed.unwrap();
        for browser in browsers.iter().chain([&early]) {
            assert!(!browser.visit(&app.url("/")).await.body.contains("alice"), "a session outlived the password");
        }
        for code in codes.into_iter().flatten() {
            assert_eq!(client.redeem(&code).await.error(), "invalid_grant", "a grant outlived the password");
        }
    }

    async fn colliding_right_sign_ins_of_one_person_all_succeed(app: TestApp) {
        app.user("alice").await;
        let browsers: Vec<Browser> = (0..30).map(|_| Browser::new()).collect();
        let pages = join_all(browsers.iter().map(|browser| async {
            let page = browser.visit(&app.url("/login")).await;
            browser.submit(&page, &[("username", "alice"), ("password", "alice")]).await
        })).await;
        assert!(pages.iter().all(|page| page.status == 303), "{:?}", pages.iter().map(|page| page.status).collect::<Vec<_>>());
    }
}

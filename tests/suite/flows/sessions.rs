//! Sessions, sign-in and sign-out.

use crate::support::{Browser, TestApp, on_every_database};

const SESSION: &str = "gatehouse_session";

async fn sign_in(app: &TestApp, browser: &Browser, username: &str, password: &str) -> crate::support::Page {
    let page = browser.visit(&app.url("/login")).await;
    browser.submit(&page, &[("username", username), ("password", password)]).await
}

on_every_database! {
    async fn signing_in_changes_the_session_id_and_out_ends_it(app: TestApp) {
        app.user("alice").await;
        let browser = Browser::new();
        let planted = "A".repeat(64);
        browser.set_cookie(SESSION, &planted);
        let page = sign_in(&app, &browser, "alice", "alice").await;
        assert_eq!(page.status, 303);
        let set: Vec<_> = page.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect();
        let session = set.iter().find(|cookie| cookie.starts_with(SESSION)).unwrap();
        for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(session.contains(attribute), "{session}");
        }
        let first = browser.cookies()[SESSION].clone();
        assert_ne!(first, planted);
        assert!(browser.visit(&app.url("/")).await.body.contains("alice"));

        // A sign-in inside a session replaces it, and the old cookie is dead.
        let client = app.trusted_client().await;
        let page = browser.visit(&client.authorize_url(&[("prompt", "login")])).await;
        browser.sign_in(&page, "alice", "alice").await;
        let second = browser.cookies()[SESSION].clone();
        assert_ne!(second, first);
        let stolen = Browser::new();
        stolen.set_cookie(SESSION, &first);
        assert!(!stolen.visit(&app.url("/")).await.body.contains("alice"));

        let page = browser.visit(&app.url("/logout")).await;
        let page = browser.submit(&page, &[]).await;
        assert_eq!(page.status, 303);
        assert!(!browser.cookies().contains_key(SESSION));
        browser.set_cookie(SESSION, &second);
        assert!(!browser.visit(&app.url("/")).await.body.contains("alice"), "signed out on the server, too");
    }

    async fn the_cookie_is_stored_as_a_digest_only(app: TestApp) {
        app.user("alice").await;
        let browser = Browser::new();
        sign_in(&app, &browser, "alice", "alice").await;
        let cookie = browser.cookies()[SESSION].clone();
        let bytes = gatehouse::base::encoding::from_base64url(&cookie).unwrap();
        let id = gatehouse::base::id::id_from_bytes(bytes[..16].try_into().unwrap());
        let session = app.app.store.read().await.unwrap().session(&id).await.unwrap().unwrap();
        let secret = &bytes[16..];
        assert_eq!(session.secret_hash, gatehouse::base::encoding::base64url(&gatehouse::base::digest::sha256(secret)));
        // The right id with another secret opens nothing.
        let mut forged = bytes.clone();
        forged[47] ^= 1;
        let forger = Browser::new();
        forger.set_cookie(SESSION, &gatehouse::base::encoding::base64url(&forged));
        assert!(!forger.visit(&app.url("/")).await.body.contains("alice"));
    }

    async fn sessions_idle_out_and_age_out(app: TestApp) {
        app.user("alice").await;
        let (idle, used) = (Browser::new(), Browser::new());
        sign_in(&app, &idle, "alice", "alice").await;
        sign_in(&app, &used, "alice", "alice").await;
        let signed_in = |page: &crate::support::Page| page.body.contains("alice");
        for _ in 0..20 {
            app.advance(43_200);
            assert!(signed_in(&used.visit(&app.url("/")).await));
        }
        assert!(!signed_in(&idle.visit(&app.url("/")).await));
        for _ in 0..8 {
            app.advance(43_200);
            used.visit(&app.url("/")).await;
        }
        assert!(!signed_in(&used.visit(&app.url("/")).await), "two weeks are over");
    }

    async fn wrong_name_and_wrong_password_look_the_same(app: TestApp) {
        let mut user = app.user("alice").await;
        let browser = Browser::new();
        let wrong_password = sign_in(&app, &browser, "alice", "wrong").await;
        let wrong_name = sign_in(&app, &browser, "nobody", "wrong").await;
        user.is_disabled = true;
        app.update_user(&user).await;
        let disabled = sign_in(&app, &browser, "alice", "alice").await;
        for page in [&wrong_password, &wrong_name, &disabled] {
            assert_eq!(page.status, 401);
            assert!(page.body.contains("The username or the password is wrong."));
        }
        assert_eq!(wrong_password.body.len() + "nobody".len() - "alice".len(), wrong_name.body.len());
        assert!(!browser.cookies().contains_key(SESSION));
    }

    async fn a_verified_email_signs_in_and_an_unverified_one_does_not(app: TestApp) {
        app.user("alice").await;
        app.user_with("bob", |new| new.email_verified = false).await;
        assert_eq!(sign_in(&app, &Browser::new(), "Alice@Example.com", "alice").await.status, 303);
        assert_eq!(sign_in(&app, &Browser::new(), " ALICE ", "alice").await.status, 303);
        assert_eq!(sign_in(&app, &Browser::new(), "bob@example.com", "bob").await.status, 401);
    }

    async fn guessing_is_slowed_down_without_locking_the_owner_out(app: TestApp) {
        app.user("alice").await;
        let owner = Browser::new();
        assert_eq!(sign_in(&app, &owner, "alice", "alice").await.status, 303);
        let guesser = Browser::new();
        for _ in 0..5 {
            assert_eq!(sign_in(&app, &guesser, "alice", "guess").await.status, 401);
        }
        let blocked = sign_in(&app, &guesser, "alice", "alice").await;
        assert_eq!(blocked.status, 429, "even with the right password");
        assert_eq!(blocked.header("retry-after"), "60");
        // Another node counts with it.
        let other_node = app.second_node().await;
        let origin = gatehouse::identity::session::Origin { address: "127.0.0.1".to_owned(), user_agent: String::new() };
        let attempt = gatehouse::identity::sign_in::SignIn { username: "alice", password: &"alice".into(), origin: &origin, device: None, replaces: None };
        let outcome = gatehouse::identity::sign_in::sign_in(&other_node, &attempt).await.unwrap();
        assert!(matches!(outcome, gatehouse::identity::sign_in::Outcome::Throttled(_)));
        // The owner's own browser is known.
        owner.forget(SESSION);
        assert_eq!(sign_in(&app, &owner, "alice", "alice").await.status, 303);
        // Another account at the same place is not concerned yet.
        app.user("bob").await;
        assert_eq!(sign_in(&app, &Browser::new(), "bob", "bob").await.status, 303);
        // Time heals, and the next failure costs more.
        app.advance(61);
        assert_eq!(sign_in(&app, &guesser, "alice", "guess").await.status, 401);
        assert_eq!(sign_in(&app, &guesser, "alice", "guess").await.header("retry-after"), "120");
        app.advance(121);
        assert_eq!(sign_in(&app, &guesser, "alice", "alice").await.status, 303);
    }

    async fn an_old_password_hash_is_upgraded_at_the_next_sign_in(app: TestApp) {
        let mut user = app.user("alice").await;
        let cheap = gatehouse::keys::passwords::PasswordCost { memory_kib: 32, passes: 1, lanes: 1 };
        let old = gatehouse::keys::passwords::Passwords::new(cheap, 1, 1, app.app.random.clone()).unwrap();
        user.password_hash = Some(old.hash(&"alice".into()).await.unwrap());
        app.update_user(&user).await;
        assert_eq!(sign_in(&app, &Browser::new(), "alice", "alice").await.status, 303);
        let user = app.app.store.read().await.unwrap().user(&user.id).await.unwrap().unwrap();
        assert!(user.password_hash.unwrap().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        assert_eq!(sign_in(&app, &Browser::new(), "alice", "alice").await.status, 303);
    }

    async fn forms_of_other_sites_and_other_browsers_are_refused(app: TestApp) {
        app.user("alice").await;
        let browser = Browser::new();
        let page = browser.visit(&app.url("/login")).await;
        let csrf = page.field("csrf");
        let fields = |csrf: &'static str| [("username", "alice"), ("password", "alice"), ("csrf", csrf)];
        assert_eq!(browser.post(&app.url("/login"), &fields("")).await.status, 403);
        assert_eq!(browser.post(&app.url("/login"), &fields("wrong")).await.status, 403);
        let other = Browser::new();
        other.visit(&app.url("/login")).await;
        assert_eq!(other.post(&app.url("/login"), &[("username", "alice"), ("password", "alice"), ("csrf", &csrf)]).await.status, 403);
        let request = crate::support::browser::http().post(app.url("/login")).form(&[("username", "alice"), ("password", "alice"), ("csrf", &csrf)]);
        let cross_site = browser.send(request.header("sec-fetch-site", "cross-site"), &app.url("/login")).await;
        assert_eq!(cross_site.status, 403);
        assert_eq!(browser.post(&app.url("/login"), &[("username", "alice"), ("password", "alice"), ("csrf", &csrf)]).await.status, 303);
        // The token of the signed-out page is worthless inside the session.
        assert_eq!(browser.post(&app.url("/logout"), &[("csrf", &csrf)]).await.status, 403);
    }

    async fn two_names_of_one_account_are_counted_apart(app: TestApp) {
        app.user("bob").await;
        for (first, second) in [("bob", "bob@example.com"), ("carol", "carol@example.com")] {
            for _ in 0..5 {
                assert_eq!(sign_in(&app, &Browser::new(), first, "wrong").await.status, 401);
            }
            assert_eq!(sign_in(&app, &Browser::new(), first, "wrong").await.status, 429);
            assert_eq!(sign_in(&app, &Browser::new(), second, "wrong").await.status, 401, "nothing shows that {first} exists");
        }
    }

    async fn signing_out_ends_what_was_not_meant_to_stay(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let browser = Browser::new();
        let grant = |scope: &'static str| {
            let (client, browser) = (client.clone(), &browser);
            async move {
                let page = client.authorize(browser, "alice", &[("scope", scope)]).await;
                client.redeem(&page.answer("code").unwrap()).await
            }
        };
        let (with_session, offline, plain) = (grant("openid").await, grant("openid offline_access").await, grant("read").await);
        let page = browser.visit(&app.url("/logout")).await;
        browser.submit(&page, &[]).await;
        assert_eq!(client.refresh(with_session.text("refresh_token")).await.error(), "invalid_grant");
        assert_eq!(client.userinfo(with_session.text("access_token")).await.status, 401);
        assert_eq!(client.refresh(offline.text("refresh_token")).await.status, 200);
        assert_eq!(client.refresh(plain.text("refresh_token")).await.status, 200, "no OpenID Connect, no offline_access");
    }

    async fn signing_in_again_takes_the_grants_along_and_somebody_else_ends_them(app: TestApp) {
        app.user("alice").await;
        app.user("bob").await;
        let client = app.trusted_client().await;
        for (next, survives_sign_in) in [("alice", true), ("bob", false)] {
            let browser = Browser::new();
            let page = client.authorize(&browser, "alice", &[("scope", "openid")]).await;
            let before = client.redeem(&page.answer("code").unwrap()).await;
            let page = browser.visit(&client.authorize_url(&[("scope", "openid"), ("prompt", "login")])).await;
            browser.sign_in(&page, next, next).await;
            assert_eq!(client.userinfo(before.text("access_token")).await.status == 200, survives_sign_in, "{next}");
            let page = browser.visit(&app.url("/logout")).await;
            browser.submit(&page, &[]).await;
            assert_eq!(client.userinfo(before.text("access_token")).await.status, 401, "{next}");
        }
    }

    async fn a_new_password_does_not_enable_an_account_that_was_disabled_meanwhile(app: TestApp) {
        use gatehouse::identity::account;
        // As an operator's command holds it while it waits for the password to be typed.
        let read_before = app.user("alice").await;
        let disabled = |is_disabled| gatehouse::model::user::UserSettings { is_disabled, ..read_before.settings.clone() };
        account::change(&app.app, read_before.clone(), disabled(true)).await.unwrap();
        account::set_password(&app.app, &read_before, &"another password".into()).await.unwrap();
        assert_eq!(sign_in(&app, &Browser::new(), "alice", "another password").await.status, 401);
        let now_there = app.app.store.read().await.unwrap().user(&read_before.id).await.unwrap().unwrap();
        account::change(&app.app, now_there, disabled(false)).await.unwrap();
        assert_eq!(sign_in(&app, &Browser::new(), "alice", "another password").await.status, 303, "and the other way round");
    }

    async fn a_grant_that_idled_out_leaves_no_row(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let tokens = client.tokens("alice", &[]).await;
        let id = gatehouse::protocol::tokens::RefreshToken::parse(tokens.text("refresh_token")).unwrap().grant_id();
        let is_there = || async { app.app.store.read().await.unwrap().grant(&id).await.unwrap().is_some() };
        app.advance(30 * 86_400 - 1);
        gatehouse::jobs::sweep(&app.app, std::time::Duration::ZERO).await.unwrap();
        assert!(is_there().await);
        app.advance(1);
        gatehouse::jobs::sweep(&app.app, std::time::Duration::ZERO).await.unwrap();
        assert!(!is_there().await, "not kept for the year that it could have been refreshed");
    }

    async fn a_device_cookie_ends_with_the_password(app: TestApp) {
        let user = app.user("alice").await;
        let owner = Browser::new();
        assert_eq!(sign_in(&app, &owner, "alice", "alice").await.status, 303);
        let secret = secrecy::SecretString::from("another password");
        gatehouse::identity::account::set_password(&app.app, &user, &secret).await.unwrap();
        for _ in 0..5 {
            sign_in(&app, &Browser::new(), "alice", "guess").await;
        }
        assert_eq!(sign_in(&app, &owner, "alice", "another password").await.status, 429, "it is a browser like any other now");
    }
}

//! What one says about oneself.

use super::{csrf, signed_in};
use crate::support::{TestApp, on_every_database};

const PATH: &str = "/account/profile";

on_every_database! {
    async fn a_profile_is_changed_and_apps_see_it(app: TestApp) {
        app.user_with("alice", |user| {
            user.profile.insert("birthdate".to_owned(), "2000-01-01".into());
            user.profile.insert("nickname".to_owned(), "Al".into());
            user.roles = vec!["staff".to_owned()];
        }).await;
        let client = app.trusted_client().await;
        let browser = signed_in(&app, "alice").await;
        let page = browser.visit(&app.url(PATH)).await;
        assert!(page.body.contains("ask your administrator"));
        assert_eq!((page.field("name"), page.field("nickname")), ("alice example".to_owned(), "Al".to_owned()));
        let answer = browser.submit(&page, &[
            ("name", " Alice <b>Adams</b> & \"Co\" "), ("given_name", "Alice"), ("family_name", "Adams"), ("nickname", ""),
            ("picture", "https://img.example/alice.png"), ("website", "https://alice.example/"),
            ("locale", "de-AT"), ("zoneinfo", "Europe/Vienna"),
            // Not a field of the form, whatever a form says.
            ("username", "root"), ("email", "root@example.com"), ("roles", "admin"), ("birthdate", "1900-01-01"),
        ]).await;
        assert_eq!(answer.location(), Some(app.url("/account/profile?done=saved")));
        let page = browser.follow(answer).await;
        assert!(page.body.contains("Your profile was saved."));
        assert!(!page.body.contains("<b>Adams"), "escaped");
        assert!(!browser.visit(&app.url("/account")).await.body.contains("<b>Adams"), "there, too");

        let tokens = client.tokens("alice", &[]).await;
        let claims = client.userinfo(tokens.text("access_token")).await.body;
        assert_eq!(claims["name"], "Alice <b>Adams</b> & \"Co\"");
        for (name, value) in [
            ("given_name", "Alice"), ("family_name", "Adams"), ("picture", "https://img.example/alice.png"),
            ("website", "https://alice.example/"), ("locale", "de-AT"), ("zoneinfo", "Europe/Vienna"),
            ("preferred_username", "alice"), ("email", "alice@example.com"), ("birthdate", "2000-01-01"),
        ] {
            assert_eq!(claims[name], value, "{name}");
        }
        assert!(claims.get("nickname").is_none(), "an empty field is no claim");
        let user = app.app.store.read().await.unwrap().user_by_name("alice").await.unwrap().unwrap();
        assert_eq!((user.version, user.roles.as_slice()), (2, ["staff".to_owned()].as_slice()));
    }

    async fn what_cannot_be_is_refused_and_nothing_is_lost(app: TestApp) {
        app.user("alice").await;
        let browser = signed_in(&app, "alice").await;
        let page = browser.visit(&app.url(PATH)).await;
        for (field, value) in [
            ("name", "two\nlines"), ("nickname", "\u{202e}x"), ("picture", "http://img.example/a.png"), ("website", "javascript:alert(1)"),
            ("locale", "en_US"), ("zoneinfo", "../../etc"),
        ] {
            let answer = browser.submit(&page, &[("given_name", "Kept"), (field, value)]).await;
            assert_eq!(answer.status, 422, "{field}");
            assert!(answer.body.contains("role=\"alert\"") && answer.body.contains("aria-invalid"), "{field}");
            assert!(answer.body.contains("value=\"Kept\"") || field == "given_name", "{field}: what was typed stays");
        }
        let user = app.app.store.read().await.unwrap().user_by_name("alice").await.unwrap().unwrap();
        assert_eq!((user.version, user.profile.len()), (1, 1));
    }

    async fn two_at_once_do_not_overwrite_each_other(app: TestApp) {
        let user = app.user("alice").await;
        let browser = signed_in(&app, "alice").await;
        let page = browser.visit(&app.url(PATH)).await;
        let mut settings = user.settings.clone();
        settings.profile.insert("nickname".to_owned(), "by the operator".into());
        gatehouse::identity::account::change(&app.app, user, settings).await.unwrap();
        let answer = browser.submit(&page, &[("name", "Mine")]).await;
        assert_eq!(answer.status, 409);
        assert!(answer.body.contains("changed somewhere else") && answer.body.contains("value=\"Mine\""));
        let read = || async { app.app.store.read().await.unwrap().user_by_name("alice").await.unwrap().unwrap() };
        assert_eq!(read().await.profile["nickname"], "by the operator");
        // Told of it, the person may insist.
        assert_eq!(browser.submit(&answer, &[]).await.status, 303);
        assert_eq!(read().await.profile["name"], "Mine");

        // Really at once.
        let (csrf, version) = (csrf(&app, &browser).await, read().await.version.to_string());
        let send = |name: &'static str| browser.post_to(&app, PATH, vec![("csrf", csrf.clone()), ("version", version.clone()), ("name", name.to_owned())]);
        let (left, right) = tokio::join!(send("left"), send("right"));
        let mut statuses = [left.status.as_u16(), right.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 409]);
        let winner = if left.status == 303 { "left" } else { "right" };
        assert_eq!(read().await.profile["name"], winner);
    }
}

/// A POST whose fields the future owns, so that two of them can be on their way.
trait PostTo {
    async fn post_to(&self, app: &TestApp, path: &str, fields: Vec<(&str, String)>) -> crate::support::Page;
}

impl PostTo for crate::support::Browser {
    async fn post_to(&self, app: &TestApp, path: &str, fields: Vec<(&str, String)>) -> crate::support::Page {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.post(&app.url(path), &fields).await
    }
}

//! The pages at `/account`: accessible, on every screen, and usable by what is written on them.

use gatehouse::federation::providers::{Credential, register};
use gatehouse::federation::workloads;
use gatehouse::model::provider::ProviderSettings;
use gatehouse::model::user::User;
use gatehouse::model::workload::WorkloadSettings;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use secrecy::SecretString;

use super::{photo_album, server};
use crate::support::browser::http;
use crate::support::chrome::Size;
use crate::support::{Browser, Chrome, TestApp};
use crate::vault::{given, kept, workload};

const LONG: &str = "Photographiealbumverwaltungsgesellschaftmitbeschränkterhaftung";

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";

/// Another browser of alice's, in which she signs in at the second attempt.
async fn elsewhere(app: &TestApp, agent: &str) -> Browser {
    let browser = Browser::new();
    let page = browser.visit(&app.url("/login")).await;
    browser.submit(&page, &[("username", "alice"), ("password", "wrong")]).await;
    let csrf = page.field("csrf");
    let fields = [("username", "alice"), ("password", "alice"), ("csrf", &csrf)];
    let request = http().post(app.url("/login")).form(&fields).header("user-agent", agent);
    assert_eq!(browser.send(request, &app.url("/login")).await.status, 303);
    assert!(is_signed_in(app, &browser).await);
    browser
}

async fn is_signed_in(app: &TestApp, browser: &Browser) -> bool {
    browser.visit(&app.url("/account")).await.body.contains("Your account</h1>")
}

/// What somebody gave two agents at a provider that cannot take it back; the one with the long names has to ask again.
async fn gives(app: &TestApp, user: &User) {
    let settings = ProviderSettings {
        name: "Spotify".to_owned(),
        preset: "spotify".to_owned(),
        client_id: "us".to_owned(),
        ..ProviderSettings::default()
    };
    let secret = Credential::ClientSecret(SecretString::from("secret"));
    register(&app.app, "mail", settings, Some(secret)).await.unwrap();
    let owner = app
        .client(AuthMethod::ClientSecretBasic, |new| "Assistants".clone_into(&mut new.name))
        .await;
    for (name, display_name, account) in [("music-agent", "Music Agent", "alice"), ("long-agent", LONG, LONG)] {
        let agent = workload(&app.app, name, owner.id()).await;
        let settings = WorkloadSettings {
            display_name: display_name.to_owned(),
            ..WorkloadSettings::default()
        };
        let agent = workloads::change(&app.app, agent, settings).await.unwrap();
        let mut new = given(&user.id, account, 1);
        if name == "long-agent" {
            let scope = format!(
                "playlist-read-private user-library-read https://api.example.com/auth/{}",
                "x".repeat(60)
            );
            new.scope = Scope::parse(&scope).unwrap();
        }
        let connection = kept(&app.app, &agent, &new).await;
        if name == "long-agent" {
            let mut tx = app.app.store.begin().await.unwrap();
            assert!(tx.mark_needs_consent(&connection.id, connection.version).await.unwrap());
            tx.commit().await.unwrap();
        }
    }
}

/// Somebody with apps, agents, other browsers, and a past.
async fn furnished(app: &TestApp, chrome: &Chrome) {
    let alice = app
        .user_with("alice", |user| {
            user.profile
                .insert("picture".to_owned(), "https://img.example.com/alice.png".into());
            user.roles = vec!["admin".to_owned()];
        })
        .await;
    for agent in [IPHONE, &LONG.repeat(3)] {
        elsewhere(app, agent).await;
    }
    gives(app, &alice).await;
    let long = app.client(AuthMethod::None, |new| LONG.repeat(2).clone_into(&mut new.name)).await;
    long.tokens("alice", &[("scope", "openid profile email offline_access read write")])
        .await;
    photo_album(app).await.tokens("alice", &[]).await;
    sign_in(app, chrome).await;
}

async fn sign_in(app: &TestApp, chrome: &Chrome) {
    chrome.open(&app.url("/account")).await;
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", "alice").await;
    chrome.press("Sign in").await;
    chrome.see("Your account").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible() {
    let (app, chrome) = (server().await, Chrome::start().await);
    furnished(&app, &chrome).await;
    for path in [
        "",
        "/profile",
        "/password",
        "/sessions",
        "/applications",
        "/connections",
        "/activity",
    ] {
        chrome.open(&app.url(&format!("/account{path}"))).await;
        chrome.inspect().await;
    }
    chrome.open(&app.url("/login?prompt=login&next=/account")).await;
    chrome.see("Please enter your password again.").await;
    chrome.inspect().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_done_by_what_is_written_on_the_page() {
    let (app, chrome) = (server().await, Chrome::start().await);
    furnished(&app, &chrome).await;
    chrome.size(Size::Phone).await;
    chrome.press("Profile").await;
    chrome.fill("Display name", "Alice Adams").await;
    chrome.fill("Language", "not a language").await;
    chrome.press("Save").await;
    chrome.see("A language looks like").await;
    chrome.inspect().await;
    chrome.fill("Language", "de-AT").await;
    chrome.press("Save").await;
    chrome.see("Your profile was saved.").await;
    chrome.inspect().await;

    chrome.press("Sessions").await;
    chrome.see("Safari on iPhone").await;
    chrome.press("End all other sessions").await;
    chrome.see("You are signed in here only.").await;
    chrome.inspect().await;

    chrome.press("Applications").await;
    chrome.press("Remove Photo Album").await;
    chrome.see("Remove Photo Album?").await;
    chrome.inspect().await;
    chrome.press("Remove").await;
    chrome.see("The app was removed.").await;

    chrome.press("Connections").await;
    chrome.see("Needs your consent again").await;
    chrome.press("Take back what Music Agent has at Spotify, alice@mail.example").await;
    chrome.see("Take back what Music Agent has at Spotify?").await;
    chrome.inspect().await;
    chrome.press("Take back").await;
    chrome.see("It was taken back here, but not at Spotify.").await;
    chrome.inspect().await;

    chrome.press("Password").await;
    chrome.fill("Current password", "wrong").await;
    chrome.fill("New password", "correct horse battery").await;
    chrome.fill("New password, once more", "correct horse battery").await;
    chrome.press("Change password").await;
    chrome.see("The current password is wrong.").await;
    chrome.inspect().await;
    chrome.fill("Current password", "alice").await;
    chrome.fill("New password", "correct horse battery").await;
    chrome.fill("New password, once more", "correct horse battery").await;
    chrome.press("Change password").await;
    chrome.see("Your password was changed.").await;
    chrome.inspect().await;

    chrome.press("Activity").await;
    chrome.see("Password changed").await;
    chrome.see("App removed").await;
    chrome.inspect().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_here_counts_elsewhere() {
    let (app, chrome) = (server().await, Chrome::start().await);
    app.user("alice").await;
    let client = photo_album(&app).await;
    let wide = [("scope", "openid profile offline_access")];
    let tokens = client.tokens("alice", &wide).await;
    let phone = elsewhere(&app, IPHONE).await;
    sign_in(&app, &chrome).await;

    // The browser of the application's sign-in is there, too; the phone was seen last.
    chrome.press("Sessions").await;
    chrome.see("Safari on iPhone").await;
    chrome.press("End session").await;
    chrome.see("The session has ended.").await;
    assert!(!is_signed_in(&app, &phone).await, "{}", chrome.text().await);

    assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 200);
    chrome.press("Applications").await;
    chrome.press("Remove Photo Album").await;
    chrome.press("Remove").await;
    chrome.see("The app was removed.").await;
    assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 401);
    assert_eq!(client.refresh(tokens.text("refresh_token")).await.error(), "invalid_grant");

    let laptop = elsewhere(&app, LONG).await;
    let tokens = client.tokens("alice", &wide).await;
    chrome.press("Password").await;
    chrome.fill("Current password", "alice").await;
    chrome.fill("New password", "correct horse battery").await;
    chrome.fill("New password, once more", "correct horse battery").await;
    chrome.press("Change password").await;
    chrome.see("Your password was changed.").await;
    assert!(!is_signed_in(&app, &laptop).await);
    assert_eq!(client.userinfo(tokens.text("access_token")).await.status, 401);

    chrome.press("Activity").await;
    for entry in ["Password changed", "App removed", "Session ended"] {
        chrome.see(entry).await;
    }
    chrome.press("Sign out").await;
    chrome.press("Sign out").await;
    chrome.see("You are signed out").await;
    chrome.open(&app.url("/account")).await;
    chrome.fill("Username", "alice").await;
    chrome.fill("Password", "alice").await;
    chrome.press("Sign in").await;
    chrome.see("The username or the password is wrong.").await;
    chrome.fill("Password", "correct horse battery").await;
    chrome.press("Sign in").await;
    chrome.see("Your account").await;
}

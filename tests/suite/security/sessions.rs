//! Sessions in wrong hands: planted before a sign-in (fixation), exchanged in the middle of a flow (swapping), or begun by somebody
//! else (login CSRF).

use crate::admin_pages::Desk;
use crate::support::browser::http;
use crate::support::client::claims;
use crate::support::{Browser, Database, Page, TestApp};

const SESSION: &str = "gatehouse_session";
const ADMIN: &str = "gatehouse_admin";
const BROWSER: &str = "gatehouse_browser";
const DEVICE: &str = "gatehouse_device";

async fn sign_in(app: &TestApp, browser: &Browser, name: &str) -> Page {
    let page = browser.visit(&app.url("/login")).await;
    browser.submit(&page, &[("username", name), ("password", name)]).await
}

async fn is(app: &TestApp, browser: &Browser, name: &str) -> bool {
    browser.visit(&app.url("/")).await.body.contains(&format!("{name}@example.com"))
        || browser.visit(&app.url("/")).await.body.contains(&format!(">{name}<"))
}

/// Whoever plants a cookie before a sign-in has nothing afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_planted_session_is_not_the_one_that_is_signed_in() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    app.user("mallory").await;
    let mallory = Browser::new();
    sign_in(&app, &mallory, "mallory").await;
    for planted in [mallory.cookies()[SESSION].clone(), "A".repeat(64), String::new(), "x".repeat(5000)] {
        let victim = Browser::new();
        victim.set_cookie(SESSION, &planted);
        let page = victim.visit(&app.url("/login?prompt=login")).await;
        let done = victim.submit(&page, &[("username", "alice"), ("password", "alice")]).await;
        assert_eq!(done.status, 303, "{planted}: {}", done.body);
        let session = victim.cookies()[SESSION].clone();
        assert_ne!(session, planted);
        let thief = Browser::new();
        thief.set_cookie(SESSION, &planted);
        assert!(!is(&app, &thief, "alice").await, "{planted}");
        assert!(is(&app, &victim, "alice").await, "{planted}");
        // Mallory's own session ended when somebody signed in over it.
        if planted == mallory.cookies()[SESSION] {
            assert!(!is(&app, &mallory, "mallory").await);
            sign_in(&app, &mallory, "mallory").await;
        }
    }
}

/// A planted cookie of the browser knows nothing, and what belongs to the victim's session stays the victim's.
#[tokio::test(flavor = "multi_thread")]
async fn a_planted_browser_or_device_gives_nothing_away() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app.public_client().await;
    let attacker = Browser::new();
    attacker.visit(&app.url("/login")).await;
    let victim = Browser::new();
    victim.set_cookie(BROWSER, &attacker.cookies()[BROWSER]);
    victim.set_cookie(DEVICE, "planted");
    let page = victim.visit(&client.authorize_url(&[])).await;
    let consent = victim.sign_in(&page, "alice", "alice").await;
    assert!(consent.body.contains("name=\"decision\""));
    // The attacker knows the browser's value and the address of the page, but has no session.
    let seen = attacker.visit(&consent.url).await;
    assert!(!seen.body.contains("alice"), "{}", seen.body);
    assert!(seen.body.contains("name=\"password\""), "{}", seen.body);
    // A form that the attacker got in their own browser is for another session.
    let login = attacker.visit(&app.url("/login")).await;
    let url = app.url("/consent");
    let stolen = [
        ("csrf", login.field("csrf")),
        ("interaction", consent.field("interaction")),
        ("decision", "allow".to_owned()),
    ];
    let answer = victim.send(http().post(&url).form(&stolen), &url).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    // The proof that a browser is known is the account's, and cannot be made up.
    assert_ne!(victim.cookies()[DEVICE], "planted");
}

/// Somebody who is made to sign in as Mallory: not by another site, and not by a form that Mallory got.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_signed_in_as_somebody_else_by_another_site() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("mallory").await;
    let mallory = Browser::new();
    let page = mallory.visit(&app.url("/login")).await;
    let victim = Browser::new();
    victim.visit(&app.url("/")).await;
    victim.visit(&app.url("/login")).await;
    let url = app.url("/login");
    let form = [
        ("csrf", page.field("csrf")),
        ("username", "mallory".to_owned()),
        ("password", "mallory".to_owned()),
    ];
    let forged = victim.send(http().post(&url).form(&form), &url).await;
    assert_eq!(forged.status, 403, "{}", forged.body);
    assert!(!victim.cookies().contains_key(SESSION));
    let own = victim.visit(&url).await;
    let form = [
        ("csrf", own.field("csrf")),
        ("username", "mallory".to_owned()),
        ("password", "mallory".to_owned()),
    ];
    let from_elsewhere = victim
        .send(http().post(&url).form(&form).header("sec-fetch-site", "cross-site"), &url)
        .await;
    assert_eq!(from_elsewhere.status, 403);
    assert!(!victim.cookies().contains_key(SESSION));
    // The same at the door of the administration.
    let desk = Desk::of(app).await;
    let url = desk.app.url("/admin/sign-in");
    let page = victim.visit(&url).await;
    let form = [("csrf", page.field("csrf")), ("admin_token", desk.token.clone())];
    let from_elsewhere = victim
        .send(http().post(&url).form(&form).header("sec-fetch-site", "cross-site"), &url)
        .await;
    assert_eq!(from_elsewhere.status, 403);
    assert!(!victim.cookies().contains_key(ADMIN));
}

/// Between the question and the answer somebody else signs in at the same browser: what was shown to Alice is not allowed by Bob,
/// and the code is never for the wrong person.
#[tokio::test(flavor = "multi_thread")]
async fn who_changes_in_the_middle_of_a_flow_starts_again() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let bob = app.user("bob").await;
    let client = app.public_client().await;
    let browser = Browser::new();
    let page = browser.visit(&client.authorize_url(&[])).await;
    let for_alice = browser.sign_in(&page, "alice", "alice").await;
    let again = browser.visit(&app.url("/login?prompt=login")).await;
    browser.submit(&again, &[("username", "bob"), ("password", "bob")]).await;
    let answer = browser.submit(&for_alice, &[("decision", "allow")]).await;
    assert_eq!(answer.status, 403, "the form is of another session: {}", answer.body);
    // With a form of Bob's session and the question that was put to Alice.
    let page = browser.visit(&client.authorize_url(&[])).await;
    assert!(page.body.contains("bob"));
    let mixed = browser
        .submit(&page, &[("decision", "allow"), ("interaction", &for_alice.field("interaction"))])
        .await;
    let mixed = browser.follow(mixed).await;
    assert!(mixed.answer("code").is_none(), "Bob was not asked this: {:?}", mixed.location());
    let allowed = browser.decide(&page, "allow").await;
    let tokens = client.redeem(&allowed.answer("code").unwrap()).await;
    assert_eq!(claims(tokens.text("id_token"))["sub"], bob.id.as_str());
}

/// Cookies of one kind are not taken for another.
#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_of_one_kind_is_none_of_another() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user_with("admin", |new| new.roles = vec!["admin".to_owned()]).await;
    let desk = Desk::of(app).await;
    sign_in(&desk.app, &desk.browser, "admin").await;
    let cookies = desk.browser.cookies();
    assert!(cookies.len() >= 4, "{cookies:?}");
    for (name, value) in &cookies {
        for (other, path) in [(SESSION, "/account"), (ADMIN, "/admin")] {
            if name == other {
                continue;
            }
            let browser = Browser::new();
            browser.set_cookie(other, value);
            let page = browser.get(&desk.app.url(path)).await;
            assert_eq!(page.status, 303, "{name} as {other}: {}", page.body);
        }
    }
    // Two cookies of one name: whichever counts, a wrong one in front opens nothing, and nobody is two people.
    let right = &cookies[SESSION];
    for header in [
        format!("{SESSION}=x; {SESSION}={}", "A".repeat(64)),
        format!("$Version=1; {SESSION}=\"{right}"),
        format!("{SESSION} ={}x", &right[..40]),
        format!("{}={right}", SESSION.to_uppercase()),
        format!("__Host-{SESSION}={right}"),
    ] {
        let answer = http().get(desk.app.url("/account")).header("cookie", &header).send().await.unwrap();
        assert_eq!(answer.status(), 303, "{header}");
    }
}

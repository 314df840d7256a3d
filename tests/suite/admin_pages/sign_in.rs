//! Signing in, proving it once more, and signing out.

use gatehouse::model::user::{ADMIN_ROLE, AUDITOR_ROLE};

use super::{Desk, words};
use crate::support::{Browser, Database, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_opens_nothing_and_many_wrong_ones_have_to_wait() {
    let desk = Desk::new().await;
    let stranger = Browser::new();
    let page = stranger.visit(&desk.app.url("/admin/clients?q=x")).await;
    assert_eq!(page.status, 200);
    assert!(page.url.ends_with("/admin/sign-in?next=%2Fadmin%2Fclients%3Fq%3Dx"), "{}", page.url);
    let wrong = stranger.submit(&page, &[("admin_token", "wrong")]).await;
    assert_eq!(wrong.status, 401);
    assert!(words(&wrong).contains("This is not the admin token."), "{}", wrong.body);
    assert!(wrong.body.contains("aria-invalid=\"true\""));
    let mut last = wrong;
    for _ in 0..20 {
        last = stranger.submit(&page, &[("admin_token", "wrong")]).await;
    }
    assert_eq!(last.status, 429);
    assert!(!last.header("retry-after").is_empty());
    assert!(words(&last).contains("Please try again in"));
    let right = stranger.submit(&page, &[("admin_token", &desk.token)]).await;
    assert_eq!(right.status, 303, "nobody guesses 256 bits, so the right one does not wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_leads_back_to_the_administration_and_nowhere_else() {
    let desk = Desk::new().await;
    for next in [
        "https://evil.example/admin",
        "//evil.example/admin",
        "/admin//evil.example",
        "/admin/..//evil.example",
        "/admin/../login",
        "/admin\\evil",
        "/\\evil.example",
        "/administrator",
        "javascript:alert(1)",
        "/account",
        "/admin/\u{9}x",
        "",
    ] {
        let browser = Browser::new();
        let encoded: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let page = browser.visit(&desk.app.url(&format!("/admin/sign-in?next={encoded}"))).await;
        assert_eq!(page.field("next"), "/admin", "{next}");
        let answer = browser.submit(&page, &[("next", next), ("admin_token", &desk.token)]).await;
        assert_eq!(answer.status, 303);
        assert_eq!(answer.header("location"), "/admin", "{next}");
        // Somebody who is signed in is not led away either.
        let again = browser.get(&page.url).await;
        assert_eq!(again.header("location"), "/admin", "{next}");
    }
    let browser = Browser::new();
    let page = browser.visit(&desk.app.url("/admin/clients?q=a%20b")).await;
    let answer = browser.submit(&page, &[("admin_token", &desk.token)]).await;
    assert_eq!(answer.header("location"), "/admin/clients?q=a%20b");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_proves_where_it_came_from() {
    let desk = Desk::new().await;
    let browser = Browser::new();
    let answer = browser.post(&desk.app.url("/admin/sign-in"), &[("admin_token", &desk.token)]).await;
    assert_eq!(answer.status, 403);
    assert!(!browser.cookies().contains_key("gatehouse_admin"));
    // Signing out wants its token, too.
    let answer = desk.browser.post(&desk.app.url("/admin/sign-out"), &[]).await;
    assert_eq!(answer.status, 403);
    assert_eq!(desk.get("/admin").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session() {
    let desk = Desk::new().await;
    let cookie = desk.browser.cookies()["gatehouse_admin"].clone();
    let page = desk.get("/admin").await;
    let page = desk.send(&page, "/admin/sign-out", &[]).await;
    assert!(words(&page).contains("You are signed out."), "{}", page.body);
    let thief = Browser::new();
    thief.set_cookie("gatehouse_admin", &cookie);
    let page = thief.get(&desk.app.url("/admin")).await;
    assert_eq!(page.status, 303, "the cookie is worth nothing any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_open_it_by_their_role() {
    let app = TestApp::start(Database::Sqlite).await;
    for (name, role) in [("alice", ADMIN_ROLE), ("bob", AUDITOR_ROLE), ("carol", "other")] {
        app.user_with(name, |new| new.roles = vec![role.to_owned()]).await;
    }
    for (name, status) in [("alice", 200), ("bob", 200), ("carol", 403)] {
        let browser = Browser::new();
        let page = browser.visit(&app.url("/admin/sign-in?next=%2Fadmin%2Fscopes")).await;
        assert!(page.body.contains("href=\"/login?next=%2Fadmin%2Fscopes\""), "{}", page.body);
        let page = browser.visit(&app.url("/login?next=%2Fadmin%2Fscopes")).await;
        let page = browser.sign_in(&page, name, name).await;
        assert_eq!(page.status, status, "{name}");
        if status == 200 {
            assert!(
                page.url.contains("/admin/scopes"),
                "{name} comes back to where they were: {}",
                page.url
            );
            let menu = words(&page);
            assert_eq!(menu.contains("may change everything"), name == "alice");
        } else {
            let page = browser.visit(&app.url("/admin/sign-in")).await;
            assert!(words(&page).contains("not an administrator’s"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_undone_wants_a_fresh_sign_in() {
    let desk = Desk::new().await;
    let client = desk.app.public_client().await;
    let path = format!("/admin/clients/{}/delete", client.id());
    let old = desk.get(&path).await;
    desk.app.advance(901);
    // The page itself says so now, and a form from before leads to the proof.
    let page = desk.get(&path).await;
    assert!(words(&page).contains("First prove that it is you"));
    assert!(!page.body.contains("Delete for good"));
    let page = desk.send(&old, "/delete", &[]).await;
    assert!(page.url.contains("/admin/confirm?next="), "{}", page.url);
    assert_eq!(
        desk.get(&format!("/admin/clients/{}", client.id())).await.status,
        200,
        "nothing was deleted"
    );
    let wrong = desk.send(&page, "/admin/confirm", &[("admin_token", "wrong")]).await;
    assert_eq!(wrong.status, 401);
    assert!(words(&wrong).contains("This is not the admin token."));
    let page = desk.send(&page, "/admin/confirm", &[("admin_token", &desk.token)]).await;
    assert!(page.url.contains(&path), "{}", page.url);
    let page = desk.send(&page, "/delete", &[]).await;
    assert!(words(&page).contains("Deleted."));
    assert_eq!(desk.get(&format!("/admin/clients/{}", client.id())).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_proves_it_by_its_password() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user_with("alice", |new| new.roles = vec![ADMIN_ROLE.to_owned()]).await;
    let browser = Browser::new();
    let page = browser.visit(&app.url("/login?next=%2Fadmin")).await;
    browser.sign_in(&page, "alice", "alice").await;
    app.advance(301);
    let page = browser.visit(&app.url("/admin/confirm?next=%2Fadmin%2Fsigning-keys")).await;
    assert!(
        page.body.contains("/login?prompt=login&#38;next=%2Fadmin%2Fsigning-keys"),
        "{}",
        page.body
    );
    let page = browser
        .visit(&app.url("/login?prompt=login&next=%2Fadmin%2Frotate-signing-key"))
        .await;
    let page = browser.sign_in(&page, "alice", "alice").await;
    assert!(words(&page).contains("Which key is replaced?"), "{} {}", page.url, page.body);
}

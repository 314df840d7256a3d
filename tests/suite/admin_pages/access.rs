//! Who may do what: forms prove where they came from, auditors look and change nothing.

use actix_web::http::Method;
use gatehouse::model::user::AUDITOR_ROLE;
use gatehouse::web::routes;

use super::Desk;
use super::every_page::{Things, filled};
use crate::support::Browser;

#[tokio::test(flavor = "multi_thread")]
async fn every_change_wants_the_token_of_its_form() {
    let desk = Desk::new().await;
    let things = Things::make(&desk).await;
    let mut tried = 0;
    for route in routes::all().filter(|route| route.path.starts_with("/admin/") && route.methods.contains(&Method::POST)) {
        let path = filled(route.path, &things);
        let answer = desk.browser.post(&desk.app.url(&path), &[("csrf", "forged")]).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.body);
        tried += 1;
    }
    assert!(tried > 15, "only {tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn auditors_see_everything_and_have_no_buttons() {
    let desk = Desk::new().await;
    let things = Things::make(&desk).await;
    desk.app.user_with("bob", |new| new.roles = vec![AUDITOR_ROLE.to_owned()]).await;
    let browser = Browser::new();
    let page = browser.visit(&desk.app.url("/login?next=%2Fadmin")).await;
    browser.sign_in(&page, "bob", "bob").await;
    let mut asked = 0;
    for path in things.pages_to_look_at() {
        let page = browser.visit(&desk.app.url(&path)).await;
        assert_eq!(page.status, 200, "{path}");
        let submits: Vec<&str> = page
            .body
            .split("<form")
            .skip(1)
            .filter(|form| form.contains("type=\"submit\""))
            .collect();
        let harmless = |form: &&str| form.contains("/admin/sign-out\"") || form.contains("method=\"get\"");
        assert!(submits.iter().all(harmless), "{path} has a button: {submits:?}");
        let is_question = [
            "/delete",
            "/revoke",
            "/withdraw",
            "/end",
            "/sign-out",
            "/disabled",
            "/retire",
            "/remove",
            "/check",
        ];
        if is_question.iter().any(|ending| path.split('?').next().unwrap().ends_with(ending)) {
            asked += 1;
            assert!(
                page.body.contains("You may look, but not change anything."),
                "{path}: {}",
                page.body
            );
        }
    }
    assert!(asked > 8, "only {asked}");
    for route in routes::all().filter(|route| route.path.starts_with("/admin/") && route.methods.contains(&Method::POST)) {
        let path = filled(route.path, &things);
        if path == "/admin/sign-in" || path == "/admin/sign-out" {
            continue;
        }
        let answer = browser.post(&desk.app.url(&path), &[]).await;
        assert_eq!(answer.status, 403, "{path}");
        assert!(
            answer.body.contains("You may look, but not change anything"),
            "{path}: {}",
            answer.body
        );
    }
    let page = browser.visit(&desk.app.url("/admin")).await;
    let page = browser.submit(&page, &[]).await;
    assert_eq!(page.header("location"), "/admin/sign-in?done=signed-out", "but they can leave");
}

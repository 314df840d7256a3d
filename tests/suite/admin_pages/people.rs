//! Users, what they allowed, and where they are signed in.

use gatehouse::admin::users as engine;

use super::{Desk, words};
use crate::support::Browser;

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_changed_and_deleted() {
    let desk = Desk::new().await;
    let page = desk.get("/admin/new-user").await;
    let values = [
        ("username", "Alice"),
        ("password", "short"),
        ("name", "Alice \"A\""),
        ("extra_claims", "{\"department\": \"sales\"}"),
    ];
    let wrong = desk.send(&page, "/admin/new-user", &values).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("id=\"field-password-problem\""), "{}", wrong.body);
    assert!(!wrong.body.contains("value=\"short\""), "a password is typed again");
    let wrong = desk
        .send(&wrong, "/admin/new-user", &[("password", " long enough "), ("profile", "[1]")])
        .await;
    assert_eq!(wrong.status, 422);
    assert!(words(&wrong).contains("This is not a JSON object"), "{}", words(&wrong));
    let page = desk
        .send(
            &wrong,
            "/admin/new-user",
            &[("password", " long enough "), ("profile", "{\"locale\": \"de\"}")],
        )
        .await;
    assert!(words(&page).contains("Created."), "{}", page.body);
    let id = page.url.split("/users/").nth(1).unwrap().split('?').next().unwrap().to_owned();
    let user = engine::find(&desk.app.app, &id).await.unwrap();
    assert_eq!(user.username, "alice");
    assert_eq!(
        serde_json::json!(user.profile),
        serde_json::json!({"name": "Alice \"A\"", "locale": "de"})
    );
    assert_eq!(user.extra_claims["department"], "sales");
    let browser = Browser::new();
    let login = browser.visit(&desk.app.url("/login")).await;
    assert_eq!(
        browser
            .submit(&login, &[("username", "alice"), ("password", " long enough ")])
            .await
            .status,
        303
    );

    let path = format!("/admin/users/{id}");
    let values = [
        ("email", "a@example.com"),
        ("roles", "staff\r\nboss"),
        ("is_limited", "on"),
        ("allowed_scope", "openid\r\nemail"),
    ];
    let page = desk.send(&page, &path, &values).await;
    assert!(words(&page).contains("Saved."), "{}", page.body);
    let user = engine::find(&desk.app.app, &id).await.unwrap();
    assert_eq!(user.roles, ["staff", "boss"]);
    assert_eq!(
        user.allowed_scope.as_ref().map(ToString::to_string).as_deref(),
        Some("openid email")
    );
    assert_eq!(user.profile["locale"], "de", "what has no field of its own stays");
    desk.send(&page, &path, &[("is_limited", "")]).await;
    assert_eq!(engine::find(&desk.app.app, &id).await.unwrap().allowed_scope, None);
    assert_eq!(desk.send(&page, &path, &[("name", "Late")]).await.status, 412);

    let page = desk.get(&path).await;
    assert!(!page.body.contains(&format!("action=\"{path}/disabled\"")), "{}", page.body);
    assert!(page.body.contains("/disabled\">Disable …"), "{}", page.body);
    let question = desk.get(&format!("{path}/disabled")).await;
    let said = words(&question);
    assert!(
        said.contains("Disable this account?") && said.contains("alice is signed out everywhere"),
        "{said}"
    );
    let page = desk.send(&question, "/disabled", &[]).await;
    assert!(
        words(&page).contains("Disabled: nothing works with it any more."),
        "{}",
        words(&page)
    );
    assert!(engine::find(&desk.app.app, &id).await.unwrap().is_disabled);
    let page = desk.send(&page, "/disabled", &[]).await;
    assert!(words(&page).contains("Enabled."), "by one press: {}", words(&page));
    assert!(!engine::find(&desk.app.app, &id).await.unwrap().is_disabled);
    let late = desk.send(&question, "/disabled", &[]).await;
    assert_eq!(late.status, 412);
    assert!(words(&late).contains("Disable this account?"), "{}", words(&late));
    let page = desk.get(&format!("{path}/password")).await;
    let page = desk.send(&page, "/password", &[("password", "another long one")]).await;
    assert!(words(&page).contains("The password was set."));
    let page = desk.get(&format!("{path}/delete")).await;
    let page = desk.send(&page, "/delete", &[]).await;
    assert!(words(&page).contains("Deleted."));
    assert_eq!(desk.get(&path).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_found() {
    let desk = Desk::new().await;
    for name in ["anna", "annette", "bert"] {
        desk.app.user(name).await;
    }
    let page = desk.get("/admin/users?q=ann").await;
    assert!(page.body.contains(">annette<") && !page.body.contains(">bert<"));
    let page = desk.get("/admin/users?q=bert%40example").await;
    assert!(page.body.contains(">bert<"));
    let page = desk.get("/admin/users?state=disabled").await;
    assert!(words(&page).contains("Nobody’s name begins like this."));
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_consents_and_sessions_are_ended() {
    let desk = Desk::new().await;
    let client = desk.app.public_client().await;
    let user = desk.app.user("alice").await;
    let first = client.tokens("alice", &[("scope", "openid offline_access")]).await;
    desk.app.advance(1);
    let second = client.tokens("alice", &[("scope", "openid offline_access")]).await;
    for path in [
        format!("/admin/users/{}/access", user.id),
        format!("/admin/clients/{}/access", client.id()),
    ] {
        let page = desk.get(&path).await;
        let said = words(&page);
        assert!(said.contains("openid offline_access") && said.contains("Active"), "{said}");
    }
    // The newest stands first.
    let path = format!("/admin/users/{}/access", user.id);
    let page = desk.get(&path).await;
    assert!(!page.body.contains("/revoke\""), "nothing is revoked by one press: {}", page.body);
    let question = desk.get(&link(&page, "/revoke")).await;
    let said = words(&question);
    assert!(
        said.contains("Revoke this grant?") && said.contains("alice") && said.contains("Example App"),
        "{said}"
    );
    let page = desk.send(&question, "/revoke", &[]).await;
    assert!(words(&page).contains("Revoked."), "{}", words(&page));
    assert!(page.url.contains(&path), "back to where it was: {}", page.url);
    assert_eq!(client.refresh(second.text("refresh_token")).await.status, 400);
    assert_eq!(client.userinfo(first.text("access_token")).await.status, 200);
    let page = desk.get(&format!("/admin/consents?client_id={}", client.id())).await;
    let question = desk.get(&link(&page, "/consents/withdraw")).await;
    assert!(
        words(&question).contains("Example App can do nothing for alice any more."),
        "{}",
        words(&question)
    );
    let page = desk.send(&question, "/consents/withdraw", &[]).await;
    assert!(words(&page).contains("Withdrawn."), "{}", words(&page));
    assert_eq!(client.userinfo(first.text("access_token")).await.status, 401);

    let browser = Browser::new();
    let login = browser.visit(&desk.app.url("/login")).await;
    browser.sign_in(&login, "alice", "alice").await;
    let page = desk.get("/admin/sessions").await;
    assert!(words(&page).contains("Admin token This browser"), "{}", words(&page));
    let path = format!("/admin/users/{}/sessions", user.id);
    let mut page = desk.get(&path).await;
    while page.body.contains("/end?") {
        let question = desk.get(&link(&page, "/end")).await;
        page = desk.send(&question, "/end", &[("back", "https://evil.example/")]).await;
        assert!(page.url.contains("/admin?done=ended"), "{}", page.url);
        page = desk.get(&path).await;
    }
    assert!(words(&page).contains("Nobody is signed in."));
    assert!(browser.visit(&desk.app.url("/account")).await.body.contains("name=\"password\""));
}

/// The first link of a page to a question with this ending.
fn link(page: &crate::support::Page, ending: &str) -> String {
    let mut addresses = page.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let found = addresses.find(|address| address.contains(&format!("{ending}?")));
    crate::support::browser::unescape(found.unwrap_or_else(|| panic!("no link to {ending}: {}", page.body)))
}

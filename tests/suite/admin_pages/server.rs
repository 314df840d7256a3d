//! Dashboard, keys, settings and the audit log.

use gatehouse::admin::{settings, stats};
use gatehouse::model::signing_key::SigningAlgorithm;

use super::{Desk, words};
use crate::support::Browser;

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_draws_what_happened_and_says_it_in_a_table() {
    let desk = Desk::new().await;
    desk.app.user("alice").await;
    let page = desk.get("/admin").await;
    assert!(words(&page).contains("Nothing relies on this server yet"));
    let client = desk.app.public_client().await;
    client.tokens("alice", &[]).await;
    let browser = Browser::new();
    let login = browser.visit(&desk.app.url("/login")).await;
    browser.submit(&login, &[("username", "alice"), ("password", "wrong")]).await;
    stats::flush(&desk.app.app).await.unwrap();
    stats::sample_in_turn(&desk.app.app).await.unwrap();
    for range in ["day", "month"] {
        let page = desk.get(&format!("/admin?range={range}")).await;
        assert_eq!(page.body.matches("role=\"img\"").count(), 4);
        assert!(page.body.contains("class=\"bar-0\""), "{}", page.body);
        let said = words(&page);
        assert!(
            said.contains("Sign-ins 1 in all") && said.contains("Failed sign-ins 1 in all") && said.contains("Active grants 1 now"),
            "{said}"
        );
        assert!(said.contains("Authorization code: 1"), "{said}");
        assert!(said.contains("Sign-in failed Refused"), "recent events: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_key_is_warned_of_rotated_and_retired() {
    let desk = Desk::new().await;
    desk.app.advance(91 * 86_400);
    let page = desk.get("/admin/sign-in").await;
    let page = desk.send(&page, "/admin/sign-in", &[("admin_token", &desk.token)]).await;
    assert!(words(&page).contains("A signing key is due for rotation"), "{}", words(&page));
    let old = desk
        .app
        .app
        .keys
        .current()
        .signer(SigningAlgorithm::Es256, desk.app.app.now())
        .unwrap()
        .record
        .id
        .clone();
    let page = desk.get(&format!("/admin/signing-keys/{old}/retire")).await;
    let page = desk.send(&page, "/retire", &[]).await;
    assert_eq!(page.status, 409);
    assert!(words(&page).contains("No other ES256 key signs in its place"), "{}", words(&page));
    let page = desk.get("/admin/rotate-signing-key").await;
    let page = desk
        .send(&page, "/rotate-signing-key", &[("algorithm", "ES256"), ("immediately", "on")])
        .await;
    assert!(words(&page).contains("Rotated"), "{}", words(&page));
    let new = desk
        .app
        .app
        .keys
        .current()
        .signer(SigningAlgorithm::Es256, desk.app.app.now())
        .unwrap()
        .record
        .id
        .clone();
    assert_ne!(old, new);
    let page = desk.get(&format!("/admin/signing-keys/{old}/retire")).await;
    let page = desk.send(&page, "/retire", &[("immediately", "on")]).await;
    assert!(words(&page).contains("Retired"), "{}", words(&page));
    assert!(desk.app.app.keys.current().verifier(&old, desk.app.app.now()).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_changed_and_go_back_to_the_default() {
    let desk = Desk::new().await;
    let path = "/admin/settings/access_token_lifetime";
    let page = desk.get(path).await;
    let wrong = desk.send(&page, path, &[("value", "2 fortnights")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("id=\"field-value-problem\""), "{}", wrong.body);
    let done = desk.send(&wrong, path, &[("value", "10m")]).await;
    assert!(words(&done).contains("Saved."), "{}", words(&done));
    assert_eq!(desk.app.app.lifetimes().access_token, 600);
    assert_eq!(desk.send(&page, path, &[("value", "20m")]).await.status, 412, "from before");
    assert_eq!(desk.app.app.lifetimes().access_token, 600);
    let page = desk.get(path).await;
    let (target, _) = super::form(&page, path);
    let version = settings::list(&desk.app.app).await.unwrap().version;
    let (_, fields) = super::form(&page, path);
    let csrf = &fields.iter().find(|(name, _)| name == "csrf").unwrap().1;
    let answer = desk
        .browser
        .post(&target, &[("csrf", csrf), ("version", &version), ("default", "yes")])
        .await;
    assert_eq!(answer.status, 303);
    assert_eq!(desk.app.app.lifetimes().access_token, 3600);
    // What was given at the start cannot be changed.
    let page = desk.get("/admin/settings/listen").await;
    assert!(words(&page).contains("This cannot be changed here"));
    assert_eq!(desk.get("/admin/settings/nonsense").await.status, 404);
    assert!(!desk.get("/admin/settings").await.body.contains(crate::support::app::APP_SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_narrowed_and_shows_what_changed() {
    let desk = Desk::new().await;
    let client = desk.app.public_client().await;
    let path = format!("/admin/clients/{}", client.id());
    let page = desk.get(&path).await;
    desk.send(&page, &path, &[("client_name", "New name")]).await;
    let page = desk
        .get(&format!("/admin/events?kind=client.changed&client_id={}", client.id()))
        .await;
    let said = words(&page);
    assert_eq!(page.body.matches("/admin/events/").count(), 1, "{said}");
    let event = page
        .body
        .split("/admin/events/")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let said = words(&desk.get(&format!("/admin/events/{event}")).await);
    assert!(said.contains("client_name Before") || said.contains("client_name"), "{said}");
    assert!(
        said.contains("Example App") && said.contains("New name") && said.contains("Admin token"),
        "{said}"
    );
    assert_eq!(desk.get("/admin/events/nonsense").await.status, 404);
}

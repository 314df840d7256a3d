//! Scopes.

use gatehouse::admin::scopes as engine;

use super::{Desk, words};

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_is_defined_changed_and_deleted() {
    let desk = Desk::new().await;
    let page = desk.get("/admin/new-scope").await;
    let wrong = desk
        .send(&page, "/admin/new-scope", &[("name", "with space"), ("description", "Read")])
        .await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("id=\"field-name-problem\""), "{}", wrong.body);
    let values = [
        ("name", "calendar:read"),
        ("claims", "zone\r\n\r\n room \r\n"),
        ("roles", "staff"),
        ("default", "on"),
    ];
    let page = desk.send(&wrong, "/admin/new-scope", &values).await;
    assert!(words(&page).contains("Created."), "{}", page.body);
    let scope = engine::find(&desk.app.app, "calendar:read").await.unwrap();
    assert_eq!(
        (scope.claims.clone(), scope.roles.clone(), scope.is_default),
        (vec!["zone".to_owned(), "room".to_owned()], vec!["staff".to_owned()], true)
    );
    assert_eq!(scope.description, "Read");
    let again = desk.get("/admin/new-scope").await;
    let again = desk.send(&again, "/admin/new-scope", &[("name", "calendar:read")]).await;
    assert_eq!(again.status, 409);
    assert!(words(&again).contains("is defined already"));

    let path = "/admin/scopes/calendar%3Aread";
    let mine = desk.get(path).await;
    desk.send(&mine, path, &[("default", "")]).await;
    assert!(!engine::find(&desk.app.app, "calendar:read").await.unwrap().is_default);
    let late = desk.send(&mine, path, &[("description", "Mine")]).await;
    assert_eq!(late.status, 412);
    assert!(words(&late).contains("Saved now: no"), "{}", words(&late));
    let page = desk.get(&format!("{path}/delete")).await;
    assert!(words(&desk.send(&page, "/delete", &[]).await).contains("Deleted."));
    assert_eq!(desk.get(path).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_needs_stays() {
    let desk = Desk::new().await;
    let page = desk.get("/admin/scopes/openid").await;
    assert!(words(&page).contains("The server itself needs this scope"));
    let page = desk.get("/admin/scopes/openid/delete").await;
    assert_eq!(desk.send(&page, "/delete", &[]).await.status, 409);
}

//! Registration tokens, and who made a client known.

use gatehouse::admin::initial_access_tokens as engine;
use gatehouse::admin::page::Page;
use serde_json::json;

use super::{Desk, words};
use crate::support::browser::http;
use crate::support::client::send;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_made_shown_once_and_deleted() {
    let desk = Desk::new().await;
    let page = desk.get("/admin/initial-access-tokens").await;
    assert!(words(&page).contains("Everybody may register clients"), "{}", page.body);
    let page = desk.get("/admin/new-initial-access-token").await;
    let wrong = desk
        .send(&page, "/admin/new-initial-access-token", &[("name", "CI"), ("uses", "0")])
        .await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("id=\"field-uses-problem\""), "{}", wrong.body);
    let done = desk
        .send(&wrong, "/admin/new-initial-access-token", &[("uses", "3"), ("expires_in", "3600")])
        .await;
    assert_eq!(done.status, 200, "{}", done.body);
    let text = words(&done);
    assert!(done.body.contains("ghi_") && text.contains("It is shown only this once"), "{text}");
    let listed = engine::list(&desk.app.app, &Page::default()).await.unwrap().items;
    assert_eq!((listed[0].name.as_str(), listed[0].uses_left), ("CI", Some(3)));
    assert_eq!(listed[0].expires_at, desk.app.app.now() + 3600);
    let page = desk.get("/admin/initial-access-tokens").await;
    assert!(
        words(&page).contains("CI Clients left 3 Expires in 1 hour") && !page.body.contains("ghi_"),
        "{}",
        words(&page)
    );
    let path = format!("/admin/initial-access-tokens/{}/delete", listed[0].id);
    let question = desk.get(&path).await;
    assert!(words(&question).contains("Clients that were registered with it stay."));
    let page = desk.send(&question, &path, &[]).await;
    assert!(
        words(&page).contains("Deleted.") && words(&page).contains("There is no token."),
        "{}",
        words(&page)
    );
    assert_eq!(desk.get(&path).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_told_apart_by_who_made_them_known() {
    let desk = Desk::new().await;
    desk.app.public_client().await;
    let body = json!({ "client_name": "Newcomer", "redirect_uris": ["https://app.example/"] });
    let answer = send(http().post(desk.app.url("/register")).json(&body)).await;
    let page = desk.get("/admin/clients").await;
    assert!(
        words(&page).contains("Newcomer Registered itself") && words(&page).contains("Example App"),
        "{}",
        words(&page)
    );
    let page = desk.get("/admin/clients?q=&origin=registration").await;
    assert!(words(&page).contains("Newcomer") && !words(&page).contains("Example App"));
    assert!(page.body.contains("<option value=\"registration\" selected"), "{}", page.body);
    let page = desk.get("/admin/clients?origin=document").await;
    assert!(words(&page).contains("No client was made known in this way."));
    assert_eq!(desk.get("/admin/clients?origin=nobody").await.status, 400);
    let page = desk.get(&format!("/admin/clients/{}", answer.text("client_id"))).await;
    assert!(words(&page).contains("Made known by Itself"), "{}", words(&page));
}

//! Connections: found by person, provider and workload, and taken back.

use serde_json::json;

use super::{Desk, words};
use crate::support::{Database, TestApp};
use crate::vault::flow::{question, whole_way, world};
use crate::vault::{self, given, kept, read};

#[tokio::test(flavor = "multi_thread")]
async fn they_are_found_by_whose_they_are_where_and_of_which_agent() {
    let desk = Desk::new().await;
    let (agent, connection) = vault::connected(&desk.app).await;
    let bob = desk.app.user("bob").await;
    kept(&desk.app.app, &agent, &given(&bob.id, "robert", 2)).await;
    let said = words(&desk.get("/admin/connections").await);
    assert!(
        said.contains("Say whose connections") && !said.contains("alice@mail.example"),
        "{said}"
    );
    let (alice, robert) = ("alice@mail.example", "robert@mail.example");
    for (query, has_alice, has_bob) in [
        ("user=alice".to_owned(), true, false),
        (format!("user={}", bob.id), false, true),
        ("provider=mail".to_owned(), true, true),
        ("workload=mail-agent".to_owned(), true, true),
        ("workload=mail-agent&user=bob".to_owned(), false, true),
        ("workload=another".to_owned(), false, false),
        ("provider=another&user=alice".to_owned(), false, false),
    ] {
        let page = desk.get(&format!("/admin/connections?{query}")).await;
        assert_eq!(page.status, 200, "{query}");
        let said = words(&page);
        assert_eq!(
            (said.contains(alice), said.contains(robert)),
            (has_alice, has_bob),
            "{query}: {said}"
        );
        assert!(
            !page.body.contains("access 1") && !page.body.contains("refresh 1"),
            "{query}: never a token"
        );
    }
    let said = words(&desk.get("/admin/connections?user=alice").await);
    assert!(said.contains("read send") && said.contains("Alive"), "{said}");
    let page = desk.get("/admin/connections?user=nobody").await;
    assert_eq!(page.status, 400);
    assert!(words(&page).contains("Nobody has this user name"), "{}", words(&page));
    // Every page that shows the one leads to the other.
    for path in ["/admin/workloads/mail-agent", &format!("/admin/users/{}", connection.user_id)] {
        assert!(desk.get(path).await.body.contains("/admin/connections?"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_so_many_and_the_next_the_rest() {
    let desk = Desk::new().await;
    let (agent, _) = vault::connected(&desk.app).await;
    let bob = desk.app.user("bob").await;
    for number in 0..55 {
        kept(&desk.app.app, &agent, &given(&bob.id, &format!("account{number:02}"), number)).await;
    }
    let page = desk.get("/admin/connections?user=bob&workload=mail-agent").await;
    assert_eq!(page.body.matches("Remove …").count(), 50);
    let next = page.body.split("class=\"pager\"").nth(1).unwrap().split("href=\"").nth(1).unwrap();
    let next = crate::support::browser::unescape(next.split('"').next().unwrap());
    let page = desk.get(&next).await;
    assert_eq!(page.body.matches("Remove …").count(), 5, "{next}");
    assert!(!words(&page).contains("alice@mail.example"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_removed_is_taken_back_at_the_provider_which_is_said() {
    let world = world(TestApp::start(Database::Sqlite).await).await;
    let ask = json!({ "scope": "openid profile" });
    let (link, _) = question(&world.ask(&world.alice, ask.clone()).await);
    whole_way(&link, "alice").await;
    assert_eq!(world.ask(&world.alice, ask.clone()).await.status, 200);
    let desk = Desk::of(world.app).await;
    let list = "/admin/connections?user=alice";
    let page = desk.get(list).await;
    let said = words(&page);
    assert!(said.contains("The Other Place") && said.contains("Alive"), "{said}");
    let remove = page.body.split("/admin/connections/").nth(1).unwrap().split('"').next().unwrap();
    let remove = crate::support::browser::unescape(&format!("/admin/connections/{remove}"));
    let question = desk.get(&remove).await;
    let said = words(&question);
    assert!(said.contains("The Agent loses what alice gave it at The Other Place."), "{said}");
    let page = desk.send(&question, "/remove", &[]).await;
    assert!(page.url.contains("user=alice"), "back to the list: {}", page.url);
    let said = words(&page);
    assert!(
        said.contains("Removed, here and at the provider.") && said.contains("There is no such connection."),
        "{said}"
    );
    // Pressed twice.
    assert_eq!(desk.send(&question, "/remove", &[]).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_said_when_the_provider_was_not_told_yet() {
    let desk = Desk::new().await;
    let (_, connection) = vault::connected(&desk.app).await;
    let question = desk.get(&format!("/admin/connections/{}/remove", connection.id)).await;
    let page = desk.send(&question, "/remove", &[]).await;
    let said = words(&page);
    assert!(said.contains("Removed here. The provider has not taken it back yet"), "{said}");
    assert!(read(&desk.app.app, &connection.id).await.is_none());
}

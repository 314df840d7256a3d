//! Dashboard, keys, settings and the audit log.

use gatehouse::admin::{settings, stats};
use gatehouse::base::encoding::base64url;
use gatehouse::identity::admin_token::EXAMPLES;
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::store::Setting;

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
    assert!(words(&desk.get("/admin").await).contains("not counted yet"));
    stats::sample_in_turn(&desk.app.app).await.unwrap();
    desk.app.advance(6 * 60);
    assert!(words(&desk.get("/admin").await).contains("counted 6 minutes ago."));
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
async fn an_admin_token_that_everybody_can_read_is_warned_of() {
    let desk = Desk::new().await;
    let title = "The admin token stands in the documentation";
    assert!(!words(&desk.get("/admin").await).contains(title));
    for example in EXAMPLES {
        let app = &desk.app.app;
        let digest = base64url(&app.secrets.admin_token.mac(&[example.as_bytes()]));
        let mut tx = app.store.begin().await.unwrap();
        tx.put_setting(Setting::AdminTokenHash, &digest, app.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(words(&desk.get("/admin").await).contains(title), "{example}");
    }
}

/// The key that signs at the moment.
fn signing(desk: &Desk) -> String {
    let app = &desk.app.app;
    app.keys
        .current()
        .signer(SigningAlgorithm::Es256, app.now())
        .unwrap()
        .record
        .id
        .clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_key_is_warned_of_rotated_and_retired() {
    let desk = Desk::new().await;
    desk.app.advance(91 * 86_400);
    let page = desk.get("/admin/sign-in").await;
    let page = desk.send(&page, "/admin/sign-in", &[("admin_token", &desk.token)]).await;
    assert!(words(&page).contains("A signing key is due for rotation"), "{}", words(&page));
    let old = signing(&desk);
    let page = desk.get(&format!("/admin/signing-keys/{old}/retire")).await;
    let page = desk.send(&page, "/retire", &[]).await;
    assert_eq!(page.status, 409);
    assert!(words(&page).contains("No other ES256 key signs in its place"), "{}", words(&page));
    let page = desk.get("/admin/rotate-signing-key").await;
    let page = desk
        .send(&page, "/rotate-signing-key", &[("algorithm", "ES256"), ("immediately", "on")])
        .await;
    assert!(words(&page).contains("Rotated"), "{}", words(&page));
    let new = signing(&desk);
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

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_people_and_refuses_what_it_does_not_understand() {
    let desk = Desk::new().await;
    let alice = desk.app.user("alice").await;
    let client = desk.app.public_client().await;
    client.tokens("alice", &[]).await;
    let said = words(&desk.get("/admin/events?kind=code.redeemed").await);
    assert!(
        said.contains("Example App client") && said.contains("alice user"),
        "names, not ids: {said}"
    );
    assert!(!said.contains(&alice.id), "{said}");
    let now = desk.app.app.now();
    let typed = |at: i64| {
        let date = time::OffsetDateTime::from_unix_timestamp(at).unwrap();
        let (day, hour, minute) = (date.date(), date.hour(), date.minute());
        format!("{day}%20{hour:02}:{minute:02}")
    };
    let found = |page: &crate::support::Page| page.body.contains("/admin/events/");
    assert!(found(
        &desk
            .get(&format!("/admin/events?kind=code.redeemed&since={}", typed(now - 120)))
            .await
    ));
    assert!(!found(
        &desk
            .get(&format!("/admin/events?kind=code.redeemed&until={}", typed(now - 120)))
            .await
    ));
    assert!(
        !found(&desk.get(&format!("/admin/events?kind=code.redeemed&since={}", now + 60)).await),
        "seconds are fine, too"
    );
    // Today is over when the day is.
    let today = time::OffsetDateTime::from_unix_timestamp(now).unwrap().date();
    assert!(found(
        &desk
            .get(&format!("/admin/events?kind=code.redeemed&since={today}&until={today}"))
            .await
    ));
    let yesterday = today.previous_day().unwrap();
    assert!(!found(
        &desk.get(&format!("/admin/events?kind=code.redeemed&until={yesterday}")).await
    ));
    for whom in ["alice", "ALICE", &alice.id] {
        let page = desk.get(&format!("/admin/events?kind=code.redeemed&subject_id={whom}")).await;
        assert!(found(&page), "{whom}: {}", words(&page));
    }
    desk.app.user("bob").await;
    assert!(!found(&desk.get("/admin/events?kind=code.redeemed&subject_id=bob").await));
    for (wrong, why) in [
        ("kind=nonsense", "There is no such kind of event."),
        ("outcome=nonsense", "Outcome is success or failure."),
        ("actor=nonsense", "Actor is anonymous, system"),
        ("since=yesterday", "Write a date and a time"),
        ("since=99999999999999999999", "Write a date and a time"),
        ("until=-1", "Write a date and a time"),
        ("subject_id=nobody", "Nobody has this user name, and it is no user ID."),
        ("until=2027-13-45", "Write a date and a time"),
    ] {
        let page = desk.get(&format!("/admin/events?{wrong}")).await;
        assert_eq!(page.status, 400, "{wrong}");
        assert!(words(&page).contains(why) && !found(&page), "{wrong}: {}", words(&page));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_said_what_became_of_a_key() {
    let desk = Desk::new().await;
    let page = desk.get("/admin/rotate-signing-key").await;
    let page = desk.send(&page, "/rotate-signing-key", &[("algorithm", "ES256")]).await;
    assert!(words(&page).contains("signs a little later"), "{}", words(&page));
    let page = desk.get("/admin/rotate-signing-key").await;
    let page = desk
        .send(&page, "/rotate-signing-key", &[("algorithm", "RS256"), ("immediately", "on")])
        .await;
    assert!(
        words(&page).contains("The new key signs from now on.") || words(&page).contains("the new key signs from now on"),
        "{}",
        words(&page)
    );
    let keys = desk.app.app.keys.current();
    let old = keys
        .records()
        .find(|key| key.algorithm.as_str() == "RS256" && key.retired_at.is_some())
        .unwrap()
        .id
        .clone();
    let page = desk.get(&format!("/admin/signing-keys/{old}/retire")).await;
    let page = desk.send(&page, "/retire", &[("immediately", "on")]).await;
    assert!(words(&page).contains("it is no longer published"), "{}", words(&page));
}

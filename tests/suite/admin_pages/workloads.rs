//! Workloads: agents, and what they may ask for.

use gatehouse::admin::workloads as engine;
use gatehouse::federation::providers::{Credential, register};
use gatehouse::model::client::ClientKind;
use gatehouse::model::provider::{ProviderKind, ProviderSettings};
use gatehouse::oauth::clients::{self, NewClient};
use gatehouse::protocol::scope::Scope;
use secrecy::SecretString;
use std::process::Command;

use super::{Desk, words};
use crate::vault::{self, given, kept};

/// A service that can have agents; its secret.
async fn assistant(desk: &Desk) -> String {
    let mut new = NewClient::of_kind("Assistant", ClientKind::Service);
    new.id = Some("assistant".to_owned());
    new.scope = Scope::parse("vault").unwrap();
    clients::register(&desk.app.app, new).await.unwrap().secret.unwrap()
}

async fn provider(desk: &Desk, id: &str, name: &str) {
    let settings = ProviderSettings {
        name: name.to_owned(),
        preset: "google".to_owned(),
        client_id: "us".to_owned(),
        ..ProviderSettings::default()
    };
    register(&desk.app.app, id, settings, None).await.unwrap();
}

fn typed(page: &crate::support::Page, name: &str) -> Vec<String> {
    let (_, fields) = super::form(page, page.url.split("//").nth(1).unwrap().split_once('/').unwrap().1);
    let values = fields.into_iter().filter(|(field, _)| field == name);
    values.map(|(_, value)| value).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_is_added_changed_and_deleted() {
    let desk = Desk::new().await;
    let page = desk.get("/admin/new-workload").await;
    assert!(words(&page).contains("No client can have an agent yet"), "{}", words(&page));
    assistant(&desk).await;
    // Not one that cannot.
    desk.app.confidential_client().await;
    provider(&desk, "google", "Google").await;
    provider(&desk, "other", "The other place").await;
    let page = desk.get("/admin/new-workload").await;
    assert!(
        page.body.contains("Assistant (assistant)") && !page.body.contains("Example App"),
        "{}",
        page.body
    );
    let values = [
        ("name", "a b"),
        ("display_name", "Calendar \"agent\""),
        ("ceilings", "google"),
        ("ceilings:google", "calendar.read  calendar.write"),
    ];
    let wrong = desk.send(&page, "/admin/new-workload", &values).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("id=\"field-name-problem\""), "{}", wrong.body);
    assert_eq!(typed(&wrong, "ceilings"), ["google"], "nothing typed is lost");
    let values = [
        ("name", "calendar-agent"),
        ("ceilings:other", "openid"),
        ("return_uris", "https://agent.example/done"),
    ];
    let wrong = desk.send(&wrong, "/admin/new-workload", &values).await;
    assert_eq!(wrong.status, 422);
    assert!(words(&wrong).contains("Other has scopes and is not ticked"), "{}", words(&wrong));
    assert!(wrong.body.contains("id=\"field-ceilings-problem\""), "{}", wrong.body);
    let page = desk.send(&wrong, "/admin/new-workload", &[("ceilings:other", "")]).await;
    assert!(words(&page).contains("Created."), "{}", words(&page));
    let made = engine::find(&desk.app.app, "calendar-agent").await.unwrap();
    assert_eq!(
        (made.client_id.as_str(), made.display_name.as_str(), made.may_name_users),
        ("assistant", "Calendar \"agent\"", false)
    );
    assert_eq!(made.return_uris, ["https://agent.example/done"]);
    let google = Scope::parse("calendar.read calendar.write").unwrap();
    assert_eq!(made.ceilings, [("google".to_owned(), google)].into());
    let again = desk.get("/admin/new-workload").await;
    let again = desk.send(&again, "/admin/new-workload", &[("name", "calendar-agent")]).await;
    assert_eq!(again.status, 409);
    assert!(again.body.contains("id=\"field-name-problem\""));

    let path = "/admin/workloads/calendar-agent";
    // Sent as it is, nothing changes.
    let page = desk.get(path).await;
    desk.send(&page, path, &[]).await;
    assert_eq!(engine::find(&desk.app.app, "calendar-agent").await.unwrap().version, 1);
    let values = [
        ("ceilings", "other"),
        ("has_no_ceilings", "on"),
        ("may_name_users", "on"),
        ("return_uris", ""),
    ];
    let page = desk.send(&page, path, &values).await;
    assert!(words(&page).contains("Saved."), "{}", words(&page));
    let changed = engine::find(&desk.app.app, "calendar-agent").await.unwrap();
    assert_eq!(
        changed.ceilings,
        [("other".to_owned(), Scope::default())].into(),
        "unticked is gone"
    );
    assert!(changed.has_no_ceilings && changed.may_name_users && changed.return_uris.is_empty());
    assert!(words(&desk.get("/admin/workloads").await).contains("Its client’s State Enabled Names people"));
    let said = words(&desk.get(&format!("{path}/connect")).await);
    assert!(said.contains(r#"{"provider":"google"}"#), "the first of all: {said}");

    let page = desk.get(&format!("{path}/delete")).await;
    assert!(words(&page).contains("Nobody has given it anything."));
    assert!(words(&desk.send(&page, "/delete", &[]).await).contains("Deleted."));
    assert_eq!(desk.get(path).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_was_faster() {
    let desk = Desk::new().await;
    assistant(&desk).await;
    provider(&desk, "google", "Google").await;
    vault::workload(&desk.app.app, "agent", "assistant").await;
    let path = "/admin/workloads/agent";
    let mine = desk.get(path).await;
    let question = desk.get(&format!("{path}/disabled")).await;
    let theirs = desk.get(path).await;
    desk.send(&theirs, path, &[("ceilings", "google"), ("ceilings:google", "read")])
        .await;
    let page = desk.send(&mine, path, &[("display_name", "Mine")]).await;
    assert_eq!(page.status, 412);
    let said = words(&page);
    assert!(said.contains("Somebody else changed this"), "{said}");
    assert!(said.contains("Saved now: Google (google): read"), "{said}");
    assert!(page.body.contains("value=\"Mine\""));
    assert_eq!(desk.send(&question, "/disabled", &[]).await.status, 412);
    let workload = engine::find(&desk.app.app, "agent").await.unwrap();
    assert!(workload.display_name.is_empty() && !workload.is_disabled, "nothing was overwritten");

    let question = desk.get(&format!("{path}/disabled")).await;
    let page = desk.send(&question, "/disabled", &[]).await;
    assert!(words(&page).contains("Disabled: nothing works with it any more."));
    assert!(engine::find(&desk.app.app, "agent").await.unwrap().is_disabled);
    let page = desk.send(&page, "/disabled", &[]).await;
    assert!(words(&page).contains("Enabled."));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_many_providers_they_are_typed() {
    let desk = Desk::new().await;
    assistant(&desk).await;
    vault::workload(&desk.app.app, "agent", "assistant").await;
    for number in 0..36 {
        provider(&desk, &format!("p{number}"), "One of many").await;
    }
    let path = "/admin/workloads/agent";
    let page = desk.get(path).await;
    let wrong = desk.send(&page, path, &[("ceilings", "p1: read write\r\np 2:")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("id=\"field-ceilings-problem\""), "{}", wrong.body);
    let wrong = desk.send(&wrong, path, &[("ceilings", "p1: read write\r\np1: read")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("two lines for p1"), "{}", wrong.body);
    let page = desk.send(&wrong, path, &[("ceilings", "p1: read write\r\np2:\r\n")]).await;
    assert!(words(&page).contains("Saved."), "{}", words(&page));
    let read = Scope::parse("read write").unwrap();
    let wanted = [("p1".to_owned(), read), ("p2".to_owned(), Scope::default())].into();
    assert_eq!(engine::find(&desk.app.app, "agent").await.unwrap().ceilings, wanted);
    let page = desk.get(path).await;
    let page = desk.send(&page, path, &[("ceilings", "")]).await;
    assert!(words(&page).contains("Saved."), "{}", words(&page));
    assert!(engine::find(&desk.app.app, "agent").await.unwrap().ceilings.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_says_how_much_goes_with_it() {
    let desk = Desk::new().await;
    let (agent, connection) = vault::connected(&desk.app).await;
    let path = "/admin/workloads/mail-agent/delete";
    let question = desk.get(path).await;
    assert!(words(&question).contains("1 connection will be removed."), "{}", words(&question));
    kept(&desk.app.app, &agent, &given(&connection.user_id, "second", 2)).await;
    let page = desk.send(&question, "/delete", &[]).await;
    assert_eq!(page.status, 409);
    assert!(words(&page).contains("Delete for good, with 2 connections"), "{}", words(&page));
    let page = desk.send(&page, "/delete", &[]).await;
    assert!(words(&page).contains("Deleted."));
    assert!(vault::read(&desk.app.app, &connection.id).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_requests_to_begin_with_work_as_they_stand_there() {
    let desk = Desk::new().await;
    let secret = assistant(&desk).await;
    let settings = ProviderSettings {
        name: "Weather".to_owned(),
        kind: ProviderKind::ApiKey,
        ..ProviderSettings::default()
    };
    let key = Credential::ApiKey(SecretString::from("k-123"));
    register(&desk.app.app, "weather", settings, Some(key)).await.unwrap();
    provider(&desk, "google", "Google").await;
    vault::workload(&desk.app.app, "agent", "assistant").await;
    let path = "/admin/workloads/agent";
    assert!(words(&desk.get(&format!("{path}/connect")).await).contains("It may not ask for anything yet"));
    let page = desk.get(path).await;
    let hostile = "it's$(id)`id`";
    let values = [("ceilings", "google"), ("ceilings", "weather"), ("ceilings:google", hostile)];
    desk.send(&page, path, &values).await;
    let page = desk.get(&format!("{path}/connect")).await;
    let programs: Vec<String> = page
        .body
        .split("<code>")
        .filter(|code| code.contains("CLIENT_SECRET"))
        .map(|code| crate::support::browser::unescape(code.split("</code>").next().unwrap()))
        .collect();
    let [person, key] = programs.as_slice() else {
        panic!("two programs: {}", page.body)
    };
    assert!(person.contains(r#"'{"provider":"google","scope":"it'\''s$(id)`id`"}'"#), "{person}");
    let run = |program: &str| {
        let mut shell = Command::new("bash");
        let shell = shell.args(["-c", program]).env("CLIENT_SECRET", &secret).env("USER_TOKEN", "none");
        let output = shell.output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let key = key.clone();
    let said = tokio::task::block_in_place(|| run(&key));
    assert!(said.contains(r#"{"api_key":"k-123"}"#), "{said}");
    assert!(!said.contains("uid="), "{said}");
}

//! What is secret never gets into an event, wherever it stands.

use gatehouse::model::event::{Actor, Event, EventKind, Outcome};
use serde_json::{Map, Value, json};

fn event() -> Event {
    Event {
        id: "0198".to_owned(),
        at: 1_800_000_000,
        kind: EventKind::ClientChanged,
        outcome: Outcome::Success,
        actor: Actor::Command,
        subject: None,
        client_id: Some("app".to_owned()),
        target: None,
        address: Some("192.0.2.1".to_owned()),
        request_id: None,
        detail: Map::new(),
    }
}

#[test]
fn secrets_are_replaced_at_any_depth() {
    let detail = event()
        .detail("password", "hunter2")
        .detail("state", json!({ "inner": "hunter2" }))
        .detail(
            "after",
            json!({
                "client_secret": "hunter2",
                "admin_token": "hunter2",
                "list": [{ "code": "hunter2" }, [{ "token": ["hunter2"] }], { "name": "kept" }],
                "deep": { "er": { "refresh_token": 7, "new_password": "hunter2" } },
                "tokens": "kept",
                "scope": "kept",
                "has_password": true,
                "token": null,
            }),
        )
        .detail;
    let text = Value::from(detail.clone()).to_string();
    assert!(!text.contains("hunter2") && !text.contains('7'), "{text}");
    assert_eq!(detail["after"]["list"][2]["name"], "kept");
    assert_eq!(detail["after"]["tokens"], "kept");
    assert_eq!(detail["after"]["has_password"], true, "whether there is one is no secret");
    assert_eq!(detail["after"]["token"], Value::Null);
    assert_eq!(detail["state"], "[redacted]");
}

#[test]
fn a_line_has_stable_names_and_no_break() {
    let line = event().detail("name", "two\nlines \u{2028} \"quoted\"").to_line();
    assert!(!line.contains('\n'));
    let line: Value = serde_json::from_str(&line).unwrap();
    let names: Vec<&String> = line.as_object().unwrap().keys().collect();
    let mut expected = [
        "id", "log", "time", "event", "outcome", "actor", "user", "client", "target", "address", "request", "detail",
    ];
    expected.sort_unstable();
    let mut names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(line["log"], "audit");
    assert_eq!(line["time"], "2027-01-15T08:00:00Z");
    assert_eq!(line["event"], "client.changed");
    assert_eq!(line["actor"], "command");
    assert_eq!(line["user"], Value::Null);
    assert_eq!(line["detail"]["name"], "two\nlines \u{2028} \"quoted\"");
}

#[test]
fn names_are_read_back() {
    for kind in EventKind::ALL {
        assert_eq!(EventKind::parse(kind.as_str()), Some(*kind));
    }
    for actor in [
        Actor::Anonymous,
        Actor::System,
        Actor::Command,
        Actor::AdminToken,
        Actor::User("u:1".to_owned()),
        Actor::Client("c".to_owned()),
    ] {
        assert_eq!(Actor::parse(&actor.to_string()), Some(actor));
    }
}

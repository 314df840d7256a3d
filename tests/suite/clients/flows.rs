//! The whole way of an MCP client: from the server's 401 to the metadata, registration, PKCE, consent, tools, refresh, and
//! more scope when a tool needs it. OAuth is done by the library of the client alone.

use serde_json::{Value, json};

use super::{PYTHON_SERVER, Program, Stage, Story, TYPESCRIPT_SERVER};
use crate::support::Database;
use crate::support::database::FreshDatabase;
use crate::support::process::Sandbox;

/// The scopes of a step, in order.
fn scopes(step: &Value) -> Vec<&str> {
    let mut scopes: Vec<&str> = step["scope"].as_str().expect("a scope").split(' ').collect();
    scopes.sort_unstable();
    scopes
}

/// What every client has to have seen. `first` are the scopes that it asks for when it comes.
async fn check(stage: &Stage, story: &Story, first: &[&str], origin: &str) {
    let data = stage.data;
    let tools = story.one("tools")["tools"].as_array().expect("a list");
    let has_tool = |name: &str| tools.iter().any(|tool| tool == name);
    assert!(
        ["get_user_profile", "read_data", "write_data"].into_iter().all(has_tool),
        "{tools:?}"
    );
    let calls = story.all("called");
    let names: Vec<&Value> = calls.iter().map(|call| &call["tool"]).collect();
    assert_eq!(names, ["read_data", "get_user_profile", "write_data", "read_data"]);
    assert!(calls.iter().all(|call| call["is_error"] == false), "{calls:#?}");
    let text = |index: usize| calls[index]["text"].as_str().expect("a text");
    assert!(text(2).contains("written") && text(3).contains(data), "{calls:#?}");

    // Whoever came, came for this server, and with scopes of its own choice.
    let asked = story.all("authorizing");
    assert_eq!(asked.len(), 2, "{:#?}", story.steps);
    assert!(asked.iter().all(|step| step["resource"] == stage.resource), "{asked:#?}");
    assert_eq!(scopes(asked[0]), first);
    assert_eq!(story.pages.len(), 2, "a person was asked each time");
    assert!(!story.pages[0].contains("Change the data") && story.pages[1].contains("Change the data"));

    // The tokens, as the server sees them.
    let steps = ["authorized", "refreshed", "stepped_up"].map(|name| story.one(name));
    let mut seen = Vec::new();
    for step in steps {
        seen.push(stage.introspect(step["access_token"].as_str().expect("a token")).await);
    }
    let client_id = &story.one("registered")["client_id"];
    for (step, token) in steps.iter().zip(&seen) {
        assert_eq!(token["active"], true, "{seen:#?}");
        assert_eq!((&token["client_id"], &token["username"]), (client_id, &json!("alice")), "{token}");
        assert_eq!(token["aud"], json!([stage.resource]), "{token}");
        assert_eq!(scopes(token), scopes(step));
    }
    assert!(text(1).contains(client_id.as_str().expect("a client")), "{}", text(1));

    // Refreshed, not authorized anew: other tokens of the same grant, and two codes in all.
    assert_eq!(scopes(steps[0]), first);
    assert_eq!(scopes(steps[1]), first);
    assert_ne!(steps[0]["access_token"], steps[1]["access_token"]);
    assert_ne!(steps[0]["refresh_token"], steps[1]["refresh_token"]);
    assert!(steps.iter().all(|step| step["refresh_token"].is_string()), "{steps:#?}");
    assert_eq!(stage.events("code.redeemed").len(), 2);
    let mut widened = first.to_vec();
    widened.push("write");
    widened.sort_unstable();
    assert_eq!(scopes(steps[2]), widened);

    let made = stage.events("client.created");
    let made: Vec<&Value> = made.iter().filter(|event| event["detail"]["origin"] == origin).collect();
    assert_eq!(made.len(), 1, "{made:#?}");
    assert_eq!(made[0]["client"], *client_id, "{}", made[0]);
    for kind in ["client.refused", "registration.refused", "refresh_token.replayed", "code.replayed"] {
        assert!(stage.events(kind).is_empty(), "{kind}");
    }
    assert_eq!(story.steps.last().expect("a step")["step"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_client() {
    let stage = Stage::new(Sandbox::new(), Program::Example, "600");
    let story = Story::of(&stage.sandbox, &["client.mjs"], &stage.resource, "alice").await;
    check(&stage, &story, &["offline_access", "read"], "registration").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_client_at_a_python_server_on_postgres() {
    let database = FreshDatabase::create(Database::Postgres).await;
    let stage = Stage::new(Sandbox::new().with("DATABASE_URL", &database.url()), PYTHON_SERVER, "600");
    let story = Story::of(&stage.sandbox, &["client.mjs"], &stage.resource, "alice").await;
    check(&stage, &story, &["offline_access", "read"], "registration").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_client_with_a_metadata_document() {
    let stage = Stage::new(Sandbox::new(), Program::Example, "600");
    let story = Story::of(&stage.sandbox, &["client.mjs", "document"], &stage.resource, "alice").await;
    check(&stage, &story, &["offline_access", "read"], "document").await;
    let id = story.one("registered")["client_id"].as_str().expect("a client");
    assert!(id.ends_with("/client.json"), "{id}");
}

/// It does not ask for `offline_access`; it gets a refresh token as any client of this grant.
#[tokio::test(flavor = "multi_thread")]
async fn the_older_typescript_sdk() {
    let stage = Stage::new(Sandbox::new(), Program::Example, "600");
    let story = Story::of(&stage.sandbox, &["sdk.mjs"], &stage.resource, "alice").await;
    check(&stage, &story, &["read"], "registration").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client() {
    let stage = Stage::new(Sandbox::new(), Program::Example, "600");
    let story = Story::of(&stage.sandbox, &["client.py"], &stage.resource, "alice").await;
    check(&stage, &story, &["offline_access", "read"], "registration").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_at_a_typescript_server() {
    let stage = Stage::new(Sandbox::new(), TYPESCRIPT_SERVER, "600");
    let story = Story::of(&stage.sandbox, &["client.py"], &stage.resource, "alice").await;
    check(&stage, &story, &["offline_access", "read"], "registration").await;
}

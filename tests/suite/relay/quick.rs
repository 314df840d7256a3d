//! The quick test of an agent's callback server, line by line, with curl.

use serde_json::{Value, json};

use super::flows::{Agents, SESSION};
use crate::support::Database;
use crate::support::curl::{curl, printed_with};
use crate::support::process::Sandbox;

/// What curl prints, and the status.
async fn ask(arguments: Vec<String>) -> (String, String) {
    let run = move || {
        let sandbox = Sandbox::bare();
        let mut curl = curl(&sandbox);
        curl.args(arguments);
        printed_with(curl, "http_code")
    };
    tokio::task::spawn_blocking(run).await.expect("curl ends")
}

fn words(line: &str, changes: &[(&str, &str)]) -> Vec<String> {
    let changed = |word: &str| changes.iter().fold(word.to_owned(), |word, (from, to)| word.replace(from, to));
    line.split(' ').map(changed).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_finds_the_callback_server_that_it_knows() {
    let agents = Agents::start(Database::Sqlite).await;
    let token = agents.token_of("alice").await;
    let body = json!({ "user_token": token }).to_string();
    let credentials = format!("{}:{}", agents.agent.client.id(), agents.agent.client.secret.as_ref().unwrap());
    let cookies = agents.browser_of("alice").await.cookies();
    let cookies: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let cookies = cookies.join(";");
    let base = agents.app.base.clone();
    let changes = [
        ("http://localhost:9090", base.as_str()),
        ("CREDENTIALS", credentials.as_str()),
        ("BODY", body.as_str()),
        ("COOKIES", cookies.as_str()),
        ("SESSION", SESSION),
    ];
    let run = |line: &'static str| ask(words(line, &changes));

    assert_eq!(run("http://localhost:9090/ping").await.1, "200");

    // What the old server took from anybody, the new one takes from agents.
    let bind = "-X POST http://localhost:9090/userIdentifier/token -H Content-Type:application/json -d BODY";
    assert_eq!(run(bind).await.1, "401");
    let bind = "-X POST http://localhost:9090/userIdentifier/token -u CREDENTIALS -H Content-Type:application/json -d BODY";
    let (answer, status) = run(bind).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status.as_str(), &answer["status"]), ("200", &json!("bound")), "{answer}");

    // Nobody completes it without being Alice; she does, once.
    let (_, status) = run("http://localhost:9090/oauth2/callback?session_id=SESSION").await;
    assert_eq!(status, "303", "to the sign-in");
    let complete = "-b COOKIES http://localhost:9090/oauth2/callback?session_id=SESSION";
    let (page, status) = run(complete).await;
    assert_eq!(status, "200", "{page}");
    assert!(page.contains("You can close this page"), "{page}");
    assert_eq!(run(complete).await.1, "410");
    assert_eq!(run("-b COOKIES http://localhost:9090/oauth2/callback").await.1, "400");
    let told = agents.told();
    assert_eq!(told, [json!({ "sessionUri": SESSION, "userIdentifier": { "userToken": token } })]);
}

//! The SDK of AWS Bedrock AgentCore and boto3, from setting up to the token of a person at another provider.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use gatehouse::federation::access_keys::{NewAccessKey, issue};
use gatehouse::model::event::{EventFilter, EventKind};
use gatehouse::protocol::client_authentication::AuthMethod;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::interpreter;
use crate::agentcore::owner;
use crate::support::app::Options;
use crate::support::browser::{http, unescape};
use crate::support::process::Sandbox;
use crate::support::{Database, TestApp};
use crate::vault::flow::whole_way;

/// A server by the machine's clock, which programs sign with.
async fn by_the_clock(kind: Database, agentcore: &str) -> TestApp {
    let options = Options {
        settings: vec![("agentcore", agentcore.to_owned())],
        real_time: true,
        ..Options::default()
    };
    TestApp::start_with(kind, options).await
}

async fn key(app: &TestApp, client_id: &str, may_administer: bool) -> (String, String) {
    let new = NewAccessKey {
        client_id: client_id.to_owned(),
        name: "SDK".to_owned(),
        may_administer,
    };
    let (key, secret) = issue(&app.app, new).await.unwrap();
    (key.id, secret.expose_secret().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sdk_of_agentcore_gets_a_persons_token() {
    let (app, provider) = (
        by_the_clock(Database::Sqlite, "on").await,
        by_the_clock(Database::Sqlite, "off").await,
    );
    let alice = app.user("alice").await;
    let alice_there = provider.user("alice").await;
    let there = provider
        .client(AuthMethod::ClientSecretBasic, |new| {
            new.redirect_uris = vec![app.url("/connect/callback/there")];
        })
        .await;
    let owner = owner(&app).await;
    let (id, secret) = key(&app, owner.id(), true).await;
    let (other_id, other_secret) = key(&app, owner.id(), false).await;
    let user_token = owner.tokens("alice", &[("scope", "openid")]).await.text("id_token").to_owned();

    let sandbox = Sandbox::bare();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/agentcore.py");
    std::fs::copy(script, sandbox.file("agentcore.py")).expect("a program");
    let mut command = interpreter(&sandbox, "agentcore.py");
    let complaints = sandbox.file("complaints");
    command.envs([
        ("BEDROCK_AGENTCORE_DP_ENDPOINT", app.base.as_str()),
        ("BEDROCK_AGENTCORE_CP_ENDPOINT", app.base.as_str()),
        ("AWS_ACCESS_KEY_ID", id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", secret.as_str()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("OTHER_KEY_ID", other_id.as_str()),
        ("OTHER_SECRET", other_secret.as_str()),
        ("DISCOVERY", provider.url("/.well-known/openid-configuration").as_str()),
        ("THERE_ID", there.id()),
        ("THERE_SECRET", there.secret.as_deref().unwrap()),
        ("USER_TOKEN", user_token.as_str()),
        ("USER_ID", alice.id.as_str()),
    ]);
    command.env("HOME", sandbox.folder()).stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(File::create(&complaints).expect("a file"));
    let mut child = command.spawn().expect("the program starts");
    let (send, mut lines) = tokio::sync::mpsc::unbounded_channel();
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let reading = tokio::task::spawn_blocking(move || {
        for line in output.lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
        child.wait().expect("it ends")
    });
    let mut steps: Vec<Value> = Vec::new();
    while let Some(line) = lines.recv().await {
        match line.strip_prefix("OPEN ") {
            None => steps.push(serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"))),
            Some(link) => {
                // She consents, and her browser goes on to the agent's page.
                let page = whole_way(link, "alice").await;
                let next = page.body.split("url=").nth(1).and_then(|rest| rest.split('"').next());
                let next = page.location().or(next.map(unescape)).expect("a way on");
                assert_eq!(http().get(next).send().await.unwrap().status(), 200);
            }
        }
    }
    let status = reading.await.unwrap();
    let complaints = std::fs::read_to_string(complaints).expect("text");
    assert!(status.success(), "{status}: {steps:#?}\n{complaints}");
    let names: Vec<&str> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["callback", "controlled", "returned", "token", "returned", "token", "done"],
        "{steps:#?}"
    );
    assert_eq!(steps[0]["url"], app.url("/connect/callback/there"));
    assert_eq!(steps[2]["state"], "its own & more");
    for token in [&steps[3], &steps[5]] {
        let userinfo = there.userinfo(token["access_token"].as_str().unwrap()).await;
        assert_eq!(userinfo.body["sub"], alice_there.id.as_str(), "{}", userinfo.body);
    }
    let filter = EventFilter {
        kind: Some(EventKind::ConnectionMade),
        ..EventFilter::default()
    };
    let mut connection = app.app.store.read().await.unwrap();
    assert_eq!(connection.events_nearby(&filter, None, 100).await.unwrap().events.len(), 2);
}

//! The agent from beginning to end, as a person sees it.

use super::{Places, SECRETS, consent};
use crate::cli::database::{Database, Kind};

/// Says hello by the name that alice has at the other place, and leaves nothing behind.
async fn says_hello(kind: Kind, flags: &[&str]) {
    let (_database, sandbox) = Database::sandbox(kind).await;
    let places = Places::open(sandbox, "hello_agent").await;
    let mut agent = places.agent(flags);
    places.sign_in(&agent, "alice").await;
    let link = agent.await_line("/connect/");
    assert_eq!(places.workloads().await, ["hello-agent"]);
    let done = consent(&link, "alice").await;
    assert!(done.body.contains("Done") && done.body.contains("/callback"), "{}", done.body);
    agent.await_line("Hello, Alice There!");
    let status = agent.await_exit();
    let output = agent.output();
    assert_eq!(status.code(), Some(0), "{output}");
    assert!(output.contains("access to your account at people"), "{output}");
    assert!(!output.contains("hello_agent:"), "nothing is wrong: {output}");
    tells_no_secret(&output);
    assert!(places.workloads().await.is_empty());
    let counts = ["workload.created", "connection.made", "connection.removed", "workload.deleted"].map(|kind| places.events(kind));
    assert_eq!(counts, [1, 1, 1, 1]);
    // One link for one question, however often it was asked.
    assert_eq!(output.matches("/connect/").count(), 1, "{output}");
    assert_eq!(places.events("connection.asked"), 1);
}

/// No secret and no token is printed. The pages that people are to open are, with what belongs into their addresses.
pub fn tells_no_secret(output: &str) {
    for (name, secret) in SECRETS {
        assert!(!output.contains(secret), "{name}: {output}");
    }
    for token in ["eyJ", "ghw_", "Bearer ", "access_token", "code="] {
        assert!(!output.contains(token), "{token}: {output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_hello_on_sqlite() {
    says_hello(Kind::Sqlite, &["--as", "alice"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_hello_on_postgres() {
    says_hello(Kind::Postgres, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_hello_on_mysql() {
    says_hello(Kind::MySql, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_hello_with_the_older_revision_of_mcp() {
    says_hello(Kind::Sqlite, &["--old-protocol"]).await;
}

/// Settings come from the file, too; the environment comes first.
#[tokio::test(flavor = "multi_thread")]
async fn it_reads_a_file_of_settings() {
    let (_database, sandbox) = Database::sandbox(Kind::Sqlite).await;
    let mut places = Places::open(sandbox, "hello_agent").await;
    let file = format!(
        "# The agent\nAGENT_SECRET={}\nSETUP_SECRET={}\nWORKLOAD=of-the-file\nPROVIDER=of-the-file\n",
        SECRETS[1].1, SECRETS[2].1
    );
    places.here.write(".env", &file);
    places.here = places
        .here
        .without("AGENT_SECRET")
        .without("SETUP_SECRET")
        .with("PROVIDER", "people");
    let mut agent = places.agent(&[]);
    places.sign_in(&agent, "alice").await;
    consent(&agent.await_line("/connect/"), "alice").await;
    agent.await_line("Hello, Alice There!");
    assert_eq!(agent.await_exit().code(), Some(0));
    assert!(
        agent.output().contains("others can read .env: chmod 600 .env"),
        "{}",
        agent.output()
    );
    let created = places.here.run(&["audit", "list", "--kind", "workload.created", "--json"]).done();
    assert!(created.contains("of-the-file"), "{created}");
}

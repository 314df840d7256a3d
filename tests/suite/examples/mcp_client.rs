//! The MCP client at the MCP server: it finds its way, and each of the three people may do what they may do.

use std::time::{Duration, Instant};

use super::{Stage, binary};
use crate::cli::person::Person;
use crate::support::process::{Sandbox, Server};

/// How long the client may take with everything.
const PATIENCE: Duration = Duration::from_mins(2);
/// The last thing that it does.
const END: &str = "With the token of a refresh\n  get_user_profile";

/// Runs the client for somebody who does what its pages ask for; how many pages there were, and what it printed.
async fn run(stage: &Stage, username: &str, password: &str) -> (usize, String) {
    let mut command = stage.sandbox.program(&binary("mcp_client").display().to_string());
    command.args(["--server", &stage.url("/mcp"), "--as", username, "--no-browser"]);
    let client = Server::start(command, stage.sandbox.address());
    let person = Person::new(&stage.sandbox.issuer(), username, password);
    let begun = Instant::now();
    let mut pages = 0;
    loop {
        let output = client.output();
        if let Some(page) = output.lines().filter(|line| line.contains("/authorize?")).nth(pages) {
            pages += 1;
            let callback = person.follow(page.trim()).await.expect("the client is sent an answer");
            let answer = person.http.get(callback).send().await.expect("the client listens");
            assert!(answer.status().is_success(), "{answer:?}");
        } else if output.contains(END) || output.contains("mcp_client: ") {
            return (pages, output);
        }
        assert!(begun.elapsed() < PATIENCE, "{output}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The line of a tool in a part of the report.
fn line<'o>(output: &'o str, part: &str, tool: &str) -> &'o str {
    let (_, rest) = output.split_once(part).unwrap_or_else(|| panic!("no {part}: {output}"));
    let mut lines = rest.lines().skip(1).take_while(|line| line.starts_with("  "));
    let line = lines.find(|line| line.trim_start().starts_with(tool));
    line.unwrap_or_else(|| panic!("no {tool} below {part}: {output}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_may_do_what_they_may_do() {
    let stage = Stage::mcp_server(Sandbox::new(), &[]);
    let people = [
        // One page for `read`, and one for each thing more.
        ("alice", "password123", ["read_data", "write_data"].as_slice(), 3),
        ("bob", "secret456", &["read_data"], 3),
        ("admin", "admin789", &["read_data", "write_data", "admin_operation"], 3),
    ];
    for (username, password, open, expected_pages) in people {
        let (pages, output) = run(&stage, username, password).await;
        assert!(
            line(&output, "Without a token", "public_info").contains('✓')
                && line(&output, "Without a token", "read_data").contains("needs a token"),
            "{output}"
        );
        for tool in ["public_info", "get_user_profile", "list_available_resources"] {
            assert!(line(&output, "With a token", tool).contains('✓'), "{username}, {tool}: {output}");
        }
        for tool in ["read_data", "write_data", "admin_operation"] {
            let line = line(&output, "With a token", tool);
            assert_eq!(line.contains('✓'), open.contains(&tool), "{username}, {tool}: {output}");
            assert!(line.contains('✓') || line.contains("was not granted"), "{line}");
        }
        assert_eq!(pages, expected_pages, "{output}");
        let profile = line(&output, "With the token of a refresh", "get_user_profile");
        assert!(profile.contains(&format!("\"username\":\"{username}\"")), "{profile}");
        assert!(output.contains("Refreshed."), "{output}");
    }
    assert_eq!(stage.events("code.redeemed"), 9, "what the pages were for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_without_a_token() {
    let stage = Stage::mcp_server(Sandbox::new(), &["--private"]);
    let (pages, output) = run(&stage, "alice", "password123").await;
    assert!(output.contains("Without a token nothing is told."), "{output}");
    // The refusal names no scope, so everything is asked for at once, and alice gets what she may have.
    for tool in ["public_info", "read_data", "write_data"] {
        assert!(line(&output, "With a token", tool).contains('✓'), "{tool}: {output}");
    }
    assert!(
        line(&output, "With a token", "admin_operation").contains("was not granted"),
        "{output}"
    );
    let profile = line(&output, "With the token of a refresh", "get_user_profile");
    assert!(profile.contains("\"username\":\"alice\""), "{profile}");
    assert_eq!(pages, 2, "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_is_missing() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.program(&binary("mcp_client").display().to_string());
    command.args(["--server", "http://127.0.0.1:9/mcp"]);
    let output = super::complaint(Server::start(command, sandbox.address()));
    assert!(
        output.contains("does not answer") && output.contains("--example mcp_server"),
        "{output}"
    );
}

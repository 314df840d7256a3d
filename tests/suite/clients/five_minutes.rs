//! The first part of `docs/mcp.md` in its order: the marked commands as they stand, the program of the other page, and a
//! client.

use std::os::unix::fs::symlink;

use super::{PYTHON_SERVER, Story};
use crate::support::process::{BINARY, Sandbox, free_port};

/// The blocks after `<!-- run -->`, each with what stands there.
fn blocks(page: &str) -> Vec<String> {
    let after = page.split("<!-- run -->\n```sh\n").skip(1);
    after.filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

/// Runs a block with bash; what it prints.
fn run(sandbox: &Sandbox, block: &str) -> String {
    let mut bash = sandbox.program("bash");
    let output = bash.args(["-euo", "pipefail", "-c", block]).output().expect("bash is there");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{block}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn five_minutes_are_enough() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/mcp.md")).expect("docs/mcp.md");
    assert!(
        page.contains("\n```sh\ngatehouse serve\n```\n") && page.contains("\npython server.py\n"),
        "{page}"
    );
    let sandbox = Sandbox::bare();
    let address = sandbox.address().to_string();
    let bin = sandbox.file("bin");
    std::fs::create_dir(&bin).expect("a folder");
    symlink(BINARY, bin.join("gatehouse")).expect("a link");
    #[allow(clippy::disallowed_methods, reason = "the programs of the page are found as usual")]
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let sandbox = sandbox.with("PATH", &path).with("GATEHOUSE_LISTEN", &address);
    let _gatehouse = sandbox.serve();
    let port = free_port();
    let resource = PYTHON_SERVER.resource(port);
    let page = page
        .replace("http://127.0.0.1:8000", &sandbox.issuer())
        .replace("http://127.0.0.1:9000", resource.trim_end_matches("/mcp"));
    let blocks = blocks(&page);
    assert_eq!(blocks.len(), 3, "{blocks:?}");

    run(&sandbox, &blocks[0]);
    let _server = PYTHON_SERVER.serve(&sandbox, port, ("", ""));
    let said = run(&sandbox, &blocks[1]);
    let link = format!("resource_metadata=\"{}/.well-known", resource.trim_end_matches("/mcp"));
    assert!(said.contains(&link), "{said}");
    assert!(
        said.contains(&format!("\"authorization_servers\":[\"{}\"]", sandbox.issuer())),
        "{said}"
    );
    let story = Story::of(&sandbox, &["client.mjs"], &resource, "correct horse battery").await;
    assert_eq!(story.all("called").len(), 4, "{:#?}", story.steps);
    let said = run(&sandbox, &blocks[2]);
    assert!(said.contains("TypeScript client") && said.contains("client.created"), "{said}");
}

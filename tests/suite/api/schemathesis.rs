//! Schemathesis reads the description of the interface and tries what it says, and what it forbids.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::process::Sandbox;
use crate::support::tools;

const ADMIN_TOKEN: &str = "an-admin-token-for-the-fuzzer";
/// Requests per operation and phase; the whole takes about a minute with this.
const EXAMPLES: &str = "20";
/// Something hangs when it takes longer.
const LIMIT: Duration = Duration::from_mins(5);

#[tokio::test(flavor = "multi_thread")]
async fn the_interface_is_as_it_describes_itself() {
    let sandbox = Sandbox::new().with("ADMIN_TOKEN", ADMIN_TOKEN);
    let server = sandbox.serve();
    let description = format!("{}/api/openapi.json", sandbox.issuer());
    let (passed, output) = fuzz(&sandbox, &description);
    assert!(passed, "{output}\n\nthe server said:\n{}", server.output());
}

/// Runs all checks and all phases, the same ones each time.
fn fuzz(sandbox: &Sandbox, description: &str) -> (bool, String) {
    let report = sandbox.file("schemathesis.txt");
    let file = std::fs::File::create(&report).expect("a file is written");
    let mut run = sandbox
        .program(&tools::schemathesis().display().to_string())
        .args([
            "--config-file",
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis.toml"),
            "run",
            description,
        ])
        .args(["--header", &format!("X-Admin-Token: {ADMIN_TOKEN}")])
        // Wrong admin tokens are slowed down, and soon right ones are, too: `api::authorization` looks at every
        // operation without credentials.
        .args([
            "--checks",
            "all",
            "--exclude-checks",
            "ignored_auth",
            "--phases",
            "examples,coverage,fuzzing,stateful",
        ])
        .args(["--generation-deterministic", "--max-examples", EXAMPLES, "--continue-on-failure"])
        .args(["--workers", "1", "--request-timeout", "10", "--no-color"])
        // Python writes what it wants to, and not what the terminal of a machine can show.
        .env("PYTHONUTF8", "1")
        .stdin(Stdio::null())
        .stdout(file.try_clone().expect("a second handle"))
        .stderr(file)
        .spawn()
        .expect("Schemathesis starts");
    let begun = Instant::now();
    let passed = loop {
        if let Some(status) = run.try_wait().expect("Schemathesis runs") {
            break status.success();
        }
        if begun.elapsed() > LIMIT {
            run.kill().expect("Schemathesis is stopped");
            run.wait().expect("Schemathesis ends");
            break false;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    (passed, std::fs::read_to_string(&report).expect("the report is read"))
}

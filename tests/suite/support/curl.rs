//! curl, as the documentation uses it.

use std::process::Command;

use super::process::Sandbox;

/// curl in a sandbox, whose `certificate.pem` it trusts, so that it checks certificates and their names.
pub fn curl(sandbox: &Sandbox) -> Command {
    let mut curl = sandbox.program("curl");
    curl.args(["--silent", "--show-error", "--cacert", "certificate.pem", "--noproxy", "*"]);
    curl
}

/// What it prints; it must succeed.
pub fn printed(mut curl: Command) -> String {
    let output = curl.output().expect("curl is needed");
    assert!(output.status.success(), "{curl:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// What it prints, and one of curl's variables, such as `http_code`.
pub fn printed_with(mut curl: Command, variable: &str) -> (String, String) {
    curl.args(["--write-out", &format!("\n%{{{variable}}}")]);
    let text = printed(curl);
    let (body, value) = text.rsplit_once('\n').expect("a line of its own");
    (body.to_owned(), value.to_owned())
}

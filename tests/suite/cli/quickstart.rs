//! The quickstart of `README.md`, executed as it stands.
//!
//! Its shell blocks stand between `<!-- quickstart:begin -->` and `<!-- quickstart:end -->`. The block
//! after `<!-- quickstart:server -->`, there or elsewhere, starts the server; the test starts it with the same variables
//! and arguments. The block after `<!-- quickstart:person -->` is what a person does at a browser to
//! obtain `CODE` from `URL`; the test signs in there. All others run in one shell, in order.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::process::Stdio;

use super::person::{Person, parameter};
use crate::support::process::{BINARY, Sandbox};

/// What a block is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Shell,
    Server,
    Person,
}

#[derive(Debug)]
struct Block {
    role: Role,
    text: String,
}

/// The blocks of a README, or why it has none to run.
fn blocks(readme: &str) -> Result<Vec<Block>, String> {
    for marker in ["<!-- quickstart:begin -->", "<!-- quickstart:end -->"] {
        if !readme.lines().any(|line| line.trim() == marker) {
            return Err(format!("README.md has no {marker}"));
        }
    }
    let (mut found, mut role, mut open, mut is_inside) = (Vec::new(), Role::Shell, None::<String>, false);
    for line in readme.lines() {
        match (&mut open, line.trim()) {
            (Some(_), "```") => {
                let block = open.take().map(|text| Block { role, text });
                found.extend(block.filter(|_| is_inside || role == Role::Server));
            }
            (Some(text), _) => {
                text.push_str(line);
                text.push('\n');
                continue;
            }
            (None, "```sh") => {
                open = Some(String::new());
                continue;
            }
            (None, "<!-- quickstart:begin -->") => is_inside = true,
            (None, "<!-- quickstart:end -->") => is_inside = false,
            (None, "<!-- quickstart:server -->") => {
                role = Role::Server;
                continue;
            }
            (None, "<!-- quickstart:person -->") => {
                role = Role::Person;
                continue;
            }
            (None, "") => continue,
            (None, _) => {}
        }
        role = Role::Shell;
    }
    if found.len() < 3 {
        return Err(format!("the quickstart has {} blocks, which cannot be all", found.len()));
    }
    for (role, name) in [(Role::Server, "server"), (Role::Person, "person")] {
        let count = found.iter().filter(|block| block.role == role).count();
        if count != 1 {
            return Err(format!("the quickstart has {count} blocks after quickstart:{name}"));
        }
    }
    Ok(found)
}

/// The variables and arguments that a block gives to the server.
fn server_settings(block: &str) -> (Vec<(String, String)>, Vec<String>) {
    let (mut variables, mut arguments) = (Vec::new(), Vec::new());
    for line in block.replace("\\\n", " ").lines() {
        let mut is_ours = false;
        for word in line.split_whitespace().take_while(|word| !word.starts_with('#')) {
            let word = word.trim_matches(['\'', '"']);
            let plain = |text: &str| text.trim_matches(['\'', '"']).to_owned();
            match word.split_once('=') {
                _ if is_ours => arguments.extend((word != "&").then(|| plain(word))),
                Some((name, value)) if name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') => {
                    variables.push((name.to_owned(), plain(value)));
                }
                // What follows is for the program, after `cargo run --` as well.
                _ => is_ours = word == "--" || word.rsplit('/').next() == Some("gatehouse"),
            }
        }
    }
    (variables, arguments)
}

/// The password that the blocks give to a user, if they make one, and the demo user's otherwise.
fn account(script: &str) -> (String, String) {
    let made = script.lines().find_map(|line| {
        let (before, after) = line.split_once("user add ")?;
        let username = after.split_whitespace().next()?;
        let quote = before.find(['\'', '"'])?;
        let password = before[quote + 1..].split(['\'', '"']).next()?;
        Some((username.to_owned(), password.trim_end_matches("\\n").to_owned()))
    });
    made.unwrap_or_else(|| ("alice".to_owned(), "alice".to_owned()))
}

#[test]
fn the_servers_settings_are_found() {
    let (variables, arguments) = server_settings("A_B=c D='e' cargo run --release -- --workers 1 # comment");
    assert_eq!(variables, [("A_B".to_owned(), "c".to_owned()), ("D".to_owned(), "e".to_owned())]);
    assert_eq!(arguments, ["--workers", "1"]);
    assert_eq!(server_settings("./target/release/gatehouse --x=y &").1, ["--x=y"]);
}

/// Runs a quickstart to its end.
async fn execute(readme: &str) -> Result<String, String> {
    let sandbox = Sandbox::bare();
    let address = sandbox.address().to_string();
    let readme = readme.replace("localhost:8000", &address).replace("127.0.0.1:8000", &address);
    let blocks = blocks(&readme)?;
    let script: String = blocks
        .iter()
        .filter(|block| block.role == Role::Shell)
        .map(|block| block.text.as_str())
        .collect();
    let (username, password) = account(&script);

    // `gatehouse` is the binary under test wherever the README has put it; it is built already.
    let bin = sandbox.file("bin");
    std::fs::create_dir(&bin).expect("a folder");
    symlink(BINARY, bin.join("gatehouse")).expect("a link");
    symlink("/bin/true", bin.join("cargo")).expect("a link");
    #[allow(clippy::disallowed_methods, reason = "the programs of the quickstart are found as usual")]
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut sandbox = sandbox.with("PATH", &path).with("GATEHOUSE_LISTEN", &address);
    let mut server = None;
    let mut text = "set -euo pipefail\nexec 3<&0 </dev/null\n".to_owned();
    for block in &blocks {
        match block.role {
            Role::Shell => text.push_str(
                &block
                    .text
                    .replace("./target/release/gatehouse", "gatehouse")
                    .replace("target/release/gatehouse", "gatehouse"),
            ),
            Role::Server => {
                let (variables, arguments) = server_settings(&block.text);
                let with_all = variables.iter().fold(sandbox, |sandbox, (name, value)| sandbox.with(name, value));
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                sandbox = with_all;
                server = Some(sandbox.launch(&arguments));
            }
            Role::Person => text.push_str("printf 'quickstart-url %s\\n' \"$URL\"\nIFS= read -r CODE <&3\n"),
        }
    }
    let server = server.ok_or("the quickstart starts no server")?;
    server.await_connection();

    let mut bash = sandbox.program("bash");
    let bash = bash
        .args(["-c", &text])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut shell = bash.spawn().expect("bash is there");
    let mut errors = shell.stderr.take().expect("piped");
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = errors.read_to_string(&mut text);
        text
    });
    let mut printed = String::new();
    let mut input = shell.stdin.take().expect("piped");
    for line in BufReader::new(shell.stdout.take().expect("piped")).lines().map_while(Result::ok) {
        if let Some(url) = line.strip_prefix("quickstart-url ") {
            let callback = Person::new(&sandbox.issuer(), &username, &password).follow(url).await;
            // Without a code the shell goes on with an empty one, and fails at the next step.
            let code = callback.ok().and_then(|callback| parameter(&callback, "code"));
            let _ = writeln!(input, "{}", code.unwrap_or_default());
        }
        printed.push_str(&line);
        printed.push('\n');
    }
    let status = shell.wait().map_err(|error| error.to_string())?;
    let errors = errors.join().unwrap_or_default();
    if status.success() {
        Ok(printed)
    } else {
        Err(format!("{status}\n{printed}{errors}\n{}", server.output()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quickstart_of_the_readme_works() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("README.md is there");
    execute(&readme).await.unwrap_or_else(|problem| panic!("{problem}"));
}

const SAMPLE: &str = r#"
<!-- quickstart:begin -->
<!-- quickstart:server -->
```sh
ENABLE_DEV_ENDPOINTS=true ./target/release/gatehouse --log-level debug &
```
Then, elsewhere:
```sh
printf 'correct horse battery' | gatehouse user add carol --password-stdin
gatehouse client add "Demo" --kind native --id demo --redirect-uri http://localhost:3000/callback
CHALLENGE=$(printf '%s' a-code-verifier-of-at-least-forty-three-characters | openssl dgst -sha256 -binary | openssl base64 -A | tr '+/' '-_' | tr -d '=')
URL="http://localhost:8000/authorize?response_type=code&client_id=demo&redirect_uri=http://localhost:3000/callback&scope=openid&code_challenge=$CHALLENGE&code_challenge_method=S256"
echo "$URL"
```
<!-- quickstart:person -->
```sh
read -r -p "code: " CODE
```
```sh
curl -sf http://127.0.0.1:8000/token -d grant_type=authorization_code -d client_id=demo -d code="$CODE" \
  -d redirect_uri=http://localhost:3000/callback -d code_verifier=a-code-verifier-of-at-least-forty-three-characters
echo
```
<!-- quickstart:end -->
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_quickstart_is_run_and_its_failures_are_seen() {
    let printed = execute(&SAMPLE.replace("localhost:8000", "127.0.0.1:8000"))
        .await
        .unwrap_or_else(|problem| panic!("{problem}"));
    assert!(printed.contains("id_token"), "{printed}");
    for (from, to) in [
        ("quickstart:begin", "begin"),
        ("quickstart:end", "end"),
        ("quickstart:server", "server"),
        ("quickstart:person", "person"),
        ("```sh", "```bash"),
        ("-d client_id=demo", "-d client_id=other"),
    ] {
        assert!(execute(&SAMPLE.replace(from, to)).await.is_err(), "{from} matters");
    }
}

//! Programs that others wrote, beside a real `gatehouse`: MCP clients with the official libraries, the conformance
//! suite of the protocol, and the resource servers of `docs/protect-an-api/`.
//!
//! They need libraries for Node and Python, which `tests/tools` puts into `target/tools/clients`. Where those cannot be
//! had, `tests/run` leaves these tests out and counts them as skipped.

mod conformance;
mod five_minutes;
mod flows;
mod programs;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::examples::binary;
use crate::support::Browser;
use crate::support::browser::http;
use crate::support::client::VERIFIER;
use crate::support::process::{Sandbox, Server, free_port};
use crate::support::tools;

/// A resource server.
#[derive(Clone, Copy)]
pub struct Program {
    /// The page in `docs/protect-an-api/` that it stands on; none for one of `examples/`
    page: Option<&'static str>,
    file: &'static str,
    /// The path of its identifier
    path: &'static str,
    /// What is read there, after somebody wrote "hello"
    pub data: &'static str,
    /// A module that it imports, and the one that it shall import instead
    instead: Option<(&'static str, &'static str)>,
}

/// The MCP server that the clients talk to.
pub const SERVER: Program = EXAMPLE;

const EXAMPLE: Program = Program {
    page: None,
    data: "hello",
    ..Program::new("", "mcp_server", "/mcp")
};
pub const PYTHON_API: Program = Program::new("python.md", "api.py", "");
pub const PYTHON_SERVER: Program = Program::new("python.md", "server.py", "/mcp");
pub const TYPESCRIPT_API: Program = Program::new("typescript.md", "api.ts", "");
pub const TYPESCRIPT_SERVER: Program = Program::new("typescript.md", "server.ts", "/mcp");

impl Program {
    const fn new(page: &'static str, file: &'static str, path: &'static str) -> Self {
        Self {
            page: Some(page),
            file,
            path,
            data: "one, two, three",
            instead: None,
        }
    }

    /// The same, with another module.
    pub const fn with(self, module: &'static str, other: &'static str) -> Self {
        Self {
            instead: Some((module, other)),
            ..self
        }
    }

    /// Its identifier, at a port.
    pub fn resource(self, port: u16) -> String {
        let host = if self.page.is_some() { "127.0.0.1" } else { "localhost" };
        format!("http://{host}:{port}{}", self.path)
    }

    /// Starts it at a port, with the issuer of a sandbox and the client by which it introspects.
    pub fn serve(self, sandbox: &Sandbox, port: u16, (id, secret): (&str, &str)) -> Server {
        let command = if let Some(page) = self.page {
            unpack(sandbox, page);
            self.replace_module(sandbox);
            let mut command = interpreter(sandbox, self.file);
            command.envs([("ISSUER", sandbox.issuer()), ("RESOURCE", self.resource(port))]);
            command
                .env("PORT", port.to_string())
                .env("CLIENT_ID", id)
                .env("CLIENT_SECRET", secret);
            command
        } else {
            let mut command = sandbox.program(&binary(self.file).display().to_string());
            command.args(["--issuer", &sandbox.issuer(), "--listen", &format!("localhost:{port}")]);
            command.env("MCP_SERVER_ID", id).env("MCP_SERVER_SECRET", secret);
            command
        };
        let server = Server::start(command, SocketAddr::from(([127, 0, 0, 1], port)));
        server.await_connection();
        server
    }

    fn replace_module(self, sandbox: &Sandbox) {
        let Some((module, other)) = self.instead else { return };
        let text = std::fs::read_to_string(sandbox.file(self.file)).expect("the program");
        let import = format!("from {module} import");
        assert!(text.contains(&import), "{text}");
        sandbox.write(self.file, &text.replace(&import, &format!("from {other} import")));
    }
}

/// An installation with people and scopes, and a server that it protects.
pub struct Stage {
    pub sandbox: Sandbox,
    pub resource: String,
    /// What is read there in the end
    pub data: &'static str,
    /// Who may introspect
    pub api: (String, String),
    _gatehouse: Server,
    _server: Server,
}

impl Stage {
    /// Starts both; `lifetime` is that of access tokens, in seconds.
    pub fn new(sandbox: Sandbox, program: Program, lifetime: &str) -> Self {
        let gatehouse = sandbox.serve();
        sandbox.run(&["seed"]).done();
        for (scope, text) in [("read", "Read the data"), ("write", "Change the data")] {
            sandbox.run(&["scope", "add", scope, "--description", text]).done();
        }
        let service = sandbox
            .run(&["client", "add", "API", "--kind", "service", "--id", "api", "--json"])
            .json();
        let api = ("api".to_owned(), service["client_secret"].as_str().expect("a secret").to_owned());
        let port = free_port();
        let resource = program.resource(port);
        let settings = ["--name", "Data", "--scope", "read write", "--token-lifetime", lifetime];
        sandbox.run(&[&["resource", "add", &resource], &settings[..]].concat()).done();
        let server = program.serve(&sandbox, port, (&api.0, &api.1));
        Self {
            sandbox,
            resource,
            data: program.data,
            api,
            _gatehouse: gatehouse,
            _server: server,
        }
    }

    /// What introspection says of a token.
    pub async fn introspect(&self, token: &str) -> Value {
        let request = http().post(format!("{}/introspect", self.sandbox.issuer()));
        let request = request.basic_auth(&self.api.0, Some(&self.api.1)).form(&[("token", token)]);
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    /// Events of a kind, as the audit log has them.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let said = self.sandbox.run(&["audit", "list", "--kind", kind, "--json"]).done();
        said.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
    }

    /// Tokens that alice lets a client of this test have.
    pub async fn tokens(&self, scope: &str, resource: &str) -> Value {
        let redirect_uri = "http://127.0.0.1/callback";
        let id = format!("tester-{}", free_port());
        let add = [
            "client",
            "add",
            "Tester",
            "--kind",
            "native",
            "--redirect-uri",
            redirect_uri,
            "--id",
        ];
        let rest = [&id[..], "--scope", "openid profile offline_access read write"];
        self.sandbox.run(&[&add[..], &rest[..]].concat()).done();
        let challenge = gatehouse::protocol::pkce::CodeChallenge::of(VERIFIER);
        let mut url = url::Url::parse(&self.sandbox.issuer())
            .expect("a URL")
            .join("/authorize")
            .expect("a URL");
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &id),
            ("redirect_uri", redirect_uri),
            ("scope", scope),
            ("resource", resource),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ]);
        let (location, _) = allow(&Browser::new(), url.as_str(), "alice").await;
        let location = url::Url::parse(&location).expect("a URL");
        let code = location
            .query_pairs()
            .find(|(name, _)| name == "code")
            .expect("a code")
            .1
            .into_owned();
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &id),
            ("code", &code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", VERIFIER),
        ];
        let request = http().post(format!("{}/token", self.sandbox.issuer())).form(&form);
        request.send().await.expect("an answer").json().await.expect("JSON")
    }
}

/// What a client did, and what a person was asked for meanwhile.
pub struct Story {
    pub steps: Vec<Value>,
    pub pages: Vec<String>,
}

impl Story {
    /// Runs a program of `tests/clients/` to its end, with a person who allows everything.
    pub async fn of(sandbox: &Sandbox, script: &[&str], resource: &str, password: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        for name in ["client.mjs", "client.py", "flow.mjs", "sdk.mjs"] {
            std::fs::copy(folder.join(name), sandbox.file(name)).expect("a program");
        }
        let plain = interpreter(sandbox, script[0]);
        let mut command = sandbox.program("timeout");
        command
            .arg("150")
            .arg(plain.get_program())
            .args(plain.get_args())
            .args(&script[1..]);
        command.env("MCP_SERVER", resource);
        let (printed, pages) = Self::run(sandbox, command, password).await;
        let steps = printed.iter().map(|line| serde_json::from_str(line).expect("a step")).collect();
        Self { steps, pages }
    }

    /// Runs a program to its end, and opens in a browser what it says; its other lines, and the pages.
    pub async fn run(sandbox: &Sandbox, mut command: Command, password: &str) -> (Vec<String>, Vec<String>) {
        let complaints = sandbox.file("complaints");
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(File::create(&complaints).expect("a file"));
        let mut child = command.spawn().expect("the program starts");
        let (mut printed, mut pages, browser) = (Vec::new(), Vec::new(), Browser::new());
        for line in BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok) {
            let link = line.strip_prefix("OPEN ").unwrap_or(&line);
            if link.starts_with(&sandbox.issuer()) {
                let (location, page) = allow(&browser, link, password).await;
                pages.push(page);
                browser.get(&location).await;
            } else {
                printed.push(line);
            }
        }
        let status = child.wait().expect("it ends");
        let complaints = std::fs::read_to_string(complaints).expect("text");
        assert!(status.success(), "{status}: {printed:#?}\n{complaints}");
        (printed, pages)
    }

    /// The steps of a name.
    pub fn all(&self, name: &str) -> Vec<&Value> {
        self.steps.iter().filter(|step| step["step"] == name).collect()
    }

    /// The only step of a name.
    pub fn one(&self, name: &str) -> &Value {
        let found = self.all(name);
        assert_eq!(found.len(), 1, "{name}: {:#?}", self.steps);
        found[0]
    }
}

/// Signs alice in where that is asked for, and allows; where the browser is sent, and what it was asked for.
pub async fn allow(browser: &Browser, url: &str, password: &str) -> (String, String) {
    let mut page = browser.visit(url).await;
    if page.body.contains("name=\"password\"") {
        page = browser.sign_in(&page, "alice", password).await;
    }
    let asked = page.body.clone();
    let page = browser.decide(&page, "allow").await;
    (page.location().expect("an answer for the client"), asked)
}

/// Writes the programs of a page into a sandbox: the blocks whose first line names their file.
fn unpack(sandbox: &Sandbox, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/protect-an-api").join(page);
    let text = std::fs::read_to_string(path).expect("the page is there");
    for block in text.split("\n```").skip(1).step_by(2) {
        let (_, code) = block.split_once('\n').expect("a block");
        let first = code.lines().next().unwrap_or_default();
        if let Some((name, _)) = first.trim_start_matches(['#', '/', ' ']).split_once(": ") {
            sandbox.write(name, &format!("{code}\n"));
        }
    }
    // TypeScript without a build; each file is a module.
    sandbox.write("package.json", &json!({ "private": true, "type": "module" }).to_string());
}

/// What runs a program that lies in a sandbox: Node or Python, with their packages.
fn interpreter(sandbox: &Sandbox, file: &str) -> Command {
    let packages = sandbox.file("node_modules");
    if !packages.exists() {
        symlink(tools::clients().join("node_modules"), &packages).expect("a link");
    }
    let is_python = Path::new(file).extension().is_some_and(|ending| ending == "py");
    let program = if is_python {
        tools::clients().join("python/bin/python")
    } else {
        node()
    };
    let mut command = sandbox.program(&program.display().to_string());
    command.env("PYTHONUNBUFFERED", "1").env("NODE_NO_WARNINGS", "1").arg(file);
    command
}

/// The Node of npm: the conformance suite needs a newer one than distributions have.
fn node() -> PathBuf {
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    tools::clients().join(format!("node_modules/node-linux-{machine}/bin/node"))
}

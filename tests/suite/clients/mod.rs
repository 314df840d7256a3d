//! Programs that others wrote, beside a real `gatehouse`: MCP clients with the official libraries, the conformance
//! suite of the protocol, and the resource servers of `docs/protect-an-api/`.
//!
//! They need libraries for Node and Python, which `tests/tools` puts into `target/tools/clients`. Where those cannot be
//! had, `tests/run` leaves these tests out and counts them as skipped.

mod agentcore;
mod conformance;
mod five_minutes;
mod flows;
mod programs;
mod versions;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::cli::person::{Application, CALLBACK, Person, authorization_url, parameter};
use crate::examples::binary;
use crate::support::Browser;
use crate::support::process::{Sandbox, Server, free_port};
use crate::support::tools;

/// A resource server.
#[derive(Clone, Copy)]
pub enum Program {
    /// One of a page
    Page(Page),
    /// The MCP server of `examples/`
    Example,
}

/// A program of a page in `docs/protect-an-api/`.
#[derive(Clone, Copy)]
pub struct Page {
    /// The name of the page
    name: &'static str,
    file: &'static str,
    /// The path of its identifier
    path: &'static str,
    /// What is changed in it: a text, and what stands there instead
    change: Option<(&'static str, &'static str)>,
}

pub const PYTHON_API: Program = Program::page("python.md", "api.py", "");
pub const PYTHON_SERVER: Program = Program::page("python.md", "server.py", "/mcp");
pub const TYPESCRIPT_API: Program = Program::page("typescript.md", "api.ts", "");
pub const TYPESCRIPT_SERVER: Program = Program::page("typescript.md", "server.ts", "/mcp");

impl Program {
    const fn page(name: &'static str, file: &'static str, path: &'static str) -> Self {
        Self::Page(Page {
            name,
            file,
            path,
            change: None,
        })
    }

    /// The same, with another text at one place.
    pub fn with(self, text: &'static str, other: &'static str) -> Self {
        let Self::Page(page) = self else { panic!("no page") };
        Self::Page(Page {
            change: Some((text, other)),
            ..page
        })
    }

    /// What is read there, after somebody wrote "hello".
    pub fn data(self) -> &'static str {
        match self {
            Self::Page(_) => "one, two, three",
            Self::Example => "hello",
        }
    }

    /// Its identifier, at a port.
    pub fn resource(self, port: u16) -> String {
        match self {
            Self::Page(page) => format!("http://127.0.0.1:{port}{}", page.path),
            Self::Example => format!("http://localhost:{port}/mcp"),
        }
    }

    /// Starts it at a port, with the issuer of a sandbox and the client by which it introspects.
    pub fn serve(self, sandbox: &Sandbox, port: u16, (id, secret): (&str, &str)) -> Server {
        let command = match self {
            Self::Page(page) => {
                page.unpack(sandbox);
                let mut command = interpreter(sandbox, page.file);
                command.envs([("ISSUER", sandbox.issuer()), ("RESOURCE", self.resource(port))]);
                command
                    .env("PORT", port.to_string())
                    .env("CLIENT_ID", id)
                    .env("CLIENT_SECRET", secret);
                command
            }
            Self::Example => {
                let mut command = sandbox.program(&binary("mcp_server").display().to_string());
                command.args(["--issuer", &sandbox.issuer(), "--listen", &format!("localhost:{port}")]);
                command.env("MCP_SERVER_ID", id).env("MCP_SERVER_SECRET", secret);
                command
            }
        };
        let server = Server::start(command, SocketAddr::from(([127, 0, 0, 1], port)));
        server.await_connection();
        server
    }
}

impl Page {
    /// Writes the programs of its page into a sandbox: the blocks whose first line names their file.
    fn unpack(self, sandbox: &Sandbox) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/protect-an-api").join(self.name);
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
        if let Some((text, other)) = self.change {
            let program = std::fs::read_to_string(sandbox.file(self.file)).expect("the program");
            assert!(program.contains(text), "{program}");
            sandbox.write(self.file, &program.replace(text, other));
        }
    }
}

/// An installation with people and scopes, and a server that it protects.
pub struct Stage {
    pub sandbox: Sandbox,
    pub resource: String,
    /// What is read there in the end
    pub data: &'static str,
    /// Who may introspect
    api: Application,
    gatehouse: Option<Server>,
    _server: Server,
}

impl Stage {
    /// Starts both; `lifetime` is that of access tokens, in seconds.
    pub fn new(sandbox: Sandbox, program: Program, lifetime: &str) -> Self {
        let gatehouse = Some(sandbox.serve());
        sandbox.run(&["seed"]).done();
        for (scope, text) in [("read", "Read the data"), ("write", "Change the data")] {
            sandbox.run(&["scope", "add", scope, "--description", text]).done();
        }
        let service = sandbox
            .run(&["client", "add", "API", "--kind", "service", "--id", "api", "--json"])
            .json();
        let secret = service["client_secret"].as_str().expect("a secret");
        let port = free_port();
        let resource = program.resource(port);
        let settings = ["--name", "Data", "--scope", "read write", "--token-lifetime", lifetime];
        sandbox.run(&[&["resource", "add", &resource], &settings[..]].concat()).done();
        let server = program.serve(&sandbox, port, ("api", secret));
        Self {
            resource,
            data: program.data(),
            api: Application::confidential(&sandbox.issuer(), "api", secret),
            sandbox,
            gatehouse,
            _server: server,
        }
    }

    /// What introspection says of a token.
    pub async fn introspect(&self, token: &str) -> Value {
        let answer = self.api.post("/introspect", &[("token", token)]).await;
        answer.expect("an answer").1
    }

    /// Gatehouse is gone, until it is started.
    pub fn stop_gatehouse(&mut self) {
        self.gatehouse = None;
    }

    pub fn start_gatehouse(&mut self) {
        self.gatehouse = Some(self.sandbox.serve());
    }

    /// Events of a kind, as the audit log has them.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let said = self.sandbox.run(&["audit", "list", "--kind", kind, "--json"]).done();
        said.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
    }

    /// Tokens that alice lets a client of this test have.
    pub async fn tokens(&self, scope: &str, resource: &str) -> Value {
        let issuer = self.sandbox.issuer();
        let id = format!("tester-{}", free_port());
        let add = ["client", "add", "Tester", "--kind", "native", "--redirect-uri", CALLBACK];
        let rest = ["--id", &id, "--scope", "openid profile offline_access read write"];
        self.sandbox.run(&[&add[..], &rest[..]].concat()).done();
        let mut url = url::Url::parse(&authorization_url(&issuer, &id, scope)).expect("a URL");
        url.query_pairs_mut().append_pair("resource", resource);
        let person = Person::new(&issuer, "alice", "alice");
        let callback = person.follow(url.as_str()).await.expect("an answer");
        let code = parameter(&callback, "code").expect("a code");
        let answer = Application::public(&issuer, &id).redeem(&code).await;
        answer.expect("tokens").1
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

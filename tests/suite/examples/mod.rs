//! The programs in `examples/`, each as a process that people sign in to, beside a real `gatehouse`.
//!
//! `cargo test` and `cargo nextest run` build the examples, unless they are told to build one target only
//! (`--test suite`): then `cargo build --examples` does.

mod camera;
mod camera_api;
mod mcp_client;
mod mcp_client_strangers;
mod mcp_server;
pub mod people;
mod protected_api;
mod sessions;
mod todo;
mod verifier;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::cli::person::{CALLBACK, PASSWORD};
use crate::support::process::{BINARY, Sandbox, Server, free_port};
use crate::support::{Browser, Page};

/// Secrets of the camera's clients, and the password of its people.
pub const CAMERA_SECRETS: [(&str, &str); 3] = [
    ("CAMERA_WEB_SECRET", "the-secret-of-the-web-page-of-the-camera"),
    ("CAMERA_API_SECRET", "the-secret-of-the-api-of-the-camera-ours"),
    ("CAMERA_PASSWORD", "look-but-knock-first"),
];

/// The secret with which the MCP server introspects.
const MCP_SECRET: &str = "the-secret-of-the-mcp-server-of-the-tests";

/// An installation with a server, and an example beside it.
pub struct Stage {
    pub sandbox: Sandbox,
    pub server: Server,
    pub example: Server,
    /// Where browsers find the example
    pub base: String,
}

impl Stage {
    /// The to-do list, with the demo users and the demo client.
    pub fn todo(sandbox: Sandbox) -> Self {
        sandbox.run(&["seed"]).done();
        Self::of(sandbox, "todo")
    }

    /// The camera, with what its declaration makes.
    pub fn camera(sandbox: Sandbox) -> Self {
        let sandbox = with_secrets(sandbox);
        apply_camera(&sandbox);
        Self::of(sandbox, "camera")
    }

    /// The MCP server, with its declaration and the people who may do this and that.
    pub fn mcp_server(sandbox: Sandbox, flags: &[&str]) -> Self {
        let port = free_port();
        Self::mcp_server_at(sandbox, port, &format!("http://localhost:{port}/mcp"), flags)
    }

    /// The same, with a port and a resource that were chosen already.
    pub fn mcp_server_at(sandbox: Sandbox, port: u16, resource: &str, flags: &[&str]) -> Self {
        let sandbox = sandbox.with("MCP_SERVER_SECRET", MCP_SECRET);
        let declaration = std::fs::read_to_string(example("mcp_server/gatehouse.yaml")).expect("a declaration");
        let declaration = declaration.replace("http://localhost:3000/mcp", resource);
        sandbox.write("mcp_server.yaml", &declaration);
        let path = sandbox.file("mcp_server.yaml").display().to_string();
        sandbox.run(&["apply", "-f", &path]).done();
        sandbox.run(&["seed", "--profile", "mcp"]).done();
        let server = sandbox.serve();
        Self::beside(sandbox, server, |sandbox| start_at(sandbox, "mcp_server", port, flags))
    }

    fn of(sandbox: Sandbox, name: &str) -> Self {
        let server = sandbox.serve();
        Self::beside(sandbox, server, |sandbox| start(sandbox, name))
    }

    fn beside(sandbox: Sandbox, server: Server, start: impl FnOnce(&Sandbox) -> (Server, String)) -> Self {
        let (example, base) = start(&sandbox);
        example.await_connection();
        Self {
            sandbox,
            server,
            example,
            base,
        }
    }

    /// An address of the example.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Signs somebody in, who allows what they are asked for; the page of the example that they see then.
    pub async fn sign_in(&self, browser: &Browser, username: &str, password: &str) -> Page {
        let page = browser.visit(&self.url("/login")).await;
        let page = leave(browser, &page).await;
        let page = browser.sign_in(&page, username, password).await;
        let page = if page.body.contains("name=\"decision\"") {
            browser.decide(&page, "allow").await
        } else {
            page
        };
        leave(browser, &page).await
    }

    /// How often something is in the audit log.
    pub fn events(&self, kind: &str) -> usize {
        self.sandbox
            .run(&["audit", "list", "--kind", kind, "--json"])
            .done()
            .lines()
            .count()
    }
}

/// Goes where a page of one server sends the browser, on another server.
pub async fn leave(browser: &Browser, page: &Page) -> Page {
    let location = page
        .location()
        .unwrap_or_else(|| panic!("{} leads nowhere: {}", page.url, page.body));
    browser.visit(&location).await
}

/// The environment with the camera's secrets.
fn with_secrets(sandbox: Sandbox) -> Sandbox {
    CAMERA_SECRETS
        .iter()
        .fold(sandbox, |sandbox, (name, value)| sandbox.with(name, value))
}

/// Applies the camera's declaration.
fn apply_camera(sandbox: &Sandbox) {
    let declaration = example("camera/gatehouse.yaml");
    sandbox.run(&["apply", "-f", &declaration.display().to_string()]).done();
}

/// eve, who may do everything, and the client `agent` that she uses.
fn agent_of_eve(sandbox: &Sandbox, scope: &str) {
    let add = ["client", "add", "Agent", "--id", "agent", "--kind", "native"];
    let rest = ["--redirect-uri", CALLBACK, "--scope", scope];
    sandbox.run(&[&add[..], &rest[..]].concat()).done();
    sandbox.run_with_input(&["user", "add", "eve", "--password-stdin"], PASSWORD).done();
}

/// A file of the examples.
fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(path)
}

/// Starts an example on a free port, with the issuer of a sandbox; it, and where browsers find it.
fn start(sandbox: &Sandbox, name: &str) -> (Server, String) {
    start_at(sandbox, name, free_port(), &[])
}

/// The same on a port that was chosen already, with further flags.
fn start_at(sandbox: &Sandbox, name: &str, port: u16, flags: &[&str]) -> (Server, String) {
    let listen = format!("localhost:{port}");
    let mut command = sandbox.program(&binary(name).display().to_string());
    command.args(["--issuer", &sandbox.issuer(), "--listen", &listen]).args(flags);
    let example = Server::start(command, SocketAddr::from(([127, 0, 0, 1], port)));
    (example, format!("http://{listen}"))
}

/// Where cargo puts an example: beside the binary.
pub fn binary(name: &str) -> PathBuf {
    let folder = Path::new(BINARY).parent().expect("a folder").join("examples");
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is missing: cargo build --examples", path.display());
    path
}

/// What a program that cannot start says.
fn complaint(mut example: Server) -> String {
    let status = example.await_exit();
    assert_eq!(status.code(), Some(1), "{}", example.output());
    example.output()
}

/// Sends a form of the example, with the token of the page.
async fn send(browser: &Browser, stage: &Stage, page: &Page, path: &str, fields: &[(&str, &str)]) -> Page {
    let csrf = page.field("csrf");
    let fields = [&[("csrf", csrf.as_str())], fields].concat();
    let answer = browser.post(&stage.url(path), &fields).await;
    browser.follow(answer).await
}

//! The real binary as an operator meets it: a process in a folder of its own, with an environment
//! that holds nothing but what the test put there.

mod captured;
mod run;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::app::roomy;
use captured::Captured;
pub use run::Run;

/// The program under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_gatehouse");
/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// Time between two looks at what a test waits for.
const PAUSE: Duration = Duration::from_millis(20);
/// A secret as operators choose it.
pub const APP_SECRET: &str = "an-application-secret-of-more-than-32-characters";

/// A folder, a port and an environment.
pub struct Sandbox {
    folder: Arc<TempDir>,
    port: u16,
    environment: BTreeMap<String, String>,
}

impl Sandbox {
    /// Nothing is configured: only `PATH` and `HOME` are there.
    pub fn bare() -> Self {
        Self {
            folder: Arc::new(tempfile::tempdir().expect("a temporary folder")),
            port: free_port(),
            environment: BTreeMap::new(),
        }
    }

    /// Its own port and issuer, cheap password hashes, a known `APP_SECRET`, and limits that are not reached by accident.
    pub fn new() -> Self {
        let sandbox = Self::bare();
        let (address, issuer) = (sandbox.address().to_string(), sandbox.issuer());
        let sandbox = roomy().fold(sandbox, |sandbox, (key, value)| {
            sandbox.with(&format!("GATEHOUSE_{}", key.to_uppercase()), &value)
        });
        sandbox
            .with("GATEHOUSE_LISTEN", &address)
            .with("GATEHOUSE_ISSUER", &issuer)
            .with("GATEHOUSE_PASSWORD_MEMORY", "64")
            .with("GATEHOUSE_PASSWORD_PASSES", "1")
            .with("APP_SECRET", APP_SECRET)
    }

    /// Another node of the same installation: its own port, everything else the same.
    pub fn node(&self) -> Self {
        let node = Self {
            folder: Arc::clone(&self.folder),
            port: free_port(),
            environment: self.environment.clone(),
        };
        let address = node.address().to_string();
        node.with("GATEHOUSE_LISTEN", &address)
    }

    /// Sets an environment variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Removes an environment variable.
    pub fn without(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    /// The working directory.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in the working directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the working directory.
    pub fn write(&self, name: &str, content: &str) {
        std::fs::write(self.file(name), content).expect("a file is written");
    }

    /// Where its server listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The issuer that goes with the port.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A program in this environment.
    #[allow(
        clippy::disallowed_methods,
        reason = "what the operating system needs to start a program is passed on"
    )]
    pub fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder()).env_clear().envs(&self.environment);
        for name in ["PATH", "HOME"] {
            if let (Some(value), false) = (std::env::var_os(name), self.environment.contains_key(name)) {
                command.env(name, value);
            }
        }
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with_input(arguments, "")
    }

    /// Runs a command to its end, with something on its standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Run {
        let mut command = self.program(BINARY);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("standard input is piped");
        // A command that reads nothing may be gone already.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("the binary ends");
        Run::of(&arguments.join(" "), output)
    }

    /// Makes an installation, by the first command that comes to mind.
    pub fn begin(&self) {
        self.run(&["scope", "add", "first", "--description", "What comes first"]).done();
    }

    /// Adds a client of this id that gets tokens for itself, of this scope; its secret.
    pub fn service_client(&self, id: &str, scope: &str, more: &[&str]) -> String {
        let add = ["client", "add", id, "--kind", "service", "--id", id, "--scope", scope, "--json"];
        let added = self.run(&[&add[..], more].concat()).json();
        added["client_secret"].as_str().expect("a secret").to_owned()
    }

    /// Starts the server and waits until it takes connections.
    pub fn serve(&self) -> Server {
        self.serve_with(&[])
    }

    /// Starts the server with arguments and waits until it takes connections.
    pub fn serve_with(&self, arguments: &[&str]) -> Server {
        let server = self.launch(arguments);
        server.await_connection();
        server
    }

    /// Starts the server and waits for nothing.
    pub fn launch(&self, arguments: &[&str]) -> Server {
        let mut command = self.program(BINARY);
        command.args(arguments);
        Server::start(command, self.address())
    }
}

/// A running server; killed when it is dropped.
pub struct Server {
    child: Child,
    stdout: Arc<Captured>,
    stderr: Arc<Captured>,
    address: SocketAddr,
}

impl Server {
    /// Starts a program that will listen at an address, and waits for nothing.
    pub fn start(mut command: Command, address: SocketAddr) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        Self {
            stdout: Captured::of(child.stdout.take().expect("standard output is piped")),
            stderr: Captured::of(child.stderr.take().expect("standard error is piped")),
            child,
            address,
        }
    }

    /// Waits until it takes connections.
    pub fn await_connection(&self) {
        let said = || format!("the server does not come up: {}", self.output());
        await_that(said, || {
            let is_up = TcpStream::connect_timeout(&self.address, PATIENCE).is_ok();
            assert!(is_up || !self.stdout.await_end(PAUSE), "the server ended: {}", self.output());
            is_up
        });
    }

    /// Waits for a line on standard output that contains `text`, and returns it.
    pub fn await_line(&self, text: &str) -> String {
        self.stdout
            .await_line(text)
            .unwrap_or_else(|| panic!("no line with {text:?}: {}", self.output()))
    }

    /// As [`Self::await_line`], on standard error.
    pub fn await_notice(&self, text: &str) -> String {
        self.stderr
            .await_line(text)
            .unwrap_or_else(|| panic!("no notice with {text:?}: {}", self.output()))
    }

    /// Everything that it printed so far.
    pub fn output(&self) -> String {
        format!("{}{}", self.stdout.text(), self.stderr.text())
    }

    /// What the kernel says of it under a name.
    fn kernel_says(&self, name: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()).expect(name).to_owned()
    }

    /// The most memory that it has held at once, in KiB.
    pub fn peak_kib(&self) -> u64 {
        self.kernel_says("VmHWM").parse().expect("a number")
    }

    /// Whether it does something by itself at SIGTERM: until then that would end it at once.
    pub fn catches_termination(&self) -> bool {
        const SIGTERM: u32 = 15;
        let caught = u64::from_str_radix(&self.kernel_says("SigCgt"), 16).expect("a mask");
        (caught >> (SIGTERM - 1)) & 1 == 1
    }

    /// Asks it to stop (SIGTERM).
    pub fn terminate(&self) {
        self.tell("TERM");
    }

    /// Sends it a signal of this name.
    pub fn tell(&self, signal: &str) {
        let status = Command::new("kill")
            .args([&format!("-{signal}"), &self.child.id().to_string()])
            .status();
        assert!(status.expect("kill is there").success());
    }

    /// Waits until it has ended by itself.
    pub fn await_exit(&mut self) -> ExitStatus {
        assert!(self.stdout.await_end(PATIENCE), "the server does not stop: {}", self.output());
        self.stderr.await_end(PATIENCE);
        self.child.wait().expect("the exit status")
    }

    /// Kills it (SIGKILL), as a crash or the kernel would.
    pub fn kill(&mut self) {
        self.child.kill().expect("the server is killed");
        self.child.wait().expect("the exit status");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so; `said` is what a test shows that waits in vain.
pub fn await_that(said: impl Fn() -> String, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{}", said());
        std::thread::sleep(PAUSE);
    }
}

/// As [`await_that`], for what has to be asked for.
pub async fn wait_for(what: &str, is_so: impl AsyncFn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !is_so().await {
            tokio::time::sleep(PAUSE).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}: not in time");
}

/// A port that nobody uses. It lies below the ports that outgoing connections are given, so that
/// none of them takes it before the server does.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 200).expect("a small number") * 100;
    loop {
        let port = 10_240 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

//! The real binary as an operator runs it: processes over one database, and the programs that use their relay.

use std::fs::File;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::machine::Memory;
use super::{Outcome, environment, say};

/// What is not limited while it is measured: one address asks for everything, as often as it can.
const UNLIMITED: [&str; 9] = [
    "TOKEN",
    "INTROSPECT",
    "USERINFO",
    "AUTHORIZE",
    "SIGN_IN",
    "METADATA",
    "PAGE",
    "RELAY",
    "VAULT",
];

/// How long a server may take to start, and to stop.
const PATIENCE: Duration = Duration::from_mins(1);
/// What every server of a benchmark says it is.
pub const ISSUER: &str = "http://127.0.0.1:8000";
/// The secret of every server of a benchmark.
pub const APP_SECRET: &str = "the secret of a benchmark, of more than 32 characters";
/// The binary that was built with the benchmark.
const OWN: &str = env!("CARGO_BIN_EXE_gatehouse");
/// What a server says unasked and without being wrong is not repeated beyond so many lines.
const COMPLAINTS: usize = 5;

/// An installation: a database, and a folder in which its processes run.
pub struct Installation {
    url: String,
    folder: PathBuf,
    log: PathBuf,
}

impl Installation {
    /// The folder for its processes is made, and removed with this.
    pub fn new(url: String, folder: &Path) -> Outcome<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self {
            url,
            folder: folder.to_owned(),
            log: folder.join("log"),
        })
    }

    /// The server with an environment that holds nothing but this.
    fn command(&self, arguments: &[&str]) -> Command {
        let binary = environment("BENCH_SERVER").unwrap_or_else(|| OWN.to_owned());
        self.command_of(&binary, arguments)
    }

    fn command_of(&self, binary: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("DATABASE_URL", &self.url)
            .env("GATEHOUSE_ISSUER", ISSUER)
            .env("APP_SECRET", APP_SECRET)
            .stdin(Stdio::null());
        for pair in environment("BENCH_SETTINGS").iter().flat_map(|all| all.split(';')) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            command.env(name, value);
        }
        command
    }

    /// Runs a command to its end; what it printed.
    pub fn run(&self, arguments: &[&str], input: &str) -> Outcome<String> {
        completed(self.command(arguments), arguments, input)
    }

    /// As [`Self::run`], with the binary that was built with the benchmark, whatever is measured; or that of `BENCH_SEEDER`.
    pub fn run_own(&self, arguments: &[&str], input: &str) -> Outcome<String> {
        let binary = environment("BENCH_SEEDER").unwrap_or_else(|| OWN.to_owned());
        completed(self.command_of(&binary, arguments), arguments, input)
    }

    /// Registers a client; the first command makes the schema, too.
    pub fn add_client(&self, name: &str, options: &[&str]) -> Outcome<Program> {
        let arguments = [&["client", "add", name, "--json"], options].concat();
        let client: Value = serde_json::from_str(&self.run(&arguments, "")?)?;
        let field = |name: &str| client[name].as_str().map(str::to_owned).ok_or("client add prints no client");
        let (id, secret) = (field("client_id")?, field("client_secret")?);
        Ok(Program {
            authorization: format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))),
            id,
        })
    }

    /// Registers a program that may use the relay.
    pub fn register(&self, name: &str) -> Outcome<Program> {
        self.add_client(name, &["--kind", "service", "--scope", "relay"])
    }

    /// Starts a server on a free port of the loopback and waits until it takes connections.
    pub async fn start(&self) -> Outcome<Node> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = self.command(&["serve", "--listen", &address.to_string()]);
        for class in UNLIMITED {
            command.env(format!("GATEHOUSE_LIMIT_{class}"), "off");
        }
        command.env("GATEHOUSE_CONNECTIONS_PER_ADDRESS", "16384");
        let child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut node = Node {
            child,
            address,
            log: self.log.clone(),
        };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            let has_ended = node.child.try_wait()?.is_some();
            if has_ended || Instant::now() > deadline {
                return Err(format!("the server does not start: {}", std::fs::read_to_string(&self.log)?).into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(node)
    }
}

fn completed(mut command: Command, arguments: &[&str], input: &str) -> Outcome<String> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn()?;
    // What is dropped here is closed, so the command sees the end of its input.
    child.stdin.take().ok_or("a command without input")?.write_all(input.as_bytes())?;
    let done = child.wait_with_output()?;
    if done.status.success() {
        return Ok(String::from_utf8(done.stdout)?);
    }
    Err(format!("{}: {}", arguments.join(" "), String::from_utf8_lossy(&done.stderr)).into())
}

impl Drop for Installation {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A client and what it authenticates with.
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub id: String,
    /// The value of its header
    pub authorization: String,
}

/// A running server; killed when it is dropped.
pub struct Node {
    child: Child,
    pub address: SocketAddr,
    log: PathBuf,
}

impl Node {
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    pub fn memory(&self) -> Outcome<Memory> {
        Memory::of(self.process())
    }

    /// Lets it end by itself, and repeats what it complained of.
    pub async fn stop(mut self) -> Outcome<()> {
        Command::new("kill").args(["-TERM", &self.process().to_string()]).status()?;
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err("the server does not stop".into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let log = std::fs::read_to_string(&self.log)?;
        let complaints = log.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR "));
        complaints
            .take(COMPLAINTS)
            .for_each(|line| say(&format!("the server says: {line}")));
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

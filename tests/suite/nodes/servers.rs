//! Private database servers that a test may kill and start again, or that speak TLS only: in a temporary folder, at a port of
//! their own.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;

use crate::support::database::execute;
use crate::support::process::{PATIENCE, await_that, free_port};
use crate::support::tools::variable;

/// A server that runs; gone when it is dropped. What it says was written survives that it is killed, but not that the
/// machine loses power: nothing here waits for a disk.
pub struct DatabaseServer {
    kind: Kind,
    folder: TempDir,
    port: u16,
    child: Child,
}

/// The files with which a server speaks TLS, in its folder; without them it does not.
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "certificate.key";
/// Who PostgreSQL lets in, and how, when it has those files.
const ENTRY: &str = "entry.conf";

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    MariaDb,
}

impl DatabaseServer {
    /// Makes a server and starts it.
    pub fn start(kind: Kind) -> Self {
        Self::make(kind, None)
    }

    /// The same of one that lets nobody in without TLS, with this certificate and its key, both in PEM.
    pub fn start_with_tls(kind: Kind, certificate: &Path, key: &Path) -> Self {
        Self::make(kind, Some([certificate, key]))
    }

    fn make(kind: Kind, tls: Option<[&Path; 2]>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inside = folder.path().join("server");
        std::fs::create_dir(&inside).expect("a folder");
        give(folder.path(), kind);
        give(&inside, kind);
        let data = inside.join("data");
        let mut make = match kind {
            Kind::Postgres => {
                let mut make = as_owner(kind, &postgres("initdb"));
                make.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"]);
                make.arg(&data);
                make
            }
            Kind::MariaDb => {
                let mut make = as_owner(kind, Path::new("mariadb-install-db"));
                make.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
                make.arg(format!("--datadir={}", data.display()));
                make
            }
        };
        let made = make.current_dir(&inside).output().expect("the tools of the server; run tests/run");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        if let Some([certificate, key]) = tls {
            let keep = |name: &str, content: &[u8]| {
                let file = inside.join(name);
                std::fs::write(&file, content).expect("a file is written");
                // PostgreSQL takes no key that others may read.
                std::fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("it is ours");
                give(&file, kind);
            };
            keep(CERTIFICATE, &std::fs::read(certificate).expect("a certificate"));
            keep(KEY, &std::fs::read(key).expect("a key"));
            keep(ENTRY, b"hostssl all all all trust\n");
        }
        let port = free_port();
        let child = launch(kind, &inside, port);
        let server = Self { kind, folder, port, child };
        server.await_connection();
        server
    }

    /// A fresh database on it; its URL.
    pub async fn database(&self) -> String {
        let (url, maintenance) = match self.kind {
            Kind::Postgres => (format!("postgres://postgres@127.0.0.1:{}", self.port), "postgres"),
            Kind::MariaDb => (format!("mysql://root@127.0.0.1:{}", self.port), "mysql"),
        };
        let maintenance = format!("{url}/{maintenance}");
        // It takes connections before it lets anybody in.
        sqlx::any::install_default_drivers();
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = AnyConnection::connect(&maintenance).await {
            assert!(Instant::now() < deadline, "the database server does not come up: {error}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        execute(&maintenance, "CREATE DATABASE gatehouse".to_owned()).await;
        format!("{url}/gatehouse")
    }

    /// Kills it, as the kernel does when memory runs out.
    pub fn kill(&mut self) {
        if self.kind == Kind::Postgres {
            // Its children go when they notice; told to, the whole server is gone at once, and nothing is written first.
            tell(&self.child, "QUIT");
        } else {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }

    /// Stops it as an operator does: whoever is connected is thrown out.
    pub fn stop(&mut self) {
        tell(&self.child, if self.kind == Kind::Postgres { "INT" } else { "TERM" });
        let _ = self.child.wait();
    }

    /// Starts it again.
    pub fn restart(&mut self) {
        self.child = launch(self.kind, &self.folder.path().join("server"), self.port);
        self.await_connection();
    }

    fn await_connection(&self) {
        let said = || "the database server does not come up".to_owned();
        await_that(said, || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }
}

impl Drop for DatabaseServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn launch(kind: Kind, inside: &Path, port: u16) -> Child {
    let data = inside.join("data");
    let is_tls = inside.join(CERTIFICATE).exists();
    let file = |name: &str| inside.join(name).display().to_string();
    let mut serve = match kind {
        Kind::Postgres => {
            let mut serve = as_owner(kind, &postgres("postgres"));
            serve.arg("-D").arg(&data).args(["-p", &port.to_string()]);
            for setting in ["listen_addresses=127.0.0.1", "fsync=off", "max_connections=100"] {
                serve.args(["-c", setting]);
            }
            serve.arg("-c").arg(format!("unix_socket_directories={}", inside.display()));
            if is_tls {
                serve.args(["-c", "ssl=on", "-c", &format!("hba_file={}", file(ENTRY))]);
                serve.args(["-c", &format!("ssl_cert_file={}", file(CERTIFICATE))]);
                serve.args(["-c", &format!("ssl_key_file={}", file(KEY))]);
            }
            serve
        }
        Kind::MariaDb => {
            let mut serve = as_owner(kind, &mariadbd());
            serve.arg("--no-defaults").arg(format!("--datadir={}", data.display()));
            serve.arg(format!("--port={port}")).arg("--bind-address=127.0.0.1");
            serve.arg(format!("--socket={}", file("socket")));
            if is_tls {
                serve.arg("--require-secure-transport=ON");
                serve.args([format!("--ssl-cert={}", file(CERTIFICATE)), format!("--ssl-key={}", file(KEY))]);
            }
            // Written at each commit, so that it survives the server; not waited for, as it need not survive the machine.
            serve.args(["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=32M"]);
            serve
        }
    };
    serve
        .current_dir(inside)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    serve.spawn().expect("the server starts; run tests/run")
}

/// A program as the user to whom the server belongs: it refuses root.
fn as_owner(kind: Kind, program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    // `setpriv` becomes the program, so that signals reach it.
    let mut command = Command::new("setpriv");
    let owner = owner(kind);
    command.args([
        format!("--reuid={owner}"),
        format!("--regid={owner}"),
        "--init-groups".to_owned(),
        "--".to_owned(),
    ]);
    command.arg(program);
    command
}

fn owner(kind: Kind) -> &'static str {
    match kind {
        Kind::Postgres => "postgres",
        Kind::MariaDb => "mysql",
    }
}

fn give(folder: &Path, kind: Kind) {
    if is_root() {
        let given = Command::new("chown").arg(owner(kind)).arg(folder).status();
        assert!(given.expect("chown is there").success());
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn tell(child: &Child, signal: &str) {
    let told = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
    assert!(told.expect("kill is there").success());
}

/// The server of MariaDB, which is not in everybody's path.
fn mariadbd() -> PathBuf {
    let usual = PathBuf::from("/usr/sbin/mariadbd");
    if usual.exists() { usual } else { PathBuf::from("mariadbd") }
}

/// A program of PostgreSQL: Debian keeps them out of the path.
fn postgres(program: &str) -> PathBuf {
    if let Some(folder) = variable("TEST_POSTGRES_BIN") {
        return Path::new(&folder).join(program);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions
        .map(|version| version.path().join("bin").join(program))
        .filter(|file| file.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from(program))
}

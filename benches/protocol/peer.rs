//! Another server that does the same: npm's `oidc-provider`, which keeps everything in memory.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::nodes::{ISSUER, Program};
use crate::support::{Outcome, say};
use crate::target::{Application, Machine, Paths, Person, Target, Token};
use crate::workload::Task;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);
const REDIRECT_URI: &str = "https://app.example/callback";
const SECRET: &str = "the-secret-of-a-client-of-the-benchmark";
const PASSWORD: &str = "correct horse battery staple";
/// It does not introspect JWTs. And an access token of a person is opaque there, so what is signed is the ID token alone.
const LACKS: [Task; 4] = [
    Task::IntrospectOwn(Token::Rs256),
    Task::IntrospectPersons(Token::Rs256),
    Task::Refresh(Token::Rs256),
    Task::Code(Token::Rs256),
];
/// The two files of the peer.
const FILES: [(&str, &str); 2] = [
    ("server.mjs", include_str!("peer/server.mjs")),
    ("package.json", include_str!("peer/package.json")),
];

/// A running peer; killed when it is dropped.
pub struct Peer {
    child: Child,
    address: SocketAddr,
}

impl Peer {
    /// Starts it; `None`, and a line that says why, where it cannot be had.
    pub async fn start() -> Outcome<Option<Self>> {
        let Some(folder) = installed()? else { return Ok(None) };
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new("node");
        command
            .arg("server.mjs")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        let variables = [
            ("PORT", address.port().to_string()),
            ("ISSUER", ISSUER.to_owned()),
            ("REDIRECT_URI", REDIRECT_URI.to_owned()),
            ("SECRET", SECRET.to_owned()),
            ("PASSWORD", PASSWORD.to_owned()),
            ("NODE_ENV", "production".to_owned()),
        ];
        let mut peer = Self {
            child: command.envs(variables).stdout(Stdio::null()).spawn()?,
            address,
        };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if peer.child.try_wait()?.is_some() || Instant::now() > deadline {
                return Err("the peer does not start".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(Some(peer))
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Whoever asks it. Its access tokens of people are opaque, whatever their ID tokens are signed with.
    pub fn target(&self) -> Target {
        let basic = |id: &str| format!("Basic {}", STANDARD.encode(format!("{id}:{SECRET}")));
        let machine = |(token, resource): (Token, &str)| Machine {
            token,
            authorization: basic("machine"),
            parameters: format!("&scope=api&resource=urn:{resource}"),
        };
        let application = |(token, id): (Token, &str)| Application {
            token,
            program: Program {
                id: id.to_owned(),
                authorization: basic(id),
            },
            redirect_uri: REDIRECT_URI,
        };
        let machines = [
            (Token::Rs256, "RS256"),
            (Token::Es256, "ES256"),
            (Token::EdDsa, "EdDSA"),
            (Token::Opaque, "opaque"),
        ];
        let applications = [
            (Token::Rs256, "web-RS256"),
            (Token::Es256, "web-ES256"),
            (Token::Opaque, "web-RS256"),
        ];
        Target {
            address: self.address,
            paths: Paths {
                discovery: "/.well-known/openid-configuration",
                jwks: "/jwks",
                token: "/token",
                introspect: "/token/introspection",
                userinfo: "/me",
                authorize: "/auth",
            },
            machines: machines.map(machine).into(),
            applications: applications.map(application).into(),
            resource_server: basic("machine"),
            people: vec![Person {
                name: "alice".to_owned(),
                password: PASSWORD.to_owned(),
            }],
            lacks: &LACKS,
            grants: None,
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder it is installed in, once for all runs.
fn installed() -> Outcome<Option<PathBuf>> {
    let is_there = |program: &str| Command::new(program).arg("--version").stdout(Stdio::null()).status();
    if ["node", "npm"]
        .into_iter()
        .any(|program| !is_there(program).is_ok_and(|status| status.success()))
    {
        say("peer: NOT MEASURED, node or npm is missing");
        return Ok(None);
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("benchmark-peer");
    std::fs::create_dir_all(&folder)?;
    for (name, text) in FILES {
        std::fs::write(folder.join(name), text)?;
    }
    let log = folder.join("npm.log");
    let mut command = Command::new("npm");
    command
        .args(["install", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&folder);
    let done = command.stdout(Stdio::null()).stderr(std::fs::File::create(&log)?).status()?;
    if !done.success() {
        say(&format!("peer: NOT MEASURED, npm install failed; see {}", log.display()));
        return Ok(None);
    }
    Ok(Some(folder))
}

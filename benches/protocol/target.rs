//! A server under test: where it is, and who has an account or is registered there.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::base::digest::MacKeys;
use gatehouse::keys::secrets::Secrets;
use gatehouse::model::client::AccessTokenFormat;
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::protocol::tokens::RefreshToken;
use gatehouse::seed::large::{API_SCOPE, Kind, Large, REDIRECT_URI, Sizes};
use secrecy::SecretString;
use serde_json::Value;

use crate::support::Outcome;
use crate::support::nodes::{APP_SECRET, Installation, Program};
use crate::workload::Task;

/// How many people sign in, at most: of a large installation, some of every age.
const PEOPLE: u64 = 5000;
/// Grants that a worker has tokens of.
const POOL: usize = 8;
/// Steps from one grant to the next: a prime, so that every grant has its turn once.
const STRIDE: u64 = 7_368_787;

/// How an access token is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    Rs256,
    Es256,
    EdDsa,
    Opaque,
}

impl Token {
    fn of(kind: Kind) -> Self {
        match (kind.format, kind.algorithm) {
            (AccessTokenFormat::Opaque, _) => Self::Opaque,
            (AccessTokenFormat::Jwt, SigningAlgorithm::Rs256) => Self::Rs256,
            (AccessTokenFormat::Jwt, SigningAlgorithm::Es256) => Self::Es256,
            (AccessTokenFormat::Jwt, SigningAlgorithm::EdDsa) => Self::EdDsa,
        }
    }
}

/// Where a server answers what.
#[derive(Clone, Copy, Debug)]
pub struct Paths {
    pub discovery: &'static str,
    pub jwks: &'static str,
    pub token: &'static str,
    pub introspect: &'static str,
    pub userinfo: &'static str,
    pub authorize: &'static str,
}

const PATHS: Paths = Paths {
    discovery: "/.well-known/openid-configuration",
    jwks: "/jwks",
    token: "/token",
    introspect: "/introspect",
    userinfo: "/userinfo",
    authorize: "/authorize",
};

/// A client that acts for itself.
#[derive(Clone, Debug)]
pub struct Machine {
    pub token: Token,
    pub authorization: String,
    /// What it asks for besides the grant type
    pub parameters: String,
}

/// A client that acts for people.
#[derive(Clone, Debug)]
pub struct Application {
    pub token: Token,
    pub program: Program,
    pub redirect_uri: &'static str,
}

/// Somebody with a password.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    pub password: String,
}

/// A refresh token, and whose it is.
#[derive(Clone, Debug)]
pub struct Granted {
    pub refresh_token: String,
    pub application: Program,
}

/// A server and everybody who asks it.
pub struct Target {
    pub address: SocketAddr,
    pub paths: Paths,
    pub machines: Vec<Machine>,
    pub applications: Vec<Application>,
    /// The header of who introspects
    pub resource_server: String,
    pub people: Vec<Person>,
    /// What it cannot do
    pub lacks: &'static [Task],
    /// What was granted before; nothing where only the server itself can tell
    pub grants: Option<Grants>,
}

/// Grants that were made when the database was.
pub struct Grants {
    large: Large,
    next: AtomicU64,
    mac: MacKeys,
}

/// Everybody, while the server does not run yet.
pub struct Unstarted {
    large: Large,
    resource_server: String,
}

impl Unstarted {
    /// Fills an empty database with so much.
    pub fn seed(installation: &Installation, sizes: Sizes) -> Outcome<Self> {
        let [users, clients, grants] = [sizes.users, sizes.clients, sizes.grants].map(|size| size.to_string());
        let size = ["--users", &users, "--clients", &clients, "--grants", &grants];
        let seeded = installation.run_own(&[&["seed", "--profile", "large"][..], &size].concat(), "")?;
        let seeded: Value = serde_json::from_str(&seeded)?;
        let text = |name: &str| seeded[name].as_str().map(str::to_owned).ok_or("seed prints something else");
        let large = Large {
            sizes,
            seeded_at: seeded["seeded_at"].as_i64().ok_or("seed prints no time")?,
            password: text("password")?,
            client_secret: text("client_secret")?,
        };
        let resource_server = installation.add_client("Resource Server", &["--kind", "service"])?;
        Ok(Self {
            large,
            resource_server: resource_server.authorization,
        })
    }

    /// They ask the server at this address.
    pub fn at(&self, address: SocketAddr) -> Outcome<Target> {
        let large = &self.large;
        let (mut machines, mut applications) = (Vec::new(), Vec::new());
        for number in 0..large.sizes.clients {
            let (kind, program) = (Kind::of(number), program(large, number));
            if kind.is_application {
                applications.push(Application {
                    token: Token::of(kind),
                    program,
                    redirect_uri: REDIRECT_URI,
                });
            } else {
                machines.push(Machine {
                    token: Token::of(kind),
                    authorization: program.authorization,
                    parameters: format!("&scope={API_SCOPE}"),
                });
            }
        }
        let apart = (large.sizes.users / PEOPLE).max(1);
        let people = (0..large.sizes.users.min(PEOPLE)).map(|number| Person {
            name: Large::username(number * apart),
            password: large.password.clone(),
        });
        Ok(Target {
            address,
            paths: PATHS,
            machines,
            applications,
            resource_server: self.resource_server.clone(),
            people: people.collect(),
            lacks: &[],
            grants: Some(Grants {
                large: large.clone(),
                next: AtomicU64::new(0),
                mac: Secrets::derive(&SecretString::from(APP_SECRET))?.refresh_token,
            }),
        })
    }
}

fn program(large: &Large, number: u64) -> Program {
    let id = Large::client_id(number);
    Program {
        authorization: format!("Basic {}", STANDARD.encode(format!("{id}:{}", large.client_secret))),
        id,
    }
}

impl Target {
    /// Grants of applications with such tokens, which nobody else is given; `None` where nobody knows any.
    pub fn granted(&self, token: Token) -> Option<Vec<Granted>> {
        let grants = self.grants.as_ref()?;
        Some(std::iter::from_fn(|| grants.next(token)).take(POOL).collect())
    }
}

impl Grants {
    fn next(&self, token: Token) -> Option<Granted> {
        loop {
            let turn = self.next.fetch_add(1, Ordering::Relaxed);
            if turn >= self.large.sizes.grants {
                return None;
            }
            let number = turn * STRIDE % self.large.sizes.grants;
            let client = self.large.client_of_grant(number);
            if self.large.is_alive(number) && Token::of(Kind::of(client)) == token {
                let id = self.large.grant_id(number);
                let made = RefreshToken::new(&id, 1, |grant, generation| self.mac.mac(&[grant, &generation.to_be_bytes()]))?;
                return Some(Granted {
                    refresh_token: made.to_text(),
                    application: program(&self.large, client),
                });
            }
        }
    }
}

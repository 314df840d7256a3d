//! What moves an installation: a backup, another database, another secret.

mod backup;
mod damage;
mod raw;
mod rotation;
mod rotation_live;
mod transfer;
mod wire;

use std::collections::BTreeMap;

use gatehouse::app::App;
use gatehouse::base::clock::Clock;
use gatehouse::base::random::Random;
use gatehouse::config::sources::Sources;
use gatehouse::installation::{self, OpenError};

use crate::cli::person::{Application, text};
use crate::support::process::{Sandbox, Server};

/// The installation of a database, beside the servers that use it.
async fn open(url: &str, secret: &str) -> Result<App, OpenError> {
    let flags = [("database_url", url), ("app_secret", secret), ("password_memory", "64")];
    let sources = Sources {
        flags: flags
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        ..Sources::default()
    };
    let config = sources.load().expect("a configuration");
    installation::open(config, Clock::system(), Random::system()).await
}

/// A client whose tokens for itself are opaque.
fn opaque_client(sandbox: &Sandbox, issuer: &str) -> Application {
    let secret = sandbox.service_client("job", "openid", &["--access-token", "opaque"]);
    Application::confidential(issuer, "job", &secret)
}

/// A token that a client gets for itself.
async fn own_token(application: &Application) -> String {
    let (status, answer) = application.post("/token", &[("grant_type", "client_credentials")]).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    text(&answer, "access_token")
}

/// Whether the audit log is as it was written. A machine that is slow may say so on standard error.
fn is_log_intact(sandbox: &Sandbox) -> bool {
    let run = sandbox.run(&["audit", "verify", "--json"]);
    assert!(run.status.success(), "{}{}", run.stdout, run.stderr);
    let said: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    said["intact"] == true
}

/// Stops a server as a service manager does.
fn stop(mut server: Server) {
    server.terminate();
    assert!(server.await_exit().success(), "{}", server.output());
}

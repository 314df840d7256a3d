//! The interface that programs written for AWS Bedrock AgentCore Identity expect: signed requests, the errors and shapes of
//! the service, and nothing that the caller's client has no right to.

mod access_keys;
mod callers;
mod control;
mod data;
mod limits;
pub mod signer;
mod sigv4;

use gatehouse::federation::access_keys::{NewAccessKey, issue};
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::support::Database;
use crate::support::TestApp;
use crate::support::app::Options;
use crate::support::browser::http;
use crate::support::client::{Answer, TestClient, send};

use signer::{Bent, Signer};

/// Runs a test with the interface switched on, on SQLite, PostgreSQL and MariaDB.
macro_rules! on_every_database_with_agentcore {
    ($(async fn $name:ident($app:ident: TestApp) $body:block)+) => {
        $(mod $name {
            use super::*;

            async fn run($app: TestApp) {
                $body
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                run($crate::agentcore::started($crate::support::Database::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                run($crate::agentcore::started($crate::support::Database::Postgres).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn mysql() {
                run($crate::agentcore::started($crate::support::Database::MySql).await).await;
            }
        })+
    };
}
pub(crate) use on_every_database_with_agentcore;

/// A server with the interface switched on.
pub async fn started(kind: Database) -> TestApp {
    started_with(kind, "on").await
}

pub async fn started_with(kind: Database, agentcore: &str) -> TestApp {
    let options = Options {
        settings: vec![("agentcore", agentcore.to_owned())],
        ..Options::default()
    };
    TestApp::start_with(kind, options).await
}

/// A client that may use the vault.
pub async fn owner(app: &TestApp) -> TestClient {
    app.client(AuthMethod::ClientSecretBasic, |new| {
        new.scope = Scope::parse("openid read vault").unwrap();
        new.grant_types.push(GrantType::ClientCredentials);
    })
    .await
}

/// A program with an access key of a client.
pub struct Program {
    pub signer: Signer,
    base: String,
}

pub async fn program(app: &TestApp, client_id: &str, may_administer: bool) -> Program {
    let new = NewAccessKey {
        client_id: client_id.to_owned(),
        name: "a program".to_owned(),
        may_administer,
    };
    let (key, secret) = issue(&app.app, new).await.unwrap();
    Program {
        signer: Signer::new(&key.id, secret.expose_secret(), app.app.now()),
        base: app.base.clone(),
    }
}

impl Program {
    /// The same program at another time.
    pub fn at(&self, now: i64) -> Self {
        Self {
            signer: Signer {
                at: now,
                ..self.signer.clone()
            },
            base: self.base.clone(),
        }
    }

    /// Calls an operation.
    pub async fn call(&self, operation: &str, body: Value) -> Answer {
        self.call_bent(operation, body, &Bent::default()).await
    }

    /// The same with a request that is changed somewhere after it was signed, or signed wrongly.
    pub async fn call_bent(&self, operation: &str, body: Value, bent: &Bent) -> Answer {
        let request = self
            .signer
            .request(http(), &format!("{}/identities/{operation}", self.base), &body, bent);
        send(request).await
    }

    /// Calls an operation that must succeed with a status.
    pub async fn done(&self, status: u16, operation: &str, body: Value) -> Value {
        let answer = self.call(operation, body).await;
        assert_eq!(answer.status, status, "{operation}: {} {:?}", answer.body, answer.headers);
        assert!(!answer.header("x-amzn-requestid").is_empty(), "{operation}");
        answer.body
    }

    /// Calls an operation that must be refused with a status and a name.
    pub async fn refused(&self, expected: (u16, &str), operation: &str, body: Value) -> String {
        let answer = self.call(operation, body).await;
        is_refused(&answer, expected, operation)
    }
}

/// An answer as SDKs read the errors of the service; its message.
pub fn is_refused(answer: &Answer, (status, name): (u16, &str), what: &str) -> String {
    assert_eq!(
        (answer.status, answer.header("x-amzn-errortype")),
        (status, name),
        "{what}: {}",
        answer.body
    );
    assert!(answer.header("content-type").starts_with("application/json"), "{what}");
    assert!(!answer.header("x-amzn-requestid").is_empty(), "{what}");
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    if name == "ValidationException" {
        assert!(
            ["CannotParse", "FieldValidationFailed"].contains(&answer.text("reason")),
            "{what}: {}",
            answer.body
        );
    }
    answer.text("message").to_owned()
}

//! What was acknowledged survives a crash: SIGKILL under load, then a restart.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::StatusCode;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::database::{Database, Kind};
use super::person::{Application, CALLBACK, PASSWORD, Person, text};
use crate::support::process::Sandbox;

const WRITERS: usize = 6;

/// What the server acknowledged.
#[derive(Default)]
struct Ledger {
    /// Latest refresh token by the code that began its chain
    chains: Mutex<BTreeMap<String, String>>,
}

impl Ledger {
    fn note(&self, code: &str, refresh_token: String) {
        self.chains.lock().unwrap().insert(code.to_owned(), refresh_token);
    }
}

/// A sandbox with a user and an application that asks for no consent.
pub fn populate(sandbox: &Sandbox) {
    sandbox
        .run_with_input(&["user", "add", "alice", "--password-stdin"], PASSWORD)
        .done();
    let add = [
        "client",
        "add",
        "App",
        "--kind",
        "native",
        "--id",
        "app",
        "--consent",
        "skip",
        "--redirect-uri",
        CALLBACK,
    ];
    sandbox.run(&add).done();
}

/// Redeems codes and refreshes until the server is gone; a permit for each acknowledgement.
async fn load(person: Person, application: Application, ledger: Arc<Ledger>, acknowledged: Arc<Semaphore>) -> Result<(), reqwest::Error> {
    loop {
        let code = person.authorize("app", "openid offline_access").await?;
        let (status, answer) = application.redeem(&code).await?;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let mut token = text(&answer, "refresh_token");
        ledger.note(&code, token.clone());
        acknowledged.add_permits(1);
        for _ in 0..4 {
            let (status, answer) = application.refresh(&token).await?;
            assert_eq!(status, StatusCode::OK, "{answer}");
            token = text(&answer, "refresh_token");
            ledger.note(&code, token.clone());
            acknowledged.add_permits(1);
        }
    }
}

/// How many acknowledgements to wait for: another number each time, and known when a test fails.
#[allow(
    clippy::disallowed_methods,
    reason = "a test that kills at the same moment each time would see only that moment"
)]
fn moment() -> u32 {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    60 + clock.subsec_nanos() % 120
}

on_every_database!(nothing_acknowledged_is_lost_when_it_is_killed);

async fn nothing_acknowledged_is_lost_when_it_is_killed(kind: Kind) {
    let (_database, sandbox) = Database::sandbox(kind).await;
    // A refresh whose answer the crash swallowed is repeated after the restart, however long that takes.
    let sandbox = sandbox
        .with("GATEHOUSE_REFRESH_GRACE", "60s")
        .with("GATEHOUSE_CODE_LIFETIME", "60s");
    populate(&sandbox);
    let mut server = sandbox.serve();
    let application = Application::public(&sandbox.issuer(), "app");
    let (ledger, acknowledged) = (Arc::new(Ledger::default()), Arc::new(Semaphore::new(0)));
    let mut writers = JoinSet::new();
    let person = Person::new(&sandbox.issuer(), "alice", PASSWORD);
    person.authorize("app", "openid").await.expect("a sign-in");
    for _ in 0..WRITERS {
        writers.spawn(load(
            person.clone(),
            application.clone(),
            Arc::clone(&ledger),
            Arc::clone(&acknowledged),
        ));
    }
    let moment = moment();
    let killing = tokio::time::timeout(crate::support::process::PATIENCE, acknowledged.acquire_many(moment));
    killing.await.expect("the server keeps answering").unwrap().forget();
    server.kill();
    while let Some(writer) = writers.join_next().await {
        assert!(writer.expect("no writer was refused").is_err(), "a writer ends with its connection");
    }

    let server = sandbox.serve();
    let chains = ledger.chains.lock().unwrap().clone();
    assert!(chains.len() >= WRITERS, "killed after {moment}: {} chains", chains.len());
    for token in chains.values() {
        let (status, answer) = application.refresh(token).await.unwrap();
        assert_eq!(
            status,
            StatusCode::OK,
            "killed after {moment}: an acknowledged refresh token is dead: {answer}"
        );
    }
    for code in chains.keys() {
        let (status, answer) = application.redeem(code).await.unwrap();
        assert_eq!(
            status,
            StatusCode::BAD_REQUEST,
            "killed after {moment}: a consumed code works again: {answer}"
        );
        assert_eq!(answer["error"], "invalid_grant");
    }
    assert!(!server.output().contains("\"fault\""), "{}", server.output());
}

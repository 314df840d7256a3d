//! A copy that is taken while people sign in is worth as much as the original.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::StatusCode;
use tokio::sync::Semaphore;

use super::{is_log_intact, stop};
use crate::cli::crash::populate;
use crate::cli::database::{Database, Kind};
use crate::cli::person::{Application, PASSWORD, Person, text};
use crate::support::process::{APP_SECRET, Sandbox};

const WRITERS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_it_is_in_it() {
    // With the secret that the server makes.
    let sandbox = Sandbox::new().without("APP_SECRET");
    populate(&sandbox);
    let server = sandbox.serve();
    let (issuer, is_done) = (sandbox.issuer(), Arc::new(AtomicBool::new(false)));
    let (tokens, acknowledged) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Semaphore::new(0)));
    let person = Person::new(&issuer, "alice", PASSWORD);
    person.authorize("app", "openid").await.expect("a sign-in");
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (person, application) = (person.clone(), Application::public(&issuer, "app"));
            let (tokens, acknowledged, is_done) = (Arc::clone(&tokens), Arc::clone(&acknowledged), Arc::clone(&is_done));
            tokio::spawn(async move {
                while !is_done.load(Ordering::SeqCst) {
                    let code = person.authorize("app", "openid offline_access").await.unwrap();
                    let (status, answer) = application.redeem(&code).await.unwrap();
                    assert_eq!(status, StatusCode::OK, "{answer}");
                    tokens.lock().unwrap().push(text(&answer, "refresh_token"));
                    acknowledged.add_permits(1);
                }
            })
        })
        .collect();
    acknowledged.acquire_many(20).await.unwrap().forget();
    let before: Vec<String> = tokens.lock().unwrap().clone();
    let said = sandbox.run(&["backup", "--to", "copy.db"]).done();
    acknowledged.acquire_many(10).await.unwrap().forget();
    is_done.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.expect("nobody was refused while the copy was taken");
    }
    assert!(said.contains("copy.db") && said.contains("gatehouse.secret"), "{said}");
    let mode = std::fs::metadata(sandbox.file("copy.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        sandbox
            .run(&["backup", "--to", "copy.db"])
            .refused()
            .contains("is there already, and stays as it is: choose another name"),
        "it overwrites nothing"
    );
    let leftovers: Vec<_> = std::fs::read_dir(sandbox.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".part-"))
        .collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
    stop(server);

    // Elsewhere, as if the first machine were gone.
    let elsewhere = sandbox.file("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::copy(sandbox.file("copy.db"), elsewhere.join("gatehouse.db")).unwrap();
    std::fs::copy(sandbox.file("gatehouse.secret"), elsewhere.join("gatehouse.secret")).unwrap();
    let url = format!("sqlite://{}", elsewhere.join("gatehouse.db").display());
    let sandbox = sandbox.with("DATABASE_URL", &url);
    let _server = sandbox.serve();
    let application = Application::public(&sandbox.issuer(), "app");
    assert!(before.len() >= 20);
    for token in before {
        let (status, answer) = application.refresh(&token).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    let callback = person.authorize("app", "openid").await.unwrap();
    assert!(!callback.is_empty(), "the session goes on");
    assert!(is_log_intact(&sandbox));
}

#[test]
fn nothing_is_written_where_there_is_nothing_to_copy() {
    let sandbox = Sandbox::new();
    let refusal = sandbox.run(&["backup", "--to", "copy.db"]).refused();
    assert!(
        refusal.contains("there is no database") && refusal.contains("run this where the server runs"),
        "{refusal}"
    );
    assert!(!sandbox.file("copy.db").exists() && !sandbox.file("gatehouse.db").exists());
    sandbox.write("gatehouse.db", &"no database at all, but long enough for a header ".repeat(100));
    let refusal = sandbox.run(&["backup", "--to", "copy.db"]).refused();
    assert!(refusal.contains("not a database"), "{refusal}");
    assert!(!sandbox.file("copy.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_have_programs_of_their_own() {
    for (url, program) in [
        (
            "postgres://gate:hush-hush@db.example:6432/gatehouse",
            "pg_dump --format=custom --host=db.example --port=6432 --username=gate --file=copy.dump gatehouse",
        ),
        (
            "mysql://gate:hush-hush@db.example/gatehouse",
            "mysqldump --single-transaction --quick --password --host=db.example --user=gate --result-file=copy.dump gatehouse",
        ),
    ] {
        let (_database, sandbox) = Database::sandbox(Kind::Sqlite).await;
        let refusal = sandbox.with("DATABASE_URL", url).run(&["backup", "--to", "copy.dump"]).refused();
        assert!(refusal.ends_with(&format!(": umask 077 && {program}")), "{refusal}");
        assert!(!refusal.contains("hush"), "{refusal}");
    }
}

#[test]
fn the_copy_has_the_name_that_was_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.run(&["migrate"]).done();
    sandbox.run(&["backup", "--to", "b?x.db"]).done();
    assert!(sandbox.file("b?x.db").exists() && !sandbox.file("b").exists());
}

/// With one of them alone the copy does not open.
#[test]
fn a_copy_that_needs_two_secrets_names_both() {
    let sandbox = Sandbox::new().without("APP_SECRET");
    populate(&sandbox);
    let said = sandbox.run(&["backup", "--to", "first.db"]).done();
    assert!(said.contains("keep a copy of gatehouse.secret somewhere else"), "{said}");
    sandbox.run(&["secret", "rotate"]).done();
    let said = sandbox.run(&["backup", "--to", "second.db"]).done();
    assert!(
        said.contains("keep copies of gatehouse.secret and gatehouse.secret.previous"),
        "{said}"
    );
    let sandbox = sandbox
        .with("APP_SECRET", APP_SECRET)
        .with("APP_SECRET_PREVIOUS", &"old".repeat(16));
    let said = sandbox.run(&["backup", "--to", "third.db"]).done();
    assert!(said.contains("keep copies of APP_SECRET and APP_SECRET_PREVIOUS"), "{said}");
}

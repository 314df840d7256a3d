//! What the doctor finds before the server does, and that it says what to do.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;

use reqwest::Url;

use super::database::{Database, Kind};
use super::health::{findings, has};
use crate::support::database::execute;
use crate::support::process::{APP_SECRET, BINARY, Run, Sandbox};

const NEW: &str = "the-secret-that-takes-its-place-of-more-than-32-characters";

#[test]
fn where_the_first_start_makes_a_database_and_whether_it_can() {
    let sandbox = Sandbox::bare();
    let run = sandbox.run(&["doctor"]);
    let place = sandbox.file("gatehouse.db").display().to_string();
    let said = run.done();
    assert!(
        said.lines().any(|line| line.starts_with("warning") && line.contains(&place)),
        "{said}"
    );
    assert_eq!(
        std::fs::read_dir(sandbox.folder()).unwrap().count(),
        0,
        "the doctor leaves nothing behind"
    );

    sandbox.write("taken", "no folder");
    let run = sandbox.run(&["doctor", "--json", "--database-url", "sqlite://taken/gatehouse.db"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(has(&findings(&run), "database", "error"), "{}", run.stdout);
    assert!(run.stdout.contains("the first start cannot create it"), "{}", run.stdout);
}

#[test]
fn settings_that_cannot_be_used_are_a_finding_for_programs() {
    let run = Sandbox::bare().with("APP_SECRET", "short").run(&["doctor", "--json"]);
    assert_eq!((run.status.code(), run.stderr.as_str()), (Some(1), ""));
    assert!(has(&findings(&run), "settings", "error"), "{}", run.stdout);
    assert!(run.stdout.contains("APP_SECRET"), "{}", run.stdout);
}

#[test]
fn a_secret_that_nothing_is_bound_to_yet() {
    let sandbox = Sandbox::new();
    sandbox.run(&["migrate"]).done();
    let said = sandbox.run(&["doctor"]).done();
    assert!(said.contains("no secret is bound to this database yet"), "{said}");
    sandbox.begin();
    let said = sandbox.run(&["doctor"]).done();
    assert!(!said.contains("no secret is bound"), "{said}");
}

#[test]
fn a_damaged_file_is_no_question_of_trying_again() {
    let sandbox = Sandbox::new();
    sandbox.write("gatehouse.db", &"this is no database ".repeat(500));
    let run = sandbox.run(&["doctor"]);
    assert_eq!(run.status.code(), Some(1));
    let line = run.stdout.lines().find(|line| line.starts_with("ERROR")).expect("an error");
    assert!(line.contains("is damaged") && line.contains("restore a backup"), "{line}");
    assert!(!line.contains("internal fault") && !line.contains("check that it runs"), "{line}");
    let refusal = sandbox.run(&["serve"]).refused();
    assert!(refusal.contains("restore a backup"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_the_database_server_does_not_know() {
    for kind in [Kind::Postgres, Kind::MySql] {
        let (database, sandbox) = Database::sandbox(kind).await;
        let mut url = Url::parse(&database.url).unwrap();
        url.set_username("gatehouse_is_nobody_here").unwrap();
        url.set_password(Some("hunter2")).unwrap();
        let run = sandbox.with("DATABASE_URL", url.as_str()).run(&["doctor"]);
        assert_eq!(run.status.code(), Some(1), "{}", run.stdout);
        let line = run.stdout.lines().find(|line| line.starts_with("ERROR")).expect("an error");
        assert!(
            line.contains("does not let this user in") && line.contains("DATABASE_URL"),
            "{line}"
        );
        let is_plain = ["internal fault", "check that it runs", "hunter2"]
            .iter()
            .all(|text| !line.contains(text));
        assert!(is_plain, "{line}");
    }
}

on_every_database!(a_schema_of_a_newer_version_is_said);

async fn a_schema_of_a_newer_version_is_said(kind: Kind) {
    let (database, sandbox) = Database::sandbox(kind).await;
    sandbox.begin();
    let said = sandbox.run(&["doctor"]).done();
    assert!(said.contains("schema up to date"), "{said}");
    if kind != Kind::Sqlite {
        assert!(said.contains("agrees with that of the database"), "{said}");
    }
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 SELECT 9001, 'newer', success, checksum, 1 FROM _sqlx_migrations WHERE version = 1";
    execute(&database.url, newer.to_owned()).await;
    let run = sandbox.run(&["doctor", "--json"]);
    assert!(run.status.success(), "one can go back: {}", run.stdout);
    assert!(has(&findings(&run), "database", "warning"), "{}", run.stdout);
    assert!(run.stdout.contains("1 migration(s) unknown"), "{}", run.stdout);
    let server = sandbox.serve();
    server.await_line("schema_newer");
}

#[test]
fn an_admin_token_that_a_rotation_leaves_behind() {
    let sandbox = Sandbox::new();
    drop(sandbox.node().with("ADMIN_TOKEN", "an-admin-token-that-nobody-guesses").serve());
    let both = sandbox.node().with("APP_SECRET", NEW).with("APP_SECRET_PREVIOUS", APP_SECRET);
    let rotated = both.run(&["secret", "rotate", "--offline"]);
    assert!(rotated.status.success(), "{}{}", rotated.stdout, rotated.stderr);
    let run = both.run(&["doctor"]);
    let is_said = |line: &str| line.starts_with("warning") && line.contains("admin token is stored by the previous secret");
    assert!(run.stdout.lines().any(is_said), "{}", run.stdout);
    assert!(!run.stdout.contains("no admin token opens"), "{}", run.stdout);

    let after = sandbox.node().with("APP_SECRET", NEW);
    let said = after.run(&["doctor"]).done();
    let is_said = |line: &str| line.starts_with("warning") && line.contains("no admin token opens with this secret");
    assert!(said.lines().any(is_said), "{said}");
    let reset = after.run(&["admin-token", "reset"]);
    assert!(reset.status.success(), "{}{}", reset.stdout, reset.stderr);
    let said = after.run(&["doctor"]).done();
    assert!(!said.contains("no admin token opens"), "{said}");
}

/// As after a restore by root.
#[test]
fn a_file_that_the_user_of_the_server_cannot_open() {
    const SERVICE: u32 = 4711;
    let sandbox = Sandbox::bare();
    sandbox.begin();
    let database = sandbox.file("gatehouse.db");
    let own = std::fs::metadata(&database).unwrap().uid();
    if chown(sandbox.folder(), Some(SERVICE), Some(SERVICE)).is_err() {
        println!("skipped: only root gives files away");
        return;
    }
    let said = sandbox.run(&["doctor"]).done();
    let is_said = |line: &str| line.starts_with("warning") && line.contains(&format!("its folder to the one with the number {SERVICE}"));
    assert_eq!(
        said.lines().filter(|line| is_said(line)).count(),
        2,
        "the database and the secret: {said}"
    );

    let mut command = sandbox.program(BINARY);
    match command.args(["user", "list"]).uid(SERVICE).gid(SERVICE).output() {
        Ok(output) => {
            let refusal = Run::of("user list", output).refused();
            assert!(refusal.contains("gatehouse.db cannot be opened by this user"), "{refusal}");
            let whose = format!("belongs to the user with the number {own}, and this is the one with the number {SERVICE}");
            assert!(refusal.contains(&whose) && refusal.contains("chown"), "{refusal}");
        }
        Err(error) => println!("skipped: another user cannot run the program: {error}"),
    }

    for file in ["gatehouse.db", "gatehouse.secret"] {
        chown(sandbox.file(file), Some(SERVICE), Some(SERVICE)).unwrap();
    }
    let said = sandbox.run(&["doctor"]).done();
    let is_said = |line: &str| line.starts_with("warning") && line.contains("run this as its user, with sudo -u");
    assert_eq!(said.lines().filter(|line| is_said(line)).count(), 2, "{said}");
}

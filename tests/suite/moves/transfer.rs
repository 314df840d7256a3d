//! Everything goes to another database, in every direction, or nothing does.

use std::collections::BTreeMap;

use reqwest::StatusCode;

use super::wire::{Break, breaking_wire};
use super::{is_log_intact, opaque_client, open, own_token, raw, stop};
use crate::cli::crash::populate;
use crate::cli::database::{Database, Kind};
use crate::cli::person::{Application, PASSWORD, Person, authorization_url, parameter, text};
use crate::support::process::{APP_SECRET, Run, Sandbox};
use crate::vault::{given, kept, read, tokens, workload};

fn transfer(sandbox: &Sandbox, from: &str, to: &str) -> Run {
    transfer_beside(sandbox, from, to, &[])
}

/// The same while somebody may stay there.
fn transfer_beside(sandbox: &Sandbox, from: &str, to: &str, beside: &[&str]) -> Run {
    // A URL with a password stands in a variable or a file.
    std::fs::write(sandbox.file("target-url"), format!("{to}\n")).unwrap();
    let mut command = sandbox.program(crate::support::process::BINARY);
    command.env("SOURCE_URL", from).env_remove("DATABASE_URL");
    command.args(["transfer", "--from-env", "SOURCE_URL", "--to-file", "target-url"]);
    command.args(beside);
    let output = command.output().expect("the binary ends");
    Run::of("transfer", output)
}

fn is_empty(contents: &BTreeMap<String, Vec<String>>) -> bool {
    contents.values().all(Vec::is_empty)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_in_every_direction_and_is_good_there() {
    let (first, mut sandbox) = Database::sandbox(Kind::Sqlite).await;
    let issuer = sandbox.issuer();
    populate(&sandbox);
    let job = opaque_client(&sandbox, &issuer);
    sandbox.run(&["resource", "add", "https://api.example", "--name", "API"]).done();
    let provider = [
        "provider",
        "add",
        "mail",
        "--name",
        "Mail",
        "--preset",
        "google",
        "--client-id",
        "123.apps.example",
        "--scope",
        "openid",
    ];
    sandbox.run(&provider).done();
    let server = sandbox.serve();
    let (person, application) = (Person::new(&issuer, "alice", PASSWORD), Application::public(&issuer, "app"));
    let code = person.authorize("app", "openid offline_access").await.unwrap();
    let (status, answer) = application.redeem(&code).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{answer}");
    let mut refresh_token = text(&answer, "refresh_token");
    let opaque = own_token(&job).await;
    stop(server);
    let app = open(&first.url, APP_SECRET).await.unwrap();
    let alice = app.store.read().await.unwrap().user_by_name("alice").await.unwrap().unwrap();
    let agent = workload(&app, "agent", "job").await;
    let connection = kept(&app, &agent, &given(&alice.id, "alice", 1)).await;
    app.store.close().await;
    raw::fill(&first.url).await;

    // The folder of a SQLite file lives as long as its sandbox.
    let (mut places, mut folders) = (vec![first], Vec::new());
    for kind in [Kind::Postgres, Kind::MySql, Kind::Sqlite, Kind::MySql, Kind::Postgres, Kind::Sqlite] {
        let from = places.last().unwrap().url.clone();
        let before = raw::contents(&from).await;
        let empty: Vec<&String> = before.iter().filter(|(_, rows)| rows.is_empty()).map(|(table, _)| table).collect();
        assert!(empty.is_empty(), "nothing shows that these are transferred: {empty:?}");
        let (place, of_place) = Database::sandbox(kind).await;
        let run = transfer(&sandbox, &from, &place.url);
        assert!(run.status.success(), "{from} to {kind:?}: {}{}", run.stdout, run.stderr);
        let after = raw::contents(&place.url).await;
        for (table, rows) in &before {
            assert_eq!(rows, &after[table], "{from} to {kind:?}: {table}");
            assert!(run.stderr.contains(&format!("{table}: {} rows", rows.len())), "{}", run.stderr);
        }
        assert_eq!(before.len(), after.len());

        sandbox = sandbox.with("DATABASE_URL", &place.url);
        let server = sandbox.serve();
        let (status, answer) = application.refresh(&refresh_token).await.unwrap();
        assert_eq!(status, StatusCode::OK, "on {kind:?}: {answer}");
        refresh_token = text(&answer, "refresh_token");
        assert!(job.is_active(&opaque).await, "the opaque token is good on {kind:?}");
        let silent = format!("{}&prompt=none", authorization_url(&issuer, "app", "openid"));
        let callback = person.follow(&silent).await.unwrap();
        assert!(
            parameter(&callback, "code").is_some(),
            "the session is good on {kind:?}: {callback}"
        );
        stop(server);
        assert!(is_log_intact(&sandbox), "on {kind:?}");
        let app = open(&place.url, APP_SECRET).await.unwrap();
        let there = read(&app, &connection.id).await.unwrap();
        assert_eq!(app.envelope.open(&there.binding(), &there.tokens).unwrap(), tokens(1));
        app.store.close().await;
        places.push(place);
        folders.push(of_place);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_that_is_not_fit_for_it_stays_as_it_is() {
    what_is_not_fit_for_it_stays_as_it_is(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_that_is_not_fit_for_it_stays_as_it_is() {
    what_is_not_fit_for_it_stays_as_it_is(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_that_is_not_fit_for_it_stays_as_it_is() {
    what_is_not_fit_for_it_stays_as_it_is(Kind::MySql).await;
}

async fn what_is_not_fit_for_it_stays_as_it_is(kind: Kind) {
    let (database, sandbox) = Database::sandbox(kind).await;
    let (target, of_target) = Database::sandbox(Kind::Sqlite).await;
    let server = sandbox.serve();
    let refusal = transfer(&sandbox, &database.url, &target.url).refused();
    assert!(refusal.contains("somebody else has"), "{refusal}");
    assert!(!of_target.file("gatehouse.db").exists(), "the target was not touched");
    stop(server);

    of_target.run(&["scope", "add", "read", "--description", "Read"]).done();
    let before = raw::contents(&target.url).await;
    let refusal = transfer(&sandbox, &database.url, &target.url).refused();
    assert!(refusal.contains("is not empty"), "{refusal}");
    assert_eq!(raw::contents(&target.url).await, before);
    let refusal = transfer(&sandbox, &database.url, &database.url).refused();
    assert!(refusal.contains("same database"), "{refusal}");

    // A source that is behind, or ahead.
    let version = raw::run(
        &database.url,
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT * FROM (SELECT MAX(version) FROM _sqlx_migrations) AS newest)".to_owned(),
    )
    .await;
    assert_eq!(version, 1);
    let (fresh, _of_fresh) = Database::sandbox(Kind::Sqlite).await;
    let refusal = transfer(&sandbox, &database.url, &fresh.url).refused();
    assert!(refusal.contains("waits for 1 migration"), "{refusal}");
}

/// Whoever mistypes the name of the target may have named an installation that people use, of an older version.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_in_use_is_not_even_migrated() {
    let (source, sandbox) = Database::sandbox(Kind::Sqlite).await;
    populate(&sandbox);
    for kind in [Kind::Sqlite, Kind::Postgres, Kind::MySql] {
        let (target, of_target) = Database::sandbox(kind).await;
        of_target.run(&["scope", "add", "read", "--description", "Read"]).done();
        let newest = "DELETE FROM _sqlx_migrations WHERE version = 11";
        assert_eq!(raw::run(&target.url, newest.to_owned()).await, 1);
        for table in ["former_providers", "upstream_revocations"] {
            raw::run(&target.url, format!("DROP TABLE {table}")).await;
        }
        let before = raw::contents(&target.url).await;
        let refusal = transfer(&sandbox, &source.url, &target.url).refused();
        assert!(refusal.contains("is not empty"), "{refusal}");
        assert!(refusal.contains("nothing was changed"), "{refusal}");
        assert_eq!(raw::contents(&target.url).await, before, "{kind:?}");

        // And that of another program.
        let (other, of_other) = Database::sandbox(kind).await;
        if kind == Kind::Sqlite {
            std::fs::write(of_other.file("gatehouse.db"), "").unwrap();
        }
        raw::run(&other.url, "CREATE TABLE guests (name VARCHAR(9) NOT NULL PRIMARY KEY)".to_owned()).await;
        let refusal = transfer(&sandbox, &source.url, &other.url).refused();
        assert!(refusal.contains("has a table guests"), "{refusal}");
        let tables = raw::tables(&other.url).await;
        assert_eq!(tables.keys().collect::<Vec<_>>(), ["guests"], "{kind:?}");
    }
    let (older, of_older) = Database::sandbox(Kind::Sqlite).await;
    of_older.run(&["migrate"]).done();
    raw::run(&older.url, "DELETE FROM _sqlx_migrations WHERE version = 11".to_owned()).await;
    for table in ["former_providers", "upstream_revocations"] {
        raw::run(&older.url, format!("DROP TABLE {table}")).await;
    }
    let run = transfer(&sandbox, &source.url, &older.url);
    assert!(run.status.success(), "what is empty may be old: {}", run.stderr);
}

/// Servers may have a database user of their own, and so may whoever transfers, and whoever watches the database.
#[tokio::test(flavor = "multi_thread")]
async fn others_count_whoever_they_are() {
    for kind in [Kind::Postgres, Kind::MySql] {
        let (source, sandbox) = Database::sandbox(kind).await;
        sandbox.run(&["migrate"]).done();
        let user = format!("gatehouse_watch_{}", std::process::id());
        let mut statements = match kind {
            Kind::Postgres => vec![format!("CREATE ROLE {user} LOGIN PASSWORD '{user}'")],
            _ => vec![
                format!("CREATE USER {user} IDENTIFIED BY '{user}'"),
                format!("GRANT ALL ON *.* TO {user}"),
            ],
        };
        for statement in statements.drain(..) {
            raw::run(&source.url, statement).await;
        }
        let mut url = reqwest::Url::parse(&source.url).unwrap();
        url.set_username(&user).unwrap();
        url.set_password(Some(&user)).unwrap();
        let watching = raw::connect(url.as_str()).await;
        let (target, of_target) = Database::sandbox(Kind::Sqlite).await;
        let refused = transfer(&sandbox, &source.url, &target.url);
        let is_there = of_target.file("gatehouse.db").exists();
        let beside = transfer_beside(&sandbox, &source.url, &target.url, &["--bystander", &user]);
        let _ = sqlx::Connection::close(watching).await;
        let removed = if kind == Kind::Postgres { "ROLE" } else { "USER" };
        raw::run(&source.url, format!("DROP {removed} {user}")).await;

        let refusal = refused.refused();
        assert!(refusal.contains(&format!("open (as {user})")), "{kind:?}: {refusal}");
        assert!(!is_there, "the target was not touched");
        assert!(beside.status.success(), "{kind:?}: {}", beside.stderr);
    }
}

/// While one end works the other waits, longer than administrators may want sessions to.
#[tokio::test(flavor = "multi_thread")]
async fn limits_of_time_of_the_database_do_not_count() {
    let (source, sandbox) = Database::sandbox(Kind::Postgres).await;
    populate(&sandbox);
    let name = source.url.rsplit('/').next().unwrap().to_owned();
    let limit = format!("ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '1ms'");
    raw::run(&source.url, limit).await;
    let (target, _of_target) = Database::sandbox(Kind::MySql).await;
    let run = transfer(&sandbox, &source.url, &target.url);
    assert!(run.status.success(), "{}", run.stderr);
}

/// What an operator does at PostgreSQL to whoever holds a database for a program that is gone.
const END_OTHERS: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// When a connection breaks at the very end nobody knows, and the same command again tells.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_claimed_of_a_commit_that_nobody_answered() {
    let (source, sandbox) = Database::sandbox(Kind::Sqlite).await;
    populate(&sandbox);
    for at in [Break::BeforeIt, Break::AfterIt, Break::Unnoticed] {
        let (target, of_target) = Database::sandbox(Kind::Postgres).await;
        of_target.run(&["migrate"]).done();
        let run = transfer(&sandbox, &source.url, &breaking_wire(&target.url, at).await);
        assert_eq!(run.status.code(), Some(1), "{}{}", run.stdout, run.stderr);
        assert!(run.stderr.contains("it is not known whether it is there"), "{}", run.stderr);
        if at == Break::Unnoticed {
            let held = transfer(&sandbox, &source.url, &target.url);
            assert!(held.stderr.contains("cannot be kept from changing"), "{}", held.stderr);
            raw::run(&target.url, END_OTHERS.to_owned()).await;
        }
        let again = transfer(&sandbox, &source.url, &target.url);
        match at {
            Break::BeforeIt | Break::Unnoticed => assert!(again.status.success(), "{}", again.stderr),
            Break::AfterIt => assert!(again.stderr.contains("is not empty"), "{}", again.stderr),
        }
        assert_eq!(raw::contents(&source.url).await, raw::contents(&target.url).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_target_does_not_take_leaves_it_empty() {
    let (source, sandbox) = Database::sandbox(Kind::Sqlite).await;
    populate(&sandbox);
    let too_long = format!("UPDATE users SET profile = '{{\"x\":\"{}\"}}'", "long ".repeat(20_000));
    assert_eq!(raw::run(&source.url, too_long).await, 1);
    let (target, of_target) = Database::sandbox(Kind::MySql).await;
    let run = transfer(&sandbox, &source.url, &target.url);
    assert_eq!(run.status.code(), Some(1), "{}{}", run.stdout, run.stderr);
    assert!(run.stderr.contains("does not take a row of the table users"), "{}", run.stderr);
    assert!(is_empty(&raw::contents(&target.url).await), "all or nothing");

    raw::run(&source.url, "UPDATE users SET profile = '{}'".to_owned()).await;
    let run = transfer(&sandbox, &source.url, &target.url);
    assert!(run.status.success(), "the same target can be used again: {}", run.stderr);
    assert!(of_target.run(&["user", "list"]).done().contains("alice"));
}

/// More rows than fit into a page, of a table whose rows are known by two columns.
#[tokio::test(flavor = "multi_thread")]
async fn many_rows_go_page_by_page() {
    let (source, sandbox) = Database::sandbox(Kind::Postgres).await;
    sandbox.run(&["migrate"]).done();
    let many = "INSERT INTO stats (hour, name, value) SELECT n / 7, 'name ' || (n % 7), n FROM generate_series(0, 1999) AS n";
    assert_eq!(raw::run(&source.url, many.to_owned()).await, 2000);
    for kind in [Kind::MySql, Kind::Sqlite] {
        let (target, _of_target) = Database::sandbox(kind).await;
        let run = transfer(&sandbox, &source.url, &target.url);
        assert!(run.status.success(), "{}", run.stderr);
        assert_eq!(raw::contents(&source.url).await, raw::contents(&target.url).await);
    }
}

#[test]
fn passwords_are_not_shown() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&[
        "transfer",
        "--from",
        "postgres://gate:hush-hush@127.0.0.1:1/gatehouse",
        "--to",
        "sqlite://new.db",
    ]);
    assert_eq!(run.status.code(), Some(1));
    assert!(!run.stderr.contains("hush") && !run.stdout.contains("hush"), "{}", run.stderr);
    assert!(!sandbox.file("new.db").exists());
}

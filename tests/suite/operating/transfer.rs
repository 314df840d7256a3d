//! Somebody comes to a database server while everything on it goes to another one, or to the one that it goes to.

use sqlx::any::install_default_drivers;
use sqlx::{AnyConnection, Connection, Executor};

use crate::cli::crash::populate;
use crate::cli::database::{Database, Kind};
use crate::cli::person::PASSWORD;
use crate::support::database::execute;
use crate::support::process::{Run, Sandbox, wait_for};

const ALICE: &str = "SELECT username FROM users";

/// Lets nothing into the table of people before somebody opens the gate.
const GATE: [&str; 3] = [
    "CREATE SEQUENCE gate",
    "CREATE FUNCTION at_the_gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     WHILE (SELECT last_value FROM gate) = 1 LOOP PERFORM pg_sleep(0.05); END LOOP; RETURN NULL; END $$",
    "CREATE TRIGGER at_the_gate BEFORE INSERT ON users FOR EACH STATEMENT EXECUTE FUNCTION at_the_gate()",
];

/// How many stand there.
const AT_THE_GATE: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM pg_stat_activity \
                           WHERE datname = current_database() AND wait_event = 'PgSleep'";

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_to_postgres_meanwhile_is_noticed() {
    who_comes_meanwhile_is_noticed(Kind::Postgres, "SET lock_timeout = '200ms'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_to_mysql_meanwhile_is_noticed() {
    who_comes_meanwhile_is_noticed(Kind::MySql, "SET SESSION lock_wait_timeout = 1").await;
}

async fn who_comes_meanwhile_is_noticed(kind: Kind, impatient: &'static str) {
    let (source, sandbox) = Database::sandbox(kind).await;
    populate(&sandbox);
    let (target, of_target) = Database::sandbox(Kind::Postgres).await;
    of_target.run(&["migrate"]).done();
    for statement in GATE {
        execute(&target.url, statement.to_owned()).await;
    }
    let mover = sandbox
        .node()
        .without("DATABASE_URL")
        .with("SOURCE_URL", &source.url)
        .with("TARGET_URL", &target.url);
    let transfer = ["transfer", "--from-env", "SOURCE_URL", "--to-env", "TARGET_URL"];

    let mut moving = mover.launch(&transfer);
    wait_for("it stands at the gate", async || target.texts(AT_THE_GATE).await[0][0] != "0").await;
    let mut guest = AnyConnection::connect(&source.url).await.unwrap();
    guest.execute(impatient).await.unwrap();
    let written = guest.execute("UPDATE users SET username = 'mallory'").await;
    assert!(written.is_err(), "nobody writes what would be lost");
    execute(&target.url, "SELECT setval('gate', 2)".to_owned()).await;
    moving.await_notice("somebody else has");
    assert_eq!(moving.await_exit().code(), Some(1), "{}", moving.output());
    assert!(target.texts(ALICE).await.is_empty(), "nothing was transferred");

    guest.close().await.unwrap();
    let run = mover.run(&transfer);
    assert!(run.status.success(), "{}{}", run.stdout, run.stderr);
    assert_eq!(target.texts(ALICE).await, [["alice"]]);
}

/// Everything of Bob's goes from a database of his own to `target`, where there is already somebody.
fn bobs_transfer(target: &Database) -> (Sandbox, impl Fn() -> Run) {
    let bobs = Sandbox::new();
    let add = ["user", "add", "bob", "--password-stdin"];
    bobs.run_with_input(&add, PASSWORD).done();
    let mover = bobs.node().with("TARGET_URL", &target.url);
    (bobs, move || {
        mover.run(&["transfer", "--from", "sqlite://gatehouse.db", "--to-env", "TARGET_URL"])
    })
}

async fn two_at_once_do_not_mix(target: &Database, at_the_gate: &'static str, open: impl AsyncFnOnce()) {
    let (source, sandbox) = Database::sandbox(Kind::Sqlite).await;
    populate(&sandbox);
    let mover = sandbox.node().with("SOURCE_URL", &source.url).with("TARGET_URL", &target.url);
    let mut moving = mover.launch(&["transfer", "--from-env", "SOURCE_URL", "--to-env", "TARGET_URL"]);
    wait_for("it stands at the gate", async || target.texts(at_the_gate).await[0][0] != "0").await;
    let (_bobs, transfer) = bobs_transfer(target);
    let refusal = transfer().refused();
    assert!(
        refusal.contains("cannot be kept from changing") && refusal.contains("nothing was transferred"),
        "{refusal}"
    );
    open().await;
    assert!(moving.await_exit().success(), "{}", moving.output());
    assert_eq!(target.texts(ALICE).await, [["alice"]]);
    let refusal = transfer().refused();
    assert!(refusal.contains("is not empty"), "{refusal}");
    assert_eq!(target.texts(ALICE).await, [["alice"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_do_not_mix_in_postgres() {
    let (target, of_target) = Database::sandbox(Kind::Postgres).await;
    of_target.run(&["migrate"]).done();
    for statement in GATE {
        execute(&target.url, statement.to_owned()).await;
    }
    let open = async || execute(&target.url, "SELECT setval('gate', 2)".to_owned()).await;
    two_at_once_do_not_mix(&target, AT_THE_GATE, open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_do_not_mix_in_mysql() {
    let (target, of_target) = Database::sandbox(Kind::MySql).await;
    of_target.run(&["migrate"]).done();
    // The gate is a lock of this name that the test has.
    let gate = "CREATE TRIGGER at_the_gate BEFORE INSERT ON users FOR EACH ROW SET @passed = GET_LOCK(CONCAT(DATABASE(), ' gate'), 60)";
    execute(&target.url, gate.to_owned()).await;
    let mut keeper = AnyConnection::connect(&target.url).await.unwrap();
    keeper.execute("DO GET_LOCK(CONCAT(DATABASE(), ' gate'), 60)").await.unwrap();
    let at_the_gate = "SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.processlist WHERE db = DATABASE() AND state = 'User lock'";
    let open = async || keeper.close().await.unwrap();
    two_at_once_do_not_mix(&target, at_the_gate, open).await;
}

/// A file has one lock for all.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_into_a_file_that_somebody_else_writes() {
    let (target, of_target) = Database::sandbox(Kind::Sqlite).await;
    of_target.run(&["migrate"]).done();
    install_default_drivers();
    let mut writer = AnyConnection::connect(&target.url).await.unwrap();
    writer.execute("BEGIN IMMEDIATE").await.unwrap();
    let (_bobs, transfer) = bobs_transfer(&target);
    let refusal = transfer().refused();
    assert!(
        refusal.contains("cannot be kept from changing") && refusal.contains("nothing was transferred"),
        "{refusal}"
    );
    writer.execute("ROLLBACK").await.unwrap();
    writer.close().await.unwrap();
    assert!(target.texts(ALICE).await.is_empty());
    assert!(transfer().status.success());
    assert_eq!(target.texts(ALICE).await, [["bob"]]);
}

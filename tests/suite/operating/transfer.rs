//! Somebody comes to a database server while everything on it goes to another one.

use sqlx::{AnyConnection, Connection, Executor};

use crate::cli::crash::populate;
use crate::cli::database::{Database, Kind};
use crate::support::database::execute;
use crate::support::process::wait_for;

const ALICE: &str = "SELECT username FROM users";

/// Lets nothing into the table of people before somebody opens the gate.
const GATE: [&str; 3] = [
    "CREATE SEQUENCE gate",
    "CREATE FUNCTION at_the_gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     WHILE (SELECT last_value FROM gate) = 1 LOOP PERFORM pg_sleep(0.05); END LOOP; RETURN NULL; END $$",
    "CREATE TRIGGER at_the_gate BEFORE INSERT ON users FOR EACH STATEMENT EXECUTE FUNCTION at_the_gate()",
];

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
    wait_for("it stands at the gate", async || {
        let waiting = "SELECT CAST(COUNT(*) AS TEXT) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event = 'PgSleep'";
        target.texts(waiting).await[0][0] != "0"
    })
    .await;
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

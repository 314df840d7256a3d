//! Backups of database servers, with the programs of these servers, as `docs/operations.md` tells.

use std::fs::File;
use std::process::{Command, Output};

use reqwest::StatusCode;
use url::Url;

use crate::cli::crash::populate;
use crate::cli::database::{Database, Kind};
use crate::cli::person::{Application, PASSWORD, Person, text};
use crate::support::process::Sandbox;

/// What programs of database servers are told of one, and of which of its databases.
struct Place {
    host: String,
    port: String,
    user: String,
    password: String,
    name: String,
}

impl Place {
    fn of(database: &Database) -> Self {
        let url = Url::parse(&database.url).unwrap();
        let usual = if url.scheme() == "mysql" { 3306 } else { 5432 };
        Self {
            host: url.host_str().unwrap().to_owned(),
            port: url.port().unwrap_or(usual).to_string(),
            user: url.username().to_owned(),
            password: url.password().unwrap_or_default().to_owned(),
            name: url.path().trim_start_matches('/').to_owned(),
        }
    }

    /// A program of PostgreSQL, which connects there.
    fn postgres(&self, sandbox: &Sandbox, program: &str) -> Command {
        let mut command = sandbox.program(program);
        command.env("PGPASSWORD", &self.password);
        command.args(["--host", &self.host, "--port", &self.port, "--username", &self.user]);
        command
    }

    /// A program of MariaDB, which connects there.
    fn mariadb(&self, sandbox: &Sandbox, program: &str) -> Command {
        let mut command = sandbox.program(program);
        command.env("MYSQL_PWD", &self.password);
        command.args(["--host", &self.host, "--port", &self.port, "--user", &self.user]);
        command
    }
}

fn assert_done(what: &str, output: std::io::Result<Output>) {
    let output = output.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The first of these programs that is there: MariaDB's have had two names.
fn found<'p>(sandbox: &Sandbox, programs: &[&'p str]) -> Option<&'p str> {
    let is_there = |program: &&&str| sandbox.program(program).arg("--version").output().is_ok();
    let found = programs.iter().find(is_there).copied();
    if found.is_none() {
        println!("skipped: {} is not there", programs.join(" or "));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pg_dump_wrote_is_an_installation() {
    let bare = Sandbox::bare();
    let (Some(dump), Some(restore)) = (found(&bare, &["pg_dump"]), found(&bare, &["pg_restore"])) else {
        return;
    };
    is_as_it_was(
        Kind::Postgres,
        |sandbox, from| {
            let mut command = from.postgres(sandbox, dump);
            command.args(["--format=custom", "--file=gatehouse.dump", &from.name]);
            assert_done(dump, command.output());
        },
        |sandbox, to| {
            let mut command = to.postgres(sandbox, restore);
            command.args(["--dbname", &to.name, "gatehouse.dump"]);
            assert_done(restore, command.output());
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_mysqldump_wrote_is_an_installation() {
    let bare = Sandbox::bare();
    let programs = (found(&bare, &["mysqldump", "mariadb-dump"]), found(&bare, &["mysql", "mariadb"]));
    let (Some(dump), Some(restore)) = programs else { return };
    is_as_it_was(
        Kind::MySql,
        |sandbox, from| {
            let mut command = from.mariadb(sandbox, dump);
            command.args(["--single-transaction", "--quick", "--result-file=gatehouse.sql", &from.name]);
            assert_done(dump, command.output());
        },
        |sandbox, to| {
            // A restore brings the tables and not what the schema itself is created with.
            let mut schema = to.mariadb(sandbox, restore);
            schema.arg("--execute");
            schema.arg(format!("ALTER DATABASE {} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", to.name));
            assert_done(restore, schema.output());
            let mut command = to.mariadb(sandbox, restore);
            command.arg(&to.name).stdin(File::open(sandbox.file("gatehouse.sql")).unwrap());
            assert_done(restore, command.output());
        },
    )
    .await;
}

/// It is copied while it serves, and restored into an empty database.
async fn is_as_it_was(kind: Kind, dump: impl Fn(&Sandbox, &Place), restore: impl Fn(&Sandbox, &Place)) {
    let (first, sandbox) = Database::sandbox(kind).await;
    populate(&sandbox);
    let mut server = sandbox.serve();
    let issuer = sandbox.issuer();
    let (person, application) = (Person::new(&issuer, "alice", PASSWORD), Application::public(&issuer, "app"));
    let code = person.authorize("app", "openid offline_access").await.unwrap();
    let (status, answer) = application.redeem(&code).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{answer}");
    let token = text(&answer, "refresh_token");
    dump(&sandbox, &Place::of(&first));
    let (status, answer) = application.refresh(&token).await.unwrap();
    assert_eq!(status, StatusCode::OK, "the server goes on: {answer}");
    server.terminate();
    assert!(server.await_exit().success(), "{}", server.output());

    let (second, _empty) = Database::sandbox(kind).await;
    restore(&sandbox, &Place::of(&second));
    let sandbox = sandbox.with("DATABASE_URL", &second.url);
    let _server = sandbox.serve();
    let (status, answer) = application.refresh(&token).await.unwrap();
    assert_eq!(status, StatusCode::OK, "what was used after the backup looks unused: {answer}");
    let callback = person.authorize("app", "openid").await.unwrap();
    assert!(!callback.is_empty(), "the session goes on");
    let log = sandbox.run(&["audit", "verify"]);
    assert!(log.status.success(), "{}{}", log.stdout, log.stderr);
}

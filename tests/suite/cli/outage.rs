//! The database goes away and comes back while the server runs, or does not keep what it has taken.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode, Url};
use tokio::net::lookup_host;
use tokio::task::JoinSet;

use super::crash::populate;
use super::database::{Database, Kind};
use super::person::{Application, PASSWORD, Person, browser, header, text};
use super::proxy::{Proxy, Wire};
use crate::support::database::execute;
use crate::support::process::{PATIENCE, Sandbox, wait_for};

/// The address of a database server.
async fn server_of(database: &Database) -> SocketAddr {
    let url = Url::parse(&database.url).unwrap();
    let port = url.port().unwrap_or(if url.scheme().starts_with("postgres") { 5432 } else { 3306 });
    let host = url.host_str().expect("a database on a host").to_owned();
    lookup_host((host, port)).await.expect("its address").next().expect("an address")
}

/// The same database, reached through a wire.
pub async fn wired(database: &Database, sandbox: Sandbox) -> (Proxy, Sandbox) {
    let mut url = Url::parse(&database.url).unwrap();
    let proxy = Proxy::to(server_of(database).await).await;
    url.set_host(Some(&proxy.address.ip().to_string())).unwrap();
    url.set_port(Some(proxy.address.port())).unwrap();
    let sandbox = sandbox.with("DATABASE_URL", url.as_str()).with("GATEHOUSE_DATABASE_TIMEOUT", "1s");
    (proxy, sandbox)
}

async fn ask(http: &Client, sandbox: &Sandbox, path: &str) -> Response {
    let answer = http.get(format!("{}{path}", sandbox.issuer())).send();
    let answer = tokio::time::timeout(PATIENCE, answer).await.expect("an answer in time");
    answer.expect("an answer")
}

fn assert_unavailable(answer: &Response) {
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{}", answer.url());
    let seconds: u32 = header(answer, "retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&seconds));
}

/// While the database is away: alive, not ready, and honest about it.
async fn observe_outage(sandbox: &Sandbox, refresh_token: &str) {
    let http = browser();
    for path in ["/health", "/healthz", "/ping"] {
        assert_eq!(
            ask(&http, sandbox, path).await.status(),
            StatusCode::OK,
            "{path}: a platform must not kill it"
        );
    }
    // What it found out a moment ago may be said for half a second.
    wait_for("/readyz says so", async || {
        ask(&http, sandbox, "/readyz").await.status() == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    assert_unavailable(&ask(&http, sandbox, "/readyz").await);
    assert_eq!(sandbox.run(&["healthcheck"]).done(), "healthy\n");
    // One that this node does not know: those that it does are known for a second longer.
    let page = ask(&http, sandbox, "/authorize?client_id=another&response_type=code").await;
    assert_unavailable(&page);
    assert!(header(&page, "content-type").starts_with("text/html"), "people get a page");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        ("client_id", "app"),
    ];
    let answer = http.post(format!("{}/token", sandbox.issuer())).form(&form).send().await.unwrap();
    assert_unavailable(&answer);
    assert_eq!(
        answer.json::<serde_json::Value>().await.unwrap()["error"],
        "temporarily_unavailable"
    );
    assert_eq!(
        ask(&http, sandbox, "/jwks").await.status(),
        StatusCode::OK,
        "resource servers go on verifying"
    );
}

async fn await_ready(sandbox: &Sandbox) {
    let (http, mut ticks) = (browser(), tokio::time::interval(Duration::from_millis(50)));
    let healed = tokio::time::timeout(PATIENCE, async {
        while ask(&http, sandbox, "/readyz").await.status() != StatusCode::OK {
            ticks.tick().await;
        }
    });
    healed.await.expect("the server heals by itself");
}

/// Redeems codes at once while something happens to the wire; which of them were answered with 503.
async fn redeem_during(application: &Application, codes: &[String], proxy: &Proxy, wire: Wire) -> Vec<(String, StatusCode)> {
    let mut redemptions = JoinSet::new();
    for code in codes {
        let (application, code) = (application.clone(), code.clone());
        redemptions.spawn(async move {
            let (status, _) = application.redeem(&code).await.expect("an answer");
            (code, status)
        });
    }
    let mut answers = vec![redemptions.join_next().await.unwrap().unwrap()];
    proxy.set(wire);
    let rest = tokio::time::timeout(PATIENCE, redemptions.join_all());
    answers.extend(rest.await.expect("no request hangs"));
    answers
}

async fn loses_nothing(kind: Kind, wire: Wire) {
    let (database, sandbox) = Database::sandbox(kind).await;
    let (proxy, sandbox) = wired(&database, sandbox).await;
    populate(&sandbox);
    let _server = sandbox.serve();
    let person = Person::new(&sandbox.issuer(), "alice", PASSWORD);
    let application = Application::public(&sandbox.issuer(), "app");
    let code = person.authorize("app", "openid offline_access").await.unwrap();
    let refresh_token = text(&application.redeem(&code).await.unwrap().1, "refresh_token");
    let mut interrupted = 0;
    // What was under way on a frozen wire is given up only after the server's patience.
    let rounds = if wire == Wire::Cut { 3 } else { 1 };
    for _ in 0..rounds {
        let mut codes = Vec::new();
        for _ in 0..16 {
            codes.push(person.authorize("app", "openid offline_access").await.unwrap());
        }
        let answers = redeem_during(&application, &codes, &proxy, wire).await;
        observe_outage(&sandbox, &refresh_token).await;
        proxy.set(Wire::Whole);
        await_ready(&sandbox).await;
        for (code, status) in answers {
            let (again, _) = application.redeem(&code).await.unwrap();
            match status {
                StatusCode::OK => assert_eq!(again, StatusCode::BAD_REQUEST, "a code works twice"),
                StatusCode::SERVICE_UNAVAILABLE => {
                    interrupted += 1;
                    assert!(again == StatusCode::OK || again == StatusCode::BAD_REQUEST, "{again}");
                    let (third, _) = application.redeem(&code).await.unwrap();
                    assert_eq!(third, StatusCode::BAD_REQUEST, "a code works twice");
                }
                other => panic!("an outage is answered with 503, not {other}"),
            }
        }
    }
    assert!(interrupted > 0, "the outage met no redemption");
    let (status, answer) = application.refresh(&refresh_token).await.unwrap();
    assert_eq!(
        status,
        StatusCode::OK,
        "what was refused during the outage was not consumed: {answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_wire_to_postgres() {
    loses_nothing(Kind::Postgres, Wire::Cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_wire_to_mysql() {
    loses_nothing(Kind::MySql, Wire::Cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_wire_to_postgres() {
    loses_nothing(Kind::Postgres, Wire::Frozen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_wire_to_mysql() {
    loses_nothing(Kind::MySql, Wire::Frozen).await;
}

/// While nothing listens at its address, the log says that, and not only how long somebody has waited; and once that it is back.
async fn why_it_is_away_is_logged(kind: Kind) {
    let (database, sandbox) = Database::sandbox(kind).await;
    let (proxy, sandbox) = wired(&database, sandbox).await;
    populate(&sandbox);
    let mut server = sandbox.serve();
    await_ready(&sandbox).await;
    let (http, address) = (browser(), proxy.address);
    proxy.remove().await;
    wait_for("/readyz says so", async || {
        ask(&http, &sandbox, "/readyz").await.status() == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    wait_for("the log says why", async || {
        ask(&http, &sandbox, "/readyz").await;
        server.output().contains("refused")
    })
    .await;
    assert!(!server.output().contains("database_back"), "{}", server.output());
    let _proxy = Proxy::at(address, server_of(&database).await).await;
    await_ready(&sandbox).await;
    server.terminate();
    server.await_exit();
    let log = server.output();
    assert_eq!(log.matches("the database answers again").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_postgres_is_away_is_logged() {
    why_it_is_away_is_logged(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_mysql_is_away_is_logged() {
    why_it_is_away_is_logged(Kind::MySql).await;
}

/// What is only found wrong when all is to be made durable: whatever is written down in the log of events.
const DOUBTS: [&str; 2] = [
    "CREATE TABLE certainties (id VARCHAR(64) PRIMARY KEY)",
    "CREATE TABLE doubts (id VARCHAR(64) REFERENCES certainties (id) DEFERRABLE INITIALLY DEFERRED)",
];

#[tokio::test(flavor = "multi_thread")]
async fn why_a_commit_of_sqlite_fails_is_logged() {
    let doubt = ["CREATE TRIGGER doubt AFTER INSERT ON events BEGIN INSERT INTO doubts VALUES (NEW.id); END"];
    why_a_commit_fails_is_logged(
        Kind::Sqlite,
        &doubt,
        &["a common commit of SQLite failed: FOREIGN KEY constraint failed"],
        StatusCode::SERVICE_UNAVAILABLE,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_commit_of_postgres_fails_is_logged() {
    let doubt = [
        "CREATE FUNCTION doubt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO doubts VALUES (NEW.id); RETURN NULL; END $$",
        "CREATE TRIGGER doubt AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION doubt()",
    ];
    why_a_commit_fails_is_logged(Kind::Postgres, &doubt, &[], StatusCode::INTERNAL_SERVER_ERROR).await;
}

async fn why_a_commit_fails_is_logged(kind: Kind, doubt: &[&str], further: &[&str], status: StatusCode) {
    let (database, sandbox) = Database::sandbox(kind).await;
    let sandbox = sandbox.with("ADMIN_TOKEN", "an-admin-token-that-nobody-guesses");
    let mut server = sandbox.serve();
    for statement in DOUBTS.iter().chain(doubt) {
        execute(&database.url, (*statement).to_owned()).await;
    }
    let request = browser()
        .put(format!("{}/api/admin/v1/scopes/read", sandbox.issuer()))
        .header("x-admin-token", "an-admin-token-that-nobody-guesses")
        .json(&serde_json::json!({ "description": "Read" }));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), status);
    let id = header(&answer, "x-request-id");
    let said = answer.text().await.unwrap().to_lowercase();
    assert!(!said.contains("foreign"), "this is for the log: {said}");
    server.terminate();
    server.await_exit();
    let log = server.output();
    for part in further {
        assert!(log.contains(part), "{log}");
    }
    let of_request = log.lines().find(|line| line.contains(&id) && line.contains("event=\"fault\""));
    let line = of_request
        .unwrap_or_else(|| panic!("the request is not there: {log}"))
        .to_lowercase();
    assert!(line.contains("foreign key constraint") || line.contains("doubts_id_fkey"), "{line}");
    assert!(
        database.texts("SELECT name FROM scopes WHERE name = 'read'").await.is_empty(),
        "nothing is there of it"
    );
}

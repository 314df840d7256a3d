//! Making a large installation, here with small numbers: what is promised about it holds, and it cannot be made by accident.

use gatehouse::keys::secrets::Secrets;
use gatehouse::protocol::tokens::RefreshToken;
use gatehouse::seed::large::{Kind as ClientKind, Large, Sizes};
use reqwest::StatusCode;
use secrecy::SecretString;
use serde_json::Value;

use super::database::{Database, Kind};
use crate::support::process::{Sandbox, Server};

on_every_database!(can_be_made_and_works);

/// More than is written with one statement, and not a multiple of it.
const SIZES: Sizes = Sizes {
    users: 300,
    clients: 40,
    grants: 700,
};
const APP_SECRET: &str = "the secret of a large installation, of 32 characters and more";

fn seed(sandbox: &Sandbox) -> Large {
    let [users, clients, grants] = [SIZES.users, SIZES.clients, SIZES.grants].map(|size| size.to_string());
    let arguments = [
        "seed",
        "--profile",
        "large",
        "--users",
        &users,
        "--clients",
        &clients,
        "--grants",
        &grants,
    ];
    let printed = sandbox.run(&arguments).json();
    let text = |name: &str| printed[name].as_str().expect(name).to_owned();
    Large {
        sizes: SIZES,
        seeded_at: printed["seeded_at"].as_i64().expect("a time"),
        password: text("password"),
        client_secret: text("client_secret"),
    }
}

/// The indexes of grants, by name, with the columns that they are of.
async fn indexes(database: &Database, kind: Kind) -> Vec<Vec<String>> {
    let query = match kind {
        Kind::Sqlite => "SELECT name, COALESCE(sql, '') FROM sqlite_master WHERE type = 'index' AND tbl_name = 'grants' ORDER BY name",
        Kind::Postgres => "SELECT indexname::text, indexdef FROM pg_indexes WHERE tablename = 'grants' ORDER BY indexname",
        Kind::MySql => {
            "SELECT index_name, GROUP_CONCAT(column_name ORDER BY seq_in_index) FROM information_schema.statistics \
             WHERE table_schema = DATABASE() AND table_name = 'grants' GROUP BY index_name ORDER BY index_name"
        }
    };
    database.texts(query).await
}

async fn count(database: &Database, query: &'static str) -> String {
    database.texts(query).await.concat().concat()
}

async fn can_be_made_and_works(kind: Kind) {
    let (database, sandbox) = Database::sandbox(kind).await;
    let sandbox = sandbox.with("APP_SECRET", APP_SECRET);
    sandbox.run(&["migrate"]).done();
    let migrated = indexes(&database, kind).await;
    assert!(migrated.len() > 4, "{migrated:?}");
    let large = seed(&sandbox);
    assert_eq!(
        indexes(&database, kind).await,
        migrated,
        "the indexes are as the migrations made them"
    );
    for (query, expected) in [
        ("SELECT CONCAT(COUNT(*), '') FROM users", "300"),
        ("SELECT CONCAT(COUNT(*), '') FROM consents", "300"),
        ("SELECT CONCAT(COUNT(*), '') FROM sessions", "60"),
        ("SELECT CONCAT(COUNT(*), '') FROM clients", "40"),
        ("SELECT CONCAT(COUNT(*), '') FROM grants", "700"),
        // Rows are as old as they say, the newest at the end.
        (
            "SELECT CONCAT(COUNT(*), '') FROM grants a JOIN grants b ON a.id < b.id AND a.created_at > b.created_at",
            "0",
        ),
        (
            "SELECT CONCAT(COUNT(*), '') FROM grants WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = grants.user_id) \
             OR NOT EXISTS (SELECT 1 FROM clients WHERE clients.id = grants.client_id)",
            "0",
        ),
    ] {
        assert_eq!(count(&database, query).await.trim(), expected, "{query}");
    }
    let again = sandbox.run(&["seed", "--profile", "large"]).refused();
    assert!(again.contains("not empty"), "{again}");
    let server = sandbox.serve();
    signs_in(&sandbox, &large).await;
    refreshes(&sandbox, &large).await;
    gets_tokens(&sandbox, &large).await;
    drop::<Server>(server);
}

/// Every user has the password.
async fn signs_in(sandbox: &Sandbox, large: &Large) {
    let browser = super::person::browser();
    let login = format!("{}/login", sandbox.issuer());
    let page = browser.get(&login).send().await.unwrap().text().await.unwrap();
    let csrf = super::person::hidden(&page, "csrf");
    let form = [
        ("csrf", csrf.as_str()),
        ("username", &Large::username(299)),
        ("password", &large.password),
    ];
    let answer = browser.post(&login).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
}

async fn token(sandbox: &Sandbox, client: u64, large: &Large, form: &[(&str, &str)]) -> (StatusCode, Value) {
    let request = super::person::browser().post(format!("{}/token", sandbox.issuer())).form(form);
    let request = request.basic_auth(Large::client_id(client), Some(&large.client_secret));
    let answer = request.send().await.expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

/// The first refresh tokens of grants are good, unless the grants are not.
async fn refreshes(sandbox: &Sandbox, large: &Large) {
    let mac = Secrets::derive(&SecretString::from(APP_SECRET)).unwrap().refresh_token;
    for number in [0, 1, 2, 3, 4, 350, 697, 698, 699] {
        let made = RefreshToken::new(&large.grant_id(number), 1, |grant, generation| {
            mac.mac(&[grant, &generation.to_be_bytes()])
        });
        let text = made.expect("an id").to_text();
        let form = [("grant_type", "refresh_token"), ("refresh_token", text.as_str())];
        let (status, answer) = token(sandbox, large.client_of_grant(number), large, &form).await;
        let expected = if large.is_alive(number) {
            StatusCode::OK
        } else {
            StatusCode::BAD_REQUEST
        };
        assert_eq!(status, expected, "grant {number}: {answer}");
    }
}

/// Four of ten clients act for themselves.
async fn gets_tokens(sandbox: &Sandbox, large: &Large) {
    for number in 30..40 {
        let form = [("grant_type", "client_credentials"), ("scope", "api")];
        let (status, answer) = token(sandbox, number, large, &form).await;
        let is_application = ClientKind::of(number).is_application;
        assert_eq!(status == StatusCode::OK, !is_application, "client {number}: {answer}");
    }
}

#[test]
fn is_only_made_where_nobody_else_can_come_and_nobody_has_been() {
    let sandbox = Sandbox::new();
    let sizes = ["--users", "1", "--clients", "10", "--grants", "1"];
    let arguments = [&["seed", "--profile", "large"][..], &sizes].concat();
    let public = [&arguments[..], &["--issuer", "https://login.example"]].concat();
    assert!(sandbox.run(&public).refused().contains("https://login.example"));
    let insisting = [&public[..], &["--i-know-the-passwords-are-public"]].concat();
    assert!(sandbox.run(&insisting).refused().contains("https://login.example"));
    let few = sandbox.run(&["seed", "--profile", "large", "--clients", "9"]).refused();
    assert!(few.contains("ten clients"), "{few}");
    // Somebody has registered a client, and nothing else has happened.
    sandbox.run(&["client", "add", "An application", "--kind", "service"]).done();
    assert!(sandbox.run(&arguments).refused().contains("not empty"));
    // And nobody has been there since it was removed: its events are still in the log.
    let id = sandbox.run(&["client", "list", "--json"]).json()[0]["client_id"]
        .as_str()
        .unwrap()
        .to_owned();
    sandbox.run(&["client", "delete", &id]).done();
    assert!(sandbox.run(&arguments).refused().contains("not empty"));
}

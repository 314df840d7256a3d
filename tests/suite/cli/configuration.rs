//! Where settings come from, and how wrong ones are refused: one line that names what is wrong.

use serde_json::Value;

use super::database::{Database, Kind};
use crate::support::process::{APP_SECRET, Sandbox};

fn config(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    sandbox.run(&[&["config", "--json"], arguments].concat()).json()
}

/// The line with which the program refuses an environment.
fn refusal(name: &str, value: &str) -> String {
    let run = Sandbox::bare().with(name, value).run(&["config"]);
    assert!(!run.status.success(), "{name}={value} is taken");
    let line = run.refused();
    assert!(line.contains(name), "{name}={value} is not named: {line}");
    line
}

#[test]
fn flags_beat_the_environment_and_the_environment_beats_the_file() {
    let sandbox = Sandbox::bare();
    assert_eq!(config(&sandbox, &[])["code_lifetime"], "1m");
    sandbox.write(
        "gatehouse.toml",
        "code_lifetime = \"10s\"\nworkers = 3\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n",
    );
    let shown = config(&sandbox, &[]);
    assert_eq!(shown["code_lifetime"], "10s");
    assert_eq!(shown["workers"], "3");
    assert_eq!(shown["trusted_proxies"], "10.0.0.0/8,::1/128");
    let sandbox = sandbox.with("GATEHOUSE_CODE_LIFETIME", "20s").with("GATEHOUSE_WORKERS", "");
    let shown = config(&sandbox, &[]);
    assert_eq!(shown["code_lifetime"], "20s");
    assert_eq!(shown["workers"], "3", "an empty variable is one that is not set");
    assert_eq!(config(&sandbox, &["--code-lifetime", "30s"])["code_lifetime"], "30s");
    let before = sandbox.run(&["--code-lifetime", "40s", "config", "--json"]).json();
    assert_eq!(before["code_lifetime"], "40s", "a flag works before the command, too");
}

#[test]
fn a_file_is_named_by_flag_or_variable() {
    let sandbox = Sandbox::bare();
    sandbox.write("gatehouse.toml", "workers = 3");
    sandbox.write("by-variable.toml", "workers = 4");
    sandbox.write("by-flag.toml", "workers = 5");
    let sandbox = sandbox.with("GATEHOUSE_CONFIG", "by-variable.toml");
    assert_eq!(config(&sandbox, &[])["workers"], "4");
    assert_eq!(config(&sandbox, &["--config", "by-flag.toml"])["workers"], "5");
    let line = sandbox.run(&["config", "--config", "missing.toml"]).refused();
    assert!(line.contains("missing.toml"), "{line}");
}

#[test]
fn secrets_are_not_shown() {
    let sandbox = Sandbox::bare()
        .with("APP_SECRET", APP_SECRET)
        .with("ADMIN_TOKEN", "an-admin-token-of-the-operator");
    let secrets = [APP_SECRET, "an-admin-token-of-the-operator", "hunter2"];
    for url in [
        "postgres://gate:hunter2@db.example/gatehouse",
        "mysql://gate:hunter2@db.example/gatehouse",
        "postgres://gate@db.example/gatehouse?sslmode=require&password=hunter2",
        "postgres://db.example/gatehouse?user=gate&pass%77ord=hunter2",
    ] {
        let sandbox = Sandbox::bare()
            .with("APP_SECRET", APP_SECRET)
            .with("ADMIN_TOKEN", "an-admin-token-of-the-operator")
            .with("DATABASE_URL", url);
        let json = config(&sandbox, &[]);
        assert_eq!(json["app_secret"], "REDACTED");
        assert_eq!(json["admin_token"], "REDACTED");
        assert!(json["database_url"].as_str().unwrap().contains("db.example/gatehouse"));
        let table = sandbox.run(&["config"]).done();
        for secret in secrets {
            assert!(
                !json.to_string().contains(secret) && !table.contains(secret),
                "{secret} is shown for {url}"
            );
        }
    }
    for (name, length) in [("app-secret", 31), ("admin-token", 15)] {
        let variable = name.to_uppercase().replace('-', "_");
        let secret = "s".repeat(length);
        let line = refusal(&variable, &secret);
        assert!(!line.contains(&secret), "the refusal repeats the secret");
        let flag = sandbox.run(&["config", &format!("--{name}"), "x"]);
        assert!(!flag.status.success(), "--{name} would be seen in process lists");
    }
    let line = refusal("DATABASE_URL", "postgres://gate:hunter2@db.example:port/gatehouse");
    assert!(!line.contains("hunter2"), "{line}");
}

#[test]
fn secrets_come_from_files_too() {
    let sandbox = Sandbox::bare()
        .with("APP_SECRET_FILE", "secret")
        .with("DATABASE_URL", "postgres://db.example/gatehouse");
    assert!(sandbox.run(&["config"]).refused().contains("APP_SECRET_FILE"));
    sandbox.write("secret", &format!("{APP_SECRET}\n"));
    let shown = config(&sandbox, &[]);
    assert_eq!(shown["app_secret_file"], "secret");
    assert!(!shown.to_string().contains(APP_SECRET));
}

#[test]
fn unknown_settings_are_refused_by_name() {
    let sandbox = Sandbox::bare();
    sandbox.write("gatehouse.toml", "code_lifetim = \"10s\"");
    let line = sandbox.run(&["config"]).refused();
    assert!(
        line.contains("gatehouse.toml: unknown key code_lifetim; did you mean code_lifetime?"),
        "{line}"
    );
    for (content, named) in [
        ("[server]\nlisten = \"127.0.0.1:1\"", "server"),
        ("workers = 1.5", "workers"),
        ("workers = 1\nworkers = 2", "not valid TOML"),
        ("listen = ", "not valid TOML"),
    ] {
        sandbox.write("gatehouse.toml", content);
        let line = sandbox.run(&["config"]).refused();
        assert!(line.contains("gatehouse.toml") && line.contains(named), "{line}");
    }
    assert!(refusal("GATEHOUSE_CODE_LIFETIM", "1").contains("did you mean GATEHOUSE_CODE_LIFETIME?"));
    refusal("GATEHOUSE_FAVOURITE_COLOUR", "blue");
}

#[test]
fn wrong_values_are_refused_by_name() {
    for (name, value) in [
        ("GATEHOUSE_LISTEN", "8000"),
        ("GATEHOUSE_ISSUER", "https://user@login.example"),
        ("GATEHOUSE_ISSUER", "https://login.example/?a=b"),
        ("GATEHOUSE_ISSUER", "login.example"),
        ("DATABASE_URL", "oracle://db/gatehouse"),
        ("DATABASE_URL", "sqlite://:memory:"),
        ("DATABASE_URL", "postgres://db.example"),
        ("GATEHOUSE_DATABASE_POOL_SIZE", "0"),
        ("GATEHOUSE_DATABASE_TIMEOUT", "soon"),
        ("ENABLE_DEV_ENDPOINTS", "maybe"),
        ("GATEHOUSE_LOG_LEVEL", "loud"),
        ("GATEHOUSE_LOG_FORMAT", "xml"),
        ("GATEHOUSE_WORKERS", "-1"),
        ("GATEHOUSE_CODE_LIFETIME", "61s"),
        ("GATEHOUSE_ACCESS_TOKEN_LIFETIME", "2d"),
        ("GATEHOUSE_REFRESH_GRACE", "2m"),
        ("GATEHOUSE_PASSWORD_MEMORY", "1"),
        ("GATEHOUSE_TRUSTED_PROXIES", "10.0.0.0/8,everybody"),
    ] {
        refusal(name, value);
    }
    let sandbox = Sandbox::bare();
    assert!(sandbox.run(&["config", "--workers", "many"]).refused().contains("--workers"));
    sandbox.write("gatehouse.toml", "workers = 0");
    assert!(sandbox.run(&["config"]).refused().contains("gatehouse.toml: workers"));
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let line = refusal("GATEHOUSE_ISSUER", "http://login.example");
    assert!(line.contains("https"), "{line}");
    for (settings, named) in [
        (
            vec![("ENABLE_DEV_ENDPOINTS", "true"), ("GATEHOUSE_ISSUER", "https://login.example")],
            "ENABLE_DEV_ENDPOINTS",
        ),
        (vec![("GATEHOUSE_TLS_KEY", "key.pem")], "tls_certificate"),
        (vec![("GATEHOUSE_LISTEN", "192.0.2.1:8000")], "GATEHOUSE_ISSUER"),
        (vec![("DATABASE_URL", "postgres://db.example/gatehouse")], "APP_SECRET"),
        (vec![("DATABASE_URL", "mysql://db.example/gatehouse")], "APP_SECRET"),
        (vec![("GATEHOUSE_SESSION_LIFETIME", "1h")], "session_idle_lifetime"),
        (vec![("GATEHOUSE_REFRESH_TOKEN_LIFETIME", "1h")], "refresh_token_idle_lifetime"),
    ] {
        let sandbox = settings
            .iter()
            .fold(Sandbox::bare(), |sandbox, (name, value)| sandbox.with(name, value));
        for command in ["config", "serve", "doctor", "migrate"] {
            let line = sandbox.run(&[command]).refused();
            assert!(line.contains(named), "{command} with {settings:?}: {line}");
        }
    }
}

on_every_database!(another_secret_is_refused_and_changes_nothing);

async fn another_secret_is_refused_and_changes_nothing(kind: Kind) {
    let (database, sandbox) = Database::sandbox(kind).await;
    sandbox
        .run(&["client", "add", "App", "--kind", "service", "--scope", "openid"])
        .done();
    let before = database.foundations().await;
    assert!(before.len() >= 5, "settings and three keys: {before:?}");
    let sandbox = sandbox.with("APP_SECRET", "another-application-secret-of-more-than-32-characters");
    for command in [&["serve"][..], &["key", "rotate", "--now"], &["admin-token", "reset"], &["seed"]] {
        let line = sandbox.run(command).refused();
        assert!(line.contains("APP_SECRET is not the one"), "{line}");
    }
    assert_eq!(database.foundations().await, before);
    let sandbox = sandbox.with("APP_SECRET", APP_SECRET);
    sandbox
        .run(&["client", "add", "App", "--kind", "service", "--scope", "openid"])
        .done();
    assert_eq!(database.foundations().await, before);
}

#[test]
fn a_lost_secret_file_is_not_replaced() {
    let sandbox = Sandbox::bare();
    sandbox.begin();
    let secret = std::fs::read_to_string(sandbox.file("gatehouse.secret")).unwrap();
    std::fs::remove_file(sandbox.file("gatehouse.secret")).unwrap();
    let line = sandbox.run(&["serve"]).refused();
    assert!(line.contains("gatehouse.secret is missing"), "{line}");
    assert!(!sandbox.file("gatehouse.secret").exists(), "a new secret would hide the loss");
    sandbox.write("gatehouse.secret", "too short");
    let line = sandbox.run(&["serve"]).refused();
    assert!(line.contains("gatehouse.secret holds no usable secret"), "{line}");
    sandbox.write("gatehouse.secret", &secret);
    sandbox.run(&["key", "list"]).done();
}

#[test]
fn a_database_that_does_not_answer_is_said_in_one_line() {
    for url in [
        "postgres://gate:hunter2@127.0.0.1:1/gatehouse",
        "mysql://gate:hunter2@127.0.0.1:1/gatehouse",
    ] {
        let sandbox = Sandbox::new().with("DATABASE_URL", url).with("GATEHOUSE_DATABASE_TIMEOUT", "1s");
        let line = sandbox.run(&["user", "list"]).refused();
        assert!(line.contains("the database does not answer") && !line.contains("hunter2"), "{line}");
    }
}

#[test]
fn a_taken_port_is_refused_by_name() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve();
    let line = sandbox.run(&["serve"]);
    assert_eq!(line.status.code(), Some(1));
    assert!(
        line.stderr.contains(&format!("cannot listen on {}", sandbox.address())),
        "{}",
        line.stderr
    );
    drop(server);
}

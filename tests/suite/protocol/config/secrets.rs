//! Settings that are secrets: not shown, not repeated, read from files.

use gatehouse::config::registry::SETTINGS;

use crate::support::certificate::certify;
use crate::support::process::Sandbox;

use super::{SECRET, given, shown};

#[test]
fn secrets_are_not_shown() {
    let config = given("")
        .env("APP_SECRET", SECRET)
        .env("ADMIN_TOKEN", "hunter2-hunter2-hunter2")
        .env(
            "DATABASE_URL",
            "postgres://gate:hunter2@db.example/gate?password=hunter2&sslmode=require",
        )
        .load();
    let everything = SETTINGS
        .iter()
        .map(|setting| (setting.show)(&config))
        .chain([format!("{config:?}")])
        .collect::<Vec<_>>()
        .join("\n");
    assert!(!everything.contains(SECRET) && !everything.contains("hunter2"), "{everything}");
    assert_eq!(shown(&config, "app_secret"), "REDACTED");
    assert_eq!(shown(&config, "admin_token"), "REDACTED");
    assert!(shown(&config, "database_url").contains("db.example"));
    assert!(shown(&config, "database_url").contains("sslmode=require"));
}

#[test]
fn a_refused_secret_is_not_repeated() {
    for (name, value) in [
        ("APP_SECRET", "hunter2"),
        ("ADMIN_TOKEN", "hunter2"),
        ("DATABASE_URL", "postgres://gate:hunter2@db.example:99999/gate"),
        ("DATABASE_URL", "postgres://gate:hunter2@db.example"),
        ("DATABASE_URL", "oracle://gate:hunter2@db.example/gate"),
    ] {
        let problem = given("").env(name, value).problem();
        assert!(problem.starts_with(name) && !problem.contains("hunter2"), "{problem}");
    }
    let broken = given("app_secret = \"hunter2\nworkers = 1").problem();
    assert!(broken.contains("is not valid TOML") && !broken.contains("hunter2"), "{broken}");
}

#[test]
fn secrets_can_be_read_from_files() {
    let given = given("");
    let path = given.file("secret", &format!("{SECRET}\r\n"));
    let config = given.env("APP_SECRET_FILE", path.to_str().unwrap()).load();
    let secret = config
        .app_secret
        .as_ref()
        .map(|secret| secrecy::ExposeSecret::expose_secret(secret).to_owned());
    assert_eq!(secret.as_deref(), Some(SECRET));
    // The file is shown in its place.
    assert_eq!(shown(&config, "app_secret"), "");
    assert_eq!(shown(&config, "app_secret_file"), path.to_str().unwrap());
}

/// The file of a weaker source is no longer in force, and is not shown.
#[test]
fn a_secret_in_the_environment_replaces_the_file_of_a_weaker_source() {
    let mut given = given("");
    let path = given.file("secret", "another secret, also longer than 32 characters");
    given.sources.file = Some(given.file(
        "with_file.toml",
        &format!("app_secret_file = {path:?}\nadmin_token_file = {path:?}"),
    ));
    let config = given.env("APP_SECRET", SECRET).env("ADMIN_TOKEN", SECRET).load();
    let exposed = |secret: &Option<secrecy::SecretString>| {
        secret
            .as_ref()
            .map(|secret| secrecy::ExposeSecret::expose_secret(secret).to_owned())
    };
    for (key, secret) in [("app_secret", &config.app_secret), ("admin_token", &config.admin_token)] {
        assert_eq!(exposed(secret).as_deref(), Some(SECRET));
        assert_eq!(
            (shown(&config, key).as_str(), shown(&config, &format!("{key}_file")).as_str()),
            ("REDACTED", "")
        );
    }
}

#[test]
fn a_secret_file_that_is_missing_or_short_is_reported() {
    let missing = given("").env("ADMIN_TOKEN_FILE", "/nonexistent/token").problem();
    assert!(missing.starts_with("ADMIN_TOKEN_FILE: cannot read /nonexistent/token"), "{missing}");
    let given = given("");
    let path = given.file("short", "hunter2\n");
    let short = given.env("ADMIN_TOKEN_FILE", path.to_str().unwrap()).problem();
    assert_eq!(short, "ADMIN_TOKEN_FILE: must have at least 16 characters");
}

#[test]
fn the_url_of_redis_can_be_read_from_a_file() {
    let given = given("");
    let path = given.file("redis", "redis://:hunter2@redis.example/0\n");
    let config = given.env("GATEHOUSE_REDIS_URL_FILE", path.to_str().unwrap()).load();
    let url = config.limits.redis.as_ref().map(secrecy::ExposeSecret::expose_secret);
    assert_eq!(url, Some("redis://:hunter2@redis.example/0"));
    assert_eq!(
        (shown(&config, "redis_url").as_str(), shown(&config, "redis_url_file").as_str()),
        ("", path.to_str().unwrap())
    );
}

#[test]
fn authorities_of_redis_are_certificates_and_for_tls() {
    let sandbox = Sandbox::bare();
    certify(&sandbox, "authority", 2);
    let read = |name: &str| std::fs::read_to_string(sandbox.file(name)).unwrap();
    let (certificate, key) = (read("authority.pem"), read("authority.key"));
    let with = |content: &str, url: &str| {
        let given = given("");
        let path = given.file("authority.pem", content).display().to_string();
        let given = given.env("GATEHOUSE_REDIS_CA_FILE", &path).env("GATEHOUSE_REDIS_URL", url);
        (given, path)
    };
    let (given, path) = with(&certificate, "REDISS://redis.example");
    let config = given.load();
    assert_eq!(shown(&config, "redis_ca_file"), path);
    assert_eq!(config.limits.redis_authorities.as_deref(), Some(certificate.as_bytes()));
    for url in ["redis://redis.example", ""] {
        let problem = with(&certificate, url).0.problem();
        assert!(problem.starts_with("redis_ca_file: it is for Redis with TLS"), "{problem}");
    }
    let cut = certificate.replace("-----END CERTIFICATE-----", "");
    let no_certificate = "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n";
    for content in ["", "hunter2", &cut, &key, no_certificate] {
        let (given, path) = with(content, "rediss://redis.example");
        let problem = given.problem();
        assert!(problem.starts_with(&format!("GATEHOUSE_REDIS_CA_FILE: {path}: ")), "{problem}");
        assert!(!problem.contains("hunter2") && !problem.contains("aHVudGVyMg"), "{problem}");
    }
}

//! What holds a secret shows nothing of it when it is printed, whoever does that.

use std::fs;
use std::path::{Path, PathBuf};

use gatehouse::base::fault::Fault;
use gatehouse::config::sources::Sources;
use gatehouse::oauth::authorize::AuthorizationResponse;
use gatehouse::oauth::clients::NewClient;
use gatehouse::protocol::authorization_request::ResponseMode;
use gatehouse::protocol::client_authentication::ClientCredentials;
use gatehouse::protocol::parameters::Parameters;

/// What a field is called that may hold a secret in the clear.
const TELLING: [&str; 12] = [
    "secret",
    "token",
    "code",
    "password",
    "verifier",
    "state",
    "cookie",
    "api_key",
    "assertion",
    "answer",
    "query",
    "parameters",
];
/// Beginnings and ends of names of fields that are about a secret and do not hold it.
const HARMLESS: [&str; 12] = [
    "sealed_",
    "_hash",
    "_type",
    "_endpoint",
    "_method",
    "_challenge",
    "_lifetime",
    "_format",
    "_uri",
    "_file",
    "_hint",
    "_expires",
];
/// Types in which text stands as it is.
const PLAIN: [&str; 6] = [
    "String",
    "&'a str",
    "&'static str",
    "Vec<u8>",
    "Vec<(String, String)>",
    "Vec<(&'static str, String)>",
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Fields of types with a derived `Debug` that would show a secret: file, type and field.
fn revealing(name: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut derives, mut inside) = (false, None);
    for line in text.lines() {
        let code = line.trim();
        if let Some(item) = inside {
            if line == "}" {
                inside = None;
            } else if !code.starts_with("//")
                && let Some((field, kind)) = code.trim_start_matches("pub ").trim_end_matches(',').split_once(": ")
            {
                let is_telling = TELLING.iter().any(|word| field.contains(word)) && !HARMLESS.iter().any(|word| field.contains(word));
                let kind = kind.strip_prefix("Option<").and_then(|kind| kind.strip_suffix('>')).unwrap_or(kind);
                if is_telling && PLAIN.contains(&kind) {
                    found.push(format!("{name}: {item}.{field}"));
                }
            }
        } else if code.starts_with("#[derive(") {
            derives = code.contains("Debug");
        } else if let Some(item) = code.split("struct ").nth(1).filter(|_| !code.starts_with("//")) {
            if derives && code.ends_with('{') {
                inside = item.split(|c: char| !c.is_alphanumeric()).next();
            }
            derives = false;
        } else if !code.starts_with('#') && !code.starts_with("//") && !code.is_empty() {
            derives = false;
        }
    }
    found
}

#[test]
fn no_type_with_a_derived_debug_holds_a_secret_in_the_clear() {
    let mut all = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    assert!(all.len() > 100);
    let found: Vec<String> = all
        .iter()
        .flat_map(|path| revealing(&path.display().to_string(), &fs::read_to_string(path).unwrap()))
        .collect();
    assert!(found.is_empty(), "use SecretString, or redacted!: {found:#?}");
}

#[test]
fn the_reader_finds_what_it_looks_for() {
    let shown =
        "#[derive(Clone, Debug)]\npub struct A {\n    /// a code: String,\n    pub auth_code: Option<String>,\n    code_hash: String,\n}\n";
    assert_eq!(revealing("a", shown), ["a: A.auth_code"]);
    assert!(revealing("a", &shown.replace(", Debug", "")).is_empty());
    assert!(revealing("a", &shown.replace("Option<String>", "SecretString")).is_empty());
}

#[test]
fn what_is_printed_shows_no_secret() {
    let form = Parameters::parse(b"client_id=app&client_secret=hunter2&code=hunter2").unwrap();
    let credentials = ClientCredentials::parse(None, &form).unwrap();
    let response = AuthorizationResponse {
        redirect_uri: "https://app.example/callback".to_owned(),
        mode: ResponseMode::Query,
        parameters: vec![("code", "hunter2".to_owned())],
        client_name: "App".to_owned(),
    };
    let client = NewClient {
        id: None,
        secret: Some("hunter2".to_owned()),
        settings: gatehouse::model::client::ClientSettings::default(),
    };
    let environment = [
        ("APP_SECRET", "hunter2-hunter2-hunter2-hunter2-hunter2"),
        ("ADMIN_TOKEN", "hunter2-hunter2-hunter2"),
        ("DATABASE_URL", "postgres://user:hunter2@host/db?password=hunter2"),
        ("GATEHOUSE_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
        ("GATEHOUSE_OTLP_HEADERS", "authorization=hunter2"),
    ];
    let sources = Sources {
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..Sources::default()
    };
    let config = sources.load().unwrap();
    for shown in [
        format!("{form:?}"),
        format!("{credentials:?}"),
        format!("{response:?}"),
        format!("{client:?}"),
        format!("{config:?}"),
        config.database_url.to_string(),
    ] {
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(!shown.is_empty());
    }
    assert!(Fault::internal("why").to_string().contains("why"), "causes are told");
}

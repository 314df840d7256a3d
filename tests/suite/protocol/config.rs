//! Settings: where they come from, and what is refused.

mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use gatehouse::config::Config;
use gatehouse::config::registry::{SETTINGS, Setting};
use gatehouse::config::sources::{Source, Sources};
use proptest::prelude::*;
use tempfile::TempDir;

const SECRET: &str = "correct-horse-battery-staple-and-more";

/// Sources with an empty file, so that no `gatehouse.toml` of the working directory is read.
struct Given {
    sources: Sources,
    folder: TempDir,
}

fn given(file: &str) -> Given {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gatehouse.toml");
    std::fs::write(&path, file).unwrap();
    Given {
        sources: Sources {
            file: Some(path),
            ..Sources::default()
        },
        folder,
    }
}

impl Given {
    fn env(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.sources.flags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// A file next to the configuration.
    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn load(&self) -> Config {
        self.sources.load().unwrap_or_else(|error| panic!("{error}"))
    }

    fn problem(&self) -> String {
        match self.sources.load() {
            Ok(_) => panic!("the configuration was accepted"),
            Err(error) => error.to_string(),
        }
    }
}

fn setting(key: &str) -> &'static Setting {
    SETTINGS.iter().find(|setting| setting.key == key).unwrap()
}

fn shown(config: &Config, key: &str) -> String {
    (setting(key).show)(config)
}

#[test]
fn without_any_setting_the_server_is_a_local_one() {
    let config = given("").load();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(config.issuer().as_str(), "http://127.0.0.1:8000");
    assert_eq!(shown(&config, "database_url"), "sqlite://gatehouse.db");
    assert!(!config.enable_dev_endpoints && config.app_secret.is_none() && config.admin_token.is_none());
    assert_eq!((config.lifetimes.code, config.lifetimes.refresh_grace), (60, 10));
}

#[test]
fn flags_beat_the_environment_and_the_environment_beats_the_file() {
    let file = "code_lifetime = \"10s\"\n";
    assert_eq!(given(file).load().lifetimes.code, 10);
    assert_eq!(given(file).env("GATEHOUSE_CODE_LIFETIME", "20s").load().lifetimes.code, 20);
    assert_eq!(
        given(file)
            .env("GATEHOUSE_CODE_LIFETIME", "20s")
            .flag("code_lifetime", "30s")
            .load()
            .lifetimes
            .code,
        30
    );
    assert_eq!(given(file).flag("code_lifetime", "30s").load().lifetimes.code, 30);
}

#[test]
fn every_value_has_a_known_source() {
    let given = given("code_lifetime = \"10s\"\nworkers = 3\nlisten = \"127.0.0.1:9\"")
        .env("GATEHOUSE_CODE_LIFETIME", "20s")
        .env("GATEHOUSE_WORKERS", "")
        .env("GATEHOUSE_LISTEN", "127.0.0.1:10")
        .flag("listen", "127.0.0.1:11");
    let config = given.load();
    let file = given.sources.file.clone().unwrap();
    for (key, source, shown) in [
        ("issuer", Source::Default, "default".to_owned()),
        ("workers", Source::File(file.clone()), file.display().to_string()),
        (
            "code_lifetime",
            Source::Environment("GATEHOUSE_CODE_LIFETIME"),
            "GATEHOUSE_CODE_LIFETIME".to_owned(),
        ),
        ("listen", Source::Flag("--listen".to_owned()), "--listen".to_owned()),
    ] {
        assert_eq!(config.source(key), &source, "{key}");
        assert_eq!(config.source(key).to_string(), shown);
    }
}

/// Of a secret and its file one is in force, and only that one came from somewhere.
#[test]
fn a_secret_and_its_file_have_one_source_between_them() {
    let given = given("");
    let path = given.file("secret", SECRET);
    let given = given.env("APP_SECRET", SECRET);
    assert_eq!(given.load().source("app_secret"), &Source::Environment("APP_SECRET"));
    let config = given.flag("app_secret_file", path.to_str().unwrap()).load();
    assert_eq!(config.source("app_secret"), &Source::Default);
    assert_eq!(config.source("app_secret_file"), &Source::Flag("--app-secret-file".to_owned()));
}

fn stored(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn what_is_stored_replaces_defaults_only() {
    let config = given("code_lifetime = \"10s\"").env("GATEHOUSE_REFRESH_GRACE", "20s").load();
    let values = stored(&[("code_lifetime", "30s"), ("refresh_grace", "30s"), ("id_token_lifetime", "30s")]);
    let (live, unusable) = config.overlaid_where_possible(&values);
    assert!(unusable.is_empty(), "{unusable:?}");
    assert_eq!(
        (live.lifetimes.code, live.lifetimes.refresh_grace, live.lifetimes.id_token),
        (10, 20, 30)
    );
    assert_eq!(live.source("id_token_lifetime"), &Source::Database);
    assert_eq!(live.source("refresh_grace"), &Source::Environment("GATEHOUSE_REFRESH_GRACE"));
    assert_eq!(config.source("id_token_lifetime"), &Source::Default, "it is laid over a copy");
}

#[test]
fn what_cannot_be_used_is_ignored_alone() {
    let config = given("").load();
    let values = stored(&[
        ("code_lifetime", "soon"),
        ("access_token_lifetime", "2d"),
        ("favourite_colour", "blue"),
        ("listen", "127.0.0.1:1"),
        ("session_lifetime", "1h"),
        ("id_token_lifetime", "5m"),
    ]);
    let (live, unusable) = config.overlaid_where_possible(&values);
    assert_eq!(live.lifetimes.id_token, 300);
    assert_eq!(
        (live.lifetimes.code, live.lifetimes.session, live.listen),
        (60, 14 * 86_400, config.listen)
    );
    let said: Vec<String> = unusable.values().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "access_token_lifetime must be a time from 10s to 1d, such as 90s, 15m, 12h or 30d",
            "code_lifetime must be a time from 5s to 1m, such as 90s, 15m, 12h or 30d",
            "favourite_colour is no setting that can change while the server runs",
            "listen is no setting that can change while the server runs",
            "session_idle_lifetime is longer than session_lifetime",
        ]
    );
}

/// Each value conflicts with the default of the other, and beside them one is broken.
#[test]
fn values_that_only_go_together_are_used_together() {
    let config = given("").load();
    for pair in [
        [("session_idle_lifetime", "20d"), ("session_lifetime", "30d")],
        [("session_idle_lifetime", "1m"), ("session_lifetime", "1h")],
        [("refresh_token_idle_lifetime", "400d"), ("refresh_token_lifetime", "500d")],
    ] {
        let [first, second] = pair;
        let (live, unusable) = config.overlaid_where_possible(&stored(&[first, second, ("code_lifetime", "0")]));
        assert_eq!(unusable.keys().collect::<Vec<_>>(), ["code_lifetime"]);
        assert_eq!(
            (shown(&live, first.0).as_str(), shown(&live, second.0).as_str()),
            (first.1, second.1)
        );
    }
}

/// They are stored as `live.<key>` in a column of 64 characters, and read back as they are shown.
#[test]
fn live_settings_can_be_stored() {
    let live: Vec<&Setting> = SETTINGS.iter().filter(|setting| setting.is_live).collect();
    assert!(live.len() >= 8);
    for setting in live {
        assert!(!setting.is_secret, "{} would be stored in the clear", setting.key);
        assert!("live.".len() + setting.key.len() <= 64, "{}", setting.key);
        let default = (setting.show)(&Config::default());
        let mut config = Config::default();
        (setting.set)(&mut config, &default).unwrap_or_else(|problem| panic!("{}: {problem}", setting.key));
    }
}

/// Compose files and scripts say "not set" this way.
#[test]
fn an_empty_variable_is_not_set() {
    assert_eq!(given("workers = 3").env("GATEHOUSE_WORKERS", "").load().workers, 3);
}

#[test]
fn a_variable_can_name_the_file_and_a_flag_is_stronger() {
    let mut named = given("workers = 3");
    let other = named.file("other.toml", "workers = 7");
    named = named.env("GATEHOUSE_CONFIG", other.to_str().unwrap());
    assert_eq!(named.load().workers, 3);
    named.sources.file = None;
    assert_eq!(named.load().workers, 7);
}

#[test]
fn a_file_that_was_named_must_exist() {
    let mut missing = given("");
    missing.sources.file = Some(missing.folder.path().join("missing.toml"));
    let problem = missing.problem();
    assert!(problem.starts_with("cannot read ") && problem.contains("missing.toml"), "{problem}");
}

#[test]
fn values_of_the_file_have_the_types_of_toml() {
    let config = given("workers = 3\nenable_dev_endpoints = true\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\nrefresh_grace = 0").load();
    assert_eq!(config.workers, 3);
    assert!(config.enable_dev_endpoints);
    assert_eq!(shown(&config, "trusted_proxies"), "10.0.0.0/8,::1/128");
    assert_eq!(config.lifetimes.refresh_grace, 0);
}

#[test]
fn an_unknown_key_is_named_with_its_file_and_the_likely_one() {
    let problem = given("datebase_url = \"sqlite://x\"").problem();
    assert!(problem.contains("gatehouse.toml: unknown key datebase_url"), "{problem}");
    assert!(problem.ends_with("did you mean database_url?"), "{problem}");
    let nothing_like_it = given("zzz = 1").problem();
    assert!(nothing_like_it.ends_with("unknown key zzz"), "{nothing_like_it}");
}

#[test]
fn an_unknown_variable_of_ours_is_named() {
    let problem = given("").env("GATEHOUSE_WORKER", "1").problem();
    assert_eq!(
        problem,
        "unknown environment variable GATEHOUSE_WORKER; did you mean GATEHOUSE_WORKERS?"
    );
    given("").env("PATH", "/bin").env("HOME_GATEHOUSE_X", "1").load();
}

#[test]
fn an_unknown_flag_is_named() {
    assert_eq!(given("").flag("nonsense", "1").problem(), "unknown setting nonsense");
}

#[test]
fn a_bad_value_is_reported_with_its_place() {
    let problem = given("workers = \"many\"").problem();
    assert!(
        problem.contains("gatehouse.toml: workers: must be a whole number from 1 to 1024"),
        "{problem}"
    );
    assert_eq!(
        given("").env("GATEHOUSE_WORKERS", "0").problem(),
        "GATEHOUSE_WORKERS: must be a whole number from 1 to 1024"
    );
    assert_eq!(
        given("").flag("code_lifetime", "2m").problem(),
        "--code-lifetime: must be a time from 5s to 1m, such as 90s, 15m, 12h or 30d"
    );
    let table = given("[workers]\na = 1").problem();
    assert!(table.contains("gatehouse.toml: workers: must be a text"), "{table}");
}

/// A value that no setting takes, for every setting that does not take any text.
#[test]
fn every_bad_value_names_its_variable() {
    let takes_any_text = ["tls_certificate", "tls_key"];
    for setting in SETTINGS.iter().filter(|setting| !takes_any_text.contains(&setting.key)) {
        let problem = given("").env(setting.env, "=\u{1}=").problem();
        assert!(problem.starts_with(&format!("{}: ", setting.env)), "{}: {problem}", setting.key);
    }
}

#[test]
fn times_have_units_and_limits() {
    let read = |text: &str| {
        given("")
            .env("GATEHOUSE_SESSION_LIFETIME", text)
            .env("GATEHOUSE_SESSION_IDLE_LIFETIME", "1m")
            .sources
            .load()
    };
    for (text, seconds) in [
        ("90", 90),
        ("90s", 90),
        ("15m", 900),
        ("12h", 43_200),
        ("30d", 2_592_000),
        ("365d", 31_536_000),
    ] {
        assert_eq!(read(text).unwrap().lifetimes.session, seconds, "{text}");
    }
    for text in ["59", "366d", "-1", "1w", "m", "1 m", "4294967296", "1.5h", "ä", "1ä", "\u{ff11}m"] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn a_shown_value_reads_as_itself() {
    let config = given("").load();
    for setting in SETTINGS
        .iter()
        .filter(|setting| !setting.is_secret && !setting.key.ends_with("_file"))
    {
        let value = (setting.show)(&config);
        if value.is_empty() {
            continue;
        }
        let again = given("").env(setting.env, &value).load();
        assert_eq!((setting.show)(&again), value, "{}", setting.key);
    }
}

#[test]
fn names_are_unique_and_flags_follow_keys() {
    let keys: BTreeSet<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
    let variables: BTreeSet<&str> = SETTINGS.iter().map(|setting| setting.env).collect();
    assert_eq!((keys.len(), variables.len()), (SETTINGS.len(), SETTINGS.len()));
    assert_eq!(setting("code_lifetime").flag().as_deref(), Some("code-lifetime"));
    for secret in ["app_secret", "admin_token"] {
        assert_eq!(setting(secret).flag(), None, "{secret}");
    }
}

/// Kubernetes makes such variables for a Service that is called `gatehouse`.
#[test]
fn service_links_are_not_settings() {
    for name in ["GATEHOUSE_PORT", "GATEHOUSE_PORT_8000_TCP_ADDR", "GATEHOUSE_SERVICE_HOST"] {
        given("").env(name, "tcp://10.0.0.1:8000").load();
    }
    assert!(
        given("")
            .env("GATEHOUSE_PORTS", "1")
            .problem()
            .starts_with("unknown environment variable GATEHOUSE_PORTS")
    );
}

#[test]
fn settings_that_do_not_go_together() {
    for (settings, beginning) in [
        (
            vec![("GATEHOUSE_TLS_KEY", "key.pem")],
            "tls_certificate and tls_key belong together",
        ),
        (
            vec![("GATEHOUSE_TLS_CERTIFICATE", "c.pem")],
            "tls_certificate and tls_key belong together",
        ),
        (
            vec![("GATEHOUSE_LISTEN", "192.0.2.1:8000")],
            "issuer: the server listens on 192.0.2.1:8000",
        ),
        (
            vec![("ENABLE_DEV_ENDPOINTS", "true"), ("GATEHOUSE_ISSUER", "https://id.example")],
            "ENABLE_DEV_ENDPOINTS:",
        ),
        (
            vec![
                ("GATEHOUSE_AGENTCORE", "unsigned:agents"),
                ("GATEHOUSE_ISSUER", "https://id.example"),
            ],
            "agentcore: requests without a signature",
        ),
        (vec![("GATEHOUSE_AGENTCORE", "unsigned: ")], "GATEHOUSE_AGENTCORE"),
        (vec![("GATEHOUSE_AGENTCORE", "yes")], "GATEHOUSE_AGENTCORE"),
        (vec![("DATABASE_URL", "postgres://db.example/gate")], "APP_SECRET: set it"),
        (vec![("DATABASE_URL", "mysql://db.example/gate")], "APP_SECRET: set it"),
        (
            vec![("GATEHOUSE_REFRESH_TOKEN_LIFETIME", "1h")],
            "refresh_token_idle_lifetime is longer than refresh_token_lifetime",
        ),
        (
            vec![("GATEHOUSE_SESSION_IDLE_LIFETIME", "30d")],
            "session_idle_lifetime is longer than session_lifetime",
        ),
    ] {
        let given = settings.iter().fold(given(""), |given, (name, value)| given.env(name, value));
        let problem = given.problem();
        assert!(problem.starts_with(beginning), "{settings:?}: {problem}");
    }
}

#[test]
fn the_issuer_follows_the_address_unless_it_is_set() {
    let issuer = |settings: &[(&str, &str)]| {
        let given = settings.iter().fold(given(""), |given, (name, value)| given.env(name, value));
        given.load().issuer().to_string()
    };
    assert_eq!(issuer(&[("GATEHOUSE_LISTEN", "127.0.0.1:9000")]), "http://127.0.0.1:9000");
    assert_eq!(issuer(&[("GATEHOUSE_LISTEN", "[::1]:9000")]), "http://[::1]:9000");
    assert_eq!(issuer(&[("GATEHOUSE_LISTEN", "0.0.0.0:9000")]), "http://127.0.0.1:9000");
    let tls = [("GATEHOUSE_TLS_KEY", "key.pem"), ("GATEHOUSE_TLS_CERTIFICATE", "c.pem")];
    assert_eq!(issuer(&tls), "https://127.0.0.1:8000");
    let set = [("GATEHOUSE_LISTEN", "0.0.0.0:80"), ("GATEHOUSE_ISSUER", "https://id.example")];
    assert_eq!(issuer(&set), "https://id.example");
}

/// On the port that a scheme implies, the issuer leaves it out and names the same host.
#[test]
fn the_issuer_leaves_out_the_port_of_its_scheme() {
    assert_eq!(
        given("").env("GATEHOUSE_LISTEN", "127.0.0.1:80").load().issuer().as_str(),
        "http://127.0.0.1"
    );
    let tls = given("")
        .env("GATEHOUSE_LISTEN", "127.0.0.1:443")
        .env("GATEHOUSE_TLS_KEY", "key.pem")
        .env("GATEHOUSE_TLS_CERTIFICATE", "c.pem");
    assert_eq!(tls.load().issuer().as_str(), "https://127.0.0.1");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_value_is_read_or_refused(text in prop_oneof![any::<String>(), "[0-9]{0,12}[smhd]?"]) {
        for setting in SETTINGS.iter().filter(|setting| !setting.key.ends_with("_file")) {
            let mut config = Config::default();
            if (setting.set)(&mut config, &text).is_ok() {
                let _ = (setting.show)(&config);
            }
        }
    }

    #[test]
    fn any_file_is_read_or_refused(text in any::<String>()) {
        let given = given(&text);
        let _ = given.sources.load();
        let empty: BTreeMap<String, String> = BTreeMap::new();
        prop_assert_eq!(&given.sources.environment, &empty);
    }
}

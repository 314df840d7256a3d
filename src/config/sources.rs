//! Where settings come from: flags, the environment, `gatehouse.toml`. (What is stored in the database
//! is laid over the result later, in `live`.)

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::registry::{SETTINGS, Setting};
use super::{Config, ConfigError};

/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "gatehouse.toml";
/// The variable that names another file.
pub const FILE_VARIABLE: &str = "GATEHOUSE_CONFIG";

/// Where the value of a setting came from, weakest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it
    #[default]
    Default,
    /// It is stored in the database, and can change while the server runs
    Database,
    /// A line of that file
    File(PathBuf),
    /// That variable
    Environment(&'static str),
    /// That flag, with its dashes
    Flag(String),
}

impl Source {
    /// Whether it is stronger than what is stored in the database.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        !matches!(self, Self::Default | Self::Database)
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Database => f.write_str("database"),
            Self::File(path) => path.display().fmt(f),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// The places to look at; all of them are values, so that tests need no environment.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Flags that were given, by key.
    pub flags: BTreeMap<String, String>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// The file that was named by flag.
    pub file: Option<PathBuf>,
}

impl Sources {
    /// The real environment.
    #[must_use]
    pub fn environment() -> BTreeMap<String, String> {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// Where the file or the environment says that the server listens, if either does.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn listen(&self) -> Result<Option<SocketAddr>, ConfigError> {
        let mut config = Config::default();
        self.load_file(&mut config)?;
        self.load_environment(&mut config)?;
        Ok(config.source("listen").is_fixed().then_some(config.listen))
    }

    /// Reads everything, weakest first.
    ///
    /// # Errors
    /// One line that names the setting and where it stands.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        self.load_file(&mut config)?;
        self.load_environment(&mut config)?;
        for (key, value) in &self.flags {
            let setting = Setting::find(key).ok_or_else(|| ConfigError(format!("unknown setting {key}")))?;
            let source = Source::Flag(format!("--{}", setting.flag().unwrap_or_default()));
            apply(&mut config, setting, value, &source.to_string(), source)?;
        }
        config.finish()
    }

    fn load_environment(&self, config: &mut Config) -> Result<(), ConfigError> {
        for (name, value) in &self.environment {
            match SETTINGS.iter().find(|setting| setting.env == name) {
                // An empty variable is how compose files and scripts say "not set".
                Some(_) if value.is_empty() => {}
                Some(setting) => apply(config, setting, value, name, Source::Environment(setting.env))?,
                None if name.starts_with("GATEHOUSE_") && name != FILE_VARIABLE && !is_service_link(name) => {
                    let hint = nearest(name, SETTINGS.iter().map(|setting| setting.env));
                    return Err(ConfigError(format!("unknown environment variable {name}{hint}")));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn load_file(&self, config: &mut Config) -> Result<(), ConfigError> {
        let named = self.file.clone().or_else(|| {
            self.environment
                .get(FILE_VARIABLE)
                .filter(|name| !name.is_empty())
                .map(PathBuf::from)
        });
        let path = match named {
            Some(path) => path,
            None if Path::new(DEFAULT_FILE).exists() => PathBuf::from(DEFAULT_FILE),
            None => return Ok(()),
        };
        let at = path.display();
        let text = std::fs::read_to_string(&path).map_err(|error| ConfigError(format!("cannot read {at}: {error}")))?;
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| ConfigError(format!("{at} is not valid TOML: {}", error.message())))?;
        for (key, value) in table {
            let setting = Setting::find(&key).ok_or_else(|| {
                let hint = nearest(&key, SETTINGS.iter().map(|setting| setting.key));
                ConfigError(format!("{at}: unknown key {key}{hint}"))
            })?;
            let value =
                plain(&value).ok_or_else(|| ConfigError(format!("{at}: {key}: must be a text, a number, a boolean or a list of texts")))?;
            apply(config, setting, &value, &format!("{at}: {key}"), Source::File(path.clone()))?;
        }
        Ok(())
    }
}

/// Whether Kubernetes made this variable for a Service that is called `gatehouse`.
fn is_service_link(name: &str) -> bool {
    let rest = name.strip_prefix("GATEHOUSE_").unwrap_or_default();
    rest == "PORT" || rest.starts_with("PORT_") || rest.starts_with("SERVICE_")
}

fn apply(config: &mut Config, setting: &'static Setting, value: &str, place: &str, source: Source) -> Result<(), ConfigError> {
    (setting.set)(config, value).map_err(|problem| ConfigError(format!("{place}: {problem}")))?;
    // A secret and the file that it can be read from take each other's place.
    let twin = setting
        .key
        .strip_suffix("_file")
        .map_or_else(|| format!("{}_file", setting.key), str::to_owned);
    config.sources.remove(twin.as_str());
    config.sources.insert(setting.key, source);
    Ok(())
}

/// A TOML value as the text that the other sources would carry.
fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Array(items) => items.iter().map(plain).collect::<Option<Vec<_>>>().map(|items| items.join(",")),
        _ => None,
    }
}

/// ", did you mean …?" for the known name that shares the longest beginning or end with `name`.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let alike = |candidate: &str| {
        let front = name.bytes().zip(candidate.bytes()).take_while(|(a, b)| a == b).count();
        let back = name.bytes().rev().zip(candidate.bytes().rev()).take_while(|(a, b)| a == b).count();
        front + back
    };
    known
        .filter(|candidate| alike(candidate) * 3 >= candidate.len() * 2)
        .max_by_key(|candidate| alike(candidate))
        .map(|candidate| format!("; did you mean {candidate}?"))
        .unwrap_or_default()
}

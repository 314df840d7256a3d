//! Looking at settings, and changing those that can change while the server runs.
//!
//! A change takes the lock of the stored values, is checked against them and against everything else that
//! is in force, and is written together with its event: all of it or nothing.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::app::App;
use crate::base::fault::Fault;
use crate::config::Config;
use crate::config::live::Unusable;
use crate::config::registry::{SETTINGS, Setting};
use crate::config::sources::Source;
use crate::model::event::EventKind;
use crate::store::{Setting as Row, Tx};

/// Every setting, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SettingList {
    /// Names this state of the stored values; a change that expects another one is refused
    pub version: String,
    /// In the order of the reference
    pub settings: Vec<SettingView>,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SettingView {
    /// Its name
    pub key: String,
    /// The value in force; null when there is none, and for secrets
    pub value: Option<String>,
    /// The value when nobody sets it
    pub default: Option<String>,
    /// Whether somebody set it
    pub is_set: bool,
    /// What kind of place the value came from
    pub source: SourceKind,
    /// That place: the file, the variable or the flag
    pub place: Option<String>,
    /// Whether it can be changed now, without a restart
    pub changeable: bool,
    /// Whether it is a secret, which is never shown
    pub is_secret: bool,
    /// What it does
    pub help: String,
    /// Its environment variable
    pub env: String,
}

/// What kind of place a value came from, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// Nobody set it
    Default,
    /// It was changed while the server ran
    Database,
    /// The file with settings
    File,
    /// An environment variable
    Environment,
    /// A flag of the command line
    Flag,
}

impl From<&Source> for SourceKind {
    fn from(source: &Source) -> Self {
        match source {
            Source::Default => Self::Default,
            Source::Database => Self::Database,
            Source::File(_) => Self::File,
            Source::Environment(_) => Self::Environment,
            Source::Flag(_) => Self::Flag,
        }
    }
}

/// Why settings are not changed. Nothing was changed then.
#[derive(Debug)]
pub enum SettingError {
    /// There is no setting of that name
    Unknown(String),
    /// It cannot be changed here
    NotChangeable {
        /// Which
        key: String,
        /// Why, and what to do instead
        reason: String,
    },
    /// It does not take that value, or not together with the others
    Invalid {
        /// Which
        key: String,
        /// What is wrong
        message: String,
    },
    /// Somebody else changed settings since the expected version
    Changed,
    /// The database failed
    Fault(Fault),
}

impl std::fmt::Display for SettingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(key) => write!(f, "there is no setting {key}"),
            Self::NotChangeable { key, reason } => write!(f, "{key} {reason}"),
            Self::Invalid { key, message } => write!(f, "{key}: {message}"),
            Self::Changed => f.write_str("somebody else has changed settings in the meantime; look at them again"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for SettingError {}

impl From<Fault> for SettingError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Every setting as this node uses it from now on: what is stored is read first.
///
/// # Errors
/// When the database fails.
pub async fn list(app: &App) -> Result<SettingList, Fault> {
    let now = app.refresh_live().await?;
    Ok(listed(&now.config, now.version))
}

/// Changes settings, all or none. A value of `None` goes back to the default. With `expected`, the stored
/// values must still be those of that [`SettingList::version`].
///
/// This node uses the new values at once, the others within a minute.
///
/// # Errors
/// The first setting that is at fault, or that somebody else was faster.
pub async fn change(app: &App, changes: &BTreeMap<String, Option<String>>, expected: Option<&str>) -> Result<SettingList, SettingError> {
    let mut tx = app.store.begin().await?;
    let (after, is_changed) = change_in(app, &mut tx, changes, expected).await?;
    if is_changed {
        tx.commit().await?;
        changed(app, changes).await;
    }
    Ok(after)
}

/// As [`change`], in a transaction with other changes: the settings as they are then, and whether that
/// differs. After the commit it takes [`changed`].
///
/// # Errors
/// The first setting that is at fault, or that somebody else was faster.
pub async fn change_in(
    app: &App,
    tx: &mut Tx,
    changes: &BTreeMap<String, Option<String>>,
    expected: Option<&str>,
) -> Result<(SettingList, bool), SettingError> {
    let changes = changes
        .iter()
        .map(|(key, value)| read_change(&app.base_config(), key, value.as_deref()))
        .collect::<Result<Vec<_>, _>>()?;
    let now = app.now();
    let stored = tx.lock_live_settings(now).await?;
    if expected.is_some_and(|expected| expected != stored.version.to_string()) {
        return Err(SettingError::Changed);
    }
    let (before, after) = before_and_after(&app.base_config(), &stored.values, &changes)?;
    if changes
        .iter()
        .all(|(setting, value)| stored.values.get(setting.key) == value.as_ref())
    {
        return Ok((listed(&before, stored.version), false));
    }
    for (setting, value) in &changes {
        match value {
            Some(value) => tx.put_setting(Row::Live(setting.key), value, now).await?,
            None => tx.remove_setting(Row::Live(setting.key)).await?,
        }
    }
    let version = stored.version + 1;
    tx.put_setting(Row::LiveVersion, &version.to_string(), now).await?;
    let shown = |config: &Config| -> Map<String, Value> {
        let value = |setting: &Setting| (setting.key.to_owned(), Value::from((setting.show)(config)));
        changes.iter().map(|(setting, _)| value(setting)).collect()
    };
    let event = app.event(EventKind::SettingsChanged);
    tx.record(event.detail("before", shown(&before)).detail("after", shown(&after)))
        .await?;
    Ok((listed(&after, version), true))
}

/// What follows the commit of a change: this node uses the new values.
pub async fn changed(app: &App, changes: &BTreeMap<String, Option<String>>) {
    let keys = changes.keys().map(String::as_str).collect::<Vec<_>>().join(",");
    tracing::info!(event = "settings_changed", keys, "settings were changed");
    // It is done, whether or not it can be read back now; if not, the job of the next minute does it.
    if let Err(fault) = app.refresh_live().await {
        tracing::warn!(event = "settings_not_refreshed", "{fault}");
    }
}

/// Whether changes can be made to these stored values, without making them.
///
/// # Errors
/// The first setting that is at fault.
pub fn check(app: &App, stored: &BTreeMap<String, String>, changes: &BTreeMap<String, Option<String>>) -> Result<(), SettingError> {
    let changes = changes
        .iter()
        .map(|(key, value)| read_change(&app.base_config(), key, value.as_deref()))
        .collect::<Result<Vec<_>, _>>()?;
    before_and_after(&app.base_config(), stored, &changes).map(drop)
}

/// The form in which the value of a setting is stored, if it can be changed here and takes the value.
///
/// # Errors
/// When it is unknown, cannot be changed here, or does not take the value.
pub fn normalized(app: &App, key: &str, value: &str) -> Result<String, SettingError> {
    read_change(&app.base_config(), key, Some(value)).map(|(_, text)| text.unwrap_or_default())
}

fn before_and_after(config: &Config, stored: &BTreeMap<String, String>, changes: &[Change]) -> Result<(Config, Config), SettingError> {
    let (before, unusable) = config.overlaid_where_possible(stored);
    let is_in_force = |key: &str| !config.source(key).is_fixed() && !unusable.contains_key(key);
    let mut values = stored.clone();
    values.retain(|key, _| is_in_force(key));
    for (setting, value) in changes {
        match value {
            Some(value) => values.insert(setting.key.to_owned(), value.clone()),
            None => values.remove(setting.key),
        };
    }
    let after = config.overlaid(&values).map_err(|problem| refused(problem, changes))?;
    Ok((before, after))
}

/// The settings of a configuration, in the order of the registry.
#[must_use]
pub fn views(config: &Config) -> Vec<SettingView> {
    let defaults = Config::default();
    let shown = |setting: &Setting, config: &Config| {
        let value = (setting.show)(config);
        (!setting.is_secret && !value.is_empty()).then_some(value)
    };
    SETTINGS
        .iter()
        .map(|setting| {
            let source = config.source(setting.key);
            SettingView {
                key: setting.key.to_owned(),
                value: shown(setting, config),
                default: shown(setting, &defaults),
                is_set: *source != Source::Default,
                source: source.into(),
                place: source.is_fixed().then(|| source.to_string()),
                changeable: setting.is_live && !source.is_fixed(),
                is_secret: setting.is_secret,
                help: setting.help.to_owned(),
                env: setting.env.to_owned(),
            }
        })
        .collect()
}

fn listed(config: &Config, version: u64) -> SettingList {
    SettingList {
        version: version.to_string(),
        settings: views(config),
    }
}

/// A setting with the text that is stored for it.
type Change = (&'static Setting, Option<String>);

/// One change by itself: whether it may be made, and its value in the form in which values are shown.
fn read_change(config: &Config, key: &str, value: Option<&str>) -> Result<Change, SettingError> {
    let setting = Setting::find(key).ok_or_else(|| SettingError::Unknown(key.to_owned()))?;
    let not_changeable = |reason: String| SettingError::NotChangeable {
        key: key.to_owned(),
        reason,
    };
    let source = config.source(key);
    if !setting.is_live {
        return Err(not_changeable(format!(
            "cannot change while the server runs: set it in gatehouse.toml or as {}, and restart",
            setting.env
        )));
    }
    match source {
        Source::Default | Source::Database => {}
        Source::File(path) => {
            let path = path.display();
            return Err(not_changeable(format!(
                "is set in {path}, which is stronger: change it there and restart, or remove it there first"
            )));
        }
        Source::Environment(_) | Source::Flag(_) => {
            return Err(not_changeable(format!(
                "is set by {source}, which is stronger: change it there and restart, or remove it there first"
            )));
        }
    }
    let Some(value) = value else {
        return Ok((setting, None));
    };
    let mut scratch = config.clone();
    (setting.set)(&mut scratch, value.trim()).map_err(|message| SettingError::Invalid {
        key: key.to_owned(),
        message,
    })?;
    Ok((setting, Some((setting.show)(&scratch))))
}

/// Names the changed setting that does not go together with the others.
fn refused(problem: Unusable, changes: &[Change]) -> SettingError {
    let is_changed = |key: &&str| changes.iter().any(|(setting, _)| setting.key == *key);
    let (key, message) = match problem {
        Unusable::Conflict(conflict) => {
            let key = conflict.keys.iter().copied().find(is_changed);
            (key.or(conflict.keys.first().copied()).unwrap_or_default(), conflict.text)
        }
        // What was stored could be used, and what is new was read: this is not reached.
        Unusable::Value { key, problem } => (key, problem),
        Unusable::Unknown(key) => return SettingError::Unknown(key),
        Unusable::Fixed(key) => (key, "is set by what the server was started with".to_owned()),
    };
    SettingError::Invalid {
        key: key.to_owned(),
        message,
    }
}

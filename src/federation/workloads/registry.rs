//! Adding and changing workloads: the rules that every way of doing that shares.

use serde_json::json;

use crate::app::App;
use crate::base::fault::Fault;
use crate::base::id::new_id;
use crate::base::invalid::Invalid;
use crate::model::event::{Event, EventKind};
use crate::model::workload::{Workload, WorkloadSettings};
use crate::oauth::clients::is_deceptive;
use crate::protocol::{redirect_uri, resource};
use crate::store::Tx;

/// The most addresses that people may be sent back to.
const MAX_RETURN_URIS: usize = 50;
/// The most providers with a ceiling.
const MAX_CEILINGS: usize = 100;
/// The longest settings, in bytes of JSON: a `TEXT` of MySQL holds 65535.
const MAX_SETTINGS: usize = 60_000;

/// Why a workload is not added, changed or removed.
#[derive(Debug)]
pub enum WorkloadError {
    /// What was given is wrong
    Invalid(Invalid),
    /// The name is taken
    Taken(String),
    /// Somebody else changed or removed it meanwhile
    Changed,
    /// The server failed
    Fault(Fault),
}

impl From<Fault> for WorkloadError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl std::fmt::Display for WorkloadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invalid(invalid) => f.write_str(&invalid.message),
            Self::Taken(name) => write!(f, "there is a workload {name} already"),
            Self::Changed => f.write_str("somebody else changed the workload at the same moment; try again"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for WorkloadError {}

/// What a new workload is made of.
#[derive(Clone, Debug)]
pub struct NewWorkload {
    /// Its name
    pub name: String,
    /// The client that owns it
    pub client_id: String,
    /// Everything else
    pub settings: WorkloadSettings,
}

/// Adds a workload.
///
/// # Errors
/// See [`WorkloadError`].
pub async fn create(app: &App, new: NewWorkload) -> Result<Workload, WorkloadError> {
    let mut tx = app.store.begin().await?;
    let workload = create_in(app, &mut tx, new).await?;
    tx.commit().await?;
    Ok(workload)
}

/// As [`create`], in a transaction with other changes.
///
/// # Errors
/// See [`WorkloadError`].
pub async fn create_in(app: &App, tx: &mut Tx, new: NewWorkload) -> Result<Workload, WorkloadError> {
    check_name(&new.name).map_err(WorkloadError::Invalid)?;
    let settings = checked(new.settings)?;
    let client = tx.client(&new.client_id).await?;
    if client.is_none() || !tx.hold_client(&new.client_id).await? {
        let message = format!("there is no client {}: register it first", new.client_id);
        return Err(WorkloadError::Invalid(Invalid::new("client_id", message)));
    }
    let now = app.now();
    let workload = Workload {
        name: new.name,
        id: new_id(&app.clock, &app.random),
        client_id: new.client_id,
        settings,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    if !tx.insert_workload(&workload).await? {
        return Err(WorkloadError::Taken(workload.name));
    }
    let event = about(app, EventKind::WorkloadCreated, &workload);
    tx.record(event.detail("after", json!(workload.settings))).await?;
    Ok(workload)
}

/// Changes a workload, if it is still of the version that `workload` was read with.
///
/// # Errors
/// See [`WorkloadError`].
pub async fn change(app: &App, workload: Workload, settings: WorkloadSettings) -> Result<Workload, WorkloadError> {
    let mut tx = app.store.begin().await?;
    let changed = change_in(app, &mut tx, workload, settings).await?;
    tx.commit().await?;
    Ok(changed)
}

/// As [`change`], in a transaction with other changes.
///
/// # Errors
/// See [`WorkloadError`].
pub async fn change_in(app: &App, tx: &mut Tx, workload: Workload, settings: WorkloadSettings) -> Result<Workload, WorkloadError> {
    let settings = checked(settings)?;
    if settings == workload.settings {
        return Ok(workload);
    }
    let mut changed = Workload {
        settings,
        updated_at: app.now(),
        ..workload.clone()
    };
    if !tx.update_workload(&changed).await? {
        return Err(WorkloadError::Changed);
    }
    changed.version += 1;
    let event = about(app, EventKind::WorkloadChanged, &workload);
    let event = event.detail("before", json!(workload.settings));
    tx.record(event.detail("after", json!(changed.settings))).await?;
    Ok(changed)
}

/// Removes a workload with its connections, if it is still of this version. Its tokens are worth nothing from then on.
///
/// # Errors
/// See [`WorkloadError`].
pub async fn delete(app: &App, workload: &Workload) -> Result<(), WorkloadError> {
    let mut tx = app.store.begin().await?;
    delete_in(app, &mut tx, workload).await?;
    tx.commit().await?;
    Ok(())
}

/// As [`delete`], in a transaction with other changes.
///
/// # Errors
/// See [`WorkloadError`].
pub async fn delete_in(app: &App, tx: &mut Tx, workload: &Workload) -> Result<(), WorkloadError> {
    let Some(connections) = tx.delete_workload(workload, app.now()).await? else {
        return Err(WorkloadError::Changed);
    };
    let event = about(app, EventKind::WorkloadDeleted, workload);
    let event = event.detail("before", json!(workload.settings));
    tx.record(event.detail("connections", connections)).await?;
    Ok(())
}

fn about(app: &App, kind: EventKind, workload: &Workload) -> Event {
    app.event(kind).client(&workload.client_id).target(&workload.name)
}

/// Whether a text can be the name of a workload.
///
/// # Errors
/// When it cannot.
pub fn check_name(name: &str) -> Result<(), Invalid> {
    if (3..=255).contains(&name.len()) && is_plain(name) {
        return Ok(());
    }
    Err(Invalid::new(
        "name",
        "a name has 3 to 255 letters, digits, dots, dashes and underscores",
    ))
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Settings in the form in which they are kept.
#[must_use]
pub fn normalized(settings: WorkloadSettings) -> WorkloadSettings {
    WorkloadSettings {
        display_name: settings.display_name.trim().to_owned(),
        ..settings
    }
}

fn checked(settings: WorkloadSettings) -> Result<WorkloadSettings, WorkloadError> {
    let settings = normalized(settings);
    match problems(&settings).into_iter().next() {
        None => Ok(settings),
        Some(problem) => Err(WorkloadError::Invalid(problem)),
    }
}

/// Everything that is wrong with settings.
#[must_use]
pub fn problems(settings: &WorkloadSettings) -> Vec<Invalid> {
    let mut problems = Vec::new();
    let mut check = |is_fine: bool, field, message: &str| {
        if !is_fine {
            problems.push(Invalid::new(field, message));
        }
    };
    let label = settings.display_name.trim();
    check(
        label.chars().count() <= 100 && !label.chars().any(is_deceptive),
        "display_name",
        "a display name has at most 100 characters, and none that is invisible or turns the direction of writing",
    );
    check(
        settings.return_uris.len() <= MAX_RETURN_URIS,
        "return_uris",
        "a workload has at most 50 return URIs",
    );
    for uri in &settings.return_uris {
        if let Err(problem) = redirect_uri::validate(uri) {
            check(false, "return_uris", &format!("return URI {uri}: {problem}"));
        }
    }
    check(
        settings.ceilings.len() <= MAX_CEILINGS,
        "ceilings",
        "a workload has ceilings for at most 100 providers",
    );
    for provider in settings.ceilings.keys() {
        let is_fine = (1..=64).contains(&provider.len()) && is_plain(provider);
        check(
            is_fine,
            "ceilings",
            &format!("{provider:?} cannot be the id of a provider: it has 1 to 64 letters, digits, dots, dashes and underscores"),
        );
    }
    check(
        settings.resources.len() <= MAX_CEILINGS,
        "resources",
        "a workload has resources at most at 100 providers",
    );
    for (provider, resources) in &settings.resources {
        if !settings.ceilings.contains_key(provider) {
            check(
                false,
                "resources",
                &format!("{provider} has resources and no ceiling: add it to ceilings"),
            );
        }
        if let Err(refusal) = resource::check(resources) {
            check(false, "resources", &format!("resources of {provider}: {}", refusal.description));
        }
    }
    check(
        serde_json::to_vec(settings).is_ok_and(|text| text.len() <= MAX_SETTINGS),
        "return_uris",
        "the settings of a workload are at most 60000 bytes in all",
    );
    problems
}

//! Doing what is in a plan: all of it in one transaction, or nothing.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use secrecy::ExposeSecret;

use crate::admin::AdminError;
use crate::admin::settings::{self, SettingError};
use crate::app::App;
use crate::base::fault::Fault;
use crate::federation::{providers, workloads};
use crate::identity::account;
use crate::oauth::clients::{self, NewClient};
use crate::oauth::{resources, scopes};
use crate::store::Tx;

use super::plan::{NewSecret, Step};
use super::{Place, Plan, Secret};

/// What came of it.
#[derive(Debug, Default)]
pub struct Applied {
    /// The secrets that were made, by client: shown now, and never again
    pub secrets: BTreeMap<String, String>,
}

/// Why nothing was done.
#[derive(Debug)]
pub enum ApplyError {
    /// Somebody else changed this since the plan was made
    Changed(Place),
    /// It cannot be done
    Refused(Place, AdminError),
    /// The server failed
    Fault(Fault),
}

impl From<Fault> for ApplyError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl std::fmt::Display for ApplyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Changed(place) => write!(
                f,
                "{}: somebody else changed it meanwhile; nothing was applied; run it again to see what is to be done now",
                place.path
            ),
            Self::Refused(place, error) => write!(f, "{place}: {error}; nothing was applied"),
            Self::Fault(fault) => write!(f, "{fault}; nothing was applied"),
        }
    }
}

impl std::error::Error for ApplyError {}

/// Does what is in a plan, in one transaction: when anything fails, nothing was done.
///
/// # Errors
/// See [`ApplyError`].
pub async fn apply(app: &App, plan: Plan) -> Result<Applied, ApplyError> {
    let mut applied = Applied::default();
    if plan.steps.is_empty() {
        return Ok(applied);
    }
    let mut hashes = hashes(app, &plan).await?;
    let mut changed_settings = None;
    let mut tx = app.store.begin().await?;
    for (place, step) in plan.steps {
        if let Step::Settings { changes, .. } = &step {
            changed_settings = Some(changes.clone());
        }
        let done = match step {
            Step::CreateUser { settings, .. } => {
                let hash = hashes.remove(&settings.username);
                account::create_in(app, &mut tx, settings, hash)
                    .await
                    .map(drop)
                    .map_err(AdminError::from)
            }
            step => carry_out(app, &mut tx, step, &mut applied).await,
        };
        done.map_err(|error| match error {
            AdminError::Changed | AdminError::Conflict { .. } | AdminError::NotFound => ApplyError::Changed(place),
            AdminError::Fault(fault) => ApplyError::Fault(fault),
            error => ApplyError::Refused(place, error),
        })?;
    }
    tx.commit().await?;
    if let Some(changes) = changed_settings {
        settings::changed(app, &changes).await;
    }
    Ok(applied)
}

async fn carry_out(app: &App, tx: &mut Tx, step: Step, applied: &mut Applied) -> Result<(), AdminError> {
    match step {
        Step::Settings { version, changes } => {
            let changed = settings::change_in(app, tx, &changes, Some(&version)).await;
            changed.map(drop).map_err(|error| match error {
                SettingError::Changed => AdminError::Changed,
                SettingError::Fault(fault) => AdminError::Fault(fault),
                error => AdminError::invalid("", error.to_string()),
            })?;
        }
        Step::DefineScope(name, settings) => drop(scopes::define_in(app, tx, &name, settings).await?),
        Step::ChangeScope(scope, settings) => drop(scopes::change_in(app, tx, scope, settings).await?),
        Step::DeleteScope(scope) => scopes::delete_in(app, tx, &scope).await?,
        Step::RegisterResource(identifier, settings) => drop(resources::register_in(app, tx, &identifier, settings).await?),
        Step::ChangeResource(resource, settings) => drop(resources::change_in(app, tx, resource, settings).await?),
        Step::DeleteResource(resource) => resources::delete_in(app, tx, &resource).await?,
        Step::RegisterClient { id, settings, secret } => {
            let is_made = secret.is_none();
            let new = NewClient {
                id: Some(id.clone()),
                secret: secret.map(|secret| secret.text.expose_secret().to_owned()),
                settings,
            };
            let registered = clients::register_in(app, tx, new).await?;
            if let Some(secret) = registered.secret.filter(|_| is_made) {
                applied.secrets.insert(id, secret);
            }
        }
        Step::ChangeClient { client, settings, secret } => {
            let client = clients::change_in(app, tx, *client, settings).await?;
            match secret {
                NewSecret::Stays => {}
                NewSecret::Is(secret) => drop(clients::set_secret_in(app, tx, client, secret.text.expose_secret(), 0).await?),
                NewSecret::Made => {
                    let (id, secret) = (client.id.clone(), clients::new_secret(app));
                    clients::set_secret_in(app, tx, client, &secret, 0).await?;
                    applied.secrets.insert(id, secret);
                }
            }
        }
        Step::DeleteClient(client) => clients::delete_in(app, tx, &client).await?,
        Step::RegisterProvider { id, settings, secret } => drop(providers::register_in(app, tx, &id, settings, secret).await?),
        Step::ChangeProvider {
            provider,
            settings,
            secret,
        } => {
            drop(providers::change_in(app, tx, *provider, settings, secret).await?);
        }
        Step::DeleteProvider {
            provider,
            with_connections,
        } => providers::delete_in(app, tx, &provider, with_connections).await?,
        Step::CreateWorkload(new) => drop(workloads::create_in(app, tx, new).await?),
        Step::ChangeWorkload(workload, settings) => drop(workloads::change_in(app, tx, workload, settings).await?),
        Step::DeleteWorkload(workload) => workloads::delete_in(app, tx, &workload).await?,
        Step::ReleaseEmail(id) => tx.release_email(&id).await?,
        Step::CreateUser { settings, .. } => drop(account::create_in(app, tx, settings, None).await?),
        Step::ChangeUser(user, settings) => drop(account::change_in(app, tx, user, settings).await?),
        Step::DeleteUser(user) => account::delete_in(app, tx, &user).await?,
    }
    Ok(())
}

/// The hashes of the passwords of new users, by name. They take long, so they are made before the transaction
/// is opened, several at once.
async fn hashes(app: &App, plan: &Plan) -> Result<BTreeMap<String, String>, Fault> {
    let wanted: Vec<(String, Secret)> = plan
        .steps
        .iter()
        .filter_map(|(_, step)| match step {
            Step::CreateUser {
                settings,
                password: Some(password),
            } => Some((settings.username.clone(), password.clone())),
            _ => None,
        })
        .collect();
    let hash = async |(username, password): (String, Secret)| Ok((username, app.passwords.hash(&password.text).await?));
    let made: Vec<Result<(String, String), Fault>> = futures_util::stream::iter(wanted)
        .map(hash)
        .buffered(app.config.password_threads.max(1))
        .collect()
        .await;
    made.into_iter().collect()
}

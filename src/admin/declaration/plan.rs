//! What has to be done so that the database is as declared. Nothing is changed here.

mod differences;
mod providers;
mod users;
mod workloads;

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;

use crate::admin::settings::{self, SettingError};
use crate::app::App;
use crate::base::digest::sha256_text;
use crate::base::fault::Fault;
use crate::config::registry::Setting;
use crate::federation::providers::{Credential, SecretChange};
use crate::federation::workloads::NewWorkload;
use crate::model::client::{Client, ClientOrigin, ClientSettings};
use crate::model::provider::{Provider, ProviderSettings};
use crate::model::resource::{Resource, ResourceCatalog, ResourceSettings};
use crate::model::scope::{ScopeCatalog, ScopeDefinition, ScopeSettings};
use crate::model::user::{User, UserSettings};
use crate::model::workload::{Workload, WorkloadSettings};
use crate::protocol::client_authentication::AuthMethod;
use crate::store::Connection;

use super::{Declaration, Declared, DeclaredClient, Place, Problem, Secret, Section};
use differences::{differences, set_fields};
use workloads::Agents;

/// Why there is no plan.
#[derive(Debug)]
pub enum PlanError {
    /// What is declared does not go together with what is there
    Problems(Vec<Problem>),
    /// The server failed
    Fault(Fault),
}

impl From<Fault> for PlanError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What has to be done.
#[derive(Debug, Default)]
pub struct Plan {
    /// In the order in which it will be done
    pub changes: Vec<Change>,
    /// How many things are as declared
    pub unchanged: usize,
    /// What whoever applies it should know
    pub notes: Vec<String>,
    /// How it is done
    pub(super) steps: Vec<(Place, Step)>,
}

/// What becomes of one thing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Which group it belongs to
    #[serde(serialize_with = "section_name")]
    pub section: Section,
    /// Its name in that group
    pub key: String,
    /// What happens to it
    pub action: Action,
    /// The fields that change; those that differ from the defaults where it is made
    pub fields: Vec<FieldChange>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the interface of serde")]
fn section_name<S: serde::Serializer>(section: &Section, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(section.as_str())
}

/// What happens to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made
    Create,
    /// It is changed
    Update,
    /// It is removed
    Delete,
}

/// A field that changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldChange {
    /// Its name
    pub field: String,
    /// What it is now; `null` where the thing is made
    pub before: Value,
    /// What it will be; of a secret, where it comes from
    pub after: Value,
}

impl FieldChange {
    fn new(field: &str, before: impl Into<Value>, after: impl Into<Value>) -> Self {
        Self {
            field: field.to_owned(),
            before: before.into(),
            after: after.into(),
        }
    }
}

/// One step. What was read is in it, so that its version shows whether somebody else was faster.
#[derive(Debug)]
pub(super) enum Step {
    Settings {
        version: String,
        changes: BTreeMap<String, Option<String>>,
    },
    DefineScope(String, ScopeSettings),
    ChangeScope(ScopeDefinition, ScopeSettings),
    DeleteScope(ScopeDefinition),
    RegisterResource(String, ResourceSettings),
    ChangeResource(Resource, ResourceSettings),
    DeleteResource(Resource),
    RegisterClient {
        id: String,
        settings: ClientSettings,
        secret: Option<Secret>,
    },
    ChangeClient {
        client: Box<Client>,
        settings: ClientSettings,
        secret: NewSecret,
    },
    DeleteClient(Client),
    RegisterProvider {
        id: String,
        settings: ProviderSettings,
        secret: Option<Credential>,
    },
    ChangeProvider {
        provider: Box<Provider>,
        settings: ProviderSettings,
        secret: SecretChange,
    },
    DeleteProvider {
        provider: Box<Provider>,
        with_connections: bool,
    },
    CreateWorkload(NewWorkload),
    ChangeWorkload(Workload, WorkloadSettings),
    DeleteWorkload(Workload),
    /// Another account gets the address
    ReleaseEmail(String),
    CreateUser {
        settings: UserSettings,
        password: Option<Secret>,
    },
    ChangeUser(User, UserSettings),
    DeleteUser(User),
}

/// What becomes of the secret of a client that is there.
#[derive(Clone, Debug)]
pub(super) enum NewSecret {
    Stays,
    Is(Secret),
    /// It had none and needs one
    Made,
}

impl Plan {
    /// Whether nothing has to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many things something happens to.
    #[must_use]
    pub fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }

    fn push(&mut self, place: Place, change: Change, step: Step) {
        self.changes.push(change);
        self.steps.push((place, step));
    }
}

/// What becomes of what is not named in a section that is there; the scopes that every server defines stay in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pruning {
    /// It stays
    #[default]
    Nothing,
    /// It is removed; a provider at which people have connections is a problem
    Unnamed,
    /// It is removed, a provider with the connections there
    WithConnections,
}

/// Compares what is declared with what is there.
///
/// # Errors
/// See [`PlanError`].
pub async fn plan(app: &App, declaration: Declaration, pruning: Pruning) -> Result<Plan, PlanError> {
    let mut planner = Planner {
        app,
        is_pruning: pruning != Pruning::Nothing,
        with_connections: pruning == Pruning::WithConnections,
        agents: Agents::default(),
        plan: Plan::default(),
        deletions: Vec::new(),
        problems: Vec::new(),
    };
    let mut connection = app.store.read().await?;
    planner.agents(&mut connection, &declaration).await?;
    if let Some(declared) = declaration.settings {
        planner.settings(&mut connection, declared).await?;
    }
    if let Some(declared) = declaration.scopes {
        planner.scopes(connection.scopes().await?, declared);
    }
    if let Some(declared) = declaration.resources {
        planner.resources(connection.resources().await?, declared);
    }
    if let Some(declared) = declaration.clients {
        planner.clients(connection.every_client().await?, declared);
    }
    if let Some(declared) = declaration.providers {
        planner.providers(&mut connection, declared).await?;
    }
    if let Some(declared) = declaration.workloads {
        planner.workloads(&mut connection, declared).await?;
    }
    if let Some(declared) = declaration.users {
        planner.users(connection.every_user().await?, declared);
    }
    let Planner {
        mut plan,
        deletions,
        problems,
        ..
    } = planner;
    // What others need goes last: users, then workloads, then providers, then clients, then resources, then scopes.
    for (place, change, step) in deletions.into_iter().rev() {
        plan.push(place, change, step);
    }
    if problems.is_empty() {
        Ok(plan)
    } else {
        Err(PlanError::Problems(problems))
    }
}

struct Planner<'a> {
    app: &'a App,
    is_pruning: bool,
    with_connections: bool,
    /// Who will be there when the plan is done
    agents: Agents,
    plan: Plan,
    deletions: Vec<(Place, Change, Step)>,
    problems: Vec<Problem>,
}

impl Planner<'_> {
    async fn settings(&mut self, connection: &mut Connection, declared: BTreeMap<String, Declared<Option<String>>>) -> Result<(), Fault> {
        let stored = connection.live_settings().await?;
        let mut changes = BTreeMap::new();
        let mut places: BTreeMap<String, Place> = BTreeMap::new();
        for (key, Declared { place, value }) in declared {
            if stored.values.get(&key) == value.as_ref() {
                self.plan.unchanged += 1;
            } else {
                changes.insert(key.clone(), value);
            }
            places.insert(key, place);
        }
        let is_removable =
            |key: &str| Setting::find(key).is_some_and(|setting| setting.is_live) && !self.app.base_config().source(key).is_fixed();
        if self.is_pruning {
            let unnamed = stored.values.keys().filter(|key| !places.contains_key(*key) && is_removable(key));
            changes.extend(unnamed.map(|key| (key.clone(), None)));
        }
        if changes.is_empty() {
            return Ok(());
        }
        if let Err(error) = settings::check(self.app, &stored.values, &changes) {
            let (key, message) = match error {
                SettingError::Invalid { key, message } => (key, message),
                error => (String::new(), error.to_string()),
            };
            let place = places.get(&key).cloned().unwrap_or_else(|| unnamed(Section::Settings, &key));
            self.problems.push(place.problem(message));
            return Ok(());
        }
        for (key, value) in &changes {
            let before = stored.values.get(key).cloned();
            let action = match (&before, value) {
                (None, _) => Action::Create,
                (Some(_), Some(_)) => Action::Update,
                (Some(_), None) => Action::Delete,
            };
            self.plan.changes.push(Change {
                section: Section::Settings,
                key: key.clone(),
                action,
                fields: vec![FieldChange::new("value", before, value.clone())],
            });
        }
        let version = stored.version.to_string();
        let step = Step::Settings { version, changes };
        self.plan.steps.push((unnamed(Section::Settings, ""), step));
        Ok(())
    }

    fn scopes(&mut self, there: ScopeCatalog, declared: BTreeMap<String, Declared<ScopeSettings>>) {
        let mut there: BTreeMap<String, ScopeDefinition> = there.0.into_iter().map(|scope| (scope.name.clone(), scope)).collect();
        for (name, Declared { place, value }) in declared {
            match there.remove(&name) {
                Some(scope) if scope.settings == value => self.plan.unchanged += 1,
                Some(scope) => {
                    let change = updated(Section::Scopes, name, differences(&scope.settings, &value));
                    self.plan.push(place, change, Step::ChangeScope(scope, value));
                }
                None => {
                    let fields = set_fields(&ScopeSettings::default(), &value);
                    self.plan.push(
                        place,
                        created(Section::Scopes, name.clone(), fields),
                        Step::DefineScope(name, value),
                    );
                }
            }
        }
        // A file that names its own scopes only must not take the standard's away.
        there.retain(|name, _| ScopeSettings::built_in(name).is_none());
        self.remove(Section::Scopes, there, Step::DeleteScope);
    }

    fn resources(&mut self, there: ResourceCatalog, declared: BTreeMap<String, Declared<ResourceSettings>>) {
        let there = there.0.into_iter().map(|resource| (resource.identifier.clone(), resource));
        let mut there: BTreeMap<String, Resource> = there.collect();
        for (identifier, Declared { place, value }) in declared {
            match there.remove(&identifier) {
                Some(resource) if resource.settings == value => self.plan.unchanged += 1,
                Some(resource) => {
                    let change = updated(Section::Resources, identifier, differences(&resource.settings, &value));
                    self.plan.push(place, change, Step::ChangeResource(resource, value));
                }
                None => {
                    let fields = set_fields(&ResourceSettings::default(), &value);
                    let change = created(Section::Resources, identifier.clone(), fields);
                    self.plan.push(place, change, Step::RegisterResource(identifier, value));
                }
            }
        }
        self.remove(Section::Resources, there, Step::DeleteResource);
    }

    fn clients(&mut self, there: Vec<Client>, declared: BTreeMap<String, Declared<DeclaredClient>>) {
        let mut there: BTreeMap<String, Client> = there.into_iter().map(|client| (client.id.clone(), client)).collect();
        for (id, Declared { place, value }) in declared {
            let DeclaredClient { settings, secret } = value;
            let Some(client) = there.remove(&id) else {
                let mut fields = set_fields(&ClientSettings::default(), &settings);
                if settings.needs_secret() {
                    fields.push(FieldChange::new("client_secret", Value::Null, origin(secret.as_ref())));
                }
                let step = Step::RegisterClient {
                    id: id.clone(),
                    settings,
                    secret,
                };
                self.plan.push(place, created(Section::Clients, id, fields), step);
                continue;
            };
            // Of a client that makes MACs the digest is not enough.
            let is_complete = settings.auth_method != AuthMethod::ClientSecretJwt || client.sealed_secret.is_some();
            let is_stored = |secret: &Secret| {
                let digest = sha256_text(secret.text.expose_secret());
                client.secret_hash.as_deref() == Some(&digest) && is_complete
            };
            let secret = match secret {
                Some(secret) if is_stored(&secret) => NewSecret::Stays,
                Some(secret) => NewSecret::Is(secret),
                None if settings.needs_secret() && (client.secret_hash.is_none() || !is_complete) => NewSecret::Made,
                None => NewSecret::Stays,
            };
            let mut fields = differences(&client.settings, &settings);
            let before = client.secret_hash.as_ref().map(|_| "another");
            match &secret {
                NewSecret::Stays => {}
                NewSecret::Is(secret) => fields.push(FieldChange::new("client_secret", before, origin(Some(secret)))),
                NewSecret::Made => fields.push(FieldChange::new("client_secret", before, origin(None))),
            }
            if fields.is_empty() {
                self.plan.unchanged += 1;
                continue;
            }
            let step = Step::ChangeClient {
                client: Box::new(client),
                settings,
                secret,
            };
            self.plan.push(place, updated(Section::Clients, id, fields), step);
        }
        // Those that registered themselves or are described by a document are in no file.
        there.retain(|_, client| client.origin == ClientOrigin::Operator);
        self.remove(Section::Clients, there, Step::DeleteClient);
    }

    /// Removes what is left over, when that is wanted.
    fn remove<T>(&mut self, section: Section, left: BTreeMap<String, T>, step: impl Fn(T) -> Step) {
        if !self.is_pruning {
            return;
        }
        for (key, thing) in left {
            self.remove_one(section, key, Vec::new(), step(thing));
        }
    }

    fn remove_one(&mut self, section: Section, key: String, fields: Vec<FieldChange>, step: Step) {
        let place = unnamed(section, &key);
        let change = Change {
            action: Action::Delete,
            ..created(section, key, fields)
        };
        self.deletions.push((place, change, step));
    }
}

/// The place of something that no source names.
fn unnamed(section: Section, key: &str) -> Place {
    let top = Place {
        path: section.as_str().to_owned(),
        ..Place::default()
    };
    if key.is_empty() { top } else { top.inside(key, 0) }
}

fn created(section: Section, key: String, fields: Vec<FieldChange>) -> Change {
    Change {
        section,
        key,
        action: Action::Create,
        fields,
    }
}

fn updated(section: Section, key: String, fields: Vec<FieldChange>) -> Change {
    Change {
        action: Action::Update,
        ..created(section, key, fields)
    }
}

fn origin(secret: Option<&Secret>) -> String {
    secret.map_or_else(|| "made, and shown once".to_owned(), |secret| format!("from {}", secret.origin))
}

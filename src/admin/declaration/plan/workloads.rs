//! Workloads: each belongs to a client for as long as it is there.

use std::collections::{BTreeMap, BTreeSet};

use crate::admin::declaration::{Declaration, Declared, DeclaredWorkload, Section};
use crate::base::fault::Fault;
use crate::federation::workloads::NewWorkload;
use crate::model::client::{ClientOrigin, lacks_for_vault};
use crate::model::workload::{Workload, WorkloadSettings};
use crate::store::Connection;

use super::providers::lost_connections;
use super::{FieldChange, Planner, Step, created, differences, set_fields, updated};

/// What workloads depend on, as it will be when the plan is done.
#[derive(Debug, Default)]
pub(super) struct Agents {
    /// The clients that will be there, by id
    clients: BTreeSet<String>,
    /// The clients that will be removed, by id
    removed: BTreeSet<String>,
    /// What some of them lack to have workloads
    lacks: BTreeMap<String, String>,
    /// The providers that will be there, by id
    providers: BTreeSet<String>,
}

impl Planner<'_> {
    /// Looks ahead at what workloads depend on, where somebody asks for it.
    pub(super) async fn agents(&mut self, connection: &mut Connection, declaration: &Declaration) -> Result<(), Fault> {
        let prunes_clients = self.is_pruning && declaration.clients.is_some();
        if declaration.workloads.is_none() && !prunes_clients {
            return Ok(());
        }
        let named = |id: &str| declaration.clients.as_ref().is_some_and(|clients| clients.contains_key(id));
        for client in connection.every_client().await? {
            // Those that nobody declares stay; see `clients`.
            let goes = prunes_clients && client.origin == ClientOrigin::Operator && !named(&client.id);
            if let Some(lacks) = client.lacks_for_vault() {
                self.agents.lacks.insert(client.id.clone(), lacks);
            }
            let ids = if goes { &mut self.agents.removed } else { &mut self.agents.clients };
            ids.insert(client.id);
        }
        for (id, declared) in declaration.clients.iter().flatten() {
            let settings = &declared.value.settings;
            match lacks_for_vault(settings.auth_method, &settings.scope, &settings.grant_types) {
                Some(lacks) => self.agents.lacks.insert(id.clone(), lacks),
                None => self.agents.lacks.remove(id),
            };
        }
        self.agents
            .clients
            .extend(declaration.clients.iter().flat_map(BTreeMap::keys).cloned());
        if declaration.workloads.is_none() {
            self.say_what_goes(connection).await?;
        }
        if declaration.providers.is_none() || !self.is_pruning {
            let there = connection.providers().await?.into_iter();
            self.agents.providers.extend(there.map(|provider| provider.id));
        }
        self.agents
            .providers
            .extend(declaration.providers.iter().flat_map(BTreeMap::keys).cloned());
        Ok(())
    }

    /// Workloads go with their client, also where nobody has declared any.
    async fn say_what_goes(&mut self, connection: &mut Connection) -> Result<(), Fault> {
        if self.agents.removed.is_empty() {
            return Ok(());
        }
        for workload in connection.every_workload().await? {
            if self.agents.removed.contains(&workload.client_id) {
                self.plan.notes.push(format!(
                    "the workload {} goes with clients.{}, and what people gave it",
                    workload.name, workload.client_id
                ));
            }
        }
        Ok(())
    }

    pub(super) async fn workloads(
        &mut self,
        connection: &mut Connection,
        declared: BTreeMap<String, Declared<DeclaredWorkload>>,
    ) -> Result<(), Fault> {
        let there = connection.every_workload().await?.into_iter();
        let mut there: BTreeMap<String, Workload> = there.map(|workload| (workload.name.clone(), workload)).collect();
        for (name, Declared { place, value }) in declared {
            let DeclaredWorkload { client_id, settings } = value;
            let there = there.remove(&name);
            if let Some(problem) = self.problem_of_owner(&client_id.value, there.as_ref()) {
                self.problems.push(client_id.place.problem(problem));
                continue;
            }
            self.say_what_is_missing(&name, &client_id.value, &settings);
            match there {
                Some(workload) if workload.settings == settings => self.plan.unchanged += 1,
                Some(workload) => {
                    let change = updated(Section::Workloads, name, differences(&workload.settings, &settings));
                    self.plan.push(place, change, Step::ChangeWorkload(workload, settings));
                }
                None => {
                    let client_id = client_id.value;
                    let mut fields = vec![FieldChange::new("client_id", serde_json::Value::Null, client_id.clone())];
                    fields.extend(set_fields(&WorkloadSettings::default(), &settings));
                    let change = created(Section::Workloads, name.clone(), fields);
                    let new = NewWorkload { name, client_id, settings };
                    self.plan.push(place, change, Step::CreateWorkload(new));
                }
            }
        }
        if !self.is_pruning {
            return Ok(());
        }
        for (name, workload) in there {
            let count = connection.count_connections_of(&name).await?;
            self.remove_one(Section::Workloads, name, lost_connections(count), Step::DeleteWorkload(workload));
        }
        Ok(())
    }

    /// What people gave an agent, they gave to that of one client.
    fn problem_of_owner(&self, client_id: &str, there: Option<&Workload>) -> Option<String> {
        match there {
            Some(workload) if workload.client_id != client_id => Some(format!(
                "the workload belongs to the client {}, and stays with it: take another name, or remove the workload first",
                workload.client_id
            )),
            _ if self.agents.clients.contains(client_id) => None,
            _ if self.agents.removed.contains(client_id) => Some(format!(
                "the client {client_id} is about to be removed: the section clients does not name it"
            )),
            _ => Some(format!("there is no client {client_id}: register it first, or declare it, too")),
        }
    }

    fn say_what_is_missing(&mut self, name: &str, client_id: &str, settings: &WorkloadSettings) {
        if let Some(lacks) = self.agents.lacks.get(client_id) {
            let note = format!("workloads.{name} gets nothing yet: its client {client_id} lacks {lacks}");
            self.plan.notes.push(note);
        }
        let is_unknown = |id: &&String| !self.agents.providers.contains(*id);
        for id in settings.ceilings.keys().filter(is_unknown) {
            self.plan.notes.push(format!(
                "workloads.{name} has a ceiling for {id}, and there is no provider of this id: it gets nothing there"
            ));
        }
    }
}

//! The vault as programs expect it that were written for AWS Bedrock AgentCore Identity.
//!
//! ```text
//! access key ── signs ──▶ caller: a client, and whether it may administer
//! data plane     ── workloads of that client, and what their people gave them
//! control plane  ── workloads and providers of that client
//! ```
//!
//! Nothing is decided here that is not decided elsewhere: this is which of it a caller reaches, and under which names.
//!
//! - `sessions`: what became of a question, and completing it for a person
//! - `vendors`: what a vendor of theirs is here

pub mod sessions;
pub mod vendors;

use crate::app::App;
use crate::base::fault::Fault;
use crate::model::client::Client;
use crate::model::event::Actor;
use crate::model::provider::{Provider, ProviderKind};
use crate::model::user::User;
use crate::model::workload::{Workload, WorkloadSettings};

use super::access_keys::Signer;
use super::workloads::{self, Agent, NewWorkload, ProviderState, WorkloadError};

/// The name of the service that requests to both planes are signed for.
pub const SERVICE: &str = "bedrock-agentcore";

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client whose agents it reaches
    pub client: Client,
    /// Whether it may use the control plane
    pub may_administer: bool,
}

impl From<Signer> for Caller {
    fn from(signer: Signer) -> Self {
        Self {
            may_administer: signer.key.may_administer,
            client: signer.client,
        }
    }
}

impl Caller {
    /// The client of this id as whoever calls from this machine without a signature; `None` when it is none that may.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn on_this_machine(app: &App, client_id: &str) -> Result<Option<Self>, Fault> {
        let client = app.store.read().await?.client(client_id).await?;
        let client = client.filter(|client| !client.is_disabled && client.may_have_access_keys());
        Ok(client.map(|client| Self {
            client,
            may_administer: true,
        }))
    }

    /// Who that is in the audit log.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::Client(self.client.id.clone())
    }

    /// The workload of this name, if it is one of the caller's: whose it is otherwise is nobody's business.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn workload(&self, app: &App, name: &str) -> Result<Option<Workload>, Fault> {
        let found = app.store.read().await?.workload(name).await?;
        Ok(found.filter(|workload| workload.client_id == self.client.id))
    }

    /// Up to `limit` of the caller's workloads by name after the one of this name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn workloads(&self, app: &App, after: &str, limit: u16) -> Result<Vec<Workload>, Fault> {
        app.store.read().await?.workloads(Some(&self.client.id), after, limit).await
    }

    /// The agent of this token, if it is one of the caller's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agent(&self, app: &App, token: &str) -> Result<Option<Agent>, Fault> {
        let agent = workloads::verify(app, token).await?;
        Ok(agent.filter(|agent| self.owns(agent)))
    }

    /// As [`Self::agent`], and what there is at a provider for it and its person: both are read at once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn agent_at(&self, app: &App, token: &str, provider_id: &str) -> Result<Option<(Agent, ProviderState)>, Fault> {
        let found = workloads::verify_at(app, token, provider_id).await?;
        Ok(found.filter(|(agent, _)| self.owns(agent)))
    }

    fn owns(&self, agent: &Agent) -> bool {
        agent.workload.client_id == self.client.id
    }

    /// Adds a workload of the caller. Where it comes from nobody knows of ceilings, and people are named by ids: it may do
    /// both, which whoever made the access key has decided with the right to administer.
    ///
    /// # Errors
    /// See [`WorkloadError`].
    pub async fn add_workload(&self, app: &App, name: &str, return_uris: Vec<String>) -> Result<Workload, WorkloadError> {
        let new = NewWorkload {
            name: name.to_owned(),
            client_id: self.client.id.clone(),
            settings: WorkloadSettings {
                return_uris,
                has_no_ceilings: true,
                may_name_users: true,
                ..WorkloadSettings::default()
            },
        };
        workloads::create(app, new).await
    }

    /// Whether the caller may change or remove a workload of its own: as it makes them it does. What an administrator has
    /// made, or made narrower, is theirs.
    #[must_use]
    pub fn may_change(&self, workload: &Workload) -> bool {
        let is_as_made = workload.has_no_ceilings && workload.may_name_users && !workload.is_disabled;
        is_as_made && workload.client_id == self.client.id
    }

    /// The provider of this name, if it is of this kind and the caller's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn provider(&self, app: &App, name: &str, kind: ProviderKind) -> Result<Option<Provider>, Fault> {
        let found = app.store.read().await?.provider(name).await?;
        Ok(found.filter(|provider| provider.id == name && provider.kind == kind && self.is_owner_of(provider)))
    }

    /// Up to `limit` of the caller's providers of this kind by name after the one of this name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn providers(&self, app: &App, kind: ProviderKind, after: &str, limit: u16) -> Result<Vec<Provider>, Fault> {
        let all = app.store.read().await?.providers().await?.into_iter();
        let rest = all.filter(|provider| provider.kind == kind && provider.id.as_str() > after && self.is_owner_of(provider));
        Ok(rest.take(usize::from(limit)).collect())
    }

    fn is_owner_of(&self, provider: &Provider) -> bool {
        provider.owner.as_deref() == Some(self.client.id.as_str())
    }
}

/// The person with this id. A user name would not do: programs have people of their own, who choose names.
///
/// # Errors
/// When the database fails.
pub async fn person(app: &App, id: &str) -> Result<Option<User>, Fault> {
    app.store.read().await?.user(id).await
}

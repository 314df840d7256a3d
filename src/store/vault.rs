//! What an agent that asks for a token of the vault needs to have read, in one question.

use crate::base::fault::Fault;
use crate::model::connection::Connection as Kept;
use crate::model::provider::Provider;

use super::Connection;
use super::connections::{self, in_order, kept};
use super::providers::{self, provider};
use super::sql::sql;
use super::workloads::{self, STATE_COLUMNS, WorkloadState, state, state_columns};

/// What there is at a provider for an agent and its person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderState {
    /// The provider, disabled or not; `None` when there is none
    pub provider: Option<Provider>,
    /// What the person has given the agent there, the oldest first: one for each account
    pub connections: Vec<Kept>,
}

impl Connection {
    /// As [`Self::workload_state`], and what there is at a provider for this agent and this person, in the same round trip.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn workload_state_at(
        &mut self,
        name: &str,
        user_id: Option<&str>,
        provider_id: &str,
    ) -> Result<Option<(WorkloadState, ProviderState)>, Fault> {
        let rows = self
            .query(sql!(
                "SELECT ",
                workloads::columns!(),
                ", ",
                state_columns!(),
                ", provider.*, held.* FROM workloads JOIN clients ON clients.id = workloads.client_id \
                 LEFT JOIN (SELECT ",
                providers::columns!(),
                " FROM providers) AS provider ON provider.id = $2 \
                 LEFT JOIN (SELECT ",
                connections::columns!(),
                " FROM connections) AS held \
                 ON held.user_id = $3 AND held.workload = workloads.name AND held.provider_id = provider.id \
                 WHERE workloads.name = $4"
            ))
            .text(user_id.unwrap_or_default())
            .text(provider_id)
            .text(user_id.unwrap_or_default())
            .text(name)
            .all(|row| {
                let at_provider = row.from(STATE_COLUMNS);
                let at_connection = at_provider.from(providers::COLUMNS);
                let has_provider = at_provider.maybe_text(0)?.is_some();
                let has_connection = at_connection.maybe_text(0)?.is_some();
                Ok((
                    state(&row, user_id)?,
                    has_provider.then(|| provider(at_provider)).transpose()?,
                    has_connection.then(|| kept(at_connection)).transpose()?,
                ))
            })
            .await?;
        let mut found: Option<(WorkloadState, ProviderState)> = None;
        for (state, provider, connection) in rows {
            let new = || {
                let there = ProviderState {
                    provider,
                    ..ProviderState::default()
                };
                (state, there)
            };
            found.get_or_insert_with(new).1.connections.extend(connection);
        }
        // Some databases find `Google` when asked for `google`, and take `name` and `name ` for the same text.
        let is_asked_for = |provider: &Provider| provider.id == provider_id;
        Ok(found.filter(|(state, _)| state.workload.name == name).map(|(state, mut there)| {
            in_order(&mut there.connections);
            let is_right = there.provider.as_ref().is_some_and(is_asked_for);
            (state, if is_right { there } else { ProviderState::default() })
        }))
    }
}
